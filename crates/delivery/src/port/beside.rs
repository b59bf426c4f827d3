//! What became of a notification at a second URL, beside its attempt.
//!
//! A copy may still be under way when the attempt has ended: whoever settles waits for it ([`Beside::ended`]), which is
//! bounded by the copy's own time. Nobody else does: the attempt's verdict is known by then.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::{Attempt, ErrorClass, FailureClass};
use crate::sender::beside::{Kind, Second};

/// The most bytes of a second answer's body that a result keeps; chosen, to see what differs.
pub const BESIDE_EXCERPT_BYTES_MAX: usize = 256;

/// The most bytes of words about it; chosen.
pub const BESIDE_DETAIL_BYTES_MAX: usize = 256;

/// What became of a notification at a second URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    /// The URL, and its rules.
    pub second: Arc<Second>,
    /// Whether the receiver itself was asked.
    pub was_asked: bool,
    /// What it answered; `None` where it did not.
    pub own: Option<Answered>,
    /// What became of it there.
    pub fate: Fate,
}

/// How an answer is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// The class of the failure by the rules of who answered; `None` for success.
    pub class: Option<FailureClass>,
}

/// What became of it there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nothing was sent there.
    Skipped(Skip),
    /// It has not ended.
    Underway(Underway),
    /// It has.
    Ended(Ended),
}

/// Why nothing was sent to a second URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Skip {
    /// `in_flight_max` were under way.
    Busy,
    /// The request holds a secret of the receiver, or cannot be made without one.
    Secret,
    /// The request cannot be made; why.
    Unmade(String),
}

/// An answer, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The status of the answer.
    pub status: Option<u16>,
    /// The class of the failure by the rules of the second host; `None` for success.
    pub class: Option<FailureClass>,
    /// What went wrong.
    pub error: Option<ErrorClass>,
    /// Words for the operator, at most [`BESIDE_DETAIL_BYTES_MAX`].
    pub detail: String,
    /// The beginning of the answer's body, at most [`BESIDE_EXCERPT_BYTES_MAX`].
    pub excerpt: Bytes,
    /// How long it took.
    pub took: Duration,
    /// Whether any byte of it may have arrived.
    pub sent: bool,
}

/// What a copy came to, for counting: each is one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    /// Both are a success, or both the same status of the same class.
    Agrees,
    /// Both answered, and otherwise.
    Differs,
    /// The receiver itself gave no answer to compare with.
    Alone,
    /// A shadow gave no answer; or a canary did not take it.
    Failed,
    /// Nothing was sent there.
    Skipped,
    /// A canary took it.
    Delivered,
}

/// A copy under way. Given up when the last clone is dropped.
#[derive(Clone)]
pub struct Underway(Arc<tokio::sync::Mutex<Task>>);

enum Task {
    Runs(JoinHandle<Ended>),
    Ended(Ended),
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Self::Runs(handle) = self {
            handle.abort();
        }
    }
}

impl Underway {
    /// Owns a task.
    pub(crate) fn new(handle: JoinHandle<Ended>) -> Self {
        Self(Arc::new(tokio::sync::Mutex::new(Task::Runs(handle))))
    }

    async fn ended(&self) -> Ended {
        let mut task = self.0.lock().await;
        let ended = match &mut *task {
            Task::Ended(ended) => return ended.clone(),
            // An error says that the runtime ends.
            Task::Runs(handle) => handle.await.unwrap_or_else(|_| Ended::cancelled()),
        };
        *task = Task::Ended(ended.clone());
        ended
    }
}

impl fmt::Debug for Underway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Underway").finish_non_exhaustive()
    }
}

impl PartialEq for Underway {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Underway {}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("in_flight_max were under way"),
            Self::Secret => f.write_str("it holds a secret of the receiver"),
            Self::Unmade(detail) => f.write_str(detail),
        }
    }
}

impl Ended {
    /// What an attempt at the second URL came to, of that class by its rules.
    #[must_use]
    pub fn of(attempt: Attempt, class: Option<FailureClass>) -> Self {
        let mut detail = attempt.detail;
        detail.truncate(detail.floor_char_boundary(BESIDE_DETAIL_BYTES_MAX));
        let kept = attempt.excerpt.len().min(BESIDE_EXCERPT_BYTES_MAX);
        Self {
            status: attempt.status,
            class,
            error: attempt.error,
            detail,
            // Copied, so that a long answer is not held for its beginning.
            excerpt: Bytes::copy_from_slice(attempt.excerpt.get(..kept).unwrap_or_default()),
            took: attempt.timings.total,
            sent: attempt.sent,
        }
    }

    fn cancelled() -> Self {
        let error = ErrorClass::Cancelled;
        Self {
            status: None,
            class: Some(error.failure_class()),
            error: Some(error),
            detail: String::new(),
            excerpt: Bytes::new(),
            took: Duration::ZERO,
            sent: true,
        }
    }
}

impl Beside {
    /// Whether it has not ended.
    #[must_use]
    pub fn is_underway(&self) -> bool {
        matches!(self.fate, Fate::Underway(_))
    }

    /// Waits until it has ended, as long as its own time at most.
    pub async fn ended(&mut self) {
        if let Fate::Underway(underway) = &self.fate {
            self.fate = Fate::Ended(underway.ended().await);
        }
    }

    /// Whether the notification is delivered by it: a canary that took it, after which the receiver was not asked.
    #[must_use]
    pub fn is_delivered(&self) -> bool {
        let is_taken = matches!(&self.fate, Fate::Ended(ended) if ended.class.is_none());
        self.second.kind() == Kind::Canary && is_taken && !self.was_asked
    }

    /// How the two answers compare; `None` while it is under way.
    #[must_use]
    pub fn compared(&self) -> Option<Compared> {
        let ended = match &self.fate {
            Fate::Skipped(_) => return Some(Compared::Skipped),
            Fate::Underway(_) => return None,
            Fate::Ended(ended) => ended,
        };
        match self.second.kind() {
            Kind::Canary if self.is_delivered() => return Some(Compared::Delivered),
            Kind::Canary => return Some(Compared::Failed),
            Kind::Shadow => {}
        }
        // A status without the rest of its answer is none.
        let status = ended
            .status
            .filter(|_| matches!(ended.error, None | Some(ErrorClass::NotRecorded)));
        let Some(status) = status else {
            return Some(Compared::Failed);
        };
        let Some(own) = self.own else {
            return Some(Compared::Alone);
        };
        let is_same = own.class == ended.class && (own.class.is_none() || own.status == status);
        Some(if is_same {
            Compared::Agrees
        } else {
            Compared::Differs
        })
    }
}
