//! The stub against a server on loopback whose answers are made byte by byte (RFC 1035, section 4).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::TcpListener;

use super::*;

const ALIAS: u16 = 5;
const SOA: u16 = 6;
const A: u16 = 1;
const AAAA: u16 = 28;

fn name(text: &str) -> Vec<u8> {
    let labels = text.split('.').filter(|label| !label.is_empty());
    let mut bytes: Vec<u8> = labels
        .flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat())
        .collect();
    bytes.push(0);
    bytes
}

fn record(owner: &str, kind: u16, ttl_secs: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = name(owner);
    bytes.extend([kind.to_be_bytes(), 1_u16.to_be_bytes()].concat());
    bytes.extend(ttl_secs.to_be_bytes());
    bytes.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    bytes.extend(data);
    bytes
}

fn soa(ttl_secs: u32, minimum: u32) -> Vec<u8> {
    let mut data = [name("ns.example"), name("host.example"), vec![0; 16]].concat();
    data.extend(minimum.to_be_bytes());
    record("example", SOA, ttl_secs, &data)
}

/// An answer to `asked` with a code, records of the answer section and of the authority section.
fn answer(asked: &[u8], flags: [u8; 2], answers: &[Vec<u8>], authorities: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = asked.to_vec();
    bytes[2] = 0x81 | flags[0];
    bytes[3] = 0x80 | flags[1];
    bytes[7] = answers.len() as u8;
    bytes[9] = authorities.len() as u8;
    bytes.extend(answers.concat());
    bytes.extend(authorities.concat());
    bytes
}

/// What is asked for: its name and kind.
fn asked(question: &[u8]) -> (String, u16) {
    let mut labels = Vec::new();
    let mut at = 12;
    while question[at] > 0 {
        let end = at + 1 + usize::from(question[at]);
        labels.push(String::from_utf8(question[at + 1..end].to_vec()).unwrap());
        at = end;
    }
    (
        labels.join("."),
        u16::from_be_bytes([question[at + 1], question[at + 2]]),
    )
}

const PLAIN: [u8; 2] = [0, 0];
const NO_NAME: [u8; 2] = [0, 3];
const SERVFAIL: [u8; 2] = [0, 2];
const TRUNCATED: [u8; 2] = [2, 0];

/// The datagrams that a question gets, and how it is answered over TCP.
fn answers(question: &[u8], by_tcp: bool) -> Vec<Vec<u8>> {
    let (host, kind) = asked(question);
    let nothing = || answer(question, PLAIN, &[], &[soa(600, 40)]);
    let four = |owner: &str, ttl_secs| record(owner, A, ttl_secs, &[192, 0, 2, 7]);
    let alias = |owner: &str, to: &str| record(owner, ALIAS, 50, &name(to));
    let plain = |records: &[Vec<u8>]| vec![answer(question, PLAIN, records, &[])];
    match (host.as_str(), kind) {
        ("a.example", A) => plain(&[four("a.example", 60), four("a.example", 90)]),
        ("both.example", A) => plain(&[four("both.example", 60)]),
        ("both.example", AAAA) => {
            let six: std::net::Ipv6Addr = "2001:db8::7".parse().unwrap();
            plain(&[record("both.example", AAAA, 30, &six.octets())])
        }
        ("big.example", A) if by_tcp => {
            let all = (0..200).map(|n| record("big.example", A, 60, &[192, 0, 2, n]));
            plain(&all.collect::<Vec<_>>())
        }
        ("big.example", A) => vec![answer(question, TRUNCATED, &[], &[])],
        ("gone.example", _) => vec![answer(question, NO_NAME, &[], &[soa(900, 30)])],
        ("fail.example", _) => vec![answer(question, SERVFAIL, &[], &[])],
        // Another family's failure does not hide what this one has.
        ("half.example", A) => plain(&[four("half.example", 60)]),
        ("half.example", AAAA) => vec![answer(question, SERVFAIL, &[], &[])],
        ("alias.example", A) => plain(&[
            alias("Alias.example", "b.example"),
            alias("b.example", "c.example"),
            four("c.example", 70),
        ]),
        ("cut.example", A) => plain(&[alias("cut.example", "a.example")]),
        ("loop.example", _) => plain(&[alias("loop.example", "loop.example")]),
        ("other.example", A) => plain(&[four("stranger.example", 60)]),
        ("spoof.example", A) => {
            let (mut other_id, mut other_name) = (question.to_vec(), question.to_vec());
            other_id[0] ^= 1;
            other_name[13] ^= 1;
            let lie = record("spoof.example", A, 60, &[203, 0, 113, 1]);
            vec![
                answer(&other_id, PLAIN, std::slice::from_ref(&lie), &[]),
                answer(&other_name, PLAIN, &[lie], &[]),
                vec![0xff; 40],
                answer(question, PLAIN, &[four("spoof.example", 60)], &[]),
            ]
        }
        ("slow.example", _) => Vec::new(),
        ("flood.example", _) => vec![b"nonsense".to_vec(); STRAYS_MAX],
        ("h.example", A) => plain(&[four("h.example", 60)]),
        (
            "a.example" | "big.example" | "alias.example" | "cut.example" | "h.example"
            | "other.example" | "spoof.example",
            _,
        ) => {
            vec![nothing()]
        }
        _ => vec![answer(question, NO_NAME, &[], &[soa(900, 30)])],
    }
}

/// UDP and TCP on one port: the kernel gives one that is free for UDP, and another test may have it for TCP.
async fn both() -> (UdpSocket, TcpListener) {
    loop {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        match TcpListener::bind(socket.local_addr().unwrap()).await {
            Ok(listener) => return (socket, listener),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse),
        }
    }
}

/// A server, and how many questions it got over UDP.
async fn server() -> (SocketAddr, Arc<AtomicUsize>) {
    let (socket, listener) = both().await;
    let address = socket.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        while let Ok((count, from)) = socket.recv_from(&mut buffer).await {
            counted.fetch_add(1, Ordering::SeqCst);
            for datagram in answers(&buffer[..count], false) {
                let _ = socket.send_to(&datagram, from).await;
            }
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut question = vec![0; usize::from(stream.read_u16().await.unwrap())];
            stream.read_exact(&mut question).await.unwrap();
            let bytes = answers(&question, true).concat();
            stream
                .write_u16(u16::try_from(bytes.len()).unwrap())
                .await
                .unwrap();
            stream.write_all(&bytes).await.unwrap();
        }
    });
    (address, count)
}

/// A stub of its own files.
fn stub(servers: Vec<SocketAddr>) -> (tempfile::TempDir, Stub) {
    let folder = tempfile::tempdir().unwrap();
    let files = Files {
        resolv: folder.path().join("resolv.conf"),
        hosts: folder.path().join("hosts"),
    };
    std::fs::write(
        &files.resolv,
        "search nowhere.test example\noptions timeout:1 attempts:1\n",
    )
    .unwrap();
    std::fs::write(&files.hosts, "192.0.2.99 own.example own\n").unwrap();
    (folder, Stub { files, servers })
}

fn secs(ttl: Option<Duration>) -> Option<u64> {
    ttl.map(|ttl| ttl.as_secs())
}

#[tokio::test]
async fn names_are_found_with_their_time_to_live() {
    let (address, _) = server().await;
    let (_folder, stub) = stub(vec![address]);
    for (host, ttl_secs) in [
        ("a.example", Some(60)),
        ("A.Example.", Some(60)),
        ("alias.example", Some(50)),
        ("cut.example", Some(50)),
        ("spoof.example", Some(60)),
        ("half.example", Some(60)),
        // By search: `h` is asked for as `h.nowhere.test` and `h.example` first.
        ("h", Some(60)),
    ] {
        let found = stub.resolve(host).await.unwrap();
        assert_eq!(found.addresses, [IpAddr::from([192, 0, 2, 7])], "{host}");
        assert_eq!(secs(found.ttl), ttl_secs, "{host}");
    }
    let found = stub.resolve("both.example").await.unwrap();
    assert_eq!((found.addresses.len(), secs(found.ttl)), (2, Some(30)));
    let found = stub.resolve("big.example").await.unwrap();
    assert_eq!(found.addresses.len(), 200, "over TCP");
}

#[tokio::test]
async fn files_and_localhost_are_not_asked_for() {
    let (address, asked) = server().await;
    let (_folder, stub) = stub(vec![address]);
    for (host, first) in [
        ("own.example", [192, 0, 2, 99]),
        ("OWN", [192, 0, 2, 99]),
        ("localhost", [127, 0, 0, 1]),
        ("x.localhost.", [127, 0, 0, 1]),
    ] {
        let found = stub.resolve(host).await.unwrap();
        assert_eq!(
            (found.addresses[0], found.ttl),
            (IpAddr::from(first), None),
            "{host}"
        );
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn what_is_not_found_says_why_and_for_how_long() {
    let (address, _) = server().await;
    let (_folder, stub) = stub(vec![address]);
    for (host, says, ttl_secs, is_away) in [
        ("gone.example.", "no such name", Some(30), false),
        ("fail.example.", "says SERVFAIL", None, true),
        ("loop.example.", "aliases behind one another", None, false),
        ("other.example.", "no address", Some(40), false),
        ("flood.example.", "no answer", None, true),
        ("slow.example.", "no answer in time", None, true),
        ("a..example.", "no name that DNS can have", None, false),
    ] {
        let missing = stub.resolve(host).await.unwrap_err();
        assert!(missing.reason.contains(says), "{host}: {missing:?}");
        assert_eq!(
            (secs(missing.ttl), missing.is_away),
            (ttl_secs, is_away),
            "{host}"
        );
    }
}

#[tokio::test]
async fn a_server_that_is_away_leaves_the_next_one() {
    let (address, _) = server().await;
    let gone = UdpSocket::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let (_folder, stub) = stub(vec![gone, address]);
    let found = stub.resolve("a.example").await.unwrap();
    assert_eq!(found.addresses.len(), 1);
}

#[tokio::test]
async fn a_name_that_gets_no_answer_holds_up_no_other() {
    let (address, _) = server().await;
    let (_folder, stub) = stub(vec![address]);
    let slow = (0..50).map(|_| stub.resolve("slow.example."));
    let slow = futures_util::future::join_all(slow);
    tokio::select! {
        biased;
        _ = slow => panic!("the slow ones are done first"),
        found = stub.resolve("a.example") => assert!(found.is_ok()),
    }
}
