//! Checks that are commands: Nagios', Mackerel's and Munin's plugins.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;

use super::Tools;
use super::spawn::{Ended, Failed, Job, run};
use crate::check::config::{Check, words};
use crate::check::plugin::{Graph, mackerel, munin, nagios};
use crate::check::{Outcome, Status, cut};

/// How long a plugin is believed what it said of its graphs. Chosen: what they are changes when disks or networks do.
const GRAPHS_FOR: Duration = Duration::from_secs(600);

/// What plugins said of their graphs, and their last raw values, by check.
#[derive(Debug, Default)]
pub(super) struct Plugins {
    mackerel: BTreeMap<String, Said<Vec<Graph>>>,
    munin: BTreeMap<String, Said<munin::Config>>,
    last: BTreeMap<String, munin::Last>,
}

/// What a command line said, and when.
#[derive(Clone, Debug)]
struct Said<T> {
    line: String,
    at: Duration,
    what: T,
}

impl<T: Clone> Said<T> {
    fn holds(known: Option<&Self>, line: &str, now: Duration) -> Option<T> {
        let known =
            known.filter(|said| said.line == line && now.saturating_sub(said.at) < GRAPHS_FOR);
        known.map(|said| said.what.clone())
    }
}

impl Tools {
    pub(super) async fn nagios(&self, check: &Check, line: &str) -> Outcome {
        match self.command(check, line, &[], &check.env).await {
            Err(failed) => did_not_end(&failed),
            Ok(ended) => {
                let output = match ended.output.trim().is_empty() {
                    true => &ended.error,
                    false => &ended.output,
                };
                // An exit code that is a signal's is no status of the plugin's.
                nagios::outcome(
                    if ended.signal.is_some() {
                        -1
                    } else {
                        ended.code
                    },
                    output,
                )
            }
        }
    }

    pub(super) async fn mackerel(&self, name: &str, check: &Check, line: &str) -> Outcome {
        let graphs = match self.mackerel_graphs(name, check, line).await {
            Ok(graphs) => graphs,
            Err(failed) => return did_not_end(&failed),
        };
        let ended = match self.command(check, line, &[], &check.env).await {
            Ok(ended) => ended,
            Err(failed) => return did_not_end(&failed),
        };
        let (metrics, unread) = mackerel::values(&ended.output, &graphs);
        let alerts = metrics.iter().map(|m| {
            (
                check.judge(&m.name, m.value),
                format!("{} is {}", m.name, m.value),
            )
        });
        let alerts: Vec<_> = alerts.filter(|(status, _)| *status != Status::Ok).collect();
        let mut outcome = judged(&ended, metrics.len(), unread, alerts);
        outcome.graphs = mackerel::drawn(&graphs, &metrics);
        outcome.metrics = metrics;
        outcome
    }

    pub(super) async fn munin(
        self: &Arc<Self>,
        name: &str,
        check: &Check,
        line: &str,
        at: Timestamp,
    ) -> Outcome {
        let env = self.munin_env(name, check);
        let graph = words(line)
            .ok()
            .and_then(|words| words.into_iter().next())
            .unwrap_or_default();
        let graph = Path::new(&graph)
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or(name)
            .to_owned();
        let config = match self.munin_config(name, check, line, &graph, &env).await {
            Ok(config) => config,
            Err(failed) => return did_not_end(&failed),
        };
        let ended = match self.command(check, line, &[], &env).await {
            Ok(ended) => ended,
            Err(failed) => return did_not_end(&failed),
        };
        let mut plugins = self.plugins.lock();
        let last = plugins.last.entry(name.to_owned()).or_default();
        let fetched = config.fetch(&graph, &ended.output, at, last);
        drop(plugins);
        let ours = fetched.metrics.iter().map(|m| {
            (
                check.judge(&m.name, m.value),
                format!("{} is {}", m.name, m.value),
            )
        });
        let ours = ours.filter(|(status, _)| *status != Status::Ok);
        let alerts = ours.chain(fetched.alerts.iter().cloned()).collect();
        let mut outcome = judged(&ended, fetched.metrics.len(), fetched.unread, alerts);
        outcome.metrics = fetched.metrics;
        outcome.graphs = config.graphs();
        outcome
    }

    async fn mackerel_graphs(
        &self,
        name: &str,
        check: &Check,
        line: &str,
    ) -> Result<Vec<Graph>, Failed> {
        let now = self.clock.monotonic();
        if let Some(graphs) = Said::holds(self.plugins.lock().mackerel.get(name), line, now) {
            return Ok(graphs);
        }
        let mut env = check.env.clone();
        env.insert("MACKEREL_AGENT_PLUGIN_META".to_owned(), "1".to_owned());
        let ended = self.command(check, line, &[], &env).await?;
        let said = Said {
            line: line.to_owned(),
            at: now,
            what: mackerel::graphs(&ended.output),
        };
        let graphs = said.what.clone();
        self.plugins.lock().mackerel.insert(name.to_owned(), said);
        Ok(graphs)
    }

    async fn munin_config(
        &self,
        name: &str,
        check: &Check,
        line: &str,
        graph: &str,
        env: &BTreeMap<String, String>,
    ) -> Result<munin::Config, Failed> {
        let now = self.clock.monotonic();
        if let Some(config) = Said::holds(self.plugins.lock().munin.get(name), line, now) {
            return Ok(config);
        }
        let ended = self.command(check, line, &["config"], env).await?;
        let said = Said {
            line: line.to_owned(),
            at: now,
            what: munin::config(graph, &ended.output),
        };
        let config = said.what.clone();
        self.plugins.lock().munin.insert(name.to_owned(), said);
        Ok(config)
    }

    /// What munin-node gives its plugins. Source: Munin documentation, "Environment".
    fn munin_env(&self, name: &str, check: &Check) -> BTreeMap<String, String> {
        let folder = self.state.display().to_string();
        let mut env = BTreeMap::from([
            ("MUNIN_LIBDIR".to_owned(), "/usr/share/munin".to_owned()),
            (
                "MUNIN_STATEFILE".to_owned(),
                format!("{folder}/munin-{name}.state"),
            ),
            ("MUNIN_PLUGSTATE".to_owned(), folder),
            ("MUNIN_CAP_MULTIGRAPH".to_owned(), "1".to_owned()),
            ("MUNIN_MASTER_IP".to_owned(), "-".to_owned()),
        ]);
        env.extend(check.env.clone());
        env
    }

    async fn command(
        &self,
        check: &Check,
        line: &str,
        arguments: &[&str],
        env: &BTreeMap<String, String>,
    ) -> Result<Ended, Failed> {
        let words: String = arguments.iter().map(|word| format!(" {word}")).collect();
        let whole = format!("{line}{words}");
        let job = Job {
            // A shell takes one text; arguments beside it would be its own.
            line: if check.shell { &whole } else { line },
            arguments: if check.shell { &[] } else { arguments },
            is_shell: check.shell,
            user: check.user.as_deref(),
            env,
            folders: &self.folders,
        };
        run(&job, check.timeout().get()).await
    }
}

fn did_not_end(failed: &Failed) -> Outcome {
    let status = match failed {
        // Source: Nagios Core, `service_check_timeout_state`, critical.
        Failed::TimedOut(_) => Status::Critical,
        _ => Status::Unknown,
    };
    Outcome::of(status, failed.to_string())
}

fn judged(ended: &Ended, values: usize, unread: usize, alerts: Vec<(Status, String)>) -> Outcome {
    if ended.code != 0 {
        let said = ended.error.lines().next().unwrap_or_default();
        return Outcome::unknown(format!("exit code {}: {}", ended.code, cut(said, 500)));
    }
    let worst = alerts
        .iter()
        .map(|(status, _)| *status)
        .fold(Status::Ok, Status::worse);
    let lines: Vec<String> = alerts.into_iter().map(|(_, line)| line).collect();
    let unread = match unread {
        0 => String::new(),
        count => format!("; {count} lines are no values"),
    };
    match &lines[..] {
        [] => Outcome::of(Status::Ok, format!("{values} values{unread}")),
        all => Outcome::of(worst, format!("{}{unread}", all.join(", "))),
    }
}
