//! Why a command on alarms is refused.

use super::check;
use super::mute;

/// Why a command is refused. Texts are those that clients see.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Something that is put is not as it must be.
    #[error(transparent)]
    Wrong(#[from] check::Wrong),
    /// The schedule of a mute rule is not.
    #[error(transparent)]
    Mute(#[from] mute::Wrong),
    /// There is no such alarm.
    #[error("alarm `{0}` does not exist")]
    NoAlarm(String),
    /// There is no such mute rule.
    #[error("alarm mute rule `{0}` does not exist")]
    NoMute(String),
    /// An alarm of this name is of another kind.
    #[error("The alarm {name} already exists and is a {kind}")]
    OtherKind {
        /// Its name.
        name: String,
        /// What it is.
        kind: &'static str,
    },
    /// A rule names alarms that are not there.
    #[error("Could not save the composite alarm as alarms [{}] in the alarm rule do not exist", .0.join(", "))]
    NoChildren(Vec<String>),
    /// A suppressor that is not there.
    #[error("Could not save the composite alarm as the actions suppressor {0} does not exist")]
    NoSuppressor(String),
    /// Composite alarms depend on what is to be deleted.
    #[error("Cannot delete {} as there are composite alarm(s) depending on {}.", .0.join(","), if .0.len() == 1 { "it" } else { "them" })]
    Needed(Vec<String>),
    /// More composite alarms than one call may delete.
    #[error("Cannot delete more than one composite alarm in one request.")]
    ManyComposites,
    /// More than there may be.
    #[error("{0}")]
    TooMany(String),
}
