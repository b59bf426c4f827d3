//! What steps aside: on a FIFO route with `on_failure = "park"` a notification that failed goes on in a new message with a group
//! of its own, and those behind it need not wait.
//!
//! Only what failed steps aside. What was not tried (a limit, a pause, the end of a life) keeps its place, or a rest of its
//! receiver would undo the order of everything. The new message is sent in the record that settles the old one where
//! embedded, and before the old one is deleted elsewhere, to a retry queue that is no FIFO queue.

use std::sync::Arc;

use crate::config::OnFailure;
use crate::port::{LineOutcome, Received, Verdict};

/// What the groups of those that stepped aside begin with; a group that a sender calls so keeps no order.
const PREFIX: &str = "shukuba.parked.";

/// Whether a message keeps its place in its group: it has one, and did not step aside.
pub(super) fn is_ordered(received: &Received, is_fifo: bool) -> bool {
    let group = received.group.as_deref();
    is_fifo && group.is_some_and(|group| !group.starts_with(PREFIX))
}

/// Whether the lines of an ordered message that go on do so outside the order: all of them failed, and that is how it is wanted.
/// Where some were not tried the message stays whole.
pub(super) fn steps_aside(going: &[&LineOutcome], on_failure: OnFailure) -> bool {
    on_failure == OnFailure::Park && going.iter().all(|line| has_failed(&line.verdict))
}

/// Whether it was tried and is to be tried again.
pub(super) fn has_failed(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::RetryAt { .. })
}

/// A group of its own for lines of `message` from line `line` on: nothing else is ever in it.
pub(super) fn group(message: &str, line: u32) -> Arc<str> {
    Arc::from(format!("{PREFIX}{message}.{line}"))
}
