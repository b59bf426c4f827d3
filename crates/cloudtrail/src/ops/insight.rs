//! PutInsightSelectors, GetInsightSelectors: nothing here looks for unusual activity, and nothing pretends to.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use wire::Shape;

use super::Desk;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct InsightSelector {
    insight_type: Option<String>,
    event_categories: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct PutInsightSelectorsRequest {
    trail_name: Option<String>,
    #[shape(required)]
    insight_selectors: Vec<InsightSelector>,
    event_data_store: Option<String>,
    insights_destination: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct PutInsightSelectorsResponse {
    #[shape(name = "TrailARN")]
    trail_arn: Option<String>,
    insight_selectors: Option<Vec<InsightSelector>>,
    event_data_store_arn: Option<String>,
    insights_destination: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct GetInsightSelectorsRequest {
    trail_name: Option<String>,
    event_data_store: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct GetInsightSelectorsResponse {
    #[shape(name = "TrailARN")]
    trail_arn: Option<String>,
    insight_selectors: Option<Vec<InsightSelector>>,
    event_data_store_arn: Option<String>,
    insights_destination: Option<String>,
}

/// The trail that a request names; event data stores are not kept here.
fn named(trail: Option<String>, store: Option<&String>) -> Result<String, Fault> {
    match (trail, store) {
        (Some(trail), None) => Ok(trail),
        (None, None) => Err(Fault::sender(
            "InvalidParameterCombinationException",
            "TrailName is missing.",
        )),
        (_, Some(_)) => Err(Fault::sender(
            "UnsupportedOperationException",
            "Event data stores are not kept here: give a TrailName.",
        )),
    }
}

fn touched(desk: &Desk, action: &'static str, trail: Option<&String>) -> Vec<Access> {
    match trail {
        Some(trail) => vec![desk.on_trail(action, trail)],
        None => desk.everything(action),
    }
}

impl Act<Desk> for PutInsightSelectorsRequest {
    type Output = PutInsightSelectorsResponse;
    const ACTION: &'static str = "cloudtrail:PutInsightSelectors";

    fn touches(&self, desk: &Desk, _caller: &Caller) -> Vec<Access> {
        touched(desk, Self::ACTION, self.trail_name.as_ref())
    }

    async fn act(self, desk: &Arc<Desk>, _ctx: &Ctx) -> Result<PutInsightSelectorsResponse, Fault> {
        let store = self.event_data_store.or(self.insights_destination);
        let name = named(self.trail_name, store.as_ref())?;
        let trail = desk.find(&desk.trails.state(), &name)?;
        // Turning off what is off is nothing.
        if !self.insight_selectors.is_empty() {
            return Err(Fault::sender(
                "UnsupportedOperationException",
                "Insights events are not made here; an empty list of InsightSelectors is taken.",
            ));
        }
        Ok(PutInsightSelectorsResponse {
            trail_arn: Some(desk.trail_arn(&trail.name)),
            insight_selectors: Some(Vec::new()),
            ..PutInsightSelectorsResponse::default()
        })
    }
}

impl Act<Desk> for GetInsightSelectorsRequest {
    type Output = GetInsightSelectorsResponse;
    const ACTION: &'static str = "cloudtrail:GetInsightSelectors";

    fn touches(&self, desk: &Desk, _caller: &Caller) -> Vec<Access> {
        touched(desk, Self::ACTION, self.trail_name.as_ref())
    }

    async fn act(self, desk: &Arc<Desk>, _ctx: &Ctx) -> Result<GetInsightSelectorsResponse, Fault> {
        let name = named(self.trail_name, self.event_data_store.as_ref())?;
        let trail = desk.find(&desk.trails.state(), &name)?;
        let arn = desk.trail_arn(&trail.name);
        let account = &desk.place().account;
        Err(Fault::sender(
            "InsightNotEnabledException",
            format!("Trail {arn} does not have Insights enabled for the user: {account}"),
        ))
    }
}
