//! When who did what last: one line for each principal, service and action, fed by the records of calls.
//!
//! Attempts count, also refused ones. Notes are in memory, kept in a small file now and then, and read from it at the
//! start: a kill forgets a minute. What AWS reports is hours old.
//!
//! # Format
//!
//! `accesses.json`, replaced whole: `{"AIDA…":{"sqs:SendMessage":[1795000000,"ap-northeast-1"]}}`, moments in seconds.

mod feed;
mod jobs;
pub(crate) mod report;
mod services;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use base::Timestamp;
use parking_lot::RwLock;
use store::private::write_private;

use crate::engine::State;
pub use feed::Noting;
pub(crate) use jobs::{Job, Jobs};
pub use services::{KNOWN, Known};

/// The file's name in the data directory.
pub const ACCESSES_FILE: &str = "accesses.json";
/// A note is renewed when it is so much older. Chosen: far below the hours that reports are exact to.
const APART_SECS: u64 = 60;
/// The most principals with notes: all users and roles of an account.
const PRINCIPALS_MAX: usize = 6_000;
/// The most actions of a principal with notes. Chosen: all actions of the platform.
const ACTIONS_MAX: usize = 1_000;

/// An action's last time.
#[derive(Debug)]
struct Note {
    at_secs: AtomicU64,
    region: String,
}

/// Notes of one principal, by action.
type Notes = HashMap<String, Note>;

/// An access: when, and in which region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accessed {
    /// Such as `sqs:SendMessage`.
    pub action: String,
    /// When last, exact to a minute.
    pub at: Timestamp,
    /// Such as `ap-northeast-1`.
    pub region: String,
}

/// When who did what last.
#[derive(Debug)]
pub struct Accesses {
    path: PathBuf,
    notes: RwLock<HashMap<String, Notes>>,
    is_changed: AtomicBool,
}

/// As the file has it.
type Kept = BTreeMap<String, BTreeMap<String, (u64, String)>>;

impl Accesses {
    /// What `dir` has kept; nothing where its file is missing or is none, which is said in the log: losing it makes
    /// nothing unsafe.
    #[must_use]
    pub fn open(dir: &Path) -> Self {
        let path = dir.join(ACCESSES_FILE);
        let kept = match read(&path) {
            Ok(kept) => kept,
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "when who did what last cannot be read, and begins anew");
                Kept::default()
            }
        };
        let note = |(action, (secs, region)): (String, (u64, String))| {
            let at_secs = AtomicU64::new(secs);
            (action, Note { at_secs, region })
        };
        let notes = kept
            .into_iter()
            .map(|(whose, notes)| (whose, notes.into_iter().map(note).collect()));
        Self {
            notes: RwLock::new(notes.collect()),
            is_changed: AtomicBool::new(false),
            path,
        }
    }

    /// Hears that the principal with the unique id `whose` did `action`, or tried to. Costs two look-ups.
    pub fn note(&self, whose: &str, action: &str, region: &str, at: Timestamp) {
        if !self.renew(whose, action, region, at.as_secs()) {
            self.add(whose, action, region, at.as_secs());
        }
    }

    /// Whether there is such a note, which then is not older than [`APART_SECS`].
    fn renew(&self, whose: &str, action: &str, region: &str, at_secs: u64) -> bool {
        let notes = self.notes.read();
        let Some(note) = notes.get(whose).and_then(|notes| notes.get(action)) else {
            return false;
        };
        if at_secs < note.at_secs.load(Ordering::Relaxed) + APART_SECS {
            return true;
        }
        note.at_secs.store(at_secs, Ordering::Relaxed);
        self.is_changed.store(true, Ordering::Relaxed);
        note.region == region
    }

    fn add(&self, whose: &str, action: &str, region: &str, at_secs: u64) {
        let mut notes = self.notes.write();
        if notes.len() >= PRINCIPALS_MAX && !notes.contains_key(whose) {
            return;
        }
        let of_whom = notes.entry(whose.into()).or_default();
        if of_whom.len() >= ACTIONS_MAX && !of_whom.contains_key(action) {
            return;
        }
        let note = Note {
            at_secs: AtomicU64::new(at_secs),
            region: region.into(),
        };
        of_whom.insert(action.into(), note);
        self.is_changed.store(true, Ordering::Relaxed);
    }

    /// All that the principal did, in the order of actions.
    #[must_use]
    pub fn of(&self, whose: &str) -> Vec<Accessed> {
        let notes = self.notes.read();
        let accessed = |(action, note): (&String, &Note)| Accessed {
            action: action.to_string(),
            at: Timestamp::from_secs(note.at_secs.load(Ordering::Relaxed)),
            region: note.region.to_string(),
        };
        let found = notes.get(whose).into_iter().flatten().map(accessed);
        let mut found: Vec<_> = found.collect();
        found.sort_by(|a, b| a.action.cmp(&b.action));
        found
    }

    /// When the principal did anything last.
    #[must_use]
    pub fn last_of(&self, whose: &str) -> Option<Timestamp> {
        self.of(whose).into_iter().map(|accessed| accessed.at).max()
    }

    /// Writes the file when something has changed since, and forgets principals that `state` has no more.
    ///
    /// # Errors
    /// When the file cannot be written; then it is tried again.
    pub fn keep(&self, state: &State) -> Result<(), crate::Error> {
        if !self.is_changed.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        let kept = serde_json::to_vec(&self.kept(state)).map_err(io::Error::from);
        let kept = kept.and_then(|text| write_private(&self.path, &text));
        kept.map_err(|source| {
            self.is_changed.store(true, Ordering::Relaxed);
            crate::Error::File {
                path: self.path.clone(),
                source,
            }
        })
    }

    fn kept(&self, state: &State) -> Kept {
        let users = state.users().iter().map(|user| user.id.as_str());
        let roles = state.roles().iter().map(|role| role.id.as_str());
        let known: std::collections::HashSet<_> = users.chain(roles).collect();
        let mut notes = self.notes.write();
        notes.retain(|whose, _| known.contains(&**whose));
        let line = |(action, note): (&String, &Note)| {
            let secs = note.at_secs.load(Ordering::Relaxed);
            (action.to_string(), (secs, note.region.to_string()))
        };
        let of_whom = |(whose, notes): (&String, &Notes)| {
            (whose.to_string(), notes.iter().map(line).collect())
        };
        notes.iter().map(of_whom).collect()
    }
}

fn read(path: &Path) -> io::Result<Kept> {
    match fs::read(path) {
        Ok(text) => Ok(serde_json::from_slice(&text)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Kept::default()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ground::Ground;
    use crate::ground::memory::{Memory, NOW};

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_secs(NOW.as_secs() + secs)
    }

    #[test]
    fn notes_are_kept_and_those_of_nobody_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let memory = Memory::new();
        memory.user("it");
        let accesses = Accesses::open(dir.path());
        accesses.note("AIDAit", "sqs:SendMessage", "ap-northeast-1", at(0));
        accesses.note("AIDAit", "iam:GetUser", "us-east-1", at(10));
        accesses.note("AIDAgone", "iam:GetUser", "us-east-1", at(10));
        // Renewed a minute later, not before.
        accesses.note("AIDAit", "sqs:SendMessage", "ap-northeast-1", at(59));
        assert_eq!(accesses.of("AIDAit")[1].at, at(0));
        accesses.note("AIDAit", "sqs:SendMessage", "ap-northeast-1", at(60));
        accesses.keep(&memory.state()).unwrap();
        let again = Accesses::open(dir.path());
        assert_eq!(again.of("AIDAit"), accesses.of("AIDAit"));
        assert_eq!(again.of("AIDAit")[1].at, at(60));
        assert_eq!(
            (again.last_of("AIDAit"), again.last_of("AIDAgone")),
            (Some(at(60)), None)
        );
    }

    #[test]
    fn a_file_that_is_none_is_begun_anew() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(ACCESSES_FILE), "{").unwrap();
        let accesses = Accesses::open(dir.path());
        assert!(accesses.of("AIDAit").is_empty());
    }

    #[test]
    fn notes_have_bounds() {
        let dir = tempfile::tempdir().unwrap();
        let accesses = Accesses::open(dir.path());
        for number in 0..=PRINCIPALS_MAX {
            accesses.note(&number.to_string(), "iam:GetUser", "", at(0));
        }
        for number in 0..=ACTIONS_MAX {
            accesses.note("0", &number.to_string(), "", at(0));
        }
        assert_eq!(accesses.notes.read().len(), PRINCIPALS_MAX);
        assert_eq!(accesses.of("0").len(), ACTIONS_MAX);
    }
}
