//! Peerings of networks and their commands.
//!
//! Source: VPC Peering Guide, "VPC peering connection lifecycle".

use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use net::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::networks::Networks;
use super::{Draw, Error, PeeringId, ResourceId, VpcId, range};
use crate::engine::{self, Command, Inventory, Tags};

/// Peerings of a network that are there or may come to be. Source: VPC User Guide, quotas (50).
pub const PEERINGS_MAX: usize = 50;
/// Peerings that are kept, those that are over too. Chosen: some for each network.
pub const PEERINGS_KEPT_MAX: usize = 1000;
/// How long the other side may think. Source: VPC Peering Guide, lifecycle (7 days).
pub const PENDING_FOR: Duration = Duration::from_secs(7 * 86_400);
/// How long one that has failed, was rejected or deleted is shown. Source: as above (2 hours).
pub const OVER_FOR: Duration = Duration::from_secs(2 * 3600);
/// How long one that has expired is shown. Source: as above (2 days).
pub const EXPIRED_FOR: Duration = Duration::from_secs(2 * 86_400);

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

/// Asks for a peering.
#[derive(Clone, Debug)]
pub struct CreatePeering {
    /// For the new id.
    pub draw: Draw,
    /// The network that asks.
    pub vpc: VpcId,
    /// The network that is asked, as the request names it.
    pub peer: String,
    /// Whose that is.
    pub peer_owner: String,
    /// The account.
    pub owner: String,
    /// Whether the other one is said to be in another region.
    pub is_elsewhere: bool,
    /// Its tags.
    pub tags: Tags,
}

/// What is done with a peering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The other side says yes.
    Accept,
    /// The other side says no.
    Reject,
    /// One side ends it.
    Delete,
}

/// Does something with a peering.
#[derive(Clone, Debug)]
pub struct MovePeering {
    /// Which.
    pub id: PeeringId,
    /// What.
    pub step: Step,
}

/// Changes what the sides of a peering allow; what is `None` stays.
#[derive(Clone, Debug)]
pub struct SetOptions {
    /// Which.
    pub id: PeeringId,
    /// What the side that has asked allows.
    pub requester: Option<NewOptions>,
    /// What the other one does.
    pub accepter: Option<NewOptions>,
}

/// What one side allows from now on; what is `None` stays.
#[derive(Clone, Copy, Debug, Default)]
pub struct NewOptions {
    /// As [`Options::has_dns`].
    pub dns: Option<bool>,
    /// As [`Options::lets_links_out`].
    pub links_out: Option<bool>,
    /// As [`Options::reaches_links`].
    pub to_links: Option<bool>,
}

impl Options {
    fn change(&mut self, new: NewOptions) {
        self.has_dns = new.dns.unwrap_or(self.has_dns);
        self.lets_links_out = new.links_out.unwrap_or(self.lets_links_out);
        self.reaches_links = new.to_links.unwrap_or(self.reaches_links);
    }
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
    fn enter(&mut self, at: Timestamp, stage: Stage) {
        self.stage = stage;
        self.since = at;
    }

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

    /// The peerings whose time to be accepted is over.
    fn expired(&self, at: Timestamp) -> impl Iterator<Item = &Arc<Peering>> {
        let pending = self.peerings.iter();
        pending.filter(move |it| it.stage == Stage::PendingAcceptance && it.until <= at)
    }

    /// The peerings that were over long enough.
    fn forgettable(&self, at: Timestamp) -> impl Iterator<Item = &Arc<Peering>> {
        self.peerings.iter().filter(move |it| {
            let shown_for = match it.stage {
                Stage::PendingAcceptance | Stage::Active => return false,
                Stage::Expired => EXPIRED_FOR,
                Stage::Failed | Stage::Rejected | Stage::Deleted => OVER_FOR,
            };
            at.since(it.since) >= shown_for
        })
    }

    /// Whether [`Networks::tick`] would do anything.
    pub(in crate::engine) fn is_due(&self, at: Timestamp) -> bool {
        self.expired(at).next().is_some() || self.forgettable(at).next().is_some()
    }

    /// Time has passed for peerings.
    pub(in crate::engine) fn tick(&mut self, at: Timestamp) -> Result<(), Error> {
        let gone: Vec<_> = self.forgettable(at).map(|it| it.id.clone()).collect();
        gone.iter().for_each(|id| self.peerings.remove(id));
        let expired: Vec<_> = self.expired(at).map(|it| it.id.clone()).collect();
        for id in expired {
            self.peerings.edit(&id)?.enter(at, Stage::Expired);
        }
        Ok(())
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

impl CreatePeering {
    /// The network that is asked; `None` where there is no such one, so that the peering fails.
    fn peer<'a>(&self, networks: &'a Networks) -> Result<Option<&'a Arc<super::vpc::Vpc>>, Error> {
        if self.peer_owner != self.owner || self.is_elsewhere {
            return Ok(None);
        }
        let missing = || Error::NotFound {
            kind: VpcId::KIND,
            id: self.peer.clone(),
        };
        let id: VpcId = self.peer.parse().map_err(|_| missing())?;
        networks.vpcs.get(&id).map(Some)
    }

    fn check(&self, networks: &Networks) -> Result<(), Error> {
        if networks.peerings.len() >= PEERINGS_KEPT_MAX {
            return Err(Error::Limit {
                kind: PeeringId::KIND,
                limit: PEERINGS_KEPT_MAX,
            });
        }
        let peer = self.peer(networks)?.map(|peer| &peer.id);
        for vpc in peer.into_iter().chain([&self.vpc]) {
            if networks.live_peerings_of(vpc).count() >= PEERINGS_MAX {
                return Err(Error::Limit {
                    kind: PeeringId::KIND,
                    limit: PEERINGS_MAX,
                });
            }
        }
        let is_same = |it: &&Arc<Peering>| {
            peer.is_some_and(|peer| *peer != self.vpc && it.sides(peer).is_some())
        };
        match networks.live_peerings_of(&self.vpc).find(is_same) {
            Some(other) => Err(Error::PeeringDuplicate {
                id: other.id.clone(),
            }),
            None => Ok(()),
        }
    }
}

impl Command for CreatePeering {
    type Outcome = Arc<Peering>;

    fn run(
        mut self,
        inventory: &mut Inventory,
        at: Timestamp,
    ) -> Result<Arc<Peering>, engine::Error> {
        let networks = &mut inventory.networks;
        let own = networks.vpcs.get(&self.vpc)?.range;
        self.check(networks)?;
        let peer = self.peer(networks)?.map(|peer| peer.range);
        let can_be = peer.is_some_and(|peer| !range::overlap(own, peer));
        let peering = Peering {
            id: self.draw.id(),
            requester: Side {
                vpc: self.vpc.to_string(),
                owner: self.owner,
                range: Some(own),
                options: Options::default(),
            },
            accepter: Side {
                vpc: self.peer,
                owner: self.peer_owner,
                range: peer,
                options: Options::default(),
            },
            stage: match can_be {
                true => Stage::PendingAcceptance,
                false => Stage::Failed,
            },
            since: at,
            until: at.plus(PENDING_FOR),
            tags: self.tags,
        };
        networks.peerings.insert(peering.clone());
        Ok(Arc::new(peering))
    }
}

impl Command for MovePeering {
    type Outcome = Arc<Peering>;

    fn run(self, inventory: &mut Inventory, at: Timestamp) -> Result<Arc<Peering>, engine::Error> {
        let networks = &mut inventory.networks;
        let peering = networks.peerings.get(&self.id)?;
        let is_pending = peering.stage == Stage::PendingAcceptance && at < peering.until;
        let (may, to) = match self.step {
            Step::Accept => (is_pending, Stage::Active),
            Step::Reject => (is_pending, Stage::Rejected),
            Step::Delete => (peering.stage.is_live(), Stage::Deleted),
        };
        if !may {
            return Err(Error::Stage {
                id: self.id,
                from: peering.stage.name(),
                to: to.name(),
            }
            .into());
        }
        let peering = networks.peerings.edit(&self.id)?;
        peering.enter(at, to);
        Ok(Arc::new(peering.clone()))
    }
}

impl Command for SetOptions {
    type Outcome = Arc<Peering>;

    fn run(self, inventory: &mut Inventory, _at: Timestamp) -> Result<Arc<Peering>, engine::Error> {
        let networks = &mut inventory.networks;
        let stage = networks.peerings.get(&self.id)?.stage;
        if stage != Stage::Active {
            return Err(Error::Stage {
                id: self.id,
                from: stage.name(),
                to: "modified",
            }
            .into());
        }
        let peering = networks.peerings.edit(&self.id)?;
        peering
            .requester
            .options
            .change(self.requester.unwrap_or_default());
        peering
            .accepter
            .options
            .change(self.accepter.unwrap_or_default());
        Ok(Arc::new(peering.clone()))
    }
}
