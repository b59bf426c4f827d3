//! What the weight of a destination means: its part of the slots, of the prefetch, and of the turns to start.
//!
//! - Of slots and prefetch no receiver takes more than its weight times what is left free (dynamic thresholds): where all that
//!   want more are held back by that, what they have is in proportion to their weights.
//! - In the ring a turn is as many sends as the weight says (weighted round robin), which decides where slots are so scarce, or
//!   receivers so many, that nobody comes near its threshold.
//!
//! - While there are lines of different weights, what waits for a receiver beyond its part of the prefetch is put off, however soon
//!   it could be sent: else all have what the queue holds of theirs, and no more.
//!
//! Where all weigh the same, all is as if there were no weights.

use std::time::Duration;

use super::{HOLD, Unit};

/// A turn in the ring that lasts for more than one send.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Turn {
    /// Sends that were started in it.
    started: u32,
}

/// Whether lines of different weights came lately.
#[derive(Clone, Copy, Debug, Default)]
pub(in super::super) struct Weights {
    heaviest: u32,
    until: Duration,
    differ_until: Duration,
}

impl Weights {
    /// A line came for a receiver of this weight; whether weights matter.
    pub(in super::super) fn came(&mut self, mono: Duration, weight: u32) -> bool {
        if weight >= self.heaviest || mono > self.until {
            self.heaviest = weight;
            self.until = mono + HOLD;
        } else {
            self.differ_until = mono + HOLD;
        }
        self.matter(mono)
    }

    /// Whether they do.
    pub(in super::super) fn matter(&self, mono: Duration) -> bool {
        mono < self.differ_until
    }
}

impl Unit {
    /// Slots that it may have in flight while so many are free.
    pub(super) fn part_of(&self, free: u32) -> u32 {
        free.saturating_mul(self.rules.weight)
    }

    /// The same of places in the prefetch.
    pub(super) fn part_of_places(&self, left: usize) -> usize {
        left.saturating_mul(usize::try_from(self.rules.weight).unwrap_or(1))
    }

    /// How many may wait while weights matter: no more than its part of the prefetch, or what a turn in the ring takes.
    pub(in super::super) fn room_by_weight(&self, room: usize, left: usize) -> usize {
        let turn = usize::try_from(self.rules.weight).unwrap_or(1);
        room.min(self.part_of_places(left).max(turn))
    }

    /// After a send has started: whether another follows before the others have their turns.
    pub(in super::super) fn goes_on(&mut self) -> bool {
        if self.rules.weight <= 1 {
            return false;
        }
        self.turn.started += 1;
        if self.turn.started >= self.rules.weight || self.ready.is_empty() {
            self.turn = Turn::default();
            return false;
        }
        true
    }
}
