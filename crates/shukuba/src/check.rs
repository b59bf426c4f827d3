//! Verifying a data directory that nobody serves, and cutting out what is damaged.
//!
//! What is cut out is booked as `lost` in the journal itself, so that the ledger says so for ever. The ranges stand in
//! `quarantine.json` from before the first cut until they are booked: a crash in between loses no entry.

use std::fmt;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use base::{Clock, SystemClock, Timestamp};
use serde::{Deserialize, Serialize};
use store::check::{self, BeyondRepair, Damage, DamageKind, Report};
use store::dir::DirError;
use store::disk::RealDisk;
use store::record::{Record, encode};
use store::{BoxError, Capture, Class, DataDir, Fold, Journal, Position};

use crate::config::Store;
use crate::serve::buckets;
use crate::{app, data, output};

/// Ranges that were cut out, or are being, and are not booked yet.
const PENDING_FILE: &str = "quarantine.json";

/// A stretch of the log whose records are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stretch {
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// A damaged place, for people and programs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Place {
    kind: String,
    file: String,
    offset: u64,
    from: u64,
    to: u64,
}

impl Place {
    /// All that `report` names, in order.
    pub(crate) fn all(report: &Report) -> Vec<Self> {
        report.damage.iter().map(Self::of).collect()
    }

    fn of(damage: &Damage) -> Self {
        let kind = match damage.kind {
            DamageKind::SegmentHeader => "segment-header",
            DamageKind::Frames => "records",
            DamageKind::SegmentEnd => "end-of-segment",
            DamageKind::Missing => "missing-segments",
        };
        Self {
            kind: kind.to_owned(),
            file: damage.file.clone(),
            offset: damage.offset,
            from: damage.from.get(),
            to: damage.to.get(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            file,
            offset,
            from,
            to,
        } = self;
        let bytes = output::bytes(to.saturating_sub(*from));
        let (from, to) = (Position::new(*from), Position::new(*to));
        write!(
            f,
            "{kind} at offset {offset} of journal/{file}: {bytes} ({from} to {to})"
        )
    }
}

/// What was found, and what was done about it.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) report: Report,
    /// Booked as lost in this run.
    pub(crate) booked: Vec<Stretch>,
    /// Cut out by a run that ended before it booked them.
    pub(crate) unbooked: Vec<Stretch>,
    /// Objects in buckets, where there are buckets.
    pub(crate) objects: Option<s3::objects::Checked>,
}

impl Checked {
    /// Whether the journal opens with everything that was ever acknowledged, or the ledger says what is lost.
    pub(crate) fn is_sound(&self) -> bool {
        self.report.is_sound() && self.unbooked.is_empty()
    }

    /// Whether every object is as it was put.
    pub(crate) fn are_objects_sound(&self) -> bool {
        self.objects.as_ref().is_none_or(|it| it.damaged == 0)
    }
}

/// Checks every byte of the journal in `dir` and of the objects; nothing that was acknowledged is changed.
///
/// # Errors
/// When a server has the directory open, or there is no journal.
pub(crate) fn verify(dir: &Path) -> anyhow::Result<Checked> {
    let dir = open(dir)?;
    Ok(Checked {
        report: report(&dir)?,
        booked: Vec::new(),
        unbooked: read_pending(&dir.path().join(PENDING_FILE))?,
        objects: objects(&dir)?,
    })
}

/// Refuses a directory in which a quarantine did not come to its end: the ledger would never know of what was cut out.
pub(crate) fn ensure_booked(dir: &Path) -> anyhow::Result<()> {
    let pending = dir.join(PENDING_FILE);
    anyhow::ensure!(
        !pending.exists(),
        "`{}` says that a quarantine did not come to its end: run `shukuba check-data --quarantine` again",
        pending.display()
    );
    Ok(())
}

/// As [`verify`], then cuts out what is damaged and books it as lost.
///
/// # Errors
/// As [`verify`], and when the journal is beyond repair or the disk refuses.
pub(crate) fn quarantine(dir: &Path, store: &Store) -> anyhow::Result<Checked> {
    let dir = open(dir)?;
    let report = report(&dir)?;
    if let Some(why) = report.beyond_repair {
        anyhow::bail!("{}", only_a_backup(why));
    }
    let pending = dir.path().join(PENDING_FILE);
    let mut stretches = read_pending(&pending)?;
    stretches.extend(
        report
            .damage
            .iter()
            .filter(|damage| holds_records(damage))
            .map(stretch)
            .filter(is_new(&stretches)),
    );
    if report.is_sound() && stretches.is_empty() {
        return Ok(Checked {
            report,
            booked: stretches,
            unbooked: Vec::new(),
            objects: objects(&dir)?,
        });
    }
    write_pending(&pending, &stretches)?;
    check::quarantine(&RealDisk::at(&dir.journal())?, &report)
        .context("cannot cut out what is damaged")?;
    book(&dir.journal(), store, &stretches)?;
    fs::remove_file(&pending).with_context(|| format!("cannot remove `{}`", pending.display()))?;
    Ok(Checked {
        report,
        booked: stretches,
        unbooked: Vec::new(),
        objects: objects(&dir)?,
    })
}

fn objects(dir: &DataDir) -> anyhow::Result<Option<s3::objects::Checked>> {
    let dir = dir.path().join(buckets::DIR);
    if !dir.is_dir() {
        return Ok(None);
    }
    let clock = Arc::new(SystemClock::new());
    let objects = s3::Objects::open(&dir, clock, s3::Limits::default());
    let checked = objects.and_then(|objects| objects.check());
    checked
        .map(Some)
        .with_context(|| format!("cannot read the buckets in `{}`", dir.display()))
}

/// Opens what is there; makes nothing.
fn open(dir: &Path) -> anyhow::Result<DataDir> {
    if !dir.join("journal").is_dir() {
        return Err(app::usage(format!(
            "`{}` is no data directory: it has no `journal`",
            dir.display()
        )));
    }
    match DataDir::open(dir, store::Use::Read) {
        Err(error @ DirError::InUse { .. }) => Err(anyhow::Error::new(error)
            .context("cannot be checked while it is in use; stop the server first")),
        opened => Ok(opened?),
    }
}

fn report(dir: &DataDir) -> anyhow::Result<Report> {
    let journal = RealDisk::at(&dir.journal())?;
    let mut report = check::check(&journal).context("cannot read the journal")?;
    if data::has_lost_journal(dir.path()) {
        report.beyond_repair = Some(BeyondRepair::NoLog);
    }
    Ok(report)
}

/// What can be done where cutting out does not help.
pub(crate) fn only_a_backup(why: BeyondRepair) -> String {
    format!(
        "beyond repair: {why}; put missing files back, or restore a backup with `shukuba restore`"
    )
}

fn holds_records(damage: &Damage) -> bool {
    damage.kind != DamageKind::SegmentHeader
}

fn stretch(damage: &Damage) -> Stretch {
    Stretch {
        from: damage.from.get(),
        to: damage.to.get(),
    }
}

fn is_new(known: &[Stretch]) -> impl Fn(&Stretch) -> bool + use<> {
    let known = known.to_vec();
    move |stretch| !known.contains(stretch)
}

fn read_pending(path: &PathBuf) -> anyhow::Result<Vec<Stretch>> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .with_context(|| format!("`{}` is not in form", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| format!("cannot read `{}`", path.display())),
    }
}

fn write_pending(path: &Path, stretches: &[Stretch]) -> anyhow::Result<()> {
    let temporary = path.with_extension("json.new");
    let write = || {
        fs::write(&temporary, serde_json::to_vec(stretches)?)?;
        fs::File::open(&temporary)?.sync_all()?;
        fs::rename(&temporary, path)?;
        path.parent()
            .map_or(Ok(()), |dir| fs::File::open(dir)?.sync_all())
    };
    write().with_context(|| format!("cannot write `{}`", path.display()))
}

/// Appends a record for each stretch. The journal is opened without its state, which takes no snapshot and needs none.
pub(crate) fn book(journal: &Path, store: &Store, stretches: &[Stretch]) -> anyhow::Result<()> {
    let options = store::Options {
        segment: store.segment_bytes.0,
        reserve: store.reserve_bytes.0,
        ..store::Options::default()
    };
    let (journal, recovery) = Journal::open(journal, options, &mut Stateless)
        .context("cannot open the journal after the cut")?;
    let at = SystemClock::new().now().max(recovery.last_at);
    let mut end = None;
    for stretch in stretches {
        let mut lost = Record::Lost {
            from: Position::new(stretch.from),
            to: Position::new(stretch.to),
        };
        let mut bytes = Vec::new();
        encode(&mut lost, &mut bytes);
        let appended = journal
            .append(Class::Settle, at, &[&bytes])
            .context("cannot book what is lost")?;
        end = Some(appended.end);
    }
    end.map_or(Ok(()), |end| {
        journal.wait(end).context("cannot book what is lost")
    })
}

/// Reads the records and keeps nothing of them.
struct Stateless;

impl Fold for Stateless {
    fn apply(&mut self, _: Position, _: Timestamp, _: &[u8]) -> Result<(), BoxError> {
        Ok(())
    }

    fn capture(&self) -> Capture {
        Box::new(|_| {
            Err(std::io::Error::other(
                "a journal that is opened without its state takes no snapshot",
            ))
        })
    }

    fn restore(&mut self, _: &mut dyn Read) -> Result<(), BoxError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal(dir: &Path, records: usize) -> DataDir {
        let dir = DataDir::open(dir, store::Use::Read).unwrap();
        let (journal, _) =
            Journal::open(&dir.journal(), store::Options::default(), &mut Stateless).unwrap();
        for number in 0..records {
            let at = Timestamp::from_millis(1_000);
            let appended = journal
                .append(Class::Send, at, &[format!("record {number}").as_bytes()])
                .unwrap();
            journal.wait(appended.end).unwrap();
        }
        dir
    }

    /// Writes over some bytes of the first segment.
    fn damage(dir: &Path, offset: u64) {
        use std::os::unix::fs::FileExt;
        let segment = fs::read_dir(dir.join("journal")).unwrap();
        let segment = segment
            .map(|entry| entry.unwrap().path())
            .find(|path| path.extension().is_some_and(|name| name == "seg"));
        fs::File::options()
            .write(true)
            .open(segment.unwrap())
            .unwrap()
            .write_at(b"XXXXXX", offset)
            .unwrap();
    }

    #[test]
    fn a_whole_journal_is_sound_and_stays_as_it_is() {
        let temporary = tempfile::tempdir().unwrap();
        drop(journal(temporary.path(), 5));
        let checked = verify(temporary.path()).unwrap();
        assert!(checked.report.is_sound());
        assert_eq!(checked.report.records, 5);
        let checked = quarantine(temporary.path(), &Store::default()).unwrap();
        assert_eq!(checked.booked, []);
        assert_eq!(verify(temporary.path()).unwrap().report.records, 5);
    }

    #[test]
    fn what_is_damaged_is_cut_out_and_booked_once() {
        let temporary = tempfile::tempdir().unwrap();
        drop(journal(temporary.path(), 50));
        damage(temporary.path(), 64 + 200);
        let found = verify(temporary.path()).unwrap().report;
        assert_eq!(found.damage.len(), 1);
        assert!(!found.is_sound() && found.records < 50);
        let checked = quarantine(temporary.path(), &Store::default()).unwrap();
        assert_eq!(checked.booked, [stretch(&found.damage[0])]);
        let after = verify(temporary.path()).unwrap().report;
        assert!(after.is_sound());
        assert_eq!(after.records, found.records + 1, "the record that books it");
        assert_eq!(
            quarantine(temporary.path(), &Store::default())
                .unwrap()
                .booked,
            []
        );
        assert!(!temporary.path().join(PENDING_FILE).exists());
    }

    #[test]
    fn a_cut_that_a_crash_left_unbooked_is_booked_by_the_next_run() {
        let temporary = tempfile::tempdir().unwrap();
        drop(journal(temporary.path(), 5));
        let cut = [Stretch { from: 100, to: 200 }];
        write_pending(&temporary.path().join(PENDING_FILE), &cut).unwrap();
        assert!(!verify(temporary.path()).unwrap().is_sound());
        ensure_booked(temporary.path()).unwrap_err();
        assert_eq!(
            quarantine(temporary.path(), &Store::default())
                .unwrap()
                .booked,
            cut
        );
        let after = verify(temporary.path()).unwrap();
        assert_eq!((after.is_sound(), after.report.records), (true, 6));
        ensure_booked(temporary.path()).unwrap();
    }

    #[test]
    fn a_directory_in_use_or_without_a_journal_is_refused() {
        let temporary = tempfile::tempdir().unwrap();
        let error = verify(temporary.path()).unwrap_err().to_string();
        assert!(error.contains("no data directory"), "{error}");
        let open = journal(temporary.path(), 1);
        let error = format!("{:#}", verify(temporary.path()).unwrap_err());
        assert!(error.contains("stop the server first"), "{error}");
        assert!(error.contains("is in use by process"), "{error}");
        drop(open);
        fs::write(temporary.path().join("FORMAT"), "shukuba-data 9").unwrap();
        let error = format!("{:#}", verify(temporary.path()).unwrap_err());
        assert!(
            error.contains("holds `shukuba-data 9`") && !error.contains("in use"),
            "{error}"
        );
    }
}
