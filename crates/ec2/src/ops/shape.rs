//! Shapes that several operations share.

use api::Fault;
use wire::{List, Shape};

use super::fault;
use crate::engine::command::Step;
use crate::engine::filter::monitoring;
use crate::engine::network::GroupId;
use crate::engine::{Instance, Networks, State, Tags};

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct Filter {
    pub(super) name: Option<String>,
    #[shape(query = "Value", item = "item")]
    pub(super) values: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct Tag {
    #[shape(query = "key")]
    pub(super) key: Option<String>,
    #[shape(query = "value")]
    pub(super) value: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct TagSpecification {
    #[shape(query = "resourceType")]
    resource_type: Option<String>,
    #[shape(query = "Tag", item = "item")]
    tags: Vec<Tag>,
}

/// A security group, named.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GroupIdentifier {
    #[shape(query = "groupId")]
    pub(super) group_id: Option<String>,
    #[shape(query = "groupName")]
    pub(super) group_name: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct InstanceState {
    #[shape(query = "code")]
    code: Option<i32>,
    #[shape(query = "name")]
    name: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct InstanceStateChange {
    #[shape(query = "instanceId")]
    instance_id: Option<String>,
    #[shape(query = "currentState")]
    current_state: Option<InstanceState>,
    #[shape(query = "previousState")]
    previous_state: Option<InstanceState>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct Monitoring {
    #[shape(query = "state")]
    pub(super) state: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct AttributeValue {
    #[shape(query = "value")]
    pub(super) value: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct AttributeBooleanValue {
    #[shape(query = "value")]
    pub(super) value: Option<bool>,
}

impl From<State> for InstanceState {
    fn from(state: State) -> Self {
        Self {
            code: Some(state.code()),
            name: Some(state.name().to_owned()),
        }
    }
}

impl From<Step> for InstanceStateChange {
    fn from(step: Step) -> Self {
        Self {
            instance_id: Some(step.id.into()),
            current_state: Some(step.after.into()),
            previous_state: Some(step.before.into()),
        }
    }
}

impl Monitoring {
    pub(super) fn of(instance: &Instance) -> Self {
        Self {
            state: Some(monitoring(instance).to_owned()),
        }
    }
}

/// Tags as they are shown.
pub(super) fn shown(tags: &Tags) -> Vec<Tag> {
    let tag = |(key, value): (&str, &str)| Tag {
        key: Some(key.to_owned()),
        value: Some(value.to_owned()),
    };
    tags.iter().map(tag).collect()
}

/// Groups with their names.
pub(super) fn groups_shown<'a>(
    ids: impl IntoIterator<Item = &'a GroupId>,
    networks: &Networks,
) -> List<GroupIdentifier> {
    let show = |id: &GroupId| GroupIdentifier {
        group_id: Some(id.to_string()),
        group_name: networks.groups.get(id).ok().map(|group| group.name.clone()),
    };
    ids.into_iter().map(show).collect()
}

/// The tags that a request gives to what it makes.
pub(super) fn given(specifications: &[TagSpecification]) -> Vec<Tag> {
    let all = specifications.iter();
    all.flat_map(|of| of.tags.iter().cloned()).collect()
}

/// The same for resources of `kind`, which are all that it makes.
///
/// # Errors
/// `InvalidParameterValue` for tags of another kind, and what is wrong with a tag.
pub(super) fn tags_for(kind: &str, specifications: &[TagSpecification]) -> Result<Tags, Fault> {
    let mut kinds = specifications
        .iter()
        .map(|it| it.resource_type.as_deref().unwrap_or_default());
    match kinds.find(|own| *own != kind) {
        Some(other) => Err(fault::invalid_value(format!(
            "'{other}' is not a valid taggable resource type for this operation."
        ))),
        None => Ok(Tags::new(owned(&given(specifications)))?),
    }
}

/// Whether a filter of networks is one: `own`, or that of others as it begins, or one of tags.
pub(super) fn is_filter(name: &str, own: &[&str], others: &[&str]) -> bool {
    own.contains(&name)
        || others.iter().any(|other| name.starts_with(other))
        || name == "tag-key"
        || name.strip_prefix("tag:").is_some_and(|key| !key.is_empty())
}

/// What filters of tags find; `None` where the filter is of something else.
pub(super) fn of_tags(tags: &[Tag], name: &str) -> Option<Vec<String>> {
    if name == "tag-key" {
        return Some(tags.iter().filter_map(|tag| tag.key.clone()).collect());
    }
    let key = name.strip_prefix("tag:")?;
    let own = tags.iter().find(|tag| tag.key.as_deref() == Some(key));
    Some(own.and_then(|tag| tag.value.clone()).into_iter().collect())
}

/// Tags as a request gives them; a value that is missing is empty.
pub(super) fn pairs(tags: &[Tag]) -> impl Iterator<Item = (&str, &str)> + Clone {
    tags.iter().map(|tag| {
        (
            tag.key.as_deref().unwrap_or_default(),
            tag.value.as_deref().unwrap_or_default(),
        )
    })
}

/// The same, owned.
pub(super) fn owned(tags: &[Tag]) -> Vec<(String, String)> {
    let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    pairs(tags).map(owned).collect()
}

/// A structure that is known to the API and not to us.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct Unsupported {}
