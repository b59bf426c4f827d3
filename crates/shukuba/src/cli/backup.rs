//! `shukuba backup` and `shukuba restore`.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

use super::operator::At;
use crate::app::App;
use crate::{keep, output};

/// Copies the data of the running server into an empty directory of its machine, without stopping it.
#[derive(Debug, clap::Args)]
pub(crate) struct BackupArgs {
    #[command(flatten)]
    at: At,

    /// Copy the master key as well; who has such a backup has the keys
    #[arg(long)]
    with_master_key: bool,

    /// An empty or new directory
    #[arg(value_name = "DIR")]
    to: PathBuf,
}

/// Copies a backup into the data directory, which must be empty or new, after checking every byte of its journal.
#[derive(Debug, clap::Args)]
pub(crate) struct RestoreArgs {
    /// The backup
    #[arg(value_name = "DIR")]
    from: PathBuf,
}

pub(super) fn backup(app: &App, args: &BackupArgs) -> anyhow::Result<ExitCode> {
    let to = std::path::absolute(&args.to)?;
    let input = json!({ "to": to, "with_master_key": args.with_master_key });
    let answer = args.at.call(app, "backup", &input)?;
    let report: keep::Report = serde_json::from_value(answer)?;
    output::show(app.output(), &report, |report| {
        table("copied to", &to.display().to_string(), report)
    });
    Ok(ExitCode::SUCCESS)
}

pub(super) fn restore(app: &App, args: &RestoreArgs) -> anyhow::Result<ExitCode> {
    let to = app.data_dir();
    let report = keep::restore(&args.from, &to)?;
    output::show(app.output(), &report, |report| {
        table("restored to", &to.display().to_string(), report)
    });
    Ok(ExitCode::SUCCESS)
}

fn table(verb: &str, to: &str, report: &keep::Report) -> String {
    let key = if report.has_master_key {
        "yes"
    } else {
        "no: keep it where you keep secrets, or the keys are lost"
    };
    output::pairs(&[
        (verb, to.to_owned()),
        (
            "journal",
            format!(
                "{} in {} files",
                output::bytes(report.journal_bytes),
                report.journal_files
            ),
        ),
        (
            "results",
            format!(
                "{} in {} files",
                output::bytes(report.result_bytes),
                report.result_files
            ),
        ),
        ("master key", key.to_owned()),
    ])
}
