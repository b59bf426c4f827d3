//! Points of each kind, in JSON and protobuf.

use std::convert::Infallible;
use std::time::Duration;

use base::Timestamp;

use crate::ingest::{Intake, Kind, NotTaken, Reason, Taken, read};
use crate::metric::Unit;
use crate::series::{Datum, Sample};

const JSON: &str = "application/json";
const PROTOBUF: &str = "application/x-protobuf";
/// A second after the points of the example.
const NOW: Timestamp = Timestamp::from_secs(1_544_712_661);

/// `examples/metrics.json` of opentelemetry-proto, without descriptions.
const EXAMPLE: &str = r#"{"resourceMetrics":[{
  "resource":{"attributes":[{"key":"service.name","value":{"stringValue":"my.service"}}]},
  "scopeMetrics":[{
    "scope":{"name":"my.library","version":"1.0.0","attributes":[{"key":"my.scope.attribute","value":{"stringValue":"some scope attribute"}}]},
    "metrics":[
      {"name":"my.counter","unit":"1","sum":{"aggregationTemporality":1,"isMonotonic":true,"dataPoints":[
        {"asDouble":5,"startTimeUnixNano":"1544712660300000000","timeUnixNano":"1544712660300000000",
         "attributes":[{"key":"my.counter.attr","value":{"stringValue":"some value"}}]}]}},
      {"name":"my.gauge","unit":"1","gauge":{"dataPoints":[
        {"asDouble":10,"timeUnixNano":"1544712660300000000",
         "attributes":[{"key":"my.gauge.attr","value":{"stringValue":"some value"}}]}]}},
      {"name":"my.histogram","unit":"1","histogram":{"aggregationTemporality":1,"dataPoints":[
        {"startTimeUnixNano":"1544712660300000000","timeUnixNano":"1544712660300000000","count":"2","sum":2,
         "bucketCounts":["1","1"],"explicitBounds":[1],"min":0,"max":2,
         "attributes":[{"key":"my.histogram.attr","value":{"stringValue":"some value"}}]}]}},
      {"name":"my.exponential.histogram","unit":"1","exponentialHistogram":{"aggregationTemporality":1,"dataPoints":[
        {"startTimeUnixNano":"1544712660300000000","timeUnixNano":"1544712660300000000","count":"3","sum":10,"scale":0,
         "zeroCount":"1","positive":{"offset":1,"bucketCounts":["0","2"]},"min":0,"max":5,"zeroThreshold":0,
         "attributes":[{"key":"my.exponential.histogram.attr","value":{"stringValue":"some value"}}]}]}}]}]}]}"#;

fn intake() -> Intake {
    Intake::new(
        NOW.minus(Duration::from_secs(3600)),
        Duration::from_secs(14 * 86_400),
    )
}

fn take(intake: &Intake, content_type: &str, body: &[u8]) -> (Vec<Datum>, Taken) {
    let sent = read(Kind::Otlp, content_type, body).unwrap();
    let mut kept = Vec::new();
    let put = |data: &[Datum]| {
        kept = data.to_vec();
        Ok::<(), Infallible>(())
    };
    let taken = intake.take(&sent, NOW, put);
    let taken = taken.unwrap_or_else(|error: NotTaken<_>| panic!("{error}"));
    (kept, taken)
}

/// A request with one metric of a service `shop` on `web-1`.
fn one(metric: &str) -> String {
    format!(
        r#"{{"resourceMetrics":[{{"resource":{{"attributes":[
            {{"key":"service.namespace","value":{{"stringValue":"acme"}}}},
            {{"key":"service.name","value":{{"stringValue":"shop"}}}},
            {{"key":"host.name","value":{{"stringValue":"web-1"}}}},
            {{"key":"telemetry.sdk.name","value":{{"stringValue":"x"}}}}]}},
            "scopeMetrics":[{{"metrics":[{metric}]}}]}}]}}"#
    )
}

fn samples(intake: &Intake, metric: &str) -> Vec<Sample> {
    let (data, _) = take(intake, JSON, one(metric).as_bytes());
    data.into_iter().map(|datum| datum.sample).collect()
}

#[test]
fn the_example_of_the_protocol_becomes_metrics() {
    let (data, taken) = take(&intake(), JSON, EXAMPLE.as_bytes());
    let shown: Vec<String> = data
        .iter()
        .map(|datum| datum.identity.to_string())
        .collect();
    assert_eq!(
        shown,
        [
            "my.service/my.counter{my.counter.attr=some value,service.name=my.service}",
            "my.service/my.gauge{my.gauge.attr=some value,service.name=my.service}",
            "my.service/my.histogram{my.histogram.attr=some value,service.name=my.service}",
            "my.service/my.exponential.histogram{my.exponential.histogram.attr=some value,service.name=my.service}",
        ]
    );
    let samples: Vec<Sample> = data.iter().map(|datum| datum.sample.clone()).collect();
    assert_eq!(
        samples,
        [
            Sample::Value(5.0),
            Sample::Value(10.0),
            Sample::Values(vec![(0.0, 1.0), (2.0, 1.0)]),
            // Zero, five, and five of the sum left for the other of (4, 8], which five bounds.
            Sample::Values(vec![(0.0, 1.0), (5.0, 1.0), (5.0, 1.0)]),
        ]
    );
    assert!(
        data.iter()
            .all(|datum| datum.at == Timestamp::from_millis(1_544_712_660_300))
    );
    assert_eq!(
        (taken.answer.status, &taken.answer.body[..]),
        (200, &b"{}"[..])
    );
}

#[test]
fn namespace_and_host_are_the_resources() {
    let metric = r#"{"name":"m","unit":"By","gauge":{"dataPoints":[{"asInt":"-3","timeUnixNano":"1544712660000000000","attributes":[
        {"key":"n","value":{"intValue":"7"}},{"key":"b","value":{"boolValue":true}},{"key":"l","value":{"arrayValue":{"values":[]}}}]}]}}"#;
    let (data, taken) = take(&intake(), JSON, one(metric).as_bytes());
    assert_eq!(
        data[0].identity.to_string(),
        "acme/m{b=true,host.name=web-1,n=7,service.name=shop}"
    );
    assert_eq!(
        (data[0].unit, &data[0].sample),
        (Unit::Bytes, &Sample::Value(-3.0))
    );
    assert_eq!(taken.skipped.dimensions, 1);
    assert_eq!(
        taken.answer.body,
        br#"{"partialSuccess":{"errorMessage":"1 dimensions were left out"}}"#
    );
}

fn sum(temporality: u8, is_monotonic: bool, start: u64, points: &[(u64, f64)]) -> String {
    let points: Vec<String> = points
        .iter()
        .map(|(secs, value)| {
            format!(r#"{{"asDouble":{value},"startTimeUnixNano":"{start}000000000","timeUnixNano":"15447126{secs}000000000"}}"#)
        })
        .collect();
    let points = points.join(",");
    format!(
        r#"{{"name":"s","sum":{{"aggregationTemporality":{temporality},"isMonotonic":{is_monotonic},"dataPoints":[{points}]}}}}"#
    )
}

#[test]
fn only_what_runs_up_becomes_a_difference() {
    let points = [(10, 5.0), (20, 8.0), (30, 8.0), (40, 2.0)];
    let plain = [5.0, 8.0, 8.0, 2.0].map(Sample::Value).to_vec();
    for (temporality, is_monotonic, start, expected) in [
        (1, true, 1_544_712_600, plain.clone()),
        (2, false, 1_544_712_600, plain.clone()),
        // It began after the intake did: all of the first is new.
        (
            2,
            true,
            1_544_712_600,
            [5.0, 3.0, 0.0, 2.0].map(Sample::Value).to_vec(),
        ),
        // It began long before, and what of the first is new is not known.
        (
            2,
            true,
            1_500_000_000,
            [3.0, 0.0, 2.0].map(Sample::Value).to_vec(),
        ),
    ] {
        let metric = sum(temporality, is_monotonic, start, &points);
        assert_eq!(samples(&intake(), &metric), expected, "{metric}");
    }
    let (data, taken) = take(&intake(), JSON, one(&sum(0, true, 1, &points)).as_bytes());
    assert!(data.is_empty());
    assert_eq!(taken.skipped.of(Reason::Unsupported), 4);
    let answer = String::from_utf8(taken.answer.body).unwrap();
    assert!(answer.contains(r#""rejectedDataPoints":"4""#), "{answer}");
}

#[test]
fn a_running_histogram_is_what_came_since() {
    let intake = intake();
    let metric = |secs: u64, counts: &str, count: u64, sum: f64| {
        format!(
            r#"{{"name":"h","unit":"ms","histogram":{{"aggregationTemporality":2,"dataPoints":[{{"startTimeUnixNano":"1","timeUnixNano":"15447126{secs}000000000",
            "count":"{count}","sum":{sum},"bucketCounts":{counts},"explicitBounds":[10,20],"min":1,"max":99}}]}}}}"#
        )
    };
    assert_eq!(samples(&intake, &metric(10, "[5,5,1]", 11, 200.0)), []);
    assert_eq!(
        samples(&intake, &metric(20, "[5,7,1]", 13, 225.0)),
        [Sample::Values(vec![(12.5, 2.0)])]
    );
    assert_eq!(
        samples(&intake, &metric(30, "[5,7,1]", 13, 225.0)),
        [],
        "nothing was measured"
    );
}

#[test]
fn a_histogram_without_buckets_and_a_summary_are_statistic_sets() {
    let histogram = r#"{"name":"h","histogram":{"aggregationTemporality":1,"dataPoints":[{"timeUnixNano":"1544712660000000000","count":4,"sum":10,"min":1,"max":4}]}}"#;
    let set = |count, sum, min, max| Sample::Set {
        count,
        sum,
        min,
        max,
    };
    assert_eq!(samples(&intake(), histogram), [set(4.0, 10.0, 1.0, 4.0)]);
    let intake = intake();
    let summary = |secs: u64, count: u64, sum: f64| {
        format!(
            r#"{{"name":"q","unit":"ns","summary":{{"dataPoints":[{{"timeUnixNano":"15447126{secs}000000000","count":"{count}","sum":{sum},
            "quantileValues":[{{"quantile":0.5,"value":3000}},{{"quantile":0.99,"value":9000}},{{"quantile":1,"value":"NaN"}}]}}]}}}}"#
        )
    };
    assert_eq!(samples(&intake, &summary(10, 100, 1000.0)), []);
    let made = samples(&intake, &summary(20, 102, 9000.0));
    let Sample::Set {
        count,
        sum,
        min,
        max,
    } = made[0]
    else {
        panic!("{made:?}");
    };
    // In microseconds.
    for (is, should) in [(count, 2.0), (sum, 8.0), (min, 3.0), (max, 9.0)] {
        assert!((is - should).abs() < 1e-12, "{made:?}");
    }
}

#[test]
fn what_does_not_fit_together_is_skipped_alone() {
    let at = r#""timeUnixNano":"1544712660000000000""#;
    for (metric, reason) in [
        (
            format!(
                r#"{{"name":"h","histogram":{{"aggregationTemporality":1,"dataPoints":[{{{at},"bucketCounts":[1],"explicitBounds":[1]}}]}}}}"#
            ),
            Reason::Inconsistent,
        ),
        (
            format!(
                r#"{{"name":"h","histogram":{{"aggregationTemporality":1,"dataPoints":[{{{at},"bucketCounts":[1,1,1],"explicitBounds":[2,1]}}]}}}}"#
            ),
            Reason::Inconsistent,
        ),
        (
            format!(
                r#"{{"name":"e","exponentialHistogram":{{"aggregationTemporality":1,"dataPoints":[{{{at},"scale":99}}]}}}}"#
            ),
            Reason::Inconsistent,
        ),
        (
            format!(r#"{{"name":"g","gauge":{{"dataPoints":[{{{at},"asDouble":"Infinity"}}]}}}}"#),
            Reason::Unsound,
        ),
        (
            format!(r#"{{"name":"g","gauge":{{"dataPoints":[{{{at},"asDouble":1e300}}]}}}}"#),
            Reason::Unsound,
        ),
        (
            format!(r#"{{"name":"","gauge":{{"dataPoints":[{{{at},"asDouble":1}}]}}}}"#),
            Reason::Unnamed,
        ),
        (
            r#"{"name":"g","gauge":{"dataPoints":[{"asDouble":1}]}}"#.to_owned(),
            Reason::Untimed,
        ),
    ] {
        let both = format!(
            r#"{metric},{{"name":"ok","gauge":{{"dataPoints":[{{{at},"asDouble":1}},{{{at},"flags":1}}]}}}}"#
        );
        let (data, taken) = take(&intake(), JSON, one(&both).as_bytes());
        assert_eq!(data.len(), 1, "{metric}");
        assert_eq!(
            (taken.skipped.of(reason), taken.skipped.total()),
            (1, 1),
            "{metric}"
        );
    }
}

/// What an SDK sent over OTLP/HTTP: see `data/README.md`.
const SDK: &[u8] = include_bytes!("../data/otlp-python-sdk.pb");

#[test]
fn what_an_sdk_sends_becomes_metrics() {
    let now = Timestamp::from_secs(1795973163);
    let intake = Intake::new(
        now.minus(Duration::from_secs(3600)),
        Duration::from_secs(14 * 86_400),
    );
    let sent = read(Kind::Otlp, PROTOBUF, SDK).unwrap();
    assert_eq!(sent.namespaces().into_iter().collect::<Vec<_>>(), ["shop"]);
    let mut kept = Vec::new();
    let taken = intake.take(&sent, now, |data| {
        kept = data.to_vec();
        Ok::<(), Infallible>(())
    });
    let taken = taken.unwrap();
    assert_eq!((taken.skipped.total(), taken.answer.body.len()), (0, 0));
    let find = |name: &str| {
        kept.iter()
            .find(|datum| datum.identity.name == name)
            .unwrap()
    };
    let orders = find("orders");
    assert_eq!(
        orders.identity.to_string(),
        "shop/orders{host.name=web-1,kind=web,service.name=shop}"
    );
    assert_eq!(
        (orders.unit, &orders.sample),
        (Unit::Count, &Sample::Value(7.0))
    );
    assert_eq!(find("waiting").sample, Sample::Value(-2.0));
    let Sample::Values(values) = &find("latency").sample else {
        panic!("values");
    };
    let sum: f64 = values.iter().map(|(value, count)| value * count).sum();
    let count: f64 = values.iter().map(|(_, count)| count).sum();
    assert!(
        (sum - 161.5).abs() < 1e-9 && (count - 3.0).abs() < 1e-9,
        "{values:?}"
    );
    assert_eq!(find("latency").unit, Unit::Milliseconds);
}
