//! What rests, and since when: part of the fold, so that it survives a restart.

use std::collections::BTreeMap;

use base::Timestamp;
use serde::Serialize;
use store::record::Subject;
use store::record::codec::{Malformed, Reader, put_bytes, put_varint};

/// A route or a destination that rests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pause {
    /// `route` or `destination`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Since when, RFC 3339.
    pub since: String,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Pauses {
    routes: BTreeMap<String, Timestamp>,
    destinations: BTreeMap<String, Timestamp>,
}

impl Pauses {
    fn of(&mut self, subject: &Subject<'_>) -> (&mut BTreeMap<String, Timestamp>, String) {
        match subject {
            Subject::Route(name) => (&mut self.routes, (*name).to_owned()),
            Subject::Destination(name) => (&mut self.destinations, (*name).to_owned()),
        }
    }

    pub(super) fn pause(&mut self, subject: &Subject<'_>, at: Timestamp) {
        let (names, name) = self.of(subject);
        names.entry(name).or_insert(at);
    }

    pub(super) fn resume(&mut self, subject: &Subject<'_>) {
        let (names, name) = self.of(subject);
        names.remove(&name);
    }

    pub(super) fn has_route(&self, name: &str) -> bool {
        self.routes.contains_key(name)
    }

    pub(super) fn has_destination(&self, name: &str) -> bool {
        self.destinations.contains_key(name)
    }

    pub(super) fn list(&self) -> Vec<Pause> {
        let of = |kind, names: &BTreeMap<String, Timestamp>| {
            let pauses = names.iter();
            pauses
                .map(|(name, since)| Pause {
                    kind,
                    name: name.clone(),
                    since: since.rfc3339(),
                })
                .collect::<Vec<_>>()
        };
        [
            of("destination", &self.destinations),
            of("route", &self.routes),
        ]
        .concat()
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        for names in [&self.routes, &self.destinations] {
            put_varint(out, names.len() as u64);
            for (name, since) in names {
                put_bytes(out, name.as_bytes());
                put_varint(out, since.as_millis());
            }
        }
    }

    pub(super) fn take(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut pauses = Self::default();
        for names in [&mut pauses.routes, &mut pauses.destinations] {
            for _ in 0..reader.varint()? {
                let name = reader.text()?.to_owned();
                names.insert(name, Timestamp::from_millis(reader.varint()?));
            }
        }
        Ok(pauses)
    }
}
