//! Looking behind receivers that are busy or slow.
//!
//! What waits for a receiver that is limited, failing or paused is put off to its turn. Where only its latency says that
//! it takes too little, our own load may be the cause, and putting a message off costs a trip through the queue, and it its place in
//! the order. That trip is worth it only while something that can start at once is found behind it, and slots are free for what
//! is found. So these trips are paid from a credit which such finds earn, and which lapses when the slots are taken.

use std::time::Duration;

/// Lines that may be put off for one find; chosen: one in 200 is worth looking for.
const FIND: f64 = 200.0;

/// The most that is saved up; chosen: about two prefetches.
const CREDIT_MAX: f64 = 1000.0;

/// What comes back by itself each second, so that looking never ends; chosen: some percent of a core while it has
/// nothing better to do, else nearly nothing.
const PER_SEC: f64 = 500.0;
const PER_SEC_LOADED: f64 = 20.0;
/// The same, and all that there is, while the slots are taken but for a third: more sends are not to be had, and each that was put
/// off comes later than what came after it. With 500 a second, 99 of 100 of a push were sent within 5 s instead of 2.7 s
/// (`simulation/elastic.rs`).
const PER_SEC_FULL: f64 = 5.0;

/// How fast the credit comes back by itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Whether this notifier has better things to do.
    pub(super) is_loaded: bool,
    /// Whether most of its slots are taken.
    pub(super) is_full: bool,
    /// Its share among the route's notifiers, over 0 up to 1.
    pub(super) share: f64,
}

impl Pace {
    fn per_sec(self) -> f64 {
        self.share
            * match self {
                Self { is_full: true, .. } => PER_SEC_FULL,
                Self {
                    is_loaded: true, ..
                } => PER_SEC_LOADED,
                _ => PER_SEC,
            }
    }

    fn credit_max(self) -> f64 {
        match self.is_full {
            true => 1.0,
            false => CREDIT_MAX,
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
    pub(super) fn found(&mut self, pace: Pace) {
        self.credit = (self.credit + FIND).min(pace.credit_max());
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
        self.credit = (self.credit + span * per_sec).min(pace.credit_max());
        let paid = lines.min(self.credit as usize);
        self.credit -= paid as f64;
        paid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: Pace = Pace {
        is_loaded: false,
        is_full: false,
        share: 1.0,
    };

    #[test]
    fn finds_pay_for_looking_and_nothing_found_ends_it() {
        let mut probing = Probing::new(Duration::ZERO);
        let paid_at = |probing: &mut Probing, secs, is_loaded| {
            let at = Duration::from_secs(secs);
            let pace = Pace { is_loaded, ..FREE };
            probing.pay(at, pace, 10_000)
        };
        assert_eq!(paid_at(&mut probing, 0, false), 0);
        assert_eq!(paid_at(&mut probing, 1, false), 500);
        assert_eq!(paid_at(&mut probing, 2, true), 20);
        probing.found(FREE);
        assert_eq!(paid_at(&mut probing, 2, false), 200);
        (0..100).for_each(|_| probing.found(FREE));
        assert_eq!(paid_at(&mut probing, 2, true), 1000);
        assert_eq!(paid_at(&mut probing, 3600, false), 1000);
        let pace = Pace { share: 0.1, ..FREE };
        assert_eq!(probing.pay(Duration::from_secs(3601), pace, 10_000), 50);
    }

    #[test]
    fn what_was_saved_up_lapses_when_the_slots_are_taken() {
        let mut probing = Probing::new(Duration::ZERO);
        (0..100).for_each(|_| probing.found(FREE));
        let full = Pace {
            is_full: true,
            ..FREE
        };
        let paid: usize = (0..1_000)
            .map(|tick| probing.pay(Duration::from_millis(tick * 10), full, 10_000))
            .sum();
        assert!((45..=51).contains(&paid), "5 a second: {paid}");
        probing.found(full);
        let last = Duration::from_millis(9_990);
        assert_eq!(probing.pay(last, FREE, 10_000), 1);
    }
}
