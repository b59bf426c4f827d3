//! Room for results while the disk is full: what a notifier receives is promised the bytes that its results may need.
//!
//! INVARIANT: while the disk is short of room, nothing is received that half the reserve does not have room for, beside
//! everything that is held already; a message of more lines than that is received alone, while the whole has room. So whatever
//! is sent has room for its result, and the other half is for all else that settles.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use delivery::port::{Lease, Received};
use parking_lot::Mutex;
use store::Room;

/// Bytes of a line's result without copies of the line and the answer's excerpt; chosen, three times what was seen.
const RESULT_BYTES: u64 = 2 << 10;
/// A line may be in its settle thrice: as the URL, as the source of the result, and as a dead letter or a retry.
const COPIES: u64 = 3;
/// Bytes that a byte of an excerpt becomes: text with its quotes and newlines escaped, two at most. Chosen: what is no text
/// takes up to six and eats into the other half.
const ESCAPED: u64 = 2;

/// What is promised to all notifiers of this process, in bytes.
#[derive(Debug, Default)]
pub(super) struct Promises(AtomicU64);

impl Promises {
    /// Whether what is held and was not sent yet may be: no new notification when half of the reserve is gone, nor when what is
    /// promised since better times is more than there is.
    pub(super) fn may_start(&self, room: Room) -> bool {
        let promised = self.0.load(Ordering::SeqCst);
        match room {
            Room::Normal => true,
            Room::Low { reserve, .. } => promised <= reserve.get(),
            Room::Reserve { left, size } => left.get() >= size.get() / 2 && promised <= left.get(),
            Room::Full => false,
        }
    }

    /// Promises `bytes` if there is room for them beside all that is promised.
    fn promise(&self, room: Room, bytes: u64) -> bool {
        let add = |promised: u64| {
            let limit = if promised == 0 {
                whole(room)
            } else {
                half(room)
            };
            promised.checked_add(bytes).filter(|all| *all <= limit)
        };
        let (set, load) = (Ordering::SeqCst, Ordering::SeqCst);
        self.0.fetch_update(set, load, add).is_ok()
    }

    fn is_free(&self, room: Room, bytes: u64) -> bool {
        let promised = self.0.load(Ordering::SeqCst);
        promised.saturating_add(bytes) <= half(room)
    }
}

/// How many bytes may be promised in all.
fn half(room: Room) -> u64 {
    match room {
        Room::Normal => u64::MAX,
        Room::Low { reserve, .. } => reserve.get() / 2,
        Room::Reserve { left, size } => left.get().saturating_sub(size.get() / 2),
        Room::Full => 0,
    }
}

/// How many bytes may be promised to one message alone.
fn whole(room: Room) -> u64 {
    match room {
        Room::Low { reserve, .. } => reserve.get(),
        Room::Reserve { left, size } if left.get() >= size.get() / 2 => left.get(),
        _ => half(room),
    }
}

/// What is promised to one notifier; over with it.
#[derive(Debug)]
pub(super) struct Promised {
    all: Arc<Promises>,
    line_bytes: u64,
    held: Mutex<HashMap<Lease, u64, foldhash::fast::RandomState>>,
}

impl Promised {
    /// For a notifier whose results keep excerpts of at most `excerpt_bytes`.
    pub(super) fn new(all: Arc<Promises>, excerpt_bytes: usize) -> Self {
        Self {
            all,
            line_bytes: RESULT_BYTES + ESCAPED * excerpt_bytes as u64,
            held: Mutex::default(),
        }
    }

    /// Whether there is room for the result of one more notification.
    pub(super) fn has_room(&self, room: Room) -> bool {
        self.all.is_free(room, self.line_bytes)
    }

    /// Promises room to as many of `messages` as there is for, from the first on. The others are taken out: to be handed back.
    pub(super) fn promise(&self, room: Room, messages: &mut Vec<Received>) -> Vec<Lease> {
        let mut held = self.held.lock();
        let without = messages.iter().position(|message| {
            let bytes = self.bytes_of(message);
            let is_promised = self.all.promise(room, bytes);
            if is_promised {
                held.insert(message.lease.clone(), bytes);
            }
            !is_promised
        });
        let without = messages.split_off(without.unwrap_or(messages.len()));
        without.into_iter().map(|message| message.lease).collect()
    }

    /// What was settled or handed back needs nothing any more.
    pub(super) fn end<'a>(&self, leases: impl Iterator<Item = &'a Lease>) {
        let mut held = self.held.lock();
        let bytes = leases.filter_map(|lease| held.remove(lease)).sum();
        self.all.0.fetch_sub(bytes, Ordering::SeqCst);
    }

    fn bytes_of(&self, message: &Received) -> u64 {
        let attributes = message.attributes.iter();
        let texts: usize = attributes.map(|(name, text)| name.len() + text.len()).sum();
        let lines = memchr::memchr_iter(b'\n', &message.body).count() as u64 + 1;
        // Each dead line takes the attributes along.
        lines * (self.line_bytes + texts as u64) + COPIES * (message.body.len() + texts) as u64
    }
}

impl Drop for Promised {
    fn drop(&mut self) {
        let bytes = self.held.get_mut().values().sum();
        self.all.0.fetch_sub(bytes, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use base::{ByteCount, Timestamp};

    use super::*;

    const SIZE: ByteCount = ByteCount::mib(1);

    fn reserve(left_kib: u64) -> Room {
        Room::Reserve {
            left: ByteCount::kib(left_kib),
            size: SIZE,
        }
    }

    fn messages(count: usize, body: &[u8]) -> Vec<Received> {
        let message = |number: usize| Received {
            lease: Lease(number.to_string().into()),
            message_id: "m".into(),
            body: bytes::Bytes::copy_from_slice(body),
            attributes: std::collections::BTreeMap::new(),
            sent_at: Timestamp::EPOCH,
            lease_until: Timestamp::EPOCH,
            receive_count: 1,
            attempt: 0,
            group: None,
            origin: None,
        };
        (0..count).map(message).collect()
    }

    #[test]
    fn no_more_is_received_than_half_the_reserve_has_room_for() {
        let low = Room::Low {
            left: ByteCount::mib(1),
            reserve: SIZE,
        };
        // With lines of a byte and no excerpts, some 2 KiB each.
        for (room, kept) in [
            (Room::Normal, 1000),
            (low, 255),
            (reserve(1024), 255),
            (reserve(768), 127),
            (reserve(511), 0),
            (reserve(100), 0),
            (Room::Full, 0),
        ] {
            let all = Arc::new(Promises::default());
            let promised = Promised::new(Arc::clone(&all), 0);
            let mut held = messages(1000, b"x");
            let back = promised.promise(room, &mut held);
            assert_eq!((held.len(), back.len()), (kept, 1000 - kept), "{room:?}");
            assert_eq!(promised.has_room(room), room == Room::Normal, "{room:?}");
        }
    }

    #[test]
    fn a_message_of_very_many_lines_is_received_alone() {
        let all = Arc::new(Promises::default());
        let promised = Promised::new(Arc::clone(&all), 0);
        let many = vec![b'\n'; 300];
        let mut held = messages(3, &many);
        promised.promise(reserve(1024), &mut held);
        assert_eq!(held.len(), 1);
        let mut more = messages(3, b"x");
        promised.promise(reserve(1024), &mut more);
        assert_eq!(more.len(), 0, "and nothing beside it");
        promised.end(held.iter().map(|message| &message.lease));
        for room in [reserve(600), reserve(511)] {
            let mut held = messages(3, &many);
            promised.promise(room, &mut held);
            assert_eq!(held.len(), 0, "{room:?}");
        }
    }

    #[test]
    fn what_is_settled_makes_room_and_what_is_left_ends_with_its_notifier() {
        let all = Arc::new(Promises::default());
        let (one, other) = (
            Promised::new(Arc::clone(&all), 0),
            Promised::new(Arc::clone(&all), 0),
        );
        let mut held = messages(1000, b"x");
        one.promise(reserve(768), &mut held);
        assert!(!other.has_room(reserve(768)), "it is one room for all");
        one.end(held.iter().take(20).map(|message| &message.lease));
        // A settle that is repeated makes no more room.
        one.end(held.iter().take(20).map(|message| &message.lease));
        let mut more = messages(1000, b"x");
        other.promise(reserve(768), &mut more);
        assert_eq!(more.len(), 20);
        drop((one, other));
        assert_eq!(all.0.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn long_lines_many_lines_and_excerpts_need_more() {
        let all = Arc::new(Promises::default());
        for (excerpt, body, bytes) in [
            (0, &b"x"[..], 2048 + 3),
            (1024, b"x", 4096 + 3),
            (0, b"x\nx\nx", 3 * 2048 + 15),
            (0, &[b'x'; 10_000], 2048 + 30_000),
        ] {
            let promised = Promised::new(Arc::clone(&all), excerpt);
            promised.promise(Room::Normal, &mut messages(1, body));
            assert_eq!(all.0.load(Ordering::SeqCst), bytes);
        }
    }

    #[test]
    fn nothing_starts_when_half_the_reserve_is_gone_or_promised_twice() {
        let all = Arc::new(Promises::default());
        let promised = Promised::new(Arc::clone(&all), 0);
        assert!(all.may_start(reserve(512)) && !all.may_start(reserve(511)));
        promised.promise(Room::Normal, &mut messages(256, b"x"));
        assert!(all.may_start(Room::Normal) && all.may_start(reserve(513)));
        assert!(!all.may_start(reserve(512)), "more than that is promised");
        assert!(!all.may_start(Room::Full));
    }
}
