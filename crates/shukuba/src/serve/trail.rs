//! The trail of calls: opened, told of every call, and what runs for it.

use std::path::Path;
use std::sync::Arc;

use api::{Recorder, Service};
use base::{AccountId, Clock, MetricSink, Region};
use cloudtrail::bucket::Buckets;
use cloudtrail::record::Place;
use cloudtrail::recorder::TrailRecorder;
use cloudtrail::{Parts, Trails};
use store::Use;
use store::disk::RealDisk;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::account;
use crate::config;

/// Where records lie in the data directory.
pub(crate) const DIR: &str = "trail";

/// The trail and the buckets that it delivers into. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Trail {
    pub(super) trails: Arc<Trails>,
    pub(super) buckets: Arc<dyn Buckets>,
    /// Without a server there are no buckets to be read.
    pub(super) to: Use,
}

impl Trail {
    /// Opens the trail of the data directory `dir`.
    pub(super) fn open(
        (dir, to): (&Path, Use),
        buckets: Arc<dyn Buckets>,
        settings: &config::Trail,
        (account, region): (&AccountId, &Region),
        clock: &Arc<dyn Clock>,
        metrics: Arc<dyn MetricSink>,
    ) -> anyhow::Result<Self> {
        let trails = Trails::open(Parts {
            place: Place {
                account: account.clone(),
                region: region.clone(),
            },
            disk: Arc::new(RealDisk::at(&dir.join(DIR))?),
            master: Arc::new(account::master(dir)?),
            clock: clock.clone(),
            metrics,
            options: settings.options(),
        })?;
        Ok(Self {
            trails,
            buckets,
            to,
        })
    }

    /// Its operations.
    pub(super) fn service(&self) -> Arc<dyn Service> {
        cloudtrail::ops::service(self.trails.clone(), self.buckets.clone())
    }

    /// Keeps every call, and tells `then`.
    pub(super) fn recorder(&self, then: Arc<dyn Recorder>) -> Arc<dyn Recorder> {
        Arc::new(TrailRecorder::new(self.trails.clone(), then))
    }

    /// Starts what runs beside the calls.
    pub(super) fn begin(&self, tasks: &mut JoinSet<()>, stop: &watch::Receiver<bool>) {
        tasks.spawn(self.trails.clone().keep_up(stop.clone()));
        let deliver = self
            .trails
            .clone()
            .deliver(self.buckets.clone(), stop.clone());
        tasks.spawn(deliver);
    }

    /// The last calls, which came after the tasks had ended, survive a power loss too.
    pub(super) async fn end(&self) {
        let trails = self.trails.clone();
        let synced = tokio::task::spawn_blocking(move || trails.sync()).await;
        match synced {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the trail is not synced"),
            Err(error) => tracing::error!(%error, "the trail is not synced"),
        }
    }
}
