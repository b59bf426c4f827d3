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
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteProtocol, RouteScope,
    RouteType,
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
    /// By a neighbour, through whatever device it is on.
    Via(Ipv4Addr),
    /// By a neighbour on this device, as a route of somebody else goes.
    At {
        /// The device's number.
        index: u32,
        /// The neighbour.
        neighbour: Ipv4Addr,
        /// From this address of ours if the sender has no wish.
        source: Option<Ipv4Addr>,
    },
    /// Not at all: who sends gets an error at once.
    Nowhere,
}

/// A route of the host's that is not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Other {
    /// To where.
    pub range: Ipv4Net,
    /// How; `None` for a way that is not one of [`To`], such as by a neighbour's address of IPv6.
    pub to: Option<To>,
    /// Of several routes to one range the one with the least is taken.
    pub metric: u32,
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

    /// Routes of ours: those through the device `index`, and those with the metric `owner`.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn routes(&self, index: Option<u32>, owner: u32) -> Result<BTreeSet<Route>, Refused> {
        let is_own = |route: &Route| match route.to {
            To::Device { index: own, .. } if Some(own) == index => true,
            _ => route.metric == owner,
        };
        let all = self.table().await?;
        Ok(all.iter().filter_map(Route::read).filter(is_own).collect())
    }

    /// Routes of the main table that are not ours and lead somewhere, or say that nothing does.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn others(&self) -> Result<Vec<Other>, Refused> {
        Ok(self.table().await?.iter().filter_map(Other::read).collect())
    }

    async fn table(&self) -> Result<Vec<RouteMessage>, Refused> {
        let all = RouteMessageBuilder::<Ipv4Addr>::new().build();
        let found = self.handle.route().get(all).execute();
        let fail = |error| refused("read the routes".to_owned(), &error);
        found.try_collect().await.map_err(fail)
    }

    /// Brings the routes of ours (see [`Self::routes`]) to `wanted`: adds first, so that what changes its way is never without
    /// one; narrow ones before wide ones, so that these take nothing that is to stay elsewhere, and away in the other order.
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
        let (mut first, mut missing) = (Ok(()), Vec::new());
        let is_in_place = |own: &BTreeSet<Route>, route: &Route| {
            let mut own = own.iter();
            own.any(|own| (own.range, own.metric) == (route.range, route.metric))
        };
        for route in narrow_first(wanted.difference(&present)) {
            let takes = |range: &Ipv4Net| route.range.contains(range) && route.range != *range;
            if matches!(route.to, To::Via(_)) && missing.iter().any(takes) {
                continue;
            }
            let add = self.handle.route().add(route.message());
            let add = match is_in_place(&present, route) {
                true => add.replace(),
                false => add,
            };
            if let Err(error) = add.execute().await {
                missing.push(route.range);
                first = first.and(Err(refused(format!("add the route {route}"), &error)));
            }
        }
        let gone = present.difference(wanted);
        let gone = gone.filter(|route| !is_in_place(wanted, route));
        for route in narrow_first(gone).into_iter().rev() {
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
            To::At {
                index,
                neighbour,
                source,
            } => {
                // Whether the neighbour is on that device was asked of the route whose way this is; and the mark tells it from
                // one by a neighbour alone.
                let builder = builder.output_interface(index).gateway(neighbour).onlink();
                match source {
                    Some(source) => builder.pref_source(source),
                    None => builder,
                }
            }
            To::Nowhere => builder.kind(RouteType::Unreachable),
        }
        .build()
    }

    /// `None` for a route that is not ours.
    fn read(message: &RouteMessage) -> Option<Self> {
        if message.header.protocol != RouteProtocol::Other(PROTOCOL) {
            return None;
        }
        let read = Read::of(message)?;
        let to = match (message.header.kind, read.via, read.device) {
            (RouteType::Unreachable, ..) => To::Nowhere,
            (_, Some(neighbour), Some(index)) if read.is_onlink => To::At {
                index,
                neighbour,
                source: read.source,
            },
            (_, Some(via), _) => To::Via(via),
            (_, None, Some(index)) => To::Device {
                index,
                source: read.source,
            },
            (_, None, None) => return None,
        };
        Some(Self {
            range: read.range,
            to,
            metric: read.metric,
        })
    }
}

impl Other {
    /// `None` for a route of ours, of another table, or that the kernel passes over.
    fn read(message: &RouteMessage) -> Option<Self> {
        let header = &message.header;
        let is_other = header.protocol != RouteProtocol::Other(PROTOCOL)
            && header.table == RouteHeader::RT_TABLE_MAIN
            && !header.flags.contains(RouteFlags::Dead);
        let read = Read::of(message).filter(|_| is_other)?;
        let source = read.source;
        let to = match (header.kind, read.via, read.device) {
            (RouteType::Unicast, ..) if read.is_strange => None,
            (RouteType::Unicast, Some(neighbour), Some(index)) => Some(To::At {
                index,
                neighbour,
                source,
            }),
            (RouteType::Unicast, None, Some(index)) => Some(To::Device { index, source }),
            (RouteType::Unicast, _, None) => None,
            _ => Some(To::Nowhere),
        };
        Some(Self {
            range: read.range,
            to,
            metric: read.metric,
        })
    }
}

/// What a route's message says, of what matters here.
struct Read {
    range: Ipv4Net,
    metric: u32,
    source: Option<Ipv4Addr>,
    device: Option<u32>,
    via: Option<Ipv4Addr>,
    is_onlink: bool,
    /// It goes by what is none of these.
    is_strange: bool,
}

impl Read {
    fn of(message: &RouteMessage) -> Option<Self> {
        let length = message.header.destination_prefix_length;
        let mut read = Self {
            range: Ipv4Net::new(Ipv4Addr::UNSPECIFIED, length).ok()?,
            metric: 0,
            source: None,
            device: None,
            via: None,
            is_onlink: message.header.flags.contains(RouteFlags::Onlink),
            is_strange: false,
        };
        for attribute in &message.attributes {
            match attribute {
                RouteAttribute::Destination(RouteAddress::Inet(ip)) => {
                    read.range = Ipv4Net::new(*ip, length).ok()?;
                }
                RouteAttribute::PrefSource(RouteAddress::Inet(ip)) => read.source = Some(*ip),
                RouteAttribute::Priority(own) => read.metric = *own,
                // Of several ways at once the first will do.
                RouteAttribute::MultiPath(hops) => {
                    if let Some(hop) = hops.first() {
                        read.device = Some(hop.interface_index);
                        hop.attributes.iter().for_each(|own| read.hop(own));
                    }
                }
                hop => read.hop(hop),
            }
        }
        Some(read)
    }

    fn hop(&mut self, attribute: &RouteAttribute) {
        match attribute {
            RouteAttribute::Gateway(RouteAddress::Inet(ip)) => self.via = Some(*ip),
            RouteAttribute::Oif(index) => self.device = Some(*index),
            RouteAttribute::Via(_) | RouteAttribute::Encap(_) => self.is_strange = true,
            _ => {}
        }
    }
}

fn narrow_first<'a>(routes: impl Iterator<Item = &'a Route>) -> Vec<&'a Route> {
    let mut routes: Vec<_> = routes.collect();
    routes.sort_by_key(|route| std::cmp::Reverse(route.range.prefix_len()));
    routes
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to {
            To::Device { .. } => write!(f, "{} through a device", self.range),
            To::Via(neighbour) | To::At { neighbour, .. } => {
                write!(f, "{} via {neighbour}", self.range)
            }
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
            To::At {
                index: 7,
                neighbour: Ipv4Addr::new(10, 77, 0, 1),
                source: Some(Ipv4Addr::new(10, 77, 0, 4)),
            },
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
