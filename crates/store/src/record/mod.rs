//! What is in the journal: one typed [`Record`] per frame, in a compact binary form.
//!
//! Records are facts that have been decided; whoever applies them in order reaches the same state, live or in
//! recovery. Queues, the ledger and the sealer of results all read this one stream, so their counts stand at one
//! position.
//!
//! - [`message`]: [`NewMessage`], one message as it lies in the journal, and how it is read by its address
//! - [`codec`]: the integers and byte strings that everything is made of
//! - [`encode`] and [`decode`]: records to bytes and back
//! - [`observer`]: [`Observer`], who is told of every record
//!
//! Records borrow from the bytes that they were read from: bodies are never copied on the way.

pub mod codec;
mod decode;
mod encode;
pub mod message;
pub mod observer;
#[cfg(test)]
mod tests;

use base::Timestamp;

pub use codec::Malformed;
pub use decode::{decode, tag};
pub use encode::encode;
pub use message::{Dedup, NewMessage, Stored};
pub use observer::{NoObserver, Observer, Observers};

/// The number of a queue, never given a second time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueId(pub u32);

/// Who a message is: the position in the log at which its first entry begins.
///
/// It stays the same when the message is copied by the cleaner or moves to another queue. Later messages have larger keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageKey(pub u64);

impl MessageKey {
    /// The key of the entry at `offset` in the payload of the record at `position`.
    #[must_use]
    pub fn of(position: crate::Position, offset: u32) -> Self {
        Self(position.payload().plus(u64::from(offset)).get())
    }
}

/// Why messages entered a queue; accepted = sent + moved in + replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// A caller sent them.
    Sent,
    /// Taken over from another system.
    MovedIn,
    /// Sent again by an operator.
    Replayed,
}

/// Who received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum By {
    /// A caller from outside, who deletes what it took (the ledger's `taken`).
    Consumer,
    /// A notifier elsewhere, who settles.
    Notifier,
    /// The process itself, such as its own notifiers: what it holds ends with it, so the next one may end the leases.
    Embedded,
}

/// In which state a message was when it was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Was {
    /// Never received before.
    Fresh,
    /// Received before and visible again.
    Returned,
    /// Its retry time had come.
    Retry,
}

/// A message that changes its state, with what the ledger needs to know of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Touched {
    /// Which message.
    pub key: MessageKey,
    /// The minute in which it was accepted, since the epoch.
    pub sent_minute: u32,
    /// How many notifications it is booked as.
    pub lines: u32,
}

/// One message of a [`Record::Received`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReceivedMessage {
    /// Which message.
    pub message: Touched,
    /// In which state it was.
    pub was: Was,
}

/// What became of one line in one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LineState {
    /// The receiver took it.
    Delivered,
    /// It is tried again.
    Retry,
    /// Given up with a reason.
    Dead,
    /// Its own deadline has passed.
    Expired,
    /// Not attempted; its attempt number stays.
    Later,
    /// Not attempted because its destination rests: due when that goes on, if that is earlier.
    Paused,
}

/// One line of a settled message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineOutcome<'a> {
    /// The number of the line in the message, from 0.
    pub line: u32,
    /// The destination as the ledger names it, such as a host.
    pub destination: &'a str,
    /// What became of it.
    pub state: LineState,
    /// The stored result, opaque here; empty when nothing was attempted.
    pub result: &'a [u8],
}

/// What becomes of a settled message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It leaves the queue; what remains of it travels in the carries.
    Gone,
    /// It waits in the queue and does not count as in flight.
    RetryAt {
        /// From when it may be received again.
        at: Timestamp,
        /// How many attempts have been made.
        attempt: u32,
    },
}

/// Why a new message is made of lines of a settled one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CarryKind {
    /// The lines are tried again later.
    Retry,
    /// The lines are dead and kept for the operator.
    Dead,
    /// An operator sends dead lines again: a new life, accepted anew (the ledger's `replayed`).
    Replayed,
}

/// A new message made of lines of a settled one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carry<'a> {
    /// The queue that takes it.
    pub queue: QueueId,
    /// Why.
    pub kind: CarryKind,
    /// The message.
    pub message: NewMessage<'a>,
}

/// One message settled: its results and what becomes of it, in one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement<'a> {
    /// Which message.
    pub key: MessageKey,
    /// When it was accepted.
    pub sent_at: Timestamp,
    /// How many notifications it was booked as until now; `lines` holds how many it really has. 0: the lease was lost
    /// before; its results are kept and marked as late, nothing is booked and no message changes.
    pub lines_before: u32,
    /// Its lines.
    pub lines: Vec<LineOutcome<'a>>,
    /// What becomes of it.
    pub next: Next,
    /// New messages made of its lines.
    pub carries: Vec<Carry<'a>>,
}

/// A message copied to the head of the journal, so that its old segment can go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relocation<'a> {
    /// Which message; its key stays.
    pub key: MessageKey,
    /// Where `entry` lies in this record's payload; set by [`encode`] and [`decode`].
    pub offset: u32,
    /// The whole entry as it lay before, with its length and checksum.
    pub entry: &'a [u8],
}

/// Why messages moved from one queue to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MoveCause {
    /// Received too often, so they are dead letters now.
    DeadLetter,
    /// A message move task took them.
    Task {
        /// The task's number.
        task: u32,
    },
}

/// What can be paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject<'a> {
    /// A route by name.
    Route(&'a str),
    /// A destination by name.
    Destination(&'a str),
}

/// One fact. The order of the variants is not the order of their tags; see [`tag`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// The journal's first record: the secret from which message ids and receipt handles follow.
    Started {
        /// 16 random bytes.
        seed: [u8; 16],
    },
    /// A caller got a number, so that messages name their sender in one or two bytes.
    SenderNamed {
        /// The number, never given a second time.
        number: u32,
        /// The caller's id, as the attribute `SenderId` shows it.
        id: &'a str,
    },
    /// A queue exists.
    QueueCreated {
        /// Its number.
        queue: QueueId,
        /// Its name.
        name: &'a str,
        /// Attributes, tags and permissions as JSON.
        settings: &'a [u8],
    },
    /// A queue's settings are replaced.
    QueueChanged {
        /// Its number.
        queue: QueueId,
        /// Attributes, tags and permissions as JSON.
        settings: &'a [u8],
    },
    /// A queue and everything in it is gone (the ledger's `purged`).
    QueueDeleted {
        /// Its number.
        queue: QueueId,
    },
    /// Messages entered a queue.
    Enqueued {
        /// The queue.
        queue: QueueId,
        /// Why.
        cause: Cause,
        /// The messages, in order.
        messages: Vec<NewMessage<'a>>,
    },
    /// Messages are in flight. Not waited for: losing it costs a duplicate.
    Received {
        /// The queue.
        queue: QueueId,
        /// From when they are visible again.
        until: Timestamp,
        /// Who received.
        by: By,
        /// A fingerprint of the receive request attempt id (FIFO).
        attempt: Option<[u8; 16]>,
        /// The messages. None: the attempt was made again, and holds what it gave until then.
        messages: Vec<ReceivedMessage>,
    },
    /// Messages in flight are visible at another time.
    VisibilityChanged {
        /// The queue.
        queue: QueueId,
        /// The messages and from when each is visible again.
        changes: Vec<(MessageKey, Timestamp)>,
    },
    /// A notifier handed messages back; they are visible and the receive does not count.
    Released {
        /// The queue.
        queue: QueueId,
        /// The messages.
        messages: Vec<Touched>,
    },
    /// A caller deleted messages (the ledger's `taken`).
    Deleted {
        /// The queue.
        queue: QueueId,
        /// The messages.
        messages: Vec<Touched>,
    },
    /// A notifier's results, and what becomes of the messages.
    Settled {
        /// The queue.
        queue: QueueId,
        /// One for each message.
        settlements: Vec<Settlement<'a>>,
    },
    /// Messages outlived the queue's retention period.
    Expired {
        /// The queue.
        queue: QueueId,
        /// The messages.
        messages: Vec<Touched>,
    },
    /// Everything that is in the queue at this position is gone.
    Purged {
        /// The queue.
        queue: QueueId,
    },
    /// Messages left one queue and entered another; their keys stay.
    Moved {
        /// The queue that they left.
        from: QueueId,
        /// The queue that they entered.
        to: QueueId,
        /// Why.
        cause: MoveCause,
        /// The messages.
        messages: Vec<Touched>,
    },
    /// A message move task began or changed.
    TaskChanged {
        /// The task's number, never given a second time.
        task: u32,
        /// Its state as JSON.
        state: &'a [u8],
    },
    /// The cleaner copied messages to the head of the journal.
    Relocated {
        /// The queue.
        queue: QueueId,
        /// The messages.
        messages: Vec<Relocation<'a>>,
    },
    /// Results up to this position are durable elsewhere.
    Sealed {
        /// The position after the last sealed record.
        up_to: crate::Position,
    },
    /// A route or destination rests.
    Paused {
        /// Which.
        subject: Subject<'a>,
    },
    /// A route or destination goes on.
    Resumed {
        /// Which.
        subject: Subject<'a>,
    },
    /// A damaged stretch was cut out; what it held is lost, the only unbalanced state.
    Lost {
        /// Where the stretch began.
        from: crate::Position,
        /// The position after its end.
        to: crate::Position,
    },
    /// Messages lay in a stretch that was cut out and can be read no more (the ledger's `lost`).
    MessagesLost {
        /// The queue.
        queue: QueueId,
        /// The messages.
        messages: Vec<Touched>,
    },
}

impl Record<'_> {
    /// The queue that the record changes; the one that is left when messages move.
    #[must_use]
    pub fn queue(&self) -> Option<QueueId> {
        match self {
            Self::QueueCreated { queue, .. }
            | Self::QueueChanged { queue, .. }
            | Self::QueueDeleted { queue }
            | Self::Enqueued { queue, .. }
            | Self::Received { queue, .. }
            | Self::VisibilityChanged { queue, .. }
            | Self::Released { queue, .. }
            | Self::Deleted { queue, .. }
            | Self::Settled { queue, .. }
            | Self::Expired { queue, .. }
            | Self::Purged { queue }
            | Self::Relocated { queue, .. }
            | Self::MessagesLost { queue, .. }
            | Self::Moved { from: queue, .. } => Some(*queue),
            Self::Started { .. }
            | Self::SenderNamed { .. }
            | Self::TaskChanged { .. }
            | Self::Sealed { .. }
            | Self::Paused { .. }
            | Self::Resumed { .. }
            | Self::Lost { .. } => None,
        }
    }
}
