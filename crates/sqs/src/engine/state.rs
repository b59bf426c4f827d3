//! The state of one queue: where each of its messages is.
//!
//! INVARIANT: a message is either cold or hot, and a hot one is in exactly one place: ready, in its group, or on the
//! wheel. `in_flight + delayed + retry + ready = hot`.
//!
//! [`QueueState::advance`] turns what is due into ready messages; it changes nothing that a record does not, so it may
//! run at any time and as often as wanted.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use base::Timestamp;
use store::record::{MessageKey, QueueId, Touched};

use super::block::Blocks;
use super::cold::Cold;
use super::dedup::{Attempt, Memory};
use super::group::Groups;
use super::hot::{Entry, List, Place, Slab, Slot, State};
use super::wheel::Wheel;
use crate::settings::Settings;

type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// Sent counts are kept for 24 hours.
const SENT_MINUTES_MAX: usize = 24 * 60;

/// A queue.
#[derive(Clone, Debug)]
pub(crate) struct QueueState {
    pub(crate) id: QueueId,
    pub(crate) name: String,
    pub(crate) settings: Arc<Settings>,
    /// Name of the dead-letter queue and after how many receives messages go there.
    pub(crate) dead_letters: Option<(String, u32)>,
    pub(crate) cold: Cold,
    pub(crate) hot: Slab,
    pub(crate) groups: Groups,
    /// Where the entry lies of messages that the cleaner copied.
    pub(crate) relocated: Map<MessageKey, u64>,
    /// Where dead letters come from.
    pub(crate) sources: Map<MessageKey, Source>,
    /// On a FIFO queue, the turns of messages that came from another queue: from when they came on, behind all that were there.
    pub(crate) turns: Map<MessageKey, u64>,
    /// When messages in flight were received that had been received before; of others the entry knows it.
    pub(crate) again: Map<MessageKey, Timestamp>,
    pub(crate) dedup: Memory<MessageKey>,
    pub(crate) attempts: Memory<Attempt>,
    pub(crate) in_flight: u32,
    pub(crate) delayed: u32,
    pub(crate) retry: u32,
    /// Minute and messages sent in it, oldest first.
    pub(crate) sent: VecDeque<(u32, u32)>,
    pub(crate) purged_at: Option<Timestamp>,
    /// Counts receives, so that small ones take turns among the kinds of messages.
    pub(crate) turn: u32,
    pub(super) ready: List,
    wheel: Wheel,
    /// No receiver that waits sleeps beyond this deadline.
    told: Option<Timestamp>,
}

/// A message that enters a queue.
#[derive(Clone, Debug)]
pub(crate) struct Incoming<'a> {
    pub(crate) entry: Entry,
    pub(crate) group: Option<Group<'a>>,
    pub(crate) source: Option<Source>,
    pub(crate) location: Option<u64>,
    /// Instead of its key's.
    pub(crate) turn: Option<u64>,
}

/// Where a dead letter comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// The queue that it was sent to.
    pub(crate) queue: QueueId,
    /// How often it had been received when it came here.
    pub(crate) receives: u32,
}

/// A message's group on the way into a queue.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Group<'a> {
    /// By name, on a FIFO queue.
    Named(&'a str),
    /// The tenant's bucket, on a standard queue.
    Tenant(u32),
}

/// A message that left a queue, with what travels with it.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) entry: Entry,
    pub(crate) group: Option<Box<str>>,
    pub(crate) source: Option<Source>,
    pub(crate) location: Option<u64>,
}

impl QueueState {
    pub(crate) fn new(id: QueueId, name: &str, settings: Arc<Settings>) -> Self {
        Self {
            id,
            name: name.to_owned(),
            dead_letters: settings.dead_letter_queue(),
            settings,
            cold: Cold::default(),
            hot: Slab::default(),
            groups: Groups::default(),
            relocated: Map::default(),
            sources: Map::default(),
            turns: Map::default(),
            again: Map::default(),
            dedup: Memory::default(),
            attempts: Memory::default(),
            in_flight: 0,
            delayed: 0,
            retry: 0,
            sent: VecDeque::new(),
            purged_at: None,
            turn: 0,
            ready: List::EMPTY,
            wheel: Wheel::default(),
            told: None,
        }
    }

    pub(crate) fn set_settings(&mut self, settings: Arc<Settings>, at: Timestamp) {
        let delay_secs = self.settings.delay_secs;
        self.dead_letters = settings.dead_letter_queue();
        self.settings = settings;
        if self.is_fifo() && self.settings.delay_secs != delay_secs {
            self.delay_anew(delay_secs, at);
        }
    }

    /// Another delay holds for the new messages that are there too. Source: Developer Guide, "Amazon SQS delay queues",
    /// for FIFO queues; on standard queues it holds for later ones only.
    fn delay_anew(&mut self, secs_before: u32, at: Timestamp) {
        self.advance(at);
        let is_waiting = |entry: &Entry| matches!(entry.state(), State::Ready | State::Delayed);
        let waiting = self.hot.iter().filter(|(_, entry)| is_waiting(entry));
        let mut fresh: Vec<(MessageKey, Slot)> = waiting
            .filter(|(_, entry)| entry.is_new())
            .map(|(slot, entry)| (entry.key, slot))
            .collect();
        fresh.sort_unstable();
        for (_, slot) in &fresh {
            self.detach(*slot);
        }
        for (_, slot) in fresh {
            let Some(mut entry) = self.hot.get(slot).cloned() else {
                continue;
            };
            let until = entry.sent_millis(secs_before) + u64::from(self.settings.delay_secs) * 1000;
            entry.set_until(until);
            entry.set_state(match until > at.as_millis() {
                true => State::Delayed,
                false => State::Ready,
            });
            self.keep_delayed_order(&mut entry);
            if let Some(place) = self.hot.get_mut(slot) {
                *place = entry;
            }
            self.attach(slot);
        }
    }

    pub(crate) fn is_fifo(&self) -> bool {
        self.settings.is_fifo
    }

    /// How many messages are in it.
    pub(crate) fn len(&self) -> u64 {
        self.cold.len() + self.hot.len() as u64
    }

    /// How many could be received now.
    pub(crate) fn visible(&self) -> u64 {
        self.len().saturating_sub(
            u64::from(self.in_flight) + u64::from(self.delayed) + u64::from(self.retry),
        )
    }

    /// Makes ready what is due.
    pub(crate) fn advance(&mut self, at: Timestamp) {
        while let Some(slot) = self.wheel.expire(&mut self.hot, at.as_millis()) {
            let Some(state) = self.hot.get(slot).map(Entry::state) else {
                continue;
            };
            self.uncount(slot, state);
            if let Some(entry) = self.hot.get_mut(slot) {
                entry.set_state(State::Ready);
                entry.mark_retry(state == State::Retry);
            }
            self.attach(slot);
        }
        let is_fifo = self.is_fifo();
        self.groups.tidy(is_fifo);
    }

    /// When [`QueueState::advance`] may have something to do again: until then a receiver may sleep.
    pub(crate) fn sleep_until(&mut self) -> Option<Timestamp> {
        self.told = self.wheel.next_deadline().map(Timestamp::from_millis);
        self.told
    }

    /// Whether a deadline has come that those who sleep do not know: all of them must look again, since each may leave
    /// before it.
    pub(crate) fn has_sooner(&self) -> bool {
        match (self.wheel.next_deadline(), self.told) {
            (Some(next), Some(told)) => next < told.as_millis(),
            (next, _) => next.is_some(),
        }
    }

    /// Puts an entry that is nowhere where its state says it belongs, and counts it.
    pub(super) fn attach(&mut self, slot: Slot) {
        let Some(entry) = self.hot.get_mut(slot) else {
            return;
        };
        let (mut state, group) = (entry.state(), entry.group);
        if state != State::Ready && !self.wheel.insert(&mut self.hot, slot) {
            state = State::Ready;
            if let Some(entry) = self.hot.get_mut(slot) {
                entry.mark_retry(entry.state() == State::Retry);
                entry.set_state(State::Ready);
            }
        }
        let is_fifo = self.settings.is_fifo;
        match state {
            State::Ready => match self.groups.get_mut(group) {
                Some(of) if is_fifo => {
                    of.ready += 1;
                    let turn = |key| turn_of(&self.turns, key);
                    self.hot
                        .insert_sorted(&mut of.list, slot, Place::Group, turn);
                }
                Some(of) => {
                    of.ready += 1;
                    self.hot.push_back(&mut of.list, slot, Place::Group);
                }
                None => self.hot.push_back(&mut self.ready, slot, Place::Ready),
            },
            State::Delayed => self.delayed += 1,
            State::InFlight => self.in_flight += 1,
            State::Retry => self.retry += 1,
        }
        if let Some(of) = self.groups.get_mut(group) {
            match state {
                State::Ready => {}
                State::Delayed => of.delayed += 1,
                State::InFlight | State::Retry => of.locked += 1,
            }
            self.groups.settle(group, is_fifo);
        }
    }

    /// Takes an entry out of its place and of the counts.
    fn detach(&mut self, slot: Slot) {
        let Some(entry) = self.hot.get(slot) else {
            return;
        };
        let (place, state, group) = (entry.place(), entry.state(), entry.group);
        match place {
            Place::Nowhere => {}
            Place::Ready => self.hot.unlink(&mut self.ready, slot),
            Place::Group => {
                if let Some(of) = self.groups.get_mut(group) {
                    self.hot.unlink(&mut of.list, slot);
                    of.ready = of.ready.saturating_sub(1);
                }
            }
            Place::Wheel(bucket) => self.wheel.remove(&mut self.hot, slot, bucket),
        }
        self.uncount(slot, state);
    }

    fn uncount(&mut self, slot: Slot, state: State) {
        let of_state = match state {
            State::Ready => return,
            State::Delayed => &mut self.delayed,
            State::InFlight => &mut self.in_flight,
            State::Retry => &mut self.retry,
        };
        debug_assert!(*of_state > 0, "a count went below zero");
        *of_state = of_state.saturating_sub(1);
        let Some((key, group)) = self.hot.get(slot).map(|entry| (entry.key, entry.group)) else {
            return;
        };
        if !self.again.is_empty() {
            self.again.remove(&key);
        }
        if let Some(of) = self.groups.get_mut(group) {
            let count = if state == State::Delayed {
                &mut of.delayed
            } else {
                &mut of.locked
            };
            *count = count.saturating_sub(1);
        }
    }

    /// After a detached entry has left for good, its group may have ended.
    fn settle_group(&mut self, group: u32) {
        let is_fifo = self.is_fifo();
        self.groups.settle(group, is_fifo);
    }

    /// Takes a message in.
    pub(crate) fn put(&mut self, incoming: Incoming<'_>, blocks: &mut Blocks) {
        let Incoming {
            mut entry,
            group,
            source,
            location,
            turn,
        } = incoming;
        let key = entry.key;
        if self.hot.find(key).is_some() {
            return;
        }
        blocks.add(location.unwrap_or(key.0));
        if let Some(location) = location {
            self.relocated.insert(key, location);
        }
        if let Some(source) = source {
            self.sources.insert(key, source);
        }
        if let Some(turn) = turn {
            self.turns.insert(key, turn);
        }
        entry.group = match group {
            Some(Group::Named(name)) => self.groups.named(name),
            Some(Group::Tenant(number)) => {
                self.groups.put(number, None);
                number
            }
            None => 0,
        };
        self.keep_delayed_order(&mut entry);
        let slot = self.hot.insert(entry);
        self.attach(slot);
    }

    /// On a FIFO queue no new message overtakes a delayed one of its group. What comes back is older and may.
    fn keep_delayed_order(&mut self, entry: &mut Entry) {
        if !self.settings.is_fifo || !entry.is_new() {
            return;
        }
        let Some(group) = self.groups.get_mut(entry.group) else {
            return;
        };
        if group.delayed > 0 && entry.until() < group.delay_floor {
            entry.set_state(State::Delayed);
            entry.set_until(group.delay_floor);
        }
        if entry.state() == State::Delayed {
            group.delay_floor = entry.until();
        }
    }

    /// Takes a cold message in; as a hot one when it is not younger than all others.
    pub(crate) fn put_cold(&mut self, key: MessageKey, sent_at: Timestamp, blocks: &mut Blocks) {
        let minute = u32::try_from(sent_at.as_minutes()).unwrap_or(u32::MAX);
        if self.cold.push(key, minute) {
            blocks.add(key.0);
        } else {
            let entry = Entry::new(key, sent_at, 1);
            self.put(
                Incoming {
                    entry,
                    group: None,
                    source: None,
                    location: None,
                    turn: None,
                },
                blocks,
            );
        }
    }

    /// Where a message's entry lies in the log.
    pub(crate) fn location(&self, key: MessageKey) -> u64 {
        if self.relocated.is_empty() {
            return key.0;
        }
        self.relocated.get(&key).copied().unwrap_or(key.0)
    }

    /// The place of a message in its group: by when it was sent, or came from another queue.
    pub(crate) fn turn_of(&self, key: MessageKey) -> u64 {
        turn_of(&self.turns, key)
    }

    /// How often a message was received from this queue. Its own count is that of all queues: API Reference, Message.
    pub(crate) fn receives_here(&self, entry: &Entry) -> u32 {
        if self.sources.is_empty() {
            return entry.receive_count;
        }
        let before = self.sources.get(&entry.key);
        let before = before.map_or(0, |source| source.receives);
        entry.receive_count.saturating_sub(before)
    }

    /// Takes a message out of the queue.
    pub(crate) fn take(&mut self, key: MessageKey, blocks: &mut Blocks) -> Option<Taken> {
        let taken = match self.hot.find(key) {
            Some(slot) => {
                self.detach(slot);
                let entry = self.hot.remove(slot)?;
                let group = self
                    .groups
                    .get(entry.group)
                    .and_then(|group| group.name.clone());
                self.settle_group(entry.group);
                take_if_any(&mut self.turns, key);
                Taken {
                    entry,
                    group,
                    source: take_if_any(&mut self.sources, key),
                    location: take_if_any(&mut self.relocated, key),
                }
            }
            None => {
                let minute = self.cold.take(key)?;
                Taken {
                    entry: Entry::from_cold(key, minute),
                    group: None,
                    source: None,
                    location: None,
                }
            }
        };
        blocks.remove(taken.location.unwrap_or(key.0));
        Some(taken)
    }

    /// The entry of a message, which becomes hot when it was cold; it is detached and must be attached again.
    pub(super) fn detached(&mut self, key: MessageKey) -> Option<Slot> {
        if let Some(slot) = self.hot.find(key) {
            self.detach(slot);
            return Some(slot);
        }
        let minute = self.cold.take(key)?;
        Some(self.hot.insert(Entry::from_cold(key, minute)))
    }

    /// The cleaner copied a message.
    pub(crate) fn relocate(&mut self, key: MessageKey, location: u64, blocks: &mut Blocks) {
        self.change(key, |_| ());
        if !self.holds(key) {
            return;
        }
        blocks.remove(self.location(key));
        blocks.add(location);
        self.relocated.insert(key, location);
    }

    /// All hot messages, those in lists in the order of their lists.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = &Entry> {
        let listed = self.hot.walk(self.ready).chain(
            self.groups
                .ring()
                .flat_map(|group| self.hot.walk(group.list)),
        );
        // Groups that stand outside of the ring keep their order by key, as all FIFO groups do.
        let in_ring = |group: u32| self.groups.is_in_ring(group);
        let rest = self
            .hot
            .iter()
            .filter(move |(_, entry)| match entry.place() {
                Place::Ready => false,
                Place::Group => !in_ring(entry.group),
                Place::Wheel(_) | Place::Nowhere => true,
            });
        listed.chain(rest).map(|(_, entry)| entry)
    }

    /// Puts an entry of a snapshot where it belongs.
    pub(crate) fn restore_entry(&mut self, entry: Entry) {
        if entry.group != 0 {
            self.groups.put(entry.group, None);
        }
        let is_delayed = entry.state() == State::Delayed;
        if let (true, Some(group)) = (is_delayed, self.groups.get_mut(entry.group)) {
            group.delay_floor = group.delay_floor.max(entry.until());
        }
        let slot = self.hot.insert(entry);
        self.attach(slot);
    }

    /// Takes everything out.
    pub(crate) fn clear(&mut self, blocks: &mut Blocks) {
        for (key, _) in self.cold.iter() {
            blocks.remove(key.0);
        }
        for (_, entry) in self.hot.iter() {
            blocks.remove(self.location(entry.key));
        }
        let fresh = Self::new(self.id, "", Arc::clone(&self.settings));
        let old = std::mem::replace(self, fresh);
        self.name = old.name;
        self.dedup = old.dedup;
        self.sent = old.sent;
        self.purged_at = old.purged_at;
        self.turn = old.turn;
    }

    /// Counts messages as sent in the minute of `at`.
    pub(crate) fn count_sent(&mut self, at: Timestamp, messages: usize) {
        let minute = u32::try_from(at.as_minutes()).unwrap_or(u32::MAX);
        let messages = u32::try_from(messages).unwrap_or(u32::MAX);
        match self.sent.back_mut() {
            Some((last, count)) if *last == minute => *count = count.saturating_add(messages),
            _ => self.sent.push_back((minute, messages)),
        }
        while self.sent.len() > SENT_MINUTES_MAX
            || self
                .sent
                .front()
                .is_some_and(|(first, _)| first + (SENT_MINUTES_MAX as u32) < minute)
        {
            self.sent.pop_front();
        }
    }

    /// The second before which (inclusive) accepted messages have outlived their retention.
    pub(crate) fn expired_before(&self, at: Timestamp) -> u32 {
        let secs = at
            .as_secs()
            .saturating_sub(u64::from(self.settings.retention_secs));
        u32::try_from(secs).unwrap_or(u32::MAX)
    }

    /// Whether a message is in the queue.
    pub(crate) fn holds(&self, key: MessageKey) -> bool {
        self.hot.find(key).is_some() || self.cold.minute_of(key).is_some()
    }

    /// The first `max` messages that have outlived their retention; hot ones, of which all are looked at, only when
    /// `is_thorough`.
    pub(crate) fn expired(&self, at: Timestamp, max: usize, is_thorough: bool) -> Vec<Touched> {
        let before = self.expired_before(at);
        let cold = self
            .cold
            .runs()
            .take_while(|run| run.minute() * 60 + 59 <= before)
            .flat_map(|run| {
                run.keys().map(|key| Touched {
                    key,
                    sent_minute: run.minute(),
                    lines: 1,
                })
            });
        let hot = self
            .hot
            .iter()
            .filter(|(_, entry)| entry.sent_secs <= before)
            .map(|(_, entry)| entry.touched());
        let mut expired: Vec<Touched> = cold.take(max).collect();
        if is_thorough {
            expired.extend(hot.take(max - expired.len()));
        }
        expired
    }

    /// The first cold message and the start of its minute.
    pub(crate) fn oldest_cold(&self) -> Option<(MessageKey, Timestamp)> {
        let run = self.cold.runs().next()?;
        let minute = Timestamp::from_secs(u64::from(run.minute()) * 60);
        Some((run.keys().next()?, minute))
    }

    /// When the oldest hot message was sent; to the minute for what was cold.
    pub(crate) fn oldest_hot(&self) -> Option<Timestamp> {
        let hot = self.hot.iter();
        let oldest = hot.map(|(_, entry)| u64::from(entry.sent_secs)).min();
        oldest.map(Timestamp::from_secs)
    }
}

/// Of most queues these maps are empty: then nothing is hashed.
fn take_if_any<T>(map: &mut Map<MessageKey, T>, key: MessageKey) -> Option<T> {
    if map.is_empty() {
        return None;
    }
    map.remove(&key)
}

fn turn_of(turns: &Map<MessageKey, u64>, key: MessageKey) -> u64 {
    if turns.is_empty() {
        return key.0;
    }
    turns.get(&key).copied().unwrap_or(key.0)
}
