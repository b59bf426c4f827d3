//! What every sender kind keeps to; each kind's tests run it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{Senders, Tools};
use crate::config::DestinationRules;
use crate::port::{Attempt, Notification, Request, Sender};

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

/// The contract: `good` is taken by its receiver; `silent` leads to one that accepts and says nothing;
/// `absent` to none at all; `refused` is what [`Sender::check`] must not let pass.
pub(super) async fn holds(
    good: Request,
    silent: Request,
    absent: Request,
    refused: Request,
    rules: DestinationRules,
) {
    let senders = senders();
    let tried = |request: &Request, budget| {
        let notification = notification(request.clone());
        let (senders, rules) = (senders.clone(), rules.clone());
        async move { senders.send(&notification, &rules, budget).await }
    };
    let plenty = Duration::from_secs(10);

    assert_eq!(senders.check(&good, &rules), Ok(()));
    let attempt = tried(&good, plenty).await;
    assert_eq!(
        (attempt.number, attempt.error),
        (3, None),
        "{}",
        attempt.detail
    );
    assert!(attempt.sent && attempt.address.is_some() && attempt.status.is_some());
    assert!(attempt.timings.total >= attempt.timings.first_byte);

    // The budget is the end, whatever the rules say.
    let attempt = tried(&silent, Duration::from_millis(50)).await;
    assert!(attempt.error.is_some() && attempt.status.is_none());
    assert!(!attempt.detail.is_empty());
    assert!(attempt.timings.total < Duration::from_secs(5));

    // Dropping the future gives up; the sender stays usable.
    let given_up = tokio::time::timeout(Duration::from_millis(20), tried(&silent, plenty)).await;
    assert!(given_up.is_err());

    let attempt = tried(&absent, plenty).await;
    assert!(attempt.error.is_some() && attempt.status.is_none() && !attempt.sent);

    assert!(senders.check(&refused, &rules).is_err());
    let attempt = tried(&refused, plenty).await;
    assert!(
        !attempt.sent
            && attempt
                .error
                .is_some_and(|class| class.failure_class() == crate::port::FailureClass::Policy),
        "{attempt:?}"
    );

    let attempt = tried(&good, plenty).await;
    assert_eq!(attempt.error, None, "{}", attempt.detail);
}

/// Sends once with new senders.
pub(super) async fn send_once(request: Request, rules: DestinationRules) -> Attempt {
    let notification = notification(request);
    let plenty = Duration::from_secs(10);
    senders().send(&notification, &rules, plenty).await
}
