//! The notifier: receives messages, sends their notifications in parallel, settles what became of them.
//!
//! [`Dispatcher`] decides everything and is a pure state machine: time comes with each input, jitter from a seed,
//! and what is to be done comes out as [`Action`]s. [`Notifier`] is the loop around it that calls the ports.
//!
//! Promises, each kept by one place:
//! - no send starts unless its worst end precedes the lease's end (`Dispatcher::start`); leases are extended at
//!   half time (`leases`)
//! - a message is settled once, with what became of every line (`message`)
//! - a receiver that fails or is limited holds neither slots nor prefetch (`unit`): what it cannot take soon waits
//!   in the queue until its turn
//! - no learned limit is ever above the configured one (`unit::adaptive`), and what a broken receiver waits for burns no
//!   attempts (`unit::breaker`)
//! - attempts are not receives: only a send raises the attempt number
//! - at the end of its life everything is sent, settled or handed back

mod action;
mod beside;
mod dispatcher;
mod handle;
mod leases;
mod limits;
mod load;
mod message;
mod metrics;
mod parking;
mod probing;
mod quota;
mod run;
mod settling;
mod unit;
mod units;

pub use action::{Action, Counts, Directives, JobKey, MessageKey, Moment, Send};
pub use dispatcher::{Dispatcher, Setup, UNKNOWN_DESTINATION, winds_down};
pub use handle::Handle;
pub use limits::{LimitState, Limits, TOLD_MAX as LIMITS_TOLD_MAX, Told, summed};
pub use quota::parts as turns;
pub use run::{Notifier, Parts, Summary};
pub use unit::BreakerState;

#[cfg(test)]
mod faults;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
