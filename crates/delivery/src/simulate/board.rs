//! What the scaler is told, and whom it starts: its ports, in a simulation.

use std::time::Duration;

use base::Timestamp;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;

use super::fleet::Fleet;
use super::number::index;
use super::{Model, Place};
use crate::port::{
    self, Error, Figure, Figures, Invoker, MetricSource, Running, StartEvent, Stretch,
};
use crate::random::Random;
use crate::scaler::{ASKED_MAX, KNOWN_FOR};

/// When a simulation begins. Chosen: a whole day, and long after the epoch.
pub(super) const BEGIN: Timestamp = Timestamp::from_secs(20_000 * 86_400);
/// The route of a simulation.
pub(super) const ROUTE: &str = "simulated";

const MINUTE_SECS: u64 = 60;

/// What is seen from outside.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) now: Timestamp,
    /// By the end of each second, from the first.
    pub(super) sent: Vec<u64>,
    pub(super) done: Vec<u64>,
    pub(super) all_sent: u64,
    pub(super) all_done: u64,
    pub(super) waits: u64,
    pub(super) oldest: Option<Duration>,
    /// At the end of each minute.
    pub(super) oldest_by_minute: Vec<Option<Duration>>,
    pub(super) fleet: Fleet,
    /// Reports that plans have read.
    pub(super) reports_read: u64,
}

/// The ports.
#[derive(Debug)]
pub(super) struct Board {
    pub(super) seen: Mutex<Seen>,
    model: Model,
    random: Mutex<Random>,
}

impl Board {
    pub(super) fn new(model: &Model) -> Self {
        let fleet = Fleet::new(model.place == Place::Embedded);
        Self {
            seen: Mutex::new(Seen {
                now: BEGIN,
                fleet,
                ..Seen::default()
            }),
            model: model.clone(),
            random: Mutex::new(Random::of_seed(model.seed)),
        }
    }

    fn receivers(&self) -> Vec<port::Receiver> {
        let receiver = |one: &super::Receiver| port::Receiver {
            rate_per_minute: one.rate_per_sec.map(|rate| rate * 60.0),
            in_flight_max: one.in_flight_max,
        };
        self.model.receivers.iter().map(receiver).collect()
    }

    /// Whether the figures of a minute never come.
    fn is_missing(&self, minute: u64, chance: f64) -> bool {
        let mut random =
            Random::of_seed(self.model.seed ^ minute.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        random.next_unit() < chance
    }

    /// The newest whole minute whose figures are there.
    fn newest_minute(&self, now: Timestamp, late: Duration, missing: f64) -> Option<u64> {
        let there = now.since(BEGIN).checked_sub(late)?;
        let minutes = there.as_secs() / MINUTE_SECS;
        let oldest = minutes.saturating_sub(KNOWN_FOR.as_secs() / MINUTE_SECS);
        (oldest..minutes)
            .rev()
            .find(|minute| !self.is_missing(*minute, missing))
    }
}

impl Seen {
    fn at_now(&self, from: Timestamp) -> Figures {
        let stretch = |sums: &[u64], all: u64| Stretch {
            count: all.saturating_sub(self.by(sums, all, from)),
            from,
            to: self.now,
        };
        let at = self.now;
        Figures {
            sent: Some(stretch(&self.sent, self.all_sent)),
            done: Some(stretch(&self.done, self.all_done)),
            backlog: Some(Figure {
                value: self.waits,
                at,
            }),
            oldest: self.oldest.map(|value| Figure { value, at }),
            receivers: Vec::new(),
        }
    }

    /// The sum by a moment before now, at which `all` is it. Within a second it is taken to have grown evenly: a plan that follows
    /// a notifier's end looks back to another moment than the end of a second.
    fn by(&self, sums: &[u64], all: u64, at: Timestamp) -> u64 {
        let ms = |at: Timestamp| u64::try_from(at.since(BEGIN).as_millis()).unwrap_or(u64::MAX);
        let second = ms(at) / 1_000;
        let passed = ms(at) % 1_000;
        let before = second
            .checked_sub(1)
            .map_or(0, |last| sums.get(index(last)).copied().unwrap_or(all));
        let (after, span) = match sums.get(index(second)) {
            Some(sum) => (*sum, 1_000),
            None => (all, ms(self.now).saturating_sub(second * 1_000).max(1)),
        };
        before + (after - before) * passed.min(span) / span
    }

    fn of_minute(&self, minute: u64) -> Figures {
        let from = BEGIN.plus(Duration::from_secs(minute * MINUTE_SECS));
        let to = from.plus(Duration::from_secs(MINUTE_SECS));
        let stretch = |sums: &[u64]| Stretch {
            count: up_to(sums, to).saturating_sub(up_to(sums, from)),
            from,
            to,
        };
        let oldest = self.oldest_by_minute.get(index(minute)).copied().flatten();
        Figures {
            sent: Some(stretch(&self.sent)),
            done: Some(stretch(&self.done)),
            oldest: oldest.map(|value| Figure { value, at: to }),
            ..Figures::default()
        }
    }
}

/// The sum by the end of the second before `at`.
fn up_to(sums: &[u64], at: Timestamp) -> u64 {
    let Some(second) = at.since(BEGIN).as_secs().checked_sub(1) else {
        return 0;
    };
    let last = || sums.last().copied().unwrap_or(0);
    sums.get(index(second)).copied().unwrap_or_else(last)
}

impl MetricSource for Board {
    fn sent_in<'a>(
        &'a self,
        _: &'a str,
        from: Timestamp,
        to: Timestamp,
    ) -> BoxFuture<'a, Result<u64, Error>> {
        let seen = self.seen.lock();
        let sent = up_to(&seen.sent, to).saturating_sub(up_to(&seen.sent, from));
        Box::pin(std::future::ready(Ok(sent)))
    }

    fn backlog<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<u64, Error>> {
        let waits = self.seen.lock().waits;
        Box::pin(std::future::ready(Ok(waits)))
    }

    fn figures<'a>(
        &'a self,
        _: &'a str,
        from: Timestamp,
        to: Timestamp,
    ) -> BoxFuture<'a, Result<Figures, Error>> {
        let seen = self.seen.lock();
        let figures = match self.model.place {
            Place::Embedded => seen.at_now(from),
            Place::Functions { late, missing } => {
                let minute = self.newest_minute(to, late, missing);
                let of_minute = minute.map(|minute| seen.of_minute(minute));
                Figures {
                    backlog: Some(Figure {
                        value: seen.waits,
                        at: to,
                    }),
                    ..of_minute.unwrap_or_default()
                }
            }
        };
        let receivers = self.receivers();
        Box::pin(std::future::ready(Ok(Figures {
            receivers,
            ..figures
        })))
    }

    fn is_paused(&self, _: &str) -> bool {
        false
    }
}

impl Invoker for Board {
    fn start(&self, event: StartEvent) -> BoxFuture<'_, Result<(), Error>> {
        let mut seen = self.seen.lock();
        let now = seen.now;
        seen.fleet.start(
            &event,
            now,
            &self.model.notifier,
            &mut self.random.lock(),
            self.model.last_sends(),
        );
        Box::pin(std::future::ready(Ok(())))
    }

    fn running<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Running, Error>> {
        let mut seen = self.seen.lock();
        let running = match self.model.place {
            Place::Embedded => Running::Count(seen.fleet.living(seen.now)),
            Place::Functions { .. } => {
                let reports = seen.fleet.reports(seen.now);
                let read = reports.len().min(ASKED_MAX);
                seen.reports_read += u64::try_from(read).unwrap_or(u64::MAX);
                Running::Reports(reports)
            }
        };
        Box::pin(std::future::ready(Ok(running)))
    }

    fn share_out<'a>(&'a self, _: &'a str, _: u32) -> BoxFuture<'a, Result<bool, Error>> {
        let is_told = self.seen.lock().fleet.is_told();
        Box::pin(std::future::ready(Ok(is_told)))
    }
}
