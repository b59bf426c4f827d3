//! Alarms in tables.
//!
//! | table | key | value |
//! |---|---|---|
//! | `cw-alarms` | name | [`Alarm`] as JSON |
//! | `cw-mutes` | name | [`StoredMute`] as JSON |
//! | `cw-history` | milliseconds, number | [`Item`] as JSON |
//! | `cw-history-names` | name, 0, milliseconds, number | nothing |
//! | `cw-actions` | number | [`ActionCall`] as JSON |
//! | `cw-alarm-facts` | `sequence` | the number that was last given |
//!
//! Numbers are of 8 bytes, the greatest first, so that keys lie in the order of time. A name has no byte 0.

use store::tables::{self, Changes, Table, View};

use super::engine::book::{Alarm, Book, Entry, Mute, StoredMute};
use super::engine::draft::Written;
use super::engine::history::Item;
use super::engine::mute::Schedule;
use super::engine::notice::ActionCall;
use crate::ops::Place;

pub(super) const ALARMS: Table = "cw-alarms";
pub(super) const MUTES: Table = "cw-mutes";
pub(super) const HISTORY: Table = "cw-history";
pub(super) const HISTORY_NAMES: Table = "cw-history-names";
pub(super) const ACTIONS: Table = "cw-actions";
pub(super) const FACTS: Table = "cw-alarm-facts";

const SEQUENCE: &[u8] = b"sequence";

/// The tables that alarms need.
pub const TABLES: &[Table] = &[ALARMS, MUTES, HISTORY, HISTORY_NAMES, ACTIONS, FACTS];

/// Why what is kept cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    /// A table cannot be read.
    #[error(transparent)]
    Table(#[from] tables::Error),
    /// An entry of a table is not what was written.
    #[error("an entry of the table `{table}` is not what was written")]
    Entry {
        /// Of which table.
        table: Table,
        /// What is wrong.
        source: serde_json::Error,
    },
}

/// Reads all alarms and mute rules.
pub(super) fn read(view: &View, place: &Place) -> Result<Book, Unread> {
    let mut book = Book::default();
    for entry in view.prefix(ALARMS, b"") {
        let alarm: Alarm = decode(ALARMS, &entry?.1)?;
        book.insert(Entry::of(alarm, place));
    }
    for entry in view.prefix(MUTES, b"") {
        let stored: StoredMute = decode(MUTES, &entry?.1)?;
        match Schedule::of(&stored.settings) {
            Ok(schedule) => book.insert_mute(Mute { stored, schedule }),
            Err(error) => {
                let rule = stored.settings.name;
                tracing::warn!(rule, %error, "a mute rule is not understood any more and mutes nothing");
            }
        }
    }
    let sequence = view.get(FACTS, SEQUENCE)?;
    book.sequence = sequence.map_or(0, |bytes| number(&bytes));
    for entry in view.prefix(ACTIONS, b"") {
        entry?;
        book.waiting += 1;
    }
    Ok(book)
}

/// Writes what a change is.
pub(super) fn write(written: &Written, changes: &mut Changes) -> Result<(), serde_json::Error> {
    for (name, alarm) in &written.alarms {
        match alarm {
            Some(alarm) => changes.put(ALARMS, name.as_bytes(), serde_json::to_vec(alarm)?),
            None => changes.remove(ALARMS, name.as_bytes()),
        }
    }
    for (name, mute) in &written.mutes {
        match mute {
            Some(mute) => changes.put(MUTES, name.as_bytes(), serde_json::to_vec(mute)?),
            None => changes.remove(MUTES, name.as_bytes()),
        }
    }
    for item in &written.history {
        let time = time_key(item.at_ms, item.number);
        changes.put(HISTORY_NAMES, name_key(&item.alarm, &time), []);
        changes.put(HISTORY, time, serde_json::to_vec(item)?);
    }
    for call in &written.actions {
        changes.put(
            ACTIONS,
            call.number.to_be_bytes(),
            serde_json::to_vec(call)?,
        );
    }
    for number in &written.done {
        changes.remove(ACTIONS, number.to_be_bytes());
    }
    changes.put(FACTS, SEQUENCE, written.sequence.to_be_bytes());
    Ok(())
}

/// Removes an item of history.
pub(super) fn forget(item: &Item, changes: &mut Changes) {
    let time = time_key(item.at_ms, item.number);
    changes.remove(HISTORY_NAMES, name_key(&item.alarm, &time));
    changes.remove(HISTORY, time);
}

pub(super) fn action(bytes: &[u8]) -> Result<ActionCall, Unread> {
    decode(ACTIONS, bytes)
}

pub(super) fn item(bytes: &[u8]) -> Result<Item, Unread> {
    decode(HISTORY, bytes)
}

/// The key of an item of history.
pub(super) fn time_key(at_ms: u64, number: u64) -> [u8; 16] {
    (u128::from(at_ms) << 64 | u128::from(number)).to_be_bytes()
}

/// What all keys of an alarm's items begin with.
pub(super) fn name_prefix(alarm: &str) -> Vec<u8> {
    let mut key = alarm.as_bytes().to_vec();
    key.push(0);
    key
}

pub(super) fn name_key(alarm: &str, time: &[u8]) -> Vec<u8> {
    let mut key = name_prefix(alarm);
    key.extend_from_slice(time);
    key
}

fn number(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_be_bytes)
}

fn decode<T: serde::de::DeserializeOwned>(table: Table, bytes: &[u8]) -> Result<T, Unread> {
    serde_json::from_slice(bytes).map_err(|source| Unread::Entry { table, source })
}
