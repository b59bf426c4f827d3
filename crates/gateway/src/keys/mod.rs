//! The account and its keys.
//!
//! There is no root access key. The first start makes the account and one administrator *user* with a key; further keys
//! have a role each. Secrets lie sealed in `keys.json`; the master key lies elsewhere or beside it (mode 0600).
//!
//! Several processes may share the files: a command changes keys while the server runs. Whoever changes holds
//! `keys.lock` and begins with what is on disk; whoever looks a key up follows the file within [`FOLLOW_MS`], and at
//! once where the key is not known yet.
//!
//! INVARIANT: a secret leaves this module only as a [`SecretKey`], which does not show itself, or through
//! [`KeyStore::administrator`] and [`KeyStore::create`], for its owner.

mod error;
mod file;
mod password;
mod role;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use api::{Caller, Key, KeyLookup};
use base::{AccountId, Clock};
use parking_lot::RwLock;
use wire::sigv4::{Refusal, SecretKey};

pub use error::Error;
pub use file::{KEYS_FILE, Status};
pub use password::{NotTaken, PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN};
pub use role::{NotRole, ROLE_TAG, Role, RoleAuthorizer};
pub use store::seal::{MASTER_KEY_FILE, MasterKey, MasterKeyError, MasterKeySource, NotOpened};

pub(crate) use store::private::{take_turn_at, write_private};

use file::{FORMAT, KeysFile, StoredKey};

/// The most keys of an account. Chosen.
pub const KEYS_LIMIT: usize = 1000;
/// How long a change by another process may go unnoticed. Chosen.
pub const FOLLOW_MS: u64 = 1000;
/// The name of the first user.
const ADMINISTRATOR: &str = "administrator";

/// A key's id and secret, for its owner.
#[derive(Debug)]
pub struct Credentials {
    /// Such as `AKIAQ3EGR4T6YX2L5KCM`.
    pub key_id: String,
    /// 40 characters; not shown by `Debug`.
    pub secret: SecretKey,
}

/// What may be told of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyInfo {
    /// Its id.
    pub id: String,
    /// The user whose key it is.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// Whether it is taken.
    pub status: Status,
    /// When it was made, in RFC 3339.
    pub created: String,
}

/// The keys of a data directory.
#[derive(Debug)]
pub struct KeyStore {
    path: PathBuf,
    master: MasterKey,
    account: AccountId,
    clock: Arc<dyn Clock>,
    state: RwLock<State>,
    looked_ms: AtomicU64,
}

#[derive(Debug)]
struct State {
    file: KeysFile,
    stamp: Option<Stamp>,
    active: HashMap<String, Arc<Key>, foldhash::fast::RandomState>,
}

impl KeyStore {
    /// Opens the keys of `data_dir`, and makes account, administrator and key at the first time.
    ///
    /// `account`: the number from the configuration, or `None` for the one kept or a random one.
    ///
    /// # Errors
    /// When a file cannot be used, a secret does not open, or `account` is not the one kept.
    pub fn open(
        data_dir: &Path,
        master: &MasterKeySource,
        account: Option<&AccountId>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let path = data_dir.join(KEYS_FILE);
        let in_file = |source| Error::File {
            path: data_dir.to_owned(),
            source,
        };
        fs::create_dir_all(data_dir).map_err(in_file)?;
        let turn = take_turn(&path)?;
        let kept = read(&path)?;
        let master = match &kept {
            Some(_) => MasterKey::load(data_dir, master)?,
            None => MasterKey::load_or_make(data_dir, master)?,
        };
        let is_new = kept.as_ref().is_none_or(|file| file.keys.is_empty());
        let file = kept.unwrap_or_else(|| KeysFile {
            format: FORMAT,
            account_id: account.map_or_else(random_account, AccountId::to_string),
            root_password: None,
            keys: Vec::new(),
        });
        let kept: AccountId = file
            .account_id
            .parse()
            .map_err(|error: base::name::Error| Error::Content {
                path: path.clone(),
                what: error.to_string(),
            })?;
        if let Some(asked) = account.filter(|asked| **asked != kept) {
            return Err(Error::Account {
                asked: asked.clone(),
                kept,
            });
        }
        let active = unseal(&path, &file, &master, &kept)?;
        let stamp = Stamp::of(&path);
        let state = RwLock::new(State {
            file,
            stamp,
            active,
        });
        let store = Self {
            path,
            master,
            account: kept,
            clock,
            state,
            looked_ms: AtomicU64::new(0),
        };
        if is_new {
            // Still in turn: whoever comes next finds this account and this administrator.
            store.create_in_turn(ADMINISTRATOR, Role::Administrator)?;
        }
        drop(turn);
        Ok(store)
    }

    /// The account to which all keys belong.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// All keys without their secrets, oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<KeyInfo> {
        let state = self.state.read();
        let known = state.file.keys.iter().filter_map(|stored| {
            Some(KeyInfo {
                id: stored.id.clone(),
                name: stored.name.clone(),
                role: stored.role.parse().ok()?,
                status: stored.status,
                created: stored.created.clone(),
            })
        });
        known.collect()
    }

    /// The oldest active key of an administrator, for the owner of the data directory.
    ///
    /// # Errors
    /// When there is none.
    pub fn administrator(&self) -> Result<Credentials, Error> {
        let state = self.state.read();
        let key = state
            .file
            .keys
            .iter()
            .find_map(|stored| {
                state
                    .active
                    .get(&stored.id)
                    .filter(|key| key.caller.tag(ROLE_TAG) == Some(Role::Administrator.as_str()))
            })
            .ok_or_else(|| Error::NotFound {
                key_id: ADMINISTRATOR.to_owned(),
            })?;
        Ok(Credentials {
            key_id: key.caller.access_key_id.clone(),
            secret: SecretKey::new(key.secret.expose()),
        })
    }

    /// Makes a key of `role` for the user `name` and gives its secret, this once.
    ///
    /// # Errors
    /// When the name is out of form, there are too many keys, or the file cannot be written.
    pub fn create(&self, name: &str, role: Role) -> Result<Credentials, Error> {
        let _turn = take_turn(&self.path)?;
        self.refresh()?;
        self.create_in_turn(name, role)
    }

    fn create_in_turn(&self, name: &str, role: Role) -> Result<Credentials, Error> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte);
        if !(1..=64).contains(&name.len()) || !name.bytes().all(is_allowed) {
            return Err(Error::Name {
                name: name.to_owned(),
            });
        }
        let secret = random_secret();
        let mut stored = StoredKey {
            id: base::id::aws_id("AKIA", 16),
            name: name.to_owned(),
            role: role.to_string(),
            status: Status::Active,
            created: self.clock.now().rfc3339(),
            sealed_secret: String::new(),
        };
        stored.sealed_secret = self.master.seal(&secret, &stored.belongs_to());
        let key_id = stored.id.clone();
        self.change_in_turn(|file| {
            if file.keys.len() >= KEYS_LIMIT {
                return Err(Error::TooMany);
            }
            file.keys.push(stored);
            Ok(())
        })?;
        Ok(Credentials {
            key_id,
            secret: SecretKey::new(&secret),
        })
    }

    /// Switches a key on or off. A key that is off is not taken from the next request on.
    ///
    /// # Errors
    /// When there is no such key, it is the administrator's last, or the file cannot be written.
    pub fn set_status(&self, key_id: &str, status: Status) -> Result<(), Error> {
        self.change(|file| {
            let stored = file.keys.iter_mut().find(|stored| stored.id == key_id);
            stored
                .ok_or_else(|| Error::NotFound {
                    key_id: key_id.to_owned(),
                })?
                .status = status;
            keep_an_administrator(file, key_id)
        })
    }

    /// Removes a key for ever.
    ///
    /// # Errors
    /// As [`KeyStore::set_status`].
    pub fn remove(&self, key_id: &str) -> Result<(), Error> {
        self.change(|file| {
            let before = file.keys.len();
            file.keys.retain(|stored| stored.id != key_id);
            if file.keys.len() == before {
                return Err(Error::NotFound {
                    key_id: key_id.to_owned(),
                });
            }
            keep_an_administrator(file, key_id)
        })
    }

    /// Sets the root password, which is for signing in, not for signing requests. Slow by design.
    ///
    /// # Errors
    /// When the password is too short or long, or the file cannot be written.
    pub fn set_root_password(&self, password: &str) -> Result<(), Error> {
        let hash = password::hash(password)?;
        self.change(|file| {
            file.root_password = Some(hash);
            Ok(())
        })
    }

    /// Whether `password` is the root password; never, when none is set. Slow by design.
    #[must_use]
    pub fn is_root_password(&self, password: &str) -> bool {
        let hash = self.state.read().file.root_password.clone();
        hash.is_some_and(|hash| password::is_right(password, &hash))
    }

    /// Reads the keys again if another process changed them. On an error the old ones stay.
    ///
    /// # Errors
    /// When the file cannot be read or a secret in it does not open.
    pub fn refresh(&self) -> Result<(), Error> {
        let stamp = Stamp::of(&self.path);
        if stamp == self.state.read().stamp {
            return Ok(());
        }
        let Some(file) = read(&self.path)? else {
            return Ok(());
        };
        let active = unseal(&self.path, &file, &self.master, &self.account)?;
        *self.state.write() = State {
            file,
            stamp,
            active,
        };
        Ok(())
    }

    /// Looks at the file when it was not looked at for a while.
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
            self.refresh_or_warn();
        }
    }

    fn refresh_or_warn(&self) {
        if let Err(error) = self.refresh() {
            tracing::warn!(%error, "the keys were changed and cannot be read; the old ones stay");
        }
    }

    fn active(&self, key_id: &str) -> Option<Arc<Key>> {
        self.state.read().active.get(key_id).cloned()
    }

    /// Applies a change to the file first and, when it is on disk, to what is taken.
    fn change(&self, edit: impl FnOnce(&mut KeysFile) -> Result<(), Error>) -> Result<(), Error> {
        let _turn = take_turn(&self.path)?;
        self.refresh()?;
        self.change_in_turn(edit)
    }

    fn change_in_turn(
        &self,
        edit: impl FnOnce(&mut KeysFile) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut file = self.state.read().file.clone();
        edit(&mut file)?;
        let active = unseal(&self.path, &file, &self.master, &self.account)?;
        write(&self.path, &file)?;
        let stamp = Stamp::of(&self.path);
        *self.state.write() = State {
            file,
            stamp,
            active,
        };
        Ok(())
    }
}

/// What changes when a file is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    changed: (i64, i64),
    bytes: u64,
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let about = fs::metadata(path).ok()?;
        Some(Self {
            inode: about.ino(),
            changed: (about.mtime(), about.mtime_nsec()),
            bytes: about.len(),
        })
    }
}

/// Waits until nobody else changes the keys; dropping it lets the next one.
fn take_turn(keys: &Path) -> Result<fs::File, Error> {
    let path = keys.with_extension("lock");
    let failed = |source| Error::File {
        path: path.clone(),
        source,
    };
    take_turn_at(&path).map_err(failed)
}

impl KeyLookup for KeyStore {
    fn find(&self, key_id: &str, token: Option<&str>) -> Result<Arc<Key>, Refusal> {
        // These keys are long-lived; none of them has a session token.
        if token.is_some() {
            return Err(Refusal::UnknownKey);
        }
        self.follow();
        if let Some(known) = self.active(key_id) {
            return Ok(known);
        }
        self.refresh_or_warn();
        self.active(key_id).ok_or(Refusal::UnknownKey)
    }
}

fn keep_an_administrator(file: &KeysFile, key_id: &str) -> Result<(), Error> {
    let is_left = file.keys.iter().any(|stored| {
        stored.status == Status::Active && stored.role == Role::Administrator.as_str()
    });
    if is_left {
        Ok(())
    } else {
        Err(Error::LastAdministrator {
            key_id: key_id.to_owned(),
        })
    }
}

fn read(path: &Path) -> Result<Option<KeysFile>, Error> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(Error::File {
                path: path.to_owned(),
                source,
            });
        }
    };
    let file: KeysFile = serde_json::from_slice(&text).map_err(|source| Error::Form {
        path: path.to_owned(),
        source,
    })?;
    if file.format == FORMAT {
        return Ok(Some(file));
    }
    let what = format!("format {}, and this version reads {FORMAT}", file.format);
    Err(Error::Content {
        path: path.to_owned(),
        what,
    })
}

fn write(path: &Path, file: &KeysFile) -> Result<(), Error> {
    let text = serde_json::to_vec_pretty(file).map_err(|source| Error::Form {
        path: path.to_owned(),
        source,
    })?;
    write_private(path, &text).map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })
}

type Active = HashMap<String, Arc<Key>, foldhash::fast::RandomState>;

fn unseal(
    path: &Path,
    file: &KeysFile,
    master: &MasterKey,
    account: &AccountId,
) -> Result<Active, Error> {
    let mut active = Active::default();
    for stored in &file.keys {
        let role: Role = stored
            .role
            .parse()
            .map_err(|error: NotRole| Error::Content {
                path: path.to_owned(),
                what: error.to_string(),
            })?;
        let secret = master
            .open(&stored.sealed_secret, &stored.belongs_to())
            .map_err(|source| Error::Secret {
                key_id: stored.id.clone(),
                source,
            })?;
        if stored.status == Status::Active {
            let caller = Arc::new(caller(stored, role, account));
            active.insert(
                stored.id.clone(),
                Arc::new(Key::new(SecretKey::new(&secret), caller)),
            );
        }
    }
    Ok(active)
}

fn caller(stored: &StoredKey, role: Role, account: &AccountId) -> Caller {
    let mut caller = Caller::user(account, "/", &stored.name, &stored.name, &stored.id);
    caller.tags.push((ROLE_TAG.to_owned(), role.to_string()));
    caller
}

/// 12 digits, the first not zero.
fn random_account() -> String {
    let number = u64::from_be_bytes(base::id::random_bytes());
    (100_000_000_000 + number % 900_000_000_000).to_string()
}

/// 40 characters of base64, which are 30 random bytes.
fn random_secret() -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(base::id::random_bytes::<30>())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn open(dir: &Path) -> Result<KeyStore, Error> {
        let clock = Arc::new(base::ManualClock::at(base::Timestamp::from_secs(
            1_795_410_190,
        )));
        KeyStore::open(dir, &MasterKeySource::BesideTheData, None, clock)
    }

    #[test]
    fn the_first_start_makes_an_administrator_and_no_root_key() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path()).unwrap();
        let key = store.administrator().unwrap();
        let found = store.find(&key.key_id, None).unwrap();
        assert_eq!(
            found.caller.arn.to_string(),
            format!("arn:aws:iam::{}:user/administrator", store.account())
        );
        assert_eq!(key.secret.expose().len(), 40);
        assert_eq!(store.list().len(), 1);
        let again = open(dir.path()).unwrap();
        assert_eq!(again.account(), store.account());
        assert_eq!(
            again.administrator().unwrap().secret.expose(),
            key.secret.expose()
        );
    }

    #[test]
    fn of_many_first_starts_one_makes_the_account() {
        let dir = tempfile::tempdir().unwrap();
        let opened: Vec<_> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| open(dir.path()).unwrap()))
                .collect();
            starts
                .into_iter()
                .map(|start| start.join().unwrap())
                .collect()
        });
        let accounts: std::collections::HashSet<_> =
            opened.iter().map(|keys| keys.account().clone()).collect();
        assert_eq!(accounts.len(), 1);
        assert_eq!(open(dir.path()).unwrap().list().len(), 1);
    }

    #[test]
    fn files_are_private_and_hold_no_secret_in_the_clear() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path()).unwrap();
        for name in [KEYS_FILE, MASTER_KEY_FILE] {
            let mode = fs::metadata(dir.path().join(name))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        let secret = store.administrator().unwrap();
        let text = fs::read_to_string(dir.path().join(KEYS_FILE)).unwrap();
        assert!(!text.contains(secret.secret.expose()));
        assert!(!format!("{store:?}{secret:?}").contains(secret.secret.expose()));
    }

    #[test]
    fn a_key_that_is_off_or_removed_is_unknown_and_one_administrator_stays() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path()).unwrap();
        let sender = store.create("app", Role::Sender).unwrap();
        assert_eq!(
            store
                .find(&sender.key_id, None)
                .unwrap()
                .caller
                .tag(ROLE_TAG),
            Some("sender")
        );
        assert_eq!(
            store.find(&sender.key_id, Some("token")).unwrap_err(),
            Refusal::UnknownKey
        );
        store.set_status(&sender.key_id, Status::Inactive).unwrap();
        assert_eq!(
            store.find(&sender.key_id, None).unwrap_err(),
            Refusal::UnknownKey
        );
        assert!(
            open(dir.path())
                .unwrap()
                .find(&sender.key_id, None)
                .is_err()
        );
        store.set_status(&sender.key_id, Status::Active).unwrap();
        store.find(&sender.key_id, None).unwrap();
        store.remove(&sender.key_id).unwrap();
        assert!(matches!(
            store.remove(&sender.key_id),
            Err(Error::NotFound { .. })
        ));
        let last = store.administrator().unwrap().key_id;
        assert!(matches!(
            store.remove(&last),
            Err(Error::LastAdministrator { .. })
        ));
        assert!(matches!(
            store.set_status(&last, Status::Inactive),
            Err(Error::LastAdministrator { .. })
        ));
        assert!(matches!(
            store.create("a b", Role::Reader),
            Err(Error::Name { .. })
        ));
    }

    #[test]
    fn a_running_server_follows_what_a_command_changes() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(base::ManualClock::at(base::Timestamp::from_secs(
            1_795_410_190,
        )));
        let open = || {
            KeyStore::open(
                dir.path(),
                &MasterKeySource::BesideTheData,
                None,
                clock.clone(),
            )
            .unwrap()
        };
        let server = open();
        let key = open().create("app", Role::Sender).unwrap();
        server.find(&key.key_id, None).unwrap();
        let other = server.create("other", Role::Reader).unwrap();
        open().set_status(&key.key_id, Status::Inactive).unwrap();
        clock.advance(std::time::Duration::from_millis(FOLLOW_MS));
        assert_eq!(
            server.find(&key.key_id, None).unwrap_err(),
            Refusal::UnknownKey
        );
        server.find(&other.key_id, None).unwrap();
        assert_eq!(open().list().len(), 3, "neither change undid the other");
        fs::write(dir.path().join(KEYS_FILE), "nonsense").unwrap();
        clock.advance(std::time::Duration::from_millis(FOLLOW_MS));
        server.find(&other.key_id, None).unwrap();
    }

    #[test]
    fn a_role_that_was_changed_by_hand_does_not_open() {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path())
            .unwrap()
            .create("app", Role::Sender)
            .unwrap();
        let path = dir.path().join(KEYS_FILE);
        let text = fs::read_to_string(&path)
            .unwrap()
            .replace("\"sender\"", "\"administrator\"");
        fs::write(&path, text).unwrap();
        let error = open(dir.path()).unwrap_err();
        assert!(matches!(error, Error::Secret { .. }), "{error}");
    }

    #[test]
    fn a_data_directory_keeps_its_account() {
        let dir = tempfile::tempdir().unwrap();
        let kept = open(dir.path()).unwrap().account().clone();
        let clock: Arc<dyn Clock> = Arc::new(base::SystemClock::new());
        let asked: AccountId = "000000000001".parse().unwrap();
        let open = |account| {
            KeyStore::open(
                dir.path(),
                &MasterKeySource::BesideTheData,
                account,
                Arc::clone(&clock),
            )
        };
        assert!(open(Some(&kept)).is_ok());
        assert!(
            open(Some(&asked))
                .unwrap_err()
                .to_string()
                .contains("keeps its account")
        );
    }

    #[test]
    fn an_account_has_so_many_keys_and_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path()).unwrap();
        let fill = |file: &mut KeysFile| {
            for number in 2..KEYS_LIMIT {
                let mut key = StoredKey {
                    id: format!("AKIA{number:016}"),
                    name: "app".to_owned(),
                    role: Role::Sender.to_string(),
                    status: Status::Active,
                    created: String::new(),
                    sealed_secret: String::new(),
                };
                key.sealed_secret = store.master.seal("secret", &key.belongs_to());
                file.keys.push(key);
            }
            Ok(())
        };
        store.change_in_turn(fill).unwrap();
        let last = store.create("last", Role::Sender).unwrap();
        let error = store.create("more", Role::Sender).unwrap_err();
        assert!(matches!(error, Error::TooMany), "{error}");
        assert_eq!(store.list().len(), KEYS_LIMIT);
        store.remove(&last.key_id).unwrap();
        store.create("more", Role::Sender).unwrap();
    }

    #[test]
    fn a_master_key_that_went_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let secret = |store: KeyStore| store.administrator().unwrap().secret.expose().to_owned();
        let first = secret(open(dir.path()).unwrap());
        let path = dir.path().join(MASTER_KEY_FILE);
        let text = fs::read_to_string(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let error = open(dir.path()).unwrap_err();
        assert!(error.to_string().contains("is missing"), "{error}");
        assert!(!path.exists());
        fs::write(&path, text).unwrap();
        assert_eq!(secret(open(dir.path()).unwrap()), first);
    }

    #[test]
    fn another_master_key_opens_nothing() {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path()).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(base::SystemClock::new());
        let other = MasterKeySource::Hex("ab".repeat(32));
        assert!(!format!("{other:?}").contains("abab"));
        let error = KeyStore::open(dir.path(), &other, None, clock).unwrap_err();
        assert!(matches!(error, Error::Secret { .. }), "{error}");
    }

    #[test]
    fn the_root_password_is_for_signing_in_only() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path()).unwrap();
        assert!(!store.is_root_password(""));
        store.set_root_password("correct horse battery").unwrap();
        assert!(
            open(dir.path())
                .unwrap()
                .is_root_password("correct horse battery")
        );
        assert!(!store.is_root_password("correct horse batterz"));
        assert_eq!(store.list().len(), 1);
    }
}
