//! Which messages of routes still wait, by any of their ids.

use std::sync::Arc;

use delivery::port;
use delivery::travel;
use delivery::why::{InQueues, Waiting, WaitingAs};
use futures_util::future::BoxFuture;
use sqs::{Effort, Found, Queue, Queues, Sought, Standing};

/// The queues that routes have, each with whether it keeps what was given up.
#[derive(Clone, Debug)]
pub(super) struct InRoutes {
    pub(super) queues: Arc<Queues>,
    pub(super) among: Vec<(Arc<Queue>, bool)>,
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
        }
    }

    fn look(&self, sought: &Sought, effort: &mut Effort, messages: &mut Vec<WaitingAs>) {
        for (queue, is_dead) in &self.among {
            // A queue that was deleted meanwhile holds nothing.
            let found = self.queues.find(queue, sought, effort).unwrap_or_default();
            messages.extend(
                found
                    .into_iter()
                    .map(|one| as_waiting(one, queue, *is_dead)),
            );
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

fn as_waiting(found: Found, queue: &Queue, is_dead: bool) -> WaitingAs {
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
        queue: queue.name().to_owned(),
        state: if is_dead { "dead" } else { state }.to_owned(),
        until: until.map(base::Timestamp::rfc3339),
    }
}
