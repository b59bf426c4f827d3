//! A list that is written even when it is empty.

use crate::shape::{Field, Value};

/// A list that is written even when it is empty: clients of the query protocols take it for granted. A `Vec` that is empty
/// is left out.
#[derive(Clone, Debug, PartialEq)]
pub struct List<T>(pub Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self(items.into_iter().collect())
    }
}

impl<T: Value> Field for List<T> {
    type Value = Vec<T>;

    fn from_found(found: Option<Vec<T>>) -> Option<Self> {
        Some(Self(found.unwrap_or_default()))
    }

    fn to_write(&self) -> Option<&Vec<T>> {
        Some(&self.0)
    }
}
