//! The p99 of a notification at 200 a second, beside the disk's own p99 in the same minute (contract 25).

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

use super::show;
use crate::http::Connection;
use crate::server::{Access, Server, parent};
use crate::{Size, burst, disk, pace, queue, sign};

const RATE_PER_SEC: u64 = 200;
/// Warm connections that take turns, so that one slow answer does not hold up the next send.
const CONNECTIONS: u64 = 16;

type Arrivals = Rc<RefCell<HashMap<u64, Instant>>>;

pub(crate) async fn run(size: Size) -> Result<()> {
    LocalSet::new().run_until(measure(size)).await
}

async fn measure(size: Size) -> Result<()> {
    let count = size.of(60 * RATE_PER_SEC);
    let pace = Duration::from_micros(1_000_000 / RATE_PER_SEC);
    let disk = disk::append_times(&parent(), 512, count / 4, pace)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let receiver = listener.local_addr()?;
    let arrivals = Arrivals::default();
    tokio::task::spawn_local(receive(listener, arrivals.clone()));
    let server = Server::fresh(&parent(), "latency", burst::SETTINGS)?;
    let access = server.access()?;
    let url = queue::create(&access, "bench").await?;
    let due = send_all(&access, &url, &receiver.to_string(), count, pace).await?;
    wait_for(&arrivals, count).await;
    let mut times: Vec<Duration> = due
        .iter()
        .filter_map(|(n, at)| Some(arrivals.borrow().get(n)?.duration_since(*at)))
        .collect();
    times.sort_unstable();
    let millis = |sorted: &[Duration], share| disk::quantile(sorted, share).as_secs_f64() * 1e3;
    show("arrived", times.len() as f64, &format!("of {count}"), "");
    show(
        "disk: append of 512 bytes + fdatasync, p50",
        millis(&disk, 0.5),
        "ms",
        "",
    );
    show(
        "disk: append of 512 bytes + fdatasync, p99",
        millis(&disk, 0.99),
        "ms",
        "",
    );
    show("notification at 200/s, p50", millis(&times, 0.5), "ms", "");
    show("notification at 200/s, p99", millis(&times, 0.99), "ms", "");
    show(
        "p99 over the disk's p99",
        millis(&times, 0.99) - millis(&disk, 0.99),
        "ms",
        "<= +3 (+1.5)",
    );
    Ok(())
}

/// Open loop: each send has its time; a late one is charged from its time on.
async fn send_all(
    access: &Access,
    url: &str,
    receiver: &str,
    count: u64,
    pace: Duration,
) -> Result<Vec<(u64, Instant)>> {
    let mut lanes = Vec::new();
    for _ in 0..CONNECTIONS {
        lanes.push(Rc::new(tokio::sync::Mutex::new(
            Connection::open(&access.host).await?,
        )));
    }
    warm_up(access, url, &lanes).await?;
    let begun = Instant::now() + Duration::from_secs(2);
    let mut ticks = pace::ticks(begun, pace, count);
    let mut due = Vec::new();
    let mut sends = Vec::new();
    for n in 0..count {
        let at = begun + pace * u32::try_from(n)?;
        let request = sign::request(
            access,
            "SendMessage",
            &queue::single(url, &format!("http://{receiver}/n/{n}")),
        )?;
        let lane = lanes[usize::try_from(n % CONNECTIONS)?].clone();
        ticks.recv().await;
        sends.push(tokio::task::spawn_local(async move {
            lane.lock().await.call(&request).await
        }));
        due.push((n, at));
    }
    for send in sends {
        send.await??;
    }
    Ok(due)
}

async fn warm_up(
    access: &Access,
    url: &str,
    lanes: &[Rc<tokio::sync::Mutex<Connection>>],
) -> Result<()> {
    let body = serde_json::json!({ "QueueUrl": url, "AttributeNames": ["QueueArn"] }).to_string();
    let request = sign::request(access, "GetQueueAttributes", &body)?;
    for lane in lanes {
        lane.lock().await.call(&request).await?;
    }
    Ok(())
}

async fn receive(listener: TcpListener, arrivals: Arrivals) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::task::spawn_local(answer(stream, arrivals.clone()));
    }
}

/// Answers 200 to every request, noting when the head of `/n/N` was complete.
async fn answer(mut stream: TcpStream, arrivals: Arrivals) -> Result<()> {
    let mut buffer = Vec::new();
    loop {
        while let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let number = number_of(&buffer[..end]).context("a request without its number")?;
            arrivals
                .borrow_mut()
                .entry(number)
                .or_insert_with(Instant::now);
            buffer.drain(..end + 4);
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                .await?;
        }
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
    }
}

fn number_of(head: &[u8]) -> Option<u64> {
    let path = std::str::from_utf8(head).ok()?.split(' ').nth(1)?;
    path.strip_prefix("/n/")?.parse().ok()
}

async fn wait_for(arrivals: &Arrivals, count: u64) {
    let begun = Instant::now();
    while (arrivals.borrow().len() as u64) < count && begun.elapsed() < Duration::from_secs(30) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
