//! `DeleteAnomalyDetector`.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use wire::Shape;

use super::shape::{About, MetricMathAnomalyDetector, SingleMetricAnomalyDetector};
use super::{Desk, fault};
use crate::ops::alarms::Dimension;

/// Takes a detector away. Bands go on, learned as without one.
#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct DeleteAnomalyDetectorInput {
    anomaly_detector_id: Option<String>,
    namespace: Option<String>,
    metric_name: Option<String>,
    dimensions: Vec<Dimension>,
    stat: Option<String>,
    single_metric_anomaly_detector: Option<SingleMetricAnomalyDetector>,
    metric_math_anomaly_detector: Option<MetricMathAnomalyDetector>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct DeleteAnomalyDetectorOutput {}

impl Act<Desk> for DeleteAnomalyDetectorInput {
    type Output = DeleteAnomalyDetectorOutput;
    const ACTION: &'static str = "cloudwatch:DeleteAnomalyDetector";

    fn touches(&self, desk: &Desk, _: &Caller) -> Vec<Access> {
        desk.everything()
    }

    async fn act(self, desk: &Arc<Desk>, _: &Ctx) -> Result<DeleteAnomalyDetectorOutput, Fault> {
        let is_named = self.namespace.is_some()
            || self.metric_name.is_some()
            || self.stat.is_some()
            || self.single_metric_anomaly_detector.is_some()
            || self.metric_math_anomaly_detector.is_some();
        if let Some(id) = self.anomaly_detector_id {
            if is_named {
                return Err(fault::both("AnomalyDetectorId", "a metric"));
            }
            desk.blocking(move |desk| desk.detectors.delete_by_id(&id))
                .await?;
            return Ok(DeleteAnomalyDetectorOutput {});
        }
        let about = About {
            namespace: self.namespace,
            metric_name: self.metric_name,
            dimensions: self.dimensions,
            stat: self.stat,
            single: self.single_metric_anomaly_detector,
            math: self.metric_math_anomaly_detector,
        };
        let of = about.of(desk.place.account.as_str())?;
        desk.blocking(move |desk| desk.detectors.delete(&of))
            .await?;
        Ok(DeleteAnomalyDetectorOutput {})
    }
}
