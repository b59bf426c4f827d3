//! Calls back what was put off for receivers that did not answer, once they do: what notifiers settle says both.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use delivery::destinations::Destinations;
use delivery::port::Outcome;
use delivery::recall::{Answering, Recall, is_about};
use parking_lot::Mutex;
use sqs::{Queue, Queues, Wait};
use store::record::MessageKey;

/// Those of all routes.
#[derive(Debug, Default)]
pub(super) struct Recalls {
    routes: Mutex<BTreeMap<Arc<str>, Arc<RouteRecall>>>,
}

/// That of one route, which its notifiers share.
#[derive(Debug, Default)]
pub(super) struct RouteRecall {
    /// Whether anything is noted: while nothing is, a delivery costs one look at this.
    has_noted: AtomicBool,
    recall: Mutex<Recall<MessageKey, Wait>>,
}

impl Recalls {
    pub(super) fn of(&self, route: &Arc<str>) -> Arc<RouteRecall> {
        let mut routes = self.routes.lock();
        routes.entry(route.clone()).or_default().clone()
    }

    /// Calls back for receivers that answer and of whom nothing is out. `queue_of`: the queue of a route.
    pub(super) fn call_on(&self, queues: &Queues, queue_of: impl Fn(&str) -> Option<Arc<Queue>>) {
        let routes = self.routes.lock().clone();
        for (name, one) in routes {
            if one.has_noted.load(Ordering::Relaxed)
                && let Some(queue) = queue_of(&name)
            {
                one.call(queues, &queue, Recall::call_on);
            }
        }
    }

    /// The receivers of a route that answer again.
    pub(super) fn answering(&self, route: &str) -> Answering {
        let of_route = self.routes.lock().get(route).cloned();
        match of_route.filter(|one| one.has_noted.load(Ordering::Relaxed)) {
            Some(one) => one.recall.lock().answering(),
            None => Answering::default(),
        }
    }
}

impl RouteRecall {
    /// An outcome was settled.
    pub(super) fn settled(
        &self,
        queues: &Queues,
        queue: &Queue,
        destinations: &Destinations,
        outcome: &Outcome,
    ) {
        if !is_about(outcome, self.has_noted.load(Ordering::Relaxed)) {
            return;
        }
        let wait = || queues.wait_after(queue, &outcome.lease.0);
        self.call(queues, queue, |recall| {
            recall.settled(destinations, outcome, wait)
        });
    }

    /// Makes due what `which` says.
    fn call(
        &self,
        queues: &Queues,
        queue: &Queue,
        which: impl FnOnce(&mut Recall<MessageKey, Wait>) -> Vec<(MessageKey, Wait)>,
    ) {
        let called = {
            let mut recall = self.recall.lock();
            let called = which(&mut recall);
            self.has_noted.store(!recall.is_empty(), Ordering::Relaxed);
            called
        };
        if !called.is_empty()
            && let Err(error) = queues.hasten(queue, &called)
        {
            tracing::debug!(%error, "what waits comes at its time");
        }
    }
}
