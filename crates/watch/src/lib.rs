//! The watch over hosts: the agent, checks, supervision of processes, and the router of notices to people.
//!
//! - [`check`]: what is checked, how its answers are read, and what they add up to
//! - [`keep`]: processes that are kept alive
//! - [`datum`]: [`Datum`], one measured value
//! - [`notice`]: who is told what and when
//! - [`procfs`]: what the kernel says of processes
//!
//! One line carries everything: whatever is measured becomes `namespace/name{dimensions}`.

pub mod check;
pub mod datum;
pub mod notice;
pub mod procfs;
pub mod keep;

pub use datum::{Datum, Unit};

/// Waits until `stop` says that it is over, or nobody is left to say so.
pub(crate) async fn stopped(stop: &mut tokio::sync::watch::Receiver<bool>) {
    // Nobody being left is an end as well.
    let _ = stop.wait_for(|is_over| *is_over).await;
}
