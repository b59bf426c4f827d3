//! The ledger for showing, as JSON.

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
