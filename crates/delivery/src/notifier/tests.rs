//! The loop with a queue in memory and a sender that answers at once.

use std::collections::HashMap;
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
use crate::port::*;
use crate::verdict::tests::attempt;

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
                _ => 200,
            };
            let mut attempt = attempt(Some(status), None);
            attempt.number = one.attempt;
            attempt
        })
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
        attributes: std::collections::BTreeMap::new(),
        sent_at: at(0).wall,
        lease_until: at(120_000).wall,
        receive_count: 1,
        attempt: 0,
        group: Some(Arc::from(group)),
        origin: None,
    }
}

fn dispatcher(is_fifo: bool) -> Dispatcher {
    let queue = Arc::new(MemoryQueue::new(EMBEDDED, Arc::new(SystemClock::new())));
    let parts = parts(queue, Arc::default(), FormatKind::Url);
    let setup = Setup {
        format: parts.format,
        retry_for: parts.retry_for,
        notifier: parts.notifier,
        destinations: parts.destinations,
        traits: QueueTraits {
            is_fifo,
            ..EMBEDDED
        },
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
