//! Listings, against a plain model of what S3 documents.

use std::cell::Cell;
use std::collections::BTreeSet;

use bytes::Bytes;
use futures_util::future::join_all;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use s3::objects::{Paging, Put};

use crate::harness::{BUCKET, House};

/// All of a listing, page by page; each entry with whether it is a common prefix.
async fn all(
    house: &House,
    bucket: &str,
    prefix: &str,
    delimiter: Option<&str>,
    max: usize,
) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let paging = Paging {
            prefix: prefix.to_owned(),
            delimiter: delimiter.map(str::to_owned),
            after: after.take(),
            max,
        };
        let page = house.objects.list(bucket, paging).await.unwrap();
        assert!(page.entries.len() + page.common_prefixes.len() <= max);
        found.extend(page.entries.into_iter().map(|(key, _)| (key, false)));
        found.extend(
            page.common_prefixes
                .into_iter()
                .map(|prefix| (prefix, true)),
        );
        match page.next {
            Some(next) => after = Some(next),
            None => return found,
        }
    }
}

/// What a listing shows: API reference of ListObjectsV2, `prefix` and `delimiter`.
fn model(
    keys: &BTreeSet<String>,
    prefix: &str,
    delimiter: Option<&str>,
) -> BTreeSet<(String, bool)> {
    let shown = |key: &String| {
        let rest = key.strip_prefix(prefix)?;
        let at = delimiter
            .filter(|text| !text.is_empty())
            .and_then(|text| Some(rest.find(text)? + text.len()));
        Some(match at {
            Some(at) => (format!("{prefix}{}", &rest[..at]), true),
            None => (key.clone(), false),
        })
    };
    keys.iter().filter_map(shown).collect()
}

#[test]
fn pages_show_everything_once() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    // One house for all cases, each with its own bucket: opening one waits for the disk many times.
    let house = runtime.block_on(House::open());
    let made = Cell::new(0);
    let cases = (
        prop::collection::btree_set("[ab/]{1,4}|[あ/]{1,2}|[a\u{10ffff}]{1,2}", 0..40),
        "[ab/]{0,2}",
        prop::option::of(prop_oneof![Just("/"), Just("a"), Just("b/"), Just("")]),
        1..7_usize,
    );
    let mut runner = TestRunner::new(ProptestConfig::with_cases(40));
    let outcome = runner.run(&cases, |(keys, prefix, delimiter, max)| {
        made.set(made.get() + 1);
        let bucket = format!("case-{}", made.get());
        runtime.block_on(async {
            fill(&house, &bucket, &keys).await;
            let found = all(&house, &bucket, &prefix, delimiter, max).await;
            let as_set: BTreeSet<_> = found.iter().cloned().collect();
            prop_assert_eq!(as_set.len(), found.len(), "something twice");
            prop_assert_eq!(as_set, model(&keys, &prefix, delimiter));
            Ok(())
        })
    });
    outcome.unwrap();
}

async fn fill(house: &House, bucket: &str, keys: &BTreeSet<String>) {
    house
        .objects
        .create_bucket(bucket, Vec::new())
        .await
        .unwrap();
    let put = |key| {
        house
            .objects
            .put_bytes(bucket, key, Put::default(), Bytes::new())
    };
    join_all(keys.iter().map(|key| async { put(key).await.unwrap() })).await;
}

#[tokio::test]
async fn a_page_of_nothing_is_empty_and_ends() {
    let house = House::open().await;
    house.put("k", "").await;
    let page = house.objects.list(BUCKET, Paging::default()).await.unwrap();
    assert!(page.entries.is_empty() && page.next.is_none());
}

#[tokio::test]
async fn it_goes_on_behind_a_key_that_is_not_there() {
    let house = House::open().await;
    for key in ["a/1", "a/2", "b"] {
        house.put(key, "").await;
    }
    let paging = Paging {
        delimiter: Some("/".to_owned()),
        after: Some("a/1".to_owned()),
        max: 9,
        ..Paging::default()
    };
    let page = house.objects.list(BUCKET, paging).await.unwrap();
    assert_eq!(page.common_prefixes, ["a/"]);
    assert_eq!(page.entries[0].0, "b");
}
