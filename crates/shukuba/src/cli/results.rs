//! `shukuba results list | forget`.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Value, json};

use super::operator::{self, At, number, text};
use crate::app::App;
use crate::output;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the newest results that pass the filter
    List {
        #[command(flatten)]
        at: At,
        /// Of this route
        #[arg(long, value_name = "ROUTE")]
        route: Option<String>,
        /// For this destination
        #[arg(long, value_name = "NAME")]
        destination: Option<String>,
        /// With this verdict: delivered, retry, dead or expired
        #[arg(long, value_name = "VERDICT")]
        verdict: Option<String>,
        /// Answered with this status
        #[arg(long, value_name = "STATUS")]
        status: Option<u16>,
        /// Failed in this class
        #[arg(long, value_name = "CLASS")]
        class: Option<String>,
        /// At most so many, up to 1000
        #[arg(long, value_name = "N", default_value_t = 20)]
        max: usize,
        /// Only the notification ids, one a line
        #[arg(long)]
        ids: bool,
    },
    /// Remove every stored result of a message or notification id, with its line (personal data)
    Forget {
        #[command(flatten)]
        at: At,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// The id
        id: String,
    },
}

pub(super) fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    match args.what {
        What::Forget { at, yes, id } => {
            if operator::confirm(&format!("remove all results of `{id}` for ever"), yes)? {
                at.show(app, "forget", &json!({ "id": id }), |answer| {
                    format!(
                        "{} results removed from {} objects",
                        number(answer, "results"),
                        number(answer, "objects")
                    )
                })?;
            }
        }
        What::List {
            at,
            route,
            destination,
            verdict,
            status,
            class,
            max,
            ids,
        } => {
            let input = json!({
                "route": route, "destination": destination, "verdict": verdict, "status": status, "class": class, "max": max,
            });
            at.show(app, "results", &input, |answer| {
                if ids { only_ids(answer) } else { table(answer) }
            })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn only_ids(answer: &Value) -> String {
    let results = answer.as_array().map_or(&[][..], Vec::as_slice);
    results
        .iter()
        .map(|result| text(result, "notification_id"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn table(answer: &Value) -> String {
    let results = answer.as_array().map_or(&[][..], Vec::as_slice);
    let rows = results.iter().map(|result| {
        let answered = [
            text(result, "status"),
            text(result, "error"),
            text(result, "reason"),
        ]
        .join(" ");
        [
            text(result, "at"),
            text(result, "notification_id"),
            text(result, "destination"),
            number(result, "attempt"),
            text(result, "verdict"),
            answered.trim().to_owned(),
        ]
    });
    output::table(
        &[
            "at",
            "notification",
            "destination",
            "attempt",
            "verdict",
            "answer",
        ],
        rows,
    )
}
