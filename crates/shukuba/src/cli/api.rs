//! `shukuba api schema SERVICE`: what the operations take and answer, as JSON, for comparison with a published model.

use std::process::ExitCode;

use serde_json::{Value, json};
use wire::schema::{Kind, Member, Schema, Support};

use crate::app::{self, App};
use crate::output;

/// Print what the operations of a service take and answer
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Every operation with the members of its request and its answer, as JSON
    Schema {
        /// The service: `cloudwatch`, `events`, `iam`, `lambda` or `sqs`
        service: String,
    },
}

pub(super) fn run(_app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let What::Schema { service } = args.what;
    let operations = operations(&service).ok_or_else(|| {
        app::usage(format!(
            "no service is called `{service}`; there are: cloudwatch, events, iam, lambda, logs, sqs"
        ))
    })?;
    output::print(&output::json(
        &json!({ "service": service, "operations": operations }),
    ));
    Ok(ExitCode::SUCCESS)
}

fn operations(service: &str) -> Option<Vec<Value>> {
    let operation = |(name, input, output, _): api::Shapes| json!({ "name": name, "input": members(input), "output": members(output) });
    match service {
        "cloudwatch" => Some(cloudwatch::ops::schemas().map(operation).collect()),
        "events" => Some(lambda::rules::ops::schemas().map(operation).collect()),
        "logs" => Some(logs::ops::schemas().map(operation).collect()),
        "iam" => Some(iam::ops::schemas().map(operation).collect()),
        "lambda" => Some(lambda::ops::schemas().map(operation).collect()),
        "sqs" => Some(sqs::ops::schemas().map(operation).collect()),
        _ => None,
    }
}

fn members(schema: &Schema) -> Vec<Value> {
    schema.members.iter().map(member).collect()
}

fn member(member: &Member) -> Value {
    let nested = member.kind.structure().map(members);
    let mut value = json!({
        "name": member.name,
        "type": Kind::model_name(member.kind),
        "required": member.is_required,
        "sensitive": member.is_sensitive,
        "support": support(member.support),
    });
    if let (Some(map), Some(nested)) = (value.as_object_mut(), nested) {
        map.insert("members".to_owned(), Value::from(nested));
    }
    value
}

fn support(support: Support) -> &'static str {
    match support {
        Support::Full => "full",
        Support::Ignored => "ignored",
        Support::Refused => "refused",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_says_its_members() {
        let operations = operations("sqs").unwrap();
        assert_eq!(operations.len(), 23);
        let send = operations
            .iter()
            .find(|operation| operation["name"] == "SendMessage")
            .unwrap();
        let names: Vec<&str> = send["input"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|m| m["name"].as_str())
            .collect();
        assert!(names.contains(&"MessageBody"), "{names:?}");
    }
}
