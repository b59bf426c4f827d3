//! FIFO groups at receivers that fail now and then, under kills and lost leases.
//!
//! Judged at the receiver: when a notification is tried for the first time, those before it in its group have been there.

use super::scenes::scene;
use super::*;
use crate::config::OnFailure;

pub(super) const GROUPS: usize = 5;

/// Of the first group so many attempts fail, of the others fewer.
const FAILS_FIRST: f64 = 0.5;
const FAILS: f64 = 0.15;
/// The third attempt succeeds, so that no wait is longer than half a minute.
const FAILS_MAX: u32 = 2;

impl World {
    /// Each tick a message for one of the groups.
    pub(super) fn traffic_in_groups(&mut self) {
        let group = (self.random.next_u64() % GROUPS as u64) as usize;
        let mut lines = Vec::new();
        for _ in 0..self.scene.lines {
            let number = self.groups[group].len();
            let id = format!("{group}-{number}");
            lines.push(format!(r#"{{"url":"http://h9.example/","id":"{id}"}}"#));
            let story = Story {
                sent_at: self.now,
                ..Story::default()
            };
            self.stories.insert(id.clone(), story);
            self.groups[group].push(id);
        }
        let name = Arc::from(format!("g{group}"));
        let body = Bytes::from(lines.join("\n"));
        self.model
            .send(self.wall(), body, BTreeMap::new(), Some(name));
        self.traffic_left -= 1;
        if self.traffic_left > 0 {
            self.after(TICK, Event::Traffic);
        }
    }

    /// One lease in four that is to be extended is lost instead, and somebody else may receive the message.
    pub(super) fn leases_lost_early(&mut self, leases: &[Lease]) -> Vec<Lease> {
        if self.scene.ordered.is_none() {
            return Vec::new();
        }
        let is_lost = |_: &&Lease| self.random.next_unit() < 0.25;
        let lost: Vec<Lease> = leases.iter().filter(is_lost).cloned().collect();
        self.lost += lost.len() as u64;
        lost
    }

    /// A receiver that takes 10 ms, now and then up to 14 s, and fails by the group.
    pub(super) fn receive_in_order(
        &mut self,
        notification: &Notification,
        budget: Duration,
    ) -> (Duration, Attempt) {
        let (group, number) = notification.id.split_once('-').unwrap();
        let (group, number): (usize, usize) = (group.parse().unwrap(), number.parse().unwrap());
        self.check_order(group, number);
        let fails = match group {
            0 => FAILS_FIRST,
            4 => 0.0,
            _ => FAILS,
        };
        let status = match self.random.next_unit() {
            chance if chance < fails && notification.attempt <= FAILS_MAX => 500,
            _ => 200,
        };
        // With every second seed so slow that leases must be extended.
        let is_slow_world = self.scene.seed.is_multiple_of(2);
        let slow = if is_slow_world { 0.8 } else { 0.1 };
        let took = match self.random.next_unit() < slow {
            true => self.random.span(ms(14_000)),
            false => ms(10),
        };
        let story = self.stories.get_mut(&*notification.id).unwrap();
        story.attempts += 1;
        if status == 200 {
            story.arrivals += 1;
            self.duplicates += u64::from(story.arrivals > 1);
            story.answered.get_or_insert(self.now + took);
        } else {
            story.failures += 1;
        }
        let mut attempt = attempt(Some(status), None);
        attempt.number = notification.attempt;
        attempt.timings.total = took.min(budget);
        (took.min(budget), attempt)
    }

    /// Those before it have arrived; or, where what fails steps aside, have failed at least.
    fn check_order(&self, group: usize, number: usize) {
        let own = &self.stories[&self.groups[group][number]];
        if own.attempts > 0 {
            return;
        }
        for id in &self.groups[group][..number] {
            let before = &self.stories[id];
            let may_go = match self.scene.ordered {
                Some(OnFailure::Park) => before.arrivals > 0 || before.failures > 0,
                _ => before.arrivals > 0,
            };
            assert!(
                may_go,
                "{group}-{number} overtakes {id} ({:?}, seed {}): {before:?}",
                self.scene.ordered, self.scene.seed
            );
        }
    }
}

fn fifo(traits: QueueTraits) -> QueueTraits {
    QueueTraits {
        is_fifo: true,
        ..traits
    }
}

/// How long it took until everything was delivered.
fn play(seed: u64, traits: QueueTraits, on_failure: OnFailure, lines: usize, kills: u32) -> World {
    let scene = Scene {
        seed,
        has_bad: false,
        lines,
        kills,
        life: Duration::from_secs(600),
        ordered: Some(on_failure),
        ..scene(fifo(traits))
    };
    let world = World::new(scene, ms(800)).run();
    assert!(world.model.is_empty(), "no group is stuck");
    for (id, story) in &world.stories {
        assert!(story.delivered >= 1, "{id} is delivered: {story:?}");
        // Only what was lost with a notifier or a lease comes twice; or with a packed message that stays whole.
        let is_twice = story.delivered > 1 || story.arrivals > 1;
        assert!(
            !is_twice || kills > 0 || world.lost > 0 || lines > 1,
            "{id} is delivered once: {story:?}"
        );
    }
    println!(
        "{:?} {on_failure:?} seed {seed}, {lines} lines, {kills} kills: {} in {:?}, {} twice, {} leases lost",
        traits.retry_wait,
        world.stories.len(),
        world.now,
        world.duplicates,
        world.lost
    );
    world
}

#[test]
fn nothing_overtakes_what_blocks_and_only_what_failed_is_late_where_it_is_parked() {
    for seed in 1..=10 {
        for traits in [EMBEDDED, SQS] {
            play(seed, traits, OnFailure::Block, 1, 3);
            play(seed, traits, OnFailure::Park, 1, 3);
        }
    }
}

#[test]
fn a_group_goes_on_without_what_is_parked() {
    for seed in [1, 3, 5] {
        for traits in [EMBEDDED, SQS] {
            let blocked = play(seed, traits, OnFailure::Block, 1, 0);
            let parked = play(seed, traits, OnFailure::Park, 1, 0);
            // The group of which most fail goes on where it is parked.
            let untried = |world: &World| {
                let of_first = world.groups[0].iter().map(|id| &world.stories[id]);
                let at_once = of_first.filter(|story| story.failures == 0);
                at_once.filter_map(|story| story.answered).max()
            };
            let (parked, blocked) = (untried(&parked).unwrap(), untried(&blocked).unwrap());
            assert!(parked * 2 < blocked, "{parked:?} {blocked:?}");
        }
    }
}

#[test]
fn packed_messages_keep_their_order_as_well() {
    for seed in 1..=5 {
        for traits in [EMBEDDED, SQS] {
            play(seed, traits, OnFailure::Block, 3, 2);
            play(seed, traits, OnFailure::Park, 3, 2);
        }
    }
}
