//! CreateVpc, DescribeVpcs, DeleteVpc, and the attributes of networks.

use std::sync::Arc;

use api::{Access, Fault, Nothing};
use wire::{List, Shape};

use super::fault;
use super::page::{Asked, Listed};
use super::reach::{on_new, on_target, operations};
use super::shape::{
    AttributeBooleanValue, Filter, Tag, TagSpecification, Unsupported, is_filter, of_tags, shown,
    tags_for,
};
use crate::engine::filter::Subject;
use crate::engine::network::vpc::{self, CreateVpc, DeleteVpc, ModifyVpc};
use crate::engine::network::{ResourceId, VpcId};
use crate::instances::new_draw;
use crate::{Instances, Place};

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct CreateVpcRequest {
    cidr_block: Option<String>,
    #[shape(refused)]
    ipv6_pool: Option<String>,
    #[shape(refused)]
    ipv6_cidr_block: Option<String>,
    #[shape(refused)]
    ipv4_ipam_pool_id: Option<String>,
    #[shape(refused)]
    ipv4_netmask_length: Option<i32>,
    #[shape(refused)]
    ipv6_ipam_pool_id: Option<String>,
    #[shape(refused)]
    ipv6_netmask_length: Option<i32>,
    #[shape(refused)]
    ipv6_cidr_block_network_border_group: Option<String>,
    #[shape(refused)]
    vpc_encryption_control: Option<Unsupported>,
    #[shape(query = "TagSpecification", item = "item")]
    tag_specifications: Vec<TagSpecification>,
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "instanceTenancy")]
    instance_tenancy: Option<String>,
    #[shape(query = "amazonProvidedIpv6CidrBlock")]
    amazon_provided_ipv6_cidr_block: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct CreateVpcResult {
    #[shape(query = "vpc")]
    vpc: Option<Vpc>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeVpcsRequest {
    #[shape(query = "Filter", item = "Filter")]
    filters: Vec<Filter>,
    #[shape(query = "VpcId", item = "VpcId")]
    vpc_ids: Vec<String>,
    next_token: Option<String>,
    max_results: Option<i32>,
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeVpcsResult {
    #[shape(query = "nextToken")]
    next_token: Option<String>,
    #[shape(query = "vpcSet", item = "item")]
    vpcs: List<Vpc>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DeleteVpcRequest {
    #[shape(required)]
    vpc_id: String,
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct Vpc {
    #[shape(query = "ownerId")]
    owner_id: Option<String>,
    #[shape(query = "instanceTenancy")]
    instance_tenancy: Option<String>,
    #[shape(query = "cidrBlockAssociationSet", item = "item")]
    cidr_block_association_set: List<VpcCidrBlockAssociation>,
    #[shape(query = "isDefault")]
    is_default: Option<bool>,
    #[shape(query = "tagSet", item = "item")]
    tags: Vec<Tag>,
    #[shape(query = "vpcId")]
    vpc_id: Option<String>,
    #[shape(query = "state")]
    state: Option<String>,
    #[shape(query = "cidrBlock")]
    cidr_block: Option<String>,
    #[shape(query = "dhcpOptionsId")]
    dhcp_options_id: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct VpcCidrBlockAssociation {
    #[shape(query = "associationId")]
    association_id: Option<String>,
    #[shape(query = "cidrBlock")]
    cidr_block: Option<String>,
    #[shape(query = "cidrBlockState")]
    cidr_block_state: Option<VpcCidrBlockState>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct VpcCidrBlockState {
    #[shape(query = "state")]
    state: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeVpcAttributeRequest {
    #[shape(required)]
    attribute: String,
    #[shape(required)]
    vpc_id: String,
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeVpcAttributeResult {
    #[shape(query = "enableDnsHostnames")]
    enable_dns_hostnames: Option<AttributeBooleanValue>,
    #[shape(query = "enableDnsSupport")]
    enable_dns_support: Option<AttributeBooleanValue>,
    #[shape(query = "enableNetworkAddressUsageMetrics")]
    enable_network_address_usage_metrics: Option<AttributeBooleanValue>,
    #[shape(query = "vpcId")]
    vpc_id: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ModifyVpcAttributeRequest {
    enable_dns_hostnames: Option<AttributeBooleanValue>,
    enable_dns_support: Option<AttributeBooleanValue>,
    #[shape(query = "vpcId", required)]
    vpc_id: String,
    enable_network_address_usage_metrics: Option<AttributeBooleanValue>,
}

operations! {
    CreateVpcRequest: "ec2:CreateVpc", CreateVpcResult, create on new;
    DescribeVpcsRequest: "ec2:DescribeVpcs", DescribeVpcsResult, describe;
    DeleteVpcRequest: "ec2:DeleteVpc", Nothing, delete on deleted;
    DescribeVpcAttributeRequest: "ec2:DescribeVpcAttribute", DescribeVpcAttributeResult, attribute on asked;
}

impl api::Act<Instances> for ModifyVpcAttributeRequest {
    type Output = Nothing;
    const ACTION: &'static str = "ec2:ModifyVpcAttribute";

    fn touches(&self, instances: &Instances, _caller: &api::Caller) -> Vec<Access> {
        vec![on_target(instances, Self::ACTION, &self.vpc_id)]
    }

    async fn act(self, instances: &Arc<Instances>, _ctx: &api::Ctx) -> Result<Nothing, Fault> {
        modify(self, instances).await
    }
}

impl Vpc {
    fn of(vpc: &vpc::Vpc, place: &Place) -> Self {
        let range = Some(vpc.range.to_string());
        Self {
            owner_id: Some(place.account.to_string()),
            instance_tenancy: Some("default".to_owned()),
            cidr_block_association_set: List(vec![VpcCidrBlockAssociation {
                association_id: Some(vpc.range_id.to_string()),
                cidr_block: range.clone(),
                cidr_block_state: Some(VpcCidrBlockState {
                    state: Some("associated".to_owned()),
                }),
            }]),
            is_default: Some(false),
            tags: shown(&vpc.tags),
            vpc_id: Some(vpc.id.to_string()),
            state: Some("available".to_owned()),
            cidr_block: range,
            dhcp_options_id: Some("default".to_owned()),
        }
    }
}

/// Filters for what networks here have.
const OWN: &[&str] = &[
    "cidr",
    "cidr-block-association.association-id",
    "cidr-block-association.cidr-block",
    "cidr-block-association.state",
    "dhcp-options-id",
    "is-default",
    "isDefault",
    "owner-id",
    "state",
    "vpc-id",
];

impl Subject for Vpc {
    fn knows(name: &str) -> bool {
        is_filter(name, OWN, &["ipv6-cidr-block-association."])
    }

    fn values(&self, name: &str) -> Vec<String> {
        if let Some(found) = of_tags(&self.tags, name) {
            return found;
        }
        let range = self.cidr_block_association_set.0.first();
        let found = match name {
            "cidr" | "cidr-block-association.cidr-block" => self.cidr_block.clone(),
            "cidr-block-association.association-id" => {
                range.and_then(|range| range.association_id.clone())
            }
            "cidr-block-association.state" => Some("associated".to_owned()),
            "dhcp-options-id" => self.dhcp_options_id.clone(),
            "is-default" | "isDefault" => self.is_default.map(|it| it.to_string()),
            "owner-id" => self.owner_id.clone(),
            "state" => self.state.clone(),
            "vpc-id" => self.vpc_id.clone(),
            _ => None,
        };
        found.into_iter().collect()
    }
}

impl Listed for Vpc {
    type Id = VpcId;

    fn id(&self) -> Option<&String> {
        self.vpc_id.as_ref()
    }
}

fn new(request: &CreateVpcRequest, instances: &Instances) -> Vec<Access> {
    let tags = &request.tag_specifications;
    on_new(instances, "ec2:CreateVpc", VpcId::KIND, tags)
}

async fn create(
    request: CreateVpcRequest,
    instances: &Instances,
) -> Result<CreateVpcResult, Fault> {
    let range = request
        .cidr_block
        .ok_or_else(|| fault::missing("cidrBlock"))?;
    if request.amazon_provided_ipv6_cidr_block == Some(true) {
        return Err(fault::unsupported(
            "Networks have addresses of IPv4 alone: amazonProvidedIpv6CidrBlock is false.",
        ));
    }
    // Source: EnableVpcClassicLink: a network of dedicated tenancy cannot have it; a host here is never shared anyway.
    let tenancy = request.instance_tenancy.as_deref().unwrap_or("default");
    if tenancy != "default" {
        return Err(fault::invalid_value(format!(
            "Value ({tenancy}) for parameter instanceTenancy is invalid. A host is what it is: `default`."
        )));
    }
    let made = instances
        .change(CreateVpc {
            draw: new_draw(),
            range,
            tags: tags_for(VpcId::KIND, &request.tag_specifications)?,
        })
        .await?;
    Ok(CreateVpcResult {
        vpc: Some(Vpc::of(&made, instances.place())),
    })
}

async fn describe(
    request: DescribeVpcsRequest,
    instances: &Instances,
) -> Result<DescribeVpcsResult, Fault> {
    let place = instances.place();
    let all = instances.networks(|networks| {
        let all = networks.vpcs.iter();
        all.map(|vpc| Vpc::of(vpc, place)).collect()
    });
    let page = Asked {
        ids: &request.vpc_ids,
        filters: &request.filters,
        max: request.max_results,
        token: request.next_token.as_ref(),
    }
    .of(all)?;
    Ok(DescribeVpcsResult {
        next_token: page.next_token,
        vpcs: List(page.items),
    })
}

fn deleted(request: &DeleteVpcRequest, instances: &Instances) -> Vec<Access> {
    vec![on_target(instances, "ec2:DeleteVpc", &request.vpc_id)]
}

async fn delete(request: DeleteVpcRequest, instances: &Instances) -> Result<Nothing, Fault> {
    let id = fault::id(&request.vpc_id)?;
    instances.change(DeleteVpc(id)).await?;
    Ok(Nothing {})
}

fn asked(request: &DescribeVpcAttributeRequest, instances: &Instances) -> Vec<Access> {
    vec![on_target(
        instances,
        "ec2:DescribeVpcAttribute",
        &request.vpc_id,
    )]
}

async fn attribute(
    request: DescribeVpcAttributeRequest,
    instances: &Instances,
) -> Result<DescribeVpcAttributeResult, Fault> {
    let id: VpcId = fault::id(&request.vpc_id)?;
    let vpc = instances.networks(|networks| networks.vpcs.get(&id).cloned())?;
    let value = |value| Some(AttributeBooleanValue { value: Some(value) });
    let mut answer = DescribeVpcAttributeResult {
        vpc_id: Some(id.to_string()),
        ..DescribeVpcAttributeResult::default()
    };
    match request.attribute.as_str() {
        "enableDnsHostnames" => answer.enable_dns_hostnames = value(vpc.has_dns_hostnames),
        "enableDnsSupport" => answer.enable_dns_support = value(vpc.has_dns_support),
        "enableNetworkAddressUsageMetrics" => {
            answer.enable_network_address_usage_metrics = value(false);
        }
        other => {
            return Err(fault::invalid_value(format!(
                "Value ({other}) for parameter attribute is invalid. Unknown attribute."
            )));
        }
    }
    Ok(answer)
}

async fn modify(
    request: ModifyVpcAttributeRequest,
    instances: &Instances,
) -> Result<Nothing, Fault> {
    let flag = |given: &Option<AttributeBooleanValue>| given.as_ref().and_then(|it| it.value);
    let (support, names) = (
        flag(&request.enable_dns_support),
        flag(&request.enable_dns_hostnames),
    );
    let usage = flag(&request.enable_network_address_usage_metrics);
    if usage == Some(true) {
        return Err(fault::unsupported(
            "There are no metrics of addresses: enableNetworkAddressUsageMetrics is false.",
        ));
    }
    match [support, names, usage].into_iter().flatten().count() {
        0 => return Err(fault::missing("an attribute")),
        1 => {}
        // Source: ModifyVpcAttribute: both in one request are refused.
        _ => {
            return Err(fault::combination(
                "Fields for multiple attribute types specified",
            ));
        }
    }
    instances
        .change(ModifyVpc {
            id: fault::id(&request.vpc_id)?,
            dns_support: support,
            dns_hostnames: names,
        })
        .await?;
    Ok(Nothing {})
}
