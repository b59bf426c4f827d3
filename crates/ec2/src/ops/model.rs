//! The table of operations against the service model: requests have every member of it, answers have none that it lacks,
//! and all of them have its kinds and its names in the `ec2` protocol.

use std::collections::{BTreeMap, BTreeSet};

use api::model;
use api::operation::shapes;
use wire::{Kind, Member, Schema, Support};

use super::OPERATIONS;

const MODEL: &str = include_str!("../../models/ec2-2016-11-15.txt");

/// A member as the model has it.
#[derive(Debug, PartialEq)]
struct Row {
    kind: String,
    wire: String,
    item: Option<String>,
    is_required: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Request,
    Answer,
}

/// Members by name, by shape.
fn rows() -> BTreeMap<&'static str, BTreeMap<&'static str, Row>> {
    let mut shapes: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    for line in MODEL.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<_> = line.split(' ').collect();
        let Some((shape, member)) = words[0].split_once('.') else {
            continue;
        };
        let row = Row {
            kind: words[1].to_owned(),
            wire: words[2].to_owned(),
            item: words
                .iter()
                .find_map(|word| word.strip_prefix("item="))
                .map(str::to_owned),
            is_required: words.contains(&"required"),
        };
        shapes.entry(shape).or_default().insert(member, row);
    }
    shapes
}

fn kind(of: &Kind) -> String {
    match of {
        Kind::List(item) => format!("list<{}>", kind(item)),
        Kind::Structure(schema) => schema().name.to_owned(),
        plain => plain.model_name().to_owned(),
    }
}

fn capital(text: &str) -> String {
    let (first, rest) = text.split_at(1);
    format!("{}{rest}", first.to_ascii_uppercase())
}

fn check(member: &Member, row: &Row, way: Way, place: &str) {
    let own = kind(member.kind);
    if own.contains("Unsupported") {
        assert_ne!(member.support, Support::Full, "{place}");
        let (list, model_list) = (own.starts_with("list<"), row.kind.starts_with("list<"));
        assert_eq!(list, model_list, "{place}");
    } else {
        assert_eq!(own, row.kind, "{place}");
    }
    match way {
        // In a form lists have no items' names, and every name begins with a capital.
        Way::Request => {
            assert_eq!(member.ec2_name(), capital(&row.wire).as_str(), "{place}");
            assert_eq!(member.is_required, row.is_required, "{place}");
        }
        Way::Answer => {
            assert_eq!(member.query_name(), row.wire, "{place}");
            if own.starts_with("list<") {
                assert_eq!(Some(member.item), row.item.as_deref(), "{place}");
            }
        }
    }
}

fn walk(schema: &'static Schema, way: Way, seen: &mut BTreeSet<&'static str>) {
    if ["Unsupported", "Nothing"].contains(&schema.name) || !seen.insert(schema.name) {
        return;
    }
    let rows = rows();
    let rows = rows
        .get(schema.name)
        .unwrap_or_else(|| panic!("no shape {}", schema.name));
    for member in schema.members {
        let place = format!("{}.{}", schema.name, member.name);
        let row = rows
            .get(member.name)
            .unwrap_or_else(|| panic!("no member {place}"));
        check(member, row, way, &place);
        if let Some(nested) = member.kind.structure() {
            walk(nested, way, seen);
        }
    }
    if way == Way::Request {
        let own: BTreeSet<_> = schema.members.iter().map(|member| member.name).collect();
        let missing: Vec<_> = rows.keys().filter(|name| !own.contains(**name)).collect();
        assert!(missing.is_empty(), "{} lacks {missing:?}", schema.name);
    }
}

#[test]
fn requests_have_every_member_of_the_model() {
    let mut seen = BTreeSet::new();
    shapes(OPERATIONS).for_each(|(_, input, ..)| walk(input, Way::Request, &mut seen));
    assert!(seen.len() > 17);
}

#[test]
fn answers_have_members_of_the_model_under_its_names() {
    let mut seen = BTreeSet::new();
    shapes(OPERATIONS).for_each(|(_, _, output, _)| walk(output, Way::Answer, &mut seen));
    assert!(seen.len() > 17);
}

#[test]
fn operations_have_the_shapes_of_the_model() {
    for (name, input, output, _) in shapes(OPERATIONS) {
        let answer = if output.is_output() { output.name } else { "-" };
        let line = format!("{name} {} {answer}", input.name);
        assert!(MODEL.lines().any(|known| known == line), "{line}");
    }
}

#[test]
fn the_table_has_every_operation_of_the_model_once() {
    model::check_table(shapes(OPERATIONS), MODEL);
}
