//! StartInstances, StopInstances, RebootInstances, TerminateInstances.

use api::{Fault, Nothing};
use wire::{List, Shape};

use super::reach::on_named_instances;
use super::shape::InstanceStateChange;
use crate::Instances;
use crate::engine::InstanceId;
use crate::engine::command::{Reboot, Start, Step, Stop, Terminate};

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct StartInstancesRequest {
    #[shape(query = "InstanceId", item = "InstanceId", required)]
    instance_ids: Vec<String>,
    #[shape(query = "additionalInfo", refused)]
    additional_info: Option<String>,
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct StartInstancesResult {
    #[shape(query = "instancesSet", item = "item")]
    starting_instances: List<InstanceStateChange>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct StopInstancesRequest {
    #[shape(query = "InstanceId", item = "InstanceId", required)]
    instance_ids: Vec<String>,
    #[shape(refused)]
    hibernate: Option<bool>,
    /// The agent ends; the host's system never does.
    #[shape(ignored)]
    skip_os_shutdown: Option<bool>,
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "force")]
    force: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct StopInstancesResult {
    #[shape(query = "instancesSet", item = "item")]
    stopping_instances: List<InstanceStateChange>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct RebootInstancesRequest {
    #[shape(query = "InstanceId", item = "InstanceId", required)]
    instance_ids: Vec<String>,
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct TerminateInstancesRequest {
    #[shape(query = "InstanceId", item = "InstanceId", required)]
    instance_ids: Vec<String>,
    force: Option<bool>,
    #[shape(ignored)]
    skip_os_shutdown: Option<bool>,
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct TerminateInstancesResult {
    #[shape(query = "instancesSet", item = "item")]
    terminating_instances: List<InstanceStateChange>,
}

fn changes(steps: Vec<Step>) -> List<InstanceStateChange> {
    List(steps.into_iter().map(Into::into).collect())
}

on_named_instances! {
    StartInstancesRequest: "ec2:StartInstances", StartInstancesResult by start;
    StopInstancesRequest: "ec2:StopInstances", StopInstancesResult by stop;
    RebootInstancesRequest: "ec2:RebootInstances", Nothing by reboot;
    TerminateInstancesRequest: "ec2:TerminateInstances", TerminateInstancesResult by terminate;
}

async fn start(
    _request: StartInstancesRequest,
    ids: Vec<InstanceId>,
    instances: &Instances,
) -> Result<StartInstancesResult, Fault> {
    Ok(StartInstancesResult {
        starting_instances: changes(instances.change(Start(ids)).await?),
    })
}

async fn stop(
    request: StopInstancesRequest,
    ids: Vec<InstanceId>,
    instances: &Instances,
) -> Result<StopInstancesResult, Fault> {
    let is_forced = request.force.unwrap_or_default();
    Ok(StopInstancesResult {
        stopping_instances: changes(instances.change(Stop { ids, is_forced }).await?),
    })
}

async fn reboot(
    _request: RebootInstancesRequest,
    ids: Vec<InstanceId>,
    instances: &Instances,
) -> Result<Nothing, Fault> {
    instances.change(Reboot(ids)).await?;
    Ok(Nothing {})
}

async fn terminate(
    request: TerminateInstancesRequest,
    ids: Vec<InstanceId>,
    instances: &Instances,
) -> Result<TerminateInstancesResult, Fault> {
    let is_forced = request.force.unwrap_or_default();
    let terminate = Terminate { ids, is_forced };
    Ok(TerminateInstancesResult {
        terminating_instances: changes(instances.change_and_finish(terminate).await?),
    })
}
