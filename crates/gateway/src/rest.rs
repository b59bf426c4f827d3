//! Requests for services that speak HTTP themselves: route → verify the head → hand over → record.
//!
//! INVARIANT: who claims to have signed is proven or answered before any of the body is read, and the service gets a body that
//! cannot keep a place for ever: it must bring [`PACE_BYTES`] within each `body_time`.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use api::{
    Access, Authorizer, BodyError, CallRecord, Ctx, Fault, FaultCtx, Gate, Key, RestAnswer,
    RestBody, RestCall, RestService, Stage,
};
use bytes::Bytes;
use futures_util::FutureExt;
use http::request::Parts;
use http::{Request, header};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use parking_lot::Mutex;
use tokio::time::{Instant, Sleep, sleep_until};
use wire::sigv4::{Claim, Dialect, Refusal, RefusalCodes, Rules, SecretKey};

use crate::answer::{self, Answer, Body};
use crate::body;
use crate::door::{Door, Visit, asks_first, decide, panicked};
use crate::limits::Limits;
use crate::peers::{Peer, Phase};
use crate::route::{self, Route};
use crate::told::{Told, signed_for};
use crate::verify;

/// What a body must bring within each `body_time` (chosen: no client that works is as slow as 1 KiB/s).
const PACE_BYTES: u64 = 32 * 1024;

impl Door {
    /// The service that a request is for which no other service knows by its head; `None` where there is no such.
    pub(crate) fn rest_service(&self, head: &Parts) -> Option<&Arc<dyn RestService>> {
        let services = &self.parts.rest;
        if services.is_empty() || is_own(head.uri.path()) {
            return None;
        }
        match signed_for(head) {
            Some(name) => services.iter().find(|service| service.name() == name),
            // Without a resource there is nothing that could be open to all.
            None if is_query(head) || head.uri.path() == "/" => None,
            None => services.iter().find(|service| service.takes_unsigned()),
        }
    }

    /// The steps of a request for `service`.
    pub(crate) async fn hand_over(
        &self,
        visit: &Visit<'_>,
        service: &Arc<dyn RestService>,
        body: Incoming,
    ) -> Answer {
        let (secret, ctx) = match self.prove(visit, service) {
            Ok(proven) => proven,
            Err(fault) => {
                let told = Told::default();
                self.tell_refused(visit, (Route::Nowhere, None), &told, &fault)
                    .await;
                return self.turn_away(visit, service, &fault, body).await;
            }
        };
        let started = self.parts.clock.monotonic();
        let lent = Arc::new(Mutex::new(Some(body)));
        let gate = AsAuthorized(Arc::clone(&self.parts.authorizer));
        let call = RestCall {
            ctx: ctx.clone(),
            secret,
            gate: Arc::new(gate),
            request: request(
                visit.head,
                Paced::new(Arc::clone(&lent), &self.parts.limits),
            ),
        };
        let called = AssertUnwindSafe(service.call(call)).catch_unwind().await;
        let RestAnswer {
            response,
            operation,
            audit,
            access,
            input,
            outcome,
        } = match called {
            Ok(answer) => answer,
            Err(_) => {
                let fault = panicked(service.name());
                return self.turn_away_lent(visit, service, &fault, &lent).await;
            }
        };
        let kept = self.parts.recorder.record(&CallRecord {
            service: service.name(),
            operation,
            audit,
            stage: Stage::Decided,
            ctx: &ctx,
            host: route::text(visit.head, header::HOST.as_str()),
            access: &access,
            input: input.as_deref(),
            output: None,
            outcome: match &outcome {
                Ok(()) => Ok(()),
                Err(fault) => Err(fault),
            },
            took: self.parts.clock.monotonic().saturating_sub(started),
        });
        kept.await;
        if let Err(fault) = &outcome {
            self.count_fault(fault);
        }
        self.give(visit, response, &lent).await
    }

    /// Step: verify, as far as it needs no body. Unsigned requests are for the service to refuse.
    fn prove(
        &self,
        visit: &Visit<'_>,
        service: &Arc<dyn RestService>,
    ) -> Result<(Option<SecretKey>, Ctx), Fault> {
        let refused = |refusal: Refusal| {
            let codes = codes(&refusal, visit.head);
            answer::front_with_query_code(
                codes.code,
                codes.query_code,
                codes.status,
                refusal.to_string(),
            )
        };
        let rules = Rules::object(self.parts.region.as_str());
        let claim = match Claim::read(verify::parts(visit.head), rules, visit.at) {
            Ok(claim) => claim,
            Err(Refusal::Missing) if service.takes_unsigned() => {
                return Ok((None, self.ctx(visit, Arc::clone(&self.nobody))));
            }
            Err(refusal) => return Err(refused(refusal)),
        };
        let name = service.name();
        claim.check_service(name).map_err(refused)?;
        let key: Arc<Key> = self
            .parts
            .keys
            .find(claim.key_id(), claim.token())
            .map_err(refused)?;
        claim.verify_head(&key.secret).map_err(refused)?;
        visit.peer.set_proven();
        let secret = SecretKey::new(key.secret.expose());
        self.parts.keys.used(&key, name, visit.at);
        Ok((Some(secret), self.ctx(visit, Arc::clone(&key.caller))))
    }

    async fn turn_away(
        &self,
        visit: &Visit<'_>,
        service: &Arc<dyn RestService>,
        fault: &Fault,
        body: Incoming,
    ) -> Answer {
        let lent = Mutex::new(Some(body));
        self.turn_away_lent(visit, service, fault, &lent).await
    }

    async fn turn_away_lent(
        &self,
        visit: &Visit<'_>,
        service: &Arc<dyn RestService>,
        fault: &Fault,
        lent: &Mutex<Option<Incoming>>,
    ) -> Answer {
        self.count_fault(fault);
        let ctx = FaultCtx {
            request_id: visit.request_id,
            region: self.parts.region.clone(),
        };
        let response = service.fault(visit.head, &ctx, fault);
        self.give(visit, response, lent).await
    }

    /// Gives the answer, with what is left of the request's body out of its way.
    async fn give(
        &self,
        visit: &Visit<'_>,
        response: http::Response<RestBody>,
        lent: &Mutex<Option<Incoming>>,
    ) -> Answer {
        let left = lent.lock().take().filter(|body| !body.is_end_stream());
        let is_read = match left {
            None => true,
            // Who asks before sending a body is answered instead of being asked for it.
            Some(_) if asks_first(visit.head) => false,
            Some(body) => body::discard(body, &self.parts.limits).await.is_ok(),
        };
        let mut answer = response.map(|body| Body::streamed(body, Arc::clone(visit.peer)));
        if !is_read {
            answer::close_after(&mut answer);
        }
        answer
    }
}

/// The codes of a refusal, which name where the fault is: in the header or in the query of a presigned URL.
///
/// Source: Amazon S3 API Reference, "Error responses", `AuthorizationQueryParametersError`.
fn codes(refusal: &Refusal, head: &Parts) -> RefusalCodes {
    let codes = refusal.codes(Dialect::S3);
    let is_in_query = !head.headers.contains_key(header::AUTHORIZATION);
    match codes.code {
        "AuthorizationHeaderMalformed" if is_in_query => RefusalCodes {
            code: "AuthorizationQueryParametersError",
            query_code: "AuthorizationQueryParametersError",
            ..codes
        },
        _ => codes,
    }
}

/// The authorizer as services see it.
#[derive(Debug)]
pub(crate) struct AsAuthorized(pub(crate) Arc<dyn Authorizer>);

impl Gate for AsAuthorized {
    fn decide(&self, ctx: &Ctx, access: &[Access]) -> Result<(), Fault> {
        decide(&*self.0, ctx, access)
    }
}

fn request(head: &Parts, body: Paced) -> Request<RestBody> {
    let mut request = Request::new(body.boxed_unsync());
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = head.uri.clone();
    *request.version_mut() = head.version;
    *request.headers_mut() = head.headers.clone();
    request
}

/// Whether a path is one of the gateway's own pages, which are never a service's resource.
fn is_own(path: &str) -> bool {
    path.strip_prefix("/_shukuba")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether an unsigned request looks like one of the query protocol, whose refusal it then gets.
fn is_query(head: &Parts) -> bool {
    matches!(route::find(head), route::Route::Query)
}

/// A request's body that ends with an error where it comes too slowly, and that leaves what nobody has read.
struct Paced {
    body: Option<Incoming>,
    lent: Arc<Mutex<Option<Incoming>>>,
    within: Duration,
    timer: Pin<Box<Sleep>>,
    seen: u64,
}

/// The body did not come in time.
#[derive(Debug, thiserror::Error)]
#[error("the body came too slowly: {PACE_BYTES} bytes within {within:?} are the least")]
struct TooSlow {
    within: Duration,
}

impl Paced {
    fn new(lent: Arc<Mutex<Option<Incoming>>>, limits: &Limits) -> Self {
        let within = limits.body_time;
        let body = lent.lock().take();
        Self {
            body,
            lent,
            within,
            timer: Box::pin(sleep_until(Instant::now() + within)),
            seen: 0,
        }
    }

    fn on_bytes(&mut self, bytes: usize) {
        self.seen += bytes as u64;
        if self.seen >= PACE_BYTES {
            self.seen = 0;
            self.timer.as_mut().reset(Instant::now() + self.within);
        }
    }
}

impl Drop for Paced {
    fn drop(&mut self) {
        *self.lent.lock() = self.body.take();
    }
}

impl hyper::body::Body for Paced {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let Some(body) = &mut this.body else {
            return Poll::Ready(None);
        };
        match Pin::new(body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                this.on_bytes(frame.data_ref().map_or(0, Bytes::len));
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(ended) => Poll::Ready(ended.map(|frame| frame.map_err(Into::into))),
            Poll::Pending if this.timer.as_mut().poll(cx).is_ready() => {
                let within = this.within;
                Poll::Ready(Some(Err(Box::new(TooSlow { within }))))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), hyper::body::Body::size_hint)
    }
}

/// An answer's body that keeps its connection at work until it has been given.
pub(crate) struct Streamed {
    body: RestBody,
    peer: Arc<Peer>,
}

impl Streamed {
    pub(crate) fn new(body: RestBody, peer: Arc<Peer>) -> Self {
        Self { body, peer }
    }

    pub(crate) fn body(&mut self) -> Pin<&mut RestBody> {
        Pin::new(&mut self.body)
    }

    pub(crate) fn as_body(&self) -> &RestBody {
        &self.body
    }
}

impl Drop for Streamed {
    fn drop(&mut self) {
        self.peer.set_phase(Phase::Resting);
    }
}
