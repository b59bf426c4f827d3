//! What each route sends to each destination, read off the notifiers' metrics, and what it may have of the limits.

use std::sync::Arc;
use std::time::Duration;

use base::MetricSink;
use delivery::allot::Waiting;
use delivery::apportion::{Apportionment, Parts};
use delivery::destinations::Destinations;
use parking_lot::Mutex;

/// How often parts are decided anew: as often as notifiers count.
const DECIDE_EVERY: Duration = Duration::from_secs(1);

/// Passes metrics on and notes what concerns limits.
#[derive(Debug)]
pub(super) struct Demand {
    metrics: Arc<dyn MetricSink>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    apportionment: Apportionment,
    decide_at: Duration,
}

impl Demand {
    pub(super) fn new(metrics: Arc<dyn MetricSink>) -> Self {
        Self {
            metrics,
            state: Mutex::default(),
        }
    }

    /// Decides when it is time to. `waiting`: what waits with notifiers of a route; `weight`: of a route.
    pub(super) fn decide<'a>(
        &self,
        at: Duration,
        destinations: &Destinations,
        waiting: impl Iterator<Item = (&'a str, Waiting)>,
        weight: impl Fn(&str) -> u32,
    ) {
        let mut state = self.state.lock();
        if at < state.decide_at {
            return;
        }
        state.decide_at = at + DECIDE_EVERY;
        for (route, waiting) in waiting {
            for (destination, lines) in waiting.iter() {
                state.apportionment.waits(route, destination, *lines);
            }
        }
        state.apportionment.decide(at, destinations, weight);
    }

    /// What a route has of the limits.
    pub(super) fn parts_of(&self, route: &str) -> Parts {
        self.state.lock().apportionment.of_route(route)
    }
}

impl MetricSink for Demand {
    fn add(
        &self,
        namespace: &'static str,
        name: &'static str,
        dimensions: &[(&'static str, &str)],
        value: f64,
    ) {
        self.metrics.add(namespace, name, dimensions, value);
        let &[("Route", route), ("Destination", destination)] = dimensions else {
            return;
        };
        let count = to_count(value);
        let (attempts, put_off) = match name {
            "Attempts" => (count, 0),
            "NotificationsPutOff" => (0, count),
            _ => return,
        };
        let apportionment = &mut self.state.lock().apportionment;
        apportionment.used(route, destination, attempts, put_off);
    }

    fn record(
        &self,
        namespace: &'static str,
        name: &'static str,
        dimensions: &[(&'static str, &str)],
        value: f64,
    ) {
        self.metrics.record(namespace, name, dimensions, value);
    }

    fn record_many(
        &self,
        namespace: &'static str,
        name: &'static str,
        dimensions: &[(&'static str, &str)],
        value: f64,
        count: u64,
    ) {
        let metrics = &self.metrics;
        metrics.record_many(namespace, name, dimensions, value, count);
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of a second, not negative"
)]
fn to_count(value: f64) -> u64 {
    value as u64
}
