//! What all parts of the crate agree on: which metric, in which unit, which statistic of it, over which time.
//!
//! - [`identity`] has [`Identity`], which metric
//! - [`mod@unit`] has [`Unit`]
//! - [`statistic`] has [`Statistic`], how the values of a period become one
//! - [`summary`] has [`Summary`], what is kept of the values of a period
//! - [`query`] has [`Query`], one of the metrics and expressions that belong together in an alarm, a graph or a request
//! - [`read`] has [`Read`], the port through which everything reads metrics, with [`Wanted`] and [`Found`]

mod answer;
pub mod distribution;
pub mod identity;
#[cfg(test)]
pub mod memory;
pub mod query;
pub mod read;
pub mod sketch;
pub mod statistic;
pub mod summary;
pub mod unit;

pub use distribution::{Detail, Distribution};
pub use identity::{Dimension, Identity};
pub use query::{Query, Source, Stat};
pub use read::{Found, Listing, Point, Read, Summaries, Unreadable, Wanted};
pub use statistic::{Bounds, Statistic};
pub use summary::Summary;
pub use unit::Unit;
