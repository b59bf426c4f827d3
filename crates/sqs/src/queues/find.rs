//! Messages by an id, wherever they wait: for operators who ask after one, never on the path of a message.
//!
//! Nothing is indexed by id. A message's id is made of its key, so a search makes the ids of all keys; an id that its
//! sender gave is an attribute in the log, or stands in the body, so a search reads the entries. Keys are copied out in slices of
//! [`SLICE`], so that the lock is held for some 100 µs at a time; [`Effort`] bounds the whole.
//!
//! Cold messages are walked by key, then hot ones by place. A message that turns hot meanwhile is met at its new place; one
//! that leaves is met or not; one that comes meanwhile may be missed.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use base::{Timestamp, id};
use bytes::Bytes;
use store::Position;
use store::record::{MessageKey, NewMessage, Stored};

use super::read::{LAST_ENTRY_BYTES, READ_BYTES_MAX};
use super::{Queue, Queues};
use crate::Error;
use crate::attributes::{self, Value};
use crate::engine::hot::{Entry, State};
use crate::engine::ids;
use crate::engine::sip::Seed;

/// Messages that are looked at under one lock.
const SLICE: usize = 10_000;

/// What is looked for.
#[derive(Clone, Debug, Default)]
pub struct Sought {
    messages: HashMap<[u8; 16], String>,
    named: HashSet<String>,
    attribute: String,
    told: String,
    body: Option<BodyTest>,
}

/// Which of the ids a body bears, by the word of somebody who can read it.
#[derive(Clone)]
struct BodyTest(Arc<IdIn>);

type IdIn = dyn Fn(&[u8]) -> Option<String> + Send + Sync;

impl fmt::Debug for BodyTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BodyTest")
    }
}

impl Sought {
    /// Messages by their ids; what is not a message id finds nothing.
    #[must_use]
    pub fn messages<'a>(ids: impl IntoIterator<Item = &'a str>) -> Self {
        let ids = ids.into_iter();
        Self {
            messages: ids
                .filter_map(|text| Some((id::parse_uuid(text)?, text.to_owned())))
                .collect(),
            ..Self::default()
        }
    }

    /// Messages whose text attribute `attribute` is one of `ids`.
    #[must_use]
    pub fn named<'a>(attribute: &str, ids: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            named: ids.into_iter().map(str::to_owned).collect(),
            attribute: attribute.to_owned(),
            ..Self::default()
        }
    }

    /// With another text attribute to be told of each message that is found by one.
    #[must_use]
    pub fn telling(self, attribute: &str) -> Self {
        let told = attribute.to_owned();
        Self { told, ..self }
    }

    /// Also messages whose attribute says none of the ids and whose body does, by `test`.
    #[must_use]
    pub fn or_in_body(
        self,
        test: impl Fn(&[u8]) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        let body = Some(BodyTest(Arc::new(test)));
        Self { body, ..self }
    }

    fn is_answered_by(&self, found: &[Found]) -> bool {
        self.named.is_empty() && found.len() >= self.messages.len()
    }
}

/// What a search may still cost; it goes down as it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Messages whose id is made.
    pub messages: u64,
    /// Messages whose entry is read.
    pub reads: u64,
    /// Whether there was more to look at.
    pub is_spent: bool,
}

impl Default for Effort {
    /// 5,000,000 ids (about a second), 1,000,000 entries (about 300 MB of log). Chosen.
    fn default() -> Self {
        Self {
            messages: 5_000_000,
            reads: 1_000_000,
            is_spent: false,
        }
    }
}

/// How a message stands in its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It can be received now.
    Waiting,
    /// It was sent with a delay.
    Delayed(Timestamp),
    /// It was settled to be tried again.
    RetryWait(Timestamp),
    /// It was received; its lease ends then.
    InFlight(Timestamp),
}

/// A message that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Which of the ids it bears.
    pub sought: String,
    /// Its own id.
    pub message_id: String,
    /// How it stands.
    pub standing: Standing,
    /// The attribute that was to be told; `None` without one, and where it was found by its own id.
    pub told: Option<String>,
}

/// A message in its queue.
#[derive(Clone, Copy, Debug)]
struct Live {
    key: MessageKey,
    location: u64,
    standing: Standing,
}

/// Where a walk goes on.
#[derive(Clone, Copy, Debug)]
enum Next {
    Cold(MessageKey),
    Hot(u32),
}

impl Queues {
    /// The messages of `queue` that bear one of the ids. Blocks for as long as `effort` allows.
    ///
    /// # Errors
    /// [`Error::QueueNotFound`].
    pub fn find(
        &self,
        queue: &Queue,
        sought: &Sought,
        effort: &mut Effort,
    ) -> Result<Vec<Found>, Error> {
        let mut found: Vec<Found> = Vec::new();
        let mut next = Some(Next::Cold(MessageKey(0)));
        while let Some(from) = next
            && !sought.is_answered_by(&found)
        {
            let room = usize::try_from(effort.messages).unwrap_or(usize::MAX);
            if room == 0 {
                effort.is_spent = true;
                break;
            }
            let (mut slice, behind) = self.slice(queue, from, room.min(SLICE))?;
            next = behind;
            effort.messages -= (slice.len() as u64).min(effort.messages);
            found.extend(by_id(self.seed, sought, &slice));
            if !sought.named.is_empty() {
                self.by_attribute(sought, &mut slice, effort, &mut found);
            }
        }
        // A message that turned hot between two slices was met twice.
        let mut seen = HashSet::new();
        found.retain(|one| seen.insert((one.sought.clone(), one.message_id.clone())));
        Ok(found)
    }

    /// Some messages from `from` on, and where to go on.
    fn slice(
        &self,
        queue: &Queue,
        from: Next,
        max: usize,
    ) -> Result<(Vec<Live>, Option<Next>), Error> {
        let mut engine = self.engine.lock();
        let at = engine.time(self.now());
        let state = engine
            .queue_mut(queue.id())
            .map_err(|_| queue.not_found())?;
        state.advance(at);
        match from {
            Next::Cold(from) => {
                let keys = state.cold.from(from, max);
                let live: Vec<Live> = keys
                    .map(|key| Live {
                        key,
                        location: state.location(key),
                        standing: Standing::Waiting,
                    })
                    .collect();
                let behind = live.last().map(|last| last.key.0.saturating_add(1));
                let next = behind.map_or(Next::Hot(0), |key| Next::Cold(MessageKey(key)));
                Ok((live, Some(next)))
            }
            Next::Hot(first) => {
                let (entries, behind) = state
                    .hot
                    .from(first, u32::try_from(max).unwrap_or(u32::MAX));
                let live = entries.map(|entry| Live {
                    key: entry.key,
                    location: state.location(entry.key),
                    standing: standing(entry),
                });
                Ok((live.collect(), behind.map(Next::Hot)))
            }
        }
    }

    /// Those whose sender gave them one of the ids; the log is read in its order.
    fn by_attribute(
        &self,
        sought: &Sought,
        slice: &mut [Live],
        effort: &mut Effort,
        found: &mut Vec<Found>,
    ) {
        slice.sort_unstable_by_key(|live| live.location);
        let room = usize::try_from(effort.reads).unwrap_or(usize::MAX);
        let (mut rest, beyond) = slice.split_at(room.min(slice.len()));
        effort.reads -= rest.len() as u64;
        effort.is_spent |= !beyond.is_empty();
        while let Some(first) = rest.first().map(|live| live.location) {
            let is_near = |live: &Live| live.location - first + LAST_ENTRY_BYTES <= READ_BYTES_MAX;
            let (near, behind) = rest.split_at(rest.partition_point(is_near).max(1));
            rest = behind;
            let span = near.last().map_or(0, |last| last.location - first) + LAST_ENTRY_BYTES;
            let chunk = usize::try_from(span)
                .ok()
                .and_then(|span| self.journal.read(Position::new(first), span).ok())
                .unwrap_or_default();
            for live in near {
                let skip = usize::try_from(live.location - first).unwrap_or(usize::MAX);
                let entry = chunk.get(skip..).unwrap_or_default();
                if let Some((name, told)) = self.name_of(live, entry, sought) {
                    found.push(Found {
                        sought: name,
                        told,
                        message_id: ids::message_id(self.seed, live.key),
                        standing: live.standing,
                    });
                }
            }
        }
    }

    /// Which of the ids a message bears as an attribute; `near`: what was read at its place.
    fn name_of(&self, live: &Live, near: &[u8], sought: &Sought) -> Option<Named> {
        if let Ok(Stored::Message { message, .. }) = Stored::read(near) {
            return name(&message, sought);
        }
        // A longer entry, or one that could not be read; what cannot be read bears no id.
        let entry = self.entry(live.location).ok()?;
        match Stored::read(&entry).ok()? {
            Stored::Message { message, .. } => name(&message, sought),
            Stored::Longer { .. } => None,
        }
    }
}

fn by_id(seed: Seed, sought: &Sought, slice: &[Live]) -> Vec<Found> {
    if sought.messages.is_empty() {
        return Vec::new();
    }
    let is_sought = |live: &Live| {
        let text = sought.messages.get(&ids::uuid(seed, live.key))?;
        Some(Found {
            sought: text.clone(),
            message_id: ids::message_id(seed, live.key),
            standing: live.standing,
            told: None,
        })
    };
    slice.iter().filter_map(is_sought).collect()
}

/// The id that is sought, and what was to be told.
type Named = (String, Option<String>);

fn name(message: &NewMessage<'_>, sought: &Sought) -> Option<Named> {
    let mut attributes = match message.attributes.is_empty() {
        true => BTreeMap::new(),
        false => attributes::decode(&Bytes::copy_from_slice(message.attributes))?,
    };
    let mut text = |name: &str| match attributes.remove(name)?.value {
        Value::Text(text) => Some(text),
        Value::Binary(_) => None,
    };
    let by_name = text(&sought.attribute).filter(|id| sought.named.contains(id));
    let by_body = || (sought.body.as_ref()?.0)(message.body);
    let id = by_name.or_else(by_body)?;
    Some((id, text(&sought.told)))
}

fn standing(entry: &Entry) -> Standing {
    let until = Timestamp::from_millis(entry.until());
    match entry.state() {
        State::Ready => Standing::Waiting,
        State::Delayed => Standing::Delayed(until),
        State::Retry => Standing::RetryWait(until),
        State::InFlight => Standing::InFlight(until),
    }
}
