//! Hot messages: everything that is not cold. 48 bytes a message, and 6 to 11 for the index by key.
//!
//! Messages are entries in a slab of chunks, known by slot. Each is in at most one list at a time: that of the ready
//! messages, of its group, or of a deadline; the links lie in the entry. Who is in which list is the queue's business.

use base::Timestamp;
use hashbrown::HashTable;
use store::record::{By, MessageKey, Touched};

/// Entries of a chunk.
const CHUNK: usize = 1024;

/// The number of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Slot(u32);

impl Slot {
    /// No entry.
    pub(crate) const NONE: Self = Self(u32::MAX);

    fn some(self) -> Option<Self> {
        (self != Self::NONE).then_some(self)
    }
}

/// In which state a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// May be received.
    Ready,
    /// Was sent with a delay.
    Delayed,
    /// Was received.
    InFlight,
    /// Was settled, to be tried again.
    Retry,
}

/// In which list an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In none.
    Nowhere,
    /// In the list of ready messages.
    Ready,
    /// In the list of its group.
    Group,
    /// In a list of the wheel.
    Wheel(u16),
}

const PLACE_NOWHERE: u16 = 0x3ff;
const PLACE_READY: u16 = 0x3fe;
const PLACE_GROUP: u16 = 0x3fd;
const PLACE_BITS: u16 = 0x3ff;
const STATE_SHIFT: u16 = 10;
const STATE_BITS: u16 = 3 << STATE_SHIFT;
const RESTAMPED: u16 = 1 << 12;
const RETURNS: u16 = 1 << 13;
const EMBEDDED: u16 = 1 << 14;
/// Of a retry: its destination rests. Of a message in flight: its visibility was changed.
const RESTS: u16 = 1 << 15;

/// One hot message. 48 bytes.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: MessageKey,
    until_low: u32,
    until_high: u16,
    /// Place, state and marks.
    meta: u16,
    /// Second of acceptance, or the last of its minute for what was cold; the millisecond lies in the journal.
    pub(crate) sent_secs: u32,
    /// Milliseconds from the start of its minute to the first receive, plus 1; 0 = never received.
    first_after: u32,
    pub(crate) receive_count: u32,
    pub(crate) lines: u32,
    /// 0 = none.
    pub(crate) group: u32,
    pub(crate) attempt: u16,
    /// Which receive of the message is the current one.
    pub(crate) nonce: u16,
    prev: Slot,
    next: Slot,
}

impl Entry {
    /// A message that has not been received.
    pub(crate) fn new(key: MessageKey, sent_at: Timestamp, lines: u32) -> Self {
        Self {
            key,
            until_low: 0,
            until_high: 0,
            meta: PLACE_NOWHERE,
            sent_secs: u32::try_from(sent_at.as_secs()).unwrap_or(u32::MAX),
            first_after: 0,
            receive_count: 0,
            lines,
            group: 0,
            attempt: 0,
            nonce: 0,
            prev: Slot::NONE,
            next: Slot::NONE,
        }
    }

    /// A message that was cold until now.
    pub(crate) fn from_cold(key: MessageKey, minute: u32) -> Self {
        let last_second = u64::from(minute) * 60 + 59;
        Self::new(key, Timestamp::from_secs(last_second), 1)
    }

    /// What the ledger needs to know of it.
    pub(crate) fn touched(&self) -> Touched {
        Touched {
            key: self.key,
            sent_minute: self.sent_minute(),
            lines: self.lines,
        }
    }

    /// Whether nobody has received or moved it.
    pub(crate) fn is_new(&self) -> bool {
        self.attempt == 0 && self.nonce == 0 && !self.is_restamped()
    }

    /// When a new message was sent: while it waits for `delay_secs` as its deadline says, otherwise at the end of its second.
    pub(crate) fn sent_millis(&self, delay_secs: u32) -> u64 {
        let first = u64::from(self.sent_secs) * 1000;
        let sent = self.until().saturating_sub(u64::from(delay_secs) * 1000);
        match self.state() {
            State::Delayed => sent.clamp(first, first + 999),
            _ => first + 999,
        }
    }

    pub(crate) fn sent_minute(&self) -> u32 {
        self.sent_secs / 60
    }

    /// The deadline of its state.
    pub(crate) fn until(&self) -> u64 {
        u64::from(self.until_low) | (u64::from(self.until_high) << 32)
    }

    pub(crate) fn set_until(&mut self, millis: u64) {
        let millis = millis.min((1 << 48) - 1);
        self.until_low = (millis & 0xffff_ffff) as u32;
        self.until_high = (millis >> 32) as u16;
    }

    pub(crate) fn state(&self) -> State {
        match (self.meta & STATE_BITS) >> STATE_SHIFT {
            0 => State::Ready,
            1 => State::Delayed,
            2 => State::InFlight,
            _ => State::Retry,
        }
    }

    pub(crate) fn set_state(&mut self, state: State) {
        let bits = match state {
            State::Ready => 0,
            State::Delayed => 1,
            State::InFlight => 2,
            State::Retry => 3,
        };
        self.meta = (self.meta & !STATE_BITS) | (bits << STATE_SHIFT);
    }

    pub(crate) fn place(&self) -> Place {
        match self.meta & PLACE_BITS {
            PLACE_NOWHERE => Place::Nowhere,
            PLACE_READY => Place::Ready,
            PLACE_GROUP => Place::Group,
            bucket => Place::Wheel(bucket),
        }
    }

    fn set_place(&mut self, place: Place) {
        let bits = match place {
            Place::Nowhere => PLACE_NOWHERE,
            Place::Ready => PLACE_READY,
            Place::Group => PLACE_GROUP,
            Place::Wheel(bucket) => bucket.min(PLACE_GROUP - 1),
        };
        self.meta = (self.meta & !PLACE_BITS) | bits;
    }

    /// Whether `sent_secs` replaces the time in the journal (it was moved back by a move task).
    pub(crate) fn is_restamped(&self) -> bool {
        self.meta & RESTAMPED != 0
    }

    pub(crate) fn restamp(&mut self, at: Timestamp) {
        self.meta |= RESTAMPED;
        self.sent_secs = u32::try_from(at.as_secs()).unwrap_or(u32::MAX);
    }

    /// Whether it comes from a retry wait, until it is received again.
    pub(crate) fn comes_from_retry(&self) -> bool {
        self.meta & RETURNS != 0
    }

    pub(crate) fn mark_retry(&mut self, is_retry: bool) {
        self.meta = if is_retry {
            self.meta | RETURNS
        } else {
            self.meta & !RETURNS
        };
    }

    /// Whether it waits, untried, because its destination rests.
    pub(crate) fn rests(&self) -> bool {
        self.state() == State::Retry && self.meta & RESTS != 0
    }

    pub(crate) fn mark_rest(&mut self, rests: bool) {
        self.meta = if rests {
            self.meta | RESTS
        } else {
            self.meta & !RESTS
        };
    }

    /// Whether its receiver changed when it is visible again.
    pub(crate) fn is_changed(&self) -> bool {
        self.state() == State::InFlight && self.meta & RESTS != 0
    }

    pub(crate) fn mark_changed(&mut self, is_changed: bool) {
        self.mark_rest(is_changed);
    }

    /// Whether the process itself holds it, or one before it did.
    pub(crate) fn is_embedded_lease(&self) -> bool {
        self.state() == State::InFlight && self.meta & EMBEDDED != 0
    }

    /// Who received it last.
    pub(crate) fn mark_receiver(&mut self, by: By) {
        self.meta = match by {
            By::Embedded => self.meta | EMBEDDED,
            By::Consumer | By::Notifier => self.meta & !EMBEDDED,
        };
    }

    pub(crate) fn first_received(&self) -> Option<Timestamp> {
        let after = self.first_after.checked_sub(1)?;
        Some(Timestamp::from_millis(
            u64::from(self.sent_minute()) * 60_000 + u64::from(after),
        ))
    }

    pub(crate) fn set_first_received(&mut self, at: Option<Timestamp>) {
        let since = |at: Timestamp| {
            at.as_millis()
                .saturating_sub(u64::from(self.sent_minute()) * 60_000)
        };
        self.first_after = at.map_or(0, |at| {
            u32::try_from(since(at))
                .unwrap_or(u32::MAX - 1)
                .saturating_add(1)
                .max(1)
        });
    }

    /// The entry behind it in its list.
    pub(crate) fn next_in_list(&self) -> Option<Slot> {
        self.next.some()
    }

    /// The fields of a snapshot; the links are made anew.
    pub(crate) fn image(&self) -> [u64; 5] {
        let both = |low: u32, high: u32| u64::from(low) | (u64::from(high) << 32);
        [
            self.key.0,
            self.until() | (u64::from(self.meta & !PLACE_BITS) << 48),
            both(self.sent_secs, self.first_after),
            both(self.receive_count, self.lines),
            both(
                self.group,
                u32::from(self.attempt) | (u32::from(self.nonce) << 16),
            ),
        ]
    }

    pub(crate) fn from_image([key, until, times, counts, rest]: [u64; 5]) -> Self {
        let low = |both: u64| (both & 0xffff_ffff) as u32;
        let high = |both: u64| (both >> 32) as u32;
        let mut entry = Self {
            key: MessageKey(key),
            until_low: 0,
            until_high: 0,
            meta: ((until >> 48) as u16 & !PLACE_BITS) | PLACE_NOWHERE,
            sent_secs: low(times),
            first_after: high(times),
            receive_count: low(counts),
            lines: high(counts),
            group: low(rest),
            attempt: (high(rest) & 0xffff) as u16,
            nonce: (high(rest) >> 16) as u16,
            prev: Slot::NONE,
            next: Slot::NONE,
        };
        entry.set_until(until & ((1 << 48) - 1));
        entry
    }
}

/// The ends of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct List {
    head: Slot,
    tail: Slot,
}

impl List {
    pub(crate) const EMPTY: Self = Self {
        head: Slot::NONE,
        tail: Slot::NONE,
    };

    pub(crate) fn is_empty(&self) -> bool {
        self.head == Slot::NONE
    }

    pub(crate) fn head(&self) -> Option<Slot> {
        self.head.some()
    }
}

/// The hot messages of a queue.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slab {
    chunks: Vec<Vec<Entry>>,
    free: Option<Slot>,
    index: HashTable<Slot>,
}

fn hash(key: MessageKey) -> u64 {
    // Keys are positions, so their low bits vary; the multiplication spreads them over the high ones.
    let product = u128::from(key.0).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    ((product >> 64) ^ product) as u64
}

impl Slab {
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    /// Bytes of memory that it holds.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        let chunks: usize = self
            .chunks
            .iter()
            .map(|chunk| chunk.capacity() * size_of::<Entry>())
            .sum();
        chunks + self.index.allocation_size()
    }

    pub(crate) fn find(&self, key: MessageKey) -> Option<Slot> {
        self.index
            .find(hash(key), |slot| {
                self.get(*slot).is_some_and(|entry| entry.key == key)
            })
            .copied()
    }

    pub(crate) fn get(&self, slot: Slot) -> Option<&Entry> {
        let at = slot.0 as usize;
        self.chunks.get(at / CHUNK)?.get(at % CHUNK)
    }

    pub(crate) fn get_mut(&mut self, slot: Slot) -> Option<&mut Entry> {
        let at = slot.0 as usize;
        self.chunks.get_mut(at / CHUNK)?.get_mut(at % CHUNK)
    }

    /// Adds a message that is not there yet.
    pub(crate) fn insert(&mut self, entry: Entry) -> Slot {
        let key = entry.key;
        let slot = self.place_entry(entry);
        let chunks = &self.chunks;
        let hash_of = |slot: &Slot| {
            let at = slot.0 as usize;
            chunks
                .get(at / CHUNK)
                .and_then(|chunk| chunk.get(at % CHUNK))
                .map_or(0, |entry| hash(entry.key))
        };
        self.index.insert_unique(hash(key), slot, hash_of);
        slot
    }

    fn place_entry(&mut self, entry: Entry) -> Slot {
        if let Some(slot) = self.free
            && let Some(free) = self.get_mut(slot)
        {
            let next = free.next.some();
            *free = entry;
            self.free = next;
            return slot;
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            let room = if self.chunks.is_empty() { 0 } else { CHUNK };
            self.chunks.push(Vec::with_capacity(room));
        }
        let before = (self.chunks.len() - 1) * CHUNK;
        let Some(chunk) = self.chunks.last_mut() else {
            return Slot::NONE;
        };
        chunk.push(entry);
        Slot((before + chunk.len() - 1) as u32)
    }

    /// Takes a message out; it must be in no list.
    pub(crate) fn remove(&mut self, slot: Slot) -> Option<Entry> {
        let entry = self.get(slot)?.clone();
        debug_assert_eq!(
            entry.place(),
            Place::Nowhere,
            "a listed message was removed"
        );
        if let Ok(found) = self
            .index
            .find_entry(hash(entry.key), |other| *other == slot)
        {
            found.remove();
        }
        if self.index.is_empty() && self.chunks.len() > 1 {
            *self = Self::default();
            return Some(entry);
        }
        let free = self.free;
        if let Some(gone) = self.get_mut(slot) {
            gone.next = free.unwrap_or(Slot::NONE);
        }
        self.free = Some(slot);
        Some(entry)
    }

    /// All messages in no particular order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Slot, &Entry)> {
        self.index
            .iter()
            .filter_map(|slot| Some((*slot, self.get(*slot)?)))
    }

    /// The messages among the `max` places from `first` on, and where to go on; `None` behind the last.
    ///
    /// A message stays at its place for as long as it is here, so a walk meets all that stay.
    pub(crate) fn from(&self, first: u32, max: u32) -> (impl Iterator<Item = &Entry>, Option<u32>) {
        let end = self.chunks.len().saturating_sub(1) * CHUNK;
        let end = end + self.chunks.last().map_or(0, Vec::len);
        let behind = first.saturating_add(max);
        let entries =
            (first..behind.min(u32::try_from(end).unwrap_or(u32::MAX))).filter_map(move |place| {
                let slot = Slot(place);
                let entry = self.get(slot)?;
                // What has left its place still lies there; the index knows.
                (self.find(entry.key) == Some(slot)).then_some(entry)
            });
        (entries, Some(behind).filter(|next| (*next as usize) < end))
    }

    /// The messages of a list from its head.
    pub(crate) fn walk(&self, list: List) -> impl Iterator<Item = (Slot, &Entry)> {
        let mut next = list.head();
        std::iter::from_fn(move || {
            let slot = next?;
            let entry = self.get(slot)?;
            next = entry.next.some();
            Some((slot, entry))
        })
    }

    /// Puts an entry that is in no list behind the last of `list`.
    pub(crate) fn push_back(&mut self, list: &mut List, slot: Slot, place: Place) {
        self.link(list, list.tail, slot, Slot::NONE, place);
    }

    /// Puts an entry that is in no list where it belongs in a list sorted by `turn`, which differs for each.
    ///
    /// It looks from both ends, because entries come back to the front and new ones go to the end.
    pub(crate) fn insert_sorted(
        &mut self,
        list: &mut List,
        slot: Slot,
        place: Place,
        turn: impl Fn(MessageKey) -> u64,
    ) {
        let Some(own) = self.get(slot).map(|entry| turn(entry.key)) else {
            return;
        };
        let (mut after, mut before) = (list.head, list.tail);
        let (prev, next) = loop {
            let Some(front) = after.some().and_then(|slot| self.get(slot)) else {
                break (list.tail, Slot::NONE);
            };
            if turn(front.key) > own {
                break (front.prev, after);
            }
            let Some(back) = before.some().and_then(|slot| self.get(slot)) else {
                break (Slot::NONE, list.head);
            };
            if turn(back.key) < own {
                break (before, back.next);
            }
            after = front.next;
            before = back.prev;
        };
        self.link(list, prev, slot, next, place);
    }

    fn link(&mut self, list: &mut List, prev: Slot, slot: Slot, next: Slot, place: Place) {
        if let Some(entry) = self.get_mut(slot) {
            debug_assert_eq!(
                entry.place(),
                Place::Nowhere,
                "a message is put into a second list"
            );
            entry.set_place(place);
            entry.prev = prev;
            entry.next = next;
        }
        match prev.some().and_then(|prev| self.get_mut(prev)) {
            Some(before) => before.next = slot,
            None => list.head = slot,
        }
        match next.some().and_then(|next| self.get_mut(next)) {
            Some(behind) => behind.prev = slot,
            None => list.tail = slot,
        }
    }

    /// Takes an entry out of the list that it is in.
    pub(crate) fn unlink(&mut self, list: &mut List, slot: Slot) {
        let Some(entry) = self.get_mut(slot) else {
            return;
        };
        let (prev, next) = (entry.prev, entry.next);
        entry.set_place(Place::Nowhere);
        entry.prev = Slot::NONE;
        entry.next = Slot::NONE;
        match prev.some().and_then(|prev| self.get_mut(prev)) {
            Some(before) => before.next = next,
            None => list.head = next,
        }
        match next.some().and_then(|next| self.get_mut(next)) {
            Some(behind) => behind.prev = prev,
            None => list.tail = prev,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: u64) -> Entry {
        Entry::new(MessageKey(key), Timestamp::from_secs(60), 1)
    }

    #[test]
    fn an_entry_takes_48_bytes_and_forgets_nothing() {
        assert_eq!(size_of::<Entry>(), 48);
        let mut entry = entry(7);
        entry.set_until(1_795_410_190_250);
        entry.set_state(State::Retry);
        entry.mark_retry(true);
        entry.group = 5;
        entry.attempt = 6;
        entry.nonce = 7;
        entry.receive_count = 8;
        entry.restamp(Timestamp::from_millis(90_500));
        entry.set_first_received(Some(Timestamp::from_millis(91_234)));
        let copy = Entry::from_image(entry.image());
        assert_eq!(format!("{copy:?}"), format!("{entry:?}"));
        assert_eq!(
            (copy.until(), copy.state()),
            (1_795_410_190_250, State::Retry)
        );
        assert!(copy.is_restamped() && copy.comes_from_retry());
        assert_eq!(copy.first_received(), Some(Timestamp::from_millis(91_234)));
    }

    #[test]
    fn a_hundred_thousand_messages_cost_less_than_64_bytes_each() {
        let mut slab = Slab::default();
        for key in 0..100_000 {
            slab.insert(entry(key * 300));
        }
        assert!(slab.bytes() <= 64 * slab.len(), "{}", slab.bytes());
        for key in 0..100_000 {
            let slot = slab.find(MessageKey(key * 300)).unwrap();
            assert_eq!(slab.remove(slot).unwrap().key, MessageKey(key * 300));
        }
        assert_eq!((slab.len(), slab.find(MessageKey(0))), (0, None));
    }

    #[test]
    fn a_sorted_list_stays_sorted() {
        let mut slab = Slab::default();
        let mut list = List::EMPTY;
        for key in [5, 1, 9, 3, 7, 2, 8, 4, 6] {
            let slot = slab.insert(entry(key));
            slab.insert_sorted(&mut list, slot, Place::Group, |key| key.0);
        }
        let keys = |slab: &Slab, list: List| -> Vec<u64> {
            slab.walk(list).map(|(_, entry)| entry.key.0).collect()
        };
        assert_eq!(keys(&slab, list), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
        for key in [1, 9, 5] {
            let slot = slab.find(MessageKey(key)).unwrap();
            slab.unlink(&mut list, slot);
            slab.remove(slot);
        }
        assert_eq!(keys(&slab, list), [2, 3, 4, 6, 7, 8]);
        let slot = slab.insert(entry(10));
        slab.push_back(&mut list, slot, Place::Group);
        assert_eq!(keys(&slab, list), [2, 3, 4, 6, 7, 8, 10]);
    }
}
