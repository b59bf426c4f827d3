//! An operation of a service, and its forms without types.
//!
//! Services mostly write an [`Act`](crate::Act), whose [`Op`](crate::Op) is an [`Operation`]; every one of them is an
//! [`AnyOperation`] by itself, which reads its input from the wire and gives a [`Call`] that can be decided, run and
//! recorded without knowing its types.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::HeaderMap;
use wire::rest::{self, Http, Request};
use wire::{DecodeError, Envelope, Problem, Protocol, Schema, Shape};

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

    /// How it is asked for over REST; `None` where its service does not speak that.
    ///
    /// ```ignore
    /// const HTTP: Option<Http> = Some(Http::put("/2017-10-31/functions/{FunctionName}/concurrency"));
    /// ```
    const HTTP: Option<Http> = None;

    /// What this call of `caller` wants to touch. Decided before [`Operation::call`] runs.
    ///
    /// Where the input names no resource that could exist, name what it would be; `call` answers the fault.
    fn access(&self, service: &S, caller: &Caller, input: &Self::Input) -> Vec<Access>;

    /// How this operation is recorded.
    fn audit(&self) -> Audit;

    /// Whether this call's answer goes out as it is, in no protocol, and how it is made of the output. For pictures.
    fn plain(&self, input: &Self::Input) -> Option<fn(&Self::Output) -> Plain> {
        let _ = input;
        None
    }

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

    /// How it is asked for over REST.
    fn http(&self) -> Option<Http>;

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

    /// Reads the input of a request over REST.
    ///
    /// # Errors
    /// Where `request` is not what the operation takes, or it is not spoken over REST.
    fn decode_rest(
        &'static self,
        facts: &'static ServiceFacts,
        service: &Arc<S>,
        request: &Request<'_>,
    ) -> Result<Box<dyn Call>, DecodeError>;
}

/// The name, request and answer of an operation, and how it is asked for over REST.
pub type Shapes = (&'static str, &'static Schema, &'static Schema, Option<Http>);

/// Those of a table of operations.
pub fn shapes<S>(
    operations: &'static [&'static dyn AnyOperation<S>],
) -> impl Iterator<Item = Shapes> {
    operations.iter().map(|operation| {
        (
            operation.name(),
            operation.input_schema(),
            operation.output_schema(),
            operation.http(),
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

/// An answer in no protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plain {
    /// Such as `image/png`.
    pub content_type: &'static str,
    /// The whole body.
    pub body: Bytes,
}

/// What a call answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The answer's body.
    pub body: Bytes,
    /// The answer's status where it is not 200.
    pub status: Option<u16>,
    /// The body's type where it is not the protocol's own.
    pub content_type: Option<&'static str>,
    /// Further headers of the answer.
    pub headers: HeaderMap,
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

    fn http(&self) -> Option<Http> {
        O::HTTP
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

    fn decode_rest(
        &'static self,
        facts: &'static ServiceFacts,
        service: &Arc<S>,
        request: &Request<'_>,
    ) -> Result<Box<dyn Call>, DecodeError> {
        let protocol = Protocol::RestJson;
        let unspoken = || DecodeError::new(String::new(), Problem::NoCodec { protocol });
        let http = O::HTTP.ok_or_else(unspoken)?;
        Ok(Box::new(Decoded {
            operation: self,
            service: Arc::clone(service),
            input: rest::decode_request(&http, request)?,
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
        self.operation.access(&self.service, caller, &self.input)
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
            let plain = self.operation.plain(&self.input);
            let output = self.operation.call(&self.service, ctx, self.input).await?;
            let mut answered: Answered = match (plain, self.protocol, O::HTTP) {
                (Some(make), ..) => make(&output).into(),
                (_, Protocol::RestJson, Some(http)) => rest::encode_answer(&http, &output).into(),
                _ => encode(self.protocol, O::NAME, self.facts, request_id, &output).into(),
            };
            if masked == Masked::Wanted {
                answered.masked = Some(wire::encode_masked(&output));
            }
            Ok(answered)
        })
    }
}

/// A body, answered as its protocol has it.
impl From<Vec<u8>> for Answered {
    fn from(body: Vec<u8>) -> Self {
        Self {
            body: Bytes::from(body),
            status: None,
            content_type: None,
            headers: HeaderMap::new(),
            masked: None,
        }
    }
}

impl From<Plain> for Answered {
    fn from(plain: Plain) -> Self {
        Self {
            body: plain.body,
            status: None,
            content_type: Some(plain.content_type),
            headers: HeaderMap::new(),
            masked: None,
        }
    }
}

impl From<rest::Answer> for Answered {
    fn from(answer: rest::Answer) -> Self {
        Self {
            body: answer.body,
            status: Some(answer.status),
            content_type: answer.content_type,
            headers: answer.headers,
            masked: None,
        }
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
