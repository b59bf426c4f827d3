//! Metrics on the wire: PutMetricData, GetMetricStatistics, ListMetrics.
//!
//! To add an operation: its shapes and an [`impl Act`](api::Act) for its request, and a line in [`OPERATIONS`]. Shapes follow the service
//! model of 2010-08-01 as botocore carries it. What is wrong with a request is said of all its members at once, in the
//! words that CloudWatch uses ([`check`]).

mod check;
mod fault;
mod intake;
mod list;
mod put;
mod shape;
mod statistics;

#[cfg(test)]
mod model;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use api::{Access, AnyOperation, Catalogue, Fault, Op, Service};
use base::Clock;

use super::{FACTS, Place};
use crate::series::Store;
pub use intake::intakes;

/// What operations work on.
#[derive(Debug)]
pub(crate) struct Desk {
    store: Arc<Store>,
    place: Place,
    clock: Arc<dyn Clock>,
}

impl Desk {
    /// Metrics are no resources of policies: an action is allowed on all of them, or by its context.
    fn everything(&self, action: &'static str) -> Vec<Access> {
        vec![Access::new(action, self.place.all())]
    }

    /// Does what may block on the disk beside the threads that answer calls.
    async fn blocking<R: Send + 'static>(
        self: &Arc<Self>,
        run: impl FnOnce(&Self) -> Result<R, Fault> + Send + 'static,
    ) -> Result<R, Fault> {
        let desk = Arc::clone(self);
        let run = tokio::task::spawn_blocking(move || run(&desk));
        run.await.map_err(|_| Fault::internal())?
    }
}

/// All operations that are spoken, in the order of names.
pub(super) static OPERATIONS: &[&dyn AnyOperation<Desk>] = &[
    &Op::<statistics::GetMetricStatisticsInput>::NEW,
    &Op::<list::ListMetricsInput>::NEW,
    &Op::<put::PutMetricDataInput>::NEW,
];

/// The part of the service that is about metrics, for [`super::joined`].
#[must_use]
pub fn service(store: Arc<Store>, place: Place, clock: Arc<dyn Clock>) -> Arc<dyn Service> {
    let desk = Arc::new(Desk {
        store,
        place,
        clock,
    });
    Arc::new(Catalogue::new(&FACTS, desk, OPERATIONS))
}
