//! The one place where facts become codes on the wire.
//!
//! Codes are those of the EC2 API Reference, "Error codes"; texts are those that EC2 answers with, as far as they are known
//! from its documentation, from clients that look for them, and from reports that cite them.

use api::{Fault, Side};
use net::rule::{Ports, Traffic};

use crate::engine::network::id::{AclId, AssociationId, InterfaceId};
use crate::engine::network::rule::{Peer, Spec};
use crate::engine::network::{GroupId, ResourceId, RuleId, SubnetId, TableId, VpcId};
use crate::engine::{self, InstanceId, network};
use crate::instances::Error;

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refused) => refused.into(),
            Error::Span | Error::Form { .. } => invalid_value(capital(&error.to_string())),
            Error::Credentials(_) | Error::Read(_) | Error::Write(_) | Error::Row { .. } => {
                internal(&error)
            }
        }
    }
}

impl From<engine::Error> for Fault {
    fn from(error: engine::Error) -> Self {
        use engine::Error as E;
        match error {
            E::NotFound { ids } => not_found(&ids),
            E::Network(error) => error.into(),
            E::WrongState {
                id,
                verb: "started",
            } => Self::sender(
                "IncorrectInstanceState",
                format!("The instance '{id}' is not in a state from which it can be started."),
            ),
            E::WrongState { id, verb } => Self::sender(
                "IncorrectInstanceState",
                format!("This instance '{id}' is not in a state from which it can be {verb}."),
            ),
            E::Protected {
                id,
                verb,
                attribute,
            } => Self::sender(
                "OperationNotPermitted",
                format!(
                    "The instance '{id}' may not be {verb}. Modify its '{attribute}' instance attribute and try again."
                ),
            ),
            E::Limit { room, wanted } => Self::sender(
                "InstanceLimitExceeded",
                format!(
                    "You have requested more instances ({wanted}) than there is room for ({room})."
                ),
            ),
            E::ClientToken => Self::sender(
                "IdempotentParameterMismatch",
                "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
            ),
            E::TagLimit => Self::sender(
                "TagLimitExceeded",
                "The maximum number of Tags for a resource has been reached.",
            ),
            E::TagKeyEmpty => invalid_value("Tag key cannot be empty."),
            E::TagKeyLong => invalid_value("Tag key exceeds the maximum length of 128 characters"),
            E::TagValueLong => {
                invalid_value("Tag value exceeds the maximum length of 256 characters")
            }
            E::TagReserved => {
                invalid_value("Tag keys starting with 'aws:' are reserved for internal use")
            }
            E::TagTwice { key } => invalid_value(format!("Duplicate tag key '{key}' specified.")),
            E::Facts { .. } => invalid_value(capital(&error.to_string())),
            E::EnrolmentLimit { .. } => {
                Self::sender("ResourceLimitExceeded", capital(&error.to_string()))
            }
            E::EnrolmentUnknown
            | E::EnrolmentExpired { .. }
            | E::EnrolmentUsed { .. }
            | E::NotYours { .. } => {
                Self::sender("UnauthorizedOperation", capital(&error.to_string())).with_status(403)
            }
            E::Shown { .. }
            | E::AlreadyJoined { .. }
            | E::InUse { .. }
            | E::Ambiguous { .. }
            | E::Copy { .. } => {
                Self::sender("IncorrectState", capital(&error.to_string())).with_status(409)
            }
        }
    }
}

impl From<network::Error> for Fault {
    fn from(error: network::Error) -> Self {
        refused(error)
    }
}

fn not_found(ids: &[InstanceId]) -> Fault {
    let text = match ids {
        [id] => format!("The instance ID '{id}' does not exist"),
        ids => {
            let ids: Vec<_> = ids.iter().map(InstanceId::as_str).collect();
            format!("The instance IDs '{}' do not exist", ids.join(", "))
        }
    };
    Fault::sender("InvalidInstanceID.NotFound", text)
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

/// A text is not an instance's id.
pub(super) fn malformed(text: &str) -> Fault {
    let hint = match text.starts_with("i-") {
        true => "",
        false => " (expecting \"i-...\")",
    };
    Fault::sender(
        "InvalidInstanceID.Malformed",
        format!("Invalid id: \"{text}\"{hint}"),
    )
}

/// Where a request only asks whether it would be allowed: it is, for that was decided already.
pub(super) fn dry_run(is_dry: Option<bool>) -> Option<Fault> {
    let fault = Fault::sender(
        "DryRunOperation",
        "Request would have succeeded, but DryRun flag is set.",
    );
    (is_dry == Some(true)).then(|| fault.with_status(412))
}

/// A value is wrong.
pub(super) fn invalid_value(text: impl Into<String>) -> Fault {
    Fault::sender("InvalidParameterValue", text.into())
}

/// The API knows it, and there is nothing like it here.
pub(super) fn unsupported(text: &'static str) -> Fault {
    Fault::sender("UnsupportedOperation", text)
}

/// Two things do not go together.
pub(super) fn combination(text: &'static str) -> Fault {
    Fault::sender("InvalidParameterCombination", text)
}

/// Something is missing.
pub(super) fn missing(name: &str) -> Fault {
    Fault::sender(
        "MissingParameter",
        format!("The request must contain the parameter {name}"),
    )
}

fn internal(error: &Error) -> Fault {
    let causes = std::iter::successors(std::error::Error::source(error), |error| error.source());
    let causes: Vec<_> = causes.map(ToString::to_string).collect();
    tracing::error!(%error, causes = causes.join(": "), "a call failed");
    Fault {
        code: "InternalError",
        query_code: "InternalError",
        status: 500,
        message: "An internal error has occurred".into(),
        side: Side::Receiver,
        namespace: None,
        details: Vec::new(),
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).chain(['.']).collect()
}
