//! What every operation here has in common: its action, what it touches, what it does.

use std::marker::PhantomData;
use std::sync::Arc;

use api::{Access, Audit, Ctx, Fault, Operation};
use base::Arn;
use wire::Shape;

use super::Desk;
use crate::engine::{State, Trail, command, name};
use crate::record::Place;
use crate::trails::Error;

/// A request that says which operation it is of. One `impl` an operation; [`Op`] makes an [`Operation`] of it.
pub(super) trait Act: Shape {
    /// What it answers.
    type Output: Shape;
    /// The action, such as `cloudtrail:CreateTrail`. The operation's name is what stands behind the colon.
    const ACTION: &'static str;

    /// The resources that it touches, with the context of each.
    fn touches(&self, desk: &Desk) -> Vec<Access>;

    /// Does it.
    fn act(
        self,
        desk: &Arc<Desk>,
        ctx: &Ctx,
    ) -> impl Future<Output = Result<Self::Output, Fault>> + Send;
}

/// The operation whose request is `R`.
#[derive(Debug)]
pub(super) struct Op<R>(PhantomData<fn() -> R>);

impl<R> Op<R> {
    pub(super) const NEW: Self = Self(PhantomData);
}

impl<R: Act> Operation<Desk> for Op<R> {
    type Input = R;
    type Output = R::Output;
    const NAME: &'static str = operation(R::ACTION);

    fn access(&self, desk: &Desk, input: &R) -> Vec<Access> {
        input.touches(desk)
    }

    fn audit(&self) -> Audit {
        Audit::Management
    }

    async fn call(&self, desk: &Arc<Desk>, ctx: Ctx, input: R) -> Result<R::Output, Fault> {
        input.act(desk, &ctx).await
    }
}

/// `CreateTrail` of `cloudtrail:CreateTrail`.
const fn operation(action: &'static str) -> &'static str {
    action.split_at("cloudtrail:".len()).1
}

/// The answer of operations that have none.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct Nothing {}

impl Desk {
    pub(super) fn place(&self) -> &Place {
        self.trails.place()
    }

    /// Nothing in particular: all that is the account's.
    pub(super) fn everything(&self, action: &'static str) -> Vec<Access> {
        vec![Access::new(action, self.arn_of("*".to_owned()))]
    }

    /// `action` on what a request calls `of`, by name or ARN, whether it exists or not.
    pub(super) fn on_trail(&self, action: &'static str, of: &str) -> Access {
        let named = of.starts_with("arn:").then(|| of.parse::<Arn>().ok());
        let arn = named
            .flatten()
            .unwrap_or_else(|| self.arn_of(format!("trail/{of}")));
        let state = self.trails.state();
        let tags = command::find(&state, self.place(), of).map(|trail| trail.tags.clone());
        let access = Access::new(action, arn);
        tags.into_iter()
            .flatten()
            .fold(access, |access, (key, value)| {
                access.with(&format!("aws:ResourceTag/{key}"), value.unwrap_or_default())
            })
    }

    fn arn_of(&self, resource: String) -> Arn {
        let place = self.place();
        Arn {
            service: "cloudtrail".to_owned(),
            region: place.region.to_string(),
            account: place.account.to_string(),
            resource,
        }
    }

    /// The ARN of a trail of ours, as text.
    pub(super) fn trail_arn(&self, trail: &str) -> String {
        name::arn(&self.place().region, &self.place().account, trail)
    }

    /// The trail that a request calls `of`.
    pub(super) fn find(&self, state: &State, of: &str) -> Result<Trail, Fault> {
        let found = command::find(state, self.place(), of);
        Ok(found.map_err(|error| self.fault(error.into()))?.clone())
    }

    /// Does what blocks on the disk beside the threads that answer calls.
    pub(super) async fn blocking<R: Send + 'static>(
        &self,
        run: impl FnOnce(&crate::Trails) -> Result<R, Error> + Send + 'static,
    ) -> Result<R, Fault> {
        let done = self.trails.blocking(run).await;
        done.map_err(|error| self.fault(error))
    }
}
