//! The joints of the scaler: what it is told, whom it starts, and where it keeps what it knows.

use std::fmt;
use std::time::Duration;

use base::Timestamp;
use futures_util::future::BoxFuture;

use super::Error;
use crate::config::DestinationRules;
use crate::scaler::State;
use crate::share::Share;

/// A figure, and when it was true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure<T> {
    /// What was seen.
    pub value: T,
    /// When it was so.
    pub at: Timestamp,
}

/// A count over a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// How many.
    pub count: u64,
    /// From then on.
    pub from: Timestamp,
    /// Until before then.
    pub to: Timestamp,
}

impl Stretch {
    /// How long it is, at least 1 ms.
    #[must_use]
    pub fn span(&self) -> Duration {
        self.to.since(self.from).max(Duration::from_millis(1))
    }

    /// How many a minute.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a count of notifications")]
    pub fn per_minute(&self) -> f64 {
        self.count as f64 * 60.0 / self.span().as_secs_f64()
    }
}

/// What the limits of one receiver let through.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Receiver {
    /// Its rate, notifications a minute; none where it has none.
    pub rate_per_minute: Option<f64>,
    /// Sends to it that may be in flight at once; none where its settings say nothing.
    pub in_flight_max: Option<u32>,
}

impl Receiver {
    /// What the rules of a destination let through.
    #[must_use]
    pub fn of(rules: &DestinationRules) -> Self {
        Self {
            rate_per_minute: rules.rate_per_sec.map(|rate| rate * 60.0),
            in_flight_max: rules.in_flight_max,
        }
    }
}

/// What is known of a route. **`None` is not zero**: it says that nobody knows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Notifications sent to its queue, in the newest stretch that is known of.
    pub sent: Option<Stretch>,
    /// Notifications that ended (delivered, dead), in the newest stretch that is known of.
    pub done: Option<Stretch>,
    /// Notifications that can be received.
    pub backlog: Option<Figure<u64>>,
    /// How long the oldest of these has waited.
    pub oldest: Option<Figure<Duration>>,
    /// The receivers that the route sends to, all of them; empty where they are not known.
    pub receivers: Vec<Receiver>,
}

/// How much was sent to a route's queue.
pub trait MetricSource: Send + Sync + fmt::Debug {
    /// Notifications sent to the queue of `route` at or after `from` and before `to`.
    fn sent_in<'a>(
        &'a self,
        route: &'a str,
        from: Timestamp,
        to: Timestamp,
    ) -> BoxFuture<'a, Result<u64, Error>>;

    /// Notifications of `route` that can be received now.
    fn backlog<'a>(&'a self, route: &'a str) -> BoxFuture<'a, Result<u64, Error>>;

    /// All that is known of `route`. A source whose figures are late, or missing at times, says so here: stretches may end
    /// before `to` and have another length. By default what the two others say, as if it were true now.
    fn figures<'a>(
        &'a self,
        route: &'a str,
        from: Timestamp,
        to: Timestamp,
    ) -> BoxFuture<'a, Result<Figures, Error>> {
        Box::pin(async move {
            let count = self.sent_in(route, from, to).await?;
            let value = self.backlog(route).await?;
            Ok(Figures {
                sent: Some(Stretch { count, from, to }),
                backlog: Some(Figure { value, at: to }),
                ..Figures::default()
            })
        })
    }

    /// Whether `route` rests: no notifier is started for it.
    fn is_paused(&self, route: &str) -> bool;
}

/// What a notifier is told when it is started.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct StartEvent {
    /// Its route.
    pub route: String,
    /// The plan that started it.
    pub plan: u64,
    /// Its place among those started by the plan, from 0.
    pub index: u32,
    /// How many the plan started.
    pub count: u32,
    /// Its share of every rate and concurrency limit (contract 15).
    pub share: Share,
    /// When it must have ended, milliseconds since the epoch.
    pub deadline_ms: u64,
}

/// Whether a notifier lived when it was last heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Life {
    /// It took what came.
    Lives,
    /// It has ended, before its deadline or at it.
    Ended,
}

/// What was last heard of a notifier, named by the plan that started it and its place there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Report {
    /// As in its [`StartEvent`].
    pub plan: u64,
    /// As in its [`StartEvent`].
    pub index: u32,
    /// When.
    pub at: Timestamp,
    /// What.
    pub life: Life,
}

/// What is known of the notifiers that run for a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Running {
    /// So many run and take what comes: they are all seen.
    Count(u32),
    /// They cannot be counted, but each tells of itself from time to time: these are the last reports. One that was started
    /// and of which nothing is heard is dead.
    Reports(Vec<Report>),
    /// Nothing: each that was started counts until its deadline.
    Unknown,
}

/// Starts notifiers.
pub trait Invoker: Send + Sync + fmt::Debug {
    /// Starts one.
    fn start(&self, event: StartEvent) -> BoxFuture<'_, Result<(), Error>>;

    /// Who runs for `route`.
    fn running<'a>(&'a self, route: &'a str) -> BoxFuture<'a, Result<Running, Error>>;

    /// Divides every limit into `count` equal parts, of which those that run for `route` get the first, where they can
    /// still be told; `false` where they cannot, so that shares are fixed at the start.
    fn share_out<'a>(&'a self, route: &'a str, count: u32) -> BoxFuture<'a, Result<bool, Error>> {
        let _ = (route, count);
        Box::pin(std::future::ready(Ok(false)))
    }
}

/// A version of what is kept, such as the `ETag` of an object; empty where nothing is kept yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version(pub String);

/// What became of a state that was to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saved {
    /// It is kept, as this version.
    Kept(Version),
    /// Somebody else kept another one since: nothing was changed.
    Overtaken,
}

/// Keeps what a scaler knows between plans, where each plan may be made by another process.
pub trait Memory: Send + Sync + fmt::Debug {
    /// What was kept last, and its version; a fresh state where nothing was.
    fn load(&self) -> BoxFuture<'_, Result<(State, Version), Error>>;

    /// Keeps `state` in the place of version `instead_of`, and only of that one; durable when it returns.
    fn save<'a>(
        &'a self,
        state: &'a State,
        instead_of: &'a Version,
    ) -> BoxFuture<'a, Result<Saved, Error>>;
}
