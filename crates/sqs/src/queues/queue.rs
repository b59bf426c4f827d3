//! What callers hold of a queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::RwLock;
use policy::Document;
use store::record::QueueId;
use tokio::sync::Notify;
use tracing::warn;

use crate::message::Access;
use crate::settings::Settings;
use crate::{Error, name};

/// A queue that existed when it was looked up. Calls on a deleted one say [`Error::QueueNotFound`].
#[derive(Debug)]
pub struct Queue {
    id: QueueId,
    name: String,
    settings: RwLock<Arc<Settings>>,
    permits: RwLock<Permits>,
    route: RwLock<Option<String>>,
    /// Wakes one: there is something to receive.
    pub(super) arrivals: Notify,
    /// Wakes all: something becomes visible sooner than they sleep.
    pub(super) sooner: Notify,
    pub(super) waiting: AtomicU32,
}

/// A queue's access policy, as calls ask for it.
#[derive(Debug, Default)]
struct Permits {
    policy: Option<Arc<Document>>,
    is_open: bool,
}

impl Permits {
    /// What `text` permits. A policy that was kept by a version which did not read policies and that is none permits nothing.
    fn read(queue: &str, text: Option<&str>) -> Self {
        let Some(text) = text else {
            return Self::default();
        };
        match Document::parse(text, policy::Kind::Resource) {
            Ok(document) => Self {
                is_open: crate::policy::is_open(text),
                policy: Some(Arc::new(document)),
            },
            Err(problems) => {
                let problem = problems.first().map(ToString::to_string);
                warn!(
                    queue,
                    problem, "the kept access policy is none and permits nothing: set it again"
                );
                Self::default()
            }
        }
    }
}

impl Queue {
    pub(super) fn new(id: QueueId, name: &str, settings: Arc<Settings>) -> Self {
        Self {
            id,
            name: name.to_owned(),
            permits: RwLock::new(Permits::read(name, settings.policy.as_deref())),
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
        if self.settings.read().policy != settings.policy {
            *self.permits.write() = Permits::read(&self.name, settings.policy.as_deref());
        }
        *self.settings.write() = settings;
    }

    /// Its access policy, read once when it was set.
    #[must_use]
    pub fn policy(&self) -> Option<Arc<Document>> {
        self.permits.read().policy.clone()
    }

    /// Whether its policy may allow something to callers who have not signed.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.permits.read().is_open
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
