//! `shukuba notice`: what people are told of, who took it upon him, what is silenced.

use std::collections::BTreeMap;
use std::process::ExitCode;

use base::Timestamp;
use base::setting::Span;
use clap::Subcommand;
use serde_json::{Value, json};

use super::operator::{At, list, text};
use crate::app::{self, App};
use crate::output;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List problems, who is told of them, and silences
    List {
        #[command(flatten)]
        at: At,
    },
    /// Take a problem upon yourself: it is not told again, nor to others, until it is over
    Ack {
        #[command(flatten)]
        at: At,
        /// The problem's source, as `notice list` names it
        source: String,
        /// Why, or what you do
        #[arg(long, default_value = "")]
        comment: String,
    },
    /// Tell nobody of what matches, for a while; what still is wrong at its end is told then
    Silence {
        #[command(flatten)]
        at: At,
        /// Labels and their patterns: Name=web-*, check=disk, severity=!critical
        #[arg(required = true, value_name = "LABEL=PATTERN")]
        conditions: Vec<String>,
        /// For how long, such as 1h
        #[arg(long = "for", value_name = "SPAN")]
        lasts: Span,
        /// Why
        #[arg(long, default_value = "")]
        comment: String,
    },
    /// End a silence
    Unsilence {
        #[command(flatten)]
        at: At,
        /// Its id
        id: String,
    },
    /// Send a notice to a receiver, to see that it arrives
    Test {
        #[command(flatten)]
        at: At,
        /// The receiver's name in [notices]
        receiver: String,
    },
}

pub(super) fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    match args.what {
        What::List { at } => at.show(app, "notice-list", &json!({}), table)?,
        What::Ack {
            at,
            source,
            comment,
        } => {
            let input = json!({ "source": source, "comment": comment });
            at.show(app, "notice-acknowledge", &input, |_| {
                format!("`{source}` is yours: nobody is told again until it is over")
            })?
        }
        What::Silence {
            at,
            conditions,
            lasts,
            comment,
        } => {
            let input = json!({
                "match": read_conditions(&conditions)?,
                "for": lasts,
                "comment": comment,
            });
            at.show(app, "silence-add", &input, |silence| {
                format!(
                    "silence {} until {}",
                    text(silence, "id"),
                    time(silence, "until")
                )
            })?
        }
        What::Unsilence { at, id } => at.show(app, "silence-end", &json!({ "id": id }), |_| {
            "ended".to_owned()
        })?,
        What::Test { at, receiver } => {
            let input = json!({ "receiver": receiver });
            at.show(app, "notice-test", &input, |_| {
                format!("a notice to `{receiver}` is on its way; `shukuba results list --route notices-{receiver}-CHANNEL` says what became of it")
            })?
        }
    };
    Ok(ExitCode::SUCCESS)
}

fn read_conditions(conditions: &[String]) -> anyhow::Result<BTreeMap<&str, &str>> {
    let pair = |text: &'_ String| -> anyhow::Result<()> {
        let is_pair = text
            .split_once('=')
            .is_some_and(|(name, _)| !name.is_empty());
        anyhow::ensure!(
            is_pair,
            app::usage(format!(
                "`{text}` is no condition; give LABEL=PATTERN, such as Name=web-*"
            ))
        );
        Ok(())
    };
    conditions.iter().try_for_each(pair)?;
    Ok(conditions
        .iter()
        .filter_map(|text| text.split_once('='))
        .collect())
}

fn time(value: &Value, name: &str) -> String {
    let millis = value.get(name).and_then(Value::as_u64);
    millis.map_or_else(String::new, |millis| {
        Timestamp::from_millis(millis).rfc3339_secs()
    })
}

fn table(answer: &Value) -> String {
    let names = |value: &Value, name: &str| {
        let all = list(value, name).iter().filter_map(Value::as_str);
        all.collect::<Vec<_>>().join(" ")
    };
    let problems = list(answer, "problems").iter().map(|problem| {
        let by = problem.get("acknowledged").map(|ack| text(ack, "by"));
        let silenced = problem.get("is_silenced").and_then(Value::as_bool);
        let note = match (by.filter(|by| !by.is_empty()), silenced) {
            (Some(by), _) => format!("taken by {by}"),
            (None, Some(true)) => "silenced".to_owned(),
            _ => String::new(),
        };
        [
            text(problem, "severity"),
            text(problem, "title"),
            time(problem, "since"),
            names(problem, "receivers"),
            note,
            text(problem, "source"),
        ]
    });
    let silences = list(answer, "silences").iter().map(|silence| {
        let conditions = silence.get("match").map(Value::to_string);
        [
            text(silence, "id"),
            conditions.unwrap_or_default(),
            time(silence, "until"),
            text(silence, "by"),
            text(silence, "comment"),
        ]
    });
    let problems = output::table(
        &["severity", "problem", "since", "told to", "", "source"],
        problems,
    );
    let silences = output::table(&["silence", "of", "until", "by", "comment"], silences);
    format!("{problems}\n\n{silences}")
}
