//! How many connections to one origin are made at once.
//!
//! A storm of them overflows the receiver's backlog, and what the kernel drops is tried again only after one second, then
//! three. Who waits here often gets a connection that another is done with instead.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Chosen: the usual backlog is 128, and other threads and machines connect too.
const AT_ONCE: usize = 16;

/// Who waited for so long goes on all the same: where connecting itself takes long, places would not become free. Chosen.
const WAIT_MAX: Duration = Duration::from_millis(500);

/// From so many origins on, those that nobody connects to are forgotten. Chosen.
const ORIGINS_KEPT: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct Dialing {
    origins: Mutex<HashMap<Box<str>, Weak<Semaphore>, foldhash::fast::RandomState>>,
}

impl Dialing {
    /// A place among those who connect to `origin`, held until it is dropped; `None` when none became free in time.
    pub(super) async fn place(&self, origin: &str) -> Option<OwnedSemaphorePermit> {
        let places = self.places(origin);
        let place = tokio::time::timeout(WAIT_MAX, places.acquire_owned()).await;
        place.ok()?.ok()
    }

    fn places(&self, origin: &str) -> Arc<Semaphore> {
        let mut origins = self.origins.lock();
        if let Some(places) = origins.get(origin).and_then(Weak::upgrade) {
            return places;
        }
        if origins.len() >= ORIGINS_KEPT {
            origins.retain(|_, places| places.strong_count() > 0);
        }
        let places = Arc::new(Semaphore::new(AT_ONCE));
        origins.insert(origin.into(), Arc::downgrade(&places));
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn places_are_few_and_nobody_waits_for_long() {
        let dialing = Dialing::default();
        let mut places = Vec::new();
        for _ in 0..AT_ONCE {
            places.push(dialing.place("https://a.example").await.unwrap());
        }
        assert!(dialing.place("https://a.example").await.is_none());
        assert!(dialing.place("https://b.example").await.is_some());
        let (next, ()) = tokio::join!(dialing.place("https://a.example"), async {
            drop(places.pop());
        });
        assert!(next.is_some(), "a place that becomes free is taken");
    }

    #[tokio::test]
    async fn origins_that_nobody_connects_to_are_forgotten() {
        let dialing = Dialing::default();
        let held = dialing.place("https://held.example").await;
        for n in 0..ORIGINS_KEPT * 3 {
            drop(dialing.place(&n.to_string()).await);
        }
        assert!(dialing.origins.lock().len() <= ORIGINS_KEPT);
        assert!(dialing.origins.lock().contains_key("https://held.example"));
        drop(held);
    }
}
