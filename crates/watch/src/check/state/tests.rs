use super::*;
use Status::{Critical as C, Ok as O, Unknown as U, Warning as W};

fn rules(attempts: u32) -> Rules {
    Rules {
        attempts,
        ..Rules::default()
    }
}

fn feed(
    state: &mut State,
    rules: &Rules,
    second: u64,
    status: Status,
    held_by: Option<&str>,
) -> Vec<Kind> {
    let answer = Answer {
        status,
        text: status.as_str(),
        at: Timestamp::from_secs(second),
    };
    let changes = state.apply(rules, answer, held_by);
    changes.into_iter().map(|change| change.kind).collect()
}

#[test]
fn states_go_soft_and_hard_as_in_nagios() {
    // The table of "State Types", with 3 attempts: answer, attempt, hard, told.
    let mut state = State::new(Timestamp::EPOCH);
    let rules = rules(3);
    let steps = [
        (O, 1, true, vec![]),
        (C, 1, false, vec![]),
        (W, 2, false, vec![]),
        (C, 3, true, vec![Kind::Problem]),
        (W, 3, true, vec![Kind::Problem]),
        (W, 3, true, vec![]),
        (O, 1, true, vec![Kind::Recovery]),
        (O, 1, true, vec![]),
        (U, 1, false, vec![]),
        (O, 1, true, vec![]),
        (O, 1, true, vec![]),
    ];
    for (second, (status, attempt, is_hard, told)) in steps.into_iter().enumerate() {
        let second = second as u64;
        assert_eq!(
            feed(&mut state, &rules, second, status, None),
            told,
            "at {second}"
        );
        assert_eq!(
            (state.attempt, state.is_hard),
            (attempt, is_hard),
            "at {second}"
        );
    }
}

#[test]
fn with_one_attempt_the_first_bad_answer_is_hard() {
    let mut state = State::new(Timestamp::EPOCH);
    assert_eq!(feed(&mut state, &rules(1), 1, U, None), [Kind::Problem]);
    assert_eq!(feed(&mut state, &rules(1), 2, O, None), [Kind::Recovery]);
    assert_eq!(state.changes, 2);
}

#[test]
fn what_depends_on_something_down_is_held_back_and_told_when_it_lasts() {
    let mut state = State::new(Timestamp::EPOCH);
    let rules = rules(1);
    assert_eq!(feed(&mut state, &rules, 1, C, Some("router")), []);
    assert_eq!(state.held_by.as_deref(), Some("router"));
    assert_eq!(feed(&mut state, &rules, 2, C, None), [Kind::Problem]);
    // A recovery is told even then, and what was never told of is not.
    assert_eq!(
        feed(&mut state, &rules, 3, O, Some("router")),
        [Kind::Recovery]
    );
    assert_eq!(feed(&mut state, &rules, 4, C, Some("router")), []);
    assert_eq!(feed(&mut state, &rules, 5, O, Some("router")), []);
    assert_eq!(state.held_by, None);
}

#[test]
fn flapping_is_told_once_and_afterwards_what_is_so() {
    let rules = Rules {
        flapping: Some((5.0, 20.0)),
        ..rules(1)
    };
    let mut state = State::new(Timestamp::EPOCH);
    let mut told = Vec::new();
    for second in 0..9 {
        let status = if second % 2 == 0 { O } else { C };
        told.extend(feed(&mut state, &rules, second, status, None));
    }
    assert_eq!(
        told,
        [
            Kind::Problem,
            Kind::Recovery,
            Kind::Problem,
            Kind::FlappingStart
        ]
    );
    let mut told = Vec::new();
    for second in 9..40 {
        told.extend(feed(&mut state, &rules, second, O, None));
    }
    assert_eq!(told, [Kind::FlappingStop, Kind::Recovery]);
}

#[test]
fn an_acknowledgement_ends_with_the_problem_or_with_the_status() {
    let by = |is_sticky| Acknowledged {
        by: "hanako".to_owned(),
        comment: "looking".to_owned(),
        is_sticky,
        at: Timestamp::from_secs(2),
    };
    let mut state = State::new(Timestamp::EPOCH);
    assert_eq!(state.acknowledge(by(true)), None);
    feed(&mut state, &rules(1), 1, W, None);
    assert_eq!(
        state.acknowledge(by(false)).unwrap().kind,
        Kind::Acknowledged
    );
    feed(&mut state, &rules(1), 3, C, None);
    assert_eq!(state.acknowledged, None);
    state.acknowledge(by(true));
    feed(&mut state, &rules(1), 4, W, None);
    assert!(state.acknowledged.is_some());
    feed(&mut state, &rules(1), 5, O, None);
    assert_eq!(state.acknowledged, None);
}

/// What is so after all these answers, found anew from the whole list each time.
struct Naive {
    hard: Status,
    told: Vec<(Status, Status)>,
    flaps: Vec<bool>,
}

impl Naive {
    fn of(answers: &[(Status, bool)], attempts: usize, thresholds: Option<(f64, f64)>) -> Self {
        let (mut hard, mut last_told, mut flaps_now) = (O, O, false);
        let (mut told, mut recorded, mut flaps) = (Vec::new(), vec![O; 21], Vec::new());
        for (index, (status, is_held)) in answers.iter().enumerate() {
            let so_far = &answers[..=index];
            let bad = so_far
                .iter()
                .rev()
                .take_while(|(status, _)| *status != O)
                .count();
            let counts = *status == O || hard != O || bad >= attempts;
            if counts {
                hard = *status;
                recorded.push(*status);
                let window = &recorded[recorded.len() - 21..];
                let sum: f64 = (0..20)
                    .filter(|at| window[*at] != window[at + 1])
                    .map(|at| 0.75 + 0.5 * at as f64 / 19.0)
                    .sum();
                let percent = sum * 5.0;
                if let Some((low, high)) = thresholds {
                    let before = flaps_now;
                    // The sums are made in another order: what is at a threshold to a millionth is on it.
                    flaps_now = percent > low + 1e-9 && (before || percent >= high - 1e-9);
                    if before != flaps_now {
                        flaps.push(flaps_now);
                    }
                }
            }
            if !flaps_now && hard != last_told && !(*is_held && hard != O) {
                told.push((last_told, hard));
                last_told = hard;
            }
        }
        Self { hard, told, flaps }
    }
}

#[test]
fn seeded_runs_agree_with_a_naive_model() {
    let mut seed = 7_u64;
    let mut draw = move |below: u64| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for run in 0..400 {
        let attempts = 1 + draw(4) as usize;
        let thresholds = (draw(2) == 0).then_some((5.0, 20.0));
        let calm = 1 + draw(8);
        let rules = Rules {
            flapping: thresholds,
            ..rules(attempts as u32)
        };
        let mut state = State::new(Timestamp::EPOCH);
        let (mut answers, mut told, mut flaps, mut numbers) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut last = O;
        for second in 0..120 {
            if draw(calm) == 0 {
                last = [O, O, W, C, U][draw(5) as usize];
            }
            let is_held = draw(6) == 0;
            answers.push((last, is_held));
            let answer = Answer {
                status: last,
                text: "",
                at: Timestamp::from_secs(second),
            };
            for change in state.apply(&rules, answer, is_held.then_some("router")) {
                numbers.push(change.number);
                match change.kind {
                    Kind::Problem | Kind::Recovery => told.push((change.was, change.status)),
                    Kind::FlappingStart => flaps.push(true),
                    _ => flaps.push(false),
                }
            }
            // What is kept is what goes on: through JSON at every step.
            let text = serde_json::to_string(&state).unwrap();
            assert_eq!(serde_json::from_str::<State>(&text).unwrap(), state);
        }
        let naive = Naive::of(&answers, attempts, thresholds);
        assert_eq!(state.hard, naive.hard, "run {run}");
        assert_eq!(told, naive.told, "run {run}");
        assert_eq!(flaps, naive.flaps, "run {run}");
        assert!(numbers.iter().copied().eq(1..=state.changes), "run {run}");
    }
}
