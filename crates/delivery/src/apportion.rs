//! What part of a destination's limits each route has, where several routes send to it.
//!
//! The notifiers of a route share out what their route has (contract 15); this decides what that is. A route that sends less
//! than its part of a rate keeps what it sends lately and what sends that which waits or was put off; those that need more have
//! the rest by their weights. A route that does not send there has nothing until it puts something off, so that the sum is never
//! more than the limit but for the moment in which the first two begin.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use crate::config::DestinationRules;
use crate::destinations::Destinations;
use crate::share::Share;

/// How long a route has a part after it last sent; chosen.
const KEPT: Duration = Duration::from_secs(30);

/// Of a rate a route has as much beyond what it sends as sends within this time what waits or was put off; chosen: longer lets it
/// wait, shorter leaves the rate idle when that is sent. A spare of half of what it sends was idle for good: 5 % beside one that
/// sends a tenth.
const WAITS_FOR: Duration = Duration::from_secs(2);

/// By what part what it sends lately follows what it sent since the last time; chosen: notifiers count once a second, so that one
/// look may see two counts and the next none.
const FOLLOWS: f64 = 0.25;

/// What all those that need nothing have of a rate together at most, so that what one receives next can start; it lies idle, so it is
/// well below the 2 % within which a rate is kept. Chosen.
pub(crate) const IDLE_PARTS: f64 = 0.01;

/// Where there are fewer sends at once than routes, they take turns of this length; chosen.
const TURN: Duration = Duration::from_secs(5);

/// What part of a destination's limits the notifiers of one route share out: the whole where it says nothing.
pub type Parts = Arc<BTreeMap<String, Share>>;

/// The parts of all routes. Times are monotonic.
#[derive(Debug, Default)]
pub struct Apportionment {
    /// By the destination's name in results, and by route.
    claims: HashMap<String, BTreeMap<String, Claim>>,
    decided_at: Duration,
}

/// What a route does at one destination.
#[derive(Clone, Copy, Debug)]
struct Claim {
    attempts: u64,
    put_off: u64,
    waiting: u64,
    /// What it sends lately, once it sent something.
    per_sec: Option<f64>,
    used_at: Duration,
    part: Share,
}

impl Apportionment {
    /// Notes that a route sent, or put off what it could not send.
    pub fn used(&mut self, route: &str, destination: &str, attempts: u64, put_off: u64) {
        let known = self
            .claims
            .get_mut(destination)
            .and_then(|claims| claims.get_mut(route));
        if let Some(claim) = known {
            claim.attempts += attempts;
            claim.put_off += put_off;
            return;
        }
        let claim = Claim {
            attempts,
            put_off,
            waiting: 0,
            per_sec: None,
            used_at: self.decided_at,
            part: Share::NONE,
        };
        let claims = self.claims.entry(destination.to_owned()).or_default();
        claims.insert(route.to_owned(), claim);
    }

    /// Notes that so many more lines wait with a notifier of a route that sent there before.
    pub fn waits(&mut self, route: &str, destination: &str, lines: u32) {
        let claims = self.claims.get_mut(destination);
        if let Some(claim) = claims.and_then(|claims| claims.get_mut(route)) {
            claim.waiting += u64::from(lines);
        }
    }

    /// Decides anew by what was used since the last time. `weight`: of a route.
    pub fn decide(
        &mut self,
        at: Duration,
        destinations: &Destinations,
        weight: impl Fn(&str) -> u32,
    ) {
        let span = at.saturating_sub(self.decided_at);
        self.decided_at = at;
        self.claims.retain(|destination, claims| {
            let rules = destinations.find(destination);
            claims.retain(|_, claim| claim.is_kept(at));
            if is_limited(rules) {
                let weights = claims.keys().map(|route| f64::from(weight(route).max(1)));
                let weights: Vec<f64> = weights.collect();
                share_out(claims, &weights, rules, at, span);
            }
            is_limited(rules) && !claims.is_empty()
        });
    }

    /// What a route has.
    #[must_use]
    pub fn of_route(&self, route: &str) -> Parts {
        let part = |claims: &BTreeMap<String, Claim>| match claims.get(route) {
            Some(_) if claims.len() == 1 => None,
            Some(claim) => Some(claim.part),
            None => Some(Share::NONE),
        };
        let parts = self.claims.iter();
        let parts = parts
            .filter_map(|(destination, claims)| Some((destination.clone(), part(claims)?)))
            .collect();
        Arc::new(parts)
    }
}

impl Claim {
    fn is_kept(&mut self, at: Duration) -> bool {
        if self.attempts + self.put_off > 0 {
            self.used_at = at;
        }
        at.saturating_sub(self.used_at) < KEPT
    }

    /// The part that it needs of a rate, `least` at least. Of sends at once it is not known how many are used: all of them.
    fn need(&mut self, span: Duration, rate: Option<f64>, least: f64) -> f64 {
        let sent = to_f64(self.attempts) / span.as_secs_f64().max(1e-3);
        let lately = self.per_sec.unwrap_or(sent);
        let lately = lately + (sent - lately) * FOLLOWS;
        self.per_sec = Some(lately).filter(|per_sec| *per_sec > 0.0);
        let waits = to_f64(self.waiting + self.put_off) / WAITS_FOR.as_secs_f64();
        rate.map_or(1.0, |rate| {
            ((lately + waits) / rate.max(f64::MIN_POSITIVE)).clamp(least, 1.0)
        })
    }
}

fn is_limited(rules: &DestinationRules) -> bool {
    rules.rate_per_sec.is_some() || rules.in_flight_max.is_some()
}

fn share_out(
    claims: &mut BTreeMap<String, Claim>,
    weights: &[f64],
    rules: &DestinationRules,
    at: Duration,
    span: Duration,
) {
    let least = IDLE_PARTS / f64::from(u32::try_from(claims.len()).unwrap_or(u32::MAX)).max(1.0);
    let needs: Vec<f64> = claims
        .values_mut()
        .map(|claim| claim.need(span, rules.rate_per_sec, least))
        .collect();
    let parts = match rules.in_flight_max {
        Some(max) if (max as usize) < needs.len() => in_turn(weights, max, at),
        _ => in_order(&sizes(&needs, weights)),
    };
    for (claim, part) in claims.values_mut().zip(parts) {
        claim.part = part;
        claim.attempts = 0;
        claim.put_off = 0;
        claim.waiting = 0;
    }
}

/// Parts for `max` of more routes than that, one after the other; a route is the first in as many turns as its weight says.
fn in_turn(weights: &[f64], max: u32, at: Duration) -> Vec<Share> {
    let all: f64 = weights.iter().sum();
    let turn = to_f64(at.as_secs() / TURN.as_secs()) % all.max(1.0);
    let mut ends = weights.iter().scan(0.0, |end, weight| {
        *end += weight;
        Some(*end)
    });
    let first = ends.position(|end| turn < end).unwrap_or(0);
    let mut parts: Vec<Share> = (0..)
        .take(weights.len())
        .map(|index| Share::part(index, max))
        .collect();
    parts.rotate_right(first);
    parts
}

/// Sizes that sum to one: who needs less than its part by weight has that, the others share what is left by their weights
/// (weighted max-min fairness). What nobody needs goes to all in proportion.
pub(crate) fn sizes(needs: &[f64], weights: &[f64]) -> Vec<f64> {
    let mut sizes = needs.to_vec();
    let mut by_need: Vec<(&mut f64, &f64)> = sizes.iter_mut().zip(weights).collect();
    by_need.sort_by(|(a, of_a), (b, of_b)| (**a / **of_a).total_cmp(&(**b / **of_b)));
    let (mut left, mut others) = (1.0, weights.iter().sum::<f64>());
    for (size, weight) in by_need {
        *size = size.min((left * weight / others.max(*weight)).max(0.0));
        left -= *size;
        others -= weight;
    }
    let given = 1.0 - left;
    sizes
        .iter()
        .map(|size| size / given.max(f64::MIN_POSITIVE))
        .collect()
}

/// Stretches of these sizes, one behind the other.
pub(crate) fn in_order(sizes: &[f64]) -> Vec<Share> {
    let mut from = 0.0;
    let mut next = |size: &f64| {
        let start = from;
        from += size;
        Share::between(start, from)
    };
    sizes.iter().map(&mut next).collect()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a second, far below 2^53"
)]
fn to_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::{self, Rate, Settings, SystemSecrets};

    fn destinations(rate: Option<u64>, in_flight_max: Option<u32>) -> Destinations {
        let mut settings = Settings::default();
        let own = config::Destination {
            rate: rate.map(Rate::per_sec_of),
            in_flight_max,
            ..config::Destination::default()
        };
        settings.destinations.insert("a.example".into(), own);
        Destinations::new(&settings, &SystemSecrets).unwrap()
    }

    /// Lets routes send what their parts of 100/s allow for some seconds, of what comes for them each second; their parts then, and
    /// what was sent in the last ten seconds. A second's worth of it waits, the rest is put off.
    fn after(seconds: u64, wants: &[(&str, u64)]) -> (Vec<f64>, u64) {
        let rules = destinations(Some(100), None);
        let mut all = Apportionment::default();
        let (mut waiting, mut credit) = (vec![0; wants.len()], vec![0.0; wants.len()]);
        let mut sent_lately = 0;
        for second in 1..=seconds {
            for (place, (route, want)) in wants.iter().enumerate().filter(|(_, of)| of.1 > 0) {
                let part = part_of(&all, route) * 100.0;
                credit[place] = (credit[place] + part).min(part + 10.0);
                let sent = (credit[place] as u64).min(waiting[place] + want);
                credit[place] -= sent as f64;
                let rest = waiting[place] + want - sent;
                waiting[place] = rest.min(part as u64);
                all.used(route, "a.example", sent, rest - waiting[place]);
                all.waits(route, "a.example", u32::try_from(waiting[place]).unwrap());
                sent_lately += if second + 10 > seconds { sent } else { 0 };
            }
            all.decide(Duration::from_secs(second), &rules, |route| match route {
                "heavy" => 4,
                _ => 1,
            });
        }
        let parts = wants.iter().map(|(route, _)| part_of(&all, route));
        (parts.collect(), sent_lately)
    }

    fn part_of(all: &Apportionment, route: &str) -> f64 {
        let parts = all.of_route(route);
        parts.get("a.example").map_or(1.0, |part| part.size())
    }

    fn assert_near(parts: &[f64], wanted: &[f64]) {
        let is_near = |(a, b): (&f64, &f64)| (a - b).abs() < 0.02;
        assert!(parts.iter().zip(wanted).all(is_near), "{parts:?}");
    }

    #[test]
    fn those_that_want_more_have_equal_parts_of_what_others_leave() {
        for (wants, parts) in [
            (&[("a", 500), ("b", 500)][..], &[0.5, 0.5][..]),
            (&[("a", 500), ("b", 10)], &[0.9, 0.1]),
            (&[("a", 500), ("b", 0)], &[1.0, 0.0]),
            (&[("a", 500), ("b", 500), ("c", 8)], &[0.46, 0.46, 0.08]),
            // By their weights.
            (&[("a", 500), ("heavy", 500)], &[0.2, 0.8]),
            (&[("a", 500), ("heavy", 20)], &[0.8, 0.2]),
            (
                &[("a", 500), ("b", 8), ("heavy", 500)],
                &[0.184, 0.08, 0.736],
            ),
        ] {
            let (had, sent) = after(60, wants);
            assert!(sent >= 980, "{wants:?}: {sent} of 1000 sent, {had:?}");
            assert_near(&had, parts);
        }
        // What nobody needs goes to all.
        assert_near(&after(60, &[("a", 20), ("b", 10)]).0, &[0.67, 0.33]);
        // A route that nobody else shares with has all, whatever it sends.
        assert_near(&after(5, &[("a", 3)]).0, &[1.0]);
    }

    #[test]
    fn a_route_that_begins_waits_for_its_part_and_one_that_ended_gives_it_back() {
        let rules = destinations(Some(100), None);
        let mut all = Apportionment::default();
        let second = Duration::from_secs;
        all.used("a", "a.example", 100, 5);
        all.decide(second(1), &rules, |_| 1);
        assert_near(&[part_of(&all, "a"), part_of(&all, "b")], &[1.0, 0.0]);
        all.used("a", "a.example", 100, 5);
        all.used("b", "a.example", 0, 1);
        all.decide(second(2), &rules, |_| 1);
        assert_near(&[part_of(&all, "a"), part_of(&all, "b")], &[1.0, 0.0]);
        assert!(part_of(&all, "b") > 0.0);
        all.used("a", "a.example", 100, 5);
        all.used("b", "a.example", 0, 100);
        all.decide(second(3), &rules, |_| 1);
        assert_near(&[part_of(&all, "a"), part_of(&all, "b")], &[0.5, 0.5]);
        for at in 4..41 {
            all.used("a", "a.example", 100, 5);
            all.decide(second(at), &rules, |_| 1);
        }
        assert_near(&[part_of(&all, "a"), part_of(&all, "b")], &[1.0, 0.0]);
    }

    #[test]
    fn where_there_are_fewer_sends_at_once_than_routes_they_take_turns() {
        let rules = destinations(None, Some(1));
        let mut all = Apportionment::default();
        let mut had_by = |heavy: u32| {
            let mut had = [0; 3];
            for at in 1..=60 {
                for route in ["a", "b", "c"] {
                    all.used(route, "a.example", 1, 0);
                }
                let weight = |route: &str| if route == "b" { heavy } else { 1 };
                all.decide(Duration::from_secs(at), &rules, weight);
                let parts = ["a", "b", "c"].map(|route| all.of_route(route)["a.example"].of(1));
                assert_eq!(parts.iter().sum::<u32>(), 1);
                for (had, part) in had.iter_mut().zip(parts) {
                    *had += part;
                }
            }
            had
        };
        let had = had_by(1);
        assert!(had.iter().all(|seconds| *seconds >= 15), "{had:?}");
        let had = had_by(4);
        assert!(had[1] >= 38 && had[0] >= 9 && had[2] >= 9, "{had:?}");
    }

    #[test]
    fn what_has_no_limit_is_not_kept() {
        let mut all = Apportionment::default();
        all.used("a", "b.example", 100, 5);
        all.decide(Duration::from_secs(1), &destinations(Some(1), None), |_| 1);
        assert!(all.claims.is_empty());
    }

    proptest! {
        #[test]
        fn parts_never_exceed_the_limit(steps in prop::collection::vec((0u8..5, 0u64..200, 0u64..3), 1..200)) {
            let rules = destinations(Some(100), Some(7));
            let mut all = Apportionment::default();
            for (at, (route, attempts, put_off)) in steps.into_iter().enumerate() {
                all.used(&format!("r{route}"), "a.example", attempts, put_off);
                if at % 3 == 0 {
                    all.decide(Duration::from_secs(at as u64), &rules, |_| 1);
                    let parts = || all.claims["a.example"].values().map(|claim| claim.part);
                    prop_assert!(parts().map(Share::size).sum::<f64>() <= 1.0 + 1e-9);
                    prop_assert!(parts().map(|part| part.of(7)).sum::<u32>() <= 7);
                }
            }
        }
    }
}
