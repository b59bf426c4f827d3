//! Reading an object.

use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use store::tables::View;

use super::{Objects, ReadConditions, bucket, check_key, object, pieces};
use crate::error::Error;
use crate::files::{Extent, Reading};
use crate::rows::{Bucket, Content, Id, Object, Piece};

/// Times that an object is looked up anew when it was replaced between the look and the opening of its files. Chosen.
const TRIES: usize = 8;

/// Which part of an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Select {
    /// All of it.
    #[default]
    Whole,
    /// From a place to another, which is part of it, or to the end.
    From(u64, Option<u64>),
    /// So many bytes before its end.
    Last(u64),
    /// The part of this number.
    Part(u16),
}

/// An object that was found, and where what is asked of it lies.
#[derive(Debug)]
pub struct Found {
    /// The bucket that it is in.
    pub bucket: Bucket,
    /// The object.
    pub object: Object,
    /// The bytes that were asked for.
    pub range: Range<u64>,
    /// How many parts it was made of, where a part was asked for.
    pub parts: Option<u16>,
    pieces: Vec<Piece>,
}

/// An object whose bytes can be read.
#[derive(Debug)]
pub struct Opened {
    /// What it is.
    pub found: Found,
    /// The bytes of `found.range`.
    pub body: Reading,
}

impl Objects {
    /// What an object is.
    ///
    /// # Errors
    /// [`Error::BucketNotFound`], [`Error::KeyNotFound`], the conditions', [`Error::Range`].
    pub async fn head(
        &self,
        bucket_name: &str,
        key: &str,
        select: Select,
        conditions: ReadConditions,
    ) -> Result<Found, Error> {
        check_key(key)?;
        let (bucket_name, key) = (bucket_name.to_owned(), key.to_owned());
        self.look(move |view| seek(view, &bucket_name, &key, select, &conditions))
            .await
    }

    /// Opens an object. What it holds stays as it is until it has been read, whatever happens to the object.
    ///
    /// # Errors
    /// As [`Objects::head`].
    pub async fn open_object(
        &self,
        bucket_name: &str,
        key: &str,
        select: Select,
        conditions: ReadConditions,
    ) -> Result<Opened, Error> {
        check_key(key)?;
        let (bucket_name, key) = (bucket_name.to_owned(), key.to_owned());
        let (tables, files) = (Arc::clone(&self.tables), Arc::clone(&self.files));
        let open = move || {
            for _ in 0..TRIES {
                let found = seek(&tables.view(), &bucket_name, &key, select, &conditions)?;
                let extents = found.extents();
                let pinned = files.pin(extents.iter().map(|extent| extent.file).collect());
                let again = seek(&tables.view(), &bucket_name, &key, select, &conditions)?;
                if again.object.content != found.object.content {
                    continue;
                }
                let body = Reading::begin(Arc::clone(&files), extents, pinned)
                    .map_err(Error::disk("reading a file"))?;
                return Ok(Opened { found: again, body });
            }
            Err(Error::Conflict)
        };
        crate::files::blocking(open).await
    }

    /// All bytes of an object, for parts of this process. `limit`: the most that are read.
    ///
    /// # Errors
    /// As [`Objects::head`]; [`Error::TooLarge`].
    pub async fn get_bytes(
        &self,
        bucket_name: &str,
        key: &str,
        limit: u64,
    ) -> Result<(Object, Bytes), Error> {
        let conditions = ReadConditions::default();
        let Opened { found, mut body } = self
            .open_object(bucket_name, key, Select::Whole, conditions)
            .await?;
        if found.object.bytes > limit {
            return Err(Error::TooLarge { limit });
        }
        let mut bytes = BytesMut::new();
        while let Some(chunk) = body.next().await {
            bytes.extend_from_slice(&chunk.map_err(Error::disk("reading a file"))?);
        }
        Ok((found.object, bytes.freeze()))
    }

    /// The parts that an object was made of, by number; none where it was put in one piece.
    ///
    /// # Errors
    /// [`Error::KeyNotFound`].
    pub async fn pieces(
        &self,
        bucket_name: &str,
        key: &str,
    ) -> Result<(Object, Vec<Piece>), Error> {
        let (bucket_name, key) = (bucket_name.to_owned(), key.to_owned());
        self.look(move |view| {
            let id = bucket(view, &bucket_name)?.id;
            let object = object(view, id, &key)?;
            let pieces = match object.content {
                Content::Parts { id, .. } => pieces(view, id)?,
                _ => Vec::new(),
            };
            Ok((object, pieces))
        })
        .await
    }
}

fn seek(
    view: &View,
    bucket_name: &str,
    key: &str,
    select: Select,
    conditions: &ReadConditions,
) -> Result<Found, Error> {
    let bucket = bucket(view, bucket_name)?;
    let object = object(view, bucket.id, key)?;
    conditions.check_read(&object)?;
    let pieces = match object.content {
        Content::Parts { id, .. } => pieces(view, id)?,
        Content::None | Content::File(_) => Vec::new(),
    };
    let range = range(select, &object, &pieces)?;
    let parts = match (select, object.content) {
        (Select::Part(_), Content::Parts { count, .. }) => Some(count),
        (Select::Part(_), _) => Some(1),
        _ => None,
    };
    Ok(Found {
        bucket,
        object,
        range,
        parts,
        pieces,
    })
}

fn range(select: Select, object: &Object, pieces: &[Piece]) -> Result<Range<u64>, Error> {
    let bytes = object.bytes;
    match select {
        Select::Whole => Ok(0..bytes),
        Select::From(from, to) if from < bytes => {
            Ok(from..to.map_or(bytes, |to| to.saturating_add(1).min(bytes)))
        }
        Select::Last(count) if count > 0 && bytes > 0 => Ok(bytes.saturating_sub(count)..bytes),
        Select::From(..) | Select::Last(_) => Err(Error::Range { bytes }),
        Select::Part(number) => part_range(number, object, pieces),
    }
}

fn part_range(number: u16, object: &Object, pieces: &[Piece]) -> Result<Range<u64>, Error> {
    if pieces.is_empty() {
        return match number {
            1 => Ok(0..object.bytes),
            _ => Err(Error::PartRange { number, count: 1 }),
        };
    }
    // Numbers of parts are those of the object: from 1 on without gaps, whatever the upload called them.
    let index = usize::from(number).checked_sub(1);
    let from = |count: usize| {
        pieces
            .iter()
            .take(count)
            .map(|piece| piece.bytes)
            .sum::<u64>()
    };
    match index.and_then(|index| Some((index, pieces.get(index)?))) {
        Some((index, piece)) => Ok(from(index)..from(index) + piece.bytes),
        None => Err(Error::PartRange {
            number,
            count: pieces.len(),
        }),
    }
}

impl Found {
    /// Where the bytes of `range` lie.
    fn extents(&self) -> Vec<Extent> {
        match self.object.content {
            Content::None => Vec::new(),
            Content::File(file) => vec![Extent {
                file,
                offset: self.range.start,
                bytes: self.range.end - self.range.start,
            }],
            Content::Parts { .. } => {
                let files = self.pieces.iter().map(|piece| (piece.file, piece.bytes));
                cut(files, &self.range)
            }
        }
    }
}

/// What of files that lie one behind the other is within `range`.
fn cut(files: impl Iterator<Item = (Option<Id>, u64)>, range: &Range<u64>) -> Vec<Extent> {
    let mut at = 0;
    let mut extents = Vec::new();
    for (file, bytes) in files {
        let (from, to) = (range.start.max(at), range.end.min(at + bytes));
        if let (true, Some(file)) = (from < to, file) {
            extents.push(Extent {
                file,
                offset: from - at,
                bytes: to - from,
            });
        }
        at += bytes;
    }
    extents
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_cut_out_of_the_files() {
        let files = || [(Some(7), 10), (None, 0), (Some(8), 5), (Some(9), 10)].into_iter();
        let extent = |file, offset, bytes| Extent {
            file,
            offset,
            bytes,
        };
        assert_eq!(
            cut(files(), &(0..25)),
            [extent(7, 0, 10), extent(8, 0, 5), extent(9, 0, 10)]
        );
        assert_eq!(cut(files(), &(3..4)), [extent(7, 3, 1)]);
        assert_eq!(
            cut(files(), &(9..16)),
            [extent(7, 9, 1), extent(8, 0, 5), extent(9, 0, 1)]
        );
        assert_eq!(cut(files(), &(15..15)), []);
        assert_eq!(cut(files(), &(24..25)), [extent(9, 9, 1)]);
    }
}
