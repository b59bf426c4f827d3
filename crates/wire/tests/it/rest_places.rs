//! REST with JSON: every kind of value in every place, and hostile messages.

use std::collections::BTreeMap;

use base::Timestamp;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;
use wire::rest::{Http, Request, Routes, decode_request, encode_request};
use wire::{Blob, DecodeError, Shape};

use crate::rest::routes;

/// A structure in the body.
#[derive(Debug, Clone, Default, PartialEq, Shape)]
struct ErrorObject {
    error_message: Option<String>,
    stack_trace: Vec<String>,
}

/// Every kind of value in every place.
#[derive(Debug, Clone, Default, PartialEq, Shape)]
struct Places {
    #[shape(uri, required)]
    name: String,
    #[shape(uri = "rest", required)]
    segments: String,
    #[shape(querystring = "n")]
    number: Option<i32>,
    #[shape(querystring)]
    real: Option<f64>,
    #[shape(querystring)]
    truth: Option<bool>,
    #[shape(querystring)]
    at: Option<Timestamp>,
    #[shape(querystring = "list")]
    list: Vec<String>,
    #[shape(querystring)]
    numbers: Vec<i64>,
    #[shape(header = "X-Large")]
    large: Option<i64>,
    #[shape(header = "X-At")]
    header_at: Option<Timestamp>,
    #[shape(header = "X-Seconds", timestamp = "epoch-seconds")]
    seconds: Option<Timestamp>,
    #[shape(header = "X-List")]
    header_list: Vec<String>,
    #[shape(header = "X-Moments")]
    moments: Vec<Timestamp>,
    #[shape(header = "X-Bytes")]
    bytes: Option<Blob>,
    #[shape(headers = "X-Meta-")]
    meta: BTreeMap<String, String>,
    text: Option<String>,
    nested: Option<ErrorObject>,
    #[shape(ignored)]
    ignored: Option<String>,
    #[shape(refused, querystring)]
    refused: Option<String>,
}

const PLACES: Http = Http::put("/places/{Name}/{rest+}/end");

fn places(target: &str, headers: &[(&str, &[u8])], body: &str) -> Result<Places, DecodeError> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name: HeaderName = name.parse().unwrap();
        map.append(name, HeaderValue::from_bytes(value).unwrap());
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let request = Request {
        path,
        query,
        headers: &map,
        body: &Bytes::from(body.to_owned()),
    };
    decode_request(&PLACES, &request)
}

#[test]
fn members_are_read_from_their_places() {
    let headers: &[(&str, &[u8])] = &[
        ("x-large", b" -9223372036854775808 "),
        ("x-at", b"Sun, 06 Nov 1994 08:49:37 GMT"),
        ("x-seconds", b"784111777"),
        ("x-list", b"a, \"b,c\""),
        ("x-list", b"d"),
        (
            "x-moments",
            b"Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
        ),
        ("x-bytes", b"aGVsbG8="),
        ("x-meta-team", b"ads"),
        ("x-other", b"passed over"),
    ];
    let target = "/places/arn:aws:x%2Fy/a/b%20c/end?n=7&Real=1.5&Truth=true&At=1994-11-06T08%3A49%3A37Z\
                  &list=a+b&l%69st=c%26&Numbers=1&Numbers=-2&other=%zz";
    let body =
        r#"{"Text":"t","Name":"of the body","Nested":{"StackTrace":["x"]},"Unknown":{"a":[1]}}"#;
    let read = places(target, headers, body).unwrap();
    let moment = Timestamp::from_millis(784_111_777_000);
    let at = Some(moment);
    assert_eq!(
        read,
        Places {
            name: "arn:aws:x/y".to_owned(),
            segments: "a/b c".to_owned(),
            number: Some(7),
            real: Some(1.5),
            truth: Some(true),
            at,
            list: vec!["a b".to_owned(), "c&".to_owned()],
            numbers: vec![1, -2],
            large: Some(i64::MIN),
            header_at: at,
            seconds: at,
            header_list: ["a", "b,c", "d"].map(str::to_owned).into(),
            moments: vec![moment; 2],
            bytes: Some(Blob::from(b"hello".to_vec())),
            meta: [("team".to_owned(), "ads".to_owned())].into(),
            text: Some("t".to_owned()),
            nested: Some(ErrorObject {
                error_message: None,
                stack_trace: vec!["x".to_owned()],
            }),
            ..Places::default()
        }
    );
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (target, headers, body, expected) in [
        (
            "/places/a/b/end?n=x",
            &[][..],
            "",
            "`Number` is not a whole number",
        ),
        (
            "/places/a/b/end?n=",
            &[],
            "",
            "`Number` is not a whole number",
        ),
        (
            "/places/a/b/end?n=%2B1",
            &[],
            "",
            "`Number` is not a whole number",
        ),
        (
            "/places/a/b/end?n=1.0",
            &[],
            "",
            "`Number` is not a whole number",
        ),
        (
            "/places/a/b/end?n=2147483648",
            &[],
            "",
            "`Number` is out of range, -2147483648 to 2147483647 is right",
        ),
        (
            "/places/a/b/end?n=99999999999999999999",
            &[],
            "",
            "`Number` is out of range, -2147483648 to 2147483647 is right",
        ),
        (
            "/places/a/b/end?n=1&n=1",
            &[],
            "",
            "`Number` is given twice, once is right",
        ),
        (
            "/places/a/b/end?Truth=yes",
            &[],
            "",
            "`Truth` is not true or false",
        ),
        (
            "/places/a/b/end?Numbers=1&Numbers=x",
            &[],
            "",
            "`Numbers[1]` is not a whole number",
        ),
        (
            "/places/a/b/end?list=%f",
            &[],
            "",
            "`List` is not percent-encoded UTF-8",
        ),
        (
            "/places/a/b/end?list=%ff",
            &[],
            "",
            "`List` is not percent-encoded UTF-8",
        ),
        (
            "/places/%zz/b/end",
            &[],
            "",
            "`Name` is not percent-encoded UTF-8",
        ),
        ("/places/a/b", &[], "", "`Name` is missing"),
        (
            "/places/a/b/end?Refused=1",
            &[],
            "",
            "`Refused` is not supported here; leave it out",
        ),
        (
            "/places/a/b/end",
            &[("x-large", &b"1"[..]), ("X-LARGE", b"2")],
            "",
            "`Large` is given twice, once is right",
        ),
        (
            "/places/a/b/end",
            &[("x-meta-a", b"\xff")],
            "",
            "`Meta` is not UTF-8",
        ),
        (
            "/places/a/b/end",
            &[("x-meta-a", b"1"), ("x-meta-a", b"2")],
            "",
            "`Meta.a` is given twice, once is right",
        ),
        (
            "/places/a/b/end",
            &[("x-bytes", b"*")],
            "",
            "`Bytes` is not base64 with padding",
        ),
        (
            "/places/a/b/end",
            &[],
            r#"{"Text":1}"#,
            "`Text` is a number, a string is right",
        ),
        (
            "/places/a/b/end",
            &[],
            "[]",
            "the document is a list, an object is right",
        ),
        (
            "/places/a/b/end",
            &[],
            "{} {}",
            "the document is malformed at byte 3: the end is right",
        ),
    ] {
        let found = places(target, headers, body);
        if expected.is_empty() {
            continue;
        }
        assert_eq!(found.unwrap_err().to_string(), expected, "{target} {body}");
    }
}

fn word() -> impl Strategy<Value = String> {
    prop::collection::vec(any::<char>(), 1..8).prop_map(String::from_iter)
}

/// What a header can hold; blanks around it are not part of it.
fn plain() -> impl Strategy<Value = String> {
    "[!-~é日][ -~é日]{0,8}[!-~é日]"
}

prop_compose! {
    fn any_places()(
        // Dot segments are none of a path's.
        (name, segments) in (word().prop_map(|word| word + "_"), "[^/.]{1,4}(/[^/.]{1,4}){0,2}"),
        (number, truth, large) in any::<(Option<i32>, Option<bool>, Option<i64>)>(),
        real in prop::option::of(-1e9..1e9f64),
        millis in prop::option::of(0u64..4_000_000_000_000),
        secs in prop::option::of(0u64..4_000_000_000),
        list in prop::collection::vec(word(), 0..4),
        header_list in prop::collection::vec(plain(), 0..4),
        numbers in prop::collection::vec(any::<i64>(), 0..4),
        bytes in prop::option::of(prop::collection::vec(any::<u8>(), 1..40)),
        meta in prop::collection::btree_map("[a-z0-9-]{1,6}", plain(), 0..4),
        text in prop::option::of(word()),
    ) -> Places {
        let header_at = secs.map(|secs| Timestamp::from_millis(secs * 1000));
        Places {
            name, segments, number, truth, large, real, list, header_list, numbers, meta, text,
            at: millis.map(Timestamp::from_millis),
            seconds: millis.map(Timestamp::from_millis),
            header_at,
            moments: header_at.into_iter().chain(header_at).collect(),
            bytes: bytes.map(Blob::from),
            nested: None,
            ..Places::default()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_written_is_read_the_same(shape in any_places()) {
        let sent = encode_request(&PLACES, &shape).unwrap();
        let (path, query) = sent.target.split_once('?').unwrap_or((&sent.target, ""));
        let request = Request { path, query, headers: &sent.headers, body: &sent.body };
        prop_assert_eq!(decode_request::<Places>(&PLACES, &request), Ok(shape.clone()));
        let table = Routes::new([(PLACES, "Places")]);
        prop_assert_eq!(table.find("PUT", path, query), Some("Places"));
    }

    #[test]
    fn nothing_panics(
        path in "[/a%2fF{}+.:]{0,24}",
        query in "(n|list|Real|At|Numbers|&|=|%[0-9a-f]?|[0-9]|\\+|x){0,24}",
        header in prop::collection::vec(0x20u8..0x7f, 0..24),
        body in "(\\{|\\}|\"Text\"|\"Name\"|:|,|1|\\[|\\]|null){0,12}",
    ) {
        let headers = ["x-large", "x-at", "x-list", "x-moments", "x-bytes", "x-meta-", "x-meta-a"];
        let headers: Vec<_> = headers.map(|name| (name, &header[..])).into();
        for path in [path.as_str(), "/places/a/b/end"] {
            if let Err(error) = places(&format!("{path}?{query}"), &headers, &body) {
                prop_assert!(!error.to_string().is_empty());
            }
            let _ = routes().find("GET", path, &query);
        }
    }
}
