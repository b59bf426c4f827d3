//! `DeleteDashboards`.

use std::sync::Arc;

use api::{Access, Audit, Caller, Ctx, Fault, Operation};
use wire::Shape;

use super::{Desk, fault};
use crate::dashboard::kept::DELETED_MAX;

#[derive(Clone, Debug, Default, PartialEq, Shape)]
#[shape(name = "DeleteDashboardsInput")]
pub(super) struct Input {
    #[shape(required)]
    dashboard_names: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
#[shape(name = "DeleteDashboardsOutput")]
pub(super) struct Output {}

/// Takes all of some dashboards away, or none.
pub(super) struct DeleteDashboards;

impl Operation<Desk> for DeleteDashboards {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "DeleteDashboards";

    fn access(&self, desk: &Desk, _caller: &Caller, input: &Input) -> Vec<Access> {
        const ACTION: &str = "cloudwatch:DeleteDashboards";
        let names = input.dashboard_names.iter();
        match names.len() {
            // `call` refuses them.
            0 => desk.on_all(ACTION),
            _ => names
                .take(DELETED_MAX)
                .map(|name| desk.on(ACTION, name))
                .collect(),
        }
    }

    fn audit(&self) -> Audit {
        Audit::Management
    }

    async fn call(&self, desk: &Arc<Desk>, _ctx: Ctx, input: Input) -> Result<Output, Fault> {
        let deleted = desk.dashboards.delete(input.dashboard_names).await;
        deleted.map_err(fault::of)?;
        Ok(Output {})
    }
}
