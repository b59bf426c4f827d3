//! What notifiers that nobody can see, such as functions, tell of themselves: an object for each, put anew from time to time.
//!
//! The store says when it was put, so that one listing of a route hears all who live: no object need be read for that, and none
//! deleted. Names begin with the deadline, so that a listing begins after those that have ended by it. What was put before is of
//! no use to anybody: a rule of the bucket may take it away after a day.
//!
//! A put of S3 costs as much as twelve sends to a queue, and a listing as much as a put. Still it is an object and no message of a
//! queue: a message is heard once, by whoever receives it, and a scaler that is overtaken would take what it heard with it.
//! A life of five minutes tells 16 times of itself, $0.00008 where a put is $0.005 a thousand (us-east-1, 2026-11): of what
//! 128 MB cost meanwhile an eighth, of 512 MB a thirtieth.
//!
//! INVARIANT: who was heard once and then cannot tell for [`TELL_MAX`] is told to end, before it is taken for dead
//! ([`SILENT_MAX`](super::SILENT_MAX)): its share of the limits is given to another then. The time between is for clocks that differ.
//!
//! # Format
//! ```text
//! alive/ROUTE/DEADLINE-PLAN-INDEX        alive/s2s/1795410490000-7-1
//! {"destinations":["a.example","b.example"]}
//! ```
//! The deadline in 13 digits of milliseconds. While it lives it says whom it has met; once it has ended the object is empty.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt as _};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tracing::warn;

use crate::notifier::LIMITS_TOLD_MAX;
use crate::port::{Error, Life, Report, StartEvent};

/// How often a notifier tells of itself. Chosen: see [`SILENT_MAX`](super::SILENT_MAX).
pub const REPORT_EVERY: Duration = Duration::from_secs(20);
/// How soon what could not be told is told again. Chosen: five times before [`TELL_MAX`].
pub const TELL_AGAIN: Duration = Duration::from_secs(5);
/// How long a notifier goes on that was heard, and cannot tell any more. Chosen: a quarter of a minute before it is taken for dead.
pub const TELL_MAX: Duration = Duration::from_secs(45);
/// Longest time for one put. Chosen: the last of them goes out in the seconds before Lambda kills.
const PUT_TIME: Duration = Duration::from_secs(3);
/// Notifiers of a route that are heard at most: those of one page of a listing.
pub const HEARD_MAX: usize = 1_000;
/// Those of them that are asked whom they have met, the last heard. Chosen: receivers that are met often are met by most.
pub const ASKED_MAX: usize = 16;
/// The folder of all.
const FOLDER: &str = "alive";

/// How many reports a notifier puts that lives for so long: one each [`REPORT_EVERY`] from its start on. The one of its end is
/// not among them.
#[must_use]
pub fn reports_in(life: Duration) -> u64 {
    let count = life.as_millis().div_ceil(REPORT_EVERY.as_millis());
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// The reports of all routes, below a prefix of a store.
#[derive(Clone, Debug)]
pub struct Reports {
    store: Arc<dyn ObjectStore>,
    folder: Path,
}

/// What is heard of a route's notifiers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Of each whose deadline has not come, the last report.
    pub reports: Vec<Report>,
    /// Whom they send to, as results name them; empty where that is not known, or too many to tell.
    pub destinations: BTreeSet<String>,
}

/// What an object says.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Told {
    destinations: Vec<String>,
}

impl Reports {
    /// Those below `prefix`, which may be empty.
    ///
    /// # Errors
    /// [`Error::Refused`] when no object can be called so.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: &str) -> Result<Self, Error> {
        let name = format!("{}/{FOLDER}", prefix.trim_matches('/'));
        let folder = Path::parse(name.trim_start_matches('/'))
            .map_err(|error| Error::refused(&format!("the reports `{name}`"), error))?;
        Ok(Self { store, folder })
    }

    /// Tells of the notifier that `event` started, again and again. `destinations`: whom it has met by then. Returns when it was
    /// heard and has not been for [`TELL_MAX`]: then it must end. One that was never heard is believed in until its deadline.
    pub async fn keep_telling(&self, event: &StartEvent, destinations: impl Fn() -> Vec<Arc<str>>) {
        let mut told_at = None;
        loop {
            let mut destinations = destinations();
            if destinations.len() >= LIMITS_TOLD_MAX {
                destinations.clear();
            }
            let begun = Instant::now();
            let mut wait = TELL_AGAIN;
            if self.tell(event, Life::Lives, destinations).await {
                told_at = Some(begun);
                wait = REPORT_EVERY;
            }
            if let Some(told_at) = told_at {
                let left = TELL_MAX.saturating_sub(told_at.elapsed());
                if left.is_zero() {
                    return;
                }
                wait = wait.min(left);
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// Tells that the notifier has ended: its share of the limits is free.
    pub async fn tell_end(&self, event: &StartEvent) {
        self.tell(event, Life::Ended, Vec::new()).await;
    }

    /// Whether it was told.
    async fn tell(&self, event: &StartEvent, life: Life, destinations: Vec<Arc<str>>) -> bool {
        let body = match life {
            Life::Lives => {
                let destinations = destinations.iter().map(ToString::to_string);
                let told = Told {
                    destinations: destinations.collect(),
                };
                serde_json::to_vec(&told).unwrap_or_default()
            }
            Life::Ended => Vec::new(),
        };
        let path = self.path(event);
        let put = self.store.put(&path, Bytes::from(body).into());
        match tokio::time::timeout(PUT_TIME, put).await {
            Ok(Ok(_)) => return true,
            Ok(Err(error)) => warn!(%path, %error, "cannot tell that this notifier lives"),
            Err(_) => warn!(%path, "cannot tell that this notifier lives: no answer"),
        }
        false
    }

    /// What is heard at `now` of the notifiers of `route`.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the store cannot be asked.
    pub async fn heard(&self, route: &str, now: Timestamp) -> Result<Heard, Error> {
        let folder = self.folder.clone().join(route);
        let after = folder.clone().join(deadline(now.as_millis()));
        let listed = self.store.list_with_offset(Some(&folder), &after);
        let listed: Vec<ObjectMeta> = listed
            .take(HEARD_MAX)
            .try_collect()
            .await
            .map_err(|error| Error::unavailable(&format!("the reports `{folder}`"), error))?;
        let mut heard: Vec<(Report, &ObjectMeta)> = listed
            .iter()
            .filter_map(|object| Some((report(object)?, object)))
            .collect();
        heard.sort_by_key(|(report, _)| std::cmp::Reverse(report.at));
        let lives = heard
            .iter()
            .filter(|(report, _)| report.life == Life::Lives);
        let asked: Vec<Path> = lives
            .take(ASKED_MAX)
            .map(|(_, object)| object.location.clone())
            .collect();
        let told = join_all(asked.into_iter().map(|path| self.told(path))).await;
        Ok(Heard {
            reports: heard.iter().map(|(report, _)| *report).collect(),
            destinations: all_met(told),
        })
    }

    async fn told(&self, path: Path) -> Option<Told> {
        let found = self.store.get(&path).await.ok()?;
        serde_json::from_slice(&found.bytes().await.ok()?).ok()
    }

    fn path(&self, event: &StartEvent) -> Path {
        let StartEvent { plan, index, .. } = event;
        let name = format!("{}-{plan}-{index}", deadline(event.deadline_ms));
        self.folder.clone().join(event.route.as_str()).join(name)
    }
}

/// Whom all have met; nobody where one could not be asked, since its receivers may be those without limits.
fn all_met(told: Vec<Option<Told>>) -> BTreeSet<String> {
    let mut met = BTreeSet::new();
    for told in told {
        let Some(told) = told else {
            return BTreeSet::new();
        };
        met.extend(told.destinations);
    }
    match met.len() < LIMITS_TOLD_MAX {
        true => met,
        false => BTreeSet::new(),
    }
}

fn deadline(millis: u64) -> String {
    format!("{millis:013}")
}

/// None of an object that is no report.
fn report(object: &ObjectMeta) -> Option<Report> {
    let mut parts = object.location.filename()?.split('-');
    let (_, plan, index) = (parts.next()?, parts.next()?, parts.next()?);
    let at = object.last_modified.timestamp_millis();
    Some(Report {
        plan: plan.parse().ok()?,
        index: index.parse().ok()?,
        at: Timestamp::from_millis(u64::try_from(at).unwrap_or(0)),
        life: match object.size {
            0 => Life::Ended,
            _ => Life::Lives,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::share::Share;
    use object_store::memory::InMemory;

    const NOW: Timestamp = Timestamp::from_secs(1_795_410_190);

    fn event(plan: u64, index: u32, secs_left: u64) -> StartEvent {
        StartEvent {
            route: "a/b c".to_owned(),
            plan,
            index,
            count: 1,
            share: Share::WHOLE,
            deadline_ms: NOW.plus(Duration::from_secs(secs_left)).as_millis(),
        }
    }

    fn reports() -> Reports {
        Reports::new(Arc::new(InMemory::new()), "/scaler/").unwrap()
    }

    fn names(all: &[&str]) -> Vec<Arc<str>> {
        all.iter().map(|name| Arc::from(*name)).collect()
    }

    #[tokio::test]
    async fn who_lives_and_who_has_ended_is_heard_until_the_deadline() {
        let reports = reports();
        let lives = async |event, met: &[&str]| reports.tell(&event, Life::Lives, names(met)).await;
        lives(event(1, 0, 60), &["a.example"]).await;
        lives(event(1, 1, 60), &["a.example", "b.example"]).await;
        lives(event(2, 0, 300), &[]).await;
        reports.tell_end(&event(1, 0, 60)).await;
        let other = StartEvent {
            route: "a".to_owned(),
            ..event(9, 9, 60)
        };
        lives(other, &["c.example"]).await;

        let heard = reports.heard("a/b c", NOW).await.unwrap();
        let mut found: Vec<_> = heard
            .reports
            .iter()
            .map(|report| (report.plan, report.index, report.life))
            .collect();
        found.sort_by_key(|(plan, index, _)| (*plan, *index));
        let expected = [
            (1, 0, Life::Ended),
            (1, 1, Life::Lives),
            (2, 0, Life::Lives),
        ];
        assert_eq!(found, expected);
        assert!(heard.destinations.iter().eq(["a.example", "b.example"]));
        assert!(
            heard
                .reports
                .iter()
                .all(|report| report.at > NOW.minus(NOW.since(Timestamp::EPOCH)))
        );

        let late = NOW.plus(Duration::from_secs(61));
        let heard = reports.heard("a/b c", late).await.unwrap();
        assert_eq!(heard.reports.len(), 1, "the others' deadline has come");
        assert_eq!(reports.heard("none", NOW).await.unwrap(), Heard::default());
    }

    #[tokio::test]
    async fn too_many_receivers_are_not_known_and_neither_are_those_of_one_that_cannot_be_read() {
        let reports = reports();
        let many: Vec<Arc<str>> = (0..LIMITS_TOLD_MAX)
            .map(|n| format!("{n}.example").into())
            .collect();
        let (few, rest) = many.split_at(LIMITS_TOLD_MAX - 1);
        reports
            .tell(&event(1, 0, 60), Life::Lives, few.to_vec())
            .await;
        let met = reports.heard("a/b c", NOW).await.unwrap().destinations;
        assert_eq!(met.len(), few.len());
        reports
            .tell(&event(1, 1, 60), Life::Lives, rest.to_vec())
            .await;
        let met = reports.heard("a/b c", NOW).await.unwrap().destinations;
        assert!(met.is_empty());

        reports
            .tell(&event(1, 0, 60), Life::Lives, names(&["a.example"]))
            .await;
        let path = reports.path(&event(1, 1, 60));
        reports.store.put(&path, "no report".into()).await.unwrap();
        let heard = reports.heard("a/b c", NOW).await.unwrap();
        assert_eq!((heard.reports.len(), heard.destinations.len()), (2, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_told_every_twenty_seconds_of_whom_it_has_met_by_then() {
        let reports = reports();
        let count = std::sync::atomic::AtomicUsize::new(0);
        let met = || {
            let told = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            names(match told {
                0 => &[],
                _ => &["a.example"],
            })
        };
        let first = event(1, 0, 60);
        let telling = reports.keep_telling(&first, met);
        let passed = tokio::time::timeout(REPORT_EVERY * 3 - Duration::from_secs(1), telling);
        assert!(
            passed.await.is_err(),
            "it tells for as long as it is asked to"
        );
        assert_eq!(count.load(std::sync::atomic::Ordering::Relaxed), 3);
        let heard = reports.heard("a/b c", NOW).await.unwrap();
        assert!(heard.destinations.contains("a.example"));
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_heard_and_cannot_tell_any_more_is_told_to_end_before_it_is_taken_for_dead() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        std::fs::create_dir(&path).unwrap();
        let store = object_store::local::LocalFileSystem::new_with_prefix(&path).unwrap();
        let reports = Reports::new(Arc::new(store), "").unwrap();
        let event = event(1, 0, 300);
        let count = std::sync::atomic::AtomicUsize::new(0);
        let fails_from_the_third_on = || {
            if count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 2 {
                std::fs::remove_dir_all(&path).unwrap();
                std::fs::write(&path, "nothing can be put below a file").unwrap();
            }
            Vec::new()
        };
        let begun = Instant::now();
        reports.keep_telling(&event, fails_from_the_third_on).await;
        // The second put, after 20 s, was the last that was heard.
        assert_eq!(begun.elapsed(), REPORT_EVERY + TELL_MAX);
        assert!(TELL_MAX + Duration::from_secs(10) < super::super::SILENT_MAX);

        let telling = reports.keep_telling(&event, Vec::new);
        let passed = tokio::time::timeout(TELL_MAX * 4, telling).await;
        assert!(
            passed.is_err(),
            "one that was never heard is not told to end"
        );
    }

    #[test]
    fn a_life_has_a_report_each_twenty_seconds() {
        for (life_ms, count) in [(0, 0), (1, 1), (20_000, 1), (20_001, 2), (300_000, 15)] {
            assert_eq!(
                reports_in(Duration::from_millis(life_ms)),
                count,
                "{life_ms}"
            );
        }
    }

    #[tokio::test]
    async fn no_more_are_heard_than_a_page_has() {
        let reports = reports();
        for index in 0..=u32::try_from(HEARD_MAX).unwrap() {
            reports.tell_end(&event(1, index, 60)).await;
        }
        let heard = reports.heard("a/b c", NOW).await.unwrap();
        assert_eq!(heard.reports.len(), HEARD_MAX);
    }
}
