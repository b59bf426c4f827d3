//! Buckets in a directory that goes with the test.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base::{ManualClock, Timestamp};
use bytes::Bytes;
use s3::files::Source;
use s3::objects::{Opened, Put, ReadConditions, Select};
use s3::{Error, Limits, Objects};

pub(crate) const BUCKET: &str = "a-bucket";
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_795_410_190);

pub(crate) struct House {
    pub(crate) objects: Arc<Objects>,
    pub(crate) clock: Arc<ManualClock>,
    dir: tempfile::TempDir,
}

impl House {
    /// With one empty bucket.
    pub(crate) async fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(NOW));
        let objects = Objects::open(dir.path(), clock.clone(), Limits::default()).unwrap();
        objects.create_bucket(BUCKET, Vec::new()).await.unwrap();
        Self {
            objects,
            clock,
            dir,
        }
    }

    /// As the next process finds it.
    pub(crate) fn again(self) -> Self {
        let Self {
            objects,
            clock,
            dir,
        } = self;
        drop(objects);
        let objects = Objects::open(dir.path(), clock.clone(), Limits::default()).unwrap();
        Self {
            objects,
            clock,
            dir,
        }
    }

    pub(crate) async fn put(&self, key: &str, text: &str) -> String {
        self.put_with(key, text, Put::default()).await.unwrap()
    }

    pub(crate) async fn put_with(&self, key: &str, text: &str, put: Put) -> Result<String, Error> {
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        let object = self.objects.put_bytes(BUCKET, key, put, bytes).await?;
        Ok(object.etag)
    }

    pub(crate) async fn get(&self, key: &str) -> Result<String, Error> {
        let (_, bytes) = self.objects.get_bytes(BUCKET, key, 1 << 30).await?;
        Ok(String::from_utf8(bytes.to_vec()).unwrap())
    }

    pub(crate) async fn open_object(&self, key: &str, select: Select) -> Result<Opened, Error> {
        self.objects
            .open_object(BUCKET, key, select, ReadConditions::default())
            .await
    }

    /// Files that hold bytes of objects now.
    pub(crate) fn files(&self) -> usize {
        fn count(path: &Path) -> usize {
            let entries = std::fs::read_dir(path).unwrap();
            entries
                .map(|entry| entry.unwrap().path())
                .map(|path| if path.is_dir() { count(&path) } else { 1 })
                .sum()
        }
        count(&self.dir.path().join("files"))
    }

    /// The file that was made last.
    pub(crate) fn newest_file(&self) -> PathBuf {
        let of = |dir: &Path| {
            let entries = std::fs::read_dir(dir).unwrap();
            entries.map(|entry| entry.unwrap().path()).max().unwrap()
        };
        of(&of(&self.dir.path().join("files")))
    }

    /// Waits until the one who deletes has come down to `files`.
    pub(crate) async fn reaped_to(&self, files: usize) {
        let reaping = tokio::spawn(self.objects.clone().reap());
        let limit = tokio::time::timeout(Duration::from_secs(20), async {
            while self.files() != files {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
        let is_reached = limit.await.is_ok();
        reaping.abort();
        assert!(is_reached, "{} files instead of {files}", self.files());
    }
}

/// A body in pieces.
pub(crate) fn pieces(texts: Vec<Vec<u8>>) -> Source {
    let pieces = texts.into_iter().map(|text| Ok(Bytes::from(text)));
    Box::pin(futures_util::stream::iter(pieces.collect::<Vec<_>>()))
}
