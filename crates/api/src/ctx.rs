//! What a call knows about itself: who calls, when, from where, under which id.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use base::{AccountId, Arn, Timestamp};

/// The circumstances of one call. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Ctx {
    /// Who calls, proven by the signature.
    pub caller: Arc<Caller>,
    /// The id under which this call is answered, logged and recorded.
    pub request_id: RequestId,
    /// When the call was taken in.
    pub at: Timestamp,
    /// How the caller reaches us: `scheme://host[:port]` without a slash at the end, as a queue's URL begins.
    pub base_url: Arc<str>,
    /// The other end of the connection; `None` for a call from inside the process.
    pub client: Option<SocketAddr>,
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The id of the key that signed.
    pub access_key_id: String,
    /// What the key is for.
    pub role: Role,
    /// The principal, such as `arn:aws:iam::123456789012:user/administrator`.
    pub arn: Arn,
    /// The account of the principal.
    pub account: AccountId,
}

/// What a key is for, until IAM policies decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// May do everything.
    Administrator,
    /// May send to queues: SendMessage, SendMessageBatch, GetQueueUrl, GetQueueAttributes.
    Sender,
    /// May take messages from queues, finish them, and send what it must try again.
    Notifier,
    /// May look: Get…, List…, Describe….
    Reader,
}

/// A text that is no role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("role `{text}` is not one of administrator, sender, notifier, reader")]
pub struct NotRole {
    /// What was given.
    pub text: String,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 4] = [
        Self::Administrator,
        Self::Sender,
        Self::Notifier,
        Self::Reader,
    ];

    /// The role's name, such as `administrator`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Sender => "sender",
            Self::Notifier => "notifier",
            Self::Reader => "reader",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = NotRole;

    fn from_str(text: &str) -> Result<Self, NotRole> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| NotRole {
                text: text.to_owned(),
            })
    }
}

/// The id of one call: shown as a UUID, such as `5fea7756-0ea4-451a-a703-a558b933e274`.
///
/// Ids do not repeat within a process and are most unlikely to do so between processes: a random start,
/// then a counter, mixed. They are not secrets.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId([u8; 16]);

/// The random start of this process's ids.
static START: LazyLock<[u8; 16]> = LazyLock::new(base::id::random_bytes);
static COUNT: AtomicU64 = AtomicU64::new(0);

impl RequestId {
    /// The next id of this process.
    #[must_use]
    pub fn next() -> Self {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let start = u128::from_be_bytes(*START);
        // An odd factor is a bijection of 128 bits, so two counts never give the same product.
        let mixed =
            (start ^ u128::from(count)).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        Self((mixed ^ (mixed >> 64)).to_be_bytes())
    }

    /// An id with given bytes, for tests and replays.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base::id::format_uuid(base::id::as_version_4(self.0)))
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_differ_and_look_like_uuids() {
        let ids: std::collections::HashSet<String> =
            (0..1000).map(|_| RequestId::next().to_string()).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| base::id::parse_uuid(id).is_some()));
    }

    #[test]
    fn roles_go_there_and_back() {
        for role in Role::ALL {
            assert_eq!(role.to_string().parse(), Ok(role));
        }
        assert!(
            "root"
                .parse::<Role>()
                .unwrap_err()
                .to_string()
                .contains("administrator")
        );
    }
}
