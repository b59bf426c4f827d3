//! The one thread that changes the tables.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use fjall::PersistMode;
use tokio::sync::oneshot;
use tracing::error;

use super::{Changes, Shelf, View};
use crate::poison::Poisoned;

/// Changes that share one sync. Chosen: a group of small ones is written in less than a sync takes.
const GROUP_MAX: usize = 256;

/// A change that waits for its turn.
pub(super) type Job = Box<dyn Change + Send>;

/// A change without its types.
pub(super) trait Change {
    /// Decides. What it writes goes into `changes`.
    fn decide(&mut self, live: &View, changes: &mut Changes);

    /// Tells the outcome, which is durable.
    fn tell(self: Box<Self>);
}

pub(super) struct Decide<F, T, E> {
    decide: Option<F>,
    outcome: Option<Result<T, E>>,
    told: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Decide<F, T, E> {
    pub(super) fn new(decide: F, told: oneshot::Sender<Result<T, E>>) -> Self {
        Self {
            decide: Some(decide),
            outcome: None,
            told,
        }
    }
}

impl<F, T, E> Change for Decide<F, T, E>
where
    F: FnOnce(&View, &mut Changes) -> Result<T, E> + Send,
    T: Send,
    E: Send,
{
    fn decide(&mut self, live: &View, changes: &mut Changes) {
        if let Some(decide) = self.decide.take() {
            let outcome = decide(live, changes);
            if outcome.is_err() {
                changes.clear();
            }
            self.outcome = Some(outcome);
        }
    }

    fn tell(self: Box<Self>) {
        if let Some(outcome) = self.outcome {
            // Who asked may be gone.
            let _ = self.told.send(outcome);
        }
    }
}

/// Decides, writes and syncs for all who wait.
pub(super) struct Committer {
    shelf: Arc<Shelf>,
    waiting: Receiver<Job>,
}

impl Committer {
    pub(super) fn new(shelf: Arc<Shelf>, waiting: Receiver<Job>) -> Self {
        Self { shelf, waiting }
    }

    /// Works until nobody can hand in anything any more.
    pub(super) fn run(self) {
        while let Ok(first) = self.waiting.recv() {
            if self.shelf.poisoned().is_some() {
                // Dropped unheard, which tells whoever waits.
                continue;
            }
            let others = self.waiting.try_iter().take(GROUP_MAX - 1);
            let group: Vec<Job> = std::iter::once(first).chain(others).collect();
            if let Err(poisoned) = self.commit(group) {
                error!(
                    reason = poisoned.reason(),
                    "the tables take no changes any more"
                );
            }
        }
    }

    fn commit(&self, group: Vec<Job>) -> Result<(), Poisoned> {
        let mut decided = Vec::with_capacity(group.len());
        let mut has_changed = false;
        for mut job in group {
            match self.write(&mut job)? {
                Written::Panicked => {}
                Written::Nothing => decided.push(job),
                Written::Changes => {
                    has_changed = true;
                    decided.push(job);
                }
            }
        }
        if has_changed {
            let synced = self.shelf.database.persist(PersistMode::SyncData);
            synced.map_err(|error| self.shelf.poison(&format!("sync of the tables: {error}")))?;
            *self.shelf.durable.write() = self.shelf.live();
        }
        decided.into_iter().for_each(Change::tell);
        Ok(())
    }

    /// Decides one change and writes it, not yet durable.
    fn write(&self, job: &mut Job) -> Result<Written, Poisoned> {
        let live = self.shelf.live();
        let mut changes = Changes::default();
        let decided = catch_unwind(AssertUnwindSafe(|| job.decide(&live, &mut changes)));
        if decided.is_err() {
            error!("a change of the tables panicked; nothing of it is kept");
            return Ok(Written::Panicked);
        }
        if changes.is_empty() {
            return Ok(Written::Nothing);
        }
        let mut batch = self.shelf.database.batch();
        for (table, key, value) in changes.take() {
            let Some(table) = self.shelf.table(table) else {
                error!(
                    table,
                    "a change of a table that was not opened; nothing of it is kept"
                );
                return Ok(Written::Panicked);
            };
            match value {
                Some(value) => batch.insert(table, key, value),
                None => batch.remove(table, key),
            }
        }
        batch
            .commit()
            .map(|()| Written::Changes)
            .map_err(|error| self.shelf.poison(&format!("write of the tables: {error}")))
    }
}

enum Written {
    Changes,
    Nothing,
    Panicked,
}
