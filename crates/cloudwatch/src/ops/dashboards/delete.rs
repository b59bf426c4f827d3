//! `DeleteDashboards`.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use wire::Shape;

use super::{Desk, fault};
use crate::dashboard::kept::DELETED_MAX;

/// Takes all of some dashboards away, or none.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DeleteDashboardsInput {
    #[shape(required)]
    dashboard_names: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DeleteDashboardsOutput {}

impl Act<Desk> for DeleteDashboardsInput {
    type Output = DeleteDashboardsOutput;
    const ACTION: &'static str = "cloudwatch:DeleteDashboards";

    fn touches(&self, desk: &Desk, _: &Caller) -> Vec<Access> {
        let names = self.dashboard_names.iter();
        match names.len() {
            // `act` refuses them.
            0 => desk.on_all(),
            _ => names.take(DELETED_MAX).map(|name| desk.on(name)).collect(),
        }
    }

    async fn act(self, desk: &Arc<Desk>, _: &Ctx) -> Result<DeleteDashboardsOutput, Fault> {
        let deleted = desk.dashboards.delete(self.dashboard_names).await;
        deleted.map_err(fault::of)?;
        Ok(DeleteDashboardsOutput {})
    }
}
