//! How functions are invoked.
//!
//! Source: API reference, Invoke.

use std::sync::Arc;

use api::{Access, Act, Audit, Caller, Ctx, Fault};
use base::ByteCount;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::de::IgnoredAny;
use wire::rest::Http;
use wire::{Blob, Shape};

use super::{Lambda, fault};
use crate::engine;
use crate::fleet::PAYLOAD_BYTES_MAX;
use crate::port::Catalog;
use crate::sandbox::{Call, Outcome};

/// The most bytes of a client context in base64. Source: API reference, Invoke.
const CLIENT_CONTEXT_BYTES_MAX: usize = 3_583;

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct InvocationRequest {
    #[shape(uri, required)]
    function_name: String,
    #[shape(header = "X-Amz-Invocation-Type")]
    invocation_type: Option<String>,
    #[shape(header = "X-Amz-Log-Type")]
    log_type: Option<String>,
    #[shape(header = "X-Amz-Client-Context")]
    client_context: Option<String>,
    #[shape(header = "X-Amz-Durable-Execution-Name", refused)]
    durable_execution_name: Option<String>,
    #[shape(payload)]
    payload: Option<Blob>,
    #[shape(querystring)]
    qualifier: Option<String>,
    #[shape(header = "X-Amz-Tenant-Id", refused)]
    tenant_id: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct InvocationResponse {
    #[shape(statuscode)]
    status_code: Option<i32>,
    #[shape(header = "X-Amz-Function-Error")]
    function_error: Option<String>,
    #[shape(header = "X-Amz-Log-Result")]
    log_result: Option<String>,
    #[shape(payload)]
    payload: Option<Blob>,
    #[shape(header = "X-Amz-Executed-Version")]
    executed_version: Option<String>,
    #[shape(header = "X-Amz-Durable-Execution-Arn")]
    durable_execution_arn: Option<String>,
}

/// What is wanted of an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    RequestResponse,
    Event,
    DryRun,
}

impl InvocationRequest {
    fn kind(&self) -> Result<Kind, Fault> {
        match self.invocation_type.as_deref() {
            None | Some("" | "RequestResponse") => Ok(Kind::RequestResponse),
            Some("Event") => Ok(Kind::Event),
            Some("DryRun") => Ok(Kind::DryRun),
            Some(other) => Err(of_enum(
                "invocationType",
                other,
                "[Event, RequestResponse, DryRun]",
            )),
        }
    }

    fn wants_tail(&self) -> Result<bool, Fault> {
        match self.log_type.as_deref() {
            None | Some("" | "None") => Ok(false),
            Some("Tail") => Ok(true),
            Some(other) => Err(of_enum("logType", other, "[None, Tail]")),
        }
    }

    /// The event. None is an empty object.
    fn event(&self) -> Result<Bytes, Fault> {
        let payload = self.payload.as_ref().map(|payload| &payload.0);
        let Some(payload) = payload.filter(|payload| !payload.is_empty()) else {
            return Ok(Bytes::from_static(b"{}"));
        };
        serde_json::from_slice::<IgnoredAny>(payload).map_err(|error| {
            fault::no_json(format!(
                "Could not parse request body into json: Could not parse payload into json: {error}"
            ))
        })?;
        Ok(payload.clone())
    }

    fn context(&self) -> Result<Option<String>, Fault> {
        let Some(given) = self
            .client_context
            .as_deref()
            .filter(|text| !text.is_empty())
        else {
            return Ok(None);
        };
        let decoded = (given.len() <= CLIENT_CONTEXT_BYTES_MAX)
            .then(|| STANDARD.decode(given).ok())
            .flatten();
        let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
        let text = text.filter(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
        let text = text.ok_or_else(|| {
            fault::no_json("Client context must be a valid Base64-encoded JSON object.".to_owned())
        })?;
        Ok(Some(text))
    }
}

fn of_enum(member: &str, value: &str, values: &str) -> Fault {
    let value: String = value.chars().take(100).collect();
    fault::out_of_bounds(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must satisfy enum value set: {values}"
    ))
}

impl Act<Lambda> for InvocationRequest {
    type Output = InvocationResponse;
    // Of this the operation's name is made; what it takes is another word, as on AWS.
    const ACTION: &'static str = "lambda:Invoke";
    // A little more than an event may have, so that it is told in AWS's words.
    const HTTP: Option<Http> = Some(
        Http::post("/2015-03-31/functions/{FunctionName}/invocations")
            .with_payload_type("application/json")
            .with_body_bytes(ByteCount::mib(7)),
    );
    const AUDIT: Audit = Audit::Data;

    fn touches(&self, lambda: &Lambda, _: &Caller) -> Vec<Access> {
        vec![lambda.on(
            "lambda:InvokeFunction",
            &self.function_name,
            self.qualifier.as_deref(),
        )]
    }

    async fn act(self, lambda: &Arc<Lambda>, ctx: &Ctx) -> Result<InvocationResponse, Fault> {
        let (kind, wants_tail) = (self.kind()?, self.wants_tail()?);
        let (named, ..) = lambda.find(&self.function_name, self.qualifier.as_deref())?;
        let call = Call {
            request_id: ctx.request_id.to_string(),
            payload: self.event()?,
            client_context: self.context()?,
            trace: None,
        };
        let (name, qualifier) = (&named.name, named.qualifier.as_ref());
        let bytes = call.payload.len();
        if kind == Kind::RequestResponse && bytes > PAYLOAD_BYTES_MAX {
            return Err(fault::too_large(
                bytes,
                PAYLOAD_BYTES_MAX,
                "RequestResponse",
            ));
        }
        match kind {
            Kind::DryRun => Ok(status(204)),
            Kind::Event => {
                let accepted = lambda.events.accept(name, qualifier, call).await;
                accepted.map_err(|error| lambda.not_accepted(error))?;
                Ok(status(202))
            }
            Kind::RequestResponse => {
                let runnable = lambda.functions.runnable(name, qualifier);
                let gone = || lambda.told(engine::Error::no_function(name));
                let runnable = runnable.ok_or_else(gone)?;
                let outcome = lambda.fleet.invoke(&runnable, call).await;
                let outcome = outcome.map_err(|refused| lambda.not_run(refused))?;
                Ok(answer(outcome, wants_tail))
            }
        }
    }
}

fn status(code: i32) -> InvocationResponse {
    InvocationResponse {
        status_code: Some(code),
        ..InvocationResponse::default()
    }
}

fn answer(outcome: Outcome, wants_tail: bool) -> InvocationResponse {
    InvocationResponse {
        function_error: outcome.error.map(|_| "Unhandled".to_owned()),
        log_result: wants_tail.then(|| STANDARD.encode(&outcome.log_tail)),
        payload: Some(Blob(outcome.payload)),
        executed_version: Some(outcome.version),
        ..status(200)
    }
}
