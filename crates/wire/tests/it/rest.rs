//! REST with JSON, against what botocore and moto write for Lambda, and against hostile messages.

use std::collections::BTreeMap;

use base::Timestamp;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;
use serde_json::Value;
use wire::rest::{
    Answer, Http, Request, Routes, Unsendable, decode_answer, decode_request, encode_answer,
    encode_request,
};
use wire::{Blob, DecodeError, ErrorForm, Protocol, Shape, encode_error, encode_masked};

use crate::golden::{Row, rows};

const GOLDEN: &str = include_str!("../golden/rest-json.txt");

/// Lambda's operations of the golden file as `Name: HTTP, request, answer`.
macro_rules! operations {
    ($($name:ident: $http:expr, $request:ty, $answer:ty;)+) => {
        #[test]
        fn requests_and_answers_are_as_botocore_and_moto_write_them() {
            let mut rows = rows(GOLDEN);
            $(
                let at = rows.iter().position(|row| row.name == stringify!($name)).unwrap();
                check::<$request, $answer>(&rows.remove(at), &$http);
            )+
            assert!(rows.is_empty());
        }

        fn routes() -> Routes {
            Routes::new([$(($http, stringify!($name))),+])
        }
    };
}

operations! {
    Invoke: INVOKE, InvokeRequest, InvokeResponse;
    CreateFunction: Http::post("/2015-03-31/functions").with_status(201), CreateRequest, Function;
    ListFunctions: Http::get("/2015-03-31/functions"), ListRequest, ListResponse;
    UntagResource: Http::delete("/2017-03-31/tags/{Resource}").with_status(204), Untag, Nothing;
    ListTags: Http::get("/2017-03-31/tags/{Resource}"), ListTagsRequest, ListTagsResponse;
    DeleteFunction: Http::delete("/2015-03-31/functions/{FunctionName}"), Delete, Deleted;
    ListDurableExecutionsByFunction:
        Http::get("/2025-12-01/functions/{FunctionName}/durable-executions"), ListRuns, Runs;
    SendDurableExecutionCallbackFailure:
        Http::post("/2025-12-01/durable-execution-callbacks/{CallbackId}/fail"), Fail, Failed;
    PutFunctionConcurrency:
        Http::put("/2017-10-31/functions/{FunctionName}/concurrency"), PutConcurrency, Concurrency;
}

const INVOKE: Http = Http::post("/2015-03-31/functions/{FunctionName}/invocations")
    .with_payload_type("application/json");

#[derive(Debug, Clone, Default, PartialEq, Shape)]
struct InvokeRequest {
    #[shape(uri, required)]
    function_name: String,
    #[shape(header = "X-Amz-Invocation-Type")]
    invocation_type: Option<String>,
    #[shape(header = "X-Amz-Log-Type")]
    log_type: Option<String>,
    #[shape(payload)]
    payload: Option<Blob>,
    #[shape(querystring)]
    qualifier: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
struct InvokeResponse {
    #[shape(statuscode)]
    status_code: Option<i32>,
    #[shape(header = "X-Amz-Function-Error")]
    function_error: Option<String>,
    #[shape(header = "X-Amz-Log-Result")]
    log_result: Option<String>,
    #[shape(payload)]
    payload: Option<Blob>,
    #[shape(header = "X-Amz-Executed-Version")]
    executed_version: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
struct CreateRequest {
    #[shape(required)]
    function_name: String,
    role: Option<String>,
    code: Option<Code>,
    timeout: Option<i32>,
    publish: Option<bool>,
    environment: Option<Environment>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
struct Code {
    #[shape(sensitive)]
    zip_file: Option<Blob>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
struct Environment {
    variables: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
struct Function {
    function_name: Option<String>,
    code_size: Option<i64>,
    timeout: Option<i32>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
struct ListRequest {
    #[shape(querystring)]
    max_items: Option<i32>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
struct ListResponse {
    functions: Vec<Function>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
struct Untag {
    #[shape(uri, required)]
    resource: String,
    #[shape(querystring = "tagKeys", required)]
    tag_keys: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
struct Nothing {}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
struct ListTagsRequest {
    #[shape(uri, required)]
    resource: String,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
struct ListTagsResponse {
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
struct Delete {
    #[shape(uri, required)]
    function_name: String,
    #[shape(querystring)]
    qualifier: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
struct Deleted {
    #[shape(statuscode)]
    status_code: Option<i32>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
struct ListRuns {
    #[shape(uri, required)]
    function_name: String,
    #[shape(querystring)]
    statuses: Vec<String>,
    #[shape(querystring)]
    started_after: Option<Timestamp>,
    #[shape(querystring)]
    reverse_order: Option<bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
struct Runs {
    next_marker: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
struct Fail {
    #[shape(uri, required)]
    callback_id: String,
    #[shape(payload)]
    error: Option<ErrorObject>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
struct ErrorObject {
    error_message: Option<String>,
    stack_trace: Vec<String>,
}

/// An output without members.
#[derive(Debug, Clone, Default, PartialEq, Shape)]
struct Failed {}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
struct PutConcurrency {
    #[shape(uri, required)]
    function_name: String,
    #[shape(required)]
    reserved_concurrent_executions: i32,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
struct Concurrency {
    reserved_concurrent_executions: Option<i32>,
}

fn check<I: Shape + PartialEq, O: Shape + PartialEq>(row: &Row, http: &Http) {
    let (request, answer) = (row.request::<I>(), row.answer::<O>());
    let sent: Value = serde_json::from_str(row.sent).unwrap();
    let target = sent["target"].as_str().unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let method = sent["method"].as_str().unwrap();
    assert_eq!(routes().find(method, path, query), Some(row.name));
    let (headers, body) = (headers(&sent), text(&sent));
    let came = Request {
        path,
        query,
        headers: &headers,
        body: &body,
    };
    assert_eq!(
        decode_request(http, &came).as_ref(),
        Ok(&request),
        "{}",
        row.name
    );
    let ours = encode_request(http, &request).unwrap();
    assert_eq!((ours.method, ours.target.as_str()), (method, target));
    assert_eq!(
        ours.headers.get("content-type").is_some(),
        !ours.body.is_empty()
    );
    has_all(&ours.headers, &headers);
    assert_eq!(meaning(&ours.body), meaning(&body), "{}", row.name);

    let answered: Value = serde_json::from_str(row.answered).unwrap();
    let status = answered["status"].as_u64().unwrap() as u16;
    let (headers, body) = (self::headers(&answered), text(&answered));
    assert_eq!(
        decode_answer(status, &headers, &body).as_ref(),
        Ok(&answer),
        "{}",
        row.name
    );
    let ours = encode_answer(http, &answer);
    assert_eq!(
        (ours.status, &ours.headers),
        (status, &headers),
        "{}",
        row.name
    );
    assert_eq!(meaning(&ours.body), meaning(&body), "{}", row.name);
}

fn headers(message: &Value) -> HeaderMap {
    let rows = message["headers"].as_object().unwrap().iter();
    rows.map(|(name, value)| {
        let name: HeaderName = name.parse().unwrap();
        (
            name,
            HeaderValue::from_str(value.as_str().unwrap()).unwrap(),
        )
    })
    .collect()
}

fn text(message: &Value) -> Bytes {
    message["body"].as_str().unwrap().to_owned().into()
}

fn has_all(ours: &HeaderMap, theirs: &HeaderMap) {
    for (name, value) in theirs {
        assert_eq!(ours.get(name), Some(value));
    }
}

/// JSON as what it says, else the bytes.
fn meaning(body: &Bytes) -> Result<Value, Bytes> {
    serde_json::from_slice(body).map_err(|_| body.clone())
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
    let at = Some(Timestamp::from_millis(784_111_777_000));
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
            moments: vec![at.unwrap(); 2],
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

#[test]
fn a_payload_is_the_body_as_it_is_and_is_masked() {
    let (headers, body) = (HeaderMap::new(), Bytes::from_static(b"\xff\0{"));
    let request = Request {
        path: "/2015-03-31/functions/f/invocations",
        query: "",
        headers: &headers,
        body: &body,
    };
    let read: InvokeRequest = decode_request(&INVOKE, &request).unwrap();
    assert_eq!(read.payload, Some(Blob(body.clone())));
    assert_eq!(
        encode_masked(&read),
        br#"{"functionName":"f","payload":"HIDDEN_DUE_TO_SECURITY_REASONS"}"#
    );
    let none = Request {
        body: &Bytes::new(),
        ..request
    };
    let read: InvokeRequest = decode_request(&INVOKE, &none).unwrap();
    assert_eq!(read.payload, None);
}

#[test]
fn an_answer_has_the_status_of_its_shape_or_its_operation() {
    let answer = |status_code| InvokeResponse {
        status_code,
        payload: Some(Blob::from(b"{}".to_vec())),
        ..InvokeResponse::default()
    };
    let written = encode_answer(&INVOKE, &answer(Some(202)));
    assert_eq!(
        written,
        Answer {
            status: 202,
            headers: HeaderMap::new(),
            content_type: Some("application/json"),
            body: Bytes::from_static(b"{}"),
        }
    );
    assert_eq!(encode_answer(&INVOKE, &answer(None)).status, 200);
    let empty = encode_answer(&INVOKE, &answer(Some(204)));
    assert!(empty.status == 204 && empty.body.is_empty() && empty.content_type.is_none());
}

#[test]
fn what_cannot_be_sent_is_told_and_an_answer_is_mended() {
    let nameless = encode_request(&INVOKE, &InvokeRequest::default());
    let label = "FunctionName";
    assert_eq!(nameless, Err(Unsendable::EmptyLabel { label }));
    let hostile = "a\r\nX-Evil: 1";
    let request = InvokeRequest {
        function_name: "f".to_owned(),
        log_type: Some(hostile.to_owned()),
        ..InvokeRequest::default()
    };
    let member = "LogType";
    assert_eq!(
        encode_request(&INVOKE, &request),
        Err(Unsendable::NoHeader { member })
    );
    let answer = InvokeResponse {
        function_error: Some(hostile.to_owned()),
        ..InvokeResponse::default()
    };
    let written = encode_answer(&INVOKE, &answer);
    assert_eq!(
        written.headers.get("x-amz-function-error").unwrap(),
        "a??X-Evil: 1"
    );
}

#[test]
fn a_fault_has_a_type_and_a_message_under_both_names() {
    let form = ErrorForm {
        namespace: "com.amazonaws.lambda",
        xml_namespace: "",
        code: "ResourceNotFoundException",
        query_code: "ResourceNotFoundException",
        is_sender: true,
        message: "Function not found",
        request_id: "r",
    };
    assert_eq!(
        encode_error(Protocol::RestJson, &form),
        br#"{"Type":"User","Message":"Function not found","message":"Function not found"}"#
    );
    let ours = ErrorForm {
        is_sender: false,
        ..form
    };
    assert!(encode_error(Protocol::RestJson, &ours).starts_with(br#"{"Type":"Server","#));
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
        (name, segments) in (word(), "[^/]{1,4}(/[^/]{1,4}){0,2}"),
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
