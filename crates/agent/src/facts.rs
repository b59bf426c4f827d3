//! What an agent says of its host.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use anyhow::Context;
use sha2::{Digest, Sha256};
use watch::agent::protocol::Facts;

/// Where machines have their ids. Source: machine-id(5); the second is that of D-Bus, for systems without systemd.
const MACHINE_IDS: [&str; 2] = ["/etc/machine-id", "/var/lib/dbus/machine-id"];

/// Addresses that are told. Chosen: as many as the inventory keeps of a host.
const ADDRESSES_MAX: usize = 64;

/// What this host is. A machine is known by its id and the agent's folder, so that several agents may run on one.
///
/// # Errors
/// Where the folder cannot be made.
pub fn host_facts(state: &Path) -> anyhow::Result<Facts> {
    std::fs::create_dir_all(state)
        .with_context(|| format!("cannot make the folder `{}`", state.display()))?;
    let state = state.canonicalize()?;
    let uname = rustix::system::uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    let hostname = text(uname.nodename());
    let id = MACHINE_IDS
        .iter()
        .find_map(|path| std::fs::read_to_string(path).ok());
    let id = id.unwrap_or_else(|| hostname.clone());
    let mut digest = Sha256::new();
    digest.update(id.trim().as_bytes());
    digest.update(state.as_os_str().as_encoded_bytes());
    Ok(Facts {
        name: hostname.clone(),
        hostname,
        machine_id: hex::encode(digest.finalize()),
        boot_id: boot_id(),
        architecture: text(uname.machine()),
        system: format!("{} {}", text(uname.sysname()), text(uname.release())),
        processors: std::thread::available_parallelism()
            .map_or(0, |count| u32::try_from(count.get()).unwrap_or(u32::MAX)),
        memory: memory(),
        addresses: addresses(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..Facts::default()
    })
}

/// Of the system's run. Source: proc(5), `/proc/sys/kernel/random/boot_id`.
fn boot_id() -> String {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    text.unwrap_or_default().trim().to_owned()
}

/// Bytes of memory; 0 where nobody says.
fn memory() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kilobytes = total.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// The address that packets to others would leave from, in each family, for which nothing is sent; then the host's other ones
/// of IPv4, by which a network knows it.
fn addresses() -> Vec<IpAddr> {
    let toward = |from: &str, to: &str| {
        let socket = std::net::UdpSocket::bind(from).ok()?;
        socket.connect(to).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    // Addresses of documentation (RFC 5737, RFC 3849): routed as any other, and nobody's.
    let found = [
        toward("0.0.0.0:0", "192.0.2.1:9"),
        toward("[::]:0", "[2001:db8::1]:9"),
    ];
    let usable = found.into_iter().flatten();
    let mut all: Vec<_> = usable.filter(|it| !it.is_unspecified()).collect();
    for address in own().map(IpAddr::V4) {
        if all.len() < ADDRESSES_MAX && !all.contains(&address) {
            all.push(address);
        }
    }
    all
}

/// This host's addresses of IPv4, without those that others cannot reach.
pub fn own() -> impl Iterator<Item = Ipv4Addr> {
    let routes = std::fs::read_to_string("/proc/net/fib_trie").unwrap_or_default();
    own_addresses(&routes).into_iter()
}

/// The addresses in the kernel's own routes: lines `|-- ADDRESS`, each before one that says `/32 host LOCAL`.
fn own_addresses(routes: &str) -> BTreeSet<Ipv4Addr> {
    let mut last = None;
    let mut found = BTreeSet::new();
    for line in routes.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            last = address.parse::<Ipv4Addr>().ok();
        } else if line == "/32 host LOCAL" {
            found.extend(last.filter(|it| !it.is_loopback() && !it.is_link_local()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_that_the_kernel_calls_local() {
        let routes = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 10.77.0.0\n        /24 link UNICAST\nLocal:\n     |-- 10.77.0.2\n        /32 host LOCAL\n     |-- 10.77.0.255\n        /32 link BROADCAST\n     |-- 127.0.0.1\n        /32 host LOCAL\n     |-- 169.254.1.1\n        /32 host LOCAL\n     |-- 10.77.0.2\n        /32 host LOCAL\n";
        let expected = BTreeSet::from([Ipv4Addr::new(10, 77, 0, 2)]);
        assert_eq!(own_addresses(routes), expected);
        assert!(own_addresses("").is_empty());
    }
}
