//! Hook0: answers of `GET /api/v1/subscriptions/`.

use super::endpoint::{Context, Endpoint, Found, seconds, texts};
use super::read::Record;

/// Its schedule: 24 retries in 8 days. Every answer but 2xx is tried again.
const WAITS: [u64; 8] = [3, 10, 180, 1_800, 3_600, 10_800, 18_000, 36_000];
pub(super) const RETRY_FOR: &str = "8d";
const TIMEOUT_SECS: u64 = 15;

pub(super) const SIGNATURES: [&str; 2] = ["v1", "v0"];

pub(super) fn read(record: &Record, context: Context<'_>) -> Result<Found, String> {
    let id = record.needed(&["subscription_id"])?;
    let left = |why: String| {
        Ok(Found::Left {
            id: id.to_owned(),
            why,
        })
    };
    let Some(target) = record.object("target")? else {
        return left("has no `target`".to_owned());
    };
    match target.text(&["type"])?.unwrap_or("http") {
        "http" => {}
        other => return left(format!("its target is `{other}`, not http")),
    }
    let mut endpoint = Endpoint {
        id: id.to_owned(),
        url: target.needed(&["url"])?.to_owned(),
        label: record
            .text(&["description"])?
            .unwrap_or_default()
            .to_owned(),
        secrets: vec![record.needed(&["secret"])?.to_owned()],
        headers: target.texts("headers")?,
        is_disabled: record.has("is_enabled") && !record.is("is_enabled")?,
        ..Endpoint::default()
    };
    endpoint.set("id_header", "x-event-id");
    endpoint.sign("kind", "hmac");
    let (content, value) = match context.signature {
        Some("v0") => ("{@time.unix}.{@body}", "t={@time.unix},v0={signatures}"),
        _ => (
            "{@time.unix}.x-event-id.{@id}.{@body}",
            "t={@time.unix},h=x-event-id,v1={signatures}",
        ),
    };
    endpoint.sign("content", content);
    endpoint.sign(
        "headers",
        toml::Table::from_iter([("X-Hook0-Signature".to_owned(), value.into())]),
    );
    endpoint.retry(&seconds(&WAITS), &[]);
    endpoint.timeout(TIMEOUT_SECS);
    endpoint.set("timeout_connect", "5s");
    let method = target
        .text(&["method"])?
        .unwrap_or("POST")
        .to_ascii_uppercase();
    if method != "POST" {
        endpoint.set(
            "request",
            toml::Table::from_iter([("method".to_owned(), method.into())]),
        );
    }
    endpoint.note_filter("event types", &texts(record.list("event_types")?));
    note_labels(&mut endpoint, record)?;
    if !record.list("dedicated_workers")?.is_empty() {
        endpoint.note("had workers of its own: give its lines a route of their own");
    }
    Ok(Found::Endpoint(Box::new(endpoint)))
}

fn note_labels(endpoint: &mut Endpoint, record: &Record) -> Result<(), String> {
    let mut labels = record.texts("labels")?;
    if let (Some(key), Some(value)) = (record.text(&["label_key"])?, record.text(&["label_value"])?)
    {
        labels.push((key.to_owned(), value.to_owned()));
    }
    labels.dedup();
    let labels: Vec<_> = labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    endpoint.note_filter("events with the labels", &labels);
    Ok(())
}
