//! The token bucket: a rate kept within 2 %.
//!
//! INVARIANT: from its start, at most `1 + rate × time` sends pass; in any window of `t`, at most
//! `burst + rate × (t + LATE_MAX)`. It starts with one token, so that a start gives no burst.

use std::time::Duration;

/// Who asked for a token and was told to wait may come so much later without losing what came in meanwhile: a thread that has much to
/// do keeps its timers late, and a rate of 10/s that is 12 ms late each time would be 9/s. Chosen.
const LATE_MAX: Duration = Duration::from_millis(100);

/// A bucket of tokens that fills at a rate. Times are monotonic and never go back.
#[derive(Clone, Debug)]
pub struct Bucket {
    per_sec: f64,
    /// What it may come to, where parts of a rate follow what is held.
    most_per_sec: f64,
    burst: f64,
    tokens: f64,
    filled_at: Duration,
    /// When the token comes that somebody waits for.
    due: Option<Duration>,
    /// What it holds beyond its burst, since that one came late.
    late: f64,
}

impl Bucket {
    /// A bucket that fills with `per_sec` tokens a second and holds `burst`, at least one.
    #[must_use]
    pub fn new(per_sec: f64, burst: f64, at: Duration) -> Self {
        Self {
            per_sec: per_sec.max(f64::MIN_POSITIVE),
            most_per_sec: 0.0,
            burst: burst.max(1.0),
            tokens: 1.0,
            filled_at: at,
            due: None,
            late: 0.0,
        }
    }

    /// The same with so many tokens at its start: buckets that share a rate start with one together.
    #[must_use]
    pub fn with_tokens(self, tokens: f64) -> Self {
        let tokens = tokens.min(self.burst);
        Self { tokens, ..self }
    }

    /// Changes the rate from `at` on.
    pub fn set_rate(&mut self, at: Duration, per_sec: f64, burst: f64) {
        self.fill(at);
        self.per_sec = per_sec.max(f64::MIN_POSITIVE);
        self.burst = burst.max(1.0);
        self.tokens = self.tokens.min(self.burst + self.late);
    }

    /// Tokens a second.
    #[must_use]
    pub fn per_sec(&self) -> f64 {
        self.per_sec
    }

    /// Says what it may come to, where parts of a rate follow what is held.
    pub fn set_most(&mut self, per_sec: f64) {
        self.most_per_sec = per_sec;
    }

    /// Tokens a second with which one can reckon: who holds nothing has next to nothing, and more as soon as it holds something.
    #[must_use]
    pub fn pace(&self) -> f64 {
        self.per_sec.max(self.most_per_sec)
    }

    /// Takes a token; `Err` with the time at which there will be one.
    ///
    /// # Errors
    /// The monotonic time of the next token.
    pub fn take(&mut self, at: Duration) -> Result<(), Duration> {
        self.fill(at);
        // The least error of rounding must not cost a whole turn of the timer.
        if self.tokens >= 1.0 - 1e-9 {
            self.tokens -= 1.0;
            return Ok(());
        }
        let missing_secs = (1.0 - self.tokens) / self.per_sec;
        let wait = Duration::try_from_secs_f64(missing_secs).unwrap_or(Duration::from_secs(86_400));
        let due = at + wait.max(Duration::from_nanos(1));
        self.due = Some(due);
        Err(due)
    }

    /// Gives back a token that was taken for a send that did not start.
    pub fn give_back(&mut self) {
        self.tokens = (self.tokens + 1.0).min(self.burst + self.late);
    }

    fn fill(&mut self, at: Duration) {
        let span = at.saturating_sub(self.filled_at);
        if let Some(due) = self.due.filter(|due| *due < at) {
            self.due = None;
            self.late = at.saturating_sub(due).min(LATE_MAX).as_secs_f64() * self.per_sec;
        } else if self.tokens < self.burst {
            self.late = 0.0;
        }
        let most = self.burst + self.late;
        self.tokens = (self.tokens + span.as_secs_f64() * self.per_sec).min(most);
        self.filled_at = self.filled_at.max(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends as fast as the bucket allows, looking at the clock each `tick`; the number of sends.
    fn sends_in(per_sec: f64, burst: f64, span: Duration, tick: Duration) -> f64 {
        let mut bucket = Bucket::new(per_sec, burst, Duration::ZERO);
        let (mut at, mut sends) = (Duration::ZERO, 0.0);
        while at < span {
            while bucket.take(at).is_ok() {
                sends += 1.0;
            }
            at += tick;
        }
        sends
    }

    #[test]
    fn the_rate_is_kept_within_two_percent() {
        for (per_sec, burst) in [(10.0, 1.0), (50.0, 2.0), (1000.0, 40.0), (60_000.0, 2400.0)] {
            for tick_us in [100, 1_000, 5_000] {
                let span = Duration::from_secs(10);
                let sends = sends_in(per_sec, burst, span, Duration::from_micros(tick_us));
                let ratio = sends / (per_sec * 10.0);
                assert!(
                    (0.98..=1.02).contains(&ratio),
                    "{per_sec}/s at {tick_us} us: {ratio}"
                );
            }
        }
    }

    /// A thread that has much to do comes up to some time later than it was told, each time anew.
    #[test]
    fn who_comes_late_loses_nothing_of_the_rate() {
        let mut random = crate::random::Random::of_seed(1);
        for (per_sec, burst) in [(10.0, 1.0), (1_000.0, 100.0), (20_000.0, 2_000.0)] {
            for late in [1, 20, 99] {
                let mut bucket = Bucket::new(per_sec, burst, Duration::ZERO);
                let (mut at, mut sends) = (Duration::ZERO, 0.0);
                while at < Duration::from_secs(60) {
                    match bucket.take(at) {
                        Ok(()) => sends += 1.0,
                        Err(due) => at = due + random.span(Duration::from_millis(late)),
                    }
                }
                let ratio = sends / (per_sec * 60.0);
                assert!(
                    (0.98..=1.02).contains(&ratio),
                    "{per_sec}/s up to {late} ms late: {ratio}"
                );
            }
        }
    }

    #[test]
    fn who_comes_much_later_gets_little_more_than_the_burst() {
        let mut bucket = Bucket::new(100.0, 4.0, Duration::ZERO);
        while bucket.take(Duration::ZERO).is_ok() {}
        let later = Duration::from_secs(3600);
        let sends = (0..100).filter(|_| bucket.take(later).is_ok()).count();
        assert_eq!(sends, 14);
    }

    #[test]
    fn the_next_token_comes_when_it_was_said() {
        let mut bucket = Bucket::new(3.0, 1.0, Duration::ZERO);
        let mut at = Duration::ZERO;
        for _ in 0..1_000 {
            bucket.take(at).unwrap();
            at = bucket.take(at).unwrap_err();
        }
        assert!((at.as_secs_f64() - 1_000.0 / 3.0).abs() < 0.01, "{at:?}");
    }

    #[test]
    fn a_rest_gives_no_more_than_the_burst() {
        let mut bucket = Bucket::new(100.0, 4.0, Duration::ZERO);
        let later = Duration::from_secs(3600);
        let sends = (0..100).filter(|_| bucket.take(later).is_ok()).count();
        assert_eq!(sends, 4);
    }
}
