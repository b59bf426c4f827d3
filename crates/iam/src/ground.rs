//! What signing and deciding need of the identities.

use std::fmt;
use std::sync::Arc;

use base::Timestamp;
use store::seal::NotOpened;

use crate::engine::State;

/// The identities of an account, as those see them who verify, decide and give out credentials.
pub trait Ground: Send + Sync + fmt::Debug {
    /// How often something that decides over access has changed. What other processes changed shows a second late at most.
    fn generation(&self) -> u64;

    /// Looks at once for what other processes changed.
    fn look(&self);

    /// The identities as they are now.
    fn state(&self) -> Arc<State>;

    /// The time.
    fn now(&self) -> Timestamp;

    /// Seals `secret`, bound to `belongs_to`.
    fn seal(&self, secret: &str, belongs_to: &str) -> String;

    /// Opens what was sealed.
    ///
    /// # Errors
    /// When it was sealed elsewhere, belongs to something else, or was changed.
    fn open(&self, sealed: &str, belongs_to: &str) -> Result<String, NotOpened>;

    /// Hears that a key or a role was used, at most once in a while for each. Must not block: it may be kept later.
    fn note_use(&self, whose: &str, service: &str, region: &str);
}

#[cfg(test)]
pub(crate) mod memory {
    //! Identities in memory, with a clock that only the test turns.

    use std::sync::Arc;
    use std::time::Duration;

    use parking_lot::{Mutex, RwLock};
    use store::seal::{MasterKey, MasterKeySource};

    use super::{Ground, NotOpened, State, Timestamp};
    use crate::engine::{Account, Command, Error, Holder, Id, grant, group, key, role, user};

    pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_795_410_190);
    pub(crate) const ACCOUNT: &str = "123456789012";

    #[derive(Debug)]
    pub(crate) struct Memory {
        state: RwLock<State>,
        now: Mutex<Timestamp>,
        master: MasterKey,
        /// `whose service` of noted uses.
        pub(crate) uses: Mutex<Vec<String>>,
    }

    impl Memory {
        pub(crate) fn new() -> Arc<Self> {
            let dir = tempfile::tempdir().unwrap();
            let master = MasterKey::load_or_make(dir.path(), &MasterKeySource::BesideTheData);
            Arc::new(Self {
                state: RwLock::new(State::new(Account::new(ACCOUNT.parse().unwrap(), NOW))),
                now: Mutex::new(NOW),
                master: master.unwrap(),
                uses: Mutex::default(),
            })
        }

        pub(crate) fn run<C: Command>(&self, command: C) -> C::Outcome {
            self.try_run(command).unwrap()
        }

        pub(crate) fn try_run<C: Command>(&self, command: C) -> Result<C::Outcome, Error> {
            let mut state = self.state.write();
            let (events, outcome) = command.decide(&state, self.now())?;
            events.iter().for_each(|event| state.apply(event));
            Ok(outcome)
        }

        pub(crate) fn advance_secs(&self, secs: u64) {
            let mut now = self.now.lock();
            *now = now.plus(Duration::from_secs(secs));
        }

        /// A user with an active key, `AKIA` and its name; the secret is its name.
        pub(crate) fn user(&self, name: &str) -> String {
            let id = Id::new(format!("AIDA{name}"));
            self.run(user::Create {
                id: id.clone(),
                name: name.to_owned(),
                path: "/".to_owned(),
                boundary: None,
                tags: Vec::new(),
            });
            let key_id = format!("AKIA{name}");
            let belongs_to = key::AccessKey::belongs_to(&key_id, &id);
            self.run(key::Create {
                user: name.to_owned(),
                user_id: id,
                sealed_secret: self.master.seal(name, &belongs_to),
                key_id: key_id.clone(),
            });
            key_id
        }

        pub(crate) fn group(&self, name: &str, members: &[&str]) {
            self.run(group::Create {
                id: Id::new(format!("AGPA{name}")),
                name: name.to_owned(),
                path: "/".to_owned(),
            });
            for member in members {
                self.run(user::Join {
                    user: (*member).to_owned(),
                    group: name.to_owned(),
                });
            }
        }

        pub(crate) fn role(&self, name: &str, trust: &str) {
            self.run(role::Create {
                id: Id::new(format!("AROA{name}")),
                name: name.to_owned(),
                path: "/".to_owned(),
                description: None,
                trust: trust.to_owned(),
                session_secs_max: None,
                boundary: None,
                tags: Vec::new(),
            });
        }

        pub(crate) fn put(&self, holder: Holder, name: &str, document: &str) {
            self.run(grant::PutInline {
                holder,
                name: name.to_owned(),
                document: document.to_owned(),
            });
        }
    }

    impl Ground for Memory {
        fn generation(&self) -> u64 {
            self.state.read().generation()
        }

        fn look(&self) {}

        fn state(&self) -> Arc<State> {
            Arc::new(self.state.read().clone())
        }

        fn now(&self) -> Timestamp {
            *self.now.lock()
        }

        fn seal(&self, secret: &str, belongs_to: &str) -> String {
            self.master.seal(secret, belongs_to)
        }

        fn open(&self, sealed: &str, belongs_to: &str) -> Result<String, NotOpened> {
            self.master.open(sealed, belongs_to)
        }

        fn note_use(&self, whose: &str, service: &str, _: &str) {
            self.uses.lock().push(format!("{whose} {service}"));
        }
    }
}
