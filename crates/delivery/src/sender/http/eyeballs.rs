//! Which of a name's addresses answers first (RFC 8305).
//!
//! Families take turns, the resolver's first choice first. The next address is tried when the one before failed, or
//! beside it after [`NEXT_ADDRESS_AFTER`]; the first connection is taken and the other attempts are dropped.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep, sleep_until};

use crate::config::transport::Source;

/// The next address is tried beside a slow one after so long (RFC 8305, section 5: 250 ms).
const NEXT_ADDRESS_AFTER: Duration = Duration::from_millis(250);

/// Addresses of one name that are tried at most (chosen).
const ADDRESSES_TRIED: usize = 4;

/// No address answered: what became of each that was tried.
#[derive(Debug)]
pub(super) struct NoneAnswered {
    tried: Vec<(SocketAddr, Option<io::Error>)>,
}

impl NoneAnswered {
    /// Whether one of them had not failed when the time was over.
    pub(super) fn is_late(&self) -> bool {
        self.tried.iter().any(|(_, error)| error.is_none())
    }

    /// The address that was tried first.
    pub(super) fn first(&self) -> Option<SocketAddr> {
        self.tried.first().map(|(address, _)| *address)
    }
}

impl fmt::Display for NoneAnswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no connection to ")?;
        for (place, (address, error)) in self.tried.iter().enumerate() {
            if place > 0 {
                f.write_str("; ")?;
            }
            match error {
                Some(error) => write!(f, "{address}: {error}")?,
                None => write!(f, "{address}: no answer in time")?,
            }
        }
        Ok(())
    }
}

/// Connects to the first of `addresses` that answers before `limit`.
pub(super) async fn connect(
    addresses: &[SocketAddr],
    source: Option<Source>,
    limit: Instant,
) -> Result<(TcpStream, SocketAddr), NoneAnswered> {
    race(addresses, limit, |address| connect_one(address, source)).await
}

async fn race<T, F: Future<Output = io::Result<T>>>(
    addresses: &[SocketAddr],
    limit: Instant,
    connect: impl Fn(SocketAddr) -> F,
) -> Result<(T, SocketAddr), NoneAnswered> {
    let turns = take_turns(addresses);
    let mut waiting = turns.iter().copied();
    let mut tried = Vec::new();
    let mut running = FuturesUnordered::new();
    let start = |place: usize, address: SocketAddr| {
        let connecting = connect(address);
        async move { (place, address, connecting.await) }
    };
    let mut start_next = |tried: &mut Vec<_>, running: &mut FuturesUnordered<_>| {
        if let Some(address) = waiting.next() {
            running.push(start(tried.len(), address));
            tried.push((address, None));
        }
        waiting.len() > 0
    };
    let mut has_more = start_next(&mut tried, &mut running);
    loop {
        tokio::select! {
            biased;
            ended = running.next() => match ended {
                Some((_, address, Ok(connected))) => return Ok((connected, address)),
                Some((place, _, Err(error))) => {
                    if let Some((_, failed)) = tried.get_mut(place) {
                        *failed = Some(error);
                    }
                    has_more = start_next(&mut tried, &mut running);
                }
                None => return Err(NoneAnswered { tried }),
            },
            () = sleep_until(limit) => return Err(NoneAnswered { tried }),
            () = sleep(NEXT_ADDRESS_AFTER), if has_more => {
                has_more = start_next(&mut tried, &mut running);
            }
        }
    }
}

/// The addresses of each family in their order, the families by turns (RFC 8305, section 4).
fn take_turns(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let Some(first) = addresses.first() else {
        return Vec::new();
    };
    let (own, other): (Vec<_>, Vec<_>) = addresses
        .iter()
        .copied()
        .partition(|address| address.is_ipv4() == first.is_ipv4());
    let turns = own.len().max(other.len());
    let mut mixed: Vec<SocketAddr> = (0..turns)
        .flat_map(|turn| [own.get(turn), other.get(turn)])
        .flatten()
        .copied()
        .collect();
    mixed.truncate(ADDRESSES_TRIED);
    mixed
}

async fn connect_one(address: SocketAddr, source: Option<Source>) -> io::Result<TcpStream> {
    let stream = match source.and_then(|source| source.for_peer(address.ip())) {
        None => TcpStream::connect(address).await?,
        Some(own) => bound(address, own)?.connect(address).await?,
    };
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A socket for `peer` that stands on an address of this machine.
fn bound(peer: SocketAddr, own: IpAddr) -> io::Result<TcpSocket> {
    let socket = match peer {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.bind(SocketAddr::new(own, 0)).map_err(|error| {
        io::Error::new(
            error.kind(),
            format!(
                "source_address {own} cannot be used, it must be one of this machine's: {error}"
            ),
        )
    })?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns_after_the_first_choice() {
        let given = all(&[
            "[2001:db8::1]:1",
            "[2001:db8::2]:1",
            "192.0.2.1:1",
            "192.0.2.2:1",
        ]);
        let mixed = all(&[
            "[2001:db8::1]:1",
            "192.0.2.1:1",
            "[2001:db8::2]:1",
            "192.0.2.2:1",
        ]);
        assert_eq!(take_turns(&given), mixed);
        let given = all(&[
            "192.0.2.1:1",
            "192.0.2.2:1",
            "192.0.2.3:1",
            "[2001:db8::1]:1",
        ]);
        let mixed = all(&[
            "192.0.2.1:1",
            "[2001:db8::1]:1",
            "192.0.2.2:1",
            "192.0.2.3:1",
        ]);
        assert_eq!(take_turns(&given), mixed);
        let many: Vec<_> = (1..=9)
            .map(|n| SocketAddr::from(([192, 0, 2, n], 1)))
            .collect();
        assert_eq!(take_turns(&many), many[..ADDRESSES_TRIED]);
        assert_eq!(take_turns(&[]), []);
    }

    /// Each address does what its last byte says: 1 never answers, 2 refuses, 3 answers after 100 ms, 4 at once.
    async fn try_all(
        texts: &[&str],
        within: Duration,
    ) -> (Result<SocketAddr, NoneAnswered>, Duration) {
        let begun = Instant::now();
        let connect = |address: SocketAddr| async move {
            match address.port() {
                1 => std::future::pending::<io::Result<()>>().await,
                2 => Err(io::ErrorKind::ConnectionRefused.into()),
                3 => {
                    sleep(Duration::from_millis(100)).await;
                    Ok(())
                }
                _ => Ok(()),
            }
        };
        let found = race(&all(texts), begun + within, connect).await;
        (found.map(|((), address)| address), begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_black_hole_costs_a_quarter_of_a_second_and_a_refusal_nothing() {
        let second = Duration::from_secs(1);
        let (found, took) = try_all(&["[2001:db8::1]:1", "192.0.2.1:4"], second).await;
        assert_eq!(found.unwrap(), "192.0.2.1:4".parse().unwrap());
        assert_eq!(took, NEXT_ADDRESS_AFTER);
        let (found, took) = try_all(&["192.0.2.1:2", "192.0.2.2:2", "192.0.2.3:4"], second).await;
        assert_eq!(found.unwrap(), "192.0.2.3:4".parse().unwrap());
        assert_eq!(took, Duration::ZERO);
        // The first is quick enough that nobody else is tried.
        let (found, _) = try_all(&["192.0.2.1:3", "192.0.2.2:4"], second).await;
        assert_eq!(found.unwrap(), "192.0.2.1:3".parse().unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn what_became_of_each_address_is_said() {
        let (found, _) = try_all(&["192.0.2.1:2", "[2001:db8::1]:2"], Duration::from_secs(9)).await;
        let none = found.unwrap_err();
        assert!(!none.is_late());
        assert_eq!(
            none.to_string(),
            "no connection to 192.0.2.1:2: connection refused; [2001:db8::1]:2: connection refused"
        );
        let within = Duration::from_millis(300);
        let (found, took) = try_all(&["192.0.2.1:1", "192.0.2.2:2", "192.0.2.3:1"], within).await;
        let none = found.unwrap_err();
        assert!(none.is_late());
        assert_eq!(took, within);
        assert_eq!(
            none.to_string(),
            "no connection to 192.0.2.1:1: no answer in time; 192.0.2.2:2: connection refused; 192.0.2.3:1: no answer in time"
        );
    }

    #[tokio::test]
    async fn a_connection_comes_from_the_address_that_is_given() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let limit = Instant::now() + Duration::from_secs(5);
        let from = |text: &str| {
            Some(Source {
                v4: Some(text.parse().unwrap()),
                v6: None,
            })
        };
        let (_stream, _) = connect(&[address], from("127.0.0.1"), limit).await.unwrap();
        let (_, peer) = listener.accept().await.unwrap();
        assert_eq!(peer.ip(), IpAddr::from([127, 0, 0, 1]));
        // 192.0.2.0/24 is for documentation: no machine has it.
        let none = connect(&[address], from("192.0.2.7"), limit)
            .await
            .unwrap_err();
        assert!(
            none.to_string()
                .contains("source_address 192.0.2.7 cannot be used"),
            "{none}"
        );
    }
}
