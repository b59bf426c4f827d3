//! The ways in of OpenTelemetry and Prometheus: what they send is put as PutMetricData puts it, with its permission.
//!
//! | path | what |
//! |---|---|
//! | `POST /v1/metrics` | OTLP/HTTP, as CloudWatch's own OTLP endpoint has it |
//! | `POST /api/v1/write` | Prometheus' remote write 1.0, as Prometheus' own receiver has it |

use std::fmt;
use std::sync::Arc;

use api::{Access, Audit, Fault, Gate, Intake, IntakeAnswer, IntakeCall, IntakeFacts, Side};
use base::{Clock, MetricSink};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Response, StatusCode, header};

use super::{Place, Store, fault};
use crate::ingest::{self, Answer, Kind, NotTaken, REASONS, Refused, Skipped};

const ACTION: &str = "cloudwatch:PutMetricData";
const SCOPES: &[&str] = &["aps", "monitoring"];

static OTLP: IntakeFacts = IntakeFacts {
    path: "/v1/metrics",
    scopes: SCOPES,
    own_encoding: None,
    service: "monitoring",
    operation: "PutMetricData",
    audit: Audit::Data,
};

static REMOTE_WRITE: IntakeFacts = IntakeFacts {
    path: "/api/v1/write",
    own_encoding: Some("snappy"),
    ..OTLP
};

/// One of the ways in.
struct Way {
    kind: Kind,
    desk: Arc<Desk>,
}

/// What they work on.
struct Desk {
    store: Arc<Store>,
    intake: ingest::Intake,
    place: Place,
    clock: Arc<dyn Clock>,
    metrics: Arc<dyn MetricSink>,
}

/// The two ways in, for the gateway. Counts into `metrics`: `shukuba/ingested` data by `from`, and `shukuba/ingest_skipped`
/// points by `from` and `reason`.
///
/// `intake`: one for both.
#[must_use]
pub fn intakes(
    store: Arc<Store>,
    intake: ingest::Intake,
    place: Place,
    clock: Arc<dyn Clock>,
    metrics: Arc<dyn MetricSink>,
) -> Vec<Arc<dyn Intake>> {
    let desk = Arc::new(Desk {
        store,
        intake,
        place,
        clock,
        metrics,
    });
    let way = |kind| -> Arc<dyn Intake> {
        let desk = Arc::clone(&desk);
        Arc::new(Way { kind, desk })
    };
    vec![way(Kind::Otlp), way(Kind::RemoteWrite)]
}

impl Intake for Way {
    fn facts(&self) -> &'static IntakeFacts {
        match self.kind {
            Kind::Otlp => &OTLP,
            Kind::RemoteWrite => &REMOTE_WRITE,
        }
    }

    fn take(&self, call: IntakeCall) -> BoxFuture<'static, IntakeAnswer> {
        let (kind, desk) = (self.kind, Arc::clone(&self.desk));
        let content_type = call.content_type.clone();
        // Reading a large body takes longer than others may wait, and putting may block on the disk.
        let taken = tokio::task::spawn_blocking(move || desk.take(kind, &call));
        Box::pin(async move {
            let taken = taken.await;
            taken.unwrap_or_else(|_| {
                let mut access = Vec::new();
                failed(kind, &content_type, &mut access, Fault::internal())
            })
        })
    }

    fn fault(&self, content_type: &str, fault: &Fault) -> Response<Bytes> {
        respond(refusal(self.kind, content_type, fault))
    }
}

impl Desk {
    fn take(&self, kind: Kind, call: &IntakeCall) -> IntakeAnswer {
        let mut access = Vec::new();
        match self.answer(kind, call, &mut access) {
            Ok(answer) => IntakeAnswer {
                response: respond(answer),
                access,
                outcome: Ok(()),
            },
            Err(fault) => failed(kind, &call.content_type, &mut access, fault),
        }
    }

    fn answer(
        &self,
        kind: Kind,
        call: &IntakeCall,
        access: &mut Vec<Access>,
    ) -> Result<Answer, Fault> {
        let sent = ingest::read(kind, &call.content_type, &call.body).map_err(refused)?;
        let namespaces = sent.namespaces();
        let touched = |namespace: &String| {
            let all = Access::new(ACTION, self.place.all());
            all.with("cloudwatch:namespace", namespace.as_str())
        };
        *access = namespaces.iter().map(touched).collect();
        // Who sends nothing must be allowed to send something nevertheless.
        if access.is_empty() {
            access.push(Access::new(ACTION, self.place.all()));
        }
        decide(&*call.gate, call, access)?;
        let put = |data: &[_]| self.store.put(data);
        let taken = self.intake.take(&sent, self.clock.now(), put);
        let taken = taken.map_err(|error| match error {
            NotTaken::Refused(refusal) => refused(refusal),
            NotTaken::Put(error) => fault::of_put(error, |index| format!("datum {index}")),
        })?;
        self.count(kind, taken.data, &taken.skipped);
        Ok(taken.answer)
    }

    fn count(&self, kind: Kind, data: usize, skipped: &Skipped) {
        let from = match kind {
            Kind::Otlp => "otlp",
            Kind::RemoteWrite => "remote_write",
        };
        let labels = [("from", from)];
        self.metrics
            .add("shukuba", "ingested", &labels, data as f64);
        for reason in REASONS.into_iter().filter(|reason| skipped.of(*reason) > 0) {
            let labels = [("from", from), ("reason", reason.as_str())];
            let count = skipped.of(reason) as f64;
            self.metrics
                .add("shukuba", "ingest_skipped", &labels, count);
        }
        if skipped.dimensions > 0 {
            let count = skipped.dimensions as f64;
            self.metrics
                .add("shukuba", "ingest_dimensions_left_out", &labels, count);
        }
    }
}

fn decide(gate: &dyn Gate, call: &IntakeCall, access: &[Access]) -> Result<(), Fault> {
    gate.decide(&call.ctx, access)
}

fn failed(kind: Kind, content_type: &str, access: &mut Vec<Access>, fault: Fault) -> IntakeAnswer {
    IntakeAnswer {
        response: respond(refusal(kind, content_type, &fault)),
        access: std::mem::take(access),
        outcome: Err(fault),
    }
}

fn refused(refused: Refused) -> Fault {
    let code = match refused {
        Refused::MediaType { .. } => "UnsupportedMediaTypeException",
        Refused::TooLarge { .. } => "RequestEntityTooLargeException",
        _ => "SerializationException",
    };
    Fault::sender(code, refused.to_string()).with_status(refused.status())
}

/// Senders try again what is answered with 503 and drop the rest. A failure within may be over then.
///
/// Sources: OTLP specification, "Retryable Response Codes"; Remote-Write 1.0, "Retries & Backoff".
fn refusal(kind: Kind, content_type: &str, fault: &Fault) -> Answer {
    let status = match (fault.side, fault.status) {
        (Side::Receiver, _) => 503,
        (Side::Sender, status) => status,
    };
    ingest::refusal(kind, content_type, status, &fault.message)
}

fn respond(answer: Answer) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(answer.body));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    if let Some(kind) = answer.content_type {
        let kind = HeaderValue::from_static(kind);
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    response
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Way")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use api::{Caller, Ctx};
    use parking_lot::Mutex;
    use serde_json::json;

    use super::super::testing::Bench;
    use super::*;

    /// Allows one namespace, and keeps what it was asked.
    #[derive(Debug, Default)]
    struct Only(Mutex<Vec<String>>);

    impl Gate for Only {
        fn decide(&self, _: &Ctx, access: &[Access]) -> Result<(), Fault> {
            let asked = access.iter().map(|one| format!("{:?}", one.context));
            self.0.lock().extend(asked);
            let is_allowed = access.iter().all(|one| {
                one.action == ACTION && !format!("{:?}", one.context).contains("AWS/SQS")
            });
            let denied = || Fault::sender("AccessDenied", "no").with_status(403);
            is_allowed.then_some(()).ok_or_else(denied)
        }
    }

    #[derive(Debug, Default)]
    struct Counts(Mutex<Vec<String>>);

    impl MetricSink for Counts {
        fn add(
            &self,
            _: &'static str,
            name: &'static str,
            labels: &[(&'static str, &str)],
            value: f64,
        ) {
            let labels: Vec<&str> = labels.iter().map(|(_, label)| *label).collect();
            self.0
                .lock()
                .push(format!("{name} {} {value}", labels.join(" ")));
        }

        fn record(&self, _: &'static str, _: &'static str, _: &[(&'static str, &str)], _: f64) {}
    }

    fn ways(bench: &Bench, counts: &Arc<Counts>) -> Vec<Arc<dyn Intake>> {
        let place = Place {
            region: "ap-northeast-1".parse().unwrap(),
            account: "123456789012".parse().unwrap(),
        };
        let intake = ingest::Intake::new(bench.clock.now(), Duration::from_secs(86_400));
        intakes(
            Arc::clone(&bench.store),
            intake,
            place,
            bench.clock.clone(),
            counts.clone(),
        )
    }

    fn gauge(bench: &Bench, service: &str) -> IntakeCall {
        let nanos = bench.clock.now().as_millis() * 1_000_000;
        let body = json!({"resourceMetrics": [{
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]},
            "scopeMetrics": [{"metrics": [{"name": "depth", "gauge": {"dataPoints": [
                {"asDouble": 7.5, "timeUnixNano": nanos.to_string()},
                {"asDouble": 7.5},
            ]}}]}],
        }]});
        let account = "123456789012".parse().unwrap();
        IntakeCall {
            ctx: Ctx::inside(Arc::new(Caller::anonymous(&account, "")), bench.clock.now()),
            gate: Arc::new(Only::default()),
            content_type: "application/json".to_owned(),
            body: body.to_string().into(),
        }
    }

    #[tokio::test]
    async fn what_came_in_is_there_and_counted() {
        let bench = Bench::new();
        let counts = Arc::new(Counts::default());
        let otlp = &ways(&bench, &counts)[0];
        let answer = otlp.take(gauge(&bench, "shop")).await;
        assert_eq!(answer.outcome, Ok(()));
        assert_eq!(answer.response.status(), 200);
        assert_eq!(answer.access.len(), 1);
        let listed = bench.ok("ListMetrics", json!({"Namespace": "shop"})).await;
        assert_eq!(listed["Metrics"][0]["MetricName"], "depth");
        assert_eq!(
            *counts.0.lock(),
            ["ingested otlp 1", "ingest_skipped otlp untimed 1"]
        );
    }

    #[tokio::test]
    async fn who_may_not_put_into_a_namespace_puts_nothing() {
        let bench = Bench::new();
        let otlp = &ways(&bench, &Arc::default())[0];
        let answer = otlp.take(gauge(&bench, "AWS/SQS")).await;
        assert_eq!(answer.response.status(), 403);
        assert_eq!(&answer.response.body()[..], br#"{"code":7,"message":"no"}"#);
        assert_eq!(answer.outcome.unwrap_err().code, "AccessDenied");
        assert_eq!(bench.store.series_count(), 0);
    }

    #[tokio::test]
    async fn what_cannot_be_written_is_sent_again() {
        let bench = Bench::new();
        let otlp = &ways(&bench, &Arc::default())[0];
        bench.disk.set_size(0);
        let answer = otlp.take(gauge(&bench, "shop")).await;
        assert_eq!(answer.response.status(), 503);
        bench.disk.set_size(1 << 20);
        let answer = otlp.take(gauge(&bench, "shop")).await;
        assert_eq!(answer.response.status(), 200);
    }

    #[tokio::test]
    async fn what_is_wrong_is_said_in_the_senders_form() {
        let bench = Bench::new();
        let ways = ways(&bench, &Arc::default());
        let mut call = gauge(&bench, "shop");
        call.content_type = "application/x-protobuf".to_owned();
        let answer = ways[1].take(call).await;
        assert_eq!(answer.response.status(), 400);
        assert!(
            answer
                .response
                .body()
                .starts_with(b"the body is not snappy")
        );
        let fault = ways[1].fault("", &Fault::internal());
        assert_eq!(fault.status(), 503, "senders try again");
    }
}
