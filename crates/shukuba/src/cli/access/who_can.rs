//! `shukuba access who-can`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use serde_json::Value;

use super::report;
use crate::answers::access::Asked as Input;
use crate::app::App;
use crate::cli::operator::{At, list, text};
use crate::output;

/// List who can do something: root, users, and roles for whoever may assume them
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    at: At,
    #[command(flatten)]
    asked: Asked,
    /// List those too who cannot
    #[arg(long)]
    all: bool,
}

/// What is asked.
#[derive(Debug, clap::Args)]
pub(super) struct Asked {
    /// Such as sqs:SendMessage
    action: String,
    /// An ARN, in which * may stand for the region and the account, or * for an action that has no resource
    resource: String,
    /// What is known of the call, such as aws:SourceIp=192.0.2.1; may be given more than once
    #[arg(long = "context", value_name = "KEY=VALUE")]
    context: Vec<String>,
    /// A policy of the resource to be taken instead of the one that it has: a file
    #[arg(long, value_name = "FILE")]
    resource_policy: Option<PathBuf>,
}

impl Asked {
    /// The question: about one, or about everybody.
    pub(super) fn input(self, principal: Option<String>) -> anyhow::Result<Input> {
        let policy = self.resource_policy.map(|path| {
            std::fs::read_to_string(&path)
                .with_context(|| format!("--resource-policy: cannot read `{}`", path.display()))
        });
        Ok(Input {
            principal,
            action: self.action,
            resource: self.resource,
            context: self.context,
            resource_policy: policy.transpose()?,
        })
    }
}

pub(super) fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let input = args.asked.input(None)?;
    let mut answer = report(app, &args.at, "access-who-can", &input)?;
    if let Some(answers) = answer.as_array_mut() {
        answers.retain(|answer| args.all || can(answer) != "no");
    }
    output::show(app.output(), &answer, |answers| {
        let head = ["can", "principal", "by", "depends on"];
        output::table(&head, answers.as_array().into_iter().flatten().map(row))
    });
    Ok(ExitCode::SUCCESS)
}

fn can(answer: &Value) -> &'static str {
    match (answer["IsAllowed"] == true, list(answer, "Missing")) {
        (true, _) => "yes",
        (false, []) => "no",
        (false, _) => "depends",
    }
}

fn row(answer: &Value) -> [String; 4] {
    let by = list(answer, "Statements").first().map(place);
    [
        can(answer).to_owned(),
        text(answer, "Principal"),
        by.unwrap_or_default(),
        missing(answer),
    ]
}

/// The statement's policy, line and column.
pub(super) fn place(statement: &Value) -> String {
    let part = |name| text(statement, name);
    format!("{}:{}:{}", part("Policy"), part("Line"), part("Column"))
}

/// The context keys that are asked for and not given.
pub(super) fn missing(answer: &Value) -> String {
    let keys = list(answer, "Missing").iter().filter_map(Value::as_str);
    keys.collect::<Vec<_>>().join(", ")
}
