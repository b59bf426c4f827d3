//! The store against a list of everything that was put, with kills, power losses, full disks, late data, seals and
//! roll-ups, from seeds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base::{Clock, ManualClock, Timestamp};
use store::Tables;
use store::disk::SimDisk;

use super::*;
use crate::metric::{Detail, Dimension, Listing, Read, Statistic, Summary, Unit, Wanted};

const DAY: u64 = 86_400;
const UNITS: [Unit; 2] = [Unit::Count, Unit::Percent];
const METRICS: u64 = 40;

fn retention() -> Retention {
    Retention {
        seconds: Duration::from_secs(3 * 3600),
        minutes: Duration::from_secs(2 * DAY),
        fives: Duration::from_secs(4 * DAY),
        hours: Duration::from_secs(10 * DAY),
    }
}

/// What was put, as it was put, and when it came.
struct Known {
    metric: u64,
    unit: Unit,
    secs: u64,
    is_fine: bool,
    summary: Summary,
    came: u64,
}

struct World {
    random: u64,
    clock: Arc<ManualClock>,
    disk: SimDisk,
    tables: Arc<Tables>,
    store: Option<Store>,
    known: Vec<Known>,
    steps: Vec<String>,
    _dir: tempfile::TempDir,
}

fn identity(metric: u64) -> Identity {
    let dimensions = match metric % 3 {
        0 => Vec::new(),
        _ => vec![Dimension::new("host", &format!("h{}", metric % 7))],
    };
    Identity::new(
        &format!("NS{}", metric % 2),
        &format!("m{metric}"),
        dimensions,
    )
}

impl World {
    fn new(seed: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tables = Arc::new(Tables::open(dir.path(), TABLES).unwrap());
        let start = Timestamp::from_secs(1_790_000_000 + seed * 7777);
        let mut world = Self {
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            clock: Arc::new(ManualClock::at(start)),
            disk: SimDisk::new(seed, 1 << 40),
            tables,
            store: None,
            known: Vec::new(),
            steps: Vec::new(),
            _dir: dir,
        };
        world.open();
        world
    }

    fn below(&mut self, most: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) % most
    }

    fn open(&mut self) {
        let settings = Settings {
            retention: retention(),
            ..Settings::default()
        };
        let log = Arc::new(self.disk.clone());
        let (store, recovered) =
            Store::open(self.tables.clone(), log, self.clock.clone(), settings).unwrap();
        assert_eq!(
            (recovered.skipped, recovered.unknown),
            (0, 0),
            "{:#?}",
            self.steps
        );
        self.store = Some(store);
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    /// Something happens.
    fn step(&mut self) {
        let now = self.clock.now().as_secs();
        let what = self.below(100);
        self.steps.push(format!("{now}: {what}"));
        match what {
            0..55 => self.put(),
            55..75 => {
                let secs = self.below(600);
                self.clock.advance(Duration::from_secs(secs));
            }
            75..78 => {
                let secs = self.below(4 * 3600);
                self.clock.advance(Duration::from_secs(secs));
            }
            78 => {
                let secs = self.below(2 * DAY);
                self.clock.advance(Duration::from_secs(secs));
            }
            79..88 => {
                self.store().upkeep().unwrap();
            }
            88..90 => self.store().sync().unwrap(),
            90..92 => self.kill(),
            92 => {
                // The process ends between two steps of a seal.
                if let Some(begun) = self.begin() {
                    self.store().commit(begun, self.clock.now()).unwrap();
                }
                self.kill();
            }
            93 => {
                self.begin();
                self.check();
                self.kill();
            }
            94 => {
                // What is in the tables and set aside still counts once.
                if let Some(begun) = self.begin() {
                    self.put();
                    let begun = self.store().commit(begun, self.clock.now()).unwrap();
                    self.check();
                    self.store().finish(begun).unwrap();
                }
            }
            95 => {
                self.store().sync().unwrap();
                self.store = None;
                self.disk.crash();
                self.open();
            }
            96 => {
                self.disk.set_size(0);
                self.put();
                self.disk.set_size(1 << 40);
            }
            97 => {
                let left = self.below(6);
                self.disk.stop_after(left);
                self.put();
                self.put();
                // Removing segments may fail.
                let _ = self.store().upkeep();
                self.kill();
            }
            98 => {
                self.store().close().unwrap();
                assert_eq!(self.store().open_points(), 0);
                self.kill();
            }
            _ => self.check(),
        }
    }

    fn begin(&mut self) -> Option<seal::Begun> {
        let hours: Vec<u32> = {
            let core = self.store().core.lock();
            core.heads.open.keys().copied().collect()
        };
        let pick = self.below(hours.len().max(1) as u64) as usize;
        self.store().begin(*hours.get(pick)?)
    }

    fn kill(&mut self) {
        self.store = None;
        self.disk.restart();
        self.open();
    }

    fn put(&mut self) {
        let count = 1 + self.below(6);
        let data: Vec<(u64, Datum)> = (0..count).map(|_| self.datum()).collect();
        let put: Vec<Datum> = data.iter().map(|(_, datum)| datum.clone()).collect();
        if self.store().put(&put).is_err() {
            return;
        }
        let came = self.clock.now().as_secs();
        for (metric, datum) in data {
            self.known.push(Known {
                metric,
                unit: datum.unit,
                secs: datum.at.as_secs(),
                is_fine: datum.resolution == Resolution::Second,
                summary: datum.sample.summary(Detail::ANSWER),
                came,
            });
        }
    }

    fn datum(&mut self) -> (u64, Datum) {
        let metric = self.below(METRICS);
        let now = self.clock.now();
        let back = |secs: u64| now.minus(Duration::from_secs(secs));
        let at = match self.below(20) {
            0..14 => back(self.below(180)),
            14..17 => back(self.below(3 * 3600)),
            17 | 18 => back(self.below(DAY)),
            _ => now.plus(Duration::from_secs(self.below(7200))),
        };
        let resolution = match metric % 5 {
            0 => Resolution::Second,
            _ => Resolution::Minute,
        };
        // Few and exact in binary: sums and distributions do not depend on the order.
        let value = |world: &mut Self| world.below(8) as f64 / 4.0;
        let sample = match self.below(20) {
            0..12 => Sample::Value(value(self)),
            12 => Sample::Value(-value(self) + 0.0),
            13..17 => {
                let count = 1 + self.below(4);
                let pairs = (0..count).map(|_| (value(self), 1.0 + self.below(3) as f64));
                Sample::Values(pairs.collect())
            }
            17 => Sample::Set {
                count: 3.0,
                sum: 4.0,
                min: 0.5,
                max: 2.0,
            },
            _ => Sample::Set {
                count: 2.0,
                sum: 1.0,
                min: 0.5,
                max: 0.5,
            },
        };
        let unit = UNITS[self.below(8) as usize / 7];
        let datum = Datum {
            identity: identity(metric),
            unit,
            at,
            resolution,
            sample,
        };
        (metric, datum)
    }

    /// Everything that can be asked is as the list says.
    fn check(&self) {
        let now = self.clock.now().as_secs();
        let retention = retention();
        for (period, kept) in [
            (1, retention.seconds),
            (60, retention.minutes),
            (300, retention.fives),
            (3600, retention.hours),
            (DAY, retention.hours),
        ] {
            let from = (now - kept.as_secs()).div_ceil(period) * period;
            for metric in 0..METRICS {
                self.check_metric(metric, period, from, now + 7201);
            }
        }
        self.check_list(now - now % 3600);
    }

    fn check_metric(&self, metric: u64, period: u64, from: u64, to: u64) {
        let mut expected: BTreeMap<Unit, BTreeMap<u64, Summary>> = BTreeMap::new();
        for known in &self.known {
            let is_asked = known.metric == metric
                && (from..to).contains(&known.secs)
                && (period >= 60 || known.is_fine);
            if !is_asked {
                continue;
            }
            let at = known.secs / period * period;
            let of_unit = expected.entry(known.unit).or_default();
            match of_unit.get_mut(&at) {
                None => {
                    of_unit.insert(at, known.summary.clone());
                }
                Some(all) => all.merge(&known.summary, Detail::ANSWER),
            }
        }
        let identity = identity(metric);
        let wanted = Wanted {
            identity: &identity,
            unit: None,
            statistic: Statistic::Sum,
            period_secs: period as u32,
            from: Timestamp::from_secs(from),
            to: Timestamp::from_secs(to),
        };
        let found = self
            .store()
            .summaries(&wanted)
            .unwrap()
            .into_iter()
            .map(|of_unit| {
                let periods = of_unit.periods.into_iter();
                (
                    of_unit.unit,
                    periods.map(|(at, it)| (at.as_secs(), it)).collect(),
                )
            });
        let found: BTreeMap<Unit, BTreeMap<u64, Summary>> = found.collect();
        assert_eq!(
            found, expected,
            "metric {metric} by {period} from {from}: {:#?}",
            self.steps
        );
    }

    fn check_list(&self, since: u64) {
        let active = |metric: &u64| {
            let mut known = self.known.iter();
            known.any(|it| it.metric == *metric && it.came >= since)
        };
        let mut expected: Vec<_> = (0..METRICS).filter(active).map(identity).collect();
        expected.sort();
        let listing = Listing {
            since: Some(Timestamp::from_secs(since)),
            ..Listing::default()
        };
        let found: Vec<Identity> = self
            .store()
            .list(&listing)
            .iter()
            .map(|it| (**it).clone())
            .collect();
        assert_eq!(found, expected, "since {since}: {:#?}", self.steps);
    }
}

fn run(seed: u64, steps: usize) {
    let mut world = World::new(seed);
    for _ in 0..steps {
        world.step();
    }
    world.check();
    world.kill();
    world.check();
}

#[test]
fn every_datum_counts_once_whatever_happens() {
    for seed in 0..8 {
        run(seed, 250);
    }
}
