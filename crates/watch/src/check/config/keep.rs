//! One process that is kept alive.

use std::collections::BTreeMap;

use base::setting::Problems;
use serde::{Deserialize, Serialize};

use super::look::is_address;
use super::{Names, Often, Process, Share, Size, Span, check_command};

/// A cycle where it is not said. Chosen: a dead process is back within 5 seconds.
const EVERY: Span = Span::secs(5);
/// How long a command may take, and a process to end, where it is not said. Source: Monit, `start … with timeout`.
const TIMEOUT: Span = Span::secs(30);
/// Source: Monit's sample, `if 5 restarts within 10 cycles then timeout`.
const GIVE_UP: Often = Often {
    times: 5,
    cycles: 10,
};
/// Cycles over a limit after which a process is restarted, where it is not said.
const FOR_CYCLES: u32 = 3;

/// One process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Keep {
    /// Which process it is.
    pub process: Process,
    /// The command that starts it. It may stay (the process itself) or end (one that starts it in the background).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// The command that stops it; without one it is sent SIGTERM, and SIGKILL after `timeout`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop: Option<String>,
    /// The command that restarts it; without one it is stopped and started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart: Option<String>,
    /// Whether the command lines are given to `/bin/sh -c`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub shell: bool,
    /// The user that the commands run as; only an agent that runs as root can change it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Variables of the commands beside `PATH`, `HOME` and `LANG`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// A cycle: 1 s to 1 h; 5 s where it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<Span>,
    /// How long a command may take, and the process to come and to end: 1 s to 10 min.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// So many restarts in so many cycles, and it is left alone and told; `5 in 10` where it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub give_up: Option<Often>,
    /// After this time it is tried again, then after twice the time, up to 1 h; never where it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub again_after: Option<Span>,
    /// More memory (resident) than this for `for_cycles`, and it is restarted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_max: Option<Size>,
    /// A larger share of a core than this for `for_cycles`, and it is restarted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_max: Option<Share>,
    /// A `host:port` that must take connections; not for `for_cycles`, and it is restarted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// Cycles of a limit or a port: 1 to 1,000; 3 where it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub for_cycles: Option<u32>,
    /// What must be up before: names in `keep`. When one of them is restarted, so is this.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub depends_on: Names,
    /// The hosts' roles; none for all hosts.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub roles: Names,
    /// Whom the router tells.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub notify: Names,
    /// What the router goes by.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

impl Keep {
    /// A cycle.
    #[must_use]
    pub fn every(&self) -> Span {
        self.every.unwrap_or(EVERY)
    }

    /// How long commands may take.
    #[must_use]
    pub fn timeout(&self) -> Span {
        self.timeout.unwrap_or(TIMEOUT)
    }

    /// When it is given up.
    #[must_use]
    pub fn give_up(&self) -> Often {
        self.give_up.unwrap_or(GIVE_UP)
    }

    /// Cycles over a limit that are too many.
    #[must_use]
    pub fn for_cycles(&self) -> u32 {
        self.for_cycles.unwrap_or(FOR_CYCLES)
    }

    /// What the states of its check go by: it is told when it is given up, at once.
    #[must_use]
    pub fn rules(&self) -> crate::check::state::Rules {
        crate::check::state::Rules {
            attempts: 1,
            flapping: None,
            parents: Vec::new(),
            depends_on: Vec::new(),
            fresh_for: std::time::Duration::ZERO,
            notify: self.notify.to_vec(),
            labels: self.labels.clone(),
        }
    }

    pub(super) fn check(&self, key: &str, all: &BTreeMap<String, Self>, problems: &mut Problems) {
        let at = |name: &str| format!("{key}.{name}");
        self.process.check(&at("process"), problems);
        if self.start.is_none() && self.restart.is_none() {
            problems.push(key, "give `start`, the command that starts it");
        }
        for (name, line) in [
            ("start", &self.start),
            ("stop", &self.stop),
            ("restart", &self.restart),
        ] {
            check_command(problems, &at(name), line.as_deref(), self.shell);
        }
        problems.span(
            &at("every"),
            self.every,
            Span::secs(1).get(),
            Span::secs(3600).get(),
        );
        problems.span(
            &at("timeout"),
            self.timeout,
            Span::secs(1).get(),
            Span::secs(600).get(),
        );
        problems.span(
            &at("again_after"),
            self.again_after,
            Span::secs(1).get(),
            Span::secs(3600).get(),
        );
        problems.count(&at("for_cycles"), self.for_cycles, 1, 1000);
        if let Some(port) = self.port.as_ref().filter(|port| !is_address(port)) {
            problems.push(&at("port"), format!("`{port}` is not `host:port`"));
        }
        for name in self
            .depends_on
            .iter()
            .filter(|name| !all.contains_key(*name))
        {
            problems.push(&at("depends_on"), format!("`{name}` is not in `keep`"));
        }
    }
}
