//! A play up to a time, and what must hold when it is over.

use super::*;

impl World {
    /// From the send of a notification to its receiver's answer.
    pub(super) fn healthy_p99(&self) -> Duration {
        let healthy = self.stories.values().filter(|story| story.is_healthy);
        let mut waits: Vec<Duration> = healthy
            .map(|story| story.answered.unwrap() - story.sent_at)
            .collect();
        waits.sort_unstable();
        waits[waits.len() * 99 / 100]
    }

    /// Takes down what has ended.
    pub(super) fn note_ends(&mut self) {
        for outcome in std::mem::take(&mut self.model.settled) {
            for line in outcome.lines {
                if matches!(line.verdict, Verdict::Later { .. } | Verdict::Broken { .. }) {
                    self.sheds += 1;
                }
                let story = self.stories.get_mut(&*line.notification);
                if let Some(story) =
                    story.filter(|_| crate::notifier::message::goes_on(&line).is_none())
                {
                    story.ends += 1;
                    story.delivered += u32::from(line.verdict == Verdict::Delivered);
                    story.expired += u32::from(matches!(line.verdict, Verdict::Expired { .. }));
                }
            }
        }
    }

    pub(super) fn check(&self) {
        assert!(self.model.is_empty(), "the queue is empty in the end");
        for (id, story) in &self.stories {
            assert!(story.ends >= 1, "{id} has no stored end: {story:?}");
            assert!(
                story.delivered == 0 || story.arrivals > 0,
                "{id} is called delivered: {story:?}"
            );
            assert!(story.attempts > 0, "{id} was given up untried: {story:?}");
            assert!(
                !story.is_healthy || story.delivered >= 1,
                "{id} reached its receiver: {story:?}"
            );
        }
        // A kill loses the results of what was in flight or on its way to be settled, a life's end what it cancels.
        let bound = u64::from(self.scene.kills) * u64::from(SLOTS) * 4;
        assert!(
            self.duplicates <= bound,
            "{} duplicates, at most {bound}",
            self.duplicates
        );
    }
}

/// Plays until a time.
pub(super) fn play_until(mut world: World, until: Duration) -> World {
    while let Some((key, event)) = world.events.pop_first() {
        if world.is_over() || key.0 >= until {
            world.events.insert(key, event);
            break;
        }
        world.now = key.0;
        world.step(event);
    }
    world
}
