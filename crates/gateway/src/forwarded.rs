//! Who called, where a proxy stands between: what `X-Forwarded-For` and `X-Forwarded-Proto` say, taken from proxies that are
//! trusted and from nobody else.
//!
//! INVARIANT: what is believed was written by a trusted proxy. The addresses are read from the right, where the nearest
//! proxy writes, up to the first that is no trusted proxy's; what stands left of it may be made up.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

const FOR: &str = "x-forwarded-for";
const PROTO: &str = "x-forwarded-proto";

/// The most addresses that are looked at. Chosen: more proxies in a row than anybody has.
const HOPS_MAX: usize = 16;

/// The networks of proxies whose word is taken.
#[derive(Clone, Debug, Default)]
pub struct Proxies(Vec<IpNet>);

/// Where a request came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The client, or as near to it as is known for sure. The port of a client behind a proxy is mostly 0.
    pub(crate) client: SocketAddr,
    /// Whether it reached the proxy by TLS, where one says so.
    pub(crate) is_https: bool,
}

impl Proxies {
    /// Trusts the proxies in these networks.
    #[must_use]
    pub const fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Where a request over a connection from `peer` came from.
    pub(crate) fn origin(&self, peer: SocketAddr, headers: &HeaderMap) -> Origin {
        if self.0.is_empty() || !self.trusts(peer.ip()) {
            return Origin {
                client: peer,
                is_https: false,
            };
        }
        Origin {
            client: self.client(peer, headers),
            is_https: last(headers, PROTO)
                .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https")),
        }
    }

    fn client(&self, peer: SocketAddr, headers: &HeaderMap) -> SocketAddr {
        let mut nearest = peer;
        let lines = headers.get_all(FOR).iter().rev();
        let hops = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        for hop in hops.take(HOPS_MAX) {
            let Some(address) = std::str::from_utf8(hop).ok().and_then(address) else {
                break;
            };
            nearest = address;
            if !self.trusts(address.ip()) {
                break;
            }
        }
        nearest
    }
}

/// The last value of a list in a header: what the nearest proxy says.
fn last<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let line = headers.get_all(name).iter().next_back()?;
    let text = line.to_str().ok()?;
    text.rsplit(',').next().map(str::trim)
}

/// `192.0.2.7`, `192.0.2.7:1234`, `2001:db8::7`, `[2001:db8::7]` or `[2001:db8::7]:1234`.
fn address(text: &str) -> Option<SocketAddr> {
    let text = text.trim();
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(address);
    }
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    Some(SocketAddr::new(bare.parse().ok()?, 0))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const PEER: &str = "10.0.0.1:4000";

    fn proxies(networks: &[&str]) -> Proxies {
        Proxies::new(networks.iter().map(|it| it.parse().unwrap()).collect())
    }

    fn headers(lines: &[&str]) -> HeaderMap {
        let value = |line: &&str| (FOR.parse().unwrap(), HeaderValue::from_str(line).unwrap());
        lines.iter().map(value).collect()
    }

    fn client(networks: &[&str], lines: &[&str]) -> String {
        let origin = proxies(networks).origin(PEER.parse().unwrap(), &headers(lines));
        origin.client.to_string()
    }

    #[test]
    fn the_word_of_a_stranger_is_not_taken() {
        assert_eq!(client(&[], &["192.0.2.7"]), PEER);
        assert_eq!(client(&["10.9.0.0/16"], &["192.0.2.7"]), PEER);
        let mut all = headers(&["192.0.2.7"]);
        all.insert(PROTO, HeaderValue::from_static("https"));
        assert!(!proxies(&[]).origin(PEER.parse().unwrap(), &all).is_https);
        assert!(
            proxies(&["10.0.0.0/8"])
                .origin(PEER.parse().unwrap(), &all)
                .is_https
        );
    }

    #[test]
    fn the_nearest_that_is_no_proxy_of_ours_is_the_client() {
        let trusted = &["10.0.0.0/8"];
        for (lines, seen) in [
            (&["192.0.2.7"][..], "192.0.2.7:0"),
            // What the client itself sent stands left of it.
            (&["127.0.0.1, 198.51.100.1, 192.0.2.7"], "192.0.2.7:0"),
            (&["1.1.1.1", "192.0.2.7, 10.3.0.1"], "192.0.2.7:0"),
            (&["192.0.2.7:1234"], "192.0.2.7:1234"),
            (&["[2001:db8::7]:1234"], "[2001:db8::7]:1234"),
            (&["[2001:db8::7]"], "[2001:db8::7]:0"),
            (&["2001:db8::7"], "[2001:db8::7]:0"),
            // All of them ours: the first is where it began.
            (&["10.1.1.1, 10.2.2.2"], "10.1.1.1:0"),
            // Behind what is no address nothing is believed.
            (&["192.0.2.7, unknown, 10.2.2.2"], "10.2.2.2:0"),
            (&["192.0.2.7, "], PEER),
            (&[], PEER),
        ] {
            assert_eq!(client(trusted, lines), seen, "{lines:?}");
        }
    }

    #[test]
    fn an_endless_list_is_not_walked() {
        let line = ["10.0.0.9"; 1000].join(", ");
        assert_eq!(
            client(&["10.0.0.0/8"], &[&format!("192.0.2.7, {line}")]),
            "10.0.0.9:0"
        );
    }

    #[test]
    fn an_address_of_the_old_kind_in_the_new_is_the_same() {
        let trusted = proxies(&["10.0.0.0/8"]);
        let peer = "[::ffff:10.0.0.1]:4000".parse().unwrap();
        let origin = trusted.origin(peer, &headers(&["192.0.2.7"]));
        assert_eq!(origin.client.to_string(), "192.0.2.7:0");
    }
}
