//! What can go wrong with buckets and objects.

use std::io;

use store::Poisoned;
use store::tables;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such bucket.
    #[error("bucket `{bucket}` does not exist")]
    BucketNotFound {
        /// Its name.
        bucket: String,
    },
    /// There is one of that name.
    #[error("bucket `{bucket}` exists already, and you own it")]
    BucketExists {
        /// Its name.
        bucket: String,
    },
    /// It holds objects.
    #[error("bucket `{bucket}` is not empty; delete its objects first")]
    BucketNotEmpty {
        /// Its name.
        bucket: String,
    },
    /// No more buckets.
    #[error("there are {limit} buckets already, which is the most")]
    TooManyBuckets {
        /// The most.
        limit: usize,
    },
    /// Not a name.
    #[error(
        "`{bucket}` is no name of a bucket: 3 to 63 of a-z, 0-9, `.` and `-`, a letter or digit at each end, no `..`, no IP address"
    )]
    BucketName {
        /// What was given.
        bucket: String,
    },
    /// A region that is not this server's.
    #[error("the location constraint `{asked}` is not this server's region, `{region}`")]
    Place {
        /// What was asked for.
        asked: String,
        /// The server's.
        region: String,
    },
    /// No such object.
    #[error("key `{key}` does not exist")]
    KeyNotFound {
        /// The key.
        key: String,
    },
    /// There is only the version `null`.
    #[error(
        "version `{version}` does not exist; this server keeps one version of an object, `null`"
    )]
    VersionNotFound {
        /// What was asked for.
        version: String,
    },
    /// A key that is too long.
    #[error(
        "the key has {bytes} bytes in UTF-8; at most {} are allowed",
        crate::limits::KEY_BYTES_MAX
    )]
    KeyTooLong {
        /// How many it has.
        bytes: usize,
    },
    /// No such upload.
    #[error("upload `{upload}` does not exist; it may have been completed or aborted")]
    UploadNotFound {
        /// Its id.
        upload: String,
    },
    /// A part that is not there, or is another one.
    #[error("part {number} was not uploaded, or its ETag is another one")]
    PartNotFound {
        /// Its number.
        number: u16,
    },
    /// Parts that are not in order.
    #[error("the list of parts is not in ascending order of their numbers, each once")]
    PartOrder,
    /// A part that is too small.
    #[error(
        "part {number} has {bytes} bytes; all but the last need at least {}",
        crate::limits::PART_BYTES_MIN
    )]
    PartTooSmall {
        /// Its number.
        number: u16,
        /// How many it has.
        bytes: u64,
    },
    /// A condition of the request does not hold.
    #[error("the condition {condition} does not hold")]
    Precondition {
        /// The header, such as `If-Match`.
        condition: &'static str,
    },
    /// What the caller has is what there is.
    #[error("the object has not changed")]
    NotModified,
    /// Another change came in between.
    #[error("another request changed the object in between; try again")]
    Conflict,
    /// Too many bytes.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// The most.
        limit: u64,
    },
    /// Too much metadata.
    #[error(
        "the metadata has {bytes} bytes; at most {} are allowed",
        crate::limits::METADATA_BYTES_MAX
    )]
    MetadataTooLarge {
        /// How many it has.
        bytes: usize,
    },
    /// The body is not the one that its checksum is of.
    #[error("the {algorithm} that was sent does not match what arrived, which is {computed}")]
    Digest {
        /// Such as `CRC32` or `Content-MD5`.
        algorithm: &'static str,
        /// In base64.
        computed: String,
    },
    /// A checksum that is none.
    #[error("`{value}` is not a {algorithm} in base64")]
    NotDigest {
        /// Such as `CRC32` or `Content-MD5`.
        algorithm: &'static str,
        /// What was sent.
        value: String,
    },
    /// The body ended early.
    #[error("the body ended before it was complete")]
    BodyBroken(#[source] api::BodyError),
    /// A range beyond the end.
    #[error("the range does not begin within the object's {bytes} bytes")]
    Range {
        /// How many it has.
        bytes: u64,
    },
    /// A part that the object does not have.
    #[error("the object has {count} parts, and no part {number}")]
    PartRange {
        /// What was asked for.
        number: u16,
        /// How many it has.
        count: usize,
    },
    /// A parameter that is not what it must be.
    #[error("{name}: {detail}")]
    Argument {
        /// Such as `partNumber`.
        name: &'static str,
        /// What is wrong and what would be right.
        detail: String,
    },
    /// A copy that changes nothing.
    #[error(
        "the object would be copied onto itself without a change; say x-amz-metadata-directive: REPLACE"
    )]
    OntoItself,
    /// Tags that are not in form.
    #[error("{0}")]
    Tag(String),
    /// A document that is not in form.
    #[error("{0}")]
    Malformed(String),
    /// A policy that is none.
    #[error("{0}")]
    Policy(String),
    /// A policy that would open the bucket to all, which its public access block forbids.
    #[error(
        "the policy allows access to everybody, and the bucket's public access block has BlockPublicPolicy"
    )]
    PublicPolicy,
    /// A setting that the bucket does not have.
    #[error("bucket `{bucket}` has no {setting}")]
    Absent {
        /// The bucket.
        bucket: String,
        /// Which.
        setting: Setting,
    },
    /// Access control lists are off.
    #[error(
        "the bucket does not allow ACLs: its owner owns and controls every object. `bucket-owner-full-control` is taken; use policies for the rest"
    )]
    NoAcl,
    /// What this server does not do.
    #[error("{0}")]
    Unsupported(String),
    /// The caller meant a bucket of somebody else.
    #[error("the bucket is not of the account that the request expects")]
    ExpectedOwner,
    /// No room on the disk.
    #[error("the disk has no room for it beyond its reserve of {reserve}")]
    NoRoom {
        /// What is left free.
        reserve: base::ByteCount,
    },
    /// Too many bodies at a time.
    #[error("too many bodies are being written; try again")]
    Busy,
    /// The gateway's word.
    #[error(transparent)]
    Denied(#[from] api::Fault),
    /// The disk refused.
    #[error("the disk refused {step}")]
    Disk {
        /// What was tried.
        step: &'static str,
        /// Why.
        source: io::Error,
    },
    /// A row that is none.
    #[error("a row of the table `{table}` cannot be read")]
    Row {
        /// Which.
        table: &'static str,
        /// Why.
        source: serde_json::Error,
    },
    /// The tables refused.
    #[error("the tables cannot be read")]
    Tables(#[from] tables::Error),
    /// The tables do not take changes any more.
    #[error(transparent)]
    Poisoned(#[from] Poisoned),
    /// A task of ours ended.
    #[error("a task of this process ended before its work")]
    Ended,
}

/// What a bucket may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// `?policy`
    Policy,
    /// `?tagging`
    Tags,
    /// `?lifecycle`
    Lifecycle,
    /// `?publicAccessBlock`
    PublicAccessBlock,
    /// `?ownershipControls`
    Ownership,
    /// `?encryption`
    Encryption,
    /// `?cors`
    Cors,
    /// `?website`
    Website,
    /// `?replication`
    Replication,
    /// `?object-lock`
    ObjectLock,
}

impl std::fmt::Display for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Policy => "policy",
            Self::Tags => "tags",
            Self::Lifecycle => "lifecycle configuration",
            Self::PublicAccessBlock => "public access block",
            Self::Ownership => "ownership controls",
            Self::Encryption => "encryption: objects lie on the disk as they are",
            Self::Cors => "CORS configuration",
            Self::Website => "website configuration",
            Self::Replication => "replication configuration",
            Self::ObjectLock => "object lock configuration",
        })
    }
}

impl Error {
    pub(crate) fn disk(step: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Disk { step, source }
    }

    pub(crate) fn argument(name: &'static str, detail: impl Into<String>) -> Self {
        Self::Argument {
            name,
            detail: detail.into(),
        }
    }
}
