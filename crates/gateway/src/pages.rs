//! Requests for pages: read the form → show → record.
//!
//! INVARIANT: no page is kept by a browser or a proxy, shown inside another site, or runs anything: the headers of
//! [`guard`] stand on every answer. What is the same for everybody, such as a stylesheet, may say itself how long it keeps.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use api::{Audit, CallRecord, Ctx, Fault, PageAnswer, PageCall, PageEvent, Pages, Stage};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;

use crate::answer::{Answer, Body};
use crate::body;
use crate::door::{Door, Visit, panicked};
use crate::limits::Limits;
use crate::route;
use crate::verify::troubled;

/// Has no pages.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPages;

impl Pages for NoPages {
    fn show(&self, _: PageCall) -> BoxFuture<'static, PageAnswer> {
        let mut response = Response::new(Bytes::from_static(b"there is no such page\n"));
        *response.status_mut() = StatusCode::NOT_FOUND;
        Box::pin(async {
            PageAnswer {
                response,
                event: None,
            }
        })
    }
}

impl Door {
    /// The steps of a request for the page `path`.
    pub(crate) async fn show_page(
        &self,
        visit: &Visit<'_>,
        path: &str,
        body: Incoming,
    ) -> Result<Answer, Fault> {
        let started = self.parts.clock.monotonic();
        let form_bytes_max = self.parts.pages.form_bytes_max(path);
        let limits = Limits {
            body_bytes: form_bytes_max.min(self.parts.limits.body_bytes),
            ..self.parts.limits
        };
        let form = body::read(body, &limits, &self.bodies).await;
        let form = form.map_err(|trouble| troubled(trouble, &limits))?;
        let call = PageCall {
            ctx: self.ctx(visit, Arc::clone(&self.nobody)),
            method: visit.head.method.clone(),
            path: path.to_owned(),
            query: visit.head.uri.query().unwrap_or_default().to_owned(),
            headers: visit.head.headers.clone(),
            form: form.bytes.clone(),
        };
        let ctx = call.ctx.clone();
        let shown = AssertUnwindSafe(self.parts.pages.show(call)).catch_unwind();
        let PageAnswer { response, event } = shown.await.map_err(|_| panicked("a page"))?;
        if let Some(event) = event {
            self.record_page(visit, ctx, &event, started).await;
        }
        let mut answer = response.map(|bytes| {
            Body::Whole(Full::new(match visit.head.method {
                Method::HEAD => Bytes::new(),
                _ => bytes,
            }))
        });
        guard(answer.headers_mut());
        Ok(answer)
    }

    async fn record_page(
        &self,
        visit: &Visit<'_>,
        ctx: Ctx,
        event: &PageEvent,
        started: std::time::Duration,
    ) {
        let ctx = Ctx {
            caller: Arc::clone(&event.caller),
            ..ctx
        };
        let outcome = event.outcome.as_ref();
        let recorder = &self.parts.recorder;
        let is_input_wanted =
            recorder.wants_input(event.service, event.operation, Audit::Management);
        let kept = self.parts.recorder.record(&CallRecord {
            service: event.service,
            operation: event.operation,
            audit: Audit::Management,
            stage: Stage::Decided,
            ctx: &ctx,
            host: route::text(visit.head, header::HOST.as_str()),
            access: &[],
            input: event.input.as_deref().filter(|_| is_input_wanted),
            output: event.output.as_deref(),
            outcome: outcome.copied(),
            took: self.parts.clock.monotonic().saturating_sub(started),
        });
        kept.await;
        if let Err(fault) = &event.outcome {
            self.count_fault(fault);
        }
    }
}

/// Headers of every page. Source: OWASP HTTP Security Response Headers Cheat Sheet.
fn guard(headers: &mut HeaderMap) {
    const GUARDS: [(HeaderName, &str); 4] = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
    ];
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    for (name, value) in GUARDS {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
