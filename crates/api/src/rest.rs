//! A service that speaks HTTP itself: the operation stands in method, path and query, and bodies are streams.
//!
//! The gateway routes, verifies the head's signature, decides and records, as for every other service; in between the
//! service reads its own form and writes its own answers. S3 is one.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use wire::sigv4::SecretKey;

use crate::access::Access;
use crate::ctx::Ctx;
use crate::fault::Fault;
use crate::record::Audit;

/// Why a body broke off.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// A body that is read or written piece by piece.
pub type RestBody = UnsyncBoxBody<Bytes, BodyError>;

/// One request, proven by its head's signature or unsigned.
pub struct RestCall {
    /// Its circumstances.
    pub ctx: Ctx,
    /// The secret of the key that signed, for the signatures of a body's chunks; `None` where nobody signed.
    pub secret: Option<SecretKey>,
    /// Decides what the service asks.
    pub gate: Arc<dyn Gate>,
    /// What was asked. Its body keeps to the gateway's limits on slow clients.
    pub request: Request<RestBody>,
}

/// Decides for a service that finds its operations itself.
pub trait Gate: Send + Sync + fmt::Debug {
    /// Whether `ctx.caller` may do all of `access`.
    ///
    /// # Errors
    /// The fault to answer with, `AccessDenied`.
    fn decide(&self, ctx: &Ctx, access: &[Access]) -> Result<(), Fault>;
}

/// What goes back, and what goes into the record.
pub struct RestAnswer {
    /// To the client.
    pub response: Response<RestBody>,
    /// Such as `PutObject`, or the method where the request was none of the operations.
    pub operation: &'static str,
    /// Its class.
    pub audit: Audit,
    /// What it touched or wanted to.
    pub access: Vec<Access>,
    /// Its parameters as JSON without bodies and secrets; nothing where there are none.
    pub input: Option<Vec<u8>>,
    /// How it ended. A body that breaks off later is no news here.
    pub outcome: Result<(), Fault>,
}

/// A service that speaks HTTP itself. The gateway holds them and knows none by name.
pub trait RestService: Send + Sync + fmt::Debug {
    /// The name in the credential scope and in actions, such as `s3`.
    fn name(&self) -> &'static str;

    /// Whether it takes requests that nobody signed and no other service wants.
    fn takes_unsigned(&self) -> bool;

    /// Does it, whatever it is. Never fails: every trouble is an answer.
    fn call(&self, call: RestCall) -> BoxFuture<'static, RestAnswer>;

    /// A fault of the gateway in the service's form. `head`: of the request that it answers.
    fn fault(
        &self,
        head: &http::request::Parts,
        ctx: &FaultCtx,
        fault: &Fault,
    ) -> Response<RestBody>;
}

/// What is known of a request that never became a call.
#[derive(Clone, Debug)]
pub struct FaultCtx {
    /// The id under which it is answered.
    pub request_id: crate::RequestId,
    /// The region that signatures must name.
    pub region: base::Region,
}

impl fmt::Debug for RestCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestCall")
            .field("request_id", &self.ctx.request_id)
            .field("method", self.request.method())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for RestAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestAnswer")
            .field("operation", &self.operation)
            .field("status", &self.response.status())
            .finish_non_exhaustive()
    }
}
