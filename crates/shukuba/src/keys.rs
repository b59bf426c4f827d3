//! Keys as `shukuba key` shows them: each of a user, who has the policy that stands for a role.

use std::fmt;
use std::str::FromStr;

use iam::engine::key::{self, Status};
use iam::engine::{self, AccessKey, State, User};
use iam::{Iam, managed};

use crate::app;

/// What a key is for, said by the one policy that its user has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// May do everything.
    Administrator,
    /// May send to queues.
    Sender,
    /// May take from queues, those of routes too, finish messages, and send what it must try again.
    Notifier,
    /// May look.
    Reader,
}

impl Role {
    const ALL: [Self; 4] = [
        Self::Administrator,
        Self::Sender,
        Self::Notifier,
        Self::Reader,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Sender => "sender",
            Self::Notifier => "notifier",
            Self::Reader => "reader",
        }
    }

    /// The managed policy that stands for it.
    const fn policy(self) -> &'static str {
        match self {
            Self::Administrator => managed::ADMINISTRATOR,
            Self::Sender => managed::SENDER,
            Self::Notifier => managed::NOTIFIER,
            Self::Reader => managed::READER,
        }
    }

    /// The role of a user who may do that and nothing else.
    fn of(user: &User) -> Option<Self> {
        let grants = &user.grants;
        let has_more = !grants.inline.is_empty() || !user.groups.is_empty();
        let mut attached = grants.attached.iter();
        let only = attached.next().filter(|_| attached.next().is_none())?;
        let role = Self::ALL.into_iter().find(|role| role.policy() == only);
        role.filter(|_| !has_more)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let found = Self::ALL.into_iter().find(|role| role.as_str() == text);
        found.ok_or_else(|| {
            app::usage(format!(
                "--role `{text}` is none of administrator, sender, notifier, reader"
            ))
        })
    }
}

/// What may be told of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Its id.
    pub(crate) id: String,
    /// The user whose key it is.
    pub(crate) user: String,
    /// What it is for; `None` where its user's policies say more than a role does.
    pub(crate) role: Option<Role>,
    /// Whether it is taken.
    pub(crate) status: Status,
    /// When it was made, in RFC 3339.
    pub(crate) created: String,
}

/// All keys, oldest first.
pub(crate) fn list(iam: &Iam) -> Vec<Listed> {
    let state = iam.newest();
    let users = state.users().iter();
    let mut keys: Vec<(&User, &AccessKey)> = users
        .flat_map(|user| user.keys.iter().map(|key| (&**user, key)))
        .collect();
    keys.sort_by_key(|(_, key)| key.created);
    let listed = keys.into_iter().map(|(user, key)| Listed {
        id: key.id.clone(),
        user: user.name.clone(),
        role: Role::of(user),
        status: key.status,
        created: key.created.rfc3339(),
    });
    listed.collect()
}

/// Makes a key of `role` for the user `name`, who is made where there is none.
pub(crate) fn create(iam: &Iam, name: &str, role: Role) -> anyhow::Result<iam::NewKey> {
    let state = iam.newest();
    if let Ok(user) = state.user(name)
        && Role::of(user) != Some(role)
    {
        return Err(app::usage(format!(
            "--name: the user `{name}` is there and not as a {role}; a key may do what its user may: give another name"
        )));
    }
    let made = iam.create_key_with(name, role.policy());
    made.map_err(|error| match error {
        iam::Error::Refused(refused) => app::usage(format!("--name: {refused}")),
        error => error.into(),
    })
}

/// Switches a key on or off. A key that is off is not taken from the next request on.
pub(crate) fn set_status(iam: &Iam, key_id: &str, status: Status) -> anyhow::Result<()> {
    let state = iam.newest();
    let user = owner(&state, key_id)?;
    if status == Status::Inactive {
        keep_an_administrator(&state, key_id)?;
    }
    iam.run(key::SetStatus {
        user,
        key_id: key_id.to_owned(),
        status,
    })?;
    Ok(())
}

/// Removes a key for ever; its user stays.
pub(crate) fn remove(iam: &Iam, key_id: &str) -> anyhow::Result<()> {
    let state = iam.newest();
    let user = owner(&state, key_id)?;
    keep_an_administrator(&state, key_id)?;
    iam.run(key::Delete {
        user,
        key_id: key_id.to_owned(),
    })?;
    Ok(())
}

fn owner(state: &State, key_id: &str) -> anyhow::Result<String> {
    let found = state.key(key_id).map(|(user, _)| user.name.clone());
    found.ok_or_else(|| anyhow::anyhow!("key `{key_id}` does not exist"))
}

/// The owner of the data directory works by an administrator's key: `shukuba env` gives it.
fn keep_an_administrator(state: &State, key_id: &str) -> anyhow::Result<()> {
    let is_administrator = |user: &User| user.grants.attached.contains(managed::ADMINISTRATOR);
    let administrators = state.users().iter().filter(|user| is_administrator(user));
    let active: Vec<&str> = administrators
        .flat_map(|user| &user.keys)
        .filter(|key| key.status == engine::key::Status::Active)
        .map(|key| key.id.as_str())
        .collect();
    anyhow::ensure!(
        active != [key_id],
        "key `{key_id}` is the last active one of an administrator; make another one first"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account;
    use crate::config::Server;

    fn open(dir: &tempfile::TempDir) -> Iam {
        account::open_or_make(dir.path(), &Server::default()).unwrap()
    }

    #[test]
    fn a_role_is_the_policy_of_the_user() {
        let dir = tempfile::tempdir().unwrap();
        let iam = open(&dir);
        for role in Role::ALL {
            assert_eq!(role.to_string().parse::<Role>().unwrap(), role);
            let name = format!("a-{role}");
            create(&iam, &name, role).unwrap();
            let listed = list(&iam);
            let found = listed.iter().find(|key| key.user == name).unwrap();
            assert_eq!(found.role, Some(role));
        }
        let refused = "root".parse::<Role>().unwrap_err().to_string();
        assert!(refused.contains("administrator"), "{refused}");
    }

    #[test]
    fn a_name_does_not_gain_by_a_second_key() {
        let dir = tempfile::tempdir().unwrap();
        let iam = open(&dir);
        create(&iam, "app", Role::Sender).unwrap();
        let refused = create(&iam, "app", Role::Administrator).unwrap_err();
        assert_eq!(app::exit_code_of(&refused), 2);
        create(&iam, "app", Role::Sender).unwrap();
        assert_eq!(list(&iam).len(), 3);
        // Two keys a user, as with AWS.
        let refused = create(&iam, "app", Role::Sender).unwrap_err();
        assert!(
            refused.to_string().contains("AccessKeysPerUser"),
            "{refused}"
        );
    }

    #[test]
    fn the_last_key_of_an_administrator_stays() {
        let dir = tempfile::tempdir().unwrap();
        let iam = open(&dir);
        let first = list(&iam).remove(0).id;
        for refused in [
            remove(&iam, &first),
            set_status(&iam, &first, Status::Inactive),
        ] {
            let text = refused.unwrap_err().to_string();
            assert!(
                text.contains("last active one of an administrator"),
                "{text}"
            );
        }
        let second = create(&iam, "second", Role::Administrator).unwrap();
        remove(&iam, &first).unwrap();
        assert!(remove(&iam, &first).is_err());
        assert!(set_status(&iam, &second.key.id, Status::Inactive).is_err());
        let sender = create(&iam, "app", Role::Sender).unwrap();
        set_status(&iam, &sender.key.id, Status::Inactive).unwrap();
        let listed = list(&iam);
        let off = listed.iter().find(|key| key.user == "app").unwrap();
        assert_eq!(off.status, Status::Inactive);
    }
}
