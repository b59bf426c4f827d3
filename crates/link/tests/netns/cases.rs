//! The checks.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, ExitCode, Stdio};

use base::time::{Clock, SystemClock};
use net::plan::Gateway;
use net::{HostPlan, PublicKey, Zone};

use crate::lab::{Answer, Lab, until, within};
use crate::need;
use crate::node::Node;
use crate::plan::{self, Joined, LINKED, PROXIED, range, rule, tcp};
use crate::relay::DELAY;

/// What becomes of a check.
type Outcome = Result<String, Skipped>;

/// Why a check was not made.
struct Skipped(&'static str);

/// A check, and its name, which says what is so.
type Case = (&'static str, fn() -> Outcome);

const CASES: &[Case] = &[
    (
        "a linked host and hosts inside reach one another as the groups say, by nftables",
        || talk("nft"),
    ),
    ("… and by the filter in the process", || talk("userspace")),
    (
        "a host with an address of the network is on its LAN, without a route there",
        proxied,
    ),
    (
        "a source inside the tunnel that is not the host's own gets no answer",
        spoofed,
    ),
    (
        "a link goes with its agent, by whichever signal",
        lost_with_its_agent,
    ),
    (
        "who calls a host that is silent is told at once, until it is back",
        silent,
    ),
    (
        "a killed gateway leaves its rules and errors, and is back at once when it knows where the hosts were",
        gateway_killed,
    ),
    (
        "a key changes under traffic without a lost packet, twenty times",
        rotation,
    ),
    (
        "packets of 1420 bytes pass, larger ones are told to be smaller or come in pieces",
        sizes,
    ),
    (
        "a transfer goes through the devices in pieces larger than packets",
        large_pieces,
    ),
    (
        "a path whose MTU sinks slows a transfer and does not stop it",
        path_mtu,
    ),
    ("a host changes its address, and the link goes on", moved),
    (
        "a host behind a NAT is reached, and again after its mapping was forgotten",
        nat,
    ),
    (
        "peered networks reach one another by their rules, and linked hosts do not pass through",
        peering,
    ),
    (
        "a gateway knows nothing of a host that is linked elsewhere",
        not_attached,
    ),
    (
        "a host that is linked elsewhere instead is in one network, whoever is told first",
        elsewhere,
    ),
    ("wireguard-go understands it, in both parts", || {
        interop("wireguard-go", &["-f"])
    }),
    ("boringtun-cli understands it, in both parts", || {
        interop("boringtun-cli", &["-f", "--disable-drop-privileges"])
    }),
    (
        "with CAP_NET_ADMIN alone a host and a gateway have all that they need",
        net_admin_alone,
    ),
    (
        "without the capability there is no device, and the reason is said",
        no_capability,
    ),
    (
        "without capabilities a host carries the link within its process, as the groups say",
        rootless,
    ),
    (
        "without the capability a device that was made before is taken, and left as it was",
        persistent,
    ),
    ("the outer way may be IPv6", outer_v6),
    (
        "a path that loses one in a hundred and takes 50 ms carries transfers whole, both ways",
        lossy,
    ),
    (
        "a thousand links on a gateway, and one of them is real",
        thousand,
    ),
    (
        "refused rules let nobody in, and who is out of the plan is cut off all the same",
        fail_closed,
    ),
    ("a device that somebody deletes comes back", device_deleted),
    (
        "what is overlapping or in a circle is refused with the reason",
        refused_plans,
    ),
    (
        "beside the route for all hosts outside the server's stays as it is, and follows it",
        pinned,
    ),
    ("what stops in order leaves nothing", stopped),
];

/// Runs those whose names contain one of `names`; all if there are none.
pub(crate) fn run(names: &[String]) -> ExitCode {
    let status = Command::new("mount")
        .args(["-t", "tmpfs", "tmpfs", "/run"])
        .status();
    assert!(status.unwrap().success(), "/run of our own");
    let mut failed = Vec::new();
    for (name, case) in CASES {
        if !names.is_empty() && !names.iter().any(|part| name.contains(part.as_str())) {
            continue;
        }
        let began = SystemClock::new();
        let outcome = catch_unwind(AssertUnwindSafe(case));
        let took = began.monotonic().as_secs_f64();
        match outcome {
            Ok(Ok(said)) if said.is_empty() => println!("ok      {took:5.1} s  {name}"),
            Ok(Ok(said)) => println!("ok      {took:5.1} s  {name}: {said}"),
            Ok(Err(Skipped(why))) => {
                println!("skipped {took:5.1} s  {name}: {why}");
                failed.extend(need::is_required().then_some(*name));
            }
            Err(_) => {
                println!("FAILED  {took:5.1} s  {name}");
                failed.push(*name);
            }
        }
    }
    match failed.len() {
        0 => ExitCode::SUCCESS,
        count => {
            println!("{count} failed: {failed:?}");
            ExitCode::FAILURE
        }
    }
}

fn good() -> Outcome {
    Ok(String::new())
}

/// Services on both sides: 8080 and 9090 inside, 7000 and 7001 outside.
fn services(lab: &Lab) -> [Node; 4] {
    [
        lab.serve("priv", "0.0.0.0:8080"),
        lab.serve("priv", "0.0.0.0:9090"),
        lab.serve("out", "0.0.0.0:7000"),
        lab.serve("out", "0.0.0.0:7001"),
    ]
}

/// Both directions work.
fn both_ways(lab: &Lab, address: &str) {
    assert_eq!(lab.ask("out", "10.77.0.10:8080"), Answer::from(address));
    assert_eq!(
        lab.ask("priv", &format!("{address}:7000")),
        Answer::from("10.77.0.10")
    );
}

fn talk(guard: &'static str) -> Outcome {
    let mut joined = Joined::new(guard, LINKED);
    let lab = &joined.lab;
    let _services = services(lab);
    both_ways(lab, LINKED);
    assert_eq!(lab.ask("out", "10.77.0.10:9090"), Answer::Silence);
    assert_eq!(lab.ask("priv", "10.64.0.4:7001"), Answer::Silence);
    let refused: u64 = joined.gateway.tell("refused").parse().unwrap();
    assert!(refused >= 2, "{refused}");

    let group = joined.plan.filter.groups.get_mut("sg-in").unwrap();
    group.ingress.push(rule(tcp(9090), "10.64.0.0/16"));
    assert_eq!(joined.gateway.gateway(&joined.plan), "done");
    assert_eq!(
        joined.lab.ask("out", "10.77.0.10:9090"),
        Answer::from(LINKED)
    );

    joined.plan.links.clear();
    joined.plan.filter.hosts.clear();
    assert_eq!(joined.gateway.gateway(&joined.plan), "done");
    assert_eq!(joined.lab.ask("out", "10.77.0.10:8080"), Answer::Silence);
    assert!(joined.gateway.peers().is_empty());
    good()
}

fn proxied() -> Outcome {
    let mut joined = Joined::new("nft", PROXIED);
    let _services = services(&joined.lab);
    let routes = joined.lab.ip("-n priv route");
    assert!(!routes.contains("via"), "{routes}");
    both_ways(&joined.lab, PROXIED);

    joined.host.end("-TERM");
    joined.restart_host();
    let began = SystemClock::new();
    assert_eq!(joined.host.host(&joined.host_plan), "done");
    assert_eq!(
        joined.lab.ask("out", "10.77.0.10:8080"),
        Answer::from(PROXIED)
    );
    Ok(format!(
        "first answer {:.2?} after the plan",
        began.monotonic()
    ))
}

fn spoofed() -> Outcome {
    let joined = Joined::new("nft", LINKED);
    let lab = &joined.lab;
    let _services = services(lab);
    both_ways(lab, LINKED);
    for address in ["10.77.0.50", "10.64.0.5"] {
        lab.ip(&format!("-n out addr add {address}/32 dev lo"));
        assert_eq!(
            lab.ask_as("out", "10.77.0.10:8080", address),
            Answer::Silence
        );
        let ping = format!("ping -c 3 -i 0.2 -W 1 -I {address} 10.77.0.10");
        assert!(!lab.try_run("out", &ping).status.success());
    }
    good()
}

fn lost_with_its_agent() -> Outcome {
    let mut joined = Joined::new("nft", LINKED);
    let _services = services(&joined.lab);
    let key = joined.host.key();
    let first = joined.gateway.peer(key).endpoint;
    for signal in ["-TERM", "-KILL"] {
        until("the link is up", || {
            joined.lab.ask("out", "10.77.0.10:8080") == Answer::from(LINKED)
        });
        joined.host.end(signal);
        let links = joined.lab.ip("-n out link");
        assert!(!links.contains("lk0"), "{signal}: {links}");
        let routes = joined.lab.ip("-n out route");
        assert!(!routes.contains("10.77"), "{signal}: {routes}");
        joined.restart_host();
        assert_eq!(joined.host.host(&joined.host_plan), "done");
    }
    until("the link is up", || {
        joined.lab.ask("out", "10.77.0.10:8080") == Answer::from(LINKED)
    });
    assert_eq!(
        joined.gateway.peer(key).endpoint,
        first,
        "its port is its own"
    );
    good()
}

fn silent() -> Outcome {
    let mut joined = Joined::new("nft", LINKED);
    let _services = services(&joined.lab);
    both_ways(&joined.lab, LINKED);
    joined.host.end("-KILL");
    let took = until("callers are told", || {
        joined.lab.ask("priv", "10.64.0.4:7000") == Answer::unreachable()
    });
    let began = SystemClock::new();
    assert_eq!(
        joined.lab.ask("priv", "10.64.0.4:7000"),
        Answer::unreachable()
    );
    let told = began.monotonic();
    assert!(!joined.gateway.peers()[0].is_up);
    joined.restart_host();
    assert_eq!(joined.host.host(&joined.host_plan), "done");
    let back = until("it is back", || {
        joined.lab.ask("priv", "10.64.0.4:7000") == Answer::from("10.77.0.10")
    });
    Ok(format!(
        "noticed after {took:.1?}, told in {told:.2?}, back after {back:.2?}"
    ))
}

fn gateway_killed() -> Outcome {
    let mut joined = Joined::new("nft", LINKED);
    let _services = services(&joined.lab);
    both_ways(&joined.lab, LINKED);
    let key = joined.host.key();
    let endpoint = joined.gateway.peer(key).endpoint;
    assert!(endpoint.is_some());
    joined.gateway.end("-KILL");
    let route = joined.lab.ip("-n gw route show 10.64.0.4");
    assert!(route.starts_with("unreachable"), "{route}");
    assert_eq!(
        joined.lab.ask("priv", "10.64.0.4:7000"),
        Answer::unreachable()
    );
    let tables = joined.lab.run("gw", "nft list tables");
    assert!(tables.contains("shukuba-test"), "{tables}");

    joined.restart_gateway();
    joined.plan.links[0].endpoint = endpoint;
    let began = SystemClock::new();
    assert_eq!(joined.gateway.gateway(&joined.plan), "done");
    until("it is back", || {
        joined.lab.ask("priv", "10.64.0.4:7000") == Answer::from("10.77.0.10")
    });
    let back = began.monotonic();
    // Without its greeting the hosts would notice after 13 s of silence.
    assert!(back.as_secs() < 10, "{back:?}");
    both_ways(&joined.lab, LINKED);
    Ok(format!("back after {back:.2?}"))
}

fn rotation() -> Outcome {
    let mut joined = Joined::new("nft", LINKED);
    let _services = services(&joined.lab);
    both_ways(&joined.lab, LINKED);
    let mut pings = [("out", "10.77.0.10"), ("priv", LINKED)].map(|(from, to)| {
        let mut ping = within(from);
        ping.args(["ping", "-q", "-i", "0.01", "-W", "2", to]);
        ping.stdout(Stdio::piped()).spawn().unwrap()
    });
    let first = joined.host.key();
    for _ in 0..20 {
        let key: PublicKey = joined.host.tell("rotate").parse().unwrap();
        joined.plan.links[0].key = Some(key);
        assert_eq!(joined.gateway.gateway(&joined.plan), "done");
        joined.host_plan.link.as_mut().unwrap().key = Some(key);
        assert_eq!(joined.host.host(&joined.host_plan), "done");
        until("the new key alone is known", || {
            let peers = joined.gateway.peers();
            peers.len() == 1 && peers[0].key == key && peers[0].is_up
        });
    }
    assert_ne!(joined.host.key(), first);

    // Three keys before the host is told that it may change: the one in use stays until then.
    for _ in 0..3 {
        let key: PublicKey = joined.host.tell("rotate").parse().unwrap();
        joined.plan.links[0].key = Some(key);
        assert_eq!(joined.gateway.gateway(&joined.plan), "done");
    }
    both_ways(&joined.lab, LINKED);
    joined.host_plan.link.as_mut().unwrap().key = joined.plan.links[0].key;
    assert_eq!(joined.host.host(&joined.host_plan), "done");
    both_ways(&joined.lab, LINKED);
    assert_eq!(joined.gateway.gateway(&joined.plan), "done");
    assert_eq!(joined.gateway.peers().len(), 1);
    let mut lost = 0;
    for ping in &mut pings {
        let id = ping.id().to_string();
        Command::new("kill").args(["-INT", &id]).status().unwrap();
        let mut said = String::new();
        std::io::Read::read_to_string(ping.stdout.as_mut().unwrap(), &mut said).unwrap();
        ping.wait().unwrap();
        let counts = said
            .lines()
            .find(|line| line.contains("transmitted"))
            .unwrap();
        let mut numbers = counts
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|part| part.parse::<u32>().ok());
        let (sent, got) = (numbers.next().unwrap(), numbers.next().unwrap());
        lost += sent - got;
    }
    // One may be under way in each direction when `ping` is ended.
    assert!(lost <= 2, "{lost} lost");
    both_ways(&joined.lab, LINKED);
    Ok(format!("{lost} under way when it ended"))
}

fn sizes() -> Outcome {
    let joined = Joined::new("nft", LINKED);
    let lab = &joined.lab;
    lab.run("out", "ping -c 1 -M do -s 1392 -W 2 10.77.0.10");
    let too_large = lab.try_run("out", "ping -c 1 -M do -s 1393 -W 2 10.77.0.10");
    let said = format!("{too_large:?}");
    assert!(
        !too_large.status.success() && said.contains("mtu=1420"),
        "{said}"
    );
    lab.run("priv", "ping -c 1 -M do -s 1392 -W 2 10.64.0.4");
    let too_large = lab.try_run("priv", "ping -c 1 -M do -s 1393 -W 2 10.64.0.4");
    let said = format!("{too_large:?}");
    assert!(
        !too_large.status.success() && said.contains("1420"),
        "{said}"
    );
    lab.run("out", "ping -c 3 -i 0.2 -M dont -s 4000 -W 2 10.77.0.10");
    lab.run("priv", "ping -c 3 -i 0.2 -M dont -s 4000 -W 2 10.64.0.4");
    good()
}

/// Sends this many bytes, and waits until all have arrived as they were sent.
fn pour_to(lab: &Lab, from: &str, to: &str, bytes: u64) {
    let own = std::env::current_exe().unwrap();
    let said = lab.run(from, &format!("{} role pour {to} {bytes}", own.display()));
    assert_eq!(said.trim(), "whole");
}

/// … from outside in; says how fast.
fn pour(lab: &Lab, bytes: u64) -> String {
    let began = SystemClock::new();
    pour_to(lab, "out", "10.77.0.10:8080", bytes);
    let rate = bytes as f64 * 8.0 / 1e6 / began.monotonic().as_secs_f64();
    format!("{rate:.0} Mbit/s")
}

fn large_pieces() -> Outcome {
    let joined = Joined::new("nft", LINKED);
    let lab = &joined.lab;
    let _services = services(lab);
    pour(lab, 50_000_000);
    let mean = |name: &str, way: &str| {
        let read = |what: &str| {
            let path = format!("/sys/class/net/lk0/statistics/{way}_{what}");
            let text = lab.run(name, &format!("cat {path}"));
            text.trim().parse::<u64>().unwrap()
        };
        read("bytes") / read("packets")
    };
    let (into, out_of) = (mean("out", "tx"), mean("gw", "rx"));
    assert!(
        into > 4000 && out_of > 4000,
        "{into} and {out_of} bytes at a time"
    );
    Ok(format!("{into} and {out_of} bytes at a time"))
}

fn path_mtu() -> Outcome {
    let joined = Joined::new("nft", LINKED);
    let lab = &joined.lab;
    let _services = services(lab);
    let before = pour(lab, 50_000_000);
    lab.ip("-n inet link set inet-gw mtu 1300");
    lab.ip("-n gw link set gw-inet mtu 1300");
    let narrow = pour(lab, 20_000_000);
    lab.ip("-n out link set out-inet mtu 1300");
    lab.ip("-n inet link set inet-out mtu 1300");
    let everywhere = pour(lab, 20_000_000);
    Ok(format!(
        "{before}; 1300 bytes after the first hop {narrow}, everywhere {everywhere}"
    ))
}

fn moved() -> Outcome {
    let mut joined = Joined::new("nft", LINKED);
    let _services = services(&joined.lab);
    both_ways(&joined.lab, LINKED);
    let lab = &joined.lab;
    lab.ip("-n out addr del 198.51.100.2/24 dev out-inet");
    lab.ip("-n out addr add 198.51.100.77/24 dev out-inet");
    lab.ip("-n out route replace default via 198.51.100.1");
    lab.run("out", "ping -c 5 -i 0.2 -W 2 10.77.0.10");
    both_ways(lab, LINKED);
    let key = joined.host.key();
    let endpoint = joined.gateway.peer(key).endpoint.unwrap();
    assert_eq!(endpoint.ip().to_string(), "198.51.100.77");
    good()
}

fn nat() -> Outcome {
    let mut lab = Lab::one();
    lab.add("nat");
    lab.ip("-n out route del default via 198.51.100.1");
    lab.ip("-n inet addr flush dev inet-out");
    lab.ip("-n out addr flush dev out-inet");
    lab.join("out", "192.168.1.2/24", "nat", "192.168.1.1/24");
    lab.join("nat", "100.64.0.2/24", "inet", "100.64.0.1/24");
    lab.ip("-n out route add default via 192.168.1.1");
    lab.ip("-n nat route add default via 100.64.0.1");
    lab.forward("nat");
    lab.nft(
        "nat",
        "table ip nat {\nchain post {\ntype nat hook postrouting priority 100;\noifname \"nat-inet\" masquerade fully-random\n}\n}\n",
    );
    for name in ["udp_timeout", "udp_timeout_stream"] {
        lab.run(
            "nat",
            &format!("sysctl -qw net.netfilter.nf_conntrack_{name}=1"),
        );
    }
    let mut joined = Joined::over(lab, "nft", LINKED, "203.0.113.2:51820");
    let _services = services(&joined.lab);
    both_ways(&joined.lab, LINKED);
    let key = joined.host.key();
    let first = joined.gateway.peer(key).endpoint.unwrap();
    assert_eq!(first.ip().to_string(), "100.64.0.2");
    // The mapping is forgotten after a second without packets; the host's own word renews it.
    until("it has another port", || {
        joined.gateway.peer(key).endpoint != Some(first)
    });
    both_ways(&joined.lab, LINKED);
    good()
}

fn peering() -> Outcome {
    let mut joined = Joined::over(Lab::two(), "nft", LINKED, "203.0.113.2:51820");
    let mut second = plan::start_gateway(&joined.lab, "gw2", "nft");
    let mut second_plan = plan::empty("vpc-2", "10.88.0.0/24");
    let remote = Zone::Remote("pcx-1".to_owned());
    plan::peer(
        &mut joined.plan,
        second.key(),
        "192.0.2.2:51820",
        &["10.88.0.0/24"],
    );
    // The second network takes the link's address as the first one's, as it will when the option is on.
    let behind_first = ["10.77.0.0/24", "10.64.0.4/32"];
    plan::peer(
        &mut second_plan,
        joined.gateway.key(),
        "203.0.113.2:51820",
        &behind_first,
    );
    let group = second_plan.filter.groups.get_mut("sg-in").unwrap();
    group.ingress.push(rule(tcp(8080), "10.0.0.0/8"));
    assert_eq!(joined.gateway.gateway(&joined.plan), "done");
    assert_eq!(second.gateway(&second_plan), "done");
    let lab = &joined.lab;
    let _services = (services(lab), lab.serve("priv2", "0.0.0.0:8080"));
    until("A reaches B", || {
        lab.ask("priv", "10.88.0.10:8080") == Answer::from("10.77.0.10")
    });
    assert_eq!(
        lab.ask("priv2", "10.77.0.10:8080"),
        Answer::Silence,
        "B to A"
    );

    let group = joined.plan.filter.groups.get_mut("sg-in").unwrap();
    group.ingress.push(rule(tcp(8080), "10.88.0.0/24"));
    assert_eq!(joined.gateway.gateway(&joined.plan), "done");
    assert_eq!(
        joined.lab.ask("priv2", "10.77.0.10:8080"),
        Answer::from("10.88.0.10")
    );

    // An agent that takes what it was not given: a route, and the range as the gateway's.
    let link = joined.host_plan.link.as_mut().unwrap();
    link.ranges.push(range("10.88.0.0/24"));
    assert_eq!(joined.host.host(&joined.host_plan), "done");
    assert_eq!(
        joined.lab.ask("out", "10.88.0.10:8080"),
        Answer::Silence,
        "through A"
    );
    assert_eq!(
        joined.lab.ask("out", "10.77.0.10:8080"),
        Answer::from(LINKED)
    );

    joined.plan.filter.paths.insert((Zone::Linked, remote));
    assert_eq!(joined.gateway.gateway(&joined.plan), "done");
    assert_eq!(
        joined.lab.ask("out", "10.88.0.10:8080"),
        Answer::from(LINKED),
        "with the option"
    );
    good()
}

fn not_attached() -> Outcome {
    let mut joined = Joined::over(Lab::two(), "nft", LINKED, "203.0.113.2:51820");
    let mut second = plan::start_gateway(&joined.lab, "gw2", "nft");
    assert_eq!(
        second.gateway(&plan::empty("vpc-2", "10.88.0.0/24")),
        "done"
    );
    let link = joined.host_plan.link.as_mut().unwrap();
    link.gateway = Some(Gateway {
        key: second.key(),
        endpoint: "192.0.2.2:51820".to_owned(),
    });
    link.ranges = vec![range("10.88.0.0/24")];
    assert_eq!(joined.host.host(&joined.host_plan), "done");
    assert_eq!(joined.lab.ask("out", "10.88.0.10:8080"), Answer::Silence);
    assert_eq!(joined.host.tell("handshake"), "None");
    assert!(second.peers().is_empty());
    good()
}

/// Detached here and attached there: three are told, in whichever order.
fn elsewhere() -> Outcome {
    let mut joined = Joined::over(Lab::two(), "nft", LINKED, "203.0.113.2:51820");
    let mut second = plan::start_gateway(&joined.lab, "gw2", "nft");
    let _services = (
        services(&joined.lab),
        joined.lab.serve("priv2", "0.0.0.0:8080"),
    );
    let key = joined.host.key();
    let here = (joined.plan.clone(), plan::empty("vpc-2", "10.88.0.0/24"));
    let mut there = (
        plan::empty("vpc-1", "10.77.0.0/24"),
        plan::empty("vpc-2", "10.88.0.0/24"),
    );
    plan::link(&mut there.1, "i-out", LINKED, key);
    let host_here = joined.host_plan.clone();
    let mut host_there = host_here.clone();
    let link = host_there.link.as_mut().unwrap();
    link.network = "vpc-2".to_owned();
    link.ranges = vec![range("10.88.0.0/24")];
    link.gateway = Some(Gateway {
        key: second.key(),
        endpoint: "192.0.2.2:51820".to_owned(),
    });
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let ways = [
            (&there, &host_there, "10.88.0.10:8080", "10.77.0.10:8080"),
            (&here, &host_here, "10.77.0.10:8080", "10.88.0.10:8080"),
        ];
        for ((first_plan, second_plan), host_plan, reached, left) in ways {
            for who in order {
                let said = match who {
                    0 => joined.gateway.gateway(first_plan),
                    1 => second.gateway(second_plan),
                    _ => joined.host.host(host_plan),
                };
                assert_eq!(said, "done", "{order:?}");
            }
            until("it is in the other network", || {
                joined.lab.ask("out", reached) == Answer::from(LINKED)
            });
            assert_ne!(
                joined.lab.ask("out", left),
                Answer::from(LINKED),
                "{order:?}"
            );
            let peers = [joined.gateway.peers().len(), second.peers().len()];
            assert_eq!(peers.iter().sum::<usize>(), 1, "{order:?}");
        }
    }
    good()
}

fn interop(name: &str, arguments: &[&str]) -> Outcome {
    let Some(program) = need::find(name).filter(|_| need::has("wg")) else {
        return Err(Skipped(
            "it is not there, or wireguard-tools are not: scripts/netns.sh",
        ));
    };
    std::fs::create_dir_all("/run/wireguard").unwrap();
    for ours_is_host in [true, false] {
        let lab = Lab::one();
        let _services = services(&lab);
        let folder = lab.folder.path();
        let (theirs, private) = (folder.join("theirs.key"), lab.run("out", "wg genkey"));
        std::fs::write(&theirs, &private).unwrap();
        let theirs_key = link::PrivateKey::read(&private).unwrap().public();
        let (name, address) = match ours_is_host {
            true => ("gw", "10.77.0.0/24"),
            false => ("out", "10.64.0.4/32"),
        };
        let mut other = within(name);
        other.arg(&program).args(arguments).arg("wgo");
        other.stdout(Stdio::null()).stderr(Stdio::null());
        let mut other = other.spawn().unwrap();
        until("it is there", || {
            lab.try_run(name, "wg show wgo").status.success()
        });
        lab.run(
            name,
            &format!(
                "wg set wgo listen-port 51820 private-key {}",
                theirs.display()
            ),
        );
        lab.ip(&format!("-n {name} link set wgo up mtu 1420"));
        let _ours = if ours_is_host {
            let mut host = Node::start("out", &["host", "lk0", folder.to_str().unwrap()]);
            lab.run(
                "gw",
                &format!("wg set wgo peer {} allowed-ips 10.64.0.4/32", host.key()),
            );
            lab.ip("-n gw route add 10.64.0.4/32 dev wgo");
            let plan = plan::linked(host.key(), LINKED, theirs_key, "203.0.113.2:51820");
            assert_eq!(host.host(&plan), "done");
            host
        } else {
            let mut gateway = plan::start_gateway(&lab, "gw", "nft");
            let mut plan = plan::empty("vpc-1", "10.77.0.0/24");
            plan::link(&mut plan, "i-out", LINKED, theirs_key);
            assert_eq!(gateway.gateway(&plan), "done");
            let peer = format!(
                "wg set wgo peer {} endpoint 203.0.113.2:51820 persistent-keepalive 5",
                gateway.key()
            );
            lab.run("out", &format!("{peer} allowed-ips 10.77.0.0/24"));
            lab.ip("-n out addr add 10.64.0.4/32 dev wgo");
            lab.ip(&format!(
                "-n out route add 10.77.0.0/24 dev wgo src {LINKED}"
            ));
            gateway
        };
        lab.ip("-n priv route add 10.0.0.0/8 via 10.77.0.1");
        until("it answers", || {
            lab.ask("out", "10.77.0.10:8080") == Answer::from(LINKED)
        });
        assert_eq!(
            lab.ask("priv", "10.64.0.4:7000"),
            Answer::from("10.77.0.10"),
            "{address}"
        );
        other.kill().unwrap();
        other.wait().unwrap();
        let _ = std::fs::remove_file("/run/wireguard/wgo.sock");
    }
    good()
}

/// Starts a program with this capability and no other.
const NET_ADMIN_ALONE: &[&str] = &[
    "setpriv",
    "--bounding-set=-all,+net_admin",
    "--inh-caps=-all",
    "--no-new-privs",
];

fn net_admin_alone() -> Outcome {
    if !need::has("setpriv") {
        return Err(Skipped("it takes setpriv (util-linux)"));
    }
    let lab = Lab::one();
    let _services = services(&lab);
    let folder = lab.folder.path().to_str().unwrap();
    let mut host = Node::start_by("out", NET_ADMIN_ALONE, &["host", "lk0", folder]);
    let mut gateway = plan::start_gateway_by(&lab, "gw", NET_ADMIN_ALONE, "nft");
    let mut plan = plan::empty("vpc-1", "10.77.0.0/24");
    plan::link(&mut plan, "i-out", PROXIED, host.key());
    assert_eq!(gateway.gateway(&plan), "done");
    let linked = plan::linked(host.key(), PROXIED, gateway.key(), "203.0.113.2:51820");
    assert_eq!(host.host(&linked), "done");
    both_ways(&lab, PROXIED);
    assert_eq!(lab.ask("out", "10.77.0.10:9090"), Answer::Silence);
    good()
}

fn rootless() -> Outcome {
    if !need::has("setpriv") {
        return Err(Skipped("it takes setpriv (util-linux)"));
    }
    let lab = Lab::one();
    let _services = (services(&lab), lab.serve("out", "127.0.0.1:5000"));
    let ways = [
        "127.0.0.1:8080=10.77.0.10:8080",
        "127.0.0.1:9090=10.77.0.10:9090",
        "7000=127.0.0.1:5000",
    ];
    let folder = lab.folder.path().to_str().unwrap();
    let part = [&["rootless"], &ways[..], &[folder]].concat();
    let mut host = Node::start_by("out", WITHOUT, &part);
    let mut gateway = plan::start_gateway(&lab, "gw", "nft");
    let mut plan = plan::empty("vpc-1", "10.77.0.0/24");
    plan::link(&mut plan, "i-out", PROXIED, host.key());
    assert_eq!(gateway.gateway(&plan), "done");
    let linked = plan::linked(host.key(), PROXIED, gateway.key(), "203.0.113.2:51820");
    assert_eq!(host.host(&linked), "done");
    assert!(!lab.ip("-n out link").contains("lk0"));
    assert_eq!(lab.ask("out", "127.0.0.1:8080"), Answer::from(PROXIED));
    let in_again = lab.ask("priv", "10.77.0.200:7000");
    assert_eq!(in_again, Answer::from("127.0.0.1"));
    assert_eq!(lab.ask("out", "127.0.0.1:9090"), Answer::Silence);
    let closed = lab.ask("priv", "10.77.0.200:7001");
    assert_eq!(closed, Answer::Silence);
    let began = SystemClock::new();
    pour_to(&lab, "out", "127.0.0.1:8080", 20_000_000);
    let rate = 160.0 / began.monotonic().as_secs_f64();
    Ok(format!("{rate:.0} Mbit/s"))
}

/// Starts a program without capabilities.
const WITHOUT: &[&str] = &[
    "setpriv",
    "--bounding-set=-all",
    "--inh-caps=-all",
    "--no-new-privs",
];

fn no_capability() -> Outcome {
    if !need::has("setpriv") {
        return Err(Skipped("it takes setpriv (util-linux)"));
    }
    let lab = Lab::one();
    let folder = lab.folder.path().to_str().unwrap();
    let mut host = Node::start_by("out", WITHOUT, &["host", "lk0", folder]);
    let key = host.key();
    let said = host.host(&plan::linked(key, LINKED, key, "203.0.113.2:51820"));
    assert!(
        said.contains("CAP_NET_ADMIN") && said.contains("rootless"),
        "{said}"
    );
    good()
}

/// What root prepares for an agent that may nothing: the device for its user, the address and the routes, which are marked as ours.
fn persistent() -> Outcome {
    if !need::has("setpriv") {
        return Err(Skipped("it takes setpriv (util-linux)"));
    }
    let lab = Lab::one();
    let _services = services(&lab);
    lab.ip("-n out tuntap add dev lk0 mode tun user 0");
    let mut gateway = plan::start_gateway(&lab, "gw", "nft");
    let folder = lab.folder.path().to_str().unwrap();
    let start = || {
        let mut host = Node::start_by("out", WITHOUT, &["host", "lk0", folder]);
        let key = host.key();
        (host, key)
    };
    let (mut host, key) = start();
    let mut plan = plan::empty("vpc-1", "10.77.0.0/24");
    plan::link(&mut plan, "i-out", PROXIED, key);
    assert_eq!(gateway.gateway(&plan), "done");
    let linked = plan::linked(key, PROXIED, gateway.key(), "203.0.113.2:51820");
    let said = host.host(&linked);
    assert!(said.contains("link set dev lk0 mtu 1420"), "{said}");
    lab.ip("-n out link set dev lk0 mtu 1420 up");
    let said = host.host(&linked);
    assert!(said.contains("the address 10.77.0.200"), "{said}");
    lab.ip("-n out addr add 10.77.0.200/32 dev lk0");
    let said = host.host(&linked);
    assert!(said.contains("add the route 10.77.0.0/24"), "{said}");
    lab.ip("-n out route add 10.77.0.0/24 dev lk0 src 10.77.0.200 proto 153");
    assert_eq!(host.host(&linked), "done");
    both_ways(&lab, PROXIED);
    pour(&lab, 5_000_000);

    // The way to the network stays with the device: nothing for it goes elsewhere, and nobody is told.
    host.end("-KILL");
    let routes = lab.ip("-n out route");
    assert!(routes.contains("10.77.0.0/24 dev lk0"), "{routes}");
    assert_eq!(lab.ask("out", "10.77.0.10:8080"), Answer::Silence);
    (host, _) = start();
    assert_eq!(host.host(&linked), "done");
    until("it is back", || {
        lab.ask("out", "10.77.0.10:8080") == Answer::from(PROXIED)
    });
    assert_eq!(host.tell("stop"), "done");
    assert!(lab.ip("-n out link").contains("lk0"));
    good()
}

fn outer_v6() -> Outcome {
    let mut joined = Joined::over(Lab::one(), "nft", LINKED, "[2001:db8:2::2]:51820");
    let _services = services(&joined.lab);
    // The first neighbour of IPv6 takes a while to be found.
    until("it answers", || {
        joined.lab.ask("out", "10.77.0.10:8080") == Answer::from(LINKED)
    });
    both_ways(&joined.lab, LINKED);
    let said = pour(&joined.lab, 20_000_000);
    let key = joined.host.key();
    let endpoint = joined.gateway.peer(key).endpoint.unwrap();
    assert_eq!(endpoint.ip().to_string(), "2001:db8:1::2");
    joined
        .lab
        .run("out", "ping -c 1 -M do -s 1392 -W 2 10.77.0.10");
    Ok(said)
}

fn lossy() -> Outcome {
    let lab = Lab::one();
    let relay = ["relay", "203.0.113.1:51820", "203.0.113.2:51820"];
    let mut relay = Node::start("inet", &relay);
    let joined = Joined::over(lab, "nft", LINKED, "203.0.113.1:51820");
    let lab = &joined.lab;
    let _services = services(lab);
    until("it answers", || {
        lab.ask("out", "10.77.0.10:8080") == Answer::from(LINKED)
    });
    let began = SystemClock::new();
    pour_to(lab, "out", "10.77.0.10:8080", LOSSY_BYTES);
    pour_to(lab, "priv", "10.64.0.4:7000", LOSSY_BYTES);
    let took = began.monotonic();
    let lost: u64 = relay.tell("lost").parse().unwrap();
    assert!(lost > 0, "the way loses nothing");
    let ping = lab.run("out", "ping -c 3 -i 0.2 -W 2 10.77.0.10");
    let fastest = ping.rsplit("= ").next().unwrap().split('/').next();
    let fastest: f64 = fastest.unwrap().parse().unwrap();
    assert!(fastest >= 2.0 * DELAY.as_secs_f64() * 1e3, "{ping}");
    Ok(format!(
        "2 MB each way in {took:.1?}, {lost} datagrams lost, {DELAY:?} each way"
    ))
}

/// As much as loses dozens of datagrams.
const LOSSY_BYTES: u64 = 2_000_000;

fn thousand() -> Outcome {
    let mut joined = Joined::new("nft", LINKED);
    let _services = services(&joined.lab);
    for at in 0..1000u32 {
        let mut bytes = [7; 32];
        bytes[..4].copy_from_slice(&at.to_be_bytes());
        let address = format!("10.64.{}.{}", 1 + at / 250, 1 + at % 250);
        plan::link(
            &mut joined.plan,
            &format!("i-{at:04}"),
            &address,
            PublicKey::new(bytes),
        );
    }
    let began = SystemClock::new();
    assert_eq!(joined.gateway.gateway(&joined.plan), "done");
    let all = began.monotonic();
    let began = SystemClock::new();
    assert_eq!(joined.gateway.gateway(&joined.plan), "done");
    let again = began.monotonic();
    assert_eq!(joined.gateway.peers().len(), 1001);
    both_ways(&joined.lab, LINKED);
    joined.plan.links.truncate(1);
    joined
        .plan
        .filter
        .hosts
        .retain(|address, _| address.to_string() == LINKED);
    assert_eq!(joined.gateway.gateway(&joined.plan), "done");
    assert_eq!(joined.gateway.peers().len(), 1);
    let routes = joined.lab.ip("-n gw route");
    assert!(!routes.contains("10.64.1."), "{routes}");
    both_ways(&joined.lab, LINKED);
    let memory = joined.gateway.memory_mib();
    Ok(format!(
        "added in {all:.2?}, the same again in {again:.2?}, {memory:.0} MB"
    ))
}

fn fail_closed() -> Outcome {
    let lab = Lab::one();
    let file = lab.folder.path().join("refuse");
    let guard: &'static str = file.to_str().unwrap().to_owned().leak();
    let mut joined = Joined::over(lab, guard, LINKED, "203.0.113.2:51820");
    let _services = services(&joined.lab);
    both_ways(&joined.lab, LINKED);
    std::fs::write(&file, "").unwrap();
    plan::link(
        &mut joined.plan,
        "i-new",
        "10.64.0.5",
        PublicKey::new([9; 32]),
    );
    let said = joined.gateway.gateway(&joined.plan);
    assert!(said.contains("it was told to"), "{said}");
    assert_eq!(joined.gateway.peers().len(), 1, "the new one is not let in");
    both_ways(&joined.lab, LINKED);
    joined.plan.links.clear();
    let said = joined.gateway.gateway(&joined.plan);
    assert!(said.contains("it was told to"), "{said}");
    assert!(joined.gateway.peers().is_empty(), "the old one is cut off");
    assert_eq!(joined.lab.ask("out", "10.77.0.10:8080"), Answer::Silence);
    good()
}

fn device_deleted() -> Outcome {
    let joined = Joined::new("nft", LINKED);
    let _services = services(&joined.lab);
    both_ways(&joined.lab, LINKED);
    joined.lab.ip("-n out link del lk0");
    until("it is back", || {
        joined.lab.ask("out", "10.77.0.10:8080") == Answer::from(LINKED)
    });
    good()
}

fn refused_plans() -> Outcome {
    let mut joined = Joined::new("nft", LINKED);
    let mut circle = joined.host_plan.clone();
    let link = circle.link.as_mut().unwrap();
    link.gateway.as_mut().unwrap().endpoint = "10.77.0.1:51820".to_owned();
    let said = joined.host.host(&circle);
    assert!(
        said.contains("10.77.0.1:51820 is within 10.77.0.0/24"),
        "{said}"
    );
    joined.lab.ip("-n out addr add 10.77.0.5/24 dev lo");
    let said = joined.host.host(&joined.host_plan);
    assert!(said.contains("10.77.0.5"), "{said}");

    let twin = joined.plan.links[0].key;
    plan::link(&mut joined.plan, "i-twin", "10.64.0.9", twin.unwrap());
    let said = joined.gateway.gateway(&joined.plan);
    assert!(
        said.contains("`i-out` and `i-twin` both have the key"),
        "{said}"
    );
    joined.lab.run("gw", "sysctl -qw net.ipv4.ip_forward=0");
    joined.plan.links.truncate(1);
    let said = joined.gateway.gateway(&joined.plan);
    assert!(said.contains("net.ipv4.ip_forward=1"), "{said}");
    good()
}

fn pinned() -> Outcome {
    let mut joined = Joined::new("userspace", PROXIED);
    let (lab, inside) = (&joined.lab, &mut joined.inside);
    lab.ip("-n priv route add default via 10.77.0.254");
    let routes = || {
        let all = lab.ip("-n priv route");
        let own = all.lines().filter(|line| line.contains("proto 153"));
        let way = own.map(|line| line.split(" dev ").next().unwrap_or_default().to_owned());
        let mut ways: Vec<String> = way.collect();
        ways.sort();
        ways
    };
    let mut plan = plan::inside_enabled("10.77.0.1");
    assert_eq!(inside.host(&plan), "done");
    let way = |server: &str, outside: &str| {
        [
            format!("10.0.0.0/8 via {outside}"),
            format!("10.20.0.5 via {server}"),
        ]
    };
    // The machine's own resolver may be in that range too.
    let has = |what: &str, expected: [String; 2]| {
        let found = routes();
        assert!(
            expected.iter().all(|way| found.contains(way)),
            "{what}: {found:?}"
        );
        let is_one = |range: &str| found.iter().filter(|way| way.starts_with(range)).count() == 1;
        assert!(is_one("10.0.0.0/8 ") && is_one("10.20.0.5 "), "{found:?}");
        assert!(!found.iter().any(|way| way.starts_with(LINKED)));
    };
    has("at first", way("10.77.0.254", "10.77.0.1"));
    lab.ip("-n priv route replace default via 10.77.0.253");
    assert_eq!(inside.host(&plan), "done");
    has("another router", way("10.77.0.253", "10.77.0.1"));
    plan = plan::inside_enabled("10.77.0.2");
    assert_eq!(inside.host(&plan), "done");
    has("another gateway", way("10.77.0.253", "10.77.0.2"));
    plan.outside = None;
    assert_eq!(inside.host(&plan), "done");
    let each = format!("{LINKED} via 10.77.0.2");
    assert_eq!(routes(), [each]);
    assert_eq!(inside.host(&HostPlan::default()), "done");
    assert!(routes().is_empty());
    assert!(lab.ip("-n priv route").contains("default via 10.77.0.253"));
    good()
}

fn stopped() -> Outcome {
    let mut joined = Joined::new("nft", PROXIED);
    joined
        .lab
        .ip("-n gw route add 10.99.0.0/16 via 203.0.113.1 proto static");
    assert_eq!(joined.inside.host(&plan::inside("10.77.0.1")), "done");
    assert!(joined.lab.ip("-n priv route").contains("10.0.0.0/8"));
    assert!(joined.lab.ip("-n gw neigh show proxy").contains(PROXIED));
    for node in [&mut joined.host, &mut joined.gateway, &mut joined.inside] {
        assert_eq!(node.tell("stop"), "done");
    }
    for name in ["out", "gw", "priv"] {
        assert!(
            !joined.lab.ip(&format!("-n {name} link")).contains("lk0"),
            "{name}"
        );
        let routes = joined.lab.ip(&format!("-n {name} route"));
        assert!(
            !routes.contains("153") && !routes.contains(PROXIED),
            "{name}: {routes}"
        );
    }
    assert!(!joined.lab.ip("-n gw neigh show proxy").contains(PROXIED));
    assert!(
        joined.lab.ip("-n gw route").contains("10.99.0.0/16"),
        "another's route stays"
    );
    assert!(!joined.lab.ip("-n priv route").contains("10.0.0.0/8"));
    good()
}
