//! Asynchronous invocations: accepted when they are on disk, run until the function answers or they are given up.
//!
//! - `engine`: which event is tried when; pure
//! - `rows`: how they are kept
//! - `deliver`, `record`: what destinations and dead letter queues are told
//!
//! INVARIANT: an event that was accepted is on disk until it has run or was given up, and whoever wants to know of that was told. After a
//! crash it may run twice, and be told of twice.

mod deliver;
mod engine;
mod record;
mod rows;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base::{Clock, Timestamp};
use bytes::Bytes;
use parking_lot::Mutex;
use store::tables::{Error, Tables};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tracing::error;

use crate::fleet::{Fleet, Refused};
use crate::function::{FunctionName, Qualifier, Runnable};
use crate::port::{Catalog, EventRules, QueuePort, Roles};
use crate::sandbox::{Call, Outcome};
use engine::{Backlog, Command, Condition, Effect, Event, Tried};
pub use engine::{EVENTS_BYTES_MAX, EVENTS_MAX};
pub use rows::{EVENTS, PAYLOADS};

/// Largest event. Source: Lambda quotas, "Invocation payload", 1 MB asynchronous since October 2025.
pub const PAYLOAD_BYTES_MAX: usize = 1024 * 1024;
/// Events that are run at once. Chosen.
const RUNNING_MAX: usize = 256;
/// How often it is looked what is due, at least, since the wall clock may jump. Chosen.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What events need of others.
#[derive(Clone)]
pub struct Ports {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The functions.
    pub catalog: Arc<dyn Catalog>,
    /// Queues, for what destinations and dead letter queues are told.
    pub queues: Arc<dyn QueuePort>,
    /// Whether a function's role may tell them.
    pub roles: Arc<dyn Roles>,
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ports").finish_non_exhaustive()
    }
}

/// Why an event was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum NotAccepted {
    /// There is no such function, version or alias.
    #[error("function `{0}` does not exist")]
    NotFound(FunctionName),
    /// It is larger than [`PAYLOAD_BYTES_MAX`].
    #[error("an event of {bytes} bytes is larger than {PAYLOAD_BYTES_MAX} bytes")]
    TooLarge {
        /// Its bytes.
        bytes: usize,
    },
    /// As many events wait as may: [`EVENTS_MAX`], [`EVENTS_BYTES_MAX`].
    #[error("too many events wait to be run")]
    Full,
    /// It may not be on disk.
    #[error("the event cannot be kept")]
    Kept(#[from] Error),
}

/// All asynchronous invocations.
#[derive(Debug)]
pub struct Events {
    tables: Arc<Tables>,
    fleet: Arc<Fleet>,
    ports: Ports,
    backlog: Mutex<Backlog>,
    woken: Notify,
}

impl Events {
    /// What an earlier process left in `tables`, ready to be run. Blocks for as long as reading that takes.
    ///
    /// # Errors
    /// When the tables cannot be read.
    pub fn open(tables: Arc<Tables>, fleet: Arc<Fleet>, ports: Ports) -> Result<Self, Error> {
        let mut backlog = Backlog::default();
        for event in rows::all(&tables)? {
            backlog.apply(Timestamp::EPOCH, Command::Accept(event));
        }
        Ok(Self {
            tables,
            fleet,
            ports,
            backlog: Mutex::new(backlog),
            woken: Notify::new(),
        })
    }

    /// Accepts `call` for a function: it is on disk when this returns.
    ///
    /// `qualifier`: the version or alias that is meant when the event is run; `$LATEST` where there is none.
    ///
    /// # Errors
    /// [`NotAccepted`].
    pub async fn accept(
        &self,
        name: &FunctionName,
        qualifier: Option<&Qualifier>,
        call: Call,
    ) -> Result<(), NotAccepted> {
        let bytes = call.payload.len();
        if bytes > PAYLOAD_BYTES_MAX {
            return Err(NotAccepted::TooLarge { bytes });
        }
        if self.ports.catalog.runnable(name, qualifier).is_none() {
            return Err(NotAccepted::NotFound(name.clone()));
        }
        let now = self.ports.clock.now();
        let event = Event {
            id: call.request_id,
            function: name.clone(),
            qualifier: qualifier.map(ToString::to_string),
            accepted: now,
            tries: 0,
            throttles: 0,
            due: now,
            bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
            client_context: call.client_context,
            trace: call.trace,
        };
        // Those that are being written are beyond the bound: as many as there are callers.
        if !self.backlog.lock().has_room(event.bytes) {
            return Err(NotAccepted::Full);
        }
        rows::add(&self.tables, &event, call.payload).await?;
        self.apply(Command::Accept(event));
        self.fleet.counts().event(name, "AsyncEventsReceived");
        self.woken.notify_one();
        Ok(())
    }

    /// How many events wait or run.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.backlog.lock().len()
    }

    /// Looks now what is due; for tests that have turned the clock.
    pub fn wake(&self) {
        self.woken.notify_one();
    }

    /// Runs events until `stop` is true or dropped, then waits for those that run: [`Fleet::stop`] ends them. To be run once.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut running = JoinSet::new();
        loop {
            let free = RUNNING_MAX.saturating_sub(running.len());
            for effect in self.apply(Command::Start { free }) {
                if let Effect::Run(event) = effect {
                    running.spawn(Arc::clone(&self).one(event));
                }
            }
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                Some(ended) = running.join_next(), if !running.is_empty() => told(ended),
                () = self.woken.notified() => {}
                () = tokio::time::sleep(self.pause()) => {}
            }
        }
        while let Some(ended) = running.join_next().await {
            told(ended);
        }
    }

    /// How long nothing is due.
    fn pause(&self) -> Duration {
        let due = self.backlog.lock().next_due();
        let left = due.map(|due| due.since(self.ports.clock.now()));
        left.unwrap_or(LOOK_EVERY)
            .clamp(Duration::from_millis(1), LOOK_EVERY)
    }

    fn apply(&self, command: Command<'_>) -> Vec<Effect> {
        let now = self.ports.clock.now();
        self.backlog.lock().apply(now, command)
    }

    /// Tries one event.
    async fn one(self: Arc<Self>, event: Event) {
        let qualifier = event
            .qualifier
            .as_deref()
            .and_then(|text| text.parse().ok());
        let catalog = &self.ports.catalog;
        let rules = catalog.event_rules(&event.function, qualifier.as_ref());
        let runnable = catalog.runnable(&event.function, qualifier.as_ref());
        let (id, name) = (event.id.clone(), event.function.clone());
        let done = self.try_one(event, runnable.as_ref(), &rules).await;
        if let Err(failed) = done {
            error!(error = %failed, event = %id, function = %name, "an event cannot be kept; it is tried again at the next start");
        }
    }

    async fn try_one(
        &self,
        event: Event,
        runnable: Option<&Runnable>,
        rules: &EventRules,
    ) -> Result<(), Error> {
        let payload = rows::payload(&self.tables, &event.id)?;
        let now = self.ports.clock.now();
        let counts = self.fleet.counts();
        counts.age(&event.function, now.since(event.accepted));
        let (tried, outcome) = match runnable {
            None => (Tried::Gone, None),
            Some(_) if now >= engine::too_old_at(&event, rules) => (Tried::TooOld, None),
            Some(runnable) => self.invoke(&event, runnable, payload.clone()).await,
        };
        let id = event.id.as_str();
        for effect in self.apply(Command::Tried { id, tried, rules }) {
            match effect {
                Effect::Run(_) => {}
                Effect::Keep(event) => rows::keep(&self.tables, &event).await?,
                Effect::Over(event, condition) => {
                    if condition != Condition::Success {
                        counts.event(&event.function, "AsyncEventsDropped");
                    }
                    let over = deliver::Over {
                        event: &event,
                        condition,
                        payload: &payload,
                        outcome: outcome.as_ref(),
                    };
                    if let Some(runnable) = runnable {
                        self.tell(&over, runnable, rules).await;
                    }
                    rows::remove(&self.tables, &event.id).await?;
                    self.apply(Command::Forget { id: &event.id });
                }
            }
        }
        Ok(())
    }

    async fn invoke(
        &self,
        event: &Event,
        runnable: &Runnable,
        payload: Bytes,
    ) -> (Tried, Option<Outcome>) {
        let call = Call {
            request_id: event.id.clone(),
            payload,
            client_context: event.client_context.clone(),
            trace: event.trace.clone(),
        };
        match self.fleet.invoke(runnable, call).await {
            Ok(outcome) if outcome.error.is_none() => (Tried::Answered, Some(outcome)),
            Ok(outcome) => (Tried::Failed, Some(outcome)),
            Err(Refused::Throttled(_)) if runnable.reserved == Some(0) => (Tried::Forbidden, None),
            Err(Refused::Stopping) => (Tried::CutOff, None),
            Err(Refused::Throttled(_) | Refused::Role(_) | Refused::Package(_)) => {
                (Tried::Throttled, None)
            }
        }
    }
}

fn told(ended: Result<(), tokio::task::JoinError>) {
    if let Err(failed) = ended
        && failed.is_panic()
    {
        error!(error = %failed, "running an event broke; it is tried again at the next start");
    }
}
