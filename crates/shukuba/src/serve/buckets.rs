//! Objects in buckets: opened with the data directory, offered at the door, kept in order beside it.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use api::RestService;
use base::{AccountId, Clock, Region};
use policy::Document;
use s3::{Limits, Objects};
use store::Use;
use tokio::sync::watch;
use tracing::{error, info};

use super::functions::objects::OwnObjects;
use super::live::Live;
use super::trail_buckets::TrailBuckets;
use crate::config::Config;
use crate::keep::Counts;

/// The folder in the data directory.
pub(crate) const DIR: &str = "objects";

/// The buckets of a server; none where the data directory is only read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buckets(Option<Arc<Objects>>);

impl Buckets {
    pub(super) fn open(
        dir: &Path,
        to: Use,
        config: &Config,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        if to == Use::Read {
            return Ok(Self::default());
        }
        let limits = Limits {
            reserve: config.s3.reserve_bytes.0,
            writes: usize::try_from(config.s3.writes).unwrap_or(usize::MAX),
            ..Limits::default()
        };
        let dir = dir.join(DIR);
        let objects = Objects::open(&dir, clock, limits);
        let objects =
            objects.with_context(|| format!("cannot open the buckets in `{}`", dir.display()))?;
        Ok(Self(Some(objects)))
    }

    /// As the trail puts into them.
    pub(super) fn of_trail(&self) -> Arc<dyn cloudtrail::bucket::Buckets> {
        match &self.0 {
            Some(objects) => Arc::new(TrailBuckets(objects.clone())),
            None => Arc::new(cloudtrail::bucket::Nowhere),
        }
    }

    /// As functions read their packages from them.
    pub(super) fn of_functions(&self) -> Arc<dyn lambda::port::Objects> {
        Arc::new(OwnObjects(self.0.clone()))
    }

    /// The policy of a bucket; `None` where it has none or is not there.
    pub(super) fn policy(&self, bucket: &str) -> anyhow::Result<Option<Arc<Document>>> {
        let objects = self.0.as_ref().context(
            "policies of buckets are known while a server runs: start it, or give the policy with --resource-policy",
        )?;
        Ok(objects.policy(bucket)?)
    }

    /// What the door offers of them.
    pub(super) fn services(
        &self,
        region: &Region,
        account: &AccountId,
    ) -> Vec<Arc<dyn RestService>> {
        let service = |objects: &Arc<Objects>| {
            let service = s3::Service::new(objects.clone(), region.clone(), account.clone());
            Arc::new(service) as Arc<dyn RestService>
        };
        self.0.iter().map(service).collect()
    }

    /// Copies all buckets into `to`, while they are used. Blocks.
    pub(crate) fn backup(&self, to: &Path) -> anyhow::Result<Counts> {
        let objects = self.0.as_ref().context("the buckets are not open")?;
        let copied = objects.backup(to).context("cannot copy the buckets")?;
        Ok(Counts {
            files: copied.files,
            bytes: copied.bytes,
        })
    }

    /// Deletes the files of what was deleted, and what is too old, until `stop` says so.
    pub(super) async fn keep(self, live: Arc<Live>, mut stop: watch::Receiver<bool>) {
        let Some(objects) = self.0 else {
            return;
        };
        let work = async {
            tokio::join!(objects.clone().reap(), expire(objects.clone(), live));
        };
        tokio::select! {
            () = work => {}
            _ = stop.wait_for(|is_stopping| *is_stopping) => {}
        }
    }
}

async fn expire(objects: Arc<Objects>, live: Arc<Live>) {
    loop {
        tokio::time::sleep(live.now().config.s3.lifecycle_interval.get()).await;
        match objects.expire().await {
            Ok(expired) if expired == s3::objects::Expired::default() => {}
            Ok(expired) => info!(
                objects = expired.objects,
                uploads = expired.uploads,
                "lifecycle: what was too old is gone"
            ),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                error!(error, "lifecycle: the buckets could not be looked through");
            }
        }
    }
}
