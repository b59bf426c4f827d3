//! The spool against a naive model, on a disk that loses and tears what was not synced.

use std::sync::Arc;

use base::Timestamp;
use store::disk::{Faults, SimDisk};

use super::*;

const OPTIONS: Options = Options {
    segment_bytes: 4096,
    bytes_max: 5 * 4096,
};

fn at(secs: u64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn open(disk: &SimDisk, head: Option<&Head>) -> (Arc<Spool>, Opened) {
    Spool::open(Arc::new(disk.clone()), Stream::Management, OPTIONS, head).unwrap()
}

fn all(spool: &Arc<Spool>) -> Vec<Frame> {
    let mut reader = spool.reader(0);
    let mut frames = Vec::new();
    while let Some(frame) = reader.next_frame().unwrap() {
        frames.push(frame);
    }
    frames
}

/// All but what is broken.
fn whole(spool: &Arc<Spool>) -> Vec<Frame> {
    let mut reader = spool.reader(0);
    let mut frames = Vec::new();
    loop {
        match reader.next_frame() {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => return frames,
            Err(_) => assert!(reader.skip_file()),
        }
    }
}

fn numbers(spool: &Arc<Spool>) -> Vec<u64> {
    all(spool).iter().map(|frame| frame.number).collect()
}

fn record(number: u64) -> Vec<u8> {
    format!("{{\"n\":{number},\"fill\":\"{}\"}}", "x".repeat(1000)).into_bytes()
}

fn filled(disk: &SimDisk, count: u64) -> Arc<Spool> {
    let (spool, _) = open(disk, None);
    for number in 1..=count {
        spool
            .append(at(number), Slots::NONE, record(number))
            .unwrap();
    }
    spool
}

#[test]
fn records_come_back_in_order_across_files_and_starts() {
    let disk = SimDisk::new(1, 1 << 20);
    let spool = filled(&disk, 10);
    assert_eq!(numbers(&spool), (1..=10).collect::<Vec<_>>());
    assert_eq!(spool.files(), [1, 4, 7, 10]);
    disk.restart();
    let (spool, opened) = open(&disk, None);
    assert_eq!(opened, Opened::default());
    let appended = spool
        .append(at(11), Slots::NONE.with(2), record(11))
        .unwrap();
    assert_eq!((appended.number, appended.segment), (11, 10));
    let frames = all(&spool);
    assert_eq!(frames.len(), 11);
    assert_eq!(frames[10].wanted, Slots::NONE.with(2));
    let frame = spool
        .read_at(appended.segment, appended.offset)
        .unwrap()
        .unwrap();
    assert_eq!(frame, frames[10]);
    let mut chain = Chain::default();
    for frame in &frames {
        chain = chain.with(frame.number, frame.at, frame.wanted, &frame.record);
        assert_eq!(chain, frame.chain);
    }
}

fn news(numbers: std::ops::RangeInclusive<u64>) -> Vec<New> {
    let new = |number| New {
        at: at(number),
        wanted: Slots::NONE,
        record: record(number),
    };
    numbers.map(new).collect()
}

#[test]
fn records_that_are_added_together_lie_as_if_they_came_one_by_one() {
    let (alone, together) = (SimDisk::new(1, 1 << 20), SimDisk::new(1, 1 << 20));
    let one_by_one = filled(&alone, 40);
    let (spool, _) = open(&together, None);
    let mut dropped = None;
    for numbers in [1..=1, 2..=10, 11..=40] {
        let records = news(numbers);
        let done = spool.append_all(&records);
        assert_eq!((done.kept, done.error.is_none()), (records.len(), true));
        dropped = joined(dropped, done.dropped);
    }
    assert_eq!(dropped, Some(1..spool.head().first));
    assert_eq!(all(&spool), all(&one_by_one));
    assert_eq!(spool.files(), one_by_one.files());
    assert!(spool.append_all(&[]).error.is_none());
}

#[test]
fn of_records_that_are_added_together_a_full_disk_keeps_the_first() {
    // Two files find room, and three records in each.
    let disk = SimDisk::new(1, 2 * OPTIONS.segment_bytes);
    let (spool, _) = open(&disk, None);
    let done = spool.append_all(&news(1..=8));
    assert_eq!((done.kept, done.error.is_some()), (6, true));
    assert_eq!(numbers(&spool), (1..=6).collect::<Vec<_>>());
    disk.set_size(1 << 20);
    assert_eq!(spool.append_all(&news(7..=8)).kept, 2);
    assert_eq!(numbers(&spool), (1..=8).collect::<Vec<_>>());
}

#[test]
fn the_oldest_file_goes_when_the_bound_is_reached() {
    let disk = SimDisk::new(1, 1 << 20);
    let (spool, _) = open(&disk, None);
    let mut dropped = Vec::new();
    for number in 1..=40 {
        let appended = spool
            .append(at(number), Slots::NONE, record(number))
            .unwrap();
        dropped.extend(appended.dropped);
        let head = spool.sync().unwrap();
        spool.remove_left(&head).unwrap();
        assert!(spool.bytes() <= OPTIONS.bytes_max);
        assert!(disk.list().unwrap().len() <= 5);
    }
    assert_eq!(dropped.first(), Some(&(1..4)));
    assert_eq!(spool.head().first, dropped.last().unwrap().end);
    assert_eq!(
        numbers(&spool),
        (spool.head().first..=40).collect::<Vec<_>>()
    );
}

#[test]
fn a_file_goes_only_when_all_of_it_is_old_and_no_longer_wanted() {
    let disk = SimDisk::new(1, 1 << 20);
    let spool = filled(&disk, 10);
    spool.trim(at(100), 3).unwrap();
    assert_eq!(spool.head().first, 1);
    spool.trim(at(7), 100).unwrap();
    assert_eq!(spool.head().first, 4);
    spool.trim(at(100), 8).unwrap();
    assert_eq!(spool.head().first, 7);
    spool.trim(at(100), 100).unwrap();
    assert_eq!(numbers(&spool), [10]);
    // Until a head that says so is kept, a crash must find them.
    assert_eq!(disk.list().unwrap().len(), 4);
    let head = spool.sync().unwrap();
    assert_eq!(spool.remove_left(&head).unwrap(), [1, 4, 7]);
    assert_eq!(disk.list().unwrap().len(), 1);
}

#[test]
fn what_was_let_go_before_the_end_of_the_process_goes_at_the_next_start() {
    let disk = SimDisk::new(1, 1 << 20);
    let spool = filled(&disk, 10);
    spool.trim(at(100), 8).unwrap();
    let head = spool.sync().unwrap();
    disk.restart();
    let (spool, opened) = open(&disk, Some(&head));
    assert_eq!(opened, Opened::default());
    assert_eq!(numbers(&spool), [7, 8, 9, 10]);
    assert_eq!(spool.remove_left(&head).unwrap(), [1, 4]);
}

#[test]
fn a_torn_tail_is_cut_off_and_said() {
    let disk = SimDisk::new(1, 1 << 20);
    let spool = filled(&disk, 2);
    let appended = spool.append(at(3), Slots::NONE, record(3)).unwrap();
    disk.flip(&Stream::Management.file_name(1), appended.offset + 100, 1);
    disk.restart();
    let (spool, opened) = open(&disk, None);
    assert!(opened.torn_bytes > 1000, "{opened:?}");
    assert_eq!(opened.missing, None);
    // A shorter record in its place is not followed by the rest of the torn one.
    spool.append(at(4), Slots::NONE, b"{}".to_vec()).unwrap();
    assert_eq!(numbers(&spool), [1, 2, 3]);
    assert_eq!(all(&spool)[2].record, b"{}");
}

#[test]
fn a_tail_that_was_synced_and_is_gone_leaves_a_gap_that_stays() {
    let disk = SimDisk::new(1, 1 << 20);
    let spool = filled(&disk, 5);
    let head = spool.sync().unwrap();
    disk.truncate(&Stream::Management.file_name(4), 100);
    disk.restart();
    let (spool, opened) = open(&disk, Some(&head));
    assert_eq!(opened.missing, Some(4..6));
    spool.append(at(6), Slots::NONE, record(6)).unwrap();
    let frames = whole(&spool);
    assert_eq!(
        frames.iter().map(|it| it.number).collect::<Vec<_>>(),
        [1, 2, 3, 6]
    );
    let frame = &frames[3];
    assert_eq!(
        frame.chain,
        head.chain.with(6, at(6), Slots::NONE, &record(6))
    );
}

#[test]
fn a_spool_that_is_gone_altogether_goes_on_behind_its_head() {
    let disk = SimDisk::new(1, 1 << 20);
    let head = filled(&disk, 5).sync().unwrap();
    let empty = SimDisk::new(1, 1 << 20);
    let (spool, opened) = open(&empty, Some(&head));
    assert_eq!(opened.missing, Some(1..6));
    assert_eq!(
        spool.append(at(6), Slots::NONE, record(6)).unwrap().number,
        6
    );
}

#[test]
fn a_full_disk_refuses_and_takes_again_when_there_is_room() {
    let disk = SimDisk::new(1, 2 * 4096);
    let (spool, _) = open(&disk, None);
    let taken = (1..=9)
        .filter(|number| {
            spool
                .append(at(*number), Slots::NONE, record(*number))
                .is_ok()
        })
        .count();
    assert_eq!(taken, 6);
    disk.set_size(1 << 20);
    assert_eq!(
        spool
            .append(at(10), Slots::NONE, record(10))
            .unwrap()
            .number,
        7
    );
    assert_eq!(numbers(&spool), (1..=7).collect::<Vec<_>>());
}

#[test]
fn a_broken_record_in_the_middle_is_named_and_can_be_passed() {
    let disk = SimDisk::new(1, 1 << 20);
    let spool = filled(&disk, 7);
    disk.flip(&Stream::Management.file_name(4), 500, 1);
    let mut reader = spool.reader(1);
    for number in 1..=3 {
        assert_eq!(reader.next_frame().unwrap().unwrap().number, number);
    }
    let error = reader.next_frame().unwrap_err().to_string();
    assert_eq!(
        error,
        "`management-00000000000000000004.trail` has bytes that are no record at byte 64"
    );
    assert!(reader.skip_file());
    assert_eq!(reader.next_frame().unwrap().unwrap().number, 7);
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// What must hold at any end: all that was synced is there, and what is there was written, in order, in one chain.
fn play(seed: u64, steps: u64) {
    let mut dice = Dice(seed);
    let disk = SimDisk::new(seed, 1 << 20);
    let (mut spool, _) = open(&disk, None);
    let mut kept = Some(spool.sync().unwrap());
    let mut model: Vec<(u64, Vec<u8>)> = Vec::new();
    let mut now = 0;
    for _ in 0..steps {
        now += dice.roll(10);
        match dice.roll(20) {
            0..=11 => {
                let body = vec![
                    b'a' + u8::try_from(dice.roll(26)).unwrap();
                    usize::try_from(1 + dice.roll(1200)).unwrap()
                ];
                if let Ok(appended) = spool.append(
                    at(now),
                    Slots(u32::try_from(dice.roll(8)).unwrap()),
                    body.clone(),
                ) {
                    model.push((appended.number, body));
                }
            }
            12..=15 => {
                if let Ok(head) = spool.sync() {
                    let _ = spool.remove_left(&head);
                    kept = Some(head);
                }
            }
            16 => spool
                .trim(at(now.saturating_sub(60)), dice.roll(1 + spool.head().next))
                .unwrap(),
            17 => {
                let rare = dice.roll(2) * 10;
                disk.set_faults(Faults {
                    sync_fails_one_in: 0,
                    write_full_one_in: rare,
                });
            }
            18 => {
                disk.restart();
                (spool, _) = open(&disk, kept.as_ref());
                let last = model.last().map_or(0, |(number, _)| *number);
                assert_eq!(
                    spool.head().next,
                    last + 1,
                    "seed {seed}: a record is lost without a crash"
                );
            }
            _ => {
                disk.set_faults(Faults::default());
                disk.crash();
                let opened;
                (spool, opened) = open(&disk, kept.as_ref());
                assert_eq!(opened.missing, None, "seed {seed}");
                model.retain(|(number, _)| *number < spool.head().next);
            }
        }
        let head = spool.head();
        assert!(
            kept.as_ref().is_none_or(|kept| head.next >= kept.next),
            "seed {seed}"
        );
        let frames = all(&spool);
        let expected: Vec<_> = model
            .iter()
            .filter(|(number, _)| *number >= head.first)
            .cloned()
            .collect();
        let found: Vec<_> = frames
            .iter()
            .map(|frame| (frame.number, frame.record.clone()))
            .collect();
        assert_eq!(found, expected, "seed {seed}");
        assert_eq!(verified(&spool, kept.as_ref(), &[]), [""; 0], "seed {seed}");
        for pair in frames.windows(2) {
            let next = &pair[1];
            let chain = pair[0]
                .chain
                .with(next.number, next.at, next.wanted, &next.record);
            assert_eq!(chain, next.chain, "seed {seed}");
        }
    }
}

#[test]
fn nothing_synced_is_lost_and_nothing_else_is_found() {
    for seed in 1..=100 {
        play(seed, 150);
    }
}

fn verified(spool: &Arc<Spool>, kept: Option<&Head>, others: &[Head]) -> Vec<String> {
    let walked = spool.verify(kept, others).unwrap();
    walked.faults.iter().map(ToString::to_string).collect()
}

/// A spool of ten records in four files, synced, with its head.
fn whole_spool(disk: &SimDisk) -> (Arc<Spool>, Head) {
    let spool = filled(disk, 10);
    let head = spool.sync().unwrap();
    (spool, head)
}

#[test]
fn a_whole_spool_verifies_with_any_of_its_heads() {
    let disk = SimDisk::new(1, 1 << 20);
    let (spool, early) = whole_spool(&disk);
    for number in 11..=40 {
        spool
            .append(at(number), Slots::NONE, record(number))
            .unwrap();
    }
    let late = spool.sync().unwrap();
    spool.remove_left(&late).unwrap();
    assert!(late.first > early.first);
    for (kept, others) in [
        (None, &[][..]),
        (Some(&late), &[]),
        (Some(&late), &[early]),
        (None, &[early]),
    ] {
        assert_eq!(verified(&spool, kept, others), [""; 0], "{kept:?}");
    }
    let walked = spool.verify(Some(&late), &[]).unwrap();
    assert_eq!(walked.records, 41 - late.first);
}

/// Somebody who knows how to make checks changes, takes out and puts in records.
#[test]
fn each_tampering_is_named() {
    let tampered = |tamper: &dyn Fn(&SimDisk)| {
        let disk = SimDisk::new(1, 1 << 20);
        let (_, head) = whole_spool(&disk);
        tamper(&disk);
        disk.restart();
        let (spool, _) = open(&disk, None);
        verified(&spool, Some(&head), &[])
    };
    let write = |disk: &SimDisk, file: u64, offset: u64, frame: &Frame| {
        let file = disk.open(&Stream::Management.file_name(file)).unwrap();
        file.write_at(offset, &frame.encode()).unwrap();
    };
    let frame_bytes = (60 + record(1).len()) as u64;
    let forged = |number: u64, chain: Chain| Frame {
        number,
        at: at(number),
        wanted: Slots::NONE,
        chain,
        record: record(number)
            .iter()
            .map(|byte| if *byte == b'x' { b'y' } else { *byte })
            .collect(),
    };
    // Record 5 with another content and the old chain.
    let changed = tampered(&|disk| {
        let (spool, _) = open(disk, None);
        let old = all(&spool)[4].clone();
        write(disk, 4, 64 + frame_bytes, &forged(5, old.chain));
    });
    assert_eq!(
        changed,
        ["record 5 is not the one that was written, or what is before it is not"]
    );
    // Record 5 with a chain that fits: the next one does not.
    let rechained = tampered(&|disk| {
        let (spool, _) = open(disk, None);
        let before = all(&spool)[3].chain;
        let frame = forged(5, Chain::default());
        let chain = before.with(5, frame.at, frame.wanted, &frame.record);
        write(disk, 4, 64 + frame_bytes, &Frame { chain, ..frame });
    });
    assert_eq!(
        rechained,
        ["record 6 is not the one that was written, or what is before it is not"]
    );
    // The last record with a chain that fits.
    let last = tampered(&|disk| {
        let (spool, _) = open(disk, None);
        let before = all(&spool)[8].chain;
        let frame = forged(10, Chain::default());
        let chain = before.with(10, frame.at, frame.wanted, &frame.record);
        write(disk, 10, 64, &Frame { chain, ..frame });
    });
    assert_eq!(
        last,
        ["the records below 11 do not add up to what was written down"]
    );
    let cut = tampered(&|disk| {
        let file = disk.open(&Stream::Management.file_name(7)).unwrap();
        file.write_at(64 + frame_bytes, &vec![0; 3000]).unwrap();
        disk.remove(&Stream::Management.file_name(10)).unwrap();
    });
    assert_eq!(cut, ["records 8 to 10 are missing"]);
    let middle = tampered(&|disk| disk.remove(&Stream::Management.file_name(4)).unwrap());
    assert_eq!(middle, ["records 4 to 6 are missing"]);
    let first = tampered(&|disk| disk.remove(&Stream::Management.file_name(1)).unwrap());
    assert_eq!(first, ["records 1 to 3 are missing"]);
    let all = tampered(&|disk| {
        let names = disk.list().unwrap();
        names.iter().for_each(|name| disk.remove(name).unwrap());
    });
    assert_eq!(all, ["records 1 to 10 are missing"]);
    let flipped = tampered(&|disk| disk.flip(&Stream::Management.file_name(4), 500, 1));
    assert_eq!(
        flipped,
        [
            "`management-00000000000000000004.trail` has bytes that are no record at byte 64",
            "records 4 to 6 are missing"
        ]
    );
}
