//! Pieces of packets: the first one decides, and the others follow it by its name.
//!
//! Pieces are not gathered: each passes as it comes, so one that comes before the first is dropped and the packet must be sent again.
//! INVARIANT: no byte of a packet passes twice, so that a later piece cannot replace what the first was judged by: one that
//! overlaps another is dropped, and all that follow it.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::flows::Limits;
use super::header::{Fragment, Packet};
use super::lists::Lists;
use crate::packet::Direction;

/// How long the pieces of a packet may take. Source: Linux, `net.ipv4.ipfrag_time`.
const PIECES_TAKE_MAX: Duration = Duration::from_secs(30);
/// Pieces of a packet. Chosen: the largest packet has 47 of the tunnel's MTU.
const PIECES_MAX: usize = 64;

/// Names a packet in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Name {
    direction: Direction,
    source: Ipv4Addr,
    destination: Ipv4Addr,
    protocol: u8,
    id: u16,
}

#[derive(Clone, Debug)]
struct Whole {
    name: Name,
    expires: Duration,
    /// What has passed, in order, none touching another.
    passed: Vec<(u32, u32)>,
    pieces: usize,
    /// Where the packet ends, once that is known.
    end: Option<u32>,
    is_spoilt: bool,
}

/// All packets that are in pieces.
#[derive(Debug)]
pub struct Fragments {
    limits: Limits,
    wholes: Lists<Whole>,
    numbers: HashMap<Name, (u32, u32), foldhash::fast::RandomState>,
    owners: u32,
}

impl Fragments {
    /// None, of so many owners.
    #[must_use]
    pub fn new(limits: Limits, owners: u32) -> Self {
        Self {
            limits,
            wholes: Lists::new(owners),
            numbers: HashMap::default(),
            owners,
        }
    }

    /// How many packets there are of which pieces are awaited.
    #[must_use]
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether none is awaited.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Whether the first piece of a packet may pass, which `owner` answers for: if it does, the others may follow.
    pub fn first(
        &mut self,
        now: Duration,
        direction: Direction,
        packet: &Packet,
        owner: u32,
    ) -> bool {
        let Some(piece) = packet.fragment else {
            return true;
        };
        let name = name(direction, packet, piece);
        if self.find(name, now).is_some() {
            return self.add(name, piece);
        }
        self.make_room(owner);
        let whole = Whole {
            name,
            expires: now + PIECES_TAKE_MAX,
            passed: Vec::new(),
            pieces: 0,
            end: None,
            is_spoilt: false,
        };
        let Some(number) = self.wholes.push(owner, whole) else {
            return false;
        };
        self.numbers.insert(name, (number, owner));
        self.add(name, piece)
    }

    /// Whether a later piece may pass.
    pub fn later(&mut self, now: Duration, direction: Direction, packet: &Packet) -> bool {
        packet.fragment.is_some_and(|piece| {
            let name = name(direction, packet, piece);
            self.find(name, now).is_some() && self.add(name, piece)
        })
    }

    /// Forgets all: what is under way must be sent again.
    pub fn clear(&mut self, owners: u32) {
        *self = Self::new(self.limits, owners);
    }

    fn find(&mut self, name: Name, now: Duration) -> Option<u32> {
        let (number, _) = *self.numbers.get(&name)?;
        if self.wholes.get(number)?.expires <= now {
            self.forget(number);
            return None;
        }
        Some(number)
    }

    fn add(&mut self, name: Name, piece: Fragment) -> bool {
        let Some(&(number, _)) = self.numbers.get(&name) else {
            return false;
        };
        let Some(whole) = self.wholes.get_mut(number) else {
            return false;
        };
        let may_pass = whole.add(piece);
        if whole.is_complete() {
            self.forget(number);
        }
        may_pass
    }

    fn forget(&mut self, number: u32) {
        if let Some(whole) = self.wholes.take(number) {
            self.numbers.remove(&whole.name);
        }
    }

    /// The oldest packet of `owner` makes room where it has its share, or the oldest of who has most where all is taken.
    fn make_room(&mut self, owner: u32) {
        let is_full =
            self.numbers.len() >= usize::try_from(self.limits.fragmented).unwrap_or(usize::MAX);
        let yields = if self.wholes.len(owner) >= self.limits.fragmented_per_owner {
            Some(owner)
        } else if is_full {
            (0..self.owners).max_by_key(|owner| self.wholes.len(*owner))
        } else {
            None
        };
        if let Some(number) = yields.and_then(|owner| self.wholes.oldest(owner)) {
            self.forget(number);
        }
    }
}

const fn name(direction: Direction, packet: &Packet, piece: Fragment) -> Name {
    Name {
        direction,
        source: packet.source,
        destination: packet.destination,
        protocol: packet.protocol,
        id: piece.id,
    }
}

impl Whole {
    fn add(&mut self, piece: Fragment) -> bool {
        let (start, end) = (piece.start, piece.end);
        let overlaps = |&(from, to): &(u32, u32)| start < to && from < end;
        let is_beyond = self.end.is_some_and(|last| end > last || piece.is_last);
        let is_short = piece.is_last && self.passed.last().is_some_and(|&(_, to)| to > end);
        if self.passed.iter().any(overlaps) || is_beyond || is_short || self.pieces >= PIECES_MAX {
            self.is_spoilt = true;
        }
        if self.is_spoilt {
            return false;
        }
        self.pieces += 1;
        if piece.is_last {
            self.end = Some(end);
        }
        self.join(start, end);
        true
    }

    fn join(&mut self, mut start: u32, mut end: u32) {
        self.passed.retain(|&(from, to)| {
            let touches = to == start || from == end;
            if touches {
                start = start.min(from);
                end = end.max(to);
            }
            !touches
        });
        let at = self.passed.partition_point(|&(from, _)| from < start);
        self.passed.insert(at, (start, end));
    }

    fn is_complete(&self) -> bool {
        matches!((self.passed.as_slice(), self.end), (&[(0, to)], Some(end)) if to == end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::header::Content;

    fn piece(id: u16, start: u32, end: u32, is_last: bool) -> Packet {
        Packet {
            source: [10, 0, 0, 1].into(),
            destination: [10, 0, 0, 2].into(),
            protocol: 17,
            fragment: Some(Fragment {
                id,
                start,
                end,
                is_last,
            }),
            content: Content::Rest,
        }
    }

    struct Test {
        fragments: Fragments,
        now: Duration,
    }

    impl Test {
        fn new() -> Self {
            let fragments = Fragments::new(Limits::default(), 4);
            let now = Duration::from_secs(1);
            Self { fragments, now }
        }

        fn first(&mut self, id: u16, end: u32, owner: u32) -> bool {
            let packet = piece(id, 0, end, false);
            self.fragments
                .first(self.now, Direction::FromTunnel, &packet, owner)
        }

        fn later(&mut self, id: u16, start: u32, end: u32, is_last: bool) -> bool {
            let packet = piece(id, start, end, is_last);
            self.fragments
                .later(self.now, Direction::FromTunnel, &packet)
        }
    }

    #[test]
    fn pieces_follow_their_first_in_any_order_until_all_are_there() {
        let mut test = Test::new();
        assert!(!test.later(1, 16, 24, true), "before the first");
        assert!(test.first(1, 8, 0));
        assert!(test.later(1, 16, 24, true));
        assert!(!test.later(2, 8, 16, false), "of another packet");
        assert!(test.later(1, 8, 16, false));
        assert!(test.fragments.is_empty());
        assert!(!test.later(1, 16, 24, true), "after the last");
    }

    #[test]
    fn what_overlaps_is_dropped_and_all_that_follows() {
        for (start, end, is_last) in [
            (0, 8, false),
            (0, 24, false),
            (8, 24, false),
            (40, 48, false),
            (24, 32, true),
        ] {
            let mut test = Test::new();
            assert!(test.first(1, 16, 0) && test.later(1, 32, 40, true));
            assert!(!test.later(1, start, end, is_last), "{start}..{end}");
            assert!(!test.later(1, 16, 32, false), "after {start}..{end}");
        }
        let mut test = Test::new();
        assert!(test.first(1, 16, 0));
        assert!(!test.first(1, 16, 0), "the first again");
    }

    #[test]
    fn pieces_have_half_a_minute() {
        let mut test = Test::new();
        assert!(test.first(1, 8, 0));
        test.now += PIECES_TAKE_MAX;
        assert!(!test.later(1, 8, 16, true));
        assert!(test.first(1, 8, 0));
    }

    #[test]
    fn a_packet_has_a_bound_of_pieces() {
        let mut test = Test::new();
        assert!(test.first(1, 8, 0));
        // Every second one, so that none are joined.
        let passed = (1..100).filter(|at| test.later(1, at * 16, at * 16 + 8, false));
        assert_eq!(passed.count(), PIECES_MAX - 1);
    }

    #[test]
    fn who_sends_many_pushes_out_its_own() {
        let mut test = Test::new();
        assert!(test.first(9999, 8, 1));
        for id in 0..500 {
            assert!(test.first(id, 8, 0));
        }
        assert_eq!(test.fragments.len(), 65);
        assert!(test.later(9999, 8, 16, true));
        assert!(test.later(499, 8, 16, true) && !test.later(1, 8, 16, true));
    }

    #[test]
    fn all_together_have_a_bound() {
        let mut test = Test::new();
        test.fragments = Fragments::new(
            Limits {
                fragmented: 10,
                fragmented_per_owner: 8,
                ..Limits::default()
            },
            4,
        );
        for id in 0..30 {
            assert!(test.first(id, 8, u32::from(id) % 3));
        }
        assert_eq!(test.fragments.len(), 10);
    }
}
