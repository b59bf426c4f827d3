//! The account of a data directory and its keys, as the server and the commands open them.
//!
//! Only `serve`, `env` and `secret set` make an account, and only where nobody has served yet: new keys in the place of lost ones
//! would turn everybody away without a word.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use agent::call::Credentials;
use anyhow::Context;
use base::SystemClock;
use gateway::SecretStore;
use iam::Iam;
use iam::identities::{self, LOG_FILE};
use store::seal::{MasterKey, MasterKeySource};
use store::{DataDir, Use};

use crate::app::{self, App};
use crate::config::Server;
use crate::data;

/// Opens the keys, and makes account and administrator in a new directory (mode 0700).
pub(crate) fn open_or_make(dir: &Path, server: &Server) -> anyhow::Result<Iam> {
    check(dir)?;
    make_private_dir(dir)?;
    open(dir, server)
}

/// Opens the keys that are there; makes none.
pub(crate) fn open_kept(dir: &Path, server: &Server) -> anyhow::Result<Iam> {
    check(dir)?;
    if !has_keys(dir) {
        return Err(app::usage(format!(
            "`{}` has no account: give --data DIR; `shukuba serve`, `shukuba env` or `shukuba secret set` makes one in a new directory",
            dir.display()
        )));
    }
    open(dir, server)
}

/// Refuses another account than that of the data, as `serve` does. Other trouble with the keys is none of the settings.
pub(crate) fn check_account(dir: &Path, server: &Server) -> anyhow::Result<()> {
    // Keys of before are taken over by those who use them, not by those who look.
    if server.account_id.is_none() || !dir.join(LOG_FILE).exists() {
        return Ok(());
    }
    match open(dir, server) {
        Err(error) if error.is::<app::Usage>() => Err(error),
        _ => Ok(()),
    }
}

/// The secrets for receivers of a directory that has an account, and so a master key.
pub(crate) fn secrets(dir: &Path) -> Result<SecretStore, gateway::secrets::Error> {
    SecretStore::open(dir, &master_key())
}

/// The master key of a directory that has an account.
pub(crate) fn master(dir: &Path) -> anyhow::Result<MasterKey> {
    Ok(MasterKey::load(dir, &master_key())?)
}

/// Makes account and administrator anew in a directory, or a backup, whose keys are lost.
pub(crate) fn make_anew(dir: &Path, server: &Server) -> anyhow::Result<Iam> {
    DataDir::check(dir)?;
    if has_keys(dir) || !data::has_been_served(dir) {
        return Err(app::usage(format!(
            "--new-keys is for a data directory whose `{LOG_FILE}` is lost; that of `{}` is not",
            dir.display()
        )));
    }
    // A server that runs still knows the keys that are lost on the disk.
    let _dir = DataDir::open(dir, Use::Read)?;
    open(dir, server)
}

/// The administrator's key, where the data directory has one.
pub(crate) fn administrator(app: &App) -> anyhow::Result<Option<Credentials>> {
    let dir = app.data_dir();
    check(&dir)?;
    if !has_keys(&dir) {
        return Ok(None);
    }
    let keys = open(&dir, &app.server())?;
    let key = keys
        .administrator()
        .context("the data directory has no administrator's key")?;
    Ok(Some(Credentials {
        key_id: key.key.id,
        secret: Arc::new(key.secret),
        token: None,
    }))
}

/// Refuses a directory, or a backup, whose keys are lost.
pub(crate) fn ensure_not_lost(dir: &Path) -> anyhow::Result<()> {
    anyhow::ensure!(
        has_keys(dir) || !data::has_been_served(dir),
        "`{}` is missing, and with it the account and its keys: put it back, or restore a backup that has it; without one, \
         `shukuba env --new-keys --data {}` makes new keys (set server.account_id to the old number first)",
        dir.join(LOG_FILE).display(),
        dir.display()
    );
    Ok(())
}

/// Refuses what another version wrote, and what has lost its keys.
fn check(dir: &Path) -> anyhow::Result<()> {
    DataDir::check(dir)?;
    ensure_not_lost(dir)
}

fn has_keys(dir: &Path) -> bool {
    identities::is_there(dir)
}

fn open(dir: &Path, server: &Server) -> anyhow::Result<Iam> {
    let account = server
        .account_id
        .as_deref()
        .map(str::parse)
        .transpose()
        .context("server.account_id")?;
    Iam::open(
        dir,
        &master_key(),
        account.as_ref(),
        Arc::new(SystemClock::new()),
    )
    .map_err(|error| match error {
        iam::OpenError::Account { .. } => app::usage(error.to_string()),
        error => anyhow::Error::new(error)
            .context(format!("cannot open the keys in `{}`", dir.display())),
    })
}

/// Where the master key comes from: the file that the service manager hands over, `SHUKUBA_MASTER_KEY_FILE`, the
/// variable `SHUKUBA_MASTER_KEY`, else beside the data.
fn master_key() -> MasterKeySource {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let handed = variable("CREDENTIALS_DIRECTORY")
        .map(|dir| PathBuf::from(dir).join("shukuba-master-key"))
        .filter(|path| path.exists());
    if let Some(path) = handed.or_else(|| variable("SHUKUBA_MASTER_KEY_FILE").map(PathBuf::from)) {
        return MasterKeySource::File(path);
    }
    match std::env::var("SHUKUBA_MASTER_KEY") {
        Ok(text) if !text.is_empty() => MasterKeySource::Hex(text),
        _ => MasterKeySource::BesideTheData,
    }
}

fn make_private_dir(dir: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    if dir.is_dir() {
        return Ok(());
    }
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .with_context(|| format!("cannot make the data directory `{}`", dir.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys;

    fn refused(opened: anyhow::Result<Iam>) -> String {
        format!("{:#}", opened.unwrap_err())
    }

    #[test]
    fn lost_keys_are_missed_and_made_anew_only_where_that_is_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let (path, server) = (dir.path(), Server::default());
        let old = keys::list(&open_or_make(path, &server).unwrap());
        std::fs::write(path.join(data::REGION_FILE), "eu-west-1\n").unwrap();
        refused(make_anew(path, &server));
        assert_eq!(keys::list(&open_kept(path, &server).unwrap()), old);
        std::fs::remove_file(path.join(LOG_FILE)).unwrap();
        for open in [open_or_make, open_kept] {
            let text = refused(open(path, &server));
            assert!(text.contains("iam.log` is missing"), "{text}");
            assert!(text.contains("restore a backup"), "{text}");
            assert!(!has_keys(path));
        }
        let new = keys::list(&make_anew(path, &server).unwrap());
        assert_ne!(new, old);
        assert_eq!(keys::list(&open_or_make(path, &server).unwrap()), new);
    }

    #[test]
    fn no_account_is_made_for_those_who_only_use_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("none");
        let text = refused(open_kept(&path, &Server::default()));
        assert!(text.contains("has no account"), "{text}");
        refused(make_anew(&path, &Server::default()));
        assert!(!path.exists());
    }

    #[test]
    fn keys_of_a_later_format_are_not_touched() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path();
        std::fs::write(path.join("FORMAT"), "shukuba-data 9\n").unwrap();
        for open in [open_or_make, open_kept, make_anew] {
            let text = refused(open(path, &Server::default()));
            assert!(text.contains("holds `shukuba-data 9`"), "{text}");
        }
        assert_eq!(std::fs::read_dir(path).unwrap().count(), 1);
    }
}
