use std::time::Duration;

use base::Clock;
use s3::objects::{Expired, NewUpload, Paging, Put};
use s3::rows::{Rule, Tag};

use crate::harness::{BUCKET, House};

const DAY: Duration = Duration::from_secs(86_400);

fn rule(id: &str) -> Rule {
    Rule {
        id: id.to_owned(),
        is_enabled: true,
        is_plain_prefix: false,
        prefix: None,
        tags: Vec::new(),
        larger_than: None,
        smaller_than: None,
        days: None,
        date: None,
        delete_markers: None,
        noncurrent: None,
        abort_days: None,
    }
}

async fn with_rules(rules: Vec<Rule>) -> House {
    let house = House::open().await;
    house
        .objects
        .set(BUCKET, |bucket| {
            bucket.lifecycle = rules;
            Ok(())
        })
        .await
        .unwrap();
    house
}

async fn keys(house: &House) -> Vec<String> {
    let paging = Paging {
        max: 1000,
        ..Paging::default()
    };
    let page = house.objects.list(BUCKET, paging).await.unwrap();
    page.entries.into_iter().map(|(key, _)| key).collect()
}

#[tokio::test]
async fn objects_go_by_age_prefix_tag_and_size() {
    let tag = Tag {
        key: "keep".to_owned(),
        value: "no".to_owned(),
    };
    let house = with_rules(vec![
        Rule {
            prefix: Some("log/".to_owned()),
            days: Some(2),
            ..rule("logs")
        },
        Rule {
            tags: vec![tag.clone()],
            days: Some(1),
            ..rule("tagged")
        },
        Rule {
            larger_than: Some(5),
            days: Some(1),
            ..rule("large")
        },
        Rule {
            is_enabled: false,
            days: Some(1),
            ..rule("off")
        },
    ])
    .await;
    house.put("log/old", "x").await;
    house.put("other", "x").await;
    house.put("large", "123456").await;
    let tagged = Put {
        tags: vec![tag],
        ..Put::default()
    };
    house.put_with("tagged", "x", tagged).await.unwrap();
    assert_eq!(house.objects.expire().await.unwrap(), Expired::default());
    house.clock.advance(DAY * 2);
    house.put("log/new", "x").await;
    let expired = house.objects.expire().await.unwrap();
    assert_eq!(expired.objects, 2, "{:?}", keys(&house).await);
    assert_eq!(keys(&house).await, ["log/new", "log/old", "other"]);
    house.clock.advance(DAY);
    house.objects.expire().await.unwrap();
    assert_eq!(keys(&house).await, ["log/new", "other"]);
    house.reaped_to(2).await;
}

#[tokio::test]
async fn many_go_in_batches_and_what_was_put_anew_stays() {
    let house = with_rules(vec![Rule {
        days: Some(1),
        ..rule("all")
    }])
    .await;
    for number in 0..450 {
        house.put(&format!("{number:03}"), "").await;
    }
    house.clock.advance(DAY * 2);
    house.put("007", "again").await;
    let expired = house.objects.expire().await.unwrap();
    assert_eq!(expired.objects, 449);
    assert_eq!(keys(&house).await, ["007"]);
}

#[tokio::test]
async fn a_date_ends_what_is_there_from_then_on() {
    let house = House::open().await;
    let date = house.clock.now().plus(DAY);
    house
        .objects
        .set(BUCKET, move |bucket| {
            bucket.lifecycle = vec![Rule {
                date: Some(date),
                ..rule("date")
            }];
            Ok(())
        })
        .await
        .unwrap();
    house.put("k", "x").await;
    assert_eq!(house.objects.expire().await.unwrap().objects, 0);
    house.clock.advance(DAY);
    assert_eq!(house.objects.expire().await.unwrap().objects, 1);
}

#[tokio::test]
async fn uploads_that_nobody_completes_go() {
    let house = with_rules(vec![Rule {
        prefix: Some("a".to_owned()),
        abort_days: Some(1),
        ..rule("uploads")
    }])
    .await;
    for key in ["a", "b"] {
        house
            .objects
            .begin_upload(BUCKET, key, NewUpload::default())
            .await
            .unwrap();
    }
    house.clock.advance(DAY * 2);
    let expired = house.objects.expire().await.unwrap();
    assert_eq!(
        expired,
        Expired {
            objects: 0,
            uploads: 1
        }
    );
    let paging = Paging {
        max: 9,
        ..Paging::default()
    };
    let left = house
        .objects
        .list_uploads(BUCKET, paging, None)
        .await
        .unwrap();
    assert_eq!(left.page.entries[0].0, "b");
}
