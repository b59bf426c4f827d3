//! A request that says which operation it is of: the shortest way to write one.
//!
//! A service writes a structure for the request, one for the answer, and an `impl Act` for the request: its action, what
//! it touches, what it does. [`Op`] makes an [`Operation`] of it, and a line in the service's table lists it. Name,
//! decoder, encoder, decision, record and the comparison with the service model follow.
//!
//! ```
//! # use shukuba_api as api;
//! # use std::sync::Arc;
//! # use api::{Access, Act, AnyOperation, Caller, Ctx, Fault, Nothing, Op};
//! # use wire::Shape;
//! # #[derive(Debug)]
//! # struct Functions;
//! # impl Functions {
//! #     fn on(&self, action: &'static str, name: &str) -> Access {
//! #         Access::new(action, format!("arn:aws:lambda:eu-west-1:123456789012:function:{name}").parse().unwrap())
//! #     }
//! #     async fn delete(&self, _: &str) -> Result<(), Fault> { Ok(()) }
//! # }
//! #[derive(Clone, Debug, Default, PartialEq, Shape)]
//! struct DeleteFunctionRequest {
//!     #[shape(required)]
//!     function_name: String,
//! }
//!
//! impl Act<Functions> for DeleteFunctionRequest {
//!     type Output = Nothing;
//!     const ACTION: &'static str = "lambda:DeleteFunction";
//!
//!     fn touches(&self, functions: &Functions, _caller: &Caller) -> Vec<Access> {
//!         vec![functions.on(Self::ACTION, &self.function_name)]
//!     }
//!
//!     async fn act(self, functions: &Arc<Functions>, _ctx: &Ctx) -> Result<Nothing, Fault> {
//!         functions.delete(&self.function_name).await?;
//!         Ok(Nothing {})
//!     }
//! }
//!
//! static OPERATIONS: &[&dyn AnyOperation<Functions>] = &[&Op::<DeleteFunctionRequest>::NEW];
//! # assert_eq!(OPERATIONS[0].name(), "DeleteFunction");
//! ```
//!
//! A service that speaks REST says the path too: `const HTTP: Option<Http> = Some(Http::delete("/…/{FunctionName}"))`.
//! One whose answer is a picture implements [`Operation`] itself.
//!
//! Operations that differ in a name alone share a small macro of their service that writes the `impl`s.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use wire::Shape;
use wire::rest::Http;

use crate::access::Access;
use crate::caller::Caller;
use crate::ctx::Ctx;
use crate::fault::Fault;
use crate::operation::Operation;
use crate::record::Audit;

/// A request of the service whose state is `S`. One `impl` an operation.
pub trait Act<S>: Shape {
    /// What it answers; [`Nothing`] where there is nothing to say.
    type Output: Shape;

    /// The action, such as `iam:CreateUser`. The operation's name on the wire is what stands behind the colon.
    const ACTION: &'static str;

    /// How it is asked for over REST; `None` where its service does not speak that.
    const HTTP: Option<Http> = None;

    /// How it is recorded.
    const AUDIT: Audit = Audit::Management;

    /// What it touches when `caller` calls, each with its context: mostly one thing, which need not exist. All of it must
    /// be allowed before [`Act::act`] runs.
    ///
    /// What says no action of its own ([`Access::on`]) is touched by [`Act::ACTION`].
    fn touches(&self, service: &S, caller: &Caller) -> Vec<Access>;

    /// What is answered to a call that is allowed instead of doing it: a request that only asks whether it would be.
    fn refusal(&self) -> Option<Fault> {
        None
    }

    /// Does it.
    ///
    /// # Errors
    /// A [`Fault`] that the gateway writes in the caller's protocol.
    fn act(
        self,
        service: &Arc<S>,
        ctx: &Ctx,
    ) -> impl Future<Output = Result<Self::Output, Fault>> + Send;
}

/// The operation whose request is `R`.
pub struct Op<R>(PhantomData<fn() -> R>);

impl<R> Op<R> {
    /// It, for the table of a service's operations.
    pub const NEW: Self = Self(PhantomData);
}

impl<R> fmt::Debug for Op<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::any::type_name::<R>())
    }
}

impl<S: Send + Sync + 'static, R: Act<S>> Operation<S> for Op<R> {
    type Input = R;
    type Output = R::Output;
    const NAME: &'static str = name(R::ACTION);
    const HTTP: Option<Http> = R::HTTP;

    fn access(&self, service: &S, caller: &Caller, input: &R) -> Vec<Access> {
        let mut all = input.touches(service, caller);
        for access in all.iter_mut().filter(|access| access.action.is_empty()) {
            access.action = R::ACTION;
        }
        all
    }

    fn audit(&self) -> Audit {
        R::AUDIT
    }

    async fn call(&self, service: &Arc<S>, ctx: Ctx, input: R) -> Result<R::Output, Fault> {
        match input.refusal() {
            Some(fault) => Err(fault),
            None => input.act(service, &ctx).await,
        }
    }
}

/// `CreateUser` of `iam:CreateUser`; all of what has no colon.
#[must_use]
pub const fn name(action: &'static str) -> &'static str {
    let mut rest = action.as_bytes();
    while let [byte, after @ ..] = rest {
        if *byte == b':' {
            return action.split_at(action.len() - after.len()).1;
        }
        rest = after;
    }
    action
}

/// The answer of operations that have none.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub struct Nothing {}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn a_name_is_what_stands_behind_the_colon() {
        for (action, expected) in [
            ("iam:CreateUser", "CreateUser"),
            ("cloudwatch:PutMetricData", "PutMetricData"),
            ("PutMetricData", "PutMetricData"),
            ("a:", ""),
            ("", ""),
        ] {
            assert_eq!(name(action), expected, "{action}");
        }
    }
}
