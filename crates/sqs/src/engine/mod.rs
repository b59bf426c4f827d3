//! The queues as a pure state: no clock, no randomness, no I/O.
//!
//! A call is first *decided* ([`decide`]): may it happen, and which record says so? Then the record is *applied*
//! ([`apply`]), live after its append and again in recovery. All state follows from the records in their order.
//!
//! - [`state`]: one queue; [`cold`] and [`hot`] messages, [`group`]s, the [`wheel`] of deadlines, [`dedup`]
//! - [`pick`]: which messages a receive takes
//! - [`block`]: how much lives in each stretch of the log
//! - [`ids`]: message ids and receipt handles, made with [`sip`]
//! - [`received`]: what receivers do to a message
//! - [`task`]: message move tasks
//! - [`snapshot`]: the state as bytes

mod apply;
pub(crate) mod block;
pub(crate) mod clean;
pub(crate) mod cold;
pub(crate) mod decide;
pub(crate) mod dedup;
pub(crate) mod group;
pub(crate) mod hot;
pub(crate) mod ids;
#[cfg(test)]
mod model;
pub(crate) mod pick;
mod received;
pub(crate) mod sip;
mod snapshot;
pub(crate) mod state;
pub(crate) mod task;
mod wheel;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use base::{AccountId, Region, Timestamp};
use store::Position;
use store::record::QueueId;

use crate::Error;
use block::Blocks;
use sip::Seed;
use state::QueueState;
use task::Task;

type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// For how long the name of a deleted queue rests.
pub(crate) const DELETED_MS: u64 = 60_000;

/// The most there may be of what memory holds. A send that would go beyond is refused; what settles never is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Queues.
    pub(crate) queues: usize,
    /// Callers that are told apart by number.
    pub(crate) senders: u32,
    /// Message groups of a FIFO queue that have messages.
    pub(crate) groups: usize,
    /// Hot messages of a queue: some 60 bytes each.
    pub(crate) hot: usize,
    /// Deduplication ids that a FIFO queue remembers: some 80 bytes each. As many receive request attempts.
    pub(crate) dedup: usize,
}

impl Limits {
    /// All chosen: 20,000,000 hot messages take 1.3 GB, 10,000,000 ids (33,000 messages a second) 0.8 GB.
    const CHOSEN: Self = Self {
        queues: 100_000,
        senders: 65_535,
        groups: 1_000_000,
        hot: 20_000_000,
        dedup: 10_000_000,
    };
}

/// JSON of what the journal or a snapshot is to hold.
pub(crate) fn json(value: &impl serde::Serialize) -> Vec<u8> {
    #[expect(
        clippy::expect_used,
        reason = "settings and tasks are texts, numbers and maps by text; better nothing is written than an empty record"
    )]
    serde_json::to_vec(value).expect("settings and tasks have a JSON form")
}

/// All queues.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) limits: Limits,
    account: AccountId,
    region: Region,
    seed: Option<Seed>,
    queues: Map<QueueId, QueueState>,
    names: BTreeMap<String, QueueId>,
    /// When queues were deleted, by name, for [`DELETED_MS`].
    deleted: BTreeMap<String, Timestamp>,
    next_queue: u32,
    /// The ids of callers; their numbers are the indices plus 1.
    senders: Vec<Arc<str>>,
    sender_numbers: Map<Arc<str>, u32>,
    tasks: BTreeMap<u32, Task>,
    next_task: u32,
    blocks: Blocks,
    sealed: Position,
    paused: BTreeSet<Paused>,
    lost: Vec<(Position, Position)>,
    last_at: Timestamp,
}

/// What rests.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Paused {
    /// A route by name.
    Route(String),
    /// A destination by name.
    Destination(String),
}

impl Engine {
    pub(crate) fn new(account: AccountId, region: Region) -> Self {
        Self {
            limits: Limits::CHOSEN,
            account,
            region,
            seed: None,
            queues: Map::default(),
            names: BTreeMap::new(),
            deleted: BTreeMap::new(),
            next_queue: 1,
            senders: Vec::new(),
            sender_numbers: Map::default(),
            tasks: BTreeMap::new(),
            next_task: 1,
            blocks: Blocks::default(),
            sealed: Position::ZERO,
            paused: BTreeSet::new(),
            lost: Vec::new(),
            last_at: Timestamp::EPOCH,
        }
    }

    /// The secret of ids and handles; none before the first record.
    pub(crate) fn seed(&self) -> Option<Seed> {
        self.seed
    }

    /// The later of `now` and the last record's time.
    pub(crate) fn time(&self, now: Timestamp) -> Timestamp {
        now.max(self.last_at)
    }

    pub(crate) fn queue(&self, id: QueueId) -> Result<&QueueState, Error> {
        self.queues.get(&id).ok_or_else(|| Error::QueueNotFound {
            name: format!("number {}", id.0),
        })
    }

    pub(crate) fn queue_mut(&mut self, id: QueueId) -> Result<&mut QueueState, Error> {
        self.queues
            .get_mut(&id)
            .ok_or_else(|| Error::QueueNotFound {
                name: format!("number {}", id.0),
            })
    }

    pub(crate) fn queues(&self) -> impl Iterator<Item = &QueueState> {
        self.queues.values()
    }

    pub(crate) fn queue_ids(&self) -> Vec<QueueId> {
        self.queues.keys().copied().collect()
    }

    /// Names and numbers in the order of names, from `from` on.
    pub(crate) fn names_from(&self, from: &str) -> impl Iterator<Item = (&str, QueueId)> {
        self.names
            .range::<str, _>((std::ops::Bound::Included(from), std::ops::Bound::Unbounded))
            .map(|(name, id)| (name.as_str(), *id))
    }

    /// All callers with their numbers.
    pub(crate) fn senders(&self) -> impl Iterator<Item = (u32, Arc<str>)> + '_ {
        (1..).zip(self.senders.iter().cloned())
    }

    /// The number of the next new caller.
    pub(crate) fn next_sender(&self) -> u32 {
        self.senders.len() as u32 + 1
    }

    pub(crate) fn sender_number(&self, id: &str) -> Option<u32> {
        self.sender_numbers.get(id).copied()
    }

    pub(crate) fn tasks(&self) -> &BTreeMap<u32, Task> {
        &self.tasks
    }

    pub(crate) fn blocks(&self) -> &Blocks {
        &self.blocks
    }

    pub(crate) fn sealed(&self) -> Position {
        self.sealed
    }

    pub(crate) fn paused(&self) -> &BTreeSet<Paused> {
        &self.paused
    }

    pub(crate) fn lost(&self) -> &[(Position, Position)] {
        &self.lost
    }

    /// `arn:aws:sqs:REGION:ACCOUNT:NAME`
    pub(crate) fn arn(&self, name: &str) -> String {
        base::Arn::new("sqs", &self.region, &self.account, name).to_string()
    }

    /// The queue that an ARN of this account and region names.
    pub(crate) fn queue_of_arn(&self, arn: &str) -> Option<QueueId> {
        let parsed: base::Arn = arn.parse().ok()?;
        (self.arn(&parsed.resource) == arn)
            .then(|| self.names.get(&parsed.resource).copied())
            .flatten()
    }
}
