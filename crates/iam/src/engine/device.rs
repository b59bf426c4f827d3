//! Virtual MFA devices (RFC 6238): made for nobody, enabled for one user or for root.

use std::sync::Arc;

use base::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Command, Decided, Error, Event, Id, Kind, State, Tags, name, quota};

/// A virtual MFA device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// Its serial number, which is its ARN.
    pub serial: String,
    /// Its name.
    pub name: String,
    /// Its path.
    pub path: String,
    /// When it was made.
    pub created: Timestamp,
    /// The seed of its codes, sealed.
    pub sealed_seed: String,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// Since when it is its owner's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<Timestamp>,
    /// The step of the last code that was taken; no code of it or of an earlier one is taken again.
    #[serde(default)]
    pub last_step: u64,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

/// Whose a device is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// Root's.
    Root,
    /// A user's.
    User(Id),
}

impl Device {
    /// What the sealed seed is bound to.
    #[must_use]
    pub fn belongs_to(serial: &str) -> String {
        format!("shukuba mfa seed 1/{serial}")
    }
}

/// Makes a device.
#[derive(Clone, Debug)]
pub struct Create {
    /// Its name.
    pub name: String,
    /// Its path.
    pub path: String,
    /// The serial number for which the seed was sealed.
    pub serial: String,
    /// The seed, sealed.
    pub sealed_seed: String,
    /// Its tags.
    pub tags: Vec<(String, String)>,
}

/// Gives a device to somebody. That two codes in a row were right was found before: it needs the seed.
#[derive(Clone, Debug)]
pub struct Enable {
    /// Which.
    pub serial: String,
    /// To whom.
    pub owner: Owner,
    /// The step of the second code.
    pub step: u64,
}

/// Takes a device from its owner.
#[derive(Clone, Debug)]
pub struct Deactivate {
    /// Which.
    pub serial: String,
    /// From whom.
    pub owner: Owner,
}

/// Takes a code: it is not taken again.
#[derive(Clone, Debug)]
pub struct UseCode {
    /// Of which.
    pub serial: String,
    /// The step of the code.
    pub step: u64,
}

/// Deletes a device that is nobody's.
#[derive(Clone, Debug)]
pub struct Delete {
    /// Which.
    pub serial: String,
}

pub(super) fn device(state: &State, serial: &str) -> Result<Device, Error> {
    let known = state
        .devices()
        .get(serial)
        .map(|device| Device::clone(device));
    known.ok_or_else(|| Error::DeviceNotFound {
        serial: serial.to_owned(),
    })
}

impl Command for Create {
    type Outcome = Arc<Device>;

    fn decide(self, state: &State, at: Timestamp) -> Decided<Arc<Device>> {
        name::check(Kind::Device, &self.name)?;
        name::check_path(&self.path)?;
        let serial = state.arn(Kind::Device, &self.path, &self.name);
        debug_assert_eq!(
            serial, self.serial,
            "the seed was sealed for this serial number"
        );
        if state.devices().contains_key(&serial) {
            return Err(Error::Exists {
                kind: Kind::Device,
                name: self.name,
            });
        }
        if state.devices().len() >= quota::DEVICES {
            return Err(Error::Quota {
                quota: "VirtualMFADevicesPerAccount",
                limit: quota::DEVICES,
            });
        }
        let device = Arc::new(Device {
            serial,
            name: self.name,
            path: self.path,
            created: at,
            sealed_seed: self.sealed_seed,
            owner: None,
            enabled: None,
            last_step: 0,
            tags: Tags::new(self.tags)?,
        });
        Ok((vec![Event::Device(Arc::clone(&device))], device))
    }
}

impl Command for Enable {
    type Outcome = ();

    fn decide(self, state: &State, at: Timestamp) -> Decided<()> {
        let mut device = device(state, &self.serial)?;
        if device.owner.is_some() {
            return Err(Error::DeviceInUse {
                serial: self.serial,
            });
        }
        if let Owner::User(id) = &self.owner
            && state.users().get(id).is_none()
        {
            return Err(Error::NotFound {
                kind: Kind::User,
                name: id.to_string(),
            });
        }
        if state.devices_of(&self.owner).count() >= quota::DEVICES_PER_USER {
            return Err(Error::Quota {
                quota: "MFADevicesPerUser",
                limit: quota::DEVICES_PER_USER,
            });
        }
        device.owner = Some(self.owner);
        device.enabled = Some(at);
        device.last_step = self.step;
        Ok((vec![Event::Device(Arc::new(device))], ()))
    }
}

impl Command for Deactivate {
    type Outcome = ();

    fn decide(self, state: &State, _at: Timestamp) -> Decided<()> {
        let mut device = device(state, &self.serial)?;
        if device.owner.as_ref() != Some(&self.owner) {
            return Err(Error::DeviceNotFound {
                serial: self.serial,
            });
        }
        device.owner = None;
        device.enabled = None;
        Ok((vec![Event::Device(Arc::new(device))], ()))
    }
}

impl Command for UseCode {
    type Outcome = ();

    fn decide(self, state: &State, _at: Timestamp) -> Decided<()> {
        let mut device = device(state, &self.serial)?;
        if self.step <= device.last_step {
            return Err(Error::Code);
        }
        device.last_step = self.step;
        Ok((vec![Event::Device(Arc::new(device))], ()))
    }
}

impl Command for Delete {
    type Outcome = ();

    fn decide(self, state: &State, _at: Timestamp) -> Decided<()> {
        let device = device(state, &self.serial)?;
        if device.owner.is_some() {
            return Err(Error::Conflict {
                kind: Kind::Device,
                name: device.name,
                left: super::error::Left::Holders,
            });
        }
        Ok((vec![Event::DeviceGone(self.serial)], ()))
    }
}
