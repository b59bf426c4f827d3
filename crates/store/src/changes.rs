//! A small state that several processes share and change: a log of what holds.
//!
//! For states that change seldom and must hold at once everywhere, such as identities: the server and the commands
//! beside it work on the same file. Whoever changes holds the lock, reads what others appended, decides, appends, and
//! has it on disk before the change counts. Whoever looks reads on from where it stood.
//!
//! # Format
//! One file of frames. The first frame is a whole state; those behind it are lists of events.
//! ```text
//! length u32 LE │ CRC32C u32 LE of length and text │ JSON text
//!                                                    {"format":1,"state":{…}}
//!                                                    {"events":[…,…]}
//! ```
//! When the file has grown to [`Options::rewrite_factor`] times its first frame and [`Options::rewrite_bytes_min`], it
//! is replaced, by a rename, by one whose only frame is the state of then.
//!
//! INVARIANT: a change that was answered is in the file and on disk. A frame that was cut off by a crash was never
//! answered; the next change takes it away and leaves its bytes in a file beside (`.torn`).

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::private::{take_turn_at, write_private};

/// Bytes of a frame before its text.
const HEADER_BYTES: usize = 8;
/// The longest text of a frame. Chosen: a state of 5,000 users with keys and policies has some 20 MiB.
pub const FRAME_BYTES_MAX: usize = 256 << 20;
/// The form that is written.
const FORMAT: u32 = 1;

/// A state that follows from events.
pub trait Folded: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// What may happen to it.
    type Event: Serialize + DeserializeOwned;

    /// Makes an event true. Applying one twice does no harm.
    fn apply(&mut self, event: &Self::Event);
}

/// When a log is rewritten.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Not before it has so many bytes.
    pub rewrite_bytes_min: u64,
    /// Not before it has so many times the bytes of its first frame.
    pub rewrite_factor: u64,
}

impl Default for Options {
    /// Chosen: a rewrite of a small state costs a millisecond, and a start reads 1 MiB of events in ten.
    fn default() -> Self {
        Self {
            rewrite_bytes_min: 1 << 20,
            rewrite_factor: 4,
        }
    }
}

/// Why a log cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read or written.
    #[error("`{}` cannot be used", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A frame in the middle is not what was written.
    #[error(
        "`{}` is damaged at byte {offset}, with whole changes behind it: put a backup in its place",
        path.display()
    )]
    Damaged {
        /// Which.
        path: PathBuf,
        /// Where the damage begins.
        offset: u64,
    },
    /// A frame says what this version does not know.
    #[error("`{}` says at byte {offset} what this version does not know", path.display())]
    Form {
        /// Which.
        path: PathBuf,
        /// Where the frame begins.
        offset: u64,
        /// What it is.
        source: serde_json::Error,
    },
    /// A state or an event that is too long for a frame.
    #[error("a change of {bytes} bytes is more than the {FRAME_BYTES_MAX} that are kept at once")]
    TooLong {
        /// How many.
        bytes: usize,
    },
}

/// Why a change did not come about.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError<E> {
    /// Whoever decided refused.
    #[error(transparent)]
    Refused(E),
    /// The log cannot be used.
    #[error(transparent)]
    Log(Error),
}

/// A state and its log.
#[derive(Debug)]
pub struct Changes<S> {
    path: PathBuf,
    options: Options,
    /// What this process has read. Whoever moves on in the file holds it.
    reader: Mutex<Reader>,
    state: RwLock<Arc<S>>,
}

/// How far this process has read.
#[derive(Debug)]
struct Reader {
    file: File,
    inode: u64,
    /// The end of the last whole frame.
    end: u64,
    first_frame_bytes: u64,
    /// What of a change may be on disk or not is unknown since a failed sync: the next change writes the file anew.
    is_in_doubt: bool,
}

/// The text of a frame: a state with its format, or events.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Frame<S, E> {
    format: Option<u32>,
    state: Option<S>,
    #[serde(default = "Vec::new")]
    events: Vec<E>,
}

#[derive(Serialize)]
struct StateFrame<'a, S> {
    format: u32,
    state: &'a S,
}

#[derive(Serialize)]
struct EventsFrame<'a, E> {
    events: &'a [E],
}

impl<S: Folded> Changes<S> {
    /// Opens the log at `path`, and makes it of `first` where there is none.
    ///
    /// # Errors
    /// When a file cannot be used, the log is damaged, or `first` fails.
    pub fn open<E>(
        path: &Path,
        options: Options,
        first: impl FnOnce() -> Result<S, E>,
    ) -> Result<Self, ChangeError<E>> {
        let log = ChangeError::Log;
        let _turn = take_turn(path).map_err(log)?;
        if !path.exists() {
            let state = first().map_err(ChangeError::Refused)?;
            write_whole(path, &state).map_err(log)?;
        }
        let (reader, state) = load(path).map_err(log)?;
        Ok(Self {
            path: path.to_owned(),
            options,
            reader: Mutex::new(reader),
            state: RwLock::new(Arc::new(state)),
        })
    }

    /// The state as this process knows it.
    #[must_use]
    pub fn state(&self) -> Arc<S> {
        Arc::clone(&self.state.read())
    }

    /// Reads what other processes changed. Costs one look at the file when nothing was, and nothing while this process
    /// is changing or reading already: it waits for nobody.
    ///
    /// # Errors
    /// When the file cannot be read; the state stays as it was.
    pub fn follow(&self) -> Result<(), Error> {
        match self.reader.try_lock() {
            Some(mut reader) => self.catch_up(&mut reader),
            None => Ok(()),
        }
    }

    /// Changes the state: `decide` sees the newest one and says which events follow and what is answered.
    ///
    /// Blocks for as long as other processes change, and for the disk.
    ///
    /// # Errors
    /// When `decide` refuses, or the log cannot be written: then nothing has changed, unless the disk failed at the
    /// very last step, where the change may come to light later, as after a lost answer.
    pub fn change<T, E>(
        &self,
        decide: impl FnOnce(&S) -> Result<(Vec<S::Event>, T), E>,
    ) -> Result<T, ChangeError<E>> {
        let mut reader = self.reader.lock();
        let log = ChangeError::Log;
        let _turn = take_turn(&self.path).map_err(log)?;
        self.catch_up(&mut reader).map_err(log)?;
        self.cut_torn_tail(&mut reader).map_err(log)?;
        let state = self.state();
        let (events, outcome) = decide(&state).map_err(ChangeError::Refused)?;
        drop(state);
        if !events.is_empty() {
            self.keep(&mut reader, &events).map_err(log)?;
        }
        Ok(outcome)
    }

    /// Appends events, has them on disk, and makes them true.
    fn keep(&self, reader: &mut Reader, events: &[S::Event]) -> Result<(), Error> {
        let bytes = frame(&EventsFrame { events })?;
        if self.is_to_rewrite(reader, bytes.len() as u64) {
            return self.rewrite(reader, events);
        }
        let in_file = in_file(&self.path);
        if let Err(source) = reader.file.write_all_at(&bytes, reader.end) {
            // Nobody takes part of a frame for a change; if it cannot be cut off now, the next change does it.
            let _ = reader.file.set_len(reader.end);
            return Err(in_file(source));
        }
        if let Err(source) = reader.file.sync_data() {
            reader.is_in_doubt = true;
            return Err(in_file(source));
        }
        reader.end += bytes.len() as u64;
        self.apply(events);
        Ok(())
    }

    fn is_to_rewrite(&self, reader: &Reader, bytes: u64) -> bool {
        let grown = reader.end + bytes;
        let is_long = grown >= self.options.rewrite_bytes_min;
        let is_grown = grown
            >= self
                .options
                .rewrite_factor
                .saturating_mul(reader.first_frame_bytes);
        reader.is_in_doubt || (is_long && is_grown)
    }

    /// Puts a file with the state after `events` in the place of the log.
    fn rewrite(&self, reader: &mut Reader, events: &[S::Event]) -> Result<(), Error> {
        let mut state = S::clone(&self.state());
        events.iter().for_each(|event| state.apply(event));
        write_whole(&self.path, &state)?;
        *self.state.write() = Arc::new(state);
        (*reader, _) = load::<S>(&self.path)?;
        Ok(())
    }

    fn apply(&self, events: &[S::Event]) {
        let mut state = self.state.write();
        let state = Arc::make_mut(&mut state);
        events.iter().for_each(|event| state.apply(event));
    }

    fn catch_up(&self, reader: &mut Reader) -> Result<(), Error> {
        let about = fs::metadata(&self.path).map_err(in_file(&self.path))?;
        if about.ino() != reader.inode || about.len() < reader.end {
            let (fresh, state) = load(&self.path)?;
            *reader = fresh;
            *self.state.write() = Arc::new(state);
            return Ok(());
        }
        if about.len() == reader.end {
            return Ok(());
        }
        let bytes = read_from(&reader.file, reader.end).map_err(in_file(&self.path))?;
        let read = parse::<S>(&self.path, reader.end, &bytes)?;
        for frame in read.frames {
            if let Some(state) = frame.state {
                *self.state.write() = Arc::new(state);
            }
            self.apply(&frame.events);
        }
        reader.end = read.end;
        Ok(())
    }

    /// Takes away what a crash left behind the last whole frame. Only for whoever holds the turn.
    fn cut_torn_tail(&self, reader: &mut Reader) -> Result<(), Error> {
        let in_file = in_file(&self.path);
        let tail = read_from(&reader.file, reader.end).map_err(&in_file)?;
        if tail.is_empty() {
            return Ok(());
        }
        if let Some(whole) = whole_frame_behind(&tail) {
            tracing::error!(path = %self.path.display(), at = reader.end, whole, "whole changes lie behind a damaged one");
            return Err(damaged(&self.path, reader.end));
        }
        tracing::warn!(path = %self.path.display(), at = reader.end, bytes = tail.len(), "the end of a change that was never answered is cut off");
        write_private(&self.path.with_extension("torn"), &tail).map_err(&in_file)?;
        reader.file.set_len(reader.end).map_err(&in_file)?;
        reader.file.sync_all().map_err(&in_file)
    }
}

fn in_file(path: &Path) -> impl Fn(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File {
        path: path.clone(),
        source,
    }
}

fn damaged(path: &Path, offset: u64) -> Error {
    Error::Damaged {
        path: path.to_owned(),
        offset,
    }
}

fn take_turn(path: &Path) -> Result<File, Error> {
    let lock = path.with_extension("lock");
    take_turn_at(&lock).map_err(in_file(&lock))
}

/// The bytes of a frame.
fn frame(content: &impl Serialize) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0; HEADER_BYTES];
    // Writing JSON fails on maps whose keys are no texts alone, which a state has not: its tests write one.
    serde_json::to_writer(&mut bytes, content).map_err(|error| Error::File {
        path: PathBuf::new(),
        source: error.into(),
    })?;
    let length = length(bytes.len() - HEADER_BYTES)?.to_le_bytes();
    let text = bytes.get(HEADER_BYTES..).unwrap_or_default();
    let crc = crc32c::crc32c_append(crc32c::crc32c(&length), text).to_le_bytes();
    for (to, from) in bytes.iter_mut().zip(length.into_iter().chain(crc)) {
        *to = from;
    }
    Ok(bytes)
}

/// The length of a frame's text, as its header has it.
fn length(bytes: usize) -> Result<u32, Error> {
    let length = u32::try_from(bytes).ok();
    let length = length.filter(|_| bytes <= FRAME_BYTES_MAX);
    length.ok_or(Error::TooLong { bytes })
}

/// The text of the frame with which `bytes` begin; `None` when they begin with no whole one.
fn text_of(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let long = u32::from_le_bytes(*length) as usize;
    let text = rest.get(..long).filter(|_| long <= FRAME_BYTES_MAX)?;
    let right = crc32c::crc32c_append(crc32c::crc32c(length), text);
    (right == u32::from_le_bytes(*crc)).then_some(text)
}

/// The place of a whole frame that does not begin at the beginning.
fn whole_frame_behind(tail: &[u8]) -> Option<usize> {
    // The text of every frame begins so; looking for it first saves the sums.
    let begins = |at: &usize| tail.get(at + HEADER_BYTES) == Some(&b'{');
    let is_whole = |at: &usize| tail.get(*at..).and_then(text_of).is_some();
    (1..tail.len()).filter(begins).find(is_whole)
}

struct Parsed<S: Folded> {
    frames: Vec<Frame<S, S::Event>>,
    /// The end of the last whole frame.
    end: u64,
}

/// Reads the whole frames that `bytes`, which lie at `offset` of the file, begin with.
fn parse<S: Folded>(path: &Path, offset: u64, mut bytes: &[u8]) -> Result<Parsed<S>, Error> {
    let mut parsed = Parsed {
        frames: Vec::new(),
        end: offset,
    };
    while let Some(text) = text_of(bytes) {
        let form = |source| Error::Form {
            path: path.to_owned(),
            offset: parsed.end,
            source,
        };
        let frame: Frame<S, S::Event> = serde_json::from_slice(text).map_err(form)?;
        if let Some(format) = frame.format.filter(|format| *format != FORMAT) {
            let unknown = format!("format {format}, and this version reads {FORMAT}");
            return Err(form(serde::de::Error::custom(unknown)));
        }
        parsed.frames.push(frame);
        let long = HEADER_BYTES + text.len();
        parsed.end += long as u64;
        bytes = bytes.get(long..).unwrap_or_default();
    }
    Ok(parsed)
}

/// Reads a log from its beginning.
fn load<S: Folded>(path: &Path) -> Result<(Reader, S), Error> {
    let in_file = in_file(path);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .map_err(&in_file)?;
    let inode = file.metadata().map_err(&in_file)?.ino();
    let bytes = read_from(&file, 0).map_err(&in_file)?;
    let first = text_of(&bytes).ok_or_else(|| damaged(path, 0))?;
    let first_frame_bytes = (HEADER_BYTES + first.len()) as u64;
    let parsed = parse::<S>(path, 0, &bytes)?;
    let mut state: Option<S> = None;
    for frame in parsed.frames {
        state = frame.state.or(state);
        if let Some(state) = &mut state {
            frame.events.iter().for_each(|event| state.apply(event));
        }
    }
    let state = state.ok_or_else(|| damaged(path, 0))?;
    let reader = Reader {
        file,
        inode,
        end: parsed.end,
        first_frame_bytes,
        is_in_doubt: false,
    };
    Ok((reader, state))
}

fn read_from(file: &File, offset: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut file = file;
    file.seek(SeekFrom::Start(offset))?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Puts a file of one frame in the place of the log, whole or not at all.
fn write_whole<S: Folded>(path: &Path, state: &S) -> Result<(), Error> {
    let format = FORMAT;
    let bytes = frame(&StateFrame { format, state })?;
    write_private(path, &bytes).map_err(in_file(path))
}

#[cfg(test)]
mod tests;
