//! How many batches of a queue run at once; pure.
//!
//! At first 5; while all of them find messages, 300 more a minute up to 1,000 or the owner's bound. When some find nothing, fewer
//! again; when the function is throttled, half.
//!
//! Source: Lambda Developer Guide, "Configuring scaling behavior for SQS event source mappings".

use base::Timestamp;

/// Batches at once at first.
pub(super) const FIRST: u32 = 5;
/// More of them with each second that all are busy: 300 a minute.
const MORE: u32 = 5;
/// Most of them where the owner bounds nothing.
const MOST: u32 = 1_000;

/// How many pollers there may be.
#[derive(Debug)]
pub(super) struct Scale {
    most: u32,
    allowed: u32,
    looked: Timestamp,
}

/// What was seen since the last look.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// Receives that found nothing.
    pub(super) empty: u32,
    /// Receives that found something.
    pub(super) found: u32,
    /// Invocations that were not let in.
    pub(super) throttled: u32,
}

impl Scale {
    /// `most`: the owner's bound.
    pub(super) fn new(now: Timestamp, most: Option<u32>) -> Self {
        let most = most.unwrap_or(MOST);
        Self {
            most,
            allowed: FIRST.min(most),
            looked: now,
        }
    }

    pub(super) const fn allowed(&self) -> u32 {
        self.allowed
    }

    /// What follows from what was seen; at most once a second.
    pub(super) fn look(&mut self, now: Timestamp, seen: Seen) -> bool {
        let secs = u32::try_from(now.since(self.looked).as_secs()).unwrap_or(u32::MAX);
        if secs == 0 {
            return false;
        }
        self.looked = now;
        let first = FIRST.min(self.most);
        if seen.throttled > 0 {
            self.allowed = (self.allowed / 2).max(1);
        } else if seen.empty > 0 {
            self.allowed = self.allowed.saturating_sub(MORE).max(first);
        } else if seen.found > 0 {
            let more = MORE.saturating_mul(secs.min(60));
            self.allowed = self.allowed.saturating_add(more).min(self.most);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUSY: Seen = Seen {
        empty: 0,
        found: 9,
        throttled: 0,
    };
    const IDLE: Seen = Seen {
        empty: 1,
        found: 9,
        throttled: 0,
    };
    const THROTTLED: Seen = Seen {
        empty: 0,
        found: 9,
        throttled: 1,
    };

    fn after(scale: &mut Scale, from: u64, secs: u64, seen: Seen) -> u32 {
        for second in 1..=secs {
            scale.look(Timestamp::from_secs(from + second), seen);
        }
        scale.allowed()
    }

    #[test]
    fn it_grows_by_300_a_minute_while_all_are_busy() {
        let mut scale = Scale::new(Timestamp::EPOCH, None);
        assert_eq!(scale.allowed(), 5);
        assert_eq!(after(&mut scale, 0, 60, BUSY), 305);
        assert_eq!(after(&mut scale, 60, 600, BUSY), 1_000);
        assert_eq!(after(&mut scale, 660, 10, THROTTLED), 1);
        assert_eq!(after(&mut scale, 670, 60, BUSY), 301);
        assert_eq!(after(&mut scale, 730, 60, IDLE), 5);
    }

    #[test]
    fn its_owner_bounds_it() {
        let mut scale = Scale::new(Timestamp::EPOCH, Some(2));
        assert_eq!(after(&mut scale, 0, 60, BUSY), 2);
        let mut scale = Scale::new(Timestamp::EPOCH, Some(20));
        assert_eq!(after(&mut scale, 0, 60, BUSY), 20);
    }

    #[test]
    fn it_looks_once_a_second() {
        let mut scale = Scale::new(Timestamp::EPOCH, None);
        assert!(!scale.look(Timestamp::from_millis(999), BUSY));
        assert!(scale.look(Timestamp::from_millis(1000), BUSY));
        assert!(!scale.look(Timestamp::from_millis(1001), BUSY));
        assert_eq!(scale.allowed(), 10);
    }
}
