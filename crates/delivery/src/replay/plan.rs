//! Which notifications a replay takes, copied so that nothing later changes it.

use std::collections::HashSet;

use base::Timestamp;

use super::{Filter, Ids, Phase, Replay, Replays, SOURCES_MAX, Source, damaged, part_name};
use crate::port;
use crate::result::{Packed, Stored};
use crate::results::compact::{id_keys, with_sources};
use crate::results::set::Entry;
use crate::results::{Error, bloom, sealer};

/// Sources in one part.
const PART_SOURCES: usize = 5000;

/// A part is closed when it is this large.
const PART_BYTES: usize = 32 << 20;

/// Gathers picked notifications into parts.
struct Picker<'a> {
    replays: &'a Replays,
    replay: Replay,
    seen: HashSet<u64, foldhash::fast::FixedState>,
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
        for packed in self.tail(&picker.replay.filter).await? {
            picker.take(Packed::of(&packed)).await?;
        }
        let mut window = picker.replay.filter.window();
        window.sealed_up_to = self.log.as_ref().map(|log| log.sealed_up_to());
        for entry in self.results.entries(&window).await? {
            self.pick_from(&mut picker, &entry).await?;
        }
        picker.close_part().await?;
        self.put(&picker.replay).await?;
        Ok(picker.replay)
    }

    async fn tail(&self, filter: &Filter) -> Result<Vec<Vec<u8>>, Error> {
        let Some(log) = self.log.clone() else {
            return Ok(Vec::new());
        };
        let filter = filter.clone();
        let search = move || {
            let mut found = Vec::new();
            for frame in log.scan(log.sealed_up_to()) {
                let frame = frame?;
                let done: Result<(), Error> =
                    sealer::for_each_result(log.as_ref(), &frame, &mut |_, packed| {
                        if Stored::parse(packed.json).is_some_and(|result| filter.takes(&result)) {
                            found.push([packed.json, b"\n", packed.source].concat());
                        }
                        Ok(())
                    })
                    .map_err(|source| Error::Record {
                        position: frame.position,
                        source,
                    })?;
                done?;
            }
            Ok::<_, Error>(found)
        };
        tokio::task::spawn_blocking(search)
            .await
            .map_err(|_| Error::Cancelled)?
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

impl Picker<'_> {
    async fn take(&mut self, packed: Option<Packed<'_>>) -> Result<(), Error> {
        let Some((packed, result)) =
            packed.and_then(|packed| Some((packed, Stored::parse(packed.json)?)))
        else {
            return Ok(());
        };
        if !self.replay.filter.takes(&result)
            || !self.seen.insert(bloom::id_key(&result.notification_id))
        {
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
