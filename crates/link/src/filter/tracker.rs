//! What a filter says of each packet: a function of its rules, the flows that are open, the time and the packet.

use std::time::Duration;

use net::rule::Opening;
use net::{Filter, Refusal, Refusals, RefusedFlow};

use super::flows::{Flow, Flows, Key, Limits, Progress};
use super::fragments::Fragments;
use super::header::{Content, Packet, Tuple};
use super::places::Place;
use super::recent::Recent;
use super::rules::Rules;
use super::tcp::{self, Step};
use crate::packet::Direction;

/// A filter with all that it knows.
#[derive(Debug)]
pub struct Tracker {
    rules: Rules,
    flows: Flows,
    fragments: Fragments,
    refused: Refusals,
    recent: Recent,
}

impl Tracker {
    /// A tracker that lets nothing through until it is given a filter.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            rules: Rules::default(),
            flows: Flows::new(limits, 0),
            fragments: Fragments::new(limits, 0),
            refused: Refusal::ALL
                .into_iter()
                .flat_map(Refusal::causes)
                .map(|cause| (cause, 0))
                .collect::<Vec<_>>()
                .into(),
            recent: Recent::default(),
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

    /// How many packets were refused since the tracker was made.
    #[must_use]
    pub const fn refused(&self) -> &Refusals {
        &self.refused
    }

    /// Which ones were refused last.
    #[must_use]
    pub const fn recent(&self) -> &Recent {
        &self.recent
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
        let packet = Packet::read(packet).map_err(|_| Refusal::Malformed);
        let result = packet.and_then(|packet| {
            let judged = self.judge(now, direction, &packet);
            if judged.is_err() {
                self.recent.count(flow_of(&packet));
            }
            judged
        });
        if let Err(why) = result {
            self.refused.add(why.going(direction.way()), 1);
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
        let from = self.rules.places.find(packet.source);
        let to = self.rules.places.find(packet.destination);
        if !is_in_place(from, to, direction) {
            return Err(Refusal::Misplaced);
        }
        let (opening, progress) = opening(packet).ok_or(Refusal::Invalid)?;
        let (Some(from), Some(to)) = (from, to) else {
            return Err(Refusal::Unknown);
        };
        let flow = net::Flow {
            source: packet.source,
            destination: packet.destination,
            opening,
        };
        if let Some(why) = self.rules.decide_between(flow, from, to).refusal() {
            return Err(why);
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
        let end = match direction {
            Direction::FromTunnel => packet.source,
            Direction::ToTunnel => packet.destination,
        };
        if self
            .rules
            .places
            .find(end)
            .is_some_and(|place| !place.is_outside)
        {
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

/// The same of a packet that opens a flow; one from outside to outside opens it as it leaves the tunnel. Whose address is nobody's
/// is not inside.
fn is_in_place(from: Option<Place>, to: Option<Place>, direction: Direction) -> bool {
    let is_inside = |place: Option<Place>| place.is_some_and(|place| !place.is_outside);
    match direction {
        Direction::FromTunnel => !is_inside(from),
        Direction::ToTunnel => is_inside(from) && !is_inside(to),
    }
}

fn flow_of(packet: &Packet) -> RefusedFlow {
    let port = match packet.content {
        Content::Tcp { destination, .. } | Content::Udp { destination, .. } => Some(destination),
        Content::Query { .. } | Content::Error(_) | Content::Other | Content::Rest => None,
    };
    RefusedFlow {
        source: packet.source,
        destination: packet.destination,
        protocol: packet.protocol,
        port,
        packets: 1,
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
