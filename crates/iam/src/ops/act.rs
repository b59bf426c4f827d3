//! What every operation here has in common: its action, what it touches, what it does.

use std::marker::PhantomData;
use std::sync::Arc;

use api::{Access, Audit, Caller, Ctx, Fault, Operation};
use wire::{Field, Shape, Value};

use super::reach;
use crate::Iam;
use crate::engine::State;

/// A request that says which operation it is of. One `impl` an operation; [`Op`] makes an [`Operation`] of it.
pub(crate) trait Act: Shape {
    /// What it answers.
    type Output: Shape;
    /// The action, such as `iam:CreateUser`. The operation's name is what stands behind the colon.
    const ACTION: &'static str;

    /// What it touches, given who calls: mostly one thing, which need not exist.
    fn touches(&self, state: &State, caller: &Caller) -> Access;

    /// What else it takes, each with its own action.
    fn also(&self, _state: &State) -> Vec<Access> {
        Vec::new()
    }

    /// Does it.
    fn act(
        self,
        iam: &Arc<Iam>,
        ctx: &Ctx,
    ) -> impl Future<Output = Result<Self::Output, Fault>> + Send;
}

/// The operation whose request is `R`.
#[derive(Debug)]
pub(crate) struct Op<R>(PhantomData<fn() -> R>);

impl<R> Op<R> {
    pub(crate) const NEW: Self = Self(PhantomData);
}

impl<R: Act> Operation<Iam> for Op<R> {
    type Input = R;
    type Output = R::Output;
    const NAME: &'static str = name(R::ACTION);

    fn access(&self, iam: &Iam, input: &R) -> Vec<Access> {
        let nobody = Caller::anonymous(&iam.account_id(), "");
        self.access_by(iam, &nobody, input)
    }

    fn access_by(&self, iam: &Iam, caller: &Caller, input: &R) -> Vec<Access> {
        let state = iam.state();
        let mut access = input.touches(&state, caller);
        access.action = R::ACTION;
        let mut all = vec![access];
        all.extend(input.also(&state));
        all
    }

    fn audit(&self) -> Audit {
        Audit::Management
    }

    async fn call(&self, iam: &Arc<Iam>, ctx: Ctx, input: R) -> Result<R::Output, Fault> {
        input.act(iam, &ctx).await
    }
}

/// `CreateUser` of `iam:CreateUser`.
pub(crate) const fn name(action: &'static str) -> &'static str {
    action.split_at("iam:".len()).1
}

/// A list that is written even when it is empty: clients take it for granted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct List<T>(pub(crate) Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self(items.into_iter().collect())
    }
}

impl<T: Value> Field for List<T> {
    type Value = Vec<T>;

    fn from_found(found: Option<Vec<T>>) -> Option<Self> {
        Some(Self(found.unwrap_or_default()))
    }

    fn to_write(&self) -> Option<&Vec<T>> {
        Some(&self.0)
    }
}

/// The answer of operations that have none.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(crate) struct Nothing {}

/// The user that a request names, or its caller.
///
/// # Errors
/// When it names nobody and no user calls.
pub(super) fn user_or_caller(name: Option<&String>, caller: &Caller) -> Result<String, Fault> {
    match (name, reach::own_name(caller)) {
        (Some(name), _) => Ok(name.clone()),
        (None, Some(own)) => Ok(own.to_owned()),
        (None, None) => Err(Fault::sender(
            "ValidationError",
            "Must specify userName when calling with non-User credentials",
        )),
    }
}
