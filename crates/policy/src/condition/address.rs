//! IP addresses and ranges in CIDR form.

use std::net::{IpAddr, Ipv6Addr};

/// A range of addresses. An IPv4 address stands where its IPv4-mapped IPv6 address does, so that both forms are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    address: IpAddr,
    bits: u8,
}

impl Range {
    /// Reads `203.0.113.0/24`, `2001:db8::/32`, or an address alone. Bits behind the prefix are ignored.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address = address.parse::<IpAddr>().ok()?;
        let bits_max = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) if bits.bytes().all(|byte| byte.is_ascii_digit()) => {
                bits.parse::<u8>().ok()?
            }
            Some(_) => return None,
            None => bits_max,
        };
        (bits <= bits_max).then_some(Self { address, bits })
    }

    /// Reads the address that a request comes from.
    pub(crate) fn parse_address(text: &str) -> Option<IpAddr> {
        text.parse().ok()
    }

    pub(crate) fn contains(self, found: IpAddr) -> bool {
        (wide(self.address) ^ wide(found)) & self.mask() == 0
    }

    /// The range without bits behind its prefix, when it has some.
    pub(crate) fn tidied(self) -> Option<String> {
        let tidy = Ipv6Addr::from_bits(wide(self.address) & self.mask());
        let tidy = match self.address {
            IpAddr::V4(_) => IpAddr::V6(tidy).to_canonical(),
            IpAddr::V6(_) => IpAddr::V6(tidy),
        };
        (tidy != self.address).then(|| format!("{tidy}/{}", self.bits))
    }

    /// Its length in the space of IPv6.
    fn prefix(self) -> u32 {
        u32::from(self.bits) + if self.address.is_ipv4() { 96 } else { 0 }
    }

    fn mask(self) -> u128 {
        u128::MAX
            .checked_shl(128_u32.saturating_sub(self.prefix()))
            .unwrap_or(0)
    }
}

fn wide(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_contain_their_addresses() {
        for (range, address, expected) in [
            ("203.0.113.0/24", "203.0.113.255", true),
            ("203.0.113.0/24", "203.0.114.0", false),
            ("203.0.113.7", "203.0.113.7", true),
            ("203.0.113.7", "203.0.113.8", false),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("2001:DB8:1234:5678::/64", "2001:db8:1234:5678:1::", true),
            ("2001:DB8:1234:5678::/64", "2001:db8:1234:5679::", false),
            ("203.0.113.0/24", "::ffff:203.0.113.9", true),
            ("203.0.113.77/24", "203.0.113.9", true),
        ] {
            let found = Range::parse(range)
                .unwrap()
                .contains(address.parse().unwrap());
            assert_eq!(found, expected, "{range} {address}");
        }
    }

    #[test]
    fn what_is_no_range_is_none() {
        for text in [
            "",
            "203.0.113",
            "203.0.113.0/33",
            "::/129",
            "203.0.113.0/",
            "203.0.113.0/+8",
            "*",
        ] {
            assert_eq!(Range::parse(text), None, "{text}");
        }
    }

    #[test]
    fn bits_behind_the_prefix_are_seen() {
        for (text, expected) in [
            ("203.0.113.77/24", Some("203.0.113.0/24")),
            ("203.0.113.0/24", None),
            ("203.0.113.7", None),
            ("2001:db8::1/32", Some("2001:db8::/32")),
        ] {
            assert_eq!(
                Range::parse(text).unwrap().tidied().as_deref(),
                expected,
                "{text}"
            );
        }
    }
}
