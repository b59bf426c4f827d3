//! What mappings are and become; no clock, randomness, disk or wire.
//!
//! ```text
//! Creating ─┬→ Enabled ⇄ Updating, Disabling → Disabled → Enabling → Enabled
//!           └→ Disabled                        any → Deleting → gone
//! ```
//!
//! A call sets one of the passing states; whoever polls settles it once pollers have begun or ended.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::Timestamp;
use serde::{Deserialize, Serialize};

use crate::function::FunctionName;
use crate::rules::pattern::Pattern;

/// Messages of a batch. Source: Lambda API Reference, CreateEventSourceMapping; for FIFO queues at most [`SINGLE_BATCH_MAX`].
pub const BATCH_SIZE: std::ops::RangeInclusive<u32> = 1..=10_000;
/// Messages of a batch without a window, or of a FIFO queue; and of any batch where nothing is said.
pub const SINGLE_BATCH_MAX: u32 = 10;
/// Seconds for which a batch is gathered.
pub const WINDOW_SECS: std::ops::RangeInclusive<u32> = 0..=300;
/// Batches at once, where their owner bounds them.
pub const CONCURRENCY: std::ops::RangeInclusive<u32> = 2..=1_000;
/// Filters of a mapping. Source: Lambda Developer Guide, "Event filtering": five unless a quota is raised.
pub const FILTERS_MAX: usize = 5;
/// Mappings in all. Chosen.
pub const MAPPINGS_MAX: usize = 1_000;

/// Tags of a mapping. Source: Lambda Developer Guide, "Using tags on event source mappings".
pub const TAGS_MAX: usize = 50;

/// Where a mapping is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// It was made.
    Creating,
    /// It is to poll again.
    Enabling,
    /// It polls.
    Enabled,
    /// It is to poll no more.
    Disabling,
    /// It does not poll.
    Disabled,
    /// It is to poll otherwise.
    Updating,
    /// It is to go.
    Deleting,
}

impl State {
    /// As the API names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Creating => "Creating",
            Self::Enabling => "Enabling",
            Self::Enabled => "Enabled",
            Self::Disabling => "Disabling",
            Self::Disabled => "Disabled",
            Self::Updating => "Updating",
            Self::Deleting => "Deleting",
        }
    }
}

/// What its owner says of a mapping.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wanted {
    /// The function.
    pub function: FunctionName,
    /// The version or alias.
    pub qualifier: Option<String>,
    /// Whether it polls.
    pub is_enabled: bool,
    /// See [`BATCH_SIZE`].
    pub batch_size: u32,
    /// See [`WINDOW_SECS`].
    pub window_secs: u32,
    /// See [`CONCURRENCY`].
    pub concurrency: Option<u32>,
    /// Whether the function says which messages failed (`ReportBatchItemFailures`).
    pub reports_items: bool,
    /// One of these must be for a message; none of them, for any.
    pub filters: Vec<Pattern>,
}

/// A queue as a source of a function's events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mapping {
    /// Its id.
    pub uuid: String,
    /// The queue's ARN.
    pub queue: String,
    /// What its owner says.
    pub wanted: Wanted,
    /// Where it is.
    pub state: State,
    /// When its owner last said something.
    pub modified: Timestamp,
    /// Grows with each change.
    pub revision: u64,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl Mapping {
    /// Whether it is to be polled for.
    #[must_use]
    pub fn polls(&self) -> bool {
        self.wanted.is_enabled && self.state != State::Deleting
    }
}

/// Why a mapping was not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is none.
    #[error("there is no such mapping")]
    NotFound,
    /// The queue and the function have one.
    #[error("the queue and the function have the mapping `{uuid}`")]
    Exists {
        /// Its id.
        uuid: String,
    },
    /// It is going.
    #[error("the mapping is being deleted")]
    InUse,
    /// There are as many as may be.
    #[error("there are {MAPPINGS_MAX} mappings")]
    TooMany,
    /// There would be too many tags.
    #[error("a mapping has at most {TAGS_MAX} tags")]
    TooManyTags,
}

/// All mappings by id. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Book(BTreeMap<String, Arc<Mapping>>);

impl Book {
    /// Of what was kept.
    #[must_use]
    pub fn of(mappings: impl IntoIterator<Item = Mapping>) -> Self {
        let named = mappings
            .into_iter()
            .map(|mapping| (mapping.uuid.clone(), Arc::new(mapping)));
        Self(named.collect())
    }

    /// All of them in the order of ids.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Mapping>> {
        self.0.values()
    }

    /// One of them.
    ///
    /// # Errors
    /// [`Refusal::NotFound`].
    pub fn get(&self, uuid: &str) -> Result<&Arc<Mapping>, Refusal> {
        self.0.get(uuid).ok_or(Refusal::NotFound)
    }

    /// Adds one, which is [`State::Creating`].
    ///
    /// # Errors
    /// [`Refusal::Exists`], [`Refusal::TooMany`].
    pub fn create(&mut self, mapping: Mapping) -> Result<Arc<Mapping>, Refusal> {
        self.check_pair(&mapping.queue, &mapping.wanted, None)?;
        if self.0.len() >= MAPPINGS_MAX {
            return Err(Refusal::TooMany);
        }
        Ok(self.put(mapping))
    }

    /// Changes what its owner says of one.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Exists`], [`Refusal::InUse`].
    pub fn update(
        &mut self,
        now: Timestamp,
        uuid: &str,
        wanted: Wanted,
    ) -> Result<Arc<Mapping>, Refusal> {
        let mut mapping = Mapping::clone(self.get(uuid)?);
        if mapping.state == State::Deleting {
            return Err(Refusal::InUse);
        }
        self.check_pair(&mapping.queue, &wanted, Some(uuid))?;
        mapping.state = match (mapping.wanted.is_enabled, wanted.is_enabled) {
            (false, true) => State::Enabling,
            (true, false) => State::Disabling,
            _ => State::Updating,
        };
        (mapping.wanted, mapping.modified) = (wanted, now);
        mapping.revision += 1;
        Ok(self.put(mapping))
    }

    /// Lets one go.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::InUse`].
    pub fn delete(&mut self, now: Timestamp, uuid: &str) -> Result<Arc<Mapping>, Refusal> {
        let mut mapping = Mapping::clone(self.get(uuid)?);
        if mapping.state == State::Deleting {
            return Err(Refusal::InUse);
        }
        (mapping.state, mapping.modified) = (State::Deleting, now);
        mapping.revision += 1;
        Ok(self.put(mapping))
    }

    /// Adds tags to one.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::TooManyTags`].
    pub fn tag(&mut self, uuid: &str, tags: BTreeMap<String, String>) -> Result<(), Refusal> {
        let mut mapping = Mapping::clone(self.get(uuid)?);
        mapping.tags.extend(tags);
        if mapping.tags.len() > TAGS_MAX {
            return Err(Refusal::TooManyTags);
        }
        self.put(mapping);
        Ok(())
    }

    /// Takes tags away from one.
    ///
    /// # Errors
    /// [`Refusal::NotFound`].
    pub fn untag(&mut self, uuid: &str, keys: &[String]) -> Result<(), Refusal> {
        let mut mapping = Mapping::clone(self.get(uuid)?);
        mapping.tags.retain(|key, _| !keys.contains(key));
        self.put(mapping);
        Ok(())
    }

    /// Its pollers are as `revision` of it wants them: a passing state becomes the one that it leads to. Says nothing of a later
    /// revision.
    pub fn settle(&mut self, uuid: &str, revision: u64) {
        let Some(mapping) = self.0.get(uuid).filter(|it| it.revision == revision) else {
            return;
        };
        let settled = match mapping.state {
            State::Deleting => {
                self.0.remove(uuid);
                return;
            }
            _ if mapping.wanted.is_enabled => State::Enabled,
            _ => State::Disabled,
        };
        if mapping.state != settled {
            let mut mapping = Mapping::clone(mapping);
            mapping.state = settled;
            self.put(mapping);
        }
    }

    /// What differs from `before`: a mapping as it is now, or nothing where it is gone.
    pub fn changes<'a>(
        &'a self,
        before: &'a Self,
    ) -> impl Iterator<Item = (&'a str, Option<&'a Mapping>)> {
        let put = self.0.iter().filter_map(|(uuid, mapping)| {
            let is_same = before
                .0
                .get(uuid)
                .is_some_and(|old| Arc::ptr_eq(old, mapping));
            (!is_same).then_some((uuid.as_str(), Some(mapping.as_ref())))
        });
        let gone = before.0.keys().filter(|uuid| !self.0.contains_key(*uuid));
        put.chain(gone.map(|uuid| (uuid.as_str(), None)))
    }

    fn put(&mut self, mapping: Mapping) -> Arc<Mapping> {
        let mapping = Arc::new(mapping);
        self.0.insert(mapping.uuid.clone(), Arc::clone(&mapping));
        mapping
    }

    /// A queue and a function have one mapping.
    fn check_pair(&self, queue: &str, wanted: &Wanted, but: Option<&str>) -> Result<(), Refusal> {
        let same = self.0.values().find(|other| {
            other.queue == queue
                && other.wanted.function == wanted.function
                && other.wanted.qualifier == wanted.qualifier
                && Some(other.uuid.as_str()) != but
        });
        match same {
            Some(other) => Err(Refusal::Exists {
                uuid: other.uuid.clone(),
            }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(uuid: &str, queue: &str) -> Mapping {
        Mapping {
            uuid: uuid.to_owned(),
            queue: queue.to_owned(),
            wanted: Wanted {
                function: "f".parse().unwrap(),
                qualifier: None,
                is_enabled: true,
                batch_size: 10,
                window_secs: 0,
                concurrency: None,
                reports_items: false,
                filters: Vec::new(),
            },
            state: State::Creating,
            modified: Timestamp::EPOCH,
            revision: 1,
            tags: BTreeMap::new(),
        }
    }

    #[test]
    fn states_follow_one_another_as_aws_shows_them() {
        let mut book = Book::default();
        let made = book.create(mapping("a", "q")).unwrap();
        assert_eq!(made.state, State::Creating);
        book.settle("a", 1);
        assert_eq!(book.get("a").unwrap().state, State::Enabled);
        let mut off = made.wanted.clone();
        off.is_enabled = false;
        assert_eq!(
            book.update(Timestamp::EPOCH, "a", off.clone())
                .unwrap()
                .state,
            State::Disabling
        );
        // What an earlier revision settled says nothing.
        book.settle("a", 1);
        assert_eq!(book.get("a").unwrap().state, State::Disabling);
        book.settle("a", 2);
        assert_eq!(book.get("a").unwrap().state, State::Disabled);
        assert_eq!(
            book.update(Timestamp::EPOCH, "a", off).unwrap().state,
            State::Updating
        );
        assert_eq!(
            book.update(Timestamp::EPOCH, "a", made.wanted.clone())
                .unwrap()
                .state,
            State::Enabling
        );
        assert_eq!(
            book.delete(Timestamp::EPOCH, "a").unwrap().state,
            State::Deleting
        );
        assert_eq!(book.delete(Timestamp::EPOCH, "a"), Err(Refusal::InUse));
        assert_eq!(
            book.update(Timestamp::EPOCH, "a", made.wanted.clone()),
            Err(Refusal::InUse)
        );
        book.settle("a", 5);
        assert_eq!(book.get("a"), Err(Refusal::NotFound));
    }

    #[test]
    fn tags_come_and_go_and_are_bounded() {
        let mut book = Book::default();
        book.create(mapping("a", "q")).unwrap();
        let tags = |count: usize| {
            (0..count)
                .map(|it| (it.to_string(), String::new()))
                .collect()
        };
        assert_eq!(book.tag("a", tags(TAGS_MAX + 1)), Err(Refusal::TooManyTags));
        book.tag("a", tags(2)).unwrap();
        book.untag("a", &["0".to_owned()]).unwrap();
        let left: Vec<_> = book.get("a").unwrap().tags.keys().cloned().collect();
        assert_eq!(left, ["1"]);
        assert_eq!(book.untag("b", &[]), Err(Refusal::NotFound));
    }

    #[test]
    fn a_queue_and_a_function_have_one_mapping() {
        let mut book = Book::default();
        book.create(mapping("a", "q")).unwrap();
        assert_eq!(
            book.create(mapping("b", "q")),
            Err(Refusal::Exists {
                uuid: "a".to_owned()
            })
        );
        book.create(mapping("b", "r")).unwrap();
        for index in 2..MAPPINGS_MAX {
            book.create(mapping(&format!("m{index}"), &format!("q{index}")))
                .unwrap();
        }
        assert_eq!(book.create(mapping("z", "z")), Err(Refusal::TooMany));
    }
}
