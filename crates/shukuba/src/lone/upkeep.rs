//! The folder that a lone notifier stores into, kept while it works: compaction and ageing, by whichever of several comes by
//! when it is due. Buckets are left alone: nothing keeps two machines apart there.
//!
//! It has a thread of its own, so that no send waits for it, and ends with the process: a stop in the middle costs nothing.

use std::time::Duration;

use base::{Clock, SystemClock};
use delivery::results::Results;
use delivery::results::upkeep::KeptUp;

/// How often it looks whether something is due. Chosen.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// What is kept, and how.
#[derive(Clone, Debug)]
pub(super) struct Upkeep {
    pub(super) results: Results,
    /// As the results of the route are called.
    pub(super) route: String,
    pub(super) every: Duration,
    pub(super) keep: Duration,
}

impl Upkeep {
    /// Begins.
    pub(super) fn start(self) -> std::io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = std::thread::Builder::new().name("upkeep".to_owned());
        thread.spawn(move || runtime.block_on(self.run()))?;
        Ok(())
    }

    async fn run(self) {
        let clock = SystemClock::new();
        loop {
            let done = self
                .results
                .keep_up(&self.route, clock.now(), self.every, self.keep);
            match done.await {
                Ok(Some(done)) if done != KeptUp::default() => tracing::info!(
                    objects = done.compacted.before,
                    made = done.compacted.after,
                    removed = done.removed,
                    "results compacted"
                ),
                Ok(_) => {}
                Err(error) => tracing::error!(%error, "results not compacted"),
            }
            tokio::time::sleep(self.every.min(LOOK_EVERY)).await;
        }
    }
}
