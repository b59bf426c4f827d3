//! A [`net::Filter`] compiled: the same answers, in two binary searches and a walk over the rules of two classes.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use net::rule::Opening;
use net::{Filter, Flow, Peer, Ports, Rule, Traffic, Verdict, Zone};

use super::places::{Class, Place, Places};

/// A compiled filter.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Whose an address is.
    pub places: Places,
    /// What holds for each class, in the order of [`Places::classes`].
    classes: Vec<ClassRules>,
    /// For each zone, the zones that it has a path to.
    paths: Vec<Vec<u32>>,
}

/// What holds for a class. `None`: another gateway governs it.
#[derive(Clone, Debug, Default)]
struct ClassRules {
    zone: u32,
    egress: Option<Vec<Compiled>>,
    ingress: Option<Vec<Compiled>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Compiled {
    traffic: Traffic,
    peer: Whom,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Whom {
    Range(Ipv4Net),
    /// Classes with the group, as a set of bits.
    Classes(Box<[u64]>),
}

impl Rules {
    /// Compiles `filter`.
    #[must_use]
    pub fn of(filter: &Filter) -> Self {
        let places = Places::of(filter);
        let classes = places.classes.iter();
        let classes = classes
            .map(|class| ClassRules::of(filter, &places, class))
            .collect();
        let zones = || places.zones.iter();
        let paths = zones().map(|from| {
            let has_path = |to: &Zone| filter.paths.contains(&(from.clone(), to.clone()));
            (0..)
                .zip(zones())
                .filter(|(_, to)| has_path(to))
                .map(|(at, _)| at)
                .collect()
        });
        Self {
            paths: paths.collect(),
            classes,
            places,
        }
    }

    /// Whether a flow may be opened; as [`Filter::decide`] says.
    #[must_use]
    pub fn decide(&self, flow: Flow) -> Verdict {
        let from = self.places.find(flow.source);
        let to = self.places.find(flow.destination);
        let (Some(from), Some(to)) = (from, to) else {
            return Verdict::Unknown;
        };
        self.decide_between(flow, from, to)
    }

    /// The same, for who has looked up both ends.
    #[must_use]
    pub fn decide_between(&self, flow: Flow, from: Place, to: Place) -> Verdict {
        let (Some(own), Some(other)) = (self.class(from), self.class(to)) else {
            return Verdict::Unknown;
        };
        if !self.has_path(own.zone, other.zone) {
            return Verdict::NoPath;
        }
        let lets = |rules: &Option<Vec<Compiled>>, address, place: Place| {
            let all = rules.as_deref();
            all.is_none_or(|all| {
                all.iter()
                    .any(|rule| rule.allows(flow.opening, address, place.class))
            })
        };
        if !lets(&own.egress, flow.destination, to) {
            return Verdict::NoEgress;
        }
        if !lets(&other.ingress, flow.source, from) {
            return Verdict::NoIngress;
        }
        Verdict::Allowed
    }

    /// Whether both addresses are somebody's, with a path from the one to the other.
    #[must_use]
    pub fn is_connected(&self, from: Place, to: Place) -> bool {
        match (self.class(from), self.class(to)) {
            (Some(from), Some(to)) => self.has_path(from.zone, to.zone),
            _ => false,
        }
    }

    /// Whether an open flow goes on when these rules take the place of `old` ones.
    ///
    /// As on AWS, what the rules say now does not matter to a flow that was tracked; but TCP and UDP that a rule opens to all
    /// addresses, where one opens all ports of theirs the other way, count as untracked, and end with the rule. And a flow ends
    /// with the path between its ends.
    #[must_use]
    pub fn keeps(&self, old: &Self, flow: Flow) -> bool {
        let find = |rules: &Self| {
            let from = rules.places.find(flow.source)?;
            Some((from, rules.places.find(flow.destination)?))
        };
        let Some((from, to)) = find(self) else {
            return false;
        };
        let is_untracked = find(old).is_some_and(|(from, to)| {
            let ends = [(from, Side::Egress), (to, Side::Ingress)];
            ends.into_iter().any(|(place, side)| {
                old.class(place)
                    .is_some_and(|class| class.leaves_untracked(flow.opening, side))
            })
        });
        if is_untracked {
            return self.decide_between(flow, from, to) == Verdict::Allowed;
        }
        self.is_connected(from, to)
    }

    /// Whether a flow is between this network and what is outside, with a path from the one to the other.
    #[must_use]
    pub fn governs(&self, flow: Flow) -> bool {
        let from = self.places.find(flow.source);
        let to = self.places.find(flow.destination);
        from.zip(to).is_some_and(|(from, to)| {
            (from.is_outside || to.is_outside) && self.is_connected(from, to)
        })
    }

    fn class(&self, place: Place) -> Option<&ClassRules> {
        self.classes.get(usize::try_from(place.class).ok()?)
    }

    fn has_path(&self, from: u32, to: u32) -> bool {
        let paths = usize::try_from(from)
            .ok()
            .and_then(|from| self.paths.get(from));
        paths.is_some_and(|paths| paths.contains(&to))
    }
}

impl ClassRules {
    fn of(filter: &Filter, places: &Places, class: &Class) -> Self {
        let zone = usize::try_from(class.zone)
            .ok()
            .and_then(|at| places.zones.get(at));
        let is_governed = zone.is_some_and(|zone| !zone.is_remote());
        let groups = || class.groups.iter().filter_map(|id| filter.groups.get(id));
        let all = |rules: Vec<&Rule>| {
            let mut all: Vec<Compiled> = Vec::with_capacity(rules.len());
            for rule in rules {
                let rule = Compiled::of(rule, places);
                if !all.contains(&rule) {
                    all.push(rule);
                }
            }
            all
        };
        Self {
            zone: class.zone,
            egress: is_governed.then(|| all(groups().flat_map(|group| &group.egress).collect())),
            ingress: is_governed.then(|| all(groups().flat_map(|group| &group.ingress).collect())),
        }
    }
}

/// Which rules of a class a flow's first packet is asked of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Egress,
    Ingress,
}

impl ClassRules {
    fn leaves_untracked(&self, opening: Opening, side: Side) -> bool {
        let (Some(egress), Some(ingress)) = (&self.egress, &self.ingress) else {
            return false;
        };
        let (there, back) = match side {
            Side::Egress => (egress, ingress),
            Side::Ingress => (ingress, egress),
        };
        let all_ports = match opening {
            Opening::Tcp(_) => Traffic::Tcp(Ports::ALL),
            Opening::Udp(_) => Traffic::Udp(Ports::ALL),
            Opening::Icmp(..) | Opening::Other(_) => return false,
        };
        let mut there = there.iter().filter(|rule| rule.is_for_all());
        let mut back = back.iter().filter(|rule| rule.is_for_all());
        there.any(|rule| rule.traffic.covers(opening))
            && back.any(|rule| rule.traffic == Traffic::All || rule.traffic == all_ports)
    }
}

impl Compiled {
    fn is_for_all(&self) -> bool {
        matches!(&self.peer, Whom::Range(range) if range.prefix_len() == 0)
    }

    fn of(rule: &Rule, places: &Places) -> Self {
        let peer = match &rule.peer {
            Peer::Range(range) => Whom::Range(*range),
            Peer::Group(id) => Whom::Classes(classes_with(id, places)),
        };
        Self {
            traffic: rule.traffic,
            peer,
        }
    }

    fn allows(&self, opening: Opening, address: Ipv4Addr, class: u32) -> bool {
        self.traffic.covers(opening)
            && match &self.peer {
                Whom::Range(range) => range.contains(&address),
                Whom::Classes(bits) => {
                    let word = usize::try_from(class / u64::BITS)
                        .ok()
                        .and_then(|at| bits.get(at));
                    word.is_some_and(|word| word & (1 << (class % u64::BITS)) != 0)
                }
            }
    }
}

fn classes_with(id: &str, places: &Places) -> Box<[u64]> {
    let words = places.classes.chunks(64).map(|classes| {
        let bits = (0..).zip(classes);
        let bits = bits.filter(|(_, class)| class.groups.contains(id));
        bits.fold(0u64, |word, (bit, _): (u32, _)| word | 1 << bit)
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::filter::samples;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn compiled_rules_say_what_the_filter_says(filter in samples::any_filter(), flows in samples::any_flows(64)) {
            let rules = Rules::of(&filter);
            for flow in flows {
                prop_assert_eq!(rules.decide(flow), filter.decide(flow), "{:?}", flow);
            }
        }
    }

    #[test]
    fn more_classes_than_a_word_has_bits() {
        let mut filter = samples::filter();
        for host in 0..200u8 {
            let groups = [format!("sg-{host}"), "sg-app".to_owned()].into();
            let zone = Zone::Linked;
            filter
                .hosts
                .insert([10, 64, 1, host].into(), net::Host { zone, groups });
        }
        let rules = Rules::of(&filter);
        for host in 0..=255u8 {
            let flow = samples::flow(
                &format!("10.64.1.{host}"),
                "172.16.0.10",
                Opening::Tcp(6001),
            );
            assert_eq!(rules.decide(flow), filter.decide(flow), "{host}");
        }
    }
}
