//! Messages out: a look, and while there is none, a wait for new ones or for the next that becomes visible.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use base::Timestamp;
use store::Class;
use store::record::{By, Record, Touched};

use super::{Queue, Queues};
use crate::Error;
use crate::engine::decide::{Lease, ReceiveCall};
use crate::message::{Access, Message, Receive};

const WAIT_MAX: Duration = Duration::from_secs(20);
pub(super) const VISIBILITY_MAX: Duration = Duration::from_secs(43_200);
/// Most messages of one receive by a caller.
const MAX: u32 = 10;
/// Most messages of one receive by a notifier of this process, so that more share what a record costs.
pub const EMBEDDED_MAX: u32 = 64;
/// How often one call looks again because what it found had gone on or was too old; each time it finds ten. Chosen.
const LOOKS_MAX: u32 = 100;

/// What one look found.
enum Look {
    Found(Vec<Message>),
    /// Nothing now; the next message may become visible at this time.
    Nothing(Option<Timestamp>),
}

/// Counts a waiting receiver for as long as it waits.
struct Waiting<'q>(&'q Queue);

impl<'q> Waiting<'q> {
    fn at(queue: &'q Queue) -> Self {
        queue.waiting.fetch_add(1, Ordering::SeqCst);
        Self(queue)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Queues {
    /// Receives up to `max` messages, waiting for the first as long as asked. Returns none when none came.
    ///
    /// # Errors
    /// When a parameter breaks a rule, the queue is bound to a route, or too many messages are in flight (without waiting).
    pub async fn receive(
        &self,
        queue: &Arc<Queue>,
        receive: Receive,
    ) -> Result<Vec<Message>, Error> {
        queue.check(receive.access)?;
        let settings = queue.settings();
        let wait = receive
            .wait
            .unwrap_or(Duration::from_secs(u64::from(settings.wait_secs)));
        let visibility = receive
            .visibility
            .unwrap_or(Duration::from_secs(u64::from(settings.visibility_secs)));
        check(&receive, wait, visibility, settings.is_fifo)?;
        let until = self.time.monotonic().saturating_add(wait);
        let _waiting = Waiting::at(queue);
        loop {
            let mut arrival = pin!(queue.arrivals.notified());
            arrival.as_mut().enable();
            let mut sooner = pin!(queue.sooner.notified());
            sooner.as_mut().enable();
            let next = match self.look(queue, &receive, visibility) {
                Ok(Look::Found(messages)) => {
                    self.count(queue, "NumberOfMessagesReceived", messages.len());
                    return Ok(messages);
                }
                Ok(Look::Nothing(next)) => next,
                // With long polling SQS answers with nothing when too many are in flight.
                Err(Error::OverLimit { .. }) if !wait.is_zero() => None,
                Err(error) => return Err(error),
            };
            let left = until.saturating_sub(self.time.monotonic());
            if left.is_zero() || *self.draining.borrow() {
                self.count(queue, "NumberOfEmptyReceives", 1);
                return Ok(Vec::new());
            }
            let visible_in = next.map_or(left, |at| {
                at.since(self.now()).max(Duration::from_millis(1))
            });
            tokio::select! {
                () = arrival => {}
                () = sooner => {}
                () = self.drained() => {}
                () = tokio::time::sleep(left.min(visible_in)) => {}
            }
        }
    }

    /// Has all receivers that wait answered at once, and those that come later not wait: the server is about to end.
    pub fn end_waits(&self) {
        self.draining.send_replace(true);
    }

    async fn drained(&self) {
        let mut draining = self.draining.subscribe();
        // The sender lives as long as the queues.
        let _ = draining.wait_for(|is_draining| *is_draining).await;
    }

    /// Looks again when all that was found were dead letters, which have moved on, or had outlived their retention.
    fn look(
        &self,
        queue: &Arc<Queue>,
        receive: &Receive,
        visibility: Duration,
    ) -> Result<Look, Error> {
        for _ in 0..LOOKS_MAX {
            if let Some(found) = self.look_once(queue, receive, visibility)? {
                return Ok(found);
            }
        }
        Ok(Look::Nothing(Some(self.now())))
    }

    fn look_once(
        &self,
        queue: &Arc<Queue>,
        receive: &Receive,
        visibility: Duration,
    ) -> Result<Option<Look>, Error> {
        let by = match receive.access {
            Access::Outside | Access::Administrator => By::Consumer,
            Access::Notifier => By::Notifier,
            Access::Embedded => By::Embedded,
        };
        let mut leases: Vec<Lease> = Vec::new();
        {
            let mut engine = self.engine.lock();
            let at = engine.time(self.now());
            let call = ReceiveCall {
                max: receive.max as usize,
                until: at.plus(visibility),
                by,
                attempt_id: receive.attempt_id.as_deref(),
                durable: self.journal.durable().get(),
            };
            engine.queue(queue.id()).map_err(|_| queue.not_found())?;
            let receiving = engine.decide_receive(queue.id(), at, &call)?;
            let has_changed = !receiving.records.is_empty();
            for mut record in receiving.records {
                let end = self
                    .write(&mut engine, Class::Unhurried, at, &mut record)?
                    .end;
                self.wake_target(&record, end);
            }
            leases.extend(
                receiving
                    .keys
                    .iter()
                    .filter_map(|key| engine.lease(queue.id(), *key)),
            );
            let state = engine
                .queue_mut(queue.id())
                .map_err(|_| queue.not_found())?;
            if leases.is_empty() {
                return Ok((!has_changed).then(|| Look::Nothing(state.sleep_until())));
            }
            if state.visible() > 0 {
                queue.wake();
            }
        }
        let mut messages = self.messages(queue, &leases)?;
        self.expire_found(queue, &mut messages)?;
        Ok((!messages.is_empty()).then_some(Look::Found(messages)))
    }

    /// Takes out what has outlived its retention: of a cold message only the journal knows the second.
    fn expire_found(&self, queue: &Queue, messages: &mut Vec<Message>) -> Result<(), Error> {
        let retention = Duration::from_secs(u64::from(queue.settings().retention_secs));
        let now = self.now();
        let old: Vec<Touched> = messages
            .extract_if(.., |message| message.sent_at.plus(retention) <= now)
            .map(|message| Touched {
                key: message.key,
                sent_minute: u32::try_from(message.sent_at.as_minutes()).unwrap_or(u32::MAX),
                lines: message.lines,
            })
            .collect();
        if old.is_empty() {
            return Ok(());
        }
        let mut engine = self.engine.lock();
        let at = engine.time(self.now());
        let Ok(state) = engine.queue(queue.id()) else {
            return Ok(());
        };
        let there = old.into_iter().filter(|old| state.holds(old.key));
        let mut record = Record::Expired {
            queue: queue.id(),
            messages: there.collect(),
        };
        self.write(&mut engine, Class::Settle, at, &mut record)?;
        queue.wake();
        Ok(())
    }
}

fn check(
    receive: &Receive,
    wait: Duration,
    visibility: Duration,
    is_fifo: bool,
) -> Result<(), Error> {
    let max = match receive.access {
        Access::Embedded => EMBEDDED_MAX,
        Access::Outside | Access::Administrator | Access::Notifier => MAX,
    };
    if !(1..=max).contains(&receive.max) {
        let right = "it is an integer from 1 to 10";
        return Err(Error::parameter(
            "MaxNumberOfMessages",
            receive.max.to_string(),
            right,
        ));
    }
    if wait > WAIT_MAX {
        let right = "it is an integer from 0 to 20";
        return Err(Error::parameter(
            "WaitTimeSeconds",
            wait.as_secs().to_string(),
            right,
        ));
    }
    check_visibility(visibility)?;
    match &receive.attempt_id {
        Some(id) if !is_fifo => {
            let right = "the request includes a parameter that is not valid for this queue type";
            Err(Error::parameter("ReceiveRequestAttemptId", id, right))
        }
        Some(id) => super::send::check_id("ReceiveRequestAttemptId", id),
        None => Ok(()),
    }
}

pub(super) fn check_visibility(visibility: Duration) -> Result<(), Error> {
    if visibility > VISIBILITY_MAX {
        let right = "it is an integer from 0 to 43200";
        return Err(Error::parameter(
            "VisibilityTimeout",
            visibility.as_secs().to_string(),
            right,
        ));
    }
    Ok(())
}
