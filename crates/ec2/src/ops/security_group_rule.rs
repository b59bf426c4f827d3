//! DescribeSecurityGroupRules, ModifySecurityGroupRules, and what rules are for.

use api::{Access, Fault};
use wire::{List, Shape};

use super::fault;
use super::page::{Asked, Listed};
use super::permission::{IpPermission, Written, v4, v6};
use super::reach::{on_target, operations};
use super::shape::{Filter, Tag, is_filter, of_tags, shown};
use crate::engine::Networks;
use crate::engine::filter::Subject;
use crate::engine::network::group::{DescribeRules, Group, ModifyRules, NewRule};
use crate::engine::network::rule::{Direction, Peer, Rule, Spec};
use crate::engine::network::{ResourceId, RuleId};
use crate::{Instances, Place};

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeSecurityGroupRulesRequest {
    #[shape(query = "Filter", item = "Filter")]
    filters: Vec<Filter>,
    #[shape(query = "SecurityGroupRuleId", item = "item")]
    security_group_rule_ids: Vec<String>,
    dry_run: Option<bool>,
    next_token: Option<String>,
    max_results: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeSecurityGroupRulesResult {
    #[shape(query = "securityGroupRuleSet", item = "item")]
    security_group_rules: List<SecurityGroupRule>,
    #[shape(query = "nextToken")]
    next_token: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ModifySecurityGroupRulesRequest {
    #[shape(required)]
    group_id: String,
    #[shape(query = "SecurityGroupRule", item = "item", required)]
    security_group_rules: Vec<SecurityGroupRuleUpdate>,
    dry_run: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ModifySecurityGroupRulesResult {
    #[shape(query = "return")]
    r#return: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct UpdateSecurityGroupRuleDescriptionsIngressRequest {
    dry_run: Option<bool>,
    group_id: Option<String>,
    #[shape(refused)]
    group_name: Option<String>,
    #[shape(item = "item")]
    ip_permissions: Vec<IpPermission>,
    #[shape(query = "SecurityGroupRuleDescription", item = "item")]
    security_group_rule_descriptions: Vec<SecurityGroupRuleDescription>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct UpdateSecurityGroupRuleDescriptionsIngressResult {
    #[shape(query = "return")]
    r#return: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct UpdateSecurityGroupRuleDescriptionsEgressRequest {
    dry_run: Option<bool>,
    group_id: Option<String>,
    #[shape(refused)]
    group_name: Option<String>,
    #[shape(item = "item")]
    ip_permissions: Vec<IpPermission>,
    #[shape(query = "SecurityGroupRuleDescription", item = "item")]
    security_group_rule_descriptions: Vec<SecurityGroupRuleDescription>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct UpdateSecurityGroupRuleDescriptionsEgressResult {
    #[shape(query = "return")]
    r#return: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct SecurityGroupRule {
    #[shape(query = "securityGroupRuleId")]
    security_group_rule_id: Option<String>,
    #[shape(query = "groupId")]
    group_id: Option<String>,
    #[shape(query = "groupOwnerId")]
    group_owner_id: Option<String>,
    #[shape(query = "isEgress")]
    is_egress: Option<bool>,
    #[shape(query = "ipProtocol")]
    ip_protocol: Option<String>,
    #[shape(query = "fromPort")]
    from_port: Option<i32>,
    #[shape(query = "toPort")]
    to_port: Option<i32>,
    #[shape(query = "cidrIpv4")]
    cidr_ipv4: Option<String>,
    #[shape(query = "cidrIpv6")]
    cidr_ipv6: Option<String>,
    #[shape(query = "referencedGroupInfo")]
    referenced_group_info: Option<ReferencedSecurityGroup>,
    #[shape(query = "description")]
    description: Option<String>,
    #[shape(query = "tagSet", item = "item")]
    tags: Vec<Tag>,
    #[shape(query = "securityGroupRuleArn")]
    security_group_rule_arn: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ReferencedSecurityGroup {
    #[shape(query = "groupId")]
    group_id: Option<String>,
    #[shape(query = "peeringStatus")]
    peering_status: Option<String>,
    #[shape(query = "userId")]
    user_id: Option<String>,
    #[shape(query = "vpcId")]
    vpc_id: Option<String>,
    #[shape(query = "vpcPeeringConnectionId")]
    vpc_peering_connection_id: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct SecurityGroupRuleUpdate {
    #[shape(required)]
    security_group_rule_id: String,
    security_group_rule: Option<SecurityGroupRuleRequest>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct SecurityGroupRuleRequest {
    ip_protocol: Option<String>,
    from_port: Option<i32>,
    to_port: Option<i32>,
    cidr_ipv4: Option<String>,
    cidr_ipv6: Option<String>,
    #[shape(refused)]
    prefix_list_id: Option<String>,
    referenced_group_id: Option<String>,
    description: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct SecurityGroupRuleDescription {
    security_group_rule_id: Option<String>,
    description: Option<String>,
}

operations! {
    DescribeSecurityGroupRulesRequest: "ec2:DescribeSecurityGroupRules", DescribeSecurityGroupRulesResult, describe;
    ModifySecurityGroupRulesRequest: "ec2:ModifySecurityGroupRules", ModifySecurityGroupRulesResult, modify on modified;
    UpdateSecurityGroupRuleDescriptionsIngressRequest: "ec2:UpdateSecurityGroupRuleDescriptionsIngress", UpdateSecurityGroupRuleDescriptionsIngressResult, update_ingress on updated_ingress;
    UpdateSecurityGroupRuleDescriptionsEgressRequest: "ec2:UpdateSecurityGroupRuleDescriptionsEgress", UpdateSecurityGroupRuleDescriptionsEgressResult, update_egress on updated_egress;
}

impl SecurityGroupRule {
    pub(super) fn of(
        group: &Group,
        rule: &Rule,
        direction: Direction,
        networks: &Networks,
        place: &Place,
    ) -> Self {
        let written = Written::of(rule.spec.traffic);
        let (v4, v6, other) = peer(&rule.spec.peer);
        let foreign = rule
            .spec
            .group()
            .and_then(|id| networks.groups.get(id).ok());
        let foreign = foreign.filter(|it| it.vpc != group.vpc);
        let peering = foreign.and_then(|it| networks.peering_of(&it.vpc, &group.vpc));
        let arn = place.arn(&format!("{}/{}", RuleId::KIND, rule.id));
        Self {
            security_group_rule_id: Some(rule.id.to_string()),
            group_id: Some(group.id.to_string()),
            group_owner_id: Some(place.account.to_string()),
            is_egress: Some(direction == Direction::Egress),
            ip_protocol: Some(written.protocol),
            // Source: SecurityGroupRule: -1 where the protocol has no ports.
            from_port: Some(written.from.unwrap_or(-1)),
            to_port: Some(written.to.unwrap_or(-1)),
            cidr_ipv4: v4,
            cidr_ipv6: v6,
            referenced_group_info: other.map(|group_id| ReferencedSecurityGroup {
                group_id: Some(group_id),
                peering_status: peering.map(|it| it.stage.name().to_owned()),
                user_id: Some(place.account.to_string()),
                vpc_id: foreign.map(|it| it.vpc.to_string()),
                vpc_peering_connection_id: peering.map(|it| it.id.to_string()),
            }),
            description: rule.description.clone(),
            tags: shown(&rule.tags),
            security_group_rule_arn: Some(arn.to_string()),
        }
    }
}

/// A peer in one of its three forms.
pub(super) fn peer(peer: &Peer) -> (Option<String>, Option<String>, Option<String>) {
    match peer {
        Peer::V4(range) => (Some(range.to_string()), None, None),
        Peer::V6(range) => (None, Some(range.to_string()), None),
        Peer::Group(id) => (None, None, Some(id.to_string())),
    }
}

impl Subject for SecurityGroupRule {
    fn knows(name: &str) -> bool {
        is_filter(name, &["group-id", "security-group-rule-id"], &[])
    }

    fn values(&self, name: &str) -> Vec<String> {
        if let Some(found) = of_tags(&self.tags, name) {
            return found;
        }
        let found = match name {
            "group-id" => &self.group_id,
            _ => &self.security_group_rule_id,
        };
        found.iter().cloned().collect()
    }
}

impl Listed for SecurityGroupRule {
    type Id = RuleId;

    fn id(&self) -> Option<&String> {
        self.security_group_rule_id.as_ref()
    }
}

/// `action` on the group that a request names.
pub(super) fn on_group(
    instances: &Instances,
    action: &'static str,
    id: Option<&String>,
) -> Vec<Access> {
    let id = id.map(String::as_str).unwrap_or_default();
    vec![on_target(instances, action, id)]
}

fn modified(request: &ModifySecurityGroupRulesRequest, instances: &Instances) -> Vec<Access> {
    on_group(
        instances,
        "ec2:ModifySecurityGroupRules",
        Some(&request.group_id),
    )
}

fn updated_ingress(
    request: &UpdateSecurityGroupRuleDescriptionsIngressRequest,
    instances: &Instances,
) -> Vec<Access> {
    let action = "ec2:UpdateSecurityGroupRuleDescriptionsIngress";
    on_group(instances, action, request.group_id.as_ref())
}

fn updated_egress(
    request: &UpdateSecurityGroupRuleDescriptionsEgressRequest,
    instances: &Instances,
) -> Vec<Access> {
    let action = "ec2:UpdateSecurityGroupRuleDescriptionsEgress";
    on_group(instances, action, request.group_id.as_ref())
}

async fn describe(
    request: DescribeSecurityGroupRulesRequest,
    instances: &Instances,
) -> Result<DescribeSecurityGroupRulesResult, Fault> {
    let place = instances.place();
    let all = instances.networks(|networks| {
        let rules = |group: &Group, direction| {
            let rules = group.rules(direction).iter();
            let show = |rule| SecurityGroupRule::of(group, rule, direction, networks, place);
            rules.map(show).collect::<Vec<_>>()
        };
        let mut all = Vec::new();
        for group in networks.groups.iter() {
            all.extend(rules(group, Direction::Ingress));
            all.extend(rules(group, Direction::Egress));
        }
        all
    });
    let page = Asked {
        ids: &request.security_group_rule_ids,
        filters: &request.filters,
        max: request.max_results,
        token: request.next_token.as_ref(),
    }
    .of(all)?;
    Ok(DescribeSecurityGroupRulesResult {
        security_group_rules: List(page.items),
        next_token: page.next_token,
    })
}

impl SecurityGroupRuleRequest {
    fn read(&self) -> Result<NewRule, Fault> {
        let given = (&self.cidr_ipv4, &self.cidr_ipv6, &self.referenced_group_id);
        let peer = match given {
            (Some(range), None, None) => v4(Some(range))?,
            (None, Some(range), None) => v6(Some(range))?,
            (None, None, Some(id)) => Peer::Group(fault::id(id)?),
            _ => {
                return Err(fault::combination(
                    "A rule has one of CidrIpv4, CidrIpv6 and ReferencedGroupId",
                ));
            }
        };
        let traffic = Written {
            protocol: self
                .ip_protocol
                .clone()
                .ok_or_else(|| fault::missing("ipProtocol"))?,
            from: self.from_port,
            to: self.to_port,
        }
        .read()?;
        Ok(NewRule {
            spec: Spec { traffic, peer },
            description: self.description.clone(),
        })
    }
}

async fn modify(
    request: ModifySecurityGroupRulesRequest,
    instances: &Instances,
) -> Result<ModifySecurityGroupRulesResult, Fault> {
    let mut rules = Vec::new();
    for update in &request.security_group_rules {
        let wanted = update.security_group_rule.as_ref();
        let wanted = wanted.ok_or_else(|| fault::missing("securityGroupRule"))?;
        rules.push((fault::id(&update.security_group_rule_id)?, wanted.read()?));
    }
    let group = fault::id(&request.group_id)?;
    instances.change(ModifyRules { group, rules }).await?;
    Ok(ModifySecurityGroupRulesResult {
        r#return: Some(true),
    })
}

/// Says anew what rules are for.
async fn update(
    instances: &Instances,
    group: Option<&String>,
    direction: Direction,
    permissions: &[IpPermission],
    descriptions: &[SecurityGroupRuleDescription],
) -> Result<Option<bool>, Fault> {
    let group = group.ok_or_else(|| fault::missing("groupId"))?;
    let mut specs = Vec::new();
    for permission in permissions {
        specs.extend(permission.read(instances.place())?);
    }
    let mut ids = Vec::new();
    for it in descriptions {
        let id = it.security_group_rule_id.as_deref().unwrap_or_default();
        ids.push((fault::id(id)?, it.description.clone()));
    }
    instances
        .change(DescribeRules {
            group: fault::id(group)?,
            direction,
            specs,
            ids,
        })
        .await?;
    Ok(Some(true))
}

async fn update_ingress(
    request: UpdateSecurityGroupRuleDescriptionsIngressRequest,
    instances: &Instances,
) -> Result<UpdateSecurityGroupRuleDescriptionsIngressResult, Fault> {
    let (group, permissions) = (request.group_id.as_ref(), &request.ip_permissions);
    let descriptions = &request.security_group_rule_descriptions;
    let r#return = update(
        instances,
        group,
        Direction::Ingress,
        permissions,
        descriptions,
    )
    .await?;
    Ok(UpdateSecurityGroupRuleDescriptionsIngressResult { r#return })
}

async fn update_egress(
    request: UpdateSecurityGroupRuleDescriptionsEgressRequest,
    instances: &Instances,
) -> Result<UpdateSecurityGroupRuleDescriptionsEgressResult, Fault> {
    let (group, permissions) = (request.group_id.as_ref(), &request.ip_permissions);
    let descriptions = &request.security_group_rule_descriptions;
    let r#return = update(
        instances,
        group,
        Direction::Egress,
        permissions,
        descriptions,
    )
    .await?;
    Ok(UpdateSecurityGroupRuleDescriptionsEgressResult { r#return })
}
