//! The engine on the disk: what an event changes and the notices that follow are one change of the tables.
//!
//! | table | key | value |
//! |---|---|---|
//! | `watch-groups` | the group's key as JSON | the group as JSON |
//! | `watch-acks` | the source | the acknowledgement as JSON |
//! | `watch-silences` | the id | the silence as JSON |
//! | `watch-events` | the event's id | when it came, milliseconds, 8 bytes big-endian |
//! | `watch-notices` | a number, 8 bytes big-endian | the notice as JSON |
//!
//! A notice stays in its table until whoever sends it says [`Router::done`], so that a crash in between sends it again
//! under the same id.

use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use base::setting::Problems;
use base::{Clock, Timestamp};
use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use store::Poisoned;
use store::tables::{self, Changes, Table, Tables};
use tokio::sync::{Mutex, Notify};

use super::engine::{Acknowledgement, Alert, Changed, Engine, GroupKey, Notice, Refused};
use super::event::Event;
use super::matching::Matcher;
use super::settings::Settings;
use super::silence::Silence;

const GROUPS: Table = "watch-groups";
const ACKS: Table = "watch-acks";
const SILENCES: Table = "watch-silences";
const EVENTS: Table = "watch-events";
const NOTICES: Table = "watch-notices";

/// The tables of the router.
pub const TABLES: &[Table] = &[GROUPS, ACKS, SILENCES, EVENTS, NOTICES];

/// How long an event's id is remembered. Chosen: what hands events in does so again within seconds of a start.
const REMEMBER: Duration = Duration::from_secs(7 * 86_400);
/// How long a silence that is over can still be seen. Chosen.
const SHOW_SILENCES: Duration = Duration::from_secs(86_400);
/// How often what is old is looked for. Chosen.
const FORGET_EVERY: Duration = Duration::from_secs(3600);

/// Why a call of the router failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was asked makes no sense.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The tables cannot be written any more.
    #[error(transparent)]
    Poisoned(#[from] Poisoned),
    /// The tables cannot be read.
    #[error("what the router knew cannot be read")]
    Read(#[from] tables::Error),
    /// What stands in a table is not what was written there.
    #[error("a row of `{table}` cannot be read")]
    Row {
        /// Which table.
        table: Table,
        /// Why.
        source: serde_json::Error,
    },
}

/// An alert, and what is known of it beside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shown {
    /// The alert.
    #[serde(flatten)]
    pub alert: Alert,
    /// The receivers that are told of it.
    pub receivers: Vec<String>,
    /// Who took it upon him.
    pub acknowledged: Option<Acknowledgement>,
    /// Whether it is silenced now.
    pub is_silenced: bool,
}

/// The router of notices.
#[derive(Debug)]
pub struct Router {
    tables: Arc<Tables>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    handed: Notify,
}

#[derive(Debug)]
struct State {
    engine: Engine,
    next: u64,
    forgot: Timestamp,
}

impl Router {
    /// Reads what was known.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::Row`].
    pub fn open(
        tables: Arc<Tables>,
        settings: Settings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let view = tables.view();
        let mut engine = Engine::new(settings);
        let mut groups = Vec::new();
        for row in view.prefix(GROUPS, b"") {
            let (key, value) = row?;
            let key: GroupKey = read(GROUPS, &key)?;
            groups.push((key, read(GROUPS, &value)?));
        }
        let mut acks = Vec::new();
        for row in view.prefix(ACKS, b"") {
            let (key, value) = row?;
            let source = String::from_utf8_lossy(&key).into_owned();
            acks.push((source, read(ACKS, &value)?));
        }
        let mut silences: Vec<Silence> = Vec::new();
        for row in view.prefix(SILENCES, b"") {
            silences.push(read(SILENCES, &row?.1)?);
        }
        engine.restore(groups, acks, silences);
        let last = view.prefix(NOTICES, b"").next_back().transpose()?;
        let next = last.map_or(1, |(key, _)| number(&key) + 1);
        let forgot = clock.now();
        Ok(Self {
            tables,
            clock,
            state: Mutex::new(State {
                engine,
                next,
                forgot,
            }),
            handed: Notify::new(),
        })
    }

    /// Other settings.
    pub async fn set_settings(&self, settings: Settings) {
        self.state.lock().await.engine.set_settings(settings);
    }

    /// Takes an event; one that was taken before changes nothing. It is durable, with its notices, when this answers.
    ///
    /// # Errors
    /// [`Error::Refused`] where too many problems are known, [`Error::Poisoned`], [`Error::Read`].
    pub async fn take(&self, event: &Event) -> Result<(), Error> {
        let mut state = self.state.lock().await;
        if self
            .tables
            .view()
            .get(EVENTS, event.id.as_bytes())?
            .is_some()
        {
            return Ok(());
        }
        let now = self.clock.now();
        let changed = state.engine.take(event, now)?;
        let mut changes = Changes::default();
        let at = now.as_millis().to_be_bytes();
        changes.put(EVENTS, event.id.as_bytes(), at);
        self.keep(&mut state, changed, changes).await
    }

    /// Lets time pass. To be called every second or so.
    ///
    /// # Errors
    /// [`Error::Poisoned`] or [`Error::Read`].
    pub async fn tick(&self) -> Result<(), Error> {
        let mut state = self.state.lock().await;
        let now = self.clock.now();
        let changed = state.engine.tick(now);
        let mut changes = Changes::default();
        if now.since(state.forgot) >= FORGET_EVERY {
            state.forgot = now;
            self.forget(&mut state, now, &mut changes)?;
        }
        self.keep(&mut state, changed, changes).await
    }

    fn forget(
        &self,
        state: &mut State,
        now: Timestamp,
        changes: &mut Changes,
    ) -> Result<(), Error> {
        for id in state.engine.forget_silences(now.minus(SHOW_SILENCES)) {
            changes.remove(SILENCES, id.into_bytes());
        }
        let before = now.minus(REMEMBER).as_millis();
        for row in self.tables.view().prefix(EVENTS, b"") {
            let (key, value) = row?;
            if number(&value) < before {
                changes.remove(EVENTS, key.to_vec());
            }
        }
        Ok(())
    }

    /// Writes what has changed.
    async fn keep(
        &self,
        state: &mut State,
        changed: Changed,
        mut changes: Changes,
    ) -> Result<(), Error> {
        for key in &changed.groups {
            let name = json(key);
            match state.engine.group(key) {
                Some(group) => changes.put(GROUPS, name, json(group)),
                None => changes.remove(GROUPS, name),
            }
        }
        for source in &changed.acknowledged {
            match state.engine.acknowledgement(source) {
                Some(ack) => changes.put(ACKS, source.as_bytes(), json(ack)),
                None => changes.remove(ACKS, source.as_bytes()),
            }
        }
        for notice in &changed.notices {
            changes.put(NOTICES, state.next.to_be_bytes(), json(notice));
            state.next += 1;
        }
        self.write(changes).await?;
        if !changed.notices.is_empty() {
            self.handed.notify_one();
        }
        Ok(())
    }

    async fn write(&self, written: Changes) -> Result<(), Error> {
        let done = self.tables.change(move |_, changes| {
            *changes = written;
            Ok::<(), std::convert::Infallible>(())
        });
        done.await?.unwrap_or_else(|never| match never {});
        Ok(())
    }

    /// Notices that nobody has sent yet, oldest first, each with the number to say [`Router::done`] with.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::Row`].
    pub fn pending(&self, limit: usize) -> Result<Vec<(u64, Notice)>, Error> {
        let view = self.tables.view();
        let rows = view.range(NOTICES, Bound::Unbounded, Bound::Unbounded);
        let read = |row: Result<tables::Entry, tables::Error>| {
            let (key, value) = row?;
            Ok((number(&key), read(NOTICES, &value)?))
        };
        rows.take(limit).map(read).collect()
    }

    /// Waits until there may be new notices.
    pub async fn handed(&self) {
        self.handed.notified().await;
    }

    /// A notice is in the queue that it goes out by.
    ///
    /// # Errors
    /// [`Error::Poisoned`].
    pub async fn done(&self, number: u64) -> Result<(), Error> {
        let mut changes = Changes::default();
        changes.remove(NOTICES, number.to_be_bytes());
        self.write(changes).await
    }

    /// Somebody takes a problem upon him.
    ///
    /// # Errors
    /// [`Error::Refused`] where there is no such problem, [`Error::Poisoned`].
    pub async fn acknowledge(&self, source: &str, by: &str, comment: &str) -> Result<(), Error> {
        let mut state = self.state.lock().await;
        let acknowledgement = Acknowledgement {
            by: by.to_owned(),
            at: self.clock.now(),
            comment: comment.to_owned(),
        };
        let changed = state.engine.acknowledge(source, acknowledgement)?;
        self.keep(&mut state, changed, Changes::default()).await
    }

    /// Silences what matches from now on, for so long; gives the silence.
    ///
    /// # Errors
    /// [`Error::Refused`] for a wrong span or too many, [`Error::Poisoned`].
    pub async fn silence(
        &self,
        matcher: Matcher,
        lasts: Duration,
        by: &str,
        comment: &str,
    ) -> Result<Silence, Error> {
        let mut state = self.state.lock().await;
        let from = self.clock.now();
        let silence = Silence {
            id: base::id::uuid(),
            matcher,
            from,
            until: from.plus(lasts),
            by: by.to_owned(),
            comment: comment.to_owned(),
        };
        state.engine.silence(silence.clone())?;
        let mut changes = Changes::default();
        changes.put(SILENCES, silence.id.as_bytes(), json(&silence));
        self.write(changes).await?;
        Ok(silence)
    }

    /// Ends a silence.
    ///
    /// # Errors
    /// [`Error::Refused`] where there is none, [`Error::Poisoned`].
    pub async fn end_silence(&self, id: &str) -> Result<(), Error> {
        let mut state = self.state.lock().await;
        state.engine.end_silence(id)?;
        let mut changes = Changes::default();
        changes.remove(SILENCES, id.as_bytes());
        self.write(changes).await
    }

    /// The silences, those that are over for a day too.
    pub async fn silences(&self) -> Vec<Silence> {
        let state = self.state.lock().await;
        state.engine.silences().cloned().collect()
    }

    /// Whether there is a receiver of that name.
    pub async fn has_receiver(&self, name: &str) -> bool {
        let state = self.state.lock().await;
        state.engine.settings().receivers.contains_key(name)
    }

    /// The time zone in which people read times.
    pub async fn zone(&self) -> TimeZone {
        let state = self.state.lock().await;
        state.engine.settings().zone(&mut Problems::default())
    }

    /// Whether something with these labels is silenced now.
    pub async fn is_silenced(&self, labels: &std::collections::BTreeMap<String, String>) -> bool {
        let state = self.state.lock().await;
        state.engine.is_silenced(labels, self.clock.now())
    }

    /// What is wrong now and has a receiver, sorted by source.
    pub async fn problems(&self) -> Vec<Shown> {
        let state = self.state.lock().await;
        let now = self.clock.now();
        let mut shown = std::collections::BTreeMap::<String, Shown>::new();
        for (key, group) in state.engine.groups() {
            for alert in group.alerts().filter(|alert| alert.ended.is_none()) {
                let entry = shown.entry(alert.source.clone());
                let one = entry.or_insert_with(|| Shown {
                    alert: alert.clone(),
                    receivers: Vec::new(),
                    acknowledged: state.engine.acknowledgement(&alert.source).cloned(),
                    is_silenced: state.engine.is_silenced(&alert.labels, now),
                });
                one.receivers.push(key.receiver.clone());
            }
        }
        shown.into_values().collect()
    }
}

/// The number that a key or value of 8 bytes is; 0 for others, which nobody writes.
fn number(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_be_bytes)
}

fn read<T: DeserializeOwned>(table: Table, bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|source| Error::Row { table, source })
}

/// Our own types have texts as keys and no numbers that JSON lacks, so this does not fail.
fn json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use base::ManualClock;

    use super::super::event::{Kind, Severity};
    use super::*;

    fn settings() -> Settings {
        toml::from_str(
            "[receivers.ops]\nmail = [\"ops@example.com\"]\nrepeat = \"1h\"\n[[routes]]\nto = [\"ops\"]\n",
        )
        .unwrap()
    }

    fn event(id: &str, kind: Kind, at: Timestamp) -> Event {
        Event {
            id: id.to_owned(),
            source: "alarm:web".to_owned(),
            kind,
            at,
            severity: Severity::Critical,
            title: "web is in ALARM".to_owned(),
            detail: String::new(),
            labels: BTreeMap::new(),
            to: Vec::new(),
            sns: None,
        }
    }

    fn open(path: &std::path::Path, clock: &Arc<ManualClock>) -> Router {
        let tables = Arc::new(Tables::open(path, TABLES).unwrap());
        Router::open(tables, settings(), clock.clone()).unwrap()
    }

    #[tokio::test]
    async fn an_event_counts_once_over_a_restart_and_so_does_its_notice() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_000_000)));
        let problem = event("1", Kind::Problem, clock.now());
        let router = open(dir.path(), &clock);
        router.take(&problem).await.unwrap();
        drop(router);
        // Killed before the notice was sent and before the source heard that its event was taken.
        let router = open(dir.path(), &clock);
        router.take(&problem).await.unwrap();
        let pending = router.pending(10).unwrap();
        assert_eq!(pending.len(), 1);
        let (number, notice) = pending.into_iter().next().unwrap();
        router.done(number).await.unwrap();
        drop(router);
        let router = open(dir.path(), &clock);
        assert_eq!(router.pending(10).unwrap(), []);
        router
            .take(&event("2", Kind::Recovery, clock.now()))
            .await
            .unwrap();
        let (_, end) = router.pending(10).unwrap().remove(0);
        assert_eq!(end.thread, notice.thread);
        assert_ne!(end.id, notice.id);
        assert_eq!(router.problems().await, []);
    }

    #[tokio::test]
    async fn acknowledgements_and_silences_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_000_000)));
        let router = open(dir.path(), &clock);
        let unknown = router.acknowledge("alarm:web", "alice", "").await;
        assert!(matches!(unknown, Err(Error::Refused(_))));
        router
            .take(&event("1", Kind::Problem, clock.now()))
            .await
            .unwrap();
        router
            .acknowledge("alarm:web", "alice", "on it")
            .await
            .unwrap();
        let hour = Duration::from_secs(3600);
        let silence = router
            .silence(Matcher::default(), hour, "bob", "move")
            .await
            .unwrap();
        drop(router);
        let router = open(dir.path(), &clock);
        let shown = router.problems().await.remove(0);
        assert_eq!(shown.acknowledged.unwrap().by, "alice");
        assert!(shown.is_silenced);
        router.end_silence(&silence.id).await.unwrap();
        assert!(router.end_silence(&silence.id).await.is_err());
        clock.advance(2 * hour);
        router.tick().await.unwrap();
        // Acknowledged: no repeat.
        assert_eq!(router.pending(10).unwrap().len(), 1);
    }

    #[tokio::test]
    async fn old_ids_and_silences_are_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_000_000)));
        let router = open(dir.path(), &clock);
        router
            .take(&event("1", Kind::Problem, clock.now()))
            .await
            .unwrap();
        let short = Duration::from_secs(1);
        router
            .silence(Matcher::default(), short, "bob", "")
            .await
            .unwrap();
        clock.advance(8 * Duration::from_secs(86_400));
        router.tick().await.unwrap();
        assert!(router.silences().await.is_empty());
        let view = router.tables.view();
        assert_eq!(view.prefix(EVENTS, b"").count(), 0);
    }
}
