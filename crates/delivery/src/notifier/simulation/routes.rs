//! A second route whose notifier sends to the receiver that the first one floods: both within one rate, none of it idle.

use super::scenes::scene;
use super::*;
use crate::apportion::Apportionment;

/// The second route: a queue of its own, which the last notifier works on.
pub(super) struct Beside {
    pub(super) model: Model,
    per_sec: u64,
    ids: Vec<String>,
    all: Apportionment,
    decide_at: Duration,
}

impl Beside {
    pub(super) fn new(per_sec: u64, traits: QueueTraits) -> Self {
        Self {
            model: Model::new(traits, 120_000),
            per_sec,
            ids: Vec::new(),
            all: Apportionment::default(),
            decide_at: Duration::ZERO,
        }
    }
}

impl World {
    /// The route of a notifier: 0, or 1 of the second one.
    pub(super) fn route_of(&self, n: usize) -> usize {
        usize::from(self.beside.is_some() && n + 1 == self.scene.notifiers)
    }

    pub(super) fn model_of(&mut self, n: usize) -> &mut Model {
        let route = self.route_of(n);
        match &mut self.beside {
            Some(beside) if route == 1 => &mut beside.model,
            _ => &mut self.model,
        }
    }

    pub(super) fn share_of(&self, n: usize) -> Share {
        match self.beside {
            Some(_) if self.route_of(n) == 1 => Share::WHOLE,
            Some(_) => Share::part(n as u32, self.scene.notifiers as u32 - 1),
            None => Share::part(n as u32, self.scene.notifiers as u32),
        }
    }

    pub(super) fn parts_of(&self, n: usize) -> crate::apportion::Parts {
        let beside = self.beside.as_ref();
        beside.map_or_else(Default::default, |beside| {
            beside.all.of_route(&self.route_of(n).to_string())
        })
    }

    /// Each time that parts of notifiers are told: what comes for the second route, and each second the parts of routes.
    pub(super) fn run_beside(&mut self) {
        let destinations = self.destinations();
        let Some(mut beside) = self.beside.take() else {
            return;
        };
        for _ in 0..ALLOT_EVERY.as_millis() {
            if self.random.next_unit() * 1000.0 < beside.per_sec as f64 {
                self.send_beside(&mut beside);
            }
        }
        let last = self.running.len() - 1;
        if self.now >= beside.decide_at {
            beside.decide_at = self.now + Duration::from_secs(1);
            for (n, one) in self.running.iter_mut().enumerate() {
                let Some(dispatcher) = one.dispatcher.as_mut() else {
                    continue;
                };
                let route = usize::from(n == last).to_string();
                dispatcher.take_counts(|name, counts| {
                    let all = &mut beside.all;
                    all.used(&route, name, counts.attempts, counts.later);
                });
                for (name, lines) in dispatcher.waiting().iter() {
                    beside.all.waits(&route, name, *lines);
                }
            }
            beside.all.decide(self.now, &destinations, |_| 1);
        }
        self.beside = Some(beside);
    }

    fn send_beside(&mut self, beside: &mut Beside) {
        let id = format!("b{}", beside.ids.len());
        let body = format!("{{\"url\":\"http://h{LIMITED}.example/\",\"id\":\"{id}\"}}");
        let story = Story {
            sent_at: self.now,
            receiver: LIMITED,
            ..Story::default()
        };
        self.stories.insert(id.clone(), story);
        beside.ids.push(id);
        let body = Bytes::from(body);
        beside.model.send(self.wall(), body, BTreeMap::new(), None);
    }
}

/// How much of the rate is used from the tenth second on, and most in one second; how long the second route's lines take in the
/// mean.
fn beside(per_sec: u64, of_second: u64, notifiers: usize) -> (f64, f64, Duration) {
    let seconds = 40;
    let limited = Limited {
        backlog: usize::try_from(per_sec * (seconds + 5)).unwrap(),
        per_sec: Some(per_sec),
        in_flight_max: None,
        took: Some(ms(5)),
    };
    let scene = Scene {
        has_bad: false,
        notifiers: notifiers + 1,
        life: Duration::from_secs(3600),
        limited: Some(limited),
        ..scene(EMBEDDED)
    };
    let mut world = World::new(scene, TICK);
    world.beside = Some(Beside::new(of_second, EMBEDDED));
    let world = play_until(world, Duration::from_secs(seconds));
    let mut used = vec![0.0; usize::try_from(seconds).unwrap()];
    for answered in world.stories.values().filter_map(|story| story.answered) {
        if let Some(used) = used.get_mut(usize::try_from(answered.as_secs()).unwrap()) {
            *used += 1.0 / per_sec as f64;
        }
    }
    let ids = &world.beside.as_ref().unwrap().ids;
    let late = Duration::from_secs(10)..Duration::from_secs(seconds - 5);
    let waits: Vec<Duration> = ids
        .iter()
        .map(|id| &world.stories[id])
        .filter(|story| late.contains(&story.sent_at))
        .map(|story| story.answered.unwrap_or(world.now) - story.sent_at)
        .collect();
    let mean = waits.iter().sum::<Duration>() / u32::try_from(waits.len()).unwrap();
    let used = &used[10..];
    let all = used.iter().sum::<f64>() / used.len() as f64;
    let most = used.iter().copied().fold(0.0, f64::max);
    println!(
        "{per_sec}/s, {of_second}/s of the second route, {notifiers} notifiers of the first: {all:.3} of it used, {most:.3} at most; the second's waits {mean:?}, {:?} at most",
        waits.iter().max()
    );
    (all, most, mean)
}

#[test]
fn a_route_that_needs_little_leaves_the_rest_of_a_rate_to_the_other() {
    for (per_sec, of_second, notifiers) in [
        (200, 1, 1),
        (200, 20, 1),
        (200, 60, 1),
        (200, 20, 3),
        (200, 150, 1),
    ] {
        let (used, most, mean) = beside(per_sec, of_second, notifiers);
        assert!(used >= 0.98, "{used}");
        assert!(most <= 1.1, "{most}");
        let is_within = of_second < per_sec / 2;
        assert!(!is_within || mean < Duration::from_secs(1), "{mean:?}");
    }
}
