//! The bounds of settings, with the sentences that AWS says about them.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::Error;
use crate::function::Settings;
use crate::function::settings::{
    DESCRIPTION_CHARS_MAX, ENVIRONMENT_BYTES_MAX, HANDLER_CHARS_MAX, MEMORY_MIB, RUNTIMES,
    STORAGE_MIB, TIMEOUT_SECS,
};

/// Variables that Lambda sets itself. Source: Lambda Developer Guide, "Defined runtime environment variables", "Reserved".
const RESERVED: &[&str] = &[
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
];
/// Longest name of a log group, in characters. Source: CloudWatch Logs API Reference.
const LOG_GROUP_CHARS_MAX: usize = 512;

/// Checks all settings. `architecture`: that of this machine.
///
/// # Errors
/// The first that is wrong.
pub fn settings(settings: &Settings, architecture: &str) -> Result<(), Error> {
    runtime(&settings.runtime)?;
    within("memorySize", settings.memory_mib, MEMORY_MIB)?;
    within("timeout", settings.timeout_secs, TIMEOUT_SECS)?;
    within("ephemeralStorage.size", settings.storage_mib, STORAGE_MIB)?;
    description(&settings.description)?;
    let is_fit = |c: char| !c.is_whitespace();
    let handler = &settings.handler;
    if handler.chars().count() > HANDLER_CHARS_MAX || !handler.chars().all(is_fit) {
        return Err(unfit(
            "handler",
            handler,
            "[^\\s]+ with at most 128 characters",
        ));
    }
    if settings.architecture != architecture {
        return Err(Error::Invalid(format!(
            "Functions run on this machine: Architectures must be [{architecture}], not [{}].",
            settings.architecture
        )));
    }
    if !matches!(&*settings.tracing, "PassThrough" | "Active") {
        let values = "Member must satisfy enum value set: [Active, PassThrough]";
        return Err(constraint("tracingConfig.mode", &settings.tracing, values));
    }
    environment(&settings.environment)?;
    if let Some(group) = &settings.log_group {
        log_group(group)?;
    }
    match &settings.dead_letters {
        Some(arn) => target("DeadLetterConfig", arn, &["sqs"]),
        None => Ok(()),
    }
}

fn runtime(runtime: &str) -> Result<(), Error> {
    match RUNTIMES.contains(&runtime) {
        true => Ok(()),
        false => Err(Error::Invalid(format!(
            "Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [{}] or be a valid ARN. \
             Functions here are programs that speak the runtime API: build the function as an executable named bootstrap.",
            RUNTIMES.join(", ")
        ))),
    }
}

fn within(member: &str, value: u32, bounds: RangeInclusive<u32>) -> Result<(), Error> {
    let (least, most) = (bounds.start(), bounds.end());
    let text = match value {
        value if value < *least => {
            format!("Member must have value greater than or equal to {least}")
        }
        value if value > *most => format!("Member must have value less than or equal to {most}"),
        _ => return Ok(()),
    };
    Err(constraint(member, &value.to_string(), &text))
}

/// Checks a description.
///
/// # Errors
/// Where it is too long.
pub fn description(description: &str) -> Result<(), Error> {
    match description.chars().count() > DESCRIPTION_CHARS_MAX {
        true => Err(constraint(
            "description",
            description,
            "Member must have length less than or equal to 256",
        )),
        false => Ok(()),
    }
}

fn environment(variables: &BTreeMap<String, String>) -> Result<(), Error> {
    let mut letters = variables.keys().filter(|name| !is_variable(name));
    if let Some(name) = letters.next() {
        return Err(unfit(
            "environment.variables",
            name,
            "[a-zA-Z]([a-zA-Z0-9_])+",
        ));
    }
    let reserved: Vec<&str> = variables
        .keys()
        .map(String::as_str)
        .filter(|name| RESERVED.contains(name))
        .collect();
    if !reserved.is_empty() {
        return Err(Error::Invalid(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have provided contains \
             reserved keys that are currently not supported for modification. Reserved keys used in this request: {}",
            reserved.join(", ")
        )));
    }
    if variables.values().any(|value| value.contains('\0')) {
        return Err(Error::Invalid(
            "Lambda was unable to configure your environment variables because a value contains a null character.".to_owned(),
        ));
    }
    let bytes = variables
        .iter()
        .map(|(name, value)| name.len() + value.len());
    match bytes.sum::<usize>() > ENVIRONMENT_BYTES_MAX {
        true => Err(Error::Invalid(
            "Lambda was unable to configure your environment variables because the environment variables you have provided exceeded \
             the 4KB limit."
                .to_owned(),
        )),
        false => Ok(()),
    }
}

fn is_variable(name: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    // AWS's own names begin with `_`; they are told as reserved.
    RESERVED.contains(&name)
        || (name.len() > 1
            && name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name.bytes().all(is_fit))
}

fn log_group(group: &str) -> Result<(), Error> {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/#".contains(&byte);
    match (1..=LOG_GROUP_CHARS_MAX).contains(&group.len()) && group.bytes().all(is_fit) {
        true => Ok(()),
        false => Err(unfit(
            "loggingConfig.logGroup",
            group,
            "[\\.\\-_/#A-Za-z0-9]+",
        )),
    }
}

/// Checks the ARN of a queue or function that is told something.
///
/// # Errors
/// Where it is none of a service of `services`.
pub fn target(member: &str, arn: &str, services: &[&str]) -> Result<(), Error> {
    let service = arn.parse::<base::Arn>().map(|arn| arn.service);
    match service.is_ok_and(|service| services.contains(&&*service)) {
        true => Ok(()),
        false => Err(Error::Invalid(format!(
            "The provided {member} target {arn} is invalid: it must be the ARN of one of [{}].",
            services.join(", ")
        ))),
    }
}

/// `1 validation error detected: Value 'x' at 'y' failed to satisfy constraint: …`.
#[must_use]
pub fn constraint(member: &str, value: &str, must: &str) -> Error {
    let value: String = value.chars().take(300).collect();
    Error::OutOfBounds(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {must}"
    ))
}

/// [`constraint`] with a pattern.
#[must_use]
pub fn unfit(member: &str, value: &str, pattern: &str) -> Error {
    let must = format!("Member must satisfy regular expression pattern: {pattern}");
    constraint(member, value, &must)
}
