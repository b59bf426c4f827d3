//! `shukuba access explain`.

use std::process::ExitCode;

use serde_json::Value;

use super::report;
use super::who_can::{Asked, missing, place};
use crate::app::App;
use crate::cli::operator::{At, list, text};
use crate::output;

/// Tell why somebody may or may not do something: the statement, with policy, line and column. Exit code 1 where it may not
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    at: At,
    /// A user's name, role/NAME, root, or an ARN of these
    user: String,
    #[command(flatten)]
    asked: Asked,
}

pub(super) fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let input = args.asked.input(Some(args.user))?;
    let answer = report(app, &args.at, "access-explain", &input)?;
    output::show(app.output(), &answer, told);
    Ok(match is_allowed(&answer) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn is_allowed(answer: &Value) -> bool {
    answer["IsAllowed"] == true
}

fn told(answer: &Value) -> String {
    let verdict = match is_allowed(answer) {
        true => "allowed".to_owned(),
        false => format!("refused {}", text(answer, "Reason")),
    };
    let statements: Vec<_> = list(answer, "Statements")
        .iter()
        .map(|statement| (text(statement, "Effect"), statement_told(statement)))
        .collect();
    let mut rows = vec![
        ("principal", text(answer, "Principal")),
        ("answer", verdict),
    ];
    for (effect, told) in &statements {
        rows.push((effect, told.clone()));
    }
    let keys = missing(answer);
    if !keys.is_empty() {
        rows.push((
            "depends on",
            format!("{keys}: give --context KEY=VALUE to ask again with a value"),
        ));
    }
    output::pairs(&rows)
}

fn statement_told(statement: &Value) -> String {
    let sid = match text(statement, "Sid") {
        sid if sid.is_empty() => "-".to_owned(),
        sid => sid,
    };
    let number = text(statement, "Number");
    format!("{}  statement {number}, Sid {sid}", place(statement))
}
