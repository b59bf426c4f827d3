//! All settings: one file (`shukuba.toml`), over it the environment, over that the arguments.
//!
//! Unknown keys are refused with the nearest known name; every wrong value is named with its line.
//!
//! - [`server`]: `[server]` and `[store]`
//! - [`s3`] has `[s3]`, objects in buckets
//! - [`trail`] has `[trail]`, the record of calls
//! - [`functions`] has `[functions]`; [`cost`] has `[cost]`; [`link`] has `[link]`
//! - [`archive`] has `[archive]`
//! - [`metrics`] has `[metrics]` and `[watch]`
//! - [`mod@load`]: reading, the environment, what is wrong and where
//! - [`reference`]: the reference page, made from the settings' own documentation

pub(crate) mod archive;
pub(crate) mod cost;
pub(crate) mod functions;
pub(crate) mod link;
pub(crate) mod load;
pub(crate) mod metrics;
pub(crate) mod reference;
pub(crate) mod s3;
pub(crate) mod server;
pub(crate) mod trail;

use std::collections::BTreeMap;

use delivery::config::dns::Dns;
use delivery::config::{Destination, Notifier, Results, Route, Scaler, Settings};
use serde::{Deserialize, Serialize};

pub(crate) use load::{Loaded, check_sources, load, load_to_read, server_of, wrong};
pub(crate) use server::{Server, Store};
pub(crate) use trail::Trail;

use crate::notices;

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// How the server is reached.
    pub(crate) server: Server,
    /// How the data directory is used.
    pub(crate) store: Store,
    /// The journal in an object store, continuously.
    pub(crate) archive: archive::Archive,
    /// Objects in buckets.
    pub(crate) s3: s3::S3,
    /// What is kept of calls, and how often trails deliver.
    pub(crate) trail: Trail,
    /// The routes by name: 1 to 80 of `a-z`, `A-Z`, `0-9`, `-` and `_`. At most 1,000.
    pub(crate) routes: BTreeMap<String, Route>,
    /// The rules for receivers by host, the most specific first: the longest path of `host/path`, the host, the longest
    /// `*.domain`, `*`. At most 10,000.
    pub(crate) destinations: BTreeMap<String, Destination>,
    /// Who is asked for the addresses of names.
    pub(crate) dns: Dns,
    /// How notifiers work.
    pub(crate) notifier: Notifier,
    /// How many notifiers run.
    pub(crate) scaler: Scaler,
    /// Where results are kept.
    pub(crate) results: Results,
    /// How long metrics are kept, and how many.
    pub(crate) metrics: metrics::Metrics,
    /// What the server gives agents.
    pub(crate) watch: metrics::Watch,
    /// Hosts outside in private networks.
    pub(crate) link: link::Link,
    /// Functions and schedules.
    pub(crate) functions: functions::Functions,
    /// How what was used is priced.
    pub(crate) cost: cost::Cost,
    /// Who is told of alarms and checks, and how.
    pub(crate) notices: watch::notice::Settings,
    /// Where secrets lie: `NAME = "env:VARIABLE"` or `"file:/path"`.
    pub(crate) secrets: BTreeMap<String, String>,
}

impl Config {
    /// The part that delivery reads, with the routes that notices go out by.
    pub(crate) fn delivery(&self) -> Settings {
        let mut routes = notices::routes(&self.notices);
        routes.extend(self.routes.clone());
        let mut destinations = notices::destinations(&self.notices);
        destinations.extend(self.destinations.clone());
        Settings {
            routes,
            destinations,
            dns: self.dns.clone(),
            notifier: self.notifier.clone(),
            scaler: self.scaler.clone(),
            results: self.results.clone(),
            secrets: self.secrets.clone(),
        }
    }

    /// With the rules of presets filled in.
    pub(crate) fn filled(&self) -> Self {
        let mut destinations = self.delivery().filled();
        // Those are made of `notices`, and no file may hold them.
        destinations.retain(|name, _| !name.starts_with(notices::PREFIX));
        Self {
            destinations,
            ..self.clone()
        }
    }

    /// As it may be shown, with the rules of presets: passwords and literal secrets are hidden.
    pub(crate) fn shown(&self) -> Self {
        let mut shown = self.filled();
        for rules in shown.destinations.values_mut() {
            *rules = rules.shown();
        }
        shown.notices = shown.notices.shown();
        shown
    }

    /// What holds when there is no file: a route `s2s` that reads lines which are URLs from the queue `s2s`, so that
    /// a newcomer's first line is sent. With a file, only what the file says.
    pub(crate) fn without_file() -> Self {
        let routes = BTreeMap::from([("s2s".to_owned(), Route::of("s2s"))]);
        Self {
            routes,
            ..Self::default()
        }
    }
}
