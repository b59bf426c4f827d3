//! Rules and deliveries in the tables.
//!
//! ```text
//! la-rules            RULE-NAME → the rule as JSON
//! la-rule-deliveries  EVENT-ID/RULE/TARGET-ID → the delivery as JSON
//! ```

use serde::Serialize;
use serde::de::DeserializeOwned;
use store::tables::{Changes, Error, Table, Tables};
use tracing::warn;

/// Rules by name.
pub const RULES: Table = "la-rules";
/// What is to be delivered.
pub const DELIVERIES: Table = "la-rule-deliveries";

/// All of a table. A row that cannot be read stays where it is, and is logged.
pub(crate) fn all<T: DeserializeOwned>(tables: &Tables, table: Table) -> Result<Vec<T>, Error> {
    let mut all = Vec::new();
    for row in tables.view().prefix(table, b"") {
        let (key, value) = row?;
        match serde_json::from_slice(&value) {
            Ok(one) => all.push(one),
            Err(error) => {
                warn!(%error, table, key = %String::from_utf8_lossy(&key), "a row cannot be read, and is passed over");
            }
        }
    }
    Ok(all)
}

/// Keeps `value` under `key`, or takes away what is there.
pub(crate) fn put<T: Serialize>(changes: &mut Changes, table: Table, key: &str, value: Option<&T>) {
    match value {
        Some(value) => changes.put(table, key, serde_json::to_vec(value).unwrap_or_default()),
        None => changes.remove(table, key),
    }
}
