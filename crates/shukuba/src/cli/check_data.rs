//! `shukuba check-data`: is every byte of the journal and of the objects as it was written?

use std::process::ExitCode;

use serde_json::json;
use store::check::Report;

use crate::app::App;
use crate::check::{self, Checked, Place};
use crate::output;

/// Read every byte of the data directory's journal and objects and say what is damaged (exit code 1). The server must not run.
///
/// With --quarantine, what is damaged is cut out so that the server starts again; the bytes are kept beside the journal in
/// POSITION.lost, and the ledger shows the stretch as lost for ever. A backup, where there is one, is the better way, and the only one for objects.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Cut out what is damaged and book it as lost
    #[arg(long)]
    quarantine: bool,
}

pub(super) fn run(app: &App, args: &Args) -> anyhow::Result<ExitCode> {
    let dir = app.data_dir();
    let checked = if args.quarantine {
        check::quarantine(&dir, &app.config_to_read()?.config.store)?
    } else {
        check::verify(&dir)?
    };
    output::show(app.output(), &json(&checked), |_| {
        table(&checked, args.quarantine)
    });
    let is_well = checked.are_objects_sound() && (checked.is_sound() || args.quarantine);
    Ok(ExitCode::from(u8::from(!is_well)))
}

fn json(checked: &Checked) -> serde_json::Value {
    let report = &checked.report;
    json!({
        "sound": checked.is_sound(),
        "segments": report.segments,
        "records": report.records,
        "bytes": report.bytes,
        "last_at": report.last_at.rfc3339(),
        "snapshots": report.snapshots.len(),
        "bad_snapshots": report.bad_snapshots,
        "torn_tail": report.has_torn_tail,
        "cut_out_earlier_bytes": report.filler,
        "damage": Place::all(report),
        "beyond_repair": report.beyond_repair.is_some(),
        "beyond_repair_because": report.beyond_repair.map(|why| why.to_string()),
        "booked_as_lost": checked.booked,
        "not_booked_yet": checked.unbooked,
        "objects": checked.objects.as_ref().map(objects),
    })
}

fn objects(checked: &s3::objects::Checked) -> serde_json::Value {
    let damaged = checked
        .first
        .iter()
        .map(|it| json!({ "bucket": it.bucket, "key": it.key, "problem": it.problem }));
    json!({
        "objects": checked.objects,
        "bytes": checked.bytes,
        "damaged": checked.damaged,
        "first_damaged": damaged.collect::<Vec<_>>(),
    })
}

fn table(checked: &Checked, is_cut: bool) -> String {
    let report = &checked.report;
    let mut rows = vec![
        (
            "records",
            format!(
                "{} ({}) in {} files",
                output::count(report.records),
                output::bytes(report.bytes),
                report.segments
            ),
        ),
        ("last one", report.last_at.rfc3339()),
        ("snapshots", snapshots(report)),
    ];
    if report.has_torn_tail {
        rows.push((
            "torn end",
            "yes, as a crash leaves it; nothing acknowledged is in it".to_owned(),
        ));
    }
    if report.filler > 0 {
        rows.push(("cut out earlier", output::bytes(report.filler)));
    }
    let damage = Place::all(report);
    rows.extend(damage.iter().map(|place| ("damaged", place.to_string())));
    if let Some(found) = &checked.objects {
        rows.extend(objects_told(found));
    }
    rows.push(("verdict", verdict(checked, is_cut)));
    output::pairs(&rows)
}

fn objects_told(found: &s3::objects::Checked) -> Vec<(&'static str, String)> {
    let (objects, bytes) = (output::count(found.objects), output::bytes(found.bytes));
    let mut rows = vec![("objects", format!("{objects} ({bytes})"))];
    for it in &found.first {
        rows.push((
            "damaged",
            format!("{}/{}: {}", it.bucket, it.key, it.problem),
        ));
    }
    let more = found.damaged - found.first.len() as u64;
    if more > 0 {
        rows.push(("damaged", format!("{} more", output::count(more))));
    }
    rows
}

const CUT: &str = "damaged parts are cut out and booked as lost; the server starts again";

fn verdict(checked: &Checked, is_cut: bool) -> String {
    let report = &checked.report;
    let is_without_snapshot = report.snapshots.is_empty() && !report.bad_snapshots.is_empty();
    match (report.beyond_repair, report.is_sound()) {
        (Some(why), _) => return check::only_a_backup(why),
        (_, true) if !checked.are_objects_sound() => {
            "the journal is sound, objects are DAMAGED: restore a backup, or put them again"
        }
        (_, true) if !checked.booked.is_empty() => CUT,
        (_, true) if !checked.unbooked.is_empty() => {
            "cut out and not booked as lost yet: run `shukuba check-data --quarantine` again"
        }
        (_, true) if is_without_snapshot => {
            "sound: no snapshot is whole, but the log goes back to its beginning and rebuilds the state alone"
        }
        (_, true) => "sound",
        _ if is_cut => CUT,
        _ => "DAMAGED: restore a backup, or cut it out with `shukuba check-data --quarantine`",
    }
    .to_owned()
}

fn snapshots(report: &Report) -> String {
    match report.bad_snapshots.as_slice() {
        [] => report.snapshots.len().to_string(),
        bad => format!(
            "{}, damaged and not used: {}",
            report.snapshots.len(),
            bad.join(", ")
        ),
    }
}
