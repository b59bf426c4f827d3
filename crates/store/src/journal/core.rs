//! What the journal's threads and callers share, and the committer's and keeper's work as plain functions.
//!
//! The committer takes everything that waits, writes and syncs it, and publishes; meanwhile the next group gathers.
//! The keeper allocates spare files off that path. Tests call [`Core::commit`] and [`Core::keep`] without threads.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use parking_lot::{Condvar, Mutex, RwLock};
use tracing::{info, warn};

use super::tail::{Committer, Flight, Group, Spare, Tail};
use super::wait::Waiters;
use super::{AppendError, Options};
use crate::disk::Disk;
use crate::frame::{HEADER_BYTES, Header, Kind};
use crate::segment::{self, SegmentHeader, Span};
use crate::shelf::Shelf;
use crate::snapshot::Snapshots;
use crate::{Appended, Class, Poisoned, Position};

/// How often a full disk is tried again.
const ROOM_RETRY: Duration = Duration::from_secs(2);

/// Places that are remembered as unreadable. Chosen: more say no more.
pub(crate) const UNREADABLE_MAX: usize = 1000;

/// Called after each commit with the new durable position.
pub(crate) type OnCommit = Box<dyn Fn(Position) + Send + Sync>;

pub(crate) struct Core {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) options: Options,
    pub(crate) tail: Mutex<Tail>,
    /// The committer waits here.
    pub(crate) work: Condvar,
    /// The keeper waits here.
    pub(crate) keeping: Condvar,
    pub(crate) shelf: Shelf,
    pub(crate) waiters: Arc<Waiters>,
    /// Where something that lives could not be read, at most [`UNREADABLE_MAX`] places.
    pub(crate) unreadable: Mutex<BTreeSet<u64>>,
    pub(crate) on_commit: RwLock<Vec<OnCommit>>,
    /// Also held while segments are dropped or copied, so that these exclude each other.
    pub(crate) snapshots: Mutex<Snapshots>,
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core")
            .field("options", &self.options)
            .field("durable", &self.waiters.durable())
            .finish_non_exhaustive()
    }
}

impl Core {
    pub(crate) fn append(
        &self,
        class: Class,
        at: Timestamp,
        payload: &[&[u8]],
    ) -> Result<Appended, AppendError> {
        let bytes = payload.iter().map(|part| part.len() as u64).sum();
        let limit = Tail::payload_max(&self.options);
        if bytes > limit {
            return Err(AppendError::TooLarge {
                bytes: base::ByteCount::new(bytes),
                limit: base::ByteCount::new(limit),
            });
        }
        let header = Header::of(Kind::Record, at, 0, payload);
        let mut tail = self.tail.lock();
        self.waiters.check()?;
        tail.admit(class, &self.options)?;
        let has_rolled = tail.fit(bytes + HEADER_BYTES as u64, class);
        if tail.wants_spare() {
            self.keeping.notify_one();
        }
        has_rolled?;
        let start = Position::new(tail.push(header, payload));
        let end = Position::new(tail.end);
        let wake = tail.hurry(class);
        drop(tail);
        if wake {
            self.work.notify_one();
        }
        Ok(Appended {
            start,
            payload: start.payload(),
            end,
        })
    }

    /// Writes and syncs what waits. Says whether there was anything. A failure poisons the journal.
    pub(crate) fn commit(&self) -> bool {
        if self.waiters.check().is_err() {
            return false;
        }
        let groups = self.take_groups();
        let some = !groups.is_empty();
        for (group, flight) in groups {
            if let Err(poison) = self.commit_group(&group, &flight.bytes) {
                warn!(reason = poison.reason(), "the journal is poisoned");
                self.waiters.poison(poison);
                return some;
            }
            let end = flight.start + flight.bytes.len() as u64;
            drop(flight.bytes);
            self.waiters.publish(end);
            self.tail.lock().landed(flight.start);
            for call in self.on_commit.read().iter() {
                call(Position::new(end));
            }
        }
        some
    }

    fn take_groups(&self) -> Vec<(Group, Flight)> {
        let mut tail = self.tail.lock();
        let groups = std::mem::take(&mut tail.groups);
        tail.is_hurried = false;
        let mut taken = Vec::with_capacity(groups.len());
        for mut group in groups {
            let flight = Flight {
                start: group.start,
                bytes: Arc::new(std::mem::take(&mut group.bytes)),
            };
            tail.flights.push(flight.clone());
            taken.push((group, flight));
        }
        taken
    }

    fn commit_group(&self, group: &Group, bytes: &[u8]) -> Result<(), Poisoned> {
        let failed = |what: &'static str| {
            let name = group.span.name();
            move |error: io::Error| Poisoned::new(&format!("{what} of `{name}`: {error}"))
        };
        let file = &group.file;
        file.write_at(group.start - group.span.base, bytes)
            .map_err(failed("write"))?;
        file.sync().map_err(failed("sync"))?;
        if let Some(spare) = &group.spare {
            // A file becomes a segment only with its first group on the disk: a segment that exists proves that
            // the one before was sealed.
            self.disk
                .rename(spare, &group.span.name())
                .and_then(|()| self.disk.sync_names())
                .map_err(failed("naming"))?;
            self.shelf.insert(group.span, Arc::clone(file));
        }
        Ok(())
    }

    /// Allocates one spare, if one is wanted. Says whether it did.
    pub(crate) fn keep(&self) -> bool {
        let name = {
            let mut tail = self.tail.lock();
            if !tail.wants_spare() || self.waiters.check().is_err() {
                return false;
            }
            tail.spare_name()
        };
        let capacity = self.options.segment.get();
        match segment::prepare(self.disk.as_ref(), &name, capacity) {
            Ok(file) => {
                let spare = Spare {
                    name,
                    file,
                    capacity,
                };
                self.kept([], [spare]);
                true
            }
            Err(error) => {
                let mut tail = self.tail.lock();
                let was_short = std::mem::replace(&mut tail.is_short, true);
                tail.keep_reserve();
                if !was_short {
                    warn!(%error, room = ?tail.room(), "no room for the next segment");
                }
                false
            }
        }
    }

    /// Takes in spares: used ones first in line, since writing over written blocks is faster.
    fn kept(&self, used: impl IntoIterator<Item = Spare>, fresh: impl IntoIterator<Item = Spare>) {
        let mut tail = self.tail.lock();
        used.into_iter()
            .for_each(|spare| tail.spares.push_front(spare));
        tail.spares.extend(fresh);
        if tail.wants_spare() {
            return;
        }
        tail.sends_stopped = false;
        if std::mem::replace(&mut tail.is_short, false) {
            info!("there is room for segments again");
        }
    }

    /// Drops segments: some of their files are kept to be used again, the others removed. Returns what was dropped.
    pub(crate) fn drop_segments(&self, spans: &[Span]) -> io::Result<Vec<Span>> {
        self.write_gaps(spans)?;
        let mut dropped = Vec::new();
        let mut used = Vec::new();
        for span in spans {
            if !self.shelf.remove(span.base) {
                continue;
            }
            match self.name_for_use(*span, used.len()) {
                Some(name) => {
                    self.disk.rename(&span.name(), &name)?;
                    used.push(name);
                }
                None => self.disk.remove(&span.name())?,
            }
            dropped.push(*span);
        }
        // INVARIANT: synced before any is written to, or a crash could bring back the old name over new bytes.
        self.disk.sync_names()?;
        let capacity = self.options.segment.get();
        let spares = used.into_iter().map(|name| {
            let file = self.disk.open(&name)?;
            Ok(Spare {
                name,
                file,
                capacity,
            })
        });
        self.kept(spares.collect::<io::Result<Vec<_>>>()?, []);
        Ok(dropped)
    }

    /// Says in the segments behind `spans` that these are gone on purpose, before they go.
    fn write_gaps(&self, spans: &[Span]) -> io::Result<()> {
        let mut end = 0;
        let mut is_behind = false;
        for span in self.shelf.spans() {
            if spans.contains(&span) {
                is_behind = true;
                continue;
            }
            if std::mem::take(&mut is_behind) {
                self.write_gap(span, span.base - end)?;
            }
            end = span.end();
        }
        // INVARIANT: a snapshot lies behind what is dropped, and the segment that goes on there is kept.
        if is_behind {
            return Err(io::Error::other("no segment follows those to be dropped"));
        }
        Ok(())
    }

    fn write_gap(&self, span: Span, gap: u64) -> io::Result<()> {
        let Some((span, file)) = self.shelf.find(span.base)? else {
            return Ok(());
        };
        let gap = Some(gap);
        file.write_at(0, &SegmentHeader { span, gap }.encode())?;
        file.sync().inspect_err(|error| {
            // The committer may write to the same file, and would not be told of this failure.
            let name = span.name();
            self.waiters
                .poison(Poisoned::new(&format!("sync of `{name}`: {error}")));
        })
    }

    /// The name of a spare, if the file of `span` is to be one beside `more` others.
    fn name_for_use(&self, span: Span, more: usize) -> Option<String> {
        let mut tail = self.tail.lock();
        let spares = tail.spares.len() + more;
        let kept = self.options.used_kept;
        let is_wanted = kept > 0 && spares < tail.spares_wanted() + kept;
        (is_wanted && span.capacity == self.options.segment.get()).then(|| tail.spare_name())
    }

    /// The committer's thread.
    pub(crate) fn run_committer(&self) {
        let _poisons = PoisonsOnPanic(&self.waiters);
        while self.await_work() {
            self.commit();
        }
        self.commit();
    }

    /// Waits until something is to be written; `false` when the journal closes.
    fn await_work(&self) -> bool {
        let mut tail = self.tail.lock();
        let is_poisoned = self.waiters.check().is_err();
        while (tail.groups.is_empty() || is_poisoned) && !tail.stopping {
            tail.committer = Committer::Idle;
            self.work.wait(&mut tail);
        }
        // Only what hurries or ends wakes it before its time.
        if !tail.is_hurried && !tail.stopping {
            tail.committer = Committer::Lingers;
            self.work.wait_for(&mut tail, self.options.linger);
        }
        tail.committer = Committer::Works;
        !tail.stopping
    }

    /// The keeper's thread.
    pub(crate) fn run_keeper(&self) {
        loop {
            let has_kept = self.keep();
            let mut tail = self.tail.lock();
            if tail.stopping {
                return;
            }
            if has_kept {
                continue;
            }
            if tail.wants_spare() && self.waiters.check().is_ok() {
                self.keeping.wait_for(&mut tail, ROOM_RETRY);
            } else {
                self.keeping.wait(&mut tail);
            }
        }
    }

    /// Ends both threads.
    pub(crate) fn stop(&self) {
        self.tail.lock().stopping = true;
        self.work.notify_all();
        self.keeping.notify_all();
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        self.shelf.spans()
    }
}

/// Nobody waits for ever because a callback panicked on the committer's thread.
struct PoisonsOnPanic<'a>(&'a Waiters);

impl Drop for PoisonsOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.poison(Poisoned::new("the committer panicked"));
        }
    }
}
