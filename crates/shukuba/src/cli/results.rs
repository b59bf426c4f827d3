//! `shukuba results list | forget | compact`.

use std::process::ExitCode;

use clap::Subcommand;
use delivery::result::Decision;
use serde_json::{Value, json};

use super::operator::{self, Of, counted, number, text};
use crate::answers::results::Input;
use crate::app::App;
use crate::{output, place};

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
        of: Of,
        /// Of this route
        #[arg(long, value_name = "ROUTE")]
        route: Option<String>,
        /// For this destination
        #[arg(long, value_name = "NAME")]
        destination: Option<String>,
        /// With this verdict: delivered, retry, dead or expired
        #[arg(long, value_name = "VERDICT", value_parser = ["delivered", "retry", "dead", "expired"])]
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
        of: Of,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// The id
        id: String,
    },
    /// Make few large objects of the many that lone notifiers stored; one at a time on a bucket
    ///
    /// Notifiers that store into a folder do it by themselves, a server does it for its own results.
    Compact {
        /// The results: s3://bucket/prefix, file:///folder or a path
        #[arg(long, value_name = "URL|DIR")]
        results: String,
        /// Of this route
        #[arg(long, value_name = "ROUTE")]
        route: Option<String>,
    },
}

pub(super) fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    match args.what {
        What::Compact { results, route } => {
            let answer = place::call(app, &results, "compact", &json!({ "route": route }))?;
            output::show(app.output(), &answer, compacted);
        }
        What::Forget { of, yes, id } => {
            if operator::confirm(&format!("remove all results of `{id}` for ever"), yes)? {
                of.show(app, "forget", &json!({ "id": id }), |answer| {
                    forgotten(answer, &id)
                })?;
            }
        }
        What::List {
            of,
            route,
            destination,
            verdict,
            status,
            class,
            max,
            ids,
        } => {
            let input = Input {
                route,
                destination,
                verdict: verdict.as_deref().and_then(Decision::named),
                status,
                class,
                max: Some(max),
            };
            let is_any = input.destination.is_none() && status.is_none();
            let answer = of.show(app, "results", &input, |answer| {
                if ids { only_ids(answer) } else { table(answer) }
            })?;
            if !is_any && answer.as_array().is_none_or(Vec::is_empty) {
                let what = match (input.destination, status) {
                    (Some(name), _) => format!("for destination `{name}`"),
                    (None, status) => format!("with status {}", status.unwrap_or_default()),
                };
                output::complain(&format!("no result {what} passes the filter"));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn compacted(answer: &Value) -> String {
    format!(
        "{} became {}; what they replace is removed by the next compaction, a minute later at the earliest",
        counted(answer, "before", "object"),
        number(answer, "after")
    )
}

fn forgotten(answer: &Value, id: &str) -> String {
    let mut lines = vec![format!(
        "{} removed from {}",
        counted(answer, "results", "result"),
        counted(answer, "objects", "object")
    )];
    lines.extend(operator::list(answer, "dead").iter().map(|dead| {
        let route = text(dead, "route");
        let count = number(dead, "count");
        format!("{count} dead of route `{route}` still hold the line; drop them: shukuba dead drop --route {route} {id}")
    }));
    if answer.get("is_dead_cut") == Some(&Value::Bool(true)) {
        lines.push(
            "the dead queues hold more than was looked through: others may hold the line"
                .to_owned(),
        );
    }
    lines.extend(operator::list(answer, "waiting").iter().map(|waiting| {
        let route = text(waiting, "route");
        let count = counted(waiting, "count", "message");
        format!("{count} of route `{route}` with it is still to be sent and will have results: forget it again then")
    }));
    lines.join("\n")
}

/// What was answered, in one text; a word that the next part begins with is not said twice.
pub(super) fn said(parts: &[String]) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for part in parts
        .iter()
        .map(String::as_str)
        .filter(|part| !part.is_empty())
    {
        if kept.last().is_some_and(|last| part.starts_with(*last)) {
            kept.pop();
        }
        kept.push(part);
    }
    kept.join(" ")
}

/// When the attempt began; what was never tried has only the time at which it was settled.
pub(super) fn tried_at(result: &Value) -> String {
    match text(result, "sent_at") {
        sent if sent.is_empty() => text(result, "at"),
        sent => sent,
    }
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
        let answered = said(&[
            text(result, "status"),
            text(result, "error"),
            text(result, "reason"),
        ]);
        [
            tried_at(result),
            text(result, "notification_id"),
            text(result, "destination"),
            number(result, "attempt"),
            text(result, "verdict"),
            output::cut(&text(result, "url")),
            answered,
        ]
    });
    output::table(
        &[
            "tried",
            "notification",
            "destination",
            "attempt",
            "verdict",
            "url",
            "answer",
        ],
        rows,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_said_once() {
        let said = |parts: &[&str]| {
            let parts: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
            said(&parts)
        };
        assert_eq!(said(&["", "refused", "refused: no"]), "refused: no");
        assert_eq!(
            said(&["404", "", "final client: 404"]),
            "404 final client: 404"
        );
    }

    #[test]
    fn forgetting_names_the_dead_that_hold_the_line() {
        let answer =
            json!({ "results": 2, "objects": 1, "dead": [{ "route": "s2s", "count": 1 }] });
        assert!(forgotten(&answer, "a/1").ends_with("shukuba dead drop --route s2s a/1"));
    }
}
