//! Peerings of networks and their commands.
//!
//! Source: VPC Peering Guide, "VPC peering connection lifecycle".

use std::sync::Arc;

use base::Timestamp;
use net::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::networks::Networks;
use super::{PeeringId, VpcId};
use crate::engine::Tags;

/// Where a peering is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// It waits for the other side.
    PendingAcceptance,
    /// It is there.
    Active,
    /// It cannot be: the ranges overlap, or there is no such other side.
    Failed,
    /// The other side has said no.
    Rejected,
    /// Nobody said yes in time.
    Expired,
    /// One side has ended it.
    Deleted,
}

/// What links of one side may do with the other: the options that are left of ClassicLink.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// Whether names of the other side are resolved to private addresses: shown, and without effect.
    pub has_dns: bool,
    /// Whether hosts linked here may open flows to the other network.
    pub lets_links_out: bool,
    /// Whether the network here may open flows to hosts linked there.
    pub reaches_links: bool,
}

/// One side of a peering.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// The network, which may be none of ours where the peering has failed.
    pub vpc: String,
    /// Its account.
    pub owner: String,
    /// Its range, as far as it is known.
    pub range: Option<Ipv4Net>,
    /// What it allows.
    pub options: Options,
}

/// Two networks that may talk with one another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peering {
    /// Its id.
    pub id: PeeringId,
    /// Who has asked.
    pub requester: Side,
    /// Who was asked.
    pub accepter: Side,
    /// Where it is in its life.
    pub stage: Stage,
    /// Since when.
    pub since: Timestamp,
    /// Until when the other side may say yes.
    pub until: Timestamp,
    /// Its tags.
    pub tags: Tags,
}

impl Stage {
    /// Such as `pending-acceptance`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PendingAcceptance => "pending-acceptance",
            Self::Active => "active",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Deleted => "deleted",
        }
    }

    /// Whether it is there, or may come to be.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::PendingAcceptance | Self::Active)
    }
}

impl Peering {
    /// The side of `vpc` and the other one, if it is a side at all.
    #[must_use]
    pub fn sides(&self, vpc: &VpcId) -> Option<(&Side, &Side)> {
        let own = super::ResourceId::as_str(vpc);
        if self.requester.vpc == own {
            return Some((&self.requester, &self.accepter));
        }
        (self.accepter.vpc == own).then_some((&self.accepter, &self.requester))
    }
}

impl Networks {
    /// The peerings of a network that are there or may come to be.
    pub fn live_peerings_of<'a>(
        &'a self,
        vpc: &'a VpcId,
    ) -> impl Iterator<Item = &'a Arc<Peering>> {
        let all = self.peerings.iter();
        all.filter(move |it| it.stage.is_live() && it.sides(vpc).is_some())
    }

    /// The peering of two networks that is there.
    #[must_use]
    pub fn peering_of(&self, one: &VpcId, other: &VpcId) -> Option<&Arc<Peering>> {
        self.peerings.iter().find(|it| {
            it.stage == Stage::Active && it.sides(one).is_some() && it.sides(other).is_some()
        })
    }

    /// A group of another network whose rules name a group of `vpc`.
    #[must_use]
    pub fn stranger_to(&self, vpc: &VpcId) -> Option<String> {
        let is_own = |id| self.groups.get(id).is_ok_and(|group| group.vpc == *vpc);
        let mut others = self.groups.iter().filter(|group| group.vpc != *vpc);
        others
            .find(|group| {
                group
                    .all_rules()
                    .any(|rule| rule.spec.group().is_some_and(is_own))
            })
            .map(|group| group.id.to_string())
    }
}
