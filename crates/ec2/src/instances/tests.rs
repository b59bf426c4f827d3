//! The inventory over real tables, with a clock that only the test turns.

use std::sync::atomic::Ordering;

use base::ManualClock;

use super::*;
use crate::credentials_testing::Keeper;
use crate::engine::Facts;
use crate::engine::command::Terminate;
use crate::engine::join::Doubt;
use crate::engine::network::tag::{AddTags, Target};
use crate::engine::state::Wish;
use crate::engine::{self, Tags};

mod links;

struct World {
    dir: tempfile::TempDir,
    clock: Arc<ManualClock>,
    keeper: Arc<Keeper>,
    instances: Arc<Instances>,
}

fn open(dir: &tempfile::TempDir, clock: &Arc<ManualClock>, keeper: &Arc<Keeper>) -> Arc<Instances> {
    let tables = Arc::new(Tables::open(dir.path(), TABLES).unwrap());
    let place = Place {
        region: "ap-northeast-1".parse().unwrap(),
        account: "123456789012".parse().unwrap(),
    };
    let clock = Arc::clone(clock) as Arc<dyn Clock>;
    let keeper = Arc::clone(keeper) as Arc<dyn Credentials>;
    Instances::open(tables, place, clock, keeper).unwrap()
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_795_000_000)));
        let keeper = Keeper::shared();
        let instances = open(&dir, &clock, &keeper);
        Self {
            dir,
            clock,
            keeper,
            instances,
        }
    }

    /// The process ends and starts again.
    fn restart(self) -> Self {
        let Self {
            dir,
            clock,
            keeper,
            instances,
        } = self;
        drop(instances);
        let instances = open(&dir, &clock, &keeper);
        Self {
            dir,
            clock,
            keeper,
            instances,
        }
    }

    fn advance(&self, secs: u64) {
        self.clock.advance(Duration::from_secs(secs));
    }

    async fn key(&self) -> String {
        let day = Duration::from_secs(86_400);
        let (token, _) = self.instances.enrol(None, day).await.unwrap();
        token.0.access_key_id
    }

    async fn join(&self, key_id: &str, name: &str) -> Result<JoinAnswer, Error> {
        self.instances.join(key_id, request(name)).await
    }

    async fn report(&self, joined: &JoinAnswer, done: &[u64]) -> Result<AgentAnswer, Error> {
        let request = SyncRequest {
            run: "run".to_owned(),
            facts: None,
            done: done.to_vec(),
        };
        let key = &joined.access_key_id;
        self.instances.sync(&joined.instance, key, request).await
    }

    fn state(&self, id: &InstanceId) -> State {
        self.instances.get(id).unwrap().state
    }
}

fn request(name: &str) -> JoinRequest {
    JoinRequest {
        secret: hex::encode(sha2_of(name)),
        run: "run".to_owned(),
        facts: Facts {
            fingerprint: format!("machine-{name}"),
            hostname: name.to_owned(),
            ..Facts::default()
        },
        doubt: Doubt::Refuse,
    }
}

fn sha2_of(text: &str) -> [u8; 32] {
    use sha2::Digest;
    sha2::Sha256::digest(text.as_bytes()).into()
}

fn wish() -> Run {
    Run {
        ids: Vec::new(),
        at_least: 1,
        reservation: String::new(),
        wish: Wish::default(),
        tags: Tags::default(),
        is_detailed: false,
        is_termination_protected: false,
        is_stop_protected: false,
        inside: None,
    }
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_restart() {
    let world = World::new();
    let key = world.key().await;
    let web = world.join(&key, "web-1").await.unwrap();
    world.report(&web, &[]).await.unwrap();
    let run = world.instances.run(wish(), 2).await.unwrap();
    let tag = AddTags {
        targets: vec![Target::Instance(web.instance.clone())],
        tags: vec![("team".to_owned(), "広告".to_owned())],
    };
    world.instances.change(tag).await.unwrap();
    let before = world.instances.all();
    let world = world.restart();
    assert_eq!(world.instances.all(), before);
    assert_eq!(before.len(), 3);
    assert_eq!(run[0].reservation, run[1].reservation);
    // The general key still lets others join, and the host goes on as it was.
    world.join(&key, "web-2").await.unwrap();
    assert_eq!(world.report(&web, &[]).await.unwrap().state, State::Running);
}

#[tokio::test]
async fn a_restart_makes_nobody_unreachable_and_remembers_who_was() {
    let world = World::new();
    let key = world.key().await;
    let (a, b) = (
        world.join(&key, "a").await.unwrap(),
        world.join(&key, "b").await.unwrap(),
    );
    world.report(&a, &[]).await.unwrap();
    world.report(&b, &[]).await.unwrap();
    world.advance(100);
    world.report(&b, &[]).await.unwrap();
    world.advance(80);
    world.instances.tick().await.unwrap();
    let silent = |world: &World, id| world.instances.get(id).unwrap().silent_since.is_some();
    assert!(silent(&world, &a.instance) && !silent(&world, &b.instance));
    world.advance(3600);
    let world = world.restart();
    world.instances.tick().await.unwrap();
    assert!(silent(&world, &a.instance) && !silent(&world, &b.instance));
    // That b reported was written down with the tick, without a change of its row.
    assert_eq!(
        world.instances.heard(&b.instance),
        Some(Timestamp::from_secs(1_795_000_100))
    );
    world.advance(180);
    let mut events = world.instances.events();
    world.instances.tick().await.unwrap();
    assert_eq!(
        events.try_recv().unwrap(),
        Event::Unreachable {
            id: b.instance.clone()
        }
    );
    assert!(events.try_recv().is_err());
}

#[tokio::test]
async fn a_jump_of_the_clock_makes_nobody_unreachable() {
    let world = World::new();
    let key = world.key().await;
    let host = world.join(&key, "a").await.unwrap();
    world.report(&host, &[]).await.unwrap();
    world.instances.tick().await.unwrap();
    world.clock.jump_to(Timestamp::from_secs(1_795_900_000));
    world.instances.tick().await.unwrap();
    assert_eq!(
        world.instances.get(&host.instance).unwrap().silent_since,
        None
    );
    // Back again, and silent for good.
    world.clock.jump_to(Timestamp::from_secs(1_795_000_000));
    world.instances.tick().await.unwrap();
    for _ in 0..60 {
        world.advance(3);
        world.instances.tick().await.unwrap();
    }
    assert!(
        world
            .instances
            .get(&host.instance)
            .unwrap()
            .silent_since
            .is_some()
    );
}

#[tokio::test]
async fn credentials_that_were_not_made_are_asked_for_again() {
    let world = World::new();
    let key = world.key().await;
    world.keeper.fails.store(true, Ordering::SeqCst);
    assert!(matches!(
        world.join(&key, "a").await,
        Err(Error::Credentials(_))
    ));
    world.keeper.fails.store(false, Ordering::SeqCst);
    let joined = world.join(&key, "a").await.unwrap();
    assert_eq!(world.instances.all().len(), 1);
    world.report(&joined, &[]).await.unwrap();
    // New ones take the place of the old ones.
    let again = world.join(&key, "a").await.unwrap();
    assert_ne!(again.access_key_id, joined.access_key_id);
    let refused = world.report(&joined, &[]).await;
    assert!(matches!(
        refused,
        Err(Error::Refused(engine::Error::NotYours { .. }))
    ));
    world.report(&again, &[]).await.unwrap();
}

#[tokio::test]
async fn who_left_has_no_credentials_even_if_that_takes_two_tries() {
    let world = World::new();
    let key = world.key().await;
    let joined = world.join(&key, "a").await.unwrap();
    world.report(&joined, &[]).await.unwrap();
    world.keeper.fails.store(true, Ordering::SeqCst);
    let terminate = Terminate {
        ids: vec![joined.instance.clone()],
        is_forced: true,
    };
    world.instances.change_and_finish(terminate).await.unwrap();
    assert_eq!(world.state(&joined.instance), State::Terminated);
    assert_eq!(world.keeper.keys.lock().len(), 1);
    let world = world.restart();
    world.advance(7200);
    world.instances.tick().await.unwrap();
    // Not forgotten before that is done.
    assert_eq!(world.state(&joined.instance), State::Terminated);
    world.keeper.fails.store(false, Ordering::SeqCst);
    world.instances.tick().await.unwrap();
    assert!(world.keeper.keys.lock().is_empty());
    world.instances.tick().await.unwrap();
    assert_eq!(world.instances.get(&joined.instance), None);
}

#[tokio::test]
async fn an_enrolment_for_an_instance_is_taken_back_when_its_host_has_reported() {
    let world = World::new();
    let made = world.instances.run(wish(), 1).await.unwrap();
    let id = &made[0].id;
    let day = Duration::from_secs(86_400);
    let (token, until) = world.instances.enrol(Some(id), day).await.unwrap();
    assert_eq!(until, world.clock.now().plus(day));
    let joined = world.join(&token.0.access_key_id, "a").await.unwrap();
    assert_eq!((&joined.instance, joined.is_new), (id, true));
    assert_eq!(world.keeper.enrolments.lock().len(), 1);
    world.report(&joined, &[]).await.unwrap();
    assert!(world.keeper.enrolments.lock().is_empty());
}

#[tokio::test]
async fn enrolments_end_by_time_by_hand_and_are_bounded() {
    let world = World::new();
    let key = world.key().await;
    let other = world.key().await;
    world.instances.cancel_enrolment(&key).await.unwrap();
    assert_eq!(
        world.keeper.enrolments.lock().keys().collect::<Vec<_>>(),
        [&other]
    );
    let refused = world.join(&key, "a").await;
    assert!(matches!(
        refused,
        Err(Error::Refused(engine::Error::EnrolmentUnknown))
    ));
    world.advance(86_400);
    world.instances.tick().await.unwrap();
    assert!(world.keeper.enrolments.lock().is_empty());
    let long = ENROLMENT_FOR_MAX.saturating_add(Duration::from_secs(1));
    for span in [Duration::ZERO, long] {
        assert!(matches!(
            world.instances.enrol(None, span).await,
            Err(Error::Span)
        ));
    }
    let missing = new_id();
    assert!(
        world
            .instances
            .enrol(Some(&missing), Duration::from_secs(60))
            .await
            .is_err()
    );
    assert!(world.keeper.enrolments.lock().is_empty());
}

#[tokio::test]
async fn what_agents_say_has_a_form() {
    let world = World::new();
    let key = world.key().await;
    let short = JoinRequest {
        secret: "abc".to_owned(),
        ..request("a")
    };
    let unnamed = JoinRequest {
        run: String::new(),
        ..request("a")
    };
    let long = JoinRequest {
        run: "r".repeat(65),
        ..request("a")
    };
    for wrong in [short, unnamed, long] {
        let refused = world.instances.join(&key, wrong).await;
        assert!(matches!(refused, Err(Error::Form { .. })));
    }
    let joined = world.join(&key, "a").await.unwrap();
    assert!(matches!(
        world.report(&joined, &[1; 17]).await,
        Err(Error::Form { .. })
    ));
    let other = SyncRequest {
        run: String::new(),
        facts: None,
        done: Vec::new(),
    };
    let refused = world
        .instances
        .sync(&joined.instance, &joined.access_key_id, other)
        .await;
    assert!(matches!(refused, Err(Error::Form { .. })));
}

#[tokio::test]
async fn instances_are_found_by_name_unless_they_leave() {
    let world = World::new();
    let key = world.key().await;
    let mut ids = Vec::new();
    for name in ["web-1", "web-2", "db-1"] {
        ids.push(world.join(&key, name).await.unwrap().instance);
    }
    let names = |pattern: &str| -> Vec<String> {
        let mut names: Vec<_> = world
            .instances
            .by_name(pattern)
            .iter()
            .map(|it| it.name().to_owned())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names("web-*"), ["web-1", "web-2"]);
    assert_eq!(names("*-1"), ["db-1", "web-1"]);
    assert_eq!(names("web"), Vec::<String>::new());
    let terminate = Terminate {
        ids: vec![ids[0].clone()],
        is_forced: true,
    };
    world.instances.change(terminate).await.unwrap();
    assert_eq!(names("web-*"), ["web-2"]);
}

#[tokio::test]
async fn a_row_that_is_none_is_said_so() {
    let world = World::new();
    world.instances.run(wish(), 1).await.unwrap();
    let World {
        dir,
        clock,
        keeper,
        instances,
    } = world;
    let write = |_: &_, changes: &mut Changes| {
        changes.put(INSTANCES, "i-0f1e2d3c4b5a69788", "{");
        Ok::<_, ()>(())
    };
    instances.tables.change(write).await.unwrap().unwrap();
    let place = instances.place().clone();
    drop(instances);
    let tables = Arc::new(Tables::open(dir.path(), TABLES).unwrap());
    let opened = Instances::open(tables, place, clock, keeper);
    assert!(matches!(
        opened,
        Err(Error::Row {
            table: INSTANCES,
            ..
        })
    ));
}
