//! Requests for ways in with a form of their own: route → verify → take → record.
//!
//! A sender signs, or sends its key as HTTP Basic; the latter only over TLS or from this machine, as it sends the secret.
//!
//! INVARIANT: no body is read for a sender without a known key, and none handed over for one that is not proven.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use api::{CallRecord, Ctx, Fault, Intake, IntakeAnswer, IntakeCall, Key, Stage};
use bytes::Bytes;
use futures_util::FutureExt;
use http::request::Parts;
use http::{HeaderValue, Response, header};
use http_body_util::Full;
use hyper::body::Incoming;
use wire::Protocol;
use wire::sigv4::{Claim, Refusal, Rules};

use crate::answer::{self, Answer, Body};
use crate::basic::Basic;
use crate::body;
use crate::decode;
use crate::door::{Door, Visit, asks_first, panicked};
use crate::rest::AsAuthorized;
use crate::route::{self, Route};
use crate::told::{Told, signed_for};
use crate::verify::{self, troubled};

/// What a client without credentials is asked for. Source: RFC 7617, 2.
const CHALLENGE: &str = "Basic realm=\"an access key: its id and its secret\", charset=\"UTF-8\"";

/// A request that was proven, with its body.
struct Proven<'a> {
    ctx: Ctx,
    body: body::Read<'a>,
}

impl Door {
    /// The way in that a request is for; `None` where it is signed for another service, or for none of them.
    pub(crate) fn intake(&self, head: &Parts) -> Option<&Arc<dyn Intake>> {
        let mut intakes = self.parts.intakes.iter();
        let found = intakes.find(|intake| intake.facts().path == head.uri.path());
        found.filter(|intake| {
            head.method == http::Method::POST
                && signed_for(head).is_none_or(|name| intake.facts().scopes.contains(&name))
        })
    }

    /// The steps of a request for `intake`.
    pub(crate) async fn take_in(
        &self,
        visit: &Visit<'_>,
        intake: &dyn Intake,
        body: Incoming,
    ) -> Answer {
        let started = self.parts.clock.monotonic();
        let facts = intake.facts();
        let content_type = route::text(visit.head, header::CONTENT_TYPE.as_str());
        let Proven { ctx, body } = match self.prove_sender(visit, intake, body).await {
            Ok(proven) => proven,
            Err(fault) => {
                self.tell_sender_refused(visit, intake, &fault).await;
                return self.turn_sender_away(visit, intake, &fault);
            }
        };
        let call = IntakeCall {
            ctx: ctx.clone(),
            gate: Arc::new(AsAuthorized(Arc::clone(&self.parts.authorizer))),
            content_type: content_type.to_owned(),
            body: body.bytes.clone(),
        };
        let taken = AssertUnwindSafe(intake.take(call)).catch_unwind().await;
        let IntakeAnswer {
            response,
            access,
            outcome,
        } = taken.unwrap_or_else(|_| {
            let fault = panicked(facts.operation);
            IntakeAnswer {
                response: intake.fault(content_type, &fault),
                access: Vec::new(),
                outcome: Err(fault),
            }
        });
        let kept = self.parts.recorder.record(&CallRecord {
            service: facts.service,
            operation: facts.operation,
            audit: facts.audit,
            stage: Stage::Decided,
            ctx: &ctx,
            host: route::text(visit.head, header::HOST.as_str()),
            access: &access,
            input: None,
            output: None,
            outcome: outcome.as_ref().copied(),
            took: self.parts.clock.monotonic().saturating_sub(started),
        });
        kept.await;
        if let Err(fault) = &outcome {
            self.count_fault(fault);
        }
        whole(visit, response)
    }

    /// Step: verify. Who sends, and what was sent.
    async fn prove_sender<'a>(
        &'a self,
        visit: &Visit<'_>,
        intake: &dyn Intake,
        body: Incoming,
    ) -> Result<Proven<'a>, Fault> {
        let (claim, key) = match self.claim_of_sender(visit) {
            Ok(claimed) => claimed,
            Err(fault) => {
                // Who asks before sending a body is answered instead of being asked for it.
                if !asks_first(visit.head) {
                    // The answer matters more than this body; what is wrong with it is no news.
                    let _ = body::discard(body, &self.parts.limits).await;
                }
                return Err(fault);
            }
        };
        let read = body::read(body, &self.parts.limits, &self.bodies).await;
        let mut body = read.map_err(|trouble| troubled(trouble, &self.parts.limits))?;
        if let Some(claim) = &claim {
            claim.verify(&key.secret, &body.bytes).map_err(refused)?;
        }
        visit.peer.set_proven();
        self.parts.keys.used(&key, intake.facts().service, visit.at);
        let is_own = |encoding: &&str| {
            route::text(visit.head, header::CONTENT_ENCODING.as_str())
                .eq_ignore_ascii_case(encoding)
        };
        let is_plain = intake.facts().own_encoding.as_ref().is_some_and(is_own)
            || decode::is_plain(visit.head)?;
        if !is_plain {
            let inflated = body.inflate(&self.parts.limits).await;
            inflated.map_err(|trouble| troubled(trouble, &self.parts.limits))?;
        }
        let ctx = self.ctx(visit, Arc::clone(&key.caller));
        Ok(Proven { ctx, body })
    }

    /// The half of verifying that needs no body: a claim to be signed with its key, or the key alone where it was sent.
    fn claim_of_sender<'v>(
        &'v self,
        visit: &Visit<'v>,
    ) -> Result<(Option<Claim<'v>>, Arc<Key>), Fault> {
        if let Some(basic) = Basic::read(visit.head) {
            return Ok((None, self.key_of(visit, &basic)?));
        }
        if Basic::is_meant(visit.head) {
            return Err(unproven("the credentials of HTTP Basic are not in form"));
        }
        let rules = Rules::service(self.parts.region.as_str());
        let claim =
            Claim::read(verify::parts(visit.head), rules, visit.at).map_err(
                |refusal| match refusal {
                    Refusal::Missing => {
                        unproven("a request is signed, or has an access key as HTTP Basic")
                    }
                    other => refused(other),
                },
            )?;
        let key = self.parts.keys.find(claim.key_id(), claim.token());
        Ok((Some(claim), key.map_err(refused)?))
    }

    /// The key that was sent as it is.
    fn key_of(&self, visit: &Visit<'_>, basic: &Basic) -> Result<Arc<Key>, Fault> {
        let ctx = self.ctx(visit, Arc::clone(&self.nobody));
        let is_here = ctx
            .client
            .is_some_and(|client| client.ip().to_canonical().is_loopback());
        if !ctx.is_secure && !is_here {
            return Err(answer::front(
                "AccessDeniedException",
                403,
                "a secret is taken over TLS only; this one was sent in the clear and should be replaced",
            ));
        }
        let key = self.parts.keys.find(basic.user(), None).ok();
        let key = key.filter(|key| basic.is(&key.secret));
        key.ok_or_else(|| unproven("there is no such access key, or its secret is another"))
    }

    async fn tell_sender_refused(&self, visit: &Visit<'_>, intake: &dyn Intake, fault: &Fault) {
        let facts = intake.facts();
        let route = Route::Rpc {
            target: "",
            operation: facts.operation,
            protocol: Protocol::Json10,
        };
        let service = self.service_with(|service| service.facts().name == facts.service);
        let service = service.map(|service| service.facts());
        self.tell_refused(visit, (route, service), &Told::default(), fault)
            .await;
    }

    fn turn_sender_away(&self, visit: &Visit<'_>, intake: &dyn Intake, fault: &Fault) -> Answer {
        self.count_fault(fault);
        let content_type = route::text(visit.head, header::CONTENT_TYPE.as_str());
        let mut answer = whole(visit, intake.fault(content_type, fault));
        if fault.status == 401 {
            let challenge = HeaderValue::from_static(CHALLENGE);
            answer
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, challenge);
        }
        // Whether a body still comes after a refusal, only the end of the connection makes clear.
        if matches!(fault.status, 408 | 413) || asks_first(visit.head) {
            answer::close_after(&mut answer);
        }
        answer
    }
}

fn whole(visit: &Visit<'_>, response: Response<Bytes>) -> Answer {
    let mut answer = response.map(|bytes| Body::Whole(Full::new(bytes)));
    if let Ok(id) = HeaderValue::from_maybe_shared(Bytes::from(visit.request_id.to_string())) {
        answer.headers_mut().insert("x-amzn-requestid", id);
    }
    answer
}

/// A signature that is not taken, with the statuses of the query protocol: 403 where somebody is not who they say.
fn refused(refusal: Refusal) -> Fault {
    answer::refused(Protocol::Query, &refusal)
}

fn unproven(message: &'static str) -> Fault {
    answer::front("MissingAuthenticationTokenException", 401, message)
}
