//! The stack's end of the channel, as smoltcp knows devices.

use bytes::BytesMut;
use smoltcp::phy::{self, DeviceCapabilities, Medium};
use smoltcp::time::Instant;
use tokio::sync::mpsc;

use crate::packet::MTU;

/// A packet that came, and the way out. A packet is put here only where there is room for an answer.
#[derive(Debug)]
pub(super) struct Device {
    received: Option<BytesMut>,
    to_tunnel: mpsc::Sender<BytesMut>,
    /// Whether something had to wait for room.
    is_blocked: bool,
}

impl Device {
    pub(super) const fn new(to_tunnel: mpsc::Sender<BytesMut>) -> Self {
        Self {
            received: None,
            to_tunnel,
            is_blocked: false,
        }
    }

    /// Puts a packet before the stack.
    pub(super) fn put(&mut self, packet: BytesMut) {
        self.received = Some(packet);
    }

    /// Whether there is room for an answer.
    pub(super) fn has_room(&mut self) -> bool {
        let has_room = self.to_tunnel.capacity() > 0;
        self.is_blocked |= !has_room;
        has_room
    }

    /// Whether something has had to wait for room since this was asked last.
    pub(super) const fn take_blocked(&mut self) -> bool {
        std::mem::replace(&mut self.is_blocked, false)
    }
}

/// A packet that came.
pub(super) struct Incoming(BytesMut);

/// Room for a packet.
pub(super) struct Room<'a>(mpsc::Permit<'a, BytesMut>);

impl phy::Device for Device {
    type RxToken<'a> = Incoming;
    type TxToken<'a> = Room<'a>;

    fn receive(&mut self, _now: Instant) -> Option<(Incoming, Room<'_>)> {
        let packet = self.received.take()?;
        let room = self.to_tunnel.try_reserve().ok()?;
        Some((Incoming(packet), Room(room)))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Room<'_>> {
        let Ok(room) = self.to_tunnel.try_reserve() else {
            self.is_blocked = true;
            return None;
        };
        Some(Room(room))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = usize::from(MTU);
        capabilities
    }
}

impl phy::RxToken for Incoming {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

impl phy::TxToken for Room<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, write: F) -> R {
        let mut packet = BytesMut::zeroed(length);
        let result = write(&mut packet);
        self.0.send(packet);
        result
    }
}
