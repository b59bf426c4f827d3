//! A file as a stream of lines with offsets: plain, growing, or compressed.
//!
//! Offsets count the bytes of the text, so that a compressed copy has the offsets of the original. A file is known
//! by its head (its first line, 1 KiB at most) and by the bytes before the place that was reached, not by its
//! name: names move when logs rotate, and inodes are used again.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Bytes of the first line that count for the fingerprint. Chosen: longer than any prefix that lines share.
const HEAD_BYTES: usize = 1024;
/// Bytes before a checkpoint that must be equal for a file to be the same one. Chosen: more than one line.
pub(crate) const TAIL_BYTES: usize = 512;
/// Bytes that one read asks for.
const READ_BYTES: usize = 256 * 1024;
/// Bytes of an overlong line that are kept for the file of set-aside lines.
const KEPT_BYTES: usize = 4096;

/// How a file's bytes become text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    /// As they are.
    Plain,
    /// gzip, several members allowed.
    Gzip,
    /// Zstandard, several frames allowed.
    Zstd,
}

impl Packing {
    /// By the name's end.
    pub(crate) fn of(path: &Path) -> Self {
        match path.extension().and_then(|name| name.to_str()) {
            Some("gz") => Self::Gzip,
            Some("zst") => Self::Zstd,
            _ => Self::Plain,
        }
    }
}

/// What the system calls a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Node {
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

impl Node {
    pub(crate) fn of(metadata: &std::fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

/// The next thing in a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Item<'a> {
    /// A whole line, without its newline.
    Line {
        start: u64,
        end: u64,
        text: &'a [u8],
    },
    /// A line beyond the limit; `text` is its beginning.
    TooLong {
        start: u64,
        end: u64,
        length: u64,
        text: &'a [u8],
    },
}

enum Input {
    Plain(File),
    Stream(Box<dyn Read + Send>),
}

/// An open file.
pub(crate) struct Source {
    path: PathBuf,
    node: Node,
    input: Input,
    line_limit: usize,
    buffer: Vec<u8>,
    /// Bytes of the buffer that were handed out.
    used: usize,
    /// Bytes of the buffer that hold no newline for certain.
    searched: usize,
    /// Offset of the buffer's first byte.
    base: u64,
    /// The overlong line that is being skipped: its start, and its beginning.
    skipping: Option<(u64, Vec<u8>)>,
    kept: Vec<u8>,
    /// The first and the last bytes that were read, 512 of each at most: what a plain file must still hold.
    head: Vec<u8>,
    edge: Vec<u8>,
    /// The file holds something else by now.
    is_cut: bool,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source")
            .field("path", &self.path)
            .field("at", &self.offset())
            .finish_non_exhaustive()
    }
}

impl Source {
    /// Opens a file at its start. `line_limit`: bytes of the longest line that is given whole.
    pub(crate) fn open(path: &Path, line_limit: usize) -> io::Result<Self> {
        let file = File::open(path)?;
        let node = Node::of(&file.metadata()?);
        let input = match Packing::of(path) {
            Packing::Plain => Input::Plain(file),
            Packing::Gzip => Input::Stream(Box::new(flate2::read::MultiGzDecoder::new(
                io::BufReader::new(file),
            ))),
            Packing::Zstd => Input::Stream(Box::new(zstd::Decoder::new(file)?)),
        };
        Ok(Self {
            path: path.to_owned(),
            node,
            input,
            line_limit,
            buffer: Vec::new(),
            used: 0,
            searched: 0,
            base: 0,
            skipping: None,
            kept: Vec::new(),
            head: Vec::new(),
            edge: Vec::new(),
            is_cut: false,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn node(&self) -> Node {
        self.node
    }

    /// The open file, where its bytes are its text.
    pub(crate) fn handle(&self) -> Option<File> {
        match &self.input {
            Input::Plain(file) => file.try_clone().ok(),
            Input::Stream(_) => None,
        }
    }

    /// Whether more may be written to it.
    pub(crate) fn may_grow(&self) -> bool {
        matches!(self.input, Input::Plain(_))
    }

    /// Whether the file was cut in place, be it filled again since: it no longer holds what was read.
    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// What the system says of the open file; `None` for a compressed one.
    pub(crate) fn metadata(&self) -> Option<std::fs::Metadata> {
        match &self.input {
            Input::Plain(file) => file.metadata().ok(),
            Input::Stream(_) => None,
        }
    }

    /// How far a plain file was read, and the hash of the text before: by this its copy is known.
    pub(crate) fn mark(&self) -> (u64, Tail) {
        (self.position(), Tail::of(&self.edge))
    }

    /// Where the line begins that is not whole yet.
    pub(crate) fn line_start(&self) -> u64 {
        self.skipping
            .as_ref()
            .map_or_else(|| self.offset(), |(start, _)| *start)
    }

    fn position(&self) -> u64 {
        self.base + as_u64(self.buffer.len())
    }

    /// The offset behind what was handed out.
    pub(crate) fn offset(&self) -> u64 {
        self.base + as_u64(self.used)
    }

    /// Bytes read but not handed out: a line without its end yet.
    pub(crate) fn pending_bytes(&self) -> usize {
        self.buffer.len() - self.used
    }

    /// Whether a line without its end was read.
    pub(crate) fn has_rest(&self) -> bool {
        self.pending_bytes() > 0 || self.skipping.is_some()
    }

    /// Reads more; 0 at the end of the file as it is now, and for good once it [`is_cut`](Self::is_cut).
    pub(crate) fn fill(&mut self) -> io::Result<usize> {
        if self.used > 0 {
            self.buffer.drain(..self.used);
            self.base += as_u64(self.used);
            self.searched = self.searched.saturating_sub(self.used);
            self.used = 0;
        }
        let before = self.buffer.len();
        self.buffer.resize(before + READ_BYTES, 0);
        let room = self.buffer.get_mut(before..).unwrap_or_default();
        let read = match &mut self.input {
            Input::Plain(file) => file.read_at(room, self.base + as_u64(before)),
            Input::Stream(stream) => stream.read(room),
        };
        let count = match read {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            Err(error) => {
                self.buffer.truncate(before);
                return Err(error);
            }
        };
        self.buffer.truncate(before + count);
        // Looked at after the read: what was cut and filled again before it shows now.
        if !self.is_unchanged(self.base + as_u64(before))? {
            self.is_cut = true;
            self.buffer.truncate(before);
            return Ok(0);
        }
        self.remember(before);
        Ok(count)
    }

    /// Whether a plain file still holds the bytes that were read, up to `position`.
    fn is_unchanged(&self, position: u64) -> io::Result<bool> {
        let Input::Plain(file) = &self.input else {
            return Ok(true);
        };
        let edge_at = position.saturating_sub(as_u64(self.edge.len()));
        Ok(!self.is_cut && holds(file, 0, &self.head)? && holds(file, edge_at, &self.edge)?)
    }

    /// Keeps the first and the last bytes of a plain file; those of the buffer from `before` on are new.
    fn remember(&mut self, before: usize) {
        if !self.may_grow() {
            return;
        }
        let new = self.buffer.get(before..).unwrap_or_default();
        if self.base + as_u64(before) == as_u64(self.head.len()) {
            let missing = TAIL_BYTES.saturating_sub(self.head.len()).min(new.len());
            let first = new.get(..missing).unwrap_or_default();
            self.head.extend_from_slice(first);
        }
        let last = new.len().saturating_sub(TAIL_BYTES);
        self.edge
            .extend_from_slice(new.get(last..).unwrap_or_default());
        let surplus = self.edge.len().saturating_sub(TAIL_BYTES);
        self.edge.drain(..surplus);
    }

    /// The next whole line that was read.
    pub(crate) fn next_item(&mut self) -> Option<Item<'_>> {
        let unseen = self
            .buffer
            .get(self.searched.max(self.used)..)
            .unwrap_or_default();
        let Some(at) = memchr::memchr(b'\n', unseen) else {
            self.searched = self.buffer.len();
            self.drop_overlong();
            return None;
        };
        let newline = self.searched.max(self.used) + at;
        Some(self.item(newline, newline + 1))
    }

    /// What is left at the end of a file that will not grow: a line without newline.
    pub(crate) fn last_item(&mut self) -> Option<Item<'_>> {
        let end = self.buffer.len();
        if end == self.used && self.skipping.is_none() {
            return None;
        }
        Some(self.item(end, end))
    }

    fn item(&mut self, text_end: usize, next: usize) -> Item<'_> {
        let start = self.offset();
        let text_start = self.used;
        self.used = next;
        self.searched = next;
        let end = self.offset();
        if let Some((first, beginning)) = self.skipping.take() {
            self.kept = beginning;
            let length = end - first - as_u64(next - text_end);
            return Item::TooLong {
                start: first,
                end,
                length,
                text: &self.kept,
            };
        }
        let text = self.buffer.get(text_start..text_end).unwrap_or_default();
        if text.len() > self.line_limit {
            let kept = text.get(..KEPT_BYTES).unwrap_or(text);
            return Item::TooLong {
                start,
                end,
                length: as_u64(text.len()),
                text: kept,
            };
        }
        Item::Line { start, end, text }
    }

    /// Lets go of the bytes of a line that is longer than the limit already, so that memory stays bounded.
    fn drop_overlong(&mut self) {
        let is_overlong = self.pending_bytes() > self.line_limit;
        if !is_overlong && self.skipping.is_none() {
            return;
        }
        let start = self.offset();
        let pending = self.buffer.get(self.used..).unwrap_or_default();
        if self.skipping.is_none() {
            let kept = pending.get(..KEPT_BYTES).unwrap_or(pending);
            self.skipping = Some((start, kept.to_vec()));
        }
        self.used = self.buffer.len();
    }

    /// Goes to `offset`, which must not lie before what was handed out, and says what the bytes before it hash to.
    pub(crate) fn skip_to(&mut self, offset: u64) -> io::Result<Option<Tail>> {
        if let Input::Plain(file) = &self.input {
            let edge = bytes_before(file, offset)?;
            let head = bytes_before(file, offset.min(as_u64(TAIL_BYTES)))?;
            self.is_cut = edge.is_none();
            self.edge = edge.clone().unwrap_or_default();
            self.head = head.unwrap_or_default();
            self.base = offset;
            self.buffer.clear();
            (self.used, self.searched) = (0, 0);
            return Ok(edge.map(|bytes| Tail::of(&bytes)));
        }
        let mut last = Vec::new();
        while self.base + as_u64(self.buffer.len()) < offset {
            if self.fill()? == 0 {
                return Ok(None);
            }
            let wanted = usize::try_from(offset - self.base)
                .unwrap_or(usize::MAX)
                .min(self.buffer.len());
            last.extend_from_slice(self.buffer.get(..wanted).unwrap_or_default());
            let surplus = last.len().saturating_sub(TAIL_BYTES);
            last.drain(..surplus);
            self.used = wanted;
        }
        self.searched = self.used;
        Ok(Some(Tail::of(&last)))
    }
}

/// The bytes just before an offset, as a hash: whether a file is still the one that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Tail(String);

impl Tail {
    fn of(bytes: &[u8]) -> Self {
        Self(short_hash(bytes))
    }
}

/// The hash of the bytes before `offset`; `None` when the file is shorter.
pub(crate) fn tail_of(file: &File, offset: u64) -> io::Result<Option<Tail>> {
    Ok(bytes_before(file, offset)?.map(|bytes| Tail::of(&bytes)))
}

fn bytes_before(file: &File, offset: u64) -> io::Result<Option<Vec<u8>>> {
    let length = usize::try_from(offset)
        .unwrap_or(usize::MAX)
        .min(TAIL_BYTES);
    let mut bytes = vec![0; length];
    if file.metadata()?.len() < offset {
        return Ok(None);
    }
    match file.read_exact_at(&mut bytes, offset - as_u64(length)) {
        Ok(()) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether `file` has `bytes` at `offset`.
fn holds(file: &File, offset: u64, bytes: &[u8]) -> io::Result<bool> {
    let mut now = [0; TAIL_BYTES];
    let Some(now) = now.get_mut(..bytes.len()) else {
        return Ok(false);
    };
    match file.read_exact_at(now, offset) {
        Ok(()) => Ok(*now == *bytes),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// The fingerprint of a file by its first line, 16 hex digits; `None` while the first line is not whole and
/// shorter than 1 KiB, unless the file `is_complete`.
pub(crate) fn fingerprint(path: &Path, is_complete: bool) -> io::Result<Option<String>> {
    let mut source = Source::open(path, HEAD_BYTES)?;
    while source.buffer.len() < HEAD_BYTES && !source.buffer.contains(&b'\n') {
        if source.fill()? == 0 {
            break;
        }
    }
    Ok(print_of(&source.buffer, is_complete))
}

/// The same of an open plain file that has its first line.
pub(crate) fn fingerprint_of(file: &File) -> io::Result<Option<String>> {
    let mut bytes = [0; HEAD_BYTES];
    let count = file.read_at(&mut bytes, 0)?;
    Ok(print_of(bytes.get(..count).unwrap_or_default(), true))
}

fn print_of(bytes: &[u8], is_complete: bool) -> Option<String> {
    let head = bytes.get(..HEAD_BYTES).unwrap_or(bytes);
    let line = memchr::memchr(b'\n', head).and_then(|at| head.get(..=at));
    let is_whole = line.is_some() || head.len() == HEAD_BYTES || (is_complete && !head.is_empty());
    is_whole.then(|| short_hash(line.unwrap_or(head)))
}

fn short_hash(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    hex::encode(digest.get(..8).unwrap_or_default())
}

fn as_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn lines(source: &mut Source) -> Vec<(u64, String)> {
        let mut all = Vec::new();
        loop {
            while let Some(item) = source.next_item() {
                all.push(match item {
                    Item::Line { start, text, .. } => {
                        (start, String::from_utf8_lossy(text).into_owned())
                    }
                    Item::TooLong { start, length, .. } => (start, format!("too long: {length}")),
                });
            }
            if source.fill().unwrap() == 0 {
                return all;
            }
        }
    }

    fn file(bytes: &[u8], name: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        (dir, path)
    }

    #[test]
    fn lines_come_with_their_offsets_as_the_file_grows() {
        let (_dir, path) = file(b"ab\ncd\nhalf", "log");
        let mut source = Source::open(&path, 100).unwrap();
        assert_eq!(
            lines(&mut source),
            [(0, "ab".to_owned()), (3, "cd".to_owned())]
        );
        assert_eq!(source.pending_bytes(), 4);
        let mut log = File::options().append(true).open(&path).unwrap();
        log.write_all(b"-line\n").unwrap();
        assert_eq!(lines(&mut source), [(6, "half-line".to_owned())]);
        log.write_all(b"last").unwrap();
        assert!(lines(&mut source).is_empty());
        let last = source.last_item().unwrap();
        assert_eq!(
            last,
            Item::Line {
                start: 16,
                end: 20,
                text: b"last"
            }
        );
    }

    #[test]
    fn a_line_beyond_the_limit_is_skipped_in_bounded_memory() {
        let mut text = b"first\n".to_vec();
        text.extend(vec![b'x'; 3 * READ_BYTES]);
        text.extend(b"\nnext\n");
        let (_dir, path) = file(&text, "log");
        let mut source = Source::open(&path, 1000).unwrap();
        let long = 3 * READ_BYTES;
        let all = lines(&mut source);
        assert_eq!(
            all,
            [
                (0, "first".to_owned()),
                (6, format!("too long: {long}")),
                (as_u64(7 + long), "next".to_owned())
            ]
        );
        assert!(source.buffer.capacity() < 3 * READ_BYTES);
    }

    #[test]
    fn compressed_files_have_the_offsets_and_the_fingerprint_of_their_text() {
        let text = b"one\ntwo\nthree\n";
        let (_a, plain) = file(text, "log");
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gz.write_all(text).unwrap();
        let (_b, gzip) = file(&gz.finish().unwrap(), "log.1.gz");
        let (_c, zst) = file(&zstd::encode_all(&text[..], 1).unwrap(), "log.1.zst");
        let expected = lines(&mut Source::open(&plain, 100).unwrap());
        for path in [&gzip, &zst] {
            assert_eq!(lines(&mut Source::open(path, 100).unwrap()), expected);
            assert_eq!(
                fingerprint(path, true).unwrap(),
                fingerprint(&plain, true).unwrap()
            );
            let mut source = Source::open(path, 100).unwrap();
            let tail = source.skip_to(8).unwrap();
            assert_eq!(tail, tail_of(&File::open(&plain).unwrap(), 8).unwrap());
            assert_eq!(lines(&mut source), [(8, "three".to_owned())]);
        }
    }

    #[test]
    fn the_fingerprint_stays_while_the_file_grows() {
        let (_dir, path) = file(b"fir", "log");
        assert_eq!(fingerprint(&path, false).unwrap(), None);
        std::fs::write(&path, b"first\n").unwrap();
        let early = fingerprint(&path, false).unwrap();
        std::fs::write(&path, [b"first\n".as_slice(), &[b'x'; 5000]].concat()).unwrap();
        assert_eq!(fingerprint(&path, false).unwrap(), early);
        assert_eq!(early.unwrap().len(), 16);
    }
}
