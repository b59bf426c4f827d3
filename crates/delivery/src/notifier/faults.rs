//! Every way in which a receiver fails, through the whole notifier and real sockets on loopback: each ends in its own
//! class and is tried again exactly as the schedule of that class says.
//!
//! Each fault has two receivers. For one only the class's own schedule tries again, for the other only all others do: a
//! fault of another class would be given up by the first, or tried again by the second.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base::{NoMetrics, SystemClock};
use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::config::{self, FormatKind, RouteFormat, Settings, SystemSecrets};
use crate::contract::memory::{EMBEDDED, MemoryQueue};
use crate::destinations::Destinations;
use crate::dns;
use crate::format::Format;
use crate::port::*;
use crate::sender::{Senders, Tools};

/// What a receiver does with a connection.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// Answers with these bytes, and holds the connection.
    Say(&'static str),
    /// Answers with these bytes, and ends its side only.
    SayAndShut(&'static str),
    /// The same, byte by byte for ever.
    Drip(&'static str),
    /// Bytes without end after this head.
    Flood(&'static str),
    ResetAtOnce,
    ResetInRequest,
    /// Bytes at the first word of a handshake.
    NoHandshake(&'static [u8]),
    /// A handshake with the certificate of this name, and 200.
    Tls(&'static str),
    /// Nobody listens.
    Absent,
    /// There is no such name.
    Nameless,
}

use Act::{
    Absent, Drip, Flood, Nameless, NoHandshake, ResetAtOnce, ResetInRequest, Say, SayAndShut, Tls,
};

struct Fault {
    name: &'static str,
    act: Act,
    class: FailureClass,
    status: Option<u16>,
    error: Option<ErrorClass>,
    /// More rules of the destination.
    rules: &'static str,
    /// The least wait before a further attempt that the receiver asked for.
    asks_secs: u64,
}

const fn fault(
    name: &'static str,
    act: Act,
    class: FailureClass,
    status: Option<u16>,
    error: Option<ErrorClass>,
) -> Fault {
    Fault {
        name,
        act,
        class,
        status,
        error,
        rules: "",
        asks_secs: 0,
    }
}

impl Fault {
    const fn with(mut self, rules: &'static str) -> Self {
        self.rules = rules;
        self
    }

    const fn asks(mut self, secs: u64) -> Self {
        self.asks_secs = secs;
        self
    }

    /// Attempts that are waited for where it is tried again.
    fn attempts(&self) -> usize {
        // A receiver that limits us is left alone for a while.
        if self.class == FailureClass::Limited {
            1
        } else {
            3
        }
    }
}

const RECORDED: &str = r#"success = { body = [{ pointer = "/status", is = "ok" }] }"#;

fn faults() -> Vec<Fault> {
    use ErrorClass::{Closed, Connect, Dns, FirstByteTimeout, NotRecorded, Protocol, TotalTimeout};
    use FailureClass::{Client, Limited, Network, Redirect, Server, Timeout, Unrecorded};
    let tls = Some(ErrorClass::Tls);
    #[rustfmt::skip]
    let all = vec![
        fault("4xx", Say("HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n"), Client, Some(404), None),
        fault("5xx", Say("HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n"), Server, Some(500), None),
        fault("503", Say("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n"), Server, Some(503), None),
        fault("503-seconds", Say("HTTP/1.1 503 Busy\r\nretry-after: 30\r\ncontent-length: 0\r\n\r\n"), Limited, Some(503), None).asks(30),
        fault("429", Say("HTTP/1.1 429 Slow\r\ncontent-length: 0\r\n\r\n"), Limited, Some(429), None),
        fault("429-seconds", Say("HTTP/1.1 429 Slow\r\nretry-after: 30\r\ncontent-length: 0\r\n\r\n"), Limited, Some(429), None).asks(30),
        // Beyond the longest that is obeyed.
        fault("429-date", Say("HTTP/1.1 429 Slow\r\nretry-after: Fri, 31 Dec 2100 23:59:59 GMT\r\ncontent-length: 0\r\n\r\n"), Limited, Some(429), None).asks(60),
        fault("redirect", Say("HTTP/1.1 302 Found\r\nlocation: /ok\r\ncontent-length: 0\r\n\r\n"), Redirect, Some(302), None),
        fault("drip", Drip("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n"), Timeout, None, Some(TotalTimeout)).with("timeout_total = \"100ms\""),
        fault("slow-head", Say(""), Timeout, None, Some(FirstByteTimeout)).with("timeout_first_byte = \"50ms\""),
        fault("reset-before", ResetAtOnce, Network, None, Some(Closed)),
        fault("reset-after", ResetInRequest, Network, None, Some(Closed)),
        fault("half-closed", SayAndShut(""), Network, None, Some(Closed)),
        fault("half-closed-in-body", SayAndShut("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc"), Network, Some(200), Some(Closed)),
        fault("garbage", Say("220 mail.example ESMTP\r\n"), Server, None, Some(Protocol)),
        fault("expired", Tls("expired"), Network, None, tls),
        fault("wrong-name", Tls("tracker.example"), Network, None, tls),
        fault("unknown-authority", Tls("stranger"), Network, None, tls),
        fault("plain-on-tls", NoHandshake(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Network, None, tls),
        // The alert `protocol_version` (RFC 8446, section 6), as a server says it that speaks an old TLS alone.
        fault("tls-version", NoHandshake(&[21, 3, 1, 0, 2, 2, 70]), Network, None, tls),
        fault("refused", Absent, Network, None, Some(Connect)),
        fault("no-name", Nameless, Network, None, Some(Dns)),
        fault("10-GB", Flood("HTTP/1.1 200 OK\r\ncontent-length: 10737418240\r\n\r\n"), Unrecorded, Some(200), Some(NotRecorded)).with(RECORDED),
        fault("endless", Flood("HTTP/1.1 200 OK\r\n\r\n"), Unrecorded, Some(200), Some(NotRecorded)).with("success = { body = [{ matches = \"y\", not = true }] }"),
        fault("not-recorded", Say("HTTP/1.1 200 OK\r\ncontent-length: 18\r\n\r\n{\"status\":\"error\"}"), Unrecorded, Some(200), Some(NotRecorded)).with(RECORDED),
        fault("no-header", Say("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), Unrecorded, Some(200), Some(NotRecorded)).with("success = { header = { x-result = \"ok\" } }"),
    ];
    all
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> bool {
    let mut all = Vec::new();
    while !all.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => all.push(byte),
            Err(_) => return false,
        }
    }
    true
}

/// Writes until the other side has enough.
async fn pour(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8], pause: Duration) {
    while stream.write_all(bytes).await.is_ok() && stream.flush().await.is_ok() {
        tokio::time::sleep(pause).await;
    }
}

async fn act(act: Act, mut stream: TcpStream, certificates: Arc<Certificates>) {
    match act {
        ResetAtOnce => stream.set_zero_linger().unwrap(),
        // Unread bytes make the close a reset.
        ResetInRequest => drop(stream.read_u8().await),
        NoHandshake(bytes) => {
            let _ = stream.read_u8().await;
            let _ = stream.write_all(bytes).await;
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
        Tls(name) => {
            let acceptor = certificates.acceptor(name);
            if let Ok(mut stream) = acceptor.accept(stream).await {
                while read_request(&mut stream).await {
                    let _ = stream
                        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                        .await;
                    let _ = stream.flush().await;
                }
            }
        }
        Say(text) => {
            while read_request(&mut stream).await && stream.write_all(text.as_bytes()).await.is_ok()
            {
            }
        }
        SayAndShut(text) => {
            read_request(&mut stream).await;
            let _ = stream.write_all(text.as_bytes()).await;
            let _ = stream.shutdown().await;
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
        Drip(text) => {
            read_request(&mut stream).await;
            let _ = stream.write_all(text.as_bytes()).await;
            pour(&mut stream, b"x", Duration::from_millis(5)).await;
        }
        Flood(text) => {
            read_request(&mut stream).await;
            let _ = stream.write_all(text.as_bytes()).await;
            pour(&mut stream, &[b'x'; 16 << 10], Duration::ZERO).await;
        }
        Absent | Nameless => {}
    }
}

/// Certificates by name, all but one in the file that is trusted.
struct Certificates {
    all: Vec<(&'static str, rcgen::Certificate, rcgen::KeyPair)>,
}

impl Certificates {
    fn new() -> Self {
        let all = ["127.0.0.1", "expired", "tracker.example", "stranger"].map(|name| {
            let host = if name == "tracker.example" {
                name
            } else {
                "127.0.0.1"
            };
            let mut params = rcgen::CertificateParams::new(vec![host.to_owned()]).unwrap();
            if name == "expired" {
                params.not_after = rcgen::date_time_ymd(2001, 1, 1);
                params.not_before = rcgen::date_time_ymd(2000, 1, 1);
            }
            let key = rcgen::KeyPair::generate().unwrap();
            (name, params.self_signed(&key).unwrap(), key)
        });
        Self { all: all.into() }
    }

    fn write_trusted(&self, folder: &Path) -> PathBuf {
        let file = folder.join("ca.pem");
        let trusted = self.all.iter().filter(|(name, ..)| *name != "stranger");
        let text: String = trusted
            .map(|(_, certificate, _)| certificate.pem())
            .collect();
        std::fs::write(&file, text).unwrap();
        file
    }

    fn acceptor(&self, name: &str) -> tokio_rustls::TlsAcceptor {
        let (_, certificate, key) = self.all.iter().find(|(own, ..)| *own == name).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        Arc::new(config).into()
    }
}

/// A receiver, and the authority of its URL.
async fn receiver(how: Act, certificates: &Arc<Certificates>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    match how {
        Absent => {}
        Nameless => return format!("missing.example:{}", address.port()),
        how => {
            let certificates = Arc::clone(certificates);
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(act(how, stream, Arc::clone(&certificates)));
                }
            });
        }
    }
    address.to_string()
}

/// No name has an address.
#[derive(Debug)]
struct NoNames;

impl dns::Resolve for NoNames {
    fn resolve(&self, _: &str) -> BoxFuture<'static, Result<dns::Found, dns::Missing>> {
        let found = Err(std::io::Error::other("no such name").into());
        Box::pin(std::future::ready(found))
    }
}

/// The schedules of a destination: `class` alone is tried again, or all others are.
fn retry(class: FailureClass, is_retried: bool) -> String {
    let classes = [
        "network",
        "timeout",
        "server",
        "limited",
        "client",
        "redirect",
        "unrecorded",
    ];
    let line = |name: &&str| match (*name == class.name()) == is_retried {
        true => format!("{name} = [\"1ms\"]\n"),
        false => format!("{name} = \"never\"\n"),
    };
    classes.iter().map(line).collect()
}

fn parts(queue: &Arc<MemoryQueue>, settings: &str) -> Parts {
    let settings: Settings = toml::from_str(settings).unwrap();
    assert_eq!(settings.problems(), []);
    let clock = Arc::new(SystemClock::new());
    let format = RouteFormat {
        kind: FormatKind::Ltsv,
        ..RouteFormat::default()
    };
    Parts {
        route: Arc::from("r"),
        queue: queue.clone(),
        sender: Arc::new(Senders::new(Tools::with_resolver(
            clock.clone(),
            Arc::new(NoNames),
        ))),
        clock,
        metrics: Arc::new(NoMetrics),
        format: Format::new(&format).unwrap(),
        retry_for: Duration::from_secs(3600),
        on_failure: config::OnFailure::Block,
        notifier: config::Notifier {
            slots: 200,
            ..config::Notifier::default()
        },
        destinations: Arc::new(Destinations::new(&settings, &SystemSecrets).unwrap()),
        seed: 1,
    }
}

/// What was settled of a notification, in order.
fn settled(queue: &MemoryQueue, id: &str) -> Vec<LineOutcome> {
    queue.with(|model| {
        let lines = model.settled.iter().flat_map(|outcome| &outcome.lines);
        lines
            .filter(|line| &*line.notification == id)
            .cloned()
            .collect()
    })
}

fn check(fault: &Fault, line: &LineOutcome) {
    let name = fault.name;
    let attempt = line
        .attempt
        .as_ref()
        .unwrap_or_else(|| panic!("{name}: {line:?}"));
    // A reset may overtake the connection's making.
    let is_early = matches!(fault.act, ResetAtOnce) && attempt.error == Some(ErrorClass::Connect);
    assert!(
        is_early || attempt.error == fault.error,
        "{name}: {attempt:?}"
    );
    assert!(
        fault.status.is_none() || attempt.status == fault.status,
        "{name}: {attempt:?}"
    );
    assert!(
        attempt.error.is_none() || !attempt.detail.is_empty(),
        "{name}"
    );
    assert!(attempt.excerpt.len() <= 1 << 10, "{name}");
}

#[tokio::test]
async fn every_failure_is_tried_again_as_its_own_class_says() {
    let folder = tempfile::tempdir().unwrap();
    let certificates = Arc::new(Certificates::new());
    let trusted = certificates.write_trusted(folder.path());
    let queue = Arc::new(MemoryQueue::new(EMBEDDED, Arc::new(SystemClock::new())));
    let faults = faults();
    let mut settings = String::new();
    for fault in &faults {
        for (end, is_retried) in [("again", true), ("final", false)] {
            let authority = receiver(fault.act, &certificates).await;
            let scheme = match fault.act {
                Tls(_) | NoHandshake(_) => "https",
                _ => "http",
            };
            let (retry, rules) = (retry(fault.class, is_retried), fault.rules);
            settings += &format!(
                "[destinations.\"{authority}\"]\nallow_cidrs = [\"127.0.0.0/8\"]\nca_file = {trusted:?}\n{rules}\n\
                 [destinations.\"{authority}\".retry]\nretry_after_max = \"60s\"\n{retry}"
            );
            queue.send(format!(
                "url:{scheme}://{authority}/\tid:{}-{end}",
                fault.name
            ));
        }
    }
    let (notifier, handle) = Notifier::new(parts(&queue, &settings), Directives::default());
    let is_done = |fault: &Fault| {
        let count = |end: &str| settled(&queue, &format!("{}-{end}", fault.name)).len();
        count("again") >= fault.attempts() && count("final") >= 1
    };
    let looked = async {
        while !faults.iter().all(is_done) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        handle.stop(Duration::from_secs(5));
    };
    let all = async { tokio::join!(notifier.run(Duration::from_secs(600)), looked) };
    // Only so that a fault that is given up does not hang the test.
    if tokio::time::timeout(Duration::from_secs(120), all)
        .await
        .is_err()
    {
        let open: Vec<_> = faults
            .iter()
            .filter(|fault| !is_done(fault))
            .map(|fault| fault.name)
            .collect();
        panic!("not as often as wanted: {open:?}");
    }
    for fault in &faults {
        for (number, line) in (1..).zip(settled(&queue, &format!("{}-again", fault.name))) {
            check(fault, &line);
            let Verdict::RetryAt { at, class } = line.verdict else {
                panic!("{}: {:?}", fault.name, line.verdict);
            };
            assert_eq!(
                (class, line.number),
                (fault.class, number),
                "{}",
                fault.name
            );
            // The moment of the verdict is that of the loop's turn, a little before what ends within it.
            let asked = line
                .attempt
                .unwrap()
                .started
                .plus(Duration::from_secs(fault.asks_secs));
            assert!(at.plus(Duration::from_secs(1)) >= asked, "{}", fault.name);
        }
        let last = settled(&queue, &format!("{}-final", fault.name));
        assert_eq!(last.len(), 1, "{}", fault.name);
        check(fault, &last[0]);
        let Verdict::Dead {
            reason: Reason::Final { class, .. },
        } = &last[0].verdict
        else {
            panic!("{}: {:?}", fault.name, last[0].verdict);
        };
        assert_eq!(*class, fault.class, "{}", fault.name);
    }
}
