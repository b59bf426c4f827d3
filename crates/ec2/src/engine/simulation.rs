//! The inventory from a seed, against a model that is as plain as possible: hosts that join, report, restart, fall silent,
//! say goodbye and are copied; people who stop, start and terminate; time that passes; a process that is restarted.
//!
//! What must hold: states are as the model says, silence is told exactly once each time, orders are told until they are done,
//! a refused command changes nothing, and what is written down is all that there is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base::Timestamp;

use super::command::{Revoked, Start, Stop, Terminate};
use super::enrol::Enrol;
use super::join::{Doubt, Given, Join};
use super::sync::{Goodbye, Sync};
use super::tick::Tick;
use super::*;

const MACHINES: u64 = 6;

/// SplitMix64. Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators".
struct Seed(u64);

impl Seed {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// A host as the model sees it.
#[derive(Clone, Debug)]
struct Host {
    id: InstanceId,
    state: State,
    /// Whether a user brought it into its state.
    by_user: bool,
    heard: u64,
    is_silent: bool,
    run: u64,
    left: Option<u64>,
}

struct Sim {
    seed: Seed,
    now: u64,
    listening: u64,
    inventory: Inventory,
    /// Rows as they are on disk.
    rows: BTreeMap<InstanceId, Vec<u8>>,
    enrolments: BTreeMap<String, Vec<u8>>,
    /// By machine: what it was last.
    hosts: BTreeMap<u64, Host>,
    ids: u64,
    runs: u64,
    told: Vec<Event>,
}

fn time(secs: u64) -> Timestamp {
    Timestamp::from_secs(1_795_000_000 + secs)
}

impl Sim {
    fn new(seed: u64) -> Self {
        let inventory = Inventory::new(
            Rules::default(),
            Vec::new(),
            Vec::new(),
            Networks::default(),
            BTreeMap::new(),
            time(0),
        );
        let mut sim = Self {
            seed: Seed(seed),
            now: 0,
            listening: 0,
            inventory,
            rows: BTreeMap::new(),
            enrolments: BTreeMap::new(),
            hosts: BTreeMap::new(),
            ids: 0,
            runs: 0,
            told: Vec::new(),
        };
        let until = time(u64::from(u32::MAX));
        sim.apply(Enrol {
            key_id: "any".to_owned(),
            instance: None,
            subnet: None,
            until,
            is_first_only: false,
        })
        .unwrap();
        sim
    }

    /// Applies, and writes down what has changed, as the service does.
    fn apply<C: Command>(&mut self, command: C) -> Result<C::Outcome, Error> {
        let before = self.inventory.clone();
        match self.inventory.apply(time(self.now), command) {
            Ok(done) => {
                for id in done.instances {
                    match self.inventory.get(&id) {
                        Some(row) => self
                            .rows
                            .insert(id, serde_json::to_vec(row.as_ref()).unwrap()),
                        None => self.rows.remove(&id),
                    };
                }
                for key_id in done.enrolments {
                    match self.inventory.enrolment(&key_id) {
                        Some(row) => self
                            .enrolments
                            .insert(key_id, serde_json::to_vec(row).unwrap()),
                        None => self.enrolments.remove(&key_id),
                    };
                }
                self.told.extend(done.events);
                Ok(done.outcome)
            }
            Err(error) => {
                assert!(
                    before.iter().eq(self.inventory.iter()),
                    "refused with a change: {error}"
                );
                Err(error)
            }
        }
    }

    fn restart(&mut self) {
        let rows = self
            .rows
            .values()
            .map(|row| serde_json::from_slice::<Instance>(row).unwrap());
        let rows: Vec<_> = rows.collect();
        assert!(
            self.inventory.iter().map(AsRef::as_ref).eq(rows.iter()),
            "something was not written down"
        );
        let enrolments = self
            .enrolments
            .values()
            .map(|row| serde_json::from_slice(row).unwrap());
        let heard = self
            .inventory
            .iter()
            .filter_map(|it| Some((it.id.clone(), self.inventory.heard(&it.id)?)));
        let heard = heard.collect();
        self.inventory = Inventory::new(
            Rules::default(),
            rows,
            enrolments.collect(),
            Networks::default(),
            heard,
            time(self.now),
        );
        self.listening = self.now;
    }

    fn alive(&self, host: &Host) -> bool {
        let is_up = matches!(
            host.state,
            State::Running | State::Stopping | State::ShuttingDown
        );
        is_up && !host.is_silent && self.now - host.heard.max(self.listening) < 180
    }

    fn join(&mut self, machine: u64) {
        // One that is told to leave does so before it comes again.
        if self
            .hosts
            .get(&machine)
            .is_some_and(|host| host.state == State::ShuttingDown)
        {
            return;
        }
        self.ids += 1;
        self.runs += 1;
        let mut bytes = [0; 9];
        bytes[1..].copy_from_slice(&(self.ids << 4).to_be_bytes());
        let run = self.runs;
        let joined = self.apply(Join {
            key_id: "any".to_owned(),
            new_id: InstanceId::from_random(bytes),
            reservation: format!("r-{run}"),
            draw: network::Draw::new([7; 32]),
            secret_hash: format!("secret-{machine}"),
            run: format!("run-{run}"),
            facts: Facts {
                fingerprint: format!("m-{machine}"),
                hostname: format!("h-{machine}"),
                ..Facts::default()
            },
            doubt: Doubt::Refuse,
        });
        let known = self
            .hosts
            .get(&machine)
            .filter(|host| !host.state.is_leaving())
            .cloned();
        // It has always reported, so a second process is refused while the first is alive.
        if known.as_ref().is_some_and(|host| self.alive(host)) {
            assert!(matches!(joined, Err(Error::InUse { .. })), "{joined:?}");
            return;
        }
        let joined = joined.unwrap();
        assert_eq!(joined.is_new, known.is_none());
        let mut host = match known {
            Some(host) => {
                assert_eq!(joined.id, host.id);
                host
            }
            None => Host {
                id: joined.id.clone(),
                state: State::Pending,
                by_user: false,
                heard: 0,
                is_silent: false,
                run,
                left: None,
            },
        };
        if matches!(host.state, State::Pending) || host.state == State::Stopped && !host.by_user {
            host.state = State::Running;
            host.by_user = false;
        }
        (host.heard, host.is_silent, host.run) = (self.now, false, run);
        self.hosts.insert(machine, host);
        self.apply(Given {
            id: joined.id,
            secret_hash: format!("secret-{machine}"),
            access_key_id: format!("key-{machine}"),
        })
        .unwrap();
        self.report(machine, false);
    }

    fn report(&mut self, machine: u64, is_restarted: bool) {
        let Some(mut host) = self
            .hosts
            .get(&machine)
            .cloned()
            .filter(|host| host.left.is_none())
        else {
            return;
        };
        if is_restarted {
            self.runs += 1;
            host.run = self.runs;
        }
        let answer = self.apply(self.sync(machine, &host, Vec::new())).unwrap();
        match host.state {
            State::Running | State::Pending => host.state = State::Running,
            State::Stopped if !host.by_user => host.state = State::Running,
            _ => {}
        }
        if host.state == State::Running {
            (host.by_user, host.is_silent) = (false, false);
        }
        host.heard = self.now;
        let expected: &[Task] = match host.state {
            State::Stopping | State::Stopped => &[Task::Stop],
            State::ShuttingDown => &[Task::Leave],
            _ => &[],
        };
        let tasks: Vec<_> = answer.orders.iter().map(|order| order.task).collect();
        assert_eq!((answer.state, tasks.as_slice()), (host.state, expected));
        // It obeys at once, or with a later report.
        if !answer.orders.is_empty() && self.seed.below(2) == 0 {
            let done = answer.orders.iter().map(|order| order.id).collect();
            let after = self.apply(self.sync(machine, &host, done)).unwrap();
            match host.state {
                State::Stopping => host.state = State::Stopped,
                State::ShuttingDown => {
                    host.state = State::Terminated;
                    host.left = Some(self.now);
                }
                _ => {}
            }
            assert_eq!(after.state, host.state);
        }
        self.hosts.insert(machine, host);
    }

    fn sync(&self, machine: u64, host: &Host, done: Vec<u64>) -> Sync {
        Sync {
            id: host.id.clone(),
            access_key_id: format!("key-{machine}"),
            run: format!("run-{}", host.run),
            facts: None,
            done,
        }
    }

    fn goodbye(&mut self, machine: u64) {
        let Some(mut host) = self
            .hosts
            .get(&machine)
            .cloned()
            .filter(|host| host.left.is_none())
        else {
            return;
        };
        self.apply(Goodbye {
            id: host.id.clone(),
            access_key_id: format!("key-{machine}"),
            run: format!("run-{}", host.run),
        })
        .unwrap();
        match host.state {
            State::Running => {
                (host.state, host.by_user, host.is_silent) = (State::Stopped, false, false)
            }
            State::Stopping => host.state = State::Stopped,
            State::ShuttingDown => (host.state, host.left) = (State::Terminated, Some(self.now)),
            _ => {}
        }
        self.hosts.insert(machine, host);
    }

    fn order(&mut self, machine: u64, kind: u64, is_forced: bool) {
        let Some(mut host) = self.hosts.get(&machine).cloned() else {
            return;
        };
        let (ids, before) = (vec![host.id.clone()], host.state);
        let is_quick = is_forced || !self.alive(&host);
        let steps = match kind {
            0 => self.apply(Start(ids)),
            1 => self.apply(Stop { ids, is_forced }),
            _ => self.apply(Terminate { ids, is_forced }),
        };
        if host.left.is_some_and(|_| !self.rows.contains_key(&host.id)) {
            assert!(matches!(steps, Err(Error::NotFound { .. })));
            return;
        }
        let is_wrong = match kind {
            0 => before.is_leaving() || before == State::Stopping,
            1 => before.is_leaving(),
            _ => false,
        };
        if is_wrong {
            assert!(
                matches!(steps, Err(Error::WrongState { .. })),
                "{before:?} {kind}"
            );
            return;
        }
        host.state = match (kind, before) {
            (0, State::Stopped) => State::Pending,
            (1, State::Running | State::Stopping | State::Pending) if is_quick => State::Stopped,
            (1, State::Running) => State::Stopping,
            (2, State::Terminated) => State::Terminated,
            (2, _) if is_quick => State::Terminated,
            (2, _) => State::ShuttingDown,
            (_, same) => same,
        };
        if host.state != before {
            host.is_silent = false;
        }
        match kind {
            0 if before == State::Stopped => host.by_user = false,
            1 => host.by_user = true,
            _ => {}
        }
        if host.state == State::Terminated && before != State::Terminated {
            host.left = Some(self.now);
        }
        assert_eq!(
            steps.unwrap()[0].after,
            host.state,
            "{before:?} {kind} {is_forced}"
        );
        self.hosts.insert(machine, host);
    }

    fn tick(&mut self) {
        self.told.clear();
        let mut expected = BTreeSet::new();
        let now = self.now;
        let listening = self.listening;
        for host in self.hosts.values_mut() {
            let is_late = now - host.heard.max(listening) >= 180;
            match host.state {
                State::Running if is_late && !host.is_silent => {
                    host.is_silent = true;
                    expected.insert((host.id.clone(), "silent"));
                }
                State::Stopping if is_late => {
                    host.state = State::Stopped;
                    expected.insert((host.id.clone(), "stopped"));
                }
                State::ShuttingDown if is_late => {
                    (host.state, host.left) = (State::Terminated, Some(now));
                    expected.insert((host.id.clone(), "terminated"));
                }
                _ => {}
            }
        }
        self.apply(Tick).unwrap();
        let told = self.told.iter().filter_map(|event| match event {
            Event::Unreachable { id } => Some((id.clone(), "silent")),
            Event::Stopped { id, .. } => Some((id.clone(), "stopped")),
            Event::Terminated { id } => Some((id.clone(), "terminated")),
            _ => None,
        });
        let told: Vec<_> = told.collect();
        assert_eq!(told.len(), expected.len());
        assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), expected);
        for id in self.inventory.to_revoke() {
            self.apply(Revoked(id)).unwrap();
        }
    }

    fn check(&self) {
        for host in self.hosts.values() {
            let Some(instance) = self.inventory.get(&host.id) else {
                assert!(
                    host.left.is_some_and(|left| self.now - left >= 3600),
                    "{host:?} is forgotten"
                );
                continue;
            };
            assert_eq!(instance.state, host.state, "{host:?}");
            assert_eq!(instance.silent_since.is_some(), host.is_silent, "{host:?}");
            assert!(instance.orders.len() <= 3);
        }
    }

    fn step(&mut self) {
        let machine = self.seed.below(MACHINES);
        match self.seed.below(20) {
            0..=2 => self.join(machine),
            3..=8 => self.report(machine, false),
            9 => self.report(machine, true),
            10 => self.goodbye(machine),
            11 => self.order(machine, 0, false),
            12 => self.order(machine, 1, false),
            13 if self.seed.below(3) == 0 => self.order(machine, 2, false),
            14 => {
                let kind = 1 + self.seed.below(8) / 7;
                self.order(machine, kind, true);
            }
            15 => self.restart(),
            16 => self.now += 3600,
            17 => self.tick(),
            _ => self.now += self.seed.below(100),
        }
        self.check();
    }
}

#[test]
fn the_inventory_is_as_a_plain_model_says() {
    for seed in 0..200 {
        let mut sim = Sim::new(seed);
        for _ in 0..400 {
            sim.step();
        }
        sim.restart();
        sim.check();
    }
}

#[test]
fn jumps_of_time_never_make_a_host_silent_that_had_no_time_to_report() {
    let mut sim = Sim::new(7);
    sim.join(1);
    sim.now += 86_400;
    sim.restart();
    sim.tick();
    assert!(sim.hosts.values().all(|host| !host.is_silent));
    sim.now += Duration::from_secs(180).as_secs();
    sim.tick();
    assert!(sim.hosts.values().all(|host| host.is_silent));
}
