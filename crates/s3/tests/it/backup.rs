//! Copies of everything.

use std::sync::Arc;

use base::ManualClock;
use s3::objects::Delete;
use s3::{Limits, Objects};

use crate::harness::{BUCKET, House, NOW};

async fn copy(house: &House, to: std::path::PathBuf) -> s3::files::Copied {
    let objects = house.objects.clone();
    let copied = tokio::task::spawn_blocking(move || objects.backup(&to));
    copied.await.unwrap().unwrap()
}

#[tokio::test]
async fn a_copy_has_what_was_there_and_no_more() {
    let house = House::open().await;
    let reaping = tokio::spawn(house.objects.clone().reap());
    for key in ["a", "b/c", "empty"] {
        house
            .put(key, if key == "empty" { "" } else { "text" })
            .await;
    }
    house.put("a", "newer").await;
    house.put("gone", "text").await;
    let delete = Delete {
        key: "gone".to_owned(),
        ..Delete::default()
    };
    house.objects.delete(BUCKET, delete).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let copied = copy(&house, dir.path().join("objects")).await;
    assert_eq!((copied.files, copied.bytes), (2, 9));
    house.put("later", "text").await;
    reaping.abort();

    let clock = Arc::new(ManualClock::at(NOW));
    let there = Objects::open(&dir.path().join("objects"), clock, Limits::default()).unwrap();
    for (key, text) in [("a", "newer"), ("b/c", "text"), ("empty", "")] {
        let (_, bytes) = there.get_bytes(BUCKET, key, 100).await.unwrap();
        assert_eq!(bytes, text.as_bytes());
    }
    for key in ["gone", "later"] {
        assert!(there.get_bytes(BUCKET, key, 100).await.is_err());
    }
    // What is put into the copy takes no file that lies there.
    let put = there.put_bytes(BUCKET, "new", s3::objects::Put::default(), "new".into());
    put.await.unwrap();
    let (_, bytes) = there.get_bytes(BUCKET, "a", 100).await.unwrap();
    assert_eq!(bytes, "newer");
}

#[tokio::test]
async fn what_is_deleted_while_it_is_copied_is_in_the_copy() {
    let house = House::open().await;
    for at in 0..50 {
        house.put(&format!("k{at}"), "text").await;
    }
    let reaping = tokio::spawn(house.objects.clone().reap());
    let dir = tempfile::tempdir().unwrap();
    let deletes = (0..50)
        .map(|at| Delete {
            key: format!("k{at}"),
            ..Delete::default()
        })
        .collect();
    let (copied, deleted) = tokio::join!(
        copy(&house, dir.path().join("objects")),
        house.objects.delete_all(BUCKET, deletes)
    );
    deleted.unwrap();
    reaping.abort();
    let clock = Arc::new(ManualClock::at(NOW));
    let there = Objects::open(&dir.path().join("objects"), clock, Limits::default()).unwrap();
    // All or none: they went in one change.
    assert!(copied.files == 50 || copied.files == 0);
    for at in (0..50).filter(|_| copied.files == 50) {
        let (_, bytes) = there
            .get_bytes(BUCKET, &format!("k{at}"), 100)
            .await
            .unwrap();
        assert_eq!(bytes, "text");
    }
    house.reaped_to(0).await;
}
