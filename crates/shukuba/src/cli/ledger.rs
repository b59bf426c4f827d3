//! `shukuba ledger`.

use std::process::ExitCode;

use delivery::ledger::Drift;
use serde::Deserialize;
use serde_json::{Value, json};

use super::operator::{self, Of, list, number, text};
use crate::app::App;
use crate::output;

/// Those of the table.
const COLUMNS: usize = 13;

/// Show where every accepted notification is, and whether it adds up: `balanced`, or what drifts (exit code 1).
///
/// Compared at one position of the journal: the sums by state, the stored results, and the queues themselves.
/// With --results, where notifiers run alone: what `ship` had accepted, one by one, against their results. Manifests lag
/// by some minutes: while senders run, count up to a time (--to).
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    of: Of,

    /// With --results: where ship put its manifests (--manifests of ship, or its state directory); may be given again [default: the results' place]
    #[arg(long, value_name = "URL|DIR", requires = "results")]
    manifests: Vec<String>,
    /// With --results: only this queue, and ask it how many messages are in it
    #[arg(long, value_name = "URL|NAME", requires = "results")]
    queue: Option<String>,
    /// With --results: only this route
    #[arg(long, value_name = "ROUTE", requires = "results")]
    route: Option<String>,
    /// With --results: only what was accepted at or after: 09:00 (UTC) or 2026-11-23T09:00:00Z
    #[arg(long, value_name = "TIME", requires = "results", value_parser = operator::time)]
    from: Option<u64>,
    /// With --results: only what was accepted before
    #[arg(long, value_name = "TIME", requires = "results", value_parser = operator::time)]
    to: Option<u64>,

    /// By minute, hour and day as well (with --output json)
    #[arg(long, conflicts_with = "results")]
    history: bool,

    /// By destination as well
    #[arg(long)]
    destinations: bool,
}

pub(super) fn run(app: &App, args: &Args) -> anyhow::Result<ExitCode> {
    let input = match args.of.results {
        None => json!({ "history": args.history }),
        Some(_) => json!({
            "manifests": args.manifests, "queue": args.queue, "route": args.route,
            "from_ms": args.from, "to_ms": args.to,
        }),
    };
    let answer = args.of.show(app, "ledger", &input, |balance| {
        table(balance, args.destinations)
    })?;
    let is_balanced = answer.get("balanced") == Some(&Value::Bool(true));
    Ok(ExitCode::from(u8::from(!is_balanced)))
}

fn table(balance: &Value, with_destinations: bool) -> String {
    let mut rows = Vec::new();
    for queue in list(balance, "queues") {
        rows.push(row(queue));
        if with_destinations {
            rows.extend(list(queue, "destinations").iter().map(destination));
        }
    }
    let head = [
        "queue",
        "notifications: accepted",
        "open",
        "delivered",
        "dead",
        "expired",
        "taken",
        "purged",
        "moved-out",
        "messages: waiting",
        "delayed",
        "retry-wait",
        "in-flight",
    ];
    let mut parts = vec![output::table(&head, rows)];
    parts.extend(list(balance, "queues").iter().filter_map(in_words));
    let is_balanced = balance.get("balanced") == Some(&Value::Bool(true));
    let position = text(balance, "position");
    if is_balanced && position.is_empty() {
        parts.push(format!("balanced at {}", text(balance, "at")));
    } else if is_balanced {
        parts.push(format!("balanced at {position} ({})", text(balance, "at")));
    } else {
        let drifts = list(balance, "drifts")
            .iter()
            .map(|drift| format!("DRIFT: {}", said(drift)));
        parts.push(drifts.collect::<Vec<_>>().join("\n"));
    }
    let rest = list(balance, "not_compared")
        .iter()
        .filter_map(Value::as_str);
    parts.extend(rest.map(|what| format!("not compared: {what}")));
    parts.join("\n\n")
}

/// A drift in words; as it came from a server that knows others.
fn said(drift: &Value) -> String {
    let known = Drift::deserialize(drift);
    known.map_or_else(|_| drift.to_string(), |drift| drift.to_string())
}

/// Notifications first, which add up; then how the messages that hold the open ones are divided: one may hold many.
fn row(queue: &Value) -> [String; COLUMNS] {
    let total = queue.get("total").cloned().unwrap_or_default();
    let live = queue.get("live").cloned().unwrap_or_default();
    [
        text(queue, "queue"),
        number(&total, "accepted"),
        number(&total, "open"),
        number(&total, "delivered"),
        number(&total, "dead"),
        number(&total, "expired"),
        number(&total, "taken"),
        number(&total, "purged"),
        number(&total, "moved_out"),
        number(&live, "visible"),
        number(&live, "delayed"),
        number(&live, "retry_wait"),
        number(&live, "in_flight"),
    ]
}

/// What the columns do not say of a queue elsewhere.
fn in_words(queue: &Value) -> Option<String> {
    let total = queue.get("total")?;
    total.get("untried")?;
    let count = |name: &str| number(total, name);
    let mut words = Vec::new();
    if total.get("open").and_then(Value::as_u64) != Some(0) {
        words.push(format!(
            "of the open ones {} wait for their next attempt and {} have no result yet",
            count("retry_wait"),
            count("untried")
        ));
    }
    if total.get("second_results").and_then(Value::as_u64) != Some(0) {
        words.push(format!(
            "{} ends beyond the first of a notification (replays, second sends)",
            count("second_results")
        ));
    }
    for (name, word) in [("from", "accepted from"), ("to", "accepted before")] {
        if queue.get(name).is_some() {
            words.push(format!("{word} {}", text(queue, name)));
        }
    }
    (!words.is_empty()).then(|| format!("`{}`: {}", text(queue, "queue"), words.join("; ")))
}

fn destination(one: &Value) -> [String; COLUMNS] {
    let mut row: [String; COLUMNS] = Default::default();
    let cells = [
        (0, format!("  {}", text(one, "destination"))),
        (3, number(one, "delivered")),
        (4, number(one, "dead")),
        (5, number(one, "expired")),
    ];
    for (place, value) in cells {
        if let Some(cell) = row.get_mut(place) {
            *cell = value;
        }
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drifts_is_said_in_words() {
        let drift = json!({ "kind": "stretch", "from": "0010", "to": "0020" });
        assert_eq!(
            said(&drift),
            "the journal from 0010 to 0020 was damaged and cut out"
        );
        let unknown = json!({ "kind": "of-tomorrow" });
        assert_eq!(said(&unknown), r#"{"kind":"of-tomorrow"}"#);
    }
}
