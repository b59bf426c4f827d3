//! What lies between the runtime of an environment and who runs it.
//!
//! INVARIANT: an environment has at most one invocation at a time, and at most one answer is taken of each.

use base::Timestamp;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// One invocation, as the runtime is told of it.
#[derive(Clone, Debug)]
pub(super) struct Task {
    /// Its id, a UUID.
    pub(super) request_id: String,
    /// The event.
    pub(super) payload: Bytes,
    /// When the function's time is over.
    pub(super) deadline: Timestamp,
    /// The function as the caller named it.
    pub(super) arn: String,
    /// The trace header, `Root=…`.
    pub(super) trace: String,
    /// What a mobile application's SDK said of itself, JSON.
    pub(super) client_context: Option<String>,
}

/// What the runtime said of an invocation, or of its own start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// The function's answer.
    Answer(Bytes),
    /// An error of the function.
    Error {
        /// Its type, such as `Runtime.UnknownReason`, where the runtime gave one.
        kind: Option<String>,
        /// What the caller is given.
        body: Bytes,
    },
    /// An answer that is larger than answers may be.
    TooLarge,
}

/// Why the runtime's request is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// It is not the time for it.
    #[error("Transition from {from} to {to} is not allowed")]
    Transition {
        /// What the runtime is in.
        from: &'static str,
        /// What it asked for.
        to: &'static str,
    },
    /// It is of another invocation.
    #[error("Invalid request ID")]
    RequestId,
}

#[derive(Debug, Default)]
enum Phase {
    #[default]
    Starting,
    /// It waits for an invocation.
    Ready,
    /// It has one.
    Running(String),
    /// It has answered, and not yet asked for the next.
    Answered,
    /// It could not start.
    Failed,
}

impl Phase {
    const fn name(&self) -> &'static str {
        match self {
            Self::Starting => "RuntimeStarted",
            Self::Ready => "RuntimeReady",
            Self::Running(_) => "RuntimeRunning",
            Self::Answered => "RuntimeResponseSent",
            Self::Failed => "RuntimeInitError",
        }
    }
}

#[derive(Debug, Default)]
struct Inner {
    phase: Phase,
    task: Option<Task>,
    said: Option<Said>,
}

/// The place where both sides meet.
#[derive(Debug, Default)]
pub(super) struct Desk {
    inner: Mutex<Inner>,
    /// Wakes the runtime's request for the next invocation.
    given: Notify,
    /// Wakes who runs the environment.
    heard: Notify,
}

impl Desk {
    /// The runtime asks for an invocation, and waits for it.
    pub(super) async fn next(&self) -> Result<Task, Refusal> {
        self.is_ready()?;
        self.heard.notify_one();
        loop {
            if let Some(task) = self.take() {
                return Ok(task);
            }
            self.given.notified().await;
        }
    }

    fn is_ready(&self) -> Result<(), Refusal> {
        let mut inner = self.inner.lock();
        match &inner.phase {
            // A runtime that lost its connection asks again.
            Phase::Starting | Phase::Answered | Phase::Ready => {
                inner.phase = Phase::Ready;
                Ok(())
            }
            other => Err(Refusal::Transition {
                from: other.name(),
                to: Phase::Ready.name(),
            }),
        }
    }

    fn take(&self) -> Option<Task> {
        let mut inner = self.inner.lock();
        let task = inner.task.take()?;
        inner.phase = Phase::Running(task.request_id.clone());
        Some(task)
    }

    /// Whether an answer of `request_id` would be taken now.
    pub(super) fn expects(&self, request_id: &str) -> Result<(), Refusal> {
        match &self.inner.lock().phase {
            Phase::Running(id) if id == request_id => Ok(()),
            Phase::Running(_) => Err(Refusal::RequestId),
            other => Err(Refusal::Transition {
                from: other.name(),
                to: Phase::Answered.name(),
            }),
        }
    }

    /// The runtime answers.
    pub(super) fn answer(&self, request_id: &str, said: Said) -> Result<(), Refusal> {
        self.expects(request_id)?;
        let mut inner = self.inner.lock();
        inner.phase = Phase::Answered;
        inner.said = Some(said);
        drop(inner);
        self.heard.notify_one();
        Ok(())
    }

    /// The runtime could not start.
    pub(super) fn init_failed(&self, said: Said) -> Result<(), Refusal> {
        let mut inner = self.inner.lock();
        if !matches!(inner.phase, Phase::Starting) {
            return Err(Refusal::Transition {
                from: inner.phase.name(),
                to: Phase::Failed.name(),
            });
        }
        inner.phase = Phase::Failed;
        inner.said = Some(said);
        drop(inner);
        self.heard.notify_one();
        Ok(())
    }

    /// Waits until the runtime waits for an invocation; `Some` when it said instead that it cannot start.
    pub(super) async fn ready(&self) -> Option<Said> {
        loop {
            {
                let mut inner = self.inner.lock();
                match inner.phase {
                    Phase::Ready => return None,
                    Phase::Failed => return inner.said.take(),
                    Phase::Starting | Phase::Running(_) | Phase::Answered => {}
                }
            }
            self.heard.notified().await;
        }
    }

    /// Gives the runtime an invocation.
    pub(super) fn give(&self, task: Task) {
        let mut inner = self.inner.lock();
        inner.said = None;
        inner.task = Some(task);
        drop(inner);
        self.given.notify_one();
    }

    /// Waits for the answer.
    pub(super) async fn said(&self) -> Said {
        loop {
            if let Some(said) = self.heard_already() {
                return said;
            }
            self.heard.notified().await;
        }
    }

    /// The answer, if it is there.
    pub(super) fn heard_already(&self) -> Option<Said> {
        self.inner.lock().said.take()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn task(id: &str) -> Task {
        Task {
            request_id: id.to_owned(),
            payload: Bytes::from_static(b"{}"),
            deadline: Timestamp::from_secs(3),
            arn: String::new(),
            trace: String::new(),
            client_context: None,
        }
    }

    fn answer() -> Said {
        Said::Answer(Bytes::from_static(b"1"))
    }

    #[tokio::test]
    async fn an_invocation_is_given_and_answered_once() {
        let desk = Arc::new(Desk::default());
        let runtime = Arc::clone(&desk);
        let asking = tokio::spawn(async move { runtime.next().await });
        assert_eq!(desk.ready().await, None);
        desk.give(task("a"));
        assert_eq!(asking.await.unwrap().unwrap().request_id, "a");
        assert_eq!(desk.answer("b", answer()), Err(Refusal::RequestId));
        assert_eq!(desk.answer("a", answer()), Ok(()));
        assert_eq!(desk.said().await, answer());
        let again = desk.answer("a", answer()).unwrap_err();
        assert!(matches!(again, Refusal::Transition { .. }), "{again}");
    }

    #[tokio::test]
    async fn the_next_is_not_given_before_an_answer() {
        let desk = Desk::default();
        desk.give(task("a"));
        desk.next().await.unwrap();
        let refused = desk.next().await.unwrap_err();
        assert_eq!(
            refused.to_string(),
            "Transition from RuntimeRunning to RuntimeReady is not allowed"
        );
    }

    #[tokio::test]
    async fn a_failed_start_is_told_once_and_only_at_the_start() {
        let desk = Desk::default();
        assert_eq!(desk.init_failed(answer()), Ok(()));
        assert_eq!(desk.ready().await, Some(answer()));
        assert!(desk.init_failed(answer()).is_err());
        assert!(desk.next().await.is_err());
    }

    #[tokio::test]
    async fn a_lost_request_for_the_next_loses_no_invocation() {
        let desk = Arc::new(Desk::default());
        let runtime = Arc::clone(&desk);
        let lost = tokio::spawn(async move { runtime.next().await });
        assert_eq!(desk.ready().await, None);
        lost.abort();
        assert!(lost.await.is_err());
        desk.give(task("a"));
        assert_eq!(desk.next().await.unwrap().request_id, "a");
    }
}
