//! Risk (b) without sockets: one dead, one slow, one rate-limited and 50 healthy receivers, three notifiers with short
//! lives of which some are killed, a queue with SQS's limits or the embedded rules. A seed decides everything.

mod checks;
mod deadlines;
mod elastic;
mod fairness;
mod limits;
mod order;
mod push;
mod rates;
mod receiver;
mod routes;
mod scenes;
mod told;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use bytes::Bytes;
use futures_util::future::BoxFuture;

use self::checks::play_until;
use self::told::ALLOT_EVERY;
use super::action::{Action, Directives, JobKey, MessageKey, Moment};
use super::dispatcher::{Dispatcher, Setup};
use crate::config::{self, DestinationRules, RouteFormat};
use crate::contract::memory::{EMBEDDED, Model, SQS};
use crate::destinations::Destinations;
use crate::format::Format;
use crate::places::Places;
use crate::port::*;
use crate::random::Random;
use crate::recall::Recall;
use crate::share::Share;
use crate::verdict::tests::attempt;

const HEALTHY: u64 = 50;
/// The one that never answers.
const HUNG: u64 = 1_000_000;
/// The first of the healthy ones, which are numbered on from here.
const FIRST: u64 = 3;
/// The healthy one whose rules may have a limit.
const LIMITED: u64 = 3;
const START: Timestamp = Timestamp::from_secs(1_795_410_190);

#[derive(Clone, Copy, Debug)]
struct Scene {
    seed: u64,
    traits: QueueTraits,
    has_bad: bool,
    lines: usize,
    /// Messages for the dead receiver that wait before the traffic begins.
    dead_backlog: usize,
    in_flight_max: usize,
    kills: u32,
    notifiers: usize,
    life: Duration,
    limited: Option<Limited>,
    /// Whether all traffic is for the limited receiver and has deadlines.
    has_deadlines: bool,
    /// Whether all traffic has groups, and what one that failed does to its own.
    ordered: Option<config::OnFailure>,
    retry_for: Duration,
    slots: u32,
    /// How many healthy receivers there are, and how many lines go to them each tick.
    healthy: u64,
    lines_per_tick: u64,
    /// One more line every so many ticks goes to a receiver that takes connections and never answers.
    hung_every: Option<u32>,
    weighed: Option<Weighed>,
    /// How much of its time the thread of each notifier works.
    load: f64,
}

/// Receivers of different weights, [`FIRST`] and on, that all have more than fits into the slots.
#[derive(Clone, Copy, Debug)]
struct Weighed {
    weights: &'static [u32],
    slots: u32,
    /// When the play ends.
    until: Duration,
    /// What waits for each of them in the beginning.
    backlog: usize,
    took: Duration,
}

/// A limit in the rules, and what waits for its receiver in the beginning.
#[derive(Clone, Copy, Debug)]
struct Limited {
    backlog: usize,
    per_sec: Option<u64>,
    in_flight_max: Option<u32>,
    /// How long it takes, where that is not as long as others.
    took: Option<Duration>,
}

#[derive(Debug, Default)]
struct Story {
    receiver: u64,
    sent_at: Duration,
    is_healthy: bool,
    deadline: Option<Timestamp>,
    expired: u32,
    failures: u32,
    /// When its receiver had first answered.
    answered: Option<Duration>,
    arrivals: u32,
    ends: u32,
    delivered: u32,
    attempts: u32,
}

enum Event {
    Traffic,
    Arrive(u64, usize),
    Start(usize),
    Allot,
    Tell,
    Kill(usize),
    Wake(usize, u32),
    Receive(usize, u32, Ask, Duration),
    Received(usize, u32, Vec<Received>, usize),
    SendEnd(usize, u32, JobKey, Box<Attempt>),
    Extend(usize, u32, Vec<MessageKey>, Vec<Lease>, Duration, Duration),
    Extended(usize, u32, Vec<MessageKey>, Vec<Lease>, Duration),
    Release(usize, Vec<Lease>, Duration),
    Settle(usize, u32, Vec<MessageKey>, Vec<Outcome>),
    Settled(usize, u32, Vec<MessageKey>),
}

struct Running {
    dispatcher: Option<Dispatcher>,
    life: u32,
    wake: Duration,
}

#[derive(Debug)]
struct Always;

impl Sender for Always {
    fn schemes(&self) -> &'static [&'static str] {
        &["http"]
    }
    fn check(&self, _: &Request, _: &DestinationRules) -> Result<(), NotSendable> {
        Ok(())
    }
    fn send<'a>(
        &'a self,
        _: &'a Notification,
        _: &'a DestinationRules,
        _: Duration,
    ) -> BoxFuture<'a, Attempt> {
        unreachable!("the world sends")
    }
}

struct World {
    scene: Scene,
    now: Duration,
    sequence: u64,
    events: BTreeMap<(Duration, u64), Event>,
    model: Model,
    /// Who is called back when a receiver answers again, where the queue can make a message due.
    recall: Option<Recall<u64, Timestamp>>,
    rules: Destinations,
    running: Vec<Running>,
    random: Random,
    limited: crate::limit::Bucket,
    stories: HashMap<String, Story>,
    /// Receivers of a scene of their own, by number; the settings that hold then.
    receivers: BTreeMap<u64, receiver::Receiver>,
    settings: config::Settings,
    arrivals_left: usize,
    receives: u64,
    traffic_left: u32,
    duplicates: u64,
    sheds: u64,
    /// Ids by group, in the order in which they were sent.
    groups: Vec<Vec<String>>,
    /// Leases that are lost early.
    lost: u64,
    /// A second route, where there is one.
    beside: Option<routes::Beside>,
    /// The places of each route's notifiers, where these are in one process.
    places: [Option<Arc<Places>>; 2],
}

const SLOTS: u32 = 64;
const TICK: Duration = Duration::from_millis(10);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

impl World {
    fn new(scene: Scene, traffic: Duration) -> Self {
        let is_native = scene.traits.retry_wait == RetryWait::Native;
        let mut world = Self {
            scene,
            now: ms(1),
            sequence: 0,
            events: BTreeMap::new(),
            model: Model::new(scene.traits, scene.in_flight_max),
            recall: (scene.traits.retry_wait == RetryWait::Native).then(Recall::default),
            rules: Destinations::new(&config::Settings::default(), &config::SystemSecrets).unwrap(),
            running: Vec::new(),
            random: Random::of_seed(scene.seed),
            limited: crate::limit::Bucket::new(20.0, 20.0, Duration::ZERO),
            stories: HashMap::new(),
            receivers: BTreeMap::new(),
            settings: config::Settings::default(),
            arrivals_left: 0,
            receives: 0,
            traffic_left: u32::try_from(traffic.as_millis() / TICK.as_millis()).unwrap(),
            duplicates: 0,
            sheds: 0,
            groups: vec![Vec::new(); order::GROUPS],
            lost: 0,
            beside: None,
            places: [0, 1].map(|_| is_native.then(Arc::default)),
        };
        for _ in 0..scene.dead_backlog {
            world.send_lines(&[0]);
        }
        let backlog = vec![LIMITED; scene.limited.map_or(0, |limited| limited.backlog)];
        for message in backlog.chunks(scene.lines) {
            world.send_lines(message);
        }
        if let Some(weighed) = scene.weighed {
            for _ in 0..weighed.backlog {
                for (receiver, _) in (FIRST..).zip(weighed.weights) {
                    world.send_lines(&[receiver]);
                }
            }
        }
        for n in 0..scene.notifiers {
            world.running.push(Running {
                dispatcher: None,
                life: 0,
                wake: Duration::MAX,
            });
            let apart = if scene.limited.is_some() { 7 } else { 700 };
            world.after(ms(n as u64 * apart), Event::Start(n));
        }
        for kill in 0..scene.kills {
            let at = Duration::from_secs(7 + 13 * u64::from(kill));
            world.after(at, Event::Kill(kill as usize % scene.notifiers));
        }
        world.after(Duration::ZERO, Event::Traffic);
        // Those of one process can be told anew at any time.
        if scene.limited.is_some() && scene.traits.retry_wait == RetryWait::Native {
            world.after(ALLOT_EVERY, Event::Allot);
        }
        world
    }

    fn moment(&self) -> Moment {
        Moment {
            wall: self.wall(),
            mono: self.now,
        }
    }

    fn wall(&self) -> Timestamp {
        START.plus(self.now)
    }

    fn after(&mut self, wait: Duration, event: Event) {
        self.sequence += 1;
        self.events.insert((self.now + wait, self.sequence), event);
    }

    /// Sends one message with a line for each receiver: 0 dead, 1 slow, 2 limited, above healthy.
    fn send_lines(&mut self, receivers: &[u64]) {
        let mut body = String::new();
        let first = self.stories.len();
        for (line, receiver) in receivers.iter().enumerate() {
            let id = format!("n{}", first + line);
            let deadline = self.deadline();
            let expires = deadline.map_or(String::new(), |end| {
                format!(",\"expires_at\":{}", end.as_millis())
            });
            body.push_str(&format!(
                "{{\"url\":\"http://h{receiver}.example/\",\"id\":\"{id}\"{expires}}}\n"
            ));
            let story = Story {
                sent_at: self.now,
                receiver: *receiver,
                is_healthy: (FIRST..FIRST + self.scene.healthy).contains(receiver)
                    && deadline.is_none(),
                deadline,
                ..Story::default()
            };
            self.stories.insert(id, story);
        }
        body.pop();
        self.model
            .send(self.wall(), Bytes::from(body), BTreeMap::new(), None);
    }

    /// Each tick: some for healthy receivers, and less than one for every bad one.
    fn traffic(&mut self) {
        if self.scene.ordered.is_some() {
            return self.traffic_in_groups();
        }
        if self.scene.has_deadlines {
            return self.traffic_with_deadlines();
        }
        let mut receivers: Vec<u64> = (0..self.scene.lines_per_tick)
            .map(|_| FIRST + self.random.next_u64() % self.scene.healthy)
            .collect();
        if let Some(every) = self.scene.hung_every
            && self.traffic_left.is_multiple_of(every)
        {
            receivers.push(HUNG);
        }
        for bad in 0..3 {
            let is_turn = self.random.next_unit() < 0.4;
            if self.scene.has_bad && is_turn {
                receivers.push(bad);
            }
        }
        if self.scene.lines == 1 {
            receivers
                .iter()
                .for_each(|one| self.send_lines(std::slice::from_ref(one)));
        } else {
            // Packed: a bad one and healthy ones in one message.
            receivers
                .iter()
                .rev()
                .cloned()
                .collect::<Vec<_>>()
                .chunks(self.scene.lines)
                .for_each(|chunk| self.send_lines(chunk));
        }
        self.traffic_left -= 1;
        if self.traffic_left > 0 {
            self.after(TICK, Event::Traffic);
        }
    }

    fn setup(&mut self) -> Setup {
        let destinations = self.destinations();
        let format = RouteFormat {
            kind: config::FormatKind::Json,
            ..RouteFormat::default()
        };
        Setup {
            format: Format::new(&format).unwrap(),
            retry_for: match self.scene.ordered {
                Some(_) => Duration::from_secs(86_400),
                None => self.scene.retry_for,
            },
            on_failure: self.scene.ordered.unwrap_or_default(),
            notifier: config::Notifier {
                slots: match self.scene.weighed {
                    Some(weighed) => weighed.slots,
                    None => self.scene.slots,
                },
                destination_share: match self.scene.weighed {
                    Some(_) => 1.0,
                    None => 0.25,
                },
                ..config::Notifier::default()
            },
            destinations: Arc::new(destinations),
            traits: self.scene.traits,
            sender: Arc::new(Always),
            seed: self.random.next_u64(),
            deadline: self.now + self.scene.life,
        }
    }

    fn start(&mut self, n: usize) {
        let setup = self.setup();
        let at = self.moment();
        self.running[n].life += 1;
        self.running[n].wake = Duration::MAX;
        let mut dispatcher = Dispatcher::new(setup, at);
        let share = match self.scene.limited {
            Some(_) => self.share_of(n),
            None => Share::WHOLE,
        };
        dispatcher.direct(
            at,
            Directives {
                share,
                parts: self.parts_of(n),
                places: self.places[self.route_of(n)].clone(),
                ..Directives::default()
            },
        );
        self.running[n].dispatcher = Some(dispatcher);
        self.act(n);
    }

    fn destinations(&self) -> Destinations {
        if let Some(weighed) = self.scene.weighed {
            return fairness::rules(weighed);
        }
        let Some(limited) = self.scene.limited else {
            return Destinations::new(&self.settings, &config::SystemSecrets).unwrap();
        };
        let own = config::Destination {
            rate: limited.per_sec.map(config::Rate::per_sec_of),
            in_flight_max: limited.in_flight_max,
            ..config::Destination::default()
        };
        let mut settings = config::Settings::default();
        settings
            .destinations
            .insert(format!("h{LIMITED}.example"), own);
        Destinations::new(&settings, &config::SystemSecrets).unwrap()
    }

    fn is_over(&self) -> bool {
        self.traffic_left == 0 && self.arrivals_left == 0 && self.model.is_empty()
    }

    fn act(&mut self, n: usize) {
        let at = self.moment();
        let share = self.model.in_flight_share();
        let life = self.running[n].life;
        let Some(dispatcher) = self.running[n].dispatcher.as_mut() else {
            return;
        };
        dispatcher.set_in_flight_share(share);
        dispatcher.set_load(self.scene.load);
        let mut actions = Vec::new();
        dispatcher.act(at, &mut actions);
        let wake = dispatcher.wake_at();
        if dispatcher.is_done() {
            self.running[n].dispatcher = None;
            self.running[n].life += 1;
            // Where a scaler starts them, there are none in the beginning.
            if !self.is_over() && self.scene.notifiers > 0 {
                self.after(ms(500), Event::Start(n));
            }
        } else if wake < self.running[n].wake {
            assert!(
                wake > self.now || !actions.is_empty(),
                "a wake in the past changes nothing"
            );
            self.running[n].wake = wake;
            self.after(
                wake.saturating_sub(self.now).max(Duration::from_micros(1)),
                Event::Wake(n, life),
            );
        }
        for action in actions {
            self.perform(n, life, action);
        }
    }

    fn perform(&mut self, n: usize, life: u32, action: Action) {
        let is_native = self.scene.traits.retry_wait == RetryWait::Native;
        let call = if is_native {
            ms(1)
        } else {
            ms(4 + self.random.next_u64() % 4)
        };
        match action {
            Action::Send(send) => {
                let (took, attempt) = self.receive_at_receiver(&send.notification, send.budget);
                self.after(took, Event::SendEnd(n, life, send.job, Box::new(attempt)));
            }
            Action::Receive(ask) => {
                self.after(call, Event::Receive(n, life, ask, self.now + ask.wait))
            }
            Action::Extend { keys, leases, span } => {
                self.after(call, Event::Extend(n, life, keys, leases, span, self.now))
            }
            Action::Release { leases, wait } => {
                self.sheds += leases.len() as u64;
                self.after(call, Event::Release(n, leases, wait));
            }
            Action::Settle { keys, outcomes } => {
                let store = if is_native { call } else { call * 6 };
                self.after(store, Event::Settle(n, life, keys, outcomes));
            }
            Action::CancelSends => {}
        }
    }

    fn with(&mut self, n: usize, life: u32, input: impl FnOnce(&mut Dispatcher, Moment)) {
        let at = self.moment();
        if self.running[n].life != life {
            return;
        }
        if let Some(dispatcher) = self.running[n].dispatcher.as_mut() {
            input(dispatcher, at);
            self.act(n);
        }
    }

    fn step(&mut self, event: Event) {
        let wall = self.wall();
        match event {
            Event::Traffic => self.traffic(),
            Event::Arrive(receiver, count) => {
                self.arrivals_left -= 1;
                (0..count).for_each(|_| self.send_lines(&[receiver]));
            }
            Event::Start(n) if self.running[n].dispatcher.is_none() => self.start(n),
            Event::Start(_) => {}
            Event::Allot => self.allot(),
            Event::Tell => self.tell(),
            Event::Kill(n) => {
                self.running[n].dispatcher = None;
                self.running[n].life += 1;
                self.after(ms(500), Event::Start(n));
            }
            Event::Wake(n, life) => {
                if self.running[n].life == life && self.running[n].wake <= self.now {
                    self.running[n].wake = Duration::MAX;
                    self.with(n, life, |_, _| {});
                }
            }
            Event::Receive(n, life, ask, ends_at) => {
                if self.running[n].life != life {
                    return;
                }
                let batch = self.model_of(n).receive(wall, ask);
                self.receives += batch.len() as u64;
                if batch.is_empty() && self.now < ends_at && !self.is_over() {
                    // A long poll; the steps may be coarse once nothing new is sent.
                    let coarse = 1 + self.random.next_u64() % 40;
                    let step = match (self.traffic_left, self.scene.ordered) {
                        (1.., _) => ms(1),
                        (0, None) => ms(coarse),
                        (0, Some(_)) => ms(coarse * 10),
                    };
                    self.after(step, Event::Receive(n, life, ask, ends_at));
                } else {
                    self.after(ms(1), Event::Received(n, life, batch, ask.max));
                }
            }
            Event::Received(n, life, batch, asked) => {
                self.with(n, life, |dispatcher, at| {
                    dispatcher.received(at, batch, asked)
                });
            }
            Event::SendEnd(n, life, job, attempt) => {
                self.with(n, life, |dispatcher, at| {
                    dispatcher.finished(at, job, *attempt)
                });
            }
            Event::Extend(n, life, keys, leases, span, asked_at) => {
                let early = self.leases_lost_early(&leases);
                self.model_of(n).release(wall, &early, Duration::ZERO);
                let lost = self.model_of(n).extend(wall, &leases, span);
                self.after(ms(1), Event::Extended(n, life, keys, lost, asked_at));
            }
            Event::Extended(n, life, keys, lost, asked_at) => {
                self.with(n, life, |dispatcher, at| {
                    dispatcher.extended(at, keys, asked_at, Some(&lost))
                });
            }
            Event::Release(n, leases, wait) => self.model_of(n).release(wall, &leases, wait),
            Event::Settle(n, life, keys, outcomes) => {
                self.model_of(n).settle(wall, &outcomes);
                self.call_back(&outcomes);
                self.note_ends();
                self.after(ms(1), Event::Settled(n, life, keys));
            }
            Event::Settled(n, life, keys) => {
                self.with(n, life, |dispatcher, _| dispatcher.settled(&keys));
            }
        }
    }

    fn run(mut self) -> Self {
        let limit = Duration::from_secs(3 * 3600);
        while let Some(((time, _), event)) = self.events.pop_first() {
            self.now = time;
            let has_seen_enough = self
                .scene
                .weighed
                .is_some_and(|weighed| time > weighed.until);
            if self.is_over() || has_seen_enough {
                break;
            }
            assert!(
                time < limit,
                "the queue is not drained in three hours: {} left",
                self.model.len()
            );
            self.step(event);
        }
        self
    }
}
