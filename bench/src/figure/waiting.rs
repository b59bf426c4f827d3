//! Memory with 1 M and 5 M cold messages of 300 bytes, and the time until it serves again after kill -9.

use anyhow::Result;

use super::show;
use crate::server::{Server, parent};
use crate::{Size, disk, load, queue};

pub(crate) async fn run(size: Size) -> Result<()> {
    measure(size.of(1_000_000), "1 M", "<= 40 MB (20)", "<= 0.5 s (0.1)").await?;
    measure(size.of(5_000_000), "5 M", "<= 80 MB (45)", "<= 1.5 s (0.2)").await
}

async fn measure(count: u64, name: &str, memory_wanted: &str, recovery_wanted: &str) -> Result<()> {
    let mut server = Server::fresh(&parent(), "waiting", "")?;
    let access = server.access()?;
    let url = queue::create(&access, "cold").await?;
    let body = queue::batch_of_ten(&url, &"x".repeat(300));
    load::repeat(&access, "SendMessageBatch", &body, count / 10, 64).await?;
    let filled = server.memory()?;
    show(
        &format!("{name} cold messages: VmRSS after the fill"),
        mb(filled.resident),
        "MB",
        memory_wanted,
    );
    show(
        &format!("{name} cold messages: RssAnon after the fill"),
        mb(filled.anonymous),
        "MB",
        "",
    );
    server.kill()?;
    disk::evict(&server.data())?;
    let elapsed = server.restart()?;
    show(
        &format!("{name} waiting: serving again after kill -9, cold cache"),
        elapsed.as_secs_f64(),
        "s",
        recovery_wanted,
    );
    let recovered = server.memory()?;
    show(
        &format!("{name} cold messages: VmRSS after recovery"),
        mb(recovered.resident),
        "MB",
        memory_wanted,
    );
    let attributes = serde_json::json!({ "QueueUrl": queue::create(&server.access()?, "cold").await?, "AttributeNames": ["ApproximateNumberOfMessages"] });
    let answer = queue::call(&server.access()?, "GetQueueAttributes", &attributes).await?;
    println!(
        "waiting after recovery: {} of {count}",
        answer["Attributes"]["ApproximateNumberOfMessages"]
    );
    Ok(())
}

fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
