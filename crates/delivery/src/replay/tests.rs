//! Plans, and runs that are killed anywhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base::ManualClock;
use object_store::memory::InMemory;
use parking_lot::Mutex;
use store::record::{Cause, NewMessage, QueueId, Record};
use tokio::sync::watch;

use super::run::{BATCH_BYTES, batch_max, number_behind};
use super::*;
use crate::port::ResultStore;
use crate::results::tests::{FakeLog, at, result};
use crate::results::{ObjectResults, Sealer};

/// A queue that journals what it takes, and fails at the batch of a number: before it or after it.
#[derive(Debug)]
struct Journaled {
    log: Arc<FakeLog>,
    end: Mutex<Position>,
    bodies: Mutex<Vec<(String, Again)>>,
    batches: Mutex<u64>,
    fails_at: Mutex<Option<(u64, bool)>>,
}

impl Journaled {
    fn new(log: Arc<FakeLog>) -> Self {
        let end = log.append(at(0), &Record::Purged { queue: QueueId(9) });
        Self {
            log,
            end: Mutex::new(end),
            bodies: Mutex::default(),
            batches: Mutex::default(),
            fails_at: Mutex::default(),
        }
    }

    fn journal_batch(&self, batch: &[Again]) {
        let attributes: Vec<Vec<u8>> = batch
            .iter()
            .map(|again| {
                format!("\x0eshukuba.replay{}7", again.attributes[travel::REPLAY]).into_bytes()
            })
            .collect();
        let messages = batch
            .iter()
            .zip(&attributes)
            .map(|(again, attributes)| NewMessage {
                attributes,
                ..NewMessage::plain(at(0), &again.body)
            })
            .collect();
        let record = Record::Enqueued {
            queue: QueueId(1),
            cause: Cause::Replayed,
            messages,
        };
        *self.end.lock() = self.log.append(at(0), &record);
        for again in batch {
            let body = String::from_utf8(again.body.to_vec()).unwrap();
            self.bodies.lock().push((body, again.clone()));
        }
    }
}

impl Target for Journaled {
    fn batch_max(&self) -> usize {
        7
    }

    fn send<'a>(&'a self, batch: &'a [Again]) -> BoxFuture<'a, Result<(), port::Error>> {
        Box::pin(async move {
            *self.batches.lock() += 1;
            let fault = self
                .fails_at
                .lock()
                .filter(|(number, _)| *number == *self.batches.lock());
            let crash = || Err(port::Error::unavailable("queue", "crash"));
            match fault {
                Some((_, false)) => return crash(),
                // A part of the batch came through.
                Some((_, true)) => self.journal_batch(&batch[..batch.len() / 2 + 1]),
                None => self.journal_batch(batch),
            }
            if fault.is_some() { crash() } else { Ok(()) }
        })
    }

    fn journal(&self) -> Option<(Arc<dyn ResultLog>, Position)> {
        Some((self.log.clone(), *self.end.lock()))
    }
}

struct Place {
    log: Arc<FakeLog>,
    results: Results,
    replays: Replays,
}

impl Place {
    async fn new(sealed: std::ops::Range<u64>, tail: std::ops::Range<u64>) -> Self {
        let store = ObjectResults::new(Arc::new(InMemory::new()), "");
        Self::over(Arc::new(store), sealed, tail).await
    }

    async fn over(
        store: Arc<dyn ResultStore>,
        sealed: std::ops::Range<u64>,
        tail: std::ops::Range<u64>,
    ) -> Self {
        let log = Arc::new(FakeLog::default());
        let results = Results::new(store);
        let fill = |numbers: std::ops::Range<u64>| {
            for number in numbers {
                let decision = Decision::ALL[(number % 4) as usize];
                let source = if decision.is_final() {
                    format!("line {number}")
                } else {
                    String::new()
                };
                log.settle(at(number), &[result(at(number), number, decision, &source)]);
            }
        };
        fill(sealed);
        Sealer::new(log.clone(), results.clone())
            .all()
            .await
            .unwrap();
        fill(tail);
        let replays = Replays::new(results.clone(), Some(log.clone()));
        Self {
            log,
            results,
            replays,
        }
    }

    async fn run(&self, id: &str, target: &Journaled, stop: bool) -> Result<Replay, Error> {
        let (_keep, stop) = watch::channel(stop);
        let clock = ManualClock::at(at(0));
        self.replays
            .run(id, target, &clock, 0, &mut |_| {}, &stop)
            .await
    }
}

fn of_route() -> Filter {
    Filter {
        route: "r".to_owned(),
        ..Filter::default()
    }
}

#[tokio::test]
async fn a_batch_is_bounded_by_bytes_and_by_the_rate() {
    let place = Place::new(0..0, 0..0).await;
    // Two of them fit.
    for number in 0..4 {
        let line = format!("{number}{}", "x".repeat(BATCH_BYTES / 2 - 500));
        let one = result(at(number), number, Decision::Dead, &line);
        place.log.settle(at(number), &[one]);
    }
    // Larger than a batch, and alone.
    let line = "y".repeat(BATCH_BYTES + 1);
    place
        .log
        .settle(at(4), &[result(at(4), 4, Decision::Dead, &line)]);
    let plan = place
        .replays
        .plan(of_route(), Ids::Keep, at(9))
        .await
        .unwrap();
    let target = Journaled::new(place.log.clone());
    let done = place.run(&plan.id, &target, false).await.unwrap();
    assert_eq!((done.phase, done.sent), (Phase::Done, 5));
    assert_eq!((*target.batches.lock(), target.bodies.lock().len()), (3, 5));
    let of_rate = [(0, 500), (1, 1), (100, 10), (5000, 500), (u32::MAX, 500)];
    for (rate, messages) in of_rate {
        assert_eq!(batch_max(500, rate), messages, "at {rate} a second");
    }
}

#[tokio::test]
async fn a_plan_counts_each_notification_once_by_its_filter() {
    let place = Place::new(0..100, 100..120).await;
    // The same notification delivered a second time.
    place
        .log
        .settle(at(0), &[result(at(0), 4, Decision::Delivered, "line 4")]);
    // Another one of the same id.
    place
        .log
        .settle(at(0), &[result(at(0), 8, Decision::Delivered, "line x")]);
    place
        .log
        .settle(at(0), &[result(at(0), 900, Decision::Dead, "")]);
    let ids = vec!["m-6".to_owned(), "own-118".to_owned(), "nobody".to_owned()];
    for (filter, total, without_source) in [
        (of_route(), 91, 1),
        (
            Filter {
                verdict: Some(Decision::Delivered),
                ..of_route()
            },
            31,
            0,
        ),
        (
            Filter {
                destination: Some("d1".into()),
                ..of_route()
            },
            30,
            0,
        ),
        (Filter { ids, ..of_route() }, 2, 0),
        (
            Filter {
                from_ms: Some(at(96).as_millis()),
                ..of_route()
            },
            18,
            0,
        ),
        (
            Filter {
                to_ms: Some(at(8).as_millis()),
                ..of_route()
            },
            7,
            1,
        ),
        (
            Filter {
                status: Some(200),
                ..of_route()
            },
            0,
            0,
        ),
        (
            Filter {
                class: Some("server".into()),
                ..of_route()
            },
            0,
            0,
        ),
        (
            Filter {
                route: "other".into(),
                ..of_route()
            },
            0,
            0,
        ),
    ] {
        let plan = place
            .replays
            .plan(filter.clone(), Ids::Keep, at(0))
            .await
            .unwrap();
        assert_eq!(
            (plan.total, plan.without_source),
            (total, without_source),
            "{filter:?}"
        );
        assert_eq!((plan.phase, plan.sent), (Phase::Planned, 0));
        assert!(place.replays.discard(&plan.id).await.unwrap());
        for id in [&plan.id, "", "../x", "r/x"] {
            assert!(!place.replays.discard(id).await.unwrap(), "{id}");
            assert!(place.replays.get(id).await.unwrap().is_none(), "{id}");
        }
    }
    assert_eq!(place.replays.list().await.unwrap(), []);
}

#[tokio::test]
async fn a_kill_at_any_batch_leaves_exactly_one_message_for_each_source() {
    for fails_at in 1..=13 {
        for is_after in [false, true] {
            let place = Place::new(0..100, 100..120).await;
            let plan = place
                .replays
                .plan(of_route(), Ids::Keep, at(0))
                .await
                .unwrap();
            let target = Journaled::new(place.log.clone());
            *target.fails_at.lock() = Some((fails_at, is_after));
            place.run(&plan.id, &target, false).await.unwrap_err();
            // What happens meanwhile changes nothing.
            place
                .results
                .compact(&Window::default(), at(9_000_000))
                .await
                .unwrap();
            let replays = Replays::new(place.results.clone(), Some(place.log.clone()));
            let place = Place { replays, ..place };
            let done = place.run(&plan.id, &target, false).await.unwrap();
            assert_eq!((done.phase, done.sent, done.total), (Phase::Done, 90, 90));
            let kept = place.results.store().list("replays/").await.unwrap();
            assert_eq!(kept.len(), 1, "its lines are gone: {kept:?}");
            let mut bodies: Vec<String> = target
                .bodies
                .lock()
                .iter()
                .map(|(body, _)| body.clone())
                .collect();
            assert_eq!(bodies.len(), 90, "batch {fails_at}, after: {is_after}");
            bodies.sort();
            bodies.dedup();
            assert_eq!(bodies.len(), 90);
            place.run(&plan.id, &target, false).await.unwrap();
            assert_eq!(target.bodies.lock().len(), 90);
        }
    }
}

/// Counts what is read.
#[derive(Debug)]
struct Counting {
    inner: ObjectResults,
    gets: AtomicU64,
}

impl ResultStore for Counting {
    fn put<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<(), port::Error>> {
        self.inner.put(name, bytes)
    }

    fn put_new<'a>(
        &'a self,
        name: &'a str,
        bytes: Bytes,
    ) -> BoxFuture<'a, Result<bool, port::Error>> {
        self.inner.put_new(name, bytes)
    }

    fn get<'a>(
        &'a self,
        name: &'a str,
        range: Option<std::ops::Range<u64>>,
    ) -> BoxFuture<'a, Result<Option<Bytes>, port::Error>> {
        self.gets.fetch_add(1, Ordering::SeqCst);
        self.inner.get(name, range)
    }

    fn list<'a>(
        &'a self,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<Vec<port::StoredObject>, port::Error>> {
        self.inner.list(prefix)
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), port::Error>> {
        self.inner.delete(name)
    }
}

#[tokio::test]
async fn a_part_is_read_once_in_a_run() {
    let store = Arc::new(Counting {
        inner: ObjectResults::new(Arc::new(InMemory::new()), ""),
        gets: AtomicU64::new(0),
    });
    let place = Place::over(store.clone(), 0..0, 0..120).await;
    let plan = place
        .replays
        .plan(of_route(), Ids::Keep, at(0))
        .await
        .unwrap();
    let target = Journaled::new(place.log.clone());
    store.gets.store(0, Ordering::SeqCst);
    place.run(&plan.id, &target, false).await.unwrap();
    assert!(*target.batches.lock() > 10);
    let gets = store.gets.load(Ordering::SeqCst);
    assert_eq!(gets, 2, "its state and its part");
}

#[tokio::test]
async fn a_second_kill_before_the_batch_in_doubt_doubles_nothing() {
    let place = Place::new(0..100, 100..120).await;
    let plan = place
        .replays
        .plan(of_route(), Ids::Keep, at(0))
        .await
        .unwrap();
    let target = Journaled::new(place.log.clone());
    for fault in [(3, true), (4, false)] {
        *target.fails_at.lock() = Some(fault);
        place.run(&plan.id, &target, false).await.unwrap_err();
    }
    place.run(&plan.id, &target, false).await.unwrap();
    assert_eq!(target.bodies.lock().len(), 90);
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_the_rate() {
    let place = Place::new(0..40, 40..40).await;
    let plan = place
        .replays
        .plan(of_route(), Ids::Keep, at(0))
        .await
        .unwrap();
    let target = Journaled::new(place.log.clone());
    let (stop, stopped) = watch::channel(false);
    let clock = ManualClock::at(at(0));
    let mut progress = |_: &Replay| {};
    let running = place
        .replays
        .run(&plan.id, &target, &clock, 1, &mut progress, &stopped);
    let stopping = async {
        while *target.batches.lock() == 0 {
            tokio::task::yield_now().await;
        }
        stop.send_replace(true);
    };
    let (stopped, ()) = tokio::join!(running, stopping);
    let stopped = stopped.unwrap();
    assert_eq!((stopped.sent, stopped.in_doubt), (1, None));
}

#[tokio::test]
async fn a_stopped_replay_goes_on_where_it_was() {
    let place = Place::new(0..40, 40..40).await;
    let plan = place
        .replays
        .plan(of_route(), Ids::Keep, at(0))
        .await
        .unwrap();
    let target = Journaled::new(place.log.clone());
    let stopped = place.run(&plan.id, &target, true).await.unwrap();
    assert_eq!((stopped.sent, target.bodies.lock().len()), (0, 0));
    let done = place.run(&plan.id, &target, false).await.unwrap();
    assert_eq!((done.sent, done.phase), (30, Phase::Done));
    assert!(place.run("r-none", &target, false).await.is_err());
}

#[test]
fn the_id_goes_on_or_is_new() {
    let replay = |ids| Replay {
        id: "r-1".into(),
        filter: of_route(),
        ids,
        planned_at_ms: 0,
        phase: Phase::Planned,
        total: 1,
        without_source: 0,
        sent: 0,
        in_doubt: None,
        parts: vec![1],
    };
    let source = |id: &str| Source {
        notification_id: id.to_owned(),
        line: 7,
        accepted_as: None,
        text: None,
        base64: Some(STANDARD.encode([0xff, b'x'])),
    };
    let again = source("m-1/7").again(&replay(Ids::Keep), 3);
    assert_eq!(again.body, Bytes::from_static(&[0xff, b'x']));
    assert_eq!(again.attributes[travel::ID], "m-1");
    assert_eq!(Retry::parse(&again.attributes[travel::RETRY]).lines, [7]);
    assert_eq!(again.attributes[travel::REPLAY], "r-1#3.");
    for (id, ids, names) in [
        (
            "m-1/7",
            Ids::New,
            &[travel::ID, travel::NEW_ID, travel::REPLAY][..],
        ),
        ("own", Ids::Keep, &[travel::REPLAY][..]),
    ] {
        let again = source(id).again(&replay(ids), 3);
        assert_eq!(again.attributes.keys().collect::<Vec<_>>(), names);
    }
    let own = Source {
        accepted_as: Some("f1-40/7".to_owned()),
        ..source("own")
    };
    let again = own.again(&replay(Ids::Keep), 3);
    assert_eq!(again.attributes[travel::ID], "f1-40");
    let again = own.again(&replay(Ids::New), 3);
    let new: Vec<_> = replay(Ids::New).new_ids(4).collect();
    assert_eq!(format!("{}/1", again.attributes[travel::ID]), new[3]);
}

#[test]
fn a_mark_is_found_whole() {
    assert_eq!(number_behind(b"\x06r-1#17.5", b"r-1#"), Some(17));
    assert_eq!(number_behind(b"\x06r-1#17", b"r-1#"), None);
    assert_eq!(number_behind(b"r-2#17.", b"r-1#"), None);
}
