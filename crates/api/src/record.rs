//! How a call is recorded.
//!
//! The seam for the trail: the gateway hands one [`CallRecord`] of every finished call to one
//! `Arc<dyn Recorder>`. Today that is [`CountingRecorder`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base::MetricSink;

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

/// One finished call.
#[derive(Debug)]
pub struct CallRecord<'a> {
    /// The service, such as `sqs`.
    pub service: &'static str,
    /// The operation, such as `SendMessage`.
    pub operation: &'static str,
    /// Its class.
    pub audit: Audit,
    /// Who, when, from where.
    pub ctx: &'a Ctx,
    /// The `User-Agent`, or nothing.
    pub user_agent: &'a str,
    /// The input as JSON with sensitive members masked; only when the recorder wants it.
    pub input: Option<&'a [u8]>,
    /// How it ended.
    pub outcome: Result<(), &'a Fault>,
    /// From the whole request to the whole answer.
    pub took: Duration,
}

/// Takes the records of calls.
pub trait Recorder: Send + Sync + fmt::Debug {
    /// Whether records of this operation shall carry the masked input, which costs its encoding.
    fn wants_input(&self, service: &'static str, operation: &'static str, audit: Audit) -> bool;

    /// Takes one record. Must not block.
    fn record(&self, record: &CallRecord<'_>);
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
    fn wants_input(&self, _: &'static str, _: &'static str, _: Audit) -> bool {
        false
    }

    fn record(&self, record: &CallRecord<'_>) {
        let code = record.outcome.map_or_else(|fault| fault.code, |()| "ok");
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
    }
}
