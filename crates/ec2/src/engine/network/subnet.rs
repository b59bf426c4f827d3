//! Parts of networks and their commands.

use std::sync::Arc;

use base::Timestamp;
use net::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::id::AclAssociationId;
use super::{Draw, Error, ResourceId, SubnetId, VpcId, range};
use crate::engine::{self, Command, Instance, Inventory, Tags};

/// Subnets of a network. Source: VPC User Guide, quotas (200).
pub const SUBNETS_MAX: usize = 200;

/// A part of a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// Its id.
    pub id: SubnetId,
    /// The network.
    pub vpc: VpcId,
    /// Its range, in that of the network.
    pub range: Ipv4Net,
    /// What holds the network's ACL at it.
    pub acl_association: AclAssociationId,
    /// Its tags.
    pub tags: Tags,
}

/// Makes a part of a network.
#[derive(Clone, Debug)]
pub struct CreateSubnet {
    /// For the new ids.
    pub draw: Draw,
    /// The network.
    pub vpc: VpcId,
    /// Its range.
    pub range: String,
    /// Its tags.
    pub tags: Tags,
}

/// Deletes a part in which no instance is.
#[derive(Clone, Debug)]
pub struct DeleteSubnet(pub SubnetId);

impl Command for CreateSubnet {
    type Outcome = Arc<Subnet>;

    fn run(
        mut self,
        inventory: &mut Inventory,
        _at: Timestamp,
    ) -> Result<Arc<Subnet>, engine::Error> {
        let networks = &mut inventory.networks;
        let vpc = networks.vpcs.get(&self.vpc)?;
        let own = range::of_subnet(&self.range, vpc.range)?;
        let is_taken = networks
            .subnets_of(&self.vpc)
            .any(|other| range::overlap(other.range, own));
        if is_taken {
            let range = own.to_string();
            return Err(Error::SubnetConflict { range }.into());
        }
        if networks.subnets_of(&self.vpc).count() >= SUBNETS_MAX {
            return Err(Error::Limit {
                kind: SubnetId::KIND,
                limit: SUBNETS_MAX,
            }
            .into());
        }
        let subnet = Subnet {
            id: self.draw.id(),
            acl_association: self.draw.id(),
            vpc: self.vpc,
            range: own,
            tags: self.tags,
        };
        networks.subnets.insert(subnet.clone());
        Ok(Arc::new(subnet))
    }
}

impl Command for DeleteSubnet {
    type Outcome = ();

    fn run(self, inventory: &mut Inventory, _at: Timestamp) -> Result<(), engine::Error> {
        inventory.networks.subnets.get(&self.0)?;
        let is_there = |it: &&Arc<Instance>| it.place.subnet() == Some(&self.0);
        if let Some(instance) = inventory.iter().find(is_there) {
            return Err(Error::InUse {
                kind: SubnetId::KIND,
                id: self.0.to_string(),
                by: instance.id.to_string(),
            }
            .into());
        }
        inventory.networks.forget_associations(&self.0);
        inventory.networks.subnets.remove(&self.0);
        Ok(())
    }
}
