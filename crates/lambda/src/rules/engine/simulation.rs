//! Rules and deliveries over days, by seed: the clock jumps, processes end, targets fail.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base::Timestamp;
use proptest::prelude::*;

use super::backlog::{PAUSE_SECS_MAX, Reason, Tried, Verdict};
use super::bus::{RULES_MAX, TARGETS_MAX};
use super::*;
use crate::rules::input::Input;

pub(super) fn secs(secs: u64) -> Timestamp {
    Timestamp::from_secs(1_800_000_000 + secs)
}

pub(super) fn rule(name: &str, schedule: &str) -> Rule {
    Rule {
        name: name.to_owned(),
        description: None,
        schedule: Some(schedule.parse().unwrap()),
        pattern: None,
        state: State::Enabled,
        role: None,
        tags: BTreeMap::new(),
        targets: BTreeMap::new(),
        anchor: Timestamp::EPOCH,
        fired: Timestamp::EPOCH,
    }
}

pub(super) fn target() -> Target {
    Target {
        arn: "arn:aws:sqs:us-east-1:123456789012:q".to_owned(),
        role: None,
        input: Input::Event,
        group: None,
        dead_letters: None,
        retries: None,
        age_secs: None,
    }
}

fn delivery(id: &str, target: Target) -> Delivery {
    Delivery {
        id: id.to_owned(),
        rule: "r".to_owned(),
        target,
        event: "{}".to_owned(),
        body: "{}".to_owned(),
        accepted: secs(0),
        tries: 0,
        due: secs(0),
    }
}

fn moments(bus: &mut Bus, from: u64, now: u64) -> Vec<u64> {
    let fired = bus.fire(secs(from), secs(now));
    let since = |at: Timestamp| at.since(secs(0)).as_secs();
    fired.iter().map(|(_, at)| since(*at)).collect()
}

#[test]
fn a_rule_fires_once_for_each_moment() {
    let mut bus = Bus::default();
    bus.put(secs(0), rule("r", "rate(1 minute)")).unwrap();
    assert!(moments(&mut bus, 0, 59).is_empty());
    assert_eq!(bus.next(secs(0)), Some(secs(60)));
    assert_eq!(moments(&mut bus, 0, 60), [60]);
    assert!(moments(&mut bus, 0, 61).is_empty());
    // What was slept over is one moment, the last.
    assert_eq!(moments(&mut bus, 0, 300), [300]);
    // A clock that goes back fires nothing again.
    assert!(moments(&mut bus, 0, 200).is_empty());
    assert_eq!(moments(&mut bus, 0, 360), [360]);
}

#[test]
fn what_was_missed_while_nothing_ran_is_not_made_up_for() {
    let mut bus = Bus::default();
    bus.put(secs(0), rule("r", "rate(1 minute)")).unwrap();
    let mut restarted = Bus::of(bus.rules().map(|rule| Rule::clone(rule)));
    assert!(moments(&mut restarted, 601, 601).is_empty());
    assert_eq!(restarted.next(secs(601)), Some(secs(660)));
    assert_eq!(moments(&mut restarted, 601, 660), [660]);
}

#[test]
fn a_rule_that_is_said_again_keeps_its_moments_and_targets() {
    let mut bus = Bus::default();
    bus.put(secs(0), rule("r", "rate(1 minute)")).unwrap();
    bus.put_targets("r", vec![("a".to_owned(), target())])
        .unwrap();
    bus.put(secs(30), rule("r", "rate(1 minute)")).unwrap();
    assert_eq!(bus.next(secs(0)), Some(secs(60)));
    assert_eq!(bus.rule("r").unwrap().targets.len(), 1);
    bus.put(secs(30), rule("r", "rate(2 minutes)")).unwrap();
    assert_eq!(bus.next(secs(0)), Some(secs(150)));
    bus.set_state(secs(40), "r", State::Disabled).unwrap();
    assert_eq!(bus.next(secs(0)), None);
    assert!(moments(&mut bus, 0, 1000).is_empty());
    bus.set_state(secs(1000), "r", State::Enabled).unwrap();
    assert_eq!(bus.next(secs(0)), Some(secs(1120)));
}

#[test]
fn bounds_are_kept() {
    let mut bus = Bus::default();
    for index in 0..RULES_MAX {
        bus.put(secs(0), rule(&index.to_string(), "rate(1 day)"))
            .unwrap();
    }
    let refused = bus.put(secs(0), rule("one-more", "rate(1 day)"));
    assert!(matches!(
        refused,
        Err(Refusal::TooMany { what: "rules", .. })
    ));
    assert_eq!(bus.put(secs(0), rule("0", "rate(2 days)")), Ok(()));
    let targets = |count: usize| (0..count).map(|id| (id.to_string(), target())).collect();
    assert!(bus.put_targets("0", targets(TARGETS_MAX + 1)).is_err());
    assert!(bus.rule("0").unwrap().targets.is_empty());
    bus.put_targets("0", targets(TARGETS_MAX)).unwrap();
    bus.put_targets("0", targets(1)).unwrap();
    assert!(matches!(bus.delete("0"), Err(Refusal::HasTargets { .. })));
    let ids = ["0", "1", "2", "3", "4", "5"].map(str::to_owned);
    assert_eq!(bus.remove_targets("0", &ids), Ok(vec!["5".to_owned()]));
    assert_eq!(bus.delete("0"), Ok(()));
    assert_eq!(bus.delete("0"), Ok(()));
    assert!(matches!(bus.rule("0"), Err(Refusal::NoRule { .. })));
}

#[test]
fn what_changed_is_told() {
    let mut before = Bus::default();
    before.put(secs(0), rule("a", "rate(1 day)")).unwrap();
    before.put(secs(0), rule("b", "rate(1 day)")).unwrap();
    let mut after = before.clone();
    after.delete("a").unwrap();
    after.put(secs(0), rule("c", "rate(1 day)")).unwrap();
    let changes: Vec<_> = after
        .changes(&before)
        .map(|(name, rule)| (name, rule.is_some()))
        .collect();
    assert_eq!(changes, [("c", true), ("a", false)]);
}

#[test]
fn a_delivery_is_tried_again_for_a_day() {
    let mut delivery = delivery("e/r/t", target());
    let (mut now, mut pauses) = (secs(0), Vec::new());
    let reason = loop {
        match delivery.after(now, Tried::Passing("busy".to_owned())) {
            Verdict::Again(next) => {
                pauses.push(next.due.since(now).as_millis());
                (now, delivery) = (next.due, next);
            }
            Verdict::GivenUp(_, reason, why) => {
                assert_eq!(why, "busy");
                break reason;
            }
            Verdict::Delivered => unreachable!(),
        }
    };
    assert!(matches!(
        reason,
        Reason::MaximumRetryAttempts | Reason::MaximumEventAgeInSeconds
    ));
    assert!(now.since(secs(0)) <= Duration::from_secs(86_400) && pauses.len() > 100);
    assert!((500..=1000).contains(&pauses[0]) && (1000..=2000).contains(&pauses[1]));
    assert!(
        pauses
            .iter()
            .all(|pause| *pause <= u128::from(PAUSE_SECS_MAX) * 1000)
    );
}

#[test]
fn a_target_says_how_often_and_how_long() {
    let once = Target {
        retries: Some(0),
        ..target()
    };
    let verdict = delivery("a", once).after(secs(0), Tried::Passing(String::new()));
    assert!(matches!(
        verdict,
        Verdict::GivenUp(_, Reason::MaximumRetryAttempts, _)
    ));
    let brief = Target {
        age_secs: Some(60),
        ..target()
    };
    let verdict = delivery("a", brief).after(secs(60), Tried::Passing(String::new()));
    assert!(matches!(
        verdict,
        Verdict::GivenUp(_, Reason::MaximumEventAgeInSeconds, _)
    ));
    let verdict = delivery("a", target()).after(secs(0), Tried::Lasting("gone".to_owned()));
    assert!(matches!(verdict, Verdict::GivenUp(_, Reason::Lasting, _)));
}

proptest! {
    /// Over restarts and jumps of the clock no moment is fired twice, and none that passes while the process runs is left out.
    #[test]
    fn moments_are_fired_once(steps in prop::collection::vec((0_u8..10, 0_u64..200), 1..200)) {
        let mut bus = Bus::default();
        bus.put(secs(0), rule("r", "rate(1 minute)")).unwrap();
        let (mut now, mut from, mut seen) = (0, 0, BTreeSet::new());
        for (what, passes) in steps {
            match what {
                0 => {
                    // The process ends and begins again.
                    now += passes;
                    bus = Bus::of(bus.rules().map(|rule| Rule::clone(rule)));
                    from = now;
                }
                1 => now = now.saturating_sub(passes),
                _ => now += passes,
            }
            let last = seen.last().copied().unwrap_or(0).max(from);
            let fired = moments(&mut bus, from, now);
            let expected = now / 60 * 60;
            prop_assert_eq!(fired.first().copied(), (expected > last).then_some(expected));
            for moment in fired {
                prop_assert!(seen.insert(moment), "{} twice", moment);
            }
        }
    }

    /// Whatever happens, a delivery waits, runs, or is over.
    #[test]
    fn no_delivery_is_lost(steps in prop::collection::vec((0_u8..6, 0_u64..600), 0..300)) {
        let (mut backlog, mut running, mut known, mut now) = (Backlog::default(), Vec::new(), 0, 0);
        for (index, (what, passes)) in steps.into_iter().enumerate() {
            now += passes;
            match what {
                0 | 1 => {
                    let mut new = delivery(&index.to_string(), target());
                    (new.accepted, new.due) = (secs(now), secs(now));
                    backlog.add(new);
                    known += 1;
                }
                2 => running.extend(backlog.start(secs(now), 3)),
                _ => if let Some(delivery) = running.pop() {
                    let tried = match what {
                        3 => Tried::Delivered,
                        4 => Tried::Passing(String::new()),
                        _ => Tried::Lasting(String::new()),
                    };
                    let id = delivery.id.clone();
                    match delivery.after(secs(now), tried) {
                        Verdict::Again(again) => backlog.add(again),
                        Verdict::Delivered | Verdict::GivenUp(..) => {
                            backlog.remove(&id);
                            known -= 1;
                        }
                    }
                }
            }
            prop_assert_eq!(backlog.len(), known);
        }
        let left = backlog.start(Timestamp::MAX, usize::MAX).len();
        prop_assert_eq!(left + running.len(), known);
    }
}
