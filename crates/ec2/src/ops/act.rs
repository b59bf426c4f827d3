//! What every operation here has in common: its action, what it touches, what it does.

use std::marker::PhantomData;
use std::sync::Arc;

use api::{Access, Audit, Ctx, Fault, Operation};
use wire::{Field, Shape, Value};

use super::fault;
use super::page::IDS_MAX;
use crate::Instances;
use crate::engine::InstanceId;

/// A request that says which operation it is of. One `impl` an operation; [`Op`] makes an [`Operation`] of it.
pub(super) trait Act: Shape {
    /// What it answers.
    type Output: Shape;
    /// The action, such as `ec2:RunInstances`. The operation's name is what stands behind the colon.
    const ACTION: &'static str;

    /// Whether it is only asked whether it would be allowed.
    fn is_dry(&self) -> bool;

    /// The resources that it touches, with the context of each.
    fn touches(&self, instances: &Instances) -> Vec<Access> {
        vec![Access::new(Self::ACTION, instances.place().all())]
    }

    /// Does it.
    fn act(
        self,
        instances: &Arc<Instances>,
        ctx: &Ctx,
    ) -> impl Future<Output = Result<Self::Output, Fault>> + Send;
}

/// The operation whose request is `R`.
#[derive(Debug)]
pub(super) struct Op<R>(PhantomData<fn() -> R>);

impl<R> Op<R> {
    pub(super) const NEW: Self = Self(PhantomData);
}

impl<R: Act> Operation<Instances> for Op<R> {
    type Input = R;
    type Output = R::Output;
    const NAME: &'static str = operation(R::ACTION);

    fn access(&self, instances: &Instances, input: &R) -> Vec<Access> {
        input.touches(instances)
    }

    fn audit(&self) -> Audit {
        Audit::Management
    }

    async fn call(
        &self,
        instances: &Arc<Instances>,
        ctx: Ctx,
        input: R,
    ) -> Result<R::Output, Fault> {
        match input.is_dry() {
            // It was decided already.
            true => Err(fault::dry_run()),
            false => input.act(instances, &ctx).await,
        }
    }
}

/// `RunInstances` of `ec2:RunInstances`.
const fn operation(action: &'static str) -> &'static str {
    action.split_at("ec2:".len()).1
}

/// The answer of operations that have none.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct Nothing {}

/// A structure that is known to the API and not to us.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct Unsupported {}

/// A list that is written even when it is empty: clients take it for granted.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct List<T>(pub(super) Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
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

/// `action` on each of the instances that a request names, whether they exist or not, with their tags; on all where it
/// names none.
pub(super) fn on_instances(
    instances: &Instances,
    action: &'static str,
    ids: &[String],
) -> Vec<Access> {
    if ids.is_empty() {
        return vec![Access::new(action, instances.place().instance("*"))];
    }
    let on = |id: &String| {
        let access = Access::new(action, instances.place().instance(id));
        let known = id.parse::<InstanceId>().ok();
        let known = known.and_then(|id| instances.get(&id));
        let tags = known.iter().flat_map(|instance| instance.tags.iter());
        tags.fold(access, |access, (key, value)| {
            access
                .with(&format!("aws:ResourceTag/{key}"), value)
                .with(&format!("ec2:ResourceTag/{key}"), value)
        })
    };
    // A request with more is refused whole.
    ids.iter().take(IDS_MAX).map(on).collect()
}

/// The context of a request that gives tags.
pub(super) fn with_request_tags<'a>(
    access: Access,
    tags: impl Iterator<Item = (&'a str, &'a str)> + Clone,
) -> Access {
    let access = access.with_many("aws:TagKeys", tags.clone().map(|(key, _)| key.to_owned()));
    tags.fold(access, |access, (key, value)| {
        access.with(&format!("aws:RequestTag/{key}"), value)
    })
}
