//! Operations in process, as the gateway calls them: a form in, an answer as JSON or a fault out.

use std::sync::Arc;
use std::time::Duration;

use api::{Caller, Ctx, Fault, Masked, Service};
use base::{Clock, ManualClock, Timestamp};
use serde_json::Value;
use store::seal::MasterKeySource;
use wire::Protocol;

use super::service;
use crate::Iam;

const ACCOUNT: &str = "123456789012";

/// IAM on a directory of its own, with a clock that only the test turns.
pub(super) struct Bench {
    pub(super) iam: Arc<Iam>,
    service: Arc<dyn Service>,
    clock: Arc<ManualClock>,
    _dir: tempfile::TempDir,
}

impl Bench {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_795_000_000)));
        let account = ACCOUNT.parse().unwrap();
        let shared = Arc::clone(&clock) as Arc<dyn Clock>;
        let source = MasterKeySource::BesideTheData;
        let iam = Arc::new(Iam::open(dir.path(), &source, Some(&account), shared).unwrap());
        Self {
            service: service(Arc::clone(&iam)),
            iam,
            clock,
            _dir: dir,
        }
    }

    pub(super) fn advance(&self, secs: u64) {
        self.clock.advance(Duration::from_secs(secs));
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The answer of a call that goes well. The form is JSON, as the wire's own source reads it.
    pub(super) async fn ok(&self, operation: &str, input: Value) -> Value {
        match self.call_as("administrator", operation, input).await {
            Ok(answer) => answer,
            Err(fault) => panic!("{operation}: {fault}"),
        }
    }

    /// Code and text of the fault of a call that does not.
    pub(super) async fn fault(&self, operation: &str, input: Value) -> (&'static str, String) {
        self.fault_as("administrator", operation, input).await
    }

    pub(super) async fn fault_as(
        &self,
        user: &str,
        operation: &str,
        input: Value,
    ) -> (&'static str, String) {
        match self.call_as(user, operation, input).await {
            Ok(answer) => panic!("{operation}: {answer}"),
            Err(fault) => (fault.query_code, fault.message.into_owned()),
        }
    }

    pub(super) async fn call_as(
        &self,
        user: &str,
        operation: &str,
        input: Value,
    ) -> Result<Value, Fault> {
        let body = input.to_string();
        let call = self
            .service
            .decode(operation, Protocol::Json11, body.as_bytes());
        let call = call.unwrap().unwrap();
        let ctx = self.ctx(user);
        let access = call.access(&ctx.caller);
        let (first, also) = access.split_first().unwrap();
        assert_eq!(first.action, format!("iam:{operation}"));
        let is_dependent = |it: &api::Access| it.action == "iam:PassRole";
        assert!(also.iter().all(is_dependent), "{operation}: {also:?}");
        let answered = call.run(ctx, Masked::Unwanted).await?;
        Ok(serde_json::from_slice(&answered.body).unwrap())
    }

    /// The body of an answer in XML to a form.
    pub(super) async fn query(&self, operation: &str, form: &str) -> Result<String, Fault> {
        let call = self
            .service
            .decode(operation, Protocol::Query, form.as_bytes());
        let call = call.unwrap().unwrap();
        let answered = call
            .run(self.ctx("administrator"), Masked::Unwanted)
            .await?;
        Ok(String::from_utf8(answered.body.to_vec()).unwrap())
    }

    /// What a call by `user` would touch.
    pub(super) fn reach(&self, user: &str, operation: &str, input: &Value) -> api::Access {
        self.reaches(user, operation, input).remove(0)
    }

    /// All of what a call by `user` would touch.
    pub(super) fn reaches(&self, user: &str, operation: &str, input: &Value) -> Vec<api::Access> {
        let body = input.to_string();
        let call = self
            .service
            .decode(operation, Protocol::Json11, body.as_bytes());
        let caller = self.ctx(user).caller;
        call.unwrap().unwrap().access(&caller)
    }

    pub(super) fn ctx(&self, user: &str) -> Ctx {
        let account = ACCOUNT.parse().unwrap();
        let caller = Caller::user(&account, "/", user, "AIDAEXAMPLE", "AKIAEXAMPLE");
        Ctx::inside(Arc::new(caller), self.clock.now())
    }
}
