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
use net::Filter;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use self::conntrack::Conntrack;
use self::ruleset::Ruleset;
use super::rules::Rules;
use crate::guard::{Guard, Refused};
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
    /// Whether the table is this guard's, and its counters count from what was told.
    is_applied: bool,
    /// What the counters stood at when they were told.
    told: u64,
    /// What was counted by tables that are no more, and not told.
    untold: u64,
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
            told: 0,
            untold: 0,
            rules: Arc::default(),
        })
    }

    /// Takes the table away, and with it every refusal: for who takes the tunnel away as well.
    ///
    /// # Errors
    /// [`Refused`] when it is still there.
    pub async fn remove(&mut self) -> Result<(), Refused> {
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
    /// [`Refused`] when they cannot be read.
    pub async fn counters(&self) -> Result<Vec<(String, u64)>, Refused> {
        let said = nft(
            &["-j", "list", "counters", "table", "inet", &self.table],
            String::new(),
        )
        .await?;
        counters(&said).ok_or_else(|| refused("`nft -j list` said no counters"))
    }

    async fn count(&self) -> u64 {
        let counters = self.counters().await.unwrap_or_default();
        counters.iter().map(|(_, packets)| packets).sum()
    }
}

#[async_trait]
impl Guard for Nft {
    async fn apply(&mut self, filter: &Filter) -> Result<(), Refused> {
        let ruleset = Ruleset {
            table: &self.table,
            device: &self.device,
            filter,
        };
        let text = ruleset.text();
        // The counters go with the table. What they count from now until the new table stands is not told.
        let counted = if self.is_applied {
            self.count().await
        } else {
            0
        };
        nft(&["-f", "-"], text).await?;
        self.untold += counted.saturating_sub(self.told);
        self.told = 0;
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

    async fn refused(&mut self) -> u64 {
        let counted = if self.is_applied {
            self.count().await
        } else {
            0
        };
        let new = counted.saturating_sub(self.told);
        self.told = self.told.max(counted);
        new + std::mem::take(&mut self.untold)
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

fn refused(reason: &str) -> Refused {
    Refused {
        reason: reason.to_owned(),
    }
}

/// Runs `nft` with `arguments` and `input`, and gives what it printed.
async fn nft(arguments: &[&str], input: String) -> Result<String, Refused> {
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
    fn counters_are_read_from_what_nft_lists() {
        let said = r#"{"nftables": [{"metainfo": {"version": "1.0.6"}}, {"table": {"family": "inet", "name": "t", "handle": 1}},
            {"counter": {"family": "inet", "name": "no_path", "table": "t", "handle": 2, "packets": 3, "bytes": 120}}]}"#;
        assert_eq!(counters(said), Some(vec![("no_path".to_owned(), 3)]));
        assert_eq!(counters("{}"), None);
    }
}
