//! The way of one request, step by step:
//!
//! route → verify → decode → decide → call → encode → record
//!
//! INVARIANT: no step runs before the ones above it have said yes. A body is read only for a known key; an operation
//! is decoded only for a proven caller; it runs only when it is allowed.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use api::{
    Access, Authorizer, Call, CallRecord, Ctx, Decision, Fault, Recorder, RequestId, RestService,
    Service,
};
use base::{Arn, Clock, MetricSink, Region, Timestamp};
use bytes::Bytes;
use futures_util::FutureExt;
use http::request::Parts;
use http::{Request, StatusCode, header};
use hyper::body::Incoming;
use tracing::error;
use wire::Protocol;
use wire::sigv4::{Claim, RequestParts, Rules};

use crate::admin::{self, Admin};
use crate::answer::{self, Answer, Tongue};
use crate::body::{self, Budget, Trouble};
use crate::form;
use crate::keys::{Key, KeyLookup};
use crate::limits::Limits;
use crate::metrics::Registry;
use crate::peers::{Peer, Phase};
use crate::route::{self, Route};

/// What a door is made of.
#[derive(Debug)]
pub struct DoorParts {
    /// What it opens to.
    pub services: Vec<Arc<dyn Service>>,
    /// Those that speak HTTP themselves.
    pub rest: Vec<Arc<dyn RestService>>,
    /// Who may sign.
    pub keys: Arc<dyn KeyLookup>,
    /// Who may do what.
    pub authorizer: Arc<dyn Authorizer>,
    /// Who keeps the record.
    pub recorder: Arc<dyn Recorder>,
    /// The operator's API.
    pub admin: Arc<dyn Admin>,
    /// What `/_shukuba/metrics` shows.
    pub metrics: Arc<Registry>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The region that signatures must name.
    pub region: Region,
    /// How clients reach us, such as `https://queue.example.com`, where it is not as the `Host` says.
    pub public_url: Option<Arc<str>>,
    /// Bounds on requests.
    pub limits: Limits,
}

/// Takes requests and gives answers.
#[derive(Debug)]
pub struct Door {
    pub(crate) parts: DoorParts,
    bodies: Budget,
    state: AtomicU8,
}

const STARTING: u8 = 0;
const SERVING: u8 = 1;
const DRAINING: u8 = 2;

/// A request on its way.
pub(crate) struct Visit<'a> {
    pub(crate) head: &'a Parts,
    pub(crate) peer: &'a Arc<Peer>,
    pub(crate) request_id: RequestId,
    pub(crate) at: Timestamp,
}

/// A caller with a known key who has proven nothing yet.
struct Claimed<'v, 'a> {
    claim: Claim<'v>,
    key: Arc<Key>,
    service: Option<&'a Arc<dyn Service>>,
}

/// A proven caller with what was sent.
struct Proven<'a> {
    key: Arc<Key>,
    body: body::Read<'a>,
    /// The service for which the signature holds; `None` for the operator's API.
    service: Option<&'a Arc<dyn Service>>,
}

impl Door {
    /// A door that says "starting" until its server serves.
    #[must_use]
    pub fn new(parts: DoorParts) -> Arc<Self> {
        let bodies = Budget::new(&parts.limits);
        Arc::new(Self {
            parts,
            bodies,
            state: AtomicU8::new(STARTING),
        })
    }

    /// Shows a number of the server among the metrics.
    pub(crate) fn show_gauge(
        &self,
        name: &'static str,
        read: impl Fn() -> usize + Send + Sync + 'static,
    ) {
        #[expect(
            clippy::cast_precision_loss,
            reason = "counts of connections are small"
        )]
        self.parts
            .metrics
            .gauges(move |out| out.gauge(name, &[], read() as f64));
    }

    pub(crate) fn set_serving(&self) {
        self.state.store(SERVING, Ordering::Release);
    }

    pub(crate) fn set_draining(&self) {
        self.state.store(DRAINING, Ordering::Release);
    }

    /// Answers one request. Never fails: every trouble is an answer.
    pub(crate) async fn answer(&self, request: Request<Incoming>, peer: &Arc<Peer>) -> Answer {
        peer.set_phase(Phase::InCall);
        let (head, body) = request.into_parts();
        let route = route::find(&head);
        let mut tongue = Tongue {
            protocol: route.protocol(),
            facts: None,
        };
        let visit = Visit {
            head: &head,
            peer,
            request_id: RequestId::next(),
            at: self.parts.clock.now(),
        };
        let answered = match route {
            _ if !route::names_host(&head) => Err(unnamed_host()),
            Route::Health => Ok(self.health(&visit)),
            Route::Metrics => self.metrics(&visit),
            Route::Query | Route::Nowhere if let Some(service) = self.rest_service(&head) => {
                Ok(self.hand_over(&visit, service, body).await)
            }
            _ => self.walk(&visit, &mut tongue, route, body).await,
        };
        let answer = answered.unwrap_or_else(|fault| self.show(&visit, tongue, &fault));
        if !answer.body().is_streamed() {
            peer.set_phase(Phase::Resting);
        }
        answer
    }

    /// The steps of a signed request, in their order.
    async fn walk(
        &self,
        visit: &Visit<'_>,
        tongue: &mut Tongue,
        route: Route<'_>,
        body: Incoming,
    ) -> Result<Answer, Fault> {
        let proven = self.verify(visit, tongue, route, body).await?;
        let ctx = self.ctx(visit, &proven.key);
        if let Route::Admin { name } = route {
            return self
                .operate(visit, name, ctx, proven.body.bytes.clone())
                .await;
        }
        let call = decode(visit, tongue.protocol, route, &ctx, &proven)?;
        let started = self.parts.clock.monotonic();
        let (operation, audit) = (call.name(), call.audit());
        let service = tongue.facts.map_or(admin::SERVICE, |facts| facts.name);
        let input = self
            .parts
            .recorder
            .wants_input(service, operation, audit)
            .then(|| call.input_json_masked());
        let outcome = match self.decide(&ctx, &call.access()) {
            Ok(()) => run(call, ctx.clone()).await,
            Err(denied) => Err(denied),
        };
        let record = CallRecord {
            service,
            operation,
            audit,
            ctx: &ctx,
            user_agent: route::text(visit.head, header::USER_AGENT.as_str()),
            input: input.as_deref(),
            outcome: outcome.as_ref().map(|_| ()),
            took: self.parts.clock.monotonic().saturating_sub(started),
        };
        self.parts.recorder.record(&record);
        outcome.map(|body| answer::success(tongue.protocol, visit.request_id, body))
    }

    /// Step: verify. Nothing of the body is kept for a caller without a known key.
    async fn verify<'v, 'a: 'v>(
        &'a self,
        visit: &Visit<'v>,
        tongue: &mut Tongue,
        route: Route<'_>,
        body: Incoming,
    ) -> Result<Proven<'a>, Fault> {
        let Claimed {
            claim,
            key,
            service,
        } = match self.claim(visit, tongue, route) {
            Ok(known) => known,
            Err(fault) => {
                // Who asks before sending a body is answered instead of being asked for it.
                if !asks_first(visit.head) {
                    // The answer matters more than this body; what is wrong with it is no news.
                    let _ = body::discard(body, &self.parts.limits).await;
                }
                return Err(fault);
            }
        };
        let body = body::read(body, &self.parts.limits, &self.bodies)
            .await
            .map_err(|trouble| self.troubled(trouble))?;
        claim
            .verify(&key.secret, &body.bytes)
            .map_err(|refusal| answer::refused(tongue.protocol, &refusal))?;
        visit.peer.set_proven();
        Ok(Proven { key, body, service })
    }

    /// The half of verifying that needs no body: form, scope, clock, key.
    fn claim<'v, 'a>(
        &'a self,
        visit: &Visit<'v>,
        tongue: &mut Tongue,
        route: Route<'_>,
    ) -> Result<Claimed<'v, 'a>, Fault>
    where
        'a: 'v,
    {
        if let Route::Json { target, .. } = route {
            tongue.facts = self
                .service_with(|facts| facts.json_target == Some(target))
                .map(|found| found.facts());
        }
        let protocol = tongue.protocol;
        let refused = |refusal| answer::refused(protocol, &refusal);
        let parts = RequestParts {
            method: visit.head.method.as_str(),
            path: visit.head.uri.path(),
            query: visit.head.uri.query().unwrap_or_default(),
            headers: &visit.head.headers,
        };
        let claim = Claim::read(parts, Rules::service(self.parts.region.as_str()), visit.at)
            .map_err(refused)?;
        let key = self
            .parts
            .keys
            .find(claim.key_id(), claim.token())
            .map_err(refused)?;
        let service = self.service_of(route, claim.service());
        tongue.facts = service.map(|service| service.facts());
        if let Some(service) = service {
            claim.check_service(service.facts().name).map_err(refused)?;
        } else if matches!(route, Route::Admin { .. }) {
            claim.check_service(admin::SERVICE).map_err(refused)?;
        }
        Ok(Claimed {
            claim,
            key,
            service,
        })
    }

    /// The service that a request is for: by its target, or by what its form was signed for.
    fn service_of(&self, route: Route<'_>, signed_for: &str) -> Option<&Arc<dyn Service>> {
        match route {
            Route::Json { target, .. } => {
                self.service_with(|facts| facts.json_target == Some(target))
            }
            Route::Query => {
                self.service_with(|facts| facts.name == signed_for && facts.query_version.is_some())
            }
            _ => None,
        }
    }

    fn service_with(
        &self,
        is_wanted: impl Fn(&api::ServiceFacts) -> bool,
    ) -> Option<&Arc<dyn Service>> {
        self.parts
            .services
            .iter()
            .find(|service| is_wanted(service.facts()))
    }

    pub(crate) fn ctx(&self, visit: &Visit<'_>, key: &Key) -> Ctx {
        let base_url = match (&self.parts.public_url, visit.head.headers.get(header::HOST)) {
            (Some(url), _) => Arc::clone(url),
            (None, Some(host)) => visit.peer.base_url(host),
            (None, None) => Arc::from(""),
        };
        Ctx {
            caller: Arc::clone(&key.caller),
            request_id: visit.request_id,
            at: visit.at,
            base_url,
            client: Some(visit.peer.addr),
        }
    }

    /// Step: decide.
    fn decide(&self, ctx: &Ctx, access: &[Access]) -> Result<(), Fault> {
        decide(&*self.parts.authorizer, ctx, access)
    }

    /// The operator's API: decide, call, encode.
    async fn operate(
        &self,
        visit: &Visit<'_>,
        name: &str,
        ctx: Ctx,
        input: Bytes,
    ) -> Result<Answer, Fault> {
        let unknown = || {
            answer::front(
                "UnknownOperationException",
                404,
                format!("there is no operator's call `{name}`"),
            )
        };
        let action = self.parts.admin.action(name).ok_or_else(unknown)?;
        let resource = Arn::new(
            admin::SERVICE,
            &self.parts.region,
            &ctx.caller.account,
            name,
        );
        self.decide(&ctx, &[Access { action, resource }])?;
        let body = AssertUnwindSafe(self.parts.admin.handle(name, ctx, input))
            .catch_unwind()
            .await;
        let body = body.unwrap_or_else(|_| Err(panicked(name)))?;
        Ok(answer::page(
            StatusCode::OK,
            "application/json",
            visit.request_id,
            body,
        ))
    }

    fn health(&self, visit: &Visit<'_>) -> Answer {
        let (status, body) = match self.state.load(Ordering::Acquire) {
            SERVING => (StatusCode::OK, "{\"status\":\"serving\"}\n"),
            DRAINING => (
                StatusCode::SERVICE_UNAVAILABLE,
                "{\"status\":\"draining\"}\n",
            ),
            _ => (
                StatusCode::SERVICE_UNAVAILABLE,
                "{\"status\":\"starting\"}\n",
            ),
        };
        answer::page(status, "application/json", visit.request_id, body)
    }

    /// The counts, for loopback. A proxy on this machine is loopback too: it must not pass this path on.
    fn metrics(&self, visit: &Visit<'_>) -> Result<Answer, Fault> {
        if !visit.peer.addr.ip().to_canonical().is_loopback() {
            return Err(answer::front(
                "AccessDeniedException",
                403,
                "metrics are shown to loopback only",
            ));
        }
        let text = self.parts.metrics.text();
        Ok(answer::page(
            StatusCode::OK,
            "text/plain; version=0.0.4",
            visit.request_id,
            text,
        ))
    }

    fn troubled(&self, trouble: Trouble) -> Fault {
        match trouble {
            Trouble::TooLarge => {
                let limit = self.parts.limits.body_bytes;
                answer::front(
                    "RequestEntityTooLargeException",
                    413,
                    format!("the body is larger than {limit}"),
                )
            }
            Trouble::TooSlow => answer::front(
                "RequestTimeoutException",
                408,
                "the body did not arrive in time",
            ),
            Trouble::Broken => {
                answer::front("MalformedHttpRequestException", 400, "the body broke off")
            }
            Trouble::Busy => answer::front(
                "ServiceUnavailable",
                503,
                "too many large requests at a time; try again",
            ),
        }
    }

    /// Step: encode, for faults. Counts what never became a call.
    fn show(&self, visit: &Visit<'_>, tongue: Tongue, fault: &Fault) -> Answer {
        self.count_fault(fault);
        let mut answer = answer::fault(tongue, visit.request_id, fault);
        // Whether a body still comes after a refusal, only the end of the connection makes clear.
        if matches!(fault.status, 408 | 413) || asks_first(visit.head) {
            answer::close_after(&mut answer);
        }
        answer
    }

    pub(crate) fn count_fault(&self, fault: &Fault) {
        let labels = [("code", fault.code)];
        self.parts.metrics.add("shukuba", "faults", &labels, 1.0);
    }
}

/// Asks `authorizer`, and says a refusal as AWS does.
pub(crate) fn decide(
    authorizer: &dyn Authorizer,
    ctx: &Ctx,
    access: &[Access],
) -> Result<(), Fault> {
    match authorizer.decide(ctx, access) {
        Decision::Allow => Ok(()),
        Decision::Deny {
            action,
            resource,
            reason,
        } => {
            let who = &ctx.caller.arn;
            let message = format!(
                "User: {who} is not authorized to perform: {action} on resource: {resource} because {reason}"
            );
            Err(answer::front_with_query_code(
                "AccessDeniedException",
                "AccessDenied",
                403,
                message,
            ))
        }
    }
}

/// Step: decode, for the operation that the target or the form names.
fn decode(
    visit: &Visit<'_>,
    protocol: Protocol,
    route: Route<'_>,
    ctx: &Ctx,
    proven: &Proven<'_>,
) -> Result<Box<dyn Call>, Fault> {
    let decoded = match (route, proven.service) {
        (Route::Json { operation, .. }, Some(service)) => service
            .decode(operation, protocol, &proven.body.bytes)
            .ok_or_else(|| unknown_operation(operation))?,
        (
            Route::Json {
                target, operation, ..
            },
            None,
        ) => return Err(unknown_operation(&format!("{target}.{operation}"))),
        (Route::Query, Some(service)) => {
            let form = whole_form(
                visit.head,
                ctx,
                service.facts().query_url_member,
                &proven.body.bytes,
            );
            let action = query_action(service.facts().query_version, &form)?;
            service
                .decode(&action, Protocol::Query, &form)
                .ok_or_else(|| invalid_action(&action))?
        }
        (Route::Query, None) => {
            let action = form::value(&proven.body.bytes, "Action")
                .unwrap_or_default()
                .into_owned();
            return Err(invalid_action(&action));
        }
        _ => return Err(unknown_operation(visit.head.uri.path())),
    };
    decoded.map_err(|error| answer::undecodable(protocol, &error))
}

/// Step: call. A panic of an operation is its own fault and nobody else's.
async fn run(call: Box<dyn Call>, ctx: Ctx) -> Result<Bytes, Fault> {
    let operation = call.name();
    let answered = AssertUnwindSafe(call.run(ctx)).catch_unwind().await;
    answered.unwrap_or_else(|_| Err(panicked(operation)))
}

/// Whether the client waits for a word before it sends the body: `Expect: 100-continue`. Reading the body gives it.
pub(crate) fn asks_first(head: &Parts) -> bool {
    head.headers.contains_key(header::EXPECT)
}

fn unnamed_host() -> Fault {
    answer::front(
        "MalformedHttpRequestException",
        400,
        "a request has one Host header, with a host and its port",
    )
}

pub(crate) fn panicked(operation: &str) -> Fault {
    error!(operation, "an operation panicked");
    Fault::internal()
}

/// Body and query string as one form, with the member that the URL stands for.
fn whole_form(head: &Parts, ctx: &Ctx, url_member: Option<&str>, body: &Bytes) -> Bytes {
    let query = form::without_signature(head.uri.query().unwrap_or_default());
    let whole = if query.is_empty() {
        body.clone()
    } else {
        form::joined(query, body)
    };
    match url_member {
        Some(member) if head.uri.path() != "/" && form::value(&whole, member).is_none() => {
            form::with(
                &whole,
                member,
                &format!("{}{}", ctx.base_url, head.uri.path()),
            )
        }
        _ => whole,
    }
}

fn query_action(known_version: Option<&str>, form: &[u8]) -> Result<String, Fault> {
    let missing = || {
        answer::front(
            "MissingAction",
            400,
            "The request must contain the parameter Action",
        )
    };
    let action = form::value(form, "Action")
        .ok_or_else(missing)?
        .into_owned();
    match form::value(form, "Version") {
        Some(version) if Some(version.as_ref()) != known_version => {
            let shown: String = version.chars().take(64).collect();
            let message = format!(
                "Could not find operation {} for version {shown}",
                short(&action)
            );
            Err(answer::front("InvalidAction", 400, message))
        }
        _ => Ok(action),
    }
}

fn unknown_operation(name: &str) -> Fault {
    let message = format!("there is no operation `{}` here", short(name));
    answer::front_with_query_code("UnknownOperationException", "InvalidAction", 404, message)
}

fn invalid_action(action: &str) -> Fault {
    answer::front(
        "InvalidAction",
        400,
        format!(
            "The action {} is not valid for this endpoint.",
            short(action)
        ),
    )
}

/// What a caller sent, short enough for an answer.
fn short(text: &str) -> String {
    text.chars().take(128).collect()
}
