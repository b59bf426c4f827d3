//! The journal with its threads on the machine's own disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use base::{ByteCount, Timestamp};
use store::backup::restore;
use store::check::check;
use store::disk::RealDisk;
use store::{AppendError, Class, Fold, Journal, Options, Position};

use crate::model::{Model, payload};

fn options() -> Options {
    Options {
        segment: ByteCount::kib(64),
        reserve: ByteCount::kib(64),
        ..Options::default()
    }
}

/// Appends, patiently: the keeper may not have made the next segment yet.
fn append(journal: &Journal, payload: &[u8]) -> store::Appended {
    loop {
        match journal.append(Class::Send, Timestamp::from_millis(5), &[payload]) {
            Ok(appended) => return appended,
            Err(AppendError::Busy { .. }) => thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn many_writers_share_groups_and_all_of_it_is_there_afterwards() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("journal");
    let (journal, _) = Journal::open(&dir, options(), &mut Model::default()).unwrap();
    let seen = Arc::new(AtomicU64::new(0));
    let told = Arc::clone(&seen);
    journal.on_commit(Box::new(move |durable| {
        told.store(durable.get(), Ordering::SeqCst)
    }));
    thread::scope(|scope| {
        for writer in 0..8u64 {
            let journal = &journal;
            scope.spawn(move || {
                for n in 0..100 {
                    let payload = payload(writer * 1000 + n + 1, 0, 200);
                    let appended = append(journal, &payload);
                    journal.wait(appended.end).unwrap();
                    assert!(journal.durable() >= appended.end);
                    assert_eq!(journal.record(appended.start).unwrap().payload, payload);
                }
            });
        }
    });
    assert_eq!(journal.scan(Position::ZERO).count(), 800);
    let end = journal.end();
    drop(journal);
    assert_eq!(seen.load(Ordering::SeqCst), end.get());
    let mut model = Model::default();
    let (journal, recovery) = Journal::open(&dir, options(), &mut model).unwrap();
    assert_eq!((recovery.records, recovery.cut), (800, 0));
    assert_eq!(model.living.len(), 800);
    assert_eq!(journal.end(), end);
}

#[test]
fn what_is_unhurried_waits_for_company_and_comes_without_it() {
    let temporary = tempfile::tempdir().unwrap();
    let open = |name: &str, linger| {
        let linger = Options {
            linger,
            ..options()
        };
        Journal::open(&temporary.path().join(name), linger, &mut Model::default())
            .unwrap()
            .0
    };
    let append = |journal: &Journal, class, id| {
        let at = Timestamp::from_millis(5);
        journal.append(class, at, &[&payload(id, 0, 100)]).unwrap()
    };
    // Alone it is committed when its time is over.
    let journal = open("soon", Duration::from_millis(1));
    journal
        .wait(append(&journal, Class::Unhurried, 1).end)
        .unwrap();
    // With a time that never ends: what hurries takes it along, and so does the end.
    let journal = open("never", Duration::from_secs(86_400));
    let first = append(&journal, Class::Unhurried, 1);
    assert!(journal.durable() < first.end);
    journal
        .wait(append(&journal, Class::Settle, 2).end)
        .unwrap();
    assert!(journal.durable() > first.end);
    append(&journal, Class::Unhurried, 3);
    drop(journal);
    let journal = open("never", Duration::ZERO);
    assert_eq!(journal.scan(Position::ZERO).count(), 3);
}

#[test]
fn a_backup_of_a_running_journal_restores() {
    let temporary = tempfile::tempdir().unwrap();
    let at = |name: &str| temporary.path().join(name);
    let mut model = Model::default();
    let (journal, _) = Journal::open(&at("journal"), options(), &mut model).unwrap();
    for id in 1..=500 {
        let payload = payload(id, 0, 300);
        let appended = append(&journal, &payload);
        model
            .apply(appended.start, Timestamp::from_millis(5), &payload)
            .unwrap();
        if id == 250 {
            journal.snapshot(journal.end(), model.capture()).unwrap();
        }
    }
    journal.wait(journal.end()).unwrap();
    let backup = RealDisk::at(&at("backup")).unwrap();
    journal.backup(&backup).unwrap();
    assert_eq!(check(&backup).unwrap().end, journal.end());
    append(&journal, &payload(501, 0, 10));
    drop(journal);
    assert!(check(&backup).unwrap().is_sound());
    restore(&backup, &RealDisk::at(&at("again")).unwrap()).unwrap();
    let mut restored = Model::default();
    Journal::open(&at("again"), options(), &mut restored).unwrap();
    assert_eq!(restored, model);
}

#[test]
fn segments_that_nothing_lives_in_are_dropped_and_the_state_stays() {
    let temporary = tempfile::tempdir().unwrap();
    let mut model = Model::default();
    let (journal, _) = Journal::open(temporary.path(), options(), &mut model).unwrap();
    for id in 1..=1000 {
        let payload = payload(id, id - 1, 300);
        let appended = append(&journal, &payload);
        model
            .apply(appended.start, Timestamp::from_millis(5), &payload)
            .unwrap();
    }
    assert!(journal.snapshot_due());
    journal.snapshot(journal.end(), model.capture()).unwrap();
    assert!(!journal.snapshot_due());
    let before = journal.segments().len();
    assert!(before > 3);
    assert!(
        journal
            .reclaim(Position::ZERO, &|_, _| false)
            .unwrap()
            .is_empty()
    );
    assert!(
        journal
            .reclaim(journal.end(), &|_, _| true)
            .unwrap()
            .is_empty()
    );
    let dropped = journal.reclaim(journal.end(), &|_, _| false).unwrap();
    assert_eq!(dropped.len(), before - 1);
    assert!(journal.record(dropped[0].base.plus(64)).is_err());
    drop(journal);
    let mut recovered = Model::default();
    Journal::open(temporary.path(), options(), &mut recovered).unwrap();
    assert_eq!(recovered, model);
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_appended() {
    let temporary = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(temporary.path(), options(), &mut Model::default()).unwrap();
    let refused = journal.append(Class::Send, Timestamp::EPOCH, &[&vec![0; 70_000]]);
    assert!(matches!(refused, Err(AppendError::TooLarge { .. })));
    assert_eq!(journal.end(), journal.durable());
}

#[test]
fn a_panic_on_the_committers_thread_ends_every_wait() {
    let temporary = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(temporary.path(), options(), &mut Model::default()).unwrap();
    journal.on_commit(Box::new(|_| panic!("on purpose")));
    let first = append(&journal, &payload(1, 0, 10));
    journal.wait(first.end).unwrap();
    let refused = loop {
        match journal.append(Class::Send, Timestamp::EPOCH, &[b"0123456789abcdef"]) {
            Ok(appended) => match journal.wait(appended.end) {
                Ok(()) => {}
                Err(poison) => break poison,
            },
            Err(AppendError::Poisoned(poison)) => break poison,
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(refused.reason(), "the committer panicked");
}
