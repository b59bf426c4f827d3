//! Risk (a): seeded runs of append, commit, snapshot, reclaim, full disks, failed syncs and crashes at every boundary,
//! against a naive list of what was appended.
//!
//! After each crash: what was acknowledged is there, nothing is there that was not appended, the order is kept, and the
//! state (snapshot plus replay) equals the one that the list gives from its beginning.
//! `SHUKUBA_SIM_STEPS=1000000 SHUKUBA_SIM_SEEDS=8 cargo test --release -p shukuba-store simulation` is the long form.

use std::sync::Arc;

use base::{ByteCount, Timestamp};
use store::backup::restore;
use store::check::check;
use store::disk::{Faults, SimDisk};
use store::{AppendError, Class, Fold, Journal, OpenError, Options, Position, Room};

use crate::model::{Model, payload};

const SEGMENT: u64 = 8 << 10;
const DISK: u64 = 40 * SEGMENT;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// One record of the naive list, with the state after it.
struct Entry {
    position: Position,
    end: Position,
    payload: Vec<u8>,
    after: Model,
}

#[derive(Debug, Default)]
pub(crate) struct Tally {
    crashes: u64,
    restarts: u64,
    poisoned: u64,
    refused: u64,
    snapshots: u64,
    dropped: u64,
    cut: u64,
    unacknowledged_kept: u64,
    acknowledged: u64,
}

struct Run {
    random: Random,
    disk: SimDisk,
    journal: Option<Journal>,
    model: Model,
    /// Appended and, as far as known, in the log; those before `forgotten` are in its state only.
    list: Vec<Entry>,
    base: Model,
    acknowledged: Position,
    next_id: u64,
    at: u64,
    sealed_up_to: Position,
    tally: Tally,
}

fn options() -> Options {
    Options {
        segment: ByteCount::new(SEGMENT),
        reserve: ByteCount::new(SEGMENT),
        pending_max: ByteCount::new(1 << 20),
        used_kept: 2,
        ..Options::default()
    }
}

impl Run {
    fn new(seed: u64) -> Self {
        let disk = SimDisk::new(seed, DISK);
        let mut run = Self {
            random: Random(seed),
            disk,
            journal: None,
            model: Model::default(),
            list: Vec::new(),
            base: Model::default(),
            acknowledged: Position::ZERO,
            next_id: 1,
            at: 1_000_000,
            sealed_up_to: Position::ZERO,
            tally: Tally::default(),
        };
        run.open();
        run
    }

    fn journal(&self) -> &Journal {
        self.journal.as_ref().unwrap()
    }

    fn step(&mut self) {
        match self.random.below(1000) {
            0..600 => {
                if !self.append() {
                    self.poisoned();
                }
            }
            600..880 => self.commit(),
            880..940 => {
                self.journal().keep_now();
            }
            940..955 => self.snapshot(),
            955..970 => self.reclaim(),
            970..976 => self.read(),
            976..980 => self.faults(),
            980..984 => self.resize(),
            984..990 => {
                let operations = self.random.below(12);
                self.disk.stop_after(operations);
            }
            990..993 => self.restart(),
            993..995 => self.scan(),
            _ => self.crash(),
        }
    }

    /// `false` when the journal is poisoned.
    fn append(&mut self) -> bool {
        let id = self.next_id;
        let settles = match self.model.living.len() as u64 {
            0 => 0,
            living if self.random.below(80) < living => {
                let pick = self.random.below(living) as usize;
                *self.model.living.keys().nth(pick).unwrap()
            }
            _ => 0,
        };
        let filling = match self.random.below(50) {
            0 => self.random.below(6000),
            _ => self.random.below(300),
        };
        let payload = payload(id, settles, filling as usize);
        let class = if settles == 0 {
            Class::Send
        } else {
            Class::Settle
        };
        let at = Timestamp::from_millis(self.at);
        self.at += 1;
        let (head, tail) = payload.split_at(payload.len() / 2);
        let before = self.journal().end();
        match self.journal().append(class, at, &[head, tail]) {
            Ok(appended) => {
                self.next_id += 1;
                assert!(appended.start >= before);
                self.model.apply(appended.start, at, &payload).unwrap();
                self.list.push(Entry {
                    position: appended.start,
                    end: appended.end,
                    payload,
                    after: self.model.clone(),
                });
                let read = self.journal().read(appended.payload, 8).unwrap();
                assert_eq!(read[..], id.to_le_bytes());
            }
            Err(AppendError::Poisoned(_)) => return false,
            Err(AppendError::Full { room }) => {
                self.tally.refused += 1;
                assert!(class == Class::Send || matches!(room, Room::Reserve { .. } | Room::Full));
            }
            Err(AppendError::Busy { .. }) => {
                self.journal().keep_now();
            }
            Err(error) => panic!("{error}"),
        }
        true
    }

    fn commit(&mut self) {
        self.journal().commit_now();
        let durable = self.journal().durable();
        assert!(durable >= self.acknowledged);
        self.acknowledged = durable;
    }

    /// What a process does that learns of it: start again, after a power loss or not.
    fn poisoned(&mut self) {
        self.tally.poisoned += 1;
        match self.random.below(2) {
            0 => self.crash(),
            _ => self.restart(),
        }
    }

    fn snapshot(&mut self) {
        self.commit();
        let end = self.journal().end();
        if self.journal().durable() < end {
            return self.poisoned();
        }
        let is_due = self.journal().snapshot_due() || self.random.below(4) == 0;
        if is_due && self.journal().snapshot(end, self.model.capture()).is_ok() {
            self.tally.snapshots += 1;
        }
    }

    fn reclaim(&mut self) {
        let ahead = self.random.below(3 * SEGMENT);
        self.sealed_up_to = self
            .sealed_up_to
            .max(self.acknowledged.min(self.sealed_up_to.plus(ahead)));
        let living = &self.model.living;
        let occupied = |base: Position, end: Position| {
            let range = base.get()..end.get();
            living.values().any(|position| range.contains(position))
        };
        let dropped = self.journal().reclaim(self.sealed_up_to, &occupied);
        self.tally.dropped += dropped.map_or(0, |dropped| dropped.len() as u64);
    }

    /// Every living record can be read, whole and through its payload.
    fn read(&mut self) {
        for (id, position) in &self.model.living {
            let position = Position::new(*position);
            let record = self.journal().record(position).unwrap();
            assert_eq!(record.payload[..8], id.to_le_bytes());
            let bytes = self
                .journal()
                .read(position.payload(), record.payload.len())
                .unwrap();
            assert_eq!(bytes, record.payload);
        }
    }

    /// A scan shows what the list holds, as far as segments are still there.
    fn scan(&mut self) {
        self.commit();
        let durable = self.journal().durable();
        let from = self.list.first().map_or(durable, |entry| entry.position);
        let scanned: Vec<_> = self.journal().scan(from).map(Result::unwrap).collect();
        let segments = self.journal().segments();
        let is_there = |entry: &&Entry| {
            entry.end <= durable
                && segments
                    .iter()
                    .any(|segment| (segment.base..segment.end).contains(&entry.position))
        };
        let listed: Vec<_> = self.list.iter().filter(is_there).collect();
        assert_eq!(scanned.len(), listed.len());
        for (scanned, listed) in scanned.iter().zip(listed) {
            assert_eq!(
                (scanned.position, scanned.end),
                (listed.position, listed.end)
            );
            assert_eq!(scanned.payload, listed.payload);
        }
    }

    fn faults(&mut self) {
        let faults = match self.random.below(3) {
            0 => Faults {
                sync_fails_one_in: 20,
                write_full_one_in: 0,
            },
            1 => Faults {
                sync_fails_one_in: 0,
                write_full_one_in: 30,
            },
            _ => Faults::default(),
        };
        self.disk.set_faults(faults);
    }

    fn resize(&mut self) {
        let size = match self.random.below(2) {
            0 => DISK,
            _ => SEGMENT * self.random.below(20),
        };
        self.disk.set_size(size);
    }

    fn crash(&mut self) {
        self.tally.crashes += 1;
        // What is appended and not committed may reach the disk in part.
        if self.random.below(4) > 0 {
            let burst = self.random.below(30);
            (0..burst).for_each(|_| {
                self.append();
            });
            let operations = self.random.below(4);
            self.disk.stop_after(operations);
            self.commit();
        }
        self.journal = None;
        self.disk.crash();
        if self.random.below(8) == 0 {
            let report = check(&self.disk).unwrap();
            assert!(report.is_sound(), "a crash is no damage: {report:?}");
        }
        self.open();
    }

    fn restart(&mut self) {
        self.tally.restarts += 1;
        self.journal = None;
        self.disk.restart();
        self.open();
    }

    fn open(&mut self) {
        // Recovery itself may crash at any operation.
        while self.random.below(4) == 0 {
            let operations = self.random.below(8);
            self.disk.stop_after(operations);
            let disk = Arc::new(self.disk.clone());
            match Journal::open_on(disk, options(), &mut Model::default()) {
                Ok(_) | Err(OpenError::Disk { .. }) => {}
                Err(error) => panic!("{error:?}"),
            }
            match self.random.below(2) {
                0 => self.disk.crash(),
                _ => self.disk.restart(),
            }
        }
        self.disk.set_faults(Faults::default());
        if self.random.below(4) > 0 {
            self.disk.set_size(DISK);
        }
        let mut recovered = Model::default();
        let disk = Arc::new(self.disk.clone());
        let opened = Journal::open_on(disk, options(), &mut recovered);
        let (journal, recovery) = match opened {
            Ok(opened) => opened,
            // A full disk may leave no room for the one file that a log needs to go on.
            Err(OpenError::Disk { .. }) => {
                self.disk.set_size(DISK * 2);
                let disk = Arc::new(self.disk.clone());
                recovered = Model::default();
                Journal::open_on(disk, options(), &mut recovered).unwrap()
            }
            Err(error) => panic!("{error:?}"),
        };
        self.tally.cut += u64::from(recovery.cut > 0);
        self.journal = Some(journal);
        self.compare(recovered);
        if self.random.below(16) == 0 {
            let report = check(&self.disk).unwrap();
            assert!(report.is_sound() && !report.has_torn_tail, "{report:?}");
            self.backup();
        }
    }

    /// A copy opens into the durable state.
    fn backup(&mut self) {
        let to = SimDisk::new(1, u64::MAX);
        self.journal().backup(&to).unwrap();
        let restored = SimDisk::new(1, u64::MAX);
        restore(&to, &restored).unwrap();
        let mut model = Model::default();
        Journal::open_on(Arc::new(restored), options(), &mut model).unwrap();
        assert_eq!(model, self.model);
    }

    fn compare(&mut self, recovered: Model) {
        let acknowledged = self
            .list
            .iter()
            .take_while(|entry| entry.end <= self.acknowledged);
        let acknowledged = self.base.count + acknowledged.count() as u64;
        assert!(
            recovered.count >= acknowledged,
            "an acknowledged record is lost"
        );
        let kept = (recovered.count - self.base.count) as usize;
        assert!(
            kept <= self.list.len(),
            "a record appeared that was never appended"
        );
        self.tally.unacknowledged_kept += recovered.count - acknowledged;
        self.tally.acknowledged = acknowledged;
        self.list.truncate(kept);
        let expected = self.list.last().map_or(&self.base, |entry| &entry.after);
        assert_eq!(&recovered, expected, "the state differs from the list's");
        self.model = recovered;
        self.acknowledged = self.journal().durable();
        assert!(
            self.list
                .last()
                .is_none_or(|entry| entry.end <= self.acknowledged)
        );
        self.read();
        // The list need not reach back for ever.
        let forget = self.list.len().saturating_sub(500);
        if let Some(last) = self.list.drain(..forget).next_back() {
            self.base = last.after;
        }
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_appears() {
    let steps = number("SHUKUBA_SIM_STEPS", 24_000);
    let seeds = number("SHUKUBA_SIM_SEEDS", 4);
    let first = number("SHUKUBA_SIM_FIRST_SEED", 1);
    for seed in first..first + seeds {
        println!("seed {seed}");
        let mut run = Run::new(seed);
        for _ in 0..steps / seeds {
            run.step();
        }
        run.crash();
        println!("{:?}", run.tally);
        assert!(run.tally.crashes > 0 && run.tally.acknowledged > 0);
    }
}
