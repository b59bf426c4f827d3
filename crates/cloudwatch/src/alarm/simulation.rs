//! Seeded runs of alarms in which the process ends at any moment: every transition is in the history once, and its actions
//! are asked for under one id, until their end is recorded once.

use std::collections::{BTreeMap, BTreeSet};

use base::Timestamp;

use super::engine::book::Tags;
use super::engine::history::{Item, Kind};
use super::past::Question;
use super::testing::{World, composite, metric_alarm};
use super::{Outcome, State};

const METRICS: [&str; 4] = ["m0", "m1", "m2", "m3"];
const COMPOSITES: [(&str, &str); 3] = [
    ("c0", "ALARM(m0) OR ALARM(m1)"),
    ("c1", "ALARM(c0) AND NOT OK(m2)"),
    ("c2", "AT_LEAST(50%, ALARM, (m0, m1, m2, m3))"),
];

/// Numbers of a seed (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % most
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }
}

/// What the outside saw of an action: of which alarm, into which state, when.
type Seen = BTreeMap<String, (String, State, u64)>;

fn items(world: &World) -> Vec<Item> {
    let question = Question {
        alarm: None,
        alarm_kinds: vec!["MetricAlarm".to_owned(), "CompositeAlarm".to_owned()],
        kind: None,
        from: Timestamp::EPOCH,
        to: Timestamp::MAX,
        is_newest_first: false,
        after: None,
        most: 100_000,
    };
    let answer = world.alarms.history(&question).unwrap();
    assert_eq!(answer.next, None);
    answer.items
}

/// Runs some of the actions that wait; some ends are lost with the process.
fn act(world: &World, random: &mut Random, seen: &mut Seen) {
    for call in world.alarms.pending_actions(0, 1000).unwrap() {
        let what = (call.alarm.clone(), call.state, call.at_ms);
        let before = seen.insert(call.id.clone(), what.clone());
        assert!(
            before.is_none_or(|before| before == what),
            "an id of two actions"
        );
        if random.below(3) > 0 {
            world
                .alarms
                .action_done(call.number, &Outcome::Done)
                .unwrap();
        }
    }
}

fn check(world: &World, seen: &Seen) {
    let items = items(world);
    let mut states: BTreeMap<&str, String> = BTreeMap::new();
    let mut expected = BTreeSet::new();
    let mut done: BTreeMap<String, u32> = BTreeMap::new();
    for item in &items {
        let data: serde_json::Value = serde_json::from_str(&item.data).unwrap();
        match item.kind {
            Kind::ConfigurationUpdate => {
                if data["type"] == "Create" {
                    states.insert(&item.alarm, "INSUFFICIENT_DATA".to_owned());
                }
            }
            Kind::StateUpdate => {
                let (old, new) = (&data["oldState"], &data["newState"]);
                let known = states.get(item.alarm.as_str()).map(String::as_str);
                assert_eq!(
                    known,
                    old["stateValue"].as_str(),
                    "a transition of {} is lost",
                    item.alarm
                );
                let new: State = new["stateValue"].as_str().unwrap().parse().unwrap();
                states.insert(&item.alarm, new.to_string());
                if new != State::InsufficientData {
                    let is_first = expected.insert((item.alarm.clone(), new, item.at_ms));
                    assert!(is_first, "a transition of {} is there twice", item.alarm);
                }
            }
            Kind::Action => *done.entry(data["actionId"].to_string()).or_default() += 1,
        }
    }
    for entry in world.alarms.book().alarms() {
        assert_eq!(states.get(entry.name()), Some(&entry.state().to_string()));
    }
    let acted: BTreeSet<_> = seen.values().cloned().collect();
    assert_eq!(acted, expected, "not each transition has its action");
    assert_eq!(seen.len(), expected.len(), "a transition has two actions");
    assert_eq!(done.len(), seen.len());
    assert!(
        done.values().all(|count| *count == 1),
        "an action ended twice"
    );
}

fn put_all(world: &World) {
    for name in METRICS {
        world.put(metric_alarm(name, 1, 2));
    }
    for (name, rule) in COMPOSITES {
        world.put(composite(name, rule));
    }
}

fn run(seed: u64, steps: usize) {
    let mut random = Random(seed);
    let mut seen = Seen::new();
    let mut world = World::new();
    put_all(&world);
    for _ in 0..steps {
        match random.below(9) {
            0..=2 => {
                let value = match random.below(3) {
                    0 => None,
                    1 => Some(10.0),
                    _ => Some(90.0),
                };
                world.set(random.pick(&METRICS), value);
                world.pass(random.below(150) + 1);
            }
            3 => {
                let state =
                    [State::Ok, State::Alarm, State::InsufficientData][random.below(3) as usize];
                let name = random.pick(&["m0", "m1", "m2", "c0", "c2"]);
                // Two transitions in one moment could not be told apart here.
                world.pass(1);
                world
                    .alarms
                    .set_state(name, state, "set".to_owned(), None)
                    .unwrap();
                world.pass(1);
            }
            4 => {
                let name = random.pick(&METRICS);
                world.put(metric_alarm(
                    name,
                    u32::try_from(random.below(2)).unwrap() + 1,
                    2,
                ));
            }
            5 => {
                let names = BTreeSet::from(["c1".to_owned()]);
                world.alarms.delete(&names).unwrap();
                act_all(&world, &mut random, &mut seen);
                world.pass(1);
                world
                    .alarms
                    .put(composite("c1", COMPOSITES[1].1), Tags::new())
                    .unwrap();
            }
            6 => act(&world, &mut random, &mut seen),
            7 => world = world.reopen(),
            _ => world = world.crash(),
        }
    }
    world = world.reopen();
    act_all(&world, &mut random, &mut seen);
    check(&world, &seen);
}

fn act_all(world: &World, random: &mut Random, seen: &mut Seen) {
    while !world.alarms.pending_actions(0, 1).unwrap().is_empty() {
        act(world, random, seen);
    }
}

#[test]
fn every_transition_is_remembered_once_and_acted_on_once_over_crashes() {
    for seed in 0..4 {
        run(seed, 50);
    }
}

#[test]
#[ignore = "minutes; for changes of how alarms are kept"]
fn every_transition_is_remembered_once_and_acted_on_once_over_many_crashes() {
    for seed in 100..200 {
        run(seed, 120);
    }
}
