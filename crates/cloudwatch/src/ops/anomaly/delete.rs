//! `DeleteAnomalyDetector`.

use std::sync::Arc;

use api::{Access, Audit, Caller, Ctx, Fault, Operation};
use wire::Shape;

use super::shape::{About, MetricMathAnomalyDetector, SingleMetricAnomalyDetector};
use super::{Desk, fault};
use crate::ops::alarms::Dimension;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "DeleteAnomalyDetectorInput")]
pub(super) struct Input {
    anomaly_detector_id: Option<String>,
    namespace: Option<String>,
    metric_name: Option<String>,
    dimensions: Vec<Dimension>,
    stat: Option<String>,
    single_metric_anomaly_detector: Option<SingleMetricAnomalyDetector>,
    metric_math_anomaly_detector: Option<MetricMathAnomalyDetector>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "DeleteAnomalyDetectorOutput")]
pub(super) struct Output {}

/// Takes a detector away. Bands go on, learned as without one.
#[derive(Debug)]
pub(super) struct DeleteAnomalyDetector;

impl Operation<Desk> for DeleteAnomalyDetector {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "DeleteAnomalyDetector";

    fn access(&self, desk: &Desk, _: &Caller, _: &Input) -> Vec<Access> {
        desk.everything("cloudwatch:DeleteAnomalyDetector")
    }

    fn audit(&self) -> Audit {
        Audit::Management
    }

    async fn call(&self, desk: &Arc<Desk>, _: Ctx, input: Input) -> Result<Output, Fault> {
        let is_named = input.namespace.is_some()
            || input.metric_name.is_some()
            || input.stat.is_some()
            || input.single_metric_anomaly_detector.is_some()
            || input.metric_math_anomaly_detector.is_some();
        if let Some(id) = input.anomaly_detector_id {
            if is_named {
                return Err(fault::both("AnomalyDetectorId", "a metric"));
            }
            desk.blocking(move |desk| desk.detectors.delete_by_id(&id))
                .await?;
            return Ok(Output {});
        }
        let about = About {
            namespace: input.namespace,
            metric_name: input.metric_name,
            dimensions: input.dimensions,
            stat: input.stat,
            single: input.single_metric_anomaly_detector,
            math: input.metric_math_anomaly_detector,
        };
        let of = about.of(desk.place.account.as_str())?;
        desk.blocking(move |desk| desk.detectors.delete(&of))
            .await?;
        Ok(Output {})
    }
}
