//! The command: watches the host that it runs on.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use base::setting::Span;
use base::{Clock, SystemClock};
use tokio::signal::unix::{SignalKind, signal};
use watch::agent::{Agent, Config, End};

use crate::door::Door;
use crate::facts::host_facts;
use crate::link;

/// The arguments are wrong: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

pub(crate) fn usage(text: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(Usage(text.into()))
}

/// Watch this host: measure it, run its checks, keep its processes alive, and tell the server
///
/// It joins once with a token (shukuba host token, or the user data of RunInstances) and keeps its id and key in its
/// state folder. While the server is away it goes on and keeps what it found.
///
///   shukuba agent --join http://server:5310 --token TOKEN --name web-1 --role web
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The server
    #[arg(long, env = "SHUKUBA_JOIN", value_name = "URL")]
    join: String,

    /// The token that lets it join; needed once
    #[arg(
        long,
        env = "SHUKUBA_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true
    )]
    token: Option<String>,

    /// The server's region
    #[arg(
        long,
        env = "AWS_REGION",
        value_name = "REGION",
        default_value = "ap-northeast-1"
    )]
    region: String,

    /// The host's name, by which people know it: its tag Name [default: the hostname]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// What the host is for; the server's checks for that role follow at once
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,

    /// More tags of the host
    #[arg(long = "tag", value_name = "KEY=VALUE")]
    tags: Vec<String>,

    /// Hosts, by name or id, without which this one cannot be reached
    #[arg(long = "parent", value_name = "HOST")]
    parents: Vec<String>,

    /// Checks and processes of this host alone, beside those of its roles: a TOML or JSON file, read again when it changes
    #[arg(long, value_name = "FILE")]
    checks: Option<PathBuf>,

    /// Take no checks and commands from the server, only those of --checks
    #[arg(long)]
    own_checks_only: bool,

    /// How often the host is measured: 60s or 10s
    #[arg(long, value_name = "SPAN", default_value = "60s")]
    every: Span,

    /// Folder of its id, its key, and what waits for the server
    #[arg(
        long,
        env = "SHUKUBA_AGENT_STATE",
        value_name = "DIR",
        default_value = "/var/lib/shukuba-agent"
    )]
    state: PathBuf,

    /// PEM file of the only authorities that are trusted for the server
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,

    #[command(flatten)]
    link: link::LinkArgs,

    /// Become a new host where another one with this machine's id is alive
    #[arg(long)]
    new: bool,
}

/// Watches the host until SIGTERM, SIGINT or the server ends it.
///
/// # Errors
/// [`Usage`] for arguments that are wrong; anything that keeps the agent from its work.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let every = args.every.get();
    let right = [Duration::from_secs(10), Duration::from_secs(60)];
    anyhow::ensure!(right.contains(&every), usage("--every is 60s or 10s"));
    let door = Door::open(
        &args.join,
        args.token.as_deref(),
        &args.region,
        args.ca_file.clone(),
    )?;
    let mut facts = host_facts(&args.state)?;
    if let Some(name) = args.name {
        facts.name = name;
    }
    facts.roles = args.roles;
    facts.parents = args.parents;
    for tag in &args.tags {
        let (key, value) = tag
            .split_once('=')
            .ok_or_else(|| usage(format!("`{tag}` is no tag; give KEY=VALUE")))?;
        facts.tags.insert(key.to_owned(), value.to_owned());
    }
    let config = Config {
        sample_every: every,
        settings: args.checks,
        accepts_definitions: !args.own_checks_only,
        is_new: args.new,
        ..Config::new(args.state, facts)
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let end = runtime.block_on(work(config, door, args.link))?;
    match end {
        End::Stopped => Ok(ExitCode::SUCCESS),
        End::Terminated => {
            tracing::info!("this host was terminated; its agent ends");
            Ok(ExitCode::SUCCESS)
        }
        End::Unknown => anyhow::bail!(
            "the server does not know this host any more: remove the state folder and join again"
        ),
    }
}

async fn work(config: Config, door: Door, link: link::LinkArgs) -> anyhow::Result<End> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot take SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot take SIGINT")?;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let link = link.open(&config.state, &door.server(), &clock)?;
    let mut agent = Agent::open(config, Arc::new(door), clock)?;
    if let Some(link) = link {
        agent = agent.with_link(link);
    }
    let running = agent.run(stopped);
    tokio::pin!(running);
    tokio::select! {
        end = &mut running => return Ok(end?),
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    stop.send_replace(true);
    Ok(running.await?)
}
