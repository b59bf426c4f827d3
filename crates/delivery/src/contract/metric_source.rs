//! What every source of metrics must do.

use std::time::Duration;

use base::Timestamp;
use futures_util::future::BoxFuture;

use crate::port::MetricSource;

/// How the contract reaches an implementation that has the routes `one` and `other`, of which nothing was sent yet.
pub trait MetricHarness: Send + Sync {
    /// The source.
    fn source(&self) -> &dyn MetricSource;

    /// Now, by the source's clock.
    fn now(&self) -> Timestamp;

    /// Has `count` notifications sent to the queue of `route` at `at`, which is past; each call is later than those before it.
    /// They need not wait in the queue.
    fn send_at<'a>(&'a self, route: &'a str, at: Timestamp, count: u64) -> BoxFuture<'a, ()>;

    /// Leaves `count` notifications more in the queue of `route`.
    fn leave<'a>(&'a self, route: &'a str, count: u64) -> BoxFuture<'a, ()>;

    /// Has `route` rest.
    fn rest<'a>(&'a self, route: &'a str) -> BoxFuture<'a, ()>;
}

const MINUTE: Duration = Duration::from_secs(60);

/// Runs the contract of [`MetricSource`].
///
/// # Panics
/// With the promise that is not kept.
pub async fn metric_source(harness: &dyn MetricHarness) {
    what_was_sent_is_counted_by_route_and_time(harness).await;
    what_waits_is_counted_by_route(harness).await;
    a_route_that_rests_is_known(harness).await;
}

async fn what_was_sent_is_counted_by_route_and_time(harness: &dyn MetricHarness) {
    // Whole minutes, long past: a source that knows of minutes alone knows these.
    let minutes = harness.now().as_minutes() - 60;
    let at = |minute: u32| Timestamp::from_secs(minutes * 60).plus(MINUTE * minute);
    for (minute, route, count) in [
        (0, "one", 6),
        (1, "one", 12),
        (1, "other", 100),
        (3, "one", 3),
        (9, "one", 1),
        (9, "other", 1),
    ] {
        harness.send_at(route, at(minute), count).await;
    }
    for (route, from, to, expected, promise) in [
        ("one", 0, 1, 6, "what was sent at its begin is within"),
        ("one", 1, 2, 12, "and what was sent at its end is not"),
        ("one", 2, 3, 0, "a span in which nothing was sent has none"),
        ("one", 0, 4, 21, "a longer one has the sum of its parts"),
        ("one", 2, 2, 0, "a span without length has none"),
        (
            "other",
            0,
            4,
            100,
            "what was sent to another queue is not counted",
        ),
    ] {
        let sent = harness.source().sent_in(route, at(from), at(to)).await;
        assert_eq!(sent.expect("sent"), expected, "{promise}");
    }
}

async fn what_waits_is_counted_by_route(harness: &dyn MetricHarness) {
    let source = harness.source();
    let waits = async |route| source.backlog(route).await.expect("backlog");
    let (one, other) = (waits("one").await, waits("other").await);
    for (more, expected) in [(3, 3), (2, 5)] {
        harness.leave("one", more).await;
        let found = waits("one").await;
        assert_eq!(found, one + expected, "what was left in the queue");
    }
    assert_eq!(waits("other").await, other, "and in no other");
    let unknown = source.backlog("unknown").await;
    let refused = unknown.expect_err("a route that is not there is refused");
    assert!(!refused.is_passing(), "and for good: {refused}");
}

async fn a_route_that_rests_is_known(harness: &dyn MetricHarness) {
    let source = harness.source();
    assert!(!source.is_paused("one"), "a route does not rest by itself");
    harness.rest("one").await;
    assert!(source.is_paused("one"), "one that rests does");
    assert!(!source.is_paused("other"), "and no other");
}
