//! Checks, as operators look at them.

use api::Ctx;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use watch::check::board::{CHECKS_MAX, Error, Listed};
use watch::check::state::Acknowledged;

use super::Desk;
use crate::answers::{Answer, at_most, failed, read, refuse, write};

/// Which checks.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct List {
    /// Of this host, by id or name.
    host: Option<String>,
    /// After this host and check, in the order of ids and names.
    after: Option<(String, String)>,
    /// At most so many.
    max: Option<usize>,
}

/// Which check.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    /// The host, by id or name.
    host: String,
    /// The check.
    check: String,
    /// At most so many changes.
    #[serde(default)]
    max: Option<usize>,
    /// Why, or what is being done.
    #[serde(default)]
    comment: String,
}

/// Which host.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfHost {
    /// By id or name.
    host: String,
}

/// The checks of a host, or of all.
pub(super) async fn list(desk: &Desk, input: Bytes) -> Answer {
    let input: List = read(&input)?;
    let max = at_most(input.max, 1000)?;
    let host = match &input.host {
        Some(host) => Some(host_id(desk, host)?),
        None => None,
    };
    let after = input
        .after
        .as_ref()
        .map(|(host, check)| (host.as_str(), check.as_str()));
    let board = &desk.watching()?.board;
    let listed = board.list(host.as_deref(), after, max).map_err(fault)?;
    let checks: Vec<Value> = listed.iter().map(shown).collect();
    write(&json!({ "checks": checks }))
}

/// The last changes of a check.
pub(super) async fn history(desk: &Desk, input: Bytes) -> Answer {
    let input: One = read(&input)?;
    let host = host_id(desk, &input.host)?;
    let board = &desk.watching()?.board;
    let max = at_most(input.max, 100)?;
    let entries = board.history(&host, &input.check, max).map_err(fault)?;
    let entries: Vec<Value> = entries
        .iter()
        .map(|entry| {
            json!({
                "at": entry.at.rfc3339(),
                "status": entry.status,
                "is_hard": entry.is_hard,
                "attempt": entry.attempt,
                "text": entry.text,
                "held_by": entry.held_by,
            })
        })
        .collect();
    write(&json!({ "history": entries }))
}

/// The graphs of what a host's checks measure, each as the properties of a dashboard's widget without a region.
pub(super) async fn graphs(desk: &Desk, input: Bytes) -> Answer {
    let input: OfHost = read(&input)?;
    let host = host_id(desk, &input.host)?;
    let board = &desk.watching()?.board;
    let drawn = board.graphs(&host, CHECKS_MAX).map_err(fault)?;
    let all = drawn
        .iter()
        .flat_map(|(check, graphs)| graphs.iter().map(move |graph| (check, graph)));
    let all = all.map(|(check, graph)| {
        json!({
            "check": check,
            "name": graph.name,
            "title": graph.shown_title(),
            "ignored": graph.ignored,
            "properties": graph.properties(&host, check),
        })
    });
    write(&json!({ "host": host, "graphs": all.collect::<Vec<Value>>() }))
}

/// The caller takes a check's problem on.
pub(super) async fn acknowledge(desk: &Desk, ctx: &Ctx, input: Bytes) -> Answer {
    let input: One = read(&input)?;
    let host = host_id(desk, &input.host)?;
    let by = Acknowledged {
        by: ctx.caller.shown(),
        comment: input.comment.clone(),
        is_sticky: false,
        at: desk.watching()?.clock.now(),
    };
    let board = &desk.watching()?.board;
    board
        .acknowledge(&host, &input.check, by)
        .await
        .map_err(fault)?;
    // Whoever is told of it need not be told again either; nobody may be.
    let source = format!("check:{host}/{}", input.check);
    let router = &desk.watching()?.router;
    let _ = router
        .acknowledge(&source, &ctx.caller.shown(), &input.comment)
        .await;
    write(&json!({}))
}

/// The id of a host that is named by id or Name.
fn host_id(desk: &Desk, text: &str) -> Result<String, api::Fault> {
    if text.parse::<ec2::InstanceId>().is_ok() {
        return Ok(text.to_owned());
    }
    let all = desk.watching()?.instances.all();
    let named: Vec<String> = all
        .iter()
        .filter(|instance| instance.name() == text)
        .map(|instance| instance.id.to_string())
        .collect();
    match named.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(refuse(format!("there is no host `{text}`"))),
        many => Err(refuse(format!(
            "several hosts are named `{text}`: {}",
            many.join(", ")
        ))),
    }
}

fn shown(listed: &Listed) -> Value {
    let state = &listed.known.state;
    json!({
        "host": listed.host,
        "host_name": listed.host_name,
        "check": listed.check,
        "status": state.status,
        "is_hard": state.is_hard,
        "attempt": state.attempt,
        "attempts": listed.known.rules.attempts,
        "since": state.since.rfc3339(),
        "text": state.text,
        "long": listed.known.long,
        "took_ms": listed.known.took_ms,
        "acknowledged": state.acknowledged.as_ref().map(|ack| ack.by.clone()),
        "is_flapping": state.flap.is_on,
    })
}

fn fault(error: Error) -> api::Fault {
    match error {
        Error::CheckNotFound { .. } | Error::NoProblem { .. } => refuse(error.to_string()),
        other => failed("the checks do not answer", &other),
    }
}
