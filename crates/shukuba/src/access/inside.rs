//! Calls in this process, on the identities of a data directory: with and without a server that runs.

use std::sync::Arc;

use anyhow::Context;
use api::{Caller, Ctx, Masked, Service};
use iam::Iam;
use wire::Protocol;

use super::answer::Node;
use super::calls::{self, Calls, Failure, Form, VERSION};

/// The identities of a data directory, for its owner, to whom nothing is refused.
pub(crate) struct Inside {
    iam: Arc<Iam>,
    service: Arc<dyn Service>,
    owner: Arc<Caller>,
    runtime: tokio::runtime::Runtime,
}

impl Inside {
    pub(crate) fn new(iam: Arc<Iam>) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        Ok(Self {
            service: iam::ops::service(Arc::clone(&iam)),
            owner: Arc::new(Caller::service(&iam.account_id(), "shukuba")),
            iam,
            runtime: runtime.context("cannot start the runtime")?,
        })
    }

    /// The identities themselves.
    pub(crate) fn iam(&self) -> &Arc<Iam> {
        &self.iam
    }
}

impl Calls for Inside {
    fn call(&self, operation: &str, form: &Form<'_>) -> Result<Node, Failure> {
        let refused = |code: &str, message: String| Failure::Refused {
            operation: operation.to_owned(),
            code: code.to_owned(),
            message,
        };
        let body = calls::body(operation, VERSION, form);
        let call = self
            .service
            .decode(operation, Protocol::Query, body.as_bytes());
        let call = call
            .ok_or_else(|| refused("InvalidAction", "there is no such operation".to_owned()))?
            .map_err(|error| refused("ValidationError", error.to_string()))?;
        let ctx = Ctx::inside(Arc::clone(&self.owner), self.iam.clock().now());
        let answered = self.runtime.block_on(call.run(ctx, Masked::Unwanted));
        let answered =
            answered.map_err(|fault| refused(fault.query_code, fault.message.into_owned()))?;
        calls::read(operation, &answered.body)
    }
}
