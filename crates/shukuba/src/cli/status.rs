//! `shukuba status`.

use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

use super::operator::{At, counted, list, number, rate, secs, text};
use crate::app::App;
use crate::output;

/// Show backlog, oldest age, rates, notifiers, the worst destinations and the disk.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    at: At,

    /// Show it again every so many seconds
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2")]
    watch: Option<u64>,

    /// With --watch: end when every accepted notification has come to its end
    #[arg(long, requires = "watch")]
    until_done: bool,

    /// One line for each route
    #[arg(long)]
    brief: bool,
}

pub(super) fn run(app: &App, args: &Args) -> anyhow::Result<ExitCode> {
    loop {
        let form = if args.brief { brief } else { table };
        let status = args.at.show(app, "status", &json!({}), form)?;
        match args.watch {
            Some(_) if args.until_done && is_done(&status) => return Ok(ExitCode::SUCCESS),
            Some(secs) => std::thread::sleep(Duration::from_secs(secs.max(1))),
            None => return Ok(ExitCode::SUCCESS),
        }
        if !args.brief {
            output::print("");
        }
    }
}

/// Whether something was accepted and nothing is open any more.
fn is_done(status: &Value) -> bool {
    let sum = |name: &str| {
        list(status, "routes")
            .iter()
            .filter_map(|route| route.get(name)?.as_i64())
            .sum::<i64>()
    };
    sum("accepted") > 0 && sum("open") == 0
}

fn brief(status: &Value) -> String {
    let lines = list(status, "routes").iter().map(|route| {
        format!(
            "{}: notifications: accepted {} ({}), open {}, delivered {} ({}), dead {}; messages: waiting {}, in flight {}, to retry {}; notifiers {}",
            text(route, "route"),
            number(route, "accepted"),
            rate(route, "accepted_per_sec"),
            number(route, "open"),
            number(route, "delivered"),
            rate(route, "delivered_per_sec"),
            number(route, "dead"),
            number(route, "waiting"),
            number(route, "in_flight"),
            number(route, "retry_wait"),
            number(route, "notifiers"),
        )
    });
    lines.chain(missing(status)).collect::<Vec<_>>().join("\n")
}

/// A line for each queue of a route that was deleted.
fn missing(status: &Value) -> Vec<String> {
    let routes = list(status, "routes").iter();
    let lines = routes.flat_map(|route| {
        let queues = list(route, "missing_queues").iter().filter_map(Value::as_str);
        queues.map(|queue| {
            format!(
                "QUEUE MISSING: `{queue}` of route `{}` was deleted; the route goes on when it is created again",
                text(route, "route")
            )
        })
    });
    lines.collect()
}

/// A table of what came of each kind of second URL, where there are any.
fn besides(status: &Value) -> Vec<String> {
    let of = |kind: &str, head: &[&str], members: &[&str]| {
        let rows: Vec<Vec<String>> = list(status, "beside")
            .iter()
            .filter(|one| text(one, "kind") == kind)
            .map(|one| {
                let names = [text(one, "destination"), text(one, "to")];
                let counts = members.iter().map(|name| number(one, name));
                names.into_iter().chain(counts).collect()
            })
            .collect();
        (!rows.is_empty()).then(|| output::table(head, rows))
    };
    let shadow = of(
        "shadow",
        &[
            "shadow of",
            "to",
            "agreed",
            "differed",
            "uncompared",
            "failed",
            "skipped",
        ],
        &["agrees", "differs", "alone", "failed", "skipped"],
    );
    let canary = of(
        "canary",
        &["canary of", "to", "delivered", "failed", "skipped"],
        &["delivered", "failed", "skipped"],
    );
    shadow.into_iter().chain(canary).collect()
}

fn table(status: &Value) -> String {
    let routes = list(status, "routes").iter().map(|route| {
        let paused = if route.get("is_paused") == Some(&Value::Bool(true)) {
            " (paused)"
        } else {
            ""
        };
        [
            format!("{}{paused}", text(route, "route")),
            number(route, "open"),
            rate(route, "accepted_per_sec"),
            rate(route, "delivered_per_sec"),
            number(route, "delivered"),
            number(route, "dead"),
            number(route, "waiting"),
            number(route, "in_flight"),
            number(route, "retry_wait"),
            secs(route, "oldest_age_secs"),
            number(route, "notifiers"),
        ]
    });
    let missing = missing(status);
    let head = [
        "route",
        "notifications: open",
        "in",
        "out",
        "delivered",
        "dead",
        "messages: waiting",
        "in flight",
        "retry",
        "oldest",
        "notifiers",
    ];
    let mut parts = vec![output::table(&head, routes)];
    parts.extend(missing);
    let destinations: Vec<_> = list(status, "destinations")
        .iter()
        .map(|one| {
            [
                text(one, "destination"),
                text(one, "route"),
                number(one, "delivered"),
                number(one, "retries"),
                number(one, "dead"),
                number(one, "expired"),
            ]
        })
        .collect();
    if !destinations.is_empty() {
        parts.push(output::table(
            &[
                "destination (worst first)",
                "route",
                "delivered",
                "retries",
                "dead",
                "expired",
            ],
            destinations,
        ));
    }
    parts.extend(limits(status));
    parts.extend(besides(status));
    let pauses = list(status, "pauses").iter();
    parts.extend(pauses.map(|pause| {
        format!(
            "{} `{}` rests since {}",
            text(pause, "kind"),
            text(pause, "name"),
            text(pause, "since")
        )
    }));
    if let Some(disk) = status.get("disk") {
        let bytes = |name| {
            disk.get(name)
                .and_then(Value::as_u64)
                .map_or_else(|| "?".to_owned(), output::bytes)
        };
        parts.push(format!(
            "disk: room {}, journal {} in {}, {} free",
            text(disk, "room"),
            bytes("journal_bytes"),
            counted(disk, "journal_segments", "file"),
            bytes("free_bytes")
        ));
        let results = status.get("results").unwrap_or(&Value::Null);
        if results.get("error").is_some_and(|error| !error.is_null()) {
            parts.push(format!(
                "RESULTS NOT STORED for {}s; they wait in the journal: {}",
                number(results, "not_stored_secs"),
                text(results, "error")
            ));
        }
        parts.extend(status.get("archive").and_then(archive));
        let unreadable = number(disk, "unreadable");
        if unreadable != "0" {
            parts.push(format!(
                "DAMAGED: {unreadable} places in the journal cannot be read; stop the server and run `shukuba check-data`"
            ));
        }
    }
    parts.join("\n\n")
}

/// How far the archive is, where there is one.
fn archive(archive: &Value) -> Option<String> {
    let lag = archive.get("lag_bytes")?.as_u64()?;
    let lag = match lag {
        0 => "all is there".to_owned(),
        lag => format!(
            "{} of the last {}s are not there",
            output::bytes(lag),
            number(archive, "lag_secs")
        ),
    };
    let snapshot = match archive.get("snapshot_at").and_then(Value::as_str) {
        Some(at) => format!("snapshot of {at}"),
        None => "NO SNAPSHOT YET: nothing can be restored from it".to_owned(),
    };
    let url = text(archive, "url");
    let told = format!("archive {url}: {lag}, {snapshot}");
    let error = archive.get("error").and_then(Value::as_str);
    Some(match error {
        Some(error) => format!(
            "{told}\nNOT ARCHIVED for {}s, it is tried again: {error}",
            number(archive, "failing_secs")
        ),
        None => told,
    })
}

/// What each destination may be sent now, where that is not all that it could be.
fn limits(status: &Value) -> Option<String> {
    let rows = list(status, "limits").iter().map(|one| {
        let since = one.get("open_since").and_then(Value::as_str);
        [
            text(one, "destination"),
            text(one, "route"),
            match since {
                Some(since) => format!("{} since {since}", text(one, "breaker")),
                None => text(one, "breaker"),
            },
            number(one, "in_flight"),
            format!("{} of {}", number(one, "window"), number(one, "window_max")),
            per_sec(one, "learned_per_sec"),
            per_sec(one, "rate_per_sec"),
            number(one, "refused"),
        ]
    });
    let rows: Vec<_> = rows.collect();
    let head = [
        "limits",
        "route",
        "breaker",
        "in flight",
        "at once",
        "learned rate",
        "configured rate",
        "refused",
    ];
    (!rows.is_empty()).then(|| output::table(&head, rows))
}

fn per_sec(one: &Value, name: &str) -> String {
    match one.get(name).and_then(Value::as_f64) {
        Some(_) => rate(one, name),
        None => "-".to_owned(),
    }
}
