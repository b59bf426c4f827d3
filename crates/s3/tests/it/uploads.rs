use futures_util::StreamExt;
use s3::Error;
use s3::objects::{Chosen, Complete, Delete, Digests, From, NewUpload, Paging, PutPart, Select};
use s3::sums::{Algorithm, Kind};

use crate::harness::{BUCKET, House, pieces};

const MIB: usize = 1 << 20;

fn bytes(seed: u8, count: usize) -> Vec<u8> {
    (0..count)
        .map(|at| seed.wrapping_add((at % 251) as u8))
        .collect()
}

async fn begin(house: &House, sums: Option<(Algorithm, Option<Kind>)>) -> String {
    let new = NewUpload {
        by: "somebody".to_owned(),
        sums,
        ..NewUpload::default()
    };
    house
        .objects
        .begin_upload(BUCKET, "k", new)
        .await
        .unwrap()
        .0
}

async fn put(house: &House, upload: &str, number: u16, body: Vec<u8>) -> Result<Chosen, Error> {
    let part = PutPart {
        number,
        ..PutPart::default()
    };
    let piece = house
        .objects
        .put_part(BUCKET, "k", upload, part, pieces(vec![body]))
        .await?;
    Ok(Chosen {
        number,
        etag: piece.etag,
        sum: None,
    })
}

fn complete(parts: &[&Chosen]) -> Complete {
    Complete {
        parts: parts.iter().map(|part| (*part).clone()).collect(),
        ..Complete::default()
    }
}

#[tokio::test]
async fn parts_become_one_object_in_their_order() {
    let house = House::open().await;
    let upload = begin(&house, Some((Algorithm::Crc32, Some(Kind::Full)))).await;
    let (one, two, three) = (bytes(1, 5 * MIB), bytes(2, 5 * MIB + 1), bytes(3, 7));
    // In another order, one of them twice, and one that is not chosen.
    let third = put(&house, &upload, 9, three.clone()).await.unwrap();
    put(&house, &upload, 2, bytes(9, 100)).await.unwrap();
    let second = put(&house, &upload, 2, two.clone()).await.unwrap();
    let first = put(&house, &upload, 1, one.clone()).await.unwrap();
    put(&house, &upload, 5, bytes(5, 10)).await.unwrap();
    let house = house.again();
    let made = house
        .objects
        .complete(BUCKET, "k", &upload, complete(&[&first, &second, &third]));
    let made = made.await.unwrap();
    let whole = [one, two, three].concat();
    assert_eq!(made.bytes, whole.len() as u64);
    assert!(made.etag.ends_with("-3"));
    let sum = made.sum.unwrap();
    assert_eq!(
        (sum.kind, sum.value),
        (Kind::Full, Algorithm::Crc32.of(&whole))
    );
    let house = house.again();
    let (_, read) = house.objects.get_bytes(BUCKET, "k", 1 << 30).await.unwrap();
    assert!(read == whole);
    house.reaped_to(3).await;
    let mut part = house.open_object("k", Select::Part(3)).await.unwrap();
    assert_eq!(part.found.parts, Some(3));
    assert_eq!(
        &part.body.next().await.unwrap().unwrap()[..],
        &whole[10 * MIB + 1..]
    );
    let over = house
        .open_object("k", Select::From(5 * MIB as u64 - 1, Some(5 * MIB as u64)))
        .await;
    let chunks: Vec<_> = over.unwrap().body.map(Result::unwrap).collect().await;
    assert_eq!(chunks.concat(), &whole[5 * MIB - 1..=5 * MIB]);
    drop(part);
    house.objects.delete(BUCKET, Delete::of("k")).await.unwrap();
    house.reaped_to(0).await;
}

#[tokio::test]
async fn a_list_that_does_not_fit_makes_nothing_and_ends_nothing() {
    let house = House::open().await;
    let upload = begin(&house, None).await;
    let small = put(&house, &upload, 1, bytes(1, 100)).await.unwrap();
    let last = put(&house, &upload, 2, bytes(2, 100)).await.unwrap();
    let changed = Chosen {
        etag: last.etag.clone(),
        ..small.clone()
    };
    let missing = Chosen {
        number: 3,
        ..last.clone()
    };
    for (parts, expected) in [
        (complete(&[]), "malformed"),
        (complete(&[&last, &small]), "order"),
        (complete(&[&small, &small]), "order"),
        (complete(&[&changed]), "part 1"),
        (complete(&[&small, &missing]), "part 3"),
        (complete(&[&small, &last]), "small"),
    ] {
        let outcome = match house.objects.complete(BUCKET, "k", &upload, parts).await {
            Err(Error::Malformed(_)) => "malformed".to_owned(),
            Err(Error::PartOrder) => "order".to_owned(),
            Err(Error::PartNotFound { number }) => format!("part {number}"),
            Err(Error::PartTooSmall {
                number: 1,
                bytes: 100,
            }) => "small".to_owned(),
            other => panic!("{other:?}"),
        };
        assert_eq!(outcome, expected);
    }
    assert!(house.get("k").await.is_err());
    house
        .objects
        .complete(BUCKET, "k", &upload, complete(&[&last]))
        .await
        .unwrap();
    let again = house
        .objects
        .complete(BUCKET, "k", &upload, complete(&[&last]))
        .await;
    assert!(matches!(again, Err(Error::UploadNotFound { .. })));
}

#[tokio::test]
async fn numbers_checksums_and_ids_are_checked() {
    let house = House::open().await;
    let upload = begin(&house, Some((Algorithm::Sha1, None))).await;
    for number in [0, 10_001] {
        let refused = put(&house, &upload, number, bytes(1, 1)).await;
        assert!(matches!(refused, Err(Error::Argument { .. })), "{number}");
    }
    let other = PutPart {
        number: 1,
        digests: Digests {
            algorithm: Some(Algorithm::Crc32),
            ..Digests::default()
        },
        ..PutPart::default()
    };
    let refused = house
        .objects
        .put_part(BUCKET, "k", &upload, other, pieces(Vec::new()))
        .await;
    assert!(matches!(refused, Err(Error::Malformed(_))));
    let full = NewUpload {
        sums: Some((Algorithm::Sha1, Some(Kind::Full))),
        ..NewUpload::default()
    };
    let refused = house.objects.begin_upload(BUCKET, "k", full).await;
    assert!(matches!(refused, Err(Error::Argument { .. })));
    for id in ["", "nope", &"0".repeat(32)] {
        let unknown = house.objects.abort(BUCKET, "k", id).await;
        assert!(matches!(unknown, Err(Error::UploadNotFound { .. })), "{id}");
    }
    let wrong_key = house.objects.abort(BUCKET, "other", &upload).await;
    assert!(matches!(wrong_key, Err(Error::UploadNotFound { .. })));
}

#[tokio::test]
async fn an_aborted_upload_frees_its_parts() {
    let house = House::open().await;
    let upload = begin(&house, None).await;
    put(&house, &upload, 1, bytes(1, 10)).await.unwrap();
    put(&house, &upload, 2, bytes(2, 10)).await.unwrap();
    house.objects.abort(BUCKET, "k", &upload).await.unwrap();
    let late = put(&house, &upload, 3, bytes(3, 10)).await;
    assert!(matches!(late, Err(Error::UploadNotFound { .. })));
    house.reaped_to(0).await;
}

#[tokio::test]
async fn uploads_and_parts_come_in_pages() {
    let house = House::open().await;
    let mut ids = Vec::new();
    for key in ["a", "a", "b"] {
        let begun = house
            .objects
            .begin_upload(BUCKET, key, NewUpload::default())
            .await;
        ids.push(begun.unwrap().0);
    }
    let mut found = Vec::new();
    let (mut after, mut after_id) = (None, None);
    loop {
        let paging = Paging {
            after,
            max: 1,
            ..Paging::default()
        };
        let page = house
            .objects
            .list_uploads(BUCKET, paging, after_id)
            .await
            .unwrap();
        found.extend(page.page.entries.into_iter().map(|(_, entry)| entry.id));
        match page.page.next {
            Some(next) => (after, after_id) = (Some(next), page.next_id),
            None => break,
        }
    }
    ids.sort();
    found.sort();
    assert_eq!(found, ids);
    let upload = begin(&house, None).await;
    for number in [3, 1, 7] {
        put(&house, &upload, number, bytes(1, 1)).await.unwrap();
    }
    let page = house
        .objects
        .list_parts(BUCKET, "k", &upload, 1, 1)
        .await
        .unwrap();
    assert!(page.is_truncated && page.parts[0].number == 3);
    let page = house
        .objects
        .list_parts(BUCKET, "k", &upload, 3, 9)
        .await
        .unwrap();
    assert!(!page.is_truncated && page.parts[0].number == 7);
}

#[tokio::test]
async fn a_part_can_be_copied_out_of_an_object() {
    let house = House::open().await;
    house.put("from", "0123456789").await;
    let upload = begin(&house, None).await;
    let from = From {
        bucket: BUCKET.to_owned(),
        key: "from".to_owned(),
        select: Select::From(2, Some(4)),
        ..From::default()
    };
    let piece = house
        .objects
        .copy_part(BUCKET, "k", &upload, 1, from)
        .await
        .unwrap();
    assert_eq!(piece.bytes, 3);
    let chosen = Chosen {
        number: 1,
        etag: piece.etag,
        sum: None,
    };
    house
        .objects
        .complete(BUCKET, "k", &upload, complete(&[&chosen]))
        .await
        .unwrap();
    assert_eq!(house.get("k").await.unwrap(), "234");
}
