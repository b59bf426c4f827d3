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

/// The time that was given last.
#[derive(Clone, Copy, Debug)]
struct Last {
    given: Timestamp,
    monotonic: Duration,
    is_behind: bool,
}

/// What the wall clock did, by more than [`JUMP`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Jump {
    Ahead,
    /// It stands before a time that was given, maybe by an earlier process.
    Back,
}

impl Last {
    /// The next time, and a jump since this one.
    fn next(self, wall: Timestamp, monotonic: Duration) -> (Self, Option<Jump>) {
        let expected = self.given.plus(monotonic.saturating_sub(self.monotonic));
        let is_behind = wall < self.given;
        let is_back = is_behind && !self.is_behind && self.given.since(wall) > JUMP;
        let jump = if wall.since(expected) > JUMP {
            Some(Jump::Ahead)
        } else {
            is_back.then_some(Jump::Back)
        };
        let next = Self {
            given: if is_behind { expected } else { wall },
            monotonic,
            is_behind,
        };
        (next, jump)
    }
}

impl Forward {
    /// Time from `clock`, not before `from`: the journal's last time. How long nobody ran since is no jump.
    pub(super) fn new(clock: Arc<dyn Clock>, from: Timestamp) -> Self {
        let last = Last {
            given: from.max(clock.now()),
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
        let (next, jump) = last.next(wall, monotonic);
        *last = next;
        drop(last);
        let given = next.given;
        match jump {
            None => {}
            Some(Jump::Ahead) => {
                tracing::warn!(%wall, "the clock jumped ahead by more than a minute");
            }
            Some(Jump::Back) => {
                tracing::warn!(%wall, %given, "the clock was set back by more than a minute; time goes on from before");
            }
        }
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
    fn jump_at(time: &Forward) -> Option<Jump> {
        let (wall, monotonic) = (time.clock.now(), time.clock.monotonic());
        let (_, jump) = time.last.lock().next(wall, monotonic);
        time.now();
        jump
    }

    #[test]
    fn a_jump_is_one_of_the_running_clock_or_to_before_the_journals_end() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(10_000)));
        let since = |secs| {
            Forward::new(
                Arc::clone(&clock) as Arc<dyn Clock>,
                Timestamp::from_secs(secs),
            )
        };
        // Stopped for hours, or new: the first time is as good as any.
        for from in [0, 1000, 9_990, 10_050] {
            assert_eq!(jump_at(&since(from)), None, "{from}");
        }
        let behind = since(10_100);
        assert_eq!(
            (jump_at(&behind), jump_at(&behind)),
            (Some(Jump::Back), None)
        );
        let running = since(0);
        clock.advance(Duration::from_secs(3600));
        assert_eq!(jump_at(&running), None);
        clock.jump_to(Timestamp::from_secs(13_650));
        assert_eq!(jump_at(&running), None);
        clock.jump_to(Timestamp::from_secs(14_000));
        assert_eq!(jump_at(&running), Some(Jump::Ahead));
        clock.jump_to(Timestamp::from_secs(13_000));
        assert_eq!(
            (jump_at(&running), jump_at(&running)),
            (Some(Jump::Back), None)
        );
    }
}
