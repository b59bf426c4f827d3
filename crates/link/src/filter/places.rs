//! Whose an address is: the hosts and areas of a filter, cut into ranges that do not overlap.
//!
//! Hosts that are in the same zone and have the same groups are one [`Class`]: rules are kept by class, so that a thousand links with
//! the same groups cost as much as one. Who answers for flows is an owner: a known host for itself, all other addresses of an area
//! together, all that is behind a peering together, since who is there may choose among these addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use net::{Filter, Host, Zone};

/// Hosts that rules cannot tell apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Class {
    /// Where they are, as an index into [`Places::zones`].
    pub zone: u32,
    /// Their groups.
    pub groups: BTreeSet<String>,
}

/// What an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its class, as an index into [`Places::classes`].
    pub class: u32,
    /// Who answers for its flows: a number below [`Places::owners`].
    pub owner: u32,
    /// Whether it is reached through the tunnel.
    pub is_outside: bool,
}

/// Addresses from `first` to `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first address.
    pub first: u32,
    /// The last one.
    pub last: u32,
    /// What they are.
    pub place: Place,
}

/// Every address of a filter.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// In the order of addresses, none overlapping.
    spans: Vec<Span>,
    /// The zones that occur.
    pub zones: Vec<Zone>,
    /// The classes that occur.
    pub classes: Vec<Class>,
    /// How many owners there are.
    pub owners: u32,
}

/// Who answers for flows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    Host(u32),
    /// The range's address and length.
    Area(u32, u8),
    Zone(u32),
}

impl Places {
    /// The places of `filter`.
    #[must_use]
    pub fn of(filter: &Filter) -> Self {
        let mut building = Building::default();
        let cuts = cuts(filter);
        for (&first, next) in cuts.iter().zip(cuts.iter().skip(1)) {
            let (Ok(first), Ok(last)) = (u32::try_from(first), u32::try_from(next - 1)) else {
                continue;
            };
            building.add(filter, first, last);
        }
        building.places
    }

    /// What `address` is; `None` where it is nobody's.
    #[must_use]
    pub fn find(&self, address: Ipv4Addr) -> Option<Place> {
        let address = u32::from(address);
        let behind = self.spans.partition_point(|span| span.first <= address);
        let span = self.spans.get(behind.checked_sub(1)?)?;
        (address <= span.last).then_some(span.place)
    }

    /// The zone of a place.
    #[must_use]
    pub fn zone(&self, place: Place) -> Option<&Zone> {
        let class = self.class(place)?;
        self.zones.get(usize::try_from(class.zone).ok()?)
    }

    /// The class of a place.
    #[must_use]
    pub fn class(&self, place: Place) -> Option<&Class> {
        self.classes.get(usize::try_from(place.class).ok()?)
    }

    /// All ranges, in order.
    #[must_use]
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }
}

/// Where the answer may change from one address to the next; 2^32 is behind the last.
fn cuts(filter: &Filter) -> Vec<u64> {
    let hosts = filter.hosts.keys().map(|&address| (address, address));
    let areas = filter.areas.iter().map(|area| area.range);
    let areas = areas.map(|range| (range.network(), range.broadcast()));
    let ends = |(first, last)| [u64::from(u32::from(first)), u64::from(u32::from(last)) + 1];
    let mut cuts: Vec<u64> = hosts.chain(areas).flat_map(ends).collect();
    cuts.sort_unstable();
    cuts.dedup();
    cuts
}

#[derive(Default)]
struct Building {
    places: Places,
    zones: BTreeMap<Zone, u32>,
    classes: BTreeMap<Class, u32>,
    owners: BTreeMap<Owner, u32>,
}

impl Building {
    fn add(&mut self, filter: &Filter, first: u32, last: u32) {
        let Some(host) = filter.host(Ipv4Addr::from(first)) else {
            return;
        };
        let zone = number(&mut self.zones, host.zone.clone(), &mut self.places.zones);
        let groups = host.groups.clone();
        let class = number(
            &mut self.classes,
            Class { zone, groups },
            &mut self.places.classes,
        );
        let owners = u32::try_from(self.owners.len()).unwrap_or(u32::MAX);
        let owner = *self
            .owners
            .entry(owner(filter, host, zone, first))
            .or_insert(owners);
        self.places.owners = u32::try_from(self.owners.len()).unwrap_or(u32::MAX);
        let place = Place {
            class,
            owner,
            is_outside: host.zone != Zone::Inside,
        };
        match self.places.spans.last_mut() {
            Some(before) if before.place == place && before.last.checked_add(1) == Some(first) => {
                before.last = last;
            }
            _ => self.places.spans.push(Span { first, last, place }),
        }
    }
}

/// The number of `value`, which gets the next one where it has none.
fn number<T: Clone + Ord>(numbers: &mut BTreeMap<T, u32>, value: T, list: &mut Vec<T>) -> u32 {
    let next = u32::try_from(list.len()).unwrap_or(u32::MAX);
    *numbers.entry(value).or_insert_with_key(|value| {
        list.push(value.clone());
        next
    })
}

fn owner(filter: &Filter, host: &Host, zone: u32, address: u32) -> Owner {
    if host.zone.is_remote() {
        return Owner::Zone(zone);
    }
    let at = Ipv4Addr::from(address);
    if filter.hosts.contains_key(&at) {
        return Owner::Host(address);
    }
    let ranges = filter.areas.iter().map(|area| area.range);
    let own = ranges.filter(|range| range.contains(&at));
    own.max_by_key(ipnet::Ipv4Net::prefix_len)
        .map_or(Owner::Zone(zone), |range| {
            Owner::Area(u32::from(range.network()), range.prefix_len())
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::filter::samples;

    #[test]
    fn hosts_answer_for_themselves_and_areas_and_peerings_as_one() {
        let places = Places::of(&samples::filter());
        let owner = |address: &str| places.find(address.parse().unwrap()).unwrap().owner;
        assert_ne!(owner("10.64.0.4"), owner("10.64.0.5"));
        assert_ne!(owner("172.16.0.10"), owner("172.16.0.11"));
        assert_eq!(owner("172.16.0.11"), owner("172.16.200.1"));
        assert_eq!(owner("192.168.0.1"), owner("192.168.255.255"));
        assert_eq!(places.find("10.64.0.6".parse().unwrap()), None);
        assert_eq!(places.find(Ipv4Addr::BROADCAST), None);
    }

    #[test]
    fn the_whole_space_may_be_one_area() {
        let mut filter = samples::filter();
        filter.areas[0].range = "0.0.0.0/0".parse().unwrap();
        let places = Places::of(&filter);
        for address in [Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST] {
            assert!(places.find(address).is_some_and(|place| !place.is_outside));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn places_agree_with_the_filter(filter in samples::any_filter(), address in samples::any_address()) {
            let places = Places::of(&filter);
            let found = places.find(address);
            let host = filter.host(address);
            prop_assert_eq!(found.and_then(|place| places.zone(place)), host.map(|host| &host.zone));
            prop_assert_eq!(found.and_then(|place| places.class(place)).map(|class| &class.groups), host.map(|host| &host.groups));
        }
    }
}
