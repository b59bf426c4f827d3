//! Which events a trail wants.
//!
//! A trail has basic selectors or advanced ones. An event is wanted when one selector matches. In an advanced selector
//! every field must match; on one field, the operators that select are alternatives, those that deselect all hold, and
//! both groups must be satisfied.
//!
//! Source: CloudTrail user guide, logging data events, "How CloudTrail evaluates multiple conditions for a field";
//! API Reference, AdvancedFieldSelector and EventSelector; limits from PutEventSelectors.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::Error;
use crate::seen::Class;

/// Basic selectors of a trail. Source: PutEventSelectors.
pub const BASIC_MAX: usize = 5;
/// Resources in the basic selectors of a trail. Source: PutEventSelectors.
pub const DATA_RESOURCES_MAX: usize = 250;
/// Values in all advanced selectors of a trail. Source: PutEventSelectors.
pub const VALUES_MAX: usize = 500;
/// Letters of a value. Source: service model, OperatorValue.
pub const VALUE_CHARS_MAX: usize = 2048;
/// Letters of a selector's name. Source: service model, SelectorName.
pub const NAME_CHARS_MAX: usize = 1000;

/// What of an event selectors look at.
#[derive(Clone, Debug)]
pub struct Facets<'a> {
    /// Management or data.
    pub class: Class,
    /// Such as `sqs.amazonaws.com`.
    pub source: Cow<'a, str>,
    /// Such as `SendMessage`.
    pub name: &'a str,
    /// Such as `AwsApiCall`.
    pub kind: &'a str,
    /// Whether it changes nothing.
    pub is_read_only: bool,
    /// The ARN of who called.
    pub user: &'a str,
    /// Whether its credentials were given by the sign-in page.
    pub is_signed_in: bool,
    /// What was touched: type and ARN.
    pub resources: Vec<(Option<&'static str>, String)>,
}

/// The selectors of a trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Selectors {
    /// Basic ones.
    Basic(Vec<Basic>),
    /// Advanced ones.
    Advanced(Vec<Advanced>),
}

/// Which of reading and writing calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReadWrite {
    /// Those that change nothing.
    ReadOnly,
    /// The others.
    WriteOnly,
    /// Both.
    #[default]
    All,
}

/// A basic selector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basic {
    /// Reading, writing, or both.
    pub read_write: ReadWrite,
    /// Whether management events are wanted.
    pub management: bool,
    /// The data events that are wanted.
    pub data: Vec<DataResource>,
    /// Sources whose management events are not wanted.
    pub exclude: Vec<String>,
}

impl Default for Basic {
    fn default() -> Self {
        Self {
            read_write: ReadWrite::All,
            management: true,
            data: Vec::new(),
            exclude: Vec::new(),
        }
    }
}

/// Resources of a type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataResource {
    /// Such as `AWS::S3::Object`.
    pub kind: String,
    /// ARNs or their beginnings.
    pub values: Vec<String>,
}

/// An advanced selector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advanced {
    /// For people.
    pub name: Option<String>,
    /// What must match.
    pub fields: Vec<FieldSelector>,
}

/// Conditions on one field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldSelector {
    /// Such as `eventName`.
    pub field: String,
    /// Operators that select.
    pub equals: Vec<String>,
    /// See `equals`.
    pub starts_with: Vec<String>,
    /// See `equals`.
    pub ends_with: Vec<String>,
    /// Operators that deselect.
    pub not_equals: Vec<String>,
    /// See `not_equals`.
    pub not_starts_with: Vec<String>,
    /// See `not_equals`.
    pub not_ends_with: Vec<String>,
}

const BASIC_TYPES: &[&str] = &[
    "AWS::DynamoDB::Table",
    "AWS::Lambda::Function",
    "AWS::S3::Object",
];
const EXCLUDABLE: &[&str] = &["kms.amazonaws.com", "rdsdata.amazonaws.com"];
const CATEGORY: &str = "eventCategory";
const TYPE: &str = "resources.type";
const ARN: &str = "resources.ARN";
const MANAGEMENT_FIELDS: &[&str] = &[CATEGORY, "eventSource", "readOnly"];
const DATA_FIELDS: &[&str] = &[
    CATEGORY,
    "eventName",
    "eventSource",
    "eventType",
    "readOnly",
    ARN,
    TYPE,
    "sessionCredentialFromConsole",
    "userIdentity.arn",
];

impl Default for Selectors {
    fn default() -> Self {
        Self::Basic(vec![Basic::default()])
    }
}

impl Selectors {
    /// Whether an event is wanted.
    #[must_use]
    pub fn want(&self, event: &Facets<'_>) -> bool {
        match self {
            Self::Basic(all) => all.iter().any(|one| one.wants(event)),
            Self::Advanced(all) => all.iter().any(|one| one.wants(event)),
        }
    }

    /// Whether any data event can be wanted.
    #[must_use]
    pub fn want_data(&self) -> bool {
        match self {
            Self::Basic(all) => all.iter().any(|one| !one.data.is_empty()),
            Self::Advanced(all) => all.iter().any(|one| one.category() == Some("Data")),
        }
    }

    /// Checks what was given.
    ///
    /// # Errors
    /// [`Error::Selectors`].
    pub fn check(&self) -> Result<(), Error> {
        match self {
            Self::Basic(all) => check_basic(all),
            Self::Advanced(all) => check_advanced(all),
        }
    }
}

fn wrong<T>(why: impl Into<String>) -> Result<T, Error> {
    Err(Error::Selectors { why: why.into() })
}

fn short(text: &str) -> String {
    text.chars().take(128).collect()
}

impl Basic {
    fn wants(&self, event: &Facets<'_>) -> bool {
        let is_right_kind = match self.read_write {
            ReadWrite::All => true,
            ReadWrite::ReadOnly => event.is_read_only,
            ReadWrite::WriteOnly => !event.is_read_only,
        };
        is_right_kind
            && match event.class {
                Class::Management => {
                    self.management && !self.exclude.iter().any(|source| **source == *event.source)
                }
                Class::Data => self.data.iter().any(|wanted| wanted.has_one_of(event)),
            }
    }
}

impl DataResource {
    fn has_one_of(&self, event: &Facets<'_>) -> bool {
        event.resources.iter().any(|(kind, arn)| {
            let is_kind = match *kind {
                Some("AWS::S3::Bucket") => self.kind == "AWS::S3::Object",
                kind => kind == Some(&*self.kind),
            };
            is_kind && self.values.iter().any(|value| self.is_of(value, arn))
        })
    }

    fn is_of(&self, value: &str, arn: &str) -> bool {
        // `arn:aws:s3` and `arn:aws:lambda` stand for all.
        let is_all = value.trim_end_matches(':').split(':').count() == 3;
        let is_of_object = || {
            arn.starts_with(value) || value.strip_suffix('/').is_some_and(|bucket| bucket == arn)
        };
        is_all
            || match self.kind.as_str() {
                "AWS::S3::Object" => is_of_object(),
                _ => arn == value,
            }
    }
}

impl Advanced {
    fn category(&self) -> Option<&str> {
        let field = self.fields.iter().find(|field| field.field == CATEGORY)?;
        field.equals.first().map(String::as_str)
    }

    fn wants(&self, event: &Facets<'_>) -> bool {
        self.fields.iter().all(|field| field.wants(event))
    }
}

impl FieldSelector {
    fn wants(&self, event: &Facets<'_>) -> bool {
        let read_only = if event.is_read_only { "true" } else { "false" };
        match self.field.as_str() {
            CATEGORY => self.takes(match event.class {
                Class::Management => "Management",
                Class::Data => "Data",
            }),
            "readOnly" => self.takes(read_only),
            "eventSource" => self.takes(&event.source),
            "eventName" => self.takes(event.name),
            "eventType" => self.takes(event.kind),
            "userIdentity.arn" => self.takes(event.user),
            "sessionCredentialFromConsole" => {
                self.takes(if event.is_signed_in { "true" } else { "false" })
            }
            TYPE => self.takes_any(event.resources.iter().map(|(kind, _)| match *kind {
                // Calls on a bucket's content are data events of objects.
                Some("AWS::S3::Bucket") => "AWS::S3::Object",
                kind => kind.unwrap_or_default(),
            })),
            ARN => self.takes_any(event.resources.iter().map(|(_, arn)| arn.as_str())),
            _ => false,
        }
    }

    /// Whether a single value passes.
    fn takes(&self, value: &str) -> bool {
        self.takes_any(std::iter::once(value))
    }

    /// Whether one of the values is selected and none is deselected.
    fn takes_any<'a>(&self, values: impl Iterator<Item = &'a str> + Clone) -> bool {
        let has_selecting =
            !(self.equals.is_empty() && self.starts_with.is_empty() && self.ends_with.is_empty());
        let is_selected = |value: &str| {
            self.equals.iter().any(|it| it == value)
                || self.starts_with.iter().any(|it| value.starts_with(&**it))
                || self.ends_with.iter().any(|it| value.ends_with(&**it))
        };
        let is_deselected = |value: &str| {
            self.not_equals.iter().any(|it| it == value)
                || self
                    .not_starts_with
                    .iter()
                    .any(|it| value.starts_with(&**it))
                || self.not_ends_with.iter().any(|it| value.ends_with(&**it))
        };
        (!has_selecting || values.clone().any(is_selected)) && !values.clone().any(is_deselected)
    }

    fn values(&self) -> impl Iterator<Item = &String> {
        let selecting = [&self.equals, &self.starts_with, &self.ends_with];
        let deselecting = [&self.not_equals, &self.not_starts_with, &self.not_ends_with];
        selecting.into_iter().chain(deselecting).flatten()
    }

    fn has_only_equals(&self) -> bool {
        !self.equals.is_empty() && self.values().count() == self.equals.len()
    }
}

fn check_basic(all: &[Basic]) -> Result<(), Error> {
    if all.is_empty() || all.len() > BASIC_MAX {
        return wrong(format!(
            "Specify a valid number of event selectors (1 to {BASIC_MAX}) for your trail."
        ));
    }
    let resources: usize = all
        .iter()
        .flat_map(|one| &one.data)
        .map(|data| data.values.len())
        .sum();
    if resources > DATA_RESOURCES_MAX {
        return wrong(format!(
            "A trail is limited to {DATA_RESOURCES_MAX} data resources, and these are {resources}."
        ));
    }
    for one in all {
        if let Some(source) = one.exclude.iter().find(|it| !EXCLUDABLE.contains(&&***it)) {
            return wrong(format!(
                "ExcludeManagementEventSources can hold {} only, not `{}`.",
                EXCLUDABLE.join(" and "),
                short(source)
            ));
        }
        if !one.management && one.data.is_empty() {
            return wrong(
                "An event selector that includes no management events needs data resources.",
            );
        }
        one.data.iter().try_for_each(check_data)?;
    }
    Ok(())
}

fn check_data(data: &DataResource) -> Result<(), Error> {
    if !BASIC_TYPES.contains(&&*data.kind) {
        return wrong(format!(
            "Event selectors know the types {}; for `{}` use advanced event selectors.",
            BASIC_TYPES.join(", "),
            short(&data.kind)
        ));
    }
    let service = match data.kind.as_str() {
        "AWS::S3::Object" => "s3",
        "AWS::Lambda::Function" => "lambda",
        _ => "dynamodb",
    };
    let begin = format!("arn:aws:{service}");
    let is_value = |value: &String| {
        value.chars().count() <= VALUE_CHARS_MAX
            && value
                .strip_prefix(&begin)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    };
    match data.values.iter().find(|value| !is_value(value)) {
        None if !data.values.is_empty() => Ok(()),
        None => wrong(format!("The data resource {} has no values.", data.kind)),
        Some(value) => wrong(format!(
            "Value `{}` is not valid for the type {}: it begins with {begin}.",
            short(value),
            data.kind
        )),
    }
}

fn check_advanced(all: &[Advanced]) -> Result<(), Error> {
    if all.is_empty() {
        return wrong("Specify at least one advanced event selector.");
    }
    let values: usize = all
        .iter()
        .flat_map(|one| &one.fields)
        .map(|field| field.values().count())
        .sum();
    if values > VALUES_MAX {
        return wrong(format!(
            "A trail is limited to {VALUES_MAX} values in all its advanced event selectors, and these are {values}."
        ));
    }
    all.iter().try_for_each(check_one)
}

fn check_one(one: &Advanced) -> Result<(), Error> {
    if one
        .name
        .as_ref()
        .is_some_and(|name| name.chars().count() > NAME_CHARS_MAX)
    {
        return wrong(format!(
            "The name of a selector has at most {NAME_CHARS_MAX} characters."
        ));
    }
    let category = one.category().unwrap_or_default();
    let (known, is_data) = match category {
        "Management" => (MANAGEMENT_FIELDS, false),
        "Data" => (DATA_FIELDS, true),
        _ => {
            return wrong(
                "Every advanced event selector needs the field eventCategory with Equals and the value Management or Data.",
            );
        }
    };
    for (place, field) in one.fields.iter().enumerate() {
        let before = one.fields.iter().take(place);
        if before.into_iter().any(|it| it.field == field.field) {
            return wrong(format!(
                "The field {} stands twice in one selector.",
                short(&field.field)
            ));
        }
        if !known.contains(&&*field.field) {
            return wrong(format!(
                "Field `{}` is not valid for {category} events: there are {}.",
                short(&field.field),
                known.join(", ")
            ));
        }
        check_field(field, is_data)?;
    }
    match is_data && !one.fields.iter().any(|field| field.field == TYPE) {
        true => wrong(
            "An advanced event selector of data events needs the field resources.type with Equals.",
        ),
        false => Ok(()),
    }
}

fn check_field(field: &FieldSelector, is_data: bool) -> Result<(), Error> {
    let name = &field.field;
    let is_value = |value: &&String| (1..=VALUE_CHARS_MAX).contains(&value.chars().count());
    if field.values().next().is_none() {
        return wrong(format!("The field {name} has no operator with values."));
    }
    if !field.values().all(|value| is_value(&value)) {
        return wrong(format!(
            "A value of {name} has 1 to {VALUE_CHARS_MAX} characters."
        ));
    }
    let wants_equals = matches!(
        name.as_str(),
        CATEGORY | TYPE | "readOnly" | "sessionCredentialFromConsole"
    );
    if wants_equals && !(field.has_only_equals() && field.equals.len() == 1) {
        return wrong(format!(
            "The field {name} takes Equals with one value only."
        ));
    }
    let is_truth = matches!(name.as_str(), "readOnly" | "sessionCredentialFromConsole");
    if is_truth
        && !field
            .equals
            .iter()
            .all(|value| value == "true" || value == "false")
    {
        return wrong(format!("The field {name} is true or false."));
    }
    let is_exclusion = field.not_equals.len() == field.values().count()
        && field
            .not_equals
            .iter()
            .all(|it| EXCLUDABLE.contains(&&**it));
    if name == "eventSource" && !is_data && !is_exclusion {
        return wrong(format!(
            "For management events, eventSource takes NotEquals with {} only.",
            EXCLUDABLE.join(" or ")
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
