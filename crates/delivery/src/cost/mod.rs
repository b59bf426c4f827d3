//! What sending costs: usage by the prices of a list, each product shown.
//!
//! - [`usage`]: what was used, in the units of the list
//! - [`fact`]: what has a price; [`prices`]: the list itself, dated facts by region, built in or from a file
//! - [`bill`]: usage by prices
//! - [`fixed`]: servers that always run, and from which volume on they are cheaper
//! - [`deployment`]: what runs beside the notifications and is paid by time
//! - [`meter`]: what a server did that its ledger does not know, kept by the hour
//! - [`report`](mod@report): what was measured, priced by route, destination and part
//!
//! All amounts are list prices without free tiers, discounts and taxes. They are sums of floating point: exact to a
//! millionth of their own size, which no list price is.

pub mod bill;
pub mod deployment;
pub mod fact;
pub mod fixed;
pub mod meter;
pub mod prices;
pub mod report;
pub mod usage;

pub use bill::{Bill, Line};
pub use deployment::Deployment;
pub use fact::Fact;
pub use fixed::{BreakEven, Fixed, Fleet};
pub use meter::{Meter, Who};
pub use prices::{Currency, List, Prices};
pub use report::Report;
pub use usage::{Part, Usage, Use};

#[cfg(test)]
mod tests;

/// Hours of a month, as AWS counts them.
pub const HOURS_OF_MONTH: f64 = 730.0;

/// A count as a number to multiply.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}
