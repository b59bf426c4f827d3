//! `shukuba alarm mute`, `mutes` and `unmute`.

use std::process::ExitCode;

use base::setting::Span;
use base::{Clock, SystemClock};
use serde_json::{Value, json};

use super::{cloudwatch, dated};
use crate::alarms::apply::text;
use crate::alarms::find::find;
use crate::alarms::mute::{ALARMS_MAX, again, check, duration, from_now};
use crate::app::{self, App};
use crate::client::cloudwatch::{CloudWatch, set};
use crate::client::service::Where;
use crate::output;

/// Keep alarms from telling anybody for a time, now or again and again; they go on watching
///
/// Makes a mute rule. What is still in ALARM when the time is over is told of then.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Names of alarms; `*` stands for any text, `?` for one character, of the alarms that there are now
    #[arg(required = true, value_name = "NAME|PATTERN")]
    names: Vec<String>,
    /// For so long: 1m to 15d
    #[arg(long = "for", value_name = "SPAN", value_parser = span)]
    lasts: Span,
    /// Begin at these times again and again, not now: minutes, hours, day of month, month, day of week
    #[arg(long, value_name = "FIELDS", value_parser = again)]
    cron: Option<String>,
    /// The time zone of --cron, such as Asia/Tokyo [default: UTC]
    #[arg(long, value_name = "ZONE", requires = "cron")]
    timezone: Option<String>,
    /// What the rule is called; one of that name is overwritten [default: made of the time]
    #[arg(long, value_name = "NAME")]
    rule: Option<String>,
    /// Why, as others read it
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    at: Where,
}

/// List mute rules
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// Only those of this alarm
    #[arg(value_name = "ALARM")]
    alarm: Option<String>,
    #[command(flatten)]
    at: Where,
}

/// Delete mute rules: their alarms tell again
#[derive(Debug, clap::Args)]
pub(crate) struct EndArgs {
    /// Names of rules
    #[arg(required = true, value_name = "RULE")]
    rules: Vec<String>,
    #[command(flatten)]
    at: Where,
}

pub(super) fn run(app: &App, args: &Args) -> anyhow::Result<ExitCode> {
    let cloudwatch = cloudwatch(app, &args.at)?;
    let names: Vec<String> = find(&cloudwatch, &args.names)?.into_keys().collect();
    if names.len() > ALARMS_MAX {
        return Err(app::usage(format!(
            "a rule mutes at most {ALARMS_MAX} alarms, and these are {}: mute them in parts",
            names.len()
        )));
    }
    let input = rule(args, &names, SystemClock::new().now());
    cloudwatch.call("PutAlarmMuteRule", &input)?;
    output::show(app.output(), &input, |input| {
        let schedule = input.pointer("/Rule/Schedule").unwrap_or(input);
        format!(
            "{}: {} muted, {} for {}",
            text(input, "Name"),
            output::of(names.len() as u64, "alarm"),
            text(schedule, "Expression"),
            text(schedule, "Duration")
        )
    });
    Ok(ExitCode::SUCCESS)
}

fn rule(args: &Args, names: &[String], now: base::Timestamp) -> Value {
    let (expression, lasts) = match &args.cron {
        Some(cron) => (cron.clone(), duration(args.lasts.get().as_secs())),
        None => from_now(now, args.lasts.get()),
    };
    let made = || format!("mute-{}", now.rfc3339_secs().replace(['-', ':'], ""));
    let mut input = json!({
        "Name": args.rule.clone().unwrap_or_else(made),
        "Rule": { "Schedule": {
            "Expression": expression,
            "Duration": lasts,
            "Timezone": args.timezone.as_deref().unwrap_or("UTC"),
        } },
        "MuteTargets": { "AlarmNames": names },
    });
    if let Some(reason) = &args.reason {
        set(&mut input, "Description", json!(reason));
    }
    input
}

pub(super) fn list(app: &App, args: &ListArgs) -> anyhow::Result<ExitCode> {
    let wire = cloudwatch(app, &args.at)?;
    let cloudwatch: &dyn CloudWatch = &wire;
    let input = match &args.alarm {
        Some(alarm) => json!({ "AlarmName": alarm }),
        None => json!({}),
    };
    let rules = cloudwatch.list("ListAlarmMuteRules", &input, "AlarmMuteRuleSummaries")?;
    let rules: Vec<Value> = rules.into_iter().map(dated).collect();
    output::show(app.output(), &rules, |rules| {
        output::table(
            &["rule", "status", "kind", "set", "ends"],
            rules.iter().map(row),
        )
    });
    Ok(ExitCode::SUCCESS)
}

fn row(rule: &Value) -> [String; 5] {
    let arn = text(rule, "AlarmMuteRuleArn");
    // arn:aws:cloudwatch:REGION:ACCOUNT:alarm-mute-rule:NAME
    let name = arn.splitn(7, ':').last().unwrap_or(arn);
    let members = ["Status", "MuteType", "LastUpdatedTimestamp", "ExpireDate"];
    let [status, kind, set, ends] = members.map(|member| text(rule, member).to_owned());
    [name.to_owned(), status, kind, set, ends]
}

pub(super) fn end(app: &App, args: &EndArgs) -> anyhow::Result<ExitCode> {
    let cloudwatch = cloudwatch(app, &args.at)?;
    for rule in &args.rules {
        // Deleting what is not there is no error; somebody who mistyped should know.
        let input = json!({ "AlarmMuteRuleName": rule });
        cloudwatch.call("GetAlarmMuteRule", &input)?;
        cloudwatch.call("DeleteAlarmMuteRule", &input)?;
    }
    output::show(app.output(), &json!({ "Deleted": args.rules }), |_| {
        args.rules.join("\n")
    });
    Ok(ExitCode::SUCCESS)
}

fn span(text: &str) -> Result<Span, String> {
    let span: Span = text
        .parse()
        .map_err(|error: base::setting::NotValue| error.to_string())?;
    check(span.get())?;
    Ok(span)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn parsed<const N: usize>(words: [&str; N]) -> Result<Args, String> {
        let words = std::iter::once("mute").chain(words);
        Line::try_parse_from(words)
            .map(|it| it.args)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_rule_is_what_the_api_takes() {
        let now = base::Timestamp::parse_rfc3339("2026-11-29T17:05:00Z").unwrap();
        let names = ["a".to_owned()];
        let once = parsed(["a", "--for", "1h"]).unwrap();
        assert_eq!(
            rule(&once, &names, now),
            json!({"Name": "mute-20261129T170500Z", "MuteTargets": {"AlarmNames": ["a"]},
                "Rule": {"Schedule": {"Expression": "at(2026-11-29T17:05)", "Duration": "PT1H", "Timezone": "UTC"}}})
        );
        let line = [
            "a",
            "--for",
            "2h",
            "--cron",
            "0 2 * * SUN",
            "--timezone",
            "Asia/Tokyo",
            "--rule",
            "night",
            "--reason",
            "backup",
        ];
        assert_eq!(
            rule(&parsed(line).unwrap(), &names, now),
            json!({"Name": "night", "Description": "backup", "MuteTargets": {"AlarmNames": ["a"]},
                "Rule": {"Schedule": {"Expression": "cron(0 2 * * SUN)", "Duration": "PT2H", "Timezone": "Asia/Tokyo"}}})
        );
    }

    #[test]
    fn wrong_times_are_refused_with_what_is_right() {
        for (span, says) in [
            ("30s", "whole minutes"),
            ("16d", "`15d`"),
            ("soon", "such as"),
        ] {
            let error = parsed(["a", "--for", span]).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
        assert!(parsed(["a"]).unwrap_err().contains("--for"));
        assert!(
            parsed(["a", "--for", "1h", "--cron", "daily"])
                .unwrap_err()
                .contains("0 2 * * SUN")
        );
    }
}
