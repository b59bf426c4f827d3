//! What the host is, as its kernel and its files say.

use super::protocol::Facts;
use super::sample::kernel::Memory;
use crate::procfs::Proc;

/// Where systemd and D-Bus keep the machine's id. Source: machine-id(5).
const MACHINE_ID: [&str; 2] = ["/etc/machine-id", "/var/lib/dbus/machine-id"];

impl Facts {
    /// Of this host. Its name is the one in the network, without the domain, until somebody gives it another; roles and tags are
    /// empty. `version`: the agent's.
    #[must_use]
    pub fn of_host(proc: &Proc, version: &str) -> Self {
        let system = rustix::system::uname();
        let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
        let hostname = text(system.nodename());
        let memory = Memory::parse(&proc.read("meminfo").unwrap_or_default());
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let mut ids = MACHINE_ID
            .iter()
            .filter_map(|path| std::fs::read_to_string(path).ok());
        Self {
            name: hostname.split('.').next().unwrap_or(&hostname).to_owned(),
            architecture: text(system.machine()),
            system: format!("{} {}", text(system.sysname()), text(system.release())),
            processors: u32::try_from(processors).unwrap_or(u32::MAX),
            memory: memory.total_bytes(),
            machine_id: ids
                .next()
                .map(|id| id.trim().to_owned())
                .unwrap_or_default(),
            version: version.to_owned(),
            hostname,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_knows_what_it_is() {
        let facts = Facts::of_host(&Proc::default(), "0.1.0");
        assert!(!facts.name.is_empty() && !facts.name.contains('.'));
        assert!(facts.system.starts_with("Linux "));
        assert!(facts.processors > 0 && facts.memory > 1 << 20);
        assert!(facts.roles.is_empty());
    }
}
