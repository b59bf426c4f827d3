//! As an event of PagerDuty's Events API v2: a group is an incident, opened and resolved by its thread.
//!
//! Source: PagerDuty developer documentation, "Send an alert event".

use serde_json::{Map, Value, json};

use super::super::engine::Notice;
use super::super::event::Severity;
use super::{Reader, field, words};

/// Letters of a summary, as the API takes.
const SUMMARY_MAX: usize = 1024;
/// Letters of a deduplication key, as the API takes.
const KEY_MAX: usize = 255;

pub(super) fn fields(notice: &Notice, reader: &Reader) -> Map<String, Value> {
    let is_over = notice.firing.is_empty();
    let alerts = match is_over {
        true => &notice.recovered,
        false => &notice.firing,
    };
    let worst = alerts.iter().map(|alert| alert.severity).max();
    let summary: String = words::subject(notice, reader.language)
        .chars()
        .take(SUMMARY_MAX)
        .collect();
    let source = alerts.first().map_or("", |alert| alert.source.as_str());
    let event = json!({
        "event_action": if is_over { "resolve" } else { "trigger" },
        "dedup_key": notice.thread.chars().take(KEY_MAX).collect::<String>(),
        "client": "Shukuba",
        "client_url": reader.url,
        "payload": {
            "summary": summary,
            "source": source,
            "severity": worst.map_or("critical", Severity::as_str),
            "timestamp": notice.at.rfc3339(),
            "custom_details": { "text": words::text(notice, reader) },
        },
    });
    let text = event.to_string();
    // Without its braces: the route writes them, and the routing key.
    let rest = text
        .strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'));
    field("rest", rest.unwrap_or_default())
}
