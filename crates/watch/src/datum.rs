//! One measured value under the name of its metric: `namespace/name{dimensions}`.

use std::collections::BTreeMap;

use base::Timestamp;
use serde::{Deserialize, Serialize};

/// The namespace of the states of checks: `State{InstanceId,Check}`, 0 to 3, and how long they took.
pub const CHECKS: &str = "Shukuba/Checks";
/// The namespace of what Nagios plugins and built-in checks measure.
pub const PLUGINS: &str = "Shukuba/Plugins";
/// The namespace of what Mackerel plugins measure.
pub const MACKEREL: &str = "Shukuba/Mackerel";
/// The namespace of what Munin plugins measure.
pub const MUNIN: &str = "Shukuba/Munin";
/// The namespace of processes that are kept alive.
pub const KEEP: &str = "Shukuba/Keep";

/// The dimension that says which host.
pub const INSTANCE: &str = "InstanceId";
/// The dimension that says which check.
pub const CHECK: &str = "Check";

/// One value of a metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Datum {
    /// Such as `AWS/EC2`.
    pub namespace: String,
    /// Such as `CPUUtilization`. 1 to 255 characters.
    pub name: String,
    /// Of what: at most 30, by name.
    pub dimensions: BTreeMap<String, String>,
    /// In which unit.
    pub unit: Unit,
    /// A finite number.
    pub value: f64,
    /// When it was measured.
    pub at: Timestamp,
    /// 1 for values that come more often than once a minute, else 60.
    pub resolution_secs: u32,
}

/// A unit, as CloudWatch names it: those that are measured here.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Unit {
    Seconds,
    Microseconds,
    Milliseconds,
    Bytes,
    Kilobytes,
    Megabytes,
    Gigabytes,
    Terabytes,
    Percent,
    Count,
    #[serde(rename = "Bytes/Second")]
    BytesPerSecond,
    #[serde(rename = "Bits/Second")]
    BitsPerSecond,
    #[serde(rename = "Count/Second")]
    CountPerSecond,
    #[default]
    None,
}

impl Unit {
    /// As CloudWatch's API writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Seconds => "Seconds",
            Self::Microseconds => "Microseconds",
            Self::Milliseconds => "Milliseconds",
            Self::Bytes => "Bytes",
            Self::Kilobytes => "Kilobytes",
            Self::Megabytes => "Megabytes",
            Self::Gigabytes => "Gigabytes",
            Self::Terabytes => "Terabytes",
            Self::Percent => "Percent",
            Self::Count => "Count",
            Self::BytesPerSecond => "Bytes/Second",
            Self::BitsPerSecond => "Bits/Second",
            Self::CountPerSecond => "Count/Second",
            Self::None => "None",
        }
    }
}

/// What a plugin or a sampler measured, before it is known of which host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The metric's namespace, one of this module's or AWS's.
    pub namespace: String,
    /// The metric's name.
    pub name: String,
    /// The unit.
    pub unit: Unit,
    /// The value.
    pub value: f64,
    /// When, where whoever measured it says so.
    #[serde(default)]
    pub at: Option<Timestamp>,
    /// Dimensions beside the host's.
    pub dimensions: BTreeMap<String, String>,
}

impl Measured {
    /// The value `value` of the metric `name`, now, without dimensions.
    #[must_use]
    pub fn new(namespace: &str, name: &str, unit: Unit, value: f64) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            unit,
            value,
            at: None,
            dimensions: BTreeMap::new(),
        }
    }

    /// The same with one more dimension.
    #[must_use]
    pub fn with(mut self, dimension: &str, value: &str) -> Self {
        self.dimensions
            .insert(dimension.to_owned(), value.to_owned());
        self
    }

    /// As a datum of the host `instance`, measured `at` where it does not say so itself. `None` for what is no finite number or has
    /// no name.
    #[must_use]
    pub fn of(mut self, instance: &str, at: Timestamp, resolution_secs: u32) -> Option<Datum> {
        if !self.value.is_finite() || self.name.is_empty() {
            return None;
        }
        self.dimensions
            .insert(INSTANCE.to_owned(), instance.to_owned());
        Some(Datum {
            namespace: self.namespace,
            name: self.name.chars().take(NAME_MAX).collect(),
            dimensions: self.dimensions,
            unit: self.unit,
            value: self.value,
            at: self.at.unwrap_or(at),
            resolution_secs,
        })
    }
}

/// Characters of a metric's name. Source: CloudWatch API Reference, `MetricDatum`.
const NAME_MAX: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datum_is_of_its_host_and_of_nothing_that_is_no_number() {
        let at = Timestamp::from_secs(60);
        let load = Measured::new(PLUGINS, "load1", Unit::None, 0.5).with(CHECK, "load");
        let datum = load.clone().of("i-1", at, 60).unwrap();
        assert_eq!(datum.dimensions[INSTANCE], "i-1");
        assert_eq!(datum.dimensions[CHECK], "load");
        assert_eq!(datum.at, at);
        let text = serde_json::to_string(&datum).unwrap();
        assert_eq!(serde_json::from_str::<Datum>(&text).unwrap(), datum);
        let none = Measured {
            value: f64::NAN,
            ..load
        };
        assert_eq!(none.of("i-1", at, 60), None);
    }
}
