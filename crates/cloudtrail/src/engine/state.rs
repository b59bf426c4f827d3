//! What is known of trails.

use std::collections::BTreeMap;

use base::Timestamp;
use serde::{Deserialize, Serialize};

use super::selector::Selectors;
use crate::spool::Stream;

/// Trails of an account in a region. Source: CloudTrail quotas, "Trails per Region".
pub const TRAILS_MAX: usize = 5;

/// Trails that are deleted and not finished. Chosen: with [`TRAILS_MAX`] they have room among the places of the spool.
pub const LEAVING_MAX: usize = 16;

/// Tags of a trail. Source: AddTags.
pub const TAGS_MAX: usize = 50;

/// Chains of digests that have ended, of which the last digest is remembered. Chosen: one a start and stop of a trail.
pub const ENDS_MAX: usize = 500;

/// Names a trail for good: a second one of the same name is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TrailId(pub u64);

/// Everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The id of the next trail.
    pub next_id: u64,
    /// The trails, in the order in which they were made.
    pub trails: Vec<Trail>,
    /// Those that are deleted and have something left to deliver.
    pub leaving: Vec<Trail>,
    /// The keys that sign digests, oldest first.
    pub keys: Vec<SigningKey>,
    /// The last digests of chains that have ended, oldest first.
    pub ends: Vec<ChainEnd>,
}

/// A trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trail {
    /// Its id.
    pub id: TrailId,
    /// Its place in the sets of the spool.
    pub slot: u8,
    /// Its name.
    pub name: String,
    /// What it was told.
    pub settings: Settings,
    /// Which events it wants; `None` where nobody has said.
    pub selectors: Option<Selectors>,
    /// Its tags.
    pub tags: BTreeMap<String, Option<String>>,
    /// Whether it takes events.
    pub is_logging: bool,
    /// When it last began to.
    pub started_at: Option<Millis>,
    /// When it last ended to.
    pub stopped_at: Option<Millis>,
    /// Whether it has ended to, and what it took is not all delivered.
    pub is_closing: bool,
    /// How far it has delivered.
    pub delivered: Delivered,
    /// The file that is being put.
    pub file: Option<FilePlan>,
    /// Its digests.
    pub digests: Digests,
    /// How deliveries went.
    pub status: Status,
}

/// What a trail is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The bucket.
    pub bucket: String,
    /// What stands before `AWSLogs` in keys.
    pub prefix: Option<String>,
    /// Whether events of services without a region are wanted.
    pub global: bool,
    /// Whether it stands for all regions.
    pub multi_region: bool,
    /// Whether digests are made.
    pub validation: bool,
}

/// Milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Millis(pub u64);

impl From<Timestamp> for Millis {
    fn from(at: Timestamp) -> Self {
        Self(at.as_millis())
    }
}

impl From<Millis> for Timestamp {
    fn from(at: Millis) -> Self {
        Self::from_millis(at.0)
    }
}

/// The numbers of the next records of the two spools.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivered {
    /// Of management records.
    pub management: u64,
    /// Of data records.
    pub data: u64,
}

impl Delivered {
    /// Of one spool.
    #[must_use]
    pub const fn of(&self, stream: Stream) -> u64 {
        match stream {
            Stream::Management => self.management,
            Stream::Data => self.data,
        }
    }

    /// Of one spool, to be changed.
    pub const fn of_mut(&mut self, stream: Stream) -> &mut u64 {
        match stream {
            Stream::Management => &mut self.management,
            Stream::Data => &mut self.data,
        }
    }
}

/// A log file that is being put.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilePlan {
    /// Where its records lie.
    pub is_data: bool,
    /// The number of its first record.
    pub first: u64,
    /// The number of its last.
    pub last: u64,
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
}

impl FilePlan {
    /// Where its records lie.
    #[must_use]
    pub const fn stream(&self) -> Stream {
        match self.is_data {
            true => Stream::Data,
            false => Stream::Management,
        }
    }
}

/// A log file that was put.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogFile {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// SHA-256 of its content before compression, in hexadecimal digits.
    pub hash: String,
    /// The time of its oldest event.
    pub oldest: Millis,
    /// The time of its newest event.
    pub newest: Millis,
}

/// The digests of a trail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digests {
    /// The log files that stand in no digest yet.
    pub files: Vec<LogFile>,
    /// The newest of the chain; `None` where the next one begins a chain.
    pub last: Option<Digest>,
    /// The one that is being put.
    pub plan: Option<DigestPlan>,
}

/// A digest that was put.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// Its place in its chain, counted from 1.
    pub number: u64,
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// SHA-256 of its content before compression, in hexadecimal digits.
    pub hash: String,
    /// Its signature in hexadecimal digits.
    pub signature: String,
    /// The end of its time, in whole seconds.
    pub end: Millis,
}

/// A digest that is being put.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestPlan {
    /// The beginning of its time.
    pub start: Millis,
    /// The end of its time.
    pub end: Millis,
    /// How many of the log files it holds.
    pub files: usize,
    /// Which key signs it.
    pub fingerprint: String,
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// Whether it ends its chain.
    pub is_last: bool,
}

/// How deliveries went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// When a log file was put last.
    pub delivered_at: Option<Millis>,
    /// When one was tried to be put last.
    pub tried_at: Option<Millis>,
    /// Why that failed, where it did.
    pub error: Option<String>,
    /// When a digest was put last.
    pub digest_at: Option<Millis>,
    /// Why the last one failed, where it did.
    pub digest_error: Option<String>,
    /// Records that went from the spool before they could be delivered.
    pub lost: u64,
}

/// A key that signs digests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKey {
    /// 32 hexadecimal digits.
    pub fingerprint: String,
    /// `RSAPublicKey` of RFC 8017 in DER, in hexadecimal digits.
    pub public: String,
    /// The private half, sealed.
    pub sealed: String,
    /// From when on it signs.
    pub from: Millis,
    /// Until when it signs.
    pub until: Millis,
}

/// The last digest of a chain that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainEnd {
    /// The trail.
    pub id: TrailId,
    /// Its name.
    pub trail: String,
    /// The digest.
    pub digest: Digest,
}

impl State {
    /// The trail of that name.
    #[must_use]
    pub fn trail(&self, name: &str) -> Option<&Trail> {
        self.trails.iter().find(|trail| trail.name == name)
    }

    /// The trail with that id, deleted or not.
    #[must_use]
    pub fn by_id(&self, id: TrailId) -> Option<&Trail> {
        self.all().find(|trail| trail.id == id)
    }

    /// All trails that have something to do, deleted or not.
    pub fn all(&self) -> impl Iterator<Item = &Trail> {
        self.trails.iter().chain(&self.leaving)
    }

    /// The key that signs at `at`.
    #[must_use]
    pub fn key_at(&self, at: Timestamp) -> Option<&SigningKey> {
        let at = Millis::from(at);
        self.keys
            .iter()
            .rev()
            .find(|key| key.from <= at && at < key.until)
    }
}

impl Trail {
    /// Its selectors, or those that hold where nobody has said.
    #[must_use]
    pub fn selectors(&self) -> std::borrow::Cow<'_, Selectors> {
        match &self.selectors {
            Some(selectors) => std::borrow::Cow::Borrowed(selectors),
            None => std::borrow::Cow::Owned(Selectors::default()),
        }
    }

    /// Whether a chain of digests is to be kept or to be ended.
    #[must_use]
    pub const fn has_chain(&self) -> bool {
        self.settings.validation || self.digests.last.is_some() || self.digests.plan.is_some()
    }
}
