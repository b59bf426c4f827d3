//! The watch over hosts: the agent, checks, supervision of processes, and the router of notices to people.
//!
//! - [`agent`]: the program on each host: samples, checks, keeps, and tells the server
//! - [`check`]: what is checked, how its answers are read, and what they add up to
//! - [`datum`]: [`Datum`], one measured value
//! - [`keep`]: processes that are kept alive
//! - [`notice`]: who is told what and when
//! - [`procfs`]: what the kernel says of processes
//!
//! One line carries everything: whatever is measured becomes `namespace/name{dimensions}`.

pub mod agent;
pub mod check;
pub mod datum;
pub mod keep;
pub mod notice;
pub mod procfs;

pub use datum::{Datum, Unit};

/// Waits until `stop` says that it is over, or nobody is left to say so.
pub(crate) async fn stopped(stop: &mut tokio::sync::watch::Receiver<bool>) {
    // Nobody being left is an end as well.
    let _ = stop.wait_for(|is_over| *is_over).await;
}
