//! A host's part: its link if it is outside, its routes to hosts outside if it is inside.
//!
//! The link's device, address and routes are the process's: they go with it, however it ends.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use base::time::Clock;
use ipnet::Ipv4Net;
use net::plan::{Gateway, HostLink};
use net::{HostPlan, PublicKey};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::keys::Keys;
use super::outside::{self, Near, Reach};
use super::stamps::Stamps;
use super::{Problem, Problems};
use crate::kernel::{Kernel, Route, To};
use crate::packet::{Open, channel};
use crate::rootless::{self, Forward, Publish, Rootless, SystemResolver};
use crate::wire::{KEEPALIVE, Peer, SILENCE, Wire};
use crate::{Device, PrivateKey, Socket, Tun};

/// How often a silent gateway's name is looked up again, and a device that has gone is made anew.
const AGAIN: Duration = Duration::from_secs(5);
/// How often is looked whether what a route for all hosts outside must not take is elsewhere now. Chosen: a server that gets
/// another address is found within half a minute, for two questions a minute.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// What a host's driver needs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the host's keys are kept.
    pub folder: PathBuf,
    /// What is behind the tunnel.
    pub behind: Behind,
    /// How hosts outside are found where it is inside.
    pub reach: Reach,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
}

/// What is behind a host's tunnel.
#[derive(Clone, Debug)]
pub enum Behind {
    /// A device of the kernel, for all programs of the host. Needs CAP_NET_ADMIN.
    Device {
        /// Its name: at most 15 bytes.
        name: String,
    },
    /// A stack in this process, which needs no privilege. Routes of a host inside are the kernel's, and so there are none.
    Stack(Ways),
}

/// The ways in and out of a stack.
#[derive(Clone, Debug, Default)]
pub struct Ways {
    /// Listeners on loopback that lead to one address each.
    pub forwards: Vec<Forward>,
    /// Ports of the private address that lead to services on loopback.
    pub publishes: Vec<Publish>,
    /// Where SOCKS5 listens on loopback, if it does.
    pub socks: Option<SocketAddr>,
}

/// Carries a host's part of private networks.
#[derive(Debug)]
pub struct HostDriver {
    shared: Arc<Shared>,
    /// Looks after the link from the first plan on.
    keeper: Mutex<JoinSet<()>>,
}

#[derive(Debug)]
struct Shared {
    settings: Settings,
    keys: Mutex<Keys>,
    stamps: Mutex<Stamps>,
    is_changed: Notify,
    state: tokio::sync::Mutex<State>,
    /// The link's tunnel, for who only looks.
    wire: Mutex<Option<Arc<Wire>>>,
}

#[derive(Debug, Default)]
struct State {
    plan: Option<HostPlan>,
    link: Option<Up>,
    kernel: Option<Kernel>,
    near: Near,
    /// When a plan was carried out last, on the clock that never goes back.
    looked: Duration,
}

/// When the time is noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// A tunnel begins.
    Begin,
    /// It is there.
    Meanwhile,
}

/// A link that is up.
#[derive(Debug)]
struct Up {
    wire: Arc<Wire>,
    seat: Seat,
    gateway: Gateway,
    endpoint: SocketAddr,
}

/// What was made behind a link's tunnel.
#[derive(Debug)]
enum Seat {
    Device {
        index: u32,
    },
    Stack {
        stack: Rootless,
        address: Ipv4Addr,
        ranges: Vec<Ipv4Net>,
    },
}

impl Seat {
    const fn index(&self) -> Option<u32> {
        match self {
            Self::Device { index } => Some(*index),
            Self::Stack { .. } => None,
        }
    }

    /// Whether it is for this link. A stack's address and ranges stay as they are.
    fn is_for(&self, link: &HostLink) -> bool {
        match self {
            Self::Device { .. } => true,
            Self::Stack {
                address, ranges, ..
            } => *address == link.address && *ranges == link.ranges,
        }
    }
}

impl HostDriver {
    /// A driver that has carried out nothing yet.
    ///
    /// # Errors
    /// [`Problem`] when the host's keys cannot be read or made.
    pub fn new(settings: Settings) -> Result<Self, Problem> {
        let keys = Keys::open(&settings.folder)?;
        let stamps = Stamps::open(&settings.folder, &*settings.clock);
        Ok(Self {
            shared: Arc::new(Shared {
                settings,
                keys: Mutex::new(keys),
                stamps: Mutex::new(stamps),
                is_changed: Notify::new(),
                state: tokio::sync::Mutex::default(),
                wire: Mutex::default(),
            }),
            keeper: Mutex::default(),
        })
    }

    /// The key that the host has, or wants to have from now on.
    #[must_use]
    pub fn key(&self) -> PublicKey {
        self.shared.keys.lock().told()
    }

    /// Makes another key. The one before stays in use until a plan says that the gateway knows the new one.
    ///
    /// # Errors
    /// [`Problem`] when it cannot be made or kept.
    pub fn rotate(&self) -> Result<PublicKey, Problem> {
        self.shared.rotate()
    }

    /// Comes back when there is another key to tell.
    pub async fn changed(&self) {
        self.shared.is_changed.notified().await;
    }

    /// Brings about what `plan` says and takes away what it does not.
    ///
    /// # Errors
    /// [`Problems`]: all that is not as it says; the rest is.
    pub async fn apply(&self, plan: &HostPlan) -> Result<(), Problems> {
        self.look_after();
        let mut state = self.shared.state.lock().await;
        state.plan = Some(plan.clone());
        self.shared.carry_out(&mut state, plan).await
    }

    fn look_after(&self) {
        let mut keeper = self.keeper.lock();
        if keeper.is_empty() {
            keeper.spawn(keep(Arc::downgrade(&self.shared)));
        }
    }

    /// How long ago the last handshake with the gateway was.
    #[must_use]
    pub fn handshake(&self) -> Option<Duration> {
        let wire = self.shared.wire.lock().clone();
        let peers = wire.map(|wire| wire.peers()).unwrap_or_default();
        peers.first().and_then(|peer| peer.handshake)
    }

    /// Takes all away.
    pub async fn stop(&self) {
        let mut keeper = std::mem::take(&mut *self.keeper.lock());
        keeper.shutdown().await;
        let mut state = self.shared.state.lock().await;
        state.plan = None;
        let nothing = HostPlan::default();
        if let Err(problems) = self.shared.carry_out(&mut state, &nothing).await {
            tracing::warn!(%problems, "something of the link is left");
        }
    }
}

impl Shared {
    fn rotate(&self) -> Result<PublicKey, Problem> {
        let key = self.keys.lock().rotate()?;
        self.is_changed.notify_one();
        Ok(key)
    }

    /// Makes another key where the clock is behind what handshakes by the present one have said. It serves as soon as the gateway knows
    /// it; until then the gateway's own handshakes find the host if it is where it was.
    fn note_time(&self, at: Moment) -> Result<(), Problem> {
        let (mut stamps, clock) = (self.stamps.lock(), &*self.settings.clock);
        if at == Moment::Begin && stamps.is_behind(clock) {
            let key = self.rotate()?;
            tracing::warn!(%key, "the clock was set back: the link gets another key, since handshakes by this one count as old");
            stamps.restart(clock);
        }
        stamps.note(clock);
        Ok(())
    }

    async fn carry_out(&self, state: &mut State, plan: &HostPlan) -> Result<(), Problems> {
        let mut problems = Problems::default();
        state.looked = self.settings.clock.monotonic();
        let is_nothing = *plan
            == HostPlan {
                generation: plan.generation,
                ..HostPlan::default()
            };
        let is_device = matches!(self.settings.behind, Behind::Device { .. });
        if is_device && is_nothing && state.kernel.is_none() {
            // What an earlier process left may be there; where the kernel's tables are closed there is nothing to take away.
            state.kernel = Kernel::open().ok();
        } else if is_device && state.kernel.is_none() {
            state.kernel = problems.note(Kernel::open().map_err(Problem::Netlink));
        }
        let mut routes = BTreeSet::new();
        match plan.link.as_ref().map(|link| self.way(link)) {
            None | Some(Ok(None)) => self.take_down(state).await,
            Some(Err(problem)) => problems.0.push(problem),
            Some(Ok(Some((link, gateway)))) => {
                let up = self.bring_up(state, link, gateway).await;
                routes.extend(problems.note(up).unwrap_or_default());
            }
        }
        let inside = self.inside(state, plan).await;
        routes.extend(match problems.note(inside) {
            Some(routes) => routes,
            None => outside::each(&plan.routes),
        });
        if let Some(kernel) = &state.kernel {
            let index = state.link.as_ref().and_then(|up| up.seat.index());
            let set = kernel.set_routes(index, outside::METRIC, &routes).await;
            if !(is_nothing && set.is_err()) {
                problems.note(set);
            }
        }
        problems.into_result()
    }

    /// The routes of a host inside.
    async fn inside(&self, state: &mut State, plan: &HostPlan) -> Result<BTreeSet<Route>, Problem> {
        let (Some(range), Reach::Range { server }, Some(kernel)) =
            (&plan.outside, &self.settings.reach, &state.kernel)
        else {
            return Ok(outside::each(&plan.routes));
        };
        let near = state.near.look(server).await?;
        outside::whole(range, &plan.routes, &kernel.others().await?, &near)
    }

    /// The link and its gateway; `None` where the network has no gateway, or it does not know us by a key that we have: then
    /// there is nothing to do but to wait for the next plan.
    fn way<'a>(&self, link: &'a HostLink) -> Result<Option<(&'a HostLink, &'a Gateway)>, Problem> {
        let (Some(gateway), Some(key)) = (&link.gateway, link.key) else {
            return Ok(None);
        };
        let is_ours = self.keys.lock().take(key)?.is_some();
        Ok(is_ours.then_some((link, gateway)))
    }

    /// Brings the link to what it is to be. Returns its routes.
    async fn bring_up(
        &self,
        state: &mut State,
        link: &HostLink,
        gateway: &Gateway,
    ) -> Result<Vec<Route>, Problem> {
        let endpoint = resolve(&gateway.endpoint).await?;
        refuse_circle(link, endpoint)?;
        let Some(key) = link.key.and_then(|key| self.private(key)) else {
            return Ok(Vec::new());
        };
        if state.link.as_ref().is_some_and(|up| !up.seat.is_for(link)) {
            self.take_down(state).await;
        }
        let State {
            link: up, kernel, ..
        } = state;
        if let (Some(kernel), Behind::Device { name }) = (&*kernel, &self.settings.behind) {
            // One that is there before us has the link's address already.
            let own = kernel.index(name).await.ok();
            refuse_overlap(kernel, link, own).await?;
        }
        let up = match up {
            Some(up) => up,
            None => {
                let (wire, seat) = self.make(&key, kernel.as_ref(), link).await?;
                *self.wire.lock() = Some(Arc::clone(&wire));
                up.insert(Up {
                    wire,
                    seat,
                    gateway: gateway.clone(),
                    endpoint,
                })
            }
        };
        up.wire.set_key(&key).await;
        let is_moved = up.endpoint != endpoint || up.gateway != *gateway;
        let is_new = up.wire.peers().iter().all(|peer| peer.key != gateway.key);
        up.wire.set(Peer {
            key: gateway.key,
            endpoint: (is_moved || is_new).then_some(endpoint),
            ranges: link.ranges.clone(),
            keepalive: Some(KEEPALIVE),
        });
        for peer in up.wire.peers() {
            if peer.key != gateway.key {
                up.wire.remove(&peer.key);
            }
        }
        (up.gateway, up.endpoint) = (gateway.clone(), endpoint);
        if let (Some(kernel), Some(index)) = (kernel, up.seat.index()) {
            kernel.set_address(index, link.address).await?;
        }
        up.wire.greet(&gateway.key).await;
        let Some(index) = up.seat.index() else {
            return Ok(Vec::new());
        };
        let through = To::Device {
            index,
            source: Some(link.address),
        };
        let routes = link.ranges.iter().map(|&range| Route {
            range,
            to: through,
            metric: 0,
        });
        Ok(routes.collect())
    }

    fn private(&self, key: PublicKey) -> Option<crate::PrivateKey> {
        let mut keys = self.keys.lock();
        keys.take(key).ok().flatten().cloned()
    }

    /// A tunnel without a peer, and what is behind it.
    async fn make(
        &self,
        key: &PrivateKey,
        kernel: Option<&Kernel>,
        link: &HostLink,
    ) -> Result<(Arc<Wire>, Seat), Problem> {
        let at = SocketAddr::new(IpAddr::from([0; 16]), 0);
        let socket = Socket::any(usual_port(key.public())).or_else(|_| Socket::any(0));
        let socket = socket.map_err(|source| Problem::Socket { at, source })?;
        let (device, seat) = match (&self.settings.behind, kernel) {
            (Behind::Device { name }, Some(kernel)) => {
                let tun = Tun::make(name)?;
                let index = kernel.index(name).await?;
                (Device::Tun(tun), Seat::Device { index })
            }
            (Behind::Device { .. }, None) => {
                let closed = std::io::ErrorKind::PermissionDenied.into();
                return Err(Problem::Netlink(closed));
            }
            (Behind::Stack(ways), _) => self.stack(ways, link).await?,
        };
        self.note_time(Moment::Begin)?;
        let clock = Arc::clone(&self.settings.clock);
        let wire = Wire::start(key, socket, device, Arc::new(Open), clock);
        Ok((Arc::new(wire), seat))
    }

    async fn stack(&self, ways: &Ways, link: &HostLink) -> Result<(Device, Seat), Problem> {
        let (tunnel, end) = channel();
        let settings = rootless::Settings {
            address: link.address,
            ranges: link.ranges.clone(),
            forwards: ways.forwards.clone(),
            publishes: ways.publishes.clone(),
            socks: ways.socks,
            limits: rootless::Limits::default(),
        };
        let clock = Arc::clone(&self.settings.clock);
        let stack = Rootless::start(settings, end, clock, Arc::new(SystemResolver)).await?;
        let seat = Seat::Stack {
            stack,
            address: link.address,
            ranges: link.ranges.clone(),
        };
        Ok((Device::Stack(tunnel), seat))
    }

    async fn take_down(&self, state: &mut State) {
        self.wire.lock().take();
        if let Some(up) = state.link.take() {
            up.wire.stop().await;
            if let Seat::Stack { stack, .. } = up.seat {
                stack.stop().await;
            }
        }
    }

    /// Makes anew what has gone, and finds a gateway or a server that has moved.
    async fn look_after(&self, is_gone: bool) {
        let mut state = self.state.lock().await;
        if is_gone {
            self.take_down(&mut state).await;
        }
        let waited = self.settings.clock.monotonic().saturating_sub(state.looked);
        let is_due = |plan: &HostPlan| {
            plan.link.is_some() || (plan.outside.is_some() && waited >= LOOK_EVERY)
        };
        let Some(plan) = state.plan.clone().filter(is_due) else {
            return;
        };
        if let Err(problems) = self.carry_out(&mut state, &plan).await {
            tracing::warn!(%problems, "the link is not as it should be");
        }
    }
}

/// Looks after the link as long as its driver is there.
async fn keep(shared: Weak<Shared>) {
    loop {
        let wire = shared
            .upgrade()
            .and_then(|shared| shared.wire.lock().clone());
        let why = tokio::select! {
            why = failed(wire.as_deref()) => Some(why),
            () = tokio::time::sleep(AGAIN) => None,
        };
        let Some(shared) = shared.upgrade() else {
            return;
        };
        // One that was taken down on purpose has ended too.
        let now = shared.wire.lock().clone();
        let is_its = |own: &Arc<Wire>| now.as_ref().is_some_and(|now| Arc::ptr_eq(own, now));
        let why = why.filter(|_| wire.as_ref().is_some_and(is_its));
        if wire.is_some()
            && let Err(problem) = shared.note_time(Moment::Meanwhile)
        {
            tracing::warn!(%problem, "the time is not noted");
        }
        if let Some(why) = &why {
            tracing::warn!(%why, "the link's device is made anew");
        }
        let is_silent = |wire: &Arc<Wire>| {
            let peers = wire.peers();
            let mut heard = peers.iter().map(|peer| peer.heard);
            heard.all(|heard| heard.is_none_or(|ago| ago >= SILENCE))
        };
        if why.is_some() || wire.as_ref().is_none_or(is_silent) {
            shared.look_after(why.is_some()).await;
        }
    }
}

async fn failed(wire: Option<&Wire>) -> String {
    match wire {
        Some(wire) => wire.failed().await,
        None => std::future::pending().await,
    }
}

/// The port that a host with this key takes if it is free, of those that are nobody's (RFC 6335: 49152 and above). Where it is the
/// same after a restart the gateway finds the host where it was, even one whose clock has been set back, and whose own handshakes
/// the gateway takes for old ones until that time has passed.
fn usual_port(key: PublicKey) -> u16 {
    let [high, low, ..] = key.bytes();
    u16::from_be_bytes([high, low]) | 0xc000
}

async fn resolve(endpoint: &str) -> Result<SocketAddr, Problem> {
    let unresolved = |source| Problem::Unresolved {
        endpoint: endpoint.to_owned(),
        source,
    };
    let mut found = tokio::net::lookup_host(endpoint)
        .await
        .map_err(unresolved)?;
    let none = || unresolved(std::io::ErrorKind::NotFound.into());
    found.next().ok_or_else(none)
}

fn refuse_circle(link: &HostLink, endpoint: SocketAddr) -> Result<(), Problem> {
    let IpAddr::V4(ip) = endpoint.ip().to_canonical() else {
        return Ok(());
    };
    match link.ranges.iter().find(|range| range.contains(&ip)) {
        Some(&range) => Err(Problem::Circle { endpoint, range }),
        None => Ok(()),
    }
}

/// Refuses ranges in which the host has an address by something else: its routes there would go through the link.
async fn refuse_overlap(kernel: &Kernel, link: &HostLink, own: Option<u32>) -> Result<(), Problem> {
    for (index, address) in kernel.addresses().await? {
        let within = |range: &&ipnet::Ipv4Net| range.contains(&address.addr());
        if let Some(&range) = link.ranges.iter().find(within)
            && Some(index) != own
        {
            let address = address.addr();
            return Err(Problem::Overlap { range, address });
        }
    }
    Ok(())
}
