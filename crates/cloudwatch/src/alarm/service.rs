//! All alarms of a place: in memory to read, in tables to last, with their schedule.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use base::{Clock, Timestamp};
use parking_lot::{Mutex, RwLock};
use store::poison::Poisoned;
use store::tables::Tables;

use super::data::{Data, Seen, Unread};
use super::engine::data::Watched;
use super::engine::draft::Finding;
use super::engine::evaluate::{Threshold, evaluate};
use super::engine::history::Item;
use super::engine::notice::{ActionCall, Outcome};
use super::engine::settings::Metric;
use super::engine::window::{cadence_secs, next};
use super::engine::{self, Book, Draft, Entry, Settings, State, Written, reason};
use super::kept;
use super::past::{self, Answer, Question};
use super::times::Timetable;
use crate::ops::Place;

/// Alarms that are evaluated in one stretch on a blocking thread. Chosen: some milliseconds.
const BATCH: usize = 250;

/// Why a call on alarms fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is refused.
    #[error(transparent)]
    Refused(#[from] engine::Error),
    /// What was kept cannot be read.
    #[error("alarms cannot be read")]
    Read(#[source] kept::Unread),
    /// What is to be kept cannot be encoded.
    #[error("alarms cannot be encoded")]
    Encode(#[source] serde_json::Error),
    /// The tables take no changes any more.
    #[error(transparent)]
    Poisoned(#[from] Poisoned),
    /// The process ends.
    #[error("the server stops")]
    Stopped,
}

impl From<kept::Unread> for Error {
    fn from(error: kept::Unread) -> Self {
        Self::Read(error)
    }
}

/// What one round of the schedule did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ticked {
    /// Alarms that were evaluated.
    pub evaluated: usize,
    /// Alarms of which something changed.
    pub changed: usize,
    /// Alarms of which the data could not be read; they keep their states.
    pub unread: usize,
}

/// All alarms of a place.
///
/// Methods that change something wait for the disk: call them where a thread may block, or through [`Alarms::blocking`].
pub struct Alarms {
    tables: Arc<Tables>,
    place: Place,
    clock: Arc<dyn Clock>,
    data: Arc<dyn Data>,
    /// What each change is told to beside the alarm's own actions.
    also: Option<String>,
    /// Whoever changes the book holds it, from reading to having written.
    turn: Mutex<()>,
    /// What is durable.
    book: RwLock<Arc<Book>>,
    times: Mutex<Times>,
}

#[derive(Debug, Default)]
struct Times {
    evaluations: Timetable,
    timers: Timetable,
    /// When outdated history is next looked for.
    forget: Timestamp,
}

/// How often outdated history is looked for. Chosen.
const FORGET_EVERY: std::time::Duration = std::time::Duration::from_secs(600);

impl Alarms {
    /// Reads all alarms of `tables`, which has [`kept::TABLES`] open. Each is evaluated once in its first cadence.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn open(
        tables: Arc<Tables>,
        place: Place,
        clock: Arc<dyn Clock>,
        data: Arc<dyn Data>,
    ) -> Result<Self, Error> {
        let book = kept::read(&tables.view(), &place)?;
        let now = clock.now();
        let mut times = Times::default();
        for entry in book.alarms() {
            let name: Arc<str> = Arc::from(entry.name());
            times.evaluations.set(&name, next_evaluation(entry, now));
            times.timers.set(&name, book.timer(&name, now));
        }
        Ok(Self {
            tables,
            place,
            clock,
            data,
            also: None,
            turn: Mutex::new(()),
            book: RwLock::new(Arc::new(book)),
            times: Mutex::new(times),
        })
    }

    /// The same, with each change of each alarm told to `target` too, as if it were an action of every state of every alarm:
    /// switched off, muted and suppressed as those are. It need be no ARN; descriptions do not show it, the history does.
    #[must_use]
    pub fn telling(mut self, target: &str) -> Self {
        self.also = Some(target.to_owned());
        self
    }

    /// Where they are.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// What the clock shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// All of them as they are now; stays as it is while others change.
    #[must_use]
    pub fn book(&self) -> Arc<Book> {
        Arc::clone(&self.book.read())
    }

    /// Does what waits for the disk on a thread that may.
    ///
    /// # Errors
    /// As `run`, and [`Error::Stopped`].
    pub async fn blocking<R: Send + 'static>(
        self: &Arc<Self>,
        run: impl FnOnce(&Self) -> Result<R, Error> + Send + 'static,
    ) -> Result<R, Error> {
        let alarms = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || run(&alarms)).await;
        done.map_err(|_| Error::Stopped)?
    }

    /// Changes alarms: `decide` sees all changes before its own; what it does is durable when this returns, or nothing is.
    ///
    /// # Errors
    /// As `decide`; [`Error::Poisoned`] when it cannot be known whether the change is kept.
    pub fn change<R>(
        &self,
        decide: impl FnOnce(&mut Draft<'_>) -> Result<R, engine::Error>,
    ) -> Result<R, Error> {
        self.change_at(self.clock.now(), decide)
            .map(|(done, _)| done)
    }

    fn change_at<R>(
        &self,
        now: Timestamp,
        decide: impl FnOnce(&mut Draft<'_>) -> Result<R, engine::Error>,
    ) -> Result<(R, usize), Error> {
        let _turn = self.turn.lock();
        let mut draft = Draft::new(&self.book(), &self.place, now).telling(self.also.as_deref());
        let done = decide(&mut draft)?;
        let (book, written) = draft.finish();
        let changed = written.alarms.len();
        let written = self.keep(written)?;
        let book = Arc::new(book);
        *self.book.write() = Arc::clone(&book);
        self.schedule(&book, &written, now);
        Ok((done, changed))
    }

    fn keep(&self, written: Written) -> Result<Written, Error> {
        if written.is_empty() {
            return Ok(written);
        }
        let kept = self.tables.change_blocking(move |_, changes| {
            kept::write(&written, changes)?;
            Ok(written)
        })?;
        kept.map_err(Error::Encode)
    }

    fn schedule(&self, book: &Book, written: &Written, now: Timestamp) {
        let mut times = self.times.lock();
        for name in written.alarms.keys() {
            if book.alarm(name).is_none() {
                times.evaluations.set(name, None);
            }
        }
        for name in &written.fresh {
            times.evaluations.set(name, Some(now));
        }
        for name in &written.timed {
            times.timers.set(name, book.timer(name, now));
        }
    }

    /// Puts an alarm. Expressions are checked by what evaluates them.
    ///
    /// # Errors
    /// As [`Draft::put`].
    pub fn put(&self, settings: Settings, tags: engine::book::Tags) -> Result<(), Error> {
        engine::check::check(&settings, &self.place).map_err(engine::Error::Wrong)?;
        let wrong = |text| engine::Error::Wrong(engine::check::Wrong::Other(text));
        match settings.metric().and_then(Metric::source) {
            Some(Watched::Math(queries)) => self.data.check(&queries, None).map_err(wrong)?,
            Some(Watched::Band { queries, band }) => {
                self.data.check(&queries, Some(&band)).map_err(wrong)?;
            }
            Some(Watched::Metric(_)) | None => {}
        }
        self.change(|draft| draft.put(settings, tags))
    }

    /// Takes alarms away.
    ///
    /// # Errors
    /// As [`Draft::delete`].
    pub fn delete(&self, names: &BTreeSet<String>) -> Result<(), Error> {
        self.change(|draft| draft.delete(names))
    }

    /// Gives an alarm a state until its next evaluation.
    ///
    /// # Errors
    /// As [`Draft::set_state`].
    pub fn set_state(
        &self,
        name: &str,
        state: State,
        reason: String,
        data: Option<String>,
    ) -> Result<(), Error> {
        self.change(|draft| draft.set_state(name, state, reason, data))
    }

    /// Items of history.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn history(&self, question: &Question) -> Result<Answer, Error> {
        Ok(past::ask(&self.tables.view(), question)?)
    }

    /// At most `most` actions that wait, in the order of their numbers, all greater than `after`.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn pending_actions(&self, after: u64, most: usize) -> Result<Vec<ActionCall>, Error> {
        use std::ops::Bound;
        let after = after.to_be_bytes();
        let view = self.tables.view();
        let entries = view.range(kept::ACTIONS, Bound::Excluded(&after), Bound::Unbounded);
        let calls = entries.take(most).map(|entry| {
            let (_, value) = entry.map_err(kept::Unread::Table)?;
            Ok(kept::action(&value)?)
        });
        calls.collect()
    }

    /// Records what became of the action `number`; the second time does nothing.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Poisoned`].
    pub fn action_done(&self, number: u64, outcome: &Outcome) -> Result<(), Error> {
        let call = {
            let view = self.tables.view();
            let found = view.get(kept::ACTIONS, &number.to_be_bytes());
            let found = found.map_err(kept::Unread::Table)?;
            found.map(|bytes| kept::action(&bytes)).transpose()?
        };
        let Some(call) = call else {
            return Ok(());
        };
        self.change(|draft| {
            draft.done(&call, outcome);
            Ok(())
        })
    }

    /// One round of the schedule: evaluates the alarms whose time has come, ends waits and mutes, forgets outdated history.
    /// Call it about once a second.
    ///
    /// # Errors
    /// [`Error`] when tables cannot be read or written.
    pub async fn evaluate_due(self: &Arc<Self>, now: Timestamp) -> Result<Ticked, Error> {
        let mut all = Ticked::default();
        loop {
            let (batch, is_last) = self
                .blocking(move |alarms| alarms.evaluate_batch(now))
                .await?;
            all.add(batch);
            if is_last {
                break;
            }
        }
        if self.is_time_to_forget(now) {
            self.blocking(move |alarms| alarms.forget(now)).await?;
        }
        Ok(all)
    }

    /// As [`Alarms::evaluate_due`], on this thread.
    ///
    /// # Errors
    /// As there.
    pub fn evaluate_due_blocking(&self, now: Timestamp) -> Result<Ticked, Error> {
        let mut all = Ticked::default();
        loop {
            let (batch, is_last) = self.evaluate_batch(now)?;
            all.add(batch);
            if is_last {
                break;
            }
        }
        if self.is_time_to_forget(now) {
            self.forget(now)?;
        }
        Ok(all)
    }

    /// One stretch, and whether it was the last.
    fn evaluate_batch(&self, now: Timestamp) -> Result<(Ticked, bool), Error> {
        let book = self.book();
        let (due, timers) = self.take_due(&book, now);
        let is_last = due.len() < BATCH && timers.len() < BATCH;
        let mut ticked = Ticked::default();
        let mut findings = Vec::new();
        for name in &due {
            let Some(entry) = book.alarm(name) else {
                continue;
            };
            ticked.evaluated += 1;
            match self.find(name, entry, now) {
                Ok(finding) => findings.extend(finding),
                Err(error) => {
                    ticked.unread += 1;
                    let alarm = entry.name();
                    tracing::warn!(alarm, %error, "the data of an alarm cannot be read");
                }
            }
        }
        if !(findings.is_empty() && timers.is_empty()) {
            let (_, changed) = self.change_at(now, |draft| {
                findings
                    .into_iter()
                    .for_each(|finding| draft.found(finding));
                timers.iter().for_each(|name| draft.tick(name));
                Ok(())
            })?;
            ticked.changed = changed;
        }
        Ok((ticked, is_last))
    }

    /// What is to be evaluated now, and of what a timer has ended. The next evaluations are set at once: what fails waits
    /// for its next turn.
    fn take_due(&self, book: &Book, now: Timestamp) -> (Vec<Arc<str>>, Vec<Arc<str>>) {
        let mut times = self.times.lock();
        let due = times.evaluations.take_due(now, BATCH);
        for name in &due {
            let next = book
                .alarm(name)
                .and_then(|entry| next_evaluation(entry, now));
            times.evaluations.set(name, next);
        }
        let timers = times.timers.take_due(now, BATCH);
        (due, timers)
    }

    /// What an evaluation finds, if there is something to do.
    fn find(
        &self,
        name: &Arc<str>,
        entry: &Entry,
        now: Timestamp,
    ) -> Result<Option<Finding>, Unread> {
        let (Some(metric), Some(source)) = (entry.alarm.settings.metric(), &entry.source) else {
            return Ok(None);
        };
        let finding = self.evaluate(metric, source, entry.state(), now)?;
        let is_new = |state: State| state != entry.state() || entry.scales();
        Ok(finding
            .filter(|(state, ..)| is_new(*state))
            .map(|(state, reason, data)| Finding {
                alarm: Arc::clone(name),
                revision: entry.alarm.status.revision,
                state,
                reason,
                data,
            }))
    }

    /// The state of what is watched, with reason and data; none where it stays without any.
    fn evaluate(
        &self,
        metric: &Metric,
        source: &Watched,
        from: State,
        now: Timestamp,
    ) -> Result<Option<(State, String, String)>, Unread> {
        let period = metric.watched.period_secs();
        let Seen {
            points,
            edges,
            window,
        } = self
            .data
            .points(source, period, metric.evaluation_periods, now)?;
        let threshold = Threshold::of(metric, source.statistic(), edges);
        let found = evaluate(&threshold, &points, &window);
        Ok(found.state.map(|state| match state == from {
            // Nobody reads why nothing changed.
            true => (state, String::new(), String::new()),
            false => (
                state,
                reason::sentence(&threshold, &found, from, state),
                reason::data(metric, &threshold, &found, &window, now),
            ),
        }))
    }

    fn is_time_to_forget(&self, now: Timestamp) -> bool {
        let mut times = self.times.lock();
        let is_time = now >= times.forget;
        if is_time {
            times.forget = now.plus(FORGET_EVERY);
        }
        is_time
    }

    fn forget(&self, now: Timestamp) -> Result<(), Error> {
        loop {
            let old: Vec<Item> = past::outdated(&self.tables.view(), now)?;
            if old.is_empty() {
                return Ok(());
            }
            let done: Result<(), std::convert::Infallible> =
                self.tables.change_blocking(move |_, changes| {
                    old.iter().for_each(|item| kept::forget(item, changes));
                    Ok(())
                })?;
            if done.is_err() {
                return Ok(());
            }
        }
    }
}

impl Ticked {
    const fn add(&mut self, other: Self) {
        self.evaluated += other.evaluated;
        self.changed += other.changed;
        self.unread += other.unread;
    }
}

/// When a metric alarm is next evaluated; composite alarms are when their children change.
fn next_evaluation(entry: &Entry, now: Timestamp) -> Option<Timestamp> {
    let metric = entry.alarm.settings.metric()?;
    let cadence = cadence_secs(metric.watched.period_secs(), metric.evaluation_periods);
    Some(next(now, entry.name(), cadence))
}

impl fmt::Debug for Alarms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alarms")
            .field("place", &self.place)
            .field("alarms", &self.book().alarms_count())
            .finish_non_exhaustive()
    }
}
