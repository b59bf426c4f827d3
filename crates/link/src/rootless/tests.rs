//! Two hosts without privileges, their stacks back to back: `a` reaches, `b` publishes.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddrV4};
use std::time::Duration;

use base::SystemClock;
use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;
use crate::filter::samples;
use crate::packet::back_to_back;

const A: &str = "10.64.0.4";
const B: &str = "172.16.0.10";
const PORT: u16 = 6001;

/// Names as a test has them.
#[derive(Debug)]
struct Names;

#[async_trait::async_trait]
impl Resolve for Names {
    async fn resolve(&self, name: &str) -> std::io::Result<Vec<IpAddr>> {
        match name {
            "db" => Ok(vec![
                "::1".parse().unwrap(),
                "8.8.8.8".parse().unwrap(),
                B.parse().unwrap(),
            ]),
            "elsewhere" => Ok(vec!["8.8.8.8".parse().unwrap()]),
            _ => Err(ErrorKind::NotFound.into()),
        }
    }
}

/// Two ends between which every packet passes `passes` first.
fn ends_by_way_of(mut passes: impl FnMut(&[u8]) -> bool + Send + 'static) -> (StackEnd, StackEnd) {
    let (a, middle_a) = back_to_back();
    let (middle_b, b) = back_to_back();
    let (mut from_a, to_a) = (middle_a.from_tunnel, middle_a.to_tunnel);
    let (mut from_b, to_b) = (middle_b.from_tunnel, middle_b.to_tunnel);
    tokio::spawn(async move {
        loop {
            let (packet, to) = tokio::select! {
                Some(packet) = from_a.recv() => (packet, &to_b),
                Some(packet) = from_b.recv() => (packet, &to_a),
                else => return,
            };
            if passes(&packet) {
                let _ = to.send(packet).await;
            }
        }
    });
    (a, b)
}

fn settings(address: &str) -> Settings {
    Settings {
        address: address.parse().unwrap(),
        ranges: vec!["172.16.0.0/16".parse().unwrap()],
        forwards: Vec::new(),
        publishes: Vec::new(),
        socks: None,
        limits: Limits {
            buffer_bytes: 64 * 1024,
            ..Limits::default()
        },
    }
}

/// `a` with a forward to the port of `b` and SOCKS5, and `b` with a service behind that port.
async fn hosts(ends: (StackEnd, StackEnd), limits: Limits) -> (Rootless, Rootless, TcpListener) {
    let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let local = "127.0.0.1:0".parse().unwrap();
    let mut a = Settings {
        socks: Some(local),
        limits,
        ..settings(A)
    };
    a.forwards.push(Forward {
        listen: local,
        to: SocketAddrV4::new(B.parse().unwrap(), PORT),
    });
    let mut b = Settings {
        limits,
        ..settings(B)
    };
    b.publishes.push(Publish {
        port: PORT,
        to: service.local_addr().unwrap(),
    });
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let a = Rootless::start(a, ends.0, Arc::clone(&clock), Arc::new(Names)).await;
    let b = Rootless::start(b, ends.1, clock, Arc::new(Names)).await;
    (a.unwrap(), b.unwrap(), service)
}

async fn connect(a: &Rootless) -> TcpStream {
    TcpStream::connect(a.forwards()[0]).await.unwrap()
}

fn data(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at * 31 + at / 251) as u8).collect()
}

#[tokio::test]
async fn bytes_go_both_ways_and_each_end_is_passed_on_alone() {
    let (a, _b, service) = hosts(back_to_back(), settings(A).limits).await;
    let mut client = connect(&a).await;
    let (mut server, _) = service.accept().await.unwrap();
    client.write_all(b"a question").await.unwrap();
    client.shutdown().await.unwrap();
    let mut asked = String::new();
    server.read_to_string(&mut asked).await.unwrap();
    assert_eq!(asked, "a question");
    // The other direction is still open.
    server.write_all(b"an answer").await.unwrap();
    drop(server);
    let mut answered = String::new();
    client.read_to_string(&mut answered).await.unwrap();
    assert_eq!(answered, "an answer");
}

#[tokio::test]
async fn much_data_arrives_whole_where_packets_are_lost() {
    let mut count = 0u32;
    let loses = move |_: &[u8]| {
        count += 1;
        !count.is_multiple_of(301)
    };
    let (a, _b, service) = hosts(ends_by_way_of(loses), settings(A).limits).await;
    let sent = data(1_000_000);
    let expected = sent.clone();
    let mut client = connect(&a).await;
    let (mut server, _) = service.accept().await.unwrap();
    let send = tokio::spawn(async move {
        client.write_all(&sent).await.unwrap();
        client.shutdown().await.unwrap();
        let mut back = Vec::new();
        client.read_to_end(&mut back).await.unwrap();
        back
    });
    let mut received = Vec::new();
    server.read_to_end(&mut received).await.unwrap();
    assert!(received == expected);
    server.write_all(&received).await.unwrap();
    drop(server);
    assert!(send.await.unwrap() == expected);
}

#[tokio::test]
async fn what_breaks_on_one_side_breaks_on_the_other() {
    let (a, _b, service) = hosts(back_to_back(), settings(A).limits).await;
    let mut client = connect(&a).await;
    let (server, _) = service.accept().await.unwrap();
    pump::reset(&server);
    drop(server);
    let error = client.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn what_nobody_publishes_is_refused_at_once() {
    let (a, b, service) = hosts(back_to_back(), settings(A).limits).await;
    let to = |port| SocketAddrV4::new(B.parse().unwrap(), port);
    let error = a.stack().connect(to(PORT + 1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    // A service that is not there: the connection is opened by the stack, then reset.
    drop(service);
    let mut stream = a.stack().connect(to(PORT)).await.unwrap();
    let error = stream.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    b.stop().await;
    let error = a.stack().connect(to(PORT)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NetworkDown);
}

#[tokio::test]
async fn a_router_that_knows_no_way_ends_the_attempt() {
    let (a, mut far) = back_to_back();
    let clock = Arc::new(SystemClock::new());
    let a = Rootless::start(settings(A), a, clock, Arc::new(Names))
        .await
        .unwrap();
    let answer = async {
        let syn = far.from_tunnel.recv().await.unwrap();
        let error = samples::error("172.16.0.1", A, 3, &syn);
        far.to_tunnel
            .send(BytesMut::from(error.as_slice()))
            .await
            .unwrap();
    };
    let opened = a
        .stack()
        .connect(SocketAddrV4::new(B.parse().unwrap(), PORT));
    let (opened, ()) = tokio::join!(opened, answer);
    assert_eq!(opened.unwrap_err().kind(), ErrorKind::HostUnreachable);
}

#[tokio::test]
async fn an_idle_connection_back_to_back() {
    let limits = Limits {
        idle: Duration::from_millis(50),
        ..settings(A).limits
    };
    let (a, _b, service) = hosts(back_to_back(), limits).await;
    let mut client = connect(&a).await;
    let (_server, _) = service.accept().await.unwrap();
    let error = client.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn connections_have_a_bound_and_make_room_when_they_end() {
    let limits = Limits {
        connections: 2,
        ..settings(A).limits
    };
    let (a, _b, service) = hosts(back_to_back(), limits).await;
    let to = SocketAddrV4::new(B.parse().unwrap(), PORT);
    let first = a.stack().connect(to).await.unwrap();
    let _second = a.stack().connect(to).await.unwrap();
    let error = a.stack().connect(to).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::QuotaExceeded);
    drop(first);
    // `b` has heard of that when its service has.
    let (mut server, _) = service.accept().await.unwrap();
    assert!(server.read_u8().await.is_err());
    a.stack().connect(to).await.unwrap();
}

#[tokio::test]
async fn a_flood_of_syns_takes_its_part_and_no_more() {
    let (far, b) = back_to_back();
    let limits = Limits {
        connections: 8,
        inbound: 6,
        handshakes: 4,
        ..settings(B).limits
    };
    let mut b_settings = Settings {
        limits,
        ..settings(B)
    };
    b_settings.publishes.push(Publish {
        port: PORT,
        to: "127.0.0.1:9".parse().unwrap(),
    });
    let clock = Arc::new(SystemClock::new());
    let b = Rootless::start(b_settings, b, clock, Arc::new(Names))
        .await
        .unwrap();
    let mut far = far;
    for port in 1..=100 {
        let syn = samples::tcp(A, B, port, PORT, samples::SYN);
        far.to_tunnel
            .send(BytesMut::from(syn.as_slice()))
            .await
            .unwrap();
    }
    // An echo behind them: when it is answered, they have been seen.
    let echo = samples::echo(A, B, 1, false);
    far.to_tunnel
        .send(BytesMut::from(echo.as_slice()))
        .await
        .unwrap();
    let mut answers = std::collections::BTreeSet::new();
    loop {
        let packet = far.from_tunnel.recv().await.unwrap();
        if packet[9] == 1 {
            break;
        }
        answers.insert(packet[22..24].to_vec());
    }
    assert!(answers.len() <= 4, "{}", answers.len());
    assert_eq!(b.stack().shared.core.lock().live, 4);
}

/// Speaks SOCKS5: greets, asks, and gives the reply.
async fn ask(a: &Rootless, request: &[u8]) -> (TcpStream, Vec<u8>) {
    let mut client = TcpStream::connect(a.socks().unwrap()).await.unwrap();
    client.write_all(&[5, 1, 0]).await.unwrap();
    let mut chosen = [0; 2];
    client.read_exact(&mut chosen).await.unwrap();
    assert_eq!(chosen, [5, 0]);
    client.write_all(request).await.unwrap();
    let mut reply = vec![0; 10];
    client.read_exact(&mut reply).await.unwrap();
    (client, reply)
}

fn by_name(name: &str, port: u16) -> Vec<u8> {
    let length = u8::try_from(name.len()).unwrap();
    [&[5, 1, 0, 3, length], name.as_bytes(), &port.to_be_bytes()].concat()
}

#[tokio::test]
async fn socks_leads_to_addresses_and_names_in_the_network() {
    let (a, _b, service) = hosts(back_to_back(), settings(A).limits).await;
    let by_address = [&[5, 1, 0, 1, 172, 16, 0, 10][..], &PORT.to_be_bytes()].concat();
    for request in [by_address, by_name("db", PORT), by_name(B, PORT)] {
        let (mut client, reply) = ask(&a, &request).await;
        assert_eq!(reply[..2], [5, 0], "{request:?}");
        let (mut server, _) = service.accept().await.unwrap();
        client.write_all(b"hello").await.unwrap();
        let mut said = [0; 5];
        server.read_exact(&mut said).await.unwrap();
        assert_eq!(&said, b"hello");
    }
}

#[tokio::test]
async fn socks_says_why_it_leads_nowhere() {
    let (a, _b, _service) = hosts(back_to_back(), settings(A).limits).await;
    let v6 = [&[5, 1, 0, 4][..], &[0; 18]].concat();
    let cases = [
        (by_name("elsewhere", 80), 2),
        (vec![5, 1, 0, 1, 8, 8, 8, 8, 0, 80], 2),
        (vec![5, 1, 0, 1, 127, 0, 0, 1, 0, 80], 2),
        (by_name("nobody", 80), 4),
        (by_name("db", PORT + 1), 5),
        (vec![5, 2, 0, 1, 172, 16, 0, 10, 0, 80], 7),
        (vec![5, 3, 0, 1, 172, 16, 0, 10, 0, 80], 7),
        (v6, 8),
    ];
    for (request, code) in cases {
        let (_, reply) = ask(&a, &request).await;
        assert_eq!(reply[..2], [5, code], "{request:?}");
    }
}

#[tokio::test]
async fn socks_without_a_method_or_of_another_version_back_to_back() {
    let (a, _b, _service) = hosts(back_to_back(), settings(A).limits).await;
    for (greeting, said) in [(vec![5, 1, 2], vec![5, 0xff]), (vec![4, 1], vec![])] {
        let mut client = TcpStream::connect(a.socks().unwrap()).await.unwrap();
        client.write_all(&greeting).await.unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, said);
    }
}

#[tokio::test]
async fn a_ping_is_answered() {
    let (mut far, b) = back_to_back();
    let clock = Arc::new(SystemClock::new());
    let _b = Rootless::start(settings(B), b, clock, Arc::new(Names))
        .await
        .unwrap();
    let echo = samples::echo(A, B, 7, false);
    far.to_tunnel
        .send(BytesMut::from(echo.as_slice()))
        .await
        .unwrap();
    let answer = far.from_tunnel.recv().await.unwrap();
    assert_eq!(answer[20], 0, "an echo's answer");
}
