//! What may be wrong with a command.

use base::Timestamp;

use super::InstanceId;

/// Why a command was refused. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There are no such instances.
    #[error("no instance {}", list(.ids))]
    NotFound {
        /// Those that are missing.
        ids: Vec<InstanceId>,
    },
    /// The instance's state does not allow it.
    #[error("instance `{id}` is not in a state from which it can be {verb}")]
    WrongState {
        /// The instance.
        id: InstanceId,
        /// What it was to be: `started`, `stopped`, `rebooted`.
        verb: &'static str,
    },
    /// The instance is protected.
    #[error("instance `{id}` may not be {verb}: `{attribute}` is set")]
    Protected {
        /// The instance.
        id: InstanceId,
        /// `terminated` or `stopped`.
        verb: &'static str,
        /// The attribute that protects it.
        attribute: &'static str,
    },
    /// There is no room for as many.
    #[error("there is room for {room} instances, and {wanted} are wanted")]
    Limit {
        /// How many more.
        room: usize,
        /// How many were asked for at least.
        wanted: usize,
    },
    /// A client token was used before for another request.
    #[error("the client token was used for another request")]
    ClientToken,
    /// Too many tags.
    #[error("a resource has at most 50 tags")]
    TagLimit,
    /// A tag's key is missing.
    #[error("a tag's key is empty")]
    TagKeyEmpty,
    /// A tag's key is too long.
    #[error("a tag's key is longer than 128 characters")]
    TagKeyLong,
    /// A tag's value is too long.
    #[error("a tag's value is longer than 256 characters")]
    TagValueLong,
    /// A tag's key begins with `aws:`.
    #[error("tag keys that begin with `aws:` are reserved")]
    TagReserved,
    /// A key is given twice.
    #[error("the tag key `{key}` is given twice")]
    TagTwice {
        /// The key.
        key: String,
    },
    /// A fact about a host is out of bounds.
    #[error("{what}")]
    Facts {
        /// What would be right.
        what: &'static str,
    },
    /// Too many enrolments wait.
    #[error("{limit} enrolments wait already")]
    EnrolmentLimit {
        /// How many may.
        limit: usize,
    },
    /// The key is no enrolment.
    #[error("the key is no enrolment, or one that was taken back")]
    EnrolmentUnknown,
    /// How to join was shown already.
    #[error("how to join as `{id}` was shown already: make a new enrolment")]
    Shown {
        /// The instance.
        id: InstanceId,
    },
    /// The enrolment's time is over.
    #[error("the enrolment was valid until {until}: make a new one")]
    EnrolmentExpired {
        /// Until when.
        until: Timestamp,
    },
    /// Somebody has joined with it.
    #[error("the enrolment is for one host, and one has joined with it as `{id}`: make a new one")]
    EnrolmentUsed {
        /// As which instance.
        id: InstanceId,
    },
    /// The host that joins is an instance already, not that of the enrolment.
    #[error("this host is `{id}` already, not the instance of this enrolment: let it leave first")]
    AlreadyJoined {
        /// What it is.
        id: InstanceId,
    },
    /// The host that joins says that it is a machine which is alive elsewhere.
    #[error(
        "`{id}` (`{hostname}`, last heard of {heard}) is this machine by its fingerprint or by its agent's secret, and it is \
         alive: this is a copy of it, or its agent lost what it knew. Give a copy a machine id of its own \
         (rm /etc/machine-id; systemd-machine-id-setup) and empty its agent's state, or join it as a new instance, or wait \
         until the other is silent"
    )]
    InUse {
        /// The instance.
        id: InstanceId,
        /// Its hostname.
        hostname: String,
        /// When it was heard of last.
        heard: Timestamp,
    },
    /// Several instances have the fingerprint.
    #[error("{} have this host's fingerprint: join as a new instance, or terminate those that are gone", list(.ids))]
    Ambiguous {
        /// Which.
        ids: Vec<InstanceId>,
    },
    /// The credentials are not those of this instance.
    #[error("these credentials are not those of `{id}`")]
    NotYours {
        /// The instance.
        id: InstanceId,
    },
    /// Two agents speak as one instance, and this is the younger.
    #[error(
        "two hosts report as `{id}`, so one is a copy of the other, and this one came later: empty its agent's state, give \
         it a machine id of its own, and let it join again"
    )]
    Copy {
        /// The instance.
        id: InstanceId,
    },
    /// It is about networks.
    #[error(transparent)]
    Network(#[from] super::network::Error),
}

fn list(ids: &[InstanceId]) -> String {
    let ids: Vec<_> = ids.iter().map(|id| format!("`{id}`")).collect();
    ids.join(", ")
}
