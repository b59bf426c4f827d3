//! Dead notifications of lone notifiers, which keep no dead queue: the result that says `dead`, and the line stored beside it.
//!
//! A letter is such a result until somebody decides on it: sent again or dropped, its death is noted beside the results. A
//! death is known by the notification and its time; one that died again is a letter again. What a server stored is
//! not looked at: its dead ones are in its dead queue.
//!
//! # Format
//! `dead/route=R/NAME.json`, one for each page that was decided: `{"v":1,"as":"retried","deaths":[["9f86d081884c7d65",1795410190250]]}`,
//! the key of the notification's id and when it died. No id stands in it, so there is nothing to forget.
//!
//! Notes are written when the queue has acknowledged: a kill in between sends at most one page twice, with equal ids. Whoever begins to
//! decide puts many notes together into one, without the deaths whose results have gone by age; what stands in a note still
//! holds in the next, so that two may do so at once.
//!
//! Bounds: one frame of results and its lines at a time; 24 bytes for each death that was decided, and 8 for each letter of one look.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use futures_util::future::BoxFuture;
use parking_lot::Mutex as SyncMutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::{DESTINATION, DeadQueue, LIFE, NOTIFICATION, REASON, URL};
use crate::port::{Carry, Error, Lease, Received};
use crate::replay::{Again, Target};
use crate::result::{Decision, Head, Origin, Stored};
use crate::results::compact::{id_keys, with_sources};
use crate::results::set::{Entry, Window};
use crate::results::{self, Index, ObjectName, Range, Results, bloom};
use crate::travel::{self, Retry};

/// Letters in a page: what a kill may send twice, and what one note holds. Chosen.
const PAGE: usize = 100;

/// Notes beyond this are put together. Chosen: reading so many takes a blink on a disk and seconds far away.
const NOTES_MAX: usize = 64;

/// The dead notifications of a route, as its results tell them.
#[derive(Debug)]
pub struct StoredDead {
    results: Results,
    route: String,
    /// Those of these ids; empty: all.
    keys: Vec<u64>,
    /// Where they are sent again; none for who only looks.
    target: Option<Arc<dyn Target>>,
    decided: SyncMutex<Decided>,
    walk: Mutex<Walk>,
}

/// When each notification that was decided on had died last, by the key of its id.
type Decided = HashMap<u64, u64, foldhash::fast::FixedState>;

/// How far a look has come.
#[derive(Debug, Default)]
struct Walk {
    has_begun: bool,
    entries: VecDeque<Entry>,
    open: Option<(Entry, Index, usize)>,
    ready: VecDeque<Received>,
    seen: HashSet<u64, foldhash::fast::FixedState>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Note {
    v: u32,
    #[serde(rename = "as")]
    verb: String,
    /// Key of the id in hex, and the time of death in milliseconds.
    deaths: Vec<(String, u64)>,
}

impl StoredDead {
    /// The dead ones of `route`, as its results are called; of `ids` only, if there are any. With `target` they can be
    /// sent again.
    ///
    /// # Errors
    /// What the store says.
    pub async fn open(
        results: Results,
        route: &str,
        ids: &[String],
        target: Option<Arc<dyn Target>>,
    ) -> Result<Self, results::Error> {
        let dead = Self {
            results,
            route: route.to_owned(),
            keys: ids.iter().flat_map(|id| id_keys(id)).collect(),
            target,
            decided: SyncMutex::default(),
            walk: Mutex::default(),
        };
        dead.read_notes().await?;
        Ok(dead)
    }

    /// Puts notes together where there are many: for who is going to decide.
    ///
    /// # Errors
    /// What the store says; what was done by then stays done.
    pub async fn tidy(&self) -> Result<(), results::Error> {
        let names = self.read_notes().await?;
        if names.len() > NOTES_MAX {
            self.put_notes_together(&names).await?;
        }
        Ok(())
    }

    fn folder(&self) -> String {
        format!("dead/{}", ObjectName::route_folder(&self.route))
    }

    async fn read_notes(&self) -> Result<Vec<String>, results::Error> {
        let store = self.results.store();
        let mut names = Vec::new();
        for object in store.list(&self.folder()).await? {
            // One that goes meanwhile is in the one that took it over, which may not be listed.
            let Some(bytes) = store.get(&object.name, None).await? else {
                let detail = "its notes were put together meanwhile; ask again";
                return Err(Error::unavailable("the dead", detail).into());
            };
            let damaged = |error: &dyn std::fmt::Display| results::Error::Damaged {
                name: object.name.clone(),
                detail: error.to_string(),
            };
            let note: Note = serde_json::from_slice(&bytes).map_err(|error| damaged(&error))?;
            let mut decided = self.decided.lock();
            for (key, died) in note.deaths {
                let key = u64::from_str_radix(&key, 16).map_err(|error| damaged(&error))?;
                let last = decided.entry(key).or_default();
                *last = died.max(*last);
            }
            names.push(object.name);
        }
        Ok(names)
    }

    async fn put_notes_together(&self, names: &[String]) -> Result<(), results::Error> {
        let oldest = self.oldest_result().await?;
        let deaths: Vec<(u64, u64)> = {
            let decided = self.decided.lock();
            let is_kept = |died: u64| oldest.is_some_and(|oldest| died >= oldest.as_millis());
            let kept = decided.iter().filter(|(_, died)| is_kept(**died));
            kept.map(|(key, died)| (*key, *died)).collect()
        };
        if !deaths.is_empty() {
            self.put_note("decided", &deaths).await?;
        }
        for name in names {
            self.results.store().delete(name).await?;
        }
        Ok(())
    }

    /// The beginning of the oldest hour with results: what died before has none any more. `None`: there are none at all.
    async fn oldest_result(&self) -> Result<Option<Timestamp>, results::Error> {
        let entries = self.results.entries(&self.window()).await?;
        Ok(entries.iter().map(|entry| entry.name.begins()).min())
    }

    fn window(&self) -> Window {
        Window {
            route: Some(self.route.clone()),
            ..Window::default()
        }
    }

    async fn put_note(&self, verb: &str, deaths: &[(u64, u64)]) -> Result<(), Error> {
        let note = Note {
            v: 1,
            verb: verb.to_owned(),
            deaths: deaths
                .iter()
                .map(|(key, died)| (format!("{key:016x}"), *died))
                .collect(),
        };
        let what = || "the note of what was decided".to_owned();
        let bytes = serde_json::to_vec(&note).map_err(|error| Error::refused(&what(), error))?;
        let last = deaths.iter().map(|(_, died)| *died).max().unwrap_or(0);
        let unique = hex::encode(base::id::random_bytes::<6>());
        let name = format!("{}{last:013}-{unique}.json", self.folder());
        self.results.store().put(&name, bytes.into()).await
    }

    /// Notes what was decided on, beside the results and here.
    async fn decide(&self, verb: &str, leases: impl Iterator<Item = &Lease>) -> Result<(), Error> {
        let deaths: Vec<(u64, u64)> = leases.filter_map(death_of).collect();
        self.put_note(verb, &deaths).await?;
        self.decided.lock().extend(deaths);
        Ok(())
    }

    /// The next letters; nothing at the end of a look, after which the next one begins.
    async fn next_page(&self, max: usize) -> Result<Vec<Received>, results::Error> {
        let mut walk = self.walk.lock().await;
        if !walk.has_begun {
            *walk = Walk::default();
            walk.has_begun = true;
            let entries = self.results.entries(&self.window()).await?.into_iter();
            let is_own = |entry: &Entry| matches!(entry.name.range, Range::Named(_));
            walk.entries = entries.filter(is_own).collect();
        }
        while walk.ready.len() < max && self.look_further(&mut walk).await? {}
        let count = max.min(walk.ready.len());
        let page: Vec<Received> = walk.ready.drain(..count).collect();
        walk.has_begun = !page.is_empty();
        Ok(page)
    }

    /// Looks at one frame more; `false` when there is none.
    async fn look_further(&self, walk: &mut Walk) -> Result<bool, results::Error> {
        let Some((entry, index, at)) = walk.open.take() else {
            return self.open_next(walk).await;
        };
        let Some(frame) = index.frames.get(at).cloned() else {
            return Ok(true);
        };
        let filter = index.bloom(&frame);
        let is_wanted =
            self.keys.is_empty() || self.keys.iter().any(|key| bloom::may_hold(filter, *key));
        walk.open = Some((entry.clone(), index, at + 1));
        if !is_wanted {
            return Ok(true);
        }
        let gone = || replaced(&entry);
        let lines = self.results.lines(&entry, &frame).await?.ok_or_else(gone)?;
        let sources = self.results.source_lines(&entry, &frame).await?;
        for (json, source) in with_sources(&lines, &sources) {
            self.look_at(walk, json, source);
        }
        Ok(true)
    }

    async fn open_next(&self, walk: &mut Walk) -> Result<bool, results::Error> {
        let Some(entry) = walk.entries.pop_front() else {
            return Ok(false);
        };
        let index = self.results.index(&entry).await?;
        let index = index.ok_or_else(|| replaced(&entry))?;
        if index.kept.values().any(|counts| counts.dead > 0) {
            walk.open = Some((entry, index, 0));
        }
        Ok(true)
    }

    fn look_at(&self, walk: &mut Walk, json: &[u8], source: &[u8]) {
        let is_dead = |head: &Head<'_>| head.decision == Decision::Dead && !head.is_late;
        let Some(head) = Head::read(json).filter(is_dead) else {
            return;
        };
        let key = bloom::id_key(&head.notification_id);
        let died = Timestamp::parse_rfc3339(head.at).unwrap_or_default();
        let decided = self.decided.lock().get(&key).copied();
        let is_decided = decided.is_some_and(|last| died.as_millis() <= last);
        // A message that came twice may have died twice.
        if !is_decided
            && walk.seen.insert(key)
            && let Some(result) = Stored::parse(json)
        {
            walk.ready.push_back(letter(key, died, &result, source));
        }
    }

    async fn send_again(&self, letters: &[(Lease, Carry)]) -> Result<(), Error> {
        let target = self.target.as_ref();
        let target = target.ok_or_else(|| Error::refused("the dead", "no queue was given"))?;
        if let Some((_, carry)) = letters.iter().find(|(_, carry)| carry.body.is_empty()) {
            let id = carry.attributes.get(travel::ID).cloned();
            let detail = "its line was not kept; it can only be dropped";
            return Err(Error::refused(&id.unwrap_or_default(), detail));
        }
        for batch in letters.chunks(target.batch_max().max(1)) {
            let batch: Vec<Again> = batch
                .iter()
                .map(|(_, carry)| Again {
                    body: carry.body.clone(),
                    attributes: carry.attributes.clone(),
                })
                .collect();
            target.send(&batch).await?;
        }
        self.decide("retried", letters.iter().map(|(lease, _)| lease))
            .await
    }
}

impl DeadQueue for StoredDead {
    fn receive_max(&self) -> usize {
        PAGE
    }

    fn receive(&self, max: usize, _: Duration) -> BoxFuture<'_, Result<Vec<Received>, Error>> {
        Box::pin(async move {
            let page = self.next_page(max).await;
            page.map_err(|error| Error::unavailable("the stored results", error))
        })
    }

    fn release<'a>(&'a self, _: &'a [Lease]) -> BoxFuture<'a, Result<(), Error>> {
        // Nothing is held. A look that ended early begins anew with the next one.
        Box::pin(async move {
            self.walk.lock().await.has_begun = false;
            Ok(())
        })
    }

    fn retry<'a>(&'a self, letters: &'a [(Lease, Carry)]) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.send_again(letters))
    }

    fn delete<'a>(&'a self, leases: &'a [Lease]) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.decide("dropped", leases.iter()))
    }
}

fn replaced(entry: &Entry) -> results::Error {
    results::Error::damaged(&entry.name, "it was replaced meanwhile; ask again")
}

/// A death as a lease: `9f86d081884c7d65.1795410190250`.
fn lease_of(key: u64, died: Timestamp) -> Lease {
    Lease(format!("{key:016x}.{}", died.as_millis()).into())
}

fn death_of(lease: &Lease) -> Option<(u64, u64)> {
    let (key, died) = lease.0.split_once('.')?;
    Some((u64::from_str_radix(key, 16).ok()?, died.parse().ok()?))
}

/// The result as the message of a dead queue that a server would have made of it.
fn letter(key: u64, died: Timestamp, result: &Stored, source: &[u8]) -> Received {
    let sent_as = result.accepted_as.as_ref();
    let sent_as = sent_as.unwrap_or(&result.notification_id);
    // An id of another form stands in the line itself.
    let base = travel::without_line(sent_as).unwrap_or(&result.message_id);
    let retry = Retry {
        lines: vec![result.line.max(1)],
        ..Retry::default()
    };
    let first = Timestamp::parse_rfc3339(&result.queued_at).unwrap_or(died);
    let mut attributes = travel::carry(&Default::default(), base, 1, &retry);
    let life = format!(
        "attempts={} died={} first={}",
        result.attempt,
        died.as_millis(),
        first.as_millis()
    );
    let reason = result.reason.clone().unwrap_or_else(|| "dead".to_owned());
    for (name, value) in [
        (REASON, reason),
        (NOTIFICATION, result.notification_id.clone()),
        (DESTINATION, result.destination.clone()),
        (LIFE, life),
        (URL, result.url.clone().unwrap_or_default()),
        (travel::ORIGIN, origin_of(result)),
        (travel::REPLAY, result.replay.clone().unwrap_or_default()),
    ] {
        if !value.is_empty() {
            attributes.insert(name.to_owned(), value);
        }
    }
    Received {
        lease: lease_of(key, died),
        message_id: result.message_id.as_str().into(),
        body: source.to_vec().into(),
        attributes,
        sent_at: died,
        lease_until: Timestamp::from_millis(u64::MAX),
        receive_count: 1,
        attempt: 0,
        group: None,
        origin: None,
    }
}

/// Where it came from, as it travels.
fn origin_of(result: &Stored) -> String {
    let Some(origin) = &result.origin else {
        return String::new();
    };
    if let Some(text) = origin.as_str() {
        return text.to_owned();
    }
    let text = |name: &str| origin.get(name).and_then(|value| value.as_str());
    let shipped = text("shipped_at").and_then(Timestamp::parse_rfc3339);
    let offset = origin.get("offset").and_then(serde_json::Value::as_u64);
    let origin = Origin {
        host: text("host").unwrap_or_default().to_owned(),
        file: text("file").unwrap_or_default().to_owned(),
        offset: offset.unwrap_or_default(),
        shipped_at_ms: shipped.unwrap_or_default().as_millis(),
    };
    origin.to_text()
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::super::{Bounds, Filter, drop_letters, list, retry};
    use super::*;
    use crate::result::Packed;
    use crate::results::tests::{at, result};
    use crate::results::{ObjectBuilder, ObjectResults};

    #[derive(Debug, Default)]
    struct Sent(SyncMutex<Vec<Again>>);

    impl Target for Sent {
        fn batch_max(&self) -> usize {
            10
        }

        fn send<'a>(&'a self, batch: &'a [Again]) -> BoxFuture<'a, Result<(), Error>> {
            assert!(batch.len() <= 10);
            self.0.lock().extend_from_slice(batch);
            Box::pin(std::future::ready(Ok(())))
        }
    }

    async fn store(results: &Results, name: &str, all: &[Vec<u8>]) {
        let mut builder = ObjectBuilder::new().unwrap();
        for result in all {
            builder.push(at(0), Packed::of(result).unwrap()).unwrap();
        }
        let hour = at(0).as_secs() / 3600;
        let name = ObjectName::new("r", hour, Range::Named(name.to_owned()));
        results.put(&name, builder.finish().unwrap()).await.unwrap();
    }

    fn died(millis: u64, number: u64) -> Vec<u8> {
        result(
            at(millis),
            number,
            Decision::Dead,
            &format!("line {number}"),
        )
    }

    async fn open(results: &Results, target: &Arc<Sent>) -> StoredDead {
        let target: Arc<dyn Target> = target.clone();
        let dead = StoredDead::open(results.clone(), "r", &[], Some(target)).await;
        dead.unwrap()
    }

    fn bounds() -> Bounds {
        Bounds {
            began: at(1_000_000),
            rate: 0,
            within: Duration::from_secs(60),
        }
    }

    async fn ids(dead: &StoredDead) -> Vec<String> {
        let letters = list(dead, &Filter::default(), 1000).await.unwrap();
        letters.into_iter().map(|one| one.notification_id).collect()
    }

    #[tokio::test]
    async fn a_death_is_a_letter_until_it_is_decided_and_the_next_one_is_again() {
        let results = Results::new(Arc::new(ObjectResults::new(Arc::new(InMemory::new()), "")));
        let delivered = result(at(2), 2, Decision::Delivered, "line 2");
        store(&results, "a", &[died(1, 1), delivered, died(3, 3)]).await;
        // The same message came twice, and died twice.
        store(&results, "b", &[died(4, 3), died(5, 5)]).await;
        let sent = Arc::default();
        let dead = open(&results, &sent).await;
        assert_eq!(ids(&dead).await, ["own-1", "own-3", "own-5"]);
        assert_eq!(ids(&dead).await.len(), 3, "a look begins anew");

        let only = |id: &str| Filter {
            ids: vec![id.to_owned()],
            ..Filter::default()
        };
        assert_eq!(
            retry(&dead, &only("own-1"), bounds()).await.unwrap().count,
            1
        );
        let dropped = drop_letters(&dead, &only("own-5"), bounds()).await;
        assert_eq!(dropped.unwrap().count, 1);
        let again = sent.0.lock().clone();
        assert_eq!(again[0].body, "line 1");
        assert!(!again[0].attributes.contains_key(REASON), "{again:?}");

        let later = open(&results, &sent).await;
        assert_eq!(ids(&later).await, ["own-3"]);
        store(&results, "c", &[died(9, 1)]).await;
        assert_eq!(ids(&later).await, ["own-3", "own-1"]);
    }

    #[tokio::test]
    async fn many_notes_become_one_and_say_the_same() {
        let results = Results::new(Arc::new(ObjectResults::new(Arc::new(InMemory::new()), "")));
        let all: Vec<_> = (0..80).map(|number| died(number, number)).collect();
        store(&results, "a", &all).await;
        let sent = Arc::default();
        let dead = open(&results, &sent).await;
        let slow = Bounds {
            rate: 1,
            ..bounds()
        };
        tokio::time::pause();
        assert_eq!(
            retry(&dead, &Filter::default(), slow).await.unwrap().count,
            60
        );
        let done = retry(&dead, &Filter::default(), bounds()).await.unwrap();
        assert_eq!((done.count, sent.0.lock().len()), (20, 80));
        let notes = async || results.store().list("dead/").await.unwrap().len();
        assert_eq!(notes().await, 61);
        for number in 0..4 {
            dead.put_note("retried", &[(number, 0)]).await.unwrap();
        }
        open(&results, &sent).await.tidy().await.unwrap();
        assert_eq!(notes().await, 1);
        let later = open(&results, &sent).await;
        assert!(ids(&later).await.is_empty());
        // Those that died before the oldest result are not among them.
        assert_eq!(later.decided.lock().len(), 80);
    }

    #[tokio::test]
    async fn a_damaged_note_is_an_error() {
        let results = Results::new(Arc::new(ObjectResults::new(Arc::new(InMemory::new()), "")));
        let note = br#"{"v":1,"as":"retried","deaths":[["not hex",1]]}"#;
        let name = format!("dead/{}0-x.json", ObjectName::route_folder("r"));
        let put = results.store().put(&name, note.as_slice().into()).await;
        put.unwrap();
        let error = StoredDead::open(results, "r", &[], None).await.unwrap_err();
        assert!(matches!(error, results::Error::Damaged { .. }), "{error:?}");
    }

    #[test]
    fn a_letter_keeps_what_its_sender_called_it_and_where_it_came_from() {
        let json = br#"{"v":1,"at":"2026-11-23T05:03:10.250Z","route":"r","message_id":"m","notification_id":"own","url_key":"0000000000000000","destination":"d","verdict":"dead","queued_at":"2026-11-23T05:03:10.000Z","accepted_as":"f1-40/7","line":7,"attempt":2,"reason":"final client: 404","origin":{"host":"h","file":"/l","offset":64,"shipped_at":"2026-11-23T05:03:09.000Z"}}"#;
        let result = Stored::parse(json).unwrap();
        let received = letter(1, result.at_time(), &result, b"line");
        let letter = super::super::Letter::read(&received);
        assert_eq!(
            (letter.notification_id.as_str(), letter.attempts),
            ("own", 2)
        );
        let carry = letter.reborn(&received, at(0));
        assert_eq!(carry.attributes[travel::ID], "f1-40");
        assert_eq!(Retry::parse(&carry.attributes[travel::RETRY]).lines, [7]);
        let origin = Origin::parse(&carry.attributes[travel::ORIGIN]).unwrap();
        assert_eq!((origin.file.as_str(), origin.offset), ("/l", 64));
    }
}
