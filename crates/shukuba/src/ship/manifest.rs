//! Manifests: which ids a queue accepted, so that a ledger elsewhere has an *accepted* of its own (contract 5).
//!
//! Accepted packs are first noted in a local file per log file, on disk before the checkpoint passes them; now and then,
//! and at the end, a file of notes becomes an object in the form of [`delivery::ledger::manifest`]. The object's name is
//! made of the first pack in it, so that after a crash it replaces itself. A pack that was noted twice counts once.
//!
//! # Format
//! Notes are `<id of the log file>.notes` with a JSON object a line, a pack as its offset and its lines:
//! `{"at":1795410190250,"path":"/var/log/s2s.log","packs":[[4096,200],[65011,198]]}`. The id of a line is
//! `<id>-<offset in hex>/<number from 1>`, as the attribute `shukuba.id` says.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use base::Timestamp;
use delivery::ledger::manifest::{self, IDS_MAX, ManifestBuilder};
use delivery::port::ResultStore;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use super::ending::Ending;
use super::flight::Landed;
use super::state::Appender;

/// Notes become an object when they are this old or name this many lines. Chosen: a few objects an hour.
const ROLL_AFTER: Duration = Duration::from_secs(300);
const ROLL_LINES: u64 = IDS_MAX as u64 / 2;
/// The wait after a store that did not take an object. Chosen.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(30);

#[derive(Debug, Serialize, Deserialize)]
struct Note {
    at: u64,
    path: PathBuf,
    packs: Vec<(u64, u32)>,
}

/// The notes of one log file.
#[derive(Debug)]
struct Notes {
    out: Appender,
    lines: u64,
    since: Duration,
}

/// Writes the manifests of one queue.
#[derive(Debug)]
pub(crate) struct Manifests {
    dir: PathBuf,
    store: Arc<dyn ResultStore>,
    queue: String,
    host: String,
    open: BTreeMap<String, Notes>,
    ending: Ending,
    rest_until: Duration,
}

impl Manifests {
    /// Manifests of `queue` in `store`; the notes lie in `dir`. What an earlier run noted becomes an object soon.
    pub(crate) fn new(
        dir: &Path,
        store: Arc<dyn ResultStore>,
        queue: &str,
        host: &str,
        ending: Ending,
    ) -> anyhow::Result<Self> {
        let dir = dir.join("notes");
        fs::create_dir_all(&dir).with_context(|| format!("cannot make `{}`", dir.display()))?;
        let mut open = BTreeMap::new();
        for entry in
            fs::read_dir(&dir).with_context(|| format!("cannot read `{}`", dir.display()))?
        {
            let path = entry
                .with_context(|| format!("cannot read `{}`", dir.display()))?
                .path();
            if let Some(id) = path
                .file_name()
                .and_then(|name| name.to_str()?.strip_suffix(".notes"))
            {
                let notes = Notes {
                    out: Appender::new(path.clone()),
                    lines: ROLL_LINES,
                    since: Duration::ZERO,
                };
                open.insert(id.to_owned(), notes);
            }
        }
        let queue = queue.rsplit('/').next().unwrap_or(queue).to_owned();
        Ok(Self {
            dir,
            store,
            queue,
            host: host.to_owned(),
            open,
            ending,
            rest_until: Duration::ZERO,
        })
    }

    /// Notes accepted packs of one log file; on disk when this returns.
    pub(crate) fn note(
        &mut self,
        id: &str,
        path: &Path,
        at: Timestamp,
        mono: Duration,
        packs: &[Landed],
    ) -> anyhow::Result<()> {
        let accepted = || packs.iter().filter(|pack| pack.lines > 0);
        let note = Note {
            at: at.as_millis(),
            path: path.to_owned(),
            packs: accepted().map(|pack| (pack.start, pack.lines)).collect(),
        };
        if note.packs.is_empty() {
            return Ok(());
        }
        let mut text = serde_json::to_vec(&note).context("cannot write a note as JSON")?;
        text.push(b'\n');
        let file = self.dir.join(format!("{id}.notes"));
        let notes = self.open.entry(id.to_owned()).or_insert_with(|| Notes {
            out: Appender::new(file),
            lines: 0,
            since: mono,
        });
        notes.lines += accepted().map(|pack| u64::from(pack.lines)).sum::<u64>();
        notes.out.append(&text)
    }

    /// Makes objects of notes that are old or many enough. A store that fails is tried again later: the notes stay.
    pub(crate) fn roll_if_due(&mut self, mono: Duration) {
        if mono < self.rest_until {
            return;
        }
        let is_due = |notes: &Notes| {
            notes.lines >= ROLL_LINES || mono.saturating_sub(notes.since) >= ROLL_AFTER
        };
        let due: Vec<String> = self
            .open
            .iter()
            .filter(|(_, notes)| is_due(notes))
            .map(|(id, _)| id.clone())
            .collect();
        for id in due {
            if let Err(error) = self.roll(&id) {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "a manifest was not stored; trying again later"
                );
                self.rest_until = mono + TRY_AGAIN_AFTER;
                return;
            }
        }
    }

    /// Makes objects of all notes.
    pub(crate) fn roll_all(&mut self) -> anyhow::Result<()> {
        let all: Vec<String> = self.open.keys().cloned().collect();
        all.iter().try_for_each(|id| self.roll(id))
    }

    fn roll(&mut self, id: &str) -> anyhow::Result<()> {
        let path = self.dir.join(format!("{id}.notes"));
        let text = fs::read_to_string(&path)
            .with_context(|| format!("cannot read `{}`", path.display()))?;
        // The last line may be torn by a crash; its packs are sent and noted again then.
        let notes: Vec<Note> = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        for (name, object) in objects(&self.queue, &self.host, id, &notes)? {
            let stored = async {
                tokio::select! {
                    stored = self.store.put(&name, object) => stored.map_err(anyhow::Error::new),
                    () = self.ending.over() => Err(anyhow::anyhow!("told to end")),
                }
            };
            Handle::current()
                .block_on(stored)
                .with_context(|| format!("cannot store the manifest `{name}`"))?;
        }
        fs::remove_file(&path).with_context(|| format!("cannot remove `{}`", path.display()))?;
        self.open.remove(id);
        Ok(())
    }
}

/// The objects that hold what was noted: names and bytes.
fn objects(
    queue: &str,
    host: &str,
    id: &str,
    notes: &[Note],
) -> anyhow::Result<Vec<(String, bytes::Bytes)>> {
    let mut made = Vec::new();
    let mut seen = HashSet::new();
    let mut current: Option<(String, ManifestBuilder)> = None;
    for note in notes {
        let at = Timestamp::from_millis(note.at);
        for (start, lines) in note.packs.iter().filter(|(start, _)| seen.insert(*start)) {
            let (_, builder) = current.get_or_insert_with(|| {
                let part = format!("{}-{start:x}", id.replace('.', "-"));
                let file = note.path.display().to_string();
                (
                    manifest::name(queue, at, &part),
                    ManifestBuilder::new(queue, host, &file),
                )
            });
            for number in 1..=*lines {
                builder.add(at, &format!("{id}-{start:x}/{number}"));
            }
            if builder.ids() >= IDS_MAX {
                made.extend(current.take());
            }
        }
    }
    made.extend(current);
    made.into_iter()
        .map(|(name, builder)| Ok((name, builder.finish().context("cannot make a manifest")?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use delivery::port::{Error, StoredObject};
    use futures_util::future::BoxFuture;

    use super::*;

    fn note(at_secs: u64, packs: &[(u64, u32)]) -> Note {
        Note {
            at: at_secs * 1000,
            path: PathBuf::from("/var/log/app.log"),
            packs: packs.to_vec(),
        }
    }

    #[test]
    fn a_manifest_holds_each_id_once_and_replaces_itself_after_a_crash() {
        let notes = [
            note(60, &[(0, 2), (100, 1)]),
            note(61, &[(100, 1), (200, 1)]),
        ];
        let made = objects("s2s", "web-1", "f1.2", &notes).unwrap();
        let [(name, bytes)] = made.as_slice() else {
            panic!("one object")
        };
        let (head, ids) = manifest::read(name, bytes).unwrap();
        assert_eq!(
            (head.queue.as_str(), head.file.as_str()),
            ("s2s", "/var/log/app.log")
        );
        let ids: Vec<_> = ids.into_iter().map(|(_, id)| id).collect();
        assert_eq!(ids, ["f1.2-0/1", "f1.2-0/2", "f1.2-64/1", "f1.2-c8/1"]);
        assert!(name.ends_with("/f1-2-0.ids.zst"), "{name}");
        let more: Vec<Note> = notes.into_iter().chain([note(62, &[(300, 1)])]).collect();
        assert_eq!(objects("s2s", "web-1", "f1.2", &more).unwrap()[0].0, *name);
    }

    #[test]
    fn an_id_costs_a_few_bytes() {
        let packs: Vec<(u64, u32)> = (0..250).map(|pack| (pack * 60_000, 200)).collect();
        let made = objects("s2s", "web-1", "9c56ab7b1c2d6959", &[note(60, &packs)]).unwrap();
        let bytes: usize = made.iter().map(|(_, bytes)| bytes.len()).sum();
        assert!(bytes < 50_000 * 4, "{bytes}");
    }

    /// Takes nothing, and says nothing.
    #[derive(Debug)]
    struct Silent;

    impl ResultStore for Silent {
        fn put<'a>(&'a self, _: &'a str, _: Bytes) -> BoxFuture<'a, Result<(), Error>> {
            Box::pin(std::future::pending())
        }
        fn put_new<'a>(&'a self, _: &'a str, _: Bytes) -> BoxFuture<'a, Result<bool, Error>> {
            Box::pin(std::future::pending())
        }
        fn get<'a>(
            &'a self,
            _: &'a str,
            _: Option<std::ops::Range<u64>>,
        ) -> BoxFuture<'a, Result<Option<Bytes>, Error>> {
            Box::pin(std::future::pending())
        }
        fn list<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<StoredObject>, Error>> {
            Box::pin(std::future::pending())
        }
        fn delete<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), Error>> {
            Box::pin(std::future::pending())
        }
    }

    #[tokio::test]
    async fn a_store_that_is_away_holds_nobody_who_was_told_to_end() {
        let dir = tempfile::tempdir().unwrap();
        let ending = Ending::default();
        let store = Arc::new(Silent);
        let mut manifests = Manifests::new(dir.path(), store, "q", "h", ending.clone()).unwrap();
        let landed = Landed {
            file: 0,
            start: 0,
            end: 9,
            lines: 1,
            set_aside: 0,
        };
        let at = Timestamp::from_millis(0);
        let packs = [landed];
        let path = Path::new("/log");
        manifests
            .note("f", path, at, Duration::ZERO, &packs)
            .unwrap();
        let rolling = tokio::task::spawn_blocking(move || manifests.roll_all());
        ending.ask();
        ending.ask();
        assert!(rolling.await.unwrap().is_err());
        let notes = dir.path().join("notes/f.notes");
        assert!(notes.exists(), "the next run stores it");
    }
}
