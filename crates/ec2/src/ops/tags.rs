//! CreateTags, DeleteTags, DescribeTags. Instances have tags; nothing else is here that could.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use wire::{List, Shape};

use super::fault;
use super::page::{self, RESULTS_MAX, Wanted};
use super::reach::on_instances;
use super::shape::{self, Filter, owned, pairs};
use crate::Instances;
use crate::engine::command::{AddTags, RemoveTags};
use crate::engine::filter::Tagged;
use crate::engine::tags::TAGS_MAX;
use crate::engine::{Instance, InstanceId};

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct CreateTagsRequest {
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "ResourceId", required)]
    resources: Vec<String>,
    #[shape(query = "Tag", item = "item", required)]
    tags: Vec<shape::Tag>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DeleteTagsRequest {
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "resourceId", required)]
    resources: Vec<String>,
    #[shape(query = "tag", item = "item")]
    tags: Vec<shape::Tag>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeTagsRequest {
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "Filter", item = "Filter")]
    filters: Vec<Filter>,
    #[shape(query = "maxResults")]
    max_results: Option<i32>,
    #[shape(query = "nextToken")]
    next_token: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeTagsResult {
    #[shape(query = "nextToken")]
    next_token: Option<String>,
    #[shape(query = "tagSet", item = "item")]
    tags: List<TagDescription>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct TagDescription {
    #[shape(query = "key")]
    key: Option<String>,
    #[shape(query = "resourceId")]
    resource_id: Option<String>,
    #[shape(query = "resourceType")]
    resource_type: Option<String>,
    #[shape(query = "value")]
    value: Option<String>,
}

/// The instances that a request names as resources.
fn resources(texts: &[String]) -> Result<Vec<InstanceId>, Fault> {
    if texts.is_empty() {
        return Err(fault::missing("resourceIdSet"));
    }
    let is_id = |text: &&String| text.parse::<InstanceId>().is_err();
    match texts.iter().find(is_id) {
        Some(other) => Err(Fault::sender(
            "InvalidID",
            format!("The ID '{other}' is not valid"),
        )),
        None => page::ids(texts),
    }
}

/// The tags that a request gives; more than a resource may have are not even read.
fn check_count(tags: &[shape::Tag]) -> Result<(), Fault> {
    match tags.len() > TAGS_MAX {
        true => Err(crate::engine::Error::TagLimit.into()),
        false => Ok(()),
    }
}

impl Act<Instances> for CreateTagsRequest {
    type Output = Nothing;
    const ACTION: &'static str = "ec2:CreateTags";

    fn touches(&self, instances: &Instances, _caller: &Caller) -> Vec<Access> {
        let all = on_instances(instances, Self::ACTION, &self.resources).into_iter();
        all.map(|access| access.with_request_tags(pairs(&self.tags)))
            .collect()
    }

    fn refusal(&self) -> Option<Fault> {
        fault::dry_run(self.dry_run)
    }

    async fn act(self, instances: &Arc<Instances>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let ids = resources(&self.resources)?;
        if self.tags.is_empty() {
            return Err(fault::missing("tagSet"));
        }
        check_count(&self.tags)?;
        let tags = owned(&self.tags);
        instances.change(AddTags { ids, tags }).await?;
        Ok(Nothing {})
    }
}

impl Act<Instances> for DeleteTagsRequest {
    type Output = Nothing;
    const ACTION: &'static str = "ec2:DeleteTags";

    fn touches(&self, instances: &Instances, _caller: &Caller) -> Vec<Access> {
        let all = on_instances(instances, Self::ACTION, &self.resources).into_iter();
        all.map(|access| access.with_request_tags(pairs(&self.tags)))
            .collect()
    }

    fn refusal(&self) -> Option<Fault> {
        fault::dry_run(self.dry_run)
    }

    async fn act(self, instances: &Arc<Instances>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let ids = resources(&self.resources)?;
        check_count(&self.tags)?;
        let named = self.tags.into_iter();
        let named: Vec<_> = named
            .map(|tag| (tag.key.unwrap_or_default(), tag.value))
            .collect();
        // Without tags all of them are meant.
        let tags = (!named.is_empty()).then_some(named);
        instances.change(RemoveTags { ids, tags }).await?;
        Ok(Nothing {})
    }
}

impl Act<Instances> for DescribeTagsRequest {
    type Output = DescribeTagsResult;
    const ACTION: &'static str = "ec2:DescribeTags";

    fn touches(&self, instances: &Instances, _caller: &Caller) -> Vec<Access> {
        vec![Access::on(instances.place().all())]
    }

    fn refusal(&self) -> Option<Fault> {
        fault::dry_run(self.dry_run)
    }

    async fn act(
        self,
        instances: &Arc<Instances>,
        _ctx: &Ctx,
    ) -> Result<DescribeTagsResult, Fault> {
        let filters = page::filters::<Tagged<'_>>(&self.filters)?;
        let mut found = Vec::new();
        for instance in instances.all() {
            let tags = instance.tags.iter().map(|(key, value)| Tagged {
                instance: &instance,
                key,
                value,
            });
            let admitted = tags.filter(|tag| filters.iter().all(|filter| filter.admits(tag)));
            found.extend(admitted.map(|tag| description(&instance, tag.key, tag.value)));
        }
        let wanted = Wanted {
            max: self.max_results,
            token: self.next_token.as_ref(),
            limit: RESULTS_MAX,
        };
        let page = wanted.of(found, place)?;
        Ok(DescribeTagsResult {
            next_token: page.next_token,
            tags: List(page.items),
        })
    }
}

fn description(instance: &Instance, key: &str, value: &str) -> TagDescription {
    TagDescription {
        key: Some(key.to_owned()),
        resource_id: Some(instance.id.to_string()),
        resource_type: Some("instance".to_owned()),
        value: Some(value.to_owned()),
    }
}

/// By instance, then by key: the order in which they are found.
fn place(tag: &TagDescription) -> String {
    let id = tag.resource_id.as_deref().unwrap_or_default();
    format!("{id} {}", tag.key.as_deref().unwrap_or_default())
}
