//! Which version of HTTP a request goes by, and its exchange where that is HTTP/2.
//!
//! For `auto` the receiver chooses in the TLS handshake (ALPN); its choice of HTTP/1.1 is remembered for a connection's life.

use tokio::time::Instant;
use url::{Position, Url};

use super::connect::Failure;
use super::connection::Connection;
use super::http2::pool::Place;
use super::http2::{self, Ended, REPEATS_MAX, Slot};
use super::{Failed, HttpSender, failure, judging, request};
use crate::config::DestinationRules;
use crate::config::transport::HttpVersion;
use crate::port::{Attempt, ErrorClass, Notification};

/// What became of a request that might go by HTTP/2.
#[derive(Debug)]
pub(super) enum Gone {
    /// It was answered.
    Answered,
    /// It has to go by HTTP/1.1, on this connection where one was made.
    ByHttp1(Option<Box<Connection>>),
}

/// The versions that may be spoken for `url`.
pub(super) fn version(url: &Url, rules: &DestinationRules) -> HttpVersion {
    match rules.transport.http {
        HttpVersion::Auto if url.scheme() != "https" => HttpVersion::Http1,
        version => version,
    }
}

impl HttpSender {
    /// Sends by HTTP/2 where `version` and the receiver say so.
    pub(super) async fn exchange_multiplexed(
        &self,
        version: HttpVersion,
        notification: &Notification,
        rules: &DestinationRules,
        end: Instant,
        attempt: &mut Attempt,
    ) -> Result<Gone, Failure> {
        let refused = |refused| failure(ErrorClass::Refused, refused);
        request::check(&notification.request, rules).map_err(refused)?;
        let origin = &notification.request.url[..Position::BeforePath];
        let mut repeats = 0;
        loop {
            let begun = Instant::now();
            let place = self.http2.place(origin, rules, end).await;
            attempt.timings.connect += begun.elapsed();
            let slot = match place? {
                Place::Stream(slot) => slot,
                Place::Http1 => return Ok(Gone::ByHttp1(None)),
                Place::Make(making) => {
                    let url = &notification.request.url;
                    let dialing = self
                        .dialer
                        .dial(url, rules, version, end, &mut attempt.timings);
                    let connection = match dialing.await {
                        Ok(connection) => connection,
                        Err(failed) => return Err(making.failed(failed)),
                    };
                    if url.scheme() == "https" && !connection.chose_http2() {
                        if version == HttpVersion::Auto {
                            making.chose_http1();
                            return Ok(Gone::ByHttp1(Some(Box::new(connection))));
                        }
                        let detail = "the receiver does not offer HTTP/2 (ALPN); set `http = \"auto\"` or `\"1.1\"`";
                        let failed = Failure {
                            address: Some(connection.peer),
                            ..failure(ErrorClass::Protocol, detail)
                        };
                        return Err(making.failed(failed));
                    }
                    making.open(&self.http2, connection).await?
                }
            };
            let ended = self
                .exchange_stream(slot, notification, rules, end, attempt)
                .await;
            match ended {
                Ok(()) => return Ok(Gone::Answered),
                Err(Ended::For(failed)) => return Err(failed),
                Err(Ended::Http1Required(failed)) => {
                    if version != HttpVersion::Auto {
                        return Err(failed);
                    }
                    self.http2.wants_http1(origin, rules);
                    return Ok(Gone::ByHttp1(None));
                }
                Err(Ended::Unprocessed(failed)) if repeats == REPEATS_MAX => return Err(failed),
                Err(Ended::Unprocessed(_)) => repeats += 1,
            }
        }
    }

    async fn exchange_stream(
        &self,
        mut slot: Slot,
        notification: &Notification,
        rules: &DestinationRules,
        end: Instant,
        attempt: &mut Attempt,
    ) -> Result<(), Ended> {
        let answer = http2::head(&mut slot, notification, rules, end, attempt).await?;
        attempt.status = Some(answer.status().as_u16());
        let now = self.clock.now();
        attempt.retry_after = http2::retry_after(&answer).map(|after| after.wait_from(now));
        let recorded = rules.recorded_by(answer.status().as_u16());
        let headers = recorded.map_or(Ok(()), |recorded| {
            let all = answer.headers().iter();
            let all = all.map(|(name, value)| (name.as_str(), value.as_bytes()));
            recorded.judge_headers(&all.collect::<Vec<_>>())
        });
        let kept = recorded.map_or(rules.response_excerpt_bytes, |_| judging::kept(rules));
        let read = http2::body(&slot, answer.into_body(), kept, rules, end, attempt).await;
        let Some(recorded) = recorded else {
            read?;
            return Ok(());
        };
        let body = judging::take_body(rules, attempt);
        judging::judge(recorded, headers, body, read?, attempt).await;
        Ok(())
    }

    /// By HTTP/1.1 on a connection that was made for either version.
    pub(super) async fn exchange_on_made(
        &self,
        connection: Box<Connection>,
        notification: &Notification,
        rules: &DestinationRules,
        end: Instant,
        attempt: &mut Attempt,
    ) -> Result<(), Failure> {
        let exchange = self.exchange_on(connection, notification, rules, end, attempt);
        exchange.await.map_err(Failed::or_closed)
    }
}
