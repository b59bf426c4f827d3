//! Calls that are signed here, without the SDK: to Lambda, S3, IAM and CloudWatch Logs, for a dozen operations of which a crate of
//! the SDK each would be built.
//!
//! Source: Signature Version 4, as `aws-sigv4` has it.

use std::time::{Duration, SystemTime};

use ::http::Request;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use base::Timestamp;
use bytes::Bytes;

use crate::account::Key;

/// Why a call could not be signed.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

/// For whom a call is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'a> {
    pub(crate) service: &'a str,
    pub(crate) region: &'a str,
    pub(crate) at: Timestamp,
}

/// Signs `request` with all its headers, of which `host` must be one. S3 wants the digest of the body as a header too.
pub(crate) fn signed(
    mut request: Request<Bytes>,
    key: &Key,
    scope: Scope<'_>,
) -> Result<Request<Bytes>, Error> {
    let token = key.token.clone();
    let identity = Credentials::new(&key.key_id, &key.secret, token, None, "shukuba").into();
    let mut settings = SigningSettings::default();
    if scope.service == "s3" {
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    let parameters = SigningParams::builder()
        .identity(&identity)
        .region(scope.region)
        .name(scope.service)
        .time(SystemTime::UNIX_EPOCH + Duration::from_millis(scope.at.as_millis()))
        .settings(settings)
        .build()?
        .into();
    let mut headers = Vec::new();
    for (name, value) in request.headers() {
        headers.push((name.as_str(), value.to_str()?));
    }
    let url = request.uri().to_string();
    let body = SignableBody::Bytes(request.body());
    let signable =
        SignableRequest::new(request.method().as_str(), &url, headers.into_iter(), body)?;
    let (instructions, _) = sign(signable, &parameters)?.into_parts();
    for (name, value) in instructions.headers() {
        let name = ::http::HeaderName::try_from(name)?;
        request.headers_mut().insert(name, value.parse()?);
    }
    Ok(request)
}
