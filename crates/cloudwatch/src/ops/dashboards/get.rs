//! `GetDashboard`.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use wire::Shape;

use super::Desk;

/// Gives a dashboard as it was put.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetDashboardInput {
    #[shape(required)]
    dashboard_name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetDashboardOutput {
    dashboard_arn: Option<String>,
    dashboard_body: Option<String>,
    dashboard_name: Option<String>,
}

impl Act<Desk> for GetDashboardInput {
    type Output = GetDashboardOutput;
    const ACTION: &'static str = "cloudwatch:GetDashboard";

    fn touches(&self, desk: &Desk, _: &Caller) -> Vec<Access> {
        vec![desk.on(&self.dashboard_name)]
    }

    async fn act(self, desk: &Arc<Desk>, _: &Ctx) -> Result<GetDashboardOutput, Fault> {
        let name = self.dashboard_name;
        let arn = desk.dashboards.arn(&name).to_string();
        let wanted = name.clone();
        let kept = desk
            .reading(move |dashboards| dashboards.get(&wanted))
            .await?;
        Ok(GetDashboardOutput {
            dashboard_arn: Some(arn),
            dashboard_body: Some(kept.body),
            dashboard_name: Some(name),
        })
    }
}
