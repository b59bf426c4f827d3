//! StartInstances, StopInstances, RebootInstances, TerminateInstances.

use std::sync::Arc;

use api::{Access, Ctx, Fault};
use wire::Shape;

use super::act::{Act, List, Nothing, on_instances};
use super::page;
use super::shape::InstanceStateChange;
use crate::Instances;
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

impl Act for StartInstancesRequest {
    type Output = StartInstancesResult;
    const ACTION: &'static str = "ec2:StartInstances";

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
    ) -> Result<StartInstancesResult, Fault> {
        let ids = page::some_ids(&self.instance_ids)?;
        let steps = instances.change(Start(ids)).await?;
        Ok(StartInstancesResult {
            starting_instances: changes(steps),
        })
    }
}

impl Act for StopInstancesRequest {
    type Output = StopInstancesResult;
    const ACTION: &'static str = "ec2:StopInstances";

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
    ) -> Result<StopInstancesResult, Fault> {
        let stop = Stop {
            ids: page::some_ids(&self.instance_ids)?,
            is_forced: self.force.unwrap_or_default(),
        };
        Ok(StopInstancesResult {
            stopping_instances: changes(instances.change(stop).await?),
        })
    }
}

impl Act for RebootInstancesRequest {
    type Output = Nothing;
    const ACTION: &'static str = "ec2:RebootInstances";

    fn is_dry(&self) -> bool {
        self.dry_run.unwrap_or_default()
    }

    fn touches(&self, instances: &Instances) -> Vec<Access> {
        on_instances(instances, Self::ACTION, &self.instance_ids)
    }

    async fn act(self, instances: &Arc<Instances>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let ids = page::some_ids(&self.instance_ids)?;
        instances.change(Reboot(ids)).await?;
        Ok(Nothing {})
    }
}

impl Act for TerminateInstancesRequest {
    type Output = TerminateInstancesResult;
    const ACTION: &'static str = "ec2:TerminateInstances";

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
    ) -> Result<TerminateInstancesResult, Fault> {
        let terminate = Terminate {
            ids: page::some_ids(&self.instance_ids)?,
            is_forced: self.force.unwrap_or_default(),
        };
        let steps = instances.change_and_finish(terminate).await?;
        Ok(TerminateInstancesResult {
            terminating_instances: changes(steps),
        })
    }
}
