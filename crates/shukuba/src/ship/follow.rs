//! One named file through its rotations: which files on disk hold its lines, and in which order.
//!
//! A name is followed, not a file. When the name goes to another file (rename) the old one is read to its end first;
//! when the file shrinks (truncation in place) its copy is looked for beside it. At a start, what an earlier run left
//! unfinished is found again under its new name, compressed or not, by its first line and the bytes before the
//! checkpoint.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

use super::pack::{Limits, Packer};
use super::source::{self, Node, Packing, Source, Tail};
use super::state::{FileState, OnDisk, State};

/// How long a renamed file is still read at its end, since its writer may not have moved on. Chosen.
const ROTATE_WAIT: Duration = Duration::from_secs(5);

/// A file that is being read.
#[derive(Debug)]
pub(crate) struct Reading {
    /// Its number in the state.
    pub(crate) file: usize,
    pub(crate) source: Source,
    pub(crate) packer: Packer,
    /// Its id, the beginning of the ids of its lines.
    pub(crate) id: String,
    /// It will not grow: its end is the end.
    pub(crate) is_complete: bool,
}

/// A followed name.
#[derive(Debug)]
pub(crate) struct Follow {
    path: PathBuf,
    limits: Limits,
    line_limit: usize,
    older: VecDeque<Reading>,
    current: Option<Reading>,
    rotated_at: Option<Duration>,
    is_once: bool,
}

impl Follow {
    /// Follows `path`; with `is_once`, what is there now and no more.
    pub(crate) fn new(path: &Path, limits: Limits, line_limit: usize, is_once: bool) -> Self {
        let is_once = is_once || Packing::of(path) != Packing::Plain;
        Self {
            path: path.to_owned(),
            limits,
            line_limit,
            older: VecDeque::new(),
            current: None,
            rotated_at: None,
            is_once,
        }
    }

    /// Finds the file under the name, and what earlier runs left unfinished.
    pub(crate) fn begin(&mut self, state: &mut State) -> anyhow::Result<()> {
        self.open_current(state)?;
        let now = self.current.as_ref().map(|reading| reading.file);
        let left: Vec<usize> = (0..state.files.len())
            .filter(|index| Some(*index) != now)
            .filter(|index| {
                state
                    .files
                    .get(*index)
                    .is_some_and(|file| file.path == self.path && !file.is_done)
            })
            .collect();
        for index in left {
            self.find_rest(state, index);
        }
        Ok(())
    }

    /// The file to read now.
    pub(crate) fn reading(&mut self) -> Option<&mut Reading> {
        self.older.front_mut().or(self.current.as_mut())
    }

    /// The file to read now is at its end; `now` is monotonic. Gives the file when it is finished for good.
    pub(crate) fn at_end(
        &mut self,
        state: &mut State,
        now: Duration,
    ) -> anyhow::Result<Option<Reading>> {
        if !self.older.is_empty() {
            return Ok(self.older.pop_front());
        }
        let Some(reading) = &self.current else {
            // What was there at the start and is not read is finished already: opened again it would be another file.
            if !self.is_once {
                self.open_current(state)?;
            }
            return Ok(None);
        };
        if self.is_once || reading.is_complete {
            return Ok(None);
        }
        if reading
            .source
            .size()
            .is_some_and(|size| size < reading.source.offset())
        {
            return self.truncated(state).map(Some);
        }
        let node = fs::metadata(&self.path)
            .ok()
            .map(|metadata| Node::of(&metadata));
        if node == Some(reading.source.node()) {
            self.rotated_at = None;
            return Ok(None);
        }
        let since = *self.rotated_at.get_or_insert(now);
        if now.saturating_sub(since) < ROTATE_WAIT || node.is_none() {
            return Ok(None);
        }
        self.rotated_at = None;
        let finished = self.current.take();
        self.open_current(state)?;
        Ok(finished)
    }

    /// Everything that is open, when nothing more will be read.
    pub(crate) fn into_readings(self) -> impl Iterator<Item = Reading> {
        self.older.into_iter().chain(self.current)
    }

    /// Whether the file that is read now is one that was rotated away.
    pub(crate) fn is_reading_older(&self) -> bool {
        !self.older.is_empty()
    }

    /// Whether more may be written under the name.
    pub(crate) fn may_grow(&self) -> bool {
        !compressed_of(&self.path)
    }

    /// The file was cut in place: what was cut off may lie in a copy beside it.
    fn truncated(&mut self, state: &mut State) -> anyhow::Result<Reading> {
        let mut old = self
            .current
            .take()
            .context("a file was read that is not open")?;
        tracing::info!(path = %self.path.display(), "the file was truncated; reading it from its start");
        let at = old.source.offset();
        let (index, id) = (old.file, old.id.clone());
        if let Some((path, source)) = self.copy_of(state, index, at) {
            tracing::info!(path = %path.display(), "reading the rest of the truncated file from its copy");
            let packer = std::mem::replace(&mut old.packer, Packer::new(self.limits, []));
            self.older.push_back(Reading {
                file: index,
                source,
                packer,
                id,
                is_complete: true,
            });
        }
        self.open_current(state)?;
        Ok(old)
    }

    fn open_current(&mut self, state: &mut State) -> anyhow::Result<()> {
        let source = match Source::open(&self.path, self.line_limit) {
            Ok(source) => source,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !self.is_once => return Ok(()),
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("cannot open `{}`", self.path.display()));
            }
        };
        let may_grow = source.may_grow() && !self.is_once;
        let print = source::fingerprint(&self.path, !may_grow)
            .with_context(|| format!("cannot read `{}`", self.path.display()))?;
        let Some(fingerprint) = print else {
            return Ok(()); // Its first line is not whole yet: nothing to send, nothing to lose.
        };
        let node = source.node();
        let compressed = on_disk(&self.path)?;
        let file = match find(state, &fingerprint, node, compressed.as_ref(), &self.path) {
            Some(index) => index,
            None => register(state, &self.path, fingerprint, node, compressed),
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
        source
            .skip_to(known.offset)
            .with_context(|| format!("cannot read `{}`", self.path.display()))?;
        let packer = Packer::new(self.limits, known.planned.iter().copied());
        let id = known.id.clone();
        self.current = Some(Reading {
            file,
            source,
            packer,
            id,
            is_complete: !may_grow,
        });
        Ok(())
    }

    /// What an earlier run left of the file `index`, which is no longer under its name.
    fn find_rest(&mut self, state: &mut State, index: usize) {
        let Some(known) = state.files.get(index) else {
            return;
        };
        let (at, planned, id) = (known.offset, known.planned.clone(), known.id.clone());
        match self.copy_of(state, index, at) {
            Some((path, source)) => {
                tracing::info!(path = %path.display(), offset = at, "going on with a rotated file");
                let packer = Packer::new(self.limits, planned);
                self.older.push_back(Reading {
                    file: index,
                    source,
                    packer,
                    id,
                    is_complete: true,
                });
            }
            None => {
                tracing::warn!(path = %self.path.display(), offset = at, %id, "the rest of a file that was rotated away is not beside it; if it was moved, ship it by its new name");
                if let Some(known) = state.files.get_mut(index) {
                    known.is_done = true;
                }
            }
        }
    }

    /// The file beside this one that goes on where `index` was at `offset`.
    fn copy_of(&self, state: &State, index: usize, offset: u64) -> Option<(PathBuf, Source)> {
        let known = state.files.get(index)?;
        let tail = known.tail.clone();
        let mut found = siblings(&self.path);
        found.sort_by_key(|path| {
            fs::metadata(path)
                .map(|data| Node::of(&data) != known.node)
                .unwrap_or(true)
        });
        found.into_iter().find_map(|path| {
            let print = source::fingerprint(&path, true).ok()??;
            let mut source = Source::open(&path, self.line_limit).ok()?;
            let reached = source.skip_to(offset).ok()??;
            let is_same = print == known.fingerprint
                && tail
                    .as_ref()
                    .is_none_or(|tail| *tail == reached || offset > known.offset);
            is_same.then_some((path, source))
        })
    }
}

/// Files in the same directory whose names begin with this one's.
fn siblings(path: &Path) -> Vec<PathBuf> {
    let dir = path
        .parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or_else(|| Path::new("."));
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return Vec::new();
    };
    let is_sibling = |other: &PathBuf| {
        other != path
            && other
                .file_name()
                .and_then(|other| other.to_str())
                .is_some_and(|other| other.starts_with(name))
            && other.is_file()
    };
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(is_sibling)
        .collect()
}

/// The known file that this one goes on.
fn find(
    state: &State,
    fingerprint: &str,
    node: Node,
    compressed: Option<&OnDisk>,
    path: &Path,
) -> Option<usize> {
    let is_same = |file: &FileState| {
        file.fingerprint == fingerprint
            // Nothing of it is acknowledged, so there are no bytes to know it by.
            && (file.tail.is_some() || file.node == node)
            && match (&file.compressed, compressed) {
                (Some(known), Some(now)) => known == now,
                (None, None) => File::open(path).ok().is_some_and(|open| has_tail(&open, file)),
                (None, Some(_)) => text_tail(path, file.offset) == file.tail && file.tail.is_some(),
                (Some(_), None) => false,
            }
    };
    let candidates = || {
        let free = state
            .files
            .iter()
            .enumerate()
            .filter(|(index, _)| !state.in_use.contains(index));
        free.filter(|(_, file)| is_same(file))
    };
    candidates()
        .find(|(_, file)| file.node == node)
        .or_else(|| candidates().next())
        .map(|(index, _)| index)
}

fn has_tail(open: &File, file: &FileState) -> bool {
    let reached = source::tail_of(open, file.offset).ok().flatten();
    reached.is_some() && (file.tail.is_none() || reached == file.tail)
}

fn text_tail(path: &Path, offset: u64) -> Option<Tail> {
    Source::open(path, 1 << 20).ok()?.skip_to(offset).ok()?
}

fn register(
    state: &mut State,
    path: &Path,
    fingerprint: String,
    node: Node,
    compressed: Option<OnDisk>,
) -> usize {
    let id = state.free_id(&fingerprint);
    state.files.push(FileState {
        id,
        fingerprint,
        path: path.to_owned(),
        node,
        compressed,
        offset: 0,
        tail: None,
        planned: Vec::new(),
        accepted: 0,
        set_aside: 0,
        is_done: false,
    });
    state.files.len() - 1
}

fn compressed_of(path: &Path) -> bool {
    Packing::of(path) != Packing::Plain
}

fn on_disk(path: &Path) -> anyhow::Result<Option<OnDisk>> {
    if !compressed_of(path) {
        return Ok(None);
    }
    let file = File::open(path).with_context(|| format!("cannot open `{}`", path.display()))?;
    let size = file
        .metadata()
        .with_context(|| format!("cannot read `{}`", path.display()))?
        .len();
    let tail = source::tail_of(&file, size)
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    Ok(tail.map(|tail| OnDisk { size, tail }))
}
