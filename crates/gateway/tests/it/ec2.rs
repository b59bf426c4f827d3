//! EC2's query protocol through the door.

use gateway::Limits;

use crate::harness::{Got, House, Role};

const FORM: (&str, &str) = (
    "content-type",
    "application/x-www-form-urlencoded; charset=utf-8",
);
const PROLOGUE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>"#;

async fn ask(house: &House, service: &str, form: &str) -> Got {
    let request = house.signed(service, "POST", "/", &[FORM], form);
    house.connect().await.ask(&request).await
}

fn error(got: &Got, code: &str, message: &str) -> String {
    let id = &got.headers["x-amzn-requestid"];
    format!(
        "{PROLOGUE}<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
         <RequestID>{id}</RequestID></Response>"
    )
}

#[tokio::test]
async fn a_signed_call_is_answered_in_ec2s_form() {
    let house = House::open(Limits::default()).await;
    let form = "Action=SendMessage&Version=2016-11-15&QueueUrl=q&MessageBody=a%26b&Tag.1=x&Tag.2=y";
    let got = ask(&house, "ec2", form).await;
    assert_eq!(got.status, 200, "{got:?}");
    assert_eq!(got.headers["content-type"], "text/xml;charset=UTF-8");
    let id = &got.headers["x-amzn-requestid"];
    assert_eq!(
        got.body,
        format!(
            "{PROLOGUE}<SendMessageResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>{id}</requestId>\
             <MessageBody>a&amp;b</MessageBody><QueueUrl>q</QueueUrl><tagSet><item>x</item><item>y</item></tagSet>\
             </SendMessageResponse>"
        )
    );
}

#[tokio::test]
async fn the_same_form_signed_for_a_query_service_is_aws_query() {
    let house = House::open(Limits::default()).await;
    let form = "Action=SendMessage&QueueUrl=q&tag.member.1=x";
    let got = ask(&house, "sqs", form).await;
    assert_eq!(got.status, 200, "{got:?}");
    let part = "<SendMessageResult><QueueUrl>q</QueueUrl><tagSet><member>x</member></tagSet></SendMessageResult>";
    assert!(got.body.contains(part), "{got:?}");
}

#[tokio::test]
async fn faults_have_ec2s_form_and_codes() {
    let house = House::open(Limits::default()).await;
    for (form, status, code, message) in [
        (
            "Action=GetQueueUrl&QueueUrl=q",
            400,
            "AWS.SimpleQueueService.NonExistentQueue",
            "The specified queue does not exist.",
        ),
        (
            "Action=Nothing",
            400,
            "InvalidAction",
            "The action Nothing is not valid for this endpoint.",
        ),
        (
            "QueueUrl=q",
            400,
            "MissingAction",
            "The request must contain the parameter Action",
        ),
        (
            "Action=SendMessage&Version=2012-11-05",
            400,
            "InvalidAction",
            "Could not find operation SendMessage for version 2012-11-05",
        ),
        (
            "Action=SendMessage",
            400,
            "MissingParameter",
            "The request must contain the parameter QueueUrl.",
        ),
        (
            "Action=SendMessage&QueueUrl.1=q",
            400,
            "InvalidParameterValue",
            "`QueueUrl` is a structure, a text is right",
        ),
        (
            "Action=SendMessage&%zz=q",
            400,
            "MalformedQueryString",
            "the document is not a form: after `%` stand two hexadecimal digits",
        ),
    ] {
        let got = ask(&house, "ec2", form).await;
        assert_eq!(got.status, status, "{form}: {got:?}");
        assert_eq!(got.body, error(&got, code, message), "{form}");
        assert!(!got.headers.contains_key("x-amzn-query-error"));
    }
}

#[tokio::test]
async fn who_is_not_known_or_not_allowed_is_told_in_ec2s_words() {
    let house = House::open(Limits::default()).await;
    let key = house.key_of(Role::Sender);
    let request = |body: &str| house.signed_by(&key, "ec2", "POST", "/", &[FORM], body);
    let purge = request("Action=PurgeQueue&QueueUrl=q");
    let got = house.connect().await.ask(&purge).await;
    assert_eq!(got.status, 403);
    assert!(
        got.body
            .contains("<Errors><Error><Code>UnauthorizedOperation</Code>"),
        "{got:?}"
    );
    house.switch_off(&key);
    let got = house.connect().await.ask(&purge).await;
    assert_eq!(got.status, 401);
    assert!(
        got.body.contains("<Errors><Error><Code>AuthFailure</Code>"),
        "{got:?}"
    );
    let mut forged = house.signed("ec2", "POST", "/", &[FORM], "Action=SendMessage&QueueUrl=q");
    *forged.last_mut().unwrap() = b'r';
    let got = house.connect().await.ask(&forged).await;
    assert_eq!(got.status, 403);
    assert!(
        got.body
            .contains("<Errors><Error><Code>SignatureDoesNotMatch</Code>"),
        "{got:?}"
    );
}
