//! As JSON: the whole notice, or an alarm as SNS delivers it to an HTTP endpoint.

use serde_json::{Map, Value, json};

use super::super::engine::{Alert, Notice, NoticeKind};
use super::{Reader, field, kind_name, words};

pub(super) fn fields(notice: &Notice, reader: &Reader) -> Map<String, Value> {
    let from = match &notice.kind {
        NoticeKind::Escalation { from } => Some(from.as_str()),
        _ => None,
    };
    let body = json!({
        "id": notice.id,
        "thread": notice.thread,
        "receiver": notice.receiver,
        "kind": kind_name(&notice.kind),
        "escalated_from": from,
        "at": notice.at.rfc3339(),
        "title": words::subject(notice, reader.language),
        "firing": notice.firing.iter().map(shown).collect::<Vec<_>>(),
        "recovered": notice.recovered.iter().map(shown).collect::<Vec<_>>(),
        "url": reader.url,
    });
    field("body", body.to_string())
}

/// An alert with its times as texts.
fn shown(alert: &Alert) -> Value {
    json!({
        "source": alert.source,
        "title": alert.title,
        "detail": alert.detail,
        "severity": alert.severity,
        "labels": alert.labels,
        "since": alert.since.rfc3339(),
        "ended": alert.ended.map(base::Timestamp::rfc3339),
    })
}

/// One message for each alert that is an alarm's.
///
/// Source: SNS Developer Guide, "HTTP/HTTPS notification JSON format". It is not signed as SNS signs: `SignatureVersion` is
/// there for parsers, the rest is left out.
pub(super) fn sns(notice: &Notice, reader: &Reader) -> Vec<Map<String, Value>> {
    let alerts = notice.firing.iter().chain(&notice.recovered);
    let messages = alerts.filter_map(|alert| {
        let message = alert.sns.as_ref()?;
        let body = json!({
            "Type": "Notification",
            "MessageId": format!("{}-{}", notice.id, alert.source),
            "TopicArn": format!("{}{}", reader.topics, notice.receiver),
            "Subject": alert.title,
            "Message": message,
            "Timestamp": notice.at.rfc3339(),
            "SignatureVersion": "1",
        });
        Some(field("body", body.to_string()))
    });
    messages.collect()
}
