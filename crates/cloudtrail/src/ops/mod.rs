//! The operations of CloudTrail on the wire: requests, answers, what they touch, what they do.
//!
//! One file a noun. To add an operation: its shapes and an [`impl Act`](api::Act) for its request, and a line in [`OPERATIONS`].
//! Decoder, encoder, record and the comparison with the service model follow from the shapes.
//!
//! Shapes follow the service model of 2013-11-01 as botocore carries it. Of its 60 operations those are here that trails
//! and the event history have; event data stores, channels, imports and dashboards are not kept.

mod describe;
mod desk;
mod fault;
mod insight;
mod logging;
mod lookup;
mod public_keys;
mod selectors;
mod tags;
mod trail;

#[cfg(test)]
mod model;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use api::{AnyOperation, Catalogue, Op, Service, ServiceFacts};
use wire::Protocol;

use crate::Trails;
use crate::bucket::Buckets;

/// What the gateway routes to CloudTrail by.
pub static FACTS: ServiceFacts = ServiceFacts {
    name: "cloudtrail",
    json_target: Some("com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101"),
    json_protocol: Protocol::Json11,
    rpc_service: None,
    query_version: None,
    query_protocol: Protocol::Query,
    xml_namespace: "",
    error_namespace: "com.amazonaws.cloudtrail.v20131101",
    is_query_compatible: false,
    query_url_member: None,
    is_global: false,
};

/// What operations work on.
#[derive(Debug)]
pub struct Desk {
    /// The trails.
    pub trails: Arc<Trails>,
    /// The buckets that they deliver into.
    pub buckets: Arc<dyn Buckets>,
}

/// All operations that are spoken, in the order of names.
static OPERATIONS: &[&dyn AnyOperation<Desk>] = &[
    &Op::<tags::AddTagsRequest>::NEW,
    &Op::<trail::CreateTrailRequest>::NEW,
    &Op::<trail::DeleteTrailRequest>::NEW,
    &Op::<describe::DescribeTrailsRequest>::NEW,
    &Op::<selectors::GetEventSelectorsRequest>::NEW,
    &Op::<insight::GetInsightSelectorsRequest>::NEW,
    &Op::<describe::GetTrailRequest>::NEW,
    &Op::<logging::GetTrailStatusRequest>::NEW,
    &Op::<public_keys::ListPublicKeysRequest>::NEW,
    &Op::<tags::ListTagsRequest>::NEW,
    &Op::<describe::ListTrailsRequest>::NEW,
    &Op::<lookup::LookupEventsRequest>::NEW,
    &Op::<selectors::PutEventSelectorsRequest>::NEW,
    &Op::<insight::PutInsightSelectorsRequest>::NEW,
    &Op::<tags::RemoveTagsRequest>::NEW,
    &Op::<logging::StartLoggingRequest>::NEW,
    &Op::<logging::StopLoggingRequest>::NEW,
    &Op::<trail::UpdateTrailRequest>::NEW,
];

/// The service for the gateway.
#[must_use]
pub fn service(trails: Arc<Trails>, buckets: Arc<dyn Buckets>) -> Arc<dyn Service> {
    let desk = Arc::new(Desk { trails, buckets });
    Arc::new(Catalogue::new(&FACTS, desk, OPERATIONS))
}
