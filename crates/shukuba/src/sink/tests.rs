//! The sink from outside, over one connection at a time.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

async fn started(options: SinkOptions) -> SocketAddr {
    let sink = Sink::bind(options).await.unwrap();
    let address = sink.address;
    tokio::spawn(sink.serve(std::future::pending()));
    address
}

/// Sends `requests` and reads until the sink closes.
async fn talk(address: SocketAddr, requests: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(requests.as_bytes()).await.unwrap();
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all).await;
    all
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nhost: sink\r\n\r\n")
}

fn last(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nhost: sink\r\nconnection: close\r\n\r\n")
}

async fn statuses(address: SocketAddr, requests: &str) -> Vec<u16> {
    let all = talk(address, requests).await;
    let text = String::from_utf8_lossy(&all).into_owned();
    let found = text.match_indices("HTTP/1.1 ");
    found
        .map(|(at, found)| text[at + found.len()..][..3].parse().unwrap())
        .collect()
}

async fn stats(address: SocketAddr) -> Value {
    let all = talk(address, &last("/_sink/stats")).await;
    let text = String::from_utf8(all).unwrap();
    serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[tokio::test]
async fn it_answers_pipelined_requests_in_order() {
    let address = started(SinkOptions::default()).await;
    let post = "POST /status/201 HTTP/1.1\r\ncontent-length: 5\r\n\r\nhello";
    let requests = [
        &get("/ok"),
        post,
        &get("/status/404"),
        &get("/anything?x=1"),
        &last("/redirect"),
    ]
    .map(ToString::to_string)
    .concat();
    assert_eq!(
        statuses(address, &requests).await,
        [200, 201, 404, 200, 302]
    );
    let stats = stats(address).await;
    assert_eq!(stats["requests"], 5);
    assert_eq!(stats["paths"]["/status/404"], 1);
    assert_eq!(stats["statuses"]["200"], 2);
}

#[tokio::test]
async fn ids_are_counted_once_and_again() {
    let address = started(SinkOptions::default()).await;
    let by_header = "GET /ok HTTP/1.1\r\nX-Notification-Id: a\r\n\r\n";
    let requests = [
        by_header,
        by_header,
        &get("/ok?id=a"),
        &get("/ok?x=1&id=b"),
        &last("/ok"),
    ]
    .concat();
    statuses(address, &requests).await;
    let seen = stats(address).await;
    assert_eq!(
        (&seen["ids_distinct"], &seen["ids_duplicate"]),
        (&2.into(), &2.into())
    );
    talk(
        address,
        "POST /_sink/reset HTTP/1.1\r\nconnection: close\r\n\r\n",
    )
    .await;
    let seen = stats(address).await;
    assert_eq!(
        (&seen["requests"], &seen["ids_distinct"]),
        (&0.into(), &0.into())
    );
}

#[tokio::test]
async fn a_flaky_id_fails_its_first_tries_only() {
    let address = started(SinkOptions::default()).await;
    let all: String = (0..200)
        .map(|n| get(&format!("/flaky?p=0.3&id={n}")))
        .collect();
    let first = statuses(address, &(all.clone() + &last("/ok"))).await;
    let failed = first.iter().filter(|status| **status == 503).count();
    assert!((30..90).contains(&failed), "{failed} of 200");
    let again = statuses(address, &(all + &last("/ok"))).await;
    assert!(again.iter().all(|status| *status == 200));
}

#[tokio::test]
async fn a_limit_answers_429_beyond_its_rate() {
    let address = started(SinkOptions::default()).await;
    let requests: String = (0..5).map(|_| get("/limited/a?rate=2")).collect();
    let seen = statuses(address, &(requests + &last("/limited/b?rate=2"))).await;
    assert_eq!(seen, [200, 200, 429, 429, 429, 200]);
}

#[tokio::test]
async fn misbehaviour_is_as_the_path_says() {
    let address = started(SinkOptions::default()).await;
    assert_eq!(talk(address, &get("/close")).await, b"");
    assert_eq!(talk(address, &get("/reset")).await, b"");
    assert!(!talk(address, &get("/garbage")).await.starts_with(b"HTTP"));
    let huge = talk(address, &get("/huge?bytes=200000")).await;
    assert!(huge.len() > 200_000);
    assert_eq!(
        statuses(address, &(get("/slow?ms=1") + &last("/ok"))).await,
        [200, 200]
    );
    assert_eq!(statuses(address, "NONSENSE\r\n\r\n").await, [400]);
    assert_eq!(
        statuses(
            address,
            "POST / HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n"
        )
        .await,
        [413]
    );
    let limited = last("/status/503?retry_after=7");
    let answer = String::from_utf8(talk(address, &limited).await).unwrap();
    assert!(answer.contains("\r\nretry-after: 7\r\n"), "{answer}");
}

#[tokio::test]
async fn the_default_target_and_the_log_are_obeyed() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let options = SinkOptions {
        log: Some(log.clone()),
        default_target: "/status/503".to_owned(),
        ..SinkOptions::default()
    };
    let sink = Sink::bind(options).await.unwrap();
    let address = sink.address;
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(sink.serve(async { drop(ended.await) }));
    assert_eq!(
        statuses(address, &(get("/event?id=7") + &last("/ok"))).await,
        [503, 200]
    );
    end.send(()).unwrap();
    serving.await.unwrap().unwrap();
    let text = std::fs::read_to_string(log).unwrap();
    let lines: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split('\t').collect())
        .collect();
    assert_eq!(lines[0][1..], ["GET", "/event?id=7", "7"]);
    assert_eq!(lines[1][1..], ["GET", "/ok", ""]);
    assert!(base::Timestamp::parse_rfc3339(lines[0][0]).is_some());
}
