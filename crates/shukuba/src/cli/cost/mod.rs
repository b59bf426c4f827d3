//! `shukuba cost`.
//!
//! - `show`: the tables

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use delivery::config::Span;
use delivery::cost::{Currency, Report};
use serde::Deserialize;

use super::operator::At;
use crate::app::{self, App};
use crate::cost::{self, Named};
use crate::output;
use crate::serve::{Coming, CostInput};

mod show;

/// Show what sending costs: for a million notifications, by route, destination and part, with the arithmetic
///
/// What was done is what the server counted; it is priced as SQS, Lambda, S3 and CloudWatch would bill it, by list prices without
/// free tiers, discounts and taxes, beside servers that always run. Asks for the permission to see the bill.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    at: At,
    /// So far back, by whole hours
    #[arg(long, value_name = "SPAN", default_value = "7d")]
    since: Span,
    /// Only this route
    #[arg(long, value_name = "ROUTE")]
    route: Option<String>,
    /// What this traffic would cost, each notification as those that were sent: a table as `simulate --traffic` reads it
    #[arg(long, value_name = "FILE")]
    forecast: Option<PathBuf>,
    #[command(flatten)]
    prices: PriceArgs,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print the prices that hold, to be edited: those of the settings, else those that are built in
    Prices,
}

/// By which prices.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct PriceArgs {
    /// Prices of one's own, as `cost prices` prints them [default: those of the settings, else those that are built in]
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
    /// The region whose prices hold [default: that of the settings, else the server's, else us-east-1]
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// Amounts in USD or JPY [default: that of the settings, else of the prices]
    #[arg(long, value_name = "CURRENCY", value_parser = currency)]
    currency: Option<Currency>,
    /// Servers of this type to compare with [default: that of the settings]
    #[arg(long, value_name = "TYPE")]
    server: Option<String>,
    /// How many of them [default: that of the settings]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    servers: Option<u32>,
}

impl PriceArgs {
    /// What they name.
    pub(in crate::cli) fn named(&self) -> anyhow::Result<Named> {
        Ok(Named {
            prices: self.prices.as_deref().map(cost::read).transpose()?,
            region: self.region.clone(),
            currency: self.currency,
            server: self.server.clone(),
            servers: self.servers,
        })
    }
}

fn currency(text: &str) -> Result<Currency, String> {
    Currency::named(text).ok_or_else(|| format!("`{text}` is neither USD nor JPY"))
}

pub(super) fn run(app: &App, args: &Args) -> anyhow::Result<ExitCode> {
    if let Some(What::Prices) = args.what {
        return prices(app);
    }
    let coming = args.forecast.as_ref().map(|file| -> anyhow::Result<_> {
        let traffic = super::simulate::read(file)?;
        Ok(Coming {
            notifications: traffic.count(),
            secs: traffic.len_ms() / 1_000,
        })
    });
    let input = CostInput {
        since_secs: Some(args.since.get().as_secs()),
        route: args.route.clone(),
        forecast: coming.transpose()?,
        named: args.prices.named()?,
    };
    let answer = args.at.call(app, "cost", &input)?;
    let report = Report::deserialize(&answer).context("the server's answer is no report")?;
    output::show(app.output(), &answer, |answer| show::table(answer, &report));
    Ok(ExitCode::SUCCESS)
}

fn prices(app: &App) -> anyhow::Result<ExitCode> {
    let text = match app.config()?.config.cost.prices {
        Some(file) => cost::read(&file)?,
        None => delivery::cost::prices::BUILT_IN.to_owned(),
    };
    let parsed =
        delivery::cost::Prices::parse(&text).map_err(|error| app::usage(error.to_string()))?;
    output::show(app.output(), &parsed, |_| text.trim_end().to_owned());
    Ok(ExitCode::SUCCESS)
}
