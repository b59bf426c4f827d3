//! `[dns]`: who is asked for the addresses of names.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::Problems;

/// Servers that may be named (chosen: as many as resolv.conf(5) takes).
const SERVERS_MAX: usize = 3;

/// Who is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resolver {
    /// DNS where the machine finds names by `/etc/hosts` and DNS alone; else the machine.
    #[default]
    Auto,
    /// The servers of `/etc/resolv.conf`, after `/etc/hosts`.
    Dns,
    /// The machine's own resolver (`getaddrinfo`), which tells no time to live.
    System,
}

/// `[dns]`: who is asked for the addresses of names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dns {
    /// Who is asked: `auto`, `dns` or `system`. Default `auto`.
    pub resolver: Resolver,
    /// Servers as `address:port` in place of those of `/etc/resolv.conf`; at most 3. Default those.
    pub servers: Vec<SocketAddr>,
}

impl Dns {
    pub(super) fn check(&self, problems: &mut Problems) {
        if self.servers.len() > SERVERS_MAX {
            let count = self.servers.len();
            problems.push(
                "dns.servers",
                format!("{count} servers; {SERVERS_MAX} are asked at most: leave the others out"),
            );
        }
        if self.resolver == Resolver::System && !self.servers.is_empty() {
            problems.push(
                "dns.servers",
                "is not read with resolver = \"system\"; leave it out, or set resolver = \"dns\"",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Settings;

    #[test]
    fn servers_are_few_and_read_by_who_asks_them() {
        for (text, says) in [
            (
                "servers = [\"192.0.2.1:53\", \"192.0.2.2:53\", \"192.0.2.3:53\", \"[::1]:53\"]",
                "4 servers",
            ),
            (
                "resolver = \"system\"\nservers = [\"192.0.2.1:53\"]",
                "is not read",
            ),
        ] {
            let settings: Settings = toml::from_str(&format!("[dns]\n{text}\n")).unwrap();
            let found = settings.problems();
            assert!(
                found.len() == 1 && found[0].to_string().starts_with("dns.servers: "),
                "{found:?}"
            );
            assert!(found[0].detail.contains(says), "{found:?}");
        }
        assert!(toml::from_str::<Settings>("[dns]\nresolver = \"hosts\"").is_err());
    }
}
