//! The inventory as rows of tables.

use std::collections::BTreeMap;

use base::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use store::tables::{Changes, Table, View};

use super::{ENROLMENTS, Error, HEARD, INSTANCES, NETWORKS};
use crate::engine::network::Row;
use crate::engine::{Done, InstanceId, Inventory, Networks, Rules};

/// Reads all of it.
pub(super) fn load(view: &View, rules: Rules, now: Timestamp) -> Result<Inventory, Error> {
    let instances = read(view, INSTANCES)?;
    let enrolments = read(view, ENROLMENTS)?;
    let mut heard = BTreeMap::new();
    for entry in view.prefix(HEARD, b"") {
        let (key, value) = entry?;
        let id = std::str::from_utf8(&key)
            .ok()
            .and_then(|id| id.parse().ok());
        let at = <[u8; 8]>::try_from(&*value).ok().map(u64::from_be_bytes);
        // What is no such row is a time that is not known.
        if let (Some(id), Some(at)) = (id, at) {
            heard.insert(id, Timestamp::from_millis(at));
        }
    }
    let networks = Networks::of(read::<Row>(view, NETWORKS)?);
    Ok(Inventory::new(
        rules, instances, enrolments, networks, heard, now,
    ))
}

fn read<T: DeserializeOwned>(view: &View, table: Table) -> Result<Vec<T>, Error> {
    let mut rows = Vec::new();
    for entry in view.prefix(table, b"") {
        let (key, value) = entry?;
        let row = serde_json::from_slice(&value).map_err(|source| Error::Row {
            table,
            key: String::from_utf8_lossy(&key).into_owned(),
            source,
        })?;
        rows.push(row);
    }
    Ok(rows)
}

/// Writes what has changed.
pub(super) fn write<T>(
    inventory: &Inventory,
    done: &Done<T>,
    changes: &mut Changes,
) -> Result<(), Error> {
    for id in &done.instances {
        let row = inventory.get(id).map(AsRef::as_ref);
        put(changes, INSTANCES, id.as_str(), row)?;
        match inventory.heard(id) {
            Some(at) if row.is_some() => put_heard(changes, id, at),
            _ => changes.remove(HEARD, id.as_str()),
        }
    }
    for key_id in &done.enrolments {
        put(changes, ENROLMENTS, key_id, inventory.enrolment(key_id))?;
    }
    for (id, row) in &done.networks {
        put(changes, NETWORKS, id, row.as_ref())?;
    }
    Ok(())
}

/// Writes when those were heard of that were so since `from`.
pub(super) fn write_heard(inventory: &Inventory, from: Timestamp, changes: &mut Changes) {
    for instance in inventory.iter() {
        let id = &instance.id;
        if let Some(at) = inventory.heard(id).filter(|at| *at >= from) {
            put_heard(changes, id, at);
        }
    }
}

fn put_heard(changes: &mut Changes, id: &InstanceId, at: Timestamp) {
    changes.put(HEARD, id.as_str(), at.as_millis().to_be_bytes());
}

fn put<T: Serialize>(
    changes: &mut Changes,
    table: Table,
    key: &str,
    row: Option<&T>,
) -> Result<(), Error> {
    let Some(row) = row else {
        changes.remove(table, key);
        return Ok(());
    };
    let bytes = serde_json::to_vec(row).map_err(|source| Error::Row {
        table,
        key: key.to_owned(),
        source,
    })?;
    changes.put(table, key, bytes);
    Ok(())
}
