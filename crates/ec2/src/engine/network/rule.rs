//! Rules of security groups, one for each peer: they only allow.
//!
//! Source: EC2 API Reference, `IpPermission` and `SecurityGroupRule`.

use ipnet::Ipv6Net;
use net::{Ipv4Net, Traffic};
use serde::{Deserialize, Serialize};

use super::{Error, GroupId, RuleId};
use crate::engine::Tags;

/// Rules of a group in one direction. Source: VPC User Guide, quotas (60).
pub const RULES_MAX: usize = 60;
/// Characters of a rule's description. Source: EC2 API Reference, `IpRange` (255).
const DESCRIPTION_CHARS_MAX: usize = 255;

/// With whom a rule allows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Peer {
    /// Addresses of IPv4.
    V4(Ipv4Net),
    /// Addresses of IPv6: kept and shown; networks have none, so that it allows nothing.
    V6(Ipv6Net),
    /// Whoever has this group.
    Group(GroupId),
}

/// What a rule says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Spec {
    /// What it allows.
    pub traffic: Traffic,
    /// With whom.
    pub peer: Peer,
}

/// Which way a flow is opened, as the members of a group see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To them.
    Ingress,
    /// By them.
    Egress,
}

/// A rule of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its id.
    pub id: RuleId,
    /// What it says.
    pub spec: Spec,
    /// What it is for.
    pub description: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

impl Spec {
    /// Anything with any address of IPv4, as a new group lets out.
    #[must_use]
    pub fn any() -> Self {
        Self {
            traffic: Traffic::All,
            peer: Peer::V4(Ipv4Net::default()),
        }
    }

    /// The same for a filter; `None` where it allows nothing in a network of IPv4.
    #[must_use]
    pub fn rule(&self) -> Option<net::Rule> {
        let peer = match &self.peer {
            Peer::V4(range) => net::Peer::Range(*range),
            Peer::V6(_) => return None,
            Peer::Group(id) => net::Peer::Group(id.to_string()),
        };
        Some(net::Rule {
            traffic: self.traffic,
            peer,
        })
    }

    /// The group that it names.
    #[must_use]
    pub const fn group(&self) -> Option<&GroupId> {
        match &self.peer {
            Peer::Group(id) => Some(id),
            Peer::V4(_) | Peer::V6(_) => None,
        }
    }
}

/// Whether a rule may be described so.
///
/// # Errors
/// [`Error::RuleText`].
pub fn check_description(text: Option<&str>) -> Result<(), Error> {
    let is_right = |text: &str| {
        text.chars().count() <= DESCRIPTION_CHARS_MAX && text.chars().all(super::group::is_plain)
    };
    match text.is_none_or(is_right) {
        true => Ok(()),
        false => Err(Error::RuleText),
    }
}
