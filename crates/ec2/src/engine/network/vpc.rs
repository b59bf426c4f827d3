//! Private networks and their commands.

use std::net::Ipv4Addr;
use std::sync::Arc;

use base::Timestamp;
use net::{Ipv4Net, PublicKey};
use serde::{Deserialize, Serialize};

use super::group::Group;
use super::id::{AclId, RangeId};
use super::networks::Networks;
use super::route::RouteTable;
use super::{Draw, Error, ResourceId, VpcId, range};
use crate::engine::{self, Command, Inventory, Tags};

/// Networks. Source: VPC User Guide, quotas (5 a region, up to 100 when raised).
pub const VPCS_MAX: usize = 100;

/// A private network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vpc {
    /// Its id.
    pub id: VpcId,
    /// Its range.
    pub range: Ipv4Net,
    /// The id under which it has it.
    pub range_id: RangeId,
    /// Its one network ACL, which lets everything through.
    pub acl: AclId,
    /// Whether names are resolved in it: shown, and without effect.
    pub has_dns_support: bool,
    /// Whether its hosts have public names: shown, and without effect.
    pub has_dns_hostnames: bool,
    /// Whether hosts outside may be linked to it.
    pub has_classic_link: bool,
    /// Whether names of linked hosts are resolved to private addresses: shown, and without effect.
    pub has_classic_link_dns: bool,
    /// Its gateway, once one was heard of.
    pub gateway: Option<Gateway>,
    /// Counts what its gateway is to carry out.
    pub generation: u64,
    /// Tells whether that has changed.
    pub digest: String,
    /// Its tags.
    pub tags: Tags,
}

/// The gateway of a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gateway {
    /// Its key.
    pub key: PublicKey,
    /// Where it is, as `host:port`.
    pub endpoint: String,
    /// Its address in the network, by which hosts inside route.
    pub inside: Option<Ipv4Addr>,
}

/// Makes a network, with a default group and a main route table.
#[derive(Clone, Debug)]
pub struct CreateVpc {
    /// For the new ids.
    pub draw: Draw,
    /// Its range.
    pub range: String,
    /// Its tags.
    pub tags: Tags,
}

/// Deletes a network in which nothing is but what it had from its start.
#[derive(Clone, Debug)]
pub struct DeleteVpc(pub VpcId);

/// Changes attributes of a network; what is `None` stays.
#[derive(Clone, Debug)]
pub struct ModifyVpc {
    /// Which.
    pub id: VpcId,
    /// Whether names are resolved in it.
    pub dns_support: Option<bool>,
    /// Whether its hosts have public names.
    pub dns_hostnames: Option<bool>,
}

impl Command for CreateVpc {
    type Outcome = Arc<Vpc>;

    fn run(mut self, inventory: &mut Inventory, _at: Timestamp) -> Result<Arc<Vpc>, engine::Error> {
        let range = range::of_vpc(&self.range)?;
        let networks = &mut inventory.networks;
        if networks.vpcs.len() >= VPCS_MAX {
            return Err(Error::Limit {
                kind: VpcId::KIND,
                limit: VPCS_MAX,
            }
            .into());
        }
        let vpc = Vpc {
            id: self.draw.id(),
            range,
            range_id: self.draw.id(),
            acl: self.draw.id(),
            // Source: CreateVpc and "DNS attributes": of a new network resolution is on, names are off.
            has_dns_support: true,
            has_dns_hostnames: false,
            has_classic_link: false,
            has_classic_link_dns: false,
            gateway: None,
            generation: 0,
            digest: String::new(),
            tags: self.tags,
        };
        let group = Group::first(&mut self.draw, &vpc.id);
        networks
            .tables
            .insert(RouteTable::main(&mut self.draw, &vpc.id));
        networks.groups.insert(group);
        networks.vpcs.insert(vpc.clone());
        Ok(Arc::new(vpc))
    }
}

impl Command for DeleteVpc {
    type Outcome = ();

    fn run(self, inventory: &mut Inventory, _at: Timestamp) -> Result<(), engine::Error> {
        inventory.networks.vpcs.get(&self.0)?;
        if let Some(by) = user(inventory, &self.0) {
            return Err(Error::InUse {
                kind: VpcId::KIND,
                id: self.0.to_string(),
                by,
            }
            .into());
        }
        let networks = &mut inventory.networks;
        let groups: Vec<_> = networks
            .groups_of(&self.0)
            .map(|it| it.id.clone())
            .collect();
        groups.iter().for_each(|id| networks.groups.remove(id));
        let tables: Vec<_> = networks
            .tables_of(&self.0)
            .map(|it| it.id.clone())
            .collect();
        tables.iter().for_each(|id| networks.tables.remove(id));
        networks.vpcs.remove(&self.0);
        Ok(())
    }
}

impl Command for ModifyVpc {
    type Outcome = ();

    fn run(self, inventory: &mut Inventory, _at: Timestamp) -> Result<(), engine::Error> {
        let vpc = inventory.networks.vpcs.edit(&self.id)?;
        vpc.has_dns_support = self.dns_support.unwrap_or(vpc.has_dns_support);
        vpc.has_dns_hostnames = self.dns_hostnames.unwrap_or(vpc.has_dns_hostnames);
        Ok(())
    }
}

/// What is in a network that it did not have from its start.
fn user(inventory: &Inventory, id: &VpcId) -> Option<String> {
    let networks: &Networks = &inventory.networks;
    let subnet = || networks.subnets_of(id).map(|it| it.id.to_string()).next();
    let group = || {
        let mut own = networks.groups_of(id).filter(|it| !it.is_default());
        own.next().map(|it| it.id.to_string())
    };
    let table = || {
        let mut own = networks.tables_of(id).filter(|it| !it.is_main());
        own.next().map(|it| it.id.to_string())
    };
    let peering = || {
        networks
            .live_peerings_of(id)
            .map(|it| it.id.to_string())
            .next()
    };
    let instance = || {
        let mut own = inventory.iter().filter(|it| it.place.vpc() == Some(id));
        own.next().map(|it| it.id.to_string())
    };
    let named = || networks.stranger_to(id);
    subnet()
        .or_else(group)
        .or_else(table)
        .or_else(peering)
        .or_else(instance)
        .or_else(named)
}
