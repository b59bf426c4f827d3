//! Sealing, compaction, ageing and forgetting against a journal of our own that fails on command.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base::{Clock, SystemClock, Timestamp};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use object_store::memory::InMemory;
use parking_lot::Mutex;
use store::record::{
    LineOutcome, LineState, MessageKey, Next, QueueId, Record, Settlement, Touched,
};
use store::{Position, ReadError};

use super::compact::OBJECTS_MAX;
use super::set::{Window, lines_of};
use super::*;
use crate::port::{self, ResultStore, StoredObject};
use crate::result::{Decision, Head, Packed};

/// A journal in memory whose records are 1,000 bytes apart.
#[derive(Debug, Default)]
pub(crate) struct FakeLog {
    records: Mutex<Vec<(Timestamp, Bytes)>>,
    sealed: AtomicU64,
    lost: Mutex<Vec<(Position, Position)>>,
    pub(crate) fails_to_mark: AtomicU64,
}

impl FakeLog {
    pub(crate) fn append(&self, at: Timestamp, record: &Record<'_>) -> Position {
        let mut out = Vec::new();
        store::record::encode(&mut record.clone(), &mut out);
        let mut records = self.records.lock();
        records.push((at, out.into()));
        Position::new(records.len() as u64 * 1000)
    }

    /// Settles one message of `lines` with results that say `decision`.
    pub(crate) fn settle(&self, at: Timestamp, results: &[Vec<u8>]) {
        let lines: Vec<LineOutcome<'_>> = results
            .iter()
            .zip(0..)
            .map(|(result, line)| LineOutcome {
                line,
                destination: "d",
                state: LineState::Delivered,
                result,
            })
            .collect();
        let settlement = Settlement {
            key: MessageKey(1),
            sent_at: at,
            lines_before: 1,
            lines,
            next: Next::Gone,
            carries: Vec::new(),
        };
        self.append(
            at,
            &Record::Settled {
                queue: QueueId(1),
                settlements: vec![settlement],
            },
        );
    }
}

impl ResultLog for FakeLog {
    fn sealed_up_to(&self) -> Position {
        Position::new(self.sealed.load(Ordering::SeqCst))
    }

    fn lost(&self) -> Vec<(Position, Position)> {
        self.lost.lock().clone()
    }

    fn scan(&self, from: Position) -> Box<dyn Iterator<Item = sealer::Scanned> + Send> {
        let records = self.records.lock().clone();
        let found = records
            .into_iter()
            .zip(0u64..)
            .filter_map(move |((at, payload), number)| {
                let position = Position::new(number * 1000);
                let end = position.plus(1000);
                (position >= from).then_some(Ok::<_, ReadError>(store::journal::Record {
                    position,
                    at,
                    payload,
                    end,
                }))
            });
        Box::new(found.collect::<Vec<_>>().into_iter())
    }

    fn durable_through(&self, _: Position) -> BoxFuture<'_, Result<(), port::Error>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn mark_sealed(&self, up_to: Position) -> BoxFuture<'_, Result<(), port::Error>> {
        Box::pin(async move {
            if self.fails_to_mark.load(Ordering::SeqCst) > 0 {
                self.fails_to_mark.fetch_sub(1, Ordering::SeqCst);
                return Err(port::Error::unavailable("the journal", "crash"));
            }
            self.sealed.store(up_to.get(), Ordering::SeqCst);
            Ok(())
        })
    }

    fn route(&self, queue: QueueId) -> Option<String> {
        (queue == QueueId(1)).then(|| "r".to_owned())
    }

    fn message_id(&self, key: MessageKey) -> String {
        format!("m-{}", key.0)
    }
}

/// A store that fails at the operation of a given number, before or after having done it.
#[derive(Debug)]
struct FaultyStore {
    inner: ObjectResults,
    operations: AtomicU64,
    fails_at: AtomicU64,
}

impl FaultyStore {
    fn new() -> Self {
        Self {
            inner: ObjectResults::new(Arc::new(InMemory::new()), "results"),
            operations: AtomicU64::new(0),
            fails_at: AtomicU64::new(u64::MAX),
        }
    }

    /// `Some(true)`: fail after the operation; `Some(false)`: before it.
    fn fault(&self) -> Option<bool> {
        let number = self.operations.fetch_add(1, Ordering::SeqCst);
        let fails_at = self.fails_at.load(Ordering::SeqCst);
        (number >= fails_at / 2 && fails_at != u64::MAX)
            .then_some(number == fails_at / 2 && fails_at % 2 == 1)
    }

    fn heal(&self) {
        self.fails_at.store(u64::MAX, Ordering::SeqCst);
    }
}

fn crash() -> port::Error {
    port::Error::unavailable("the store", "crash")
}

impl ResultStore for FaultyStore {
    fn put<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<(), port::Error>> {
        Box::pin(async move {
            let fault = self.fault();
            if fault == Some(false) {
                return Err(crash());
            }
            self.inner.put(name, bytes).await?;
            if fault.is_some() {
                Err(crash())
            } else {
                Ok(())
            }
        })
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
        self.inner.get(name, range)
    }

    fn list<'a>(
        &'a self,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<Vec<StoredObject>, port::Error>> {
        self.inner.list(prefix)
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), port::Error>> {
        Box::pin(async move {
            let fault = self.fault();
            if fault == Some(false) {
                return Err(crash());
            }
            self.inner.delete(name).await?;
            if fault.is_some() {
                Err(crash())
            } else {
                Ok(())
            }
        })
    }
}

pub(crate) const START_MS: u64 = 1_795_410_000_000;

pub(crate) fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(START_MS + millis)
}

pub(crate) fn result(at: Timestamp, number: u64, decision: Decision, source: &str) -> Vec<u8> {
    let mut out = format!(
        r#"{{"v":1,"at":"{at}","route":"r","message_id":"m-{number}","notification_id":"own-{number}","url_key":"{number:016x}","destination":"d{}","verdict":"{}","queued_at":"{at}","line":1,"attempt":1,"receive_count":1,"timings_us":{{}}}}"#,
        number % 3,
        decision.name(),
    );
    if !source.is_empty() {
        out.push('\n');
        out.push_str(source);
    }
    out.into_bytes()
}

/// Every result that counts: its number and its source.
async fn all(results: &Results, window: &Window) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in results.entries(window).await.unwrap() {
        let index = results.index(&entry).await.unwrap().unwrap();
        let mut in_object = 0;
        for frame in &index.frames {
            let lines = results.lines(&entry, frame).await.unwrap().unwrap();
            let sources = results.source_lines(&entry, frame).await.unwrap();
            assert_eq!(lines_of(&lines).count() as u64, frame.results);
            in_object += frame.results;
            for (line, source) in compact::with_sources(&lines, &sources) {
                let head = Head::read(line).unwrap();
                let keys = [bloom::id_key(&head.message_id)];
                assert!(index.candidates(&keys).any(|candidate| candidate == frame));
                let source = String::from_utf8(source.to_vec()).unwrap();
                found.push((head.message_id.into_owned(), source));
            }
        }
        assert_eq!(
            index
                .kept
                .values()
                .map(|counts| counts.results())
                .sum::<u64>(),
            in_object
        );
    }
    found
}

fn expected(numbers: impl Iterator<Item = u64>) -> Vec<(String, String)> {
    numbers
        .map(|number| (format!("m-{number}"), format!("line {number}")))
        .collect()
}

fn filled(log: &FakeLog, numbers: std::ops::Range<u64>, step_ms: u64) {
    for number in numbers {
        let time = at(number * step_ms);
        log.settle(
            time,
            &[result(
                time,
                number,
                Decision::Delivered,
                &format!("line {number}"),
            )],
        );
    }
}

#[tokio::test]
async fn stores_keep_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    object::contract(&ObjectResults::local(folder.path()).unwrap())
        .await
        .unwrap();
    let memory = Arc::new(InMemory::new());
    object::contract(&ObjectResults::new(memory.clone(), "a/b"))
        .await
        .unwrap();
    object::contract(&ObjectResults::new(memory, ""))
        .await
        .unwrap_err();
}

#[tokio::test]
async fn a_sealed_set_is_one_object_that_is_plain_zstd_and_holds_its_sources() {
    let log = Arc::new(FakeLog::default());
    filled(&log, 0..3000, 1);
    let store = Arc::new(ObjectResults::new(Arc::new(InMemory::new()), ""));
    let results = Results::new(store.clone());
    let mut sealer = Sealer::new(log.clone(), results.clone());
    assert_eq!(sealer.all().await.unwrap(), 3000);
    assert_eq!(sealer.all().await.unwrap(), 0);
    let name = "route=r/dt=2026-11-23/hour=05/0000000000000000-00000000002dc2d8";
    let data = store
        .get(&format!("{name}.ndjson.zst"), None)
        .await
        .unwrap()
        .unwrap();
    let text = zstd::stream::decode_all(data.as_ref()).unwrap();
    let plain: Vec<u8> = (0..3000)
        .flat_map(|number| {
            let mut line = result(at(number), number, Decision::Delivered, "");
            line.push(b'\n');
            line
        })
        .collect();
    assert!(text == plain, "the decompressed object is the lines");
    let stored = store.list("").await.unwrap().into_iter();
    let names: Vec<String> = stored.map(|object| object.name).collect();
    assert_eq!(names, [format!("{name}.ndjson.zst")]);
    let window = Window::sealed(Some(log.sealed_up_to()));
    assert!(
        results
            .index(&results.entries(&window).await.unwrap()[0])
            .await
            .unwrap()
            .unwrap()
            .frames
            .len()
            > 2
    );
    assert_eq!(all(&results, &window).await, expected(0..3000));
}

#[tokio::test(start_paused = true)]
async fn an_interval_that_changes_holds_from_the_next_round() {
    let store = Arc::new(ObjectResults::new(Arc::new(InMemory::new()), ""));
    let sealer = Sealer::new(Arc::new(FakeLog::default()), Results::new(store));
    let rounds = Arc::new(AtomicU64::new(0));
    let counted = rounds.clone();
    let interval = move || match counted.fetch_add(1, Ordering::SeqCst) {
        0 => Duration::from_secs(60),
        _ => Duration::from_secs(1),
    };
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let stops = async move {
        tokio::time::sleep(Duration::from_millis(65_500)).await;
        stop.send_replace(true);
    };
    tokio::join!(sealer.run(interval, stopped), stops);
    assert_eq!(rounds.load(Ordering::SeqCst), 7);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_is_told_of_until_it_is_back() {
    let (log, store) = (Arc::new(FakeLog::default()), Arc::new(FaultyStore::new()));
    filled(&log, 0..10, 1);
    let mut sealer = Sealer::new(log.clone(), Results::new(store.clone()));
    let sealing = sealer.sealing.clone();
    let asked = sealing.next_round();
    assert!(sealing.outcome(asked).is_none());
    store.fails_at.store(0, Ordering::SeqCst);
    sealer.round().await;
    tokio::time::advance(Duration::from_secs(7)).await;
    sealer.round().await;
    let failing = sealing.failing().unwrap();
    assert_eq!(failing.lasts, Duration::from_secs(7));
    assert!(failing.error.contains("crash"), "{}", failing.error);
    assert!(matches!(sealing.outcome(asked), Some(Err(_))));

    let again = sealing.next_round();
    store.heal();
    assert!(sealing.outcome(again).is_none());
    sealer.round().await;
    assert!(sealing.failing().is_none());
    assert!(matches!(sealing.outcome(again), Some(Ok(()))));
    assert!(matches!(sealing.outcome(asked), Some(Ok(()))));
}

/// Runs `work` with a crash at every operation of the store, before and after it, until it gets through.
async fn with_crashes<F, Fut>(check: F)
where
    F: Fn(Arc<FakeLog>, Arc<FaultyStore>) -> Fut,
    Fut: Future<Output = bool>,
{
    for fails_at in 0.. {
        let (log, store) = (Arc::new(FakeLog::default()), Arc::new(FaultyStore::new()));
        store.fails_at.store(fails_at, Ordering::SeqCst);
        if check(log, store).await {
            assert!(fails_at > 4, "no operation was reached");
            return;
        }
    }
}

#[tokio::test]
async fn a_crash_at_any_point_of_sealing_loses_and_doubles_nothing() {
    with_crashes(|log, store| async move {
        filled(&log, 0..20, 600_000);
        let results = Results::new(store.clone());
        let is_through = Sealer::new(log.clone(), results.clone())
            .all()
            .await
            .is_ok();
        // More arrives while it is down, so that the next objects have other names.
        filled(&log, 20..30, 600_000);
        store.heal();
        let before = all(&results, &Window::sealed(Some(log.sealed_up_to()))).await;
        assert!(before.is_empty() || before == expected(0..20), "{before:?}");
        Sealer::new(log.clone(), results.clone())
            .all()
            .await
            .unwrap();
        let window = Window::sealed(Some(log.sealed_up_to()));
        assert_eq!(all(&results, &window).await, expected(0..30));
        is_through
    })
    .await;
}

/// A journal that was restored from an archive goes on behind what the archive did not hold, and the lost server had stored
/// results of that.
#[tokio::test]
async fn results_of_what_the_journal_has_lost_are_kept() {
    let (store, lost) = (Arc::new(FaultyStore::new()), Arc::new(FakeLog::default()));
    let results = Results::new(store.clone());
    filled(&lost, 0..20, 600_000);
    let all_of = |log: &FakeLog| Window::sealed(Some(log.sealed_up_to()));
    let end = log_end(&lost);
    let mut sealer = Sealer::new(lost.clone(), results.clone());
    sealer.all().await.unwrap();
    filled(&lost, 20..30, 600_000);
    sealer.all().await.unwrap();
    // The archive held the first twenty, and not that they were sealed.
    let log = Arc::new(FakeLog::default());
    filled(&log, 0..20, 600_000);
    *log.lost.lock() = vec![(end, Position::new(100_000))];
    Sealer::new(log.clone(), results.clone())
        .all()
        .await
        .unwrap();
    assert_eq!(all(&results, &all_of(&log)).await, expected(0..20));
    log.mark_sealed(Position::new(100_000)).await.unwrap();
    assert_eq!(all(&results, &all_of(&log)).await, expected(0..30));
}

/// Where the next record comes to lie.
fn log_end(log: &FakeLog) -> Position {
    Position::new(log.records.lock().len() as u64 * 1000)
}

#[tokio::test]
async fn a_crash_before_the_mark_is_made_good() {
    let log = Arc::new(FakeLog::default());
    filled(&log, 0..20, 600_000);
    let results = Results::new(Arc::new(FaultyStore::new()));
    log.fails_to_mark.store(1, Ordering::SeqCst);
    let mut sealer = Sealer::new(log.clone(), results.clone());
    sealer.all().await.unwrap_err();
    filled(&log, 20..30, 600_000);
    assert_eq!(sealer.all().await.unwrap(), 30);
    assert_eq!(all(&results, &Window::default()).await, expected(0..30));
}

/// 40 passes of three results each in one hour, then two in the next.
async fn many_objects(log: &Arc<FakeLog>, results: &Results) {
    let mut sealer = Sealer::new(log.clone(), results.clone());
    for pass in 0..42 {
        filled(log, pass * 3..pass * 3 + 3, 28_000);
        sealer.all().await.unwrap();
    }
}

#[tokio::test]
async fn a_crash_at_any_point_of_compaction_loses_and_doubles_nothing() {
    with_crashes(|log, store| async move {
        let fails_at = store.fails_at.swap(u64::MAX, Ordering::SeqCst);
        let results = Results::new(store.clone());
        many_objects(&log, &results).await;
        let window = Window::sealed(Some(log.sealed_up_to()));
        let before = results.tally(&window).await.unwrap();
        store.operations.store(0, Ordering::SeqCst);
        store.fails_at.store(fails_at, Ordering::SeqCst);
        let is_through = results.compact(&window, at(3_600_000)).await.is_ok();
        store.heal();
        assert_eq!(all(&results, &window).await, expected(0..126));
        results.compact(&window, at(3_600_000)).await.unwrap();
        assert_eq!(all(&results, &window).await, expected(0..126));
        assert_eq!(results.tally(&window).await.unwrap(), before);
        let names = results.store.list("").await.unwrap();
        assert!(names.len() <= 5, "{names:?}");
        is_through
    })
    .await;
}

/// 42 objects of three results each in one hour, as a lone notifier stores them.
async fn lone_objects(results: &Results) {
    for object in 0..42_u64 {
        let mut builder = ObjectBuilder::new().unwrap();
        for number in object * 3..object * 3 + 3 {
            let time = at(number * 28_000);
            let packed = result(time, number, Decision::Delivered, &format!("line {number}"));
            builder.push(time, Packed::of(&packed).unwrap()).unwrap();
        }
        let first = at(object * 3 * 28_000);
        let range = Range::Named(format!("{:013}-a", first.as_millis()));
        let name = ObjectName::new("r", first.as_secs() / 3600, range);
        let built = builder.finish().unwrap();
        results.put(&name, built).await.unwrap();
    }
}

/// Later than what replaced objects are kept for: stores write at the time of day.
fn after_grace() -> Timestamp {
    SystemClock::new().now().plus(Duration::from_secs(90))
}

#[tokio::test]
async fn a_crash_at_any_point_of_lone_compaction_loses_and_doubles_nothing() {
    with_crashes(|_, store| async move {
        let fails_at = store.fails_at.swap(u64::MAX, Ordering::SeqCst);
        let results = Results::new(store.clone());
        lone_objects(&results).await;
        let window = Window::default();
        let before = results.tally(&window).await.unwrap();
        store.operations.store(0, Ordering::SeqCst);
        store.fails_at.store(fails_at, Ordering::SeqCst);
        let first = results.compact(&window, at(9_600_000)).await;
        // The second one removes what the first one replaced.
        let second = results.compact(&window, after_grace()).await;
        store.heal();
        assert_eq!(all(&results, &window).await, expected(0..126));
        for _ in 0..2 {
            results.compact(&window, after_grace()).await.unwrap();
            assert_eq!(all(&results, &window).await, expected(0..126));
        }
        assert_eq!(results.tally(&window).await.unwrap(), before);
        let names = results.store.list("").await.unwrap();
        assert!(names.len() <= 4, "{names:?}");
        first.is_ok() && second.is_ok()
    })
    .await;
}

#[tokio::test]
async fn what_is_stored_again_after_it_was_replaced_counts_once_and_what_is_new_is_taken_in() {
    let results = Results::new(Arc::new(FaultyStore::new()));
    let window = Window::default();
    lone_objects(&results).await;
    results.compact(&window, after_grace()).await.unwrap();
    results.compact(&window, after_grace()).await.unwrap();
    // An answer to a PUT was lost long ago: all of it comes again.
    lone_objects(&results).await;
    assert_eq!(all(&results, &window).await, expected(0..126));
    let late = result(at(1), 126, Decision::Delivered, "line 126");
    let mut builder = ObjectBuilder::new().unwrap();
    builder.push(at(1), Packed::of(&late).unwrap()).unwrap();
    let hour = at(126 * 28_000).as_secs() / 3600;
    let name = ObjectName::new("r", hour, Range::Named("9999999999999-b".to_owned()));
    results.put(&name, builder.finish().unwrap()).await.unwrap();
    for _ in 0..2 {
        results.compact(&window, after_grace()).await.unwrap();
        lone_objects(&results).await;
        assert_eq!(all(&results, &window).await, expected(0..127));
    }
    results.compact(&window, after_grace()).await.unwrap();
    let names = results.store.list("route=").await.unwrap();
    let data = names.iter().filter(|one| one.name.ends_with(".ndjson.zst"));
    assert_eq!(data.count(), 1, "{names:?}");
}

#[tokio::test]
async fn forgetting_leaves_nothing_in_what_was_replaced() {
    let results = Results::new(Arc::new(FaultyStore::new()));
    let window = Window::default();
    lone_objects(&results).await;
    results.compact(&window, at(9_600_000)).await.unwrap();
    assert_eq!(results.forget(&window, "own-5").await.unwrap().results, 1);
    let rest = (0..126).filter(|number| *number != 5);
    assert_eq!(all(&results, &window).await, expected(rest));
    results.compact(&window, after_grace()).await.unwrap();
    assert_eq!(all(&results, &window).await.len(), 125);
}

#[tokio::test]
async fn a_place_without_a_server_is_kept_when_it_is_due() {
    let results = Results::new(Arc::new(FaultyStore::new()));
    lone_objects(&results).await;
    let (every, keep) = (Duration::from_secs(3600), Duration::from_secs(24 * 3600));
    let at_hour = |hours: u64| at(hours * 3_600_000);
    let keep_up = async |hours| {
        results
            .keep_up("r", at_hour(hours), every, keep)
            .await
            .unwrap()
    };
    assert_eq!(keep_up(1).await.unwrap().compacted.before, 42);
    assert_eq!(keep_up(1).await, None, "it was done just now");
    assert_eq!(keep_up(2).await.unwrap().compacted.before, 0);
    assert_eq!(keep_up(24).await.unwrap().removed, 0);
    assert_eq!(keep_up(25).await.unwrap().removed, 126);
    assert!(all(&results, &Window::default()).await.is_empty());
    assert!(results.store.list("route=").await.unwrap().is_empty());
}

#[tokio::test]
async fn one_at_a_time_replaces_objects_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Results::new(Arc::new(ObjectResults::local(folder.path()).unwrap()));
    let (one, other) = (open(), open());
    let held = one.upkeep().await.unwrap();
    let window = Window::default();
    let waiting = other.compact(&window, at(0));
    tokio::pin!(waiting);
    let early = tokio::time::timeout(Duration::from_millis(1), &mut waiting).await;
    assert!(early.is_err());
    drop(held);
    waiting.await.unwrap();
}

#[tokio::test]
async fn an_hour_with_many_objects_is_compacted_while_it_goes_on() {
    let log = Arc::new(FakeLog::default());
    let results = Results::new(Arc::new(FaultyStore::new()));
    let mut sealer = Sealer::new(log.clone(), results.clone());
    for number in 0..=OBJECTS_MAX as u64 {
        filled(&log, number..number + 1, 10);
        sealer.all().await.unwrap();
    }
    let window = Window::sealed(Some(log.sealed_up_to()));
    let done = results.compact(&window, at(1000)).await.unwrap();
    assert_eq!((done.before, done.after), (65, 1));
    assert_eq!(all(&results, &window).await, expected(0..65));
}

#[tokio::test]
async fn full_frames_are_copied_with_their_filters() {
    let log = Arc::new(FakeLog::default());
    let results = Results::new(Arc::new(FaultyStore::new()));
    let mut sealer = Sealer::new(log.clone(), results.clone());
    filled(&log, 0..2500, 1);
    sealer.all().await.unwrap();
    filled(&log, 2500..5000, 1);
    sealer.all().await.unwrap();
    let window = Window::sealed(Some(log.sealed_up_to()));
    let before = results.tally(&window).await.unwrap();
    assert_eq!(
        results.compact(&window, at(3_600_000)).await.unwrap().after,
        1
    );
    assert_eq!(all(&results, &window).await, expected(0..5000));
    assert_eq!(results.tally(&window).await.unwrap(), before);
}

#[tokio::test]
async fn a_crash_at_any_point_of_ageing_keeps_the_counts() {
    with_crashes(|log, store| async move {
        let fails_at = store.fails_at.swap(u64::MAX, Ordering::SeqCst);
        let results = Results::new(store.clone());
        filled(&log, 0..30, 600_000);
        Sealer::new(log.clone(), results.clone())
            .all()
            .await
            .unwrap();
        let window = Window::sealed(Some(log.sealed_up_to()));
        let before = results.tally(&window).await.unwrap();
        store.operations.store(0, Ordering::SeqCst);
        store.fails_at.store(fails_at, Ordering::SeqCst);
        let keep = |_: &str| Duration::from_secs(3600);
        let is_through = results
            .retain(&window, at(3 * 3_600_000), &keep)
            .await
            .is_ok();
        assert_eq!(results.tally(&window).await.unwrap(), before);
        store.heal();
        results
            .retain(&window, at(3 * 3_600_000), &keep)
            .await
            .unwrap();
        assert_eq!(results.tally(&window).await.unwrap(), before);
        let left: Vec<_> = all(&results, &window).await;
        assert!(left.len() < 30 && !left.is_empty(), "{}", left.len());
        assert!(results.retired().await.unwrap().removing.is_empty());
        is_through
    })
    .await;
}

#[tokio::test]
async fn a_crash_at_any_point_of_forgetting_leaves_all_or_what_was_asked() {
    with_crashes(|log, store| async move {
        let fails_at = store.fails_at.swap(u64::MAX, Ordering::SeqCst);
        let results = Results::new(store.clone());
        filled(&log, 0..30, 1);
        Sealer::new(log.clone(), results.clone())
            .all()
            .await
            .unwrap();
        let window = Window::sealed(Some(log.sealed_up_to()));
        let before = results.tally(&window).await.unwrap();
        store.operations.store(0, Ordering::SeqCst);
        store.fails_at.store(fails_at, Ordering::SeqCst);
        let is_through = results.forget(&window, "m-7").await.is_ok();
        store.heal();
        let left = all(&results, &window).await;
        assert!(left.len() == 30 || left.len() == 29);
        results.forget(&window, "m-7").await.unwrap();
        results.forget(&window, "own-9").await.unwrap();
        let kept = (0..30).filter(|number| *number != 7 && *number != 9);
        assert_eq!(all(&results, &window).await, expected(kept));
        assert_eq!(results.tally(&window).await.unwrap(), before);
        is_through
    })
    .await;
}

/// Stores a set as it was stored once: three objects.
async fn put_apart(store: &dyn ResultStore, name: &ObjectName, built: Built) {
    let sources = built.sources.unwrap();
    store.put(&name.sources(), sources).await.unwrap();
    store.put(&name.sidecar(), built.sidecar).await.unwrap();
    store.put(&name.data(), built.data).await.unwrap();
}

fn built(numbers: std::ops::Range<u64>) -> Built {
    let mut builder = ObjectBuilder::new().unwrap();
    for number in numbers {
        let source = format!("line {number}");
        let packed = result(at(number), number, Decision::Delivered, &source);
        let packed = Packed::of(&packed).unwrap();
        builder.push(at(number), packed).unwrap();
    }
    builder.finish().unwrap()
}

fn lone(part: &str) -> ObjectName {
    let range = Range::Named(format!("{:013}-{part}", at(0).as_millis()));
    ObjectName::new("r", at(0).as_secs() / 3600, range)
}

#[tokio::test]
async fn sets_of_three_objects_are_read_compacted_forgotten_and_removed_as_those_of_one() {
    let store = Arc::new(FaultyStore::new());
    let results = Results::new(store.clone());
    let window = Window::default();
    put_apart(store.as_ref(), &lone("a"), built(0..3000)).await;
    put_apart(store.as_ref(), &lone("b"), built(3000..3010)).await;
    results.put(&lone("c"), built(3010..3020)).await.unwrap();
    let before = results.tally(&window).await.unwrap();
    assert_eq!(before.values().map(|one| one.delivered).sum::<u64>(), 3020);
    assert_eq!(all(&results, &window).await, expected(0..3020));
    let done = results.forget(&window, "m-3005").await.unwrap();
    assert_eq!((done.objects, done.results), (1, 1));
    for _ in 0..2 {
        results.compact(&window, after_grace()).await.unwrap();
        let kept = expected((0..3020).filter(|number| *number != 3005));
        assert_eq!(all(&results, &window).await, kept);
    }
    assert_eq!(results.tally(&window).await.unwrap(), before);
    let left = store.list("").await.unwrap();
    assert_eq!(left.len(), 2, "one object and its list: {left:?}");
    put_apart(store.as_ref(), &lone("d"), built(3020..3030)).await;
    let keep = |_: &str| Duration::ZERO;
    let removed = results.retain(&window, after_grace(), &keep).await.unwrap();
    assert_eq!(removed, 3029);
    let left = store.list("").await.unwrap().into_iter();
    let left: Vec<String> = left.map(|object| object.name).collect();
    assert_eq!(left, [set::RETIRED]);
}

#[tokio::test]
async fn a_sidecar_longer_than_what_is_read_at_first_is_found() {
    let results = Results::new(Arc::new(FaultyStore::new()));
    let mut builder = ObjectBuilder::new().unwrap();
    let one = result(at(0), 0, Decision::Delivered, "line 0");
    builder.push(at(0), Packed::of(&one).unwrap()).unwrap();
    let none = Index::read(built(0..0).sidecar).unwrap();
    let counts = Counts {
        late: 1,
        ..Counts::default()
    };
    let many = (0..2000).map(|number| (format!("{number:0>100}"), counts));
    builder.take_over(&none, &many.collect());
    results
        .put(&lone("a"), builder.finish().unwrap())
        .await
        .unwrap();
    let entry = results.entries(&Window::default()).await.unwrap().remove(0);
    assert!(entry.bytes > 2 * whole::TAIL_BYTES);
    let index = results.index(&entry).await.unwrap().unwrap();
    assert_eq!(index.kept.len(), 2001);
    let lines = results.source_lines(&entry, &index.frames[0]).await;
    assert_eq!(lines.unwrap(), b"line 0\n");
}

#[tokio::test]
async fn an_object_of_nothing_is_damaged() {
    let store = Arc::new(FaultyStore::new());
    let results = Results::new(store.clone());
    store.put(&lone("a").data(), Bytes::new()).await.unwrap();
    let entry = results.entries(&Window::default()).await.unwrap().remove(0);
    let read = results.index(&entry).await;
    assert!(matches!(read, Err(Error::Damaged { .. })), "{read:?}");
}

#[tokio::test]
async fn a_lost_sidecar_is_made_from_the_object() {
    let store = Arc::new(FaultyStore::new());
    let results = Results::new(store.clone());
    put_apart(store.as_ref(), &lone("a"), built(0..3000)).await;
    let entry = results.entries(&Window::default()).await.unwrap().remove(0);
    let index = results.index(&entry).await.unwrap().unwrap();
    store.delete(&entry.name.sidecar()).await.unwrap();
    let rebuilt = results.index(&entry).await.unwrap().unwrap();
    assert_eq!(
        (&rebuilt.kept, rebuilt.first_at, rebuilt.last_at),
        (&index.kept, index.first_at, index.last_at)
    );
    assert_eq!(all(&results, &Window::default()).await.len(), 3000);
    // One that lies in the object may be of bytes that are not what they were.
    let object = built(0..3000).object().unwrap();
    let mut bad = object.to_vec();
    let place = bad.len() - 100;
    bad[place] ^= 1;
    for (object, is_read) in [
        (bad, true),
        (object[..object.len() - 3].to_vec(), false),
        (object[..1000].to_vec(), false),
    ] {
        store.put(&entry.name.data(), object.into()).await.unwrap();
        let entry = results.entries(&Window::default()).await.unwrap().remove(0);
        match results.index(&entry).await {
            Ok(rebuilt) => assert!(is_read && rebuilt.unwrap().kept == index.kept),
            Err(error) => assert!(!is_read && matches!(error, Error::Damaged { .. })),
        }
    }
}

#[tokio::test]
async fn what_expires_unread_gets_a_result_for_each_line() {
    let log = Arc::new(FakeLog::default());
    let message = Touched {
        key: MessageKey(9),
        sent_minute: 29_923_500,
        lines: 3,
    };
    log.append(
        at(0),
        &Record::Expired {
            queue: QueueId(1),
            messages: vec![message],
        },
    );
    log.append(
        at(0),
        &Record::Expired {
            queue: QueueId(2),
            messages: vec![message],
        },
    );
    let results = Results::new(Arc::new(FaultyStore::new()));
    assert_eq!(Sealer::new(log, results.clone()).all().await.unwrap(), 3);
    let tally = results.tally(&Window::default()).await.unwrap();
    assert_eq!(tally["(unknown)"].expired, 3);
    let found = all(&results, &Window::default()).await;
    assert_eq!(
        found
            .iter()
            .map(|(id, _)| id.as_str())
            .collect::<BTreeSet<_>>(),
        BTreeSet::from(["m-9"])
    );
}

#[tokio::test]
async fn a_message_is_forgotten_with_its_lines_that_went_on_in_others() {
    let message = "5fea7756-0ea4-451a-a703-a558b933e274";
    let named = |number: u64, message_id: &str, notification: &str| {
        let json = String::from_utf8(result(at(number), number, Decision::Retry, "")).unwrap();
        json.replace(&format!("\"m-{number}\""), &format!("\"{message_id}\""))
            .replace(&format!("own-{number}"), notification)
            .into_bytes()
    };
    let log = Arc::new(FakeLog::default());
    for (number, message_id, notification) in [
        (0, message, format!("{message}/1")),
        (1, "m-2", format!("{message}/2")),
        (2, "m-3", "order/2".to_owned()),
    ] {
        // Each in an object of its own.
        log.settle(at(number), &[named(number, message_id, &notification)]);
        let results = Results::new(Arc::new(FaultyStore::new()));
        Sealer::new(log.clone(), results.clone())
            .all()
            .await
            .unwrap();
        let forgotten = async |id| {
            results
                .forget(&Window::default(), id)
                .await
                .unwrap()
                .results
        };
        assert_eq!(
            forgotten("order").await,
            0,
            "a part of a sender's own id is no message"
        );
        let is_of = u64::from(message_id == message || notification.starts_with(message));
        assert_eq!(forgotten(message).await, is_of, "{notification}");
    }
}

#[tokio::test]
async fn results_of_a_lost_lease_are_kept_and_not_counted() {
    let log = Arc::new(FakeLog::default());
    let json = result(at(0), 1, Decision::Delivered, "");
    let line = LineOutcome {
        line: 0,
        destination: "d",
        state: LineState::Delivered,
        result: &json,
    };
    let settlement = Settlement {
        key: MessageKey(1),
        sent_at: at(0),
        lines_before: 0,
        lines: vec![line],
        next: Next::Gone,
        carries: Vec::new(),
    };
    log.append(
        at(0),
        &Record::Settled {
            queue: QueueId(1),
            settlements: vec![settlement],
        },
    );
    let results = Results::new(Arc::new(FaultyStore::new()));
    Sealer::new(log, results.clone()).all().await.unwrap();
    let tally = results.tally(&Window::default()).await.unwrap();
    assert_eq!((tally["d1"].late, tally["d1"].finals()), (1, 0));
}

#[test]
fn frames_hold_at_most_their_bound_and_one_large_result_stands_alone() {
    let mut builder = ObjectBuilder::new().unwrap();
    let large = vec![b'x'; build::FRAME_BYTES_MAX * 2];
    let small = result(at(0), 1, Decision::Delivered, "");
    for json in [&small, &large, &small] {
        builder.push(at(0), Packed { json, source: &[] }).unwrap();
    }
    let index = Index::read(builder.finish().unwrap().sidecar).unwrap();
    assert_eq!(
        index
            .frames
            .iter()
            .map(|frame| frame.results)
            .collect::<Vec<_>>(),
        [1, 1, 1]
    );
    assert_eq!(index.source_bytes, 0);
}
