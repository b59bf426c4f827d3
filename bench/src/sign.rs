//! Signs requests with the AWS SDK's signer, so that the server is not judged by its own code.

use std::time::SystemTime;

use anyhow::{Context, Result};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;

use crate::server::Access;

/// A service whose calls are JSON with the operation in a header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Service {
    name: &'static str,
    target: &'static str,
    content_type: &'static str,
}

const SQS: Service = Service {
    name: "sqs",
    target: "AmazonSQS",
    content_type: "application/x-amz-json-1.0",
};
pub(crate) const CLOUDTRAIL: Service = Service {
    name: "cloudtrail",
    target: "CloudTrail_20131101",
    content_type: "application/x-amz-json-1.1",
};

/// The bytes of one signed SQS call; see [`request_to`].
pub(crate) fn request(access: &Access, operation: &str, body: &str) -> Result<Vec<u8>> {
    request_to(SQS, access, operation, body)
}

/// The bytes of one signed call, ready to be written to a kept-alive connection.
///
/// The signature holds for a quarter of an hour and may be sent again within it.
pub(crate) fn request_to(
    service: Service,
    access: &Access,
    operation: &str,
    body: &str,
) -> Result<Vec<u8>> {
    let identity = Credentials::new(&access.key, &access.secret, None, None, "bench").into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(&access.region)
        .name(service.name)
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .context("signing parameters")?
        .into();
    let target = format!("{}.{operation}", service.target);
    let headers = [
        ("host", access.host.as_str()),
        ("content-type", service.content_type),
        ("x-amz-target", target.as_str()),
    ];
    let url = format!("http://{}/", access.host);
    let signable = SignableRequest::new(
        "POST",
        &url,
        headers.into_iter(),
        SignableBody::Bytes(body.as_bytes()),
    )?;
    let (instructions, _) = sign(signable, &parameters)?.into_parts();
    let mut head = format!("POST / HTTP/1.1\r\ncontent-length: {}\r\n", body.len());
    let signed = instructions.headers();
    for (name, value) in headers.into_iter().chain(signed) {
        head.push_str(name);
        head.push_str(": ");
        head.push_str(value);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    head.push_str(body);
    Ok(head.into_bytes())
}
