//! The end that a signal asks for: answers are awaited for a while, and whoever asks again does not want to wait.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// How long answers are awaited after a signal. Chosen: less than the 30 s after which Kubernetes kills.
pub(crate) const STOP_WITHIN: Duration = Duration::from_secs(20);

/// Until when the work may go on, once somebody asked for its end. Clones are one.
#[derive(Clone, Debug)]
pub(crate) struct Ending(Arc<watch::Sender<Option<Instant>>>);

impl Default for Ending {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }
}

impl Ending {
    /// Asks for the end: within [`STOP_WITHIN`] at first, now when it was asked for before.
    pub(crate) fn ask(&self) {
        let now = Instant::now();
        self.0.send_modify(|until| {
            *until = Some(match until {
                None => now + STOP_WITHIN,
                Some(until) => now.min(*until),
            });
        });
    }

    /// Whether somebody asked for it.
    pub(crate) fn is_asked(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Whether nothing more is awaited.
    pub(crate) fn is_over(&self) -> bool {
        self.0.borrow().is_some_and(|until| until <= Instant::now())
    }

    /// Returns when nothing more is awaited.
    pub(crate) async fn over(&self) {
        let mut asked = self.0.subscribe();
        loop {
            let until = *asked.borrow_and_update();
            tokio::select! {
                () = until_or_ever(until) => return,
                // The sender lives as long as `self`.
                _ = asked.changed() => {}
            }
        }
    }
}

async fn until_or_ever(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_second_who_asks_does_not_wait() {
        let ending = Ending::default();
        let over = tokio::spawn({
            let ending = ending.clone();
            async move { ending.over().await }
        });
        assert!(!ending.is_asked() && !ending.is_over());
        ending.ask();
        assert!(ending.is_asked() && !ending.is_over());
        tokio::task::yield_now().await;
        assert!(!over.is_finished());
        ending.ask();
        assert!(ending.is_over());
        over.await.unwrap();
        ending.over().await;
    }
}
