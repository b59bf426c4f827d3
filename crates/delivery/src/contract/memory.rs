//! A queue and a result store in memory.
//!
//! [`Model`] is the queue without time or threads: the simulation drives it step by step with SQS's own limits
//! (in-flight cap with silently empty receives, 12 h of visibility, 15 minutes of delay) or with the embedded rules.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use base::{Clock, Timestamp};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;

use super::ready::Ready;
use crate::port::{
    Ask, Carry, Error, Lease, Next, Outcome, Queue, QueueTraits, Received, ResultStore, RetryWait,
    StoredObject,
};

/// The longest time that a message can be invisible. Source: SQS quotas.
const VISIBILITY_MAX: Duration = Duration::from_secs(12 * 3600);

/// The traits of the embedded queue.
pub const EMBEDDED: QueueTraits = QueueTraits {
    retry_wait: RetryWait::Native,
    receive_max: 1_000,
    is_fifo: false,
    sources: 1,
    settle_max: 256,
    settle_within: Duration::from_millis(2),
    delay_max: Duration::MAX,
};

/// The traits of a queue of real SQS.
pub const SQS: QueueTraits = QueueTraits {
    retry_wait: RetryWait::Resend,
    receive_max: 10,
    is_fifo: false,
    sources: 1,
    settle_max: 1_000,
    settle_within: Duration::from_secs(1),
    delay_max: Duration::from_secs(15 * 60),
};

#[derive(Clone, Debug)]
struct Entry {
    message_id: Arc<str>,
    body: Bytes,
    attributes: BTreeMap<String, String>,
    sent_at: Timestamp,
    group: Option<Arc<str>>,
    receive_count: u32,
    attempt: u32,
    /// The lease of the last receive while it lasts.
    lease: Option<u64>,
    visible_at: Timestamp,
    /// Whether it counts as in flight until `visible_at`.
    is_in_flight: bool,
    is_ready: bool,
}

/// The queue as a state machine.
#[derive(Debug)]
pub struct Model {
    traits: QueueTraits,
    in_flight_max: usize,
    entries: HashMap<u64, Entry>,
    ready: Ready,
    timers: BinaryHeap<Reverse<(Timestamp, u64)>>,
    groups: HashMap<Arc<str>, BTreeSet<u64>>,
    in_flight: usize,
    next: u64,
    next_lease: u64,
    /// Every outcome that was settled, in order.
    pub settled: Vec<Outcome>,
    /// Receives that were empty because of the in-flight cap.
    pub capped_receives: u64,
    /// The most that were in flight at once.
    pub in_flight_peak: usize,
}

impl Model {
    /// An empty queue. `in_flight_max`: beyond it receives are silently empty (SQS: 120,000).
    #[must_use]
    pub fn new(traits: QueueTraits, in_flight_max: usize) -> Self {
        Self {
            traits,
            in_flight_max,
            entries: HashMap::new(),
            ready: Ready::default(),
            timers: BinaryHeap::new(),
            groups: HashMap::new(),
            in_flight: 0,
            next: 0,
            next_lease: 0,
            settled: Vec::new(),
            capped_receives: 0,
            in_flight_peak: 0,
        }
    }

    /// What it can do.
    #[must_use]
    pub fn traits(&self) -> QueueTraits {
        self.traits
    }

    /// Messages in the queue, in any state.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Messages that may be received now.
    #[must_use]
    pub fn visible(&self) -> usize {
        self.entries.values().filter(|entry| entry.is_ready).count()
    }

    /// The part of the in-flight cap that is used.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    pub fn in_flight_share(&self) -> f64 {
        self.in_flight as f64 / self.in_flight_max as f64
    }

    /// Sends a message; its id.
    pub fn send(
        &mut self,
        at: Timestamp,
        body: Bytes,
        attributes: BTreeMap<String, String>,
        group: Option<Arc<str>>,
    ) -> Arc<str> {
        self.add(at, at, 0, body, attributes, group)
    }

    fn add(
        &mut self,
        at: Timestamp,
        visible_at: Timestamp,
        attempt: u32,
        body: Bytes,
        attributes: BTreeMap<String, String>,
        group: Option<Arc<str>>,
    ) -> Arc<str> {
        let key = self.next;
        self.next += 1;
        let message_id: Arc<str> = Arc::from(format!("m{key}"));
        if let Some(group) = &group {
            self.groups.entry(group.clone()).or_default().insert(key);
        }
        self.entries.insert(
            key,
            Entry {
                message_id: message_id.clone(),
                body,
                attributes,
                sent_at: at,
                group,
                receive_count: 0,
                attempt,
                lease: None,
                visible_at,
                is_in_flight: false,
                is_ready: false,
            },
        );
        self.wait(key, at, visible_at);
        message_id
    }

    fn wait(&mut self, key: u64, at: Timestamp, visible_at: Timestamp) {
        if visible_at <= at {
            let entry = self.entries.get_mut(&key).expect("known");
            entry.is_ready = true;
            let has_waited = entry.receive_count > 0;
            self.stand(key, has_waited);
        } else {
            self.timers.push(Reverse((visible_at, key)));
        }
    }

    /// Lets messages become visible whose time has come.
    fn wake(&mut self, at: Timestamp) {
        while let Some(Reverse((time, key))) = self.timers.peek().copied() {
            if time > at {
                break;
            }
            self.timers.pop();
            if let Some(entry) = self.entries.get_mut(&key)
                && entry.visible_at == time
                && !entry.is_ready
            {
                self.in_flight -= usize::from(std::mem::take(&mut entry.is_in_flight));
                entry.lease = None;
                entry.is_ready = true;
                self.stand(key, true);
            }
        }
    }

    /// Lets a message stand behind those that can be received.
    fn stand(&mut self, key: u64, has_waited: bool) {
        let takes_turns = self.traits.retry_wait == RetryWait::Native && !self.traits.is_fifo;
        self.ready.list(takes_turns && has_waited).push_back(key);
    }

    /// Receives at once what there is.
    pub fn receive(&mut self, at: Timestamp, ask: Ask) -> Vec<Received> {
        self.wake(at);
        let mut batch = Vec::new();
        let mut skipped = Ready::default();
        let mut own = HashSet::new();
        while batch.len() < ask.max.min(self.traits.receive_max) {
            if self.in_flight >= self.in_flight_max {
                self.capped_receives += 1;
                break;
            }
            let Some((key, is_returned)) = self.ready.pop() else {
                break;
            };
            if !self.may_receive(key, &own) {
                if self.entries.contains_key(&key) {
                    skipped.list(is_returned).push_back(key);
                }
                continue;
            }
            own.insert(key);
            batch.push(self.lease(at, key, ask.lease));
        }
        skipped.fresh.append(&mut self.ready.fresh);
        skipped.returned.append(&mut self.ready.returned);
        self.ready = Ready {
            turn: self.ready.turn,
            ..skipped
        };
        self.in_flight_peak = self.in_flight_peak.max(self.in_flight);
        batch
    }

    /// In a FIFO queue: all before it in its group belong to this very receive.
    fn may_receive(&self, key: u64, own: &HashSet<u64>) -> bool {
        let Some(entry) = self.entries.get(&key) else {
            return false;
        };
        let group = entry.group.as_ref().filter(|_| self.traits.is_fifo);
        let before = group.and_then(|group| self.groups.get(group));
        before.is_none_or(|keys| keys.range(..key).all(|other| own.contains(other)))
    }

    fn lease(&mut self, at: Timestamp, key: u64, span: Duration) -> Received {
        let lease = self.next_lease;
        self.next_lease += 1;
        let entry = self.entries.get_mut(&key).expect("the caller has looked");
        let lease_until = at.plus(span.min(VISIBILITY_MAX));
        entry.lease = Some(lease);
        entry.visible_at = lease_until;
        entry.is_in_flight = true;
        entry.is_ready = false;
        entry.receive_count += 1;
        self.in_flight += 1;
        self.timers.push(Reverse((lease_until, key)));
        Received {
            lease: Lease(Arc::from(format!("{key}:{lease}"))),
            message_id: entry.message_id.clone(),
            body: entry.body.clone(),
            attributes: entry.attributes.clone(),
            sent_at: entry.sent_at,
            lease_until,
            receive_count: entry.receive_count,
            attempt: entry.attempt,
            group: entry.group.clone(),
            origin: None,
        }
    }

    /// The entry of a lease that still holds.
    fn held(&mut self, at: Timestamp, lease: &Lease) -> Option<u64> {
        self.wake(at);
        let (key, number) = lease.0.split_once(':')?;
        let (key, number) = (key.parse().ok()?, number.parse::<u64>().ok()?);
        let entry = self.entries.get(&key)?;
        (entry.lease == Some(number)).then_some(key)
    }

    /// Extends leases; those that are lost.
    pub fn extend(&mut self, at: Timestamp, leases: &[Lease], span: Duration) -> Vec<Lease> {
        let mut lost = Vec::new();
        for lease in leases {
            let Some(key) = self.held(at, lease) else {
                lost.push(lease.clone());
                continue;
            };
            let until = at.plus(span.min(VISIBILITY_MAX));
            self.entries.get_mut(&key).expect("held").visible_at = until;
            self.timers.push(Reverse((until, key)));
        }
        lost
    }

    /// Gives messages back.
    pub fn release(&mut self, at: Timestamp, leases: &[Lease], wait: Duration) {
        for lease in leases {
            if let Some(key) = self.held(at, lease) {
                let until = at.plus(wait.min(VISIBILITY_MAX));
                self.let_wait(at, key, until, self.traits.retry_wait == RetryWait::Resend);
            }
        }
    }

    fn let_wait(&mut self, at: Timestamp, key: u64, until: Timestamp, keeps_in_flight: bool) {
        let entry = self.entries.get_mut(&key).expect("held");
        entry.lease = None;
        entry.visible_at = until;
        if (until <= at || !keeps_in_flight) && std::mem::take(&mut entry.is_in_flight) {
            self.in_flight -= 1;
        }
        self.wait(key, at, until);
    }

    /// The wait that a message is in whose receive of `lease` was settled: its key, and which one, if it is there still.
    #[must_use]
    pub fn wait_after(&self, lease: &Lease) -> Option<(u64, Timestamp)> {
        let key = lease.0.split_once(':')?.0.parse().ok()?;
        let entry = self.entries.get(&key);
        Some((
            key,
            entry.map_or(Timestamp::EPOCH, |entry| entry.visible_at),
        ))
    }

    /// Makes messages due that wait still.
    pub fn hasten(&mut self, at: Timestamp, waits: &[(u64, Timestamp)]) {
        for (key, until) in waits {
            if let Some(entry) = self.entries.get_mut(key)
                && entry.visible_at == *until
                && entry.lease.is_none()
                && !entry.is_ready
            {
                entry.visible_at = at;
                self.wait(*key, at, at);
            }
        }
    }

    /// Settles outcomes.
    pub fn settle(&mut self, at: Timestamp, outcomes: &[Outcome]) {
        for outcome in outcomes {
            let held = self.held(at, &outcome.lease);
            self.settled.push(outcome.clone());
            let Some(key) = held else {
                continue;
            };
            match outcome.next {
                Next::Gone => {
                    for carry in &outcome.carries {
                        self.carry(at, carry);
                    }
                    self.remove(key);
                }
                Next::RetryAt { at: until, attempt } => {
                    assert_eq!(
                        self.traits.retry_wait,
                        RetryWait::Native,
                        "RetryAt is for native queues"
                    );
                    self.entries.get_mut(&key).expect("held").attempt = attempt;
                    self.let_wait(at, key, until, false);
                }
                Next::VisibleAfter { wait } => {
                    assert_eq!(
                        self.traits.retry_wait,
                        RetryWait::Resend,
                        "VisibleAfter is for others"
                    );
                    self.let_wait(at, key, at.plus(wait), true);
                }
            }
        }
    }

    fn carry(&mut self, at: Timestamp, carry: &Carry) {
        let wait = carry.not_before.since(at).min(self.traits.delay_max);
        // Where a retry is a state of its own, the first time of acceptance and the attempt stay with the message.
        let (sent_at, attempt) = match self.traits.retry_wait {
            RetryWait::Native => (carry.sent_at, carry.attempt),
            RetryWait::Resend => (at, 0),
        };
        let (body, attributes) = (carry.body.clone(), carry.attributes.clone());
        self.add(
            at,
            at.plus(wait),
            attempt,
            body,
            attributes,
            carry.group.clone(),
        );
        if let Some(entry) = self.entries.get_mut(&(self.next - 1)) {
            entry.sent_at = sent_at;
        }
    }

    fn remove(&mut self, key: u64) {
        if let Some(entry) = self.entries.remove(&key) {
            self.in_flight -= usize::from(entry.is_in_flight);
            if let Some(keys) = entry
                .group
                .as_ref()
                .and_then(|group| self.groups.get_mut(group))
            {
                keys.remove(&key);
            }
        }
    }

    /// When the next message becomes visible by time.
    #[must_use]
    pub fn next_at(&self) -> Option<Timestamp> {
        self.timers.peek().map(|Reverse((at, _))| *at)
    }

    /// Whether something can be received now, groups and the cap aside.
    #[must_use]
    pub fn has_ready(&self) -> bool {
        !(self.ready.fresh.is_empty() && self.ready.returned.is_empty())
    }
}

/// The queue behind the port.
#[derive(Debug)]
pub struct MemoryQueue {
    clock: Arc<dyn Clock>,
    model: Mutex<Model>,
    changed: tokio::sync::Notify,
}

impl MemoryQueue {
    /// An empty queue.
    #[must_use]
    pub fn new(traits: QueueTraits, clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            model: Mutex::new(Model::new(traits, 120_000)),
            changed: tokio::sync::Notify::new(),
        }
    }

    /// Looks at or changes the state.
    pub fn with<T>(&self, look: impl FnOnce(&mut Model) -> T) -> T {
        let result = look(&mut self.model.lock());
        self.changed.notify_waiters();
        result
    }

    /// Sends a message.
    pub fn send(&self, body: impl Into<Bytes>) -> Arc<str> {
        let now = self.clock.now();
        self.with(|model| model.send(now, body.into(), BTreeMap::new(), None))
    }

    async fn receive_within(&self, ask: Ask) -> Vec<Received> {
        let ends_at = self.clock.monotonic() + ask.wait;
        loop {
            let changed = self.changed.notified();
            let batch = self.model.lock().receive(self.clock.now(), ask);
            let left = ends_at.saturating_sub(self.clock.monotonic());
            if !batch.is_empty() || left.is_zero() {
                return batch;
            }
            // A message may become visible by time alone: look again now and then.
            let nap = left.min(Duration::from_millis(10));
            let _ = tokio::time::timeout(nap, changed).await;
        }
    }
}

impl Queue for MemoryQueue {
    fn traits(&self) -> QueueTraits {
        self.model.lock().traits
    }

    fn receive(&self, ask: Ask) -> BoxFuture<'_, Result<Vec<Received>, Error>> {
        Box::pin(async move { Ok(self.receive_within(ask).await) })
    }

    fn extend<'a>(
        &'a self,
        leases: &'a [Lease],
        span: Duration,
    ) -> BoxFuture<'a, Result<Vec<Lease>, Error>> {
        let now = self.clock.now();
        Box::pin(async move { Ok(self.with(|model| model.extend(now, leases, span))) })
    }

    fn release<'a>(
        &'a self,
        leases: &'a [Lease],
        wait: Duration,
    ) -> BoxFuture<'a, Result<(), Error>> {
        let now = self.clock.now();
        Box::pin(async move {
            self.with(|model| model.release(now, leases, wait));
            Ok(())
        })
    }

    fn settle<'a>(&'a self, outcomes: &'a [Outcome]) -> BoxFuture<'a, Result<(), Error>> {
        let now = self.clock.now();
        Box::pin(async move {
            self.with(|model| model.settle(now, outcomes));
            Ok(())
        })
    }

    fn in_flight_share(&self) -> BoxFuture<'_, Result<f64, Error>> {
        let share = self.model.lock().in_flight_share();
        Box::pin(std::future::ready(Ok(share)))
    }
}

/// A result store in memory.
#[derive(Debug)]
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    objects: Mutex<BTreeMap<String, (Bytes, Timestamp)>>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            objects: Mutex::default(),
        }
    }
}

impl ResultStore for MemoryStore {
    fn put<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<(), Error>> {
        let now = self.clock.now();
        self.objects.lock().insert(name.to_owned(), (bytes, now));
        Box::pin(std::future::ready(Ok(())))
    }

    fn put_new<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<bool, Error>> {
        let now = self.clock.now();
        let mut objects = self.objects.lock();
        let is_new = !objects.contains_key(name);
        if is_new {
            objects.insert(name.to_owned(), (bytes, now));
        }
        Box::pin(std::future::ready(Ok(is_new)))
    }

    fn get<'a>(
        &'a self,
        name: &'a str,
        range: Option<std::ops::Range<u64>>,
    ) -> BoxFuture<'a, Result<Option<Bytes>, Error>> {
        let whole = self
            .objects
            .lock()
            .get(name)
            .map(|(bytes, _)| bytes.clone());
        let part = whole.map(|bytes| match range {
            Some(range) => {
                let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
                bytes.slice(place(range.start)..place(range.end).max(place(range.start)))
            }
            None => bytes,
        });
        Box::pin(std::future::ready(Ok(part)))
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<StoredObject>, Error>> {
        let objects = self.objects.lock();
        let matching = objects.iter().filter(|(name, _)| name.starts_with(prefix));
        let list = matching.map(|(name, (bytes, at))| StoredObject {
            name: name.clone(),
            bytes: bytes.len() as u64,
            written_at: *at,
        });
        Box::pin(std::future::ready(Ok(list.collect())))
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        self.objects.lock().remove(name);
        Box::pin(std::future::ready(Ok(())))
    }
}
