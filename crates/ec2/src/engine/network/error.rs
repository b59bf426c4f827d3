//! What may be wrong with a command about networks.

use base::Timestamp;

use super::id::AssociationId;
use super::rule::Spec;
use super::{GroupId, PeeringId, SubnetId, TableId, VpcId};
use crate::engine::InstanceId;

/// Why a command was refused. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no such resource.
    #[error("there is no {kind} `{id}`")]
    NotFound {
        /// What it should be.
        kind: &'static str,
        /// Its id.
        id: String,
    },
    /// There is no room for another.
    #[error("there are {limit} of kind {kind} already, as many as there may be")]
    Limit {
        /// What would be one more.
        kind: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// Something else needs it.
    #[error("{kind} `{id}` is in use by {by}")]
    InUse {
        /// What it is.
        kind: &'static str,
        /// Its id.
        id: String,
        /// By what.
        by: String,
    },
    /// A text is no range.
    #[error("`{range}` is no range such as `10.0.0.0/16`")]
    Range {
        /// What was given.
        range: String,
        /// As what.
        parameter: &'static str,
    },
    /// No network may have the range.
    #[error("`{range}` is not between /16 and /28")]
    VpcRange {
        /// What was given.
        range: String,
    },
    /// No part of the network may have the range.
    #[error("`{range}` is not between /16 and /28 and in its network")]
    SubnetRange {
        /// What was given.
        range: String,
    },
    /// Another part has some of these addresses.
    #[error("`{range}` has addresses of another subnet")]
    SubnetConflict {
        /// What was given.
        range: String,
    },
    /// A group of this name is there.
    #[error("`{vpc}` has a group `{name}` already")]
    GroupDuplicate {
        /// The name.
        name: String,
        /// Where.
        vpc: VpcId,
    },
    /// The name `default` is taken for good.
    #[error("a group may not be named `default`")]
    GroupReserved,
    /// A network's default group stays as long as the network.
    #[error("the default group `{id}` cannot be deleted")]
    GroupDefault {
        /// Its id.
        id: GroupId,
    },
    /// A text has characters or a length that it may not have.
    #[error("the group's {what} is out of form")]
    GroupText {
        /// Which text, such as `description`.
        what: &'static str,
    },
    /// The rule is there.
    #[error("the rule is there already")]
    RuleDuplicate {
        /// The rule.
        rule: Box<Spec>,
    },
    /// The rule is not there.
    #[error("the group has no such rule")]
    RuleUnknown,
    /// The group that a rule names is of another network.
    #[error("`{id}` is a group of another network that is not peered with this one")]
    RuleForeign {
        /// The group.
        id: GroupId,
    },
    /// A rule's description is out of form.
    #[error("a rule's description is out of form")]
    RuleText,
    /// An instance has too few or too many groups.
    #[error("an instance has one to {limit} groups")]
    GroupCount {
        /// How many it may have.
        limit: usize,
    },
    /// A group is of another network.
    #[error("`{id}` is no group of `{vpc}`")]
    GroupForeign {
        /// The group.
        id: GroupId,
        /// The network.
        vpc: VpcId,
    },
    /// There are no more addresses.
    #[error("`{id}` has no more addresses")]
    SubnetFull {
        /// Where.
        id: SubnetId,
    },
    /// The instance is in no network.
    #[error("`{id}` is in no network")]
    Outside {
        /// The instance.
        id: InstanceId,
    },
    /// The instance cannot be linked.
    #[error("`{id}` cannot be linked to `{vpc}`: {why}")]
    NotLinkable {
        /// The instance.
        id: InstanceId,
        /// The network.
        vpc: VpcId,
        /// Why not.
        why: String,
    },
    /// The instance is not linked to the network.
    #[error("`{id}` is not linked to `{vpc}`")]
    NotLinked {
        /// The instance.
        id: InstanceId,
        /// The network.
        vpc: VpcId,
    },
    /// The network has addresses or routes among those of hosts outside.
    #[error(
        "`{vpc}` has `{range}`, which lies in `{outside}`, where hosts outside have their addresses"
    )]
    OutsideConflict {
        /// The network.
        vpc: VpcId,
        /// What lies there.
        range: String,
        /// The range of hosts outside.
        outside: String,
    },
    /// There is a route to the same addresses.
    #[error("there is a route to `{to}` already")]
    RouteDuplicate {
        /// Where to.
        to: String,
    },
    /// There is no such route.
    #[error("`{table}` has no route to `{to}`")]
    RouteUnknown {
        /// The table.
        table: TableId,
        /// Where to.
        to: String,
    },
    /// A route leads where the network itself is.
    #[error("`{to}` lies in the network itself")]
    RouteInside {
        /// Where to.
        to: String,
    },
    /// A route or an association names something of another network.
    #[error("`{one}` and `{other}` belong to different networks")]
    Apart {
        /// The one.
        one: String,
        /// The other.
        other: String,
    },
    /// The subnet has a table already.
    #[error("`{subnet}` has a route table already")]
    Associated {
        /// The subnet.
        subnet: SubnetId,
        /// What holds it there.
        by: AssociationId,
    },
    /// The main table counts for all that have no other.
    #[error("the association `{id}` is that of a main route table")]
    MainAssociation {
        /// Which.
        id: AssociationId,
    },
    /// The peering is there.
    #[error("`{id}` is a peering of the same networks")]
    PeeringDuplicate {
        /// That one.
        id: PeeringId,
    },
    /// The peering is not where it would have to be for that.
    #[error("`{id}` is {from}, and cannot become {to}")]
    Stage {
        /// Which.
        id: PeeringId,
        /// Where it is.
        from: &'static str,
        /// Where it should go.
        to: &'static str,
    },
    /// Another gateway serves the network.
    #[error(
        "`{vpc}` has another gateway, last heard of at {heard}: stop that one, or wait until it is silent"
    )]
    GatewayTaken {
        /// The network.
        vpc: VpcId,
        /// When that was heard of.
        heard: Timestamp,
    },
    /// Another has the key.
    #[error(
        "this key is that of `{by}`: one key is for one host, so make another (empty the agent's or gateway's state)"
    )]
    KeyTaken {
        /// Whose it is.
        by: String,
    },
}
