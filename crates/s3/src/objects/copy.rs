//! Copying an object, or a part out of one.
//!
//! The bytes are read and written again: a copy shares nothing with what it is of.

use futures_util::StreamExt;

use super::{Matches, Objects, Opened, ReadConditions, Select, check_key, put, tag};
use crate::error::Error;
use crate::files::{Source, Written};
use crate::limits::{OBJECT_TAGS_MAX, PUT_BYTES_MAX};
use crate::rows::{About, Object, Tag};
use crate::sums::Algorithm;

/// What is copied, and when.
#[derive(Clone, Debug, Default)]
pub struct From {
    /// Its bucket.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// Which part of it.
    pub select: Select,
    /// Whether it is copied.
    pub conditions: ReadConditions,
}

/// What the copy is, beside its bytes.
#[derive(Clone, Debug, Default)]
pub struct Copy {
    /// What is said of it; as of what it is copied from, where there is nothing here.
    pub about: Option<About>,
    /// Its tags; those of what it is copied from, where there is nothing here.
    pub tags: Option<Vec<Tag>>,
    /// Its checksum; that of what it is copied from, where there is nothing here.
    pub algorithm: Option<Algorithm>,
    /// When it may be put.
    pub matches: Matches,
}

impl Objects {
    /// Copies an object.
    ///
    /// # Errors
    /// As getting and putting; [`Error::OntoItself`] where it is copied onto itself without a change.
    pub async fn copy(
        &self,
        bucket: &str,
        key: &str,
        from: From,
        copy: Copy,
    ) -> Result<Object, Error> {
        check_key(key)?;
        let is_itself = from.bucket == bucket && from.key == key;
        if is_itself && copy.about.is_none() && copy.algorithm.is_none() {
            return Err(Error::OntoItself);
        }
        let (opened, about, tags) = self.open_source(from, copy.about, copy.tags).await?;
        put::check_about(&about)?;
        tag::check_tags(&tags, OBJECT_TAGS_MAX)?;
        self.check_before(bucket, key, copy.matches.clone()).await?;
        let algorithm = copy.algorithm.unwrap_or_else(|| same_algorithm(&opened));
        let written = self.write_again(opened, algorithm).await?;
        self.place(bucket, key, about, tags, copy.matches, written)
            .await
    }

    async fn open_source(
        &self,
        from: From,
        about: Option<About>,
        tags: Option<Vec<Tag>>,
    ) -> Result<(Opened, About, Vec<Tag>), Error> {
        let opened = self.open_from(&from).await?;
        let object = &opened.found.object;
        let about = about.unwrap_or_else(|| object.about.clone());
        let tags = tags.unwrap_or_else(|| object.tags.clone());
        Ok((opened, about, tags))
    }

    /// Opens what is to be copied.
    pub(super) async fn open_from(&self, from: &From) -> Result<Opened, Error> {
        let conditions = from.conditions.clone();
        let opened = self
            .open_object(&from.bucket, &from.key, from.select, conditions)
            .await;
        match opened {
            Err(Error::NotModified) => Err(Error::Precondition {
                condition: "x-amz-copy-source-if-none-match or x-amz-copy-source-if-modified-since",
            }),
            other => other,
        }
    }

    pub(super) async fn write_again(
        &self,
        opened: Opened,
        algorithm: Algorithm,
    ) -> Result<Written, Error> {
        let range = opened.found.range.clone();
        let source: Source = opened.body.map(|chunk| chunk.map_err(Into::into)).boxed();
        self.files
            .write(
                source,
                Some(range.end - range.start),
                PUT_BYTES_MAX,
                algorithm,
            )
            .await
    }
}

/// The checksum that the source has.
fn same_algorithm(opened: &Opened) -> Algorithm {
    let sum = opened.found.object.sum.as_ref();
    sum.map_or(Algorithm::Crc64Nvme, |sum| sum.algorithm)
}
