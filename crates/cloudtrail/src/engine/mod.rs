//! Trails, as a function of what happened to them: commands are decided into events, events are applied.
//!
//! Without clock, randomness and I/O: the time, what buckets are like, ids and sealed keys come in with the command. What
//! is to be delivered next is decided here too ([`step`]); whoever drives it writes a plan down before it puts an object,
//! and that it is done after, so that a process that ends in between puts the same object again under the same name.
//!
//! - [`state`]: [`State`] and its parts
//! - [`command`]: commands that people give
//! - [`event`]: [`Event`], and how it changes the state
//! - [`selector`]: which events a trail wants
//! - [`step`]: what a trail delivers next
//! - [`name`]: names and ARNs
//! - [`key`]: the names of objects
//! - [`error`]: what may be wrong with a command

pub mod command;
pub mod error;
pub mod event;
pub mod key;
pub mod name;
pub mod selector;
pub mod state;
pub mod step;

pub use command::{Changes, New};
pub use error::Error;
pub use event::Event;
pub use selector::{Facets, Selectors};
pub use state::{State, Trail, TrailId};
pub use step::{Backlog, Rules, Step};
