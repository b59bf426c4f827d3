//! The lines that wait for one receiver: the one with the earliest deadline starts first, and the latest is put off first.
//!
//! Those without a deadline stand in a queue of their own, in the order in which they were accepted: what was put off and comes
//! again stands before what came later, and that is put off in its place. One that was tried before stands behind all that are
//! there, so that what fails again and again keeps nobody from its first try. They cost what a queue costs. Against one with a
//! deadline the first of them counts as due when it would be given up (acceptance and `retry_for`), so that nothing starves.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use base::Timestamp;

use super::super::action::JobKey;

/// A line that waits for its receiver.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Ready {
    pub(in super::super) job: JobKey,
    /// Whether it waits beside the prefetch.
    pub(in super::super) is_parked: bool,
    /// Its deadline; or when it would be given up.
    pub(in super::super) due: Timestamp,
    /// Whether it has a deadline.
    pub(in super::super) is_dated: bool,
    /// Since when it has waited: its acceptance, or now where it was tried before.
    pub(in super::super) since: Timestamp,
}

impl Ready {
    /// Whether it is put off rather than another.
    fn is_behind(&self, other: &Self) -> bool {
        match self.is_dated || other.is_dated {
            true => self.due > other.due,
            false => self.since > other.since,
        }
    }
}

/// All that wait for one receiver.
#[derive(Debug, Default)]
pub(in super::super) struct ReadyLines {
    /// By the time since when they have waited, then by arrival.
    undated: VecDeque<Ready>,
    /// By deadline, then by arrival.
    dated: BTreeMap<(Timestamp, u64), Ready>,
    arrivals: u64,
    /// When it is looked whether a deadline passed, in monotonic time.
    looks_at: Option<Duration>,
}

impl ReadyLines {
    pub(in super::super) fn is_empty(&self) -> bool {
        self.undated.is_empty() && self.dated.is_empty()
    }

    pub(in super::super) fn len(&self) -> usize {
        self.undated.len() + self.dated.len()
    }

    pub(in super::super) fn clear(&mut self) {
        self.undated.clear();
        self.dated.clear();
        self.looks_at = None;
    }

    pub(in super::super) fn push_back(&mut self, ready: Ready) {
        if ready.is_dated {
            self.arrivals += 1;
            self.dated.insert((ready.due, self.arrivals), ready);
        } else {
            let is_before = |one: &Ready| one.since <= ready.since;
            let before = self.undated.iter().rposition(is_before);
            self.undated
                .insert(before.map_or(0, |place| place + 1), ready);
        }
    }

    /// The one that is due first.
    pub(in super::super) fn front(&self) -> Option<&Ready> {
        match (self.dated.first_key_value(), self.undated.front()) {
            (None, first) => first,
            (Some(((due, _), _)), Some(first)) if first.due < *due => Some(first),
            (Some((_, ready)), _) => Some(ready),
        }
    }

    /// Takes the one that is due first.
    pub(in super::super) fn pop_front(&mut self) -> Option<Ready> {
        if self.dated.is_empty() || !self.front()?.is_dated {
            return self.undated.pop_front();
        }
        self.dated.pop_first().map(|(_, ready)| ready)
    }

    fn pop_latest(&mut self) -> Option<Ready> {
        let Some(((due, _), _)) = self.dated.last_key_value() else {
            return self.undated.pop_back();
        };
        match self.undated.back() {
            Some(last) if last.due >= *due => self.undated.pop_back(),
            _ => self.dated.pop_last().map(|(_, ready)| ready),
        }
    }

    /// Takes all but `stays` of them: those that are due last, in the order in which they are due.
    pub(in super::super) fn split_off(&mut self, stays: usize) -> VecDeque<Ready> {
        if self.dated.is_empty() {
            return self.undated.split_off(stays.min(self.undated.len()));
        }
        let mut latest = VecDeque::new();
        while self.len() > stays
            && let Some(ready) = self.pop_latest()
        {
            latest.push_front(ready);
        }
        latest
    }

    /// Where there is no room: the one that is to be put off, `ready` or one in whose place it waits.
    pub(in super::super) fn displace(&mut self, ready: Ready) -> Ready {
        match self.pop_latest() {
            Some(latest) if latest.is_behind(&ready) => {
                let is_parked = latest.is_parked;
                self.push_back(Ready { is_parked, ..ready });
                latest
            }
            Some(latest) => {
                self.push_back(latest);
                ready
            }
            None => ready,
        }
    }

    /// The earliest deadline.
    pub(in super::super) fn first_due(&self) -> Option<Timestamp> {
        self.dated.first_key_value().map(|((due, _), _)| *due)
    }

    /// Takes one whose deadline passed by `now`.
    pub(in super::super) fn pop_passed(&mut self, now: Timestamp) -> Option<Ready> {
        self.first_due().filter(|due| *due <= now)?;
        self.dated.pop_first().map(|(_, ready)| ready)
    }

    /// Whether it has to be looked anew at `at`, since nothing says so for then or earlier.
    pub(in super::super) fn must_look(&mut self, at: Duration) -> bool {
        let is_new = self.looks_at.is_none_or(|known| at < known);
        if is_new {
            self.looks_at = Some(at);
        }
        is_new
    }

    /// Whether a look at `at` is the one that is waited for.
    pub(in super::super) fn looks(&mut self, at: Duration) -> bool {
        let is_it = self.looks_at == Some(at);
        if is_it {
            self.looks_at = None;
        }
        is_it
    }
}

impl IntoIterator for ReadyLines {
    type Item = Ready;
    type IntoIter = std::collections::vec_deque::IntoIter<Ready>;

    /// In the order in which they would have started.
    fn into_iter(mut self) -> Self::IntoIter {
        if self.dated.is_empty() {
            return self.undated.into_iter();
        }
        let all: VecDeque<Ready> = std::iter::from_fn(|| self.pop_front()).collect();
        all.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::action::MessageKey;
    use super::*;
    use crate::random::Random;

    fn ready(number: u32, due: u64, is_dated: bool) -> Ready {
        Ready {
            job: JobKey {
                message: MessageKey {
                    slot: number,
                    generation: 0,
                },
                line: 0,
            },
            is_parked: false,
            due: Timestamp::from_secs(due),
            is_dated,
            since: Timestamp::from_secs(due),
        }
    }

    fn numbers(lines: impl IntoIterator<Item = Ready>) -> Vec<u32> {
        let number = |ready: Ready| ready.job.message.slot;
        lines.into_iter().map(number).collect()
    }

    fn filled(lines: &[(u64, bool)]) -> ReadyLines {
        let mut all = ReadyLines::default();
        for (number, (due, is_dated)) in (0..).zip(lines) {
            all.push_back(ready(number, *due, *is_dated));
        }
        all
    }

    #[test]
    fn without_deadlines_the_order_of_acceptance_decides() {
        let mut all = filled(&[(5, false), (9, false), (7, false), (7, false)]);
        assert_eq!(numbers(all.displace(ready(8, 9, false)).into_one()), [8]);
        assert_eq!(numbers(all.displace(ready(9, 1, false)).into_one()), [1]);
        assert_eq!(numbers(all.split_off(3)), [3]);
        assert_eq!(numbers(all), [9, 0, 2]);
    }

    #[test]
    fn one_that_was_tried_stands_behind_those_that_are_there() {
        let mut all = filled(&[(5, false), (9, false)]);
        let tried = Ready {
            since: Timestamp::from_secs(20),
            ..ready(7, 1, false)
        };
        assert_eq!(numbers(all.displace(tried).into_one()), [7]);
        all.push_back(tried);
        assert_eq!(numbers(all), [0, 1, 7]);
    }

    #[test]
    fn the_earliest_starts_first_whether_dated_or_not() {
        let all = filled(&[
            (50, true),
            (20, true),
            (20, true),
            (30, false),
            (10, false),
            (60, true),
        ]);
        assert_eq!(numbers(all), [4, 1, 2, 3, 0, 5]);
    }

    #[test]
    fn the_latest_goes_first_and_an_earlier_one_takes_its_place() {
        let lines = [(50, true), (20, true), (90, false), (30, true)];
        let mut all = filled(&lines);
        assert_eq!(numbers(all.displace(ready(7, 95, true)).into_one()), [7]);
        assert_eq!(numbers(all.displace(ready(8, 25, true)).into_one()), [2]);
        assert_eq!(numbers(all.split_off(2)), [3, 0]);
        assert_eq!(numbers(all), [1, 8]);
    }

    #[test]
    fn what_passed_is_found_and_each_look_is_waited_for_once() {
        let mut all = filled(&[(50, true), (20, true), (10, false)]);
        assert!(all.pop_passed(Timestamp::from_secs(19)).is_none());
        let passed = all.pop_passed(Timestamp::from_secs(20));
        assert_eq!(numbers(passed), [1]);
        let secs = Duration::from_secs;
        assert!(all.must_look(secs(9)) && !all.must_look(secs(9)) && all.must_look(secs(5)));
        assert!(!all.looks(secs(9)) && all.looks(secs(5)) && !all.looks(secs(5)));
    }

    impl Ready {
        fn into_one(self) -> [Self; 1] {
            [self]
        }
    }

    /// What of a minute's load is started in time by a receiver that takes 100 a second of 130, deadlines between 1 and 20 s,
    /// what is late being skipped: by deadline and by arrival.
    fn in_time(seed: u64, is_by_deadline: bool) -> (u32, u32) {
        let mut random = Random::of_seed(seed);
        let mut lines = ReadyLines::default();
        let (mut sent, mut late, mut number) = (0, 0, 0);
        for tick in 0..8_000_u64 {
            let now = Timestamp::from_millis(tick * 10);
            let more = if tick < 6_000 && random.next_unit() < 0.3 {
                2
            } else {
                1
            };
            for _ in 0..more * u32::from(tick < 6_000) {
                let due = now.plus(Duration::from_secs(1) + random.span(Duration::from_secs(19)));
                let is_dated = is_by_deadline;
                let one = ready(number, 0, is_dated);
                lines.push_back(Ready { due, ..one });
                number += 1;
            }
            while let Some(first) = lines.pop_front() {
                if first.due > now {
                    sent += 1;
                    break;
                }
                late += 1;
            }
        }
        assert!(lines.is_empty());
        assert_eq!(sent + late, number, "each has one end");
        (sent, number)
    }

    #[test]
    fn over_the_rate_more_is_sent_in_time_by_deadline_than_by_arrival() {
        for seed in 1..=20 {
            let (by_deadline, of) = in_time(seed, true);
            let (by_arrival, _) = in_time(seed, false);
            println!("seed {seed}: of {of}, {by_deadline} by deadline, {by_arrival} by arrival");
            assert!(by_deadline > by_arrival, "{by_deadline} {by_arrival}");
        }
    }
}
