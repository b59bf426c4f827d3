//! The port `MetricSource`: how much was sent to the queues of routes, from the ledger.
//!
//! The ledger counts by minute; plans may be made every second. So the sums are sampled, and what was sent in a span is
//! the difference of two samples.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use delivery::ledger::{Detail, Ledger};
use delivery::port::{Error, MetricSource};
use futures_util::future::BoxFuture;
use parking_lot::{Mutex, RwLock};
use sqs::Queues;

use super::routes::Routes;

/// How often sums are sampled. Chosen: a quarter of the shortest interval of plans.
pub(super) const SAMPLE_EVERY: Duration = Duration::from_millis(250);
/// How long samples are kept: the longest interval of plans and a bit.
const KEEP: Duration = Duration::from_secs(3700);
/// Samples that are kept of a route; older ones are thinned out. Chosen.
const SAMPLES_MAX: usize = 20_000;

/// Sums by route over time.
#[derive(Debug)]
pub(super) struct Counts {
    pub(super) ledger: Arc<Ledger>,
    pub(super) queues: Arc<Queues>,
    pub(super) routes: Arc<RwLock<Routes>>,
    pub(super) samples: Mutex<BTreeMap<String, VecDeque<(Timestamp, u64)>>>,
}

impl Counts {
    /// Samples all routes.
    pub(super) fn sample(&self, now: Timestamp) {
        let routes: Vec<_> = self.routes.read().values().cloned().collect();
        let mut samples = self.samples.lock();
        for route in routes {
            let sum = self.accepted(route.queue.name());
            let series = samples.entry(route.name.to_string()).or_default();
            if series.back().is_some_and(|(_, last)| *last == sum) && series.len() > 1 {
                // Two equal sums say the same as many.
                let is_flat = series.iter().rev().nth(1).is_some_and(|(_, before)| *before == sum);
                if is_flat {
                    series.pop_back();
                }
            }
            series.push_back((now, sum));
            let oldest = now.minus(KEEP);
            while series.len() > SAMPLES_MAX || series.get(1).is_some_and(|(at, _)| *at < oldest) {
                series.pop_front();
            }
        }
    }

    fn accepted(&self, queue: &str) -> u64 {
        let report = self.ledger.report(Some(queue), Detail::Totals);
        let accepted = report.queues.first().map_or(0, |book| book.total.accepted);
        u64::try_from(accepted).unwrap_or(0)
    }

    /// The sum at `at`: that of the last sample before it.
    fn sum_at(&self, route: &str, at: Timestamp) -> Option<u64> {
        let samples = self.samples.lock();
        let series = samples.get(route)?;
        let before = series.iter().rev().find(|(when, _)| *when <= at);
        before.or_else(|| series.front()).map(|(_, sum)| *sum)
    }
}

impl MetricSource for Counts {
    fn sent_in<'a>(&'a self, route: &'a str, from: Timestamp, to: Timestamp) -> BoxFuture<'a, Result<u64, Error>> {
        let sent = match (self.sum_at(route, from), self.sum_at(route, to)) {
            (Some(before), Some(after)) => after.saturating_sub(before),
            _ => 0,
        };
        Box::pin(std::future::ready(Ok(sent)))
    }

    fn backlog<'a>(&'a self, route: &'a str) -> BoxFuture<'a, Result<u64, Error>> {
        Box::pin(async move {
            let found = self.routes.read().get(route).cloned();
            let what = format!("route `{route}`");
            let route = found.ok_or_else(|| Error::refused(&what, "there is no such route"))?;
            let counts = self.queues.counts(&route.queue).map_err(|error| Error::unavailable(&what, error))?;
            Ok(counts.visible)
        })
    }
}
