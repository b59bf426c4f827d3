//! CreateTags, DeleteTags, DescribeTags.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use wire::{List, Shape};

use super::fault;
use super::page::{self, IDS_MAX, RESULTS_MAX, Wanted};
use super::reach::on_target;
use super::shape::{self, Filter, owned, pairs};
use crate::Instances;
use crate::engine::Inventory;
use crate::engine::filter::Tagged;
use crate::engine::network::tag::{AddTags, RemoveTags, Target};
use crate::engine::tags::TAGS_MAX;

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

/// What a request names as resources.
fn resources(texts: &[String]) -> Result<Vec<Target>, Fault> {
    if texts.is_empty() {
        return Err(fault::missing("resourceIdSet"));
    }
    page::check_count(texts)?;
    let read = |text: &String| {
        text.parse::<Target>()
            .map_err(|_| Fault::sender("InvalidID", format!("The ID '{text}' is not valid")))
    };
    texts.iter().map(read).collect()
}

/// What CreateTags and DeleteTags touch.
fn touched(
    instances: &Instances,
    action: &'static str,
    texts: &[String],
    tags: &[shape::Tag],
) -> Vec<Access> {
    if texts.is_empty() {
        return vec![Access::new(action, instances.place().arn("*/*"))];
    }
    // A request with more is refused whole.
    let all = texts.iter().take(IDS_MAX);
    all.map(|text| on_target(instances, action, text).with_request_tags(pairs(tags)))
        .collect()
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
        touched(instances, Self::ACTION, &self.resources, &self.tags)
    }

    fn refusal(&self) -> Option<Fault> {
        fault::dry_run(self.dry_run)
    }

    async fn act(self, instances: &Arc<Instances>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let targets = resources(&self.resources)?;
        if self.tags.is_empty() {
            return Err(fault::missing("tagSet"));
        }
        check_count(&self.tags)?;
        let tags = owned(&self.tags);
        instances.change(AddTags { targets, tags }).await?;
        Ok(Nothing {})
    }
}

impl Act<Instances> for DeleteTagsRequest {
    type Output = Nothing;
    const ACTION: &'static str = "ec2:DeleteTags";

    fn touches(&self, instances: &Instances, _caller: &Caller) -> Vec<Access> {
        touched(instances, Self::ACTION, &self.resources, &self.tags)
    }

    fn refusal(&self) -> Option<Fault> {
        fault::dry_run(self.dry_run)
    }

    async fn act(self, instances: &Arc<Instances>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let targets = resources(&self.resources)?;
        check_count(&self.tags)?;
        let named = self.tags.into_iter();
        let named: Vec<_> = named
            .map(|tag| (tag.key.unwrap_or_default(), tag.value))
            .collect();
        // Without tags all of them are meant.
        let tags = (!named.is_empty()).then_some(named);
        instances.change(RemoveTags { targets, tags }).await?;
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
        let all = instances.inventory(Inventory::tagged);
        let mut found = Vec::new();
        for (target, tags) in &all {
            let tags = tags.iter().map(|(key, value)| Tagged {
                id: target.as_str(),
                kind: target.kind(),
                key,
                value,
            });
            let admitted = tags.filter(|tag| filters.iter().all(|filter| filter.admits(tag)));
            found.extend(admitted.map(description));
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

fn description(tag: Tagged<'_>) -> TagDescription {
    TagDescription {
        key: Some(tag.key.to_owned()),
        resource_id: Some(tag.id.to_owned()),
        resource_type: Some(tag.kind.to_owned()),
        value: Some(tag.value.to_owned()),
    }
}

/// By resource, then by key: the order in which they are found.
fn place(tag: &TagDescription) -> String {
    let id = tag.resource_id.as_deref().unwrap_or_default();
    format!("{id} {}", tag.key.as_deref().unwrap_or_default())
}
