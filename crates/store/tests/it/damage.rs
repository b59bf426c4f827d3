//! Bits that turn over after they were acknowledged: refused by name, never passed over, cut out by quarantine.

use std::sync::Arc;

use base::{ByteCount, Timestamp};
use store::check::{BeyondRepair, DamageKind, check, quarantine};
use store::disk::{Disk, SimDisk};
use store::{Class, Fold, Journal, OpenError, Options, Position};

use crate::model::{Model, payload};

const SEGMENT: u64 = 4096;

fn options() -> Options {
    Options {
        segment: ByteCount::new(SEGMENT),
        reserve: ByteCount::new(SEGMENT),
        ..Options::default()
    }
}

/// A log of `records` records in groups of three, and the states after each of its groups.
fn log(records: u64) -> (SimDisk, Vec<(Position, Model)>) {
    let disk = SimDisk::new(7, 1 << 30);
    let mut model = Model::default();
    let opened = Journal::open_on(Arc::new(disk.clone()), options(), &mut model);
    let journal = opened.unwrap().0;
    let mut states = vec![(journal.durable(), model.clone())];
    for id in 1..=records {
        while journal.keep_now() {}
        let payload = payload(id, 0, 100);
        let at = Timestamp::from_millis(id);
        let appended = journal.append(Class::Send, at, &[&payload]).unwrap();
        model.apply(appended.start, at, &payload).unwrap();
        if id % 3 == 0 || id == records {
            journal.commit_now();
            states.push((journal.durable(), model.clone()));
        }
    }
    (disk, states)
}

fn open(disk: &SimDisk) -> Result<(Journal, Model), OpenError> {
    let mut model = Model::default();
    let (journal, _) = Journal::open_on(Arc::new(disk.clone()), options(), &mut model)?;
    Ok((journal, model))
}

#[test]
fn a_flipped_bit_is_refused_or_was_in_the_last_group() {
    let (_, states) = log(80);
    let (end, last) = states.last().unwrap();
    let (last_group, before) = &states[states.len() - 2];
    for at in (0..end.get()).step_by(13) {
        let (disk, _) = log(80);
        disk.flip(
            &format!("{:016x}.seg", at / SEGMENT * SEGMENT),
            at % SEGMENT,
            1 << (at % 8),
        );
        match open(&disk) {
            Err(OpenError::Corrupt {
                position, offset, ..
            }) => {
                assert!(position.get() <= at && offset == position.get() % SEGMENT);
            }
            Err(OpenError::Version { .. }) => assert!((8..12).contains(&(at % SEGMENT))),
            Err(error) => panic!("{error}"),
            // Behind a seal nothing is read.
            Ok((_, model)) if model == *last => {}
            Ok((_, model)) => {
                assert!(at >= last_group.get(), "{at:x} was passed over");
                assert!(model.count >= before.count && model.count < last.count);
            }
        }
    }
}

#[test]
fn quarantine_cuts_out_what_is_damaged_and_nothing_else() {
    for at in (64..3 * SEGMENT).step_by(57) {
        let (disk, states) = log(120);
        disk.flip(
            &format!("{:016x}.seg", at / SEGMENT * SEGMENT),
            at % SEGMENT,
            0x40,
        );
        let Err(error) = open(&disk) else {
            continue;
        };
        let OpenError::Corrupt { .. } = error else {
            continue;
        };
        let report = check(&disk).unwrap();
        assert_eq!(report.damage.len(), 1, "{report:?}");
        let lost = quarantine(&disk, &report).unwrap();
        assert!(check(&disk).unwrap().is_sound());
        let (_, model) = open(&disk).unwrap();
        let (_, whole) = states.last().unwrap();
        let is_lost = |position: &u64| {
            let position = Position::new(*position);
            lost.iter()
                .any(|damage| (damage.from..damage.to).contains(&position))
        };
        let mut expected = whole.living.clone();
        expected.retain(|_, position| !is_lost(position));
        assert_eq!(model.living, expected);
        assert!(
            whole.living.len() - expected.len() <= 1,
            "one frame was damaged"
        );
        let kept = disk
            .list()
            .unwrap()
            .iter()
            .filter(|name| name.ends_with(".lost"))
            .count();
        assert_eq!(kept, 1);
    }
}

#[test]
fn a_scan_passes_over_what_is_damaged_and_says_where() {
    for at in (64..2 * SEGMENT).step_by(57) {
        let (disk, states) = log(120);
        let (journal, model) = open(&disk).unwrap();
        let before = journal.scan(Position::ZERO).count();
        assert_eq!(before as u64, model.count);
        let segment = format!("{:016x}.seg", at / SEGMENT * SEGMENT);
        disk.flip(&segment, at % SEGMENT, 0x40);
        let found: Vec<_> = journal.scan(Position::ZERO).map(Result::unwrap).collect();
        let unreadable = journal.unreadable();
        match found.len() + 1 {
            count if count == before => {
                let [place] = unreadable.as_slice() else {
                    panic!("{unreadable:?}")
                };
                assert_eq!(place.file, segment);
                assert!(place.position.get() <= at);
                // What begins at a damaged place goes on behind it, as a reader does that came so far.
                let behind = journal.scan(place.position).next().unwrap().unwrap();
                let next = found.iter().find(|record| record.position > place.position);
                assert_eq!(Some(&behind), next);
            }
            // A seal, or what lies behind it: no record is lost.
            _ => assert_eq!(found.len(), before, "{at}"),
        }
        assert_eq!(
            found.last().unwrap().end,
            states.last().unwrap().0,
            "the records behind it are there"
        );
    }
}

#[test]
fn a_missing_segment_is_refused_and_cut_out() {
    let (disk, _) = log(120);
    disk.remove(&format!("{SEGMENT:016x}.seg")).unwrap();
    assert!(matches!(open(&disk), Err(OpenError::Missing { .. })));
    let report = check(&disk).unwrap();
    assert_eq!(report.damage[0].kind, DamageKind::Missing);
    quarantine(&disk, &report).unwrap();
    let (_, model) = open(&disk).unwrap();
    assert!(model.living.values().all(|at| at / SEGMENT != 1));
}

/// A log of five segments with a snapshot at its end; those at `vacant` were dropped.
fn snapped(vacant: &'static [u64]) -> (SimDisk, Model) {
    let (disk, _) = log(120);
    let (journal, model) = open(&disk).unwrap();
    journal.snapshot(journal.end(), model.capture()).unwrap();
    let is_occupied = |base: Position, _| !vacant.contains(&(base.get() / SEGMENT));
    let dropped = journal.reclaim(journal.end(), &is_occupied).unwrap();
    assert_eq!(dropped.len(), vacant.len());
    (disk, model)
}

#[test]
fn a_segment_below_the_snapshot_is_missed_unless_it_was_dropped() {
    for vacant in [&[][..], &[0], &[1], &[0, 1, 2], &[0, 2]] {
        let (disk, whole) = snapped(vacant);
        let (_, model) = open(&disk).unwrap();
        assert_eq!(model, whole);
        assert!(check(&disk).unwrap().is_sound());
        for segment in (0..4).filter(|segment| !vacant.contains(segment)) {
            let (disk, _) = snapped(vacant);
            disk.remove(&format!("{:016x}.seg", segment * SEGMENT))
                .unwrap();
            let error = open(&disk).unwrap_err();
            let OpenError::Missing { from, to, .. } = error else {
                panic!("{error}");
            };
            let at = Position::new(segment * SEGMENT);
            assert!(from <= at && to.is_some_and(|to| at < to), "{error}");
            let report = check(&disk).unwrap();
            let [damage] = &report.damage[..] else {
                panic!("{report:?}");
            };
            assert_eq!(
                (damage.kind, damage.from, Some(damage.to)),
                (DamageKind::Missing, from, to)
            );
            quarantine(&disk, &report).unwrap();
            assert!(check(&disk).unwrap().is_sound());
            open(&disk).unwrap();
        }
    }
}

#[test]
fn a_log_whose_files_are_all_gone_does_not_begin_anew() {
    for keeps_snapshot in [true, false] {
        let (disk, _) = snapped(&[]);
        for name in disk.list().unwrap() {
            if name.ends_with(".seg") || (name.ends_with(".snap") && !keeps_snapshot) {
                disk.remove(&name).unwrap();
            }
        }
        let error = open(&disk).unwrap_err();
        assert!(matches!(error, OpenError::Missing { .. }), "{error}");
        assert_eq!(
            check(&disk).unwrap().beyond_repair,
            Some(BeyondRepair::NoLog)
        );
    }
}

#[test]
fn a_file_that_was_cut_off_is_refused() {
    for segment in 0..5 {
        let (disk, _) = snapped(&[]);
        let name = format!("{:016x}.seg", segment * SEGMENT);
        disk.truncate(&name, 1000);
        let error = open(&disk).unwrap_err();
        assert!(
            matches!(&error, OpenError::Corrupt { file, offset: 1000, .. } if *file == name),
            "{error}"
        );
        let report = check(&disk).unwrap();
        assert!(!report.is_sound(), "{name}");
        quarantine(&disk, &report).unwrap();
        assert!(check(&disk).unwrap().is_sound());
        open(&disk).unwrap();
    }
}

#[test]
fn an_older_snapshot_stands_in_for_a_damaged_one() {
    let disk = SimDisk::new(7, 1 << 30);
    let mut model = Model::default();
    let opened = Journal::open_on(Arc::new(disk.clone()), options(), &mut model);
    let journal = opened.unwrap().0;
    for id in 1..=3 {
        let payload = payload(id, 0, 10);
        let appended = journal
            .append(Class::Send, Timestamp::EPOCH, &[&payload])
            .unwrap();
        model
            .apply(appended.start, Timestamp::EPOCH, &payload)
            .unwrap();
        journal.snapshot(journal.end(), model.capture()).unwrap();
    }
    let end = journal.end();
    drop(journal);
    disk.flip(&format!("{end}.snap"), 30, 1);
    assert_eq!(open(&disk).unwrap().1, model);
    assert_eq!(check(&disk).unwrap().bad_snapshots.len(), 1);
}

#[test]
fn without_a_whole_snapshot_opening_and_checking_say_the_same() {
    for vacant in [&[][..], &[0], &[1], &[0, 1, 2], &[0, 2]] {
        let (disk, whole) = snapped(vacant);
        let mut snapshots = disk.list().unwrap();
        snapshots.retain(|name| name.ends_with(".snap"));
        for name in &snapshots {
            disk.flip(name, 30, 1);
        }
        let report = check(&disk).unwrap();
        assert_eq!(report.bad_snapshots, snapshots);
        match open(&disk) {
            Ok((_, model)) => {
                assert_eq!((model, vacant), (whole, &[][..]), "the log alone");
                assert!(report.is_sound());
            }
            Err(error) => {
                assert!(matches!(error, OpenError::NoSnapshot { .. }), "{error}");
                assert_eq!(report.beyond_repair, Some(BeyondRepair::NoSnapshot));
            }
        }
    }
}

#[test]
fn a_log_that_ends_before_its_snapshot_names_the_file_that_went_on() {
    let (disk, _) = snapped(&[]);
    let name = format!("{:016x}.seg", 4 * SEGMENT);
    disk.remove(&name).unwrap();
    let error = open(&disk).unwrap_err();
    assert!(
        matches!(&error, OpenError::Missing { file, to: None, .. } if *file == name),
        "{error}"
    );
    let report = check(&disk).unwrap();
    assert_eq!(report.beyond_repair, Some(BeyondRepair::NoEnd));
}

#[test]
fn a_record_that_is_not_understood_stops_the_opening() {
    struct Refuses;
    impl Fold for Refuses {
        fn apply(&mut self, at: Position, _: Timestamp, _: &[u8]) -> Result<(), store::BoxError> {
            Err(format!("no idea at {at}").into())
        }
        fn capture(&self) -> store::Capture {
            Box::new(|_| Ok(()))
        }
        fn restore(&mut self, _: &mut dyn std::io::Read) -> Result<(), store::BoxError> {
            Ok(())
        }
    }
    let (disk, _) = log(1);
    let opened = Journal::open_on(Arc::new(disk), options(), &mut Refuses);
    assert!(matches!(opened, Err(OpenError::Fold { offset: 64, .. })));
}
