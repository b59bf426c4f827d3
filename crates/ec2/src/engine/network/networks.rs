//! All networks, as rows of a few kinds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::group::Group;
use super::id::ResourceId;
use super::peering::Peering;
use super::route::RouteTable;
use super::subnet::Subnet;
use super::vpc::Vpc;
use super::{Error, GroupId, PeeringId, SubnetId, TableId, VpcId};
use crate::engine::Tags;

/// What is of one kind: it has an id and tags.
pub trait Resource: Clone {
    /// Its id.
    type Id: ResourceId;

    /// Its id.
    fn id(&self) -> &Self::Id;

    /// Its tags.
    fn tags(&self) -> &Tags;

    /// Its tags, to be changed.
    fn tags_mut(&mut self) -> &mut Tags;

    /// The networks whose gateways it concerns.
    fn vpcs(&self) -> Vec<VpcId>;

    /// As it is written down.
    fn row(self) -> Row;
}

/// A resource as it is written down, under its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Row {
    /// A network.
    Vpc(Vpc),
    /// A part of one.
    Subnet(Subnet),
    /// A security group with its rules.
    Group(Group),
    /// A route table with its routes.
    RouteTable(RouteTable),
    /// A peering.
    Peering(Peering),
}

/// All resources of one kind. Cheap to read; whoever keeps an [`Arc`] of one has it as it was.
#[derive(Clone, Debug)]
pub struct Rows<R: Resource> {
    all: BTreeMap<R::Id, Arc<R>>,
    touched: BTreeSet<R::Id>,
    /// Networks whose gateways what has changed concerns.
    concerned: BTreeSet<VpcId>,
}

impl<R: Resource> Default for Rows<R> {
    fn default() -> Self {
        Self {
            all: BTreeMap::new(),
            touched: BTreeSet::new(),
            concerned: BTreeSet::new(),
        }
    }
}

impl<R: Resource> Rows<R> {
    /// All, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<R>> {
        self.all.values()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// One.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn get(&self, id: &R::Id) -> Result<&Arc<R>, Error> {
        self.all.get(id).ok_or_else(|| not_found(id))
    }

    /// One, to be changed.
    pub(in crate::engine) fn edit(&mut self, id: &R::Id) -> Result<&mut R, Error> {
        let found = self.all.get_mut(id).ok_or_else(|| not_found(id))?;
        self.touched.insert(id.clone());
        self.concerned.extend(found.vpcs());
        Ok(Arc::make_mut(found))
    }

    pub(in crate::engine) fn insert(&mut self, resource: R) {
        self.touched.insert(resource.id().clone());
        self.concerned.extend(resource.vpcs());
        self.all.insert(resource.id().clone(), Arc::new(resource));
    }

    pub(in crate::engine) fn remove(&mut self, id: &R::Id) {
        if let Some(gone) = self.all.remove(id) {
            self.touched.insert(id.clone());
            self.concerned.extend(gone.vpcs());
        }
    }

    /// Those that have changed since this was asked last, as they are written down; `None` for what is gone.
    fn take(&mut self, changed: &mut Vec<(String, Option<Row>)>) {
        for id in std::mem::take(&mut self.touched) {
            let row = self.all.get(&id).map(|it| R::clone(it).row());
            changed.push((id.to_string(), row));
        }
    }
}

fn not_found<I: ResourceId>(id: &I) -> Error {
    Error::NotFound {
        kind: I::KIND,
        id: id.to_string(),
    }
}

/// All networks with what they are made of.
#[derive(Clone, Debug, Default)]
pub struct Networks {
    /// Networks.
    pub vpcs: Rows<Vpc>,
    /// Their parts.
    pub subnets: Rows<Subnet>,
    /// Security groups.
    pub groups: Rows<Group>,
    /// Route tables.
    pub tables: Rows<RouteTable>,
    /// Peerings.
    pub peerings: Rows<Peering>,
    /// Networks whose gateways changes of instances concern.
    pub(super) concerned: BTreeSet<VpcId>,
    /// The last generation that was given.
    generation: u64,
}

impl Networks {
    /// As they were written down.
    #[must_use]
    pub fn of(rows: Vec<Row>) -> Self {
        let mut networks = Self::default();
        for row in rows {
            match row {
                Row::Vpc(it) => networks.vpcs.insert(it),
                Row::Subnet(it) => networks.subnets.insert(it),
                Row::Group(it) => networks.groups.insert(it),
                Row::RouteTable(it) => networks.tables.insert(it),
                Row::Peering(it) => networks.peerings.insert(it),
            }
        }
        networks.take();
        networks.take_concerned();
        let generations = networks.vpcs.iter().map(|vpc| vpc.generation);
        networks.generation = generations.max().unwrap_or_default();
        networks
    }

    /// The last generation of a plan that was given. Later ones are higher, over all networks and hosts.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// Those to come are higher than this.
    pub(in crate::engine) fn reach(&mut self, generation: u64) {
        self.generation = self.generation.max(generation);
    }

    /// The next generation.
    pub(super) const fn next_generation(&mut self) -> u64 {
        self.generation += 1;
        self.generation
    }

    /// The networks whose gateways what has changed since this was asked last concerns.
    pub(super) fn take_concerned(&mut self) -> BTreeSet<VpcId> {
        let mut all = std::mem::take(&mut self.concerned);
        all.append(&mut self.vpcs.concerned);
        all.append(&mut self.subnets.concerned);
        all.append(&mut self.groups.concerned);
        all.append(&mut self.tables.concerned);
        all.append(&mut self.peerings.concerned);
        all
    }

    /// What has changed since this was asked last, by id; `None` for what is gone.
    pub(in crate::engine) fn take(&mut self) -> Vec<(String, Option<Row>)> {
        let mut changed = Vec::new();
        self.vpcs.take(&mut changed);
        self.subnets.take(&mut changed);
        self.groups.take(&mut changed);
        self.tables.take(&mut changed);
        self.peerings.take(&mut changed);
        changed
    }

    /// The parts of a network.
    pub fn subnets_of<'a>(&'a self, vpc: &'a VpcId) -> impl Iterator<Item = &'a Arc<Subnet>> {
        self.subnets.iter().filter(move |it| it.vpc == *vpc)
    }

    /// The groups of a network.
    pub fn groups_of<'a>(&'a self, vpc: &'a VpcId) -> impl Iterator<Item = &'a Arc<Group>> {
        self.groups.iter().filter(move |it| it.vpc == *vpc)
    }

    /// The group `default` of a network.
    #[must_use]
    pub fn default_group(&self, vpc: &VpcId) -> Option<&Arc<Group>> {
        let mut all = self.groups.iter();
        all.find(|it| it.vpc == *vpc && it.is_default())
    }
}

/// Writes [`Resource`] for a structure with `id` and `tags`.
macro_rules! resource {
    ($name:ident: $id:ty, $row:ident, $of:expr) => {
        impl Resource for $name {
            type Id = $id;

            fn id(&self) -> &$id {
                &self.id
            }

            fn tags(&self) -> &Tags {
                &self.tags
            }

            fn tags_mut(&mut self) -> &mut Tags {
                &mut self.tags
            }

            fn vpcs(&self) -> Vec<VpcId> {
                let of: fn(&Self) -> Vec<VpcId> = $of;
                of(self)
            }

            fn row(self) -> Row {
                Row::$row(self)
            }
        }
    };
}

resource!(Vpc: VpcId, Vpc, |it| vec![it.id.clone()]);
resource!(Subnet: SubnetId, Subnet, |it| vec![it.vpc.clone()]);
resource!(Group: GroupId, Group, |it| vec![it.vpc.clone()]);
resource!(RouteTable: TableId, RouteTable, |it| vec![it.vpc.clone()]);
resource!(Peering: PeeringId, Peering, |it| {
    let sides = [&it.requester, &it.accepter].into_iter();
    sides.filter_map(|side| side.vpc.parse().ok()).collect()
});
