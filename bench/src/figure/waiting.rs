//! Memory with 1 M and 5 M messages of 300 bytes that nobody has touched, with 1 M that are delayed (each of these has an entry in the
//! side map), and the time until it serves again after kill -9.

use anyhow::Result;

use super::show;
use crate::server::{Server, parent};
use crate::{Size, disk, load, queue};

/// What waits, and what is wanted of it.
struct Case {
    count: u64,
    name: &'static str,
    /// Of the queue, in seconds; delayed messages are hot.
    delay: &'static str,
    memory_wanted: &'static str,
    recovery_wanted: &'static str,
}

pub(crate) async fn run(size: Size) -> Result<()> {
    let cases = [
        Case {
            count: size.of(1_000_000),
            name: "1 M cold messages",
            delay: "0",
            memory_wanted: "<= 40 MB (20)",
            recovery_wanted: "<= 0.5 s (0.1)",
        },
        Case {
            count: size.of(5_000_000),
            name: "5 M cold messages",
            delay: "0",
            memory_wanted: "<= 80 MB (45)",
            recovery_wanted: "<= 1.5 s (0.2)",
        },
        Case {
            count: size.of(1_000_000),
            name: "1 M delayed messages",
            delay: "900",
            memory_wanted: "",
            recovery_wanted: "",
        },
    ];
    for case in &cases {
        measure(case).await?;
    }
    Ok(())
}

async fn measure(case: &Case) -> Result<()> {
    let mut server = Server::fresh(&parent(), "waiting", "")?;
    let access = server.access()?;
    let url = queue::create_with(
        &access,
        "waiting",
        serde_json::json!({ "DelaySeconds": case.delay }),
    )
    .await?;
    let body = queue::batch_of_ten(&url, &"x".repeat(300));
    load::repeat(&access, "SendMessageBatch", &body, case.count / 10, 64).await?;
    let row = |what: &str| format!("{}: {what}", case.name);
    let filled = server.memory()?;
    show(
        &row("VmRSS after the fill"),
        mb(filled.resident),
        "MB",
        case.memory_wanted,
    );
    show(
        &row("RssAnon after the fill"),
        mb(filled.anonymous),
        "MB",
        "",
    );
    server.kill()?;
    disk::evict(&server.data())?;
    let elapsed = server.restart()?;
    show(
        &row("serving again after kill -9, cold cache"),
        elapsed.as_secs_f64(),
        "s",
        case.recovery_wanted,
    );
    let recovered = server.memory()?;
    show(
        &row("VmRSS after recovery"),
        mb(recovered.resident),
        "MB",
        case.memory_wanted,
    );
    let names = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesDelayed",
    ];
    let url = queue::create(&server.access()?, "waiting").await?;
    let ask = serde_json::json!({ "QueueUrl": url, "AttributeNames": names });
    let answer = queue::call(&server.access()?, "GetQueueAttributes", &ask).await?;
    println!(
        "waiting after recovery: {} of {}",
        answer["Attributes"], case.count
    );
    Ok(())
}

fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
