//! DescribeNetworkAcls: each network has one ACL, which lets everything through; security groups say what may be.

use api::Fault;
use wire::{List, Shape};

use super::page::{Asked, Listed};
use super::reach::operations;
use super::shape::{Filter, Tag, is_filter, of_tags};
use crate::engine::Networks;
use crate::engine::filter::Subject;
use crate::engine::network::id::AclId;
use crate::engine::network::vpc::Vpc;
use crate::{Instances, Place};

/// The number of the last entry, which refuses what no other has let through. Source: VPC User Guide, "Default network ACL".
const LAST: i32 = 32_767;

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeNetworkAclsRequest {
    next_token: Option<String>,
    max_results: Option<i32>,
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "NetworkAclId", item = "item")]
    network_acl_ids: Vec<String>,
    #[shape(query = "Filter", item = "Filter")]
    filters: Vec<Filter>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeNetworkAclsResult {
    #[shape(query = "networkAclSet", item = "item")]
    network_acls: List<NetworkAcl>,
    #[shape(query = "nextToken")]
    next_token: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct NetworkAcl {
    #[shape(query = "associationSet", item = "item")]
    associations: List<NetworkAclAssociation>,
    #[shape(query = "entrySet", item = "item")]
    entries: List<NetworkAclEntry>,
    #[shape(query = "default")]
    is_default: Option<bool>,
    #[shape(query = "networkAclId")]
    network_acl_id: Option<String>,
    #[shape(query = "tagSet", item = "item")]
    tags: Vec<Tag>,
    #[shape(query = "vpcId")]
    vpc_id: Option<String>,
    #[shape(query = "ownerId")]
    owner_id: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct NetworkAclEntry {
    #[shape(query = "cidrBlock")]
    cidr_block: Option<String>,
    #[shape(query = "egress")]
    egress: Option<bool>,
    #[shape(query = "protocol")]
    protocol: Option<String>,
    #[shape(query = "ruleAction")]
    rule_action: Option<String>,
    #[shape(query = "ruleNumber")]
    rule_number: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct NetworkAclAssociation {
    #[shape(query = "networkAclAssociationId")]
    network_acl_association_id: Option<String>,
    #[shape(query = "networkAclId")]
    network_acl_id: Option<String>,
    #[shape(query = "subnetId")]
    subnet_id: Option<String>,
}

operations! {
    DescribeNetworkAclsRequest: "ec2:DescribeNetworkAcls", DescribeNetworkAclsResult, describe;
}

impl NetworkAclEntry {
    fn new(egress: bool, number: i32, action: &str) -> Self {
        Self {
            cidr_block: Some("0.0.0.0/0".to_owned()),
            egress: Some(egress),
            protocol: Some("-1".to_owned()),
            rule_action: Some(action.to_owned()),
            rule_number: Some(number),
        }
    }
}

impl NetworkAcl {
    fn of(vpc: &Vpc, networks: &Networks, place: &Place) -> Self {
        let subnets = networks.subnets_of(&vpc.id);
        let associations = subnets.map(|subnet| NetworkAclAssociation {
            network_acl_association_id: Some(subnet.acl_association.to_string()),
            network_acl_id: Some(vpc.acl.to_string()),
            subnet_id: Some(subnet.id.to_string()),
        });
        let entries = [true, false].into_iter().flat_map(|egress| {
            [
                NetworkAclEntry::new(egress, 100, "allow"),
                NetworkAclEntry::new(egress, LAST, "deny"),
            ]
        });
        Self {
            associations: associations.collect(),
            entries: entries.collect(),
            is_default: Some(true),
            network_acl_id: Some(vpc.acl.to_string()),
            tags: Vec::new(),
            vpc_id: Some(vpc.id.to_string()),
            owner_id: Some(place.account.to_string()),
        }
    }
}

/// Filters for what ACLs here have.
const OWN: &[&str] = &[
    "association.association-id",
    "association.network-acl-id",
    "association.subnet-id",
    "default",
    "entry.cidr",
    "entry.protocol",
    "entry.rule-action",
    "entry.rule-number",
    "network-acl-id",
    "owner-id",
    "vpc-id",
];

/// Those for what they do not have.
const OTHERS: &[&str] = &["entry.icmp.", "entry.ipv6-cidr", "entry.port-range."];

impl Subject for NetworkAcl {
    fn knows(name: &str) -> bool {
        is_filter(name, OWN, OTHERS)
    }

    fn values(&self, name: &str) -> Vec<String> {
        if let Some(found) = of_tags(&self.tags, name) {
            return found;
        }
        let associations = |of: fn(&NetworkAclAssociation) -> &Option<String>| {
            let all = self.associations.0.iter();
            all.filter_map(|it| of(it).clone()).collect()
        };
        let entries = |of: fn(&NetworkAclEntry) -> &Option<String>| {
            let all = self.entries.0.iter();
            all.filter_map(|it| of(it).clone()).collect()
        };
        let one = |value: &Option<String>| value.iter().cloned().collect();
        match name {
            "association.association-id" => associations(|it| &it.network_acl_association_id),
            "association.network-acl-id" => associations(|it| &it.network_acl_id),
            "association.subnet-id" => associations(|it| &it.subnet_id),
            "default" => vec![true.to_string()],
            "entry.cidr" => entries(|it| &it.cidr_block),
            "entry.protocol" => entries(|it| &it.protocol),
            "entry.rule-action" => entries(|it| &it.rule_action),
            "entry.rule-number" => {
                let all = self.entries.0.iter().filter_map(|it| it.rule_number);
                all.map(|number| number.to_string()).collect()
            }
            "network-acl-id" => one(&self.network_acl_id),
            "owner-id" => one(&self.owner_id),
            "vpc-id" => one(&self.vpc_id),
            _ => Vec::new(),
        }
    }
}

impl Listed for NetworkAcl {
    type Id = AclId;

    fn id(&self) -> Option<&String> {
        self.network_acl_id.as_ref()
    }
}

async fn describe(
    request: DescribeNetworkAclsRequest,
    instances: &Instances,
) -> Result<DescribeNetworkAclsResult, Fault> {
    let place = instances.place();
    let all = instances.networks(|networks| {
        let all = networks.vpcs.iter();
        all.map(|vpc| NetworkAcl::of(vpc, networks, place))
            .collect()
    });
    let page = Asked {
        ids: &request.network_acl_ids,
        filters: &request.filters,
        max: request.max_results,
        token: request.next_token.as_ref(),
    }
    .of(all)?;
    Ok(DescribeNetworkAclsResult {
        network_acls: List(page.items),
        next_token: page.next_token,
    })
}
