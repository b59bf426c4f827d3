//! All identities of an account at one moment.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base::{AccountId, Timestamp};
use serde::{Deserialize, Serialize};

use super::device::Owner;
use super::{
    AccessKey, Account, Device, Error, Event, Grants, Group, Holder, Id, InstanceProfile, Kind,
    PasswordPolicy, Policy, Role, Table, User,
};
use crate::managed;

/// All identities of an account at one moment. Cheap to clone: the parts are shared until they change.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct State {
    account: Arc<Account>,
    password_policy: Option<PasswordPolicy>,
    users: Table<User>,
    groups: Table<Group>,
    roles: Table<Role>,
    policies: Table<Policy>,
    profiles: Table<InstanceProfile>,
    devices: Arc<BTreeMap<String, Arc<Device>>>,
    uses: Arc<BTreeMap<String, Use>>,
    /// Whose an access key is; follows from the users.
    key_owners: Arc<HashMap<String, Id>>,
    generation: u64,
}

/// Two states are the same when the same holds, whatever their generations.
impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.account == other.account
            && self.password_policy == other.password_policy
            && self.users == other.users
            && self.groups == other.groups
            && self.roles == other.roles
            && self.policies == other.policies
            && self.profiles == other.profiles
            && self.devices == other.devices
            && self.uses == other.uses
    }
}

impl Eq for State {}

/// When something was used last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Use {
    /// When.
    pub at: Timestamp,
    /// With which service, such as `sqs`; nothing for a password.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub service: String,
    /// In which region; nothing for a password.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub region: String,
}

/// The form on disk: what does not follow from something else.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    account: Arc<Account>,
    #[serde(default)]
    password_policy: Option<PasswordPolicy>,
    users: Table<User>,
    groups: Table<Group>,
    roles: Table<Role>,
    policies: Table<Policy>,
    profiles: Table<InstanceProfile>,
    devices: Arc<BTreeMap<String, Arc<Device>>>,
    uses: Arc<BTreeMap<String, Use>>,
}

impl From<Stored> for State {
    fn from(stored: Stored) -> Self {
        let owned = |user: &Arc<User>| {
            let id = user.id.clone();
            let keys: Vec<_> = user.keys.iter().map(|key| key.id.clone()).collect();
            keys.into_iter().map(move |key| (key, id.clone()))
        };
        Self {
            key_owners: Arc::new(stored.users.iter().flat_map(owned).collect()),
            account: stored.account,
            password_policy: stored.password_policy,
            users: stored.users,
            groups: stored.groups,
            roles: stored.roles,
            policies: stored.policies,
            profiles: stored.profiles,
            devices: stored.devices,
            uses: stored.uses,
            generation: first_generation(),
        }
    }
}

/// The generation of a state that was read as a whole: none that this process has seen before, however many changes follow on
/// either, so that nothing that was cached of another state is taken for its own.
fn first_generation() -> u64 {
    static READ: AtomicU64 = AtomicU64::new(1);
    READ.fetch_add(1, Ordering::Relaxed) << 32
}

impl From<State> for Stored {
    fn from(state: State) -> Self {
        Self {
            account: state.account,
            password_policy: state.password_policy,
            users: state.users,
            groups: state.groups,
            roles: state.roles,
            policies: state.policies,
            profiles: state.profiles,
            devices: state.devices,
            uses: state.uses,
        }
    }
}

impl State {
    /// An account without anybody.
    #[must_use]
    pub fn new(account: Account) -> Self {
        Self {
            account: Arc::new(account),
            password_policy: None,
            users: Table::default(),
            groups: Table::default(),
            roles: Table::default(),
            policies: Table::default(),
            profiles: Table::default(),
            devices: Arc::default(),
            uses: Arc::default(),
            key_owners: Arc::default(),
            generation: 0,
        }
    }

    /// The account itself.
    #[must_use]
    pub fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// The account's number.
    #[must_use]
    pub fn account_id(&self) -> &AccountId {
        &self.account.id
    }

    /// The password policy; `None` when the account has none of its own.
    #[must_use]
    pub fn password_policy(&self) -> Option<&PasswordPolicy> {
        self.password_policy.as_ref()
    }

    /// The users.
    #[must_use]
    pub fn users(&self) -> &Table<User> {
        &self.users
    }

    /// The groups.
    #[must_use]
    pub fn groups(&self) -> &Table<Group> {
        &self.groups
    }

    /// The roles.
    #[must_use]
    pub fn roles(&self) -> &Table<Role> {
        &self.roles
    }

    /// The managed policies of the account; AWS's own are in [`crate::managed`].
    #[must_use]
    pub fn policies(&self) -> &Table<Policy> {
        &self.policies
    }

    /// The instance profiles.
    #[must_use]
    pub fn profiles(&self) -> &Table<InstanceProfile> {
        &self.profiles
    }

    /// The virtual MFA devices, by serial number.
    #[must_use]
    pub fn devices(&self) -> &BTreeMap<String, Arc<Device>> {
        &self.devices
    }

    /// Grows with every change of something that decides over access; a state that is read anew has another one than all
    /// that this process has known. Uses do not count.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// When a key (by its id), a password or a role (by the unique id of user or role) was used last.
    #[must_use]
    pub fn last_use(&self, whose: &str) -> Option<&Use> {
        self.uses.get(whose)
    }

    /// The user called `name`.
    ///
    /// # Errors
    /// [`Error::NotFound`]; so for the other kinds.
    pub fn user(&self, name: &str) -> Result<&Arc<User>, Error> {
        found(self.users.named(name), Kind::User, name)
    }

    /// The group called `name`.
    ///
    /// # Errors
    /// As [`State::user`].
    pub fn group(&self, name: &str) -> Result<&Arc<Group>, Error> {
        found(self.groups.named(name), Kind::Group, name)
    }

    /// The role called `name`.
    ///
    /// # Errors
    /// As [`State::user`].
    pub fn role(&self, name: &str) -> Result<&Arc<Role>, Error> {
        found(self.roles.named(name), Kind::Role, name)
    }

    /// The instance profile called `name`.
    ///
    /// # Errors
    /// As [`State::user`].
    pub fn profile(&self, name: &str) -> Result<&Arc<InstanceProfile>, Error> {
        found(self.profiles.named(name), Kind::Profile, name)
    }

    /// The account's own managed policy with an ARN.
    #[must_use]
    pub fn policy(&self, arn: &str) -> Option<&Arc<Policy>> {
        let (_, name) = arn.rsplit_once('/')?;
        let policy = self.policies.named(name)?;
        (self.arn(Kind::Policy, &policy.path, &policy.name) == arn).then_some(policy)
    }

    /// An access key, whatever its status, with its user.
    #[must_use]
    pub fn key(&self, key_id: &str) -> Option<(&Arc<User>, &AccessKey)> {
        let user = self.users.get(self.key_owners.get(key_id)?)?;
        let key = user.keys.iter().find(|key| key.id == key_id)?;
        Some((user, key))
    }

    /// The groups in which a user is, by name.
    pub fn groups_of<'a>(&'a self, user: &'a User) -> impl Iterator<Item = &'a Arc<Group>> {
        self.groups
            .iter()
            .filter(|group| user.groups.contains(&group.id))
    }

    /// The users in a group, by name.
    pub fn members_of<'a>(&'a self, group: &'a Group) -> impl Iterator<Item = &'a Arc<User>> {
        self.users
            .iter()
            .filter(|user| user.groups.contains(&group.id))
    }

    /// The ARN of something of this account.
    #[must_use]
    pub fn arn(&self, kind: Kind, path: &str, name: &str) -> String {
        let account = &self.account.id;
        format!("arn:aws:iam::{account}:{}{path}{name}", kind.arn_type())
    }

    /// The grants of every user, group and role.
    pub fn grants(&self) -> impl Iterator<Item = (Holder, &Grants)> {
        let users = self.users.iter();
        let users = users.map(|user| (Holder::User(user.name.clone()), &user.grants));
        let groups = self.groups.iter();
        let groups = groups.map(|group| (Holder::Group(group.name.clone()), &group.grants));
        let roles = self.roles.iter();
        let roles = roles.map(|role| (Holder::Role(role.name.clone()), &role.grants));
        users.chain(groups).chain(roles)
    }

    /// What the managed policy with an ARN says, be it the account's own or one of AWS's; `None` when there is none.
    #[must_use]
    pub fn managed(&self, arn: &str) -> Option<&str> {
        match self.policy(arn) {
            Some(policy) => Some(policy.document()),
            None => managed::get(arn).map(|policy| policy.document.as_str()),
        }
    }

    /// The MFA devices of somebody.
    pub fn devices_of<'a>(&'a self, owner: &'a Owner) -> impl Iterator<Item = &'a Arc<Device>> {
        self.devices
            .values()
            .filter(move |device| device.owner.as_ref() == Some(owner))
    }

    /// The instance profiles that give a role.
    pub fn profiles_of<'a>(
        &'a self,
        role: &'a Role,
    ) -> impl Iterator<Item = &'a Arc<InstanceProfile>> {
        self.profiles
            .iter()
            .filter(|profile| profile.role.as_ref() == Some(&role.id))
    }

    /// Makes an event true.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Account(account) => self.account = Arc::clone(account),
            Event::PasswordPolicy(policy) => self.password_policy.clone_from(policy),
            Event::User(user) => self.put_user(user),
            Event::UserGone(id) => self.remove_user(id),
            Event::Group(group) => self.groups.put(Arc::clone(group)),
            Event::GroupGone(id) => drop(self.groups.remove(id)),
            Event::Role(role) => self.roles.put(Arc::clone(role)),
            Event::RoleGone(id) => {
                self.roles.remove(id);
                self.forget_use(id.as_str());
            }
            Event::Policy(policy) => self.policies.put(Arc::clone(policy)),
            Event::PolicyGone(id) => drop(self.policies.remove(id)),
            Event::Profile(profile) => self.profiles.put(Arc::clone(profile)),
            Event::ProfileGone(id) => drop(self.profiles.remove(id)),
            Event::Device(device) => {
                let devices = Arc::make_mut(&mut self.devices);
                devices.insert(device.serial.clone(), Arc::clone(device));
            }
            Event::DeviceGone(serial) => drop(Arc::make_mut(&mut self.devices).remove(serial)),
            Event::Used { whose, how } => {
                Arc::make_mut(&mut self.uses).insert(whose.clone(), how.clone());
                // Nobody's permissions follow from a use: what is cached by the generation stays.
                return;
            }
        }
        self.generation += 1;
    }

    fn put_user(&mut self, user: &Arc<User>) {
        let before = self.users.get(&user.id).cloned();
        let had = before.iter().flat_map(|user| &user.keys);
        let owners = Arc::make_mut(&mut self.key_owners);
        let mut lost = Vec::new();
        for key in had {
            if !user.keys.iter().any(|kept| kept.id == key.id) {
                owners.remove(&key.id);
                lost.push(key.id.clone());
            }
        }
        for key in &user.keys {
            owners.insert(key.id.clone(), user.id.clone());
        }
        for key in lost {
            self.forget_use(&key);
        }
        self.users.put(Arc::clone(user));
    }

    fn remove_user(&mut self, id: &Id) {
        let Some(user) = self.users.remove(id) else {
            return;
        };
        for key in &user.keys {
            Arc::make_mut(&mut self.key_owners).remove(&key.id);
            self.forget_use(&key.id);
        }
        self.forget_use(id.as_str());
    }

    fn forget_use(&mut self, whose: &str) {
        if self.uses.contains_key(whose) {
            Arc::make_mut(&mut self.uses).remove(whose);
        }
    }
}

fn found<'a, T>(thing: Option<&'a Arc<T>>, kind: Kind, name: &str) -> Result<&'a Arc<T>, Error> {
    thing.ok_or_else(|| Error::NotFound {
        kind,
        name: name.to_owned(),
    })
}
