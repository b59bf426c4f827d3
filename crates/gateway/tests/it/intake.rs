//! Ways in with a form of their own: who may send, what the intake is handed, how it answers.

use api::{Access, Audit, Fault, Intake, IntakeAnswer, IntakeCall, IntakeFacts};
use base::{AccountId, Arn, Region};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use gateway::Limits;
use http::{HeaderMap, Response};

use crate::harness::{House, REGION, Role, raw};

/// Takes anything and answers with it.
#[derive(Debug)]
pub(crate) struct Echo;

static FACTS: IntakeFacts = IntakeFacts {
    path: "/v1/echo",
    scopes: &["aps", "monitoring"],
    own_encoding: Some("snappy"),
    service: "sqs",
    operation: "SendMessage",
    audit: Audit::Data,
};

impl Intake for Echo {
    fn facts(&self) -> &'static IntakeFacts {
        &FACTS
    }

    fn take(&self, call: IntakeCall) -> BoxFuture<'static, IntakeAnswer> {
        Box::pin(async move {
            assert!(call.body != "panic", "a fault of its own");
            let region: Region = REGION.parse().unwrap();
            let account: &AccountId = &call.ctx.caller.account;
            let access = vec![Access::new(
                "sqs:SendMessage",
                Arn::new("sqs", &region, account, "s2s"),
            )];
            let outcome = call.gate.decide(&call.ctx, &access);
            let response = match &outcome {
                Ok(()) => Response::new(
                    [call.content_type.as_bytes(), b":", &call.body[..]]
                        .concat()
                        .into(),
                ),
                Err(fault) => Self.fault(&call.content_type, fault),
            };
            IntakeAnswer {
                response,
                access,
                outcome,
            }
        })
    }

    fn fault(&self, content_type: &str, fault: &Fault) -> Response<Bytes> {
        let text = format!("{content_type} {} {}", fault.code, fault.message);
        let mut response = Response::new(Bytes::from(text));
        *response.status_mut() = fault.status.try_into().unwrap();
        response
    }
}

const PATH: &str = "/v1/echo";

fn with_key(
    house: &House,
    authorization: &str,
    headers: &[(&'static str, &str)],
    body: &[u8],
) -> Vec<u8> {
    let mut map = HeaderMap::new();
    map.insert("host", house.addr.to_string().parse().unwrap());
    map.insert("authorization", authorization.parse().unwrap());
    for (name, value) in headers {
        map.insert(*name, value.parse().unwrap());
    }
    raw("POST", PATH, &map, body)
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

#[tokio::test]
async fn who_signs_for_one_of_its_services_is_taken() {
    let house = House::open(Limits::default()).await;
    let mut client = house.connect().await;
    for service in ["aps", "monitoring"] {
        let headers = [
            ("content-type", "application/x-protobuf"),
            ("content-encoding", "snappy"),
        ];
        let request = house.signed(service, "POST", PATH, &headers, "\u{1}x");
        let got = client.ask(&request).await;
        assert_eq!(
            (got.status, got.body.as_str()),
            (200, "application/x-protobuf:\u{1}x")
        );
        assert!(got.headers.contains_key("x-amzn-requestid"));
    }
    let lines = house.kept.take();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].starts_with("Decided sqs SendMessage"), "{lines:?}");
    assert!(lines[0].contains(" ok "), "{lines:?}");
}

#[tokio::test]
async fn another_body_or_another_service_is_not() {
    let house = House::open(Limits::default()).await;
    let mut client = house.connect().await;
    let mut forged = house.signed("aps", "POST", PATH, &[], "one");
    let length = forged.len();
    forged[length - 3..].copy_from_slice(b"two");
    let got = client.ask(&forged).await;
    assert_eq!(got.status, 403, "{}", got.body);
    assert!(got.body.contains("SignatureDoesNotMatch"), "{}", got.body);
    // A bucket may have this name: that is S3's to answer, and queues have no such path.
    let got = client
        .ask(&house.signed(
            "s3",
            "POST",
            PATH,
            &[("x-amz-content-sha256", "UNSIGNED-PAYLOAD")],
            "",
        ))
        .await;
    assert!(!got.body.contains("SendMessage"), "{}", got.body);
    let got = client
        .ask(&house.signed("sqs", "POST", PATH, &[], "one"))
        .await;
    assert_eq!(got.status, 404, "{}", got.body);
}

#[tokio::test]
async fn a_key_as_basic_is_taken_from_this_machine() {
    let house = House::open(Limits::default()).await;
    let mut client = house.connect().await;
    let key = house.key_of(Role::Sender);
    let right = basic(&key.key_id, key.secret.expose());
    let got = client.ask(&with_key(&house, &right, &[], b"x")).await;
    assert_eq!((got.status, got.body.as_str()), (200, ":x"));
    for wrong in [
        basic(&key.key_id, "another"),
        basic("AKIAANOTHER", key.secret.expose()),
        basic("", ""),
        "Basic !".to_owned(),
    ] {
        house.kept.take();
        let got = client.ask(&with_key(&house, &wrong, &[], b"x")).await;
        assert_eq!(got.status, 401, "{wrong} {}", got.body);
        assert!(!got.body.contains(key.secret.expose()));
        let lines = house.kept.take();
        assert!(
            lines[0].starts_with("Refused sqs SendMessage anonymous"),
            "{lines:?}"
        );
    }
    house.switch_off(&key);
    let got = client.ask(&with_key(&house, &right, &[], b"x")).await;
    assert_eq!(got.status, 401);
    assert!(got.headers["www-authenticate"].starts_with("Basic realm="));
}

#[tokio::test]
async fn who_says_nothing_of_itself_is_asked_for_a_key() {
    let house = House::open(Limits::default()).await;
    let mut client = house.connect().await;
    let mut map = HeaderMap::new();
    map.insert("host", house.addr.to_string().parse().unwrap());
    let got = client.ask(&raw("POST", PATH, &map, "x")).await;
    assert_eq!(got.status, 401);
    assert!(got.headers.contains_key("www-authenticate"));
    assert_eq!(house.kept.take().len(), 1);
}

#[tokio::test]
async fn a_key_in_the_clear_from_elsewhere_is_refused_before_it_is_looked_at() {
    let proxy = "127.0.0.1/32".parse().unwrap();
    let house = House::open_behind(Limits::default(), vec![proxy]).await;
    let mut client = house.connect().await;
    let key = house.key_of(Role::Sender);
    for (scheme, status) in [("http", 403), ("https", 200)] {
        let headers = [
            ("x-forwarded-for", "203.0.113.9"),
            ("x-forwarded-proto", scheme),
        ];
        let right = basic(&key.key_id, key.secret.expose());
        let got = client.ask(&with_key(&house, &right, &headers, b"x")).await;
        assert_eq!(got.status, status, "{scheme} {}", got.body);
    }
}

#[tokio::test]
async fn who_may_not_is_told_so_in_its_own_form() {
    let house = House::open(Limits::default()).await;
    let mut client = house.connect().await;
    let key = house.key_of(Role::Reader);
    let request = house.signed_by(&key, "aps", "POST", PATH, &[("content-type", "a/b")], "x");
    let got = client.ask(&request).await;
    assert_eq!(got.status, 403);
    assert!(got.body.starts_with("a/b AccessDenied "), "{}", got.body);
    let lines = house.kept.take();
    assert!(lines[0].starts_with("Decided sqs SendMessage") && lines[0].contains("AccessDenied"));
}

#[tokio::test]
async fn gzip_is_undone_and_other_encodings_are_not_known() {
    use std::io::Write as _;
    let house = House::open(Limits::default()).await;
    let mut client = house.connect().await;
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(b"some metrics").unwrap();
    let packed = packer.finish().unwrap();
    let request = house.signed(
        "monitoring",
        "POST",
        PATH,
        &[("content-encoding", "gzip")],
        &packed,
    );
    assert_eq!(client.ask(&request).await.body, ":some metrics");
    let request = house.signed(
        "monitoring",
        "POST",
        PATH,
        &[("content-encoding", "zstd")],
        "x",
    );
    assert_eq!(client.ask(&request).await.status, 415);
}

#[tokio::test]
async fn a_panic_is_its_own_fault() {
    let house = House::open(Limits::default()).await;
    let mut client = house.connect().await;
    let got = client
        .ask(&house.signed("aps", "POST", PATH, &[], "panic"))
        .await;
    assert_eq!(got.status, 500);
    let got = client
        .ask(&house.signed("aps", "POST", PATH, &[], "x"))
        .await;
    assert_eq!(got.status, 200);
}

#[tokio::test]
async fn what_is_too_large_is_refused_and_the_connection_ends() {
    let limits = Limits {
        body_bytes: base::ByteCount::kib(1),
        ..Limits::default()
    };
    let house = House::open(limits).await;
    let mut client = house.connect().await;
    let body = "x".repeat(2000);
    let got = client
        .ask(&house.signed("aps", "POST", PATH, &[], body))
        .await;
    assert_eq!(got.status, 413);
    assert!(got.body.contains("RequestEntityTooLargeException"));
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn another_method_is_not_for_it() {
    let house = House::open(Limits::default()).await;
    let mut client = house.connect().await;
    let got = client
        .ask(&house.signed("aps", "PUT", PATH, &[], "x"))
        .await;
    assert_eq!(got.status, 404, "{}", got.body);
}
