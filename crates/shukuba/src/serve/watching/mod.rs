//! The watch: hosts, metrics, alarms, dashboards, checks and notices, over one set of tables of the data directory.
//!
//! - [`own`]: the platform's own metrics
//! - [`joints`]: expressions for alarms, lines for pictures
//! - [`actions`]: what alarms do when they change
//! - [`agent_keys`]: the credentials of agents
//! - [`telling`]: notices on their way into queues
//! - [`tasks`]: what runs beside the calls

mod actions;
mod agent_keys;
mod joints;
mod own;
pub(super) mod tasks;
mod telling;

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use api::Service;
use base::{AccountId, Clock, Region};
use cloudwatch::alarm::{self, Alarms};
use cloudwatch::dashboard::{self, Dashboards};
use cloudwatch::metric::Read;
use cloudwatch::{ops, picture, series};
use ec2::Instances;
use iam::Iam;
use store::disk::RealDisk;
use store::tables::{Table, Tables};
use watch::check::board::{self, Board};
use watch::notice::router::{self, Router};

use crate::config;

/// Where its tables and the log of metrics lie in the data directory.
pub(crate) const DIR: &str = "watch";

/// All tables.
fn tables() -> Vec<Table> {
    let all = [
        series::TABLES,
        alarm::TABLES,
        dashboard::TABLES,
        ec2::TABLES,
        board::TABLES,
        router::TABLES,
    ];
    all.concat()
}

/// The watch. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Watching {
    pub(super) metrics: Arc<series::Store>,
    pub(super) alarms: Arc<Alarms>,
    pub(super) dashboards: Arc<Dashboards>,
    pub(super) instances: Arc<Instances>,
    pub(super) board: Board,
    pub(super) router: Arc<Router>,
    pub(super) pictures: Arc<dyn picture::Data>,
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
        let tables = Arc::new(Tables::open(&dir.join("tables"), &tables())?);
        let (metrics, recovered) = series::Store::open(
            tables.clone(),
            Arc::new(RealDisk::at(&dir.join("metrics"))?),
            clock.clone(),
            config.metrics.settings(),
        )
        .context("the metrics cannot be opened")?;
        if recovered.skipped > 0 {
            tracing::error!(bytes = recovered.skipped, "a part of the log of metrics cannot be read");
        }
        let metrics = Arc::new(metrics);
        let place = ops::Place {
            region: region.clone(),
            account: account.clone(),
        };
        let read: Arc<dyn Read> = metrics.clone();
        let data = alarm::Metrics::new(read.clone(), Arc::new(joints::Expressions));
        let alarms = Alarms::open(tables.clone(), place.clone(), clock.clone(), Arc::new(data))
            .context("the alarms cannot be opened")?;
        let alarms = Arc::new(alarms.telling(actions::ROUTES));
        let lines = joints::Lines {
            read,
            alarms: alarms.clone(),
            place: place.clone(),
        };
        let instances = Instances::open(
            tables.clone(),
            ec2::Place {
                region: region.clone(),
                account: account.clone(),
            },
            clock.clone(),
            Arc::new(agent_keys::AgentKeys(iam.clone())),
        )
        .context("the inventory cannot be opened")?;
        let router = Router::open(tables.clone(), config.notices.clone(), clock.clone())
            .context("the notices cannot be opened")?;
        Ok(Self {
            dashboards: Arc::new(Dashboards::open(tables.clone(), place.clone(), clock.clone())),
            metrics,
            alarms,
            instances,
            board: Board::new(tables),
            router: Arc::new(router),
            pictures: Arc::new(lines),
            place,
            clock: clock.clone(),
        })
    }

    /// What the door offers of it.
    pub(super) fn services(&self) -> Vec<Arc<dyn Service>> {
        let (place, clock) = (self.place.clone(), self.clock.clone());
        let board_tags = Arc::new(joints::BoardTags(self.dashboards.clone()));
        vec![
            ops::joined(vec![
                ops::metrics::service(self.metrics.clone(), place.clone(), clock.clone()),
                ops::data::service(self.metrics.clone(), place, clock.clone()),
                ops::alarms::service(self.alarms.clone(), board_tags),
                ops::dashboards::service(self.dashboards.clone(), self.pictures.clone(), clock),
            ]),
            ec2::ops::service(self.instances.clone()),
        ]
    }
}
