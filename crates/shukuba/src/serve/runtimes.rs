//! The threads on which notifiers run: a runtime of one thread for each core, each with its own connections.
//!
//! A notifier stays on its thread, so that it shares nothing hot with the door or with other notifiers, and finds the
//! connections that notifiers before it have left open.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context;
use base::Clock;
use delivery::dns;
use delivery::sender::{Senders, Tools};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// One thread with its runtime.
#[derive(Debug)]
struct Lane {
    handle: Handle,
    senders: Senders,
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
    pub(super) fn start(
        count: usize,
        clock: &Arc<dyn Clock>,
        dns: &Arc<dns::Cache>,
    ) -> anyhow::Result<Self> {
        let lanes = (0..count.max(1)).map(|_| {
            let tools = Tools {
                clock: clock.clone(),
                dns: dns.clone(),
            };
            Lane::start(Senders::new(tools))
        });
        Ok(Self {
            lanes: lanes.collect::<anyhow::Result<_>>()?,
            turn: AtomicUsize::new(0),
        })
    }

    /// The next one's handle and connections, in turn.
    pub(super) fn next(&self) -> Option<(Handle, Senders)> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let lane = self.lanes.get(turn.checked_rem(self.lanes.len())?)?;
        Some((lane.handle.clone(), lane.senders.clone()))
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
            senders,
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
