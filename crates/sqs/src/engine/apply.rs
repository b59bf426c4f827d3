//! Records to state. Nothing is refused here: what a record says has happened.

use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use store::Position;
use store::record::{
    CarryKind, Dedup, LineOutcome, LineState, MessageKey, MoveCause, NewMessage, Next, QueueId,
    Record, Settlement, Subject, Touched,
};

use super::dedup::Fingerprint;
use super::group::TENANTS;
use super::hot::{Entry, State};
use super::sip::{self, Seed};
use super::state::{Group, Incoming, QueueState, Source, Taken};
use super::task::{KEPT_MAX, Status, Task};
use super::{DELETED_MS, Engine, Paused};
use crate::settings::Settings;

impl Engine {
    /// Applies the record that lies at `position`.
    ///
    /// # Errors
    /// When settings or a task's state are not what we wrote; nothing else can be wrong with a decoded record.
    pub(crate) fn apply(
        &mut self,
        position: Position,
        at: Timestamp,
        record: &Record<'_>,
    ) -> Result<(), serde_json::Error> {
        self.last_at = self.last_at.max(at);
        match record {
            Record::Started { seed } => self.seed = Some(Seed(*seed)),
            Record::SenderNamed { number, id } => self.name_sender(*number, id),
            Record::QueueCreated {
                queue,
                name,
                settings,
            } => self.create(*queue, name, settings)?,
            Record::QueueChanged { queue, settings } => {
                let settings: Settings = serde_json::from_slice(settings)?;
                self.with(*queue, |queue, _| {
                    queue.set_settings(Arc::new(settings), at)
                });
            }
            Record::QueueDeleted { queue } => self.delete(*queue, at),
            Record::Enqueued {
                queue, messages, ..
            } => self.enqueue(*queue, position, at, messages),
            Record::Received {
                queue,
                until,
                by,
                attempt,
                messages,
            } => self.with(*queue, |queue, _| {
                queue.receive_all(at, *until, *by, attempt.as_ref(), messages);
            }),
            Record::VisibilityChanged { queue, changes } => self.with(*queue, |queue, _| {
                for (key, until) in changes {
                    queue.set_visibility(*key, *until);
                }
            }),
            Record::Released { queue, messages } => {
                self.with(*queue, |queue, _| {
                    messages
                        .iter()
                        .for_each(|message| queue.release(message.key))
                });
            }
            Record::Deleted { queue, messages }
            | Record::Expired { queue, messages }
            | Record::MessagesLost { queue, messages } => {
                self.with(*queue, |queue, blocks| {
                    for message in messages {
                        queue.take(message.key, blocks);
                    }
                });
            }
            Record::Settled { queue, settlements } => {
                self.settle(*queue, position, at, settlements)
            }
            Record::Purged { queue } => self.with(*queue, |queue, blocks| {
                queue.clear(blocks);
                queue.purged_at = Some(at);
            }),
            Record::Moved {
                from,
                to,
                cause,
                messages,
            } => self.transfer(*from, *to, position, at, *cause, messages),
            Record::TaskChanged { task, state } => {
                self.change_task(*task, serde_json::from_slice(state)?)
            }
            Record::Relocated { queue, messages } => self.with(*queue, |queue, blocks| {
                for message in messages {
                    let location = MessageKey::of(position, message.offset).0;
                    queue.relocate(message.key, location, blocks);
                }
            }),
            Record::Sealed { up_to } => self.sealed = self.sealed.max(*up_to),
            Record::Paused { subject } => {
                self.paused.insert(paused(*subject));
            }
            Record::Resumed { subject } => {
                self.paused.remove(&paused(*subject));
                if matches!(subject, Subject::Destination(_)) {
                    self.queues.values_mut().for_each(QueueState::end_rests);
                }
            }
            Record::Lost { from, to } => self.lost.push((*from, *to)),
        }
        Ok(())
    }

    fn with(&mut self, id: QueueId, change: impl FnOnce(&mut QueueState, &mut super::Blocks)) {
        if let Some(queue) = self.queues.get_mut(&id) {
            change(queue, &mut self.blocks);
        }
    }

    fn name_sender(&mut self, number: u32, id: &str) {
        let id: Arc<str> = id.into();
        self.sender_numbers.insert(Arc::clone(&id), number);
        let index = number.saturating_sub(1) as usize;
        if self.senders.len() <= index {
            self.senders.resize_with(index + 1, || Arc::from(""));
        }
        if let Some(sender) = self.senders.get_mut(index) {
            *sender = id;
        }
    }

    fn create(
        &mut self,
        id: QueueId,
        name: &str,
        settings: &[u8],
    ) -> Result<(), serde_json::Error> {
        let settings: Settings = serde_json::from_slice(settings)?;
        self.queues
            .insert(id, QueueState::new(id, name, Arc::new(settings)));
        self.names.insert(name.to_owned(), id);
        self.deleted.remove(name);
        self.next_queue = self.next_queue.max(id.0.saturating_add(1));
        Ok(())
    }

    fn delete(&mut self, id: QueueId, at: Timestamp) {
        let Some(mut queue) = self.queues.remove(&id) else {
            return;
        };
        queue.clear(&mut self.blocks);
        self.names.remove(&queue.name);
        self.deleted.retain(|_, deleted_at| {
            at.as_millis() < deleted_at.as_millis().saturating_add(DELETED_MS)
        });
        self.deleted.insert(queue.name, at);
    }

    fn enqueue(
        &mut self,
        id: QueueId,
        position: Position,
        at: Timestamp,
        messages: &[NewMessage<'_>],
    ) {
        let seed = self.seed;
        self.with(id, |queue, blocks| {
            queue.count_sent(at, messages.len());
            for message in messages {
                let key = MessageKey::of(position, message.offset);
                if let (true, Some(seed)) = (queue.is_fifo(), seed)
                    && let Some(fingerprint) =
                        fingerprint(seed, &queue.settings, message.dedup, message.group)
                {
                    queue.dedup.put(fingerprint, at.as_millis(), key);
                }
                put_message(queue, blocks, key, message, None, seed);
            }
        });
    }

    fn settle(
        &mut self,
        id: QueueId,
        position: Position,
        at: Timestamp,
        settlements: &[Settlement<'_>],
    ) {
        let seed = self.seed;
        // INVARIANT: results of a lost lease change no state: the message is somebody else's by now, or has gone.
        let of_held = settlements.iter().filter(|each| each.lines_before > 0);
        for settlement in of_held {
            let rest = self.rest_of(settlement);
            self.with(id, |queue, blocks| match settlement.next {
                Next::Gone => {
                    queue.take(settlement.key, blocks);
                }
                Next::RetryAt { at: until, attempt } => {
                    let lines = u32::try_from(settlement.lines.len())
                        .ok()
                        .filter(|lines| *lines > 0);
                    // What was tried keeps its wait.
                    let is_untried = |line: &LineOutcome<'_>| line.state != LineState::Retry;
                    let rest = rest.filter(|_| settlement.lines.iter().all(is_untried));
                    let until = shortened(rest, at, until);
                    queue.retry_at(settlement.key, until, attempt, lines, rest.is_some());
                }
            });
            for carry in &settlement.carries {
                let key = MessageKey::of(position, carry.message.offset);
                let mut message = carry.message;
                let rest = rest.filter(|_| carry.kind == CarryKind::Retry);
                message.delay_until = message.delay_until.map(|until| shortened(rest, at, until));
                self.with(carry.queue, |queue, blocks| {
                    put_message(queue, blocks, key, &message, Some(carry.kind), seed);
                    queue.mark_rest(key, rest.is_some());
                });
            }
        }
    }

    /// Whether lines of a message wait because their destinations rest; and whether they still do, since a notifier hears
    /// later than we that one goes on.
    fn rest_of(&self, settlement: &Settlement<'_>) -> Option<Rest> {
        let lines = settlement.lines.iter();
        let mut waiting = lines
            .filter(|line| line.state == LineState::Paused)
            .peekable();
        waiting.peek()?;
        match waiting.all(|line| self.is_destination_paused(line.destination)) {
            true => Some(Rest::Lasting),
            false => Some(Rest::Over),
        }
    }

    /// A pause names a destination as results do, or its host, which means all of its ports.
    fn is_destination_paused(&self, destination: &str) -> bool {
        let host = match destination.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => host,
            _ => destination,
        };
        self.paused.iter().any(|paused| {
            matches!(paused, Paused::Destination(name) if name == destination || name == host)
        })
    }

    fn transfer(
        &mut self,
        from: QueueId,
        to: QueueId,
        position: Position,
        at: Timestamp,
        cause: MoveCause,
        messages: &[Touched],
    ) {
        let taken: Vec<Taken> = match self.queues.get_mut(&from) {
            Some(queue) => messages
                .iter()
                .filter_map(|message| queue.take(message.key, &mut self.blocks))
                .collect(),
            None => return,
        };
        let count = taken.len() as u64;
        self.with(to, |queue, blocks| {
            // INVARIANT: the turns lie within the record, which is longer than the number of its messages: nobody else has them.
            for (turn, each) in (position.get()..).zip(taken) {
                accept(
                    queue,
                    blocks,
                    Move {
                        from,
                        at,
                        cause,
                        turn,
                    },
                    each,
                );
            }
        });
        if let MoveCause::Task { task } = cause
            && let Some(task) = self.tasks.get_mut(&task)
        {
            task.moved += count;
        }
    }

    fn change_task(&mut self, number: u32, task: Task) {
        self.next_task = self.next_task.max(number.saturating_add(1));
        let source = task.source;
        let moved = self.tasks.get(&number).map_or(0, |before| before.moved);
        self.tasks.insert(number, Task { moved, ..task });
        let of_source = |task: &Task| task.source == source && task.status != Status::Running;
        let finished: Vec<u32> = self
            .tasks
            .iter()
            .filter(|(_, task)| of_source(task))
            .map(|(number, _)| *number)
            .collect();
        for number in finished.iter().rev().skip(KEPT_MAX) {
            self.tasks.remove(number);
        }
    }
}

/// What waits, untried, because its destination rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    /// It does.
    Lasting,
    /// It goes on already.
    Over,
}

/// How long a notifier may take to hear that a destination goes on; chosen.
const HEARD_WITHIN: Duration = Duration::from_millis(100);

/// Until when something waits whose destination may have gone on meanwhile.
fn shortened(rest: Option<Rest>, at: Timestamp, until: Timestamp) -> Timestamp {
    match rest {
        Some(Rest::Over) => until.min(at.plus(HEARD_WITHIN)),
        _ => until,
    }
}

fn paused(subject: Subject<'_>) -> Paused {
    match subject {
        Subject::Route(name) => Paused::Route(name.to_owned()),
        Subject::Destination(name) => Paused::Destination(name.to_owned()),
    }
}

/// Puts a new message into a queue: cold when it is as plain as that.
fn put_message(
    queue: &mut QueueState,
    blocks: &mut super::Blocks,
    key: MessageKey,
    message: &NewMessage<'_>,
    carried: Option<CarryKind>,
    seed: Option<Seed>,
) {
    let is_plain = message.lines == 1 && message.attempt == 0 && message.delay_until.is_none();
    if is_plain && message.group.is_none() && !queue.is_fifo() {
        queue.put_cold(key, message.sent_at, blocks);
        return;
    }
    let mut entry = Entry::new(key, message.sent_at, message.lines);
    entry.attempt = u16::try_from(message.attempt).unwrap_or(u16::MAX);
    if let Some(until) = message.delay_until {
        entry.set_state(if carried == Some(CarryKind::Retry) {
            State::Retry
        } else {
            State::Delayed
        });
        entry.set_until(until.as_millis());
    } else if carried == Some(CarryKind::Retry) {
        entry.mark_retry(true);
    }
    let group = message.group.map(|name| match (queue.is_fifo(), seed) {
        (false, Some(seed)) => Group::Tenant(tenant(seed, name)),
        _ => Group::Named(name),
    });
    queue.put(
        Incoming {
            entry,
            group,
            source: None,
            location: None,
            turn: None,
        },
        blocks,
    );
}

/// The move of one message.
#[derive(Clone, Copy)]
struct Move {
    from: QueueId,
    at: Timestamp,
    cause: MoveCause,
    /// Its place in its new group.
    turn: u64,
}

/// Takes a message that another queue gave.
fn accept(queue: &mut QueueState, blocks: &mut super::Blocks, one: Move, taken: Taken) {
    let Move {
        from,
        at,
        cause,
        turn,
    } = one;
    let Taken {
        mut entry,
        group,
        location,
        source,
    } = taken;
    entry.set_state(State::Ready);
    entry.mark_retry(false);
    let source = match cause {
        MoveCause::DeadLetter => {
            // Source: Developer Guide, "Using dead-letter queues": standard queues keep the time of enqueueing, FIFO
            // queues begin anew.
            if queue.is_fifo() {
                let first = entry.first_received();
                entry.restamp(at);
                entry.set_first_received(first);
            }
            Some(Source {
                queue: source.map_or(from, |first| first.queue),
                receives: entry.receive_count,
            })
        }
        MoveCause::Task { .. } => {
            // Source: Developer Guide, "dead-letter queue redrive": redriven messages are new ones to the queue.
            entry.restamp(at);
            entry.set_first_received(None);
            entry.receive_count = 0;
            None
        }
    };
    let group = match &group {
        Some(name) => Some(Group::Named(name)),
        None => Some(Group::Tenant(entry.group)).filter(|_| entry.group != 0 && !queue.is_fifo()),
    };
    queue.put(
        Incoming {
            entry,
            group,
            source,
            location,
            turn: queue.is_fifo().then_some(turn),
        },
        blocks,
    );
}

/// The bucket of a tenant.
fn tenant(seed: Seed, name: &str) -> u32 {
    let [first, _] = sip::halves(sip::hash(seed, name.as_bytes()));
    (first % u64::from(TENANTS)) as u32 + 1
}

/// By what a FIFO queue remembers that a message was sent.
pub(super) fn fingerprint(
    seed: Seed,
    settings: &Settings,
    dedup: Option<Dedup<'_>>,
    group: Option<&str>,
) -> Option<Fingerprint> {
    let mut bytes = match dedup? {
        Dedup::Id(id) => id.as_bytes().to_vec(),
        Dedup::Content(hash) => hex::encode(hash).into_bytes(),
    };
    if settings.has_group_dedup {
        bytes.push(0);
        bytes.extend_from_slice(group.unwrap_or_default().as_bytes());
    }
    Some(sip::hash(seed, &bytes))
}

/// The fingerprint of a receive request attempt id.
pub(crate) fn attempt_fingerprint(seed: Seed, id: &str) -> Fingerprint {
    sip::hash(seed, id.as_bytes())
}
