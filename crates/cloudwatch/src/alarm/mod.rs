//! Alarms: metrics and expressions held against thresholds, alarms of alarms, and what runs when their states change.
//!
//! - [`engine`]: what alarms are and find, without clock, disk or wire
//! - [`data`] has [`Data`], the port through which alarms read what they watch, and [`Metrics`], its implementation
//! - [`expressions`] has [`Expressions`], by which alarms on expressions and bands are evaluated
//! - [`service`] has [`Alarms`], all alarms, durable, with their schedule
//! - [`act`] has [`Act`], the port through which actions run
//! - [`past`]: what is remembered, as it is asked for
//!
//! INVARIANT: a transition, its history and its actions are one durable change. An action is taken away in the same change
//! that records how it went; until then it is asked for again after a crash, with the same id.

pub mod act;
pub mod data;
pub mod engine;
pub mod expressions;
mod kept;
pub mod past;
pub mod service;
mod times;

#[cfg(test)]
mod simulation;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use act::Act;
pub use data::{Data, Math, Metrics};
pub use engine::notice::{ActionCall, Outcome};
pub use engine::{Settings, State};
pub use expressions::Expressions;
pub use kept::TABLES;
pub use service::{Alarms, Error, Ticked};
