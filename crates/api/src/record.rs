//! How a call is recorded.
//!
//! The gateway hands one [`CallRecord`] of every call that it answers, refused and undecodable ones too, to one
//! `Arc<dyn Recorder>`. [`CountingRecorder`] keeps counts alone.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use base::MetricSink;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::access::Access;
use crate::caller::Principal;
use crate::ctx::Ctx;
use crate::fault::Fault;

/// To which class of records an operation belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audit {
    /// Changes or shows what is configured; recorded with its masked input.
    Management,
    /// Works on what lies in a resource, such as a message; recorded only where asked for, never its body.
    Data,
}

/// One call that was answered, however far it came.
#[derive(Debug)]
pub struct CallRecord<'a> {
    /// The service, such as `sqs`; nothing where none could be told.
    pub service: &'a str,
    /// The operation, such as `SendMessage`; what the request claimed where no operation was decoded, at most
    /// [`CLAIM_CHARS_MAX`] characters.
    pub operation: &'a str,
    /// Its class. A call that was not decoded is of [`Audit::Management`].
    pub audit: Audit,
    /// How far the call came.
    pub stage: Stage,
    /// Who, when, from where. Where nobody has proven anything the caller is anonymous, with the key that was claimed.
    pub ctx: &'a Ctx,
    /// The `Host` as it was sent, or nothing.
    pub host: &'a str,
    /// What the call touched or wanted to.
    pub access: &'a [Access],
    /// The input as JSON with sensitive members masked; only when the recorder wants it.
    pub input: Option<&'a [u8]>,
    /// The output in the same form; only when the recorder wants it and the call went well.
    pub output: Option<&'a [u8]>,
    /// How it ended.
    pub outcome: Result<(), &'a Fault>,
    /// From the whole request to the whole answer.
    pub took: Duration,
}

/// The most characters of an operation's name that is only claimed.
pub const CLAIM_CHARS_MAX: usize = 128;

/// How far a call came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Its signature was not taken: who called is not known.
    Refused,
    /// Its input could not be read, or there is no such operation.
    Undecoded,
    /// It was decided, and ran unless that was a no.
    Decided,
}

/// Takes the records of calls.
pub trait Recorder: Send + Sync + fmt::Debug {
    /// Whether records of this operation shall carry the masked input, which costs its encoding.
    fn wants_input(&self, service: &str, operation: &str, audit: Audit) -> bool;

    /// Whether records of this operation shall carry the masked output, which costs its encoding.
    fn wants_output(&self, _service: &str, _operation: &str, _audit: Audit) -> bool {
        false
    }

    /// Takes one record. Must not block for longer than a write to a file takes.
    ///
    /// The call is answered once what this returns has resolved, so that records of calls that end together can be kept
    /// together. Dropped before that, as when the client is gone, the record is kept nevertheless.
    fn record(&self, record: &CallRecord<'_>) -> Kept;
}

/// Resolves when a record is kept.
#[must_use = "a call may be answered only when its record is kept"]
#[derive(Default)]
pub struct Kept(Option<BoxFuture<'static, ()>>);

impl Kept {
    /// It is already.
    pub const NOW: Self = Self(None);

    /// It is when `kept` resolves.
    pub fn once(kept: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(Some(kept.boxed()))
    }

    /// It is when both are.
    pub fn and(self, other: Self) -> Self {
        match (self.0, other.0) {
            (Some(one), Some(other)) => Self::once(async {
                one.await;
                other.await;
            }),
            (one, other) => Self(one.or(other)),
        }
    }
}

impl Future for Kept {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0
            .as_mut()
            .map_or(Poll::Ready(()), |kept| kept.poll_unpin(context))
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").finish_non_exhaustive()
    }
}

/// Counts calls and measures how long they took; keeps nothing else.
#[derive(Debug)]
pub struct CountingRecorder {
    metrics: Arc<dyn MetricSink>,
}

impl CountingRecorder {
    /// A recorder that counts into `metrics`: `shukuba/calls` and `shukuba/call_seconds`.
    #[must_use]
    pub fn new(metrics: Arc<dyn MetricSink>) -> Self {
        Self { metrics }
    }
}

impl Recorder for CountingRecorder {
    fn wants_input(&self, _: &str, _: &str, _: Audit) -> bool {
        false
    }

    fn record(&self, record: &CallRecord<'_>) -> Kept {
        // What a stranger calls an operation is no name to count by.
        if record.stage != Stage::Decided {
            return Kept::NOW;
        }
        let code = record.outcome.map_or_else(|fault| fault.code, |()| "ok");
        if record.ctx.caller.principal == Principal::Root {
            let labels = [("operation", record.operation), ("code", code)];
            self.metrics.add("shukuba", "root_uses", &labels, 1.0);
        }
        let of_call = [("service", record.service), ("operation", record.operation)];
        let [service, operation] = of_call;
        self.metrics.add(
            "shukuba",
            "calls",
            &[service, operation, ("code", code)],
            1.0,
        );
        self.metrics.record(
            "shukuba",
            "call_seconds",
            &of_call,
            record.took.as_secs_f64(),
        );
        Kept::NOW
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use base::{AccountId, Timestamp};

    use super::*;
    use crate::caller::Caller;

    #[derive(Debug, Default)]
    struct Counts(Mutex<Vec<String>>);

    impl MetricSink for Counts {
        fn add(
            &self,
            namespace: &'static str,
            name: &'static str,
            labels: &[(&'static str, &str)],
            value: f64,
        ) {
            let labels: Vec<_> = labels.iter().map(|(_, label)| *label).collect();
            let line = format!("{namespace}/{name} {} {value}", labels.join(" "));
            self.0.lock().unwrap().push(line);
        }

        fn record(&self, _: &'static str, _: &'static str, _: &[(&'static str, &str)], _: f64) {}
    }

    #[test]
    fn each_use_of_root_is_counted() {
        let counts = Arc::new(Counts::default());
        let recorder = CountingRecorder::new(counts.clone());
        let account: AccountId = "123456789012".parse().unwrap();
        let mut caller = Caller::user(&account, "/", "alice", "AIDAEXAMPLE", "");
        for principal in [caller.principal.clone(), Principal::Root] {
            caller.principal = principal;
            let ctx = Ctx::inside(Arc::new(caller.clone()), Timestamp::default());
            let _kept = recorder.record(&CallRecord {
                service: "iam",
                operation: "ListUsers",
                audit: Audit::Management,
                stage: Stage::Decided,
                ctx: &ctx,
                host: "",
                access: &[],
                input: None,
                output: None,
                outcome: Ok(()),
                took: Duration::ZERO,
            });
        }
        let counted = counts.0.lock().unwrap().clone();
        let of_root: Vec<_> = counted
            .iter()
            .filter(|line| line.contains("root"))
            .collect();
        assert_eq!(of_root, ["shukuba/root_uses ListUsers ok 1"]);
    }
}
