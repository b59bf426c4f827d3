//! The flows that were refused last.

use std::collections::VecDeque;

use net::RefusedFlow;
use net::refusal::RECENT_MAX;

/// At most [`RECENT_MAX`] flows: whoever refuses more forgets the oldest.
#[derive(Clone, Debug, Default)]
pub struct Recent {
    /// The newest first.
    flows: VecDeque<RefusedFlow>,
}

impl Recent {
    /// Another packet of a flow, which is then the newest.
    pub fn count(&mut self, flow: RefusedFlow) {
        let before = self.take(&flow).map_or(0, |own| own.packets);
        let packets = before.saturating_add(flow.packets);
        self.push(RefusedFlow { packets, ..flow });
    }

    /// What is known of a flow, which is then the newest.
    pub fn put(&mut self, flow: RefusedFlow) {
        self.take(&flow);
        self.push(flow);
    }

    /// All of them, the newest first.
    #[must_use]
    pub fn flows(&self) -> Vec<RefusedFlow> {
        self.flows.iter().cloned().collect()
    }

    fn take(&mut self, flow: &RefusedFlow) -> Option<RefusedFlow> {
        let at = self.flows.iter().position(|own| own.is_same(flow))?;
        self.flows.remove(at)
    }

    fn push(&mut self, flow: RefusedFlow) {
        self.flows.push_front(flow);
        self.flows.truncate(RECENT_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(port: u16) -> RefusedFlow {
        RefusedFlow {
            source: [10, 64, 0, 4].into(),
            destination: [172, 16, 0, 10].into(),
            protocol: 6,
            port: Some(port),
            packets: 1,
        }
    }

    fn shown(recent: &Recent) -> Vec<(u16, u64)> {
        let flows = recent.flows().into_iter();
        flows
            .filter_map(|it| Some((it.port?, it.packets)))
            .collect()
    }

    #[test]
    fn the_newest_stand_first_and_the_oldest_are_forgotten() {
        let mut recent = Recent::default();
        for port in [1, 2, 1] {
            recent.count(flow(port));
        }
        assert_eq!(shown(&recent), [(1, 2), (2, 1)]);
        recent.put(flow(2));
        assert_eq!(shown(&recent), [(2, 1), (1, 2)]);
        (100..115).for_each(|port| recent.count(flow(port)));
        assert_eq!(recent.flows().len(), RECENT_MAX);
        assert_eq!(shown(&recent).first(), Some(&(114, 1)));
        assert_eq!(shown(&recent).last(), Some(&(2, 1)));
    }
}
