//! Enrolments: keys that may only join.
//!
//! One that was made for an instance is for one host, and over when that has reported; a general one is for as many as
//! come, until its time is over.

use base::Timestamp;
use serde::{Deserialize, Serialize};

use super::network::SubnetId;
use super::{Command, Error, InstanceId, Inventory};

/// Enrolments that wait. Chosen: as many as instances.
pub const ENROLMENTS_MAX: usize = 10_000;

/// A key that may only join.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolment {
    /// The key's id.
    pub key_id: String,
    /// The instance that it is for; `None` where it is for any.
    pub instance: Option<InstanceId>,
    /// Of one that is for any: the subnet in which new instances are; outside where that is `None`.
    #[serde(default)]
    pub subnet: Option<SubnetId>,
    /// Until when it may be used.
    pub until: Timestamp,
    /// Whether its key is to be taken back.
    pub is_over: bool,
    /// Of one for an instance: the hash of the secret of the agent that has joined with it. The same agent may ask again,
    /// since the answer may be lost.
    pub used_by: Option<String>,
}

/// A key was made that may join.
#[derive(Clone, Debug)]
pub struct Enrol {
    /// The key's id.
    pub key_id: String,
    /// The instance that it is for.
    pub instance: Option<InstanceId>,
    /// Of one that is for any: the subnet in which new instances are.
    pub subnet: Option<SubnetId>,
    /// Until when it may be used.
    pub until: Timestamp,
    /// Refused where one was made for the instance before: of two who ask at once, one is shown how to join.
    pub is_first_only: bool,
}

/// The keys of enrolments that were over are taken back.
#[derive(Clone, Debug)]
pub struct Withdrawn {
    /// By the keys' ids.
    pub key_ids: Vec<String>,
}

/// Ends an enrolment before its time.
#[derive(Clone, Debug)]
pub struct Cancel {
    /// The key's id.
    pub key_id: String,
}

impl Command for Enrol {
    type Outcome = ();

    fn run(self, inventory: &mut Inventory, at: Timestamp) -> Result<(), Error> {
        if inventory.enrolments.len() >= ENROLMENTS_MAX {
            return Err(Error::EnrolmentLimit {
                limit: ENROLMENTS_MAX,
            });
        }
        if let Some(subnet) = &self.subnet {
            inventory.networks.subnets.get(subnet).map(drop)?;
        }
        if let Some(id) = &self.instance {
            let instance = inventory.get(id).filter(|it| !it.state.is_leaving());
            if instance.is_none() {
                return Err(Error::NotFound {
                    ids: vec![id.clone()],
                });
            }
            if self.is_first_only && instance.is_some_and(|it| it.shown.is_some()) {
                return Err(Error::Shown { id: id.clone() });
            }
            // The newest stands for all.
            inventory.end_enrolments_of(id);
            inventory.edit(id)?.shown = Some(at);
        }
        let enrolment = Enrolment {
            key_id: self.key_id.clone(),
            instance: self.instance,
            subnet: self.subnet,
            until: self.until,
            is_over: false,
            used_by: None,
        };
        inventory.touched_enrolments.insert(self.key_id.clone());
        inventory.enrolments.insert(self.key_id, enrolment);
        Ok(())
    }
}

impl Command for Withdrawn {
    type Outcome = ();

    fn run(self, inventory: &mut Inventory, _at: Timestamp) -> Result<(), Error> {
        for key_id in self.key_ids {
            if inventory
                .enrolments
                .get(&key_id)
                .is_some_and(|it| it.is_over)
            {
                inventory.enrolments.remove(&key_id);
                inventory.touched_enrolments.insert(key_id);
            }
        }
        Ok(())
    }
}

impl Command for Cancel {
    type Outcome = ();

    fn run(self, inventory: &mut Inventory, _at: Timestamp) -> Result<(), Error> {
        match inventory.enrolments.contains_key(&self.key_id) {
            true => inventory.end_enrolment(&self.key_id),
            false => return Err(Error::EnrolmentUnknown),
        }
        Ok(())
    }
}

impl Inventory {
    /// Ends an enrolment, if it is there.
    pub(super) fn end_enrolment(&mut self, key_id: &str) {
        if let Some(enrolment) = self.enrolments.get_mut(key_id)
            && !enrolment.is_over
        {
            enrolment.is_over = true;
            self.touched_enrolments.insert(key_id.to_owned());
        }
    }

    /// Ends all enrolments for an instance.
    pub(super) fn end_enrolments_of(&mut self, id: &InstanceId) {
        for (key_id, enrolment) in &mut self.enrolments {
            if enrolment.instance.as_ref() == Some(id) && !enrolment.is_over {
                enrolment.is_over = true;
                self.touched_enrolments.insert(key_id.clone());
            }
        }
    }

    /// The enrolment with this key, if an agent with this secret may join with it.
    pub(super) fn usable(
        &self,
        key_id: &str,
        secret_hash: &str,
        at: Timestamp,
    ) -> Result<&Enrolment, Error> {
        let found = self.enrolments.get(key_id);
        let enrolment = found.ok_or(Error::EnrolmentUnknown)?;
        if enrolment.until <= at {
            return Err(Error::EnrolmentExpired {
                until: enrolment.until,
            });
        }
        match (&enrolment.used_by, &enrolment.instance) {
            (Some(used_by), Some(id)) if used_by != secret_hash => {
                return Err(Error::EnrolmentUsed { id: id.clone() });
            }
            _ if enrolment.is_over => return Err(Error::EnrolmentUnknown),
            _ => {}
        }
        Ok(enrolment)
    }
}
