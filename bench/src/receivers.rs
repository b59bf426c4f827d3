//! Receivers of our own that note when requests come: many ports in one thread, each of them healthy, slow, or hung.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a receiver does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Answers 200 after this time.
    Answers(Duration),
    /// Takes it, and never answers.
    Hangs,
    /// Answers 429 to all but so many a second.
    Limits(u32),
}

/// When requests came: the path's last part, and the time.
pub(crate) type Arrivals = Rc<RefCell<Vec<(u64, Instant)>>>;

/// Starts a receiver on a port of its own; must run on a `LocalSet`.
pub(crate) async fn start(manner: Manner, arrivals: Arrivals) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let allowed = Rc::new(RefCell::new((Instant::now(), 0)));
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (arrivals, allowed) = (arrivals.clone(), allowed.clone());
            tokio::task::spawn_local(async move {
                // A connection that breaks is the sender's to notice.
                let _ = serve(stream, manner, &arrivals, &allowed).await;
            });
        }
    });
    Ok(address)
}

async fn serve(
    mut stream: TcpStream,
    manner: Manner,
    arrivals: &Arrivals,
    allowed: &RefCell<(Instant, u32)>,
) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    loop {
        let mut answers = Vec::new();
        while let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let number = number_of(&buffer[..end]).context("a request without its number")?;
            arrivals.borrow_mut().push((number, Instant::now()));
            buffer.drain(..end + 4);
            answers.extend_from_slice(match manner {
                Manner::Limits(most) if !is_allowed(allowed, most) => LIMITED,
                _ => OK,
            });
        }
        if !answers.is_empty() {
            match manner {
                Manner::Answers(after) if !after.is_zero() => tokio::time::sleep(after).await,
                Manner::Hangs => std::future::pending::<()>().await,
                Manner::Answers(_) | Manner::Limits(_) => {}
            }
            stream.write_all(&answers).await?;
        }
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
    }
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const LIMITED: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n";

/// Whether one more may pass in this second.
fn is_allowed(allowed: &RefCell<(Instant, u32)>, most: u32) -> bool {
    let (since, count) = *allowed.borrow();
    let now = Instant::now();
    let is_new = now.duration_since(since) >= Duration::from_secs(1);
    let (since, count) = if is_new { (now, 0) } else { (since, count) };
    *allowed.borrow_mut() = (since, count + 1);
    count < most
}

fn number_of(head: &[u8]) -> Option<u64> {
    let path = std::str::from_utf8(head).ok()?.split(' ').nth(1)?;
    path.rsplit('/').next()?.parse().ok()
}
