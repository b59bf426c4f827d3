//! One exchange over HTTP/2 (RFC 9113), by the same bounds and to the same facts as over HTTP/1.1.
//!
//! - [`link`]: a connection and the task that drives it
//! - [`pool`]: connections by origin
//!
//! # What the receiver did not process
//! A stream above the last one of a GOAWAY, and one that was reset as REFUSED_STREAM, did nothing at the receiver (RFC 9113,
//! section 8.7): the request goes out at once on another stream, [`REPEATS_MAX`] times at most, whatever its method, and counts
//! as not sent if none takes it. Every other end of a stream leaves open what the receiver did, and is an error of its own attempt.

mod link;
pub(super) mod pool;

use std::future::poll_fn;

use base::Timestamp;
use bytes::Bytes;
use futures_util::FutureExt;
use h2::{Reason, RecvStream};
use http::header::{HeaderName, HeaderValue};
use http::{Response, Uri};
use tokio::time::{Instant, timeout_at};
use url::Position;

pub(super) use self::link::Slot;
use super::answer::{Body, Framing, Progress, RetryAfter};
use super::connect::Failure;
use super::{broken, failure, request};
use crate::config::DestinationRules;
use crate::port::{Attempt, ErrorClass, NotSendable, Notification};
use crate::recorded::Read;
use crate::sender::not_sendable;

/// How often one attempt begins again because the receiver did not process its stream (chosen).
pub(super) const REPEATS_MAX: u32 = 2;

/// Why an exchange on a stream ended without an answer.
#[derive(Debug)]
pub(super) enum Ended {
    /// The receiver did not process it; these words would be its error.
    Unprocessed(Failure),
    /// The receiver wants HTTP/1.1 for it.
    Http1Required(Failure),
    For(Failure),
}

impl Ended {
    fn into_failure(self) -> Failure {
        match self {
            Self::Unprocessed(failed) | Self::Http1Required(failed) | Self::For(failed) => failed,
        }
    }
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::For(failure)
    }
}

/// Sends the request on a stream and reads the answer's head.
pub(super) async fn head(
    slot: &mut Slot,
    notification: &Notification,
    rules: &DestinationRules,
    end: Instant,
    attempt: &mut Attempt,
) -> Result<Response<RecvStream>, Ended> {
    let body = notification.request.body.clone();
    let request = request_of(notification, rules, attempt.started)
        .map_err(|refused| failure(ErrorClass::Refused, refused))?;
    attempt.address = Some(slot.peer);
    attempt.http = Some(http::Version::HTTP_2);
    slot.allow(rules.response_bytes_max);
    let known = slot.state.bytes_read();
    let begun = Instant::now();
    let limit = end.min(begun + rules.timeout_first_byte);
    let (answer, mut stream) = slot
        .send
        .send_request(request, body.is_empty())
        // Not a byte of it has left.
        .map_err(|error| Ended::Unprocessed(ended(&error, slot).into_failure()))?;
    if !body.is_empty() {
        // Kept by h2 until the receiver's windows allow it; the bytes are shared, not copied.
        let sent = stream.send_data(body, true);
        sent.map_err(|error| ended(&error, slot))?;
    }
    let answer = timeout_at(limit, answer).await;
    attempt.timings.first_byte = begun.elapsed();
    // A stream that still waits for its turn has not been sent.
    let is_open = poll_fn(|cx| slot.send.poll_ready(cx)).now_or_never();
    let has_begun = is_open.is_some();
    match answer {
        Ok(Ok(answer)) => {
            attempt.sent = true;
            Ok(answer)
        }
        Ok(Err(error)) => {
            let ended = ended(&error, slot);
            attempt.sent |= has_begun && matches!(ended, Ended::For(_));
            // As over HTTP/1.1: a close that crossed the request on its way is no reason to wait where repeating does no harm.
            let may_repeat = request::is_idempotent(&notification.request.method)
                && slot.state.bytes_read() == known;
            Err(match ended {
                Ended::For(failed) if may_repeat && failed.class == ErrorClass::Closed => {
                    Ended::Unprocessed(failed)
                }
                ended => ended,
            })
        }
        Err(_) => {
            attempt.sent |= has_begun;
            if slot.state.bytes_read() == known {
                // Not a byte for anybody: later requests go elsewhere.
                slot.state.close();
            }
            let (class, detail) = if limit == end {
                (
                    ErrorClass::TotalTimeout,
                    "no answer before the attempt's time was over",
                )
            } else {
                (ErrorClass::FirstByteTimeout, "no head of an answer in time")
            };
            Err(failure(class, detail).into())
        }
    }
}

/// Reads the body, of which `kept` bytes stay as the attempt's excerpt.
pub(super) async fn body(
    slot: &Slot,
    mut stream: RecvStream,
    kept: usize,
    rules: &DestinationRules,
    end: Instant,
    attempt: &mut Attempt,
) -> Result<Read, Failure> {
    let mut body = Body::new(Framing::UntilClose, kept, rules.response_bytes_max as u64);
    let read = timeout_at(end, read(slot, &mut stream, &mut body)).await;
    attempt.excerpt = Bytes::from(body.into_excerpt());
    match read {
        Ok(Ok(Progress::Capped)) => {
            attempt.detail = format!(
                "the answer is longer than {} bytes and was cut",
                rules.response_bytes_max
            );
            Ok(Read::Cut)
        }
        Ok(Ok(_)) => Ok(Read::Whole),
        Ok(Err(failed)) => Err(failed),
        Err(_) => Err(failure(
            ErrorClass::TotalTimeout,
            "the answer was not complete before the attempt's time was over",
        )),
    }
}

async fn read(slot: &Slot, stream: &mut RecvStream, body: &mut Body) -> Result<Progress, Failure> {
    while let Some(data) = stream.data().await {
        let data = data.map_err(|error| ended(&error, slot).into_failure())?;
        // Fails on a stream that has ended, which needs no window.
        let _ = stream.flow_control().release_capacity(data.len());
        if body.take(&data).map_err(|error| broken(error.into()))? == Progress::Capped {
            return Ok(Progress::Capped);
        }
    }
    Ok(Progress::More)
}

/// What the head asks us to wait.
pub(super) fn retry_after(answer: &Response<RecvStream>) -> Option<RetryAfter> {
    let value = answer.headers().get_all(http::header::RETRY_AFTER);
    RetryAfter::parse(value.iter().next_back()?.to_str().ok()?)
}

fn request_of(
    notification: &Notification,
    rules: &DestinationRules,
    at: Timestamp,
) -> Result<http::Request<()>, NotSendable> {
    let url = &notification.request.url;
    let uri = Uri::builder()
        .scheme(url.scheme())
        .authority(&url[Position::BeforeHost..Position::AfterPort])
        .path_and_query(&url[Position::BeforePath..Position::AfterQuery])
        .build()
        .map_err(|error| not_sendable(format!("the URL cannot be sent over HTTP/2: {error}")))?;
    let mut request = http::Request::new(());
    *request.method_mut() = notification.request.method.clone();
    *request.uri_mut() = uri;
    *request.version_mut() = http::Version::HTTP_2;
    let headers = request.headers_mut();
    let mut wrong = None;
    request::each_header(notification, rules, at, |name, value| {
        let name = HeaderName::from_bytes(name.as_bytes());
        match (name, HeaderValue::from_bytes(value.as_bytes())) {
            (Ok(name), Ok(mut value)) => {
                // Kept out of the table of compression, from which other requests could guess it (RFC 7541, section 7.1.3).
                value.set_sensitive(request::is_in(rules, name.as_str()));
                headers.append(name, value);
            }
            (name, _) => wrong = Some(name.is_ok()),
        }
    })?;
    if wrong.is_some() {
        return Err(not_sendable("a header cannot be sent over HTTP/2"));
    }
    if request::has_length(&notification.request) {
        let length = notification.request.body.len();
        headers.insert(http::header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    Ok(request)
}

/// What an error of a stream means for its request.
fn ended(error: &h2::Error, slot: &Slot) -> Ended {
    let of = |class: ErrorClass, detail: String| failure(class, detail);
    let reason = error.reason().unwrap_or(Reason::NO_ERROR);
    if slot.state.is_flooded() {
        let detail = "the receiver sent more than all answers on the connection can need";
        return Ended::For(of(ErrorClass::Protocol, detail.to_owned()));
    }
    if slot.state.is_refused() {
        let detail = format!("the receiver refused the connection by TLS: {error}");
        return Ended::For(of(ErrorClass::Tls, detail));
    }
    if error.is_remote() && error.is_go_away() {
        let detail =
            format!("the receiver closed the connection before it took the request ({reason:?})");
        return Ended::Unprocessed(of(ErrorClass::Closed, detail));
    }
    if error.is_remote() {
        let detail = format!("the receiver reset the stream ({reason:?})");
        return match reason {
            Reason::REFUSED_STREAM => Ended::Unprocessed(of(ErrorClass::Closed, detail)),
            Reason::HTTP_1_1_REQUIRED => Ended::Http1Required(of(
                ErrorClass::Protocol,
                format!("{detail}; set `http = \"1.1\"`"),
            )),
            Reason::ENHANCE_YOUR_CALM => Ended::For(of(ErrorClass::Deferred, detail)),
            _ => Ended::For(of(ErrorClass::Closed, detail)),
        };
    }
    if error.is_library() {
        let detail = format!("the answer is not HTTP/2 ({reason:?})");
        return Ended::For(of(ErrorClass::Protocol, detail));
    }
    // Ours: the system's, or a request that came too late.
    Ended::For(of(
        ErrorClass::Closed,
        format!("the connection broke: {error}"),
    ))
}
