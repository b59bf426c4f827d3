//! What an agent and the server say to each other, as JSON.
//!
//! The agent asks always: it joins once ([`Server::join`]), then tells what it found and hears what it is to do ([`Server::sync`]),
//! sends its metrics ([`Server::put`]) and says goodbye when it is stopped ([`Server::goodbye`]). Beside that it waits for news of
//! private networks ([`Server::link`]).

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use async_trait::async_trait;
use base::Timestamp;
use net::{HostPlan, HostReport};
use serde::{Deserialize, Serialize};

use crate::check::board::Report;
use crate::check::config::Settings;
use crate::check::plugin::Graph;
use crate::check::state::Rules;
use crate::datum::Datum;
use crate::keep::Kept;

/// The form of these messages. One that does not know the other's refuses it.
pub const VERSION: u32 = 1;
/// Results of one [`SyncRequest`].
pub const RESULTS_MAX: usize = 500;
/// Metrics of one [`Batch`]. Source: CloudWatch API Reference, `PutMetricData`, 1,000 a request.
pub const METRICS_MAX: usize = 1_000;

/// What the host is, as it says itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The name that people know it by: the tag `Name`.
    pub name: String,
    /// The name that it has in the network.
    pub hostname: String,
    /// What it is for: checks are given by role.
    pub roles: Vec<String>,
    /// Further tags.
    pub tags: BTreeMap<String, String>,
    /// Hosts, by name or id, without which it cannot be reached.
    pub parents: Vec<String>,
    /// Such as `x86_64`.
    pub architecture: String,
    /// Such as `Linux 6.1.0`.
    pub system: String,
    /// Processors.
    pub processors: u32,
    /// Bytes of memory.
    pub memory: u64,
    /// Its addresses, the main one first.
    pub addresses: Vec<IpAddr>,
    /// Of the machine: the same after a restart of the system, another on another machine.
    pub machine_id: String,
    /// Of the system's run: another after a restart of it. Empty where the host does not say.
    #[serde(default)]
    pub boot_id: String,
    /// The agent's version.
    pub version: String,
}

/// A host wants to be known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinRequest {
    /// [`VERSION`].
    pub version: u32,
    /// 64 hexadecimal digits, random, by which the host is known for good: the same when it is sent again, so that a lost answer
    /// makes no second host. A secret.
    pub id: String,
    /// Names the agent's process; drawn at each start and never written down, so that two that share a copied folder are noticed.
    pub run: String,
    /// What it is.
    pub facts: Facts,
    /// Whether it is a new host where another one with this machine's id is alive.
    pub is_new: bool,
}

/// A host's agent ends, as people want it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goodbye {
    /// The host.
    pub instance: String,
    /// The agent's process.
    pub run: String,
}

/// A host is known.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// Its id, such as `i-0123456789abcdef0`, for good.
    pub instance_id: String,
    /// The key with which it signs from now on.
    pub access_key_id: String,
    /// That key's secret.
    pub secret_access_key: String,
}

impl fmt::Debug for Joined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Joined")
            .field("instance_id", &self.instance_id)
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// What a host found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SyncRequest {
    /// [`VERSION`].
    pub version: u32,
    /// The host.
    pub instance: String,
    /// The agent's process.
    pub run: String,
    /// When it was written.
    pub at: Timestamp,
    /// What it is; given the first time and when it changed.
    pub facts: Option<Facts>,
    /// The hash of the definitions that it has of the server.
    pub definitions: String,
    /// The hash of what it checks: the server's definitions and its own.
    pub checks_hash: String,
    /// What it checks, by which rules; given where the server asked for it.
    pub checks: Option<BTreeMap<String, Rules>>,
    /// The graphs of its checks, all of them; given when they are others than those that were told.
    #[serde(default)]
    pub graphs: Option<BTreeMap<String, Vec<Graph>>>,
    /// Results, oldest first, at most [`RESULTS_MAX`]; they are sent again until they are answered.
    pub results: Vec<Report>,
    /// The processes that it keeps alive.
    pub kept: Vec<Kept>,
    /// Ids of commands that are done, and how.
    pub done: Vec<Done>,
    /// Metrics that were thrown away for want of room, since the agent began.
    pub metrics_lost: u64,
    /// Results that were.
    pub results_lost: u64,
    /// What is wrong with the definitions or the host's own file, if anything.
    pub problems: Vec<String>,
}

/// What a host is to do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SyncAnswer {
    /// Seconds until the next sync: 1 to 3,600; as before where it is none.
    pub every_secs: Option<u32>,
    /// The checks of its roles, where its hash is another.
    pub definitions: Option<Definitions>,
    /// Whether the server wants to know what it checks.
    pub wants_checks: bool,
    /// What it is to do, each once.
    pub commands: Vec<Command>,
}

/// The checks of a host's roles.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Definitions {
    /// [`Settings::hash`] of them.
    pub hash: String,
    /// They.
    pub settings: Settings,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Tells it from others; a command that comes again is done once.
    pub id: String,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum What {
    /// Run a check now.
    RunCheck {
        /// Which.
        check: String,
    },
    /// Keep a process alive again.
    Watch {
        /// Which.
        process: String,
    },
    /// Leave a process alone.
    Unwatch {
        /// Which.
        process: String,
    },
    /// Restart a process that is kept.
    Restart {
        /// Which.
        process: String,
    },
    /// The host is stopped, for the inventory: no checks and no metrics until [`What::Start`]; the agent goes on asking.
    Stop,
    /// The host runs again.
    Start,
    /// Begin anew: all checks run, all states are told.
    Reboot,
    /// The host is no more: the agent forgets its id and ends.
    Terminate,
}

/// A command was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Its id.
    pub id: String,
    /// Why not, where it was not.
    pub problem: Option<String>,
}

/// Metrics of a host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// Tells it from others: the same when it is sent again.
    pub id: String,
    /// At most [`METRICS_MAX`], oldest first.
    pub data: Vec<Datum>,
}

/// What a host's part of private networks is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkRequest {
    /// [`VERSION`].
    pub version: u32,
    /// The host.
    pub instance: String,
    /// The agent's process.
    pub run: String,
    /// What it has.
    pub report: HostReport,
}

/// What it is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkAnswer {
    /// A plan of another generation than the host has; none where there was none for as long as the server waits.
    pub plan: Option<HostPlan>,
}

/// Why the server did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// It cannot be reached, or has trouble of its own: it is asked again.
    #[error("the server cannot be reached: {0}")]
    Away(String),
    /// It does not take this, now or later: what was sent is thrown away and counted. That somebody may not do it is [`Failed::Away`].
    #[error("the server refuses: {0}")]
    Refused(String),
    /// It does not know the host (any more): the agent ends, and what waits is kept.
    #[error("the server does not know this host")]
    Unknown,
}

/// The server, as an agent sees it. Calls have an end: the implementation bounds their time.
#[async_trait]
pub trait Server: Send + Sync + fmt::Debug {
    /// Makes the host known.
    ///
    /// # Errors
    /// [`Failed::Away`], [`Failed::Refused`].
    async fn join(&self, request: JoinRequest) -> Result<Joined, Failed>;

    /// Tells what the host found, and hears what it is to do. What was told is durable when the answer comes.
    ///
    /// # Errors
    /// [`Failed`].
    async fn sync(&self, who: &Joined, request: SyncRequest) -> Result<SyncAnswer, Failed>;

    /// Sends metrics, which are durable when the answer comes. A batch that comes twice counts once, as far as its id is remembered.
    ///
    /// # Errors
    /// [`Failed`].
    async fn put(&self, who: &Joined, batch: Batch) -> Result<(), Failed>;

    /// Tells what part the host has in private networks, and waits until it is to have another: for up to half a minute.
    ///
    /// # Errors
    /// [`Failed`].
    async fn link(&self, who: &Joined, request: LinkRequest) -> Result<Option<HostPlan>, Failed>;

    /// The host is being stopped, as people want it.
    ///
    /// # Errors
    /// [`Failed`].
    async fn goodbye(&self, who: &Joined, request: Goodbye) -> Result<(), Failed>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_and_answers_are_read_as_they_are_written() {
        let text = r#"{"commands":[{"id":"c1","what":"run-check","check":"load"},{"id":"c2","what":"terminate"}]}"#;
        let answer: SyncAnswer = serde_json::from_str(text).unwrap();
        let load = "load".to_owned();
        assert_eq!(answer.commands[0].what, What::RunCheck { check: load });
        assert_eq!(answer.commands[1].what, What::Terminate);
        let again: SyncAnswer =
            serde_json::from_str(&serde_json::to_string(&answer).unwrap()).unwrap();
        assert_eq!(again, answer);
    }

    #[test]
    fn a_secret_is_not_shown() {
        let joined = Joined {
            instance_id: "i-1".to_owned(),
            access_key_id: "AKIA1".to_owned(),
            secret_access_key: "secret".to_owned(),
        };
        assert!(!format!("{joined:?}").contains("\"secret\""));
    }
}
