//! What a simulation does not say by itself: refusals, tiers, what is let go, damage.

use std::convert::Infallible;
use std::time::Duration;

use base::ManualClock;
use store::disk::SimDisk;

use super::*;
use crate::metric::{Detail, Distribution, Listing, Read, Statistic, Summary, Unit, Wanted};

const DAY: Duration = Duration::from_secs(86_400);

struct Bench {
    clock: Arc<ManualClock>,
    disk: SimDisk,
    tables: Arc<Tables>,
    store: Store,
    _dir: tempfile::TempDir,
}

impl Bench {
    fn with(settings: Settings) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tables = Arc::new(Tables::open(dir.path(), TABLES).unwrap());
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(20_000 * 86_400)));
        let disk = SimDisk::new(1, 1 << 30);
        let log = Arc::new(disk.clone());
        let (store, _) = Store::open(tables.clone(), log, clock.clone(), settings).unwrap();
        Self {
            clock,
            disk,
            tables,
            store,
            _dir: dir,
        }
    }

    fn new() -> Self {
        Self::with(Settings::default())
    }

    fn put(&self, name: &str, value: f64) {
        self.store.put(&[self.datum(name, value)]).unwrap();
    }

    fn datum(&self, name: &str, value: f64) -> Datum {
        Datum::new(metric(name), Unit::Count, self.clock.now(), value)
    }

    fn after(&self, span: Duration) -> &Self {
        self.clock.advance(span);
        self.store.upkeep().unwrap();
        self
    }

    /// The summaries of a metric by a period, over 500 days.
    fn all(&self, name: &str, period_secs: u32) -> Vec<Summary> {
        let identity = metric(name);
        let wanted = Wanted {
            identity: &identity,
            unit: Some(Unit::Count),
            statistic: Statistic::Sum,
            period_secs,
            from: self.clock.now().minus(DAY * 500),
            to: self.clock.now().plus(DAY),
        };
        let found = self.store.summaries(&wanted).unwrap();
        let periods = found.into_iter().flat_map(|it| it.periods);
        periods.map(|(_, summary)| summary).collect()
    }
}

fn metric(name: &str) -> Identity {
    Identity::new("Test", name, Vec::new())
}

#[test]
fn what_cannot_be_kept_is_refused_and_changes_nothing() {
    let bench = Bench::with(Settings {
        series_max: 1,
        open_points_max: 2,
        ..Settings::default()
    });
    let good = bench.datum("m", 1.0);
    let with = |change: &dyn Fn(&mut Datum)| {
        let mut datum = good.clone();
        change(&mut datum);
        bench.store.put(&[good.clone(), datum]).unwrap_err()
    };
    let now = bench.clock.now();
    let late = with(&|datum| datum.at = now.minus(LATE_MAX).minus(Duration::from_millis(1)));
    assert!(matches!(late, PutError::TooLate { index: 1 }));
    let early = with(&|datum| datum.at = now.plus(EARLY_MAX).plus(Duration::from_millis(1)));
    assert!(matches!(early, PutError::TooEarly { index: 1 }));
    for sample in [
        Sample::Value(f64::NAN),
        Sample::Values(Vec::new()),
        Sample::Values(vec![(1.0, 0.0)]),
        Sample::Set {
            count: 1.0,
            sum: 1.0,
            min: 2.0,
            max: 1.0,
        },
    ] {
        let unsound = with(&|datum| datum.sample = sample.clone());
        assert!(matches!(unsound, PutError::Unsound { index: 1 }));
    }
    let many = with(&|datum| datum.unit = Unit::Percent);
    assert!(matches!(many, PutError::TooManySeries { limit: 1 }));
    assert_eq!(
        (bench.store.series_count(), bench.store.open_points()),
        (0, 0)
    );
    for minute in 0..3 {
        let mut datum = good.clone();
        datum.at = now.minus(Duration::from_secs(minute * 60));
        bench.store.put(&[datum]).unwrap();
    }
    let much = bench.store.put(std::slice::from_ref(&good)).unwrap_err();
    assert!(matches!(much, PutError::TooMuchOpen { points: 3 }));
    // What is too much is sealed early.
    bench.store.upkeep().unwrap();
    bench.store.put(&[good]).unwrap();
}

#[test]
fn a_failed_sync_ends_the_trust_in_the_log() {
    let bench = Bench::new();
    bench.put("m", 1.0);
    bench.disk.stop_after(0);
    assert!(matches!(bench.store.sync(), Err(Error::Poisoned(_))));
    let refused = bench.store.put(&[bench.datum("m", 1.0)]);
    assert!(matches!(refused, Err(PutError::Poisoned(_))));
    assert_eq!(bench.all("m", 60), [Summary::of(1.0)]);
}

#[test]
fn old_points_become_coarser_and_go_in_the_end() {
    let bench = Bench::new();
    let values: Vec<f64> = (1..=60).map(f64::from).collect();
    for value in &values {
        bench.put("m", *value);
        bench.clock.advance(Duration::from_secs(60));
    }
    let counts = |period: u32| {
        let all = bench.all("m", period);
        (all.len(), all.iter().map(|it| it.sum).sum::<f64>())
    };
    assert_eq!(
        (counts(60), counts(300), counts(3600)),
        ((60, 1830.0), (12, 1830.0), (1, 1830.0))
    );
    // The whole day must be 15 days old.
    bench.after(DAY * 15);
    assert_eq!(counts(60), (60, 1830.0));
    bench.after(DAY);
    assert_eq!(
        (counts(60), counts(300), counts(3600)),
        ((0, 0.0), (12, 1830.0), (1, 1830.0))
    );
    let [first, ..] = &bench.all("m", 300)[..] else {
        panic!("nothing is left");
    };
    let exact = (1..=5).map(|value| (f64::from(value), 1.0)).collect();
    assert_eq!(first.distribution, Distribution::Exact(exact));
    bench.after(DAY * 48);
    assert_eq!(
        (counts(60), counts(300), counts(3600)),
        ((0, 0.0), (0, 0.0), (1, 1830.0))
    );
    let [hour] = &bench.all("m", 3600)[..] else {
        panic!("nothing is left");
    };
    let median = hour.statistic("p50".parse().unwrap()).unwrap();
    assert!((median - 30.0).abs() < 30.0 * 0.15, "{median}");
    bench.after(DAY * 392);
    assert_eq!(counts(3600), (0, 0.0));
    assert_eq!(bench.store.series_count(), 1);
    bench.after(DAY * 2);
    assert_eq!(bench.store.series_count(), 0);
    assert_eq!(bench.store.list(&Listing::default()).len(), 0);
    bench.put("m", 1.0);
    assert_eq!(counts(60), (1, 1.0));
}

#[test]
fn seconds_are_kept_for_three_hours_and_are_in_the_minutes() {
    let bench = Bench::new();
    for _ in 0..120 {
        let mut datum = bench.datum("m", 1.0);
        datum.resolution = Resolution::Second;
        bench.store.put(&[datum]).unwrap();
        bench.clock.advance(Duration::from_secs(1));
    }
    let count = |period: u32| bench.all("m", period).len();
    assert_eq!((count(1), count(10), count(60)), (120, 12, 2));
    bench.after(Duration::from_secs(3 * 3600));
    assert_eq!((count(1), count(10), count(60)), (120, 12, 2));
    bench.after(Duration::from_secs(3600));
    assert_eq!((count(1), count(10), count(60)), (0, 0, 2));
}

#[test]
fn many_values_of_a_minute_become_a_sketch_that_stays_small() {
    let bench = Bench::new();
    for value in 0..2000 {
        bench.put("m", f64::from(value));
    }
    bench.after(Duration::from_secs(2 * 3600));
    let [minute] = &bench.all("m", 60)[..] else {
        panic!("not one minute");
    };
    assert_eq!(
        (minute.count, minute.min, minute.max),
        (2000.0, 0.0, 1999.0)
    );
    let p90 = minute.statistic("p90".parse().unwrap()).unwrap();
    assert!((p90 - 1799.0).abs() < 1799.0 * 0.025, "{p90}");
    let view = bench.tables.view();
    let block = view.prefix(keys::POINTS, &[]).next().unwrap().unwrap().1;
    assert!(block.len() < 1200, "{} bytes", block.len());
}

#[test]
fn a_damaged_block_is_left_out_and_replaced() {
    let bench = Bench::new();
    bench.put("m", 1.0);
    bench.put("n", 1.0);
    let hour = bench.clock.now();
    bench.after(Duration::from_secs(2 * 3600));
    let (key, _) = bench
        .tables
        .view()
        .prefix(keys::POINTS, &[])
        .next()
        .unwrap()
        .unwrap();
    let key = key.to_vec();
    let done: Result<(), Infallible> = bench
        .tables
        .change_blocking(move |_, changes| {
            changes.put(keys::POINTS, key, [7; 7]);
            Ok(())
        })
        .unwrap();
    assert!(done.is_ok());
    assert_eq!((bench.all("m", 60).len(), bench.all("n", 60).len()), (0, 1));
    let mut late = bench.datum("m", 2.0);
    late.at = hour;
    bench.store.put(&[late]).unwrap();
    bench.after(Duration::from_secs(600));
    assert_eq!(bench.all("m", 60), [Summary::of(2.0)]);
}

#[test]
fn a_retention_that_cannot_be_kept_is_refused() {
    let bench = Bench::new();
    let settings = Settings {
        retention: Retention {
            minutes: DAY,
            ..Retention::default()
        },
        ..Settings::default()
    };
    let log = Arc::new(SimDisk::new(1, 1 << 20));
    let opened = Store::open(bench.tables.clone(), log, bench.clock.clone(), settings);
    assert!(matches!(opened, Err(Error::Retention(Unusable::Minutes))));
}

#[test]
fn answers_of_extended_statistics_are_exact_for_a_day() {
    let bench = Bench::new();
    let mut all: Option<Summary> = None;
    for value in 1..=1440 {
        bench.put("m", f64::from(value));
        match &mut all {
            None => all = Some(Summary::of(f64::from(value))),
            Some(all) => all.merge(&Summary::of(f64::from(value)), Detail::ANSWER),
        }
        bench.clock.advance(Duration::from_secs(60));
    }
    let [day] = &bench.all("m", 86_400)[..] else {
        panic!("not one day");
    };
    assert_eq!(Some(day), all.as_ref());
    assert_eq!(day.statistic("p99".parse().unwrap()), Some(1426.0));
}
