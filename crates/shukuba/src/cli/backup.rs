//! `shukuba backup` and `shukuba restore`.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;
use store::DataDir;
use store::dir::DirError;

use super::operator::At;
use crate::app::{self, App};
use crate::{keep, output};

/// Copy the data into an empty directory, also while the server runs
///
/// A running server copies by itself, and the directory is one of its machine. Every byte of the copied journal is read back. What is damaged is named (exit code 1) and copied as it is, with all else.
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

/// Copy a backup into the data directory, which must be empty or new, after checking every byte of its journal.
#[derive(Debug, clap::Args)]
pub(crate) struct RestoreArgs {
    /// The backup
    #[arg(value_name = "DIR")]
    from: PathBuf,
}

pub(super) fn backup(app: &App, args: &BackupArgs) -> anyhow::Result<ExitCode> {
    let to = std::path::absolute(&args.to)?;
    let report = match at_rest(app, args)? {
        Some(dir) => keep::backup_at_rest(dir.path(), &to, args.with_master_key)?,
        None => {
            let input = json!({ "to": to, "with_master_key": args.with_master_key });
            let admin = args.at.admin(app)?.patient();
            app::block_on(admin.call("backup", &input))??
        }
    };
    output::show(app.output(), &report, |report| {
        table("copied to", &to.display().to_string(), report)
    });
    if !report.damage.is_empty() {
        output::complain(&format!(
            "error: the journal is damaged, here and so in the copy; all else is copied. Before it is restored: `shukuba check-data --quarantine --data {}`",
            to.display()
        ));
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// The data directory, where this machine has it and no server runs on it.
fn at_rest(app: &App, args: &BackupArgs) -> anyhow::Result<Option<DataDir>> {
    let dir = app.data_dir();
    if args.at.is_elsewhere() || !dir.join("journal").is_dir() {
        return Ok(None);
    }
    match DataDir::open(&dir, store::Use::Read) {
        Ok(dir) => Ok(Some(dir)),
        Err(DirError::InUse { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
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
    let mut rows = vec![
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
        (
            "objects",
            format!(
                "{} in {} files",
                output::bytes(report.object_bytes),
                report.object_files
            ),
        ),
        ("master key", key.to_owned()),
    ];
    rows.extend(
        report
            .damage
            .iter()
            .map(|place| ("damaged", place.to_string())),
    );
    output::pairs(&rows)
}
