//! A notifier that loses its lease, seen from the ledger and the stored results.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base::{ByteCount, Clock, ManualClock, NoMetrics, Timestamp};
use bytes::Bytes;
use delivery::config::{Settings, SystemSecrets};
use delivery::contract::QueueHarness;
use delivery::destinations::Destinations;
use delivery::ledger::balance::StoredResults;
use delivery::ledger::{Detail, Ledger, balance};
use delivery::masking::Masking;
use delivery::port::{
    Ask, Attempt, LineOutcome, Next, Notification, Outcome, Queue as _, Reason, Received, Request,
    Timings, Verdict,
};
use delivery::result::{Salt, SentBy, Stored, Writer};
use delivery::results::set::{Window, lines_of};
use delivery::results::{ObjectResults, Results, Sealer};
use futures_util::future::BoxFuture;
use sqs::{Outgoing, Queues, Sender};
use store::record::Cause;

use super::{Promised, RouteQueue};
use crate::serve::log::Log;

/// As long as a message may be, so that a letter with its reason is longer.
const LONGEST: &str = match str::from_utf8(&[b'x'; 1 << 20]) {
    Ok(text) => text,
    Err(_) => "",
};

const LEASE: Duration = Duration::from_secs(30);

struct Place {
    clock: Arc<ManualClock>,
    ledger: Arc<Ledger>,
    log: Arc<Log>,
    results: Results,
    route: RouteQueue,
    _dir: tempfile::TempDir,
}

impl Place {
    async fn new() -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_795_000_000)));
        let ledger = Arc::new(Ledger::new());
        let dir = tempfile::tempdir().unwrap();
        let options = sqs::Options {
            journal: store::Options {
                segment: ByteCount::mib(4),
                reserve: ByteCount::mib(4),
                ..store::Options::default()
            },
            account: "123456789012".parse().unwrap(),
            region: "ap-northeast-1".parse().unwrap(),
            are_results_sealed: true,
            expire_interval: std::time::Duration::from_secs(10),
        };
        let (queues, _) = Queues::open(
            dir.path(),
            options,
            clock.clone(),
            Arc::new(NoMetrics),
            ledger.clone(),
        )
        .unwrap();
        let make = async |name| {
            queues
                .create(
                    name,
                    &std::collections::BTreeMap::new(),
                    &std::collections::BTreeMap::new(),
                )
                .await
        };
        let (queue, dead) = (make("s2s").await.unwrap(), make("s2s-dead").await.unwrap());
        let writer = Writer::new(
            "s2s",
            &SentBy::default(),
            Masking::default(),
            Salt::new([7; 32]),
        );
        let route = RouteQueue {
            queues: queues.clone(),
            queue,
            dead,
            writer,
            clock: clock.clone(),
            promised: Promised::new(Arc::default(), 0),
            destinations: Arc::new(
                Destinations::new(&Settings::default(), &SystemSecrets).unwrap(),
            ),
            recall: Arc::default(),
        };
        let log = Arc::new(Log {
            queues,
            ledger: ledger.clone(),
            routes: Arc::default(),
        });
        let results = Results::new(Arc::new(
            ObjectResults::local(&dir.path().join("results")).unwrap(),
        ));
        Self {
            clock,
            ledger,
            log,
            results,
            route,
            _dir: dir,
        }
    }

    async fn send(&self, body: &'static str) {
        let message = Outgoing {
            body: Bytes::from_static(body.as_bytes()),
            ..Outgoing::default()
        };
        let sender = Sender {
            id: "AIDA",
            cause: Cause::Sent,
        };
        let sent = self
            .route
            .queues
            .send(&self.route.queue, sender, vec![message])
            .await
            .unwrap();
        assert!(sent.iter().all(Result::is_ok));
    }

    async fn receive(&self) -> Received {
        let ask = Ask {
            max: 1,
            wait: Duration::ZERO,
            lease: LEASE,
        };
        self.route.receive(ask).await.unwrap().remove(0)
    }

    async fn settle(&self, received: &Received, verdict: Verdict) {
        let line = line_of(received, verdict);
        self.settle_line(received, line, Next::Gone).await;
    }

    async fn settle_line(&self, received: &Received, line: LineOutcome, next: Next) {
        let outcome = Outcome {
            lease: received.lease.clone(),
            message_id: received.message_id.clone(),
            base: received.message_id.clone(),
            sent_at: received.sent_at,
            receive_count: received.receive_count,
            origin: None,
            replay: None,
            attributes: Default::default(),
            lines: vec![line],
            next,
            carries: Vec::new(),
        };
        self.route.settle(&[outcome]).await.unwrap();
    }

    async fn assert_balanced(&self) -> u64 {
        let stored = StoredResults {
            results: self.results.clone(),
            log: self.log.clone(),
        };
        let routes = [("s2s".to_owned(), "s2s".to_owned())];
        let answer = balance(
            &self.ledger,
            self.log.as_ref(),
            Some(&stored),
            &routes,
            Detail::Totals,
        )
        .await
        .unwrap();
        assert!(answer.balanced, "{:?}", answer.drifts);
        let of_route = answer
            .queues
            .iter()
            .find(|queue| queue.book.queue == "s2s")
            .unwrap();
        of_route.book.late_results
    }

    async fn stored(&self) -> Vec<Stored> {
        Sealer::new(self.log.clone(), self.results.clone())
            .all()
            .await
            .unwrap();
        let mut stored = Vec::new();
        for entry in self.results.entries(&Window::default()).await.unwrap() {
            let index = self.results.index(&entry).await.unwrap().unwrap();
            for frame in &index.frames {
                let lines = self.results.lines(&entry, frame).await.unwrap().unwrap();
                stored.extend(lines_of(&lines).map(|line| Stored::parse(line).unwrap()));
            }
        }
        stored
    }
}

fn line_of(received: &Received, verdict: Verdict) -> LineOutcome {
    LineOutcome {
        line: 1,
        notification: format!("{}/1", received.message_id).into(),
        destination: "example.com".into(),
        verdict,
        number: 1,
        raw: received.body.clone(),
        request: None,
        attempt: None,
        tried: delivery::port::Tried::Usual,
    }
}

/// What is sent to a receiver of this name.
fn notification(received: &Received, host: &str) -> Option<Arc<Notification>> {
    Some(Arc::new(Notification {
        id: format!("{}/1", received.message_id).into(),
        request: Request {
            url: format!("http://{host}/").parse().unwrap(),
            method: http::Method::GET,
            headers: Vec::new(),
            body: Bytes::new(),
        },
        attempt: 1,
        expires_at: None,
        line: 1,
        message_id: received.message_id.clone(),
        origin: None,
        replay: None,
    }))
}

/// An answer of 200 to it.
fn answer(place: &Place) -> Option<Box<Attempt>> {
    Some(Box::new(Attempt {
        number: 1,
        started: place.clock.now(),
        address: None,
        http: Some(http::Version::HTTP_11),
        status: Some(200),
        error: None,
        detail: String::new(),
        timings: Timings::default(),
        excerpt: Bytes::new(),
        retry_after: None,
        sent: true,
        beside: None,
    }))
}

impl QueueHarness for Place {
    fn queue(&self) -> &dyn delivery::port::Queue {
        &self.route
    }

    fn send<'a>(
        &'a self,
        body: &'a str,
        attributes: BTreeMap<String, String>,
    ) -> BoxFuture<'a, ()> {
        let text = |(name, value)| {
            let attribute = sqs::attributes::Attribute {
                data_type: "String".to_owned(),
                value: sqs::attributes::Value::Text(value),
            };
            (name, attribute)
        };
        let message = Outgoing {
            body: Bytes::from(body.to_owned()),
            attributes: attributes.into_iter().map(text).collect(),
            ..Outgoing::default()
        };
        let sender = Sender {
            id: "AIDA",
            cause: Cause::Sent,
        };
        Box::pin(async move {
            let sending = self
                .route
                .queues
                .send(&self.route.queue, sender, vec![message]);
            assert!(sending.await.unwrap().iter().all(Result::is_ok));
        })
    }

    fn pass(&self, span: Duration) -> BoxFuture<'_, ()> {
        self.clock.advance(span);
        Box::pin(std::future::ready(()))
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn results_of<'a>(&'a self, notification: &'a str) -> BoxFuture<'a, Option<usize>> {
        Box::pin(async move {
            let stored = self.stored().await;
            let of_it = stored
                .iter()
                .filter(|result| result.notification_id == notification);
            Some(of_it.count())
        })
    }
}

#[tokio::test]
async fn the_queue_of_a_route_keeps_the_contract_of_queues() {
    delivery::contract::queue(&Place::new().await).await;
}

#[tokio::test]
async fn what_waits_for_a_broken_receiver_is_due_when_it_answers() {
    let place = Place::new().await;
    let at = place.clock.now().plus(Duration::from_secs(600));
    let hosts = ["a.example", "a.example", "b.example"];
    for host in hosts {
        place.send("x").await;
        let received = place.receive().await;
        let line = LineOutcome {
            request: notification(&received, host),
            ..line_of(&received, Verdict::Broken { at })
        };
        let next = Next::RetryAt { at, attempt: 0 };
        place.settle_line(&received, line, next).await;
    }
    let waiting = || {
        let counts = place.route.queues.counts(&place.route.queue).unwrap();
        (counts.visible, counts.retry)
    };
    assert_eq!(waiting(), (0, 3));
    // One with no answer of its own says nothing; then one is answered.
    for (answered, now) in [(None, (0, 3)), (answer(&place), (2, 1))] {
        place.send("y").await;
        let received = place.receive().await;
        let line = LineOutcome {
            request: notification(&received, "a.example"),
            attempt: answered,
            ..line_of(&received, Verdict::Delivered)
        };
        place.settle_line(&received, line, Next::Gone).await;
        assert_eq!(waiting(), now);
    }
    place.assert_balanced().await;
}

#[tokio::test]
async fn a_result_after_the_lease_is_stored_as_late_and_the_ledger_stays_balanced() {
    let place = Place::new().await;
    place.send("http://example.com/").await;
    let first = place.receive().await;
    place.clock.advance(LEASE);
    let second = place.receive().await;
    assert_eq!(
        (&first.message_id, second.receive_count),
        (&second.message_id, 2)
    );

    place.settle(&first, Verdict::Delivered).await;
    assert_eq!(place.assert_balanced().await, 1);
    let counts = place.route.queues.counts(&place.route.queue).unwrap();
    assert_eq!(
        (counts.in_flight, counts.visible),
        (1, 0),
        "the second still has it"
    );

    place.settle(&second, Verdict::Delivered).await;
    assert_eq!(place.assert_balanced().await, 1);
    let stored = place.stored().await;
    let late: Vec<_> = stored
        .iter()
        .map(|result| {
            (
                result.message_id.as_str(),
                result.receive_count,
                result.late,
            )
        })
        .collect();
    assert_eq!(
        late,
        [
            (&*first.message_id, 1, true),
            (&*first.message_id, 2, false)
        ]
    );
    // Now from the sealed objects instead of the journal.
    assert_eq!(place.assert_balanced().await, 1);
    assert!(place.clock.now() > first.sent_at);
}

fn unparsable() -> Verdict {
    Verdict::Dead {
        reason: Reason::Unparsable {
            detail: "the line is empty".to_owned(),
        },
    }
}

#[tokio::test]
async fn a_line_that_no_sender_could_send_alone_is_a_dead_letter() {
    let place = Place::new().await;
    for body in ["\n", LONGEST] {
        place.send(body).await;
        let mut received = place.receive().await;
        received.body = received.body.slice(..received.body.len() - 1);
        place.settle(&received, unparsable()).await;
    }
    let counts = |queue| place.route.queues.counts(queue).unwrap();
    assert_eq!(counts(&place.route.queue).in_flight, 0);
    assert_eq!(counts(&place.route.dead).visible, 2);
    place.assert_balanced().await;
    assert_eq!(place.stored().await.len(), 2);
}

#[tokio::test]
async fn a_result_is_stored_where_the_dead_queue_is_gone() {
    let place = Place::new().await;
    place.send("nothing").await;
    let received = place.receive().await;
    place
        .route
        .queues
        .delete_queue(&place.route.dead)
        .await
        .unwrap();
    place.settle(&received, unparsable()).await;
    assert_eq!(
        place
            .route
            .queues
            .counts(&place.route.queue)
            .unwrap()
            .in_flight,
        0
    );
    let reasons: Vec<_> = place.stored().await;
    assert_eq!(reasons.len(), 1);
    place.assert_balanced().await;
}
