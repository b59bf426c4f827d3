//! Which addresses a notification may reach.
//!
//! INVARIANT: an address is *global* only when no special range of IANA's registries holds it, neither as it
//! stands nor as the IPv4 address that it carries (mapped, compatible, translated, NAT64, 6to4, Teredo,
//! ISATAP). Everything else needs a line of the operator in `allow_cidrs`; the refusal prints that line.
//!
//! Also refused although the registries call some of them reachable: the anycast services inside the special
//! blocks (they are no receivers), IPv6 beyond `2000::/3`, and the address on which one cloud serves the
//! machine's own credentials and that lies in public space.
//!
//! Sources: IANA IPv4 and IPv6 Special-Purpose Address Registries, IPv4 Multicast (224.0.0.0/4), RFC 4291
//! (v4-mapped, v4-compatible), RFC 6052 and RFC 8215 (NAT64), RFC 3056 (6to4), RFC 4380 (Teredo), RFC 5214 (ISATAP).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use url::Url;

use crate::config::DestinationRules;
use crate::destinations;

/// A range whose addresses no notification reaches unless the operator allows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Special {
    /// The range, for example `10.0.0.0/8`.
    pub cidr: &'static str,
    /// What it is for and who says so, for example `private use, RFC 1918`.
    pub name: &'static str,
}

/// A special IPv4 range: first address, prefix length, description.
struct V4(Ipv4Addr, u32, Special);

/// A special IPv6 range: first address, prefix length, description.
struct V6(Ipv6Addr, u32, Special);

/// Shorthand for one row of [`SPECIAL_V4`].
const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u32, cidr: &'static str, name: &'static str) -> V4 {
    V4(Ipv4Addr::new(a, b, c, d), prefix, Special { cidr, name })
}

/// Shorthand for one row of [`SPECIAL_V6`]; `high` are the first four groups, the others are zero.
const fn v6(high: [u16; 4], prefix: u32, cidr: &'static str, name: &'static str) -> V6 {
    let [a, b, c, d] = high;
    V6(
        Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0),
        prefix,
        Special { cidr, name },
    )
}

#[rustfmt::skip]
const SPECIAL_V4: &[V4] = &[
    v4(0, 0, 0, 0, 8, "0.0.0.0/8", "this network, RFC 791"),
    v4(10, 0, 0, 0, 8, "10.0.0.0/8", "private use, RFC 1918"),
    v4(
        100,
        64,
        0,
        0,
        10,
        "100.64.0.0/10",
        "shared address space, RFC 6598",
    ),
    v4(127, 0, 0, 0, 8, "127.0.0.0/8", "loopback, RFC 1122"),
    v4(
        168,
        63,
        129,
        16,
        32,
        "168.63.129.16/32",
        "a cloud's own service to its machines",
    ),
    v4(169, 254, 0, 0, 16, "169.254.0.0/16", "link local, RFC 3927"),
    v4(172, 16, 0, 0, 12, "172.16.0.0/12", "private use, RFC 1918"),
    v4(
        192,
        0,
        0,
        0,
        24,
        "192.0.0.0/24",
        "protocol assignments, RFC 6890",
    ),
    v4(192, 0, 2, 0, 24, "192.0.2.0/24", "documentation, RFC 5737"),
    v4(192, 31, 196, 0, 24, "192.31.196.0/24", "AS112, RFC 7535"),
    v4(
        192,
        52,
        193,
        0,
        24,
        "192.52.193.0/24",
        "multicast tunnels, RFC 7450",
    ),
    v4(
        192,
        88,
        99,
        0,
        24,
        "192.88.99.0/24",
        "6to4 relays, RFC 7526",
    ),
    v4(
        192,
        168,
        0,
        0,
        16,
        "192.168.0.0/16",
        "private use, RFC 1918",
    ),
    v4(192, 175, 48, 0, 24, "192.175.48.0/24", "AS112, RFC 7534"),
    v4(198, 18, 0, 0, 15, "198.18.0.0/15", "benchmarking, RFC 2544"),
    v4(
        198,
        51,
        100,
        0,
        24,
        "198.51.100.0/24",
        "documentation, RFC 5737",
    ),
    v4(
        203,
        0,
        113,
        0,
        24,
        "203.0.113.0/24",
        "documentation, RFC 5737",
    ),
    v4(224, 0, 0, 0, 4, "224.0.0.0/4", "multicast, RFC 5771"),
    v4(240, 0, 0, 0, 4, "240.0.0.0/4", "reserved, RFC 1112"),
];

/// Most specific first where ranges overlap.
#[rustfmt::skip]
const SPECIAL_V6: &[V6] = &[
    V6(
        Ipv6Addr::UNSPECIFIED,
        128,
        Special {
            cidr: "::/128",
            name: "unspecified, RFC 4291",
        },
    ),
    V6(
        Ipv6Addr::LOCALHOST,
        128,
        Special {
            cidr: "::1/128",
            name: "loopback, RFC 4291",
        },
    ),
    V6(
        Ipv6Addr::UNSPECIFIED,
        96,
        Special {
            cidr: "::/96",
            name: "IPv4-compatible, RFC 4291",
        },
    ),
    v6(
        [0x64, 0xff9b, 1, 0],
        48,
        "64:ff9b:1::/48",
        "local NAT64, RFC 8215",
    ),
    v6([0x100, 0, 0, 0], 64, "100::/64", "discard only, RFC 6666"),
    v6(
        [0x100, 0, 0, 1],
        64,
        "100:0:0:1::/64",
        "dummy prefix, RFC 9780",
    ),
    v6([0x2001, 0, 0, 0], 32, "2001::/32", "Teredo, RFC 4380"),
    v6(
        [0x2001, 2, 0, 0],
        48,
        "2001:2::/48",
        "benchmarking, RFC 5180",
    ),
    v6(
        [0x2001, 0, 0, 0],
        23,
        "2001::/23",
        "protocol assignments, RFC 2928",
    ),
    v6(
        [0x2001, 0xdb8, 0, 0],
        32,
        "2001:db8::/32",
        "documentation, RFC 3849",
    ),
    v6([0x2002, 0, 0, 0], 16, "2002::/16", "6to4, RFC 3056"),
    v6(
        [0x2620, 0x4f, 0x8000, 0],
        48,
        "2620:4f:8000::/48",
        "AS112, RFC 7534",
    ),
    v6(
        [0x3fff, 0, 0, 0],
        20,
        "3fff::/20",
        "documentation, RFC 9637",
    ),
    v6(
        [0x5f00, 0, 0, 0],
        16,
        "5f00::/16",
        "segment routing, RFC 9602",
    ),
    v6([0xfc00, 0, 0, 0], 7, "fc00::/7", "unique local, RFC 4193"),
    v6([0xfe80, 0, 0, 0], 10, "fe80::/10", "link local, RFC 4291"),
    v6([0xfec0, 0, 0, 0], 10, "fec0::/10", "site local, RFC 3879"),
    v6([0xff00, 0, 0, 0], 8, "ff00::/8", "multicast, RFC 4291"),
];

const NOT_GLOBAL_UNICAST: Special = Special {
    cidr: "::/0",
    name: "outside of global unicast 2000::/3, RFC 4291",
};

/// Networks of a list that a refusal writes out; more are only counted (chosen).
const SHOWN_MAX: usize = 8;

/// An address that no rule of the destination allows. The text names the line that would.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("address {address} of `{host}` is refused: {range} is {name}; to allow it, {line}")]
pub struct Refused {
    /// The host of the notification.
    pub host: String,
    /// The address that was refused.
    pub address: IpAddr,
    /// The special range that holds it.
    pub range: &'static str,
    /// What the range is for.
    pub name: &'static str,
    /// What is to be written in which table.
    pub line: String,
    /// The network that would allow exactly this address.
    pub missing: IpNet,
}

/// What allows `missing` too, in the rules that the receiver has; under `*`, which are for all, in those that would be its
/// own. A list of its own takes the place of that of `*`, so what was allowed is kept in it.
fn line(url: &Url, rules: &DestinationRules, missing: IpNet) -> String {
    let allowed = &rules.allow_cidrs;
    let allowed: Vec<String> = allowed.iter().map(|one| format!("\"{one}\"")).collect();
    let list = match allowed.len() {
        0 => format!("add `allow_cidrs = [\"{missing}\"]`"),
        1..=SHOWN_MAX => format!(
            "set `allow_cidrs = [{}, \"{missing}\"]`",
            allowed.join(", ")
        ),
        many => format!("set `allow_cidrs` to the {many} networks that hold now and \"{missing}\""),
    };
    let table = match rules.is_for_all() {
        true => destinations::authority(url),
        false => rules.name.to_string(),
    };
    format!("{list} under [destinations.\"{table}\"]")
}

/// Lets `address` of the receiver of `url` pass when it is global or its rules allow it.
///
/// # Errors
/// [`Refused`], which prints the line that would allow it.
pub fn check(url: &Url, address: IpAddr, rules: &DestinationRules) -> Result<(), Refused> {
    let plain = unmapped(address);
    let Some(special) = special(plain) else {
        return Ok(());
    };
    let allowed = &rules.allow_cidrs;
    if allowed.iter().any(|network| holds(network, plain, address)) {
        return Ok(());
    }
    Err(Refused {
        host: url.host_str().unwrap_or_default().to_owned(),
        address,
        range: special.cidr,
        name: special.name,
        line: line(url, rules, IpNet::from(plain)),
        missing: IpNet::from(plain),
    })
}

/// The special range that holds `address`, `None` when it is global.
///
/// An IPv6 address that carries an IPv4 address is special when either of them is.
#[must_use]
pub fn special(address: IpAddr) -> Option<Special> {
    match unmapped(address) {
        IpAddr::V4(address) => special_v4(address),
        IpAddr::V6(address) => special_v6(address),
    }
}

/// `address`, as IPv4 when it is an IPv4-mapped IPv6 address: both name the same host.
#[must_use]
pub fn unmapped(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

fn holds(network: &IpNet, plain: IpAddr, written: IpAddr) -> bool {
    network.contains(&plain) || network.contains(&written)
}

fn special_v4(address: Ipv4Addr) -> Option<Special> {
    let bits = address.to_bits();
    SPECIAL_V4
        .iter()
        .find(|V4(first, prefix, _)| (bits ^ first.to_bits()) >> (32 - prefix) == 0)
        .map(|V4(_, _, special)| *special)
}

fn special_v6(address: Ipv6Addr) -> Option<Special> {
    let bits = address.to_bits();
    let listed = SPECIAL_V6
        .iter()
        .find(|V6(first, prefix, _)| (bits ^ first.to_bits()) >> (128 - prefix) == 0)
        .map(|V6(_, _, special)| *special);
    if listed.is_some() {
        return listed;
    }
    if let Some(carried) = carried(address) {
        return special_v4(carried);
    }
    let is_global_unicast = bits >> 125 == 0b001;
    (!is_global_unicast).then_some(NOT_GLOBAL_UNICAST)
}

/// The IPv4 address inside a form that a network may translate: well-known NAT64 and ISATAP.
///
/// Compatible, 6to4 and Teredo forms are special whatever they carry, so they are not read here.
fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, high, low] = address.segments();
    let is_nat64 = [a, b, c, d, e, f] == [0x64, 0xff9b, 0, 0, 0, 0];
    let is_isatap = f == 0x5efe && (e & !0x0200) == 0;
    (is_nat64 || is_isatap).then(|| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range_of(address: &str) -> Option<&'static str> {
        special(address.parse().unwrap()).map(|special| special.cidr)
    }

    #[test]
    fn every_special_range_is_refused_at_both_ends() {
        let rows = SPECIAL_V4.iter().map(|row| row.2);
        let rows = rows.chain(SPECIAL_V6.iter().map(|row| row.2));
        for row in rows {
            let network: IpNet = row.cidr.parse().unwrap();
            for address in [network.network(), network.broadcast()] {
                assert!(special(address).is_some(), "{address} of {}", row.cidr);
            }
        }
    }

    #[test]
    fn the_table_says_the_same_in_text_and_in_numbers() {
        for V4(first, prefix, special) in SPECIAL_V4 {
            assert_eq!(format!("{first}/{prefix}"), special.cidr);
        }
        for V6(first, prefix, special) in SPECIAL_V6 {
            assert_eq!(format!("{first}/{prefix}"), special.cidr);
        }
    }

    #[test]
    fn addresses_next_to_the_ranges_are_global() {
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "168.63.129.15",
            "168.63.129.17",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:200::1",
            "2001:db7::1",
            "2001:db9::1",
            "2003::1",
            "2606:4700:4700::1111",
            "2620:4f:8001::1",
            "3ffe::1",
            "3fff:1000::1",
            "64:ff9b::8.8.8.8",
            "::ffff:8.8.8.8",
            "2606:4700::5efe:808:808",
        ] {
            assert_eq!(range_of(address), None, "{address}");
        }
    }

    #[test]
    fn embedded_addresses_are_seen() {
        for (address, range) in [
            ("::ffff:127.0.0.1", "127.0.0.0/8"),
            ("::ffff:169.254.169.254", "169.254.0.0/16"),
            ("::ffff:a00:1", "10.0.0.0/8"),
            ("::127.0.0.1", "::/96"),
            ("::8.8.8.8", "::/96"),
            ("::ffff:0:127.0.0.1", "::/0"),
            ("64:ff9b::10.1.2.3", "10.0.0.0/8"),
            ("64:ff9b::169.254.169.254", "169.254.0.0/16"),
            ("64:ff9b:1::8.8.8.8", "64:ff9b:1::/48"),
            ("2002:7f00:1::", "2002::/16"),
            ("2002:808:808::", "2002::/16"),
            ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001::/32"),
            ("2606:4700::5efe:7f00:1", "127.0.0.0/8"),
            ("2606:4700::200:5efe:c0a8:1", "192.168.0.0/16"),
            ("fe80::1", "fe80::/10"),
            ("fd00:ec2::254", "fc00::/7"),
            ("4000::1", "::/0"),
        ] {
            assert_eq!(range_of(address), Some(range), "{address}");
        }
    }

    fn rules(name: &str, allow_cidrs: &[&str]) -> DestinationRules {
        DestinationRules {
            name: name.into(),
            allow_cidrs: allow_cidrs.iter().map(|one| one.parse().unwrap()).collect(),
            ..DestinationRules::default()
        }
    }

    fn checked(address: &str, rules: &DestinationRules) -> Result<(), Refused> {
        let url = Url::parse("http://tracker.example/").unwrap();
        check(&url, address.parse().unwrap(), rules)
    }

    #[test]
    fn the_refusal_names_the_line_that_allows_it() {
        for (url, rules, words) in [
            (
                "http://tracker.example/",
                rules("*", &[]),
                "add `allow_cidrs = [\"10.1.2.3/32\"]` under [destinations.\"tracker.example\"]",
            ),
            (
                "http://tracker.example.:81/",
                rules("*", &["127.0.0.0/8"]),
                "set `allow_cidrs = [\"127.0.0.0/8\", \"10.1.2.3/32\"]` under [destinations.\"tracker.example:81\"]",
            ),
            (
                "http://eu.partner.example/",
                rules("*.partner.example", &["fd00::/8"]),
                "set `allow_cidrs = [\"fd00::/8\", \"10.1.2.3/32\"]` under [destinations.\"*.partner.example\"]",
            ),
            (
                "http://tracker.example:81/",
                rules("tracker.example:81", &["127.0.0.0/8"; 9]),
                "set `allow_cidrs` to the 9 networks that hold now and \"10.1.2.3/32\" under [destinations.\"tracker.example:81\"]",
            ),
        ] {
            let url = Url::parse(url).unwrap();
            let refused = check(&url, "10.1.2.3".parse().unwrap(), &rules).unwrap_err();
            let host = url.host_str().unwrap();
            assert_eq!(
                refused.to_string(),
                format!(
                    "address 10.1.2.3 of `{host}` is refused: 10.0.0.0/8 is private use, RFC 1918; to allow it, {words}"
                )
            );
            let (_, table) = refused.line.split_once("[destinations.").unwrap();
            let table = table.trim_matches(['"', ']']);
            assert_eq!(crate::config::check_host(table), Ok(()));
        }
    }

    #[test]
    fn a_line_allows_its_addresses_and_their_mapped_form_only() {
        let rules = rules("*", &["10.1.0.0/16", "fd00::/64"]);
        for (address, passes) in [
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("10.2.0.1", false),
            ("64:ff9b::10.1.2.3", false),
            ("fd00::7", true),
            ("fd00:0:0:1::7", false),
            ("127.0.0.1", false),
        ] {
            let outcome = checked(address, &rules);
            assert_eq!(outcome.is_ok(), passes, "{address}");
        }
    }

    #[test]
    fn the_line_of_a_refusal_always_allows_it() {
        for address in [
            "10.1.2.3",
            "::ffff:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "::1",
            "ff02::1",
            "255.255.255.255",
        ] {
            let missing = checked(address, &rules("*", &[])).unwrap_err().missing;
            let rules = rules("*", &[&missing.to_string()]);
            assert_eq!(checked(address, &rules), Ok(()), "{address}");
        }
    }
}
