//! What waits for each trail in the spools: counted as records are written and delivered, counted anew at a start.

use base::Timestamp;
use parking_lot::Mutex;

use crate::engine::Backlog;
use crate::spool::{SLOTS, Slots, Stream};

/// Counts by spool and place.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    counts: Mutex<[[Backlog; SLOTS as usize]; 2]>,
}

const fn row(stream: Stream) -> usize {
    match stream {
        Stream::Management => 0,
        Stream::Data => 1,
    }
}

impl Waiting {
    /// A record of so many bytes is wanted by `wanted`.
    pub(crate) fn add(&self, stream: Stream, wanted: Slots, bytes: usize, at: Timestamp) {
        if wanted.is_empty() {
            return;
        }
        let mut counts = self.counts.lock();
        let Some(row) = counts.get_mut(row(stream)) else {
            return;
        };
        for slot in wanted.each() {
            if let Some(backlog) = row.get_mut(usize::from(slot)) {
                backlog.bytes += bytes as u64;
                backlog.oldest.get_or_insert(at);
            }
        }
    }

    /// What waits for the trail in place `slot`.
    pub(crate) fn of(&self, stream: Stream, slot: u8) -> Backlog {
        let counts = self.counts.lock();
        let found = counts
            .get(row(stream))
            .and_then(|row| row.get(usize::from(slot)));
        found.copied().unwrap_or_default()
    }

    /// So many bytes are delivered, the newest of them of `newest`; nothing waits where none are left.
    pub(crate) fn settle(&self, stream: Stream, slot: u8, bytes: u64, newest: Timestamp) {
        self.change(stream, slot, |backlog| {
            let left = backlog.bytes.saturating_sub(bytes);
            *backlog = Backlog {
                bytes: left,
                oldest: (left > 0).then_some(newest),
            };
        });
    }

    /// Nothing waits, unless something came since `seen` was looked at.
    pub(crate) fn clear_if(&self, stream: Stream, slot: u8, seen: Backlog) {
        self.change(stream, slot, |backlog| {
            if *backlog == seen {
                *backlog = Backlog::default();
            }
        });
    }

    /// Sets what waits.
    pub(crate) fn set(&self, stream: Stream, slot: u8, backlog: Backlog) {
        self.change(stream, slot, |it| *it = backlog);
    }

    fn change(&self, stream: Stream, slot: u8, change: impl FnOnce(&mut Backlog)) {
        let mut counts = self.counts.lock();
        let found = counts
            .get_mut(row(stream))
            .and_then(|row| row.get_mut(usize::from(slot)));
        if let Some(backlog) = found {
            change(backlog);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_waits_until_it_is_settled() {
        let waiting = Waiting::default();
        let at = Timestamp::from_secs;
        waiting.add(Stream::Data, Slots::NONE.with(0).with(31), 10, at(1));
        waiting.add(Stream::Data, Slots::NONE.with(31), 5, at(2));
        let backlog = |bytes, oldest| Backlog { bytes, oldest };
        assert_eq!(waiting.of(Stream::Data, 31), backlog(15, Some(at(1))));
        assert_eq!(waiting.of(Stream::Data, 0), backlog(10, Some(at(1))));
        assert_eq!(waiting.of(Stream::Management, 0), Backlog::default());
        waiting.settle(Stream::Data, 31, 10, at(1));
        assert_eq!(waiting.of(Stream::Data, 31), backlog(5, Some(at(1))));
        waiting.settle(Stream::Data, 31, 5, at(2));
        assert_eq!(waiting.of(Stream::Data, 31), Backlog::default());
    }
}
