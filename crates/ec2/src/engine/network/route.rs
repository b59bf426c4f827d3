//! Route tables and their commands.

use net::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::id::AssociationId;
use super::networks::Networks;
use super::{Draw, PeeringId, SubnetId, TableId, VpcId};
use crate::engine::Tags;

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
    pub fn tables_of<'a>(
        &'a self,
        vpc: &'a VpcId,
    ) -> impl Iterator<Item = &'a std::sync::Arc<RouteTable>> {
        self.tables.iter().filter(move |it| it.vpc == *vpc)
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
