//! Events of a group that somebody looks for.
//!
//! A search reads so many events and no more; where it has not come to its end it says where to go on. So no call costs more than
//! another, and a page may be empty while there is more, as AWS's may.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use base::ByteCount;
use store::tables::View;

use super::{Error, Logs, Refusal, events};
use crate::event::{Event, Spot};
use crate::keys::{self, NAMES};
use crate::pattern::Pattern;

/// Events that one search reads, at most. Chosen: a tenth of a second.
pub const SCAN_EVENTS: usize = 100_000;
/// Bytes that one search reads, at most. Chosen.
pub const SCAN_BYTES: ByteCount = ByteCount::mib(16);

/// What is looked for.
#[derive(Clone, Debug)]
pub struct Search {
    /// The group.
    pub group: String,
    /// Of these streams alone, by number; of all where nothing is said.
    pub streams: Option<BTreeSet<u64>>,
    /// From this place on.
    pub from: Spot,
    /// Before this place.
    pub to: Spot,
    /// From which end.
    pub order: Order,
    /// That this is for.
    pub pattern: Pattern,
    /// So many, at most.
    pub events_max: usize,
    /// With so many bytes, at most; the first is given whatever it has.
    pub bytes_max: u64,
}

/// From which end events are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The earliest first.
    Forward,
    /// The latest first.
    Backward,
}

/// An event with the name of its stream.
pub type Named = (Arc<str>, Event);

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// In the order in which they were read.
    pub events: Vec<Named>,
    /// Where there may be more: from this place on, or before it where the latest were read first.
    pub rest: Option<Spot>,
}

impl Logs {
    /// Looks for events. Blocks for as long as reading takes.
    ///
    /// # Errors
    /// [`Refusal::NoGroup`], [`Error::Read`].
    pub fn search(&self, search: &Search) -> Result<Found, Error> {
        let view = self.tables.view();
        let group = super::group(&view, &search.group)?.ok_or(Refusal::NoGroup)?;
        let kept = Spot::at(group.kept_from(self.now()));
        let mut names = Names {
            view: &view,
            group: group.number,
            known: HashMap::new(),
        };
        let mut reading = Reading::default();
        let mut rows = events(&view, group.number, search.from.max(kept), search.to);
        let mut next = || match search.order {
            Order::Forward => rows.next(),
            Order::Backward => rows.next_back(),
        };
        while let Some(row) = next() {
            let (key, value) = row?;
            let Some(spot) = keys::spot(&key) else {
                continue;
            };
            if reading.is_over(search) {
                reading.found.rest = Some(reading.rest(search.order, spot));
                break;
            }
            reading.read(value.len());
            let Some(event) = Event::read(spot, &value) else {
                continue;
            };
            let streams = search.streams.as_ref();
            if streams.is_some_and(|streams| !streams.contains(&event.stream))
                || !search.pattern.is_for(&event.message)
            {
                continue;
            }
            if let Some(name) = names.of(event.stream)? {
                reading.take(name, event);
            }
        }
        Ok(reading.found)
    }
}

/// How far a search is.
#[derive(Default)]
struct Reading {
    found: Found,
    found_bytes: u64,
    read: usize,
    read_bytes: u64,
}

impl Reading {
    fn is_over(&self, search: &Search) -> bool {
        self.found.events.len() >= search.events_max
            || self.found_bytes >= search.bytes_max
            || self.read >= SCAN_EVENTS
            || self.read_bytes >= SCAN_BYTES.get()
    }

    const fn rest(&self, order: Order, next: Spot) -> Spot {
        match order {
            Order::Forward => next,
            Order::Backward => next.after(),
        }
    }

    fn read(&mut self, bytes: usize) {
        self.read += 1;
        self.read_bytes += u64::try_from(bytes).unwrap_or(u64::MAX);
    }

    fn take(&mut self, name: Arc<str>, event: Event) {
        self.found_bytes += event.cost();
        self.found.events.push((name, event));
    }
}

/// The names of a group's streams, as they are asked for.
struct Names<'a> {
    view: &'a View,
    group: u64,
    known: HashMap<u64, Option<Arc<str>>>,
}

impl Names<'_> {
    /// That of a stream; none where it was deleted.
    fn of(&mut self, stream: u64) -> Result<Option<Arc<str>>, Error> {
        if let Some(known) = self.known.get(&stream) {
            return Ok(known.clone());
        }
        let name = self.view.get(NAMES, &keys::number(self.group, stream))?;
        let name = name.map(|name| Arc::from(String::from_utf8_lossy(&name)));
        self.known.insert(stream, name.clone());
        Ok(name)
    }
}
