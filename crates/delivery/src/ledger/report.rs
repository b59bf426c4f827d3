//! The ledger for showing: as JSON and as a table.

use std::fmt::Write as _;

use base::Timestamp;
use serde::Serialize;
use store::Position;

use super::book::Book;
use super::cell::{Cell, Outcomes};
use super::history::Span;

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Sums only.
    Totals,
    /// Minutes, hours and days too.
    History,
}

/// The books at one position.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The last record that is in it.
    pub position: Position,
    /// When that was appended.
    pub at: Timestamp,
    /// In order of name.
    pub queues: Vec<QueueReport>,
    /// Stretches of the journal that were cut out.
    pub lost: Vec<(Position, Position)>,
}

/// A queue's counts with their sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Row {
    /// How many were accepted.
    pub accepted: i64,
    /// By cause and state.
    #[serde(flatten)]
    pub cell: Cell,
}

impl From<Cell> for Row {
    fn from(cell: Cell) -> Self {
        Self {
            accepted: cell.accepted(),
            cell,
        }
    }
}

/// The book of one queue.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QueueReport {
    /// Its name.
    pub queue: String,
    /// When it was deleted, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<String>,
    /// All there ever was.
    pub total: Row,
    /// Messages in it.
    pub messages: i64,
    /// Results of lost leases, in no state.
    pub late_results: u64,
    /// In order of name; the last may be `(other)`.
    pub destinations: Vec<DestinationReport>,
    /// By time of acceptance, oldest first; empty unless asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Span<Row>>,
}

/// What a destination's notifications came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DestinationReport {
    /// Its name.
    pub destination: String,
    /// All there ever was.
    #[serde(flatten)]
    pub total: Outcomes,
    /// By time of acceptance, oldest first; empty unless asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Span<Outcomes>>,
}

impl QueueReport {
    pub(super) fn of(name: &str, book: &Book, detail: Detail) -> Self {
        let rows = |span: Span<Cell>| Span {
            minute: span.minute,
            minutes: span.minutes,
            counts: Row::from(span.counts),
        };
        let destinations = book
            .destinations
            .iter()
            .map(|(name, destination)| DestinationReport {
                destination: name.clone(),
                total: destination.total,
                history: match detail {
                    Detail::Totals => Vec::new(),
                    Detail::History => destination.history.spans(),
                },
            });
        Self {
            queue: name.to_owned(),
            deleted_at: book.closed_at.map(Timestamp::rfc3339),
            total: book.total.into(),
            messages: book.open_messages,
            late_results: book.late,
            destinations: destinations.collect(),
            history: match detail {
                Detail::Totals => Vec::new(),
                Detail::History => book.history.spans().into_iter().map(rows).collect(),
            },
        }
    }
}

impl Report {
    /// A line for each queue, and with `by_destination` one for each destination below it.
    #[must_use]
    pub fn table(&self, by_destination: bool) -> String {
        let mut rows = vec![
            [
                "queue",
                "accepted",
                "open",
                "delivered",
                "dead",
                "expired",
                "taken",
                "purged",
                "moved-out",
            ]
            .map(str::to_owned),
        ];
        for queue in &self.queues {
            let cell = &queue.total.cell;
            rows.push([
                queue.queue.clone(),
                queue.total.accepted.to_string(),
                cell.open.to_string(),
                cell.delivered.to_string(),
                cell.dead.to_string(),
                cell.expired.to_string(),
                cell.taken.to_string(),
                cell.purged.to_string(),
                cell.moved_out.to_string(),
            ]);
            for destination in queue.destinations.iter().filter(|_| by_destination) {
                rows.push(destination_row(destination));
            }
        }
        aligned(&rows)
    }
}

fn destination_row(destination: &DestinationReport) -> [String; 9] {
    let mut row: [String; 9] = Default::default();
    let total = &destination.total;
    let values = [
        format!("  {}", destination.destination),
        String::new(),
        String::new(),
        total.delivered.to_string(),
        total.dead.to_string(),
        total.expired.to_string(),
    ];
    for (place, value) in row.iter_mut().zip(values) {
        *place = value;
    }
    row
}

/// Names to the left, numbers to the right.
pub(super) fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, value) in widths.iter_mut().zip(row) {
            *width = (*width).max(value.chars().count());
        }
    }
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (value, width)) in row.iter().zip(widths).enumerate() {
            // Writing into a String does not fail.
            let _ = match column {
                0 => write!(line, "{value:width$}"),
                _ => write!(line, "  {value:>width$}"),
            };
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}
