//! The one place where facts become codes on the wire.

use api::Fault;

use crate::anomaly::Error;

/// An error of detectors on the wire.
pub(super) fn of(error: Error) -> Fault {
    let text = error.to_string();
    match error {
        Error::Of(_) | Error::Value { .. } | Error::Excluded => value(capital(&text)),
        Error::TooMany => Fault::sender("LimitExceededException", capital(&text)),
        Error::NotFound => {
            Fault::sender("ResourceNotFoundException", capital(&text)).with_status(404)
        }
        Error::Read(_) | Error::Broken(_) | Error::NotWritten(_) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(%error, cause, "an operation on anomaly detectors failed");
            Fault::internal()
        }
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    let text: String = first.chain(letters).collect();
    if text.ends_with('.') {
        text
    } else {
        text + "."
    }
}

/// `InvalidParameterValue`.
pub(super) fn value(text: impl Into<String>) -> Fault {
    let (code, query) = ("InvalidParameterValueException", "InvalidParameterValue");
    Fault::sender_with_query_code(code, query, text.into())
}

/// `InvalidParameterCombination` of two members.
pub(super) fn both(first: &str, second: &str) -> Fault {
    let code = "InvalidParameterCombinationException";
    let text = format!(
        "The parameters {first} and {second} are mutually exclusive and you have specified both."
    );
    Fault::sender_with_query_code(code, "InvalidParameterCombination", text)
}

/// `MissingParameter`.
pub(super) fn missing(parameter: &str) -> Fault {
    let code = "MissingRequiredParameterException";
    let text = format!("The parameter {parameter} is required.");
    Fault::sender_with_query_code(code, "MissingParameter", text)
}

/// `InvalidNextToken`.
pub(super) fn next_token() -> Fault {
    Fault::sender(
        "InvalidNextToken",
        "The next token is not one that this operation gave.",
    )
}
