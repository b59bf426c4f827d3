//! What a function prints, as lines of its log.
//!
//! Standard output and standard error are one pipe, so that their lines stay in order. A line that does not end is written when it
//! is as long as lines may be, or when the invocation ends.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use base::Clock;
use bytes::Bytes;
use tokio::net::unix::pipe::Receiver;

use crate::port::Lines;

/// Longest line; a longer one is written as several. Source: CloudWatch Logs takes events of at most 256 KiB.
const LINE_BYTES_MAX: usize = 256 * 1024;
/// How much of the log's end a caller is given. Source: API reference, Invoke, `LogType`.
const TAIL_BYTES: usize = 4 * 1024;
/// Bytes that are read at once.
const PIECE: usize = 8 * 1024;
/// Bytes that are read at the end of an invocation before its `END`; what comes later stands behind it. Chosen.
const DRAIN_MAX: usize = 4 * 1024 * 1024;

/// The log of one environment.
#[derive(Debug)]
pub(super) struct Journal {
    lines: Arc<dyn Lines>,
    clock: Arc<dyn Clock>,
    group: String,
    stream: String,
    tail: Vec<u8>,
}

impl Journal {
    pub(super) fn new(
        lines: Arc<dyn Lines>,
        clock: Arc<dyn Clock>,
        group: String,
        stream: String,
    ) -> Self {
        Self {
            lines,
            clock,
            group,
            stream,
            tail: Vec::new(),
        }
    }

    /// Writes a line.
    pub(super) fn write(&mut self, line: &str) {
        let now = self.clock.now();
        self.lines.line(&self.group, &self.stream, now, line);
        self.tail.extend_from_slice(line.as_bytes());
        self.tail.push(b'\n');
        // Cut rarely, so that a line costs what it is long.
        if self.tail.len() > 4 * TAIL_BYTES {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let beyond = self.tail.len().saturating_sub(TAIL_BYTES);
        self.tail.drain(..beyond);
    }

    /// The end of what was written since the last time, at most 4 KB; begins anew.
    pub(super) fn take_tail(&mut self) -> Bytes {
        self.cut();
        Bytes::from(std::mem::take(&mut self.tail))
    }
}

/// The pipe into which a process prints.
#[derive(Debug)]
pub(super) struct Output {
    pipe: Receiver,
    partial: Vec<u8>,
    is_closed: bool,
}

impl Output {
    /// What is printed into the other end of `pipe`. Within a runtime.
    pub(super) fn new(pipe: OwnedFd) -> io::Result<Self> {
        Ok(Self {
            pipe: Receiver::from_owned_fd(pipe)?,
            partial: Vec::new(),
            is_closed: false,
        })
    }

    /// Waits until something is printed, and writes it. Never ends once the pipe is closed. May be dropped at any time.
    pub(super) async fn fill(&mut self, journal: &mut Journal) {
        if self.is_closed || self.pipe.readable().await.is_err() {
            self.is_closed = true;
            return std::future::pending().await;
        }
        let mut piece = [0; PIECE];
        match self.pipe.try_read(&mut piece) {
            Ok(0) => self.is_closed = true,
            Ok(count) => self.take(piece.get(..count).unwrap_or_default(), journal),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => self.is_closed = true,
        }
    }

    /// Writes all that has been printed so far, and the line that has not ended.
    pub(super) fn drain(&mut self, journal: &mut Journal) {
        let mut read = 0;
        let mut piece = [0; PIECE];
        // Past tokio's readiness, which may not know yet of what is there.
        while read < DRAIN_MAX
            && let Ok(count @ 1..) = rustix::io::read(&self.pipe, &mut piece)
        {
            read += count;
            self.take(piece.get(..count).unwrap_or_default(), journal);
        }
        if !self.partial.is_empty() {
            self.write_partial(journal);
        }
    }

    fn take(&mut self, bytes: &[u8], journal: &mut Journal) {
        let mut rest = bytes;
        while let Some(at) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = rest.split_at(at);
            self.grow(line, journal);
            self.write_partial(journal);
            rest = after.get(1..).unwrap_or_default();
        }
        self.grow(rest, journal);
    }

    fn grow(&mut self, bytes: &[u8], journal: &mut Journal) {
        for piece in bytes.chunks(PIECE) {
            if self.partial.len() + piece.len() > LINE_BYTES_MAX {
                self.write_partial(journal);
            }
            self.partial.extend_from_slice(piece);
        }
    }

    fn write_partial(&mut self, journal: &mut Journal) {
        let line = String::from_utf8_lossy(&self.partial);
        journal.write(line.trim_end_matches('\r'));
        self.partial.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use base::{ManualClock, Timestamp};
    use parking_lot::Mutex;

    use super::*;

    #[derive(Debug, Default)]
    struct Kept(Mutex<Vec<String>>);

    impl Lines for Kept {
        fn line(&self, _: &str, _: &str, _: Timestamp, line: &str) {
            self.0.lock().push(line.to_owned());
        }
    }

    fn bench() -> (Arc<Kept>, Journal, Output, io::PipeWriter) {
        let kept = Arc::new(Kept::default());
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1)));
        let journal = Journal::new(
            Arc::clone(&kept) as Arc<dyn Lines>,
            clock,
            "/aws/lambda/f".to_owned(),
            "s".to_owned(),
        );
        let (reader, writer) = io::pipe().unwrap();
        (
            kept,
            journal,
            Output::new(OwnedFd::from(reader)).unwrap(),
            writer,
        )
    }

    #[tokio::test]
    async fn lines_are_written_as_they_come_and_the_last_one_at_the_end() {
        let (kept, mut journal, mut output, mut writer) = bench();
        writer.write_all(b"one\ntwo\r\n\nthr").unwrap();
        output.fill(&mut journal).await;
        assert_eq!(*kept.0.lock(), ["one", "two", ""]);
        writer.write_all(b"ee").unwrap();
        output.drain(&mut journal);
        assert_eq!(kept.0.lock().last().unwrap(), "three");
        assert_eq!(journal.take_tail(), "one\ntwo\n\nthree\n");
        assert_eq!(journal.take_tail(), "");
    }

    #[tokio::test]
    async fn long_lines_and_tails_are_bounded() {
        let (kept, mut journal, mut output, mut writer) = bench();
        let printing = std::thread::spawn(move || writer.write_all(&[b'x'; 600_000]));
        while kept.0.lock().len() < 2 {
            output.fill(&mut journal).await;
        }
        while !printing.is_finished() {
            output.drain(&mut journal);
        }
        output.drain(&mut journal);
        let lengths: Vec<usize> = kept.0.lock().iter().map(String::len).collect();
        assert_eq!(lengths.iter().sum::<usize>(), 600_000);
        assert!(
            lengths.iter().all(|length| *length <= LINE_BYTES_MAX),
            "{lengths:?}"
        );
        assert_eq!(journal.take_tail().len(), TAIL_BYTES);
    }

    #[tokio::test]
    async fn a_closed_pipe_is_waited_for_without_end() {
        let (_kept, mut journal, mut output, writer) = bench();
        drop(writer);
        output.fill(&mut journal).await;
        let waiting = output.fill(&mut journal);
        let ended = tokio::time::timeout(std::time::Duration::from_millis(20), waiting).await;
        assert!(ended.is_err());
    }
}
