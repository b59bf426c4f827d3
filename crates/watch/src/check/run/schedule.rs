//! When each check is due. Pure but for the instants that come in.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use tokio::time::Instant;

/// The longest that a check waits for its first run. Chosen: a new host is seen within half a minute.
const SPLAY_MAX: Duration = Duration::from_secs(30);

/// When each is due, with what is known of it.
#[derive(Debug)]
pub(crate) struct Schedule<T>(BTreeMap<String, Entry<T>>);

#[derive(Debug)]
struct Entry<T> {
    every: Duration,
    due: Instant,
    is_running: bool,
    /// Whether it was asked for while it ran.
    is_hurried: bool,
    known: T,
}

impl<T> Default for Schedule<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: Clone> Schedule<T> {
    /// These are due from now on: those that are as they were stay as they are, others begin anew.
    pub(crate) fn set<W>(
        &mut self,
        host: &str,
        wanted: BTreeMap<String, W>,
        now: Instant,
        begin: impl Fn(&W) -> (Duration, T),
        is_as_before: impl Fn(&T, &W) -> bool,
    ) {
        let mut before = std::mem::take(&mut self.0);
        for (name, wanted) in wanted {
            let known = before
                .remove(&name)
                .filter(|entry| is_as_before(&entry.known, &wanted));
            let entry = known.unwrap_or_else(|| {
                let (every, known) = begin(&wanted);
                Entry {
                    every,
                    due: now + splay(host, &name, every),
                    is_running: false,
                    is_hurried: false,
                    known,
                }
            });
            self.0.insert(name, entry);
        }
    }

    /// When the next is due that does not run.
    pub(crate) fn next(&self) -> Option<Instant> {
        let waiting = self.0.values().filter(|entry| !entry.is_running);
        waiting.map(|entry| entry.due).min()
    }

    /// Takes one that is due.
    pub(crate) fn start(&mut self, now: Instant) -> Option<(String, T)> {
        let due = self
            .0
            .iter_mut()
            .filter(|(_, entry)| !entry.is_running && entry.due <= now);
        let (name, entry) = due.min_by_key(|(_, entry)| entry.due)?;
        entry.is_running = true;
        Some((name.clone(), entry.known.clone()))
    }

    /// It ran. It is due again after what `wait` says, or at its own turn.
    pub(crate) fn done(
        &mut self,
        name: &str,
        now: Instant,
        wait: impl FnOnce(&mut T) -> Option<Duration>,
    ) {
        let Some(entry) = self.0.get_mut(name).filter(|entry| entry.is_running) else {
            return;
        };
        entry.is_running = false;
        entry.due = match (
            std::mem::take(&mut entry.is_hurried),
            wait(&mut entry.known),
        ) {
            (true, _) => now,
            (false, Some(wait)) => now + wait,
            (false, None) => turn(entry.due, entry.every, now),
        };
    }

    /// It is due now.
    pub(crate) fn hurry(&mut self, name: &str, now: Instant) {
        if let Some(entry) = self.0.get_mut(name) {
            match entry.is_running {
                true => entry.is_hurried = true,
                false => entry.due = now,
            }
        }
    }
}

/// The next of the moments `due`, `due + every`, … that is after `now`: what was missed is not made up for.
fn turn(due: Instant, every: Duration, now: Instant) -> Instant {
    let late = now.saturating_duration_since(due).as_nanos();
    let turns = late / every.as_nanos().max(1) + 1;
    due + every.saturating_mul(u32::try_from(turns).unwrap_or(u32::MAX))
}

/// A wait of its own for each host and name, the same each time.
fn splay(host: &str, name: &str, every: Duration) -> Duration {
    let mut hasher = DefaultHasher::new();
    (host, name).hash(&mut hasher);
    let span = u64::try_from(every.min(SPLAY_MAX).as_millis())
        .unwrap_or(1)
        .max(1);
    Duration::from_millis(hasher.finish() % span)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn of(names: &[&str], now: Instant) -> Schedule<u32> {
        let mut schedule = Schedule::default();
        set(&mut schedule, names, now);
        schedule
    }

    fn set(schedule: &mut Schedule<u32>, names: &[&str], now: Instant) {
        let wanted = names.iter().map(|name| ((*name).to_owned(), 7)).collect();
        schedule.set(
            "i-1",
            wanted,
            now,
            |known| (MINUTE, *known),
            |known, wanted| known == wanted,
        );
    }

    #[tokio::test(start_paused = true)]
    async fn first_runs_are_spread_and_later_ones_keep_their_turn() {
        let now = Instant::now();
        let names: Vec<String> = (0..50).map(|number| format!("check-{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut schedule = of(&names, now);
        let first: Vec<_> = schedule.0.values().map(|entry| entry.due - now).collect();
        assert!(first.iter().all(|wait| *wait < SPLAY_MAX));
        let early = first.iter().filter(|wait| **wait < SPLAY_MAX / 2).count();
        assert!((10..40).contains(&early), "{early} of 50 in the first half");
        let due = schedule.next().unwrap();
        let (name, _) = schedule.start(due).unwrap();
        // It took two minutes and a bit: the turns between are not made up for.
        schedule.done(&name, due + MINUTE * 2 + Duration::from_secs(1), |_| None);
        assert_eq!(schedule.0[&name].due, due + MINUTE * 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_retry_comes_sooner_and_what_is_asked_for_comes_now() {
        let now = Instant::now();
        let mut schedule = of(&["a"], now);
        let due = schedule.next().unwrap();
        assert_eq!(schedule.start(due - Duration::from_millis(1)), None);
        schedule.start(due).unwrap();
        assert_eq!(schedule.next(), None, "it runs");
        schedule.done("a", due, |_| Some(Duration::from_secs(10)));
        assert_eq!(schedule.next(), Some(due + Duration::from_secs(10)));
        schedule.hurry("a", due);
        assert_eq!(schedule.next(), Some(due));
        schedule.start(due).unwrap();
        schedule.hurry("a", due);
        schedule.done("a", due + MINUTE, |_| None);
        assert_eq!(schedule.next(), Some(due + MINUTE));
    }

    #[tokio::test(start_paused = true)]
    async fn what_stays_as_it_is_keeps_its_turn() {
        let now = Instant::now();
        let mut schedule = of(&["a", "b"], now);
        let due = schedule.0["a"].due;
        set(&mut schedule, &["a", "c"], now + Duration::from_secs(5));
        assert_eq!(schedule.0["a"].due, due);
        assert!(!schedule.0.contains_key("b"));
        schedule.done("b", now, |_| None);
    }
}
