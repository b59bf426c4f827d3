//! What an agent says of its host.

use std::net::IpAddr;
use std::path::Path;

use anyhow::Context;
use sha2::{Digest, Sha256};
use watch::agent::protocol::Facts;

/// Where machines have their ids. Source: machine-id(5); the second is that of D-Bus, for systems without systemd.
const MACHINE_IDS: [&str; 2] = ["/etc/machine-id", "/var/lib/dbus/machine-id"];

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

/// Bytes of memory; 0 where nobody says.
fn memory() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kilobytes = total.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// The address that packets to others would leave from, in each family; nothing is sent for it.
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
    usable.filter(|address| !address.is_unspecified()).collect()
}
