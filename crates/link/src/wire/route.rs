//! Which peer an address is behind: the longest prefix that has it.

use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

/// Ranges, and what each leads to. At most one thing for a range.
#[derive(Debug)]
pub(crate) struct Routes<T> {
    /// By prefix length, the longest first, since a look-up goes from the narrowest range to the widest.
    by_length: BTreeMap<std::cmp::Reverse<u8>, HashMap<u32, T>>,
}

impl<T> Default for Routes<T> {
    fn default() -> Self {
        Self {
            by_length: BTreeMap::new(),
        }
    }
}

impl<T> Routes<T> {
    /// What `address` is behind.
    pub(crate) fn find(&self, address: Ipv4Addr) -> Option<&T> {
        let bits = address.to_bits();
        let mut lengths = self.by_length.iter();
        lengths.find_map(|(length, ranges)| ranges.get(&(bits & mask(length.0))))
    }

    /// Lets `range` lead to `to`, and to nothing else.
    pub(crate) fn insert(&mut self, range: Ipv4Net, to: T) {
        let length = std::cmp::Reverse(range.prefix_len());
        let ranges = self.by_length.entry(length).or_default();
        ranges.insert(range.network().to_bits(), to);
    }

    /// Keeps those for which `keep` says so.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        self.by_length.retain(|_, ranges| {
            ranges.retain(|_, to| keep(to));
            !ranges.is_empty()
        });
    }
}

fn mask(length: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_range_that_has_an_address_counts() {
        let mut routes = Routes::default();
        for (range, to) in [
            ("10.0.0.0/8", 'a'),
            ("10.1.0.0/16", 'b'),
            ("10.1.2.3/32", 'c'),
            ("0.0.0.0/0", 'd'),
        ] {
            routes.insert(range.parse().unwrap(), to);
        }
        let find =
            |routes: &Routes<char>, address: &str| routes.find(address.parse().unwrap()).copied();
        assert_eq!(find(&routes, "10.1.2.3"), Some('c'));
        assert_eq!(find(&routes, "10.1.2.4"), Some('b'));
        assert_eq!(find(&routes, "10.2.2.4"), Some('a'));
        assert_eq!(find(&routes, "192.0.2.1"), Some('d'));
        routes.retain(|&to| to != 'c' && to != 'd');
        assert_eq!(find(&routes, "10.1.2.3"), Some('b'));
        assert_eq!(find(&routes, "192.0.2.1"), None);
    }
}
