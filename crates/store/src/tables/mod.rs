//! Named tables of ordered keys, for what is looked up by name: objects, uploads, indexes.
//!
//! Beside the journal, which is what queues and results are made of. A table maps bytes to bytes in the order of the keys.
//! All changes of a [`Tables`] run on one thread, one after the other, each with what the ones before it left
//! ([`Tables::change`]): to decide and to write is one step, without locks. Those that wait share one fdatasync.
//!
//! INVARIANT: a [`View`] shows what is durable. Nobody reads what a crash could forget.
//! INVARIANT: a change is there wholly or not at all, over all its tables.
//! INVARIANT: after a failed write or sync nothing is taken any more ([`Poisoned`]); what is there is read at the next opening.
//!
//! The trees and their log are [fjall](https://docs.rs/fjall)'s.

mod commit;
mod copy;
mod view;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use base::ByteCount;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use parking_lot::{Mutex, RwLock};
use tokio::sync::oneshot;

use crate::poison::Poisoned;
use commit::{Committer, Decide, Job};
pub use copy::copy;
pub use view::{Changes, Entry, Scan, View};

/// A table's name: letters, digits, `-` and `_`.
pub type Table = &'static str;

/// Changes that wait for the committer; whoever comes then waits for a place (chosen).
const WAITING_MAX: usize = 1024;
/// Memory for what has been read. Chosen.
const CACHE: ByteCount = ByteCount::mib(16);
/// Memory of a table's newest changes, and so the size of the files that they become. Chosen.
const FRESH: ByteCount = ByteCount::mib(8);
/// Disk for the log of changes that are in no tree yet; fjall takes no less.
const LOG: ByteCount = ByteCount::mib(64);
/// Threads that write trees.
const WORKERS: usize = 1;

/// Why tables were not opened or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// They cannot be opened.
    #[error("the tables in `{path}` cannot be opened")]
    Open {
        /// Where.
        path: std::path::PathBuf,
        /// Why.
        source: Box<fjall::Error>,
    },
    /// They cannot be read.
    #[error("a table cannot be read")]
    Read(#[source] Box<fjall::Error>),
    /// They do not take changes any more.
    #[error(transparent)]
    Poisoned(#[from] Poisoned),
}

/// Named tables in one directory, which one process has open at a time.
#[derive(Debug)]
pub struct Tables {
    shelf: Arc<Shelf>,
    jobs: Option<std::sync::mpsc::SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

/// What the committer and the readers share.
pub(crate) struct Shelf {
    database: Database,
    tables: Vec<(Table, Keyspace)>,
    durable: RwLock<View>,
    poisoned: Mutex<Option<Poisoned>>,
    is_poisoned: AtomicBool,
}

impl Tables {
    /// Opens the tables `names` in `path`, and makes what is not there. Reads back what the last process left.
    ///
    /// # Errors
    /// [`Error::Open`].
    pub fn open(path: &Path, names: &[Table]) -> Result<Self, Error> {
        let failed = |source: fjall::Error| Error::Open {
            path: path.to_owned(),
            source: Box::new(source),
        };
        let database = Database::builder(path)
            .cache_size(CACHE.get())
            .max_journaling_size(LOG.get())
            .worker_threads(WORKERS)
            .manual_journal_persist(true)
            .open()
            .map_err(failed)?;
        let open = |name: &Table| {
            let options = || KeyspaceCreateOptions::default().max_memtable_size(FRESH.get());
            database.keyspace(name, options).map(|table| (*name, table))
        };
        let tables: Vec<_> = names
            .iter()
            .map(open)
            .collect::<Result<_, _>>()
            .map_err(failed)?;
        database.persist(PersistMode::SyncAll).map_err(failed)?;
        let durable = View::of(&database, &tables);
        let shelf = Arc::new(Shelf {
            database,
            tables,
            durable: RwLock::new(durable),
            poisoned: Mutex::new(None),
            is_poisoned: AtomicBool::new(false),
        });
        let (jobs, waiting) = std::sync::mpsc::sync_channel(WAITING_MAX);
        let committer = Committer::new(Arc::clone(&shelf), waiting);
        let thread = std::thread::Builder::new()
            .name("tables".to_owned())
            .spawn(move || committer.run())
            .map_err(|error| failed(error.into()))?;
        Ok(Self {
            shelf,
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// All that is durable now; stays as it is while others change.
    #[must_use]
    pub fn view(&self) -> View {
        self.shelf.durable.read().clone()
    }

    /// Changes the tables: `decide` sees all changes before its own, durable or not, and says what to write, or refuses.
    /// The answer comes when what it wrote is durable. `decide` runs on the one thread of all changes: it must not wait
    /// for anything but these tables.
    ///
    /// # Errors
    /// [`Poisoned`] when it cannot be known whether the change is kept. A refusal is the inner result, and changes nothing.
    pub async fn change<T, E>(
        &self,
        decide: impl FnOnce(&View, &mut Changes) -> Result<T, E> + Send + 'static,
    ) -> Result<Result<T, E>, Poisoned>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        let (told, answer) = oneshot::channel();
        let job: Job = Box::new(Decide::new(decide, told));
        self.hand_in(job).await?;
        answer.await.map_err(|_| self.gone())
    }

    /// As [`Tables::change`], from a thread that may block.
    ///
    /// # Errors
    /// As [`Tables::change`].
    pub fn change_blocking<T, E>(
        &self,
        decide: impl FnOnce(&View, &mut Changes) -> Result<T, E> + Send + 'static,
    ) -> Result<Result<T, E>, Poisoned>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        let (told, answer) = oneshot::channel();
        let job: Job = Box::new(Decide::new(decide, told));
        self.sender()?.send(job).map_err(|_| self.gone())?;
        answer.blocking_recv().map_err(|_| self.gone())
    }

    /// Why no changes are taken any more, if so.
    #[must_use]
    pub fn poisoned(&self) -> Option<Poisoned> {
        self.shelf.poisoned()
    }

    async fn hand_in(&self, mut job: Job) -> Result<(), Poisoned> {
        use std::sync::mpsc::TrySendError;
        loop {
            match self.sender()?.try_send(job) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Disconnected(_)) => return Err(self.gone()),
                Err(TrySendError::Full(back)) => job = back,
            }
            // The committer takes hundreds at a time, within milliseconds.
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }

    fn sender(&self) -> Result<&std::sync::mpsc::SyncSender<Job>, Poisoned> {
        match self.shelf.poisoned() {
            Some(poisoned) => Err(poisoned),
            None => self.jobs.as_ref().ok_or_else(|| self.gone()),
        }
    }

    fn gone(&self) -> Poisoned {
        let ended = || Poisoned::new("the thread that changes the tables ended");
        self.shelf.poisoned().unwrap_or_else(ended)
    }
}

impl Drop for Tables {
    /// Waits for the changes that were handed in.
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // A panic of it has been told to all who waited.
            let _ = thread.join();
        }
    }
}

impl Shelf {
    fn table(&self, name: Table) -> Option<&Keyspace> {
        self.tables
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, table)| table)
    }

    fn live(&self) -> View {
        View::of(&self.database, &self.tables)
    }

    fn poisoned(&self) -> Option<Poisoned> {
        match self.is_poisoned.load(Ordering::Acquire) {
            false => None,
            true => self.poisoned.lock().clone(),
        }
    }

    fn poison(&self, reason: &str) -> Poisoned {
        let mut poisoned = self.poisoned.lock();
        let first = poisoned
            .get_or_insert_with(|| Poisoned::new(reason))
            .clone();
        self.is_poisoned.store(true, Ordering::Release);
        first
    }
}

impl std::fmt::Debug for Shelf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.tables.iter().map(|(name, _)| *name).collect();
        f.debug_struct("Shelf")
            .field("tables", &names)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
