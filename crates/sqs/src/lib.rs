//! Queues with the semantics of SQS, durable in the journal.
//!
//! - [`queues`]: [`Queues`], what callers use: the engine with its journal, its clock and its waiting receivers
//! - [`message`]: messages as callers give and get them
//! - [`attributes`]: message attributes and their MD5
//! - [`settings`]: a queue's attributes and tags
//! - `policy`: its access policy, with the permissions in it
//! - [`redrive`]: where its dead letters go, and whose it takes
//! - [`batch`] and [`name`]: the rules for batches and names
//! - [`ops`]: the operations of the API on the wire
//! - [`error`]: [`Error`], what can be wrong with a call

pub mod attributes;
pub mod batch;
mod engine;
pub mod error;
pub mod message;
pub mod name;
pub mod ops;
mod policy;
pub mod queues;
pub mod redrive;
pub mod settings;

pub use engine::Paused;
pub use error::Error;
pub use message::{Access, Message, Outgoing, Receive, Sender, Sent, Settle};
pub use queues::{
    Counts, EMBEDDED_RECEIVE_MAX, Effort, Found, MoveTask, OpenFailed, Options, Page, Queue,
    Queues, Sought, Standing, Wait,
};
