//! PutRetentionPolicy, DeleteRetentionPolicy.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use wire::Shape;

use super::check;
use crate::Logs;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct PutRetentionPolicyRequest {
    #[shape(required, name = "logGroupName")]
    group: String,
    #[shape(required, name = "retentionInDays")]
    days: i32,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct DeleteRetentionPolicyRequest {
    #[shape(required, name = "logGroupName")]
    group: String,
}

impl Act<Logs> for PutRetentionPolicyRequest {
    type Output = Nothing;
    const ACTION: &'static str = "logs:PutRetentionPolicy";

    fn touches(&self, logs: &Logs, _caller: &Caller) -> Vec<Access> {
        vec![logs.on(&self.group, "")]
    }

    async fn act(self, logs: &Arc<Logs>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        check::group("logGroupName", &self.group)?;
        let days = check::retention(self.days)?;
        logs.said(&self.group, move |group| group.retention = Some(days))
            .await
    }
}

impl Act<Logs> for DeleteRetentionPolicyRequest {
    type Output = Nothing;
    const ACTION: &'static str = "logs:DeleteRetentionPolicy";

    fn touches(&self, logs: &Logs, _caller: &Caller) -> Vec<Access> {
        vec![logs.on(&self.group, "")]
    }

    async fn act(self, logs: &Arc<Logs>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        check::group("logGroupName", &self.group)?;
        logs.said(&self.group, |group| group.retention = None).await
    }
}
