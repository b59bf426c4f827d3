//! Time, names, ids and units that every floor shares.
//!
//! - [`time`]: [`Clock`], the only source of time, and [`Timestamp`]
//! - [`name`]: [`AccountId`], [`Region`], [`Arn`]
//! - [`id`]: random ids in the forms that AWS and the platform use
//! - [`unit`]: [`ByteCount`]
//! - [`metric`]: [`MetricSink`], where counts go

pub mod id;
pub mod metric;
pub mod name;
pub mod time;
pub mod unit;

pub use metric::{MetricSink, NoMetrics};
pub use name::{AccountId, Arn, Region};
pub use time::{Clock, ManualClock, SystemClock, Timestamp};
pub use unit::ByteCount;
