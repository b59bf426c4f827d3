//! What the kernel says of processes, in `/proc`.
//!
//! Read anew each time, without threads or caches: an agent must cost next to nothing. Source: proc(5).

use std::io;
use std::path::{Path, PathBuf};

use crate::check::config::{Pattern, Process};

/// Bytes of one file that are read.
const FILE_MAX: usize = 4 << 20;
/// Clock ticks a second, `USER_HZ`: 100 on all architectures that Rust's Linux targets have. Source: proc(5), sysconf(3).
pub const TICKS_PER_SEC: u64 = 100;

/// Where the kernel's files are: `/proc`, or a test's.
#[derive(Clone, Debug)]
pub struct Proc {
    root: PathBuf,
}

impl Default for Proc {
    fn default() -> Self {
        Self::at("/proc")
    }
}

/// A process that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its id.
    pub pid: u32,
    /// Resident memory in bytes.
    pub memory: u64,
    /// Processor time so far, in ticks ([`TICKS_PER_SEC`]).
    pub ticks: u64,
    /// When it began, in ticks since boot: with the id, which process it is.
    pub started: u64,
}

impl Proc {
    /// The kernel's files under `root`.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// A file under the root, such as `meminfo`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self, name: impl AsRef<Path>) -> io::Result<String> {
        let bytes = std::fs::read(self.root.join(name))?;
        let end = bytes.len().min(FILE_MAX);
        Ok(String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned())
    }

    /// The processes that `wanted` names, by id. A file with an id that is not there, or whose process is dead, is none.
    ///
    /// # Errors
    /// When the file or `/proc` cannot be read, or the file holds no id.
    pub fn find(&self, wanted: &Process) -> io::Result<Vec<Found>> {
        match (&wanted.matching, &wanted.pidfile) {
            (Some(pattern), _) => self.matching(pattern),
            (None, Some(path)) => self.of_pidfile(path),
            (None, None) => Ok(Vec::new()),
        }
    }

    /// The process `pid`, if it runs. A dead one that nobody has taken note of does not.
    #[must_use]
    pub fn process(&self, pid: u32) -> Option<Found> {
        let stat = self.read(format!("{pid}/stat")).ok()?;
        // The name, in parentheses, may hold anything.
        let (_, rest) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let number = |index: usize| {
            fields
                .get(index)
                .and_then(|field| field.parse::<u64>().ok())
        };
        let is_dead = matches!(fields.first(), Some(&("Z" | "X" | "x")));
        let page = u64::try_from(rustix::param::page_size()).unwrap_or(4096);
        (!is_dead).then_some(())?;
        Some(Found {
            pid,
            ticks: number(11)? + number(12)?,
            started: number(19)?,
            memory: number(21)?.saturating_mul(page),
        })
    }

    fn of_pidfile(&self, path: &Path) -> io::Result<Vec<Found>> {
        let text = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            text => text?,
        };
        let pid = text
            .split_whitespace()
            .next()
            .and_then(|word| word.parse().ok());
        let pid = pid
            .ok_or_else(|| io::Error::other(format!("`{}` holds no process id", path.display())))?;
        Ok(self.process(pid).into_iter().collect())
    }

    fn matching(&self, pattern: &Pattern) -> io::Result<Vec<Found>> {
        let own = std::process::id();
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.root)? {
            let name = entry?.file_name();
            let pid = name.to_str().and_then(|name| name.parse::<u32>().ok());
            let Some(pid) = pid.filter(|pid| *pid != own) else {
                continue;
            };
            // It may have ended since the folder was read.
            let line = self.read(format!("{pid}/cmdline")).unwrap_or_default();
            let line = line.trim_end_matches('\0').replace('\0', " ");
            if !line.is_empty() && pattern.is_in(&line) {
                found.extend(self.process(pid));
            }
        }
        found.sort_by_key(|process| process.pid);
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel() -> (tempfile::TempDir, Proc) {
        let dir = tempfile::tempdir().unwrap();
        for (pid, line, state) in [
            (10, "nginx: master\0", "S"),
            (11, "/usr/sbin/nginx\0-g\0daemon off;\0", "S"),
            (12, "nginx\0", "Z"),
            (13, "", "S"),
        ] {
            let folder = dir.path().join(pid.to_string());
            std::fs::create_dir(&folder).unwrap();
            std::fs::write(folder.join("cmdline"), line).unwrap();
            let stat = format!(
                "{pid} (a ) b) {state} 1 1 1 0 -1 4194560 1 0 0 0 30 12 0 0 20 0 1 0 777 1000 25 18446744073709551615 1\n"
            );
            std::fs::write(folder.join("stat"), stat).unwrap();
        }
        let proc = Proc::at(dir.path());
        (dir, proc)
    }

    #[test]
    fn processes_are_found_by_their_command_lines() {
        let (_dir, proc) = kernel();
        let find = |pattern: &str| {
            let wanted = Process {
                matching: Some(pattern.parse().unwrap()),
                pidfile: None,
            };
            proc.find(&wanted).unwrap()
        };
        let pids: Vec<_> = find("nginx").iter().map(|found| found.pid).collect();
        assert_eq!(pids, [10, 11]);
        let daemon = find("nginx -g daemon off;$");
        assert_eq!(daemon[0].ticks, 42);
        assert_eq!(daemon[0].started, 777);
        assert_eq!(daemon[0].memory, 25 * rustix::param::page_size() as u64);
        assert_eq!(find("apache"), []);
    }

    #[test]
    fn a_file_of_an_id_names_one_that_runs_or_none() {
        let (dir, proc) = kernel();
        let path = dir.path().join("app.pid");
        let wanted = Process {
            matching: None,
            pidfile: Some(path.clone()),
        };
        assert_eq!(proc.find(&wanted).unwrap(), []);
        for (text, expected) in [("11\n", vec![11]), ("12", vec![]), ("99", vec![])] {
            std::fs::write(&path, text).unwrap();
            let pids: Vec<_> = proc
                .find(&wanted)
                .unwrap()
                .iter()
                .map(|found| found.pid)
                .collect();
            assert_eq!(pids, expected, "{text}");
        }
        std::fs::write(&path, "nonsense").unwrap();
        assert!(proc.find(&wanted).is_err());
    }

    #[test]
    fn this_process_runs() {
        let own = Proc::default().process(std::process::id()).unwrap();
        assert!(own.memory > 0);
    }
}
