//! What is expected, of values whose mean and deviation are known.

use proptest::prelude::*;

use super::*;

/// Monday, 2026-11-23T00:00:00Z.
const UNTIL: u64 = 1_795_392_000;
const DAY: u64 = 86_400;

fn at(secs: u64) -> Timestamp {
    Timestamp::from_secs(secs)
}

/// A value for each `period` of `days` before [`UNTIL`].
fn past(days: u64, period: u64, value: impl Fn(u64) -> f64) -> Vec<(Timestamp, f64)> {
    let from = UNTIL - days * DAY;
    let starts = (0..days * DAY / period).map(|index| from + index * period);
    starts.map(|secs| (at(secs), value(secs))).collect()
}

/// -1 and 1 by turns, whose deviation is 1.
fn noise(secs: u64) -> f64 {
    if (secs / 300).is_multiple_of(2) {
        1.0
    } else {
        -1.0
    }
}

fn hour(secs: u64) -> u64 {
    secs % DAY / 3600
}

fn is_weekend(secs: u64) -> bool {
    // 1970 began with a Thursday.
    (secs / DAY + 3) % 7 >= 5
}

fn learn(points: &[(Timestamp, f64)], training: &Training) -> Model {
    Model::learn(points, at(UNTIL), training).unwrap()
}

#[test]
fn what_is_always_the_same_has_a_narrow_band() {
    let model = learn(&past(14, 300, |_| 50.0), &Training::default());
    let edges = model.edges(at(UNTIL + 1234), 2.0).unwrap();
    assert!((edges.lower - 49.9).abs() < 1e-9 && (edges.upper - 50.1).abs() < 1e-9);
    let zero = learn(&past(14, 300, |_| 0.0), &Training::default());
    let edges = zero.edges(at(UNTIL), 2.0).unwrap();
    assert_eq!((edges.lower, edges.upper), (0.0, 0.0));
}

#[test]
fn the_deviation_is_that_of_the_values() {
    let model = learn(
        &past(14, 300, |secs| 50.0 + noise(secs)),
        &Training::default(),
    );
    for hour in 0..168 {
        let expected = model.expected(at(UNTIL + hour * 3600)).unwrap();
        assert!((expected.value - 50.0).abs() < 0.1, "{expected:?}");
        assert!((expected.deviation - 1.0).abs() < 0.1, "{expected:?}");
    }
}

#[test]
fn nights_days_and_weekends_are_told_apart() {
    let value = |secs| match (is_weekend(secs), hour(secs)) {
        (false, 9..18) => 100.0 + noise(secs),
        _ => 10.0 + noise(secs),
    };
    let model = learn(&past(14, 300, value), &Training::default());
    for secs in (UNTIL..UNTIL + 7 * DAY).step_by(1800) {
        let edges = model.edges(at(secs), 3.0).unwrap();
        let usual = value(secs);
        assert!(edges.lower < usual && usual < edges.upper, "{secs}");
        assert!(edges.upper - edges.lower < 8.0, "{edges:?}");
    }
    // Four days know no week: Thursday to Sunday. Hours of the day are what there is.
    let few = learn(
        &past(4, 300, |secs| 10.0 * hour(secs) as f64 + noise(secs)),
        &Training::default(),
    );
    let expected = few.expected(at(UNTIL + 9 * 3600)).unwrap();
    assert!((expected.value - 90.0).abs() < 1.0, "{expected:?}");
}

#[test]
fn a_day_alone_is_expected_as_a_whole() {
    let model = learn(
        &past(1, 300, |secs| if hour(secs) < 12 { 0.0 } else { 10.0 }),
        &Training::default(),
    );
    let expected = model.expected(at(UNTIL)).unwrap();
    assert!((expected.value - 5.0).abs() < 0.3, "{expected:?}");
    assert!((expected.deviation - 5.0).abs() < 0.1, "{expected:?}");
}

#[test]
fn of_too_few_values_nothing_is_expected() {
    let learn = |points: &[_]| Model::learn(points, at(UNTIL), &Training::default());
    assert!(learn(&[]).is_none());
    let hourly = past(1, 3600, |_| 1.0);
    assert!(learn(&hourly[..11]).is_none());
    assert!(learn(&hourly[..12]).is_some());
    // Many values of two hours.
    let minutes = past(1, 60, |_| 1.0);
    assert!(learn(&minutes[..120]).is_none());
    assert!(learn(&minutes[..121]).is_some());
    // All of it too old, or not yet.
    let elsewhere = |secs: u64| {
        past(1, 300, |_| 1.0)
            .into_iter()
            .map(move |(time, value)| (at(time.as_secs() + DAY - secs), value))
    };
    assert!(learn(&elsewhere(0).collect::<Vec<_>>()).is_none());
    assert!(learn(&elsewhere(16 * DAY).collect::<Vec<_>>()).is_none());
}

#[test]
fn an_incident_does_not_make_the_next_one_expected() {
    let incident = UNTIL - 2 * DAY..UNTIL - 2 * DAY + 600;
    let value = |secs| {
        if incident.contains(&secs) {
            5000.0
        } else {
            50.0 + noise(secs)
        }
    };
    let points = past(14, 300, value);
    let upper = |filtering| {
        let training = Training {
            filtering,
            ..Training::default()
        };
        learn(&points, &training)
            .edges(at(UNTIL + 5 * DAY), 3.0)
            .unwrap()
            .upper
    };
    assert!(
        upper(Filtering::Moderate) < 70.0,
        "{}",
        upper(Filtering::Moderate)
    );
    assert!(upper(Filtering::None) > 1000.0);
    assert!(upper(Filtering::Strict) <= upper(Filtering::Moderate));
    assert!(upper(Filtering::Moderate) <= upper(Filtering::Minimal));
}

#[test]
fn what_is_mostly_nothing_is_not_made_nothing() {
    // One error in each quarter of an hour.
    let value = |secs: u64| if secs.is_multiple_of(900) { 1.0 } else { 0.0 };
    let model = learn(&past(14, 300, value), &Training::default());
    let edges = model.edges(at(UNTIL), 3.0).unwrap();
    assert!(edges.lower == 0.0 && edges.upper > 1.0, "{edges:?}");
}

#[test]
fn excluded_times_do_not_count() {
    let value = |secs| if secs >= UNTIL - 7 * DAY { 90.0 } else { 10.0 };
    let points = past(14, 300, value);
    let all = learn(&points, &Training::default())
        .expected(at(UNTIL))
        .unwrap();
    assert!(all.value > 50.0, "{all:?}");
    let training = Training {
        excluded: vec![(at(UNTIL - 7 * DAY), at(UNTIL))],
        ..Training::default()
    };
    let some = learn(&points, &training).expected(at(UNTIL)).unwrap();
    assert!((some.value - 10.0).abs() < 1e-9, "{some:?}");
}

#[test]
fn a_change_is_learned_by_speed() {
    let value = |secs| if secs >= UNTIL - 4 * DAY { 90.0 } else { 10.0 };
    let points = past(14, 300, value);
    let expected = |speed| {
        let training = Training {
            speed,
            ..Training::default()
        };
        // A day of the week that was before and after it.
        learn(&points, &training)
            .expected(at(UNTIL - DAY))
            .unwrap()
            .value
    };
    assert!(expected(Speed::Slow) < expected(Speed::Normal));
    assert!(expected(Speed::Normal) < expected(Speed::Fast));
}

#[test]
fn hours_are_those_of_the_time_zone_when_clocks_change() {
    // Berlin went back an hour on 2026-10-25T01:00Z; noon there was 10:00Z before, and is 11:00Z after.
    let change = 1_792_890_000;
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let noon = |secs: u64| if secs < change { 10 } else { 11 };
    let value = |secs| if hour(secs) == noon(secs) { 100.0 } else { 1.0 };
    let until = at(change + 6 * DAY);
    let starts = (0..14 * DAY / 300).map(|index| change + 6 * DAY - 14 * DAY + index * 300);
    let points: Vec<_> = starts.map(|secs| (at(secs), value(secs))).collect();
    let training = Training {
        zone,
        ..Training::default()
    };
    let model = Model::learn(&points, until, &training).unwrap();
    let day = (change + 6 * DAY) / DAY * DAY + DAY;
    let expected = |hour: u64| model.expected(at(day + hour * 3600)).unwrap().value;
    assert!((expected(11) - 100.0).abs() < 1e-6 && (expected(10) - 1.0).abs() < 1e-6);
}

/// The newest first, a `step` apart before [`UNTIL`].
fn spread(values: &[f64], step: u64) -> Vec<(Timestamp, f64)> {
    let mut points: Vec<_> = values
        .iter()
        .zip(1..)
        .map(|(value, index)| (at(UNTIL - index * step), *value))
        .collect();
    points.reverse();
    points
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn bands_of_any_values_are_numbers_around_what_is_expected(values in proptest::collection::vec(proptest::num::f64::ANY, 0..400), step in 60_u64..90_000, filtering in 0_usize..4, deviations in 0.001_f64..100.0) {
        let values = spread(&values, step);
        let filtering = [Filtering::Minimal, Filtering::Moderate, Filtering::Strict, Filtering::None][filtering];
        let training = Training { filtering, ..Training::default() };
        if let Some(model) = Model::learn(&values, at(UNTIL), &training) {
            for secs in (UNTIL..UNTIL + 7 * DAY).step_by(3600) {
                if let Some(edges) = model.edges(at(secs), deviations) {
                    prop_assert!(edges.lower <= edges.upper);
                }
            }
        }
    }

    #[test]
    fn a_wider_band_holds_a_narrower_one(values in proptest::collection::vec(-1e6_f64..1e6, 50..400)) {
        let values = spread(&values, 3600);
        let model = learn(&values, &Training::default());
        let (narrow, wide) = (model.edges(at(UNTIL), 1.0).unwrap(), model.edges(at(UNTIL), 3.0).unwrap());
        prop_assert!(wide.lower <= narrow.lower && narrow.upper <= wide.upper);
    }
}
