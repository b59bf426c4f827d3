//! Reading frames one after the other: a part of a file at a time instead of two reads for each.

use std::io;

use super::frame::{Frame, HEADER_BYTES, Header, NoFrame};
use super::segment::Segment;

/// How much is read at first. Chosen: most frames find room, a record has some 900 bytes.
const FIRST_BYTES: usize = 2 << 10;

/// How much is read at once where one frame after the other is wanted: doubled with each read up to this. Chosen: some hundred
/// records, so that reading costs what copying them costs.
const AHEAD_BYTES: usize = 128 << 10;

/// A part of a file, kept for the frames that follow.
#[derive(Debug)]
pub(super) struct Window {
    ahead: usize,
    /// The number of the file's first record; `None` before anything was read.
    file: Option<u64>,
    begin: u64,
    bytes: Vec<u8>,
}

impl Window {
    pub(super) const fn new() -> Self {
        Self::ahead_by(FIRST_BYTES)
    }

    /// Reads `ahead` bytes at first, or more where a frame is longer.
    const fn ahead_by(ahead: usize) -> Self {
        Self {
            ahead,
            file: None,
            begin: 0,
            bytes: Vec::new(),
        }
    }

    /// The frame at `offset` of `segment`, or what stands there now.
    pub(super) fn frame_at(
        &mut self,
        segment: &Segment,
        offset: u64,
    ) -> io::Result<Result<Frame, NoFrame>> {
        // What was read as nothing or half may have been written since; what is whole stays as it is.
        if let Some(Ok(frame)) = self.known(segment, offset).map(decode) {
            return Ok(Ok(frame));
        }
        self.read(segment, offset, self.ahead.max(HEADER_BYTES))?;
        self.ahead = (self.ahead * 2).min(AHEAD_BYTES);
        let length = self.bytes.first_chunk().map(Header::read);
        let wanted = match length {
            Some(Ok(header)) => HEADER_BYTES + header.length,
            _ => 0,
        };
        if wanted > self.bytes.len() {
            self.read(segment, offset, wanted)?;
        }
        Ok(decode(&self.bytes))
    }

    /// What is kept of the file from `offset` on.
    fn known(&self, segment: &Segment, offset: u64) -> Option<&[u8]> {
        let at = usize::try_from(offset.checked_sub(self.begin)?).ok()?;
        let is_same = self.file == Some(segment.begin.first);
        self.bytes.get(at..).filter(|_| is_same)
    }

    fn read(&mut self, segment: &Segment, offset: u64, count: usize) -> io::Result<()> {
        // Nothing is known of it should this fail.
        self.file = None;
        self.bytes.resize(count, 0);
        let count = segment.read(offset, &mut self.bytes)?;
        self.bytes.truncate(count);
        self.file = Some(segment.begin.first);
        self.begin = offset;
        Ok(())
    }
}

/// The frame at the beginning of `bytes`.
fn decode(bytes: &[u8]) -> Result<Frame, NoFrame> {
    let is_empty = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else {
        return Err(if is_empty(bytes) {
            NoFrame::End
        } else {
            NoFrame::Cut
        });
    };
    match Frame::decode(bytes) {
        Err(NoFrame::End) if !is_empty(header) => Err(NoFrame::Broken),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use base::Timestamp;
    use store::disk::SimDisk;

    use super::super::frame::{Chain, Slots};
    use super::super::segment::{Begin, HEAD_BYTES, Stream};
    use super::*;

    fn segment(disk: &SimDisk, first: u64) -> Segment {
        let begin = Begin {
            first,
            before: Chain::default(),
        };
        Segment::create(disk, Stream::Data, begin, 1 << 16).unwrap()
    }

    fn frame(number: u64, bytes: usize) -> Frame {
        let at = Timestamp::from_secs(number);
        Frame::after(&Chain::default(), number, at, Slots::NONE, vec![7; bytes])
    }

    #[test]
    fn frames_are_read_that_lie_in_a_window_over_its_end_and_beyond() {
        let disk = SimDisk::new(1, 1 << 20);
        let segment = segment(&disk, 1);
        let frames: Vec<Frame> = [10, 70, 3, 500, 1, 40].map(|bytes| frame(9, bytes)).into();
        let mut offset = HEAD_BYTES;
        for frame in &frames {
            segment.write(offset, &frame.encode()).unwrap();
            offset += frame.bytes() as u64;
        }
        for ahead in [1, 60, 61, 130, 200, 4096] {
            let mut window = Window::ahead_by(ahead);
            let mut offset = HEAD_BYTES;
            for frame in &frames {
                let found = window.frame_at(&segment, offset).unwrap();
                assert_eq!(found.as_ref(), Ok(frame), "{ahead}");
                offset += frame.bytes() as u64;
            }
            assert_eq!(
                window.frame_at(&segment, offset).unwrap(),
                Err(NoFrame::End)
            );
        }
    }

    #[test]
    fn what_is_written_behind_a_window_s_end_is_seen() {
        let disk = SimDisk::new(1, 1 << 20);
        let (segment, other) = (segment(&disk, 1), segment(&disk, 2));
        let mut window = Window::ahead_by(4096);
        let (first, second) = (frame(1, 20), frame(2, 30));
        segment.write(HEAD_BYTES, &first.encode()).unwrap();
        let behind = HEAD_BYTES + first.bytes() as u64;
        assert_eq!(window.frame_at(&segment, HEAD_BYTES).unwrap(), Ok(first));
        assert_eq!(
            window.frame_at(&segment, behind).unwrap(),
            Err(NoFrame::End)
        );
        let bytes = second.encode();
        segment.write(behind, &bytes[..70]).unwrap();
        assert_eq!(
            window.frame_at(&segment, behind).unwrap(),
            Err(NoFrame::Broken)
        );
        segment.write(behind, &bytes).unwrap();
        assert_eq!(window.frame_at(&segment, behind).unwrap(), Ok(second));
        // Another file at the same place is another file.
        assert_eq!(window.frame_at(&other, behind).unwrap(), Err(NoFrame::End));
    }
}
