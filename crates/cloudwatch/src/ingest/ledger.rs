//! Running totals: what each series had last, so that only what is new is put.
//!
//! CloudWatch's statistics are about what happened within a period; a sum that has run since a process began says that only
//! as a difference. The first total of a series is what later ones are compared with, and no datum: what of it is new is not
//! known. Only where it says that it began after the ledger did, all of it is new.
//!
//! A total that is less than before, or that says it began later, has begun anew: all of it is new.
//!
//! INVARIANT: a change either stands or is undone as a whole ([`Ledger::undo`]): what was not put is new the next time.
//! INVARIANT: at most [`SERIES_MAX`] series and [`CELLS_MAX`] numbers of histograms are remembered.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::time::Duration;

use base::Timestamp;
use foldhash::quality::RandomState;

use super::spread::Buckets;

/// Series that are remembered. Chosen: 200,000 take about 30 MB.
pub const SERIES_MAX: usize = 200_000;
/// Numbers of buckets that are remembered. Chosen: they take 32 MB.
pub const CELLS_MAX: usize = 4_000_000;
/// Series that have said nothing for this long are forgotten where there is no room. Chosen.
const IDLE: Duration = Duration::from_secs(3600);
/// How often room is looked for at most; it means looking at every series. Chosen.
const SWEEP: Duration = Duration::from_secs(60);

/// Which series, by two hashes with keys of their own: that two series share both is less likely than a broken disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key(u64, u64);

/// What has run up.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Total {
    Number(f64),
    /// Of a summary.
    Set {
        count: f64,
        sum: f64,
    },
    Histogram {
        buckets: Buckets,
        sum: Option<f64>,
    },
}

/// When a total began and when it was read, in nanoseconds since 1970; 0 where it does not say when it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u64,
    pub(super) at: u64,
}

/// What of a total is new.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum New {
    /// This.
    Part(Total),
    /// All, which is not known to be new: it is remembered only.
    First,
    /// Nothing: it is not newer than the last.
    OutOfOrder,
    /// It cannot be told: there is no room to remember it.
    NoRoom,
}

#[derive(Debug)]
struct Known {
    span: Span,
    seen: Timestamp,
    total: Total,
}

/// The last totals.
#[derive(Debug)]
pub(super) struct Ledger {
    known: HashMap<Key, Known, RandomState>,
    hashers: [RandomState; 2],
    cells: usize,
    /// What began before may have been counted already.
    since: Timestamp,
    swept: Timestamp,
    /// What there was before the changes that are not settled yet, in their order.
    before: Vec<(Key, Option<Known>)>,
    series_max: usize,
}

impl Ledger {
    pub(super) fn new(since: Timestamp, series_max: usize) -> Self {
        Self {
            known: HashMap::default(),
            hashers: [RandomState::default(), RandomState::default()],
            cells: 0,
            since,
            swept: Timestamp::EPOCH,
            before: Vec::new(),
            series_max,
        }
    }

    pub(super) fn key(&self, of: impl Hash) -> Key {
        let [one, other] = &self.hashers;
        Key(one.hash_one(&of), other.hash_one(&of))
    }

    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// Takes the total of a series, and says what of it is new.
    pub(super) fn take(&mut self, key: Key, span: Span, total: Total, now: Timestamp) -> New {
        let since_nanos = self.since.as_millis().saturating_mul(1_000_000);
        if !self.known.contains_key(&key) && !self.has_room(total.cells(), now) {
            return New::NoRoom;
        }
        let new = match self.known.get(&key) {
            Some(last) if span.at <= last.span.at => return New::OutOfOrder,
            Some(last) if self.cells + total.cells() > CELLS_MAX + last.total.cells() => {
                return New::NoRoom;
            }
            Some(last) if span.start > last.span.start => New::Part(total.clone()),
            Some(last) => {
                let part = total.since(&last.total);
                New::Part(part.unwrap_or_else(|| total.clone()))
            }
            None if span.start >= since_nanos && span.start < span.at => New::Part(total.clone()),
            None => New::First,
        };
        self.cells += total.cells();
        let known = Known {
            span,
            seen: now,
            total,
        };
        let last = self.known.insert(key, known);
        if let Some(last) = &last {
            self.cells -= last.total.cells();
        }
        self.before.push((key, last));
        new
    }

    /// Lets the changes since the last time stand.
    pub(super) fn settle(&mut self) {
        self.before = Vec::new();
    }

    /// Undoes the changes since the last time.
    pub(super) fn undo(&mut self) {
        for (key, before) in std::mem::take(&mut self.before).into_iter().rev() {
            let cells = before.as_ref().map_or(0, |known| known.total.cells());
            let undone = match before {
                Some(known) => self.known.insert(key, known),
                None => self.known.remove(&key),
            };
            self.cells = self.cells + cells - undone.map_or(0, |known| known.total.cells());
        }
    }

    fn has_room(&mut self, cells: usize, now: Timestamp) -> bool {
        let is_full = |ledger: &Self| {
            ledger.known.len() >= ledger.series_max || ledger.cells + cells > CELLS_MAX
        };
        if is_full(self) && now.since(self.swept) >= SWEEP {
            self.sweep(now);
        }
        !is_full(self)
    }

    /// Forgets idle series. What returns of them is not counted anew.
    fn sweep(&mut self, now: Timestamp) {
        let oldest = now.minus(IDLE);
        self.known.retain(|_, known| known.seen >= oldest);
        self.cells = self.known.values().map(|known| known.total.cells()).sum();
        self.since = now;
        self.swept = now;
    }
}

impl Total {
    /// What this has beyond `earlier`; `None` where it has begun anew.
    fn since(&self, earlier: &Self) -> Option<Self> {
        match (self, earlier) {
            (Self::Number(now), Self::Number(then)) => {
                (now >= then).then_some(Self::Number(now - then))
            }
            (
                Self::Set { count, sum },
                Self::Set {
                    count: count_then,
                    sum: sum_then,
                },
            ) => (count >= count_then).then_some(Self::Set {
                count: count - count_then,
                sum: sum - sum_then,
            }),
            (
                Self::Histogram { buckets, sum },
                Self::Histogram {
                    buckets: buckets_then,
                    sum: sum_then,
                },
            ) => Some(Self::Histogram {
                buckets: buckets.since(buckets_then)?,
                sum: sum.zip(*sum_then).map(|(now, then)| now - then),
            }),
            _ => None,
        }
    }

    fn cells(&self) -> usize {
        match self {
            Self::Histogram { buckets, .. } => buckets.cells(),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGAN: Timestamp = Timestamp::from_secs(1_000_000);

    fn nanos(secs: u64) -> u64 {
        (BEGAN.as_secs() + secs) * 1_000_000_000
    }

    fn take(ledger: &mut Ledger, name: &str, start: u64, at: u64, value: f64) -> New {
        let key = ledger.key(name);
        let span = Span { start, at };
        ledger.take(key, span, Total::Number(value), BEGAN)
    }

    fn part(value: f64) -> New {
        New::Part(Total::Number(value))
    }

    #[test]
    fn what_is_new_is_the_difference_to_the_last_total() {
        let mut ledger = Ledger::new(BEGAN, 10);
        let old = 1;
        for (start, at, value, new) in [
            (old, nanos(1), 100.0, New::First),
            (old, nanos(2), 130.0, part(30.0)),
            (old, nanos(2), 130.0, New::OutOfOrder),
            (old, nanos(1), 120.0, New::OutOfOrder),
            (old, nanos(3), 130.0, part(0.0)),
            // It has begun anew without saying so, and then saying so.
            (old, nanos(4), 5.0, part(5.0)),
            (nanos(4), nanos(5), 7.0, part(7.0)),
        ] {
            assert_eq!(take(&mut ledger, "a", start, at, value), new, "{value}");
        }
        assert_eq!(ledger.len(), 1);
    }

    #[test]
    fn a_series_that_began_after_the_ledger_is_new_as_a_whole() {
        let mut ledger = Ledger::new(BEGAN, 10);
        assert_eq!(take(&mut ledger, "a", nanos(1), nanos(2), 9.0), part(9.0));
        assert_eq!(take(&mut ledger, "b", 0, nanos(2), 9.0), New::First);
        assert_eq!(take(&mut ledger, "c", nanos(2), nanos(2), 9.0), New::First);
    }

    #[test]
    fn what_is_undone_is_new_the_next_time() {
        let mut ledger = Ledger::new(BEGAN, 10);
        take(&mut ledger, "a", 0, nanos(1), 100.0);
        ledger.settle();
        assert_eq!(take(&mut ledger, "a", 0, nanos(2), 110.0), part(10.0));
        assert_eq!(take(&mut ledger, "a", 0, nanos(3), 111.0), part(1.0));
        assert_eq!(take(&mut ledger, "b", 0, nanos(3), 1.0), New::First);
        ledger.undo();
        assert_eq!(ledger.len(), 1);
        assert_eq!(take(&mut ledger, "a", 0, nanos(2), 110.0), part(10.0));
    }

    #[test]
    fn where_there_is_no_room_idle_series_are_forgotten_and_not_counted_anew() {
        let mut ledger = Ledger::new(BEGAN, 2);
        let at = |ledger: &mut Ledger, name: &str, secs: u64| {
            let key = ledger.key(name);
            let now = BEGAN.plus(Duration::from_secs(secs));
            let span = Span {
                start: nanos(1),
                at: nanos(secs),
            };
            ledger.take(key, span, Total::Number(1.0), now)
        };
        assert_eq!(at(&mut ledger, "a", 10), part(1.0));
        assert_eq!(at(&mut ledger, "b", 3000), part(1.0));
        assert_eq!(at(&mut ledger, "c", 3001), New::NoRoom);
        assert_eq!(at(&mut ledger, "c", 3700), New::First, "the place of `a`");
        assert_eq!(at(&mut ledger, "a", 3701), New::NoRoom);
        assert_eq!(
            at(&mut ledger, "a", 9000),
            New::First,
            "counted once already"
        );
    }

    #[test]
    fn histograms_count_towards_their_bound_and_are_let_go() {
        let mut ledger = Ledger::new(BEGAN, 10);
        let total = |counts: &[u64]| Total::Histogram {
            buckets: Buckets::Explicit {
                bounds: vec![1.0],
                counts: counts.to_vec(),
            },
            sum: Some(3.0),
        };
        let key = ledger.key("h");
        let span = |secs| Span {
            start: 0,
            at: nanos(secs),
        };
        ledger.take(key, span(1), total(&[1, 1]), BEGAN);
        assert_eq!(ledger.cells, 3);
        ledger.settle();
        let New::Part(Total::Histogram { sum, .. }) =
            ledger.take(key, span(2), total(&[2, 1]), BEGAN)
        else {
            panic!("a difference");
        };
        assert_eq!(sum, Some(0.0));
        ledger.undo();
        assert_eq!(ledger.cells, 3);
    }
}
