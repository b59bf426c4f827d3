//! Functions and rules: what of other parts they need, and what runs beside the calls.
//!
//! - [`roles`]: credentials of roles, and what they may do
//! - [`queues`]: queues as sources, targets and destinations
//! - [`objects`]: packages in buckets
//! - [`doors`]: whom functions and queues let in
//! - [`lines`]: what functions print, in the logs
//! - [`account`]: the user that they run as

mod account;
mod doors;
mod lines;
pub(super) mod objects;
mod queues;
mod roles;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use api::Service;
use base::{AccountId, Arn, Clock, MetricSink, Region};
use lambda::events::{self, Events};
use lambda::fleet::{self, Fleet};
use lambda::functions;
use lambda::mapping::{self, Mappings};
use lambda::port::{QueuePort, Roles, Trouble};
use lambda::rules::port::Start;
use lambda::rules::{self, Rules};
use lambda::{Functions, Lambda, Place, ops, sandbox};
use sqs::Queues;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::buckets::Buckets;
use super::identities::Identities;
use super::metering::Billed;
use super::watching::Watching;
use crate::config;
use doors::Doors;
use lines::Lines;

/// The folder in the data directory.
pub(crate) const DIR: &str = "functions";
/// The folder in it that has the packages, which alone are kept beyond the process.
pub(crate) const PACKAGES: &str = "packages";
/// Where functions run, in there.
const WORK: &str = "work";

/// As whom alarms start functions. Source: CloudWatch User Guide, "Invoke a Lambda function from an alarm".
const ALARMS: &str = "lambda.alarms.cloudwatch.amazonaws.com";

/// What functions are made of.
pub(super) struct Parts<'a> {
    /// The data directory.
    pub(super) data: &'a Path,
    pub(super) settings: &'a config::functions::Functions,
    pub(super) account: &'a AccountId,
    pub(super) region: &'a Region,
    /// Where functions reach this server.
    pub(super) endpoint: String,
    pub(super) clock: &'a Arc<dyn Clock>,
    pub(super) metrics: Arc<dyn MetricSink>,
    pub(super) watching: &'a Watching,
    pub(super) identities: &'a Identities,
    pub(super) queues: &'a Arc<Queues>,
    pub(super) buckets: &'a Buckets,
    /// Who is told what functions use.
    pub(super) meter: &'a Arc<delivery::cost::Meter>,
}

/// Functions and rules of a server. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Workshop {
    dir: PathBuf,
    lambda: Arc<Lambda>,
    fleet: Arc<Fleet>,
    events: Arc<Events>,
    rules: Arc<Rules>,
    mappings: Arc<Mappings>,
    lines: Arc<Lines>,
}

impl Workshop {
    /// Opens functions and rules as they were left; nothing of them runs yet.
    pub(super) async fn open(parts: Parts<'_>) -> anyhow::Result<Self> {
        let settings = parts.settings;
        let own = || parts.data.join(DIR);
        let dir = settings.dir.clone().unwrap_or_else(own);
        // Functions are started in folders of their own.
        let dir = std::path::absolute(&dir)
            .with_context(|| format!("`{}` is no folder", dir.display()))?;
        let user = account::user(settings.account.as_deref())?;
        let clock = parts.clock.clone();
        let tables = parts.watching.tables.clone();
        let roles: Arc<dyn Roles> = Arc::new(roles::IamRoles::new(&parts));
        let queues: Arc<dyn QueuePort> = Arc::new(queues::OwnQueues(parts.queues.clone()));
        let config = functions::Config {
            dir: dir.clone(),
            place: Place::here(parts.region.clone(), parts.account.clone()),
            concurrency: settings.concurrency,
        };
        let ports = functions::Ports {
            clock: clock.clone(),
            roles: roles.clone(),
            objects: parts.buckets.of_functions(),
        };
        let functions = Functions::open(tables.clone(), config, ports)
            .context("the functions cannot be opened")?;
        let lines = Lines::into(parts.watching.logs.clone())
            .context("what functions print cannot be kept")?;
        let lines = Arc::new(lines);
        let fleet = start(&parts, dir.join(WORK), user, &functions, &roles, &lines).await?;
        let place = rules::Place {
            account: parts.account.clone(),
            region: parts.region.clone(),
        };
        let ports = events::Ports {
            clock: clock.clone(),
            catalog: functions.clone(),
            queues: queues.clone(),
            roles: roles.clone(),
        };
        let events = Events::open(tables.clone(), fleet.clone(), ports)
            .context("the events that wait for functions cannot be read")?;
        let events = Arc::new(events);
        let ports = rules::Ports {
            clock: clock.clone(),
            functions: events.clone(),
            queues: queues.clone(),
            policies: Arc::new(Doors {
                functions: functions.clone(),
                queues: parts.queues.clone(),
            }),
            roles: roles.clone(),
            metrics: parts.metrics.clone(),
        };
        let rules = Rules::open(tables.clone(), place.clone(), ports)
            .context("the rules cannot be opened")?;
        let ports = mapping::Ports {
            clock,
            catalog: functions.clone(),
            functions: fleet.clone(),
            queues,
            roles,
        };
        let mappings = Mappings::open(tables, place, ports)
            .context("the event source mappings cannot be opened")?;
        let mappings = Arc::new(mappings);
        Ok(Self {
            dir,
            lambda: Lambda::new(functions, fleet.clone(), events.clone(), mappings.clone()),
            fleet,
            events,
            rules: Arc::new(rules),
            mappings,
            lines,
        })
    }

    /// The folder that has the packages.
    pub(super) fn packages(&self) -> PathBuf {
        self.dir.join(PACKAGES)
    }

    /// What the door offers of them.
    pub(super) fn services(&self) -> Vec<Arc<dyn Service>> {
        vec![
            ops::service(self.lambda.clone()),
            rules::service(self.rules.clone()),
        ]
    }

    /// Starts what runs beside the calls.
    pub(super) fn begin(&self, tasks: &mut JoinSet<()>, stop: &watch::Receiver<bool>) {
        tasks.spawn(self.events.clone().run(stop.clone()));
        tasks.spawn(self.rules.clone().run(stop.clone()));
        tasks.spawn(self.mappings.clone().run(stop.clone()));
        tasks.spawn(collect(self.lambda.functions().clone(), stop.clone()));
    }

    /// Has a function run with what an alarm tells it, where it lets the alarm do so.
    pub(super) async fn start_for_alarm(
        &self,
        function: &str,
        alarm: &str,
        body: String,
    ) -> Result<(), Trouble> {
        let functions = self.lambda.functions();
        let wrong = |error: &dyn std::fmt::Display| Trouble::Lasting(error.to_string());
        let named = functions.place().named(function, None);
        let named = named.map_err(|error| wrong(&error))?;
        let arn: Arn = function.parse().map_err(|error| wrong(&error))?;
        let source: Arn = alarm.parse().map_err(|error| wrong(&error))?;
        if !functions.lets(ALARMS, "lambda:InvokeFunction", &arn, &source) {
            return Err(Trouble::Lasting(format!(
                "{ALARMS} may not do lambda:InvokeFunction on {arn} for the alarm: the function's own policy must allow it"
            )));
        }
        let (name, qualifier) = (&named.name, named.qualifier.as_ref());
        self.events.start(name, qualifier, body.into()).await
    }

    /// Lets what runs end within `within`, then kills it.
    pub(super) async fn stop(&self, within: Duration) {
        self.fleet.stop(within).await;
    }

    /// Writes what functions printed last. Nothing runs any more.
    pub(super) async fn end(&self) {
        let lines = self.lines.clone();
        if let Err(error) = tokio::task::spawn_blocking(move || lines.close()).await {
            tracing::error!(%error, "the logs of functions are not closed");
        }
    }
}

async fn start(
    parts: &Parts<'_>,
    work: PathBuf,
    account: Option<sandbox::Account>,
    functions: &Arc<Functions>,
    roles: &Arc<dyn Roles>,
    lines: &Arc<Lines>,
) -> anyhow::Result<Arc<Fleet>> {
    let settings = parts.settings;
    let config = fleet::Config {
        work,
        region: parts.region.to_string(),
        endpoint: parts.endpoint.clone(),
        account,
        is_bounded_by_kernel: settings.kernel_bounds,
        init_max: sandbox::INIT_MAX,
        concurrency: settings.concurrency,
        environments_max: usize::try_from(settings.environments_max).unwrap_or(usize::MAX),
        idle: settings.idle.get(),
    };
    let ports = fleet::Ports {
        clock: parts.clock.clone(),
        roles: roles.clone(),
        packages: functions.packages(),
        lines: lines.clone(),
        metrics: parts.metrics.clone(),
        meter: Arc::new(Billed(parts.meter.clone())),
    };
    let fleet = Fleet::start(config, ports).await;
    Ok(Arc::new(fleet.context("functions cannot be run")?))
}

/// Removes packages now and then that nobody uses any more.
async fn collect(functions: Arc<Functions>, mut stop: watch::Receiver<bool>) {
    loop {
        let stopped = stop.wait_for(|is_stopping| *is_stopping);
        if tokio::time::timeout(functions::COLLECT_EVERY, stopped)
            .await
            .is_ok()
        {
            return;
        }
        functions.collect().await;
    }
}
