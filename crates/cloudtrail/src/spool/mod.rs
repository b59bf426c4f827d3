//! The spool: where records lie, one after the other, each chained to the one before.
//!
//! A record is handed to the operating system before its call is answered, so that the end of the process loses none;
//! [`Spool::sync`] makes what was written survive a power loss, once a second, and gives the [`Head`], which says how far
//! that is. What a power loss tore is cut off at the next start and said ([`Opened`]); what had been synced and is gone
//! leaves a gap in the numbers that stays.
//!
//! The oldest file goes when the bound is reached. What goes is told by [`Appended::dropped`]: who still wanted it must
//! say so.
//!
//! - [`frame`]: how a record lies in a file
//! - [`segment`]: the files
//! - [`read`]: reading from a number on; [`window`]: a part of a file at a time
//! - [`verify`]: comparing everything with the chain
//! - [`head`]: what is kept of how far the spool goes

pub mod frame;
pub mod head;
pub mod read;
mod segment;
#[cfg(test)]
mod tests;
pub mod verify;
mod window;

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use base::Timestamp;
use parking_lot::Mutex;
use store::disk::Disk;

pub use frame::{Chain, Frame, HEADER_BYTES, NoFrame, SLOTS, Slots};
pub use head::Head;
pub use read::{ReadError, Reader};
pub use segment::Stream;

use segment::{Begin, HEAD_BYTES, Segment};
use window::Window;

/// Where the first record of a file lies.
pub const FIRST_OFFSET: u64 = HEAD_BYTES;

/// The default length of a file. Chosen: some 15,000 records, read through in a few milliseconds.
pub const SEGMENT_BYTES: u64 = 16 << 20;

/// How much a spool may hold.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The length of a file; at least two of the longest records.
    pub segment_bytes: u64,
    /// The most bytes of all files; at least two files. The oldest goes before a new one would exceed it.
    pub bytes_max: u64,
}

/// Records of one kind.
#[derive(Debug)]
pub struct Spool {
    disk: Arc<dyn Disk>,
    stream: Stream,
    options: Options,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Oldest first; records go to the last.
    segments: VecDeque<Arc<Segment>>,
    /// Where the next frame goes in the last.
    offset: u64,
    next: u64,
    chain: Chain,
    /// Full files that were not synced since.
    unsynced: Vec<Arc<Segment>>,
    /// How often a file was made, and how many of those times its name was synced.
    names_made: u64,
    names_synced: u64,
    /// Files that no longer count; they go once a head that says so is kept.
    leaving: Vec<u64>,
}

/// What was found when a spool was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// Bytes that were cut off behind the last whole record: a write that a power loss tore.
    pub torn_bytes: u64,
    /// Numbers of records that had been synced and are gone.
    pub missing: Option<Range<u64>>,
}

/// A record to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct New {
    /// When it was taken.
    pub at: Timestamp,
    /// Which trails shall have it.
    pub wanted: Slots,
    /// The record.
    pub record: Vec<u8>,
}

impl New {
    /// Its length in a file.
    const fn bytes(&self) -> usize {
        HEADER_BYTES + self.record.len()
    }
}

/// What became of records that were added together.
#[derive(Debug, Default)]
pub struct AppendedAll {
    /// How many were kept: the first ones.
    pub kept: usize,
    /// The numbers of the records that had to go for them.
    pub dropped: Option<Range<u64>>,
    /// Why the others were not kept.
    pub error: Option<io::Error>,
}

/// Where a record was put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its number.
    pub number: u64,
    /// The number of its file's first record.
    pub segment: u64,
    /// Where it lies in that file.
    pub offset: u64,
    /// The numbers of the records that had to go for it.
    pub dropped: Option<Range<u64>>,
}

impl Spool {
    /// Opens the spool of `stream` on `disk`; `head` is what the last [`Spool::sync`] gave and was kept. Without one
    /// nothing but the end of the last file is taken for torn.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn open(
        disk: Arc<dyn Disk>,
        stream: Stream,
        options: Options,
        head: Option<&Head>,
    ) -> io::Result<(Arc<Self>, Opened)> {
        let mut numbers: Vec<u64> = disk
            .list()?
            .iter()
            .filter_map(|name| stream.number_of(name))
            .collect();
        numbers.sort_unstable();
        let mut opening = Opening {
            disk: &*disk,
            stream,
            state: State {
                segments: VecDeque::new(),
                offset: HEAD_BYTES,
                next: 1,
                chain: Chain::default(),
                unsynced: Vec::new(),
                // What the last process made and did not sync.
                names_made: 1,
                names_synced: 0,
                leaving: Vec::new(),
            },
            opened: Opened::default(),
        };
        opening.take_files(&numbers, head)?;
        opening.find_end(head)?;
        opening.compare(head)?;
        let Opening { state, opened, .. } = opening;
        let spool = Self {
            disk,
            stream,
            options,
            state: Mutex::new(state),
        };
        Ok((Arc::new(spool), opened))
    }

    /// Which records it holds.
    #[must_use]
    pub const fn stream(&self) -> Stream {
        self.stream
    }

    /// Adds a record.
    ///
    /// # Errors
    /// When the disk refuses, such as when it is full; the record is not kept then.
    pub fn append(&self, at: Timestamp, wanted: Slots, record: Vec<u8>) -> io::Result<Appended> {
        let new = New { at, wanted, record };
        let mut state = self.state.lock();
        let (appended, _) = self.append_run(&mut state, std::slice::from_ref(&new))?;
        Ok(appended)
    }

    /// Adds records in their order, by one write where they fit into the file.
    pub fn append_all(&self, records: &[New]) -> AppendedAll {
        let mut all = AppendedAll::default();
        let mut state = self.state.lock();
        while let Some(left) = records.get(all.kept..).filter(|left| !left.is_empty()) {
            match self.append_run(&mut state, left) {
                Ok((appended, count)) => {
                    all.kept += count;
                    all.dropped = joined(all.dropped, appended.dropped);
                }
                Err(error) => {
                    all.error = Some(error);
                    break;
                }
            }
        }
        all
    }

    /// Adds the first of `records` and as many behind it as fit into its file. Returns where the first was put and how
    /// many were.
    fn append_run(&self, state: &mut State, records: &[New]) -> io::Result<(Appended, usize)> {
        let first_bytes = records.first().map_or(0, New::bytes) as u64;
        let is_full =
            state.segments.is_empty() || state.offset + first_bytes > self.options.segment_bytes;
        let dropped = if is_full { self.roll(state)? } else { None };
        let Some(segment) = state.segments.back().cloned() else {
            return Err(io::Error::other("the spool has no file"));
        };
        let appended = Appended {
            number: state.next,
            segment: segment.begin.first,
            offset: state.offset,
            dropped,
        };
        let run = Run::of(state, records, self.options.segment_bytes);
        segment.write(state.offset, &run.bytes)?;
        let numbers = state.next..;
        for (number, offset) in numbers.zip(&run.offsets) {
            segment.mark(number, *offset);
        }
        state.offset += run.bytes.len() as u64;
        state.next += run.offsets.len() as u64;
        state.chain = run.chain;
        Ok((appended, run.offsets.len()))
    }

    /// Begins a new file, for which the oldest may have to go.
    fn roll(&self, state: &mut State) -> io::Result<Option<Range<u64>>> {
        let begin = Begin {
            first: state.next,
            before: state.chain,
        };
        let new = Segment::create(&*self.disk, self.stream, begin, self.options.segment_bytes)?;
        state.names_made += 1;
        state.unsynced.extend(state.segments.back().cloned());
        state.segments.push_back(Arc::new(new));
        state.offset = HEAD_BYTES;
        let mut dropped: Option<Range<u64>> = None;
        while state.segments.len() > 2
            && state.segments.len() as u64 * self.options.segment_bytes > self.options.bytes_max
        {
            dropped = joined(dropped, state.drop_oldest());
        }
        Ok(dropped)
    }

    /// Makes all records so far survive a power loss. The head that it returns says so and is to be kept.
    ///
    /// # Errors
    /// When the disk refuses; what was written since the last time may be lost by a power loss then, which the next
    /// head that is kept will show.
    pub fn sync(&self) -> io::Result<Head> {
        let (segments, names_made, are_names_synced, head) = {
            let mut state = self.state.lock();
            let mut segments = std::mem::take(&mut state.unsynced);
            segments.extend(state.segments.back().cloned());
            let are_names_synced = state.names_made == state.names_synced;
            (segments, state.names_made, are_names_synced, state.head())
        };
        let synced = segments
            .iter()
            .try_for_each(|segment| segment.sync())
            .and_then(|()| match are_names_synced {
                true => Ok(()),
                false => self.disk.sync_names(),
            });
        let mut state = self.state.lock();
        match synced {
            Ok(()) => {
                state.names_synced = names_made;
                Ok(head)
            }
            Err(error) => {
                state.unsynced.extend(segments);
                Err(error)
            }
        }
    }

    /// Lets files go whose records are all older than `older_than` and have numbers below `not_wanted`.
    ///
    /// # Errors
    /// When the disk refuses to read.
    pub fn trim(&self, older_than: Timestamp, not_wanted: u64) -> io::Result<()> {
        loop {
            let second = self.state.lock().segments.get(1).cloned();
            let Some(second) = second.filter(|second| second.begin.first <= not_wanted) else {
                return Ok(());
            };
            // What is behind was written later than all of the oldest file.
            let is_old = match second.frame_at(HEAD_BYTES)? {
                Ok(frame) => frame.at < older_than,
                Err(_) => false,
            };
            if !is_old {
                return Ok(());
            }
            let mut state = self.state.lock();
            if state.segments.get(1).map(|it| it.begin) == Some(second.begin) {
                state.drop_oldest();
            }
        }
    }

    /// Removes the files that `head`, which is kept, no longer counts. Returns the numbers of their first records.
    ///
    /// # Errors
    /// When the disk refuses; they are tried again next time.
    pub fn remove_left(&self, head: &Head) -> io::Result<Vec<u64>> {
        let (going, staying) = {
            let mut state = self.state.lock();
            let leaving = std::mem::take(&mut state.leaving);
            leaving
                .into_iter()
                .partition::<Vec<u64>, _>(|first| *first < head.first)
        };
        let mut gone = Vec::new();
        let mut failed = None;
        let mut left = staying;
        for first in going {
            match self.disk.remove(&self.stream.file_name(first)) {
                Ok(()) => gone.push(first),
                Err(error) if error.kind() == io::ErrorKind::NotFound => gone.push(first),
                Err(error) => {
                    left.push(first);
                    failed = Some(error);
                }
            }
        }
        self.state.lock().leaving.extend(left);
        failed.map_or(Ok(gone), Err)
    }

    /// How far it goes, synced or not.
    #[must_use]
    pub fn head(&self) -> Head {
        self.state.lock().head()
    }

    /// The number of the first record of each file, oldest first.
    #[must_use]
    pub fn files(&self) -> Vec<u64> {
        let state = self.state.lock();
        state.segments.iter().map(|it| it.begin.first).collect()
    }

    /// Bytes of all files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let state = self.state.lock();
        (state.segments.len() + state.leaving.len()) as u64 * self.options.segment_bytes
    }

    /// Reads from the record `number` on.
    #[must_use]
    pub fn reader(self: &Arc<Self>, number: u64) -> Reader {
        Reader::new(Arc::clone(self), number)
    }

    /// The record in the file whose first has the number `segment`, at `offset`; `None` when that file is gone.
    ///
    /// # Errors
    /// When the disk refuses or no whole record stands there.
    pub fn read_at(&self, segment: u64, offset: u64) -> Result<Option<Frame>, ReadError> {
        let found = {
            let state = self.state.lock();
            state
                .segments
                .iter()
                .find(|it| it.begin.first == segment)
                .cloned()
        };
        let Some(found) = found else {
            return Ok(None);
        };
        found
            .frame_at(offset)
            .map_err(ReadError::Disk)?
            .map(Some)
            .map_err(|problem| ReadError::Broken {
                file: self.stream.file_name(segment),
                offset,
                problem,
            })
    }
}

/// Numbers that went, and those behind them that went too.
fn joined(before: Option<Range<u64>>, behind: Option<Range<u64>>) -> Option<Range<u64>> {
    match (before, behind) {
        (Some(before), Some(behind)) => Some(before.start..behind.end),
        (before, behind) => before.or(behind),
    }
}

/// Frames that lie behind each other in a file.
struct Run {
    bytes: Vec<u8>,
    offsets: Vec<u64>,
    chain: Chain,
}

impl Run {
    /// Of the first of `records` and those behind it that end before `end`, where the next frame of `state` goes.
    fn of(state: &State, records: &[New], end: u64) -> Self {
        let room = usize::try_from(end.saturating_sub(state.offset)).unwrap_or(usize::MAX);
        let wanted: usize = records.iter().map(New::bytes).sum();
        let mut run = Self {
            bytes: Vec::with_capacity(wanted.min(room)),
            offsets: Vec::with_capacity(records.len()),
            chain: state.chain,
        };
        for (number, new) in (state.next..).zip(records) {
            if !run.offsets.is_empty() && run.bytes.len() + new.bytes() > room {
                break;
            }
            run.offsets.push(state.offset + run.bytes.len() as u64);
            run.chain = run.chain.with(number, new.at, new.wanted, &new.record);
            let what = (new.at, new.wanted, new.record.as_slice());
            frame::push(&mut run.bytes, number, what, &run.chain);
        }
        run
    }
}

impl State {
    fn head(&self) -> Head {
        Head {
            first: self.segments.front().map_or(self.next, |it| it.begin.first),
            next: self.next,
            chain: self.chain,
        }
    }

    /// Takes the oldest file out of the count; the one that is written to stays.
    fn drop_oldest(&mut self) -> Option<Range<u64>> {
        if self.segments.len() < 2 {
            return None;
        }
        let oldest = self.segments.pop_front()?;
        self.leaving.push(oldest.begin.first);
        let end = self.segments.front().map_or(self.next, |it| it.begin.first);
        Some(oldest.begin.first..end)
    }
}

/// A spool being opened.
struct Opening<'a> {
    disk: &'a dyn Disk,
    stream: Stream,
    state: State,
    opened: Opened,
}

impl Opening<'_> {
    fn take_files(&mut self, numbers: &[u64], head: Option<&Head>) -> io::Result<()> {
        for (place, first) in numbers.iter().enumerate() {
            if head.is_some_and(|head| numbers.get(place + 1).is_some_and(|n| *n <= head.first)) {
                // It was let go; the end of the process came before its removal.
                self.state.leaving.push(*first);
                continue;
            }
            match Segment::open(self.disk, self.stream, *first)? {
                Some(segment) => self.state.segments.push_back(Arc::new(segment)),
                // Begun and torn by a power loss; had it held anything synced, its head would stand.
                None => self.opened.torn_bytes += HEAD_BYTES,
            }
        }
        Ok(())
    }

    /// Walks the files that are not known to be synced to the end of what is whole, and cuts off what is behind it.
    fn find_end(&mut self, head: Option<&Head>) -> io::Result<()> {
        // Without a head nothing may be cut off that may have been synced.
        let synced = head.map_or(u64::MAX, |head| head.next);
        let files = &self.state.segments;
        let from = match head {
            Some(head) => files.partition_point(|it| it.begin.first <= head.next),
            None => 1,
        };
        let mut place = from.saturating_sub(1);
        while let Some(file) = self.state.segments.get(place).cloned() {
            self.walk(&file)?;
            self.state.unsynced.push(file);
            place += 1;
            let Some(next) = self.state.segments.get(place).map(|next| next.begin) else {
                break;
            };
            let is_joined = next.first == self.state.next && next.before == self.state.chain;
            if !is_joined && self.state.next < synced {
                self.opened.missing = Some(self.state.next..next.first);
            } else if !is_joined {
                self.drop_behind(place)?;
            }
        }
        Ok(())
    }

    /// Goes to the end of the whole records of a file.
    fn walk(&mut self, file: &Segment) -> io::Result<()> {
        let state = &mut self.state;
        state.offset = HEAD_BYTES;
        state.next = file.begin.first;
        state.chain = file.begin.before;
        let mut window = Window::new();
        while let Ok(frame) = window.frame_at(file, state.offset)? {
            if frame.number != state.next {
                break;
            }
            file.mark(frame.number, state.offset);
            state.offset += frame.bytes() as u64;
            state.next += 1;
            state.chain = frame.chain;
        }
        Ok(())
    }

    /// Removes the files from `place` on: a power loss kept them and lost what came before them.
    fn drop_behind(&mut self, place: usize) -> io::Result<()> {
        for file in self.state.segments.split_off(place) {
            self.opened.torn_bytes += file.clear_from(HEAD_BYTES)?;
            self.disk.remove(&self.stream.file_name(file.begin.first))?;
        }
        Ok(())
    }

    /// Compares with what was known to be synced.
    ///
    /// What is torn behind that is cut off. Where something of it is missing, the file is left as it is, for those who
    /// look into it, and the numbers go on behind the gap.
    fn compare(&mut self, head: Option<&Head>) -> io::Result<()> {
        let Some(head) = head.filter(|head| self.state.next < head.next) else {
            if let Some(last) = self.state.segments.back() {
                self.opened.torn_bytes += last.clear_from(self.state.offset)?;
            }
            return Ok(());
        };
        self.opened.missing = Some(self.state.next.max(head.first)..head.next);
        self.state.next = head.next;
        self.state.chain = head.chain;
        // Nothing fits behind it: the next record begins a file.
        self.state.offset = u64::MAX / 2;
        Ok(())
    }
}
