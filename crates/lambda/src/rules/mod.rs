//! Rules of EventBridge: what is started at certain times, and by events.
//!
//! - [`engine`]: what rules and deliveries are and become; pure
//! - [`pattern`]: which events a rule is for
//! - [`input`]: what a target is given
//! - [`ops`]: the operations on the wire
//! - [`port`]: what the binary gives
//! - `event`, `deliver`, `rows`: events as targets see them, one try to deliver, the tables
//!
//! Delivery is at least once, as AWS's: in one change of the tables a rule's moment counts as fired and its deliveries are kept, so
//! that no moment is fired twice and none that has begun is lost; a process that ends between a delivery and the note of it delivers
//! again at its next start. Moments that pass while nothing runs are not made up for, and of several that a suspended machine slept
//! over, the last alone is fired.
//!
//! A rate's first moment lies one period after its rule was put or enabled; AWS does not say whether it does there.

mod deliver;
pub mod engine;
mod event;
pub mod input;
pub mod ops;
pub mod pattern;
pub mod port;
pub(crate) mod rows;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base::{AccountId, Arn, Clock, MetricSink, Region, Timestamp};
use parking_lot::{Mutex, RwLock};
use serde_json::value::RawValue;
use store::poison::Poisoned;
use store::tables::{self, Table, Tables};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tracing::error;

use crate::port::{QueuePort, Roles};
pub use deliver::NAMESPACE;
use engine::{Backlog, Bus, Delivery, Refusal, Rule};
pub use ops::service;
use port::{Policies, Start};
pub use rows::{DELIVERIES, RULES};

/// The tables of rules.
pub const TABLES: &[Table] = &[RULES, DELIVERIES];
/// Deliveries that are tried at once. Chosen.
const RUNNING_MAX: usize = 64;
/// How often it is looked what is due, at least, since the wall clock may jump. Chosen.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Where rules are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Their account.
    pub account: AccountId,
    /// Their region.
    pub region: Region,
}

/// What rules need of others.
#[derive(Clone)]
pub struct Ports {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Starts functions: [`crate::events::Events`] does.
    pub functions: Arc<dyn Start>,
    /// Queues as targets and for dead letters.
    pub queues: Arc<dyn QueuePort>,
    /// Whether functions and queues let rules in.
    pub policies: Arc<dyn Policies>,
    /// The roles of targets.
    pub roles: Arc<dyn Roles>,
    /// Where counts go.
    pub metrics: Arc<dyn MetricSink>,
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ports").finish_non_exhaustive()
    }
}

/// Why rules were not changed, or an event not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The change cannot be.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Too much waits to be delivered.
    #[error("too many events wait to be delivered")]
    Full,
    /// It may not be on disk.
    #[error("the change cannot be kept")]
    Kept(#[from] Poisoned),
}

/// An event that somebody puts.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// When it happened; now where nothing is said.
    pub time: Option<Timestamp>,
    /// From whom it is.
    pub source: String,
    /// What it is.
    pub detail_type: String,
    /// JSON of an object.
    pub detail: Box<RawValue>,
    /// What it is about.
    pub resources: Vec<String>,
}

/// A state and how many changes made it.
type Numbered = (u64, Bus);

/// All rules, what they fire, and what is on its way.
#[derive(Debug)]
pub struct Rules {
    tables: Arc<Tables>,
    place: Place,
    ports: Ports,
    /// When this process began.
    from: Timestamp,
    /// What has been decided, durable or not; for the thread of changes alone.
    decided: Arc<Mutex<Numbered>>,
    /// What is durable.
    shown: RwLock<Numbered>,
    backlog: Mutex<Backlog>,
    woken: Notify,
}

impl Rules {
    /// What an earlier process left in `tables`. Blocks for as long as reading that takes.
    ///
    /// # Errors
    /// When the tables cannot be read.
    pub fn open(tables: Arc<Tables>, place: Place, ports: Ports) -> Result<Self, tables::Error> {
        let bus = Bus::of(rows::all::<Rule>(&tables, RULES)?);
        let mut backlog = Backlog::default();
        for delivery in rows::all::<Delivery>(&tables, DELIVERIES)? {
            backlog.add(delivery);
        }
        Ok(Self {
            tables,
            place,
            from: ports.clock.now(),
            ports,
            decided: Arc::new(Mutex::new((0, bus.clone()))),
            shown: RwLock::new((0, bus)),
            backlog: Mutex::new(backlog),
            woken: Notify::new(),
        })
    }

    /// Where they are.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// All rules as they are now.
    #[must_use]
    pub fn bus(&self) -> Bus {
        self.shown.read().1.clone()
    }

    /// The ARN of a rule.
    #[must_use]
    pub fn arn(&self, rule: &str) -> Arn {
        let Place { account, region } = &self.place;
        Arn::new("events", region, account, &format!("rule/{rule}"))
    }

    /// How many deliveries wait or run.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.backlog.lock().len()
    }

    /// Looks now what is due; for tests that have turned the clock.
    pub fn wake(&self) {
        self.woken.notify_one();
    }

    /// Changes the rules: what `change` made of them is on disk when this returns.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Kept`].
    pub async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Bus) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Error> {
        let done = self.change_and_deliver(|bus| Ok((change(bus)?, Vec::new())));
        done.await
    }

    /// As [`Rules::change`], with deliveries that are kept in the same step.
    async fn change_and_deliver<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Bus) -> Result<(T, Vec<Delivery>), Refusal> + Send + 'static,
    ) -> Result<T, Error> {
        let decided = Arc::clone(&self.decided);
        let changed = self.tables.change(move |_, changes| {
            let mut decided = decided.lock();
            let mut next = decided.1.clone();
            let (told, deliveries) = change(&mut next)?;
            for (name, rule) in next.changes(&decided.1) {
                rows::put(changes, RULES, name, rule);
            }
            for delivery in &deliveries {
                rows::put(changes, DELIVERIES, &delivery.id, Some(delivery));
            }
            *decided = (decided.0 + 1, next);
            Ok::<_, Refusal>((decided.clone(), told, deliveries))
        });
        let (next, told, deliveries) = changed.await??;
        {
            let mut shown = self.shown.write();
            if shown.0 < next.0 {
                *shown = next;
            }
        }
        let mut backlog = self.backlog.lock();
        deliveries
            .into_iter()
            .for_each(|delivery| backlog.add(delivery));
        drop(backlog);
        self.woken.notify_one();
        Ok(told)
    }

    /// Takes an event for the rules that are for it. Returns its id.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Kept`].
    pub async fn put_event(&self, new: &NewEvent) -> Result<String, Error> {
        let (id, now) = (base::id::uuid(), self.ports.clock.now());
        let facts = event::Facts {
            id: &id,
            detail_type: &new.detail_type,
            source: &new.source,
            time: new.time.unwrap_or(now),
            resources: &new.resources,
            detail: &new.detail,
        };
        let text = event::text(&facts, &self.place);
        let rules = self.bus().matching(&event::value(&text));
        let mut deliveries = Vec::new();
        for rule in &rules {
            self.count("MatchedEvents", &rule.name);
            self.count("TriggeredRules", &rule.name);
            deliveries.extend(self.deliveries(rule, &id, &text, now));
        }
        if deliveries.is_empty() {
            return Ok(id);
        }
        if !self.backlog.lock().has_room(&deliveries) {
            return Err(Error::Full);
        }
        self.change_and_deliver(move |_| Ok(((), deliveries)))
            .await?;
        Ok(id)
    }

    /// Fires what is due, and tries what is to be delivered, until `stop` is true or dropped; then waits for what runs. To be run once.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut running = JoinSet::new();
        loop {
            let fired = self.fire().await;
            if let Err(failed) = &fired {
                error!(error = %failed, "rules were not fired");
            }
            let free = RUNNING_MAX.saturating_sub(running.len());
            let now = self.ports.clock.now();
            let started = self.backlog.lock().start(now, free);
            for delivery in started {
                let rules = Arc::clone(&self);
                running.spawn(async move { rules.one(delivery).await });
            }
            let pause = match fired.is_ok() && running.len() < RUNNING_MAX {
                true => self.pause(),
                false => LOOK_EVERY,
            };
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                Some(ended) = running.join_next(), if !running.is_empty() => told(ended),
                () = self.woken.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        while let Some(ended) = running.join_next().await {
            told(ended);
        }
    }

    /// Fires the rules that are due.
    async fn fire(&self) -> Result<(), Error> {
        let (from, now) = (self.from, self.ports.clock.now());
        if !self.bus().is_due(from, now) {
            return Ok(());
        }
        // What is due is decided once here and once in the change; what came between is fired in the next round.
        let due: Vec<_> = self.bus().fire(from, now);
        let mut deliveries = Vec::new();
        for (rule, moment) in &due {
            let id = base::id::uuid();
            let arn = self.arn(&rule.name).text();
            let text = event::scheduled(&id, arn, *moment, &self.place);
            let own = self.deliveries(rule, &id, &text, now);
            if self.backlog.lock().has_room(&own) {
                deliveries.extend(own);
            } else {
                error!(
                    rule = rule.name,
                    "too many events wait to be delivered; a moment is left out"
                );
                self.count("FailedInvocations", &rule.name);
            }
        }
        let fired = self.change_and_deliver(move |bus| {
            let fired = bus.fire(from, now);
            let is_fired =
                |delivery: &Delivery| fired.iter().any(|(rule, _)| rule.name == delivery.rule);
            // A rule that was changed meanwhile is not fired for what it was.
            deliveries.retain(is_fired);
            Ok((fired, deliveries))
        });
        for (rule, _) in fired.await? {
            self.count("TriggeredRules", &rule.name);
        }
        Ok(())
    }

    fn deliveries(&self, rule: &Rule, id: &str, text: &str, now: Timestamp) -> Vec<Delivery> {
        let value = event::value(text);
        let (arn, ingested) = (self.arn(&rule.name).text(), now.rfc3339_secs());
        let about = input::About {
            rule_arn: &arn,
            rule: &rule.name,
            ingested: &ingested,
        };
        let targets = rule.targets.iter().map(|(target_id, target)| Delivery {
            id: format!("{id}/{}/{target_id}", rule.name),
            rule: rule.name.clone(),
            target: target.clone(),
            event: text.to_owned(),
            body: target.input.apply(text, &value, &about),
            accepted: now,
            tries: 0,
            due: now,
        });
        targets.collect()
    }

    /// How long nothing is due.
    fn pause(&self) -> Duration {
        let rule = self.bus().next(self.from);
        let delivery = self.backlog.lock().next();
        let due = rule.into_iter().chain(delivery).min();
        let left = due.map(|due| due.since(self.ports.clock.now()));
        left.unwrap_or(LOOK_EVERY)
            .clamp(Duration::from_millis(1), LOOK_EVERY)
    }
}

fn told(ended: Result<(), tokio::task::JoinError>) {
    if let Err(failed) = ended
        && failed.is_panic()
    {
        error!(error = %failed, "a delivery broke; it is made again at the next start");
    }
}
