//! Identities: users, groups, roles, policies and their credentials, with the semantics of IAM.
//!
//! - [`engine`]: what there is ([`engine::State`]), what can be asked for ([`engine::Command`]), what then holds
//!   ([`engine::Event`]); without clock, randomness, files or the wire
//! - [`identities`] has [`Iam`], the identities of a data directory, shared by several processes
//! - [`authorizer`]: whether a caller may do what a call wants
//! - [`session`]: temporary credentials, and the keys that may sign
//! - [`ground`]: what both need of the identities
//! - [`managed`]: AWS's managed policies, and those of the platform
//! - [`accesses`]: when who did what last
//! - [`analyzer`] judges texts of policies
//! - [`ops`]: the operations of the API on the wire
//! - [`signin`]: people at the sign-in page
//! - [`simulate`]: what would be decided, without a call
//! - [`sts`]: the operations of STS on the wire
//! - [`password`]: argon2id on few threads; [`totp`]: one-time codes; [`guess`]: slows down whoever guesses

pub mod accesses;
pub mod analyzer;
pub mod authorizer;
pub mod engine;
pub mod ground;
pub mod guess;
pub mod identities;
pub mod managed;
pub mod ops;
pub mod password;
#[allow(dead_code, reason = "for the operations of the credential report")]
mod report;
pub mod session;
pub mod signin;
pub mod simulate;
pub mod sts;
pub mod totp;

pub use identities::{Error, Iam, NewKey, OpenError, new_id};
