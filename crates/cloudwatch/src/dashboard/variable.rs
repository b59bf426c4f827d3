//! Variables of a dashboard: what people may choose once for many widgets. What is drawn without a choice takes the default.
//!
//! A variable of type `property` sets a property of widgets, such as `region`, or the value of a dimension in rows of
//! metrics, such as `InstanceId`; one of type `pattern` takes the place of a text wherever it stands in widgets.

use serde_json::Value;

use super::check::{self, Fields, Is, Report};
use super::read;

/// Variables of a dashboard. Source: CloudWatch User Guide, "Create flexible CloudWatch dashboards with dashboard variables".
const VARIABLES_MAX: usize = 25;
/// Bytes of a default; a longer one is not put in. Chosen.
const DEFAULT_BYTES_MAX: usize = 1024;
/// Values to choose from. Chosen.
const VALUES_MAX: usize = 500;

pub(super) const VARIABLES: Is = Is::List {
    items: &Is::Told(one),
    min: 0,
    max: VARIABLES_MAX,
};

static FIELDS: Fields = Fields {
    known: &[
        ("type", Is::OneOf(&["property", "pattern"])),
        ("inputType", Is::OneOf(&["input", "radio", "select"])),
        ("id", Is::Text),
        ("label", Is::Text),
        ("property", Is::Text),
        ("pattern", Is::Text),
        ("defaultValue", Is::Text),
        ("visible", Is::Flag),
        ("search", Is::Text),
        ("populateFrom", Is::Text),
        (
            "values",
            Is::List {
                items: &Is::Fields(&VALUE),
                min: 0,
                max: VALUES_MAX,
            },
        ),
    ],
    required: &["type", "inputType", "id"],
};

static VALUE: Fields = Fields {
    known: &[("value", Is::Text), ("label", Is::Text)],
    required: &["value"],
};

fn one(report: &mut Report, path: &str, value: &Value) {
    check::check(report, path, value, &Is::Fields(&FIELDS));
    let object = value.as_object();
    let needed = match value.get("type").and_then(Value::as_str) {
        Some("property") => "property",
        Some("pattern") => "pattern",
        _ => return,
    };
    if let Some(object) = object {
        check::require(report, path, object, &[needed]);
    }
    if value.get("search").is_some() != value.get("populateFrom").is_some() {
        report.error(
            path,
            "Should have properties populateFrom when property search is present",
        );
    }
}

/// The body with the default of each variable in its place.
pub(super) fn applied(body: &Value) -> Value {
    let mut body = body.clone();
    let variables = read::list(&body, "variables").to_vec();
    let mut room = super::body::BODY_BYTES_MAX;
    for variable in variables.iter().take(VARIABLES_MAX) {
        let default = read::text(variable, "defaultValue");
        let Some(default) = default.filter(|it| it.len() <= DEFAULT_BYTES_MAX) else {
            continue;
        };
        let Some(widgets) = body.get_mut("widgets") else {
            break;
        };
        if let Some(pattern) = read::text(variable, "pattern").filter(|it| !it.is_empty()) {
            replace(widgets, &pattern, &default, &mut room);
        } else if let Some(property) = read::text(variable, "property") {
            widgets
                .as_array_mut()
                .into_iter()
                .flatten()
                .for_each(|it| set(it, &property, &default));
        }
    }
    body
}

/// INVARIANT: all texts together grow by at most `room` bytes, so that patterns cannot blow each other up.
fn replace(value: &mut Value, pattern: &str, with: &str, room: &mut usize) {
    match value {
        Value::String(text) if text.contains(pattern) => {
            let growth = text.matches(pattern).count().saturating_mul(with.len());
            if let Some(left) = room.checked_sub(growth) {
                *room = left;
                *text = text.replace(pattern, with);
            }
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| replace(item, pattern, with, room)),
        Value::Object(members) => members
            .values_mut()
            .for_each(|item| replace(item, pattern, with, room)),
        _ => {}
    }
}

fn set(widget: &mut Value, property: &str, to: &str) {
    let Some(properties) = widget.get_mut("properties") else {
        return;
    };
    if let Some(known) = properties
        .get_mut(property)
        .filter(|known| known.is_string())
    {
        *known = Value::from(to);
    }
    let rows = properties.get_mut("metrics").and_then(Value::as_array_mut);
    for row in rows.into_iter().flatten().filter_map(Value::as_array_mut) {
        let mut is_next = false;
        for (index, item) in row.iter_mut().enumerate() {
            if is_next && item.is_string() {
                *item = Value::from(to);
            }
            // Names of dimensions stand at the even places behind namespace and metric.
            is_next = index >= 2 && index.is_multiple_of(2) && item.as_str() == Some(property);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn defaults_take_their_places() {
        let body = json!({
            "variables": [
                {"type": "property", "property": "InstanceId", "inputType": "input", "id": "i", "defaultValue": "i-2"},
                {"type": "property", "property": "region", "inputType": "input", "id": "r", "defaultValue": "eu-west-1"},
                {"type": "pattern", "pattern": "web", "inputType": "input", "id": "p", "defaultValue": "api"},
            ],
            "widgets": [{"properties": {"region": "us-east-1", "title": "web: CPU",
                "metrics": [["AWS/EC2", "InstanceId", "InstanceId", "i-1", "Group", "InstanceId"]]}}],
        });
        let widgets = applied(&body)["widgets"].clone();
        assert_eq!(
            widgets,
            json!([{"properties": {"region": "eu-west-1", "title": "api: CPU",
                "metrics": [["AWS/EC2", "InstanceId", "InstanceId", "i-2", "Group", "InstanceId"]]}}])
        );
    }
}
