//! The program on each host: it samples the host, runs its checks, keeps its processes alive, and tells the server.
//!
//! - [`protocol`]: what an agent and the server say to each other
//! - [`sample`]: what is measured of the host itself
//! - [`buffer`]: what waits until the server has it
//! - [`state`]: what the agent knows across its own restarts
//! - [`link`]: the host's part of private networks
//! - [`plan`]: the last plan of one, at a host or a gateway
//! - [`run`]: the agent
//!
//! An agent joins once and keeps its id. What it measures and finds is on its disk before it is sent and until the server has
//! answered: while the server is away nothing is lost, up to a bound, and nothing is told twice.

pub mod buffer;
mod collect;
mod facts;
pub mod link;
pub mod plan;
pub mod protocol;
pub mod run;
pub mod sample;
pub mod state;
mod talk;

pub use run::{Agent, Config, End, Error};
