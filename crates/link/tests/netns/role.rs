//! What this binary does in a namespace: it is a host's driver, a gateway's, a service, or asks one.

use std::hash::{DefaultHasher, Hasher};
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base::time::SystemClock;
use link::driver::outside::Reach;
use link::driver::{gateway, host};
use link::filter::{Limits, Nft, Userspace};
use link::rootless::{Forward, Publish};
use link::{GatewayDriver, Guard, HostDriver, PacketFilter, PrivateKey, Refused};
use net::{Filter, GatewayPlan, HostPlan};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::relay::{self, Dice};

/// How long a question waits for its answer. Longer than the first wait of TCP (1 s) before it sends again.
const PATIENCE: Duration = Duration::from_millis(1500);

pub(crate) fn play(arguments: &[String]) -> ExitCode {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = { runtime }.worker_threads(2).enable_all().build().unwrap();
    match arguments.as_slice() {
        ["host", device, folder] => {
            let name = (*device).to_owned();
            runtime.block_on(host(host::Behind::Device { name }, folder));
        }
        ["rootless", forward, refused, publish, folder] => {
            let (port, to) = publish.split_once('=').unwrap();
            let publish = Publish {
                port: port.parse().unwrap(),
                to: to.parse().unwrap(),
            };
            let ways = host::Ways {
                forwards: [forward, refused].map(|it| read_forward(it)).to_vec(),
                publishes: vec![publish],
                socks: None,
            };
            runtime.block_on(host(host::Behind::Stack(ways), folder));
        }
        ["gateway", device, listen, key, guard] => {
            runtime.block_on(gateway(device, listen, key, guard));
        }
        ["serve", at] => serve(at),
        ["ask", to, from] => runtime.block_on(ask(to, from)),
        ["pour", to, bytes] => pour(to, bytes.parse().unwrap()),
        ["relay", listen, to] => runtime.block_on(relay::run(listen, to)),
        other => panic!("no such part: {other:?}"),
    }
    ExitCode::SUCCESS
}

/// Reads `LISTEN=TO`.
fn read_forward(text: &str) -> Forward {
    let (listen, to) = text.split_once('=').unwrap();
    Forward {
        listen: listen.parse().unwrap(),
        to: to.parse().unwrap(),
    }
}

fn say(words: &str) {
    println!("{words}");
    std::io::stdout().flush().unwrap();
}

fn said<E: std::fmt::Display>(done: Result<(), E>) -> String {
    match done {
        Ok(()) => "done".to_owned(),
        Err(error) => format!("problem: {error}"),
    }
}

async fn host(behind: host::Behind, folder: &str) {
    let driver = HostDriver::new(host::Settings {
        folder: PathBuf::from(folder),
        behind,
        reach: Reach::Range {
            server: crate::plan::SERVER.to_owned(),
        },
        clock: Arc::new(SystemClock::new()),
    });
    let driver = driver.unwrap();
    say("ready");
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
        say(&match verb {
            "key" => driver.key().to_string(),
            "rotate" => driver.rotate().unwrap().to_string(),
            "apply" => {
                let plan: HostPlan = serde_json::from_str(rest).unwrap();
                said(driver.apply(&plan).await)
            }
            "handshake" => format!("{:?}", driver.handshake()),
            "stop" => {
                driver.stop().await;
                "done".to_owned()
            }
            other => panic!("{other}"),
        });
    }
}

async fn gateway(device: &str, listen: &str, key: &str, guard: &str) {
    let key = gateway_key(Path::new(key));
    let public = key.public();
    let guard: Box<dyn Guard> = match guard {
        "nft" => Box::new(Nft::new("shukuba-test", device).unwrap()),
        "userspace" => Box::new(userspace()),
        path => Box::new(Refusing {
            path: PathBuf::from(path),
            inner: userspace(),
        }),
    };
    let driver = GatewayDriver::start(gateway::Settings {
        key,
        listen: listen.parse().unwrap(),
        behind: gateway::Behind::Lan {
            device: device.to_owned(),
            inside: None,
        },
        guard,
        clock: Arc::new(SystemClock::new()),
    });
    let driver = driver.await.unwrap();
    say("ready");
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
        say(&match verb {
            "key" => public.to_string(),
            "apply" => {
                let plan: GatewayPlan = serde_json::from_str(rest).unwrap();
                said(driver.apply(&plan).await)
            }
            "peers" => serde_json::to_string(&driver.peers()).unwrap(),
            "refused" => driver.refused().await.counts.total().to_string(),
            "stop" => said(driver.stop().await),
            other => panic!("{other}"),
        });
    }
}

fn userspace() -> Userspace {
    Userspace::new(Arc::new(SystemClock::new()), Limits::default())
}

/// A gateway's key, the same each time.
fn gateway_key(path: &Path) -> PrivateKey {
    if let Ok(text) = std::fs::read_to_string(path) {
        return PrivateKey::read(&text).unwrap();
    }
    let key = PrivateKey::generate().unwrap();
    std::fs::write(path, key.reveal()).unwrap();
    key
}

/// A guard that refuses every filter while there is a file.
#[derive(Debug)]
struct Refusing {
    path: PathBuf,
    inner: Userspace,
}

#[async_trait]
impl Guard for Refusing {
    async fn apply(&mut self, filter: &Filter) -> Result<(), Refused> {
        if self.path.exists() {
            let reason = "it was told to".to_owned();
            return Err(Refused { reason });
        }
        self.inner.apply(filter).await
    }

    async fn refused(&mut self) -> net::refusal::Refused {
        self.inner.refused().await
    }

    fn packets(&self) -> Option<Arc<dyn PacketFilter>> {
        self.inner.packets()
    }
}

/// Says to each who asks where it was asked from; counts what is sent, if it is not a question, and says its digest.
fn serve(at: &str) {
    let listener = std::net::TcpListener::bind(at).unwrap();
    say("ready");
    for stream in listener.incoming() {
        std::thread::spawn(move || {
            let mut stream = stream.unwrap();
            let from = stream.peer_addr().unwrap().ip();
            let mut bytes = vec![0; 1 << 16];
            let (mut count, mut digest) = (0, DefaultHasher::new());
            while let Ok(got @ 1..) = stream.read(&mut bytes) {
                if count == 0 && bytes[0] == b'?' {
                    let _ = writeln!(stream, "{from}");
                    return;
                }
                count += got;
                digest.write(&bytes[..got]);
            }
            let _ = writeln!(stream, "{count} {:016x}", digest.finish());
        });
    }
}

async fn ask(to: &str, from: &str) {
    let question = async {
        let socket = tokio::net::TcpSocket::new_v4()?;
        let from: IpAddr = from.parse().unwrap();
        socket.bind(SocketAddr::new(from, 0))?;
        let mut stream = socket.connect(to.parse().unwrap()).await?;
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"?").await?;
        let mut answer = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut answer).await?;
        std::io::Result::Ok(answer)
    };
    match tokio::time::timeout(PATIENCE, question).await {
        Ok(Ok(answer)) => say(&format!("answered {}", answer.trim())),
        Ok(Err(error)) => say(&format!("refused {:?}", error.kind())),
        Err(_) => say("silence "),
    }
}

/// Sends that many bytes, no two parts of them alike, and expects to hear their number and digest.
fn pour(to: &str, bytes: usize) {
    let mut stream = std::net::TcpStream::connect(to).unwrap();
    let (mut left, mut digest) = (bytes, DefaultHasher::new());
    let mut dice = Dice::new(bytes as u64);
    while left > 0 {
        let block: Vec<u8> = (0..1 << 13)
            .flat_map(|_| dice.roll().to_le_bytes())
            .collect();
        let block = &block[..left.min(block.len())];
        // A question begins otherwise.
        let block = if left == bytes {
            &[b"!", &block[1..]].concat()
        } else {
            block
        };
        stream.write_all(block).unwrap();
        digest.write(block);
        left -= block.len();
    }
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer.trim(), format!("{bytes} {:016x}", digest.finish()));
    say("whole");
}
