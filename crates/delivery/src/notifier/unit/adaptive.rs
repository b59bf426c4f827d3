//! What a receiver's refusals teach: a rate that falls at 429 and 503 and climbs again, always under the configured one.
//!
//! A receiver that limits by a window or a bucket says so by 429 and seldom how much it takes. So after a refusal it is left
//! alone for a while, which doubles while it goes on refusing, with one send at a time; when it takes one again, what it took
//! since before the refusal, over all of that time, is its limit as far as one can tell. From then on sends are spaced at nine
//! tenths of the last rate at most, and the rate climbs by a tenth in half a minute while it is what holds sends back.
//!
//! A 503 or a timeout tells less: only where they are a fifth of the answers, and good ones are too, it is overloaded.
//! Where nothing is answered well, it is broken, and that is [`super::breaker`]'s.

use std::time::Duration;

/// What a cut leaves of the rate, and how much of that rate comes back in a second; chosen: in the long run 95 % of the limit
/// and two or three refusals a minute.
const CUT_TO: f64 = 0.9;
const CLIMB_PER_SEC: f64 = 0.1 / 30.0;

/// From so many times the rate that was refused upwards it doubles in such a time instead: the limit is another one by now. Chosen.
const BEYOND: f64 = 1.1;
const DOUBLES_SECS: f64 = 30.0;

/// What a cut leaves where the last one was less than [`MEASURE`] ago, and at least where what was taken tells of less. Chosen:
/// after a pause a bucket holds more than was taken from it since.
const CUT_SOON_TO: f64 = 0.7;
const CUT_MOST_TO: f64 = 0.5;

/// What the first refusals teach may be far too little, since a pause leaves a bucket full, or they meant no limit: after the
/// first the rate doubles in such a time, and each of so many lets it take twice as long. Chosen: who refused once has its full
/// rate again within ten seconds, and a limiter is met four times before its rate is taken for known.
const SEARCH_DOUBLES: Duration = Duration::from_secs(1);
const SEARCH_CUTS: u32 = 4;

/// The first refusal teaches no rate where fewer were taken before it, or for less than [`MEASURE`]: what a receiver took in its
/// first moments is what we had sent. Chosen: as many as are sent before the first answer.
const FEW: u64 = 16;

/// For how long a learned rate serves to plan with: it climbs by a tenth in that time. While it is looked for: so many times that
/// in which it doubles. Chosen.
const HOLDS: Duration = Duration::from_secs(30);
const HOLDS_DOUBLES: u32 = 3;

/// After so long without a refusal what was learned is forgotten. Chosen.
const CALM: Duration = Duration::from_secs(900);

/// What is taken is measured over one to two such spans; chosen: long against a round trip, short against a change.
const MEASURE: Duration = Duration::from_secs(10);

/// The longest time without anything taken that counts when a limit is measured: longer windows than a minute's are not
/// learned as a mean. Chosen.
const REFUSED_MAX: Duration = Duration::from_secs(90);

/// The pause after a refusal without `Retry-After`: it doubles from the first to the second while nothing is taken. Chosen.
pub(super) const PAUSE_MIN: Duration = Duration::from_secs(1);
pub(super) const PAUSE_MAX: Duration = Duration::from_secs(60);

/// The least rate that is learned, a second. Chosen.
const PER_SEC_MIN: f64 = 1.0 / 60.0;

/// A send that is late by so much makes the next one earlier, so that the rate is kept though timers are coarse. Chosen.
const LATE_MAX: Duration = Duration::from_millis(50);

/// A receiver is overloaded when one in so many of a lot of answers is 503 or a timeout, and as many are good. A lot is so many
/// answers and those of a second at least, so that the odd one costs a quick receiver nothing. Chosen: of one that answers one in
/// ten so, 1 in 100 of the smallest lots has so many.
const BUSY_PART: u32 = 5;
const LOT: u32 = 64;
const LOT_TAKES: Duration = Duration::from_secs(1);

/// What one receiver's answers taught.
#[derive(Debug, Default)]
pub(super) struct Adaptive {
    taken: u64,
    taken_at: Duration,
    /// When a send last started; none before the first.
    sent_at: Option<Duration>,
    /// When so many had been taken: up to two spans ago, and up to one.
    before: (Duration, u64),
    mark: (Duration, u64),
    /// Of the present lot of answers: 503 or timeouts, and good ones.
    busy: u32,
    good: u32,
    lot_at: Duration,
    cut_at: Duration,
    /// The pause of the refusals that go on; none while it takes what is sent.
    refusing: Option<Duration>,
    /// How often it refused anew since what was learned was last forgotten.
    cuts: u32,
    learned: Option<Box<Learned>>,
}

/// A rate.
#[derive(Debug)]
struct Learned {
    per_sec: f64,
    /// The rate at the last cut.
    refused_per_sec: f64,
    /// In what time it doubles, while what was learned may be far too little.
    search: Option<Duration>,
    /// When the next send is due.
    due: Duration,
    started_at: Duration,
}

/// What a refusal comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Whether it tells something new: not of the same round as the last one.
    pub(super) is_new: bool,
    /// Whether its limit is not known yet.
    pub(super) is_early: bool,
    /// How long the receiver is left alone.
    pub(super) pause: Duration,
}

impl Adaptive {
    /// The rate at which sends are spaced, if one was learned.
    pub(super) fn per_sec(&self) -> Option<f64> {
        self.learned.as_ref().map(|learned| learned.per_sec)
    }

    /// Whether nothing was learned that a new receiver would not know.
    pub(super) fn is_new(&self) -> bool {
        self.learned.is_none() && self.refusing.is_none()
    }

    /// Whether it refuses, so that one send at a time finds out when it no longer does.
    pub(super) fn is_refusing(&self) -> bool {
        self.refusing.is_some()
    }

    /// For how long what was learned serves to plan with; `None` where nothing was.
    pub(super) fn holds_for(&self) -> Option<Duration> {
        (!self.is_new()).then(|| {
            self.search()
                .map_or(HOLDS, |doubles| doubles * HOLDS_DOUBLES)
        })
    }

    /// In what time the rate doubles while the limit is looked for.
    fn search(&self) -> Option<Duration> {
        let longer = 2_u32.saturating_pow(self.cuts.saturating_sub(1));
        (self.cuts <= SEARCH_CUTS).then(|| SEARCH_DOUBLES * longer)
    }

    /// When the next send may start.
    pub(super) fn due(&self) -> Duration {
        self.learned
            .as_ref()
            .map_or(Duration::ZERO, |learned| learned.due)
    }

    /// Whether a rate was learned of which something is left now.
    pub(super) fn is_unused(&self, mono: Duration) -> bool {
        let learned = self.learned.as_ref();
        !self.is_refusing() && learned.is_some_and(|learned| learned.due <= mono)
    }

    /// A send started.
    pub(super) fn started(&mut self, mono: Duration) {
        let is_refusing = self.is_refusing();
        if mono > self.cut_at + CALM {
            self.learned = None;
            self.cuts = 0;
        }
        if self.is_rested(mono) {
            self.before = (mono, self.taken);
            self.mark = self.before;
        }
        self.sent_at = Some(mono);
        if let Some(learned) = &mut self.learned {
            learned.started(mono, is_refusing);
        }
    }

    /// It took one, by a send that began at `began`. `is_behind`: more waits for it. Whether it turned out to be overloaded, so
    /// that less should be in flight.
    pub(super) fn taken(&mut self, mono: Duration, began: Duration, is_behind: bool) -> bool {
        self.taken += 1;
        if self.refusing.is_some() && began >= self.cut_at {
            self.recovered(mono);
        }
        if mono > self.mark.0 + MEASURE && self.refusing.is_none() {
            self.measure_anew(mono);
        }
        self.taken_at = mono;
        self.good += 1;
        let lot = self.good + self.busy;
        if lot < LOT || mono < self.lot_at + LOT_TAKES {
            return false;
        }
        let is_overloaded = self.busy * BUSY_PART >= lot && self.good * BUSY_PART >= lot;
        self.new_lot();
        self.lot_at = mono;
        if !is_overloaded || !is_behind || began < self.cut_at {
            return false;
        }
        self.cut_at = mono;
        let known = self.per_sec().unwrap_or_else(|| self.measured(mono));
        let per_sec = known * CUT_TO;
        self.cuts = self.cuts.saturating_add(1).max(SEARCH_CUTS);
        self.learn(mono, per_sec);
        true
    }

    /// It answered 503 or not in time.
    pub(super) fn busy(&mut self) {
        self.busy += 1;
    }

    /// What was counted of the present lot tells nothing of what comes: its receiver broke or is back.
    pub(super) fn new_lot(&mut self) {
        (self.busy, self.good) = (0, 0);
    }

    /// It refused, 429 or `Retry-After`, a send that began at `began`.
    pub(super) fn refused(
        &mut self,
        mono: Duration,
        began: Duration,
        asked: Option<Duration>,
    ) -> Refusal {
        // The answers to one round of sends tell the same thing: cut once.
        let is_new = began >= self.cut_at;
        let pause = match self.refusing {
            Some(pause) if is_new => (pause * 2).min(PAUSE_MAX),
            Some(pause) => pause,
            None => PAUSE_MIN,
        };
        if is_new {
            self.cut_at = mono;
        }
        self.refusing = Some(pause);
        Refusal {
            is_new,
            is_early: self.cuts < SEARCH_CUTS,
            pause: asked.unwrap_or(pause),
        }
    }

    /// It takes again after it refused: what it took since before that is what it takes.
    fn recovered(&mut self, mono: Duration) {
        self.refusing = None;
        let measured = self.measured(mono);
        let is_soon = mono < self.before.0 + MEASURE;
        self.cuts = self.cuts.saturating_add(1);
        if self.cuts == 1 && (is_soon || self.taken - self.before.1 < FEW) {
            return;
        }
        let per_sec = match &self.learned {
            None => measured,
            Some(learned) if is_soon => learned.per_sec * CUT_SOON_TO,
            Some(learned) if self.search().is_some() => measured.min(learned.per_sec * CUT_TO),
            Some(learned) => {
                (learned.per_sec * CUT_TO).min(measured.max(learned.per_sec * CUT_MOST_TO))
            }
        };
        self.learn(mono, per_sec);
        self.before = (mono, self.taken);
        self.mark = self.before;
    }

    /// Whether nothing was sent for so long that nothing is known of the time before, though nothing held it back.
    fn is_rested(&self, mono: Duration) -> bool {
        let rest = MEASURE * 2;
        let is_idle = self
            .sent_at
            .is_none_or(|at| mono > at.max(self.due()) + rest);
        is_idle && !self.is_refusing()
    }

    fn measure_anew(&mut self, mono: Duration) {
        self.before = self.mark;
        self.mark = (mono, self.taken - 1);
    }

    /// What it took a second of late.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    fn measured(&self, mono: Duration) -> f64 {
        let (from, taken) = self.before;
        let until = mono.min(self.taken_at.max(from) + REFUSED_MAX);
        let span = until.saturating_sub(from).as_secs_f64().max(0.1);
        (self.taken - taken) as f64 / span
    }

    fn learn(&mut self, mono: Duration, per_sec: f64) {
        let per_sec = per_sec.max(PER_SEC_MIN);
        self.learned = Some(Box::new(Learned {
            per_sec,
            refused_per_sec: per_sec / CUT_TO,
            search: self.search(),
            due: mono + Duration::from_secs_f64(1.0 / per_sec),
            started_at: mono,
        }));
    }
}

impl Learned {
    fn started(&mut self, mono: Duration, is_refusing: bool) {
        let late = mono.saturating_sub(self.due);
        // What was not held back by the rate proves nothing of it.
        let step = Duration::from_secs_f64(1.0 / self.per_sec);
        if late <= step.max(LATE_MAX) && !is_refusing {
            self.climb(mono.saturating_sub(self.started_at));
        }
        self.started_at = mono;
        let from = mono.saturating_sub(late.min(LATE_MAX));
        self.due = from + step;
    }

    fn climb(&mut self, span: Duration) {
        let secs = span.as_secs_f64();
        if let Some(search) = self.search {
            self.per_sec *= (secs / search.as_secs_f64()).min(1.0).exp2();
        } else if self.per_sec < self.refused_per_sec * BEYOND {
            self.per_sec += self.refused_per_sec * CLIMB_PER_SEC * secs;
        } else {
            self.per_sec *= (secs / DOUBLES_SECS).min(1.0).exp2();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn pauses_double_up_to_a_minute_and_one_round_tells_one_thing() {
        let mut adaptive = Adaptive::default();
        let mut mono = SECOND;
        let mut pauses = Vec::new();
        for _ in 0..8 {
            let refusal = adaptive.refused(mono, mono, None);
            assert!(refusal.is_new);
            assert!(!adaptive.refused(mono + SECOND, mono - SECOND, None).is_new);
            pauses.push(refusal.pause.as_secs());
            mono += refusal.pause;
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        let asked = adaptive.refused(mono, mono, Some(SECOND * 7));
        assert_eq!(asked.pause, SECOND * 7);
    }

    #[test]
    fn what_is_learned_is_forgotten_after_a_calm_time_and_has_a_least() {
        let mut adaptive = Adaptive::default();
        let mut mono = SECOND;
        adaptive.taken(mono, mono, false);
        for _ in 0..40 {
            adaptive.refused(mono, mono, None);
            mono += SECOND * 10;
            adaptive.taken(mono, mono, false);
        }
        let least = adaptive.per_sec().unwrap();
        assert!((least - PER_SEC_MIN).abs() < 1e-9, "{least}");
        adaptive.started(mono + CALM - SECOND * 11);
        assert!(adaptive.per_sec().is_some());
        adaptive.started(mono + CALM + SECOND);
        assert_eq!(adaptive.per_sec(), None);
    }
}
