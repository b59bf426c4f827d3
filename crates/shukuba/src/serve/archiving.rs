//! The archive while serving: rounds of storing what is durable, how far it is, and what stands in its way.
//!
//! Nothing waits for it, and it waits for nobody: an archive that is away makes the lag grow, and is caught up with.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base::{AccountId, Clock, Timestamp};
use cloudwatch::metric::Unit;
use cloudwatch::series::Datum;
use gateway::metrics::GaugeWriter;
use parking_lot::Mutex;
use serde::Serialize;
use sqs::Queues;
use store::archive;
use tokio::sync::watch;

use super::watching::own;
use crate::archive::worker::{Owner, Step};
use crate::archive::{Place, Worker, place};
use crate::config::archive::Archive as Settings;

/// The longest rest after failures. Chosen: an outage of minutes is over for the archive within half a minute more.
const REST_MAX: Duration = Duration::from_secs(30);

/// How long an end waits for the last of it. Chosen: as long as one call may take.
const FINISH_MAX: Duration = Duration::from_secs(20);

/// The archive of one server.
#[derive(Debug)]
pub(super) struct Archiving {
    settings: Settings,
    url: String,
    owner: Owner,
    queues: Arc<Queues>,
    clock: Arc<dyn Clock>,
    started: Timestamp,
    worker: tokio::sync::Mutex<Option<Worker>>,
    stand: Mutex<Stand>,
}

#[derive(Debug, Default)]
struct Stand {
    generation: Option<String>,
    /// Where what is to be stored begins.
    next: u64,
    /// All that became durable before is stored.
    covered: Option<Timestamp>,
    base_at: Option<Timestamp>,
    failing: Option<Failing>,
}

#[derive(Clone, Debug)]
struct Failing {
    since: Duration,
    error: String,
}

/// How the archive stands, for `status`.
#[derive(Debug, Serialize)]
pub(super) struct Standing {
    url: String,
    generation: Option<String>,
    /// Everything that became durable before is there; none: nothing yet.
    archived_to: Option<String>,
    /// What is durable here and not there.
    lag_bytes: u64,
    lag_secs: u64,
    /// When the newest snapshot was taken; none: nothing could be restored yet.
    snapshot_at: Option<String>,
    /// For how many seconds nothing could be stored; 0 and no error while it can.
    failing_secs: u64,
    error: Option<String>,
}

impl Archiving {
    /// The archive that the settings name.
    pub(super) fn of(
        settings: &Settings,
        dir: &Path,
        account: &AccountId,
        queues: &Arc<Queues>,
        clock: &Arc<dyn Clock>,
    ) -> Option<Arc<Self>> {
        let url = settings.url.clone()?;
        Some(Arc::new(Self {
            owner: Owner::of(dir, account),
            url,
            settings: settings.clone(),
            queues: queues.clone(),
            started: clock.now(),
            clock: clock.clone(),
            worker: tokio::sync::Mutex::default(),
            stand: Mutex::default(),
        }))
    }

    /// Stores what is durable each interval, until `stop` says so.
    pub(super) async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        if place::is_on_the_disk_of(&self.url, &self.owner.dir) {
            tracing::warn!(
                url = self.url,
                "the archive lies on the same disk as the data: it is lost with it"
            );
        }
        let mut rest = self.settings.interval.get();
        loop {
            let ended = stop.wait_for(|is_stopping| *is_stopping);
            if tokio::time::timeout(rest, ended).await.is_ok() {
                return;
            }
            let interval = self.settings.interval.get();
            rest = match self.round(&stop).await {
                true => interval,
                // A place that is away is not asked more and more often.
                false => (rest * 2).clamp(interval, REST_MAX.max(interval)),
            };
        }
    }

    /// The last of it, when all else has ended.
    pub(super) async fn finish(&self) {
        let (_keep, never) = watch::channel(false);
        if self.stand.lock().failing.is_none()
            && tokio::time::timeout(FINISH_MAX, self.round(&never))
                .await
                .is_err()
        {
            tracing::debug!("the archive took too long to wait for");
        }
        let lag = self.lag_bytes();
        match lag {
            0 => tracing::info!(url = self.url, "all is archived"),
            _ => tracing::warn!(
                url = self.url,
                lag,
                "ended before all was archived; the next start goes on"
            ),
        }
    }

    /// Stores all that there is; whether that went well.
    async fn round(&self, stop: &watch::Receiver<bool>) -> bool {
        let mut worker = self.worker.lock().await;
        let outcome = self.try_round(&mut worker, stop).await;
        let mut stand = self.stand.lock();
        match outcome {
            Ok(()) => {
                if let Some(failing) = stand.failing.take() {
                    let lasted = self.clock.monotonic().saturating_sub(failing.since);
                    tracing::info!(
                        url = self.url,
                        ?lasted,
                        "the archive is caught up with again"
                    );
                }
                true
            }
            Err(error) => {
                let error = format!("{error:#}");
                let known = stand.failing.as_ref();
                if known.is_none_or(|known| known.error != error) {
                    tracing::error!(
                        url = self.url,
                        error,
                        "nothing is archived; the lag grows, and it is tried again"
                    );
                }
                let since = known.map_or_else(|| self.clock.monotonic(), |known| known.since);
                stand.failing = Some(Failing { since, error });
                false
            }
        }
    }

    async fn try_round(
        &self,
        worker: &mut Option<Worker>,
        stop: &watch::Receiver<bool>,
    ) -> anyhow::Result<()> {
        let mut working = match worker.take() {
            Some(working) => working,
            None => self.open().await?,
        };
        loop {
            let (back, step) = tokio::task::spawn_blocking(move || {
                let step = working.step();
                (working, step)
            })
            .await?;
            working = back;
            self.note(&working);
            let bytes = match step {
                Ok(Step::Stored(bytes)) => bytes,
                Ok(Step::Done) => break,
                Err(error) => {
                    *worker = Some(working);
                    return Err(error);
                }
            };
            if *stop.borrow() {
                break;
            }
            tokio::time::sleep(self.time_of(bytes)).await;
        }
        *worker = Some(working);
        Ok(())
    }

    /// What so many bytes take of the bandwidth.
    fn time_of(&self, bytes: u64) -> Duration {
        let per_second = self.settings.bytes_per_second.0.get().max(1);
        Duration::from_micros(bytes.saturating_mul(1_000_000) / per_second)
    }

    async fn open(&self) -> anyhow::Result<Worker> {
        let objects = Place::open(&self.url).await?;
        let (owner, queues, clock) = (self.owner.clone(), self.queues.clone(), self.clock.clone());
        let settings = self.settings.clone();
        let opened = tokio::task::spawn_blocking(move || {
            Worker::open(owner, queues, clock, objects, &settings)
        });
        let worker = opened.await??;
        self.note(&worker);
        Ok(worker)
    }

    fn note(&self, worker: &Worker) {
        let shipper = worker.shipper();
        let mut stand = self.stand.lock();
        stand.generation = Some(shipper.generation().to_string());
        stand.next = shipper.next();
        stand.covered = worker.covered;
        stand.base_at = shipper.newest_base().map(archive::Base::at);
    }

    fn lag_bytes(&self) -> u64 {
        let next = self.stand.lock().next;
        archive::lag_bytes(self.queues.journal(), next)
    }

    /// For how long the oldest of what is not there has been durable here.
    fn lag(&self, bytes: u64) -> Duration {
        let covered = self.stand.lock().covered.unwrap_or(self.started);
        match bytes {
            0 => Duration::ZERO,
            _ => self.clock.now().since(covered),
        }
    }

    fn failing(&self) -> Option<(Duration, String)> {
        let failing = self.stand.lock().failing.clone()?;
        let lasts = self.clock.monotonic().saturating_sub(failing.since);
        Some((lasts, failing.error))
    }

    /// How it stands.
    pub(super) fn standing(&self) -> Standing {
        let lag_bytes = self.lag_bytes();
        let lag_secs = self.lag(lag_bytes).as_secs();
        let failing = self.failing();
        let stand = self.stand.lock();
        Standing {
            url: self.url.clone(),
            generation: stand.generation.clone(),
            archived_to: stand.covered.map(Timestamp::rfc3339),
            lag_bytes,
            lag_secs,
            snapshot_at: stand.base_at.map(Timestamp::rfc3339),
            failing_secs: failing.as_ref().map_or(0, |(lasts, _)| lasts.as_secs()),
            error: failing.map(|(_, error)| error),
        }
    }

    /// What stands at a moment: lag in bytes, lag, for how long nothing could be stored.
    #[expect(clippy::cast_precision_loss, reason = "bytes of a log, below 2^53")]
    fn figures(&self) -> (f64, f64, f64) {
        let bytes = self.lag_bytes();
        let lag = self.lag(bytes).as_secs_f64();
        let failing = self.failing().map_or(Duration::ZERO, |(lasts, _)| lasts);
        (bytes as f64, lag, failing.as_secs_f64())
    }

    /// As gauges of the process.
    pub(super) fn show(&self, out: &mut GaugeWriter<'_>) {
        let (bytes, lag, failing) = self.figures();
        out.gauge("shukuba_archive_lag_bytes", &[], bytes);
        out.gauge("shukuba_archive_lag_seconds", &[], lag);
        out.gauge("shukuba_archive_failing_seconds", &[], failing);
    }

    /// As metrics that alarms can be set on.
    pub(super) fn data(&self, at: Timestamp) -> Vec<Datum> {
        let (bytes, lag, failing) = self.figures();
        let of = |name, unit, value| own::standing("Shukuba/Archive", name, None, unit, at, value);
        vec![
            of("LagBytes", Unit::Bytes, bytes),
            of("Lag", Unit::Seconds, lag),
            of("Failing", Unit::Seconds, failing),
        ]
    }
}
