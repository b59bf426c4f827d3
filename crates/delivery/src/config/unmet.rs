//! Rules that can be read and never take effect: said as warnings, since a reader believes what stands there.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Span;
use super::destination::{Destination, key_of};
use super::success::Success;
use super::value::{Schedule, Statuses};
use super::{DestinationRules, FormatKind, Problems, Route, Scaler};
use crate::format::group_names;

/// Adds what is written for `destinations` and never takes effect.
pub(super) fn of_destinations(all: &BTreeMap<String, Destination>, problems: &mut Problems) {
    let nothing = Destination::default();
    let under = all.get("*").unwrap_or(&nothing);
    for (name, own) in all {
        let found = [
            of_port(name),
            of_success(own),
            of_retry(own, under),
            of_headers(own, under),
            of_mail(own, under),
            of_mail_headers(name, own),
            of_limits(own, under),
        ];
        for (key, detail) in found.into_iter().flatten() {
            problems.push(&key_of(name, key), detail);
        }
        for (key, detail) in of_timeouts(own, under) {
            problems.push(&key_of(name, key), detail);
        }
    }
}

/// Adds what is written for a route and never takes effect.
pub(super) fn of_route(name: &str, route: &Route, scaler: &Scaler, problems: &mut Problems) {
    let format = &route.format;
    if let Some(max) = route
        .notifiers_max
        .filter(|max| *max < scaler.notifiers_min)
    {
        let least = scaler.notifiers_min;
        problems.push(
            &format!("routes.{name}.notifiers_max"),
            format!(
                "{max} is less than scaler.notifiers_min ({least}), which is never reached here"
            ),
        );
    }
    let groups = format.pattern.as_deref().map(group_names);
    for (field, own) in &format.fields {
        if groups.as_ref().is_some_and(|groups| !groups.contains(own)) {
            problems.push(
                &format!("routes.{name}.format.fields"),
                format!("`{field}` is never read: the pattern has no group `{own}`"),
            );
        }
    }
    if format.kind == FormatKind::Url && !format.fields.is_empty() {
        problems.push(
            &format!("routes.{name}.format.fields"),
            "is not read with kind = \"url\", where the line is the URL; leave it out or set the kind",
        );
    }
    let mut readers: BTreeMap<&str, &str> = BTreeMap::new();
    for (field, own) in &format.fields {
        if let Some(other) = readers.insert(own, field) {
            problems.push(
                &format!("routes.{name}.format.fields"),
                format!("`{field}` is never read: `{own}` is `{other}` already"),
            );
        }
    }
}

type Found = Option<(&'static str, String)>;

/// A URL does not say the port that its scheme has anyway.
fn of_port(name: &str) -> Found {
    let (host, other) = match name.rsplit_once(':') {
        Some((host, "443")) => (host, "http"),
        Some((host, "80")) => (host, "https"),
        _ => return None,
    };
    let detail = format!(
        "is met by {other} alone, since the other scheme has that port anyway and does not name it; write `{host}` for both"
    );
    Some(("", detail))
}

fn of_success(own: &Destination) -> Found {
    let ranges = own.success.as_ref()?.statuses()?;
    let shadowed = ranges.iter().enumerate().find_map(|(place, range)| {
        let mut others = ranges.iter().enumerate();
        let by = others.find(|(other, wide)| {
            *other != place && wide.holds(*range) && (*wide != range || *other < place)
        })?;
        Some(format!("`{range}` stands in `{}` already", by.1))
    })?;
    Some(("success", shadowed))
}

fn of_retry(own: &Destination, under: &Destination) -> Found {
    let retry = &own.retry;
    let all = [
        &retry.network,
        &retry.timeout,
        &retry.server,
        &retry.limited,
    ];
    if retry.default.is_some() && all.iter().all(|schedule| schedule.is_some()) {
        return Some((
            "retry.default",
            "is never used: every class that it stands for has a schedule of its own".to_owned(),
        ));
    }
    let success = own.success.as_ref().or(under.success.as_ref());
    if matches!(retry.unrecorded, Some(Schedule::Waits(_)))
        && success.and_then(Success::rules).is_none()
    {
        let detail = "is never used: `success` has no rules on headers or the body";
        return Some(("retry.unrecorded", detail.to_owned()));
    }
    let success = success?.statuses()?;
    let is_success = |status: u16| success.iter().any(|range| range.contains(status));
    let is_client = |status: &u16| !matches!(status, 408 | 425 | 429);
    let is_unmet = (400..500).filter(is_client).all(is_success);
    (matches!(retry.client, Some(Schedule::Waits(_))) && is_unmet).then(|| {
        let detail = "is never used: every 4xx is a success here";
        ("retry.client", detail.to_owned())
    })
}

fn of_headers(own: &Destination, under: &Destination) -> Found {
    let built_in = DestinationRules::default();
    let id = own.id_header.as_deref().or(under.id_header.as_deref());
    let id = id.unwrap_or(&built_in.id_header);
    let is_id = |name: &&String| !id.is_empty() && name.eq_ignore_ascii_case(id);
    let name = own.headers.keys().find(is_id)?;
    let detail = format!(
        "`{name}` is never sent: that header bears the notification's id; give `id_header` another name, or \"\" for none"
    );
    Some(("headers", detail))
}

fn of_mail(own: &Destination, under: &Destination) -> Found {
    let has = |one: &Option<String>, other: &Option<String>| one.is_some() || other.is_some();
    let relay = has(&own.mail_relay, &under.mail_relay);
    let from = has(&own.mail_from, &under.mail_from);
    match (own.mail_relay.is_some(), own.mail_from.is_some()) {
        (true, _) if !from => Some((
            "mail_relay",
            "is never used: mails are refused without `mail_from`".to_owned(),
        )),
        (_, true) if !relay => Some((
            "mail_from",
            "is never used: mails are refused without `mail_relay`".to_owned(),
        )),
        _ => None,
    }
}

/// Of `*` nothing is said: its relay is for mails and its headers for all the rest.
fn of_mail_headers(name: &str, own: &Destination) -> Found {
    (name != "*" && own.mail_relay.is_some() && !own.headers.is_empty()).then(|| {
        let detail = "are sent with HTTP requests alone: mails, for which `mail_relay` stands here, bear none";
        ("headers", detail.to_owned())
    })
}

fn of_limits(own: &Destination, under: &Destination) -> Found {
    let built_in = DestinationRules::default();
    if own.rate_burst.is_some() && own.rate.is_none() && under.rate.is_none() {
        return Some(("rate_burst", "is never used: there is no `rate`".to_owned()));
    }
    let read = own.response_bytes_max.or(under.response_bytes_max);
    let read = read.map_or(built_in.response_bytes_max, |size| size.get());
    let kept = own.response_excerpt_bytes?;
    (kept.get() > read).then(|| {
        let detail =
            format!("{kept} is never reached: response_bytes_max lets {read} bytes be read");
        ("response_excerpt_bytes", detail)
    })
}

fn of_timeouts(own: &Destination, under: &Destination) -> Vec<(&'static str, String)> {
    let total = own.timeout_total.or(under.timeout_total).map(Span::get);
    let total = total.unwrap_or(DestinationRules::default().timeout_total);
    let parts = [
        ("timeout_connect", own.timeout_connect),
        ("timeout_tls", own.timeout_tls),
        ("timeout_first_byte", own.timeout_first_byte),
    ];
    let is_longer = |span: &Span| span.get() > total && total > Duration::ZERO;
    let said = |span: Span| format!("{span} is never reached: timeout_total is {}", Span(total));
    parts
        .into_iter()
        .filter_map(|(key, span)| Some((key, said(span.filter(is_longer)?))))
        .collect()
}

/// Ranges of which no answer has a status.
pub(super) fn of_no_answer(ranges: &[Statuses]) -> Option<&Statuses> {
    ranges.iter().find(|range| range.is_informational())
}

#[cfg(test)]
mod tests {
    use crate::config::Settings;

    fn said(text: &str) -> Vec<String> {
        let settings: Settings = toml::from_str(text).unwrap();
        assert_eq!(settings.problems(), [], "{text}");
        let warnings = settings.warnings();
        warnings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_never_takes_effect_is_said() {
        for (rules, says) in [
            (
                "success = [\"200-299\", \"204\"]",
                "`204` stands in `200-299`",
            ),
            (
                "success = [\"204\", \"200-299\"]",
                "`204` stands in `200-299`",
            ),
            ("success = [\"204\", \"204\"]", "`204` stands in `204`"),
            (
                "success = [\"200-299\", \"400-499\"]\nretry.client = [\"1s\"]",
                "retry.client: is never used: every 4xx is a success",
            ),
            (
                "retry.unrecorded = [\"1s\"]",
                "retry.unrecorded: is never used: `success` has no rules",
            ),
            (
                "retry = { default = \"never\", network = [\"1s\"], timeout = [\"1s\"], server = [\"1s\"], limited = [\"1s\"] }",
                "retry.default: is never used",
            ),
            (
                "headers = { X-Notification-Id = \"a\" }",
                "`X-Notification-Id` is never sent",
            ),
            ("mail_from = \"a@b.example\"", "without `mail_relay`"),
            ("mail_relay = \"smtp://h\"", "without `mail_from`"),
            (
                "mail_relay = \"smtp://h\"\nmail_from = \"a@b.example\"\nheaders = { a = \"b\" }",
                "headers: are sent with HTTP requests alone",
            ),
            ("rate_burst = 5", "there is no `rate`"),
            (
                "response_bytes_max = \"1KiB\"\nresponse_excerpt_bytes = \"2KiB\"",
                "2KiB is never reached",
            ),
            (
                "timeout_connect = \"20s\"",
                "20s is never reached: timeout_total is 15s",
            ),
        ] {
            let found = said(&format!("[destinations.\"h.example\"]\n{rules}\n"));
            assert!(
                found.len() == 1 && found[0].contains(says),
                "{rules}: {found:?}"
            );
        }
        let found = said("[destinations.\"h.example:443\"]\nrate = \"1/s\"\n");
        assert!(
            found.len() == 1 && found[0].contains("met by http alone"),
            "{found:?}"
        );
        for (format, says) in [
            (
                "{ fields = { id = \"x\" } }",
                "is not read with kind = \"url\"",
            ),
            (
                "{ kind = \"regex\", pattern = \"(?P<url>.*)\", fields = { id = \"evt\" } }",
                "the pattern has no group `evt`",
            ),
            (
                "{ kind = \"ltsv\", fields = { id = \"x\", url = \"x\" } }",
                "`url` is never read: `x` is `id` already",
            ),
            (
                "{}\nnotifiers_max = 2\n[scaler]\nnotifiers_min = 5",
                "less than scaler.notifiers_min (5)",
            ),
        ] {
            let found = said(&format!("[routes.r]\nqueue = \"q\"\nformat = {format}\n"));
            let is_said = found.len() == 1 && found[0].contains(says);
            assert!(is_said, "{format}: {found:?}");
        }
    }

    #[test]
    fn what_takes_effect_is_not_warned_of() {
        for text in [
            "[destinations.\"*\"]\nrate = \"5/s\"\nmail_relay = \"smtp://h\"\nmail_from = \"a@b.example\"\n[destinations.\"h.example\"]\nrate_burst = 5\nmail_from = \"c@b.example\"\n",
            "[destinations.\"h.example\"]\nsuccess = [\"200-299\", \"404\"]\nretry.client = [\"1s\"]\ntimeout_total = \"2s\"\n",
            "[destinations.\"*\"]\nsuccess = { body = [{ matches = \"ok\" }] }\n[destinations.\"h.example\"]\nretry.unrecorded = [\"1s\"]\n",
            "[destinations.\"h.example\"]\nid_header = \"x-id\"\nheaders = { x-notification-id = \"a\" }\n",
        ] {
            assert_eq!(said(text), <[String; 0]>::default(), "{text}");
        }
    }
}
