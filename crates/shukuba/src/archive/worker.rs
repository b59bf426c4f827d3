//! What an archive needs next: a piece of the log before all else, then files that changed, then bases.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use base::{Clock, Timestamp};
use sqs::Queues;
use store::archive::{self, Begun, Error, FORMAT, Generation, Objects, Parent, Shipper};

use super::Place;
use super::files::{self, Stamp};
use super::memory::Memory;

/// The least time between two tries to begin a base. Chosen: a snapshot is the size of the queues' state.
const BASES_APART: Duration = Duration::from_secs(10);

/// Whose archive it is.
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    pub(crate) dir: PathBuf,
    pub(crate) account: String,
    pub(crate) host: String,
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// So many bytes were stored; there may be more.
    Stored(u64),
    /// Everything that was durable when the step began is there.
    Done,
}

/// Writes one generation of an archive. Calls block.
#[derive(Debug)]
pub(crate) struct Worker {
    owner: Owner,
    queues: Arc<Queues>,
    clock: Arc<dyn Clock>,
    objects: Place,
    shipper: Shipper,
    /// The files that were stored last.
    stored: Option<Stamp>,
    snapshot_interval: Duration,
    retention: Duration,
    base_tried_at: Option<Duration>,
    /// Whether a base was stored since what is old was removed.
    is_to_retire: bool,
    /// All that became durable before is stored.
    pub(crate) covered: Option<Timestamp>,
}

impl Worker {
    /// Goes on with the generation of the data directory, or begins one.
    ///
    /// # Errors
    /// When the place does not answer or is another account's.
    pub(crate) fn open(
        owner: Owner,
        queues: Arc<Queues>,
        clock: Arc<dyn Clock>,
        objects: Place,
        settings: &crate::config::archive::Archive,
    ) -> anyhow::Result<Self> {
        ensure_ours(&objects, &owner.account)?;
        let memory = Memory::read(&owner.dir)?;
        let known = memory.generation.as_deref().and_then(|it| it.parse().ok());
        let resumed = known
            .map(|generation| resume(&objects, generation, &queues))
            .transpose()?
            .flatten();
        let shipper = match resumed {
            Some(shipper) => shipper,
            None => {
                let forked = known.map(|generation| Parent {
                    generation: generation.to_string(),
                    position: None,
                });
                begin(&owner, &objects, clock.now(), forked.or(memory.parent))?
            }
        };
        Ok(Self {
            owner,
            queues,
            clock,
            objects,
            shipper,
            stored: None,
            snapshot_interval: settings.snapshot_interval.get(),
            retention: settings.retention.get(),
            base_tried_at: None,
            is_to_retire: true,
            covered: None,
        })
    }

    pub(crate) fn shipper(&self) -> &Shipper {
        &self.shipper
    }

    /// Stores the next object.
    ///
    /// # Errors
    /// When the place or the disk refuses; the next step tries it again.
    pub(crate) fn step(&mut self) -> anyhow::Result<Step> {
        match self.try_step() {
            Ok(step) => Ok(step),
            Err(Failed::Archive(Error::Forked { name })) => {
                self.fork(&name)?;
                Ok(Step::Stored(0))
            }
            Err(Failed::Archive(error)) => Err(error.into()),
            Err(Failed::Disk(error)) => Err(error),
        }
    }

    fn try_step(&mut self) -> Result<Step, Failed> {
        let now = self.clock.now();
        let queues = Arc::clone(&self.queues);
        let journal = queues.journal();
        if let Some(shipped) = self.shipper.ship(journal, &self.objects)? {
            self.covered = self.covered.max(Some(shipped.at));
            return Ok(Step::Stored(shipped.bytes));
        }
        self.covered = self.covered.max(Some(now));
        if let Some(bytes) = self.ship_files(now)? {
            return Ok(Step::Stored(bytes));
        }
        let had = self.shipper.newest_base().map(|base| base.position);
        if let Some(bytes) = self.shipper.ship_base(&self.objects)? {
            self.is_to_retire |= self.shipper.newest_base().map(|base| base.position) != had;
            return Ok(Step::Stored(bytes));
        }
        if self.is_base_due(now) {
            self.base_tried_at = Some(self.clock.monotonic());
            let snapshot = self
                .queues
                .snapshot()
                .context("no snapshot could be written");
            snapshot.map_err(Failed::Disk)?;
            self.shipper.begin_base(journal, now)?;
            return Ok(Step::Stored(0));
        }
        if std::mem::take(&mut self.is_to_retire) {
            let since =
                Timestamp::from_millis(now.as_millis().saturating_sub(millis(self.retention)));
            let removed = self.shipper.retire(&self.objects, since)?;
            tracing::debug!(removed, "old objects of the archive removed");
        }
        Ok(Step::Done)
    }

    fn ship_files(&mut self, now: Timestamp) -> Result<Option<u64>, Failed> {
        let stamp = Stamp::of(&self.owner.dir);
        if self.stored.as_ref() == Some(&stamp) {
            return Ok(None);
        }
        let packed =
            files::pack(&self.owner.dir).context("cannot read the files of the data directory");
        let packed = packed.map_err(Failed::Disk)?;
        self.shipper.ship_files(&self.objects, now, &packed)?;
        self.stored = Some(stamp);
        Ok(Some(packed.len() as u64))
    }

    fn is_base_due(&self, now: Timestamp) -> bool {
        let tried = self
            .base_tried_at
            .map(|at| self.clock.monotonic().saturating_sub(at));
        if self.shipper.is_storing_base() || tried.is_some_and(|since| since < BASES_APART) {
            return false;
        }
        let newest = self.shipper.newest_base();
        let is_old = |base: &archive::Base| {
            now.since(base.at()) >= self.snapshot_interval
                && self.queues.journal().end().get() > base.position
        };
        self.shipper.needs_base() || newest.is_none_or(is_old)
    }

    /// Somebody else writes this generation, or this log is another: goes on in one of its own.
    fn fork(&mut self, name: &str) -> anyhow::Result<()> {
        tracing::warn!(
            object = name,
            "the archive's generation is another log's now: a new one is begun. Do two servers run on copies of one data directory?"
        );
        let parent = Parent {
            generation: self.shipper.generation().to_string(),
            position: None,
        };
        self.shipper = begin(&self.owner, &self.objects, self.clock.now(), Some(parent))?;
        (self.stored, self.base_tried_at) = (None, None);
        Ok(())
    }
}

/// Why a step failed.
enum Failed {
    Archive(Error),
    Disk(anyhow::Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Archive(error)
    }
}

/// `None` where the generation is not there, or is another log's.
fn resume(
    objects: &Place,
    generation: Generation,
    queues: &Queues,
) -> Result<Option<Shipper>, Error> {
    if archive::begun(objects, &generation)?.is_none() {
        return Ok(None);
    }
    match Shipper::resume(objects, generation, queues.journal()) {
        Ok(shipper) => Ok(Some(shipper)),
        Err(Error::Forked { name }) => {
            tracing::warn!(object = name, %generation, "the archive holds another log than this data directory: a new generation is begun");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn begin(
    owner: &Owner,
    objects: &Place,
    now: Timestamp,
    parent: Option<Parent>,
) -> anyhow::Result<Shipper> {
    let who = Begun {
        format: FORMAT,
        account: owner.account.clone(),
        host: owner.host.clone(),
        parent: parent.clone(),
    };
    let generation = archive::begin(objects, now.as_millis(), &who)?;
    let memory = Memory {
        generation: Some(generation.to_string()),
        parent,
    };
    memory.write(&owner.dir)?;
    tracing::info!(%generation, "a generation of the archive is begun");
    Ok(Shipper::new(generation))
}

/// Refuses a place that another server uses: a restore could not tell whose log it takes.
fn ensure_ours(objects: &dyn Objects, account: &str) -> anyhow::Result<()> {
    let newest = archive::generations(objects)?.pop();
    let Some(begun) = newest
        .map(|it| archive::begun(objects, &it))
        .transpose()?
        .flatten()
    else {
        return Ok(());
    };
    anyhow::ensure!(
        begun.account == account,
        "the place holds the archive of account {} (host `{}`), this is account {account}: give each server a prefix of its own",
        begun.account,
        begun.host
    );
    Ok(())
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// The data directory's owner.
impl Owner {
    pub(crate) fn of(dir: &Path, account: &base::AccountId) -> Self {
        Self {
            dir: dir.to_owned(),
            account: account.to_string(),
            host: crate::data::host(),
        }
    }
}
