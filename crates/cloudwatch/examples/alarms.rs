//! What 5,000 alarms cost: CPU time of a minute's rounds of the schedule, with metrics in memory.
//!
//! ```sh
//! cargo run --release -p shukuba-cloudwatch --example alarms -- 5000 60 3
//! ```
//!
//! Arguments: alarms, seconds of a period, periods. A third of the alarms change their state once in the ten minutes.
#![allow(clippy::print_stdout, reason = "a measurement for people")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base::{Clock, ManualClock, Timestamp};
use shukuba_cloudwatch::alarm::data::NoMath;
use shukuba_cloudwatch::alarm::engine::settings::{Comparison, Kind, Metric, StatText, Watched};
use shukuba_cloudwatch::alarm::{Alarms, Metrics, Settings, TABLES};
use shukuba_cloudwatch::metric::{
    Found, Identity, Listing, Point, Read, Summaries, Summary, Unit, Unreadable, Wanted,
};
use shukuba_cloudwatch::ops::Place;
use store::tables::Tables;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const MINUTES: u64 = 10;

/// A value each minute; that of every third metric rises after five minutes.
#[derive(Debug)]
struct Memory(Timestamp);

impl Memory {
    fn value(&self, name: &str, at: Timestamp) -> f64 {
        let rises = name.bytes().map(u32::from).sum::<u32>().is_multiple_of(3);
        if rises && at.since(self.0) > Duration::from_secs(300) {
            90.0
        } else {
            10.0
        }
    }

    fn moments(wanted: &Wanted<'_>) -> impl Iterator<Item = Timestamp> {
        let (from, to) = (wanted.from.as_secs(), wanted.to.as_secs());
        let step = wanted.period_secs as usize;
        (from..to).step_by(step).map(Timestamp::from_secs)
    }
}

impl Read for Memory {
    fn series(&self, wanted: &Wanted<'_>) -> std::result::Result<Found, Unreadable> {
        let points = Self::moments(wanted).map(|at| Point {
            at,
            value: self.value(&wanted.identity.name, at),
            samples: 1.0,
        });
        Ok(Found {
            points: points.collect(),
            units: vec![Unit::Percent],
        })
    }

    fn summaries(&self, wanted: &Wanted<'_>) -> std::result::Result<Vec<Summaries>, Unreadable> {
        let name = &wanted.identity.name;
        let periods = Self::moments(wanted).map(|at| (at, Summary::of(self.value(name, at))));
        Ok(vec![Summaries {
            unit: Unit::Percent,
            periods: periods.collect(),
        }])
    }

    fn list(&self, _: &Listing<'_>) -> Vec<Arc<Identity>> {
        Vec::new()
    }
}

fn alarm(index: usize, period_secs: u32, periods: u32) -> Settings {
    Settings {
        name: format!("host-{index}-CPUUtilization"),
        description: None,
        actions_enabled: true,
        ok_actions: vec![],
        alarm_actions: vec!["arn:aws:sns:eu-west-1:123456789012:ops".to_owned()],
        insufficient_data_actions: vec![],
        kind: Kind::Metric(Metric {
            watched: Watched::One {
                stat: StatText {
                    namespace: "AWS/EC2".to_owned(),
                    metric: format!("CPU{index}"),
                    dimensions: vec![("InstanceId".to_owned(), format!("i-{index}"))],
                    statistic: "Average".to_owned(),
                    period_secs,
                    unit: None,
                },
                is_extended: false,
            },
            comparison: Comparison::GreaterThanThreshold,
            threshold: 50.0.into(),
            evaluation_periods: periods,
            datapoints_to_alarm: None,
            treatment: None,
            low_samples: None,
        }),
    }
}

/// CPU time of this process, all its threads.
fn cpu() -> Result<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace();
    // utime and stime, in hundredths of a second on Linux.
    let ticks: u64 = fields
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<u64>().ok())
        .sum();
    Ok(Duration::from_millis(ticks * 10))
}

fn main() -> Result<()> {
    let mut arguments = std::env::args()
        .skip(1)
        .filter_map(|text| text.parse::<u32>().ok());
    let count = arguments.next().unwrap_or(5000) as usize;
    let (period_secs, periods) = (
        arguments.next().unwrap_or(60),
        arguments.next().unwrap_or(3),
    );
    let start = Timestamp::from_secs(1_795_410_000);
    let dir = std::env::temp_dir().join(format!("shukuba-alarms-{}", std::process::id()));
    let tables = Arc::new(Tables::open(&dir, TABLES)?);
    let clock = Arc::new(ManualClock::at(start));
    let data = Arc::new(Metrics::new(Arc::new(Memory(start)), Arc::new(NoMath)));
    let place = Place {
        region: "eu-west-1".parse()?,
        account: "123456789012".parse()?,
    };
    let shown: Arc<dyn Clock> = Arc::clone(&clock) as _;
    let alarms = Alarms::open(tables, place, shown, data)?;
    alarms.change(|draft| {
        (0..count)
            .try_for_each(|index| draft.put(alarm(index, period_secs, periods), BTreeMap::new()))
    })?;
    alarms.evaluate_due_blocking(clock.now())?;
    println!(
        "{count} alarms of {periods} x {period_secs} s; minute, evaluated, changed, CPU ms, of one core"
    );
    for minute in 1..=MINUTES {
        let before = cpu()?;
        let (mut evaluated, mut changed) = (0, 0);
        for _ in 0..60 {
            clock.advance(Duration::from_secs(1));
            let ticked = alarms.evaluate_due_blocking(clock.now())?;
            evaluated += ticked.evaluated;
            changed += ticked.changed;
        }
        let spent = cpu()?.saturating_sub(before).as_secs_f64();
        println!(
            "{minute:>2} {evaluated:>6} {changed:>5} {:>5.0} {:>6.2} %",
            spent * 1000.0,
            spent / 0.6
        );
    }
    drop(alarms);
    std::fs::remove_dir_all(dir)?;
    Ok(())
}
