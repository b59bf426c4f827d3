//! Services that speak HTTP themselves: routed, verified, decided and recorded here.

use std::time::Duration;

use gateway::Limits;

use crate::harness::{Got, House, Role};

async fn open() -> House {
    House::open(Limits::default()).await
}

async fn ask(house: &House, request: &[u8]) -> Got {
    house.connect().await.ask(request).await
}

#[tokio::test]
async fn a_request_goes_where_its_signature_is_for() {
    let house = open().await;
    let put = |service| house.signed(service, "PUT", "/back", &[], "body");
    let got = ask(&house, &put("s3")).await;
    assert_eq!((got.status, got.body.as_str()), (200, "body"));
    let got = ask(&house, &put("sqs")).await;
    assert!(
        got.status == 404 && got.body.contains("UnknownOperation"),
        "{got:?}"
    );
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let post = house.signed(
        "s3",
        "POST",
        "/back?Action=ListQueues",
        &form,
        "Action=ListQueues",
    );
    let got = ask(&house, &post).await;
    assert_eq!((got.status, got.body.as_str()), (200, "Action=ListQueues"));
}

#[tokio::test]
async fn what_nobody_signed_is_refused_in_the_form_of_the_service_but_for_own_pages_and_queries() {
    let house = open().await;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", house.addr);
    let got = ask(&house, get("/bucket/key").as_bytes()).await;
    assert!(
        got.status == 403 && got.body.contains("<Code>AccessDenied</Code>"),
        "{got:?}"
    );
    for path in ["/?Action=ListQueues", "/_shukuba", "/_shukuba/none"] {
        let got = ask(&house, get(path).as_bytes()).await;
        assert!(
            got.status >= 400 && !got.body.contains("<Id>"),
            "{path} {got:?}"
        );
    }
    let own = house.signed("s3", "PUT", "/_shukuba/back", &[], "body");
    let got = ask(&house, &own).await;
    assert!(got.status >= 400 && got.body.contains("__type"), "{got:?}");
}

#[tokio::test]
async fn a_wrong_signature_reaches_no_service() {
    let house = open().await;
    let request = house.signed("s3", "PUT", "/back", &[], "body");
    let text = String::from_utf8(request).unwrap();
    let changed = text.replace("PUT /back", "PUT /bacK");
    let got = ask(&house, changed.as_bytes()).await;
    assert!(
        got.status == 403 && got.body.contains("SignatureDoesNotMatch"),
        "{got:?}"
    );
    assert!(got.body.contains("The Canonical String"), "{got:?}");
    let more = text.replace("host:", "x-amz-acl: public-read\r\nhost:");
    let got = ask(&house, more.as_bytes()).await;
    assert!(
        got.status == 403 && got.body.contains("'x-amz-acl' must be"),
        "{got:?}"
    );
    let unknown = text.replace("Credential=AKIA", "Credential=AKIX");
    let got = ask(&house, unknown.as_bytes()).await;
    assert!(
        got.status == 403 && got.body.contains("InvalidAccessKeyId"),
        "{got:?}"
    );
}

#[tokio::test]
async fn the_gateway_decides_for_it() {
    let house = open().await;
    let reader = house.key_of(Role::Reader);
    let request = house.signed_by(&reader, "s3", "PUT", "/denied", &[], "");
    let got = ask(&house, &request).await;
    assert!(
        got.status == 403
            && got
                .body
                .contains("not authorized to perform: s3:DeleteBucket"),
        "{got:?}"
    );
    let request = house.signed("s3", "PUT", "/denied", &[], "");
    assert_eq!(ask(&house, &request).await.status, 200);
}

#[tokio::test]
async fn a_panic_is_its_own_and_a_body_that_nobody_reads_is_out_of_the_way() {
    let house = open().await;
    let mut client = house.connect().await;
    for (path, status) in [("/broken", 500), ("/unread", 400), ("/back", 200)] {
        let body = "x".repeat(100_000);
        let got = client
            .ask(&house.signed("s3", "PUT", path, &[], &body))
            .await;
        assert_eq!(got.status, status, "{path}");
    }
}

#[tokio::test]
async fn who_asks_first_is_answered_instead_and_the_connection_ends() {
    let house = open().await;
    let mut client = house.connect().await;
    let expect = [("expect", "100-continue")];
    let request = house.signed("s3", "PUT", "/unread", &expect, "body");
    client.send(&request[..request.len() - 4]).await;
    let got = client.answer().await.unwrap();
    assert!(
        got.status == 400 && got.headers["connection"] == "close",
        "{got:?}"
    );
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_body_that_comes_too_slowly_ends() {
    let house = House::open(Limits {
        body_time: Duration::from_millis(300),
        ..Limits::default()
    })
    .await;
    let mut client = house.connect().await;
    let request = house.signed("s3", "PUT", "/back", &[], "body");
    client.send(&request[..request.len() - 2]).await;
    let got = client.answer().await.unwrap();
    assert!(
        got.status == 400 && got.body.contains("too slowly"),
        "{got:?}"
    );
    assert!(client.is_closed().await);
}
