//! `PutAnomalyDetector`.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use wire::Shape;

use super::Desk;
use super::shape::{
    About, Configuration, MetricCharacteristics, MetricMathAnomalyDetector,
    SingleMetricAnomalyDetector,
};
use crate::ops::alarms::Dimension;

/// Says how bands over something are learned.
#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct PutAnomalyDetectorInput {
    namespace: Option<String>,
    metric_name: Option<String>,
    dimensions: Vec<Dimension>,
    stat: Option<String>,
    configuration: Option<Configuration>,
    metric_characteristics: Option<MetricCharacteristics>,
    single_metric_anomaly_detector: Option<SingleMetricAnomalyDetector>,
    metric_math_anomaly_detector: Option<MetricMathAnomalyDetector>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct PutAnomalyDetectorOutput {
    anomaly_detector_id: Option<String>,
}

impl Act<Desk> for PutAnomalyDetectorInput {
    type Output = PutAnomalyDetectorOutput;
    const ACTION: &'static str = "cloudwatch:PutAnomalyDetector";

    fn touches(&self, desk: &Desk, _: &Caller) -> Vec<Access> {
        desk.everything()
    }

    async fn act(self, desk: &Arc<Desk>, _: &Ctx) -> Result<PutAnomalyDetectorOutput, Fault> {
        let about = About {
            namespace: self.namespace,
            metric_name: self.metric_name,
            dimensions: self.dimensions,
            stat: self.stat,
            single: self.single_metric_anomaly_detector,
            math: self.metric_math_anomaly_detector,
        };
        let of = about.of(desk.place.account.as_str())?;
        let configuration = self.configuration.map(Configuration::kept);
        let characteristics = self.metric_characteristics;
        let has_spikes = characteristics.and_then(|it| it.periodic_spikes);
        let put = desk.blocking(move |desk| desk.detectors.put(of, configuration, has_spikes));
        Ok(PutAnomalyDetectorOutput {
            anomaly_detector_id: Some(put.await?),
        })
    }
}
