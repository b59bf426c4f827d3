//! What may go wrong with the inventory.

use crate::credentials::Trouble;
use crate::engine;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is refused.
    #[error(transparent)]
    Refused(#[from] engine::Error),
    /// The time of an enrolment is out of bounds.
    #[error("an enrolment may be used for at least a moment and at most 90 days")]
    Span,
    /// A name or secret of an agent is out of form.
    #[error("{what}")]
    Form {
        /// What would be right.
        what: &'static str,
    },
    /// Credentials cannot be made.
    #[error("credentials cannot be made")]
    Credentials(#[from] Trouble),
    /// The tables cannot be read.
    #[error("the inventory cannot be read")]
    Read(#[from] store::tables::Error),
    /// The tables take no changes.
    #[error("the inventory cannot be written")]
    Write(#[from] store::poison::Poisoned),
    /// A row is none.
    #[error("the row `{key}` of the table `{table}` cannot be read")]
    Row {
        /// The table.
        table: &'static str,
        /// The row.
        key: String,
        /// Why.
        source: serde_json::Error,
    },
}

impl Error {
    /// Whether it is trouble of ours, so that the same may go well later.
    #[must_use]
    pub const fn is_ours(&self) -> bool {
        match self {
            Self::Refused(_) | Self::Span | Self::Form { .. } => false,
            Self::Credentials(_) | Self::Read(_) | Self::Write(_) | Self::Row { .. } => true,
        }
    }
}
