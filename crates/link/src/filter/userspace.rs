//! The tracker as a guard in this process: for gateways without nftables.

use std::sync::Arc;

use async_trait::async_trait;
use base::Clock;
use net::Filter;
use parking_lot::Mutex;

use super::flows::Limits;
use super::rules::Rules;
use super::tracker::Tracker;
use crate::guard::{Guard, Refused};
use crate::packet::{Direction, PacketFilter};

/// Filters in this process. Nothing passes before the first filter is applied, and nothing when the process is gone, since the
/// tunnel is gone with it.
#[derive(Debug)]
pub struct Userspace {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    tracker: Mutex<Tracker>,
    clock: Arc<dyn Clock>,
}

impl Userspace {
    /// A filter within `limits` that lets nothing through yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, limits: Limits) -> Self {
        let tracker = Mutex::new(Tracker::new(limits));
        Self {
            shared: Arc::new(Shared { tracker, clock }),
        }
    }
}

#[async_trait]
impl Guard for Userspace {
    async fn apply(&mut self, filter: &Filter) -> Result<(), Refused> {
        let rules = Rules::of(filter);
        self.shared.tracker.lock().install(rules);
        Ok(())
    }

    async fn refused(&mut self) -> net::refusal::Refused {
        let tracker = self.shared.tracker.lock();
        net::refusal::Refused {
            counts: tracker.refused().clone(),
            recent: tracker.recent().flows(),
        }
    }

    fn packets(&self) -> Option<Arc<dyn PacketFilter>> {
        Some(Arc::clone(&self.shared) as _)
    }
}

impl PacketFilter for Shared {
    fn pass(&self, direction: Direction, packet: &[u8]) -> bool {
        let now = self.clock.monotonic();
        self.tracker.lock().check(now, direction, packet).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use base::SystemClock;

    use super::*;
    use crate::filter::samples;

    #[tokio::test]
    async fn nothing_passes_before_the_first_filter_and_refusals_are_told() {
        let mut guard = Userspace::new(Arc::new(SystemClock::new()), Limits::default());
        let packets = guard.packets().unwrap();
        let packet = samples::tcp("10.64.0.4", "172.16.0.10", 4000, 6001, samples::SYN);
        assert!(!packets.pass(Direction::FromTunnel, &packet));
        guard.apply(&samples::filter()).await.unwrap();
        assert!(packets.pass(Direction::FromTunnel, &packet));
        assert!(!packets.pass(Direction::FromTunnel, b"not IP"));
        let refused = guard.refused().await;
        assert_eq!(refused.counts.total(), 2);
        let [recent] = refused.recent.try_into().unwrap();
        assert_eq!((recent.port, recent.packets), (Some(6001), 1));
        guard.apply(&net::Filter::default()).await.unwrap();
        assert!(!packets.pass(Direction::FromTunnel, &packet));
    }
}
