//! Scenes of the engine, and a seeded run against the promises.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base::Timestamp;

use super::*;
use crate::notice::event::Severity;

const START: Timestamp = Timestamp::from_secs(1_795_000_000);

fn at(secs: u64) -> Timestamp {
    START.plus(Duration::from_secs(secs))
}

fn engine(text: &str) -> Engine {
    let settings: Settings = toml::from_str(text).unwrap();
    assert_eq!(settings.problems().0, []);
    Engine::new(settings)
}

fn event(source: &str, kind: Kind, secs: u64) -> Event {
    Event {
        id: format!("{source}-{secs}"),
        source: source.to_owned(),
        kind,
        at: at(secs),
        severity: Severity::Critical,
        title: source.to_owned(),
        detail: String::new(),
        labels: BTreeMap::from([("Name".to_owned(), source.to_owned())]),
        to: Vec::new(),
        sns: None,
    }
}

fn take(engine: &mut Engine, source: &str, kind: Kind, secs: u64) -> Vec<String> {
    let changed = engine.take(&event(source, kind, secs), at(secs)).unwrap();
    said(&changed)
}

fn tick(engine: &mut Engine, secs: u64) -> Vec<String> {
    said(&engine.tick(at(secs)))
}

/// Such as `ops problem: web-1 +web-2`.
fn said(changed: &Changed) -> Vec<String> {
    let one = |notice: &Notice| {
        let kind = match &notice.kind {
            NoticeKind::Problem => "problem",
            NoticeKind::Recovery => "recovery",
            NoticeKind::Update => "update",
            NoticeKind::Repeat => "repeat",
            NoticeKind::Escalation { .. } => "escalation",
        };
        let firing = notice.firing.iter().map(|alert| alert.source.clone());
        let ended = notice
            .recovered
            .iter()
            .map(|alert| format!("-{}", alert.source));
        let all: Vec<String> = firing.chain(ended).collect();
        format!("{} {kind}: {}", notice.receiver, all.join(" "))
    };
    changed.notices.iter().map(one).collect()
}

const OPS: &str = "[receivers.ops]\nmail = [\"a@b.example\"]\n";
const ROUTE: &str = "[[routes]]\nto = [\"ops\"]\n";

#[test]
fn a_problem_and_its_end_are_told_at_once_and_once() {
    let mut engine = engine(&format!("{OPS}{ROUTE}"));
    assert_eq!(
        take(&mut engine, "web", Kind::Problem, 0),
        ["ops problem: web"]
    );
    assert_eq!(tick(&mut engine, 100), [""; 0]);
    assert_eq!(
        take(&mut engine, "web", Kind::Recovery, 200),
        ["ops recovery: -web"]
    );
    assert_eq!(take(&mut engine, "web", Kind::Recovery, 201), [""; 0]);
    assert_eq!(engine.groups().count(), 0);
}

#[test]
fn a_source_names_its_receivers_itself_and_unknown_ones_get_nothing() {
    let mut engine = engine(OPS);
    assert_eq!(take(&mut engine, "web", Kind::Problem, 0), [""; 0]);
    let named = Event {
        to: vec!["ops".to_owned(), "gone".to_owned()],
        ..event("db", Kind::Problem, 1)
    };
    assert_eq!(
        said(&engine.take(&named, at(1)).unwrap()),
        ["ops problem: db"]
    );
    assert_eq!(
        take(&mut engine, "db", Kind::Recovery, 2),
        ["ops recovery: -db"]
    );
}

#[test]
fn a_change_that_comes_by_its_source_and_by_routes_is_told_once() {
    let mut engine = engine(&format!("{OPS}{ROUTE}"));
    assert_eq!(
        take(&mut engine, "web", Kind::Problem, 0),
        ["ops problem: web"]
    );
    let named = Event {
        id: "other".to_owned(),
        to: vec!["ops".to_owned()],
        ..event("web", Kind::Problem, 0)
    };
    assert_eq!(said(&engine.take(&named, at(0)).unwrap()), [""; 0]);
}

#[test]
fn a_group_waits_for_others_and_then_keeps_its_interval() {
    let mut engine = engine(&format!(
        "{OPS}group_by = [\"role\"]\ngroup_wait = \"10s\"\ngroup_interval = \"5m\"\n{ROUTE}"
    ));
    assert_eq!(take(&mut engine, "web-1", Kind::Problem, 0), [""; 0]);
    assert_eq!(take(&mut engine, "web-2", Kind::Problem, 5), [""; 0]);
    assert_eq!(tick(&mut engine, 9), [""; 0]);
    assert_eq!(tick(&mut engine, 10), ["ops problem: web-1 web-2"]);
    assert_eq!(take(&mut engine, "web-1", Kind::Recovery, 20), [""; 0]);
    assert_eq!(tick(&mut engine, 309), [""; 0]);
    assert_eq!(tick(&mut engine, 310), ["ops update: web-2 -web-1"]);
    assert_eq!(
        take(&mut engine, "web-2", Kind::Recovery, 700),
        ["ops recovery: -web-2"]
    );
}

#[test]
fn what_was_never_told_ends_without_a_word() {
    let mut engine = engine(&format!("{OPS}group_wait = \"10s\"\n{ROUTE}"));
    assert_eq!(take(&mut engine, "web", Kind::Problem, 0), [""; 0]);
    assert_eq!(take(&mut engine, "web", Kind::Recovery, 5), [""; 0]);
    assert_eq!(tick(&mut engine, 60), [""; 0]);
    assert_eq!(engine.groups().count(), 0);
}

#[test]
fn a_problem_is_repeated_until_somebody_takes_it() {
    let mut engine = engine(&format!("{OPS}repeat = \"1h\"\n{ROUTE}"));
    take(&mut engine, "web", Kind::Problem, 0);
    assert_eq!(tick(&mut engine, 3599), [""; 0]);
    assert_eq!(tick(&mut engine, 3600), ["ops repeat: web"]);
    let by = Acknowledgement {
        by: "alice".to_owned(),
        at: at(4000),
        comment: String::new(),
    };
    engine.acknowledge("web", by.clone()).unwrap();
    assert_eq!(tick(&mut engine, 9000), [""; 0]);
    assert_eq!(
        take(&mut engine, "web", Kind::Recovery, 9001),
        ["ops recovery: -web"]
    );
    // The next problem is a new one: nobody has taken it.
    take(&mut engine, "web", Kind::Problem, 9002);
    assert_eq!(tick(&mut engine, 9002 + 3600), ["ops repeat: web"]);
    assert!(engine.acknowledge("db", by).is_err());
}

#[test]
fn a_problem_that_lasts_goes_up_and_its_end_too() {
    let mut engine = engine(&format!(
        "{OPS}escalate = [{{ after = \"15m\", to = \"lead\" }}, {{ after = \"30m\", to = \"boss\" }}]\n[receivers.lead]\nmail = [\"l@b.example\"]\n[receivers.boss]\nmail = [\"c@b.example\"]\n{ROUTE}"
    ));
    take(&mut engine, "web", Kind::Problem, 0);
    assert_eq!(tick(&mut engine, 899), [""; 0]);
    assert_eq!(tick(&mut engine, 900), ["lead escalation: web"]);
    assert_eq!(tick(&mut engine, 901), [""; 0]);
    assert_eq!(
        take(&mut engine, "web", Kind::Recovery, 1000),
        ["lead recovery: -web", "ops recovery: -web"]
    );
    assert_eq!(tick(&mut engine, 4000), [""; 0]);
}

#[test]
fn a_silence_holds_what_matches_and_lets_go_when_it_ends() {
    let mut engine = engine(&format!("{OPS}{ROUTE}"));
    let matcher =
        crate::notice::matching::Matcher(BTreeMap::from([("Name".to_owned(), "web*".to_owned())]));
    let silence = Silence {
        id: "s".to_owned(),
        matcher,
        from: at(0),
        until: at(100),
        by: "alice".to_owned(),
        comment: String::new(),
    };
    engine.silence(silence.clone()).unwrap();
    assert_eq!(take(&mut engine, "web-1", Kind::Problem, 10), [""; 0]);
    assert_eq!(take(&mut engine, "web-2", Kind::Problem, 10), [""; 0]);
    assert_eq!(
        take(&mut engine, "db", Kind::Problem, 10),
        ["ops problem: db"]
    );
    assert_eq!(take(&mut engine, "web-1", Kind::Recovery, 20), [""; 0]);
    assert_eq!(tick(&mut engine, 99), [""; 0]);
    assert_eq!(tick(&mut engine, 100), ["ops problem: web-2"]);
    let backwards = Silence {
        until: at(0),
        ..silence
    };
    assert_eq!(engine.silence(backwards), Err(Refused::Backwards));
    assert!(engine.end_silence("other").is_err());
}

#[test]
fn an_end_is_told_through_a_silence() {
    let mut engine = engine(&format!("{OPS}{ROUTE}"));
    take(&mut engine, "web", Kind::Problem, 0);
    let silence = Silence {
        id: "s".to_owned(),
        matcher: crate::notice::matching::Matcher::default(),
        from: at(1),
        until: at(100),
        by: String::new(),
        comment: String::new(),
    };
    engine.silence(silence).unwrap();
    assert_eq!(
        take(&mut engine, "web", Kind::Recovery, 10),
        ["ops recovery: -web"]
    );
}

#[test]
fn too_many_problems_are_refused() {
    let mut engine = engine(&format!("{OPS}group_by = [\"none\"]\n{ROUTE}"));
    for number in 0..ALERTS_MAX {
        let event = event(&format!("a{number}"), Kind::Problem, 0);
        engine.begin(&event, &mut Changed::default()).unwrap();
    }
    let one_more = engine.take(&event("b", Kind::Problem, 1), at(1));
    assert_eq!(one_more, Err(Refused::TooManyAlerts));
    let known = engine.take(&event("a1", Kind::Problem, 1), at(1));
    assert!(known.is_ok());
}

/// Numbers from a seed.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Whatever happens: each receiver hears of problem and end in turns, ids never repeat, and in the end all of it is told.
#[test]
fn ends_follow_problems_and_nothing_is_left_untold() {
    for seed in 1..=200 {
        let mut draw = Draw(seed * 0x9e37_79b9);
        let mut engine = engine(&format!(
            "{OPS}group_by = [\"g\"]\ngroup_wait = \"{}s\"\ngroup_interval = \"{}s\"\nrepeat = \"1h\"\n{ROUTE}",
            draw.below(3) * 20,
            draw.below(3) * 30
        ));
        let (mut told, mut wrong) = (BTreeSet::new(), BTreeSet::new());
        let mut ids = BTreeSet::new();
        let mut hear = |changed: Changed, told: &mut BTreeSet<String>| {
            for notice in changed.notices {
                assert!(ids.insert(notice.id.clone()), "{} twice", notice.id);
                for alert in notice.recovered {
                    assert!(told.remove(&alert.source), "end of an untold problem");
                }
                told.extend(notice.firing.into_iter().map(|alert| alert.source));
            }
        };
        let mut secs = 0;
        for _ in 0..200 {
            secs += draw.below(40);
            let source = format!("s{}", draw.below(4));
            let changed = match draw.below(3) {
                0 => engine.tick(at(secs)),
                1 => {
                    wrong.insert(source.clone());
                    engine
                        .take(&event(&source, Kind::Problem, secs), at(secs))
                        .unwrap()
                }
                _ => {
                    wrong.remove(&source);
                    engine
                        .take(&event(&source, Kind::Recovery, secs), at(secs))
                        .unwrap()
                }
            };
            hear(changed, &mut told);
        }
        for step in 1..=10 {
            hear(engine.tick(at(secs + 60 * step)), &mut told);
        }
        assert_eq!(told, wrong, "seed {seed}");
    }
}
