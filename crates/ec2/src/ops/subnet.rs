//! CreateSubnet, DescribeSubnets, DeleteSubnet, ModifySubnetAttribute.

use std::sync::Arc;

use api::{Access, Fault, Nothing};
use wire::{List, Shape};

use super::fault;
use super::page::{Asked, Listed};
use super::place::zone_id;
use super::reach::{on_new, on_target, operations};
use super::shape::{
    AttributeBooleanValue, Filter, Tag, TagSpecification, Unsupported, is_filter, of_tags, shown,
    tags_for,
};
use crate::engine::Inventory;
use crate::engine::filter::Subject;
use crate::engine::network::subnet::{self, CreateSubnet, DeleteSubnet};
use crate::engine::network::{ResourceId, SubnetId, range};
use crate::instances::new_draw;
use crate::{Instances, Place};

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct CreateSubnetRequest {
    #[shape(query = "TagSpecification", item = "item")]
    tag_specifications: Vec<TagSpecification>,
    availability_zone: Option<String>,
    #[shape(refused)]
    availability_zone_id: Option<String>,
    cidr_block: Option<String>,
    #[shape(refused)]
    ipv6_cidr_block: Option<String>,
    #[shape(refused)]
    outpost_arn: Option<String>,
    #[shape(required)]
    vpc_id: String,
    ipv6_native: Option<bool>,
    #[shape(refused)]
    ipv4_ipam_pool_id: Option<String>,
    #[shape(refused)]
    ipv4_netmask_length: Option<i32>,
    #[shape(refused)]
    ipv6_ipam_pool_id: Option<String>,
    #[shape(refused)]
    ipv6_netmask_length: Option<i32>,
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct CreateSubnetResult {
    #[shape(query = "subnet")]
    subnet: Option<Subnet>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeSubnetsRequest {
    #[shape(query = "Filter", item = "Filter")]
    filters: Vec<Filter>,
    #[shape(query = "SubnetId", item = "SubnetId")]
    subnet_ids: Vec<String>,
    next_token: Option<String>,
    max_results: Option<i32>,
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeSubnetsResult {
    #[shape(query = "nextToken")]
    next_token: Option<String>,
    #[shape(query = "subnetSet", item = "item")]
    subnets: List<Subnet>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DeleteSubnetRequest {
    #[shape(required)]
    subnet_id: String,
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct Subnet {
    #[shape(query = "availabilityZoneId")]
    availability_zone_id: Option<String>,
    #[shape(query = "mapCustomerOwnedIpOnLaunch")]
    map_customer_owned_ip_on_launch: Option<bool>,
    #[shape(query = "ownerId")]
    owner_id: Option<String>,
    #[shape(query = "assignIpv6AddressOnCreation")]
    assign_ipv6_address_on_creation: Option<bool>,
    #[shape(query = "tagSet", item = "item")]
    tags: Vec<Tag>,
    #[shape(query = "subnetArn")]
    subnet_arn: Option<String>,
    #[shape(query = "enableDns64")]
    enable_dns64: Option<bool>,
    #[shape(query = "ipv6Native")]
    ipv6_native: Option<bool>,
    #[shape(query = "subnetId")]
    subnet_id: Option<String>,
    #[shape(query = "state")]
    state: Option<String>,
    #[shape(query = "vpcId")]
    vpc_id: Option<String>,
    #[shape(query = "cidrBlock")]
    cidr_block: Option<String>,
    #[shape(query = "availableIpAddressCount")]
    available_ip_address_count: Option<i32>,
    #[shape(query = "availabilityZone")]
    availability_zone: Option<String>,
    #[shape(query = "defaultForAz")]
    default_for_az: Option<bool>,
    #[shape(query = "mapPublicIpOnLaunch")]
    map_public_ip_on_launch: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ModifySubnetAttributeRequest {
    assign_ipv6_address_on_creation: Option<AttributeBooleanValue>,
    map_public_ip_on_launch: Option<AttributeBooleanValue>,
    #[shape(query = "subnetId", required)]
    subnet_id: String,
    map_customer_owned_ip_on_launch: Option<AttributeBooleanValue>,
    #[shape(refused)]
    customer_owned_ipv4_pool: Option<String>,
    enable_dns64: Option<AttributeBooleanValue>,
    #[shape(refused)]
    private_dns_hostname_type_on_launch: Option<String>,
    enable_resource_name_dns_a_record_on_launch: Option<AttributeBooleanValue>,
    #[shape(name = "EnableResourceNameDnsAAAARecordOnLaunch")]
    enable_resource_name_dns_aaaa_record_on_launch: Option<AttributeBooleanValue>,
    #[shape(refused)]
    enable_lni_at_device_index: Option<i32>,
    #[shape(refused)]
    disable_lni_at_device_index: Option<Unsupported>,
}

operations! {
    CreateSubnetRequest: "ec2:CreateSubnet", CreateSubnetResult, create on new;
    DescribeSubnetsRequest: "ec2:DescribeSubnets", DescribeSubnetsResult, describe;
    DeleteSubnetRequest: "ec2:DeleteSubnet", Nothing, delete on deleted;
}

impl api::Act<Instances> for ModifySubnetAttributeRequest {
    type Output = Nothing;
    const ACTION: &'static str = "ec2:ModifySubnetAttribute";

    fn touches(&self, instances: &Instances, _caller: &api::Caller) -> Vec<Access> {
        vec![on_target(instances, Self::ACTION, &self.subnet_id)]
    }

    async fn act(self, instances: &Arc<Instances>, _ctx: &api::Ctx) -> Result<Nothing, Fault> {
        modify(&self, instances)
    }
}

impl Subnet {
    fn of(subnet: &subnet::Subnet, inventory: &Inventory, place: &Place) -> Self {
        let is_here = |it: &&Arc<crate::engine::Instance>| {
            !it.state.is_leaving() && it.place.subnet() == Some(&subnet.id)
        };
        let taken = inventory.iter().filter(is_here).count();
        let free = range::usable(subnet.range).saturating_sub(u32::try_from(taken).unwrap_or(0));
        let arn = place.arn(&format!("{}/{}", SubnetId::KIND, subnet.id));
        Self {
            availability_zone_id: Some(zone_id(place)),
            map_customer_owned_ip_on_launch: Some(false),
            owner_id: Some(place.account.to_string()),
            assign_ipv6_address_on_creation: Some(false),
            tags: shown(&subnet.tags),
            subnet_arn: Some(arn.to_string()),
            enable_dns64: Some(false),
            ipv6_native: Some(false),
            subnet_id: Some(subnet.id.to_string()),
            state: Some("available".to_owned()),
            vpc_id: Some(subnet.vpc.to_string()),
            cidr_block: Some(subnet.range.to_string()),
            available_ip_address_count: i32::try_from(free).ok(),
            availability_zone: Some(place.zone()),
            default_for_az: Some(false),
            map_public_ip_on_launch: Some(false),
        }
    }
}

/// Filters for what parts of networks here have.
const OWN: &[&str] = &[
    "availability-zone",
    "availabilityZone",
    "availability-zone-id",
    "available-ip-address-count",
    "cidr",
    "cidr-block",
    "cidrBlock",
    "default-for-az",
    "defaultForAz",
    "enable-dns64",
    "ipv6-native",
    "map-customer-owned-ip-on-launch",
    "map-public-ip-on-launch",
    "owner-id",
    "state",
    "subnet-arn",
    "subnet-id",
    "vpc-id",
];

/// Those for what they do not have, as they begin.
const OTHERS: &[&str] = &[
    "customer-owned-ipv4-pool",
    "enable-lni-at-device-index",
    "ipv6-cidr-block-association.",
    "outpost-arn",
    "private-dns-name-options-on-launch.",
];

impl Subject for Subnet {
    fn knows(name: &str) -> bool {
        is_filter(name, OWN, OTHERS)
    }

    fn values(&self, name: &str) -> Vec<String> {
        if let Some(found) = of_tags(&self.tags, name) {
            return found;
        }
        let found = match name {
            "availability-zone" | "availabilityZone" => self.availability_zone.clone(),
            "availability-zone-id" => self.availability_zone_id.clone(),
            "available-ip-address-count" => self
                .available_ip_address_count
                .map(|count| count.to_string()),
            "cidr" | "cidr-block" | "cidrBlock" => self.cidr_block.clone(),
            "default-for-az" | "defaultForAz" => self.default_for_az.map(|it| it.to_string()),
            "enable-dns64" => self.enable_dns64.map(|it| it.to_string()),
            "ipv6-native" => self.ipv6_native.map(|it| it.to_string()),
            "map-customer-owned-ip-on-launch" | "map-public-ip-on-launch" => {
                Some(false.to_string())
            }
            "owner-id" => self.owner_id.clone(),
            "state" => self.state.clone(),
            "subnet-arn" => self.subnet_arn.clone(),
            "subnet-id" => self.subnet_id.clone(),
            "vpc-id" => self.vpc_id.clone(),
            _ => None,
        };
        found.into_iter().collect()
    }
}

impl Listed for Subnet {
    type Id = SubnetId;

    fn id(&self) -> Option<&String> {
        self.subnet_id.as_ref()
    }
}

fn new(request: &CreateSubnetRequest, instances: &Instances) -> Vec<Access> {
    let tags = &request.tag_specifications;
    let mut all = on_new(instances, "ec2:CreateSubnet", SubnetId::KIND, tags);
    all.push(on_target(instances, "ec2:CreateSubnet", &request.vpc_id));
    all
}

async fn create(
    request: CreateSubnetRequest,
    instances: &Instances,
) -> Result<CreateSubnetResult, Fault> {
    let range = request
        .cidr_block
        .ok_or_else(|| fault::missing("cidrBlock"))?;
    let zone = request.availability_zone.as_ref();
    if let Some(other) = zone.filter(|zone| **zone != instances.place().zone()) {
        return Err(fault::invalid_value(format!(
            "Value ({other}) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: {}.",
            instances.place().zone()
        )));
    }
    if request.ipv6_native == Some(true) {
        return Err(fault::unsupported(
            "Networks have addresses of IPv4 alone: ipv6Native is false.",
        ));
    }
    let made = instances
        .change(CreateSubnet {
            draw: new_draw(),
            vpc: fault::id(&request.vpc_id)?,
            range,
            tags: tags_for(SubnetId::KIND, &request.tag_specifications)?,
        })
        .await?;
    let place = instances.place();
    Ok(CreateSubnetResult {
        subnet: Some(instances.inventory(|inventory| Subnet::of(&made, inventory, place))),
    })
}

async fn describe(
    request: DescribeSubnetsRequest,
    instances: &Instances,
) -> Result<DescribeSubnetsResult, Fault> {
    let place = instances.place();
    let all = instances.inventory(|inventory| {
        let all = inventory.networks().subnets.iter();
        all.map(|it| Subnet::of(it, inventory, place)).collect()
    });
    let page = Asked {
        ids: &request.subnet_ids,
        filters: &request.filters,
        max: request.max_results,
        token: request.next_token.as_ref(),
    }
    .of(all)?;
    Ok(DescribeSubnetsResult {
        next_token: page.next_token,
        subnets: List(page.items),
    })
}

fn deleted(request: &DeleteSubnetRequest, instances: &Instances) -> Vec<Access> {
    vec![on_target(instances, "ec2:DeleteSubnet", &request.subnet_id)]
}

async fn delete(request: DeleteSubnetRequest, instances: &Instances) -> Result<Nothing, Fault> {
    let id = fault::id(&request.subnet_id)?;
    instances.change(DeleteSubnet(id)).await?;
    Ok(Nothing {})
}

/// A subnet has none of these attributes, and may be told so.
fn modify(request: &ModifySubnetAttributeRequest, instances: &Instances) -> Result<Nothing, Fault> {
    let id: SubnetId = fault::id(&request.subnet_id)?;
    instances.networks(|networks| networks.subnets.get(&id).map(drop))?;
    let all = [
        &request.assign_ipv6_address_on_creation,
        &request.map_public_ip_on_launch,
        &request.map_customer_owned_ip_on_launch,
        &request.enable_dns64,
        &request.enable_resource_name_dns_a_record_on_launch,
        &request.enable_resource_name_dns_aaaa_record_on_launch,
    ];
    let mut all = all.into_iter().flatten();
    match all.any(|it| it.value == Some(true)) {
        true => Err(fault::unsupported(
            "A host has the addresses and names that it has: each attribute of a subnet is false.",
        )),
        false => Ok(Nothing {}),
    }
}
