//! The settings that hold now. SIGHUP reads them again; what cannot change while serving says so and stays.

use std::collections::BTreeMap;
use std::sync::Arc;

use delivery::config::{Route, Secrets, Settings};
use delivery::destinations::Destinations;
use delivery::format::Format;
use parking_lot::RwLock;

use super::Over;
use crate::app::{App, usage};
use crate::config::{Config, Loaded};

/// Settings, and what was made of them.
#[derive(Debug)]
pub(super) struct Now {
    pub(super) config: Config,
    pub(super) settings: Settings,
    pub(super) destinations: Arc<Destinations>,
    /// How the lines of each route are read.
    pub(super) readers: BTreeMap<String, Format>,
}

/// The settings that hold, replaced whole.
#[derive(Debug)]
pub(super) struct Live {
    app: App,
    over: Over,
    now: RwLock<Arc<Now>>,
}

impl Live {
    pub(super) fn new(app: App, over: Over, loaded: Loaded) -> anyhow::Result<Arc<Self>> {
        let now = RwLock::new(Arc::new(Now::of(loaded.config, &app.secrets())?));
        Ok(Arc::new(Self { app, over, now }))
    }

    /// What holds.
    pub(super) fn now(&self) -> Arc<Now> {
        Arc::clone(&self.now.read())
    }

    /// Reads the settings again; on an error the old ones stay. Gives the keys that need a restart.
    pub(super) fn reload(&self) -> anyhow::Result<Vec<&'static str>> {
        let mut config = self.app.config_to_serve()?.config;
        self.over.apply(&mut config);
        let old = self.now();
        let needing = needs_restart(&old.config, &config);
        config.server = old.config.server.clone();
        config.store = old.config.store.clone();
        config.archive = old.config.archive.clone();
        config.s3.reserve_bytes = old.config.s3.reserve_bytes;
        config.s3.writes = old.config.s3.writes;
        config.trail = old.config.trail.clone();
        config.metrics = old.config.metrics.clone();
        config.link = old.config.link.clone();
        config.functions = old.config.functions.clone();
        config.results.url.clone_from(&old.config.results.url);
        let new = Now::of(config, &self.app.secrets())?;
        new.destinations.go_on(&old.destinations);
        *self.now.write() = Arc::new(new);
        Ok(needing)
    }
}

impl Now {
    pub(super) fn of(config: Config, secrets: &dyn Secrets) -> anyhow::Result<Self> {
        let settings = config.delivery();
        let destinations =
            Destinations::new(&settings, secrets).map_err(|error| usage(error.to_string()))?;
        let reader = |(name, route): (&String, &Route)| {
            let format = route.reader(name, &settings.secrets, secrets);
            format.map(|format| (name.clone(), format))
        };
        let readers: Result<_, _> = settings.routes.iter().map(reader).collect();
        Ok(Self {
            readers: readers.map_err(|error| usage(error.to_string()))?,
            config,
            settings,
            destinations: Arc::new(destinations),
        })
    }
}

/// The settings of objects that hold from the start.
fn of_start(s3: &crate::config::s3::S3) -> impl PartialEq {
    (s3.reserve_bytes.0, s3.writes)
}

fn needs_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let changes = [
        ("[server]", old.server != new.server),
        ("[store]", old.store != new.store),
        ("[archive]", old.archive != new.archive),
        ("[s3]", of_start(&old.s3) != of_start(&new.s3)),
        ("[trail]", old.trail != new.trail),
        ("[metrics]", old.metrics != new.metrics),
        ("[link]", old.link != new.link),
        ("[functions]", old.functions != new.functions),
        ("results.url", old.results.url != new.results.url),
    ];
    changes
        .into_iter()
        .filter(|(_, is_changed)| *is_changed)
        .map(|(name, _)| name)
        .collect()
}
