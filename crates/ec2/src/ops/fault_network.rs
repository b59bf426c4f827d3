//! The same for networks.
//!
//! Where EC2 documents no code for what is wrong, its nearest is taken; a comment says so.

use api::Fault;
use net::rule::{Ports, Traffic};

use super::fault::{capital, invalid_value};
use crate::engine::network;
use crate::engine::network::id::{AclId, AssociationId, InterfaceId};
use crate::engine::network::rule::{Peer, Spec};
use crate::engine::network::{GroupId, PeeringId, ResourceId, RuleId, SubnetId, TableId, VpcId};

impl From<network::Error> for Fault {
    fn from(error: network::Error) -> Self {
        refused(error)
    }
}

/// There is no such resource of networks.
pub(super) fn no_such(kind: &str, id: &str) -> Fault {
    let (code, text) = match kind {
        VpcId::KIND => (
            "InvalidVpcID.NotFound",
            format!("The vpc ID '{id}' does not exist"),
        ),
        SubnetId::KIND => (
            "InvalidSubnetID.NotFound",
            format!("The subnet ID '{id}' does not exist"),
        ),
        GroupId::KIND => (
            "InvalidGroup.NotFound",
            format!("The security group '{id}' does not exist"),
        ),
        RuleId::KIND => (
            "InvalidSecurityGroupRuleId.NotFound",
            format!("The security group rule ID '{id}' does not exist"),
        ),
        TableId::KIND => (
            "InvalidRouteTableID.NotFound",
            format!("The routeTable ID '{id}' does not exist"),
        ),
        AssociationId::KIND => (
            "InvalidAssociationID.NotFound",
            format!("The association ID '{id}' does not exist"),
        ),
        AclId::KIND => (
            "InvalidNetworkAclID.NotFound",
            format!("The networkAcl ID '{id}' does not exist"),
        ),
        InterfaceId::KIND => (
            "InvalidNetworkInterfaceID.NotFound",
            format!("The networkInterface ID '{id}' does not exist"),
        ),
        _ => (
            "InvalidVpcPeeringConnectionID.NotFound",
            format!("The vpcPeeringConnection ID '{id}' does not exist"),
        ),
    };
    Fault::sender(code, text)
}

/// The id that a text is.
///
/// # Errors
/// Where it is none of this kind.
pub(super) fn id<I: ResourceId>(text: &str) -> Result<I, Fault> {
    text.parse().map_err(|_| {
        let code = match I::KIND {
            VpcId::KIND => "InvalidVpcID.Malformed",
            SubnetId::KIND => "InvalidSubnetID.Malformed",
            GroupId::KIND => "InvalidGroupId.Malformed",
            RuleId::KIND => "InvalidSecurityGroupRuleId.Malformed",
            TableId::KIND => "InvalidRouteTableId.Malformed",
            AssociationId::KIND => "InvalidAssociationID.Malformed",
            AclId::KIND => "InvalidNetworkAclID.Malformed",
            InterfaceId::KIND => "InvalidNetworkInterfaceId.Malformed",
            _ => "InvalidVpcPeeringConnectionId.Malformed",
        };
        let hint = format!(" (expecting \"{}...\")", I::PREFIX);
        let hint = if text.starts_with(I::PREFIX) {
            ""
        } else {
            &hint
        };
        Fault::sender(code, format!("Invalid id: \"{text}\"{hint}"))
    })
}

fn refused(error: network::Error) -> Fault {
    use network::Error as E;
    match error {
        E::NotFound { kind, id } => no_such(kind, &id),
        E::Limit { kind, limit } => Fault::sender(limit_code(kind), {
            format!("The maximum number of {kind}s has been reached ({limit}).")
        }),
        E::InUse { kind, id, by } => Fault::sender("DependencyViolation", {
            match kind {
                GroupId::KIND => format!("resource {id} has a dependent object ({by})"),
                _ => format!("The {kind} '{id}' has dependencies ({by}) and cannot be deleted."),
            }
        }),
        E::Range { range, parameter } => invalid_value(format!(
            "Value ({range}) for parameter {parameter} is invalid. This is not a valid CIDR block."
        )),
        E::VpcRange { range } => Fault::sender(
            "InvalidVpc.Range",
            format!("The CIDR '{range}' is invalid."),
        ),
        E::SubnetRange { range } => Fault::sender(
            "InvalidSubnet.Range",
            format!("The CIDR '{range}' is invalid."),
        ),
        E::SubnetConflict { range } => Fault::sender(
            "InvalidSubnet.Conflict",
            format!("The CIDR '{range}' conflicts with another subnet"),
        ),
        E::GroupDuplicate { name, vpc } => Fault::sender(
            "InvalidGroup.Duplicate",
            format!("The security group '{name}' already exists for VPC '{vpc}'"),
        ),
        E::GroupReserved => Fault::sender(
            "InvalidGroup.Reserved",
            "The security group 'default' is reserved",
        ),
        E::GroupDefault { id } => Fault::sender(
            "CannotDelete",
            format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user"),
        ),
        E::GroupText { what: "name" } => invalid_value(
            "Invalid security group name. Names are 1 to 255 characters from the following set: a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*, and may not begin with sg-",
        ),
        E::GroupText { .. } => invalid_value(
            "Invalid security group description. Valid descriptions are strings less than 256 characters from the following set: a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*",
        ),
        E::RuleDuplicate { rule } => Fault::sender(
            "InvalidPermission.Duplicate",
            format!("the specified rule \"{}\" already exists", rule_text(&rule)),
        ),
        E::RuleUnknown => Fault::sender(
            "InvalidPermission.NotFound",
            "The specified rule does not exist in this security group.",
        ),
        E::RuleForeign { id } => Fault::sender(
            "InvalidGroup.NotFound",
            format!(
                "You have specified two resources that belong to different networks: '{id}' is of a VPC that is not peered with that of the group."
            ),
        ),
        E::GroupCount { limit } => Fault::sender(
            "SecurityGroupsPerInstanceLimitExceeded",
            format!("The number of security groups is from 1 to {limit}."),
        ),
        // Source: RunInstances' answer to groups of another network.
        E::GroupForeign { id, vpc } => Fault::sender(
            "InvalidParameter",
            format!("Security group {id} and VPC {vpc} belong to different networks."),
        ),
        E::SubnetFull { id } => Fault::sender(
            "InsufficientFreeAddressesInSubnet",
            format!(
                "There are not enough free addresses in subnet '{id}' to satisfy the requested number of instances."
            ),
        ),
        E::Outside { id } => Fault::sender(
            "InvalidParameterCombination",
            format!("You may only modify the groupSet of VPC instances: '{id}' is in no VPC."),
        ),
        // The documented text covers all of these; the codes for each are not documented.
        E::NotLinkable { id, vpc, why } => Fault::sender(
            "InvalidInstanceID.NotLinkable",
            format!("The instance '{id}' cannot be linked to the VPC '{vpc}': {why}."),
        ),
        // No code is documented.
        E::NotLinked { id, vpc } => invalid_value(format!(
            "The instance '{id}' is not linked to the VPC '{vpc}'."
        )),
        // No code is documented. That of a range which clashes in a network is the nearest.
        E::OutsideConflict {
            vpc,
            range,
            outside,
        } => Fault::sender("InvalidVpc.Range", {
            format!(
                "{range} of the VPC '{vpc}' lies in {outside}, where EC2-Classic instances have their private addresses."
            )
        }),
        E::RouteDuplicate { to } => Fault::sender(
            "RouteAlreadyExists",
            format!("The route identified by {to} already exists."),
        ),
        E::RouteUnknown { table, to } => Fault::sender(
            "InvalidRoute.NotFound",
            format!("no route with destination-cidr-block {to} in route table {table}"),
        ),
        E::RouteInside { to } => invalid_value(format!(
            "The destination CIDR block {to} is equal to or more specific than one of this VPC's CIDR blocks. This route can target only an interface or an instance."
        )),
        E::Apart { one, other } => {
            invalid_value(format!("{one} and {other} belong to different networks"))
        }
        E::Associated { subnet, by } => Fault::sender(
            "Resource.AlreadyAssociated",
            format!(
                "the specified association for route table conflicts with an existing association: {by} of {subnet}"
            ),
        ),
        E::MainAssociation { id } => invalid_value(format!(
            "cannot disassociate the main route table association {id}"
        )),
        E::PeeringDuplicate { id } => Fault::sender(
            "VpcPeeringConnectionAlreadyExists",
            format!("A VPC peering connection between the VPCs already exists: {id}"),
        ),
        E::Stage {
            id,
            from,
            to: "modified",
        } => Fault::sender(
            "OperationNotPermitted",
            format!(
                "Peering {id} is not active, but {from}: only options of an active one can be modified"
            ),
        ),
        E::Stage { id, from, to } => Fault::sender(
            "InvalidStateTransition",
            format!(
                "Invalid state transition for {id}, attempted to transition from {from} to {to}"
            ),
        ),
        error @ (E::GatewayTaken { .. } | E::KeyTaken { .. }) => {
            Fault::sender("IncorrectState", capital(&error.to_string())).with_status(409)
        }
        E::RuleText => invalid_value(
            "Invalid rule description. Valid descriptions are strings less than 256 characters from the following set: a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*",
        ),
    }
}

fn limit_code(kind: &str) -> &'static str {
    match kind {
        VpcId::KIND => "VpcLimitExceeded",
        SubnetId::KIND => "SubnetLimitExceeded",
        GroupId::KIND => "SecurityGroupLimitExceeded",
        RuleId::KIND => "RulesPerSecurityGroupLimitExceeded",
        TableId::KIND => "RouteTableLimitExceeded",
        "route" => "RouteLimitExceeded",
        PeeringId::KIND => "VpcPeeringConnectionsPerVpcLimitExceeded",
        "address" => "InsufficientFreeAddressesInSubnet",
        _ => "ResourceLimitExceeded",
    }
}

/// A rule in EC2's words: `peer: 0.0.0.0/0, TCP, from port: 22, to port: 22, ALLOW`.
fn rule_text(rule: &Spec) -> String {
    let peer = match &rule.peer {
        Peer::V4(range) => range.to_string(),
        Peer::V6(range) => range.to_string(),
        Peer::Group(id) => id.to_string(),
    };
    let ports =
        |name, ports: Ports| format!("{name}, from port: {}, to port: {}", ports.from, ports.to);
    let any = |value: Option<u8>| value.map_or(-1, i32::from);
    let traffic = match rule.traffic {
        Traffic::All => "ALL".to_owned(),
        Traffic::Tcp(all) => ports("TCP", all),
        Traffic::Udp(all) => ports("UDP", all),
        Traffic::Icmp { kind, code } => format!("ICMP, type: {}, code: {}", any(kind), any(code)),
        Traffic::Other(number) => format!("protocol: {number}"),
    };
    format!("peer: {peer}, {traffic}, ALLOW")
}
