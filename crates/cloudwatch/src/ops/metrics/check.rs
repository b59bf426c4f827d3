//! What may be in a request, in CloudWatch's words.
//!
//! CloudWatch names everything that is wrong with a request, a line each; here the first hundred. Texts of collections, lengths, sets and values
//! are those of answers that collectd-cloudwatch's, botocore's and aws-cli's issue trackers recorded.

use api::Fault;

use super::fault;
use super::shape::{Dimension, DimensionFilter};
use crate::metric::identity::DIMENSIONS_MAX;
use crate::metric::{self, Unit, unit};

/// Letters of namespaces, names, and names of dimensions. Source: the service model.
const NAME_CHARS_MAX: usize = 255;
/// Letters of a dimension's value. Source: the service model.
const VALUE_CHARS_MAX: usize = 1024;
/// Dimensions to filter by. Source: ListMetrics.
const FILTERS_MAX: usize = 10;
/// Values lie between this and its negative. Source: `MetricDatum`.
const NUMBER_MAX_EXPONENT: i32 = 360;

/// Faults that are named of one request. Chosen: thirty thousand dimensions may be wrong, and nobody reads so many lines.
const WRONGS_MAX: usize = 100;

/// Of which kind a fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    /// A value is wrong.
    Value,
    /// Values do not go together.
    Combination,
    /// Something is missing.
    Missing,
}

/// What is wrong so far.
#[derive(Debug, Default)]
pub(super) struct Wrongs(Vec<(Code, String)>);

impl Wrongs {
    pub(super) fn add(&mut self, code: Code, text: impl Into<String>) {
        if self.0.len() < WRONGS_MAX {
            self.0.push((code, text.into()));
        }
    }

    /// Everything that is wrong in the way of the first, or nothing.
    pub(super) fn check(&self) -> Result<(), Fault> {
        let Some((code, _)) = self.0.first() else {
            return Ok(());
        };
        let texts = self.0.iter().filter(|(of, _)| of == code);
        let texts: Vec<&str> = texts.map(|(_, text)| text.as_str()).collect();
        Err(fault::sender(*code, texts.join("\n")))
    }

    /// A text of 1 to `most` letters.
    pub(super) fn text(&mut self, name: &str, text: &str, most: usize) {
        if text.is_empty() {
            self.add(Code::Missing, format!("The parameter {name} is required."));
        } else if text.chars().count() > most {
            let text = format!(
                "The parameter {name} must be shorter than {} characters.",
                most + 1
            );
            self.add(Code::Value, text);
        }
    }

    /// A metric's name; control characters are in none.
    pub(super) fn metric_name(&mut self, name: &str, text: &str) {
        self.text(name, text, NAME_CHARS_MAX);
        if text.chars().any(char::is_control) {
            self.invalid(name, text);
        }
    }

    pub(super) fn namespace(&mut self, text: &str) {
        self.metric_name("Namespace", text);
        if text.starts_with(':') {
            self.invalid("Namespace", text);
        }
    }

    /// A value that cannot be.
    pub(super) fn invalid(&mut self, name: &str, value: &str) {
        let text = format!("The value {value} for parameter {name} is invalid.");
        self.add(Code::Value, text);
    }

    /// A number within what is kept.
    pub(super) fn number(&mut self, name: &str, number: f64) {
        if number.is_nan() || number.abs() > 2_f64.powi(NUMBER_MAX_EXPONENT) {
            self.invalid(name, &shown(number));
        }
    }

    /// A number above zero.
    pub(super) fn count(&mut self, name: &str, number: f64) {
        let text = if number == 0.0 {
            format!("The parameter {name} must not equal 0.")
        } else if number < 0.0 {
            format!("The parameter {name} must be greater than 0.")
        } else {
            return self.number(name, number);
        };
        self.add(Code::Value, text);
    }

    pub(super) fn size(&mut self, name: &str, size: usize, most: usize) {
        if size > most {
            let text = format!("The collection {name} must not have a size greater than {most}.");
            self.add(Code::Value, text);
        }
    }

    pub(super) fn set(&mut self, name: &str, values: &[&str]) {
        let text = format!(
            "The parameter {name} must be a value in the set [ {} ].",
            values.join(", ")
        );
        self.add(Code::Value, text);
    }

    pub(super) fn unit(&mut self, name: &str, text: Option<&str>) -> Option<Unit> {
        let unit = text?.parse().ok();
        if unit.is_none() {
            self.set(name, &unit::ALL.map(Unit::as_str));
        }
        unit
    }

    /// A metric's dimensions.
    pub(super) fn dimensions(&mut self, name: &str, dimensions: &[Dimension]) {
        self.size(name, dimensions.len(), DIMENSIONS_MAX);
        for (number, dimension) in (1..).zip(dimensions) {
            let member = format!("{name}.member.{number}");
            self.dimension_part(&format!("{member}.Name"), &dimension.name, NAME_CHARS_MAX);
            self.dimension_part(
                &format!("{member}.Value"),
                &dimension.value,
                VALUE_CHARS_MAX,
            );
        }
        let mut names: Vec<&str> = dimensions.iter().map(|it| it.name.as_str()).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair.first() == pair.last()) {
            let text = "No metric may specify the same dimension name twice.";
            self.add(Code::Value, text);
        }
    }

    fn dimension_part(&mut self, name: &str, text: &str, most: usize) {
        self.text(name, text, most);
        let is_sound = text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
            && text.bytes().any(|byte| byte != b' ');
        if !text.is_empty() && (!is_sound || text.starts_with(':')) {
            self.invalid(name, text);
        }
    }

    pub(super) fn filters(&mut self, filters: &[DimensionFilter]) {
        self.size("Dimensions", filters.len(), FILTERS_MAX);
        for (number, filter) in (1..).zip(filters) {
            let member = format!("Dimensions.member.{number}");
            self.text(&format!("{member}.Name"), &filter.name, NAME_CHARS_MAX);
            if let Some(value) = &filter.value {
                self.text(&format!("{member}.Value"), value, VALUE_CHARS_MAX);
            }
        }
    }
}

/// The dimensions of a metric.
pub(super) fn as_dimensions(dimensions: Vec<Dimension>) -> Vec<metric::Dimension> {
    let dimensions = dimensions.iter();
    let dimensions = dimensions.map(|it| metric::Dimension::new(&it.name, &it.value));
    dimensions.collect()
}

fn shown(number: f64) -> String {
    match number {
        _ if number.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "Infinity".to_owned(),
        f64::NEG_INFINITY => "-Infinity".to_owned(),
        other => format!("{other:E}"),
    }
}
