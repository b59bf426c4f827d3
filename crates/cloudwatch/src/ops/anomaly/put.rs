//! `PutAnomalyDetector`.

use std::sync::Arc;

use api::{Access, Audit, Caller, Ctx, Fault, Operation};
use wire::Shape;

use super::Desk;
use super::shape::{
    About, Configuration, MetricCharacteristics, MetricMathAnomalyDetector,
    SingleMetricAnomalyDetector,
};
use crate::ops::alarms::Dimension;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "PutAnomalyDetectorInput")]
pub(super) struct Input {
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
#[shape(name = "PutAnomalyDetectorOutput")]
pub(super) struct Output {
    anomaly_detector_id: Option<String>,
}

/// Says how bands over something are learned.
#[derive(Debug)]
pub(super) struct PutAnomalyDetector;

impl Operation<Desk> for PutAnomalyDetector {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "PutAnomalyDetector";

    fn access(&self, desk: &Desk, _: &Caller, _: &Input) -> Vec<Access> {
        desk.everything("cloudwatch:PutAnomalyDetector")
    }

    fn audit(&self) -> Audit {
        Audit::Management
    }

    async fn call(&self, desk: &Arc<Desk>, _: Ctx, input: Input) -> Result<Output, Fault> {
        let about = About {
            namespace: input.namespace,
            metric_name: input.metric_name,
            dimensions: input.dimensions,
            stat: input.stat,
            single: input.single_metric_anomaly_detector,
            math: input.metric_math_anomaly_detector,
        };
        let of = about.of(desk.place.account.as_str())?;
        let configuration = input.configuration.map(Configuration::kept);
        let characteristics = input.metric_characteristics;
        let has_spikes = characteristics.and_then(|it| it.periodic_spikes);
        let put = desk.blocking(move |desk| desk.detectors.put(of, configuration, has_spikes));
        Ok(Output {
            anomaly_detector_id: Some(put.await?),
        })
    }
}
