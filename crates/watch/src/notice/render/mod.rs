//! A notice in the form of each channel: the fields of a line, from which the channel's route makes a request.
//!
//! Addresses and secrets stand in the routes, never here: a line says what is told, the route where to.
//!
//! | channel | fields |
//! |---|---|
//! | mail | `subject`, `text` |
//! | slack, webhook, command | `body`, JSON |
//! | pagerduty | `rest`, the members of the JSON beside the routing key |

mod mail;
mod pagerduty;
mod slack;
mod webhook;
mod words;

use base::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::engine::{Notice, NoticeKind};
use super::settings::{Form, Language};

/// A way by which people are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// By mail.
    Mail,
    /// By an incoming webhook of Slack, or what takes the same.
    Slack,
    /// By PagerDuty's Events API v2.
    PagerDuty,
    /// By JSON to a URL.
    Webhook,
    /// By a program.
    Command,
}

/// Every channel with its name, one line each.
pub const CHANNELS: &[(Channel, &str)] = &[
    (Channel::Mail, "mail"),
    (Channel::Slack, "slack"),
    (Channel::PagerDuty, "pagerduty"),
    (Channel::Webhook, "webhook"),
    (Channel::Command, "command"),
];

impl Channel {
    /// As routes name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        let found = CHANNELS.iter().find(|(channel, _)| *channel == self);
        found.map_or("", |(_, name)| name)
    }
}

/// For whom a notice is written.
#[derive(Clone, Debug)]
pub struct Reader {
    /// The language.
    pub language: Language,
    /// The time zone of times.
    pub zone: TimeZone,
    /// The page that shows alarms; nothing where there is none.
    pub url: String,
    /// What stands before a receiver's name in the ARN of its topic: `arn:aws:sns:ap-northeast-1:123456789012:`.
    pub topics: String,
}

impl Reader {
    /// A moment as people read it, such as `2026-11-29 16:00:05 +09:00`.
    fn time(&self, at: Timestamp) -> String {
        let millis = i64::try_from(at.as_millis()).ok();
        let instant = millis.and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
        instant.map_or_else(
            || at.rfc3339(),
            |instant| {
                let zoned = instant.to_zoned_datetime(self.zone.clone());
                zoned.strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
            },
        )
    }
}

/// A line of a channel's queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What tells it from all others: the notice's id and the channel.
    pub id: String,
    /// The JSON object, which has the id too.
    pub text: String,
}

/// The lines of a notice for a channel; one, or for SNS one for each alarm.
#[must_use]
pub fn lines(notice: &Notice, channel: Channel, form: Form, reader: &Reader) -> Vec<Line> {
    let all = match channel {
        Channel::Mail => vec![mail::fields(notice, reader)],
        Channel::Slack => vec![slack::fields(notice, reader)],
        Channel::PagerDuty => vec![pagerduty::fields(notice, reader)],
        Channel::Webhook if form == Form::Sns => webhook::sns(notice, reader),
        Channel::Webhook | Channel::Command => vec![webhook::fields(notice, reader)],
    };
    let many = all.len() > 1;
    let numbered = all.into_iter().enumerate().map(|(index, mut fields)| {
        let mut id = format!("{}-{}", notice.id, channel.name());
        if many {
            id = format!("{id}-{index}");
        }
        fields.insert("id".to_owned(), Value::String(id.clone()));
        let text = Value::Object(fields).to_string();
        Line { id, text }
    });
    numbered.collect()
}

/// One field.
fn field(name: &str, value: impl Into<Value>) -> Map<String, Value> {
    Map::from_iter([(name.to_owned(), value.into())])
}

/// `problem`, `recovery`, …
fn kind_name(kind: &NoticeKind) -> &'static str {
    match kind {
        NoticeKind::Problem => "problem",
        NoticeKind::Recovery => "recovery",
        NoticeKind::Update => "update",
        NoticeKind::Repeat => "repeat",
        NoticeKind::Escalation { .. } => "escalation",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::engine::Alert;
    use super::super::event::Severity;
    use super::*;

    fn reader(language: Language) -> Reader {
        Reader {
            language,
            zone: TimeZone::get("Asia/Tokyo").unwrap(),
            url: "http://127.0.0.1:5310/_shukuba/alarms".to_owned(),
            topics: "arn:aws:sns:ap-northeast-1:123456789012:".to_owned(),
        }
    }

    fn alert(source: &str) -> Alert {
        Alert {
            source: source.to_owned(),
            title: format!("{source} is in ALARM"),
            detail: "Threshold Crossed: 1 datapoint [99.5 (29/11/26 07:00:00)] was greater than the threshold (80.0).".to_owned(),
            severity: Severity::Critical,
            labels: BTreeMap::from([("Name".to_owned(), "web-1".to_owned())]),
            since: Timestamp::parse_rfc3339("2026-11-29T07:00:05Z").unwrap(),
            ended: None,
            sns: Some("{\"AlarmName\":\"a\"}".to_owned()),
        }
    }

    fn notice(kind: NoticeKind) -> Notice {
        let mut recovered = Vec::new();
        let mut firing = vec![alert("cpu"), alert("disk")];
        if kind == NoticeKind::Recovery {
            recovered.append(&mut firing);
            for one in &mut recovered {
                one.ended = Timestamp::parse_rfc3339("2026-11-29T07:05:05Z");
            }
        }
        Notice {
            id: "ops-1-1".to_owned(),
            thread: "ops-1".to_owned(),
            receiver: "ops".to_owned(),
            kind,
            at: Timestamp::parse_rfc3339("2026-11-29T07:00:10Z").unwrap(),
            firing,
            recovered,
        }
    }

    fn read(lines: &[Line]) -> Vec<Value> {
        let read = lines
            .iter()
            .map(|line| serde_json::from_str(&line.text).unwrap());
        read.collect()
    }

    fn only(notice: &Notice, channel: Channel, language: Language) -> Value {
        let lines = lines(notice, channel, Form::Shukuba, &reader(language));
        assert_eq!(lines.len(), 1);
        read(&lines).remove(0)
    }

    #[test]
    fn a_mail_says_what_is_wrong_since_when_and_where_to_look() {
        let mail = only(&notice(NoticeKind::Problem), Channel::Mail, Language::En);
        assert_eq!(mail["id"], "ops-1-1-mail");
        assert_eq!(mail["subject"], "[PROBLEM] 2 problems: cpu is in ALARM, …");
        let text = mail["text"].as_str().unwrap();
        for part in [
            "cpu is in ALARM",
            "since 2026-11-29 16:00:05 +09:00",
            "Name=web-1",
            "http://127.0.0.1:5310/_shukuba/alarms",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let japanese = only(&notice(NoticeKind::Recovery), Channel::Mail, Language::Ja);
        assert_eq!(japanese["subject"], "【復旧】2件: cpu is in ALARM ほか");
    }

    #[test]
    fn chats_and_pagers_get_their_own_forms() {
        let slack = only(&notice(NoticeKind::Problem), Channel::Slack, Language::En);
        let body: Value = serde_json::from_str(slack["body"].as_str().unwrap()).unwrap();
        assert_eq!(body["attachments"][0]["color"], "danger");
        let pager = only(
            &notice(NoticeKind::Problem),
            Channel::PagerDuty,
            Language::En,
        );
        let whole = format!(
            "{{\"routing_key\":\"k\",{}}}",
            pager["rest"].as_str().unwrap()
        );
        let event: Value = serde_json::from_str(&whole).unwrap();
        assert_eq!(event["event_action"], "trigger");
        assert_eq!(event["dedup_key"], "ops-1");
        assert_eq!(event["payload"]["severity"], "critical");
        let end = only(
            &notice(NoticeKind::Recovery),
            Channel::PagerDuty,
            Language::En,
        );
        assert!(end["rest"].as_str().unwrap().contains("\"resolve\""));
    }

    #[test]
    fn a_webhook_gets_the_whole_notice_or_what_sns_delivers() {
        let notice = notice(NoticeKind::Escalation {
            from: "ops".to_owned(),
        });
        let hook = only(&notice, Channel::Webhook, Language::En);
        let body: Value = serde_json::from_str(hook["body"].as_str().unwrap()).unwrap();
        assert_eq!(body["kind"], "escalation");
        assert_eq!(body["escalated_from"], "ops");
        assert_eq!(body["firing"][1]["source"], "disk");
        let lines = lines(&notice, Channel::Webhook, Form::Sns, &reader(Language::En));
        let all = read(&lines);
        assert_eq!(all.len(), 2);
        assert_eq!(all[1]["id"], "ops-1-1-webhook-1");
        let body: Value = serde_json::from_str(all[0]["body"].as_str().unwrap()).unwrap();
        assert_eq!(body["Type"], "Notification");
        assert_eq!(body["Message"], "{\"AlarmName\":\"a\"}");
        assert_eq!(
            body["TopicArn"],
            "arn:aws:sns:ap-northeast-1:123456789012:ops"
        );
    }
}
