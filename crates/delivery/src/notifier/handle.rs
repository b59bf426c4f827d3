//! What directs a running notifier, and tells of it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::action::Directives;
use super::limits::Limits;
use crate::allot::{Allotments, Waiting};

/// What is left to one that retires beyond its longest send, to store the last results: twice what its end keeps for that.
const RETIRE_MARGIN: Duration = Duration::from_secs(10);

/// What it is told.
#[derive(Clone, Debug, Default)]
pub(super) struct Orders {
    pub(super) directives: Directives,
    pub(super) stop_within: Option<Duration>,
}

/// Directs a running notifier. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(super) orders: Arc<watch::Sender<Orders>>,
    pub(super) leaving: watch::Receiver<bool>,
    pub(super) limits: watch::Receiver<Limits>,
    pub(super) waiting: watch::Receiver<Waiting>,
    pub(super) longest_send: Duration,
}

impl Handle {
    /// Gives new directives.
    pub fn direct(&self, directives: Directives) {
        self.orders
            .send_modify(|orders| orders.directives = directives);
    }

    /// Changes the directives.
    pub fn modify(&self, change: impl FnOnce(&mut Directives)) {
        self.orders
            .send_modify(|orders| change(&mut orders.directives));
    }

    /// Gives it other parts of the rates that it shares; nothing happens where they are those that it has.
    pub fn allot(&self, allotments: Allotments) {
        self.orders.send_if_modified(|orders| {
            let is_new = orders.directives.allotments != allotments;
            if is_new {
                orders.directives.allotments = allotments;
            }
            is_new
        });
    }

    /// Ends the notifier: nothing more starts, what is in flight may take `grace`.
    pub fn stop(&self, grace: Duration) {
        self.orders.send_modify(|orders| {
            orders.stop_within = Some(orders.stop_within.map_or(grace, |known| known.min(grace)));
        });
    }

    /// Ends the notifier: nothing more starts, what is in flight may take as long as its rules say.
    pub fn retire(&self) {
        self.stop(self.longest_send + RETIRE_MARGIN);
    }

    /// Whether it takes nothing new any more: it was stopped, its life nears its end, or it has ended.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.leaving.has_changed().is_err() || *self.leaving.borrow()
    }

    /// How the limits of its destinations stand, not a second old.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits.borrow().clone()
    }

    /// How many lines wait with it for receivers whose rate other notifiers of its route share.
    #[must_use]
    pub fn waiting(&self) -> Waiting {
        self.waiting.borrow().clone()
    }

    /// Waits until it takes nothing new.
    pub async fn left(&self) {
        // An error says that it has ended.
        let _ = self
            .leaving
            .clone()
            .wait_for(|is_leaving| *is_leaving)
            .await;
    }
}
