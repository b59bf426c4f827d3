use futures_util::StreamExt;
use s3::Error;
use s3::objects::{Copy, Delete, Digests, From, Gone, Match, Matches, Put, ReadConditions, Select};
use s3::rows::{About, Tag};
use s3::sums::{Algorithm, Kind};

use crate::harness::{BUCKET, House, NOW, pieces};

fn tag(key: &str) -> Tag {
    Tag {
        key: key.to_owned(),
        value: "v".to_owned(),
    }
}

#[tokio::test]
async fn what_was_put_is_there_after_opening_again() {
    let house = House::open().await;
    let about = About {
        content_type: Some("text/plain".to_owned()),
        metadata: [("a".to_owned(), "b".to_owned())].into(),
        ..About::default()
    };
    let put = Put {
        about: about.clone(),
        tags: vec![tag("t")],
        ..Put::default()
    };
    house.put_with("k", "hello", put).await.unwrap();
    house.put("empty", "").await;
    let house = house.again();
    assert_eq!(house.get("k").await.unwrap(), "hello");
    assert_eq!(house.get("empty").await.unwrap(), "");
    let found = house
        .objects
        .head(BUCKET, "k", Select::Whole, ReadConditions::default());
    let object = found.await.unwrap().object;
    // MD5 and CRC-64/NVME of "hello", computed with Python's hashlib and with the tables of the specification.
    assert_eq!(object.etag, "5d41402abc4b2a76b9719d911017c592");
    assert_eq!((object.bytes, object.modified), (5, NOW));
    assert_eq!((object.about, object.tags), (about, vec![tag("t")]));
    let sum = object.sum.unwrap();
    assert_eq!(
        (sum.algorithm, sum.kind),
        (Algorithm::Crc64Nvme, Kind::Full)
    );
    assert_eq!(house.files(), 1);
}

#[tokio::test]
async fn what_is_replaced_or_deleted_frees_its_file_and_a_reader_keeps_his() {
    let house = House::open().await;
    house.put("k", "one").await;
    let mut open = house.open_object("k", Select::Whole).await.unwrap();
    house.put("k", "two").await;
    assert_eq!(house.get("k").await.unwrap(), "two");
    let read = open.body.next().await.unwrap().unwrap();
    assert_eq!(&read[..], b"one");
    drop(open);
    house.reaped_to(1).await;
    let gone = house.objects.delete(BUCKET, Delete::of("k")).await.unwrap();
    assert_eq!(gone, Gone::Object);
    let gone = house.objects.delete(BUCKET, Delete::of("k")).await.unwrap();
    assert_eq!(gone, Gone::Nothing);
    assert!(matches!(
        house.get("k").await,
        Err(Error::KeyNotFound { .. })
    ));
    house.reaped_to(0).await;
}

#[tokio::test]
async fn what_was_deleted_before_a_crash_goes_after_it() {
    let house = House::open().await;
    house.put("k", "one").await;
    house.objects.delete(BUCKET, Delete::of("k")).await.unwrap();
    assert_eq!(house.files(), 1);
    house.again().reaped_to(0).await;
}

#[tokio::test]
async fn a_range_is_a_part_of_it() {
    let house = House::open().await;
    house.put("k", "0123456789").await;
    house.put("empty", "").await;
    for (select, expected) in [
        (Select::Whole, Some("0123456789")),
        (Select::From(0, Some(0)), Some("0")),
        (Select::From(3, Some(5)), Some("345")),
        (Select::From(8, Some(99)), Some("89")),
        (Select::From(8, None), Some("89")),
        (Select::From(8, Some(u64::MAX)), Some("89")),
        (Select::Last(2), Some("89")),
        (Select::Last(99), Some("0123456789")),
        (Select::Part(1), Some("0123456789")),
        (Select::From(10, None), None),
        (Select::Last(0), None),
        (Select::Part(2), None),
    ] {
        let got = match house.open_object("k", select).await {
            Ok(mut opened) => {
                let mut text = String::new();
                while let Some(chunk) = opened.body.next().await {
                    text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
                }
                Some(text)
            }
            Err(
                Error::Range { bytes: 10 }
                | Error::PartRange {
                    number: 2,
                    count: 1,
                },
            ) => None,
            Err(other) => panic!("{select:?}: {other}"),
        };
        assert_eq!(got.as_deref(), expected, "{select:?}");
    }
    let none = house.open_object("empty", Select::From(0, None)).await;
    assert!(matches!(none, Err(Error::Range { bytes: 0 })));
}

#[tokio::test]
async fn of_many_who_make_the_same_key_one_does() {
    let house = House::open().await;
    let mut makers = tokio::task::JoinSet::new();
    for number in 0..20 {
        let objects = house.objects.clone();
        makers.spawn(async move {
            let put = Put {
                matches: Matches {
                    is: None,
                    is_not: Some(Match::Any),
                },
                ..Put::default()
            };
            let made = objects.put_bytes(BUCKET, "k", put, format!("{number}").into());
            made.await.map(|_| number)
        });
    }
    let outcomes = makers.join_all().await;
    let made: Vec<_> = outcomes.iter().flatten().collect();
    assert_eq!(made.len(), 1);
    assert_eq!(house.get("k").await.unwrap(), made[0].to_string());
    let refused = |error: &Error| {
        matches!(
            error,
            Error::Precondition {
                condition: "If-None-Match"
            }
        )
    };
    assert!(
        outcomes
            .iter()
            .filter_map(|one| one.as_ref().err())
            .all(refused)
    );
    house.reaped_to(1).await;
}

#[tokio::test]
async fn a_body_that_is_not_what_it_says_is_not_kept() {
    let house = House::open().await;
    let digests =
        |md5: Option<&str>, algorithm, sum: Option<&str>, late: Option<&'static str>| Digests {
            md5: md5.map(str::to_owned),
            algorithm,
            sum: sum.map(str::to_owned),
            trailer: late.map(|value| Box::new(move || Some(value.to_owned())) as Box<_>),
        };
    let crc = Some(Algorithm::Crc32);
    // Of "hello": MD5 and CRC32 by Python's hashlib and zlib.
    let (md5, sum) = ("XUFAKrxLKna5cZ2REBfFkg==", "NhCmhg==");
    for (digests, expected) in [
        (digests(Some(md5), None, None, None), "kept"),
        (digests(None, crc, Some(sum), None), "kept"),
        (digests(None, crc, None, Some(sum)), "kept"),
        (
            digests(Some("AAAAAAAAAAAAAAAAAAAAAA=="), None, None, None),
            "differs",
        ),
        (digests(None, crc, Some("AAAAAA=="), None), "differs"),
        (digests(None, crc, None, Some("AAAAAA==")), "differs"),
        (digests(Some("hello"), None, None, None), "malformed"),
        (digests(None, crc, Some("AAAA"), None), "malformed"),
        (digests(None, crc, None, Some("AAAA")), "malformed"),
    ] {
        let said = format!("{digests:?}");
        let put = Put {
            digests,
            ..Put::default()
        };
        let outcome = match house.put_with("k", "hello", put).await {
            Ok(_) => "kept",
            Err(Error::Digest { .. }) => "differs",
            Err(Error::NotDigest { .. }) => "malformed",
            Err(other) => panic!("{other}"),
        };
        assert_eq!(outcome, expected, "{said}");
        let delete = house.objects.delete(BUCKET, Delete::of("k")).await.unwrap();
        assert_eq!(delete == Gone::Object, expected == "kept");
    }
    house.reaped_to(0).await;
}

#[tokio::test]
async fn a_body_that_breaks_off_leaves_nothing() {
    let house = House::open().await;
    let broken: Vec<Result<bytes::Bytes, api::BodyError>> = vec![
        Ok(vec![7; 3 << 20].into()),
        Err("the client went away".into()),
    ];
    let source = Box::pin(futures_util::stream::iter(broken));
    let put = house.objects.put(BUCKET, "k", Put::default(), source).await;
    assert!(matches!(put, Err(Error::BodyBroken(_))));
    assert_eq!(house.files(), 0);
}

#[tokio::test]
async fn bounds_of_keys_metadata_and_tags_are_kept() {
    let house = House::open().await;
    house.put(&"é".repeat(512), "x").await;
    let long = house.put_with(&"é".repeat(513), "x", Put::default()).await;
    assert!(matches!(long, Err(Error::KeyTooLong { bytes: 1026 })));
    let with = |bytes: usize| Put {
        about: About {
            metadata: [("a".repeat(10), "b".repeat(bytes - 10))].into(),
            ..About::default()
        },
        ..Put::default()
    };
    house.put_with("k", "x", with(2048)).await.unwrap();
    let large = house.put_with("k", "x", with(2049)).await;
    assert!(matches!(
        large,
        Err(Error::MetadataTooLarge { bytes: 2049 })
    ));
    let tags = |count: usize| (0..count).map(|number| tag(&number.to_string())).collect();
    house.objects.tag(BUCKET, "k", tags(10)).await.unwrap();
    assert!(house.objects.tag(BUCKET, "k", tags(11)).await.is_err());
    assert_eq!(house.objects.tags(BUCKET, "k").await.unwrap().len(), 10);
}

#[tokio::test]
async fn large_bodies_come_back_as_they_were_in_whatever_pieces() {
    let house = House::open().await;
    let body: Vec<u8> = (0..5_000_000_u32)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let chunks = body.chunks(77_777).map(<[u8]>::to_vec).collect();
    let put = house
        .objects
        .put(BUCKET, "k", Put::default(), pieces(chunks))
        .await
        .unwrap();
    assert_eq!(put.sum.unwrap().value, Algorithm::Crc64Nvme.of(&body));
    let (_, read) = house.objects.get_bytes(BUCKET, "k", 1 << 30).await.unwrap();
    assert!(read == body);
    let small = house.objects.get_bytes(BUCKET, "k", 4_999_999).await;
    assert!(matches!(small, Err(Error::TooLarge { limit: 4_999_999 })));
}

#[tokio::test]
async fn a_copy_is_its_own_object() {
    let house = House::open().await;
    let put = Put {
        about: About {
            content_type: Some("text/plain".to_owned()),
            ..About::default()
        },
        tags: vec![tag("t")],
        digests: Digests {
            algorithm: Some(Algorithm::Sha256),
            ..Digests::default()
        },
        ..Put::default()
    };
    let etag = house.put_with("from", "hello", put).await.unwrap();
    let from = |conditions| From {
        bucket: BUCKET.to_owned(),
        key: "from".to_owned(),
        select: Select::Whole,
        conditions,
    };
    let copy = house.objects.copy(
        BUCKET,
        "to",
        from(ReadConditions::default()),
        Copy::default(),
    );
    let copy = copy.await.unwrap();
    assert_eq!(
        (copy.etag.as_str(), &copy.tags),
        (etag.as_str(), &vec![tag("t")])
    );
    assert_eq!(copy.about.content_type.as_deref(), Some("text/plain"));
    assert_eq!(copy.sum.unwrap().algorithm, Algorithm::Sha256);
    let replaced = Copy {
        about: Some(About::default()),
        tags: Some(Vec::new()),
        ..Copy::default()
    };
    let copy = house
        .objects
        .copy(BUCKET, "to", from(ReadConditions::default()), replaced);
    let copy = copy.await.unwrap();
    assert!(copy.about.content_type.is_none() && copy.tags.is_empty());
    let itself = house.objects.copy(
        BUCKET,
        "from",
        from(ReadConditions::default()),
        Copy::default(),
    );
    assert!(matches!(itself.await, Err(Error::OntoItself)));
    let unless = ReadConditions {
        matches: Matches {
            is: None,
            is_not: Some(Match::ETag(etag)),
        },
        ..ReadConditions::default()
    };
    let failed = house
        .objects
        .copy(BUCKET, "to", from(unless), Copy::default())
        .await;
    assert!(matches!(failed, Err(Error::Precondition { .. })));
    house
        .objects
        .delete(BUCKET, Delete::of("from"))
        .await
        .unwrap();
    assert_eq!(house.get("to").await.unwrap(), "hello");
    house.reaped_to(1).await;
}
