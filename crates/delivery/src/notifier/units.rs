//! All receivers of a notifier, found by the authority of a URL and the path that has rules of its own; bounded.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::FixedState;
use url::Url;

use super::action::{Counts, Directives};
use super::dispatcher::UNKNOWN_DESTINATION;
use super::limits::LimitState;
use super::unit::Unit;
use crate::allot::Waiting;
use crate::config::DestinationRules;
use crate::destinations::{Destinations, authority_of, host_of};
use crate::limit::Bucket;
use crate::share::Share;

/// Receivers that are known at once; beyond it those with nothing to do are forgotten.
const UNITS_MAX: usize = 10_000;

/// So many times its part a route may soon have: turns are given for minutes ahead, and another route may end before they come.
/// Chosen: where routes have what they have for good, what waits makes twice as many trips.
const GROWS: f64 = 2.0;

pub(super) type UnitId = u32;

#[derive(Debug)]
pub(super) struct Units {
    destinations: Arc<Destinations>,
    directives: Directives,
    slots: u32,
    destination_share: f64,
    by_receiver: HashMap<String, UnitId, FixedState>,
    units: Vec<Option<Unit>>,
    unused: Vec<UnitId>,
    buckets: Vec<Bucket>,
    /// The bucket of a named destination: its hosts share the rate. Those of `*` have one each.
    buckets_by_name: HashMap<Arc<str>, usize, FixedState>,
    scratch: String,
}

impl Units {
    pub(super) fn new(destinations: Arc<Destinations>, slots: u32, destination_share: f64) -> Self {
        Self {
            destinations,
            directives: Directives::default(),
            slots,
            destination_share,
            by_receiver: HashMap::default(),
            units: Vec::new(),
            unused: Vec::new(),
            buckets: Vec::new(),
            buckets_by_name: HashMap::default(),
            scratch: String::new(),
        }
    }

    pub(super) fn get(&self, id: UnitId) -> Option<&Unit> {
        self.units.get(id as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, id: UnitId) -> Option<&mut Unit> {
        self.units.get_mut(id as usize)?.as_mut()
    }

    /// A unit and its bucket.
    pub(super) fn with_bucket(&mut self, id: UnitId) -> Option<(&mut Unit, Option<&mut Bucket>)> {
        let unit = self.units.get_mut(id as usize)?.as_mut()?;
        let bucket = match unit.bucket {
            Some(index) => self.buckets.get_mut(index),
            None => None,
        };
        Some((unit, bucket))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Unit> {
        self.units.iter().flatten()
    }

    /// How the limits of each stand; `None` where there is nothing to tell.
    pub(super) fn limits(&self) -> impl Iterator<Item = Option<LimitState>> {
        self.iter().map(|unit| {
            let bucket = unit.bucket.and_then(|index| self.buckets.get(index));
            unit.limits(bucket.map(Bucket::per_sec))
        })
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (UnitId, &mut Unit)> {
        self.units.iter_mut().enumerate().filter_map(|(id, unit)| {
            // INVARIANT: never more than UNITS_MAX units.
            Some((UnitId::try_from(id).ok()?, unit.as_mut()?))
        })
    }

    /// The unit that receives what goes to `url`; `None` when there are too many that have something to do.
    pub(super) fn of_url(&mut self, url: &Url, mono: Duration) -> Option<UnitId> {
        let mut receiver = std::mem::take(&mut self.scratch);
        self.destinations.write_receiver(url, &mut receiver);
        let known = self.by_receiver.get(&receiver).copied();
        let id = known.or_else(|| self.add(&receiver, mono));
        self.scratch = receiver;
        id
    }

    fn add(&mut self, receiver: &str, mono: Duration) -> Option<UnitId> {
        if self.by_receiver.len() >= UNITS_MAX {
            self.forget_idle();
        }
        if self.by_receiver.len() >= UNITS_MAX {
            return None;
        }
        let rules = self.destinations.find(receiver).clone();
        let name = match &*rules.name {
            "*" if receiver.is_empty() => Arc::from(UNKNOWN_DESTINATION),
            "*" => Arc::from(receiver),
            _ => rules.name.clone(),
        };
        let mut unit = Unit::new(name, rules.clone());
        let places = self.directives.places.as_ref();
        unit.seat = places
            .filter(|_| rules.in_flight_max.is_some())
            .map(|places| places.seat(receiver));
        self.limit(&mut unit);
        unit.is_paused = is_paused(&self.directives, &unit.name);
        unit.bucket = self.bucket_of(&rules, &unit.name, mono);
        let id = match self.unused.pop() {
            Some(id) => id,
            None => {
                self.units.push(None);
                UnitId::try_from(self.units.len() - 1).ok()?
            }
        };
        *self.units.get_mut(id as usize)? = Some(unit);
        self.by_receiver.insert(receiver.to_owned(), id);
        Some(id)
    }

    fn bucket_of(
        &mut self,
        rules: &DestinationRules,
        name: &Arc<str>,
        mono: Duration,
    ) -> Option<usize> {
        let rate = rules.rate_per_sec?;
        if let Some(known) = self.buckets_by_name.get(name) {
            return Some(*known);
        }
        let share = self.rate_of(name).size();
        let burst = f64::from(rules.rate_burst) * share;
        let mut bucket = Bucket::new(rate * share, burst, mono).with_tokens(share);
        bucket.set_most(rate * self.most_of(name));
        self.buckets.push(bucket);
        let index = self.buckets.len() - 1;
        self.buckets_by_name.insert(name.clone(), index);
        Some(index)
    }

    /// 0 where this notifier has no part of a limit. What those that leave have in flight is taken from the end of the route's
    /// part, which belongs to those that came last: to their successors.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a u32 is not negative and fits"
    )]
    fn cap_of(&self, unit: &Unit, share: Share) -> u32 {
        let rules = &unit.rules;
        if rules.rate_per_sec.is_some() && share.size() <= 0.0 {
            return 0;
        }
        match rules.in_flight_max {
            Some(max) if unit.seat.is_some() => {
                self.part_of_route(&unit.name).of(max).min(self.slots)
            }
            Some(max) => share.of(max).min(self.slots),
            None => {
                let part = f64::from(self.slots) * self.destination_share;
                (part as u32).clamp(1, self.slots)
            }
        }
    }

    /// This notifier's share of a destination's limits.
    fn share_of(&self, name: &str) -> Share {
        self.directives.share.within(self.part_of_route(name))
    }

    /// Its part of a destination's rate: its share of it, where nobody says otherwise.
    fn rate_of(&self, name: &str) -> Share {
        let own = self.allotted(name).unwrap_or(self.directives.share);
        own.within(self.part_of_route(name))
    }

    /// The part of a destination's rate that would be its own if it held all that waits: where parts follow what is held, what
    /// its route may come to.
    fn most_of(&self, name: &str) -> f64 {
        match self.directives.allots {
            true => (self.part_of_route(name).size() * GROWS).min(1.0),
            false => self.rate_of(name).size(),
        }
    }

    fn allotted(&self, name: &str) -> Option<Share> {
        self.directives.allotments.get(name).copied()
    }

    /// Gives a unit its in-flight bound, and tells what part of its route's limits is here.
    fn limit(&self, unit: &mut Unit) {
        let cap = self.cap_of(unit, self.share_of(&unit.name));
        let share = self.directives.share.size();
        let part = self.allotted(&unit.name).map_or(share, Share::size);
        if let (Some(seat), Some(max)) = (&unit.seat, unit.rules.in_flight_max) {
            seat.set_most(self.part_of_route(&unit.name).of(max));
        }
        // Where its part follows what it holds, it reckons as if it was alone.
        let is_bound = unit.rules.in_flight_max.is_some() && unit.seat.is_none();
        let follows = self.directives.allots && !is_bound;
        let share = if follows { 1.0 } else { share };
        unit.set_limits(cap, share, part);
    }

    /// How many lines wait for receivers whose rate other notifiers or routes share.
    pub(super) fn waiting(&self) -> Waiting {
        let mut waiting = BTreeMap::new();
        let (is_part, parts) = (self.directives.share.size() < 1.0, &self.directives.parts);
        if !self.buckets.is_empty() && (is_part || !parts.is_empty()) {
            let is_shared = |unit: &&Unit| is_part || parts.contains_key(&*unit.name);
            let limited = self.iter().filter(|unit| unit.bucket.is_some());
            let limited = limited.filter(is_shared);
            for unit in limited.filter(|unit| !unit.ready.is_empty()) {
                let lines = u32::try_from(unit.ready.len()).unwrap_or(u32::MAX);
                let sum: &mut u32 = waiting.entry(unit.name.clone()).or_default();
                *sum = sum.saturating_add(lines);
            }
        }
        Arc::new(waiting)
    }

    /// What part of a destination's limits its route has.
    fn part_of_route(&self, name: &str) -> Share {
        let parts = &self.directives.parts;
        parts.get(name).copied().unwrap_or(Share::WHOLE)
    }

    fn forget_idle(&mut self) {
        let units = &mut self.units;
        let unused = &mut self.unused;
        self.by_receiver.retain(|_, id| {
            let Some(slot) = units.get_mut(*id as usize) else {
                return false;
            };
            let is_idle = slot.as_ref().is_none_or(|unit| {
                unit.is_idle() && !unit.is_in_ring && unit.counts == Counts::default()
            });
            if is_idle {
                *slot = None;
                unused.push(*id);
            }
            !is_idle
        });
    }

    /// Takes new directives: shares, pauses.
    pub(super) fn direct(&mut self, directives: Directives, mono: Duration) {
        self.directives = directives;
        let mut units = std::mem::take(&mut self.units);
        for unit in units.iter_mut().flatten() {
            unit.is_paused = is_paused(&self.directives, &unit.name);
            self.limit(unit);
            let share = self.rate_of(&unit.name);
            let most = self.most_of(&unit.name);
            if let (Some(rate), Some(index)) = (unit.rules.rate_per_sec, unit.bucket)
                && let Some(bucket) = self.buckets.get_mut(index)
            {
                let share = share.size();
                let burst = f64::from(unit.rules.rate_burst) * share;
                bucket.set_rate(mono, rate * share, burst);
                bucket.set_most(rate * most);
            }
        }
        self.units = units;
        let answering = self.directives.answering.clone();
        for (receiver, times) in answering.iter() {
            let id = self.by_receiver.get(&**receiver).copied();
            if let Some(unit) = id.and_then(|id| self.get_mut(id)) {
                unit.answers_others(mono, *times);
            }
        }
    }

    pub(super) fn directives(&self) -> &Directives {
        &self.directives
    }
}

/// A pause names a destination as results do, or what it is a part of: a host means all of its ports and paths.
fn is_paused(directives: &Directives, name: &str) -> bool {
    let is = |name: &str| directives.paused.contains(name);
    is(name) || is(authority_of(name)) || is(host_of(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Destination, Settings, SystemSecrets};

    fn units(paused: &[&str]) -> Units {
        let of = |rate: &str| Destination {
            rate: rate.parse().ok(),
            ..Destination::default()
        };
        let settings = Settings {
            destinations: [
                ("h.example/a".to_owned(), of("1/s")),
                ("h.example/a/b".to_owned(), of("2/s")),
                ("h.example:81/a".to_owned(), of("3/s")),
                ("h.example".to_owned(), of("4/s")),
            ]
            .into(),
            ..Settings::default()
        };
        let destinations = Destinations::new(&settings, &SystemSecrets).unwrap();
        let mut units = Units::new(Arc::new(destinations), 64, 1.0);
        let paused = paused.iter().map(|name| (*name).to_owned()).collect();
        let directives = Directives {
            paused: Arc::new(paused),
            ..Directives::default()
        };
        units.direct(directives, Duration::ZERO);
        units
    }

    fn unit<'a>(units: &'a mut Units, url: &str) -> (UnitId, &'a Unit) {
        let url = Url::parse(url).unwrap();
        let id = units.of_url(&url, Duration::ZERO).unwrap();
        (id, units.get(id).unwrap())
    }

    #[test]
    fn what_lies_below_a_path_is_one_receiver_with_its_own_limits() {
        let mut units = units(&[]);
        for (url, name, per_sec) in [
            ("https://h.example/a", "h.example/a", 1.0),
            ("https://h.example/a/c?x", "h.example/a", 1.0),
            ("https://h.example/a/b/c", "h.example/a/b", 2.0),
            ("https://h.example:81/a/b", "h.example:81/a", 3.0),
            ("https://h.example:82/a/b", "h.example/a/b", 2.0),
            ("https://h.example/ab", "h.example", 4.0),
            ("https://other.example/a", "other.example", 0.0),
        ] {
            let (_, unit) = unit(&mut units, url);
            assert_eq!(&*unit.name, name, "{url}");
            assert_eq!(unit.rules.rate_per_sec.unwrap_or_default(), per_sec);
        }
        let (one, _) = unit(&mut units, "https://h.example/a");
        let (two, _) = unit(&mut units, "https://h.example/a/c");
        assert_eq!(one, two);
    }

    #[test]
    fn a_pause_of_a_host_or_a_path_holds_what_lies_below_alone() {
        let urls = [
            "https://h.example/a",
            "https://h.example/a/b",
            "https://h.example:81/a",
            "https://h.example/",
        ];
        for (name, resting) in [
            ("h.example/a", [true, false, false, false]),
            ("h.example/a/b", [false, true, false, false]),
            ("h.example:81", [false, false, true, false]),
            ("h.example", [true; 4]),
        ] {
            let mut units = units(&[name]);
            let found = urls.map(|url| unit(&mut units, url).1.is_paused);
            assert_eq!(found, resting, "{name}");
        }
    }
}
