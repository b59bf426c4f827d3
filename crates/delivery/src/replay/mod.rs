//! Sends notifications again.
//!
//! A plan comes first: it picks the final results that pass a filter, each notification (an id and its line) once, and copies their sources into
//! `replays/ID/part-NNNNN.zst`. It says how many there are; nothing is sent before somebody runs it. Compaction,
//! ageing and new results do not change a plan.
//!
//! A run sends batch by batch at the rate asked for. Before each batch it stores how far it came and which batch is next; so
//! after a stop or kill -9 at most one batch is in doubt. Where the queue has a journal, the run looks there for the
//! marks of that batch and sends what is missing: exactly one new message for each source. Elsewhere a batch in doubt is
//! sent again, with equal ids.
//!
//! A batch is looked for as long as the journal keeps its segment: resume within the life of its messages, not weeks later.
//!
//! New messages bear the mark `ID#N.` in `shukuba.replay` and keep the notification's id, so that its story goes on; with new ids they
//! are notifications of their own, unless the line itself holds its id.

mod plan;
mod run;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use base::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use store::Position;

use crate::port;
use crate::result::{Decision, Stored};
use crate::results::set::Window;
use crate::results::{Error, Index, ResultLog, Results};
use crate::travel::{self, Retry};

/// Notifications that one plan takes at most.
pub const SOURCES_MAX: u64 = 10_000_000;

/// Which notifications are sent again. What is not set is not asked; at least the route is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// Of this route.
    pub route: String,
    /// Message or notification ids; empty: any.
    pub ids: Vec<String>,
    /// The destination, as results name it.
    pub destination: Option<String>,
    /// Settled at or after, milliseconds since the epoch.
    pub from_ms: Option<u64>,
    /// Settled before, milliseconds since the epoch.
    pub to_ms: Option<u64>,
    /// The class of the failure.
    pub class: Option<String>,
    /// The status of the answer.
    pub status: Option<u16>,
    /// How it ended; `None`: in any way. Never [`Decision::Retry`], which has not ended.
    pub verdict: Option<Decision>,
}

impl Filter {
    fn window(&self) -> Window {
        Window {
            route: Some(self.route.clone()),
            from: self.from_ms.map(Timestamp::from_millis),
            to: self.to_ms.map(Timestamp::from_millis),
            ..Window::default()
        }
    }

    /// Whether a result is that of a notification to send again.
    #[must_use]
    pub fn takes(&self, result: &Stored) -> bool {
        let at = result.at_time().as_millis();
        result.verdict.is_final()
            && !result.late
            && result.route == self.route
            && (self.ids.is_empty()
                || self.ids.contains(&result.notification_id)
                || self.ids.contains(&result.message_id))
            && self
                .destination
                .as_ref()
                .is_none_or(|wanted| *wanted == result.destination)
            && self.from_ms.is_none_or(|from| at >= from)
            && self.to_ms.is_none_or(|to| at < to)
            && self
                .class
                .as_ref()
                .is_none_or(|wanted| Some(wanted) == result.class.as_ref())
            && self
                .status
                .is_none_or(|wanted| Some(wanted) == result.status)
            && self.verdict.is_none_or(|wanted| wanted == result.verdict)
    }

    fn may_be_in(&self, index: &Index) -> bool {
        let passes = |at: Option<u64>, test: fn(Timestamp, Timestamp) -> bool, bound: Timestamp| {
            at.is_none_or(|at| test(bound, Timestamp::from_millis(at)))
        };
        passes(self.from_ms, |last, from| last >= from, index.last_at)
            && passes(self.to_ms, |first, to| first < to, index.first_at)
            && self
                .destination
                .as_ref()
                .is_none_or(|wanted| index.kept.contains_key(wanted))
    }
}

/// How a replay sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ids {
    /// Each notification keeps its id.
    Keep,
    /// Each is a new notification.
    New,
}

/// Whether a replay runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Nothing was sent.
    Planned,
    /// It was begun; when nobody runs it, it can be resumed.
    Begun,
    /// All was sent.
    Done,
}

/// A replay, as it is stored and shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    /// Its id.
    pub id: String,
    /// What it picked.
    pub filter: Filter,
    /// How it names them.
    pub ids: Ids,
    /// When it was planned, milliseconds since the epoch.
    pub planned_at_ms: u64,
    /// Whether it runs.
    pub phase: Phase,
    /// Notifications to send.
    pub total: u64,
    /// Notifications that pass the filter and cannot be sent: their source was not kept.
    pub without_source: u64,
    /// Sent and acknowledged.
    pub sent: u64,
    /// The end of the batch that may have been sent since `sent` was stored, and the journal's position before it.
    pub in_doubt: Option<(u64, Option<u64>)>,
    /// Sources in each part.
    pub parts: Vec<u64>,
}

/// A notification to be sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Again {
    /// The line.
    pub body: Bytes,
    /// Id, line number and replay mark.
    pub attributes: BTreeMap<String, String>,
}

impl Again {
    /// Its bytes in a queue, never none.
    fn size(&self) -> usize {
        let attributes = self.attributes.iter();
        let attributes: usize = attributes
            .map(|(name, value)| name.len() + value.len())
            .sum();
        (self.body.len() + attributes).max(1)
    }
}

/// Where replays send to: a route's queue.
pub trait Target: Send + Sync + std::fmt::Debug {
    /// How many are sent at once, at most; 10 on SQS. The larger, the fewer notes of how far a replay is.
    fn batch_max(&self) -> usize;

    /// Sends messages of one line each, booked as replayed where there is a ledger; all acknowledged, or an error: then some
    /// may have been sent.
    fn send<'a>(&'a self, batch: &'a [Again]) -> BoxFuture<'a, Result<(), port::Error>>;

    /// The journal that the messages go to, and its end; `None` elsewhere.
    fn journal(&self) -> Option<(Arc<dyn ResultLog>, Position)> {
        None
    }
}

/// Plans and runs replays, whose plans lie beside the results.
#[derive(Clone, Debug)]
pub struct Replays {
    results: Results,
    log: Option<Arc<dyn ResultLog>>,
}

/// One picked notification, as it lies in a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Source {
    notification_id: String,
    line: u32,
    /// The id that its sender gave, where the line bears another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    accepted_as: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

impl Source {
    fn of(result: &Stored, raw: &[u8]) -> Self {
        let text = std::str::from_utf8(raw).ok().map(str::to_owned);
        Self {
            notification_id: result.notification_id.clone(),
            line: result.line,
            accepted_as: result.accepted_as.clone(),
            base64: text.is_none().then(|| STANDARD.encode(raw)),
            text,
        }
    }

    fn body(&self) -> Bytes {
        let decoded = || STANDARD.decode(self.base64.as_deref().unwrap_or_default());
        match &self.text {
            Some(text) => text.clone().into(),
            None => decoded().unwrap_or_default().into(),
        }
    }

    /// The new message: its id is that which the sender gave, of the form `base/line`; an id of another form stands in the
    /// line itself. A new id is that of the replay.
    fn again(&self, replay: &Replay, number: u64) -> Again {
        let mut attributes = BTreeMap::new();
        let sent_as = self.accepted_as.as_ref().unwrap_or(&self.notification_id);
        if let (Ids::Keep, Some(base)) = (replay.ids, travel::without_line(sent_as)) {
            let retry = Retry {
                lines: vec![self.line],
                ..Retry::default()
            };
            attributes = travel::carry(&attributes, base, 1, &retry);
        }
        if replay.ids == Ids::New {
            attributes.insert(travel::NEW_ID.to_owned(), "yes".to_owned());
            attributes.insert(travel::ID.to_owned(), new_base(&replay.id, number));
        }
        attributes.insert(travel::REPLAY.to_owned(), mark(&replay.id, number));
        Again {
            body: self.body(),
            attributes,
        }
    }
}

/// The base of the id that a replay with new ids gives to its notification `number`.
fn new_base(id: &str, number: u64) -> String {
    format!("{id}-{number}")
}

impl Replay {
    /// The ids that its first `count` notifications have when it gives new ones.
    pub fn new_ids(&self, count: u64) -> impl Iterator<Item = String> + use<'_> {
        let given = if self.ids == Ids::New { count } else { 0 };
        (0..given).map(|number| travel::line_id(&new_base(&self.id, number), 1).to_string())
    }
}

fn mark(id: &str, number: u64) -> String {
    // The full stop ends the number: in the journal other bytes follow at once.
    format!("{id}#{number}.")
}

impl Replays {
    /// Replays of what is in `results`, and of what `log` holds unsealed.
    #[must_use]
    pub fn new(results: Results, log: Option<Arc<dyn ResultLog>>) -> Self {
        Self { results, log }
    }

    async fn put(&self, replay: &Replay) -> Result<(), Error> {
        let bytes = serde_json::to_vec(replay).map_err(|error| damaged(&replay.id, &error))?;
        Ok(self
            .results
            .store()
            .put(&state_name(&replay.id), bytes.into())
            .await?)
    }

    /// A replay of that id; `None` when there is none.
    ///
    /// # Errors
    /// What the store says; [`Error::Damaged`] when it cannot be read.
    pub async fn get(&self, id: &str) -> Result<Option<Replay>, Error> {
        if !is_id(id) {
            return Ok(None);
        }
        let Some(bytes) = self.results.store().get(&state_name(id), None).await? else {
            return Ok(None);
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| damaged(id, &error))
    }

    /// All replays, in the order in which they were planned.
    ///
    /// # Errors
    /// What the store says; [`Error::Damaged`] when one cannot be read.
    pub async fn list(&self) -> Result<Vec<Replay>, Error> {
        let mut replays = Vec::new();
        for object in self.results.store().list("replays/").await? {
            if let Some(id) = object
                .name
                .strip_prefix("replays/")
                .and_then(|name| name.strip_suffix("/state.json"))
                && let Some(replay) = self.get(id).await?
            {
                replays.push(replay);
            }
        }
        replays.sort_by_key(|replay| replay.planned_at_ms);
        Ok(replays)
    }

    /// Removes a plan or a finished replay, with the sources that it copied; says whether there was one.
    ///
    /// # Errors
    /// What the store says.
    pub async fn discard(&self, id: &str) -> Result<bool, Error> {
        if !is_id(id) {
            return Ok(false);
        }
        let folder = format!("replays/{id}/");
        let objects = self.results.store().list(&folder).await?;
        for object in &objects {
            self.results.store().delete(&object.name).await?;
        }
        Ok(!objects.is_empty())
    }
}

/// Whether a replay may be called so: what somebody typed goes into the names of objects.
fn is_id(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !id.is_empty() && id.bytes().all(is_plain)
}

fn state_name(id: &str) -> String {
    format!("replays/{id}/state.json")
}

fn part_name(id: &str, part: usize) -> String {
    format!("replays/{id}/part-{part:05}.zst")
}

fn damaged(id: &str, detail: &dyn std::fmt::Display) -> Error {
    Error::Damaged {
        name: format!("replays/{id}"),
        detail: detail.to_string(),
    }
}
