//! The operations of SQS on the wire, one file each: request, answer, what it touches, how it is recorded, what it does.
//!
//! To add one: a file with its shapes and an `impl Act<State>`, and a line in [`OPERATIONS`]. Decoder, encoder,
//! trail and the comparison with the service model follow from the shapes.
//!
//! Shapes follow the service model of 2012-11-05 as botocore carries it; names in the query protocol and its XML follow
//! the model of before 2023, when SQS spoke only query.

mod add_permission;
mod attribute;
mod cancel_message_move_task;
mod change_message_visibility;
mod change_message_visibility_batch;
mod create_queue;
mod delete_message;
mod delete_message_batch;
mod delete_queue;
mod entry;
mod fault;
mod get_queue_attributes;
mod get_queue_url;
mod list_dead_letter_source_queues;
mod list_message_move_tasks;
mod list_queue_tags;
mod list_queues;
mod page;
mod purge_queue;
mod receive_message;
mod remove_permission;
mod send_message;
mod send_message_batch;
mod set_queue_attributes;
mod start_message_move_task;
mod state;
mod tag_queue;
mod untag_queue;

#[cfg(test)]
mod model;
#[cfg(test)]
mod query;
#[cfg(test)]
mod testing;

use std::sync::Arc;

use api::{AnyOperation, Catalogue, Op, Service, ServiceFacts};
use base::{AccountId, Region};
use wire::Protocol;

use crate::Queues;
use state::State;

/// What the gateway routes to SQS by.
pub static FACTS: ServiceFacts = ServiceFacts {
    name: "sqs",
    json_target: Some("AmazonSQS"),
    json_protocol: Protocol::Json10,
    rpc_service: None,
    query_version: Some("2012-11-05"),
    query_protocol: Protocol::Query,
    xml_namespace: "http://queue.amazonaws.com/doc/2012-11-05/",
    error_namespace: "com.amazonaws.sqs",
    is_query_compatible: true,
    query_url_member: Some("QueueUrl"),
    is_global: false,
};

/// All operations of the API.
static OPERATIONS: &[&dyn AnyOperation<State>] = &[
    &Op::<add_permission::Request>::NEW,
    &Op::<cancel_message_move_task::Request>::NEW,
    &Op::<change_message_visibility::Request>::NEW,
    &Op::<change_message_visibility_batch::Request>::NEW,
    &Op::<create_queue::Request>::NEW,
    &Op::<delete_message::Request>::NEW,
    &Op::<delete_message_batch::Request>::NEW,
    &Op::<delete_queue::Request>::NEW,
    &Op::<get_queue_attributes::Request>::NEW,
    &Op::<get_queue_url::Request>::NEW,
    &Op::<list_dead_letter_source_queues::Request>::NEW,
    &Op::<list_message_move_tasks::Request>::NEW,
    &Op::<list_queue_tags::Request>::NEW,
    &Op::<list_queues::Request>::NEW,
    &Op::<purge_queue::Request>::NEW,
    &Op::<receive_message::Request>::NEW,
    &Op::<remove_permission::Request>::NEW,
    &Op::<send_message::Request>::NEW,
    &Op::<send_message_batch::Request>::NEW,
    &Op::<set_queue_attributes::Request>::NEW,
    &Op::<start_message_move_task::Request>::NEW,
    &Op::<tag_queue::Request>::NEW,
    &Op::<untag_queue::Request>::NEW,
];

/// The service for the gateway. `region` and `account` are those that `queues` was opened with.
#[must_use]
pub fn service(queues: Arc<Queues>, region: Region, account: AccountId) -> Arc<dyn Service> {
    let state = Arc::new(State::new(queues, region, account));
    let is_open = |state: &State| state.queues.is_some_open();
    Arc::new(Catalogue::new(&FACTS, state, OPERATIONS).open_while(is_open))
}

/// The name, request and answer of every operation, in the order of names.
pub fn schemas() -> impl Iterator<Item = api::Shapes> {
    api::operation::shapes(OPERATIONS)
}
