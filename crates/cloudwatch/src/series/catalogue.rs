//! Which series there are: a metric in one unit each, under a dense number.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use base::Timestamp;

use super::forms::Forms;
use super::record;
use crate::metric::{Identity, Listing, Unit};

/// All series.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    forms: Forms,
    series: Vec<Option<(Arc<Identity>, Unit)>>,
    /// When data of each series last came, in seconds since 1970.
    seen: Vec<u32>,
    sorted: BTreeMap<Arc<Identity>, Vec<(Unit, u32)>>,
    next: u32,
}

impl Catalogue {
    /// The number of a series by its packed form ([`record::put_series`]). Maybe it is `guess`.
    pub(super) fn id(&self, form: &[u8], guess: u32) -> Option<u32> {
        match self.forms.get(guess) {
            Some(there) if there == form => Some(guess),
            _ => self.forms.find(form),
        }
    }

    /// The series of a metric, by unit.
    pub(super) fn units(&self, identity: &Identity) -> &[(Unit, u32)] {
        self.sorted.get(identity).map_or(&[], Vec::as_slice)
    }

    /// How many series there are.
    pub(super) fn len(&self) -> usize {
        self.forms.len()
    }

    /// The number that the next new series gets.
    pub(super) const fn next(&self) -> u32 {
        self.next
    }

    /// Gives out no number below `next` any more.
    pub(super) fn keep_below(&mut self, next: u32) {
        self.next = self.next.max(next);
    }

    /// Adds a series under its number. One that is known stays.
    pub(super) fn add(&mut self, id: u32, identity: Identity, unit: Unit) {
        self.keep_below(id.saturating_add(1));
        let index = id as usize;
        if self.series.len() <= index {
            self.series.resize_with(index + 1, || None);
            self.seen.resize(index + 1, 0);
        }
        let Some(place) = self.series.get_mut(index).filter(|it| it.is_none()) else {
            return;
        };
        let mut form = Vec::new();
        record::put_series(&mut form, &identity, unit);
        self.forms.add(id, &form);
        let identity = match self.sorted.get_key_value(&identity) {
            Some((known, _)) => Arc::clone(known),
            None => Arc::new(identity),
        };
        *place = Some((Arc::clone(&identity), unit));
        let units = self.sorted.entry(identity).or_default();
        units.push((unit, id));
        units.sort_unstable();
    }

    /// Notes that data of a series came. Returns whether it is known.
    pub(super) fn see(&mut self, id: u32, at: Timestamp) -> bool {
        let is_known = self.get(id).is_some();
        if let Some(seen) = self.seen.get_mut(id as usize).filter(|_| is_known) {
            *seen = (*seen).max(u32::try_from(at.as_secs()).unwrap_or(u32::MAX));
        }
        is_known
    }

    /// When data of each series of a row of numbers last came, in seconds since 1970.
    pub(super) fn seen(&self, ids: std::ops::Range<u32>) -> impl Iterator<Item = u32> {
        ids.map(|id| self.seen.get(id as usize).copied().unwrap_or(0))
    }

    /// A series.
    pub(super) fn get(&self, id: u32) -> Option<(&Arc<Identity>, Unit)> {
        let (identity, unit) = self.series.get(id as usize)?.as_ref()?;
        Some((identity, *unit))
    }

    /// The series of which nothing came at `before` or later, at most `most`.
    pub(super) fn unseen(&self, before: Timestamp, most: usize) -> Vec<u32> {
        let before = before.as_secs();
        let all = (0..).zip(self.series.iter().zip(&self.seen));
        let old = all.filter(|(_, (it, seen))| it.is_some() && u64::from(**seen) < before);
        old.map(|(id, _)| id).take(most).collect()
    }

    /// Forgets a series.
    pub(super) fn remove(&mut self, id: u32) {
        let Some((identity, _)) = self.series.get_mut(id as usize).and_then(Option::take) else {
            return;
        };
        if let Some(seen) = self.seen.get_mut(id as usize) {
            *seen = 0;
        }
        self.forms.remove(id);
        if let Some(units) = self.sorted.get_mut(&identity) {
            units.retain(|(_, known)| *known != id);
            if units.is_empty() {
                self.sorted.remove(&identity);
            }
        }
    }

    /// The metrics that are asked for, sorted.
    pub(super) fn list(&self, listing: &Listing<'_>) -> Vec<Arc<Identity>> {
        let since = listing.since.map_or(0, Timestamp::as_secs);
        let is_wanted = |identity: &&Arc<Identity>| {
            listing.name.is_none_or(|name| identity.name == name)
                && listing.dimensions.iter().all(|(name, value)| {
                    let has = identity.dimension(name);
                    has.is_some_and(|has| value.is_none_or(|value| has == value))
                })
                && self.seen_of(identity) >= since
        };
        match listing.namespace {
            None => self.sorted.keys().filter(is_wanted).cloned().collect(),
            Some(namespace) => {
                // The least identity of the namespace, and of the name where one is asked for.
                let first = Identity::new(namespace, listing.name.unwrap_or_default(), Vec::new());
                let from = Bound::Included(&first);
                let of = self.sorted.range::<Identity, _>((from, Bound::Unbounded));
                let of = of.map(|(identity, _)| identity);
                of.take_while(|identity| {
                    identity.namespace == namespace
                        && listing.name.is_none_or(|name| identity.name == name)
                })
                .filter(is_wanted)
                .cloned()
                .collect()
            }
        }
    }

    /// When data of a metric last came.
    fn seen_of(&self, identity: &Identity) -> u64 {
        let ids = self.units(identity).iter().map(|(_, id)| *id);
        let seen = ids.flat_map(|id| self.seen(id..id + 1));
        seen.max().map_or(0, u64::from)
    }
}
