//! REST with JSON, against what botocore and moto write for Lambda.

use std::collections::BTreeMap;

use base::Timestamp;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use wire::rest::{
    Answer, Http, Request, Routes, Unsendable, decode_answer, decode_request, encode_answer,
    encode_request,
};
use wire::{Blob, Detail, ErrorForm, Protocol, Shape, encode_error, encode_masked};

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

        pub(crate) fn routes() -> Routes {
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
    let target = sent.get("target").and_then(Value::as_str).unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let method = sent.get("method").and_then(Value::as_str).unwrap();
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
    let status = answered.get("status").and_then(Value::as_u64).unwrap() as u16;
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
    assert_eq!(nameless, Err(Unsendable::NoLabel { label }));
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
        details: &[],
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
    let throttled = ErrorForm {
        message: "m",
        details: &[
            ("Reason", Detail::Text("CallerRateLimitExceeded".into())),
            ("Retry-After", Detail::Header("1".into())),
        ],
        ..form
    };
    assert_eq!(
        encode_error(Protocol::RestJson, &throttled),
        br#"{"Type":"User","Message":"m","message":"m","Reason":"CallerRateLimitExceeded"}"#
    );
}
