use s3::Error;
use s3::objects::{Delete, NewUpload};

use crate::harness::{BUCKET, House};

#[tokio::test]
async fn a_bucket_is_made_once_and_deleted_when_it_is_empty() {
    let house = House::open().await;
    let again = house.objects.create_bucket(BUCKET, Vec::new()).await;
    assert!(matches!(again, Err(Error::BucketExists { .. })));
    let wrong = house.objects.create_bucket("No", Vec::new()).await;
    assert!(matches!(wrong, Err(Error::BucketName { .. })));
    house.put("k", "x").await;
    let full = house.objects.delete_bucket(BUCKET).await;
    assert!(matches!(full, Err(Error::BucketNotEmpty { .. })));
    house.objects.delete(BUCKET, Delete::of("k")).await.unwrap();
    let begun = house
        .objects
        .begin_upload(BUCKET, "u", NewUpload::default())
        .await;
    begun.unwrap();
    house.objects.delete_bucket(BUCKET).await.unwrap();
    let gone = house.objects.delete_bucket(BUCKET).await;
    assert!(matches!(gone, Err(Error::BucketNotFound { .. })));
    house.reaped_to(0).await;
}

#[tokio::test]
async fn a_bucket_made_again_has_nothing_of_the_one_before() {
    let house = House::open().await;
    house
        .objects
        .set(BUCKET, |bucket| {
            bucket.policy = Some("{}".to_owned());
            Ok(())
        })
        .await
        .unwrap();
    house.objects.delete_bucket(BUCKET).await.unwrap();
    house
        .objects
        .create_bucket(BUCKET, Vec::new())
        .await
        .unwrap();
    let bucket = house.objects.bucket(BUCKET).await.unwrap();
    assert_eq!(bucket.policy, None);
    assert!(
        bucket
            .public_access_block
            .is_some_and(|block| block.block_public_policy)
    );
}

#[tokio::test]
async fn buckets_come_in_pages_by_name() {
    let house = House::open().await;
    for name in ["bbb", "aaa", "abc"] {
        house.objects.create_bucket(name, Vec::new()).await.unwrap();
    }
    let names = async |prefix: &str, after: &str, max: usize| {
        let found = house.objects.buckets(prefix, after, max).await.unwrap();
        found.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(names("", "", 9).await, [BUCKET, "aaa", "abc", "bbb"]);
    assert_eq!(names("", "aaa", 1).await, ["abc"]);
    assert_eq!(names("a", "", 9).await, [BUCKET, "aaa", "abc"]);
}
