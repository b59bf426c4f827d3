//! The operations of EventBridge on the wire: requests, answers, what they touch, what they do.
//!
//! One file a noun. To add an operation: its shapes and an `impl Act` for its request, and a line in `OPERATIONS`.
//!
//! Shapes follow the service model of 2015-10-07 as botocore carries it. Of its operations those are here that rules of the default bus
//! have; further buses, archives, replays, connections, API destinations, pipes and endpoints are not.

mod act;
mod bus;
mod check;
mod events;
mod fault;
mod others;
mod rule;
mod tags;
mod target;

#[cfg(test)]
mod model;

use std::sync::Arc;

use api::{AnyOperation, Catalogue, Op, Service, ServiceFacts};
use wire::Protocol;

use super::Rules;

/// What the gateway routes to EventBridge by.
pub static FACTS: ServiceFacts = ServiceFacts {
    name: "events",
    json_target: Some("AWSEvents"),
    json_protocol: Protocol::Json11,
    rpc_service: None,
    query_version: None,
    query_protocol: Protocol::Query,
    xml_namespace: "",
    error_namespace: "com.amazonaws.events",
    is_query_compatible: false,
    query_url_member: None,
    is_global: false,
};

/// All operations that are spoken, in the order of names.
static OPERATIONS: &[&dyn AnyOperation<Rules>] = &[
    &Op::<rule::DeleteRuleRequest>::NEW,
    &Op::<bus::DescribeEventBusRequest>::NEW,
    &Op::<rule::DescribeRuleRequest>::NEW,
    &Op::<rule::DisableRuleRequest>::NEW,
    &Op::<rule::EnableRuleRequest>::NEW,
    &Op::<bus::ListEventBusesRequest>::NEW,
    &Op::<target::ListRuleNamesByTargetRequest>::NEW,
    &Op::<rule::ListRulesRequest>::NEW,
    &Op::<tags::ListTagsForResourceRequest>::NEW,
    &Op::<target::ListTargetsByRuleRequest>::NEW,
    &Op::<events::PutEventsRequest>::NEW,
    &Op::<rule::PutRuleRequest>::NEW,
    &Op::<target::PutTargetsRequest>::NEW,
    &Op::<target::RemoveTargetsRequest>::NEW,
    &Op::<tags::TagResourceRequest>::NEW,
    &Op::<events::TestEventPatternRequest>::NEW,
    &Op::<tags::UntagResourceRequest>::NEW,
];

/// The service for the gateway.
#[must_use]
pub fn service(rules: Arc<Rules>) -> Arc<dyn Service> {
    Arc::new(Catalogue::new(&FACTS, rules, OPERATIONS))
}

/// What the operations take and answer, in the order of names.
pub fn schemas() -> impl Iterator<Item = api::Shapes> {
    api::operation::shapes(OPERATIONS)
}
