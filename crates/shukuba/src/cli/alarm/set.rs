//! `shukuba alarm set`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::ValueEnum;
use cloudwatch::metric::Statistic;
use serde::Serialize;

use super::cloudwatch;
use crate::alarms::apply::{self, There};
use crate::alarms::condition::{self, Comparison, Lasts, check_window, sign};
use crate::alarms::naming::Format;
use crate::alarms::plan::{Change, Deed, Field, Plan, Prune, plan, shown};
use crate::alarms::rule::{Input, Rule, Wanted};
use crate::app::{self, App};
use crate::cli::operator::confirm;
use crate::client::cloudwatch::Wire;
use crate::client::ec2;
use crate::client::service::{Forms, Name, Service, Where, account};
use crate::output;

/// Actions of one state. Source: PutMetricAlarm.
const ACTIONS_MAX: usize = 5;
/// Characters of a topic's name. Source: SNS, CreateTopic.
const TOPIC_CHARS_MAX: usize = 256;

/// Set an alarm on every instance whose Name matches, or one alarm of a metric; repeatable, here and on AWS
///
/// Each instance gets an alarm of its own, with its Name in the alarm's. What is added and changed is shown first. A second run
/// finds nothing to do. Instances that share a Name are refused with their ids, and nothing is set.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("threshold").required(true).multiple(false).args(["above", "below", "at_least", "at_most"])))]
pub(crate) struct Args {
    /// The tag Name of the instances: `*` stands for any text, `?` for one character
    #[arg(required_unless_present = "alarm_name", conflicts_with = "alarm_name")]
    pattern: Option<String>,
    /// One alarm of this name, for a metric of no instance
    #[arg(long, value_name = "NAME", conflicts_with_all = ["name_format", "prune"])]
    alarm_name: Option<String>,
    /// The metric, such as CPUUtilization or mem_used_percent
    #[arg(long, value_name = "METRIC")]
    metric: String,
    /// Where the metric is [default: that of well-known metrics, such as AWS/EC2 or CWAgent]
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// A dimension besides `InstanceId`; a value with `{Name}` or `{id}` takes its place
    #[arg(long = "dimension", value_name = "NAME=VALUE", value_parser = dimension)]
    dimensions: Vec<(String, Format)>,
    /// Average, Sum, Minimum, Maximum, SampleCount, or such as p99 or TM(10%:90%)
    #[arg(long, value_name = "STATISTIC", default_value = "Average", value_parser = statistic)]
    statistic: Statistic,
    /// Too much is more than this
    #[arg(long, value_name = "VALUE", value_parser = number, allow_negative_numbers = true)]
    above: Option<f64>,
    /// Too little is less than this
    #[arg(long, value_name = "VALUE", value_parser = number, allow_negative_numbers = true)]
    below: Option<f64>,
    /// Too much is this and more
    #[arg(long, value_name = "VALUE", value_parser = number, allow_negative_numbers = true)]
    at_least: Option<f64>,
    /// Too little is this and less
    #[arg(long, value_name = "VALUE", value_parser = number, allow_negative_numbers = true)]
    at_most: Option<f64>,
    /// In so many of the latest so many periods
    #[arg(long = "for", value_name = "M/N", default_value = "3/5")]
    lasts: Lasts,
    /// A period: 10s, 20s, 30s or whole minutes
    #[arg(long, value_name = "SPAN", default_value = "60s", value_parser = condition::period)]
    period: u32,
    /// What a period without data counts as [default: missing]
    #[arg(long, value_enum, value_name = "HOW")]
    treat_missing: Option<Silence>,
    /// Who is told of ALARM and of OK: a name, or an ARN; more than once for several
    #[arg(long, value_name = "NAME|ARN")]
    notify: Vec<String>,
    /// How bad it is: becomes the tag `severity`
    #[arg(long, value_enum, value_name = "HOW")]
    severity: Option<Severity>,
    /// What people read of it [default: left as it is]
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// How alarms are called: {Name}, {id}, {metric} and {namespace} may stand in it
    #[arg(long, value_name = "FORM", default_value = "{Name}-{metric}")]
    name_format: Format,
    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Delete the alarms that this command had set for instances that are gone
    #[arg(long)]
    prune: bool,
    /// Delete without asking
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    at: Where,
}

/// How a period without data counts.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Silence {
    /// As nothing: without any data the state is INSUFFICIENT_DATA
    Missing,
    /// The state stays
    Ignore,
    /// As too much
    Breaching,
    /// As good
    #[value(name = "not-breaching", alias = "notBreaching")]
    NotBreaching,
}

/// How bad an alarm is.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Severity {
    /// Somebody must get up
    Critical,
    /// Somebody must look
    Warning,
    /// Nobody must
    Info,
}

/// What was done, for programs.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Outcome<'a> {
    dry_run: bool,
    done: usize,
    #[serde(flatten)]
    plan: &'a Plan,
}

pub(super) fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let cloudwatch = cloudwatch(app, &args.at)?;
    let rule = rule(app, &args, cloudwatch.region())?;
    let prune = if args.prune { Prune::Yes } else { Prune::No };
    let (wanted, (existing, gone)) = match (&args.pattern, &args.alarm_name) {
        (Some(pattern), _) => of_instances(app, &args, pattern, &rule, &cloudwatch)?,
        (None, Some(name)) => {
            let wanted = rule
                .alone(name)
                .map_err(|error| app::usage(error.to_string()))?;
            (vec![wanted], apply::alone(&cloudwatch, name)?)
        }
        (None, None) => return Err(app::usage("give a pattern, or --alarm-name")),
    };
    let plan = plan(wanted, &existing, &gone, prune);
    let is_json = app.output() == output::Format::Json;
    if !is_json {
        output::print(&output::plain(&diff(&plan), &['\n']));
    }
    let done = match args.dry_run || plan.is_done() {
        true => Some(0),
        false => carried_out(&cloudwatch, &plan, args.yes)?,
    };
    let outcome = Outcome {
        dry_run: args.dry_run,
        done: done.unwrap_or(0),
        plan: &plan,
    };
    if is_json {
        output::print(&output::json(&outcome));
    } else if let Some(text) = ending(&plan, args.dry_run, done) {
        output::print(&text);
    }
    Ok(if done.is_some() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn of_instances(
    app: &App,
    args: &Args,
    pattern: &str,
    rule: &Rule,
    cloudwatch: &Wire,
) -> anyhow::Result<(Vec<Wanted>, There)> {
    let calls = Forms::new(Service::open(app, &args.at, Name::Ec2)?, ec2::VERSION);
    let instances = ec2::named(&calls, pattern)?;
    // With --prune the last instance may be gone too; then its alarm is shown and asked about.
    anyhow::ensure!(
        !instances.is_empty() || args.prune,
        "no instance has a Name like `{pattern}`"
    );
    let wanted = rule.of_instances(pattern, &instances, &args.name_format)?;
    let there = apply::there(cloudwatch, pattern, rule, &args.name_format, &wanted)?;
    anyhow::ensure!(
        !wanted.is_empty() || !there.1.is_empty(),
        "no instance has a Name like `{pattern}`, and no alarm was set for one"
    );
    Ok((wanted, there))
}

/// Does it, and gives how many alarms it did; `None` where somebody said no.
fn carried_out(cloudwatch: &Wire, plan: &Plan, is_yes: bool) -> anyhow::Result<Option<usize>> {
    let deleted = plan.of(Deed::Delete).count() as u64;
    if deleted > 0 && !confirm(&format!("delete {}", output::of(deleted, "alarm")), is_yes)? {
        return Ok(None);
    }
    let mut done = 0;
    let applied = apply::apply(cloudwatch, plan, |_| done += 1);
    applied.map_err(|failure| {
        anyhow::Error::new(failure).context(format!(
            "{} done, then it failed; run the same again to go on",
            output::of(done as u64, "alarm")
        ))
    })?;
    Ok(Some(done))
}

fn rule(app: &App, args: &Args, region: &str) -> anyhow::Result<Rule> {
    check_window(args.period, args.lasts).map_err(app::usage)?;
    let namespace = match &args.namespace {
        Some(namespace) => namespace.clone(),
        None => condition::namespace(&args.metric)
            .map_err(app::usage)?
            .to_owned(),
    };
    let (comparison, threshold) = threshold(args)?;
    Ok(Rule {
        namespace,
        metric: args.metric.clone(),
        statistic: args.statistic,
        period_secs: args.period,
        lasts: args.lasts,
        comparison,
        threshold,
        missing: args.treat_missing.map(Silence::as_str),
        dimensions: args.dimensions.clone(),
        actions: actions(app, args, region)?,
        description: args.description.clone(),
        severity: args.severity.map(Severity::as_str),
    })
}

fn threshold(args: &Args) -> anyhow::Result<(Comparison, f64)> {
    let given = [
        (Comparison::Above, args.above),
        (Comparison::Below, args.below),
        (Comparison::AtLeast, args.at_least),
        (Comparison::AtMost, args.at_most),
    ];
    let given = given
        .into_iter()
        .find_map(|(comparison, value)| Some((comparison, value?)));
    given.ok_or_else(|| app::usage("give --above, --below, --at-least or --at-most"))
}

/// The ARNs of those who are told. Only a bare name needs the account's number.
fn actions(app: &App, args: &Args, region: &str) -> anyhow::Result<Vec<String>> {
    if args.notify.len() > ACTIONS_MAX {
        return Err(app::usage(format!(
            "an alarm tells at most {ACTIONS_MAX}: --notify was given more often"
        )));
    }
    let is_name = |text: &&String| !text.starts_with("arn:");
    if let Some(wrong) = args
        .notify
        .iter()
        .filter(is_name)
        .find(|name| !is_topic(name))
    {
        return Err(app::usage(format!(
            "`{wrong}` is neither an ARN nor a name: letters, digits, `-` and `_`, such as `ops`"
        )));
    }
    let account = match args.notify.iter().any(|text| is_name(&text)) {
        true => account(app, &args.at)?,
        false => String::new(),
    };
    let arns = args.notify.iter().map(|text| arn(text, region, &account));
    Ok(arns.collect())
}

fn arn(text: &str, region: &str, account: &str) -> String {
    let partition = match region {
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    match text.starts_with("arn:") {
        true => text.to_owned(),
        false => format!("arn:{partition}:sns:{region}:{account}:{text}"),
    }
}

fn is_topic(name: &str) -> bool {
    let is_right = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    (1..=TOPIC_CHARS_MAX).contains(&name.len()) && name.chars().all(is_right)
}

fn diff(plan: &Plan) -> String {
    let mut lines: Vec<String> = plan.changes.iter().filter_map(line).collect();
    let kept = plan.of(Deed::Keep).count() as u64;
    if kept > 0 {
        lines.push(format!("= {} unchanged", output::of(kept, "alarm")));
    }
    lines.join("\n")
}

fn line(change: &Change) -> Option<String> {
    let whose = change
        .instance_id
        .as_ref()
        .map_or_else(String::new, |id| format!(" ({id})"));
    let name = format!("{}{whose}", change.alarm_name);
    Some(match change.deed {
        Deed::Add => {
            let says = change.put.as_ref().map(in_words).unwrap_or_default();
            format!("+ {name}: {says}")
        }
        Deed::Change => {
            let fields: Vec<_> = change.fields.iter().map(field).collect();
            let warning = change.warning.as_ref().map_or_else(String::new, |text| {
                format!("\n! {}: {text}", change.alarm_name)
            });
            format!("~ {name}: {}{warning}", fields.join("; "))
        }
        Deed::Delete => format!("- {name}: its instance is gone"),
        Deed::Leave => format!("? {name}: its instance is gone; --prune deletes it"),
        Deed::Keep => return None,
    })
}

fn field(field: &Field) -> String {
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
    format!(
        "{} {} -> {}",
        field.name,
        shown(&field.old),
        shown(&field.new)
    )
}

/// An alarm in a line: `AWS/EC2 CPUUtilization Average > 80 in 3 of 5 periods of 60 s`.
fn in_words(input: &Input) -> String {
    let member = |name: &str| input.get(name).map(shown).unwrap_or_default();
    let actions = member("AlarmActions");
    let tells = if actions.is_empty() {
        String::new()
    } else {
        format!(", tells {actions}")
    };
    format!(
        "{} {} {}{} {} {} in {} of {} periods of {} s{tells}",
        member("Namespace"),
        member("MetricName"),
        member("Statistic"),
        member("ExtendedStatistic"),
        sign(&member("ComparisonOperator")),
        member("Threshold"),
        member("DatapointsToAlarm"),
        member("EvaluationPeriods"),
        member("Period"),
    )
}

fn ending(plan: &Plan, is_dry: bool, done: Option<usize>) -> Option<String> {
    let done = done?;
    Some(match (plan.is_done(), is_dry) {
        (true, _) => "nothing to do".to_owned(),
        (false, true) => "dry run: nothing was done".to_owned(),
        (false, false) => {
            let mut counts: BTreeMap<Deed, u64> = BTreeMap::new();
            for change in &plan.changes {
                *counts.entry(change.deed).or_default() += 1;
            }
            let count = |deed: Deed| counts.get(&deed).copied().unwrap_or(0);
            debug_assert_eq!(
                done as u64,
                count(Deed::Add) + count(Deed::Change) + count(Deed::Delete)
            );
            format!(
                "{} added, {} changed, {} deleted",
                count(Deed::Add),
                count(Deed::Change),
                count(Deed::Delete)
            )
        }
    })
}

fn dimension(text: &str) -> Result<(String, Format), String> {
    let pair = text
        .split_once('=')
        .filter(|(name, value)| !name.is_empty() && !value.is_empty());
    let (name, value) =
        pair.ok_or_else(|| format!("`{text}` is not NAME=VALUE, such as `path=/`"))?;
    Ok((name.to_owned(), value.parse()?))
}

fn statistic(text: &str) -> Result<Statistic, String> {
    text.parse().map_err(|_| {
        format!("`{text}` is no statistic: Average, Sum, Minimum, Maximum, SampleCount, or such as p99, p99.9 or TM(10%:90%)")
    })
}

fn number(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    number.ok_or_else(|| format!("`{text}` is not a number, such as `80` or `0.5`"))
}

impl Silence {
    /// As the API writes it.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Ignore => "ignore",
            Self::Breaching => "breaching",
            Self::NotBreaching => "notBreaching",
        }
    }
}

impl Severity {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::Parser;

    use super::*;
    use crate::client::ec2::Instance;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn parsed(line: &str) -> Result<Args, String> {
        let words = std::iter::once("set").chain(line.split_whitespace());
        Line::try_parse_from(words)
            .map(|it| it.args)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_missing_or_too_much_is_refused_by_name() {
        for (line, says) in [
            ("web-* --metric m", "--above"),
            (
                "web-* --metric m --above 1 --below 2",
                "cannot be used with",
            ),
            ("--metric m --above 1", "PATTERN"),
            (
                "web-* --alarm-name x --metric m --above 1",
                "cannot be used with",
            ),
            ("web-* --metric m --above 80%", "is not a number"),
            ("web-* --metric m --above NaN", "is not a number"),
            ("web-* --metric m --above 1 --for 5/3", "such as `3/5`"),
            ("web-* --metric m --above 1 --period 45s", "is not a period"),
            (
                "web-* --metric m --above 1 --statistic average",
                "is no statistic",
            ),
            ("web-* --metric m --above 1 --dimension path", "NAME=VALUE"),
            (
                "web-* --metric m --above 1 --name-format {name}",
                "`{Name}`",
            ),
        ] {
            let error = parsed(line).unwrap_err();
            assert!(error.contains(says), "{line}: {error}");
        }
    }

    #[test]
    fn a_threshold_is_read_with_its_comparison() {
        for (line, expected) in [
            ("--above 80", (Comparison::Above, 80.0)),
            ("--below -1.5", (Comparison::Below, -1.5)),
            ("--at-least 0", (Comparison::AtLeast, 0.0)),
            ("--at-most 1e3", (Comparison::AtMost, 1000.0)),
        ] {
            let args = parsed(&format!("web-* --metric CPUUtilization {line}")).unwrap();
            assert_eq!(threshold(&args).unwrap(), expected);
            assert_eq!(
                (args.period, args.lasts.points, args.lasts.periods),
                (60, 3, 5)
            );
        }
    }

    #[test]
    fn names_become_arns_and_arns_stay() {
        for (text, region, expected) in [
            (
                "ops",
                "ap-northeast-1",
                "arn:aws:sns:ap-northeast-1:123456789012:ops",
            ),
            (
                "ops",
                "cn-north-1",
                "arn:aws-cn:sns:cn-north-1:123456789012:ops",
            ),
            (
                "arn:aws:sns:eu-west-1:1:x",
                "us-east-1",
                "arn:aws:sns:eu-west-1:1:x",
            ),
        ] {
            assert_eq!(arn(text, region, "123456789012"), expected);
        }
        assert!(is_topic("ops_2-a") && !is_topic("") && !is_topic("a b") && !is_topic("a:b"));
    }

    #[test]
    fn a_plan_is_shown_by_lines() {
        let args = parsed("web-* --metric CPUUtilization --above 80 --namespace AWS/EC2").unwrap();
        let rule = Rule {
            namespace: "AWS/EC2".to_owned(),
            metric: args.metric.clone(),
            statistic: args.statistic,
            period_secs: args.period,
            lasts: args.lasts,
            comparison: Comparison::Above,
            threshold: 80.0,
            missing: None,
            dimensions: Vec::new(),
            actions: Vec::new(),
            description: None,
            severity: None,
        };
        let instance = Instance {
            name: "web-1".to_owned(),
            id: "i-1".to_owned(),
        };
        let wanted = rule
            .of_instances("web-*", &[instance], &args.name_format)
            .unwrap();
        let gone: BTreeSet<_> = ["web-9-CPUUtilization".to_owned()].into();
        let plan = plan(wanted, &BTreeMap::new(), &gone, Prune::No);
        assert_eq!(
            diff(&plan),
            "+ web-1-CPUUtilization (i-1): AWS/EC2 CPUUtilization Average > 80 in 3 of 5 periods of 60 s\n\
             ? web-9-CPUUtilization: its instance is gone; --prune deletes it"
        );
        assert_eq!(
            ending(&plan, true, Some(0)).unwrap(),
            "dry run: nothing was done"
        );
        assert_eq!(
            ending(&plan, false, Some(1)).unwrap(),
            "1 added, 0 changed, 0 deleted"
        );
    }
}
