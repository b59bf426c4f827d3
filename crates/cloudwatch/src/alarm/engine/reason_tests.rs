//! Sentences as AWS wrote them.

use super::*;
use crate::alarm::engine::settings::StatText;

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

fn threshold(m: u32, n: u32, value: f64) -> Threshold {
    Threshold {
        comparison: Comparison::GreaterThanThreshold,
        value,
        periods: n,
        to_alarm: m,
        treatment: Treatment::Missing,
        samples_min: None,
    }
}

fn found(values: &[(f64, &str)], filled: u32) -> Evaluation {
    let counted: Vec<_> = values
        .iter()
        .map(|(value, time)| Point {
            at: at(time),
            value: *value,
            samples: 1.0,
        })
        .collect();
    Evaluation {
        state: None,
        counted,
        breaching: 0,
        filled,
    }
}

#[test]
fn a_change_names_the_points_and_how_many_are_needed() {
    let one = found(&[(99.501_602_296_934_34, "2019-10-02T16:59:00Z")], 0);
    assert_eq!(
        sentence(&threshold(1, 1, 50.0), &one, State::Ok, State::Alarm),
        "Threshold Crossed: 1 out of the last 1 datapoints [99.50160229693434 (02/10/19 16:59:00)] was greater than the threshold (50.0) (minimum 1 datapoint for OK -> ALARM transition)."
    );
    let back = found(&[(12.5, "2019-10-02T17:59:00Z")], 0);
    assert_eq!(
        sentence(&threshold(1, 1, 50.0), &back, State::Alarm, State::Ok),
        "Threshold Crossed: 1 out of the last 1 datapoints [12.5 (02/10/19 17:59:00)] was not greater than the threshold (50.0) (minimum 1 datapoint for ALARM -> OK transition)."
    );
    let several = found(
        &[
            (60.0, "2019-10-02T16:57:00Z"),
            (1.0, "2019-10-02T16:58:00Z"),
            (70.0, "2019-10-02T16:59:00Z"),
        ],
        0,
    );
    assert_eq!(
        sentence(&threshold(2, 3, 50.0), &several, State::Ok, State::Alarm),
        "Threshold Crossed: 2 out of the last 3 datapoints [70.0 (02/10/19 16:59:00), 60.0 (02/10/19 16:57:00)] were greater than the threshold (50.0) (minimum 2 datapoints for OK -> ALARM transition)."
    );
}

#[test]
fn the_first_change_is_shorter() {
    let one = found(&[(21.5, "2020-01-23T17:15:00Z")], 0);
    assert_eq!(
        sentence(
            &threshold(1, 1, 21.0),
            &one,
            State::InsufficientData,
            State::Alarm
        ),
        "Threshold Crossed: 1 datapoint [21.5 (23/01/20 17:15:00)] was greater than the threshold (21.0)."
    );
}

#[test]
fn missing_points_are_named() {
    let breaching = |n| Threshold {
        treatment: Treatment::Breaching,
        ..threshold(n, n, 1.0)
    };
    assert_eq!(
        sentence(&breaching(2), &found(&[], 2), State::Ok, State::Alarm),
        "Threshold Crossed: no datapoints were received for 2 periods and 2 missing datapoints were treated as [Breaching]."
    );
    let one = found(&[(0.0, "2026-09-05T00:00:00Z")], 2);
    assert_eq!(
        sentence(&breaching(3), &one, State::Ok, State::Alarm),
        "Threshold Crossed: 1 datapoint was received for 3 periods and 2 missing datapoints were treated as [Breaching]."
    );
    let good = Threshold {
        treatment: Treatment::NotBreaching,
        ..threshold(3, 3, 1.0)
    };
    assert_eq!(
        sentence(&good, &found(&[], 3), State::Alarm, State::Ok),
        "Threshold Crossed: no datapoints were received for 3 periods and 3 missing datapoints were treated as [NonBreaching]."
    );
    let unknown = sentence(
        &threshold(5, 5, 1.0),
        &found(&[], 0),
        State::Ok,
        State::InsufficientData,
    );
    assert_eq!(unknown, "Insufficient Data: 5 datapoints were unknown.");
}

fn metric(n: u32, stat: StatText) -> Metric {
    Metric {
        watched: Watched::One {
            stat,
            is_extended: false,
        },
        comparison: Comparison::GreaterThanThreshold,
        threshold: 50.0,
        evaluation_periods: n,
        datapoints_to_alarm: None,
        treatment: None,
        low_samples: None,
    }
}

fn stat() -> StatText {
    StatText {
        namespace: "AWS/EC2".to_owned(),
        metric: "CPUUtilization".to_owned(),
        dimensions: vec![],
        statistic: "Average".to_owned(),
        period_secs: 300,
        unit: None,
    }
}

#[test]
fn the_data_are_those_of_the_documented_sample() {
    let window = super::super::window::window(at("2019-10-02T17:04:40.985Z"), 300, 1);
    let one = found(&[(99.5, "2019-10-02T16:59:00Z")], 0);
    let data = data(
        &metric(1, stat()),
        &one,
        &window,
        at("2019-10-02T17:04:40.985Z"),
    );
    assert_eq!(
        data,
        r#"{"version":"1.0","queryDate":"2019-10-02T17:04:40.985+0000","startDate":"2019-10-02T16:59:00.000+0000","statistic":"Average","period":300,"recentDatapoints":[99.5],"threshold":50.0,"evaluatedDatapoints":[{"timestamp":"2019-10-02T16:59:00.000+0000","sampleCount":1.0,"value":99.5}]}"#
    );
}

#[test]
fn sentences_and_data_stay_within_the_limits() {
    let start = at("2026-01-01T00:00:00Z");
    let counted: Vec<_> = (0..8640_u64)
        .map(|index| Point {
            at: start.plus(std::time::Duration::from_secs(index * 10)),
            value: 1.234_567_890_123_45e-200,
            samples: 123_456.789,
        })
        .collect();
    let found = Evaluation {
        state: None,
        counted,
        breaching: 0,
        filled: 0,
    };
    let threshold = Threshold {
        comparison: Comparison::GreaterThanOrEqualToThreshold,
        ..threshold(8640, 8640, 1.234_567e-201)
    };
    let text = sentence(&threshold, &found, State::Ok, State::Alarm);
    assert!(text.len() <= REASON_CHARS_MAX, "{}", text.len());
    let end = start.plus(std::time::Duration::from_secs(86_400));
    let window = super::super::window::window(end, 10, 8640);
    let data = data(&metric(8640, stat()), &found, &window, end);
    assert!(data.len() <= REASON_DATA_CHARS_MAX, "{}", data.len());
}
