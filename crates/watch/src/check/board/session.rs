//! One change of the board: what it reads, what it has changed so far, what it writes.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

use base::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use store::tables::{Changes, View};

use super::{
    DUE, Entry, Error, Event, GRAPHS, HISTORY, HISTORY_MAX, HOST, HOSTS, Host, Known, OUTBOX,
    Report, Reported, STATES, metrics,
};
use crate::check::Status;
use crate::check::plugin::Graph;
use crate::check::plugin::graph::GRAPHS_MAX;
use crate::check::state::{Acknowledged, Answer, Change, Kind, Rules, State};

/// A host and a check.
type Key = (String, String);

pub(super) struct Session<'a> {
    pub(super) view: &'a View,
    changes: &'a mut Changes,
    /// What this change has touched, over what is in the view; none for what it removed.
    touched: BTreeMap<Key, Option<Known>>,
    hosts: BTreeMap<String, Option<Host>>,
    pub(super) events: Vec<Event>,
    waiting: Vec<Event>,
}

/// The key of a check of a host.
pub(super) fn key(host: &str, check: &str) -> Vec<u8> {
    [host.as_bytes(), b"\0", check.as_bytes()].concat()
}

/// The beginning of the keys of what a check has of its own.
pub(super) fn key_in(host: &str, check: &str) -> Vec<u8> {
    [host.as_bytes(), b"\0", check.as_bytes(), b"\0"].concat()
}

/// The host and the check of a key.
pub(super) fn names(key: &[u8]) -> Option<Key> {
    let text = std::str::from_utf8(key).ok()?;
    let (host, check) = text.split_once('\0')?;
    Some((host.to_owned(), check.to_owned()))
}

pub(super) fn decode<T: DeserializeOwned>(what: &str, bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|error| Error::Unreadable(what.to_owned(), error))
}

fn encode<T: Serialize>(what: &str, value: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|error| Error::Unreadable(what.to_owned(), error))
}

pub(super) fn host_of(view: &View, host: &str) -> Result<Option<Host>, Error> {
    let found = view.get(HOSTS, host.as_bytes())?;
    found.map(|bytes| decode(host, &bytes)).transpose()
}

pub(super) fn known_of(view: &View, key: &[u8]) -> Result<Option<Known>, Error> {
    let found = view.get(STATES, key)?;
    found.map(|bytes| decode("a check", &bytes)).transpose()
}

pub(super) fn graphs_of(
    view: &View,
    host: &str,
    max: usize,
) -> Result<BTreeMap<String, Vec<Graph>>, Error> {
    let mut graphs = BTreeMap::new();
    for entry in view.prefix(GRAPHS, &key(host, "")).take(max) {
        let (key, value) = entry?;
        if let Some((_, check)) = names(&key) {
            let drawn = decode(&check, &value)?;
            graphs.insert(check, drawn);
        }
    }
    Ok(graphs)
}

/// The checks whose results were due before `at`, at most `max`.
pub(super) fn missed(view: &View, at: Timestamp, max: usize) -> Result<Vec<Key>, Error> {
    let to = at.as_millis().to_be_bytes();
    let mut missed = Vec::new();
    for entry in view
        .range(DUE, Bound::Unbounded, Bound::Excluded(to.as_slice()))
        .take(max)
    {
        let (key, _) = entry?;
        missed.extend(key.get(8..).and_then(names));
    }
    Ok(missed)
}

fn due_key(due: Timestamp, (host, check): &Key) -> Vec<u8> {
    [&due.as_millis().to_be_bytes()[..], &key(host, check)].concat()
}

impl<'a> Session<'a> {
    pub(super) fn new(view: &'a View, changes: &'a mut Changes) -> Self {
        Self {
            view,
            changes,
            touched: BTreeMap::new(),
            hosts: BTreeMap::new(),
            events: Vec::new(),
            waiting: Vec::new(),
        }
    }

    pub(super) fn assign(
        &mut self,
        id: &str,
        host: &Host,
        checks: BTreeMap<String, Rules>,
        at: Timestamp,
    ) -> Result<(), Error> {
        let own = Rules {
            parents: host.parents.clone(),
            ..Rules::default()
        };
        self.changes.put(HOSTS, id, encode(id, host)?);
        self.hosts.insert(id.to_owned(), Some(host.clone()));
        for (_, check) in self.checks_of(id)? {
            if check != HOST && !checks.contains_key(&check) {
                self.remove(id, &check, at)?;
            }
        }
        for (check, rules) in checks.into_iter().chain([(HOST.to_owned(), own)]) {
            let key = (id.to_owned(), check);
            let mut known = self.known(&key)?.unwrap_or_else(|| Known::new(at));
            if known.due.is_none() || known.rules.fresh_for != rules.fresh_for {
                let from = known.state.checked_at.unwrap_or(at);
                self.set_due(&key, &mut known, rules.fresh_for, from.max(at));
            }
            known.rules = rules;
            self.touched.insert(key, Some(known));
        }
        Ok(())
    }

    pub(super) fn draw(
        &mut self,
        host: &str,
        graphs: BTreeMap<String, Vec<Graph>>,
    ) -> Result<(), Error> {
        for check in graphs_of(self.view, host, usize::MAX)?.into_keys() {
            if !graphs.contains_key(&check) {
                self.changes.remove(GRAPHS, key(host, &check));
            }
        }
        for (check, graphs) in graphs {
            if self.known(&(host.to_owned(), check.clone()))?.is_none() {
                continue;
            }
            let drawn = graphs.into_iter().take(GRAPHS_MAX).map(Graph::bounded);
            let drawn: Vec<Graph> = drawn.filter(Graph::is_shown).collect();
            let value = encode(&check, &drawn)?;
            self.changes.put(GRAPHS, key(host, &check), value);
        }
        Ok(())
    }

    pub(super) fn report(
        &mut self,
        host: &str,
        result: &Report,
        reported: &mut Reported,
    ) -> Result<(), Error> {
        let key = (host.to_owned(), result.check.clone());
        let known = self.known(&key)?.filter(|_| result.check != HOST);
        let Some(mut known) = known else {
            reported.unknown.push(result.check.clone());
            return Ok(());
        };
        if known.is_repeated(result) {
            reported.repeated += 1;
            return Ok(());
        }
        known.last_id.clone_from(&result.id);
        known.last_number = known.last_number.max(result.number);
        known.long.clone_from(&result.long);
        known.took_ms = result.took_ms;
        let fresh_for = known.rules.fresh_for;
        self.set_due(&key, &mut known, fresh_for, result.at);
        let answer = Answer {
            status: result.status,
            text: &result.text,
            at: result.at,
        };
        self.answer(key, known, answer, reported)
    }

    pub(super) fn miss(
        &mut self,
        host: &str,
        check: &str,
        at: Timestamp,
        reported: &mut Reported,
    ) -> Result<(), Error> {
        let key = (host.to_owned(), check.to_owned());
        let Some(mut known) = self.known(&key)? else {
            return Ok(());
        };
        let fresh_for = known.rules.fresh_for;
        self.set_due(&key, &mut known, fresh_for, at);
        if self.is_gone(host)? {
            // That the host is silent is told; its checks are not asked until it is heard.
            self.touched.insert(key, Some(known));
            return Ok(());
        }
        let last = known.state.checked_at;
        let span = crate::check::config::Span(fresh_for);
        let text = match last {
            Some(last) => format!(
                "no result within {span}; the last is of {}",
                last.rfc3339_secs()
            ),
            None => format!("no result within {span}"),
        };
        let answer = Answer {
            status: Status::Unknown,
            text: &text,
            at,
        };
        self.answer(key, known, answer, reported)
    }

    pub(super) fn resume(&mut self, at: Timestamp, grace: Duration) -> Result<(), Error> {
        for key in missed(self.view, at, usize::MAX)? {
            if let Some(mut known) = self.known(&key)? {
                let span = known.rules.fresh_for.min(grace);
                self.set_due(&key, &mut known, span, at);
                self.touched.insert(key, Some(known));
            }
        }
        Ok(())
    }

    pub(super) fn host_says(
        &mut self,
        host: &str,
        status: Status,
        text: &str,
        at: Timestamp,
    ) -> Result<(), Error> {
        let key = (host.to_owned(), HOST.to_owned());
        let known = self.known(&key)?.ok_or_else(|| not_found(&key))?;
        let answer = Answer { status, text, at };
        self.answer(key, known, answer, &mut Reported::default())
    }

    pub(super) fn leave(&mut self, host: &str, at: Timestamp) -> Result<(), Error> {
        for (host, check) in self.checks_of(host)? {
            self.remove(&host, &check, at)?;
        }
        self.changes.remove(HOSTS, host);
        self.hosts.insert(host.to_owned(), None);
        Ok(())
    }

    pub(super) fn acknowledge(
        &mut self,
        host: &str,
        check: &str,
        by: Acknowledged,
    ) -> Result<(), Error> {
        let key = (host.to_owned(), check.to_owned());
        let mut known = self.known(&key)?.ok_or_else(|| not_found(&key))?;
        let text = format!("{}: {}", by.by, by.comment);
        let change = known
            .state
            .acknowledge(by)
            .ok_or_else(|| Error::NoProblem {
                host: key.0.clone(),
                check: key.1.clone(),
            })?;
        self.keep(&key, &mut known, change.at, std::slice::from_ref(&change))?;
        self.tell(&key, &known, Change { text, ..change })?;
        self.touched.insert(key, Some(known));
        Ok(())
    }

    pub(super) fn done(&mut self, id: &str) -> Result<(), Error> {
        for entry in self.view.prefix(OUTBOX, b"") {
            let (key, value) = entry?;
            let event: Event = decode("the outbox", &value)?;
            if event.id == id {
                self.changes.remove(OUTBOX, key.as_ref());
                break;
            }
        }
        Ok(())
    }

    /// Writes what has been touched, and puts what is told into the outbox.
    pub(super) fn finish(self) -> Result<(), Error> {
        for ((host, check), known) in &self.touched {
            match known {
                Some(known) => self
                    .changes
                    .put(STATES, key(host, check), encode(check, known)?),
                None => self.changes.remove(STATES, key(host, check)),
            }
        }
        let last = self.view.prefix(OUTBOX, b"").next_back().transpose()?;
        let last =
            last.and_then(|(key, _)| Some(u64::from_be_bytes(key.as_ref().try_into().ok()?)));
        for (number, event) in (last.unwrap_or(0) + 1..).zip(&self.waiting) {
            self.changes
                .put(OUTBOX, number.to_be_bytes(), encode(&event.id, event)?);
        }
        Ok(())
    }

    fn answer(
        &mut self,
        key: Key,
        mut known: Known,
        answer: Answer<'_>,
        reported: &mut Reported,
    ) -> Result<(), Error> {
        let held_by = match answer.status {
            Status::Ok => None,
            _ => self.held_by(&key, &known.rules)?,
        };
        let before = (known.state.status, known.state.is_hard, known.state.attempt);
        let is_first = known.state.checked_at.is_none();
        let told = known.state.apply(&known.rules, answer, held_by.as_deref());
        let now = (known.state.status, known.state.is_hard, known.state.attempt);
        if before != now || is_first || !told.is_empty() {
            self.keep(&key, &mut known, answer.at, &told)?;
        }
        for change in told {
            self.tell(&key, &known, change)?;
        }
        if known.state.is_soft() {
            reported.soft.push(key.1.clone());
        }
        metrics(&key.0, &key.1, &known, answer.at, &mut reported.metrics);
        self.touched.insert(key, Some(known));
        Ok(())
    }

    /// What is down that a check depends on.
    fn held_by(&mut self, (host, check): &Key, rules: &Rules) -> Result<Option<String>, Error> {
        if check != HOST && self.is_gone(host)? {
            return Ok(Some(host.clone()));
        }
        for parent in &rules.parents {
            if let Some(id) = self.host_named(parent)?
                && id != *host
                && self.is_gone(&id)?
            {
                return Ok(Some(parent.clone()));
            }
        }
        for name in &rules.depends_on {
            let other = match name.split_once('/') {
                Some((host, check)) => self.host_named(host)?.map(|id| (id, check.to_owned())),
                None => Some((host.clone(), name.clone())),
            };
            let Some(other) = other else { continue };
            // A soft problem of the other one is enough: which of two was asked first says nothing.
            let known = self.known(&other)?;
            if known.is_some_and(|known| known.state.status != Status::Ok) {
                return Ok(Some(name.clone()));
            }
        }
        Ok(None)
    }

    fn is_gone(&mut self, host: &str) -> Result<bool, Error> {
        let known = self.known(&(host.to_owned(), HOST.to_owned()))?;
        Ok(known.is_some_and(|known| known.state.status != Status::Ok))
    }

    /// The id of the host with this id or name.
    fn host_named(&mut self, name: &str) -> Result<Option<String>, Error> {
        if self.host(name)?.is_some() {
            return Ok(Some(name.to_owned()));
        }
        for entry in self.view.prefix(HOSTS, b"") {
            let (key, value) = entry?;
            let host: Host = decode("a host", &value)?;
            if host.name == name {
                return Ok(std::str::from_utf8(&key).ok().map(str::to_owned));
            }
        }
        Ok(None)
    }

    fn host(&mut self, id: &str) -> Result<Option<Host>, Error> {
        match self.hosts.get(id) {
            Some(host) => Ok(host.clone()),
            None => {
                let host = host_of(self.view, id)?;
                self.hosts.insert(id.to_owned(), host.clone());
                Ok(host)
            }
        }
    }

    fn known(&self, at: &Key) -> Result<Option<Known>, Error> {
        match self.touched.get(at) {
            Some(known) => Ok(known.clone()),
            None => known_of(self.view, &key(&at.0, &at.1)),
        }
    }

    fn checks_of(&self, host: &str) -> Result<Vec<Key>, Error> {
        let entries = self.view.prefix(STATES, &key(host, ""));
        let mut checks = Vec::new();
        for entry in entries {
            checks.extend(names(&entry?.0));
        }
        Ok(checks)
    }

    fn set_due(&mut self, at: &Key, known: &mut Known, fresh_for: Duration, from: Timestamp) {
        if let Some(due) = known.due.take() {
            self.changes.remove(DUE, due_key(due, at));
        }
        if !fresh_for.is_zero() {
            let due = from.plus(fresh_for);
            known.due = Some(due);
            self.changes.put(DUE, due_key(due, at), []);
        }
    }

    /// Keeps a change of state in the history.
    fn keep(
        &mut self,
        (host, check): &Key,
        known: &mut Known,
        at: Timestamp,
        told: &[Change],
    ) -> Result<(), Error> {
        let state = &known.state;
        let entry = Entry {
            at,
            status: state.status,
            is_hard: state.is_hard,
            attempt: state.attempt,
            text: state.text.clone(),
            told: told.iter().map(|change| change.kind).collect(),
            held_by: state.held_by.clone(),
        };
        let numbered = |number: u64| [&key_in(host, check)[..], &number.to_be_bytes()].concat();
        self.changes
            .put(HISTORY, numbered(known.kept), encode(check, &entry)?);
        if let Some(old) = known.kept.checked_sub(HISTORY_MAX) {
            self.changes.remove(HISTORY, numbered(old));
        }
        known.kept += 1;
        Ok(())
    }

    fn tell(&mut self, (host, check): &Key, known: &Known, change: Change) -> Result<(), Error> {
        let Known { born, rules, .. } = known;
        let event = Event {
            id: format!("{host}/{check}@{}#{}", born.as_millis(), change.number),
            host: host.clone(),
            host_name: self.host(host)?.unwrap_or_default().name,
            check: check.clone(),
            kind: change.kind,
            status: change.status,
            was: change.was,
            text: change.text,
            at: change.at,
            notify: rules.notify.clone(),
            labels: rules.labels.clone(),
        };
        self.waiting.push(event.clone());
        self.events.push(event);
        Ok(())
    }

    fn remove(&mut self, host: &str, check: &str, at: Timestamp) -> Result<(), Error> {
        let key = (host.to_owned(), check.to_owned());
        let Some(mut known) = self.known(&key)? else {
            return Ok(());
        };
        if let Some(change) = known.state.remove(at) {
            debug_assert_eq!(change.kind, Kind::Removed);
            self.tell(&key, &known, change)?;
        }
        self.set_due(&key, &mut known, Duration::ZERO, at);
        for entry in self.view.prefix(HISTORY, &key_in(host, check)) {
            self.changes.remove(HISTORY, entry?.0.as_ref());
        }
        self.changes.remove(GRAPHS, self::key(host, check));
        self.touched.insert(key, None);
        Ok(())
    }
}

impl Known {
    fn new(at: Timestamp) -> Self {
        Self {
            rules: Rules::default(),
            state: State::new(at),
            born: at,
            long: String::new(),
            took_ms: 0,
            last_id: String::new(),
            last_number: 0,
            due: None,
            kept: 0,
        }
    }

    fn is_repeated(&self, result: &Report) -> bool {
        let is_old = result.number > 0 && result.number <= self.last_number;
        is_old || result.id == self.last_id
    }
}

fn not_found((host, check): &Key) -> Error {
    Error::CheckNotFound {
        host: host.clone(),
        check: check.clone(),
    }
}
