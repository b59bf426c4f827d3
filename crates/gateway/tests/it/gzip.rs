//! Bodies that the client has compressed.

use std::io::Write;

use base::ByteCount;
use flate2::Compression;
use flate2::write::GzEncoder;
use gateway::Limits;

use crate::harness::{Got, House};

const SEND: &str = r#"{"QueueUrl":"q","MessageBody":"hello"}"#;
const TARGET: (&str, &str) = ("x-amz-target", "AmazonSQS.SendMessage");
const JSON: (&str, &str) = ("content-type", "application/x-amz-json-1.0");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const SMITHY: (&str, &str) = ("smithy-protocol", "rpc-v2-cbor");
const GZIP: (&str, &str) = ("content-encoding", "gzip");

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn ask(house: &House, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Got {
    let request = house.signed("sqs", "POST", path, headers, body);
    house.connect().await.ask(&request).await
}

#[tokio::test]
async fn a_body_in_gzip_is_read_in_every_protocol() {
    let house = House::open(Limits::default()).await;
    let rpc = "/service/AmazonSQS/operation/SendMessage";
    let cbor = b"\xa2\x68QueueUrl\x61q\x6bMessageBody\x65hello";
    for (path, headers, body) in [
        ("/", &[JSON, TARGET, GZIP][..], SEND.as_bytes()),
        (
            "/",
            &[JSON, TARGET, ("content-encoding", "X-GZIP")],
            SEND.as_bytes(),
        ),
        (rpc, &[SMITHY, GZIP], cbor),
        (
            "/",
            &[FORM, GZIP],
            b"Action=SendMessage&QueueUrl=q&MessageBody=hello",
        ),
    ] {
        let got = ask(&house, path, headers, &gzip(body)).await;
        assert!(
            got.status == 200 && got.body.contains("hello"),
            "{headers:?}: {got:?}"
        );
    }
    let plain = [JSON, TARGET, ("content-encoding", "identity")];
    assert_eq!(ask(&house, "/", &plain, SEND.as_bytes()).await.status, 200);
    let request = house.signed(
        "ec2",
        "POST",
        "/",
        &[FORM, GZIP],
        gzip(b"Action=SendMessage&QueueUrl=q"),
    );
    assert_eq!(house.connect().await.ask(&request).await.status, 200);
}

// The bytes that python3's gzip.compress(b'{"QueueUrl":"q","MessageBody":"hello"}', mtime=0) gives.
#[tokio::test]
async fn what_others_compress_is_read() {
    let house = House::open(Limits::default()).await;
    let body = hex::decode(
        "1f8b0800000000000203ab560a2c4d2d4d0d2dca51b2522a54d251f24d2d2e4e4c4f75ca4fa9048a64a4e6e4e42bd5020053daa70e26000000",
    );
    let got = ask(&house, "/", &[JSON, TARGET, GZIP], &body.unwrap()).await;
    assert!(got.status == 200 && got.body.contains("hello"), "{got:?}");
}

#[tokio::test]
async fn the_signature_is_over_what_was_sent() {
    let house = House::open(Limits::default()).await;
    let plain = house.signed("sqs", "POST", "/", &[JSON, TARGET, GZIP], SEND);
    let head = plain
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let packed = gzip(SEND.as_bytes());
    let head = String::from_utf8(plain[..head + 4].to_vec()).unwrap();
    let length = |bytes: usize| format!("content-length: {bytes}\r\n");
    let head = head.replace(&length(SEND.len()), &length(packed.len()));
    let forged = [head.as_bytes(), &packed].concat();
    let got = house.connect().await.ask(&forged).await;
    assert!(
        got.status == 403 && got.body.contains("InvalidSignature"),
        "{got:?}"
    );
}

#[tokio::test]
async fn a_body_that_inflates_beyond_the_bound_is_refused() {
    let limits = Limits {
        body_bytes: ByteCount::kib(256),
        ..Limits::default()
    };
    let house = House::open(limits).await;
    // The name of a parameter and its blanks: as long as the bound, and one byte beyond it.
    let message = |bytes: usize| {
        let frame = SEND.replace("hello", "");
        SEND.replace("hello", &"x".repeat(bytes - frame.len()))
    };
    let fits = gzip(message(256 * 1024).as_bytes());
    assert_eq!(
        ask(&house, "/", &[JSON, TARGET, GZIP], &fits).await.status,
        200
    );
    for bytes in [256 * 1024 + 1, 64 * 1024 * 1024] {
        let bomb = gzip(message(bytes).as_bytes());
        assert!(bomb.len() < 256 * 1024);
        let got = ask(&house, "/", &[JSON, TARGET, GZIP], &bomb).await;
        assert_eq!(got.status, 413, "{got:?}");
        assert!(got.body.contains("when it is inflated"), "{got:?}");
    }
}

#[tokio::test]
async fn what_is_inflated_counts_towards_the_budget() {
    let limits = Limits {
        bodies_bytes: ByteCount::kib(256),
        ..Limits::default()
    };
    let house = House::open(limits).await;
    let body = gzip(SEND.replace("hello", &"x".repeat(1 << 20)).as_bytes());
    for _ in 0..2 {
        let got = ask(&house, "/", &[JSON, TARGET, GZIP], &body).await;
        assert_eq!(got.status, 503, "{got:?}");
    }
    // What was held has been given back.
    let body = gzip(SEND.replace("hello", &"x".repeat(100 << 10)).as_bytes());
    for _ in 0..3 {
        assert_eq!(
            ask(&house, "/", &[JSON, TARGET, GZIP], &body).await.status,
            200
        );
    }
}

#[tokio::test]
async fn what_is_no_gzip_is_refused_and_told() {
    let house = House::open(Limits::default()).await;
    let whole = gzip(SEND.as_bytes());
    let cut = &whole[..whole.len() - 1];
    let twice = [&whole[..], &whole].concat();
    let mut wrong_sum = whole.clone();
    let at = wrong_sum.len() - 8;
    wrong_sum[at] ^= 1;
    for body in [
        &b""[..],
        b"\x1f\x8b",
        SEND.as_bytes(),
        cut,
        &twice,
        &wrong_sum,
    ] {
        let got = ask(&house, "/", &[JSON, TARGET, GZIP], body).await;
        assert_eq!(got.status, 400, "{got:?}");
        assert!(got.body.contains("is not gzip in one piece"), "{got:?}");
    }
    let lines = house.kept.take();
    assert_eq!(lines.len(), 6);
    assert!(
        lines
            .iter()
            .all(|line| line.starts_with("Undecoded sqs SendMessage ")),
        "{lines:?}"
    );
}

#[tokio::test]
async fn an_unknown_encoding_is_refused_and_told() {
    let house = House::open(Limits::default()).await;
    for name in ["br", "aws-chunked", "gzip, gzip", "deflate", "gzip;q=1"] {
        let encoding = ("content-encoding", name);
        let got = ask(&house, "/", &[JSON, TARGET, encoding], SEND.as_bytes()).await;
        assert_eq!(got.status, 415, "{got:?}");
        let part =
            format!("the Content-Encoding `{name}` is not known here; gzip and identity are");
        assert!(got.body.contains(&part), "{got:?}");
    }
    // Two headers, and a name that is not ASCII.
    for lines in [
        "content-encoding: gzip\r\ncontent-encoding: gzip",
        "content-encoding: \u{e9}",
    ] {
        let request = house.signed("sqs", "POST", "/", &[JSON, TARGET], SEND);
        let request = String::from_utf8(request).unwrap();
        let request = request.replacen("\r\n\r\n", &format!("\r\n{lines}\r\n\r\n"), 1);
        let got = house.connect().await.ask(request.as_bytes()).await;
        assert_eq!(got.status, 415, "{got:?}");
    }
    let form = b"Action=SendMessage&QueueUrl=q";
    let got = ask(&house, "/", &[FORM, ("content-encoding", "br")], form).await;
    assert!(
        got.status == 415
            && got
                .body
                .contains("<Code>UnsupportedMediaTypeException</Code>")
    );
}
