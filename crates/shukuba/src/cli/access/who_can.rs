//! `shukuba access who-can`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use iam::Iam;
use policy::{Document, Kind};

use crate::access::asked::{Answer, Question};
use crate::app::{self, App};
use crate::{account, output};

/// List who can do something: root, users, and roles for whoever may assume them
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(super) asked: Asked,
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
    /// The policy of the resource, where it has one: a file
    #[arg(long, value_name = "FILE")]
    resource_policy: Option<PathBuf>,
}

impl Asked {
    /// The identities of the data directory, and the question to them.
    pub(super) fn open(&self, app: &App) -> anyhow::Result<(Arc<Iam>, Question)> {
        let server = app.server();
        let iam = account::open_kept(&app.data_dir(), &server)?;
        let of = (&*iam.newest(), server.region.as_str());
        let (action, resource) = (&self.action, &self.resource);
        let question = Question::new(action, resource, &self.context, self.policy()?, of)?;
        Ok((Arc::new(iam), question))
    }

    fn policy(&self) -> anyhow::Result<Option<Document>> {
        let Some(path) = &self.resource_policy else {
            return Ok(None);
        };
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("--resource-policy: cannot read `{}`", path.display()))?;
        let read = Document::parse(&text, Kind::Resource);
        read.map(Some).map_err(|problems| {
            let first = problems.first().map(ToString::to_string);
            app::usage(format!(
                "--resource-policy: `{}` is no policy of a resource: {}",
                path.display(),
                first.unwrap_or_default()
            ))
        })
    }
}

pub(super) fn run(app: &App, args: &Args) -> anyhow::Result<ExitCode> {
    let (iam, question) = args.asked.open(app)?;
    let mut answers = question.by_all(&iam);
    answers.retain(|answer| args.all || answer.is_allowed || !answer.missing.is_empty());
    output::show(app.output(), &answers, |answers| {
        let head = ["can", "principal", "by", "depends on"];
        output::table(&head, answers.iter().map(row))
    });
    Ok(ExitCode::SUCCESS)
}

fn row(answer: &Answer) -> [String; 4] {
    let can = match (answer.is_allowed, answer.missing.is_empty()) {
        (true, _) => "yes",
        (false, true) => "no",
        (false, false) => "depends",
    };
    let by = answer.statements.first();
    let by = by.map(|statement| {
        let (policy, line, column) = (&statement.policy, statement.line, statement.column);
        format!("{policy}:{line}:{column}")
    });
    [
        can.to_owned(),
        answer.principal.clone(),
        by.unwrap_or_default(),
        answer.missing.join(", "),
    ]
}
