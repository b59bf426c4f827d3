//! What the trail needs of buckets. It owns this port; the binary joins it with whatever keeps objects.
//!
//! A bucket is asked for its policy before each put: the trail is no more than a service whom the policy must allow, as
//! CloudTrail is on AWS.
//!
//! - `contract` (feature `contract`): what every implementation must do

#[cfg(any(test, feature = "contract"))]
pub mod contract;
#[cfg(test)]
pub(crate) mod memory;
mod nowhere;
mod permission;

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

pub use nowhere::Nowhere;
pub use permission::Permission;

/// Keeps objects.
#[async_trait]
pub trait Buckets: Send + Sync + fmt::Debug {
    /// The text of a bucket's policy; `None` where it has none.
    ///
    /// # Errors
    /// [`Error::NoBucket`], or when it cannot be asked.
    async fn policy(&self, bucket: &str) -> Result<Option<String>, Error>;

    /// Puts an object; one of that key goes. It survives a crash when this returns.
    ///
    /// # Errors
    /// [`Error::NoBucket`], or when it is not put.
    async fn put(&self, bucket: &str, key: &str, object: Object) -> Result<(), Error>;

    /// An object; `None` where there is none of that key.
    ///
    /// # Errors
    /// [`Error::NoBucket`], or when it cannot be asked.
    async fn get(&self, bucket: &str, key: &str) -> Result<Option<Object>, Error>;

    /// The keys that begin with `prefix`, in order, behind `after`; at most 1,000.
    ///
    /// # Errors
    /// [`Error::NoBucket`], or when it cannot be asked.
    async fn list(&self, bucket: &str, prefix: &str, after: &str) -> Result<Vec<String>, Error>;
}

/// An object: JSON, compressed with gzip. Both are to be told by `Content-Type: application/json` and
/// `Content-Encoding: gzip`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object {
    /// Its bytes.
    pub content: Bytes,
    /// Names in small letters, without `x-amz-meta-`, and values.
    pub metadata: Vec<(String, String)>,
}

impl Object {
    /// A metadata's value.
    #[must_use]
    pub fn metadata(&self, name: &str) -> Option<&str> {
        let found = self.metadata.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Why a bucket did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is none of that name.
    #[error("NoSuchBucket: there is no bucket `{bucket}`")]
    NoBucket {
        /// Its name.
        bucket: String,
    },
    /// Its policy does not allow it.
    #[error(
        "AccessDenied: the policy of the bucket `{bucket}` does not allow cloudtrail.amazonaws.com {action} on `{on}`"
    )]
    NotAllowed {
        /// Its name.
        bucket: String,
        /// Such as `s3:PutObject`.
        action: &'static str,
        /// The key, or nothing for the bucket itself.
        on: String,
    },
    /// It failed.
    #[error("{why}")]
    Failed {
        /// How.
        why: String,
    },
}
