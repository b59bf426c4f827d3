//! Traffic as CloudWatch has seen it: `NumberOfMessagesSent` of a queue, minute by minute.

use base::{Clock, SystemClock};
use delivery::simulate::Traffic;
use serde_json::{Value, json};

use crate::app::{self, App};
use crate::cli::alarm::cloudwatch;
use crate::client::cloudwatch::CloudWatch;
use crate::client::service::Where;

/// GetMetricStatistics answers 1,440 datapoints at most: a day of minutes.
const MINUTES: u64 = 1_440;

/// What was sent in the last whole day, up to the last whole minute.
pub(super) fn traffic(app: &App, at: &Where, queue: &str) -> anyhow::Result<Traffic> {
    let cloudwatch = cloudwatch(app, at)?;
    let end = SystemClock::new().now().as_minutes() * 60;
    let start = end - MINUTES * 60;
    let input = json!({
        "Namespace": "AWS/SQS",
        "MetricName": "NumberOfMessagesSent",
        "Dimensions": [{ "Name": "QueueName", "Value": queue }],
        "StartTime": start,
        "EndTime": end,
        "Period": 60,
        "Statistics": ["Sum"],
    });
    let cloudwatch: &dyn CloudWatch = &cloudwatch;
    let answer = cloudwatch
        .call("GetMetricStatistics", &input)
        .map_err(anyhow::Error::from)?;
    let rows = rows(&answer, start);
    Traffic::of_rows(&rows, 60_000)
        .filter(|traffic| traffic.count() > 0)
        .ok_or_else(|| {
            app::usage(format!(
                "CloudWatch has no NumberOfMessagesSent of queue `{queue}` in the last day"
            ))
        })
}

/// A row for each minute; of which nothing is told, nothing was sent in: SQS tells of active queues only.
fn rows(answer: &Value, start: u64) -> Vec<(u64, u64)> {
    let mut sums = vec![0.0; usize::try_from(MINUTES).unwrap_or(0)];
    let points = answer.get("Datapoints").and_then(Value::as_array);
    for point in points.into_iter().flatten() {
        let at = point.get("Timestamp").and_then(Value::as_f64);
        let sum = point.get("Sum").and_then(Value::as_f64);
        if let (Some(minute), Some(sum)) = (at.and_then(|at| minute(at, start)), sum)
            && let Some(place) = sums.get_mut(minute)
        {
            *place += sum;
        }
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count; a float cast saturates"
    )]
    let row = |(minute, sum): (u64, f64)| ((start + minute * 60) * 1_000, sum.round() as u64);
    (0..).zip(sums).map(row).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "seconds since the epoch; a float cast saturates"
)]
fn minute(at: f64, start: u64) -> Option<usize> {
    let since = (at as u64).checked_sub(start)?;
    usize::try_from(since / 60).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_minute_is_a_row() {
        let answer = json!({ "Datapoints": [
            { "Timestamp": 6_060.0, "Sum": 5.0 },
            { "Timestamp": 6_000.0, "Sum": 2.0 },
            { "Timestamp": 5_000.0, "Sum": 9.0 },
        ]});
        let rows = rows(&answer, 6_000);
        assert_eq!(rows.len(), 1_440);
        assert_eq!(rows[..3], [(6_000_000, 2), (6_060_000, 5), (6_120_000, 0)]);
    }
}
