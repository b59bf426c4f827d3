//! `http` and `https`: HTTP/1.1 over our own pool of kept-alive connections to checked addresses, or HTTP/2 over shared ones.
//!
//! - [`request`]: the request as bytes
//! - [`answer`]: the answer as facts, from hostile bytes
//! - [`connection`]: one exchange on one connection
//! - [`judging`]: whether the answer says that it was recorded
//! - [`connect`], [`eyeballs`], [`tls`], [`identity`], [`proxy`]: from a URL to a connection
//! - [`token`]: what OAuth 2 asks for before
//! - [`pool`]: idle connections
//! - [`multiplexed`], [`http2`]: the same exchange on a stream of a connection that others use too
//!
//! Every attempt ends within its budget and in one class of error. Redirects are never followed: a 3xx is an
//! answer like any other and no success. A body longer than `response_bytes_max` is cut there and its connection
//! closed; the status counts.
//!
//! # A kept connection that the receiver closed
//! Before a connection is used again it is looked at: when the receiver's close has arrived, a fresh one is made
//! and nothing was sent. When the close crosses our request on the way, the request is written once more on a
//! fresh connection if no byte of an answer came and either no byte had been written or the method is idempotent
//! (GET, HEAD, PUT, DELETE, OPTIONS; RFC 9110 section 9.2.2). The receiver may then see it twice, as with any
//! retry. A POST that may have arrived ends as [`ErrorClass::Closed`] with [`Attempt::sent`] and waits for its
//! retry.

mod answer;
mod connect;
mod connection;
mod dialing;
mod eyeballs;
mod http2;
mod identity;
mod judging;
mod multiplexed;
mod pool;
mod proxy;
mod request;
mod sweeper;
mod tls;
pub mod token;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base::{Clock, Timestamp};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::time::{Instant, timeout_at};
use url::Position;

use self::answer::{Body, Head};
use self::connect::{Dialer, Failure};
use self::connection::{Broken, Connection, Ended};
use self::dialing::Dialing;
use self::multiplexed::Gone;
use self::pool::Pool;
use self::request::Target;
use super::{Tools, blank, not_sendable};
use crate::config::DestinationRules;
use crate::config::transport::HttpVersion;
use crate::port::{Attempt, ErrorClass, NotSendable, Notification, Request, Sender, Way};

/// The schemes for [`super::SENDERS`].
pub(super) const SCHEMES: &[&str] = &["http", "https"];

/// The sender for [`super::SENDERS`].
pub(super) fn sender(tools: &Tools) -> Arc<dyn Sender> {
    Arc::new(HttpSender::new(tools))
}

/// Whether `ca_file` holds authorities.
///
/// # Errors
/// Words for the operator.
pub(crate) fn check_ca_file(path: &std::path::Path) -> Result<(), String> {
    tls::check_file(path)
}

pub(crate) use identity::{check as check_identity, ends_soon as certificate_ends_soon};

/// Whether a certificate can bear the name.
///
/// # Errors
/// Words for the operator.
pub(crate) fn check_server_name(name: &str) -> Result<(), String> {
    connect::server_name(name).map(|_| ())
}

/// Sends over HTTP/1.1 and HTTP/2. One object keeps one pool of each.
pub struct HttpSender {
    clock: Arc<dyn Clock>,
    dialer: Dialer,
    dialing: Dialing,
    pool: Pool,
    http2: http2::pool::Pool,
}

impl fmt::Debug for HttpSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSender").finish_non_exhaustive()
    }
}

impl Sender for HttpSender {
    fn schemes(&self) -> &'static [&'static str] {
        SCHEMES
    }

    fn check(&self, request: &Request, rules: &DestinationRules) -> Result<(), NotSendable> {
        request::check(request, rules)
    }

    fn send<'a>(
        &'a self,
        notification: &'a Notification,
        rules: &'a DestinationRules,
        budget: Duration,
    ) -> BoxFuture<'a, Attempt> {
        match &rules.auth {
            None => Box::pin(self.attempt(notification, rules, budget)),
            Some(auth) => Box::pin(auth.attempt(self, notification, rules, budget)),
        }
    }

    fn own_headers<'a>(&self, _: &Request, rules: &'a DestinationRules) -> Vec<&'a str> {
        let id = Some(&*rules.id_header).filter(|name| !name.is_empty());
        let is_id = |name: &str| id.is_some_and(|own| own.eq_ignore_ascii_case(name));
        let signed = rules.sign.iter().flat_map(|sign| sign.names());
        let signed: Vec<&str> = signed.map(|name| &**name).collect();
        let is_signed = |name: &&str| signed.iter().any(|own| own.eq_ignore_ascii_case(name));
        let others = rules.headers.iter().map(|(name, _)| name.as_str());
        let others = others.filter(|name| !is_id(name)).chain(id);
        let mut all: Vec<&str> = others.filter(|name| !is_signed(name)).collect();
        all.extend(signed);
        all.extend(rules.auth.iter().map(|_| "authorization"));
        all
    }

    fn written(
        &self,
        notification: &Notification,
        rules: &DestinationRules,
    ) -> Result<Vec<u8>, NotSendable> {
        let target = match &rules.proxy {
            // What the proxy is told of ourselves is none of the receiver's.
            Some(_) if notification.request.url.scheme() == "http" => Target::Proxy(None),
            _ => Target::Origin,
        };
        let mut out = Vec::new();
        request::write_head(&mut out, notification, rules, target, self.clock.now())?;
        out.extend_from_slice(&notification.request.body);
        Ok(out)
    }

    fn way<'a>(
        &'a self,
        request: &'a Request,
        rules: &'a DestinationRules,
    ) -> BoxFuture<'a, Result<Way, NotSendable>> {
        Box::pin(async move {
            let found = connect::addresses(&self.dialer.dns, &request.url, rules).await;
            let addresses = found.map_err(|failure| not_sendable(failure.detail))?;
            Ok(Way {
                relay: None,
                addresses,
            })
        })
    }
}

impl HttpSender {
    /// A sender with an empty pool.
    #[must_use]
    pub fn new(tools: &Tools) -> Self {
        let dialer = Dialer {
            dns: Arc::clone(&tools.dns),
            tls: tls::Configs::default(),
        };
        Self {
            clock: Arc::clone(&tools.clock),
            dialer,
            dialing: Dialing::default(),
            pool: Pool::default(),
            http2: http2::pool::Pool::default(),
        }
    }

    async fn attempt(
        &self,
        notification: &Notification,
        rules: &DestinationRules,
        budget: Duration,
    ) -> Attempt {
        let mut attempt = blank(notification.attempt, self.clock.now());
        let begun = Instant::now();
        let end = begun + rules.timeout_total.min(budget);
        let outcome = self.exchange(notification, rules, end, &mut attempt).await;
        if let Err(failure) = outcome {
            attempt.error = Some(failure.class);
            attempt.detail = failure.detail;
            attempt.address = failure.address.or(attempt.address);
        }
        attempt.timings.total = begun.elapsed();
        attempt
    }

    async fn exchange(
        &self,
        notification: &Notification,
        rules: &DestinationRules,
        end: Instant,
        attempt: &mut Attempt,
    ) -> Result<(), Failure> {
        let version = multiplexed::version(&notification.request.url, rules);
        if version != HttpVersion::Http2
            && self
                .exchange_kept(notification, rules, end, attempt)
                .await?
        {
            return Ok(());
        }
        if version != HttpVersion::Http1 {
            let sending = self.exchange_multiplexed(version, notification, rules, end, attempt);
            match Box::pin(sending).await? {
                Gone::Answered => return Ok(()),
                Gone::ByHttp1(None) => {}
                Gone::ByHttp1(Some(made)) => {
                    let sending = self.exchange_on_made(made, notification, rules, end, attempt);
                    return Box::pin(sending).await;
                }
            }
        }
        // Rare and large: boxed, so that the usual future stays small.
        Box::pin(self.exchange_afresh(notification, rules, end, attempt)).await
    }

    /// On a connection that was kept; `false` when there is none, or it had been closed.
    async fn exchange_kept(
        &self,
        notification: &Notification,
        rules: &DestinationRules,
        end: Instant,
        attempt: &mut Attempt,
    ) -> Result<bool, Failure> {
        let origin = &notification.request.url[..Position::BeforePath];
        let Some(connection) = self.pool.take(origin, rules) else {
            return Ok(false);
        };
        match self
            .exchange_on(connection, notification, rules, end, attempt)
            .await
        {
            Err(Failed::Stale) => Ok(false),
            Err(Failed::For(failure)) => Err(failure),
            Ok(()) => Ok(true),
        }
    }

    async fn exchange_afresh(
        &self,
        notification: &Notification,
        rules: &DestinationRules,
        end: Instant,
        attempt: &mut Attempt,
    ) -> Result<(), Failure> {
        let refused = |refused: NotSendable| failure(ErrorClass::Refused, refused);
        request::check(&notification.request, rules).map_err(refused)?;
        let url = &notification.request.url;
        let begun = Instant::now();
        let place = self.dialing.place(&url[..Position::BeforePath]).await;
        let waited = begun.elapsed();
        attempt.timings.connect = waited;
        // Another may be done with its connection meanwhile.
        if waited >= Duration::from_millis(1)
            && self
                .exchange_kept(notification, rules, end, attempt)
                .await?
        {
            return Ok(());
        }
        let dialed = self
            .dialer
            .dial(url, rules, HttpVersion::Http1, end, &mut attempt.timings)
            .await;
        let exchange = self.exchange_on(Box::new(dialed?), notification, rules, end, attempt);
        let ended = dialing::first(place, exchange).await;
        ended.map_err(Failed::or_closed)
    }

    async fn exchange_on(
        &self,
        mut connection: Box<Connection>,
        notification: &Notification,
        rules: &DestinationRules,
        end: Instant,
        attempt: &mut Attempt,
    ) -> Result<(), Failed> {
        let is_reused = connection.is_reused();
        attempt.http = Some(::http::Version::HTTP_11);
        attempt.address = Some(connection.peer);
        let head = self
            .head(&mut connection, notification, rules, end, attempt)
            .await;
        attempt.sent |= connection.has_written();
        let head = head.map_err(|failure| {
            let may_repeat =
                !connection.has_written() || request::is_idempotent(&notification.request.method);
            let is_closed = failure.class == ErrorClass::Closed && !connection.has_received();
            if is_reused && is_closed && may_repeat {
                return Failed::Stale;
            }
            Failed::For(failure)
        })?;
        attempt.status = Some(head.status);
        attempt.retry_after = head
            .retry_after
            .map(|after| after.wait_from(self.clock.now()));
        let excerpt = rules.response_excerpt_bytes;
        let ended = match rules.recorded_by(head.status) {
            None => read_body(&mut connection, head, excerpt, rules, end, attempt).await?,
            // Large, and for some destinations alone.
            Some(recorded) => {
                let judged =
                    judging::read_and_judge(recorded, &mut connection, head, rules, end, attempt);
                Box::pin(judged).await?
            }
        };
        if ended == Ended::Whole && head.keeps && connection.is_clean() {
            self.pool.put(
                &notification.request.url[..Position::BeforePath],
                rules,
                connection,
            );
        }
        Ok(())
    }

    async fn head(
        &self,
        connection: &mut Connection,
        notification: &Notification,
        rules: &DestinationRules,
        end: Instant,
        attempt: &mut Attempt,
    ) -> Result<Head, Failure> {
        connection.keeps_head = rules.recorded.is_some();
        write_head(connection, notification, rules, attempt.started)?;
        let begun = Instant::now();
        let limit = end.min(begun + rules.timeout_first_byte);
        let head = timeout_at(
            limit,
            connection.request(&notification.request.body, &notification.request.method),
        )
        .await;
        attempt.timings.first_byte = begun.elapsed();
        match head {
            Ok(head) => head.map_err(broken),
            Err(_) if limit == end => Err(failure(
                ErrorClass::TotalTimeout,
                "no answer before the attempt's time was over",
            )),
            Err(_) => Err(failure(
                ErrorClass::FirstByteTimeout,
                "no head of an answer in time",
            )),
        }
    }
}

fn write_head(
    connection: &mut Connection,
    notification: &Notification,
    rules: &DestinationRules,
    at: Timestamp,
) -> Result<(), Failure> {
    connection.outbox.clear();
    let authorization = rules.proxy.as_ref().and_then(proxy::authorization);
    let target = match &rules.proxy {
        Some(_) if notification.request.url.scheme() == "http" => {
            Target::Proxy(authorization.as_deref())
        }
        _ => Target::Origin,
    };
    request::write_head(&mut connection.outbox, notification, rules, target, at)
        .map_err(|refused| failure(ErrorClass::Refused, refused))
}

/// Reads the body and keeps its beginning as the attempt's excerpt.
async fn read_body(
    connection: &mut Connection,
    head: Head,
    excerpt_bytes: usize,
    rules: &DestinationRules,
    end: Instant,
    attempt: &mut Attempt,
) -> Result<Ended, Failure> {
    let mut body = Body::new(head.framing, excerpt_bytes, rules.response_bytes_max as u64);
    let read = timeout_at(end, connection.body(&mut body)).await;
    attempt.excerpt = Bytes::from(body.into_excerpt());
    match read {
        Ok(Ok(ended @ (Ended::Whole | Ended::Unsure))) => Ok(ended),
        Ok(Ok(Ended::Capped)) => {
            attempt.detail = format!(
                "the answer is longer than {} bytes and was cut",
                rules.response_bytes_max
            );
            Ok(Ended::Capped)
        }
        Ok(Err(error)) => Err(broken(error)),
        Err(_) => Err(failure(
            ErrorClass::TotalTimeout,
            "the answer was not complete before the attempt's time was over",
        )),
    }
}

/// Why an exchange on a connection failed.
enum Failed {
    /// The kept connection was closed by the receiver; the request may be written again.
    Stale,
    For(Failure),
}

impl Failed {
    /// Where it cannot be written again.
    fn or_closed(self) -> Failure {
        match self {
            Self::For(failure) => failure,
            Self::Stale => failure(ErrorClass::Closed, Broken::Closed("began")),
        }
    }
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        Self::For(failure)
    }
}

fn failure(class: ErrorClass, detail: impl ToString) -> Failure {
    Failure {
        class,
        detail: detail.to_string(),
        address: None,
    }
}

fn broken(error: Broken) -> Failure {
    let class = match &error {
        Broken::Closed(_) => ErrorClass::Closed,
        // A receiver that does not take our certificate says so after its side of the handshake (RFC 8446).
        Broken::Io(error) if tls::is_refusal(error) => ErrorClass::Tls,
        Broken::Io(_) => ErrorClass::Closed,
        Broken::Malformed(_) => ErrorClass::Protocol,
    };
    failure(class, error)
}
