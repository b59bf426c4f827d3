//! Event source mappings: queues as sources of functions' events.
//!
//! - [`engine`]: what mappings are and become; pure
//! - [`ops`]: their operations, for the service of Lambda
//! - [`port`]: what the binary gives
//! - `poll`: pollers of one mapping; `scale`, `batch`: how many there are and what they gather; pure
//! - `event`: the event of a batch, and what the function answers
//!
//! INVARIANT: a message is deleted only after the function has dealt with it, or where no filter is for it. One that failed becomes
//! visible again when its queue's visibility timeout ends, as AWS does it; one that was received and not tried, at once.

mod batch;
pub mod engine;
mod event;
pub mod ops;
mod poll;
pub mod port;
mod scale;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base::Clock;
use parking_lot::{Mutex, RwLock};
use store::poison::Poisoned;
use store::tables::{self, Table, Tables};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tracing::error;

use crate::port::{Catalog, QueuePort, Roles};
use crate::rules::{Place, rows};
use engine::{Book, Mapping, Refusal, State};
use port::Invoke;

/// Mappings by id.
pub const MAPPINGS: Table = "la-mappings";
/// The tables of mappings.
pub const TABLES: &[Table] = &[MAPPINGS];
/// How often it is looked whether pollers are as they should be, at least. Chosen.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What mappings need of others.
#[derive(Clone)]
pub struct Ports {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The functions.
    pub catalog: Arc<dyn Catalog>,
    /// Runs them: [`crate::Fleet`] does.
    pub functions: Arc<dyn Invoke>,
    /// The queues.
    pub queues: Arc<dyn QueuePort>,
    /// Whether a function's role may receive from a queue.
    pub roles: Arc<dyn Roles>,
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ports").finish_non_exhaustive()
    }
}

/// Why a mapping was not changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The change cannot be.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It may not be on disk.
    #[error("the change cannot be kept")]
    Kept(#[from] Poisoned),
}

type Numbered = (u64, Book);

/// All mappings and their pollers.
#[derive(Debug)]
pub struct Mappings {
    tables: Arc<Tables>,
    place: Place,
    ports: Ports,
    /// What has been decided, durable or not; for the thread of changes alone.
    decided: Arc<Mutex<Numbered>>,
    /// What is durable.
    shown: RwLock<Numbered>,
    /// How the last batch of each went.
    results: Mutex<BTreeMap<String, String>>,
    woken: Notify,
}

/// The pollers of one mapping.
struct Polling {
    revision: u64,
    stop: watch::Sender<bool>,
}

impl Mappings {
    /// What an earlier process left in `tables`. Blocks for as long as reading that takes.
    ///
    /// # Errors
    /// When the tables cannot be read.
    pub fn open(tables: Arc<Tables>, place: Place, ports: Ports) -> Result<Self, tables::Error> {
        let book = Book::of(rows::all::<Mapping>(&tables, MAPPINGS)?);
        Ok(Self {
            tables,
            place,
            ports,
            decided: Arc::new(Mutex::new((0, book.clone()))),
            shown: RwLock::new((0, book)),
            results: Mutex::default(),
            woken: Notify::new(),
        })
    }

    /// Where they are.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// All mappings as they are now.
    #[must_use]
    pub fn book(&self) -> Book {
        self.shown.read().1.clone()
    }

    /// How the last batch of a mapping went, as `LastProcessingResult` says it.
    #[must_use]
    pub fn result(&self, uuid: &str) -> String {
        let known = self.results.lock().get(uuid).cloned();
        known.unwrap_or_else(|| "No records processed".to_owned())
    }

    /// Changes the mappings: what `change` made of them is on disk when this returns.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Book) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Error> {
        let decided = Arc::clone(&self.decided);
        let changed = self.tables.change(move |_, changes| {
            let mut decided = decided.lock();
            let mut next = decided.1.clone();
            let told = change(&mut next)?;
            for (uuid, mapping) in next.changes(&decided.1) {
                rows::put(changes, MAPPINGS, uuid, mapping);
            }
            *decided = (decided.0 + 1, next);
            Ok::<_, Refusal>((decided.clone(), told))
        });
        let (next, told) = changed.await??;
        {
            let mut shown = self.shown.write();
            if shown.0 < next.0 {
                *shown = next;
            }
        }
        self.woken.notify_one();
        Ok(told)
    }

    /// Polls for all mappings until `stop` is true or dropped; then waits for the batches that run. To be run once.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut polling: BTreeMap<String, Polling> = BTreeMap::new();
        let mut tasks = JoinSet::new();
        loop {
            if let Err(failed) = self.arrange(&mut polling, &mut tasks).await {
                error!(error = %failed, "the state of mappings was not kept");
            }
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                Some(ended) = tasks.join_next(), if !tasks.is_empty() => ended_of(ended, &mut polling),
                () = self.woken.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
        for one in polling.values() {
            one.stop.send_replace(true);
        }
        while let Some(ended) = tasks.join_next().await {
            ended_of(ended, &mut polling);
        }
    }

    /// Begins and ends pollers so that they are as the mappings want them, and settles what is.
    async fn arrange(
        self: &Arc<Self>,
        polling: &mut BTreeMap<String, Polling>,
        tasks: &mut JoinSet<String>,
    ) -> Result<(), Error> {
        let book = self.book();
        for (uuid, one) in polling.iter() {
            let is_wanted = book
                .get(uuid)
                .is_ok_and(|it| it.polls() && it.revision == one.revision);
            if !is_wanted {
                one.stop.send_replace(true);
            }
        }
        for mapping in book.all() {
            if mapping.polls() && !polling.contains_key(&mapping.uuid) {
                let (stop, stopped) = watch::channel(false);
                let (mappings, own) = (Arc::clone(self), Arc::clone(mapping));
                tasks.spawn(async move {
                    let uuid = own.uuid.clone();
                    poll::source(mappings, own, stopped).await;
                    uuid
                });
                let revision = mapping.revision;
                polling.insert(mapping.uuid.clone(), Polling { revision, stop });
            }
            let is_arranged = match polling.get(&mapping.uuid) {
                Some(one) => mapping.polls() && one.revision == mapping.revision,
                None => true,
            };
            let is_settled = matches!(mapping.state, State::Enabled | State::Disabled);
            if is_arranged && !is_settled {
                let (uuid, revision) = (mapping.uuid.clone(), mapping.revision);
                self.change(move |book| {
                    book.settle(&uuid, revision);
                    Ok(())
                })
                .await?;
                if mapping.state == State::Deleting {
                    self.results.lock().remove(&mapping.uuid);
                }
            }
        }
        Ok(())
    }

    fn set_result(&self, uuid: &str, result: impl Into<String>) {
        let mut results = self.results.lock();
        let known = results.entry(uuid.to_owned()).or_default();
        let result = result.into();
        if *known != result {
            *known = result;
        }
    }
}

fn ended_of(
    ended: Result<String, tokio::task::JoinError>,
    polling: &mut BTreeMap<String, Polling>,
) {
    match ended {
        Ok(uuid) => {
            polling.remove(&uuid);
        }
        Err(failed) if failed.is_panic() => {
            // Which one it was is seen by what it dropped.
            error!(error = %failed, "polling broke; it begins again");
            polling.retain(|_, one| !one.stop.is_closed());
        }
        Err(_) => {}
    }
}
