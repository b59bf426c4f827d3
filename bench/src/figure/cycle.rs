//! Messages cycled (send, receive, delete, batches of 10, signed) per CPU second of the server, with an empty
//! queue and with a million waiting.

use std::cell::Cell;
use std::rc::Rc;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::show;
use crate::http::Connection;
use crate::server::{Access, Server, parent};
use crate::{Size, load, queue, sign};

const WORKERS: usize = 16;
const WAITING: u64 = 1_000_000;

pub(crate) async fn run(size: Size) -> Result<()> {
    let server = Server::fresh(&parent(), "cycle", "")?;
    let access = server.access()?;
    let empty = measure(&server, &access, "cycle-empty", size.of(200_000)).await?;
    show(
        "cycled per server CPU second, empty",
        empty,
        "messages",
        ">= 60,000 (100,000)",
    );
    let url = queue::create(&access, "cycle-full").await?;
    let body = queue::batch_of_ten(&url, &"x".repeat(300));
    load::repeat(
        &access,
        "SendMessageBatch",
        &body,
        size.of(WAITING) / 10,
        64,
    )
    .await?;
    let full = measure(&server, &access, "cycle-full", size.of(200_000)).await?;
    show(
        "cycled per server CPU second, 1 M waiting",
        full,
        "messages",
        "",
    );
    show(
        "the same with 1 M waiting, over empty",
        full / empty,
        "",
        ">= 0.8 (1.0)",
    );
    Ok(())
}

/// Cycles `count` messages and returns how many the server manages per second of its CPU.
async fn measure(server: &Server, access: &Access, name: &str, count: u64) -> Result<f64> {
    let url = queue::create(access, name).await?;
    let send: Rc<[u8]> = sign::request(
        access,
        "SendMessageBatch",
        &queue::batch_of_ten(&url, &"x".repeat(300)),
    )?
    .into();
    let receiving = json!({ "QueueUrl": url, "MaxNumberOfMessages": 10 }).to_string();
    let receive: Rc<[u8]> = sign::request(access, "ReceiveMessage", &receiving)?.into();
    let left = Rc::new(Cell::new(count / 10));
    let before = server.usage()?.cpu_secs;
    load::workers(WORKERS, |_| {
        let (send, receive, left) = (send.clone(), receive.clone(), left.clone());
        let (access, url) = (access.clone(), url.clone());
        async move {
            let mut connection = Connection::open(&access.host).await?;
            while let Some(rest) = left.get().checked_sub(1) {
                left.set(rest);
                connection.call(&send).await?;
                let answer = connection.call(&receive).await?;
                if let Some(body) = deletion(&url, &answer)? {
                    connection
                        .call(&sign::request(&access, "DeleteMessageBatch", &body)?)
                        .await?;
                }
            }
            Ok(())
        }
    })
    .await?;
    Ok(count as f64 / (server.usage()?.cpu_secs - before))
}

/// The DeleteMessageBatch for what was received, if anything was.
fn deletion(url: &str, answer: &[u8]) -> Result<Option<String>> {
    let answer: Value = serde_json::from_slice(answer)?;
    let Some(messages) = answer["Messages"]
        .as_array()
        .filter(|messages| !messages.is_empty())
    else {
        return Ok(None);
    };
    let entry = |(index, message): (usize, &Value)| {
        let handle = message["ReceiptHandle"]
            .as_str()
            .context("a message without ReceiptHandle")?;
        Ok(json!({ "Id": index.to_string(), "ReceiptHandle": handle }))
    };
    let entries = messages
        .iter()
        .enumerate()
        .map(entry)
        .collect::<Result<Vec<_>>>()?;
    Ok(Some(
        json!({ "QueueUrl": url, "Entries": entries }).to_string(),
    ))
}
