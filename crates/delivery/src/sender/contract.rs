//! What every sender kind keeps to; each kind's tests run it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{Senders, Tools};
use crate::config::DestinationRules;
use crate::port::{Attempt, FailureClass, Notification, Request, Sender};

/// A request to try a sender with.
pub(super) fn request(url: &str, method: http::Method, body: &'static str) -> Request {
    Request {
        url: url.parse().unwrap(),
        method,
        headers: Vec::new(),
        body: Bytes::from_static(body.as_bytes()),
    }
}

/// The third attempt at a request.
pub(super) fn notification(request: Request) -> Notification {
    Notification {
        id: Arc::from("n-1"),
        request,
        attempt: 3,
        expires_at: None,
        line: 1,
        message_id: Arc::from("m-1"),
        origin: None,
        replay: None,
    }
}

/// All senders with the machine's clock and resolver.
pub(super) fn senders() -> Senders {
    Senders::new(Tools::new(Arc::new(base::SystemClock::new())))
}

/// A request under the rules of its destination.
type Case<'a> = (&'a Request, &'a DestinationRules);

/// The contract: `good` is taken by its receiver; `silent` leads to one that accepts and says nothing;
/// `absent` to none at all; `refused` is what [`Sender::check`] must not let pass.
pub(super) async fn holds(good: Case<'_>, silent: Case<'_>, absent: Case<'_>, refused: Case<'_>) {
    let senders = senders();
    let tried = |(request, rules): Case<'_>, budget| {
        let (notification, rules) = (notification(request.clone()), rules.clone());
        let senders = senders.clone();
        async move { senders.send(&notification, &rules, budget).await }
    };
    let plenty = Duration::from_secs(10);

    assert_eq!(senders.check(good.0, good.1), Ok(()));
    let attempt = tried(good, plenty).await;
    assert_eq!(
        (attempt.number, attempt.error),
        (3, None),
        "{}",
        attempt.detail
    );
    assert!(attempt.sent && attempt.status.is_some());
    // A program is reached by no address.
    let has_address = good.0.url.scheme() != "command";
    assert_eq!(attempt.address.is_some(), has_address);
    assert!(attempt.timings.total >= attempt.timings.first_byte);

    // The budget is the end, whatever the rules say.
    let attempt = tried(silent, Duration::from_millis(50)).await;
    assert!(attempt.error.is_some() && attempt.status.is_none());
    assert!(!attempt.detail.is_empty());
    assert!(attempt.timings.total < Duration::from_secs(5));

    // Dropping the future gives up; the sender stays usable.
    let given_up = tokio::time::timeout(Duration::from_millis(20), tried(silent, plenty)).await;
    assert!(given_up.is_err());

    let attempt = tried(absent, plenty).await;
    assert!(attempt.error.is_some() && attempt.status.is_none() && !attempt.sent);

    assert!(senders.check(refused.0, refused.1).is_err());
    let attempt = tried(refused, plenty).await;
    let class = attempt.error.map(crate::port::ErrorClass::failure_class);
    assert_eq!(
        (attempt.sent, class),
        (false, Some(FailureClass::Policy)),
        "{attempt:?}"
    );

    let attempt = tried(good, plenty).await;
    assert_eq!(attempt.error, None, "{}", attempt.detail);
}

/// Sends once with new senders.
pub(super) async fn send_once(request: Request, rules: DestinationRules) -> Attempt {
    let notification = notification(request);
    let plenty = Duration::from_secs(10);
    senders().send(&notification, &rules, plenty).await
}
