//! The host's part of private networks, as the agent carries it: by the kernel where the agent may, or within its own process.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use base::setting::Span;
use base::{Clock, Timestamp};
use link::Tun;
use link::driver::host::{Behind, HostDriver, Settings, Ways};
use link::driver::outside::Reach;
use link::rootless::{Forward, Publish};
use net::{HostPlan, PublicKey};
use tracing::{info, warn};
use watch::agent::link::LinkDriver;

use crate::command::usage;

/// The device of a host's link.
const DEVICE: &str = "shukuba0";
/// How often is looked whether the key is old.
const LOOK_EVERY: Duration = Duration::from_secs(3600);
/// The kernel's door to devices of ours.
const TUN: &str = "/dev/net/tun";
/// The bit of CAP_NET_ADMIN. Source: capability.h.
const NET_ADMIN: u64 = 1 << 12;

/// How a host carries its link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Mode {
    /// With a device of the kernel where the agent may make one (root, or CAP_NET_ADMIN); within the agent where --link-forward,
    /// --link-publish or --link-socks is given; else not at all
    #[default]
    Auto,
    /// With a device of the kernel: all programs of the host use it. Without root or CAP_NET_ADMIN it is the device shukuba0 that was made for
    /// the agent's user before
    Kernel,
    /// Within the agent, without privileges: for what is forwarded, published, or comes by SOCKS5
    Rootless,
    /// Not at all
    Off,
}

/// How a host inside a private network finds hosts outside that are linked to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Routes {
    /// By one route for the range in which all of them have their addresses. The server and the resolvers of /etc/resolv.conf stay
    /// where they are; what else of the range this host reaches by its default route goes to the gateway
    #[default]
    Range,
    /// By a route for each that is linked
    Hosts,
}

/// The arguments about the link.
#[derive(Clone, Debug, clap::Args)]
pub struct LinkArgs {
    /// How this host is linked to private networks
    #[arg(long, value_enum, value_name = "HOW", default_value = "auto")]
    link: Mode,

    /// How this host finds hosts outside, where it is inside a network
    #[arg(long, value_enum, value_name = "HOW", default_value = "range")]
    link_routes: Routes,

    /// Rootless: a listener on loopback that leads to an address of the network, such as 127.0.0.1:8080=172.31.0.10:80
    #[arg(long, value_name = "LISTEN=TO", value_parser = forward)]
    link_forward: Vec<Forward>,

    /// Rootless: a port of the host's private address that leads to a service on loopback, such as 9000=127.0.0.1:9000
    #[arg(long, value_name = "PORT=TO", value_parser = publish)]
    link_publish: Vec<Publish>,

    /// Rootless: where SOCKS5 listens on loopback, for any address of the network, such as 127.0.0.1:1080
    #[arg(long, value_name = "ADDRESS:PORT")]
    link_socks: Option<SocketAddr>,

    /// How long a key of the link is used before another takes its place
    #[arg(long, value_name = "SPAN", default_value = "30d")]
    link_key_for: Span,
}

impl LinkArgs {
    /// What carries the link, if anything does. `server`: the agent's, as `host:port`.
    ///
    /// # Errors
    /// [`Usage`](crate::command::Usage) for arguments that do not fit together; when the kernel was asked for and cannot, or keys cannot
    /// be read or made.
    pub fn open(
        &self,
        state: &Path,
        server: &str,
        clock: &Arc<dyn Clock>,
    ) -> anyhow::Result<Option<Arc<Carrier>>> {
        let Some(behind) = self.behind()? else {
            return Ok(None);
        };
        let reach = match self.link_routes {
            Routes::Hosts => Reach::Hosts,
            Routes::Range => Reach::Range {
                server: server.to_owned(),
            },
        };
        let settings = Settings {
            folder: state.to_owned(),
            behind,
            reach,
            clock: Arc::clone(clock),
        };
        Carrier::open(settings, self.link_key_for.get()).map(Some)
    }

    fn behind(&self) -> anyhow::Result<Option<Behind>> {
        let ways = Ways {
            forwards: self.link_forward.clone(),
            publishes: self.link_publish.clone(),
            socks: self.link_socks,
        };
        let has_ways =
            !ways.forwards.is_empty() || !ways.publishes.is_empty() || ways.socks.is_some();
        let device = || Behind::Device {
            name: DEVICE.to_owned(),
        };
        match self.link {
            Mode::Kernel | Mode::Off if has_ways => Err(usage(
                "--link-forward, --link-publish and --link-socks are for --link rootless",
            )),
            Mode::Off => Ok(None),
            Mode::Kernel if !(may_use_kernel() || may_open_tun() && Tun::is_there(DEVICE)) => {
                anyhow::bail!(
                    "--link kernel needs /dev/net/tun, and root, CAP_NET_ADMIN or a device made for this user before (`ip tuntap add dev {DEVICE} mode tun user USER`); without: --link rootless"
                )
            }
            Mode::Kernel => Ok(Some(device())),
            Mode::Rootless => Ok(Some(Behind::Stack(ways))),
            Mode::Auto if has_ways => Ok(Some(Behind::Stack(ways))),
            Mode::Auto => Ok(may_use_kernel().then(device)),
        }
    }
}

/// Reads `LISTEN=TO`.
///
/// # Errors
/// What would be right.
pub fn forward(text: &str) -> Result<Forward, String> {
    let (listen, to) = text.split_once('=').unzip();
    let listen = listen.and_then(|at| at.parse().ok());
    let to = to.and_then(|to| to.parse().ok());
    let right = || {
        format!(
            "`{text}` is not LISTEN=TO, two addresses with ports: 127.0.0.1:8080=172.31.0.10:80"
        )
    };
    let (listen, to) = listen.zip(to).ok_or_else(right)?;
    Ok(Forward { listen, to })
}

/// Reads `PORT=TO`.
///
/// # Errors
/// What would be right.
pub fn publish(text: &str) -> Result<Publish, String> {
    let (port, to) = text.split_once('=').unzip();
    let port = port.and_then(|port| port.parse().ok());
    let to = to.and_then(|to| to.parse().ok());
    let right = || format!("`{text}` is not PORT=TO: 9000=127.0.0.1:9000");
    let (port, to) = port.zip(to).ok_or_else(right)?;
    Ok(Publish { port, to })
}

/// Whether this process may make devices and routes.
#[must_use]
pub fn may_use_kernel() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    has_net_admin(&status) && may_open_tun()
}

fn may_open_tun() -> bool {
    let mut options = std::fs::File::options();
    options.read(true).write(true).open(TUN).is_ok()
}

/// Whether CAP_NET_ADMIN is among the effective ones.
fn has_net_admin(status: &str) -> bool {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let bits = line.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
    bits.is_some_and(|bits| bits & NET_ADMIN != 0)
}

/// The host's link: a driver, and keys that are not used for ever.
#[derive(Debug)]
pub struct Carrier {
    driver: HostDriver,
}

impl Carrier {
    /// A link whose keys are in the settings' folder, which is there. A key older than `key_for` is replaced.
    ///
    /// # Errors
    /// When the keys cannot be read or made.
    pub fn open(settings: Settings, key_for: Duration) -> anyhow::Result<Arc<Self>> {
        let clock = Arc::clone(&settings.clock);
        let file = settings.folder.join(link::driver::keys::CURRENT);
        let driver = HostDriver::new(settings)?;
        let carrier = Arc::new(Self { driver });
        let weak = Arc::downgrade(&carrier);
        tokio::spawn(async move {
            while let Some(carrier) = weak.upgrade() {
                if is_older(&file, key_for, &*clock) {
                    match carrier.driver.rotate() {
                        Ok(key) => info!(%key, "the link gets another key"),
                        Err(error) => warn!(%error, "the link keeps its key"),
                    }
                }
                drop(carrier);
                tokio::time::sleep(LOOK_EVERY.min(key_for)).await;
            }
        });
        Ok(carrier)
    }
}

fn is_older(file: &Path, than: Duration, clock: &dyn Clock) -> bool {
    let made = std::fs::metadata(file).and_then(|about| about.modified());
    let made = made
        .ok()
        .and_then(|made| made.duration_since(SystemTime::UNIX_EPOCH).ok());
    made.is_some_and(|made| clock.now().since(Timestamp::EPOCH.plus(made)) >= than)
}

#[async_trait]
impl LinkDriver for Carrier {
    fn key(&self) -> PublicKey {
        self.driver.key()
    }

    async fn changed(&self) {
        self.driver.changed().await;
    }

    async fn apply(&self, plan: &HostPlan) -> Result<(), String> {
        self.driver
            .apply(plan)
            .await
            .map_err(|problems| problems.to_string())
    }

    fn handshake_ms_ago(&self) -> Option<u64> {
        let ago = self.driver.handshake()?;
        u64::try_from(ago.as_millis()).ok()
    }

    async fn stop(&self) {
        self.driver.stop().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_are_read_and_what_is_none_says_what_would_be_right() {
        let read = forward("127.0.0.1:8080=172.31.0.10:80").unwrap();
        assert_eq!(read.to.to_string(), "172.31.0.10:80");
        assert_eq!(publish("9000=127.0.0.1:9001").unwrap().port, 9000);
        for text in [
            "",
            "8080=172.31.0.10:80",
            "127.0.0.1:8080",
            "127.0.0.1:8080=[::1]:80",
        ] {
            assert!(forward(text).unwrap_err().contains("LISTEN=TO"), "{text}");
        }
        for text in ["", "9000", "x=127.0.0.1:1", "70000=127.0.0.1:1"] {
            assert!(publish(text).unwrap_err().contains("PORT=TO"), "{text}");
        }
    }

    #[test]
    fn net_admin_is_read_from_the_effective_capabilities() {
        let of = |bits: &str| format!("Name:\tx\nCapPrm:\t000001ffffffffff\nCapEff:\t{bits}\n");
        assert!(has_net_admin(&of("0000000000001000")));
        assert!(has_net_admin(&of("000001ffffffffff")));
        assert!(!has_net_admin(&of("0000000000000000")));
        assert!(!has_net_admin(""));
    }
}
