//! `shukuba access explain`.

use std::process::ExitCode;

use super::who_can::Asked;
use crate::access::asked::Answer;
use crate::app::App;
use crate::output;

/// Tell why somebody may or may not do something: the statement, with policy, line and column. Exit code 1 where it may not
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A user's name, role/NAME, root, or an ARN of these
    user: String,
    #[command(flatten)]
    asked: Asked,
}

pub(super) fn run(app: &App, args: &Args) -> anyhow::Result<ExitCode> {
    let (iam, question) = args.asked.open(app)?;
    let answer = question.by(&iam, &args.user)?;
    output::show(app.output(), &answer, told);
    Ok(match answer.is_allowed {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn told(answer: &Answer) -> String {
    let verdict = match answer.is_allowed {
        true => "allowed".to_owned(),
        false => format!("refused {}", answer.reason),
    };
    let mut rows = vec![("principal", answer.principal.clone()), ("answer", verdict)];
    for statement in &answer.statements {
        let sid = statement.sid.as_deref().unwrap_or("-");
        let (policy, line, column) = (&statement.policy, statement.line, statement.column);
        let number = statement.number;
        rows.push((
            statement.effect,
            format!("{policy}:{line}:{column}  statement {number}, Sid {sid}"),
        ));
    }
    if !answer.missing.is_empty() {
        let keys = answer.missing.join(", ");
        rows.push((
            "depends on",
            format!("{keys}: give --context KEY=VALUE to ask again with a value"),
        ));
    }
    output::pairs(&rows)
}
