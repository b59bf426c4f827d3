//! Which notifications a replay takes, copied so that nothing later changes it.

use std::collections::HashSet;
use std::hash::BuildHasher as _;
use std::ops::ControlFlow;

use base::Timestamp;
use foldhash::fast::FixedState;
use tokio::sync::mpsc;

use super::{Filter, Ids, Phase, Replay, Replays, SOURCES_MAX, Source, damaged, part_name};
use crate::port;
use crate::result::{Packed, Stored};
use crate::results::compact::{id_keys, with_sources};
use crate::results::set::Entry;
use crate::results::{Error, bloom, sealer};

/// Sources in one part.
const PART_SOURCES: usize = 5000;

/// A part is closed when it is this large.
pub(super) const PART_BYTES: usize = 32 << 20;

/// Results of the journal's tail that are handed on at once, and how many times so many may wait. Chosen: at 1 MiB a line
/// some 100 MiB at worst.
const CHUNK: usize = 32;
const CHUNKS_MAX: usize = 2;

/// Gathers picked notifications into parts.
struct Picker<'a> {
    replays: &'a Replays,
    replay: Replay,
    seen: HashSet<u64, FixedState>,
    part: Vec<u8>,
    in_part: usize,
}

impl Replays {
    /// Picks what passes `filter` and stores the plan. Nothing is sent.
    ///
    /// # Errors
    /// [`port::Error::Refused`] beyond [`SOURCES_MAX`]; what the store or the journal says.
    pub async fn plan(&self, filter: Filter, ids: Ids, now: Timestamp) -> Result<Replay, Error> {
        let id = format!("r-{}", hex::encode(base::id::random_bytes::<5>()));
        let replay = Replay {
            id,
            filter,
            ids,
            planned_at_ms: now.as_millis(),
            phase: Phase::Planned,
            total: 0,
            without_source: 0,
            sent: 0,
            in_doubt: None,
            parts: Vec::new(),
        };
        let mut picker = Picker {
            replays: self,
            replay,
            seen: HashSet::default(),
            part: Vec::new(),
            in_part: 0,
        };
        // The tail first, so that what is sealed meanwhile is seen twice rather than not at all.
        self.pick_from_tail(&mut picker).await?;
        let mut window = picker.replay.filter.window();
        window.sealed_up_to = self.log.as_ref().map(|log| log.sealed_up_to());
        for entry in self.results.entries(&window).await? {
            self.pick_from(&mut picker, &entry).await?;
        }
        picker.close_part().await?;
        self.put(&picker.replay).await?;
        Ok(picker.replay)
    }

    /// What is not sealed yet comes in chunks, so that no more than a few of them are held.
    async fn pick_from_tail(&self, picker: &mut Picker<'_>) -> Result<(), Error> {
        let Some(log) = self.log.clone() else {
            return Ok(());
        };
        let filter = picker.replay.filter.clone();
        let (give, mut chunks) = mpsc::channel::<Vec<Vec<u8>>>(CHUNKS_MAX);
        let search = tokio::task::spawn_blocking(move || {
            let mut chunk = Vec::new();
            let scanned =
                sealer::scan_tail(log.as_ref(), log.sealed_up_to(), &mut |_, _, packed| {
                    if !Stored::parse(packed.json).is_some_and(|result| filter.takes(&result)) {
                        return ControlFlow::Continue(());
                    }
                    chunk.push([packed.json, b"\n", packed.source].concat());
                    if chunk.len() < CHUNK {
                        return ControlFlow::Continue(());
                    }
                    match give.blocking_send(std::mem::take(&mut chunk)) {
                        Ok(()) => ControlFlow::Continue(()),
                        // The plan has failed meanwhile.
                        Err(_) => ControlFlow::Break(()),
                    }
                });
            // As above.
            let _ = give.blocking_send(chunk);
            scanned
        });
        while let Some(chunk) = chunks.recv().await {
            for packed in &chunk {
                picker.take(Packed::of(packed)).await?;
            }
        }
        search.await.map_err(|_| Error::Cancelled)?
    }

    async fn pick_from(&self, picker: &mut Picker<'_>, entry: &Entry) -> Result<(), Error> {
        let gone = || Error::damaged(&entry.name, "it was replaced meanwhile; plan again");
        let index = self.results.index(entry).await?.ok_or_else(gone)?;
        if !picker.replay.filter.may_be_in(&index) {
            return Ok(());
        }
        let keys: Vec<u64> = picker
            .replay
            .filter
            .ids
            .iter()
            .flat_map(|id| id_keys(id))
            .collect();
        for frame in &index.frames {
            let filter = index.bloom(frame);
            if !keys.is_empty() && !keys.iter().any(|key| bloom::may_hold(filter, *key)) {
                continue;
            }
            let lines = self.results.lines(entry, frame).await?.ok_or_else(gone)?;
            let sources = self.results.source_lines(entry, frame).await?;
            for (json, source) in with_sources(&lines, &sources) {
                picker.take(Some(Packed { json, source })).await?;
            }
        }
        Ok(())
    }
}

/// What tells notifications apart: ids are their senders', who may give one to several lines. One that was retried, replayed
/// or shipped again has the same line.
fn key_of(result: &Stored, line: &[u8]) -> u64 {
    let line = FixedState::default().hash_one(line);
    bloom::id_key(&result.notification_id) ^ line
}

impl Picker<'_> {
    async fn take(&mut self, packed: Option<Packed<'_>>) -> Result<(), Error> {
        let Some((packed, result)) =
            packed.and_then(|packed| Some((packed, Stored::parse(packed.json)?)))
        else {
            return Ok(());
        };
        if !self.replay.filter.takes(&result) || !self.seen.insert(key_of(&result, packed.source)) {
            return Ok(());
        }
        if packed.source.is_empty() {
            self.replay.without_source += 1;
            return Ok(());
        }
        if self.replay.total >= SOURCES_MAX {
            let detail =
                format!("more than {SOURCES_MAX} notifications pass the filter; narrow it");
            return Err(port::Error::refused("the replay", detail).into());
        }
        let source = Source::of(&result, packed.source);
        serde_json::to_writer(&mut self.part, &source)
            .map_err(|error| damaged(&self.replay.id, &error))?;
        self.part.push(b'\n');
        self.in_part += 1;
        self.replay.total += 1;
        if self.in_part >= PART_SOURCES || self.part.len() >= PART_BYTES {
            self.close_part().await?;
        }
        Ok(())
    }

    async fn close_part(&mut self) -> Result<(), Error> {
        if self.in_part == 0 {
            return Ok(());
        }
        let bytes = zstd::bulk::compress(&self.part, 1).map_err(Error::Compress)?;
        let name = part_name(&self.replay.id, self.replay.parts.len());
        self.replays
            .results
            .store()
            .put(&name, bytes.into())
            .await?;
        self.replay.parts.push(self.in_part as u64);
        self.part.clear();
        self.in_part = 0;
        Ok(())
    }
}
