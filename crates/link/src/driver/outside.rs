//! How a host inside finds hosts outside: by one route for all of their range, or by one for each that is linked.
//!
//! A route for the range would take what the host reaches elsewhere in it by a wider route, mostly the default one. So what the
//! host cannot do without, its server and its resolvers, is *pinned* first: it gets a route of its own along the way that leads
//! there now, and so do the network's own ranges. What has a narrower route than the range keeps its way by that.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use ipnet::Ipv4Net;
use net::plan::{self, Outside};

use super::Problem;
use crate::kernel::{Other, Route, To};

/// The metric of routes of a host inside, by which they are known to be ours. Above what a host's own routes have.
pub(super) const METRIC: u32 = 53_100;
/// Where resolvers are written down: the usual place, and that of those behind systemd's own, which the usual one then names.
const RESOLVERS: [&str; 2] = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];

/// How a host inside finds hosts outside.
#[derive(Clone, Debug)]
pub enum Reach {
    /// By one route for the range of all of them.
    Range {
        /// The server, as `host:port`: its addresses stay where they are.
        server: String,
    },
    /// By a route for each that is linked.
    Hosts,
}

/// The routes that a plan names, one each.
pub(super) fn each(routes: &[plan::Route]) -> BTreeSet<Route> {
    routes
        .iter()
        .map(|route| by(route.range, route.via))
        .collect()
}

fn by(range: Ipv4Net, via: Ipv4Addr) -> Route {
    Route {
        range,
        to: To::Via(via),
        metric: METRIC,
    }
}

/// The route for the range of all hosts outside, what is pinned beside it, and those of `routes` that it does not stand for.
///
/// `others`: the host's routes that are not ours. `near`: addresses that stay where they are; before them goes no host outside
/// that was given the same one.
///
/// # Errors
/// [`Problem::NotPinned`] where one of these is reached by a way that a route of ours cannot have.
pub(super) fn whole(
    outside: &Outside,
    routes: &[plan::Route],
    others: &[Other],
    near: &BTreeSet<Ipv4Addr>,
) -> Result<BTreeSet<Route>, Problem> {
    let range = outside.range;
    let near = near.iter().copied().map(Ipv4Net::from);
    let stay = near.chain(outside.own.iter().copied());
    let stay: BTreeSet<_> = stay.filter(|stay| range.contains(stay)).collect();
    // A route that is taken before ours for the range.
    let prevails = |other: &&Other| match other.range.prefix_len() {
        length if length == range.prefix_len() => other.metric < METRIC,
        length => length > range.prefix_len(),
    };
    let is_elsewhere = |to: &Ipv4Net| {
        let mut prevailing = others.iter().filter(prevails);
        prevailing.any(|other| other.range.contains(to))
    };
    let needs_own = |route: &&plan::Route| {
        let is_near = stay.contains(&route.range);
        !range.contains(&route.range) || (is_elsewhere(&route.range) && !is_near)
    };
    let mut all: BTreeSet<_> = routes
        .iter()
        .filter(needs_own)
        .map(|route| by(route.range, route.via))
        .collect();
    for &range in stay.iter().filter(|stay| !is_elsewhere(stay)) {
        let now = others.iter().filter(|other| other.range.contains(&range));
        let now = now.max_by_key(|other| {
            let length = other.range.prefix_len();
            (length, std::cmp::Reverse(other.metric))
        });
        match now.map(|other| other.to) {
            // Nothing leads there, so that nothing is taken from it.
            None | Some(Some(To::Nowhere)) => {}
            Some(None) => return Err(Problem::NotPinned { range }),
            Some(Some(to)) => {
                all.insert(Route {
                    range,
                    to,
                    metric: METRIC,
                });
            }
        }
    }
    all.insert(by(range, outside.via));
    Ok(all)
}

/// The addresses that a host cannot do without.
#[derive(Debug, Default)]
pub(super) struct Near {
    /// The server's, as they were found last.
    server: BTreeSet<Ipv4Addr>,
}

impl Near {
    /// The server's addresses and those of resolvers, as they are now. While the server's name is not found, it is where it was.
    ///
    /// # Errors
    /// [`Problem::NoServer`] where it has never been found.
    pub(super) async fn look(&mut self, server: &str) -> Result<BTreeSet<Ipv4Addr>, Problem> {
        match tokio::net::lookup_host(server).await {
            Ok(found) => self.server = found.filter_map(|at| of_v4(at.ip())).collect(),
            Err(_) if !self.server.is_empty() => {}
            Err(source) => {
                let server = server.to_owned();
                return Err(Problem::NoServer { server, source });
            }
        }
        let resolvers = RESOLVERS.iter().flat_map(|path| resolvers(Path::new(path)));
        Ok(resolvers.chain(self.server.iter().copied()).collect())
    }
}

fn of_v4(ip: IpAddr) -> Option<Ipv4Addr> {
    match ip.to_canonical() {
        IpAddr::V4(ip) => Some(ip),
        IpAddr::V6(_) => None,
    }
}

/// The resolvers that a file names; none where it cannot be read. Source: resolv.conf(5).
fn resolvers(path: &Path) -> Vec<Ipv4Addr> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let is_one = words.next() == Some("nameserver");
        words.next().filter(|_| is_one)?.parse().ok()
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GATEWAY: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 1);
    const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 1);

    fn range(text: &str) -> Ipv4Net {
        text.parse().unwrap()
    }

    fn to(neighbour: Ipv4Addr) -> To {
        To::At {
            index: 2,
            neighbour,
            source: None,
        }
    }

    const fn direct() -> To {
        let source = Some(Ipv4Addr::new(10, 9, 0, 4));
        To::Device { index: 3, source }
    }

    fn other(text: &str, to: impl Into<Option<To>>, metric: u32) -> Other {
        Other {
            range: range(text),
            to: to.into(),
            metric,
        }
    }

    /// What is set besides the range's own route, where hosts are linked at `linked`.
    fn beside(others: &[Other], near: &[&str], linked: &[&str], own: &str) -> Vec<(String, To)> {
        let outside = Outside {
            range: range("10.0.0.0/8"),
            via: GATEWAY,
            own: vec![range(own)],
        };
        let linked = linked.iter().map(|text| plan::Route {
            range: range(text),
            via: GATEWAY,
        });
        let linked: Vec<_> = linked.collect();
        let near = near.iter().map(|text| text.parse().unwrap()).collect();
        let mut all = whole(&outside, &linked, others, &near).unwrap();
        assert!(all.remove(&by(outside.range, GATEWAY)), "{all:?}");
        assert!(all.iter().all(|route| route.metric == METRIC));
        let all = all.into_iter();
        all.map(|route| (route.range.to_string(), route.to))
            .collect()
    }

    fn pin(text: &str, to: To) -> Vec<(String, To)> {
        vec![(text.to_owned(), to)]
    }

    #[test]
    fn what_the_default_route_reaches_in_the_range_is_pinned_along_it() {
        let default = other("0.0.0.0/0", to(ROUTER), 100);
        let check = |others: &[Other], near: &[&str]| beside(others, near, &[], "172.31.0.0/16");
        assert_eq!(check(&[default], &[]), []);
        assert_eq!(check(&[default], &["203.0.113.10", "127.0.0.53"]), []);
        let pinned = pin("10.20.0.5/32", to(ROUTER));
        assert_eq!(check(&[default], &["10.20.0.5"]), pinned);
        // A wider route than the range goes before the default one; of two alike the one with the least metric.
        let wide = other("8.0.0.0/6", to(GATEWAY), 5);
        let pinned = pin("10.20.0.5/32", to(GATEWAY));
        assert_eq!(check(&[default, wide], &["10.20.0.5"]), pinned);
        let better = other("0.0.0.0/0", direct(), 20);
        let pinned = pin("10.20.0.5/32", direct());
        assert_eq!(check(&[default, better], &["10.20.0.5"]), pinned);
        // Nothing leads there.
        assert_eq!(check(&[], &["10.20.0.5"]), []);
        let nowhere = other("0.0.0.0/0", To::Nowhere, 0);
        assert_eq!(check(&[nowhere], &["10.20.0.5"]), []);
    }

    #[test]
    fn what_a_narrower_route_reaches_needs_no_pin() {
        let default = other("0.0.0.0/0", to(ROUTER), 100);
        let connected = other("10.9.0.0/16", direct(), 0);
        let near = ["10.9.0.53", "10.20.0.5"];
        let pinned = beside(&[default, connected], &near, &[], "172.31.0.0/16");
        assert_eq!(pinned, pin("10.20.0.5/32", to(ROUTER)));
        // One as wide as the range counts by its metric.
        let same = |metric| other("10.0.0.0/8", direct(), metric);
        let near = ["10.20.0.5"];
        let pinned = beside(&[default, same(0)], &near, &[], "172.31.0.0/16");
        assert_eq!(pinned, []);
        let pinned = beside(&[default, same(METRIC + 1)], &near, &[], "172.31.0.0/16");
        assert_eq!(pinned, pin("10.20.0.5/32", direct()));
    }

    #[test]
    fn the_networks_own_range_stays_where_it_is() {
        let default = other("0.0.0.0/0", to(ROUTER), 0);
        let subnet = other("10.0.4.0/24", direct(), 0);
        let pinned = beside(&[default, subnet], &[], &[], "10.0.0.0/16");
        assert_eq!(pinned, pin("10.0.0.0/16", to(ROUTER)));
        let all = other("10.0.0.0/16", direct(), 0);
        assert_eq!(beside(&[default, all], &[], &[], "10.0.0.0/16"), []);
    }

    #[test]
    fn a_route_of_its_own_has_only_who_is_beyond_the_range_or_would_be_taken_elsewhere() {
        let connected = other("10.9.0.0/16", direct(), 0);
        let linked = ["10.2.0.4/32", "10.9.0.7/32", "192.168.50.0/24"];
        let kept = beside(&[connected], &[], &linked, "172.31.0.0/16");
        let via = |text: &str| (text.to_owned(), To::Via(GATEWAY));
        assert_eq!(kept, [via("10.9.0.7/32"), via("192.168.50.0/24")]);
        // Before the host's own server and resolvers nobody has an address.
        let kept = beside(&[connected], &["10.9.0.7"], &linked, "172.31.0.0/16");
        assert_eq!(kept, [via("192.168.50.0/24")]);
        let default = other("0.0.0.0/0", to(ROUTER), 0);
        let kept = beside(&[default], &["10.2.0.4"], &linked[..1], "172.31.0.0/16");
        assert_eq!(kept, pin("10.2.0.4/32", to(ROUTER)));
    }

    #[test]
    fn a_way_that_no_pin_can_have_is_said_and_no_range_is_set() {
        let outside = Outside {
            range: range("10.0.0.0/8"),
            via: GATEWAY,
            own: Vec::new(),
        };
        let strange = [other("0.0.0.0/0", None, 0)];
        let near = BTreeSet::from(["10.20.0.5".parse().unwrap()]);
        let said = whole(&outside, &[], &strange, &near).unwrap_err();
        assert!(said.to_string().contains("10.20.0.5/32"), "{said}");
        assert!(whole(&outside, &[], &strange, &BTreeSet::new()).is_ok());
    }

    #[test]
    fn resolvers_are_read_as_the_system_reads_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("resolv.conf");
        let text = "# nameserver 10.0.0.1\nsearch lan\nnameserver 10.0.0.2\nnameserver\t10.0.0.3 # two\nnameserver ::1\noptions edns0\n";
        std::fs::write(&file, text).unwrap();
        let [two, three] = [2, 3].map(|last| Ipv4Addr::new(10, 0, 0, last));
        assert_eq!(resolvers(&file), [two, three]);
        assert!(resolvers(&folder.path().join("none")).is_empty());
    }

    #[tokio::test]
    async fn a_server_that_is_not_found_is_where_it_was() {
        let mut near = Near::default();
        let unknown = near.look("nowhere.invalid:5310").await;
        assert!(matches!(unknown, Err(Problem::NoServer { .. })));
        let found = near.look("10.20.0.5:5310").await.unwrap();
        assert!(found.contains(&Ipv4Addr::new(10, 20, 0, 5)));
        let kept = near.look("nowhere.invalid:5310").await.unwrap();
        assert!(kept.contains(&Ipv4Addr::new(10, 20, 0, 5)));
    }
}
