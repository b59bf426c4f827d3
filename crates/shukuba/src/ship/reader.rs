//! From files to batches, and what is written before what.
//!
//! One thread reads all files and is the only one that writes the state. The order at each batch: set-aside lines and
//! manifests on disk, then the state with the bounds of what is about to be sent, then the send. The state after an
//! answer goes with the next write.

use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use base::{Clock, SystemClock};
use delivery::format::Format;
use delivery::port::ResultStore;
use delivery::result::Origin;
use tokio::sync::mpsc;

use super::flight::{Landed, Refused};
use super::follow::{Ended, Follow, Mode, Reading};
use super::group::Grouping;
use super::manifest::Manifests;
use super::pack::{Bounds, Pack};
use super::pipeline::{Batch, Place};
use super::pull::{drain, drain_last, pull};
use super::source::{self, Node};
use super::state::State;
use super::{LINE_BYTES_MAX, Options, Shared};
use crate::client::Message;

/// How often files are looked at that had nothing new. Chosen.
const POLL: Duration = Duration::from_millis(100);
/// How long the state may lag behind answers where no plan has to be written. Chosen.
const SAVE_WITHIN: Duration = Duration::from_millis(100);

/// Reads, packs, hands out, and keeps the state.
#[derive(Debug)]
pub(crate) struct Reader {
    options: Options,
    follows: Vec<Follow>,
    state: State,
    manifests: Manifests,
    format: Option<Format>,
    group: Grouping,
    batches: Option<mpsc::Sender<Batch>>,
    batch: Batch,
    shared: Shared,
    /// Open files by their number, for the hash before a checkpoint.
    handles: HashMap<usize, (Node, File)>,
    /// Files that end at an offset for good.
    finishing: HashMap<usize, u64>,
    waiting_since: Option<Duration>,
    saved_at: Duration,
    clock: SystemClock,
}

/// Whether a file had anything to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Some,
    None,
}

impl Reader {
    pub(crate) fn open(
        options: Options,
        queue_url: &str,
        group: Grouping,
        store: Arc<dyn ResultStore>,
        batches: mpsc::Sender<Batch>,
        shared: Shared,
    ) -> anyhow::Result<Self> {
        let mut state = State::open(&options.state_dir, queue_url)?;
        let manifests = Manifests::new(
            state.dir(),
            store,
            queue_url,
            &options.host,
            shared.ending.clone(),
        )?;
        let format = options.line_format()?;
        let mode = match (options.is_once, options.is_last_line_whole) {
            (false, _) => Mode::On,
            (true, false) => Mode::Once,
            (true, true) => Mode::OnceWhole,
        };
        let mut follows = Vec::new();
        for path in &options.files {
            let path =
                std::path::absolute(path).with_context(|| format!("`{}`", path.display()))?;
            let mut follow = Follow::new(&path, options.limits(), LINE_BYTES_MAX, mode);
            // Of one that ends, the other files are sent all the same.
            match follow.open(&mut state) {
                Err(error) if options.is_once => {
                    tell_unreadable(&shared, &error, 0);
                    continue;
                }
                opened => opened?,
            }
            if follow.has_only_a_rest() {
                shared.flights.count_unfinished();
            }
            follows.push(follow);
        }
        for follow in &mut follows {
            follow.begin(&mut state);
        }
        Ok(Self {
            options,
            follows,
            state,
            manifests,
            format,
            group,
            batches: Some(batches),
            batch: Batch::default(),
            shared,
            handles: HashMap::new(),
            finishing: HashMap::new(),
            waiting_since: None,
            saved_at: Duration::ZERO,
            clock: SystemClock::new(),
        })
    }

    /// Reads until everything is sent (`--once`) or a signal comes.
    pub(crate) fn run(mut self) -> anyhow::Result<()> {
        while !self.is_stopped() {
            let mut progress = Progress::None;
            for index in 0..self.follows.len() {
                if self.read_some(index)? == Progress::Some {
                    progress = Progress::Some;
                }
            }
            if progress == Progress::None {
                if self.options.is_once {
                    break;
                }
                self.flush_if_due()?;
                std::thread::sleep(POLL);
            }
            self.save_if_due()?;
        }
        self.finish()
    }

    fn is_stopped(&self) -> bool {
        self.shared.ending.is_asked() || self.batches.is_none()
    }

    /// Reads one buffer of the file that has its turn under a name, and of the renamed ones that are listened to.
    fn read_some(&mut self, index: usize) -> anyhow::Result<Progress> {
        let late = self.read_late(index)?;
        let now = self.clock.monotonic();
        let Some(follow) = self.follows.get_mut(index) else {
            return Ok(late);
        };
        if let Some(reading) = follow.reading() {
            let format = self.format.as_ref();
            let pulled = match pull(reading, &mut self.handles, format, &self.shared) {
                Ok(pulled) => pulled,
                Err(error) => {
                    let broken = follow.give_up();
                    return self.broke(broken, error);
                }
            };
            self.take(pulled.file, &pulled.id, pulled.packs)?;
            if !pulled.is_at_end {
                return Ok(Progress::Some);
            }
        }
        let Some(follow) = self.follows.get_mut(index) else {
            return Ok(late);
        };
        match follow.at_end(&mut self.state, now)? {
            Some(ended) => self.ended(ended),
            None if follow.has_older() => Ok(Progress::Some),
            None => Ok(late),
        }
    }

    fn read_late(&mut self, index: usize) -> anyhow::Result<Progress> {
        let now = self.clock.monotonic();
        let mut progress = Progress::None;
        for number in 0.. {
            let Some(follow) = self.follows.get_mut(index) else {
                break;
            };
            let Some(reading) = follow.late(number) else {
                break;
            };
            let format = self.format.as_ref();
            let pulled = match pull(reading, &mut self.handles, format, &self.shared) {
                Ok(pulled) => pulled,
                Err(error) => {
                    let broken = follow.give_up_late(number);
                    return self.broke(broken, error);
                }
            };
            if !pulled.is_at_end {
                follow.heard(number, now);
                progress = Progress::Some;
            }
            self.take(pulled.file, &pulled.id, pulled.packs)?;
        }
        while let Some(ended) = self
            .follows
            .get_mut(index)
            .and_then(|follow| follow.take_silent(now))
        {
            progress = self.ended(ended)?;
        }
        Ok(progress)
    }

    /// A file that cannot be read on. What was read of it is sent, and it stays open in the state: the next run tries again.
    fn broke(&mut self, broken: Option<Reading>, error: anyhow::Error) -> anyhow::Result<Progress> {
        let Some(mut reading) = broken else {
            return Err(error); // It is written to: nobody else will read what comes.
        };
        tell_unreadable(&self.shared, &error, reading.source.offset());
        let packs = reading.packer.flush().into_iter().collect();
        self.take(reading.file, &reading.id, packs)?;
        Ok(Progress::Some)
    }

    /// A file of which no more is read.
    fn ended(&mut self, ended: Ended) -> anyhow::Result<Progress> {
        let (mut reading, is_last_whole, is_done) = match ended {
            Ended::Gone(reading) => (reading, true, true),
            Ended::Whole(reading) => (reading, true, false),
            Ended::Open(reading) => (reading, false, false),
        };
        let mut packs = drain(&mut reading, self.format.as_ref(), &self.shared.aside);
        if is_last_whole {
            packs.extend(drain_last(
                &mut reading,
                self.format.as_ref(),
                &self.shared.aside,
            ));
        } else if reading.source.has_rest() {
            self.shared.flights.count_unfinished();
        }
        packs.extend(reading.packer.finish());
        if is_done {
            self.finishing.insert(reading.file, reading.source.offset());
        }
        self.take(reading.file, &reading.id, packs)?;
        Ok(Progress::Some)
    }

    /// Hands packs on.
    fn take(&mut self, file: usize, id: &str, packs: Vec<Pack>) -> anyhow::Result<()> {
        for pack in packs {
            let place = Place {
                file,
                start: pack.start,
            };
            let is_empty = pack.lines == 0;
            let message = self.message(file, id, &pack);
            if !is_empty && !self.batch.has_room_for(&message) {
                self.dispatch()?;
            }
            self.plan(
                file,
                Bounds {
                    start: pack.start,
                    end: pack.end,
                },
            );
            self.shared.flights.start(Landed {
                file,
                start: pack.start,
                end: pack.end,
                lines: pack.lines,
                set_aside: pack.set_aside,
            });
            if is_empty {
                self.shared.flights.land(place, 0, Refused::No);
            } else {
                self.batch.push(place, message);
                let now = self.clock.monotonic();
                self.waiting_since.get_or_insert(now);
            }
        }
        Ok(())
    }

    fn message(&self, file: usize, id: &str, pack: &Pack) -> Message {
        let path = self
            .state
            .files
            .get(file)
            .map(|file| file.path.display().to_string());
        let origin = Origin {
            host: self.options.host.clone(),
            file: path.unwrap_or_default(),
            offset: pack.start,
            shipped_at_ms: self.clock.now().as_millis(),
        };
        let sent_as = format!("{id}-{:x}", pack.start);
        Message {
            body: pack.body.clone(),
            lines: pack.lines,
            group: self.group.group(id, &sent_as, pack.lines, &pack.body),
            id: Some(sent_as),
            origin: Some(origin.to_text()),
        }
    }

    /// Notes the bounds of a pack before it is sent. One line a message needs no note: its id is its offset.
    fn plan(&mut self, file: usize, bounds: Bounds) {
        if self.options.pack_bytes.is_none() {
            return;
        }
        if let Some(known) = self.state.files.get_mut(file)
            && !known
                .planned
                .iter()
                .any(|planned| planned.start == bounds.start)
        {
            known.planned.push(bounds);
        }
    }

    /// Sends what is gathered; waits while enough calls are under way.
    fn dispatch(&mut self) -> anyhow::Result<()> {
        self.waiting_since = None;
        if self.batch.is_empty() {
            return Ok(());
        }
        if self.options.pack_bytes.is_some() {
            self.save()?;
        }
        let batch = std::mem::take(&mut self.batch);
        let is_closed = self
            .batches
            .as_ref()
            .is_none_or(|batches| batches.blocking_send(batch).is_err());
        if is_closed {
            self.batches = None;
        }
        Ok(())
    }

    /// No more lines come for now: sends what waits once it has waited long enough for company.
    fn flush_if_due(&mut self) -> anyhow::Result<()> {
        let now = self.clock.monotonic();
        let is_waiting = !self.batch.is_empty()
            || self
                .follows
                .iter_mut()
                .flat_map(Follow::readings)
                .any(|reading| !reading.packer.is_empty());
        if !is_waiting {
            return Ok(());
        }
        let since = *self.waiting_since.get_or_insert(now);
        if now.saturating_sub(since) < self.options.linger {
            return Ok(());
        }
        let mut flushed = Vec::new();
        for reading in self.follows.iter_mut().flat_map(Follow::readings) {
            flushed.extend(
                reading
                    .packer
                    .flush()
                    .map(|pack| (reading.file, reading.id.clone(), pack)),
            );
        }
        for (file, id, pack) in flushed {
            self.take(file, &id, vec![pack])?;
        }
        self.dispatch()
    }

    fn save_if_due(&mut self) -> anyhow::Result<()> {
        self.manifests.roll_if_due(self.clock.monotonic());
        if self.clock.monotonic().saturating_sub(self.saved_at) < SAVE_WITHIN {
            return Ok(());
        }
        self.save()
    }

    /// Puts on disk what is known: set-aside lines, manifests, state.
    fn save(&mut self) -> anyhow::Result<()> {
        self.saved_at = self.clock.monotonic();
        let landed = self.shared.flights.take_landed();
        let is_new =
            !landed.is_empty() || self.options.pack_bytes.is_some() && !self.batch.is_empty();
        let finished = self.finish_files(&landed);
        let is_changed = std::mem::take(&mut self.state.is_changed);
        if !is_new && !finished && !is_changed {
            return Ok(());
        }
        self.shared.aside.lock().flush()?;
        self.note_accepted(&landed)?;
        for pack in &landed {
            self.count(pack);
        }
        let files: std::collections::BTreeSet<usize> =
            landed.iter().map(|pack| pack.file).collect();
        for file in files {
            self.retail(file);
        }
        self.finish_files(&[]);
        self.state.save()
    }

    fn count(&mut self, pack: &Landed) {
        let Some(known) = self.state.files.get_mut(pack.file) else {
            return;
        };
        known.offset = pack.end;
        known.accepted += u64::from(pack.lines);
        known.set_aside += u64::from(pack.set_aside);
        let offset = known.offset;
        known.planned.retain(|planned| planned.end > offset);
    }

    /// Hashes the text before the new offset, by which the file is known again. Not of a compressed file, nor of one
    /// that holds something else by now: the hash before an earlier offset does then.
    fn retail(&mut self, file: usize) {
        let (Some(known), Some((_, handle))) =
            (self.state.files.get_mut(file), self.handles.get(&file))
        else {
            return;
        };
        let print = source::fingerprint_of(handle).ok().flatten();
        if print.as_ref() == Some(&known.fingerprint)
            && let Ok(Some(tail)) = source::tail_of(handle, known.offset)
        {
            known.tail = Some(tail);
            known.tail_at = Some(known.offset);
        }
    }

    fn note_accepted(&mut self, landed: &[Landed]) -> anyhow::Result<()> {
        let (at, mono) = (self.clock.now(), self.clock.monotonic());
        for run in landed.chunk_by(|a, b| a.file == b.file) {
            let Some(known) = run.first().and_then(|pack| self.state.files.get(pack.file)) else {
                continue;
            };
            self.manifests.note(&known.id, &known.path, at, mono, run)?;
        }
        Ok(())
    }

    /// Marks files that are finished for good. `true` when there are any, counting `landed` as counted.
    fn finish_files(&mut self, landed: &[Landed]) -> bool {
        let mut any = false;
        let (state, handles) = (&mut self.state, &mut self.handles);
        self.finishing.retain(|file, end| {
            let Some(known) = state.files.get_mut(*file) else {
                return false;
            };
            let ahead = landed
                .iter()
                .rfind(|pack| pack.file == *file)
                .map_or(0, |pack| pack.end);
            if known.offset.max(ahead) < *end {
                return true;
            }
            any = true;
            if landed.is_empty() {
                known.is_done = true;
                handles.remove(file);
                return false;
            }
            true
        });
        any
    }

    /// Sends the rest, waits for the answers, and saves.
    fn finish(mut self) -> anyhow::Result<()> {
        let readings: Vec<Reading> = std::mem::take(&mut self.follows)
            .into_iter()
            .flat_map(Follow::into_readings)
            .collect();
        for mut reading in readings {
            let packs: Vec<Pack> = reading.packer.flush().into_iter().collect();
            self.take(reading.file, &reading.id, packs)?;
        }
        if self.batches.is_some() {
            self.dispatch()?;
        }
        self.batches = None;
        while self.shared.flights.under_way() > 0
            && self.shared.stop.lock().is_none()
            && !self.shared.ending.is_over()
        {
            std::thread::sleep(Duration::from_millis(5));
            self.save_if_due()?;
        }
        self.save()?;
        self.save()?;
        if let Err(error) = self.manifests.roll_all() {
            tracing::warn!(
                error = format!("{error:#}"),
                "a manifest was not stored; the next run does it"
            );
        }
        Ok(())
    }
}

fn tell_unreadable(shared: &Shared, error: &anyhow::Error, offset: u64) {
    shared.flights.count_unreadable();
    let error = format!("{error:#}");
    tracing::error!(
        error,
        offset,
        "a file cannot be read on; the others are sent"
    );
}
