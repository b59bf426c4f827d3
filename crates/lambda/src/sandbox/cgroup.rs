//! Memory bounded by the kernel, where this process may make control groups (version 2).
//!
//! That is so where the service manager delegates it (`Delegate=memory` of a systemd unit) or in a container with its own writable
//! tree. Groups with processes of their own cannot have controlled groups below them, so that the server first moves itself into a
//! group `shukuba-server` beside those of the environments.
//!
//! Source: the kernel's "Control Group v2", "No Internal Process Constraint", "Memory Interface Files".

use std::io;
use std::path::{Path, PathBuf};

/// Where the tree is mounted.
const MOUNT: &str = "/sys/fs/cgroup";
/// The group of the server itself.
const SERVER: &str = "shukuba-server";
/// Processes and threads of one environment. Source: Lambda quotas, "Execution processes/threads".
const PROCESSES_MAX: u32 = 1024;
/// What the names of environments' groups begin with.
const PREFIX: &str = "shukuba-fn-";

/// A part of the tree in which groups can be made.
#[derive(Clone, Debug)]
pub(crate) struct Tree(PathBuf);

/// The group of one environment; removed when it is dropped, once it is empty.
#[derive(Debug)]
pub(super) struct Cgroup(PathBuf);

impl Tree {
    /// The part that this process is in, made ready; none where it is not given to us.
    pub(crate) fn of_this_process() -> Option<Self> {
        let own = std::fs::read_to_string("/proc/self/cgroup").ok()?;
        Self::at(&place(&own, Path::new(MOUNT))?)
    }

    /// A part of the tree, made ready.
    pub(super) fn at(folder: &Path) -> Option<Self> {
        let controllers = std::fs::read_to_string(folder.join("cgroup.controllers")).ok()?;
        controllers
            .split_whitespace()
            .any(|name| name == "memory")
            .then_some(())?;
        let server = folder.join(SERVER);
        make(&server).ok()?;
        write(&server, "cgroup.procs", &std::process::id().to_string()).ok()?;
        // Where this is not given to us as well, the number of processes is not bounded.
        let _ = write(folder, "cgroup.subtree_control", "+pids");
        write(folder, "cgroup.subtree_control", "+memory").ok()?;
        let tree = Self(folder.to_owned());
        tree.clear();
        Some(tree)
    }

    /// Kills and removes what an earlier process left.
    fn clear(&self) {
        for entry in std::fs::read_dir(&self.0).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(PREFIX) {
                let group = Cgroup(entry.path());
                group.kill();
            }
        }
    }

    /// A group for one environment with `memory_max` bytes and no swap, and `pid` in it.
    pub(super) fn make(&self, id: &str, memory_max: u64, pid: i32) -> io::Result<Cgroup> {
        let folder = self.0.join(format!("{PREFIX}{id}"));
        make(&folder)?;
        let group = Cgroup(folder);
        write(&group.0, "memory.max", &memory_max.to_string())?;
        // Kernels without swap do not have these.
        let _ = write(&group.0, "memory.swap.max", "0");
        let _ = write(&group.0, "memory.oom.group", "1");
        let _ = write(&group.0, "pids.max", &PROCESSES_MAX.to_string());
        write(&group.0, "cgroup.procs", &pid.to_string())?;
        Ok(group)
    }
}

impl Cgroup {
    /// Most memory so far, in bytes.
    pub(super) fn peak(&self) -> Option<u64> {
        let read = |name| std::fs::read_to_string(self.0.join(name)).ok();
        let text = read("memory.peak").or_else(|| read("memory.current"))?;
        text.trim().parse().ok()
    }

    /// Whether the kernel killed it for its memory.
    pub(super) fn is_out_of_memory(&self) -> bool {
        let events = std::fs::read_to_string(self.0.join("memory.events")).unwrap_or_default();
        let kills = events
            .lines()
            .find_map(|line| line.strip_prefix("oom_kill "));
        kills.is_some_and(|count| count.trim() != "0")
    }

    /// Kills all that is in it.
    pub(super) fn kill(&self) {
        let _ = write(&self.0, "cgroup.kill", "1");
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // What is not empty yet is removed at the next start.
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// The folder of the group that `/proc/self/cgroup` names in the unified tree; not the root, which is nobody's to change.
fn place(own: &str, mount: &Path) -> Option<PathBuf> {
    let path = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
    // This process may have moved itself before.
    let path = match path.rsplit_once('/') {
        Some((above, SERVER)) => above,
        _ => path,
    };
    let folder = mount.join(path);
    let is_ours = folder.join("cgroup.subtree_control").is_file();
    let is_root = path.is_empty() && !mount.join("cgroup.events").is_file();
    (is_ours && !is_root).then_some(folder)
}

fn make(folder: &Path) -> io::Result<()> {
    match std::fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

fn write(folder: &Path, name: &str, text: &str) -> io::Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .open(folder.join(name))?;
    io::Write::write_all(&mut file, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with the files that the kernel shows in a group.
    fn fake(folder: &Path, controllers: &str) {
        std::fs::create_dir_all(folder).unwrap();
        for (name, text) in [
            ("cgroup.controllers", controllers),
            ("cgroup.subtree_control", ""),
            ("cgroup.procs", ""),
            ("cgroup.kill", ""),
            ("memory.max", "max"),
            ("pids.max", "max"),
            ("memory.peak", "31457280\n"),
            (
                "memory.events",
                "low 0\nhigh 0\nmax 7\noom 1\noom_kill 1\noom_group_kill 0\n",
            ),
        ] {
            std::fs::write(folder.join(name), text).unwrap();
        }
    }

    #[test]
    fn an_environment_gets_a_group_with_its_memory() {
        let dir = tempfile::tempdir().unwrap();
        fake(dir.path(), "cpu memory pids");
        fake(&dir.path().join(SERVER), "");
        fake(&dir.path().join("shukuba-fn-ab"), "");
        let tree = Tree::at(dir.path()).unwrap();
        let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!(read("cgroup.subtree_control"), "+memory");
        assert_eq!(
            read("shukuba-server/cgroup.procs"),
            std::process::id().to_string()
        );
        let group = tree.make("ab", 134_217_728, 77).unwrap();
        assert_eq!(read("shukuba-fn-ab/memory.max"), "134217728");
        assert_eq!(read("shukuba-fn-ab/pids.max"), "1024");
        assert_eq!(read("shukuba-fn-ab/cgroup.procs"), "77");
        assert_eq!(group.peak(), Some(31_457_280));
        assert!(group.is_out_of_memory());
    }

    #[test]
    fn a_tree_that_is_not_ours_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Tree::at(dir.path()).is_none());
        fake(dir.path(), "cpu pids");
        assert!(Tree::at(dir.path()).is_none());
        assert_eq!(place("4:memory:/x\n0::/\n", dir.path()), None);
        let unit = dir.path().join("system.slice/shukuba.service");
        fake(&unit, "memory");
        for own in [
            "0::/system.slice/shukuba.service\n",
            "0::/system.slice/shukuba.service/shukuba-server\n",
        ] {
            assert_eq!(place(own, dir.path()).as_ref(), Some(&unit));
        }
    }
}
