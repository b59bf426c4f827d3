//! What is remembered of alarms, as it is asked for, and for how long.

use std::ops::Bound;
use std::time::Duration;

use base::Timestamp;
use store::tables::View;

use super::engine::history::{Item, Kind};
use super::kept::{self, HISTORY, HISTORY_NAMES, Unread};

/// How long items are kept. Source: User Guide; newer texts say 30 days.
pub const KEPT: Duration = Duration::from_secs(14 * 86_400);
/// Items that one question looks at. Chosen: a page is then shorter and says that there is more.
const LOOKED_AT_MAX: usize = 10_000;
/// Items that are forgotten in one change. Chosen.
const FORGOTTEN_MAX: usize = 1000;

/// Which items are wanted. What is none does not narrow.
#[derive(Clone, Debug)]
pub struct Question {
    /// Of which alarm.
    pub alarm: Option<String>,
    /// Of which kinds of alarms: `MetricAlarm`, `CompositeAlarm`.
    pub alarm_kinds: Vec<String>,
    /// Of which kind.
    pub kind: Option<Kind>,
    /// From this moment on.
    pub from: Timestamp,
    /// To this moment.
    pub to: Timestamp,
    /// Whether the newest come first.
    pub is_newest_first: bool,
    /// Behind this item: its milliseconds and number.
    pub after: Option<(u64, u64)>,
    /// At most so many.
    pub most: usize,
}

/// Some items, and behind which to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The items.
    pub items: Vec<Item>,
    /// The last that was looked at, where there may be more.
    pub next: Option<(u64, u64)>,
}

/// The items that `question` asks for.
pub(super) fn ask(view: &View, question: &Question) -> Result<Answer, Unread> {
    let mut answer = Answer {
        items: Vec::new(),
        next: None,
    };
    for (looked_at, item) in items(view, question).enumerate() {
        let item = item?;
        if answer.items.len() >= question.most || looked_at >= LOOKED_AT_MAX {
            return Ok(answer);
        }
        answer.next = Some((item.at_ms, item.number));
        let is_of_kind = question.kind.is_none_or(|kind| kind == item.kind);
        if is_of_kind && question.alarm_kinds.contains(&item.alarm_kind) {
            answer.items.push(item);
        }
    }
    answer.next = None;
    Ok(answer)
}

/// All items of the alarm and time, in the order that is wanted.
fn items(view: &View, question: &Question) -> Box<dyn Iterator<Item = Result<Item, Unread>>> {
    let (first, last) = bounds(question);
    let (table, prefix) = match &question.alarm {
        Some(alarm) => (HISTORY_NAMES, kept::name_prefix(alarm)),
        None => (HISTORY, Vec::new()),
    };
    let prefixed = |bound: Bound<[u8; 16]>| bound.map(|time| [prefix.as_slice(), &time].concat());
    let (first, last) = (prefixed(first), prefixed(last));
    let scan = view.range(table, as_slice(&first), as_slice(&last));
    let entries: Box<dyn Iterator<Item = _>> = match question.is_newest_first {
        true => Box::new(scan.rev()),
        false => Box::new(scan),
    };
    let view = view.clone();
    let skipped = prefix.len();
    Box::new(entries.filter_map(move |entry| {
        let (key, value) = match entry {
            Ok(entry) => entry,
            Err(error) => return Some(Err(error.into())),
        };
        if skipped == 0 {
            return Some(kept::item(&value));
        }
        let value = view.get(HISTORY, key.get(skipped..)?);
        match value {
            Ok(value) => Some(kept::item(&value?)),
            Err(error) => Some(Err(error.into())),
        }
    }))
}

fn as_slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    bound.as_ref().map(Vec::as_slice)
}

/// The first and the last moment, both with the item behind which to go on.
fn bounds(question: &Question) -> (Bound<[u8; 16]>, Bound<[u8; 16]>) {
    let first = Bound::Included(kept::time_key(question.from.as_millis(), 0));
    let last = Bound::Included(kept::time_key(question.to.as_millis(), u64::MAX));
    let after = question
        .after
        .map(|(at_ms, number)| kept::time_key(at_ms, number));
    match (after, question.is_newest_first) {
        (None, _) => (first, last),
        (Some(after), true) => (first, Bound::Excluded(after)),
        (Some(after), false) => (Bound::Excluded(after), last),
    }
}

/// Items that are older than [`KEPT`], not all of them at once.
pub(super) fn outdated(view: &View, now: Timestamp) -> Result<Vec<Item>, Unread> {
    let end = kept::time_key(now.minus(KEPT).as_millis(), 0);
    let old = view.range(HISTORY, Bound::Unbounded, Bound::Excluded(&end));
    old.take(FORGOTTEN_MAX)
        .map(|entry| kept::item(&entry?.1))
        .collect()
}
