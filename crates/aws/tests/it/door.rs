//! A door before moto, which knows CloudWatch by the Query protocol alone, while the SDK speaks CBOR: the two calls of these tests
//! are put into the other words, everything else passes as it is.
//!
//! Source: Smithy, "Smithy RPC v2 CBOR protocol"; CloudWatch API Reference, PutMetricData, GetMetricStatistics.

use std::borrow::Cow;

use aws_smithy_cbor::data::Type;
use aws_smithy_cbor::{Decoder, Encoder};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Opens one; its URL.
pub(crate) async fn open(moto: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let moto = moto.to_owned();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, moto.clone()));
        }
    });
    format!("http://{address}")
}

async fn serve(mut stream: TcpStream, moto: String) {
    let client = aws::http::Client::new().unwrap();
    let mut inbox = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&inbox).into_owned();
        if let Some(end) = text.find("\r\n\r\n") {
            let head = &text[..end];
            let header = |wanted: &str| {
                let lines = head.lines().filter_map(|line| line.split_once(": "));
                let mut found = lines.filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
                found.next().map(|(_, value)| value.to_owned())
            };
            let length = header("content-length").map_or(0, |length| length.parse().unwrap());
            if inbox.len() >= end + 4 + length {
                let body = inbox[end + 4..end + 4 + length].to_vec();
                let path = head.split(' ').nth(1).unwrap();
                let answer = match path.split_once("/operation/") {
                    Some((_, operation)) => cbor(&client, &moto, operation, &body).await,
                    None => pass(&client, &moto, head, body).await,
                };
                stream.write_all(&answer).await.unwrap();
                inbox.clear();
                continue;
            }
        }
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer).await {
            Ok(count) if count > 0 => inbox.extend_from_slice(&buffer[..count]),
            _ => return,
        }
    }
}

async fn pass(client: &aws::http::Client, moto: &str, head: &str, body: Vec<u8>) -> Vec<u8> {
    let mut lines = head.lines();
    let mut words = lines.next().unwrap().split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let mut request = ::http::Request::builder()
        .method(method)
        .uri(format!("{moto}{path}"));
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        if !["host", "content-length"].contains(&name.to_ascii_lowercase().as_str()) {
            request = request.header(name, value);
        }
    }
    let answer = client
        .call(request.body(body.into()).unwrap())
        .await
        .unwrap();
    let (head, body) = answer.into_parts();
    let kind = head
        .headers
        .get("content-type")
        .map(|kind| kind.to_str().unwrap().to_owned());
    let body = body.collect().await.unwrap().to_bytes();
    written(head.status.as_u16(), &kind.unwrap_or_default(), &body)
}

fn written(status: u16, kind: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status} Answer\r\ncontent-type: {kind}\r\nsmithy-protocol: rpc-v2-cbor\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// A call in CBOR, asked in Query.
async fn cbor(client: &aws::http::Client, moto: &str, operation: &str, body: &[u8]) -> Vec<u8> {
    let mut form = vec![
        ("Action".to_owned(), operation.to_owned()),
        ("Version".to_owned(), "2010-08-01".to_owned()),
    ];
    flatten(&mut Decoder::new(body), "", &mut form);
    let form = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    let request = ::http::Request::post(moto)
        .header("content-type", "application/x-www-form-urlencoded")
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=AKIDMOTO/20261123/us-east-1/monitoring/aws4_request, SignedHeaders=host, Signature=0",
        )
        .body(Bytes::from(form));
    let answer = client.call(request.unwrap()).await.unwrap();
    let (head, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let text = String::from_utf8_lossy(&body);
    assert!(head.status.is_success(), "{operation}: {text}");
    written(200, "application/cbor", &datapoints(&text))
}

/// The members of a CBOR map as `A.B.member.1.C=value`.
fn flatten(decoder: &mut Decoder<'_>, name: &str, form: &mut Vec<(String, String)>) {
    let under = |part: &str| match name {
        "" => part.to_owned(),
        _ => format!("{name}.{part}"),
    };
    let mut add = |value: String| form.push((name.to_owned(), value));
    match decoder.datatype().unwrap() {
        Type::Map | Type::MapIndef => {
            let count = decoder.map().unwrap();
            let mut done = 0;
            while count.is_none_or(|count| done < count) {
                if count.is_none() && decoder.datatype().unwrap() == Type::Break {
                    decoder.skip().unwrap();
                    return;
                }
                let key: Cow<'_, str> = decoder.str().unwrap();
                flatten(decoder, &under(&key), form);
                done += 1;
            }
        }
        Type::Array | Type::ArrayIndef => {
            let count = decoder.list().unwrap();
            let mut done = 0;
            while count.is_none_or(|count| done < count) {
                if count.is_none() && decoder.datatype().unwrap() == Type::Break {
                    decoder.skip().unwrap();
                    return;
                }
                done += 1;
                flatten(decoder, &under(&format!("member.{done}")), form);
            }
        }
        Type::String | Type::StringIndef => add(decoder.string().unwrap()),
        Type::Tag => {
            let at = decoder.timestamp().unwrap();
            add(at.fmt(Format::DateTime).unwrap());
        }
        Type::F16 | Type::F32 | Type::F64 => add(decoder.double().unwrap().to_string()),
        _ => add(decoder.long().unwrap().to_string()),
    }
}

/// What GetMetricStatistics answers in XML, as CBOR; nothing else has datapoints.
fn datapoints(xml: &str) -> Vec<u8> {
    let members: Vec<&str> = match xml.split_once("<Datapoints>") {
        Some((_, rest)) => rest.split("<member>").skip(1).collect(),
        None => Vec::new(),
    };
    let mut encoder = Encoder::new(Vec::new());
    encoder.map(1).str("Datapoints").array(members.len());
    for member in members {
        let part = |name: &str| {
            let (_, rest) = member.split_once(&format!("<{name}>")).unwrap();
            rest.split_once('<').unwrap().0
        };
        let at = DateTime::from_str(part("Timestamp"), Format::DateTime).unwrap();
        encoder.map(2).str("Timestamp").timestamp(&at);
        encoder.str("Sum").double(part("Sum").parse().unwrap());
    }
    encoder.into_writer()
}
