//! What every operation here has in common: its action, what it touches, what it does.

use std::marker::PhantomData;
use std::sync::Arc;

use api::{Access, Audit, Ctx, Fault, Operation};
use wire::Shape;

use super::Desk;

/// A request that says which operation it is of. One `impl` an operation; [`Op`] makes an [`Operation`] of it.
pub(super) trait Act: Shape + Send + 'static {
    /// What it answers.
    type Output: Shape + Send + 'static;
    /// The action, such as `cloudwatch:PutMetricData`. The operation's name is what stands behind the colon.
    const ACTION: &'static str;
    /// How it is recorded.
    const AUDIT: Audit = Audit::Management;

    /// What it touches. Metrics are no resources of policies: an action is allowed on all of them, or by its context.
    fn touches(&self, desk: &Desk) -> Access {
        Access::new(Self::ACTION, desk.place.all())
    }

    /// Does it. May block on the disk.
    fn act(self, desk: &Desk) -> Result<Self::Output, Fault>;
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
        vec![input.touches(desk)]
    }

    fn audit(&self) -> Audit {
        R::AUDIT
    }

    async fn call(&self, desk: &Arc<Desk>, _ctx: Ctx, input: R) -> Result<R::Output, Fault> {
        let desk = Arc::clone(desk);
        let acted = tokio::task::spawn_blocking(move || input.act(&desk));
        acted.await.map_err(|_| Fault::internal())?
    }
}

/// `PutMetricData` of `cloudwatch:PutMetricData`.
const fn operation(action: &'static str) -> &'static str {
    action.split_at("cloudwatch:".len()).1
}
