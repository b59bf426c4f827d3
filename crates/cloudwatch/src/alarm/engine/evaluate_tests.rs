//! The vectors of AWS's tables, and laws.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::alarm::engine::vectors;

const PERIOD: u32 = 60;

fn threshold(m: u32, n: u32, treatment: Treatment) -> Threshold {
    Threshold {
        comparison: Comparison::GreaterThanThreshold,
        against: Against::Value(0.0),
        periods: n,
        to_alarm: m,
        treatment,
        samples_min: None,
    }
}

/// A window of as many periods as there are points; `O` within, `X` beyond, `-` missing.
fn laid_out(points: &[&str]) -> (Window, Vec<Point>) {
    let to = Timestamp::from_secs(600_000);
    let start = |back: usize| to.minus(Duration::from_secs(PERIOD as u64 * back as u64));
    let window = Window {
        newest: start(1),
        from: start(points.len()),
        to,
        period_secs: PERIOD,
    };
    let there = points.iter().enumerate().filter_map(|(index, point)| {
        let value = match *point {
            "X" => 1.0,
            "O" => -1.0,
            _ => return None,
        };
        Some(Point {
            at: start(points.len() - index),
            value,
            samples: 1.0,
        })
    });
    (window, there.collect())
}

#[test]
fn every_vector_gives_the_state_that_aws_documents() {
    let vectors = vectors::read();
    let mut checked = 0;
    for vector in vectors["vectors"].as_array().unwrap() {
        let points = vector["points"].as_array().unwrap().iter();
        let points: Vec<_> = points.map(|point| point.as_str().unwrap()).collect();
        let number = |name: &str| u32::try_from(vector[name].as_u64().unwrap()).unwrap();
        let n = number("evaluation_periods");
        assert_eq!(super::super::window::range(n), number("evaluation_range"));
        let (window, there) = laid_out(&points);
        for (treatment, expected) in vector["expect"].as_object().unwrap() {
            let treatment = Treatment::parse(treatment).unwrap();
            let threshold = threshold(number("datapoints_to_alarm"), n, treatment);
            let state = evaluate(&threshold, &there, &window).state;
            let is_right = match expected.as_str().unwrap() {
                "RETAIN" => state.is_none(),
                "RETAIN_OR_OK" => matches!(state, None | Some(State::Ok)),
                "NOT_ALARM" => state != Some(State::Alarm),
                other => state == Some(other.parse().unwrap()),
            };
            assert!(
                is_right,
                "{} {treatment:?}: {state:?}, not {expected}",
                vector["id"]
            );
            checked += 1;
        }
    }
    assert_eq!(checked, 104);
}

#[test]
fn percentiles_of_few_values_leave_the_state_where_that_is_asked() {
    assert_eq!(samples_min(99.0).unwrap().round(), 1000.0);
    assert_eq!(samples_min(50.0), Some(20.0));
    assert_eq!(samples_min(10.0), Some(100.0));
    assert_eq!(samples_min(100.0), None);
    let (window, mut there) = laid_out(&["-", "-", "X"]);
    let of = |least| Threshold {
        samples_min: least,
        ..threshold(1, 1, Treatment::Missing)
    };
    assert_eq!(
        evaluate(&of(None), &there, &window).state,
        Some(State::Alarm)
    );
    assert_eq!(evaluate(&of(Some(20.0)), &there, &window).state, None);
    there[0].samples = 20.0;
    let enough = evaluate(&of(Some(20.0)), &there, &window);
    assert_eq!(enough.state, Some(State::Alarm));
}

#[test]
fn metrics_of_dynamodb_are_always_ignored_when_missing() {
    let stat = |namespace: &str| super::super::settings::StatText {
        namespace: namespace.to_owned(),
        metric: "M".to_owned(),
        dimensions: vec![],
        statistic: "Sum".to_owned(),
        period_secs: 60,
        unit: None,
    };
    let metric = |namespace| Metric {
        watched: super::super::settings::Watched::One {
            stat: stat(namespace),
            is_extended: false,
        },
        comparison: Comparison::LessThanThreshold,
        threshold: 1.0.into(),
        evaluation_periods: 1,
        datapoints_to_alarm: None,
        treatment: Some(Treatment::Breaching),
        low_samples: None,
    };
    assert_eq!(metric("AWS/DynamoDB").treats_missing(), Treatment::Ignore);
    assert_eq!(metric("AWS/EC2").treats_missing(), Treatment::Breaching);
}

fn patterns() -> impl Strategy<Value = (u32, u32, Vec<&'static str>)> {
    (1_u32..=6).prop_flat_map(|n| {
        let range = super::super::window::range(n) as usize;
        let points = proptest::collection::vec(prop::sample::select(vec!["O", "X", "-"]), range);
        (1..=n, Just(n), points)
    })
}

fn treatments() -> impl Strategy<Value = Treatment> {
    prop::sample::select(vec![
        Treatment::Breaching,
        Treatment::NotBreaching,
        Treatment::Ignore,
        Treatment::Missing,
    ])
}

proptest! {
    #[test]
    fn a_point_more_that_breaches_never_turns_alarm_into_ok(
        (m, n, points) in patterns(), treatment in treatments(), at in any::<prop::sample::Index>(),
    ) {
        let (window, there) = laid_out(&points);
        let before = evaluate(&threshold(m, n, treatment), &there, &window).state;
        let mut worse = points.clone();
        let at = at.index(worse.len());
        if worse[at] == "O" {
            worse[at] = "X";
        }
        let (window, there) = laid_out(&worse);
        let after = evaluate(&threshold(m, n, treatment), &there, &window).state;
        if before == Some(State::Alarm) {
            prop_assert_eq!(after, Some(State::Alarm));
        }
    }

    #[test]
    fn without_missing_points_the_treatment_does_not_matter(
        (m, n, points) in patterns(), treatment in treatments(),
    ) {
        let full: Vec<_> = points.iter().map(|point| if *point == "-" { "X" } else { point }).collect();
        let (window, there) = laid_out(&full);
        let state = evaluate(&threshold(m, n, treatment), &there, &window).state;
        let other = evaluate(&threshold(m, n, Treatment::Ignore), &there, &window).state;
        prop_assert!(state.is_some());
        prop_assert_eq!(state, other);
    }

    #[test]
    fn fewer_points_to_alarm_never_end_an_alarm((m, n, points) in patterns(), treatment in treatments()) {
        let (window, there) = laid_out(&points);
        let state = evaluate(&threshold(m, n, treatment), &there, &window).state;
        let easier = evaluate(&threshold(1, n, treatment), &there, &window).state;
        if state == Some(State::Alarm) {
            prop_assert_eq!(easier, Some(State::Alarm));
        }
    }

    #[test]
    fn only_missing_and_only_without_data_gives_insufficient_data(
        (m, n, points) in patterns(), treatment in treatments(),
    ) {
        let (window, there) = laid_out(&points);
        let state = evaluate(&threshold(m, n, treatment), &there, &window).state;
        let expected = there.is_empty() && treatment == Treatment::Missing;
        prop_assert_eq!(state == Some(State::InsufficientData), expected);
    }

    #[test]
    fn breaching_is_never_milder_than_not_breaching((m, n, points) in patterns()) {
        let (window, there) = laid_out(&points);
        let mild = evaluate(&threshold(m, n, Treatment::NotBreaching), &there, &window).state;
        let strict = evaluate(&threshold(m, n, Treatment::Breaching), &there, &window).state;
        if mild == Some(State::Alarm) {
            prop_assert_eq!(strict, Some(State::Alarm));
        }
    }
}

#[test]
fn a_band_is_breached_beyond_its_edges_only() {
    use Comparison as C;
    let edges = Edges {
        lower: 10.0,
        upper: 20.0,
    };
    for (comparison, value, expected) in [
        (C::LessThanLowerOrGreaterThanUpperThreshold, 9.9, true),
        (C::LessThanLowerOrGreaterThanUpperThreshold, 10.0, false),
        (C::LessThanLowerOrGreaterThanUpperThreshold, 20.0, false),
        (C::LessThanLowerOrGreaterThanUpperThreshold, 20.1, true),
        (C::LessThanLowerThreshold, 9.9, true),
        (C::LessThanLowerThreshold, 99.0, false),
        (C::GreaterThanUpperThreshold, 20.1, true),
        (C::GreaterThanUpperThreshold, 0.0, false),
    ] {
        assert_eq!(
            comparison.is_breached(value, edges),
            expected,
            "{comparison:?} {value}"
        );
    }
}
