//! `shukuba link gateway`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use async_trait::async_trait;
use base::SystemClock;
use link::driver::gateway::{Behind, GatewayDriver, Settings};
use link::driver::keys::Keys;
use link::filter::{Limits, Nft, Userspace};
use link::rootless::{self, Forward, Publish, Rootless, SystemResolver};
use link::{Guard, PrivateKey, packet};
use net::plan::PeerReport;
use net::refusal::Refused;
use net::{GatewayPlan, Ipv4Net};

use super::ec2;
use crate::app::{self, App};
use crate::client::admin::{Admin, SERVICE};
use crate::client::http::Http;
use crate::client::service::Where;
use crate::links::find::{self, Named};
use crate::links::gate::{self, Gate, GateDriver};
use crate::signal::Stop;

/// What the name of a gateway's device begins with. The rest is of its network's id: a machine may be the gateway of several, and the
/// rules of each, which stay when it ends, are about its own device.
const DEVICE: &str = "shk";
/// Characters of a device's name. Source: Linux, `IFNAMSIZ`.
const DEVICE_CHARS: usize = 15;

/// Carry the links of a private network: run this on a machine in it, until Ctrl-C
///
/// Hosts that are linked reach the network through this machine, under the network's security groups. It needs root, or
/// CAP_NET_ADMIN and net.ipv4.ip_forward=1, one UDP port that is reachable from outside, and credentials that may
/// shukuba:ServeLink. While the server is away it carries on with what it had.
///
/// With --rootless it needs no privilege: the network is then this one address of it, --inside, with the ports that are
/// published.
///
///   shukuba link gateway --vpc tokyo --reached-at gate.example.com:51820
///   shukuba link gateway --vpc tokyo --reached-at gate.example.com:51820 --rootless --inside 172.31.0.10 --publish 80=127.0.0.1:8080
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// The network, by its Name or id
    #[arg(long, value_name = "VPC")]
    vpc: String,
    /// Where it is reached from outside
    #[arg(long, value_name = "HOST:PORT")]
    reached_at: String,
    /// Where it listens (UDP): an address of IPv6 or IPv4 and a port [default: all addresses, the port of --reached-at]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// This machine's address in the network, by which its hosts route [default: the first in the network's range]
    #[arg(long, value_name = "ADDRESS")]
    inside: Option<Ipv4Addr>,
    /// How rules are enforced [default: nft, and userspace with --rootless]
    #[arg(long, value_enum, value_name = "HOW", conflicts_with = "rootless")]
    filter: Option<Filter>,
    /// Do without the kernel: a network stack in this process has the address --inside
    #[arg(long, requires = "inside")]
    rootless: bool,
    /// Rootless: a port of --inside that leads to a service on loopback, such as 80=127.0.0.1:8080
    #[arg(long, value_name = "PORT=TO", value_parser = agent::link::publish, requires = "rootless")]
    publish: Vec<Publish>,
    /// Rootless: a listener on loopback that leads to a linked host, such as 127.0.0.1:9000=10.64.0.4:9000
    #[arg(long, value_name = "LISTEN=TO", value_parser = agent::link::forward, requires = "rootless")]
    forward: Vec<Forward>,
    /// Folder of its key and of the plan that it had last, for each network
    #[arg(long, value_name = "DIR", default_value = "/var/lib/shukuba-gateway")]
    state: PathBuf,
    #[command(flatten)]
    at: Where,
}

/// How rules are enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Filter {
    /// By nftables, in the kernel: they hold even when this process is killed
    Nft,
    /// In this process
    Userspace,
}

pub(super) fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let network = network(app, &args)?;
    let admin = Admin::new(Http::new(args.at.for_operator(app)?, SERVICE)?);
    let listen = listen(&args)?;
    let inside = args.inside.or_else(|| own_address(&network));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(async {
        let mut stop = Stop::new()?;
        let key = key(&args.state.join(&network.id))?;
        let (behind, stack) = behind(&args, &network.id, inside).await?;
        let driver = GatewayDriver::start(Settings {
            key: key.clone(),
            listen,
            behind,
            guard: guard(&args, &network.id)?,
            clock: Arc::new(SystemClock::new()),
        });
        let gate = Gate {
            driver: Arc::new(Carrier {
                driver: driver.await?,
                _stack: stack,
            }),
            center: Box::new(admin),
            key: key.public(),
            endpoint: args.reached_at.clone(),
            inside: inside.filter(|_| !args.rootless),
            kept: gate::file(&args.state, &network.id),
            network: network.id.clone(),
        };
        tracing::info!(network = network.shown(), %listen, "carries links");
        gate.run(async move { stop.wait().await }).await
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The network. One that is named by its id and was carried before needs no server that answers.
fn network(app: &App, args: &Args) -> anyhow::Result<Named> {
    let found = ec2(app, &args.at).and_then(|calls| find::network(&calls, &args.vpc));
    let Some(plan) = gate::kept(&args.state, &args.vpc).filter(|_| found.is_err()) else {
        return found;
    };
    let ranges = plan.ranges.first().map(ToString::to_string);
    Ok(Named {
        id: plan.network,
        range: ranges.unwrap_or_default(),
        ..Named::default()
    })
}

/// The name of a network's device.
fn device(network: &str) -> String {
    let own = network.rsplit('-').next().unwrap_or_default();
    DEVICE
        .chars()
        .chain(own.chars())
        .take(DEVICE_CHARS)
        .collect()
}

/// What is behind the tunnel: the kernel, or a stack, which is to be kept.
async fn behind(
    args: &Args,
    network: &str,
    inside: Option<Ipv4Addr>,
) -> anyhow::Result<(Behind, Option<Rootless>)> {
    let Some(address) = inside.filter(|_| args.rootless) else {
        let device = device(network);
        return Ok((Behind::Lan { device, inside }, None));
    };
    let settings = rootless::Settings {
        address,
        // Whom it may reach is the filter's to say.
        ranges: vec![Ipv4Net::default()],
        forwards: args.forward.clone(),
        publishes: args.publish.clone(),
        socks: None,
        limits: rootless::Limits::default(),
    };
    let (tunnel, end) = packet::channel();
    let clock = Arc::new(SystemClock::new());
    let stack = Rootless::start(settings, end, clock, Arc::new(SystemResolver)).await?;
    Ok((Behind::Stack(tunnel), Some(stack)))
}

/// Where it listens.
fn listen(args: &Args) -> anyhow::Result<SocketAddr> {
    let port = args
        .reached_at
        .rsplit_once(':')
        .and_then(|(_, port)| port.parse::<u16>().ok());
    let port = port.filter(|port| *port != 0).ok_or_else(|| {
        app::usage(format!(
            "`{}` is no endpoint; give HOST:PORT, such as gate.example.com:51820",
            args.reached_at
        ))
    })?;
    Ok(args
        .listen
        .unwrap_or_else(|| SocketAddr::from(([0_u16; 8], port))))
}

/// This machine's address in the network.
fn own_address(network: &Named) -> Option<Ipv4Addr> {
    let range: Ipv4Net = network.range.parse().ok()?;
    let mut own = agent::facts::own();
    own.find(|address| range.contains(address))
}

/// Its key, made at its first start.
fn key(state: &Path) -> anyhow::Result<PrivateKey> {
    std::fs::create_dir_all(state)
        .with_context(|| format!("cannot make the folder `{}`", state.display()))?;
    let mut keys = Keys::open(state)?;
    let public = keys.told();
    let key = keys.take(public)?.cloned();
    key.context("the gateway's key is gone")
}

fn guard(args: &Args, network: &str) -> anyhow::Result<Box<dyn Guard>> {
    let usual = match args.rootless {
        true => Filter::Userspace,
        false => Filter::Nft,
    };
    Ok(match args.filter.unwrap_or(usual) {
        Filter::Nft => {
            let table = format!("shukuba_{}", network.replace('-', "_"));
            Box::new(Nft::new(&table, &device(network))?)
        }
        Filter::Userspace => Box::new(Userspace::new(
            Arc::new(SystemClock::new()),
            Limits::default(),
        )),
    })
}

/// The driver, and the stack behind it where there is one.
#[derive(Debug)]
struct Carrier {
    driver: GatewayDriver,
    _stack: Option<Rootless>,
}

#[async_trait]
impl GateDriver for Carrier {
    async fn apply(&self, plan: &GatewayPlan) -> Result<(), String> {
        self.driver
            .apply(plan)
            .await
            .map_err(|problems| problems.to_string())
    }

    fn peers(&self) -> Vec<PeerReport> {
        self.driver.peers()
    }

    async fn refused(&self) -> Refused {
        self.driver.refused().await
    }

    async fn failed(&self) -> String {
        self.driver.failed().await
    }

    async fn stop(&self) {
        if let Err(problems) = self.driver.stop().await {
            tracing::warn!(%problems, "something of the gateway is left");
        }
    }
}
