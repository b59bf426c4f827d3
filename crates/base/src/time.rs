//! The only source of time.
//!
//! Everything that needs the time of day or a duration takes a [`Clock`], so that a test can turn it and
//! a seed can replay it. Durable deadlines are [`Timestamp`]s; running timers use [`Clock::monotonic`].

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::fmt::temporal::DateTimePrinter;
use serde::{Deserialize, Serialize};

const MILLIS: DateTimePrinter = DateTimePrinter::new().precision(Some(3));
const SECS: DateTimePrinter = DateTimePrinter::new().precision(Some(0));

/// Milliseconds since 1970-01-01T00:00:00Z, never negative; written as that number.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);
    /// Later than any time that occurs.
    pub const MAX: Self = Self(u64::MAX);

    /// From milliseconds since the epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// From whole seconds since the epoch.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 / 1000
    }

    /// Whole minutes since the epoch, rounded down.
    #[must_use]
    pub const fn as_minutes(self) -> u64 {
        self.0 / 60_000
    }

    /// How much later `self` is than `earlier`; zero when it is not.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// The time `span` later; saturates at [`Timestamp::MAX`].
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)),
        )
    }

    /// The time `span` earlier; saturates at the epoch.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)),
        )
    }

    /// As RFC 3339 with milliseconds in UTC, for example `2026-11-23T05:03:10.250Z`.
    #[must_use]
    pub fn rfc3339(self) -> String {
        self.printed(&MILLIS)
    }

    /// As RFC 3339 without a fraction, for example `2026-11-23T05:03:10Z`: the second that has begun.
    #[must_use]
    pub fn rfc3339_secs(self) -> String {
        self.printed(&SECS)
    }

    fn printed(self, printer: &DateTimePrinter) -> String {
        let millis = i64::try_from(self.0).ok();
        let time = millis.and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
        time.map_or_else(
            || format!("{}ms", self.0),
            |time| printer.timestamp_to_string(&time),
        )
    }

    /// From RFC 3339, such as `2026-11-23T05:03:10Z` or `2026-11-23T14:03:10.25+09:00`.
    ///
    /// `None` when the text is no such time or lies before the epoch.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let time: jiff::Timestamp = text.parse().ok()?;
        u64::try_from(time.as_millisecond()).ok().map(Self)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

/// Where the time comes from.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The wall clock. It may jump in either direction.
    fn now(&self) -> Timestamp;

    /// Time since an unknown moment; it never goes back and does not follow the wall clock's jumps.
    fn monotonic(&self) -> Duration;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    started: std::time::Instant,
}

impl SystemClock {
    /// The machine's clock; its monotonic time starts at zero now.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the machine's clock"
    )]
    pub fn new() -> Self {
        Self {
            started: std::time::Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the machine's clock"
    )]
    fn now(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp(since_epoch.map_or(0, |span| {
            u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
        }))
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

/// A clock that stands still until it is told otherwise, for tests.
#[derive(Debug)]
pub struct ManualClock {
    wall_ms: AtomicU64,
    monotonic_ms: AtomicU64,
}

impl ManualClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self {
            wall_ms: AtomicU64::new(now.0),
            monotonic_ms: AtomicU64::new(0),
        }
    }

    /// Lets `span` pass on both clocks.
    pub fn advance(&self, span: Duration) {
        let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        self.wall_ms.fetch_add(millis, Ordering::SeqCst);
        self.monotonic_ms.fetch_add(millis, Ordering::SeqCst);
    }

    /// Sets the wall clock alone, as a jump does.
    pub fn jump_to(&self, now: Timestamp) {
        self.wall_ms.store(now.0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.wall_ms.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.monotonic_ms.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_goes_there_and_back() {
        let time = Timestamp::from_millis(1_795_410_190_250);
        assert_eq!(time.rfc3339(), "2026-11-23T05:03:10.250Z");
        let late = Timestamp::from_millis(1_795_410_190_999);
        assert_eq!(late.rfc3339_secs(), "2026-11-23T05:03:10Z");
        assert_eq!(Timestamp::MAX.rfc3339(), format!("{}ms", u64::MAX));
        assert_eq!(Timestamp::parse_rfc3339(&time.rfc3339()), Some(time));
        assert_eq!(Timestamp::EPOCH.rfc3339(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::parse_rfc3339("1969-12-31T23:59:59Z"), None);
        assert_eq!(Timestamp::parse_rfc3339("yesterday"), None);
    }

    #[test]
    fn a_jump_of_the_wall_clock_leaves_monotonic_time_alone() {
        let clock = ManualClock::at(Timestamp::from_secs(100));
        clock.advance(Duration::from_secs(5));
        clock.jump_to(Timestamp::from_secs(1));
        assert_eq!(clock.now(), Timestamp::from_secs(1));
        assert_eq!(clock.monotonic(), Duration::from_secs(5));
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(
            Timestamp::from_secs(1).since(Timestamp::from_secs(2)),
            Duration::ZERO
        );
        assert_eq!(
            Timestamp::from_secs(1).minus(Duration::from_secs(2)),
            Timestamp::EPOCH
        );
        assert_eq!(Timestamp::MAX.plus(Duration::from_secs(2)), Timestamp::MAX);
    }
}
