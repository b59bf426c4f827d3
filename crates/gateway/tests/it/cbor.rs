//! Smithy RPC v2 with CBOR through the door.

use gateway::Limits;
use wire::{Envelope, Protocol, Shape, decode_response, encode_request};

use crate::harness::{Got, House, Input, Output};

const CBOR: [(&str, &str); 3] = [
    ("smithy-protocol", "rpc-v2-cbor"),
    ("content-type", "application/cbor"),
    ("accept", "application/cbor"),
];
const SEND: &str = "/service/AmazonSQS/operation/SendMessage";

/// A fault as clients read it.
#[derive(Debug, PartialEq, Shape)]
struct Told {
    #[shape(name = "__type")]
    kind: String,
    #[shape(name = "message")]
    message: String,
}

fn send(body: &str) -> Vec<u8> {
    let input = Input {
        queue_url: "q".to_owned(),
        message_body: Some(body.to_owned()),
        tags: Vec::new(),
    };
    let envelope = Envelope {
        operation: "",
        version: "",
        xml_namespace: "",
        request_id: "",
    };
    encode_request(Protocol::RpcV2Cbor, &input, &envelope)
}

async fn ask(house: &House, path: &str, body: impl AsRef<[u8]>) -> Got {
    let request = house.signed("sqs", "POST", path, &CBOR, body);
    house.connect().await.ask(&request).await
}

fn header<'g>(got: &'g Got, name: &str) -> &'g str {
    got.headers.get(name).map_or("", String::as_str)
}

fn told(got: &Got) -> Told {
    assert_eq!(header(got, "content-type"), "application/cbor");
    assert_eq!(header(got, "smithy-protocol"), "rpc-v2-cbor");
    decode_response(Protocol::RpcV2Cbor, &got.bytes).unwrap()
}

#[tokio::test]
async fn a_signed_call_is_answered_in_cbor() {
    let house = House::open(Limits::default()).await;
    let got = ask(&house, SEND, send("hello")).await;
    assert_eq!(got.status, 200, "{got:?}");
    assert_eq!(header(&got, "content-type"), "application/cbor");
    assert_eq!(header(&got, "smithy-protocol"), "rpc-v2-cbor");
    assert!(base::id::parse_uuid(header(&got, "x-amzn-requestid")).is_some());
    let expected = Output {
        message_body: Some("hello".to_owned()),
        queue_url: Some("q".to_owned()),
        tags: Vec::new(),
    };
    assert_eq!(
        decode_response(Protocol::RpcV2Cbor, &got.bytes),
        Ok(expected)
    );
}

#[tokio::test]
async fn a_fault_carries_the_shape_and_the_old_code() {
    let house = House::open(Limits::default()).await;
    let got = ask(&house, "/service/AmazonSQS/operation/GetQueueUrl", send("")).await;
    assert_eq!(got.status, 400);
    assert_eq!(
        told(&got),
        Told {
            kind: "com.amazonaws.sqs#QueueDoesNotExist".to_owned(),
            message: "The specified queue does not exist.".to_owned(),
        }
    );
    assert_eq!(
        header(&got, "x-amzn-query-error"),
        "AWS.SimpleQueueService.NonExistentQueue;Sender"
    );
}

#[tokio::test]
async fn what_is_unknown_or_wrong_is_told_in_cbor() {
    let house = House::open(Limits::default()).await;
    let front = "com.amazon.coral.service#";
    for (path, body, status, kind, part) in [
        (
            "/service/AmazonSQS/operation/Nothing",
            &b"\xa0"[..],
            404,
            "UnknownOperationException",
            "Nothing",
        ),
        (
            "/service/Other/operation/SendMessage",
            b"\xa0",
            404,
            "UnknownOperationException",
            "Other.SendMessage",
        ),
        (
            SEND,
            b"",
            400,
            "MissingRequiredParameterException",
            "QueueUrl",
        ),
        (
            SEND,
            b"\xa1\x68QueueUrl\x01",
            400,
            "SerializationException",
            "`QueueUrl` is a number",
        ),
        (
            SEND,
            b"{}",
            400,
            "SerializationException",
            "malformed at byte 1",
        ),
    ] {
        let got = ask(&house, path, body).await;
        assert_eq!(got.status, status, "{path}: {got:?}");
        let told = told(&got);
        assert_eq!(told.kind, format!("{front}{kind}"));
        assert!(told.message.contains(part), "{told:?}");
    }
}

#[tokio::test]
async fn a_wrong_signature_is_told_in_cbor() {
    let house = House::open(Limits::default()).await;
    let mut request = house.signed("sqs", "POST", SEND, &CBOR, send("hello"));
    let at = request.windows(5).position(|five| five == b"hello");
    request[at.unwrap()] = b'j';
    let got = house.connect().await.ask(&request).await;
    assert_eq!(got.status, 403);
    assert_eq!(
        told(&got).kind,
        "com.amazon.coral.service#InvalidSignatureException"
    );
    let unsigned = format!(
        "POST {SEND} HTTP/1.1\r\nhost: x\r\nsmithy-protocol: rpc-v2-cbor\r\ncontent-length: 0\r\n\r\n"
    );
    let got = house.connect().await.ask(unsigned.as_bytes()).await;
    assert_eq!(got.status, 403);
    assert!(
        told(&got)
            .kind
            .ends_with("#MissingAuthenticationTokenException")
    );
    let elsewhere = house.signed("sns", "POST", SEND, &CBOR, send(""));
    let got = house.connect().await.ask(&elsewhere).await;
    assert!(
        told(&got).message.contains("correct service: 'sqs'"),
        "{got:?}"
    );
}

// Smithy RPC v2 CBOR protocol, "Requests".
#[tokio::test]
async fn a_request_that_names_two_operations_is_refused() {
    let house = House::open(Limits::default()).await;
    for name in ["x-amz-target", "x-amzn-target"] {
        let headers = [CBOR[0], (name, "AmazonSQS.PurgeQueue")];
        let request = house.signed("sqs", "POST", SEND, &headers, send("hello"));
        let got = house.connect().await.ask(&request).await;
        assert_eq!(got.status, 400, "{got:?}");
        assert!(got.body.contains("not both"), "{got:?}");
    }
}

#[tokio::test]
async fn the_trail_hears_of_calls_in_cbor_as_of_others() {
    let house = House::open(Limits::default()).await;
    ask(&house, SEND, send("hello")).await;
    ask(&house, SEND, b"{}").await;
    let lines = house.kept.take();
    let starts = ["Decided sqs SendMessage ", "Undecoded sqs SendMessage "];
    assert_eq!(lines.len(), starts.len(), "{lines:?}");
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{line}");
    }
    assert!(lines[0].contains(r#""queueUrl":"q""#), "{lines:?}");
}
