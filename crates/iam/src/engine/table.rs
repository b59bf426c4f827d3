//! Things of one kind, by name and by id.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::error::Error;
use super::name::{Id, Kind, folded};

/// Something with a name that may change and an id that does not.
pub trait Named {
    /// The id.
    fn id(&self) -> &Id;
    /// The name.
    fn name(&self) -> &str;
}

/// Things of one kind, in the order of their names without regard to case. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table<T> {
    by_name: Arc<BTreeMap<String, Arc<T>>>,
    names: Arc<BTreeMap<Id, String>>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            by_name: Arc::default(),
            names: Arc::default(),
        }
    }
}

impl<T: Named> Table<T> {
    /// The thing called exactly `name`.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Arc<T>> {
        self.by_name
            .get(&folded(name))
            .filter(|thing| thing.name() == name)
    }

    /// The thing with an id.
    #[must_use]
    pub fn get(&self, id: &Id) -> Option<&Arc<T>> {
        self.by_name.get(self.names.get(id)?)
    }

    /// Whether something is called `name`, in whatever case.
    #[must_use]
    pub fn is_taken(&self, name: &str) -> bool {
        self.by_name.contains_key(&folded(name))
    }

    /// All, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<T>> {
        self.by_name.values()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Refuses one more called `name`: each name stands once, in whatever case, and there are at most so many by a quota.
    pub(super) fn check_new(
        &self,
        kind: Kind,
        name: &str,
        (quota, limit): (&'static str, usize),
    ) -> Result<(), Error> {
        self.check_free(kind, name)?;
        match self.len() < limit {
            true => Ok(()),
            false => Err(Error::Quota { quota, limit }),
        }
    }

    /// Refuses the name `to` for the one called `from`.
    pub(super) fn check_renamed(&self, kind: Kind, from: &str, to: &str) -> Result<(), Error> {
        match folded(from) == folded(to) {
            true => Ok(()),
            false => self.check_free(kind, to),
        }
    }

    fn check_free(&self, kind: Kind, name: &str) -> Result<(), Error> {
        match self.is_taken(name) {
            true => Err(Error::Exists {
                kind,
                name: name.to_owned(),
            }),
            false => Ok(()),
        }
    }

    /// Puts a thing in the place of the one with its id, which may have had another name.
    pub(super) fn put(&mut self, thing: Arc<T>) {
        let name = folded(thing.name());
        let before = Arc::make_mut(&mut self.names).insert(thing.id().clone(), name.clone());
        let by_name = Arc::make_mut(&mut self.by_name);
        if let Some(before) = before.filter(|before| *before != name) {
            by_name.remove(&before);
        }
        by_name.insert(name, thing);
    }

    /// Takes a thing out, and gives it.
    pub(super) fn remove(&mut self, id: &Id) -> Option<Arc<T>> {
        let name = Arc::make_mut(&mut self.names).remove(id)?;
        Arc::make_mut(&mut self.by_name).remove(&name)
    }
}

/// On disk, a table is the list of its things.
impl<T: Serialize> Serialize for Table<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.by_name.values())
    }
}

impl<'de, T: Named + Deserialize<'de>> Deserialize<'de> for Table<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut table = Self::default();
        for thing in Vec::<Arc<T>>::deserialize(deserializer)? {
            table.put(thing);
        }
        Ok(table)
    }
}
