//! How many messages live in each stretch of the log, so that segments that hold none can go.

use std::collections::VecDeque;
use std::ops::Range;

/// A block is 4 MiB of log.
const BLOCK_BITS: u32 = 22;

/// One block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Block {
    /// Messages whose entry begins here and that still live.
    pub(crate) live: u32,
    /// Messages whose entry began here.
    pub(crate) total: u32,
}

/// All blocks from the first that holds a live message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Blocks {
    pub(crate) first: u64,
    pub(crate) blocks: VecDeque<Block>,
}

impl Blocks {
    /// A message came to live at `location`.
    pub(crate) fn add(&mut self, location: u64) {
        let block = location >> BLOCK_BITS;
        if self.blocks.is_empty() {
            self.first = block;
        }
        while block < self.first {
            self.blocks.push_front(Block::default());
            self.first -= 1;
        }
        let index = usize::try_from(block - self.first).unwrap_or(usize::MAX);
        while self.blocks.len() <= index {
            self.blocks.push_back(Block::default());
        }
        if let Some(block) = self.blocks.get_mut(index) {
            block.live = block.live.saturating_add(1);
            block.total = block.total.saturating_add(1);
        }
    }

    /// A message at `location` lives no more.
    pub(crate) fn remove(&mut self, location: u64) {
        let block = (location >> BLOCK_BITS)
            .checked_sub(self.first)
            .and_then(|index| usize::try_from(index).ok());
        if let Some(block) = block.and_then(|index| self.blocks.get_mut(index)) {
            debug_assert!(block.live > 0, "more messages left a block than were in it");
            block.live = block.live.saturating_sub(1);
        }
        // The last block stays, so that a busy empty queue does not build it anew each time.
        while self.blocks.len() > 1 && self.blocks.front().is_some_and(|block| block.live == 0) {
            self.blocks.pop_front();
            self.first += 1;
        }
    }

    /// The sum of the blocks that a stretch of log touches.
    pub(crate) fn sum(&self, log: Range<u64>) -> Block {
        let last = log.end.saturating_sub(1) >> BLOCK_BITS;
        let begin = (log.start >> BLOCK_BITS).max(self.first);
        let mut sum = Block::default();
        for block in begin..=last {
            let index = usize::try_from(block - self.first).unwrap_or(usize::MAX);
            let Some(block) = self.blocks.get(index) else {
                break;
            };
            sum.live = sum.live.saturating_add(block.live);
            sum.total = sum.total.saturating_add(block.total);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_holds_what_was_added_and_not_removed() {
        let mut blocks = Blocks::default();
        let mib = 1u64 << 20;
        for location in [100 * mib, 101 * mib, 108 * mib, 90 * mib] {
            blocks.add(location);
        }
        assert_eq!(blocks.sum(88 * mib..92 * mib).live, 1);
        assert_eq!(blocks.sum(0..u64::MAX).live, 4);
        blocks.remove(100 * mib);
        assert_eq!(
            blocks.sum(100 * mib..104 * mib),
            Block { live: 1, total: 2 }
        );
        blocks.remove(90 * mib);
        blocks.remove(101 * mib);
        assert_eq!(blocks.sum(0..108 * mib), Block::default());
        assert_eq!(blocks.sum(0..112 * mib).live, 1);
    }
}
