//! Looking behind receivers that are merely busy.
//!
//! What waits for a slow or limited receiver is put off to its turn. What waits for a busy one will start soon anyway,
//! and putting it off costs a trip through the queue. That trip is worth it only while something that can start at
//! once is found behind it. So these trips are paid from a credit which such finds earn.

use std::time::Duration;

/// Lines that may be put off for one find; chosen: one in 200 is worth looking for.
const FIND: f64 = 200.0;

/// The most that is saved up; chosen: about two prefetches.
const CREDIT_MAX: f64 = 1000.0;

/// What comes back by itself each second, so that looking never ends; chosen: below a percent of a core.
const PER_SEC: f64 = 100.0;

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

    /// Pays for putting off one line; `false` when it must be held.
    pub(super) fn pay(&mut self, mono: Duration) -> bool {
        let span = mono.saturating_sub(self.filled_at).as_secs_f64();
        self.filled_at = self.filled_at.max(mono);
        self.credit = (self.credit + span * PER_SEC).min(CREDIT_MAX);
        let may = self.credit >= 1.0;
        if may {
            self.credit -= 1.0;
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_pay_for_looking_and_nothing_found_ends_it() {
        let mut probing = Probing::new(Duration::ZERO);
        let paid_at = |probing: &mut Probing, secs| {
            let at = Duration::from_secs(secs);
            (0..10_000).filter(|_| probing.pay(at)).count()
        };
        assert_eq!(paid_at(&mut probing, 0), 0);
        assert_eq!(paid_at(&mut probing, 1), 100);
        probing.found();
        assert_eq!(paid_at(&mut probing, 1), 200);
        (0..100).for_each(|_| probing.found());
        assert_eq!(paid_at(&mut probing, 1), 1000);
        assert_eq!(paid_at(&mut probing, 3600), 1000);
    }
}
