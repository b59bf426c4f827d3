//! `[notices]`: who is told, of what, how often.

use std::collections::BTreeMap;
use std::time::Duration;

use base::setting::{Problems, Span};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::matching::{CONDITIONS_MAX, Matcher};
use super::silence::{Maintenance, Window, zone_named};

/// The most receivers, routes, and windows, of each. Chosen.
pub const ENTRIES_MAX: usize = 200;
/// The most mail addresses of a receiver. As the sender of mails takes.
const MAILS_MAX: usize = 50;
/// The most steps of an escalation. Chosen.
const STEPS_MAX: usize = 10;

/// `[notices]`: who is told of alarms and checks, and how.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The language of notices: `en` or `ja`. Default `en`.
    pub language: Language,
    /// The time zone of times in notices and of maintenance, such as `Asia/Tokyo`. Default `UTC`.
    pub time_zone: Option<String>,
    /// Who is told, by name: 1 to 40 of `a-z`, `0-9` and `-`. An alarm whose action is a topic (`arn:aws:sns:…:ops`) tells the receiver of that name. At most 200.
    pub receivers: BTreeMap<String, Receiver>,
    /// Who is told of what, by labels; an event goes to the receivers of every route that matches, down to one with `last`. At most 200.
    pub routes: Vec<Routing>,
    /// Windows in which nobody is told. At most 200.
    pub maintenance: Vec<Maintenance>,
}

/// The language of what people read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Japanese.
    Ja,
}

/// `[notices.receivers.NAME]`: the channels of a receiver, all of which get each notice, and its patience.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Receiver {
    /// Mail addresses, all in one mail. They go out by the `mail_relay` and `mail_from` of `[destinations]`. At most 50.
    pub mail: Vec<String>,
    /// URL of an incoming webhook of Slack, or of what takes the same body (Mattermost, Rocket.Chat, Discord with `/slack`). May hold `${secret:NAME}`.
    pub slack: Option<String>,
    /// Routing key of a PagerDuty service (Events API v2), such as `${secret:PAGERDUTY}`.
    pub pagerduty: Option<String>,
    /// Where PagerDuty's events go. Default `https://events.pagerduty.com/v2/enqueue`.
    pub pagerduty_url: Option<String>,
    /// A URL that gets JSON by POST. May hold `${secret:NAME}`.
    pub webhook: Option<String>,
    /// What the webhook gets: `shukuba` (the whole notice), or `sns` (an alarm as SNS delivers it, one request each). Default `shukuba`.
    pub webhook_form: Form,
    /// A program that gets the notice as JSON on its standard input; an absolute path.
    pub command: Option<String>,
    /// Labels whose values make a group: what has the same is told together. Default none: each source by itself.
    pub group_by: Vec<String>,
    /// How long the first of a group waits for others. 0s to 1h; default 0s.
    pub group_wait: Option<Span>,
    /// The least time between two notices of a group. 0s to 1d; default 0s.
    pub group_interval: Option<Span>,
    /// After what time a problem is told again, while nobody has acknowledged it. 1m to 30d; default never.
    pub repeat: Option<Span>,
    /// Whether the end of a problem is told. Default true.
    pub recovery: Option<bool>,
    /// Who else is told of a problem that lasts and that nobody has acknowledged: `[{ after = "15m", to = "lead" }]`. At most 10 steps.
    pub escalate: Vec<Step>,
}

/// What a webhook gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// The whole notice.
    #[default]
    Shukuba,
    /// As SNS delivers an alarm.
    Sns,
}

/// A step of an escalation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// How long after the problem's first notice. 1m to 7d.
    pub after: Span,
    /// The receiver that is told then.
    pub to: String,
}

/// `[[notices.routes]]`: who is told of what.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Routing {
    /// Labels and their patterns, such as `{ Name = "web-*", severity = "!info" }`. Default everything.
    pub r#match: Matcher,
    /// Receivers.
    pub to: Vec<String>,
    /// Whether the routes after it are not looked at where it matches. Default false.
    pub last: bool,
}

/// The spans of a receiver that hold when it says nothing.
impl Receiver {
    /// How long the first of a group waits.
    #[must_use]
    pub fn wait(&self) -> Duration {
        self.group_wait.map_or(Duration::ZERO, Span::get)
    }

    /// The least time between two notices of a group.
    #[must_use]
    pub fn interval(&self) -> Duration {
        self.group_interval.map_or(Duration::ZERO, Span::get)
    }

    /// Whether it has no channel.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.mail.is_empty()
            && self.slack.is_none()
            && self.pagerduty.is_none()
            && self.webhook.is_none()
            && self.command.is_none()
    }

    fn check(&self, key: &str, known: &BTreeMap<String, Self>, problems: &mut Problems) {
        if self.is_silent() {
            let right = "has no channel: give `mail`, `slack`, `pagerduty`, `webhook` or `command`";
            problems.push(key, right);
        }
        if self.mail.len() > MAILS_MAX {
            problems.push(
                &format!("{key}.mail"),
                format!("has more than {MAILS_MAX} addresses"),
            );
        }
        let wrong = self.mail.iter().filter(|mail| !is_mail(mail));
        for mail in wrong {
            problems.push(
                &format!("{key}.mail"),
                format!("`{mail}` is no mail address"),
            );
        }
        let is_absolute =
            |path: &String| path.starts_with('/') && !path.contains(char::is_whitespace);
        if self.command.as_ref().is_some_and(|path| !is_absolute(path)) {
            let right = "is not an absolute path of a program, without spaces or arguments";
            problems.push(&format!("{key}.command"), right);
        }
        let secs = Duration::from_secs;
        for (name, span, min, max) in [
            ("group_wait", self.group_wait, secs(0), secs(3600)),
            ("group_interval", self.group_interval, secs(0), secs(86_400)),
            ("repeat", self.repeat, secs(60), secs(30 * 86_400)),
        ] {
            problems.span(&format!("{key}.{name}"), span, min, max);
        }
        self.check_steps(&format!("{key}.escalate"), known, problems);
    }

    fn check_steps(&self, key: &str, known: &BTreeMap<String, Self>, problems: &mut Problems) {
        if self.escalate.len() > STEPS_MAX {
            problems.push(key, format!("has more than {STEPS_MAX} steps"));
        }
        for step in &self.escalate {
            let (min, max) = (Duration::from_secs(60), Duration::from_secs(7 * 86_400));
            problems.span(key, Some(step.after), min, max);
            check_name(key, &step.to, known, problems);
        }
    }
}

fn is_mail(text: &str) -> bool {
    let is_plain = |part: &str| {
        !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || ",?&#<>\"".contains(c))
    };
    text.split_once('@')
        .is_some_and(|(user, host)| is_plain(user) && is_plain(host) && !host.contains('@'))
}

fn check_name(key: &str, name: &str, known: &BTreeMap<String, Receiver>, problems: &mut Problems) {
    if known.contains_key(name) {
        return;
    }
    let names: Vec<&str> = known.keys().map(String::as_str).collect();
    let hint = match base::nearest(name, names.iter().copied()) {
        Some(near) => format!("; did you mean `{near}`?"),
        None if names.is_empty() => "; there are none".to_owned(),
        None => format!("; there are: {}", names.join(", ")),
    };
    problems.push(key, format!("there is no receiver `{name}`{hint}"));
}

impl Settings {
    /// What is wrong, without any I/O.
    #[must_use]
    pub fn problems(&self) -> Problems {
        let mut problems = Problems::default();
        self.zone(&mut problems);
        for (name, receiver) in &self.receivers {
            let key = format!("notices.receivers.{name}");
            let is_name = (1..=40).contains(&name.len())
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
            if !is_name {
                problems.push(&key, "a name is 1 to 40 of `a-z`, `0-9` and `-`");
            }
            receiver.check(&key, &self.receivers, &mut problems);
        }
        for (index, route) in self.routes.iter().enumerate() {
            let key = format!("notices.routes.{index}");
            check_matcher(&key, &route.r#match, &mut problems);
            if route.to.is_empty() && !route.last {
                problems.push(&key, "names no receiver: give `to`, or `last = true`");
            }
            for name in &route.to {
                check_name(&format!("{key}.to"), name, &self.receivers, &mut problems);
            }
        }
        self.windows(&mut problems);
        for (name, count) in [
            ("receivers", self.receivers.len()),
            ("routes", self.routes.len()),
            ("maintenance", self.maintenance.len()),
        ] {
            if count > ENTRIES_MAX {
                problems.push(
                    &format!("notices.{name}"),
                    format!("has {count} entries, more than {ENTRIES_MAX}"),
                );
            }
        }
        problems
    }

    /// The time zone.
    pub fn zone(&self, problems: &mut Problems) -> TimeZone {
        let named = self.time_zone.as_deref();
        named
            .and_then(|name| zone_named("notices.time_zone", name, problems))
            .unwrap_or(TimeZone::UTC)
    }

    /// The windows of maintenance that can be read.
    pub fn windows(&self, problems: &mut Problems) -> Vec<Window> {
        let zone = self.zone(&mut Problems::default());
        let read = self.maintenance.iter().enumerate();
        read.filter_map(|(index, window)| {
            let key = format!("notices.maintenance.{index}");
            check_matcher(&key, &window.r#match, problems);
            window.read(&key, &zone, problems)
        })
        .collect()
    }

    /// As it may be shown: addresses and keys that are secrets and stand here in clear are hidden.
    #[must_use]
    pub fn shown(&self) -> Self {
        let mut shown = self.clone();
        for receiver in shown.receivers.values_mut() {
            let secrets = [
                &mut receiver.slack,
                &mut receiver.pagerduty,
                &mut receiver.webhook,
            ];
            let literal = secrets.into_iter().flatten();
            for text in literal.filter(|text| !text.contains("${")) {
                "***".clone_into(text);
            }
        }
        shown
    }

    /// The receivers that routes give something with these labels.
    pub fn routed<'a>(
        &'a self,
        labels: &'a BTreeMap<String, String>,
    ) -> impl Iterator<Item = &'a str> {
        let mut is_over = false;
        self.routes
            .iter()
            .filter(move |route| {
                let takes = !is_over && route.r#match.is_match(labels);
                is_over |= takes && route.last;
                takes
            })
            .flat_map(|route| route.to.iter().map(String::as_str))
    }
}

fn check_matcher(key: &str, matcher: &Matcher, problems: &mut Problems) {
    if matcher.0.len() > CONDITIONS_MAX {
        problems.push(
            &format!("{key}.match"),
            format!("has more than {CONDITIONS_MAX} conditions"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Settings {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn settings_are_read_and_route_by_labels() {
        let settings = read(
            r#"
            language = "ja"
            time_zone = "Asia/Tokyo"
            [receivers.ops]
            mail = ["ops@example.com"]
            repeat = "4h"
            escalate = [{ after = "15m", to = "lead" }]
            [receivers.lead]
            slack = "${secret:SLACK}"
            [receivers.db]
            command = "/usr/local/bin/page"
            [[routes]]
            match = { Name = "db-*" }
            to = ["db"]
            last = true
            [[routes]]
            to = ["ops"]
            [[routes]]
            match = { severity = "!critical" }
            to = ["lead"]
            "#,
        );
        assert_eq!(settings.problems().0, []);
        let of = |pairs: &[(&str, &str)]| {
            let labels = pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            settings
                .routed(&labels)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(of(&[("Name", "db-1")]), ["db"]);
        assert_eq!(of(&[("Name", "web-1"), ("severity", "critical")]), ["ops"]);
        assert_eq!(
            of(&[("Name", "web-1"), ("severity", "info")]),
            ["ops", "lead"]
        );
    }

    #[test]
    fn everything_wrong_is_named_with_its_key() {
        let settings = read(
            r#"
            time_zone = "Mars"
            [receivers.Ops]
            [receivers.a]
            mail = ["nobody", "a b@c"]
            command = "page me"
            repeat = "1s"
            escalate = [{ after = "1s", to = "opps" }]
            [[routes]]
            [[routes]]
            to = ["b"]
            [[maintenance]]
            "#,
        );
        let found = settings.problems();
        let keys: Vec<&str> = found.0.iter().map(|problem| problem.key.as_str()).collect();
        assert_eq!(
            keys,
            [
                "notices.time_zone",
                "notices.receivers.Ops",
                "notices.receivers.Ops",
                "notices.receivers.a.mail",
                "notices.receivers.a.mail",
                "notices.receivers.a.command",
                "notices.receivers.a.repeat",
                "notices.receivers.a.escalate",
                "notices.receivers.a.escalate",
                "notices.routes.0",
                "notices.routes.1.to",
                "notices.maintenance.0",
            ]
        );
        let said = found.0.iter().map(ToString::to_string);
        assert!(said.into_iter().any(|text| text.contains("did you mean")));
    }
}
