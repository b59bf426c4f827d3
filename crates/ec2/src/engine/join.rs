//! An agent joins.
//!
//! An agent makes a secret of its own before it joins first, and keeps it. By that secret it gets its id back, however
//! often it asks. One that has lost it gets its id back by the fingerprint of its machine, once the old one is silent:
//! while that is alive, two machines claim one fingerprint, as copies of a disk do, and the second is refused.

use std::collections::BTreeSet;
use std::sync::Arc;

use base::Timestamp;

use super::enrol::Enrolment;
use super::inventory::{Event, INSTANCES_MAX};
use super::network::place::{Inside, Wanted};
use super::network::{Draw, SubnetId};
use super::state::{Cause, Instance, Member, State, Task};
use super::{Command, Error, Facts, InstanceId, Inventory, Tags};

/// What happens to a host that another one is known as already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Doubt {
    /// It is refused.
    #[default]
    Refuse,
    /// It becomes an instance of its own.
    BeNew,
}

/// An agent joins.
#[derive(Clone, Debug)]
pub struct Join {
    /// The key of its enrolment.
    pub key_id: String,
    /// An id, should it need one.
    pub new_id: InstanceId,
    /// The id of a reservation, should it need one.
    pub reservation: String,
    /// For further ids.
    pub draw: Draw,
    /// SHA-256 of its secret.
    pub secret_hash: String,
    /// Names the agent's process.
    pub run: String,
    /// What it says about its host.
    pub facts: Facts,
    /// Where its machine is known already.
    pub doubt: Doubt,
}

/// An agent has been given credentials.
#[derive(Clone, Debug)]
pub struct Given {
    /// Its instance.
    pub id: InstanceId,
    /// SHA-256 of its secret.
    pub secret_hash: String,
    /// The key's id.
    pub access_key_id: String,
}

/// What an agent became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The instance.
    pub id: InstanceId,
    /// Whether it was never there before.
    pub is_new: bool,
}

impl Command for Join {
    type Outcome = Joined;

    fn run(self, inventory: &mut Inventory, at: Timestamp) -> Result<Joined, Error> {
        let claims = self.facts.claims()?;
        let enrolment = inventory.usable(&self.key_id, &self.secret_hash, at)?;
        let bound = enrolment.instance.clone();
        let subnet = enrolment.subnet.clone();
        let known = self.known(inventory, enrolment, at)?;
        let tags = self.tags(inventory, known.as_ref(), &claims)?;
        let is_new = known.is_none();
        if is_new && inventory.len() >= INSTANCES_MAX {
            return Err(Error::Limit { room: 0, wanted: 1 });
        }
        let id = known.unwrap_or_else(|| self.new_id.clone());
        if is_new {
            let inside = self.inside(inventory, subnet, at)?;
            let mut instance = Instance::new(id.clone(), self.reservation.clone(), at);
            instance.place.inside = inside;
            inventory.insert(instance);
        }
        if bound.is_some() {
            self.use_up(inventory);
        }
        self.enter(inventory, &id, at, tags, claims)?;
        let is_first = is_new || bound.is_some();
        inventory.tell(Event::Joined {
            id: id.clone(),
            is_new: is_first,
        });
        Ok(Joined {
            id,
            is_new: is_first,
        })
    }
}

impl Join {
    /// The instance that this agent is, if it is one.
    fn known(
        &self,
        inventory: &Inventory,
        enrolment: &Enrolment,
        at: Timestamp,
    ) -> Result<Option<InstanceId>, Error> {
        let bound = enrolment.instance.as_ref();
        if let Some(own) = self.by_secret(inventory) {
            if bound.is_some_and(|bound| *bound != own.id) {
                return Err(Error::AlreadyJoined { id: own.id.clone() });
            }
            // The answer to its first question may be lost; a copy asks while the first one reports.
            let is_same = |member: &Member| !member.has_reported || member.run == self.run;
            if !own.member.as_ref().is_some_and(is_same) && inventory.is_alive(own, at) {
                return Err(in_use(inventory, own));
            }
            return Ok(Some(own.id.clone()));
        }
        // Who makes an enrolment for an instance that has an agent wants another in its place.
        let others = self
            .by_fingerprint(inventory)
            .filter(|it| bound != Some(&it.id));
        let claimants: Vec<_> = others.collect();
        let alive = claimants.iter().find(|it| inventory.is_alive(it, at));
        match (self.doubt, alive, claimants.as_slice()) {
            (Doubt::Refuse, Some(alive), _) => Err(in_use(inventory, alive)),
            _ if bound.is_some() => Ok(bound.cloned()),
            (Doubt::BeNew, ..) | (_, _, []) => Ok(None),
            (_, _, [only]) => Ok(Some(only.id.clone())),
            (_, _, several) => Err(Error::Ambiguous {
                ids: several.iter().map(|it| it.id.clone()).collect(),
            }),
        }
    }

    fn by_secret<'a>(&self, inventory: &'a Inventory) -> Option<&'a Arc<Instance>> {
        members(inventory).find_map(|(instance, member)| {
            (member.secret_hash == self.secret_hash).then_some(instance)
        })
    }

    fn by_fingerprint<'a>(
        &'a self,
        inventory: &'a Inventory,
    ) -> impl Iterator<Item = &'a Arc<Instance>> {
        let fingerprint = &self.facts.fingerprint;
        members(inventory)
            .filter(move |(_, member)| member.facts.fingerprint == *fingerprint)
            .map(|(instance, _)| instance)
    }

    /// The tags that it has then: at first those of whoever ran it stand over what the host claims.
    fn tags(
        &self,
        inventory: &Inventory,
        known: Option<&InstanceId>,
        claims: &Tags,
    ) -> Result<Tags, Error> {
        let own = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        match known.and_then(|id| inventory.get(id)) {
            Some(instance) if instance.member.is_some() => {
                instance.tags.follow(&instance.claims, claims)
            }
            Some(instance) => claims.with(instance.tags.iter().map(own).collect()),
            None => Ok(claims.clone()),
        }
    }

    /// Where a new instance is: in the subnet that its enrolment is for, or outside.
    fn inside(
        &self,
        inventory: &Inventory,
        subnet: Option<SubnetId>,
        at: Timestamp,
    ) -> Result<Option<Inside>, Error> {
        let Some(subnet) = subnet else {
            return Ok(None);
        };
        let groups = BTreeSet::new();
        let (subnet, groups) = Wanted { subnet, groups }.check(inventory, 1)?;
        let mut draw = self.draw.clone();
        Ok(Some(Inside::new(&mut draw, &subnet, &groups, at)))
    }

    /// Its enrolment is for nobody else any more.
    fn use_up(&self, inventory: &mut Inventory) {
        if let Some(enrolment) = inventory.enrolments.get_mut(&self.key_id) {
            enrolment.used_by = Some(self.secret_hash.clone());
            inventory.touched_enrolments.insert(self.key_id.clone());
        }
    }

    fn enter(
        self,
        inventory: &mut Inventory,
        id: &InstanceId,
        at: Timestamp,
        tags: Tags,
        claims: Tags,
    ) -> Result<(), Error> {
        let is_bound = inventory
            .enrolment(&self.key_id)
            .is_some_and(|it| it.instance.is_some());
        let before = inventory.get(id).and_then(|it| it.member.as_ref());
        let is_other = before.is_some_and(|it| {
            it.secret_hash != self.secret_hash || it.facts.has_booted(&self.facts)
        });
        if is_other {
            // Another machine has taken its place, or it has stopped and nobody was there to say so.
            inventory.unlink(id)?;
        }
        let instance = inventory.edit(id)?;
        instance.tags = tags;
        instance.claims = claims;
        instance.enrolment = is_bound.then_some(self.key_id);
        instance.member = Some(Member {
            secret_hash: self.secret_hash,
            access_key_id: None,
            facts: self.facts,
            run: self.run,
            run_since: at,
            has_reported: false,
            before: Vec::new(),
            copies: Vec::new(),
        });
        // Whoever stopped it decides when it starts.
        let is_kept_stopped =
            instance.state == State::Stopped && instance.cause == Some(Cause::User);
        match instance.state {
            State::Pending | State::Stopped if !is_kept_stopped => {
                instance.enter(at, State::Running, None);
                instance.launched = at;
            }
            _ => instance.silent_since = None,
        }
        instance.orders.retain(|order| order.task != Task::Reboot);
        inventory.heard.insert(id.clone(), at);
        Ok(())
    }
}

fn members(inventory: &Inventory) -> impl Iterator<Item = (&Arc<Instance>, &Member)> {
    let staying = inventory.iter().filter(|it| !it.state.is_leaving());
    staying.filter_map(|instance| Some((instance, instance.member.as_ref()?)))
}

fn in_use(inventory: &Inventory, instance: &Instance) -> Error {
    let hostname = instance.facts().map(|facts| facts.hostname.clone());
    Error::InUse {
        id: instance.id.clone(),
        hostname: hostname.unwrap_or_default(),
        heard: inventory.heard(&instance.id).unwrap_or(instance.since),
    }
}

impl Command for Given {
    type Outcome = ();

    fn run(self, inventory: &mut Inventory, _at: Timestamp) -> Result<(), Error> {
        let is_its = |it: &Arc<Instance>| {
            let member = it.member.as_ref();
            !it.state.is_leaving()
                && member.is_some_and(|member| member.secret_hash == self.secret_hash)
        };
        if !inventory.get(&self.id).is_some_and(is_its) {
            return Err(Error::NotYours { id: self.id });
        }
        if let Some(member) = &mut inventory.edit(&self.id)?.member {
            member.access_key_id = Some(self.access_key_id);
        }
        Ok(())
    }
}
