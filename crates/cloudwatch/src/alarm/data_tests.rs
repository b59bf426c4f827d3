//! What alarms read, out of metrics in memory.

use super::*;
use crate::metric::{Found, Identity, Listing, Summaries, Unit};

/// Values at seconds.
#[derive(Debug)]
struct Memory(Vec<(u64, f64)>);

impl Memory {
    fn periods(&self, wanted: &Wanted<'_>) -> Vec<(Timestamp, Summary)> {
        let period = u64::from(wanted.period_secs);
        let mut periods: Vec<(Timestamp, Summary)> = Vec::new();
        for (at, value) in &self.0 {
            let start = Timestamp::from_secs(at / period * period);
            if start < wanted.from || start >= wanted.to {
                continue;
            }
            match periods.last_mut() {
                Some((last, summary)) if *last == start => add(summary, &Summary::of(*value)),
                _ => periods.push((start, Summary::of(*value))),
            }
        }
        periods
    }
}

impl Read for Memory {
    fn series(&self, wanted: &Wanted<'_>) -> Result<Found, Unreadable> {
        let periods = self.periods(wanted).into_iter();
        // Of a percentile the greatest will do here.
        let statistic = match wanted.statistic.is_extended() {
            true => Statistic::Maximum,
            false => wanted.statistic,
        };
        Ok(Found {
            points: periods
                .filter_map(|(at, summary)| point(statistic, at, &summary))
                .collect(),
            units: vec![Unit::None],
        })
    }

    fn summaries(&self, wanted: &Wanted<'_>) -> Result<Vec<Summaries>, Unreadable> {
        Ok(vec![Summaries {
            unit: Unit::None,
            periods: self.periods(wanted),
        }])
    }

    fn list(&self, _: &Listing<'_>) -> Vec<Arc<Identity>> {
        Vec::new()
    }
}

fn read(
    values: &[(u64, f64)],
    statistic: Statistic,
    period_secs: u32,
    now: u64,
) -> (Vec<(u64, f64, f64)>, Window) {
    let metrics = Metrics::new(Arc::new(Memory(values.to_vec())), Arc::new(NoMath));
    let watched = Watched::Metric(Stat {
        identity: Identity::new("App", "M", vec![]),
        statistic,
        period_secs,
        unit: None,
    });
    let now = Timestamp::from_secs(now);
    let seen = metrics.points(&watched, period_secs, 1, now).unwrap();
    let points = seen.points.iter();
    let points = points.map(|point| (point.at.as_secs(), point.value, point.samples));
    (points.collect(), seen.window)
}

#[test]
fn buckets_slide_by_the_minute() {
    // Now is 61,234 s: the newest five minutes end at 61,200 and begin at 60,900, no multiple of 300 s before 61,200.
    let values = [
        (60_299, 7.0),
        (60_300, 1.0),
        (60_600, 2.0),
        (60_899, 4.0),
        (60_960, 8.0),
        (61_199, 16.0),
        (61_200, 32.0),
    ];
    let (points, window) = read(&values, Statistic::Sum, 300, 61_234);
    assert_eq!(window.newest, Timestamp::from_secs(60_900));
    assert_eq!(
        points,
        [(60_300, 1.0, 1.0), (60_600, 6.0, 2.0), (60_900, 24.0, 2.0)]
    );
    let (points, window) = read(&values, Statistic::Sum, 300, 61_300);
    assert_eq!(window.newest, Timestamp::from_secs(60_960));
    assert_eq!(
        points,
        [(60_360, 2.0, 1.0), (60_660, 4.0, 1.0), (60_960, 56.0, 3.0)]
    );
}

#[test]
fn each_statistic_is_put_together() {
    let values = [(60_000, 1.0), (60_060, 5.0), (60_120, 3.0)];
    for (statistic, expected) in [
        (Statistic::SampleCount, 3.0),
        (Statistic::Sum, 9.0),
        (Statistic::Average, 3.0),
        (Statistic::Minimum, 1.0),
        (Statistic::Maximum, 5.0),
    ] {
        let (points, _) = read(&values, statistic, 180, 60_185);
        assert_eq!(points, [(60_000, expected, 3.0)], "{statistic}");
    }
}

#[test]
fn percentiles_begin_at_multiples_of_their_period() {
    let values = [(60_300, 1.0), (60_660, 9.0), (60_900, 5.0)];
    let (points, window) = read(&values, Statistic::Percentile(99.0), 300, 61_150);
    assert_eq!(window.newest, Timestamp::from_secs(60_600));
    assert_eq!(points, [(60_300, 1.0, 1.0), (60_600, 9.0, 1.0)]);
}

#[test]
fn ten_seconds_slide_by_ten_seconds() {
    let values = [(60_000, 1.0), (60_011, 2.0), (60_025, 4.0), (60_035, 8.0)];
    let (points, _) = read(&values, Statistic::Sum, 10, 60_032);
    assert_eq!(
        points,
        [(60_000, 1.0, 1.0), (60_010, 2.0, 1.0), (60_020, 4.0, 1.0)]
    );
    let (points, window) = read(&values, Statistic::Sum, 20, 60_032);
    assert_eq!(window.newest, Timestamp::from_secs(60_010));
    assert_eq!(points, [(59_990, 1.0, 1.0), (60_010, 6.0, 2.0)]);
}
