//! `shukuba dashboard generate`.

use std::process::ExitCode;

use cloudwatch::dashboard::body::WIDGETS_MAX;
use cloudwatch::dashboard::layout::{COLUMNS, HEIGHT_MAX};
use cloudwatch::dashboard::{Host, HostMetric, Sizes, generate};
use cloudwatch::metric::Statistic;

use super::apply::applied;
use super::plugins;
use crate::alarms::condition;
use crate::app::{self, App};
use crate::boards::source;
use crate::cli::alarm::cloudwatch;
use crate::client::ec2::{self, Instance};
use crate::client::service::{Forms, Name, Service, Where};
use crate::output;

/// Make a dashboard of the instances whose Name matches: a widget for each instance and metric
///
/// Prints its body; --apply puts it, and shows what changes. In a row stand the metrics of one instance. --plugins adds
/// a widget for each graph of their checks, with the titles, labels and limits that plugins of Munin and Mackerel give.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The tag Name of the instances: `*` stands for any text, `?` for one character
    pattern: String,
    /// Metrics, such as CPUUtilization,NetworkIn
    #[arg(
        long,
        value_name = "METRIC",
        required_unless_present = "plugins",
        value_delimiter = ','
    )]
    metric: Vec<String>,
    /// The graphs of their checks, which this server knows, as well
    #[arg(long)]
    plugins: bool,
    /// Where the metrics are [default: those of well-known metrics, such as AWS/EC2 or CWAgent]
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// What is shown of a period
    #[arg(long, value_name = "STATISTIC", default_value = "Average")]
    statistic: Statistic,
    /// A period: 10s, 20s, 30s or whole minutes
    #[arg(long, value_name = "SPAN", default_value = "5m", value_parser = condition::period)]
    period: u32,
    /// Widgets beside one another [default: 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(COLUMNS)), conflicts_with = "width")]
    columns: Option<u32>,
    /// Of a widget, in columns of the grid of 24 [default: 12]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(COLUMNS)))]
    width: Option<u32>,
    /// Of a widget, in rows of the grid
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=i64::from(HEIGHT_MAX)))]
    height: u32,
    /// Put it as this dashboard, not print it
    #[arg(long, value_name = "NAME")]
    apply: Option<String>,
    /// With --apply: show what would change, and put nothing
    #[arg(long, requires = "apply")]
    dry_run: bool,
    #[command(flatten)]
    pub(super) at: Where,
}

pub(super) fn run(app: &App, args: &Args) -> anyhow::Result<ExitCode> {
    let metrics = metrics(args)?;
    let cloudwatch = cloudwatch(app, &args.at)?;
    let calls = Forms::new(Service::open(app, &args.at, Name::Ec2)?, ec2::VERSION);
    let instances = ec2::named(&calls, &args.pattern)?;
    anyhow::ensure!(
        !instances.is_empty(),
        "no instance has a Name like `{}`",
        args.pattern
    );
    let region = cloudwatch.region();
    let graphs = match args.plugins {
        true => plugins::widgets(app, args, &instances, region)?,
        false => Vec::new(),
    };
    let count = instances.len() * metrics.len() + graphs.len();
    anyhow::ensure!(
        count <= WIDGETS_MAX,
        "{} with {} each, and {} of checks, are {count} widgets, and a dashboard has at most {WIDGETS_MAX}",
        output::of(instances.len() as u64, "instance"),
        output::of(metrics.len() as u64, "metric"),
        output::of(graphs.len() as u64, "graph"),
    );
    let body = generate(&hosts(&instances), &metrics, region, sizes(args));
    let body = match args.plugins {
        true => plugins::beside(&body, graphs)?,
        false => body,
    };
    match &args.apply {
        Some(name) => {
            let source = source::unchecked(&body)?;
            applied(
                app.output(),
                &cloudwatch,
                name,
                "the dashboard",
                &source,
                args.dry_run,
            )?;
        }
        None => output::print_bytes(format!("{body}\n").as_bytes()),
    }
    Ok(ExitCode::SUCCESS)
}

fn metrics(args: &Args) -> anyhow::Result<Vec<HostMetric>> {
    let names = args.metric.iter().map(|name| name.trim());
    let metric = |name: &str| {
        let namespace = match &args.namespace {
            Some(namespace) => namespace.as_str(),
            None => condition::namespace(name).map_err(app::usage)?,
        };
        Ok(HostMetric {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            statistic: args.statistic.to_string(),
        })
    };
    names.map(metric).collect()
}

fn hosts(instances: &[Instance]) -> Vec<Host> {
    let host = |instance: &Instance| Host {
        instance_id: instance.id.clone(),
        name: Some(instance.name.clone()),
    };
    instances.iter().map(host).collect()
}

pub(super) fn sizes(args: &Args) -> Sizes {
    let of_columns = args.columns.map(|columns| COLUMNS / columns.max(1));
    Sizes {
        width: args.width.or(of_columns).unwrap_or(COLUMNS / 2),
        height: args.height,
        period_secs: args.period,
    }
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

    fn parsed(line: &str) -> Result<Args, String> {
        let words = std::iter::once("generate").chain(line.split_whitespace());
        Line::try_parse_from(words)
            .map(|it| it.args)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn columns_or_a_width_say_how_wide_a_widget_is() {
        for (line, width) in [
            ("", 12),
            ("--columns 3", 8),
            ("--columns 24", 1),
            ("--width 24", 24),
        ] {
            let args = parsed(&format!("web-* --metric CPUUtilization {line}")).unwrap();
            assert_eq!(
                (sizes(&args).width, sizes(&args).height),
                (width, 6),
                "{line}"
            );
        }
        for line in [
            "--columns 0",
            "--width 25",
            "--columns 2 --width 3",
            "--height 0",
            "--dry-run",
        ] {
            assert!(
                parsed(&format!("web-* --metric CPUUtilization {line}")).is_err(),
                "{line}"
            );
        }
    }

    #[test]
    fn metrics_or_plugins_are_asked_for() {
        assert!(parsed("web-*").is_err());
        assert!(parsed("web-* --plugins").is_ok_and(|args| args.metric.is_empty()));
    }

    #[test]
    fn each_metric_is_in_its_own_namespace() {
        let args =
            parsed("web-* --metric CPUUtilization,mem_used_percent --statistic p90").unwrap();
        let metrics = metrics(&args).unwrap();
        let shown: Vec<_> = metrics
            .iter()
            .map(|it| (it.namespace.as_str(), it.statistic.as_str()))
            .collect();
        assert_eq!(shown, [("AWS/EC2", "p90"), ("CWAgent", "p90")]);
    }
}
