//! The one place where facts become codes on the wire.
//!
//! Codes are those of the EC2 API Reference, "Error codes"; texts are those that EC2 answers with, as far as they are known
//! from its documentation, from clients that look for them, and from reports that cite them. Those about networks are in
//! [`super::fault_network`].

use api::{Fault, Side};

use crate::engine::{self, InstanceId};
use crate::instances::Error;

pub(super) use super::fault_network::{id, no_such};

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refused) => refused.into(),
            Error::Span | Error::Form { .. } => invalid_value(capital(&error.to_string())),
            Error::Credentials(_) | Error::Read(_) | Error::Write(_) | Error::Row { .. } => {
                internal(&error)
            }
        }
    }
}

impl From<engine::Error> for Fault {
    fn from(error: engine::Error) -> Self {
        use engine::Error as E;
        match error {
            E::NotFound { ids } => not_found(&ids),
            E::Network(error) => error.into(),
            E::WrongState {
                id,
                verb: "started",
            } => Self::sender(
                "IncorrectInstanceState",
                format!("The instance '{id}' is not in a state from which it can be started."),
            ),
            E::WrongState { id, verb } => Self::sender(
                "IncorrectInstanceState",
                format!("This instance '{id}' is not in a state from which it can be {verb}."),
            ),
            E::Protected {
                id,
                verb,
                attribute,
            } => Self::sender(
                "OperationNotPermitted",
                format!(
                    "The instance '{id}' may not be {verb}. Modify its '{attribute}' instance attribute and try again."
                ),
            ),
            E::Limit { room, wanted } => Self::sender(
                "InstanceLimitExceeded",
                format!(
                    "You have requested more instances ({wanted}) than there is room for ({room})."
                ),
            ),
            E::ClientToken => Self::sender(
                "IdempotentParameterMismatch",
                "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
            ),
            E::TagLimit => Self::sender(
                "TagLimitExceeded",
                "The maximum number of Tags for a resource has been reached.",
            ),
            E::TagKeyEmpty => invalid_value("Tag key cannot be empty."),
            E::TagKeyLong => invalid_value("Tag key exceeds the maximum length of 128 characters"),
            E::TagValueLong => {
                invalid_value("Tag value exceeds the maximum length of 256 characters")
            }
            E::TagReserved => {
                invalid_value("Tag keys starting with 'aws:' are reserved for internal use")
            }
            E::TagTwice { key } => invalid_value(format!("Duplicate tag key '{key}' specified.")),
            E::Facts { .. } => invalid_value(capital(&error.to_string())),
            E::EnrolmentLimit { .. } => {
                Self::sender("ResourceLimitExceeded", capital(&error.to_string()))
            }
            E::EnrolmentUnknown
            | E::EnrolmentExpired { .. }
            | E::EnrolmentUsed { .. }
            | E::NotYours { .. } => {
                Self::sender("UnauthorizedOperation", capital(&error.to_string())).with_status(403)
            }
            E::Shown { .. }
            | E::AlreadyJoined { .. }
            | E::InUse { .. }
            | E::Ambiguous { .. }
            | E::Copy { .. } => {
                Self::sender("IncorrectState", capital(&error.to_string())).with_status(409)
            }
        }
    }
}

fn not_found(ids: &[InstanceId]) -> Fault {
    let text = match ids {
        [id] => format!("The instance ID '{id}' does not exist"),
        ids => {
            let ids: Vec<_> = ids.iter().map(InstanceId::as_str).collect();
            format!("The instance IDs '{}' do not exist", ids.join(", "))
        }
    };
    Fault::sender("InvalidInstanceID.NotFound", text)
}

/// A text is not an instance's id.
pub(super) fn malformed(text: &str) -> Fault {
    let hint = match text.starts_with("i-") {
        true => "",
        false => " (expecting \"i-...\")",
    };
    Fault::sender(
        "InvalidInstanceID.Malformed",
        format!("Invalid id: \"{text}\"{hint}"),
    )
}

/// Where a request only asks whether it would be allowed: it is, for that was decided already.
pub(super) fn dry_run(is_dry: Option<bool>) -> Option<Fault> {
    let fault = Fault::sender(
        "DryRunOperation",
        "Request would have succeeded, but DryRun flag is set.",
    );
    (is_dry == Some(true)).then(|| fault.with_status(412))
}

/// A value is wrong.
pub(super) fn invalid_value(text: impl Into<String>) -> Fault {
    Fault::sender("InvalidParameterValue", text.into())
}

/// The API knows it, and there is nothing like it here.
pub(super) fn unsupported(text: &'static str) -> Fault {
    Fault::sender("UnsupportedOperation", text)
}

/// Two things do not go together.
pub(super) fn combination(text: &'static str) -> Fault {
    Fault::sender("InvalidParameterCombination", text)
}

/// Something is missing.
pub(super) fn missing(name: &str) -> Fault {
    Fault::sender(
        "MissingParameter",
        format!("The request must contain the parameter {name}"),
    )
}

fn internal(error: &Error) -> Fault {
    let causes = std::iter::successors(std::error::Error::source(error), |error| error.source());
    let causes: Vec<_> = causes.map(ToString::to_string).collect();
    tracing::error!(%error, causes = causes.join(": "), "a call failed");
    Fault {
        code: "InternalError",
        query_code: "InternalError",
        status: 500,
        message: "An internal error has occurred".into(),
        side: Side::Receiver,
        namespace: None,
        details: Vec::new(),
    }
}

pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).chain(['.']).collect()
}
