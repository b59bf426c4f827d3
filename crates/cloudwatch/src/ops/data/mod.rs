//! `GetMetricData`: many metrics and expressions in one request.
//!
//! One file a subject: `get` is the operation, `query` reads a query of the wire, `page` cuts answers into pages, `fault` says
//! on the wire what can be wrong. The work is [`crate::math`]'s.
//!
//! Shapes follow the service model of 2010-08-01 as botocore carries it.

pub(crate) mod fault;
mod get;
mod page;
pub(crate) mod query;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use api::{AnyOperation, Catalogue, Op, Service};
use base::Clock;

use super::{FACTS, Place};
use crate::metric::Read;

pub(crate) use query::MetricDataQuery;

/// What the operation works on.
#[derive(Debug)]
pub struct Desk {
    read: Arc<dyn Read>,
    place: Place,
    clock: Arc<dyn Clock>,
}

/// All operations of this table.
pub(super) static OPERATIONS: &[&dyn AnyOperation<Desk>] = &[&Op::<get::GetMetricDataInput>::NEW];

/// This table as a part of the service; see [`super::joined`].
#[must_use]
pub fn service(read: Arc<dyn Read>, place: Place, clock: Arc<dyn Clock>) -> Arc<dyn Service> {
    let desk = Arc::new(Desk { read, place, clock });
    Arc::new(Catalogue::new(&FACTS, desk, OPERATIONS))
}
