//! Operations in process, as the gateway calls them: JSON in, JSON or a fault out.

use std::sync::Arc;

use api::{Caller, Ctx, Fault, Masked, Service};
use serde_json::Value;
use wire::Protocol;

use super::service;
use crate::seen::Class;
use crate::trails::simulation::World;

/// CloudTrail over a simulated disk, clock and bucket.
pub(super) struct Bench {
    pub(super) world: World,
    service: Arc<dyn Service>,
}

impl Bench {
    pub(super) fn new() -> Self {
        let world = World::new(1);
        let buckets = Arc::new(world.memory.clone());
        Self {
            service: service(Arc::clone(&world.trails), buckets),
            world,
        }
    }

    /// The answer of a call that goes well.
    pub(super) async fn ok(&self, operation: &str, input: Value) -> Value {
        match self.call(operation, input).await {
            Ok(answer) => answer,
            Err(fault) => panic!("{operation}: {fault}"),
        }
    }

    /// The code of a call that does not.
    pub(super) async fn code(&self, operation: &str, input: Value) -> &'static str {
        self.fault(operation, input).await.code
    }

    /// The fault of a call that does not.
    pub(super) async fn fault(&self, operation: &str, input: Value) -> Fault {
        match self.call(operation, input).await {
            Ok(answer) => panic!("{operation}: {answer}"),
            Err(fault) => fault,
        }
    }

    async fn call(&self, operation: &str, input: Value) -> Result<Value, Fault> {
        let body = input.to_string();
        let call = self
            .service
            .decode(operation, Protocol::Json11, body.as_bytes())
            .unwrap()
            .unwrap();
        let ctx = self.ctx();
        assert!(!call.access(&ctx.caller).is_empty(), "{operation}");
        let answered = call.run(ctx, Masked::Unwanted).await?;
        Ok(serde_json::from_slice(&answered.body).unwrap())
    }

    /// What a call would touch, as `action arn`.
    pub(super) fn access(&self, operation: &str, input: &Value) -> Vec<String> {
        let body = input.to_string();
        let call = self
            .service
            .decode(operation, Protocol::Json11, body.as_bytes())
            .unwrap()
            .unwrap();
        let access = call.access(&self.ctx().caller);
        let shown = access
            .iter()
            .map(|it| format!("{} {}", it.action, it.resource));
        shown.collect()
    }

    /// Lets calls of SQS be recorded.
    pub(super) fn record(&mut self, operation: &str) {
        self.world
            .call("sqs", operation, Class::Management)
            .unwrap();
    }

    fn ctx(&self) -> Ctx {
        let account = &self.world.trails.place().account;
        let caller = Caller::user(account, "/", "admin", "AIDAEXAMPLE", "AKIAEXAMPLE");
        Ctx::inside(Arc::new(caller), self.world.trails.now())
    }
}
