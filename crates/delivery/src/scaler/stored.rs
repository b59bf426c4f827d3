//! The scaler's state as one object of a store, where each plan may be made by another process.
//!
//! INVARIANT: the object is only ever replaced by who has seen what is replaced (`If-None-Match: *`, `If-Match`), so that two that
//! plan at once never both start what one of them sees missing. A folder has no such put: give a bucket.

use std::sync::Arc;

use base::id::random_bytes;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, UpdateVersion};
use serde::{Deserialize, Serialize};

use super::State;
use crate::port::{Error, Memory, Saved, Version};

/// The object's name below the prefix.
pub const STATE_OBJECT: &str = "state.json";
/// The largest state that is read. Chosen: 1,000 routes with 1,000 starts each, at 200 bytes.
const STATE_BYTES_MAX: u64 = 256 << 20;

/// A [`Memory`] in an object store.
#[derive(Clone, Debug)]
pub struct Stored {
    store: Arc<dyn ObjectStore>,
    path: Path,
}

/// What the object holds.
#[derive(Serialize, Deserialize)]
struct Kept<S> {
    /// Who wrote it, new with each put: a put whose answer was lost, and which was tried again, knows its own.
    by: String,
    state: S,
}

impl Stored {
    /// The state below `prefix`, which may be empty.
    ///
    /// # Errors
    /// [`Error::Refused`] when no object can be called so.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: &str) -> Result<Self, Error> {
        let name = format!("{}/{STATE_OBJECT}", prefix.trim_matches('/'));
        let path = Path::parse(name.trim_start_matches('/'))
            .map_err(|error| Error::refused(&format!("the scaler's state `{name}`"), error))?;
        Ok(Self { store, path })
    }

    fn failed(&self, error: &object_store::Error) -> Error {
        let what = self.what();
        match error {
            // There is no such bucket.
            object_store::Error::NotFound { .. }
            | object_store::Error::PermissionDenied { .. }
            | object_store::Error::Unauthenticated { .. }
            | object_store::Error::NotImplemented { .. }
            | object_store::Error::NotSupported { .. } => Error::refused(&what, error),
            _ => Error::unavailable(&what, error),
        }
    }

    fn what(&self) -> String {
        format!("the scaler's state `{}`", self.path)
    }

    fn version(&self, e_tag: Option<String>) -> Result<Version, Error> {
        let none = || Error::refused(&self.what(), "the store gives no ETag");
        e_tag.map(Version).ok_or_else(none)
    }

    /// What is kept, none where nothing is.
    async fn found(&self) -> Result<Option<(Kept<State>, Version)>, Error> {
        let found = match self.store.get(&self.path).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(self.failed(&error)),
        };
        if found.meta.size > STATE_BYTES_MAX {
            let detail = format!("{} bytes are too many", found.meta.size);
            return Err(Error::refused(&self.what(), detail));
        }
        let version = self.version(found.meta.e_tag.clone())?;
        let bytes = found.bytes().await.map_err(|error| self.failed(&error))?;
        let kept = serde_json::from_slice(&bytes).map_err(|error| {
            let detail = format!("{error}; delete the object to begin anew");
            Error::refused(&self.what(), detail)
        })?;
        Ok(Some((kept, version)))
    }

    async fn put(&self, state: &State, instead_of: &Version) -> Result<Saved, Error> {
        let by = hex::encode(random_bytes::<16>());
        let kept = Kept {
            by: by.clone(),
            state,
        };
        let bytes =
            serde_json::to_vec(&kept).map_err(|error| Error::refused(&self.what(), error))?;
        let mode = match instead_of.0.as_str() {
            "" => PutMode::Create,
            e_tag => PutMode::Update(UpdateVersion {
                e_tag: Some(e_tag.to_owned()),
                version: None,
            }),
        };
        let bytes = Bytes::from(bytes).into();
        match self.store.put_opts(&self.path, bytes, mode.into()).await {
            Ok(put) => self.version(put.e_tag).map(Saved::Kept),
            Err(
                object_store::Error::AlreadyExists { .. }
                | object_store::Error::Precondition { .. },
            ) => Ok(match self.found().await? {
                Some((found, version)) if found.by == by => Saved::Kept(version),
                _ => Saved::Overtaken,
            }),
            Err(error) => Err(self.failed(&error)),
        }
    }
}

impl Memory for Stored {
    fn load(&self) -> BoxFuture<'_, Result<(State, Version), Error>> {
        Box::pin(async move {
            let found = self.found().await?;
            Ok(found.map_or_else(Default::default, |(kept, version)| (kept.state, version)))
        })
    }

    fn save<'a>(
        &'a self,
        state: &'a State,
        instead_of: &'a Version,
    ) -> BoxFuture<'a, Result<Saved, Error>> {
        Box::pin(self.put(state, instead_of))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::memory::InMemory;

    #[tokio::test]
    async fn what_is_no_state_is_refused_with_what_to_do() {
        let store = Arc::new(InMemory::new());
        let stored = Stored::new(store.clone(), "/scaler/").unwrap();
        let path = Path::from("scaler/state.json");
        store.put(&path, "{}".into()).await.unwrap();
        let refused = stored.load().await.unwrap_err();
        assert!(!refused.is_passing(), "{refused}");
        assert!(refused.to_string().contains("delete the object"));
    }

    #[tokio::test]
    async fn a_folder_which_cannot_keep_two_apart_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = object_store::local::LocalFileSystem::new_with_prefix(folder.path());
        let stored = Stored::new(Arc::new(store.unwrap()), "").unwrap();
        let saved = stored.save(&State::default(), &Version::default()).await;
        let Saved::Kept(version) = saved.unwrap() else {
            panic!("the first put is one that creates");
        };
        let refused = stored.save(&State::default(), &version).await.unwrap_err();
        assert!(!refused.is_passing(), "{refused}");
    }
}
