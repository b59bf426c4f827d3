//! Pollers of one mapping: each receives, gathers, invokes and deletes, one batch after the other.
//!
//! A FIFO queue gives no further message of a group while one of it is in flight, so that groups stay in order however many pollers
//! there are.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use base::Timestamp;
use bytes::Bytes;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{error, warn};

use super::Mappings;
use super::batch::{Batch, Bounds};
use super::engine::Mapping;
use super::event::{self, Record};
use super::port::Ran;
use super::scale::{Scale, Seen};
use crate::function::Runnable;
use crate::port::Trouble;

/// How often the number of pollers is thought over.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// First pause after trouble or a throttle; twice as long each time. Chosen.
const PAUSE: Duration = Duration::from_millis(500);
/// Longest of them. Chosen.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// What the role of a function must be let do. Source: Lambda Developer Guide, "Execution role permissions" of SQS.
pub(super) const ACTIONS: [&str; 3] = ["ReceiveMessage", "DeleteMessage", "GetQueueAttributes"];

/// What the pollers of one mapping share.
struct Source {
    mappings: Arc<Mappings>,
    mapping: Arc<Mapping>,
    bounds: Bounds,
    allowed: AtomicU32,
    empty: AtomicU32,
    found: AtomicU32,
    throttled: AtomicU32,
}

/// Polls for `mapping` until `stop` is true or dropped, and every batch that runs has ended.
pub(super) async fn source(
    mappings: Arc<Mappings>,
    mapping: Arc<Mapping>,
    mut stop: watch::Receiver<bool>,
) {
    let clock = Arc::clone(&mappings.ports.clock);
    let mut scale = Scale::new(clock.now(), mapping.wanted.concurrency);
    let source = Arc::new(Source {
        bounds: Bounds::of(&mapping.wanted),
        mappings,
        mapping,
        allowed: AtomicU32::new(scale.allowed()),
        empty: AtomicU32::new(0),
        found: AtomicU32::new(0),
        throttled: AtomicU32::new(0),
    });
    let mut pollers = JoinSet::new();
    let mut begun: BTreeSet<u32> = BTreeSet::new();
    loop {
        for index in 0..scale.allowed() {
            if begun.insert(index) {
                pollers.spawn(Arc::clone(&source).poller(index, stop.clone()));
            }
        }
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            Some(ended) = pollers.join_next(), if !pollers.is_empty() => over(ended, &mut begun),
            () = tokio::time::sleep(LOOK_EVERY) => {
                if scale.look(clock.now(), source.seen()) {
                    source.forget_seen();
                    source.allowed.store(scale.allowed(), Ordering::Relaxed);
                }
            }
        }
    }
    while let Some(ended) = pollers.join_next().await {
        over(ended, &mut begun);
    }
}

fn over(ended: Result<u32, tokio::task::JoinError>, begun: &mut BTreeSet<u32>) {
    match ended {
        Ok(index) => {
            begun.remove(&index);
        }
        // Its number stays taken: one that breaks is not begun again until the mapping is.
        Err(failed) => error!(error = %failed, "a poller broke; its messages become visible again"),
    }
}

/// How a batch went.
enum Went {
    /// These messages are dealt with.
    Done(Vec<Record>),
    /// None is; they become visible again when their timeout ends.
    Failed,
    /// None was tried.
    Untried(Vec<Record>),
}

impl Source {
    fn seen(&self) -> Seen {
        Seen {
            empty: self.empty.load(Ordering::Relaxed),
            found: self.found.load(Ordering::Relaxed),
            throttled: self.throttled.load(Ordering::Relaxed),
        }
    }

    fn forget_seen(&self) {
        for count in [&self.empty, &self.found, &self.throttled] {
            count.store(0, Ordering::Relaxed);
        }
    }

    /// One poller; gives its number back when it ends.
    async fn poller(self: Arc<Self>, index: u32, mut stop: watch::Receiver<bool>) -> u32 {
        let (mut batch, mut pause) = (Batch::default(), PAUSE);
        while !is_stopped(&stop) && index < self.allowed.load(Ordering::Relaxed) {
            let now = self.mappings.ports.clock.now();
            if batch.is_ready(self.bounds, now) {
                self.deal_with(batch.take(self.bounds), &mut stop).await;
                continue;
            }
            let gathered = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                gathered = self.gather(&mut batch, now) => gathered,
            };
            match gathered {
                Ok(()) => pause = PAUSE,
                Err(trouble) => {
                    self.say(format!("PROBLEM: {trouble}"));
                    if !rest(&mut stop, pause).await {
                        break;
                    }
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
        self.give_back(&batch.take_all()).await;
        index
    }

    /// Receives once.
    async fn gather(&self, batch: &mut Batch, now: Timestamp) -> Result<(), Trouble> {
        let (queue, ports) = (&self.mapping.queue, &self.mappings.ports);
        self.check_role().await?;
        let (room, wait) = (batch.room(self.bounds), batch.wait(self.bounds, now));
        let messages = ports.queues.receive(queue, room, wait).await?;
        let seen = match messages.is_empty() {
            true => &self.empty,
            false => &self.found,
        };
        seen.fetch_add(1, Ordering::Relaxed);
        let region = self.mappings.place.region.as_str();
        let mut unwanted = Vec::new();
        for message in messages {
            match event::record(message, queue, region, &self.mapping.wanted.filters) {
                Ok(record) => batch.add(ports.clock.now(), record),
                Err(message) => unwanted.push(message.receipt),
            }
        }
        match unwanted.is_empty() {
            true => Ok(()),
            false => ports.queues.delete(queue, unwanted).await,
        }
    }

    /// Whether the function's role may receive, still.
    async fn check_role(&self) -> Result<(), Trouble> {
        let Some(runnable) = self.runnable() else {
            return Err(Trouble::Lasting("Function not found".to_owned()));
        };
        let (roles, queue) = (&self.mappings.ports.roles, &self.mapping.queue);
        match roles
            .may(&runnable.settings.role, "sqs:ReceiveMessage", queue)
            .await?
        {
            true => Ok(()),
            false => Err(Trouble::Lasting(
                "Function's role may not call ReceiveMessage on SQS".to_owned(),
            )),
        }
    }

    /// Lets the function deal with a batch.
    async fn deal_with(&self, records: Vec<Record>, stop: &mut watch::Receiver<bool>) {
        match self.invoke(records, stop).await {
            Went::Done(done) => {
                let receipts: Vec<_> = done.into_iter().map(|record| record.receipt).collect();
                if receipts.is_empty() {
                    return;
                }
                let deleted = self
                    .mappings
                    .ports
                    .queues
                    .delete(&self.mapping.queue, receipts);
                if let Err(trouble) = deleted.await {
                    warn!(%trouble, queue = self.mapping.queue, "messages that were dealt with were not deleted; they come again");
                }
            }
            Went::Failed => {}
            Went::Untried(records) => self.give_back(&records).await,
        }
    }

    async fn invoke(&self, records: Vec<Record>, stop: &mut watch::Receiver<bool>) -> Went {
        let ports = &self.mappings.ports;
        let began = ports.clock.now();
        let payload = Bytes::from(event::payload(&records));
        let mut pause = PAUSE;
        loop {
            let Some(runnable) = self.runnable() else {
                self.say("PROBLEM: Function not found");
                return Went::Untried(records);
            };
            match ports.functions.invoke(&runnable, payload.clone()).await {
                Ran::Answered(answer) => return self.answered(&answer, records),
                Ran::Failed => {
                    self.say("PROBLEM: Function call failed");
                    return Went::Failed;
                }
                Ran::Stopping => return Went::Untried(records),
                Ran::Throttled => {
                    self.throttled.fetch_add(1, Ordering::Relaxed);
                    self.say("PROBLEM: Function call was throttled");
                    let has_time = self.has_time(began, &runnable, pause).await;
                    if !has_time || !rest(stop, pause).await {
                        return Went::Untried(records);
                    }
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }

    fn answered(&self, answer: &Bytes, records: Vec<Record>) -> Went {
        self.say("OK");
        if !self.mapping.wanted.reports_items {
            return Went::Done(records);
        }
        match event::failures(answer, &records) {
            None => Went::Failed,
            Some(failed) => {
                let done = records
                    .into_iter()
                    .filter(|record| !failed.contains(&record.id));
                Went::Done(done.collect())
            }
        }
    }

    /// Whether the function could still end before the messages become visible again.
    async fn has_time(&self, began: Timestamp, runnable: &Runnable, pause: Duration) -> bool {
        let ports = &self.mappings.ports;
        let facts = ports.queues.facts(&self.mapping.queue).await;
        let hidden = facts.map_or(0, |facts| facts.visibility_secs);
        let left =
            Duration::from_secs(hidden.saturating_sub(runnable.settings.timeout_secs).into());
        ports.clock.now().plus(pause) <= began.plus(left)
    }

    fn runnable(&self) -> Option<Runnable> {
        let wanted = &self.mapping.wanted;
        let qualifier = wanted
            .qualifier
            .as_deref()
            .map(str::parse)
            .transpose()
            .ok()?;
        self.mappings
            .ports
            .catalog
            .runnable(&wanted.function, qualifier.as_ref())
    }

    /// Makes messages that were not tried visible.
    async fn give_back(&self, records: &[Record]) {
        let receipts: Vec<_> = records
            .iter()
            .map(|record| record.receipt.clone())
            .collect();
        if receipts.is_empty() {
            return;
        }
        let queue = &self.mapping.queue;
        if let Err(trouble) = self
            .mappings
            .ports
            .queues
            .give_back(queue, receipts, 0)
            .await
        {
            warn!(%trouble, queue, "messages were not given back; they become visible when their timeout ends");
        }
    }

    fn say(&self, result: impl Into<String>) {
        self.mappings.set_result(&self.mapping.uuid, result);
    }
}

fn is_stopped(stop: &watch::Receiver<bool>) -> bool {
    *stop.borrow() || stop.has_changed().is_err()
}

/// Rests for `pause`; false where it is to stop instead.
async fn rest(stop: &mut watch::Receiver<bool>, pause: Duration) -> bool {
    tokio::select! {
        biased;
        _ = stop.wait_for(|stop| *stop) => false,
        () = tokio::time::sleep(pause) => true,
    }
}
