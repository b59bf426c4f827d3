//! PutEventSelectors, GetEventSelectors.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use wire::Shape;

use super::Desk;
use crate::engine::selector::{
    Advanced, Basic, DataResource as Wanted, FieldSelector, ReadWrite, Selectors,
};
use crate::engine::{Error, command};

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct PutEventSelectorsRequest {
    #[shape(required)]
    trail_name: String,
    event_selectors: Vec<EventSelector>,
    advanced_event_selectors: Vec<AdvancedEventSelector>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct PutEventSelectorsResponse {
    #[shape(name = "TrailARN")]
    trail_arn: Option<String>,
    event_selectors: Vec<EventSelector>,
    advanced_event_selectors: Vec<AdvancedEventSelector>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct GetEventSelectorsRequest {
    #[shape(required)]
    trail_name: String,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct GetEventSelectorsResponse {
    #[shape(name = "TrailARN")]
    trail_arn: Option<String>,
    event_selectors: Vec<EventSelector>,
    advanced_event_selectors: Vec<AdvancedEventSelector>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct EventSelector {
    read_write_type: Option<String>,
    include_management_events: Option<bool>,
    data_resources: Option<Vec<DataResource>>,
    exclude_management_event_sources: Option<Vec<String>>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct DataResource {
    #[shape(name = "Type")]
    kind: Option<String>,
    values: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct AdvancedEventSelector {
    name: Option<String>,
    #[shape(required)]
    field_selectors: Vec<AdvancedFieldSelector>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct AdvancedFieldSelector {
    #[shape(required)]
    field: String,
    equals: Vec<String>,
    starts_with: Vec<String>,
    ends_with: Vec<String>,
    not_equals: Vec<String>,
    not_starts_with: Vec<String>,
    not_ends_with: Vec<String>,
}

impl Act<Desk> for PutEventSelectorsRequest {
    type Output = PutEventSelectorsResponse;
    const ACTION: &'static str = "cloudtrail:PutEventSelectors";

    fn touches(&self, desk: &Desk, _caller: &Caller) -> Vec<Access> {
        vec![desk.on_trail(Self::ACTION, &self.trail_name)]
    }

    async fn act(self, desk: &Arc<Desk>, _ctx: &Ctx) -> Result<PutEventSelectorsResponse, Fault> {
        let name = desk.find(&desk.trails.state(), &self.trail_name)?.name;
        let read = read(self.event_selectors, self.advanced_event_selectors);
        let selectors = read.map_err(|error| desk.fault(error.into()))?;
        let (event_selectors, advanced_event_selectors) = shown(&selectors);
        let trail_arn = Some(desk.trail_arn(&name));
        desk.blocking(move |trails| {
            trails.change(|state| {
                Ok((
                    (),
                    command::select(state, trails.place(), &name, selectors)?,
                ))
            })
        })
        .await?;
        Ok(PutEventSelectorsResponse {
            trail_arn,
            event_selectors,
            advanced_event_selectors,
        })
    }
}

impl Act<Desk> for GetEventSelectorsRequest {
    type Output = GetEventSelectorsResponse;
    const ACTION: &'static str = "cloudtrail:GetEventSelectors";

    fn touches(&self, desk: &Desk, _caller: &Caller) -> Vec<Access> {
        vec![desk.on_trail(Self::ACTION, &self.trail_name)]
    }

    async fn act(self, desk: &Arc<Desk>, _ctx: &Ctx) -> Result<GetEventSelectorsResponse, Fault> {
        let trail = desk.find(&desk.trails.state(), &self.trail_name)?;
        let (event_selectors, advanced_event_selectors) = shown(&trail.selectors());
        Ok(GetEventSelectorsResponse {
            trail_arn: Some(desk.trail_arn(&trail.name)),
            event_selectors,
            advanced_event_selectors,
        })
    }
}

fn read(
    basic: Vec<EventSelector>,
    advanced: Vec<AdvancedEventSelector>,
) -> Result<Selectors, Error> {
    let wrong = |why: &str| Error::Selectors {
        why: why.to_owned(),
    };
    match (basic.is_empty(), advanced.is_empty()) {
        (false, true) => {
            let all: Result<_, _> = basic.into_iter().map(read_basic).collect();
            Ok(Selectors::Basic(all?))
        }
        (true, false) => {
            let all = advanced.into_iter().map(read_advanced);
            Ok(Selectors::Advanced(all.collect()))
        }
        (true, true) => Err(wrong("Give EventSelectors or AdvancedEventSelectors.")),
        (false, false) => Err(wrong(
            "Give EventSelectors or AdvancedEventSelectors, not both.",
        )),
    }
}

fn read_basic(one: EventSelector) -> Result<Basic, Error> {
    let read_write = match one.read_write_type.as_deref() {
        None | Some("All") => ReadWrite::All,
        Some("ReadOnly") => ReadWrite::ReadOnly,
        Some("WriteOnly") => ReadWrite::WriteOnly,
        Some(other) => {
            return Err(Error::Selectors {
                why: format!(
                    "ReadWriteType is All, ReadOnly or WriteOnly, not `{}`.",
                    other.chars().take(128).collect::<String>()
                ),
            });
        }
    };
    let data = one.data_resources.unwrap_or_default().into_iter();
    Ok(Basic {
        read_write,
        management: one.include_management_events.unwrap_or(true),
        data: data
            .map(|it| Wanted {
                kind: it.kind.unwrap_or_default(),
                values: it.values,
            })
            .collect(),
        exclude: one.exclude_management_event_sources.unwrap_or_default(),
    })
}

fn read_advanced(one: AdvancedEventSelector) -> Advanced {
    let field = |it: AdvancedFieldSelector| FieldSelector {
        field: it.field,
        equals: it.equals,
        starts_with: it.starts_with,
        ends_with: it.ends_with,
        not_equals: it.not_equals,
        not_starts_with: it.not_starts_with,
        not_ends_with: it.not_ends_with,
    };
    Advanced {
        name: one.name,
        fields: one.field_selectors.into_iter().map(field).collect(),
    }
}

fn shown(selectors: &Selectors) -> (Vec<EventSelector>, Vec<AdvancedEventSelector>) {
    match selectors {
        Selectors::Basic(all) => (all.iter().map(show_basic).collect(), Vec::new()),
        Selectors::Advanced(all) => (Vec::new(), all.iter().map(show_advanced).collect()),
    }
}

/// Empty lists are told, as AWS tells them.
fn show_basic(one: &Basic) -> EventSelector {
    let read_write = match one.read_write {
        ReadWrite::All => "All",
        ReadWrite::ReadOnly => "ReadOnly",
        ReadWrite::WriteOnly => "WriteOnly",
    };
    let data = one.data.iter().map(|it| DataResource {
        kind: Some(it.kind.clone()),
        values: it.values.clone(),
    });
    EventSelector {
        read_write_type: Some(read_write.to_owned()),
        include_management_events: Some(one.management),
        data_resources: Some(data.collect()),
        exclude_management_event_sources: Some(one.exclude.clone()),
    }
}

fn show_advanced(one: &Advanced) -> AdvancedEventSelector {
    let field = |it: &FieldSelector| AdvancedFieldSelector {
        field: it.field.clone(),
        equals: it.equals.clone(),
        starts_with: it.starts_with.clone(),
        ends_with: it.ends_with.clone(),
        not_equals: it.not_equals.clone(),
        not_starts_with: it.not_starts_with.clone(),
        not_ends_with: it.not_ends_with.clone(),
    };
    AdvancedEventSelector {
        name: one.name.clone(),
        field_selectors: one.fields.iter().map(field).collect(),
    }
}
