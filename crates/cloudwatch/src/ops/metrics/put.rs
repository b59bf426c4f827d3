//! PutMetricData: values, values with counts, statistic sets; with or without entities.
//!
//! Values and a statistic set together are accepted, as CloudWatch does; the values say more and count.
//!
//! Source: CloudWatch API Reference, PutMetricData, MetricDatum, StatisticSet, EntityMetricData.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{Access, Act, Audit, Caller, Ctx, Fault, Nothing};
use base::Timestamp;
use wire::Shape;

use super::Desk;
use super::check::{Code, Wrongs, as_dimensions};
use super::fault;
use super::shape::Dimension;
use crate::metric::Identity;
use crate::series::{Datum, Resolution, Sample};

/// Data of a request. Source: PutMetricData.
const DATA_MAX: usize = 1000;
/// Values of a datum. Source: `MetricDatum`.
const VALUES_MAX: usize = 150;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct PutMetricDataInput {
    #[shape(required)]
    namespace: String,
    metric_data: Vec<MetricDatum>,
    entity_metric_data: Vec<EntityMetricData>,
    // Entities are not kept, so none of them can be wrong.
    #[shape(ignored)]
    strict_entity_validation: Option<bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct EntityMetricData {
    #[shape(ignored)]
    entity: Option<Entity>,
    metric_data: Vec<MetricDatum>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct Entity {
    key_attributes: BTreeMap<String, String>,
    attributes: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct MetricDatum {
    #[shape(required)]
    metric_name: String,
    dimensions: Vec<Dimension>,
    timestamp: Option<Timestamp>,
    value: Option<f64>,
    statistic_values: Option<StatisticSet>,
    values: Vec<f64>,
    counts: Vec<f64>,
    unit: Option<String>,
    storage_resolution: Option<i32>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct StatisticSet {
    #[shape(required)]
    sample_count: f64,
    #[shape(required)]
    sum: f64,
    #[shape(required)]
    minimum: f64,
    #[shape(required)]
    maximum: f64,
}

impl Act<Desk> for PutMetricDataInput {
    type Output = Nothing;
    const ACTION: &'static str = "cloudwatch:PutMetricData";
    const AUDIT: Audit = Audit::Data;

    fn touches(&self, desk: &Desk, _caller: &Caller) -> Vec<Access> {
        let access = Access::new(Self::ACTION, desk.place.all());
        vec![access.with("cloudwatch:namespace", &self.namespace)]
    }

    async fn act(self, desk: &Arc<Desk>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        desk.blocking(move |desk| self.answer(desk)).await
    }
}

impl PutMetricDataInput {
    fn answer(self, desk: &Desk) -> Result<Nothing, Fault> {
        let mut wrongs = Wrongs::default();
        wrongs.namespace(&self.namespace);
        let namespace = self.namespace;
        let mut data = members(self.metric_data, "MetricData");
        for (number, entity) in (1..).zip(self.entity_metric_data) {
            let of = format!("EntityMetricData.member.{number}.MetricData");
            data.extend(members(entity.metric_data, &of));
        }
        if data.is_empty() {
            wrongs.add(Code::Missing, "The parameter MetricData is required.");
        }
        wrongs.size("MetricData", data.len(), DATA_MAX);
        // What is too much is not looked at one by one.
        wrongs.check()?;
        let now = desk.clock.now();
        let (names, data): (Vec<String>, Vec<MetricDatum>) = data.into_iter().unzip();
        let data = names
            .iter()
            .zip(data)
            .filter_map(|(name, datum)| datum.checked(name, &namespace, now, &mut wrongs));
        let data: Vec<Datum> = data.collect();
        wrongs.check()?;
        let put = desk.store.put(&data);
        put.map_err(|error| {
            fault::of_put(error, |index| names.get(index).cloned().unwrap_or_default())
        })?;
        Ok(Nothing {})
    }
}

/// Data, and what each is called.
fn members(data: Vec<MetricDatum>, of: &str) -> Vec<(String, MetricDatum)> {
    let named = (1..).zip(data);
    let named = named.map(|(number, datum)| (format!("{of}.member.{number}"), datum));
    named.collect()
}

impl MetricDatum {
    /// The datum, when nothing is wrong with it.
    fn checked(
        self,
        name: &str,
        namespace: &str,
        now: Timestamp,
        wrongs: &mut Wrongs,
    ) -> Option<Datum> {
        wrongs.metric_name(&format!("{name}.MetricName"), &self.metric_name);
        wrongs.dimensions(&format!("{name}.Dimensions"), &self.dimensions);
        let unit = wrongs.unit(&format!("{name}.Unit"), self.unit.as_deref());
        let resolution = match self.storage_resolution {
            None | Some(60) => Resolution::Minute,
            Some(1) => Resolution::Second,
            Some(_) => {
                wrongs.set(&format!("{name}.StorageResolution"), &["1", "60"]);
                Resolution::Minute
            }
        };
        let sample = self.sample(name, wrongs)?;
        let dimensions = as_dimensions(self.dimensions);
        Some(Datum {
            identity: Identity::new(namespace, &self.metric_name, dimensions),
            unit: unit.unwrap_or_default(),
            at: self.timestamp.unwrap_or(now),
            resolution,
            sample,
        })
    }

    fn sample(&self, name: &str, wrongs: &mut Wrongs) -> Option<Sample> {
        let part = |part: &str| format!("{name}.{part}");
        let mut both = |one: &str, other: &str| {
            let text = format!(
                "The parameters {name}.{one} and {name}.{other} are mutually exclusive and you have specified both."
            );
            wrongs.add(Code::Combination, text);
            None
        };
        let has_values = !self.values.is_empty();
        if let Some(value) = self.value {
            if has_values {
                return both("Value", "Values");
            }
            if self.statistic_values.is_some() {
                return both("Value", "StatisticValues");
            }
            if !self.counts.is_empty() {
                return both("Value", "Counts");
            }
            wrongs.number(&part("Value"), value);
            return Some(Sample::Value(plain(value)));
        }
        if !self.counts.is_empty() && self.counts.len() != self.values.len() {
            let text =
                format!("The parameters {name}.Values and {name}.Counts must be of the same size.");
            wrongs.add(Code::Value, text);
            return None;
        }
        if has_values {
            return Some(self.values(name, wrongs));
        }
        let Some(set) = &self.statistic_values else {
            let text = format!(
                "At least one of the parameters {name}.Value, {name}.Values or {name}.StatisticValues must be specified."
            );
            wrongs.add(Code::Missing, text);
            return None;
        };
        Some(set.checked(&part("StatisticValues"), wrongs))
    }

    fn values(&self, name: &str, wrongs: &mut Wrongs) -> Sample {
        wrongs.size(&format!("{name}.Values"), self.values.len(), VALUES_MAX);
        for (number, value) in (1..).zip(&self.values) {
            wrongs.number(&format!("{name}.Values.member.{number}"), *value);
        }
        for (number, count) in (1..).zip(&self.counts) {
            wrongs.count(&format!("{name}.Counts.member.{number}"), *count);
        }
        let counts = self.counts.iter().copied().chain(std::iter::repeat(1.0));
        let values = self.values.iter().copied().map(plain);
        Sample::Values(values.zip(counts).collect())
    }
}

impl StatisticSet {
    fn checked(&self, name: &str, wrongs: &mut Wrongs) -> Sample {
        wrongs.count(&format!("{name}.SampleCount"), self.sample_count);
        wrongs.number(&format!("{name}.Sum"), self.sum);
        wrongs.number(&format!("{name}.Minimum"), self.minimum);
        wrongs.number(&format!("{name}.Maximum"), self.maximum);
        if self.maximum < self.minimum {
            let text = format!("The parameter {name}.Maximum must be greater than {name}.Minimum.");
            wrongs.add(Code::Value, text);
        }
        Sample::Set {
            count: self.sample_count,
            sum: plain(self.sum),
            min: plain(self.minimum),
            max: plain(self.maximum),
        }
    }
}

/// Zero has no sign here.
fn plain(value: f64) -> f64 {
    value + 0.0
}
