//! Notices go out as notifications do: each channel of each receiver is a route of its own, made from `[notices]`.
//!
//! The addresses and secrets stand in the route's templates and the program in its destination, so that a queue never
//! holds them and no line can name another. Retries, limits, results and the ledger are those of every route.

use std::collections::BTreeMap;

use base::setting::Invalid;
use delivery::config::{Destination, FormatKind, Route, RouteFormat, RouteRequest};
use watch::notice::Settings;
use watch::notice::render::{CHANNELS, Channel};
use watch::notice::settings::Receiver;

/// What the names of these routes begin with; no other route may.
pub(crate) const PREFIX: &str = "notices-";

/// Where PagerDuty takes events. Source: PagerDuty developer documentation, Events API v2.
const PAGERDUTY: &str = "https://events.pagerduty.com/v2/enqueue";

/// The route of a channel.
pub(crate) fn route_name(receiver: &str, channel: Channel) -> String {
    format!("{PREFIX}{receiver}-{}", channel.name())
}

/// The queue of a channel: a FIFO queue, which knows a notice that comes twice, and keeps the order of those of a thread.
pub(crate) fn queue_name(receiver: &str, channel: Channel) -> String {
    format!("shukuba-{}.fifo", route_name(receiver, channel))
}

/// The channels that a receiver has.
pub(crate) fn channels(receiver: &Receiver) -> impl Iterator<Item = Channel> {
    let has = |channel: &Channel| match channel {
        Channel::Mail => !receiver.mail.is_empty(),
        Channel::Slack => receiver.slack.is_some(),
        Channel::PagerDuty => receiver.pagerduty.is_some(),
        Channel::Webhook => receiver.webhook.is_some(),
        Channel::Command => receiver.command.is_some(),
    };
    CHANNELS.iter().map(|(channel, _)| *channel).filter(has)
}

/// The routes of all channels.
pub(crate) fn routes(settings: &Settings) -> BTreeMap<String, Route> {
    let of = |(name, receiver): (&String, &Receiver)| {
        let routes = channels(receiver).map(|channel| {
            let route = Route {
                format: RouteFormat {
                    kind: FormatKind::Json,
                    ..RouteFormat::default()
                },
                request: request(name, receiver, channel),
                ..Route::of(&queue_name(name, channel))
            };
            (route_name(name, channel), route)
        });
        routes.collect::<Vec<_>>()
    };
    settings.receivers.iter().flat_map(of).collect()
}

/// The destinations of programs: they stand in the settings alone.
pub(crate) fn destinations(settings: &Settings) -> BTreeMap<String, Destination> {
    let of = |(name, receiver): (&String, &Receiver)| {
        let command = receiver.command.clone()?;
        let rules = Destination {
            command: Some(command),
            ..Destination::default()
        };
        Some((route_name(name, Channel::Command), rules))
    };
    settings.receivers.iter().filter_map(of).collect()
}

/// Routes and destinations that people wrote under names of ours.
pub(crate) fn taken<'a>(names: impl Iterator<Item = &'a String>, table: &str) -> Vec<Invalid> {
    let taken = names.filter(|name| name.starts_with(PREFIX));
    let detail = format!("names that begin with `{PREFIX}` are those of [notices]");
    taken
        .map(|name| Invalid::new(&format!("{table}.{name}"), &detail))
        .collect()
}

fn request(name: &str, receiver: &Receiver, channel: Channel) -> RouteRequest {
    let post = |url: String, body: &str| RouteRequest {
        url: Some(url),
        method: Some("POST".to_owned()),
        headers: BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]),
        body: Some(body.to_owned()),
        ..RouteRequest::default()
    };
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    match channel {
        Channel::Mail => RouteRequest {
            url: Some(format!(
                "mailto:{}?subject={{subject}}",
                receiver.mail.join(",")
            )),
            body: Some("{text}".to_owned()),
            ..RouteRequest::default()
        },
        Channel::Slack => post(text(&receiver.slack), "{body}"),
        Channel::Webhook => post(text(&receiver.webhook), "{body}"),
        Channel::PagerDuty => {
            let url = receiver.pagerduty_url.clone();
            let key = text(&receiver.pagerduty);
            post(
                url.unwrap_or_else(|| PAGERDUTY.to_owned()),
                &format!("{{{{\"routing_key\":\"{key}\",{{rest}}}}}}"),
            )
        }
        Channel::Command => RouteRequest {
            url: Some(format!("command://{}/", route_name(name, channel))),
            body: Some("{body}".to_owned()),
            ..RouteRequest::default()
        },
    }
}

#[cfg(test)]
mod tests {
    use delivery::config::Settings as Delivery;

    use super::*;

    fn settings() -> Settings {
        toml::from_str(
            r#"
            [receivers.ops]
            mail = ["a@example.com", "b@example.com"]
            slack = "https://hooks.example/${secret:SLACK}"
            pagerduty = "${secret:PAGER}"
            webhook = "https://hook.example/e"
            command = "/bin/cat"
            "#,
        )
        .unwrap()
    }

    #[test]
    fn every_channel_is_a_route_that_can_be_read() {
        let mut delivery = Delivery::default();
        delivery.routes.extend(routes(&settings()));
        delivery.destinations.extend(destinations(&settings()));
        for name in ["SLACK", "PAGER"] {
            let from = format!("env:{name}");
            delivery.secrets.insert(name.to_owned(), from);
        }
        assert_eq!(delivery.problems(), []);
        let names: Vec<&str> = delivery.routes.keys().map(String::as_str).collect();
        let expected = ["command", "mail", "pagerduty", "slack", "webhook"];
        assert_eq!(names, expected.map(|name| format!("notices-ops-{name}")));
    }

    #[test]
    fn names_of_ours_are_refused() {
        let names = ["notices-ops-mail".to_owned(), "s2s".to_owned()];
        let found = taken(names.iter(), "routes");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].key, "routes.notices-ops-mail");
    }
}
