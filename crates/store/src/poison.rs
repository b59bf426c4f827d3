//! The end of trust in a journal.
//!
//! After a failed write or sync nobody knows what the disk holds: the kernel may have dropped the data and marked
//! it clean, so that a second sync would lie. The journal is then poisoned: nothing is acknowledged any more, every
//! waiter is told, and the process must open the journal anew (best by exiting), which reads back what is there.

use std::fmt;
use std::sync::Arc;

/// Why a journal was poisoned. Records that were appended and not yet committed may or may not survive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poisoned {
    reason: Arc<str>,
}

impl Poisoned {
    /// Poisoned because of `reason`, a fact such as `sync of journal/…: I/O error`.
    #[must_use]
    pub fn new(reason: &str) -> Self {
        Self {
            reason: Arc::from(reason),
        }
    }

    /// What failed.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for Poisoned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the journal stopped: {}", self.reason)
    }
}

impl std::error::Error for Poisoned {}
