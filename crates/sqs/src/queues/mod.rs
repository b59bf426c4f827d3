//! The queues of one data directory: the engine, its journal, and the time.
//!
//! Each call: encode outside the lock; under the lock decide, append, apply, tell the observer; outside again wait for
//! the commit. Receives are journaled and not waited for. No lock is held across `.await`.
//!
//! - [`admin`]: creating, changing, listing and purging queues
//! - [`send`], [`receive`], [`outcome`]: messages in, out, and what became of them
//! - [`read`]: bodies from the journal, neighbours in one read
//! - [`find`]: messages by an id, wherever they wait
//! - [`moves`]: message move tasks
//! - [`keep`]: retention, snapshots, reclaiming and cleaning
//! - [`lost`]: what a damaged journal took along
//!
//! Ids and the number of batch entries are the caller's to check with [`crate::batch::check_ids`].

mod admin;
mod find;
mod fold;
mod forward;
mod keep;
mod lost;
mod moves;
mod outcome;
mod queue;
mod read;
mod receive;
mod send;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base::{AccountId, Clock, MetricSink, Region, Timestamp};
use parking_lot::{Mutex, RwLock};
use store::record::{Observer, QueueId, Record, encode};
use store::{Appended, Class, Journal, Position, Recovery};
use tokio::sync::watch;

use crate::Error;
use crate::engine::Engine;
use crate::engine::ids::Handle;
use crate::engine::sip::Seed;
use crate::engine::state::QueueState;
use forward::Forward;

pub use admin::{Counts, Page};
pub use find::{Effort, Found, Sought, Standing};
pub use moves::MoveTask;
pub use outcome::Wait;
pub use queue::Queue;
pub use receive::EMBEDDED_MAX as EMBEDDED_RECEIVE_MAX;

/// What the queues are made with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Sizes and bounds of the journal.
    pub journal: store::Options,
    /// For ARNs.
    pub account: AccountId,
    /// For ARNs.
    pub region: Region,
    /// Whether a sealer makes results durable elsewhere and says so by `Record::Sealed`; else segments may go without.
    pub are_results_sealed: bool,
    /// How often what outlived its retention is taken out; in whole seconds, at least one. Nobody receives it meanwhile.
    pub expire_interval: Duration,
}

/// Why the queues could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenFailed {
    /// The journal did not open.
    #[error("could not open the journal in `{dir}`")]
    Journal {
        /// The data directory.
        dir: String,
        /// Why.
        source: store::OpenError,
    },
    /// The journal's first record could not be written.
    #[error("could not begin the journal in `{dir}`")]
    Begin {
        /// The data directory.
        dir: String,
        /// Why.
        source: Error,
    },
}

type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// A larger encoding buffer is let go.
const SCRATCH_KEPT_BYTES: usize = 1 << 20;

/// All queues of a data directory.
pub struct Queues {
    engine: Mutex<Engine>,
    journal: Arc<Journal>,
    time: Forward,
    metrics: Arc<dyn MetricSink>,
    observer: Arc<dyn Observer>,
    seed: Seed,
    account: AccountId,
    region: Region,
    are_results_sealed: bool,
    expire_interval: Duration,
    /// Whether nobody shall wait for messages any more.
    draining: watch::Sender<bool>,
    views: RwLock<Views>,
    wakes: Arc<Wakes>,
    keeper: Mutex<keep::Progress>,
    /// Where records are encoded, under the engine's lock: settles are large, and fresh memory for each costs a fault.
    scratch: Mutex<Vec<u8>>,
}

impl std::fmt::Debug for Queues {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queues")
            .field("account", &self.account)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

/// What is looked up without the engine's lock.
#[derive(Debug, Default)]
struct Views {
    by_name: Map<String, Arc<Queue>>,
    by_id: Map<QueueId, Arc<Queue>>,
    /// Routes by the name of their queue, whether it is there or not.
    bound: BTreeMap<String, String>,
    senders: Vec<Arc<str>>,
    sender_numbers: Map<Arc<str>, u32>,
}

/// Queues in which messages wait for the commit that makes them durable.
#[derive(Debug, Default)]
struct Wakes(Mutex<VecDeque<(Position, Arc<Queue>)>>);

impl Wakes {
    fn up_to(&self, durable: Position) {
        let mut due = Vec::new();
        let mut waiting = self.0.lock();
        while waiting.front().is_some_and(|(end, _)| *end <= durable) {
            due.extend(waiting.pop_front());
        }
        drop(waiting);
        due.iter().for_each(|(_, queue)| queue.wake());
    }
}

impl Queues {
    /// Opens the journal in `DIR/journal` and reads back what is in it. The caller holds the data directory's lock.
    ///
    /// # Errors
    /// [`OpenFailed`] with what stands in the way.
    pub fn open(
        dir: &Path,
        options: Options,
        clock: Arc<dyn Clock>,
        metrics: Arc<dyn MetricSink>,
        observer: Arc<dyn Observer>,
    ) -> Result<(Arc<Self>, Recovery), OpenFailed> {
        let mut engine = Engine::new(options.account.clone(), options.region.clone());
        let mut fold = fold::Folding {
            engine: &mut engine,
            observer: &*observer,
        };
        let (journal, recovery) = Journal::open(&dir.join("journal"), options.journal, &mut fold)
            .map_err(|source| OpenFailed::Journal {
            dir: dir.display().to_string(),
            source,
        })?;
        let begin = |source| OpenFailed::Begin {
            dir: dir.display().to_string(),
            source,
        };
        let seed = match engine.seed() {
            Some(seed) => seed,
            None => start(&mut engine, &journal, &*observer, clock.now()).map_err(begin)?,
        };
        let time = Forward::new(clock, engine.time(Timestamp::EPOCH));
        let wakes = Arc::new(Wakes::default());
        let on_commit = Arc::clone(&wakes);
        journal.on_commit(Box::new(move |durable| on_commit.up_to(durable)));
        let queues = Self {
            views: RwLock::new(views_of(&engine)),
            engine: Mutex::new(engine),
            journal: Arc::new(journal),
            time,
            metrics,
            observer,
            seed,
            account: options.account,
            region: options.region,
            are_results_sealed: options.are_results_sealed,
            expire_interval: options.expire_interval,
            draining: watch::Sender::new(false),
            wakes,
            keeper: Mutex::default(),
            scratch: Mutex::default(),
        };
        queues.book_lost().map_err(begin)?;
        Ok((Arc::new(queues), recovery))
    }

    /// The journal, for reading results and for waiting.
    #[must_use]
    pub fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    /// The queue of a name.
    ///
    /// # Errors
    /// [`Error::QueueNotFound`].
    pub fn queue(&self, name: &str) -> Result<Arc<Queue>, Error> {
        let views = self.views.read();
        views
            .by_name
            .get(name)
            .cloned()
            .ok_or_else(|| Error::QueueNotFound {
                name: name.to_owned(),
            })
    }

    /// The queue of a number.
    #[must_use]
    pub fn queue_by_id(&self, id: QueueId) -> Option<Arc<Queue>> {
        self.views.read().by_id.get(&id).cloned()
    }

    /// The id of a message, as receivers see it.
    #[must_use]
    pub fn message_id(&self, key: store::record::MessageKey) -> String {
        crate::engine::ids::message_id(self.seed, key)
    }

    /// `arn:aws:sqs:REGION:ACCOUNT:NAME`
    #[must_use]
    pub fn arn(&self, name: &str) -> String {
        base::Arn::new("sqs", &self.region, &self.account, name).to_string()
    }

    /// Appends a record of another part (`Sealed`, `Paused`, `Resumed`) and waits until it is durable.
    ///
    /// # Errors
    /// When the journal refuses it.
    pub async fn record(&self, mut record: Record<'_>) -> Result<(), Error> {
        let end = {
            let mut engine = self.engine.lock();
            let at = engine.time(self.now());
            self.write(&mut engine, Class::Settle, at, &mut record)?.end
        };
        if let Record::Resumed { .. } = record {
            let views = self.views.read();
            views.by_id.values().for_each(|queue| queue.wake());
        }
        drop(record);
        Ok(self.journal.committed(end).await?)
    }

    /// What rests, by records of `Paused` and `Resumed`.
    #[must_use]
    pub fn paused(&self) -> Vec<crate::Paused> {
        self.engine.lock().paused().iter().cloned().collect()
    }

    /// The stretches of log that were cut out after damage.
    #[must_use]
    pub fn lost(&self) -> Vec<(Position, Position)> {
        self.engine.lock().lost().to_vec()
    }

    fn now(&self) -> Timestamp {
        self.time.now()
    }

    /// Encodes, appends and applies a record.
    fn write(
        &self,
        engine: &mut Engine,
        class: Class,
        at: Timestamp,
        record: &mut Record<'_>,
    ) -> Result<Appended, Error> {
        let mut bytes = std::mem::take(&mut *self.scratch.lock());
        bytes.clear();
        encode(record, &mut bytes);
        let appended = self.append(engine, class, at, record, &bytes);
        if bytes.capacity() <= SCRATCH_KEPT_BYTES {
            *self.scratch.lock() = bytes;
        }
        appended
    }

    /// Appends and applies a record that was encoded as `bytes`.
    fn append(
        &self,
        engine: &mut Engine,
        class: Class,
        at: Timestamp,
        record: &Record<'_>,
        bytes: &[u8],
    ) -> Result<Appended, Error> {
        let appended = append(
            engine,
            &self.journal,
            &*self.observer,
            class,
            at,
            record,
            bytes,
        )?;
        for id in touched(record) {
            if engine.queue(id).is_ok_and(QueueState::has_sooner)
                && let Some(queue) = self.queue_by_id(id)
            {
                queue.sooner.notify_waiters();
            }
        }
        Ok(appended)
    }

    /// Has a receiver that waits at `queue` woken when everything before `end` is durable.
    fn wake_at(&self, queue: &Arc<Queue>, end: Position) {
        self.wakes.0.lock().push_back((end, Arc::clone(queue)));
        // The commit may have come before the entry; nobody else would look at it then.
        let durable = self.journal.durable();
        if durable >= end {
            self.wakes.up_to(durable);
        }
    }

    /// Reads a receipt handle of this queue.
    fn handle(&self, queue: &Queue, text: &str) -> Result<Handle, Error> {
        let handle = Handle::open(self.seed, text).filter(|handle| handle.queue == queue.id());
        handle.ok_or_else(|| Error::handle(text))
    }

    fn count(&self, queue: &Queue, name: &'static str, value: usize) {
        if value > 0 {
            self.metrics.add(
                "AWS/SQS",
                name,
                &[("QueueName", queue.name())],
                value as f64,
            );
        }
    }
}

/// The queues in which a record lets messages wait for a time.
fn touched(record: &Record<'_>) -> impl Iterator<Item = QueueId> {
    let other = match record {
        Record::Moved { to, .. } => Some(*to),
        _ => None,
    };
    let settlements = match record {
        Record::Settled { settlements, .. } => settlements.as_slice(),
        _ => &[],
    };
    let carried = settlements.iter().flat_map(|one| &one.carries);
    let carried = carried.map(|carry| carry.queue);
    record.queue().into_iter().chain(other).chain(carried)
}

fn append(
    engine: &mut Engine,
    journal: &Journal,
    observer: &dyn Observer,
    class: Class,
    at: Timestamp,
    record: &Record<'_>,
    bytes: &[u8],
) -> Result<Appended, Error> {
    let appended = journal
        .append(class, at, &[bytes])
        .map_err(|error| Error::refused(class, error))?;
    if let Err(error) = engine.apply(appended.start, at, record) {
        tracing::error!(%error, position = %appended.start, "a record of our own could not be applied");
    }
    observer.applied(appended.start, at, record);
    Ok(appended)
}

/// Writes a new journal's first record.
fn start(
    engine: &mut Engine,
    journal: &Journal,
    observer: &dyn Observer,
    now: Timestamp,
) -> Result<Seed, Error> {
    let seed = base::id::random_bytes();
    let mut record = Record::Started { seed };
    let mut bytes = Vec::new();
    encode(&mut record, &mut bytes);
    let at = engine.time(now);
    let appended = append(
        engine,
        journal,
        observer,
        Class::Settle,
        at,
        &record,
        &bytes,
    )?;
    journal.wait(appended.end)?;
    Ok(Seed(seed))
}

fn views_of(engine: &Engine) -> Views {
    let mut views = Views::default();
    for state in engine.queues() {
        let queue = Arc::new(Queue::new(
            state.id,
            &state.name,
            Arc::clone(&state.settings),
        ));
        views.by_name.insert(state.name.clone(), Arc::clone(&queue));
        views.by_id.insert(state.id, queue);
    }
    for (number, id) in engine.senders() {
        views.name_sender(number, id);
    }
    views
}

impl Views {
    fn name_sender(&mut self, number: u32, id: Arc<str>) {
        let index = number.saturating_sub(1) as usize;
        if self.senders.len() <= index {
            self.senders.resize_with(index + 1, || Arc::from(""));
        }
        if let Some(sender) = self.senders.get_mut(index) {
            *sender = Arc::clone(&id);
        }
        self.sender_numbers.insert(id, number);
    }
}
