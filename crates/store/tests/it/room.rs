//! A disk that fills and frees, one that refuses, and what callers see of it.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use base::{ByteCount, Timestamp};
use store::disk::{Faults, SimDisk};
use store::{AppendError, Class, Journal, Options, Room};

use crate::model::{Model, payload};

const SEGMENT: u64 = 4096;

fn open(disk: &SimDisk, model: &mut Model) -> Journal {
    let options = Options {
        segment: ByteCount::new(SEGMENT),
        reserve: ByteCount::new(2 * SEGMENT),
        ..Options::default()
    };
    let disk = Arc::new(disk.clone());
    Journal::open_on(disk, options, model).unwrap().0
}

fn append(journal: &Journal, class: Class) -> Result<store::Appended, AppendError> {
    journal.append(class, Timestamp::EPOCH, &[&payload(1, 0, 400)])
}

/// Appends until refused; how many went in.
fn append_all(journal: &Journal, class: Class) -> u64 {
    (0..)
        .find(|_| match append(journal, class) {
            Ok(_) => false,
            Err(AppendError::Full { .. }) => true,
            Err(error) => panic!("{error}"),
        })
        .unwrap()
}

#[test]
fn a_full_disk_refuses_sends_then_settles_and_resumes_alone() {
    let disk = SimDisk::new(1, 4 * SEGMENT);
    let mut model = Model::default();
    let journal = open(&disk, &mut model);
    while journal.keep_now() {}
    disk.set_size(0);
    let mut sent = 0;
    let refused = loop {
        journal.keep_now();
        match append(&journal, Class::Send) {
            Ok(_) => sent += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, AppendError::Full { .. }));
    assert!(sent > 2 * (SEGMENT / 500), "two segments take sends");
    assert!(matches!(journal.room(), Room::Reserve { .. }));
    let settled = append_all(&journal, Class::Settle);
    assert!(settled >= 2 * (SEGMENT / 500), "the reserve takes settles");
    assert!(append(&journal, Class::Send).is_err());
    assert!(!journal.keep_now());
    journal.commit_now();
    assert_eq!(journal.durable(), journal.end());
    disk.set_size(1 << 20);
    while journal.keep_now() {}
    assert_eq!(journal.room(), Room::Normal);
    append(&journal, Class::Send).unwrap();
    journal.commit_now();
    drop(journal);
    let mut recovered = Model::default();
    open(&disk, &mut recovered);
    assert_eq!(recovered.count, sent + settled + 1);
}

/// Sends fill segment after segment before anybody has found out that there is no room for the next.
#[test]
fn sends_take_nothing_of_the_reserve_before_the_disk_is_known_to_be_full() {
    let disk = SimDisk::new(1, 8 * SEGMENT);
    let journal = open(&disk, &mut Model::default());
    while journal.keep_now() {}
    disk.set_size(0);
    let refused = loop {
        if let Err(error) = append(&journal, Class::Send) {
            break error;
        }
    };
    assert!(matches!(refused, AppendError::Busy { .. }), "{refused}");
    assert!(!journal.keep_now());
    assert!(matches!(
        append(&journal, Class::Send),
        Err(AppendError::Full { .. })
    ));
    let settled = append_all(&journal, Class::Settle);
    assert!(
        settled >= 2 * (SEGMENT / 500),
        "the reserve takes {settled} settles"
    );
}

/// A restart gives nobody what is left for settles.
#[test]
fn a_reserve_that_was_begun_takes_no_sends_after_a_restart() {
    let disk = SimDisk::new(1, 4 * SEGMENT);
    let journal = open(&disk, &mut Model::default());
    while journal.keep_now() {}
    disk.set_size(0);
    while append(&journal, Class::Send).is_ok() {
        journal.keep_now();
    }
    let Room::Reserve { left: before, size } = journal.room() else {
        panic!("{:?}", journal.room());
    };
    while journal.segments().len() < 3 {
        append(&journal, Class::Settle).unwrap();
        journal.commit_now();
    }
    drop(journal);
    let journal = open(&disk, &mut Model::default());
    assert!(!journal.keep_now());
    let Room::Reserve { left, size: same } = journal.room() else {
        panic!("{:?}", journal.room());
    };
    assert!(left < before && size == same, "{left} of {before}");
    assert_eq!(append_all(&journal, Class::Send), 0);
    append_all(&journal, Class::Settle);
    journal.commit_now();
    drop(journal);
    let journal = open(&disk, &mut Model::default());
    assert!(!journal.keep_now());
    assert_eq!(journal.room(), Room::Full);
}

#[test]
fn a_failed_sync_ends_every_wait_and_every_append() {
    let disk = SimDisk::new(1, 1 << 20);
    let journal = open(&disk, &mut Model::default());
    let appended = append(&journal, Class::Send).unwrap();
    disk.set_faults(Faults {
        sync_fails_one_in: 1,
        ..Faults::default()
    });
    let mut waiting = pin!(journal.committed(appended.end));
    let mut told = pin!(journal.poisoned());
    let mut context = Context::from_waker(Waker::noop());
    assert!(waiting.as_mut().poll(&mut context).is_pending());
    assert!(told.as_mut().poll(&mut context).is_pending());
    journal.commit_now();
    // It works again; that changes nothing.
    disk.set_faults(Faults::default());
    assert!(!journal.commit_now());
    let Poll::Ready(Err(poison)) = waiting.as_mut().poll(&mut context) else {
        panic!("acknowledged after a failed sync");
    };
    assert!(poison.reason().starts_with("sync of"), "{poison}");
    assert_eq!(
        told.as_mut().poll(&mut context),
        Poll::Ready(poison.clone())
    );
    assert_eq!(
        append(&journal, Class::Settle),
        Err(AppendError::Poisoned(poison))
    );
}

#[test]
fn what_waits_for_the_disk_is_bounded() {
    let disk = SimDisk::new(1, 1 << 20);
    let options = Options {
        pending_max: ByteCount::new(1000),
        ..Options::default()
    };
    let options = Options {
        segment: ByteCount::kib(64),
        reserve: ByteCount::kib(64),
        ..options
    };
    let opened = Journal::open_on(Arc::new(disk), options, &mut Model::default());
    let journal = opened.unwrap().0;
    let until_busy = |class| {
        let busy = (0..).find(|_| matches!(append(&journal, class), Err(AppendError::Busy { .. })));
        busy.unwrap()
    };
    assert_eq!((until_busy(Class::Send), until_busy(Class::Settle)), (3, 2));
    journal.commit_now();
    append(&journal, Class::Send).unwrap();
}
