//! Pages of keys, of uploads, of parts.
//!
//! Keys come in the order of their bytes. With a delimiter, keys that go on beyond it are shown as one common prefix; the
//! scan then jumps behind it, so that a page costs as much as it shows, whatever lies below a prefix.

use std::ops::Bound;

use store::tables::{Table, View};

use super::upload::parts;
use super::{Objects, bucket};
use crate::error::Error;
use crate::rows::{self, Id, OBJECTS, Object, Piece, UPLOADS, Upload, UploadId, object_key};

/// What of a listing is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paging {
    /// Keys begin with it.
    pub prefix: String,
    /// Keys are shown up to it.
    pub delimiter: Option<String>,
    /// After this key, or after all keys that begin with it where it was shown as a common prefix.
    pub after: Option<String>,
    /// At most so many keys and common prefixes.
    pub max: usize,
}

/// A page.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// By key.
    pub entries: Vec<(String, T)>,
    /// In their order, among the entries' keys.
    pub common_prefixes: Vec<String>,
    /// The last key or common prefix, where there is more behind it.
    pub next: Option<String>,
}

/// An upload in a listing.
#[derive(Clone, Debug)]
pub struct UploadEntry {
    /// Its id.
    pub id: String,
    /// What it is.
    pub upload: Upload,
}

/// A page of uploads.
#[derive(Clone, Debug)]
pub struct UploadPage {
    /// By key, then by id.
    pub page: Page<UploadEntry>,
    /// The last upload, where there is more behind it and its key may have more.
    pub next_id: Option<String>,
}

/// A page of an upload's parts.
#[derive(Clone, Debug)]
pub struct PartPage {
    /// The upload.
    pub upload: Upload,
    /// By number.
    pub parts: Vec<Piece>,
    /// Whether there is more.
    pub is_truncated: bool,
}

impl Objects {
    /// A page of objects.
    ///
    /// # Errors
    /// [`Error::BucketNotFound`].
    pub async fn list(&self, bucket_name: &str, paging: Paging) -> Result<Page<Object>, Error> {
        let bucket_name = bucket_name.to_owned();
        self.look(move |view| {
            let id = bucket(view, &bucket_name)?.id;
            let start = paging.after.as_deref().map(str::as_bytes);
            let read = |row: &[u8], value: &[u8]| {
                let key = rows::key_of(row).unwrap_or_default();
                Ok((key.to_owned(), rows::read(OBJECTS, value)?))
            };
            let (page, _) = scan(view, OBJECTS, id, &paging, start, read)?;
            Ok(page)
        })
        .await
    }

    /// A page of uploads that are not complete. `after_id`: goes on behind this upload of the key `paging.after`.
    ///
    /// # Errors
    /// [`Error::BucketNotFound`].
    pub async fn list_uploads(
        &self,
        bucket_name: &str,
        paging: Paging,
        after_id: Option<String>,
    ) -> Result<UploadPage, Error> {
        let bucket_name = bucket_name.to_owned();
        self.look(move |view| {
            let id = bucket(view, &bucket_name)?.id;
            let start = paging
                .after
                .as_deref()
                .map(|key| upload_start(key, after_id.as_deref()));
            let read = |row: &[u8], value: &[u8]| {
                let (key, id) = rows::upload_of(row).unwrap_or_default();
                let id = hex::encode(id);
                let upload = rows::read(UPLOADS, value)?;
                Ok((key.to_owned(), UploadEntry { id, upload }))
            };
            let (page, is_entry) = scan(view, UPLOADS, id, &paging, start.as_deref(), read)?;
            let last = page
                .entries
                .last()
                .filter(|_| is_entry && page.next.is_some());
            let next_id = last.map(|(_, entry)| entry.id.clone());
            Ok(UploadPage { page, next_id })
        })
        .await
    }

    /// A page of an upload's parts, after the number `after`.
    ///
    /// # Errors
    /// [`Error::UploadNotFound`].
    pub async fn list_parts(
        &self,
        bucket_name: &str,
        key: &str,
        upload: &str,
        after: u16,
        max: usize,
    ) -> Result<PartPage, Error> {
        let (id, upload) = self.upload(bucket_name, key, upload).await?;
        self.look(move |view| {
            let mut parts = parts(view, &id)?;
            parts.retain(|part| part.number > after);
            let is_truncated = parts.len() > max;
            parts.truncate(max);
            Ok(PartPage {
                upload,
                parts,
                is_truncated,
            })
        })
        .await
    }
}

/// Behind which row a listing of uploads begins: behind one upload of a key, or behind all of them.
fn upload_start(key: &str, after: Option<&str>) -> Vec<u8> {
    let mut id = UploadId::from([0xff; 16]);
    if let Some(after) = after {
        id = UploadId::default();
        // An id that is none stands before all of the key's.
        let _ = hex::decode_to_slice(after, &mut id);
    }
    let mut start = key.as_bytes().to_vec();
    start.push(0);
    start.extend_from_slice(&id);
    start
}

/// Goes through the rows of a bucket. `start`: the row, without the bucket's id, behind which it begins. Says whether the
/// last of the page is an entry.
fn scan<T>(
    view: &View,
    table: Table,
    bucket: Id,
    paging: &Paging,
    start: Option<&[u8]>,
    read: impl Fn(&[u8], &[u8]) -> Result<(String, T), Error>,
) -> Result<(Page<T>, bool), Error> {
    let mut page = Page {
        entries: Vec::new(),
        common_prefixes: Vec::new(),
        next: None,
    };
    let prefix = object_key(bucket, &paging.prefix);
    let Some(end) = after_prefix(&prefix) else {
        return Ok((page, false));
    };
    let mut from = Bound::Included(prefix.clone());
    if let Some(start) = start {
        let mut row = bucket.to_be_bytes().to_vec();
        row.extend_from_slice(start);
        if row >= prefix {
            from = Bound::Excluded(row);
        }
    }
    if let Some(behind) = behind_shown_prefix(bucket, paging) {
        from = Bound::Included(behind);
    }
    let mut last: Option<(String, bool)> = None;
    'jumps: loop {
        let from_row = from.as_ref().map(Vec::as_slice);
        for row in view.range(table, from_row, Bound::Excluded(end.as_slice())) {
            let (row, value) = row?;
            if page.entries.len() + page.common_prefixes.len() >= paging.max {
                let (next, is_entry) = last.unwrap_or_default();
                page.next = (paging.max > 0).then_some(next);
                return Ok((page, is_entry));
            }
            let (key, entry) = read(&row, &value)?;
            if let Some(common) = common_prefix(&key, paging) {
                let behind = after_prefix(&object_key(bucket, &common));
                last = Some((common.clone(), false));
                page.common_prefixes.push(common);
                match behind {
                    Some(behind) => from = Bound::Included(behind),
                    None => break 'jumps,
                }
                continue 'jumps;
            }
            last = Some((key.clone(), true));
            page.entries.push((key, entry));
        }
        break;
    }
    Ok((page, last.is_some_and(|(_, is_entry)| is_entry)))
}

/// The part of a key up to the delimiter behind the prefix.
fn common_prefix(key: &str, paging: &Paging) -> Option<String> {
    let delimiter = paging
        .delimiter
        .as_deref()
        .filter(|text| !text.is_empty())?;
    let rest = key.get(paging.prefix.len()..)?;
    let at = rest.find(delimiter)?;
    key.get(..paging.prefix.len() + at + delimiter.len())
        .map(str::to_owned)
}

/// Behind what a listing begins that ended with a common prefix: behind all that begins with it.
fn behind_shown_prefix(bucket: Id, paging: &Paging) -> Option<Vec<u8>> {
    let after = paging.after.as_deref()?;
    let common = common_prefix(after, paging)?;
    match common == after {
        true => after_prefix(&object_key(bucket, after)),
        false => None,
    }
}

/// The first row behind all that begin with `prefix`.
fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut row = prefix.to_vec();
    while let Some(last) = row.pop() {
        if last < u8::MAX {
            row.push(last + 1);
            return Some(row);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_behind_a_prefix() {
        assert_eq!(after_prefix(b"a/"), Some(b"a0".to_vec()));
        assert_eq!(after_prefix(b"a\xff\xff"), Some(b"b".to_vec()));
        assert_eq!(after_prefix(b"\xff"), None);
    }
}
