//! The shapes against the service model: the same operations, the same members, the same kinds, the same need.

use std::collections::BTreeSet;

use api::AnyOperation;
use wire::{Kind, Schema};

use super::Desk;
use super::OPERATIONS;

const MODEL: &str = include_str!("../../models/cloudtrail-2013-11-01.txt");

/// Writes one operation and its shapes as the model's file has them.
fn row(operation: &dyn AnyOperation<Desk>, lines: &mut BTreeSet<String>) {
    let (input, output) = (operation.input_schema(), operation.output_schema());
    let answer = if output.members.is_empty() {
        "-"
    } else {
        output.name
    };
    lines.insert(format!("{} {} {answer}", operation.name(), input.name));
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
    OPERATIONS
        .iter()
        .for_each(|operation| row(*operation, &mut lines));
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
