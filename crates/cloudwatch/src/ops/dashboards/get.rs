//! `GetDashboard`.

use std::sync::Arc;

use api::{Access, Audit, Caller, Ctx, Fault, Operation};
use wire::Shape;

use super::Desk;

#[derive(Clone, Debug, Default, PartialEq, Shape)]
#[shape(name = "GetDashboardInput")]
pub(super) struct Input {
    #[shape(required)]
    dashboard_name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
#[shape(name = "GetDashboardOutput")]
pub(super) struct Output {
    dashboard_arn: Option<String>,
    dashboard_body: Option<String>,
    dashboard_name: Option<String>,
}

/// Gives a dashboard as it was put.
pub(super) struct GetDashboard;

impl Operation<Desk> for GetDashboard {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "GetDashboard";

    fn access(&self, desk: &Desk, _caller: &Caller, input: &Input) -> Vec<Access> {
        vec![desk.on("cloudwatch:GetDashboard", &input.dashboard_name)]
    }

    fn audit(&self) -> Audit {
        Audit::Management
    }

    async fn call(&self, desk: &Arc<Desk>, _ctx: Ctx, input: Input) -> Result<Output, Fault> {
        let name = input.dashboard_name;
        let arn = desk.dashboards.arn(&name).to_string();
        let wanted = name.clone();
        let kept = desk
            .reading(move |dashboards| dashboards.get(&wanted))
            .await?;
        Ok(Output {
            dashboard_arn: Some(arn),
            dashboard_body: Some(kept.body),
            dashboard_name: Some(name),
        })
    }
}
