//! What runs beside the door: plans, directives, results, each a task that ends when `stop` says so.

use std::sync::Arc;
use std::time::Duration;

use base::{Clock, Timestamp};
use delivery::notifier::winds_down;
use delivery::port::RetryWait;
use delivery::results::sealing::{Failing, Sealing};
use delivery::results::set::Window;
use delivery::results::{ResultLog, Results, Sealer};
use delivery::scaler::{Loop, RouteScale, Rules};
use tokio::sync::watch;

use super::counts::{self, Counts};
use super::drift::{self, Drifts};
use super::live::{Live, Now};
use super::log::Log;
use super::notifiers::Notifiers;
use super::routes::Routes;

/// How often notifiers are told what rests and whether the disk has room. Chosen.
const DIRECT_EVERY: Duration = Duration::from_millis(250);
/// How often notifiers of one route are told their parts of rates that they share. Chosen: what one does not use lies idle for
/// twice as long until another has it.
const ALLOT_EVERY: Duration = Duration::from_millis(50);
/// The least time between a plan and one that is made early. Chosen.
const EARLY_PLANS_APART: Duration = Duration::from_secs(1);
/// How long a round of sealing may take, for somebody who waits for it, and how often that one looks. Chosen.
const SEALED_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);
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
    /// How far results became objects.
    pub(super) sealing: Arc<Sealing>,
    /// Whether the ledger balances.
    pub(super) drifts: Arc<Drifts>,
    /// Plans how many notifiers run.
    pub(super) plans: Arc<Loop>,
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
            self.plans.plan_left().await;
            if self.is_unattended() && self.may_plan_early() {
                self.plans.plan_all().await;
            }
        }
    }

    /// Gives notifiers of one route their parts of the rates that they share.
    pub(super) async fn allot(mut self) {
        let mut ticks = tokio::time::interval(ALLOT_EVERY);
        while self.tick(&mut ticks).await {
            self.notifiers.allot();
        }
    }

    /// What was sent in a moment says little about a minute: plans are a second apart at least.
    fn may_plan_early(&self) -> bool {
        let last = self.plans.history(None).last().map_or(0, |plan| plan.at_ms);
        let since = self.clock.now().since(Timestamp::from_millis(last));
        since >= EARLY_PLANS_APART
    }

    /// Whether messages wait on a route that no notifier serves: the first ones after a rest need not wait for the
    /// next plan.
    fn is_unattended(&self) -> bool {
        let routes: Vec<_> = self.notifiers.routes.read().values().cloned().collect();
        routes.iter().any(|route| {
            route.rules.notifier
                && self.notifiers.count(&route.name) == 0
                && !self.log.ledger.is_route_paused(&route.name)
                && self
                    .log
                    .queues
                    .counts(&route.queue)
                    .is_ok_and(|counts| counts.visible > 0)
        })
    }

    /// Turns results from the journal into objects.
    pub(super) async fn seal(self) {
        let live = self.live.clone();
        let interval = move || live.now().settings.results.seal_interval.get();
        let log: Arc<dyn ResultLog> = self.log.clone();
        let mut sealer = Sealer::new(log, self.results.clone());
        sealer.sealing = self.sealing.clone();
        sealer.run(interval, self.stop.clone()).await;
    }

    /// Waits until all that is settled by now is stored; `Ok(false)` when that takes too long.
    pub(super) async fn sealed(&self) -> Result<bool, Failing> {
        let interval = self.live.now().settings.results.seal_interval.get();
        let until = self.clock.monotonic() + interval + SEALED_WITHIN;
        let round = self.sealing.next_round();
        while self.clock.monotonic() < until {
            if let Some(outcome) = self.sealing.outcome(round) {
                return outcome.map(|()| true);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(false)
    }

    /// Makes small objects into large ones, and removes old ones.
    pub(super) async fn upkeep(mut self) {
        let every = |live: &Live| live.now().settings.results.compact_interval.get();
        let mut compacted_at = self.clock.monotonic();
        while self.rest(every(&self.live).min(RETAIN_EVERY)).await {
            let window = Window::sealed(Some(self.log.sealed_up_to()));
            if self.clock.monotonic().saturating_sub(compacted_at) >= every(&self.live) {
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
        let keep = |results: &str| now.settings.retention_of(results);
        let removed = self.results.retain(window, self.clock.now(), &keep).await?;
        if removed > 0 {
            tracing::info!(removed, "results removed by age");
        }
        Ok(())
    }

    /// Asks whether the ledger balances.
    pub(super) async fn balance(mut self) {
        let mut ticks = tokio::time::interval(drift::EVERY);
        while self.tick(&mut ticks).await {
            self.drifts.ask(&self.log).await;
        }
    }

    /// Waits for so long; `false` when it is time to end.
    async fn rest(&mut self, span: Duration) -> bool {
        let ended = self.stop.wait_for(|is_stopping| *is_stopping);
        tokio::time::timeout(span, ended).await.is_err()
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
    pub(super) async fn scale(self) {
        self.plans.run(self.stop).await;
    }
}

/// What plans are made by, as the settings that hold say.
pub(super) fn rules(now: &Now, routes: &Routes) -> Rules {
    let scales = routes
        .values()
        .filter(|route| route.rules.notifier)
        .map(|route| RouteScale {
            route: route.name.to_string(),
            notifiers_max: route.rules.notifiers_max,
        });
    let life = now.settings.notifier.life.get();
    let attempt = now.destinations.default_attempt();
    Rules {
        settings: now.settings.scaler.clone(),
        life,
        winds_down: winds_down(life, attempt, RetryWait::Native),
        slots: now.settings.notifier.slots,
        routes: scales.collect(),
    }
}
