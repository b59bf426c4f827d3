//! What the operator's commands share: where the server is, the call, and reading its answer for a table.

use serde::Serialize;
use serde_json::Value;

use crate::app::{self, App};
use crate::client::admin::{Admin, SERVICE};
use crate::client::endpoint;
use crate::client::http::Http;
use crate::{data, output, place, serve};

/// Where the server is.
#[derive(Clone, Debug, clap::Args)]
pub(in crate::cli) struct At {
    /// The server [default: SHUKUBA_ENDPOINT, else that of the data directory]
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
}

impl At {
    /// Whether another server than that of the data directory was named.
    pub(in crate::cli) fn is_elsewhere(&self) -> bool {
        self.endpoint.is_some()
            || std::env::var_os("SHUKUBA_ENDPOINT").is_some_and(|url| !url.is_empty())
    }

    /// The server that was named.
    pub(in crate::cli) fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }

    pub(in crate::cli) fn admin(&self, app: &App) -> anyhow::Result<Admin> {
        if self.endpoint.is_none() && data::is_down(app) {
            anyhow::bail!(
                "no server runs on `{}`; this needs one: shukuba serve",
                app.data_dir().display()
            );
        }
        let endpoint = endpoint::for_operator(app, self.endpoint.as_deref())?;
        Ok(Admin::new(Http::new(endpoint, SERVICE)?))
    }

    /// Calls `name` and gives its answer.
    pub(in crate::cli) fn call(
        &self,
        app: &App,
        name: &str,
        input: &impl Serialize,
    ) -> anyhow::Result<Value> {
        if self.endpoint.is_none() && data::is_down(app) {
            output::complain("no server runs on this data directory: reading the data itself");
            let answer = serve::offline(app, name, serde_json::to_vec(input)?)?;
            let answer = answer
                .ok_or_else(|| anyhow::anyhow!("this needs a running server: shukuba serve"))?;
            return Ok(serde_json::from_slice(&answer)?);
        }
        let admin = self.admin(app)?;
        app::block_on(admin.call(name, input))?
    }

    /// Calls `name` and prints its answer.
    pub(in crate::cli) fn show(
        &self,
        app: &App,
        name: &str,
        input: &impl Serialize,
        table: impl FnOnce(&Value) -> String,
    ) -> anyhow::Result<Value> {
        Ok(shown(app, self.call(app, name, input)?, table))
    }
}

fn shown(app: &App, answer: Value, table: impl FnOnce(&Value) -> String) -> Value {
    output::show(app.output(), &answer, table);
    answer
}

/// Who is asked: a server, or results that lone notifiers stored.
#[derive(Clone, Debug, clap::Args)]
pub(in crate::cli) struct Of {
    #[command(flatten)]
    pub(in crate::cli) at: At,

    /// Ask the results that lone notifiers stored, without a server: s3://bucket/prefix, file:///folder or a path
    #[arg(long, value_name = "URL|DIR", conflicts_with = "endpoint")]
    pub(in crate::cli) results: Option<String>,
}

impl Of {
    /// Refuses a queue to send to where the server has its own.
    pub(in crate::cli) fn takes_queue(&self, queue: Option<&str>) -> anyhow::Result<()> {
        match (&self.results, queue) {
            (None, Some(_)) => Err(app::usage(
                "--queue is for stored results (--results): a server sends to the queue of the route",
            )),
            _ => Ok(()),
        }
    }

    /// Calls `name` and gives its answer.
    pub(in crate::cli) fn call(
        &self,
        app: &App,
        name: &str,
        input: &impl Serialize,
    ) -> anyhow::Result<Value> {
        match &self.results {
            Some(url) => place::call(app, url, name, input),
            None => self.at.call(app, name, input),
        }
    }

    /// Calls `name` and prints its answer.
    pub(in crate::cli) fn show(
        &self,
        app: &App,
        name: &str,
        input: &impl Serialize,
        table: impl FnOnce(&Value) -> String,
    ) -> anyhow::Result<Value> {
        Ok(shown(app, self.call(app, name, input)?, table))
    }
}

/// The text of a member; numbers and `true` as they are written; nothing where there is none.
pub(in crate::cli) fn text(value: &Value, name: &str) -> String {
    match value.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// A count with thousands apart.
pub(in crate::cli) fn number(value: &Value, name: &str) -> String {
    let found = value.get(name);
    match found.and_then(Value::as_u64) {
        Some(number) => output::count(number),
        None => text(value, name),
    }
}

/// A count of things, such as `2 objects`.
pub(in crate::cli) fn counted(value: &Value, name: &str, thing: &str) -> String {
    let found = value.get(name).and_then(Value::as_u64);
    output::of(found.unwrap_or(0), thing)
}

/// A rate with one digit.
pub(in crate::cli) fn rate(value: &Value, name: &str) -> String {
    value
        .get(name)
        .and_then(Value::as_f64)
        .map_or_else(String::new, |rate| format!("{rate:.1}/s"))
}

/// A span that is given in seconds.
pub(in crate::cli) fn secs(value: &Value, name: &str) -> String {
    let secs = value.get(name).and_then(Value::as_u64);
    secs.map_or_else(
        || "-".to_owned(),
        |secs| output::span(std::time::Duration::from_secs(secs)),
    )
}

/// The elements of a member that is a list.
pub(in crate::cli) fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value
        .get(name)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// A time of day in the last 24 hours (`09:00`) or RFC 3339, in milliseconds since the epoch.
pub(in crate::cli) fn time(text: &str) -> Result<u64, String> {
    use base::Clock;
    let now = base::SystemClock::new().now();
    if let Some(at) = base::Timestamp::parse_rfc3339(text) {
        return Ok(at.as_millis());
    }
    let wrong = || {
        format!(
            "`{text}` is not a time, such as `09:00` (UTC, within the last 24 hours) or `2026-11-23T09:00:00Z`"
        )
    };
    let (hours, minutes) = text.split_once(':').ok_or_else(wrong)?;
    let (hours, minutes): (u64, u64) = (
        hours.parse().map_err(|_| wrong())?,
        minutes.parse().map_err(|_| wrong())?,
    );
    if hours > 23 || minutes > 59 {
        return Err(wrong());
    }
    let day = now.as_secs() / 86_400 * 86_400;
    let at = day + hours * 3600 + minutes * 60;
    let at = if at > now.as_secs() {
        at.saturating_sub(86_400)
    } else {
        at
    };
    Ok(at * 1000)
}

/// Asks before something that cannot be undone; `--yes` answers for those who cannot be asked.
pub(in crate::cli) fn confirm(question: &str, is_yes: bool) -> anyhow::Result<bool> {
    use std::io::{BufRead, IsTerminal};
    if is_yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        output::complain(&format!("{question}: nothing done; say --yes to do it"));
        return Ok(false);
    }
    output::complain(&format!("{question}? [y/N] "));
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_of_the_last_day_or_written_out() {
        assert_eq!(time("2026-11-23T09:00:00Z"), Ok(1_795_424_400_000));
        assert!(time("24:00").is_err() && time("noon").is_err());
        let midnight = time("00:00").unwrap();
        assert_eq!(midnight % 86_400_000, 0);
    }
}
