//! Identities: users, groups, roles, policies and their credentials, with the semantics of IAM.
//!
//! - [`engine`]: what there is ([`engine::State`]), what can be asked for ([`engine::Command`]), what then holds
//!   ([`engine::Event`]); without clock, randomness, files or the wire
//! - [`managed`]: AWS's managed policies, and those of the platform

pub mod engine;
pub mod managed;

pub use engine::Error;
