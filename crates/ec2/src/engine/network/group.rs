//! Security groups and their commands.
//!
//! Source: VPC User Guide, "Security groups", and the EC2 API Reference, CreateSecurityGroup.

use std::sync::Arc;

use base::Timestamp;
use serde::{Deserialize, Serialize};

use super::networks::Networks;
use super::rule::{Direction, RULES_MAX, Rule, Spec, check_description};
use super::{Draw, Error, GroupId, ResourceId, RuleId, VpcId};
use crate::engine::{self, Command, Inventory, Tags};

/// Groups of all networks. Source: VPC User Guide, quotas (2,500 a region).
pub const GROUPS_MAX: usize = 2500;
/// The name of the group that each network has from its start.
pub const DEFAULT: &str = "default";
/// Characters of a name and of a description. Source: CreateSecurityGroup (255).
const TEXT_CHARS_MAX: usize = 255;

/// A security group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// The network that it is of.
    pub vpc: VpcId,
    /// Its name, once in its network.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// What may be opened to its members.
    pub ingress: Vec<Rule>,
    /// What its members may open.
    pub egress: Vec<Rule>,
    /// Its tags.
    pub tags: Tags,
}

/// Makes a group, which lets nothing in and everything out.
#[derive(Clone, Debug)]
pub struct CreateGroup {
    /// For the new ids.
    pub draw: Draw,
    /// The network.
    pub vpc: VpcId,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Its tags.
    pub tags: Tags,
}

/// Deletes a group that nothing uses.
#[derive(Clone, Debug)]
pub struct DeleteGroup(pub GroupId);

/// A rule to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRule {
    /// What it says.
    pub spec: Spec,
    /// What it is for.
    pub description: Option<String>,
}

/// Adds rules: all or none.
#[derive(Clone, Debug)]
pub struct Authorize {
    /// For the new ids.
    pub draw: Draw,
    /// The group.
    pub group: GroupId,
    /// Which way.
    pub direction: Direction,
    /// The rules.
    pub rules: Vec<NewRule>,
    /// The tags of each.
    pub tags: Tags,
}

/// Takes rules away: all or none.
#[derive(Clone, Debug)]
pub struct Revoke {
    /// The group.
    pub group: GroupId,
    /// Which way.
    pub direction: Direction,
    /// By what they say.
    pub specs: Vec<Spec>,
    /// By their ids.
    pub ids: Vec<RuleId>,
}

/// Says anew what rules say.
#[derive(Clone, Debug)]
pub struct ModifyRules {
    /// The group.
    pub group: GroupId,
    /// The rules with what they shall say.
    pub rules: Vec<(RuleId, NewRule)>,
}

/// Says anew what rules are for.
#[derive(Clone, Debug)]
pub struct DescribeRules {
    /// The group.
    pub group: GroupId,
    /// Which way.
    pub direction: Direction,
    /// By what they say.
    pub specs: Vec<NewRule>,
    /// By their ids.
    pub ids: Vec<(RuleId, Option<String>)>,
}

impl Group {
    /// The group that a new network has: its members may talk with one another.
    pub(super) fn first(draw: &mut Draw, vpc: &VpcId) -> Self {
        let id: GroupId = draw.id();
        let own = Spec {
            traffic: net::Traffic::All,
            peer: super::rule::Peer::Group(id.clone()),
        };
        let ingress = vec![plain(draw, own)];
        Self {
            ingress,
            egress: vec![plain(draw, Spec::any())],
            id,
            vpc: vpc.clone(),
            name: DEFAULT.to_owned(),
            description: "default VPC security group".to_owned(),
            tags: Tags::default(),
        }
    }

    /// Whether it is its network's default group.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.name == DEFAULT
    }

    /// Its rules.
    #[must_use]
    pub const fn rules(&self, direction: Direction) -> &Vec<Rule> {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }

    const fn rules_mut(&mut self, direction: Direction) -> &mut Vec<Rule> {
        match direction {
            Direction::Ingress => &mut self.ingress,
            Direction::Egress => &mut self.egress,
        }
    }

    /// All rules of both directions.
    pub fn all_rules(&self) -> impl Iterator<Item = &Rule> {
        self.ingress.iter().chain(&self.egress)
    }

    fn rule(&self, id: &RuleId) -> Option<&Rule> {
        self.all_rules().find(|rule| rule.id == *id)
    }
}

fn plain(draw: &mut Draw, spec: Spec) -> Rule {
    Rule {
        id: draw.id(),
        spec,
        description: None,
        tags: Tags::default(),
    }
}

/// Whether a character may stand in a group's texts. Source: CreateSecurityGroup, "Constraints for EC2-VPC".
pub(super) fn is_plain(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(letter)
}

fn check_text(what: &'static str, text: &str) -> Result<(), Error> {
    let count = text.chars().count();
    match (1..=TEXT_CHARS_MAX).contains(&count) && text.chars().all(is_plain) {
        true => Ok(()),
        false => Err(Error::GroupText { what }),
    }
}

impl CreateGroup {
    fn check(&self, networks: &Networks) -> Result<(), Error> {
        check_text("name", &self.name)?;
        check_text("description", &self.description)?;
        if self.name.starts_with("sg-") {
            return Err(Error::GroupText { what: "name" });
        }
        networks.vpcs.get(&self.vpc)?;
        if self.name == DEFAULT {
            return Err(Error::GroupReserved);
        }
        let mut own = networks.groups_of(&self.vpc);
        if own.any(|group| group.name == self.name) {
            return Err(Error::GroupDuplicate {
                name: self.name.clone(),
                vpc: self.vpc.clone(),
            });
        }
        match networks.groups.len() < GROUPS_MAX {
            true => Ok(()),
            false => Err(Error::Limit {
                kind: GroupId::KIND,
                limit: GROUPS_MAX,
            }),
        }
    }
}

impl Command for CreateGroup {
    type Outcome = Arc<Group>;

    fn run(
        mut self,
        inventory: &mut Inventory,
        _at: Timestamp,
    ) -> Result<Arc<Group>, engine::Error> {
        self.check(&inventory.networks)?;
        let group = Group {
            id: self.draw.id(),
            egress: vec![plain(&mut self.draw, Spec::any())],
            ingress: Vec::new(),
            vpc: self.vpc,
            name: self.name,
            description: self.description,
            tags: self.tags,
        };
        inventory.networks.groups.insert(group.clone());
        Ok(Arc::new(group))
    }
}

impl Command for DeleteGroup {
    type Outcome = ();

    fn run(self, inventory: &mut Inventory, _at: Timestamp) -> Result<(), engine::Error> {
        let group = inventory.networks.groups.get(&self.0)?;
        if group.is_default() {
            return Err(Error::GroupDefault { id: self.0 }.into());
        }
        if let Some(by) = user(inventory, &self.0) {
            return Err(Error::InUse {
                kind: GroupId::KIND,
                id: self.0.to_string(),
                by,
            }
            .into());
        }
        inventory.networks.groups.remove(&self.0);
        Ok(())
    }
}

/// What uses a group: an instance that has it, or another group whose rules name it.
fn user(inventory: &Inventory, id: &GroupId) -> Option<String> {
    let mut instances = inventory.iter();
    if let Some(instance) = instances.find(|it| it.place.groups().any(|own| own == id)) {
        return Some(instance.id.to_string());
    }
    let names = |group: &&Arc<Group>| {
        group.id != *id && group.all_rules().any(|rule| rule.spec.group() == Some(id))
    };
    let mut groups = inventory.networks.groups.iter();
    groups.find(names).map(|group| group.id.to_string())
}

impl Networks {
    /// Whether a group's rules may name what `spec` names.
    fn check_rule(&self, group: &Group, spec: &Spec) -> Result<(), Error> {
        let Some(id) = spec.group() else {
            return Ok(());
        };
        let other = self.groups.get(id)?;
        match other.vpc == group.vpc || self.peering_of(&other.vpc, &group.vpc).is_some() {
            true => Ok(()),
            false => Err(Error::RuleForeign { id: id.clone() }),
        }
    }
}

impl Command for Authorize {
    type Outcome = Vec<Rule>;

    fn run(
        mut self,
        inventory: &mut Inventory,
        _at: Timestamp,
    ) -> Result<Vec<Rule>, engine::Error> {
        let networks = &inventory.networks;
        let group = networks.groups.get(&self.group)?;
        let own = group.rules(self.direction);
        let mut seen: Vec<&Spec> = own.iter().map(|rule| &rule.spec).collect();
        for rule in &self.rules {
            networks.check_rule(group, &rule.spec)?;
            check_description(rule.description.as_deref())?;
            if seen.contains(&&rule.spec) {
                let rule = Box::new(rule.spec.clone());
                return Err(Error::RuleDuplicate { rule }.into());
            }
            seen.push(&rule.spec);
        }
        if seen.len() > RULES_MAX {
            return Err(Error::Limit {
                kind: RuleId::KIND,
                limit: RULES_MAX,
            }
            .into());
        }
        let made = self.rules.into_iter().map(|rule| Rule {
            id: self.draw.id(),
            spec: rule.spec,
            description: rule.description,
            tags: self.tags.clone(),
        });
        let made: Vec<_> = made.collect();
        let group = inventory.networks.groups.edit(&self.group)?;
        group.rules_mut(self.direction).extend(made.iter().cloned());
        Ok(made)
    }
}

impl Command for Revoke {
    type Outcome = Vec<Rule>;

    fn run(self, inventory: &mut Inventory, _at: Timestamp) -> Result<Vec<Rule>, engine::Error> {
        let own = inventory.networks.groups.get(&self.group)?;
        let own = own.rules(self.direction);
        for id in &self.ids {
            if !own.iter().any(|rule| rule.id == *id) {
                return Err(unknown(id).into());
            }
        }
        let is_there = |spec: &Spec| own.iter().any(|rule| rule.spec == *spec);
        if !self.specs.iter().all(is_there) {
            return Err(Error::RuleUnknown.into());
        }
        let is_meant = |rule: &Rule| self.ids.contains(&rule.id) || self.specs.contains(&rule.spec);
        let group = inventory.networks.groups.edit(&self.group)?;
        let rules = group.rules_mut(self.direction);
        let (gone, left) = std::mem::take(rules).into_iter().partition(is_meant);
        *rules = left;
        Ok(gone)
    }
}

fn unknown(id: &RuleId) -> Error {
    Error::NotFound {
        kind: RuleId::KIND,
        id: id.to_string(),
    }
}

impl Command for ModifyRules {
    type Outcome = ();

    fn run(self, inventory: &mut Inventory, _at: Timestamp) -> Result<(), engine::Error> {
        let networks = &inventory.networks;
        let group = networks.groups.get(&self.group)?;
        let mut after = Group::clone(group);
        for (id, new) in self.rules {
            networks.check_rule(group, &new.spec)?;
            check_description(new.description.as_deref())?;
            let mut all = after.ingress.iter_mut().chain(&mut after.egress);
            let rule = all.find(|rule| rule.id == id).ok_or_else(|| unknown(&id))?;
            rule.spec = new.spec;
            rule.description = new.description;
        }
        for rules in [&after.ingress, &after.egress] {
            if let Some(twice) = twice(rules) {
                let rule = Box::new(twice.clone());
                return Err(Error::RuleDuplicate { rule }.into());
            }
        }
        *inventory.networks.groups.edit(&self.group)? = after;
        Ok(())
    }
}

/// What two of these rules say.
fn twice(rules: &[Rule]) -> Option<&Spec> {
    let is_before =
        |at: usize, spec: &Spec| rules.iter().take(at).any(|before| before.spec == *spec);
    let mut all = rules.iter().enumerate();
    all.find(|(at, rule)| is_before(*at, &rule.spec))
        .map(|(_, rule)| &rule.spec)
}

impl Command for DescribeRules {
    type Outcome = ();

    fn run(self, inventory: &mut Inventory, _at: Timestamp) -> Result<(), engine::Error> {
        let group = inventory.networks.groups.get(&self.group)?;
        let mut after = Group::clone(group);
        for (id, description) in self.ids {
            check_description(description.as_deref())?;
            group.rule(&id).ok_or_else(|| unknown(&id))?;
            let rules = after.rules_mut(self.direction).iter_mut();
            for rule in rules.filter(|rule| rule.id == id) {
                rule.description.clone_from(&description);
            }
        }
        for new in self.specs {
            check_description(new.description.as_deref())?;
            let mut rules = after.rules_mut(self.direction).iter_mut();
            let rule = rules.find(|rule| rule.spec == new.spec);
            rule.ok_or(Error::RuleUnknown)?.description = new.description;
        }
        *inventory.networks.groups.edit(&self.group)? = after;
        Ok(())
    }
}
