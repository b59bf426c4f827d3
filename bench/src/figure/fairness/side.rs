//! One of the servers that take turns, and its load.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

use anyhow::Result;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use crate::http::Connection;
use crate::server::{Access, Server};
use crate::{queue, sign};

/// Lines a second for healthy receivers, each a message of its own, all receivers in turn. At whoever's turn it is.
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
    server: Server,
    access: Access,
    url: String,
    lanes: Vec<Rc<Mutex<Connection>>>,
    healthy: Vec<SocketAddr>,
    unwell: Vec<SocketAddr>,
    /// Lines for healthy receivers so far.
    sent: u64,
    due: VecDeque<Bodies>,
    at: Vec<Instant>,
    calls: Vec<JoinHandle<Result<()>>>,
}

/// Requests of one tick: the line for a healthy receiver, and one for one that is not well where it is its turn.
type Bodies = Vec<Vec<u8>>;

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
            server,
            access,
            url,
            lanes,
            healthy: healthy.to_vec(),
            unwell: unwell.to_vec(),
            // Numbers tell sides apart, since they have their receivers in common.
            sent: number * (UNWELL / 16),
            due: VecDeque::new(),
            at: Vec::new(),
            calls: Vec::new(),
        })
    }

    /// What the server has worked so far.
    pub(super) fn cpu_secs(&self) -> Result<f64> {
        Ok(self.server.usage()?.cpu_secs)
    }

    /// Signs so many requests before they are due.
    pub(super) fn prepare(&mut self, count: u64) -> Result<()> {
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
        for number in self.sent..self.sent + count {
            let place = usize::try_from(number % healthy)?;
            let mut bodies = vec![request(self.healthy[place], number)?];
            if let Some(unwell) = self.unwell.get(usize::try_from(number % every)?) {
                bodies.push(request(*unwell, UNWELL + number)?);
            }
            self.due.push_back(bodies);
        }
        self.sent += count;
        Ok(())
    }

    /// Sends the next that is due; its answer is awaited by [`Self::finish`].
    pub(super) fn send(&mut self) {
        let Some(bodies) = self.due.pop_front() else {
            return;
        };
        let lane = self.lanes[self.at.len() % CONNECTIONS].clone();
        // The sender's own lateness is no part of it.
        self.at.push(Instant::now());
        self.calls.push(tokio::task::spawn_local(async move {
            let mut lane = lane.lock().await;
            for body in &bodies {
                lane.call(body).await?;
            }
            Ok(())
        }));
    }

    /// What was sent since the last time, all of it answered.
    pub(super) async fn finish(&mut self) -> Result<Sent> {
        for call in self.calls.drain(..) {
            call.await??;
        }
        let at = std::mem::take(&mut self.at);
        let first = self.sent - (self.due.len() + at.len()) as u64;
        Ok(Sent { first, at })
    }
}
