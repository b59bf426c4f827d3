//! What a group and a stream are.

use std::collections::BTreeMap;

use base::Timestamp;
use serde::{Deserialize, Serialize};

/// Days for which a group may keep its events. Source: API reference, PutRetentionPolicy.
pub const RETENTIONS: &[u32] = &[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];
/// Tags of a group, at most. Source: API reference, TagResource.
pub const TAGS_MAX: usize = 50;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// A group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// By which its streams and events are found; no other group ever had it.
    pub number: u64,
    /// When it was made, in milliseconds.
    pub created: u64,
    /// For how many days it keeps events; for ever where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<u32>,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Bytes of its events, each with [`crate::event::OVERHEAD`].
    #[serde(default)]
    pub bytes: u64,
    /// How many streams it has.
    #[serde(default)]
    pub streams: u64,
    /// How many streams and events it has ever had: the number of the next one.
    #[serde(default)]
    pub next: u64,
    /// No event of it is earlier, in milliseconds: where to look for the oldest.
    #[serde(default)]
    pub oldest: u64,
}

/// A stream of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// By which its events are found; no other stream of the group ever had it.
    pub number: u64,
    /// When it was made, in milliseconds.
    pub created: u64,
    /// What was put into it, where anything was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub put: Option<Put>,
    /// Bytes of its events that are kept, each with [`crate::event::OVERHEAD`].
    #[serde(default)]
    pub bytes: u64,
}

/// The times of what was put into a stream, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Put {
    /// Of the earliest event.
    pub first: u64,
    /// Of the latest.
    pub last: u64,
    /// When something was put last.
    pub at: u64,
}

impl Group {
    /// Events before it are past the group's retention, in milliseconds.
    #[must_use]
    pub fn kept_from(&self, now: Timestamp) -> u64 {
        match self.retention {
            Some(days) => now.as_millis().saturating_sub(u64::from(days) * DAY_MS),
            None => 0,
        }
    }

    /// The next number of a stream or an event.
    pub const fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

impl Stream {
    /// Notes events from `first` to `last` that were put `at`.
    pub fn note(&mut self, first: u64, last: u64, at: u64) {
        let before = self.put.unwrap_or(Put { first, last, at });
        self.put = Some(Put {
            first: before.first.min(first),
            last: before.last.max(last),
            at,
        });
    }
}
