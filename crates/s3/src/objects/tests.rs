//! Bounds that are too far away to be walked to.

use base::{ManualClock, Timestamp};

use super::upload::assembled;
use super::*;
use crate::limits::{BUCKETS_MAX, OBJECT_BYTES_MAX};
use crate::rows::{About, Upload};

#[tokio::test]
async fn there_are_ten_thousand_buckets_at_most() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(Timestamp::from_secs(0)));
    let objects = Objects::open(dir.path(), clock, Limits::default()).unwrap();
    let rows = |_: &View, changes: &mut Changes| {
        for at in 2..=BUCKETS_MAX {
            changes.put(BUCKETS, format!("b-{at}"), "{}");
        }
        Ok(())
    };
    objects.change(rows).await.unwrap();
    objects.create_bucket("the-last", Vec::new()).await.unwrap();
    let beyond = objects.create_bucket("one-more", Vec::new()).await;
    assert!(matches!(
        beyond,
        Err(Error::TooManyBuckets { limit: 10_000 })
    ));
}

#[test]
fn an_object_of_parts_has_five_tebibytes_at_most() {
    let piece = |number, bytes| Piece {
        number,
        file: None,
        bytes,
        etag: "5d41402abc4b2a76b9719d911017c592".to_owned(),
        modified: Timestamp::from_secs(0),
        sum: None,
    };
    let upload = || Upload {
        begun: Timestamp::from_secs(0),
        by: String::new(),
        about: About::default(),
        tags: Vec::new(),
        sums: None,
    };
    let made = |last| {
        let half = OBJECT_BYTES_MAX / 2;
        let pieces = [piece(1, half), piece(2, half), piece(3, last)];
        let complete = Complete::default();
        assembled(upload(), &pieces, &complete, Timestamp::from_secs(0))
    };
    assert_eq!(made(0).unwrap().bytes, 5 << 40);
    assert!(matches!(made(1), Err(Error::TooLarge { limit }) if limit == 5 << 40));
}
