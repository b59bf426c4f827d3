//! Receivers that limit, break and come back, and what they saw.

use super::*;

/// What a send comes to: how long it takes, the status or the error, and the pause that is asked for.
pub(super) type Reply = (Duration, Option<u16>, Option<ErrorClass>, Option<Duration>);

/// How a receiver behaves.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// So many in each span by its own clock; beyond it 429, with the seconds that are left of the span or without.
    Window {
        limit: u64,
        span: Duration,
        says_when: bool,
    },
    /// A token bucket; beyond it 429.
    Tokens(crate::limit::Bucket),
    /// So many at once; beyond it 503.
    Places(usize),
    /// A latency that is longer between two times.
    Slow {
        from: Duration,
        to: Duration,
        usual: Duration,
        slow: Duration,
    },
    /// Down in turn with up, beginning with down: connections time out.
    Flaps { down: Duration, up: Duration },
    /// No answer between two times.
    Down { from: Duration, to: Duration },
    /// Every so many-th send gets 503.
    Sometimes { each: u64 },
    /// Those of these numbers get 429 and nothing else is limited.
    Odd(&'static [usize]),
    /// 429 between two times, and nothing else is limited.
    Away { from: Duration, to: Duration },
}

/// A receiver and what it saw.
#[derive(Debug)]
pub(super) struct Receiver {
    pub(super) kind: Kind,
    /// When it took a notification.
    pub(super) taken: Vec<Duration>,
    /// When it refused one: 429, 503 or nothing at all.
    pub(super) refused: Vec<Duration>,
    /// The highest attempt number that came.
    pub(super) attempts_max: u32,
    /// The most that were there at once.
    pub(super) peak: usize,
    /// How many were there at once at each send.
    pub(super) widths: Vec<(Duration, usize)>,
    ends: Vec<Duration>,
    in_window: (u64, u64),
}

impl Receiver {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            taken: Vec::new(),
            refused: Vec::new(),
            attempts_max: 0,
            peak: 0,
            widths: Vec::new(),
            ends: Vec::new(),
            in_window: (0, 0),
        }
    }

    pub(super) fn answer(&mut self, now: Duration, attempt: u32, random: &mut Random) -> Reply {
        self.ends.retain(|end| *end > now);
        let beside = self.ends.len();
        let reply = self.judge(now, beside, random);
        self.ends.push(now + reply.0);
        self.peak = self.peak.max(self.ends.len());
        self.widths.push((now, self.ends.len()));
        self.attempts_max = self.attempts_max.max(attempt);
        match reply.1 {
            Some(200) => self.taken.push(now),
            _ => self.refused.push(now),
        }
        reply
    }

    fn judge(&mut self, now: Duration, beside: usize, random: &mut Random) -> Reply {
        let usual = ms(40 + random.next_u64() % 20);
        let taken = (usual, Some(200), None, None);
        let dead = (ms(3_000), None, Some(ErrorClass::ConnectTimeout), None);
        match &mut self.kind {
            Kind::Window {
                limit,
                span,
                says_when,
            } => {
                let number = u64::try_from(now.as_millis() / span.as_millis()).unwrap();
                if self.in_window.0 != number {
                    self.in_window = (number, 0);
                }
                if self.in_window.1 < *limit {
                    self.in_window.1 += 1;
                    return taken;
                }
                let left = *span * (u32::try_from(number).unwrap() + 1) - now;
                let asked = says_when.then(|| Duration::from_secs(left.as_secs() + 1));
                (usual, Some(429), None, asked)
            }
            Kind::Tokens(bucket) => match bucket.take(now) {
                Ok(()) => taken,
                Err(_) => (usual, Some(429), None, None),
            },
            Kind::Places(places) if beside >= *places => (ms(5), Some(503), None, None),
            Kind::Places(_) => taken,
            Kind::Slow {
                from,
                to,
                usual,
                slow,
            } => {
                let is_slow = (*from..*to).contains(&now);
                (if is_slow { *slow } else { *usual }, Some(200), None, None)
            }
            Kind::Flaps { down, up } => {
                let place = now.as_millis() % (*down + *up).as_millis();
                if place < down.as_millis() {
                    dead
                } else {
                    taken
                }
            }
            Kind::Down { from, to } if (*from..*to).contains(&now) => dead,
            Kind::Down { .. } => taken,
            Kind::Odd(numbers) if numbers.contains(&(self.widths.len() + 1)) => {
                (usual, Some(429), None, None)
            }
            Kind::Away { from, to } if (*from..*to).contains(&now) => {
                (usual, Some(429), None, None)
            }
            Kind::Odd(_) | Kind::Away { .. } => taken,
            Kind::Sometimes { each } => {
                let is_refused = random.next_u64().is_multiple_of(*each);
                (usual, Some(if is_refused { 503 } else { 200 }), None, None)
            }
        }
    }

    /// How many it took a second between two times.
    pub(super) fn per_sec(&self, from: Duration, to: Duration) -> f64 {
        let taken = self.taken.iter().filter(|at| (from..to).contains(*at));
        taken.count() as f64 / (to - from).as_secs_f64()
    }

    /// The part of its sends that it refused between two times.
    pub(super) fn refused_part(&self, from: Duration, to: Duration) -> f64 {
        let count = |times: &[Duration]| times.iter().filter(|at| (from..to).contains(*at)).count();
        let (taken, refused) = (count(&self.taken), count(&self.refused));
        refused as f64 / (taken + refused).max(1) as f64
    }
}

impl World {
    /// What a send comes to, and how long it takes.
    pub(super) fn receive_at_receiver(
        &mut self,
        notification: &Notification,
        budget: Duration,
    ) -> (Duration, Attempt) {
        if self.scene.ordered.is_some() {
            return self.receive_in_order(notification, budget);
        }
        let host = notification.request.url.host_str().unwrap();
        let receiver: u64 = host[1..].split('.').next().unwrap().parse().unwrap();
        let own = self.scene.limited.and_then(|limited| limited.took);
        let weighed = self.scene.weighed.map(|weighed| {
            let half = weighed.took / 2;
            half + self.random.span(half * 2)
        });
        let (took, status, error, retry_after) = match receiver {
            _ if self.receivers.contains_key(&receiver) => {
                let known = self.receivers.get_mut(&receiver).unwrap();
                known.answer(self.now, notification.attempt, &mut self.random)
            }
            HUNG => (ms(10_000), None, Some(ErrorClass::FirstByteTimeout), None),
            _ if weighed.is_some() => (weighed.unwrap_or_default(), Some(200), None, None),
            LIMITED if own.is_some() => (own.unwrap_or_default(), Some(200), None, None),
            0 => (ms(3_000), None, Some(ErrorClass::ConnectTimeout), None),
            1 => (ms(8_000), Some(200), None, None),
            2 if self.limited.take(self.now).is_err() => {
                (ms(5), Some(429), None, Some(Duration::from_secs(1)))
            }
            _ => (ms(10 + self.random.next_u64() % 30), Some(200), None, None),
        };
        let story = self.stories.get_mut(&*notification.id).unwrap();
        story.attempts += 1;
        let is_in_time = story.deadline.is_none_or(|end| START.plus(self.now) < end);
        assert!(is_in_time, "sent after its deadline: {story:?}");
        if status == Some(200) {
            story.arrivals += 1;
            self.duplicates += u64::from(story.arrivals > 1);
            story.answered.get_or_insert(self.now + took);
        }
        let is_late = took > budget;
        let mut attempt = attempt(
            status.filter(|_| !is_late),
            error.or(is_late.then_some(ErrorClass::TotalTimeout)),
        );
        attempt.number = notification.attempt;
        attempt.retry_after = retry_after;
        attempt.timings.total = took.min(budget);
        (took.min(budget), attempt)
    }
}
