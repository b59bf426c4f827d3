//! Buckets, and what is set for them.

use std::net::Ipv4Addr;
use std::sync::Arc;

use policy::Document;

use super::{Objects, bucket};
use crate::error::Error;
use crate::limits::BUCKETS_MAX;
use crate::rows::{self, BUCKETS, Bucket, Id, META, OBJECTS, PublicAccessBlock, UPLOADS};

/// The row of `meta` that holds the next bucket's id.
const NEXT_BUCKET: &str = "next-bucket";

impl Objects {
    /// Makes a bucket. It is private: all four parts of its public access block are on.
    ///
    /// # Errors
    /// [`Error::BucketName`], [`Error::BucketExists`], [`Error::TooManyBuckets`].
    pub async fn create_bucket(&self, name: &str, tags: Vec<rows::Tag>) -> Result<(), Error> {
        if !is_bucket_name(name) {
            return Err(Error::BucketName {
                bucket: name.chars().take(128).collect(),
            });
        }
        self.files.check_room(0)?;
        let (name, created) = (name.to_owned(), self.clock.now());
        self.change(move |view, changes| {
            if view.get(BUCKETS, name.as_bytes())?.is_some() {
                return Err(Error::BucketExists { bucket: name });
            }
            if view.prefix(BUCKETS, b"").count() >= BUCKETS_MAX {
                return Err(Error::TooManyBuckets { limit: BUCKETS_MAX });
            }
            let id: Id = rows::get(view, META, NEXT_BUCKET.as_bytes())?.unwrap_or(1);
            rows::put(changes, META, NEXT_BUCKET.into(), &(id + 1))?;
            let row = Bucket {
                id,
                created,
                policy: None,
                tags,
                public_access_block: Some(PublicAccessBlock::ALL),
                has_ownership: true,
                is_suspended: false,
                lifecycle: Vec::new(),
            };
            rows::put(changes, BUCKETS, name.into_bytes(), &row)
        })
        .await
    }

    /// Deletes an empty bucket, with the uploads that were never completed.
    ///
    /// # Errors
    /// [`Error::BucketNotFound`], [`Error::BucketNotEmpty`].
    pub async fn delete_bucket(&self, name: &str) -> Result<(), Error> {
        self.check_empty(name).await?;
        self.abort_all(name).await?;
        let name = name.to_owned();
        self.change(move |view, changes| {
            let found = bucket(view, &name)?;
            let mut rows =
                [OBJECTS, UPLOADS].map(|table| view.prefix(table, &found.id.to_be_bytes()));
            if rows.iter_mut().any(|rows| rows.next().is_some()) {
                return Err(Error::BucketNotEmpty { bucket: name });
            }
            changes.remove(BUCKETS, name.into_bytes());
            Ok(())
        })
        .await
    }

    async fn check_empty(&self, name: &str) -> Result<(), Error> {
        let name = name.to_owned();
        self.look(move |view| {
            let id = bucket(view, &name)?.id;
            match view.prefix(OBJECTS, &id.to_be_bytes()).next() {
                None => Ok(()),
                Some(_) => Err(Error::BucketNotEmpty { bucket: name }),
            }
        })
        .await
    }

    /// What a bucket is.
    ///
    /// # Errors
    /// [`Error::BucketNotFound`].
    pub async fn bucket(&self, name: &str) -> Result<Bucket, Error> {
        let name = name.to_owned();
        self.look(move |view| bucket(view, &name)).await
    }

    /// Whether there is such a bucket.
    ///
    /// # Errors
    /// When the tables refuse.
    pub async fn has_bucket(&self, name: &str) -> Result<bool, Error> {
        match self.bucket(name).await {
            Ok(_) => Ok(true),
            Err(Error::BucketNotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// All buckets by name, after `after`, at most `max`.
    ///
    /// # Errors
    /// When the tables refuse.
    pub async fn buckets(
        &self,
        prefix: &str,
        after: &str,
        max: usize,
    ) -> Result<Vec<(String, Bucket)>, Error> {
        let (prefix, after) = (prefix.to_owned(), after.to_owned());
        self.look(move |view| {
            let mut found = Vec::new();
            for row in view.prefix(BUCKETS, prefix.as_bytes()) {
                let (name, row) = row?;
                if name.as_ref() <= after.as_bytes() && !after.is_empty() {
                    continue;
                }
                if found.len() == max {
                    break;
                }
                let name = String::from_utf8_lossy(&name).into_owned();
                found.push((name, rows::read(BUCKETS, &row)?));
            }
            Ok(found)
        })
        .await
    }

    /// What decides about requests on a bucket, and on one of its objects: the bucket's policy, read, and the tags that the object
    /// has. `is_ours`: whether who asks is of the account. Reads two small rows; nothing where there is no such bucket.
    ///
    /// # Errors
    /// When the tables refuse.
    pub(crate) fn standing(
        &self,
        name: &str,
        key: Option<&str>,
        is_ours: bool,
    ) -> Result<(Option<Arc<Document>>, Vec<rows::Tag>), Error> {
        let view = self.tables.view();
        let Some(found) = rows::get::<Bucket>(&view, BUCKETS, name.as_bytes())? else {
            return Ok((None, Vec::new()));
        };
        let object = match key {
            Some(key) => super::find(&view, found.id, key)?,
            None => None,
        };
        let tags = object.map(|object| object.tags).unwrap_or_default();
        Ok((self.policies.of(&found, is_ours), tags))
    }

    /// The policy of a bucket, read; `None` where it has none or is not there.
    ///
    /// # Errors
    /// When the tables refuse.
    pub fn policy(&self, name: &str) -> Result<Option<Arc<Document>>, Error> {
        let is_ours = true;
        Ok(self.standing(name, None, is_ours)?.0)
    }

    /// Changes what is set for a bucket.
    ///
    /// # Errors
    /// [`Error::BucketNotFound`], and what `set` refuses.
    pub async fn set(
        &self,
        name: &str,
        set: impl FnOnce(&mut Bucket) -> Result<(), Error> + Send + 'static,
    ) -> Result<(), Error> {
        let name = name.to_owned();
        self.change(move |view, changes| {
            let mut found = bucket(view, &name)?;
            set(&mut found)?;
            rows::put(changes, BUCKETS, name.into_bytes(), &found)
        })
        .await
    }
}

/// Source: Amazon S3 User Guide, "General purpose bucket naming rules".
fn is_bucket_name(name: &str) -> bool {
    let is_of = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = [name.bytes().next(), name.bytes().last()];
    (3..=63).contains(&name.len())
        && name
            .bytes()
            .all(|byte| is_of(byte) || byte == b'.' || byte == b'-')
        && ends.into_iter().all(|end| end.is_some_and(is_of))
        && !name.contains("..")
        && name.parse::<Ipv4Addr>().is_err()
        && !["xn--", "sthree-", "amzn-s3-demo-"]
            .iter()
            .any(|start| name.starts_with(start))
        && !["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"]
            .iter()
            .any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the User Guide, and the edges of its rules.
    #[test]
    fn names_follow_the_rules() {
        for (name, expected) in [
            (
                "docexamplebucket-1a1b2c3d4-5678-90ab-cdef-EXAMPLEaaaaa",
                false,
            ),
            ("amzn-s3-demo-bucket1", false),
            ("example-bucket", true),
            ("example.com", true),
            ("www.example.com", true),
            ("my.example.s3.bucket", true),
            ("abc", true),
            ("ab", false),
            ("", false),
            (&"a".repeat(63), true),
            (&"a".repeat(64), false),
            ("example_bucket", false),
            ("ExampleBucket", false),
            ("example-bucket-", false),
            ("example..com", false),
            ("192.168.5.4", false),
            ("xn--example", false),
            ("example-s3alias", false),
            ("a/b", false),
        ] {
            assert_eq!(is_bucket_name(name), expected, "{name}");
        }
    }
}
