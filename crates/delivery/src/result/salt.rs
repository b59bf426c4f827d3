//! The key of `url_key`.
//!
//! A URL with an e-mail address in it could be guessed from a plain hash. With a secret key it cannot, by those who hold the
//! results and not the key. The key is 32 random bytes beside the data (embedded), or the object `salt` beside the
//! results, where it protects no more than that object is protected.

use base::Timestamp;
use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::port::{Error, ResultStore};

/// The name of the object that holds the key where there is no data directory.
pub const SALT_OBJECT: &str = "salt";

/// 32 secret bytes; never shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt([u8; 32]);

impl std::fmt::Debug for Salt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Salt(…)")
    }
}

impl Salt {
    /// A key from its bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A new random key.
    #[must_use]
    pub fn random() -> Self {
        Self(base::id::random_bytes())
    }

    /// The bytes, to be stored where only the owner reads.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key kept in `store`, if there is one.
    ///
    /// # Errors
    /// What the store says; [`Error::Refused`] when the object is not 32 bytes.
    pub async fn found_in(store: &dyn ResultStore) -> Result<Option<Self>, Error> {
        let Some(bytes) = store.get(SALT_OBJECT, None).await? else {
            return Ok(None);
        };
        let bytes: [u8; 32] = bytes.as_ref().try_into().map_err(|_| {
            Error::refused(
                "the results' `salt`",
                format!("it has {} bytes, not 32", bytes.len()),
            )
        })?;
        Ok(Some(Self(bytes)))
    }

    /// The key kept in `store`, made at the first call; of two at once, one makes it.
    ///
    /// # Errors
    /// What the store says; [`Error::Refused`] when the object is not 32 bytes.
    pub async fn in_store(store: &dyn ResultStore) -> Result<Self, Error> {
        if let Some(salt) = Self::found_in(store).await? {
            return Ok(salt);
        }
        let salt = Self::random();
        let bytes = Bytes::copy_from_slice(&salt.0);
        if store.put_new(SALT_OBJECT, bytes).await? {
            return Ok(salt);
        }
        let made = Self::found_in(store).await?;
        made.ok_or_else(|| Error::unavailable("the results' `salt`", "it was there and is gone"))
    }

    /// The key of an exact URL, never 0.
    #[must_use]
    pub fn url_key(&self, url: &str) -> u64 {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(url.as_bytes());
        let digest: [u8; 32] = hash.finalize().into();
        let first = digest.first_chunk::<8>().copied().unwrap_or_default();
        u64::from_be_bytes(first).max(1)
    }

    /// A short id that follows from the key and `parts`, for names that must be equal at a second try.
    #[must_use]
    pub fn name_of(&self, parts: &[&str], at: Timestamp) -> String {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(at.as_millis().to_be_bytes());
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let digest: [u8; 32] = hash.finalize().into();
        hex::encode(digest.first_chunk::<8>().copied().unwrap_or_default())
    }
}
