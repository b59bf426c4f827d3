//! The joints of the delivery core: what it needs from others, and the facts that pass through.
//!
//! Five ports are implemented elsewhere ([`Queue`], [`ResultStore`], [`MetricSource`], [`Invoker`], [`Memory`]) and one
//! inside this crate, a file per kind ([`Sender`]). All are object safe and are constructor arguments.
//!
//! INVARIANT: a message leaves the queue only through [`Queue::settle`], whose outcome carries what became of
//! every line, so that the implementation can store the results first (contract 7).

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use url::Url;

use crate::config::DestinationRules;
use crate::deadline::Deadline;

mod attempt;
mod beside;
mod scaling;

pub use attempt::{Attempt, ErrorClass, FailureClass, Timings};
pub use beside::{
    Answered, BESIDE_DETAIL_BYTES_MAX, BESIDE_EXCERPT_BYTES_MAX, Beside, Compared, Ended, Fate,
    Skip, Underway,
};
pub use scaling::{
    Figure, Figures, Invoker, Life, Memory, MetricSource, Receiver, Report, Running, Saved,
    StartEvent, Stretch, Version,
};

/// Why a port could not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The other side does not answer or is overloaded: the same call may succeed later.
    #[error("{what} is not available: {detail}")]
    Unavailable {
        /// The thing that was asked, such as ``queue `s2s` ``.
        what: String,
        /// What was seen.
        detail: String,
    },
    /// The call is wrong or not allowed: trying again does not help before somebody changes something.
    #[error("{what} refused: {detail}")]
    Refused {
        /// The thing that was asked.
        what: String,
        /// What was seen and what would be right.
        detail: String,
    },
}

impl Error {
    /// An [`Error::Unavailable`].
    #[must_use]
    pub fn unavailable(what: &str, detail: impl fmt::Display) -> Self {
        Self::Unavailable {
            what: what.to_owned(),
            detail: detail.to_string(),
        }
    }

    /// An [`Error::Refused`].
    #[must_use]
    pub fn refused(what: &str, detail: impl fmt::Display) -> Self {
        Self::Refused {
            what: what.to_owned(),
            detail: detail.to_string(),
        }
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

/// The right to one received message until it ends; the receipt handle of SQS.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lease(pub Arc<str>);

/// How a queue waits for a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryWait {
    /// The message itself waits, in a state of its own that is not in flight, for any time (embedded).
    Native,
    /// Short waits by visibility, longer ones by a new, delayed message in the retry queue (real SQS).
    Resend,
}

/// What a queue can do; fixed for its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueTraits {
    /// How it waits for a retry.
    pub retry_wait: RetryWait,
    /// Messages that one receive can give, 1 to 1,000; SQS: 10.
    pub receive_max: usize,
    /// How many queues messages come from, 1 or more. Each receive asks one of them, the one that was asked least: keep so
    /// many under way, or one waits for the long poll of another.
    pub sources: u32,
    /// Whether the messages of a group come one after the other (FIFO).
    pub is_fifo: bool,
    /// Outcomes that one [`Queue::settle`] should take at most.
    pub settle_max: usize,
    /// How long outcomes may be gathered before they are settled. Embedded: a few ms, since the journal
    /// groups; elsewhere: 1 s, since each result object costs a request.
    pub settle_within: Duration,
    /// The longest delay of a sent message; SQS: 15 minutes. Longer ones chain.
    pub delay_max: Duration,
}

/// How many messages may be asked for, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// At most so many messages, 1 to [`QueueTraits::receive_max`].
    pub max: usize,
    /// How long to wait for the first one, 0 to 20 s.
    pub wait: Duration,
    /// How long the lease of each lasts, 1 s to 12 h.
    pub lease: Duration,
}

/// A message that was received, with its lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The right to it.
    pub lease: Lease,
    /// Its id in the queue.
    pub message_id: Arc<str>,
    /// One or more lines separated by `\n`.
    pub body: Bytes,
    /// Its message attributes of type String or Number. Those that travel with a retry are read and
    /// written by `travel`.
    pub attributes: BTreeMap<String, String>,
    /// When the queue accepted it. A message that was sent again bears the first time in its attributes.
    pub sent_at: Timestamp,
    /// When the lease ends, by the caller's clock, never later than it truly does.
    pub lease_until: Timestamp,
    /// How often it was received, 1 or more. Not the number of attempts (contract 3).
    pub receive_count: u32,
    /// Attempts made before, where the queue keeps them ([`RetryWait::Native`]); else 0.
    pub attempt: u32,
    /// The group of a FIFO queue.
    pub group: Option<Arc<str>>,
    /// Where it came from: host, file, offset, when shipped, as the sender wrote it.
    pub origin: Option<Arc<str>>,
}

/// What became of one received message: settled once, whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Which message.
    pub lease: Lease,
    /// Its id.
    pub message_id: Arc<str>,
    /// The base of its lines' ids, as its sender gave it; else the message's id.
    pub base: Arc<str>,
    /// When its notifications were first accepted.
    pub sent_at: Timestamp,
    /// How often the message was received.
    pub receive_count: u32,
    /// Where it came from.
    pub origin: Option<Arc<str>>,
    /// The replay that sent it again, if one did.
    pub replay: Option<Arc<str>>,
    /// The sender's own attributes, for dead letters: empty where no line is dead.
    pub attributes: BTreeMap<String, String>,
    /// One for each line, in order.
    pub lines: Vec<LineOutcome>,
    /// What happens to the message.
    pub next: Next,
    /// New messages that take over lines that must be tried again: in the same record where embedded, sent
    /// and acknowledged before the delete elsewhere. Empty unless `next` is [`Next::Gone`].
    pub carries: Vec<Carry>,
}

/// What happens to a settled message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It leaves the queue (delivered, dead, expired, or its lines go on in carries).
    Gone,
    /// It waits, all its lines still to do; `attempt` is the number of attempts made by then. Only with
    /// [`RetryWait::Native`].
    RetryAt {
        /// When it may be received again.
        at: Timestamp,
        /// Attempts made.
        attempt: u32,
    },
    /// It becomes visible again after a short wait. Only with [`RetryWait::Resend`].
    VisibleAfter {
        /// 0 to 60 s.
        wait: Duration,
    },
}

/// A smaller message that goes on with lines of a settled one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carry {
    /// The lines, separated by `\n`.
    pub body: Bytes,
    /// How many lines.
    pub lines: u32,
    /// Attributes that hold id, line numbers, attempt, first time and origin; see `travel`.
    pub attributes: BTreeMap<String, String>,
    /// Not to be received before. Elsewhere, waits beyond [`QueueTraits::delay_max`] are cut to it; the
    /// attributes keep the true time and the notifier chains.
    pub not_before: Timestamp,
    /// Attempts made.
    pub attempt: u32,
    /// When its notifications were first accepted.
    pub sent_at: Timestamp,
    /// The group of a FIFO queue.
    pub group: Option<Arc<str>>,
}

/// What became of one line.
#[derive(Clone, Debug, PartialEq)]
pub struct LineOutcome {
    /// Its number in the message as first sent, from 1.
    pub line: u32,
    /// The notification's id (contract 2).
    pub notification: Arc<str>,
    /// The destination's name in the rules, such as `*.appsflyer.com`; the host where `(default)` applies;
    /// `(unknown)` when the line could not be parsed.
    pub destination: Arc<str>,
    /// What is to be done with it.
    pub verdict: Verdict,
    /// The number of the attempt that `attempt` tells of, from 1; attempts made before when there is none.
    pub number: u32,
    /// The line itself, for carries, dead letters and `dead show`.
    pub raw: Bytes,
    /// What was or would have been sent; `None` when the line could not be parsed.
    pub request: Option<Arc<Notification>>,
    /// What happened on the wire; `None` when nothing was tried.
    pub attempt: Option<Box<Attempt>>,
    /// What kind of a try that was.
    pub tried: Tried,
}

/// What kind of a try an attempt was, by the state of its destination's breaker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tried {
    /// As others.
    #[default]
    Usual,
    /// The destination was broken, and this send found out whether it still is.
    Probe,
    /// The destination was broken, and the notification had reached its age.
    Last,
}

impl Tried {
    /// The name in results; none for a usual one.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Usual => None,
            Self::Probe => Some("probe"),
            Self::Last => Some("last"),
        }
    }
}

/// What is to be done with a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The receiver took it.
    Delivered,
    /// Tried and to be tried again.
    RetryAt {
        /// When, at the earliest.
        at: Timestamp,
        /// Why it failed.
        class: FailureClass,
    },
    /// Given up.
    Dead {
        /// Why, in words for the operator.
        reason: Reason,
    },
    /// Its deadline passed.
    Expired {
        /// Which one.
        deadline: Deadline,
    },
    /// Not tried (limit, end of a life): the attempt number does not change.
    Later {
        /// When, at the earliest.
        at: Timestamp,
    },
    /// Not tried because the receiver does not answer: as [`Verdict::Later`]; due when it does where the queue sees to that.
    Broken {
        /// When at the latest.
        at: Timestamp,
    },
    /// Not tried because the destination rests: as [`Verdict::Later`], and due when the queue hears that it goes on.
    Paused {
        /// When at the latest.
        at: Timestamp,
    },
}

/// Why a notification is dead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The line has no form that the route's format knows.
    Unparsable {
        /// What is wrong and what would be right.
        detail: String,
    },
    /// The line asks for what is not allowed (scheme, method, header, address).
    Refused {
        /// What is refused and the setting that would allow it.
        detail: String,
    },
    /// A macro of a template gives nothing for the line, or what cannot stand there.
    Unresolved {
        /// Which macro, and what would be right.
        detail: String,
    },
    /// The receiver answered with what its rules call final.
    Final {
        /// The class of the failure.
        class: FailureClass,
        /// Status or error.
        detail: String,
    },
    /// Tried until `retry_for` was over.
    TooOld {
        /// Attempts made.
        attempts: u32,
        /// The class of the last failure.
        class: FailureClass,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unparsable { detail } => write!(f, "unparsable: {detail}"),
            Self::Refused { detail } => write!(f, "refused: {detail}"),
            Self::Unresolved { detail } => write!(f, "unresolved: {detail}"),
            Self::Final { class, detail } => write!(f, "final {class}: {detail}"),
            Self::TooOld { attempts, class } => {
                write!(f, "given up after {attempts} attempts, the last: {class}")
            }
        }
    }
}

/// What is to be sent, as the line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Where to.
    pub url: Url,
    /// The method; never CONNECT.
    pub method: http::Method,
    /// Names and values without CR, LF and NUL, no hop-by-hop header among them.
    pub headers: Vec<(String, String)>,
    /// The body, byte-exact.
    pub body: Bytes,
}

impl Request {
    /// Its size as HTTP/1.1 writes it, without what is added in sending: a signature, a token, TLS.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        const LINE: usize = " HTTP/1.1\r\nhost: \r\n\r\n".len();
        let headers = self.headers.iter();
        let headers: usize = headers
            .map(|(name, value)| name.len() + value.len() + 4)
            .sum();
        let first = self.method.as_str().len() + self.url.as_str().len();
        (first + LINE + headers + self.body.len()) as u64
    }
}

/// One line that is ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Its id, equal across retries, redrives and replays (contract 2).
    pub id: Arc<str>,
    /// What is to be sent.
    pub request: Request,
    /// The number of this attempt, from 1.
    pub attempt: u32,
    /// Its deadline: the earliest of its line's and those of its destination's rules.
    pub expires_at: Option<Timestamp>,
    /// Its number in the message as first sent, from 1.
    pub line: u32,
    /// The message that bears it.
    pub message_id: Arc<str>,
    /// Where it came from.
    pub origin: Option<Arc<str>>,
    /// The replay that sent it again, if one did.
    pub replay: Option<Arc<str>>,
}

/// Why a sender does not take a request: the notification is dead with this reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct NotSendable {
    /// What is wrong and what would be right, or which setting would allow it.
    pub detail: String,
}

/// Messages in, outcomes out. One implementation object serves one route.
pub trait Queue: Send + Sync + fmt::Debug {
    /// What it can do.
    fn traits(&self) -> QueueTraits;

    /// Receives up to `ask.max` messages; an empty list when none came in time.
    fn receive(&self, ask: Ask) -> BoxFuture<'_, Result<Vec<Received>, Error>>;

    /// Makes leases last for `span` from now. Answers the leases that are lost (expired, gone).
    fn extend<'a>(
        &'a self,
        leases: &'a [Lease],
        span: Duration,
    ) -> BoxFuture<'a, Result<Vec<Lease>, Error>>;

    /// Gives messages back after `wait`; nothing was tried and no attempt is counted. Lost leases are ignored.
    fn release<'a>(
        &'a self,
        leases: &'a [Lease],
        wait: Duration,
    ) -> BoxFuture<'a, Result<(), Error>>;

    /// Stores the results, then lets the messages go (contract 7). All or nothing as seen by the caller: after an
    /// error the same outcomes may be settled again. An outcome whose lease is lost still has its results stored
    /// and sends no carries.
    fn settle<'a>(&'a self, outcomes: &'a [Outcome]) -> BoxFuture<'a, Result<(), Error>>;

    /// The part of the queue's in-flight bound that is used, 0.0 to 1.0. Embedded: always 0.
    fn in_flight_share(&self) -> BoxFuture<'_, Result<f64, Error>> {
        Box::pin(std::future::ready(Ok(0.0)))
    }
}

/// An object's name and size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredObject {
    /// Its name, `/` between folders.
    pub name: String,
    /// Its bytes.
    pub bytes: u64,
    /// When it was last written.
    pub written_at: Timestamp,
}

/// Held while objects are replaced or removed; let go when dropped.
#[derive(Debug, Default)]
pub struct StoreLock(pub Option<std::fs::File>);

/// Where result objects are kept.
pub trait ResultStore: Send + Sync + fmt::Debug {
    /// Stores an object; durable when it returns. An object of that name is replaced.
    fn put<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<(), Error>>;

    /// Stores an object unless there is one of that name; whether it was stored. Of two at once, one is.
    fn put_new<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<bool, Error>>;

    /// Reads `range` of an object, all of it with `None`; `Ok(None)` when there is none of that name.
    fn get<'a>(
        &'a self,
        name: &'a str,
        range: Option<std::ops::Range<u64>>,
    ) -> BoxFuture<'a, Result<Option<Bytes>, Error>>;

    /// The objects whose name begins with `prefix`, in order of name.
    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<StoredObject>, Error>>;

    /// Removes an object; no error when there is none.
    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), Error>>;

    /// Waits until no other process replaces or removes objects, and keeps them from it while the answer lives. A store
    /// that knows of no others answers at once.
    fn lock(&self) -> BoxFuture<'_, Result<StoreLock, Error>> {
        Box::pin(std::future::ready(Ok(StoreLock::default())))
    }
}

/// A way to send: one file in `sender/` and one line in `SENDERS`.
pub trait Sender: Send + Sync + fmt::Debug {
    /// The URL schemes that it takes, such as `["http", "https"]`.
    fn schemes(&self) -> &[&'static str];

    /// Whether the request can be sent under these rules, without any I/O.
    ///
    /// # Errors
    /// [`NotSendable`] when it never can: the notification is dead with that reason.
    fn check(&self, request: &Request, rules: &DestinationRules) -> Result<(), NotSendable>;

    /// Sends within `budget` at most, whatever the rules' timeouts say, and never fails: what went wrong is in
    /// the attempt. Dropping the future gives the attempt up at once.
    fn send<'a>(
        &'a self,
        notification: &'a Notification,
        rules: &'a DestinationRules,
        budget: Duration,
    ) -> BoxFuture<'a, Attempt>;

    /// The headers that these rules give the request, in the place of those of the line. None by default.
    fn own_headers<'a>(&self, request: &Request, rules: &'a DestinationRules) -> Vec<&'a str> {
        let _ = (request, rules);
        Vec::new()
    }

    /// The very bytes that would be sent: for `route test`. Unknown (empty) by default.
    ///
    /// # Errors
    /// [`NotSendable`] as the attempt itself would fail.
    fn written(
        &self,
        notification: &Notification,
        rules: &DestinationRules,
    ) -> Result<Vec<u8>, NotSendable> {
        let _ = (notification, rules);
        Ok(Vec::new())
    }

    /// Where the request would go: for `route test`, which sends nothing. Nothing is known of it by default.
    ///
    /// # Errors
    /// [`NotSendable`] as the attempt itself would fail.
    fn way<'a>(
        &'a self,
        request: &'a Request,
        rules: &'a DestinationRules,
    ) -> BoxFuture<'a, Result<Way, NotSendable>> {
        let checked = self.check(request, rules);
        Box::pin(std::future::ready(checked.map(|()| Way::default())))
    }
}

/// Where a request would go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// `host:port` of the server that takes it for the receiver, without credentials.
    pub relay: Option<String>,
    /// The addresses that would be connected to.
    pub addresses: Vec<SocketAddr>,
}
