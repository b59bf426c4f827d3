//! Message move tasks: from a dead-letter queue back, or elsewhere, at a rate.
//!
//! A task is journaled at its start and at each change of its status; how many it has moved follows from the moves.

use serde::{Deserialize, Serialize};

/// Finished tasks that are kept for each source queue, as the listing shows at most 10.
pub(crate) const KEPT_MAX: usize = 10;

/// How a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Status {
    Running,
    Completed,
    Cancelled,
    Failed,
}

impl Status {
    /// As the API calls it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Completed => "COMPLETED",
            Self::Cancelled => "CANCELLED",
            Self::Failed => "FAILED",
        }
    }
}

/// A message move task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Task {
    /// Number of the queue whose messages are moved.
    pub(crate) source: u32,
    pub(crate) source_arn: String,
    /// `None`: back to the queues that they came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) destination: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) destination_arn: Option<String>,
    /// Messages a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rate: Option<u32>,
    pub(crate) status: Status,
    pub(crate) started_ms: u64,
    /// How many messages there were at its start.
    pub(crate) to_move: u64,
    /// Counted from the moves.
    #[serde(default)]
    pub(crate) moved: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<String>,
}
