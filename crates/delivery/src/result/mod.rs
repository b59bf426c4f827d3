//! The stored record of one attempt, or of a notification that ended without one (contract 8).
//!
//! # Format
//! One JSON object a line; members in exactly this order, those without a value left out. `v` to `queued_at` (the *head*) are
//! always there. Times are RFC 3339 in UTC with milliseconds.
//!
//! | member | type | meaning |
//! |---|---|---|
//! | `v` | 1 | version of this table |
//! | `at` | time | when it was settled |
//! | `route` | text | route |
//! | `message_id` | text | id of the message in the queue |
//! | `notification_id` | text | id of the line; equal across retries, redrives and replays |
//! | `url_key` | 16 hex digits | keyed hash of the exact URL, so that it is found although `url` is masked; `0000000000000000` without URL |
//! | `destination` | text | name of the destination's rules, else the host; `(unknown)` |
//! | `verdict` | `delivered` `retry` `dead` `expired` | what was decided |
//! | `queued_at` | time | when the notification was first accepted |
//! | `late` | true | the lease was lost: somebody else answers for the message, and this result is not in the balance |
//! | `accepted_as` | text | the id that its sender gave it (`shukuba.id` and the line's number), where the line bears another |
//! | `line` | number | its line in the message, from 1 |
//! | `attempt` | number | number of this attempt; those made before where `sent_at` is missing |
//! | `receive_count` | number | how often the message was received |
//! | `class` | text | class of the failure: `network` `timeout` `server` `limited` `client` `redirect` `unrecorded` `policy` `unresolved` |
//! | `reason` | text | why it is dead, masked |
//! | `next_at` | time | when it is tried again at the earliest |
//! | `sent_at` | time | when this attempt began |
//! | `method`, `url` | text | as sent; values in the URL masked by rule |
//! | `address` | text | address and port that were connected to |
//! | `status` | number | status of the answer (SMTP: reply code) |
//! | `error`, `detail` | text | class of the error without status; words, masked |
//! | `http` | `2` | HTTP/2 was spoken; else left out |
//! | `sent` | false | not one byte of the request reached the receiver; else left out |
//! | `timings_us` | object | `dns` `connect` `tls` `first_byte` `total` in microseconds; zeros left out |
//! | `retry_after_ms` | number | what the receiver asked for |
//! | `tried` | `probe` `last` | the destination's breaker was open: this send found out whether it still is, or was the last of a notification that had reached its age; else left out |
//! | `excerpt` | text | beginning of the answer's body, capped and masked |
//! | `shadow`, `canary` | object | what became of it at a second URL, whose path and query are those of `url`: see below |
//! | `notifier`, `host`, `request_id` | text | who sent it; `request_id` of the function |
//! | `origin` | object, or text | where it came from: `host`, `file`, `offset`, `shipped_at`; text that is none as it came |
//! | `replay` | text | the replay that sent it again |
//!
//! `shadow` and `canary` have `to` (where the second URL begins), and either `skipped` (why nothing was sent there) or what came
//! back: `status`, `class`, `error`, `detail`, `sent`, `total_us`, `excerpt` as above. `agrees` says whether both answers are a
//! success, or both the same status of the same class; it is left out where one of them is missing. `delivered` is true where a
//! canary took it, and then `address`, `status`, `timings_us` and `excerpt` are those of the canary.
//!
//! ```json
//! {"v":1,"at":"2026-11-23T05:03:10.250Z","route":"s2s","message_id":"5fea7756-0ea4-451a-a703-a558b933e274","notification_id":"5fea7756-0ea4-451a-a703-a558b933e274/1","url_key":"9f86d081884c7d65","destination":"app.example","verdict":"delivered","queued_at":"2026-11-23T05:03:09.000Z","line":1,"attempt":1,"receive_count":1,"sent_at":"2026-11-23T05:03:10.200Z","method":"GET","url":"https://app.example/p?idfa=***&n=1","address":"192.0.2.7:443","status":200,"timings_us":{"first_byte":41200,"total":41950},"excerpt":"ok","notifier":"n-1","host":"web-1"}
//! ```
//!
//! In the journal and in [`Packed`] form the object may be followed by `\n` and the raw line (its *source*), kept apart from
//! the results so that they can be read by those who may not see what is masked.
//!
//! - [`Writer`]: outcomes to results; about a microsecond each
//! - [`Head`]: the head without parsing the rest
//! - [`Stored`]: everything, for showing and filtering
//! - [`Salt`]: the key of `url_key`

mod head;
mod json;
mod origin;
mod salt;
mod stored;
#[cfg(test)]
mod tests;
mod write;

pub use head::{Head, marked_late};
pub(crate) use json::put_escaped;
pub use origin::Origin;
pub use salt::{SALT_OBJECT, Salt};
pub use stored::{Stored, StoredBeside, TimingsUs};
pub use write::{EXCERPT_BYTES_MAX, SentBy, Writer, expired_result};

/// What a result says became of its notification.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// The receiver took it.
    Delivered,
    /// It is tried again.
    Retry,
    /// Given up.
    Dead,
    /// Its deadline or the queue's retention passed.
    Expired,
}

impl Decision {
    /// All, in the order of their codes.
    pub const ALL: [Self; 4] = [Self::Delivered, Self::Retry, Self::Dead, Self::Expired];

    /// The name in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Retry => "retry",
            Self::Dead => "dead",
            Self::Expired => "expired",
        }
    }

    /// The decision of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// Whether nothing follows on it: each accepted notification of a route ends in exactly one such result.
    #[must_use]
    pub fn is_final(self) -> bool {
        self != Self::Retry
    }
}

/// A result as it lies in the journal: the JSON object, and the source where there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packed<'a> {
    /// The JSON object, without a newline.
    pub json: &'a [u8],
    /// The raw line; empty when it is not kept.
    pub source: &'a [u8],
}

impl<'a> Packed<'a> {
    /// Takes the two apart; `None` when there is no result.
    #[must_use]
    pub fn of(bytes: &'a [u8]) -> Option<Self> {
        if bytes.is_empty() {
            return None;
        }
        let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
        Some(Self {
            json: parts.next().unwrap_or_default(),
            source: parts.next().unwrap_or_default(),
        })
    }
}
