//! `shukuba alarm …`: alarms of a server or of AWS. A file each.

use std::process::ExitCode;

use base::Timestamp;
use clap::Subcommand;
use serde_json::{Map, Value};

use crate::app::App;
use crate::client::cloudwatch::Wire;
use crate::client::service::{Name, Service, Where};

mod list;
mod mute;
mod set;
mod show;
mod turn;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Set(set::Args),
    List(list::Args),
    Show(show::Args),
    History(show::HistoryArgs),
    Delete(turn::DeleteArgs),
    /// Let alarms act again when their state changes
    Enable(turn::Args),
    /// Keep alarms from acting; they go on watching
    Disable(turn::Args),
    Test(turn::TestArgs),
    Mute(mute::Args),
    Mutes(mute::ListArgs),
    Unmute(mute::EndArgs),
}

pub(super) fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    match args.what {
        What::Set(args) => set::run(app, args),
        What::List(args) => list::run(app, &args),
        What::Show(args) => show::run(app, &args),
        What::History(args) => show::history(app, &args),
        What::Delete(args) => turn::delete(app, &args),
        What::Enable(args) => turn::actions(app, &args, "EnableAlarmActions"),
        What::Disable(args) => turn::actions(app, &args, "DisableAlarmActions"),
        What::Test(args) => turn::test(app, &args),
        What::Mute(args) => mute::run(app, &args),
        What::Mutes(args) => mute::list(app, &args),
        What::Unmute(args) => mute::end(app, &args),
    }
}

/// CloudWatch, where the command says.
pub(in crate::cli) fn cloudwatch(app: &App, at: &Where) -> anyhow::Result<Wire> {
    Ok(Wire::new(Service::open(app, at, Name::CloudWatch)?))
}

/// An answer with its moments as people and programs read them, RFC 3339, in place of seconds since the epoch.
pub(in crate::cli) fn dated(value: Value) -> Value {
    match value {
        Value::Array(list) => list.into_iter().map(dated).collect(),
        Value::Object(object) => {
            let members = object
                .into_iter()
                .map(|(name, value)| match moment(&name, &value) {
                    Some(text) => (name, Value::String(text)),
                    None => (name, dated(value)),
                });
            Value::Object(members.collect::<Map<_, _>>())
        }
        other => other,
    }
}

fn moment(name: &str, value: &Value) -> Option<String> {
    let is_moment =
        name.ends_with("Timestamp") || matches!(name, "LastModified" | "StartDate" | "ExpireDate");
    let secs = value.as_f64().filter(|secs| is_moment && *secs >= 0.0)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a moment of our age; too large ones saturate"
    )]
    let millis = (secs * 1000.0).round() as u64;
    Some(Timestamp::from_millis(millis).rfc3339())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn moments_of_answers_are_written_out() {
        let answer = json!({"MetricAlarms": [{"AlarmName": "a", "StateUpdatedTimestamp": 1_795_424_400.25, "Threshold": 1.0}]});
        let expected = json!({"MetricAlarms": [
            {"AlarmName": "a", "StateUpdatedTimestamp": "2026-11-23T09:00:00.250Z", "Threshold": 1.0}]});
        assert_eq!(dated(answer), expected);
    }
}
