//! The inventory of hosts: instances, their tags and states, as EC2's interface shows them.
//!
//! A host is here because its agent joined, or because somebody ran an instance and an agent is to join as it. What an
//! agent reports keeps it running; silence makes it unreachable, never forgotten.
//!
//! - [`engine`]: what is known of hosts, as a function of what happened to them
//! - [`credentials`]: the port to whoever gives agents their credentials
//! - [`instances`]: [`Instances`], which keeps the inventory on disk and speaks with agents
//! - [`ops`]: the operations on the wire

pub mod credentials;
#[cfg(test)]
mod credentials_testing;
pub mod engine;
pub mod instances;
pub mod ops;

pub use credentials::{Credentials, Issued, Token};
pub use engine::InstanceId;

pub use instances::{Instances, Place, TABLES};
