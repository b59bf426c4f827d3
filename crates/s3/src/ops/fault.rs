//! Errors as S3 shows them: the one place that gives each its code and status.
//!
//! Source: Amazon S3 API Reference, "Error responses"; the errors of each operation there.

use std::fmt::Write;

use api::{Fault, FaultCtx, RestBody, Side};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Full};
use s3s::{S3Error, S3ErrorCode};

use crate::error::{Error, Setting};

/// Code and status.
type Code = (&'static str, u16);

/// What S3 calls it.
fn code(error: &Error) -> Code {
    match error {
        Error::BucketNotFound { .. } => ("NoSuchBucket", 404),
        Error::BucketExists { .. } => ("BucketAlreadyOwnedByYou", 409),
        Error::BucketNotEmpty { .. } => ("BucketNotEmpty", 409),
        Error::TooManyBuckets { .. } => ("TooManyBuckets", 400),
        Error::BucketName { .. } => ("InvalidBucketName", 400),
        Error::Place { .. } => ("IllegalLocationConstraintException", 400),
        Error::KeyNotFound { .. } => ("NoSuchKey", 404),
        Error::VersionNotFound { .. } => ("NoSuchVersion", 404),
        Error::KeyTooLong { .. } => ("KeyTooLongError", 400),
        Error::UploadNotFound { .. } => ("NoSuchUpload", 404),
        Error::PartNotFound { .. } => ("InvalidPart", 400),
        Error::PartOrder => ("InvalidPartOrder", 400),
        Error::PartTooSmall { .. } => ("EntityTooSmall", 400),
        Error::Precondition { .. } => ("PreconditionFailed", 412),
        Error::NotModified => ("NotModified", 304),
        Error::Conflict => ("ConditionalRequestConflict", 409),
        Error::TooLarge { .. } => ("EntityTooLarge", 400),
        Error::MetadataTooLarge { .. } => ("MetadataTooLarge", 400),
        Error::Digest { .. } => ("BadDigest", 400),
        Error::NotDigest {
            algorithm: "Content-MD5",
            ..
        } => ("InvalidDigest", 400),
        Error::NotDigest { .. } | Error::OntoItself => ("InvalidRequest", 400),
        Error::BodyBroken(source) => broken(&source.to_string()),
        Error::Range { .. } => ("InvalidRange", 416),
        Error::PartRange { .. } => ("InvalidPartNumber", 416),
        Error::Argument { .. } => ("InvalidArgument", 400),
        Error::Tag(_) => ("InvalidTag", 400),
        Error::Malformed(_) => ("MalformedXML", 400),
        Error::Policy(_) => ("MalformedPolicy", 400),
        Error::PublicPolicy | Error::ExpectedOwner => ("AccessDenied", 403),
        Error::Absent { setting, .. } => (absent(*setting), 404),
        Error::NoAcl => ("AccessControlListNotSupported", 400),
        Error::Unsupported(_) => ("NotImplemented", 501),
        Error::NoRoom { .. } => ("InsufficientStorage", 507),
        Error::Busy => ("SlowDown", 503),
        Error::Denied(fault) => (fault.query_code, fault.status),
        Error::Poisoned(_) => ("ServiceUnavailable", 503),
        Error::Disk { .. } | Error::Row { .. } | Error::Tables(_) | Error::Ended => {
            ("InternalError", 500)
        }
    }
}

/// What a body's end says. s3s verifies bodies and keeps its errors' types to itself, so that their texts must do.
fn broken(text: &str) -> Code {
    for (part, code) in [
        ("Sha256Mismatch", ("XAmzContentSHA256Mismatch", 400)),
        ("SignatureMismatch", ("SignatureDoesNotMatch", 403)),
        ("too slowly", ("RequestTimeout", 400)),
    ] {
        if text.contains(part) {
            return code;
        }
    }
    ("IncompleteBody", 400)
}

const fn absent(setting: Setting) -> &'static str {
    match setting {
        Setting::Policy => "NoSuchBucketPolicy",
        Setting::Tags => "NoSuchTagSet",
        Setting::Lifecycle => "NoSuchLifecycleConfiguration",
        Setting::PublicAccessBlock => "NoSuchPublicAccessBlockConfiguration",
        Setting::Ownership => "OwnershipControlsNotFoundError",
        Setting::Encryption => "ServerSideEncryptionConfigurationNotFoundError",
        Setting::Cors => "NoSuchCORSConfiguration",
        Setting::Website => "NoSuchWebsiteConfiguration",
        Setting::Replication => "ReplicationConfigurationNotFoundError",
        Setting::ObjectLock => "ObjectLockConfigurationNotFoundError",
    }
}

impl From<Error> for S3Error {
    fn from(error: Error) -> Self {
        let (code, status) = code(&error);
        let text = match status {
            500 => {
                let detail = &error as &dyn std::error::Error;
                tracing::error!(error = detail, "a call on objects failed");
                Fault::internal().message.into_owned()
            }
            _ => error.to_string(),
        };
        let mut shown = Self::with_message(
            S3ErrorCode::from_bytes(code.as_bytes()).unwrap_or(S3ErrorCode::InternalError),
            text,
        );
        if let Ok(status) = StatusCode::from_u16(status) {
            shown.set_status_code(status);
        }
        if let Error::Denied(Fault { message, .. }) = error {
            shown.set_message(message);
        }
        shown
    }
}

/// An error's answer, written as S3 does.
///
/// ```text
/// <Error><Code>NoSuchKey</Code><Message>…</Message><Resource>/b/k</Resource><RequestId>…</RequestId><HostId>…</HostId></Error>
/// ```
pub(super) fn answer(path: &str, ctx: &FaultCtx, fault: &Fault) -> Response<RestBody> {
    let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = Response::new(whole(Bytes::new()));
    *response.status_mut() = status;
    if status == StatusCode::NOT_MODIFIED {
        return response;
    }
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>");
    push(&mut text, "Code", fault.query_code);
    push(&mut text, "Message", &fault.message);
    if matches!(
        fault.query_code,
        "AuthorizationHeaderMalformed" | "AuthorizationQueryParametersError"
    ) {
        push(&mut text, "Region", ctx.region.as_str());
    }
    push(&mut text, "Resource", path);
    push(&mut text, "RequestId", &ctx.request_id.to_string());
    push(&mut text, "HostId", "shukuba");
    text.push_str("</Error>");
    *response.body_mut() = whole(text.into());
    let xml = HeaderValue::from_static("application/xml");
    response.headers_mut().insert(CONTENT_TYPE, xml);
    response
}

fn push(text: &mut String, name: &str, value: &str) {
    // Writing to a string cannot fail.
    let _ = write!(text, "<{name}>");
    for letter in value.chars() {
        match letter {
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '&' => text.push_str("&amp;"),
            '\t' | '\n' | '\r' => {
                let _ = write!(text, "&#{};", u32::from(letter));
            }
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => {
                text.push('\u{fffd}')
            }
            letter => text.push(letter),
        }
    }
    let _ = write!(text, "</{name}>");
}

pub(super) fn whole(bytes: Bytes) -> RestBody {
    Full::new(bytes)
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// The fault in an error that s3s has written.
pub(super) fn read(status: StatusCode, xml: &[u8]) -> Fault {
    let text = String::from_utf8_lossy(xml);
    let code = known(element(&text, "Code").unwrap_or_default(), status);
    let message = element(&text, "Message").map(unescaped).unwrap_or_default();
    Fault {
        code,
        query_code: code,
        status: status.as_u16(),
        message: message.into(),
        side: if status.is_server_error() {
            Side::Receiver
        } else {
            Side::Sender
        },
        namespace: None,
        details: Vec::new(),
    }
}

/// The codes that there are, those of [`code`] and those that s3s makes by itself.
const CODES: &[&str] = &[
    "AccessControlListNotSupported",
    "AccessDenied",
    "BadDigest",
    "BucketAlreadyOwnedByYou",
    "BucketNotEmpty",
    "ConditionalRequestConflict",
    "EntityTooLarge",
    "EntityTooSmall",
    "IllegalLocationConstraintException",
    "IncompleteBody",
    "InsufficientStorage",
    "InternalError",
    "InvalidAccessKeyId",
    "InvalidArgument",
    "InvalidBucketName",
    "InvalidDigest",
    "InvalidPart",
    "InvalidPartNumber",
    "InvalidPartOrder",
    "InvalidRange",
    "InvalidRequest",
    "InvalidTag",
    "InvalidURI",
    "KeyTooLongError",
    "MalformedPolicy",
    "MalformedXML",
    "MaxMessageLengthExceeded",
    "MetadataTooLarge",
    "MethodNotAllowed",
    "MissingContentLength",
    "MissingRequestBodyError",
    "NoSuchBucket",
    "NoSuchBucketPolicy",
    "NoSuchCORSConfiguration",
    "NoSuchKey",
    "NoSuchLifecycleConfiguration",
    "NoSuchPublicAccessBlockConfiguration",
    "NoSuchTagSet",
    "NoSuchUpload",
    "NoSuchVersion",
    "NoSuchWebsiteConfiguration",
    "NotImplemented",
    "NotModified",
    "ObjectLockConfigurationNotFoundError",
    "OwnershipControlsNotFoundError",
    "PreconditionFailed",
    "ReplicationConfigurationNotFoundError",
    "RequestTimeTooSkewed",
    "RequestTimeout",
    "ServerSideEncryptionConfigurationNotFoundError",
    "ServiceUnavailable",
    "SignatureDoesNotMatch",
    "SlowDown",
    "TooManyBuckets",
    "XAmzContentSHA256Mismatch",
];

/// A code as one of ours; what there is none for is named by its status.
fn known(found: &str, status: StatusCode) -> &'static str {
    let other = match status.is_server_error() {
        true => "InternalError",
        false => "InvalidRequest",
    };
    CODES
        .iter()
        .find(|code| **code == found)
        .copied()
        .unwrap_or(other)
}

fn element<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>"))
        .map(|(value, _)| value)
}

fn unescaped(text: &str) -> String {
    let mut text = text.to_owned();
    for (escape, letter) in [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&#9;", "\t"),
        ("&#10;", "\n"),
        ("&#13;", "\r"),
        ("&amp;", "&"),
    ] {
        text = text.replace(escape, letter);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_goes_through_s3s_and_back() {
        let error = Error::KeyNotFound {
            key: "a<b>&\"c'".to_owned(),
        };
        let text = error.to_string();
        let shown = S3Error::from(error);
        assert_eq!(shown.status_code(), Some(StatusCode::NOT_FOUND));
        let xml = format!(
            "<Error><Code>{}</Code><Message>{}</Message></Error>",
            shown.code().as_str(),
            "key `a&lt;b&gt;&amp;&quot;c&apos;` does not exist"
        );
        let fault = read(StatusCode::NOT_FOUND, xml.as_bytes());
        assert_eq!(
            (fault.code, fault.message.as_ref()),
            ("NoSuchKey", text.as_str())
        );
    }

    #[test]
    fn every_absent_setting_has_a_known_code() {
        for setting in [
            Setting::Policy,
            Setting::Tags,
            Setting::Lifecycle,
            Setting::PublicAccessBlock,
            Setting::Ownership,
            Setting::Encryption,
            Setting::Cors,
            Setting::Website,
            Setting::Replication,
            Setting::ObjectLock,
        ] {
            let code = absent(setting);
            assert_eq!(known(code, StatusCode::NOT_FOUND), code);
        }
    }

    #[test]
    fn codes_that_s3s_does_not_know_stay_as_they_are() {
        let shown = S3Error::from(Error::NoRoom {
            reserve: base::ByteCount::mib(1),
        });
        let xml = format!("<Error><Code>{}</Code></Error>", shown.code().as_str());
        let fault = read(StatusCode::INSUFFICIENT_STORAGE, xml.as_bytes());
        assert_eq!((fault.code, fault.status), ("InsufficientStorage", 507));
        assert_eq!(
            read(StatusCode::BAD_GATEWAY, b"no xml").code,
            "InternalError"
        );
    }
}
