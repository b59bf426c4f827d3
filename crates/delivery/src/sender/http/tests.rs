//! The sender against receivers of every kind, each a task on a port of its own.
//!
//! tidy: long because every way to misbehave is a receiver with its own few lines.

mod http2;
mod identity;
mod judging;
mod proxy;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use ipnet::IpNet;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::super::contract::{self, notification, request, send_once, senders};
use super::super::{Senders, Tools};
use super::*;
use crate::config::SecretText;
use crate::dns;

/// A receiver: what it does with each connection, by the connection's number from 0.
async fn receiver<F, Fut>(act: F) -> SocketAddr
where
    F: Fn(usize, TcpStream) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut number = 0;
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(act(number, stream));
            number += 1;
        }
    });
    address
}

/// Reads one request: head and as much body as its Content-Length says.
async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut all = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&all).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text;
            }
        }
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer).await {
            Ok(count) if count > 0 => all.extend_from_slice(&buffer[..count]),
            _ => return text,
        }
    }
}

async fn answer(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) {
    let _ = stream.write_all(bytes).await;
    let _ = stream.flush().await;
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

fn loopback() -> Vec<IpNet> {
    vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()]
}

fn rules() -> DestinationRules {
    DestinationRules {
        allow_cidrs: loopback(),
        ..DestinationRules::default()
    }
}

/// Timeouts of a tenth of a second once the connection stands.
fn hasty() -> DestinationRules {
    DestinationRules {
        timeout_first_byte: Duration::from_millis(100),
        timeout_total: Duration::from_millis(150),
        ..rules()
    }
}

fn get(address: SocketAddr, path: &str) -> Request {
    request(&format!("http://{address}{path}"), Method::GET, "")
}

fn post(address: SocketAddr) -> Request {
    request(
        &format!("http://{address}/p?q=1"),
        Method::POST,
        "a=1&b=%20",
    )
}

/// Answers every request on a connection with the same bytes.
async fn always(bytes: &'static [u8]) -> (SocketAddr, Arc<AtomicUsize>) {
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let address = receiver(move |_, mut stream| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move {
            while !read_request(&mut stream).await.is_empty() {
                answer(&mut stream, bytes).await;
            }
        }
    })
    .await;
    (address, connections)
}

/// Sends and leaves the connection open without a word.
async fn silent() -> SocketAddr {
    receiver(|_, mut stream| async move {
        let mut sink = [0; 1024];
        while stream.read(&mut sink).await.is_ok_and(|count| count > 0) {}
    })
    .await
}

/// A port on which nobody listens.
async fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

#[tokio::test]
async fn http_keeps_the_contract_of_senders() {
    let (address, _) = always(OK).await;
    let good = post(address);
    let refused = request("http://169.254.169.254/latest/meta-data", Method::GET, "");
    let (silent, absent) = (get(silent().await, "/"), get(nobody().await, "/"));
    let rules = rules();
    contract::holds(
        (&good, &rules),
        (&silent, &rules),
        (&absent, &rules),
        (&refused, &rules),
    )
    .await;
}

#[tokio::test]
async fn connections_are_kept_and_used_again() {
    let (address, connections) = always(OK).await;
    let senders = senders();
    let notification = notification(post(address));
    for round in 0..20 {
        let attempt = senders
            .send(&notification, &rules(), Duration::from_secs(5))
            .await;
        assert_eq!((attempt.status, attempt.error), (Some(200), None));
        assert_eq!(&attempt.excerpt[..], b"ok");
        assert_eq!(attempt.address, Some(address));
        assert_eq!(attempt.timings.connect > Duration::ZERO, round == 0);
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn other_rules_for_connecting_never_meet_a_kept_connection() {
    let (address, connections) = always(OK).await;
    let senders = senders();
    let notification = notification(post(address));
    let send = |rules: DestinationRules| {
        let (senders, notification) = (senders.clone(), notification.clone());
        async move {
            senders
                .send(&notification, &rules, Duration::from_secs(5))
                .await
        }
    };
    assert_eq!(send(rules()).await.error, None);
    let none = DestinationRules::default();
    assert_eq!(send(none).await.error, Some(ErrorClass::Refused));
    let only_host = vec![IpNet::from(address.ip())];
    let narrower = DestinationRules {
        allow_cidrs: only_host,
        ..rules()
    };
    assert_eq!(send(narrower).await.error, None);
    let unkept = DestinationRules {
        idle_connections_max: 0,
        ..rules()
    };
    assert_eq!(send(unkept.clone()).await.error, None);
    assert_eq!(send(unkept).await.error, None);
    assert_eq!(connections.load(Ordering::SeqCst), 4);
}

/// Name, bytes of the answer, whether the receiver then closes, status, error.
type Case = (&'static str, Vec<u8>, bool, Option<u16>, Option<ErrorClass>);

/// Each hostile or odd receiver ends in its own way: bytes sent after the request, then closed or held open.
#[tokio::test]
async fn hostile_receivers_end_each_in_their_own_class() {
    let flood = format!("HTTP/1.1 200 OK\r\n{}", "x: y\r\n".repeat(100_000));
    let long_header = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(200_000));
    let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(10_000);
    let huge = [
        b"HTTP/1.1 200 OK\r\ncontent-length: 10737418240\r\n\r\n".to_vec(),
        vec![b'x'; 1 << 20],
    ]
    .concat();
    let endless = [
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec(),
        b"1\r\nx\r\n".repeat(100_000),
    ]
    .concat();
    let close = true;
    let hold = false;
    #[rustfmt::skip]
    let cases: Vec<Case> = vec![
        ("closes at once", b"".to_vec(), close, None, Some(ErrorClass::Closed)),
        ("closes in the head", b"HTTP/1.1 200 OK\r\nconte".to_vec(), close, None, Some(ErrorClass::Closed)),
        ("closes in the body", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc".to_vec(), close, Some(200), Some(ErrorClass::Closed)),
        ("closes in a chunk", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab".to_vec(), close, Some(200), Some(ErrorClass::Closed)),
        ("hangs", b"".to_vec(), hold, None, Some(ErrorClass::FirstByteTimeout)),
        ("hangs in the head", b"HTTP/1.1 200 OK\r\n".to_vec(), hold, None, Some(ErrorClass::FirstByteTimeout)),
        ("hangs in the body", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc".to_vec(), hold, Some(200), Some(ErrorClass::TotalTimeout)),
        ("speaks no HTTP", b"220 mail.example ESMTP\r\n".to_vec(), hold, None, Some(ErrorClass::Protocol)),
        ("speaks garbage", vec![0xff; 10_000], hold, None, Some(ErrorClass::Protocol)),
        ("floods headers", flood.into_bytes(), hold, None, Some(ErrorClass::Protocol)),
        ("sends one long header", long_header.into_bytes(), hold, None, Some(ErrorClass::Protocol)),
        ("sends interim answers for ever", interim.into_bytes(), hold, None, Some(ErrorClass::Protocol)),
        ("sends two lengths", b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx".to_vec(), hold, None, Some(ErrorClass::Protocol)),
        ("sends a bad chunk", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".to_vec(), hold, Some(200), Some(ErrorClass::Protocol)),
        ("sends 10 GB", huge, hold, Some(200), None),
        ("sends tiny chunks for ever", endless, hold, Some(200), None),
        ("answers until it closes", b"HTTP/1.0 500 Oops\r\n\r\nabc".to_vec(), close, Some(500), None),
        ("redirects", b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/\r\ncontent-length: 0\r\n\r\n".to_vec(), hold, Some(302), None),
    ];
    for (name, bytes, closes, status, error) in cases {
        let bytes: Arc<[u8]> = bytes.into();
        let address = receiver(move |_, mut stream| {
            let bytes = Arc::clone(&bytes);
            async move {
                read_request(&mut stream).await;
                answer(&mut stream, &bytes).await;
                if !closes {
                    read_request(&mut stream).await;
                }
            }
        })
        .await;
        let attempt = send_once(post(address), hasty()).await;
        assert_eq!(
            (attempt.status, attempt.error),
            (status, error),
            "{name}: {}",
            attempt.detail
        );
        assert!(attempt.sent, "{name}");
        assert!(
            attempt.excerpt.len() <= hasty().response_excerpt_bytes,
            "{name}"
        );
        assert_eq!(
            attempt.error.is_some(),
            attempt.error.is_some() && !attempt.detail.is_empty(),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_dripping_receiver_ends_with_the_attempts_time() {
    let address = receiver(|_, mut stream| async move {
        read_request(&mut stream).await;
        answer(
            &mut stream,
            b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n",
        )
        .await;
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let attempt = send_once(post(address), hasty()).await;
    assert_eq!(
        (attempt.status, attempt.error),
        (Some(200), Some(ErrorClass::TotalTimeout))
    );
    assert!(!attempt.excerpt.is_empty());
}

#[tokio::test]
async fn a_reset_is_a_closed_connection() {
    let address = receiver(|_, mut stream| async move {
        let mut one = [0];
        let _ = stream.read(&mut one).await;
        // Unread bytes make the close a reset.
        drop(stream);
    })
    .await;
    let attempt = send_once(post(address), hasty()).await;
    assert_eq!(
        (attempt.status, attempt.error),
        (None, Some(ErrorClass::Closed))
    );
}

/// The receiver takes one request per connection, then closes without saying so; the close has arrived.
#[tokio::test]
async fn a_kept_connection_that_was_closed_is_replaced_before_anything_is_sent() {
    let (closed, mut closes) = tokio::sync::mpsc::unbounded_channel();
    let address = receiver(move |_, mut stream| {
        let closed = closed.clone();
        async move {
            read_request(&mut stream).await;
            answer(&mut stream, OK).await;
            drop(stream);
            let _ = closed.send(());
        }
    })
    .await;
    let sender = HttpSender::new(&Tools::new(Arc::new(base::SystemClock::new())));
    let notification = notification(post(address));
    for _ in 0..5 {
        let attempt = sender
            .send(&notification, &rules(), Duration::from_secs(5))
            .await;
        assert_eq!(
            (attempt.status, attempt.error),
            (Some(200), None),
            "{}",
            attempt.detail
        );
        closes.recv().await.unwrap();
        let origin = &notification.request.url[..Position::BeforePath];
        while !sender.pool.are_closed(origin) {
            tokio::task::yield_now().await;
        }
    }
}

/// The receiver reads the second request of a connection and closes: the close crosses the request.
#[tokio::test]
async fn a_close_that_crosses_the_request_is_repeated_only_when_it_may_be() {
    for (method, error) in [
        (Method::GET, None),
        (Method::POST, Some(ErrorClass::Closed)),
    ] {
        let address = receiver(|number, mut stream| async move {
            read_request(&mut stream).await;
            answer(&mut stream, OK).await;
            if number > 0 {
                read_request(&mut stream).await;
                answer(&mut stream, OK).await;
            }
            read_request(&mut stream).await;
        })
        .await;
        let senders = senders();
        let mut notification = notification(get(address, "/"));
        notification.request.method = method;
        let first = senders
            .send(&notification, &rules(), Duration::from_secs(5))
            .await;
        assert_eq!(first.error, None);
        let second = senders
            .send(&notification, &rules(), Duration::from_secs(5))
            .await;
        assert_eq!(second.error, error, "{}", second.detail);
        assert!(second.sent);
    }
}

#[tokio::test]
async fn bytes_after_an_answer_are_never_the_next_answer() {
    let (address, connections) = always(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 500 Evil\r\ncontent-length: 0\r\n\r\n").await;
    let senders = senders();
    for _ in 0..3 {
        let attempt = senders
            .send(
                &notification(post(address)),
                &rules(),
                Duration::from_secs(5),
            )
            .await;
        assert_eq!(attempt.status, Some(200));
    }
    assert_eq!(connections.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn an_early_answer_to_a_large_request_is_seen() {
    let address = receiver(|_, mut stream| async move {
        let mut some = [0; 1024];
        let _ = stream.read(&mut some).await;
        answer(
            &mut stream,
            b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        )
        .await;
        // Reads on, so that the answer is not lost to a reset.
        while stream.read(&mut some).await.is_ok_and(|count| count > 0) {}
    })
    .await;
    let mut large = post(address);
    large.body = vec![b'x'; 1 << 20].into();
    let attempt = send_once(large, rules()).await;
    assert_eq!(
        (attempt.status, attempt.error),
        (Some(413), None),
        "{}",
        attempt.detail
    );
}

#[tokio::test]
async fn the_body_is_sent_byte_exact() {
    let (seen, mut requests) = tokio::sync::mpsc::unbounded_channel();
    let address = receiver(move |_, mut stream| {
        let seen = seen.clone();
        async move {
            let _ = seen.send(read_request(&mut stream).await);
            answer(&mut stream, OK).await;
        }
    })
    .await;
    let secret = SecretText::new("top-secret".into());
    let rules = DestinationRules {
        headers: vec![("authentication".into(), secret)],
        ..rules()
    };
    let attempt = send_once(post(address), rules.clone()).await;
    let seen = requests.recv().await.unwrap();
    assert!(
        seen.starts_with(&format!(
            "POST /p?q=1 HTTP/1.1\r\nhost: {address}\r\nauthentication: top-secret\r\n"
        )),
        "{seen}"
    );
    assert!(
        seen.ends_with("\r\ncontent-length: 9\r\n\r\na=1&b=%20"),
        "{seen}"
    );
    assert!(!format!("{attempt:?}{rules:?}").contains("top-secret"));
}

#[tokio::test]
async fn retry_after_is_told() {
    let (address, _) =
        always(b"HTTP/1.1 429 Slow\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n").await;
    let attempt = send_once(post(address), rules()).await;
    assert_eq!(
        (attempt.status, attempt.retry_after),
        (Some(429), Some(Duration::from_secs(7)))
    );
}

/// Answers names from a list.
#[derive(Debug)]
struct Names(&'static [(&'static str, &'static [&'static str])]);

impl dns::Resolve for Names {
    fn resolve(&self, host: &str) -> BoxFuture<'static, Result<dns::Found, dns::Missing>> {
        let found = self.0.iter().find(|(name, _)| *name == host);
        let parse = |list: &[&str]| -> Vec<std::net::IpAddr> {
            list.iter().map(|text| text.parse().unwrap()).collect()
        };
        let found = found.map(|(_, list)| dns::Found::from(parse(list)));
        let missing = || std::io::Error::other("no such name").into();
        Box::pin(std::future::ready(found.ok_or_else(missing)))
    }
}

fn senders_with(names: &'static [(&'static str, &'static [&'static str])]) -> Senders {
    Senders::new(Tools::with_resolver(
        Arc::new(base::SystemClock::new()),
        Arc::new(Names(names)),
    ))
}

#[tokio::test]
async fn names_are_checked_by_every_address_behind_them() {
    let (address, _) = always(OK).await;
    let senders = senders_with(&[
        ("good.example", &["127.0.0.1"]),
        ("mapped.example", &["::ffff:127.0.0.1"]),
        ("mixed.example", &["127.0.0.1", "10.0.0.1"]),
        ("metadata.example", &["169.254.169.254"]),
    ]);
    for (host, error, line) in [
        ("good.example", None, ""),
        ("mapped.example", None, ""),
        (
            "mixed.example",
            Some(ErrorClass::Address),
            "allow_cidrs = [\"127.0.0.0/8\", \"::1/128\", \"10.0.0.1/32\"]",
        ),
        (
            "metadata.example",
            Some(ErrorClass::Address),
            "[destinations.\"metadata.example:",
        ),
        ("missing.example", Some(ErrorClass::Dns), "does not resolve"),
    ] {
        let url = format!("http://{host}:{}/", address.port());
        let notification = notification(request(&url, Method::GET, ""));
        let attempt = senders
            .send(&notification, &rules(), Duration::from_secs(5))
            .await;
        assert_eq!(attempt.error, error, "{host}: {}", attempt.detail);
        assert!(attempt.detail.contains(line), "{host}: {}", attempt.detail);
        assert_eq!(attempt.sent, error.is_none());
        let shown = senders.way(&notification.request, &rules()).await;
        assert_eq!(shown.is_ok(), error.is_none(), "{host}");
    }
}

#[tokio::test]
async fn an_address_that_refuses_leaves_the_next_one() {
    let (address, _) = always(OK).await;
    let senders = senders_with(&[("two.example", &["::1", "127.0.0.1"])]);
    let url = format!("http://two.example:{}/", address.port());
    let attempt = senders
        .send(
            &notification(request(&url, Method::GET, "")),
            &rules(),
            Duration::from_secs(5),
        )
        .await;
    assert_eq!(
        (attempt.status, attempt.address),
        (Some(200), Some(address)),
        "{}",
        attempt.detail
    );
}

#[tokio::test]
async fn connect_to_is_the_operators_own_line() {
    let (address, _) = always(OK).await;
    let rules = DestinationRules {
        connect_to: Some(address.to_string()),
        ..DestinationRules::default()
    };
    let attempt = send_once(request("http://tracker.example/", Method::GET, ""), rules).await;
    assert_eq!(
        (attempt.status, attempt.address),
        (Some(200), Some(address)),
        "{}",
        attempt.detail
    );
}

/// A receiver with a certificate for `tracker.example`; gives its address and the file of its authority.
async fn tls_receiver(folder: &tempfile::TempDir) -> (SocketAddr, std::path::PathBuf) {
    let made = rcgen::generate_simple_self_signed(vec!["tracker.example".to_owned()]).unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, made.cert.pem()).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let address = receiver(move |_, stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                return;
            };
            while !read_request(&mut stream).await.is_empty() {
                answer(&mut stream, OK).await;
            }
        }
    })
    .await;
    (address, file)
}

#[tokio::test]
async fn tls_checks_name_and_authority_and_keeps_the_connection() {
    let folder = tempfile::tempdir().unwrap();
    let (address, file) = tls_receiver(&folder).await;
    let trusting = DestinationRules {
        connect_to: Some(address.to_string()),
        ca_file: Some(file),
        ..DestinationRules::default()
    };
    let right = notification(request("https://tracker.example/x", Method::POST, "a"));
    let senders = senders();
    for round in 0..3 {
        let attempt = senders
            .send(&right, &trusting, Duration::from_secs(5))
            .await;
        assert_eq!(
            (attempt.status, attempt.error),
            (Some(200), None),
            "{}",
            attempt.detail
        );
        assert_eq!(attempt.timings.tls > Duration::ZERO, round == 0);
    }
    let other_name = send_once(
        request("https://other.example/", Method::GET, ""),
        trusting.clone(),
    )
    .await;
    assert_eq!(
        other_name.error,
        Some(ErrorClass::Tls),
        "{}",
        other_name.detail
    );
    assert!(!other_name.sent);
    let missing = DestinationRules {
        ca_file: Some("/nonexistent".into()),
        ..trusting.clone()
    };
    let no_file = send_once(right.request.clone(), missing).await;
    assert!(
        no_file.detail.contains("ca_file `/nonexistent`"),
        "{}",
        no_file.detail
    );
    let untrusting = DestinationRules {
        ca_file: None,
        ..trusting
    };
    assert_eq!(
        send_once(right.request, untrusting).await.error,
        Some(ErrorClass::Tls)
    );
}

#[tokio::test]
async fn a_silent_handshake_ends_in_its_own_class() {
    let address = silent().await;
    let hasty = DestinationRules {
        timeout_tls: Duration::from_millis(50),
        ..rules()
    };
    let attempt = send_once(
        request(&format!("https://{address}/"), Method::GET, ""),
        hasty,
    )
    .await;
    assert_eq!(
        (attempt.error, attempt.sent),
        (Some(ErrorClass::TlsTimeout), false),
        "{}",
        attempt.detail
    );
}

/// A proxy that answers CONNECT with `status` and, when it is 200, joins the two ends.
async fn proxy(status: &'static str, target: SocketAddr) -> SocketAddr {
    receiver(move |_, mut stream| async move {
        let asked = read_request(&mut stream).await;
        if !asked.starts_with("CONNECT tracker.example:443 HTTP/1.1\r\nhost: tracker.example:443\r\nproxy-authorization: Basic dTpw\r\n\r\n") {
            answer(&mut stream, b"HTTP/1.1 400 Bad\r\n\r\n").await;
            return;
        }
        answer(&mut stream, format!("HTTP/1.1 {status} x\r\n\r\n").as_bytes()).await;
        if status == "200" {
            let mut other = TcpStream::connect(target).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut stream, &mut other).await;
        }
    })
    .await
}

#[tokio::test]
async fn https_goes_through_a_proxy_by_connect() {
    let folder = tempfile::tempdir().unwrap();
    let (address, file) = tls_receiver(&folder).await;
    for (status, expected) in [
        ("200", (Some(200), None)),
        ("407", (None, Some(ErrorClass::Proxy))),
    ] {
        let proxy = proxy(status, address).await;
        let rules = DestinationRules {
            proxy: Some(format!("http://u:p@{proxy}").parse().unwrap()),
            ca_file: Some(file.clone()),
            ..DestinationRules::default()
        };
        let attempt = send_once(request("https://tracker.example/", Method::GET, ""), rules).await;
        assert_eq!(
            (attempt.status, attempt.error),
            expected,
            "{}",
            attempt.detail
        );
        assert_eq!(attempt.address, Some(proxy));
    }
}

#[tokio::test]
async fn http_goes_through_a_proxy_with_its_whole_url() {
    let proxy = receiver(|_, mut stream| async move {
        let asked = read_request(&mut stream).await;
        let is_right = asked
            .starts_with("GET http://tracker.example/a?b HTTP/1.1\r\nhost: tracker.example\r\n");
        let answer_bytes: &[u8] = if is_right {
            OK
        } else {
            b"HTTP/1.1 400 Bad\r\n\r\n"
        };
        answer(&mut stream, answer_bytes).await;
    })
    .await;
    let rules = DestinationRules {
        proxy: Some(format!("http://{proxy}").parse().unwrap()),
        ..DestinationRules::default()
    };
    let attempt = send_once(
        request("http://tracker.example/a?b", Method::GET, ""),
        rules.clone(),
    )
    .await;
    assert_eq!(attempt.status, Some(200), "{}", attempt.detail);
    let private = send_once(request("http://10.0.0.1/", Method::GET, ""), rules).await;
    assert_eq!(private.error, Some(ErrorClass::Refused));
}

/// The harness of the contract that every crate's senders share.
struct Http {
    senders: Senders,
    accepted: SocketAddr,
    hanging: SocketAddr,
    absent: SocketAddr,
    taken: Arc<AtomicUsize>,
}

impl crate::contract::SenderHarness for Http {
    fn sender(&self) -> &dyn Sender {
        &self.senders
    }

    fn accepted(&self) -> Request {
        post(self.accepted)
    }

    fn hanging(&self) -> Request {
        post(self.hanging)
    }

    fn absent(&self) -> Request {
        post(self.absent)
    }

    fn rules(&self) -> DestinationRules {
        rules()
    }

    fn taken(&self) -> BoxFuture<'_, usize> {
        Box::pin(std::future::ready(self.taken.load(Ordering::SeqCst)))
    }
}

#[tokio::test]
async fn http_keeps_the_contract_of_the_port() {
    let taken = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&taken);
    let accepted = receiver(move |_, mut stream| {
        let counted = Arc::clone(&counted);
        async move {
            while !read_request(&mut stream).await.is_empty() {
                counted.fetch_add(1, Ordering::SeqCst);
                answer(&mut stream, OK).await;
            }
        }
    })
    .await;
    let harness = Http {
        senders: senders(),
        accepted,
        hanging: silent().await,
        absent: nobody().await,
        taken,
    };
    crate::contract::sender(&harness).await;
}
