//! What is to be stored next: pieces of the log, bases, files. One object a call, in the caller's time.

use std::collections::BTreeSet;

use base::Timestamp;
use bytes::Bytes;

use super::base_backup::{Base, Pending, store};
use super::object::{self, Head, Kind};
use super::{Error, Generation, Objects, PIECE_BYTES_MAX, retain};
use crate::frame::{self, HEADER_BYTES};
use crate::segment::{SEGMENT_HEADER_BYTES, Span};
use crate::{Journal, Position, ReadError, SegmentInfo};

/// An object that was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shipped {
    /// Its bytes, without the head.
    pub bytes: u64,
    /// When the last record in it was appended.
    pub at: Timestamp,
}

/// Stores the log of one journal as one generation. One per journal.
#[derive(Debug)]
pub struct Shipper {
    generation: Generation,
    /// Where the next piece begins: in a segment, or at the base of the next.
    next: u64,
    /// Where the last piece ended.
    before: u64,
    /// Everything before this is stored, but for what was dropped ahead of us.
    caught_up: u64,
    /// Where the log goes on behind what was dropped ahead of us.
    behind_hole: u64,
    /// Segments of which something is stored.
    stored: BTreeSet<u64>,
    /// Whole bases, oldest first.
    bases: Vec<Base>,
    pending: Option<Pending>,
}

/// A piece of the log that is to be stored.
struct Piece {
    segment: SegmentInfo,
    from: u64,
    bytes: Bytes,
    cut: Cut,
}

impl Shipper {
    /// Begins with everything that is in the log.
    #[must_use]
    pub fn new(generation: Generation) -> Self {
        Self {
            generation,
            next: 0,
            before: 0,
            caught_up: 0,
            behind_hole: 0,
            stored: BTreeSet::new(),
            bases: Vec::new(),
            pending: None,
        }
    }

    /// Goes on where `generation` ends in the store.
    ///
    /// # Errors
    /// [`Error::Forked`] when what is stored there is not what `journal` holds: a generation of its own is to be begun.
    pub fn resume(
        objects: &dyn Objects,
        generation: Generation,
        journal: &Journal,
    ) -> Result<Self, Error> {
        let mut shipper = Self::new(generation);
        let folder = object::log_folder(&generation);
        let names = objects
            .list(&folder)
            .map_err(Error::store("list", &folder))?;
        let pieces: Vec<_> = names
            .iter()
            .filter_map(|name| object::piece_in(&generation, name))
            .collect();
        shipper.stored = pieces.iter().map(|(segment, _)| *segment).collect();
        if let Some((segment, from)) = pieces.last() {
            let name = object::piece(&generation, *segment, *from);
            let head = last(objects, generation, &name, journal)?;
            shipper.next = match head.ends_segment {
                true => head.span.end(),
                false => head.to,
            };
            shipper.before = head.to;
        }
        shipper.bases = super::bases(objects, generation)?;
        // A hole before the last base is behind it; one after it is not known any more, and a new base costs little.
        shipper.behind_hole = match shipper.bases.is_empty() {
            true => 0,
            false => shipper.before,
        };
        Ok(shipper)
    }

    /// The generation.
    #[must_use]
    pub const fn generation(&self) -> Generation {
        self.generation
    }

    /// Everything before this is stored.
    #[must_use]
    pub const fn position(&self) -> Position {
        Position::new(self.before)
    }

    /// The newest whole base.
    #[must_use]
    pub fn newest_base(&self) -> Option<&Base> {
        self.bases.last()
    }

    /// Where the next piece begins, for [`lag_bytes`].
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// Stores the next piece of the log; `None` when all that is durable is stored.
    ///
    /// # Errors
    /// See [`Error`]; the next call tries it again.
    pub fn ship(
        &mut self,
        journal: &Journal,
        objects: &dyn Objects,
    ) -> Result<Option<Shipped>, Error> {
        let durable = journal.durable().get();
        let Some(piece) = self.cut(journal, durable)? else {
            self.caught_up = durable;
            return Ok(None);
        };
        let Piece {
            segment, from, cut, ..
        } = &piece;
        let base = segment.base.get();
        let to = from + cut.bytes as u64;
        let head = Head {
            kind: Kind::Log,
            ends_segment: cut.ends_segment,
            generation: self.generation,
            span: Span {
                base,
                capacity: segment.end.since(segment.base),
            },
            from: *from,
            to,
            before: self.before,
            at: cut.at,
        };
        let bytes = piece.bytes.get(..cut.bytes).unwrap_or_default();
        let name = object::piece(&self.generation, base, *from);
        store(objects, &name, head.with(bytes))?;
        if base > self.next {
            self.note_hole(*from);
        }
        self.stored.insert(base);
        self.before = to;
        self.next = match cut.ends_segment {
            true => segment.end.get(),
            false => to,
        };
        Ok(Some(Shipped {
            bytes: bytes.len() as u64,
            at: cut.at,
        }))
    }

    /// The log goes on at `from`: what is before was dropped, ahead of us or before we began.
    fn note_hole(&mut self, from: u64) {
        self.behind_hole = from;
        if !self.bases.is_empty() {
            let before = Position::new(self.before);
            let from = Position::new(from);
            tracing::warn!(%before, %from, "the journal dropped files before they were archived: a new base is stored");
        }
    }

    /// What is durable from `self.next` on, whole frames of one segment.
    fn cut(&self, journal: &Journal, durable: u64) -> Result<Option<Piece>, Error> {
        let segments = journal.segments();
        let ahead = segments.iter().filter(|it| it.end.get() > self.next);
        for segment in ahead {
            let from = self.next.max(first(*segment));
            if from >= durable {
                return Ok(None);
            }
            match cut_at(journal, from) {
                Ok((bytes, cut)) => {
                    return Ok(Some(Piece {
                        segment: *segment,
                        from,
                        bytes,
                        cut,
                    }));
                }
                // Dropped between the two looks.
                Err(Error::Journal(ReadError::Gone { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Whether the log cannot be read back from any whole base.
    #[must_use]
    pub fn needs_base(&self) -> bool {
        let last = self.bases.last();
        last.is_none_or(|base| base.position < self.behind_hole)
    }

    /// Whether a base is on its way.
    #[must_use]
    pub const fn is_storing_base(&self) -> bool {
        self.pending.is_some()
    }

    /// Begins a base of the newest snapshot of `journal`, written just now. A base that is on its way is given up.
    ///
    /// # Errors
    /// When the snapshot cannot be read.
    pub fn begin_base(&mut self, journal: &Journal, at: Timestamp) -> Result<(), Error> {
        let pending = Pending::of(journal, at)?;
        let is_new = |pending: &Pending| {
            let position = pending.base.position;
            self.bases.iter().all(|base| base.position != position)
        };
        self.pending = pending.filter(is_new);
        Ok(())
    }

    /// Stores the next object of the base that is on its way; its bytes, `None` when there is none, or it waits for the log.
    ///
    /// # Errors
    /// See [`Error`]; the next call tries it again.
    pub fn ship_base(&mut self, objects: &dyn Objects) -> Result<Option<u64>, Error> {
        let Some(pending) = &mut self.pending else {
            return Ok(None);
        };
        if let Some(bytes) = pending.ship_part(objects, self.generation)? {
            return Ok(Some(bytes));
        }
        if self.caught_up < pending.base.position {
            return Ok(None);
        }
        let mut segments = pending.base.segments.iter();
        if let Some((missing, _)) = segments.find(|(base, _)| !self.stored.contains(base)) {
            tracing::warn!(segment = %Position::new(*missing), "a base is given up: the journal dropped a file before it was archived");
            self.pending = None;
            return Ok(None);
        }
        pending.finish(objects, self.generation)?;
        self.bases.extend(self.pending.take().map(|it| it.base));
        Ok(Some(0))
    }

    /// Stores small files that lie beside the journal, as they are at `at`.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn ship_files(
        &self,
        objects: &dyn Objects,
        at: Timestamp,
        bytes: &[u8],
    ) -> Result<(), Error> {
        let head = Head {
            kind: Kind::Files,
            ends_segment: false,
            generation: self.generation,
            span: Span {
                base: 0,
                capacity: 0,
            },
            from: 0,
            to: bytes.len() as u64,
            before: 0,
            at,
        };
        store(
            objects,
            &object::files(&self.generation, at),
            head.with(bytes),
        )
    }

    /// Removes what nobody needs who reads back to `since` or later; how many objects.
    ///
    /// # Errors
    /// When the store refuses; the next call goes on.
    pub fn retire(&mut self, objects: &dyn Objects, since: Timestamp) -> Result<usize, Error> {
        let later = self.bases.partition_point(|base| base.at() < since);
        // The one before stands for the time up to the next.
        self.bases.drain(..later.saturating_sub(1));
        let removed = retain::retire(objects, self.generation, &self.bases)?;
        let bases = &self.bases;
        let before = self.before;
        let is_needed = |segment: &u64| {
            *segment >= before || bases.iter().any(|it| it.needs(*segment, *segment))
        };
        if !bases.is_empty() {
            let last = self.stored.last().copied();
            self.stored.retain(|it| is_needed(it) || Some(*it) == last);
        }
        Ok(removed)
    }
}

/// Bytes of the log that are durable here and not stored, of a shipper that goes on at `next`.
#[must_use]
pub fn lag_bytes(journal: &Journal, next: u64) -> u64 {
    let durable = journal.durable().get();
    let segments = journal.segments().into_iter();
    let unstored = segments.map(|segment| {
        let from = next.max(first(segment));
        let bytes = segment.end.get().min(durable).saturating_sub(from);
        bytes.min(segment.bytes())
    });
    unstored.sum()
}

fn first(segment: SegmentInfo) -> u64 {
    segment.base.get() + SEGMENT_HEADER_BYTES
}

/// The last piece that is stored, when it is what `journal` holds there.
fn last(
    objects: &dyn Objects,
    generation: Generation,
    name: &str,
    journal: &Journal,
) -> Result<Head, Error> {
    let forked = || Error::Forked {
        name: name.to_owned(),
    };
    let found = objects.get(name).map_err(Error::store("read", name))?;
    let Some(object) = found else {
        return Err(forked());
    };
    let (head, bytes) = Head::read(&object, generation, Kind::Log).map_err(|broken| {
        tracing::warn!(object = name, %broken, "the archive's last object is damaged");
        forked()
    })?;
    match holds(journal, head.from, &bytes)? {
        true => Ok(head),
        false => Err(forked()),
    }
}

/// Whether `journal` holds `bytes` at `from`, or holds nothing there any more.
fn holds(journal: &Journal, from: u64, bytes: &[u8]) -> Result<bool, ReadError> {
    let to = from + bytes.len() as u64;
    if to > journal.durable().get() {
        return Ok(false);
    }
    let mut rest = bytes;
    while !rest.is_empty() {
        let at = Position::new(to - rest.len() as u64);
        let here = match journal.read(at, rest.len()) {
            Ok(here) => here,
            Err(ReadError::Gone { .. }) => return Ok(true),
            Err(error) => return Err(error),
        };
        match rest.strip_prefix(&here[..]) {
            Some(behind) if !here.is_empty() => rest = behind,
            _ => return Ok(false),
        }
    }
    Ok(true)
}

/// How much of some bytes of the log is whole frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) bytes: usize,
    pub(super) at: Timestamp,
    pub(super) ends_segment: bool,
    /// How long the frame is that is not whole.
    pub(super) wanted: Option<usize>,
    /// Whether what follows is no frame.
    pub(super) is_damaged: bool,
}

/// The whole frames at the beginning of `bytes`, which lie at `from`; none that was appended after `until`.
pub(super) fn frames(from: u64, bytes: &[u8], until: Option<Timestamp>) -> Cut {
    let mut cut = Cut::default();
    while !cut.ends_segment {
        let rest = bytes.get(cut.bytes..).unwrap_or_default();
        if rest.len() < HEADER_BYTES {
            break;
        }
        let Some(header) = frame::Header::decode(from + cut.bytes as u64, rest) else {
            cut.is_damaged = true;
            break;
        };
        let Some(payload) = rest.get(HEADER_BYTES..header.bytes as usize) else {
            cut.wanted = Some(header.bytes as usize);
            break;
        };
        if header.kind == frame::Kind::Record && !header.fits(payload) {
            cut.is_damaged = true;
            break;
        }
        if until.is_some_and(|until| header.at > until) {
            break;
        }
        cut.bytes += header.bytes as usize;
        cut.at = cut.at.max(header.at);
        cut.ends_segment = header.kind == frame::Kind::Seal;
    }
    cut
}

fn cut_at(journal: &Journal, from: u64) -> Result<(Bytes, Cut), Error> {
    let position = Position::new(from);
    let bytes = journal.read(position, PIECE_BYTES_MAX)?;
    let cut = frames(from, &bytes, None);
    if cut.bytes > 0 {
        return Ok((bytes, cut));
    }
    // A frame that is larger than a piece is one of its own.
    let wanted = cut.wanted.ok_or(Error::Damaged { position })?;
    let bytes = journal.read(position, wanted)?;
    let cut = frames(from, &bytes, None);
    match cut.bytes {
        0 => Err(Error::Damaged { position }),
        _ => Ok((bytes, cut)),
    }
}
