//! The one place where facts become codes on the wire.
//!
//! Codes by the service model. A failure within is `InternalServiceFault`, as CloudWatch's model has it.

use api::{Fault, Side};
use tracing::error;

use super::check::Code;
use crate::series::PutError;

/// A fault that the model knows.
pub(super) fn sender(code: Code, message: impl Into<String>) -> Fault {
    let (code, query_code) = match code {
        Code::Value => ("InvalidParameterValueException", "InvalidParameterValue"),
        Code::Combination => (
            "InvalidParameterCombinationException",
            "InvalidParameterCombination",
        ),
        Code::Missing => ("MissingRequiredParameterException", "MissingParameter"),
    };
    Fault::sender_with_query_code(code, query_code, message.into())
}

/// A failure within; the detail is in the log.
pub(super) fn internal(failure: &dyn std::error::Error) -> Fault {
    let cause = failure.source().map(ToString::to_string);
    error!(error = %failure, cause, "an operation on metrics failed");
    Fault {
        code: "InternalServiceFault",
        query_code: "InternalServiceError",
        side: Side::Receiver,
        ..Fault::internal()
    }
}

/// Why data were not put; `member` says which one a number means.
pub(super) fn of_put(failure: PutError, member: impl Fn(usize) -> String) -> Fault {
    match failure {
        PutError::TooLate { index } => sender(
            Code::Value,
            format!(
                "The parameter {}.Timestamp must specify a time within the past two weeks.",
                member(index)
            ),
        ),
        PutError::TooEarly { index } => sender(
            Code::Value,
            format!(
                "The parameter {}.Timestamp must specify a time no more than two hours in the future.",
                member(index)
            ),
        ),
        PutError::Unsound { index } => sender(
            Code::Value,
            format!("The values of parameter {} are invalid.", member(index)),
        ),
        PutError::TooManySeries { limit } => Fault::sender_with_query_code(
            "LimitExceededFault",
            "LimitExceeded",
            format!("There are {limit} metrics already, and more are not kept here."),
        ),
        PutError::TooMuchOpen { .. } => {
            Fault::unavailable("More data came than can be kept at this pace. Try again later.")
        }
        PutError::TooLarge { .. } => Fault::sender_with_query_code(
            "RequestEntityTooLarge",
            "RequestEntityTooLarge",
            "The request is larger than can be kept at once.",
        )
        .with_status(413),
        PutError::Log(_) => {
            internal(&failure);
            Fault::unavailable("Metrics cannot be written now. Nothing was kept; try again later.")
        }
        PutError::Poisoned(_) => internal(&failure),
    }
}
