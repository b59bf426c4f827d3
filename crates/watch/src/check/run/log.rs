//! The built-in check of a log: which new lines match.
//!
//! INVARIANT: no line is missed and none is told twice, over rotations and restarts. Where it got to is kept together with what it
//! found, in one file that is replaced whole, before the result is handed on; after a crash the same result, with the same id, is
//! handed on again.
//!
//! A log is known by its inode and a hash of its beginning. After a rotation the rest of the old file is read first, by its inode
//! among its neighbours, then those between, then the new one; the one before the newest stays followed, for a writer that has not
//! noticed yet. A log that is cut to nothing (`copytruncate`) is read from its beginning: what was written between the last run and
//! the cut cannot be known. A line counts when its end is written.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use base::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use crate::check::config::{Level, Log};
use crate::check::{Outcome, Status, cut};
use crate::datum::{Measured, PLUGINS, Unit};

/// Bytes that one run reads; the next run goes on from there.
const RUN_MAX: u64 = 16 << 20;
/// Bytes of a line that are looked at; the rest of it is passed over.
const LINE_MAX: usize = 64 * 1024;
/// Bytes by whose hash a file is told from another with the same inode.
const HEAD_MAX: u64 = 256;
/// Matching lines that are shown.
const SHOWN_MAX: usize = 10;
/// Bytes of a line that are shown.
const SHOWN_LINE_MAX: usize = 500;
/// Endings of logs that were packed and cannot be read on.
const PACKED: [&str; 5] = ["gz", "xz", "bz2", "zst", "Z"];

/// Where it got to and what it found last.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    current: Option<Place>,
    previous: Option<Place>,
    found: Option<Found>,
}

/// What a run found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The id of the result.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// What.
    pub outcome: Outcome,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    device: u64,
    inode: u64,
    offset: u64,
    head: String,
    head_bytes: u64,
}

/// What the last run found that kept `state`. After a restart it is handed on again: nobody knows whether it was.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn last(state: &Path) -> io::Result<Option<Found>> {
    Ok(load(state)?.unwrap_or_default().found)
}

/// Reads what is new, and keeps where it got to in `state`. Reads the disk.
pub(super) fn check(log: &Log, state: &Path, id: &str, at: Timestamp) -> Outcome {
    let mut kept = match load(state) {
        Ok(kept) => kept,
        Err(error) => return Outcome::unknown(format!("cannot read how far it was read: {error}")),
    };
    let mut lines = Lines::new(log);
    let is_first = kept.is_none();
    let places = kept.get_or_insert_default();
    let read = match is_first && !log.from_start {
        true => begin(log, places),
        false => follow(log, places, &mut lines),
    };
    let outcome = match read {
        Ok(()) => lines.outcome(),
        Err(error) => Outcome::unknown(format!("`{}` cannot be read: {error}", log.path.display())),
    };
    places.found = Some(Found {
        id: id.to_owned(),
        at,
        outcome: outcome.clone(),
    });
    let text = serde_json::to_vec(places).unwrap_or_default();
    match store::private::write_private(state, &text) {
        Ok(()) => outcome,
        // What was found is found again by the next run.
        Err(error) => Outcome::unknown(format!("cannot keep how far it was read: {error}")),
    }
}

fn load(state: &Path) -> io::Result<Option<Kept>> {
    match std::fs::read(state) {
        Ok(text) => serde_json::from_slice(&text)
            .map(Some)
            .map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The first time: from the end on, or from the beginning of a log that is not there yet.
fn begin(log: &Log, kept: &mut Kept) -> io::Result<()> {
    if let Some(mut file) = open(&log.path)? {
        let end = file.metadata()?.len();
        kept.current = Some(Place::of(&mut file, end)?);
    }
    Ok(())
}

fn follow(log: &Log, kept: &mut Kept, lines: &mut Lines<'_>) -> io::Result<()> {
    let now = open(&log.path)?;
    let mut rotated = None;
    if let Some(before) = kept.previous.take() {
        let mut rest = Rotated::around(&log.path)?.find(&before)?;
        kept.previous = match &mut rest {
            Some(file) => Some(lines.read(file, before.offset, End::Open)?),
            None => None,
        };
    }
    if let Some(before) = kept.current.take() {
        let mut now = match now {
            Some(file) => file,
            // Moved away and not yet made anew: its rest is read when it is.
            None => {
                kept.current = Some(before);
                return Ok(());
            }
        };
        if before.is_in(&mut now)? {
            kept.current = Some(lines.read(&mut now, before.offset, End::Open)?);
            return Ok(());
        }
        let is_cut = before.is_same_file(&now.metadata()?);
        if !is_cut {
            rotated = Some(before);
        }
        if let Some(before) = rotated {
            let all = Rotated::around(&log.path)?;
            let mut files = all.since(&before, &now)?;
            if files.is_empty() {
                lines.lost = true;
            }
            if let (Some(older), false) = (kept.previous.take(), files.is_empty())
                && let Some(mut file) = all.find(&older)?
            {
                lines.read(&mut file, older.offset, End::Closed)?;
            }
            let count = files.len();
            for (index, (file, offset)) in files.iter_mut().enumerate() {
                let end = if index + 1 == count {
                    End::Open
                } else {
                    End::Closed
                };
                let place = lines.read(file, *offset, end)?;
                if lines.is_full() {
                    kept.current = Some(place);
                    return Ok(());
                }
                kept.previous = Some(place);
            }
        }
        kept.current = Some(lines.read(&mut now, 0, End::Open)?);
    } else if let Some(mut now) = now {
        kept.current = Some(lines.read(&mut now, 0, End::Open)?);
    }
    Ok(())
}

fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Place {
    fn of(file: &mut File, offset: u64) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let head_bytes = offset.min(HEAD_MAX);
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            offset,
            head: head(file, head_bytes)?,
            head_bytes,
        })
    }

    fn is_same_file(&self, metadata: &std::fs::Metadata) -> bool {
        metadata.dev() == self.device && metadata.ino() == self.inode
    }

    /// Whether this is a place in `file`: the same one, not cut, not another with its inode.
    fn is_in(&self, file: &mut File) -> io::Result<bool> {
        let metadata = file.metadata()?;
        let may_be = self.is_same_file(&metadata) && metadata.len() >= self.offset;
        Ok(may_be && head(file, self.head_bytes)? == self.head)
    }
}

fn head(file: &mut File, bytes: u64) -> io::Result<String> {
    let mut head = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(bytes).read_to_end(&mut head)?;
    Ok(hex::encode(sha2::Sha256::digest(&head)))
}

/// The files beside a log that begin with its name.
struct Rotated(Vec<PathBuf>);

impl Rotated {
    fn around(path: &Path) -> io::Result<Self> {
        let (Some(folder), Some(name)) = (
            path.parent(),
            path.file_name().and_then(|name| name.to_str()),
        ) else {
            return Ok(Self(Vec::new()));
        };
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let other = entry.file_name();
            let Some(other) = other.to_str() else {
                continue;
            };
            let is_packed = PACKED
                .iter()
                .any(|ending| other.ends_with(&format!(".{ending}")));
            // `app.log` becomes `app.log.1`, `app.log-20261129` or `app-20261129.log`.
            let stem = name.split('.').next().unwrap_or(name);
            if other != name
                && !is_packed
                && other.starts_with(stem)
                && entry.file_type()?.is_file()
            {
                found.push(entry.path());
            }
        }
        Ok(Self(found))
    }

    /// The file that this is a place in.
    fn find(&self, place: &Place) -> io::Result<Option<File>> {
        for path in &self.0 {
            if let Some(mut file) = open(path)?
                && place.is_in(&mut file)?
            {
                return Ok(Some(file));
            }
        }
        Ok(None)
    }

    /// The file that `place` is in, and those that came after it and before `now`, oldest first, and where to read on.
    fn since(&self, place: &Place, now: &File) -> io::Result<Vec<(File, u64)>> {
        let Some(first) = self.find(place)? else {
            return Ok(Vec::new());
        };
        let (first_at, now) = (modified(&first)?, now.metadata()?);
        let mut between = Vec::new();
        for path in &self.0 {
            let Some(file) = open(path)? else { continue };
            let metadata = file.metadata()?;
            let is_other = !place.is_same_file(&metadata)
                && (metadata.dev(), metadata.ino()) != (now.dev(), now.ino());
            let at = modified(&file)?;
            if is_other && at > first_at && at <= (now.mtime(), now.mtime_nsec()) {
                between.push((at, file));
            }
        }
        between.sort_by_key(|(at, _)| *at);
        let between = between.into_iter().map(|(_, file)| (file, 0));
        Ok(std::iter::once((first, place.offset))
            .chain(between)
            .collect())
    }
}

fn modified(file: &File) -> io::Result<(i64, i64)> {
    let metadata = file.metadata()?;
    Ok((metadata.mtime(), metadata.mtime_nsec()))
}

/// Whether more can come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// A last line without its end waits for it.
    Open,
    /// It is the whole line.
    Closed,
}

/// The lines of a run, counted.
struct Lines<'a> {
    log: &'a Log,
    left: u64,
    read: u64,
    critical: u64,
    warning: u64,
    shown: Vec<String>,
    lost: bool,
}

impl<'a> Lines<'a> {
    fn new(log: &'a Log) -> Self {
        Self {
            log,
            left: RUN_MAX,
            read: 0,
            critical: 0,
            warning: 0,
            shown: Vec::new(),
            lost: false,
        }
    }

    fn is_full(&self) -> bool {
        self.left == 0
    }

    /// Reads the lines of `file` from `offset`, and says how far.
    fn read(&mut self, file: &mut File, offset: u64, end: End) -> io::Result<Place> {
        file.seek(SeekFrom::Start(offset))?;
        let mut reader = io::BufReader::new(&mut *file);
        let mut at = offset;
        let mut line = Vec::new();
        while self.left > 0 {
            line.clear();
            let count = read_line(&mut reader, &mut line)?;
            if count == 0 || (line.last() != Some(&b'\n') && end == End::Open) {
                break;
            }
            at += count;
            self.left = self.left.saturating_sub(count);
            self.take(&String::from_utf8_lossy(&line));
        }
        drop(reader);
        Place::of(file, at)
    }

    fn take(&mut self, line: &str) {
        let line = line.trim_end_matches(['\r', '\n']);
        self.read += 1;
        let has = |pattern: &Option<crate::check::config::Pattern>| {
            pattern.as_ref().is_some_and(|pattern| pattern.is_in(line))
        };
        if has(&self.log.ignore) {
            return;
        }
        let level = match self.log.pattern.is_in(line) {
            true => self.log.level,
            false if has(&self.log.warning_pattern) => Level::Warning,
            false => return,
        };
        match level {
            Level::Critical => self.critical += 1,
            Level::Warning => self.warning += 1,
        }
        if self.shown.len() < SHOWN_MAX {
            self.shown.push(cut(line, SHOWN_LINE_MAX).to_owned());
        }
    }

    fn outcome(self) -> Outcome {
        let found = self.critical + self.warning;
        let status = match (self.critical, self.warning, self.lost) {
            (1.., _, _) => Status::Critical,
            (_, _, true) => Status::Unknown,
            (_, 1.., _) => Status::Warning,
            _ => Status::Ok,
        };
        let mut text = match self.shown.first() {
            None => format!("no line of {} matches", self.read),
            Some(first) => format!("{found} of {} lines: {first}", self.read),
        };
        if self.lost {
            text.push_str(" (the log was rotated away before its end was read: lines are lost)");
        }
        let mut outcome = Outcome::of(status, text);
        outcome.long = self.shown.join("\n");
        for (name, count) in [
            ("critical", self.critical),
            ("warning", self.warning),
            ("lines", self.read),
        ] {
            #[expect(clippy::cast_precision_loss, reason = "lines of at most RUN_MAX bytes")]
            let value = count as f64;
            outcome
                .metrics
                .push(Measured::new(PLUGINS, name, Unit::Count, value));
        }
        outcome
    }
}

/// Reads a line and keeps its beginning, its end too if it has one; says how many bytes it has.
fn read_line(reader: &mut impl io::BufRead, line: &mut Vec<u8>) -> io::Result<u64> {
    let mut count = 0;
    loop {
        let piece = reader.fill_buf()?;
        let end = piece
            .iter()
            .position(|byte| *byte == b'\n')
            .map(|at| at + 1);
        let taken = end.unwrap_or(piece.len());
        let room = LINE_MAX.saturating_sub(line.len()).min(taken);
        line.extend_from_slice(piece.get(..room).unwrap_or_default());
        let is_over = end.is_some() || piece.is_empty();
        if end.is_some() && line.last() != Some(&b'\n') {
            line.push(b'\n');
        }
        reader.consume(taken);
        count += u64::try_from(taken).unwrap_or_default();
        if is_over {
            return Ok(count);
        }
    }
}

#[cfg(test)]
mod tests;
