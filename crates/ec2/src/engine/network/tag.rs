//! Tags of any resource.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base::Timestamp;

use super::{
    Error, GroupId, Networks, PeeringId, Resource, ResourceId, RuleId, SubnetId, TableId, VpcId,
};
use crate::engine::inventory::Event;
use crate::engine::{self, Command, InstanceId, Inventory, Tags};

/// A resource that has tags.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// An instance.
    Instance(InstanceId),
    /// A network.
    Vpc(VpcId),
    /// A part of one.
    Subnet(SubnetId),
    /// A security group.
    Group(GroupId),
    /// A rule of one.
    Rule(RuleId),
    /// A route table.
    Table(TableId),
    /// A peering.
    Peering(PeeringId),
}

/// A text is the id of nothing that has tags.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not the id of an instance, or of a network and what it is made of")]
pub struct Malformed {
    /// What was given.
    pub text: String,
}

/// Adds tags, which stand over those with the same keys.
#[derive(Clone, Debug)]
pub struct AddTags {
    /// To which.
    pub targets: Vec<Target>,
    /// Which tags.
    pub tags: Vec<(String, String)>,
}

/// Takes tags away.
#[derive(Clone, Debug)]
pub struct RemoveTags {
    /// From which.
    pub targets: Vec<Target>,
    /// Which tags, with their value where it matters; `None` takes all.
    pub tags: Option<Vec<(String, Option<String>)>>,
}

impl Target {
    /// As DescribeTags names it, such as `vpc`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Instance(_) => "instance",
            Self::Vpc(_) => VpcId::KIND,
            Self::Subnet(_) => SubnetId::KIND,
            Self::Group(_) => GroupId::KIND,
            Self::Rule(_) => RuleId::KIND,
            Self::Table(_) => TableId::KIND,
            Self::Peering(_) => PeeringId::KIND,
        }
    }

    /// Its id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Instance(id) => id.as_str(),
            Self::Vpc(id) => id.as_str(),
            Self::Subnet(id) => id.as_str(),
            Self::Group(id) => id.as_str(),
            Self::Rule(id) => id.as_str(),
            Self::Table(id) => id.as_str(),
            Self::Peering(id) => id.as_str(),
        }
    }
}

impl FromStr for Target {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let instance = || text.parse().map(Self::Instance).ok();
        let vpc = || text.parse().map(Self::Vpc).ok();
        let subnet = || text.parse().map(Self::Subnet).ok();
        let group = || text.parse().map(Self::Group).ok();
        let rule = || text.parse().map(Self::Rule).ok();
        let table = || text.parse().map(Self::Table).ok();
        let peering = || text.parse().map(Self::Peering).ok();
        instance()
            .or_else(vpc)
            .or_else(subnet)
            .or_else(group)
            .or_else(rule)
            .or_else(table)
            .or_else(peering)
            .ok_or_else(|| Malformed {
                text: text.to_owned(),
            })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Inventory {
    /// The tags of a resource.
    ///
    /// # Errors
    /// Where it is not there.
    pub fn tags_of(&self, target: &Target) -> Result<Tags, engine::Error> {
        let networks = &self.networks;
        Ok(match target {
            Target::Instance(id) => {
                let found = self.all(std::slice::from_ref(id))?;
                found.first().map(|it| it.tags.clone()).unwrap_or_default()
            }
            Target::Vpc(id) => networks.vpcs.get(id)?.tags.clone(),
            Target::Subnet(id) => networks.subnets.get(id)?.tags.clone(),
            Target::Group(id) => networks.groups.get(id)?.tags.clone(),
            Target::Rule(id) => {
                let (_, rule) = networks.rule(id)?;
                rule.tags.clone()
            }
            Target::Table(id) => networks.tables.get(id)?.tags.clone(),
            Target::Peering(id) => networks.peerings.get(id)?.tags.clone(),
        })
    }

    /// All that have tags, with them.
    #[must_use]
    pub fn tagged(&self) -> Vec<(Target, Tags)> {
        let instances = self.iter();
        let mut all: Vec<_> = instances
            .map(|it| (Target::Instance(it.id.clone()), it.tags.clone()))
            .collect();
        all.extend(self.networks.tagged());
        all
    }

    fn retag(&mut self, target: &Target, tags: Tags) -> Result<(), engine::Error> {
        let networks = &mut self.networks;
        match target {
            Target::Instance(id) => {
                self.edit(id)?.tags = tags;
                self.tell(Event::Changed { id: id.clone() });
            }
            Target::Vpc(id) => *networks.vpcs.edit(id)?.tags_mut() = tags,
            Target::Subnet(id) => *networks.subnets.edit(id)?.tags_mut() = tags,
            Target::Group(id) => *networks.groups.edit(id)?.tags_mut() = tags,
            Target::Rule(id) => {
                let group = networks.rule(id)?.0.id.clone();
                let group = networks.groups.edit(&group)?;
                let mut rules = group.ingress.iter_mut().chain(group.egress.iter_mut());
                if let Some(rule) = rules.find(|rule| rule.id == *id) {
                    rule.tags = tags;
                }
            }
            Target::Table(id) => *networks.tables.edit(id)?.tags_mut() = tags,
            Target::Peering(id) => *networks.peerings.edit(id)?.tags_mut() = tags,
        }
        Ok(())
    }

    /// The tags of each, after `change`; of none where one of them refuses it.
    fn retag_all(
        &mut self,
        targets: &[Target],
        change: impl Fn(&Tags) -> Result<Tags, engine::Error>,
    ) -> Result<(), engine::Error> {
        self.check_instances(targets)?;
        let mut changed = Vec::new();
        for target in targets {
            let before = self.tags_of(target)?;
            let after = change(&before)?;
            if after != before {
                changed.push((target, after));
            }
        }
        for (target, tags) in changed {
            self.retag(target, tags)?;
        }
        Ok(())
    }

    /// Whether all instances among them are there: the error names all that are not.
    fn check_instances(&self, targets: &[Target]) -> Result<(), engine::Error> {
        let instances = targets.iter().filter_map(|target| match target {
            Target::Instance(id) => Some(id.clone()),
            _ => None,
        });
        self.all(&instances.collect::<Vec<_>>()).map(drop)
    }
}

impl Command for AddTags {
    type Outcome = ();

    fn run(self, inventory: &mut Inventory, _at: Timestamp) -> Result<(), engine::Error> {
        inventory.retag_all(&self.targets, |tags| tags.with(self.tags.clone()))
    }
}

impl Command for RemoveTags {
    type Outcome = ();

    fn run(self, inventory: &mut Inventory, _at: Timestamp) -> Result<(), engine::Error> {
        inventory.retag_all(&self.targets, |tags| {
            Ok(match &self.tags {
                Some(named) => tags.without(named),
                None => Tags::default(),
            })
        })
    }
}

impl Networks {
    /// A rule and the group that has it.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn rule(
        &self,
        id: &RuleId,
    ) -> Result<(&Arc<super::group::Group>, &super::rule::Rule), Error> {
        let found = self.groups.iter().find_map(|group| {
            let mut own = group.all_rules();
            Some((group, own.find(|rule| rule.id == *id)?))
        });
        found.ok_or_else(|| Error::NotFound {
            kind: RuleId::KIND,
            id: id.to_string(),
        })
    }

    fn tagged(&self) -> Vec<(Target, Tags)> {
        let mut all = Vec::new();
        all.extend(each(&self.vpcs, Target::Vpc));
        all.extend(each(&self.subnets, Target::Subnet));
        all.extend(each(&self.groups, Target::Group));
        let rules = self.groups.iter().flat_map(|group| group.all_rules());
        all.extend(rules.map(|rule| (Target::Rule(rule.id.clone()), rule.tags.clone())));
        all.extend(each(&self.tables, Target::Table));
        all.extend(each(&self.peerings, Target::Peering));
        all.retain(|(_, tags)| *tags != Tags::default());
        all
    }
}

fn each<R: Resource>(
    rows: &super::networks::Rows<R>,
    target: impl Fn(R::Id) -> Target,
) -> impl Iterator<Item = (Target, Tags)> {
    rows.iter()
        .map(move |it| (target(it.id().clone()), it.tags().clone()))
}
