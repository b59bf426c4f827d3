//! A bound on how often something happens: a bucket of tokens that fills steadily.

use std::time::Duration;

use parking_lot::Mutex;

/// A bucket of tokens.
#[derive(Debug)]
pub(crate) struct Throttle {
    per_second: f64,
    most: f64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    tokens: f64,
    at: Duration,
}

impl Throttle {
    /// Full at first. `per_second`: 0 gives nothing after that.
    pub(crate) const fn new(per_second: f64, most: f64) -> Self {
        Self {
            per_second,
            most,
            state: Mutex::new(State {
                tokens: most,
                at: Duration::ZERO,
            }),
        }
    }

    /// Takes a token; `false` when there is none. `now`: monotonic time.
    pub(crate) fn take(&self, now: Duration) -> bool {
        let mut state = self.state.lock();
        let passed = now.saturating_sub(state.at).as_secs_f64();
        state.tokens = self.most.min(state.tokens + passed * self.per_second);
        state.at = state.at.max(now);
        let is_there = state.tokens >= 1.0;
        if is_there {
            state.tokens -= 1.0;
        }
        is_there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_a_second_are_taken_and_no_more() {
        let throttle = Throttle::new(2.0, 2.0);
        let at = Duration::from_millis;
        let taken = |ms| throttle.take(at(ms));
        assert_eq!([taken(0), taken(0), taken(0)], [true, true, false]);
        assert_eq!([taken(499), taken(500), taken(501)], [false, true, false]);
        assert_eq!([taken(9000), taken(9000), taken(9000)], [true, true, false]);
    }
}
