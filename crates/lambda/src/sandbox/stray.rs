//! Finding and killing what environments left behind, whatever process group it made itself a member of.
//!
//! All processes of an environment have its folder in their variables ([`super::environ::TAG`]), which the kernel keeps as they were
//! when a program began.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

use super::environ::TAG;

/// Passes over all processes: what forks while it is looked for is found by the next one. Chosen.
const PASSES_MAX: usize = 10;

/// Kills the processes of the environments whose folders are among `folders`, or lie in one of them. How many there were. Blocks.
pub(super) fn kill(folders: &[PathBuf]) -> usize {
    let mut count = 0;
    for _ in 0..PASSES_MAX {
        let found = pass(folders);
        if found == 0 {
            break;
        }
        count += found;
    }
    count
}

fn pass(folders: &[PathBuf]) -> usize {
    let own = std::process::id();
    let mut count = 0;
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.parse::<u32>().ok());
        let pid = pid.filter(|pid| *pid != own);
        if let Some(pid) = pid.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?))
            && kill_if_of(pid, folders)
        {
            count += 1;
        }
    }
    count
}

/// The process is held while it is looked at, so that the one that is killed is the one that was seen.
fn kill_if_of(pid: Pid, folders: &[PathBuf]) -> bool {
    let held = pidfd_open(pid, PidfdFlags::empty()).ok();
    let path = format!("/proc/{}/environ", pid.as_raw_nonzero());
    // A dead process that nobody has taken note of has no variables.
    let variables = std::fs::read(path).unwrap_or_default();
    let is_of = folders.iter().any(|folder| names(&variables, folder));
    if !is_of {
        return false;
    }
    match held {
        Some(held) => pidfd_send_signal(held, Signal::KILL).is_ok(),
        None => kill_process(pid, Signal::KILL).is_ok(),
    }
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
