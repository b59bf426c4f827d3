//! One connection of the sink: requests in, answers or worse out.
//!
//! Requests that arrive together are answered together, so the usual one costs a read and a write.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::Shared;
use super::behaviour::{self, Answer, Behaviour};
use super::request::{self, Refusal, Request};
use super::stats::Recent;

/// The answer of the fast path.
const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Answers that wait to be written together, in bytes. Chosen.
const OUTBOX_BYTES_LIMIT: usize = 64 * 1024;

/// Whether the connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Go,
    Close,
}

/// Serves until the peer closes or misbehaviour ends it.
pub(super) async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    shared.stats.connected();
    let _ = stream.set_nodelay(true);
    // A peer that is gone is no fault of the sink.
    let _ = requests(&mut stream, &shared).await;
}

async fn requests(stream: &mut TcpStream, shared: &Shared) -> io::Result<()> {
    let mut inbox = BytesMut::with_capacity(4096);
    let mut outbox = Vec::with_capacity(512);
    let mut recent = Recent::default();
    loop {
        match request::read(&inbox, &shared.options.id_header) {
            Ok(Some(request)) => {
                let length = request.length;
                let then = act(stream, shared, &request, &mut outbox, &mut recent).await?;
                inbox.advance(length);
                if then == Then::Close {
                    return stream.write_all(&outbox).await;
                }
                if outbox.len() < OUTBOX_BYTES_LIMIT {
                    continue;
                }
            }
            Ok(None) => {}
            Err(Refusal(status)) => {
                write_answer(&mut outbox, &Answer::status(status), b"", false)?;
                return stream.write_all(&outbox).await;
            }
        }
        if !outbox.is_empty() {
            stream.write_all(&outbox).await?;
            outbox.clear();
            continue;
        }
        inbox.reserve(4096);
        if stream.read_buf(&mut inbox).await? == 0 {
            return Ok(());
        }
    }
}

async fn act(
    stream: &mut TcpStream,
    shared: &Shared,
    request: &Request<'_>,
    outbox: &mut Vec<u8>,
    recent: &mut Recent,
) -> io::Result<Then> {
    let then = if request.keeps { Then::Go } else { Then::Close };
    if request.path().starts_with("/_sink/") {
        about_sink(shared, request, outbox)?;
        return Ok(then);
    }
    if let Some(log) = &shared.log {
        log.write(request.method, request.target, request.id);
    }
    let behaviour = behaviour::of(request, &shared.options.default_target, &shared.tries);
    let status = match &behaviour {
        Behaviour::Answer(answer) => answer.status,
        Behaviour::Slow(_) | Behaviour::Drip(_) | Behaviour::Huge(_) => 200,
        Behaviour::Reset | Behaviour::Hang | Behaviour::Close | Behaviour::Garbage => 0,
    };
    shared
        .stats
        .count(request.path(), request.id, request.length, status, recent);
    match behaviour {
        Behaviour::Answer(answer)
            if status == 200 && answer.headers.is_empty() && request.keeps =>
        {
            outbox.extend_from_slice(OK);
        }
        Behaviour::Answer(answer) => write_answer(outbox, &answer, b"", request.keeps)?,
        other => {
            stream.write_all(outbox).await?;
            outbox.clear();
            return misbehave(stream, other, then).await;
        }
    }
    Ok(then)
}

async fn misbehave(stream: &mut TcpStream, behaviour: Behaviour, then: Then) -> io::Result<Then> {
    match behaviour {
        Behaviour::Slow(wait) => {
            sleep(wait).await;
            stream.write_all(OK).await?;
            return Ok(then);
        }
        Behaviour::Drip(wait) => drip(stream, wait).await?,
        Behaviour::Huge(bytes) => huge(stream, bytes).await?,
        Behaviour::Reset => stream.set_zero_linger()?,
        Behaviour::Hang => until_closed(stream).await?,
        Behaviour::Garbage => {
            stream
                .write_all(&[0xff, 0x00, 0x0a, 0x42].repeat(64))
                .await?
        }
        Behaviour::Close | Behaviour::Answer(_) => {}
    }
    Ok(Then::Close)
}

/// A byte at a time, an hour at most.
async fn drip(stream: &mut TcpStream, wait: Duration) -> io::Result<()> {
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
        .await?;
    let drops = 3_600_000 / wait.as_millis().max(1);
    for _ in 0..drops.min(1_000_000) {
        sleep(wait).await;
        stream.write_all(b".").await?;
    }
    Ok(())
}

async fn huge(stream: &mut TcpStream, bytes: u64) -> io::Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let block = vec![b'x'; 64 * 1024];
    let mut left = bytes;
    while left > 0 {
        let now = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
        stream.write_all(block.get(..now).unwrap_or(&block)).await?;
        left -= now as u64;
    }
    Ok(())
}

async fn until_closed(stream: &mut TcpStream) -> io::Result<()> {
    let mut ignored = [0; 1024];
    while stream.read(&mut ignored).await? > 0 {}
    Ok(())
}

/// `GET /_sink/stats`, which finds the log written as well, `POST /_sink/reset`.
fn about_sink(shared: &Shared, request: &Request<'_>, outbox: &mut Vec<u8>) -> io::Result<()> {
    let (status, body) = match (request.method, request.path()) {
        ("GET", "/_sink/stats") => {
            shared.flush().map_err(io::Error::other)?;
            (200, serde_json::to_vec(&shared.stats.report())?)
        }
        ("POST", "/_sink/reset") => {
            shared.stats.reset();
            (200, b"{}".to_vec())
        }
        _ => (404, b"{}".to_vec()),
    };
    let mut answer = Answer::status(status);
    answer
        .headers
        .push_str("content-type: application/json\r\n");
    write_answer(outbox, &answer, &body, request.keeps)
}

fn write_answer(outbox: &mut Vec<u8>, answer: &Answer, body: &[u8], keeps: bool) -> io::Result<()> {
    let Answer { status, headers } = answer;
    let connection = if keeps { "" } else { "connection: close\r\n" };
    // 204 and 304 have no length (RFC 9110, section 8.6).
    let length = match status {
        204 | 304 => String::new(),
        _ => format!("content-length: {}\r\n", body.len()),
    };
    write!(
        outbox,
        "HTTP/1.1 {status} {}\r\n{headers}{connection}{length}\r\n",
        phrase(*status)
    )?;
    outbox.extend_from_slice(body);
    Ok(())
}

fn phrase(status: u16) -> &'static str {
    http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Status")
}
