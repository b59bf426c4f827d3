//! Which ranges networks and their parts may have.
//!
//! Source: VPC User Guide, "VPC CIDR blocks" (between /28 and /16) and "Subnet CIDR blocks" (the first four addresses and
//! the last one are reserved).

use net::Ipv4Net;

use super::Error;

/// The shortest and the longest prefix of a range.
const PREFIX: std::ops::RangeInclusive<u8> = 16..=28;
/// Addresses of a subnet that no host has.
pub const RESERVED: u32 = 5;

/// A range that a network may have.
///
/// # Errors
/// [`Error::Range`] where `text` is none, or too wide or too narrow.
pub fn of_vpc(text: &str) -> Result<Ipv4Net, Error> {
    let range = read(text, "cidrBlock")?;
    match PREFIX.contains(&range.prefix_len()) {
        true => Ok(range),
        false => Err(Error::VpcRange {
            range: text.to_owned(),
        }),
    }
}

/// A range that a part of the network with the range `of` may have.
///
/// # Errors
/// [`Error::Range`] where `text` is none, [`Error::SubnetRange`] where it is too wide or too narrow, or not in the network.
pub fn of_subnet(text: &str, of: Ipv4Net) -> Result<Ipv4Net, Error> {
    let range = read(text, "cidrBlock")?;
    match PREFIX.contains(&range.prefix_len()) && of.contains(&range) {
        true => Ok(range),
        false => Err(Error::SubnetRange {
            range: text.to_owned(),
        }),
    }
}

/// The range that `text` names, without what lies behind its prefix: of `10.0.0.7/16` it is `10.0.0.0/16`.
///
/// # Errors
/// [`Error::Range`].
pub fn read(text: &str, parameter: &'static str) -> Result<Ipv4Net, Error> {
    let range = text.parse::<Ipv4Net>().map(|range| range.trunc());
    range.map_err(|_| Error::Range {
        range: text.to_owned(),
        parameter,
    })
}

/// Whether two ranges have an address in common.
#[must_use]
pub fn overlap(one: Ipv4Net, other: Ipv4Net) -> bool {
    one.contains(&other) || other.contains(&one)
}

/// How many addresses of a subnet hosts may have.
#[must_use]
pub fn usable(range: Ipv4Net) -> u32 {
    let all = 1u32.checked_shl(u32::from(32 - range.prefix_len()));
    all.unwrap_or(u32::MAX).saturating_sub(RESERVED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_from_sixteen_to_twenty_eight_bits() {
        for text in ["10.0.0.0/16", "192.168.4.0/28", "10.0.3.7/24"] {
            assert!(of_vpc(text).is_ok(), "{text}");
        }
        assert_eq!(of_vpc("10.0.3.7/24").unwrap().to_string(), "10.0.3.0/24");
        for text in ["10.0.0.0/15", "10.0.0.0/29", "0.0.0.0/0"] {
            assert!(
                matches!(of_vpc(text), Err(Error::VpcRange { .. })),
                "{text}"
            );
        }
        for text in ["", "10.0.0.0", "10.0.0/16", "2001:db8::/64", "10.0.0.0/33"] {
            assert!(matches!(of_vpc(text), Err(Error::Range { .. })), "{text}");
        }
    }

    #[test]
    fn a_subnet_lies_in_its_network() {
        let of = "10.0.0.0/16".parse().unwrap();
        assert!(of_subnet("10.0.0.0/16", of).is_ok());
        assert!(of_subnet("10.0.255.240/28", of).is_ok());
        for text in ["10.1.0.0/24", "10.0.0.0/15", "10.0.0.0/29"] {
            let refused = of_subnet(text, of);
            assert!(matches!(refused, Err(Error::SubnetRange { .. })), "{text}");
        }
        // Source: VPC User Guide, "Subnet CIDR blocks": a /28 has 16 addresses, of which 11 are for hosts.
        assert_eq!(usable("10.0.0.0/28".parse().unwrap()), 11);
        assert_eq!(usable("10.0.0.0/24".parse().unwrap()), 251);
    }
}
