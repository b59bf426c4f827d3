//! `dead-*`: what was given up, and what is to become of it; over any dead queue.

use std::time::Duration;

use base::{Clock, Timestamp};
use delivery::dead::{self, Bounds, DeadQueue, Done, Filter, Letter};
use serde::{Deserialize, Serialize};

use super::{Answer, at_most, failed, write};

/// What is asked, or to be done.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Input {
    pub(crate) route: Option<String>,
    pub(crate) ids: Vec<String>,
    pub(crate) destination: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) from_ms: Option<u64>,
    pub(crate) to_ms: Option<u64>,
    /// With `dead-list`: at most so many.
    pub(crate) max: Option<usize>,
    /// With `dead-retry`: at most so many a second; 0: as fast as it goes.
    pub(crate) rate: u32,
    /// With `dead-retry` of stored results: where they go in place of the route's queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) queue: Option<String>,
    /// With `dead-retry` and `dead-drop`: when the command began, as the first answer said; what died later is left alone.
    pub(crate) began_ms: Option<u64>,
}

/// A letter with its route.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    pub(crate) route: String,
    #[serde(flatten)]
    pub(crate) letter: Letter,
}

impl Input {
    fn filter(&self) -> Filter {
        Filter {
            ids: self.ids.clone(),
            destination: self.destination.clone(),
            reason: self.reason.clone(),
            from: self.from_ms.map(Timestamp::from_millis),
            to: self.to_ms.map(Timestamp::from_millis),
        }
    }

    /// Whether no letter of the route is left out.
    pub(crate) fn is_of_all(&self) -> bool {
        self.filter() == Filter::default()
    }

    /// How many letters may be listed.
    pub(crate) fn most(&self) -> Result<usize, api::Fault> {
        at_most(self.max, 100)
    }

    /// The letters that are asked for, `most` of them.
    pub(crate) async fn letters(
        &self,
        queue: &dyn DeadQueue,
        most: usize,
    ) -> Result<Vec<Letter>, api::Fault> {
        let letters = dead::list(queue, &self.filter(), most).await;
        letters.map_err(|error| failed("the dead letters cannot be read", &error))
    }

    async fn bounds(&self, clock: &dyn Clock, within: Duration) -> Bounds {
        let began = match self.began_ms {
            Some(at) => Timestamp::from_millis(at),
            None => {
                // Times of death are in milliseconds: what died just now shall have died before.
                tokio::time::sleep(Duration::from_millis(2)).await;
                clock.now()
            }
        };
        Bounds {
            began,
            rate: self.rate,
            within,
        }
    }
}

/// A call on a dead queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    List,
    Count,
    Retry,
    Drop,
}

impl Ask {
    /// The call of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "dead-list" => Self::List,
            "dead-count" => Self::Count,
            "dead-retry" => Self::Retry,
            "dead-drop" => Self::Drop,
            _ => return None,
        })
    }

    /// Does it; one call sends or drops for as long as `within`, then the caller calls again.
    pub(crate) async fn answer(
        self,
        queue: &dyn DeadQueue,
        input: &Input,
        clock: &dyn Clock,
        within: Duration,
    ) -> Answer {
        let most = input.most()?;
        let filter = input.filter();
        match self {
            Self::List => write(&input.letters(queue, most).await?),
            Self::Count => {
                let count = dead::count(queue, &filter).await;
                let count =
                    count.map_err(|error| failed("the dead letters cannot be counted", &error))?;
                write(&count)
            }
            Self::Retry => {
                let bounds = input.bounds(clock, within).await;
                let done = dead::retry(queue, &filter, bounds).await;
                let done = done
                    .map_err(|error| failed("not all dead letters could be sent again", &error))?;
                write(&went(done, bounds))
            }
            Self::Drop => {
                let bounds = input.bounds(clock, within).await;
                let done = dead::drop_letters(queue, &filter, bounds).await;
                let done =
                    done.map_err(|error| failed("not all dead letters could be dropped", &error))?;
                write(&went(done, bounds))
            }
        }
    }
}

fn went(done: Done, bounds: Bounds) -> serde_json::Value {
    serde_json::json!({
        "count": done.count, "more": done.more, "began_ms": bounds.began.as_millis(),
    })
}
