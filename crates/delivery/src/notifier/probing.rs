//! Looking behind receivers that are busy or slow.
//!
//! What waits for a receiver that is limited, failing or paused is put off to its turn. Where only its latency says that
//! it takes too little, our own load may be the cause, and putting a message off costs a trip through the queue. That
//! trip is worth it only while something that can start at once is found behind it. So these trips are paid from a
//! credit which such finds earn.

use std::time::Duration;

/// Lines that may be put off for one find; chosen: one in 200 is worth looking for.
const FIND: f64 = 200.0;

/// The most that is saved up; chosen: about two prefetches.
const CREDIT_MAX: f64 = 1000.0;

/// What comes back by itself each second, so that looking never ends; chosen: some percent of a core while it has
/// nothing better to do, else nearly nothing.
const PER_SEC: f64 = 500.0;
const PER_SEC_LOADED: f64 = 20.0;

/// How fast the credit comes back by itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Whether this notifier has better things to do.
    pub(super) is_loaded: bool,
    /// Its share among the route's notifiers, over 0 up to 1.
    pub(super) share: f64,
}

impl Pace {
    fn per_sec(self) -> f64 {
        self.share
            * if self.is_loaded {
                PER_SEC_LOADED
            } else {
                PER_SEC
            }
    }
}

/// The credit of one notifier.
#[derive(Debug)]
pub(super) struct Probing {
    credit: f64,
    filled_at: Duration,
}

impl Probing {
    pub(super) fn new(mono: Duration) -> Self {
        Self {
            credit: 0.0,
            filled_at: mono,
        }
    }

    /// A line came that could start at once.
    pub(super) fn found(&mut self) {
        self.credit = (self.credit + FIND).min(CREDIT_MAX);
    }

    /// Pays for putting off up to `lines`; for how many it is enough.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "the credit is between 0 and some thousands"
    )]
    pub(super) fn pay(&mut self, mono: Duration, pace: Pace, lines: usize) -> usize {
        let per_sec = pace.per_sec();
        let span = mono.saturating_sub(self.filled_at).as_secs_f64();
        self.filled_at = self.filled_at.max(mono);
        self.credit = (self.credit + span * per_sec).min(CREDIT_MAX);
        let paid = lines.min(self.credit as usize);
        self.credit -= paid as f64;
        paid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_pay_for_looking_and_nothing_found_ends_it() {
        let mut probing = Probing::new(Duration::ZERO);
        let paid_at = |probing: &mut Probing, secs, is_loaded| {
            let at = Duration::from_secs(secs);
            let pace = Pace {
                is_loaded,
                share: 1.0,
            };
            probing.pay(at, pace, 10_000)
        };
        assert_eq!(paid_at(&mut probing, 0, false), 0);
        assert_eq!(paid_at(&mut probing, 1, false), 500);
        assert_eq!(paid_at(&mut probing, 2, true), 20);
        probing.found();
        assert_eq!(paid_at(&mut probing, 2, false), 200);
        (0..100).for_each(|_| probing.found());
        assert_eq!(paid_at(&mut probing, 2, true), 1000);
        assert_eq!(paid_at(&mut probing, 3600, false), 1000);
        let pace = Pace {
            is_loaded: false,
            share: 0.1,
        };
        assert_eq!(probing.pay(Duration::from_secs(3601), pace, 10_000), 50);
    }
}
