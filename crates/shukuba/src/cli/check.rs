//! `shukuba check`: what is checked, what came of it, and trying a check here.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use base::SystemClock;
use clap::Subcommand;
use serde_json::{Value, json};
use watch::check::Status;
use watch::check::config::Settings;
use watch::check::run::Tools;

use super::operator::{At, list, number, text};
use crate::app::{self, App};
use crate::output;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Run the checks of a file here, once, and print what they say; tells no server
    Run {
        /// The file of checks
        #[arg(long, value_name = "FILE", default_value = "checks.toml")]
        file: PathBuf,
        /// Only these checks
        names: Vec<String>,
    },
    /// Read a file of checks and say all that is wrong with it
    Lint {
        /// The file of checks
        #[arg(default_value = "checks.toml")]
        file: PathBuf,
    },
    /// List the checks of a host, or of all, with their states
    List {
        #[command(flatten)]
        at: At,
        /// The host, by name or id
        host: Option<String>,
        /// Only those that are not OK
        #[arg(long)]
        problems: bool,
    },
    /// Show the last changes of a check
    History {
        #[command(flatten)]
        at: At,
        /// The host, by name or id
        host: String,
        /// The check
        check: String,
        /// At most so many, the newest
        #[arg(long, value_name = "N", default_value_t = 50)]
        max: usize,
    },
    /// Take a check's problem upon yourself
    Ack {
        #[command(flatten)]
        at: At,
        /// The host, by name or id
        host: String,
        /// The check
        check: String,
        /// Why, or what you do
        #[arg(long, default_value = "")]
        comment: String,
    },
}

pub(super) fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    match args.what {
        What::Run { file, names } => return run_here(app, &file, &names),
        What::Lint { file } => {
            let settings = read(&file)?;
            let (checks, kept) = (settings.checks.len(), settings.keep.len());
            output::print(&format!(
                "{checks} checks and {kept} processes: nothing is wrong"
            ));
        }
        What::List { at, host, problems } => {
            let shown = |answer: &Value| table(answer, problems);
            at.show(app, "check-list", &json!({ "host": host }), shown)?;
        }
        What::History {
            at,
            host,
            check,
            max,
        } => {
            let input = json!({ "host": host, "check": check, "max": max });
            at.show(app, "check-history", &input, history)?;
        }
        What::Ack {
            at,
            host,
            check,
            comment,
        } => {
            let input = json!({ "host": host, "check": check, "comment": comment });
            at.show(app, "check-acknowledge", &input, |_| {
                format!("`{check}` of `{host}` is yours")
            })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn read(file: &std::path::Path) -> anyhow::Result<Settings> {
    Settings::read(file).map_err(|wrong| app::usage(wrong.to_string()))
}

/// Runs checks here; the exit code is that of plugins: the worst status.
fn run_here(app: &App, file: &std::path::Path, names: &[String]) -> anyhow::Result<ExitCode> {
    let settings = read(file)?;
    for name in names {
        if !settings.checks.contains_key(name) {
            let known: Vec<&str> = settings.checks.keys().map(String::as_str).collect();
            let known = known.join(", ");
            return Err(app::usage(format!(
                "there is no check `{name}`; there are: {known}"
            )));
        }
    }
    let state = tempfile_dir()?;
    let outcome = app::block_on(async {
        let tools = Arc::new(Tools::new(Arc::new(SystemClock::new()), state.clone()));
        let mut rows = Vec::new();
        let wanted = settings
            .checks
            .iter()
            .filter(|(name, _)| names.is_empty() || names.contains(name));
        for (name, check) in wanted {
            let ran = tools.run(name, check).await;
            rows.push((name.clone(), ran));
        }
        rows
    });
    // What the run left behind is of no use.
    let _ = std::fs::remove_dir_all(&state);
    let rows = outcome?;
    let worst = rows.iter().map(|(_, ran)| ran.outcome.status).max();
    let value: Vec<Value> = rows
        .iter()
        .map(|(name, ran)| {
            let metrics: Vec<Value> = ran
                .outcome
                .metrics
                .iter()
                .map(|metric| json!({ "name": metric.name, "value": metric.value, "unit": metric.unit.as_str() }))
                .collect();
            json!({
                "check": name,
                "status": ran.outcome.status,
                "text": ran.outcome.text,
                "long": ran.outcome.long,
                "metrics": metrics,
            })
        })
        .collect();
    output::show(app.output(), &json!({ "checks": value }), |answer| {
        let rows = list(answer, "checks").iter().map(|check| {
            let metrics = list(check, "metrics")
                .iter()
                .map(|metric| format!("{}={}", text(metric, "name"), number(metric, "value")));
            [
                text(check, "check"),
                text(check, "status"),
                text(check, "text"),
                metrics.collect::<Vec<_>>().join(" "),
            ]
        });
        output::table(&["check", "status", "says", "metrics"], rows)
    });
    Ok(match worst {
        None | Some(Status::Ok) => ExitCode::SUCCESS,
        Some(Status::Warning) => ExitCode::from(1),
        Some(Status::Critical) => ExitCode::from(2),
        Some(Status::Unknown) => ExitCode::from(3),
    })
}

/// A folder for what checks remember, of this run alone.
fn tempfile_dir() -> anyhow::Result<PathBuf> {
    let path = std::env::temp_dir().join(format!("shukuba-check-{}", base::id::uuid()));
    std::fs::create_dir(&path)?;
    Ok(path)
}

fn table(answer: &Value, problems: bool) -> String {
    let is_shown = |check: &&Value| !problems || text(check, "status") != "OK";
    let checks = list(answer, "checks").iter().filter(is_shown).map(|check| {
        let is_hard = check.get("is_hard").and_then(Value::as_bool) == Some(true);
        let state = match is_hard {
            true => text(check, "status"),
            false => format!(
                "{} {}/{}",
                text(check, "status"),
                number(check, "attempt"),
                number(check, "attempts")
            ),
        };
        [
            text(check, "host_name"),
            text(check, "check"),
            state,
            text(check, "since"),
            text(check, "text"),
            text(check, "acknowledged"),
        ]
    });
    output::table(
        &["host", "check", "state", "since", "says", "taken by"],
        checks,
    )
}

fn history(answer: &Value) -> String {
    let entries = list(answer, "history").iter().map(|entry| {
        [
            text(entry, "at"),
            text(entry, "status"),
            text(entry, "is_hard"),
            text(entry, "text"),
        ]
    });
    output::table(&["at", "status", "hard", "says"], entries)
}
