//! Records to bytes. The layout of each record is the order of the calls here; [`decode`](super::decode) mirrors it.
//!
//! # Format
//! A tag byte, then the fields. Lists begin with their count. Keys, minutes and times in lists are differences to
//! the one before (the first to zero), which makes a message in a list cost about five bytes.

use super::codec::{put_bytes, put_signed, put_varint};
use super::decode::tag;
use super::{
    By, CarryKind, Cause, LineState, MessageKey, MoveCause, NewMessage, Next, QueueId, Record,
    Settlement, Subject, Touched, Was,
};
use base::Timestamp;

/// Appends `record` to `out` and sets the offsets of the entries in it, counted from the record's first byte.
pub fn encode(record: &mut Record<'_>, out: &mut Vec<u8>) {
    let mut to = Encoder {
        start: out.len(),
        out,
        scratch: Vec::new(),
    };
    to.record(record);
}

struct Encoder<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
    scratch: Vec<u8>,
}

impl Encoder<'_> {
    fn record(&mut self, record: &mut Record<'_>) {
        match record {
            Record::Started { seed } => {
                self.tag(tag::STARTED);
                self.out.extend_from_slice(seed);
            }
            Record::SenderNamed { number, id } => {
                self.tag(tag::SENDER_NAMED);
                self.number(*number);
                self.bytes(id.as_bytes());
            }
            Record::QueueCreated {
                queue,
                name,
                settings,
            } => {
                self.queue(tag::QUEUE_CREATED, *queue);
                self.bytes(name.as_bytes());
                self.bytes(settings);
            }
            Record::QueueChanged { queue, settings } => {
                self.queue(tag::QUEUE_CHANGED, *queue);
                self.bytes(settings);
            }
            Record::QueueDeleted { queue } => self.queue(tag::QUEUE_DELETED, *queue),
            Record::Enqueued {
                queue,
                cause,
                messages,
            } => {
                self.queue(tag::ENQUEUED, *queue);
                self.tag(cause_code(*cause));
                self.count(messages.len());
                for message in messages {
                    self.message(message);
                }
            }
            Record::Received {
                queue,
                until,
                by,
                attempt,
                messages,
            } => {
                self.queue(tag::RECEIVED, *queue);
                self.time(*until);
                self.tag(by_code(*by) | if attempt.is_some() { 2 } else { 0 });
                if let Some(attempt) = attempt {
                    self.out.extend_from_slice(attempt);
                }
                self.touched(
                    messages
                        .iter()
                        .map(|each| (each.message, was_code(each.was))),
                );
            }
            Record::VisibilityChanged { queue, changes } => {
                self.queue(tag::VISIBILITY_CHANGED, *queue);
                self.changes(changes);
            }
            Record::Released { queue, messages } => {
                self.touched_in(tag::RELEASED, *queue, messages)
            }
            Record::Deleted { queue, messages } => self.touched_in(tag::DELETED, *queue, messages),
            Record::Expired { queue, messages } => self.touched_in(tag::EXPIRED, *queue, messages),
            Record::Settled { queue, settlements } => {
                self.queue(tag::SETTLED, *queue);
                self.count(settlements.len());
                for settlement in settlements {
                    self.settlement(settlement);
                }
            }
            Record::Purged { queue } => self.queue(tag::PURGED, *queue),
            Record::Moved {
                from,
                to,
                cause,
                messages,
            } => {
                self.queue(tag::MOVED, *from);
                self.number(to.0);
                // 0 is no task's number in this field, so dead letters take it.
                let task = match cause {
                    MoveCause::DeadLetter => 0,
                    MoveCause::Task { task } => u64::from(*task) + 1,
                };
                put_varint(self.out, task);
                self.touched(messages.iter().map(|each| (*each, 0)));
            }
            Record::TaskChanged { task, state } => {
                self.tag(tag::TASK_CHANGED);
                self.number(*task);
                self.bytes(state);
            }
            Record::Relocated { queue, messages } => {
                self.queue(tag::RELOCATED, *queue);
                self.count(messages.len());
                for message in messages {
                    put_varint(self.out, message.key.0);
                    message.offset = self.offset();
                    self.out.extend_from_slice(message.entry);
                }
            }
            Record::Sealed { up_to } => {
                self.tag(tag::SEALED);
                put_varint(self.out, up_to.get());
            }
            Record::Paused { subject } => self.subject(tag::PAUSED, *subject),
            Record::Resumed { subject } => self.subject(tag::RESUMED, *subject),
            Record::Lost { from, to } => {
                self.tag(tag::LOST);
                put_varint(self.out, from.get());
                put_varint(self.out, to.get());
            }
            Record::MessagesLost { queue, messages } => {
                self.touched_in(tag::MESSAGES_LOST, *queue, messages);
            }
        }
    }

    fn settlement(&mut self, settlement: &mut Settlement<'_>) {
        put_varint(self.out, settlement.key.0);
        self.time(settlement.sent_at);
        self.number(settlement.lines_before);
        self.count(settlement.lines.len());
        for line in &settlement.lines {
            self.number(line.line);
            self.tag(line_code(line.state));
            self.bytes(line.destination.as_bytes());
            self.bytes(line.result);
        }
        match settlement.next {
            Next::Gone => self.tag(0),
            Next::RetryAt { at, attempt } => {
                self.tag(1);
                self.time(at);
                self.number(attempt);
            }
        }
        self.count(settlement.carries.len());
        for carry in &mut settlement.carries {
            self.number(carry.queue.0);
            self.tag(carry_code(carry.kind));
            self.message(&mut carry.message);
        }
    }

    fn message(&mut self, message: &mut NewMessage<'_>) {
        message.offset = self.offset();
        message.put(&mut self.scratch, self.out);
    }

    fn touched_in(&mut self, tag: u8, queue: QueueId, messages: &[Touched]) {
        self.queue(tag, queue);
        self.touched(messages.iter().map(|each| (*each, 0)));
    }

    fn touched(&mut self, messages: impl ExactSizeIterator<Item = (Touched, u64)>) {
        self.count(messages.len());
        let (mut key, mut minute) = (0, 0);
        for (message, code) in messages {
            put_signed(self.out, message.key.0.wrapping_sub(key).cast_signed());
            put_signed(self.out, i64::from(message.sent_minute) - minute);
            put_varint(self.out, (u64::from(message.lines) << 2) | code);
            key = message.key.0;
            minute = i64::from(message.sent_minute);
        }
    }

    fn changes(&mut self, changes: &[(MessageKey, Timestamp)]) {
        self.count(changes.len());
        let (mut key, mut millis) = (0, 0);
        for (message, until) in changes {
            put_signed(self.out, message.0.wrapping_sub(key).cast_signed());
            put_signed(
                self.out,
                until.as_millis().wrapping_sub(millis).cast_signed(),
            );
            key = message.0;
            millis = until.as_millis();
        }
    }

    fn subject(&mut self, tag: u8, subject: Subject<'_>) {
        let (kind, name) = match subject {
            Subject::Route(name) => (0, name),
            Subject::Destination(name) => (1, name),
        };
        self.tag(tag);
        self.tag(kind);
        self.bytes(name.as_bytes());
    }

    fn queue(&mut self, tag: u8, queue: QueueId) {
        self.tag(tag);
        self.number(queue.0);
    }

    fn offset(&self) -> u32 {
        u32::try_from(self.out.len() - self.start).unwrap_or(u32::MAX)
    }

    fn tag(&mut self, tag: u8) {
        self.out.push(tag);
    }

    fn number(&mut self, number: u32) {
        put_varint(self.out, u64::from(number));
    }

    fn count(&mut self, count: usize) {
        put_varint(self.out, count as u64);
    }

    fn time(&mut self, at: Timestamp) {
        put_varint(self.out, at.as_millis());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        put_bytes(self.out, bytes);
    }
}

fn cause_code(cause: Cause) -> u8 {
    match cause {
        Cause::Sent => 0,
        Cause::MovedIn => 1,
        Cause::Replayed => 2,
    }
}

fn carry_code(kind: CarryKind) -> u8 {
    match kind {
        CarryKind::Retry => 0,
        CarryKind::Dead => 1,
        CarryKind::Replayed => 2,
    }
}

/// Bit 1 says whether there is an attempt id.
fn by_code(by: By) -> u8 {
    match by {
        By::Consumer => 0,
        By::Notifier => 1,
        By::Embedded => 5,
    }
}

fn was_code(was: Was) -> u64 {
    match was {
        Was::Fresh => 0,
        Was::Returned => 1,
        Was::Retry => 2,
    }
}

fn line_code(state: LineState) -> u8 {
    match state {
        LineState::Delivered => 0,
        LineState::Retry => 1,
        LineState::Dead => 2,
        LineState::Expired => 3,
        LineState::Later => 4,
        LineState::Paused => 5,
    }
}
