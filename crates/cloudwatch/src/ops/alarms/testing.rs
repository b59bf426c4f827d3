//! Operations in process, as the gateway calls them: JSON or a form in, the answer or a fault out.

use std::sync::Arc;

use api::{Caller, Ctx, Fault, Masked, Service};
use serde_json::Value;
use wire::Protocol;

use super::{NoOthers, service};
use crate::alarm::testing::World;

/// CloudWatch's alarms over a clock and data that the test sets.
pub(super) struct Bench {
    pub(super) world: World,
    service: Arc<dyn Service>,
}

impl Bench {
    pub(super) fn new() -> Self {
        let world = World::new();
        Self {
            service: service(Arc::clone(&world.alarms), Arc::new(NoOthers)),
            world,
        }
    }

    /// The answer of a call that goes well; an empty body is null.
    pub(super) async fn ok(&self, operation: &str, input: Value) -> Value {
        match self.call(operation, &input).await {
            Ok(answer) => answer,
            Err(fault) => panic!("{operation}: {fault}"),
        }
    }

    /// Code, code of the query protocol, status and text of a call that does not.
    pub(super) async fn fault(&self, operation: &str, input: Value) -> Fault {
        match self.call(operation, &input).await {
            Ok(answer) => panic!("{operation}: {answer}"),
            Err(fault) => fault,
        }
    }

    async fn call(&self, operation: &str, input: &Value) -> Result<Value, Fault> {
        let body = input.to_string();
        let answered = self
            .run(operation, Protocol::Json10, body.as_bytes())
            .await?;
        Ok(serde_json::from_slice(&answered).unwrap_or(Value::Null))
    }

    /// The body of the answer in the query protocol.
    pub(super) async fn query(&self, operation: &str, form: &str) -> String {
        let answered = self.run(operation, Protocol::Query, form.as_bytes()).await;
        String::from_utf8(answered.unwrap()).unwrap()
    }

    async fn run(
        &self,
        operation: &str,
        protocol: Protocol,
        body: &[u8],
    ) -> Result<Vec<u8>, Fault> {
        let call = self.service.decode(operation, protocol, body).unwrap();
        let call = call.unwrap_or_else(|error| panic!("{operation}: {error}"));
        let ctx = self.ctx();
        assert!(!call.access(&ctx.caller).is_empty(), "{operation}");
        Ok(call.run(ctx, Masked::Unwanted).await?.body.to_vec())
    }

    /// Why a request is not even read.
    pub(super) fn unread(&self, operation: &str, input: &Value) -> String {
        let body = input.to_string();
        let call = self
            .service
            .decode(operation, Protocol::Json10, body.as_bytes());
        call.unwrap().unwrap_err().to_string()
    }

    /// Why a form is not even read.
    pub(super) fn unread_form(&self, operation: &str, form: &str) -> String {
        let call = self
            .service
            .decode(operation, Protocol::Query, form.as_bytes());
        call.unwrap().unwrap_err().to_string()
    }

    /// What a call would touch, as `action arn key=value,…`.
    pub(super) fn access(&self, operation: &str, input: &Value) -> Vec<String> {
        let body = input.to_string();
        let call = self
            .service
            .decode(operation, Protocol::Json10, body.as_bytes());
        let access = call.unwrap().unwrap().access(&self.ctx().caller);
        let shown = access
            .iter()
            .map(|it| format!("{} {}", it.action, it.resource));
        shown.collect()
    }

    fn ctx(&self) -> Ctx {
        let account = &self.world.alarms.place().account;
        let caller = Caller::user(account, "/", "admin", "AIDAEXAMPLE", "AKIAEXAMPLE");
        Ctx::inside(Arc::new(caller), self.world.now())
    }
}
