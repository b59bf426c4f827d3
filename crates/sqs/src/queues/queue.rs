//! What callers hold of a queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::RwLock;
use store::record::QueueId;
use tokio::sync::Notify;

use crate::message::Access;
use crate::settings::Settings;
use crate::{Error, name};

/// A queue that existed when it was looked up. Calls on a deleted one say [`Error::QueueNotFound`].
#[derive(Debug)]
pub struct Queue {
    id: QueueId,
    name: String,
    settings: RwLock<Arc<Settings>>,
    route: RwLock<Option<String>>,
    /// Wakes one: there is something to receive.
    pub(super) arrivals: Notify,
    /// Wakes all: something becomes visible sooner than they sleep.
    pub(super) sooner: Notify,
    pub(super) waiting: AtomicU32,
}

impl Queue {
    pub(super) fn new(id: QueueId, name: &str, settings: Arc<Settings>) -> Self {
        Self {
            id,
            name: name.to_owned(),
            settings: RwLock::new(settings),
            route: RwLock::new(None),
            arrivals: Notify::new(),
            sooner: Notify::new(),
            waiting: AtomicU32::new(0),
        }
    }

    /// Its number, never given a second time.
    #[must_use]
    pub fn id(&self) -> QueueId {
        self.id
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it keeps order in groups.
    #[must_use]
    pub fn is_fifo(&self) -> bool {
        name::is_fifo(&self.name)
    }

    /// What it is set to now.
    #[must_use]
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read())
    }

    pub(super) fn set_settings(&self, settings: Arc<Settings>) {
        *self.settings.write() = settings;
    }

    /// The route whose notifiers receive from it.
    #[must_use]
    pub fn route(&self) -> Option<String> {
        self.route.read().clone()
    }

    /// Binds it to a route, or to none: see [`Queues::bind`](super::Queues::bind).
    pub(super) fn bind(&self, route: Option<String>) {
        *self.route.write() = route;
    }

    /// Refuses outsiders when it is bound to a route.
    pub(super) fn check(&self, access: Access) -> Result<(), Error> {
        match (access, &*self.route.read()) {
            (Access::Outside, Some(route)) => Err(Error::BoundToRoute {
                name: self.name.clone(),
                route: route.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// Wakes one that waits for messages, if any does.
    pub(super) fn wake(&self) {
        if self.waiting.load(Ordering::Relaxed) > 0 {
            self.arrivals.notify_one();
        }
    }

    pub(super) fn not_found(&self) -> Error {
        Error::QueueNotFound {
            name: self.name.clone(),
        }
    }
}
