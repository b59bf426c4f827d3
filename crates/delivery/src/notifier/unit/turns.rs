//! When what finds no room comes again: its turn on a virtual schedule.

use std::time::Duration;

use super::super::action::Moment;
use super::{HOLD, HOLD_QUICK, Unit, to_f64};
use crate::random::Random;

/// The furthest turn on the virtual schedule; beyond it turns are drawn at random. SQS delays 15 minutes at most.
const TURN_MAX: Duration = Duration::from_secs(600);

/// Turns that are given ahead where the rate is an estimate from latency, which a moment of load may spoil (those of the written
/// rate, where it is above); or as long as the message has waited already, so that the number of trips grows with the
/// logarithm of the queue. Chosen.
const TURNS_ESTIMATED: f64 = 1000.0;

/// How long what waits for a paused destination is put off: as long as it has waited, between these. The queues of this
/// process make it due when the destination goes on; elsewhere nobody can, and the second is when that shows at the latest.
const PAUSED_AWAY_MIN: Duration = Duration::from_secs(2);
const PAUSED_AWAY_MAX: Duration = Duration::from_secs(60);

/// How long what meets a notifier without a part of a limit is put off, for each that met it within about a second: few are
/// soon where there is a part, as the receiver would else be idle at the end of a queue, and of many each comes seldom.
/// Chosen: a thousand are put off for seven seconds, and 140 a second come.
const AWAY_SECS: f64 = 0.05;

/// Of a limit that is shared out, more turns are given than sends: what comes back goes to any notifier, as chance has it,
/// and one that gets nothing in a while leaves its part unused. Chosen: a quarter more trips.
const TURNS_SHARED: f64 = 1.25;

/// What is put off for a look behind it waits for such a part of its age, up to twice that. Chosen: notifiers that come to help find it
/// soon, and trips grow with the logarithm of the wait. Turns on a schedule by the rate of the one that was alone brought a push of
/// five seconds 9.6 s of delay instead of 3.3 s (`simulation/push.rs`).
const LOOK_PART: u32 = 4;

/// How often something happened within about the last second.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Often {
    times: f64,
    at: Duration,
}

impl Often {
    /// It happened again.
    fn push(&mut self, mono: Duration) -> f64 {
        let since = mono.saturating_sub(self.at).as_secs_f64();
        self.at = mono;
        self.times = self.times * (-since).exp() + 1.0;
        self.times
    }
}

/// What a message has been through that finds no room.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Waiter {
    /// For how long it has waited.
    pub(in super::super) age: Duration,
    /// Whether it was put off before.
    pub(in super::super) is_returning: bool,
    /// Whether this thread is busy, so that latencies may tell of it more than of the receiver.
    pub(in super::super) is_busy: bool,
    /// Whether it has reached its age, so that its next try is its last.
    pub(in super::super) is_last: bool,
}

impl Unit {
    /// How long a message is put off when it finds no room: its turn on the virtual schedule.
    pub(in super::super) fn turn(
        &mut self,
        at: Moment,
        waiter: Waiter,
        bucket_per_sec: Option<f64>,
        random: &mut Random,
    ) -> Duration {
        self.put_off_at = Some(at.mono);
        if self.is_shut() {
            return self.away(at.mono, waiter.age, random);
        }
        if let Some(turn) = self.turn_of_breaker(at.mono, waiter, random) {
            return turn;
        }
        let bucket_per_sec = self.least_rate(bucket_per_sec);
        if bucket_per_sec.is_none() && self.is_guessed(at.mono, waiter.is_busy) {
            return self.short_turn(at.mono, random);
        }
        if self.is_only_slow(at.mono, bucket_per_sec) {
            return self.look(at.mono, waiter.age, random);
        }
        let step = (1.0 / self.turns_per_sec(at.mono, waiter, bucket_per_sec)).min(60.0);
        let queued = Duration::from_secs_f64((step * to_f64(self.ready.len() + 1)).min(3600.0));
        let earliest = at.mono.max(self.blocked_until) + queued;
        self.next_turn = self.next_turn.max(earliest) + Duration::from_secs_f64(step);
        let wait = self.next_turn.saturating_sub(at.mono);
        let furthest = match bucket_per_sec {
            _ if self.is_failing => TURN_MAX,
            // A learned rate is soon another one.
            _ if let Some(holds_for) = self.adaptive.holds_for() => holds_for.max(waiter.age / 2),
            Some(per_sec) if self.rate_per_sec(at.mono, bucket_per_sec) >= per_sec => TURN_MAX,
            _ => {
                let step = bucket_per_sec.map_or(step, |per_sec| 1.0 / per_sec);
                Duration::from_secs_f64((step * TURNS_ESTIMATED).min(3600.0)).max(waiter.age)
            }
        };
        let furthest = furthest.clamp(HOLD, TURN_MAX);
        if wait <= furthest {
            return wait;
        }
        self.next_turn = at.mono + furthest;
        furthest / 2 + random.span(furthest / 2)
    }

    /// The wait for a receiver that nothing is sent to from here.
    fn away(&mut self, mono: Duration, age: Duration, random: &mut Random) -> Duration {
        let away = if self.is_paused {
            (age / 2).max(PAUSED_AWAY_MIN)
        } else {
            // Who has a part of the bound can take it at once; the fewer they are, the more often it must be looked for one.
            let soon = Duration::from_secs_f64(self.away_often.push(mono) * AWAY_SECS);
            soon.min(age.mul_f64(self.chance().min(0.5)))
                .max(HOLD_QUICK)
        };
        let away = away.min(PAUSED_AWAY_MAX);
        away / 2 + random.span(away / 2)
    }

    /// How probable it is that who receives a message has a part of the in-flight bound.
    fn chance(&self) -> f64 {
        let max = self.rules.in_flight_max.map_or(f64::INFINITY, f64::from);
        (max * self.share).min(1.0)
    }

    /// How many turns are given a second. Where a limit is shared out among notifiers, what comes back goes to any of them:
    /// the first time as if all of it had come here, since one may have received all; then this notifier's part of it, since
    /// by then all have received alike.
    fn turns_per_sec(&self, mono: Duration, waiter: Waiter, bucket_per_sec: Option<f64>) -> f64 {
        let own = self.rate_per_sec(mono, bucket_per_sec);
        let is_limited = bucket_per_sec.is_some() || self.rules.in_flight_max.is_some();
        if !is_limited || !self.is_shared() {
            // A learned rate climbs only while more waits than it lets through.
            return if self.adaptive.per_sec().is_some() {
                own * TURNS_SHARED
            } else {
                own
            };
        }
        // Here is this part of the limit; where all have equal ones, that of one of `1 / share` notifiers, or of as many as have
        // a part at all.
        let whole = own / self.part.max(1e-6) * TURNS_SHARED;
        if waiter.is_returning {
            whole * self.share
        } else {
            whole
        }
    }

    /// Whether its rate would be a guess: nothing has come back yet, or what did tells of our own load.
    fn is_guessed(&self, mono: Duration, is_busy: bool) -> bool {
        let is_guess = self.latency_secs.is_none() || is_busy;
        is_guess && !self.is_failing && self.blocked_until <= mono
    }

    /// Whether nothing but its latency says that it takes too little: more notifiers would bring more.
    fn is_only_slow(&self, mono: Duration, bucket_per_sec: Option<f64>) -> bool {
        let is_limited = bucket_per_sec.is_some() || self.rules.in_flight_max.is_some();
        !is_limited && !self.is_failing && self.blocked_until <= mono
    }

    /// Back before it is much older: it made way for a look behind it, and more notifiers may take it meanwhile.
    fn look(&self, mono: Duration, age: Duration, random: &mut Random) -> Duration {
        let least = (age / LOOK_PART).max(self.silent_for(mono));
        let wait = least.clamp(HOLD_QUICK, TURN_MAX / 2);
        wait + random.span(wait)
    }

    /// Back soon, since turns made of a guess would bind thousands before the first answer comes, and be waited for long after
    /// the load is over; the longer it lets us wait for an answer, the later, so that a receiver that never answers costs
    /// each message few trips.
    fn short_turn(&self, mono: Duration, random: &mut Random) -> Duration {
        let wait = self.silent_for(mono).clamp(HOLD_QUICK, TURN_MAX / 2);
        wait + random.span(wait)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::port::Timings;

    /// The turn of a message that has waited for ten seconds, before a receiver that answered within a second lately and had a
    /// thousand put off.
    fn turn(is_busy: bool) -> Duration {
        let mut unit = Unit::new("a".into(), Arc::default());
        unit.set_limits(64, 1.0, 1.0);
        let at = Moment {
            wall: base::Timestamp::EPOCH,
            mono: Duration::from_secs(100),
        };
        let timings = Timings {
            total: Duration::from_secs(1),
            ..Timings::default()
        };
        let job = crate::notifier::unit::tests::job();
        unit.started(at.mono, job);
        let end = crate::notifier::unit::tests::answered(&timings);
        unit.ended(at, is_busy, &end, &mut Random::of_seed(1));
        let waiter = Waiter {
            age: Duration::from_secs(10),
            is_returning: false,
            is_busy,
            is_last: false,
        };
        let mut random = Random::of_seed(1);
        let turns = (0..1000).map(|_| unit.turn(at, waiter, None, &mut random));
        turns.last().unwrap_or_default()
    }

    #[test]
    fn turns_made_of_a_burst_do_not_outlast_it() {
        let part = Duration::from_millis(2_500)..=Duration::from_secs(5);
        assert!(part.contains(&turn(false)), "{:?}", turn(false));
        assert!(turn(true) <= HOLD_QUICK * 2, "{:?}", turn(true));
    }
}
