//! Functions, as a function of what was done to them: a [`State`] applies commands and says what came of each.
//!
//! Without clock, randomness and I/O: the time and new revision ids come in with the [`Stamp`]. Whoever drives it writes down what
//! has changed.
//!
//! INVARIANT: a command that is refused has changed nothing.
//!
//! - [`state`] has [`State`], [`Command`], [`Done`]
//! - [`record`] has [`Function`], [`Version`], [`Alias`]
//! - [`create`], [`update`], [`publish`], [`alias`], [`permission`], [`concurrency`], [`event`], [`tag`] are what people do
//! - [`policy`] has [`Policy`](policy::Policy), a resource policy of statements
//! - [`check`] has the bounds of settings
//! - [`error`] is what may be wrong with a command

pub mod alias;
pub mod check;
pub mod concurrency;
pub mod create;
pub mod error;
pub mod event;
pub mod permission;
pub mod policy;
pub mod publish;
pub mod record;
pub mod state;
pub mod tag;
#[cfg(test)]
mod tests;
pub mod update;

pub use error::{Error, Missing};
pub use record::{Alias, EventConfig, Function, Version};
pub use state::{Command, Done, Stamp, State};
