//! `ListDashboards`.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use base::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use wire::Shape;

use super::{Desk, fault};
use crate::dashboard::kept::{Listed, More};

/// Lists dashboards by the beginning of their names.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListDashboardsInput {
    dashboard_name_prefix: Option<String>,
    next_token: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListDashboardsOutput {
    dashboard_entries: Option<Vec<DashboardEntry>>,
    next_token: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
struct DashboardEntry {
    dashboard_name: Option<String>,
    dashboard_arn: Option<String>,
    last_modified: Option<Timestamp>,
    size: Option<i64>,
}

impl Act<Desk> for ListDashboardsInput {
    type Output = ListDashboardsOutput;
    const ACTION: &'static str = "cloudwatch:ListDashboards";

    fn touches(&self, desk: &Desk, _: &Caller) -> Vec<Access> {
        desk.on_all()
    }

    async fn act(self, desk: &Arc<Desk>, _: &Ctx) -> Result<ListDashboardsOutput, Fault> {
        let prefix = self.dashboard_name_prefix.unwrap_or_default();
        let token = self.next_token.filter(|token| !token.is_empty());
        let after = token.map(|token| after(&token)).transpose()?;
        let (listed, more) = desk
            .reading(move |dashboards| dashboards.list(&prefix, after.as_deref()))
            .await?;
        let last = listed.last().filter(|_| more == More::Yes);
        Ok(ListDashboardsOutput {
            next_token: last.map(|listed| URL_SAFE_NO_PAD.encode(&listed.name)),
            dashboard_entries: Some(listed.into_iter().map(|it| entry(desk, it)).collect()),
        })
    }
}

/// Behind which name the page begins.
fn after(token: &str) -> Result<String, Fault> {
    let name = URL_SAFE_NO_PAD.decode(token).ok();
    let name = name.and_then(|bytes| String::from_utf8(bytes).ok());
    name.ok_or_else(|| fault::invalid("The parameter NextToken is invalid."))
}

fn entry(desk: &Desk, listed: Listed) -> DashboardEntry {
    DashboardEntry {
        dashboard_arn: Some(desk.dashboards.arn(&listed.name).to_string()),
        dashboard_name: Some(listed.name),
        last_modified: Some(listed.modified),
        size: i64::try_from(listed.bytes).ok(),
    }
}
