//! Identities: users, groups, roles, policies and their credentials, with the semantics of IAM.
//!
//! - [`engine`]: what there is ([`engine::State`]), what can be asked for ([`engine::Command`]), what then holds
//!   ([`engine::Event`]); without clock, randomness, files or the wire
//! - [`authorizer`]: whether a caller may do what a call wants
//! - [`session`]: temporary credentials, and the keys that may sign
//! - [`ground`]: what both need of the identities
//! - [`managed`]: AWS's managed policies, and those of the platform

pub mod authorizer;
pub mod engine;
pub mod ground;
pub mod managed;
pub mod session;

pub use engine::Error;
