//! ClassicLink: AttachClassicLinkVpc and its eight companions.

use std::collections::BTreeSet;

use api::{Access, Fault};
use wire::{List, Shape};

use super::fault;
use super::page::{self, Asked, IDS_MAX, Listed, RESULTS_MAX, Wanted};
use super::reach::{on_instances, on_target, operations};
use super::shape::{Filter, GroupIdentifier, Tag, groups_shown, is_filter, of_tags, shown};
use crate::Instances;
use crate::engine::filter::Subject;
use crate::engine::network::classic::{Attach, Detach, SetClassicLink, SetClassicLinkDns};
use crate::engine::network::vpc::Vpc;
use crate::engine::network::{GroupId, VpcId};
use crate::engine::{InstanceId, Networks};

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct AttachClassicLinkVpcRequest {
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "instanceId", required)]
    instance_id: String,
    #[shape(query = "vpcId", required)]
    vpc_id: String,
    #[shape(query = "SecurityGroupId", item = "groupId", required)]
    groups: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct AttachClassicLinkVpcResult {
    #[shape(query = "return")]
    r#return: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DetachClassicLinkVpcRequest {
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "instanceId", required)]
    instance_id: String,
    #[shape(query = "vpcId", required)]
    vpc_id: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DetachClassicLinkVpcResult {
    #[shape(query = "return")]
    r#return: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeClassicLinkInstancesRequest {
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "InstanceId", item = "InstanceId")]
    instance_ids: Vec<String>,
    #[shape(query = "Filter", item = "Filter")]
    filters: Vec<Filter>,
    #[shape(query = "nextToken")]
    next_token: Option<String>,
    #[shape(query = "maxResults")]
    max_results: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeClassicLinkInstancesResult {
    #[shape(query = "instancesSet", item = "item")]
    instances: List<ClassicLinkInstance>,
    #[shape(query = "nextToken")]
    next_token: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ClassicLinkInstance {
    #[shape(query = "groupSet", item = "item")]
    groups: List<GroupIdentifier>,
    #[shape(query = "instanceId")]
    instance_id: Option<String>,
    #[shape(query = "tagSet", item = "item")]
    tags: Vec<Tag>,
    #[shape(query = "vpcId")]
    vpc_id: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct EnableVpcClassicLinkRequest {
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "vpcId", required)]
    vpc_id: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct EnableVpcClassicLinkResult {
    #[shape(query = "return")]
    r#return: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DisableVpcClassicLinkRequest {
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "vpcId", required)]
    vpc_id: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DisableVpcClassicLinkResult {
    #[shape(query = "return")]
    r#return: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeVpcClassicLinkRequest {
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "VpcId", item = "VpcId")]
    vpc_ids: Vec<String>,
    #[shape(query = "Filter", item = "Filter")]
    filters: Vec<Filter>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeVpcClassicLinkResult {
    #[shape(query = "vpcSet", item = "item")]
    vpcs: List<VpcClassicLink>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct VpcClassicLink {
    #[shape(query = "classicLinkEnabled")]
    classic_link_enabled: Option<bool>,
    #[shape(query = "tagSet", item = "item")]
    tags: Vec<Tag>,
    #[shape(query = "vpcId")]
    vpc_id: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct EnableVpcClassicLinkDnsSupportRequest {
    vpc_id: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct EnableVpcClassicLinkDnsSupportResult {
    #[shape(query = "return")]
    r#return: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DisableVpcClassicLinkDnsSupportRequest {
    vpc_id: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DisableVpcClassicLinkDnsSupportResult {
    #[shape(query = "return")]
    r#return: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeVpcClassicLinkDnsSupportRequest {
    #[shape(item = "VpcId")]
    vpc_ids: Vec<String>,
    #[shape(query = "maxResults")]
    max_results: Option<i32>,
    #[shape(query = "nextToken")]
    next_token: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeVpcClassicLinkDnsSupportResult {
    #[shape(query = "nextToken")]
    next_token: Option<String>,
    #[shape(query = "vpcs", item = "item")]
    vpcs: List<ClassicLinkDnsSupport>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ClassicLinkDnsSupport {
    #[shape(query = "classicLinkDnsSupported")]
    classic_link_dns_supported: Option<bool>,
    #[shape(query = "vpcId")]
    vpc_id: Option<String>,
}

operations! {
    AttachClassicLinkVpcRequest: "ec2:AttachClassicLinkVpc", AttachClassicLinkVpcResult, attach on attached;
    DetachClassicLinkVpcRequest: "ec2:DetachClassicLinkVpc", DetachClassicLinkVpcResult, detach on detached;
    DescribeClassicLinkInstancesRequest: "ec2:DescribeClassicLinkInstances", DescribeClassicLinkInstancesResult, describe;
    EnableVpcClassicLinkRequest: "ec2:EnableVpcClassicLink", EnableVpcClassicLinkResult, enable on enabled;
    DisableVpcClassicLinkRequest: "ec2:DisableVpcClassicLink", DisableVpcClassicLinkResult, disable on disabled;
    DescribeVpcClassicLinkRequest: "ec2:DescribeVpcClassicLink", DescribeVpcClassicLinkResult, describe_vpcs;
}

/// The operations on DNS, which have no dry run.
macro_rules! dns_operations {
    ($($request:ident: $action:literal, $output:ident, $is_on:literal;)+) => {$(
        impl api::Act<Instances> for $request {
            type Output = $output;
            const ACTION: &'static str = $action;

            fn touches(&self, instances: &Instances, _caller: &api::Caller) -> Vec<Access> {
                let id = self.vpc_id.as_deref().unwrap_or_default();
                vec![on_target(instances, Self::ACTION, id)]
            }

            async fn act(
                self,
                instances: &std::sync::Arc<Instances>,
                _ctx: &api::Ctx,
            ) -> Result<$output, Fault> {
                let id = self.vpc_id.ok_or_else(|| fault::missing("vpcId"))?;
                let vpc = fault::id(&id)?;
                instances.change(SetClassicLinkDns { vpc, is_on: $is_on }).await?;
                Ok($output {
                    r#return: Some(true),
                })
            }
        }
    )+};
}

dns_operations! {
    EnableVpcClassicLinkDnsSupportRequest: "ec2:EnableVpcClassicLinkDnsSupport", EnableVpcClassicLinkDnsSupportResult, true;
    DisableVpcClassicLinkDnsSupportRequest: "ec2:DisableVpcClassicLinkDnsSupport", DisableVpcClassicLinkDnsSupportResult, false;
}

/// `action` on an instance, on a network, and on groups. Source: Service Authorization Reference.
fn on_link(
    instances: &Instances,
    action: &'static str,
    instance: &str,
    vpc: &str,
    groups: &[String],
) -> Vec<Access> {
    let instance = [instance.to_owned()];
    let mut all = on_instances(instances, action, &instance);
    all.push(on_target(instances, action, vpc));
    let groups = groups.iter().take(IDS_MAX);
    all.extend(groups.map(|id| on_target(instances, action, id)));
    all
}

fn attached(request: &AttachClassicLinkVpcRequest, instances: &Instances) -> Vec<Access> {
    let action = "ec2:AttachClassicLinkVpc";
    on_link(
        instances,
        action,
        &request.instance_id,
        &request.vpc_id,
        &request.groups,
    )
}

fn instance_id(text: &str) -> Result<InstanceId, Fault> {
    text.parse().map_err(|_| fault::malformed(text))
}

async fn attach(
    request: AttachClassicLinkVpcRequest,
    instances: &Instances,
) -> Result<AttachClassicLinkVpcResult, Fault> {
    page::check_count(&request.groups)?;
    if request.groups.is_empty() {
        return Err(fault::missing("SecurityGroupId"));
    }
    let groups = request.groups.iter().map(|id| fault::id(id));
    let groups: BTreeSet<GroupId> = groups.collect::<Result<_, _>>()?;
    instances
        .change(Attach {
            id: instance_id(&request.instance_id)?,
            vpc: fault::id(&request.vpc_id)?,
            groups,
        })
        .await?;
    Ok(AttachClassicLinkVpcResult {
        r#return: Some(true),
    })
}

fn detached(request: &DetachClassicLinkVpcRequest, instances: &Instances) -> Vec<Access> {
    let action = "ec2:DetachClassicLinkVpc";
    on_link(
        instances,
        action,
        &request.instance_id,
        &request.vpc_id,
        &[],
    )
}

async fn detach(
    request: DetachClassicLinkVpcRequest,
    instances: &Instances,
) -> Result<DetachClassicLinkVpcResult, Fault> {
    let id = instance_id(&request.instance_id)?;
    let vpc = fault::id(&request.vpc_id)?;
    instances.change(Detach { id, vpc }).await?;
    Ok(DetachClassicLinkVpcResult {
        r#return: Some(true),
    })
}

impl Subject for ClassicLinkInstance {
    fn knows(name: &str) -> bool {
        is_filter(name, &["group-id", "instance-id", "vpc-id"], &[])
    }

    fn values(&self, name: &str) -> Vec<String> {
        if let Some(found) = of_tags(&self.tags, name) {
            return found;
        }
        match name {
            "group-id" => {
                let all = self.groups.0.iter();
                all.filter_map(|group| group.group_id.clone()).collect()
            }
            "instance-id" => self.instance_id.iter().cloned().collect(),
            _ => self.vpc_id.iter().cloned().collect(),
        }
    }
}

async fn describe(
    request: DescribeClassicLinkInstancesRequest,
    instances: &Instances,
) -> Result<DescribeClassicLinkInstancesResult, Fault> {
    let ids = page::ids(&request.instance_ids)?;
    let filters = page::filters::<ClassicLinkInstance>(&request.filters)?;
    // Source: DescribeClassicLinkInstances: those that are not linked are not in it.
    let found = instances.inventory(|inventory| {
        let named = match ids.as_slice() {
            [] => inventory.iter().cloned().collect(),
            ids => inventory.all(ids)?,
        };
        let show = |it: &std::sync::Arc<crate::engine::Instance>| {
            let link = it.place.link.as_ref()?;
            Some(ClassicLinkInstance {
                groups: groups_shown(&link.groups, inventory.networks()),
                instance_id: Some(it.id.to_string()),
                tags: shown(&it.tags),
                vpc_id: Some(link.vpc.to_string()),
            })
        };
        let shown: Vec<_> = named.iter().filter_map(show).collect();
        Ok::<_, crate::engine::Error>(shown)
    })?;
    let is_meant = |it: &ClassicLinkInstance| filters.iter().all(|filter| filter.admits(it));
    let mut found: Vec<_> = found.into_iter().filter(is_meant).collect();
    found.sort_by(|a, b| a.instance_id.cmp(&b.instance_id));
    let wanted = Wanted {
        max: request.max_results,
        token: request.next_token.as_ref(),
        limit: RESULTS_MAX,
    };
    let page = wanted.of(found, |it| it.instance_id.clone().unwrap_or_default())?;
    Ok(DescribeClassicLinkInstancesResult {
        instances: List(page.items),
        next_token: page.next_token,
    })
}

fn enabled(request: &EnableVpcClassicLinkRequest, instances: &Instances) -> Vec<Access> {
    vec![on_target(
        instances,
        "ec2:EnableVpcClassicLink",
        &request.vpc_id,
    )]
}

async fn enable(
    request: EnableVpcClassicLinkRequest,
    instances: &Instances,
) -> Result<EnableVpcClassicLinkResult, Fault> {
    let vpc = fault::id(&request.vpc_id)?;
    instances
        .change(SetClassicLink { vpc, is_on: true })
        .await?;
    Ok(EnableVpcClassicLinkResult {
        r#return: Some(true),
    })
}

fn disabled(request: &DisableVpcClassicLinkRequest, instances: &Instances) -> Vec<Access> {
    vec![on_target(
        instances,
        "ec2:DisableVpcClassicLink",
        &request.vpc_id,
    )]
}

async fn disable(
    request: DisableVpcClassicLinkRequest,
    instances: &Instances,
) -> Result<DisableVpcClassicLinkResult, Fault> {
    let vpc = fault::id(&request.vpc_id)?;
    instances
        .change(SetClassicLink { vpc, is_on: false })
        .await?;
    Ok(DisableVpcClassicLinkResult {
        r#return: Some(true),
    })
}

impl VpcClassicLink {
    fn of(vpc: &Vpc) -> Self {
        Self {
            classic_link_enabled: Some(vpc.has_classic_link),
            tags: shown(&vpc.tags),
            vpc_id: Some(vpc.id.to_string()),
        }
    }
}

impl Subject for VpcClassicLink {
    fn knows(name: &str) -> bool {
        is_filter(name, &["is-classic-link-enabled"], &[])
    }

    fn values(&self, name: &str) -> Vec<String> {
        let enabled = || self.classic_link_enabled.map(|it| it.to_string());
        of_tags(&self.tags, name).unwrap_or_else(|| enabled().into_iter().collect())
    }
}

impl Listed for VpcClassicLink {
    type Id = VpcId;

    fn id(&self) -> Option<&String> {
        self.vpc_id.as_ref()
    }
}

/// All networks, as one operation or the other shows them.
fn vpcs<T>(networks: &Networks, show: impl Fn(&Vpc) -> T) -> Vec<T> {
    networks.vpcs.iter().map(|vpc| show(vpc)).collect()
}

async fn describe_vpcs(
    request: DescribeVpcClassicLinkRequest,
    instances: &Instances,
) -> Result<DescribeVpcClassicLinkResult, Fault> {
    let all = instances.networks(|networks| vpcs(networks, VpcClassicLink::of));
    let page = Asked {
        ids: &request.vpc_ids,
        filters: &request.filters,
        max: None,
        token: None,
    }
    .of(all)?;
    Ok(DescribeVpcClassicLinkResult {
        vpcs: List(page.items),
    })
}

impl Subject for ClassicLinkDnsSupport {
    fn knows(_name: &str) -> bool {
        false
    }

    fn values(&self, _name: &str) -> Vec<String> {
        Vec::new()
    }
}

impl Listed for ClassicLinkDnsSupport {
    type Id = VpcId;

    fn id(&self) -> Option<&String> {
        self.vpc_id.as_ref()
    }
}

impl api::Act<Instances> for DescribeVpcClassicLinkDnsSupportRequest {
    type Output = DescribeVpcClassicLinkDnsSupportResult;
    const ACTION: &'static str = "ec2:DescribeVpcClassicLinkDnsSupport";

    fn touches(&self, instances: &Instances, _caller: &api::Caller) -> Vec<Access> {
        vec![Access::on(instances.place().all())]
    }

    async fn act(
        self,
        instances: &std::sync::Arc<Instances>,
        _ctx: &api::Ctx,
    ) -> Result<DescribeVpcClassicLinkDnsSupportResult, Fault> {
        let show = |vpc: &Vpc| ClassicLinkDnsSupport {
            classic_link_dns_supported: Some(vpc.has_classic_link_dns),
            vpc_id: Some(vpc.id.to_string()),
        };
        let page = Asked {
            ids: &self.vpc_ids,
            filters: &[],
            max: self.max_results,
            token: self.next_token.as_ref(),
        }
        .of(instances.networks(|networks| vpcs(networks, show)))?;
        Ok(DescribeVpcClassicLinkDnsSupportResult {
            next_token: page.next_token,
            vpcs: List(page.items),
        })
    }
}
