//! The identities of a data directory: state, log, sealing and clock.
//!
//! Several processes may work on them: a command changes identities while the server runs. Whoever changes begins with
//! what is on disk; whoever looks follows within [`FOLLOW_MS`].
//!
//! INVARIANT: a secret leaves this crate only for its owner, at the moment when it is made, or as a [`SecretKey`], which
//! does not show itself.

mod devices;
mod error;
mod ground;
mod import;
mod keys;
mod passwords;
mod rotate;
mod uses;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base::{AccountId, Clock};
use parking_lot::RwLock;
use store::changes::{ChangeError, Changes, Folded, Options};
use store::seal::{DataKey, MasterKey, MasterKeySource};
use wire::sigv4::SecretKey;

use crate::accesses::{Accesses, Jobs};
use crate::engine::{self, Command, Event, Id, State};
use crate::guess::Guesses;
use crate::password::Hasher;
pub use devices::Seed;
pub use error::{Error, OpenError};
pub use import::{IMPORTED_FILE, KEYS_FILE};
pub use keys::NewKey;
pub use passwords::{Checked, ROOT_PASSWORD_CHARS_MIN};
pub use uses::ROOT;

/// The log's name in the data directory.
pub const LOG_FILE: &str = "iam.log";
/// How long a change by another process may go unnoticed. Chosen.
pub const FOLLOW_MS: u64 = 1000;

impl Folded for State {
    type Event = Event;

    fn apply(&mut self, event: &Event) {
        State::apply(self, event);
    }
}

/// The identities of a data directory.
#[derive(Debug)]
pub struct Iam {
    log: Changes<State>,
    data_key: DataKey,
    clock: Arc<dyn Clock>,
    hasher: Hasher,
    looked_ms: AtomicU64,
    opened: RwLock<keys::Opened>,
    uses: uses::Pending,
    guesses: Guesses,
    #[allow(dead_code, reason = "for the operations of the credential report")]
    report: crate::report::Kept,
    accesses: Accesses,
    jobs: Jobs,
}

/// Whether `data_dir` has identities, or keys of before that become some when they are opened.
#[must_use]
pub fn is_there(data_dir: &Path) -> bool {
    data_dir.join(LOG_FILE).exists() || data_dir.join(KEYS_FILE).exists()
}

impl Iam {
    /// Opens the identities of `data_dir`, and makes account, administrator and key at the first time. What a version
    /// before this one kept in `keys.json` is taken over, and the file left aside.
    ///
    /// `account`: the number from the configuration, or `None` for the one kept or a random one.
    ///
    /// # Errors
    /// When a file cannot be used, the data key does not open, or `account` is not the one kept.
    pub fn open(
        data_dir: &Path,
        master: &MasterKeySource,
        account: Option<&AccountId>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let in_dir = |source| OpenError::File {
            path: data_dir.to_owned(),
            source,
        };
        std::fs::create_dir_all(data_dir).map_err(in_dir)?;
        let path = data_dir.join(LOG_FILE);
        let first = || import::first_state(data_dir, master, account, clock.now());
        let log = Changes::open(&path, Options::default(), first).map_err(|error| match error {
            ChangeError::Refused(refused) => refused,
            ChangeError::Log(source) => OpenError::Log(source),
        })?;
        import::leave_aside(data_dir)?;
        let state = log.state();
        let kept = state.account_id();
        if let Some(asked) = account.filter(|asked| *asked != kept) {
            return Err(OpenError::Account {
                asked: asked.clone(),
                kept: kept.clone(),
            });
        }
        let data_key = open_data_key(&MasterKey::load(data_dir, master)?, &state)?;
        Ok(Self {
            log,
            data_key,
            hasher: Hasher::new(),
            looked_ms: AtomicU64::new(0),
            opened: RwLock::default(),
            uses: uses::Pending::default(),
            guesses: Guesses::default(),
            report: crate::report::Kept::default(),
            accesses: Accesses::open(data_dir),
            jobs: Jobs::default(),
            clock,
        })
    }

    /// What there is now, at most [`FOLLOW_MS`] behind what other processes changed. Never blocks.
    #[must_use]
    pub fn state(&self) -> Arc<State> {
        self.follow();
        self.log.state()
    }

    /// What there is now, other processes' changes included.
    #[must_use]
    pub fn newest(&self) -> Arc<State> {
        self.follow_or_warn();
        self.log.state()
    }

    /// Does what `command` asks, and has it on disk. Blocks; see [`Iam::change`] for callers that must not.
    ///
    /// # Errors
    /// When the command is refused or the log cannot be written.
    pub fn run<C: Command>(&self, command: C) -> Result<C::Outcome, Error> {
        let at = self.clock.now();
        Ok(self.log.change(|state| command.decide(state, at))?)
    }

    /// As [`Iam::run`], on a thread that may block.
    ///
    /// # Errors
    /// As [`Iam::run`].
    pub async fn change<C>(self: &Arc<Self>, command: C) -> Result<C::Outcome, Error>
    where
        C: Command + Send + 'static,
        C::Outcome: Send + 'static,
    {
        self.blocking(move |iam| iam.run(command)).await
    }

    /// Runs `work` on a thread that may block.
    pub(crate) async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let iam = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || work(&iam)).await;
        done.map_err(|_| Error::Stopped)?
    }

    /// The account of these identities.
    #[must_use]
    pub fn account_id(&self) -> AccountId {
        self.log.state().account_id().clone()
    }

    /// The clock by which these identities live.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Wrong guesses at passwords and codes; whoever takes them counts addresses here too.
    #[must_use]
    pub fn guesses(&self) -> &Guesses {
        &self.guesses
    }

    /// When who did what last.
    #[must_use]
    pub fn accesses(&self) -> &Accesses {
        &self.accesses
    }

    /// Reports on last accesses that wait to be fetched.
    pub(crate) fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    /// The credential report's place.
    #[allow(dead_code, reason = "for the operations of the credential report")]
    pub(crate) fn report(&self) -> &crate::report::Kept {
        &self.report
    }

    /// Looks at the log when it was not looked at for a while.
    fn follow(&self) {
        let now_ms = u64::try_from(self.clock.monotonic().as_millis()).unwrap_or(u64::MAX);
        let looked_ms = self.looked_ms.load(Ordering::Relaxed);
        let is_due = now_ms.saturating_sub(looked_ms) >= FOLLOW_MS;
        let is_ours = || {
            self.looked_ms
                .compare_exchange(looked_ms, now_ms, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        };
        if is_due && is_ours() {
            self.follow_or_warn();
        }
    }

    fn follow_or_warn(&self) {
        if let Err(error) = self.log.follow() {
            tracing::warn!(%error, "the identities were changed and cannot be read; the old ones stay");
        }
    }
}

/// What the sealed data key is bound to.
fn data_key_belongs_to(account: &AccountId) -> String {
    format!("shukuba data key 1/{account}")
}

fn open_data_key(master: &MasterKey, state: &State) -> Result<DataKey, OpenError> {
    let belongs_to = data_key_belongs_to(state.account_id());
    let sealed = &state.account().data_key;
    let opened = sealed
        .iter()
        .find_map(|sealed| master.open_data_key(sealed, &belongs_to).ok());
    opened.ok_or(OpenError::DataKey)
}

/// A unique id of a kind, drawn.
#[must_use]
pub fn new_id(kind: engine::Kind) -> Id {
    Id::new(base::id::aws_id(kind.id_prefix(), 17))
}

#[cfg(test)]
mod tests;
