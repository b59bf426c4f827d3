//! `PutDashboard`.

use std::sync::Arc;

use api::{Access, Audit, Caller, Ctx, Fault, Operation};
use wire::Shape;

use super::{Desk, fault};
use crate::dashboard::Message;

#[derive(Clone, Debug, Default, PartialEq, Shape)]
#[shape(name = "PutDashboardInput")]
pub(super) struct Input {
    #[shape(required)]
    dashboard_name: String,
    #[shape(required)]
    dashboard_body: String,
    /// Of a new dashboard. One that exists keeps its own, as on AWS.
    tags: Vec<Tag>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
struct Tag {
    #[shape(required)]
    key: String,
    #[shape(required)]
    value: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
#[shape(name = "PutDashboardOutput")]
pub(super) struct Output {
    dashboard_validation_messages: Option<Vec<DashboardValidationMessage>>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
struct DashboardValidationMessage {
    data_path: Option<String>,
    message: Option<String>,
}

impl From<Message> for DashboardValidationMessage {
    fn from(message: Message) -> Self {
        Self {
            data_path: Some(message.path),
            message: Some(message.text),
        }
    }
}

/// Keeps a dashboard.
pub(super) struct PutDashboard;

impl Operation<Desk> for PutDashboard {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "PutDashboard";

    fn access(&self, desk: &Desk, _caller: &Caller, input: &Input) -> Vec<Access> {
        let access = desk.on("cloudwatch:PutDashboard", &input.dashboard_name);
        let access = input.tags.iter().fold(access, |access, tag| {
            access.with(&format!("aws:RequestTag/{}", tag.key), tag.value.clone())
        });
        vec![access.with_many("aws:TagKeys", input.tags.iter().map(|tag| tag.key.clone()))]
    }

    fn audit(&self) -> Audit {
        Audit::Management
    }

    async fn call(&self, desk: &Arc<Desk>, _ctx: Ctx, input: Input) -> Result<Output, Fault> {
        let tags = input.tags.into_iter().map(|tag| (tag.key, tag.value));
        let put = desk
            .dashboards
            .put(&input.dashboard_name, input.dashboard_body, tags.collect());
        let warnings = put.await.map_err(fault::of)?;
        Ok(Output {
            dashboard_validation_messages: Some(warnings.into_iter().map(Into::into).collect()),
        })
    }
}
