//! Time that does not go back.

use std::sync::Arc;
use std::time::Duration;

use base::{Clock, Timestamp};
use parking_lot::Mutex;

/// A jump of the wall clock that is worth a line in the log.
const JUMP: Duration = Duration::from_secs(60);

/// The wall clock; while that stands before a time that was given already, that time and what has passed since.
///
/// So deadlines neither stand still nor come early when the clock is set back, and times in the journal never go back.
#[derive(Debug)]
pub(super) struct Forward {
    clock: Arc<dyn Clock>,
    last: Mutex<Last>,
}

#[derive(Debug)]
struct Last {
    given: Timestamp,
    monotonic: Duration,
    is_behind: bool,
}

impl Forward {
    /// Time from `clock`, not before `from`.
    pub(super) fn new(clock: Arc<dyn Clock>, from: Timestamp) -> Self {
        let last = Last {
            given: from,
            monotonic: clock.monotonic(),
            is_behind: false,
        };
        Self {
            clock,
            last: Mutex::new(last),
        }
    }

    /// The time of day.
    pub(super) fn now(&self) -> Timestamp {
        let (wall, monotonic) = (self.clock.now(), self.clock.monotonic());
        let mut last = self.last.lock();
        let expected = last.given.plus(monotonic.saturating_sub(last.monotonic));
        let is_behind = wall < last.given;
        let given = if is_behind { expected } else { wall };
        if is_behind && !last.is_behind && last.given.since(wall) > JUMP {
            tracing::warn!(%wall, %given, "the clock was set back by more than a minute; time goes on from before");
        }
        if wall.since(expected) > JUMP {
            tracing::warn!(%wall, %expected, "the clock jumped ahead by more than a minute");
        }
        *last = Last {
            given,
            monotonic,
            is_behind,
        };
        given
    }

    /// Time for measuring spans.
    pub(super) fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }
}

#[cfg(test)]
mod tests {
    use base::ManualClock;

    use super::*;

    #[test]
    fn time_follows_the_wall_clock_and_never_goes_back() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(100)));
        let time = Forward::new(
            Arc::clone(&clock) as Arc<dyn Clock>,
            Timestamp::from_secs(90),
        );
        assert_eq!(time.now(), Timestamp::from_secs(100));
        clock.jump_to(Timestamp::from_secs(50));
        clock.advance(Duration::from_secs(7));
        assert_eq!(time.now(), Timestamp::from_secs(107));
        clock.advance(Duration::from_secs(3));
        assert_eq!(time.now(), Timestamp::from_secs(110));
        clock.jump_to(Timestamp::from_secs(5000));
        assert_eq!(time.now(), Timestamp::from_secs(5000));
    }
}
