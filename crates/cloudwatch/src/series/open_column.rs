//! The points of one series and open hour: single values close together, whatever is more beside them.

use std::collections::BTreeMap;

use super::block::Entry;
use super::retention::Tier;
use crate::metric::Summary;

/// Which places of a column have a single value.
pub(super) trait Places: Default {
    /// How many places below this one do, and whether this one does.
    fn find(&self, place: u16) -> (usize, bool);
    /// Takes in the place that comes after `below` others.
    fn insert(&mut self, place: u16, below: usize);
    /// Takes out the place that comes after `below` others.
    fn remove(&mut self, place: u16, below: usize);
    /// All of them, ascending.
    fn list(&self) -> impl Iterator<Item = u16>;
}

/// Minutes of an hour, a bit each.
#[derive(Debug, Default)]
pub(super) struct Minutes(u64);

impl Places for Minutes {
    fn find(&self, place: u16) -> (usize, bool) {
        let bit = 1_u64 << (place % 64);
        (
            (self.0 & (bit - 1)).count_ones() as usize,
            self.0 & bit != 0,
        )
    }

    fn insert(&mut self, place: u16, _below: usize) {
        self.0 |= 1 << (place % 64);
    }

    fn remove(&mut self, place: u16, _below: usize) {
        self.0 &= !(1 << (place % 64));
    }

    fn list(&self) -> impl Iterator<Item = u16> {
        (0..60).filter(|place| self.0 >> place & 1 != 0)
    }
}

/// Seconds of an hour, ascending.
#[derive(Debug, Default)]
pub(super) struct Seconds(Vec<u16>);

impl Places for Seconds {
    fn find(&self, place: u16) -> (usize, bool) {
        if self.0.last().is_none_or(|last| *last < place) {
            return (self.0.len(), false);
        }
        match self.0.binary_search(&place) {
            Ok(below) => (below, true),
            Err(below) => (below, false),
        }
    }

    fn insert(&mut self, place: u16, below: usize) {
        self.0.insert(below, place);
    }

    fn remove(&mut self, _place: u16, below: usize) {
        self.0.remove(below);
    }

    fn list(&self) -> impl Iterator<Item = u16> {
        self.0.iter().copied()
    }
}

/// The points of one series.
///
/// INVARIANT: there are as many values as places; no place of theirs is in `others`.
#[derive(Debug, Default)]
pub(super) struct Column<P> {
    places: P,
    values: Vec<f64>,
    others: Option<Box<BTreeMap<u16, Summary>>>,
}

impl<P: Places> Column<P> {
    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty() && self.others.is_none()
    }

    /// Takes in what came at a place. Returns whether that is a new point.
    pub(super) fn add(&mut self, place: u16, summary: Summary) -> bool {
        if let Some(there) = self.others.as_mut().and_then(|it| it.get_mut(&place)) {
            there.merge(&summary, Tier::Minutes.detail());
            return false;
        }
        match (self.places.find(place), summary.single()) {
            ((below, false), Some(value)) => {
                self.places.insert(place, below);
                self.values.insert(below, value);
                true
            }
            ((_, false), None) => {
                self.others.get_or_insert_default().insert(place, summary);
                true
            }
            ((below, true), _) => {
                self.places.remove(place, below);
                let mut merged = Summary::of(self.values.remove(below));
                merged.merge(&summary, Tier::Minutes.detail());
                self.others.get_or_insert_default().insert(place, merged);
                false
            }
        }
    }

    /// The values, where every point is one; their places are written to `places`.
    pub(super) fn singles(&self, places: &mut Vec<u16>) -> Option<&[f64]> {
        if self.others.is_some() {
            return None;
        }
        places.clear();
        places.extend(self.places.list());
        Some(&self.values)
    }

    /// All points, ascending.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let values = self.values.iter().map(|value| Summary::of(*value));
        let mut entries: Vec<Entry> = self.places.list().zip(values).collect();
        if let Some(others) = &self.others {
            entries.extend(others.iter().map(|(place, it)| (*place, it.clone())));
            entries.sort_by_key(|(place, _)| *place);
        }
        entries
    }
}
