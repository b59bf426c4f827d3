//! TagResource, UntagResource, ListTagsForResource.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use wire::Shape;

use super::{check, fault};
use crate::rules::Rules;

#[derive(Debug, Clone, Default, PartialEq, Eq, Shape)]
pub(super) struct Tag {
    #[shape(required)]
    pub(super) key: String,
    #[shape(required)]
    pub(super) value: String,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct TagResourceRequest {
    #[shape(required, name = "ResourceARN")]
    resource: String,
    #[shape(required)]
    tags: Vec<Tag>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct UntagResourceRequest {
    #[shape(required, name = "ResourceARN")]
    resource: String,
    #[shape(required)]
    tag_keys: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct ListTagsForResourceRequest {
    #[shape(required, name = "ResourceARN")]
    resource: String,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct ListTagsForResourceResponse {
    tags: Option<Vec<Tag>>,
}

/// Tags that may be.
pub(super) fn checked(tags: Vec<Tag>) -> Result<Vec<(String, String)>, Fault> {
    for tag in &tags {
        check::length("tags.member.key", &tag.key, 128)?;
        check::length("tags.member.value", &tag.value, 256)?;
        if tag.key.is_empty() || tag.key.to_lowercase().starts_with("aws:") {
            return Err(fault::invalid(
                "A tag's key is not empty and does not begin with aws:.",
            ));
        }
    }
    Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
}

/// The context of a request that gives tags.
pub(super) fn with_request_tags(access: Access, tags: &[Tag]) -> Access {
    let access = access.with_many("aws:TagKeys", tags.iter().map(|tag| tag.key.clone()));
    let tags = tags.iter().map(|tag| (&tag.key, tag.value.clone()));
    access.with_tags("aws:RequestTag", tags)
}

/// The rule that `arn` names, or all where it names none.
fn on_resource(rules: &Rules, arn: &str) -> Access {
    let name = rules.rule_of(arn);
    name.map_or_else(|_| rules.on_all(), |name| rules.on_rule(&name))
}

impl Act<Rules> for TagResourceRequest {
    type Output = Nothing;
    const ACTION: &'static str = "events:TagResource";

    fn touches(&self, rules: &Rules, _caller: &Caller) -> Vec<Access> {
        let access = on_resource(rules, &self.resource);
        vec![with_request_tags(access, &self.tags)]
    }

    async fn act(self, rules: &Arc<Rules>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let name = rules.rule_of(&self.resource)?;
        let tags = checked(self.tags)?;
        rules.changed(move |bus| bus.tag(&name, tags)).await?;
        Ok(Nothing {})
    }
}

impl Act<Rules> for UntagResourceRequest {
    type Output = Nothing;
    const ACTION: &'static str = "events:UntagResource";

    fn touches(&self, rules: &Rules, _caller: &Caller) -> Vec<Access> {
        let access = on_resource(rules, &self.resource);
        vec![access.with_many("aws:TagKeys", self.tag_keys.iter().cloned())]
    }

    async fn act(self, rules: &Arc<Rules>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let name = rules.rule_of(&self.resource)?;
        let keys = self.tag_keys;
        rules.changed(move |bus| bus.untag(&name, &keys)).await?;
        Ok(Nothing {})
    }
}

impl Act<Rules> for ListTagsForResourceRequest {
    type Output = ListTagsForResourceResponse;
    const ACTION: &'static str = "events:ListTagsForResource";

    fn touches(&self, rules: &Rules, _caller: &Caller) -> Vec<Access> {
        vec![on_resource(rules, &self.resource)]
    }

    async fn act(
        self,
        rules: &Arc<Rules>,
        _ctx: &Ctx,
    ) -> Result<ListTagsForResourceResponse, Fault> {
        let name = rules.rule_of(&self.resource)?;
        let bus = rules.bus();
        let rule = bus.rule(&name).map_err(|it| fault::refused(&it))?;
        let tags = rule.tags.iter().map(|(key, value)| Tag {
            key: key.clone(),
            value: value.clone(),
        });
        Ok(ListTagsForResourceResponse {
            tags: Some(tags.collect()),
        })
    }
}
