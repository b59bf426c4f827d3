//! An operation of a service, and its forms without types.
//!
//! Services implement [`Operation`]; every one of them is an [`AnyOperation`] by itself, which reads its input
//! from the wire and gives a [`Call`] that can be decided, run and recorded without knowing its types.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use wire::{DecodeError, Envelope, Protocol, Schema, Shape};

use crate::access::Access;
use crate::caller::Caller;
use crate::ctx::{Ctx, RequestId};
use crate::fault::Fault;
use crate::record::Audit;
use crate::service::ServiceFacts;

/// One operation of the service whose state is `S`.
pub trait Operation<S>: Send + Sync + 'static {
    /// What it takes.
    type Input: Shape;
    /// What it answers.
    type Output: Shape;

    /// Its name on the wire, such as `SendMessage`.
    const NAME: &'static str;

    /// What this call wants to touch. Decided before [`Operation::call`] runs.
    ///
    /// Where the input names no resource that could exist, name what it would be; `call` answers the fault.
    fn access(&self, service: &S, input: &Self::Input) -> Vec<Access>;

    /// As [`Operation::access`], where a call that names nobody means its caller.
    fn access_by(&self, service: &S, caller: &Caller, input: &Self::Input) -> Vec<Access> {
        let _ = caller;
        self.access(service, input)
    }

    /// How this operation is recorded.
    fn audit(&self) -> Audit;

    /// Does it.
    ///
    /// # Errors
    /// A [`Fault`] that the gateway writes in the caller's protocol.
    fn call(
        &self,
        service: &Arc<S>,
        ctx: Ctx,
        input: Self::Input,
    ) -> impl Future<Output = Result<Self::Output, Fault>> + Send;
}

/// An [`Operation`] without its types. Implemented for all of them.
pub trait AnyOperation<S>: Send + Sync + 'static {
    /// Its name on the wire.
    fn name(&self) -> &'static str;

    /// How it is recorded.
    fn audit(&self) -> Audit;

    /// What its input looks like, for help, coverage and the comparison with service models.
    fn input_schema(&self) -> &'static Schema;

    /// What its output looks like.
    fn output_schema(&self) -> &'static Schema;

    /// Reads the input.
    ///
    /// # Errors
    /// Where `body` is not what the operation takes in `protocol`.
    fn decode(
        &'static self,
        facts: &'static ServiceFacts,
        service: &Arc<S>,
        protocol: Protocol,
        body: &[u8],
    ) -> Result<Box<dyn Call>, DecodeError>;
}

/// The name, request and answer of an operation.
pub type Shapes = (&'static str, &'static Schema, &'static Schema);

/// Those of a table of operations.
pub fn shapes<S>(
    operations: &'static [&'static dyn AnyOperation<S>],
) -> impl Iterator<Item = Shapes> {
    operations.iter().map(|operation| {
        (
            operation.name(),
            operation.input_schema(),
            operation.output_schema(),
        )
    })
}

/// A call that has been read and waits to be decided and run.
pub trait Call: Send {
    /// The operation's name.
    fn name(&self) -> &'static str;

    /// How it is recorded.
    fn audit(&self) -> Audit;

    /// What it wants to touch when `caller` calls.
    fn access(&self, caller: &Caller) -> Vec<Access>;

    /// Its input as JSON with sensitive members masked, for the record.
    fn input_json_masked(&self) -> Vec<u8>;

    /// Does it and gives the answer, encoded in the protocol in which the call came.
    fn run(
        self: Box<Self>,
        ctx: Ctx,
        masked: Masked,
    ) -> BoxFuture<'static, Result<Answered, Fault>>;
}

/// Whether an answer is wanted for the record too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Masked {
    /// It is.
    Wanted,
    /// It is not.
    Unwanted,
}

/// What a call answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The answer's body.
    pub body: Bytes,
    /// The output as JSON with sensitive members masked, where it was wanted.
    pub masked: Option<Vec<u8>>,
}

impl<S, O> AnyOperation<S> for O
where
    S: Send + Sync + 'static,
    O: Operation<S>,
{
    fn name(&self) -> &'static str {
        O::NAME
    }

    fn audit(&self) -> Audit {
        Operation::audit(self)
    }

    fn input_schema(&self) -> &'static Schema {
        O::Input::SCHEMA
    }

    fn output_schema(&self) -> &'static Schema {
        O::Output::SCHEMA
    }

    fn decode(
        &'static self,
        facts: &'static ServiceFacts,
        service: &Arc<S>,
        protocol: Protocol,
        body: &[u8],
    ) -> Result<Box<dyn Call>, DecodeError> {
        Ok(Box::new(Decoded {
            operation: self,
            service: Arc::clone(service),
            input: wire::decode_request(protocol, body)?,
            protocol,
            facts,
        }))
    }
}

/// A call of `O` with its input.
struct Decoded<S: 'static, O: Operation<S>> {
    operation: &'static O,
    service: Arc<S>,
    input: O::Input,
    protocol: Protocol,
    facts: &'static ServiceFacts,
}

impl<S: Send + Sync + 'static, O: Operation<S>> Call for Decoded<S, O> {
    fn name(&self) -> &'static str {
        O::NAME
    }

    fn audit(&self) -> Audit {
        self.operation.audit()
    }

    fn access(&self, caller: &Caller) -> Vec<Access> {
        self.operation.access_by(&self.service, caller, &self.input)
    }

    fn input_json_masked(&self) -> Vec<u8> {
        wire::encode_masked(&self.input)
    }

    fn run(
        self: Box<Self>,
        ctx: Ctx,
        masked: Masked,
    ) -> BoxFuture<'static, Result<Answered, Fault>> {
        Box::pin(async move {
            let request_id = ctx.request_id;
            let output = self.operation.call(&self.service, ctx, self.input).await?;
            let body = encode(self.protocol, O::NAME, self.facts, request_id, &output);
            Ok(Answered {
                body: Bytes::from(body),
                masked: (masked == Masked::Wanted).then(|| wire::encode_masked(&output)),
            })
        })
    }
}

/// The body of an answer. Only the query protocol writes anything around the output.
fn encode<T: Shape>(
    protocol: Protocol,
    operation: &str,
    facts: &ServiceFacts,
    request_id: RequestId,
    output: &T,
) -> Vec<u8> {
    let request_id = match protocol {
        Protocol::Query | Protocol::Ec2Query => request_id.to_string(),
        _ => String::new(),
    };
    let envelope = Envelope {
        operation,
        version: facts.query_version.unwrap_or_default(),
        xml_namespace: facts.xml_namespace,
        request_id: &request_id,
    };
    wire::encode_response(protocol, output, &envelope)
}

impl<S: 'static> fmt::Debug for dyn AnyOperation<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for dyn Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
