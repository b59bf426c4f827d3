//! The bounds of the door. Each protects the others from one slow or hostile client.

use std::time::Duration;

use base::ByteCount;

/// Bounds on what a client may ask of the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of a request's head, with the empty line at its end. Beyond it: 431 and the end of the connection.
    pub header_bytes: ByteCount,
    /// The most bytes of a request's body, where its operation has no bound of its own. A message of 1 MiB in JSON escapes needs up to 2, in a form up to 3.
    /// A body in gzip has them twice: as it is sent, and inflated.
    pub body_bytes: ByteCount,
    /// The most bytes of all large bodies (beyond 64 KiB each) that have arrived and are being read or worked on at a time, in
    /// steps of 64 KiB. Beyond it: 503, to whoever sends the next step.
    pub bodies_bytes: ByteCount,
    /// The most connections. A newcomer beyond it takes the place of one that has proven nothing or rests.
    pub connections: usize,
    /// From a request's first byte to the end of its head, for the TLS handshake, and for a new connection to say anything.
    pub header_time: Duration,
    /// From the end of the head to the end of the body; for a body that may be larger than `body_bytes`, as much more.
    pub body_time: Duration,
    /// How long a connection that has proven itself may rest between requests.
    pub idle_time: Duration,
    /// How long an answer may wait for a client that does not read.
    pub write_time: Duration,
    /// How long calls may go on after the order to stop.
    pub drain_time: Duration,
}

impl Limits {
    /// The same for a request whose body may have `bytes`: what is larger than others has more time, at the same pace.
    pub(crate) fn for_body(self, bytes: ByteCount) -> Self {
        let times = bytes.get().div_ceil(self.body_bytes.get().max(1)).max(1);
        let times = u32::try_from(times).unwrap_or(u32::MAX);
        Self {
            body_bytes: bytes,
            body_time: self.body_time.saturating_mul(times),
            ..self
        }
    }
}

impl Default for Limits {
    /// Chosen: bodies and times as AWS's public endpoints behave, memory for a small machine.
    fn default() -> Self {
        Self {
            header_bytes: ByteCount::kib(32),
            body_bytes: ByteCount::mib(4),
            bodies_bytes: ByteCount::mib(256),
            connections: 4096,
            header_time: Duration::from_secs(10),
            body_time: Duration::from_secs(30),
            idle_time: Duration::from_secs(90),
            write_time: Duration::from_secs(30),
            drain_time: Duration::from_secs(25),
        }
    }
}
