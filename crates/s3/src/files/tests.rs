use bytes::Bytes;
use futures_util::{StreamExt, stream};

use super::*;
use crate::sums::Algorithm;

struct House {
    dir: tempfile::TempDir,
    tables: Arc<Tables>,
    files: Arc<Files>,
}

fn open(dir: tempfile::TempDir) -> House {
    let tables = Arc::new(Tables::open(&dir.path().join("tables"), rows::ALL).unwrap());
    let limits = Limits::default();
    let files = Files::open(&dir.path().join("files"), Arc::clone(&tables), limits).unwrap();
    House { dir, tables, files }
}

impl House {
    fn again(self) -> Self {
        drop((self.tables, self.files));
        open(self.dir)
    }

    async fn write(&self, text: &'static str) -> Draft {
        let source: Source = stream::iter([Ok(Bytes::from_static(text.as_bytes()))]).boxed();
        let written = self.files.write(source, None, 100, Algorithm::Crc32).await;
        written.unwrap().draft.unwrap()
    }

    async fn keep(&self, draft: Draft) -> Id {
        let kept = self.tables.change(|_, changes| {
            changes.put(FILES, draft.id().to_be_bytes(), "");
            Ok::<Id, Error>(draft.keep())
        });
        kept.await.unwrap().unwrap()
    }

    fn count(&self) -> usize {
        let folders = fs::read_dir(self.dir.path().join("files")).unwrap();
        folders
            .map(|folder| fs::read_dir(folder.unwrap().path()).unwrap().count())
            .sum()
    }
}

#[tokio::test]
async fn a_draft_that_nothing_took_is_deleted() {
    let house = open(tempfile::tempdir().unwrap());
    drop(house.write("one").await);
    assert_eq!(house.count(), 0);
    house.keep(house.write("two").await).await;
    assert_eq!(house.count(), 1);
}

#[tokio::test]
async fn what_a_crash_left_is_swept_and_what_is_used_stays_and_numbers_are_new() {
    let house = open(tempfile::tempdir().unwrap());
    let kept = house.keep(house.write("kept").await).await;
    // As a crash leaves it: on the disk, and in no table.
    house.write("orphan").await.keep();
    assert_eq!(house.count(), 2);
    let house = house.again();
    assert_eq!(house.count(), 1);
    assert_eq!(fs::read(house.files.path(kept)).unwrap(), b"kept");
    let next = house.keep(house.write("next").await).await;
    assert!(next > kept);
    let house = house.again();
    assert_eq!(house.count(), 2);
}

#[tokio::test]
async fn trash_is_deleted_when_nobody_reads_it() {
    let house = open(tempfile::tempdir().unwrap());
    let id = house.keep(house.write("text").await).await;
    let pinned = house.files.pin(vec![id]);
    let changed = house.tables.change(move |_, changes| {
        changes.remove(FILES, id.to_be_bytes());
        changes.put(TRASH, id.to_be_bytes(), "");
        Ok::<(), Error>(())
    });
    changed.await.unwrap().unwrap();
    let reap = || {
        let files = Arc::clone(&house.files);
        tokio::task::spawn_blocking(move || files.reap())
    };
    assert!(!reap().await.unwrap().unwrap());
    assert_eq!(house.count(), 1);
    drop(pinned);
    assert!(reap().await.unwrap().unwrap());
    assert_eq!(house.count(), 0);
    assert_eq!(house.tables.view().prefix(TRASH, b"").count(), 0);
}

#[tokio::test]
async fn a_body_has_its_bounds() {
    let house = open(tempfile::tempdir().unwrap());
    let source = || -> Source { stream::iter([Ok(Bytes::from_static(b"four"))]).boxed() };
    let write = |expected, limit| {
        house
            .files
            .write(source(), expected, limit, Algorithm::Sha1)
    };
    assert!(matches!(
        write(None, 3).await,
        Err(Error::TooLarge { limit: 3 })
    ));
    assert!(matches!(
        write(Some(9), 8).await,
        Err(Error::TooLarge { limit: 8 })
    ));
    assert!(matches!(
        write(Some(u64::MAX / 2), u64::MAX).await,
        Err(Error::NoRoom { .. })
    ));
    let all: Vec<_> = (0..Limits::default().writes)
        .map(|_| house.files.writes.try_acquire().unwrap())
        .collect();
    assert!(matches!(write(None, 9).await, Err(Error::Busy)));
    drop(all);
    assert!(write(None, 9).await.is_ok());
    assert_eq!(house.count(), 0);
}
