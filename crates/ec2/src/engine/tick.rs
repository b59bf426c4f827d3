//! Time passes: who is silent becomes unreachable, who has left is forgotten, enrolments end.

use base::Timestamp;

use super::inventory::Event;
use super::state::{Cause, State, TERMINATED_FOR};
use super::{Command, Error, InstanceId, Inventory};

/// Time has passed.
#[derive(Clone, Copy, Debug)]
pub struct Tick;

impl Inventory {
    /// Whether [`Tick`] would do anything at `at`.
    #[must_use]
    pub fn is_due(&self, at: Timestamp) -> bool {
        !self.silent(at).is_empty()
            || !self.forgettable(at).is_empty()
            || !self.expired(at).is_empty()
            || self.networks.is_due(at)
    }

    /// Those that fell silent without having been noticed.
    fn silent(&self, at: Timestamp) -> Vec<(InstanceId, State)> {
        let is_heard = |state| {
            matches!(
                state,
                State::Running | State::Stopping | State::ShuttingDown
            )
        };
        let candidates = self
            .iter()
            .filter(|it| is_heard(it.state) && it.silent_since.is_none());
        let silent = candidates.filter(|it| self.is_silent(it, at));
        silent.map(|it| (it.id.clone(), it.state)).collect()
    }

    fn forgettable(&self, at: Timestamp) -> Vec<InstanceId> {
        let is_old = |since: Timestamp| at.since(since) >= TERMINATED_FOR;
        self.iter()
            .filter(|it| it.state == State::Terminated && it.member.is_none() && is_old(it.since))
            .map(|it| it.id.clone())
            .collect()
    }

    fn expired(&self, at: Timestamp) -> Vec<String> {
        let over = self.enrolments.values();
        over.filter(|it| !it.is_over && it.until <= at)
            .map(|it| it.key_id.clone())
            .collect()
    }
}

impl Command for Tick {
    type Outcome = ();

    fn run(self, inventory: &mut Inventory, at: Timestamp) -> Result<(), Error> {
        for (id, state) in inventory.silent(at) {
            match state {
                State::Stopping => inventory.stopped(&id, at, Cause::User)?,
                State::ShuttingDown => inventory.terminated(&id, at)?,
                _ => {
                    let since = inventory.heard(&id).unwrap_or(at);
                    inventory.edit(&id)?.silent_since = Some(since);
                    inventory.tell(Event::Unreachable { id });
                }
            }
        }
        for id in inventory.forgettable(at) {
            inventory.instances.remove(&id);
            inventory.heard.remove(&id);
            inventory.touched.insert(id.clone());
            inventory.tell(Event::Forgotten { id });
        }
        for key_id in inventory.expired(at) {
            inventory.end_enrolment(&key_id);
        }
        inventory.networks.tick(at)?;
        Ok(())
    }
}
