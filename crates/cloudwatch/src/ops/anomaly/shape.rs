//! Shapes that several operations share, and what they mean.

use api::Fault;
use base::Timestamp;
use wire::Shape;

use super::fault;
use crate::anomaly::{Configuration as Kept, Of};
use crate::metric::identity::DIMENSIONS_MAX;
use crate::ops::alarms::{Dimension, MetricDataQuery, pairs};

/// Characters of a namespace and of names. Source: the service model.
const NAME_CHARS_MAX: usize = 255;
/// Characters of a dimension's value. Source: the service model.
const VALUE_CHARS_MAX: usize = 1024;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct SingleMetricAnomalyDetector {
    pub(super) account_id: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) metric_name: Option<String>,
    pub(super) dimensions: Option<Vec<Dimension>>,
    pub(super) stat: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct MetricMathAnomalyDetector {
    pub(super) metric_data_queries: Option<Vec<MetricDataQuery>>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "AnomalyDetectorConfiguration")]
pub(super) struct Configuration {
    excluded_time_ranges: Option<Vec<Range>>,
    metric_timezone: Option<String>,
    adaptation_speed: Option<String>,
    outlier_filtering_strength: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct Range {
    #[shape(required)]
    start_time: Timestamp,
    #[shape(required)]
    end_time: Timestamp,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct MetricCharacteristics {
    pub(super) periodic_spikes: Option<bool>,
}

/// What a request says that it is about, in one of three forms.
pub(super) struct About {
    pub(super) namespace: Option<String>,
    pub(super) metric_name: Option<String>,
    pub(super) dimensions: Vec<Dimension>,
    pub(super) stat: Option<String>,
    pub(super) single: Option<SingleMetricAnomalyDetector>,
    pub(super) math: Option<MetricMathAnomalyDetector>,
}

impl About {
    /// What it is about. `account`: whose metrics there are.
    pub(super) fn of(self, account: &str) -> Result<Of, Fault> {
        let old = [
            ("Namespace", self.namespace.is_some()),
            ("MetricName", self.metric_name.is_some()),
            ("Dimensions", !self.dimensions.is_empty()),
            ("Stat", self.stat.is_some()),
        ];
        let old = old.into_iter().find(|(_, is_given)| *is_given);
        let old = old.map(|(name, _)| name);
        const SINGLE: &str = "SingleMetricAnomalyDetector";
        const MATH: &str = "MetricMathAnomalyDetector";
        match (self.single, self.math, old) {
            (Some(_), Some(_), _) => Err(fault::both(SINGLE, MATH)),
            (Some(_), _, Some(old)) => Err(fault::both(SINGLE, old)),
            (_, Some(_), Some(old)) => Err(fault::both(MATH, old)),
            (None, Some(math), None) => of_math(math, account),
            (Some(single), None, None) => of_single(single, account),
            (None, None, _) => of_single(
                SingleMetricAnomalyDetector {
                    account_id: None,
                    namespace: self.namespace,
                    metric_name: self.metric_name,
                    dimensions: Some(self.dimensions),
                    stat: self.stat,
                },
                account,
            ),
        }
    }
}

fn of_math(math: MetricMathAnomalyDetector, account: &str) -> Result<Of, Fault> {
    let queries = math.metric_data_queries.unwrap_or_default();
    if queries.is_empty() {
        return Err(fault::missing("MetricDataQueries"));
    }
    let other = |query: &MetricDataQuery| query.account_id.clone().filter(|it| it != account);
    if let Some(other) = queries.iter().find_map(other) {
        return Err(not_linked(&other));
    }
    let kept = queries.into_iter().map(MetricDataQuery::kept);
    Ok(Of::Math(kept.collect::<Result<_, _>>()?))
}

fn of_single(single: SingleMetricAnomalyDetector, account: &str) -> Result<Of, Fault> {
    if let Some(other) = single.account_id.filter(|it| it != account) {
        return Err(not_linked(&other));
    }
    let named = |given: Option<String>, name: &str| {
        let given = given.ok_or_else(|| fault::missing(name))?;
        bounded(name, given, NAME_CHARS_MAX)
    };
    let dimensions = single.dimensions.unwrap_or_default();
    if dimensions.len() > DIMENSIONS_MAX {
        return Err(fault::value(format!(
            "The collection Dimensions must not have a size greater than {DIMENSIONS_MAX}."
        )));
    }
    for dimension in &dimensions {
        bounded("Dimensions.Name", dimension.name.clone(), NAME_CHARS_MAX)?;
        bounded("Dimensions.Value", dimension.value.clone(), VALUE_CHARS_MAX)?;
    }
    Ok(Of::Metric {
        namespace: named(single.namespace, "Namespace")?,
        metric: named(single.metric_name, "MetricName")?,
        dimensions: pairs(dimensions),
        statistic: named(single.stat, "Stat")?,
    })
}

fn bounded(name: &str, text: String, most: usize) -> Result<String, Fault> {
    match (1..=most).contains(&text.chars().count()) {
        true => Ok(text),
        false => Err(fault::value(format!(
            "The parameter {name} must have a length from 1 to {most}."
        ))),
    }
}

fn not_linked(account: &str) -> Fault {
    fault::value(format!("The account {account} is not linked to this one."))
}

impl Configuration {
    pub(super) fn kept(self) -> Kept {
        let ranges = self.excluded_time_ranges.unwrap_or_default();
        let millis = |range: Range| (range.start_time.as_millis(), range.end_time.as_millis());
        Kept {
            excluded_ms: ranges.into_iter().map(millis).collect(),
            zone: self.metric_timezone,
            speed: self.adaptation_speed,
            filtering: self.outlier_filtering_strength,
        }
    }

    /// The list of excluded times is there when it is empty.
    pub(super) fn of(kept: &Kept) -> Self {
        let range = |(from, to): &(u64, u64)| Range {
            start_time: Timestamp::from_millis(*from),
            end_time: Timestamp::from_millis(*to),
        };
        Self {
            excluded_time_ranges: Some(kept.excluded_ms.iter().map(range).collect()),
            metric_timezone: kept.zone.clone(),
            adaptation_speed: kept.speed.clone(),
            outlier_filtering_strength: kept.filtering.clone(),
        }
    }
}
