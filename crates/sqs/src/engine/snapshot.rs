//! The state as bytes, for the journal's snapshots.
//!
//! Everything but the cold messages is written under the lock (hot messages as 40 bytes each); the cold ones are shared
//! with the state and written afterwards, as differences of keys: about 2 bytes a message.
//!
//! What can be made anew is left out: ready lists, the wheel, counts, the ring of groups.

use std::io::{self, Read, Write};
use std::sync::Arc;

use base::Timestamp;
use store::record::codec::{self, Malformed, Reader};
use store::record::{MessageKey, QueueId};
use store::{Capture, Position};

use super::block::{Block, Blocks};
use super::cold::Cold;
use super::hot::Entry;
use super::sip::Seed;
use super::state::{QueueState, Source};
use super::task::Task;
use super::{Engine, Map, Paused, json};
use crate::settings::Settings;

/// 1: without the receives of dead letters before they became ones, and without when messages were received again.
/// 2: without the turns of messages that came to a FIFO queue from another.
const VERSION: u64 = 3;

/// Why a snapshot could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("the snapshot could not be read")]
    Read(#[from] io::Error),
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("settings or a task in the snapshot are malformed")]
    Json(#[from] serde_json::Error),
    #[error("the snapshot has format version {0}, this program reads version {VERSION}")]
    Version(u64),
}

impl Engine {
    /// The state as of now, to be written later.
    pub(crate) fn capture(&self) -> Capture {
        let mut head = Vec::new();
        self.write_head(&mut head);
        let mut queues: Vec<&QueueState> = self.queues.values().collect();
        queues.sort_by_key(|queue| queue.id);
        codec::put_varint(&mut head, queues.len() as u64);
        for queue in &queues {
            write_queue(queue, &mut head);
        }
        let cold: Vec<Cold> = queues.iter().map(|queue| queue.cold.clone()).collect();
        Box::new(move |out| {
            out.write_all(&(head.len() as u64).to_le_bytes())?;
            out.write_all(&head)?;
            drop(head);
            cold.iter().try_for_each(|cold| write_cold(cold, out))
        })
    }

    fn write_head(&self, out: &mut Vec<u8>) {
        codec::put_varint(out, VERSION);
        out.push(u8::from(self.seed.is_some()));
        out.extend_from_slice(&self.seed.map_or([0; 16], |seed| seed.0));
        for number in [
            u64::from(self.next_queue),
            u64::from(self.next_task),
            self.sealed.get(),
            self.last_at.as_millis(),
            self.blocks.first,
        ] {
            codec::put_varint(out, number);
        }
        list(out, self.blocks.blocks.iter(), |out, block| {
            codec::put_varint(out, u64::from(block.live));
            codec::put_varint(out, u64::from(block.total));
        });
        list(out, self.deleted.iter(), |out, (name, at)| {
            codec::put_bytes(out, name.as_bytes());
            codec::put_varint(out, at.as_millis());
        });
        list(out, self.senders.iter(), |out, id| {
            codec::put_bytes(out, id.as_bytes())
        });
        list(out, self.tasks.iter(), |out, (number, task)| {
            codec::put_varint(out, u64::from(*number));
            codec::put_bytes(out, &json(task));
        });
        list(out, self.paused.iter(), |out, paused| {
            let (kind, name) = match paused {
                Paused::Route(name) => (0, name),
                Paused::Destination(name) => (1, name),
            };
            out.push(kind);
            codec::put_bytes(out, name.as_bytes());
        });
        list(out, self.lost.iter(), |out, (from, to)| {
            codec::put_varint(out, from.get());
            codec::put_varint(out, to.get());
        });
    }

    /// Replaces the state by one that [`Engine::capture`] wrote. Reads exactly as much.
    pub(crate) fn restore(&mut self, from: &mut dyn Read) -> Result<(), Unreadable> {
        let mut len = [0; 8];
        from.read_exact(&mut len)?;
        let mut head = Vec::new();
        let len = u64::from_le_bytes(len);
        if from.take(len).read_to_end(&mut head)? as u64 != len {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let mut fresh = Self::new(self.account.clone(), self.region.clone());
        let mut reader = Reader::new(&head);
        let version = fresh.read_head(&mut reader)?;
        let count = reader.length()?;
        let mut ids = Vec::with_capacity(count);
        for _ in 0..count {
            let queue = read_queue(&mut reader, version)?;
            ids.push(queue.id);
            fresh.names.insert(queue.name.clone(), queue.id);
            fresh.queues.insert(queue.id, queue);
        }
        reader.finish()?;
        for id in ids {
            let cold = read_cold(from)?;
            if let Some(queue) = fresh.queues.get_mut(&id) {
                queue.cold = cold;
            }
        }
        fresh.limits = self.limits;
        *self = fresh;
        Ok(())
    }

    /// Answers the version.
    fn read_head(&mut self, from: &mut Reader<'_>) -> Result<u64, Unreadable> {
        let version = from.varint()?;
        if !(1..=VERSION).contains(&version) {
            return Err(Unreadable::Version(version));
        }
        let has_seed = from.byte()? != 0;
        let seed = from.array()?;
        self.seed = has_seed.then_some(Seed(seed));
        self.next_queue = from.varint_u32()?;
        self.next_task = from.varint_u32()?;
        self.sealed = Position::new(from.varint()?);
        self.last_at = Timestamp::from_millis(from.varint()?);
        let mut blocks = Blocks {
            first: from.varint()?,
            ..Blocks::default()
        };
        for _ in 0..from.length()? {
            blocks.blocks.push_back(Block {
                live: from.varint_u32()?,
                total: from.varint_u32()?,
            });
        }
        self.blocks = blocks;
        for _ in 0..from.length()? {
            let name = from.text()?.to_owned();
            self.deleted
                .insert(name, Timestamp::from_millis(from.varint()?));
        }
        for number in 1..=from.length()? as u32 {
            let id: Arc<str> = from.text()?.into();
            self.sender_numbers.insert(Arc::clone(&id), number);
            self.senders.push(id);
        }
        for _ in 0..from.length()? {
            let number = from.varint_u32()?;
            let task: Task = serde_json::from_slice(from.bytes()?)?;
            self.tasks.insert(number, task);
        }
        for _ in 0..from.length()? {
            let is_route = from.byte()? == 0;
            let name = from.text()?.to_owned();
            self.paused.insert(if is_route {
                Paused::Route(name)
            } else {
                Paused::Destination(name)
            });
        }
        for _ in 0..from.length()? {
            self.lost
                .push((Position::new(from.varint()?), Position::new(from.varint()?)));
        }
        Ok(version)
    }
}

fn list<T>(
    out: &mut Vec<u8>,
    items: impl ExactSizeIterator<Item = T>,
    put: impl Fn(&mut Vec<u8>, T),
) {
    codec::put_varint(out, items.len() as u64);
    items.for_each(|item| put(out, item));
}

fn write_queue(queue: &QueueState, out: &mut Vec<u8>) {
    codec::put_varint(out, u64::from(queue.id.0));
    codec::put_bytes(out, queue.name.as_bytes());
    codec::put_bytes(out, &json(&*queue.settings));
    codec::put_varint(out, queue.purged_at.map_or(0, |at| at.as_millis() + 1));
    codec::put_varint(out, u64::from(queue.turn));
    list(out, queue.sent.iter(), |out, (minute, count)| {
        codec::put_varint(out, u64::from(*minute));
        codec::put_varint(out, u64::from(*count));
    });
    list(out, queue.groups.names(), |out, (name, number)| {
        codec::put_varint(out, u64::from(number));
        codec::put_bytes(out, name.as_bytes());
    });
    list(out, queue.turns.iter(), |out, (key, turn)| {
        codec::put_varint(out, key.0);
        codec::put_varint(out, *turn);
    });
    write_hot(queue, out);
    list(out, queue.relocated.iter(), |out, (key, location)| {
        codec::put_varint(out, key.0);
        codec::put_varint(out, *location);
    });
    list(out, queue.sources.iter(), |out, (key, source)| {
        codec::put_varint(out, key.0);
        codec::put_varint(out, u64::from(source.queue.0));
        codec::put_varint(out, u64::from(source.receives));
    });
    list(out, queue.again.iter(), |out, (key, at)| {
        codec::put_varint(out, key.0);
        codec::put_varint(out, at.as_millis());
    });
    let dedup: Vec<_> = queue.dedup.iter().collect();
    list(out, dedup.into_iter(), |out, (fingerprint, at, key)| {
        out.extend_from_slice(&fingerprint);
        codec::put_varint(out, at);
        codec::put_varint(out, key.0);
    });
    let attempts: Vec<_> = queue.attempts.iter().collect();
    list(
        out,
        attempts.into_iter(),
        |out, (fingerprint, at, given)| {
            out.extend_from_slice(&fingerprint);
            codec::put_varint(out, at);
            list(out, given.iter(), |out, (key, nonce)| {
                codec::put_varint(out, key.0);
                codec::put_varint(out, u64::from(*nonce));
            });
        },
    );
}

fn write_hot(queue: &QueueState, out: &mut Vec<u8>) {
    codec::put_varint(out, queue.hot.len() as u64);
    // In the order of lists, so that ready messages keep theirs.
    for entry in queue.in_order() {
        for word in entry.image() {
            out.extend_from_slice(&word.to_le_bytes());
        }
    }
}

fn read_queue(from: &mut Reader<'_>, version: u64) -> Result<QueueState, Unreadable> {
    let id = QueueId(from.varint_u32()?);
    let name = from.text()?;
    let settings: Settings = serde_json::from_slice(from.bytes()?)?;
    let mut queue = QueueState::new(id, name, Arc::new(settings));
    queue.purged_at = from.varint()?.checked_sub(1).map(Timestamp::from_millis);
    queue.turn = from.varint_u32()?;
    for _ in 0..from.length()? {
        queue
            .sent
            .push_back((from.varint_u32()?, from.varint_u32()?));
    }
    for _ in 0..from.length()? {
        let number = from.varint_u32()?;
        queue.groups.restore(number, from.text()?);
    }
    if version >= 3 {
        queue.turns = pairs(from, |from| from.varint())?;
    }
    for _ in 0..from.length()? {
        let mut image = [0; 5];
        for word in &mut image {
            *word = u64::from_le_bytes(from.array()?);
        }
        queue.restore_entry(Entry::from_image(image));
    }
    queue.groups.find_free();
    queue.relocated = pairs(from, |from| from.varint())?;
    queue.sources = pairs(from, |from| {
        let queue = QueueId(from.varint_u32()?);
        let receives = if version < 2 { 0 } else { from.varint_u32()? };
        Ok(Source { queue, receives })
    })?;
    if version >= 2 {
        queue.again = pairs(from, |from| from.varint().map(Timestamp::from_millis))?;
    }
    for _ in 0..from.length()? {
        let fingerprint = from.array()?;
        let at = from.varint()?;
        queue.dedup.put(fingerprint, at, MessageKey(from.varint()?));
    }
    for _ in 0..from.length()? {
        let fingerprint = from.array()?;
        let at = from.varint()?;
        let mut given = Vec::new();
        for _ in 0..from.length()? {
            given.push((
                MessageKey(from.varint()?),
                (from.varint_u32()? & 0xffff) as u16,
            ));
        }
        queue.attempts.put(fingerprint, at, given);
    }
    Ok(queue)
}

fn pairs<'a, T>(
    from: &mut Reader<'a>,
    value: impl Fn(&mut Reader<'a>) -> Result<T, Malformed>,
) -> Result<Map<MessageKey, T>, Malformed> {
    let mut map = Map::default();
    for _ in 0..from.length()? {
        let key = MessageKey(from.varint()?);
        map.insert(key, value(from)?);
    }
    Ok(map)
}

/// Runs as: length of what follows, minute, count, first key, differences.
fn write_cold(cold: &Cold, out: &mut dyn Write) -> io::Result<()> {
    let mut bytes = Vec::new();
    for run in cold.runs() {
        bytes.clear();
        codec::put_varint(&mut bytes, u64::from(run.minute()));
        let mut before = 0;
        for key in run.keys() {
            codec::put_varint(&mut bytes, key.0 - before);
            before = key.0;
        }
        out.write_all(&(bytes.len() as u32).to_le_bytes())?;
        out.write_all(&bytes)?;
    }
    out.write_all(&0u32.to_le_bytes())
}

fn read_cold(from: &mut dyn Read) -> Result<Cold, Unreadable> {
    let mut cold = Cold::default();
    let mut bytes = Vec::new();
    loop {
        let mut len = [0; 4];
        from.read_exact(&mut len)?;
        let len = u32::from_le_bytes(len);
        if len == 0 {
            return Ok(cold);
        }
        bytes.clear();
        if from.take(u64::from(len)).read_to_end(&mut bytes)? != len as usize {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let mut reader = Reader::new(&bytes);
        let minute = reader.varint_u32()?;
        let mut key = 0u64;
        while reader.left() > 0 {
            key = key.wrapping_add(reader.varint()?);
            cold.push(MessageKey(key), minute);
        }
    }
}
