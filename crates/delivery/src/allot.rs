//! What each notifier of a route has of a destination's rate, where they can be told anew at any time.
//!
//! Notifiers that start with a share keep it (contract 15): all have equal parts, whatever they hold. Those of one process tell
//! several times a second how much waits with them, and get their parts of a rate by that: who holds little has little, so that
//! nothing of a rate lies idle while others hold more than they may send. It is [`crate::apportion`] once more, within the part
//! of a route. Sends at once are taken one by one: see [`crate::places`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::apportion::{IDLE_PARTS, in_order, sizes};
use crate::destinations::Destinations;
use crate::share::Share;

/// How many lines wait with a notifier for each destination that has a rate, by the destination's name in results.
pub type Waiting = Arc<BTreeMap<Arc<str>, u32>>;

/// The stretch of its route's part of a rate that a notifier has, by the destination's name in results; what is not there is shared
/// out in equal parts.
pub type Allotments = Arc<BTreeMap<Arc<str>, Share>>;

/// What each notifier of a route has, in their order, by what waits with each.
#[must_use]
pub fn allot(waiting: &[Waiting], destinations: &Destinations) -> Vec<Allotments> {
    let mut all: Vec<BTreeMap<Arc<str>, Share>> = vec![BTreeMap::new(); waiting.len()];
    let names: BTreeSet<&Arc<str>> = waiting.iter().flat_map(|one| one.keys()).collect();
    for name in names.into_iter().filter(|_| waiting.len() > 1) {
        let Some(per_sec) = destinations.find(name).rate_per_sec else {
            continue;
        };
        let lines = |one: &Waiting| one.get(name).copied().unwrap_or(0);
        let lines: Vec<u32> = waiting.iter().map(lines).collect();
        for (of_one, stretch) in all.iter_mut().zip(in_order(&rates(&lines, per_sec))) {
            of_one.insert(name.clone(), stretch);
        }
    }
    all.into_iter().map(Arc::new).collect()
}

/// Parts of a rate: each needs what sends all that waits with it within a second; what is not needed goes to all in proportion.
fn rates(waiting: &[u32], per_sec: f64) -> Vec<f64> {
    let count = f64::from(u32::try_from(waiting.len()).unwrap_or(u32::MAX)).max(1.0);
    let least = IDLE_PARTS / count;
    let per_sec = per_sec.max(f64::MIN_POSITIVE);
    let need = |lines: &u32| (f64::from(*lines) / per_sec).clamp(least, 1.0);
    let needs: Vec<f64> = waiting.iter().map(need).collect();
    let sum: f64 = needs.iter().sum();
    match sum >= 1.0 {
        true => sizes(&needs, &vec![1.0; waiting.len()]),
        false => needs.iter().map(|need| need / sum).collect(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_rate_goes_to_those_that_hold_something() {
        let parts = rates(&[30, 0, 0, 0], 40.0);
        assert!(parts[0] > 0.9, "{parts:?}");
        let parts = rates(&[300, 300, 300, 0], 40.0);
        assert!(parts[..3].iter().all(|part| *part > 0.32), "{parts:?}");
        assert!(parts[3] > 0.002, "{parts:?}");
        assert_eq!(rates(&[0, 0], 40.0), [0.5, 0.5]);
        // However many hold nothing, they have little of it together.
        let mut waiting = vec![0; 16];
        waiting[..2].fill(10_000);
        let parts = rates(&waiting, 1_000.0);
        assert!(parts[..2].iter().sum::<f64>() >= 0.99, "{parts:?}");
    }

    proptest! {
        #[test]
        fn all_of_a_rate_is_given_and_no_more(
            waiting in prop::collection::vec(0u32..5_000, 1..40),
            per_sec in 0.001f64..100_000.0,
        ) {
            let parts = rates(&waiting, per_sec);
            let sum: f64 = parts.iter().sum();
            prop_assert!((sum - 1.0).abs() < 1e-6, "{sum}");
            prop_assert!(parts.iter().all(|part| *part > 0.0));
        }
    }
}
