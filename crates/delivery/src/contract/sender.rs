//! What every sender must do.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::config::DestinationRules;
use crate::port::{Notification, Request, Sender};

/// How the contract reaches a sender and a receiver for it.
pub trait SenderHarness: Send + Sync {
    /// The sender.
    fn sender(&self) -> &dyn Sender;

    /// A request that the receiver takes.
    fn accepted(&self) -> Request;

    /// A request to a receiver that takes the connection and never answers.
    fn hanging(&self) -> Request;

    /// A request to a receiver that is not there.
    fn absent(&self) -> Request;

    /// The rules that allow these receivers.
    fn rules(&self) -> DestinationRules;

    /// How many notifications the receiver has taken.
    fn taken(&self) -> BoxFuture<'_, usize>;
}

fn notification(request: Request) -> Notification {
    Notification {
        id: Arc::from("n/1"),
        request,
        attempt: 3,
        expires_at: None,
        line: 1,
        message_id: Arc::from("n"),
        origin: None,
        replay: None,
    }
}

/// Runs the contract of [`Sender`].
///
/// # Panics
/// With the promise that is not kept.
pub async fn sender(harness: &dyn SenderHarness) {
    let sender = harness.sender();
    let rules = harness.rules();
    let budget = Duration::from_secs(5);
    let scheme = harness.accepted().url.scheme().to_owned();
    assert!(
        sender.schemes().contains(&scheme.as_str()),
        "it takes the scheme of its requests"
    );

    let accepted = notification(harness.accepted());
    assert_eq!(
        sender.check(&accepted.request, &rules),
        Ok(()),
        "what can be sent passes the check"
    );
    let attempt = sender.send(&accepted, &rules, budget).await;
    assert_eq!(
        attempt.number, 3,
        "the attempt bears the notification's number"
    );
    assert_eq!(
        attempt.error, None,
        "a good send has no error: {}",
        attempt.detail
    );
    assert!(
        attempt.status.is_some() && attempt.sent,
        "and tells what came back"
    );
    assert_eq!(harness.taken().await, 1, "one send is one notification");

    let hanging = notification(harness.hanging());
    let attempt = sender
        .send(&hanging, &rules, Duration::from_millis(200))
        .await;
    assert!(attempt.error.is_some(), "a receiver that hangs is an error");
    assert!(
        attempt.timings.total < Duration::from_secs(5),
        "the budget ends it, not the rules"
    );

    let absent = notification(harness.absent());
    let attempt = sender.send(&absent, &rules, budget).await;
    assert!(
        attempt.error.is_some() && !attempt.sent,
        "a receiver that is not there got nothing"
    );
    assert!(!attempt.detail.is_empty(), "and the error has words");
    assert_eq!(harness.taken().await, 1, "nothing else was taken");
}
