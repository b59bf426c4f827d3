//! The environments that wait for an invocation.
//!
//! An environment that is in the pool may be taken; whoever takes it gives it work or lets it end. One that is dropped from the pool
//! ends.

use std::collections::BTreeMap;

use base::Timestamp;

use crate::function::{FunctionName, Runnable};

/// What environments can serve for each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) name: FunctionName,
    pub(super) version: String,
    pub(super) revision: u64,
}

impl Key {
    pub(super) fn of(runnable: &Runnable) -> Self {
        Self {
            name: runnable.name.clone(),
            version: runnable.version.clone(),
            revision: runnable.revision,
        }
    }
}

/// One environment that waits; `T` is how it is spoken to.
#[derive(Debug)]
pub(super) struct Idle<T> {
    /// Which one.
    pub(super) id: u64,
    /// How it is given work. When it is dropped the environment ends.
    pub(super) orders: T,
    /// Until when its credentials hold.
    pub(super) until: Timestamp,
}

/// All that wait.
#[derive(Debug)]
pub(super) struct Pool<T> {
    /// With when each came, in the order of that.
    idle: BTreeMap<Key, Vec<(u64, Idle<T>)>>,
    /// How often one came.
    came: u64,
    /// The newest revision of each function and version that was asked for.
    newest: BTreeMap<(FunctionName, String), u64>,
    /// Environments that there are, waiting or not.
    alive: usize,
}

impl<T> Pool<T> {
    pub(super) const fn new() -> Self {
        Self {
            idle: BTreeMap::new(),
            came: 0,
            newest: BTreeMap::new(),
            alive: 0,
        }
    }

    /// The one that worked last, whose credentials hold beyond `needed`.
    pub(super) fn take(&mut self, key: &Key, needed: Timestamp) -> Option<Idle<T>> {
        self.saw(key);
        let waiting = self.idle.get_mut(key)?;
        waiting.retain(|(_, idle)| idle.until > needed);
        let taken = waiting.pop().map(|(_, idle)| idle);
        if waiting.is_empty() {
            self.idle.remove(key);
        }
        taken
    }

    /// Ends those of an older revision.
    fn saw(&mut self, key: &Key) {
        let place = (key.name.clone(), key.version.clone());
        let newest = self.newest.entry(place).or_default();
        if *newest < key.revision {
            *newest = key.revision;
            self.idle.retain(|other, _| {
                other.name != key.name
                    || other.version != key.version
                    || other.revision >= key.revision
            });
        }
    }

    /// Takes one back that has done its work. Whether it waits now; else it is of no use any more.
    pub(super) fn give_back(&mut self, key: &Key, idle: Idle<T>) -> bool {
        let place = (key.name.clone(), key.version.clone());
        let is_newest = self
            .newest
            .get(&place)
            .is_some_and(|newest| *newest <= key.revision);
        if is_newest {
            self.came += 1;
            let waiting = self.idle.entry(key.clone()).or_default();
            waiting.push((self.came, idle));
        }
        is_newest
    }

    /// Takes out one that has waited too long, or has died. Whether it was there.
    pub(super) fn remove(&mut self, key: &Key, id: u64) -> bool {
        let Some(waiting) = self.idle.get_mut(key) else {
            return false;
        };
        let before = waiting.len();
        waiting.retain(|(_, idle)| idle.id != id);
        let was_there = waiting.len() < before;
        if waiting.is_empty() {
            self.idle.remove(key);
        }
        was_there
    }

    /// Ends the one that has waited longest, to make room. Whether there was one.
    pub(super) fn evict(&mut self) -> bool {
        let oldest = self
            .idle
            .iter()
            .min_by_key(|(_, waiting)| waiting.first().map(|(came, _)| *came));
        let Some(key) = oldest.map(|(key, _)| key.clone()) else {
            return false;
        };
        let Some(waiting) = self.idle.get_mut(&key) else {
            return false;
        };
        waiting.remove(0);
        if waiting.is_empty() {
            self.idle.remove(&key);
        }
        true
    }

    /// Ends all of a function that is gone; what still works ends after its work.
    pub(super) fn forget(&mut self, name: &FunctionName) {
        self.idle.retain(|key, _| key.name != *name);
        self.newest.retain(|(other, _), _| other != name);
    }

    /// One more environment is there, if that is not more than `most`.
    pub(super) fn begin(&mut self, most: usize) -> bool {
        let has_room = self.alive < most;
        self.alive += usize::from(has_room);
        has_room
    }

    /// One environment has ended.
    pub(super) const fn ended(&mut self) {
        self.alive = self.alive.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str, revision: u64) -> Key {
        Key {
            name: name.parse().unwrap(),
            version: "$LATEST".to_owned(),
            revision,
        }
    }

    fn idle(id: u64) -> Idle<()> {
        Idle {
            id,
            orders: (),
            until: Timestamp::from_secs(100),
        }
    }

    const NOW: Timestamp = Timestamp::from_secs(10);

    #[test]
    fn the_one_that_worked_last_is_taken() {
        let (mut pool, key) = (Pool::new(), key("a", 1));
        assert!(pool.take(&key, NOW).is_none());
        assert!(pool.give_back(&key, idle(1)) && pool.give_back(&key, idle(2)));
        assert_eq!(pool.take(&key, NOW).unwrap().id, 2);
        assert_eq!(pool.take(&key, NOW).unwrap().id, 1);
        assert!(pool.take(&key, NOW).is_none());
    }

    #[test]
    fn a_newer_revision_ends_the_older_ones() {
        let (mut pool, old, new) = (Pool::new(), key("a", 1), key("a", 2));
        assert!(pool.take(&old, NOW).is_none());
        pool.give_back(&old, idle(1));
        assert!(pool.take(&new, NOW).is_none());
        assert!(!pool.remove(&old, 1));
        assert!(!pool.give_back(&old, idle(2)));
        assert!(pool.give_back(&new, idle(3)));
    }

    #[test]
    fn credentials_that_end_soon_are_not_given_out() {
        let (mut pool, key) = (Pool::new(), key("a", 1));
        assert!(pool.take(&key, NOW).is_none());
        pool.give_back(&key, idle(1));
        assert!(pool.take(&key, Timestamp::from_secs(100)).is_none());
        assert!(!pool.remove(&key, 1));
    }

    #[test]
    fn the_one_that_has_waited_longest_makes_room() {
        let mut pool = Pool::new();
        for name in ["a", "b"] {
            assert!(pool.take(&key(name, 1), NOW).is_none());
        }
        for (name, id) in [("b", 2), ("a", 1), ("a", 3)] {
            assert!(pool.begin(3));
            pool.give_back(&key(name, 1), idle(id));
        }
        assert!(!pool.begin(3));
        assert!(pool.evict());
        pool.ended();
        assert!(pool.begin(3));
        assert!(!pool.remove(&key("b", 1), 2));
        assert!(pool.remove(&key("a", 1), 1));
    }

    #[test]
    fn a_function_that_is_gone_has_no_environments() {
        let (mut pool, key) = (Pool::new(), key("a", 1));
        pool.take(&key, NOW);
        pool.give_back(&key, idle(1));
        pool.forget(&key.name);
        assert!(!pool.evict());
        assert!(!pool.give_back(&key, idle(2)));
    }
}
