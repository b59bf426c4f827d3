//! Which receivers the free slots go to.
//!
//! A notifier starts a send while its receiver has fewer under way than there are free slots, and takes what waits in about the
//! order of its coming. So of all that want more each has as many under way as the others, and no more than are left free, but
//! for the one of each notifier that was started last.

/// What one receiver has, and wants.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    /// Under way.
    pub(super) in_flight: u64,
    /// How many more may start, slots aside.
    pub(super) wants: u64,
}

impl Wish {
    /// How many more bring it up to `level`.
    fn up_to(self, level: u64) -> u64 {
        level.saturating_sub(self.in_flight).min(self.wants)
    }
}

/// Slots of some notifiers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slots {
    /// All of them.
    pub(super) slots: u64,
    /// How many notifiers have them.
    pub(super) workers: u64,
    /// Sends that may start at most.
    pub(super) budget: u64,
}

impl Slots {
    /// How many sends each receiver starts; what does not divide goes to those from `first` on.
    pub(super) fn share_out(self, wishes: &[Wish], first: usize) -> Vec<u64> {
        let held: u64 = wishes.iter().map(|wish| wish.in_flight).sum();
        let started = |level: u64| wishes.iter().map(|wish| wish.up_to(level)).sum::<u64>();
        let fits = |level: u64, started: u64| {
            let left = self.slots.checked_sub(held + started);
            started <= self.budget && left.is_some_and(|left| level <= left + self.workers)
        };
        let (mut low, mut high) = (0, self.slots);
        while low < high {
            let level = (low + high).div_ceil(2);
            match fits(level, started(level)) {
                true => low = level,
                false => high = level - 1,
            }
        }
        let mut all = started(low);
        let mut shares: Vec<u64> = wishes.iter().map(|wish| wish.up_to(low)).collect();
        let turns = (0..wishes.len()).map(|place| (first + place) % wishes.len());
        for place in turns {
            let (Some(share), Some(wish)) = (shares.get_mut(place), wishes.get(place)) else {
                continue;
            };
            if wish.up_to(low + 1) > *share && fits(low + 1, all + 1) {
                *share += 1;
                all += 1;
            }
        }
        shares
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shares(workers: u64, in_flight: &[u64], wants: u64) -> Vec<u64> {
        let slots = Slots {
            slots: workers * 16,
            workers,
            budget: u64::MAX,
        };
        let wish = |in_flight: &u64| Wish {
            in_flight: *in_flight,
            wants,
        };
        let wishes: Vec<Wish> = in_flight.iter().map(wish).collect();
        slots.share_out(&wishes, 0)
    }

    #[test]
    fn no_receiver_takes_more_than_it_leaves_free_and_none_less_than_another() {
        // 16 slots: the eighth of one receiver finds eight free before it; of four one has a fourth.
        assert_eq!(shares(1, &[0], 99), [8]);
        assert_eq!(shares(1, &[0; 4], 99), [4, 3, 3, 3]);
        assert_eq!(shares(3, &[0; 4], 99), [10; 4]);
        // Who has less catches up; what has left its notifier takes its slot along.
        assert_eq!(shares(3, &[13, 9, 2, 0], 99), [0, 1, 7, 9]);
        assert_eq!(shares(1, &[20, 0], 99), [0, 0]);
        assert_eq!(shares(1, &[0; 2], 2), [2, 2]);
    }

    proptest! {
        #[test]
        fn slots_and_budget_are_kept(
            in_flight in prop::collection::vec(0_u64..40, 1..6),
            wants in 0_u64..50,
            workers in 0_u64..8,
            budget in 0_u64..60,
        ) {
            let slots = Slots { slots: workers * 16, workers, budget };
            let wish = |in_flight: &u64| Wish { in_flight: *in_flight, wants };
            let wishes: Vec<Wish> = in_flight.iter().map(wish).collect();
            let started: u64 = slots.share_out(&wishes, 1).iter().sum();
            let held: u64 = in_flight.iter().sum();
            prop_assert!(started <= budget);
            prop_assert!(started == 0 || held + started <= slots.slots);
        }
    }
}
