//! What goes by its age: objects and uploads that a rule of their bucket's lifecycle is for.
//!
//! An object that is put on some day expires at the first midnight (UTC) at least so many days later.
//!
//! Source: Amazon S3 User Guide, "Expiring objects", "Lifecycle rules: based on an object's age".

use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use store::tables::View;

use super::delete::{Delete, remove};
use super::{Objects, find};
use crate::error::Error;
use crate::rows::{self, BUCKETS, Bucket, Id, OBJECTS, Object, Rule, UPLOADS, Upload, UploadId};

/// Objects or uploads that are taken out in one change. Chosen.
const BATCH: usize = 200;
const DAY: Duration = Duration::from_secs(86_400);

/// What went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// Objects.
    pub objects: u64,
    /// Uploads that were not completed.
    pub uploads: u64,
}

impl Objects {
    /// Looks through all buckets that have rules, and takes out what is due now. Takes as long as it takes to read their keys.
    ///
    /// # Errors
    /// When the tables refuse; what went before stays gone.
    pub async fn expire(self: &Arc<Self>) -> Result<Expired, Error> {
        let mut expired = Expired::default();
        for (name, bucket) in self.buckets("", "", usize::MAX).await? {
            if !bucket.lifecycle.is_empty() {
                self.expire_objects(&name, &bucket, &mut expired).await?;
                self.expire_uploads(&name, &bucket, &mut expired).await?;
            }
        }
        Ok(expired)
    }

    async fn expire_objects(
        &self,
        name: &str,
        bucket: &Bucket,
        expired: &mut Expired,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let mut after = None;
        loop {
            let bucket = bucket.clone();
            let begin = after.take();
            let (due, next) = self
                .look(move |view| due_objects(view, &bucket, begin, now))
                .await?;
            if !due.is_empty() {
                expired.objects += self.expire_keys(name, due, now).await?;
            }
            match next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// Takes out those of `keys` that are due still.
    async fn expire_keys(
        &self,
        name: &str,
        keys: Vec<String>,
        now: Timestamp,
    ) -> Result<u64, Error> {
        let name = name.to_owned();
        let gone = self
            .change(move |view, changes| {
                let mut gone = 0;
                let Some(bucket) = rows::get::<Bucket>(view, BUCKETS, name.as_bytes())? else {
                    return Ok(0);
                };
                for key in keys {
                    let Some(object) = find(view, bucket.id, &key)? else {
                        continue;
                    };
                    if expiry(&bucket, &key, &object).is_some_and(|(at, _)| at <= now) {
                        remove(view, changes, bucket.id, &Delete::of(key))?;
                        gone += 1;
                    }
                }
                Ok(gone)
            })
            .await?;
        self.files.told_of_trash();
        Ok(gone)
    }

    async fn expire_uploads(
        &self,
        name: &str,
        bucket: &Bucket,
        expired: &mut Expired,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let bucket = bucket.clone();
        let due = self
            .look(move |view| due_uploads(view, &bucket, now))
            .await?;
        for (key, id) in due {
            match self.abort(name, &key, &hex::encode(id)).await {
                Ok(()) => expired.uploads += 1,
                // Completed, aborted or deleted in between.
                Err(Error::UploadNotFound { .. } | Error::BucketNotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Up to a batch of keys that are due, and where to go on.
fn due_objects(
    view: &View,
    bucket: &Bucket,
    after: Option<Vec<u8>>,
    now: Timestamp,
) -> Result<(Vec<String>, Option<Vec<u8>>), Error> {
    use std::ops::Bound;
    let begin = bucket.id.to_be_bytes();
    let end = (bucket.id + 1).to_be_bytes();
    let from = match &after {
        None => Bound::Included(begin.as_slice()),
        Some(row) => Bound::Excluded(row.as_slice()),
    };
    let mut due = Vec::new();
    for row in view.range(OBJECTS, from, Bound::Excluded(end.as_slice())) {
        let (row, value) = row?;
        let object: Object = rows::read(OBJECTS, &value)?;
        let Some(key) = rows::key_of(&row) else {
            continue;
        };
        if expiry(bucket, key, &object).is_some_and(|(at, _)| at <= now) {
            due.push(key.to_owned());
        }
        if due.len() == BATCH {
            return Ok((due, Some(row.to_vec())));
        }
    }
    Ok((due, None))
}

fn due_uploads(
    view: &View,
    bucket: &Bucket,
    now: Timestamp,
) -> Result<Vec<(String, UploadId)>, Error> {
    let mut due = Vec::new();
    for row in view.prefix(UPLOADS, &Id::to_be_bytes(bucket.id)) {
        let (row, value) = row?;
        let upload: Upload = rows::read(UPLOADS, &value)?;
        let Some((key, id)) = rows::upload_of(&row) else {
            continue;
        };
        if abort_time(bucket, key, &upload).is_some_and(|(at, _)| at <= now) {
            due.push((key.to_owned(), id));
        }
    }
    Ok(due)
}

/// When an object goes, and by which rule: the first that is due.
#[must_use]
pub fn expiry<'b>(bucket: &'b Bucket, key: &str, object: &Object) -> Option<(Timestamp, &'b str)> {
    let times = bucket.lifecycle.iter().filter_map(|rule| {
        let is_for = rule.is_enabled && is_for_object(rule, key, object);
        let by_age = rule.days.map(|days| midnight_after(object.modified, days));
        let at = by_age.or(rule.date).filter(|_| is_for)?;
        Some((at, rule.id.as_str()))
    });
    times.min()
}

/// When an upload goes, and by which rule.
#[must_use]
pub fn abort_time<'b>(
    bucket: &'b Bucket,
    key: &str,
    upload: &Upload,
) -> Option<(Timestamp, &'b str)> {
    let times = bucket.lifecycle.iter().filter_map(|rule| {
        let is_for = rule.is_enabled && has_prefix(rule, key) && rule.tags.is_empty();
        let days = rule.abort_days.filter(|_| is_for)?;
        Some((midnight_after(upload.begun, days), rule.id.as_str()))
    });
    times.min()
}

fn is_for_object(rule: &Rule, key: &str, object: &Object) -> bool {
    has_prefix(rule, key)
        && rule.tags.iter().all(|tag| object.tags.contains(tag))
        && rule.larger_than.is_none_or(|bytes| object.bytes > bytes)
        && rule.smaller_than.is_none_or(|bytes| object.bytes < bytes)
}

fn has_prefix(rule: &Rule, key: &str) -> bool {
    rule.prefix
        .as_deref()
        .is_none_or(|prefix| key.starts_with(prefix))
}

fn midnight_after(at: Timestamp, days: u32) -> Timestamp {
    let due = at.plus(DAY * days).as_millis();
    let day = u64::try_from(DAY.as_millis()).unwrap_or(u64::MAX);
    Timestamp::from_millis(due.div_ceil(day).saturating_mul(day))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the User Guide: created on 15 January 2014 at 10:30 UTC with 3 days, gone from 19 January 2014, 00:00 UTC.
    #[test]
    fn an_object_goes_at_the_midnight_after_its_days() {
        let at = |text| Timestamp::parse_rfc3339(text).unwrap();
        assert_eq!(
            midnight_after(at("2014-01-15T10:30:00Z"), 3),
            at("2014-01-19T00:00:00Z")
        );
        assert_eq!(
            midnight_after(at("2014-01-15T00:00:00Z"), 1),
            at("2014-01-16T00:00:00Z")
        );
    }
}
