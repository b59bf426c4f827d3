//! Digests: which log files were put in a stretch of time, each with its hash, signed, each one naming the one before.
//!
//! # Format
//! One JSON object, compressed with gzip when it is put; the object's metadata has `signature`, hexadecimal digits, and
//! `signature-algorithm`, `SHA256withRSA`. Members and their order are those of the user guide's sample. Signed is, joined
//! by line feeds:
//! ```text
//! 2015-08-17T15:01:31Z                                  end of the time
//! BUCKET/AWSLogs/111122223333/CloudTrail-Digest/…       where it lies
//! 5bb7…                                                 SHA-256 of the content before compression
//! 50887c…                                               the signature of the digest before, or the word null
//! ```
//! Source: CloudTrail user guide, digest file structure and custom validation.

mod key;

use base::{AccountId, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

pub use key::{KeyPair, Problem, PublicKey, VALID_FOR};

use crate::engine::state::{Digest, DigestPlan, LogFile, Trail};

/// The metadata that holds a digest's signature.
pub const SIGNATURE: &str = "signature";
/// The metadata that holds how it was signed.
pub const SIGNATURE_ALGORITHM: &str = "signature-algorithm";
/// How digests are signed.
pub const ALGORITHM: &str = "SHA256withRSA";

const HASH_ALGORITHM: &str = "SHA-256";

/// A digest's content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// The account.
    pub aws_account_id: String,
    /// The beginning of its time.
    pub digest_start_time: String,
    /// The end of its time.
    pub digest_end_time: String,
    /// The bucket that it lies in.
    #[serde(rename = "digestS3Bucket")]
    pub digest_s3_bucket: String,
    /// Its key.
    #[serde(rename = "digestS3Object")]
    pub digest_s3_object: String,
    /// Which key signed it.
    pub digest_public_key_fingerprint: String,
    /// How it is signed.
    pub digest_signature_algorithm: String,
    /// The time of the newest event of its files.
    pub newest_event_time: Option<String>,
    /// The time of the oldest event of its files.
    pub oldest_event_time: Option<String>,
    /// The bucket of the digest before.
    #[serde(rename = "previousDigestS3Bucket")]
    pub previous_digest_s3_bucket: Option<String>,
    /// The key of the digest before.
    #[serde(rename = "previousDigestS3Object")]
    pub previous_digest_s3_object: Option<String>,
    /// SHA-256 of the content of the digest before.
    pub previous_digest_hash_value: Option<String>,
    /// How that was hashed.
    pub previous_digest_hash_algorithm: Option<String>,
    /// The signature of the digest before.
    pub previous_digest_signature: Option<String>,
    /// Its files.
    pub log_files: Vec<Entry>,
}

/// A log file in a digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The bucket.
    #[serde(rename = "s3Bucket")]
    pub s3_bucket: String,
    /// The key.
    #[serde(rename = "s3Object")]
    pub s3_object: String,
    /// SHA-256 of the content before compression.
    pub hash_value: String,
    /// How it was hashed.
    pub hash_algorithm: String,
    /// The time of its newest event.
    pub newest_event_time: String,
    /// The time of its oldest event.
    pub oldest_event_time: String,
}

impl Document {
    /// The digest that `plan` of `trail` is about. The same state gives the same bytes.
    #[must_use]
    pub fn planned(account: &AccountId, trail: &Trail, plan: &DigestPlan) -> Self {
        let files = trail
            .digests
            .files
            .get(..plan.files)
            .unwrap_or(&trail.digests.files);
        let before = trail.digests.last.as_ref();
        let told = |tell: fn(&Digest) -> &str| before.map(|before| tell(before).to_owned());
        Self {
            aws_account_id: account.to_string(),
            digest_start_time: Timestamp::from(plan.start).rfc3339_secs(),
            digest_end_time: Timestamp::from(plan.end).rfc3339_secs(),
            digest_s3_bucket: plan.bucket.clone(),
            digest_s3_object: plan.key.clone(),
            digest_public_key_fingerprint: plan.fingerprint.clone(),
            digest_signature_algorithm: ALGORITHM.to_owned(),
            newest_event_time: files
                .iter()
                .map(|file| file.newest)
                .max()
                .map(|at| Timestamp::from(at).rfc3339_secs()),
            oldest_event_time: files
                .iter()
                .map(|file| file.oldest)
                .min()
                .map(|at| Timestamp::from(at).rfc3339_secs()),
            previous_digest_s3_bucket: told(|it| &it.bucket),
            previous_digest_s3_object: told(|it| &it.key),
            previous_digest_hash_value: told(|it| &it.hash),
            previous_digest_hash_algorithm: told(|_| HASH_ALGORITHM),
            previous_digest_signature: told(|it| &it.signature),
            log_files: files.iter().map(Entry::of).collect(),
        }
    }

    /// The content before compression.
    #[must_use]
    #[expect(clippy::expect_used, reason = "texts are always JSON")]
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("it is JSON")
    }

    /// What is signed for the content `encoded`, which was this.
    #[must_use]
    pub fn to_sign(&self, encoded: &[u8]) -> String {
        let before = self.previous_digest_signature.as_deref().unwrap_or("null");
        format!(
            "{}\n{}/{}\n{}\n{before}",
            self.digest_end_time,
            self.digest_s3_bucket,
            self.digest_s3_object,
            sha256(encoded)
        )
    }
}

impl Entry {
    fn of(file: &LogFile) -> Self {
        Self {
            s3_bucket: file.bucket.clone(),
            s3_object: file.key.clone(),
            hash_value: file.hash.clone(),
            hash_algorithm: HASH_ALGORITHM.to_owned(),
            newest_event_time: Timestamp::from(file.newest).rfc3339_secs(),
            oldest_event_time: Timestamp::from(file.oldest).rfc3339_secs(),
        }
    }
}

/// SHA-256 in hexadecimal digits.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    hex::encode(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests;
