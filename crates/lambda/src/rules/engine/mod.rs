//! What rules and deliveries are and become; no clock, randomness, disk or wire.
//!
//! - [`rule`]: rules and targets
//! - [`bus`]: all rules, and which are due
//! - [`backlog`]: what is to be delivered, and when it is tried again

pub mod backlog;
pub mod bus;
pub mod rule;

#[cfg(test)]
mod simulation;

pub use backlog::{Backlog, Delivery};
pub use bus::{Bus, Refusal};
pub use rule::{Rule, State, Target, TargetKind};
