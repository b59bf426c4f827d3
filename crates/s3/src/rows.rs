//! How buckets, objects and uploads lie in the tables.
//!
//! | table | key | value |
//! |---|---|---|
//! | `buckets` | name | [`Bucket`] |
//! | `objects` | bucket's id, key | [`Object`] |
//! | `pieces` | content's id | list of [`Piece`] |
//! | `uploads` | bucket's id, key, `0`, upload's id | [`Upload`] |
//! | `parts` | upload's id, number | [`Piece`] |
//! | `files` | file's id | its bytes: the file is part of something |
//! | `trash` | file's id | nothing: the file is part of nothing any more |
//! | `meta` | name | numbers of this store |
//!
//! Ids are numbers, eight bytes with the largest first. Values are JSON; members that are not known are kept out of the way, so
//! that a newer build can be gone back from. A bucket that is made again under its name has another id, and so none of
//! the objects of the one before.

use std::collections::BTreeMap;

use base::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use store::tables::{Changes, Table, View};

use crate::error::Error;
use crate::sums::Sum;

pub(crate) const BUCKETS: Table = "buckets";
pub(crate) const OBJECTS: Table = "objects";
pub(crate) const PIECES: Table = "pieces";
pub(crate) const UPLOADS: Table = "uploads";
pub(crate) const PARTS: Table = "parts";
pub(crate) const FILES: Table = "files";
pub(crate) const TRASH: Table = "trash";
pub(crate) const META: Table = "meta";

/// All of them.
pub(crate) const ALL: &[Table] = &[BUCKETS, OBJECTS, PIECES, UPLOADS, PARTS, FILES, TRASH, META];

/// A number that names something for ever.
pub(crate) type Id = u64;

/// The id of an upload: random, since who knows it may add to it.
pub(crate) type UploadId = [u8; 16];

/// A bucket with all that is set for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bucket {
    pub(crate) id: Id,
    /// When it was made.
    #[serde(with = "millis")]
    pub created: Timestamp,
    /// Its policy, as it was set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
    /// What of public access is blocked; `None` where that was taken away.
    #[serde(default)]
    pub public_access_block: Option<PublicAccessBlock>,
    /// Whether it has ownership controls; they are always "bucket owner enforced".
    #[serde(default)]
    pub has_ownership: bool,
    /// Whether versioning was suspended, which is what it always is; or never spoken of.
    #[serde(default)]
    pub is_suspended: bool,
    /// What happens to objects by their age.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lifecycle: Vec<Rule>,
}

/// A tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// 1 to 128 characters.
    pub key: String,
    /// 0 to 256 characters.
    pub value: String,
}

/// `PublicAccessBlockConfiguration`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "as the API has them")]
pub struct PublicAccessBlock {
    /// Public ACLs are refused; all ACLs are.
    pub block_public_acls: bool,
    /// Public ACLs count for nothing; there are none.
    pub ignore_public_acls: bool,
    /// Policies that allow everybody are refused.
    pub block_public_policy: bool,
    /// Under a policy that allows everybody, only the account's own principals are let in.
    pub restrict_public_buckets: bool,
}

impl PublicAccessBlock {
    /// What a new bucket has.
    pub const ALL: Self = Self {
        block_public_acls: true,
        ignore_public_acls: true,
        block_public_policy: true,
        restrict_public_buckets: true,
    };
}

/// A rule of a bucket's lifecycle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its name.
    pub id: String,
    /// Whether it holds.
    pub is_enabled: bool,
    /// Whether its filter was given in the old way, beside the filter.
    #[serde(default)]
    pub is_plain_prefix: bool,
    /// Keys begin with it.
    pub prefix: Option<String>,
    /// Objects have all of these tags.
    #[serde(default)]
    pub tags: Vec<Tag>,
    /// Objects are larger than this.
    pub larger_than: Option<u64>,
    /// Objects are smaller than this.
    pub smaller_than: Option<u64>,
    /// Objects go so many days after they were made.
    pub days: Option<u32>,
    /// Objects go from this time on.
    #[serde(default, with = "maybe_millis")]
    pub date: Option<Timestamp>,
    /// Delete markers that hide nothing go; there are none.
    pub delete_markers: Option<bool>,
    /// Older versions go; there are none. Days, and how many are kept.
    #[serde(default)]
    pub noncurrent: Option<(u32, Option<u32>)>,
    /// Uploads go so many days after they began.
    pub abort_days: Option<u32>,
}

/// An object.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Object {
    /// How long it is.
    pub bytes: u64,
    /// When it was put.
    #[serde(with = "millis")]
    pub modified: Timestamp,
    /// Its ETag, without quotes.
    pub etag: String,
    pub(crate) content: Content,
    /// What its owner said of it.
    #[serde(default)]
    pub about: About,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
    /// Its checksum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum: Option<Sum>,
}

/// What an object's owner says of it, and gets back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// `Content-Type`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// `Cache-Control`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<String>,
    /// `Content-Disposition`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_disposition: Option<String>,
    /// `Content-Encoding`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_encoding: Option<String>,
    /// `Content-Language`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_language: Option<String>,
    /// `Expires`
    #[serde(
        default,
        with = "maybe_millis",
        skip_serializing_if = "Option::is_none"
    )]
    pub expires: Option<Timestamp>,
    /// `x-amz-website-redirect-location`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect: Option<String>,
    /// `x-amz-meta-*`
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// Where an object's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Content {
    /// It has none.
    #[serde(rename = "none")]
    None,
    /// In one file.
    #[serde(rename = "file")]
    File(Id),
    /// In the files of the parts that it was made of, listed in `pieces`.
    #[serde(rename = "parts")]
    Parts {
        /// The list.
        id: Id,
        /// How many.
        count: u16,
    },
}

/// A part of an upload, and of the object that it became.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Piece {
    /// 1 to 10,000.
    pub number: u16,
    pub(crate) file: Option<Id>,
    /// How long it is.
    pub bytes: u64,
    /// The MD5 of its bytes in hex.
    pub etag: String,
    /// When it was put.
    #[serde(with = "millis")]
    pub modified: Timestamp,
    /// Its checksum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum: Option<Sum>,
}

/// An upload that is not complete.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Upload {
    /// When it began.
    #[serde(with = "millis")]
    pub begun: Timestamp,
    /// Who began it.
    pub by: String,
    /// What is said of the object that it will be.
    pub about: About,
    /// That object's tags.
    #[serde(default)]
    pub tags: Vec<Tag>,
    /// Which checksum its parts have, and whether the object's is of its bytes or of the parts'.
    #[serde(default)]
    pub sums: Option<(crate::sums::Algorithm, crate::sums::Kind)>,
}

pub(crate) fn object_key(bucket: Id, key: &str) -> Vec<u8> {
    let mut row = Vec::with_capacity(8 + key.len());
    row.extend_from_slice(&bucket.to_be_bytes());
    row.extend_from_slice(key.as_bytes());
    row
}

/// The key of the object in a row's key; `None` where it is none.
pub(crate) fn key_of(row: &[u8]) -> Option<&str> {
    std::str::from_utf8(row.get(8..)?).ok()
}

pub(crate) fn upload_key(bucket: Id, key: &str, upload: &UploadId) -> Vec<u8> {
    let mut row = object_key(bucket, key);
    row.push(0);
    row.extend_from_slice(upload);
    row
}

/// Key and id of the upload in a row's key.
pub(crate) fn upload_of(row: &[u8]) -> Option<(&str, UploadId)> {
    let (rest, id) = row.split_last_chunk::<16>()?;
    let (_, key) = rest.split_last()?;
    Some((key_of(key)?, *id))
}

pub(crate) fn part_key(upload: &UploadId, number: u16) -> Vec<u8> {
    let mut row = upload.to_vec();
    row.extend_from_slice(&number.to_be_bytes());
    row
}

/// Reads one row.
pub(crate) fn get<T: DeserializeOwned>(
    view: &View,
    table: Table,
    key: &[u8],
) -> Result<Option<T>, Error> {
    let row = view.get(table, key)?;
    row.map(|row| read(table, &row)).transpose()
}

pub(crate) fn read<T: DeserializeOwned>(table: Table, row: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(row).map_err(|source| Error::Row { table, source })
}

/// Writes one row.
pub(crate) fn put<T: Serialize>(
    changes: &mut Changes,
    table: Table,
    key: Vec<u8>,
    row: &T,
) -> Result<(), Error> {
    let row = serde_json::to_vec(row).map_err(|source| Error::Row { table, source })?;
    changes.put(table, key, row);
    Ok(())
}

mod millis {
    use base::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(at.as_millis())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        u64::deserialize(from).map(Timestamp::from_millis)
    }
}

mod maybe_millis {
    use base::Timestamp;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde's form")]
    pub(super) fn serialize<S: Serializer>(
        at: &Option<Timestamp>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        at.map(Timestamp::as_millis).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        Ok(Option::deserialize(from)?.map(Timestamp::from_millis))
    }
}
