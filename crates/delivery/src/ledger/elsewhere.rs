//! The ledger of a queue elsewhere: what `ship` had accepted, one by one, against the stored results (contract 5).
//!
//! Every accepted notification is in one state by its results:
//!
//! | state | its results |
//! |---|---|
//! | delivered, dead, expired | the latest that ends it says so |
//! | retry-wait | none ends it, and there is one: it waits for its next attempt |
//! | untried | there is none: it is in the queue, or on its way there |
//!
//! *open* is retry-wait and untried together. A replay, or a dead one that was sent again, is no new acceptance here: until it
//! ends again, it counts as it ended before. Results of ids that no manifest names are of *unknown origin*.
//!
//! Bounds: 16 bytes of memory for each accepted id and 8 for each result of unknown origin (twice that while they are gathered); one
//! manifest and one frame of results at a time. Ids are known by 8 bytes of hash: that two of ten million share one has a chance
//! of three in a million.
//!
//! Manifests lag behind what is accepted, by minutes: while senders run, count what was accepted before some time.

use std::collections::BTreeMap;
use std::time::Duration;

use base::Timestamp;
use serde::Serialize;

use super::balance::{Drift, LiveCounts};
use super::manifest;
use crate::port::{self, ResultStore};
use crate::result::{Decision, Head};
use crate::results::set::{Entry, Window, lines_of};
use crate::results::{Counts, Error, Results, bloom};

/// Destinations by name; the rest are `(other)`. As in the books of a server.
const DESTINATIONS_MAX: usize = 1000;

/// How far the clocks of sender, queue and notifier may be apart where a count begins at some time. Chosen.
const MARGIN: Duration = Duration::from_secs(3600);

/// How long after its acceptance an id may be in no manifest yet. Chosen: twice what `ship` takes when nothing fails.
const NAMED_WITHIN: Duration = Duration::from_secs(600);

/// How often a count begins anew because objects were replaced under it.
const TRIES: usize = 3;

/// What is compared.
#[derive(Debug)]
pub struct Sides<'a> {
    /// Where manifests lie, each once.
    pub manifests: &'a [&'a dyn ResultStore],
    /// The stored results.
    pub results: &'a Results,
    /// The queue, as manifests name it.
    pub queue: &'a str,
    /// The route, as its results are called.
    pub route: &'a str,
    /// Only what was accepted at or after.
    pub from: Option<Timestamp>,
    /// Only what was accepted before.
    pub to: Option<Timestamp>,
    /// The time.
    pub now: Timestamp,
}

/// How many notifications are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct States {
    /// In the manifests, each once.
    pub accepted: u64,
    /// Not ended: retry-wait and untried.
    pub open: u64,
    /// Tried, and to be tried again.
    pub retry_wait: u64,
    /// Without any result.
    pub untried: u64,
    /// Delivered.
    pub delivered: u64,
    /// Given up.
    pub dead: u64,
    /// Expired.
    pub expired: u64,
    /// Not in the manifests, and there are results.
    pub unknown_origin: u64,
    /// Of these, accepted within the last ten minutes: their manifests may still come.
    pub recent: u64,
    /// Final results beyond the first of a notification: replays, and second sends after a crash.
    pub second_results: u64,
}

/// What a destination's notifications came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AtDestination {
    /// Its name.
    pub destination: String,
    /// Delivered.
    pub delivered: u64,
    /// Given up.
    pub dead: u64,
    /// Expired.
    pub expired: u64,
    /// Tried, and to be tried again.
    pub retry_wait: u64,
}

/// The account of a queue.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Account {
    /// The queue.
    pub queue: String,
    /// The route, as its results are called.
    pub route: String,
    /// When what is counted was accepted at the earliest, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What is counted was accepted before, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The counts.
    pub total: States,
    /// How the queue's messages divide, about, as it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live: Option<LiveCounts>,
    /// In order of name.
    pub destinations: Vec<AtDestination>,
}

impl Account {
    /// What does not add up.
    #[must_use]
    pub fn drifts(&self) -> Vec<Drift> {
        let queue = || self.queue.clone();
        let mut drifts = Vec::new();
        if self.total.unknown_origin > 0 {
            drifts.push(Drift::UnknownOrigin {
                queue: queue(),
                notifications: self.total.unknown_origin,
                recent: self.total.recent,
            });
        }
        let is_empty = self.live.is_some_and(|live| live.messages() == 0);
        if is_empty && self.total.open > 0 {
            drifts.push(Drift::Missing {
                queue: queue(),
                notifications: self.total.open,
            });
        }
        drifts
    }
}

/// Counts one side against the other.
///
/// # Errors
/// What the stores say; [`Error::Damaged`] for what cannot be read.
pub async fn account(sides: &Sides<'_>) -> Result<Account, Error> {
    // What was removed by age cannot be compared; the hour after it is left to clocks that differ.
    let removed = sides.results.removed_before(sides.route).await?;
    let from = sides.from.max(removed.map(|end| end.plus(MARGIN)));
    let mut tried = 1;
    loop {
        let mut count = Count::accepted(sides, from).await?;
        if count.add_results(sides).await? == Seen::All {
            return Ok(count.account(sides));
        }
        if tried == TRIES {
            let detail = "they were replaced all the while; ask again";
            return Err(port::Error::unavailable("the results", detail).into());
        }
        tried += 1;
    }
}

/// Whether objects went away during a count.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    All,
    NotAll,
}

/// Where a notification is, in 8 bytes, so that of two the greater one holds: an end over a retry, the later one, the better one.
///
/// ```text
/// 1 bit ended · 42 bits when, in ms since the epoch · 2 bits decision · 19 bits destination
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct State(u64);

/// In the order in which the later ones hold where times are equal.
const DECISIONS: [Decision; 4] = [
    Decision::Retry,
    Decision::Expired,
    Decision::Dead,
    Decision::Delivered,
];

impl State {
    const UNTRIED: Self = Self(0);
    /// Known, and accepted before the count begins.
    const NOT_COUNTED: Self = Self(u64::MAX);

    fn new(decision: Decision, at: Timestamp, destination: usize) -> Self {
        let ended = u64::from(decision.is_final()) << 63;
        let at = at.as_millis().min((1 << 42) - 1) << 21;
        let code = DECISIONS.iter().position(|one| *one == decision);
        Self(ended | at | (code.unwrap_or(0) as u64) << 19 | (destination as u64 & 0x7_ffff))
    }

    fn decision(self) -> Decision {
        let code = (self.0 >> 19 & 3) as usize;
        DECISIONS.get(code).copied().unwrap_or(Decision::Retry)
    }

    fn destination(self) -> usize {
        (self.0 & 0x7_ffff) as usize
    }

    fn has_ended(self) -> bool {
        self.0 >> 63 == 1
    }
}

/// Keys, each once after [`Keys::tidy`], in at most twice the memory of those there are.
#[derive(Debug, Default)]
struct Keys(Vec<u64>);

impl Keys {
    fn add(&mut self, key: u64) {
        if self.0.len() == self.0.capacity() {
            self.tidy();
        }
        self.0.push(key);
    }

    fn tidy(&mut self) {
        self.0.sort_unstable();
        self.0.dedup();
    }
}

/// A count under way.
#[derive(Debug, Default)]
struct Count {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    recent_from: Timestamp,
    /// Of the ids in the manifests, in order, each once.
    keys: Vec<u64>,
    /// Of each key.
    states: Vec<State>,
    /// Keys of results that are not in `keys`.
    unknown: Keys,
    /// Those that were accepted only just.
    recent: Keys,
    second_results: u64,
    destinations: Vec<String>,
    places: BTreeMap<String, usize>,
}

impl Count {
    /// What was accepted.
    async fn accepted(sides: &Sides<'_>, from: Option<Timestamp>) -> Result<Self, Error> {
        let mut count = Self {
            from,
            to: sides.to,
            recent_from: sides.now.minus(NAMED_WITHIN),
            ..Self::default()
        };
        let known_from = from.map(|from| from.minus(MARGIN));
        let mut outside = Vec::new();
        for store in sides.manifests {
            for name in manifest::names(*store, sides.queue, known_from).await? {
                let Some(bytes) = store.get(&name, None).await? else {
                    continue;
                };
                let (_, ids) = manifest::read(&name, &bytes)?;
                for (at, id) in ids {
                    match count.takes(at) {
                        true => count.keys.push(bloom::id_key(&id)),
                        false => outside.push(bloom::id_key(&id)),
                    }
                }
            }
        }
        count.keys.extend_from_slice(&outside);
        count.keys.sort_unstable();
        count.keys.dedup();
        count.states = vec![State::UNTRIED; count.keys.len()];
        for key in outside {
            count.set(key, State::NOT_COUNTED);
        }
        Ok(count)
    }

    fn takes(&self, accepted: Timestamp) -> bool {
        self.from.is_none_or(|from| accepted >= from) && self.to.is_none_or(|to| accepted < to)
    }

    fn set(&mut self, key: u64, state: State) {
        let at = self.keys.binary_search(&key).ok();
        if let Some(slot) = at.and_then(|at| self.states.get_mut(at)) {
            *slot = state;
        }
    }

    async fn add_results(&mut self, sides: &Sides<'_>) -> Result<Seen, Error> {
        let window = Window {
            route: Some(sides.route.to_owned()),
            from: self.from.map(|from| from.minus(MARGIN)),
            ..Window::default()
        };
        for entry in sides.results.entries(&window).await? {
            if self.add_object(sides.results, &entry).await? == Seen::NotAll {
                return Ok(Seen::NotAll);
            }
        }
        self.unknown.tidy();
        self.recent.tidy();
        Ok(Seen::All)
    }

    async fn add_object(&mut self, results: &Results, entry: &Entry) -> Result<Seen, Error> {
        let Some(index) = results.index(entry).await? else {
            return Ok(Seen::NotAll);
        };
        for frame in &index.frames {
            let Some(lines) = results.lines(entry, frame).await? else {
                return Ok(Seen::NotAll);
            };
            for head in lines_of(&lines).filter_map(Head::read) {
                self.add(&head);
            }
        }
        Ok(Seen::All)
    }

    fn add(&mut self, head: &Head<'_>) {
        if head.is_late {
            return;
        }
        let id = head.accepted_as.as_ref().unwrap_or(&head.notification_id);
        let key = bloom::id_key(id);
        let place = self.place(&head.destination);
        let at = Timestamp::parse_rfc3339(head.at).unwrap_or_default();
        let state = State::new(head.decision, at, place);
        let known = self.keys.binary_search(&key).ok();
        match known.and_then(|at| self.states.get_mut(at)) {
            Some(slot) if *slot == State::NOT_COUNTED => {}
            Some(slot) => {
                self.second_results += u64::from(slot.has_ended() && state.has_ended());
                *slot = state.max(*slot);
            }
            None => {
                let accepted = head.queued_at_time();
                let key = bloom::id_key(&head.notification_id);
                if self.takes(accepted) {
                    self.unknown.add(key);
                    if accepted >= self.recent_from {
                        self.recent.add(key);
                    }
                }
            }
        }
    }

    fn place(&mut self, destination: &str) -> usize {
        if let Some(place) = self.places.get(destination) {
            return *place;
        }
        let name = match self.destinations.len() < DESTINATIONS_MAX {
            true => destination,
            false => "(other)",
        };
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let place = self.destinations.len();
        self.destinations.push(name.to_owned());
        self.places.insert(name.to_owned(), place);
        place
    }

    fn account(self, sides: &Sides<'_>) -> Account {
        let mut all = Counts::default();
        let mut by_place = vec![Counts::default(); self.destinations.len()];
        let mut untried = 0;
        let counted = |state: &&State| **state != State::NOT_COUNTED;
        for state in self.states.iter().filter(counted) {
            if *state == State::UNTRIED {
                untried += 1;
                continue;
            }
            all.add(state.decision(), false);
            if let Some(counts) = by_place.get_mut(state.destination()) {
                counts.add(state.decision(), false);
            }
        }
        let open = untried + all.retry;
        let total = States {
            accepted: open + all.finals(),
            open,
            retry_wait: all.retry,
            untried,
            delivered: all.delivered,
            dead: all.dead,
            expired: all.expired,
            unknown_origin: self.unknown.0.len() as u64,
            recent: self.recent.0.len() as u64,
            second_results: self.second_results,
        };
        let named = self.destinations.into_iter().zip(by_place);
        let mut destinations: Vec<_> = named.map(AtDestination::of).collect();
        destinations.sort_by(|a, b| a.destination.cmp(&b.destination));
        Account {
            queue: sides.queue.to_owned(),
            route: sides.route.to_owned(),
            from: self.from.map(Timestamp::rfc3339),
            to: self.to.map(Timestamp::rfc3339),
            total,
            live: None,
            destinations,
        }
    }
}

impl AtDestination {
    fn of((destination, counts): (String, Counts)) -> Self {
        Self {
            destination,
            delivered: counts.delivered,
            dead: counts.dead,
            expired: counts.expired,
            retry_wait: counts.retry,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;

    use super::super::manifest::ManifestBuilder;
    use super::*;
    use crate::results::tests::{FakeLog, at, result};
    use crate::results::{ObjectResults, Sealer};

    struct Place {
        store: Arc<ObjectResults>,
        results: Results,
        log: Arc<FakeLog>,
    }

    impl Place {
        fn new() -> Self {
            let store = Arc::new(ObjectResults::new(Arc::new(InMemory::new()), ""));
            Self {
                results: Results::new(store.clone()),
                store,
                log: Arc::default(),
            }
        }

        async fn accept(&self, when: Timestamp, part: &str, ids: &[String]) {
            let mut manifest = ManifestBuilder::new("q", "h", "f");
            ids.iter().for_each(|id| manifest.add(when, id));
            let name = manifest::name("q", when, part);
            let object = manifest.finish().unwrap();
            self.store.put(&name, object).await.unwrap();
        }

        fn settle(&self, millis: u64, number: u64, decision: Decision) {
            self.log
                .settle(at(millis), &[result(at(millis), number, decision, "")]);
        }

        async fn account(&self, from: Option<Timestamp>, to: Option<Timestamp>) -> Account {
            let sealer = Sealer::new(self.log.clone(), self.results.clone());
            { sealer }.all().await.unwrap();
            let sides = Sides {
                manifests: &[self.store.as_ref()],
                results: &self.results,
                queue: "q",
                route: "r",
                from,
                to,
                now: at(3_600_000),
            };
            account(&sides).await.unwrap()
        }
    }

    fn own(numbers: std::ops::Range<u64>) -> Vec<String> {
        numbers.map(|number| format!("own-{number}")).collect()
    }

    #[tokio::test]
    async fn every_accepted_one_is_in_one_state_and_the_rest_is_of_unknown_origin() {
        let place = Place::new();
        // The same id in two manifests, as after a crash of its sender, is one.
        place.accept(at(0), "a", &own(0..6)).await;
        place.accept(at(0), "b", &own(5..8)).await;
        place.settle(1, 0, Decision::Retry);
        place.settle(2, 0, Decision::Delivered);
        place.settle(3, 0, Decision::Delivered);
        place.settle(4, 1, Decision::Dead);
        place.settle(5, 2, Decision::Retry);
        place.settle(6, 3, Decision::Expired);
        place.settle(7, 77, Decision::Retry);
        place.settle(8, 77, Decision::Delivered);
        let answer = place.account(None, None).await;
        let expected = States {
            accepted: 8,
            open: 5,
            retry_wait: 1,
            untried: 4,
            delivered: 1,
            dead: 1,
            expired: 1,
            unknown_origin: 1,
            recent: 0,
            second_results: 1,
        };
        assert_eq!(answer.total, expected);
        let [drift] = &answer.drifts()[..] else {
            panic!("{:?}", answer.drifts());
        };
        assert!(drift.to_string().contains("1 of unknown origin"), "{drift}");
        let by_name: Vec<_> = answer.destinations.iter().map(|one| one.dead).collect();
        assert_eq!(by_name, [0, 1, 0], "{:?}", answer.destinations);
    }

    #[tokio::test]
    async fn an_end_holds_over_a_retry_of_a_clock_that_is_ahead_and_over_earlier_ends() {
        let place = Place::new();
        place.accept(at(0), "a", &own(0..2)).await;
        place.settle(1, 0, Decision::Delivered);
        place.settle(5, 0, Decision::Retry);
        place.settle(1, 1, Decision::Dead);
        place.settle(9, 1, Decision::Delivered);
        let total = place.account(None, None).await.total;
        assert_eq!((total.delivered, total.open, total.dead), (2, 0, 0));
    }

    #[tokio::test]
    async fn what_was_accepted_outside_the_span_is_neither_counted_nor_unknown() {
        let place = Place::new();
        let hour = 3_600_000;
        place.accept(at(0), "a", &own(0..1)).await;
        place.accept(at(5 * hour), "b", &own(1..2)).await;
        place.accept(at(9 * hour), "c", &own(2..3)).await;
        for number in 0..3 {
            // Accepted and settled at one time, by clocks that differ from the sender's.
            let millis = number * 4 * hour + 30_000 + number * hour;
            place.settle(millis, number, Decision::Delivered);
        }
        let (from, to) = (Some(at(4 * hour)), Some(at(8 * hour)));
        let total = place.account(from, to).await.total;
        assert_eq!(
            (total.accepted, total.delivered, total.unknown_origin),
            (1, 1, 0)
        );
    }

    #[tokio::test]
    async fn results_that_are_gone_by_age_are_not_missed() {
        let place = Place::new();
        let hour = 3_600_000;
        place.accept(at(0), "a", &own(0..2)).await;
        place.accept(at(5 * hour), "b", &own(2..3)).await;
        place.settle(10, 0, Decision::Delivered);
        place.settle(20, 1, Decision::Dead);
        place.settle(5 * hour + 10, 2, Decision::Delivered);
        assert_eq!(place.account(None, None).await.total.accepted, 3);
        let keep = |_: &str| Duration::from_secs(3600);
        let now = at(5 * hour);
        let removed = place
            .results
            .retain(&Window::default(), now, &keep)
            .await
            .unwrap();
        assert_eq!(removed, 2);
        let answer = place.account(None, None).await;
        assert_eq!((answer.total.accepted, answer.total.delivered), (1, 1));
        assert!(answer.from.is_some() && answer.drifts().is_empty());
    }

    #[tokio::test]
    async fn what_is_open_while_its_queue_is_empty_is_missing() {
        let place = Place::new();
        place.accept(at(0), "a", &own(0..2)).await;
        place.settle(1, 0, Decision::Delivered);
        let mut answer = place.account(None, None).await;
        assert!(answer.drifts().is_empty(), "the queue was not asked");
        answer.live = Some(LiveCounts::default());
        let missing = Drift::Missing {
            queue: "q".to_owned(),
            notifications: 1,
        };
        assert_eq!(answer.drifts(), [missing]);
    }
}
