//! The tables.
//!
//! ```text
//! lo-groups    GROUP-NAME                        → the group as JSON
//! lo-streams   group's number/STREAM-NAME        → the stream as JSON
//! lo-names     group's number/stream's number    → STREAM-NAME
//! lo-events    group's number/time/event's number → stream's number, when it was put, the message
//! lo-deleted   group's number[/stream's number]  → the times between which its events lie
//! ```
//!
//! Numbers and times have eight bytes, the largest first. Events of all streams of a group stand in one order: that is how they are
//! searched, and one stream's lie between its first and its last.

use serde::{Deserialize, Serialize};
use store::tables::Table;

use crate::event::Spot;

/// Groups by name.
pub const GROUPS: Table = "lo-groups";
/// Streams by their group and name.
pub const STREAMS: Table = "lo-streams";
/// The names of streams by number.
pub const NAMES: Table = "lo-names";
/// Events.
pub const EVENTS: Table = "lo-events";
/// What was deleted and still has events on disk.
pub const DELETED: Table = "lo-deleted";

/// Where the events lie that are to be erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// From this time on, in milliseconds.
    pub from: u64,
    /// At that time from the event with this number on.
    #[serde(default)]
    pub number: u64,
    /// Until this time.
    pub to: u64,
}

impl Erased {
    /// Anywhere in the group.
    pub const ALL: Self = Self {
        from: 0,
        number: 0,
        to: u64::MAX,
    };
}

/// All of them.
pub const TABLES: &[Table] = &[GROUPS, STREAMS, NAMES, EVENTS, DELETED];

/// The key of a stream.
#[must_use]
pub fn stream(group: u64, name: &str) -> Vec<u8> {
    [&group.to_be_bytes()[..], name.as_bytes()].concat()
}

/// The key of a stream's name, and of a stream that was deleted.
#[must_use]
pub fn number(group: u64, stream: u64) -> Vec<u8> {
    [group.to_be_bytes(), stream.to_be_bytes()].concat()
}

/// The key of an event.
#[must_use]
pub fn event(group: u64, spot: Spot) -> Vec<u8> {
    [&group.to_be_bytes()[..], &spot.bytes()[..]].concat()
}

/// The place of the event at `key`.
#[must_use]
pub fn spot(key: &[u8]) -> Option<Spot> {
    Spot::read(key.get(8..)?)
}

/// The group, and the stream where it is one, of what was deleted.
#[must_use]
pub fn deleted(key: &[u8]) -> Option<(u64, Option<u64>)> {
    let number = |bytes: &[u8]| Some(u64::from_be_bytes(bytes.try_into().ok()?));
    match key.len() {
        8 => Some((number(key)?, None)),
        _ => {
            let (group, stream) = key.split_at_checked(8)?;
            Some((number(group)?, Some(number(stream)?)))
        }
    }
}
