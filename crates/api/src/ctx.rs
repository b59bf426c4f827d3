//! What a call knows about itself: who calls, when, from where, under which id.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use base::Timestamp;

use crate::caller::Caller;

/// The circumstances of one call. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Ctx {
    /// Who calls, proven by the signature, or somebody anonymous.
    pub caller: Arc<Caller>,
    /// The id under which this call is answered, logged and recorded.
    pub request_id: RequestId,
    /// When the call was taken in.
    pub at: Timestamp,
    /// How the caller reaches us: `scheme://host[:port]` without a slash at the end, as a queue's URL begins.
    pub base_url: Arc<str>,
    /// The other end of the connection, or who called through a trusted proxy; `None` for a call from inside the process.
    pub client: Option<SocketAddr>,
    /// Whether it came by TLS, to us or to a trusted proxy. A call from inside the process crosses no network.
    pub is_secure: bool,
    /// The encryption of the connection, where there is any.
    pub tls: Option<TlsFacts>,
    /// The `User-Agent`, or nothing.
    pub user_agent: Arc<str>,
}

impl Ctx {
    /// A call from inside the process.
    #[must_use]
    pub fn inside(caller: Arc<Caller>, at: Timestamp) -> Self {
        Self {
            caller,
            request_id: RequestId::next(),
            at,
            base_url: Arc::from(""),
            client: None,
            is_secure: true,
            tls: None,
            user_agent: Arc::from(""),
        }
    }
}

/// The encryption of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsFacts {
    /// Such as `TLSv1.3`.
    pub version: &'static str,
    /// Such as `TLS_AES_128_GCM_SHA256`.
    pub cipher_suite: &'static str,
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

    /// As it is shown.
    #[must_use]
    pub fn text(self) -> String {
        base::id::format_uuid(base::id::as_version_4(self.0))
    }

    /// An id with given bytes, for tests and replays.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
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
}
