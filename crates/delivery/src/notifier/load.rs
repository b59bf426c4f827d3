//! How busy the thread of a notifier is, by what its runtime counts.

use std::time::Duration;

/// How often it is looked how busy this thread is; chosen: some hundred sends.
const LOAD_EVERY: Duration = Duration::from_millis(50);

/// How much of the time the threads of this runtime work rather than wait.
#[derive(Debug)]
pub(super) struct Load {
    metrics: tokio::runtime::RuntimeMetrics,
    busy: Duration,
    rests: u64,
    looked_at: Duration,
}

impl Load {
    pub(super) fn new(mono: Duration) -> Self {
        let metrics = tokio::runtime::Handle::current().metrics();
        Self {
            busy: busy(&metrics),
            rests: rests(&metrics),
            metrics,
            looked_at: mono,
        }
    }

    /// The share since the last time; `None` when that is not long ago.
    pub(super) fn share(&mut self, mono: Duration) -> Option<f64> {
        let span = mono.saturating_sub(self.looked_at);
        if span < LOAD_EVERY {
            return None;
        }
        let (busy, rests) = (busy(&self.metrics), rests(&self.metrics));
        let worked = busy.saturating_sub(self.busy);
        let has_rested = rests != self.rests;
        (self.busy, self.rests) = (busy, rests);
        self.looked_at = mono;
        if !has_rested {
            // The runtime tells of its work now and then only, and when it rests: it may have told nothing for long.
            return Some(1.0);
        }
        let threads = u32::try_from(self.metrics.num_workers()).unwrap_or(1);
        Some(worked.as_secs_f64() / (span * threads.max(1)).as_secs_f64())
    }
}

fn busy(metrics: &tokio::runtime::RuntimeMetrics) -> Duration {
    (0..metrics.num_workers())
        .map(|worker| metrics.worker_total_busy_duration(worker))
        .sum()
}

fn rests(metrics: &tokio::runtime::RuntimeMetrics) -> u64 {
    (0..metrics.num_workers())
        .map(|worker| metrics.worker_park_count(worker))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_thread_that_never_rests_is_loaded_though_nothing_tells_of_it() {
        let secs = Duration::from_secs;
        let mut load = Load::new(secs(0));
        assert_eq!(load.share(Duration::from_millis(1)), None);
        assert_eq!(load.share(secs(60)), Some(1.0));
        tokio::time::sleep(Duration::from_millis(1)).await;
        let rested = load.share(secs(120)).unwrap();
        assert!(rested < 0.5, "{rested}");
        assert_eq!(load.share(secs(180)), Some(1.0));
    }
}
