//! The file that says what is checked and what is kept alive, on which hosts.
//!
//! # Format
//!
//! TOML, or JSON of the same shape where the file's name ends in `.json`. Two lines watch one host:
//!
//! ```toml
//! [checks.load]
//! plugin = "check_load -w 5 -c 10"
//!
//! [checks.web]
//! http = "http://127.0.0.1:8080/health"
//! roles = ["web"]
//! every = "30s"
//! critical = "500"            # milliseconds, in Nagios' ranges
//! depends_on = ["router"]
//!
//! [keep.web]
//! process = { matching = "webserver" }
//! start = "/usr/bin/webserver --port 8080"
//! give_up = "5 in 10"
//! ```
//!
//! It is kept in git, lies on a host or on the server, which gives each host what its roles need, and is read again when it changes.
//! INVARIANT: what is not understood is refused, all of it at once, each with its file, line and key.

mod alert;
mod check;
mod keep;
mod load;
mod look;
mod names;
mod tree;
mod value;

use std::collections::{BTreeMap, BTreeSet};

use base::setting::Problems;
use serde::{Deserialize, Serialize};
use sha2::Digest as _;

pub use alert::{Flapping, Ranges};
pub use base::setting::{Invalid, NotValue, Size, Span};
pub use check::{Check, Kind};
pub use keep::Keep;
pub use load::{Form, Wrong};
pub use look::{Dns, File, Http, Level, Log, Ping, Process, Tcp, Tls};
pub use names::Names;
pub use value::{NotPattern, Often, Pattern, Share, words};

/// Checks, and processes that are kept, in one file. Chosen: a host has dozens.
pub const ENTRIES_MAX: usize = 2_000;
/// Bytes of a file. Chosen.
pub const FILE_BYTES_MAX: u64 = 4 << 20;
/// Letters of a name of a check, of a role, of a label.
const NAME_MAX: usize = 80;

/// What is checked and kept alive, by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The checks.
    pub checks: BTreeMap<String, Check>,
    /// The processes.
    pub keep: BTreeMap<String, Keep>,
}

/// A command line must be words, where it is not a shell's.
fn check_command(problems: &mut Problems, key: &str, line: Option<&str>, is_shell: bool) {
    if let Some(Err(wrong)) = line.filter(|_| !is_shell).map(words) {
        problems.push(key, wrong);
    }
}

impl Settings {
    /// Everything that is wrong with these settings. Empty when they can be used.
    #[must_use]
    pub fn problems(&self) -> Vec<Invalid> {
        let mut problems = Problems::default();
        if self.checks.len() + self.keep.len() > ENTRIES_MAX {
            problems.push("checks", format!("more than {ENTRIES_MAX} checks"));
        }
        for (name, check) in &self.checks {
            let key = key_of("checks", name);
            check_name(&key, name, &mut problems);
            check.check(&key, &mut problems);
        }
        for (name, keep) in &self.keep {
            let key = key_of("keep", name);
            check_name(&key, name, &mut problems);
            keep.check(&key, &self.keep, &mut problems);
        }
        self.check_circles(&mut problems);
        problems.0
    }

    /// What a host with these roles checks and keeps: whatever names one of them or none.
    #[must_use]
    pub fn for_roles(&self, roles: &[String]) -> Self {
        let is_for = |wanted: &Names| wanted.is_empty() || wanted.iter().any(|r| roles.contains(r));
        let checks = self.checks.iter().filter(|(_, check)| is_for(&check.roles));
        let keep = self.keep.iter().filter(|(_, keep)| is_for(&keep.roles));
        Self {
            checks: checks.map(|(n, c)| (n.clone(), c.clone())).collect(),
            keep: keep.map(|(n, k)| (n.clone(), k.clone())).collect(),
        }
    }

    /// These, and what `own` says over them by name.
    #[must_use]
    pub fn with(mut self, own: &Self) -> Self {
        let (checks, keep) = (own.checks.clone(), own.keep.clone());
        self.checks.extend(checks);
        self.keep.extend(keep);
        self
    }

    /// Tells these settings from others: 32 hexadecimal digits.
    #[must_use]
    pub fn hash(&self) -> String {
        let text = serde_json::to_vec(self).unwrap_or_default();
        let digest = sha2::Sha256::digest(&text);
        hex::encode(digest.get(..16).unwrap_or_default())
    }

    fn check_circles(&self, problems: &mut Problems) {
        let of_checks = self.checks.iter().map(|(n, c)| (n.as_str(), &c.depends_on));
        let of_keep = self.keep.iter().map(|(n, k)| (n.as_str(), &k.depends_on));
        for (section, edges) in [
            ("checks", of_checks.collect::<BTreeMap<_, _>>()),
            ("keep", of_keep.collect()),
        ] {
            for name in edges.keys().filter(|name| is_in_circle(name, &edges)) {
                let key = format!("{}.depends_on", key_of(section, name));
                problems.push(&key, "depends on itself, by way of what it depends on");
            }
        }
    }
}

fn is_in_circle(name: &str, edges: &BTreeMap<&str, &Names>) -> bool {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let below = |name: &str| {
        edges
            .get(name)
            .map(|names| names.iter())
            .into_iter()
            .flatten()
    };
    let mut waiting: Vec<&str> = below(name).map(String::as_str).collect();
    while let Some(next) = waiting.pop() {
        if next == name {
            return true;
        }
        if seen.insert(next) {
            waiting.extend(below(next).map(String::as_str));
        }
    }
    false
}

fn check_name(key: &str, name: &str, problems: &mut Problems) {
    if !is_name(name) {
        problems.push(
            key,
            format!("a name is 1 to {NAME_MAX} of a-z, A-Z, 0-9, `-`, `_` and `.`"),
        );
    }
}

fn is_name(name: &str) -> bool {
    let is_letter = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(is_letter)
}

/// `section.name`, the name quoted where it must be.
fn key_of(section: &str, name: &str) -> String {
    base::place::dotted(&[section.to_owned(), name.to_owned()])
}

#[cfg(test)]
mod tests;
