//! Which messages of routes still wait, by any of their ids.

use std::sync::Arc;

use delivery::ledger::Pause;
use delivery::port;
use delivery::travel;
use delivery::why::{InQueues, Waiting, WaitingAs};
use futures_util::future::BoxFuture;
use sqs::{Effort, Found, Queue, Queues, Sought, Standing};

/// The queues that routes have.
#[derive(Clone, Debug)]
pub(super) struct InRoutes {
    pub(super) queues: Arc<Queues>,
    pub(super) among: Vec<Among>,
    /// What rests.
    pub(super) rests: Vec<Pause>,
}

/// A queue of a route.
#[derive(Clone, Debug)]
pub(super) struct Among {
    pub(super) route: Arc<str>,
    pub(super) queue: Arc<Queue>,
    /// Whether it keeps what was given up.
    pub(super) is_dead: bool,
}

impl Waiting for InRoutes {
    fn waiting<'a>(&'a self, ids: &'a [String]) -> BoxFuture<'a, Result<InQueues, port::Error>> {
        let (routes, ids) = (self.clone(), ids.to_vec());
        Box::pin(async move {
            let search =
                tokio::task::spawn_blocking(move || routes.search(&ids, Effort::default()));
            let stopped = |error| port::Error::unavailable("the queues", error);
            search.await.map_err(stopped)
        })
    }

    fn knows_dead(&self) -> bool {
        true
    }
}

impl InRoutes {
    /// Message ids first, which cost little; entries are read only for the ids that are none.
    fn search(&self, ids: &[String], mut effort: Effort) -> InQueues {
        let mut messages = Vec::new();
        let by_id = Sought::messages(ids.iter().map(|id| base_of(id)));
        self.look(&by_id, &mut effort, &mut messages);
        let is_known = |id: &str| messages.iter().any(|known: &WaitingAs| known.asked == id);
        let rest: Vec<&str> = ids
            .iter()
            .map(String::as_str)
            .filter(|id| !is_known(base_of(id)))
            .collect();
        if !rest.is_empty() {
            let mut left = Effort {
                messages: Effort::default().messages,
                ..effort
            };
            let by_name = Sought::named(travel::ID, rest).telling(travel::RETRY);
            self.look(&by_name, &mut left, &mut messages);
            effort.is_spent |= left.is_spent;
        }
        InQueues {
            messages,
            is_cut: effort.is_spent,
            rests: self.rests.clone(),
        }
    }

    fn look(&self, sought: &Sought, effort: &mut Effort, messages: &mut Vec<WaitingAs>) {
        for place in &self.among {
            // A queue that was deleted meanwhile holds nothing.
            let found = self.queues.find(&place.queue, sought, effort);
            let found = found.unwrap_or_default().into_iter();
            messages.extend(found.map(|one| as_waiting(one, place)));
        }
    }
}

/// The id of the message in `MESSAGE/n`.
fn base_of(id: &str) -> &str {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match id.rsplit_once('/') {
        Some((base, line)) if is_number(line) => base,
        _ => id,
    }
}

fn as_waiting(found: Found, place: &Among) -> WaitingAs {
    let (state, until) = match found.standing {
        Standing::Waiting => ("waiting", None),
        Standing::Delayed(until) => ("delayed", Some(until)),
        Standing::RetryWait(until) => ("retry-wait", Some(until)),
        Standing::InFlight(until) => ("in-flight", Some(until)),
    };
    let retry = found.told.as_deref().map(travel::Retry::parse);
    WaitingAs {
        lines: retry.unwrap_or_default().lines,
        asked: found.sought,
        message_id: found.message_id,
        queue: place.queue.name().to_owned(),
        route: place.route.to_string(),
        state: if place.is_dead { "dead" } else { state }.to_owned(),
        until: until.map(base::Timestamp::rfc3339),
    }
}
