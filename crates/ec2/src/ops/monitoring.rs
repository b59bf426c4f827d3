//! MonitorInstances, UnmonitorInstances: whether agents report every ten seconds or every minute.

use api::Fault;
use wire::{List, Shape};

use super::reach::on_named_instances;
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
    ids: Vec<InstanceId>,
    is_detailed: bool,
) -> Result<List<InstanceMonitoring>, Fault> {
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

on_named_instances! {
    MonitorInstancesRequest: "ec2:MonitorInstances", MonitorInstancesResult by monitor;
    UnmonitorInstancesRequest: "ec2:UnmonitorInstances", UnmonitorInstancesResult by unmonitor;
}

async fn monitor(
    _request: MonitorInstancesRequest,
    ids: Vec<InstanceId>,
    instances: &Instances,
) -> Result<MonitorInstancesResult, Fault> {
    Ok(MonitorInstancesResult {
        instance_monitorings: set(instances, ids, true).await?,
    })
}

async fn unmonitor(
    _request: UnmonitorInstancesRequest,
    ids: Vec<InstanceId>,
    instances: &Instances,
) -> Result<UnmonitorInstancesResult, Fault> {
    Ok(UnmonitorInstancesResult {
        instance_monitorings: set(instances, ids, false).await?,
    })
}
