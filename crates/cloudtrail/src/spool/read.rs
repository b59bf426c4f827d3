//! Reading a spool from a number on.

use std::io;
use std::sync::Arc;

use super::segment::{HEAD_BYTES, Segment};
use super::window::Window;
use super::{Frame, NoFrame, Spool};

/// Why a record cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The disk refuses.
    #[error("the spool cannot be read")]
    Disk(#[source] io::Error),
    /// What stands where a record was written is none.
    #[error("`{file}` has {problem} at byte {offset}")]
    Broken {
        /// The file.
        file: String,
        /// Where in it.
        offset: u64,
        /// What stands there.
        problem: NoFrame,
    },
}

/// A place in a spool. Records that were let go are passed over.
#[derive(Debug)]
pub struct Reader {
    spool: Arc<Spool>,
    number: u64,
    place: Option<(Arc<Segment>, u64)>,
    window: Window,
}

impl Reader {
    pub(super) const fn new(spool: Arc<Spool>, number: u64) -> Self {
        Self {
            spool,
            number,
            place: None,
            window: Window::new(),
        }
    }

    /// The number from which it goes on.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// The next record; `None` when there is none yet.
    ///
    /// # Errors
    /// When the disk refuses, or a record is broken: [`Reader::skip_file`] goes on behind its file.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, ReadError> {
        loop {
            let Some((segment, offset)) = self.find()? else {
                return Ok(None);
            };
            let found = self.window.frame_at(&segment, offset);
            let found = found.map_err(ReadError::Disk)?;
            let problem = match found {
                Ok(frame) => {
                    self.place = Some((segment, offset + frame.bytes() as u64));
                    let is_wanted = frame.number >= self.number;
                    self.number = self.number.max(frame.number + 1);
                    if is_wanted {
                        return Ok(Some(frame));
                    }
                    continue;
                }
                Err(problem) => problem,
            };
            match self.spool.behind(segment.begin.first) {
                // The file's frames end here, whatever the numbers say: the next one begins its own.
                Some(next) if problem == NoFrame::End || self.number >= next.begin.first => {
                    self.number = self.number.max(next.begin.first);
                    self.place = Some((next, HEAD_BYTES));
                }
                // What another process writes may not all be there yet.
                None if problem == NoFrame::End => return Ok(None),
                _ => {
                    return Err(ReadError::Broken {
                        file: self.spool.stream.file_name(segment.begin.first),
                        offset,
                        problem,
                    });
                }
            }
        }
    }

    /// Goes on at the next file; `false` when there is none.
    pub fn skip_file(&mut self) -> bool {
        let Some((segment, _)) = &self.place else {
            return false;
        };
        let Some(next) = self.spool.behind(segment.begin.first) else {
            return false;
        };
        self.number = self.number.max(next.begin.first);
        self.place = Some((next, HEAD_BYTES));
        true
    }

    /// The place of the next frame; `None` when there is nothing behind the last.
    fn find(&mut self) -> Result<Option<(Arc<Segment>, u64)>, ReadError> {
        let (from, end) = {
            let state = self.spool.state.lock();
            if self.number >= state.next {
                return Ok(None);
            }
            let oldest = state.segments.front().map(|it| it.begin.first);
            (oldest, state.next)
        };
        let Some(oldest) = from else {
            return Ok(None);
        };
        if self.number < oldest {
            self.number = oldest.min(end);
            self.place = None;
        }
        if self.place.is_none() {
            let state = self.spool.state.lock();
            let at = state
                .segments
                .partition_point(|it| it.begin.first <= self.number);
            let segment = at.checked_sub(1).and_then(|at| state.segments.get(at));
            let place =
                |segment: &Arc<Segment>| (Arc::clone(segment), segment.place_before(self.number));
            self.place = segment.map(place);
        }
        Ok(self.place.clone())
    }
}

impl Spool {
    /// The file behind the one whose first record has the number `first`.
    fn behind(&self, first: u64) -> Option<Arc<Segment>> {
        let state = self.state.lock();
        let at = state.segments.partition_point(|it| it.begin.first <= first);
        state.segments.get(at).cloned()
    }
}
