//! The journal: append, group commit, read, snapshot, reclaim.
//!
//! Appending copies into memory under a short lock; a committer thread writes and syncs everything that waits as one
//! group (one `fdatasync`), while the next group gathers. An answer may leave once [`Journal::committed`] resolves.
//! Sealed segments go when the caller says that nothing in them lives ([`Journal::reclaim`]).
//!
//! Why a failed write poisons even for a full disk: the caller's state has taken in the records that would have to be
//! cut back, so cutting them needs a restart from the log in any case. Segments are allocated before they are used, so
//! a full disk shows as [`Room`] and [`AppendError::Full`] instead, before anything was applied.

mod core;
mod read;
mod tail;
mod wait;

use std::future::Future;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use base::{ByteCount, Timestamp};
use bytes::Bytes;

use self::core::Core;
use self::tail::{Spare, Tail};
use self::wait::Waiters;
use crate::archive::RESTORE_GAP;
use crate::disk::{Disk, FileRef, RealDisk};
use crate::recovery::{self, Found, OpenError, Recovery};
use crate::segment::{self, Span};
use crate::shelf::Shelf;
use crate::snapshot::{self, Snapshots};
use crate::{Appended, Capture, Class, Fold, Poisoned, Position, Room};

pub use read::{Place, ReadError, Record, Scan};
pub use wait::Committed;

/// Bounds of a segment's size; frames count their group in 32 bits.
const SEGMENT_LEAST: ByteCount = ByteCount::kib(4);
const SEGMENT_MOST: ByteCount = ByteCount::mib(1024);
/// The reserve takes at most this share of the disk.
const RESERVE_OF_DISK: u64 = 10;

/// Why a record was not appended. Nothing of it is in the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The disk is full: sends wait for room, or settles have used up the reserve.
    #[error("the disk has no room for this record (room: {room:?})")]
    Full {
        /// The room there is.
        room: Room,
    },
    /// More waits for the disk than the bound allows; try again in a moment.
    #[error("{pending} wait for the disk already")]
    Busy {
        /// What waits.
        pending: ByteCount,
    },
    /// The record does not fit.
    #[error("a record of {bytes} is larger than the {limit} a record may have")]
    TooLarge {
        /// Its size.
        bytes: ByteCount,
        /// The bound.
        limit: ByteCount,
    },
    /// The journal has stopped.
    #[error(transparent)]
    Poisoned(#[from] Poisoned),
}

/// Sizes and bounds. [`Options::default`] is right for a server.
#[derive(Clone, Debug)]
pub struct Options {
    /// Size of a segment file; 64 MiB. A change holds for new segments. 4 KiB to 1 GiB.
    pub segment: ByteCount,
    /// What is kept back for settles on a full disk; 64 MiB, in whole segments, at least one, at most a tenth of the disk.
    pub reserve: ByteCount,
    /// Largest payload of one record; 16 MiB.
    pub record_max: ByteCount,
    /// Most that may wait for the disk; 64 MiB for sends, twice that for settles.
    pub pending_max: ByteCount,
    /// How long [`Class::Unhurried`] records wait for others to share a commit; 5 ms.
    pub linger: Duration,
    /// How many dropped segment files are kept, beside the reserve, to be written over instead of allocating new ones.
    pub used_kept: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment: ByteCount::mib(64),
            reserve: ByteCount::mib(64),
            record_max: ByteCount::mib(16),
            pending_max: ByteCount::mib(64),
            linger: Duration::from_millis(5),
            used_kept: 0,
        }
    }
}

impl Options {
    /// The reserve in segments.
    fn reserve_segments(&self, disk: &dyn Disk) -> usize {
        let segment = self.segment.get().max(1);
        let wanted = self.reserve.get().div_ceil(segment);
        let allowed = disk
            .size()
            .map_or(u64::MAX, |size| size / RESERVE_OF_DISK / segment);
        usize::try_from(wanted.min(allowed).max(1)).unwrap_or(1)
    }
}

/// A segment file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Its first position.
    pub base: Position,
    /// One past its last position (its capacity, filled or not); where the next begins.
    pub end: Position,
}

impl SegmentInfo {
    /// The room that it takes: none where it stands for what a restore left out.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        let bytes = self.end.get().saturating_sub(self.base.get());
        if bytes >= RESTORE_GAP { 0 } else { bytes }
    }
}

impl From<Span> for SegmentInfo {
    fn from(span: Span) -> Self {
        Self {
            base: Position::new(span.base),
            end: Position::new(span.end()),
        }
    }
}

/// The log of one data directory. Share it by reference or `Arc`; dropping it commits what waits and ends its threads.
#[derive(Debug)]
pub struct Journal {
    core: Arc<Core>,
    threads: Vec<JoinHandle<()>>,
}

impl Journal {
    /// Opens the journal that lies in the directory `dir`, creates it when there is none, replays it into `fold` and starts
    /// its two threads. The caller holds the data directory's lock.
    ///
    /// # Errors
    /// See [`OpenError`]; nothing acknowledged is ever dropped in silence.
    pub fn open(
        dir: &Path,
        options: Options,
        fold: &mut dyn Fold,
    ) -> Result<(Self, Recovery), OpenError> {
        let failed = |what: &'static str| {
            move |source| OpenError::Disk {
                what: what.to_owned(),
                source,
            }
        };
        let disk = RealDisk::at(dir).map_err(failed("create the journal's directory"))?;
        let (mut journal, recovery) = Self::open_on(Arc::new(disk), options, fold)?;
        journal.fill_reserve();
        journal
            .start()
            .map_err(failed("start the journal's threads"))?;
        Ok((journal, recovery))
    }

    /// As [`Journal::open`], on any disk and without threads: [`Journal::commit_now`] and [`Journal::keep_now`] do their work.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_on(
        disk: Arc<dyn Disk>,
        mut options: Options,
        fold: &mut dyn Fold,
    ) -> Result<(Self, Recovery), OpenError> {
        options.segment = options.segment.clamp(SEGMENT_LEAST, SEGMENT_MOST);
        let found = recovery::recover(disk.as_ref(), fold)?;
        let failed = |what: &'static str| {
            move |source| OpenError::Disk {
                what: what.to_owned(),
                source,
            }
        };
        let spares = recovery::spares(disk.as_ref(), options.segment.get())
            .map_err(failed("look for spare files"))?;
        let recovery = found.recovery.clone();
        let core = build(disk, options, found, spares).map_err(failed("make the next segment"))?;
        core.commit();
        core.waiters.check().map_err(|poison| OpenError::Disk {
            what: "begin a segment".to_owned(),
            source: io::Error::other(poison),
        })?;
        let threads = Vec::new();
        Ok((
            Self {
                core: Arc::new(core),
                threads,
            },
            recovery,
        ))
    }

    /// Before the first send is taken it is known whether the disk has room for the reserve.
    fn fill_reserve(&self) {
        while self.core.tail.lock().lacks_reserve() && self.core.keep() {}
    }

    fn start(&mut self) -> io::Result<()> {
        let committer = Arc::clone(&self.core);
        let keeper = Arc::clone(&self.core);
        let named = |name: &str| thread::Builder::new().name(name.to_owned());
        let thread = named("journal-commit").spawn(move || committer.run_committer())?;
        self.threads.push(thread);
        let thread = named("journal-keep").spawn(move || keeper.run_keeper())?;
        self.threads.push(thread);
        Ok(())
    }

    /// Puts a record (the slices one after the other) at the end of the log. Takes microseconds, never waits for the disk;
    /// the caller's lock gives the order.
    ///
    /// # Errors
    /// See [`AppendError`]; then nothing was appended.
    pub fn append(
        &self,
        class: Class,
        at: Timestamp,
        payload: &[&[u8]],
    ) -> Result<Appended, AppendError> {
        self.core.append(class, at, payload)
    }

    /// Everything before this survives a crash.
    #[must_use]
    pub fn durable(&self) -> Position {
        Position::new(self.core.waiters.durable())
    }

    /// Where the log ends: the position of the state in which all that was appended is applied.
    #[must_use]
    pub fn end(&self) -> Position {
        Position::new(self.core.tail.lock().end)
    }

    /// Resolves when everything before `end` is durable.
    pub fn committed(&self, end: Position) -> Committed {
        Committed::new(Arc::clone(&self.core.waiters), end.get())
    }

    /// [`Journal::committed`] for callers without a runtime. Blocks.
    ///
    /// # Errors
    /// When the journal is poisoned before.
    pub fn wait(&self, end: Position) -> Result<(), Poisoned> {
        if self.threads.is_empty() {
            self.core.commit();
        }
        wait::block_on(self.committed(end))
    }

    /// Has `call` called on the committer's thread after each commit with the new durable position. It must be quick.
    pub fn on_commit(&self, call: Box<dyn Fn(Position) + Send + Sync>) {
        self.core.on_commit.write().push(call);
    }

    /// Resolves when the journal is poisoned; the process should then exit, or open the journal and all its state anew.
    pub fn poisoned(&self) -> impl Future<Output = Poisoned> + Send + use<> {
        let mut receiver = self.core.waiters.poison_receiver();
        async move {
            loop {
                if let Some(poison) = receiver.borrow_and_update().clone() {
                    return poison;
                }
                if receiver.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        }
    }

    /// Up to `bytes_max` bytes from `position` on: fewer at the end of a segment or of the log, never none.
    /// One `pread` when written. Not checked against the CRC; [`Journal::record`] is.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn read(&self, position: Position, bytes_max: usize) -> Result<Bytes, ReadError> {
        self.core.read(position, bytes_max)
    }

    /// The whole record that starts at `position`, checked.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn record(&self, position: Position) -> Result<Record, ReadError> {
        self.core.record(position)
    }

    /// The records from `from` (a record's start or a segment's base) up to what is durable now, in order. Begins with the
    /// next segment when that of `from` has been dropped.
    #[must_use]
    pub fn scan(&self, from: Position) -> Scan {
        self.core.scan(from)
    }

    /// Remembers that what lives at `position` cannot be understood, and logs it the first time. Nothing is remembered of a
    /// place whose segment has been dropped meanwhile.
    pub fn note_unreadable(&self, position: Position) {
        self.core.note_unreadable(position);
    }

    /// The places where something that lives could not be read since the journal was opened, at most 1,000: only
    /// [`check`](crate::check::check) says how much is damaged.
    #[must_use]
    pub fn unreadable(&self) -> Vec<Place> {
        self.core.unreadable()
    }

    /// How much room there is.
    #[must_use]
    pub fn room(&self) -> Room {
        self.core.tail.lock().room()
    }

    /// The segments there are, in order; gaps where some were dropped. The last one grows.
    #[must_use]
    pub fn segments(&self) -> Vec<SegmentInfo> {
        let spans = self.core.spans();
        spans.into_iter().map(SegmentInfo::from).collect()
    }

    /// Whether it is time for a snapshot: a segment was sealed, and the log has grown by 8 times the last one's size (or by
    /// 1 GiB) since.
    #[must_use]
    pub fn snapshot_due(&self) -> bool {
        let (end, sealed) = {
            let tail = self.core.tail.lock();
            (tail.end, tail.sealed)
        };
        // Held for long only while a snapshot or a backup is being written.
        let snapshots = self.core.snapshots.try_lock();
        snapshots.is_some_and(|snapshots| snapshots.is_due(end, sealed))
    }

    /// Writes the state captured at `position` as a snapshot and returns its size. Blocks; waits until the log is durable up
    /// to there. On a full disk it fails, and the oldest of several
    /// snapshots makes way for the next try.
    ///
    /// `position`: [`Journal::end`], read under the same lock as the capture was made.
    ///
    /// # Errors
    /// When the journal is poisoned or the disk refuses; the snapshots before stay.
    pub fn snapshot(&self, position: Position, capture: Capture) -> io::Result<ByteCount> {
        let sealed = self.core.tail.lock().sealed;
        self.wait(position).map_err(io::Error::other)?;
        let mut snapshots = self.core.snapshots.lock();
        let disk = self.core.disk.as_ref();
        let bytes = snapshot::write(disk, position.get(), capture);
        if let Err(error) = &bytes
            && error.kind() == io::ErrorKind::StorageFull
        {
            // Without snapshots no segment could go: the next try finds the room of the oldest.
            snapshots.give_way(disk)?;
        }
        let bytes = bytes?;
        snapshots.sealed = sealed;
        snapshots.add(disk, position.get(), bytes)?;
        Ok(ByteCount::new(bytes))
    }

    /// Drops the sealed segments that lie before every kept snapshot and before `sealed_up_to` (how far results are durable
    /// elsewhere), and of which `occupied(base, end)` says that nothing in between lives. Blocks until the state that `occupied`
    /// saw is durable. Returns what was dropped.
    ///
    /// # Errors
    /// When the disk refuses; what was dropped before stays dropped.
    pub fn reclaim(
        &self,
        sealed_up_to: Position,
        occupied: &dyn Fn(Position, Position) -> bool,
    ) -> io::Result<Vec<SegmentInfo>> {
        let limit = self.core.snapshots.lock().covered().min(sealed_up_to.get());
        let spans = self.core.spans().into_iter();
        let vacant: Vec<Span> = spans
            .filter(|span| span.end() <= limit)
            .filter(|span| !occupied(Position::new(span.base), Position::new(span.end())))
            .collect();
        if vacant.is_empty() {
            return Ok(Vec::new());
        }
        // What emptied them may not be durable yet; lost in a crash, the dead would live again without their bytes.
        self.wait(self.end()).map_err(io::Error::other)?;
        let _held = self.core.snapshots.lock();
        let dropped = self.core.drop_segments(&vacant)?;
        self.core.keeping.notify_one();
        Ok(dropped.into_iter().map(SegmentInfo::from).collect())
    }

    /// Runs `copy` on the disk while nothing is removed from it. Appending and committing go on.
    pub(crate) fn holding_files<T>(
        &self,
        copy: impl FnOnce(&dyn Disk) -> io::Result<T>,
    ) -> io::Result<T> {
        let _held = self.core.snapshots.lock();
        copy(self.core.disk.as_ref())
    }

    /// The newest snapshot's position and file. Open, it stays readable when it makes way for another.
    pub(crate) fn newest_snapshot(&self) -> io::Result<Option<(u64, FileRef)>> {
        let snapshots = self.core.snapshots.lock();
        let newest = snapshots.kept.last();
        let open = |position: u64| self.core.disk.open(&snapshot::name(position));
        newest
            .map(|(position, _)| Ok((*position, open(*position)?)))
            .transpose()
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        self.core.spans()
    }

    /// Writes and syncs what waits, on this thread. Says whether there was anything. For journals without threads.
    pub fn commit_now(&self) -> bool {
        self.core.commit()
    }

    /// Allocates one spare segment on this thread, if one is wanted and there is room. Says whether it did.
    pub fn keep_now(&self) -> bool {
        self.core.keep()
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.core.stop();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the journal panicked");
            }
        }
    }
}

fn build(
    disk: Arc<dyn Disk>,
    options: Options,
    found: Found,
    spares: Vec<(String, crate::disk::FileRef)>,
) -> io::Result<Core> {
    let capacity = options.segment.get();
    let mut spares: Vec<Spare> = spares
        .into_iter()
        .map(|(name, file)| Spare {
            name,
            file,
            capacity,
        })
        .collect();
    let shelf = Shelf::new(Arc::clone(&disk));
    for (span, file) in found.segments {
        shelf.insert(span, file);
    }
    let reserve = options.reserve_segments(disk.as_ref());
    let mut tail = match found.tail {
        Some((span, file)) => Tail::new(span, file, found.end, reserve),
        None => {
            let spare = match spares.pop() {
                Some(spare) => spare,
                None => Spare {
                    name: "spare-0".to_owned(),
                    file: segment::prepare(disk.as_ref(), "spare-0", capacity)?,
                    capacity,
                },
            };
            let span = Span {
                base: found.end,
                capacity,
            };
            let mut tail = Tail::new(span, Arc::clone(&spare.file), found.end, reserve);
            tail.begin(span, spare);
            tail
        }
    };
    tail.last_at = found.recovery.last_at;
    let highest = |name: &str| name.strip_prefix("spare-")?.parse::<u64>().ok();
    tail.spares_made = spares
        .iter()
        .filter_map(|spare| highest(&spare.name))
        .max()
        .unwrap_or(0);
    tail.spares.extend(spares);
    let snapshots = Snapshots {
        kept: found.snapshots,
        sealed: 0,
    };
    Ok(Core {
        disk,
        options,
        tail: parking_lot::Mutex::new(tail),
        work: parking_lot::Condvar::new(),
        keeping: parking_lot::Condvar::new(),
        shelf,
        waiters: Arc::new(Waiters::new(found.end)),
        unreadable: parking_lot::Mutex::default(),
        on_commit: parking_lot::RwLock::default(),
        snapshots: parking_lot::Mutex::new(snapshots),
    })
}
