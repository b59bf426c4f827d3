//! Waiting for the disk: who waits for which position, and waking exactly those that are covered.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::Poisoned;

#[derive(Debug)]
pub(crate) struct Waiters {
    durable: AtomicU64,
    poison: OnceLock<Poisoned>,
    poison_told: watch::Sender<Option<Poisoned>>,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    /// By the position waited for, then by waiter.
    wakers: BTreeMap<(u64, u64), Waker>,
}

impl Waiters {
    pub(crate) fn new(durable: u64) -> Self {
        Self {
            durable: AtomicU64::new(durable),
            poison: OnceLock::new(),
            poison_told: watch::Sender::new(None),
            waiting: Mutex::default(),
        }
    }

    pub(crate) fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    pub(crate) fn check(&self) -> Result<(), Poisoned> {
        self.poison.get().cloned().map_or(Ok(()), Err)
    }

    pub(crate) fn poison_receiver(&self) -> watch::Receiver<Option<Poisoned>> {
        self.poison_told.subscribe()
    }

    /// Everything before `durable` is on the disk.
    pub(crate) fn publish(&self, durable: u64) {
        // INVARIANT: stored before the lock is taken, so that a waiter which registers later sees it.
        self.durable.store(durable, Ordering::Release);
        let covered = {
            let mut waiting = self.waiting.lock();
            let later = waiting.wakers.split_off(&(durable, u64::MAX));
            std::mem::replace(&mut waiting.wakers, later)
        };
        covered.into_values().for_each(Waker::wake);
    }

    /// Nothing will be published any more. Only the first reason counts.
    pub(crate) fn poison(&self, poison: Poisoned) {
        if self.poison.set(poison.clone()).is_err() {
            return;
        }
        let all = std::mem::take(&mut self.waiting.lock().wakers);
        all.into_values().for_each(Waker::wake);
        self.poison_told.send_replace(Some(poison));
    }

    fn state(&self, end: u64) -> Option<Result<(), Poisoned>> {
        if self.durable() >= end {
            return Some(Ok(()));
        }
        self.check().err().map(Err)
    }
}

/// Resolves when everything before a position is durable, or the journal is poisoned.
#[derive(Debug)]
#[must_use = "a future does nothing unless awaited"]
pub struct Committed {
    waiters: Arc<Waiters>,
    end: u64,
    id: Option<u64>,
}

impl Committed {
    pub(crate) fn new(waiters: Arc<Waiters>, end: u64) -> Self {
        Self {
            waiters,
            end,
            id: None,
        }
    }
}

impl Future for Committed {
    type Output = Result<(), Poisoned>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(state) = self.waiters.state(self.end) {
            return Poll::Ready(state);
        }
        let waiters = Arc::clone(&self.waiters);
        let mut waiting = waiters.waiting.lock();
        if let Some(state) = waiters.state(self.end) {
            return Poll::Ready(state);
        }
        let id = self.id.unwrap_or(waiting.next);
        waiting.next = waiting.next.max(id + 1);
        self.id = Some(id);
        waiting
            .wakers
            .insert((self.end, id), context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Committed {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.waiters.waiting.lock().wakers.remove(&(self.end, id));
        }
    }
}

/// Wakes a thread that blocks on a future.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Blocks this thread until `future` resolves.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        thread::park();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(waiting: &mut Pin<Box<Committed>>) -> Poll<Result<(), Poisoned>> {
        waiting
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn only_those_who_are_covered_go_on() {
        let waiters = Arc::new(Waiters::new(0));
        let wait = |end| Box::pin(Committed::new(Arc::clone(&waiters), end));
        let (mut early, mut late) = (wait(10), wait(11));
        assert!(poll(&mut early).is_pending() && poll(&mut late).is_pending());
        waiters.publish(10);
        assert_eq!(waiters.waiting.lock().wakers.len(), 1);
        assert_eq!(poll(&mut early), Poll::Ready(Ok(())));
        assert!(poll(&mut late).is_pending());
        drop(late);
        assert!(waiters.waiting.lock().wakers.is_empty());
    }

    #[test]
    fn poison_ends_every_wait_but_not_what_is_durable() {
        let waiters = Arc::new(Waiters::new(5));
        let poison = Poisoned::new("sync failed");
        waiters.poison(poison.clone());
        waiters.poison(Poisoned::new("another"));
        let wait = |end| block_on(Committed::new(Arc::clone(&waiters), end));
        assert_eq!(wait(5), Ok(()));
        assert_eq!(wait(6), Err(poison));
    }
}
