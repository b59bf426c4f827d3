//! The watch over hosts: the agent, checks, supervision of processes, and the router of notices to people.
//!
//! - [`check`]: what is checked, how its answers are read, and what they add up to
//! - [`datum`]: [`Datum`], one measured value
//! - [`notice`]: who is told what and when
//!
//! One line carries everything: whatever is measured becomes `namespace/name{dimensions}`.

pub mod check;
pub mod datum;
pub mod notice;

pub use datum::{Datum, Unit};
