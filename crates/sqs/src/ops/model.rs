//! The shapes against the service model: the same operations, the same members, the same kinds, the same need.

use std::collections::BTreeSet;

use api::Operation;
use wire::{Kind, Schema, Shape};

use super::state::State;
use super::*;

const MODEL: &str = include_str!("../../models/sqs-2012-11-05.txt");

/// Writes one operation and its shapes as the model's file has them.
fn row<O: Operation<State>>(lines: &mut BTreeSet<String>) {
    let (input, output) = (O::Input::SCHEMA, O::Output::SCHEMA);
    let answer = if output.members.is_empty() {
        "-"
    } else {
        output.name
    };
    lines.insert(format!("{} {} {answer}", O::NAME, input.name));
    members(input, lines);
    members(output, lines);
}

fn members(schema: &'static Schema, lines: &mut BTreeSet<String>) {
    for member in schema.members {
        let required = if member.is_required { " required" } else { "" };
        lines.insert(format!(
            "{}.{} {}{required}",
            schema.name,
            member.name,
            kind(member.kind)
        ));
        if let Some(nested) = member.kind.structure() {
            members(nested, lines);
        }
    }
}

fn kind(of: &Kind) -> String {
    match of {
        Kind::List(item) => format!("list<{}>", kind(item)),
        Kind::Map(value) => format!("map<{}>", kind(value)),
        Kind::Structure(schema) => schema().name.to_owned(),
        plain => plain.model_name().to_owned(),
    }
}

fn ours() -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    row::<add_permission::AddPermission>(&mut lines);
    row::<cancel_message_move_task::CancelMessageMoveTask>(&mut lines);
    row::<change_message_visibility::ChangeMessageVisibility>(&mut lines);
    row::<change_message_visibility_batch::ChangeMessageVisibilityBatch>(&mut lines);
    row::<create_queue::CreateQueue>(&mut lines);
    row::<delete_message::DeleteMessage>(&mut lines);
    row::<delete_message_batch::DeleteMessageBatch>(&mut lines);
    row::<delete_queue::DeleteQueue>(&mut lines);
    row::<get_queue_attributes::GetQueueAttributes>(&mut lines);
    row::<get_queue_url::GetQueueUrl>(&mut lines);
    row::<list_dead_letter_source_queues::ListDeadLetterSourceQueues>(&mut lines);
    row::<list_message_move_tasks::ListMessageMoveTasks>(&mut lines);
    row::<list_queue_tags::ListQueueTags>(&mut lines);
    row::<list_queues::ListQueues>(&mut lines);
    row::<purge_queue::PurgeQueue>(&mut lines);
    row::<receive_message::ReceiveMessage>(&mut lines);
    row::<remove_permission::RemovePermission>(&mut lines);
    row::<send_message::SendMessage>(&mut lines);
    row::<send_message_batch::SendMessageBatch>(&mut lines);
    row::<set_queue_attributes::SetQueueAttributes>(&mut lines);
    row::<start_message_move_task::StartMessageMoveTask>(&mut lines);
    row::<tag_queue::TagQueue>(&mut lines);
    row::<untag_queue::UntagQueue>(&mut lines);
    lines
}

#[test]
fn the_shapes_are_those_of_the_service_model() {
    let model: BTreeSet<String> = MODEL
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(str::to_owned)
        .collect();
    let ours = ours();
    let missing: Vec<_> = model.difference(&ours).collect();
    let additional: Vec<_> = ours.difference(&model).collect();
    assert!(
        missing.is_empty() && additional.is_empty(),
        "missing {missing:#?}, additional {additional:#?}"
    );
}

#[test]
fn the_table_has_every_operation_of_the_model_once() {
    let model = MODEL
        .lines()
        .filter(|line| !line.starts_with('#') && !line.contains('.'));
    let model: Vec<_> = model.filter_map(|line| line.split(' ').next()).collect();
    let ours: Vec<_> = OPERATIONS
        .iter()
        .map(|operation| operation.name())
        .collect();
    assert_eq!(ours, model);
}
