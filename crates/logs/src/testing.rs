//! Logs in process, over tables in a folder of their own, with a clock that is turned.

use std::sync::Arc;
use std::time::Duration;

use api::{Caller, Ctx, Fault, Masked, Service};
use base::{Clock, ManualClock, Timestamp};
use serde_json::{Value, json};
use store::tables::Tables;
use wire::Protocol;

use crate::logs::{Bounds, Place};
use crate::{Logs, TABLES, ops};

/// 2027-01-15T08:00:00Z.
pub(crate) const START: u64 = 1_800_000_000_000;

/// Logs with their clock.
pub(crate) struct Bench {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) logs: Arc<Logs>,
    service: Arc<dyn Service>,
    bounds: Bounds,
    folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(Bounds::default())
    }

    pub(crate) fn with(bounds: Bounds) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(START)));
        Self::over(tempfile::tempdir().unwrap(), clock, bounds)
    }

    fn over(folder: tempfile::TempDir, clock: Arc<ManualClock>, bounds: Bounds) -> Self {
        let tables = Arc::new(Tables::open(folder.path(), TABLES).unwrap());
        let place = Place {
            account: "123456789012".parse().unwrap(),
            region: "us-east-1".parse().unwrap(),
        };
        let logs = Arc::new(Logs::open(tables, place, clock.clone(), bounds).unwrap());
        Self {
            clock,
            service: ops::service(logs.clone()),
            logs,
            bounds,
            folder,
        }
    }

    /// The same after another process has opened the tables.
    pub(crate) fn reopened(self) -> Self {
        let Self {
            clock,
            logs,
            service,
            bounds,
            folder,
        } = self;
        drop((logs, service));
        Self::over(folder, clock, bounds)
    }

    pub(crate) fn pass(&self, secs: u64) {
        self.clock.advance(Duration::from_secs(secs));
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.now().as_millis()
    }

    /// The answer of a call that goes well.
    pub(crate) async fn ok(&self, operation: &str, input: Value) -> Value {
        match self.call(operation, input).await {
            Ok(answer) => answer,
            Err(fault) => panic!("{operation}: {fault}"),
        }
    }

    /// The code and the text of a call that does not.
    pub(crate) async fn fault(&self, operation: &str, input: Value) -> (String, String) {
        match self.call(operation, input).await {
            Ok(answer) => panic!("{operation}: {answer}"),
            Err(fault) => (fault.code.to_string(), fault.message.to_string()),
        }
    }

    pub(crate) fn caller() -> Caller {
        let account = "123456789012".parse().unwrap();
        Caller::user(&account, "/", "admin", "AIDAEXAMPLE", "AKIAEXAMPLE")
    }

    /// What a call wants to touch: actions and resources.
    pub(crate) fn touches(&self, operation: &str, input: &Value) -> Vec<String> {
        let body = input.to_string();
        let decoded = self
            .service
            .decode(operation, Protocol::Json11, body.as_bytes());
        let all = decoded.unwrap().unwrap().access(&Self::caller());
        let shown = |access: api::Access| format!("{} {}", access.action, access.resource.text());
        all.into_iter().map(shown).collect()
    }

    async fn call(&self, operation: &str, input: Value) -> Result<Value, Fault> {
        let body = input.to_string();
        let decoded = self
            .service
            .decode(operation, Protocol::Json11, body.as_bytes());
        let call = decoded.unwrap().unwrap();
        let ctx = Ctx::inside(Arc::new(Self::caller()), self.clock.now());
        assert!(!call.access(&ctx.caller).is_empty(), "{operation}");
        let answered = call.run(ctx, Masked::Unwanted).await?;
        Ok(serde_json::from_slice(&answered.body).unwrap_or_default())
    }

    /// A group with streams.
    pub(crate) async fn group(&self, name: &str, streams: &[&str]) {
        self.ok("CreateLogGroup", json!({"logGroupName": name}))
            .await;
        for stream in streams {
            let input = json!({"logGroupName": name, "logStreamName": stream});
            self.ok("CreateLogStream", input).await;
        }
    }

    /// Puts messages, one a millisecond from now on.
    pub(crate) async fn put(&self, group: &str, stream: &str, messages: &[&str]) -> Value {
        let events = (self.now()..)
            .zip(messages)
            .map(|(at, message)| json!({"timestamp": at, "message": message}));
        let events: Vec<_> = events.collect();
        let input = json!({"logGroupName": group, "logStreamName": stream, "logEvents": events});
        self.ok("PutLogEvents", input).await
    }

    /// The messages that a search finds, over all pages.
    pub(crate) async fn found(&self, mut input: Value) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            let page = self.ok("FilterLogEvents", input.clone()).await;
            all.extend(messages(&page));
            match page.get("nextToken") {
                Some(token) => input["nextToken"] = token.clone(),
                None => return all,
            }
        }
    }
}

/// The messages of a page.
pub(crate) fn messages(page: &Value) -> Vec<String> {
    let events = page["events"].as_array().unwrap().iter();
    let message = |event: &Value| event["message"].as_str().unwrap().to_owned();
    events.map(message).collect()
}
