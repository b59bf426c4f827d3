//! Operations against the service model that AWS publishes: the same operations, the same members, the same kinds, the same need.
//!
//! A model's file has a line for each operation, `Operation Input Output` (`-` for an answer without members), and one for each member of
//! their shapes, `Shape.Member kind [required]`; what begins with `#` says where it is from. For the tests of services.

use std::collections::BTreeSet;

use wire::{Kind, Schema};

use crate::operation::Shapes;

/// Compares a service's shapes with its model.
///
/// # Panics
/// Where one of them has a line that the other lacks.
pub fn check_shapes(ours: impl Iterator<Item = Shapes>, model: &str) {
    let mut lines = BTreeSet::new();
    ours.for_each(|operation| row(operation, &mut lines));
    let model: BTreeSet<String> = rows_of(model).map(str::to_owned).collect();
    let missing: Vec<_> = model.difference(&lines).collect();
    let additional: Vec<_> = lines.difference(&model).collect();
    assert!(
        missing.is_empty() && additional.is_empty(),
        "missing {missing:#?}, additional {additional:#?}"
    );
}

/// Compares the names of a service's table, and their order, with its model.
///
/// # Panics
/// Where the table has not each operation of the model once, in the order of names.
pub fn check_table(ours: impl Iterator<Item = Shapes>, model: &str) {
    let model = rows_of(model).filter(|line| !line.contains('.'));
    let model: Vec<_> = model.filter_map(|line| line.split(' ').next()).collect();
    let ours: Vec<_> = ours.map(|(name, ..)| name).collect();
    assert_eq!(ours, model);
}

fn rows_of(model: &str) -> impl Iterator<Item = &str> {
    model.lines().filter(|line| !line.starts_with('#'))
}

/// Writes one operation and its shapes as the model's file has them.
fn row((name, input, output): Shapes, lines: &mut BTreeSet<String>) {
    let answer = if output.members.is_empty() {
        "-"
    } else {
        output.name
    };
    lines.insert(format!("{name} {} {answer}", input.name));
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
