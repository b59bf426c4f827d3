//! `DescribeAnomalyDetectors`.

use std::sync::Arc;
use std::time::Duration;

use api::{Access, Act, Caller, Ctx, Fault};
use wire::Shape;

use super::shape::{
    Configuration, MetricCharacteristics, MetricMathAnomalyDetector, SingleMetricAnomalyDetector,
};
use super::{Desk, fault};
use crate::anomaly::{Detector, Error, Of};
use crate::math::{Options, PERIOD_SECS, Plan, Window};
use crate::metric::{Query, Source};
use crate::ops::alarms::{Dimension, MetricDataQuery};

/// Detectors of a page, and how many may be asked for. Source: API Reference, `MaxResults`.
const PAGE: usize = 100;
/// Ids of a request. Source: API Reference, `AnomalyDetectorIds`.
const IDS_MAX: usize = 50;
/// What tokens begin with; behind it is the id of the last that was given.
const TOKEN: &str = "after-";

/// Lists detectors.
#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct DescribeAnomalyDetectorsInput {
    anomaly_detector_ids: Vec<String>,
    next_token: Option<String>,
    max_results: Option<i32>,
    namespace: Option<String>,
    metric_name: Option<String>,
    dimensions: Vec<Dimension>,
    anomaly_detector_types: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct DescribeAnomalyDetectorsOutput {
    anomaly_detectors: Option<Vec<AnomalyDetector>>,
    next_token: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct AnomalyDetector {
    anomaly_detector_id: Option<String>,
    namespace: Option<String>,
    metric_name: Option<String>,
    dimensions: Option<Vec<Dimension>>,
    stat: Option<String>,
    configuration: Option<Configuration>,
    state_value: Option<String>,
    metric_characteristics: Option<MetricCharacteristics>,
    single_metric_anomaly_detector: Option<SingleMetricAnomalyDetector>,
    metric_math_anomaly_detector: Option<MetricMathAnomalyDetector>,
}

impl Act<Desk> for DescribeAnomalyDetectorsInput {
    type Output = DescribeAnomalyDetectorsOutput;
    const ACTION: &'static str = "cloudwatch:DescribeAnomalyDetectors";

    fn touches(&self, desk: &Desk, _: &Caller) -> Vec<Access> {
        desk.everything()
    }

    async fn act(self, desk: &Arc<Desk>, _: &Ctx) -> Result<DescribeAnomalyDetectorsOutput, Fault> {
        let most = self.check()?;
        let after = match self.next_token.as_deref().filter(|token| !token.is_empty()) {
            None => String::new(),
            Some(token) => token
                .strip_prefix(TOKEN)
                .ok_or_else(fault::next_token)?
                .to_owned(),
        };
        let described = desk.blocking(move |desk| {
            let found = desk.detectors.list().into_iter();
            let found = found.filter(|it| it.id > after && self.wants(it));
            let mut found: Vec<Detector> = found.take(most + 1).collect();
            let is_more = found.len() > most;
            found.truncate(most);
            let next = found.last().filter(|_| is_more);
            Ok(DescribeAnomalyDetectorsOutput {
                next_token: next.map(|it| format!("{TOKEN}{}", it.id)),
                anomaly_detectors: Some(
                    found
                        .iter()
                        .map(|it| described(desk, it))
                        .collect::<Result<_, _>>()?,
                ),
            })
        });
        described.await
    }
}

impl DescribeAnomalyDetectorsInput {
    /// Checks members against each other; gives how many are asked for.
    fn check(&self) -> Result<usize, Fault> {
        let filters = [
            ("Namespace", self.namespace.is_some()),
            ("MetricName", self.metric_name.is_some()),
            ("Dimensions", !self.dimensions.is_empty()),
            (
                "AnomalyDetectorTypes",
                !self.anomaly_detector_types.is_empty(),
            ),
        ];
        let filter = filters.into_iter().find(|(_, is_given)| *is_given);
        if let (Some((name, _)), false) = (filter, self.anomaly_detector_ids.is_empty()) {
            return Err(fault::both("AnomalyDetectorIds", name));
        }
        if self.anomaly_detector_ids.len() > IDS_MAX {
            return Err(fault::value(format!(
                "The collection AnomalyDetectorIds must not have a size greater than {IDS_MAX}."
            )));
        }
        let is_type = |it: &&String| !matches!(it.as_str(), "SINGLE_METRIC" | "METRIC_MATH");
        if let Some(other) = self.anomaly_detector_types.iter().find(is_type) {
            return Err(fault::value(format!(
                "The value {other} for parameter AnomalyDetectorTypes is not supported: SINGLE_METRIC and METRIC_MATH are."
            )));
        }
        let Some(most) = self.max_results else {
            return Ok(PAGE);
        };
        let most = usize::try_from(most).ok();
        let most = most.filter(|most| (1..=PAGE).contains(most));
        most.ok_or_else(|| {
            fault::value(format!(
                "The parameter MaxResults must be from 1 to {PAGE}."
            ))
        })
    }

    fn wants(&self, detector: &Detector) -> bool {
        if !self.anomaly_detector_ids.is_empty() {
            return self.anomaly_detector_ids.contains(&detector.id);
        }
        let types = &self.anomaly_detector_types;
        let has_type = |wanted: &str| types.iter().any(|it| it == wanted);
        let Of::Metric {
            namespace,
            metric,
            dimensions,
            ..
        } = &detector.of
        else {
            let is_filtered = self.namespace.is_some()
                || self.metric_name.is_some()
                || !self.dimensions.is_empty();
            return has_type("METRIC_MATH") && !is_filtered;
        };
        let is = |wanted: &Option<String>, own: &String| wanted.as_ref().is_none_or(|it| it == own);
        let has = |wanted: &Dimension| {
            let mut own = dimensions.iter();
            own.any(|(name, value)| *name == wanted.name && *value == wanted.value)
        };
        let is_same = self.dimensions.is_empty()
            || (self.dimensions.len() == dimensions.len() && self.dimensions.iter().all(has));
        (types.is_empty() || has_type("SINGLE_METRIC"))
            && is(&self.namespace, namespace)
            && is(&self.metric_name, metric)
            && is_same
    }
}

fn described(desk: &Desk, detector: &Detector) -> Result<AnomalyDetector, Error> {
    let described = AnomalyDetector {
        anomaly_detector_id: Some(detector.id.clone()),
        configuration: detector.configuration.as_ref().map(Configuration::of),
        state_value: Some(state(desk, detector)?.to_owned()),
        metric_characteristics: detector.has_spikes.map(|is_so| MetricCharacteristics {
            periodic_spikes: Some(is_so),
        }),
        ..AnomalyDetector::default()
    };
    Ok(match &detector.of {
        Of::Math(queries) => AnomalyDetector {
            metric_math_anomaly_detector: Some(MetricMathAnomalyDetector {
                metric_data_queries: Some(queries.iter().map(MetricDataQuery::of).collect()),
            }),
            ..described
        },
        Of::Metric {
            namespace,
            metric,
            dimensions,
            statistic,
        } => {
            let pairs = dimensions.iter().cloned();
            let dimensions: Vec<_> = pairs
                .map(|(name, value)| Dimension { name, value })
                .collect();
            AnomalyDetector {
                namespace: Some(namespace.clone()),
                metric_name: Some(metric.clone()),
                dimensions: Some(dimensions.clone()),
                stat: Some(statistic.clone()),
                single_metric_anomaly_detector: Some(SingleMetricAnomalyDetector {
                    account_id: None,
                    namespace: Some(namespace.clone()),
                    metric_name: Some(metric.clone()),
                    dimensions: Some(dimensions),
                    stat: Some(statistic.clone()),
                }),
                ..described
            }
        }
    })
}

/// Whether there is a band now. Training takes no time here, so that nothing is `PENDING_TRAINING`.
fn state(desk: &Desk, detector: &Detector) -> Result<&'static str, Error> {
    let (mut queries, watched) = detector.of.queries(PERIOD_SECS)?;
    for query in &mut queries {
        query.is_returned = false;
    }
    let is_free = |id: &String| queries.iter().all(|query| query.id != *id);
    let mut ids = (0..=queries.len()).map(|number| format!("b{number}"));
    let id = ids.find(is_free).unwrap_or_default();
    queries.push(Query {
        id,
        source: Source::Expression {
            text: format!("ANOMALY_DETECTION_BAND({watched})"),
            period_secs: None,
        },
        label: None,
        is_returned: true,
    });
    let now = desk.clock.now();
    let window = Window {
        from: now.minus(Duration::from_secs(u64::from(PERIOD_SECS))),
        to: now,
        now,
    };
    let wrong = |error: &dyn std::fmt::Display| Error::Of(error.to_string());
    let plan = Plan::new(&queries).map_err(|error| wrong(&error))?;
    let results = plan.run(desk.read.as_ref(), &window, &Options::default());
    let results = results.map_err(|error| wrong(&error))?;
    let has_band = results.answers.iter().any(|it| !it.points.is_empty());
    Ok(if has_band {
        "TRAINED"
    } else {
        "TRAINED_INSUFFICIENT_DATA"
    })
}
