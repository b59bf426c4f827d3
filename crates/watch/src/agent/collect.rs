//! Writing down what was found and measured, before anybody is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base::{Clock, Timestamp};
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, watch};
use tracing::error;

use super::buffer::Buffer;
use super::protocol::METRICS_MAX;
use super::run::Graphs;
use super::sample::Sampler;
use crate::check::board::Report;
use crate::check::run::Ran;
use crate::check::{Outcome, Status};
use crate::datum::{Datum, Measured};
use crate::keep::Told;

/// Collects until those who find things have ended.
pub(super) struct Collector {
    pub(super) instance: String,
    pub(super) every: Duration,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) sampler: Sampler,
    pub(super) found: mpsc::Receiver<Ran>,
    pub(super) told: mpsc::Receiver<Told>,
    pub(super) results: Arc<Mutex<Buffer>>,
    pub(super) metrics: Arc<Mutex<Buffer>>,
    pub(super) graphs: Graphs,
    /// Rung when a status changed: the server hears it at once.
    pub(super) news: Arc<Notify>,
    /// Whether the host counts as stopped: nothing is measured.
    pub(super) paused: watch::Receiver<bool>,
    /// Metrics that are written down with the next sample.
    pub(super) waiting: Vec<Datum>,
    pub(super) last: BTreeMap<String, Status>,
}

impl Collector {
    pub(super) async fn run(mut self) {
        let mut turns = tokio::time::interval(self.every);
        turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let (mut has_found, mut has_told) = (true, true);
        while has_found || has_told {
            tokio::select! {
                biased;
                ran = self.found.recv(), if has_found => match ran {
                    Some(ran) => self.take(ran).await,
                    None => has_found = false,
                },
                told = self.told.recv(), if has_told => match told {
                    Some(told) => self.take_kept(told).await,
                    None => has_told = false,
                },
                _ = turns.tick() => self = self.sample().await,
            }
        }
        self.write_down().await;
    }

    async fn take(&mut self, ran: Ran) {
        let Ran {
            check,
            id,
            at,
            took_ms,
            mut outcome,
        } = ran;
        self.measured(std::mem::take(&mut outcome.metrics), at);
        // A run that measured nothing says nothing of its graphs either.
        if !outcome.graphs.is_empty() {
            let graphs = std::mem::take(&mut outcome.graphs);
            self.graphs.lock().insert(check.clone(), graphs);
        }
        self.result(check, id, at, took_ms, outcome).await;
    }

    async fn take_kept(&mut self, told: Told) {
        self.measured(told.metrics, told.at);
        if let Some(outcome) = told.outcome {
            self.result(told.check, base::id::uuid(), told.at, 0, outcome)
                .await;
        }
    }

    async fn result(
        &mut self,
        check: String,
        id: String,
        at: Timestamp,
        took_ms: u64,
        outcome: Outcome,
    ) {
        let is_news = self.last.insert(check.clone(), outcome.status) != Some(outcome.status);
        let results = Arc::clone(&self.results);
        blocking(move || {
            let pushed = results
                .lock()
                .push(|number| Report::of(&check, id, number, at, took_ms, &outcome));
            if let Err(error) = pushed {
                error!(%check, %error, "a result cannot be kept");
            }
        })
        .await;
        if is_news {
            self.news.notify_one();
        }
    }

    fn measured(&mut self, measured: Vec<Measured>, at: Timestamp) {
        if *self.paused.borrow() {
            return;
        }
        let resolution = if self.every < Duration::from_secs(60) {
            1
        } else {
            60
        };
        let data = measured.into_iter();
        self.waiting
            .extend(data.filter_map(|one| one.of(&self.instance, at, resolution)));
    }

    async fn sample(mut self) -> Self {
        if *self.paused.borrow() {
            return self;
        }
        let (clock, every, instance) = (Arc::clone(&self.clock), self.every, self.instance.clone());
        let mut sampler = self.sampler;
        let sampled = tokio::task::spawn_blocking(move || {
            let data = sampler.sample(&instance, &*clock, every);
            (sampler, data)
        });
        match sampled.await {
            Ok((sampler, data)) => {
                self.sampler = sampler;
                self.waiting.extend(data);
            }
            Err(error) => {
                error!(%error, "sampling broke; it begins anew");
                self.sampler = Sampler::new(crate::procfs::Proc::default());
            }
        }
        self.write_down().await;
        self
    }

    async fn write_down(&mut self) {
        let (metrics, mut waiting) = (Arc::clone(&self.metrics), std::mem::take(&mut self.waiting));
        blocking(move || {
            let mut metrics = metrics.lock();
            while !waiting.is_empty() {
                let rest = waiting.split_off(waiting.len().min(METRICS_MAX));
                let batch = std::mem::replace(&mut waiting, rest);
                if let Err(error) = metrics.push(|_| batch) {
                    error!(%error, "metrics cannot be kept");
                }
            }
        })
        .await;
        self.news_of_metrics();
    }

    fn news_of_metrics(&self) {
        if self.every < Duration::from_secs(60) {
            self.news.notify_one();
        }
    }
}

/// Does what may block, and waits for it.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.inspect_err(|error| error!(%error, "work on the agent's folder broke"))
        .ok()
}
