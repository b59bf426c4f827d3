//! The one place where facts become codes on the wire.
//!
//! Codes by the service model; texts are AWS's where they are known (from moto's tests and Terraform issues), and say what is wrong
//! where AWS's do not.

use api::Fault;

use crate::rules::Error;
use crate::rules::engine::Refusal;
use crate::rules::pattern::InvalidPattern;
use crate::schedule::Invalid;

/// An error of the rules.
pub(super) fn of(error: Error) -> Fault {
    match error {
        Error::Refused(refusal) => refused(&refusal),
        Error::Full => Fault::sender("ThrottlingException", "Rate exceeded"),
        Error::Kept(error) => {
            tracing::error!(%error, "rules cannot be kept");
            Fault::internal()
        }
    }
}

/// A change that cannot be.
pub(super) fn refused(refusal: &Refusal) -> Fault {
    match refusal {
        Refusal::NoRule { name } => no_rule(name),
        Refusal::TooMany { .. } => Fault::sender(
            "LimitExceededException",
            "The requested resource exceeds the maximum number allowed.",
        ),
        Refusal::HasTargets { .. } => invalid("Rule can't be deleted since it has targets."),
    }
}

/// There is no such rule.
pub(super) fn no_rule(name: &str) -> Fault {
    Fault::sender(
        "ResourceNotFoundException",
        format!("Rule {name} does not exist on EventBus default."),
    )
}

/// The schedule is none.
pub(super) fn schedule(why: &Invalid) -> Fault {
    invalid(format!(
        "Parameter ScheduleExpression is not valid. Reason: {why}."
    ))
}

/// The pattern is none.
pub(super) fn pattern(why: &InvalidPattern) -> Fault {
    Fault::sender(
        "InvalidEventPatternException",
        format!("Event pattern is not valid. Reason: {why}"),
    )
}

/// The request is not right.
pub(super) fn invalid(text: impl Into<String>) -> Fault {
    Fault::sender("ValidationException", text.into())
}

/// Something that AWS can and this cannot.
pub(super) fn unsupported(what: &str) -> Fault {
    invalid(format!("{what} is not supported here."))
}
