//! Who of a process's notifiers has how many of the sends at once that a route may have at a receiver.
//!
//! Where notifiers share nothing each has a fixed part of `in_flight_max` (contract 15), and those beyond the bound have none: what
//! they receive is put off until one that has a part receives it. Those of one process take places from here instead, a lock for
//! each send of a destination that has such a bound, and none for any other.
//!
//! INVARIANT: never more places are taken than there are. Who has fewer than all alike would have gets the next that is free; what
//! is left over, or all of them where there are fewer places than notifiers, is had in turns of [`TURN`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

/// How long one keeps a place that others wait for; chosen: a place is idle for half of [`LOOK_MILLIS`] when it changes hands.
const TURN: Duration = Duration::from_millis(200);

/// How often one that waits for a place looks for it, in milliseconds: a part of a second. Chosen.
const LOOK_MILLIS: u32 = 5;

/// When to look again: at the same moment, whoever asks within one span, so that whatever wakes one that waits adds no timer.
pub(crate) fn next_look(at: Duration) -> Duration {
    let millis = at.subsec_millis() + LOOK_MILLIS;
    let on_grid = millis - millis % LOOK_MILLIS;
    Duration::from_secs(at.as_secs()) + Duration::from_millis(on_grid.into())
}

/// Who has not looked for so long no longer waits; chosen: a loaded thread looks late.
const WAITS_MAX: Duration = Duration::from_millis(100);

/// The places of one route, by receiver.
#[derive(Debug, Default)]
pub struct Places(Mutex<BTreeMap<String, Arc<Mutex<Room>>>>);

impl Places {
    /// A seat at a receiver for one more notifier.
    pub(crate) fn seat(&self, receiver: &str) -> Seat {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let mut all = self.0.lock();
        // Nobody sends there any more.
        all.retain(|_, room| Arc::strong_count(room) > 1);
        let room = all.entry(receiver.to_owned()).or_default().clone();
        Seat {
            room,
            number: NEXT.fetch_add(1, Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
impl Places {
    /// How many are taken at each receiver where some are.
    pub(crate) fn taken(&self) -> Vec<(String, u32)> {
        let all = self.0.lock();
        let taken = |room: &Mutex<Room>| room.lock().guests.iter().map(|guest| guest.taken).sum();
        let by_receiver = all.iter().map(|(name, room)| (name.clone(), taken(room)));
        by_receiver.filter(|(_, taken)| *taken > 0).collect()
    }
}

impl PartialEq for Places {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

/// What is taken at one receiver.
#[derive(Debug, Default)]
struct Room {
    most: u32,
    /// Those that have a place or wait for one, in the order in which they began to wait.
    guests: Vec<Guest>,
}

#[derive(Debug)]
struct Guest {
    number: u64,
    taken: u32,
    /// Since when it has the places that are beyond what all have alike.
    turn_since: Option<Duration>,
    /// When it last looked for a place, while it waits.
    looked_at: Option<Duration>,
}

impl Guest {
    fn waits(&self, at: Duration) -> bool {
        self.looked_at
            .is_some_and(|looked_at| looked_at + WAITS_MAX >= at)
    }
}

impl Room {
    fn take(&mut self, number: u64, at: Duration) -> bool {
        self.guests
            .retain(|guest| guest.taken > 0 || guest.number == number || guest.waits(at));
        let place = self.place_of(number);
        let may = self.may_take(place, at);
        let Some(guest) = self.guests.get_mut(place) else {
            return false;
        };
        if may {
            guest.taken += 1;
            guest.looked_at = None;
            guest.turn_since.get_or_insert(at);
            return true;
        }
        let is_over = guest.turn_since.is_some_and(|since| since + TURN <= at);
        guest.looked_at = Some(at);
        if is_over {
            // It stands behind those that wait.
            guest.turn_since = None;
            let guest = self.guests.remove(place);
            self.guests.push(guest);
        }
        false
    }

    fn place_of(&mut self, number: u64) -> usize {
        let known = self.guests.iter().position(|guest| guest.number == number);
        known.unwrap_or_else(|| {
            self.guests.push(Guest {
                number,
                taken: 0,
                turn_since: None,
                looked_at: None,
            });
            self.guests.len() - 1
        })
    }

    fn may_take(&self, place: usize, at: Duration) -> bool {
        let taken: u32 = self.guests.iter().map(|guest| guest.taken).sum();
        let free = self.most.saturating_sub(taken);
        let Some(own) = self.guests.get(place).filter(|_| free > 0) else {
            return false;
        };
        let others = self.guests.iter().enumerate().filter(|(n, _)| *n != place);
        let alike = self.most as usize / self.guests.len();
        let may_wait = |guest: &Guest| guest.waits(at) && guest.taken as usize <= alike;
        let waiting = |before: usize| {
            let waits = |(n, guest): &(usize, &Guest)| *n < before && may_wait(guest);
            others.clone().filter(waits).count()
        };
        let is_own_turn = own.turn_since.is_some_and(|since| at < since + TURN);
        (own.taken as usize) < alike
            || waiting(usize::MAX) == 0
            || (own.taken as usize <= alike && is_own_turn)
            || (own.taken as usize <= alike && waiting(place) < free as usize)
    }

    fn give_back(&mut self, number: u64) {
        let guest = self.guests.iter_mut().find(|guest| guest.number == number);
        if let Some(guest) = guest {
            guest.taken = guest.taken.saturating_sub(1);
        }
    }
}

/// What one notifier has at one receiver; its end gives all back.
#[derive(Debug)]
pub(crate) struct Seat {
    room: Arc<Mutex<Room>>,
    number: u64,
}

impl Seat {
    /// Says how many places there are.
    pub(crate) fn set_most(&self, most: u32) {
        self.room.lock().most = most;
    }

    /// Takes a place, where one is free and it is its turn.
    pub(crate) fn take(&self, at: Duration) -> bool {
        self.room.lock().take(self.number, at)
    }

    /// Gives a place back.
    pub(crate) fn give_back(&self) {
        self.room.lock().give_back(self.number);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut room = self.room.lock();
        room.guests.retain(|guest| guest.number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// What `count` notifiers send in ten seconds through `most` places, each send taking 20 to 30 ms and each wanting `wants` at
    /// once.
    fn sent(most: u32, count: usize, wants: usize) -> Vec<u32> {
        let places = Places::default();
        let seats: Vec<Seat> = (0..count).map(|_| places.seat("a")).collect();
        seats.iter().for_each(|seat| seat.set_most(most));
        let mut random = Random::of_seed(1);
        let (mut ends, mut sent) = (vec![Vec::new(); count], vec![0; count]);
        let mut looks = vec![Duration::ZERO; count];
        for at in (0..10_000).map(Duration::from_millis) {
            for (n, seat) in seats.iter().enumerate() {
                let before = ends[n].len();
                ends[n].retain(|end| *end > at);
                (ends[n].len()..before).for_each(|_| seat.give_back());
                if before == ends[n].len() && looks[n] > at {
                    continue;
                }
                looks[n] = next_look(at);
                while ends[n].len() < wants && seat.take(at) {
                    ends[n].push(
                        at + Duration::from_millis(20) + random.span(Duration::from_millis(10)),
                    );
                    sent[n] += 1;
                }
            }
            assert!(ends.iter().map(Vec::len).sum::<usize>() <= most as usize);
        }
        sent
    }

    #[test]
    fn places_are_had_alike_and_used_up() {
        for (most, count) in [(1, 1), (4, 1), (1, 3), (4, 16), (3, 4), (5, 4), (100, 16)] {
            let sent = sent(most, count, 200);
            let all: u32 = sent.iter().sum();
            // Sends take 25.5 ms by this clock of whole milliseconds.
            let used = f64::from(all) / (f64::from(most) * 10_000.0 / 25.5);
            let (least, mean) = (sent.iter().min().unwrap(), all / count as u32);
            println!("{most} places, {count} notifiers: {used:.3} used, {sent:?}");
            assert!(used > 0.93, "{used}");
            // All look at the same moment here: who looks last has some less.
            assert!(*least * 4 >= mean * 3, "{sent:?}");
        }
    }

    #[test]
    fn looks_of_one_span_come_together() {
        let at = Duration::from_micros;
        for (asked, next) in [(0, 5), (1, 5), (4_999, 5), (5_000, 10), (999_999, 1_000)] {
            let next = Duration::from_secs(7) + Duration::from_millis(next);
            assert_eq!(next_look(Duration::from_secs(7) + at(asked)), next);
        }
    }

    #[test]
    fn who_wants_little_has_it_and_who_ended_leaves_all() {
        let places = Places::default();
        let (one, two) = (places.seat("a"), places.seat("a"));
        one.set_most(2);
        let at = Duration::from_millis;
        assert!(one.take(at(0)) && one.take(at(0)) && !two.take(at(0)));
        one.give_back();
        // It has as many as all alike, and another waits.
        assert!(two.take(at(1)) && !one.take(at(1)));
        drop(two);
        drop(one);
        let three = places.seat("a");
        three.set_most(2);
        assert!(three.take(at(301)) && three.take(at(301)) && !three.take(at(301)));
    }
}
