//! The same packets through nftables and through the filter in this process, in a network namespace that the test makes for itself.
//!
//! Each ruleset has a namespace of its own, without privileges where user namespaces are allowed: the test runs itself under
//! `unshare`. Two pairs of veth devices are the tunnel and the network; packets are sent at their far ends, and a table of the test
//! notes what comes out. Where that cannot be (no `unshare`, no `nft`), the test says so and passes, unless
//! `NETNS_REQUIRED=1`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::time::Duration;

use net::refusal::Refused;
use net::{Filter, Flow, Refusal, RefusedFlow, Verdict, Way, Zone};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::Nft;
use crate::filter::samples::{self, ACK, FIN, RST, SYN};
use crate::filter::{Limits, Tracker};
use crate::guard::Guard as _;
use crate::packet::Direction;

/// Says to a test that it is in its namespace, and which seed it has.
const INSIDE: &str = "SHUKUBA_TEST_NAMESPACE";
const RULESETS: u64 = 16;
const FLOWS: usize = 150;

/// Runs `inside` with each seed in a namespace of its own.
fn in_namespaces(test: &str, seeds: std::ops::Range<u64>, inside: impl Fn(u64)) {
    if let Ok(seed) = std::env::var(INSIDE) {
        inside(seed.parse().unwrap());
        return;
    }
    let missing = || {
        let tries: [&[&str]; 2] = [&["unshare", "-Urn", "nft", "list", "tables"], &["ip", "-V"]];
        tries.into_iter().find(|words| {
            let output = Command::new(words[0]).args(&words[1..]).output();
            !output.is_ok_and(|output| output.status.success())
        })
    };
    if let Some(words) = missing() {
        let is_required = std::env::var("NETNS_REQUIRED").is_ok_and(|value| value == "1");
        assert!(!is_required, "`{}` does not work", words.join(" "));
        eprintln!("skipped: `{}` does not work here", words.join(" "));
        return;
    }
    for seed in seeds {
        let output = Command::new("unshare")
            .args(["-Urn", "--"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(INSIDE, seed.to_string())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "seed {seed}:\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

fn feed(program: &str, arguments: &[&str], input: &str) -> String {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{program} {arguments:?} with\n{input}"
    );
    String::from_utf8(output.stdout).unwrap()
}

/// A gateway between `skb0`, whose far end is `far0`, and `lan0`, whose far end is `near0`.
struct Gateway {
    far: Socket,
    near: Socket,
    nft: Nft,
    runtime: tokio::runtime::Runtime,
    /// Addresses that are reached through the tunnel.
    outside: BTreeSet<Ipv4Addr>,
}

const PROBE: &str = r#"
table inet probe {
    set passed { typeof ip id; flags dynamic; size 65535; }
    chain after { type filter hook postrouting priority 300; policy accept; oifname { "skb0", "lan0" } add @passed { ip id }; }
    chain untracked { type filter hook output priority raw; policy accept; oifname { "far0", "near0" } notrack; }
    chain ends { type filter hook prerouting priority raw; policy accept; iifname { "far0", "near0" } drop; }
}
"#;

impl Gateway {
    fn new(outside: BTreeSet<Ipv4Addr>, all: &BTreeSet<Ipv4Addr>) -> Self {
        let set =
            |path: &str, value: &str| fs::write(format!("/proc/sys/net/{path}"), value).unwrap();
        set("ipv4/ip_forward", "1");
        for kind in ["all", "default"] {
            set(&format!("ipv4/conf/{kind}/rp_filter"), "0");
            set(&format!("ipv4/conf/{kind}/send_redirects"), "0");
        }
        let mut links = String::new();
        for (own, far) in [("skb0", "far0"), ("lan0", "near0")] {
            let mac = "02:00:00:00:00:01";
            links +=
                &format!("link add {own} address {mac} type veth peer name {far} address {mac}\n");
            for device in [own, far] {
                links += &format!("link set {device} arp off up\n");
            }
        }
        for address in all {
            let device = if outside.contains(address) {
                "skb0"
            } else {
                "lan0"
            };
            links += &format!("route add {address}/32 dev {device}\n");
        }
        feed("ip", &["-batch", "-"], &links);
        feed("nft", &["-f", "-"], PROBE);
        // What this crate's own filter does not look at either: numbers of TCP against windows.
        set("netfilter/nf_conntrack_tcp_be_liberal", "1");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        Self {
            far: raw("far0"),
            near: raw("near0"),
            nft: Nft::new("shukuba", "skb0").unwrap(),
            runtime,
            outside,
        }
    }

    fn apply(&mut self, filter: &Filter) {
        self.runtime.block_on(self.nft.apply(filter)).unwrap();
    }

    /// Sends a packet that is named `id`, and says from where it comes.
    fn send(&self, id: u16, packet: &[u8]) -> Direction {
        let mut packet = packet.to_vec();
        samples::set_id(&mut packet, id);
        let address = |at: usize| Ipv4Addr::from(<[u8; 4]>::try_from(&packet[at..at + 4]).unwrap());
        let to = SockAddr::from(SocketAddr::from((address(16), 0)));
        if self.outside.contains(&address(12)) {
            self.far.send_to(&packet, &to).unwrap();
            Direction::FromTunnel
        } else {
            self.near.send_to(&packet, &to).unwrap();
            Direction::ToTunnel
        }
    }

    fn counters(&self) -> BTreeMap<String, u64> {
        let counters = self.runtime.block_on(self.nft.counters()).unwrap();
        counters.into_iter().collect()
    }

    /// What has passed, once it or its refusal is known of all `sent` packets. What the kernel itself drops, a malformed packet
    /// before any table, is `lost`.
    fn passed(&self, sent: usize) -> BTreeSet<u16> {
        for _ in 0..200 {
            let said = feed("nft", &["-j", "list", "set", "inet", "probe", "passed"], "");
            let said: serde_json::Value = serde_json::from_str(&said).unwrap();
            let elements = said["nftables"][1]["set"]["elem"].as_array();
            let element = |one: &serde_json::Value| {
                let one = one.get("elem").map_or(one, |elem| &elem["val"]);
                u16::try_from(one.as_u64().unwrap()).unwrap()
            };
            let passed: BTreeSet<u16> = elements.into_iter().flatten().map(element).collect();
            let refused: u64 = self.counters().values().sum();
            if passed.len() + usize::try_from(refused).unwrap() >= sent {
                return passed;
            }
        }
        panic!(
            "of {sent} packets some neither passed nor were refused: {:?}",
            self.counters()
        );
    }
}

fn raw(device: &str) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(255))).unwrap();
    socket.set_header_included_v4(true).unwrap();
    socket.bind_device(Some(device.as_bytes())).unwrap();
    socket
}

fn addresses() -> BTreeSet<Ipv4Addr> {
    let bytes = [0, 1, 2, 3, 255];
    let nets = [[172, 16], [10, 64], [192, 168]];
    let all = nets.into_iter().flat_map(|[a, b]| {
        bytes
            .into_iter()
            .flat_map(move |c| bytes.map(|d| Ipv4Addr::new(a, b, c, d)))
    });
    all.collect()
}

/// Packets of a flow, in an order that nobody may count on: the first, answers, errors about it, and what does not belong there.
fn packets(flow: Flow, port: u16, how: u8) -> Vec<Vec<u8>> {
    let first = samples::opening(flow, port);
    let back = samples::answer(&first);
    let flags = samples::with_flags;
    let error = samples::error(
        &flow.destination.to_string(),
        &flow.source.to_string(),
        3,
        &first,
    );
    match how % 8 {
        0 | 1 => vec![first],
        2 => vec![flags(&back, SYN | ACK), first],
        3 => vec![first.clone(), flags(&back, SYN | ACK), flags(&first, ACK)],
        4 => vec![first, error],
        5 => vec![error, flags(&first, FIN | ACK)],
        6 => vec![first.clone(), flags(&back, RST | ACK), first],
        _ => vec![flags(&first, ACK), flags(&back, ACK), flags(&back, SYN)],
    }
}

fn is_outside(filter: &Filter, address: Ipv4Addr) -> bool {
    filter
        .host(address)
        .is_some_and(|host| host.zone != Zone::Inside)
}

/// Random things, the same for a seed.
struct Random(TestRunner);

impl Random {
    fn new(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        Self(TestRunner::new_with_rng(Config::default(), random))
    }

    fn one<S: Strategy>(&mut self, of: S) -> S::Value {
        of.new_tree(&mut self.0).unwrap().current()
    }
}

/// The same packets through both filters.
struct Both {
    gateway: Gateway,
    tracker: Tracker,
    sent: u16,
    /// Those since the rules were put in place, and whether the tracker let them through.
    said: Vec<(u16, Vec<u8>, bool)>,
    /// How many have passed before.
    passed: usize,
}

impl Both {
    fn new(filter: &Filter) -> Self {
        let all = addresses();
        let outside = all.iter().copied();
        let outside = outside.filter(|address| is_outside(filter, *address));
        let mut both = Self {
            gateway: Gateway::new(outside.collect(), &all),
            tracker: Tracker::new(Limits::default()),
            sent: 0,
            said: Vec::new(),
            passed: 0,
        };
        both.apply(filter);
        both
    }

    fn apply(&mut self, filter: &Filter) {
        self.gateway.apply(filter);
        self.tracker.replace(filter);
    }

    fn send(&mut self, packet: Vec<u8>) -> bool {
        self.sent += 1;
        let direction = self.gateway.send(self.sent, &packet);
        let now = Duration::from_secs(1);
        let passes = self.tracker.check(now, direction, &packet).is_ok();
        self.said.push((self.sent, packet, passes));
        passes
    }

    /// Compares what was said of the packets since the last time.
    fn agree(&mut self, filter: &Filter) {
        let passed = self.gateway.passed(self.passed + self.said.len());
        for (id, packet, passes) in self.said.drain(..) {
            let does_pass = passed.contains(&id);
            assert_eq!(does_pass, passes, "packet {id}: {packet:02x?}\n{filter:?}");
        }
        self.passed = passed.len();
        // And that both say the same of why.
        let refused = self.gateway.runtime.block_on(self.gateway.nft.refused());
        let own = self.tracker.refused().iter();
        let own = own
            .filter(|(cause, _)| cause.why != Refusal::Fragment && cause.why != Refusal::Spoofed);
        let own: BTreeMap<_, _> = own.collect();
        let kernel: BTreeMap<_, _> = refused.counts.iter().collect();
        assert_eq!(kernel, own);
    }
}

fn agrees(seed: u64) {
    let mut random = Random::new(seed);
    // One by hand, then random ones.
    let filter = match seed {
        0 => samples::filter(),
        _ => random.one(samples::any_filter()),
    };
    let flows = random.one(samples::any_flows(FLOWS));
    let hows = random.one(proptest::collection::vec(any::<u8>(), FLOWS));
    let mut both = Both::new(&filter);
    let crosses = |flow: &Flow| {
        let ends = [flow.source, flow.destination];
        ends[0] != ends[1] && ends.iter().any(|end| is_outside(&filter, *end))
    };
    let numbered = (10_000..).zip(flows.into_iter().zip(hows));
    let numbered = numbered.filter(|(_, (flow, _))| crosses(flow));
    let numbered: Vec<(u16, (Flow, u8))> = numbered.collect();

    let mut seen = BTreeSet::new();
    for &(port, (flow, how)) in &numbered {
        // Of the flow's first packet, where nothing of the kind has been there, the filter alone decides.
        let (low, high) = (
            flow.source.min(flow.destination),
            flow.source.max(flow.destination),
        );
        let mut is_new = seen.insert((low, high, flow.opening));
        for packet in packets(flow, port, how) {
            is_new &= packet == samples::opening(flow, port);
            let passes = both.send(packet);
            if std::mem::take(&mut is_new) {
                let is_allowed = filter.decide(flow) == Verdict::Allowed;
                assert_eq!(passes, is_allowed, "{flow:?}\n{filter:?}");
            }
        }
    }
    both.agree(&filter);

    // Other rules, fewer paths, and some hosts are gone: which flows go on?
    let other = random.one(samples::any_filter());
    let changed = Filter {
        groups: other.groups,
        hosts: filter.hosts.clone().into_iter().skip(2).collect(),
        areas: filter.areas.clone(),
        paths: filter.paths.clone().into_iter().skip(1).collect(),
    };
    both.apply(&changed);
    for &(port, (flow, _)) in &numbered {
        // The routes of the test are as they were.
        let stays = |end| is_outside(&filter, end) == is_outside(&changed, end);
        if stays(flow.source) && stays(flow.destination) {
            let first = samples::opening(flow, port);
            both.send(samples::with_flags(&samples::answer(&first), ACK));
            both.send(samples::with_flags(&first, ACK));
        }
    }
    both.agree(&changed);
}

#[test]
fn nftables_lets_through_what_the_filter_does() {
    let test = "filter::nft::agreement::nftables_lets_through_what_the_filter_does";
    in_namespaces(test, 0..RULESETS, agrees);
}

/// A linked host has a connection to a database. Packets are numbered as they are sent.
struct Linked {
    gateway: Gateway,
    sent: u16,
}

impl Linked {
    const HOST: &str = "10.64.0.4";
    const DB: &str = "172.16.0.10";

    fn new() -> Self {
        let [host, db] = [Self::HOST, Self::DB].map(|address| address.parse().unwrap());
        let gateway = Gateway::new([host].into(), &[host, db].into());
        Self { gateway, sent: 0 }
    }

    /// Whether a packet between the two passes.
    fn passes(&mut self, packet: &[u8]) -> bool {
        let (passed, refused) = self.seen();
        self.sent += 1;
        self.gateway.send(self.sent, packet);
        for _ in 0..200 {
            let now = self.seen();
            if now != (passed, refused) {
                return now.0 > passed;
            }
        }
        panic!("packet {} neither passed nor was refused", self.sent);
    }

    fn seen(&self) -> (usize, u64) {
        (
            self.gateway.passed(0).len(),
            self.gateway.counters().values().sum(),
        )
    }

    fn there(&mut self, flags: u8) -> bool {
        self.passes(&samples::tcp(Self::HOST, Self::DB, 4000, 6001, flags))
    }

    fn back(&mut self, flags: u8) -> bool {
        self.passes(&samples::tcp(Self::DB, Self::HOST, 6001, 4000, flags))
    }

    fn refused(&mut self) -> Refused {
        self.gateway.runtime.block_on(self.gateway.nft.refused())
    }

    fn opens(&mut self, port: u16) -> bool {
        self.passes(&samples::tcp(Self::HOST, Self::DB, port, 6001, SYN))
    }
}

#[test]
fn changed_rules_leave_open_flows_and_a_detached_host_loses_them() {
    let test =
        "filter::nft::agreement::changed_rules_leave_open_flows_and_a_detached_host_loses_them";
    in_namespaces(test, 0..1, |_| {
        let mut linked = Linked::new();
        let mut filter = samples::filter();
        linked.gateway.apply(&filter);
        assert!(linked.there(SYN) && linked.back(SYN | ACK) && linked.there(ACK));
        filter.groups.get_mut("sg-db").unwrap().ingress.clear();
        linked.gateway.apply(&filter);
        assert!(linked.there(ACK) && linked.back(ACK) && !linked.opens(4001));
        filter
            .hosts
            .remove(&Linked::HOST.parse::<Ipv4Addr>().unwrap());
        linked.gateway.apply(&filter);
        assert!(!linked.there(ACK) && !linked.back(ACK));
        // Attached again, the old flow is not.
        linked.gateway.apply(&samples::filter());
        assert!(!linked.back(ACK) && linked.there(ACK) && linked.back(ACK));
        // Each was counted once, though the tables that counted are gone.
        let refused = linked.refused();
        let ways = Way::ALL.map(|way| refused.counts.going(way));
        assert_eq!(ways, [1, 1, 2]);
        let flow = |it: &RefusedFlow| (it.source.to_string(), it.port, it.packets);
        let shown: Vec<_> = refused.recent.iter().map(flow).collect();
        let [host, db] = [Linked::HOST, Linked::DB].map(str::to_owned);
        assert_eq!(shown, [(db, Some(4000), 1), (host, Some(6001), 1)]);
        assert_eq!(
            linked.refused(),
            refused,
            "it is the same when it is asked again"
        );
    });
}

#[test]
fn what_a_rule_opens_to_all_ends_with_the_rule() {
    let test = "filter::nft::agreement::what_a_rule_opens_to_all_ends_with_the_rule";
    in_namespaces(test, 0..1, |_| {
        let mut linked = Linked::new();
        let mut filter = samples::filter();
        let dns = samples::udp(Linked::HOST, Linked::DB, 4000, 53);
        let ingress = &mut filter.groups.get_mut("sg-db").unwrap().ingress;
        ingress[0].peer = net::Peer::Range("0.0.0.0/0".parse().unwrap());
        linked.gateway.apply(&filter);
        assert!(linked.there(SYN) && linked.back(SYN | ACK) && linked.there(ACK));
        assert!(linked.passes(&dns));
        filter.groups.get_mut("sg-db").unwrap().ingress.clear();
        linked.gateway.apply(&filter);
        assert!(!linked.there(ACK) && !linked.back(ACK));
        assert!(linked.passes(&samples::answer(&dns)), "it was tracked");
    });
}

#[test]
fn what_is_refused_changes_nothing_and_the_rules_outlive_the_guard() {
    let test =
        "filter::nft::agreement::what_is_refused_changes_nothing_and_the_rules_outlive_the_guard";
    in_namespaces(test, 0..1, |_| {
        let mut linked = Linked::new();
        linked.gateway.apply(&samples::filter());
        let broken =
            "delete table inet shukuba\ntable inet shukuba { chain c { jump nowhere; } }\n";
        let result = linked
            .gateway
            .runtime
            .block_on(super::nft(&["-f", "-"], broken.to_owned()));
        assert!(result.unwrap_err().reason.contains("refused"));
        assert!(linked.opens(4001) && !linked.back(SYN));
        linked.gateway.nft = Nft::new("shukuba", "skb0").unwrap();
        assert!(linked.opens(4002) && !linked.back(SYN));
        linked.gateway.apply(&Filter::default());
        assert!(!linked.opens(4003));
        linked
            .gateway
            .runtime
            .block_on(linked.gateway.nft.remove())
            .unwrap();
        let tables = feed("nft", &["list", "tables"], "");
        assert_eq!(
            tables, "table inet probe\n",
            "the tables of others are as they were"
        );
    });
}

#[test]
fn a_thousand_hosts_of_twenty_kinds_are_put_in_place() {
    let test = "filter::nft::agreement::a_thousand_hosts_of_twenty_kinds_are_put_in_place";
    in_namespaces(test, 0..1, |_| {
        let mut filter = samples::filter();
        for at in 0..20u16 {
            let rule = net::Rule {
                traffic: net::Traffic::Tcp(samples::port(at + 1)),
                peer: net::Peer::Range("172.16.0.0/16".parse().unwrap()),
            };
            let (ingress, egress) = (vec![rule.clone()], vec![rule]);
            filter
                .groups
                .insert(format!("sg-{at}"), net::Group { ingress, egress });
        }
        for at in 0..1000u32 {
            let groups = [format!("sg-{}", at % 20), "sg-app".to_owned()].into();
            let address = Ipv4Addr::from(0x0a41_0000 + at * 2);
            filter.hosts.insert(
                address,
                net::Host {
                    zone: Zone::Linked,
                    groups,
                },
            );
        }
        let mut linked = Linked::new();
        linked.gateway.apply(&filter);
        assert!(linked.opens(4001) && !linked.back(SYN));
    });
}
