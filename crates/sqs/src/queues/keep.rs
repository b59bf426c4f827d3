//! What happens by itself: retention, move tasks, snapshots, and making room in the log.
//!
//! The log's files go when nothing lives in them. A few messages may keep a whole file: when less than a quarter of
//! the messages of an old file live, the cleaner copies them to the head of the log. So the log takes at most about four
//! times what lives, and what came since the last snapshot. A disk that is short of room is spared the copies.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use store::record::{MessageKey, QueueId, Record, Relocation, Stored};
use store::{Class, Position, Room};

use super::fold::capture;
use super::{Map, Queues};
use crate::Error;
use crate::engine::clean::Resident;

/// How often [`Queues::run`] looks.
const TICK: Duration = Duration::from_secs(1);
/// Messages of one record of retention.
const EXPIRED_MAX: usize = 1000;
/// Messages that the cleaner copies in one tick.
const CLEANED_MAX: usize = 1000;
/// Bytes that the cleaner copies in one record.
const CLEANED_BYTES_MAX: usize = 4 << 20;
/// Every so many ticks room is made in the log; while the disk is short of it, dead files go each tick.
const SLOW_TICKS: u64 = 30;

/// How far the keeper is.
#[derive(Debug, Default)]
pub(super) struct Progress {
    ticks: u64,
}

impl Queues {
    /// Retention, move tasks, snapshots and cleaning, every second until dropped.
    pub async fn run(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let queues = Arc::clone(&self);
            let done = tokio::task::spawn_blocking(move || queues.tick()).await;
            match done {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::warn!(%error, "keeping the queues met an error; it is tried again")
                }
                Err(error) => tracing::error!(%error, "keeping the queues failed"),
            }
        }
    }

    /// One round of what [`Queues::run`] does, one second of it. Blocks.
    ///
    /// # Errors
    /// What the journal refuses; the rest of the round is left for the next.
    pub fn tick(&self) -> Result<(), Error> {
        let ticks = {
            let mut keeper = self.keeper.lock();
            keeper.ticks += 1;
            keeper.ticks
        };
        let done = self.take_out_and_move(ticks);
        // A full disk refuses the snapshot; what may go by the last one makes room.
        if self.journal.snapshot_due()
            && let Err(error) = self.snapshot()
        {
            tracing::warn!(%error, "no snapshot could be written; it is tried again");
        }
        let is_slow_tick = ticks.is_multiple_of(SLOW_TICKS);
        let is_short = self.journal.room() != Room::Normal;
        if (is_slow_tick || is_short)
            && let Err(error) = self.reclaim()
        {
            tracing::warn!(%error, "files of the journal could not be dropped; it is tried again");
        }
        if is_slow_tick {
            self.clean()?;
        }
        done
    }

    fn take_out_and_move(&self, ticks: u64) -> Result<(), Error> {
        if ticks.is_multiple_of(self.expire_interval.as_secs().max(1)) {
            self.expire()?;
        }
        self.move_on()
    }

    /// Takes out what has outlived its retention; of cold messages the minute is known, and they go when all of it has.
    fn expire(&self) -> Result<(), Error> {
        let ids = self.engine.lock().queue_ids();
        for id in ids {
            while self.expire_some(id)? {}
        }
        Ok(())
    }

    fn expire_some(&self, id: QueueId) -> Result<bool, Error> {
        let mut engine = self.engine.lock();
        let at = engine.time(self.now());
        let Ok(queue) = engine.queue(id) else {
            return Ok(false);
        };
        let messages = queue.expired(at, EXPIRED_MAX, true);
        if messages.is_empty() {
            return Ok(false);
        }
        let is_full = messages.len() == EXPIRED_MAX;
        self.write(
            &mut engine,
            Class::Settle,
            at,
            &mut Record::Expired {
                queue: id,
                messages,
            },
        )?;
        drop(engine);
        // What left may have held back others of its group.
        if let Some(queue) = self.queue_by_id(id) {
            queue.wake();
        }
        Ok(is_full)
    }

    /// Writes a snapshot of the state as of now. Blocks.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn snapshot(&self) -> io::Result<()> {
        let (position, captured) = {
            let engine = self.engine.lock();
            (self.journal.end(), capture(&engine, &*self.observer))
        };
        self.journal.snapshot(position, captured).map(|_| ())
    }

    /// Drops the log's files in which nothing lives.
    fn reclaim(&self) -> io::Result<()> {
        let sealed = self.sealed_up_to();
        let is_occupied = |base: Position, end: Position| {
            let engine = self.engine.lock();
            engine.blocks().sum(base.get()..end.get()).live > 0
        };
        self.journal.reclaim(sealed, &is_occupied).map(|_| ())
    }

    fn sealed_up_to(&self) -> Position {
        if self.are_results_sealed {
            self.engine.lock().sealed()
        } else {
            Position::new(u64::MAX)
        }
    }

    /// Copies the messages of the oldest file of which less than a quarter lives. Not while the disk is short of room: what is
    /// left of it is for settles.
    fn clean(&self) -> Result<(), Error> {
        if self.journal.room() != Room::Normal {
            return Ok(());
        }
        let sealed = self.sealed_up_to();
        let segments = self.journal.segments();
        // The last one still grows.
        let old = segments
            .split_last()
            .map(|(_, old)| old)
            .unwrap_or_default();
        let residents = {
            let engine = self.engine.lock();
            let is_sparse = |log: &std::ops::Range<u64>| {
                let sum = engine.blocks().sum(log.clone());
                sum.live > 0 && u64::from(sum.live) * 4 < u64::from(sum.total)
            };
            let logs = old.iter().filter(|segment| segment.end <= sealed);
            let logs = logs.map(|segment| segment.base.get()..segment.end.get());
            // What lives is counted by blocks, which may belong to a file's neighbours as well.
            let mut residents = logs
                .filter(is_sparse)
                .map(|log| engine.residents(log, CLEANED_MAX));
            residents
                .find(|residents| !residents.is_empty())
                .unwrap_or_default()
        };
        let mut by_queue: Map<QueueId, Vec<Resident>> = Map::default();
        for resident in residents {
            by_queue.entry(resident.queue).or_default().push(resident);
        }
        by_queue
            .into_iter()
            .try_for_each(|(queue, residents)| self.relocate(queue, &residents))
    }

    /// Copies messages to the head of the log; those that changed place or left meanwhile are left alone.
    fn relocate(&self, queue: QueueId, residents: &[Resident]) -> Result<(), Error> {
        let mut rest = residents;
        while !rest.is_empty() {
            let mut entries: Vec<(Resident, bytes::Bytes)> = Vec::new();
            let mut bytes = 0;
            while let Some((resident, behind)) = rest.split_first() {
                if bytes > CLEANED_BYTES_MAX {
                    break;
                }
                rest = behind;
                let entry = self.entry(resident.location)?;
                bytes += entry.len();
                entries.push((*resident, entry));
            }
            let mut engine = self.engine.lock();
            let Ok(state) = engine.queue(queue) else {
                return Ok(());
            };
            let is_there = |resident: &Resident| {
                state.holds(resident.message.key)
                    && state.location(resident.message.key) == resident.location
            };
            let messages: Vec<Relocation<'_>> = entries
                .iter()
                .filter(|(resident, _)| is_there(resident))
                .map(|(resident, entry)| relocation(resident.message.key, entry))
                .collect();
            if !messages.is_empty() {
                let at = engine.time(self.now());
                self.write(
                    &mut engine,
                    Class::Settle,
                    at,
                    &mut Record::Relocated { queue, messages },
                )?;
            }
        }
        Ok(())
    }

    /// The whole entry at a place in the log.
    pub(super) fn entry(&self, location: u64) -> Result<bytes::Bytes, Error> {
        let mut len = 4096;
        for _ in 0..3 {
            let bytes = self.read_at(location, len)?;
            match Stored::read(&bytes) {
                Ok(Stored::Message { len, .. }) => return Ok(bytes.slice(..len.min(bytes.len()))),
                Ok(Stored::Longer { len: wanted }) => len = wanted,
                Err(malformed) => {
                    return Err(Error::Unreadable {
                        why: malformed.to_string(),
                    });
                }
            }
        }
        Err(Error::Unreadable {
            why: "its entry is cut short".to_owned(),
        })
    }
}

fn relocation(key: MessageKey, entry: &[u8]) -> Relocation<'_> {
    Relocation {
        key,
        offset: 0,
        entry,
    }
}
