//! DescribeInstanceStatus.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use base::Timestamp;
use wire::{List, Shape};

use super::fault;
use super::page::{self, RESULTS_MAX, Wanted};
use super::shape::{Filter, InstanceState};
use crate::Instances;
use crate::engine::filter::{Placed, Status};
use crate::engine::status::Check;
use crate::engine::{Instance, Networks, State};

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeInstanceStatusRequest {
    #[shape(query = "InstanceId", item = "InstanceId")]
    instance_ids: Vec<String>,
    max_results: Option<i32>,
    next_token: Option<String>,
    /// None is managed by anybody else.
    #[shape(ignored)]
    include_managed_resources: Option<bool>,
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "Filter", item = "Filter")]
    filters: Vec<Filter>,
    #[shape(query = "includeAllInstances")]
    include_all_instances: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeInstanceStatusResult {
    #[shape(query = "instanceStatusSet", item = "item")]
    instance_statuses: List<InstanceStatus>,
    #[shape(query = "nextToken")]
    next_token: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct InstanceStatus {
    #[shape(query = "availabilityZone")]
    availability_zone: Option<String>,
    #[shape(query = "instanceId")]
    instance_id: Option<String>,
    #[shape(query = "instanceState")]
    instance_state: Option<InstanceState>,
    #[shape(query = "instanceStatus")]
    instance_status: Option<InstanceStatusSummary>,
    #[shape(query = "systemStatus")]
    system_status: Option<InstanceStatusSummary>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct InstanceStatusSummary {
    #[shape(query = "details", item = "item")]
    details: Vec<InstanceStatusDetails>,
    #[shape(query = "status")]
    status: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct InstanceStatusDetails {
    #[shape(query = "impairedSince")]
    impaired_since: Option<Timestamp>,
    #[shape(query = "name")]
    name: Option<String>,
    #[shape(query = "status")]
    status: Option<String>,
}

fn summary(check: Check, impaired_since: Option<Timestamp>) -> InstanceStatusSummary {
    let details = check.reachability().map(|status| InstanceStatusDetails {
        impaired_since,
        name: Some("reachability".to_owned()),
        status: Some(status.to_owned()),
    });
    InstanceStatusSummary {
        details: details.into_iter().collect(),
        status: Some(check.name().to_owned()),
    }
}

fn status(instance: &Instance, zone: &str) -> InstanceStatus {
    let checks = instance.checks();
    InstanceStatus {
        availability_zone: Some(zone.to_owned()),
        instance_id: Some(instance.id.to_string()),
        instance_state: Some(instance.state.into()),
        instance_status: Some(summary(checks.instance, checks.impaired_since)),
        system_status: Some(summary(checks.system, None)),
    }
}

impl Act<Instances> for DescribeInstanceStatusRequest {
    type Output = DescribeInstanceStatusResult;
    const ACTION: &'static str = "ec2:DescribeInstanceStatus";

    fn touches(&self, instances: &Instances, _caller: &Caller) -> Vec<Access> {
        vec![Access::on(instances.place().all())]
    }

    fn refusal(&self) -> Option<Fault> {
        fault::dry_run(self.dry_run)
    }

    async fn act(
        self,
        instances: &Arc<Instances>,
        _ctx: &Ctx,
    ) -> Result<DescribeInstanceStatusResult, Fault> {
        if !self.instance_ids.is_empty() && self.max_results.is_some() {
            return Err(fault::combination(
                "The parameter instancesSet cannot be used with the parameter maxResults",
            ));
        }
        let ids = page::ids(&self.instance_ids)?;
        let filters = page::filters::<Status<'_>>(&self.filters)?;
        let zone = instances.place().zone();
        let owner = instances.place().account.to_string();
        let is_all = self.include_all_instances.unwrap_or_default();
        let mut found = instances.describe(&ids, &[])?;
        let networks = Networks::default();
        found.retain(|instance| {
            let placed = Placed {
                instance,
                zone: &zone,
                owner: &owner,
                // No filter of this operation is about them.
                networks: &networks,
            };
            (is_all || instance.state == State::Running)
                && filters.iter().all(|filter| filter.admits(&Status(placed)))
        });
        let wanted = Wanted {
            max: self.max_results,
            token: self.next_token.as_ref(),
            limit: RESULTS_MAX,
        };
        let page = wanted.of(found, |it| it.id.to_string())?;
        let statuses = page.items.iter().map(|it| status(it, &zone));
        Ok(DescribeInstanceStatusResult {
            instance_statuses: List(statuses.collect()),
            next_token: page.next_token,
        })
    }
}
