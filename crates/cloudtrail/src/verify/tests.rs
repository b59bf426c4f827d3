//! Everything in a bucket is tampered with, and what is said of it.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::*;
use crate::seen::Class;
use crate::trails::simulation::{BUCKET, World, unpacked};

#[test]
fn a_digest_is_of_the_trail_in_its_name() {
    let key = |trail: &str| {
        format!(
            "AWSLogs/1/CloudTrail-Digest/eu-west-1/2026/11/29/1_CloudTrail-Digest_eu-west-1_{trail}_eu-west-1_20261129T064210Z.json.gz"
        )
    };
    for (trail, asked, expected) in [
        ("main", "main", true),
        ("a_b", "a_b", true),
        ("a_b", "b", false),
        ("a_b", "a", false),
    ] {
        assert_eq!(
            is_digest_of(&key(trail), asked),
            expected,
            "{trail} {asked}"
        );
    }
    assert!(!is_digest_of("AWSLogs/x", "main"));
}

/// A trail of three hours, with a call in each. The first digest begins the chain and lists nothing.
async fn three_hours() -> World {
    let mut world = World::new(1);
    world.create("trail", true);
    world.start("trail");
    for _ in 0..3 {
        world.call("sqs", "CreateQueue", Class::Management).unwrap();
        world.advance(61);
        world.deliver().await;
        world.advance(3600);
        world.deliver().await;
    }
    world
}

fn packed(value: &serde_json::Value) -> bytes::Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(value.to_string().as_bytes()).unwrap();
    encoder.finish().unwrap().into()
}

fn keys(world: &World, kind: &str) -> Vec<String> {
    let objects = world.memory.objects(BUCKET);
    let of_kind = objects.into_keys().filter(|key| key.contains(kind));
    of_kind.collect()
}

async fn found(world: &World) -> Vec<(String, String)> {
    let report = world.verify().await;
    let findings = report.findings.into_iter();
    findings.map(|it| (it.place, it.problem)).collect()
}

#[tokio::test]
async fn what_is_whole_verifies() {
    let world = three_hours().await;
    let report = world.verify().await;
    assert_eq!(report.findings, []);
    assert_eq!((report.digests, report.log_files), (4, 3));
    assert_eq!(report.management_records, 3);
    // The same content, packed otherwise, is still what was written.
    let key = &keys(&world, "/CloudTrail/")[0];
    let mut object = world.memory.objects(BUCKET)[key].clone();
    let mut text = Vec::new();
    let mut decoder = GzDecoder::new(&*object.content);
    decoder.read_to_end(&mut text).unwrap();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(&text).unwrap();
    object.content = encoder.finish().unwrap().into();
    world.memory.tamper(BUCKET, key, Some(object));
    assert_eq!(found(&world).await, []);
}

/// Tampers with the object `nth` of `kind` and expects one finding of it.
async fn check(
    kind: &str,
    nth: usize,
    tamper: impl FnOnce(Object) -> Option<Object>,
    expected: &str,
) {
    let world = three_hours().await;
    let key = keys(&world, kind)[nth].clone();
    let object = world.memory.objects(BUCKET)[&key].clone();
    world.memory.tamper(BUCKET, &key, tamper(object));
    let place = format!("s3://{BUCKET}/{key}");
    assert_eq!(found(&world).await, [(place, expected.to_owned())]);
}

#[tokio::test]
async fn a_log_file_that_was_tampered_with_is_named() {
    for nth in 0..3 {
        check("/CloudTrail/", nth, |_| None, "the log file is missing").await;
    }
    let changed = |object: Object| {
        let mut file = unpacked(&object);
        file["Records"][0]["eventName"] = json!("ListQueues");
        Some(Object {
            content: packed(&file),
            ..object
        })
    };
    check(
        "/CloudTrail/",
        1,
        changed,
        "the log file was changed: its hash is another",
    )
    .await;
    let longer = |mut object: Object| {
        object.content = [&*object.content, b"x"].concat().into();
        Some(object)
    };
    check(
        "/CloudTrail/",
        1,
        longer,
        "something was put behind its end",
    )
    .await;
}

#[tokio::test]
async fn a_digest_that_was_tampered_with_is_named_the_newest_too() {
    for nth in 0..4 {
        check("-Digest/", nth, |_| None, "the digest is missing").await;
        let changed = |object: Object| {
            let mut digest = unpacked(&object);
            digest["newestEventTime"] = json!("2026-11-29T00:00:00Z");
            Some(Object {
                content: packed(&digest),
                ..object
            })
        };
        check(
            "-Digest/",
            nth,
            changed,
            "the signature is not that of the digest",
        )
        .await;
    }
    let unsigned = |mut object: Object| {
        object.metadata.clear();
        Some(object)
    };
    check("-Digest/", 1, unsigned, "the digest has no signature").await;
    let foreign = |object: Object| {
        let mut digest = unpacked(&object);
        digest["digestPublicKeyFingerprint"] = json!("00");
        Some(Object {
            content: packed(&digest),
            ..object
        })
    };
    let expected = "the digest is signed by a key that is not ours, `00`";
    check("-Digest/", 2, foreign, expected).await;
}

#[tokio::test]
async fn a_cut_tail_is_found_and_what_is_before_it_still_read() {
    let world = three_hours().await;
    let (digests, logs) = (keys(&world, "-Digest/"), keys(&world, "/CloudTrail/"));
    world.memory.tamper(BUCKET, &digests[3], None);
    world.memory.tamper(BUCKET, &logs[2], None);
    world.memory.tamper(BUCKET, &logs[0], None);
    let at = |key: &str| format!("s3://{BUCKET}/{key}");
    let expected = [
        (at(&digests[3]), "the digest is missing".to_owned()),
        (at(&logs[0]), "the log file is missing".to_owned()),
    ];
    assert_eq!(found(&world).await, expected);
    assert_eq!(world.verify().await.digests, 3);
}

#[tokio::test]
async fn a_digest_of_another_place_and_a_newer_one_are_named() {
    let world = three_hours().await;
    let digests = keys(&world, "-Digest/");
    let oldest = world.memory.objects(BUCKET)[&digests[0]].clone();
    world
        .memory
        .tamper(BUCKET, &digests[1], Some(oldest.clone()));
    let moved = (
        format!("s3://{BUCKET}/{}", digests[1]),
        "the digest was moved from its place".to_owned(),
    );
    let all = found(&world).await;
    assert_eq!(all[0], moved);
    let world = three_hours().await;
    let newer = digests[3].replace("Z.json.gz", "Zz.json.gz");
    world.memory.tamper(BUCKET, &newer, Some(oldest));
    let expected = "it is newer than the newest digest of arn:aws:cloudtrail:eu-west-1:123456789012:trail/trail and was not written by it";
    let place = format!("s3://{BUCKET}/{newer}");
    assert_eq!(found(&world).await, [(place, expected.to_owned())]);
}

#[tokio::test]
async fn a_trail_whose_digests_stopped_is_named() {
    let world = three_hours().await;
    world.memory.remove_bucket(BUCKET);
    world.advance(3 * 3600);
    world.deliver().await;
    let all = found(&world).await;
    assert_eq!(all[0].0, "trail trail");
    let said = "no digest was delivered since ";
    assert!(all[0].1.starts_with(said), "{all:?}");
    assert!(all[0].1.contains("NoSuchBucket"), "{all:?}");
}
