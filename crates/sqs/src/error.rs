//! What can be wrong with a call, as facts. `ops/fault.rs` gives each its code on the wire.

use base::ByteCount;

/// Why a call was refused. Nothing of it happened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No queue has this name.
    #[error("queue `{name}` does not exist")]
    QueueNotFound {
        /// The name.
        name: String,
    },
    /// A queue of this name was deleted less than 60 seconds ago.
    #[error(
        "queue `{name}` was deleted {ago_secs} s ago: wait 60 s before creating one with its name"
    )]
    QueueDeletedRecently {
        /// The name.
        name: String,
        /// How long ago.
        ago_secs: u64,
    },
    /// A queue of this name exists with another value of an attribute.
    #[error("queue `{name}` exists with a different value for attribute {attribute}")]
    QueueNameExists {
        /// The name.
        name: String,
        /// The first attribute that differs.
        attribute: String,
    },
    /// The bound on the number of queues is reached.
    #[error("there are {limit} queues already, which is the most there can be")]
    TooManyQueues {
        /// The bound.
        limit: usize,
    },
    /// No such queue attribute exists.
    #[error("unknown attribute `{name}`")]
    UnknownAttribute {
        /// The name.
        name: String,
    },
    /// A queue attribute has a value that it cannot have.
    #[error("invalid value `{value}` for attribute {name}: {right}")]
    InvalidAttributeValue {
        /// The attribute.
        name: String,
        /// What was given.
        value: String,
        /// What would be right.
        right: String,
    },
    /// A parameter has a value that it cannot have.
    #[error("value `{value}` for parameter {name} is invalid: {right}")]
    InvalidParameter {
        /// The parameter's name on the wire.
        name: &'static str,
        /// What was given; cut to 256 characters.
        value: String,
        /// What would be right.
        right: String,
    },
    /// A parameter is needed here.
    #[error("the request must contain the parameter {name}")]
    MissingParameter {
        /// The parameter's name on the wire.
        name: &'static str,
    },
    /// A message attribute is not as it must be.
    #[error("message attribute `{name}` is invalid: {flaw}")]
    InvalidMessageAttribute {
        /// The attribute; cut to 256 characters.
        name: String,
        /// What is wrong with it, and what would be right.
        flaw: crate::attributes::Flaw,
    },
    /// A body has characters that are not allowed.
    #[error(
        "the body has characters that are not allowed: allowed are #x9, #xA, #xD, #x20 to #xD7FF, #xE000 to #xFFFD and #x10000 to #x10FFFF"
    )]
    InvalidCharacters,
    /// A message is larger than the queue takes.
    #[error("the message has {bytes} bytes with its attributes; the queue takes {limit}")]
    MessageTooLong {
        /// Body and attributes.
        bytes: u64,
        /// The queue's bound.
        limit: u64,
    },
    /// The messages of a batch are together larger than allowed.
    #[error("the batch has {bytes} bytes; the most is {limit}")]
    BatchTooLong {
        /// All bodies and attributes.
        bytes: u64,
        /// The bound.
        limit: u64,
    },
    /// A batch has no entry.
    #[error("the batch has no entries")]
    BatchEmpty,
    /// A batch has more than 10 entries.
    #[error("the batch has {count} entries; the most is 10")]
    BatchTooMany {
        /// How many.
        count: usize,
    },
    /// Two entries of a batch have the same id.
    #[error("id `{id}` is repeated in the batch")]
    BatchIdRepeated {
        /// The id.
        id: String,
    },
    /// The id of a batch entry is not one.
    #[error("batch entry id `{id}` is not 1 to 80 letters, digits, hyphens and underscores")]
    BatchIdInvalid {
        /// The id.
        id: String,
    },
    /// The receipt handle is not one of ours, or of another queue.
    #[error("receipt handle `{handle}` is not valid for this queue")]
    HandleInvalid {
        /// What was given; cut to 256 characters.
        handle: String,
    },
    /// The message has been received again or its visibility timeout is over (FIFO), or it is gone.
    #[error("the receipt handle has expired")]
    HandleExpired,
    /// The message is visible again, so its visibility cannot change.
    #[error("the message is not in flight")]
    NotInFlight,
    /// The message is gone, or not held by this receipt handle.
    #[error("the message does not exist or is not held by this receipt handle")]
    NotHeld,
    /// A permission has more actions than one may have.
    #[error("the permission has {count} actions; the most is {limit}")]
    TooManyActions {
        /// How many.
        count: usize,
        /// The bound.
        limit: usize,
    },
    /// A policy is longer than one may be.
    #[error("the policy has {bytes} bytes; the most is {limit}")]
    PolicyTooLong {
        /// Its bytes.
        bytes: usize,
        /// The bound.
        limit: usize,
    },
    /// A policy has more of something than one may have.
    #[error("{count} {what} were found in {place}, max allowed is {limit}")]
    PolicyTooMany {
        /// Of what.
        what: &'static str,
        /// In the policy, or in one of its statements.
        place: &'static str,
        /// How many.
        count: usize,
        /// The bound.
        limit: usize,
    },
    /// A message to a FIFO queue has no deduplication id, and the queue makes none.
    #[error(
        "the queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"
    )]
    DedupMissing,
    /// Too many messages of the queue are in flight.
    #[error("{limit} messages of the queue are in flight, which is the most there can be")]
    OverLimit {
        /// The bound.
        limit: u32,
    },
    /// The queue was purged less than 60 seconds ago.
    #[error("queue `{name}` was purged less than 60 s ago")]
    PurgeInProgress {
        /// The queue.
        name: String,
    },
    /// The thing that was asked for does not exist.
    #[error("{what} `{name}` does not exist")]
    NotFound {
        /// What kind of thing, such as `move task` or `label`.
        what: &'static str,
        /// Which.
        name: String,
    },
    /// The queue cannot do that in its state.
    #[error("{why}")]
    Unsupported {
        /// What stands against it, and what would be right.
        why: String,
    },
    /// The queue belongs to a route; its notifiers receive from it.
    #[error(
        "queue `{name}` is bound to route `{route}`: only notifiers receive and delete, unless the route says `notifier = false`"
    )]
    BoundToRoute {
        /// The queue.
        name: String,
        /// The route.
        route: String,
    },
    /// The disk is full.
    #[error("the disk has no room for new messages; they are taken again as soon as there is some")]
    DiskFull,
    /// The disk is full, and so is what was kept back to settle what is in.
    #[error(
        "the disk has no room left to note what became of messages; it goes on as soon as there is some"
    )]
    ReserveSpent,
    /// A queue holds as much of something as memory shall hold.
    #[error(
        "the queue holds {limit} {what}, which is the most there can be; new messages are taken again when some have gone"
    )]
    QueueFull {
        /// Of what.
        what: &'static str,
        /// The bound.
        limit: usize,
    },
    /// Too much waits for the disk.
    #[error("too much waits for the disk; try again in a moment")]
    Busy,
    /// A record is larger than the journal takes.
    #[error("the request needs {bytes} in the journal; the most is {limit}")]
    TooLarge {
        /// What it needs.
        bytes: ByteCount,
        /// The bound.
        limit: ByteCount,
    },
    /// The journal has stopped; the process is about to end and recover at its next start.
    #[error("the journal has stopped: {why}")]
    Stopped {
        /// Why.
        why: String,
    },
    /// A message could not be read from the journal.
    #[error("a message could not be read from the journal: {why}")]
    Unreadable {
        /// Why.
        why: String,
    },
}

impl Error {
    pub(crate) fn parameter(
        name: &'static str,
        value: impl Into<String>,
        right: impl Into<String>,
    ) -> Self {
        Self::InvalidParameter {
            name,
            value: cut(value.into()),
            right: right.into(),
        }
    }

    pub(crate) fn attribute(name: &str, value: &str, right: impl Into<String>) -> Self {
        Self::InvalidAttributeValue {
            name: name.to_owned(),
            value: cut(value.to_owned()),
            right: right.into(),
        }
    }

    pub(crate) fn handle(handle: &str) -> Self {
        Self::HandleInvalid {
            handle: cut(handle.to_owned()),
        }
    }
}

impl Error {
    /// Why the journal took no record of `class`.
    pub(crate) fn refused(class: store::Class, error: store::AppendError) -> Self {
        match error {
            store::AppendError::Full { .. } if class == store::Class::Send => Self::DiskFull,
            store::AppendError::Full { .. } => Self::ReserveSpent,
            store::AppendError::Busy { .. } => Self::Busy,
            store::AppendError::TooLarge { bytes, limit } => Self::TooLarge { bytes, limit },
            store::AppendError::Poisoned(poisoned) => poisoned.into(),
        }
    }
}

impl From<store::Poisoned> for Error {
    fn from(poisoned: store::Poisoned) -> Self {
        Self::Stopped {
            why: poisoned.to_string(),
        }
    }
}

/// The first 256 characters.
fn cut(text: String) -> String {
    match text.char_indices().nth(256) {
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned(),
        None => text,
    }
}
