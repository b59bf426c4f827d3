use net::{Verdict, Way};
use proptest::prelude::*;

use super::*;
use crate::filter::samples::{self, ACK, FIN, RST, SYN};
use crate::packet::Direction::{FromTunnel, ToTunnel};

const LINKED: &str = "10.64.0.4";
const OTHER_LINKED: &str = "10.64.0.5";
const DB: &str = "172.16.0.10";
const HOST: &str = "172.16.0.11";
const REMOTE: &str = "192.168.0.7";

struct Test {
    tracker: Tracker,
    now: Duration,
}

impl Test {
    fn new() -> Self {
        Self::within(Limits::default())
    }

    fn within(limits: Limits) -> Self {
        let mut tracker = Tracker::new(limits);
        tracker.replace(&samples::filter());
        let now = Duration::from_secs(1);
        Self { tracker, now }
    }

    fn check(&mut self, direction: Direction, packet: &[u8]) -> Result<(), Refusal> {
        self.tracker.check(self.now, direction, packet)
    }

    /// From the linked host to the database, and back.
    fn tcp(&mut self, direction: Direction, flags: u8) -> Result<(), Refusal> {
        let packet = match direction {
            FromTunnel => samples::tcp(LINKED, DB, 4000, 6001, flags),
            ToTunnel => samples::tcp(DB, LINKED, 6001, 4000, flags),
        };
        self.check(direction, &packet)
    }

    fn connect(&mut self) {
        assert_eq!(self.tcp(FromTunnel, SYN), Ok(()));
        assert_eq!(self.tcp(ToTunnel, SYN | ACK), Ok(()));
        assert_eq!(self.tcp(FromTunnel, ACK), Ok(()));
    }
}

#[test]
fn answers_pass_and_nothing_else_that_comes_back() {
    let mut test = Test::new();
    assert_eq!(test.tcp(ToTunnel, SYN | ACK), Err(Refusal::Invalid));
    test.connect();
    assert_eq!(test.tcp(ToTunnel, ACK), Ok(()));
    let other = samples::tcp(DB, LINKED, 6001, 4001, ACK);
    assert_eq!(test.check(ToTunnel, &other), Err(Refusal::NoIngress));
    let syn = samples::tcp(DB, LINKED, 6001, 4000, SYN);
    assert_eq!(test.check(ToTunnel, &syn), Err(Refusal::Invalid));
}

#[test]
fn each_refusal_has_its_reason_and_is_counted() {
    let syn = |source, destination, port| samples::tcp(source, destination, 4000, port, SYN);
    let cases = [
        (FromTunnel, b"no packet".to_vec(), Refusal::Malformed),
        (FromTunnel, syn(HOST, DB, 6001), Refusal::Misplaced),
        (ToTunnel, syn(LINKED, DB, 6001), Refusal::Misplaced),
        (ToTunnel, syn(HOST, DB, 6001), Refusal::Misplaced),
        (FromTunnel, syn("10.64.0.9", DB, 6001), Refusal::Unknown),
        (FromTunnel, syn(LINKED, "8.8.8.8", 80), Refusal::Unknown),
        (FromTunnel, syn(LINKED, OTHER_LINKED, 80), Refusal::NoPath),
        (FromTunnel, syn(LINKED, REMOTE, 80), Refusal::NoPath),
        (FromTunnel, syn(LINKED, DB, 6002), Refusal::NoIngress),
        (
            FromTunnel,
            samples::echo(LINKED, DB, 1, true),
            Refusal::Invalid,
        ),
    ];
    let mut test = Test::new();
    for (direction, packet, why) in &cases {
        assert_eq!(test.check(*direction, packet), Err(*why));
    }
    let refused = test.tracker.refused();
    let of = |why: Refusal| {
        let own = refused.iter().filter(|(cause, _)| cause.why == why);
        own.map(|(_, packets)| packets).sum::<u64>()
    };
    assert_eq!(Refusal::ALL.map(of), [1, 3, 2, 2, 0, 1, 1, 0, 0]);
    assert_eq!(Way::ALL.map(|way| refused.going(way)), [3, 0, 7]);
    let recent = test.tracker.recent().flows();
    assert_eq!(recent.len(), 8, "without what makes no sense: {recent:?}");
    let newest = recent.first().map(|flow| (flow.protocol, flow.port));
    assert_eq!(newest, Some((1, None)));
    assert_eq!(test.tracker.flows(), 0);
}

#[test]
fn a_group_without_egress_lets_nothing_out() {
    let mut test = Test::new();
    let mut filter = samples::filter();
    filter.groups.get_mut("sg-app").unwrap().egress.clear();
    test.tracker.replace(&filter);
    assert_eq!(test.tcp(FromTunnel, SYN), Err(Refusal::NoEgress));
}

#[test]
fn a_flow_takes_packets_from_its_own_sides_alone() {
    let mut test = Test::new();
    test.connect();
    let from_linked = samples::tcp(LINKED, DB, 4000, 6001, ACK);
    let from_db = samples::tcp(DB, LINKED, 6001, 4000, ACK);
    assert_eq!(test.check(ToTunnel, &from_linked), Err(Refusal::Misplaced));
    assert_eq!(test.check(FromTunnel, &from_db), Err(Refusal::Misplaced));
}

#[test]
fn a_closed_connection_is_asked_anew() {
    let mut test = Test::new();
    test.connect();
    assert_eq!(test.tcp(FromTunnel, RST), Ok(()));
    let mut filter = samples::filter();
    filter.groups.get_mut("sg-db").unwrap().ingress.clear();
    test.tracker.replace(&filter);
    assert_eq!(test.tcp(FromTunnel, SYN), Err(Refusal::NoIngress));
}

#[test]
fn an_open_connection_lasts_days_and_a_closed_one_seconds() {
    let mut test = Test::new();
    test.connect();
    test.now += Duration::from_secs(431_999);
    assert_eq!(test.tcp(ToTunnel, ACK), Ok(()));
    test.now += Duration::from_secs(432_000);
    assert_eq!(test.tcp(ToTunnel, ACK), Err(Refusal::NoIngress));
    test.connect();
    for (direction, flags) in [
        (FromTunnel, FIN | ACK),
        (ToTunnel, FIN | ACK),
        (FromTunnel, ACK),
    ] {
        assert_eq!(test.tcp(direction, flags), Ok(()));
    }
    test.now += Duration::from_secs(120);
    assert_eq!(test.tcp(ToTunnel, ACK), Err(Refusal::NoIngress));
}

#[test]
fn a_connection_from_before_the_start_goes_on_from_its_client() {
    let mut test = Test::new();
    assert_eq!(test.tcp(ToTunnel, ACK), Err(Refusal::NoIngress));
    assert_eq!(test.tcp(FromTunnel, ACK), Ok(()));
    assert_eq!(test.tcp(ToTunnel, ACK), Ok(()));
}

#[test]
fn datagrams_are_answered_for_half_a_minute_and_streams_for_three() {
    let mut test = Test::new();
    let ask = samples::udp(LINKED, DB, 4000, 53);
    let answer = samples::udp(DB, LINKED, 53, 4000);
    assert_eq!(test.check(FromTunnel, &ask), Ok(()));
    test.now += Duration::from_secs(30);
    assert_eq!(test.check(ToTunnel, &answer), Err(Refusal::NoIngress));
    for packet in [&ask, &answer, &ask] {
        let direction = if packet == &ask { FromTunnel } else { ToTunnel };
        assert_eq!(test.check(direction, packet), Ok(()));
        test.now += Duration::from_secs(29);
    }
    test.now += Duration::from_secs(150);
    assert_eq!(test.check(ToTunnel, &answer), Ok(()));
    test.now += Duration::from_secs(180);
    assert_eq!(test.check(ToTunnel, &answer), Err(Refusal::NoIngress));
}

#[test]
fn an_echo_is_answered_and_other_protocols_by_their_addresses() {
    let mut test = Test::new();
    let (ask, answer) = (
        samples::echo(HOST, LINKED, 9, false),
        samples::echo(LINKED, HOST, 9, true),
    );
    assert_eq!(test.check(FromTunnel, &answer), Err(Refusal::Invalid));
    assert_eq!(test.check(ToTunnel, &ask), Ok(()));
    assert_eq!(test.check(FromTunnel, &answer), Ok(()));
    let back = samples::echo(LINKED, HOST, 9, false);
    assert_eq!(test.check(FromTunnel, &back), Err(Refusal::NoIngress));
    let gre = samples::ip(LINKED, DB, 47, &[0; 8]);
    let gre_back = samples::ip(DB, LINKED, 47, &[0; 8]);
    assert_eq!(test.check(ToTunnel, &gre_back), Err(Refusal::NoIngress));
    assert_eq!(test.check(FromTunnel, &gre), Ok(()));
    test.now += Duration::from_secs(599);
    assert_eq!(test.check(ToTunnel, &gre_back), Ok(()));
}

#[test]
fn errors_pass_with_the_flow_that_they_are_about() {
    let mut test = Test::new();
    let sent = samples::tcp(LINKED, DB, 4000, 6001, SYN);
    // From a router inside that is nobody the filter knows: the next link is too narrow.
    let narrow = samples::error("172.31.0.1", LINKED, 3, &sent);
    assert_eq!(test.check(ToTunnel, &narrow), Err(Refusal::Invalid));
    test.connect();
    assert_eq!(test.check(ToTunnel, &narrow), Ok(()));
    let from_inside = samples::error(HOST, DB, 3, &samples::tcp(DB, LINKED, 6001, 4000, ACK));
    assert_eq!(
        test.check(FromTunnel, &from_inside),
        Err(Refusal::Misplaced)
    );
    let to_another = samples::error(DB, OTHER_LINKED, 3, &sent);
    assert_eq!(test.check(ToTunnel, &to_another), Err(Refusal::Invalid));
    // It says that the linked host's own packet was too large, but comes from the linked host's side.
    let own = samples::error(OTHER_LINKED, LINKED, 3, &sent);
    assert_eq!(test.check(FromTunnel, &own), Err(Refusal::Misplaced));
    let answer = samples::tcp(DB, LINKED, 6001, 4000, ACK);
    let about_answer = samples::error(LINKED, DB, 11, &answer);
    assert_eq!(test.check(FromTunnel, &about_answer), Ok(()));
}

#[test]
fn pieces_follow_a_first_that_passed() {
    let mut test = Test::new();
    let piece = |port: u16, offset: u16| {
        let mut packet = samples::udp(LINKED, DB, 4000, port);
        packet.extend([0; 8]);
        packet[6..8].copy_from_slice(&offset.to_be_bytes());
        samples::set_total(&mut packet);
        packet
    };
    let (first, last) = (piece(53, 0x2000), piece(53, 2));
    assert_eq!(test.check(FromTunnel, &last), Err(Refusal::Fragment));
    assert_eq!(test.check(ToTunnel, &first), Err(Refusal::Misplaced));
    assert_eq!(test.check(FromTunnel, &last), Err(Refusal::Fragment));
    assert_eq!(test.check(FromTunnel, &first), Ok(()));
    assert_eq!(test.check(ToTunnel, &last), Err(Refusal::Fragment));
    assert_eq!(test.check(FromTunnel, &last), Ok(()));
    let refused = piece(54, 0x2000);
    assert_eq!(test.check(FromTunnel, &refused), Err(Refusal::NoIngress));
    assert_eq!(test.check(FromTunnel, &last), Err(Refusal::Fragment));
}

#[test]
fn changed_rules_leave_open_flows_and_a_detached_host_loses_them() {
    let mut test = Test::new();
    test.connect();
    let mut filter = samples::filter();
    filter.groups.get_mut("sg-db").unwrap().ingress.clear();
    test.tracker.replace(&filter);
    assert_eq!(test.tcp(ToTunnel, ACK), Ok(()));
    assert_eq!(test.tcp(FromTunnel, ACK), Ok(()));
    let new = samples::tcp(LINKED, DB, 4001, 6001, SYN);
    assert_eq!(test.check(FromTunnel, &new), Err(Refusal::NoIngress));
    let linked: std::net::Ipv4Addr = LINKED.parse().unwrap();
    filter.hosts.remove(&linked);
    test.tracker.replace(&filter);
    assert_eq!(test.tracker.flows(), 0);
    assert_eq!(test.tcp(FromTunnel, ACK), Err(Refusal::Unknown));
    test.tracker.replace(&samples::filter());
    assert_eq!(
        test.tcp(ToTunnel, ACK),
        Err(Refusal::NoIngress),
        "attached again, the old flow is not"
    );
}

#[test]
fn what_a_rule_opens_to_all_ends_with_the_rule() {
    let mut test = Test::new();
    let mut filter = samples::filter();
    let ingress = &mut filter.groups.get_mut("sg-db").unwrap().ingress;
    ingress[0].peer = net::Peer::Range("0.0.0.0/0".parse().unwrap());
    test.tracker.replace(&filter);
    test.connect();
    let dns = samples::udp(LINKED, DB, 4000, 53);
    assert_eq!(test.check(FromTunnel, &dns), Ok(()));
    let open = filter.clone();
    filter.groups.get_mut("sg-db").unwrap().ingress.clear();
    test.tracker.replace(&filter);
    assert_eq!(
        test.tracker.flows(),
        1,
        "that of DNS, which a group was let in for"
    );
    assert_eq!(test.tcp(ToTunnel, ACK), Err(Refusal::NoIngress));
    // Without all ports the other way it is tracked, and goes on.
    let mut filter = open;
    filter.groups.get_mut("sg-db").unwrap().egress.clear();
    test.tracker.replace(&filter);
    test.connect();
    filter.groups.get_mut("sg-db").unwrap().ingress.clear();
    test.tracker.replace(&filter);
    assert_eq!(test.tcp(ToTunnel, ACK), Ok(()));
}

#[test]
fn a_flow_ends_with_the_path_between_its_zones() {
    let mut test = Test::new();
    let ssh = samples::tcp(REMOTE, HOST, 4000, 22, SYN);
    assert_eq!(test.check(FromTunnel, &ssh), Ok(()));
    let mut filter = samples::filter();
    filter.paths.retain(|(from, _)| !from.is_remote());
    test.tracker.replace(&filter);
    let answer = samples::tcp(HOST, REMOTE, 22, 4000, SYN | ACK);
    assert_eq!(test.check(ToTunnel, &answer), Err(Refusal::Invalid));
}

#[test]
fn from_outside_to_outside_a_packet_comes_by_twice() {
    let mut test = Test::new();
    let mut filter = samples::filter();
    let remote = net::Zone::Remote("pcx-1".to_owned());
    filter.paths.insert((net::Zone::Linked, remote));
    test.tracker.replace(&filter);
    let there = |flags| samples::tcp(LINKED, REMOTE, 4000, 80, flags);
    let back = |flags| samples::tcp(REMOTE, LINKED, 80, 4000, flags);
    assert_eq!(test.check(ToTunnel, &there(SYN)), Err(Refusal::Misplaced));
    for packet in [there(SYN), back(SYN | ACK), there(ACK), there(FIN | ACK)] {
        assert_eq!(test.check(FromTunnel, &packet), Ok(()));
        assert_eq!(test.check(ToTunnel, &packet), Ok(()));
    }
    let error = samples::error(REMOTE, LINKED, 3, &there(ACK));
    assert_eq!(test.check(FromTunnel, &error), Ok(()));
    assert_eq!(test.check(ToTunnel, &error), Ok(()));
    // One FIN, though it came by twice: the other end has all the time that it wants for its own.
    test.now += Duration::from_secs(119);
    assert_eq!(test.check(FromTunnel, &back(ACK)), Ok(()));
}

#[test]
fn a_flood_of_one_host_leaves_the_flows_of_others() {
    let limits = Limits {
        flows: 1000,
        unanswered: 100,
        ..Limits::default()
    };
    let mut test = Test::within(limits);
    test.connect();
    for port in 1..=20_000 {
        let syn = samples::tcp(OTHER_LINKED, DB, port, 6001, SYN);
        assert_eq!(test.check(FromTunnel, &syn), Ok(()));
    }
    assert_eq!(test.tracker.flows(), 101);
    assert_eq!(test.tcp(ToTunnel, ACK), Ok(()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_first_packet_passes_where_the_filter_says_so(filter in samples::any_filter(), flows in samples::any_flows(32)) {
        let now = Duration::from_secs(1);
        for flow in flows {
            let mut tracker = Tracker::new(Limits::default());
            tracker.replace(&filter);
            let outside = |address| filter.host(address).is_some_and(|host| host.zone != net::Zone::Inside);
            let direction = if outside(flow.source) { FromTunnel } else { ToTunnel };
            let is_in_place = direction == FromTunnel || outside(flow.destination);
            let result = tracker.check(now, direction, &samples::opening(flow, 7));
            if is_in_place {
                prop_assert_eq!(result.is_ok(), filter.decide(flow) == Verdict::Allowed, "{:?} {:?}", flow, result);
            } else {
                prop_assert!(result.is_err());
            }
        }
    }
}
