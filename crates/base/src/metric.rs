//! Where counts go.
//!
//! Whoever calls an engine emits the counts of its outcome into a [`MetricSink`]; engines know none.

/// Takes counts and measurements. Calls are cheap and never block.
pub trait MetricSink: Send + Sync + std::fmt::Debug {
    /// Adds `value` to a counter.
    ///
    /// `namespace`: such as `AWS/SQS`. `name`: such as `NumberOfMessagesSent`.
    /// `dimensions`: name and value pairs in a fixed order, at most 10.
    fn add(
        &self,
        namespace: &'static str,
        name: &'static str,
        dimensions: &[(&'static str, &str)],
        value: f64,
    );

    /// Records one measurement, such as a latency in seconds.
    fn record(
        &self,
        namespace: &'static str,
        name: &'static str,
        dimensions: &[(&'static str, &str)],
        value: f64,
    );
}

/// Drops every count, for tests that do not look at them.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoMetrics;

impl MetricSink for NoMetrics {
    fn add(&self, _: &'static str, _: &'static str, _: &[(&'static str, &str)], _: f64) {}
    fn record(&self, _: &'static str, _: &'static str, _: &[(&'static str, &str)], _: f64) {}
}
