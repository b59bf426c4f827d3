//! What a trail delivers next.
//!
//! A file is put when there is enough for one or its oldest record has waited long enough; a digest when its chain begins,
//! when its time is over, and when its chain ends, behind the files that it is about. INVARIANT: of a trail one file and
//! one digest at most are being put, and a plan is finished before the next is made.

use std::time::Duration;

use base::Timestamp;

use super::state::{State, Trail};
use crate::spool::Stream;

/// How often is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How long a record waits for a file at most.
    pub file_every: Duration,
    /// From how many bytes of records on a file is put at once.
    pub file_bytes: u64,
    /// How long the time of a digest is.
    pub digest_every: Duration,
}

impl Default for Rules {
    /// Chosen for files; digests by the user guide.
    fn default() -> Self {
        Self {
            file_every: Duration::from_secs(60),
            file_bytes: 4 << 20,
            digest_every: Duration::from_secs(3600),
        }
    }
}

/// What waits for a trail in a spool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many bytes of records.
    pub bytes: u64,
    /// The time of the oldest, or one before it; `None` when there is none.
    pub oldest: Option<Timestamp>,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Put the file that is planned.
    PutFile,
    /// Put the digest that is planned.
    PutDigest,
    /// Plan a file.
    PlanFile(Stream),
    /// Plan a digest.
    PlanDigest {
        /// The beginning of its time.
        start: Timestamp,
        /// The end of its time.
        end: Timestamp,
        /// Whether it ends its chain.
        is_last: bool,
    },
    /// Everything is delivered: the trail has ended.
    Close,
    /// Nothing yet.
    Nothing,
}

/// What `trail` of `state` does at `at`, with what waits for it in the spools of management and data records.
#[must_use]
pub fn step(
    state: &State,
    trail: &Trail,
    waiting: (Backlog, Backlog),
    at: Timestamp,
    rules: &Rules,
) -> Step {
    if trail.file.is_some() {
        return Step::PutFile;
    }
    let is_due = |backlog: Backlog| {
        backlog.oldest.is_some_and(|oldest| {
            // A clock that was put back must not make records wait until it is right again.
            let has_waited = at < oldest || at.since(oldest) >= rules.file_every;
            has_waited || backlog.bytes >= rules.file_bytes || trail.is_closing
        })
    };
    if is_due(waiting.0) {
        return Step::PlanFile(Stream::Management);
    }
    if is_due(waiting.1) {
        return Step::PlanFile(Stream::Data);
    }
    // After the files: a digest that the bucket does not take holds up none of them.
    if trail.digests.plan.is_some() {
        return Step::PutDigest;
    }
    match digest(state, trail, at, rules) {
        Some(step) => step,
        None if trail.is_closing => Step::Close,
        None => Step::Nothing,
    }
}

fn digest(state: &State, trail: &Trail, at: Timestamp, rules: &Rules) -> Option<Step> {
    let is_kept = trail.settings.validation && trail.is_logging;
    let has_files = !trail.digests.files.is_empty();
    let end = end(state, trail, at);
    let Some(last) = &trail.digests.last else {
        let start = trail.started_at.map_or(end, Timestamp::from).min(end);
        // A chain begins, even to end at once where files were put before it could begin.
        return (is_kept || has_files).then_some(Step::PlanDigest {
            start,
            end,
            is_last: !is_kept,
        });
    };
    let start = Timestamp::from(last.end);
    let is_over = at.since(start) >= rules.digest_every;
    (is_over || !is_kept).then_some(Step::PlanDigest {
        start,
        end,
        is_last: !is_kept,
    })
}

/// The end of a digest's time: now, in whole seconds, and later than that of any digest of a trail of that name, since
/// digests are named by it.
fn end(state: &State, trail: &Trail, at: Timestamp) -> Timestamp {
    let ended = state.ends.iter().filter(|end| end.trail == trail.name);
    let of_name = state.all().filter(|other| other.name == trail.name);
    let kept = of_name.flat_map(|other| {
        let last = other.digests.last.as_ref().map(|last| last.end);
        last.into_iter()
            .chain(other.digests.plan.as_ref().map(|plan| plan.end))
    });
    let latest = ended.map(|end| end.digest.end).chain(kept).max();
    let earliest = latest.map_or(Timestamp::EPOCH, |end| {
        Timestamp::from(end).plus(Duration::from_secs(1))
    });
    Timestamp::from_secs(at.max(earliest).as_secs())
}
