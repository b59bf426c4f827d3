//! Links of hosts outside to a network, as ClassicLink had them.
//!
//! Source: EC2 User Guide for Linux (2022), "ClassicLink": an instance is linked while it runs, to one network at a time, with
//! groups of that network which stay as long as the link; its link is lost when it stops.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use base::Timestamp;
use net::Ipv4Net;

use super::address;
use super::place::Link;
use super::vpc::Vpc;
use super::{Error, GroupId, Networks, ResourceId, VpcId};
use crate::engine::{self, Command, Instance, InstanceId, Inventory, State};

/// Links of a network. Chosen: as many as one gateway is made for.
pub const LINKS_MAX: usize = 1000;
/// The tag by which a network's links have addresses of its own range.
pub const ADDRESS_TAG: &str = "shukuba:link-address";
/// Its value for that.
pub const ADDRESS_OF_NETWORK: &str = "network";
/// Ranges in that of hosts outside which networks may have all the same. Source: EnableVpcClassicLink.
pub const EXCEPTED: [Ipv4Net; 2] = [
    Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 16),
    Ipv4Net::new_assert(Ipv4Addr::new(10, 1, 0, 0), 16),
];

/// Lets hosts outside be linked to a network, or no longer.
#[derive(Clone, Debug)]
pub struct SetClassicLink {
    /// The network.
    pub vpc: VpcId,
    /// Whether.
    pub is_on: bool,
}

/// Has names of linked hosts resolved to private addresses, or no longer: shown, and without effect.
#[derive(Clone, Debug)]
pub struct SetClassicLinkDns {
    /// The network.
    pub vpc: VpcId,
    /// Whether.
    pub is_on: bool,
}

/// Links an instance outside to a network.
#[derive(Clone, Debug)]
pub struct Attach {
    /// The instance.
    pub id: InstanceId,
    /// The network.
    pub vpc: VpcId,
    /// Its groups there.
    pub groups: BTreeSet<GroupId>,
}

/// Ends the link of an instance.
#[derive(Clone, Debug)]
pub struct Detach {
    /// The instance.
    pub id: InstanceId,
    /// The network.
    pub vpc: VpcId,
}

impl Vpc {
    /// Whether its links have addresses of its own range, for which its gateway answers.
    #[must_use]
    pub fn is_proxied(&self) -> bool {
        self.tags.get(ADDRESS_TAG) == Some(ADDRESS_OF_NETWORK)
    }

    /// Whether its route tables lead to hosts outside.
    #[must_use]
    pub fn routes_outside(&self) -> bool {
        self.has_classic_link && !self.is_proxied()
    }
}

impl Networks {
    /// Whether the addresses of hosts outside are free for them in a network: neither it nor a route of it is there.
    ///
    /// # Errors
    /// [`Error::OutsideConflict`].
    fn check_outside(&self, vpc: &Vpc, outside: Ipv4Net) -> Result<(), Error> {
        let conflict = |range: Ipv4Net| Error::OutsideConflict {
            vpc: vpc.id.clone(),
            range: range.to_string(),
            outside: outside.to_string(),
        };
        let is_excepted = EXCEPTED.iter().any(|range| range.contains(&vpc.range));
        if !is_excepted && super::range::overlap(outside, vpc.range) {
            return Err(conflict(vpc.range));
        }
        let mut routes = self.tables_of(&vpc.id).flat_map(|table| &table.routes);
        match routes.find(|route| outside.contains(&route.to)) {
            Some(route) => Err(conflict(route.to)),
            None => Ok(()),
        }
    }
}

impl Inventory {
    /// The instances that are linked to a network.
    pub fn links_of<'a>(
        &'a self,
        vpc: &'a VpcId,
    ) -> impl Iterator<Item = (&'a Arc<Instance>, &'a Link)> {
        let linked = self
            .iter()
            .filter_map(|it| Some((it, it.place.link.as_ref()?)));
        linked.filter(move |(_, link)| link.vpc == *vpc)
    }

    /// It is linked no more, if it was.
    pub(in crate::engine) fn unlink(&mut self, id: &InstanceId) -> Result<(), engine::Error> {
        if self.get(id).is_some_and(|it| it.place.link.is_some()) {
            let generation = self.networks.next_generation();
            let place = &mut self.edit(id)?.place;
            place.key_before = None;
            place.endpoint = None;
            place.generation = generation;
            let link = place.link.take();
            self.networks.concerned.extend(link.map(|link| link.vpc));
        }
        Ok(())
    }

    /// It is in no network any more, and linked to none.
    pub(in crate::engine) fn leave(&mut self, id: &InstanceId) -> Result<(), engine::Error> {
        self.unlink(id)?;
        if self.get(id).is_some_and(|it| it.place.inside.is_some()) {
            let generation = self.networks.next_generation();
            let place = &mut self.edit(id)?.place;
            place.generation = generation;
            let inside = place.inside.take();
            self.networks
                .concerned
                .extend(inside.map(|inside| inside.vpc));
        }
        Ok(())
    }
}

impl Command for SetClassicLink {
    type Outcome = ();

    fn run(self, inventory: &mut Inventory, _at: Timestamp) -> Result<(), engine::Error> {
        let vpc = inventory.networks.vpcs.get(&self.vpc)?;
        if self.is_on && !vpc.is_proxied() {
            inventory
                .networks
                .check_outside(vpc, inventory.rules.outside)?;
        }
        let linked = inventory.links_of(&self.vpc).next();
        if let Some((instance, _)) = linked.filter(|_| !self.is_on) {
            return Err(Error::InUse {
                kind: VpcId::KIND,
                id: self.vpc.to_string(),
                by: instance.id.to_string(),
            }
            .into());
        }
        inventory.networks.vpcs.edit(&self.vpc)?.has_classic_link = self.is_on;
        Ok(())
    }
}

impl Command for SetClassicLinkDns {
    type Outcome = ();

    fn run(self, inventory: &mut Inventory, _at: Timestamp) -> Result<(), engine::Error> {
        inventory
            .networks
            .vpcs
            .edit(&self.vpc)?
            .has_classic_link_dns = self.is_on;
        Ok(())
    }
}

impl Attach {
    /// Whether the instance may be linked; `None` where it is so already.
    fn check<'a>(&self, inventory: &'a Inventory) -> Result<Option<&'a Arc<Vpc>>, engine::Error> {
        let vpc = inventory.networks.vpcs.get(&self.vpc)?;
        inventory.networks.check_groups(&self.vpc, &self.groups)?;
        let found = inventory.all(std::slice::from_ref(&self.id))?;
        let refuse = |why: String| {
            let (id, vpc) = (self.id.clone(), self.vpc.clone());
            Err(Error::NotLinkable { id, vpc, why }.into())
        };
        let Some(instance) = found.first() else {
            return Ok(None);
        };
        if let Some(inside) = &instance.place.inside {
            return refuse(format!("it is in {}", inside.vpc));
        }
        match &instance.place.link {
            // A second question after an answer that was lost.
            Some(link) if link.vpc == self.vpc && link.groups == self.groups => return Ok(None),
            Some(link) => {
                return refuse(format!(
                    "it is linked to {} already, with groups that stay as long as the link: detach it first",
                    link.vpc
                ));
            }
            None => {}
        }
        if instance.state != State::Running {
            return refuse(format!("it is {}, not running", instance.state.name()));
        }
        if !vpc.has_classic_link {
            return refuse("the network is not enabled for ClassicLink".to_owned());
        }
        if !vpc.is_proxied() {
            inventory
                .networks
                .check_outside(vpc, inventory.rules.outside)?;
        }
        if inventory.links_of(&self.vpc).count() >= LINKS_MAX {
            return Err(Error::Limit {
                kind: "link",
                limit: LINKS_MAX,
            }
            .into());
        }
        Ok(Some(vpc))
    }
}

impl Command for Attach {
    type Outcome = ();

    fn run(self, inventory: &mut Inventory, at: Timestamp) -> Result<(), engine::Error> {
        let Some(vpc) = self.check(inventory)? else {
            return Ok(());
        };
        let is_proxied = vpc.is_proxied();
        let own = inventory.get(&self.id).and_then(|it| it.place.outside);
        let outside = match (is_proxied, own) {
            (true, own) => own,
            (false, Some(own)) => Some(own),
            (false, None) => Some(address::of_outside(inventory)?),
        };
        let address = match (is_proxied, outside) {
            (false, Some(outside)) => outside,
            _ => address::of_network(inventory, &self.vpc)?,
        };
        let generation = inventory.networks.next_generation();
        let place = &mut inventory.edit(&self.id)?.place;
        place.outside = outside;
        place.generation = generation;
        place.link = Some(Link {
            vpc: self.vpc,
            groups: self.groups,
            address,
            is_proxied,
            since: at,
        });
        Ok(())
    }
}

impl Command for Detach {
    type Outcome = ();

    fn run(self, inventory: &mut Inventory, _at: Timestamp) -> Result<(), engine::Error> {
        inventory.networks.vpcs.get(&self.vpc)?;
        let found = inventory.all(std::slice::from_ref(&self.id))?;
        let link = found.first().and_then(|it| it.place.link.as_ref());
        if link.is_none_or(|link| link.vpc != self.vpc) {
            let (id, vpc) = (self.id, self.vpc);
            return Err(Error::NotLinked { id, vpc }.into());
        }
        inventory.unlink(&self.id)
    }
}
