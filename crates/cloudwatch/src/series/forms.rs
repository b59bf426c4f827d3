//! The packed forms of all series, in the order of their numbers.
//!
//! A host puts the same metrics again and again, in the same order, and so their numbers follow one another: the form of the
//! next is beside that of the last. Comparing identities instead would follow a pointer for each of their parts, into
//! memory that has not been touched for a minute (measured 2026-11-29: half of a put's time).

use std::collections::HashMap;
use std::hash::BuildHasher;

/// Bytes of forgotten forms from which on they are thrown out, when they are more than half (chosen).
const WASTE_BYTES: usize = 1 << 20;

/// The packed forms of all series.
#[derive(Debug, Default)]
pub(super) struct Forms {
    bytes: Vec<u8>,
    /// Where each lies, and how long it is; nothing where there is no series.
    places: Vec<(usize, u32)>,
    by_hash: HashMap<u64, u32, foldhash::fast::RandomState>,
    /// Those whose hash another has.
    others: Vec<u32>,
    waste: usize,
}

impl Forms {
    pub(super) fn len(&self) -> usize {
        self.by_hash.len() + self.others.len()
    }

    pub(super) fn get(&self, id: u32) -> Option<&[u8]> {
        let (start, length) = self.places.get(id as usize)?;
        let form = self.bytes.get(*start..start + *length as usize)?;
        (!form.is_empty()).then_some(form)
    }

    pub(super) fn find(&self, form: &[u8]) -> Option<u32> {
        let is_it = |id: &u32| self.get(*id) == Some(form);
        let first = self.by_hash.get(&self.hash(form)).copied();
        first
            .filter(is_it)
            .or_else(|| self.others.iter().copied().find(is_it))
    }

    /// Adds a form that is not there, under a number that is not either.
    pub(super) fn add(&mut self, id: u32, form: &[u8]) {
        let index = id as usize;
        if self.places.len() <= index {
            self.places.resize(index + 1, (0, 0));
        }
        if let Some(place) = self.places.get_mut(index) {
            *place = (self.bytes.len(), u32::try_from(form.len()).unwrap_or(0));
        }
        self.bytes.extend_from_slice(form);
        let hash = self.hash(form);
        if *self.by_hash.entry(hash).or_insert(id) != id {
            self.others.push(id);
        }
    }

    pub(super) fn remove(&mut self, id: u32) {
        let Some(form) = self.get(id) else {
            return;
        };
        let (hash, length) = (self.hash(form), form.len());
        if self.by_hash.get(&hash) == Some(&id) {
            self.by_hash.remove(&hash);
        }
        self.others.retain(|other| *other != id);
        if let Some(place) = self.places.get_mut(id as usize) {
            *place = (0, 0);
        }
        self.waste += length;
        if self.waste > WASTE_BYTES && self.waste > self.bytes.len() / 2 {
            self.tidy();
        }
    }

    /// Throws out what was forgotten.
    fn tidy(&mut self) {
        let before = std::mem::take(&mut self.bytes);
        for (start, length) in &mut self.places {
            let form = before.get(*start..*start + *length as usize);
            *start = self.bytes.len();
            self.bytes.extend_from_slice(form.unwrap_or_default());
        }
        self.waste = 0;
    }

    fn hash(&self, form: &[u8]) -> u64 {
        self.by_hash.hasher().hash_one(form)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_found_while_others_come_and_go() {
        let mut forms = Forms::default();
        let form = |id: u32| format!("{id}{}", "x".repeat(1000)).into_bytes();
        for id in 0..4000 {
            forms.add(id, &form(id));
        }
        for id in 0..3000 {
            forms.remove(id);
            assert_eq!(forms.find(&form(id)), None);
        }
        assert!(forms.bytes.len() < 4_000_000, "nothing was thrown out");
        forms.add(4000, &form(0));
        assert_eq!(forms.find(&form(0)), Some(4000));
        for id in 3000..4000 {
            assert_eq!(
                (forms.find(&form(id)), forms.get(id)),
                (Some(id), Some(form(id).as_slice()))
            );
        }
        assert_eq!(forms.len(), 1001);
    }
}
