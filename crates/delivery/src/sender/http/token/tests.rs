//! Token servers and receivers of every kind, each a task on a port of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::config::{Settings, SystemSecrets};
use crate::destinations::Destinations;
use crate::port::Sender;
use crate::sender::contract::{notification, request, senders};

/// Requests as they arrived.
type Seen = Arc<Mutex<Vec<String>>>;

/// A server that answers by the number of the request, from 0, and its text; an empty answer is none at all.
async fn server<F>(answer: F) -> (SocketAddr, Seen)
where
    F: Fn(usize, &str) -> String + Send + Sync + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Seen::default();
    let (log, answer) = (Arc::clone(&seen), Arc::new(answer));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
            tokio::spawn(async move {
                loop {
                    let text = read(&mut stream).await;
                    if text.is_empty() {
                        return;
                    }
                    let number = {
                        let mut log = log.lock();
                        log.push(text.clone());
                        log.len() - 1
                    };
                    let _ = stream.write_all(answer(number, &text).as_bytes()).await;
                }
            });
        }
    });
    (address, seen)
}

async fn read(stream: &mut tokio::net::TcpStream) -> String {
    let mut all = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&all).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let mut lines = head.lines();
            let length = lines.find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text;
            }
        }
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer).await {
            Ok(count) if count > 0 => all.extend_from_slice(&buffer[..count]),
            _ => return String::new(),
        }
    }
}

fn http(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn granted(number: usize) -> String {
    let body = format!(
        "{{\"access_token\":\"token-{number}\",\"token_type\":\"Bearer\",\"expires_in\":3600}}"
    );
    http("200 OK", &body)
}

/// The rules for `receiver` where tokens come from `tokens`; the client is that of RFC 6749, section 2.3.1.
fn destinations(tokens: SocketAddr, more: &str) -> Destinations {
    let text = format!(
        "[destinations.\"*\"]\nallow_cidrs = [\"127.0.0.0/8\"]\n{more}\n[destinations.\"*\".auth]\nkind = \"oauth2\"\n\
         token_url = \"http://{tokens}/token\"\nclient_id = \"s6BhdRkqt3\"\nclient_secret = \"gX1fBat3bV\"\nscope = \"a b\"\n"
    );
    let settings: Settings = toml::from_str(&text).unwrap();
    assert_eq!(settings.problems(), []);
    Destinations::new(&settings, &SystemSecrets).unwrap()
}

async fn send(all: &Destinations, sender: &impl Sender, receiver: SocketAddr) -> Attempt {
    let url = format!("http://{receiver}/p");
    let mut request = request(&url, Method::POST, "a=1");
    let own = ("Authorization".to_owned(), "Bearer forged".to_owned());
    request.headers.push(own);
    let rules = Arc::clone(all.of_url(&request.url));
    let plenty = Duration::from_secs(10);
    let notification = notification(request);
    sender.send(&notification, &rules, plenty).await
}

#[tokio::test]
async fn one_token_is_asked_for_and_serves_all() {
    let (tokens, asked) = server(|number, _| granted(number)).await;
    let (one, first) = server(|_, _| http("200 OK", "ok")).await;
    let (other, second) = server(|_, _| http("200 OK", "ok")).await;
    let (all, sender) = (destinations(tokens, ""), senders());
    let sends =
        (0..20).map(|number| send(&all, &sender, if number % 2 == 0 { one } else { other }));
    for attempt in join_all(sends).await {
        assert_eq!((attempt.status, attempt.error), (Some(200), None));
    }
    let (asked, seen) = (
        asked.lock(),
        [first.lock(), second.lock()]
            .map(|seen| seen.clone())
            .concat(),
    );
    assert_eq!((asked.len(), seen.len()), (1, 20));
    assert!(
        asked[0].starts_with("POST /token HTTP/1.1\r\n"),
        "{}",
        asked[0]
    );
    assert!(asked[0].contains("\r\nauthorization: Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW\r\n"));
    assert!(asked[0].contains("\r\ncontent-type: application/x-www-form-urlencoded\r\n"));
    assert!(asked[0].ends_with("\r\n\r\ngrant_type=client_credentials&scope=a+b"));
    for text in seen {
        assert!(
            text.contains("\r\nauthorization: Bearer token-0\r\n"),
            "{text}"
        );
        assert!(!text.contains("forged"), "{text}");
    }
}

#[tokio::test]
async fn a_client_may_authenticate_in_the_form() {
    let (tokens, asked) = server(|number, _| granted(number)).await;
    let (receiver, _) = server(|_, _| http("200 OK", "ok")).await;
    let text = format!(
        "[destinations.\"127.0.0.1\"]\nallow_cidrs = [\"127.0.0.0/8\"]\n[destinations.\"127.0.0.1\".auth]\nkind = \"oauth2\"\n\
         token_url = \"http://{tokens}/\"\nclient_id = \"a b\"\nclient_secret = \"c&d\"\naudience = \"x\"\nclient_auth = \"body\""
    );
    let settings: Settings = toml::from_str(&text).unwrap();
    let all = Destinations::new(&settings, &SystemSecrets).unwrap();
    assert_eq!(send(&all, &senders(), receiver).await.status, Some(200));
    let asked = asked.lock();
    assert!(!asked[0].contains("authorization"), "{}", asked[0]);
    let form = "grant_type=client_credentials&audience=x&client_id=a+b&client_secret=c%26d";
    assert!(asked[0].ends_with(form), "{}", asked[0]);
}

#[tokio::test]
async fn without_a_token_nothing_is_sent_and_the_cause_is_said() {
    use FailureClass::{Limited, Network, Server, Timeout};
    let long = format!(
        "{{\"access_token\":\"{}\"}}",
        "t".repeat(TOKEN_ANSWER_BYTES_MAX)
    );
    for (answer, class, said) in [
        (
            http("401 Unauthorized", "{\"error\":\"invalid_client\"}"),
            Server,
            "status 401: invalid_client",
        ),
        (http("500 Oops", "gX1fBat3bV"), Server, "status 500"),
        (http("302 Found", ""), Server, "status 302"),
        (
            http("200 OK", "{\"token\":\"gX1fBat3bV\"}"),
            Server,
            "not JSON with an `access_token`",
        ),
        (http("200 OK", &long), Server, "not JSON"),
        ("SSH-2.0\r\n\r\n".to_owned(), Server, "not HTTP"),
        (
            "HTTP/1.1 429 Slow\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n".to_owned(),
            Limited,
            "status 429",
        ),
        (String::new(), Timeout, "no head of an answer in time"),
    ] {
        let (tokens, asked) = server(move |_, _| answer.clone()).await;
        let (receiver, seen) = server(|_, _| http("200 OK", "ok")).await;
        let all = destinations(tokens, "timeout_first_byte = \"200ms\"");
        let sender = senders();
        let sends = (0..8).map(|_| send(&all, &sender, receiver));
        for attempt in join_all(sends).await {
            let error = attempt.error.unwrap();
            assert!(error.name().starts_with("token-"), "{error}");
            assert_eq!(error.failure_class(), class, "{attempt:?}");
            assert!(
                attempt.detail.contains("no token from `127.0.0.1`"),
                "{}",
                attempt.detail
            );
            assert!(attempt.detail.contains(said), "{}", attempt.detail);
            assert!(!attempt.detail.contains("gX1fBat3bV"), "{}", attempt.detail);
            assert!(!attempt.sent && attempt.status.is_none() && attempt.excerpt.is_empty());
            let asks = (class == Limited).then_some(Duration::from_secs(7));
            assert_eq!(attempt.retry_after, asks);
        }
        // Those that waited have the same failure; nobody asks again at once.
        assert_eq!((asked.lock().len(), seen.lock().len()), (1, 0), "{said}");
    }
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tokens = gone.local_addr().unwrap();
    drop(gone);
    let (receiver, _) = server(|_, _| http("200 OK", "ok")).await;
    let attempt = send(&destinations(tokens, ""), &senders(), receiver).await;
    let class = attempt.error.map(ErrorClass::failure_class);
    assert_eq!(class, Some(Network), "{attempt:?}");
}

#[tokio::test]
async fn a_token_server_must_be_allowed_like_any_receiver() {
    let (tokens, asked) = server(|number, _| granted(number)).await;
    let (receiver, seen) = server(|_, _| http("200 OK", "ok")).await;
    let text = format!(
        "[destinations.\"{receiver}\"]\nallow_cidrs = [\"127.0.0.0/8\"]\n[destinations.\"{receiver}\".auth]\nkind = \"oauth2\"\n\
         token_url = \"http://{tokens}/\"\nclient_id = \"a\"\nclient_secret = \"b\"\n"
    );
    let settings: Settings = toml::from_str(&text).unwrap();
    let all = Destinations::new(&settings, &SystemSecrets).unwrap();
    let attempt = send(&all, &senders(), receiver).await;
    assert_eq!(attempt.error, Some(ErrorClass::TokenNetwork));
    assert!(attempt.detail.contains("allow_cidrs"), "{}", attempt.detail);
    assert_eq!((asked.lock().len(), seen.lock().len()), (0, 0));
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_within_the_attempt() {
    let (tokens, asked) = server(|number, _| granted(number)).await;
    let is_old = |text: &str| text.contains("Bearer token-0\r\n");
    let (receiver, seen) = server(move |_, text| match is_old(text) {
        true => http("401 Unauthorized", "expired"),
        false => http("200 OK", "ok"),
    })
    .await;
    let (all, sender) = (destinations(tokens, ""), senders());
    let sends = (0..8).map(|_| send(&all, &sender, receiver));
    for attempt in join_all(sends).await {
        assert_eq!(
            (attempt.status, attempt.number),
            (Some(200), 3),
            "{attempt:?}"
        );
        assert!(attempt.sent);
    }
    assert_eq!(asked.lock().len(), 2);
    assert!(seen.lock().len() <= 16);
}

#[tokio::test]
async fn a_receiver_that_refuses_every_token_costs_one_new_one() {
    let (tokens, asked) = server(|number, _| granted(number)).await;
    let refusals = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&refusals);
    let (receiver, _) = server(move |_, _| {
        counted.fetch_add(1, Ordering::SeqCst);
        http("401 Unauthorized", "no")
    })
    .await;
    let (all, sender) = (destinations(tokens, ""), senders());
    for _ in 0..3 {
        let attempt = send(&all, &sender, receiver).await;
        assert_eq!((attempt.status, attempt.error), (Some(401), None));
    }
    assert_eq!(
        (asked.lock().len(), refusals.load(Ordering::SeqCst)),
        (2, 4)
    );
}

#[tokio::test]
async fn a_token_that_comes_back_is_hidden() {
    let (tokens, _) = server(|number, _| granted(number)).await;
    let (receiver, _) = server(|_, text| http("500 Oops", text)).await;
    let attempt = send(&destinations(tokens, ""), &senders(), receiver).await;
    let excerpt = String::from_utf8_lossy(&attempt.excerpt);
    assert!(excerpt.contains("Bearer ***"), "{excerpt}");
    assert!(!format!("{attempt:?}").contains("token-0"), "{attempt:?}");
}

#[tokio::test]
async fn a_token_is_held_until_shortly_before_it_expires() {
    let (tokens, _) = server(|number, _| granted(number)).await;
    let (receiver, _) = server(|_, _| http("200 OK", "ok")).await;
    let all = destinations(tokens, "");
    let before = Instant::now();
    assert_eq!(send(&all, &senders(), receiver).await.status, Some(200));
    let url = Url::parse(&format!("http://{receiver}/")).unwrap();
    let client = &all.of_url(&url).auth.as_ref().unwrap().client;
    assert!(client.held(before + Duration::from_secs(3539)).is_some());
    let after = Instant::now();
    assert!(client.held(after + Duration::from_secs(3541)).is_none());
}
