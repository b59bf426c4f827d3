//! Asynchronous invocations: kept, tried, given up, told of.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base::{ManualClock, Timestamp};
use bytes::Bytes;
use shukuba_lambda::TABLES;
use shukuba_lambda::events::{Events, NotAccepted, PAYLOAD_BYTES_MAX, Ports};
use shukuba_lambda::port::{Catalog, QueuePort, Roles, Trouble};
use store::tables::Tables;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::bench::{Bench, call, runnable, until, with};

const FAILED: &str = "arn:aws:sqs:ap-northeast-1:123456789012:failed";
const LETTERS: &str = "arn:aws:sqs:ap-northeast-1:123456789012:letters";
const DONE: &str = "arn:aws:sqs:ap-northeast-1:123456789012:done";

struct Desk {
    bench: Bench,
    clock: Arc<ManualClock>,
    dir: TempDir,
    events: Arc<Events>,
    stop: watch::Sender<bool>,
    running: Option<JoinHandle<()>>,
}

fn open(bench: &Bench, clock: &Arc<ManualClock>, dir: &Path) -> Arc<Events> {
    let tables = Arc::new(Tables::open(dir, TABLES).unwrap());
    let world = &bench.world;
    let ports = Ports {
        clock: Arc::clone(clock) as Arc<dyn base::Clock>,
        catalog: Arc::clone(world) as Arc<dyn Catalog>,
        queues: Arc::clone(world) as Arc<dyn QueuePort>,
        roles: Arc::clone(world) as Arc<dyn Roles>,
    };
    Arc::new(Events::open(tables, Arc::clone(&bench.fleet), ports).unwrap())
}

impl Desk {
    async fn new() -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_800_000_000)));
        let bench = Bench::at(Arc::clone(&clock) as Arc<dyn base::Clock>, |_| {}).await;
        let dir = tempfile::tempdir().unwrap();
        let events = open(&bench, &clock, dir.path());
        Self {
            bench,
            clock,
            dir,
            events,
            stop: watch::Sender::new(false),
            running: None,
        }
    }

    async fn started() -> Self {
        let mut desk = Self::new().await;
        desk.start();
        desk
    }

    fn start(&mut self) {
        let running = Arc::clone(&self.events).run(self.stop.subscribe());
        self.running = Some(tokio::spawn(running));
    }

    async fn accept(&self, text: &str) -> Result<(), NotAccepted> {
        self.events.accept(&runnable().name, None, call(text)).await
    }

    /// Lets time pass until something is so. By how much is the engine's matter, and its tests'.
    async fn pass(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        until(what, || {
            self.clock.advance(Duration::from_millis(500));
            self.events.wake();
            is_so()
        })
        .await;
    }

    fn starts(&self) -> usize {
        self.bench
            .world
            .texts()
            .iter()
            .filter(|line| line.starts_with("REPORT"))
            .count()
    }

    async fn tried(&self, count: usize) {
        until("a try", || self.starts() == count).await;
    }

    async fn over(&self) {
        until("the end of all events", || self.events.waiting() == 0).await;
    }

    async fn stop(self) {
        self.stop.send_replace(true);
        self.bench.fleet.stop(Duration::from_secs(5)).await;
        if let Some(running) = self.running {
            running.await.unwrap();
        }
    }
}

#[tokio::test]
async fn an_accepted_event_is_run_and_told_of() {
    let desk = Desk::started().await;
    desk.bench.world.rules.lock().on_success = Some(DONE.to_owned());
    desk.accept("echo hello").await.unwrap();
    desk.over().await;
    let (arn, body, _) = desk.bench.world.sent.lock()[0].clone();
    let record: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(arn, DONE);
    assert_eq!(record["requestContext"]["condition"], "Success");
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 1);
    assert_eq!(record["requestPayload"], "echo hello");
    assert_eq!(record["responsePayload"], "hello");
    assert_eq!(desk.bench.world.count("AsyncEventsReceived").0, 1.0);
    assert_eq!(desk.bench.world.count("AsyncEventAge").1, 1);
    desk.stop().await;
}

#[tokio::test]
async fn a_failing_event_is_tried_three_times_and_then_told_of() {
    let desk = Desk::started().await;
    desk.bench.world.rules.lock().on_failure = Some(FAILED.to_owned());
    let letters = with(|settings| settings.dead_letters = Some(LETTERS.to_owned()));
    *desk.bench.world.function.lock() = Some(letters);
    desk.accept("fail").await.unwrap();
    desk.tried(1).await;
    desk.pass("two more tries", || desk.starts() == 3).await;
    desk.over().await;
    let sent = desk.bench.world.sent.lock().clone();
    let record: serde_json::Value = serde_json::from_str(&sent[0].1).unwrap();
    assert_eq!((sent[0].0.as_str(), sent[1].0.as_str()), (FAILED, LETTERS));
    assert_eq!(record["requestContext"]["condition"], "RetriesExhausted");
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 3);
    assert_eq!(record["responseContext"]["functionError"], "Unhandled");
    assert_eq!(record["responsePayload"]["errorMessage"], "no receiver");
    let (_, body, attributes) = &sent[1];
    assert_eq!(body, "\"fail\"");
    assert_eq!(attributes[2].1.string.as_deref(), Some("no receiver"));
    assert_eq!(desk.bench.world.count("AsyncEventsDropped").0, 1.0);
    desk.stop().await;
}

#[tokio::test]
async fn events_outlive_the_server() {
    let mut desk = Desk::new().await;
    for _ in 0..3 {
        desk.accept("echo").await.unwrap();
    }
    assert_eq!(desk.events.waiting(), 3);
    drop(std::mem::replace(
        &mut desk.events,
        open(
            &desk.bench,
            &desk.clock,
            tempfile::tempdir().unwrap().path(),
        ),
    ));
    desk.events = open(&desk.bench, &desk.clock, desk.dir.path());
    assert_eq!(desk.events.waiting(), 3);
    desk.start();
    desk.tried(3).await;
    desk.over().await;
    desk.stop().await;
}

#[tokio::test]
async fn an_event_that_was_cut_off_is_run_again() {
    let mut desk = Desk::started().await;
    desk.accept("sleep 60000").await.unwrap();
    until("a try", || {
        desk.bench
            .world
            .texts()
            .iter()
            .any(|line| line.starts_with("START"))
    })
    .await;
    desk.stop.send_replace(true);
    desk.bench.fleet.stop(Duration::ZERO).await;
    desk.running.take().unwrap().await.unwrap();
    assert_eq!(desk.events.waiting(), 1);
    let other = tempfile::tempdir().unwrap();
    drop(std::mem::replace(
        &mut desk.events,
        open(&desk.bench, &desk.clock, other.path()),
    ));
    assert_eq!(open(&desk.bench, &desk.clock, desk.dir.path()).waiting(), 1);
}

#[tokio::test]
async fn an_event_without_room_waits_until_it_is_too_old() {
    let desk = Desk::started().await;
    desk.bench.fleet.set_reserved(1_000);
    {
        let mut rules = desk.bench.world.rules.lock();
        (rules.age_secs, rules.on_failure) = (60, Some(FAILED.to_owned()));
    }
    desk.accept("echo").await.unwrap();
    until("a throttle", || {
        desk.bench.world.count("Throttles").0 >= 1.0
    })
    .await;
    desk.pass("the end", || desk.events.waiting() == 0).await;
    assert!(desk.bench.world.count("Throttles").0 >= 5.0);
    let record: serde_json::Value =
        serde_json::from_str(&desk.bench.world.sent.lock()[0].1).unwrap();
    assert_eq!(record["requestContext"]["condition"], "EventAgeExceeded");
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 0);
    assert_eq!(record.get("responsePayload"), None);
    desk.stop().await;
}

#[tokio::test]
async fn a_function_that_may_not_run_has_its_events_given_up_at_once() {
    let desk = Desk::started().await;
    let mut closed = with(|settings| settings.dead_letters = Some(LETTERS.to_owned()));
    closed.reserved = Some(0);
    *desk.bench.world.function.lock() = Some(closed);
    desk.accept("echo").await.unwrap();
    desk.over().await;
    assert_eq!(desk.bench.world.sent.lock()[0].0, LETTERS);
    desk.stop().await;
}

#[tokio::test]
async fn what_cannot_be_told_is_counted() {
    let desk = Desk::started().await;
    desk.bench.world.rules.lock().retries = 0;
    desk.bench.world.rules.lock().on_failure = Some(FAILED.to_owned());
    let letters = with(|settings| settings.dead_letters = Some(LETTERS.to_owned()));
    *desk.bench.world.function.lock() = Some(letters);
    *desk.bench.world.queue_trouble.lock() = vec![Trouble::Lasting("gone".to_owned())];
    desk.accept("fail").await.unwrap();
    desk.over().await;
    assert_eq!(desk.bench.world.count("DestinationDeliveryFailures").0, 1.0);
    assert_eq!(desk.bench.world.sent.lock().len(), 1);
    *desk.bench.world.denied.lock() = Some("sqs:SendMessage".to_owned());
    desk.accept("fail").await.unwrap();
    desk.over().await;
    assert_eq!(desk.bench.world.count("DestinationDeliveryFailures").0, 2.0);
    assert_eq!(desk.bench.world.count("DeadLetterErrors").0, 1.0);
    desk.stop().await;
}

#[tokio::test]
async fn a_function_can_be_the_destination_of_another() {
    let desk = Desk::started().await;
    desk.bench.world.rules.lock().on_failure =
        Some("arn:aws:lambda:ap-northeast-1:123456789012:function:probe".to_owned());
    desk.bench.world.rules.lock().retries = 0;
    desk.accept("fail").await.unwrap();
    // The record is no command, so that it is answered.
    desk.tried(2).await;
    desk.over().await;
    desk.stop().await;
}

#[tokio::test]
async fn what_is_not_there_or_too_large_is_not_accepted() {
    let desk = Desk::new().await;
    let other = "other".parse().unwrap();
    let refused = desk.events.accept(&other, None, call("echo")).await;
    assert!(matches!(refused, Err(NotAccepted::NotFound(_))));
    let mut large = call("");
    large.payload = Bytes::from(vec![b' '; PAYLOAD_BYTES_MAX + 1]);
    let refused = desk.events.accept(&runnable().name, None, large).await;
    assert!(matches!(refused, Err(NotAccepted::TooLarge { .. })));
    assert_eq!(desk.events.waiting(), 0);
    desk.stop().await;
}

#[tokio::test]
async fn an_event_of_a_function_that_is_gone_is_dropped() {
    let mut desk = Desk::new().await;
    desk.accept("echo").await.unwrap();
    *desk.bench.world.function.lock() = None;
    desk.start();
    desk.over().await;
    assert_eq!(desk.starts(), 0);
    desk.stop().await;
}
