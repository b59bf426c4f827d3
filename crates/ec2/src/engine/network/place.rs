//! Where an instance is: inside a network, or outside and perhaps linked to one.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use base::Timestamp;
use net::{Ipv4Net, PublicKey};
use serde::{Deserialize, Serialize};

use super::id::{AttachmentId, InterfaceId};
use super::subnet::Subnet;
use super::{Draw, Error, GroupId, Networks, SubnetId, VpcId, range};
use crate::engine::{self, Command, Instance, InstanceId, Inventory};

/// Groups of an instance. Source: VPC User Guide, quotas (5 for an interface, up to 16 when raised).
pub const INSTANCE_GROUPS_MAX: usize = 16;

/// What an instance has of networks. Of one that is outside and was never linked it is empty.
///
/// INVARIANT: it is inside a network, or linked to one, or neither; never both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Place {
    /// The network that it is in.
    pub inside: Option<Inside>,
    /// The network that it is linked to.
    pub link: Option<Link>,
    /// Its address among those outside, which it keeps for life; `None` until it is linked first.
    pub outside: Option<Ipv4Addr>,
    /// Its key; `None` until its agent has told one.
    pub key: Option<PublicKey>,
    /// The key that it had before, and has until its gateway has carried out this generation.
    pub key_before: Option<(PublicKey, u64)>,
    /// Where its gateway has heard of it last.
    pub endpoint: Option<SocketAddr>,
    /// Counts what its agent is to carry out, with that of its network.
    pub generation: u64,
}

/// An instance is in a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inside {
    /// The network.
    pub vpc: VpcId,
    /// The part of it.
    pub subnet: SubnetId,
    /// The range of that part.
    pub range: Ipv4Net,
    /// Its groups: one at least.
    pub groups: BTreeSet<GroupId>,
    /// Its interface.
    pub interface: InterfaceId,
    /// What holds that at it.
    pub attachment: AttachmentId,
    /// Since when.
    pub since: Timestamp,
}

/// An instance outside is linked to a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The network.
    pub vpc: VpcId,
    /// Its groups there: one at least. They stay as long as the link.
    pub groups: BTreeSet<GroupId>,
    /// Its address there.
    pub address: Ipv4Addr,
    /// Whether that is one of the network's own, for which the gateway answers.
    pub is_proxied: bool,
    /// Since when.
    pub since: Timestamp,
}

impl Place {
    /// The network that it is in or linked to.
    #[must_use]
    pub fn vpc(&self) -> Option<&VpcId> {
        let linked = || self.link.as_ref().map(|it| &it.vpc);
        self.inside.as_ref().map(|it| &it.vpc).or_else(linked)
    }

    /// The subnet that it is in.
    #[must_use]
    pub fn subnet(&self) -> Option<&SubnetId> {
        self.inside.as_ref().map(|it| &it.subnet)
    }

    /// Its groups, of the network that it is in or linked to.
    pub fn groups(&self) -> impl Iterator<Item = &GroupId> {
        let inside = self.inside.iter().flat_map(|it| &it.groups);
        inside.chain(self.link.iter().flat_map(|it| &it.groups))
    }
}

impl Instance {
    /// Its address in private networks: of one inside what its agent says within its subnet, of one outside that which it
    /// keeps for life, and until it has one its first of IPv4.
    #[must_use]
    pub fn private_address(&self) -> Option<Ipv4Addr> {
        let own = self.facts().into_iter().flat_map(|facts| &facts.addresses);
        let mut own = own.filter_map(|address| match address {
            IpAddr::V4(address) => Some(*address),
            IpAddr::V6(_) => None,
        });
        match &self.place.inside {
            Some(inside) => own.find(|address| inside.range.contains(address)),
            None => self.place.outside.or_else(|| own.next()),
        }
    }
}

/// Where new instances shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// In which subnet.
    pub subnet: SubnetId,
    /// With which groups; the network's default group where there are none.
    pub groups: BTreeSet<GroupId>,
}

impl Wanted {
    /// Whether `count` instances may be there, and with which groups.
    ///
    /// # Errors
    /// Where subnet or a group is not there, a group is of another network, or there is no room.
    pub(in crate::engine) fn check(
        &self,
        inventory: &Inventory,
        count: usize,
    ) -> Result<(Arc<Subnet>, BTreeSet<GroupId>), Error> {
        let subnet = inventory.networks.subnets.get(&self.subnet)?;
        let mut groups = self.groups.clone();
        if groups.is_empty() {
            let own = inventory.networks.default_group(&subnet.vpc);
            groups.extend(own.map(|group| group.id.clone()));
        }
        inventory.networks.check_groups(&subnet.vpc, &groups)?;
        let is_there = |it: &&Arc<Instance>| it.place.subnet() == Some(&self.subnet);
        let room = usize::try_from(range::usable(subnet.range)).unwrap_or(usize::MAX);
        match inventory.iter().filter(is_there).count() + count <= room {
            true => Ok((Arc::clone(subnet), groups)),
            false => Err(Error::SubnetFull {
                id: self.subnet.clone(),
            }),
        }
    }
}

impl Inside {
    pub(in crate::engine) fn new(
        draw: &mut Draw,
        subnet: &Subnet,
        groups: &BTreeSet<GroupId>,
        at: Timestamp,
    ) -> Self {
        Self {
            vpc: subnet.vpc.clone(),
            subnet: subnet.id.clone(),
            range: subnet.range,
            groups: groups.clone(),
            interface: draw.id(),
            attachment: draw.id(),
            since: at,
        }
    }
}

/// Gives an instance inside other groups.
#[derive(Clone, Debug)]
pub struct SetGroups {
    /// Which.
    pub id: InstanceId,
    /// Its groups from now on.
    pub groups: BTreeSet<GroupId>,
}

impl Command for SetGroups {
    type Outcome = ();

    fn run(self, inventory: &mut Inventory, _at: Timestamp) -> Result<(), engine::Error> {
        let found = inventory.all(std::slice::from_ref(&self.id))?;
        let inside = found.first().and_then(|it| it.place.inside.as_ref());
        let inside = inside.ok_or_else(|| Error::Outside {
            id: self.id.clone(),
        })?;
        inventory.networks.check_groups(&inside.vpc, &self.groups)?;
        if let Some(inside) = &mut inventory.edit(&self.id)?.place.inside {
            inside.groups = self.groups;
        }
        Ok(())
    }
}

impl Networks {
    /// Whether an instance of the network `vpc` may have these groups.
    pub(super) fn check_groups(
        &self,
        vpc: &VpcId,
        groups: &BTreeSet<GroupId>,
    ) -> Result<(), Error> {
        if groups.is_empty() || groups.len() > INSTANCE_GROUPS_MAX {
            return Err(Error::GroupCount {
                limit: INSTANCE_GROUPS_MAX,
            });
        }
        for id in groups {
            if self.groups.get(id)?.vpc != *vpc {
                return Err(Error::GroupForeign {
                    id: id.clone(),
                    vpc: vpc.clone(),
                });
            }
        }
        Ok(())
    }
}
