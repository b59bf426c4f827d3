//! One execution environment: one process that speaks the runtime API, started once, invoked many times.
//!
//! - `environment`: the life of an environment; `house`: what all of them share; `ending`: how a try ended
//! - `environ`: the variables that a function finds
//! - `process`: its process group, started, stopped and killed as a whole; `cgroup`, `memory`: what it may take; `stray`: what it
//!   left elsewhere
//! - `api`, `desk`: the runtime API, and what lies between it and who runs the environment
//! - `output`, `report`: its log, and what is billed
//!
//! The life of an environment: a start of at most [`INIT_MAX`] (10 s); if that fails, another one within the invocation's own time, as AWS does;
//! then invocations, one at a time, each within the function's timeout. A fault (its end, its time over, too much memory) ends the
//! process with all that it began; an error that the function reports does not.
//!
//! Functions run on this machine as the user that they are given ([`Account`]) without a file system of their own. `/tmp` is a folder
//! (`TMPDIR`, `HOME`), the package lies where `LAMBDA_TASK_ROOT` says.
//!
//! Source: Lambda Developer Guide, "Understanding the Lambda execution environment lifecycle", "Using the Lambda runtime API".
mod api;
mod cgroup;
mod desk;
mod ending;
pub mod environ;
mod environment;
mod house;
mod memory;
mod output;
mod process;
mod report;
mod stray;

use std::time::Duration;

use bytes::Bytes;

pub(crate) use environment::Environment;
pub(crate) use house::{Furniture, House};
pub use report::Report;

/// How long the start of an environment may take before the invocation's own time begins, unless said. Source: as above, "Init phase".
pub const INIT_MAX: Duration = Duration::from_secs(10);

/// A user of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its number.
    pub uid: u32,
    /// That of its group.
    pub gid: u32,
}

/// One call of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its id, a UUID.
    pub request_id: String,
    /// The event; any bytes, JSON by custom.
    pub payload: Bytes,
    /// What the function finds as its client context: JSON.
    pub client_context: Option<String>,
    /// The trace header, `Root=…`; one is made where there is none.
    pub trace: Option<String>,
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The function's answer, or the description of its error.
    pub payload: Bytes,
    /// Whether and how it failed; none where it answered.
    pub error: Option<FunctionError>,
    /// The end of its log, at most 4 KB.
    pub log_tail: Bytes,
    /// The version that ran: `$LATEST`, or a number.
    pub version: String,
    /// What it took.
    pub report: Report,
}

/// How a function failed. On the wire all of them are `X-Amz-Function-Error: Unhandled`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionError {
    /// AWS's name for it, such as `Runtime.ExitError`, or the runtime's own.
    pub kind: String,
    /// Whether the function reported it itself, and lives on.
    pub is_reported: bool,
}
