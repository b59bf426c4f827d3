//! What a filter says of each packet: a function of its rules, the flows that are open, the time and the packet.

use std::time::Duration;

use net::rule::Opening;
use net::{Filter, Verdict};

use super::flows::{Flow, Flows, Key, Limits, Progress};
use super::fragments::Fragments;
use super::header::{Content, Packet, Tuple};
use super::places::Place;
use super::rules::Rules;
use super::tcp::{self, Step};
use crate::packet::Direction;

/// Why a packet does not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// It makes no sense, or belongs to nothing.
    Malformed,
    /// Its source or destination is on the other side of the tunnel.
    Misplaced,
    /// An address is nobody's.
    Unknown,
    /// There is no path between its ends.
    NoPath,
    /// The source's groups do not let it out.
    NoEgress,
    /// The destination's groups do not let it in.
    NoIngress,
    /// It does not belong to a flow that is open, and cannot open one.
    Invalid,
    /// A piece of a packet whose first did not pass, that overlaps another, or is one too many.
    Fragment,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Malformed,
        Self::Misplaced,
        Self::Unknown,
        Self::NoPath,
        Self::NoEgress,
        Self::NoIngress,
        Self::Invalid,
        Self::Fragment,
    ];
}

/// A filter with all that it knows.
#[derive(Debug)]
pub struct Tracker {
    rules: Rules,
    flows: Flows,
    fragments: Fragments,
    refused: [u64; Refusal::ALL.len()],
}

impl Tracker {
    /// A tracker that lets nothing through until it is given a filter.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            rules: Rules::default(),
            flows: Flows::new(limits, 0),
            fragments: Fragments::new(limits, 0),
            refused: [0; Refusal::ALL.len()],
        }
    }

    /// Puts `filter` in place. Open flows go on where [`Rules::keeps`] says so.
    pub fn replace(&mut self, filter: &Filter) {
        self.install(Rules::of(filter));
    }

    /// The same, for who has compiled the filter elsewhere, since that takes longer than a packet should wait.
    pub fn install(&mut self, rules: Rules) {
        self.flows.renumber(rules.places.owners, |flow| {
            let first = flow.first();
            let from = rules.places.find(first.source);
            let to = rules.places.find(first.destination);
            let (Some(from), Some(to)) = (from, to) else {
                return false;
            };
            flow.owner = from.owner;
            flow.is_initiator_outside = from.is_outside;
            flow.is_responder_outside = to.is_outside;
            rules.keeps(&self.rules, first)
        });
        self.fragments.clear(rules.places.owners);
        self.rules = rules;
    }

    /// Flows that are open, or have not yet been found to be over.
    #[must_use]
    pub fn flows(&self) -> usize {
        self.flows.len()
    }

    /// How many packets were refused for a reason, since the tracker was made.
    #[must_use]
    pub fn refused(&self, why: Refusal) -> u64 {
        let counts = Refusal::ALL.iter().zip(self.refused);
        counts
            .filter(|(own, _)| **own == why)
            .map(|(_, count)| count)
            .sum()
    }

    /// Says whether a packet passes, and remembers what follows from it.
    ///
    /// `now` is time since any moment, which never goes back.
    ///
    /// # Errors
    /// The [`Refusal`] when it does not pass.
    pub fn check(
        &mut self,
        now: Duration,
        direction: Direction,
        packet: &[u8],
    ) -> Result<(), Refusal> {
        let result = Packet::read(packet)
            .map_err(|_| Refusal::Malformed)
            .and_then(|packet| self.judge(now, direction, &packet));
        if let Err(why) = result {
            let counts = self.refused.iter_mut().zip(Refusal::ALL);
            for (count, _) in counts.filter(|(_, own)| *own == why) {
                *count += 1;
            }
        }
        result
    }

    fn judge(
        &mut self,
        now: Duration,
        direction: Direction,
        packet: &Packet,
    ) -> Result<(), Refusal> {
        let owner = match packet.content {
            Content::Rest => {
                let may_pass = self.fragments.later(now, direction, packet);
                return may_pass.then_some(()).ok_or(Refusal::Fragment);
            }
            Content::Error(about) => self.error(now, direction, packet, &about)?,
            _ => {
                let tuple = packet.tuple().ok_or(Refusal::Invalid)?;
                self.flow(now, direction, packet, &tuple)?
            }
        };
        if packet.fragment.is_some() && !self.fragments.first(now, direction, packet, owner) {
            return Err(Refusal::Fragment);
        }
        Ok(())
    }

    /// A packet that belongs to a flow or opens one. Says who answers for the flow.
    fn flow(
        &mut self,
        now: Duration,
        direction: Direction,
        packet: &Packet,
        tuple: &Tuple,
    ) -> Result<u32, Refusal> {
        let (key, is_from_low) = Key::of(tuple);
        let Some(number) = self.flows.find(key, now) else {
            return self.open(now, direction, packet, key, is_from_low);
        };
        let flow = self.flows.get(number).ok_or(Refusal::Invalid)?;
        let is_initiator = is_from_low == flow.is_initiator_low;
        let owner = flow.owner;
        match side(flow, is_initiator, direction)? {
            Crossing::Second => return Ok(owner),
            Crossing::Only => {}
        }
        match next(flow.progress, is_initiator, &packet.content) {
            Next::To(progress) => self.flows.pass(number, now, is_initiator, progress),
            Next::Same => {}
            Next::Invalid => return Err(Refusal::Invalid),
            Next::Anew => {
                self.flows.end(number);
                return self.open(now, direction, packet, key, is_from_low);
            }
        }
        Ok(owner)
    }

    fn open(
        &mut self,
        now: Duration,
        direction: Direction,
        packet: &Packet,
        key: Key,
        is_from_low: bool,
    ) -> Result<u32, Refusal> {
        let (opening, progress) = opening(packet).ok_or(Refusal::Invalid)?;
        let from = self.rules.places.find(packet.source);
        let to = self.rules.places.find(packet.destination);
        let (Some(from), Some(to)) = (from, to) else {
            return Err(Refusal::Unknown);
        };
        if !is_in_place(from, to, direction) {
            return Err(Refusal::Misplaced);
        }
        let flow = net::Flow {
            source: packet.source,
            destination: packet.destination,
            opening,
        };
        match self.rules.decide_between(flow, from, to) {
            Verdict::Allowed => {}
            Verdict::Unknown => return Err(Refusal::Unknown),
            Verdict::NoPath => return Err(Refusal::NoPath),
            Verdict::NoEgress => return Err(Refusal::NoEgress),
            Verdict::NoIngress => return Err(Refusal::NoIngress),
        }
        let mut flow = Flow::new(key, from.owner, is_from_low, progress);
        flow.is_initiator_outside = from.is_outside;
        flow.is_responder_outside = to.is_outside;
        self.flows.begin(flow, now);
        Ok(from.owner)
    }

    /// An error of ICMP: it passes where the packet that it is about belongs to a flow and was on its way to where the error comes
    /// from. Who says so may be any router there, whose address is nobody's here.
    fn error(
        &mut self,
        now: Duration,
        direction: Direction,
        packet: &Packet,
        about: &Tuple,
    ) -> Result<u32, Refusal> {
        let source = self.rules.places.find(packet.source);
        let is_inside = source.is_some_and(|place| !place.is_outside);
        if is_inside && direction == Direction::FromTunnel {
            return Err(Refusal::Misplaced);
        }
        if packet.destination != about.source {
            return Err(Refusal::Invalid);
        }
        let (key, is_from_low) = Key::of(about);
        let number = self.flows.find(key, now).ok_or(Refusal::Invalid)?;
        let flow = self.flows.get(number).ok_or(Refusal::Invalid)?;
        // As a packet of the other end would come.
        side(flow, is_from_low != flow.is_initiator_low, direction)?;
        Ok(flow.owner)
    }
}

/// How often a packet of a flow comes by: one from outside to outside leaves the tunnel and enters it again.
enum Crossing {
    Only,
    Second,
}

/// Whether a packet of a flow's end may come from where it comes.
fn side(flow: &Flow, is_initiator: bool, direction: Direction) -> Result<Crossing, Refusal> {
    if flow.is_initiator_outside && flow.is_responder_outside {
        return Ok(match direction {
            Direction::FromTunnel => Crossing::Only,
            Direction::ToTunnel => Crossing::Second,
        });
    }
    let is_outside = if is_initiator {
        flow.is_initiator_outside
    } else {
        flow.is_responder_outside
    };
    if is_outside == (direction == Direction::FromTunnel) {
        Ok(Crossing::Only)
    } else {
        Err(Refusal::Misplaced)
    }
}

/// The same of a packet that opens a flow; one from outside to outside opens it as it leaves the tunnel.
const fn is_in_place(from: Place, to: Place, direction: Direction) -> bool {
    match direction {
        Direction::FromTunnel => from.is_outside,
        Direction::ToTunnel => !from.is_outside && to.is_outside,
    }
}

/// What a packet does to its flow.
enum Next {
    To(Progress),
    Same,
    Anew,
    Invalid,
}

fn next(progress: Progress, is_initiator: bool, content: &Content) -> Next {
    match (progress, content) {
        (Progress::Tcp(state), Content::Tcp { segment, .. }) => {
            match state.step(is_initiator, *segment) {
                Step::To(state) => Next::To(Progress::Tcp(state)),
                Step::Same => Next::Same,
                Step::Anew => Next::Anew,
                Step::Invalid => Next::Invalid,
            }
        }
        (Progress::Udp(turns), _) => {
            let has_turned = turns < 2 && (turns == 1) == is_initiator;
            Next::To(Progress::Udp(turns + u8::from(has_turned)))
        }
        (progress, _) => Next::To(progress),
    }
}

/// What a packet opens, and as what its flow begins; `None` where it cannot open one.
fn opening(packet: &Packet) -> Option<(Opening, Progress)> {
    match packet.content {
        Content::Tcp {
            destination,
            segment,
            ..
        } => {
            let progress = Progress::Tcp(tcp::begin(segment)?);
            Some((Opening::Tcp(destination), progress))
        }
        Content::Udp { destination, .. } => Some((Opening::Udp(destination), Progress::Udp(0))),
        Content::Query {
            kind,
            code,
            is_answer: false,
            ..
        } => Some((Opening::Icmp(kind, code), Progress::Query)),
        Content::Other => Some((Opening::Other(packet.protocol), Progress::Other)),
        Content::Query { .. } | Content::Error(_) | Content::Rest => None,
    }
}

#[cfg(test)]
mod tests;
