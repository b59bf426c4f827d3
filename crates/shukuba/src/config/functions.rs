//! `[functions]`: functions and schedules.

use std::path::PathBuf;
use std::time::Duration;

use delivery::config::{Invalid, Span};
use lambda::fleet;
use serde::{Deserialize, Serialize};

use super::server::out_of_time;

/// `[functions]`: functions and schedules. Whoever may create a function (`lambda:CreateFunction` and `iam:PassRole`) has a program run as `account`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Functions {
    /// Whether there are functions and rules at all; what was made stays where it is. Whoever may change a function's code has a program run as `account`, by default as the server itself. Default false.
    pub(crate) enabled: bool,
    /// The user that functions run as: `name`, or `uid:gid`. Needs a server that runs as root, and a `dir` that this user can reach. Default none: the server's own user, who can read all that the server can.
    pub(crate) account: Option<String>,
    /// Folder for packages and for what runs. Default `functions` in the data directory.
    pub(crate) dir: Option<PathBuf>,
    /// Invocations at once, of all functions together. 1 to 10000; default 1000, as AWS.
    pub(crate) concurrency: u32,
    /// Processes of functions at once, running or waiting. 1 to 10000; default 256.
    pub(crate) environments_max: u32,
    /// How long a process waits for its next invocation. 1s to 12h; default 5m.
    pub(crate) idle: Span,
    /// Whether the kernel bounds memory and numbers of processes, by control groups, where it lets this process make them (`Delegate=yes` of systemd). Else memory is looked at and what takes too much is killed. Default false.
    pub(crate) kernel_bounds: bool,
}

impl Default for Functions {
    fn default() -> Self {
        Self {
            enabled: false,
            account: None,
            dir: None,
            concurrency: fleet::CONCURRENCY,
            environments_max: 256,
            idle: Span(fleet::IDLE),
            kernel_bounds: false,
        }
    }
}

impl Functions {
    /// What is wrong, without any I/O.
    pub(crate) fn problems(&self) -> Vec<Invalid> {
        let (min, max) = (Duration::from_secs(1), Duration::from_secs(12 * 3600));
        let mut found: Vec<_> = out_of_time("functions.idle", self.idle, min, max)
            .into_iter()
            .collect();
        for (key, number) in [
            ("functions.concurrency", self.concurrency),
            ("functions.environments_max", self.environments_max),
        ] {
            if !(1..=10_000).contains(&number) {
                found.push(Invalid::new(key, "is out of range: 1 to 10000"));
            }
        }
        if self.account.as_deref().is_some_and(str::is_empty) {
            found.push(Invalid::new("functions.account", "is empty"));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_fit_and_what_is_out_of_range_is_named() {
        assert_eq!(Functions::default().problems(), []);
        let wrong = Functions {
            idle: Span::secs(0),
            concurrency: 0,
            environments_max: 10_001,
            account: Some(String::new()),
            ..Functions::default()
        };
        let keys: Vec<_> = wrong.problems().into_iter().map(|it| it.key).collect();
        assert_eq!(
            keys,
            [
                "functions.idle",
                "functions.concurrency",
                "functions.environments_max",
                "functions.account"
            ]
        );
    }
}
