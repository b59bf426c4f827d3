//! The queues of one data directory: the engine, its journal, and the time.
//!
//! Each call: encode outside the lock; under the lock decide, append, apply, tell the observer; outside again wait for
//! the commit. Receives are journaled and not waited for. No lock is held across `.await`.
//!
//! Ids and sizes of batch entries are the caller's to check with [`crate::batch::check_ids`].

mod queue;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base::{AccountId, Clock, MetricSink, Region, Timestamp};
use store::record::{Observer, Record};
use store::{Journal, Recovery};

use crate::Error;
use crate::message::{Access, Message, Outgoing, Receive, Sender, Sent, Settle};
pub use queue::Queue;

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
}

/// Why the queues could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("could not open the journal in `{dir}`")]
pub struct OpenFailed {
    /// The data directory.
    pub dir: String,
    /// Why.
    pub source: std::io::Error,
}

/// A page of queues.
#[derive(Clone, Debug)]
pub struct Page {
    /// In the order of names.
    pub queues: Vec<Arc<Queue>>,
    /// Where the next page begins; `None` = this was the last.
    pub next: Option<String>,
}

/// How many messages are in a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// May be received now.
    pub visible: u64,
    /// Received and not yet deleted or visible again.
    pub in_flight: u64,
    /// Sent with a delay that is not over.
    pub delayed: u64,
    /// Settled, to be tried again later.
    pub retry: u64,
    /// When the oldest that is there was sent.
    pub oldest: Option<Timestamp>,
}

/// A message move task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveTask {
    /// Its handle, while it can be cancelled.
    pub handle: Option<String>,
    /// `RUNNING`, `COMPLETED`, `CANCELLING`, `CANCELLED` or `FAILED`.
    pub status: &'static str,
    /// The queue whose messages are moved.
    pub source_arn: String,
    /// Where to; `None` = to the queues that they came from.
    pub destination_arn: Option<String>,
    /// Messages a second; `None` = as fast as is good.
    pub rate: Option<u32>,
    /// How many were moved.
    pub moved: u64,
    /// How many there were at its start.
    pub to_move: u64,
    /// Why it failed.
    pub failure: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
}

/// All queues of a data directory.
#[derive(Debug)]
pub struct Queues {}

fn not_yet<T>() -> Result<T, Error> {
    Err(Error::Unsupported {
        why: "not yet".to_owned(),
    })
}

#[allow(
    unused_variables,
    clippy::unused_async,
    missing_docs,
    clippy::missing_errors_doc,
    reason = "signatures land first"
)]
impl Queues {
    /// Opens the data directory's journal and reads back what is in it.
    pub fn open(
        dir: &Path,
        options: Options,
        clock: Arc<dyn Clock>,
        metrics: Arc<dyn MetricSink>,
        observer: Arc<dyn Observer>,
    ) -> Result<(Arc<Self>, Recovery), OpenFailed> {
        Err(OpenFailed {
            dir: dir.display().to_string(),
            source: std::io::Error::other("not yet"),
        })
    }
    /// The journal, for reading results and for waiting.
    pub fn journal(&self) -> &Arc<Journal> {
        unimplemented!()
    }
    /// Timers, retention, move tasks, snapshots and cleaning; runs until dropped.
    pub async fn run(self: Arc<Self>) {}
    /// Appends a record of another part (`Sealed`, `Paused`, `Resumed`) and waits until it is durable.
    pub async fn record(&self, record: Record<'_>) -> Result<(), Error> {
        not_yet()
    }

    // Queues.
    pub fn queue(&self, name: &str) -> Result<Arc<Queue>, Error> {
        not_yet()
    }
    /// `arn:aws:sqs:REGION:ACCOUNT:NAME`
    pub fn arn(&self, name: &str) -> String {
        String::new()
    }
    pub async fn create(
        &self,
        name: &str,
        attributes: &BTreeMap<String, String>,
        tags: &BTreeMap<String, String>,
    ) -> Result<Arc<Queue>, Error> {
        not_yet()
    }
    pub async fn delete_queue(&self, queue: &Queue) -> Result<(), Error> {
        not_yet()
    }
    /// `max`: 1 to 1,000. `from`: the `next` of the page before.
    pub fn list(&self, prefix: &str, max: usize, from: Option<&str>) -> Result<Page, Error> {
        not_yet()
    }
    /// Every attribute that GetQueueAttributes shows with `All`; the caller picks.
    pub fn attributes(&self, queue: &Queue) -> Result<BTreeMap<String, String>, Error> {
        not_yet()
    }
    pub async fn set_attributes(
        &self,
        queue: &Queue,
        attributes: &BTreeMap<String, String>,
    ) -> Result<(), Error> {
        not_yet()
    }
    pub async fn tag(&self, queue: &Queue, tags: &BTreeMap<String, String>) -> Result<(), Error> {
        not_yet()
    }
    pub async fn untag(&self, queue: &Queue, keys: &[String]) -> Result<(), Error> {
        not_yet()
    }
    pub async fn add_permission(
        &self,
        queue: &Queue,
        label: &str,
        accounts: &[String],
        actions: &[String],
    ) -> Result<(), Error> {
        not_yet()
    }
    pub async fn remove_permission(&self, queue: &Queue, label: &str) -> Result<(), Error> {
        not_yet()
    }
    /// The queues whose redrive policy names this one, in the order of names.
    pub fn dead_letter_sources(
        &self,
        queue: &Queue,
        max: usize,
        from: Option<&str>,
    ) -> Result<Page, Error> {
        not_yet()
    }

    // Messages.
    /// Sends 1 to 10 messages in one record; one outcome each, in order. The outer error refuses all.
    pub async fn send(
        &self,
        queue: &Queue,
        sender: Sender<'_>,
        messages: Vec<Outgoing>,
    ) -> Result<Vec<Result<Sent, Error>>, Error> {
        not_yet()
    }
    pub async fn receive(&self, queue: &Queue, receive: Receive) -> Result<Vec<Message>, Error> {
        not_yet()
    }
    pub async fn delete(
        &self,
        queue: &Queue,
        access: Access,
        handles: &[&str],
    ) -> Result<Vec<Result<(), Error>>, Error> {
        not_yet()
    }
    /// Makes messages visible that long from now (0 s to 12 h); also how a notifier extends its leases.
    pub async fn change_visibility(
        &self,
        queue: &Queue,
        access: Access,
        changes: &[(&str, Duration)],
    ) -> Result<Vec<Result<(), Error>>, Error> {
        not_yet()
    }
    /// A notifier hands messages back; its receive does not count.
    pub async fn release(
        &self,
        queue: &Queue,
        handles: &[&str],
    ) -> Result<Vec<Result<(), Error>>, Error> {
        not_yet()
    }
    /// Results and what becomes of the messages, in one record.
    pub async fn settle(
        &self,
        queue: &Queue,
        settles: Vec<Settle>,
    ) -> Result<Vec<Result<(), Error>>, Error> {
        not_yet()
    }
    pub async fn purge(&self, queue: &Queue) -> Result<(), Error> {
        not_yet()
    }
    pub fn counts(&self, queue: &Queue) -> Result<Counts, Error> {
        not_yet()
    }
    /// Messages sent in the minutes from `from` (inclusive) to `to` (exclusive); kept for 24 h.
    pub fn sent_in(&self, queue: &Queue, from: Timestamp, to: Timestamp) -> Result<u64, Error> {
        not_yet()
    }

    // Move tasks.
    /// `rate`: 1 to 500 messages a second. Returns the task's handle.
    pub async fn start_move(
        &self,
        source_arn: &str,
        destination_arn: Option<&str>,
        rate: Option<u32>,
    ) -> Result<String, Error> {
        not_yet()
    }
    /// Returns how many were moved.
    pub async fn cancel_move(&self, handle: &str) -> Result<u64, Error> {
        not_yet()
    }
    /// `max`: 1 to 10, newest first.
    pub fn list_moves(&self, source_arn: &str, max: usize) -> Result<Vec<MoveTask>, Error> {
        not_yet()
    }
}
