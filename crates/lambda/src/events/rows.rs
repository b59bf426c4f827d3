//! Events in the tables.
//!
//! ```text
//! la-events          REQUEST-ID → the event as JSON
//! la-event-payloads  REQUEST-ID → its payload
//! ```
//!
//! A try rewrites the first alone.

use bytes::Bytes;
use store::tables::{Error, Table, Tables};
use tracing::warn;

use super::engine::Event;

/// Events: request id to what is known of it.
pub const EVENTS: Table = "la-events";
/// Their payloads.
pub const PAYLOADS: Table = "la-event-payloads";

/// All that is kept. A row that cannot be read stays where it is, and is logged.
pub(super) fn all(tables: &Tables) -> Result<Vec<Event>, Error> {
    let mut events = Vec::new();
    for row in tables.view().prefix(EVENTS, b"") {
        let (key, value) = row?;
        match serde_json::from_slice(&value) {
            Ok(event) => events.push(event),
            Err(error) => {
                warn!(%error, event = %String::from_utf8_lossy(&key), "an event cannot be read, and is not run");
            }
        }
    }
    Ok(events)
}

/// Adds one, durably.
pub(super) async fn add(tables: &Tables, event: &Event, payload: Bytes) -> Result<(), Error> {
    let (key, value) = row(event);
    let added = tables.change(move |_, changes| {
        changes.put(EVENTS, key.clone(), value);
        changes.put(PAYLOADS, key, payload.to_vec());
        Ok::<(), Error>(())
    });
    added.await?
}

/// Keeps what an event is now.
pub(super) async fn keep(tables: &Tables, event: &Event) -> Result<(), Error> {
    let (key, value) = row(event);
    let kept = tables.change(move |_, changes| {
        changes.put(EVENTS, key, value);
        Ok::<(), Error>(())
    });
    kept.await?
}

/// Takes one away.
pub(super) async fn remove(tables: &Tables, id: &str) -> Result<(), Error> {
    let key = id.as_bytes().to_vec();
    let removed = tables.change(move |_, changes| {
        changes.remove(EVENTS, key.clone());
        changes.remove(PAYLOADS, key);
        Ok::<(), Error>(())
    });
    removed.await?
}

/// The payload of one; empty where there is none.
pub(super) fn payload(tables: &Tables, id: &str) -> Result<Bytes, Error> {
    let value = tables.view().get(PAYLOADS, id.as_bytes())?;
    Ok(value.map_or_else(Bytes::new, |value| Bytes::copy_from_slice(&value)))
}

fn row(event: &Event) -> (Vec<u8>, Vec<u8>) {
    let value = serde_json::to_vec(event).unwrap_or_default();
    (event.id.as_bytes().to_vec(), value)
}
