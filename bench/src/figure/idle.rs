//! An idle server: its memory, and the time from start to its first answer.

use std::time::Instant;

use anyhow::Result;

use super::show;
use crate::server::{Server, parent};

pub(crate) fn run() -> Result<()> {
    let begun = Instant::now();
    let mut server = Server::fresh(&parent(), "idle", "")?;
    show(
        "idle: first start to first answer",
        begun.elapsed().as_secs_f64(),
        "s",
        "",
    );
    server.kill()?;
    let elapsed = server.restart()?;
    show(
        "idle: start to first answer",
        elapsed.as_secs_f64(),
        "s",
        "<= 0.3",
    );
    let memory = server.memory()?;
    show("idle: VmRSS", memory.resident as f64 / 1e6, "MB", "<= 30");
    show("idle: RssAnon", memory.anonymous as f64 / 1e6, "MB", "");
    Ok(())
}
