//! Temporary credentials: given out, found again, ended.
//!
//! They are stateless: all that is known of a session lies sealed in its token, which the client brings with every request. No
//! table grows, a restart forgets nothing, and a second server with the same master key knows them too. They end by their own
//! time, with their principal, or all at once for one principal by an "issued before" ([`engine::User::sessions_from`]).
//!
//! - [`token`]: what a token holds
//! - [`service`]: roles as services assume them
//! - [`keys`]: [`Keys`], which finds the key that signed a request, long-lived or of a session
//!
//! [`engine::User::sessions_from`]: crate::engine::User

pub mod keys;
pub mod service;
pub mod token;

pub use keys::Keys;
pub(crate) use keys::role_caller;
pub(crate) use token::new_secret;
pub use token::{Credentials, Holder, Mfa, Token};

#[cfg(test)]
mod tests;
