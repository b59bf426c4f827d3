//! The rows of `metrics`: `[Namespace, Metric, Dimension, Value, …, {options}]` or `[{expression, …}]`, and their short form.
//!
//! `"."` is what the row above has at that place; `"..."` is what it has up to the places that are written behind:
//! under `["AWS/EC2", "CPUUtilization", "InstanceId", "i-1"]`, `["...", "i-2"]` is the same of another instance.
//!
//! Source: CloudWatch API Reference, "Dashboard Body Structure and Syntax", "Metrics array format".

use serde_json::Value;

use super::check::is_colour;
use super::read::{flag, period, text};
use crate::metric::{Dimension, Identity, Statistic, identity};

/// Ids have up to so many characters. Source: CloudWatch API Reference, `MetricDataQuery`.
const ID_CHARS_MAX: usize = 255;

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What it shows.
    pub source: Source,
    /// The id by which expressions name it.
    pub id: Option<String>,
    /// What people read.
    pub label: Option<String>,
    /// Which statistic, else the widget's.
    pub statistic: Option<Statistic>,
    /// Seconds of a period, else the widget's.
    pub period_secs: Option<u32>,
    /// Such as `#d62728`.
    pub colour: Option<String>,
    /// On which axis.
    pub side: Side,
    /// Whether it is drawn, or only used by expressions.
    pub is_visible: bool,
}

/// What a row shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// A metric.
    Metric(Identity),
    /// An expression.
    Expression(String),
}

/// An axis of a graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Side {
    /// The one at the left.
    #[default]
    Left,
    /// The one at the right.
    Right,
}

/// Reads all rows; `None` at the place of one that is not right.
#[must_use]
pub fn rows(metrics: &[Value]) -> Vec<Option<Row>> {
    let mut above: Vec<String> = Vec::new();
    metrics.iter().map(|row| read(row, &mut above)).collect()
}

fn read(row: &Value, above: &mut Vec<String>) -> Option<Row> {
    let items = row.as_array()?;
    let (options, names) = match items.split_last() {
        Some((last, before)) if last.is_object() => (last, before),
        _ => (&Value::Null, items.as_slice()),
    };
    let names: Vec<&str> = names.iter().map(Value::as_str).collect::<Option<_>>()?;
    if names.is_empty() {
        let expression = text(options, "expression")?;
        return with_options(Source::Expression(expression), options);
    }
    let names = expanded(&names, above)?;
    let source = Source::Metric(metric(&names)?);
    *above = names;
    with_options(source, options)
}

/// Writes out what is short.
fn expanded(names: &[&str], above: &[String]) -> Option<Vec<String>> {
    let names: Vec<String> = match names.split_first() {
        Some((&"...", behind)) => {
            let kept = above.len().checked_sub(behind.len())?;
            let kept = above.iter().take(kept).cloned();
            kept.chain(behind.iter().map(|name| (*name).to_owned()))
                .collect()
        }
        _ => names.iter().map(|name| (*name).to_owned()).collect(),
    };
    let written = names.into_iter().enumerate();
    written
        .map(|(index, name)| match name.as_str() {
            "." => above.get(index).cloned(),
            "..." => None,
            _ => Some(name),
        })
        .collect()
}

fn metric(names: &[String]) -> Option<Identity> {
    let (namespace, rest) = names.split_first()?;
    let (name, dimensions) = rest.split_first()?;
    let is_right = !namespace.is_empty() && !name.is_empty() && dimensions.len().is_multiple_of(2);
    if !is_right || dimensions.len() > 2 * identity::DIMENSIONS_MAX {
        return None;
    }
    let pairs = dimensions.chunks_exact(2).filter_map(|pair| match pair {
        [name, value] => Some(Dimension::new(name, value)),
        _ => None,
    });
    Some(Identity::new(namespace, name, pairs.collect()))
}

fn with_options(source: Source, options: &Value) -> Option<Row> {
    let statistic = match options.get("stat") {
        None => None,
        Some(stat) => Some(stat.as_str()?.parse().ok()?),
    };
    let period_secs = match options.get("period") {
        None => None,
        Some(secs) => Some(period(secs)?),
    };
    let id = options
        .get("id")
        .map(|id| id.as_str().filter(|id| is_id(id)));
    let colour = options
        .get("color")
        .map(|colour| colour.as_str().filter(|it| is_colour(it)));
    Some(Row {
        source,
        id: transposed(id)?,
        label: text(options, "label"),
        statistic,
        period_secs,
        colour: transposed(colour)?,
        side: side(options.get("yAxis"))?,
        is_visible: flag(options, "visible").unwrap_or(true),
    })
}

/// Nothing where nothing was said; `None` outside where it was wrong.
fn transposed(said: Option<Option<&str>>) -> Option<Option<String>> {
    match said {
        None => Some(None),
        Some(right) => right.map(|text| Some(text.to_owned())),
    }
}

pub(crate) fn side(value: Option<&Value>) -> Option<Side> {
    match value.map(Value::as_str) {
        None | Some(Some("left")) => Some(Side::Left),
        Some(Some("right")) => Some(Side::Right),
        Some(_) => None,
    }
}

/// A small letter, then letters, digits and `_`.
fn is_id(id: &str) -> bool {
    let mut letters = id.chars();
    letters
        .next()
        .is_some_and(|first| first.is_ascii_lowercase())
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        && id.len() <= ID_CHARS_MAX
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(metrics: &Value) -> Vec<String> {
        let rows = rows(metrics.as_array().unwrap()).into_iter();
        rows.map(|row| match row.map(|row| row.source) {
            None => "wrong".to_owned(),
            Some(Source::Metric(identity)) => identity.to_string(),
            Some(Source::Expression(text)) => text,
        })
        .collect()
    }

    // The first examples are those of the API reference.
    #[test]
    fn short_rows_repeat_the_row_above() {
        for (metrics, expected) in [
            (
                json!([
                    ["AWS/EC2", "CPUUtilization", "InstanceId", "i-1"],
                    [".", ".", ".", "i-2"],
                    ["...", "i-3"],
                    [".", "NetworkIn", ".", "i-4"],
                    ["...", {"stat": "p99"}],
                ]),
                vec![
                    "AWS/EC2/CPUUtilization{InstanceId=i-1}",
                    "AWS/EC2/CPUUtilization{InstanceId=i-2}",
                    "AWS/EC2/CPUUtilization{InstanceId=i-3}",
                    "AWS/EC2/NetworkIn{InstanceId=i-4}",
                    "AWS/EC2/NetworkIn{InstanceId=i-4}",
                ],
            ),
            (
                json!([["N", "M", "A", "1", "B", "2"], ["...", "3", ".", "4"], [{"expression": "m1+1"}], ["..."]]),
                vec!["N/M{A=1,B=2}", "N/M{A=3,B=4}", "m1+1", "N/M{A=3,B=4}"],
            ),
            (json!([["N", "M"], ["...", "O"]]), vec!["N/M{}", "N/O{}"]),
            (
                json!([
                    ["...", "i"],
                    ["."],
                    ["N"],
                    ["N", "M", "D"],
                    [{}],
                    [],
                    "x",
                    [1],
                    ["N", "...", "O"]
                ]),
                vec!["wrong"; 9],
            ),
        ] {
            assert_eq!(shown(&metrics), expected);
        }
    }

    #[test]
    fn options_that_are_wrong_make_the_row_wrong() {
        for options in [
            json!({"stat": "Middle"}),
            json!({"period": 61}),
            json!({"id": "M1"}),
            json!({"color": "red"}),
            json!({"yAxis": "top"}),
        ] {
            assert_eq!(shown(&json!([["N", "M", options]])), ["wrong"], "{options}");
        }
    }
}
