//! A notifier that loses its lease, seen from the ledger and the stored results.

use std::sync::Arc;
use std::time::Duration;

use base::{ByteCount, Clock, ManualClock, NoMetrics, Timestamp};
use bytes::Bytes;
use delivery::ledger::balance::StoredResults;
use delivery::ledger::{Detail, Ledger, balance};
use delivery::masking::Masking;
use delivery::port::{Ask, LineOutcome, Next, Outcome, Queue as _, Reason, Received, Verdict};
use delivery::result::{Salt, SentBy, Stored, Writer};
use delivery::results::set::{Window, lines_of};
use delivery::results::{ObjectResults, Results, Sealer};
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
        let line = LineOutcome {
            line: 1,
            notification: format!("{}/1", received.message_id).into(),
            destination: "example.com".into(),
            verdict,
            number: 1,
            raw: received.body.clone(),
            request: None,
            attempt: None,
            tried: delivery::port::Tried::Usual,
        };
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
            next: Next::Gone,
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
