//! Commands in, states and events out.

use std::collections::BTreeMap;
use std::time::Duration;

use base::Timestamp;

use super::command::{Monitor, Protect, Reboot, Revoked, Run, Start, Step, Stop, Terminate};
use super::enrol::{Cancel, Enrol, Withdrawn};
use super::join::{Doubt, Given, Join, Joined};
use super::network::tag::{AddTags, RemoveTags, Target};
use super::state::{Cause, Wish};
use super::status::Check;
use super::sync::{Answer, Goodbye, Sync};
use super::tick::Tick;
use super::*;

/// An inventory with a clock of its own.
struct World {
    inventory: Inventory,
    at: Timestamp,
    ids: u8,
}

fn at(secs: u64) -> Timestamp {
    Timestamp::from_secs(1_795_000_000 + secs)
}

fn host(name: &str) -> Facts {
    Facts {
        fingerprint: format!("machine-{name}"),
        hostname: name.to_owned(),
        addresses: vec!["10.0.0.7".parse().unwrap()],
        cores: 2,
        ..Facts::default()
    }
}

impl World {
    fn new() -> Self {
        let rules = Rules::default();
        let inventory = Inventory::new(
            rules,
            Vec::new(),
            Vec::new(),
            Networks::default(),
            BTreeMap::new(),
            at(0),
        );
        let mut world = Self {
            inventory,
            at: at(0),
            ids: 0,
        };
        world.enrol("any", None);
        world
    }

    fn id(&mut self) -> InstanceId {
        self.ids += 1;
        InstanceId::from_random([self.ids; 9])
    }

    fn advance(&mut self, secs: u64) {
        self.at = self.at.plus(Duration::from_secs(secs));
    }

    fn apply<C: Command>(&mut self, command: C) -> Result<(C::Outcome, Vec<Event>), Error> {
        let done = self.inventory.apply(self.at, command)?;
        Ok((done.outcome, done.events))
    }

    fn ok<C: Command>(&mut self, command: C) -> C::Outcome {
        self.apply(command).unwrap().0
    }

    fn tick(&mut self) -> Vec<Event> {
        self.apply(Tick).unwrap().1
    }

    fn enrol(&mut self, key_id: &str, instance: Option<InstanceId>) {
        let until = self.at.plus(Duration::from_secs(86_400));
        self.ok(Enrol {
            key_id: key_id.to_owned(),
            instance,
            subnet: None,
            until,
            is_first_only: false,
        });
    }

    fn ask(
        &mut self,
        key_id: &str,
        secret: &str,
        run: &str,
        facts: Facts,
    ) -> Result<Joined, Error> {
        self.ask_in_doubt(key_id, secret, run, facts, Doubt::Refuse)
    }

    fn ask_in_doubt(
        &mut self,
        key_id: &str,
        secret: &str,
        run: &str,
        facts: Facts,
        doubt: Doubt,
    ) -> Result<Joined, Error> {
        let new_id = self.id();
        let (joined, _) = self.apply(Join {
            key_id: key_id.to_owned(),
            reservation: format!("r-{new_id}"),
            draw: network::Draw::new([7; 32]),
            new_id,
            secret_hash: secret.to_owned(),
            run: run.to_owned(),
            facts,
            doubt,
        })?;
        self.ok(Given {
            id: joined.id.clone(),
            secret_hash: secret.to_owned(),
            access_key_id: format!("key-{secret}"),
        });
        Ok(joined)
    }

    /// Joins, and reports once.
    fn host(&mut self, name: &str) -> InstanceId {
        let joined = self
            .ask("any", name, &format!("run-{name}"), host(name))
            .unwrap();
        self.report(&joined.id, name);
        joined.id
    }

    fn sync(
        &mut self,
        id: &InstanceId,
        secret: &str,
        run: &str,
        done: &[u64],
    ) -> Result<(Answer, Vec<Event>), Error> {
        self.apply(Sync {
            id: id.clone(),
            access_key_id: format!("key-{secret}"),
            run: run.to_owned(),
            facts: None,
            done: done.to_vec(),
        })
    }

    fn report(&mut self, id: &InstanceId, name: &str) -> Answer {
        self.sync(id, name, &format!("run-{name}"), &[]).unwrap().0
    }

    fn goodbye(&mut self, id: &InstanceId, name: &str) -> Vec<Event> {
        let goodbye = Goodbye {
            id: id.clone(),
            access_key_id: format!("key-{name}"),
            run: format!("run-{name}"),
        };
        self.apply(goodbye).unwrap().1
    }

    fn run(&mut self, tags: &[(&str, &str)]) -> InstanceId {
        let id = self.id();
        let tags = tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let made = self.ok(Run {
            ids: vec![id.clone()],
            at_least: 1,
            reservation: format!("r-{id}"),
            wish: Wish::default(),
            tags: Tags::new(tags.collect()).unwrap(),
            is_detailed: false,
            is_termination_protected: false,
            is_stop_protected: false,
            inside: None,
        });
        made[0].id.clone()
    }

    fn get(&self, id: &InstanceId) -> &Instance {
        self.inventory.get(id).unwrap()
    }

    fn state(&self, id: &InstanceId) -> State {
        self.get(id).state
    }
}

fn tasks(answer: &Answer) -> Vec<Task> {
    answer.orders.iter().map(|order| order.task).collect()
}

fn stop(id: &InstanceId, is_forced: bool) -> Stop {
    Stop {
        ids: vec![id.clone()],
        is_forced,
    }
}

fn terminate(id: &InstanceId) -> Terminate {
    Terminate {
        ids: vec![id.clone()],
        is_forced: false,
    }
}

fn step(id: &InstanceId, before: State, after: State) -> Vec<Step> {
    vec![Step {
        id: id.clone(),
        before,
        after,
    }]
}

#[test]
fn codes_are_those_of_the_api_reference() {
    // Source: API Reference, InstanceState.
    for (state, name, code) in [
        (State::Pending, "pending", 0),
        (State::Running, "running", 16),
        (State::ShuttingDown, "shutting-down", 32),
        (State::Terminated, "terminated", 48),
        (State::Stopping, "stopping", 64),
        (State::Stopped, "stopped", 80),
    ] {
        assert_eq!((state.name(), state.code()), (name, code));
    }
}

#[test]
fn a_host_that_joins_runs_under_its_name_and_keeps_its_id() {
    let mut world = World::new();
    let joined = world.ask("any", "s1", "r1", host("web-1")).unwrap();
    assert!(joined.is_new);
    let instance = world.get(&joined.id);
    assert_eq!((instance.state, instance.name()), (State::Running, "web-1"));
    assert_eq!(instance.checks().instance, Check::Initializing);
    // The answer was lost: it asks again, and once more after a restart, before it has reported.
    for run in ["r1", "r2"] {
        let again = world.ask("any", "s1", run, host("web-1")).unwrap();
        assert_eq!((again.id, again.is_new), (joined.id.clone(), false));
    }
    world.sync(&joined.id, "s1", "r2", &[]).unwrap();
    assert_eq!(world.get(&joined.id).checks().instance, Check::Ok);
    assert_eq!(world.inventory.len(), 1);
}

#[test]
fn silence_is_noticed_once_and_nothing_is_forgotten() {
    let mut world = World::new();
    let id = world.host("web-1");
    world.advance(179);
    assert_eq!(world.tick(), []);
    world.advance(1);
    assert!(world.inventory.is_due(world.at));
    assert_eq!(world.tick(), [Event::Unreachable { id: id.clone() }]);
    assert!(!world.inventory.is_due(world.at));
    assert_eq!(world.tick(), []);
    let checks = world.get(&id).checks();
    assert_eq!(world.state(&id), State::Running);
    assert_eq!(
        (checks.instance, checks.system),
        (Check::Impaired, Check::InsufficientData)
    );
    assert_eq!(checks.impaired_since, Some(at(0)));
    world.advance(30 * 86_400);
    assert_eq!(world.tick(), []);
    let (_, events) = world.sync(&id, "web-1", "run-web-1", &[]).unwrap();
    assert_eq!(events, [Event::Back { id: id.clone() }]);
    assert_eq!(world.get(&id).checks().instance, Check::Ok);
}

#[test]
fn a_host_with_detailed_monitoring_reports_and_is_missed_sooner() {
    let mut world = World::new();
    let id = world.host("web-1");
    assert_eq!(world.report(&id, "web-1").every, Duration::from_secs(60));
    world.ok(Monitor {
        ids: vec![id.clone()],
        is_detailed: true,
    });
    assert_eq!(world.report(&id, "web-1").every, Duration::from_secs(10));
    world.advance(29);
    assert_eq!(world.tick(), []);
    world.advance(1);
    assert_eq!(world.tick(), [Event::Unreachable { id }]);
}

#[test]
fn after_a_start_everybody_has_time_to_report() {
    let mut world = World::new();
    let id = world.host("web-1");
    world.advance(3600);
    let instances = world
        .inventory
        .iter()
        .map(|it| Instance::clone(it))
        .collect();
    let heard = BTreeMap::from([(id.clone(), at(0))]);
    world.inventory = Inventory::new(
        Rules::default(),
        instances,
        Vec::new(),
        Networks::default(),
        heard,
        world.at,
    );
    assert_eq!(world.tick(), []);
    world.advance(180);
    assert_eq!(world.tick(), [Event::Unreachable { id }]);
}

#[test]
fn a_clock_that_goes_back_makes_nobody_immortal() {
    let mut world = World::new();
    let id = world.host("web-1");
    world.at = at(0).minus(Duration::from_secs(86_400));
    world.inventory.listen_from(world.at);
    world.advance(180);
    assert_eq!(world.tick(), [Event::Unreachable { id }]);
}

#[test]
fn a_stop_reaches_the_agent_and_lasts_until_a_start() {
    let mut world = World::new();
    let id = world.host("web-1");
    let steps = world.ok(stop(&id, false));
    assert_eq!(steps, step(&id, State::Running, State::Stopping));
    assert_eq!(
        world.get(&id).transition(),
        "User initiated (2026-11-18 11:06:40 GMT)"
    );
    // It is told until it says that it is done.
    let answer = world.report(&id, "web-1");
    assert_eq!(tasks(&answer), [Task::Stop]);
    assert_eq!(world.report(&id, "web-1").orders, answer.orders);
    let (after, events) = world
        .sync(&id, "web-1", "run-web-1", &[answer.orders[0].id])
        .unwrap();
    assert_eq!((after.state, after.orders), (State::Stopped, Vec::new()));
    assert_eq!(
        events,
        [Event::Stopped {
            id: id.clone(),
            cause: Cause::User
        }]
    );
    // Somebody starts the agent by hand: it is stopped again.
    let (again, events) = world.sync(&id, "web-1", "run-2", &[]).unwrap();
    assert_eq!(
        (again.state, tasks(&again)),
        (State::Stopped, vec![Task::Stop])
    );
    assert_eq!(events, []);
    assert_eq!(
        world.ok(Start(vec![id.clone()])),
        step(&id, State::Stopped, State::Pending)
    );
    let (back, events) = world.sync(&id, "web-1", "run-3", &[]).unwrap();
    assert_eq!((back.state, back.orders), (State::Running, Vec::new()));
    assert_eq!(events, [Event::Back { id }]);
}

#[test]
fn a_host_that_says_goodbye_is_stopped_and_comes_back_by_itself() {
    let mut world = World::new();
    let id = world.host("web-1");
    let events = world.goodbye(&id, "web-1");
    assert_eq!(
        events,
        [Event::Stopped {
            id: id.clone(),
            cause: Cause::Host
        }]
    );
    assert_eq!(
        world.get(&id).reason().unwrap().0,
        "Client.InstanceInitiatedShutdown"
    );
    world.advance(86_400);
    assert_eq!(world.tick(), []);
    let (answer, events) = world.sync(&id, "web-1", "run-2", &[]).unwrap();
    assert_eq!(
        (answer.state, events),
        (State::Running, vec![Event::Back { id: id.clone() }])
    );
    // Unless it was stopped meanwhile.
    let goodbye = Goodbye {
        id: id.clone(),
        access_key_id: "key-web-1".to_owned(),
        run: "run-2".to_owned(),
    };
    world.ok(goodbye);
    assert_eq!(
        world.ok(stop(&id, false)),
        step(&id, State::Stopped, State::Stopped)
    );
    let (answer, _) = world.sync(&id, "web-1", "run-3", &[]).unwrap();
    assert_eq!(
        (answer.state, tasks(&answer)),
        (State::Stopped, vec![Task::Stop])
    );
}

#[test]
fn who_cannot_answer_is_stopped_without() {
    let mut world = World::new();
    let forced = world.host("a");
    let steps = world.ok(stop(&forced, true));
    assert_eq!(steps, step(&forced, State::Running, State::Stopped));
    let dying = world.host("b");
    let dead = world.host("c");
    world.ok(stop(&dying, false));
    world.advance(180);
    let steps = world.ok(stop(&dead, false));
    assert_eq!(steps, step(&dead, State::Running, State::Stopped));
    assert_eq!(
        world.tick(),
        [Event::Stopped {
            id: dying.clone(),
            cause: Cause::User
        }]
    );
    assert_eq!(world.state(&dying), State::Stopped);
}

#[test]
fn a_reboot_is_told_once_and_done_once() {
    let mut world = World::new();
    let id = world.host("web-1");
    world.ok(Reboot(vec![id.clone()]));
    world.ok(Reboot(vec![id.clone()]));
    let answer = world.report(&id, "web-1");
    assert_eq!(tasks(&answer), [Task::Reboot]);
    let (answer, _) = world
        .sync(&id, "web-1", "run-web-1", &[answer.orders[0].id])
        .unwrap();
    assert_eq!(answer.orders, []);
    assert_eq!(answer.state, State::Running);
    // One that restarts without having said so has done it too.
    world.ok(Reboot(vec![id.clone()]));
    assert_eq!(tasks(&world.report(&id, "web-1")), [Task::Reboot]);
    let (answer, _) = world.sync(&id, "web-1", "run-2", &[]).unwrap();
    assert_eq!(answer.orders, []);
}

#[test]
fn who_is_terminated_leaves_is_shown_for_an_hour_and_forgotten() {
    let mut world = World::new();
    let id = world.host("web-1");
    assert_eq!(
        world.ok(terminate(&id)),
        step(&id, State::Running, State::ShuttingDown)
    );
    assert_eq!(
        world.ok(terminate(&id)),
        step(&id, State::ShuttingDown, State::ShuttingDown)
    );
    let answer = world.report(&id, "web-1");
    assert_eq!(tasks(&answer), [Task::Leave]);
    let (_, events) = world
        .sync(&id, "web-1", "run-web-1", &[answer.orders[0].id])
        .unwrap();
    assert_eq!(events, [Event::Terminated { id: id.clone() }]);
    world.advance(7200);
    // Not before its credentials are revoked.
    assert_eq!(world.inventory.to_revoke(), std::slice::from_ref(&id));
    assert_eq!(world.tick(), []);
    world.ok(Revoked(id.clone()));
    assert_eq!(world.inventory.to_revoke(), []);
    assert_eq!(world.tick(), [Event::Forgotten { id: id.clone() }]);
    assert!(world.inventory.is_empty());
    assert!(world.inventory.heard(&id).is_none());
    // The machine may come again, as another.
    let other = world.host("web-1");
    assert_ne!(other, id);
}

#[test]
fn who_is_terminated_and_not_alive_is_so_at_once() {
    let mut world = World::new();
    let pending = world.run(&[]);
    assert_eq!(
        world.ok(terminate(&pending)),
        step(&pending, State::Pending, State::Terminated)
    );
    let silent = world.host("b");
    world.advance(180);
    assert_eq!(
        world.ok(terminate(&silent)),
        step(&silent, State::Running, State::Terminated)
    );
    let deaf = world.host("c");
    world.ok(terminate(&deaf));
    world.advance(180);
    assert_eq!(world.tick(), [Event::Terminated { id: deaf }]);
}

#[test]
fn states_that_do_not_allow_it_refuse_all() {
    let mut world = World::new();
    let (running, gone, pending) = (world.host("a"), world.host("b"), world.run(&[]));
    world.ok(Terminate {
        ids: vec![gone.clone()],
        is_forced: true,
    });
    let wrong = |id: &InstanceId, verb| {
        Some(Error::WrongState {
            id: id.clone(),
            verb,
        })
    };
    let both = vec![running.clone(), gone.clone()];
    assert_eq!(
        world.apply(Start(both.clone())).err(),
        wrong(&gone, "started")
    );
    assert_eq!(
        world.apply(Reboot(both.clone())).err(),
        wrong(&gone, "rebooted")
    );
    let both = Stop {
        ids: both,
        is_forced: true,
    };
    assert_eq!(world.apply(both).err(), wrong(&gone, "stopped"));
    assert_eq!(
        world.apply(stop(&pending, false)).err(),
        wrong(&pending, "stopped")
    );
    assert_eq!(world.state(&running), State::Running);
    let missing = InstanceId::from_random([0xee; 9]);
    let error = world.apply(terminate(&missing)).err();
    assert_eq!(error, Some(Error::NotFound { ids: vec![missing] }));
}

#[test]
fn protection_refuses_what_it_is_against() {
    let mut world = World::new();
    let id = world.host("a");
    let protect = |termination, stop| Protect {
        id: id.clone(),
        from_termination: Some(termination),
        from_stop: Some(stop),
    };
    world.ok(protect(true, true));
    assert!(matches!(
        world.apply(terminate(&id)),
        Err(Error::Protected {
            attribute: "disableApiTermination",
            ..
        })
    ));
    assert!(matches!(
        world.apply(stop(&id, true)),
        Err(Error::Protected {
            attribute: "disableApiStop",
            ..
        })
    ));
    world.ok(protect(false, false));
    world.ok(stop(&id, true));
    world.ok(terminate(&id));
}

#[test]
fn an_enrolment_for_an_instance_is_for_one_host() {
    let mut world = World::new();
    let id = world.run(&[("Name", "front"), ("team", "ads")]);
    world.enrol("bound", Some(id.clone()));
    let joined = world.ask("bound", "s1", "r1", host("web-1")).unwrap();
    assert_eq!((joined.id.clone(), joined.is_new), (id.clone(), true));
    // Whoever ran it has named it.
    let tags: Vec<_> = world.get(&id).tags.iter().collect();
    assert_eq!(tags, [("Name", "front"), ("team", "ads")]);
    let other = world.ask("bound", "s2", "r2", host("web-2"));
    assert_eq!(other.err(), Some(Error::EnrolmentUsed { id: id.clone() }));
    // The answer was lost.
    assert_eq!(
        world.ask("bound", "s1", "r1", host("web-1")).unwrap().id,
        id
    );
    assert_eq!(world.inventory.to_withdraw(), Vec::<String>::new());
    world.sync(&id, "s1", "r1", &[]).unwrap();
    assert_eq!(world.inventory.to_withdraw(), ["bound"]);
    assert_eq!(
        world.ask("bound", "s1", "r1", host("web-1")).err(),
        Some(Error::EnrolmentUnknown)
    );
    world.ok(Withdrawn {
        key_ids: vec!["bound".to_owned(), "any".to_owned()],
    });
    assert!(world.inventory.enrolment("bound").is_none());
    assert!(world.inventory.enrolment("any").is_some());
}

#[test]
fn an_enrolment_ends() {
    let mut world = World::new();
    let id = world.run(&[]);
    world.enrol("first", Some(id.clone()));
    world.enrol("second", Some(id.clone()));
    assert_eq!(
        world.ask("first", "s", "r", host("a")).err(),
        Some(Error::EnrolmentUnknown)
    );
    world.ok(Cancel {
        key_id: "any".to_owned(),
    });
    assert_eq!(
        world.ask("any", "s", "r", host("a")).err(),
        Some(Error::EnrolmentUnknown)
    );
    world.advance(86_400);
    assert!(matches!(
        world.ask("second", "s", "r", host("a")),
        Err(Error::EnrolmentExpired { .. })
    ));
    world.tick();
    assert_eq!(world.inventory.to_withdraw(), ["any", "first", "second"]);
    world.enrol("third", Some(id.clone()));
    world.ok(terminate(&id));
    assert_eq!(
        world.ask("third", "s", "r", host("a")).err(),
        Some(Error::EnrolmentUnknown)
    );
    let late = Enrol {
        key_id: "x".to_owned(),
        instance: Some(id),
        subnet: None,
        until: world.at,
        is_first_only: false,
    };
    assert!(matches!(world.apply(late), Err(Error::NotFound { .. })));
}

#[test]
fn a_machine_that_lost_its_agents_state_gets_its_id_back_when_it_is_silent() {
    let mut world = World::new();
    let id = world.host("web-1");
    let early = world.ask("any", "new-secret", "r2", host("web-1"));
    assert_eq!(
        early.err(),
        Some(Error::InUse {
            id: id.clone(),
            hostname: "web-1".to_owned(),
            heard: at(0)
        })
    );
    world.advance(180);
    let joined = world.ask("any", "new-secret", "r2", host("web-1")).unwrap();
    assert_eq!((joined.id, joined.is_new), (id.clone(), false));
    // The credentials that it had before are not its own any more.
    assert_eq!(
        world.sync(&id, "web-1", "run-web-1", &[]).err(),
        Some(Error::NotYours { id: id.clone() })
    );
    world.sync(&id, "new-secret", "r2", &[]).unwrap();
}

#[test]
fn a_copied_image_is_refused_or_becomes_an_instance_of_its_own() {
    let mut world = World::new();
    let id = world.host("web-1");
    // The machine's id is copied, not the agent's state.
    assert!(matches!(
        world.ask("any", "s2", "r2", host("web-1")),
        Err(Error::InUse { .. })
    ));
    let new = world
        .ask_in_doubt("any", "s2", "r2", host("web-1"), Doubt::BeNew)
        .unwrap();
    assert!(new.is_new && new.id != id);
    // From now on nobody can say which of them a third one is.
    world.advance(180);
    let third = world.ask("any", "s3", "r3", host("web-1"));
    assert!(matches!(third, Err(Error::Ambiguous { ids }) if ids.len() == 2));
    // The agent's state is copied too, and the copy asks to join.
    world.report(&id, "web-1");
    assert!(matches!(
        world.ask("any", "web-1", "r4", host("web-1")),
        Err(Error::InUse { .. })
    ));
}

#[test]
fn of_two_that_report_as_one_the_later_is_refused() {
    let mut world = World::new();
    let id = world.host("web-1");
    world.advance(60);
    // A restart looks like this too.
    world.sync(&id, "web-1", "copy", &[]).unwrap();
    world.advance(60);
    // But the first one lives.
    let (_, events) = world.sync(&id, "web-1", "run-web-1", &[]).unwrap();
    assert_eq!(events, [Event::Copied { id: id.clone() }]);
    assert_eq!(
        world.sync(&id, "web-1", "copy", &[]).err(),
        Some(Error::Copy { id: id.clone() })
    );
    world.report(&id, "web-1");
    // It is not said twice, and its goodbye stops nobody.
    let goodbye = Goodbye {
        id: id.clone(),
        access_key_id: "key-web-1".to_owned(),
        run: "copy".to_owned(),
    };
    assert!(world.apply(goodbye).is_err());
    assert_eq!(world.state(&id), State::Running);
}

#[test]
fn last_words_that_arrive_late_are_no_proof_of_a_copy() {
    let mut world = World::new();
    let id = world.host("web-1");
    world.sync(&id, "web-1", "run-2", &[]).unwrap();
    world.advance(3);
    let (_, events) = world.sync(&id, "web-1", "run-web-1", &[]).unwrap();
    assert_eq!(events, []);
    assert_eq!(world.goodbye(&id, "web-1"), []);
    let (answer, _) = world.sync(&id, "web-1", "run-2", &[]).unwrap();
    assert_eq!(answer.state, State::Running);
}

#[test]
fn restarts_are_no_copies_however_many() {
    let mut world = World::new();
    let id = world.host("web-1");
    for round in 0..50 {
        world.advance(60);
        let (_, events) = world
            .sync(&id, "web-1", &format!("run-{round}"), &[])
            .unwrap();
        assert_eq!(events, []);
    }
    assert!(world.get(&id).member.as_ref().unwrap().before.len() <= 8);
}

#[test]
fn credentials_are_of_one_instance() {
    let mut world = World::new();
    let (a, b) = (world.host("a"), world.host("b"));
    assert_eq!(
        world.sync(&a, "b", "run-b", &[]).err(),
        Some(Error::NotYours { id: a.clone() })
    );
    let pending = world.run(&[]);
    assert_eq!(
        world.sync(&pending, "b", "run-b", &[]).err(),
        Some(Error::NotYours { id: pending })
    );
    let given = Given {
        id: b,
        secret_hash: "a".to_owned(),
        access_key_id: "x".to_owned(),
    };
    assert!(matches!(world.apply(given), Err(Error::NotYours { .. })));
    // A host that is an instance does not become another by an enrolment for that.
    let id = world.run(&[]);
    world.enrol("bound", Some(id));
    assert_eq!(
        world.ask("bound", "a", "run-a", host("a")).err(),
        Some(Error::AlreadyJoined { id: a })
    );
}

#[test]
fn what_has_not_changed_is_answered_without_a_change() {
    let mut world = World::new();
    let id = world.host("web-1");
    let sync = Sync {
        id: id.clone(),
        access_key_id: "key-web-1".to_owned(),
        run: "run-web-1".to_owned(),
        facts: Some(host("web-1")),
        done: Vec::new(),
    };
    world.advance(100);
    let quick = world.inventory.heard_again(world.at, &sync).unwrap();
    assert_eq!(world.inventory.heard(&id), Some(world.at));
    assert_eq!(world.ok(sync.clone()), quick);
    for other in [
        Sync {
            access_key_id: "key-x".to_owned(),
            ..sync.clone()
        },
        Sync {
            run: "other".to_owned(),
            ..sync.clone()
        },
        Sync {
            done: vec![1],
            ..sync.clone()
        },
        Sync {
            facts: Some(host("web-2")),
            ..sync
        },
    ] {
        assert!(world.inventory.heard_again(world.at, &other).is_none());
    }
}

#[test]
fn new_facts_are_learned_with_the_tags_that_they_claim() {
    let mut world = World::new();
    let id = world.host("web-1");
    world.ok(AddTags {
        targets: vec![Target::Instance(id.clone())],
        tags: vec![("Name".to_owned(), "front".to_owned())],
    });
    let facts = Facts {
        role: Some("db".to_owned()),
        cores: 8,
        ..host("web-1")
    };
    let (answer, events) = world
        .apply(Sync {
            id: id.clone(),
            access_key_id: "key-web-1".to_owned(),
            run: "run-web-1".to_owned(),
            facts: Some(facts),
            done: Vec::new(),
        })
        .unwrap();
    assert_eq!(events, [Event::Changed { id: id.clone() }]);
    assert_eq!(
        answer.tags.iter().collect::<Vec<_>>(),
        [("Name", "front"), ("Role", "db")]
    );
    assert_eq!(world.get(&id).facts().unwrap().cores, 8);
    world.ok(RemoveTags {
        targets: vec![Target::Instance(id.clone())],
        tags: None,
    });
    assert_eq!(world.get(&id).tags, Tags::default());
}

#[test]
fn a_client_token_makes_a_request_idempotent() {
    let mut world = World::new();
    let run = |ids: [u8; 2], hash: &str| Run {
        ids: ids.map(|id| InstanceId::from_random([id; 9])).to_vec(),
        at_least: 1,
        reservation: format!("r-{}", ids[0]),
        wish: Wish {
            client_token: Some("t".to_owned()),
            request_hash: hash.to_owned(),
            ..Wish::default()
        },
        tags: Tags::default(),
        is_detailed: false,
        is_termination_protected: false,
        is_stop_protected: false,
        inside: None,
    };
    let first = world.ok(run([0xa1, 0xa2], "h"));
    assert_eq!(first.len(), 2);
    assert_eq!(world.ok(run([0xa3, 0xa4], "h")), first);
    assert_eq!(
        world.apply(run([0xa5, 0xa6], "other")).err(),
        Some(Error::ClientToken)
    );
    assert_eq!(world.inventory.len(), 2);
}

#[test]
fn tags_have_bounds_and_one_that_is_wrong_changes_none() {
    let mut world = World::new();
    let (a, b) = (world.host("a"), world.host("b"));
    let many = |count: usize| {
        (0..count)
            .map(|n| (format!("k{n}"), String::new()))
            .collect()
    };
    world.ok(AddTags {
        targets: vec![Target::Instance(b.clone())],
        tags: many(49),
    });
    let more = AddTags {
        targets: vec![Target::Instance(a.clone()), Target::Instance(b)],
        tags: vec![("one".to_owned(), "more".to_owned())],
    };
    assert_eq!(world.apply(more).err(), Some(Error::TagLimit));
    assert_eq!(world.get(&a).tags.get("one"), None);
}
