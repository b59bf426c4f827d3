//! The operations on dashboards, and pictures of widgets.
//!
//! Shapes follow the service model of 2010-08-01 as botocore carries it.

mod delete;
mod fault;
mod get;
mod image;
mod list;
mod put;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use api::{Access, AnyOperation, Catalogue, Fault, Op, Service};
use base::Clock;
use tokio::sync::Semaphore;

use crate::dashboard::{Dashboards, Error};
use crate::ops::FACTS;
use crate::picture::Data;

/// Pictures that are drawn at once; whoever comes then waits. Chosen: each takes a processor and up to 16 MB.
const PICTURES_MAX: usize = 2;

/// What operations work on.
#[derive(Debug)]
pub struct Desk {
    dashboards: Arc<Dashboards>,
    data: Arc<dyn Data>,
    clock: Arc<dyn Clock>,
    pictures: Semaphore,
}

/// All operations, in the order of names.
pub static OPERATIONS: &[&dyn AnyOperation<Desk>] = &[
    &Op::<delete::DeleteDashboardsInput>::NEW,
    &Op::<get::GetDashboardInput>::NEW,
    &image::GetMetricWidgetImage,
    &Op::<list::ListDashboardsInput>::NEW,
    &Op::<put::PutDashboardInput>::NEW,
];

/// The service of this table of operations. `data` answers what widgets show.
#[must_use]
pub fn service(
    dashboards: Arc<Dashboards>,
    data: Arc<dyn Data>,
    clock: Arc<dyn Clock>,
) -> Arc<dyn Service> {
    let desk = Desk {
        dashboards,
        data,
        clock,
        pictures: Semaphore::new(PICTURES_MAX),
    };
    Arc::new(Catalogue::new(&FACTS, Arc::new(desk), OPERATIONS))
}

impl Desk {
    fn on(&self, name: &str) -> Access {
        let tags = self.dashboards.tags(name).into_iter().flatten();
        Access::on(self.dashboards.arn(name)).with_tags("aws:ResourceTag", tags)
    }

    fn on_all(&self) -> Vec<Access> {
        vec![Access::on(self.dashboards.place().all())]
    }

    /// Reads beside the threads that answer calls.
    async fn reading<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Dashboards) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Fault> {
        let dashboards = Arc::clone(&self.dashboards);
        let read = tokio::task::spawn_blocking(move || read(&dashboards));
        let read = read.await.map_err(|_| Fault::internal())?;
        read.map_err(fault::of)
    }
}
