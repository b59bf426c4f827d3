//! How the limits of destinations stand, for `status` and the metrics.

use std::sync::Arc;

use base::Timestamp;

use super::unit::BreakerState;

/// Destinations that one notifier tells of at most.
pub const TOLD_MAX: usize = 1000;

/// What a notifier tells of its limits, each second anew.
pub type Limits = Arc<Told>;

/// How the limits of a notifier's destinations stand.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// Of those that have something to tell.
    pub states: Vec<LimitState>,
    /// Whether there is one that nothing limits.
    pub has_free: bool,
}

/// How the limits of a destination stand: at one notifier, or summed up over several.
#[derive(Clone, Debug, PartialEq)]
pub struct LimitState {
    /// The destination as results name it; of hosts that share a name the worst stands for all.
    pub destination: Arc<str>,
    /// Sends that have not ended.
    pub in_flight: u32,
    /// How many there may be now.
    pub window: u32,
    /// How many there may be at most.
    pub window_max: u32,
    /// The rate that its refusals taught, a second; none where there is none now.
    pub learned_per_sec: Option<f64>,
    /// The configured rate, a second.
    pub rate_per_sec: Option<f64>,
    /// How its breaker stands; the worst of several.
    pub breaker: BreakerState,
    /// Since when it has been open; the first of several.
    pub open_since: Option<Timestamp>,
    /// Sends that it refused (429, `Retry-After`) in the lives of these notifiers.
    pub refused: u64,
}

impl LimitState {
    /// Adds what another notifier tells of the same destination.
    pub fn add(&mut self, other: &Self) {
        let sum = |one: Option<f64>, two: Option<f64>| match (one, two) {
            (Some(one), Some(two)) => Some(one + two),
            (one, two) => one.or(two),
        };
        self.in_flight += other.in_flight;
        self.window += other.window;
        self.window_max += other.window_max;
        self.learned_per_sec = sum(self.learned_per_sec, other.learned_per_sec);
        self.rate_per_sec = sum(self.rate_per_sec, other.rate_per_sec);
        self.breaker = self.breaker.max(other.breaker);
        let since = [self.open_since, other.open_since];
        self.open_since = since.into_iter().flatten().min();
        self.refused += other.refused;
    }

    /// How bad it is, for what is shown first.
    fn badness(&self) -> (BreakerState, bool, u64) {
        (self.breaker, self.learned_per_sec.is_some(), self.refused)
    }
}

/// One for each destination, the worst first.
#[must_use]
pub fn summed(all: impl IntoIterator<Item = LimitState>) -> Vec<LimitState> {
    let mut by_name = std::collections::BTreeMap::<Arc<str>, LimitState>::new();
    for one in all {
        match by_name.get_mut(&one.destination) {
            Some(known) => known.add(&one),
            None => {
                by_name.insert(one.destination.clone(), one);
            }
        }
    }
    let mut summed: Vec<LimitState> = by_name.into_values().collect();
    summed.sort_by_key(|one| std::cmp::Reverse(one.badness()));
    summed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_notifiers_sum_up_and_the_worst_breaker_shows() {
        let state = |name: &str, breaker, secs: Option<u64>, learned| LimitState {
            destination: name.into(),
            in_flight: 1,
            window: 2,
            window_max: 4,
            learned_per_sec: learned,
            rate_per_sec: None,
            breaker,
            open_since: secs.map(Timestamp::from_secs),
            refused: 3,
        };
        let all = summed([
            state("a", BreakerState::Closed, None, Some(2.5)),
            state("b", BreakerState::HalfOpen, Some(9), None),
            state("a", BreakerState::Closed, None, Some(1.5)),
            state("b", BreakerState::Open, Some(7), None),
        ]);
        let names: Vec<&str> = all.iter().map(|one| &*one.destination).collect();
        assert_eq!(names, ["b", "a"]);
        assert_eq!(
            (all[0].breaker, all[0].open_since),
            (BreakerState::Open, Some(Timestamp::from_secs(7)))
        );
        assert_eq!(
            (all[1].learned_per_sec, all[1].window, all[1].refused),
            (Some(4.0), 4, 6)
        );
    }
}
