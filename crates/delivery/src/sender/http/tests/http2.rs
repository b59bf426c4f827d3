//! HTTP/2 receivers: friendly ones by h2's server, hostile ones frame by frame (RFC 9113, section 6).

use std::sync::Mutex;

use h2::Reason;
use tokio::task::JoinSet;

use super::*;
use crate::config::Transport;
use crate::config::transport::HttpVersion;

fn speaking(http: HttpVersion, rules: DestinationRules) -> DestinationRules {
    DestinationRules {
        transport: Arc::new(Transport {
            http,
            ..Transport::default()
        }),
        ..rules
    }
}

fn by_http2() -> DestinationRules {
    speaking(HttpVersion::Http2, rules())
}

/// What a friendly receiver saw.
#[derive(Default)]
pub(super) struct Seen {
    connections: usize,
    pub(super) requests: Vec<(::http::Request<()>, Vec<u8>)>,
}

/// Serves HTTP/2 on `stream`: 200 and "ok", `streams` at once.
async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, streams: u32, seen: Arc<Mutex<Seen>>) {
    seen.lock().unwrap().connections += 1;
    let mut builder = h2::server::Builder::new();
    let Ok(mut connection) = builder
        .max_concurrent_streams(streams)
        .handshake::<_, Bytes>(stream)
        .await
    else {
        return;
    };
    let mut tasks = JoinSet::new();
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let seen = Arc::clone(&seen);
        tasks.spawn(async move {
            let (head, mut body) = request.into_parts();
            let mut bytes = Vec::new();
            while let Some(Ok(data)) = body.data().await {
                let _ = body.flow_control().release_capacity(data.len());
                bytes.extend_from_slice(&data);
            }
            let head = ::http::Request::from_parts(head, ());
            seen.lock().unwrap().requests.push((head, bytes));
            let answer = ::http::Response::builder().header("retry-after", "7");
            let sent = respond.send_response(answer.body(()).unwrap(), false);
            if let Ok(mut stream) = sent {
                let _ = stream.send_data(Bytes::from_static(b"ok"), true);
            }
        });
    }
}

pub(super) async fn friendly(streams: u32) -> (SocketAddr, Arc<Mutex<Seen>>) {
    let seen = Arc::<Mutex<Seen>>::default();
    let shared = Arc::clone(&seen);
    let address = receiver(move |_, stream| serve(stream, streams, Arc::clone(&shared))).await;
    (address, seen)
}

/// Sends the same `count` times at once and gives the attempts.
async fn at_once(
    senders: &Senders,
    count: usize,
    request: Request,
    rules: &DestinationRules,
) -> Vec<Attempt> {
    let notification = notification(request);
    let all = (0..count).map(|_| senders.send(&notification, rules, Duration::from_secs(10)));
    futures_util::future::join_all(all).await
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// `:status: 200` is the eighth of the static table, `:status: 103` a literal by the same name (RFC 7541, appendix A).
const STATUS_200: &[u8] = &[0x88];
const STATUS_103: &[u8] = b"\x08\x03103";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

fn ok(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, stream, STATUS_200)
}

fn reset(stream: u32, reason: Reason) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &u32::from(reason).to_be_bytes())
}

fn go_away(last: u32, reason: Reason) -> Vec<u8> {
    let payload = [last.to_be_bytes(), u32::from(reason).to_be_bytes()].concat();
    frame(GOAWAY, 0, 0, &payload)
}

/// The receiver's side of a connection, frame by frame.
struct Raw(TcpStream);

impl Raw {
    /// After the client's preface; our settings are sent.
    async fn begin(mut stream: TcpStream) -> Self {
        let mut preface = [0; 24];
        let _ = stream.read_exact(&mut preface).await;
        assert_eq!(&preface, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        let mut raw = Self(stream);
        raw.send(&frame(SETTINGS, 0, 0, &[])).await;
        raw
    }

    async fn send(&mut self, bytes: &[u8]) {
        answer(&mut self.0, bytes).await;
    }

    /// The next frame's type and stream; `None` when the client has closed.
    async fn next(&mut self) -> Option<(u8, u32)> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        self.0.read_exact(&mut payload).await.ok()?;
        Some((
            head[3],
            u32::from_be_bytes([head[5], head[6], head[7], head[8]]),
        ))
    }

    /// The stream of the next request.
    async fn request(&mut self) -> Option<u32> {
        loop {
            let (kind, stream) = self.next().await?;
            if kind == HEADERS {
                return Some(stream);
            }
        }
    }

    /// Until the client closes.
    async fn rest(&mut self) {
        while self.next().await.is_some() {}
    }
}

#[tokio::test]
async fn many_requests_share_one_connection() {
    let (address, seen) = friendly(100).await;
    let senders = senders();
    for attempt in at_once(&senders, 50, post(address), &by_http2()).await {
        assert_eq!(
            (attempt.status, attempt.error),
            (Some(200), None),
            "{}",
            attempt.detail
        );
        assert_eq!(attempt.http, Some(::http::Version::HTTP_2));
        assert_eq!(
            (&attempt.excerpt[..], attempt.address),
            (&b"ok"[..], Some(address))
        );
        assert_eq!(attempt.retry_after, Some(Duration::from_secs(7)));
        assert!(attempt.sent);
    }
    let seen = seen.lock().unwrap();
    assert_eq!((seen.connections, seen.requests.len()), (1, 50));
    let (head, body) = &seen.requests[0];
    assert_eq!(head.uri().to_string(), format!("http://{address}/p?q=1"));
    assert_eq!(
        (head.method(), &body[..]),
        (&Method::POST, &b"a=1&b=%20"[..])
    );
    let header = |name: &str| {
        head.headers()
            .get(name)
            .map(|value| value.to_str().unwrap())
    };
    assert_eq!(header("x-notification-id"), Some("n-1"));
    assert_eq!(header("content-length"), Some("9"));
    assert_eq!(header("accept"), Some("*/*"));
    assert!(header("host").is_none() && header("connection").is_none());
}

#[tokio::test]
async fn a_body_beyond_every_window_arrives_whole() {
    let (address, seen) = friendly(100).await;
    let body: Vec<u8> = (0..1 << 20)
        .map(|n: u32| n.to_le_bytes()[0] ^ n.to_le_bytes()[1])
        .collect();
    let request = Request {
        body: body.clone().into(),
        ..post(address)
    };
    for attempt in at_once(&senders(), 3, request, &by_http2()).await {
        assert_eq!(attempt.status, Some(200), "{}", attempt.detail);
    }
    let seen = seen.lock().unwrap();
    assert!(seen.requests.iter().all(|(_, seen)| *seen == body));
}

#[tokio::test]
async fn a_receiver_that_takes_few_streams_gets_no_more_on_a_connection() {
    let (address, _) = friendly(2).await;
    let senders = senders();
    for _ in 0..3 {
        for attempt in at_once(&senders, 9, post(address), &by_http2()).await {
            assert_eq!(attempt.status, Some(200), "{}", attempt.detail);
        }
    }
}

/// The receiver allows any number and answers none: the hundred and first request goes by a connection of its own.
#[tokio::test]
async fn a_connection_bears_a_hundred_streams_and_no_more() {
    let (told, mut tells) = tokio::sync::mpsc::unbounded_channel();
    let address = receiver(move |number, stream| {
        let told = told.clone();
        async move {
            let mut raw = Raw::begin(stream).await;
            while let Some(stream) = raw.request().await {
                let _ = told.send((number, stream));
            }
        }
    })
    .await;
    let (senders, rules) = (senders(), by_http2());
    let all = at_once(&senders, 101, post(address), &rules);
    let seen = async {
        let mut seen = Vec::new();
        while seen.len() < 101 {
            seen.push(tells.recv().await.unwrap());
        }
        seen
    };
    let seen = tokio::select! {
        _ = all => panic!("nobody is answered"),
        seen = seen => seen,
    };
    let of = |number: usize| seen.iter().filter(|(own, _)| *own == number).count();
    assert_eq!((of(0), of(1)), (100, 1));
}

#[tokio::test]
async fn what_a_goaway_leaves_out_goes_out_at_once() {
    let address = receiver(|number, stream| async move {
        let mut raw = Raw::begin(stream).await;
        if number == 0 {
            let (first, second) = (raw.request().await, raw.request().await);
            assert_eq!((first, second), (Some(1), Some(3)));
            raw.send(&go_away(1, Reason::NO_ERROR)).await;
            raw.send(&ok(1)).await;
        }
        while let Some(stream) = raw.request().await {
            raw.send(&ok(stream)).await;
        }
    })
    .await;
    for attempt in at_once(&senders(), 2, post(address), &by_http2()).await {
        assert_eq!(
            (attempt.status, attempt.error),
            (Some(200), None),
            "{}",
            attempt.detail
        );
        assert!(attempt.sent);
    }
}

#[tokio::test]
async fn what_a_goaway_may_have_let_in_is_not_sent_again() {
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&requests);
    let address = receiver(move |_, stream| {
        let counted = Arc::clone(&counted);
        async move {
            let mut raw = Raw::begin(stream).await;
            let stream = raw.request().await.unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
            raw.send(&go_away(stream, Reason::INTERNAL_ERROR)).await;
        }
    })
    .await;
    let attempt = send_once(post(address), by_http2()).await;
    assert_eq!(
        (attempt.error, attempt.sent),
        (Some(ErrorClass::Closed), true),
        "{}",
        attempt.detail
    );
    assert_eq!(requests.load(Ordering::SeqCst), 1);
}

/// Resets every stream for `reason`, up to `resets` of them, and answers those after; gives the number of requests.
async fn resetting(reason: Reason, resets: usize) -> (SocketAddr, Arc<AtomicUsize>) {
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&requests);
    let address = receiver(move |_, stream| {
        let counted = Arc::clone(&counted);
        async move {
            let mut raw = Raw::begin(stream).await;
            while let Some(stream) = raw.request().await {
                let is_reset = counted.fetch_add(1, Ordering::SeqCst) < resets;
                let bytes = if is_reset {
                    reset(stream, reason)
                } else {
                    ok(stream)
                };
                raw.send(&bytes).await;
            }
        }
    })
    .await;
    (address, requests)
}

#[tokio::test]
async fn a_reset_stream_is_repeated_only_when_the_receiver_did_nothing() {
    let (never, once) = (usize::MAX, 1);
    for (reason, resets, class, sent, expected) in [
        (Reason::REFUSED_STREAM, once, None, true, 2),
        (
            Reason::REFUSED_STREAM,
            never,
            Some(ErrorClass::Closed),
            false,
            3,
        ),
        (
            Reason::ENHANCE_YOUR_CALM,
            never,
            Some(ErrorClass::Deferred),
            true,
            1,
        ),
        (
            Reason::INTERNAL_ERROR,
            never,
            Some(ErrorClass::Closed),
            true,
            1,
        ),
        (Reason::CANCEL, never, Some(ErrorClass::Closed), true, 1),
        (
            Reason::HTTP_1_1_REQUIRED,
            never,
            Some(ErrorClass::Protocol),
            false,
            1,
        ),
    ] {
        let (address, requests) = resetting(reason, resets).await;
        let attempt = send_once(post(address), by_http2()).await;
        assert_eq!(
            (attempt.error, attempt.sent),
            (class, sent),
            "{reason:?}: {}",
            attempt.detail
        );
        assert_eq!(requests.load(Ordering::SeqCst), expected, "{reason:?}");
    }
}

#[tokio::test]
async fn the_end_of_a_connection_is_an_error_of_each_of_its_streams() {
    let address = receiver(|_, stream| async move {
        let mut raw = Raw::begin(stream).await;
        for _ in 0..5 {
            raw.request().await;
        }
    })
    .await;
    for attempt in at_once(&senders(), 5, post(address), &by_http2()).await {
        assert_eq!(
            (attempt.error, attempt.sent),
            (Some(ErrorClass::Closed), true),
            "{}",
            attempt.detail
        );
    }
}

/// Each hostile or odd receiver ends in its own class, whatever it sends after the request, and is left.
#[tokio::test]
async fn hostile_http2_receivers_end_each_in_their_own_class() {
    let many = |bytes: Vec<u8>, count: usize| bytes.repeat(count);
    let headers = |flags: u8, block: &[u8]| frame(HEADERS, flags, 1, block);
    let literal = [b"\x00\x01x\x7f\x81\x7d".as_slice(), &[b'y'; 16_000]].concat();
    let mut bomb = headers(0, STATUS_200);
    bomb.extend(many(frame(CONTINUATION, 0, 1, &literal), 64));
    let mut empty_continuations = headers(0, STATUS_200);
    empty_continuations.extend(many(frame(CONTINUATION, 0, 1, &[]), 200_000));
    // One indexed field of 4 KiB, named thousands of times by a byte each.
    let mut table = b"\x40\x01x\x7f\xa1\x1e".to_vec();
    table.extend([b'z'; 4000]);
    table.extend([0xbe; 8000]);
    let mut endless = headers(END_HEADERS, STATUS_200);
    endless.extend(many(frame(DATA, 0, 1, &[b'x'; 16_384]), 4));
    let mut tiny = headers(END_HEADERS, STATUS_200);
    tiny.extend(many(frame(DATA, 0, 1, b"x"), 60_000));
    let mut short = headers(END_HEADERS, b"\x88\x0f\x0d\x019");
    short.extend(frame(DATA, END_STREAM, 1, b"abc"));
    let hold = false;
    let close = true;
    #[rustfmt::skip]
    let cases: Vec<Case> = vec![
        ("closes at once", Vec::new(), close, None, Some(ErrorClass::Closed)),
        ("hangs", Vec::new(), hold, None, Some(ErrorClass::FirstByteTimeout)),
        ("hangs in the body", headers(END_HEADERS, STATUS_200), hold, Some(200), Some(ErrorClass::TotalTimeout)),
        ("closes in the body", headers(END_HEADERS, STATUS_200), close, Some(200), Some(ErrorClass::Closed)),
        ("speaks HTTP/1.1", OK.to_vec(), hold, None, Some(ErrorClass::Protocol)),
        ("speaks garbage", vec![0xff; 10_000], hold, None, Some(ErrorClass::Protocol)),
        ("floods pings", many(frame(PING, 0, 0, &[7; 8]), 100_000), hold, None, Some(ErrorClass::Protocol)),
        ("floods settings", many(frame(SETTINGS, 0, 0, &[]), 200_000), hold, None, Some(ErrorClass::Protocol)),
        ("floods continuations", empty_continuations, hold, None, Some(ErrorClass::Protocol)),
        ("sends endless headers", bomb, hold, None, Some(ErrorClass::Protocol)),
        ("names one long header thousands of times", headers(END_HEADERS | END_STREAM, &[STATUS_200, &table].concat()), hold, None, Some(ErrorClass::Protocol)),
        ("sends interim answers for ever", many(headers(END_HEADERS, STATUS_103), 200_000), hold, None, Some(ErrorClass::Protocol)),
        ("pushes", frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2, 0x82]), hold, None, Some(ErrorClass::Protocol)),
        ("answers a stream that is none", headers(END_HEADERS, STATUS_200).into_iter().enumerate().map(|(at, byte)| if at == 8 { 7 } else { byte }).collect(), hold, None, Some(ErrorClass::Protocol)),
        ("ends short of its length", short, hold, Some(200), Some(ErrorClass::Protocol)),
        ("sends more than is read", endless, hold, Some(200), None),
        ("sends tiny frames for ever", tiny, hold, Some(200), Some(ErrorClass::Protocol)),
        ("redirects", frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x08\x03302"), hold, Some(302), None),
    ];
    for (name, bytes, closes, status, error) in cases {
        let bytes: Arc<[u8]> = bytes.into();
        let address = receiver(move |_, stream| {
            let bytes = Arc::clone(&bytes);
            async move {
                let mut raw = Raw::begin(stream).await;
                raw.request().await;
                raw.send(&bytes).await;
                if !closes {
                    raw.rest().await;
                }
            }
        })
        .await;
        let mut rules = DestinationRules {
            response_bytes_max: 40_000,
            ..by_http2()
        };
        if matches!(
            error,
            Some(ErrorClass::FirstByteTimeout | ErrorClass::TotalTimeout)
        ) {
            rules.timeout_first_byte = hasty().timeout_first_byte;
            rules.timeout_total = hasty().timeout_total;
        }
        let attempt = send_once(post(address), rules.clone()).await;
        assert_eq!(
            (attempt.status, attempt.error),
            (status, error),
            "{name}: {}",
            attempt.detail
        );
        assert!(attempt.sent, "{name}");
        assert!(
            attempt.excerpt.len() <= rules.response_excerpt_bytes,
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_receiver_that_is_away_is_asked_once_by_all_who_wait() {
    let address = nobody().await;
    for attempt in at_once(&senders(), 20, post(address), &by_http2()).await {
        assert_eq!(
            (attempt.error, attempt.sent),
            (Some(ErrorClass::Connect), false)
        );
        assert!(
            attempt.detail.contains(&address.to_string()),
            "{}",
            attempt.detail
        );
    }
}

/// Not a word comes after the settings, not even the answer to a ping.
#[tokio::test]
async fn a_dead_connection_is_left_by_all_its_streams() {
    let address = receiver(|_, stream| async move {
        let mut raw = Raw::begin(stream).await;
        raw.rest().await;
    })
    .await;
    let patient = DestinationRules {
        timeout_first_byte: Duration::from_secs(600),
        timeout_total: Duration::from_secs(600),
        ..by_http2()
    };
    let (senders, one) = (senders(), notification(post(address)));
    tokio::time::pause();
    let attempt = senders.send(&one, &patient, Duration::from_secs(600)).await;
    assert_eq!(
        (attempt.error, attempt.sent),
        (Some(ErrorClass::Closed), true),
        "{}",
        attempt.detail
    );
}

#[tokio::test]
async fn an_idle_connection_is_closed_with_a_goaway() {
    let (told, mut tells) = tokio::sync::mpsc::unbounded_channel();
    let address = receiver(move |_, stream| {
        let told = told.clone();
        async move {
            let mut raw = Raw::begin(stream).await;
            let stream = raw.request().await.unwrap();
            raw.send(&ok(stream)).await;
            while let Some((kind, _)) = raw.next().await {
                let _ = told.send(kind);
            }
        }
    })
    .await;
    let senders = senders();
    let one = notification(post(address));
    let attempt = senders
        .send(&one, &by_http2(), Duration::from_secs(5))
        .await;
    assert_eq!(attempt.status, Some(200), "{}", attempt.detail);
    tokio::time::pause();
    let mut kinds = Vec::new();
    while let Some(kind) = tells.recv().await {
        kinds.push(kind);
        if kind == GOAWAY {
            break;
        }
    }
    assert_eq!(kinds.last(), Some(&GOAWAY));
}

/// A receiver for `tracker.example` that offers these names of protocols and serves the one that is chosen.
async fn offering(folder: &tempfile::TempDir, names: &[&str]) -> DestinationRules {
    let made = rcgen::generate_simple_self_signed(vec!["tracker.example".to_owned()]).unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, made.cert.pem()).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = names.iter().map(|name| name.as_bytes().to_vec()).collect();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let address = receiver(move |_, stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                return;
            };
            if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                return serve(stream, 100, Arc::default()).await;
            }
            while !read_request(&mut stream).await.is_empty() {
                answer(&mut stream, OK).await;
            }
        }
    })
    .await;
    DestinationRules {
        connect_to: Some(address.to_string()),
        ca_file: Some(file),
        ..DestinationRules::default()
    }
}

#[tokio::test]
async fn the_receiver_chooses_the_version_where_it_may() {
    use HttpVersion::{Auto, Http1, Http2};
    let (both, first, none) = (["h2", "http/1.1"], ["http/1.1"], []);
    let (two, one) = (Ok(::http::Version::HTTP_2), Ok(::http::Version::HTTP_11));
    for (names, ours, expected) in [
        (&both[..], Auto, two),
        (&both[..], Http2, two),
        (&both[..], Http1, one),
        (&first[..], Auto, one),
        (&none[..], Auto, one),
        (&none[..], Http2, Err(ErrorClass::Protocol)),
        (&first[..], Http2, Err(ErrorClass::Tls)),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let rules = speaking(ours, offering(&folder, names).await);
        let senders = senders();
        for _ in 0..2 {
            let request = request("https://tracker.example/", Method::GET, "");
            for attempt in at_once(&senders, 3, request, &rules).await {
                let used = attempt.error.map_or_else(|| Ok(attempt.http.unwrap()), Err);
                assert_eq!(used, expected, "{names:?}, {ours}: {}", attempt.detail);
            }
        }
    }
}

#[tokio::test]
async fn http2_keeps_the_contract_of_senders() {
    let (address, _) = friendly(100).await;
    let good = post(address);
    let refused = request("http://169.254.169.254/latest/meta-data", Method::GET, "");
    let (silent, absent) = (get(silent().await, "/"), get(nobody().await, "/"));
    let rules = by_http2();
    contract::holds(
        (&good, &rules),
        (&silent, &rules),
        (&absent, &rules),
        (&refused, &rules),
    )
    .await;
}
