//! What an agent says about its host.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Error;
use super::tags::{NAME, ROLE, Tags};

/// Characters of a hostname. Source: RFC 1035.
const HOSTNAME_CHARS_MAX: usize = 253;
/// Characters of each other text. Chosen.
const TEXT_CHARS_MAX: usize = 256;
/// Addresses of a host. Chosen.
const ADDRESSES_MAX: usize = 64;

/// What an agent says about its host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// What tells machines apart, such as the content of `/etc/machine-id`: 1 to 256 characters.
    pub fingerprint: String,
    /// Its hostname.
    pub hostname: String,
    /// Its name; the hostname where it says none. Becomes the tag `Name`.
    #[serde(default)]
    pub name: Option<String>,
    /// What it is for. Becomes the tag `Role`.
    #[serde(default)]
    pub role: Option<String>,
    /// Further tags.
    #[serde(default)]
    pub tags: Vec<(String, String)>,
    /// Its addresses, the main one first.
    #[serde(default)]
    pub addresses: Vec<IpAddr>,
    /// Such as `Linux 6.1.0-28-amd64`.
    #[serde(default)]
    pub kernel: String,
    /// The architecture in Rust's or the kernel's word, such as `x86_64` or `aarch64`.
    #[serde(default)]
    pub architecture: String,
    /// Logical processors; 0 where unknown.
    #[serde(default)]
    pub cores: u32,
    /// Memory in bytes; 0 where unknown.
    #[serde(default)]
    pub memory_bytes: u64,
    /// The agent's version.
    #[serde(default)]
    pub agent: String,
    /// Of the system's run: another after a restart of it. Empty where the host does not say.
    #[serde(default)]
    pub boot_id: String,
}

impl Facts {
    /// Checks the bounds, and gives the tags that the host claims.
    ///
    /// # Errors
    /// [`Error::Facts`] naming what is wrong, or what is wrong with a tag.
    pub fn claims(&self) -> Result<Tags, Error> {
        let wrong = |what| Err(Error::Facts { what });
        if self.fingerprint.is_empty() || chars(&self.fingerprint) > TEXT_CHARS_MAX {
            return wrong("the fingerprint is 1 to 256 characters");
        }
        if self.hostname.is_empty() || chars(&self.hostname) > HOSTNAME_CHARS_MAX {
            return wrong("the hostname is 1 to 253 characters");
        }
        if self.addresses.len() > ADDRESSES_MAX {
            return wrong("a host has at most 64 addresses");
        }
        let texts = [&self.kernel, &self.architecture, &self.agent, &self.boot_id];
        if texts.into_iter().any(|text| chars(text) > TEXT_CHARS_MAX) {
            return wrong(
                "kernel, architecture, agent and boot id are at most 256 characters each",
            );
        }
        let name = self.name.clone().filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| self.hostname.clone());
        let role = self.role.clone().filter(|role| !role.is_empty());
        let role = role.map(|role| (ROLE.to_owned(), role));
        let own = std::iter::once((NAME.to_owned(), name)).chain(role);
        Tags::new(own.chain(self.tags.iter().cloned()).collect())
    }

    /// The architecture in EC2's words: `x86_64`, `arm64`, `i386`, or what the host says.
    #[must_use]
    pub fn architecture(&self) -> &str {
        match self.architecture.as_str() {
            "aarch64" => "arm64",
            "i586" | "i686" | "x86" => "i386",
            other => other,
        }
    }

    /// Whether the host's system has been started anew between these facts and `later`, as far as both say.
    #[must_use]
    pub fn has_booted(&self, later: &Self) -> bool {
        let (before, after) = (&self.boot_id, &later.boot_id);
        !before.is_empty() && !after.is_empty() && before != after
    }

    /// The first address of IPv4.
    #[must_use]
    pub fn ipv4(&self) -> Option<IpAddr> {
        self.addresses.iter().copied().find(IpAddr::is_ipv4)
    }

    /// The first address of IPv6.
    #[must_use]
    pub fn ipv6(&self) -> Option<IpAddr> {
        self.addresses.iter().copied().find(IpAddr::is_ipv6)
    }

    /// A name for hosts of this size: `host.2c4g` has 2 processors and, rounded, 4 GiB of memory; `host.1c512m` less than 1 GiB.
    #[must_use]
    pub fn size(&self) -> String {
        const MIB: u64 = 1 << 20;
        let mib = self.memory_bytes / MIB;
        match mib {
            0 => format!("host.{}c", self.cores),
            // What the kernel keeps for itself is not in what it says, so a machine of 1 GiB says a little less.
            1..900 => format!("host.{}c{mib}m", self.cores),
            _ => format!("host.{}c{}g", self.cores, (mib + 512) / 1024),
        }
    }
}

fn chars(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_claims_its_name_its_role_and_its_tags() {
        let mut facts = Facts {
            fingerprint: "f".to_owned(),
            hostname: "web-1.example".to_owned(),
            role: Some("web".to_owned()),
            tags: vec![("team".to_owned(), "ads".to_owned())],
            ..Facts::default()
        };
        let claims = facts.claims().unwrap();
        assert_eq!(
            claims.iter().collect::<Vec<_>>(),
            [("Name", "web-1.example"), ("Role", "web"), ("team", "ads")]
        );
        facts.name = Some("web-1".to_owned());
        assert_eq!(facts.claims().unwrap().get("Name"), Some("web-1"));
        facts.tags.push(("Role".to_owned(), "db".to_owned()));
        assert!(matches!(facts.claims(), Err(Error::TagTwice { .. })));
        facts.fingerprint.clear();
        assert!(matches!(facts.claims(), Err(Error::Facts { .. })));
    }

    #[test]
    fn sizes_are_named_by_processors_and_memory() {
        let size = |cores, mib: u64| {
            let memory_bytes = mib << 20;
            Facts {
                cores,
                memory_bytes,
                ..Facts::default()
            }
            .size()
        };
        assert_eq!(size(2, 3900), "host.2c4g");
        assert_eq!(size(1, 480), "host.1c480m");
        assert_eq!(size(1, 960), "host.1c1g");
        assert_eq!(size(64, 257_000), "host.64c251g");
        assert_eq!(size(0, 0), "host.0c");
    }
}
