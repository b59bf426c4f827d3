//! Seeded runs of the engine against a naive model: a list of messages with plain rules.
//!
//! Each step asks the engine for a decision, checks it against the model, journals it in memory, applies it, and changes the
//! model by the rules of SQS. Now and then the engine is thrown away and made anew: from the records, from a snapshot and the
//! records after it, or from the durable records alone, as after a crash. Each time it must equal the model.
//!
//! tidy: long because it is one model and the one world that follows it.

use std::collections::{BTreeMap, BTreeSet};

use base::Timestamp;
use store::Position;
use store::record::{
    By, Carry, CarryKind, Cause, Dedup, LineOutcome, LineState, MessageKey, NewMessage, Next,
    QueueId, Record, Relocation, Settlement, Subject, decode, encode,
};

use super::Engine;
use super::decide::{Creation, Duplicate, ReceiveCall, Rest};
use super::hot::State;
use super::ids::Handle;
use super::task::{Progress, task_json};
use crate::Error;
use crate::settings::Settings;

/// How long messages are kept: in some runs so long that most are received before, in others so short that many expire.
const RETENTIONS_SECS: [u64; 2] = [3600, 240];
const DEAD_RETENTION_SECS: u64 = 86_400;
const RECEIVES_MAX: u32 = 4;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }
}

/// A message as the model knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Plain {
    key: u64,
    /// Its place in its group, on a FIFO queue.
    turn: u64,
    queue: u32,
    state: State,
    until: u64,
    receives: u32,
    nonce: u16,
    attempt: u16,
    lines: u32,
    group: Option<String>,
    sent_minute: u64,
    /// On a FIFO queue.
    sent_secs: u64,
    /// When it was received last, while it is in flight.
    received: u64,
    dead_from: Option<u32>,
    /// How often it had been received when it became a dead letter.
    receives_before: u32,
    /// Whether the process itself received it last.
    is_ours: bool,
    /// Whether it was put off because its destination rests.
    rests: bool,
    /// Whether its receiver changed its visibility.
    is_changed: bool,
}

/// When it was made first, and what it gave: each message and which receive of it.
type Attempt = (u64, Vec<(u64, u16)>);

#[derive(Clone, Debug, Default)]
struct Model {
    messages: Vec<Plain>,
    /// How many were accepted and how many left, by how.
    accepted: u64,
    left: BTreeMap<&'static str, u64>,
    dedup: BTreeMap<String, (u64, u64)>,
    /// The receive request attempts of each queue.
    attempts: BTreeMap<(u32, &'static str), Attempt>,
    tasks: BTreeSet<u32>,
    /// Whether the one destination rests.
    is_paused: bool,
}

impl Model {
    fn find(&mut self, key: u64) -> Option<&mut Plain> {
        self.messages.iter_mut().find(|message| message.key == key)
    }

    fn remove(&mut self, key: u64, how: &'static str) -> Plain {
        let at = self
            .messages
            .iter()
            .position(|message| message.key == key)
            .expect("it is there");
        *self.left.entry(how).or_default() += 1;
        self.messages.remove(at)
    }

    fn advance(&mut self, at: u64) {
        for message in &mut self.messages {
            if message.state != State::Ready && message.until <= at {
                message.state = State::Ready;
            }
        }
    }

    fn of(&self, queue: u32) -> impl Iterator<Item = &Plain> {
        self.messages
            .iter()
            .filter(move |message| message.queue == queue)
    }
}

/// The engine with a journal in memory.
struct World {
    engine: Engine,
    log: Vec<(Position, Timestamp, Vec<u8>)>,
    end: u64,
    /// How many of the log's records are durable.
    durable: usize,
    at: u64,
    model: Model,
    /// Length of the log and the model, when it became durable last and after each step since.
    models: Vec<(usize, Model)>,
    handles: Vec<Handle>,
    snapshot: Option<(usize, Vec<u8>)>,
    random: Random,
    is_fifo: bool,
    retention_secs: u64,
}

const MAIN: QueueId = QueueId(2);
const DEAD: QueueId = QueueId(1);

fn engine() -> Engine {
    Engine::new(
        "123456789012".parse().unwrap(),
        "ap-northeast-1".parse().unwrap(),
    )
}

impl World {
    fn new(seed: u64, is_fifo: bool) -> Self {
        let mut world = Self {
            engine: engine(),
            log: Vec::new(),
            end: 0,
            durable: 0,
            at: 1_795_000_000_000,
            model: Model::default(),
            models: Vec::new(),
            handles: Vec::new(),
            snapshot: None,
            random: Random(seed),
            is_fifo,
            retention_secs: RETENTIONS_SECS[(seed % 2) as usize],
        };
        world.write(Record::Started { seed: [3; 16] });
        let suffix = if is_fifo { ".fifo" } else { "" };
        world.create(
            &format!("dead{suffix}"),
            &[("MessageRetentionPeriod", DEAD_RETENTION_SECS.to_string())],
        );
        let arn = world.engine.arn(&format!("dead{suffix}"));
        let redrive =
            format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":{RECEIVES_MAX}}}"#);
        let retention = world.retention_secs.to_string();
        world.create(
            &format!("main{suffix}"),
            &[
                ("RedrivePolicy", redrive),
                ("MessageRetentionPeriod", retention),
            ],
        );
        world.commit();
        world
    }

    fn create(&mut self, name: &str, attributes: &[(&str, String)]) {
        let mut given: BTreeMap<String, String> = attributes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        if self.is_fifo {
            given.insert("FifoQueue".into(), "true".into());
        }
        let wanted = Settings::create(name, &given, &BTreeMap::new(), self.now()).unwrap();
        let Ok(Creation::New(queue, settings)) =
            self.engine
                .decide_create(name, wanted, &[], Rest::Kept, self.now())
        else {
            panic!("not new")
        };
        let settings = serde_json::to_vec(&settings).unwrap();
        self.write(Record::QueueCreated {
            queue,
            name,
            settings: &settings,
        });
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.at)
    }

    fn write(&mut self, mut record: Record<'_>) -> Position {
        let mut bytes = Vec::new();
        encode(&mut record, &mut bytes);
        let position = Position::new(self.end);
        if let (true, Record::Moved { messages, .. }) = (self.is_fifo, &record) {
            // What comes on gets in line behind all that were there.
            for (turn, touched) in (position.get()..).zip(messages) {
                self.model.find(touched.key.0).unwrap().turn = turn;
            }
        }
        self.end += (bytes.len() as u64 + 24).next_multiple_of(8);
        self.engine.apply(position, self.now(), &record).unwrap();
        self.log.push((position, self.now(), bytes));
        position
    }

    fn commit(&mut self) {
        self.durable = self.log.len();
        self.models = vec![(self.durable, self.model.clone())];
    }

    fn durable_position(&self) -> u64 {
        self.log
            .get(self.durable)
            .map_or(self.end, |(position, _, _)| position.get())
    }

    fn step(&mut self) {
        if self.random.one_in(3) {
            let span = [1, 50, 1000, 30_000, 400_000][self.random.below(5) as usize];
            self.at += self.random.below(span) + 1;
        }
        self.model.advance(self.at);
        match self.random.below(40) {
            0..=9 => self.send(),
            10..=19 => self.receive(),
            20..=24 => self.delete(),
            25 | 26 => self.change_visibility(),
            27 => self.release(),
            28..=30 => self.settle(),
            31 => self.expire(),
            32 if self.random.one_in(20) => self.purge(),
            33 if self.random.one_in(4) => self.move_on(),
            34 => self.relocate(),
            35 => self.snapshot = Some((self.log.len(), captured(&self.engine))),
            36 if self.random.one_in(3) => self.crash(),
            37 if self.is_fifo => self.change_delay(),
            38 => self.rest_or_go_on(),
            _ => self.commit(),
        }
        self.models.push((self.log.len(), self.model.clone()));
        self.check();
    }

    fn send(&mut self) {
        let count = self.random.below(10) + 1;
        let at = self.now();
        let groups = ["a", "b", "c"];
        let ids: Vec<String> = (0..count)
            .map(|_| format!("d{}", self.random.below(30)))
            .collect();
        let mut messages = Vec::new();
        for id in &ids {
            let is_delayed = self.random.one_in(5);
            let group = if self.is_fifo || self.random.one_in(4) {
                Some(groups[self.random.below(3) as usize])
            } else {
                None
            };
            let delay = if self.is_fifo {
                7_000
            } else {
                self.random.below(20_000) + 1
            };
            messages.push(NewMessage {
                delay_until: is_delayed.then(|| Timestamp::from_millis(self.at + delay)),
                lines: if self.random.one_in(6) { 3 } else { 1 },
                group,
                dedup: self.is_fifo.then_some(Dedup::Id(id)),
                ..NewMessage::plain(at, b"body")
            });
        }
        let duplicates = self
            .engine
            .duplicates(self.engine.queue(MAIN).unwrap(), &messages, at);
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for (index, (id, duplicate)) in ids.iter().zip(&duplicates).enumerate() {
            let known = self
                .model
                .dedup
                .get(id)
                .filter(|(sent_at, _)| self.is_fifo && self.at < sent_at + 300_000);
            let expected = match (known, seen.get(id.as_str())) {
                (Some((_, key)), _) => Some(Duplicate::Of(MessageKey(*key))),
                (None, Some(first)) if self.is_fifo => Some(Duplicate::InCall(*first)),
                _ => None,
            };
            assert_eq!(*duplicate, expected);
            seen.entry(id).or_insert(index);
        }
        let kept = |index: usize| duplicates[index].is_none();
        let fresh: Vec<(usize, NewMessage<'_>)> = messages
            .into_iter()
            .enumerate()
            .filter(|(i, _)| kept(*i))
            .collect();
        if fresh.is_empty() {
            return;
        }
        let list: Vec<NewMessage<'_>> = fresh.iter().map(|(_, message)| *message).collect();
        let mut record = Record::Enqueued {
            queue: MAIN,
            cause: Cause::Sent,
            messages: list,
        };
        encode(&mut record, &mut Vec::new());
        let Record::Enqueued { messages, .. } = &record else {
            unreachable!()
        };
        let offsets: Vec<u32> = messages.iter().map(|message| message.offset).collect();
        let position = self.write(record);
        for ((index, message), offset) in fresh.iter().zip(offsets) {
            let key = MessageKey::of(position, offset).0;
            let until = self.fifo_delay(message);
            self.model.accepted += 1;
            self.model.messages.push(Plain {
                key,
                turn: key,
                queue: MAIN.0,
                state: if until > self.at {
                    State::Delayed
                } else {
                    State::Ready
                },
                until,
                receives: 0,
                nonce: 0,
                attempt: 0,
                lines: message.lines,
                group: message.group.map(str::to_owned),
                sent_minute: self.at / 60_000,
                sent_secs: self.at / 1000,
                received: 0,
                dead_from: None,
                receives_before: 0,
                is_ours: false,
                rests: false,
                is_changed: false,
            });
            if self.is_fifo {
                self.model.dedup.insert(ids[*index].clone(), (self.at, key));
            }
        }
    }

    /// On a FIFO queue a message waits at least as long as the delayed ones of its group before it.
    fn fifo_delay(&self, message: &NewMessage<'_>) -> u64 {
        let own = message.delay_until.map_or(0, Timestamp::as_millis);
        let of_group = self.model.of(MAIN.0).filter(|other| {
            self.is_fifo && other.state == State::Delayed && other.group.as_deref() == message.group
        });
        of_group
            .map(|other| other.until)
            .max()
            .unwrap_or(0)
            .max(own)
    }

    fn receive(&mut self) {
        let queue = if self.random.one_in(6) { DEAD } else { MAIN };
        let max = self.random.below(10) as usize + 1;
        let visibility = [0, 100, 5_000, 60_000][self.random.below(4) as usize];
        let by = [By::Consumer, By::Notifier, By::Embedded][self.random.below(3) as usize];
        let attempt_id = match self.random.below(8) {
            0 | 1 => Some("x"),
            2 => Some("y"),
            _ => None,
        };
        let attempt_id = attempt_id.filter(|_| self.is_fifo);
        let call = ReceiveCall {
            max,
            until: Timestamp::from_millis(self.at + visibility),
            by,
            attempt_id,
            durable: self.durable_position(),
        };
        let receiving = self
            .engine
            .decide_receive(queue, self.now(), &call)
            .unwrap();
        let given: Vec<u64> = receiving.keys.iter().map(|key| key.0).collect();
        if let Some(repeated) = attempt_id.and_then(|id| self.repeated(queue.0, id)) {
            assert_eq!(given, repeated);
            for record in receiving.records {
                self.write(record);
            }
            for key in &given {
                self.hold(*key, self.at + visibility);
            }
            return;
        }
        self.follow_expired(queue, &receiving.records);
        let dead = self.expected_dead(queue, &receiving.records);
        let available = self.available(queue.0, &dead);
        self.check_given(queue, max, &given, &available, dead.len() > 50);
        for record in receiving.records {
            self.write(record);
        }
        let mut receives = Vec::new();
        for key in &given {
            let at = self.at;
            let message = self.hold(*key, at + visibility);
            message.receives += 1;
            message.is_changed = false;
            message.received = at;
            message.is_ours = by == By::Embedded;
            message.nonce = message.nonce.wrapping_add(1);
            let nonce = message.nonce;
            receives.push((*key, nonce));
            self.handles.push(Handle {
                queue,
                key: MessageKey(*key),
                nonce,
            });
        }
        if let (Some(id), false) = (attempt_id, receives.is_empty()) {
            let attempt = (self.at, receives);
            self.model.attempts.insert((queue.0, id), attempt);
        }
    }

    fn hold(&mut self, key: u64, until: u64) -> &mut Plain {
        let at = self.at;
        let message = self.model.find(key).unwrap();
        message.until = until;
        message.state = if until > at {
            State::InFlight
        } else {
            State::Ready
        };
        message
    }

    /// What an attempt gives again: within five minutes, when nothing of it was deleted or had its visibility changed.
    fn repeated(&self, queue: u32, id: &'static str) -> Option<Vec<u64>> {
        let (first_at, given) = self.model.attempts.get(&(queue, id))?;
        let is_untouched = |(key, nonce): &(u64, u16)| {
            let mut there = self.model.of(queue);
            let message = there.find(|message| message.key == *key);
            message.is_some_and(|message| {
                message.state == State::InFlight && message.nonce == *nonce && !message.is_changed
            })
        };
        let may = self.at < first_at + 300_000 && given.iter().all(is_untouched);
        may.then(|| given.iter().map(|(key, _)| *key).collect())
    }

    /// What a look met and took out had outlived its retention.
    fn follow_expired(&mut self, queue: QueueId, records: &[Record<'_>]) {
        for record in records {
            let Record::Expired { messages, .. } = record else {
                continue;
            };
            for touched in messages {
                let message = self.model.remove(touched.key.0, "expired at a look");
                assert_eq!((message.queue, message.state), (queue.0, State::Ready));
                assert!(message.sent_secs + self.retention_of(queue.0) <= self.at / 1000);
                assert!(message.key < self.durable_position());
            }
        }
    }

    fn retention_of(&self, queue: u32) -> u64 {
        match queue == MAIN.0 {
            true => self.retention_secs,
            false => DEAD_RETENTION_SECS,
        }
    }

    /// Follows the move of dead letters in the model.
    fn expected_dead(&mut self, queue: QueueId, records: &[Record<'_>]) -> BTreeSet<u64> {
        let mut dead = BTreeSet::new();
        for record in records {
            let Record::Moved { to, messages, .. } = record else {
                continue;
            };
            assert_eq!((queue, *to), (MAIN, DEAD));
            let (at, minute) = (self.at, self.at / 60_000);
            for touched in messages {
                let is_fifo = self.is_fifo;
                let message = self.model.find(touched.key.0).unwrap();
                assert!(message.receives >= RECEIVES_MAX && message.state == State::Ready);
                message.queue = DEAD.0;
                message.dead_from = Some(MAIN.0);
                message.receives_before = message.receives;
                if is_fifo {
                    message.sent_minute = minute;
                    message.sent_secs = at / 1000;
                }
                dead.insert(touched.key.0);
            }
        }
        dead
    }

    /// What may be received of a queue, in the order of turns.
    fn available(&self, queue: u32, moved: &BTreeSet<u64>) -> Vec<Plain> {
        let retention = self.retention_of(queue);
        let durable = self.durable_position();
        let mut all: Vec<&Plain> = self
            .model
            .of(queue)
            .filter(|message| !moved.contains(&message.key))
            .collect();
        all.sort_by_key(|message| message.turn);
        let mut blocked: BTreeSet<&str> = BTreeSet::new();
        let mut delayed: BTreeSet<&str> = BTreeSet::new();
        let mut available = Vec::new();
        for message in all {
            let group = message.group.as_deref().unwrap_or_default();
            let is_locked = matches!(message.state, State::InFlight | State::Retry);
            // Cold messages know their minute only and live to its end.
            let is_old = match self.is_fifo {
                true => message.sent_secs + retention <= self.at / 1000,
                false => message.sent_minute * 60 + 59 + retention <= self.at / 1000,
            };
            let may = message.state == State::Ready && message.key < durable;
            let is_new = message.nonce == 0 && message.attempt == 0;
            // What comes back is older than a new message that is delayed, and may overtake it.
            if self.is_fifo && message.state == State::Delayed {
                delayed.insert(group);
                continue;
            }
            if self.is_fifo && is_new && delayed.contains(group) {
                blocked.insert(group);
            }
            if self.is_fifo && (is_locked || !may || blocked.contains(group)) {
                blocked.insert(group);
                continue;
            }
            // Nothing waits for what nobody may receive any more.
            if may && !is_old {
                available.push(message.clone());
            }
        }
        if self.is_fifo {
            // A later message in flight blocks its whole group.
            let locked: BTreeSet<Option<&str>> = self
                .model
                .of(queue)
                .filter(|message| matches!(message.state, State::InFlight | State::Retry))
                .map(|message| message.group.as_deref())
                .collect();
            available.retain(|message| !locked.contains(&message.group.as_deref()));
        }
        available
    }

    fn check_given(
        &self,
        queue: QueueId,
        max: usize,
        given: &[u64],
        available: &[Plain],
        has_many_dead: bool,
    ) {
        let keys: BTreeSet<u64> = available.iter().map(|message| message.key).collect();
        assert!(
            given.iter().all(|key| keys.contains(key)),
            "{given:?} of {keys:?}"
        );
        assert_eq!(
            given.iter().collect::<BTreeSet<_>>().len(),
            given.len(),
            "one is given twice"
        );
        // On a standard queue a message may or may not be given within a minute of the end of its retention.
        let retention = self.retention_of(queue.0);
        let is_sure = |message: &&Plain| {
            self.is_fifo || message.sent_minute * 60 + retention > self.at / 1000
        };
        let sure = available.iter().filter(is_sure).count();
        // A receive moves at most 100 dead letters, and looks past as many.
        if !has_many_dead {
            assert!(
                given.len() >= max.min(sure),
                "{} of {sure} given at {}, durable {}: {available:?}",
                given.len(),
                self.at,
                self.durable_position()
            );
        }
        if self.is_fifo {
            for group in ["a", "b", "c"] {
                let of_group = |key: &&u64| {
                    available.iter().any(|message| {
                        message.key == **key && message.group.as_deref() == Some(group)
                    })
                };
                let taken: Vec<u64> = given.iter().filter(of_group).copied().collect();
                let first: Vec<u64> = available
                    .iter()
                    .filter(|message| message.group.as_deref() == Some(group))
                    .map(|message| message.key)
                    .take(taken.len())
                    .collect();
                assert_eq!(taken, first, "a group's messages come in order");
            }
        }
    }

    fn handle(&mut self) -> Option<Handle> {
        let count = self.handles.len() as u64;
        (count > 0).then(|| self.handles[(count - 1 - self.random.below(count.min(40))) as usize])
    }

    fn delete(&mut self) {
        let Some(handle) = self.handle() else { return };
        let is_fifo = self.is_fifo;
        let (outcomes, messages) = self
            .engine
            .decide_delete(handle.queue, self.now(), &[handle])
            .unwrap();
        let found = self
            .model
            .find(handle.key.0)
            .filter(|message| message.queue == handle.queue.0)
            .cloned();
        let is_held =
            |message: &Plain| message.state == State::InFlight && message.nonce == handle.nonce;
        let expected = match &found {
            None => (true, false),
            Some(message) if is_fifo && !is_held(message) => (false, false),
            Some(_) => (true, true),
        };
        assert_eq!(
            (outcomes[0].is_ok(), !messages.is_empty()),
            expected,
            "{found:?} {handle:?}"
        );
        if !messages.is_empty() {
            let touched = messages[0];
            let message = self.model.remove(handle.key.0, "taken");
            assert_eq!(
                (u64::from(touched.sent_minute), touched.lines),
                (message.sent_minute, message.lines)
            );
            self.write(Record::Deleted {
                queue: handle.queue,
                messages,
            });
        }
    }

    fn held(&mut self, handle: Handle) -> bool {
        self.model.find(handle.key.0).is_some_and(|message| {
            message.queue == handle.queue.0
                && message.state == State::InFlight
                && message.nonce == handle.nonce
        })
    }

    fn change_visibility(&mut self) {
        let Some(handle) = self.handle() else { return };
        let half = 6 * 3_600_000;
        let until = self.at + [0, 10, 20_000, half, 2 * half][self.random.below(5) as usize];
        let change = (handle, Timestamp::from_millis(until));
        let (outcomes, changes) = self
            .engine
            .decide_visibility(handle.queue, self.now(), &[change])
            .unwrap();
        let found = self.model.find(handle.key.0).cloned();
        let is_visible =
            |message: &Plain| message.queue == handle.queue.0 && message.state == State::Ready;
        let is_visible = !self.is_fifo && found.as_ref().is_some_and(is_visible);
        let is_beyond = |message: Plain| {
            (self.at - message.received) / 1000 + (until - self.at) / 1000 > 43_200
        };
        let is_beyond = found.is_some_and(is_beyond);
        match &outcomes[0] {
            Ok(()) => assert!(self.held(handle) && !is_beyond),
            Err(Error::InvalidParameter { .. }) => assert!(self.held(handle) && is_beyond),
            Err(Error::NotInFlight) => assert!(is_visible),
            Err(Error::NotHeld) => assert!(!is_visible && !self.held(handle)),
            Err(other) => panic!("{other}"),
        }
        if !changes.is_empty() {
            self.hold(handle.key.0, until).is_changed = true;
            self.write(Record::VisibilityChanged {
                queue: handle.queue,
                changes,
            });
        }
    }

    /// Another delay of a FIFO queue holds for what nobody received yet, and keeps the order of groups.
    fn change_delay(&mut self) {
        let settings = Settings::clone(&self.engine.queue(MAIN).unwrap().settings);
        let before = u64::from(settings.delay_secs) * 1000;
        let delay_secs = [0, 5, 60][self.random.below(3) as usize];
        let after = u64::from(delay_secs) * 1000;
        let settings = serde_json::to_vec(&Settings {
            delay_secs,
            ..settings
        })
        .unwrap();
        self.write(Record::QueueChanged {
            queue: MAIN,
            settings: &settings,
        });
        if before == after {
            return;
        }
        self.model.messages.sort_by_key(|message| message.key);
        let mut floors: BTreeMap<Option<String>, u64> = BTreeMap::new();
        for message in &mut self.model.messages {
            let is_new = message.nonce == 0 && message.attempt == 0;
            let is_waiting = matches!(message.state, State::Ready | State::Delayed);
            if message.queue != MAIN.0 || !is_new || !is_waiting {
                continue;
            }
            let second = message.sent_secs * 1000..=message.sent_secs * 1000 + 999;
            let sent = match message.state {
                State::Delayed => (message.until - before).clamp(*second.start(), *second.end()),
                _ => *second.end(),
            };
            let floor = floors.entry(message.group.clone()).or_default();
            message.until = (sent + after).max(*floor);
            message.state = State::Ready;
            if message.until > self.at {
                message.state = State::Delayed;
                *floor = message.until;
            }
        }
    }

    /// What was put off for the destination is due when it goes on.
    fn rest_or_go_on(&mut self) {
        let subject = Subject::Destination("d");
        self.model.is_paused = !self.model.is_paused;
        if self.model.is_paused {
            self.write(Record::Paused { subject });
            return;
        }
        self.write(Record::Resumed { subject });
        let resting = self.model.messages.iter_mut();
        for message in resting.filter(|one| one.state == State::Retry && one.rests) {
            message.state = State::Ready;
        }
    }

    fn release(&mut self) {
        let Some(handle) = self.handle() else { return };
        let (outcomes, messages) = self
            .engine
            .decide_release(handle.queue, self.now(), &[handle])
            .unwrap();
        assert_eq!(outcomes[0].is_ok(), self.held(handle));
        if !messages.is_empty() {
            let message = self.model.find(handle.key.0).unwrap();
            message.state = State::Ready;
            message.receives = message.receives.saturating_sub(1);
            message.nonce = message.nonce.wrapping_add(1);
            self.write(Record::Released {
                queue: handle.queue,
                messages,
            });
        }
    }

    /// A settlement of a lost lease changes nothing, whatever it says.
    fn settle_late(&mut self, handle: Handle) {
        let at = Timestamp::from_millis(self.at + 1 + self.random.below(50_000));
        let carry = Carry {
            queue: MAIN,
            kind: CarryKind::Retry,
            message: NewMessage::plain(self.now(), b"line"),
        };
        let next = if self.random.one_in(2) {
            Next::Gone
        } else {
            Next::RetryAt { at, attempt: 9 }
        };
        let line = LineOutcome {
            line: 0,
            destination: "d",
            state: LineState::Delivered,
            result: b"r",
        };
        // Any record moves the engine's time; this one nothing else.
        self.write(Record::Resumed {
            subject: Subject::Route("none"),
        });
        let before = captured(&self.engine);
        self.write(Record::Settled {
            queue: handle.queue,
            settlements: vec![Settlement {
                key: handle.key,
                sent_at: self.now(),
                lines_before: 0,
                lines: vec![line],
                next,
                carries: vec![carry],
            }],
        });
        assert_eq!(captured(&self.engine), before);
    }

    fn settle(&mut self) {
        let Some(handle) = self.handle() else { return };
        let booked = self
            .engine
            .decide_settle(handle.queue, self.now(), &[handle])
            .unwrap()
            .remove(0);
        let found = self.model.find(handle.key.0).cloned();
        let is_mine = found.as_ref().is_some_and(|message| {
            message.queue == handle.queue.0
                && message.nonce == handle.nonce
                && matches!(message.state, State::InFlight | State::Ready)
        });
        // A lease that is over counts until somebody else receives; the engine sees the end of a lease when it looks.
        assert_eq!(booked.is_ok(), is_mine, "{found:?} {handle:?}");
        let Ok(booked) = booked else {
            return self.settle_late(handle);
        };
        let message = found.unwrap();
        let mut retry_at = self.at + 1 + self.random.below(50_000);
        let rests = self.random.one_in(4);
        let kind = if rests {
            self.random.below(2) + 1
        } else {
            self.random.below(5)
        };
        let state = match kind {
            _ if rests => LineState::Paused,
            0 => LineState::Delivered,
            _ => LineState::Retry,
        };
        let line = LineOutcome {
            line: 0,
            destination: "d",
            state,
            result: b"r",
        };
        let group = message.group.as_deref();
        let carried = NewMessage {
            group,
            attempt: 2,
            ..NewMessage::plain(self.now(), b"line")
        };
        let (next, carries) = match kind {
            0 => (Next::Gone, vec![]),
            1 => (
                Next::RetryAt {
                    at: Timestamp::from_millis(retry_at),
                    attempt: 1,
                },
                vec![],
            ),
            2 => {
                let message = NewMessage {
                    delay_until: Some(Timestamp::from_millis(retry_at)),
                    ..carried
                };
                (
                    Next::Gone,
                    vec![Carry {
                        queue: MAIN,
                        kind: CarryKind::Retry,
                        message,
                    }],
                )
            }
            3 => (
                Next::Gone,
                vec![Carry {
                    queue: DEAD,
                    kind: CarryKind::Dead,
                    message: carried,
                }],
            ),
            _ => (
                Next::Gone,
                vec![Carry {
                    queue: MAIN,
                    kind: CarryKind::Replayed,
                    message: NewMessage {
                        attempt: 0,
                        ..carried
                    },
                }],
            ),
        };
        let settlements = vec![Settlement {
            key: handle.key,
            sent_at: self.now(),
            lines_before: booked.lines,
            lines: vec![line],
            next,
            carries,
        }];
        let mut record = Record::Settled {
            queue: handle.queue,
            settlements,
        };
        encode(&mut record, &mut Vec::new());
        let Record::Settled { settlements, .. } = &record else {
            unreachable!()
        };
        let offset = settlements[0]
            .carries
            .first()
            .map(|carry| carry.message.offset);
        let position = self.write(record);
        if rests && !self.model.is_paused {
            // Its notifier has not heard of it yet.
            retry_at = retry_at.min(self.at + 100);
        }
        if kind == 1 {
            let plain = self.model.find(handle.key.0).unwrap();
            (plain.state, plain.until, plain.attempt, plain.lines) = (State::Retry, retry_at, 1, 1);
            plain.nonce = plain.nonce.wrapping_add(1);
            plain.rests = rests;
            return;
        }
        let before = self.model.remove(handle.key.0, "settled");
        if let Some(offset) = offset {
            *self.model.left.entry("settled").or_default() -= 1;
            let plain = NewMessage {
                group: before.group.as_deref(),
                ..NewMessage::plain(self.now(), b"line")
            };
            let (state, until) = match kind {
                2 => (State::Retry, retry_at),
                3 => (State::Ready, 0),
                // Sent again it is a new message, which waits behind the delayed ones of its group.
                _ => match self.fifo_delay(&plain) {
                    0 => (State::Ready, 0),
                    until => (State::Delayed, until),
                },
            };
            self.model.messages.push(Plain {
                key: MessageKey::of(position, offset).0,
                turn: MessageKey::of(position, offset).0,
                queue: if kind == 3 { DEAD.0 } else { MAIN.0 },
                state,
                until,
                receives: 0,
                nonce: 0,
                attempt: if kind == 4 { 0 } else { 2 },
                lines: 1,
                sent_minute: self.at / 60_000,
                sent_secs: self.at / 1000,
                received: 0,
                dead_from: None,
                receives_before: 0,
                rests,
                ..before
            });
        }
    }

    fn expire(&mut self) {
        let messages = self
            .engine
            .queue(MAIN)
            .unwrap()
            .expired(self.now(), 1000, true);
        let keys: BTreeSet<u64> = messages.iter().map(|message| message.key.0).collect();
        let secs = self.at / 1000;
        for message in self.model.of(MAIN.0) {
            if message.sent_minute * 60 + 59 + self.retention_secs <= secs {
                assert!(
                    keys.contains(&message.key),
                    "{message:?} outlived its retention"
                );
            }
            if keys.contains(&message.key) {
                assert!(
                    message.sent_minute * 60 + self.retention_secs <= secs,
                    "{message:?} expired early"
                );
            }
        }
        for key in keys {
            self.model.remove(key, "expired");
        }
        if !messages.is_empty() {
            self.write(Record::Expired {
                queue: MAIN,
                messages,
            });
        }
    }

    fn purge(&mut self) {
        if self.engine.decide_purge(MAIN, self.now()).is_err() {
            return;
        }
        let keys: Vec<u64> = self.model.of(MAIN.0).map(|message| message.key).collect();
        for key in keys {
            self.model.remove(key, "purged");
        }
        self.write(Record::Purged { queue: MAIN });
    }

    /// Starts a move task or carries one on.
    fn move_on(&mut self) {
        let running: Vec<u32> = self.model.tasks.iter().copied().collect();
        let Some(number) = running.first().copied() else {
            let source = self
                .engine
                .arn(&self.engine.queue(DEAD).unwrap().name.clone());
            let destination = self
                .engine
                .arn(&self.engine.queue(MAIN).unwrap().name.clone());
            let to = self.random.one_in(2).then_some(destination.as_str());
            let (number, task) = self
                .engine
                .decide_start_move(&source, to, None, self.now())
                .unwrap();
            let visible = self
                .model
                .of(DEAD.0)
                .filter(|message| message.state == State::Ready)
                .count();
            assert_eq!(task.to_move, visible as u64);
            self.model.tasks.insert(number);
            let state = task_json(&task);
            self.write(Record::TaskChanged {
                task: number,
                state: &state,
            });
            return;
        };
        match self
            .engine
            .decide_move(number, self.now(), self.durable_position(), 3)
        {
            Progress::Moves(records) => {
                self.follow_expired(DEAD, &records);
                for record in records {
                    let Record::Moved { to, messages, .. } = &record else {
                        self.write(record);
                        continue;
                    };
                    assert_eq!(*to, MAIN);
                    let minute = self.at / 60_000;
                    for touched in messages {
                        let message = self.model.find(touched.key.0).unwrap();
                        assert_eq!((message.queue, message.state), (DEAD.0, State::Ready));
                        message.queue = MAIN.0;
                        message.receives = 0;
                        message.dead_from = None;
                        message.receives_before = 0;
                        message.sent_minute = minute;
                        message.sent_secs = self.at / 1000;
                    }
                    self.write(record);
                }
            }
            Progress::Ended(task) => {
                self.model.tasks.remove(&number);
                let state = task_json(&task);
                self.write(Record::TaskChanged {
                    task: number,
                    state: &state,
                });
            }
        }
    }

    fn relocate(&mut self) {
        let before = self.end / 2;
        let residents = self.engine.residents(0..before, 3);
        for resident in residents {
            let entry = [5u8, 0, 0, 0, 0, 0];
            let messages = vec![Relocation {
                key: resident.message.key,
                offset: 0,
                entry: &entry,
            }];
            self.write(Record::Relocated {
                queue: resident.queue,
                messages,
            });
            assert_ne!(
                self.engine
                    .queue(resident.queue)
                    .unwrap()
                    .location(resident.message.key),
                resident.location
            );
        }
    }

    /// Of what is not durable some is lost; the engine comes back from a snapshot or the records.
    fn crash(&mut self) {
        let at = self.random.below(self.models.len() as u64) as usize;
        let (keep, model) = self.models[at].clone();
        self.model = model;
        self.model.advance(self.at);
        if let Some((position, _, _)) = self.log.get(keep) {
            self.end = position.get();
        }
        self.log.truncate(keep);
        self.snapshot = self.snapshot.take().filter(|(at, _)| *at <= keep);
        let mut fresh = engine();
        let mut from = 0;
        if let Some((at, bytes)) = &self.snapshot {
            fresh.restore(&mut &bytes[..]).unwrap();
            from = *at;
        }
        for (position, at, bytes) in &self.log[from..] {
            fresh
                .apply(*position, *at, &decode(bytes).unwrap())
                .unwrap();
        }
        self.engine = fresh;
        self.commit();
        if self.random.one_in(2) {
            self.end_leases();
        }
    }

    /// What the process before held itself is there again, and nothing else.
    fn end_leases(&mut self) {
        for queue in [MAIN, DEAD] {
            let messages = self.engine.decide_end_leases(queue, self.now()).unwrap();
            let mut ended: BTreeSet<u64> = messages.iter().map(|each| each.key.0).collect();
            for message in &mut self.model.messages {
                let is_held = message.queue == queue.0 && message.state == State::InFlight;
                if is_held && message.is_ours {
                    assert!(ended.remove(&message.key), "{message:?} is held on");
                    message.state = State::Ready;
                    message.receives -= 1;
                    message.nonce = message.nonce.wrapping_add(1);
                }
            }
            assert_eq!(ended, BTreeSet::new());
            if !messages.is_empty() {
                self.write(Record::Released { queue, messages });
            }
        }
    }

    /// The engine equals the model, and nothing is lost or doubled.
    fn check(&mut self) {
        let at = self.now();
        self.model.advance(self.at);
        for queue in [MAIN, DEAD] {
            let state = self.engine.queue_mut(queue).unwrap();
            state.advance(at);
            let mut live: Vec<Plain> = dump(state);
            let mut plain: Vec<Plain> = self.model.of(queue.0).cloned().collect();
            live.sort_by_key(|message| message.key);
            plain.sort_by_key(|message| message.key);
            for (live, plain) in live.iter_mut().zip(&mut plain) {
                if plain.state == State::Ready {
                    plain.until = 0;
                }
                plain.is_ours &= plain.state == State::InFlight;
                plain.rests &= plain.state == State::Retry;
                plain.is_changed &= plain.state == State::InFlight;
                if plain.state != State::InFlight {
                    plain.received = 0;
                }
                // Groups of standard queues are buckets, and cold messages know their minute only.
                if !self.is_fifo {
                    live.sent_secs = plain.sent_secs;
                    assert_eq!(live.group.is_some(), plain.group.is_some());
                    live.group.clone_from(&plain.group);
                }
            }
            assert_eq!(live.len(), plain.len());
            for (live, plain) in live.iter().zip(&plain) {
                assert_eq!(live, plain);
            }
            let count = |wanted: State| {
                plain
                    .iter()
                    .filter(|message| message.state == wanted)
                    .count()
            };
            assert_eq!(state.in_flight as usize, count(State::InFlight));
            assert_eq!(state.delayed as usize, count(State::Delayed));
            assert_eq!(state.retry as usize, count(State::Retry));
            assert_eq!(state.visible() as usize, count(State::Ready));
        }
        let left: u64 = self.model.left.values().sum();
        assert_eq!(self.model.accepted, left + self.model.messages.len() as u64);
        let live = self.engine.blocks().sum(0..u64::MAX).live;
        assert_eq!(live as usize, self.model.messages.len());
    }
}

fn captured(engine: &Engine) -> Vec<u8> {
    let mut bytes = Vec::new();
    engine.capture()(&mut bytes).unwrap();
    bytes
}

fn dump(state: &super::state::QueueState) -> Vec<Plain> {
    let cold = state.cold.iter().map(|(key, minute)| Plain {
        key: key.0,
        turn: key.0,
        queue: state.id.0,
        state: State::Ready,
        until: 0,
        receives: 0,
        nonce: 0,
        attempt: 0,
        lines: 1,
        group: None,
        sent_minute: u64::from(minute),
        sent_secs: 0,
        received: 0,
        dead_from: None,
        receives_before: 0,
        is_ours: false,
        rests: false,
        is_changed: false,
    });
    let hot = state.hot.iter().map(|(_, entry)| Plain {
        key: entry.key.0,
        turn: state.turn_of(entry.key),
        queue: state.id.0,
        state: entry.state(),
        until: if entry.state() == State::Ready {
            0
        } else {
            entry.until()
        },
        receives: entry.receive_count,
        nonce: entry.nonce,
        attempt: entry.attempt,
        lines: entry.lines,
        group: state
            .groups
            .get(entry.group)
            .map(|group| group.name.as_deref().unwrap_or("tenant").to_owned()),
        sent_minute: u64::from(entry.sent_minute()),
        sent_secs: u64::from(entry.sent_secs),
        received: match entry.state() {
            State::InFlight => state.received_at(entry).as_millis(),
            _ => 0,
        },
        dead_from: state.sources.get(&entry.key).map(|source| source.queue.0),
        receives_before: state
            .sources
            .get(&entry.key)
            .map_or(0, |source| source.receives),
        is_ours: entry.is_embedded_lease(),
        rests: entry.rests(),
        is_changed: entry.is_changed(),
    });
    cold.chain(hot).collect()
}

fn run(seed: u64, steps: usize, is_fifo: bool) {
    let mut world = World::new(seed, is_fifo);
    for step in 0..steps {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.step()));
        if let Err(panic) = result {
            eprintln!("seed {seed}, step {step}, fifo {is_fifo}");
            std::panic::resume_unwind(panic);
        }
    }
    let all: u64 = world.model.left.values().sum();
    assert!(all > 0, "seed {seed} moved nothing");
    if world.retention_secs == RETENTIONS_SECS[1] {
        let met = world.model.left.get("expired at a look");
        assert!(met.is_some(), "seed {seed} met nothing that had expired");
    }
}

/// `SHUKUBA_SIM_SEEDS=100` runs so many of them, from `SHUKUBA_SIM_FIRST_SEED` on; as the store's simulation has it.
fn seeds() -> std::ops::Range<u64> {
    let number = |name, default| {
        let text = std::env::var(name).ok();
        text.and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let first = number("SHUKUBA_SIM_FIRST_SEED", 0);
    first..first + number("SHUKUBA_SIM_SEEDS", 6)
}

#[test]
fn a_standard_queue_follows_the_plain_rules_through_crashes() {
    for seed in seeds() {
        run(seed, 1500, false);
    }
}

#[test]
fn a_fifo_queue_follows_the_plain_rules_through_crashes() {
    for seed in seeds() {
        run(seed, 1500, true);
    }
}
