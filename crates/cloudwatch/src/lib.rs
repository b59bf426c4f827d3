//! Metrics, alarms, dashboards and their pictures: CloudWatch's interface over tables of the data directory.
//!
//! - [`metric`]: what all parts agree on: identities, units, statistics, periods, points, and the port [`metric::Read`]
//! - [`ops`]: the operations on the wire
//! - [`series`]: the store of metrics

pub mod metric;
pub mod ops;
pub mod series;
