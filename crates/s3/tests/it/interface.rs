//! The interface without a network: requests that nobody signed, under a gate of the test's own.

use std::sync::Arc;

use api::{
    Access, BodyError, Caller, Ctx, Fault, Gate, RestAnswer, RestBody, RestCall, RestService,
};
use base::{AccountId, Region};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use parking_lot::Mutex;

use crate::harness::{BUCKET, House, NOW};

/// Allows all but what begins with one of these, and keeps what it was asked.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) refused: Vec<&'static str>,
    pub(crate) seen: Mutex<Vec<(String, String, bool)>>,
}

impl Gate for Asked {
    fn decide(&self, _: &Ctx, access: &[Access]) -> Result<(), Fault> {
        for one in access {
            let resource = one.resource.to_string();
            let has_policy = one.resource_policy.is_some();
            self.seen
                .lock()
                .push((one.action.to_owned(), resource.clone(), has_policy));
            let wanted = format!("{} {resource}", one.action);
            if self.refused.iter().any(|start| wanted.starts_with(start)) {
                let fault = Fault::sender("AccessDenied", format!("not {wanted}"));
                return Err(fault.with_status(403));
            }
        }
        Ok(())
    }
}

pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
    pub(crate) record: (String, Result<(), String>, serde_json::Value),
}

pub(crate) async fn ask(
    house: &House,
    gate: &Arc<Asked>,
    request: http::request::Builder,
    body: &str,
) -> Got {
    let account: AccountId = "123456789012".parse().unwrap();
    let region: Region = "ap-northeast-1".parse().unwrap();
    let service = s3::Service::new(house.objects.clone(), region, account.clone());
    let body = Full::new(Bytes::copy_from_slice(body.as_bytes()));
    let body: RestBody = body.map_err(BodyError::from).boxed_unsync();
    let call = RestCall {
        ctx: Ctx::inside(Arc::new(Caller::anonymous(&account, "")), NOW),
        secret: None,
        gate: gate.clone(),
        request: request.header("host", "127.0.0.1").body(body).unwrap(),
    };
    let RestAnswer {
        response,
        operation,
        input,
        outcome,
        ..
    } = service.call(call).await;
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Got {
        status: head.status.as_u16(),
        headers: head.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
        record: (
            operation.to_owned(),
            outcome.map_err(|fault| fault.code.to_owned()),
            serde_json::from_slice(&input.unwrap()).unwrap(),
        ),
    }
}

fn get(uri: &str) -> http::request::Builder {
    Request::get(uri)
}

#[tokio::test]
async fn errors_are_written_as_s3_does() {
    let house = House::open().await;
    let gate = Arc::new(Asked::default());
    let got = ask(&house, &gate, get("/a-bucket/no%20%3C"), "").await;
    assert_eq!(got.status, 404);
    assert!(got.body.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code><Message>key `no &lt;` does not exist</Message><Resource>/a-bucket/no%20%3C</Resource><RequestId>"), "{}", got.body);
    let id = got.headers["x-amz-request-id"].to_str().unwrap();
    assert!(got.body.contains(&format!("<RequestId>{id}</RequestId>")));
    assert_eq!(got.headers["content-type"], "application/xml");
    assert_eq!(got.record.0, "GetObject");
    assert_eq!(got.record.1, Err("NoSuchKey".to_owned()));
    assert_eq!(got.record.2["bucketName"], "a-bucket");
    assert_eq!(got.record.2["key"], "no <");
}

#[tokio::test]
async fn what_is_not_there_says_so() {
    let house = House::open().await;
    let gate = Arc::new(Asked::default());
    house.put("k", "x").await;
    for (request, body, status, code) in [
        (get("/other"), "", 404, "NoSuchBucket"),
        (get("/a-bucket/k?versionId=3"), "", 404, "NoSuchVersion"),
        (get("/a-bucket?policy"), "", 404, "NoSuchBucketPolicy"),
        (
            get("/a-bucket?encryption"),
            "",
            404,
            "ServerSideEncryptionConfigurationNotFoundError",
        ),
        (
            get("/a-bucket/k").header("range", "bytes=5-"),
            "",
            416,
            "InvalidRange",
        ),
        (
            get("/a-bucket/k?partNumber=2"),
            "",
            416,
            "InvalidPartNumber",
        ),
        (
            get("/a-bucket/k").header("if-match", "\"x\""),
            "",
            412,
            "PreconditionFailed",
        ),
        (
            get("/a-bucket?list-type=2&max-keys=-1"),
            "",
            400,
            "InvalidArgument",
        ),
        (
            get("/a-bucket?list-type=2&continuation-token=%21"),
            "",
            400,
            "InvalidArgument",
        ),
        (
            get("/a-bucket?encoding-type=other"),
            "",
            400,
            "InvalidArgument",
        ),
        (Request::put("/A_B"), "", 400, "InvalidBucketName"),
        (
            Request::put("/a-bucket"),
            "",
            409,
            "BucketAlreadyOwnedByYou",
        ),
        (
            Request::put("/a-bucket?policy").header("content-length", "1"),
            "{",
            400,
            "MalformedPolicy",
        ),
        (
            Request::put("/a-bucket?tagging").header("content-length", "1"),
            "<",
            400,
            "MalformedXML",
        ),
        (
            Request::put("/a-bucket/k").header("x-amz-acl", "public-read"),
            "",
            400,
            "AccessControlListNotSupported",
        ),
        (
            Request::put("/a-bucket/k").header("x-amz-server-side-encryption", "AES256"),
            "",
            501,
            "NotImplemented",
        ),
        (
            Request::put("/a-bucket/k").header("content-md5", "x"),
            "",
            400,
            "InvalidDigest",
        ),
        (
            Request::post("/a-bucket/k?select&select-type=2").header("content-length", "1"),
            "x",
            501,
            "NotImplemented",
        ),
        (
            Request::post("/a-bucket").header("content-type", "multipart/form-data; boundary=x"),
            "x",
            501,
            "NotImplemented",
        ),
        (
            get("/a-bucket/k?AWSAccessKeyId=A&Signature=B&Expires=9999999999"),
            "",
            400,
            "InvalidRequest",
        ),
        (
            Request::delete("/a-bucket/k").header("x-amz-expected-bucket-owner", "210987654321"),
            "",
            403,
            "AccessDenied",
        ),
    ] {
        let said = format!("{request:?}");
        let got = ask(&house, &gate, request, body).await;
        assert!(
            got.status == status && got.body.contains(&format!("<Code>{code}</Code>")),
            "{said} {} {}",
            got.status,
            got.body
        );
    }
    let unchanged = get("/a-bucket/k").header("if-none-match", "*");
    let got = ask(&house, &gate, unchanged, "").await;
    assert_eq!((got.status, got.body.as_str()), (304, ""));
}

#[tokio::test]
async fn nothing_is_done_without_a_yes() {
    let house = House::open().await;
    house.put("k", "x").await;
    let deny = |refused| {
        Arc::new(Asked {
            refused,
            ..Asked::default()
        })
    };
    let all = deny(vec!["s3:"]);
    for request in [
        get("/a-bucket/k"),
        get("/a-bucket"),
        Request::head("/a-bucket"),
        Request::put("/a-bucket/new"),
        Request::put("/b-bucket"),
        Request::delete("/a-bucket/k"),
        Request::delete("/a-bucket"),
        Request::post("/a-bucket/k?uploads"),
        Request::put("/a-bucket/k2").header("x-amz-copy-source", "/a-bucket/k"),
    ] {
        let said = format!("{request:?}");
        assert_eq!(ask(&house, &all, request, "").await.status, 403, "{said}");
    }
    // A copy needs its source, tags need a right of their own, and each key of a delete is decided.
    let source = deny(vec!["s3:GetObject arn:aws:s3:::a-bucket/k"]);
    let copy = || Request::put("/a-bucket/k2").header("x-amz-copy-source", "/a-bucket/k");
    assert_eq!(ask(&house, &source, copy(), "").await.status, 403);
    let tags = deny(vec!["s3:PutObjectTagging"]);
    let tagged = Request::put("/a-bucket/k2").header("x-amz-tagging", "a=b");
    assert_eq!(ask(&house, &tags, tagged, "").await.status, 403);
    house.put("mine", "x").await;
    let some = deny(vec!["s3:DeleteObject arn:aws:s3:::a-bucket/k"]);
    let body = "<Delete><Object><Key>k</Key></Object><Object><Key>mine</Key></Object></Delete>";
    let delete = Request::post("/a-bucket?delete").header("content-length", body.len());
    let got = ask(&house, &some, delete, body).await;
    assert!(
        got.body.contains("<Deleted><Key>mine</Key></Deleted>"),
        "{}",
        got.body
    );
    assert!(
        got.body.contains("<Code>AccessDenied</Code>"),
        "{}",
        got.body
    );
    assert_eq!(house.get("k").await.unwrap(), "x");
    assert!(house.get("mine").await.is_err());
}

/// API reference of GetObject: without `s3:ListBucket` what is missing is forbidden.
#[tokio::test]
async fn who_may_not_list_is_not_told_what_is_missing() {
    let house = House::open().await;
    let gate = Arc::new(Asked {
        refused: vec!["s3:ListBucket"],
        ..Asked::default()
    });
    for request in [
        get("/a-bucket/none"),
        Request::head("/a-bucket/none"),
        get("/a-bucket/none?tagging"),
    ] {
        assert_eq!(ask(&house, &gate, request, "").await.status, 403);
    }
}

#[tokio::test]
async fn listings_escape_keys_when_asked() {
    let house = House::open().await;
    house.put("a b/c&d", "x").await;
    let gate = Arc::new(Asked::default());
    let got = ask(
        &house,
        &gate,
        get("/a-bucket?list-type=2&encoding-type=url&prefix=a%20"),
        "",
    )
    .await;
    for part in [
        "<Key>a%20b/c%26d</Key>",
        "<Prefix>a%20</Prefix>",
        "<EncodingType>url</EncodingType>",
        "<KeyCount>1</KeyCount>",
        "<IsTruncated>false</IsTruncated>",
        "<ETag>\"9dd4e461268c8034f5c8564e155c67a6\"</ETag>",
        "<StorageClass>STANDARD</StorageClass>",
    ] {
        assert!(got.body.contains(part), "{part} is not in {}", got.body);
    }
    let got = ask(&house, &gate, get("/a-bucket?delimiter=%2F"), "").await;
    for part in [
        "<CommonPrefixes><Prefix>a b/</Prefix></CommonPrefixes>",
        "<Marker></Marker>",
        "<Delimiter>/</Delimiter>",
    ] {
        assert!(got.body.contains(part), "{part} is not in {}", got.body);
    }
}

#[tokio::test]
async fn an_object_is_given_with_all_that_was_said_of_it() {
    let house = House::open().await;
    let gate = Arc::new(Asked::default());
    let put = Request::put("/a-bucket/k")
        .header("content-type", "text/plain")
        .header("content-encoding", "aws-chunked, gzip")
        .header("cache-control", "no-store")
        .header("content-disposition", "inline")
        .header("x-amz-meta-one", "1")
        .header("x-amz-tagging", "a=1&b=2")
        .header("content-length", "5");
    let got = ask(&house, &gate, put, "hello").await;
    assert_eq!(got.status, 200, "{}", got.body);
    assert_eq!(got.headers["etag"], "\"5d41402abc4b2a76b9719d911017c592\"");
    let got = ask(
        &house,
        &gate,
        get("/a-bucket/k").header("range", "bytes=1-2"),
        "",
    )
    .await;
    assert_eq!((got.status, got.body.as_str()), (206, "el"));
    for (name, value) in [
        ("content-range", "bytes 1-2/5"),
        ("content-length", "2"),
        ("content-type", "text/plain"),
        ("content-encoding", "gzip"),
        ("cache-control", "no-store"),
        ("content-disposition", "inline"),
        ("x-amz-meta-one", "1"),
        ("x-amz-tagging-count", "2"),
        ("accept-ranges", "bytes"),
    ] {
        assert_eq!(got.headers[name], value, "{name}");
    }
    let asked =
        get("/a-bucket/k?response-content-type=a%2Fb").header("x-amz-checksum-mode", "ENABLED");
    let got = ask(&house, &gate, asked, "").await;
    assert_eq!(got.headers["content-type"], "a/b");
    assert!(got.headers.contains_key("x-amz-checksum-crc64nvme"));
    assert_eq!(BUCKET, "a-bucket");
}
