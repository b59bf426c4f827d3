//! What may be wrong with a command about networks.

use super::rule::Spec;
use super::{GroupId, VpcId};

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
}
