//! Errors of the SDK as the ports know them: worth another try, or not.

use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use delivery::port::Error;

/// Parts of the codes after which the same call may succeed later. Source: SQS API Reference, common errors; SDK retry
/// behaviour.
const PASSING: &[&str] = &[
    "InternalError",
    "InternalFailure",
    "OverLimit",
    "RequestTimeout",
    "SlowDown",
    "Throttl",
    "Unavailable",
    // A token that is about to be replaced.
    "ExpiredToken",
];

/// Codes that say of a lease: no longer yours.
const LOST: &[&str] = &[
    "ReceiptHandleIsInvalid",
    "MessageNotInflight",
    "InvalidParameterValue",
    "AWS.SimpleQueueService.MessageNotInflight",
];

/// Whether the same call may succeed later, whatever the status of its answer.
#[must_use]
pub fn is_passing(code: &str) -> bool {
    PASSING.iter().any(|part| code.contains(part))
}

/// Whether the lease is over.
pub(crate) fn is_lost(code: &str) -> bool {
    LOST.contains(&code)
}

/// The error of a call to `what`.
pub(crate) fn of<E>(what: &str, error: &SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let detail = match error.as_service_error() {
        Some(service) => {
            let code = service.code().unwrap_or("Unknown");
            format!("{code}: {}", service.message().unwrap_or("no message"))
        }
        None => chain(error),
    };
    let code = error
        .as_service_error()
        .and_then(ProvideErrorMetadata::code);
    let status = error.raw_response().map(|answer| answer.status().as_u16());
    let passes = code.is_some_and(is_passing)
        || status.is_some_and(|status| status >= 500 || status == 429)
        || matches!(
            error,
            SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) | SdkError::ResponseError(_)
        );
    if passes {
        Error::unavailable(what, detail)
    } else {
        Error::refused(what, detail)
    }
}

/// The whole chain of causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_codes_pass() {
        for (code, passes) in [
            ("RequestThrottled", true),
            ("ThrottlingException", true),
            ("KmsThrottled", true),
            ("ServiceUnavailable", true),
            ("AWS.SimpleQueueService.InternalError", true),
            ("OverLimit", true),
            ("ExpiredTokenException", true),
            ("InvalidMessageContents", false),
            ("QueueDoesNotExist", false),
            ("AccessDenied", false),
        ] {
            assert_eq!(is_passing(code), passes, "{code}");
        }
    }
}
