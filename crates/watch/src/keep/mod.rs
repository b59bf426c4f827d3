//! Processes that are kept alive.
//!
//! - [`engine`]: when a process is started, when it is left alone: pure
//! - [`run`]: looking at processes, starting and stopping them
//!
//! A dead process is back within one cycle. After so many restarts in so many cycles it is given up and told; it is taken up again
//! when it runs, when somebody says so, or, where that is said, after a time. What depends on a process is stopped before it is
//! restarted, and started after it. Source: Monit's manual, "Service methods", "Service dependencies".
//!
//! For the server a kept process is a check as well, `keep:NAME`: OK while it runs, WARNING while it is restarted, CRITICAL when it
//! is given up.

pub mod engine;
mod process;
pub mod run;

use serde::{Deserialize, Serialize};

use crate::check::Status;

pub use engine::Phase;
pub use run::{Keeper, Order, Told};

/// The name of the check that a kept process is.
#[must_use]
pub fn check_name(name: &str) -> String {
    format!("keep:{name}")
}

/// What is known of a kept process, for people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Its name.
    pub name: String,
    /// What it is in.
    pub phase: Phase,
    /// Its process, while it runs.
    pub pid: Option<u32>,
    /// Restarts within the cycles that count.
    pub restarts: u32,
    /// One line.
    pub text: String,
}

impl Phase {
    /// The status of its check.
    #[must_use]
    pub const fn status(self) -> Status {
        match self {
            Self::Up | Self::Unwatched => Status::Ok,
            Self::Starting | Self::Waiting => Status::Warning,
            Self::GivenUp => Status::Critical,
        }
    }
}
