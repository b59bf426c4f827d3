//! The operator's API: `POST /_shukuba/api/NAME`, signed for the service `shukuba`, JSON in and out.

use std::fmt;

use api::{Access, Audit, Authorizer, Ctx, Decision, Fault};
use bytes::Bytes;
use futures_util::future::BoxFuture;

/// The service name in the credential scope and the actions.
pub const SERVICE: &str = "shukuba";

/// What the binary offers to its operator.
pub trait Admin: Send + Sync + fmt::Debug {
    /// What calling `name` means, such as `shukuba:GetLedger`; `None` when there is no such call.
    ///
    /// Names that begin with `Get` or `List` are open to readers; the rest is for administrators.
    fn action(&self, name: &str) -> Option<&'static str>;

    /// Another name of the same permission, which is enough as well: one that AWS has replaced.
    fn also(&self, name: &str) -> Option<&'static str> {
        let _ = name;
        None
    }

    /// The class of calling `name` in the trail. One that is refused is of [`Audit::Management`] always.
    fn audit(&self, name: &str) -> Audit {
        let _ = name;
        Audit::Management
    }

    /// Does it. `input`: JSON, or nothing.
    fn handle<'a>(
        &'a self,
        name: &'a str,
        ctx: Ctx,
        input: Bytes,
    ) -> BoxFuture<'a, Result<Vec<u8>, Fault>>;
}

/// Whether `ctx.caller` may do one of `access`, which are names of one permission: the first one's refusal where none is allowed.
pub fn decide_one(authorizer: &dyn Authorizer, ctx: &Ctx, access: &[Access]) -> Decision {
    let mut refusal = Decision::Allow;
    for one in access {
        match authorizer.decide(ctx, std::slice::from_ref(one)) {
            Decision::Allow => return Decision::Allow,
            denied if refusal == Decision::Allow => refusal = denied,
            _ => {}
        }
    }
    refusal
}

/// Offers nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoAdmin;

impl Admin for NoAdmin {
    fn action(&self, _: &str) -> Option<&'static str> {
        None
    }

    fn handle<'a>(&'a self, _: &'a str, _: Ctx, _: Bytes) -> BoxFuture<'a, Result<Vec<u8>, Fault>> {
        Box::pin(async { Err(Fault::internal()) })
    }
}
