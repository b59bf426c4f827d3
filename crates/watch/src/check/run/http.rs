//! The built-in checks of a page and of a port.

use base::Clock;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::Url;

use super::tls::Tls;
use crate::check::config::{Check, Http, Tcp};
use crate::check::{Outcome, Status};
use crate::datum::{Measured, PLUGINS, Unit};

/// Bytes of a page that are read.
const BODY_MAX: usize = 1 << 20;
/// Bytes of a port's answer that are read.
const ANSWER_MAX: usize = 4096;

/// Asks for a page.
pub(super) async fn http(check: &Check, http: &Http, tls: &Tls, clock: &dyn Clock) -> Outcome {
    let began = clock.monotonic();
    match ask(http, tls).await {
        Err(why) => Outcome::of(Status::Critical, format!("{}: {why}", http.url)),
        Ok(page) => {
            let took = clock.monotonic().saturating_sub(began);
            judged(
                check,
                took.as_secs_f64() * 1000.0,
                page.wrong(http),
                &format!("{} in", page.status),
                Some(page.body.len()),
            )
        }
    }
}

/// Opens a port.
pub(super) async fn tcp(check: &Check, tcp: &Tcp, clock: &dyn Clock) -> Outcome {
    let began = clock.monotonic();
    match open(tcp).await {
        Err(why) => Outcome::of(Status::Critical, format!("{}: {why}", tcp.address)),
        Ok(wrong) => {
            let took = clock.monotonic().saturating_sub(began);
            judged(
                check,
                took.as_secs_f64() * 1000.0,
                wrong,
                "open after",
                None,
            )
        }
    }
}

fn judged(
    check: &Check,
    took_ms: f64,
    wrong: Option<String>,
    what: &str,
    size: Option<usize>,
) -> Outcome {
    let mut outcome = match wrong {
        Some(wrong) => Outcome::of(Status::Critical, wrong),
        None => Outcome::of(
            check.judge_main("time", took_ms),
            format!("{what} {took_ms:.0} ms"),
        ),
    };
    outcome
        .metrics
        .push(Measured::new(PLUGINS, "time", Unit::Milliseconds, took_ms));
    #[expect(clippy::cast_precision_loss, reason = "at most BODY_MAX")]
    let size = size.map(|size| Measured::new(PLUGINS, "size", Unit::Bytes, size as f64));
    outcome.metrics.extend(size);
    outcome
}

struct Page {
    status: u16,
    body: Bytes,
}

impl Page {
    fn wrong(&self, http: &Http) -> Option<String> {
        let is_well = match http.status.is_empty() {
            true => (200..400).contains(&self.status),
            false => http.status.contains(&self.status),
        };
        if !is_well {
            return Some(format!("status {}", self.status));
        }
        let pattern = http.contains.as_ref()?;
        let has = pattern.is_in(&String::from_utf8_lossy(&self.body));
        (!has).then(|| {
            format!(
                "status {}, but the page does not hold `{pattern}`",
                self.status
            )
        })
    }
}

async fn ask(http: &Http, tls: &Tls) -> Result<Page, String> {
    let url = Url::parse(&http.url).map_err(|error| error.to_string())?;
    let host = url.host_str().ok_or("the URL has no host")?;
    let port = url.port_or_known_default().ok_or("the URL has no port")?;
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), port));
    let stream = stream
        .await
        .map_err(|error| format!("cannot connect: {error}"))?;
    if url.scheme() != "https" {
        return exchange(http, &url, stream).await;
    }
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned());
    let name = name.map_err(|error| error.to_string())?;
    let stream = tls.connector().await?.connect(name, stream).await;
    exchange(
        http,
        &url,
        stream.map_err(|error| format!("no TLS: {error}"))?,
    )
    .await
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin + Send>(
    http: &Http,
    url: &Url,
    stream: S,
) -> Result<Page, String> {
    let request = request(http, url)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    let answer = async {
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| error.to_string())?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), BODY_MAX).collect().await;
        let body = body.map_err(|error| format!("status {status}, but no whole page: {error}"))?;
        Ok(Page {
            status,
            body: body.to_bytes(),
        })
    };
    tokio::pin!(answer);
    tokio::select! {
        page = &mut answer => page,
        // Its end brings the answer, or why there is none.
        _ = connection => answer.await,
    }
}

fn request(http: &Http, url: &Url) -> Result<hyper::Request<Empty<Bytes>>, String> {
    let path = url.query().map_or_else(
        || url.path().to_owned(),
        |query| format!("{}?{query}", url.path()),
    );
    let host = url.host_str().unwrap_or_default();
    let host = url
        .port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let mut request = hyper::Request::builder()
        .method(http.method.as_deref().unwrap_or("GET"))
        .uri(path);
    let has = |name: &str| {
        http.headers
            .keys()
            .any(|given| given.eq_ignore_ascii_case(name))
    };
    if !has("host") {
        request = request.header("host", host);
    }
    if !has("user-agent") {
        request = request.header("user-agent", "shukuba-agent");
    }
    for (name, value) in http
        .headers
        .iter()
        .chain([(&"connection".to_owned(), &"close".to_owned())])
    {
        request = request.header(name, value);
    }
    request
        .body(Empty::new())
        .map_err(|error| error.to_string())
}

/// Whether the port opens, and what is wrong with its answer.
async fn open(tcp: &Tcp) -> Result<Option<String>, String> {
    let stream = TcpStream::connect(&tcp.address).await;
    let mut stream = stream.map_err(|error| format!("cannot connect: {error}"))?;
    if let Some(text) = &tcp.send {
        let sent = stream.write_all(text.as_bytes()).await;
        sent.map_err(|error| format!("cannot send: {error}"))?;
    }
    let Some(pattern) = &tcp.contains else {
        return Ok(None);
    };
    let mut answer = Vec::new();
    let mut piece = [0; 512];
    while answer.len() < ANSWER_MAX {
        let count = stream
            .read(&mut piece)
            .await
            .map_err(|error| format!("cannot read: {error}"))?;
        answer.extend(piece.iter().take(count));
        if pattern.is_in(&String::from_utf8_lossy(&answer)) {
            return Ok(None);
        }
        if count == 0 {
            break;
        }
    }
    Ok(Some(format!("the answer does not hold `{pattern}`")))
}
