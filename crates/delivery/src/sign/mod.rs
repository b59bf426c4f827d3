//! Signatures of requests, made when a request is written: the timestamp in them is that of the attempt.
//!
//! - [`standard`] signs as Standard Webhooks, by HMAC-SHA256 and ed25519
//! - [`stripe`] writes `t=…,v1=…`
//! - [`hmac`] has templates for what is signed and how it is written
//!
//! Pure: no clock, no I/O. Several keys live side by side while one takes another's place: the first is the newest.
//!
//! INVARIANT: the exact bytes of the body are signed, and no header of a line can stand in for one of a signature.

mod hmac;
mod standard;
mod stripe;
#[cfg(test)]
mod tests;

use std::fmt;

use base::Timestamp;

use crate::config::SecretText;
use crate::format::check_static_header;
use crate::port::{NotSendable, Notification};

pub use self::hmac::{Algorithm, Encoding, Hmac, Written};
pub use self::standard::Standard;
pub use self::stripe::Stripe;

/// The most keys that sign one request; chosen: the new one, the one before, and as many of a second kind.
pub const KEYS_MAX: usize = 4;

/// What is known of a request when it is signed.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The request and whose it is.
    pub notification: &'a Notification,
    /// When this attempt began.
    pub at: Timestamp,
}

/// A way to sign, with its keys.
pub trait Scheme: Send + Sync {
    /// The headers that it writes, in lower case.
    fn names(&self) -> &[Box<str>];

    /// Gives each header's name and value to `put`, in the order of [`Scheme::names`].
    ///
    /// # Errors
    /// Words for the operator where the request cannot be signed.
    fn sign(&self, facts: &Facts<'_>, put: &mut dyn FnMut(&str, &str)) -> Result<(), String>;
}

/// How the requests to a destination are signed.
pub struct Signer {
    scheme: Box<dyn Scheme>,
    /// The settings that it was made of, in clear, by which two are compared.
    made_of: SecretText,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Signer").field(&self.names()).finish()
    }
}

impl PartialEq for Signer {
    fn eq(&self, other: &Self) -> bool {
        self.made_of == other.made_of
    }
}

impl Signer {
    /// A signer; `made_of` is any text that says all of its settings and secrets.
    #[must_use]
    pub fn new(scheme: Box<dyn Scheme>, made_of: SecretText) -> Self {
        Self { scheme, made_of }
    }

    /// The headers that it writes, in lower case.
    #[must_use]
    pub fn names(&self) -> &[Box<str>] {
        self.scheme.names()
    }

    /// Whether it writes the header `name`, so that nobody else may.
    #[must_use]
    pub fn owns(&self, name: &str) -> bool {
        let mut names = self.names().iter();
        names.any(|own| own.eq_ignore_ascii_case(name))
    }

    /// Gives each header's name and value to `put`.
    ///
    /// # Errors
    /// [`NotSendable`] where the request cannot be signed: it is then not sent.
    pub fn sign(
        &self,
        facts: &Facts<'_>,
        put: &mut dyn FnMut(&str, &str),
    ) -> Result<(), NotSendable> {
        let mut checked = Ok(());
        let signed =
            self.scheme.sign(
                facts,
                &mut |name, value| match check_static_header(name, value) {
                    Ok(()) => put(name, value),
                    Err(detail) => checked = Err(detail),
                },
            );
        let all = signed.and(checked);
        all.map_err(|detail| NotSendable {
            detail: format!("the request cannot be signed: {detail}"),
        })
    }
}
