//! Route tables and their commands.

use std::sync::Arc;

use base::Timestamp;
use net::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::id::AssociationId;
use super::networks::Networks;
use super::peering::Stage;
use super::{Draw, Error, PeeringId, ResourceId, SubnetId, TableId, VpcId, range};
use crate::engine::{self, Command, Inventory, Tags};

/// Route tables of a network. Source: VPC User Guide, quotas (200).
pub const TABLES_MAX: usize = 200;
/// Routes of a table but those that every table has. Source: VPC User Guide, quotas (50).
pub const ROUTES_MAX: usize = 50;

/// A route table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteTable {
    /// Its id.
    pub id: TableId,
    /// The network.
    pub vpc: VpcId,
    /// Under which id it is the network's main one; `None` where it is not.
    pub main: Option<AssociationId>,
    /// The subnets for which it counts.
    pub associations: Vec<Association>,
    /// Its routes but those that every table has.
    pub routes: Vec<Route>,
    /// Its tags.
    pub tags: Tags,
}

/// A route table counts for a subnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Association {
    /// Its id.
    pub id: AssociationId,
    /// The subnet.
    pub subnet: SubnetId,
}

/// A route to a peered network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Where to.
    pub to: Ipv4Net,
    /// Through which peering.
    pub peering: PeeringId,
}

/// Makes a route table.
#[derive(Clone, Debug)]
pub struct CreateTable {
    /// For the new ids.
    pub draw: Draw,
    /// The network.
    pub vpc: VpcId,
    /// Its tags.
    pub tags: Tags,
}

/// Deletes a route table that counts for nothing.
#[derive(Clone, Debug)]
pub struct DeleteTable(pub TableId);

/// How a route is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// There is none to the same addresses.
    New,
    /// In the place of one to the same addresses.
    Instead,
}

/// Puts a route to a peered network.
#[derive(Clone, Debug)]
pub struct PutRoute {
    /// The table.
    pub table: TableId,
    /// Where to.
    pub to: String,
    /// Through which peering.
    pub peering: PeeringId,
    /// How.
    pub put: Put,
}

/// Takes a route away.
#[derive(Clone, Debug)]
pub struct DeleteRoute {
    /// The table.
    pub table: TableId,
    /// Where to.
    pub to: String,
}

/// Has a table count for a subnet.
#[derive(Clone, Debug)]
pub struct Associate {
    /// For the new id.
    pub draw: Draw,
    /// The table.
    pub table: TableId,
    /// The subnet.
    pub subnet: SubnetId,
}

/// Has the main table count again for a subnet.
#[derive(Clone, Debug)]
pub struct Disassociate(pub AssociationId);

/// Has another table count, for a subnet or as the main one.
#[derive(Clone, Debug)]
pub struct Reassociate {
    /// For the new id.
    pub draw: Draw,
    /// What holds the table that counts so far.
    pub id: AssociationId,
    /// The other table.
    pub table: TableId,
}

impl RouteTable {
    /// The table that a new network has.
    pub(super) fn main(draw: &mut Draw, vpc: &VpcId) -> Self {
        Self {
            id: draw.id(),
            vpc: vpc.clone(),
            main: Some(draw.id()),
            associations: Vec::new(),
            routes: Vec::new(),
            tags: Tags::default(),
        }
    }

    /// Whether it counts for all subnets that have no other.
    #[must_use]
    pub const fn is_main(&self) -> bool {
        self.main.is_some()
    }
}

impl Networks {
    /// The route tables of a network.
    pub fn tables_of<'a>(&'a self, vpc: &'a VpcId) -> impl Iterator<Item = &'a Arc<RouteTable>> {
        self.tables.iter().filter(move |it| it.vpc == *vpc)
    }

    /// The table that counts for a subnet.
    #[must_use]
    pub fn table_for(&self, vpc: &VpcId, subnet: &SubnetId) -> Option<&Arc<RouteTable>> {
        let counts =
            |table: &&Arc<RouteTable>| table.associations.iter().any(|it| it.subnet == *subnet);
        let all = || self.tables.iter().filter(|table| table.vpc == *vpc);
        all()
            .find(counts)
            .or_else(|| all().find(|table| table.is_main()))
    }

    /// The table that an association holds.
    fn table_by(&self, id: &AssociationId) -> Result<&Arc<RouteTable>, Error> {
        let has = |table: &&Arc<RouteTable>| {
            table.main.as_ref() == Some(id) || table.associations.iter().any(|it| it.id == *id)
        };
        self.tables.iter().find(has).ok_or_else(|| Error::NotFound {
            kind: AssociationId::KIND,
            id: id.to_string(),
        })
    }

    /// No table counts for a subnet any more but the main one.
    pub(super) fn forget_associations(&mut self, subnet: &SubnetId) {
        let has = |table: &RouteTable| table.associations.iter().any(|it| it.subnet == *subnet);
        let tables = self.tables.iter().filter(|table| has(table));
        let tables: Vec<_> = tables.map(|table| table.id.clone()).collect();
        for id in tables {
            if let Ok(table) = self.tables.edit(&id) {
                table.associations.retain(|it| it.subnet != *subnet);
            }
        }
    }
}

impl Command for CreateTable {
    type Outcome = Arc<RouteTable>;

    fn run(
        mut self,
        inventory: &mut Inventory,
        _at: Timestamp,
    ) -> Result<Arc<RouteTable>, engine::Error> {
        let networks = &mut inventory.networks;
        networks.vpcs.get(&self.vpc)?;
        if networks.tables_of(&self.vpc).count() >= TABLES_MAX {
            return Err(Error::Limit {
                kind: TableId::KIND,
                limit: TABLES_MAX,
            }
            .into());
        }
        let table = RouteTable {
            id: self.draw.id(),
            vpc: self.vpc,
            main: None,
            associations: Vec::new(),
            routes: Vec::new(),
            tags: self.tags,
        };
        networks.tables.insert(table.clone());
        Ok(Arc::new(table))
    }
}

impl Command for DeleteTable {
    type Outcome = ();

    fn run(self, inventory: &mut Inventory, _at: Timestamp) -> Result<(), engine::Error> {
        let table = inventory.networks.tables.get(&self.0)?;
        let subnet = table.associations.first().map(|it| it.id.to_string());
        let main = table.main.as_ref().map(ToString::to_string);
        if let Some(by) = main.or(subnet) {
            return Err(Error::InUse {
                kind: TableId::KIND,
                id: self.0.to_string(),
                by,
            }
            .into());
        }
        inventory.networks.tables.remove(&self.0);
        Ok(())
    }
}

impl PutRoute {
    /// Where the route leads to, if it may.
    fn check(&self, inventory: &Inventory) -> Result<Ipv4Net, Error> {
        let networks = &inventory.networks;
        let table = networks.tables.get(&self.table)?;
        let to = range::read(&self.to, "destinationCidrBlock")?;
        let vpc = networks.vpcs.get(&table.vpc)?;
        if vpc.range.contains(&to) {
            return Err(Error::RouteInside { to: to.to_string() });
        }
        let outside = inventory.rules.outside;
        if vpc.routes_outside() && outside.contains(&to) {
            return Err(Error::OutsideConflict {
                vpc: vpc.id.clone(),
                range: to.to_string(),
                outside: outside.to_string(),
            });
        }
        let peering = networks.peerings.get(&self.peering)?;
        if peering.sides(&table.vpc).is_none() {
            return Err(Error::Apart {
                one: self.table.to_string(),
                other: self.peering.to_string(),
            });
        }
        if !peering.stage.is_live() {
            return Err(Error::Stage {
                id: peering.id.clone(),
                from: peering.stage.name(),
                to: Stage::Active.name(),
            });
        }
        let is_there = table.routes.iter().any(|route| route.to == to);
        match (self.put, is_there) {
            (Put::New, true) => Err(Error::RouteDuplicate { to: to.to_string() }),
            (Put::Instead, false) => Err(unknown(&self.table, to)),
            (Put::New, false) if table.routes.len() >= ROUTES_MAX => Err(Error::Limit {
                kind: "route",
                limit: ROUTES_MAX,
            }),
            _ => Ok(to),
        }
    }
}

fn unknown(table: &TableId, to: Ipv4Net) -> Error {
    Error::RouteUnknown {
        table: table.clone(),
        to: to.to_string(),
    }
}

impl Command for PutRoute {
    type Outcome = ();

    fn run(self, inventory: &mut Inventory, _at: Timestamp) -> Result<(), engine::Error> {
        let to = self.check(inventory)?;
        let routes = &mut inventory.networks.tables.edit(&self.table)?.routes;
        routes.retain(|route| route.to != to);
        let peering = self.peering;
        routes.push(Route { to, peering });
        Ok(())
    }
}

impl Command for DeleteRoute {
    type Outcome = ();

    fn run(self, inventory: &mut Inventory, _at: Timestamp) -> Result<(), engine::Error> {
        let table = inventory.networks.tables.get(&self.table)?;
        let to = range::read(&self.to, "destinationCidrBlock")?;
        if !table.routes.iter().any(|route| route.to == to) {
            return Err(unknown(&self.table, to).into());
        }
        let table = inventory.networks.tables.edit(&self.table)?;
        table.routes.retain(|route| route.to != to);
        Ok(())
    }
}

impl Command for Associate {
    type Outcome = AssociationId;

    fn run(
        mut self,
        inventory: &mut Inventory,
        _at: Timestamp,
    ) -> Result<AssociationId, engine::Error> {
        let networks = &mut inventory.networks;
        let table = networks.tables.get(&self.table)?;
        let subnet = networks.subnets.get(&self.subnet)?;
        if subnet.vpc != table.vpc {
            return Err(Error::Apart {
                one: self.table.to_string(),
                other: self.subnet.to_string(),
            }
            .into());
        }
        let is_its = |it: &&Association| it.subnet == self.subnet;
        let others = networks.tables.iter().flat_map(|table| &table.associations);
        if let Some(other) = others.filter(is_its).last() {
            return Err(Error::Associated {
                subnet: self.subnet,
                by: other.id.clone(),
            }
            .into());
        }
        let id: AssociationId = self.draw.id();
        let table = networks.tables.edit(&self.table)?;
        table.associations.push(Association {
            id: id.clone(),
            subnet: self.subnet,
        });
        Ok(id)
    }
}

impl Command for Disassociate {
    type Outcome = ();

    fn run(self, inventory: &mut Inventory, _at: Timestamp) -> Result<(), engine::Error> {
        let table = inventory.networks.table_by(&self.0)?;
        if table.main.as_ref() == Some(&self.0) {
            return Err(Error::MainAssociation { id: self.0 }.into());
        }
        let id = table.id.clone();
        let table = inventory.networks.tables.edit(&id)?;
        table.associations.retain(|it| it.id != self.0);
        Ok(())
    }
}

impl Command for Reassociate {
    type Outcome = AssociationId;

    fn run(
        mut self,
        inventory: &mut Inventory,
        _at: Timestamp,
    ) -> Result<AssociationId, engine::Error> {
        let networks = &mut inventory.networks;
        let (before, after) = (
            networks.table_by(&self.id)?,
            networks.tables.get(&self.table)?,
        );
        if before.vpc != after.vpc {
            return Err(Error::Apart {
                one: self.table.to_string(),
                other: self.id.to_string(),
            }
            .into());
        }
        let mut held = before.associations.iter();
        let subnet = held.find(|it| it.id == self.id).map(|it| it.subnet.clone());
        let before = before.id.clone();
        let id: AssociationId = self.draw.id();
        let table = networks.tables.edit(&before)?;
        match subnet {
            Some(subnet) => {
                table.associations.retain(|it| it.id != self.id);
                let to = networks.tables.edit(&self.table)?;
                to.associations.push(Association {
                    id: id.clone(),
                    subnet,
                });
            }
            None => {
                table.main = None;
                networks.tables.edit(&self.table)?.main = Some(id.clone());
            }
        }
        Ok(id)
    }
}
