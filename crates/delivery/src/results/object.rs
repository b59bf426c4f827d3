//! [`ResultStore`] over `object_store`.

use std::fs::{File, TryLockError};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use futures_util::future::BoxFuture;
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, PutMode};

use crate::port::{Error, ResultStore, StoreLock, StoredObject};

/// Results in a folder, a bucket, or memory.
#[derive(Clone, Debug)]
pub struct ObjectResults {
    store: Arc<dyn ObjectStore>,
    /// In front of every name; empty, or ends in `/`.
    prefix: String,
    /// The file by which processes on one folder keep apart.
    lock: Option<PathBuf>,
}

/// The lock's name in a folder.
const LOCK: &str = "upkeep.lock";

/// How often a lock is asked for. Chosen.
const LOCK_EVERY: Duration = Duration::from_millis(100);

impl ObjectResults {
    /// Results below `prefix` in a store that is durable when a PUT is answered.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>, prefix: &str) -> Self {
        let prefix = prefix.trim_matches('/');
        let prefix = if prefix.is_empty() {
            String::new()
        } else {
            format!("{prefix}/")
        };
        Self {
            store,
            prefix,
            lock: None,
        }
    }

    /// Results in a local folder, made when it is not there. File and folder are synced before a put returns.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the folder cannot be made or opened.
    pub fn local(folder: &Path) -> Result<Self, Error> {
        let what = || format!("results in `{}`", folder.display());
        std::fs::create_dir_all(folder).map_err(|error| Error::unavailable(&what(), error))?;
        let store = LocalFileSystem::new_with_prefix(folder)
            .map_err(|error| Error::unavailable(&what(), error))?
            .with_fsync(true);
        Ok(Self {
            lock: Some(folder.join(LOCK)),
            ..Self::new(Arc::new(store), "")
        })
    }

    fn path(&self, name: &str) -> Result<ObjectPath, Error> {
        ObjectPath::parse(format!("{}{name}", self.prefix))
            .map_err(|error| Error::refused(&format!("object `{name}`"), error))
    }

    fn named(name: &str, error: &object_store::Error) -> Error {
        let what = format!("object `{name}`");
        match error {
            object_store::Error::PermissionDenied { .. }
            | object_store::Error::Unauthenticated { .. }
            | object_store::Error::NotSupported { .. }
            | object_store::Error::InvalidPath { .. } => Error::refused(&what, error),
            _ => Error::unavailable(&what, error),
        }
    }
}

impl ResultStore for ObjectResults {
    fn put<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let path = self.path(name)?;
            let put = self.store.put(&path, bytes.into()).await;
            put.map(|_| ()).map_err(|error| Self::named(name, &error))
        })
    }

    fn put_new<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            let path = self.path(name)?;
            let put = self
                .store
                .put_opts(&path, bytes.into(), PutMode::Create.into());
            match put.await {
                Ok(_) => Ok(true),
                Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
                Err(error) => Err(Self::named(name, &error)),
            }
        })
    }

    fn get<'a>(
        &'a self,
        name: &'a str,
        range: Option<Range<u64>>,
    ) -> BoxFuture<'a, Result<Option<Bytes>, Error>> {
        Box::pin(async move {
            let path = self.path(name)?;
            let options = GetOptions {
                range: range.map(GetRange::Bounded),
                ..GetOptions::default()
            };
            match self.store.get_opts(&path, options).await {
                Ok(found) => {
                    let bytes = found.bytes().await;
                    bytes.map(Some).map_err(|error| Self::named(name, &error))
                }
                Err(object_store::Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(Self::named(name, &error)),
            }
        })
    }

    fn lock(&self) -> BoxFuture<'_, Result<StoreLock, Error>> {
        Box::pin(async move {
            let Some(path) = &self.lock else {
                return Ok(StoreLock::default());
            };
            let failed =
                |error| Error::unavailable(&format!("the lock `{}`", path.display()), error);
            let file = File::options()
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)
                .map_err(failed)?;
            loop {
                match file.try_lock() {
                    Ok(()) => return Ok(StoreLock(Some(file))),
                    Err(TryLockError::WouldBlock) => tokio::time::sleep(LOCK_EVERY).await,
                    Err(TryLockError::Error(error)) => return Err(failed(error)),
                }
            }
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<StoredObject>, Error>> {
        Box::pin(async move {
            // object_store lists by whole folders; what is left of the prefix is compared here.
            let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
            let path = self.path(folder)?;
            let found: Vec<_> = self
                .store
                .list(Some(&path))
                .try_collect()
                .await
                .map_err(|error| Self::named(prefix, &error))?;
            let mut objects: Vec<StoredObject> = found
                .into_iter()
                .filter_map(|meta| {
                    let name = meta
                        .location
                        .as_ref()
                        .strip_prefix(&self.prefix)?
                        .to_owned();
                    let written_ms =
                        u64::try_from(meta.last_modified.timestamp_millis()).unwrap_or(0);
                    name.starts_with(prefix).then(|| StoredObject {
                        name,
                        bytes: meta.size,
                        written_at: Timestamp::from_millis(written_ms),
                    })
                })
                .collect();
            objects.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(objects)
        })
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let path = self.path(name)?;
            match self.store.delete(&path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                Err(error) => Err(Self::named(name, &error)),
            }
        })
    }
}

/// What every [`ResultStore`] must do; each implementation's tests call it with an empty store.
///
/// # Errors
/// A sentence that says what was not as it should be.
pub async fn contract(store: &dyn ResultStore) -> Result<(), String> {
    let check = |holds: bool, what: &str| if holds { Ok(()) } else { Err(what.to_owned()) };
    let text = |error: Error| error.to_string();
    check(
        store.get("route=r/x", None).await.map_err(text)?.is_none(),
        "a missing object is None",
    )?;
    store
        .put("route=r/dt=1/b", Bytes::from_static(b"first"))
        .await
        .map_err(text)?;
    store
        .put("route=r/dt=1/b", Bytes::from_static(b"second"))
        .await
        .map_err(text)?;
    store
        .put("route=r/dt=1/a", Bytes::from_static(b"x"))
        .await
        .map_err(text)?;
    store
        .put("route=rs/a", Bytes::from_static(b"x"))
        .await
        .map_err(text)?;
    store.put("top", Bytes::new()).await.map_err(text)?;
    let whole = store.get("route=r/dt=1/b", None).await.map_err(text)?;
    check(whole.as_deref() == Some(b"second"), "a put replaces")?;
    let part = store
        .get("route=r/dt=1/b", Some(1..4))
        .await
        .map_err(text)?;
    check(part.as_deref() == Some(b"eco"), "a range is read")?;
    let list = |prefix| async move {
        let found = store.list(prefix).await.map_err(text)?;
        Ok::<_, String>(
            found
                .into_iter()
                .map(|one| (one.name, one.bytes))
                .collect::<Vec<_>>(),
        )
    };
    let of = |name: &str, bytes: u64| (name.to_owned(), bytes);
    check(
        list("route=r/").await? == [of("route=r/dt=1/a", 1), of("route=r/dt=1/b", 6)],
        "a prefix lists its objects in order",
    )?;
    check(
        list("route=r").await?.len() == 3,
        "a prefix need not end at a folder",
    )?;
    check(list("").await?.len() == 4, "no prefix lists all")?;
    check(
        list("nothing/").await?.is_empty(),
        "an unknown prefix lists nothing",
    )?;
    store.delete("route=r/dt=1/a").await.map_err(text)?;
    store.delete("route=r/dt=1/a").await.map_err(text)?;
    check(
        list("route=r/").await?.len() == 1,
        "a deleted object is gone",
    )
}
