//! How actions run: a loop over those that wait, through a port of whoever has topics, functions and instances.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::engine::notice::{ActionCall, Outcome};
use super::service::{Alarms, Error};

/// Actions that are read at once. Chosen.
const BATCH: usize = 100;

/// Runs actions.
pub trait Act: Send + Sync + fmt::Debug {
    /// Runs one. It may be asked for again with the same id, after a crash or after [`Outcome::Later`]; what has run must
    /// not run again. It must come to an end by itself.
    fn act(&self, call: ActionCall) -> BoxFuture<'_, Outcome>;
}

impl Alarms {
    /// Runs the actions that wait, in the order in which states changed, and gives how many have ended. One that is to run
    /// later holds back those of its alarm alone.
    ///
    /// # Errors
    /// [`Error`] when tables cannot be read or written.
    pub async fn run_actions(self: &Arc<Self>, act: &dyn Act) -> Result<usize, Error> {
        let mut ended = 0;
        let mut after = 0;
        let mut held: BTreeSet<String> = BTreeSet::new();
        loop {
            let batch = self
                .blocking(move |alarms| alarms.pending_actions(after, BATCH))
                .await?;
            let Some(last) = batch.last() else {
                return Ok(ended);
            };
            after = last.number;
            for call in batch {
                if held.contains(&call.alarm) {
                    continue;
                }
                let number = call.number;
                let alarm = call.alarm.clone();
                match act.act(call).await {
                    Outcome::Later => {
                        held.insert(alarm);
                    }
                    outcome => {
                        self.blocking(move |alarms| alarms.action_done(number, &outcome))
                            .await?;
                        ended += 1;
                    }
                }
            }
        }
    }
}
