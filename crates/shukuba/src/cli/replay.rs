//! `shukuba replay`: notifications sent again, after saying how many.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};

use super::operator::{self, At, number, text};
use crate::app::{self, App};
use crate::client::admin::Admin;
use crate::output;
use crate::progress::Progress;

/// Sends notifications again, by id or by filter, after saying how many
///
/// Exactly one new message for each. The run goes on in the server, can be stopped, and resumed.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    at: At,

    /// The route; may be left out where there is only one
    #[arg(long, value_name = "ROUTE")]
    route: Option<String>,
    /// For this destination
    #[arg(long, value_name = "NAME")]
    destination: Option<String>,
    /// Settled at or after: 09:00 (UTC) or 2026-11-23T09:00:00Z
    #[arg(long, value_name = "TIME", value_parser = operator::time)]
    from: Option<u64>,
    /// Settled before
    #[arg(long, value_name = "TIME", value_parser = operator::time)]
    to: Option<u64>,
    /// That failed in this class: network, timeout, server, limited, client, redirect, policy
    #[arg(long, value_name = "CLASS")]
    class: Option<String>,
    /// That were answered with this status
    #[arg(long, value_name = "STATUS")]
    status: Option<u16>,
    /// That ended so: delivered, dead or expired
    #[arg(long, value_name = "VERDICT")]
    verdict: Option<String>,
    /// Give each a new id: receivers that deduplicate take it as another one
    #[arg(long)]
    new_id: bool,
    /// At most so many a second; 0: as fast as it goes
    #[arg(long, value_name = "N", default_value_t = 100)]
    rate: u32,
    /// Do not ask
    #[arg(long)]
    yes: bool,

    /// List the replays
    #[arg(long, conflicts_with_all = ["resume", "stop", "discard"])]
    list: bool,
    /// Go on with a replay that was stopped
    #[arg(long, value_name = "REPLAY", conflicts_with_all = ["stop", "discard"])]
    resume: Option<String>,
    /// Stop a replay that runs
    #[arg(long, value_name = "REPLAY", conflicts_with = "discard")]
    stop: Option<String>,
    /// Remove a replay's plan
    #[arg(long, value_name = "REPLAY")]
    discard: Option<String>,

    /// Message or notification ids
    #[arg(value_name = "ID")]
    ids: Vec<String>,
}

pub(super) fn run(app: &App, args: &Args) -> anyhow::Result<ExitCode> {
    let admin = args.at.admin(app)?;
    app::block_on(act(app, &admin, args))?
}

async fn act(app: &App, admin: &Admin, args: &Args) -> anyhow::Result<ExitCode> {
    if args.list {
        let all: Value = admin.call("replay-list", &json!({})).await?;
        output::show(app.output(), &all, table);
        return Ok(ExitCode::SUCCESS);
    }
    for (call, id) in [
        ("replay-stop", &args.stop),
        ("replay-discard", &args.discard),
    ] {
        if let Some(id) = id {
            let answer: Value = admin.call(call, &json!({ "id": id })).await?;
            output::show(app.output(), &answer, |answer| answer.to_string());
            return Ok(ExitCode::SUCCESS);
        }
    }
    let id = match &args.resume {
        Some(id) => id.clone(),
        None => match plan(admin, args).await? {
            Some(id) => id,
            None => return Ok(ExitCode::SUCCESS),
        },
    };
    admin
        .call::<_, Value>("replay-run", &json!({ "id": id, "rate": args.rate }))
        .await?;
    follow(app, admin, &id).await
}

/// Makes a plan and asks; its id when it is to be run.
async fn plan(admin: &Admin, args: &Args) -> anyhow::Result<Option<String>> {
    let is_narrow = !args.ids.is_empty()
        || args.destination.is_some()
        || args.from.is_some()
        || args.to.is_some()
        || args.class.is_some()
        || args.status.is_some()
        || args.verdict.is_some();
    if !is_narrow {
        return Err(app::usage(
            "say what to send again: ids, or --destination, --from, --to, --class, --status, --verdict",
        ));
    }
    let filter = json!({
        "route": args.route.clone().unwrap_or_default(), "ids": args.ids, "destination": args.destination,
        "from_ms": args.from, "to_ms": args.to, "class": args.class, "status": args.status, "verdict": args.verdict,
    });
    let plan: Value = admin
        .call(
            "replay-plan",
            &json!({ "filter": filter, "new_ids": args.new_id }),
        )
        .await?;
    let id = text(&plan, "id");
    let missing = plan
        .get("without_source")
        .and_then(Value::as_u64)
        .unwrap_or(0);
    let rest = if missing > 0 {
        format!(" ({missing} more cannot be sent: their lines were not kept)")
    } else {
        String::new()
    };
    let question = format!(
        "send {} notifications again{rest}, replay {id}",
        number(&plan, "total")
    );
    let is_empty = plan.get("total").and_then(Value::as_u64) == Some(0);
    if is_empty {
        output::complain("nothing passes the filter");
    }
    if is_empty || !operator::confirm(&question, args.yes)? {
        admin
            .call::<_, Value>("replay-discard", &json!({ "id": id }))
            .await?;
        return Ok(None);
    }
    Ok(Some(id))
}

/// Shows the progress of a run until it ends. The run goes on when this command is ended.
async fn follow(app: &App, admin: &Admin, id: &str) -> anyhow::Result<ExitCode> {
    let progress = Progress::new("sent again");
    loop {
        let all: Value = admin.call("replay-list", &json!({ "id": id })).await?;
        let one = all.get(0).context("the replay is gone")?;
        let replay = one.get("replay").cloned().unwrap_or_default();
        let count = |name: &str| replay.get(name).and_then(Value::as_u64).unwrap_or(0);
        progress.show(count("sent"), count("total"), "");
        if one.get("is_running") != Some(&Value::Bool(true)) {
            progress.end();
            output::show(app.output(), one, |one| {
                let error = text(one, "error");
                let end = if error.is_empty() {
                    String::new()
                } else {
                    format!(": {error}; --resume {id} goes on")
                };
                format!(
                    "replay {id}: {} of {} sent again{end}",
                    output::count(count("sent")),
                    output::count(count("total"))
                )
            });
            return Ok(ExitCode::from(u8::from(count("sent") < count("total"))));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn table(all: &Value) -> String {
    let replays = all.as_array().map_or(&[][..], Vec::as_slice);
    let rows = replays.iter().map(|one| {
        let replay = one.get("replay").cloned().unwrap_or_default();
        let at = replay
            .get("planned_at_ms")
            .and_then(Value::as_u64)
            .map(base::Timestamp::from_millis);
        let state = if one.get("is_running") == Some(&Value::Bool(true)) {
            "running".to_owned()
        } else {
            text(&replay, "phase")
        };
        [
            text(&replay, "id"),
            at.map_or_else(String::new, base::Timestamp::rfc3339),
            state,
            number(&replay, "sent"),
            number(&replay, "total"),
        ]
    });
    output::table(&["replay", "planned", "state", "sent", "of"], rows)
}
