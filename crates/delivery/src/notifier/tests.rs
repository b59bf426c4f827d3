//! The loop with a queue in memory and a sender that answers at once.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use base::{Clock, MetricSink, NoMetrics, SystemClock};
use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::*;
use crate::config::{self, DestinationRules, FormatKind, RouteFormat};
use crate::contract::memory::{EMBEDDED, MemoryQueue, SQS};
use crate::destinations::Destinations;
use crate::format::Format;
use crate::places::Places;
use crate::port::*;
use crate::travel;
use crate::verdict::tests::attempt;

mod asking;
mod filled;
mod stopping;

/// Answers by the URL's path: `/ok`, `/500`, `/hang`; counts the sends.
#[derive(Debug, Default)]
struct ByPath {
    sends: AtomicU32,
}

impl Sender for ByPath {
    fn schemes(&self) -> &'static [&'static str] {
        &["http"]
    }
    fn check(&self, request: &Request, _: &DestinationRules) -> Result<(), NotSendable> {
        let is_refused = request.url.path() == "/refused";
        let detail = "not allowed here".to_owned();
        if is_refused {
            Err(NotSendable { detail })
        } else {
            Ok(())
        }
    }
    fn send<'a>(
        &'a self,
        one: &'a Notification,
        _: &'a DestinationRules,
        _: Duration,
    ) -> BoxFuture<'a, Attempt> {
        self.sends.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            let status = match one.request.url.path() {
                "/500" => 500,
                "/404" => 404,
                "/hang" => std::future::pending().await,
                "/late" => {
                    tokio::time::sleep(Duration::from_secs(119)).await;
                    200
                }
                _ => 200,
            };
            let mut attempt = attempt(Some(status), None);
            attempt.number = one.attempt;
            attempt
        })
    }
}

/// Tokio's time, which a test may pause.
#[derive(Debug)]
struct Tokio(tokio::time::Instant);

impl Clock for Tokio {
    fn now(&self) -> base::Timestamp {
        base::Timestamp::from_secs(1_800_000_000).plus(self.monotonic())
    }
    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

fn parts(queue: Arc<MemoryQueue>, sender: Arc<ByPath>, kind: FormatKind) -> Parts {
    let format = RouteFormat {
        kind,
        ..RouteFormat::default()
    };
    Parts {
        route: Arc::from("r"),
        queue,
        sender,
        clock: Arc::new(SystemClock::new()),
        metrics: Arc::new(NoMetrics),
        format: Format::new(&format).unwrap(),
        retry_for: Duration::from_secs(3600),
        on_failure: config::OnFailure::Block,
        notifier: config::Notifier {
            slots: 8,
            ..config::Notifier::default()
        },
        destinations: Arc::new(Destinations::default()),
        seed: 1,
    }
}

/// Runs a notifier until `is_enough` by the queue and the number of sends, then stops it.
async fn work(
    queue: &Arc<MemoryQueue>,
    grace: Duration,
    is_enough: impl Fn(&MemoryQueue, u32) -> bool,
) -> Summary {
    let metrics = Arc::new(NoMetrics);
    work_measured(queue, grace, metrics, is_enough).await
}

async fn work_measured(
    queue: &Arc<MemoryQueue>,
    grace: Duration,
    metrics: Arc<dyn MetricSink>,
    is_enough: impl Fn(&MemoryQueue, u32) -> bool,
) -> Summary {
    let sender = Arc::new(ByPath::default());
    let mut parts = parts(queue.clone(), sender.clone(), FormatKind::Url);
    parts.metrics = metrics;
    let (notifier, handle) = Notifier::new(parts, Directives::default());
    let looked = async {
        while !is_enough(queue, sender.sends.load(Ordering::SeqCst)) {
            tokio::task::yield_now().await;
        }
        handle.stop(grace);
    };
    tokio::join!(notifier.run(Duration::from_secs(60)), looked).0
}

fn verdicts(queue: &MemoryQueue) -> HashMap<String, Verdict> {
    queue.with(|model| {
        let lines = model
            .settled
            .iter()
            .flat_map(|outcome| outcome.lines.clone());
        lines
            .map(|line| (line.notification.to_string(), line.verdict))
            .collect()
    })
}

/// Counts additions and measurements by name.
#[derive(Debug, Default)]
struct Kept {
    attempts: AtomicU32,
    measured: AtomicU32,
}

impl MetricSink for Kept {
    fn add(&self, _: &'static str, name: &'static str, _: &[(&'static str, &str)], value: f64) {
        if name == "Attempts" {
            self.attempts.fetch_add(value as u32, Ordering::SeqCst);
        }
    }
    fn record(&self, _: &'static str, name: &'static str, _: &[(&'static str, &str)], _: f64) {
        assert_eq!(name, "AttemptSeconds");
        self.measured.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn each_attempt_is_one_measurement_of_its_duration() {
    let queue = Arc::new(MemoryQueue::new(EMBEDDED, Arc::new(SystemClock::new())));
    for line in 0..25 {
        let host = if line % 2 == 0 { "a" } else { "b" };
        queue.send(format!("http://{host}.example/ok"));
    }
    let kept = Arc::new(Kept::default());
    let is_enough = |queue: &MemoryQueue, _| queue.with(|model| model.settled.len() == 25);
    let grace = Duration::from_secs(5);
    let summary = work_measured(&queue, grace, kept.clone(), is_enough).await;
    assert_eq!(summary.counts.attempts, 25);
    let count = |count: &AtomicU32| count.load(Ordering::SeqCst);
    assert_eq!((count(&kept.attempts), count(&kept.measured)), (25, 25));
}

#[tokio::test]
async fn every_line_of_a_message_gets_its_verdict() {
    for traits in [EMBEDDED, SQS] {
        let queue = Arc::new(MemoryQueue::new(traits, Arc::new(SystemClock::new())));
        queue.send("http://a.example/ok\nnonsense\nhttp://b.example/500\nhttp://c.example/404\nhttp://d.example/refused");
        let summary = work(&queue, Duration::from_secs(5), |queue, _| {
            queue.with(|model| !model.settled.is_empty())
        })
        .await;
        let verdicts = verdicts(&queue);
        assert_eq!(verdicts["m0/1"], Verdict::Delivered);
        assert!(matches!(
            verdicts["m0/2"],
            Verdict::Dead {
                reason: Reason::Unparsable { .. }
            }
        ));
        assert!(matches!(
            verdicts["m0/3"],
            Verdict::RetryAt {
                class: FailureClass::Server,
                ..
            }
        ));
        assert!(matches!(
            verdicts["m0/4"],
            Verdict::Dead {
                reason: Reason::Final { .. }
            }
        ));
        assert!(matches!(
            verdicts["m0/5"],
            Verdict::Dead {
                reason: Reason::Refused { .. }
            }
        ));
        queue.with(|model| {
            // The line that failed goes on alone, with its number and attempt.
            let carry = &model.settled[0].carries[0];
            assert_eq!(
                (&carry.body[..], carry.attempt, model.len()),
                (&b"http://b.example/500"[..], 1, 1)
            );
            let state = crate::travel::Retry::parse(&carry.attributes[crate::travel::RETRY]);
            assert_eq!((state.attempt, state.lines), (1, vec![3]));
        });
        assert_eq!((summary.counts.delivered, summary.unsettled), (1, 0));
    }
}

#[tokio::test]
async fn sends_in_flight_at_the_end_are_recorded_and_the_rest_goes_back() {
    let clock = Arc::new(SystemClock::new());
    let queue = Arc::new(MemoryQueue::new(EMBEDDED, clock.clone()));
    for _ in 0..20 {
        queue.send("http://a.example/hang");
    }
    work(&queue, Duration::from_millis(50), |_, sends| sends == 2).await;
    let cancelled: Vec<LineOutcome> = queue.with(|model| {
        let lines = model
            .settled
            .iter()
            .flat_map(|outcome| outcome.lines.clone());
        lines.filter(|line| line.attempt.is_some()).collect()
    });
    assert_eq!(cancelled.len(), 2, "a quarter of the slots");
    for line in cancelled {
        let class = FailureClass::Timeout;
        assert!(matches!(line.verdict, Verdict::RetryAt { class: found, .. } if found == class));
        let attempt = line.attempt.unwrap();
        assert!(attempt.error == Some(ErrorClass::Cancelled) && attempt.sent);
    }
    queue.with(|model| {
        assert_eq!(model.len(), 20, "nothing left the queue");
        let put_off = model.settled.len() - 2;
        let ask = Ask {
            max: 100,
            wait: Duration::ZERO,
            lease: Duration::from_secs(10),
        };
        let back = model.receive(clock.now(), ask).len();
        assert!(back >= 18 - put_off, "what was not tried is there at once");
    });
}

/// A queue that always has something for a receiver that rests, and takes everything at once.
#[derive(Debug, Default)]
struct Endless {
    received: AtomicU32,
}

impl Queue for Endless {
    fn traits(&self) -> QueueTraits {
        QueueTraits {
            settle_max: 1,
            ..EMBEDDED
        }
    }
    fn receive(&self, _: Ask) -> BoxFuture<'_, Result<Vec<Received>, Error>> {
        let n = self.received.fetch_add(1, Ordering::SeqCst);
        let mut one = received(n, "", "http://a.example/ok");
        one.lease_until = SystemClock::new().now().plus(Duration::from_secs(120));
        Box::pin(std::future::ready(Ok(vec![one])))
    }
    fn extend<'a>(
        &'a self,
        _: &'a [Lease],
        _: Duration,
    ) -> BoxFuture<'a, Result<Vec<Lease>, Error>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
    fn release<'a>(&'a self, _: &'a [Lease], _: Duration) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(std::future::ready(Ok(())))
    }
    fn settle<'a>(&'a self, _: &'a [Outcome]) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// A receiver that may have five sends at once.
fn five_at_once() -> Arc<Destinations> {
    let own = config::Destination {
        in_flight_max: Some(5),
        ..config::Destination::default()
    };
    let mut settings = config::Settings::default();
    settings.destinations.insert("a.example".into(), own);
    Arc::new(Destinations::new(&settings, &config::SystemSecrets).unwrap())
}

/// Directives of a process whose notifiers share places, and these.
fn with_places() -> (Arc<Places>, Directives) {
    let places = Arc::new(Places::default());
    let directives = Directives {
        places: Some(Arc::clone(&places)),
        ..Directives::default()
    };
    (places, directives)
}

#[tokio::test]
async fn one_that_leaves_says_so_and_keeps_its_places() {
    let queue = Arc::new(MemoryQueue::new(EMBEDDED, Arc::new(SystemClock::new())));
    for line in [
        "http://a.example/hang",
        "http://a.example/hang",
        "http://b.example/hang",
    ] {
        queue.send(line.to_owned());
    }
    let sender = Arc::new(ByPath::default());
    let mut parts = parts(queue, sender.clone(), FormatKind::Url);
    parts.destinations = five_at_once();
    let (places, directives) = with_places();
    let (notifier, handle) = Notifier::new(parts, directives);
    let looked = async {
        while sender.sends.load(Ordering::SeqCst) < 3 {
            tokio::task::yield_now().await;
        }
        assert!(!handle.is_leaving());
        handle.retire();
        handle.left().await;
        assert!(handle.is_leaving());
        assert_eq!(places.taken(), [("a.example".to_owned(), 2)]);
        handle.stop(Duration::ZERO);
    };
    tokio::join!(notifier.run(Duration::from_secs(3600)), looked);
    assert!(handle.is_leaving());
    assert_eq!(places.taken(), []);
}

#[tokio::test(start_paused = true)]
async fn one_that_retires_lets_the_longest_send_end() {
    let clock = Arc::new(Tokio(tokio::time::Instant::now()));
    let queue = Arc::new(MemoryQueue::new(EMBEDDED, clock.clone()));
    queue.send("http://a.example/late".to_owned());
    let sender = Arc::new(ByPath::default());
    let mut parts = parts(queue.clone(), sender.clone(), FormatKind::Url);
    let own = config::Destination {
        timeout_total: Some(config::Span::secs(120)),
        ..config::Destination::default()
    };
    let mut settings = config::Settings::default();
    settings.destinations.insert("a.example".into(), own);
    parts.destinations = Arc::new(Destinations::new(&settings, &config::SystemSecrets).unwrap());
    parts.clock = clock;
    let (notifier, handle) = Notifier::new(parts, Directives::default());
    let looked = async {
        while sender.sends.load(Ordering::SeqCst) < 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        handle.retire();
    };
    tokio::join!(notifier.run(Duration::from_secs(3600)), looked);
    assert_eq!(
        verdicts(&queue).into_values().collect::<Vec<_>>(),
        [Verdict::Delivered]
    );
}

/// What one that leaves still sends counts against the bound of those that stay.
#[tokio::test]
async fn a_successor_takes_what_its_predecessor_leaves_of_a_bound() {
    let queue = Arc::new(MemoryQueue::new(EMBEDDED, Arc::new(SystemClock::new())));
    for _ in 0..20 {
        queue.send("http://a.example/hang".to_owned());
    }
    let sender = Arc::new(ByPath::default());
    let mut parts = parts(queue.clone(), sender.clone(), FormatKind::Url);
    parts.destinations = five_at_once();
    parts.notifier.slots = 64;
    let (places, directives) = with_places();
    let predecessor = places.seat("a.example");
    predecessor.set_most(5);
    assert!((0..5).all(|_| predecessor.take(Duration::ZERO)));
    let (notifier, handle) = Notifier::new(parts, directives);
    let looked = async {
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        assert_eq!(sender.sends.load(Ordering::SeqCst), 0);
        (0..2).for_each(|_| predecessor.give_back());
        while sender.sends.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        handle.stop(Duration::ZERO);
    };
    tokio::join!(notifier.run(Duration::from_secs(60)), looked);
    assert_eq!(sender.sends.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_notifier_whose_work_never_rests_hears_of_orders() {
    let unused = Arc::new(MemoryQueue::new(EMBEDDED, Arc::new(SystemClock::new())));
    let queue = Arc::new(Endless::default());
    let mut parts = parts(unused, Arc::default(), FormatKind::Url);
    parts.queue = queue.clone();
    let paused = Directives {
        paused: Arc::new(["a.example".to_owned()].into()),
        ..Directives::default()
    };
    let (notifier, handle) = Notifier::new(parts, paused);
    let looked = async {
        while queue.received.load(Ordering::SeqCst) < 100 {
            tokio::task::yield_now().await;
        }
        handle.stop(Duration::ZERO);
        queue.received.load(Ordering::SeqCst)
    };
    let (_, stopped_at) = tokio::join!(notifier.run(Duration::from_secs(5)), looked);
    let after = queue.received.load(Ordering::SeqCst) - stopped_at;
    assert!(after < 100, "{after} more were received");
}

fn at(millis: u64) -> Moment {
    Moment {
        wall: base::Timestamp::from_secs(1_000_000).plus(Duration::from_millis(millis)),
        mono: Duration::from_millis(millis),
    }
}

fn received(n: u32, group: &str, body: &str) -> Received {
    Received {
        lease: Lease(Arc::from(format!("lease{n}"))),
        message_id: Arc::from(format!("m{n}")),
        body: Bytes::from(body.to_owned()),
        attributes: BTreeMap::new(),
        sent_at: at(0).wall,
        lease_until: at(120_000).wall,
        receive_count: 1,
        attempt: 0,
        group: Some(Arc::from(group)),
        origin: None,
    }
}

fn dispatcher(is_fifo: bool) -> Dispatcher {
    dispatcher_with(is_fifo, 32, FormatKind::Url)
}

fn dispatcher_with(is_fifo: bool, slots: u32, kind: FormatKind) -> Dispatcher {
    dispatcher_of(is_fifo, slots, unqueued(kind))
}

fn dispatcher_for(settings: &config::Settings) -> Dispatcher {
    let mut parts = unqueued(FormatKind::Url);
    let destinations = Destinations::new(settings, &config::SystemSecrets).unwrap();
    parts.destinations = Arc::new(destinations);
    dispatcher_of(false, 32, parts)
}

fn unqueued(kind: FormatKind) -> Parts {
    let queue = Arc::new(MemoryQueue::new(EMBEDDED, Arc::new(SystemClock::new())));
    parts(queue, Arc::default(), kind)
}

fn dispatcher_of(is_fifo: bool, slots: u32, parts: Parts) -> Dispatcher {
    let traits = QueueTraits {
        is_fifo,
        ..EMBEDDED
    };
    dispatcher_like(traits, slots, parts)
}

fn dispatcher_like(traits: QueueTraits, slots: u32, mut parts: Parts) -> Dispatcher {
    parts.notifier.slots = slots;
    let setup = Setup {
        format: parts.format,
        retry_for: parts.retry_for,
        on_failure: parts.on_failure,
        notifier: parts.notifier,
        destinations: parts.destinations,
        traits,
        sender: parts.sender,
        seed: 1,
        deadline: Duration::from_secs(300),
    };
    Dispatcher::new(setup, at(0))
}

fn act(dispatcher: &mut Dispatcher, millis: u64) -> Vec<Action> {
    let mut actions = Vec::new();
    dispatcher.act(at(millis), &mut actions);
    actions
}

fn sends(actions: &[Action]) -> Vec<&Send> {
    let send = |action: &'_ Action| matches!(action, Action::Send(_));
    actions
        .iter()
        .filter(|action| send(action))
        .map(|action| match action {
            Action::Send(send) => send,
            _ => unreachable!(),
        })
        .collect()
}

/// What one receive is asked for, if any.
fn asked(actions: &[Action]) -> Vec<usize> {
    let asked = actions.iter().map(|action| match action {
        Action::Receive(ask) => Some(ask.max),
        _ => None,
    });
    asked.flatten().collect()
}

#[test]
fn each_source_of_a_queue_is_asked_while_another_waits() {
    for (slots, first) in [(1, [1, 1]), (3, [3, 3]), (100, [5, 5])] {
        let traits = QueueTraits { sources: 2, ..SQS };
        let mut dispatcher = dispatcher_like(traits, slots, unqueued(FormatKind::Url));
        assert_eq!(asked(&act(&mut dispatcher, 0)), first, "{slots} slots");
        for round in 1..20 {
            // One waits all the time, and the other comes back with all it was asked for, or with nothing.
            dispatcher.received(at(round), Vec::new(), 1);
            assert_eq!(
                asked(&act(&mut dispatcher, round)).len(),
                1,
                "{slots} slots"
            );
        }
    }
}

#[test]
fn as_many_sends_run_at_once_as_there_are_slots() {
    for slots in [1, 8, 64] {
        let mut dispatcher = dispatcher_with(false, slots, FormatKind::Url);
        act(&mut dispatcher, 0);
        let url = |n| format!("http://h{n}.example/ok");
        let batch = (0..100).map(|n| received(n, "", &url(n))).collect();
        dispatcher.received(at(1), batch, 100);
        assert_eq!(sends(&act(&mut dispatcher, 1)).len(), slots as usize);
    }
}

#[test]
fn a_fifo_group_has_one_in_flight_and_a_retry_blocks_it() {
    let mut dispatcher = dispatcher(true);
    act(&mut dispatcher, 0);
    let batch = vec![
        received(1, "g", "http://a.example/ok"),
        received(2, "g", "http://a.example/ok"),
        received(3, "g", "http://a.example/ok"),
        received(4, "h", "http://a.example/ok"),
    ];
    dispatcher.received(at(1), batch, 10);
    let actions = act(&mut dispatcher, 1);
    let first = sends(&actions);
    assert_eq!(
        first
            .iter()
            .map(|send| &*send.notification.message_id)
            .collect::<Vec<_>>(),
        ["m1", "m4"]
    );
    dispatcher.finished(at(2), first[0].job, attempt(Some(200), None));
    let actions = act(&mut dispatcher, 2);
    let second = sends(&actions);
    assert_eq!(
        second
            .iter()
            .map(|send| &*send.notification.message_id)
            .collect::<Vec<_>>(),
        ["m2"]
    );
    dispatcher.finished(at(3), second[0].job, attempt(Some(500), None));
    let actions = act(&mut dispatcher, 10);
    assert!(sends(&actions).is_empty(), "the group is blocked");
    let released: Vec<&Lease> = actions
        .iter()
        .flat_map(|action| match action {
            Action::Release { leases, .. } => leases.iter().collect(),
            _ => Vec::new(),
        })
        .collect();
    assert_eq!(released, [&Lease(Arc::from("lease3"))]);
    let settled: Vec<Next> = actions
        .iter()
        .flat_map(|action| match action {
            Action::Settle { outcomes, .. } => {
                outcomes.iter().map(|outcome| outcome.next).collect()
            }
            _ => Vec::new(),
        })
        .collect();
    assert!(
        matches!(settled[..], [Next::Gone, Next::RetryAt { attempt: 1, .. }]),
        "{settled:?}"
    );
}

#[test]
fn no_send_outlives_its_lease_and_leases_are_extended_at_half_time() {
    let mut dispatcher = dispatcher(false);
    act(&mut dispatcher, 0);
    // 10 s are left of the lease, an attempt may take 15 s: it is not started.
    let mut short = received(1, "g", "http://a.example/ok");
    short.lease_until = at(10_000).wall;
    dispatcher.received(
        at(0),
        vec![short, received(2, "g", "http://a.example/hang")],
        10,
    );
    let actions = act(&mut dispatcher, 0);
    let started = sends(&actions);
    assert_eq!(
        started
            .iter()
            .map(|send| &*send.notification.message_id)
            .collect::<Vec<_>>(),
        ["m2"]
    );
    let extended = |actions: &[Action]| {
        actions
            .iter()
            .any(|action| matches!(action, Action::Extend { .. }))
    };
    assert!(!extended(&act(&mut dispatcher, 4_000)));
    assert!(
        extended(&act(&mut dispatcher, 5_000)),
        "half of the shortest lease"
    );
}

#[test]
fn a_pause_hands_back_and_a_resume_goes_on() {
    let mut dispatcher = dispatcher(false);
    act(&mut dispatcher, 0);
    let paused = Directives {
        is_paused: true,
        ..Directives::default()
    };
    dispatcher.direct(at(1), paused);
    dispatcher.received(at(2), vec![received(1, "g", "http://a.example/ok")], 10);
    let actions = act(&mut dispatcher, 2);
    assert!(
        matches!(&actions[..], [Action::Release { leases, .. }] if leases.len() == 1),
        "{actions:?}"
    );
    dispatcher.direct(at(3), Directives::default());
    assert!(matches!(&act(&mut dispatcher, 3)[..], [Action::Receive(_)]));
}

#[test]
fn a_line_keeps_its_own_id_unless_its_message_says_anew() {
    let mut dispatcher = dispatcher_with(false, 32, FormatKind::Json);
    act(&mut dispatcher, 0);
    let body = r#"{"url":"http://a.example/","id":"own"}"#;
    let mut anew = received(2, "", body);
    anew.attributes
        .insert(crate::travel::NEW_ID.into(), "yes".into());
    dispatcher.received(at(1), vec![received(1, "", body), anew], 10);
    let actions = act(&mut dispatcher, 1);
    let ids: Vec<&str> = sends(&actions)
        .iter()
        .map(|send| &*send.notification.id)
        .collect();
    assert_eq!(ids, ["own", "m2/1"]);
}

#[test]
fn a_refused_line_keeps_its_id_and_its_receiver() {
    let mut dispatcher = dispatcher_with(false, 32, FormatKind::Json);
    act(&mut dispatcher, 0);
    let body = r#"{"url":"http://a.example/x","id":"own","headers":{"Connection":"x"}}"#;
    dispatcher.received(
        at(1),
        vec![
            received(1, "", body),
            received(2, "", r#"{"url":"tel:1","id":"nobody's"}"#),
        ],
        10,
    );
    let mut counted = BTreeMap::new();
    dispatcher.take_counts(|name, counts| {
        counted.insert(name.to_string(), counts.dead);
    });
    assert_eq!(
        counted,
        BTreeMap::from([("(unknown)".to_owned(), 1), ("a.example".to_owned(), 1)])
    );
    let actions = act(&mut dispatcher, 100);
    let outcomes = actions.iter().find_map(|action| match action {
        Action::Settle { outcomes, .. } => Some(outcomes),
        _ => None,
    });
    let outcomes = outcomes.unwrap();
    assert_eq!(&*outcomes[1].lines[0].notification, "nobody's");
    let line = &outcomes[0].lines[0];
    assert_eq!(
        (&*line.notification, &*line.destination),
        ("own", "a.example")
    );
    let url = line
        .request
        .as_ref()
        .map(|request| request.request.url.as_str());
    assert_eq!(url, Some("http://a.example/x"));
    assert!(matches!(line.verdict, Verdict::Dead { .. }));
}

#[test]
fn a_pause_by_host_means_all_of_its_ports_and_lines_come_back_soon() {
    let mut dispatcher = dispatcher(false);
    act(&mut dispatcher, 0);
    let paused = Directives {
        paused: Arc::new(["a.example".to_owned()].into()),
        ..Directives::default()
    };
    dispatcher.direct(at(1), paused);
    let batch = vec![
        received(1, "", "http://a.example:8080/ok"),
        received(2, "", "http://b.example:8080/ok"),
    ];
    dispatcher.received(at(2), batch, 10);
    let mut actions = act(&mut dispatcher, 2);
    actions.extend(act(&mut dispatcher, 10));
    let hosts: Vec<&str> = sends(&actions)
        .iter()
        .filter_map(|send| send.notification.request.url.host_str())
        .collect();
    assert_eq!(hosts, ["b.example"]);
    let settled = |actions: &[Action]| {
        actions.iter().find_map(|action| match action {
            Action::Settle { outcomes, .. } => Some(outcomes[0].clone()),
            _ => None,
        })
    };
    let back = settled(&actions).unwrap();
    let Next::RetryAt { at: until, .. } = back.next else {
        panic!("{back:?}");
    };
    assert!(until.since(at(2).wall) <= Duration::from_secs(2));
    // The queue is told why, so that it ends the wait when the destination goes on.
    assert_eq!(back.lines[0].verdict, Verdict::Paused { at: until });

    let packed = "http://a.example/1\nhttp://b.example/2";
    dispatcher.received(at(20), vec![received(3, "", packed)], 10);
    let job = sends(&act(&mut dispatcher, 20))[0].job;
    dispatcher.finished(at(21), job, attempt(Some(200), None));
    let mut actions = act(&mut dispatcher, 21);
    actions.extend(act(&mut dispatcher, 30));
    let carries = settled(&actions).unwrap().carries;
    let retry = travel::Retry::parse(&carries[0].attributes[travel::RETRY]);
    assert_eq!((carries.len(), retry.not_before), (1, None));
}

#[test]
fn a_notifier_without_a_part_of_a_bound_leaves_it_to_the_others_at_once() {
    let mut settings = config::Settings::default();
    let limited = config::Destination {
        in_flight_max: Some(3),
        ..config::Destination::default()
    };
    settings.destinations.insert("a.example".into(), limited);
    let sent_by = |index: u32| {
        let mut dispatcher = dispatcher_for(&settings);
        let share = crate::share::Share::part(index, 5);
        let directives = Directives {
            share,
            ..Directives::default()
        };
        dispatcher.direct(at(0), directives);
        act(&mut dispatcher, 0);
        let a = (0..10).map(|n| received(n, "", "http://a.example/ok"));
        let b = (10..12).map(|n| received(n, "", "http://b.example/ok"));
        dispatcher.received(at(1), a.chain(b).collect(), 12);
        let mut actions = act(&mut dispatcher, 1);
        actions.extend(act(&mut dispatcher, 10));
        let hosts: Vec<String> = sends(&actions)
            .iter()
            .filter_map(|send| Some(send.notification.request.url.host_str()?.to_owned()))
            .collect();
        let count = |host: &str| hosts.iter().filter(|one| *one == host).count();
        assert_eq!(count("b.example"), 2);
        if count("a.example") == 0 {
            assert_put_off_shortly(&actions, 10);
        }
        count("a.example")
    };
    assert_eq!((0..5).map(sent_by).sum::<usize>(), 3);
}

/// So many messages go back untried and can be received again within a tenth of a second.
fn assert_put_off_shortly(actions: &[Action], count: usize) {
    let settled = actions.iter().flat_map(|action| match action {
        Action::Settle { outcomes, .. } => outcomes.clone(),
        _ => Vec::new(),
    });
    let waits: Vec<Duration> = settled
        .map(|outcome| {
            assert!(matches!(outcome.lines[0].verdict, Verdict::Later { .. }));
            assert_eq!(
                (outcome.lines[0].number, &outcome.lines[0].attempt),
                (0, &None)
            );
            let Next::RetryAt { at: until, .. } = outcome.next else {
                panic!("{outcome:?}")
            };
            until.since(at(0).wall)
        })
        .collect();
    assert_eq!(waits.len(), count);
    let longest = waits.into_iter().max().unwrap();
    assert!(longest <= Duration::from_millis(102), "{longest:?}");
}

/// Works off messages for receivers that answer after so many milliseconds, the queue always giving what is asked for:
/// when each was sent and to whom, within 20 s, and how many went back untried.
fn work_off(backlog: &[(&str, u64)]) -> (Vec<(u64, String)>, u64) {
    let mut dispatcher = dispatcher_with(false, 512, FormatKind::Url);
    let latencies: HashMap<&str, u64> = backlog.iter().copied().collect();
    let mut left = (0..).zip(backlog);
    let mut flights: BTreeMap<(u64, usize), (u64, JobKey)> = BTreeMap::new();
    let mut sent: Vec<(u64, String)> = Vec::new();
    let mut millis = 0;
    while sent.len() < backlog.len() && millis < 20_000 {
        for action in act(&mut dispatcher, millis) {
            match action {
                Action::Send(send) => {
                    let host = send.notification.request.url.host_str().unwrap().to_owned();
                    let latency = latencies[&*host];
                    flights.insert((millis + latency, sent.len()), (latency, send.job));
                    sent.push((millis, host));
                }
                Action::Receive(ask) => {
                    let batch = left.by_ref().take(ask.max);
                    let batch =
                        batch.map(|(n, (host, _))| received(n, "", &format!("http://{host}/")));
                    dispatcher.received(at(millis), batch.collect(), ask.max);
                }
                Action::Settle { keys, .. } => dispatcher.settled(&keys),
                _ => {}
            }
        }
        millis += 1;
        while flights
            .first_key_value()
            .is_some_and(|((end, _), _)| *end <= millis)
        {
            let (_, (latency, job)) = flights.pop_first().unwrap();
            let mut answer = attempt(Some(200), None);
            answer.timings.total = Duration::from_millis(latency);
            dispatcher.finished(at(millis), job, answer);
        }
    }
    let mut later = 0;
    dispatcher.take_counts(|_, counts| later += counts.later);
    (sent, later)
}

#[test]
fn a_burst_to_one_receiver_waits_here_and_is_hardly_put_off() {
    for latency_ms in [1, 20, 100] {
        let (sent, later) = work_off(&vec![("a.example", latency_ms); 20_000]);
        let millis = sent.last().map_or(0, |(millis, _)| *millis);
        // Looking behind it goes on, 500 a second.
        assert!(
            later <= 600 + millis / 2,
            "{latency_ms} ms: {later} put off"
        );
        assert_eq!(sent.len() as u64 + later, 20_000);
        let least = 20_000 / 128 * latency_ms;
        assert!(
            millis <= least * 2 + 100,
            "{latency_ms} ms: took {millis} ms"
        );
    }
}

#[test]
fn one_in_a_hundred_that_is_quick_is_found_behind_a_slow_receiver() {
    let mut backlog = vec![("slow.example", 1_000); 10_000];
    backlog
        .iter_mut()
        .step_by(100)
        .for_each(|one| *one = ("quick.example", 2));
    let (sent, _) = work_off(&backlog);
    let quick = || sent.iter().filter(|(_, host)| host.starts_with("quick"));
    let last = quick().next_back().map_or(0, |(millis, _)| *millis);
    // In order, 10,000 messages at 128 a second would take 78 s.
    assert_eq!(
        (quick().count(), last < 5_000),
        (100, true),
        "the last after {last} ms"
    );
}

/// `cargo test --release -p shukuba-delivery --lib -- --ignored --nocapture cost_of`: CPU of a notification without HTTP.
#[tokio::test]
#[ignore = "a measurement"]
async fn cost_of_a_notification() {
    const COUNT: u32 = 300_000;
    for (name, per_message) in [("one line", 1), ("packed 100", 100)] {
        let clock = Arc::new(SystemClock::new());
        let queue = Arc::new(MemoryQueue::new(EMBEDDED, clock.clone()));
        for message in 0..COUNT / per_message {
            let line =
                |n| format!("http://127.0.0.1:9000/postback?id={message}-{n}&campaign=summer");
            queue.send((0..per_message).map(line).collect::<Vec<_>>().join("\n"));
        }
        let sender = Arc::new(ByPath::default());
        let mut parts = parts(queue.clone(), sender.clone(), FormatKind::Url);
        parts.notifier.slots = 256;
        let (notifier, handle) = Notifier::new(parts, Directives::default());
        let started = clock.monotonic();
        let looked = async {
            while queue.with(|model| !model.is_empty()) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            handle.stop(Duration::from_secs(1));
        };
        let (summary, ()) = tokio::join!(notifier.run(Duration::from_secs(60)), looked);
        let micros = (clock.monotonic() - started).as_secs_f64() * 1e6;
        println!(
            "{name}: {:.2} us each with the queue in memory; {summary:?}",
            micros / f64::from(COUNT)
        );
    }
}

#[test]
fn whether_a_destination_without_limits_is_met_is_told() {
    let settings: config::Settings = toml::from_str(concat!(
        "[routes.r]\nqueue = \"q\"\nformat = { kind = \"url\" }\n",
        "[destinations.\"limited.example\"]\nrate = \"60/min\"\n",
    ))
    .unwrap();
    let met = |hosts: &[&str]| {
        let mut dispatcher = dispatcher_for(&settings);
        act(&mut dispatcher, 0);
        let message = |(id, host): (u32, &&str)| received(id, "", &format!("http://{host}/"));
        dispatcher.received(at(1), (1..).zip(hosts).map(message).collect(), 10);
        act(&mut dispatcher, 1);
        let told = dispatcher.limits();
        (told.states.len(), told.has_free)
    };
    assert_eq!(met(&[]), (0, false));
    assert_eq!(met(&["limited.example"]), (1, false));
    assert_eq!(met(&["limited.example", "free.example"]), (1, true));
}
