//! Addresses, routes and proxy ARP in the kernel, by netlink.
//!
//! What is here changes only what it has made: routes are marked by a protocol number of ours, those that are not bound to a
//! device by a metric of their maker too, and proxy entries by the protocol number. So what a process left that was
//! killed is found and put right by the next, and nobody else's is touched.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr};

use futures_util::TryStreamExt;
use ipnet::Ipv4Net;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::AddressAttribute;
use rtnetlink::packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage,
};
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use rtnetlink::{Handle, RouteMessageBuilder};
use tokio::task::JoinSet;

/// Marks routes and proxy entries of ours. Numbers of 128 and more are for whoever asks the kernel's maintainers; this one is
/// not taken in `rt_protos` of iproute2 6.1.
pub const PROTOCOL: u8 = 153;

/// A route of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// To where.
    pub range: Ipv4Net,
    /// How.
    pub to: To,
    /// Of several routes to one range the one with the least is taken. What is not bound to a device is known to be ours by it.
    pub metric: u32,
}

/// How packets get to where a route leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum To {
    /// Through a device, from this address of ours if the sender has no wish.
    Device {
        /// The device's number.
        index: u32,
        /// The address.
        source: Option<Ipv4Addr>,
    },
    /// By a neighbour.
    Via(Ipv4Addr),
    /// Not at all: who sends gets an error at once.
    Nowhere,
}

/// The kernel refused something.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {source}")]
pub struct Refused {
    /// What was to be done.
    pub what: String,
    /// What it said.
    pub source: io::Error,
}

/// The kernel's tables of the network namespace in which it was opened.
#[derive(Debug)]
pub struct Kernel {
    handle: Handle,
    _connection: JoinSet<()>,
}

impl Kernel {
    /// Opens the way to the kernel. Must be called within a runtime of tokio.
    ///
    /// # Errors
    /// The system's.
    pub fn open() -> io::Result<Self> {
        let (connection, handle, _) = rtnetlink::new_connection()?;
        let mut tasks = JoinSet::new();
        tasks.spawn(connection);
        Ok(Self {
            handle,
            _connection: tasks,
        })
    }

    /// The number of a device.
    ///
    /// # Errors
    /// [`Refused`], e.g. when there is no such device.
    pub async fn index(&self, device: &str) -> Result<u32, Refused> {
        let links = self.handle.link().get().match_name(device.to_owned());
        let found = links.execute().try_next().await;
        let found =
            found.map_err(|error| refused(format!("look for the device `{device}`"), &error))?;
        found.map(|link| link.header.index).ok_or_else(|| Refused {
            what: format!("look for the device `{device}`"),
            source: io::ErrorKind::NotFound.into(),
        })
    }

    /// All addresses of IPv4, with the number of their device.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn addresses(&self) -> Result<Vec<(u32, Ipv4Net)>, Refused> {
        let mut found = self.handle.address().get().execute();
        let mut addresses = Vec::new();
        let fail = |error| refused("read the addresses".to_owned(), &error);
        while let Some(address) = found.try_next().await.map_err(fail)? {
            let of_v4 = address
                .attributes
                .iter()
                .find_map(|attribute| match attribute {
                    AddressAttribute::Local(IpAddr::V4(ip)) => Some(*ip),
                    _ => None,
                });
            let range = of_v4.and_then(|ip| Ipv4Net::new(ip, address.header.prefix_len).ok());
            addresses.extend(range.map(|range| (address.header.index, range)));
        }
        Ok(addresses)
    }

    /// Gives a device of ours this address and no other.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn set_address(&self, index: u32, address: Ipv4Addr) -> Result<(), Refused> {
        let mut has = false;
        let mut found = self
            .handle
            .address()
            .get()
            .set_link_index_filter(index)
            .execute();
        let fail = |error| refused("read the addresses".to_owned(), &error);
        while let Some(other) = found.try_next().await.map_err(fail)? {
            let local = AddressAttribute::Local(address.into());
            if other.attributes.contains(&local) {
                has = true;
            } else if other.header.family == AddressFamily::Inet {
                let gone = self.handle.address().del(other).execute().await;
                gone.map_err(|error| refused("take an address away".to_owned(), &error))?;
            }
        }
        if has {
            return Ok(());
        }
        let added = self
            .handle
            .address()
            .add(index, address.into(), 32)
            .execute();
        let what = || format!("give the device the address {address}");
        added.await.map_err(|error| refused(what(), &error))
    }

    /// Routes of ours: those through the device `index`, and those with the metric `owner` that are bound to none.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn routes(&self, index: Option<u32>, owner: u32) -> Result<BTreeSet<Route>, Refused> {
        let all = RouteMessageBuilder::<Ipv4Addr>::new().build();
        let mut found = self.handle.route().get(all).execute();
        let mut routes = BTreeSet::new();
        let fail = |error| refused("read the routes".to_owned(), &error);
        while let Some(message) = found.try_next().await.map_err(fail)? {
            routes.extend(Route::read(&message).filter(|route| match route.to {
                To::Device { index: own, .. } => Some(own) == index,
                To::Via(_) | To::Nowhere => route.metric == owner,
            }));
        }
        Ok(routes)
    }

    /// Brings the routes of ours (see [`Self::routes`]) to `wanted`: adds first, so that what changes its way is never without
    /// one.
    ///
    /// # Errors
    /// [`Refused`] with the first thing that did not work, when all has been tried.
    pub async fn set_routes(
        &self,
        index: Option<u32>,
        owner: u32,
        wanted: &BTreeSet<Route>,
    ) -> Result<(), Refused> {
        let present = self.routes(index, owner).await?;
        let mut first = Ok(());
        for route in wanted.difference(&present) {
            let added = self.handle.route().add(route.message()).execute().await;
            first =
                first.and(added.map_err(|error| refused(format!("add the route {route}"), &error)));
        }
        for route in present.difference(wanted) {
            let gone = self.handle.route().del(route.message()).execute().await;
            let gone =
                gone.map_err(|error| refused(format!("take the route {route} away"), &error));
            first = first.and(gone);
        }
        first
    }

    /// Answers on the LAN of the device `index` for `wanted`, and for no other address of `ranges`.
    ///
    /// # Errors
    /// [`Refused`] with the first thing that did not work, when all has been tried.
    pub async fn set_proxies(
        &self,
        index: u32,
        ranges: &[Ipv4Net],
        wanted: &BTreeSet<Ipv4Addr>,
    ) -> Result<(), Refused> {
        let mut present = BTreeSet::new();
        let mut found = self.handle.neighbours().get().proxies().execute();
        let fail = |error| refused("read the proxy entries".to_owned(), &error);
        while let Some(entry) = found.try_next().await.map_err(fail)? {
            let own = proxied(&entry).filter(|_| entry.header.ifindex == index);
            present.extend(own.filter(|ip| ranges.iter().any(|range| range.contains(ip))));
        }
        let mut first = Ok(());
        for &address in wanted.difference(&present) {
            let mut add = self.handle.neighbours().add(index, address.into());
            add = add.flags(NeighbourFlags::Proxy);
            let protocol = RouteProtocol::Other(PROTOCOL);
            let attributes = &mut add.message_mut().attributes;
            attributes.push(NeighbourAttribute::Protocol(protocol));
            let added = add.execute().await;
            let what = || format!("answer for {address}");
            first = first.and(added.map_err(|error| refused(what(), &error)));
        }
        for &address in present.difference(wanted) {
            let gone = self.handle.neighbours().del(proxy(index, address));
            let gone = gone.execute().await;
            let what = || format!("no longer answer for {address}");
            first = first.and(gone.map_err(|error| refused(what(), &error)));
        }
        first
    }
}

impl Route {
    fn message(&self) -> RouteMessage {
        let builder = RouteMessageBuilder::<Ipv4Addr>::new()
            .destination_prefix(self.range.network(), self.range.prefix_len())
            .protocol(RouteProtocol::Other(PROTOCOL));
        let builder = match self.metric {
            0 => builder,
            metric => builder.priority(metric),
        };
        match self.to {
            To::Device { index, source } => {
                let builder = builder.output_interface(index).scope(RouteScope::Link);
                match source {
                    Some(source) => builder.pref_source(source),
                    None => builder,
                }
            }
            To::Via(neighbour) => builder.gateway(neighbour),
            To::Nowhere => builder.kind(RouteType::Unreachable),
        }
        .build()
    }

    /// `None` for a route that is not ours.
    fn read(message: &RouteMessage) -> Option<Self> {
        if message.header.protocol != RouteProtocol::Other(PROTOCOL) {
            return None;
        }
        let (mut destination, mut device, mut via) = (Ipv4Addr::UNSPECIFIED, None, None);
        let (mut source, mut metric) = (None, 0);
        for attribute in &message.attributes {
            match attribute {
                RouteAttribute::Destination(RouteAddress::Inet(ip)) => destination = *ip,
                RouteAttribute::Gateway(RouteAddress::Inet(ip)) => via = Some(*ip),
                RouteAttribute::PrefSource(RouteAddress::Inet(ip)) => source = Some(*ip),
                RouteAttribute::Oif(index) => device = Some(*index),
                RouteAttribute::Priority(own) => metric = *own,
                _ => {}
            }
        }
        let range = Ipv4Net::new(destination, message.header.destination_prefix_length).ok()?;
        let to = match (message.header.kind, via, device) {
            (RouteType::Unreachable, ..) => To::Nowhere,
            (_, Some(via), _) => To::Via(via),
            (_, None, Some(index)) => To::Device { index, source },
            (_, None, None) => return None,
        };
        Some(Self { range, to, metric })
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to {
            To::Device { .. } => write!(f, "{} through the link", self.range),
            To::Via(neighbour) => write!(f, "{} via {neighbour}", self.range),
            To::Nowhere => write!(f, "{} to nowhere", self.range),
        }
    }
}

/// The address of a proxy entry of ours.
fn proxied(entry: &NeighbourMessage) -> Option<Ipv4Addr> {
    let own = NeighbourAttribute::Protocol(RouteProtocol::Other(PROTOCOL));
    let is_own = entry.attributes.contains(&own);
    let addresses = entry.attributes.iter();
    let mut addresses = addresses.filter_map(|attribute| match attribute {
        NeighbourAttribute::Destination(NeighbourAddress::Inet(ip)) => Some(*ip),
        _ => None,
    });
    addresses.next().filter(|_| is_own)
}

fn proxy(index: u32, address: Ipv4Addr) -> NeighbourMessage {
    let mut entry = NeighbourMessage::default();
    entry.header.family = AddressFamily::Inet;
    entry.header.ifindex = index;
    entry.header.flags = NeighbourFlags::Proxy;
    let address = NeighbourAddress::Inet(address);
    entry
        .attributes
        .push(NeighbourAttribute::Destination(address));
    entry
}

fn refused(what: String, error: &rtnetlink::Error) -> Refused {
    let source = match error {
        rtnetlink::Error::NetlinkError(said) => said.to_io(),
        other => io::Error::other(other.to_string()),
    };
    Refused { what, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_read_as_it_was_written_and_others_are_not_ours() {
        let ways = [
            To::Device {
                index: 7,
                source: Some(Ipv4Addr::new(10, 64, 0, 4)),
            },
            To::Device {
                index: 7,
                source: None,
            },
            To::Via(Ipv4Addr::new(10, 77, 0, 1)),
            To::Nowhere,
        ];
        for to in ways {
            for (range, metric) in [
                ("10.77.0.0/24", 0),
                ("0.0.0.0/0", 9),
                ("10.64.0.4/32", 1 << 20),
            ] {
                let range = range.parse().unwrap();
                let route = Route { range, to, metric };
                let mut message = route.message();
                assert_eq!(Route::read(&message), Some(route));
                message.header.protocol = RouteProtocol::Static;
                assert_eq!(Route::read(&message), None);
            }
        }
    }
}
