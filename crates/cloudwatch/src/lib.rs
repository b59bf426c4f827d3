//! Metrics, alarms, dashboards and their pictures: CloudWatch's interface over tables of the data directory.
//!
//! - [`metric`]: what all parts agree on: identities, units, statistics, periods, points, and the port [`metric::Read`]
//! - [`math`]: expressions, searches and labels over that port
//! - [`ops`]: the operations on the wire

pub mod math;
pub mod metric;
pub mod ops;
