//! `shukuba simulate`.
//!
//! - `args`: what is simulated; `metrics`: traffic as CloudWatch has seen it
//! - `cost`: what it costs; `show`: tables and JSON; `picture`: SVG and PNG

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use delivery::config::Span;
use delivery::simulate::{self, Found, Kind, Model, Outcome, Policy, Traffic};

use super::cost::PriceArgs;
use crate::app::{self, App};
use crate::client::service::Where;
use crate::output;

pub(super) mod args;
mod cost;
mod metrics;
pub(super) mod picture;
mod show;

use cost::{Priced, Pricing};

/// Show what a day of traffic would be like: delays, notifiers and what they use, for several policies beside one another
///
/// The scaler is the one that serves; notifiers, receivers, the queue and CloudWatch are models. Settings come from the settings
/// file where there is one, and from --set.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The traffic: a table of `time,count`, `minute,count` or `second,count`; `-` reads standard input
    #[arg(long, value_name = "FILE", required_unless_present_any = ["from_metrics", "example_traffic"])]
    traffic: Option<std::path::PathBuf>,
    /// The traffic: what CloudWatch says was sent to this queue in the last whole day
    #[arg(long, value_name = "QUEUE", conflicts_with = "traffic")]
    from_metrics: Option<String>,
    /// Print an example of traffic, and simulate nothing
    #[arg(long, conflicts_with_all = ["traffic", "from_metrics"])]
    example_traffic: bool,
    /// `proportional`, `backlog`, `sqs-event-source`, `sqs-event-source:MAX` or `fixed:N`; several are shown beside one another
    #[arg(long = "policy", value_name = "POLICY", default_values = ["proportional", "backlog"])]
    policies: Vec<String>,
    /// Look for settings with which 99 of 100 are sent within this time, such as `30s`, by the fewest notifier-minutes
    #[arg(long, value_name = "SPAN")]
    target_p99: Option<Span>,
    /// Draw it: an SVG or a PNG, by the file's name
    #[arg(long, value_name = "FILE")]
    picture: Option<std::path::PathBuf>,
    #[command(flatten)]
    model: args::ModelArgs,
    #[command(flatten)]
    prices: PriceArgs,
    #[command(flatten)]
    at: Where,
}

/// A policy and what it came to.
#[derive(Debug)]
struct Shown {
    policy: Policy,
    outcome: Outcome,
    /// What it costs.
    cost: Priced,
    /// With a target: whether it is kept, and how many simulations that took.
    found: Option<(bool, u32)>,
}

pub(super) fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    if args.example_traffic {
        output::print(simulate::traffic::example().table().trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let traffic = traffic(app, &args)?;
    let config = app.config()?.config;
    let model = args.model.model(&config)?;
    let settings = args.model.scaler(&config.scaler, &model)?;
    let policies = args
        .policies
        .iter()
        .map(|name| args::policy(name, &settings));
    let policies: Vec<Policy> = policies.collect::<Result<_, _>>()?;
    let target = args.target_p99.map(Span::get);
    let named = args.prices.named()?;
    let prices = named.prices(&config.cost)?;
    let list = named.list(&prices, &config.cost, &config.server.region)?;
    let fleets = named.fleets(&list, &config.cost)?;
    let pricing = Pricing {
        list,
        server: fleets
            .into_iter()
            .next()
            .map_or_else(String::new, |fleet| fleet.server),
        nat_gateways: config.cost.nat_gateways,
    };
    let shown = simulated(&traffic, &model, &pricing, policies, target)?;
    if let Some(file) = &args.picture {
        picture::write(file, &traffic, &shown)?;
    }
    show::show(app, &traffic, &model, &shown);
    let all_kept = shown
        .iter()
        .all(|one| one.found.is_none_or(|(is_kept, _)| is_kept));
    Ok(if all_kept {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn traffic(app: &App, args: &Args) -> anyhow::Result<Traffic> {
    if let Some(queue) = &args.from_metrics {
        return metrics::traffic(app, &args.at, queue);
    }
    match &args.traffic {
        Some(file) => read(file),
        None => Err(app::usage("there is no --traffic")),
    }
}

/// Reads a table of traffic; `-` is standard input.
pub(in crate::cli) fn read(file: &Path) -> anyhow::Result<Traffic> {
    let (name, text) = match file.as_os_str() == "-" {
        true => (
            "standard input".to_owned(),
            std::io::read_to_string(std::io::stdin()),
        ),
        false => (file.display().to_string(), std::fs::read_to_string(file)),
    };
    let text = text.with_context(|| format!("cannot read `{name}`"))?;
    Traffic::parse(&text).map_err(|wrong| app::usage(format!("`{name}`: {wrong}")))
}

/// Simulates all, each on a thread of its own.
fn simulated(
    traffic: &Traffic,
    model: &Model,
    pricing: &Pricing<'_>,
    policies: Vec<Policy>,
    target: Option<Duration>,
) -> anyhow::Result<Vec<Shown>> {
    std::thread::scope(|scope| {
        let one =
            |policy: Policy| scope.spawn(move || one(traffic, model, pricing, policy, target));
        let threads: Vec<_> = policies.into_iter().map(one).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, Shown>| {
            thread
                .join()
                .map_err(|_| anyhow::anyhow!("a simulation failed"))
        };
        threads.into_iter().map(join).collect()
    })
}

fn one(
    traffic: &Traffic,
    model: &Model,
    pricing: &Pricing<'_>,
    policy: Policy,
    target: Option<Duration>,
) -> Shown {
    let kind = match &policy {
        Policy::Scaled(settings) => Some(Kind::Scaled(settings.clone())),
        Policy::Fixed(_) => Some(Kind::Fixed),
        // It has nothing to set.
        Policy::EventSource { .. } => None,
    };
    match target.zip(kind) {
        Some((target, kind)) => {
            let Found {
                policy,
                outcome,
                is_kept,
                tried,
            } = simulate::find(traffic, model, &kind, target);
            Shown {
                cost: pricing.of(model, &policy, &outcome),
                policy,
                outcome,
                found: Some((is_kept, tried)),
            }
        }
        None => {
            let outcome = simulate::run(traffic, model, &policy);
            let kept = |target: Duration| u128::from(outcome.delay.p99_ms) <= target.as_millis();
            let found = target.map(|target| (kept(target) && outcome.left == 0, 1));
            Shown {
                cost: pricing.of(model, &policy, &outcome),
                policy,
                outcome,
                found,
            }
        }
    }
}
