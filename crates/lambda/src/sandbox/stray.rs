//! Finding and killing what environments left behind, whatever process group it made itself a member of.
//!
//! All processes of an environment have its folder in their variables ([`super::environ::TAG`]), which the kernel keeps as they were
//! when a program began.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

use super::environ::TAG;

/// Passes over all processes: what forks while it is looked for is found by the next one. Chosen.
const PASSES_MAX: usize = 10;
/// Between two passes where a program was beginning: what is left of its beginning is the kernel's. Chosen.
const BEGINNING_POLL: Duration = Duration::from_millis(2);

/// Kills the processes of the environments whose folders are among `folders`, or lie in one of them. How many there were. Blocks.
pub(super) fn kill(folders: &[PathBuf]) -> usize {
    let mut count = 0;
    for _ in 0..PASSES_MAX {
        let found = pass(folders);
        count += found.killed;
        match (found.killed, found.begins) {
            (0, false) => break,
            (0, true) => std::thread::sleep(BEGINNING_POLL),
            _ => {}
        }
    }
    count
}

/// What one look at all processes came to.
#[derive(Default)]
struct Found {
    killed: usize,
    /// A program was seen that has no variables yet.
    begins: bool,
}

fn pass(folders: &[PathBuf]) -> Found {
    let own = std::process::id();
    let mut found = Found::default();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.parse::<u32>().ok());
        let pid = pid.filter(|pid| *pid != own);
        if let Some(pid) = pid.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) {
            look_at(pid, folders, &mut found);
        }
    }
    found
}

/// The process is held while it is looked at, so that the one that is killed is the one that was seen.
fn look_at(pid: Pid, folders: &[PathBuf], found: &mut Found) {
    let held = pidfd_open(pid, PidfdFlags::empty()).ok();
    let path = format!("/proc/{}/environ", pid.as_raw_nonzero());
    // A dead process that nobody has taken note of has no variables.
    let variables = std::fs::read(path).unwrap_or_default();
    if folders.iter().any(|folder| names(&variables, folder)) {
        let killed = match held {
            Some(held) => pidfd_send_signal(held, Signal::KILL),
            None => kill_process(pid, Signal::KILL),
        };
        found.killed += usize::from(killed.is_ok());
    } else if variables.is_empty() {
        found.begins |= begins(pid);
    }
}

/// Whether a process that showed no variables was between two programs: it has the new one's memory, and the kernel has not said, or had
/// not when they were read, where its variables lie. Kernel threads and the dead have no program.
fn begins(pid: Pid) -> bool {
    let folder = format!("/proc/{}", pid.as_raw_nonzero());
    let has_program = std::fs::read_link(format!("{folder}/exe")).is_ok();
    let stat = std::fs::read_to_string(format!("{folder}/stat")).unwrap_or_default();
    has_program && !has_none(&stat)
}

/// Whether `/proc/[pid]/stat` says that there are no variables: they begin (its 50th field) where they end. Both are zero as long as that
/// is unknown. The second field is a name in brackets, which may hold anything; the third follows it.
fn has_none(stat: &str) -> bool {
    let (_, rest) = stat.rsplit_once(") ").unwrap_or_default();
    let mut fields = rest.split(' ').skip(50 - 3);
    let (begin, end) = (fields.next(), fields.next());
    begin == end && end != Some("0")
}

fn names(variables: &[u8], folder: &Path) -> bool {
    let folder = folder.as_os_str().as_bytes();
    variables.split(|byte| *byte == 0).any(|variable| {
        let value = variable
            .strip_prefix(TAG.as_bytes())
            .and_then(|rest| rest.strip_prefix(b"="));
        let beyond = value.and_then(|value| value.strip_prefix(folder));
        beyond.is_some_and(|beyond| beyond.is_empty() || beyond.starts_with(b"/"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_named_wholly_or_as_the_one_above() {
        let variables = b"A=1\0LAMBDA_RUNTIME_DIR=/work/ab\0B=2";
        assert!(names(variables, Path::new("/work/ab")));
        assert!(names(variables, Path::new("/work")));
        for other in ["/work/a", "/wor", "/work/ab/c"] {
            assert!(!names(variables, Path::new(other)), "{other}");
        }
        assert!(!names(b"LAMBDA_RUNTIME_DIR", Path::new("/work")));
    }

    #[test]
    fn a_process_without_variables_is_told_from_one_that_begins() {
        let own = std::fs::read_to_string("/proc/self/stat").unwrap();
        assert!(!has_none(&own), "{own}");
        let line = |begin: &str, end: &str| {
            let before: Vec<String> = (3..50).map(|field| field.to_string()).collect();
            format!("7 (a) b (c) {} {begin} {end} 0\n", before.join(" "))
        };
        assert!(has_none(&line("140", "140")));
        assert!(!has_none(&line("140", "190")));
        assert!(!has_none(&line("0", "0")), "not yet known");
    }

    #[test]
    fn what_left_its_group_is_found_and_killed() {
        let dir = tempfile::tempdir().unwrap();
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .env(TAG, dir.path().join("one"))
            .spawn()
            .unwrap();
        let folders = [dir.path().join("other"), dir.path().to_owned()];
        assert!(kill(&folders) >= 1);
        let status = child.wait().unwrap();
        assert_eq!(
            std::os::unix::process::ExitStatusExt::signal(&status),
            Some(9)
        );
        assert_eq!(kill(&folders), 0);
    }
}
