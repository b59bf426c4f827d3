//! What a tunnel reads from and writes to: datagrams on one side, packets on the other, many at once on both.

pub(crate) mod device;
pub(crate) mod udp;

pub use device::{Device, Tun};
pub use udp::Socket;

/// Packets or datagrams that are taken at once. As many as one read of an offloading device gives at most (64 KiB of
/// segments of [`MTU`](crate::packet::MTU) bytes are 47), and as the kernel's segmentation takes (64).
pub(crate) const BATCH: usize = 64;
