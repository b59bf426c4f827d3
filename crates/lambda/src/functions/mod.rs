//! All functions on disk, and what is done with them.
//!
//! All of it is in memory; what changes is written to tables of the data directory in the order in which it was decided, and whoever
//! asked hears when it is there. Packages lie in a [`Store`] beside them.
//!
//! INVARIANT: who is told that something was done finds it done after a crash, with its package. A reader may see a change some
//! milliseconds before that; what comes of a change that could not be written is known after the next start, and until then the tables
//! take no others.
//!
//! Whoever opens it calls [`Functions::collect`] now and then: every [`COLLECT_EVERY`].

mod error;
mod grant;
mod place;
mod rows;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base::{Clock, Timestamp};
use parking_lot::Mutex;
use store::tables::{Changes, Table, Tables};
use tracing::warn;

use crate::code::{Held, Shelved, Store};
use crate::engine::event::event_key;
use crate::engine::{Command, Function, Stamp, State, state};
use crate::fleet::UNRESERVED_MIN;
use crate::function::{FunctionName, LATEST, Qualifier, Runnable};
use crate::port::{Catalog, EventRules, Objects, Packages, Roles};
pub use error::Error;
pub use place::{Named, Place};

/// Functions by name, as JSON, without what is published.
pub const FUNCTIONS: Table = "la-functions";
/// What is published, by name, `:` and number, as JSON.
pub const VERSIONS: Table = "la-versions";

/// How often [`Functions::collect`] is to be called. Chosen: packages of environments that have ended since.
pub const COLLECT_EVERY: Duration = Duration::from_secs(60);

/// What functions need of others.
#[derive(Clone, Debug)]
pub struct Ports {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Whether roles can be assumed.
    pub roles: Arc<dyn Roles>,
    /// Packages in buckets.
    pub objects: Arc<dyn Objects>,
}

/// What functions are told at their start.
#[derive(Clone, Debug)]
pub struct Config {
    /// A folder of its own for packages. It and those above must let the user in that functions run as.
    pub dir: PathBuf,
    /// Where they are.
    pub place: Place,
    /// Invocations at once, as the fleet has them; at most [`UNRESERVED_MIN`] or a tenth of them cannot be reserved.
    pub concurrency: u32,
}

/// All functions.
#[derive(Debug)]
pub struct Functions {
    tables: Arc<Tables>,
    place: Place,
    ports: Ports,
    store: Arc<Store>,
    state: Arc<Mutex<State>>,
}

impl Functions {
    /// Reads functions back from `tables`, which has [`crate::TABLES`] open, and packages from their folder. Blocks.
    ///
    /// # Errors
    /// When something cannot be read, or a table holds what is no row of it.
    pub fn open(tables: Arc<Tables>, config: Config, ports: Ports) -> Result<Arc<Self>, Error> {
        let Config {
            dir,
            place,
            concurrency,
        } = config;
        let functions = rows::load(&tables.view())?;
        let store = Store::open(&dir)?;
        let state = State::new(functions, concurrency, UNRESERVED_MIN.min(concurrency / 10));
        for code in state.packages().iter().filter(|code| !store.has(code)) {
            warn!(%code, dir = %dir.display(), "a package is missing; the functions that use it cannot run");
        }
        Ok(Arc::new(Self {
            tables,
            place,
            ports,
            store,
            state: Arc::new(Mutex::new(state)),
        }))
    }

    /// Where they are.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    /// What they need of others.
    #[must_use]
    pub const fn ports(&self) -> &Ports {
        &self.ports
    }

    /// Their packages.
    #[must_use]
    pub const fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Their code, for whoever runs them.
    #[must_use]
    pub fn packages(&self) -> Arc<dyn Packages> {
        Arc::new(Shelved(Arc::clone(&self.store)))
    }

    /// Reads the state.
    pub fn with<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.state.lock())
    }

    /// A function.
    #[must_use]
    pub fn get(&self, name: &FunctionName) -> Option<Arc<Function>> {
        self.state.lock().get(name).cloned()
    }

    /// How many invocations functions have reserved together.
    #[must_use]
    pub fn reserved(&self) -> u32 {
        self.state.lock().reserved()
    }

    /// Does a command, and answers when what came of it is on disk.
    ///
    /// # Errors
    /// When the command is refused, or cannot be written down.
    pub async fn change<C>(&self, command: C) -> Result<C::Outcome, Error>
    where
        C: Command + Send + 'static,
        C::Outcome: Send + 'static,
    {
        self.change_with(command, None).await
    }

    /// As [`Functions::change`] with a package that the command may let a version use, and then lets go of those that none uses.
    ///
    /// # Errors
    /// As [`Functions::change`].
    pub async fn change_code<C>(
        &self,
        command: C,
        package: Option<Held>,
    ) -> Result<C::Outcome, Error>
    where
        C: Command + Send + 'static,
        C::Outcome: Send + 'static,
    {
        let outcome = self.change_with(command, package).await;
        self.collect().await;
        outcome
    }

    async fn change_with<C>(&self, command: C, package: Option<Held>) -> Result<C::Outcome, Error>
    where
        C: Command + Send + 'static,
        C::Outcome: Send + 'static,
    {
        let state = Arc::clone(&self.state);
        let clock = Arc::clone(&self.ports.clock);
        let decide = move |_: &_, changes: &mut Changes| {
            let stamp = Stamp {
                at: clock.now(),
                revision_id: base::id::uuid(),
            };
            let mut state = state.lock();
            let done = state.apply(&stamp, command)?;
            rows::write(&state, &done.functions, &done.versions, changes)?;
            drop(state);
            // Held until the state uses it, also when whoever asked is gone.
            drop(package);
            Ok::<_, Error>(done.outcome)
        };
        self.tables.change(decide).await?
    }

    /// Removes packages that no version uses and nobody runs.
    pub async fn collect(&self) {
        let state = Arc::clone(&self.state);
        let used = move || state.lock().packages();
        if let Err(error) = self.store.collect(used).await {
            warn!(%error, "packages that no version uses are not removed yet");
        }
    }
}

impl Catalog for Functions {
    fn runnable(&self, name: &FunctionName, qualifier: Option<&Qualifier>) -> Option<Runnable> {
        let function = self.get(name)?;
        let (number, version) = function.version(qualifier)?;
        let number = number.map(|number| number.to_string());
        Some(Runnable {
            name: name.clone(),
            version: number.unwrap_or_else(|| LATEST.to_owned()),
            invoked_arn: self.place.arn_of(name, qualifier).to_string(),
            revision: version.revision,
            settings: Arc::clone(&version.settings),
            code: version.code,
            reserved: function.reserved,
        })
    }

    fn event_rules(&self, name: &FunctionName, qualifier: Option<&Qualifier>) -> EventRules {
        let function = self.get(name);
        let config = function.and_then(|it| it.events.get(&event_key(qualifier)).cloned());
        let all = EventRules::default();
        config.map_or(all.clone(), |config| EventRules {
            retries: config.retries.unwrap_or(all.retries),
            age_secs: config.age_secs.unwrap_or(all.age_secs),
            on_success: config.on_success,
            on_failure: config.on_failure,
        })
    }
}

/// The function `named`, and the version that it means.
///
/// # Errors
/// [`crate::engine::Error::NotFound`].
pub fn found(
    functions: &Functions,
    named: &Named,
) -> Result<(Arc<Function>, Option<u64>), crate::engine::Error> {
    let qualifier = named.qualifier.as_ref();
    let function = functions.get(&named.name).ok_or_else(|| {
        let qualifier = qualifier.map(ToString::to_string);
        crate::engine::Error::no_version(&named.name, qualifier)
    })?;
    let (number, _) = state::version(&function, qualifier)?;
    Ok((function, number))
}
