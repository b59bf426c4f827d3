//! A group while it is changed: its row and those of the streams that are touched, written back once.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};

use store::tables::{Changes, View};

use super::{Error, New, events, group, put, read};
use crate::event::{Event, Spot};
use crate::group::{Group, Stream};
use crate::keys::{self, DELETED, EVENTS, Erased, GROUPS, NAMES, STREAMS};

/// A group that one change is about.
pub(crate) struct Open<'a> {
    view: &'a View,
    changes: &'a mut Changes,
    name: String,
    pub(crate) group: Group,
    /// The group's bytes before the change.
    bytes_before: u64,
    /// The earliest event that comes with the change, which the view does not know; behind all where none does.
    added_from: u64,
    /// Streams that are touched, by number; none where there is no such stream.
    streams: HashMap<u64, Option<(String, Stream)>>,
    /// Streams that are new, which the view does not know.
    new: BTreeMap<String, u64>,
}

/// What of the oldest goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trim {
    /// Events before it go.
    pub(crate) before: u64,
    /// The oldest go until the group has no more bytes.
    pub(crate) bytes_max: u64,
    /// So many go at once, at most.
    pub(crate) events_max: usize,
}

impl<'a> Open<'a> {
    /// The group `name`, where there is one.
    pub(crate) fn find(
        view: &'a View,
        changes: &'a mut Changes,
        name: &str,
    ) -> Result<Option<Self>, Error> {
        let found = group(view, name)?;
        Ok(found.map(|group| Self::of(view, changes, name, group)))
    }

    /// A group that may be new.
    pub(crate) fn of(view: &'a View, changes: &'a mut Changes, name: &str, group: Group) -> Self {
        Self {
            view,
            changes,
            name: name.to_owned(),
            bytes_before: group.bytes,
            added_from: u64::MAX,
            group,
            streams: HashMap::new(),
            new: BTreeMap::new(),
        }
    }

    /// The group's bytes before the change.
    pub(crate) const fn group_bytes_before(&self) -> u64 {
        self.bytes_before
    }

    /// The number of the stream `name`, where there is one.
    pub(crate) fn stream(&mut self, name: &str) -> Result<Option<u64>, Error> {
        if let Some(number) = self.new.get(name) {
            return Ok(Some(*number));
        }
        let key = keys::stream(self.group.number, name);
        let row = self.view.get(STREAMS, &key)?;
        let Some(stream) = row.and_then(|row| read::<Stream>(STREAMS, &key, &row)) else {
            return Ok(None);
        };
        let number = stream.number;
        let known = self.streams.entry(number);
        let known = known.or_insert_with(|| Some((name.to_owned(), stream)));
        Ok(known.is_some().then_some(number))
    }

    /// Makes the stream `name`, which is not there. Returns its number.
    pub(crate) fn add_stream(&mut self, name: &str, now: u64) -> u64 {
        let number = self.group.number();
        let stream = Stream {
            number,
            created: now,
            ..Stream::default()
        };
        self.streams.insert(number, Some((name.to_owned(), stream)));
        self.new.insert(name.to_owned(), number);
        let key = keys::number(self.group.number, number);
        self.changes.put(NAMES, key, name.as_bytes());
        self.group.streams += 1;
        number
    }

    /// Takes the stream made longest ago away, where there is one that was there before this change.
    pub(crate) fn remove_oldest_stream(&mut self) -> Result<(), Error> {
        let prefix = self.group.number.to_be_bytes();
        let gone = |number: &u64| matches!(self.streams.get(number), Some(None));
        let mut oldest = None;
        for row in self.view.prefix(NAMES, &prefix) {
            let number = keys::deleted(&row?.0).and_then(|(_, number)| number);
            if let Some(number) = number.filter(|number| !gone(number)) {
                oldest = Some(number);
                break;
            }
        }
        match oldest {
            Some(number) => self.remove_stream(number),
            None => Ok(()),
        }
    }

    /// Takes a stream away; its events leave the disk later.
    pub(crate) fn remove_stream(&mut self, number: u64) -> Result<(), Error> {
        self.load(number)?;
        let Some((name, stream)) = self.streams.insert(number, None).flatten() else {
            return Ok(());
        };
        let key = keys::number(self.group.number, number);
        self.changes
            .remove(STREAMS, keys::stream(self.group.number, &name));
        self.changes.remove(NAMES, key.clone());
        self.new.remove(&name);
        self.group.streams = self.group.streams.saturating_sub(1);
        self.group.bytes = self.group.bytes.saturating_sub(stream.bytes);
        if let Some(times) = stream.put.filter(|_| stream.bytes > 0) {
            let erased = Erased {
                from: times.first,
                number: 0,
                to: times.last,
            };
            put(self.changes, DELETED, key, &erased);
        }
        Ok(())
    }

    /// Puts events into a stream.
    pub(crate) fn add(&mut self, number: u64, all: Vec<New>, now: u64) {
        let Some(Some((_, stream))) = self.streams.get_mut(&number) else {
            return;
        };
        for new in all {
            let event = Event {
                spot: Spot::new(new.at, self.group.number()),
                stream: number,
                put: now,
                message: new.message,
            };
            stream.note(new.at, new.at, now);
            stream.bytes += event.cost();
            self.group.bytes += event.cost();
            self.group.oldest = self.group.oldest.min(new.at);
            self.added_from = self.added_from.min(new.at);
            let key = keys::event(self.group.number, event.spot);
            self.changes.put(EVENTS, key, event.row());
        }
    }

    /// Takes the oldest events away until the group has at most `bytes_max`, of those that were there before this change.
    pub(crate) fn trim(&mut self, bytes_max: u64) -> Result<(), Error> {
        let trim = Trim {
            before: 0,
            bytes_max,
            events_max: usize::MAX,
        };
        self.trim_by(trim).map(|_| ())
    }

    /// Takes the oldest events away. Returns whether all went that should.
    pub(crate) fn trim_by(&mut self, trim: Trim) -> Result<bool, Error> {
        if self.group.bytes <= trim.bytes_max && self.group.oldest >= trim.before {
            return Ok(true);
        }
        let from = Spot::at(self.group.oldest);
        for (gone, row) in events(self.view, self.group.number, from, Spot::LAST).enumerate() {
            let (key, value) = row?;
            let Some(event) = keys::spot(&key).and_then(|spot| Event::read(spot, &value)) else {
                self.changes.remove(EVENTS, key.to_vec());
                continue;
            };
            self.group.oldest = event.spot.millis().min(self.added_from);
            if self.group.bytes <= trim.bytes_max && event.spot.millis() >= trim.before {
                return Ok(true);
            }
            if gone >= trim.events_max {
                return Ok(false);
            }
            self.changes.remove(EVENTS, key.to_vec());
            self.load(event.stream)?;
            // One whose stream is gone was taken off with it.
            if let Some(Some((_, stream))) = self.streams.get_mut(&event.stream) {
                stream.bytes = stream.bytes.saturating_sub(event.cost());
                self.group.bytes = self.group.bytes.saturating_sub(event.cost());
            }
        }
        // What is left came with this change.
        self.group.oldest = self.added_from;
        Ok(true)
    }

    /// Reads a stream that is to be touched.
    fn load(&mut self, number: u64) -> Result<(), Error> {
        if self.streams.contains_key(&number) {
            return Ok(());
        }
        let key = keys::number(self.group.number, number);
        let name = self.view.get(NAMES, &key)?;
        let name = name.and_then(|name| String::from_utf8(name.to_vec()).ok());
        let found = match name {
            Some(name) => {
                let key = keys::stream(self.group.number, &name);
                let row = self.view.get(STREAMS, &key)?;
                let stream = row.and_then(|row| read::<Stream>(STREAMS, &key, &row));
                stream.map(|stream| (name, stream))
            }
            None => None,
        };
        self.streams.insert(number, found);
        Ok(())
    }

    /// Writes the group and its streams back, and counts what `total` has grown by.
    pub(crate) fn close(self, total: &AtomicU64) {
        for (name, stream) in self.streams.into_values().flatten() {
            let key = keys::stream(self.group.number, &name);
            put(self.changes, STREAMS, key, &stream);
        }
        total.fetch_add(self.group.bytes, Ordering::Relaxed);
        total.fetch_sub(self.bytes_before, Ordering::Relaxed);
        put(self.changes, GROUPS, self.name, &self.group);
    }
}
