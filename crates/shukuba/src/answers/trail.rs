//! What is asked of the trail of calls.

use cloudtrail::trails::heads::Heads;
use serde::{Deserialize, Serialize};

/// What is verified.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Verify {
    /// Only this trail's digests.
    pub(crate) trail: Option<String>,
    /// Only digests whose time ends later, in milliseconds since the epoch.
    pub(crate) since: Option<u64>,
    /// Heads that somebody wrote down elsewhere.
    pub(crate) heads: Option<Heads>,
}

/// What is searched for; all that is given must be so.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Search {
    /// Such as `alice`.
    pub(crate) user: Option<String>,
    /// Such as `AKIAIOSFODNN7EXAMPLE`.
    pub(crate) key: Option<String>,
    /// Such as `CreateQueue`.
    pub(crate) event: Option<String>,
    /// Such as `sqs.amazonaws.com` or `sqs`.
    pub(crate) service: Option<String>,
    /// A name or ARN.
    pub(crate) resource: Option<String>,
    /// The id of the event.
    pub(crate) id: Option<String>,
    /// Such as `AccessDenied`.
    pub(crate) error: Option<String>,
    /// Only what failed.
    pub(crate) failed: bool,
    /// Only what changes something.
    pub(crate) writes: bool,
    /// From then on, in milliseconds since the epoch.
    pub(crate) since: Option<u64>,
    /// Up to then.
    pub(crate) until: Option<u64>,
    /// How many at most.
    pub(crate) max: Option<usize>,
}
