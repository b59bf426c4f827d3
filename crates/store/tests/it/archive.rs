//! The archive: a log that goes into an object store and comes back, over stores that are away, tear, lose and are shared.
//!
//! The store is in memory and fails from a seed. After each loss of the disk: what was stored is there again, in order, with the
//! state that the log gives from its beginning; nothing is there that was not appended.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use base::{ByteCount, Timestamp};
use bytes::Bytes;
use parking_lot::Mutex;
use store::archive::{
    self, Begun, Error, Generation, Objects, RESTORE_GAP, RestoreError, Restored, Shipper, Wanted,
};
use store::check::check;
use store::disk::{Disk as _, SimDisk};
use store::{Class, Fold, Journal, Options, Position};

use crate::model::{Model, payload};

const SEGMENT: u64 = 8 << 10;

#[derive(Clone, Debug, Default)]
struct Store(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    objects: BTreeMap<String, Bytes>,
    is_away: bool,
    /// The next put stores its object and says that it failed.
    loses_answer: bool,
}

impl Store {
    fn away(&self, is_away: bool) {
        self.0.lock().is_away = is_away;
    }

    fn names(&self, holding: &str) -> Vec<String> {
        let inner = self.0.lock();
        let names = inner.objects.keys();
        names
            .filter(|name| name.contains(holding))
            .cloned()
            .collect()
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut inner = self.0.lock();
        let object = inner.objects.get_mut(name).unwrap();
        let mut bytes = object.to_vec();
        change(&mut bytes);
        *object = bytes.into();
    }

    fn check(&self) -> io::Result<()> {
        match self.0.lock().is_away {
            true => Err(io::Error::other("away")),
            false => Ok(()),
        }
    }
}

impl Objects for Store {
    fn put_new(&self, name: &str, bytes: Bytes) -> io::Result<bool> {
        self.check()?;
        let mut inner = self.0.lock();
        if inner.objects.contains_key(name) {
            return Ok(false);
        }
        inner.objects.insert(name.to_owned(), bytes);
        match std::mem::take(&mut inner.loses_answer) {
            true => Err(io::Error::other("the answer was lost")),
            false => Ok(true),
        }
    }

    fn get(&self, name: &str) -> io::Result<Option<Bytes>> {
        self.check()?;
        Ok(self.0.lock().objects.get(name).cloned())
    }

    fn list(&self, prefix: &str) -> io::Result<Vec<String>> {
        self.check()?;
        let inner = self.0.lock();
        let names = inner.objects.keys();
        Ok(names
            .filter(|name| name.starts_with(prefix))
            .cloned()
            .collect())
    }

    fn delete(&self, name: &str) -> io::Result<()> {
        self.check()?;
        self.0.lock().objects.remove(name);
        Ok(())
    }
}

/// A journal with a model of its state, and its archive.
struct House {
    disk: SimDisk,
    journal: Journal,
    model: Model,
    /// The state after each record, by where the record ends.
    states: BTreeMap<u64, Model>,
    store: Store,
    shipper: Shipper,
    at: u64,
    next_id: u64,
}

fn options() -> Options {
    Options {
        segment: ByteCount::new(SEGMENT),
        reserve: ByteCount::new(SEGMENT),
        ..Options::default()
    }
}

fn begun() -> Begun {
    Begun {
        format: archive::FORMAT,
        account: "123456789012".to_owned(),
        host: "h".to_owned(),
        parent: None,
    }
}

fn open(disk: &SimDisk) -> (Journal, Model) {
    let mut model = Model::default();
    let (journal, _) = Journal::open_on(Arc::new(disk.clone()), options(), &mut model).unwrap();
    while journal.keep_now() {}
    (journal, model)
}

impl House {
    fn new(store: &Store) -> Self {
        Self::on(SimDisk::new(1, 1 << 30), store)
    }

    /// A generation of its own for what lies on `disk`.
    fn on(disk: SimDisk, store: &Store) -> Self {
        let (journal, model) = open(&disk);
        let generation = archive::begin(store, 1_000, &begun()).unwrap();
        Self {
            states: BTreeMap::from([(journal.end().get(), model.clone())]),
            next_id: model.last_id + 1,
            disk,
            journal,
            model,
            store: store.clone(),
            shipper: Shipper::new(generation),
            at: 1_000_000,
        }
    }

    fn append(&mut self, settles: u64, filling: usize) -> u64 {
        let id = self.next_id;
        let bytes = payload(id, settles, filling);
        self.at += 10;
        let at = Timestamp::from_millis(self.at);
        let appended = loop {
            match self.journal.append(Class::Settle, at, &[&bytes]) {
                Ok(appended) => break appended,
                Err(_) => assert!(self.journal.keep_now() | self.journal.commit_now()),
            }
        };
        self.model.apply(appended.start, at, &bytes).unwrap();
        self.states.insert(appended.end.get(), self.model.clone());
        self.next_id += 1;
        id
    }

    fn append_many(&mut self, count: usize) {
        for _ in 0..count {
            self.append(0, 300);
            self.journal.commit_now();
        }
    }

    fn ship(&mut self) -> Result<(), Error> {
        while self.shipper.ship(&self.journal, &self.store)?.is_some() {}
        Ok(())
    }

    fn base(&mut self) -> Result<(), Error> {
        let position = self.journal.end();
        self.journal
            .snapshot(position, self.model.capture())
            .unwrap();
        let at = Timestamp::from_millis(self.at);
        self.shipper.begin_base(&self.journal, at)?;
        self.ship()?;
        while self.shipper.ship_base(&self.store)?.is_some() {}
        Ok(())
    }

    /// Drops the files in which nothing lives.
    fn reclaim(&mut self) -> usize {
        let living = self.model.living.clone();
        let is_occupied = move |base: Position, end: Position| {
            let mut places = living.values();
            places.any(|at| (base.get()..end.get()).contains(at))
        };
        let dropped = self.journal.reclaim(Position::new(u64::MAX), &is_occupied);
        dropped.unwrap().len()
    }

    /// The same journal after a start.
    fn restart(self) -> Result<Self, Error> {
        let generation = self.shipper.generation();
        drop(self.journal);
        self.disk.restart();
        let (journal, model) = open(&self.disk);
        Ok(Self {
            shipper: Shipper::resume(&self.store, generation, &journal)?,
            journal,
            model,
            ..self
        })
    }

    fn restore(&self, wanted: Wanted) -> Result<(SimDisk, Restored), RestoreError> {
        restore(&self.store, self.shipper.generation(), wanted)
    }

    /// The restored journal opens with the state that was there at its end, and every living record can be read.
    fn comes_back(&self, wanted: Wanted) -> (SimDisk, Restored) {
        let (disk, restored) = self.restore(wanted).unwrap();
        let report = check(&disk).unwrap();
        assert!(report.is_sound(), "{report:?}");
        let (journal, model) = open(&disk);
        let upto = self
            .states
            .range(..=restored.end.get())
            .next_back()
            .unwrap();
        assert_eq!(&model, upto.1, "{restored:?}");
        for (id, at) in &model.living {
            let record = journal.record(Position::new(*at)).unwrap();
            assert_eq!(crate::model::id_of(&record.payload), *id);
        }
        let end = journal.end().get();
        assert!(end >= restored.end.get() + RESTORE_GAP, "it goes on behind");
        drop(journal);
        disk.restart();
        (disk, restored)
    }
}

fn restore(
    store: &Store,
    generation: Generation,
    wanted: Wanted,
) -> Result<(SimDisk, Restored), RestoreError> {
    let disk = SimDisk::new(2, 1 << 30);
    let restored = archive::restore(store, generation, wanted, &disk)?;
    Ok((disk, restored))
}

#[test]
fn what_is_stored_comes_back_and_what_is_not_does_not() {
    let mut house = House::new(&Store::default());
    assert!(house.shipper.needs_base());
    house.append_many(100);
    house.base().unwrap();
    house.append_many(50);
    house.ship().unwrap();
    let end = house.journal.end();
    assert_eq!(archive::lag_bytes(&house.journal, house.shipper.next()), 0);
    house.append_many(3);
    assert!(archive::lag_bytes(&house.journal, house.shipper.next()) > 900);
    let (_, restored) = house.comes_back(Wanted::default());
    assert_eq!((restored.end, restored.left_out), (end, None));
    assert!(!house.shipper.needs_base());
}

#[test]
fn what_is_not_durable_is_not_stored() {
    let mut house = House::new(&Store::default());
    house.base().unwrap();
    house.append(0, 300);
    house.ship().unwrap();
    let (_, restored) = house.comes_back(Wanted::default());
    assert!(restored.end < house.journal.end());
}

#[test]
fn nothing_is_restored_without_a_base() {
    let mut house = House::new(&Store::default());
    house.append_many(10);
    house.ship().unwrap();
    let error = house.restore(Wanted::default()).unwrap_err();
    assert!(matches!(error, RestoreError::NoBase { .. }), "{error}");
}

#[test]
fn dropped_files_are_not_needed_and_old_living_ones_are() {
    let mut house = House::new(&Store::default());
    let first = house.append(0, 300);
    house.append_many(60);
    for id in first + 1..first + 61 {
        house.append(id, 300);
    }
    house.journal.commit_now();
    for _ in 0..2 {
        house.append_many(30);
        house.base().unwrap();
    }
    assert!(house.reclaim() > 2);
    house.append_many(30);
    house.base().unwrap();
    house.comes_back(Wanted::default());
    // A generation that begins with holes in its log.
    drop(house.journal);
    house.disk.restart();
    let mut later = House::on(house.disk, &house.store);
    later.base().unwrap();
    later.comes_back(Wanted::default());
}

#[test]
fn a_store_that_is_away_holds_up_nothing_and_is_caught_up_with() {
    let mut house = House::new(&Store::default());
    house.base().unwrap();
    house.append_many(10);
    house.ship().unwrap();
    house.store.away(true);
    house.append_many(100);
    assert!(house.ship().is_err());
    assert!(archive::lag_bytes(&house.journal, house.shipper.next()) > 30_000);
    house.store.away(false);
    house.ship().unwrap();
    let (_, restored) = house.comes_back(Wanted::default());
    assert_eq!(restored.end, house.journal.end());
}

#[test]
fn a_log_that_was_dropped_ahead_goes_on_behind_a_new_base() {
    let mut house = House::new(&Store::default());
    house.append_many(10);
    house.base().unwrap();
    let end = house.journal.end();
    house.store.away(true);
    let mut ids = Vec::new();
    for _ in 0..200 {
        ids.push(house.append(0, 300));
        house.journal.commit_now();
    }
    for id in ids {
        house.append(id, 0);
    }
    house.journal.commit_now();
    for _ in 0..2 {
        house.append_many(30);
        let position = house.journal.end();
        house
            .journal
            .snapshot(position, house.model.capture())
            .unwrap();
    }
    assert!(
        house.reclaim() > 5,
        "what was not stored is dropped all the same"
    );
    house.store.away(false);
    house.ship().unwrap();
    assert!(house.shipper.needs_base());
    // Until the new base stands, the old one gives what was before the hole, and says so.
    let (_, restored) = house.comes_back(Wanted::default());
    assert!(restored.end >= end && restored.end < house.journal.end());
    assert!(
        restored
            .left_out
            .unwrap()
            .contains("before they were archived")
    );
    house.base().unwrap();
    assert!(!house.shipper.needs_base());
    let (_, restored) = house.comes_back(Wanted::default());
    assert_eq!(restored.end, house.journal.end());
}

#[test]
fn torn_missing_and_strange_objects_are_found_and_named() {
    let mut house = House::new(&Store::default());
    house.append_many(60);
    house.base().unwrap();
    for _ in 0..40 {
        house.append_many(1);
        house.ship().unwrap();
    }
    let pieces = house.store.names("/log/");
    let (victim, whole) = (pieces[pieces.len() - 10].clone(), house.store.clone());
    let good = whole.get(&victim).unwrap().unwrap();
    let part = Wanted {
        is_partial: true,
        ..Wanted::default()
    };
    type Damage = fn(&mut Vec<u8>);
    let damages: [Damage; 3] = [
        |bytes| bytes.truncate(50),
        |bytes| bytes[100] ^= 1,
        |bytes| bytes.truncate(bytes.len() - 1),
    ];
    for damage in damages {
        whole.change(&victim, damage);
        let error = house.restore(Wanted::default()).unwrap_err();
        let RestoreError::Broken { object, end, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(object, &victim);
        assert!(error.to_string().contains("--partial"), "{error}");
        let (_, restored) = house.comes_back(part);
        assert_eq!(
            (Some(restored.end), restored.left_out),
            (*end, Some(error.to_string()))
        );
        whole.change(&victim, |bytes| *bytes = good.to_vec());
    }
    whole.delete(&victim).unwrap();
    let error = house.restore(Wanted::default()).unwrap_err();
    let RestoreError::Missing { from, to, end, .. } = error else {
        panic!("{error}");
    };
    assert!(end == Some(from) && from < to);
    assert_eq!(house.comes_back(part).1.end, from);
    // Another object's bytes under its name, whole as they are.
    let other = whole.get(&pieces[pieces.len() - 9]).unwrap().unwrap();
    whole.put_new(&victim, other).unwrap();
    let error = house.restore(Wanted::default()).unwrap_err();
    assert!(error.to_string().contains("another object"), "{error}");
    whole.change(&victim, |bytes| *bytes = good.to_vec());
    house.comes_back(Wanted::default());
    // What a base needs has no end that would be worth something.
    for name in [&pieces[0], &house.store.names("/base/")[0]] {
        let good = whole.get(name).unwrap().unwrap();
        whole.change(name, |bytes| bytes.truncate(90));
        let error = house.restore(part).unwrap_err();
        assert!(error.to_string().contains(name.as_str()), "{error}");
        assert!(
            error.to_string().contains("nothing can be restored"),
            "{error}"
        );
        whole.change(name, |bytes| *bytes = good.to_vec());
    }
}

#[test]
fn a_put_whose_answer_was_lost_is_no_fork() {
    let store = Store::default();
    let mut house = House::new(&store);
    house.append_many(5);
    store.0.lock().loses_answer = true;
    assert!(house.ship().is_err());
    house.ship().unwrap();
    house.base().unwrap();
    let (_, restored) = house.comes_back(Wanted::default());
    assert_eq!(restored.end, house.journal.end());
}

#[test]
fn a_log_that_is_shorter_or_other_than_what_is_stored_is_a_fork() {
    let store = Store::default();
    let mut house = House::new(&store);
    house.append_many(5);
    house.base().unwrap();
    house.append_many(3);
    house.ship().unwrap();
    let generation = house.shipper.generation();
    for records in [0, 5, 50] {
        let (journal, _) = open(&SimDisk::new(3, 1 << 30));
        for id in 0..records {
            let at = Timestamp::from_millis(7);
            journal
                .append(Class::Send, at, &[&payload(id + 1, 0, 299)])
                .unwrap();
            journal.commit_now();
        }
        let error = Shipper::resume(&store, generation, &journal).unwrap_err();
        assert!(matches!(error, Error::Forked { .. }), "{records}: {error}");
    }
    house.restart().unwrap();
}

#[test]
fn the_second_of_two_writers_finds_its_name_taken() {
    let store = Store::default();
    let mut house = House::new(&store);
    house.append_many(5);
    house.ship().unwrap();
    let generation = house.shipper.generation();
    let mut twin = House::new(&Store::default());
    twin.append_many(5);
    // A copy of the whole machine: same log, same generation, two lives from here on.
    let mut shipper = Shipper::resume(&store, generation, &twin.journal).unwrap();
    house.append_many(2);
    house.ship().unwrap();
    twin.append_many(1);
    let error = shipper.ship(&twin.journal, &store).unwrap_err();
    assert!(matches!(error, Error::Forked { .. }), "{error}");
}

#[test]
fn a_restored_log_is_archived_and_restored_again() {
    let store = Store::default();
    let mut house = House::new(&store);
    for round in 0..3 {
        house.append_many(40);
        house.base().unwrap();
        house.append_many(10);
        house.ship().unwrap();
        let (disk, restored) = house.comes_back(Wanted::default());
        let reached = house.states.clone();
        house = House::on(disk, &store);
        house.states.extend(reached);
        let end = house.journal.end().get();
        house.states.insert(end, house.model.clone());
        assert!(restored.resumes.get() <= end, "round {round}");
    }
    assert_eq!(archive::generations(&store).unwrap().len(), 4);
}

#[test]
fn a_copy_of_a_restored_journal_takes_no_room_for_the_gap() {
    let mut house = House::new(&Store::default());
    house.append_many(40);
    house.base().unwrap();
    let (disk, _) = house.comes_back(Wanted::default());
    let (journal, model) = open(&disk);
    let bytes: u64 = journal.segments().iter().map(|it| it.bytes()).sum();
    assert!(bytes < 20 * SEGMENT, "{bytes}");
    let copy = SimDisk::new(4, 1 << 20);
    journal.backup(&copy).unwrap();
    assert_eq!(open(&copy).1, model);
}

#[test]
fn a_time_is_gone_back_to() {
    let mut house = House::new(&Store::default());
    house.append_many(40);
    house.base().unwrap();
    house.append_many(10);
    house.ship().unwrap();
    let (end, at) = (house.journal.end(), Timestamp::from_millis(house.at));
    house.append_many(30);
    house.base().unwrap();
    let until = Wanted {
        until: Some(at),
        ..Wanted::default()
    };
    let (_, restored) = house.comes_back(until);
    assert_eq!((restored.end, restored.last_at), (end, at));
    let before = Wanted {
        until: Some(Timestamp::from_millis(1)),
        ..Wanted::default()
    };
    assert!(house.restore(before).is_err());
}

#[test]
fn what_no_base_needs_goes_after_its_time() {
    let mut house = House::new(&Store::default());
    for _ in 0..4 {
        let ids: Vec<u64> = (0..60).map(|_| house.append(0, 300)).collect();
        ids.into_iter().for_each(|id| {
            house.append(id, 0);
        });
        house.journal.commit_now();
        house.base().unwrap();
        house.reclaim();
        let at = Timestamp::from_millis(house.at);
        house
            .shipper
            .ship_files(&house.store, at, b"files")
            .unwrap();
    }
    let before = house.store.names("").len();
    let bases = archive::bases(&house.store, house.shipper.generation()).unwrap();
    let since = Timestamp::from_millis(bases[2].at_ms + 1);
    let removed = house.shipper.retire(&house.store, since).unwrap();
    assert!(removed > 6);
    assert_eq!(house.store.names("").len(), before - removed);
    assert_eq!(house.store.names("/files/").len(), 2);
    assert_eq!(house.shipper.retire(&house.store, since).unwrap(), 0);
    house.comes_back(Wanted::default());
    // Back to the time that was promised, not further.
    let until = |at| Wanted {
        until: Some(at),
        ..Wanted::default()
    };
    house.comes_back(until(since));
    assert!(house.restore(until(bases[1].at())).is_err());
    let mut house = house.restart().unwrap();
    house.append_many(10);
    house.base().unwrap();
    house.comes_back(Wanted::default());
}

#[test]
fn files_come_back_as_of_the_time() {
    let house = House::new(&Store::default());
    let at = Timestamp::from_millis;
    let generation = house.shipper.generation();
    for (ms, bytes) in [(10, b"old"), (20, b"new")] {
        house
            .shipper
            .ship_files(&house.store, at(ms), bytes)
            .unwrap();
    }
    let files = |until| archive::files(&house.store, generation, until).unwrap();
    assert_eq!(files(None), Some((at(20), Bytes::from_static(b"new"))));
    assert_eq!(
        files(Some(at(19))),
        Some((at(10), Bytes::from_static(b"old")))
    );
    assert_eq!(files(Some(at(9))), None);
    let newest = house.store.names("/files/").pop().unwrap();
    house.store.change(&newest, |bytes| bytes.truncate(89));
    let error = archive::files(&house.store, generation, None).unwrap_err();
    assert!(error.to_string().contains(&newest), "{error}");
}

#[test]
fn a_piece_is_bounded_and_a_larger_record_is_one_of_its_own() {
    let disk = SimDisk::new(1, 1 << 30);
    let options = Options {
        segment: ByteCount::mib(48),
        ..Options::default()
    };
    let mut model = Model::default();
    let (journal, _) = Journal::open_on(Arc::new(disk), options, &mut model).unwrap();
    for (id, bytes) in [(1, 5 << 20), (2, 5 << 20), (3, 12 << 20), (4, 100)] {
        let at = Timestamp::from_millis(id);
        journal
            .append(Class::Send, at, &[&payload(id, 0, bytes)])
            .unwrap();
        journal.commit_now();
    }
    let store = Store::default();
    let mut shipper = Shipper::new(archive::begin(&store, 1, &begun()).unwrap());
    let mut pieces = Vec::new();
    while let Some(shipped) = shipper.ship(&journal, &store).unwrap() {
        pieces.push(shipped.bytes >> 20);
    }
    assert_eq!(pieces, [5, 5, 12, 0]);
}

#[test]
fn damage_in_the_journal_ends_the_archive_there() {
    let mut house = House::new(&Store::default());
    house.base().unwrap();
    house.append_many(5);
    let names = house.disk.list().unwrap();
    let segment = names.iter().find(|name| name.ends_with(".seg")).unwrap();
    house.disk.flip(segment, 1000, 1);
    let error = house.ship().unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
    let (_, restored) = house.comes_back(Wanted::default());
    assert!(restored.end < house.journal.end());
}

#[test]
fn a_full_disk_ends_a_restore_and_not_the_archive() {
    let mut house = House::new(&Store::default());
    house.append_many(60);
    house.base().unwrap();
    house.append_many(20);
    house.disk.set_size(0);
    let position = house.journal.end();
    let refused = house.journal.snapshot(position, house.model.capture());
    assert!(refused.is_err(), "a full disk takes no snapshot");
    house.ship().unwrap();
    let (_, restored) = house.comes_back(Wanted::default());
    assert_eq!(restored.end, house.journal.end());
    let small = SimDisk::new(2, 2 * SEGMENT);
    let generation = house.shipper.generation();
    let error = archive::restore(&house.store, generation, Wanted::default(), &small).unwrap_err();
    assert!(matches!(error, RestoreError::Disk(_)), "{error}");
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        (self.0 >> 33) % bound
    }
}

/// Appends, commits, snapshots, drops, stores that come and go, starts: at every moment the archive gives back a state that the
/// log had, never an older one than what was stored.
#[test]
fn a_seeded_life_comes_back_from_every_moment() {
    for seed in 0..4 {
        let mut random = Random(seed);
        let mut house = House::new(&Store::default());
        house.base().unwrap();
        let mut stored = house.journal.durable();
        for step in 0..1200 {
            match random.below(100) {
                0..50 => {
                    let living = house.model.living.len() as u64;
                    let settles = match random.below(60) < living {
                        true => *house
                            .model
                            .living
                            .keys()
                            .nth(random.below(living) as usize)
                            .unwrap(),
                        false => 0,
                    };
                    house.append(settles, random.below(900) as usize);
                }
                50..70 => {
                    house.journal.commit_now();
                }
                70..85 => {
                    let durable = house.journal.durable();
                    if house.ship().is_ok() && !house.shipper.needs_base() {
                        stored = stored.max(durable);
                    }
                }
                85..90 => {
                    let position = house.journal.end();
                    house
                        .journal
                        .snapshot(position, house.model.capture())
                        .unwrap();
                    house.reclaim();
                }
                90..93 => {
                    let durable = house.journal.durable();
                    if house.base().is_ok() && !house.shipper.needs_base() {
                        stored = stored.max(durable);
                    }
                }
                93..96 => {
                    let away = random.below(2) == 0;
                    house.store.away(away);
                }
                96..97 => house.store.0.lock().loses_answer = true,
                97..98 => {
                    let since = Timestamp::from_millis(house.at.saturating_sub(2000));
                    let _ = house.shipper.retire(&house.store, since);
                }
                98..99 => {
                    house.store.away(false);
                    house.store.0.lock().loses_answer = false;
                    house.journal.commit_now();
                    house = house.restart().unwrap();
                }
                _ => {
                    house.store.away(false);
                    let (_, restored) = house.comes_back(Wanted::default());
                    assert!(
                        restored.end >= stored,
                        "seed {seed}, step {step}: {restored:?}"
                    );
                }
            }
        }
    }
}
