//! Ticks at a steady pace, exact to some ten microseconds.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;

/// `count` ticks from `begun` on. The runtime's own timers go by whole milliseconds, which would be charged to the server.
pub(crate) fn ticks(begun: Instant, pace: Duration, count: u64) -> mpsc::UnboundedReceiver<()> {
    let (sender, ticks) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        let mut at = begun;
        for _ in 0..count {
            std::thread::sleep(at.saturating_duration_since(Instant::now()));
            if sender.send(()).is_err() {
                return;
            }
            at += pace;
        }
    });
    ticks
}
