//! `shukuba access policy make`.

use std::process::ExitCode;

use clap::Subcommand;
use policy::{Effect, Finding, FindingKind, Kind};

use crate::app::{self, App};
use crate::output;

/// Make policies
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print a policy that allows actions on resources, and tell what is risky in it; makes nothing
    Make(Make),
}

#[derive(Debug, clap::Args)]
struct Make {
    /// Actions to allow, with commas between them: sqs:SendMessage,sqs:Get*
    #[arg(
        long,
        value_name = "ACTIONS",
        value_delimiter = ',',
        required_unless_present = "deny",
        conflicts_with = "deny"
    )]
    allow: Vec<String>,
    /// Actions to deny in place of that
    #[arg(long, value_name = "ACTIONS", value_delimiter = ',')]
    deny: Vec<String>,
    /// Resources: ARNs with commas between them, or *
    #[arg(long, value_name = "RESOURCES", value_delimiter = ',', required = true)]
    on: Vec<String>,
}

pub(super) fn run(_app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let What::Make(args) = args.what;
    let (effect, actions) = match args.deny.is_empty() {
        true => (Effect::Allow, &args.allow),
        false => (Effect::Deny, &args.deny),
    };
    let actions: Vec<&str> = actions.iter().map(|text| text.trim()).collect();
    let resources: Vec<&str> = args.on.iter().map(|text| text.trim()).collect();
    let text = policy::make(effect, &actions, &resources).map_err(|problems| {
        let texts: Vec<_> = problems
            .iter()
            .map(|problem| problem.message.clone())
            .collect();
        app::usage(format!(
            "this makes no policy: {} (actions are such as sqs:SendMessage, resources ARNs or *)",
            texts.join("; ")
        ))
    })?;
    let findings = policy::validate(&text, Kind::Identity);
    for finding in &findings {
        output::complain(&told(finding));
    }
    output::print(text.trim_end());
    let is_wrong = findings
        .iter()
        .any(|finding| finding.kind == FindingKind::Error);
    Ok(match is_wrong {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

/// `warning 6:17: …`.
fn told(finding: &Finding) -> String {
    let kind = finding.kind.as_str().to_ascii_lowercase().replace('_', " ");
    let place = finding.locations.first().map(|location| {
        let start = location.span.start;
        format!(" {}:{}", start.line, start.column)
    });
    format!("{kind}{}: {}", place.unwrap_or_default(), finding.details)
}
