//! What each protocol answers, to the right and to the wrong.

use api::Audit;
use gateway::Limits;

use crate::harness::{Got, House, Role};

const SEND: &str = r#"{"QueueUrl":"q","MessageBody":"hello"}"#;
const FORM: (&str, &str) = (
    "content-type",
    "application/x-www-form-urlencoded; charset=utf-8",
);

async fn ask(house: &House, request: &[u8]) -> Got {
    house.connect().await.ask(request).await
}

fn header<'g>(got: &'g Got, name: &str) -> &'g str {
    got.headers.get(name).map_or("", String::as_str)
}

#[tokio::test]
async fn a_signed_call_is_answered_in_json() {
    let house = House::open(Limits::default()).await;
    let got = ask(&house, &house.json("SendMessage", SEND)).await;
    assert_eq!(
        (got.status, got.body.as_str()),
        (200, r#"{"MessageBody":"hello","QueueUrl":"q"}"#)
    );
    assert_eq!(header(&got, "content-type"), "application/x-amz-json-1.0");
    assert!(
        base::id::parse_uuid(header(&got, "x-amzn-requestid")).is_some(),
        "{got:?}"
    );
}

#[tokio::test]
async fn a_signed_call_is_answered_in_xml_and_the_url_stands_for_the_queue() {
    let house = House::open(Limits::default()).await;
    let form = "Action=SendMessage&Version=2012-11-05&MessageBody=a%26b";
    let got = ask(
        &house,
        &house.signed("sqs", "POST", "/123456789012/s2s", &[FORM], form),
    )
    .await;
    assert_eq!(got.status, 200, "{got:?}");
    assert_eq!(header(&got, "content-type"), "text/xml");
    let url = format!(
        "<QueueUrl>http://{}/123456789012/s2s</QueueUrl>",
        house.addr
    );
    let id = format!(
        "<RequestId>{}</RequestId>",
        header(&got, "x-amzn-requestid")
    );
    for part in [
        "<SendMessageResponse",
        "<MessageBody>a&amp;b</MessageBody>",
        &url,
        &id,
    ] {
        assert!(got.body.contains(part), "{part} is not in {}", got.body);
    }
}

#[tokio::test]
async fn a_presigned_url_is_a_call_without_headers() {
    let house = House::open(Limits::default()).await;
    let target = "/123456789012/s2s?Action=SendMessage&MessageBody=x&Version=2012-11-05";
    let got = ask(&house, &house.presigned(target)).await;
    assert!(
        got.status == 200 && got.body.contains("<MessageBody>x</MessageBody>"),
        "{got:?}"
    );
}

#[tokio::test]
async fn a_fault_carries_the_shape_and_the_old_code() {
    let house = House::open(Limits::default()).await;
    let got = ask(&house, &house.json("GetQueueUrl", r#"{"QueueUrl":"q"}"#)).await;
    assert_eq!(got.status, 400);
    assert!(
        got.body
            .contains(r#""__type":"com.amazonaws.sqs#QueueDoesNotExist""#),
        "{got:?}"
    );
    assert_eq!(
        header(&got, "x-amzn-query-error"),
        "AWS.SimpleQueueService.NonExistentQueue;Sender"
    );
    let got = ask(
        &house,
        &house.signed("sqs", "POST", "/", &[FORM], "Action=GetQueueUrl&QueueUrl=q"),
    )
    .await;
    assert_eq!(got.status, 400);
    assert!(
        got.body
            .contains("<Code>AWS.SimpleQueueService.NonExistentQueue</Code>"),
        "{got:?}"
    );
    assert!(got.body.contains("<Type>Sender</Type>"), "{got:?}");
}

// RFC 9112, 3.2.
#[tokio::test]
async fn a_request_without_one_host_is_malformed() {
    let house = House::open(Limits::default()).await;
    for (hosts, status) in [
        ("host: x\r\n", 200),
        ("", 400),
        ("host: x\r\nhost: y\r\n", 400),
    ] {
        let mut client = house.connect().await;
        let request = format!("GET /_shukuba/health HTTP/1.1\r\n{hosts}\r\n");
        let got = client.ask(request.as_bytes()).await;
        assert_eq!(got.status, status, "{hosts}: {got:?}");
    }
}

#[tokio::test]
async fn what_is_unknown_gets_the_protocols_own_error() {
    let house = House::open(Limits::default()).await;
    let json = |target: &str, body: &str| {
        let headers = [
            ("content-type", "application/x-amz-json-1.0"),
            ("x-amz-target", target),
        ];
        house.signed("sqs", "POST", "/", &headers, body)
    };
    for (request, status, part) in [
        (
            json("AmazonSQS.Nothing", "{}"),
            404,
            "com.amazon.coral.service#UnknownOperationException",
        ),
        (json("AmazonSNS.Publish", "{}"), 404, "AmazonSNS.Publish"),
        (
            json("AmazonSQS.SendMessage", "{"),
            400,
            "#SerializationException",
        ),
        (
            json("AmazonSQS.SendMessage", r#"{"QueueUrl":1}"#),
            400,
            "#SerializationException",
        ),
        (
            json("AmazonSQS.SendMessage", "{}"),
            400,
            "The request must contain the parameter QueueUrl.",
        ),
        (
            house.signed("sqs", "POST", "/", &[FORM], "Action=Nothing"),
            400,
            "<Code>InvalidAction</Code>",
        ),
        (
            house.signed("sqs", "POST", "/", &[FORM], "Actio=Nothing"),
            400,
            "<Code>MissingAction</Code>",
        ),
        (
            house.signed(
                "sqs",
                "POST",
                "/",
                &[FORM],
                "Action=SendMessage&Version=1999-01-01",
            ),
            400,
            "for version 1999-01-01",
        ),
        (
            house.signed("sqs", "POST", "/", &[FORM], "Action=SendMessage"),
            400,
            "<Code>MissingParameter</Code>",
        ),
        (
            house.signed("sns", "POST", "/", &[FORM], "Action=Publish"),
            400,
            "The action Publish is not valid",
        ),
        (
            house.signed("sqs", "GET", "/", &[], ""),
            404,
            "UnknownOperationException",
        ),
        (
            house.signed(
                "sns",
                "POST",
                "/",
                &[("x-amz-target", "AmazonSQS.SendMessage")],
                SEND,
            ),
            403,
            "correct service: 'sqs'",
        ),
    ] {
        let got = ask(&house, &request).await;
        assert_eq!(got.status, status, "{got:?}");
        assert!(got.body.contains(part), "{part} is not in {}", got.body);
    }
}

#[tokio::test]
async fn nothing_unsigned_is_served_but_health_and_metrics() {
    let house = House::open(Limits::default()).await;
    let mut client = house.connect().await;
    for (request, status, part) in [
        (
            "GET /_shukuba/health HTTP/1.1\r\nhost: x\r\n\r\n",
            200,
            "serving",
        ),
        ("GET /_shukuba/metrics HTTP/1.1\r\nhost: x\r\n\r\n", 200, ""),
        (
            "GET / HTTP/1.1\r\nhost: x\r\n\r\n",
            403,
            "MissingAuthenticationToken",
        ),
        (
            "POST /_shukuba/api/ledger HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}",
            403,
            "MissingAuthenticationToken",
        ),
        (
            "GET /_shukuba/api/ledger HTTP/1.1\r\nhost: x\r\n\r\n",
            403,
            "MissingAuthenticationToken",
        ),
        (
            "GET /?Action=ListQueues HTTP/1.1\r\nhost: x\r\n\r\n",
            403,
            "<Code>MissingAuthenticationToken</Code>",
        ),
    ] {
        let got = client.ask(request.as_bytes()).await;
        assert_eq!(got.status, status, "{request} {got:?}");
        assert!(got.body.contains(part), "{part} is not in {}", got.body);
    }
}

#[tokio::test]
async fn a_wrong_signature_is_told_what_would_be_right() {
    let house = House::open(Limits::default()).await;
    let mut request = house.json("SendMessage", SEND);
    let at = request
        .windows(5)
        .position(|five| five == b"hello")
        .unwrap();
    request[at] = b'j';
    let got = ask(&house, &request).await;
    assert_eq!(got.status, 403);
    assert!(
        got.body.contains("coral.service#InvalidSignatureException")
            && got.body.contains("x-amz-content-sha256"),
        "{got:?}"
    );
    let text = String::from_utf8(house.json("SendMessage", SEND))
        .unwrap()
        .replace("AmazonSQS.Send", "AmazonSQS.send");
    let got = ask(&house, text.as_bytes()).await;
    assert_eq!(
        header(&got, "x-amzn-query-error"),
        "SignatureDoesNotMatch;Sender"
    );
    assert!(
        got.body
            .contains("The Canonical String for this request should have been"),
        "{got:?}"
    );
    assert!(
        got.body.contains("x-amz-target:AmazonSQS.sendMessage"),
        "{got:?}"
    );
}

#[tokio::test]
async fn an_unknown_key_has_the_code_of_its_protocol() {
    let house = House::open(Limits::default()).await;
    let key = house.key_of(Role::Sender);
    house.switch_off(&key);
    let got = ask(&house, &house.json_by(&key, "SendMessage", SEND)).await;
    assert!(
        got.status == 403 && got.body.contains("#UnrecognizedClientException"),
        "{got:?}"
    );
    assert_eq!(
        header(&got, "x-amzn-query-error"),
        "InvalidClientTokenId;Sender"
    );
    let form = "Action=SendMessage&QueueUrl=q";
    let got = ask(
        &house,
        &house.signed_by(&key, "sqs", "POST", "/", &[FORM], form),
    )
    .await;
    assert!(
        got.status == 403 && got.body.contains("<Code>InvalidClientTokenId</Code>"),
        "{got:?}"
    );
}

#[tokio::test]
async fn a_role_does_its_work_and_no_more() {
    let house = House::open(Limits::default()).await;
    let key = house.key_of(Role::Sender);
    assert_eq!(
        ask(&house, &house.json_by(&key, "SendMessage", SEND))
            .await
            .status,
        200
    );
    let got = ask(&house, &house.json_by(&key, "PurgeQueue", SEND)).await;
    assert_eq!(got.status, 403);
    let who = format!(
        "User: arn:aws:iam::{}:user/sender is not authorized to perform: sqs:PurgeQueue",
        house.iam.account_id()
    );
    assert!(
        got.body.contains("#AccessDeniedException") && got.body.contains(&who),
        "{got:?}"
    );
    assert_eq!(header(&got, "x-amzn-query-error"), "AccessDenied;Sender");
}

#[tokio::test]
async fn what_the_operators_api_calls_data_is_recorded_as_that_unless_it_is_refused() {
    let house = House::open(Limits::default()).await;
    let (reader, sender) = (house.key_of(Role::Reader), house.key_of(Role::Sender));
    house.kept.take_classes();
    for (key, expected) in [(&reader, Audit::Data), (&sender, Audit::Management)] {
        let call = house.signed_by(key, "shukuba", "POST", "/_shukuba/api/ledger", &[], "{}");
        let got = ask(&house, &call).await;
        assert_eq!(got.status == 200, expected == Audit::Data, "{got:?}");
        assert_eq!(house.kept.take_classes(), [expected]);
    }
}

#[tokio::test]
async fn the_operators_api_is_signed_and_decided_too() {
    let house = House::open(Limits::default()).await;
    let reader = house.key_of(Role::Reader);
    let by = |key, name: &str| {
        house.signed_by(
            key,
            "shukuba",
            "POST",
            &format!("/_shukuba/api/{name}"),
            &[],
            "{}",
        )
    };
    let got = ask(&house, &by(&reader, "ledger")).await;
    assert_eq!(
        (got.status, got.body.as_str()),
        (200, r#"{"name":"ledger","bytes":2}"#)
    );
    assert_eq!(header(&got, "content-type"), "application/json");
    assert_eq!(ask(&house, &by(&reader, "pause")).await.status, 403);
    assert_eq!(
        ask(
            &house,
            &house.signed("shukuba", "POST", "/_shukuba/api/pause", &[], "")
        )
        .await
        .status,
        200
    );
    assert_eq!(
        ask(
            &house,
            &house.signed("shukuba", "POST", "/_shukuba/api/x", &[], "")
        )
        .await
        .status,
        404
    );
    assert_eq!(
        ask(
            &house,
            &house.signed("sqs", "POST", "/_shukuba/api/ledger", &[], "")
        )
        .await
        .status,
        403
    );
}

#[tokio::test]
async fn a_panic_is_an_internal_failure_of_one_call() {
    let house = House::open(Limits::default()).await;
    let mut client = house.connect().await;
    let got = client.ask(&house.json("PurgeQueue", SEND)).await;
    assert!(
        got.status == 500 && got.body.contains("InternalFailure"),
        "{got:?}"
    );
    assert!(
        !got.body.contains("fault of its own"),
        "the detail stays inside: {got:?}"
    );
    assert_eq!(
        client.ask(&house.json("SendMessage", SEND)).await.status,
        200
    );
}

#[tokio::test]
async fn calls_are_counted() {
    let house = House::open(Limits::default()).await;
    let mut client = house.connect().await;
    client.ask(&house.json("SendMessage", SEND)).await;
    client.ask(&house.json("GetQueueUrl", SEND)).await;
    let got = client
        .ask(b"GET /_shukuba/metrics HTTP/1.1\r\nhost: x\r\n\r\n")
        .await;
    for line in [
        r#"shukuba_calls_total{service="sqs",operation="SendMessage",code="ok"} 1"#,
        r#"shukuba_calls_total{service="sqs",operation="GetQueueUrl",code="QueueDoesNotExist"} 1"#,
        r#"shukuba_faults_total{code="QueueDoesNotExist"} 1"#,
        r#"shukuba_call_seconds_count{service="sqs",operation="SendMessage"} 1"#,
    ] {
        assert!(got.body.contains(line), "{line} is not in\n{}", got.body);
    }
}
