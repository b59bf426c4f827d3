//! `ListDashboards`.

use std::sync::Arc;

use api::{Access, Audit, Caller, Ctx, Fault, Operation};
use base::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use wire::Shape;

use super::{Desk, fault};
use crate::dashboard::kept::{Listed, More};

#[derive(Clone, Debug, Default, PartialEq, Shape)]
#[shape(name = "ListDashboardsInput")]
pub(super) struct Input {
    dashboard_name_prefix: Option<String>,
    next_token: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
#[shape(name = "ListDashboardsOutput")]
pub(super) struct Output {
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

/// Lists dashboards by the beginning of their names.
pub(super) struct ListDashboards;

impl Operation<Desk> for ListDashboards {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "ListDashboards";

    fn access(&self, desk: &Desk, _caller: &Caller, _input: &Input) -> Vec<Access> {
        desk.on_all("cloudwatch:ListDashboards")
    }

    fn audit(&self) -> Audit {
        Audit::Management
    }

    async fn call(&self, desk: &Arc<Desk>, _ctx: Ctx, input: Input) -> Result<Output, Fault> {
        let prefix = input.dashboard_name_prefix.unwrap_or_default();
        let token = input.next_token.filter(|token| !token.is_empty());
        let after = token.map(|token| after(&token)).transpose()?;
        let (listed, more) = desk
            .reading(move |dashboards| dashboards.list(&prefix, after.as_deref()))
            .await?;
        let last = listed.last().filter(|_| more == More::Yes);
        Ok(Output {
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
