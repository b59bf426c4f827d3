//! An agent reports, and says goodbye.
//!
//! Each process of an agent has a name that it draws when it starts and never writes down. A new one takes the place of
//! the one before, as after a restart. INVARIANT: when one whose place was taken speaks again there are two at once, which
//! is proof of a copied disk; the one that came later is refused from then on.

use std::time::Duration;

use base::Timestamp;

use super::inventory::Event;
use super::state::{Cause, Instance, Member, Order, State, Task};
use super::{Command, Error, Facts, InstanceId, Inventory, Tags};

/// Names of processes that are remembered of an instance, of each kind. Chosen.
const RUNS_MAX: usize = 8;
/// Characters of such a name. Chosen.
pub const RUN_CHARS_MAX: usize = 64;
/// How long after its end a process's last report may arrive. Chosen: longer than a request may take.
const LATE: Duration = Duration::from_secs(15);

/// An agent reports.
#[derive(Clone, Debug)]
pub struct Sync {
    /// Its instance.
    pub id: InstanceId,
    /// The key that has signed.
    pub access_key_id: String,
    /// Names the agent's process.
    pub run: String,
    /// What it says about its host, where it has something new to say.
    pub facts: Option<Facts>,
    /// The orders that it has done.
    pub done: Vec<u64>,
}

/// What an agent is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What it shall do.
    pub orders: Vec<Order>,
    /// How often it shall report.
    pub every: Duration,
    /// Its tags.
    pub tags: Tags,
    /// Its state.
    pub state: State,
}

/// An agent ends, and says so.
#[derive(Clone, Debug)]
pub struct Goodbye {
    /// Its instance.
    pub id: InstanceId,
    /// The key that has signed.
    pub access_key_id: String,
    /// Names the agent's process.
    pub run: String,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Voice {
    /// The process that spoke last.
    Same,
    /// A new one.
    New,
    /// One that was replaced, whose last words arrive late.
    Late,
    /// One that was replaced, and lives.
    Undead,
    /// One that is known to be a copy's.
    Copy,
}

impl Inventory {
    /// Notes that an agent has reported and gives its answer, where nothing else comes of that: most reports.
    ///
    /// `None`: give it to [`Inventory::apply`].
    pub fn heard_again(&mut self, at: Timestamp, sync: &Sync) -> Option<Answer> {
        let instance = self.instances.get(&sync.id)?;
        let member = instance.member.as_ref()?;
        let is_plain = instance.state == State::Running
            && instance.silent_since.is_none()
            && instance.enrolment.is_none()
            && member.has_reported
            && sync.done.is_empty()
            && member.run == sync.run
            && member.access_key_id.as_ref() == Some(&sync.access_key_id)
            && sync
                .facts
                .as_ref()
                .is_none_or(|facts| *facts == member.facts);
        if !is_plain {
            return None;
        }
        let answer = self.answer(instance);
        self.heard.insert(sync.id.clone(), at);
        Some(answer)
    }

    fn answer(&self, instance: &Instance) -> Answer {
        Answer {
            orders: instance.orders.clone(),
            every: self.every(instance),
            tags: instance.tags.clone(),
            state: instance.state,
        }
    }

    /// The agent of `id`, if `access_key_id` is its own.
    pub(super) fn member(
        &self,
        id: &InstanceId,
        access_key_id: &str,
    ) -> Result<(&Instance, &Member), Error> {
        let missing = || Error::NotFound {
            ids: vec![id.clone()],
        };
        let instance = self.get(id).ok_or_else(missing)?;
        let own = instance.member.as_ref();
        let own = own.filter(|it| it.access_key_id.as_deref() == Some(access_key_id));
        let own = own.ok_or_else(|| Error::NotYours { id: id.clone() })?;
        Ok((instance, own))
    }
}

impl Command for Sync {
    type Outcome = Answer;

    fn run(self, inventory: &mut Inventory, at: Timestamp) -> Result<Answer, Error> {
        let (instance, member) = inventory.member(&self.id, &self.access_key_id)?;
        let changed = self.facts.as_ref().filter(|facts| **facts != member.facts);
        let claims = changed.map(Facts::claims).transpose()?;
        let tags = claims
            .as_ref()
            .map(|claims| instance.tags.follow(&instance.claims, claims))
            .transpose()?;
        let before = instance.state;
        match voice(member, &self.run, at) {
            Voice::Copy => return Err(Error::Copy { id: self.id }),
            Voice::Late => {
                let quiet = instance.clone();
                return Ok(Answer {
                    orders: Vec::new(),
                    ..inventory.answer(&quiet)
                });
            }
            voice => self.take_place(inventory, voice, at)?,
        }
        if let (Some(facts), Some(claims), Some(tags)) = (self.facts.clone(), claims, tags) {
            self.learn(inventory, facts, claims, tags)?;
        }
        inventory.heard.insert(self.id.clone(), at);
        let has_stopped = self.settle(inventory)?;
        match before {
            State::Stopping if has_stopped.contains(&Task::Stop) => {
                inventory.stopped(&self.id, at, Cause::User)?;
            }
            State::ShuttingDown if has_stopped.contains(&Task::Leave) => {
                inventory.terminated(&self.id, at)?;
            }
            _ => self.wake(inventory, at, has_stopped.contains(&Task::Stop))?,
        }
        match inventory.get(&self.id) {
            Some(instance) => Ok(inventory.answer(instance)),
            None => Err(Error::NotFound { ids: vec![self.id] }),
        }
    }
}

impl Sync {
    /// Its process speaks for the instance now.
    fn take_place(
        &self,
        inventory: &mut Inventory,
        voice: Voice,
        at: Timestamp,
    ) -> Result<(), Error> {
        let instance = inventory.edit(&self.id)?;
        let enrolment = instance.enrolment.take();
        if voice == Voice::New {
            // It has started anew, whether or not the one before could say so.
            instance.orders.retain(|order| order.task != Task::Reboot);
        }
        if let Some(member) = &mut instance.member {
            member.has_reported = true;
            if voice != Voice::Same {
                let other = std::mem::replace(&mut member.run, self.run.clone());
                member.before.retain(|run| *run != self.run);
                let list = match voice {
                    Voice::Undead => &mut member.copies,
                    _ => &mut member.before,
                };
                list.push(other);
                let excess = list.len().saturating_sub(RUNS_MAX);
                list.drain(..excess);
                member.run_since = at;
            }
        }
        if let Some(key_id) = enrolment {
            inventory.end_enrolment(&key_id);
        }
        if voice == Voice::Undead {
            inventory.tell(Event::Copied {
                id: self.id.clone(),
            });
        }
        Ok(())
    }

    fn learn(
        &self,
        inventory: &mut Inventory,
        facts: Facts,
        claims: Tags,
        tags: Tags,
    ) -> Result<(), Error> {
        let before = inventory.get(&self.id).and_then(|it| it.facts());
        if before.is_some_and(|before| before.has_booted(&facts)) {
            // It has stopped, and nobody was there to say so.
            inventory.unlink(&self.id)?;
        }
        let instance = inventory.edit(&self.id)?;
        instance.tags = tags;
        instance.claims = claims;
        if let Some(member) = &mut instance.member {
            member.facts = facts;
        }
        inventory.tell(Event::Changed {
            id: self.id.clone(),
        });
        Ok(())
    }

    /// Takes away the orders that are done, and says which tasks they were.
    fn settle(&self, inventory: &mut Inventory) -> Result<Vec<Task>, Error> {
        let instance = inventory.edit(&self.id)?;
        let orders = std::mem::take(&mut instance.orders);
        let (done, left) = orders
            .into_iter()
            .partition(|order| self.done.contains(&order.id));
        instance.orders = left;
        let done: Vec<Order> = done;
        Ok(done.into_iter().map(|order| order.task).collect())
    }

    /// It is heard of: it runs, unless it is to stop or to leave.
    fn wake(
        &self,
        inventory: &mut Inventory,
        at: Timestamp,
        is_stopping: bool,
    ) -> Result<(), Error> {
        let instance = inventory.edit(&self.id)?;
        let is_back = match instance.state {
            State::Running => instance.silent_since.take().is_some(),
            State::Pending => true,
            State::Stopped if instance.cause == Some(Cause::Host) => true,
            State::Stopped => {
                // Somebody started the agent of an instance that was stopped by a call.
                if !is_stopping {
                    instance.order(Task::Stop);
                }
                false
            }
            State::Terminated => {
                instance.order(Task::Leave);
                false
            }
            State::Stopping | State::ShuttingDown => false,
        };
        if is_back && instance.state != State::Running {
            instance.enter(at, State::Running, None);
            instance.launched = at;
        }
        if is_back {
            inventory.tell(Event::Back {
                id: self.id.clone(),
            });
        }
        Ok(())
    }
}

impl Command for Goodbye {
    type Outcome = ();

    fn run(self, inventory: &mut Inventory, at: Timestamp) -> Result<(), Error> {
        let (instance, member) = inventory.member(&self.id, &self.access_key_id)?;
        match voice(member, &self.run, at) {
            Voice::Copy => return Err(Error::Copy { id: self.id }),
            // Another one has taken its place; that it ends is what was thought.
            Voice::Late | Voice::Undead => return Ok(()),
            Voice::Same | Voice::New => {}
        }
        match instance.state {
            State::Running => inventory.stopped(&self.id, at, Cause::Host),
            State::Stopping => inventory.stopped(&self.id, at, Cause::User),
            State::ShuttingDown => inventory.terminated(&self.id, at),
            State::Pending | State::Stopped | State::Terminated => Ok(()),
        }
    }
}

fn voice(member: &Member, run: &str, at: Timestamp) -> Voice {
    let is_in = |list: &[String]| list.iter().any(|known| known == run);
    if member.run == run {
        return Voice::Same;
    }
    match (is_in(&member.copies), is_in(&member.before)) {
        (true, _) => Voice::Copy,
        (_, true) if at.since(member.run_since) < LATE => Voice::Late,
        (_, true) => Voice::Undead,
        _ => Voice::New,
    }
}
