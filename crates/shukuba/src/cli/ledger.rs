//! `shukuba ledger`.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::operator::{At, list, number, text};
use crate::app::App;
use crate::output;

/// Those of the table.
const COLUMNS: usize = 13;

/// Shows where every accepted notification is, and whether it adds up: `balanced`, or what drifts (exit code 1).
///
/// Compared at one position of the journal: the sums by state, the stored results, and the queues themselves.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    at: At,

    /// By minute, hour and day as well (with --output json)
    #[arg(long)]
    history: bool,

    /// By destination as well
    #[arg(long)]
    destinations: bool,
}

pub(super) fn run(app: &App, args: &Args) -> anyhow::Result<ExitCode> {
    let answer = args.at.show(
        app,
        "ledger",
        &json!({ "history": args.history }),
        |balance| table(balance, args.destinations),
    )?;
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
        "accepted",
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
    let is_balanced = balance.get("balanced") == Some(&Value::Bool(true));
    let position = text(balance, "position");
    if is_balanced {
        parts.push(format!("balanced at {position} ({})", text(balance, "at")));
    } else {
        let drifts = list(balance, "drifts")
            .iter()
            .map(|drift| format!("DRIFT {drift}"));
        parts.push(drifts.collect::<Vec<_>>().join("\n"));
    }
    let rest = list(balance, "not_compared")
        .iter()
        .filter_map(Value::as_str);
    parts.extend(rest.map(|what| format!("not compared: {what}")));
    parts.join("\n\n")
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
