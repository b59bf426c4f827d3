//! `why` and `results`: what the stored results tell, and the journal and the queues beside them.

use std::sync::Arc;

use bytes::Bytes;
use sqs::Queue;

use super::{Answer, Desk, read};
use crate::answers::{self, Known};
use crate::serve::waiting::{Among, InRoutes};

/// Queues in a page. Source: ListQueues.
const QUEUES_AT_ONCE: usize = 1000;

pub(super) async fn why(desk: &Desk, input: Bytes) -> Answer {
    let mut input: answers::why::Input = read(&input)?;
    input.route = desk.results_of(input.route)?;
    answers::why::why(&desk.known(), &input).await
}

pub(super) async fn results(desk: &Desk, input: Bytes) -> Answer {
    let mut input: answers::results::Input = read(&input)?;
    input.route = desk.results_of(input.route)?;
    answers::results::list(&desk.known(), &input).await
}

impl Desk {
    pub(super) fn known(&self) -> Known {
        Known {
            results: self.results().clone(),
            log: Some(self.log.clone()),
            waiting: Arc::new(self.waiting()),
            salts: vec![self.salt],
        }
    }

    /// The name of a route's results.
    fn results_of(&self, route: Option<String>) -> Result<Option<String>, api::Fault> {
        let name = |route: String| Ok(self.route(&route)?.results.clone());
        route.map(name).transpose()
    }

    /// The queues of the routes, with those of their dead notifications.
    pub(super) fn waiting(&self) -> InRoutes {
        let routes = self.log.routes.read();
        let both = |is_dead| {
            routes.values().map(move |route| Among {
                route: route.name.clone(),
                queue: if is_dead { &route.dead } else { &route.queue }.clone(),
                is_dead,
                format: route.format.clone(),
            })
        };
        let among: Vec<Among> = both(false).chain(both(true)).collect();
        InRoutes {
            others: self.without_route(&among),
            queues: self.queues.clone(),
            among,
            rests: self.ledger.pauses(),
        }
    }

    /// The queues that are not among those of routes.
    fn without_route(&self, among: &[Among]) -> Vec<Arc<Queue>> {
        let (mut others, mut from) = (Vec::new(), Some(String::new()));
        while let Some(first) = from {
            let Ok(page) = self.queues.list("", QUEUES_AT_ONCE, Some(&first)) else {
                break;
            };
            let is_other = |queue: &Arc<Queue>| among.iter().all(|it| it.queue.id() != queue.id());
            others.extend(page.queues.into_iter().filter(is_other));
            from = page.next;
        }
        others
    }
}
