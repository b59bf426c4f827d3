//! The operations on anomaly detectors.
//!
//! One file a subject: `put`, `delete` and `describe` are the operations, `shape` has what they share, `fault` says on the wire
//! what can be wrong.
//!
//! Shapes follow the service model of 2010-08-01 as botocore carries it.

mod delete;
mod describe;
mod fault;
mod put;
mod shape;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use api::{Access, AnyOperation, Catalogue, Fault, Op, Service};
use base::Clock;

use super::{FACTS, Place};
use crate::anomaly::{Detectors, Error};
use crate::metric::Read;

/// What operations work on.
#[derive(Debug)]
pub struct Desk {
    detectors: Arc<Detectors>,
    read: Arc<dyn Read>,
    place: Place,
    clock: Arc<dyn Clock>,
}

/// All operations, in the order of names.
pub(super) static OPERATIONS: &[&dyn AnyOperation<Desk>] = &[
    &Op::<delete::DeleteAnomalyDetectorInput>::NEW,
    &Op::<describe::DescribeAnomalyDetectorsInput>::NEW,
    &Op::<put::PutAnomalyDetectorInput>::NEW,
];

/// This table as a part of the service; see [`super::joined`]. `read`: the metrics with the same detectors
/// ([`crate::anomaly::Trained`]).
#[must_use]
pub fn service(
    detectors: Arc<Detectors>,
    read: Arc<dyn Read>,
    place: Place,
    clock: Arc<dyn Clock>,
) -> Arc<dyn Service> {
    let desk = Desk {
        detectors,
        read,
        place,
        clock,
    };
    Arc::new(Catalogue::new(&FACTS, Arc::new(desk), OPERATIONS))
}

impl Desk {
    fn everything(&self) -> Vec<Access> {
        vec![Access::on(self.place.all())]
    }

    /// Does what waits for the disk beside the threads that answer calls.
    async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        run: impl FnOnce(&Self) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Fault> {
        let desk = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || run(&desk)).await;
        done.map_err(|_| Fault::internal())?.map_err(fault::of)
    }
}
