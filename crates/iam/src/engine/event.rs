//! What holds from now on.
//!
//! Each event carries a thing as it is then, whole, so that applying one twice changes nothing and an event needs
//! nothing but itself. Things are small: the largest is a managed policy with five versions of 6,144 characters.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::state::Use;
use super::{Account, Device, Group, Id, InstanceProfile, PasswordPolicy, Policy, Role, User};

/// What holds from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The account is so.
    Account(Arc<Account>),
    /// The password policy is this, or none.
    PasswordPolicy(Option<PasswordPolicy>),
    /// A user is there, or is so.
    User(Arc<User>),
    /// A user is gone.
    UserGone(Id),
    /// A group is there, or is so.
    Group(Arc<Group>),
    /// A group is gone.
    GroupGone(Id),
    /// A role is there, or is so.
    Role(Arc<Role>),
    /// A role is gone.
    RoleGone(Id),
    /// A managed policy of the account is there, or is so.
    Policy(Arc<Policy>),
    /// A managed policy is gone.
    PolicyGone(Id),
    /// An instance profile is there, or is so.
    Profile(Arc<InstanceProfile>),
    /// An instance profile is gone.
    ProfileGone(Id),
    /// A virtual MFA device is there, or is so.
    Device(Arc<Device>),
    /// The virtual MFA device with this serial number is gone.
    DeviceGone(String),
    /// A key, password or role was used.
    Used {
        /// The key's id, or the unique id of the user or role.
        whose: String,
        /// How.
        how: Use,
    },
}
