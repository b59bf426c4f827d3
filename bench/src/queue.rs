//! The SQS calls that the figures make, as JSON bodies.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::http::Connection;
use crate::server::Access;
use crate::sign;

/// Makes the queue `name` (or finds it) and returns its URL.
pub(crate) async fn create(access: &Access, name: &str) -> Result<String> {
    create_with(access, name, json!({})).await
}

/// The same with attributes, which one that is there already must have.
pub(crate) async fn create_with(access: &Access, name: &str, attributes: Value) -> Result<String> {
    let body = json!({ "QueueName": name, "Attributes": attributes });
    let answer = call(access, "CreateQueue", &body).await?;
    Ok(answer["QueueUrl"]
        .as_str()
        .context("an answer without QueueUrl")?
        .to_owned())
}

/// One signed call on a connection of its own.
pub(crate) async fn call(access: &Access, operation: &str, body: &Value) -> Result<Value> {
    let request = sign::request(access, operation, &body.to_string())?;
    let answer = Connection::open(&access.host).await?.call(&request).await?;
    Ok(if answer.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&answer)?
    })
}

/// The body of a SendMessageBatch of ten messages, each `message`.
pub(crate) fn batch_of_ten(url: &str, message: &str) -> String {
    let entries: Vec<Value> = (0..10)
        .map(|n| json!({ "Id": n.to_string(), "MessageBody": message }))
        .collect();
    json!({ "QueueUrl": url, "Entries": entries }).to_string()
}

/// The body of a SendMessage.
pub(crate) fn single(url: &str, message: &str) -> String {
    json!({ "QueueUrl": url, "MessageBody": message }).to_string()
}

/// The body of a SendMessage that packs `lines` times the line, and says so.
pub(crate) fn packed(url: &str, line: &str, lines: usize) -> String {
    let body = vec![line; lines].join("\n");
    let count = json!({ "DataType": "Number", "StringValue": lines.to_string() });
    json!({ "QueueUrl": url, "MessageBody": body, "MessageAttributes": { "shukuba.lines": count } })
        .to_string()
}
