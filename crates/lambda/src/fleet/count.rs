//! What is counted of invocations: `AWS/Lambda`, by function, by function and resource, and of all together.
//!
//! Source: Lambda Developer Guide, "Types of metrics for Lambda functions". `Duration` and `AsyncEventAge` are counted
//! in seconds, as all measurements of the process are; whoever shows them under AWS's names shows milliseconds.

use std::fmt;
use std::sync::Arc;

use base::MetricSink;

use crate::function::{FunctionName, Runnable};
use crate::sandbox::Outcome;

/// The namespace.
pub const NAMESPACE: &str = "AWS/Lambda";

/// Counts.
#[derive(Clone)]
pub(crate) struct Counts(Arc<dyn MetricSink>);

impl fmt::Debug for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counts")
    }
}

impl Counts {
    pub(crate) const fn new(sink: Arc<dyn MetricSink>) -> Self {
        Self(sink)
    }

    /// An invocation begins; so many run now, of the function and of all.
    pub(super) fn began(&self, runnable: &Runnable, own: u32, all: u32, unreserved: u32) {
        self.each(runnable, |dimensions| {
            self.0
                .record(NAMESPACE, "ConcurrentExecutions", dimensions, own.into());
            // So that there is a line to look at before the first one.
            self.0.add(NAMESPACE, "Throttles", dimensions, 0.0);
        });
        self.0
            .record(NAMESPACE, "ConcurrentExecutions", &[], all.into());
        self.0.record(
            NAMESPACE,
            "UnreservedConcurrentExecutions",
            &[],
            unreserved.into(),
        );
    }

    /// An invocation was not let in.
    pub(super) fn throttled(&self, runnable: &Runnable) {
        self.each(runnable, |dimensions| {
            self.0.add(NAMESPACE, "Throttles", dimensions, 1.0)
        });
        self.0.add(NAMESPACE, "Throttles", &[], 1.0);
    }

    /// An invocation has ended.
    pub(super) fn ended(&self, runnable: &Runnable, outcome: &Outcome) {
        let errors = f64::from(u8::from(outcome.error.is_some()));
        let seconds = outcome.report.duration.as_secs_f64();
        let count = |dimensions: &[(&'static str, &str)]| {
            self.0.add(NAMESPACE, "Invocations", dimensions, 1.0);
            self.0.add(NAMESPACE, "Errors", dimensions, errors);
            self.0.record(NAMESPACE, "Duration", dimensions, seconds);
        };
        self.each(runnable, count);
        count(&[]);
    }

    /// Something of an event: `AsyncEventsReceived`, `AsyncEventsDropped`, `DeadLetterErrors`, `DestinationDeliveryFailures`.
    pub(crate) fn event(&self, name: &FunctionName, what: &'static str) {
        let dimensions = [("FunctionName", name.as_str())];
        self.0.add(NAMESPACE, what, &dimensions, 1.0);
        self.0.add(NAMESPACE, what, &[], 1.0);
    }

    /// How old an event was when it was tried.
    pub(crate) fn age(&self, name: &FunctionName, age: std::time::Duration) {
        let dimensions = [("FunctionName", name.as_str())];
        let seconds = age.as_secs_f64();
        self.0
            .record(NAMESPACE, "AsyncEventAge", &dimensions, seconds);
    }

    fn each(&self, runnable: &Runnable, count: impl Fn(&[(&'static str, &str)])) {
        let name = runnable.name.as_str();
        count(&[("FunctionName", name)]);
        count(&[("FunctionName", name), ("Resource", resource(runnable))]);
    }
}

/// The function as the caller named it: `NAME`, or `NAME:ALIAS`.
fn resource(runnable: &Runnable) -> &str {
    let named = runnable.invoked_arn.split_once(":function:");
    named.map_or(runnable.name.as_str(), |(_, resource)| resource)
}
