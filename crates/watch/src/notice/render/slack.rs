//! As an incoming webhook of Slack takes it: a text and an attachment for each alert, coloured.
//!
//! Source: Slack API, "Incoming webhooks" and "Secondary message attachments", which Mattermost, Rocket.Chat and Discord
//! (`/slack`) take too.

use serde_json::{Map, Value, json};

use super::super::engine::{Alert, Notice};
use super::super::event::Severity;
use super::{Reader, field, words};

/// Attachments of one message; Slack advises against more than 20.
const ATTACHMENTS_MAX: usize = 20;

pub(super) fn fields(notice: &Notice, reader: &Reader) -> Map<String, Value> {
    let alerts = notice.firing.iter().chain(&notice.recovered);
    let attachments: Vec<Value> = alerts
        .take(ATTACHMENTS_MAX)
        .map(|alert| attachment(alert, reader))
        .collect();
    let body = json!({
        "text": escaped(&words::subject(notice, reader.language)),
        "attachments": attachments,
    });
    field("body", body.to_string())
}

fn attachment(alert: &Alert, reader: &Reader) -> Value {
    let color = match (alert.ended, alert.severity) {
        (Some(_), _) => "good",
        (None, Severity::Critical) => "danger",
        (None, Severity::Warning) => "warning",
        (None, Severity::Info) => "#808080",
    };
    json!({
        "color": color,
        "fallback": escaped(&alert.title),
        "text": escaped(&words::alert(alert, reader)),
        "ts": alert.ended.unwrap_or(alert.since).as_secs(),
    })
}

/// Slack's three letters that stand for something else.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
