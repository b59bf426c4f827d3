//! What durability costs: signed SendMessageBatch on the disk over the same on tmpfs, and disk bytes per body byte.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;

use super::show;
use crate::server::{Server, parent};
use crate::{Size, load, queue};

const BODY_BYTES: usize = 300;
const SENDERS: usize = 64;

pub(crate) async fn run(size: Size) -> Result<()> {
    let count = size.of(600_000);
    let (disk, bytes) = measure(&parent(), count).await?;
    let (memory, _) = measure(Path::new("/dev/shm"), count).await?;
    show(
        "durable SendMessageBatch, 64 senders",
        disk,
        "messages/s",
        "",
    );
    show("the same on tmpfs", memory, "messages/s", "");
    show("durable over tmpfs", disk / memory, "", ">= 0.5 (0.75)");
    show(
        "disk bytes per body byte, 64 senders",
        bytes,
        "",
        "<= 1.25 (1.08)",
    );
    Ok(())
}

/// Messages a second, and bytes written to the disk per byte of body.
async fn measure(place: &Path, count: u64) -> Result<(f64, f64)> {
    let server = Server::fresh(place, "durable", "")?;
    let access = server.access()?;
    let url = queue::create(&access, "durable").await?;
    let body = queue::batch_of_ten(&url, &"x".repeat(BODY_BYTES));
    let before = server.usage()?;
    let begun = Instant::now();
    load::repeat(&access, "SendMessageBatch", &body, count / 10, SENDERS).await?;
    let elapsed = begun.elapsed().as_secs_f64();
    let written = server.usage()?.written_bytes - before.written_bytes;
    Ok((
        count as f64 / elapsed,
        written as f64 / (count * BODY_BYTES as u64) as f64,
    ))
}
