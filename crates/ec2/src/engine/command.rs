//! What people do to instances.

use std::sync::Arc;

use base::Timestamp;

use super::inventory::INSTANCES_MAX;
use super::network::Draw;
use super::network::place::{Inside, Place, Wanted};
use super::state::{Cause, Instance, State, Task, Wish};
use super::{Command, Error, InstanceId, Inventory, Tags};

/// Makes instances as which agents are to join.
#[derive(Clone, Debug)]
pub struct Run {
    /// Ids for them, as many as there shall be at most.
    pub ids: Vec<InstanceId>,
    /// How many there shall be at least.
    pub at_least: usize,
    /// The id of their reservation.
    pub reservation: String,
    /// What is wanted of them.
    pub wish: Wish,
    /// Their tags.
    pub tags: Tags,
    /// Whether they report every few seconds.
    pub is_detailed: bool,
    /// Whether TerminateInstances is refused.
    pub is_termination_protected: bool,
    /// Whether StopInstances is refused.
    pub is_stop_protected: bool,
    /// Inside which network they are; outside where that is `None`.
    pub inside: Option<(Wanted, Draw)>,
}

/// The state of an instance before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The instance.
    pub id: InstanceId,
    /// Before.
    pub before: State,
    /// After.
    pub after: State,
}

/// Starts stopped instances: they are pending until they are heard of.
#[derive(Clone, Debug)]
pub struct Start(pub Vec<InstanceId>);

/// Stops instances.
#[derive(Clone, Debug)]
pub struct Stop {
    /// Which.
    pub ids: Vec<InstanceId>,
    /// Without waiting for their agents.
    pub is_forced: bool,
}

/// Tells agents to start anew.
#[derive(Clone, Debug)]
pub struct Reboot(pub Vec<InstanceId>);

/// Lets instances leave for good.
#[derive(Clone, Debug)]
pub struct Terminate {
    /// Which.
    pub ids: Vec<InstanceId>,
    /// Without waiting for their agents.
    pub is_forced: bool,
}

/// The credentials of an instance that has left are revoked.
#[derive(Clone, Debug)]
pub struct Revoked(pub InstanceId);

/// Sets whether instances report every few seconds.
#[derive(Clone, Debug)]
pub struct Monitor {
    /// Which.
    pub ids: Vec<InstanceId>,
    /// Whether.
    pub is_detailed: bool,
}

/// Protects an instance, or does not any more.
#[derive(Clone, Debug)]
pub struct Protect {
    /// Which.
    pub id: InstanceId,
    /// From TerminateInstances, if that is to change.
    pub from_termination: Option<bool>,
    /// From StopInstances, if that is to change.
    pub from_stop: Option<bool>,
}

impl Command for Run {
    type Outcome = Vec<Arc<Instance>>;

    fn run(mut self, inventory: &mut Inventory, at: Timestamp) -> Result<Self::Outcome, Error> {
        if let Some(before) = self.earlier(inventory)? {
            return Ok(before);
        }
        let room = INSTANCES_MAX.saturating_sub(inventory.len());
        let at_least = self.at_least.max(1);
        if at_least > room {
            return Err(Error::Limit {
                room,
                wanted: at_least,
            });
        }
        let ids = self.ids.iter().take(room);
        let mut made: Vec<_> = (0..)
            .zip(ids)
            .map(|(place, id)| self.instance(at, id, place))
            .collect();
        if let Some((wanted, draw)) = &mut self.inside {
            let (subnet, groups) = wanted.check(inventory, made.len())?;
            for instance in &mut made {
                instance.place.inside = Some(Inside::new(draw, &subnet, &groups, at));
            }
        }
        for instance in &made {
            inventory.insert(instance.clone());
        }
        Ok(made.into_iter().map(Arc::new).collect())
    }
}

impl Run {
    /// What an earlier request with the same token made.
    fn earlier(&self, inventory: &Inventory) -> Result<Option<Vec<Arc<Instance>>>, Error> {
        let Some(token) = &self.wish.client_token else {
            return Ok(None);
        };
        let is_same = |it: &&Arc<Instance>| it.wish.client_token.as_ref() == Some(token);
        let mut found: Vec<_> = inventory.iter().filter(is_same).cloned().collect();
        found.sort_by_key(|instance| instance.launch_index);
        match found.first() {
            None => Ok(None),
            Some(first) if first.wish.request_hash == self.wish.request_hash => Ok(Some(found)),
            Some(_) => Err(Error::ClientToken),
        }
    }

    fn instance(&self, at: Timestamp, id: &InstanceId, launch_index: u32) -> Instance {
        Instance {
            launch_index,
            wish: self.wish.clone(),
            tags: self.tags.clone(),
            is_detailed: self.is_detailed,
            is_termination_protected: self.is_termination_protected,
            is_stop_protected: self.is_stop_protected,
            ..Instance::new(id.clone(), self.reservation.clone(), at)
        }
    }
}

impl Instance {
    /// One that nobody has joined as yet.
    pub(super) fn new(id: InstanceId, reservation: String, at: Timestamp) -> Self {
        Self {
            id,
            reservation,
            launch_index: 0,
            launched: at,
            wish: Wish::default(),
            tags: Tags::default(),
            claims: Tags::default(),
            member: None,
            state: State::Pending,
            since: at,
            cause: None,
            silent_since: None,
            orders: Vec::new(),
            next_order: 1,
            enrolment: None,
            shown: None,
            is_detailed: false,
            is_termination_protected: false,
            is_stop_protected: false,
            place: Place::default(),
        }
    }
}

impl Command for Start {
    type Outcome = Vec<Step>;

    fn run(self, inventory: &mut Inventory, at: Timestamp) -> Result<Vec<Step>, Error> {
        let verb = "started";
        let all = inventory.all(&self.0)?;
        check(&all, verb, |it| {
            matches!(it.state, State::Stopped | State::Running | State::Pending)
        })?;
        each(inventory, &all, |inventory, instance| {
            if instance.state == State::Stopped {
                let instance = inventory.edit(&instance.id)?;
                instance.enter(at, State::Pending, None);
                instance.launched = at;
                instance.orders.clear();
            }
            Ok(())
        })
    }
}

impl Command for Stop {
    type Outcome = Vec<Step>;

    fn run(self, inventory: &mut Inventory, at: Timestamp) -> Result<Vec<Step>, Error> {
        let verb = "stopped";
        let all = inventory.all(&self.ids)?;
        // One that was never joined has nothing that could be stopped.
        check(&all, verb, |it| {
            !it.state.is_leaving() && (it.state != State::Pending || it.member.is_some())
        })?;
        protected(&all, verb, "disableApiStop", |it| it.is_stop_protected)?;
        each(inventory, &all, |inventory, instance| {
            match instance.state {
                State::Stopped if instance.cause != Some(Cause::User) => {
                    // It said goodbye; now it also stays so.
                    inventory.edit(&instance.id)?.cause = Some(Cause::User);
                }
                State::Stopped => {}
                _ if self.is_forced || !inventory.is_alive(instance, at) => {
                    inventory.stopped(&instance.id, at, Cause::User)?;
                }
                State::Running => {
                    let instance = inventory.edit(&instance.id)?;
                    instance.enter(at, State::Stopping, Some(Cause::User));
                    instance.order(Task::Stop);
                }
                _ => {}
            }
            Ok(())
        })
    }
}

impl Command for Reboot {
    type Outcome = ();

    fn run(self, inventory: &mut Inventory, _at: Timestamp) -> Result<(), Error> {
        let all = inventory.all(&self.0)?;
        check(&all, "rebooted", |it| it.state == State::Running)?;
        each(inventory, &all, |inventory, instance| {
            inventory.edit(&instance.id)?.order(Task::Reboot);
            Ok(())
        })?;
        Ok(())
    }
}

impl Command for Terminate {
    type Outcome = Vec<Step>;

    fn run(self, inventory: &mut Inventory, at: Timestamp) -> Result<Vec<Step>, Error> {
        let all = inventory.all(&self.ids)?;
        protected(&all, "terminated", "disableApiTermination", |it| {
            it.is_termination_protected
        })?;
        each(inventory, &all, |inventory, instance| {
            if instance.state == State::Terminated {
                return Ok(());
            }
            if self.is_forced || !inventory.is_alive(instance, at) {
                return inventory.terminated(&instance.id, at);
            }
            if instance.state == State::ShuttingDown {
                return Ok(());
            }
            let instance = inventory.edit(&instance.id)?;
            instance.enter(at, State::ShuttingDown, Some(Cause::User));
            instance.orders.clear();
            instance.order(Task::Leave);
            Ok(())
        })
    }
}

impl Command for Revoked {
    type Outcome = ();

    fn run(self, inventory: &mut Inventory, _at: Timestamp) -> Result<(), Error> {
        let is_left = |it: &Arc<Instance>| it.state == State::Terminated && it.member.is_some();
        if inventory.get(&self.0).is_some_and(is_left) {
            inventory.edit(&self.0)?.member = None;
        }
        Ok(())
    }
}

impl Command for Monitor {
    type Outcome = ();

    fn run(self, inventory: &mut Inventory, _at: Timestamp) -> Result<(), Error> {
        let all = inventory.all(&self.ids)?;
        for instance in all {
            if instance.is_detailed != self.is_detailed {
                inventory.edit(&instance.id)?.is_detailed = self.is_detailed;
            }
        }
        Ok(())
    }
}

impl Command for Protect {
    type Outcome = ();

    fn run(self, inventory: &mut Inventory, _at: Timestamp) -> Result<(), Error> {
        let instance = inventory.edit(&self.id)?;
        if let Some(protected) = self.from_termination {
            instance.is_termination_protected = protected;
        }
        if let Some(protected) = self.from_stop {
            instance.is_stop_protected = protected;
        }
        Ok(())
    }
}

/// Whether all are in a state that allows it.
fn check(
    all: &[Arc<Instance>],
    verb: &'static str,
    is_right: impl Fn(&Instance) -> bool,
) -> Result<(), Error> {
    match all.iter().find(|instance| !is_right(instance)) {
        None => Ok(()),
        Some(wrong) => Err(Error::WrongState {
            id: wrong.id.clone(),
            verb,
        }),
    }
}

/// Whether none is protected.
fn protected(
    all: &[Arc<Instance>],
    verb: &'static str,
    attribute: &'static str,
    is_protected: impl Fn(&Instance) -> bool,
) -> Result<(), Error> {
    match all.iter().find(|instance| is_protected(instance)) {
        None => Ok(()),
        Some(it) => Err(Error::Protected {
            id: it.id.clone(),
            verb,
            attribute,
        }),
    }
}

/// Does something to each, and says how their states have changed.
fn each(
    inventory: &mut Inventory,
    all: &[Arc<Instance>],
    change: impl Fn(&mut Inventory, &Instance) -> Result<(), Error>,
) -> Result<Vec<Step>, Error> {
    let mut steps = Vec::with_capacity(all.len());
    for instance in all {
        change(inventory, instance)?;
        let after = inventory.get(&instance.id).map(|it| it.state);
        steps.push(Step {
            id: instance.id.clone(),
            before: instance.state,
            after: after.unwrap_or(instance.state),
        });
    }
    Ok(steps)
}
