//! `shukuba dashboard apply`.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

use crate::app::App;
use crate::boards::kept::{self, Outcome};
use crate::boards::source::{self, Source};
use crate::cli::alarm::cloudwatch;
use crate::client::cloudwatch::CloudWatch;
use crate::client::service::Where;
use crate::output::{self, Format};

/// Put a dashboard from a file: what changes is shown first, and nothing is put that would change nothing
///
/// What is wrong in the file is said with its line and column, before anything is put.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The dashboard's name
    name: String,
    /// The file with its body; `-` reads standard input
    file: PathBuf,
    /// Show what would change, and put nothing
    #[arg(long)]
    dry_run: bool,
    /// Put it although something in it is wrong by what is known here: the server decides
    #[arg(long)]
    unchecked: bool,
    #[command(flatten)]
    at: Where,
}

pub(super) fn run(app: &App, args: &Args) -> anyhow::Result<ExitCode> {
    let name = args.file.display().to_string();
    let text = source::read(&args.file)?;
    let source = match source::checked(&name, &text) {
        Ok((source, warnings)) => {
            warnings
                .iter()
                .for_each(|line| output::complain(&format!("warning: {line}")));
            source
        }
        Err(lines) => {
            lines.iter().for_each(|line| output::complain(line));
            anyhow::ensure!(args.unchecked, "`{name}` is wrong; nothing was put");
            source::unchecked(&text)?
        }
    };
    let cloudwatch = cloudwatch(app, &args.at)?;
    applied(
        app.output(),
        &cloudwatch,
        &args.name,
        &name,
        &source,
        args.dry_run,
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Shows what changes, and puts it.
pub(super) fn applied(
    format: Format,
    cloudwatch: &dyn CloudWatch,
    dashboard: &str,
    file: &str,
    source: &Source,
    is_dry: bool,
) -> anyhow::Result<()> {
    let say = |outcome: &Outcome| {
        if format != Format::Json {
            output::print(&output::plain(&shown(dashboard, outcome, source), &['\n']));
        }
    };
    let (outcome, is_put) = carried_out(cloudwatch, dashboard, file, source, is_dry, say)?;
    match format {
        Format::Json => {
            let outcome = json!({ "DashboardName": dashboard, "Outcome": outcome, "Done": is_put });
            output::print(&output::json(&outcome));
        }
        _ => output::print(match (&outcome, is_dry) {
            (Outcome::Same, _) => "nothing to do",
            (_, true) => "dry run: nothing was put",
            (_, false) => "put",
        }),
    }
    Ok(())
}

/// Compares, says what changes, and puts it; gives whether it was put.
fn carried_out(
    cloudwatch: &dyn CloudWatch,
    dashboard: &str,
    file: &str,
    source: &Source,
    is_dry: bool,
    say: impl FnOnce(&Outcome),
) -> anyhow::Result<(Outcome, bool)> {
    let old = kept::get(cloudwatch, dashboard)?;
    let outcome = kept::compared(old.as_ref().map(kept::body), source);
    let is_put = !is_dry && outcome != Outcome::Same;
    say(&outcome);
    if is_put {
        put(cloudwatch, dashboard, file, source)?;
    }
    Ok((outcome, is_put))
}

fn put(
    cloudwatch: &dyn CloudWatch,
    dashboard: &str,
    file: &str,
    source: &Source,
) -> anyhow::Result<()> {
    match kept::put(cloudwatch, dashboard, &source.text) {
        Ok(messages) => {
            for line in source::told(file, &source.text, &messages) {
                output::complain(&format!("warning: {line}"));
            }
            Ok(())
        }
        Err(failure) => {
            let messages = kept::found_wrong(&failure);
            let lines = source::told(file, &source.text, &messages);
            lines.iter().for_each(|line| output::complain(line));
            match lines.is_empty() {
                true => Err(failure.into()),
                false => anyhow::bail!("the server refuses `{file}`; nothing was put"),
            }
        }
    }
}

fn shown(dashboard: &str, outcome: &Outcome, source: &Source) -> String {
    match outcome {
        Outcome::New => {
            let widgets = output::of(source.body.widgets.len() as u64, "widget");
            format!("+ {dashboard}: a new dashboard with {widgets}")
        }
        Outcome::Same => format!("= {dashboard}"),
        Outcome::Changed(lines) => lines.join("\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::cloudwatch::tests::Told;

    const BODY: &str = r#"{"widgets": [{"type": "text", "properties": {"markdown": "a"}}]}"#;

    fn apply(told: &Told, is_dry: bool) -> anyhow::Result<(Outcome, bool)> {
        let source = source::unchecked(BODY).unwrap();
        carried_out(told, "d", "d.json", &source, is_dry, |_| {})
    }

    fn there(body: &str) -> (&'static str, serde_json::Value) {
        ("GetDashboard", json!({ "DashboardBody": body }))
    }

    #[test]
    fn only_what_changes_something_is_put_and_then_as_written() {
        let none = || {
            (
                "GetDashboard",
                json!({"__type": "DashboardNotFoundError", "message": "no"}),
            )
        };
        let same = || there(r#"{"widgets":[{"properties":{"markdown":"a"},"type":"text"}]}"#);
        for (answer, is_dry, puts) in [
            (none(), false, 1),
            (none(), true, 0),
            (same(), false, 0),
            (there(r#"{"widgets": []}"#), false, 1),
            (there("broken"), false, 1),
        ] {
            let told = Told::new([answer]);
            apply(&told, is_dry).unwrap();
            let put = told.asked("PutDashboard");
            assert_eq!(put.len(), puts);
            assert!(
                put.iter()
                    .all(|it| it["DashboardBody"] == BODY && it["DashboardName"] == "d")
            );
        }
    }

    #[test]
    fn a_server_s_refusal_is_an_error() {
        let wrong = "The dashboard body is invalid, there are 1 validation errors:\n[\n  {\n    \"dataPath\": \"/widgets/0\",\n    \"message\": \"Should be object\"\n  }\n]";
        for (message, says) in [
            (wrong, "the server refuses `d.json`"),
            ("no", "DashboardInvalidInputError: no"),
        ] {
            let told = Told::new([
                there(r#"{"widgets": []}"#),
                (
                    "PutDashboard",
                    json!({"__type": "DashboardInvalidInputError", "message": message}),
                ),
            ]);
            let error = apply(&told, false).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
