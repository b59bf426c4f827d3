//! CreateSecurityGroup, DescribeSecurityGroups, DeleteSecurityGroup.

use api::{Access, Fault};
use wire::{List, Shape};

use super::fault;
use super::page::{Asked, Listed};
use super::permission::{IpPermission, permissions};
use super::reach::{on_new, on_target, operations};
use super::shape::{Filter, Tag, TagSpecification, is_filter, of_tags, shown, tags_for};
use crate::engine::Networks;
use crate::engine::filter::Subject;
use crate::engine::network::group::{CreateGroup, DeleteGroup, Group};
use crate::engine::network::rule::Direction;
use crate::engine::network::{GroupId, ResourceId};
use crate::instances::new_draw;
use crate::{Instances, Place};

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct CreateSecurityGroupRequest {
    #[shape(query = "GroupDescription", required)]
    description: String,
    #[shape(required)]
    group_name: String,
    vpc_id: Option<String>,
    #[shape(query = "TagSpecification", item = "item")]
    tag_specifications: Vec<TagSpecification>,
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct CreateSecurityGroupResult {
    #[shape(query = "groupId")]
    group_id: Option<String>,
    #[shape(query = "tagSet", item = "item")]
    tags: Vec<Tag>,
    #[shape(query = "securityGroupArn")]
    security_group_arn: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeSecurityGroupsRequest {
    #[shape(query = "GroupId", item = "groupId")]
    group_ids: Vec<String>,
    #[shape(query = "GroupName", item = "GroupName")]
    group_names: Vec<String>,
    next_token: Option<String>,
    max_results: Option<i32>,
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "Filter", item = "Filter")]
    filters: Vec<Filter>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeSecurityGroupsResult {
    #[shape(query = "nextToken")]
    next_token: Option<String>,
    #[shape(query = "securityGroupInfo", item = "item")]
    security_groups: List<SecurityGroup>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DeleteSecurityGroupRequest {
    group_id: Option<String>,
    #[shape(refused)]
    group_name: Option<String>,
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DeleteSecurityGroupResult {
    #[shape(query = "return")]
    r#return: Option<bool>,
    #[shape(query = "groupId")]
    group_id: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct SecurityGroup {
    #[shape(query = "groupId")]
    group_id: Option<String>,
    #[shape(query = "ipPermissionsEgress", item = "item")]
    ip_permissions_egress: List<IpPermission>,
    #[shape(query = "tagSet", item = "item")]
    tags: Vec<Tag>,
    #[shape(query = "vpcId")]
    vpc_id: Option<String>,
    #[shape(query = "securityGroupArn")]
    security_group_arn: Option<String>,
    #[shape(query = "ownerId")]
    owner_id: Option<String>,
    #[shape(query = "groupName")]
    group_name: Option<String>,
    #[shape(query = "groupDescription")]
    description: Option<String>,
    #[shape(query = "ipPermissions", item = "item")]
    ip_permissions: List<IpPermission>,
}

operations! {
    CreateSecurityGroupRequest: "ec2:CreateSecurityGroup", CreateSecurityGroupResult, create on new;
    DescribeSecurityGroupsRequest: "ec2:DescribeSecurityGroups", DescribeSecurityGroupsResult, describe;
    DeleteSecurityGroupRequest: "ec2:DeleteSecurityGroup", DeleteSecurityGroupResult, delete on deleted;
}

/// The ARN of a group.
fn arn(id: &GroupId, place: &Place) -> String {
    place.arn(&format!("{}/{id}", GroupId::KIND)).to_string()
}

impl SecurityGroup {
    fn of(group: &Group, networks: &Networks, place: &Place) -> Self {
        let shown_rules = |direction| {
            let rules = group.rules(direction);
            List(permissions(group, rules, networks, place))
        };
        Self {
            group_id: Some(group.id.to_string()),
            ip_permissions_egress: shown_rules(Direction::Egress),
            tags: shown(&group.tags),
            vpc_id: Some(group.vpc.to_string()),
            security_group_arn: Some(arn(&group.id, place)),
            owner_id: Some(place.account.to_string()),
            group_name: Some(group.name.clone()),
            description: Some(group.description.clone()),
            ip_permissions: shown_rules(Direction::Ingress),
        }
    }
}

/// Filters for what groups here have.
const OWN: &[&str] = &[
    "description",
    "egress.ip-permission.cidr",
    "egress.ip-permission.from-port",
    "egress.ip-permission.group-id",
    "egress.ip-permission.ipv6-cidr",
    "egress.ip-permission.protocol",
    "egress.ip-permission.to-port",
    "group-id",
    "group-name",
    "ip-permission.cidr",
    "ip-permission.from-port",
    "ip-permission.group-id",
    "ip-permission.ipv6-cidr",
    "ip-permission.protocol",
    "ip-permission.to-port",
    "owner-id",
    "vpc-id",
];

/// Those for what they do not have.
const OTHERS: &[&str] = &[
    "egress.ip-permission.group-name",
    "egress.ip-permission.prefix-list-id",
    "egress.ip-permission.user-id",
    "ip-permission.group-name",
    "ip-permission.prefix-list-id",
    "ip-permission.user-id",
];

impl Subject for SecurityGroup {
    fn knows(name: &str) -> bool {
        is_filter(name, OWN, OTHERS)
    }

    fn values(&self, name: &str) -> Vec<String> {
        if let Some(found) = of_tags(&self.tags, name) {
            return found;
        }
        if let Some(about) = name.strip_prefix("egress.ip-permission.") {
            let all = self.ip_permissions_egress.0.iter();
            return all.flat_map(|it| it.values(about)).collect();
        }
        if let Some(about) = name.strip_prefix("ip-permission.") {
            let all = self.ip_permissions.0.iter();
            return all.flat_map(|it| it.values(about)).collect();
        }
        let found = match name {
            "description" => &self.description,
            "group-id" => &self.group_id,
            "group-name" => &self.group_name,
            "owner-id" => &self.owner_id,
            "vpc-id" => &self.vpc_id,
            _ => &None,
        };
        found.iter().cloned().collect()
    }
}

impl Listed for SecurityGroup {
    type Id = GroupId;

    fn id(&self) -> Option<&String> {
        self.group_id.as_ref()
    }
}

fn new(request: &CreateSecurityGroupRequest, instances: &Instances) -> Vec<Access> {
    let action = "ec2:CreateSecurityGroup";
    let tags = &request.tag_specifications;
    let mut all = on_new(instances, action, GroupId::KIND, tags);
    let vpc = request.vpc_id.iter();
    all.extend(vpc.map(|vpc| on_target(instances, action, vpc)));
    all
}

async fn create(
    request: CreateSecurityGroupRequest,
    instances: &Instances,
) -> Result<CreateSecurityGroupResult, Fault> {
    // Source: "Error codes", VPCIdNotSpecified: without a default VPC there must be one.
    let vpc = request
        .vpc_id
        .ok_or_else(|| Fault::sender("VPCIdNotSpecified", "No default VPC for this user"))?;
    let made = instances
        .change(CreateGroup {
            draw: new_draw(),
            vpc: fault::id(&vpc)?,
            name: request.group_name,
            description: request.description,
            tags: tags_for(GroupId::KIND, &request.tag_specifications)?,
        })
        .await?;
    Ok(CreateSecurityGroupResult {
        group_id: Some(made.id.to_string()),
        tags: shown(&made.tags),
        security_group_arn: Some(arn(&made.id, instances.place())),
    })
}

async fn describe(
    request: DescribeSecurityGroupsRequest,
    instances: &Instances,
) -> Result<DescribeSecurityGroupsResult, Fault> {
    if let Some(name) = request.group_names.first() {
        // Source: DescribeSecurityGroups: names are for a default VPC.
        return Err(Fault::sender(
            "InvalidGroup.NotFound",
            format!(
                "The security group '{name}' does not exist in default VPC: use the filter group-name"
            ),
        ));
    }
    let place = instances.place();
    let all = instances.networks(|networks| {
        let all = networks.groups.iter();
        all.map(|it| SecurityGroup::of(it, networks, place))
            .collect()
    });
    let page = Asked {
        ids: &request.group_ids,
        filters: &request.filters,
        max: request.max_results,
        token: request.next_token.as_ref(),
    }
    .of(all)?;
    Ok(DescribeSecurityGroupsResult {
        next_token: page.next_token,
        security_groups: List(page.items),
    })
}

fn deleted(request: &DeleteSecurityGroupRequest, instances: &Instances) -> Vec<Access> {
    let id = request.group_id.as_deref().unwrap_or_default();
    vec![on_target(instances, "ec2:DeleteSecurityGroup", id)]
}

async fn delete(
    request: DeleteSecurityGroupRequest,
    instances: &Instances,
) -> Result<DeleteSecurityGroupResult, Fault> {
    let text = request.group_id.ok_or_else(|| fault::missing("groupId"))?;
    instances.change(DeleteGroup(fault::id(&text)?)).await?;
    Ok(DeleteSecurityGroupResult {
        r#return: Some(true),
        group_id: Some(text),
    })
}
