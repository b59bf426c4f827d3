//! Virtual MFA devices with their seeds.

use super::{Error, Iam};
use crate::engine::device::{self, Device, Owner};
use crate::engine::{self, Kind};
use crate::totp;

/// The seed of a device, for its owner, this once. Not shown by `Debug`.
pub struct Seed(String);

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed(…)")
    }
}

impl Seed {
    /// 64 letters of base 32.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Iam {
    /// Makes a device that is nobody's yet. Blocks.
    ///
    /// # Errors
    /// As [`Iam::run`].
    pub fn create_device(
        &self,
        path: &str,
        name: &str,
        tags: Vec<(String, String)>,
    ) -> Result<(std::sync::Arc<Device>, Seed), Error> {
        let serial = self.newest().arn(Kind::Device, path, name);
        let seed = totp::new_seed();
        let sealed_seed = self.data_key.seal(&seed, &Device::belongs_to(&serial));
        let device = self.run(device::Create {
            name: name.to_owned(),
            path: path.to_owned(),
            serial,
            sealed_seed,
            tags,
        })?;
        Ok((device, Seed(seed)))
    }

    /// Gives a device to somebody who knows two codes in a row. Blocks.
    ///
    /// # Errors
    /// [`engine::Error::Code`] when they are not; as [`Iam::run`].
    pub fn enable_device(
        &self,
        owner: Owner,
        serial: &str,
        codes: (&str, &str),
    ) -> Result<(), Error> {
        let step = self.step_of_two(serial, codes)?;
        let serial = serial.to_owned();
        self.run(device::Enable {
            serial,
            owner,
            step,
        })
    }

    /// Takes two codes in a row of a device whose clock is off. Blocks.
    ///
    /// # Errors
    /// As [`Iam::enable_device`].
    pub fn resync_device(
        &self,
        owner: &Owner,
        serial: &str,
        codes: (&str, &str),
    ) -> Result<(), Error> {
        self.owned(owner, serial)?;
        let step = self.step_of_two(serial, codes)?;
        let serial = serial.to_owned();
        self.run(device::UseCode { serial, step })
    }

    /// Takes a code of somebody's device; it is not taken again. Blocks.
    ///
    /// # Errors
    /// [`engine::Error::Code`] when it is wrong or used, [`engine::Error::DeviceNotFound`] when the device is not theirs.
    pub fn use_code(&self, owner: &Owner, serial: &str, code: &str) -> Result<(), Error> {
        let last_step = self.owned(owner, serial)?.last_step;
        let whose = format!("mfa/{serial}");
        let now = self.clock.now();
        let asked = self.guesses.ask(&whose, now);
        asked.map_err(|wait| Error::TooManyGuesses {
            secs: wait.as_secs().max(1),
        })?;
        let Some(step) = totp::step_of(&self.seed(serial)?, code, now, last_step) else {
            self.guesses.was_wrong(&whose, now);
            return Err(engine::Error::Code.into());
        };
        self.guesses.was_right(&whose);
        let serial = serial.to_owned();
        self.run(device::UseCode { serial, step })
    }

    fn owned(&self, owner: &Owner, serial: &str) -> Result<std::sync::Arc<Device>, Error> {
        let state = self.newest();
        let device = state.devices().get(serial);
        let device = device.filter(|device| device.owner.as_ref() == Some(owner));
        let not_found = || engine::Error::DeviceNotFound {
            serial: serial.to_owned(),
        };
        Ok(device.cloned().ok_or_else(not_found)?)
    }

    fn step_of_two(&self, serial: &str, (first, second): (&str, &str)) -> Result<u64, Error> {
        let seed = self.seed(serial)?;
        let step = totp::step_of_two(&seed, first, second, self.clock.now());
        Ok(step.ok_or(engine::Error::Code)?)
    }

    fn seed(&self, serial: &str) -> Result<String, Error> {
        let state = self.newest();
        let device = state.devices().get(serial);
        let device = device.ok_or_else(|| engine::Error::DeviceNotFound {
            serial: serial.to_owned(),
        })?;
        let seed = self
            .data_key
            .open(&device.sealed_seed, &Device::belongs_to(serial));
        seed.map_err(|source| Error::Secret {
            whose: serial.to_owned(),
            source,
        })
    }
}
