//! Results without a journal: a lone notifier stores them itself before it lets messages go (contract 7).
//!
//! One call of [`DirectResults::store`] makes one object per route and hour, durable when it returns. The same outcomes stored
//! again, as after an error, take the same name and replace what was there: nothing is counted twice.

use base::Timestamp;
use sha2::{Digest, Sha256};

use super::name::{ObjectName, Range};
use super::{Error, ObjectBuilder, Results};
use crate::port::Outcome;
use crate::result::{Packed, Writer};

/// Stores the results of one notifier for one route.
#[derive(Debug)]
pub struct DirectResults {
    results: Results,
    route: String,
    writer: Writer,
}

impl DirectResults {
    /// Stores into `results` what `writer` writes for `route`.
    #[must_use]
    pub fn new(results: Results, route: &str, writer: Writer) -> Self {
        Self {
            results,
            route: route.to_owned(),
            writer,
        }
    }

    /// Stores the results of outcomes; `at` is when they are settled. Answers how many there were.
    ///
    /// # Errors
    /// What the store says: nothing may leave the queue then.
    pub async fn store(&self, at: Timestamp, outcomes: &[Outcome]) -> Result<u64, Error> {
        let mut builder = ObjectBuilder::new()?;
        for outcome in outcomes {
            for line in &outcome.lines {
                let packed = self.writer.packed(at, outcome, line);
                if let Some(packed) = Packed::of(&packed) {
                    builder.push(at, packed)?;
                }
            }
        }
        let results = builder.results();
        if results > 0 {
            let (first, name) = name_of(outcomes, at);
            let name = ObjectName::new(&self.route, first.as_secs() / 3600, Range::Named(name));
            self.results.put(&name, builder.finish()?).await?;
        }
        Ok(results)
    }
}

/// A time and a name that the same outcomes always have.
fn name_of(outcomes: &[Outcome], at: Timestamp) -> (Timestamp, String) {
    let mut hash = Sha256::new();
    let mut first = None;
    for outcome in outcomes {
        hash.update(outcome.lease.0.as_bytes());
        hash.update(outcome.receive_count.to_le_bytes());
        let started = outcome
            .lines
            .iter()
            .filter_map(|line| Some(line.attempt.as_ref()?.started));
        first = started.chain(first).min();
    }
    let digest: [u8; 32] = hash.finalize().into();
    let first = first.unwrap_or(at);
    let id = hex::encode(digest.first_chunk::<10>().copied().unwrap_or_default());
    (first, format!("{:013}-{id}", first.as_millis()))
}
