//! The inventory: all hosts, commands, and what comes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use net::Ipv4Net;

use super::enrol::Enrolment;
use super::network::report::Reports;
use super::network::{Networks, Row};
use super::state::{Cause, Instance, Rules, State};
use super::{Error, InstanceId};

/// Instances of an inventory, terminated ones too. Chosen: ten times what one server is made for.
pub const INSTANCES_MAX: usize = 10_000;

/// What others may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A host joined.
    Joined {
        /// As this.
        id: InstanceId,
        /// Whether it was never there before.
        is_new: bool,
    },
    /// Nothing is heard of a host any more.
    Unreachable {
        /// Which.
        id: InstanceId,
    },
    /// A silent or stopped host, or one that was to be started, is heard of again.
    Back {
        /// Which.
        id: InstanceId,
    },
    /// It has stopped.
    Stopped {
        /// Which.
        id: InstanceId,
        /// By whom.
        cause: Cause,
    },
    /// It has left for good.
    Terminated {
        /// Which.
        id: InstanceId,
    },
    /// It is not known any more.
    Forgotten {
        /// Which.
        id: InstanceId,
    },
    /// Two hosts reported as this one.
    Copied {
        /// Which.
        id: InstanceId,
    },
    /// Its tags or the facts about it have changed.
    Changed {
        /// Which.
        id: InstanceId,
    },
}

impl Event {
    /// Of which instance it is.
    #[must_use]
    pub const fn instance(&self) -> &InstanceId {
        match self {
            Self::Joined { id, .. }
            | Self::Unreachable { id }
            | Self::Back { id }
            | Self::Stopped { id, .. }
            | Self::Terminated { id }
            | Self::Forgotten { id }
            | Self::Copied { id }
            | Self::Changed { id } => id,
        }
    }
}

/// A command.
pub trait Command {
    /// What comes of it.
    type Outcome;

    /// Does it at `at`. INVARIANT: what refuses a command has changed nothing.
    ///
    /// # Errors
    /// Where it is refused.
    fn run(self, inventory: &mut Inventory, at: Timestamp) -> Result<Self::Outcome, Error>;
}

/// What came of a command.
#[derive(Debug)]
pub struct Done<T> {
    /// The answer.
    pub outcome: T,
    /// What others may want to know, in order.
    pub events: Vec<Event>,
    /// The instances that have changed or are gone.
    pub instances: BTreeSet<InstanceId>,
    /// The enrolments that have changed or are gone.
    pub enrolments: BTreeSet<String>,
    /// What of networks has changed, by id; `None` for what is gone.
    pub networks: Vec<(String, Option<Row>)>,
}

/// All hosts. Cheap to read; whoever keeps an [`Arc`] of an instance has it as it was.
#[derive(Clone, Debug)]
pub struct Inventory {
    pub(super) rules: Rules,
    pub(super) instances: BTreeMap<InstanceId, Arc<Instance>>,
    pub(super) enrolments: BTreeMap<String, Enrolment>,
    pub(super) networks: Networks,
    pub(super) reports: Reports,
    /// When each was heard of last.
    pub(super) heard: BTreeMap<InstanceId, Timestamp>,
    /// Silence is counted from here at the earliest: nobody could be heard of before.
    pub(super) listening_since: Timestamp,
    pub(super) events: Vec<Event>,
    pub(super) touched: BTreeSet<InstanceId>,
    pub(super) touched_enrolments: BTreeSet<String>,
}

impl Inventory {
    /// What was known, from `at` on.
    #[must_use]
    pub fn new(
        rules: Rules,
        instances: Vec<Instance>,
        enrolments: Vec<Enrolment>,
        networks: Networks,
        heard: BTreeMap<InstanceId, Timestamp>,
        at: Timestamp,
    ) -> Self {
        let keyed = |instance: Instance| (instance.id.clone(), Arc::new(instance));
        let by_key = |enrolment: Enrolment| (enrolment.key_id.clone(), enrolment);
        let mut inventory = Self {
            rules,
            instances: instances.into_iter().map(keyed).collect(),
            enrolments: enrolments.into_iter().map(by_key).collect(),
            networks,
            reports: Reports::default(),
            heard,
            listening_since: at,
            events: Vec::new(),
            touched: BTreeSet::new(),
            touched_enrolments: BTreeSet::new(),
        };
        inventory.listen_from(at);
        let generations = inventory.iter().map(|it| it.place.generation).max();
        inventory.networks.reach(generations.unwrap_or_default());
        inventory.settle_all_plans();
        // Found again like that at the next start, should nothing else be written.
        inventory.networks.take();
        inventory
    }

    /// Counts silence from `at` on at the earliest, as after a start and after a jump of the clock.
    pub fn listen_from(&mut self, at: Timestamp) {
        self.listening_since = at;
        let known = &self.instances;
        self.heard.retain(|id, _| known.contains_key(id));
        // Of a time to come nobody was heard yet, whatever the clock has said.
        self.heard
            .values_mut()
            .for_each(|heard| *heard = (*heard).min(at));
    }

    /// Does a command at `at`.
    ///
    /// # Errors
    /// Where it is refused; nothing has changed then.
    pub fn apply<C: Command>(
        &mut self,
        at: Timestamp,
        command: C,
    ) -> Result<Done<C::Outcome>, Error> {
        let outcome = command.run(self, at);
        if outcome.is_ok() {
            let touched = self.touched.clone();
            self.settle_plans(&touched);
        }
        let events = std::mem::take(&mut self.events);
        let instances = std::mem::take(&mut self.touched);
        let enrolments = std::mem::take(&mut self.touched_enrolments);
        let networks = self.networks.take();
        let outcome = outcome.inspect_err(|_| {
            debug_assert!(events.is_empty() && instances.is_empty() && enrolments.is_empty());
            debug_assert!(networks.is_empty());
        })?;
        Ok(Done {
            outcome,
            events,
            instances,
            enrolments,
            networks,
        })
    }

    /// Private networks.
    #[must_use]
    pub const fn networks(&self) -> &Networks {
        &self.networks
    }

    /// Where hosts outside have their addresses.
    #[must_use]
    pub const fn outside(&self) -> Ipv4Net {
        self.rules.outside
    }

    /// All instances, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Instance>> {
        self.instances.values()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.instances.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.instances.is_empty()
    }

    /// An instance.
    #[must_use]
    pub fn get(&self, id: &InstanceId) -> Option<&Arc<Instance>> {
        self.instances.get(id)
    }

    /// The instances `ids`, in that order, each once.
    ///
    /// # Errors
    /// [`Error::NotFound`] with all that are missing.
    pub fn all(&self, ids: &[InstanceId]) -> Result<Vec<Arc<Instance>>, Error> {
        let mut seen = BTreeSet::new();
        let ids: Vec<_> = ids.iter().filter(|id| seen.insert(*id)).collect();
        let is_missing = |id: &&InstanceId| !self.instances.contains_key(*id);
        let missing: Vec<InstanceId> = ids.iter().copied().filter(is_missing).cloned().collect();
        if !missing.is_empty() {
            return Err(Error::NotFound { ids: missing });
        }
        let found = ids.iter().filter_map(|id| self.instances.get(*id));
        Ok(found.cloned().collect())
    }

    /// When it was heard of last.
    #[must_use]
    pub fn heard(&self, id: &InstanceId) -> Option<Timestamp> {
        self.heard.get(id).copied()
    }

    /// An enrolment.
    #[must_use]
    pub fn enrolment(&self, key_id: &str) -> Option<&Enrolment> {
        self.enrolments.get(key_id)
    }

    /// Of those that have left: whose credentials are to be revoked. Until [`super::command::Revoked`] says so they are
    /// not forgotten.
    #[must_use]
    pub fn to_revoke(&self) -> Vec<InstanceId> {
        let has_left = |it: &&Arc<Instance>| it.state == State::Terminated && it.member.is_some();
        let left = self.instances.values().filter(has_left);
        left.map(|instance| instance.id.clone()).collect()
    }

    /// Enrolments that are over and whose keys are to be taken back, until [`super::enrol::Withdrawn`] says so.
    #[must_use]
    pub fn to_withdraw(&self) -> Vec<String> {
        let over = self.enrolments.values().filter(|it| it.is_over);
        over.map(|enrolment| enrolment.key_id.clone()).collect()
    }

    /// After how long a silence an instance is unreachable.
    #[must_use]
    pub fn patience(&self, instance: &Instance) -> Duration {
        self.every(instance) * self.rules.missed
    }

    /// How often an instance reports.
    #[must_use]
    pub fn every(&self, instance: &Instance) -> Duration {
        match instance.is_detailed {
            true => self.rules.every_detailed,
            false => self.rules.every,
        }
    }

    /// Whether an instance's agent is alive, as far as can be told.
    pub(super) fn is_alive(&self, instance: &Instance, at: Timestamp) -> bool {
        let is_up = matches!(
            instance.state,
            State::Running | State::Stopping | State::ShuttingDown
        );
        is_up && instance.silent_since.is_none() && !self.is_silent(instance, at)
    }

    /// Whether it was not heard of for too long.
    pub(super) fn is_silent(&self, instance: &Instance, at: Timestamp) -> bool {
        let heard = self.heard(&instance.id).unwrap_or(Timestamp::EPOCH);
        at.since(heard.max(self.listening_since)) >= self.patience(instance)
    }

    /// An instance, to be changed.
    pub(super) fn edit(&mut self, id: &InstanceId) -> Result<&mut Instance, Error> {
        match self.instances.get_mut(id) {
            Some(instance) => {
                self.touched.insert(id.clone());
                Ok(Arc::make_mut(instance))
            }
            None => Err(Error::NotFound {
                ids: vec![id.clone()],
            }),
        }
    }

    pub(super) fn insert(&mut self, instance: Instance) {
        self.touched.insert(instance.id.clone());
        self.instances
            .insert(instance.id.clone(), Arc::new(instance));
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.events.push(event);
    }

    /// It has stopped.
    pub(super) fn stopped(
        &mut self,
        id: &InstanceId,
        at: Timestamp,
        cause: Cause,
    ) -> Result<(), Error> {
        let instance = self.edit(id)?;
        instance.enter(at, State::Stopped, Some(cause));
        instance.orders.clear();
        self.unlink(id)?;
        self.tell(Event::Stopped {
            id: id.clone(),
            cause,
        });
        Ok(())
    }

    /// It has left.
    pub(super) fn terminated(&mut self, id: &InstanceId, at: Timestamp) -> Result<(), Error> {
        let instance = self.edit(id)?;
        instance.enter(at, State::Terminated, Some(Cause::User));
        instance.orders.clear();
        self.end_enrolments_of(id);
        self.leave(id)?;
        self.tell(Event::Terminated { id: id.clone() });
        Ok(())
    }
}
