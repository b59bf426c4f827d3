//! What a gateway refuses: which way it was going, why, and what it was lately.
//!
//! Rules only allow, so that no rule refuses a packet: what can be said is what was missing.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

/// Flows of [`RefusedFlow`] that a gateway tells. Chosen: what people look at.
pub const RECENT_MAX: usize = 16;

/// Why a packet does not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    /// It came out of the tunnel of a host that does not have its source.
    Spoofed,
}

/// Which way a refused packet was going.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// From outside into the network.
    Inbound,
    /// From the network to outside.
    Outbound,
    /// Between two that no path joins, whatever rules there are: linked hosts, what is behind the network, addresses that are
    /// nobody's or not their sender's.
    Path,
}

/// A way and a reason: packets are counted by these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cause {
    /// The way.
    pub way: Way,
    /// The reason.
    pub why: Refusal,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Malformed,
        Self::Misplaced,
        Self::Unknown,
        Self::NoPath,
        Self::NoEgress,
        Self::NoIngress,
        Self::Invalid,
        Self::Fragment,
        Self::Spoofed,
    ];

    /// In a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Misplaced => "misplaced",
            Self::Unknown => "unknown",
            Self::NoPath => "no_path",
            Self::NoEgress => "no_egress",
            Self::NoIngress => "no_ingress",
            Self::Invalid => "invalid",
            Self::Fragment => "fragment",
            Self::Spoofed => "spoofed",
        }
    }

    /// Whether no path joins the ends of what is refused for it.
    #[must_use]
    pub const fn is_of_paths(self) -> bool {
        matches!(
            self,
            Self::Misplaced | Self::Unknown | Self::NoPath | Self::Spoofed
        )
    }

    /// The causes that it may be of.
    pub fn causes(self) -> impl Iterator<Item = Cause> {
        let ways = Way::ALL.into_iter();
        let ways = ways.filter(move |way| (*way == Way::Path) == self.is_of_paths());
        ways.map(move |way| Cause { way, why: self })
    }

    /// The cause of a packet that goes `way`, which is in or out.
    #[must_use]
    pub const fn going(self, way: Way) -> Cause {
        let way = if self.is_of_paths() { Way::Path } else { way };
        Cause { way, why: self }
    }
}

impl Way {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Inbound, Self::Outbound, Self::Path];

    /// In a word, as a dimension of metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inbound => "Inbound",
            Self::Outbound => "Outbound",
            Self::Path => "Path",
        }
    }
}

impl Cause {
    /// A name that no other has, such as `no_path` or `no_ingress_inbound`.
    #[must_use]
    pub fn name(self) -> String {
        match self.way {
            Way::Path => self.why.name().to_owned(),
            Way::Inbound => format!("{}_inbound", self.why.name()),
            Way::Outbound => format!("{}_outbound", self.why.name()),
        }
    }
}

/// Packets that were refused, by cause. Who counts has every cause, also those of no packet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(Cause, u64)>", into = "Vec<(Cause, u64)>")]
pub struct Refusals(BTreeMap<Cause, u64>);

impl Refusals {
    /// Adds packets of a cause.
    pub fn add(&mut self, cause: Cause, packets: u64) {
        *self.0.entry(cause).or_default() += packets;
    }

    /// The causes with their packets.
    pub fn iter(&self) -> impl Iterator<Item = (Cause, u64)> {
        self.0.iter().map(|(cause, packets)| (*cause, *packets))
    }

    /// All packets.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// Packets that were going a way.
    #[must_use]
    pub fn going(&self, way: Way) -> u64 {
        let own = self.iter().filter(|(cause, _)| cause.way == way);
        own.map(|(_, packets)| packets).sum()
    }

    /// Whether nobody has counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<(Cause, u64)>> for Refusals {
    fn from(counts: Vec<(Cause, u64)>) -> Self {
        Self(counts.into_iter().collect())
    }
}

impl From<Refusals> for Vec<(Cause, u64)> {
    fn from(refusals: Refusals) -> Self {
        refusals.0.into_iter().collect()
    }
}

impl Extend<(Cause, u64)> for Refusals {
    fn extend<I: IntoIterator<Item = (Cause, u64)>>(&mut self, counts: I) {
        for (cause, packets) in counts {
            self.add(cause, packets);
        }
    }
}

/// All that a gateway says of what it refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// Packets since it began.
    pub counts: Refusals,
    /// What was refused last, the newest first: at most [`RECENT_MAX`].
    pub recent: Vec<RefusedFlow>,
}

/// Packets that were refused lately, of one flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedFlow {
    /// From.
    pub source: Ipv4Addr,
    /// To.
    pub destination: Ipv4Addr,
    /// The number of the protocol.
    pub protocol: u8,
    /// The destination's port, of TCP and UDP.
    pub port: Option<u16>,
    /// How many.
    pub packets: u64,
}

impl RefusedFlow {
    /// Whether it is the same flow, however many packets.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let packets = self.packets;
        *self
            == Self {
                packets,
                ..other.clone()
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_of_both_ways_or_of_paths() {
        let names: Vec<String> = Refusal::ALL
            .into_iter()
            .flat_map(Refusal::causes)
            .map(Cause::name)
            .collect();
        let paths = ["misplaced", "unknown", "no_path", "spoofed"];
        assert_eq!(names.len(), paths.len() + 2 * 5);
        assert!(paths.iter().all(|path| names.iter().any(|it| it == path)));
        assert_eq!(Refusal::NoPath.going(Way::Inbound).way, Way::Path);
        assert_eq!(Refusal::NoEgress.going(Way::Outbound).way, Way::Outbound);
    }

    #[test]
    fn counts_are_added_by_cause_and_read_as_they_were_written() {
        let mut counts = Refusals::default();
        assert!(counts.is_empty());
        counts.add(Refusal::NoIngress.going(Way::Inbound), 2);
        counts.add(Refusal::NoIngress.going(Way::Outbound), 3);
        counts.extend([(Refusal::Spoofed.going(Way::Inbound), 4)]);
        let ways = Way::ALL.map(|way| counts.going(way));
        assert_eq!((ways, counts.total()), ([2, 3, 4], 9));
    }
}
