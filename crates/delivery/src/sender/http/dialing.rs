//! How many connections to one origin are made at once.
//!
//! A storm of them overflows the receiver's backlog, and what the kernel drops is tried again only after one second, then
//! three. Who waits here often gets a connection that another is done with instead.
//!
//! A connection that is made may still stand in that backlog: the kernel answers for a receiver that has not looked. So a place
//! is kept until the first answer, or for a moment where answers take long.

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Chosen: the usual backlog is 128, and other threads and machines connect too.
const AT_ONCE: usize = 16;

/// Who waited for so long goes on all the same: where connecting itself takes long, places would not become free. Chosen.
const WAIT_MAX: Duration = Duration::from_millis(500);

/// Whoever has not answered on a new connection for so long is slow to answer rather than to accept. Chosen.
const ACCEPTED_WITHIN: Duration = Duration::from_millis(50);

/// From so many origins on, those that nobody connects to are forgotten. Chosen.
const ORIGINS_KEPT: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct Dialing {
    origins: Mutex<HashMap<Box<str>, Weak<Semaphore>, foldhash::fast::RandomState>>,
}

/// The first exchange on a new connection, which keeps its place until it ends, or for [`ACCEPTED_WITHIN`].
pub(super) async fn first<T>(
    place: Option<OwnedSemaphorePermit>,
    exchange: impl Future<Output = T>,
) -> T {
    let mut exchange = pin!(exchange);
    let early = tokio::time::timeout(ACCEPTED_WITHIN, exchange.as_mut()).await;
    drop(place);
    match early {
        Ok(ended) => ended,
        Err(_) => exchange.await,
    }
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

    #[tokio::test(start_paused = true)]
    async fn a_place_is_kept_until_the_first_answer_or_for_a_moment() {
        let places = Arc::new(Semaphore::new(1));
        let taken = || places.clone().try_acquire_owned().ok();
        let quick = first(taken(), async { taken().is_some() });
        assert!(!quick.await, "kept while the exchange goes on");
        let slow = first(taken(), async {
            tokio::time::sleep(ACCEPTED_WITHIN * 2).await;
            taken().is_some()
        });
        assert!(slow.await, "given on while it takes long");
        assert!(taken().is_some());
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
