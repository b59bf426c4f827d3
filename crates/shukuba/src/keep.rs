//! Copies of a data directory, and what is checked in it.
//!
//! A backup is a directory of the same layout: the journal and the objects (copied while serving), the results where they are local,
//! keys and secrets as they are sealed, packages of functions, the trail of calls, the secret of the results, and the format version. The master key
//! stays out unless it is asked for.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use gateway::secrets::SECRETS_FILE;
use iam::accesses::ACCESSES_FILE;
use iam::identities::{KEYS_FILE, LOG_FILE};
use serde::{Deserialize, Serialize};
use store::DataDir;
use store::backup::Copied;
use store::disk::RealDisk;

use crate::check::{self, Place};
use crate::serve::TRAIL_DIR as TRAIL;
use crate::serve::buckets::{self, Buckets};
use crate::serve::functions;
use crate::serve::watching::{self, Watching};
use crate::{account, app, archive, data};

/// Small files that belong to the data.
pub(crate) const FILES: [&str; 7] = [
    LOG_FILE,
    ACCESSES_FILE,
    KEYS_FILE,
    SECRETS_FILE,
    "salt",
    data::REGION_FILE,
    "FORMAT",
];

/// How often results are walked through at most. Chosen: a compaction in each walk is beyond belief.
const WALKS_MAX: usize = 10;

/// What was copied.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Journal files.
    pub(crate) journal_files: u64,
    /// Their bytes.
    pub(crate) journal_bytes: u64,
    /// Result objects.
    pub(crate) result_files: u64,
    /// Their bytes.
    pub(crate) result_bytes: u64,
    /// Files of objects in buckets.
    #[serde(default)]
    pub(crate) object_files: u64,
    /// Their bytes.
    #[serde(default)]
    pub(crate) object_bytes: u64,
    /// Whether the master key is in it; without it, the keys' secrets cannot be read.
    pub(crate) has_master_key: bool,
    /// Damaged places of the journal, which are in the copy as they are.
    pub(crate) damage: Vec<Place>,
}

/// Copies `from` with its open `journal` and `buckets` into `to`, which must be empty or new.
pub(crate) fn backup(
    from: &Path,
    to: &Path,
    journal: &store::Journal,
    buckets: &Buckets,
    watching: &Watching,
    packages: Option<PathBuf>,
    with_master_key: bool,
) -> anyhow::Result<Report> {
    copy(from, to, with_master_key, |target| {
        Ok(Parts {
            journal: journal.backup(target).context("cannot copy the journal")?,
            objects: Some(Box::new(|to| buckets.backup(to))),
            watch: Some(Box::new(|to| watching.backup(to))),
            packages,
        })
    })
}

/// Copies objects into a folder.
type CopyObjects<'a> = Box<dyn FnOnce(&Path) -> anyhow::Result<Counts> + 'a>;
/// Copies the watch into a folder.
type CopyWatch<'a> = Box<dyn FnOnce(&Path) -> anyhow::Result<()> + 'a>;

/// What is copied in a way of its own.
struct Parts<'a> {
    journal: Copied,
    /// Copies the objects; where they lie at rest, their files are copied.
    objects: Option<CopyObjects<'a>>,
    /// Copies the watch, likewise.
    watch: Option<CopyWatch<'a>>,
    /// Where the packages of functions lie, if elsewhere than they do at rest.
    packages: Option<PathBuf>,
}

impl From<Copied> for Parts<'_> {
    fn from(journal: Copied) -> Self {
        Self {
            journal,
            objects: None,
            watch: None,
            packages: None,
        }
    }
}

/// Files and their bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

/// Copies `from`, which no server has open (the caller holds its lock), into `to`, which must be empty or new.
pub(crate) fn backup_at_rest(
    from: &Path,
    to: &Path,
    with_master_key: bool,
) -> anyhow::Result<Report> {
    copy(from, to, with_master_key, |target| {
        let source = RealDisk::at(&from.join("journal"))?;
        let copied = store::backup::copy_at_rest(&source, target);
        Ok(copied.context("cannot copy the journal")?.into())
    })
}

/// Copies a backup into `to`, which must be empty or new, after checking every byte of its journal.
pub(crate) fn restore(from: &Path, to: &Path) -> anyhow::Result<Report> {
    if !from.join("journal").is_dir() {
        return Err(app::usage(format!(
            "`{}` is no backup: it has no `journal`",
            from.display()
        )));
    }
    DataDir::check(from)?;
    copy(from, to, true, |target| {
        let source = RealDisk::at(&from.join("journal"))?;
        let copied = store::backup::restore(&source, target).with_context(|| {
            format!(
                "`{0}` is not restored; `shukuba check-data --data {0}` says what is damaged and what can be done",
                from.display()
            )
        });
        Ok(copied?.into())
    })
}

/// Copies everything, some parts by `copy_parts`. What was made is removed when that fails, so that it can be tried again.
fn copy<'a>(
    from: &Path,
    to: &Path,
    with_master_key: bool,
    copy_parts: impl FnOnce(&RealDisk) -> anyhow::Result<Parts<'a>>,
) -> anyhow::Result<Report> {
    // Nobody can use a copy without keys.
    account::ensure_not_lost(from)?;
    check::ensure_booked(from)?;
    let is_new = !to.exists();
    ensure_beside(from, to)?;
    make_empty(to)?;
    let copied = copy_all(from, to, with_master_key, copy_parts);
    if copied.is_err()
        && let Err(error) = remove_made(to, is_new)
    {
        tracing::warn!(to = %to.display(), %error, "the unfinished copy was not removed");
    }
    copied
}

fn copy_all<'a>(
    from: &Path,
    to: &Path,
    with_master_key: bool,
    copy_parts: impl FnOnce(&RealDisk) -> anyhow::Result<Parts<'a>>,
) -> anyhow::Result<Report> {
    let target = to.join("journal");
    fs::create_dir(&target).with_context(|| format!("cannot make `{}`", target.display()))?;
    // The journal first: a result that is sealed meanwhile is then in both, and counted once.
    let target = RealDisk::at(&target)?;
    let Parts {
        journal: copied,
        objects,
        watch,
        packages,
    } = copy_parts(&target)?;
    // Every byte of the copy is read: what nobody looked at for months shows here, not when the copy is needed.
    let found = store::check::check(&target).context("cannot read the copy of the journal")?;
    if let Some(why) = found.beyond_repair {
        anyhow::bail!("no copy of the journal can be restored: {why}");
    }
    let mut report = Report {
        journal_files: copied.files,
        journal_bytes: copied.bytes.get(),
        result_files: 0,
        result_bytes: 0,
        object_files: 0,
        object_bytes: 0,
        has_master_key: false,
        damage: Place::all(&found),
    };
    let results = from.join("results");
    if results.is_dir() {
        let copied = copy_results(&results, &to.join("results"))?;
        (report.result_files, report.result_bytes) = (copied.files, copied.bytes);
    }
    let trail = from.join(TRAIL);
    if trail.is_dir() {
        copy_trail(&trail, &to.join(TRAIL))?;
    }
    let copied = copy_objects(from, to, objects)?;
    (report.object_files, report.object_bytes) = (copied.files, copied.bytes);
    // Twice: those that functions had before their tables are copied, and those that they have got meanwhile.
    let packages = packages.unwrap_or_else(|| from.join(functions::DIR).join(functions::PACKAGES));
    copy_packages(&packages, to)?;
    copy_watch(from, to, watch)?;
    copy_packages(&packages, to)?;
    copy_small(from, to, with_master_key, &mut report)?;
    sync_dir(to)?;
    Ok(report)
}

/// Removes what is made of a data directory, and nothing else.
pub(crate) fn remove_made(to: &Path, is_new: bool) -> std::io::Result<()> {
    let there = |name: &&str| to.join(name).exists();
    let dirs = [
        "journal",
        "results",
        TRAIL,
        buckets::DIR,
        watching::DIR,
        functions::DIR,
    ];
    for name in dirs.iter().filter(|name| there(name)) {
        fs::remove_dir_all(to.join(name))?;
    }
    let others = [store::seal::MASTER_KEY_FILE, archive::memory::FILE];
    let files = FILES.iter().chain(&others);
    for name in files.filter(|name| there(name)) {
        fs::remove_file(to.join(name))?;
    }
    if is_new {
        fs::remove_dir(to)?;
    }
    Ok(())
}

/// Makes an empty place for a data directory. What is wrong with it is the caller's slip.
pub(crate) fn make_empty(dir: &Path) -> anyhow::Result<()> {
    let is_taken = fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
    if is_taken {
        return Err(app::usage(format!(
            "`{}` is not empty; give an empty or a new directory",
            dir.display()
        )));
    }
    let made = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir);
    made.map_err(|error| app::usage(format!("cannot make `{}`: {error}", dir.display())))
}

/// Refuses a place for a copy of `from` that lies in it.
fn ensure_beside(from: &Path, dir: &Path) -> anyhow::Result<()> {
    if is_inside(from, dir) {
        return Err(app::usage(format!(
            "`{}` lies in what is copied, `{}`; give a directory elsewhere",
            dir.display(),
            from.display()
        )));
    }
    Ok(())
}

/// Whether `dir`, which may not be there yet, lies in `from`.
fn is_inside(from: &Path, dir: &Path) -> bool {
    let known = dir.ancestors().find_map(|dir| dir.canonicalize().ok());
    let from = from.canonicalize().ok();
    known
        .zip(from)
        .is_some_and(|(dir, from)| dir.starts_with(from))
}

/// Copies the trail of calls. How far it goes comes first, so that what is written meanwhile is beyond that, not missing.
fn copy_trail(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot make `{}`", to.display()))?;
    let read = || {
        let entries = fs::read_dir(from)?.map(|entry| Ok(entry?.file_name()));
        entries.collect::<std::io::Result<Vec<_>>>()
    };
    let mut names = read().with_context(|| format!("cannot read `{}`", from.display()))?;
    names.sort_by_key(|name| (name != cloudtrail::trails::heads::FILE, name.clone()));
    for name in names {
        copy_if_there(&from.join(&name), &to.join(&name))?;
    }
    sync_dir(to)
}

fn copy_small(
    from: &Path,
    to: &Path,
    with_master_key: bool,
    report: &mut Report,
) -> anyhow::Result<()> {
    let master = Some(store::seal::MASTER_KEY_FILE).filter(|_| with_master_key);
    for name in FILES.into_iter().chain(master) {
        let source = from.join(name);
        if source.exists() {
            copy_file(&source, &to.join(name))?;
            report.has_master_key |= Some(name) == master;
        }
    }
    Ok(())
}

/// Copies results that a server may be compacting: small objects go when the large one that holds them stands. What a walk
/// misses so, the next one finds.
fn copy_results(from: &Path, to: &Path) -> anyhow::Result<Counts> {
    let mut copied = Counts::default();
    for _ in 0..WALKS_MAX {
        if copy_tree(from, to, &mut copied)? == Walk::Whole {
            return Ok(copied);
        }
    }
    anyhow::bail!("the results changed all the while they were copied; try again")
}

/// Copies objects, which who has them open does itself.
fn copy_objects(from: &Path, to: &Path, open: Option<CopyObjects<'_>>) -> anyhow::Result<Counts> {
    let (from, to) = (from.join(buckets::DIR), to.join(buckets::DIR));
    let mut copied = Counts::default();
    match open {
        Some(copy) => return copy(&to),
        None if from.is_dir() => copy_tree(&from, &to, &mut copied)?,
        None => Walk::Whole,
    };
    Ok(copied)
}

/// Copies the watch, which who has it open does itself.
fn copy_watch(from: &Path, to: &Path, open: Option<CopyWatch<'_>>) -> anyhow::Result<()> {
    let (from, to) = (from.join(watching::DIR), to.join(watching::DIR));
    match open {
        Some(copy) => copy(&to),
        None if from.is_dir() => copy_tree(&from, &to, &mut Counts::default()).map(|_| ()),
        None => Ok(()),
    }
}

/// Copies the packages of functions.
fn copy_packages(from: &Path, to: &Path) -> anyhow::Result<()> {
    match from.is_dir() {
        true => copy_files(from, &to.join(functions::DIR).join(functions::PACKAGES)),
        false => Ok(()),
    }
}

/// Copies the files of a folder that may go away meanwhile.
pub(crate) fn copy_files(from: &Path, to: &Path) -> anyhow::Result<()> {
    copy_tree(from, to, &mut Counts::default()).map(|_| ())
}

/// What a walk over the results found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Walk {
    /// Nothing went away meanwhile.
    Whole,
    /// Something did: what replaced it may have been missed.
    Again,
}

fn copy_tree(from: &Path, to: &Path, copied: &mut Counts) -> anyhow::Result<Walk> {
    fs::create_dir_all(to).with_context(|| format!("cannot make `{}`", to.display()))?;
    let entries =
        fs::read_dir(from).with_context(|| format!("cannot read `{}`", from.display()))?;
    let mut walk = Walk::Whole;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot read `{}`", from.display()))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            if copy_tree(&source, &target, copied)? == Walk::Again {
                walk = Walk::Again;
            }
        } else if !is_copied(&source, &target) {
            match copy_if_there(&source, &target)? {
                Some(bytes) => {
                    copied.files += 1;
                    copied.bytes += bytes;
                }
                None => walk = Walk::Again,
            }
        }
    }
    sync_dir(to)?;
    Ok(walk)
}

/// Objects are written once under their name.
fn is_copied(from: &Path, to: &Path) -> bool {
    let bytes = |path: &Path| fs::metadata(path).map(|data| data.len()).ok();
    bytes(to).is_some_and(|copied| Some(copied) == bytes(from))
}

/// `None` when it went away meanwhile.
fn copy_if_there(from: &Path, to: &Path) -> anyhow::Result<Option<u64>> {
    match copy_file(from, to) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(_) if !from.exists() => Ok(None),
        Err(error) => Err(error),
    }
}

fn copy_file(from: &Path, to: &Path) -> anyhow::Result<u64> {
    let copy = || {
        let bytes = fs::copy(from, to)?;
        let copied = fs::File::open(to)?;
        // A copy has the mode of what it copies, which may be from before files were private.
        copied.set_permissions(fs::Permissions::from_mode(0o600))?;
        copied.sync_all()?;
        Ok::<u64, std::io::Error>(bytes)
    };
    copy().with_context(|| format!("cannot copy `{}` to `{}`", from.display(), to.display()))
}

fn sync_dir(dir: &Path) -> anyhow::Result<()> {
    let synced = fs::File::open(dir).and_then(|dir| dir.sync_all());
    synced.with_context(|| format!("cannot sync `{}`", dir.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_without_keys_or_of_a_later_format_is_refused() {
        let house = tempfile::tempdir().unwrap();
        let (from, to) = (house.path().join("copy"), house.path().join("new"));
        fs::create_dir_all(from.join("journal")).unwrap();
        for (format, keys, said) in [
            ("shukuba-data 1", None, "iam.log` is missing"),
            ("shukuba-data 9", Some("{}"), "holds `shukuba-data 9`"),
        ] {
            fs::write(from.join("FORMAT"), format).unwrap();
            if let Some(keys) = keys {
                fs::write(from.join(KEYS_FILE), keys).unwrap();
            }
            let error = format!("{:#}", restore(&from, &to).unwrap_err());
            assert!(error.contains(said), "{error}");
            assert!(!to.exists());
        }
    }
}
