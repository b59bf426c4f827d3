//! The task that tidies a pool: begun when there is something to tidy, and ended with the pool.

use std::future::Future;

use parking_lot::Mutex;
use tokio::task::AbortHandle;

#[derive(Debug, Default)]
pub(super) struct Sweeper {
    task: Mutex<Option<AbortHandle>>,
}

impl Sweeper {
    /// Begins `sweep`, unless it is under way.
    pub(super) fn start<F>(&self, sweep: impl FnOnce() -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut task = self.task.lock();
        if task.as_ref().is_none_or(AbortHandle::is_finished) {
            *task = Some(tokio::spawn(sweep()).abort_handle());
        }
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        if let Some(task) = self.task.lock().take() {
            task.abort();
        }
    }
}
