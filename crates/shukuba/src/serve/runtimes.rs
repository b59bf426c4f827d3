//! The threads on which notifiers run: a runtime of one thread for each core, each with its own connections.
//!
//! A notifier stays on its thread, so that it shares nothing hot with the door or with other notifiers, and finds the
//! connections that notifiers before it have left open. When the settings are read again, those that start from then on make
//! their own: what the connections were made by, such as `ca_file`, may have changed.

use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context;
use delivery::sender::{Senders, Tools};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// One thread with its runtime.
#[derive(Debug)]
struct Lane {
    handle: Handle,
    senders: Mutex<Senders>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Runtimes {
    lanes: Vec<Lane>,
    turn: AtomicUsize,
}

impl Runtimes {
    /// Starts `count` threads.
    pub(super) fn start(count: usize, tools: &Tools) -> anyhow::Result<Self> {
        let lanes = (0..count.max(1)).map(|_| Lane::start(Senders::new(tools.clone())));
        Ok(Self {
            lanes: lanes.collect::<anyhow::Result<_>>()?,
            turn: AtomicUsize::new(0),
        })
    }

    /// Gives those that start from now on new connections, made with these tools; those that run keep theirs.
    pub(super) fn renew(&self, tools: &Tools) {
        for lane in &self.lanes {
            *lane.senders.lock() = Senders::new(tools.clone());
        }
    }

    /// The next one's handle and connections, in turn.
    pub(super) fn next(&self) -> Option<(Handle, Senders)> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let lane = self.lanes.get(turn.checked_rem(self.lanes.len())?)?;
        Some((lane.handle.clone(), lane.senders.lock().clone()))
    }
}

impl Lane {
    fn start(senders: Senders) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start a notifiers' runtime")?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("notifiers".to_owned())
            .spawn(move || {
                // Ends when the sender is used or dropped.
                let _ = runtime.block_on(stopped);
            })
            .context("cannot start a notifiers' thread")?;
        Ok(Self {
            handle,
            senders: Mutex::new(senders),
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("a notifiers' thread failed");
        }
    }
}
