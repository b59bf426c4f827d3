//! One named file through its rotations: which files on disk hold its lines, and in which order.
//!
//! A name is followed, not a file. When the name goes to another file (rename), that one is read at once and the old
//! one is listened to until it was silent for a minute, since its writer may not have moved on. When the file no longer
//! holds what was read (truncation in place, filled again or not) its copy is looked for beside it. At a start, what an
//! earlier run left unfinished is found again under its new name, compressed or not, by its first line and the bytes
//! before the checkpoint. At each of these turns, what was rotated away in between and was never seen under the name
//! ([`rotated`](super::rotated)) is read before the file that has the name now.

mod missed;

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use base::{Clock, SystemClock};

use super::known::{compressed_of, find, is_still, on_disk, register};
use super::pack::{Limits, Packer};
use super::rotated;
use super::source::{self, Node, Source, Tail};
use super::state::{FileState, OnDisk, State};

/// How long a renamed file must be silent before it counts as finished. Chosen: longer than a writer takes to open its
/// log again after a rotation.
pub(crate) const SILENCE: Duration = Duration::from_secs(60);
/// Renamed files of one name that are listened to at once; with one more, the first counts as finished. Chosen.
const LATE_LIMIT: usize = 16;
/// Looks at files that are renamed just now. Chosen.
const LOOKS: usize = 20;

/// A file that is being read.
#[derive(Debug)]
pub(crate) struct Reading {
    /// Its number in the state.
    pub(crate) file: usize,
    pub(crate) source: Source,
    pub(crate) packer: Packer,
    /// Its id, the beginning of the ids of its lines.
    pub(crate) id: String,
}

/// A file of which no more is read now.
#[derive(Debug)]
pub(crate) enum Ended {
    /// For good: its last line counts without a newline as well.
    Gone(Reading),
    /// In this run, but its last line counts.
    Whole(Reading),
    /// In this run: a last line without a newline is left for the next.
    Open(Reading),
}

/// A renamed file whose writer may not have moved on.
#[derive(Debug)]
struct Late {
    reading: Reading,
    heard_at: Duration,
}

/// What a name stands for.
struct Named {
    source: Source,
    print: String,
    known: Option<usize>,
    compressed: Option<OnDisk>,
}

/// How a name is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Until told to stop.
    On,
    /// What is there now; an unfinished last line is left.
    Once,
    /// What is there now, with the last line.
    OnceWhole,
}

/// A followed name.
#[derive(Debug)]
pub(crate) struct Follow {
    path: PathBuf,
    limits: Limits,
    line_limit: usize,
    older: VecDeque<Reading>,
    current: Option<Reading>,
    late: VecDeque<Late>,
    /// The last change of the file when it was last seen under the name: what was rotated away after it is not older.
    seen: Option<u64>,
    /// More was rotated away since then than is open.
    more_since: Option<u64>,
    /// What has the name cannot be read, and somebody was told.
    is_unreadable: bool,
    mode: Mode,
}

impl Follow {
    /// Follows `path`.
    pub(crate) fn new(path: &Path, limits: Limits, line_limit: usize, mode: Mode) -> Self {
        let is_growing = mode == Mode::On && !compressed_of(path);
        Self {
            path: path.to_owned(),
            limits,
            line_limit,
            older: VecDeque::new(),
            current: None,
            late: VecDeque::new(),
            seen: None,
            more_since: None,
            is_unreadable: false,
            mode: match mode {
                Mode::On if !is_growing => Mode::Once,
                mode => mode,
            },
        }
    }

    /// Finds the file under the name. All names do this before one begins to look beside it: what has a name of its
    /// own is read by that.
    pub(crate) fn open(&mut self, state: &mut State) -> anyhow::Result<()> {
        // Nothing is known of it yet: what comes from now on.
        let now = SystemClock::new().now().as_millis();
        self.seen = Some(now.saturating_mul(1_000_000));
        let before = self.last_seen(state);
        self.open_current(state)?;
        if !compressed_of(&self.path) {
            self.more_since = before;
            self.seen = if self.current.is_some() {
                self.seen
            } else {
                before.or(self.seen)
            };
        }
        Ok(())
    }

    /// Finds what earlier runs left unfinished, and what was rotated away since.
    pub(crate) fn begin(&mut self, state: &mut State) {
        let left: Vec<usize> = self.known_of(state, |index, file| {
            !file.is_done && !state.in_use.contains(&index)
        });
        let mut since = self.more_since.take();
        for index in left {
            let found = self.find_rest(state, index);
            since = since.or(found);
        }
        if let Some(since) = since {
            self.find_missed(state, since);
        }
    }

    /// The file to read now.
    pub(crate) fn reading(&mut self) -> Option<&mut Reading> {
        self.older.front_mut().or(self.current.as_mut())
    }

    /// Whether there are files to read before the current one.
    pub(crate) fn has_older(&self) -> bool {
        !self.older.is_empty()
    }

    /// A renamed file that is listened to, by its number from 0.
    pub(crate) fn late(&mut self, number: usize) -> Option<&mut Reading> {
        self.late.get_mut(number).map(|late| &mut late.reading)
    }

    /// The renamed file had something to read.
    pub(crate) fn heard(&mut self, number: usize, now: Duration) {
        if let Some(late) = self.late.get_mut(number) {
            late.heard_at = now;
        }
    }

    /// A renamed file that was silent for long enough.
    pub(crate) fn take_silent(&mut self, now: Duration) -> Option<Ended> {
        let is_silent = |late: &Late| now.saturating_sub(late.heard_at) >= SILENCE;
        let at = self.late.iter().position(is_silent)?;
        self.late.remove(at).map(|late| Ended::Gone(late.reading))
    }

    /// All files from which lines may wait to be packed.
    pub(crate) fn readings(&mut self) -> impl Iterator<Item = &mut Reading> {
        let late = self.late.iter_mut().map(|late| &mut late.reading);
        late.chain(self.older.front_mut().or(self.current.as_mut()))
    }

    /// The file to read now is at its end; `now` is monotonic. Gives the file of which no more is read.
    pub(crate) fn at_end(
        &mut self,
        state: &mut State,
        now: Duration,
    ) -> anyhow::Result<Option<Ended>> {
        let older = self.older.pop_front();
        if self.older.is_empty()
            && let Some(since) = self.more_since.take()
        {
            self.find_missed(state, since);
        }
        if let Some(reading) = older {
            return Ok(self.older_ended(reading, now));
        }
        if !self.older.is_empty() {
            return Ok(None);
        }
        let Some(reading) = &self.current else {
            // With `--once`, what is not read is finished already: opened again it would be another file.
            if self.mode == Mode::On {
                self.turn(state);
            }
            return Ok(None);
        };
        match self.mode {
            Mode::On => {}
            Mode::Once | Mode::OnceWhole => return Ok(self.current.take().map(|it| self.once(it))),
        }
        if reading.source.is_cut() {
            return self.truncated(state);
        }
        let Ok(metadata) = fs::metadata(&self.path) else {
            return Ok(None); // The next file is not there yet.
        };
        if Node::of(&metadata) == reading.source.node() {
            let file = reading.file;
            self.saw(state, file, rotated::written(&metadata));
            return Ok(None);
        }
        let evicted = self
            .current
            .take()
            .and_then(|reading| self.listen(reading, now));
        self.turn(state);
        Ok(evicted)
    }

    /// Lets go of the file to read now, which cannot be read on; `None` for one that is written to, which must be.
    pub(crate) fn give_up(&mut self) -> Option<Reading> {
        let older = self.older.pop_front();
        older.or_else(|| self.current.take_if(|_| self.mode != Mode::On))
    }

    /// The same of a renamed file, by its number.
    pub(crate) fn give_up_late(&mut self, number: usize) -> Option<Reading> {
        self.late.remove(number).map(|late| late.reading)
    }

    /// Everything that is open, when nothing more will be read.
    pub(crate) fn into_readings(self) -> impl Iterator<Item = Reading> {
        let late = self.late.into_iter().map(|late| late.reading);
        late.chain(self.older).chain(self.current)
    }

    /// Whether there is a first line that is not whole, and nothing else.
    pub(crate) fn has_only_a_rest(&self) -> bool {
        self.mode == Mode::Once
            && self.current.is_none()
            && !compressed_of(&self.path)
            && fs::metadata(&self.path).is_ok_and(|metadata| metadata.len() > 0)
    }

    fn once(&self, reading: Reading) -> Ended {
        match self.mode {
            _ if !reading.source.may_grow() => Ended::Gone(reading),
            Mode::OnceWhole => Ended::Whole(reading),
            _ => Ended::Open(reading),
        }
    }

    /// A rotated file is at its end. Its writer may have it open still.
    fn older_ended(&mut self, reading: Reading, now: Duration) -> Option<Ended> {
        let Some(metadata) = reading.source.metadata() else {
            return Some(Ended::Gone(reading));
        };
        if self.mode == Mode::On {
            return self.listen(reading, now);
        }
        let silence = SystemClock::new()
            .now()
            .as_millis()
            .saturating_sub(rotated::written(&metadata) / 1_000_000);
        Some(if Duration::from_millis(silence) >= SILENCE {
            Ended::Gone(reading)
        } else {
            self.once(reading)
        })
    }

    fn listen(&mut self, reading: Reading, now: Duration) -> Option<Ended> {
        self.late.push_back(Late {
            reading,
            heard_at: now,
        });
        if self.late.len() <= LATE_LIMIT {
            return None;
        }
        self.late.pop_front().map(|late| Ended::Gone(late.reading))
    }

    fn saw(&mut self, state: &mut State, file: usize, written: u64) {
        self.seen = Some(written);
        if let Some(known) = state.files.get_mut(file) {
            known.written = Some(written);
        }
    }

    /// The name may have gone to another file, and to others before that. One that cannot be read now (made by a rotation
    /// that gives it its owner later) is tried again at the next look.
    fn turn(&mut self, state: &mut State) {
        let since = self.seen;
        if let Err(error) = self.open_current(state) {
            if !std::mem::replace(&mut self.is_unreadable, true) {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "a followed file cannot be read now; trying again"
                );
            }
            return;
        }
        if std::mem::take(&mut self.is_unreadable) {
            tracing::warn!(path = %self.path.display(), "the file can be read again");
        }
        if let Some(since) = since {
            self.find_missed(state, since);
        }
    }

    /// The file was cut in place: what was cut off may lie in a copy beside it.
    fn truncated(&mut self, state: &mut State) -> anyhow::Result<Option<Ended>> {
        let mut old = self
            .current
            .take()
            .context("a file was read that is not open")?;
        let (at, mark) = (old.source.line_start(), old.source.mark());
        let copy = self.copy_of(state, old.file, at, Some((mark.0, &mark.1)));
        let ended = match copy {
            Some((path, source, reached)) => {
                tracing::info!(path = %path.display(), "a file was cut in place; reading its rest from its copy");
                let packer = std::mem::replace(&mut old.packer, Packer::new(self.limits, []));
                self.adopt(state, old.file, source, (at, reached), packer);
                None
            }
            None => {
                tracing::warn!(path = %self.path.display(), offset = at, "a file was cut in place, and no copy of it is beside it: lines that were written after the last look are lost");
                Some(Ended::Gone(old))
            }
        };
        self.turn(state);
        Ok(ended)
    }

    fn open_current(&mut self, state: &mut State) -> anyhow::Result<()> {
        let found = (0..LOOKS).find_map(|_| self.look_at_name(state).transpose());
        let Some(found) = found.transpose()? else {
            return Ok(()); // Nothing to send, nothing to lose; or it moves on faster than it can be looked at.
        };
        let Named {
            source,
            print,
            known,
            compressed,
        } = found;
        let node = source.node();
        let written = source.metadata().as_ref().map(rotated::written);
        let file = match known {
            Some(index) => index,
            None => register(state, &self.path, print, node, compressed),
        };
        state.in_use.insert(file);
        let Some(known) = state.files.get_mut(file) else {
            return Ok(());
        };
        known.path.clone_from(&self.path);
        known.node = node;
        if known.is_done && compressed_of(&self.path) {
            return Ok(());
        }
        known.is_done = false;
        let mut source = source;
        // With the first bytes in hand a cut shows, however early.
        if let Err(error) = source.skip_to(known.offset).and_then(|_| source.fill()) {
            state.in_use.remove(&file);
            return Err(error).with_context(|| format!("cannot read `{}`", self.path.display()));
        }
        let packer = Packer::new(self.limits, known.planned.iter().copied());
        let id = known.id.clone();
        self.current = Some(Reading {
            file,
            source,
            packer,
            id,
        });
        if let Some(written) = written {
            self.saw(state, file, written);
        }
        Ok(())
    }

    /// What the name stands for; `None` when that is nothing yet, or something else by the end of the look.
    fn look_at_name(&self, state: &State) -> anyhow::Result<Option<Named>> {
        let source = match Source::open(&self.path, self.line_limit) {
            Ok(source) => source,
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.mode == Mode::On => {
                return Ok(None);
            }
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("cannot open `{}`", self.path.display()));
            }
        };
        let is_whole = !source.may_grow() || self.mode == Mode::OnceWhole;
        let print = match source::fingerprint(&self.path, is_whole) {
            Ok(Some(print)) => print,
            Ok(None) => return Ok(None), // Its first line is not whole yet.
            Err(_) if !is_still(&self.path, source.node()) => return Ok(None),
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("cannot read `{}`", self.path.display()));
            }
        };
        let compressed = on_disk(&self.path)?;
        let node = source.node();
        let known = find(state, &print, node, compressed.as_ref(), &self.path);
        Ok(is_still(&self.path, node).then_some(Named {
            source,
            print,
            known,
            compressed,
        }))
    }

    /// The numbers of this name's files.
    fn known_of(&self, state: &State, is_meant: impl Fn(usize, &FileState) -> bool) -> Vec<usize> {
        let all = state.files.iter().enumerate();
        all.filter(|(index, file)| file.path == self.path && is_meant(*index, file))
            .map(|(index, _)| index)
            .collect()
    }

    /// When the name was last seen by an earlier run, as the last change of the first file that it left unfinished.
    fn last_seen(&self, state: &State) -> Option<u64> {
        let written = |indexes: Vec<usize>| -> Vec<u64> {
            let files = indexes.into_iter().filter_map(|it| state.files.get(it));
            files.filter_map(|file| file.written).collect()
        };
        let open = written(self.known_of(state, |_, file| !file.is_done));
        let done = || written(self.known_of(state, |_, file| file.is_done));
        open.into_iter().min().or_else(|| done().into_iter().max())
    }

    /// Reads the file `index` on from `source`, before the current one. `reached`: the offset and the hash of the text
    /// before it, by which it is known again even if there is nothing more to send of it.
    fn adopt(
        &mut self,
        state: &mut State,
        index: usize,
        source: Source,
        reached: (u64, Tail),
        packer: Packer,
    ) {
        state.in_use.insert(index);
        state.is_changed = true;
        let Some(known) = state.files.get_mut(index) else {
            return;
        };
        known.node = source.node();
        known.is_done = false;
        if reached.0 > 0 {
            (known.tail_at, known.tail) = (Some(reached.0), Some(reached.1));
        }
        self.older.push_back(Reading {
            file: index,
            source,
            packer,
            id: known.id.clone(),
        });
    }
}
