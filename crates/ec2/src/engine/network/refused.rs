//! The flows that a gateway refused last, with what is known here of them: it tells no time, and no reason of one flow.

use base::Timestamp;
use net::{Refusal, RefusedFlow, Way};

use super::VpcId;
use super::report::Flows;
use crate::engine::Inventory;

/// A flow that a gateway refused lately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recent {
    /// The flow, with its packets.
    pub flow: RefusedFlow,
    /// When its gateway told of its newest packet; `None` where that was before the server's start.
    pub told: Option<Timestamp>,
    /// Which way it was going.
    pub way: Way,
    /// What refuses it by the newest plan; nothing where that lets it.
    pub why: Option<Refusal>,
}

impl Inventory {
    /// What the gateway of a network refused last, the newest first: at most
    /// [`RECENT_MAX`](net::refusal::RECENT_MAX) flows.
    #[must_use]
    pub fn refused_last(&self, id: &VpcId) -> Vec<Recent> {
        let told = self.reports().flows(id);
        // Nobody computes a plan where nothing was refused.
        let plan = (!told.is_empty()).then(|| self.gateway_plan(id));
        let Some(Ok(plan)) = plan else {
            return Vec::new();
        };
        let recent = told.iter().map(|(flow, told)| {
            let (way, why) = plan.filter.judge(flow);
            Recent {
                flow: flow.clone(),
                told: *told,
                way,
                why,
            }
        });
        recent.collect()
    }
}

/// The flows of a report, each with when it was told of first as it is. `before`: those of the report before, if there is one.
pub(super) fn told(before: Option<&Flows>, flows: &[RefusedFlow], at: Timestamp) -> Flows {
    let of = |flow: &RefusedFlow| {
        let same = before?.iter().find(|(own, _)| own == flow);
        same.map_or(Some(at), |(_, told)| *told)
    };
    flows.iter().map(|flow| (flow.clone(), of(flow))).collect()
}
