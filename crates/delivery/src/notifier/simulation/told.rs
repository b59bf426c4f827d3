//! What the process of the notifiers tells them: their parts of a rate, and which receivers answer again.

use super::*;
use crate::allot::{Waiting, allot};
use crate::recall;

/// How often it gives them their parts.
pub(super) const ALLOT_EVERY: Duration = Duration::from_millis(50);

/// How often it tells them who answers.
pub(super) const TELL_EVERY: Duration = Duration::from_millis(250);

impl World {
    /// Gives notifiers of one process their parts of a rate by what waits with them.
    pub(super) fn allot(&mut self) {
        self.run_beside();
        for route in 0..2 {
            self.allot_in(route);
        }
        if !self.is_over() {
            self.after(ALLOT_EVERY, Event::Allot);
        }
    }

    fn allot_in(&mut self, route: usize) {
        let all = self.running.iter().enumerate();
        let (places, waiting): (Vec<usize>, Vec<Waiting>) = all
            .filter(|(n, _)| self.route_of(*n) == route)
            .filter_map(|(n, one)| Some((n, one.dispatcher.as_ref()?.waiting())))
            .unzip();
        let told = allot(&waiting, &self.destinations());
        for (n, allotments) in places.into_iter().zip(told) {
            let directives = Directives {
                share: self.share_of(n),
                parts: self.parts_of(n),
                allots: true,
                allotments,
                places: self.places[route].clone(),
                ..Directives::default()
            };
            let life = self.running[n].life;
            self.with(n, life, |dispatcher, at| dispatcher.direct(at, directives));
        }
    }

    /// What the embedded queue does with what was settled.
    pub(super) fn call_back(&mut self, outcomes: &[Outcome]) {
        let wall = self.wall();
        let Some(recall) = &mut self.recall else {
            return;
        };
        for outcome in outcomes {
            if recall::is_about(outcome, !recall.is_empty()) {
                let wait = || self.model.wait_after(&outcome.lease);
                let called = recall.settled(&self.rules, outcome, wait);
                self.model.hasten(wall, &called);
            }
        }
    }

    /// Tells all notifiers which receivers answer again, as their process does now and then.
    pub(super) fn tell(&mut self) {
        let wall = self.wall();
        let called = self.recall.as_mut().map(Recall::call_on);
        self.model.hasten(wall, &called.unwrap_or_default());
        let answering = self.recall.as_mut().map(Recall::answering);
        for n in 0..self.running.len() {
            let directives = Directives {
                answering: answering.clone().unwrap_or_default(),
                ..Directives::default()
            };
            let life = self.running[n].life;
            self.with(n, life, |dispatcher, at| dispatcher.direct(at, directives));
        }
        if !self.is_over() {
            self.after(TELL_EVERY, Event::Tell);
        }
    }
}
