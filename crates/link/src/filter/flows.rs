//! The flows that are open: bounded, and shared fairly among those who open them.
//!
//! INVARIANT: whoever opens flows, however many, takes no flow away from a host that has no more than its fair share of the table. A
//! host's unanswered flows have a bound of their own: beyond it, its oldest one makes room for its next. So a flood of SYNs
//! ends flows of the one who sends it, and of nobody else.
//!
//! Times without a packet after which a flow is over: TCP by its state ([`super::tcp`]); UDP 30 s, and 180 s once a second
//! request has followed an answer; ICMP 30 s; other protocols 600 s. Source: EC2 User Guide, "Connection tracking timeouts";
//! for ICMP Linux, `nf_conntrack_proto_icmp.c`.

use std::hash::BuildHasher;
use std::net::Ipv4Addr;
use std::time::Duration;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use net::rule::{ICMP, Opening, TCP, UDP};

use super::header::Tuple;
use super::lists::Lists;
use super::tcp;

/// Slots that are looked at for flows that are over, in each second in which a packet comes. Chosen: 16 s for a full table.
const SWEEP_SLOTS: u32 = 4096;
/// How often that is done.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// A flow's age in its list is renewed at most so often: lists then cost nothing for most packets.
const RENEW_EVERY: Duration = Duration::from_secs(1);
/// An open connection of TCP of which no answer has been seen yet. Source: Linux, `nf_conntrack_proto_tcp.c`, `UNACK`.
const TCP_UNANSWERED: Duration = Duration::from_secs(300);

/// Bounds of a tracker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Flows at a time; some 100 bytes each. Chosen: 6.5 MB.
    pub flows: u32,
    /// Flows of one owner at a time that nobody has answered. Chosen.
    pub unanswered: u32,
    /// Packets in pieces at a time. Chosen: at most 0.6 MB.
    pub fragmented: u32,
    /// Packets in pieces at a time, of one owner. Chosen.
    pub fragmented_per_owner: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            flows: 65_536,
            unanswered: 2_048,
            fragmented: 1_024,
            fragmented_per_owner: 64,
        }
    }
}

/// A flow's name, the same in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(u128);

impl Key {
    /// The name of a packet's flow, and whether the packet comes from the lower of its two ends.
    #[must_use]
    pub fn of(tuple: &Tuple) -> (Self, bool) {
        let end = |address, port| u64::from(u32::from(address)) << 16 | u64::from(port);
        let from = end(tuple.source, tuple.ports.0);
        let to = end(tuple.destination, tuple.ports.1);
        let is_from_low = from <= to;
        let (low, high) = if is_from_low { (from, to) } else { (to, from) };
        // Two hosts may ask one another with the same id: who asks is part of the name.
        let query = tuple.query.map_or(0, |(kind, is_answer)| {
            kind | if is_from_low == is_answer { 0x80 } else { 0 }
        });
        let name = u128::from(low) << 80 | u128::from(high) << 32;
        let name = name | u128::from(tuple.protocol) << 8 | u128::from(query);
        (Self(name), is_from_low)
    }

    /// The addresses of both ends, the lower end first.
    #[must_use]
    pub fn addresses(self) -> (Ipv4Addr, Ipv4Addr) {
        let at = |shift: u32| u32::try_from(self.0 >> shift & 0xffff_ffff).unwrap_or_default();
        (at(96).into(), at(48).into())
    }
}

impl Key {
    /// The protocol, and the query of ICMP.
    const fn last(self) -> [u8; 2] {
        let [.., protocol, query] = self.0.to_be_bytes();
        [protocol, query]
    }
}

/// How far a flow has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A connection of TCP.
    Tcp(tcp::State),
    /// UDP: so many times the direction has turned, up to two.
    Udp(u8),
    /// A request of ICMP.
    Query,
    /// Another protocol.
    Other,
}

/// A flow.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Its name.
    pub key: Key,
    /// Who opened it, as a number of an owner.
    pub owner: u32,
    /// Whether the lower of its ends did.
    pub is_initiator_low: bool,
    /// Whether who opened it is reached through the tunnel.
    pub is_initiator_outside: bool,
    /// Whether the other end is.
    pub is_responder_outside: bool,
    /// How far it has come.
    pub progress: Progress,
    /// Whether the other end has answered.
    pub is_answered: bool,
    expires: Duration,
    renewed: Duration,
}

impl Flow {
    /// A flow that begins.
    #[must_use]
    pub const fn new(key: Key, owner: u32, is_initiator_low: bool, progress: Progress) -> Self {
        Self {
            key,
            owner,
            is_initiator_low,
            is_initiator_outside: false,
            is_responder_outside: false,
            progress,
            is_answered: false,
            expires: Duration::ZERO,
            renewed: Duration::ZERO,
        }
    }

    /// The addresses of who opened it and of the other end.
    #[must_use]
    pub fn ends(&self) -> (Ipv4Addr, Ipv4Addr) {
        let (low, high) = self.key.addresses();
        if self.is_initiator_low {
            (low, high)
        } else {
            (high, low)
        }
    }

    /// Its first packet.
    #[must_use]
    pub fn first(&self) -> net::Flow {
        let (source, destination) = self.ends();
        let at = if self.is_initiator_low { 32 } else { 80 };
        let port = u16::try_from(self.key.0 >> at & 0xffff).unwrap_or_default();
        let [protocol, query] = self.key.last();
        let opening = match protocol {
            TCP => Opening::Tcp(port),
            UDP => Opening::Udp(port),
            ICMP => Opening::Icmp(query & 0x7f, 0),
            other => Opening::Other(other),
        };
        net::Flow {
            source,
            destination,
            opening,
        }
    }

    const fn idle_max(&self) -> Duration {
        match self.progress {
            Progress::Tcp(tcp::State::Established) if !self.is_answered => TCP_UNANSWERED,
            Progress::Tcp(state) => state.idle_max(),
            Progress::Udp(2..) => Duration::from_secs(180),
            Progress::Udp(_) | Progress::Query => Duration::from_secs(30),
            Progress::Other => Duration::from_secs(600),
        }
    }

    const fn list(&self) -> u32 {
        self.owner * 2 + if self.is_answered { 1 } else { 0 }
    }
}

/// All flows.
#[derive(Debug)]
pub struct Flows {
    limits: Limits,
    owners: u32,
    /// Owners that have flows.
    busy: u32,
    /// For each owner its unanswered flows, and its others.
    lists: Lists<Flow>,
    numbers: HashTable<u32>,
    hasher: RandomState,
    hand: u32,
    swept: Duration,
}

impl Flows {
    /// No flows, of so many owners.
    #[must_use]
    pub fn new(limits: Limits, owners: u32) -> Self {
        Self {
            limits,
            owners,
            busy: 0,
            lists: Lists::new(owners.saturating_mul(2)),
            numbers: HashTable::new(),
            hasher: RandomState::default(),
            hand: 0,
            swept: Duration::ZERO,
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// The number of a flow that is not over.
    pub fn find(&mut self, key: Key, now: Duration) -> Option<u32> {
        let hash = self.hasher.hash_one(key.0);
        let lists = &self.lists;
        let is_it = |number: &u32| lists.get(*number).is_some_and(|flow| flow.key == key);
        let number = *self.numbers.find(hash, is_it)?;
        if self.lists.get(number)?.expires <= now {
            self.end(number);
            return None;
        }
        Some(number)
    }

    /// The flow of a number.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<&Flow> {
        self.lists.get(number)
    }

    /// Notes that a packet of a flow has passed, and how far the flow is now.
    pub fn pass(&mut self, number: u32, now: Duration, is_initiator: bool, progress: Progress) {
        let Some(flow) = self.lists.get_mut(number) else {
            return;
        };
        flow.progress = progress;
        let is_first_answer = !is_initiator && !flow.is_answered;
        flow.is_answered |= !is_initiator;
        flow.expires = now + flow.idle_max();
        if is_first_answer || now >= flow.renewed + RENEW_EVERY {
            flow.renewed = now;
            let list = flow.list();
            self.lists.renew(number, list);
        }
    }

    /// Adds a flow; another one makes room where that is due.
    pub fn begin(&mut self, mut flow: Flow, now: Duration) {
        self.sweep(now);
        if flow.owner >= self.owners || self.limits.flows == 0 {
            return;
        }
        if self.lists.len(flow.owner * 2) >= self.limits.unanswered {
            self.end_oldest(flow.owner);
        }
        if self.numbers.len() >= usize::try_from(self.limits.flows).unwrap_or(usize::MAX) {
            self.end_oldest(self.who_yields(flow.owner));
        }
        flow.expires = now + flow.idle_max();
        flow.renewed = now;
        let (key, owner, list) = (flow.key, flow.owner, flow.list());
        let is_busy = self.count(owner) > 0;
        if let Some(number) = self.lists.push(list, flow) {
            self.busy += u32::from(!is_busy);
            let (lists, hasher) = (&self.lists, &self.hasher);
            let rehash = |number: &u32| hash(lists, hasher, *number);
            self.numbers
                .insert_unique(hasher.hash_one(key.0), number, rehash);
        }
    }

    /// Takes a flow away.
    pub fn end(&mut self, number: u32) {
        let Some(flow) = self.lists.take(number) else {
            return;
        };
        let found = self
            .numbers
            .find_entry(self.hasher.hash_one(flow.key.0), |other| *other == number);
        if let Ok(entry) = found {
            entry.remove();
        }
        if self.count(flow.owner) == 0 {
            self.busy = self.busy.saturating_sub(1);
        }
    }

    /// Takes over the flows that `keep` keeps, which gives them their owners by the new numbers.
    pub fn renumber(&mut self, owners: u32, keep: impl Fn(&mut Flow) -> bool) {
        let mut flows: Vec<Flow> = (0..self.lists.end())
            .filter_map(|number| self.lists.take(number))
            .collect();
        flows.sort_by_key(|flow| flow.renewed);
        *self = Self {
            swept: self.swept,
            ..Self::new(self.limits, owners)
        };
        for mut flow in flows {
            if keep(&mut flow) {
                self.put_back(flow);
            }
        }
    }

    fn put_back(&mut self, flow: Flow) {
        let (renewed, expires) = (flow.renewed, flow.expires);
        let key = flow.key;
        self.begin(flow, renewed);
        if let Some(flow) = self
            .find(key, renewed)
            .and_then(|number| self.lists.get_mut(number))
        {
            flow.expires = expires;
        }
    }

    fn count(&self, owner: u32) -> u32 {
        self.lists.len(owner * 2) + self.lists.len(owner * 2 + 1)
    }

    /// Whose flow makes room for one of `owner` when the table is full: its own where it has its share, else one of who has most.
    fn who_yields(&self, owner: u32) -> u32 {
        let own = self.count(owner);
        let busy = self.busy + u32::from(own == 0);
        if own >= self.limits.flows / busy.max(1) {
            return owner;
        }
        let all = 0..self.owners;
        all.max_by_key(|owner| self.count(*owner)).unwrap_or(owner)
    }

    fn end_oldest(&mut self, owner: u32) {
        let unanswered = self.lists.oldest(owner * 2);
        let oldest = unanswered.or_else(|| self.lists.oldest(owner * 2 + 1));
        if let Some(number) = oldest {
            self.end(number);
        }
    }

    /// Takes away what is over, a part of the table at a time.
    fn sweep(&mut self, now: Duration) {
        if now < self.swept + SWEEP_EVERY {
            return;
        }
        self.swept = now;
        for _ in 0..SWEEP_SLOTS.min(self.lists.end()) {
            self.hand = if self.hand + 1 < self.lists.end() {
                self.hand + 1
            } else {
                0
            };
            let flow = self.lists.get(self.hand);
            if flow.is_some_and(|flow| flow.expires <= now) {
                self.end(self.hand);
            }
        }
    }
}

fn hash(lists: &Lists<Flow>, hasher: &RandomState, number: u32) -> u64 {
    lists
        .get(number)
        .map_or(0, |flow| hasher.hash_one(flow.key.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn key(host: u8, port: u16) -> (Key, bool) {
        Key::of(&Tuple {
            source: [10, 0, 0, host].into(),
            destination: [172, 16, 0, 1].into(),
            protocol: 17,
            ports: (port, 53),
            query: None,
        })
    }

    fn table(flows: u32, unanswered: u32) -> Flows {
        let limits = Limits {
            flows,
            unanswered,
            ..Limits::default()
        };
        Flows::new(limits, 8)
    }

    fn begin(flows: &mut Flows, host: u8, port: u16, now: Duration) {
        let (key, is_low) = key(host, port);
        flows.begin(Flow::new(key, host.into(), is_low, Progress::Udp(0)), now);
    }

    fn answer(flows: &mut Flows, host: u8, port: u16, now: Duration) {
        let number = flows.find(key(host, port).0, now).unwrap();
        flows.pass(number, now, false, Progress::Udp(1));
    }

    fn has(flows: &mut Flows, host: u8, port: u16, now: Duration) -> bool {
        flows.find(key(host, port).0, now).is_some()
    }

    #[test]
    fn a_flow_has_one_name_both_ways_and_says_its_ends() {
        let there = Tuple {
            source: [10, 0, 0, 9].into(),
            destination: [10, 0, 0, 2].into(),
            protocol: 6,
            ports: (1, 65_535),
            query: None,
        };
        let back = Tuple {
            source: there.destination,
            destination: there.source,
            ports: (there.ports.1, there.ports.0),
            ..there
        };
        assert_eq!(Key::of(&there), (Key::of(&back).0, false));
        assert_eq!(
            Key::of(&there).0.addresses(),
            (there.destination, there.source)
        );
    }

    #[test]
    fn two_who_ask_one_another_have_two_flows() {
        let ask = |source: [u8; 4], destination: [u8; 4], is_answer| {
            let tuple = Tuple {
                source: source.into(),
                destination: destination.into(),
                protocol: 1,
                ports: (7, 7),
                query: Some((8, is_answer)),
            };
            Key::of(&tuple).0
        };
        let (a, b) = ([10, 0, 0, 1], [10, 0, 0, 2]);
        assert_eq!(ask(a, b, false), ask(b, a, true));
        assert_eq!(ask(b, a, false), ask(a, b, true));
        assert_ne!(ask(a, b, false), ask(b, a, false));
    }

    #[test]
    fn a_flow_is_over_after_its_time_without_a_packet() {
        let mut flows = table(10, 10);
        begin(&mut flows, 1, 1, SECOND);
        assert!(has(&mut flows, 1, 1, SECOND * 30));
        answer(&mut flows, 1, 1, SECOND * 30);
        assert!(has(&mut flows, 1, 1, SECOND * 59));
        assert!(!has(&mut flows, 1, 1, SECOND * 60));
        assert!(flows.is_empty());
    }

    #[test]
    fn unanswered_flows_of_one_owner_make_room_for_each_other() {
        let mut flows = table(100, 3);
        begin(&mut flows, 1, 0, SECOND);
        answer(&mut flows, 1, 0, SECOND);
        begin(&mut flows, 2, 0, SECOND);
        for port in 1..=50 {
            begin(&mut flows, 1, port, SECOND);
        }
        assert!(has(&mut flows, 1, 0, SECOND) && has(&mut flows, 2, 0, SECOND));
        let left: Vec<u16> = (1..=50)
            .filter(|&port| has(&mut flows, 1, port, SECOND))
            .collect();
        assert_eq!(left, [48, 49, 50]);
    }

    #[test]
    fn in_a_full_table_nobody_falls_below_its_share() {
        let mut flows = table(12, 12);
        for port in 0..12 {
            begin(&mut flows, 1, port, SECOND);
            answer(&mut flows, 1, port, SECOND);
        }
        for port in 0..20 {
            begin(&mut flows, 2, port, SECOND);
        }
        assert_eq!((flows.count(1), flows.count(2)), (6, 6));
        for port in 0..20 {
            begin(&mut flows, 3, port, SECOND);
        }
        assert_eq!((flows.count(1), flows.count(2), flows.count(3)), (4, 4, 4));
        // The oldest went.
        assert!(has(&mut flows, 1, 11, SECOND) && !has(&mut flows, 1, 0, SECOND));
    }

    #[test]
    fn what_is_over_leaves_the_table_without_being_looked_for() {
        let mut flows = table(100, 100);
        for port in 0..50 {
            begin(&mut flows, 1, port, SECOND);
        }
        begin(&mut flows, 2, 0, SECOND * 100);
        assert_eq!(flows.len(), 1);
        assert_eq!(flows.busy, 1);
    }

    #[test]
    fn flows_keep_their_time_and_age_under_new_numbers() {
        let mut flows = table(100, 100);
        for host in 1..=3 {
            begin(&mut flows, host, 0, SECOND * u32::from(host));
        }
        flows.renumber(4, |flow| {
            flow.owner = 0;
            flow.ends().0 != Ipv4Addr::new(10, 0, 0, 2)
        });
        assert_eq!(flows.count(0), 2);
        assert!(has(&mut flows, 1, 0, SECOND * 30));
        assert!(!has(&mut flows, 1, 0, SECOND * 31));
        assert!(has(&mut flows, 3, 0, SECOND * 32));
    }
}
