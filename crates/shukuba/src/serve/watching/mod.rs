//! The watch: hosts, metrics, logs, alarms, dashboards, checks and notices, over one set of tables of the data directory.
//!
//! - [`own`]: the platform's own metrics
//! - [`joints`]: alarms for pictures, tags of dashboards
//! - [`actions`]: what alarms do when they change
//! - [`agent_keys`]: the credentials of agents
//! - [`telling`]: notices on their way into queues
//! - [`definitions`]: the checks that agents are given by role
//! - [`batches`]: which metrics of agents came already
//! - [`measured`]: what agents and checks measured
//! - [`tasks`]: what runs beside the calls

mod actions;
mod agent_keys;
mod batches;
mod definitions;
mod joints;
pub(super) mod measured;
pub(super) mod own;
pub(super) mod tasks;
mod telling;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use api::{Intake, Service};
use base::{AccountId, Clock, Region};
use cloudwatch::alarm::{self, Alarms};
use cloudwatch::anomaly::{self, Detectors, Trained};
use cloudwatch::dashboard::{self, Dashboards};
use cloudwatch::metric::Read;
use cloudwatch::{ops, picture, series};
use ec2::Instances;
use gateway::Registry;
use iam::Iam;
use logs::Logs;
use store::disk::RealDisk;
use store::tables::{self, Table, Tables};
use watch::check::board::{self, Board};
use watch::notice::router::{self, Router};

use crate::config;
use batches::Batches;
use definitions::Definitions;

/// Where its tables and the log of metrics lie in the data directory.
pub(crate) const DIR: &str = "watch";
/// The log of metrics, in there.
const METRICS: &str = "metrics";

/// How often agents report: what they are told to do, and that they are gone, is known within a minute. Chosen.
const REPORTS: ec2::engine::state::Rules = ec2::engine::state::Rules {
    every: Duration::from_secs(15),
    every_detailed: Duration::from_secs(10),
    missed: 4,
    outside: ec2::engine::state::OUTSIDE,
};

/// All tables, with those of functions, which lie in the same.
fn all_tables() -> Vec<Table> {
    let all = [
        series::TABLES,
        alarm::TABLES,
        anomaly::TABLES,
        dashboard::TABLES,
        ec2::TABLES,
        board::TABLES,
        router::TABLES,
        logs::TABLES,
        lambda::TABLES,
        delivery::cost::meter::TABLES,
    ];
    all.concat()
}

/// The watch. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Watching {
    dir: PathBuf,
    pub(super) tables: Arc<Tables>,
    pub(super) metrics: Arc<series::Store>,
    pub(super) logs: Arc<Logs>,
    /// The metrics, with how bands over them are learned.
    trained: Arc<dyn Read>,
    detectors: Arc<Detectors>,
    pub(super) alarms: Arc<Alarms>,
    pub(super) dashboards: Arc<Dashboards>,
    pub(super) instances: Arc<Instances>,
    pub(super) board: Board,
    pub(super) router: Arc<Router>,
    /// What was done, for its cost.
    pub(super) meter: Arc<delivery::cost::Meter>,
    pub(super) pictures: Arc<dyn picture::Data>,
    pub(super) definitions: Arc<Definitions>,
    pub(super) batches: Arc<Batches>,
    pub(super) place: ops::Place,
    pub(super) clock: Arc<dyn Clock>,
}

impl Watching {
    /// Opens the watch of the data directory `dir`.
    pub(super) fn open(
        dir: &Path,
        config: &config::Config,
        (account, region): (&AccountId, &Region),
        clock: &Arc<dyn Clock>,
        iam: &Arc<Iam>,
    ) -> anyhow::Result<Self> {
        let dir = dir.join(DIR);
        let tables = Arc::new(Tables::open(&dir.join("tables"), &all_tables())?);
        let (metrics, recovered) = series::Store::open(
            tables.clone(),
            Arc::new(RealDisk::at(&dir.join(METRICS))?),
            clock.clone(),
            config.metrics.settings(),
        )
        .context("the metrics cannot be opened")?;
        if recovered.skipped > 0 {
            tracing::error!(
                bytes = recovered.skipped,
                "a part of the log of metrics cannot be read"
            );
        }
        let metrics = Arc::new(metrics);
        let place = ops::Place {
            region: region.clone(),
            account: account.clone(),
        };
        let detectors = Detectors::open(tables.clone());
        let detectors = Arc::new(detectors.context("the anomaly detectors cannot be opened")?);
        let read: Arc<dyn Read> = Arc::new(Trained::new(metrics.clone(), detectors.clone()));
        let data = alarm::Metrics::new(read.clone(), Arc::new(alarm::Expressions));
        let alarms = Alarms::open(tables.clone(), place.clone(), clock.clone(), Arc::new(data))
            .context("the alarms cannot be opened")?;
        let alarms = Arc::new(alarms.telling(actions::ROUTES));
        let instances = Instances::open_with(
            tables.clone(),
            ec2::Place {
                region: region.clone(),
                account: account.clone(),
            },
            clock.clone(),
            Arc::new(agent_keys::AgentKeys(iam.clone())),
            ec2::engine::state::Rules {
                outside: config.link.outside_range,
                ..REPORTS
            },
        )
        .context("the inventory cannot be opened")?;
        let lines = picture::Computed {
            read: read.clone(),
            alarms: Arc::new(joints::Shown(alarms.clone())),
            hosts: Arc::new(joints::Chosen(instances.clone())),
            place: place.clone(),
        };
        let logs_place = logs::Place {
            account: account.clone(),
            region: region.clone(),
        };
        let bounds = logs::Bounds::default();
        let logs = Logs::open(tables.clone(), logs_place, clock.clone(), bounds)
            .context("the logs cannot be opened")?;
        let router = Router::open(tables.clone(), config.notices.clone(), clock.clone())
            .context("the notices cannot be opened")?;
        Ok(Self {
            dashboards: Arc::new(Dashboards::open(
                tables.clone(),
                place.clone(),
                clock.clone(),
            )),
            metrics,
            logs: Arc::new(logs),
            trained: read,
            detectors,
            alarms,
            instances,
            board: Board::new(tables.clone()),
            meter: Arc::new(delivery::cost::Meter::new(tables.clone())),
            tables,
            dir,
            router: Arc::new(router),
            pictures: Arc::new(lines),
            definitions: Arc::default(),
            batches: Arc::default(),
            place,
            clock: clock.clone(),
        })
    }

    /// Puts what can be put: data that come too late after a long time away, or are wrong, do not hold up the others.
    pub(super) fn put_good(&self, mut data: Vec<series::Datum>) -> Result<(), series::PutError> {
        use series::PutError::{TooEarly, TooLate, Unsound};
        loop {
            match self.metrics.put(&data) {
                Err(TooLate { index } | TooEarly { index } | Unsound { index })
                    if index < data.len() =>
                {
                    data.remove(index);
                }
                other => return other,
            }
        }
    }

    /// The ways by which metrics of others come in.
    pub(super) fn intakes(&self, registry: &Arc<Registry>) -> Vec<Arc<dyn Intake>> {
        let late_max = self.metrics.settings().retention.late_max();
        let intake = cloudwatch::ingest::Intake::new(self.clock.now(), late_max);
        let (place, clock) = (self.place.clone(), self.clock.clone());
        ops::metrics::intakes(self.metrics.clone(), intake, place, clock, registry.clone())
    }

    /// Copies the watch into `to`, while it is used. Blocks.
    ///
    /// The log of metrics first: what leaves it meanwhile is in the tables by then.
    pub(crate) fn backup(&self, to: &Path) -> anyhow::Result<()> {
        self.metrics.sync().context("the metrics are not synced")?;
        crate::keep::copy_files(&self.dir.join(METRICS), &to.join(METRICS))?;
        let all = all_tables();
        tables::copy(&self.tables.view(), &all, &all, &to.join("tables"))
            .context("cannot copy the tables of the watch")
    }

    /// What the door offers of it.
    pub(super) fn services(&self) -> Vec<Arc<dyn Service>> {
        let logs = logs::ops::service(self.logs.clone());
        vec![self.of_metrics(), logs, self.of_hosts()]
    }

    /// CloudWatch's operations.
    pub(super) fn of_metrics(&self) -> Arc<dyn Service> {
        let (place, clock) = (self.place.clone(), self.clock.clone());
        let board_tags = Arc::new(joints::BoardTags(self.dashboards.clone()));
        ops::joined(vec![
            ops::metrics::service(self.metrics.clone(), place.clone(), clock.clone()),
            ops::data::service(self.trained.clone(), place.clone(), clock.clone()),
            ops::anomaly::service(
                self.detectors.clone(),
                self.trained.clone(),
                place,
                clock.clone(),
            ),
            ops::alarms::service(self.alarms.clone(), board_tags),
            ops::dashboards::service(self.dashboards.clone(), self.pictures.clone(), clock),
        ])
    }

    /// EC2's operations.
    pub(super) fn of_hosts(&self) -> Arc<dyn Service> {
        ec2::ops::service(self.instances.clone())
    }
}
