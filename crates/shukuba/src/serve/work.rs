//! What runs beside the door: plans, directives, results, each a task that ends when `stop` says so.

use std::sync::Arc;
use std::time::Duration;

use base::{Clock, Timestamp};
use delivery::port::{Invoker, MetricSource, StartEvent};
use delivery::results::set::Window;
use delivery::results::{ResultLog, Results, Sealer};
use tokio::sync::watch;

use super::counts::{self, Counts};
use super::live::Live;
use super::log::Log;
use super::notifiers::Notifiers;

/// How often notifiers are told what rests and whether the disk has room. Chosen.
const DIRECT_EVERY: Duration = Duration::from_millis(250);
/// How often results are looked through for what is too old. Chosen.
const RETAIN_EVERY: Duration = Duration::from_secs(600);

/// Everything that the tasks need.
#[derive(Clone, Debug)]
pub(super) struct Work {
    pub(super) live: Arc<Live>,
    pub(super) notifiers: Arc<Notifiers>,
    pub(super) counts: Arc<Counts>,
    pub(super) log: Arc<Log>,
    pub(super) results: Results,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) stop: watch::Receiver<bool>,
}

impl Work {
    /// Samples what was sent and directs the notifiers.
    pub(super) async fn direct(mut self) {
        let mut ticks = tokio::time::interval(DIRECT_EVERY.min(counts::SAMPLE_EVERY));
        while self.tick(&mut ticks).await {
            self.counts.sample(self.clock.now());
            self.notifiers.direct();
        }
    }

    /// Turns results from the journal into objects.
    pub(super) async fn seal(self) {
        let interval = self.live.now().settings.results.seal_interval.get();
        let log: Arc<dyn ResultLog> = self.log.clone();
        Sealer::new(log, self.results.clone()).run(interval, self.stop.clone()).await;
    }

    /// Makes small objects into large ones, and removes old ones.
    pub(super) async fn upkeep(mut self) {
        let every = self.live.now().settings.results.compact_interval.get();
        let mut ticks = tokio::time::interval(every.min(RETAIN_EVERY));
        ticks.tick().await;
        let mut compacted_at = self.clock.monotonic();
        while self.tick(&mut ticks).await {
            let window = Window::sealed(Some(self.log.sealed_up_to()));
            if self.clock.monotonic().saturating_sub(compacted_at) >= every {
                compacted_at = self.clock.monotonic();
                if let Err(error) = self.results.compact(&window, self.clock.now()).await {
                    tracing::error!(%error, "results not compacted");
                }
            }
            if let Err(error) = self.retain(&window).await {
                tracing::error!(%error, "old results not removed");
            }
        }
    }

    async fn retain(&self, window: &Window) -> Result<(), delivery::results::Error> {
        let now = self.live.now();
        let keep = |results: &str| {
            let route = now.settings.routes.iter().find(|(name, route)| route.results.as_ref().unwrap_or(name) == results);
            route.and_then(|(_, route)| route.retention).unwrap_or(now.settings.results.retention).get()
        };
        let removed = self.results.retain(window, self.clock.now(), &keep).await?;
        if removed > 0 {
            tracing::info!(removed, "results removed by age");
        }
        Ok(())
    }

    /// Waits for the next tick; `false` when it is time to end.
    async fn tick(&mut self, ticks: &mut tokio::time::Interval) -> bool {
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        tokio::select! {
            _ = ticks.tick() => !*self.stop.borrow(),
            changed = self.stop.changed() => changed.is_ok() && !*self.stop.borrow(),
        }
    }

    /// Plans each interval how many notifiers run.
    pub(super) async fn scale(mut self) {
        let mut last = self.clock.now();
        let mut number = 0;
        loop {
            let interval = self.live.now().settings.scaler.interval.get();
            let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + interval, interval);
            if !self.tick(&mut ticks).await {
                return;
            }
            let now = self.clock.now();
            let names: Vec<String> = self.notifiers.routes.read().keys().cloned().collect();
            for route in names {
                number += 1;
                if let Err(error) = self.plan(&route, number, last, now).await {
                    tracing::error!(%route, %error, "no plan");
                }
            }
            last = now;
        }
    }

    async fn plan(&self, route: &str, plan: u64, from: Timestamp, to: Timestamp) -> Result<(), delivery::port::Error> {
        let settings = self.live.now().settings.clone();
        let sent = self.counts.sent_in(route, from, to).await?;
        let backlog = self.counts.backlog(route).await?;
        let running = self.notifiers.running(route).await?;
        let per_minute = u64::from(settings.scaler.notifier_per_minute);
        let wanted = (sent + backlog).div_ceil(per_minute).min(u64::from(settings.scaler.notifiers_max));
        let wanted = u32::try_from(wanted).unwrap_or(1);
        let count = wanted.saturating_sub(running);
        for index in 0..count {
            let event = StartEvent {
                route: route.to_owned(),
                plan,
                index,
                count,
                share: 1.0 / f64::from(wanted.max(1)),
                deadline_ms: to.plus(settings.notifier.life.get()).as_millis(),
            };
            self.notifiers.start(event).await?;
        }
        Ok(())
    }
}
