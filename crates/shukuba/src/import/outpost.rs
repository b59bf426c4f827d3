//! Outpost: answers of `GET /api/v1/tenants/ID/destinations`.

use serde_json::Value;

use super::endpoint::{Context, Endpoint, Found, seconds, texts};
use super::read::Record;

/// Its schedule: 30 s doubled, ten times. 3xx counts as a success there, and is not tried again here.
const WAITS: [u64; 10] = [30, 60, 120, 240, 480, 960, 1_920, 3_840, 7_680, 15_360];
pub(super) const RETRY_FOR: &str = "9h";
const TIMEOUT_SECS: u64 = 5;

pub(super) const SIGNATURES: [&str; 3] = ["body", "time", "standard-webhooks"];

pub(super) fn read(record: &Record, context: Context<'_>) -> Result<Found, String> {
    let id = record.needed(&["id"])?;
    let left = |why: String| {
        Ok(Found::Left {
            id: id.to_owned(),
            why,
        })
    };
    match record.needed(&["type"])? {
        "webhook" => {}
        other => return left(format!("is of type `{other}`, not a webhook")),
    }
    let Some(config) = record.object("config")? else {
        return left("has no `config`".to_owned());
    };
    let mut endpoint = Endpoint {
        id: id.to_owned(),
        url: config.needed(&["url"])?.to_owned(),
        headers: config.texts("custom_headers")?,
        is_disabled: record.text(&["disabled_at"])?.is_some(),
        ..Endpoint::default()
    };
    let credentials = record.object("credentials")?;
    let Some((credentials, secret)) = credentials
        .as_ref()
        .and_then(|all| Some((all, all.text(&["secret"]).ok()??)))
    else {
        return left("has no `credentials.secret`: ask with the admin's API key".to_owned());
    };
    endpoint.secrets.push(secret.to_owned());
    if let Some(previous) = credentials.text(&["previous_secret"])? {
        let until = credentials.text(&["previous_secret_invalid_at"])?;
        endpoint.previous(previous, until, context.now);
    }
    sign(&mut endpoint, context.signature.unwrap_or("body"));
    endpoint.retry(&seconds(&WAITS), &["redirect"]);
    endpoint.timeout(TIMEOUT_SECS);
    note_filters(&mut endpoint, record)?;
    let metadata = record.texts("delivery_metadata")?;
    for (name, value) in metadata {
        endpoint
            .headers
            .push((format!("x-outpost-{}", name.to_ascii_lowercase()), value));
    }
    Ok(Found::Endpoint(Box::new(endpoint)))
}

fn sign(endpoint: &mut Endpoint, signature: &str) {
    if signature == "standard-webhooks" {
        endpoint.sign("kind", "standard-webhooks");
        return;
    }
    endpoint.set("id_header", "x-outpost-event-id");
    endpoint.sign("kind", "hmac");
    let value = match signature {
        "time" => {
            endpoint.sign("content", "{@time.unix}.{@body}");
            "t={@time.unix},v0={signatures}"
        }
        _ => "v0={signatures}",
    };
    endpoint.sign("join", ",");
    let headers = [
        ("x-outpost-signature".to_owned(), value.into()),
        ("x-outpost-timestamp".to_owned(), "{@time.iso}".into()),
    ];
    endpoint.sign("headers", toml::Table::from_iter(headers));
}

fn note_filters(endpoint: &mut Endpoint, record: &Record) -> Result<(), String> {
    if let Some((_, Value::Array(_))) = record.get(&["topics"]) {
        let topics = texts(record.list("topics")?);
        if topics != ["*"] {
            endpoint.note_filter("topics", &topics);
        }
    }
    if record.object("filter")?.is_some() {
        endpoint.note("has a filter by content: send only what passes it");
    }
    Ok(())
}
