//! Every bound of the objects.
//!
//! Source: Amazon S3 User Guide, "Amazon S3 quotas", "Multipart upload limits"; API reference of PutObject, DeleteObjects,
//! PutObjectTagging, PutBucketTagging, PutBucketPolicy. What is chosen says so.

use base::ByteCount;

/// The most bytes of a key in UTF-8.
pub const KEY_BYTES_MAX: usize = 1024;
/// The most bytes of an object's own metadata: names and values together.
pub const METADATA_BYTES_MAX: usize = 2048;
/// The most bytes of an object.
pub const OBJECT_BYTES_MAX: u64 = 5 << 40;
/// The most bytes of one put, one part or one copy.
pub const PUT_BYTES_MAX: u64 = 5 << 30;
/// The fewest bytes of a part that is not the last.
pub const PART_BYTES_MIN: u64 = 5 << 20;
/// The most parts of an upload, and the highest number of one.
pub const PARTS_MAX: u16 = 10_000;
/// The most entries of a page of any listing.
pub const PAGE_MAX: usize = 1000;
/// The most keys of one `DeleteObjects`.
pub const DELETE_MAX: usize = 1000;
/// The most tags of an object.
pub const OBJECT_TAGS_MAX: usize = 10;
/// The most tags of a bucket.
pub const BUCKET_TAGS_MAX: usize = 50;
/// The most characters of a tag's key.
pub const TAG_KEY_CHARS_MAX: usize = 128;
/// The most characters of a tag's value.
pub const TAG_VALUE_CHARS_MAX: usize = 256;
/// The most bytes of a bucket's policy.
pub const POLICY_BYTES_MAX: usize = 20 * 1024;
/// The most rules of a bucket's lifecycle.
pub const LIFECYCLE_RULES_MAX: usize = 1000;
/// The most characters of a rule's id.
pub const RULE_ID_CHARS_MAX: usize = 255;
/// The most buckets.
pub const BUCKETS_MAX: usize = 10_000;
/// The most bytes of a body that is read as XML. Chosen: 1000 keys of 1 KiB, escaped.
pub const XML_BYTES_MAX: usize = 8 << 20;

/// Bounds that depend on the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that puts leave free on the disk, so that deletes and the journal go on. Beyond it: 507.
    pub reserve: ByteCount,
    /// Bodies that are written at a time; each holds up to [`Limits::chunk`] of memory. Beyond it: 503.
    pub writes: usize,
    /// Bytes of a body that are gathered before they are hashed and written.
    pub chunk: ByteCount,
}

impl Default for Limits {
    /// Chosen: 256 MiB of memory at most.
    fn default() -> Self {
        Self {
            reserve: ByteCount::mib(128),
            writes: 256,
            chunk: ByteCount::mib(1),
        }
    }
}
