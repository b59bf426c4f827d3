//! Authorize… and RevokeSecurityGroup…: rules come and go.

use api::{Access, Fault};
use wire::{List, Shape};

use super::fault;
use super::permission::{IpPermission, IpRange, Written};
use super::reach::{on_new, operations};
use super::security_group_rule::{SecurityGroupRule, on_group, peer};
use super::shape::{TagSpecification, tags_for};
use crate::engine::network::group::{Authorize, NewRule, Revoke};
use crate::engine::network::rule::{Direction, Rule};
use crate::engine::network::{ResourceId, RuleId};
use crate::instances::new_draw;
use crate::{Instances, Place};

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct AuthorizeSecurityGroupIngressRequest {
    cidr_ip: Option<String>,
    from_port: Option<i32>,
    group_id: Option<String>,
    #[shape(refused)]
    group_name: Option<String>,
    #[shape(item = "item")]
    ip_permissions: Vec<IpPermission>,
    ip_protocol: Option<String>,
    #[shape(refused)]
    source_security_group_name: Option<String>,
    #[shape(refused)]
    source_security_group_owner_id: Option<String>,
    to_port: Option<i32>,
    #[shape(query = "TagSpecification", item = "item")]
    tag_specifications: Vec<TagSpecification>,
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct AuthorizeSecurityGroupIngressResult {
    #[shape(query = "return")]
    r#return: Option<bool>,
    #[shape(query = "securityGroupRuleSet", item = "item")]
    security_group_rules: List<SecurityGroupRule>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct AuthorizeSecurityGroupEgressRequest {
    #[shape(query = "TagSpecification", item = "item")]
    tag_specifications: Vec<TagSpecification>,
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "groupId", required)]
    group_id: String,
    #[shape(query = "sourceSecurityGroupName", refused)]
    source_security_group_name: Option<String>,
    #[shape(query = "sourceSecurityGroupOwnerId", refused)]
    source_security_group_owner_id: Option<String>,
    #[shape(query = "ipProtocol")]
    ip_protocol: Option<String>,
    #[shape(query = "fromPort")]
    from_port: Option<i32>,
    #[shape(query = "toPort")]
    to_port: Option<i32>,
    #[shape(query = "cidrIp")]
    cidr_ip: Option<String>,
    #[shape(query = "ipPermissions", item = "item")]
    ip_permissions: Vec<IpPermission>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct AuthorizeSecurityGroupEgressResult {
    #[shape(query = "return")]
    r#return: Option<bool>,
    #[shape(query = "securityGroupRuleSet", item = "item")]
    security_group_rules: List<SecurityGroupRule>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct RevokeSecurityGroupIngressRequest {
    cidr_ip: Option<String>,
    from_port: Option<i32>,
    group_id: Option<String>,
    #[shape(refused)]
    group_name: Option<String>,
    #[shape(item = "item")]
    ip_permissions: Vec<IpPermission>,
    ip_protocol: Option<String>,
    #[shape(refused)]
    source_security_group_name: Option<String>,
    #[shape(refused)]
    source_security_group_owner_id: Option<String>,
    to_port: Option<i32>,
    #[shape(query = "SecurityGroupRuleId", item = "item")]
    security_group_rule_ids: Vec<String>,
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct RevokeSecurityGroupIngressResult {
    #[shape(query = "return")]
    r#return: Option<bool>,
    #[shape(query = "revokedSecurityGroupRuleSet", item = "item")]
    revoked_security_group_rules: List<RevokedSecurityGroupRule>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct RevokeSecurityGroupEgressRequest {
    #[shape(query = "SecurityGroupRuleId", item = "item")]
    security_group_rule_ids: Vec<String>,
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "groupId", required)]
    group_id: String,
    #[shape(query = "sourceSecurityGroupName", refused)]
    source_security_group_name: Option<String>,
    #[shape(query = "sourceSecurityGroupOwnerId", refused)]
    source_security_group_owner_id: Option<String>,
    #[shape(query = "ipProtocol")]
    ip_protocol: Option<String>,
    #[shape(query = "fromPort")]
    from_port: Option<i32>,
    #[shape(query = "toPort")]
    to_port: Option<i32>,
    #[shape(query = "cidrIp")]
    cidr_ip: Option<String>,
    #[shape(query = "ipPermissions", item = "item")]
    ip_permissions: Vec<IpPermission>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct RevokeSecurityGroupEgressResult {
    #[shape(query = "return")]
    r#return: Option<bool>,
    #[shape(query = "revokedSecurityGroupRuleSet", item = "item")]
    revoked_security_group_rules: List<RevokedSecurityGroupRule>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct RevokedSecurityGroupRule {
    #[shape(query = "securityGroupRuleId")]
    security_group_rule_id: Option<String>,
    #[shape(query = "groupId")]
    group_id: Option<String>,
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
    #[shape(query = "referencedGroupId")]
    referenced_group_id: Option<String>,
    #[shape(query = "description")]
    description: Option<String>,
}

operations! {
    AuthorizeSecurityGroupIngressRequest: "ec2:AuthorizeSecurityGroupIngress", AuthorizeSecurityGroupIngressResult, authorize_ingress on ingress;
    AuthorizeSecurityGroupEgressRequest: "ec2:AuthorizeSecurityGroupEgress", AuthorizeSecurityGroupEgressResult, authorize_egress on egress;
    RevokeSecurityGroupIngressRequest: "ec2:RevokeSecurityGroupIngress", RevokeSecurityGroupIngressResult, revoke_ingress on revoked_ingress;
    RevokeSecurityGroupEgressRequest: "ec2:RevokeSecurityGroupEgress", RevokeSecurityGroupEgressResult, revoke_egress on revoked_egress;
}

/// What a request says of rules: permissions, or the one that its own members are.
struct Given<'a> {
    permissions: &'a [IpPermission],
    cidr_ip: Option<&'a String>,
    protocol: Option<&'a String>,
    from: Option<i32>,
    to: Option<i32>,
}

impl Given<'_> {
    fn read(&self, place: &Place) -> Result<Vec<NewRule>, Fault> {
        let own = self.protocol.map(|protocol| IpPermission {
            ip_protocol: Some(protocol.clone()),
            from_port: self.from,
            to_port: self.to,
            ip_ranges: List(vec![IpRange {
                cidr_ip: self.cidr_ip.cloned(),
                ..IpRange::default()
            }]),
            ..IpPermission::default()
        });
        if own.is_some() && !self.permissions.is_empty() {
            return Err(fault::combination(
                "The parameter ipPermissions may not be used together with the parameter ipProtocol",
            ));
        }
        let mut rules = Vec::new();
        for permission in self.permissions.iter().chain(&own) {
            rules.extend(permission.read(place)?);
        }
        Ok(rules)
    }
}

macro_rules! given {
    ($request:ident) => {
        Given {
            permissions: &$request.ip_permissions,
            cidr_ip: $request.cidr_ip.as_ref(),
            protocol: $request.ip_protocol.as_ref(),
            from: $request.from_port,
            to: $request.to_port,
        }
    };
}

impl RevokedSecurityGroupRule {
    fn of(group: &str, rule: &Rule, direction: Direction) -> Self {
        let written = Written::of(rule.spec.traffic);
        let (v4, v6, other) = peer(&rule.spec.peer);
        Self {
            security_group_rule_id: Some(rule.id.to_string()),
            group_id: Some(group.to_owned()),
            is_egress: Some(direction == Direction::Egress),
            ip_protocol: Some(written.protocol),
            from_port: Some(written.from.unwrap_or(-1)),
            to_port: Some(written.to.unwrap_or(-1)),
            cidr_ipv4: v4,
            cidr_ipv6: v6,
            referenced_group_id: other,
            description: rule.description.clone(),
        }
    }
}

/// The same where it also makes rules, with their tags.
fn on_rules(
    instances: &Instances,
    action: &'static str,
    id: Option<&String>,
    tags: &[TagSpecification],
) -> Vec<Access> {
    let mut all = on_group(instances, action, id);
    all.extend(on_new(instances, action, RuleId::KIND, tags));
    all
}

fn ingress(request: &AuthorizeSecurityGroupIngressRequest, instances: &Instances) -> Vec<Access> {
    let action = "ec2:AuthorizeSecurityGroupIngress";
    on_rules(
        instances,
        action,
        request.group_id.as_ref(),
        &request.tag_specifications,
    )
}

fn egress(request: &AuthorizeSecurityGroupEgressRequest, instances: &Instances) -> Vec<Access> {
    let action = "ec2:AuthorizeSecurityGroupEgress";
    on_rules(
        instances,
        action,
        Some(&request.group_id),
        &request.tag_specifications,
    )
}

fn revoked_ingress(
    request: &RevokeSecurityGroupIngressRequest,
    instances: &Instances,
) -> Vec<Access> {
    on_group(
        instances,
        "ec2:RevokeSecurityGroupIngress",
        request.group_id.as_ref(),
    )
}

fn revoked_egress(
    request: &RevokeSecurityGroupEgressRequest,
    instances: &Instances,
) -> Vec<Access> {
    on_group(
        instances,
        "ec2:RevokeSecurityGroupEgress",
        Some(&request.group_id),
    )
}

/// Adds rules, and shows them.
async fn authorize(
    instances: &Instances,
    group: Option<&String>,
    direction: Direction,
    given: Given<'_>,
    tags: &[TagSpecification],
) -> Result<List<SecurityGroupRule>, Fault> {
    let group = group.ok_or_else(|| fault::missing("groupId"))?;
    let group = fault::id(group)?;
    let rules = given.read(instances.place())?;
    if rules.is_empty() {
        return Err(fault::missing("ipPermissions"));
    }
    let authorize = Authorize {
        draw: new_draw(),
        group,
        direction,
        rules,
        tags: tags_for(RuleId::KIND, tags)?,
    };
    let group = authorize.group.clone();
    let made = instances.change(authorize).await?;
    instances.networks(|networks| {
        let group = networks.groups.get(&group)?;
        let rule =
            |rule| SecurityGroupRule::of(group, rule, direction, networks, instances.place());
        Ok(made.iter().map(rule).collect())
    })
}

async fn authorize_ingress(
    request: AuthorizeSecurityGroupIngressRequest,
    instances: &Instances,
) -> Result<AuthorizeSecurityGroupIngressResult, Fault> {
    let (group, tags) = (request.group_id.as_ref(), &request.tag_specifications);
    let made = authorize(instances, group, Direction::Ingress, given!(request), tags).await?;
    Ok(AuthorizeSecurityGroupIngressResult {
        r#return: Some(true),
        security_group_rules: made,
    })
}

async fn authorize_egress(
    request: AuthorizeSecurityGroupEgressRequest,
    instances: &Instances,
) -> Result<AuthorizeSecurityGroupEgressResult, Fault> {
    let (group, tags) = (Some(&request.group_id), &request.tag_specifications);
    let made = authorize(instances, group, Direction::Egress, given!(request), tags).await?;
    Ok(AuthorizeSecurityGroupEgressResult {
        r#return: Some(true),
        security_group_rules: made,
    })
}

/// Takes rules away, and shows them.
async fn revoke(
    instances: &Instances,
    group: Option<&String>,
    direction: Direction,
    given: Given<'_>,
    ids: &[String],
) -> Result<List<RevokedSecurityGroupRule>, Fault> {
    let group = group.ok_or_else(|| fault::missing("groupId"))?;
    super::page::check_count(ids)?;
    let specs: Vec<_> = given.read(instances.place())?;
    if specs.is_empty() && ids.is_empty() {
        return Err(fault::missing("ipPermissions"));
    }
    let gone = instances
        .change(Revoke {
            group: fault::id(group)?,
            direction,
            specs: specs.into_iter().map(|rule| rule.spec).collect(),
            ids: ids
                .iter()
                .map(|id| fault::id(id))
                .collect::<Result<_, _>>()?,
        })
        .await?;
    let rule = |rule| RevokedSecurityGroupRule::of(group, rule, direction);
    Ok(gone.iter().map(rule).collect())
}

async fn revoke_ingress(
    request: RevokeSecurityGroupIngressRequest,
    instances: &Instances,
) -> Result<RevokeSecurityGroupIngressResult, Fault> {
    let (group, ids) = (request.group_id.as_ref(), &request.security_group_rule_ids);
    let gone = revoke(instances, group, Direction::Ingress, given!(request), ids).await?;
    Ok(RevokeSecurityGroupIngressResult {
        r#return: Some(true),
        revoked_security_group_rules: gone,
    })
}

async fn revoke_egress(
    request: RevokeSecurityGroupEgressRequest,
    instances: &Instances,
) -> Result<RevokeSecurityGroupEgressResult, Fault> {
    let (group, ids) = (Some(&request.group_id), &request.security_group_rule_ids);
    let gone = revoke(instances, group, Direction::Egress, given!(request), ids).await?;
    Ok(RevokeSecurityGroupEgressResult {
        r#return: Some(true),
        revoked_security_group_rules: gone,
    })
}
