//! The keys that may sign, as whoever keeps them gives them out.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use base::Timestamp;
use wire::sigv4::{Refusal, SecretKey};

use crate::caller::Caller;

/// A key that may sign.
#[derive(Debug)]
pub struct Key {
    /// Its secret.
    pub secret: SecretKey,
    /// Whose it is.
    pub caller: Arc<Caller>,
    /// When its keeper noted last that it was used, in milliseconds since 1970: for the keeper alone.
    pub noted_ms: AtomicU64,
}

impl Key {
    /// A key of which nobody has noted a use.
    #[must_use]
    pub fn new(secret: SecretKey, caller: Arc<Caller>) -> Self {
        Self {
            secret,
            caller,
            noted_ms: AtomicU64::new(0),
        }
    }
}

/// Finds the key that claims to have signed.
pub trait KeyLookup: Send + Sync + fmt::Debug {
    /// The key, if it exists and is active, and `token` is right for it.
    ///
    /// # Errors
    /// [`Refusal::UnknownKey`] or [`Refusal::ExpiredToken`].
    fn find(&self, key_id: &str, token: Option<&str>) -> Result<Arc<Key>, Refusal>;

    /// Hears that `key` has signed a request to `service` at `at`. Called for every proven request: must cost next to nothing.
    fn used(&self, _key: &Key, _service: &str, _at: Timestamp) {}
}
