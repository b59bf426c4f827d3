//! [`open_results`] on folders, on buckets of real servers, and on one of a server in this process that keeps objects in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws::{Account, open_results};
use delivery::contract::result_store;
use delivery::port::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

use crate::server::{Kind, Server};

#[tokio::test]
async fn a_folder_keeps_the_contract_of_result_stores() {
    let account = Account::with_key("id", "secret", "eu-west-1").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    result_store(&open_results(&account, path).unwrap()).await;
    result_store(&open_results(&account, &format!("file://{path}")).unwrap()).await;
}

#[tokio::test]
async fn a_bucket_keeps_the_contract_of_result_stores() {
    let endpoint = bucket().await;
    let account = Account::with_key("id", "secret", "eu-west-1")
        .unwrap()
        .at(&endpoint);
    result_store(&open_results(&account, "s3://bucket/prefix").unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_of_a_server_keeps_the_contract_of_result_stores() {
    for kind in [Kind::Ours, Kind::Moto] {
        let server = Server::of(kind).await;
        let account = server.account().at(&server.endpoint);
        server.bucket("contract-results").await;
        for place in ["s3://contract-results/a/b", "s3://contract-results"] {
            result_store(&open_results(&account, place).unwrap()).await;
        }
    }
}

#[test]
fn what_is_no_place_is_refused() {
    let account = Account::with_key("id", "secret", "eu-west-1").unwrap();
    for place in ["http://host/results", "gs://bucket", "s3:///prefix"] {
        let refused = open_results(&account, place).unwrap_err();
        assert!(
            matches!(refused, Error::Refused { .. }),
            "{place}: {refused}"
        );
    }
}

type Objects = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// The least of S3 that the contract needs: PUT, GET with a range, DELETE, ListObjectsV2, in path style.
async fn bucket() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let objects = Objects::default();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Arc::clone(&objects)));
        }
    });
    format!("http://{address}")
}

async fn serve(mut stream: TcpStream, objects: Objects) {
    let mut inbox = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&inbox).into_owned();
        let header = |name: &str| {
            let found = text
                .lines()
                .find(|line| line.to_lowercase().starts_with(name));
            found
                .and_then(|line| line.split_once(": "))
                .map(|(_, value)| value.to_owned())
        };
        if let Some(end) = text.find("\r\n\r\n").map(|end| end + 4) {
            let length = header("content-length:").map_or(0, |length| length.parse().unwrap());
            if inbox.len() >= end + length {
                let body = inbox[end..end + length].to_vec();
                assert!(text.contains("AWS4-HMAC-SHA256"), "every request is signed");
                let answer = answer(&text, body, header("range:"), &objects).await;
                stream.write_all(&answer).await.unwrap();
                inbox.drain(..end + length);
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

async fn answer(head: &str, body: Vec<u8>, range: Option<String>, objects: &Objects) -> Vec<u8> {
    let mut parts = head.split(' ');
    let (method, target) = (parts.next().unwrap(), parts.next().unwrap());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let name = path
        .strip_prefix("/bucket")
        .unwrap()
        .trim_start_matches('/')
        .to_owned();
    let mut objects = objects.lock().await;
    match method {
        "PUT"
            if objects.contains_key(&name) && head.to_lowercase().contains("if-none-match: *") =>
        {
            let body = b"<Error><Code>PreconditionFailed</Code></Error>";
            written("412 Precondition Failed", "", body)
        }
        "PUT" => {
            objects.insert(name, body);
            written("200 OK", "etag: \"e\"\r\n", b"")
        }
        "DELETE" => {
            objects.remove(&name);
            written("204 No Content", "", b"")
        }
        "POST" if query.starts_with("delete") => {
            let text = String::from_utf8(body).unwrap();
            let mut deleted = String::new();
            for key in text.split("<Key>").skip(1) {
                let key = key.split("</Key>").next().unwrap();
                objects.remove(key);
                deleted.push_str(&format!("<Deleted><Key>{key}</Key></Deleted>"));
            }
            let answer = format!("<DeleteResult>{deleted}</DeleteResult>");
            written("200 OK", "", answer.as_bytes())
        }
        "GET" if name.is_empty() => written("200 OK", "", list(query, &objects).as_bytes()),
        _ => match objects.get(&name) {
            Some(bytes) => get(bytes, range),
            None => written(
                "404 Not Found",
                "",
                b"<Error><Code>NoSuchKey</Code></Error>",
            ),
        },
    }
}

fn get(bytes: &[u8], range: Option<String>) -> Vec<u8> {
    let times = "last-modified: Mon, 23 Nov 2026 05:00:00 GMT\r\netag: \"e\"\r\n";
    let Some(range) = range else {
        return written("200 OK", times, bytes);
    };
    let (from, to) = range
        .trim()
        .strip_prefix("bytes=")
        .unwrap()
        .split_once('-')
        .unwrap();
    let (from, to): (usize, usize) = (from.parse().unwrap(), to.parse().unwrap());
    let to = to.min(bytes.len() - 1);
    let part = format!(
        "{times}content-range: bytes {from}-{to}/{}\r\n",
        bytes.len()
    );
    written("206 Partial Content", &part, &bytes[from..=to])
}

fn list(query: &str, objects: &BTreeMap<String, Vec<u8>>) -> String {
    let prefix = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("prefix="))
        .unwrap_or_default();
    let prefix = prefix.replace("%2F", "/");
    let mut text = "<ListBucketResult><IsTruncated>false</IsTruncated>".to_owned();
    for (name, bytes) in objects.iter().filter(|(name, _)| name.starts_with(&prefix)) {
        let size = bytes.len();
        text.push_str(&format!("<Contents><Key>{name}</Key><Size>{size}</Size><LastModified>2026-11-23T05:00:00.000Z</LastModified><ETag>\"e\"</ETag></Contents>"));
    }
    text + "</ListBucketResult>"
}

fn written(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}
