//! What every queue must do.

use std::collections::BTreeMap;
use std::time::Duration;

use base::Timestamp;
use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::port::{Ask, Carry, LineOutcome, Next, Outcome, Queue, Received, RetryWait, Verdict};

/// How the contract reaches an implementation.
pub trait QueueHarness: Send + Sync {
    /// The queue; empty when the contract begins. Its messages have no own visibility default under 30 s.
    fn queue(&self) -> &dyn Queue;

    /// Sends a message with attributes, as another program would.
    fn send<'a>(&'a self, body: &'a str, attributes: BTreeMap<String, String>)
    -> BoxFuture<'a, ()>;

    /// Lets time pass, by turning a clock or by waiting.
    fn pass(&self, span: Duration) -> BoxFuture<'_, ()>;

    /// Now, by the queue's clock.
    fn now(&self) -> Timestamp;

    /// Results that are stored for a notification, where the implementation stores any; `None` where it does not.
    fn results_of<'a>(&'a self, notification: &'a str) -> BoxFuture<'a, Option<usize>>;
}

/// Runs the contract of [`Queue`].
///
/// # Panics
/// With the promise that is not kept.
pub async fn queue(harness: &dyn QueueHarness) {
    receives_what_was_sent(harness).await;
    leases_hide_and_end(harness).await;
    extended_leases_last(harness).await;
    releases_count_nothing(harness).await;
    settled_messages_leave_with_their_results(harness).await;
    retries_wait(harness).await;
    carries_take_the_place(harness).await;
    lost_leases_settle_nothing_but_results(harness).await;
}

const LEASE: Duration = Duration::from_secs(4);

async fn receive(harness: &dyn QueueHarness, max: usize) -> Vec<Received> {
    let ask = Ask {
        max,
        wait: Duration::ZERO,
        lease: LEASE,
    };
    // A distributed queue may overlook a message once: ask a few times.
    for _ in 0..5 {
        let batch = harness.queue().receive(ask).await.expect("receive");
        if !batch.is_empty() {
            return batch;
        }
    }
    Vec::new()
}

async fn receive_one(harness: &dyn QueueHarness) -> Received {
    let mut batch = receive(harness, 1).await;
    assert_eq!(batch.len(), 1, "the message can be received");
    batch.remove(0)
}

/// What became of a message of one line.
#[must_use]
pub fn outcome(received: &Received, verdict: Verdict, next: Next) -> Outcome {
    Outcome {
        lease: received.lease.clone(),
        message_id: received.message_id.clone(),
        base: received.message_id.clone(),
        sent_at: received.sent_at,
        receive_count: received.receive_count,
        origin: None,
        replay: None,
        attributes: BTreeMap::new(),
        lines: vec![LineOutcome {
            line: 1,
            notification: crate::travel::line_id(&received.message_id, 1),
            destination: "a.example".into(),
            verdict,
            number: 1,
            raw: received.body.clone(),
            request: None,
            attempt: None,
            tried: crate::port::Tried::Usual,
        }],
        next,
        carries: Vec::new(),
    }
}

async fn drop_message(harness: &dyn QueueHarness, received: &Received) {
    let gone = outcome(received, Verdict::Delivered, Next::Gone);
    harness.queue().settle(&[gone]).await.expect("settle");
}

async fn receives_what_was_sent(harness: &dyn QueueHarness) {
    assert!(
        receive(harness, 1).await.is_empty(),
        "an empty queue gives nothing"
    );
    let attributes = BTreeMap::from([("shukuba.lines".to_owned(), "2".to_owned())]);
    let before = harness.now();
    harness.send("a\nb", attributes.clone()).await;
    let received = receive_one(harness).await;
    assert_eq!(received.body, "a\nb", "the body is the same");
    assert_eq!(received.attributes, attributes, "attributes come along");
    assert_eq!(
        (received.receive_count, received.attempt),
        (1, 0),
        "the first receive, no attempt"
    );
    assert!(
        received.sent_at.plus(Duration::from_secs(2)) >= before,
        "sent_at is the time of the send"
    );
    let lease_left = received.lease_until.since(harness.now());
    assert!(
        lease_left <= LEASE && lease_left > LEASE / 4,
        "the lease lasts as asked, never longer: {lease_left:?}"
    );
    drop_message(harness, &received).await;
}

async fn leases_hide_and_end(harness: &dyn QueueHarness) {
    harness.send("lease", BTreeMap::new()).await;
    let first = receive_one(harness).await;
    assert!(
        receive(harness, 1).await.is_empty(),
        "a leased message is hidden"
    );
    harness.pass(LEASE + Duration::from_secs(1)).await;
    let second = receive_one(harness).await;
    assert_eq!(
        second.message_id, first.message_id,
        "after its lease it comes again"
    );
    assert_eq!(second.receive_count, 2, "which counts as a receive");
    assert_ne!(second.lease, first.lease, "under a new lease");
    let queue = harness.queue();
    let lost = queue
        .extend(&[first.lease.clone(), second.lease.clone()], LEASE)
        .await
        .expect("extend");
    assert_eq!(lost, [first.lease], "only the old lease is lost");
    drop_message(harness, &second).await;
}

async fn extended_leases_last(harness: &dyn QueueHarness) {
    harness.send("extend", BTreeMap::new()).await;
    let received = receive_one(harness).await;
    harness.pass(LEASE / 2).await;
    let span = LEASE * 2;
    let lost = harness
        .queue()
        .extend(std::slice::from_ref(&received.lease), span)
        .await
        .expect("extend");
    assert!(lost.is_empty(), "a lease that holds can be extended");
    harness.pass(LEASE).await;
    assert!(
        receive(harness, 1).await.is_empty(),
        "the extended lease lasts"
    );
    drop_message(harness, &received).await;
}

async fn releases_count_nothing(harness: &dyn QueueHarness) {
    harness.send("release", BTreeMap::new()).await;
    let received = receive_one(harness).await;
    let queue = harness.queue();
    queue
        .release(std::slice::from_ref(&received.lease), Duration::ZERO)
        .await
        .expect("release");
    let again = receive_one(harness).await;
    assert_eq!(
        (again.message_id.clone(), again.attempt),
        (received.message_id, 0),
        "released at once, no attempt"
    );
    drop_message(harness, &again).await;
}

async fn settled_messages_leave_with_their_results(harness: &dyn QueueHarness) {
    harness.send("settle", BTreeMap::new()).await;
    let received = receive_one(harness).await;
    drop_message(harness, &received).await;
    harness.pass(LEASE * 2).await;
    assert!(
        receive(harness, 1).await.is_empty(),
        "a settled message is gone"
    );
    let id = crate::travel::line_id(&received.message_id, 1);
    if let Some(results) = harness.results_of(&id).await {
        assert_eq!(results, 1, "its result is stored");
    }
}

async fn retries_wait(harness: &dyn QueueHarness) {
    harness.send("retry", BTreeMap::new()).await;
    let received = receive_one(harness).await;
    let wait = Duration::from_secs(6);
    let at = harness.now().plus(wait);
    let verdict = Verdict::RetryAt {
        at,
        class: crate::port::FailureClass::Server,
    };
    let next = match harness.queue().traits().retry_wait {
        RetryWait::Native => Next::RetryAt { at, attempt: 1 },
        RetryWait::Resend => Next::VisibleAfter { wait },
    };
    let retry = outcome(&received, verdict, next);
    harness.queue().settle(&[retry]).await.expect("settle");
    harness.pass(LEASE + Duration::from_secs(1)).await;
    assert!(
        receive(harness, 1).await.is_empty(),
        "it waits longer than its lease"
    );
    harness.pass(Duration::from_secs(3)).await;
    let again = receive_one(harness).await;
    assert_eq!(again.message_id, received.message_id, "then it comes again");
    if harness.queue().traits().retry_wait == RetryWait::Native {
        assert_eq!(again.attempt, 1, "with its attempt number");
        assert_eq!(again.sent_at, received.sent_at, "and its first time");
    }
    drop_message(harness, &again).await;
}

async fn carries_take_the_place(harness: &dyn QueueHarness) {
    harness.send("a\nb\nc", BTreeMap::new()).await;
    let received = receive_one(harness).await;
    let at = harness.now().plus(Duration::from_secs(2));
    let retry = crate::travel::Retry {
        attempt: 1,
        first: Some(received.sent_at),
        not_before: Some(at),
        lines: vec![2],
    };
    let mut outcome = outcome(&received, Verdict::Delivered, Next::Gone);
    let line = |line, verdict| LineOutcome {
        line,
        verdict,
        notification: crate::travel::line_id(&received.message_id, line),
        ..outcome.lines[0].clone()
    };
    let class = crate::port::FailureClass::Network;
    outcome.lines = vec![
        line(1, Verdict::Delivered),
        line(2, Verdict::RetryAt { at, class }),
        line(3, Verdict::Delivered),
    ];
    outcome.carries = vec![Carry {
        body: Bytes::from("b"),
        lines: 1,
        attributes: crate::travel::carry(&received.attributes, &received.message_id, 1, &retry),
        not_before: at,
        attempt: 1,
        sent_at: received.sent_at,
        group: received.group.clone(),
    }];
    harness.queue().settle(&[outcome]).await.expect("settle");
    assert!(
        receive(harness, 1).await.is_empty(),
        "the carry waits for its time"
    );
    harness.pass(Duration::from_secs(3)).await;
    let carried = receive_one(harness).await;
    assert_eq!(carried.body, "b", "only the line that failed goes on");
    let state = carried
        .attributes
        .get(crate::travel::RETRY)
        .map(|text| crate::travel::Retry::parse(text));
    assert_eq!(
        state,
        Some(retry),
        "with its number, attempt and first time"
    );
    drop_message(harness, &carried).await;
    assert!(
        receive(harness, 1).await.is_empty(),
        "and the message itself is gone"
    );
}

async fn lost_leases_settle_nothing_but_results(harness: &dyn QueueHarness) {
    harness.send("lost", BTreeMap::new()).await;
    let first = receive_one(harness).await;
    harness.pass(LEASE + Duration::from_secs(1)).await;
    let second = receive_one(harness).await;
    drop_message(harness, &first).await;
    drop_message(harness, &second).await;
    harness.pass(LEASE * 2).await;
    assert!(
        receive(harness, 1).await.is_empty(),
        "it is gone in the end"
    );
    let id = crate::travel::line_id(&first.message_id, 1);
    if let Some(results) = harness.results_of(&id).await {
        assert_eq!(results, 2, "both results are stored: both sends happened");
    }
}
