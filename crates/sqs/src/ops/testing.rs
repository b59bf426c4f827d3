//! Operations in process, as the gateway calls them: JSON in, JSON or a fault out.

use std::sync::Arc;
use std::time::Duration;

use api::{Caller, Ctx, Fault, Masked, RequestId, Service};
use base::{AccountId, Clock, ManualClock, NoMetrics, Region, Timestamp};
use serde_json::{Value, json};
use wire::Protocol;

use super::state::State;
use super::{FACTS, OPERATIONS, service};
use crate::{Options, Queues};

const ACCOUNT: &str = "123456789012";
const BASE_URL: &str = "http://localhost:5310";

/// SQS on a directory of its own, with a clock that only the test turns.
pub(super) struct Bench {
    service: Arc<dyn Service>,
    clock: Arc<ManualClock>,
    _dir: tempfile::TempDir,
}

fn account() -> AccountId {
    ACCOUNT.parse().unwrap()
}

fn region() -> Region {
    "ap-northeast-1".parse().unwrap()
}

impl Bench {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_795_000_000)));
        let queues = open(dir.path(), Arc::clone(&clock) as Arc<dyn Clock>);
        Self {
            service: service(queues, region(), account()),
            clock,
            _dir: dir,
        }
    }

    pub(super) async fn with_queue(name: &str) -> Self {
        let bench = Self::new();
        bench.ok("CreateQueue", json!({"QueueName": name})).await;
        bench
    }

    pub(super) async fn with_fifo_queue(name: &str) -> Self {
        let bench = Self::new();
        let input = json!({"QueueName": name, "Attributes": {"FifoQueue": "true"}});
        bench.ok("CreateQueue", input).await;
        bench
    }

    /// A queue `name` and one `dead` for its dead letters.
    pub(super) async fn with_dead_letters(name: &str, dead: &str) -> Self {
        let bench = Self::with_queue(dead).await;
        let target = format!("arn:aws:sqs:ap-northeast-1:{ACCOUNT}:{dead}");
        let policy = json!({"deadLetterTargetArn": target, "maxReceiveCount": 1}).to_string();
        let input = json!({"QueueName": name, "Attributes": {"RedrivePolicy": policy}});
        bench.ok("CreateQueue", input).await;
        bench
    }

    pub(super) fn url(&self, name: &str) -> String {
        format!("{BASE_URL}/{ACCOUNT}/{name}")
    }

    /// Sends a message, receives it, and returns its receipt handle.
    pub(super) async fn send_and_receive(&self, name: &str, body: &str) -> String {
        let url = self.url(name);
        self.ok("SendMessage", json!({"QueueUrl": url, "MessageBody": body}))
            .await;
        let answer = self.ok("ReceiveMessage", json!({"QueueUrl": url})).await;
        assert_eq!(answer["Messages"][0]["Body"], body, "{answer}");
        answer["Messages"][0]["ReceiptHandle"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Turns the clock.
    pub(super) async fn advance_secs(&self, secs: u64) {
        self.clock.advance(Duration::from_secs(secs));
        tokio::task::yield_now().await;
    }

    /// The answer of a call that goes well.
    pub(super) async fn ok(&self, operation: &str, input: Value) -> Value {
        match self.call(operation, input).await {
            Ok(answer) => answer,
            Err(fault) => panic!("{operation}: {fault}"),
        }
    }

    /// The fault of a call that does not.
    pub(super) async fn fault(&self, operation: &str, input: Value) -> Fault {
        match self.call(operation, input).await {
            Ok(answer) => panic!("{operation}: {answer}"),
            Err(fault) => fault,
        }
    }

    pub(super) async fn call(&self, operation: &str, input: Value) -> Result<Value, Fault> {
        let body = input.to_string();
        let call = self
            .service
            .decode(operation, Protocol::Json10, body.as_bytes())
            .unwrap()
            .unwrap();
        assert!(!call.access(&self.ctx().caller).is_empty(), "{operation}");
        let answered = call.run(self.ctx(), Masked::Unwanted).await?;
        Ok(serde_json::from_slice(&answered.body).unwrap())
    }

    /// The body of an answer in XML to a form.
    pub(super) async fn query(&self, operation: &str, form: &str) -> Result<String, Fault> {
        let call = self
            .service
            .decode(operation, Protocol::Query, form.as_bytes())
            .unwrap()
            .unwrap();
        let answered = call.run(self.ctx(), Masked::Unwanted).await?;
        Ok(String::from_utf8(answered.body.to_vec()).unwrap())
    }

    fn ctx(&self) -> Ctx {
        let caller = Caller::user(
            &account(),
            "/",
            "administrator",
            "AIDAEXAMPLE",
            "AKIAEXAMPLE",
        );
        Ctx {
            request_id: RequestId::from_bytes([7; 16]),
            base_url: BASE_URL.into(),
            ..Ctx::inside(Arc::new(caller), self.clock.now())
        }
    }

    /// What a call would touch, as `action arn`.
    pub(super) fn access(operation: &str, input: Value) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_795_000_000)));
        let state = Arc::new(State::new(open(dir.path(), clock), region(), account()));
        let operation = OPERATIONS
            .iter()
            .find(|known| known.name() == operation)
            .unwrap();
        let body = input.to_string();
        let call = operation
            .decode(&FACTS, &state, Protocol::Json10, body.as_bytes())
            .unwrap();
        let access = call.access(&Caller::anonymous(&account(), ""));
        access
            .iter()
            .map(|access| format!("{} {}", access.action, access.resource))
            .collect()
    }
}

fn open(dir: &std::path::Path, clock: Arc<dyn Clock>) -> Arc<Queues> {
    let options = Options {
        journal: store::Options {
            segment: base::ByteCount::mib(4),
            reserve: base::ByteCount::mib(4),
            ..store::Options::default()
        },
        account: account(),
        region: region(),
        are_results_sealed: false,
        expire_interval: std::time::Duration::from_secs(10),
    };
    let observer = Arc::new(store::record::NoObserver);
    let (queues, _) = Queues::open(dir, options, clock, Arc::new(NoMetrics), observer).unwrap();
    queues
}
