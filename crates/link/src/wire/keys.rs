//! Our keys, and how many handshakes may begin with them.

use std::sync::Arc;
use std::time::Duration;

use gotatun::noise::rate_limiter::RateLimiter;
use gotatun::x25519;

use crate::key::PrivateKey;

/// Handshakes that one address may begin in a second before it has to prove by a cookie that it is there (the noise
/// protocol's defence against floods). Chosen by gotatun's device.
const INITIATIONS_PER_ADDRESS: u64 = 100;

/// Handshakes that all addresses together may begin in a second without a cookie. One costs about 0.1 ms, so a flood with false
/// sources takes at most a fifth of a core; 1,000 hosts that come back at once are served within a second.
pub const INITIATIONS_PER_SECOND: u64 = 2000;

/// How long the key before stays good where its successor is not heard of. Chosen above 10 minutes, for which a control plane
/// may be away while a host waits to be told that it may change.
pub const ROTATION_GRACE: Duration = Duration::from_secs(15 * 60);

/// Our keys: the newest first, those before only while a peer has not taken to the newest.
pub(crate) struct Keys {
    pub(crate) rings: Vec<Ring>,
    pub(crate) changed: Duration,
}

#[derive(Clone)]
pub(crate) struct Ring {
    pub(crate) era: u64,
    pub(crate) private: PrivateKey,
    pub(crate) public: x25519::PublicKey,
    /// For all: it takes a cookie only from addresses that begin many.
    pub(crate) limiter: Arc<RateLimiter>,
    /// For when all together begin too many: it takes a cookie from everybody.
    pub(crate) strict: Arc<RateLimiter>,
}

/// How many of something may still happen in this second.
#[derive(Debug)]
pub(crate) struct Budget {
    per_second: u64,
    second: u64,
    taken: u64,
}

impl Ring {
    pub(crate) fn new(era: u64, private: &PrivateKey) -> Self {
        let public = x25519::PublicKey::from(private.secret());
        Self {
            era,
            private: private.clone(),
            public,
            limiter: Arc::new(RateLimiter::new(&public, INITIATIONS_PER_ADDRESS)),
            strict: Arc::new(RateLimiter::new(&public, 0)),
        }
    }
}

impl Budget {
    pub(crate) const fn new(per_second: u64) -> Self {
        Self {
            per_second,
            second: 0,
            taken: 0,
        }
    }

    /// Whether one more may.
    pub(crate) const fn take(&mut self, now: Duration) -> bool {
        if self.second != now.as_secs() {
            (self.second, self.taken) = (now.as_secs(), 0);
        }
        self.taken += 1;
        self.taken <= self.per_second
    }
}
