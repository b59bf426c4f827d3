//! Alarms over data that a test sets, for tests.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base::{ManualClock, Timestamp};
use parking_lot::Mutex;
use store::tables::Tables;

use super::data::{Data, Seen, Unread};
use super::engine::data::Watched;
use super::engine::settings::{Comparison, Kind, Metric, StatText, Watched as WatchedText};
use super::engine::window::window;
use super::{Alarms, Settings, TABLES};
use crate::anomaly::Edges;
use crate::metric::{Point, Query};
use crate::ops::Place;

/// 2026-11-23T05:00:00Z, a Monday.
pub(crate) const START: u64 = 1_795_410_000;

/// Values of metrics by the name of the metric: from a moment on, until the next.
#[derive(Debug, Default)]
pub(crate) struct Values(Mutex<BTreeMap<String, BTreeMap<Timestamp, Option<f64>>>>);

impl Values {
    /// From `at` on the metric has this value each period; none is no data.
    pub(crate) fn set(&self, metric: &str, at: Timestamp, value: Option<f64>) {
        let mut values = self.0.lock();
        values
            .entry(metric.to_owned())
            .or_default()
            .insert(at, value);
    }

    fn at(&self, metric: &str, at: Timestamp) -> Option<f64> {
        let values = self.0.lock();
        let (_, value) = values.get(metric)?.range(..=at).next_back()?;
        *value
    }
}

impl Data for Values {
    fn points(
        &self,
        watched: &Watched,
        period_secs: u32,
        evaluation_periods: u32,
        now: Timestamp,
    ) -> Result<Seen, Unread> {
        let window = window(now, period_secs, evaluation_periods);
        let name = match watched {
            Watched::Metric(stat) => stat.identity.name.clone(),
            Watched::Math(queries) | Watched::Band { queries, .. } => queries[0].id.clone(),
        };
        let mut points = Vec::new();
        let mut at = window.from;
        while at < window.to {
            if let Some(value) = self.at(&name, at) {
                points.push(Point {
                    at,
                    value,
                    samples: 1.0,
                });
            }
            at = at.plus(Duration::from_secs(u64::from(period_secs)));
        }
        // A band from 10 to 20.
        let edge = |point: &Point| {
            let edges = Edges {
                lower: 10.0,
                upper: 20.0,
            };
            (point.at, edges)
        };
        let edges = match watched {
            Watched::Band { .. } => points.iter().map(edge).collect(),
            _ => BTreeMap::new(),
        };
        Ok(Seen {
            points,
            edges,
            window,
        })
    }

    fn check(&self, queries: &[Query], _: Option<&str>) -> Result<(), String> {
        match queries.iter().any(|query| query.id == "wrong") {
            true => Err("Error in expression 'wrong'".to_owned()),
            false => Ok(()),
        }
    }
}

/// Alarms in a directory of their own, with a clock that the test turns.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) alarms: Arc<Alarms>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) values: Arc<Values>,
    dir: tempfile::TempDir,
}

pub(crate) fn place() -> Place {
    Place {
        region: "eu-west-1".parse().unwrap(),
        account: "123456789012".parse().unwrap(),
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(START)));
        let values = Arc::new(Values::default());
        let alarms = open(&dir, &clock, &values);
        Self {
            alarms,
            clock,
            values,
            dir,
        }
    }

    /// The process ends and another begins.
    pub(crate) fn reopen(self) -> Self {
        let Self {
            alarms,
            clock,
            values,
            dir,
        } = self;
        let alarms_gone = Arc::try_unwrap(alarms).is_ok();
        assert!(alarms_gone, "somebody still holds the alarms");
        let alarms = open(&dir, &clock, &values);
        Self {
            alarms,
            clock,
            values,
            dir,
        }
    }

    /// The process is killed: what it has written so far is all that the next one finds.
    pub(crate) fn crash(self) -> Self {
        let copy = tempfile::tempdir().unwrap();
        copy_all(self.dir.path(), copy.path());
        let alarms = open(&copy, &self.clock, &self.values);
        Self {
            alarms,
            clock: Arc::clone(&self.clock),
            values: Arc::clone(&self.values),
            dir: copy,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        use base::Clock;
        self.clock.now()
    }

    /// Lets time pass, second by second, with a round of the schedule in each.
    pub(crate) fn pass(&self, secs: u64) {
        for _ in 0..secs {
            self.clock.advance(Duration::from_secs(1));
            self.alarms.evaluate_due_blocking(self.now()).unwrap();
        }
    }

    pub(crate) fn set(&self, metric: &str, value: Option<f64>) {
        self.values.set(metric, self.now(), value);
    }

    pub(crate) fn put(&self, settings: Settings) {
        self.alarms.put(settings, BTreeMap::new()).unwrap();
    }

    pub(crate) fn state(&self, name: &str) -> String {
        self.alarms.book().alarm(name).unwrap().state().to_string()
    }

    /// `target: old -> new` of all actions that wait.
    pub(crate) fn actions(&self) -> Vec<String> {
        let calls = self.alarms.pending_actions(0, 1000).unwrap();
        calls
            .iter()
            .map(|call| {
                let target = call.target.rsplit(':').next().unwrap();
                format!(
                    "{target}: {} {} -> {}",
                    call.alarm, call.old_state, call.state
                )
            })
            .collect()
    }

    /// Takes all actions away as done.
    pub(crate) fn drain(&self) -> Vec<String> {
        let shown = self.actions();
        for call in self.alarms.pending_actions(0, 1000).unwrap() {
            self.alarms
                .action_done(call.number, &super::Outcome::Done)
                .unwrap();
        }
        shown
    }
}

fn copy_all(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let copy = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_all(&entry.path(), &copy),
            false => {
                std::fs::copy(entry.path(), copy).unwrap();
            }
        }
    }
}

fn open(dir: &tempfile::TempDir, clock: &Arc<ManualClock>, values: &Arc<Values>) -> Arc<Alarms> {
    let tables = Arc::new(Tables::open(dir.path(), TABLES).unwrap());
    let clock = Arc::clone(clock);
    let values = Arc::clone(values);
    Arc::new(Alarms::open(tables, place(), clock, values).unwrap())
}

pub(crate) fn topic(name: &str) -> String {
    format!("arn:aws:sns:eu-west-1:123456789012:{name}")
}

/// An alarm on the metric of its own name above 50, M of N of a minute, with topics for all states.
pub(crate) fn metric_alarm(name: &str, m: u32, n: u32) -> Settings {
    Settings {
        kind: Kind::Metric(Metric {
            watched: WatchedText::One {
                stat: StatText {
                    namespace: "App".to_owned(),
                    metric: name.to_owned(),
                    dimensions: vec![("Host".to_owned(), "h1".to_owned())],
                    statistic: "Average".to_owned(),
                    period_secs: 60,
                    unit: None,
                },
                is_extended: false,
            },
            comparison: Comparison::GreaterThanThreshold,
            threshold: 50.0.into(),
            evaluation_periods: n,
            datapoints_to_alarm: Some(m),
            treatment: None,
            low_samples: None,
        }),
        ..composite(name, "TRUE")
    }
}

/// A composite alarm with topics for all states.
pub(crate) fn composite(name: &str, rule: &str) -> Settings {
    Settings {
        name: name.to_owned(),
        description: None,
        actions_enabled: true,
        ok_actions: vec![topic("ok")],
        alarm_actions: vec![topic("ops")],
        insufficient_data_actions: vec![],
        kind: Kind::Composite(super::engine::settings::Composite {
            rule: rule.to_owned(),
            suppressor: None,
        }),
    }
}
