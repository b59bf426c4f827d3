//! Metrics, alarms, dashboards and their pictures: CloudWatch's interface over tables of the data directory.
//!
//! - [`alarm`]: alarms on metrics, expressions and other alarms, and what runs when their states change
//! - [`anomaly`]: what values are expected: bands, and how they are learned
//! - [`dashboard`]: what dashboards say, where they are kept, how they are made and compared
//! - [`ingest`]: OpenTelemetry's and Prometheus' metrics
//! - [`math`]: expressions, searches and labels over the port by which metrics are read
//! - [`metric`]: what all parts agree on: identities, units, statistics, periods, points, and the port [`metric::Read`]
//! - [`ops`]: the operations on the wire
//! - [`picture`]: widgets and dashboards as SVG and PNG
//! - [`series`]: the store of metrics

pub mod alarm;
pub mod anomaly;
pub mod dashboard;
pub mod ingest;
pub mod math;
pub mod metric;
pub mod ops;
pub mod picture;
pub mod series;
