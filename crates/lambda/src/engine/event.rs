//! What is done with asynchronous invocations.

use std::ops::RangeInclusive;

use super::check::{self, constraint};
use super::error::{Error, Missing};
use super::record::EventConfig;
use super::state::{Command, Edit, Stamp, version};
use crate::function::{FunctionName, LATEST, Qualifier};

/// How often an event may be tried again. Source: API reference, PutFunctionEventInvokeConfig.
pub const RETRIES: RangeInclusive<u32> = 0..=2;
/// How old an event may become, in seconds. Source: as [`RETRIES`].
pub const AGE_SECS: RangeInclusive<u32> = 60..=21_600;

/// Whether what is not said is as if nothing had been said before, or stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// It is as if nothing had been said before.
    Replaced,
    /// It stays.
    Kept,
}

/// Says what is done with asynchronous invocations of a version or alias.
#[derive(Clone, Debug)]
pub struct PutEventConfig {
    /// Of which function.
    pub name: FunctionName,
    /// Of which version or alias.
    pub qualifier: Option<Qualifier>,
    /// What is said; an empty destination is none. Its time is not looked at.
    pub config: EventConfig,
    /// What becomes of the rest.
    pub others: Others,
}

impl Command for PutEventConfig {
    type Outcome = EventConfig;

    fn run(self, edit: &mut Edit<'_>, stamp: &Stamp) -> Result<EventConfig, Error> {
        let mut function = edit.function(&self.name)?;
        version(&function, self.qualifier.as_ref())?;
        let given = self.config;
        check_config(&given)?;
        let key = event_key(self.qualifier.as_ref());
        let before = match self.others {
            Others::Replaced => EventConfig::default(),
            Others::Kept => function.events.remove(&key).unwrap_or_default(),
        };
        let target = |given: Option<String>, before: Option<String>| {
            given.or(before).filter(|arn| !arn.is_empty())
        };
        let config = EventConfig {
            retries: given.retries.or(before.retries),
            age_secs: given.age_secs.or(before.age_secs),
            on_success: target(given.on_success, before.on_success),
            on_failure: target(given.on_failure, before.on_failure),
            modified: stamp.at,
        };
        function.events.insert(key, config.clone());
        edit.put(function);
        Ok(config)
    }
}

fn check_config(config: &EventConfig) -> Result<(), Error> {
    let is_empty = EventConfig {
        modified: config.modified,
        ..EventConfig::default()
    };
    if *config == is_empty {
        let text = "You must specify at least one of error handling or destination setting.";
        return Err(Error::Invalid(text.to_owned()));
    }
    within("maximumRetryAttempts", config.retries, &RETRIES)?;
    within("maximumEventAgeInSeconds", config.age_secs, &AGE_SECS)?;
    let targets = [&config.on_success, &config.on_failure];
    for arn in targets.into_iter().flatten().filter(|arn| !arn.is_empty()) {
        check::target("destination", arn, &["sqs", "lambda"])?;
    }
    Ok(())
}

fn within(member: &str, value: Option<u32>, bounds: &RangeInclusive<u32>) -> Result<(), Error> {
    match value {
        Some(value) if value < *bounds.start() => Err(constraint(
            member,
            &value.to_string(),
            &format!(
                "Member must have value greater than or equal to {}",
                bounds.start()
            ),
        )),
        Some(value) if value > *bounds.end() => Err(constraint(
            member,
            &value.to_string(),
            &format!(
                "Member must have value less than or equal to {}",
                bounds.end()
            ),
        )),
        _ => Ok(()),
    }
}

/// Takes back what was said.
#[derive(Clone, Debug)]
pub struct DeleteEventConfig {
    /// Of which function.
    pub name: FunctionName,
    /// Of which version or alias.
    pub qualifier: Option<Qualifier>,
}

impl Command for DeleteEventConfig {
    type Outcome = ();

    fn run(self, edit: &mut Edit<'_>, _: &Stamp) -> Result<(), Error> {
        let mut function = edit.function(&self.name)?;
        let qualifier = event_key(self.qualifier.as_ref());
        if function.events.remove(&qualifier).is_none() {
            return Err(no_config(&self.name, &qualifier));
        }
        edit.put(function);
        Ok(())
    }
}

/// Under which name what is said of a version or alias is kept.
#[must_use]
pub fn event_key(qualifier: Option<&Qualifier>) -> String {
    qualifier.map_or_else(|| LATEST.to_owned(), ToString::to_string)
}

/// Nothing was said of it.
#[must_use]
pub fn no_config(name: &FunctionName, qualifier: &str) -> Error {
    Error::NotFound(Missing::EventConfig {
        name: name.clone(),
        qualifier: qualifier.to_owned(),
    })
}
