//! `shukuba backup` and `shukuba restore`.

use std::path::PathBuf;
use std::process::ExitCode;

use base::Timestamp;
use serde_json::json;
use store::DataDir;
use store::archive::{Generation, Wanted};
use store::dir::DirError;

use super::operator::At;
use crate::app::{self, App};
use crate::archive::Place;
use crate::archive::restore::{self, Which};
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

/// Make the data directory, which must be empty or new, of a backup or of an archive, after checking every byte
///
/// Of an archive it makes what was stored there until the disk was lost. What was acknowledged later is lost; what was delivered later is sent again, with the same ids. The ledger says from where on nothing is known.
#[derive(Debug, clap::Args)]
pub(crate) struct RestoreArgs {
    /// A backup, or the `archive.url` of the server that was lost: `s3://bucket/prefix` or a folder
    #[arg(value_name = "DIR|URL")]
    from: String,

    /// Of an archive: leave out what was appended later
    #[arg(long, value_name = "TIME", value_parser = super::operator::time)]
    at: Option<u64>,

    /// Of an archive: this generation [default: the newest that can be restored]
    #[arg(long, value_name = "GENERATION")]
    generation: Option<Generation>,

    /// Of an archive: where an object is damaged or missing, restore what is before it
    #[arg(long)]
    partial: bool,
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
    let place = aws::Place::parse(&args.from).map_err(|error| app::usage(error.to_string()))?;
    let from = match place {
        aws::Place::Folder(folder) if !restore::is_archive(&folder) => folder,
        _ => return from_archive(app, args),
    };
    if args.at.is_some() || args.generation.is_some() || args.partial {
        return Err(app::usage(format!(
            "`{}` is no archive: `--at`, `--generation` and `--partial` are for archives",
            from.display()
        )));
    }
    let report = keep::restore(&from, &to)?;
    output::show(app.output(), &report, |report| {
        table("restored to", &to.display().to_string(), report)
    });
    Ok(ExitCode::SUCCESS)
}

fn from_archive(app: &App, args: &RestoreArgs) -> anyhow::Result<ExitCode> {
    let to = app.data_dir();
    let store = app.config_to_read()?.config.store;
    let which = Which {
        generation: args.generation,
        wanted: Wanted {
            until: args.at.map(Timestamp::from_millis),
            is_partial: args.partial,
        },
    };
    let url = args.from.clone();
    let report = app::block_on(async {
        let place = Place::open(&url).await?;
        let to = to.clone();
        let made = move || restore::restore(&place, which, &to, &store);
        tokio::task::spawn_blocking(made).await?
    })??;
    output::show(app.output(), &report, |report| {
        restored(&to.display().to_string(), report)
    });
    if let Some(left_out) = &report.left_out {
        output::complain(&format!("warning: left out: {left_out}"));
    }
    Ok(ExitCode::SUCCESS)
}

fn restored(to: &str, report: &restore::Report) -> String {
    output::pairs(&[
        ("restored to", to.to_owned()),
        ("generation", report.generation.clone()),
        (
            "of account",
            format!("{}, host {}", report.account, report.host),
        ),
        ("snapshot of", report.base_at.clone()),
        ("last record of", report.last_record_at.clone()),
        ("keys of", report.files_of.clone()),
        (
            "read",
            format!(
                "{} in {} objects",
                output::bytes(report.bytes),
                report.objects
            ),
        ),
        (
            "lost",
            format!(
                "what was acknowledged after the last record; the ledger says so from {} on",
                report.end
            ),
        ),
        (
            "sent again",
            "what was delivered after it: at least once, with the same ids".to_owned(),
        ),
        (
            "master key",
            "not in an archive: put it where the server reads it, before it starts".to_owned(),
        ),
    ])
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
