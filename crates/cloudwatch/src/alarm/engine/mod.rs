//! Alarms without clock, disk or wire: what they are told, what they find, what follows.
//!
//! - [`settings`] has [`Settings`], what an alarm is told; [`check`] says what is wrong with it
//! - [`state`] has [`State`]
//! - [`window`]: which periods are looked at, and how often
//! - [`evaluate`](mod@evaluate): from points to a state; [`reason`] says why
//! - [`rule`] has [`rule::Rule`], what a composite alarm is told
//! - [`suppress`]: whether the actions of a composite alarm are kept back
//! - [`mute`]: windows of time without actions
//! - [`target`]: what alarms may act on
//! - [`book`] has [`Book`], all alarms at one moment
//! - [`draft`] has [`Draft`], a change of the book in the making
//! - [`history`]: what is remembered; [`notice`]: what an action is given

pub mod book;
pub mod check;
pub mod data;
pub mod draft;
pub mod error;
pub mod evaluate;
pub mod history;
pub mod mute;
pub mod notice;
pub mod number;
pub mod reason;
pub mod rule;
pub mod settings;
pub mod state;
pub mod suppress;
pub mod target;
pub mod time;
pub mod window;

#[cfg(test)]
pub(crate) mod vectors;

pub use book::{Alarm, Book, Entry};
pub use draft::{Draft, Finding, Written};
pub use error::Error;
pub use settings::Settings;
pub use state::State;
