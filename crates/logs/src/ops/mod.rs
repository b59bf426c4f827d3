//! The operations of CloudWatch Logs on the wire: requests, answers, what they touch, what they do.
//!
//! One file a noun. To add an operation: its shapes and an `impl Act` for its request, and a line in `OPERATIONS`.
//!
//! Shapes follow the service model of 2014-03-28 as botocore carries it. Of its operations those are here that groups, streams and events
//! have; queries, metric and subscription filters, deliveries, exports, transformers and live tail are not.

mod check;
mod events;
mod fault;
mod filter;
mod group;
mod retention;
mod stream;
mod tags;
mod touch;

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use api::{AnyOperation, Catalogue, Op, Service, ServiceFacts};
use wire::Protocol;

use crate::Logs;

/// What the gateway routes to CloudWatch Logs by.
pub static FACTS: ServiceFacts = ServiceFacts {
    name: "logs",
    json_target: Some("Logs_20140328"),
    json_protocol: Protocol::Json11,
    rpc_service: None,
    query_version: None,
    query_protocol: Protocol::Query,
    xml_namespace: "",
    error_namespace: "com.amazonaws.logs",
    is_query_compatible: false,
    query_url_member: None,
    is_global: false,
};

/// All operations that are spoken, in the order of names.
static OPERATIONS: &[&dyn AnyOperation<Logs>] = &[
    &Op::<group::CreateLogGroupRequest>::NEW,
    &Op::<stream::CreateLogStreamRequest>::NEW,
    &Op::<group::DeleteLogGroupRequest>::NEW,
    &Op::<stream::DeleteLogStreamRequest>::NEW,
    &Op::<retention::DeleteRetentionPolicyRequest>::NEW,
    &Op::<group::DescribeLogGroupsRequest>::NEW,
    &Op::<stream::DescribeLogStreamsRequest>::NEW,
    &Op::<filter::FilterLogEventsRequest>::NEW,
    &Op::<events::GetLogEventsRequest>::NEW,
    &Op::<tags::ListTagsForResourceRequest>::NEW,
    &Op::<tags::ListTagsLogGroupRequest>::NEW,
    &Op::<events::PutLogEventsRequest>::NEW,
    &Op::<retention::PutRetentionPolicyRequest>::NEW,
    &Op::<tags::TagLogGroupRequest>::NEW,
    &Op::<tags::TagResourceRequest>::NEW,
    &Op::<tags::UntagLogGroupRequest>::NEW,
    &Op::<tags::UntagResourceRequest>::NEW,
];

/// The service for the gateway.
#[must_use]
pub fn service(logs: Arc<Logs>) -> Arc<dyn Service> {
    Arc::new(Catalogue::new(&FACTS, logs, OPERATIONS))
}

/// What the operations take and answer, in the order of names.
pub fn schemas() -> impl Iterator<Item = api::Shapes> {
    api::operation::shapes(OPERATIONS)
}
