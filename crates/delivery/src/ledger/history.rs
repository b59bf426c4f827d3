//! Counts by the minute for 48 hours, by the hour for 15 days, by the day for 400 days, and one sum of all before.
//!
//! Spans are those of acceptance in UTC. As time goes on, whole minutes go into their hour and so on; a change to a notification
//! that was accepted long ago goes where its minute went. Spans without counts take no room.

use std::collections::VecDeque;

use base::Timestamp;
use serde::Serialize;
use store::record::codec::{Malformed, Reader, put_varint};

use super::cell::Tally;

/// Length of each kind of span in minutes, and how many minutes back it reaches.
const LEVELS: [(u32, u32); 3] = [(1, 48 * 60), (60, 15 * 24 * 60), (24 * 60, 400 * 24 * 60)];

/// A span with its counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Span<T> {
    /// When it begins, minutes since the epoch; 0 for the sum of all that is older.
    pub minute: u32,
    /// How many minutes it has; 0 for the sum of all that is older.
    pub minutes: u32,
    /// The counts.
    pub counts: T,
}

impl<T> Span<T> {
    /// When it begins.
    #[must_use]
    pub fn begins(&self) -> Timestamp {
        Timestamp::from_secs(u64::from(self.minute) * 60)
    }
}

/// Counts over time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History<T> {
    /// Minutes, hours, days; each in order, by the number of its first minute.
    levels: [VecDeque<(u32, T)>; 3],
    older: T,
    /// The first minute that each level holds: what is older belongs to the next.
    floors: [u32; 3],
}

impl<T: Tally> History<T> {
    /// Lets time pass: what is too old for its level goes to the next. `now`: minutes since the epoch.
    pub fn roll(&mut self, now: u32) {
        for level in 0..LEVELS.len() {
            self.roll_level(level, now);
        }
    }

    fn roll_level(&mut self, level: usize, now: u32) {
        let Some(reach) = LEVELS.get(level).map(|(_, reach)| *reach) else {
            return;
        };
        // The floor stands on whole spans of the next level, so that none is divided.
        let align = LEVELS.get(level + 1).map_or(1, |(len, _)| *len);
        let floor = now.saturating_sub(reach) / align * align;
        match self.floors.get_mut(level) {
            Some(current) if *current < floor => *current = floor,
            _ => return,
        }
        while let Some((minute, counts)) = self.pop_before(level, floor) {
            self.at_level(level + 1, minute).merge(&counts);
        }
    }

    fn pop_before(&mut self, level: usize, floor: u32) -> Option<(u32, T)> {
        let spans = self.levels.get_mut(level)?;
        spans.front().filter(|(minute, _)| *minute < floor)?;
        spans.pop_front()
    }

    /// Sends the oldest minutes to their hours until at most `spans_max` are left.
    pub fn shorten(&mut self, spans_max: usize) {
        while self.minutes() > spans_max {
            let Some((minute, counts)) = self.pop_before(0, u32::MAX) else {
                return;
            };
            let floor = (minute / 60 + 1) * 60;
            if let Some(current) = self.floors.first_mut() {
                *current = (*current).max(floor);
            }
            self.at_level(1, minute).merge(&counts);
            while let Some((minute, counts)) = self.pop_before(0, floor) {
                self.at_level(1, minute).merge(&counts);
            }
        }
    }

    /// How many single minutes it holds.
    #[must_use]
    pub fn minutes(&self) -> usize {
        self.levels.first().map_or(0, VecDeque::len)
    }

    /// The counts of the span that holds `minute`.
    pub fn at(&mut self, minute: u32) -> &mut T {
        let level = self.floors.iter().position(|floor| minute >= *floor);
        self.at_level(level.unwrap_or(LEVELS.len()), minute)
    }

    fn at_level(&mut self, level: usize, minute: u32) -> &mut T {
        let Some((spans, (len, _))) = self.levels.get_mut(level).zip(LEVELS.get(level)) else {
            return &mut self.older;
        };
        let start = minute / len * len;
        // Almost always the newest one, or one behind it.
        let is_newer = spans.back().is_none_or(|(last, _)| *last < start);
        let place = if is_newer {
            spans.len()
        } else {
            spans.partition_point(|(at, _)| *at < start)
        };
        if spans.get(place).is_none_or(|(at, _)| *at != start) {
            spans.insert(place, (start, T::default()));
        }
        match spans.get_mut(place) {
            Some((_, counts)) => counts,
            None => &mut self.older,
        }
    }

    /// Changes every span's counts.
    pub fn each(&mut self, mut change: impl FnMut(&mut T)) {
        change(&mut self.older);
        for (_, counts) in self.levels.iter_mut().flatten() {
            change(counts);
        }
    }

    /// The spans in order of time, the oldest first.
    #[must_use]
    pub fn spans(&self) -> Vec<Span<T>> {
        let mut spans = Vec::new();
        if self.older != T::default() {
            spans.push(Span {
                minute: 0,
                minutes: 0,
                counts: self.older,
            });
        }
        for (level, (len, _)) in self.levels.iter().zip(LEVELS).rev() {
            let of_level = level.iter();
            spans.extend(of_level.map(|(minute, counts)| Span {
                minute: *minute,
                minutes: len,
                counts: *counts,
            }));
        }
        spans
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        self.older.put(out);
        for (spans, floor) in self.levels.iter().zip(self.floors) {
            put_varint(out, u64::from(floor));
            put_varint(out, spans.len() as u64);
            let mut before = 0;
            for (minute, counts) in spans {
                put_varint(out, u64::from(minute - before));
                before = *minute;
                counts.put(out);
            }
        }
    }

    pub(super) fn take(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut history = Self {
            older: T::take(reader)?,
            ..Self::default()
        };
        for (spans, floor) in history.levels.iter_mut().zip(&mut history.floors) {
            *floor = reader.varint_u32()?;
            let mut minute = 0u32;
            for _ in 0..reader.varint()? {
                minute = minute.saturating_add(reader.varint_u32()?);
                spans.push_back((minute, T::take(reader)?));
            }
        }
        Ok(history)
    }
}

#[cfg(test)]
mod tests {
    use super::super::cell::Outcomes;
    use super::*;

    const NOW: u32 = 30_000_007;

    fn with(minutes: &[u32]) -> History<Outcomes> {
        let mut history: History<Outcomes> = History::default();
        history.roll(NOW);
        for minute in minutes {
            history.at(*minute).delivered += 1;
        }
        history
    }

    fn shape(history: &History<Outcomes>) -> Vec<(u32, u32, u64)> {
        let spans = history.spans().into_iter();
        spans
            .map(|span| (span.minute, span.minutes, span.counts.delivered))
            .collect()
    }

    #[test]
    fn what_was_accepted_long_ago_is_booked_in_its_hour_or_day() {
        let day = 24 * 60;
        let history = with(&[
            NOW,
            NOW,
            NOW - 1,
            NOW - 3 * day,
            NOW - 20 * day,
            NOW - 500 * day,
        ]);
        let spans = shape(&history);
        assert_eq!(
            spans
                .iter()
                .map(|(_, len, count)| (*len, *count))
                .collect::<Vec<_>>(),
            [(0, 1), (1440, 1), (60, 1), (1, 1), (1, 2)]
        );
        assert!(
            spans
                .iter()
                .all(|(minute, len, _)| *len == 0 || minute % len == 0)
        );
    }

    #[test]
    fn time_moves_counts_and_loses_none() {
        let mut history = with(&[NOW, NOW - 1, NOW - 2000]);
        for days in [1, 2, 3, 14, 16, 40, 390, 405, 900] {
            history.roll(NOW + days * 24 * 60);
            // What changes later finds its place.
            history.at(NOW).delivered += 1;
            let total: u64 = shape(&history).iter().map(|(_, _, count)| count).sum();
            assert_eq!(
                total,
                3 + history.spans().iter().map(|_| 0).sum::<u64>() + {
                    let passed = [1, 2, 3, 14, 16, 40, 390, 405, 900];
                    passed.iter().filter(|other| **other <= days).count() as u64
                }
            );
        }
        assert_eq!(shape(&history), [(0, 0, 12)]);
    }

    #[test]
    fn too_many_minutes_go_into_hours_early() {
        let minutes: Vec<u32> = (0..500).map(|back| NOW - back).collect();
        let mut history = with(&minutes);
        history.shorten(100);
        assert!(history.minutes() <= 100);
        history.at(NOW - 499).delivered += 1;
        assert!(history.minutes() <= 100);
        assert_eq!(
            shape(&history)
                .iter()
                .map(|(_, _, count)| count)
                .sum::<u64>(),
            501
        );
    }
}
