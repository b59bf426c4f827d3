//! Instances: what is known of a host.

use std::net::Ipv4Addr;
use std::time::Duration;

use base::Timestamp;
use net::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::network::place::Place;
use super::{Facts, InstanceId, Tags};

/// How long a terminated instance is still shown. Source: EC2 User Guide, "Terminate instances": usually within an hour.
pub const TERMINATED_FOR: Duration = Duration::from_secs(3600);

/// How long things take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How often an agent reports.
    pub every: Duration,
    /// How often an agent reports whose instance has detailed monitoring.
    pub every_detailed: Duration,
    /// After how many reports missed a host is silent.
    pub missed: u32,
    /// Where hosts outside have the addresses by which networks know them.
    pub outside: Ipv4Net,
}

/// Where hosts outside have their addresses, unless another range is set. Source: EC2-Classic (10.0.0.0/8).
pub const OUTSIDE: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 8);

impl Default for Rules {
    /// Chosen: a minute as basic metrics have, and ten seconds as the shortest alarm period is.
    fn default() -> Self {
        Self {
            every: Duration::from_secs(60),
            every_detailed: Duration::from_secs(10),
            missed: 3,
            outside: OUTSIDE,
        }
    }
}

/// The state of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// No agent has joined as it yet, or it is to be started.
    Pending,
    /// Its agent reports, or did until it fell silent.
    Running,
    /// It has been told to leave for good.
    ShuttingDown,
    /// It has left for good.
    Terminated,
    /// It has been told to stop.
    Stopping,
    /// It has said goodbye, or was stopped.
    Stopped,
}

impl State {
    /// Such as `running`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
    }

    /// EC2's code of it.
    #[must_use]
    pub const fn code(self) -> i32 {
        match self {
            Self::Pending => 0,
            Self::Running => 16,
            Self::ShuttingDown => 32,
            Self::Terminated => 48,
            Self::Stopping => 64,
            Self::Stopped => 80,
        }
    }

    /// Whether it has left, or is about to.
    #[must_use]
    pub const fn is_leaving(self) -> bool {
        matches!(self, Self::ShuttingDown | Self::Terminated)
    }
}

/// Who brought an instance into its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Somebody by a call.
    User,
    /// The host itself.
    Host,
}

/// A task for an agent, which is told until it says that it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// End, and stay so.
    Stop,
    /// Start yourself and what you supervise anew.
    Reboot,
    /// Forget your credentials and end.
    Leave,
}

/// A task with its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Names it; counted up for each instance.
    pub id: u64,
    /// What.
    pub task: Task,
}

/// The agent that an instance has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// SHA-256 of the secret by which the agent is known, in hexadecimal digits.
    pub secret_hash: String,
    /// The credentials that it was given last; `None` until they are.
    pub access_key_id: Option<String>,
    /// What it says about its host.
    pub facts: Facts,
    /// The agent's process that speaks for the instance.
    pub run: String,
    /// Since when.
    pub run_since: Timestamp,
    /// Whether it has reported with its credentials since it joined.
    pub has_reported: bool,
    /// Processes that spoke for it before, newest last. One of them that speaks again shows that there are two.
    pub before: Vec<String>,
    /// Processes that turned out to be those of copies, newest last.
    pub copies: Vec<String>,
}

/// What somebody wanted who ran the instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// The image, which is shown and has no effect.
    pub image_id: Option<String>,
    /// The type, which is shown and has no effect.
    pub instance_type: Option<String>,
    /// The key pair, which is shown and has no effect.
    pub key_name: Option<String>,
    /// User data in base64.
    pub user_data: Option<String>,
    /// The client token.
    pub client_token: Option<String>,
    /// What the request was, so that another with the same token is noticed.
    pub request_hash: String,
}

/// A host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Its id.
    pub id: InstanceId,
    /// The reservation, which those share that were run together.
    pub reservation: String,
    /// Its place among those, from 0.
    pub launch_index: u32,
    /// When it was run, joined, or was started last.
    pub launched: Timestamp,
    /// What was wanted of it; nothing for one that joined by itself.
    pub wish: Wish,
    /// Its tags.
    pub tags: Tags,
    /// Those that its host claims.
    pub claims: Tags,
    /// Its agent.
    pub member: Option<Member>,
    /// Its state.
    pub state: State,
    /// Since when.
    pub since: Timestamp,
    /// Who brought it into it; `None` where it began or runs.
    pub cause: Option<Cause>,
    /// Since when nothing is heard of it, where it should be.
    pub silent_since: Option<Timestamp>,
    /// What its agent is to do.
    pub orders: Vec<Order>,
    /// The id of the next of those.
    pub next_order: u64,
    /// The enrolment by which its agent joined last, until it has reported.
    pub enrolment: Option<String>,
    /// When its user data showed how to join; `None` where it has not yet.
    pub shown: Option<Timestamp>,
    /// Whether it reports every few seconds.
    pub is_detailed: bool,
    /// Whether TerminateInstances is refused.
    pub is_termination_protected: bool,
    /// Whether StopInstances is refused.
    pub is_stop_protected: bool,
    /// Where it is: inside a private network, or outside.
    #[serde(default)]
    pub place: Place,
}

impl Instance {
    /// The value of its tag `Name`, or nothing.
    #[must_use]
    pub fn name(&self) -> &str {
        self.tags.get(super::tags::NAME).unwrap_or_default()
    }

    /// What its host says of itself; `None` until an agent has joined.
    #[must_use]
    pub fn facts(&self) -> Option<&Facts> {
        self.member.as_ref().map(|member| &member.facts)
    }

    /// Its type: what was wanted, or the size of its host; `host` where neither is known.
    #[must_use]
    pub fn type_name(&self) -> String {
        let wanted = self.wish.instance_type.clone();
        let own = || self.facts().map(Facts::size);
        wanted.or_else(own).unwrap_or_else(|| "host".to_owned())
    }

    /// Why it is in its state, as EC2's code and text; `None` where it began or runs.
    #[must_use]
    pub fn reason(&self) -> Option<(&'static str, &'static str)> {
        Some(match self.cause? {
            Cause::User => (
                "Client.UserInitiatedShutdown",
                "Client.UserInitiatedShutdown: User initiated shutdown",
            ),
            Cause::Host => (
                "Client.InstanceInitiatedShutdown",
                "Client.InstanceInitiatedShutdown: Instance initiated shutdown",
            ),
        })
    }

    /// The same in one line: `User initiated (2026-11-29 16:13:25 GMT)`, or nothing.
    #[must_use]
    pub fn transition(&self) -> String {
        match self.cause {
            Some(Cause::User) => {
                let at = self.since.rfc3339_secs().replace('T', " ");
                format!("User initiated ({} GMT)", at.trim_end_matches('Z'))
            }
            _ => String::new(),
        }
    }

    pub(super) fn enter(&mut self, at: Timestamp, state: State, cause: Option<Cause>) {
        self.state = state;
        self.since = at;
        self.cause = cause;
        self.silent_since = None;
    }

    /// Gives a task, unless it waits already.
    pub(super) fn order(&mut self, task: Task) {
        if !self.orders.iter().any(|order| order.task == task) {
            let id = self.next_order;
            self.orders.push(Order { id, task });
            self.next_order += 1;
        }
    }
}
