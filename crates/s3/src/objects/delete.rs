//! Deleting objects.

use base::Timestamp;
use store::tables::{Changes, View};

use super::{Match, Objects, bucket, check_key, discard, find};
use crate::error::Error;
use crate::rows::{Id, OBJECTS, Object, object_key};

/// What was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// An object.
    Object,
    /// There was none, which is as good.
    Nothing,
}

/// An object to delete, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delete {
    /// Its key.
    pub key: String,
    /// Only where it has this ETag.
    pub matches: Option<Match>,
    /// Only where it was put then.
    pub modified: Option<Timestamp>,
    /// Only where it is so long.
    pub bytes: Option<u64>,
}

impl Delete {
    /// Whatever is at `key`.
    #[must_use]
    pub fn of(key: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            ..Self::default()
        }
    }

    fn check(&self, found: Option<&Object>) -> Result<(), Error> {
        let failed = |condition| Err(Error::Precondition { condition });
        let Some(object) = found else {
            return Ok(());
        };
        let has_etag = match &self.matches {
            Some(Match::ETag(etag)) => *etag == object.etag,
            Some(Match::Any) | None => true,
        };
        if !has_etag {
            return failed("If-Match");
        }
        if self
            .modified
            .is_some_and(|at| at.as_secs() != object.modified.as_secs())
        {
            return failed("x-amz-if-match-last-modified-time");
        }
        if self.bytes.is_some_and(|bytes| bytes != object.bytes) {
            return failed("x-amz-if-match-size");
        }
        Ok(())
    }
}

impl Objects {
    /// Deletes an object. That there was none is no error.
    ///
    /// # Errors
    /// [`Error::BucketNotFound`], the conditions'.
    pub async fn delete(&self, bucket_name: &str, delete: Delete) -> Result<Gone, Error> {
        let outcome = self.delete_all(bucket_name, vec![delete]).await?;
        outcome.into_iter().next().unwrap_or(Ok(Gone::Nothing))
    }

    /// Deletes objects, each by itself, in one change. Gives an outcome for each, in their order.
    ///
    /// # Errors
    /// [`Error::BucketNotFound`].
    pub async fn delete_all(
        &self,
        bucket_name: &str,
        all: Vec<Delete>,
    ) -> Result<Vec<Result<Gone, Error>>, Error> {
        let bucket_name = bucket_name.to_owned();
        let outcome = self
            .change(move |view, changes| {
                let id = bucket(view, &bucket_name)?.id;
                let mut seen = std::collections::HashSet::new();
                let one = |delete: Delete| {
                    check_key(&delete.key)?;
                    if !seen.insert(delete.key.clone()) {
                        return Ok(Gone::Nothing);
                    }
                    remove(view, changes, id, &delete)
                };
                Ok(all.into_iter().map(one).collect())
            })
            .await?;
        self.files.told_of_trash();
        Ok(outcome)
    }
}

/// Takes an object out, with its files.
pub(super) fn remove(
    view: &View,
    changes: &mut Changes,
    bucket: Id,
    delete: &Delete,
) -> Result<Gone, Error> {
    let found = find(view, bucket, &delete.key)?;
    delete.check(found.as_ref())?;
    let Some(object) = found else {
        return Ok(Gone::Nothing);
    };
    discard(view, changes, object.content)?;
    changes.remove(OBJECTS, object_key(bucket, &delete.key));
    Ok(Gone::Object)
}
