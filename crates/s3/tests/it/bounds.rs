//! Bounds, each met and exceeded by one.

use std::fmt::Write;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use http::Request;
use s3::Error;
use s3::objects::{Paging, Put};

use crate::harness::{BUCKET, House};
use crate::interface::{Asked, ask};

/// A document of `count` copies of what `one` writes.
fn list(head: &str, count: usize, one: impl Fn(usize) -> String, tail: &str) -> String {
    let mut text = head.to_owned();
    for at in 0..count {
        write!(text, "{}", one(at)).unwrap();
    }
    text + tail
}

fn tags(count: usize, key: usize, value: usize) -> String {
    let one = |at| {
        format!(
            "<Tag><Key>{at:0key$}</Key><Value>{}</Value></Tag>",
            "v".repeat(value)
        )
    };
    list("<Tagging><TagSet>", count, one, "</TagSet></Tagging>")
}

fn lifecycle(count: usize, id: usize) -> String {
    let one = |at| {
        format!(
            "<Rule><ID>{at:0id$}</ID><Status>Enabled</Status><Filter><Prefix/></Filter><Expiration><Days>1</Days></Expiration></Rule>"
        )
    };
    list(
        "<LifecycleConfiguration>",
        count,
        one,
        "</LifecycleConfiguration>",
    )
}

fn policy(bytes: usize) -> String {
    let text = |sid: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"{sid}","Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::a-bucket/*"}}]}}"#
        )
    };
    let more = bytes - text("").len();
    text(&"a".repeat(more))
}

#[tokio::test]
async fn documents_are_taken_up_to_their_bounds() {
    let house = House::open().await;
    let gate = Arc::new(Asked::default());
    for (query, body, expected) in [
        ("tagging", tags(50, 128, 256), "20"),
        ("tagging", tags(51, 1, 1), "<Code>InvalidTag</Code>"),
        ("tagging", tags(1, 129, 1), "<Code>InvalidTag</Code>"),
        ("tagging", tags(1, 1, 257), "<Code>InvalidTag</Code>"),
        ("lifecycle", lifecycle(1000, 255), "20"),
        ("lifecycle", lifecycle(1001, 5), "<Code>MalformedXML</Code>"),
        (
            "lifecycle",
            lifecycle(1, 256),
            "<Code>InvalidArgument</Code>",
        ),
        ("policy", policy(20 * 1024), "20"),
        (
            "policy",
            policy(20 * 1024 + 1),
            "<Code>MalformedPolicy</Code>",
        ),
    ] {
        let request =
            Request::put(format!("/a-bucket?{query}")).header("content-length", body.len());
        let got = ask(&house, &gate, request, &body).await;
        let told = format!("{} {}", got.status, got.body);
        // 200 or 204, which S3 itself is of two minds about.
        assert!(told.contains(expected), "{query} of {}: {told}", body.len());
    }
}

#[tokio::test]
async fn a_put_larger_than_s3_takes_is_refused_before_its_body() {
    let house = House::open().await;
    let put = |length| Put {
        length: Some(length),
        ..Put::default()
    };
    let refused = house.put_with("k", "x", put((5 << 30) + 1)).await;
    assert!(matches!(refused, Err(Error::TooLarge { limit }) if limit == 5 << 30));
    assert_eq!(house.files(), 0);
}

#[tokio::test]
async fn a_page_has_a_thousand_entries_at_most() {
    let house = House::open().await;
    let keys: Vec<_> = (0..1001).map(|at| format!("{at:04}")).collect();
    let put = |key| {
        house
            .objects
            .put_bytes(BUCKET, key, Put::default(), Bytes::new())
    };
    // Some at a time: a store whose disk is slow says that it is busy.
    for some in keys.chunks(50) {
        join_all(some.iter().map(|key| async { put(key).await.unwrap() })).await;
    }
    let gate = Arc::new(Asked::default());
    let got = ask(
        &house,
        &gate,
        Request::get("/a-bucket?list-type=2&max-keys=5000"),
        "",
    )
    .await;
    assert_eq!(got.body.matches("<Contents>").count(), 1000);
    assert!(got.body.contains("<IsTruncated>true</IsTruncated>"));
    let paging = Paging {
        max: 2000,
        ..Paging::default()
    };
    let page = house.objects.list(BUCKET, paging).await.unwrap();
    assert_eq!(page.entries.len(), 1001);
}
