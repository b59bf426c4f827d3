//! The states of all hosts' checks, on the server.
//!
//! An agent says which checks it makes and by which rules ([`Board::assign`]) and what they found ([`Board::report`]); what does not
//! come in time is missed ([`Board::tick`]). A host is a check as well, [`HOST`]: it is critical while the host is silent.
//!
//! Tables: [`TABLES`].
//!
//! | table | key | value |
//! |---|---|---|
//! | `watch-hosts` | host | name, parents, what it was assigned |
//! | `watch-checks` | host, 0, check | rules, state, last result |
//! | `watch-results` | host, 0, check, 0, number | a change of state |
//! | `watch-due` | time, host, 0, check | when it is missed |
//! | `watch-outbox` | number | an event that waits to be told |
//! | `watch-graphs` | host, 0, check | the graphs of what it measures |
//!
//! INVARIANT: a result, the state that it makes and the events that are told of it are one change: after a crash all are there or none.
//! INVARIANT: a result that comes twice counts once: by its id, and by its number where it has one.
//! INVARIANT: an event is in the outbox until [`Board::done`]; its id is the same however often it is told. Nothing is thrown out of
//! it: whoever opens a board drains it.

mod notice;
mod session;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use serde::{Deserialize, Serialize};
use store::Poisoned;
use store::tables::{Changes, Table, Tables, View};

use super::plugin::Graph;
use super::state::{Acknowledged, Kind, Rules, State};
use super::{Outcome, Status, TEXT_MAX, cut};
use crate::datum::{CHECK, CHECKS, Datum, Measured, Unit};
use session::Session;

const HOSTS: Table = "watch-hosts";
const STATES: Table = "watch-checks";
const HISTORY: Table = "watch-results";
const DUE: Table = "watch-due";
const OUTBOX: Table = "watch-outbox";
const GRAPHS: Table = "watch-graphs";

/// The tables of the board.
pub const TABLES: &[Table] = &[HOSTS, STATES, HISTORY, DUE, OUTBOX, GRAPHS];

/// The check that a host is itself.
pub const HOST: &str = "@host";
/// Changes of state that are kept for each check. Chosen: a month of one a day, a day of a bad one.
pub const HISTORY_MAX: u64 = 200;
/// Results of one report. Chosen: an agent that was away sends several reports.
pub const RESULTS_MAX: usize = 1_000;
/// Missed results that one tick takes in.
pub const MISSED_MAX: usize = 1_000;
/// How long agents have after a restart of the server to send what they kept. Chosen: they try again within a minute.
pub const GRACE: Duration = Duration::from_secs(180);
/// Checks of one host.
pub const CHECKS_MAX: usize = super::config::ENTRIES_MAX;

/// One result, as an agent or somebody else reports it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Tells it from all others, such as a UUID; the same when it is sent again.
    pub id: String,
    /// Its number among those of its host, growing; zero for who does not count.
    pub number: u64,
    /// Which check.
    pub check: String,
    /// When it was made.
    pub at: Timestamp,
    /// What it says.
    pub status: Status,
    /// One line.
    pub text: String,
    /// More lines.
    pub long: String,
    /// How long it took.
    pub took_ms: u64,
}

impl Report {
    /// The report of an outcome.
    #[must_use]
    pub fn of(
        check: &str,
        id: String,
        number: u64,
        at: Timestamp,
        took_ms: u64,
        outcome: &Outcome,
    ) -> Self {
        Self {
            id,
            number,
            check: check.to_owned(),
            at,
            status: outcome.status,
            text: cut(&outcome.text, TEXT_MAX).to_owned(),
            long: cut(&outcome.long, TEXT_MAX).to_owned(),
            took_ms,
        }
    }
}

/// What is known of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Its name, by which others depend on it.
    pub name: String,
    /// Hosts by name or id without which it cannot be reached.
    pub parents: Vec<String>,
    /// What it was assigned: the hash of its rules.
    pub hash: String,
}

/// A check, its state and its last result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// Its rules.
    pub rules: Rules,
    /// Its state.
    pub state: State,
    /// When it was assigned first; part of the ids of its events.
    pub born: Timestamp,
    /// More lines of the last result.
    pub long: String,
    /// How long it took.
    pub took_ms: u64,
    /// The id of the last result.
    pub last_id: String,
    /// The greatest number of a result.
    pub last_number: u64,
    /// When it is missed.
    pub due: Option<Timestamp>,
    /// Changes of state that were kept, also those that are no more.
    pub kept: u64,
}

/// A check of a host.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// The host's id.
    pub host: String,
    /// Its name.
    pub host_name: String,
    /// The check's name.
    pub check: String,
    /// What is known of it.
    pub known: Known,
}

/// A change of a check's state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// The answer.
    pub status: Status,
    /// Whether it is hard.
    pub is_hard: bool,
    /// The attempt.
    pub attempt: u32,
    /// The answer's line.
    pub text: String,
    /// What was told.
    pub told: Vec<Kind>,
    /// What kept it from being told.
    pub held_by: Option<String>,
}

/// What people are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// `HOST/CHECK@BORN#NUMBER`, the same however often it is told.
    pub id: String,
    /// The host's id.
    pub host: String,
    /// The host's name.
    pub host_name: String,
    /// The check's name; [`HOST`] for the host itself.
    pub check: String,
    /// What happened.
    pub kind: Kind,
    /// The hard status now.
    pub status: Status,
    /// What was told before.
    pub was: Status,
    /// One line.
    pub text: String,
    /// When.
    pub at: Timestamp,
    /// Whom to tell.
    pub notify: Vec<String>,
    /// What the router goes by.
    pub labels: BTreeMap<String, String>,
}

/// What a report came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reported {
    /// What is told, already in the outbox.
    pub events: Vec<Event>,
    /// The states as metrics, `Shukuba/Checks State`, 0 to 3, and how long the runs took.
    pub metrics: Vec<Datum>,
    /// Checks whose state is soft: they are made again soon.
    pub soft: Vec<String>,
    /// Names that the host has no check of; nothing of them is kept.
    pub unknown: Vec<String>,
    /// Results that had been taken before.
    pub repeated: usize,
}

/// Why the board cannot do something.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A host has no such check.
    #[error("host `{host}` has no check `{check}`")]
    CheckNotFound {
        /// The host.
        host: String,
        /// The check.
        check: String,
    },
    /// There is no problem to take on.
    #[error("check `{check}` of host `{host}` has no problem")]
    NoProblem {
        /// The host.
        host: String,
        /// The check.
        check: String,
    },
    /// More than there can be.
    #[error("{what}: {count} are more than {max}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        count: usize,
        /// How many there can be.
        max: usize,
    },
    /// A name that cannot be one.
    #[error("`{0}` is no name of a host or a check")]
    BadName(String),
    /// What is stored cannot be read.
    #[error("what is stored of `{0}` cannot be read")]
    Unreadable(String, #[source] serde_json::Error),
    /// The tables cannot be read.
    #[error(transparent)]
    Tables(#[from] store::tables::Error),
    /// The tables take no changes.
    #[error(transparent)]
    Poisoned(#[from] Poisoned),
}

/// The states of all hosts' checks.
#[derive(Clone, Debug)]
pub struct Board {
    tables: Arc<Tables>,
}

impl Board {
    /// A board in `tables`, which were opened with [`TABLES`] among them.
    #[must_use]
    pub const fn new(tables: Arc<Tables>) -> Self {
        Self { tables }
    }

    /// What is known of a host.
    ///
    /// # Errors
    /// [`Error::Tables`], [`Error::Unreadable`].
    pub fn host(&self, host: &str) -> Result<Option<Host>, Error> {
        session::host_of(&self.tables.view(), host)
    }

    /// The host makes these checks from now on, by these rules; what it made before and does no more is removed. What is known
    /// of those that stay, stays.
    ///
    /// # Errors
    /// [`Error::TooMany`], [`Error::BadName`], [`Error::Tables`], [`Error::Poisoned`].
    pub async fn assign(
        &self,
        id: &str,
        host: Host,
        checks: BTreeMap<String, Rules>,
        at: Timestamp,
    ) -> Result<Vec<Event>, Error> {
        within("checks of a host", checks.len(), CHECKS_MAX)?;
        for name in checks.keys().map(String::as_str).chain([id]) {
            if !is_name(name) || name == HOST {
                return Err(Error::BadName(name.to_owned()));
            }
        }
        let id = id.to_owned();
        self.change(move |session| {
            session.assign(&id, &host, checks, at)?;
            Ok(std::mem::take(&mut session.events))
        })
        .await
    }

    /// The graphs of the host's checks are these from now on. What is said of checks that it does not make is not kept.
    ///
    /// # Errors
    /// [`Error::TooMany`], [`Error::Tables`], [`Error::Poisoned`].
    pub async fn draw(
        &self,
        host: &str,
        graphs: BTreeMap<String, Vec<Graph>>,
    ) -> Result<(), Error> {
        within("checks with graphs", graphs.len(), CHECKS_MAX)?;
        let host = host.to_owned();
        self.change(move |session| session.draw(&host, graphs))
            .await
    }

    /// The graphs of a host's checks, by check: at most `max` checks.
    ///
    /// # Errors
    /// [`Error::Tables`], [`Error::Unreadable`].
    pub fn graphs(&self, host: &str, max: usize) -> Result<BTreeMap<String, Vec<Graph>>, Error> {
        session::graphs_of(&self.tables.view(), host, max)
    }

    /// Takes results in, in their order. What comes for the second time counts once.
    ///
    /// # Errors
    /// [`Error::TooMany`], [`Error::Tables`], [`Error::Poisoned`]; nothing is taken then.
    pub async fn report(&self, host: &str, results: Vec<Report>) -> Result<Reported, Error> {
        within("results of a report", results.len(), RESULTS_MAX)?;
        let host = host.to_owned();
        self.change(move |session| {
            let mut reported = Reported::default();
            for result in &results {
                session.report(&host, result, &mut reported)?;
            }
            reported.events = std::mem::take(&mut session.events);
            Ok(reported)
        })
        .await
    }

    /// Takes in that results did not come that were due before `at`, at most [`MISSED_MAX`]; the rest comes with the next tick.
    ///
    /// # Errors
    /// [`Error::Tables`], [`Error::Poisoned`].
    pub async fn tick(&self, at: Timestamp) -> Result<Reported, Error> {
        let is_due = session::missed(&self.tables.view(), at, 1)?;
        if is_due.is_empty() {
            return Ok(Reported::default());
        }
        self.change(move |session| {
            let mut reported = Reported::default();
            for (host, check) in session::missed(session.view, at, MISSED_MAX)? {
                session.miss(&host, &check, at, &mut reported)?;
            }
            reported.events = std::mem::take(&mut session.events);
            Ok(reported)
        })
        .await
    }

    /// The server was away until `at`: what was due meanwhile may still come, until [`GRACE`] is over. Called once, before the first
    /// [`Board::tick`].
    ///
    /// # Errors
    /// [`Error::Tables`], [`Error::Poisoned`].
    pub async fn resume(&self, at: Timestamp) -> Result<(), Error> {
        self.change(move |session| session.resume(at, GRACE)).await
    }

    /// The host is silent: it is critical, and what its checks say is held back until it is heard again.
    ///
    /// # Errors
    /// [`Error::CheckNotFound`] for a host that is not known; [`Error::Tables`], [`Error::Poisoned`].
    pub async fn on_host_gone(
        &self,
        host: &str,
        text: &str,
        at: Timestamp,
    ) -> Result<Vec<Event>, Error> {
        self.host_says(host, Status::Critical, text, at).await
    }

    /// The host is heard again.
    ///
    /// # Errors
    /// As [`Board::on_host_gone`].
    pub async fn on_host_back(&self, host: &str, at: Timestamp) -> Result<Vec<Event>, Error> {
        self.host_says(host, Status::Ok, "the host is heard again", at)
            .await
    }

    /// The host said goodbye or was terminated: it and its checks are forgotten, and whoever was told of a problem is told so.
    ///
    /// # Errors
    /// [`Error::Tables`], [`Error::Poisoned`].
    pub async fn on_host_left(&self, host: &str, at: Timestamp) -> Result<Vec<Event>, Error> {
        let host = host.to_owned();
        self.change(move |session| {
            session.leave(&host, at)?;
            Ok(std::mem::take(&mut session.events))
        })
        .await
    }

    /// Somebody takes a problem on.
    ///
    /// # Errors
    /// [`Error::CheckNotFound`], [`Error::NoProblem`], [`Error::Tables`], [`Error::Poisoned`].
    pub async fn acknowledge(
        &self,
        host: &str,
        check: &str,
        by: Acknowledged,
    ) -> Result<Vec<Event>, Error> {
        let (host, check) = (host.to_owned(), check.to_owned());
        self.change(move |session| {
            session.acknowledge(&host, &check, by)?;
            Ok(std::mem::take(&mut session.events))
        })
        .await
    }

    /// One check of a host.
    ///
    /// # Errors
    /// [`Error::Tables`], [`Error::Unreadable`].
    pub fn check(&self, host: &str, check: &str) -> Result<Option<Known>, Error> {
        session::known_of(&self.tables.view(), &session::key(host, check))
    }

    /// The checks of a host, or of all, by host and name: at most `max` after `(host, check)`.
    ///
    /// # Errors
    /// [`Error::Tables`], [`Error::Unreadable`].
    pub fn list(
        &self,
        host: Option<&str>,
        after: Option<(&str, &str)>,
        max: usize,
    ) -> Result<Vec<Listed>, Error> {
        let view = self.tables.view();
        let prefix = host.map(|host| session::key(host, "")).unwrap_or_default();
        let after = after.map(|(host, check)| session::key(host, check));
        let from = after
            .as_deref()
            .map_or(Bound::Included(prefix.as_slice()), Bound::Excluded);
        let entries = view.range(STATES, from, Bound::Unbounded);
        let mut listed = Vec::new();
        for entry in entries.take(max) {
            let (key, value) = entry?;
            if !key.starts_with(&prefix) {
                break;
            }
            let Some((host, check)) = session::names(&key) else {
                continue;
            };
            listed.push(Listed {
                host_name: session::host_of(&view, &host)?.unwrap_or_default().name,
                known: session::decode(&check, &value)?,
                host,
                check,
            });
        }
        Ok(listed)
    }

    /// The last changes of a check's state, the newest first, at most `max`.
    ///
    /// # Errors
    /// [`Error::Tables`], [`Error::Unreadable`].
    pub fn history(&self, host: &str, check: &str, max: usize) -> Result<Vec<Entry>, Error> {
        let view = self.tables.view();
        let entries = view
            .prefix(HISTORY, &session::key_in(host, check))
            .rev()
            .take(max);
        entries
            .map(|entry| session::decode(check, &entry?.1))
            .collect()
    }

    /// The events that wait to be told, the oldest first, at most `max`.
    ///
    /// # Errors
    /// [`Error::Tables`], [`Error::Unreadable`].
    pub fn pending(&self, max: usize) -> Result<Vec<Event>, Error> {
        let view = self.tables.view();
        let entries = view.prefix(OUTBOX, b"").take(max);
        entries
            .map(|entry| session::decode("the outbox", &entry?.1))
            .collect()
    }

    /// The event with this id has been handed on. Nothing happens where it does not wait.
    ///
    /// # Errors
    /// [`Error::Tables`], [`Error::Poisoned`].
    pub async fn done(&self, id: &str) -> Result<(), Error> {
        let id = id.to_owned();
        self.change(move |session| session.done(&id)).await
    }

    async fn host_says(
        &self,
        host: &str,
        status: Status,
        text: &str,
        at: Timestamp,
    ) -> Result<Vec<Event>, Error> {
        let (host, text) = (host.to_owned(), text.to_owned());
        self.change(move |session| {
            session.host_says(&host, status, &text, at)?;
            Ok(std::mem::take(&mut session.events))
        })
        .await
    }

    async fn change<T: Send + 'static>(
        &self,
        decide: impl FnOnce(&mut Session<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let decided = move |view: &View, changes: &mut Changes| {
            let mut session = Session::new(view, changes);
            let done = decide(&mut session);
            done.and_then(|done| session.finish().map(|()| done))
        };
        self.tables.change(decided).await?
    }
}

fn within(what: &'static str, count: usize, max: usize) -> Result<(), Error> {
    match count > max {
        true => Err(Error::TooMany { what, count, max }),
        false => Ok(()),
    }
}

/// Ids and names are parts of keys.
fn is_name(name: &str) -> bool {
    (1..=255).contains(&name.len()) && !name.contains(['\0', '#'])
}

/// The state of a check as metrics.
fn metrics(host: &str, check: &str, known: &Known, at: Timestamp, into: &mut Vec<Datum>) {
    let state = Measured::new(
        CHECKS,
        "State",
        Unit::None,
        f64::from(known.state.hard.code()),
    );
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of one run")]
    let took = Measured::new(CHECKS, "Duration", Unit::Milliseconds, known.took_ms as f64);
    for measured in [state, took] {
        into.extend(measured.with(CHECK, check).of(host, at, 60));
    }
}

#[cfg(test)]
mod tests;
