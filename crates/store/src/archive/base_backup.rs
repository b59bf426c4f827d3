//! A base: a snapshot in the store, with all that a log needs to be read back from there.
//!
//! A snapshot knows where messages lie, not what they say: to a base belong the segments that are there when it is taken,
//! and what was stored of them. The object that names them is stored last, once all of it is: a base is whole or absent.

use base::Timestamp;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::object::{self, Head, Kind};
use super::{Error, Generation, Objects, PIECE_BYTES_MAX};
use crate::disk::{FileRef, read_exact_at};
use crate::segment::{SEGMENT_HEADER_BYTES, Span};
use crate::{Journal, SegmentInfo};

/// From where a log can be read back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// The snapshot's position.
    pub position: u64,
    /// When it was taken.
    pub at_ms: u64,
    /// The snapshot's length.
    pub snapshot_bytes: u64,
    /// The segments that hold something of the log before the position, as base and capacity, in order.
    pub segments: Vec<(u64, u64)>,
}

impl Base {
    /// When it was taken.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        Timestamp::from_millis(self.at_ms)
    }

    /// Whether a piece of the segment at `segment` that begins at `from` is needed by who reads from here.
    pub(super) fn needs(&self, segment: u64, from: u64) -> bool {
        from >= self.position || self.segments.iter().any(|(base, _)| *base == segment)
    }
}

/// Reads the base at `position`.
pub(super) fn read(
    objects: &dyn Objects,
    generation: Generation,
    position: u64,
) -> Result<Base, Error> {
    let name = object::base(&generation, position);
    let failed = |error: String| Error::store("understand", &name)(std::io::Error::other(error));
    let found = objects.get(&name).map_err(Error::store("read", &name))?;
    let bytes = found.ok_or_else(|| failed("it is gone".to_owned()))?;
    let (_, json) =
        Head::read(&bytes, generation, Kind::Base).map_err(|it| failed(it.to_string()))?;
    serde_json::from_slice(&json).map_err(|error| failed(error.to_string()))
}

/// A base on its way.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) base: Base,
    /// Open, so that it stays when the journal drops the snapshot.
    file: FileRef,
    sent: u64,
    parts: u64,
}

impl Pending {
    /// The newest snapshot of `journal`, with the segments that are there now; `None` when there is no snapshot.
    pub(super) fn of(journal: &Journal, at: Timestamp) -> Result<Option<Self>, Error> {
        // INVARIANT: looked at after the snapshot was written, so that what it refers to is there or was emptied since.
        let Some((position, file)) = journal.newest_snapshot().map_err(Error::Snapshot)? else {
            return Ok(None);
        };
        let snapshot_bytes = file.size().map_err(Error::Snapshot)?;
        let holds = |segment: &SegmentInfo| segment.base.get() + SEGMENT_HEADER_BYTES < position;
        let segments = journal.segments().into_iter().filter(holds);
        let segments = segments.map(|it| (it.base.get(), it.end.since(it.base)));
        Ok(Some(Self {
            base: Base {
                position,
                at_ms: at.as_millis(),
                snapshot_bytes,
                segments: segments.collect(),
            },
            file,
            sent: 0,
            parts: 0,
        }))
    }

    /// Stores the next piece of the snapshot; how many bytes, `None` when all are stored.
    pub(super) fn ship_part(
        &mut self,
        objects: &dyn Objects,
        generation: Generation,
    ) -> Result<Option<u64>, Error> {
        let left = self.base.snapshot_bytes - self.sent;
        if left == 0 {
            return Ok(None);
        }
        let count = usize::try_from(left).map_or(PIECE_BYTES_MAX, |left| left.min(PIECE_BYTES_MAX));
        let mut bytes = vec![0; count];
        read_exact_at(self.file.as_ref(), self.sent, &mut bytes).map_err(Error::Snapshot)?;
        let to = self.sent + count as u64;
        let head = self.head(generation, Kind::Snapshot, self.sent, to);
        let name = object::snapshot(&generation, self.base.position, self.parts);
        store(objects, &name, head.with(&bytes))?;
        self.sent = to;
        self.parts += 1;
        Ok(Some(count as u64))
    }

    /// Says that the base is whole.
    pub(super) fn finish(
        &self,
        objects: &dyn Objects,
        generation: Generation,
    ) -> Result<(), Error> {
        let json = serde_json::to_vec(&self.base).unwrap_or_default();
        let head = self.head(generation, Kind::Base, 0, json.len() as u64);
        let name = object::base(&generation, self.base.position);
        store(objects, &name, head.with(&json))
    }

    fn head(&self, generation: Generation, kind: Kind, from: u64, to: u64) -> Head {
        Head {
            kind,
            ends_segment: false,
            generation,
            span: Span {
                base: self.base.position,
                capacity: self.base.snapshot_bytes,
            },
            from,
            to,
            before: 0,
            at: self.base.at(),
        }
    }
}

/// Stores an object under a name that is nobody else's. What was stored by a try whose answer was lost is left as it is.
pub(super) fn store(objects: &dyn Objects, name: &str, object: Bytes) -> Result<(), Error> {
    let put = objects.put_new(name, object.clone());
    if put.map_err(Error::store("store", name))? {
        return Ok(());
    }
    let found = objects.get(name).map_err(Error::store("read", name))?;
    if found.is_some_and(|found| found == object) {
        return Ok(());
    }
    Err(Error::Forked {
        name: name.to_owned(),
    })
}
