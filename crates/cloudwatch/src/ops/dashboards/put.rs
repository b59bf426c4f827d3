//! `PutDashboard`.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use wire::Shape;

use super::{Desk, fault};
use crate::dashboard::Message;

/// Keeps a dashboard.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct PutDashboardInput {
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
pub(super) struct PutDashboardOutput {
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

impl Act<Desk> for PutDashboardInput {
    type Output = PutDashboardOutput;
    const ACTION: &'static str = "cloudwatch:PutDashboard";

    fn touches(&self, desk: &Desk, _: &Caller) -> Vec<Access> {
        let access = desk.on(&self.dashboard_name);
        let tags = self.tags.iter();
        let access = access.with_tags(
            "aws:RequestTag",
            tags.map(|tag| (&tag.key, tag.value.clone())),
        );
        vec![access.with_many("aws:TagKeys", self.tags.iter().map(|tag| tag.key.clone()))]
    }

    async fn act(self, desk: &Arc<Desk>, _: &Ctx) -> Result<PutDashboardOutput, Fault> {
        let tags = self.tags.into_iter().map(|tag| (tag.key, tag.value));
        let put = desk
            .dashboards
            .put(&self.dashboard_name, self.dashboard_body, tags.collect());
        let warnings = put.await.map_err(fault::of)?;
        Ok(PutDashboardOutput {
            dashboard_validation_messages: Some(warnings.into_iter().map(Into::into).collect()),
        })
    }
}
