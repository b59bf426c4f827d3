//! One of the servers that take turns, and its load.

use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::sync::Mutex;

use crate::http::Connection;
use crate::server::{Access, Server};
use crate::{pace, queue, sign};

/// Lines a second for healthy receivers, each a message of its own, all receivers in turn.
pub(super) const PER_SEC: u64 = 490;
/// Warm connections that take turns, so that one slow answer does not hold up the next send.
const CONNECTIONS: usize = 16;
/// Marks lines for receivers that are not well.
const UNWELL: u64 = 1 << 40;

const SETTINGS: &str = r#"
[scaler]
interval = "1s"
notifiers_min = 1

[routes.bench]
queue = "bench"
retry_for = "1m"

[destinations."127.0.0.1"]
allow_cidrs = ["127.0.0.0/8"]
"#;

/// A server, and whom it sends to.
pub(super) struct Side {
    /// Stopped when this is dropped.
    _server: Server,
    access: Access,
    url: String,
    lanes: Vec<Rc<Mutex<Connection>>>,
    healthy: Vec<SocketAddr>,
    unwell: Vec<SocketAddr>,
    /// Lines sent to healthy receivers so far.
    sent: u64,
}

/// Lines for healthy receivers: the first one's number, and when each was sent.
pub(super) struct Sent {
    first: u64,
    at: Vec<Instant>,
}

impl Sent {
    /// When the line of this number was sent, if it is one of these.
    pub(super) fn at(&self, number: u64) -> Option<Instant> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.at.get(place).copied()
    }

    /// Those that were sent from `time` on.
    pub(super) fn since(self, time: Instant) -> Self {
        let early = self.at.partition_point(|at| *at < time);
        Self {
            first: self.first + early as u64,
            at: self.at[early..].to_vec(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.at.len()
    }
}

impl Side {
    /// A server in a directory below `place`; the `number`th of one run.
    pub(super) async fn start(
        place: &Path,
        number: u64,
        healthy: &[SocketAddr],
        unwell: &[SocketAddr],
    ) -> Result<Self> {
        let server = Server::fresh(place, &format!("fairness-{number}"), SETTINGS)?;
        let access = server.access()?;
        let url = queue::create(&access, "bench").await?;
        let mut lanes = Vec::new();
        for _ in 0..CONNECTIONS {
            lanes.push(Rc::new(Mutex::new(Connection::open(&access.host).await?)));
        }
        Ok(Self {
            _server: server,
            access,
            url,
            lanes,
            healthy: healthy.to_vec(),
            unwell: unwell.to_vec(),
            // Numbers tell sides apart, since they have their receivers in common.
            sent: number * (UNWELL / 16),
        })
    }

    /// Sends for `span` at a steady pace.
    pub(super) async fn send(&mut self, span: Duration) -> Result<Sent> {
        let count = PER_SEC * u64::try_from(span.as_millis())? / 1_000;
        let requests = self.requests(count)?;
        let begun = Instant::now() + Duration::from_millis(20);
        let first = self.sent;
        self.sent += count;
        let mut ticks = pace::ticks(
            begun,
            Duration::from_secs(1) / u32::try_from(PER_SEC)?,
            count,
        );
        let mut at = Vec::with_capacity(requests.len());
        let mut sends = Vec::new();
        for (n, bodies) in requests.into_iter().enumerate() {
            ticks.recv().await;
            // The sender's own lateness is no part of it.
            at.push(Instant::now());
            let lane = self.lanes[n % CONNECTIONS].clone();
            sends.push(tokio::task::spawn_local(async move {
                let mut lane = lane.lock().await;
                for body in &bodies {
                    lane.call(body).await?;
                }
                anyhow::Ok(())
            }));
        }
        for send in sends {
            send.await??;
        }
        Ok(Sent { first, at })
    }

    /// Signed before they are due: of each tick, the line for a healthy receiver, and one for one that is not well where it is its turn.
    fn requests(&self, count: u64) -> Result<Vec<Vec<Vec<u8>>>> {
        let healthy = self.healthy.len() as u64;
        // Who is not well gets as much as a healthy one, or one line in a second where that is more.
        let every = healthy.min(PER_SEC);
        let request = |address: SocketAddr, number: u64| {
            let line = format!("http://{address}/n/{number}");
            sign::request(
                &self.access,
                "SendMessage",
                &queue::single(&self.url, &line),
            )
        };
        let mut all = Vec::new();
        for number in self.sent..self.sent + count {
            let place = usize::try_from(number % healthy)?;
            let mut bodies = vec![request(self.healthy[place], number)?];
            if let Some(unwell) = self.unwell.get(usize::try_from(number % every)?) {
                bodies.push(request(*unwell, UNWELL + number)?);
            }
            all.push(bodies);
        }
        Ok(all)
    }
}
