//! A [`net::Filter`] as a ruleset of nftables: one table, replaced in one transaction.
//!
//! ```text
//! from or to the tunnel ─ placed rightly? ─ path between the zones? ─ open already? ── accept
//!                                                                          │ no
//!                                    egress of the source's class ─ ingress of the destination's ── accept
//! ```
//! Whatever the number of hosts, a packet of an open flow meets some ten rules, and one more for each peering; one that opens a flow
//! meets the rules of two classes besides. All other traffic of the gateway's host meets two comparisons of names and goes on.
//!
//! INVARIANT: what meets the tunnel and no rule is dropped. Names are numbers: no text from a filter stands in the ruleset.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::Ipv4Addr;

use net::refusal::Cause;
use net::rule::{ICMP, TCP, UDP};
use net::{Filter, Peer, Ports, Refusal, Rule, Traffic, Way, Zone};

use crate::filter::places::{Class, Place, Places};

/// The sets of what was refused lately: of protocols with ports, and of others.
pub const RECENT_SETS: [&str; 2] = ["recent_ports", "recent"];
/// How long a flow that is refused no more stays in these, in seconds. Chosen: longer than two reports of a gateway are apart.
const RECENT_SECS: u32 = 60;
/// Flows in each of them; who sends more different ones within that time is counted, and not shown. Chosen: some 200 KiB.
const RECENT_FLOWS: u32 = 1024;

/// What packets are counted by: the kernel puts pieces together itself, and a spoofed source does not get so far.
pub fn causes() -> impl Iterator<Item = Cause> {
    let own = Refusal::ALL.into_iter();
    own.filter(|why| !matches!(why, Refusal::Fragment | Refusal::Spoofed))
        .flat_map(Refusal::causes)
}

/// What a ruleset enforces, and where.
#[derive(Clone, Copy, Debug)]
pub struct Ruleset<'a> {
    /// The table's name; it is this ruleset's alone.
    pub table: &'a str,
    /// The tunnel's device.
    pub device: &'a str,
    /// The rules.
    pub filter: &'a Filter,
}

impl Ruleset<'_> {
    /// The text for `nft -f -`, which replaces the table by this one, or makes it.
    #[must_use]
    pub fn text(&self) -> String {
        let places = Places::of(self.filter);
        let mut out = Out::default();
        let table = self.table;
        out.line(format_args!("table inet {table}"));
        out.line(format_args!("delete table inet {table}"));
        out.line(format_args!("table inet {table} {{"));
        for cause in causes() {
            out.line(format_args!("counter {} {{ }}", cause.name()));
        }
        self.refusals(&mut out);
        let groups = group_sets(self.filter, &places, &mut out);
        let zones: Vec<Sets> = (0u32..)
            .zip(&places.zones)
            .map(|(at, _)| {
                let is_in = |place| places.class(place).is_some_and(|class| class.zone == at);
                out.sets(&format!("zone{at}"), &spans(&places, is_in))
            })
            .collect();
        let chains: Vec<Chains> = places
            .classes
            .iter()
            .map(|class| self.class(&mut out, &places, &groups, class))
            .collect();
        for (at, from) in places.zones.iter().enumerate() {
            self.paths(&mut out, &places, &zones, from, &format!("from{at}"));
        }
        self.decisions(&mut out, &places, &zones, &chains);
        self.hooks(&mut out, &places, &zones);
        out.line(format_args!("}}"));
        out.text
    }

    /// A chain for each reason, which notes the packet, counts it by its way, and drops it.
    fn refusals(&self, out: &mut Out) {
        let flow = "ip saddr . ip daddr . meta l4proto";
        let kind = "ipv4_addr . ipv4_addr . inet_proto";
        let [ports, others] = RECENT_SETS;
        for (set, kind) in [
            (ports, format!("{kind} . inet_service")),
            (others, kind.to_owned()),
        ] {
            out.line(format_args!(
                "set {set} {{ type {kind}; flags dynamic,timeout; timeout {RECENT_SECS}s; size {RECENT_FLOWS}; }}"
            ));
        }
        // Where a set is full the rule ends, and the next one is met.
        let note = [
            format!("meta l4proto {{ tcp, udp }} update @{ports} {{ {flow} . th dport counter }}"),
            format!("meta l4proto != {{ tcp, udp }} update @{others} {{ {flow} counter }}"),
        ];
        out.chain("note", &note);
        for why in Refusal::ALL {
            let own = causes().filter(|cause| cause.why == why);
            let mut rules: Vec<String> = own
                .map(|cause| {
                    let from = match cause.way {
                        Way::Inbound => format!("iifname \"{}\" ", self.device),
                        Way::Outbound | Way::Path => String::new(),
                    };
                    format!("{from}counter name {} drop", cause.name())
                })
                .collect();
            if !rules.is_empty() {
                rules.insert(0, "jump note".to_owned());
                out.chain(&format!("refuse_{}", why.name()), &rules);
            }
        }
    }

    /// The chains of a class: each returns where a rule allows, and drops at its end.
    fn class(&self, out: &mut Out, places: &Places, groups: &Groups, class: &Class) -> Chains {
        let zone = usize::try_from(class.zone)
            .ok()
            .and_then(|at| places.zones.get(at));
        if zone.is_none_or(Zone::is_remote) {
            let ungoverned = out.rules(vec!["return".to_owned()]);
            return Chains {
                egress: ungoverned,
                ingress: ungoverned,
            };
        }
        let own = || {
            let ids = class.groups.iter();
            ids.filter_map(|id| self.filter.groups.get(id))
        };
        let egress = own().flat_map(|group| &group.egress);
        let ingress = own().flat_map(|group| &group.ingress);
        Chains {
            egress: out.rules(lines(egress, "daddr", groups, Refusal::NoEgress)),
            ingress: out.rules(lines(ingress, "saddr", groups, Refusal::NoIngress)),
        }
    }

    /// Where packets of flows from a zone may go. Paths may lead one way, so an answer is asked for that of the flow's first
    /// packet.
    fn paths(&self, out: &mut Out, places: &Places, zones: &[Sets], from: &Zone, chain: &str) {
        let to = places.zones.iter().zip(zones);
        let mut lines: Vec<String> = to
            .flat_map(|(to, sets)| {
                let verdict = if self.filter.paths.contains(&(from.clone(), to.clone())) {
                    "goto open".to_owned()
                } else {
                    dropped(Refusal::NoPath)
                };
                sets.each(|set| format!("ct original ip daddr @{set} {verdict}"))
            })
            .collect();
        lines.push(dropped(Refusal::Unknown));
        out.chain(chain, &lines);
    }

    /// What is asked of each packet that is placed rightly, and of one that opens a flow.
    fn decisions(&self, out: &mut Out, places: &Places, zones: &[Sets], chains: &[Chains]) {
        let egress: fn(&Chains) -> usize = |chains| chains.egress;
        let ingress: fn(&Chains) -> usize = |chains| chains.ingress;
        let maps = [("egress", "saddr", egress), ("ingress", "daddr", ingress)];
        let asked = maps.map(|(name, field, chain)| {
            let (exact, ranges) = elements(places, chains, chain);
            let maps = out.maps(name, &exact, &ranges);
            maps.each(|map| format!("ip {field} vmap @{map}"))
        });
        let mut open = vec![
            "ct state established accept".to_owned(),
            format!("icmp type redirect {}", dropped(Refusal::Invalid)),
            "meta l4proto icmp ct state related accept".to_owned(),
            format!("ct state != new {}", dropped(Refusal::Invalid)),
        ];
        open.extend(asked.concat());
        open.push("accept".to_owned());
        out.chain("open", &open);

        let mut governed = vec![format!(
            "ct state != {{ new, established, related }} {}",
            dropped(Refusal::Invalid)
        )];
        for (at, sets) in zones.iter().enumerate() {
            governed.extend(sets.each(|set| format!("ct original ip saddr @{set} goto from{at}")));
        }
        governed.push(dropped(Refusal::Unknown));
        out.chain("governed", &governed);
    }

    fn hooks(&self, out: &mut Out, places: &Places, zones: &[Sets]) {
        let inside = places.zones.iter().zip(zones);
        let inside = inside.filter(|(zone, _)| **zone == Zone::Inside);
        let inside: Vec<&Sets> = inside.map(|(_, sets)| sets).collect();
        let each = |line: &dyn Fn(&str) -> String| {
            let all = inside.iter().flat_map(|sets| sets.each(line));
            all.collect::<Vec<String>>()
        };
        let only_ipv4 = format!("meta nfproto != ipv4 {}", dropped(Refusal::Malformed));
        let mut from_tunnel = vec![only_ipv4.clone()];
        from_tunnel.extend(each(&|set| {
            format!("ip saddr @{set} {}", dropped(Refusal::Misplaced))
        }));
        from_tunnel.push("goto governed".to_owned());
        out.chain("from_tunnel", &from_tunnel);

        let mut to_tunnel = vec![only_ipv4];
        to_tunnel.extend(each(&|set| {
            format!("ip daddr @{set} {}", dropped(Refusal::Misplaced))
        }));
        // An error comes from any router on the way, which is nobody here.
        let errors = "destination-unreachable, source-quench, time-exceeded, parameter-problem";
        to_tunnel.push(format!("icmp type {{ {errors} }} goto governed"));
        to_tunnel.extend(each(&|set| format!("ip saddr @{set} goto governed")));
        to_tunnel.push(dropped(Refusal::Misplaced));
        out.chain("to_tunnel", &to_tunnel);

        let device = self.device;
        let from = format!("iifname \"{device}\" goto from_tunnel");
        let to = format!("oifname \"{device}\" goto to_tunnel");
        let hook = |hook: &str| format!("type filter hook {hook} priority filter; policy accept;");
        out.chain("forward", &[hook("forward"), from.clone(), to.clone()]);
        out.chain("input", &[hook("input"), from]);
        out.chain("output", &[hook("output"), to]);
    }
}

/// Refuses and counts.
fn dropped(why: Refusal) -> String {
    format!("goto refuse_{}", why.name())
}

/// The names of one or two sets or maps that together have all of their elements: single addresses, which take a third of the
/// room, and ranges. Where there are no elements there is no set.
///
/// A ruleset is one message to the kernel, and without privileges in the first user namespace that has a bound: twice
/// `net.core.wmem_max`, 416 KiB.
#[derive(Clone, Debug, Default)]
struct Sets(Vec<String>);

impl Sets {
    fn each(&self, line: impl Fn(&str) -> String) -> Vec<String> {
        self.0.iter().map(|name| line(name)).collect()
    }
}

/// The sets of the groups that rules name.
type Groups = BTreeMap<String, Sets>;

fn group_sets(filter: &Filter, places: &Places, out: &mut Out) -> Groups {
    let groups = filter.groups.values();
    let rules = groups.flat_map(|group| group.ingress.iter().chain(&group.egress));
    let named: BTreeSet<&String> = rules
        .filter_map(|rule| match &rule.peer {
            Peer::Group(id) => Some(id),
            Peer::Range(_) => None,
        })
        .collect();
    let set = |(at, id): (usize, &String)| {
        let has = |place| {
            let class = places.class(place);
            class.is_some_and(|class| class.groups.contains(id))
        };
        (
            id.clone(),
            out.sets(&format!("group{at}"), &spans(places, has)),
        )
    };
    named.into_iter().enumerate().map(set).collect()
}

/// Single addresses and ranges, each with the jump to a chain of its class.
fn elements(
    places: &Places,
    chains: &[Chains],
    chain: fn(&Chains) -> usize,
) -> (Vec<String>, Vec<String>) {
    let of = |place: Place| {
        let class = usize::try_from(place.class).ok()?;
        chains.get(class).map(chain)
    };
    let (mut exact, mut ranges) = (Vec::new(), Vec::new());
    let used: BTreeSet<usize> = chains.iter().map(chain).collect();
    for at in used {
        for (first, last) in spans(places, |place| of(place) == Some(at)) {
            let element = format!("{} : jump r{at}", range(first, last));
            if first == last {
                exact.push(element);
            } else {
                ranges.push(element);
            }
        }
    }
    (exact, ranges)
}

/// The numbers of a class's chains. Classes whose rules are the same share them.
#[derive(Clone, Copy, Debug)]
struct Chains {
    egress: usize,
    ingress: usize,
}

/// The addresses of places that `is_one` says are some, in as few ranges as there may be.
fn spans(places: &Places, is_one: impl Fn(Place) -> bool) -> Vec<(u32, u32)> {
    let mut joined: Vec<(u32, u32)> = Vec::new();
    for span in places.spans().iter().filter(|span| is_one(span.place)) {
        match joined.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(span.first) => *last = span.last,
            _ => joined.push((span.first, span.last)),
        }
    }
    joined
}

fn range(first: u32, last: u32) -> String {
    let (from, to) = (Ipv4Addr::from(first), Ipv4Addr::from(last));
    if first == last {
        from.to_string()
    } else {
        format!("{from}-{to}")
    }
}

/// The rules of a class, where `other` is the field with the other side's address; behind them, the packet is refused.
fn lines<'a>(
    rules: impl Iterator<Item = &'a Rule>,
    other: &str,
    groups: &Groups,
    why: Refusal,
) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for rule in rules {
        let Some(traffic) = traffic(rule.traffic) else {
            continue;
        };
        for peer in peers(&rule.peer, other, groups) {
            let line = format!("{traffic}{peer}return");
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    lines.push(dropped(why));
    lines
}

fn peers(peer: &Peer, other: &str, groups: &Groups) -> Vec<String> {
    match peer {
        Peer::Range(range) if range.prefix_len() == 0 => vec![String::new()],
        Peer::Range(range) => vec![format!("ip {other} {} ", range.trunc())],
        Peer::Group(id) => groups.get(id).map_or_else(Vec::new, |sets| {
            sets.each(|set| format!("ip {other} @{set} "))
        }),
    }
}

/// `None`: a rule that nothing meets, as protocols that have rules of their own are never met by their number.
fn traffic(traffic: Traffic) -> Option<String> {
    let ports = |name: &str, ports: Ports| match ports {
        Ports::ALL => Some(format!("meta l4proto {name} ")),
        Ports { from, to } if from == to => Some(format!("{name} dport {from} ")),
        Ports { from, to } => (from < to).then(|| format!("{name} dport {from}-{to} ")),
    };
    match traffic {
        Traffic::All => Some(String::new()),
        Traffic::Tcp(own) => ports("tcp", own),
        Traffic::Udp(own) => ports("udp", own),
        Traffic::Icmp { kind, code } => {
            let kind = kind.map(|kind| format!("icmp type {kind} "));
            let code = code.map(|code| format!("icmp code {code} "));
            let both = [kind, code].into_iter().flatten().collect::<String>();
            Some(if both.is_empty() {
                "meta l4proto icmp ".to_owned()
            } else {
                both
            })
        }
        Traffic::Other(ICMP | TCP | UDP) => None,
        Traffic::Other(number) => Some(format!("meta l4proto {number} ")),
    }
}

/// The text as it grows.
#[derive(Default)]
struct Out {
    text: String,
    /// Chains of rules by what is in them.
    rules: BTreeMap<Vec<String>, usize>,
}

impl Out {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = writeln!(self.text, "{line}");
    }

    fn sets(&mut self, name: &str, spans: &[(u32, u32)]) -> Sets {
        let (exact, ranges): (Vec<_>, Vec<_>) =
            spans.iter().partition(|(first, last)| first == last);
        let text = |spans: Vec<&(u32, u32)>| {
            let spans = spans.into_iter();
            spans
                .map(|&(first, last)| range(first, last))
                .collect::<Vec<String>>()
        };
        self.both("set", name, "ipv4_addr", &text(exact), &text(ranges))
    }

    fn maps(&mut self, name: &str, exact: &[String], ranges: &[String]) -> Sets {
        self.both("map", name, "ipv4_addr : verdict", exact, ranges)
    }

    fn both(
        &mut self,
        what: &str,
        name: &str,
        kind: &str,
        exact: &[String],
        ranges: &[String],
    ) -> Sets {
        let mut names = Vec::new();
        let parts = [("", "", exact), ("_ranges", "flags interval; ", ranges)];
        for (suffix, flags, elements) in parts.into_iter().filter(|part| !part.2.is_empty()) {
            let elements = elements.join(", ");
            self.line(format_args!(
                "{what} {name}{suffix} {{ type {kind}; {flags}elements = {{ {elements} }}; }}"
            ));
            names.push(format!("{name}{suffix}"));
        }
        Sets(names)
    }

    /// The number of the chain `r…` with these rules.
    fn rules(&mut self, rules: Vec<String>) -> usize {
        let next = self.rules.len();
        if let Some(at) = self.rules.get(&rules) {
            return *at;
        }
        self.chain(&format!("r{next}"), &rules);
        self.rules.insert(rules, next);
        next
    }

    fn chain(&mut self, name: &str, rules: &[String]) {
        self.line(format_args!("chain {name} {{"));
        for rule in rules {
            self.line(format_args!("{rule}"));
        }
        self.line(format_args!("}}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::samples;

    fn text(filter: &Filter) -> String {
        let ruleset = Ruleset {
            table: "shukuba",
            device: "skb0",
            filter,
        };
        ruleset.text()
    }

    #[test]
    fn the_rules_that_a_packet_meets_do_not_grow_with_the_hosts() {
        let mut filter = samples::filter();
        let host = filter
            .hosts
            .get(&Ipv4Addr::new(10, 64, 0, 4))
            .cloned()
            .unwrap();
        let mut with = |hosts: std::ops::Range<u32>| {
            for at in hosts {
                let address = Ipv4Addr::from(0x0a41_0000 + at * 2);
                filter.hosts.insert(address, host.clone());
            }
            text(&filter).lines().count()
        };
        assert_eq!(with(0..10), with(10..1000));
    }

    #[test]
    fn only_the_own_table_is_touched_and_no_name_of_a_filter_stands_in_it() {
        let text = text(&samples::filter());
        let tables = text.lines().filter(|line| line.contains("table"));
        let tables: Vec<&str> = tables.collect();
        assert_eq!(
            tables,
            [
                "table inet shukuba",
                "delete table inet shukuba",
                "table inet shukuba {"
            ]
        );
        assert!(!text.contains("sg-") && !text.contains("pcx"));
    }

    #[test]
    fn a_rule_that_nothing_meets_is_left_out() {
        assert_eq!(traffic(Traffic::Other(6)), None);
        assert_eq!(traffic(Traffic::Tcp(Ports { from: 2, to: 1 })), None);
    }
}
