//! Where counts go.
//!
//! Whoever calls an engine emits the counts of its outcome into a [`MetricSink`]; engines know none.

/// Upper bounds of the buckets of measurements: seconds from 0.1 ms to 100 s, and beyond for sizes and counts.
pub const HISTOGRAM_BOUNDS: [f64; 18] = [
    0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0, 30.0, 100.0,
];

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

    /// Records `count` measurements of the same `value`, or of the same bucket and this mean.
    fn record_many(
        &self,
        namespace: &'static str,
        name: &'static str,
        dimensions: &[(&'static str, &str)],
        value: f64,
        count: u64,
    ) {
        for _ in 0..count {
            self.record(namespace, name, dimensions, value);
        }
    }
}

/// Drops every count, for tests that do not look at them.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoMetrics;

impl MetricSink for NoMetrics {
    fn add(&self, _: &'static str, _: &'static str, _: &[(&'static str, &str)], _: f64) {}
    fn record(&self, _: &'static str, _: &'static str, _: &[(&'static str, &str)], _: f64) {}
}
