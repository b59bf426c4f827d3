//! Addresses of links.
//!
//! A host outside has one of the range of all hosts outside, from its first link on for life; no network with links may lie
//! there but in the two ranges that are excepted, so that it means the same host everywhere. A network that is tagged so
//! gives its links addresses of its own instead.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use net::Ipv4Net;

use super::classic::EXCEPTED;
use super::subnet::Subnet;
use super::{Error, VpcId};
use crate::engine::{Instance, Inventory};

/// Addresses that are looked at before there is said to be none. Chosen: more than there are instances, and all of a /16.
const TRIES_MAX: usize = 1 << 17;
/// Addresses at the end of a range that no link has: the broadcast address.
const LAST: u32 = 1;
/// Those at its start: the network's own, and those that EC2 keeps for itself.
const FIRST: u32 = 4;

/// A free address for a host outside: the lowest.
///
/// # Errors
/// [`Error::Limit`].
pub(super) fn of_outside(inventory: &Inventory) -> Result<Ipv4Addr, Error> {
    let range = inventory.rules.outside;
    let taken: BTreeSet<_> = inventory.iter().filter_map(|it| it.place.outside).collect();
    let networks: Vec<_> = inventory
        .networks
        .vpcs
        .iter()
        .map(|vpc| vpc.range)
        .collect();
    let mut next = u32::from(range.network()).saturating_add(FIRST);
    let last = u32::from(range.broadcast()).saturating_sub(LAST);
    for _ in 0..TRIES_MAX {
        let address = Ipv4Addr::from(next);
        let avoided = EXCEPTED.iter().chain(&networks);
        let mut avoided = avoided.filter(|range| range.contains(&address));
        next = match avoided.next() {
            // Behind all of it.
            Some(range) => u32::from(range.broadcast()).saturating_add(FIRST + 1),
            None if next <= last && !taken.contains(&address) => return Ok(address),
            None => next.saturating_add(1),
        };
        if next > last {
            break;
        }
    }
    Err(full(range))
}

/// A free address of a network: the highest of its first subnet, or of the network where it has none.
///
/// # Errors
/// [`Error::Limit`].
pub(super) fn of_network(inventory: &Inventory, vpc: &VpcId) -> Result<Ipv4Addr, Error> {
    let networks = &inventory.networks;
    let own = networks.vpcs.get(vpc)?.range;
    let by_range = |subnet: &&Arc<Subnet>| subnet.range;
    let subnet = networks.subnets_of(vpc).min_by_key(by_range);
    let range = subnet.map_or(own, |subnet| subnet.range);
    let linked = inventory.links_of(vpc).map(|(_, link)| link.address);
    // Whatever a host says of itself, inside or not, is not given to another.
    let told = inventory
        .iter()
        .filter_map(|it| Instance::private_address(it));
    let mut taken: BTreeSet<_> = linked.chain(told).collect();
    let gateway = networks.vpcs.get(vpc)?.gateway.as_ref();
    taken.extend(gateway.and_then(|gateway| gateway.inside));
    let first = u32::from(range.network()).saturating_add(FIRST);
    let last = u32::from(range.broadcast()).saturating_sub(LAST);
    let free = (first..=last).rev().map(Ipv4Addr::from).take(TRIES_MAX);
    let mut free = free.filter(|address| !taken.contains(address));
    free.next().ok_or_else(|| full(range))
}

fn full(range: Ipv4Net) -> Error {
    Error::Limit {
        kind: "address",
        limit: usize::try_from(super::range::usable(range)).unwrap_or(usize::MAX),
    }
}
