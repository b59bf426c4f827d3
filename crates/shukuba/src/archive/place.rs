//! The place of an archive: the same stores as results have, called by threads that may wait.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use delivery::port::{Error, ResultStore};
use store::archive::Objects;
use tokio::runtime::Handle;

/// How long a call may take. Chosen: 8 MiB over a slow line; the next try begins anew.
const CALL_MAX: Duration = Duration::from_secs(20);

/// An object store, for threads that may wait. Never called on the runtime's own.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    store: Arc<dyn ResultStore>,
    runtime: Handle,
}

impl Place {
    /// Opens `url`, with credentials by the usual chain. A folder must be there: what is not mounted would be made on the very
    /// disk that may be lost.
    pub(crate) async fn open(url: &str) -> anyhow::Result<Self> {
        if let aws::Place::Folder(folder) = aws::Place::parse(url)? {
            let found = std::fs::metadata(&folder);
            let found = found.with_context(|| format!("the folder `{}`", folder.display()))?;
            anyhow::ensure!(found.is_dir(), "`{}` is no folder", folder.display());
        }
        Ok(Self::of(Arc::new(aws::results_at(url).await?)))
    }

    fn of(store: Arc<dyn ResultStore>) -> Self {
        let runtime = Handle::current();
        Self { store, runtime }
    }

    fn wait<T>(&self, call: impl Future<Output = Result<T, Error>>) -> io::Result<T> {
        let answer = async { tokio::time::timeout(CALL_MAX, call).await };
        match self.runtime.block_on(answer) {
            Ok(answer) => answer.map_err(io::Error::other),
            Err(_) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("no answer within {} s", CALL_MAX.as_secs()),
            )),
        }
    }
}

impl Objects for Place {
    fn put_new(&self, name: &str, bytes: Bytes) -> io::Result<bool> {
        self.wait(self.store.put_new(name, bytes))
    }

    fn get(&self, name: &str) -> io::Result<Option<Bytes>> {
        self.wait(self.store.get(name, None))
    }

    fn list(&self, prefix: &str) -> io::Result<Vec<String>> {
        let objects = self.wait(self.store.list(prefix))?;
        Ok(objects.into_iter().map(|object| object.name).collect())
    }

    fn delete(&self, name: &str) -> io::Result<()> {
        self.wait(self.store.delete(name))
    }
}

/// Whether the folder that `url` may name lies on the disk that holds `data`, with which it is lost.
pub(crate) fn is_on_the_disk_of(url: &str, data: &Path) -> bool {
    let Ok(aws::Place::Folder(folder)) = aws::Place::parse(url) else {
        return false;
    };
    let device = |path: &Path| std::fs::metadata(path).map(|it| it.dev()).ok();
    device(&folder).is_some_and(|there| device(data) == Some(there))
}
