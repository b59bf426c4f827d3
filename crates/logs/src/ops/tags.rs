//! TagResource, UntagResource, ListTagsForResource, and the older TagLogGroup, UntagLogGroup, ListTagsLogGroup.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use wire::Shape;

use super::{check, fault};
use crate::Logs;

/// What a group's tags are.
type Tags = BTreeMap<String, String>;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct TagResourceRequest {
    #[shape(required, name = "resourceArn")]
    arn: String,
    #[shape(required, name = "tags")]
    tags: Tags,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct UntagResourceRequest {
    #[shape(required, name = "resourceArn")]
    arn: String,
    #[shape(required, name = "tagKeys")]
    keys: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct ListTagsForResourceRequest {
    #[shape(required, name = "resourceArn")]
    arn: String,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct ListTagsForResourceResponse {
    #[shape(name = "tags")]
    tags: Option<Tags>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct TagLogGroupRequest {
    #[shape(required, name = "logGroupName")]
    group: String,
    #[shape(required, name = "tags")]
    tags: Tags,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct UntagLogGroupRequest {
    #[shape(required, name = "logGroupName")]
    group: String,
    #[shape(required, name = "tags")]
    keys: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct ListTagsLogGroupRequest {
    #[shape(required, name = "logGroupName")]
    group: String,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct ListTagsLogGroupResponse {
    #[shape(name = "tags")]
    tags: Option<Tags>,
}

/// The access with the tags that a request gives.
pub(super) fn with_tags(access: Access, tags: &Tags) -> Access {
    access.with_request_tags(
        tags.iter()
            .map(|(key, value)| (key.as_str(), value.as_str())),
    )
}

/// The group that an ARN names; what is none stands for itself, so that it can be decided on.
fn name(arn: &str) -> &str {
    check::of_arn(arn).unwrap_or(arn)
}

/// The group that an ARN names.
fn named(arn: &str) -> Result<String, Fault> {
    let name = check::of_arn(arn);
    let name = name.ok_or_else(|| {
        fault::invalid(format!("The ARN `{arn}` is not one of a log group, such as arn:aws:logs:REGION:ACCOUNT:log-group:NAME"))
    })?;
    check::group("resourceArn", name)?;
    Ok(name.to_owned())
}

fn listed(logs: &Logs, group: &str) -> Result<Option<Tags>, Fault> {
    Ok(Some(logs.group(group).map_err(fault::of)?.tags))
}

async fn tag(logs: &Logs, group: String, tags: Tags) -> Result<Nothing, Fault> {
    check::tags(&tags)?;
    logs.said(&group, move |group| group.tags.extend(tags))
        .await
}

async fn untag(logs: &Logs, group: String, keys: Vec<String>) -> Result<Nothing, Fault> {
    let is_kept = move |key: &String| !keys.contains(key);
    logs.said(&group, move |group| {
        group.tags.retain(|key, _| is_kept(key))
    })
    .await
}

impl Act<Logs> for TagResourceRequest {
    type Output = Nothing;
    const ACTION: &'static str = "logs:TagResource";

    fn touches(&self, logs: &Logs, _caller: &Caller) -> Vec<Access> {
        let access = logs.on_tags(name(&self.arn));
        vec![with_tags(access, &self.tags)]
    }

    async fn act(self, logs: &Arc<Logs>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        tag(logs, named(&self.arn)?, self.tags).await
    }
}

impl Act<Logs> for UntagResourceRequest {
    type Output = Nothing;
    const ACTION: &'static str = "logs:UntagResource";

    fn touches(&self, logs: &Logs, _caller: &Caller) -> Vec<Access> {
        let access = logs.on_tags(name(&self.arn));
        vec![access.with_many("aws:TagKeys", self.keys.iter().cloned())]
    }

    async fn act(self, logs: &Arc<Logs>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        untag(logs, named(&self.arn)?, self.keys).await
    }
}

impl Act<Logs> for ListTagsForResourceRequest {
    type Output = ListTagsForResourceResponse;
    const ACTION: &'static str = "logs:ListTagsForResource";

    fn touches(&self, logs: &Logs, _caller: &Caller) -> Vec<Access> {
        vec![logs.on_tags(name(&self.arn))]
    }

    async fn act(self, logs: &Arc<Logs>, _ctx: &Ctx) -> Result<ListTagsForResourceResponse, Fault> {
        let tags = listed(logs, &named(&self.arn)?)?;
        Ok(ListTagsForResourceResponse { tags })
    }
}

impl Act<Logs> for TagLogGroupRequest {
    type Output = Nothing;
    const ACTION: &'static str = "logs:TagLogGroup";

    fn touches(&self, logs: &Logs, _caller: &Caller) -> Vec<Access> {
        vec![with_tags(logs.on(&self.group, ""), &self.tags)]
    }

    async fn act(self, logs: &Arc<Logs>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        check::group("logGroupName", &self.group)?;
        tag(logs, self.group, self.tags).await
    }
}

impl Act<Logs> for UntagLogGroupRequest {
    type Output = Nothing;
    const ACTION: &'static str = "logs:UntagLogGroup";

    fn touches(&self, logs: &Logs, _caller: &Caller) -> Vec<Access> {
        let access = logs.on(&self.group, "");
        vec![access.with_many("aws:TagKeys", self.keys.iter().cloned())]
    }

    async fn act(self, logs: &Arc<Logs>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        check::group("logGroupName", &self.group)?;
        untag(logs, self.group, self.keys).await
    }
}

impl Act<Logs> for ListTagsLogGroupRequest {
    type Output = ListTagsLogGroupResponse;
    const ACTION: &'static str = "logs:ListTagsLogGroup";

    fn touches(&self, logs: &Logs, _caller: &Caller) -> Vec<Access> {
        vec![logs.on(&self.group, "")]
    }

    async fn act(self, logs: &Arc<Logs>, _ctx: &Ctx) -> Result<ListTagsLogGroupResponse, Fault> {
        check::group("logGroupName", &self.group)?;
        let tags = listed(logs, &self.group)?;
        Ok(ListTagsLogGroupResponse { tags })
    }
}
