//! `shukuba scaler status`.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Value, json};

use super::operator::{At, list, number, text};
use crate::app::App;
use crate::output;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show the notifiers that run and the last plans, each with what it was made from and why
    Status {
        #[command(flatten)]
        at: At,
        /// Only this route's
        #[arg(long, value_name = "ROUTE")]
        route: Option<String>,
        /// At most so many plans, the newest
        #[arg(long, value_name = "N", default_value_t = 20)]
        max: usize,
    },
}

pub(super) fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let What::Status { at, route, max } = args.what;
    at.show(app, "scaler", &json!({ "route": route, "max": max }), table)?;
    Ok(ExitCode::SUCCESS)
}

fn table(answer: &Value) -> String {
    let running = list(answer, "running")
        .iter()
        .map(|one| [text(one, "route"), number(one, "notifiers")]);
    let plans = list(answer, "plans").iter().map(|plan| {
        let at = plan
            .get("at_ms")
            .and_then(Value::as_u64)
            .map(base::Timestamp::from_millis);
        [
            at.map_or_else(String::new, base::Timestamp::rfc3339),
            text(plan, "route"),
            number(plan, "wanted"),
            number(plan, "start"),
            format!("{} {}", text(plan, "reason"), text(plan, "failure")),
        ]
    });
    [
        output::table(&["route", "notifiers now"], running),
        output::table(&["plan", "route", "wanted", "started", "why"], plans),
    ]
    .join("\n\n")
}
