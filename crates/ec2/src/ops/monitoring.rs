//! MonitorInstances, UnmonitorInstances: whether agents report every ten seconds or every minute.

use std::sync::Arc;

use api::{Access, Ctx, Fault};
use wire::Shape;

use super::act::{Act, List, on_instances};
use super::page;
use super::shape::Monitoring;
use crate::Instances;
use crate::engine::InstanceId;
use crate::engine::command::Monitor;

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct MonitorInstancesRequest {
    #[shape(query = "InstanceId", item = "InstanceId", required)]
    instance_ids: Vec<String>,
    #[shape(query = "MetricCategoryId", refused)]
    metric_category_ids: Vec<String>,
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct MonitorInstancesResult {
    #[shape(query = "instancesSet", item = "item")]
    instance_monitorings: List<InstanceMonitoring>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct UnmonitorInstancesRequest {
    #[shape(query = "InstanceId", item = "InstanceId", required)]
    instance_ids: Vec<String>,
    #[shape(query = "MetricCategoryId", refused)]
    metric_category_ids: Vec<String>,
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct UnmonitorInstancesResult {
    #[shape(query = "instancesSet", item = "item")]
    instance_monitorings: List<InstanceMonitoring>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct InstanceMonitoring {
    #[shape(query = "instanceId")]
    instance_id: Option<String>,
    #[shape(query = "monitoring")]
    monitoring: Option<Monitoring>,
}

/// Until agents hear of it with their next report, it is on its way: `pending` or `disabling`.
async fn set(
    instances: &Instances,
    ids: &[String],
    is_detailed: bool,
) -> Result<List<InstanceMonitoring>, Fault> {
    let ids = page::some_ids(ids)?;
    let monitor = Monitor {
        ids: ids.clone(),
        is_detailed,
    };
    instances.change(monitor).await?;
    let state = match is_detailed {
        true => "pending",
        false => "disabling",
    };
    let shown = |id: InstanceId| InstanceMonitoring {
        instance_id: Some(id.into()),
        monitoring: Some(Monitoring {
            state: Some(state.to_owned()),
        }),
    };
    Ok(List(ids.into_iter().map(shown).collect()))
}

impl Act for MonitorInstancesRequest {
    type Output = MonitorInstancesResult;
    const ACTION: &'static str = "ec2:MonitorInstances";

    fn is_dry(&self) -> bool {
        self.dry_run.unwrap_or_default()
    }

    fn touches(&self, instances: &Instances) -> Vec<Access> {
        on_instances(instances, Self::ACTION, &self.instance_ids)
    }

    async fn act(
        self,
        instances: &Arc<Instances>,
        _ctx: &Ctx,
    ) -> Result<MonitorInstancesResult, Fault> {
        Ok(MonitorInstancesResult {
            instance_monitorings: set(instances, &self.instance_ids, true).await?,
        })
    }
}

impl Act for UnmonitorInstancesRequest {
    type Output = UnmonitorInstancesResult;
    const ACTION: &'static str = "ec2:UnmonitorInstances";

    fn is_dry(&self) -> bool {
        self.dry_run.unwrap_or_default()
    }

    fn touches(&self, instances: &Instances) -> Vec<Access> {
        on_instances(instances, Self::ACTION, &self.instance_ids)
    }

    async fn act(
        self,
        instances: &Arc<Instances>,
        _ctx: &Ctx,
    ) -> Result<UnmonitorInstancesResult, Fault> {
        Ok(UnmonitorInstancesResult {
            instance_monitorings: set(instances, &self.instance_ids, false).await?,
        })
    }
}
