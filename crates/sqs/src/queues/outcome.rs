//! What becomes of received messages: deleted, visible at another time, handed back, settled.

use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use store::record::{
    Carry, CarryKind, LineOutcome, MessageKey, NewMessage, Next, QueueId, Record, Settlement,
    Touched,
};
use store::{Class, Position};

use super::receive::check_visibility;
use super::send::{Checked, new_message};
use super::{Queue, Queues};
use crate::Error;
use crate::engine::Engine;
use crate::engine::decide::dedup_of;
use crate::engine::ids::Handle;
use crate::message::{Access, Carried, Settle, SettledLine};

type Outcomes = Vec<Result<(), Error>>;

/// Messages of one record of ended leases. Chosen: some 5 KiB.
const RELEASED_MAX: usize = 1000;

/// Which of its waits for a retry a message is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait(u16);

impl Queues {
    /// Deletes messages by receipt handle. One outcome each, in order; a message that is gone already counts as deleted.
    ///
    /// # Errors
    /// [`Error::BoundToRoute`], [`Error::QueueNotFound`], and what the journal refuses.
    pub async fn delete(
        &self,
        queue: &Arc<Queue>,
        access: Access,
        handles: &[&str],
    ) -> Result<Outcomes, Error> {
        queue.check(access)?;
        let opened = self.open_all(queue, handles);
        let known: Vec<Handle> = opened
            .iter()
            .filter_map(|handle| handle.as_ref().ok().copied())
            .collect();
        let (outcomes, end, count) = {
            let mut engine = self.engine.lock();
            let at = engine.time(self.now());
            engine.queue(queue.id()).map_err(|_| queue.not_found())?;
            let (outcomes, messages) = engine.decide_delete(queue.id(), at, &known)?;
            let count = messages.len();
            let end = self.write_some(&mut engine, Class::Settle, at, messages, |messages| {
                Record::Deleted {
                    queue: queue.id(),
                    messages,
                }
            })?;
            self.wake_if_group_opened(&engine, queue, count);
            (outcomes, end, count)
        };
        self.journal.committed(end).await?;
        self.count(queue, "NumberOfMessagesDeleted", count);
        Ok(merge(opened, outcomes))
    }

    /// Makes messages visible that long from now, 0 s to 12 h; also how a notifier extends its leases.
    ///
    /// # Errors
    /// As for [`Queues::delete`]. Each outcome may be [`Error::NotInFlight`], [`Error::NotHeld`], or that the time since
    /// the receive would be more than 12 h.
    pub async fn change_visibility(
        &self,
        queue: &Arc<Queue>,
        access: Access,
        changes: &[(&str, Duration)],
    ) -> Result<Outcomes, Error> {
        queue.check(access)?;
        let opened: Vec<Result<(Handle, Duration), Error>> = changes
            .iter()
            .map(|(handle, after)| {
                check_visibility(*after)?;
                Ok((self.handle(queue, handle)?, *after))
            })
            .collect();
        let (outcomes, end, is_visible) = {
            let mut engine = self.engine.lock();
            let at = engine.time(self.now());
            engine.queue(queue.id()).map_err(|_| queue.not_found())?;
            let known: Vec<(Handle, Timestamp)> = opened
                .iter()
                .flatten()
                .map(|(handle, after)| (*handle, at.plus(*after)))
                .collect();
            let (outcomes, changes) = engine.decide_visibility(queue.id(), at, &known)?;
            let is_sooner = !changes.is_empty();
            let end = self.write_some(&mut engine, class_of(access), at, changes, |changes| {
                Record::VisibilityChanged {
                    queue: queue.id(),
                    changes,
                }
            })?;
            (outcomes, end, is_sooner)
        };
        if is_visible {
            queue.wake();
        }
        self.journal.committed(end).await?;
        Ok(merge(opened, outcomes))
    }

    /// A notifier hands messages back: visible at once, and its receive does not count.
    ///
    /// # Errors
    /// [`Error::QueueNotFound`], and what the journal refuses. Each outcome may be [`Error::HandleExpired`].
    pub async fn release(&self, queue: &Arc<Queue>, handles: &[&str]) -> Result<Outcomes, Error> {
        let opened = self.open_all(queue, handles);
        let known: Vec<Handle> = opened.iter().flatten().copied().collect();
        let (outcomes, end) = {
            let mut engine = self.engine.lock();
            let at = engine.time(self.now());
            engine.queue(queue.id()).map_err(|_| queue.not_found())?;
            let (outcomes, messages) = engine.decide_release(queue.id(), at, &known)?;
            let end = self.write_some(&mut engine, Class::Unhurried, at, messages, |messages| {
                Record::Released {
                    queue: queue.id(),
                    messages,
                }
            })?;
            (outcomes, end)
        };
        queue.wake();
        self.journal.committed(end).await?;
        Ok(merge(opened, outcomes))
    }

    /// Ends what a process before this one held itself ([`Access::Embedded`]): its notifiers are gone with it, so their messages
    /// are visible at once, and the receives do not count. Answers how many those were.
    ///
    /// To be called before this process receives anything itself. Leases of all others keep their time.
    ///
    /// # Errors
    /// What the journal refuses; the leases that are left end at their time.
    pub fn end_leases(&self) -> Result<u64, Error> {
        let mut ids = self.engine.lock().queue_ids();
        ids.sort_unstable();
        let mut count = 0;
        for id in ids {
            let mut engine = self.engine.lock();
            let at = engine.time(self.now());
            // A queue that was deleted since holds nothing.
            let held = engine.decide_end_leases(id, at).unwrap_or_default();
            for messages in held.chunks(RELEASED_MAX) {
                let mut record = Record::Released {
                    queue: id,
                    messages: messages.to_vec(),
                };
                self.write(&mut engine, Class::Settle, at, &mut record)?;
                count += messages.len() as u64;
            }
            drop(engine);
            if let (false, Some(queue)) = (held.is_empty(), self.queue_by_id(id)) {
                queue.wake();
            }
        }
        Ok(count)
    }

    /// A notifier's results and what becomes of its messages, in one record. One outcome each, in order.
    ///
    /// Results of a lost lease are stored all the same, and nothing else comes of them: see [`Settlement::lines_before`].
    ///
    /// # Errors
    /// [`Error::QueueNotFound`], and what the journal refuses. Each outcome may be [`Error::HandleExpired`] when somebody else
    /// received the message since or it has gone, or what is wrong with a carried message.
    pub async fn settle(
        &self,
        queue: &Arc<Queue>,
        settles: Vec<Settle>,
    ) -> Result<Outcomes, Error> {
        let now = self.now();
        let opened: Vec<Result<(Handle, Vec<Checked>), Error>> = settles
            .iter()
            .map(|settle| {
                let handle = self.handle(queue, &settle.receipt_handle)?;
                let carried = settle
                    .carries
                    .iter()
                    .map(|each| self.check_carried(&each.queue, &each.message, now));
                Ok((handle, carried.collect::<Result<_, _>>()?))
            })
            .collect();
        let known: Vec<Handle> = opened.iter().flatten().map(|(handle, _)| *handle).collect();
        let (outcomes, end) = {
            let mut engine = self.engine.lock();
            let at = engine.time(now);
            engine.queue(queue.id()).map_err(|_| queue.not_found())?;
            let mut decided = engine.decide_settle(queue.id(), at, &known)?.into_iter();
            let mut outcomes = Vec::with_capacity(known.len());
            let mut settlements = Vec::with_capacity(known.len());
            for (settle, opened) in settles.iter().zip(&opened) {
                let Ok((handle, carried)) = opened else {
                    continue;
                };
                let booked = decided.next().unwrap_or(Err(Error::HandleExpired));
                if booked == Err(Error::HandleExpired) {
                    settlements.extend(late_settlement(settle, *handle));
                }
                let made = booked.and_then(|booked| {
                    check_targets(&engine, &settle.carries)?;
                    settlement(settle, carried, booked, at)
                });
                outcomes.push(made.map(|settlement| settlements.push(settlement)));
            }
            let end = self.write_some(
                &mut engine,
                Class::Unhurried,
                at,
                settlements,
                |settlements| Record::Settled {
                    queue: queue.id(),
                    settlements,
                },
            )?;
            self.wake_carried(&settles, end);
            self.wake_if_due_already(&engine, queue, &settles, end);
            self.wake_if_group_opened(&engine, queue, outcomes.len());
            (outcomes, end)
        };
        self.journal.committed(end).await?;
        Ok(merge(opened, outcomes))
    }

    /// The wait that begins when the receive of `handle` is settled with [`Next::RetryAt`]; `None` for what is no handle of the queue.
    #[must_use]
    pub fn wait_after(&self, queue: &Queue, handle: &str) -> Option<(MessageKey, Wait)> {
        let handle = self.handle(queue, handle).ok()?;
        Some((handle.key, Wait(handle.nonce.wrapping_add(1))))
    }

    /// Makes messages due that wait for a retry, unless they were received since. Nothing is recorded: after a crash they are due
    /// at the time that their settle said.
    ///
    /// # Errors
    /// [`Error::QueueNotFound`].
    pub fn hasten(&self, queue: &Queue, waits: &[(MessageKey, Wait)]) -> Result<(), Error> {
        let waits: Vec<(MessageKey, u16)> =
            waits.iter().map(|(key, wait)| (*key, wait.0)).collect();
        let hastened = {
            let mut engine = self.engine.lock();
            let state = engine.queue_mut(queue.id());
            state.map_err(|_| queue.not_found())?.hasten(&waits)
        };
        if hastened > 0 {
            queue.wake();
        }
        Ok(())
    }

    fn open_all(&self, queue: &Queue, handles: &[&str]) -> Vec<Result<Handle, Error>> {
        handles
            .iter()
            .map(|handle| self.handle(queue, handle))
            .collect()
    }

    /// Writes a record when there is something to say. Either way: what to wait for, so that an outcome that rests on an
    /// earlier record is not told before that is durable.
    fn write_some<'r, T>(
        &self,
        engine: &mut Engine,
        class: Class,
        at: Timestamp,
        items: Vec<T>,
        make: impl FnOnce(Vec<T>) -> Record<'r>,
    ) -> Result<Position, Error> {
        if items.is_empty() {
            return Ok(self.journal.end());
        }
        Ok(self.write(engine, class, at, &mut make(items))?.end)
    }

    /// What leaves a FIFO queue may let the next of its group go.
    fn wake_if_group_opened(&self, engine: &Engine, queue: &Queue, left: usize) {
        if left > 0
            && engine
                .queue(queue.id())
                .is_ok_and(|state| state.is_fifo() && state.visible() > 0)
        {
            queue.wake();
        }
    }

    /// A retry whose time came while its settle was on the way is no deadline that a sleeping receiver learns of.
    fn wake_if_due_already(
        &self,
        engine: &Engine,
        queue: &Arc<Queue>,
        settles: &[Settle],
        end: Position,
    ) {
        let is_retry = |settle: &Settle| matches!(settle.next, Next::RetryAt { .. });
        if settles.iter().any(is_retry)
            && engine
                .queue(queue.id())
                .is_ok_and(|state| state.visible() > 0)
        {
            self.wake_at(queue, end);
        }
    }

    fn wake_carried(&self, settles: &[Settle], end: Position) {
        let mut woken: Vec<QueueId> = Vec::new();
        for carried in settles.iter().flat_map(|settle| &settle.carries) {
            if !woken.contains(&carried.queue.id()) {
                woken.push(carried.queue.id());
                self.wake_at(&carried.queue, end);
            }
        }
    }

    /// Wakes a receiver of the queue that a moved message entered.
    pub(super) fn wake_target(&self, record: &Record<'_>, end: Position) {
        if let Record::Moved { to, .. } = record
            && let Some(queue) = self.queue_by_id(*to)
        {
            self.wake_at(&queue, end);
        }
    }
}

/// A caller's answer waits for the commit; a notifier of this process has better things to do meanwhile.
fn class_of(access: Access) -> Class {
    match access {
        Access::Embedded => Class::Unhurried,
        Access::Outside | Access::Administrator | Access::Notifier => Class::Settle,
    }
}

fn check_targets(engine: &Engine, carries: &[Carried]) -> Result<(), Error> {
    carries.iter().try_for_each(|carried| {
        engine
            .queue(carried.queue.id())
            .map(|_| ())
            .map_err(|_| carried.queue.not_found())
    })
}

fn settlement<'a>(
    settle: &'a Settle,
    carried: &'a [Checked],
    booked: Touched,
    at: Timestamp,
) -> Result<Settlement<'a>, Error> {
    let lines = settle.lines.iter().map(line_outcome);
    // The ledger books by the queue's own minute, whatever the message's attributes say of the time.
    let is_same = settle.sent_at.as_minutes() == u64::from(booked.sent_minute);
    let own_minute = Timestamp::from_secs(u64::from(booked.sent_minute) * 60);
    let booked_at = if is_same { settle.sent_at } else { own_minute };
    let carries = settle.carries.iter().zip(carried).map(|(carry, checked)| {
        let settings = carry.queue.settings();
        let id = carry.message.dedup_id.as_deref();
        // What is carried goes on in any case: without an id on a FIFO queue it is known by none.
        let dedup = dedup_of(&settings, id, &carry.message.body).unwrap_or_default();
        // What is tried again stays booked where it was first accepted; what is dead begins a new wait, and what an
        // operator sends again a new life.
        let sent_at = match carry.kind {
            CarryKind::Retry => booked_at,
            CarryKind::Dead | CarryKind::Replayed => at,
        };
        let message = new_message(&carry.message, checked, sent_at, 0);
        Carry {
            queue: carry.queue.id(),
            kind: carry.kind,
            message: NewMessage { dedup, ..message },
        }
    });
    Ok(Settlement {
        key: booked.key,
        sent_at: booked_at,
        lines_before: booked.lines,
        lines: lines.collect(),
        next: settle.next,
        carries: carries.collect(),
    })
}

/// The results of an attempt whose lease was lost: they are kept, booked nowhere, and nothing comes of them, since whoever has
/// the message now answers for it. `None` when there is no result.
fn late_settlement(settle: &Settle, handle: Handle) -> Option<Settlement<'_>> {
    let results = settle.lines.iter().filter(|line| !line.result.is_empty());
    let lines: Vec<LineOutcome<'_>> = results.map(line_outcome).collect();
    (!lines.is_empty()).then(|| Settlement {
        key: handle.key,
        sent_at: settle.sent_at,
        lines_before: 0,
        lines,
        next: Next::Gone,
        carries: Vec::new(),
    })
}

fn line_outcome(line: &SettledLine) -> LineOutcome<'_> {
    LineOutcome {
        line: line.line,
        destination: &line.destination,
        state: line.state,
        result: &line.result,
    }
}

/// The outcomes of what could be opened, in the places of the whole.
fn merge<T>(opened: Vec<Result<T, Error>>, outcomes: Outcomes) -> Outcomes {
    let mut outcomes = outcomes.into_iter();
    let mut next = || outcomes.next().unwrap_or(Err(Error::HandleExpired));
    opened
        .into_iter()
        .map(|opened| opened.and_then(|_| next()))
        .collect()
}
