//! Buckets in memory, that fail when they are told to, for tests.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;

use super::{Buckets, Error, Object};

/// Buckets by name, objects by key. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    buckets: BTreeMap<String, BTreeMap<String, Object>>,
    policies: BTreeMap<String, String>,
    trouble: Trouble,
    replaced: u64,
}

/// What becomes of puts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// They are done.
    #[default]
    None,
    /// They are not done, and said not to be.
    Refuses,
    /// They are done, and said not to be: the answer is lost.
    LosesAnswers,
}

impl Memory {
    pub(crate) fn with_bucket(name: &str) -> Self {
        let memory = Self::default();
        let mut state = memory.state.lock();
        state.buckets.insert(name.to_owned(), BTreeMap::new());
        drop(state);
        memory
    }

    pub(crate) fn set_policy(&self, bucket: &str, policy: Option<&str>) {
        let mut state = self.state.lock();
        match policy {
            Some(policy) => state.policies.insert(bucket.to_owned(), policy.to_owned()),
            None => state.policies.remove(bucket),
        };
    }

    pub(crate) fn set_trouble(&self, trouble: Trouble) {
        self.state.lock().trouble = trouble;
    }

    /// All objects of a bucket.
    pub(crate) fn objects(&self, bucket: &str) -> BTreeMap<String, Object> {
        self.state
            .lock()
            .buckets
            .get(bucket)
            .cloned()
            .unwrap_or_default()
    }

    /// Puts or removes behind the trail's back.
    pub(crate) fn tamper(&self, bucket: &str, key: &str, object: Option<Object>) {
        let mut state = self.state.lock();
        let bucket = state.buckets.entry(bucket.to_owned()).or_default();
        match object {
            Some(object) => bucket.insert(key.to_owned(), object),
            None => bucket.remove(key),
        };
    }

    pub(crate) fn remove_bucket(&self, bucket: &str) {
        self.state.lock().buckets.remove(bucket);
    }

    /// How many puts replaced an object by another one.
    pub(crate) fn replaced(&self) -> u64 {
        self.state.lock().replaced
    }
}

fn missing(bucket: &str) -> Error {
    Error::NoBucket {
        bucket: bucket.to_owned(),
    }
}

#[async_trait]
impl Buckets for Memory {
    async fn policy(&self, bucket: &str) -> Result<Option<String>, Error> {
        let state = self.state.lock();
        if !state.buckets.contains_key(bucket) {
            return Err(missing(bucket));
        }
        Ok(state.policies.get(bucket).cloned())
    }

    async fn put(&self, bucket: &str, key: &str, object: Object) -> Result<(), Error> {
        let mut state = self.state.lock();
        let trouble = state.trouble;
        let objects = state
            .buckets
            .get_mut(bucket)
            .ok_or_else(|| missing(bucket))?;
        let failed = Error::Failed {
            why: "the disk of the bucket is on fire".to_owned(),
        };
        if trouble == Trouble::Refuses {
            return Err(failed);
        }
        let before = objects.insert(key.to_owned(), object.clone());
        state.replaced += u64::from(before.is_some_and(|before| before != object));
        match trouble {
            Trouble::LosesAnswers => Err(failed),
            _ => Ok(()),
        }
    }

    async fn get(&self, bucket: &str, key: &str) -> Result<Option<Object>, Error> {
        let state = self.state.lock();
        let objects = state.buckets.get(bucket).ok_or_else(|| missing(bucket))?;
        Ok(objects.get(key).cloned())
    }

    async fn list(&self, bucket: &str, prefix: &str, after: &str) -> Result<Vec<String>, Error> {
        let state = self.state.lock();
        let objects = state.buckets.get(bucket).ok_or_else(|| missing(bucket))?;
        let keys = objects
            .keys()
            .filter(|key| key.starts_with(prefix) && key.as_str() > after);
        Ok(keys.take(1000).cloned().collect())
    }
}

#[tokio::test]
async fn buckets_in_memory_do_what_buckets_must() {
    let memory = Memory::with_bucket("there");
    super::contract::buckets(&memory, "there", "nowhere").await;
}
