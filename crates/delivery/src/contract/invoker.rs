//! What every invoker must do.

use futures_util::future::BoxFuture;

use crate::port::{Invoker, Running, StartEvent};
use crate::share::Share;

/// How the contract reaches an implementation that can start notifiers for a route, of which none runs.
pub trait InvokerHarness: Send + Sync {
    /// The invoker.
    fn invoker(&self) -> &dyn Invoker;

    /// Its route.
    fn route(&self) -> &str;

    /// An invoker and a route for which no notifier can ever be started; `None` where the place takes any.
    fn absent(&self) -> Option<(&dyn Invoker, &str)>;

    /// Waits until `count` notifiers have begun, and gives what they were told, in any order; `None` where a notifier is not
    /// told its event, or cannot be asked for it.
    fn begun(&self, count: usize) -> BoxFuture<'_, Option<Vec<StartEvent>>>;

    /// Now, in milliseconds since the epoch, by the invoker's clock.
    fn now_ms(&self) -> u64;
}

/// Of how many the contract makes sure.
const COUNT: u32 = 3;

/// Runs the contract of [`Invoker`].
///
/// # Panics
/// With the promise that is not kept.
pub async fn invoker(harness: &dyn InvokerHarness) {
    let (invoker, route) = (harness.invoker(), harness.route());
    let before = invoker.running(route).await.expect("running");
    assert!(
        matches!(&before, Running::Count(0) | Running::Unknown)
            || before == Running::Reports(Vec::new()),
        "nobody runs before one was started: {before:?}"
    );

    let event = |index: u32| StartEvent {
        route: route.to_owned(),
        plan: 7,
        index,
        count: COUNT,
        share: Share::part(index, COUNT),
        deadline_ms: harness.now_ms() + 60_000,
    };
    let events: Vec<StartEvent> = (0..COUNT).map(event).collect();
    for event in &events {
        let started = invoker.start(event.clone()).await;
        started.expect("what can be started is started");
    }
    if let Some(mut begun) = harness.begun(events.len()).await {
        begun.sort_by_key(|event| event.index);
        assert_eq!(
            begun, events,
            "each begins once, with the event that it was given"
        );
    }
    match invoker.running(route).await.expect("running") {
        Running::Count(count) => assert_eq!(count, COUNT, "who is seen to run is counted"),
        Running::Reports(_) | Running::Unknown => {}
    }
    let is_told = invoker.share_out(route, COUNT).await.expect("share out");
    let is_seen = matches!(before, Running::Count(_));
    assert!(
        is_seen || !is_told,
        "only who is seen can be told of other shares"
    );

    let Some((absent, route)) = harness.absent() else {
        return;
    };
    let nobody = StartEvent {
        route: route.to_owned(),
        ..event(0)
    };
    let refused = absent.start(nobody).await;
    let refused = refused.expect_err("what is not there cannot be started");
    assert!(
        !refused.is_passing(),
        "and no other try will help: {refused}"
    );
}
