//! An `ExportMetricsServiceRequest`, as far as it is kept: the same from protobuf and from JSON.
//!
//! Members that are not read (descriptions, exemplars, schema URLs) say nothing that a metric of CloudWatch has a
//! place for.
//!
//! Source: opentelemetry-proto 1.x, `metrics.proto`, `common.proto`; OTLP specification, "JSON Protobuf Encoding".

use serde::Deserialize;

use super::json::{double, doubles, option_double, option_int, unsigned, unsigneds};

/// All of a request.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::ingest) struct Request {
    pub(super) resource_metrics: Vec<ResourceMetrics>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ResourceMetrics {
    pub(super) resource: Resource,
    pub(super) scope_metrics: Vec<ScopeMetrics>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Resource {
    pub(super) attributes: Vec<Attribute>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ScopeMetrics {
    pub(super) scope: Scope,
    pub(super) metrics: Vec<Metric>,
}

/// Which library measured: it tells running totals apart, and is no dimension.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Scope {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) attributes: Vec<Attribute>,
}

/// A metric has one of the five kinds.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Metric {
    pub(super) name: String,
    pub(super) unit: String,
    pub(super) gauge: Option<Points<Number>>,
    pub(super) sum: Option<Points<Number>>,
    pub(super) histogram: Option<Points<Histogram>>,
    pub(super) exponential_histogram: Option<Points<Exponential>>,
    pub(super) summary: Option<Points<Summary>>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(
    rename_all = "camelCase",
    default,
    bound(deserialize = "P: Deserialize<'de>")
)]
pub(super) struct Points<P> {
    pub(super) data_points: Vec<P>,
    /// One of [`DELTA`] and [`CUMULATIVE`]; nothing of gauges and summaries.
    pub(super) aggregation_temporality: i32,
    pub(super) is_monotonic: bool,
}

/// What is new since the point before.
pub(super) const DELTA: i32 = 1;
/// All since the start.
pub(super) const CUMULATIVE: i32 = 2;
/// The flag of a point that says there is no value. Source: `DataPointFlags`.
pub(super) const NO_VALUE: u64 = 1;

impl<P> Default for Points<P> {
    fn default() -> Self {
        Self {
            data_points: Vec::new(),
            aggregation_temporality: 0,
            is_monotonic: false,
        }
    }
}

/// What every point has. Times in nanoseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Head {
    pub(super) attributes: Vec<Attribute>,
    #[serde(deserialize_with = "unsigned")]
    pub(super) start_time_unix_nano: u64,
    #[serde(deserialize_with = "unsigned")]
    pub(super) time_unix_nano: u64,
    #[serde(deserialize_with = "unsigned")]
    pub(super) flags: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Number {
    #[serde(flatten)]
    pub(super) head: Head,
    #[serde(deserialize_with = "option_double")]
    pub(super) as_double: Option<f64>,
    #[serde(deserialize_with = "option_int")]
    pub(super) as_int: Option<i64>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Histogram {
    #[serde(flatten)]
    pub(super) head: Head,
    #[serde(deserialize_with = "unsigned")]
    pub(super) count: u64,
    #[serde(deserialize_with = "option_double")]
    pub(super) sum: Option<f64>,
    #[serde(deserialize_with = "unsigneds")]
    pub(super) bucket_counts: Vec<u64>,
    #[serde(deserialize_with = "doubles")]
    pub(super) explicit_bounds: Vec<f64>,
    #[serde(deserialize_with = "option_double")]
    pub(super) min: Option<f64>,
    #[serde(deserialize_with = "option_double")]
    pub(super) max: Option<f64>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Exponential {
    #[serde(flatten)]
    pub(super) head: Head,
    #[serde(deserialize_with = "unsigned")]
    pub(super) count: u64,
    #[serde(deserialize_with = "option_double")]
    pub(super) sum: Option<f64>,
    pub(super) scale: i32,
    #[serde(deserialize_with = "unsigned")]
    pub(super) zero_count: u64,
    pub(super) positive: Indexed,
    pub(super) negative: Indexed,
    #[serde(deserialize_with = "option_double")]
    pub(super) min: Option<f64>,
    #[serde(deserialize_with = "option_double")]
    pub(super) max: Option<f64>,
}

/// Buckets one after the other from an index on.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Indexed {
    pub(super) offset: i32,
    #[serde(deserialize_with = "unsigneds")]
    pub(super) bucket_counts: Vec<u64>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Summary {
    #[serde(flatten)]
    pub(super) head: Head,
    #[serde(deserialize_with = "unsigned")]
    pub(super) count: u64,
    #[serde(deserialize_with = "double")]
    pub(super) sum: f64,
    pub(super) quantile_values: Vec<Quantile>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Quantile {
    #[serde(deserialize_with = "double")]
    pub(super) value: f64,
}

/// What a point or a resource says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Attribute {
    pub(super) key: String,
    pub(super) value: AnyValue,
}

/// The value as text; nothing where it is bytes, a list or a map.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(from = "SentValue")]
pub(super) struct AnyValue(pub(super) Option<String>);

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SentValue {
    string_value: Option<String>,
    bool_value: Option<bool>,
    #[serde(deserialize_with = "option_int")]
    int_value: Option<i64>,
    #[serde(deserialize_with = "option_double")]
    double_value: Option<f64>,
}

impl From<SentValue> for AnyValue {
    fn from(sent: SentValue) -> Self {
        let text = sent
            .string_value
            .or_else(|| sent.bool_value.map(|it| it.to_string()))
            .or_else(|| sent.int_value.map(|it| it.to_string()))
            .or_else(|| sent.double_value.map(|it| it.to_string()));
        Self(text)
    }
}
