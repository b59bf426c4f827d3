//! A source of metrics and an invoker that also know what the notifiers tell of themselves: who lives, and whom they send to.
//!
//! What is heard of a route serves both for the length of one plan, so that a plan lists once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base::{Clock, Timestamp};
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tracing::warn;

use super::reports::{Heard, Reports};
use crate::destinations::Destinations;
use crate::port::{Error, Figures, Invoker, MetricSource, Receiver, Running, StartEvent};

/// For so long what was heard is not asked for again. Chosen: longer than a plan takes, shorter than the least between two.
const HOLDS_FOR: Duration = Duration::from_millis(900);

/// Both ports of a scaler whose notifiers report.
#[derive(Debug)]
pub struct Hearing {
    metrics: Arc<dyn MetricSource>,
    invoker: Arc<dyn Invoker>,
    reports: Reports,
    destinations: Arc<Destinations>,
    clock: Arc<dyn Clock>,
    last: Mutex<BTreeMap<String, (Timestamp, Heard)>>,
}

impl Hearing {
    /// `destinations`: the rules by which receivers have their limits.
    #[must_use]
    pub fn new(
        metrics: Arc<dyn MetricSource>,
        invoker: Arc<dyn Invoker>,
        reports: Reports,
        destinations: Arc<Destinations>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            metrics,
            invoker,
            reports,
            destinations,
            clock,
            last: Mutex::default(),
        }
    }

    /// None where the store does not answer: then nothing is known, and nobody is taken for dead.
    async fn heard(&self, route: &str) -> Option<Heard> {
        let now = self.clock.now();
        let last = self.last.lock().get(route).cloned();
        if let Some((at, heard)) = last
            && now.since(at) < HOLDS_FOR
        {
            return Some(heard);
        }
        match self.reports.heard(route, now).await {
            Ok(heard) => {
                let kept = (now, heard.clone());
                self.last.lock().insert(route.to_owned(), kept);
                Some(heard)
            }
            Err(error) => {
                warn!(route, %error, "the notifiers' reports cannot be read: all that were started are believed in");
                None
            }
        }
    }
}

impl MetricSource for Hearing {
    fn sent_in<'a>(
        &'a self,
        route: &'a str,
        from: Timestamp,
        to: Timestamp,
    ) -> BoxFuture<'a, Result<u64, Error>> {
        self.metrics.sent_in(route, from, to)
    }

    fn backlog<'a>(&'a self, route: &'a str) -> BoxFuture<'a, Result<u64, Error>> {
        self.metrics.backlog(route)
    }

    fn figures<'a>(
        &'a self,
        route: &'a str,
        from: Timestamp,
        to: Timestamp,
    ) -> BoxFuture<'a, Result<Figures, Error>> {
        Box::pin(async move {
            let mut figures = self.metrics.figures(route, from, to).await?;
            if figures.receivers.is_empty() {
                let heard = self.heard(route).await.unwrap_or_default();
                let met = heard.destinations.iter();
                figures.receivers = met
                    .map(|name| Receiver::of(self.destinations.find(name)))
                    .collect();
            }
            Ok(figures)
        })
    }

    fn is_paused(&self, route: &str) -> bool {
        self.metrics.is_paused(route)
    }
}

impl Invoker for Hearing {
    fn start(&self, event: StartEvent) -> BoxFuture<'_, Result<(), Error>> {
        self.invoker.start(event)
    }

    fn running<'a>(&'a self, route: &'a str) -> BoxFuture<'a, Result<Running, Error>> {
        Box::pin(async move {
            let heard = self.heard(route).await;
            Ok(heard.map_or(Running::Unknown, |heard| Running::Reports(heard.reports)))
        })
    }

    fn share_out<'a>(&'a self, route: &'a str, count: u32) -> BoxFuture<'a, Result<bool, Error>> {
        self.invoker.share_out(route, count)
    }
}

#[cfg(test)]
mod tests {
    use base::ManualClock;
    use object_store::memory::InMemory;

    use super::super::remembering::{Functions, Says};
    use super::*;
    use crate::config::{Settings, SystemSecrets};
    use crate::port::Life;
    use crate::share::Share;

    const SETTINGS: &str = "[destinations.\"a.example\"]\nrate = \"600/m\"\nin_flight_max = 3\n";
    const NOW: Timestamp = Timestamp::from_secs(1_795_410_190);

    fn hearing(reports: Reports, clock: Arc<ManualClock>) -> Hearing {
        let settings: Settings = toml::from_str(SETTINGS).unwrap();
        let destinations = Destinations::new(&settings, &SystemSecrets).unwrap();
        Hearing::new(
            Arc::<Says>::default(),
            Arc::<Functions>::default(),
            reports,
            Arc::new(destinations),
            clock,
        )
    }

    #[tokio::test(start_paused = true)]
    async fn a_plan_knows_who_lives_and_the_limits_of_whom_they_send_to() {
        let reports = Reports::new(Arc::new(InMemory::new()), "").unwrap();
        let clock = Arc::new(ManualClock::at(NOW));
        let hearing = hearing(reports.clone(), clock.clone());
        let nobody = hearing.running("s2s").await.unwrap();
        assert_eq!(nobody, Running::Reports(Vec::new()));

        let event = StartEvent {
            route: "s2s".to_owned(),
            plan: 7,
            index: 1,
            count: 2,
            share: Share::WHOLE,
            deadline_ms: NOW.plus(Duration::from_secs(300)).as_millis(),
        };
        let met = || vec!["a.example".into(), "b.example".into()];
        let telling = reports.keep_telling(&event, met);
        let told = tokio::time::timeout(Duration::from_secs(1), telling).await;
        assert!(told.is_err(), "it tells for as long as it is heard");
        // What was heard a moment ago serves the plan to its end.
        assert_eq!(hearing.running("s2s").await.unwrap(), nobody);
        clock.advance(HOLDS_FOR);
        let figures = hearing.figures("s2s", NOW, NOW).await.unwrap();
        let limited = Receiver {
            rate_per_minute: Some(600.0),
            in_flight_max: Some(3),
        };
        assert_eq!(figures.receivers, [limited, Receiver::default()]);
        let Running::Reports(heard) = hearing.running("s2s").await.unwrap() else {
            panic!("the store answers");
        };
        let heard: Vec<_> = heard
            .iter()
            .map(|one| (one.plan, one.index, one.life))
            .collect();
        assert_eq!(heard, [(7, 1, Life::Lives)]);
    }
}
