//! Sending a replay, batch by batch, so that it can be killed anywhere.

use std::collections::BTreeSet;
use std::time::Duration;

use base::Clock;
use store::Position;
use store::record::{self, Cause, Record};
use tokio::sync::watch;

use super::plan::PART_BYTES;
use super::{Again, Phase, Replay, Replays, Source, Target, damaged, part_name};
use crate::port;
use crate::results::{Error, ResultLog};

/// The largest part that is read, decompressed: it was closed by its size, with one source more, whose line has at most
/// 1 MiB, six times as long at worst when it is escaped, and as long an id.
const PART_BYTES_MAX: usize = PART_BYTES + (16 << 20);

/// Lines and attributes of one batch together, roughly. Chosen: far below what queues take at once, and enough for
/// hundreds of usual lines.
pub(super) const BATCH_BYTES: usize = 256 << 10;

/// Batches in a second, at least, where a rate is kept: a large batch would be a burst and a long pause.
const BATCHES_PER_SEC: u32 = 10;

/// The part that is being sent.
#[derive(Debug, Default)]
struct Open {
    part: Option<usize>,
    sources: Vec<Source>,
}

impl Replays {
    /// Sends what is left of a replay, at most `rate` a second (0: as fast as it goes), and tells `progress` after each
    /// batch. Returns early, to be resumed, when `stop` becomes true. One run at a time: the caller sees to that.
    ///
    /// # Errors
    /// What the store, the journal or the queue says; run again to resume.
    pub async fn run(
        &self,
        id: &str,
        target: &dyn Target,
        clock: &dyn Clock,
        rate: u32,
        progress: &mut (dyn FnMut(&Replay) + Send),
        stop: &watch::Receiver<bool>,
    ) -> Result<Replay, Error> {
        let missing =
            || port::Error::refused(&format!("replay `{id}`"), "there is none of that id");
        let mut replay = self.get(id).await?.ok_or_else(missing)?;
        let marked = self.already_sent(&replay, target).await?;
        let mut open = Open::default();
        let batch_max = batch_max(target.batch_max(), rate);
        let mut pace = Pace {
            started: clock.monotonic(),
            sent: 0,
            rate,
        };
        while replay.sent < replay.total && !*stop.borrow() {
            let batch = self.next_batch(&replay, &mut open, batch_max).await?;
            let end = replay.sent + batch.len() as u64;
            let batch: Vec<Again> = batch
                .into_iter()
                .filter(|(number, _)| !marked.contains(number))
                .map(|(_, again)| again)
                .collect();
            // A batch that was in doubt already keeps the position before its first try.
            let doubt = replay.in_doubt;
            let since = doubt.and_then(|(_, since)| since);
            let since = since.or_else(|| Some(target.journal()?.1.get()));
            replay.phase = Phase::Begun;
            replay.in_doubt = Some((end, since));
            self.put(&replay).await?;
            if !batch.is_empty() {
                if !pace.wait(clock, batch.len(), stop).await {
                    replay.in_doubt = doubt;
                    break;
                }
                target.send(&batch).await?;
            }
            replay.sent = end;
            replay.in_doubt = None;
            progress(&replay);
        }
        if replay.sent >= replay.total {
            replay.phase = Phase::Done;
        }
        self.put(&replay).await?;
        if replay.phase == Phase::Done {
            self.remove_parts(&replay).await?;
        }
        Ok(replay)
    }

    /// The lines that were copied: nobody needs them any more, and who asks to be forgotten should not be found in them.
    async fn remove_parts(&self, replay: &Replay) -> Result<(), Error> {
        for part in 0..replay.parts.len() {
            let name = part_name(&replay.id, part);
            self.results.store().delete(&name).await?;
        }
        Ok(())
    }

    /// The numbers of those of the batch in doubt whose messages are in the journal.
    async fn already_sent(
        &self,
        replay: &Replay,
        target: &dyn Target,
    ) -> Result<BTreeSet<u64>, Error> {
        let (Some((end, Some(from))), Some((log, position))) = (replay.in_doubt, target.journal())
        else {
            return Ok(BTreeSet::new());
        };
        // What was appended before may not be durable yet: the same process may be trying again.
        log.durable_through(Position::new(position.get().saturating_sub(1)))
            .await?;
        let (id, sent) = (replay.id.clone(), replay.sent);
        let search = move || marks(log.as_ref(), Position::new(from), &id, sent..end);
        tokio::task::spawn_blocking(search)
            .await
            .map_err(|_| Error::Cancelled)?
    }

    async fn next_batch(
        &self,
        replay: &Replay,
        open: &mut Open,
        max: usize,
    ) -> Result<Vec<(u64, Again)>, Error> {
        let (mut first, mut part) = (0, 0);
        while let Some(sources) = replay
            .parts
            .get(part)
            .filter(|sources| first + **sources <= replay.sent)
        {
            first += sources;
            part += 1;
        }
        if open.part != Some(part) {
            open.sources = self.read_part(&replay.id, part).await?;
            open.part = Some(part);
        }
        let skip = usize::try_from(replay.sent - first).unwrap_or(usize::MAX);
        let numbered = open.sources.iter().zip(first..).skip(skip).take(max.max(1));
        let mut bytes = 0;
        let batch: Vec<_> = numbered
            .map(|(source, number)| (number, source.again(replay, number)))
            .take_while(|(_, again)| {
                let is_first = bytes == 0;
                bytes += again.size();
                is_first || bytes <= BATCH_BYTES
            })
            .collect();
        if batch.is_empty() {
            return Err(damaged(
                &replay.id,
                &format!("part {part} has fewer sources than it should"),
            ));
        }
        Ok(batch)
    }

    async fn read_part(&self, id: &str, part: usize) -> Result<Vec<Source>, Error> {
        let bytes = self.results.store().get(&part_name(id, part), None).await?;
        let bytes = bytes.ok_or_else(|| damaged(id, &format!("part {part} is missing")))?;
        let raw =
            zstd::bulk::decompress(&bytes, PART_BYTES_MAX).map_err(|error| damaged(id, &error))?;
        serde_json::Deserializer::from_slice(&raw)
            .into_iter()
            .collect::<Result<_, _>>()
            .map_err(|error| damaged(id, &error))
    }
}

/// How many are sent at once, of those that a target takes.
pub(super) fn batch_max(of_target: usize, rate: u32) -> usize {
    match usize::try_from(rate / BATCHES_PER_SEC) {
        _ if rate == 0 => of_target.max(1),
        Ok(of_rate) => of_target.min(of_rate).max(1),
        Err(_) => of_target.max(1),
    }
}

/// Keeps to a rate over a whole run.
struct Pace {
    started: Duration,
    sent: u64,
    rate: u32,
}

impl Pace {
    /// Waits until `count` more may be sent; `false` when `stop` came first.
    async fn wait(
        &mut self,
        clock: &dyn Clock,
        count: usize,
        stop: &watch::Receiver<bool>,
    ) -> bool {
        if self.rate == 0 {
            return true;
        }
        let due = Duration::from_secs_f64(self.sent as f64 / f64::from(self.rate));
        let passed = clock.monotonic().saturating_sub(self.started);
        self.sent += count as u64;
        let mut stop = stop.clone();
        // Nobody can stop it any more where the sender is gone.
        let stopped = async {
            if stop.wait_for(|is_stopping| *is_stopping).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = tokio::time::sleep(due.saturating_sub(passed)), if due > passed => true,
            () = stopped, if due > passed => false,
            else => true,
        }
    }
}

/// The numbers in `wanted` whose marks stand in messages that were enqueued at or after `from`.
fn marks(
    log: &dyn ResultLog,
    from: Position,
    id: &str,
    wanted: std::ops::Range<u64>,
) -> Result<BTreeSet<u64>, Error> {
    let prefix = format!("{id}#");
    let prefix = prefix.as_bytes();
    let mut found = BTreeSet::new();
    for scanned in log.scan(from) {
        let frame = scanned?;
        let position = frame.position;
        if frame.payload.first() != Some(&record::tag::ENQUEUED) {
            continue;
        }
        let decoded =
            record::decode(&frame.payload).map_err(|source| Error::Record { position, source })?;
        if let Record::Enqueued {
            cause: Cause::Replayed,
            messages,
            ..
        } = decoded
        {
            let numbers = messages
                .iter()
                .filter_map(|message| number_behind(message.attributes, prefix));
            found.extend(numbers.filter(|number| wanted.contains(number)));
        }
    }
    Ok(found)
}

/// The number that follows `prefix` in the queue's own form of attributes, where texts stand as they are.
pub(super) fn number_behind(attributes: &[u8], prefix: &[u8]) -> Option<u64> {
    let at = attributes
        .windows(prefix.len())
        .position(|window| window == prefix)?;
    let rest = attributes.get(at + prefix.len()..)?;
    let end = rest.iter().position(|byte| *byte == b'.')?;
    std::str::from_utf8(rest.get(..end)?).ok()?.parse().ok()
}
