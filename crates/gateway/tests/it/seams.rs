//! Several services behind one door, and what is told of each call.

use std::sync::atomic::Ordering;

use gateway::Limits;

use crate::harness::{Got, House, Role};

const SEND: &str = r#"{"QueueUrl":"q","MessageBody":"hello"}"#;
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const TRAIL: (&str, &str) = ("x-amz-target", "com.example.Trail_20131101.PurgeQueue");
const JSON11: (&str, &str) = ("content-type", "application/x-amz-json-1.1");

async fn ask(house: &House, request: &[u8]) -> Got {
    house.connect().await.ask(request).await
}

fn unsigned(house: &House, target: &str, form: &str) -> Vec<u8> {
    format!(
        "POST {target} HTTP/1.1\r\nhost: {}\r\ncontent-type: {}\r\ncontent-length: {}\r\n\r\n{form}",
        house.addr,
        FORM.1,
        form.len()
    )
    .into_bytes()
}

#[tokio::test]
async fn a_form_goes_to_the_service_that_it_was_signed_for() {
    let house = House::open(Limits::default()).await;
    let form = "Action=SendMessage&QueueUrl=q&MessageBody=m";
    for (service, space) in [
        ("sqs", "http://queue.amazonaws.com/doc/2012-11-05/"),
        // Without a region: signed as in us-east-1.
        ("iam", "https://iam.amazonaws.com/doc/2010-05-08/"),
    ] {
        let got = ask(&house, &house.signed(service, "POST", "/", &[FORM], form)).await;
        assert!(got.status == 200 && got.body.contains(space), "{got:?}");
    }
    let form = format!("{form}&Version=2012-11-05");
    let got = ask(&house, &house.signed("iam", "POST", "/", &[FORM], &form)).await;
    assert!(
        got.status == 400 && got.body.contains("for version 2012-11-05"),
        "{got:?}"
    );
}

#[tokio::test]
async fn what_is_not_allowed_has_the_code_of_its_protocol() {
    let house = House::open(Limits::default()).await;
    let key = house.key_of(Role::Reader);
    let got = ask(&house, &house.json_by(&key, "SendMessage", SEND)).await;
    assert!(
        got.status == 403 && got.body.contains("#AccessDeniedException"),
        "{got:?}"
    );
    let form = "Action=PurgeQueue&QueueUrl=q";
    for service in ["sqs", "iam"] {
        let got = ask(
            &house,
            &house.signed_by(&key, service, "POST", "/", &[FORM], form),
        )
        .await;
        assert!(
            got.status == 403 && got.body.contains("<Code>AccessDenied</Code>"),
            "{got:?}"
        );
    }
    let request = house.signed_by(&key, "iam", "POST", "/", &[TRAIL, JSON11], SEND);
    let got = ask(&house, &request).await;
    assert!(
        got.status == 400 && got.body.contains("AccessDeniedException"),
        "{got:?}"
    );
    assert!(!got.headers.contains_key("x-amzn-query-error"), "{got:?}");
}

#[tokio::test]
async fn every_call_is_told_however_far_it_came() {
    let house = House::open(Limits::default()).await;
    let sender = house.key_of(Role::Sender);
    let off = house.key_of(Role::Sender);
    house.switch_off(&off);
    let url = r#"{"QueueUrl":"q"}"#;
    let mut broken = house.json_by(&sender, "SendMessage", SEND);
    let last = broken.len() - 3;
    broken[last] ^= 1;
    let form = "Action=PurgeQueue&QueueUrl=q";
    for (request, told) in [
        (
            house.json_by(&sender, "SendMessage", SEND),
            "Decided sqs SendMessage user/sender ok in={\"queueUrl\":\"q\",\"messageBody\":\"HIDDEN_DUE_TO_SECURITY_REASONS\"} out={",
        ),
        (
            house.json_by(&sender, "PurgeQueue", url),
            "Decided sqs PurgeQueue user/sender AccessDenied in={\"queueUrl\":\"q\"} out=-",
        ),
        (
            house.json_by(&off, "SendMessage", SEND),
            "Refused sqs SendMessage anonymous InvalidClientTokenId in=- out=-",
        ),
        (
            broken,
            "Refused sqs SendMessage anonymous SignatureDoesNotMatch in=- out=-",
        ),
        (
            house.json_by(&sender, "SendMessage", "{}"),
            "Undecoded sqs SendMessage user/sender MissingParameter in=- out=-",
        ),
        (
            house.json_by(&sender, "MakeCoffee", "{}"),
            "Undecoded sqs MakeCoffee user/sender InvalidAction in=- out=-",
        ),
        (
            house.signed_by(&sender, "iam", "POST", "/", &[FORM], "Action=PurgeQueue"),
            "Undecoded iam PurgeQueue user/sender MissingParameter in=- out=-",
        ),
        (
            unsigned(&house, &format!("/?{form}"), ""),
            "Refused  PurgeQueue anonymous MissingAuthenticationToken in=- out=-",
        ),
        (
            house.signed_by(&sender, "shukuba", "POST", "/_shukuba/api/pause", &[], "{}"),
            "Decided shukuba Pause user/sender AccessDenied in=- out=-",
        ),
    ] {
        let got = ask(&house, &request).await;
        let kept = house.kept.take();
        assert_eq!(kept.len(), 1, "{got:?} {kept:?}");
        assert!(kept[0].starts_with(told), "{kept:?} {got:?}");
    }
}

#[tokio::test]
async fn who_has_not_signed_is_heard_while_something_is_open() {
    let house = House::open(Limits::default()).await;
    let form = "Action=SendMessage&QueueUrl=q&MessageBody=m";
    let got = ask(&house, &unsigned(&house, "/", form)).await;
    assert!(
        got.status == 403 && got.body.contains("<Code>MissingAuthenticationToken</Code>"),
        "{got:?}"
    );
    house.toy.is_open.store(true, Ordering::Relaxed);
    // Heard, and refused: the roles of keys allow nobody without one.
    let got = ask(&house, &unsigned(&house, "/", form)).await;
    let text = "User: anonymous is not authorized to perform: sqs:SendMessage on resource: ";
    assert!(
        got.status == 403
            && got.body.contains("<Code>AccessDenied</Code>")
            && got.body.contains(text),
        "{got:?}"
    );
    let got = ask(&house, &unsigned(&house, "/", "Action=MakeCoffee")).await;
    assert!(
        got.status == 403 && got.body.contains("<Code>MissingAuthenticationToken</Code>"),
        "{got:?}"
    );
}
