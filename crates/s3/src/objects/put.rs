//! Putting an object.

use store::tables::{Changes, View};

use super::{Matches, Objects, bucket, check_key, find, name_file, replace, tag};
use crate::error::Error;
use crate::files::{Source, Written};
use crate::limits::{METADATA_BYTES_MAX, OBJECT_TAGS_MAX, PUT_BYTES_MAX};
use crate::rows::{About, Content, Object, Tag};
use crate::sums::Algorithm;

/// What is put, beside its bytes.
#[derive(Default)]
pub struct Put {
    /// What is said of it.
    pub about: About,
    /// At most 10.
    pub tags: Vec<Tag>,
    /// When it may be put.
    pub matches: Matches,
    /// How long it says to be.
    pub length: Option<u64>,
    /// What it must be.
    pub digests: Digests,
}

/// What a body must be.
#[derive(Default)]
pub struct Digests {
    /// `Content-MD5`
    pub md5: Option<String>,
    /// Which checksum; CRC-64/NVME where nobody says.
    pub algorithm: Option<Algorithm>,
    /// Its value, if it came before the body.
    pub sum: Option<String>,
    /// Its value, if it comes after the body. Asked once the body has been read.
    pub trailer: Option<Box<dyn FnOnce() -> Option<String> + Send>>,
}

impl Digests {
    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm.unwrap_or(Algorithm::Crc64Nvme)
    }

    /// Refuses what cannot be right, before the body is read.
    pub(super) fn check_form(&self) -> Result<(), Error> {
        if let Some(md5) = &self.md5 {
            crate::sums::check_md5_form(md5)?;
        }
        match &self.sum {
            Some(sum) => self.algorithm().check(sum),
            None => Ok(()),
        }
    }

    /// Refuses a body that is another one.
    pub(super) fn check(self, written: &Written) -> Result<(), Error> {
        let late = self.trailer.and_then(|trailer| trailer());
        let sum = self.sum.or(late);
        written.hashed.check(self.md5.as_deref(), sum.as_deref())
    }
}

impl Objects {
    /// Puts an object, in the place of what was there.
    ///
    /// # Errors
    /// [`Error::BucketNotFound`], the conditions', the bounds', the checksums', [`Error::NoRoom`], [`Error::BodyBroken`].
    pub async fn put(
        &self,
        bucket_name: &str,
        key: &str,
        put: Put,
        source: Source,
    ) -> Result<Object, Error> {
        check_key(key)?;
        check_about(&put.about)?;
        tag::check_tags(&put.tags, OBJECT_TAGS_MAX)?;
        put.digests.check_form()?;
        self.check_before(bucket_name, key, put.matches.clone())
            .await?;
        let algorithm = put.digests.algorithm();
        let written = self
            .files
            .write(source, put.length, PUT_BYTES_MAX, algorithm)
            .await?;
        put.digests.check(&written)?;
        self.place(bucket_name, key, put.about, put.tags, put.matches, written)
            .await
    }

    /// Puts bytes that are there, for parts of this process.
    ///
    /// # Errors
    /// As [`Objects::put`].
    pub async fn put_bytes(
        &self,
        bucket_name: &str,
        key: &str,
        put: Put,
        bytes: bytes::Bytes,
    ) -> Result<Object, Error> {
        let source = futures_util::stream::iter([Ok(bytes)]);
        self.put(bucket_name, key, put, Box::pin(source)).await
    }

    /// Refuses early what would be refused after the body was read.
    pub(super) async fn check_before(
        &self,
        bucket_name: &str,
        key: &str,
        matches: Matches,
    ) -> Result<(), Error> {
        let (bucket_name, key) = (bucket_name.to_owned(), key.to_owned());
        self.look(move |view| {
            let id = bucket(view, &bucket_name)?.id;
            matches.check_write(&key, find(view, id, &key)?.as_ref())
        })
        .await
    }

    /// Makes what was written the object at `key`.
    pub(super) async fn place(
        &self,
        bucket_name: &str,
        key: &str,
        about: About,
        tags: Vec<Tag>,
        matches: Matches,
        written: Written,
    ) -> Result<Object, Error> {
        let (bucket_name, key) = (bucket_name.to_owned(), key.to_owned());
        let modified = self.clock.now();
        let placed = self
            .change(move |view, changes| {
                let id = bucket(view, &bucket_name)?.id;
                matches.check_write(&key, find(view, id, &key)?.as_ref())?;
                let object = Object {
                    bytes: written.bytes,
                    modified,
                    etag: written.hashed.etag(),
                    content: match &written.draft {
                        None => Content::None,
                        Some(draft) => Content::File(draft.id()),
                    },
                    about,
                    tags,
                    sum: Some(written.hashed.sum.clone()),
                };
                replace(view, changes, id, &key, &object)?;
                keep(changes, written);
                Ok(object)
            })
            .await?;
        self.files.told_of_trash();
        Ok(placed)
    }

    /// Changes an object's row, if it is there.
    pub(super) async fn change_object(
        &self,
        bucket_name: &str,
        key: &str,
        set: impl FnOnce(&mut Object) -> Result<(), Error> + Send + 'static,
    ) -> Result<(), Error> {
        let (bucket_name, key) = (bucket_name.to_owned(), key.to_owned());
        self.change(move |view: &View, changes| {
            let id = bucket(view, &bucket_name)?.id;
            let mut found = super::object(view, id, &key)?;
            set(&mut found)?;
            let row = crate::rows::object_key(id, &key);
            crate::rows::put(changes, crate::rows::OBJECTS, row, &found)
        })
        .await
    }
}

/// The last step of a change that names what was written.
pub(super) fn keep(changes: &mut Changes, written: Written) {
    if let Some(draft) = written.draft {
        name_file(changes, draft.id(), written.bytes);
        draft.keep();
    }
}

pub(super) fn check_about(about: &About) -> Result<(), Error> {
    let pairs = about.metadata.iter();
    let bytes = pairs.map(|(name, value)| name.len() + value.len()).sum();
    match bytes > METADATA_BYTES_MAX {
        true => Err(Error::MetadataTooLarge { bytes }),
        false => Ok(()),
    }
}

impl std::fmt::Debug for Put {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Put")
            .field("about", &self.about)
            .field("matches", &self.matches)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Digests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Digests")
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}
