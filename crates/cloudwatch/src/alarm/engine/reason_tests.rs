//! Sentences as AWS wrote them.

use super::*;
use crate::alarm::engine::settings::StatText;

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

fn threshold(m: u32, n: u32, value: f64) -> Threshold {
    Threshold {
        comparison: Comparison::GreaterThanThreshold,
        against: Against::Value(value),
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
        threshold: 50.0.into(),
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
        &threshold(1, 1, 50.0),
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
    let data = data(&metric(8640, stat()), &threshold, &found, &window, end);
    assert!(data.len() <= REASON_DATA_CHARS_MAX, "{}", data.len());
}

/// A band with these edges at 15:57 and 15:58.
fn banded(comparison: Comparison, edges: [(f64, f64); 2]) -> Threshold {
    let times = ["2019-10-03T15:57:00Z", "2019-10-03T15:58:00Z"].map(at);
    let edges = edges.map(|(lower, upper)| Edges { lower, upper });
    Threshold {
        comparison,
        against: Against::Band(times.into_iter().zip(edges).collect()),
        ..threshold(1, 1, 0.0)
    }
}

// The first three are of the User Guide's sample of an event, and of a notice in a public report.
#[test]
fn a_change_by_a_band_names_its_edges() {
    use Comparison as C;
    let edges = [
        (0.020_671_942_621_041_8, 0.300_768_702_221_438_03),
        (0.020_599_444_741_798_756, 0.300_691_535_273_246_1),
    ];
    let both = banded(C::LessThanLowerOrGreaterThanUpperThreshold, edges);
    let below = found(&[(0.0, "2019-10-03T15:58:00Z")], 0);
    assert_eq!(
        sentence(&both, &below, State::Ok, State::Alarm),
        "Thresholds Crossed: 1 out of the last 1 datapoints [0.0 (03/10/19 15:58:00)] was less than the lower thresholds [0.020599444741798756] or greater than the upper thresholds [0.3006915352732461] (minimum 1 datapoint for OK -> ALARM transition)."
    );
    let within = found(&[(0.166_666_666_664_241, "2019-10-03T15:57:00Z")], 0);
    assert_eq!(
        sentence(&both, &within, State::Alarm, State::Ok),
        "Thresholds Crossed: 1 out of the last 1 datapoints [0.166666666664241 (03/10/19 15:57:00)] was not less than the lower thresholds [0.0206719426210418] or not greater than the upper thresholds [0.30076870222143803] (minimum 1 datapoint for ALARM -> OK transition)."
    );
    let upper = banded(
        C::GreaterThanUpperThreshold,
        [(0.0, 15.5), (0.0, 15.981_390_464_586_445)],
    );
    let above = found(&[(17.0, "2019-10-03T15:58:00Z")], 0);
    assert_eq!(
        sentence(&upper, &above, State::Ok, State::Alarm),
        "Thresholds Crossed: 1 out of the last 1 datapoints [17.0 (03/10/19 15:58:00)] was greater than the upper thresholds [15.981390464586445] (minimum 1 datapoint for OK -> ALARM transition)."
    );
    let lower = Threshold {
        periods: 2,
        to_alarm: 2,
        ..banded(C::LessThanLowerThreshold, [(1.5, 9.0), (2.5, 9.0)])
    };
    let twice = found(
        &[(1.0, "2019-10-03T15:57:00Z"), (2.0, "2019-10-03T15:58:00Z")],
        0,
    );
    assert_eq!(
        sentence(&lower, &twice, State::Ok, State::Alarm),
        "Thresholds Crossed: 2 out of the last 2 datapoints [2.0 (03/10/19 15:58:00), 1.0 (03/10/19 15:57:00)] were less than the lower thresholds [2.5, 1.5] (minimum 2 datapoints for OK -> ALARM transition)."
    );
}

// The members of both are recorded from AWS: the User Guide's sample, and a public report of 2024.
#[test]
fn the_data_of_a_band_have_its_edges() {
    use super::super::settings::Limit;
    let told = |comparison| {
        let threshold = banded(comparison, [(0.0, 200.0), (1.5, 225.5)]);
        let metric = Metric {
            watched: Watched::Many(Vec::new()),
            comparison,
            threshold: Limit::Band("ad1".to_owned()),
            ..metric(1, stat())
        };
        let now = at("2019-10-03T15:59:30Z");
        let window = super::super::window::window(now, 60, 1);
        let points = found(&[(239.0, "2019-10-03T15:58:00Z")], 0);
        let data = data(&metric, &threshold, &points, &window, now);
        data.split_once("\"period\":60,").unwrap().1.to_owned()
    };
    assert_eq!(
        told(Comparison::GreaterThanUpperThreshold),
        r#""recentDatapoints":[239.0],"recentUpperThresholds":[225.5],"evaluatedDatapoints":[{"timestamp":"2019-10-03T15:58:00.000+0000","sampleCount":1.0,"value":239.0,"threshold":225.5}]}"#
    );
    assert!(told(Comparison::LessThanLowerOrGreaterThanUpperThreshold).starts_with(
        r#""recentDatapoints":[239.0],"recentLowerThresholds":[1.5],"recentUpperThresholds":[225.5],"#
    ));
}

#[test]
fn sentences_and_data_of_bands_stay_within_the_limits() {
    let start = at("2026-01-01T00:00:00Z");
    let value = 1.234_567_890_123_45e-200;
    let moment = |index: u64| start.plus(std::time::Duration::from_secs(index * 10));
    let counted = (0..8640).map(|index| Point {
        at: moment(index),
        value,
        samples: 123_456.789,
    });
    let found = Evaluation {
        state: None,
        counted: counted.collect(),
        breaching: 0,
        filled: 0,
    };
    let edges = Edges {
        lower: -1.234_567_890_123_45e-200,
        upper: 1.234_567_890_123_44e-200,
    };
    let threshold = Threshold {
        comparison: Comparison::LessThanLowerOrGreaterThanUpperThreshold,
        against: Against::Band((0..8640).map(|index| (moment(index), edges)).collect()),
        ..threshold(8640, 8640, 0.0)
    };
    let text = sentence(&threshold, &found, State::Ok, State::Alarm);
    assert!(text.len() <= REASON_CHARS_MAX, "{}", text.len());
    let window = super::super::window::window(moment(8640), 10, 8640);
    let data = data(
        &metric(8640, stat()),
        &threshold,
        &found,
        &window,
        moment(8640),
    );
    assert!(data.len() <= REASON_DATA_CHARS_MAX, "{}", data.len());
}
