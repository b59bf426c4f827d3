//! Operations in process, as the gateway calls them: JSON in, JSON or a fault out.

use std::sync::Arc;
use std::time::Duration;

use api::{Caller, Ctx, Fault, Masked, Service};
use base::{Clock, ManualClock, Timestamp};
use serde_json::Value;
use store::Tables;
use store::disk::SimDisk;
use wire::Protocol;

use super::service;
use crate::ops::Place;
use crate::series::{Settings, Store, TABLES};

/// CloudWatch's metrics over tables in a directory of their own and a log on a simulated disk.
pub(super) struct Bench {
    pub(super) clock: Arc<ManualClock>,
    pub(super) disk: SimDisk,
    pub(super) store: Arc<Store>,
    service: Arc<dyn Service>,
    place: Place,
    _dir: tempfile::TempDir,
}

impl Bench {
    /// It is 2026-11-23T05:00:00Z.
    pub(super) fn new() -> Self {
        Self::with(Settings::default())
    }

    pub(super) fn with(settings: Settings) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tables = Arc::new(Tables::open(dir.path(), TABLES).unwrap());
        let now = Timestamp::parse_rfc3339("2026-11-23T05:00:00Z").unwrap();
        let clock = Arc::new(ManualClock::at(now));
        let disk = SimDisk::new(1, 1 << 30);
        let log = Arc::new(disk.clone());
        let (store, _) = Store::open(tables, log, clock.clone(), settings).unwrap();
        let store = Arc::new(store);
        let place = Place {
            region: "ap-northeast-1".parse().unwrap(),
            account: "123456789012".parse().unwrap(),
        };
        let service = service(Arc::clone(&store), place.clone(), clock.clone());
        Self {
            clock,
            disk,
            store,
            service,
            place,
            _dir: dir,
        }
    }

    pub(super) fn advance_secs(&self, secs: u64) {
        self.clock.advance(Duration::from_secs(secs));
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

    async fn call(&self, operation: &str, input: Value) -> Result<Value, Fault> {
        let call = self.decode(operation, &input);
        let answered = call.run(self.ctx(), Masked::Unwanted).await?;
        Ok(serde_json::from_slice(&answered.body).unwrap_or(Value::Null))
    }

    /// What a call would touch: action, resource, and its namespace.
    pub(super) fn access(&self, operation: &str, input: &Value) -> String {
        let access = self.decode(operation, input).access(&self.ctx().caller);
        let [access] = &access[..] else {
            panic!("{access:?}");
        };
        format!("{} {} {:?}", access.action, access.resource, access.context)
    }

    fn decode(&self, operation: &str, input: &Value) -> Box<dyn api::Call> {
        let body = input.to_string();
        let call = self
            .service
            .decode(operation, Protocol::Json10, body.as_bytes());
        call.unwrap().unwrap()
    }

    fn ctx(&self) -> Ctx {
        let caller = Caller::user(
            &self.place.account,
            "/",
            "admin",
            "AIDAEXAMPLE",
            "AKIAEXAMPLE",
        );
        Ctx::inside(Arc::new(caller), self.clock.now())
    }
}
