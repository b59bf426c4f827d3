//! The way of one request, step by step:
//!
//! route → verify → decode → decide → call → encode → record
//!
//! INVARIANT: no step runs before the ones above it have said yes. A body is read only for a known key; an operation
//! is decoded only for a proven caller; it runs only when it is allowed.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use api::{
    Access, Answered, Audit, Authorizer, Call, CallRecord, Caller, Ctx, Decision, Fault, Intake,
    KeyLookup, Masked, Pages, Recorder, RequestId, RestService, Service, Stage,
};
use base::{AccountId, Arn, Clock, MetricSink, Region, Timestamp};
use bytes::Bytes;
use futures_util::FutureExt;
use http::request::Parts;
use http::{Request, StatusCode, header};
use hyper::body::Incoming;
use tracing::error;
use wire::Protocol;

use crate::admin::{self, Admin};
use crate::answer::{self, Answer, Tongue};
use crate::body::Budget;
use crate::decode;
use crate::forwarded::Proxies;
use crate::limits::Limits;
use crate::metrics::Registry;
use crate::peers::{Peer, Phase};
use crate::route::{self, Route};
use crate::told::{Told, signed_for};
use crate::verify::{Proven, troubled};

/// What a door is made of.
#[derive(Debug)]
pub struct DoorParts {
    /// What it opens to.
    pub services: Vec<Arc<dyn Service>>,
    /// Those that speak HTTP themselves.
    pub rest: Vec<Arc<dyn RestService>>,
    /// Ways in with a form of their own.
    pub intakes: Vec<Arc<dyn Intake>>,
    /// Who may sign.
    pub keys: Arc<dyn KeyLookup>,
    /// Who may do what.
    pub authorizer: Arc<dyn Authorizer>,
    /// Who keeps the record.
    pub recorder: Arc<dyn Recorder>,
    /// The operator's API.
    pub admin: Arc<dyn Admin>,
    /// Pages for people.
    pub pages: Arc<dyn Pages>,
    /// What `/_shukuba/metrics` shows.
    pub metrics: Arc<Registry>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The account whose services these are.
    pub account: AccountId,
    /// The region that signatures must name.
    pub region: Region,
    /// How clients reach us, such as `https://queue.example.com`, where it is not as the `Host` says.
    pub public_url: Option<Arc<str>>,
    /// The proxies whose word is taken on who called.
    pub proxies: Proxies,
    /// Bounds on requests.
    pub limits: Limits,
}

/// Takes requests and gives answers.
#[derive(Debug)]
pub struct Door {
    pub(crate) parts: DoorParts,
    pub(crate) bodies: Budget,
    /// The caller who has proven nothing.
    pub(crate) nobody: Arc<Caller>,
    /// The services that have no region.
    pub(crate) global: Vec<&'static str>,
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

impl Door {
    /// A door that says "starting" until its server serves.
    #[must_use]
    pub fn new(parts: DoorParts) -> Arc<Self> {
        let all = parts.services.iter().map(|service| service.facts());
        let global = all.filter(|facts| facts.is_global).map(|facts| facts.name);
        Arc::new(Self {
            bodies: Budget::new(&parts.limits),
            nobody: Arc::new(Caller::anonymous(&parts.account, "")),
            global: global.collect(),
            parts,
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
        let route = match route::find(&head) {
            found @ (Route::Nowhere | Route::Query) => self.at_path(&head).unwrap_or(found),
            found => found,
        };
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
            _ if route::is_twofold(&head) => Err(twofold()),
            Route::Health => Ok(self.health(&visit)),
            Route::Metrics => self.metrics(&visit),
            Route::Query | Route::Nowhere if let Some(intake) = self.intake(&head) => {
                Ok(self.take_in(&visit, &**intake, body).await)
            }
            Route::Page { path } => self.show_page(&visit, path, body).await,
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

    /// Where a request goes that claims to be signed for a service over REST with JSON.
    fn at_path(&self, head: &Parts) -> Option<Route<'static>> {
        let named = signed_for(head)?;
        let service = self.service_with(|service| {
            let facts = service.facts();
            facts.name == named && facts.json_protocol == Protocol::RestJson
        })?;
        let query = head.uri.query().unwrap_or_default();
        Some(Route::Rest {
            service: service.facts().name,
            operation: service.operation_at(head.method.as_str(), head.uri.path(), query),
        })
    }

    /// The bounds on a request's body: an operation may have its own, and more time where it is larger than others.
    pub(crate) fn limits(&self, route: Route<'_>) -> Limits {
        let own = match route {
            Route::Rest {
                service,
                operation: Some(operation),
            } => self
                .service_with(|known| known.facts().name == service)
                .and_then(|service| service.body_bytes(operation)),
            _ => None,
        };
        own.map_or(self.parts.limits, |bytes| self.parts.limits.for_body(bytes))
    }

    /// The steps of a request for a service or for the operator, in their order.
    async fn walk(
        &self,
        visit: &Visit<'_>,
        tongue: &mut Tongue,
        route: Route<'_>,
        body: Incoming,
    ) -> Result<Answer, Fault> {
        let mut told = Told::default();
        let started = self.parts.clock.monotonic();
        let mut proven = match self.verify(visit, tongue, &mut told, route, body).await {
            Ok(proven) => proven,
            Err(fault) => {
                self.tell_refused(visit, (route, tongue.facts), &told, &fault)
                    .await;
                return Err(fault);
            }
        };
        let limits = self.limits(route);
        let ctx = self.ctx(visit, Arc::clone(&proven.caller));
        if let Route::Admin { name } = route {
            let input = proven.body.bytes.clone();
            return self.operate(visit, name, ctx, input).await;
        }
        let plain = self.unpack(visit.head, &mut proven, &limits).await;
        let protocol = tongue.protocol;
        let decoded =
            plain.and_then(|()| decode::call(visit.head, protocol, route, &ctx.base_url, &proven));
        let call = match decoded {
            Ok(call) => call,
            Err(fault) => {
                told.read(route, &proven.body.bytes);
                self.tell_undecoded(visit, (route, tongue.facts), &told, &ctx, &fault)
                    .await;
                return Err(fault);
            }
        };
        let outcome = self
            .decide_and_run(visit, tongue, &ctx, call, started)
            .await;
        outcome.map(|answered| answer::success(tongue.protocol, visit.request_id, answered))
    }

    /// What a proven caller has sent in gzip, as it was before. SDKs do so with large metric data.
    async fn unpack(
        &self,
        head: &Parts,
        proven: &mut Proven<'_>,
        limits: &Limits,
    ) -> Result<(), Fault> {
        if decode::is_plain(head)? {
            return Ok(());
        }
        let inflated = proven.body.inflate(limits).await;
        inflated.map_err(|trouble| troubled(trouble, limits))
    }

    /// Steps: decide, call, record.
    async fn decide_and_run(
        &self,
        visit: &Visit<'_>,
        tongue: &Tongue,
        ctx: &Ctx,
        call: Box<dyn Call>,
        started: Duration,
    ) -> Result<Answered, Fault> {
        let (operation, audit) = (call.name(), call.audit());
        let service = tongue.facts.map_or(admin::SERVICE, |facts| facts.name);
        let recorder = &self.parts.recorder;
        let input = recorder
            .wants_input(service, operation, audit)
            .then(|| call.input_json_masked());
        let masked = match recorder.wants_output(service, operation, audit) {
            true => Masked::Wanted,
            false => Masked::Unwanted,
        };
        let access = call.access(&ctx.caller);
        let outcome = match decide(&*self.parts.authorizer, ctx, &access) {
            Ok(()) => run(call, ctx.clone(), masked).await,
            Err(denied) => Err(answer::denied(*tongue, denied)),
        };
        let kept = recorder.record(&CallRecord {
            service,
            operation,
            audit,
            stage: Stage::Decided,
            ctx,
            host: route::text(visit.head, header::HOST.as_str()),
            access: &access,
            input: input.as_deref(),
            output: outcome
                .as_ref()
                .ok()
                .and_then(|answered| answered.masked.as_deref()),
            outcome: outcome.as_ref().map(|_| ()),
            took: self.parts.clock.monotonic().saturating_sub(started),
        });
        kept.await;
        outcome
    }

    pub(crate) fn service_with(
        &self,
        is_wanted: impl Fn(&Arc<dyn Service>) -> bool,
    ) -> Option<&Arc<dyn Service>> {
        self.parts
            .services
            .iter()
            .find(|service| is_wanted(service))
    }

    pub(crate) fn ctx(&self, visit: &Visit<'_>, caller: Arc<Caller>) -> Ctx {
        let headers = &visit.head.headers;
        let base_url = match (&self.parts.public_url, headers.get(header::HOST)) {
            (Some(url), _) => Arc::clone(url),
            (None, Some(host)) => visit.peer.base_url(host),
            (None, None) => Arc::from(""),
        };
        let origin = self.parts.proxies.origin(visit.peer.addr, headers);
        let tls = visit.peer.tls();
        Ctx {
            caller,
            request_id: visit.request_id,
            at: visit.at,
            base_url,
            client: Some(origin.client),
            is_secure: tls.is_some() || origin.is_https,
            tls,
            user_agent: visit.peer.user_agent(headers.get(header::USER_AGENT)),
        }
    }

    /// The operator's API: decide, call, record, encode.
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
        let started = self.parts.clock.monotonic();
        let action = self.parts.admin.action(name).ok_or_else(unknown)?;
        let resource = Arn::new(
            admin::SERVICE,
            &self.parts.region,
            &ctx.caller.account,
            name,
        );
        let names = [Some(action), self.parts.admin.also(name)];
        let names = names.into_iter().flatten();
        let access: Vec<Access> = names
            .map(|action| Access::new(action, resource.clone()))
            .collect();
        let decision = admin::decide_one(&*self.parts.authorizer, &ctx, &access);
        let body = match allowed(&ctx, decision) {
            Err(denied) => Err(answer::denied(Tongue::ADMIN, denied)),
            Ok(()) => AssertUnwindSafe(self.parts.admin.handle(name, ctx.clone(), input))
                .catch_unwind()
                .await
                .unwrap_or_else(|_| Err(panicked(name))),
        };
        let kept = self.parts.recorder.record(&CallRecord {
            service: admin::SERVICE,
            operation: action.split_once(':').map_or(action, |(_, name)| name),
            audit: match &body {
                Ok(_) => self.parts.admin.audit(name),
                Err(_) => Audit::Management,
            },
            stage: Stage::Decided,
            ctx: &ctx,
            host: route::text(visit.head, header::HOST.as_str()),
            access: &access,
            input: None,
            output: None,
            outcome: body.as_ref().map(|_| ()),
            took: self.parts.clock.monotonic().saturating_sub(started),
        });
        kept.await;
        Ok(answer::page(
            StatusCode::OK,
            "application/json",
            visit.request_id,
            body?,
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

    /// The counts, for loopback. A proxy on this machine that is not trusted is loopback too: it must not pass this path on.
    fn metrics(&self, visit: &Visit<'_>) -> Result<Answer, Fault> {
        let origin = self
            .parts
            .proxies
            .origin(visit.peer.addr, &visit.head.headers);
        if !origin.client.ip().to_canonical().is_loopback() {
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

/// Asks `authorizer`, and says a refusal as AWS does: `AccessDenied`, for [`answer::denied`] to put into a protocol's words.
pub(crate) fn decide(
    authorizer: &dyn Authorizer,
    ctx: &Ctx,
    access: &[Access],
) -> Result<(), Fault> {
    allowed(ctx, authorizer.decide(ctx, access))
}

fn allowed(ctx: &Ctx, decision: Decision) -> Result<(), Fault> {
    match decision {
        Decision::Allow => Ok(()),
        Decision::Deny {
            action,
            resource,
            reason,
        } => {
            let who = ctx.caller.shown();
            let message = format!(
                "User: {who} is not authorized to perform: {action} on resource: {resource} {reason}"
            );
            Err(answer::front("AccessDenied", 403, message))
        }
    }
}

/// Step: call. A panic of an operation is its own fault and nobody else's.
async fn run(call: Box<dyn Call>, ctx: Ctx, masked: Masked) -> Result<Answered, Fault> {
    let operation = call.name();
    let answered = AssertUnwindSafe(call.run(ctx, masked)).catch_unwind().await;
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

fn twofold() -> Fault {
    answer::front(
        "MalformedHttpRequestException",
        400,
        "a request has smithy-protocol or x-amz-target, not both",
    )
}

pub(crate) fn panicked(operation: &str) -> Fault {
    error!(operation, "an operation panicked");
    Fault::internal()
}
