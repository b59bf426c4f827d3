//! `shukuba replay`: notifications sent again, after saying how many.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use delivery::replay::Filter;
use delivery::result::Decision;
use serde_json::{Value, json};

use super::operator::{self, Of, counted, number, text};
use crate::answers::replay::Plan;
use crate::app::{self, App};
use crate::client::admin::Admin;
use crate::output;
use crate::place::{self, Place};
use crate::progress::Progress;
use crate::signal::Stop;

/// Send notifications again, by id or by filter, after saying how many
///
/// Exactly one new message for each. The run goes on in the server, can be stopped, and resumed. Of stored results
/// (--results) it runs here until Ctrl-C: after a kill, a batch of ten may be sent twice, with equal ids.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    of: Of,

    /// The route; may be left out where there is only one, and where ids say it
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
    /// That failed in this class: network, timeout, server, limited, client, redirect, unrecorded, policy
    #[arg(long, value_name = "CLASS")]
    class: Option<String>,
    /// That were answered with this status
    #[arg(long, value_name = "STATUS")]
    status: Option<u16>,
    /// That ended so: delivered, dead or expired
    #[arg(long, value_name = "VERDICT", value_parser = ["delivered", "dead", "expired"])]
    verdict: Option<String>,
    /// Give each a new id: receivers that deduplicate take it as another one
    #[arg(long)]
    new_id: bool,
    /// At most so many a second; 0: as fast as it goes
    #[arg(long, value_name = "N", default_value_t = 100)]
    rate: u32,
    /// Where they go, of stored results [default: the route's queue]
    #[arg(long, value_name = "URL|NAME")]
    queue: Option<String>,
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

/// Who keeps the replays.
enum Desk<'a> {
    Server(Box<Admin>),
    Place(&'a App, Box<Place>),
}

impl Desk<'_> {
    async fn call(&self, name: &str, input: &Value) -> anyhow::Result<Value> {
        match self {
            Self::Server(admin) => Ok(admin.call(name, input).await?),
            Self::Place(app, place) => place.call(app, name, input).await,
        }
    }
}

pub(super) fn run(app: &App, args: &Args) -> anyhow::Result<ExitCode> {
    args.of.takes_queue(args.queue.as_deref())?;
    match &args.of.results {
        None => {
            let desk = Desk::Server(Box::new(args.of.at.admin(app)?));
            app::block_on(act(app, &desk, args))?
        }
        Some(_) if args.stop.is_some() => Err(app::usage(
            "a replay of stored results runs in its own command: Ctrl-C stops it there",
        )),
        Some(url) => app::block_on(async {
            let place = Box::new(Place::open(app, url).await?);
            act(app, &Desk::Place(app, place), args).await
        })?,
    }
}

async fn act(app: &App, desk: &Desk<'_>, args: &Args) -> anyhow::Result<ExitCode> {
    if args.list {
        let all = desk.call("replay-list", &json!({})).await?;
        output::show(app.output(), &all, table);
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(id) = &args.stop {
        let answer = desk.call("replay-stop", &json!({ "id": id })).await?;
        output::show(app.output(), &answer, |answer| stopped(answer, id));
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(id) = &args.discard {
        let answer = desk.call("replay-discard", &json!({ "id": id })).await?;
        output::show(app.output(), &answer, |_| format!("replay {id} is removed"));
        return Ok(ExitCode::SUCCESS);
    }
    let id = match &args.resume {
        Some(id) => id.clone(),
        None => match plan(desk, args).await? {
            Some(id) => id,
            None => return Ok(ExitCode::SUCCESS),
        },
    };
    let (sent, total) = far(&one_of(desk, &id).await?);
    let left = output::of(total.saturating_sub(sent), "notification");
    output::complain(&format!("sending {left}, replay {id}"));
    let progress = Progress::new("sent again");
    let one = match desk {
        Desk::Server(_) => {
            desk.call("replay-run", &json!({ "id": id, "rate": args.rate }))
                .await?;
            let mut signals = Stop::new()?;
            let followed = tokio::select! {
                one = follow(desk, &id, &progress) => Some(one?),
                () = signals.wait() => None,
            };
            let Some(one) = followed else {
                progress.end();
                output::complain(&format!(
                    "replay {id} goes on in the server; stop it with: shukuba replay --stop {id}"
                ));
                return Ok(ExitCode::FAILURE);
            };
            one
        }
        Desk::Place(_, place) => {
            let run = place::Run {
                id: &id,
                rate: args.rate,
                queue: args.queue.as_deref(),
            };
            let shown = |replay: &delivery::replay::Replay| {
                progress.show(replay.sent, replay.total, "");
            };
            place.run(app, run, shown).await?
        }
    };
    progress.end();
    Ok(ended(app, &id, &one))
}

/// Makes a plan and asks; its id when it is to be run.
async fn plan(desk: &Desk<'_>, args: &Args) -> anyhow::Result<Option<String>> {
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
    let filter = Filter {
        route: args.route.clone().unwrap_or_default(),
        ids: args.ids.clone(),
        destination: args.destination.clone(),
        from_ms: args.from,
        to_ms: args.to,
        class: args.class.clone(),
        status: args.status,
        verdict: args.verdict.as_deref().and_then(Decision::named),
    };
    let plan = Plan {
        filter,
        new_ids: args.new_id,
    };
    let plan = desk
        .call("replay-plan", &serde_json::to_value(plan)?)
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
        "send {} again{rest}, replay {id}",
        counted(&plan, "total", "notification")
    );
    let is_empty = plan.get("total").and_then(Value::as_u64) == Some(0);
    if is_empty {
        output::complain("nothing passes the filter");
    }
    if is_empty || !operator::confirm(&question, args.yes)? {
        desk.call("replay-discard", &json!({ "id": id })).await?;
        return Ok(None);
    }
    Ok(Some(id))
}

/// Shows the progress of a run until it ends, and gives how it ended. The run goes on when this command is ended.
async fn follow(desk: &Desk<'_>, id: &str, progress: &Progress) -> anyhow::Result<Value> {
    loop {
        let one = one_of(desk, id).await?;
        let (sent, total) = far(&one);
        progress.show(sent, total, "");
        if one.get("is_running") != Some(&Value::Bool(true)) {
            return Ok(one);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The replay of that id, as it is listed.
async fn one_of(desk: &Desk<'_>, id: &str) -> anyhow::Result<Value> {
    let all = desk.call("replay-list", &json!({ "id": id })).await?;
    all.get(0).cloned().context("the replay is gone")
}

fn stopped(answer: &Value, id: &str) -> String {
    match operator::list(answer, "stopped") {
        [] => format!("replay {id} does not run"),
        _ => format!("replay {id} stops; --resume {id} goes on"),
    }
}

/// How many were sent, and of how many.
fn far(one: &Value) -> (u64, u64) {
    let replay = one.get("replay");
    let count = |name: &str| replay.and_then(|replay| replay.get(name)?.as_u64());
    (count("sent").unwrap_or(0), count("total").unwrap_or(0))
}

fn ended(app: &App, id: &str, one: &Value) -> ExitCode {
    let (sent, total) = far(one);
    output::show(app.output(), one, |one| {
        let error = text(one, "error");
        let end = match (error.is_empty(), sent < total) {
            (true, false) => String::new(),
            (true, true) => format!("; --resume {id} goes on"),
            (false, _) => format!(": {error}; --resume {id} goes on"),
        };
        format!(
            "replay {id}: {} of {} sent again{end}",
            output::count(sent),
            output::count(total)
        )
    });
    ExitCode::from(u8::from(sent < total))
}

fn table(all: &Value) -> String {
    let replays = all.as_array().map_or(&[][..], Vec::as_slice);
    let rows = replays.iter().map(|one| {
        let replay = one.get("replay").cloned().unwrap_or_default();
        let at = replay
            .get("planned_at_ms")
            .and_then(Value::as_u64)
            .map(base::Timestamp::from_millis);
        [
            text(&replay, "id"),
            at.map_or_else(String::new, base::Timestamp::rfc3339),
            text(one, "state"),
            number(&replay, "sent"),
            number(&replay, "total"),
        ]
    });
    output::table(&["replay", "planned", "state", "sent", "of"], rows)
}
