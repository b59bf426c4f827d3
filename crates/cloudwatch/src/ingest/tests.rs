//! Requests as senders send them, and hostile ones.

use std::convert::Infallible;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::metric::Unit;
use crate::series::Sample;

/// Prometheus 2.42 of Debian scraped `jobs_total 5`, `queue_depth 7.5` and the histogram `call_seconds`, and sent this (2026-11-29).
const SAMPLES: &[u8] = include_bytes!("data/prometheus-2.42-samples.snappy");
/// What it said of their types.
const METADATA: &[u8] = include_bytes!("data/prometheus-2.42-metadata.snappy");
/// When it was sent.
const NOW: Timestamp = Timestamp::from_secs(1_795_971_791);
const PROTOBUF: &str = "application/x-protobuf";
const TWO_WEEKS: Duration = Duration::from_secs(14 * 86_400);

fn intake() -> Intake {
    Intake::new(NOW, TWO_WEEKS)
}

fn take(intake: &Intake, kind: Kind, content_type: &str, body: &[u8]) -> (Vec<Datum>, Taken) {
    let sent = read(kind, content_type, body).unwrap();
    let mut kept = Vec::new();
    let put = |data: &[Datum]| {
        kept = data.to_vec();
        Ok::<(), Infallible>(())
    };
    let taken = intake.take(&sent, NOW, put).unwrap();
    (kept, taken)
}

/// A message of one field, or of several joined.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut writer = protobuf::Writer::default();
    writer.bytes(number, bytes);
    writer.done()
}

/// A remote write of one series with its samples, unpacked.
fn series(labels: &[(&str, &str)], samples: &[(f64, u64)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in labels {
        let label = [field(1, name.as_bytes()), field(2, value.as_bytes())].concat();
        bytes.extend(field(1, &label));
    }
    for (value, millis) in samples {
        let mut sample = vec![0x09];
        sample.extend(value.to_le_bytes());
        let mut at = protobuf::Writer::default();
        at.number(2, *millis);
        sample.extend(at.done());
        bytes.extend(field(2, &sample));
    }
    field(1, &bytes)
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(bytes).unwrap()
}

fn values(data: &[Datum]) -> Vec<f64> {
    let value = |datum: &Datum| match datum.sample {
        Sample::Value(value) => value,
        _ => panic!("one value"),
    };
    data.iter().map(value).collect()
}

#[test]
fn what_prometheus_sends_becomes_metrics() {
    let intake = intake();
    let (data, taken) = take(&intake, Kind::RemoteWrite, PROTOBUF, METADATA);
    assert!(data.is_empty());
    assert_eq!(taken.answer.status, 204);
    let (data, taken) = take(&intake, Kind::RemoteWrite, PROTOBUF, SAMPLES);
    assert_eq!(taken.skipped, Skipped::default());
    let depth = data
        .iter()
        .find(|datum| datum.identity.name == "queue_depth")
        .unwrap();
    assert_eq!(depth.sample, Sample::Value(7.5));
    assert_eq!(
        depth.identity.to_string(),
        "Prometheus/queue_depth{instance=127.0.0.1:19291,job=shop,queue=s2s}"
    );
    assert!(
        depth.at <= NOW && NOW.since(depth.at) < Duration::from_secs(60),
        "{:?}",
        depth.at
    );
    let up = data
        .iter()
        .find(|datum| datum.identity.name == "up")
        .unwrap();
    assert_eq!(up.sample, Sample::Value(1.0));
    // The counters stood still: a first total, then nothing new.
    let new = data.iter().filter(|datum| {
        let name = &datum.identity.name;
        name == "jobs_total" || name.starts_with("call_seconds")
    });
    let new: Vec<Datum> = new.cloned().collect();
    assert!(values(&new).iter().all(|value| *value == 0.0), "{new:?}");
    assert!(
        intake.series_count() >= 5,
        "jobs_total, two buckets, sum and count"
    );
}

#[test]
fn counters_are_differences_and_gauges_are_not() {
    let millis = NOW.as_millis();
    let at = |secs: u64| millis - 60_000 + secs * 1000;
    for (name, expected) in [
        ("jobs_total", vec![3.0, 0.0, 2.0]),
        ("call_seconds_sum", vec![3.0, 0.0, 2.0]),
        ("depth", vec![10.0, 13.0, 13.0, 2.0]),
    ] {
        let samples = [(10.0, at(0)), (13.0, at(15)), (13.0, at(30)), (2.0, at(45))];
        let body = packed(&series(&[("__name__", name)], &samples));
        let (data, _) = take(&intake(), Kind::RemoteWrite, PROTOBUF, &body);
        assert_eq!(values(&data), expected, "{name}");
    }
}

#[test]
fn a_type_that_was_told_counts_more_than_the_name() {
    let intake = intake();
    // `MetricMetadata`: type 2 is a gauge, 1 a counter.
    let metadata = |number: u64, family: &str| {
        let mut message = protobuf::Writer::default();
        message.number(1, number);
        message.bytes(2, family.as_bytes());
        field(3, &message.done())
    };
    let body = [metadata(2, "pods_count"), metadata(1, "odd")].concat();
    take(&intake, Kind::RemoteWrite, PROTOBUF, &packed(&body));
    let millis = NOW.as_millis();
    for (name, expected) in [("pods_count", vec![5.0, 7.0]), ("odd", vec![2.0])] {
        let samples = [(5.0, millis - 30_000), (7.0, millis - 15_000)];
        let body = packed(&series(&[("__name__", name)], &samples));
        let (data, _) = take(&intake, Kind::RemoteWrite, PROTOBUF, &body);
        assert_eq!(values(&data), expected, "{name}");
    }
}

#[test]
fn one_bad_sample_never_holds_up_the_others() {
    let millis = NOW.as_millis();
    let stale = f64::from_bits(0x7ff0_0000_0000_0002);
    let samples = [
        (1.0, millis - 15 * 86_400_000),
        (2.0, millis + 3 * 3_600_000),
        (f64::NAN, millis),
        (stale, millis),
        (3.0, millis),
        (4.0, 0),
    ];
    let body = packed(&series(
        &[("__name__", "depth"), ("namespace", "shop"), ("empty", "")],
        &samples,
    ));
    let (data, taken) = take(&intake(), Kind::RemoteWrite, PROTOBUF, &body);
    assert_eq!(values(&data), [3.0]);
    assert_eq!(data[0].identity.to_string(), "shop/depth{}");
    for (reason, count) in [
        (Reason::TooOld, 1),
        (Reason::TooNew, 1),
        (Reason::Unsound, 1),
        (Reason::Untimed, 1),
    ] {
        assert_eq!(taken.skipped.of(reason), count, "{reason:?}");
    }
    assert_eq!(
        taken.skipped.total(),
        4,
        "a series that ended is no trouble"
    );
}

#[test]
fn what_was_not_put_is_new_the_next_time() {
    let intake = intake();
    let millis = NOW.as_millis();
    let body = |samples: &[(f64, u64)]| packed(&series(&[("__name__", "jobs_total")], samples));
    take(
        &intake,
        Kind::RemoteWrite,
        PROTOBUF,
        &body(&[(10.0, millis - 2000)]),
    );
    let next = body(&[(15.0, millis - 1000)]);
    let sent = read(Kind::RemoteWrite, PROTOBUF, &next).unwrap();
    let failed = intake.take(&sent, NOW, |_| Err("the disk is full"));
    assert_eq!(failed, Err(NotTaken::Put("the disk is full")));
    let (data, _) = take(&intake, Kind::RemoteWrite, PROTOBUF, &next);
    assert_eq!(values(&data), [5.0]);
    let (data, taken) = take(&intake, Kind::RemoteWrite, PROTOBUF, &next);
    assert!(data.is_empty());
    assert_eq!(
        taken.skipped.of(Reason::OutOfOrder),
        1,
        "sent twice, counted once"
    );
}

#[test]
fn what_is_no_request_is_refused() {
    let bomb = {
        // A length of 1 GiB, and nothing behind it.
        vec![0x80, 0x80, 0x80, 0x80, 0x04]
    };
    let many = b"\x0a\x02\x12\x00".repeat(POINTS_MAX + 1);
    let nested = b"\x0a\x04\x12\x02\x12\x00".repeat(otlp::PARTS_MAX / 3 + 1);
    for (kind, content_type, body, status) in [
        (Kind::RemoteWrite, "application/json", vec![], 415),
        (
            Kind::RemoteWrite,
            "application/x-protobuf;proto=io.prometheus.write.v2.Request",
            vec![],
            415,
        ),
        (
            Kind::RemoteWrite,
            PROTOBUF,
            b"\xff\xff\xff\xff\xff".to_vec(),
            400,
        ),
        (Kind::RemoteWrite, PROTOBUF, bomb, 413),
        (Kind::RemoteWrite, PROTOBUF, packed(b"\x0a\x05a"), 400),
        (Kind::RemoteWrite, PROTOBUF, packed(&many), 413),
        (Kind::Otlp, "text/plain", vec![], 415),
        (Kind::Otlp, PROTOBUF, b"\x0a\x05a".to_vec(), 400),
        (Kind::Otlp, PROTOBUF, nested, 413),
        (Kind::Otlp, "application/json", b"[".to_vec(), 400),
        (
            Kind::Otlp,
            "application/json",
            b"{".repeat(otlp::PARTS_MAX + 1),
            413,
        ),
        (
            Kind::Otlp,
            "application/json; charset=utf-8",
            br#"{"resourceMetrics":5}"#.to_vec(),
            400,
        ),
    ] {
        let refused = read(kind, content_type, &body).unwrap_err();
        assert_eq!(refused.status(), status, "{content_type} {refused}");
    }
}

#[test]
fn a_refusal_has_the_form_that_its_clients_read() {
    let answer = refusal(Kind::RemoteWrite, PROTOBUF, 400, "no");
    assert_eq!((answer.status, &answer.body[..]), (400, &b"no\n"[..]));
    let answer = refusal(Kind::Otlp, "application/json", 503, "later");
    assert_eq!(answer.body, br#"{"code":14,"message":"later"}"#);
    let answer = refusal(Kind::Otlp, PROTOBUF, 400, "no");
    assert_eq!(answer.body, b"\x08\x03\x12\x02no");
    assert_eq!(answer.content_type, Some(PROTOBUF));
}

#[test]
fn units_follow_the_names_of_prometheus() {
    let body = packed(&series(
        &[("__name__", "free_bytes")],
        &[(1.0, NOW.as_millis())],
    ));
    let (data, _) = take(&intake(), Kind::RemoteWrite, PROTOBUF, &body);
    assert_eq!(data[0].unit, Unit::Bytes);
}

proptest! {
    #[test]
    fn any_bytes_are_taken_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let intake = intake();
        let packed = packed(&bytes);
        for (kind, content_type, body) in [
            (Kind::Otlp, PROTOBUF, &bytes),
            (Kind::Otlp, "application/json", &bytes),
            (Kind::RemoteWrite, PROTOBUF, &bytes),
            (Kind::RemoteWrite, PROTOBUF, &packed),
        ] {
            if let Ok(sent) = read(kind, content_type, body) {
                let put = |_: &[Datum]| Ok::<(), Infallible>(());
                let _ = intake.take(&sent, NOW, put);
            }
        }
    }

    #[test]
    fn a_cut_or_changed_request_never_panics(cut in 0_usize..1500, place in 0_usize..1500, byte: u8) {
        let mut bytes = snap::raw::Decoder::new().decompress_vec(SAMPLES).unwrap();
        if let Some(changed) = bytes.get_mut(place) {
            *changed = byte;
        }
        bytes.truncate(cut);
        if let Ok(sent) = read(Kind::RemoteWrite, PROTOBUF, &packed(&bytes)) {
            let _ = intake().take(&sent, NOW, |_| Ok::<(), Infallible>(()));
        }
    }
}
