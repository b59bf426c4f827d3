//! Time, names, ids and units that every floor shares.
//!
//! - [`time`] has [`Clock`], the only source of time, and [`Timestamp`]
//! - [`name`] has [`AccountId`], [`Region`], [`Arn`]
//! - [`id`]: random ids in the forms that AWS and the platform use
//! - [`nearest()`]: the name that was meant by one that is unknown
//! - [`place`]: where a setting stands in its file
//! - [`setting`]: values of settings, and what is wrong with them
//! - [`unit`] has [`ByteCount`]
//! - [`metric`] has [`MetricSink`], where counts go

pub mod id;
pub mod metric;
pub mod name;
mod nearest;
pub mod place;
pub mod setting;
pub mod time;
pub mod unit;

pub use metric::{HISTOGRAM_BOUNDS, MetricSink, NoMetrics};
pub use name::{AccountId, Arn, Region};
pub use nearest::{nearest, nearest_within};
pub use time::{Clock, ManualClock, SystemClock, Timestamp};
pub use unit::ByteCount;
