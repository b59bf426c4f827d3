//! `shukuba status`.

use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

use super::operator::{At, list, number, rate, secs, text};
use crate::app::App;
use crate::output;

/// Shows backlog, oldest age, rates, notifiers, the worst destinations and the disk.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    at: At,

    /// Show it again every so many seconds
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2")]
    watch: Option<u64>,
}

pub(super) fn run(app: &App, args: &Args) -> anyhow::Result<ExitCode> {
    loop {
        args.at.show(app, "status", &json!({}), table)?;
        match args.watch {
            None => return Ok(ExitCode::SUCCESS),
            Some(secs) => std::thread::sleep(Duration::from_secs(secs.max(1))),
        }
        output::print("");
    }
}

fn table(status: &Value) -> String {
    let routes = list(status, "routes").iter().map(|route| {
        let paused = if route.get("is_paused") == Some(&Value::Bool(true)) { " (paused)" } else { "" };
        [
            format!("{}{paused}", text(route, "route")),
            number(route, "waiting"),
            number(route, "in_flight"),
            number(route, "retry_wait"),
            secs(route, "oldest_age_secs"),
            rate(route, "accepted_per_sec"),
            rate(route, "delivered_per_sec"),
            number(route, "notifiers"),
            number(route, "delivered"),
            number(route, "dead"),
        ]
    });
    let head = ["route", "waiting", "in flight", "retry", "oldest", "in", "out", "notifiers", "delivered", "dead"];
    let mut parts = vec![output::table(&head, routes)];
    let destinations: Vec<_> = list(status, "destinations")
        .iter()
        .map(|one| {
            [text(one, "destination"), number(one, "delivered"), number(one, "retries"), number(one, "dead"), number(one, "expired")]
        })
        .collect();
    if !destinations.is_empty() {
        parts.push(output::table(&["destination (worst first)", "delivered", "retries", "dead", "expired"], destinations));
    }
    let pauses = list(status, "pauses").iter();
    parts.extend(pauses.map(|pause| format!("{} `{}` rests since {}", text(pause, "kind"), text(pause, "name"), text(pause, "since"))));
    if let Some(disk) = status.get("disk") {
        let bytes = |name| disk.get(name).and_then(Value::as_u64).map_or_else(|| "?".to_owned(), output::bytes);
        parts.push(format!(
            "disk: room {}, journal {} in {} files, {} free",
            text(disk, "room"),
            bytes("journal_bytes"),
            number(disk, "journal_segments"),
            bytes("free_bytes")
        ));
    }
    parts.join("\n\n")
}
