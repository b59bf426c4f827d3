//! Shapes that several operations share.

use wire::Shape;

use crate::engine::command::Step;
use crate::engine::filter::monitoring;
use crate::engine::{Instance, State};

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
pub(super) fn shown(instance: &Instance) -> Vec<Tag> {
    let tag = |(key, value): (&str, &str)| Tag {
        key: Some(key.to_owned()),
        value: Some(value.to_owned()),
    };
    instance.tags.iter().map(tag).collect()
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
