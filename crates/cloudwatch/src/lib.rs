//! Metrics, alarms, dashboards and their pictures: CloudWatch's interface over tables of the data directory.
//!
//! - [`dashboard`]: what dashboards say, where they are kept, how they are made and compared
//! - [`metric`]: what all parts agree on: identities, units, statistics, periods, points, and the port [`metric::Read`]
//! - [`math`]: expressions, searches and labels over that port
//! - [`ops`]: the operations on the wire
//! - [`picture`]: widgets and dashboards as SVG and PNG
//! - [`series`]: the store of metrics

pub mod dashboard;
pub mod math;
pub mod metric;
pub mod ops;
pub mod picture;
pub mod series;
