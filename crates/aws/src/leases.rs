//! The leases that are held: of which queue, until when, and how much of what goes on has been sent.
//!
//! What has ended and was never settled or handed back (its results could not be stored, the call failed) is forgotten.

use std::collections::HashMap;

use base::Timestamp;
use delivery::port::Lease;
use parking_lot::Mutex;

use crate::sources::Source;

/// Leases up to which none is looked for that has ended. Chosen. Beyond, at most twice as many are kept as were held when it
/// was last looked, which the notifier bounds.
const KEPT_FREELY: usize = 4096;

/// All leases that are held.
#[derive(Debug, Default)]
pub(crate) struct Leases(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    held: HashMap<Lease, Held>,
    look_at: usize,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    source: Source,
    until: Timestamp,
    carried: usize,
}

impl Leases {
    /// Received from `source`.
    pub(crate) fn hold(
        &self,
        now: Timestamp,
        source: Source,
        leases: impl Iterator<Item = (Lease, Timestamp)>,
    ) {
        let mut inner = self.0.lock();
        for (lease, until) in leases {
            let held = Held {
                source,
                until,
                carried: 0,
            };
            inner.held.insert(lease, held);
        }
        if inner.held.len() > inner.look_at.max(KEPT_FREELY) {
            inner.held.retain(|_, held| held.until > now);
            inner.look_at = inner.held.len() * 2;
        }
    }

    /// The queue that a lease is of, while it lasts.
    pub(crate) fn source(&self, lease: &Lease, now: Timestamp) -> Option<Source> {
        let inner = self.0.lock();
        let held = inner.held.get(lease).filter(|held| held.until > now)?;
        Some(held.source)
    }

    /// It lasts until then.
    pub(crate) fn extend<'a>(&self, leases: impl Iterator<Item = &'a Lease>, until: Timestamp) {
        let mut inner = self.0.lock();
        for lease in leases {
            if let Some(held) = inner.held.get_mut(lease) {
                held.until = until;
            }
        }
    }

    /// Settled, handed back or lost.
    pub(crate) fn forget<'a>(&self, leases: impl Iterator<Item = &'a Lease>) {
        let mut inner = self.0.lock();
        for lease in leases {
            inner.held.remove(lease);
        }
    }

    /// How many of its carries have been sent.
    pub(crate) fn carried(&self, lease: &Lease) -> usize {
        self.0.lock().held.get(lease).map_or(0, |held| held.carried)
    }

    /// Its carry number `index` has been sent. They count in order.
    pub(crate) fn note_carried(&self, lease: &Lease, index: usize) {
        if let Some(held) = self.0.lock().held.get_mut(lease)
            && held.carried == index
        {
            held.carried += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn lease(number: usize) -> Lease {
        Lease(Arc::from(number.to_string()))
    }

    fn hold(leases: &Leases, now: u64, number: usize, until: u64) {
        let until = Timestamp::from_millis(until);
        let held = std::iter::once((lease(number), until));
        leases.hold(Timestamp::from_millis(now), Source::Retry, held);
    }

    #[test]
    fn what_has_ended_is_forgotten_and_what_is_held_is_not() {
        let leases = Leases::default();
        let held = KEPT_FREELY / 2;
        for number in 0..held {
            hold(&leases, 0, number, 1_000_000);
        }
        for number in held..KEPT_FREELY * 20 {
            let now = u64::try_from(number).unwrap();
            hold(&leases, now, number, now + 10);
            assert!(leases.0.lock().held.len() <= KEPT_FREELY * 2);
        }
        let now = Timestamp::from_millis(500_000);
        assert!((0..held).all(|number| leases.source(&lease(number), now) == Some(Source::Retry)));
    }

    #[test]
    fn a_lease_is_held_until_it_ends() {
        let leases = Leases::default();
        hold(&leases, 0, 1, 10);
        let at = |millis| leases.source(&lease(1), Timestamp::from_millis(millis));
        assert_eq!((at(9), at(10)), (Some(Source::Retry), None));
        leases.extend([lease(1)].iter(), Timestamp::from_millis(20));
        assert_eq!(at(10), Some(Source::Retry));
        leases.note_carried(&lease(1), 1);
        leases.note_carried(&lease(1), 0);
        assert_eq!(leases.carried(&lease(1)), 1, "in order");
        leases.forget([lease(1)].iter());
        assert_eq!((at(10), leases.carried(&lease(1))), (None, 0));
    }
}
