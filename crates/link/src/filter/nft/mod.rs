//! The kernel's filter as a guard: [`net::Filter`] by nftables, through the program `nft`.
//!
//! The table stays when this process ends, whichever way: with the gateway dead nothing is opened, and what is linked again meets the
//! same rules. What refuses a ruleset leaves the one before in place, as nftables changes all of a ruleset or nothing.
//! Tracked connections are the kernel's: it decides how many (`net.netfilter.nf_conntrack_max`) and for how long
//! (`nf_conntrack_*_timeout*`; for streams of UDP 120 s where AWS has 180 s). Those that new rules do not keep
//! ([`Rules::keeps`]) are ended once these are in place; no others of the host are.
//!
//! Whose `CAP_NET_ADMIN` is of the first user namespace may have rulesets of any size. In another one (a container without
//! privileges, the tests) the kernel takes some 400 KiB at a time: 1,000 hosts with twenty sets of groups, not with a hundred.
//!
//! - [`ruleset`]: the text of the table
//! - `conntrack`: what the kernel tracks

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use net::refusal::{Cause, Refused};
use net::rule::{ICMP, TCP, UDP};
use net::{Filter, Refusals, RefusedFlow};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use self::conntrack::Conntrack;
use self::ruleset::Ruleset;
use super::recent::Recent;
use super::rules::Rules;
use crate::guard::{self, Guard};
use crate::packet::PacketFilter;

#[cfg(test)]
mod agreement;
mod conntrack;
pub mod ruleset;

/// How long `nft` may take. Chosen: 1,000 links take 0.1 s.
const TAKES_MAX: Duration = Duration::from_secs(10);
/// What is shown of what `nft` says of an error, in bytes. Chosen.
const SAID_BYTES_MAX: usize = 500;
/// The longest name of a device, in bytes. Source: Linux, `IFNAMSIZ`.
const DEVICE_BYTES_MAX: usize = 15;
/// The longest name of a table, in bytes. Chosen, below `NFT_NAME_MAXLEN`.
const TABLE_BYTES_MAX: usize = 64;

/// Filters by nftables.
#[derive(Debug)]
pub struct Nft {
    table: String,
    device: String,
    /// Whether the table is this guard's, and its counters count what is told.
    is_applied: bool,
    /// What the counters stood at last.
    counted: Refusals,
    /// What was counted by tables that are no more.
    before: Refusals,
    /// What was refused last.
    recent: Recent,
    /// The rules that are in place.
    rules: Arc<Rules>,
}

/// A name cannot be one of a table or a device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{name}` is not a name for {what}: letters, digits, `_`, `-` and `.`, of which the first is a letter, at most {bytes_max}"
)]
pub struct BadName {
    /// The name.
    pub name: String,
    /// What it should name.
    pub what: &'static str,
    /// Bytes that it may have.
    pub bytes_max: usize,
}

impl Nft {
    /// Guards the tunnel's device `device` by the table `table`, which nobody else should use. Nothing is done yet.
    ///
    /// # Errors
    /// [`BadName`] when a name could not be one, or would mean something in a ruleset.
    pub fn new(table: &str, device: &str) -> Result<Self, BadName> {
        named(table, "a table", TABLE_BYTES_MAX)?;
        named(device, "a device", DEVICE_BYTES_MAX)?;
        Ok(Self {
            table: table.to_owned(),
            device: device.to_owned(),
            is_applied: false,
            counted: Refusals::default(),
            before: Refusals::default(),
            recent: Recent::default(),
            rules: Arc::default(),
        })
    }

    /// Takes the table away, and with it every refusal: for who takes the tunnel away as well.
    ///
    /// # Errors
    /// [`guard::Refused`] when it is still there.
    pub async fn remove(&mut self) -> Result<(), guard::Refused> {
        let table = &self.table;
        // Made first, so that it is no error where it is not there.
        let text = format!("table inet {table}\ndelete table inet {table}\n");
        nft(&["-f", "-"], text).await?;
        self.is_applied = false;
        Ok(())
    }

    /// What the counters of the table stand at.
    ///
    /// # Errors
    /// [`guard::Refused`] when they cannot be read.
    pub async fn counters(&self) -> Result<Vec<(String, u64)>, guard::Refused> {
        let said = nft(
            &["-j", "list", "counters", "table", "inet", &self.table],
            String::new(),
        )
        .await?;
        counters(&said).ok_or_else(|| refused("`nft -j list` said no counters"))
    }

    /// Reads what the table has counted and noted. Where that cannot be read, it is what it was.
    async fn look(&mut self) {
        if !self.is_applied {
            return;
        }
        let Ok(counters) = self.counters().await else {
            return;
        };
        let counted = |cause: Cause| {
            let name = cause.name();
            let own = counters.iter().find(|(own, _)| *own == name);
            (cause, own.map_or(0, |(_, packets)| *packets))
        };
        let counted: Vec<_> = ruleset::causes().map(counted).collect();
        let counted = Refusals::from(counted);
        if counted.total() != self.counted.total() {
            for flow in self.noted().await {
                self.recent.put(flow);
            }
        }
        self.counted = counted;
    }

    /// The flows that the table has noted, the newest last.
    async fn noted(&self) -> Vec<RefusedFlow> {
        let mut noted = Vec::new();
        for set in ruleset::RECENT_SETS {
            let list = ["-j", "-n", "list", "set", "inet", &self.table, set];
            let said = nft(&list, String::new()).await;
            noted.extend(said.ok().and_then(|said| flows(&said)).unwrap_or_default());
        }
        noted.sort_by_key(|(expires, _)| *expires);
        noted.into_iter().map(|(_, flow)| flow).collect()
    }
}

#[async_trait]
impl Guard for Nft {
    async fn apply(&mut self, filter: &Filter) -> Result<(), guard::Refused> {
        let ruleset = Ruleset {
            table: &self.table,
            device: &self.device,
            filter,
        };
        let text = ruleset.text();
        // The counters go with the table. What they count from now until the new table stands is not told.
        self.look().await;
        nft(&["-f", "-"], text).await?;
        self.before.extend(self.counted.iter());
        self.counted = Refusals::default();
        self.is_applied = true;
        let rules = Arc::new(Rules::of(filter));
        let old = std::mem::replace(&mut self.rules, Arc::clone(&rules));
        match tokio::task::spawn_blocking(move || end_flows(&old, &rules)).await {
            Ok(Ok(0)) => {}
            Ok(Ok(count)) => tracing::debug!(count, "flows were ended with what allowed them"),
            Ok(Err(error)) => tracing::warn!(%error, "flows that are over may go on"),
            Err(error) => tracing::warn!(%error, "flows that are over may go on"),
        }
        Ok(())
    }

    async fn refused(&mut self) -> Refused {
        self.look().await;
        let mut counts = self.before.clone();
        counts.extend(self.counted.iter());
        let recent = self.recent.flows();
        Refused { counts, recent }
    }

    fn packets(&self) -> Option<Arc<dyn PacketFilter>> {
        None
    }
}

/// Ends tracked flows of the network that `rules` do not keep. Says how many.
fn end_flows(old: &Rules, rules: &Rules) -> std::io::Result<usize> {
    if old.places.spans().is_empty() {
        return Ok(0);
    }
    let conntrack = Conntrack::open()?;
    let connections = conntrack.list()?.into_iter();
    let own = connections.filter(|one| old.governs(one.flow) && !rules.keeps(old, one.flow));
    let mut count = 0;
    for connection in own {
        conntrack.end(&connection)?;
        count += 1;
    }
    Ok(count)
}

fn named(name: &str, what: &'static str, bytes_max: usize) -> Result<(), BadName> {
    let is_letter = |at: char| at.is_ascii_alphabetic();
    let may_stand = |at: char| at.is_ascii_alphanumeric() || matches!(at, '_' | '-' | '.');
    let is_good =
        name.len() <= bytes_max && name.starts_with(is_letter) && name.chars().all(may_stand);
    is_good.then_some(()).ok_or_else(|| BadName {
        name: name.to_owned(),
        what,
        bytes_max,
    })
}

fn refused(reason: &str) -> guard::Refused {
    guard::Refused {
        reason: reason.to_owned(),
    }
}

/// Runs `nft` with `arguments` and `input`, and gives what it printed.
async fn nft(arguments: &[&str], input: String) -> Result<String, guard::Refused> {
    let run = async {
        let mut child = Command::new(program())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdin = child.stdin.take();
        let write = async move {
            if let Some(mut stdin) = stdin {
                // Where it ends before it has read all, it says why.
                let _ = stdin.write_all(input.as_bytes()).await;
            }
        };
        let (output, ()) = tokio::join!(child.wait_with_output(), write);
        output
    };
    let output = tokio::time::timeout(TAKES_MAX, run)
        .await
        .map_err(|_| refused("`nft` did not end within 10 s"))?
        .map_err(|error| refused(&format!("`nft` could not be run: {error}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let mut end = said.len().min(SAID_BYTES_MAX);
    while !said.is_char_boundary(end) {
        end -= 1;
    }
    Err(refused(&format!(
        "`nft` refused it: {}",
        said.get(..end).unwrap_or_default().trim()
    )))
}

/// Where Debian and others put it, which is not where all users' programs are looked for; else wherever it is found.
fn program() -> &'static str {
    let usual = "/usr/sbin/nft";
    if Path::new(usual).exists() {
        usual
    } else {
        "nft"
    }
}

/// Packets by name of their counter, from what `nft -j list` says.
fn counters(said: &str) -> Option<Vec<(String, u64)>> {
    let said: serde_json::Value = serde_json::from_str(said).ok()?;
    let all = said.get("nftables")?.as_array()?.iter();
    let counters = all.filter_map(|one| one.get("counter"));
    let counter = |one: &serde_json::Value| {
        let name = one.get("name")?.as_str()?;
        Some((name.to_owned(), one.get("packets")?.as_u64()?))
    };
    counters.map(counter).collect()
}

/// Flows with the seconds for which they are still noted, from what `nft -j -n list set` says.
fn flows(said: &str) -> Option<Vec<(u64, RefusedFlow)>> {
    let said: serde_json::Value = serde_json::from_str(said).ok()?;
    let mut all = said.get("nftables")?.as_array()?.iter();
    let set = all.find_map(|one| one.get("set"))?;
    let flow = |one: &serde_json::Value| {
        let one = one.get("elem")?;
        let mut key = one.get("val")?.get("concat")?.as_array()?.iter();
        let flow = RefusedFlow {
            source: key.next()?.as_str()?.parse().ok()?,
            destination: key.next()?.as_str()?.parse().ok()?,
            protocol: protocol(key.next()?)?,
            port: key
                .next()
                .and_then(serde_json::Value::as_u64)
                .and_then(|port| port.try_into().ok()),
            packets: one.get("counter")?.get("packets")?.as_u64()?,
        };
        Some((one.get("expires")?.as_u64()?, flow))
    };
    let elements = set.get("elem").and_then(serde_json::Value::as_array);
    Some(elements.into_iter().flatten().filter_map(flow).collect())
}

/// A protocol's number, which some versions of `nft` write as a name all the same.
fn protocol(said: &serde_json::Value) -> Option<u8> {
    match said.as_str() {
        Some("tcp") => Some(TCP),
        Some("udp") => Some(UDP),
        Some("icmp") => Some(ICMP),
        Some(other) => other.parse().ok(),
        None => said.as_u64()?.try_into().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_would_mean_something_else_is_refused() {
        assert!(Nft::new("shukuba_vpc-1", "skb0").is_ok());
        for name in [
            "",
            "0a",
            "a b",
            "a;b",
            "a\"b",
            "a{",
            "a".repeat(16).as_str(),
        ] {
            assert!(Nft::new("shukuba", name).is_err(), "{name}");
        }
    }

    #[test]
    fn flows_are_read_from_what_nft_lists() {
        // Of nft 1.0.6, with `-n` and without.
        let said = r#"{"nftables": [{"metainfo": {"version": "1.0.6"}}, {"set": {"family": "inet", "name": "recent_ports", "table": "t",
            "type": ["ipv4_addr", "ipv4_addr", "inet_proto", "inet_service"], "handle": 1, "size": 1024, "flags": ["timeout", "dynamic"], "timeout": 60,
            "elem": [{"elem": {"val": {"concat": ["10.64.0.4", "172.16.0.10", 6, 6002]}, "expires": 58, "counter": {"packets": 3, "bytes": 120}}},
                     {"elem": {"val": {"concat": ["10.64.0.4", "172.16.0.10", "udp", 53]}, "expires": 9, "counter": {"packets": 1, "bytes": 40}}}]}}]}"#;
        let flows = flows(said).unwrap();
        let shown = flows
            .iter()
            .map(|(secs, it)| (*secs, it.protocol, it.port, it.packets));
        let expected = [(58, TCP, Some(6002), 3), (9, UDP, Some(53), 1)];
        assert_eq!(shown.collect::<Vec<_>>(), expected);
        let empty = r#"{"nftables": [{"set": {"name": "recent"}}]}"#;
        assert_eq!(super::flows(empty), Some(Vec::new()));
        assert_eq!(super::flows("{}"), None);
    }

    #[test]
    fn counters_are_read_from_what_nft_lists() {
        let said = r#"{"nftables": [{"metainfo": {"version": "1.0.6"}}, {"table": {"family": "inet", "name": "t", "handle": 1}},
            {"counter": {"family": "inet", "name": "no_path", "table": "t", "handle": 2, "packets": 3, "bytes": 120}}]}"#;
        assert_eq!(counters(said), Some(vec![("no_path".to_owned(), 3)]));
        assert_eq!(counters("{}"), None);
    }
}
