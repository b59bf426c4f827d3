//! `shukuba alarm delete`, `enable`, `disable` and `test`.

use std::process::ExitCode;

use serde::Serialize;
use serde_json::json;

use super::cloudwatch;
use super::list::State;
use crate::alarms::apply::NAMES_MAX;
use crate::alarms::find::{find, to_delete};
use crate::app::App;
use crate::cli::operator::confirm;
use crate::client::cloudwatch::CloudWatch;
use crate::client::service::Where;
use crate::output;

/// Which alarms.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Names of alarms; `*` stands for any text, `?` for one character
    #[arg(required = true, value_name = "NAME|PATTERN")]
    names: Vec<String>,
    #[command(flatten)]
    at: Where,
}

/// Delete alarms; what would go is shown and asked about
#[derive(Debug, clap::Args)]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    of: Args,
    /// Show what would be deleted, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Delete without asking
    #[arg(long)]
    yes: bool,
}

/// Put an alarm into a state, to see that its actions reach somebody: the next evaluation overwrites it
#[derive(Debug, clap::Args)]
pub(crate) struct TestArgs {
    /// The alarm's name
    name: String,
    /// The state
    #[arg(long, value_enum, ignore_case = true, value_name = "STATE")]
    state: State,
    /// Why, as those who are told read it
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "Set with shukuba alarm test"
    )]
    reason: String,
    #[command(flatten)]
    at: Where,
}

/// What was done, for programs.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Outcome {
    alarm_names: Vec<String>,
    done: bool,
}

pub(super) fn delete(app: &App, args: &DeleteArgs) -> anyhow::Result<ExitCode> {
    let cloudwatch = cloudwatch(app, &args.of.at)?;
    let alarms = find(&cloudwatch, &args.of.names)?;
    let is_json = app.output() == output::Format::Json;
    if !is_json {
        let lines: Vec<_> = alarms.keys().map(|name| format!("- {name}")).collect();
        output::print(&output::plain(&lines.join("\n"), &['\n']));
    }
    let question = format!("delete {}", output::of(alarms.len() as u64, "alarm"));
    let is_done = !args.dry_run && confirm(&question, args.yes)?;
    if is_done {
        for names in to_delete(&alarms) {
            cloudwatch.call("DeleteAlarms", &json!({ "AlarmNames": names }))?;
        }
    }
    let outcome = Outcome {
        alarm_names: alarms.into_keys().collect(),
        done: is_done,
    };
    output::show(app.output(), &outcome, |outcome| {
        match (outcome.done, args.dry_run) {
            (true, _) => format!(
                "{} deleted",
                output::of(outcome.alarm_names.len() as u64, "alarm")
            ),
            (false, true) => "dry run: nothing was done".to_owned(),
            (false, false) => "nothing was done".to_owned(),
        }
    });
    Ok(match is_done || args.dry_run {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// `operation`: `EnableAlarmActions` or `DisableAlarmActions`.
pub(super) fn actions(app: &App, args: &Args, operation: &str) -> anyhow::Result<ExitCode> {
    let cloudwatch = cloudwatch(app, &args.at)?;
    let names: Vec<String> = find(&cloudwatch, &args.names)?.into_keys().collect();
    for some in names.chunks(NAMES_MAX) {
        cloudwatch.call(operation, &json!({ "AlarmNames": some }))?;
    }
    let outcome = Outcome {
        alarm_names: names,
        done: true,
    };
    output::show(app.output(), &outcome, |outcome| {
        outcome.alarm_names.join("\n")
    });
    Ok(ExitCode::SUCCESS)
}

pub(super) fn test(app: &App, args: &TestArgs) -> anyhow::Result<ExitCode> {
    let cloudwatch = cloudwatch(app, &args.at)?;
    let state = args.state.as_str();
    let input = json!({ "AlarmName": args.name, "StateValue": state, "StateReason": args.reason });
    // An unknown alarm is refused without a text.
    let answered = cloudwatch.call("SetAlarmState", &input);
    if answered
        .as_ref()
        .is_err_and(|failure| failure.is("ResourceNotFound"))
    {
        anyhow::bail!("no alarm is called `{}`", args.name);
    }
    answered?;
    let outcome = json!({ "AlarmName": args.name, "StateValue": state });
    output::show(app.output(), &outcome, |_| {
        format!("{} is {state} until it is evaluated again", args.name)
    });
    Ok(ExitCode::SUCCESS)
}
