//! The platform's own metrics, under AWS's names where AWS has them: counts of the process as data, once a minute.
//!
//! | namespace | metrics | dimensions |
//! |---|---|---|
//! | `AWS/SQS` | `NumberOfMessagesSent`, `…Received`, `…Deleted`, `NumberOfEmptyReceives`, `SentMessageSize`; `ApproximateNumberOfMessagesVisible`, `…NotVisible`, `…Delayed`, `ApproximateAgeOfOldestMessage` | `QueueName` |
//! | `Shukuba/Delivery` | `Delivered`, `Failed`, `Retried`, `Expired`, `Attempts`, `DeliveryLatency` (seconds) | `Route`; `Route` and `Destination` |
//! | `Shukuba/Delivery` | `Notifiers`, `Balanced` | `Route`; none |
//! | `AWS/Lambda` | `Invocations`, `Errors`, `Throttles`, `Duration` (milliseconds), `ConcurrentExecutions`, `UnreservedConcurrentExecutions`, `AsyncEventsReceived`, `AsyncEventAge` (milliseconds), `AsyncEventsDropped`, `DeadLetterErrors`, `DestinationDeliveryFailures` | `FunctionName`; `FunctionName` and `Resource`; none |
//! | `AWS/Events` | `Invocations`, `FailedInvocations`, `TriggeredRules` and others | `RuleName` |
//! | `Shukuba/Archive` | `LagBytes`, `Lag` (seconds), `Failing` (seconds) | none |
//! | `Shukuba/Link` | `PacketsRefused`, `PeersUp`; with each report of a gateway | `VpcId`; of the first also `VpcId` and `Direction` |
//! | `Shukuba/Platform` | `Calls`, `Faults` | `Service`; none |
//!
//! What a counter shows is put as the difference to the minute before. A series that did not move is put as zero for a
//! while, so that alarms and graphs see a rest, not a gap. Latencies are counted in buckets: their sum and count are exact,
//! their least, greatest and percentiles as fine as the buckets.

use std::collections::{BTreeMap, HashMap};

use base::{HISTOGRAM_BOUNDS, Timestamp};
use cloudwatch::metric::{Dimension, Identity, Unit};
use cloudwatch::series::{Datum, Sample};
use gateway::metrics::Reading;

/// For how many minutes a series that does not move is put as zero. Chosen: a working day.
const REST_MINUTES: u32 = 480;

/// From a metric of the process to its name here: namespace and name there, name here, unit.
const DELIVERY: &[(&str, &str, Unit)] = &[
    ("NotificationsDelivered", "Delivered", Unit::Count),
    ("NotificationsDead", "Failed", Unit::Count),
    ("NotificationsRetried", "Retried", Unit::Count),
    ("NotificationsExpired", "Expired", Unit::Count),
    ("Attempts", "Attempts", Unit::Count),
    ("AttemptSeconds", "DeliveryLatency", Unit::Seconds),
];

/// What was read a minute ago.
#[derive(Debug, Default)]
pub(super) struct Own {
    before: HashMap<Identity, Before>,
}

#[derive(Debug, Default)]
struct Before {
    total: Total,
    rested: u32,
}

/// A counter's or histogram's sum since the process began.
#[derive(Clone, Debug, Default, PartialEq)]
struct Total {
    sum: f64,
    buckets: Vec<u64>,
}

impl Total {
    fn add(&mut self, reading: &Reading) {
        self.sum += reading.sum;
        let buckets = reading.buckets.as_deref().unwrap_or_default();
        if self.buckets.len() < buckets.len() {
            self.buckets.resize(buckets.len(), 0);
        }
        for (mine, theirs) in self.buckets.iter_mut().zip(buckets) {
            *mine += theirs;
        }
    }
}

impl Own {
    /// What has changed since the last call, as data of the minute that ends at `at`.
    pub(super) fn data(&mut self, readings: &[Reading], at: Timestamp) -> Vec<Datum> {
        let mut totals: BTreeMap<Identity, (Unit, Total)> = BTreeMap::new();
        for reading in readings {
            for (identity, unit) in named(reading) {
                let entry = totals.entry(identity).or_insert((unit, Total::default()));
                entry.1.add(reading);
            }
        }
        let data = totals.into_iter().filter_map(|(identity, (unit, total))| {
            let before = self.before.entry(identity.clone()).or_default();
            let moved = before.total != total;
            before.rested = if moved { 0 } else { before.rested + 1 };
            let sample = difference(&before.total, &total).map(|it| in_unit(it, unit));
            before.total = total;
            let is_shown = before.rested <= REST_MINUTES;
            let sample = sample.filter(|_| is_shown)?;
            Some(Datum {
                sample,
                ..Datum::new(identity, unit, at, 0.0)
            })
        });
        data.collect()
    }
}

/// What stands between two readings; nothing for a histogram that did not move.
fn difference(before: &Total, now: &Total) -> Option<Sample> {
    let sum = now.sum - before.sum;
    if now.buckets.is_empty() {
        return Some(Sample::Value(sum.max(0.0)));
    }
    let before = |index: usize| before.buckets.get(index).copied().unwrap_or(0);
    let counts = now.buckets.iter().enumerate();
    let moved: Vec<(f64, f64)> = counts
        .map(|(index, count)| (middle(index), as_float(count.saturating_sub(before(index)))))
        .filter(|(_, count)| *count > 0.0)
        .collect();
    let about: f64 = moved.iter().map(|(value, count)| value * count).sum();
    if moved.is_empty() {
        return None;
    }
    // Values that stand for buckets are stretched until their sum is what was measured.
    let stretch = if about > 0.0 && sum > 0.0 {
        sum / about
    } else {
        1.0
    };
    let stretched = moved
        .into_iter()
        .map(|(value, count)| (value * stretch, count));
    Some(Sample::Values(stretched.collect()))
}

/// Measurements of the process are in seconds; some metrics of AWS are in milliseconds.
fn in_unit(sample: Sample, unit: Unit) -> Sample {
    match sample {
        Sample::Values(values) if unit == Unit::Milliseconds => {
            let millis = values
                .into_iter()
                .map(|(value, count)| (value * 1000.0, count));
            Sample::Values(millis.collect())
        }
        sample => sample,
    }
}

/// The value that stands for a bucket: the geometric middle of its bounds.
fn middle(index: usize) -> f64 {
    let bound = |index: usize| HISTOGRAM_BOUNDS.get(index).copied();
    match (index.checked_sub(1).and_then(bound), bound(index)) {
        (Some(low), Some(high)) => (low * high).sqrt(),
        (None, Some(high)) => high / 2.0,
        (Some(low), None) => low * 1.5,
        (None, None) => 1.0,
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a minute, far below 2^53"
)]
fn as_float(count: u64) -> f64 {
    count as f64
}

/// The metrics that a series of the process is part of.
fn named(reading: &Reading) -> Vec<(Identity, Unit)> {
    let dimension = |wanted: &str| {
        let found = reading.dimensions.iter().find(|(name, _)| *name == wanted);
        found.map(|(name, value)| Dimension::new(name, value))
    };
    match (reading.namespace, reading.name) {
        ("AWS/SQS", name) => {
            let unit = if name == "SentMessageSize" {
                Unit::Bytes
            } else {
                Unit::Count
            };
            let identity = Identity::new(
                "AWS/SQS",
                name,
                dimension("QueueName").into_iter().collect(),
            );
            vec![(identity, unit)]
        }
        (namespace @ ("AWS/Lambda" | "AWS/Events"), name) => {
            let unit = match name {
                "Duration" | "AsyncEventAge" => Unit::Milliseconds,
                _ => Unit::Count,
            };
            let dimensions = reading.dimensions.iter();
            let dimensions = dimensions.map(|(name, value)| Dimension::new(name, value));
            vec![(Identity::new(namespace, name, dimensions.collect()), unit)]
        }
        ("Shukuba", name) => {
            let Some((_, name, unit)) = DELIVERY.iter().find(|(own, ..)| *own == name) else {
                return Vec::new();
            };
            let (route, destination) = (dimension("Route"), dimension("Destination"));
            let of_route = Identity::new(
                "Shukuba/Delivery",
                name,
                route.clone().into_iter().collect(),
            );
            let both = route.into_iter().chain(destination).collect();
            vec![
                (of_route, *unit),
                (Identity::new("Shukuba/Delivery", name, both), *unit),
            ]
        }
        ("shukuba", "calls") => {
            let service = reading
                .dimensions
                .iter()
                .find(|(name, _)| *name == "service");
            let service = service.map(|(_, value)| Dimension::new("Service", value));
            let identity =
                Identity::new("Shukuba/Platform", "Calls", service.into_iter().collect());
            vec![(identity, Unit::Count)]
        }
        ("shukuba", "faults") => {
            vec![(
                Identity::new("Shukuba/Platform", "Faults", Vec::new()),
                Unit::Count,
            )]
        }
        _ => Vec::new(),
    }
}

/// What stands at a moment, as data.
pub(in crate::serve) fn standing<'a>(
    namespace: &str,
    name: &str,
    dimensions: impl IntoIterator<Item = (&'a str, &'a str)>,
    unit: Unit,
    at: Timestamp,
    value: f64,
) -> Datum {
    let dimensions = dimensions.into_iter();
    let dimensions = dimensions.map(|(name, value)| Dimension::new(name, value));
    let identity = Identity::new(namespace, name, dimensions.collect());
    Datum::new(identity, unit, at, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(
        name: &'static str,
        destination: &str,
        sum: f64,
        buckets: Option<Vec<u64>>,
    ) -> Reading {
        Reading {
            namespace: "Shukuba",
            name,
            dimensions: vec![
                ("Route", "s2s".to_owned()),
                ("Destination", destination.to_owned()),
            ],
            sum,
            buckets,
        }
    }

    fn shown(data: &[Datum]) -> BTreeMap<String, Sample> {
        data.iter()
            .map(|datum| (datum.identity.to_string(), datum.sample.clone()))
            .collect()
    }

    #[test]
    fn counters_are_put_as_what_they_moved_by_route_and_by_destination() {
        let mut own = Own::default();
        let at = Timestamp::from_secs(60);
        own.data(&[reading("NotificationsDelivered", "a", 5.0, None)], at);
        let now = [
            reading("NotificationsDelivered", "a", 7.0, None),
            reading("NotificationsDelivered", "b", 1.0, None),
            reading("Probes", "b", 1.0, None),
        ];
        let data = shown(&own.data(&now, at));
        assert_eq!(data.len(), 3);
        assert_eq!(
            data["Shukuba/Delivery/Delivered{Route=s2s}"],
            Sample::Value(3.0)
        );
        assert_eq!(
            data["Shukuba/Delivery/Delivered{Destination=a,Route=s2s}"],
            Sample::Value(2.0)
        );
        // A rest is zero, for a while.
        let rest = shown(&own.data(&now, at));
        assert_eq!(
            rest["Shukuba/Delivery/Delivered{Route=s2s}"],
            Sample::Value(0.0)
        );
        for _ in 0..REST_MINUTES {
            own.data(&now, at);
        }
        assert_eq!(own.data(&now, at), []);
    }

    #[test]
    fn latencies_keep_their_count_and_sum() {
        let mut own = Own::default();
        let mut buckets = vec![0; HISTOGRAM_BOUNDS.len() + 1];
        buckets[3] = 2;
        buckets[HISTOGRAM_BOUNDS.len()] = 1;
        let now = [reading("AttemptSeconds", "a", 200.0, Some(buckets))];
        let data = shown(&own.data(&now, Timestamp::from_secs(60)));
        let Sample::Values(values) = &data["Shukuba/Delivery/DeliveryLatency{Route=s2s}"] else {
            panic!("{data:?}");
        };
        let count: f64 = values.iter().map(|(_, count)| count).sum();
        let sum: f64 = values.iter().map(|(value, count)| value * count).sum();
        assert!((count - 3.0).abs() < 1e-9 && (sum - 200.0).abs() < 1e-9);
        assert_eq!(own.data(&now, Timestamp::from_secs(120)), []);
    }

    #[test]
    fn durations_of_functions_are_shown_in_milliseconds() {
        let mut own = Own::default();
        let mut buckets = vec![0; HISTOGRAM_BOUNDS.len() + 1];
        buckets[8] = 2;
        let now = [Reading {
            namespace: "AWS/Lambda",
            name: "Duration",
            dimensions: vec![("FunctionName", "f".to_owned())],
            sum: 0.08,
            buckets: Some(buckets),
        }];
        let data = own.data(&now, Timestamp::from_secs(60));
        assert_eq!(data[0].unit, Unit::Milliseconds);
        let data = shown(&data);
        let Sample::Values(values) = &data["AWS/Lambda/Duration{FunctionName=f}"] else {
            panic!("{data:?}");
        };
        assert!((values[0].0 - 40.0).abs() < 1e-9 && (values[0].1 - 2.0).abs() < 1e-9);
    }
}
