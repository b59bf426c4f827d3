//! AddTags, RemoveTags, ListTags.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use wire::Shape;

use super::Desk;
use crate::engine::command::{self, Tags};

/// ARNs of a ListTags. Source: its documentation.
const ARNS_MAX: usize = 20;

/// What may be tagged on AWS and is not here.
const OTHERS: &[&str] = &[":eventdatastore/", ":channel/", ":dashboard/"];

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct Tag {
    #[shape(required)]
    key: String,
    value: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct AddTagsRequest {
    #[shape(required)]
    resource_id: String,
    #[shape(required)]
    tags_list: Vec<Tag>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct RemoveTagsRequest {
    #[shape(required)]
    resource_id: String,
    #[shape(required)]
    tags_list: Vec<Tag>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct ListTagsRequest {
    #[shape(required)]
    resource_id_list: Vec<String>,
    next_token: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct ListTagsResponse {
    resource_tag_list: Option<Vec<ResourceTag>>,
    next_token: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct ResourceTag {
    resource_id: Option<String>,
    tags_list: Option<Vec<Tag>>,
}

/// Tags as the engine takes them.
pub(super) fn as_tags(tags: Vec<Tag>) -> Tags {
    tags.into_iter().map(|tag| (tag.key, tag.value)).collect()
}

/// The context of a request that gives tags.
pub(super) fn with_request_tags(access: Access, tags: &[Tag]) -> Access {
    access.with_request_tags(
        tags.iter()
            .map(|tag| (&*tag.key, tag.value.as_deref().unwrap_or_default())),
    )
}

/// Checks that `arn` may be that of a trail.
fn check_arn(arn: &str) -> Result<(), Fault> {
    if OTHERS.iter().any(|kind| arn.contains(kind)) {
        return Err(Fault::sender(
            "ResourceTypeNotSupportedException",
            format!("`{arn}` is of a type that is not kept here; trails are."),
        ));
    }
    if !arn.starts_with("arn:") {
        return Err(Fault::sender(
            "CloudTrailARNInvalidException",
            format!(
                "`{arn}` is not the ARN of a trail, such as arn:aws:cloudtrail:us-east-2:123456789012:trail/MyTrail"
            ),
        ));
    }
    Ok(())
}

/// Of tags AWS says that the resource is missing, not the trail.
fn of_resource(fault: Fault) -> Fault {
    match fault.code {
        "TrailNotFoundException" => Fault::sender("ResourceNotFoundException", fault.message),
        _ => fault,
    }
}

impl Act<Desk> for AddTagsRequest {
    type Output = Nothing;
    const ACTION: &'static str = "cloudtrail:AddTags";

    fn touches(&self, desk: &Desk, _caller: &Caller) -> Vec<Access> {
        let access = desk.on_trail(Self::ACTION, &self.resource_id);
        vec![with_request_tags(access, &self.tags_list)]
    }

    async fn act(self, desk: &Arc<Desk>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        check_arn(&self.resource_id)?;
        let (of, tags) = (self.resource_id, as_tags(self.tags_list));
        desk.blocking(move |trails| {
            trails.change(|state| Ok(((), command::tag(state, trails.place(), &of, &tags)?)))
        })
        .await
        .map_err(of_resource)?;
        Ok(Nothing {})
    }
}

impl Act<Desk> for RemoveTagsRequest {
    type Output = Nothing;
    const ACTION: &'static str = "cloudtrail:RemoveTags";

    fn touches(&self, desk: &Desk, _caller: &Caller) -> Vec<Access> {
        let keys = self.tags_list.iter().map(|tag| tag.key.clone());
        let access = desk.on_trail(Self::ACTION, &self.resource_id);
        vec![access.with_many("aws:TagKeys", keys)]
    }

    async fn act(self, desk: &Arc<Desk>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        check_arn(&self.resource_id)?;
        let (of, tags) = (self.resource_id, as_tags(self.tags_list));
        desk.blocking(move |trails| {
            trails.change(|state| Ok(((), command::untag(state, trails.place(), &of, &tags)?)))
        })
        .await
        .map_err(of_resource)?;
        Ok(Nothing {})
    }
}

impl Act<Desk> for ListTagsRequest {
    type Output = ListTagsResponse;
    const ACTION: &'static str = "cloudtrail:ListTags";

    fn touches(&self, desk: &Desk, _caller: &Caller) -> Vec<Access> {
        if self.resource_id_list.is_empty() {
            return desk.everything(Self::ACTION);
        }
        let arns = self.resource_id_list.iter().take(ARNS_MAX);
        arns.map(|arn| desk.on_trail(Self::ACTION, arn)).collect()
    }

    async fn act(self, desk: &Arc<Desk>, _ctx: &Ctx) -> Result<ListTagsResponse, Fault> {
        if self.next_token.is_some_and(|token| !token.is_empty()) {
            return Err(Fault::sender(
                "InvalidTokenException",
                "NextToken is not one that ListTags gave.",
            ));
        }
        let count = self.resource_id_list.len();
        if count == 0 || count > ARNS_MAX {
            return Err(Fault::sender(
                "InvalidParameterException",
                format!("ResourceIdList holds 1 to {ARNS_MAX} ARNs, and these are {count}."),
            ));
        }
        let state = desk.trails.state();
        let mut all = Vec::new();
        for arn in self.resource_id_list {
            check_arn(&arn)?;
            let trail = desk.find(&state, &arn).map_err(of_resource)?;
            let tags = trail.tags.into_iter();
            all.push(ResourceTag {
                resource_id: Some(arn),
                tags_list: Some(tags.map(|(key, value)| Tag { key, value }).collect()),
            });
        }
        Ok(ListTagsResponse {
            resource_tag_list: Some(all),
            next_token: None,
        })
    }
}
