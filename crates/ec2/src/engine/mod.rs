//! Hosts, as a function of what happened to them: an [`Inventory`] applies commands and says what came of each.
//!
//! Without clock, randomness and I/O: the time, new ids and the hashes of secrets come in with the command. Whoever drives
//! it writes down what has changed, tells others the [`Event`]s, and does what [`Inventory::to_revoke`] and
//! [`Inventory::to_withdraw`] ask for, which they repeat until it is done.
//!
//! - [`id`] has [`InstanceId`]
//! - [`state`] has [`Instance`] and its parts
//! - [`inventory`] has [`Inventory`], [`Command`], [`Event`]
//! - [`facts`] has [`Facts`], what an agent says about its host
//! - [`tags`] has [`Tags`]
//! - [`command`] is what people do to instances
//! - [`enrol`] has enrolments
//! - [`join`] is how an agent joins
//! - [`sync`] is how it reports, and says goodbye
//! - [`tick`] is what time does
//! - [`status`] has status checks
//! - [`network`] has private networks
//! - [`filter`] and [`wildcard`] say which instances are meant
//! - [`error`] is what may be wrong with a command

pub mod command;
pub mod enrol;
pub mod error;
pub mod facts;
pub mod filter;
pub mod id;
pub mod inventory;
pub mod join;
pub mod network;
#[cfg(test)]
mod simulation;
pub mod state;
pub mod status;
pub mod sync;
pub mod tags;
#[cfg(test)]
mod tests;
pub mod tick;
pub mod wildcard;

pub use error::Error;
pub use facts::Facts;
pub use filter::Filter;
pub use id::InstanceId;
pub use inventory::{Command, Done, Event, Inventory};
pub use network::Networks;
pub use state::{Instance, Order, Rules, State, Task};
pub use tags::Tags;
pub use wildcard::Pattern;
