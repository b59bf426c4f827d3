//! Deadlines: a hierarchical timing wheel of milliseconds, eight levels of 64 slots, good for 48 bits.
//!
//! An entry lies at the level of the highest six bits in which its deadline differs from the wheel's time, so each
//! entry moves at most seven times. The wheel's time never goes back.
//! Source: Varghese and Lauck, "Hashed and hierarchical timing wheels", scheme 7.

use super::hot::{List, Place, Slab, Slot};

const LEVELS: usize = 8;
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 64;

#[derive(Clone, Debug)]
struct Level {
    /// Bit n: slot n has entries.
    occupied: u64,
    slots: [List; SLOTS],
}

/// The deadlines of a queue's hot messages. Levels are made when they are first needed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wheel {
    now: u64,
    levels: [Option<Box<Level>>; LEVELS],
}

impl Wheel {
    /// Puts an entry, whose deadline is set and that is in no list, into the wheel; `false` when the deadline is over.
    pub(crate) fn insert(&mut self, slab: &mut Slab, slot: Slot) -> bool {
        let Some(until) = slab.get(slot).map(super::hot::Entry::until) else {
            return true;
        };
        if until <= self.now {
            return false;
        }
        self.place(slab, slot, until);
        true
    }

    fn place(&mut self, slab: &mut Slab, slot: Slot, until: u64) {
        let level = level_of(self.now, until);
        let index = index_of(until, level);
        let Some(lists) = self.levels.get_mut(level) else {
            return;
        };
        let lists = lists.get_or_insert_with(|| {
            Box::new(Level {
                occupied: 0,
                slots: [List::EMPTY; SLOTS],
            })
        });
        lists.occupied |= 1 << index;
        if let Some(list) = lists.slots.get_mut(index) {
            slab.push_back(list, slot, Place::Wheel((level * SLOTS + index) as u16));
        }
    }

    /// Takes an entry out of the list `bucket`, where it says it is.
    pub(crate) fn remove(&mut self, slab: &mut Slab, slot: Slot, bucket: u16) {
        let (level, index) = (usize::from(bucket) / SLOTS, usize::from(bucket) % SLOTS);
        let Some(Some(lists)) = self.levels.get_mut(level) else {
            return;
        };
        let Some(list) = lists.slots.get_mut(index) else {
            return;
        };
        slab.unlink(list, slot);
        if list.is_empty() {
            lists.occupied &= !(1 << index);
        }
    }

    /// Moves the wheel's time to `now` and takes out one entry whose deadline is over. Call until `None`.
    pub(crate) fn expire(&mut self, slab: &mut Slab, now: u64) -> Option<Slot> {
        while let Some((level, index, deadline)) = self.next() {
            if deadline > now {
                break;
            }
            self.now = self.now.max(deadline);
            let head = self.head(level, index)?;
            let bucket = (level * SLOTS + index) as u16;
            if level == 0 {
                self.remove(slab, head, bucket);
                return Some(head);
            }
            // The whole slot moves down before anything of it is due, so that the order of deadlines holds.
            while let Some(head) = self.head(level, index) {
                self.remove(slab, head, bucket);
                let until = slab.get(head).map_or(deadline, super::hot::Entry::until);
                self.place(slab, head, until.max(deadline));
            }
        }
        self.now = self.now.max(now);
        None
    }

    fn head(&self, level: usize, index: usize) -> Option<Slot> {
        self.levels.get(level)?.as_ref()?.slots.get(index)?.head()
    }

    /// When to look again: not later than the first deadline.
    pub(crate) fn next_deadline(&self) -> Option<u64> {
        self.next().map(|(_, _, deadline)| deadline)
    }

    /// The first slot with entries, and when it begins.
    fn next(&self) -> Option<(usize, usize, u64)> {
        self.levels.iter().enumerate().find_map(|(level, lists)| {
            let occupied = lists.as_ref()?.occupied;
            if occupied == 0 {
                return None;
            }
            let at = index_of(self.now, level) as u32;
            // At level 0 the present slot's entries are due; above, they have been moved down already.
            let ahead = occupied.rotate_right(at).trailing_zeros();
            let index = (at + ahead) as usize % SLOTS;
            let unit = SLOT_BITS * level as u32;
            let round = self.now >> unit >> SLOT_BITS << SLOT_BITS << unit;
            let turn = if (index as u32) < at {
                1u64 << (unit + SLOT_BITS)
            } else {
                0
            };
            Some((level, index, round + turn + ((index as u64) << unit)))
        })
    }
}

fn level_of(now: u64, until: u64) -> usize {
    let highest = 63 - ((now ^ until) | 1).leading_zeros();
    (highest / SLOT_BITS) as usize
}

fn index_of(time: u64, level: usize) -> usize {
    (time >> (SLOT_BITS * level as u32)) as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use base::Timestamp;
    use proptest::prelude::*;
    use store::record::MessageKey;

    use super::super::hot::Entry;
    use super::*;

    fn add(wheel: &mut Wheel, slab: &mut Slab, key: u64, until: u64) -> bool {
        let mut entry = Entry::new(MessageKey(key), Timestamp::EPOCH, 1);
        entry.set_until(until);
        let slot = slab.insert(entry);
        wheel.insert(slab, slot)
    }

    fn due(wheel: &mut Wheel, slab: &mut Slab, now: u64) -> Vec<u64> {
        let mut keys = Vec::new();
        while let Some(slot) = wheel.expire(slab, now) {
            keys.push(slab.remove(slot).unwrap().key.0);
        }
        keys
    }

    proptest! {
        /// Against a plain sorted list: each entry comes exactly when its time has come, in the order of deadlines.
        #[test]
        fn deadlines_come_in_order_and_never_early(
            start in 0u64..(1 << 44),
            steps in proptest::collection::vec((0u64..1 << 40, 0u32..41, any::<bool>()), 1..80),
        ) {
            let (mut wheel, mut slab) = (Wheel::default(), Slab::default());
            let mut plain: Vec<(u64, u64)> = Vec::new();
            let mut now = start;
            prop_assert_eq!(due(&mut wheel, &mut slab, now), Vec::<u64>::new());
            for (key, (span, shift, is_advance)) in steps.into_iter().enumerate() {
                let span = span >> shift;
                if is_advance {
                    now += span;
                    let mut expected: Vec<(u64, u64)> = plain.extract_if(.., |(until, _)| *until <= now).collect();
                    expected.sort_unstable();
                    let keys = due(&mut wheel, &mut slab, now);
                    let mut sorted: Vec<u64> = keys.clone();
                    sorted.sort_unstable();
                    let mut plain_keys: Vec<u64> = expected.iter().map(|(_, key)| *key).collect();
                    let deadlines: Vec<u64> = keys.iter().filter_map(|key| expected.iter().find(|(_, k)| k == key).map(|(until, _)| *until)).collect();
                    prop_assert!(deadlines.is_sorted());
                    plain_keys.sort_unstable();
                    prop_assert_eq!(sorted, plain_keys);
                } else {
                    let until = now + span;
                    let is_later = add(&mut wheel, &mut slab, key as u64, until);
                    prop_assert_eq!(is_later, span > 0);
                    if is_later {
                        plain.push((until, key as u64));
                    }
                }
                let first = plain.iter().map(|(until, _)| *until).min();
                prop_assert_eq!(wheel.next_deadline().is_some(), first.is_some());
                prop_assert!(wheel.next_deadline() <= first || first.is_none());
            }
        }
    }
}
