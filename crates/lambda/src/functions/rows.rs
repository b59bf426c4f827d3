//! Functions as rows of tables.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use store::tables::{Changes, Table, View};
use tracing::warn;

use super::{Error, FUNCTIONS, VERSIONS};
use crate::engine::{Function, State, Version};
use crate::function::FunctionName;

/// Reads all of them.
pub(super) fn load(view: &View) -> Result<Vec<Function>, Error> {
    let mut functions: BTreeMap<String, Function> = read(view, FUNCTIONS)?.into_iter().collect();
    for (key, version) in read::<Version>(view, VERSIONS)? {
        let parts = key.split_once(':');
        let parts = parts.and_then(|(name, number)| Some((name, number.parse::<u64>().ok()?)));
        let function = parts.and_then(|(name, number)| Some((functions.get_mut(name)?, number)));
        match function {
            Some((function, number)) => {
                function.versions.insert(number, Arc::new(version));
            }
            None => warn!(key, "a version of no function is passed over"),
        }
    }
    Ok(functions.into_values().collect())
}

fn read<T: DeserializeOwned>(view: &View, table: Table) -> Result<Vec<(String, T)>, Error> {
    let mut rows = Vec::new();
    for entry in view.prefix(table, b"") {
        let (key, value) = entry?;
        let key = String::from_utf8_lossy(&key).into_owned();
        match serde_json::from_slice(&value) {
            Ok(row) => rows.push((key, row)),
            Err(source) => return Err(Error::Row { table, key, source }),
        }
    }
    Ok(rows)
}

/// Writes what has changed.
pub(super) fn write(
    state: &State,
    functions: &BTreeSet<FunctionName>,
    versions: &BTreeSet<(FunctionName, u64)>,
    changes: &mut Changes,
) -> Result<(), Error> {
    for name in functions {
        let row = state.get(name).map(AsRef::as_ref);
        put(changes, FUNCTIONS, name.as_str(), row)?;
    }
    for (name, number) in versions {
        let row = state.get(name).and_then(|it| it.versions.get(number));
        let key = format!("{name}:{number}");
        put(changes, VERSIONS, &key, row.map(AsRef::as_ref))?;
    }
    Ok(())
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
