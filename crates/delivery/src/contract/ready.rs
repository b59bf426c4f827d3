//! The messages of the model that can be received, in the order in which they are.

use std::collections::VecDeque;

/// What can be received. In the queue of the server what has come back, or was delayed, takes turns with what is new; a queue
/// elsewhere lets all stand in one line.
#[derive(Debug, Default)]
pub(super) struct Ready {
    pub(super) fresh: VecDeque<u64>,
    pub(super) returned: VecDeque<u64>,
    pub(super) turn: bool,
}

impl Ready {
    /// The next one, and whether it had come back.
    pub(super) fn pop(&mut self) -> Option<(u64, bool)> {
        self.turn = !self.turn;
        for is_returned in [self.turn, !self.turn] {
            if let Some(key) = self.list(is_returned).pop_front() {
                return Some((key, is_returned));
            }
        }
        None
    }

    pub(super) fn list(&mut self, is_returned: bool) -> &mut VecDeque<u64> {
        match is_returned {
            true => &mut self.returned,
            false => &mut self.fresh,
        }
    }
}
