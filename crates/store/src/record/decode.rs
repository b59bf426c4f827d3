//! Bytes to records; the mirror of [`encode`](super::encode).
//!
//! Nothing that is read is trusted: lengths and counts are bound by what is there, unknown codes are refused.

use base::Timestamp;

use super::codec::{Malformed, Reader};
use super::{
    By, Carry, CarryKind, Cause, LineOutcome, LineState, MessageKey, MoveCause, NewMessage, Next,
    QueueId, ReceivedMessage, Record, Relocation, Settlement, Subject, Touched, Was,
};
use crate::Position;

/// The first byte of each record. Numbers are never given a second time.
pub mod tag {
    #![expect(missing_docs, reason = "each names the record that it begins")]
    pub const STARTED: u8 = 1;
    pub const SENDER_NAMED: u8 = 2;
    pub const QUEUE_CREATED: u8 = 3;
    pub const QUEUE_CHANGED: u8 = 4;
    pub const QUEUE_DELETED: u8 = 5;
    pub const ENQUEUED: u8 = 6;
    pub const RECEIVED: u8 = 7;
    pub const VISIBILITY_CHANGED: u8 = 8;
    pub const RELEASED: u8 = 9;
    pub const DELETED: u8 = 10;
    pub const SETTLED: u8 = 11;
    pub const EXPIRED: u8 = 12;
    pub const PURGED: u8 = 13;
    pub const MOVED: u8 = 14;
    pub const TASK_CHANGED: u8 = 15;
    pub const RELOCATED: u8 = 16;
    pub const SEALED: u8 = 17;
    pub const PAUSED: u8 = 18;
    pub const RESUMED: u8 = 19;
    pub const LOST: u8 = 20;
    pub const MESSAGES_LOST: u8 = 21;
}

/// Reads one record, which must take all of `payload`.
///
/// # Errors
/// [`Malformed`] when it is no record of this format.
pub fn decode(payload: &[u8]) -> Result<Record<'_>, Malformed> {
    let mut from = Decoder {
        reader: Reader::new(payload),
        len: payload.len(),
    };
    let record = from.record()?;
    from.reader.finish()?;
    Ok(record)
}

struct Decoder<'a> {
    reader: Reader<'a>,
    len: usize,
}

impl<'a> Decoder<'a> {
    fn record(&mut self) -> Result<Record<'a>, Malformed> {
        Ok(match self.reader.byte()? {
            tag::STARTED => Record::Started {
                seed: self.reader.array()?,
            },
            tag::SENDER_NAMED => Record::SenderNamed {
                number: self.reader.varint_u32()?,
                id: self.reader.text()?,
            },
            tag::QUEUE_CREATED => Record::QueueCreated {
                queue: self.queue()?,
                name: self.reader.text()?,
                settings: self.reader.bytes()?,
            },
            tag::QUEUE_CHANGED => Record::QueueChanged {
                queue: self.queue()?,
                settings: self.reader.bytes()?,
            },
            tag::QUEUE_DELETED => Record::QueueDeleted {
                queue: self.queue()?,
            },
            tag::ENQUEUED => Record::Enqueued {
                queue: self.queue()?,
                cause: self.cause()?,
                messages: self.list(Self::message)?,
            },
            tag::RECEIVED => self.received()?,
            tag::VISIBILITY_CHANGED => Record::VisibilityChanged {
                queue: self.queue()?,
                changes: self.changes()?,
            },
            tag::RELEASED => Record::Released {
                queue: self.queue()?,
                messages: self.touched()?,
            },
            tag::DELETED => Record::Deleted {
                queue: self.queue()?,
                messages: self.touched()?,
            },
            tag::EXPIRED => Record::Expired {
                queue: self.queue()?,
                messages: self.touched()?,
            },
            tag::SETTLED => Record::Settled {
                queue: self.queue()?,
                settlements: self.list(Self::settlement)?,
            },
            tag::PURGED => Record::Purged {
                queue: self.queue()?,
            },
            tag::MOVED => self.moved()?,
            tag::TASK_CHANGED => Record::TaskChanged {
                task: self.reader.varint_u32()?,
                state: self.reader.bytes()?,
            },
            tag::RELOCATED => Record::Relocated {
                queue: self.queue()?,
                messages: self.list(Self::relocation)?,
            },
            tag::SEALED => Record::Sealed {
                up_to: self.position()?,
            },
            tag::PAUSED => Record::Paused {
                subject: self.subject()?,
            },
            tag::RESUMED => Record::Resumed {
                subject: self.subject()?,
            },
            tag::LOST => Record::Lost {
                from: self.position()?,
                to: self.position()?,
            },
            tag::MESSAGES_LOST => Record::MessagesLost {
                queue: self.queue()?,
                messages: self.touched()?,
            },
            _ => return Err(self.reader.malformed("its tag is unknown")),
        })
    }

    fn received(&mut self) -> Result<Record<'a>, Malformed> {
        let queue = self.queue()?;
        let until = self.time()?;
        let flags = self.reader.byte()?;
        let by = match flags & !2 {
            0 => By::Consumer,
            1 => By::Notifier,
            5 => By::Embedded,
            _ => return Err(self.reader.malformed("a receive has unknown flags")),
        };
        let attempt = (flags & 2 != 0).then(|| self.reader.array()).transpose()?;
        let messages = self.touched_with(|from, message, code| {
            let was = match code {
                0 => Was::Fresh,
                1 => Was::Returned,
                2 => Was::Retry,
                _ => {
                    return Err(from
                        .reader
                        .malformed("a received message has an unknown state"));
                }
            };
            Ok(ReceivedMessage { message, was })
        })?;
        Ok(Record::Received {
            queue,
            until,
            by,
            attempt,
            messages,
        })
    }

    fn moved(&mut self) -> Result<Record<'a>, Malformed> {
        let (from, to) = (self.queue()?, self.queue()?);
        let cause = match self.reader.varint()?.checked_sub(1) {
            None => MoveCause::DeadLetter,
            Some(task) => MoveCause::Task {
                task: u32::try_from(task).map_err(|_| {
                    self.reader
                        .malformed("a task's number has more than 32 bits")
                })?,
            },
        };
        Ok(Record::Moved {
            from,
            to,
            cause,
            messages: self.touched()?,
        })
    }

    fn settlement(&mut self) -> Result<Settlement<'a>, Malformed> {
        Ok(Settlement {
            key: MessageKey(self.reader.varint()?),
            sent_at: self.time()?,
            lines_before: self.reader.varint_u32()?,
            lines: self.list(Self::line)?,
            next: self.next()?,
            carries: self.list(Self::carry)?,
        })
    }

    fn line(&mut self) -> Result<LineOutcome<'a>, Malformed> {
        let line = self.reader.varint_u32()?;
        let state = match self.reader.byte()? {
            0 => LineState::Delivered,
            1 => LineState::Retry,
            2 => LineState::Dead,
            3 => LineState::Expired,
            4 => LineState::Later,
            5 => LineState::Paused,
            _ => return Err(self.reader.malformed("a line has an unknown state")),
        };
        Ok(LineOutcome {
            line,
            state,
            destination: self.reader.text()?,
            result: self.reader.bytes()?,
        })
    }

    fn next(&mut self) -> Result<Next, Malformed> {
        match self.reader.byte()? {
            0 => Ok(Next::Gone),
            1 => Ok(Next::RetryAt {
                at: self.time()?,
                attempt: self.reader.varint_u32()?,
            }),
            _ => Err(self
                .reader
                .malformed("what becomes of a settled message is unknown")),
        }
    }

    fn carry(&mut self) -> Result<Carry<'a>, Malformed> {
        let queue = self.queue()?;
        let kind = match self.reader.byte()? {
            0 => CarryKind::Retry,
            1 => CarryKind::Dead,
            2 => CarryKind::Replayed,
            _ => return Err(self.reader.malformed("a carry has an unknown kind")),
        };
        Ok(Carry {
            queue,
            kind,
            message: self.message()?,
        })
    }

    fn message(&mut self) -> Result<NewMessage<'a>, Malformed> {
        let offset = self.offset();
        NewMessage::take(&mut self.reader, offset)
    }

    fn relocation(&mut self) -> Result<Relocation<'a>, Malformed> {
        let key = MessageKey(self.reader.varint()?);
        let offset = self.offset();
        let before = self.reader;
        let rest_len = self.reader.length()?;
        self.reader.take(rest_len)?;
        let mut whole = before;
        let entry = whole.take(before.left() - self.reader.left())?;
        Ok(Relocation { key, offset, entry })
    }

    fn touched(&mut self) -> Result<Vec<Touched>, Malformed> {
        self.touched_with(|from, message, code| match code {
            0 => Ok(message),
            _ => Err(from.reader.malformed("a message has an unknown mark")),
        })
    }

    fn touched_with<T>(
        &mut self,
        make: impl Fn(&Self, Touched, u64) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let (mut key, mut minute) = (0u64, 0u32);
        self.list(|from| {
            key = key.wrapping_add_signed(from.reader.signed()?);
            minute = i64::from(minute)
                .checked_add(from.reader.signed()?)
                .and_then(|minute| u32::try_from(minute).ok())
                .ok_or_else(|| from.reader.malformed("a minute has more than 32 bits"))?;
            let both = from.reader.varint()?;
            let (lines, code) = (both >> 2, both & 3);
            let lines = u32::try_from(lines).map_err(|_| {
                from.reader
                    .malformed("a number of lines has more than 32 bits")
            })?;
            make(
                from,
                Touched {
                    key: MessageKey(key),
                    sent_minute: minute,
                    lines,
                },
                code,
            )
        })
    }

    fn changes(&mut self) -> Result<Vec<(MessageKey, Timestamp)>, Malformed> {
        let (mut key, mut millis) = (0u64, 0u64);
        self.list(|from| {
            key = key.wrapping_add_signed(from.reader.signed()?);
            millis = millis.wrapping_add_signed(from.reader.signed()?);
            Ok((MessageKey(key), Timestamp::from_millis(millis)))
        })
    }

    fn subject(&mut self) -> Result<Subject<'a>, Malformed> {
        match self.reader.byte()? {
            0 => Ok(Subject::Route(self.reader.text()?)),
            1 => Ok(Subject::Destination(self.reader.text()?)),
            _ => Err(self
                .reader
                .malformed("what is paused or resumed is unknown")),
        }
    }

    /// A count and that many items; each takes at least a byte, so a false count cannot ask for more room than the
    /// record's own size.
    fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let count = self.reader.length()?;
        let mut items = Vec::with_capacity(count.min(1024));
        for _ in 0..count {
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn cause(&mut self) -> Result<Cause, Malformed> {
        match self.reader.byte()? {
            0 => Ok(Cause::Sent),
            1 => Ok(Cause::MovedIn),
            2 => Ok(Cause::Replayed),
            _ => Err(self
                .reader
                .malformed("the cause of new messages is unknown")),
        }
    }

    fn queue(&mut self) -> Result<QueueId, Malformed> {
        self.reader.varint_u32().map(QueueId)
    }

    fn time(&mut self) -> Result<Timestamp, Malformed> {
        self.reader.varint().map(Timestamp::from_millis)
    }

    fn position(&mut self) -> Result<Position, Malformed> {
        self.reader.varint().map(Position::new)
    }

    fn offset(&self) -> u32 {
        u32::try_from(self.len - self.reader.left()).unwrap_or(u32::MAX)
    }
}
