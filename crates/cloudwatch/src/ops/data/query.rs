//! A query on the wire, and what it means.

use wire::Shape;

use super::fault::Wrong;
use crate::metric::identity::DIMENSIONS_MAX;
use crate::metric::{self, Identity, Query, Source, Stat, unit};

/// Characters of a namespace and of names. Source: the service model.
const NAME_CHARS_MAX: usize = 255;
/// Characters of a dimension's value. Source: the service model.
const VALUE_CHARS_MAX: usize = 1024;

/// One query of `GetMetricData` or of an alarm.
#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(crate) struct MetricDataQuery {
    #[shape(required)]
    pub(crate) id: String,
    pub(crate) metric_stat: Option<MetricStat>,
    pub(crate) expression: Option<String>,
    pub(crate) label: Option<String>,
    pub(crate) return_data: Option<bool>,
    pub(crate) period: Option<i32>,
    pub(crate) account_id: Option<String>,
}

/// One statistic of one metric.
#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(crate) struct MetricStat {
    #[shape(required)]
    pub(crate) metric: Metric,
    #[shape(required)]
    pub(crate) period: i32,
    #[shape(required)]
    pub(crate) stat: String,
    pub(crate) unit: Option<String>,
}

/// A metric.
#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(crate) struct Metric {
    pub(crate) namespace: Option<String>,
    pub(crate) metric_name: Option<String>,
    pub(crate) dimensions: Option<Vec<Dimension>>,
}

/// A dimension of a metric.
#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(crate) struct Dimension {
    #[shape(required)]
    pub(crate) name: String,
    #[shape(required)]
    pub(crate) value: String,
}

impl MetricDataQuery {
    /// What it means. `path` is where it stands, such as `MetricDataQueries.member.1`; `account` is whose metrics there are.
    pub(crate) fn read(&self, path: &str, account: &str) -> Result<Query, Wrong> {
        let other = self.account_id.as_deref().filter(|it| *it != account);
        if let Some(other) = other {
            return Err(Wrong::Account {
                account: other.to_owned(),
            });
        }
        let source = match (&self.metric_stat, &self.expression) {
            (Some(_), Some(_)) => return Err(Wrong::Both),
            (None, None) => return Err(Wrong::Neither),
            (Some(stat), None) => Source::Metric(stat.read(&format!("{path}.MetricStat"))?),
            (None, Some(text)) => {
                let path = format!("{path}.Period");
                let period_secs = self.period.map(|period| period_secs(period, &path));
                Source::Expression {
                    text: text.clone(),
                    period_secs: period_secs.transpose()?,
                }
            }
        };
        Ok(Query {
            id: self.id.clone(),
            source,
            label: self.label.clone(),
            is_returned: self.return_data.unwrap_or(true),
        })
    }
}

impl MetricStat {
    /// What it means.
    pub(crate) fn read(&self, path: &str) -> Result<Stat, Wrong> {
        let statistic = self.stat.parse();
        let unit = self.unit.as_deref().map(str::parse).transpose();
        Ok(Stat {
            identity: self.metric.read(&format!("{path}.Metric"))?,
            statistic: statistic.map_err(|_| Wrong::Statistic {
                path: format!("{path}.Stat"),
                value: self.stat.clone(),
            })?,
            period_secs: period_secs(self.period, &format!("{path}.Period"))?,
            unit: unit.map_err(|unit::NotUnit(value)| Wrong::Unit { value })?,
        })
    }
}

impl Metric {
    /// What it means.
    pub(crate) fn read(&self, path: &str) -> Result<Identity, Wrong> {
        let namespace = named(self.namespace.as_ref(), &format!("{path}.Namespace"))?;
        if namespace.starts_with(':') {
            return Err(Wrong::Value {
                path: format!("{path}.Namespace"),
                value: namespace.to_owned(),
            });
        }
        let name = named(self.metric_name.as_ref(), &format!("{path}.MetricName"))?;
        let given = self.dimensions.as_deref().unwrap_or_default();
        if given.len() > DIMENSIONS_MAX {
            return Err(Wrong::Many {
                path: format!("{path}.Dimensions"),
                max: DIMENSIONS_MAX,
            });
        }
        let mut dimensions = Vec::with_capacity(given.len());
        for (dimension, index) in given.iter().zip(1..) {
            let path = format!("{path}.Dimensions.member.{index}");
            bounded(&dimension.name, &format!("{path}.Name"), NAME_CHARS_MAX)?;
            bounded(&dimension.value, &format!("{path}.Value"), VALUE_CHARS_MAX)?;
            dimensions.push(metric::Dimension::new(&dimension.name, &dimension.value));
        }
        Ok(Identity::new(namespace, name, dimensions))
    }
}

fn named<'a>(value: Option<&'a String>, path: &str) -> Result<&'a str, Wrong> {
    let value = value.ok_or_else(|| Wrong::Missing { path: path.into() })?;
    bounded(value, path, NAME_CHARS_MAX)?;
    Ok(value)
}

fn bounded(value: &str, path: &str, max: usize) -> Result<(), Wrong> {
    match (1..=max).contains(&value.chars().count()) {
        true => Ok(()),
        false => Err(Wrong::Length {
            path: path.to_owned(),
            max,
        }),
    }
}

fn period_secs(period: i32, path: &str) -> Result<u32, Wrong> {
    let secs = u32::try_from(period).ok();
    secs.filter(|secs| crate::math::is_period(*secs))
        .ok_or_else(|| Wrong::Period {
            path: path.to_owned(),
        })
}
