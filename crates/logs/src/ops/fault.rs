//! The one place where facts become codes on the wire. Texts are AWS's where they are known (from moto's tests), and say what is wrong where
//! AWS's do not.

use api::Fault;

use crate::logs::{Error, Refusal};

/// An error of the logs.
pub(super) fn of(error: Error) -> Fault {
    match error {
        Error::Refused(refusal) => refused(&refusal),
        Error::Kept(_) | Error::Read(_) => {
            tracing::error!(%error, "log events cannot be kept or read");
            Fault::internal()
        }
    }
}

fn refused(refusal: &Refusal) -> Fault {
    let (code, text) = match refusal {
        Refusal::NoGroup => (
            "ResourceNotFoundException",
            "The specified log group does not exist.",
        ),
        Refusal::NoStream => (
            "ResourceNotFoundException",
            "The specified log stream does not exist.",
        ),
        Refusal::GroupExists => (
            "ResourceAlreadyExistsException",
            "The specified log group already exists",
        ),
        Refusal::StreamExists => (
            "ResourceAlreadyExistsException",
            "The specified log stream already exists",
        ),
        Refusal::TooMany => ("LimitExceededException", "Resource limit exceeded."),
        Refusal::TooManyTags => (
            "TooManyTagsException",
            "A resource can have no more than 50 tags.",
        ),
    };
    Fault::sender(code, text)
}

/// The request is not right.
pub(super) fn invalid(text: impl Into<String>) -> Fault {
    Fault::sender("InvalidParameterException", text.into())
}

/// A value is not as it must be.
pub(super) fn constraint(of: &str, given: impl std::fmt::Display, must: &str) -> Fault {
    invalid(format!(
        "1 validation error detected: Value '{given}' at '{of}' failed to satisfy constraint: {must}"
    ))
}
