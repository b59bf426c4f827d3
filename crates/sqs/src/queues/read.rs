//! Messages from the journal: leases to bodies, neighbours in one read.
//!
//! A read is a `pread` of at most 256 KiB, mostly from the page cache; a body is a slice of what was read.

use std::sync::Arc;

use bytes::Bytes;
use store::Position;
use store::record::{Dedup, NewMessage, Stored};

use super::{Queue, Queues};
use crate::Error;
use crate::engine::decide::Lease;
use crate::engine::ids::{self, Handle};
use crate::message::Message;

/// Most bytes of one read that serves several messages.
pub(super) const READ_BYTES_MAX: u64 = 256 << 10;
/// Most bytes between the beginnings of two messages of one read: reading what lies between must not cost more than
/// another read. Chosen.
const GAP_BYTES_MAX: u64 = 4 << 10;
/// What is read beyond the beginning of the last entry, whose length is not known.
pub(super) const LAST_ENTRY_BYTES: u64 = 4 << 10;

/// Reads of one entry: what is near, at least its length, and the whole.
const READS_MAX: usize = 3;
/// Enough of an entry to know its length.
const LENGTH_BYTES: usize = 16;

impl Queues {
    /// The messages of leases, in their order. A message that cannot be read is left out and logged; it stays in flight.
    ///
    /// # Errors
    /// [`Error::Unreadable`] when none can.
    pub(super) fn messages(&self, queue: &Queue, leases: &[Lease]) -> Result<Vec<Message>, Error> {
        let mut messages = Vec::with_capacity(leases.len());
        let mut failure = None;
        let mut rest = leases;
        while let Some((first, _)) = rest.split_first() {
            let (group, behind) = rest.split_at(neighbours(rest));
            rest = behind;
            let chunk = group.last().and_then(|last| {
                let len = last.location - first.location + LAST_ENTRY_BYTES;
                self.journal
                    .read(Position::new(first.location), usize::try_from(len).ok()?)
                    .ok()
            });
            for lease in group {
                let skip = usize::try_from(lease.location - first.location).unwrap_or(usize::MAX);
                let near = chunk
                    .as_ref()
                    .filter(|chunk| skip < chunk.len())
                    .map(|chunk| chunk.slice(skip..));
                match self.message(queue, lease, near) {
                    Ok(message) => messages.push(message),
                    Err(error) => {
                        tracing::error!(queue = queue.name(), key = lease.key.0, %error, "a message could not be read");
                        self.journal.note_unreadable(Position::new(lease.location));
                        failure = Some(error);
                    }
                }
            }
        }
        match failure {
            Some(error) if messages.is_empty() => Err(error),
            _ => Ok(messages),
        }
    }

    fn message(&self, queue: &Queue, lease: &Lease, near: Option<Bytes>) -> Result<Message, Error> {
        let mut bytes = match near {
            Some(bytes) => bytes,
            None => self.read_at(lease.location, LAST_ENTRY_BYTES as usize)?,
        };
        for _ in 0..READS_MAX {
            let whole = match Stored::read(&bytes) {
                Ok(Stored::Message { message, .. }) => {
                    return Ok(self.made(queue, lease, &message, &bytes));
                }
                Ok(Stored::Longer { len }) => len,
                Err(malformed) => {
                    return Err(Error::Unreadable {
                        why: malformed.to_string(),
                    });
                }
            };
            bytes = self.read_at(lease.location, whole.max(LENGTH_BYTES))?;
        }
        Err(Error::Unreadable {
            why: "its entry is cut short".to_owned(),
        })
    }

    pub(super) fn read_at(&self, location: u64, len: usize) -> Result<Bytes, Error> {
        let read = self.journal.read(Position::new(location), len);
        read.map_err(|error| Error::Unreadable {
            why: error.to_string(),
        })
    }

    fn made(
        &self,
        queue: &Queue,
        lease: &Lease,
        stored: &NewMessage<'_>,
        bytes: &Bytes,
    ) -> Message {
        let part = |part: &[u8]| {
            if part.is_empty() {
                Bytes::new()
            } else {
                bytes.slice_ref(part)
            }
        };
        let handle = Handle {
            queue: queue.id(),
            key: lease.key,
            nonce: lease.nonce,
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Message {
            key: lease.key,
            message_id: ids::message_id(self.seed, lease.key),
            receipt_handle: handle.seal(self.seed),
            body: part(stored.body),
            attributes: part(stored.attributes),
            sent_at: lease.restamped.unwrap_or(stored.sent_at),
            first_received_at: lease.first_received,
            receive_count: lease.receive_count,
            lease_until: lease.until,
            sender_id: self.sender(stored.sender),
            group: stored.group.map(str::to_owned),
            dedup_id: stored.dedup.map(|dedup| match dedup {
                Dedup::Id(id) => id.to_owned(),
                Dedup::Content(hash) => hex::encode(hash),
            }),
            sequence_number: queue.is_fifo().then(|| ids::sequence_number(lease.turn)),
            trace_header: (!stored.system.is_empty()).then(|| text(stored.system)),
            dead_letter_source: lease
                .source
                .and_then(|id| Some(self.arn(self.queue_by_id(id)?.name()))),
            lines: lease.lines,
            attempt: lease.attempt,
            origin: part(stored.origin),
        }
    }

    fn sender(&self, number: u32) -> Arc<str> {
        let index = number
            .checked_sub(1)
            .and_then(|index| usize::try_from(index).ok());
        let views = self.views.read();
        index
            .and_then(|index| views.senders.get(index).cloned())
            .unwrap_or_else(|| Arc::from(""))
    }
}

/// How many leases from the first on lie behind each other and so near that one read serves them.
fn neighbours(leases: &[Lease]) -> usize {
    let Some(first) = leases.first().map(|lease| lease.location) else {
        return 0;
    };
    let mut before = first;
    let near = leases.iter().take_while(|lease| {
        let is_near = lease.location >= before
            && lease.location - before <= GAP_BYTES_MAX
            && lease.location - first + LAST_ENTRY_BYTES <= READ_BYTES_MAX;
        before = lease.location;
        is_near
    });
    near.count().max(1)
}
