//! The whole trail from a seed: calls, commands, a bucket that fails, a disk that stops in the middle of a delivery, a
//! process that is killed, and a clock that only the test turns.
//!
//! What must hold: every log file together has each record that its trail wanted exactly once, an object that is put again
//! is the same, the history finds every management record, and everything verifies.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use base::{Clock, ManualClock, NoMetrics, Timestamp};
use serde_json::Value;
use store::disk::SimDisk;
use store::seal::{MasterKey, MasterKeySource};

use super::*;
use crate::bucket::Object;
use crate::bucket::memory::{Memory, Trouble};
use crate::engine::command::{self, Changes, New};
use crate::engine::selector::{Advanced, FieldSelector, Selectors};
use crate::engine::state::Settings;
use crate::history::Query;
use crate::seen::{Class, Identity, Seen, Way, Who};
use crate::verify::{Report, Wanted};

pub(crate) const BUCKET: &str = "logs";
const POLICY: &str = r#"{"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:GetBucketAcl", "Resource": "arn:aws:s3:::logs"},
    {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:PutObject", "Resource": "arn:aws:s3:::logs/*"}]}"#;

pub(crate) struct World {
    pub(crate) disk: SimDisk,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) memory: Memory,
    pub(crate) options: Options,
    pub(crate) trails: Arc<Trails>,
    calls: u64,
}

fn options() -> Options {
    Options {
        segment_bytes: 16 << 10,
        history_bytes: 4 << 20,
        data_bytes: 4 << 20,
        rules: Rules {
            file_bytes: 6000,
            ..Rules::default()
        },
        ..Options::default()
    }
}

fn open(disk: &SimDisk, clock: &Arc<ManualClock>, options: Options) -> Arc<Trails> {
    let source = MasterKeySource::Hex("11".repeat(32));
    let master = MasterKey::load(std::path::Path::new("/nowhere"), &source).unwrap();
    Trails::open(Parts {
        place: Place {
            account: "123456789012".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
        },
        disk: Arc::new(disk.clone()),
        master: Arc::new(master),
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        metrics: Arc::new(NoMetrics),
        options,
    })
    .unwrap()
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self::with(seed, options())
    }

    pub(crate) fn with(seed: u64, options: Options) -> Self {
        let disk = SimDisk::new(seed, 64 << 20);
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_795_934_530)));
        let memory = Memory::with_bucket(BUCKET);
        memory.set_policy(BUCKET, Some(POLICY));
        Self {
            trails: open(&disk, &clock, options),
            disk,
            clock,
            memory,
            options,
            calls: 0,
        }
    }

    /// The process is killed and starts again.
    pub(crate) fn restart(&mut self) {
        self.disk.restart();
        self.trails = open(&self.disk, &self.clock, self.options);
    }

    pub(crate) fn advance(&self, secs: u64) {
        self.clock.advance(Duration::from_secs(secs));
    }

    /// A call; returns its request id, or nothing where it became no record.
    pub(crate) fn call(&mut self, service: &str, operation: &str, class: Class) -> Option<String> {
        self.calls += 1;
        let request_id = format!("r-{}", self.calls);
        self.call_as(service, operation, class, &request_id)
            .then_some(request_id)
    }

    fn call_as(&self, service: &str, operation: &str, class: Class, request_id: &str) -> bool {
        let resources = ["arn:aws:sqs:eu-west-1:123456789012:s2s".parse().unwrap()];
        let before = self.trails.next_records();
        // Dropped, it is written at once.
        drop(self.trails.record(&Seen {
            service,
            operation,
            class,
            way: Way::Call,
            identity: Identity {
                who: Who::User {
                    name: "alice",
                    id: "AIDA",
                },
                arn: "arn:aws:iam::123456789012:user/alice",
                account: "123456789012",
                access_key_id: "AKIAIOSFODNN7EXAMPLE",
                session: None,
            },
            source: None,
            user_agent: "",
            host: "",
            tls: None,
            request_id,
            request: None,
            response: None,
            failure: None,
            resources: &resources,
        }));
        self.trails.next_records() != before
    }

    pub(crate) fn create(&self, name: &str, validation: bool) {
        let new = New {
            name: name.to_owned(),
            settings: Settings {
                bucket: BUCKET.to_owned(),
                prefix: Some(name.to_owned()),
                global: true,
                multi_region: true,
                validation,
            },
            tags: Vec::new(),
        };
        self.trails
            .change(|state| Ok(((), command::create(state, &new)?)))
            .unwrap();
    }

    pub(crate) fn start(&self, name: &str) {
        let trails = &self.trails;
        let (at, from) = (trails.now(), trails.next_records());
        let decide =
            |state: &State| Ok(((), command::start(state, trails.place(), at, name, from)?));
        trails.change(decide).unwrap();
    }

    /// Stops or deletes a trail by a call, whose record it takes last.
    pub(crate) fn end(&mut self, name: &str, is_deleted: bool) -> String {
        self.calls += 1;
        let request_id = format!("r-{}", self.calls);
        let trails = Arc::clone(&self.trails);
        let at = trails.now();
        let decide = |state: &State| match is_deleted {
            true => command::delete(state, trails.place(), at, name),
            false => command::stop(state, trails.place(), at, name),
        };
        trails.end_by_call(&request_id, decide).unwrap();
        let operation = if is_deleted {
            "DeleteTrail"
        } else {
            "StopLogging"
        };
        assert!(self.call_as("cloudtrail", operation, Class::Management, &request_id));
        request_id
    }

    pub(crate) fn select_data(&self, name: &str) {
        let equals = |field: &str, value: &str| FieldSelector {
            field: field.to_owned(),
            equals: vec![value.to_owned()],
            ..FieldSelector::default()
        };
        let all = |category: &str, more: Option<FieldSelector>| Advanced {
            name: None,
            fields: [equals("eventCategory", category)]
                .into_iter()
                .chain(more)
                .collect(),
        };
        let selectors = Selectors::Advanced(vec![
            all("Management", None),
            all("Data", Some(equals("resources.type", "AWS::SQS::Queue"))),
        ]);
        let trails = &self.trails;
        trails
            .change(|state| Ok(((), command::select(state, trails.place(), name, selectors)?)))
            .unwrap();
    }

    pub(crate) fn validate(&self, name: &str, validation: bool) {
        let changes = Changes {
            validation: Some(validation),
            ..Changes::default()
        };
        let trails = &self.trails;
        let decide = |state: &State| {
            let (_, events) = command::update(state, trails.place(), name, &changes)?;
            Ok(((), events))
        };
        trails.change(decide).unwrap();
    }

    pub(crate) async fn deliver(&self) {
        self.trails.deliver_due(&self.memory).await;
    }

    /// Lets everything that is due and will be due within hours be delivered.
    pub(crate) async fn settle(&self) {
        self.memory.set_trouble(Trouble::None);
        for _ in 0..8 {
            self.advance(61);
            self.deliver().await;
        }
    }

    pub(crate) async fn verify(&self) -> Report {
        self.trails
            .verify(&self.memory, &Wanted::default())
            .await
            .unwrap()
    }

    /// The request ids in all log files of a trail, in the order of their keys.
    pub(crate) fn delivered(&self, name: &str) -> Vec<String> {
        let mut ids = Vec::new();
        for (key, object) in self.memory.objects(BUCKET) {
            if key.starts_with(&format!("{name}/AWSLogs/123456789012/CloudTrail/")) {
                let file = unpacked(&object);
                let records = file["Records"].as_array().unwrap().clone();
                // What the trail says of itself has none.
                let id = |record: &Value| record["requestID"].as_str().map(str::to_owned);
                ids.extend(records.iter().filter_map(id));
            }
        }
        ids
    }

    fn looked_up(&self) -> BTreeSet<String> {
        let query = Query {
            attribute: None,
            from: Timestamp::EPOCH,
            to: Timestamp::MAX,
            before: u64::MAX,
            max: usize::MAX,
        };
        let page = self.trails.history().look_up(&query).unwrap();
        let records = page
            .records
            .iter()
            .map(|found| serde_json::from_slice::<Value>(&found.frame.record).unwrap());
        records
            .filter_map(|record| Some(record["requestID"].as_str()?.to_owned()))
            .collect()
    }
}

pub(crate) fn unpacked(object: &Object) -> Value {
    let mut text = String::new();
    flate2::read::GzDecoder::new(&*object.content)
        .read_to_string(&mut text)
        .unwrap();
    serde_json::from_str(&text).unwrap()
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

/// What a trail should have been given.
#[derive(Default)]
struct Expected {
    is_logging: bool,
    wants_data: bool,
    is_deleted: bool,
    ids: Vec<String>,
}

struct Play {
    world: World,
    dice: Dice,
    trails: BTreeMap<String, Expected>,
    management: BTreeSet<String>,
    made: u64,
}

impl Play {
    fn call(&mut self) {
        let is_data = self.dice.roll(2) == 0;
        let (operation, class) = match is_data {
            true => ("SendMessage", Class::Data),
            false => ("CreateQueue", Class::Management),
        };
        let Some(id) = self.world.call("sqs", operation, class) else {
            let nobody = self
                .trails
                .values()
                .all(|it| !(it.is_logging && it.wants_data));
            assert!(is_data && nobody, "a record was not kept");
            return;
        };
        for trail in self.trails.values_mut() {
            if trail.is_logging && (trail.wants_data || !is_data) {
                trail.ids.push(id.clone());
            }
        }
        if !is_data {
            self.management.insert(id);
        }
    }

    fn one_of(&mut self, is_wanted: impl Fn(&Expected) -> bool) -> Option<String> {
        let names: Vec<String> = self
            .trails
            .iter()
            .filter(|(_, it)| !it.is_deleted && is_wanted(it))
            .map(|(name, _)| name.clone())
            .collect();
        let at = usize::try_from(self.dice.roll(names.len().max(1) as u64)).unwrap();
        names.get(at).cloned()
    }

    fn command(&mut self) {
        match self.dice.roll(6) {
            0 if self.world.trails.state().trails.len() < 5 => {
                self.made += 1;
                let name = format!("trail-{}", self.made);
                self.world.create(&name, self.dice.roll(4) > 0);
                self.trails.insert(name, Expected::default());
            }
            1 => {
                if let Some(name) = self.one_of(|it| !it.is_logging) {
                    self.world.start(&name);
                    self.trails.get_mut(&name).unwrap().is_logging = true;
                }
            }
            2 => {
                if let Some(name) = self.one_of(|it| it.is_logging) {
                    let is_deleted = self.dice.roll(3) == 0;
                    let id = self.world.end(&name, is_deleted);
                    let trail = self.trails.get_mut(&name).unwrap();
                    (trail.is_logging, trail.is_deleted) = (false, is_deleted);
                    trail.ids.push(id.clone());
                    for other in self.trails.values_mut().filter(|it| it.is_logging) {
                        other.ids.push(id.clone());
                    }
                    self.management.insert(id);
                }
            }
            3 => {
                if let Some(name) = self.one_of(|it| !it.wants_data) {
                    self.world.select_data(&name);
                    self.trails.get_mut(&name).unwrap().wants_data = true;
                }
            }
            4 => {
                if let Some(name) = self.one_of(|_| true) {
                    let is_on = self.dice.roll(2) == 0;
                    self.world.validate(&name, is_on);
                }
            }
            _ => {}
        }
    }

    async fn step(&mut self) {
        match self.dice.roll(20) {
            0..=8 => self.call(),
            9 | 10 => self.command(),
            11..=13 => self.world.advance(self.dice.roll(200)),
            14 => self.world.advance(self.dice.roll(2) * 3600),
            15 | 16 => self.world.deliver().await,
            17 => self.world.trails.upkeep().unwrap(),
            18 => {
                let trouble = [Trouble::None, Trouble::Refuses, Trouble::LosesAnswers];
                let at = usize::try_from(self.dice.roll(3)).unwrap();
                self.world.memory.set_trouble(trouble[at]);
            }
            _ => {
                // The disk stops somewhere in the middle of a delivery, then the process is killed.
                self.world.disk.stop_after(self.dice.roll(8));
                self.world.deliver().await;
                self.world.restart();
            }
        }
    }

    async fn end(&mut self, seed: u64) {
        self.world.settle().await;
        for (name, expected) in &self.trails {
            let mut found = self.world.delivered(name);
            let mut ids = expected.ids.clone();
            found.sort();
            ids.sort();
            assert_eq!(found, ids, "seed {seed}, {name}");
        }
        assert_eq!(self.world.looked_up(), self.management, "seed {seed}");
        let report = self.world.verify().await;
        assert_eq!(report.findings, [], "seed {seed}");
        assert_eq!(self.world.memory.replaced(), 0, "seed {seed}");
        let state = self.world.trails.state();
        assert!(state.leaving.is_empty(), "seed {seed}");
        assert!(
            state.trails.iter().all(|trail| !trail.is_closing),
            "seed {seed}"
        );
    }
}

async fn play(seed: u64, steps: u64) {
    let mut play = Play {
        world: World::new(seed),
        dice: Dice(seed),
        trails: BTreeMap::new(),
        management: BTreeSet::new(),
        made: 0,
    };
    for _ in 0..steps {
        play.step().await;
    }
    play.end(seed).await;
}

#[tokio::test]
async fn every_record_is_delivered_once_whatever_happens() {
    let seeds = std::env::var("SHUKUBA_SIM_SEEDS")
        .ok()
        .and_then(|it| it.parse().ok());
    let first = std::env::var("SHUKUBA_SIM_FIRST_SEED")
        .ok()
        .and_then(|it| it.parse().ok());
    let first: u64 = first.unwrap_or(1);
    for seed in first..first + seeds.unwrap_or(6) {
        play(seed, 250).await;
    }
}
