//! The one place where facts become codes on the wire.
//!
//! JSON and CBOR show the name of the error's shape, the query protocol its code: `LimitExceededFault` and `LimitExceeded`.

use api::Fault;

use crate::alarm::Error;
use crate::alarm::engine::check::Wrong;
use crate::alarm::engine::{self};

/// An error of alarms on the wire.
pub(super) fn of(error: Error) -> Fault {
    match error {
        Error::Refused(refusal) => refused(refusal),
        Error::Poisoned(_) => Fault::unavailable("alarms take no changes at the moment"),
        Error::Read(_) | Error::Encode(_) | Error::Stopped => {
            tracing::error!(error = shown(&error), "an operation on alarms failed");
            Fault::internal()
        }
    }
}

fn shown(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

fn refused(refusal: engine::Error) -> Fault {
    let text = refusal.to_string();
    match refusal {
        engine::Error::Wrong(Wrong::Value { .. }) => value(text),
        engine::Error::Wrong(Wrong::Combination(_)) => combination(text),
        engine::Error::NoAlarm(_) => not_found(),
        engine::Error::NoMute(name) => no_mute(&name),
        engine::Error::TooMany(_) => {
            Fault::sender_with_query_code("LimitExceededFault", "LimitExceeded", text)
        }
        _ => validation(text),
    }
}

/// `ValidationError`.
pub(super) fn validation(text: impl Into<String>) -> Fault {
    Fault::sender("ValidationError", text.into())
}

/// `ValidationError` of a member that breaks its own rule.
pub(super) fn constraint(value: &str, member: &str, constraint: &str) -> Fault {
    validation(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"
    ))
}

/// `InvalidParameterValue`.
pub(super) fn value(text: impl Into<String>) -> Fault {
    let (code, query) = ("InvalidParameterValueException", "InvalidParameterValue");
    Fault::sender_with_query_code(code, query, text.into())
}

/// `InvalidParameterCombination`.
pub(super) fn combination(text: impl Into<String>) -> Fault {
    let code = "InvalidParameterCombinationException";
    Fault::sender_with_query_code(code, "InvalidParameterCombination", text.into())
}

/// `InvalidParameterCombination` of two members.
pub(super) fn both(first: &str, second: &str) -> Fault {
    combination(format!(
        "The parameters {first} and {second} are mutually exclusive and you have specified both."
    ))
}

/// `MissingParameter`.
pub(super) fn missing(parameter: &str) -> Fault {
    let text = format!("The parameter {parameter} is required.");
    Fault::sender_with_query_code(
        "MissingRequiredParameterException",
        "MissingParameter",
        text,
    )
}

/// `ResourceNotFound` of an alarm, whose message AWS leaves empty.
pub(super) fn not_found() -> Fault {
    Fault::sender("ResourceNotFound", "").with_status(404)
}

/// `ResourceNotFoundException` of a mute rule.
pub(super) fn no_mute(name: &str) -> Fault {
    no_resource(&format!("Alarm mute rule {name} does not exist."))
}

/// `ResourceNotFoundException`.
pub(super) fn no_resource(text: &str) -> Fault {
    Fault::sender("ResourceNotFoundException", text.to_owned()).with_status(404)
}

/// `InvalidNextToken`.
pub(super) fn next_token() -> Fault {
    Fault::sender(
        "InvalidNextToken",
        "The next token is not one that this operation gave.",
    )
}

/// `InvalidFormat`.
pub(super) fn format(text: &str) -> Fault {
    Fault::sender_with_query_code("InvalidFormatFault", "InvalidFormat", text.to_owned())
}
