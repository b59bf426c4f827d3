//! `[destinations."host".shadow]` and `[..canary]`: a second URL that gets copies, or a share of the notifications first.
//!
//! What goes there, and when, is in [`crate::sender::beside`]; here is how it is written, and what is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;

use super::Span;
use super::destination::{Destination, key_of};
use super::{Invalid, Problems};
use crate::destinations::{authority, host_of};
use crate::format::check_static_header;
use crate::sender::beside::{Kind, Second};

/// The longest base of a second URL. Chosen: every result of a copy holds it.
pub const TO_BYTES_MAX: usize = 512;

/// The most names in `pass_headers`; chosen.
const PASS_MAX: usize = 32;

/// `[destinations."host".shadow]`: a copy of notifications goes to another URL as well. Its answer changes nothing: it is
/// stored beside that of the receiver and compared with it. Not in `[destinations."*"]`, and not beside `canary`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shadow {
    /// Where copies go: `https://new.example` or `https://new.example/base`, to which path and query of the notification are
    /// added. The rules of its own host hold there: headers, secrets, authorities, addresses. Required.
    pub to: String,
    /// The part of the notifications that is copied, chosen by their ids. Over 0.0 to 1.0; default 1.0.
    #[serde(default)]
    pub share: Option<f64>,
    /// Longest time of a copy, never longer than the attempt itself may take. 10ms to 60s; default 5s.
    #[serde(default)]
    pub timeout: Option<Span>,
    /// Copies under way at once in a process; one too many is left out and counted. 1 to 1000; default 64.
    #[serde(default)]
    pub in_flight_max: Option<u32>,
    /// Headers of the line that are secrets by their names (`authorization`, `cookie`, `x-api-key`, and those that results
    /// hide) and that a copy bears nonetheless. At most 32; default none.
    #[serde(default)]
    pub pass_headers: Vec<String>,
}

/// `[destinations."host".canary]`: a share of the notifications is tried at another URL first. What it takes is delivered; what it
/// does not goes to the receiver itself in the same attempt. Not in `[destinations."*"]`, and not beside `shadow`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// As `to` of `shadow`. Required.
    pub to: String,
    /// The part of the notifications that is tried there first, chosen by their ids. Over 0.0 to 1.0; default 0.05.
    #[serde(default)]
    pub share: Option<f64>,
    /// Longest time that is waited for it, never longer than half of what the attempt may take. 10ms to 60s; default 2s.
    #[serde(default)]
    pub timeout: Option<Span>,
    /// Notifications tried there at once in a process; one too many goes to the receiver itself at once. 1 to 1000;
    /// default 4.
    #[serde(default)]
    pub in_flight_max: Option<u32>,
    /// As `pass_headers` of `shadow`. At most 32; default none.
    #[serde(default)]
    pub pass_headers: Vec<String>,
}

/// Either table, its defaults filled in.
struct Table<'a> {
    kind: Kind,
    to: &'a str,
    share: f64,
    timeout: Span,
    in_flight_max: u32,
    pass_headers: &'a [String],
}

impl Destination {
    fn beside(&self) -> Option<Table<'_>> {
        let shadow = self.shadow.as_ref().map(|own| Table {
            kind: Kind::Shadow,
            to: &own.to,
            share: own.share.unwrap_or(1.0),
            timeout: own.timeout.unwrap_or(Span(Duration::from_secs(5))),
            in_flight_max: own.in_flight_max.unwrap_or(64),
            pass_headers: &own.pass_headers,
        });
        let canary = || {
            self.canary.as_ref().map(|own| Table {
                kind: Kind::Canary,
                to: &own.to,
                share: own.share.unwrap_or(0.05),
                timeout: own.timeout.unwrap_or(Span(Duration::from_secs(2))),
                in_flight_max: own.in_flight_max.unwrap_or(4),
                pass_headers: &own.pass_headers,
            })
        };
        shadow.or_else(canary)
    }

    /// What the tables say; the rules of the other host are not known yet.
    ///
    /// # Errors
    /// [`Invalid`] when `to` is none.
    pub(super) fn resolve_beside(&self, name: &str) -> Result<Option<Arc<Second>>, Invalid> {
        let Some(table) = self.beside() else {
            return Ok(None);
        };
        let key = key_of(name, &format!("{}.to", table.kind.name()));
        let to = base_of(table.to).map_err(|detail| Invalid::new(&key, detail))?;
        let second = Second::new(
            table.kind,
            to,
            table.share,
            table.timeout.get(),
            table.in_flight_max,
        );
        Ok(Some(Arc::new(second.passing(table.pass_headers))))
    }

    /// Adds what is wrong with the tables by themselves.
    pub(super) fn check_beside(&self, name: &str, problems: &mut Problems) {
        let Some(table) = self.beside() else {
            return;
        };
        let kind = table.kind.name();
        let key = |key: &str| key_of(name, &format!("{kind}.{key}"));
        if self.shadow.is_some() && self.canary.is_some() {
            problems.push(
                &key_of(name, "canary"),
                "stands beside `shadow`, and a notification has one second URL: leave one out",
            );
        }
        if name == "*" {
            problems.push(
                &key_of(name, kind),
                "would send what is meant for all receivers to one URL; write it at the receiver",
            );
        }
        if let Err(detail) = base_of(table.to) {
            problems.push(&key("to"), detail);
        }
        problems.share(&key("share"), table.share);
        let (least, most) = (Duration::from_millis(10), Duration::from_secs(60));
        problems.span(&key("timeout"), Some(table.timeout), least, most);
        problems.count(&key("in_flight_max"), Some(table.in_flight_max), 1, 1_000);
        if table.pass_headers.len() > PASS_MAX {
            let detail = format!("more than {PASS_MAX} names");
            problems.push(&key("pass_headers"), detail);
        }
        for header in table.pass_headers {
            if let Err(detail) = check_static_header(header, "") {
                problems.push(&key("pass_headers"), detail);
            }
        }
    }
}

/// Where a second URL begins.
fn base_of(text: &str) -> Result<Url, String> {
    let right = "such as `https://new.example` or `https://new.example/base`";
    let url = Url::parse(text).map_err(|error| format!("`{text}` is no URL ({error}), {right}"))?;
    // From here on the text may hold a password.
    let wrong = if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        "is not http or https"
    } else if !url.username().is_empty() || url.password().is_some() {
        "holds a user or password, which would stand in results; give them under `auth` of its own host"
    } else if url.query().is_some() || url.fragment().is_some() {
        "has a query or a fragment, and the notification brings its own"
    } else if text.len() > TO_BYTES_MAX {
        return Err(format!("is longer than {TO_BYTES_MAX} bytes"));
    } else {
        return Ok(url);
    };
    Err(format!("{wrong}; it is {right}"))
}

/// Adds what is wrong between destinations: a second URL that is the receiver itself, or leads back to it, and requests
/// that cannot be made for it.
pub(super) fn check_all(all: &BTreeMap<String, Destination>, problems: &mut Problems) {
    for (name, own) in all {
        let Some((kind, to)) = second_of(own) else {
            continue;
        };
        let key = |key: &str| key_of(name, &format!("{}.{key}", kind.name()));
        let at = authority(&to);
        let rules = name_for(all, &to);
        if at == *name {
            problems.push(&key("to"), format!("`{at}` is the receiver itself"));
        } else if rules == name {
            problems.push(
                &key("to"),
                format!(
                    "`{at}` has the rules of `{name}`, and would get its secrets and a second URL itself; give it \
                     `[destinations.\"{at}\"]` of its own if it is another server"
                ),
            );
        } else if comes_back(all, name) {
            let detail = format!(
                "leads back to `{name}`: `{rules}` has a second URL itself; end the circle"
            );
            problems.push(&key("to"), detail);
        }
        let under = all.get("*");
        let body = own.request.body.as_deref();
        let body = body.or_else(|| under?.request.body.as_deref());
        if body.is_some_and(|text| text.contains("${") || text.contains("hmac_")) {
            problems.push(
                &key("to"),
                "cannot be had beside `request.body` with a secret in it, which would go there as well; put the secret \
                 into a header or the query, which are left out",
            );
        }
        if let Some(macros) = all.get(rules).and_then(|other| other.of_line(rules)) {
            problems.push(
                &key("to"),
                format!(
                    "`request` or `headers` of `{rules}` has {{{macros}}}, which is known of the line alone; what goes to a second URL \
                     is made from the request: {{@query.NAME}}, {{@body}} and such"
                ),
            );
        }
    }
}

/// Adds warnings: a second URL whose host has no rules of its own.
pub(super) fn warn_all(all: &BTreeMap<String, Destination>, problems: &mut Problems) {
    for (name, own) in all {
        let Some((kind, to)) = second_of(own) else {
            continue;
        };
        let at = authority(&to);
        if name_for(all, &to) == "*" {
            problems.push(
                &key_of(name, &format!("{}.to", kind.name())),
                format!(
                    "`{at}` has no rules of its own: those of `*` hold, and nothing of `{name}` (headers, auth, allow_cidrs) does; \
                     write `[destinations.\"{at}\"]`, and be it empty"
                ),
            );
        }
    }
}

fn second_of(own: &Destination) -> Option<(Kind, Url)> {
    let table = own.beside()?;
    Some((table.kind, base_of(table.to).ok()?))
}

/// The name that rules for a receiver stand under, as [`crate::destinations::Destinations::of_url`] has it.
fn name_for<'a>(all: &'a BTreeMap<String, Destination>, url: &Url) -> &'a str {
    let authority = authority(url);
    let host = host_of(&authority);
    let known = |name: &str| all.get_key_value(name).map(|(name, _)| name.as_str());
    let wild = || {
        let mut rest = host;
        while let Some((_, domain)) = rest.split_once('.') {
            if let Some(name) = known(&format!("*.{domain}")) {
                return Some(name);
            }
            rest = domain;
        }
        None
    };
    // The path, then those above it.
    let in_path = |host: &str| {
        let mut path = url.path().trim_end_matches('/');
        while !path.is_empty() {
            if let Some(name) = known(&format!("{host}{path}")) {
                return Some(name);
            }
            path = path.rsplit_once('/').map_or("", |(above, _)| above);
        }
        None
    };
    in_path(&authority)
        .or_else(|| in_path(host))
        .or_else(|| known(&authority))
        .or_else(|| known(host))
        .or_else(wild)
        .unwrap_or("*")
}

/// Whether second URLs lead from `name` back to it.
fn comes_back(all: &BTreeMap<String, Destination>, name: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut at = name;
    while let Some((_, to)) = all.get(at).and_then(second_of) {
        at = name_for(all, &to);
        if at == name {
            return true;
        }
        if !seen.insert(at) {
            return false;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    fn settings(text: &str) -> Settings {
        toml::from_str(text).unwrap()
    }

    /// What is said, where it is one thing.
    fn only(mut said: Vec<Invalid>) -> String {
        assert!(said.len() <= 1, "{said:?}");
        said.pop()
            .map_or_else(String::new, |one| format!("{}: {}", one.key, one.detail))
    }

    fn problem(table: &str) -> String {
        let text =
            format!("[destinations.\"new.example\"]\n[destinations.\"old.example\"]\n{table}\n");
        only(settings(&text).problems())
    }

    #[test]
    fn what_is_right_is_taken() {
        let long = format!("https://new.example/{}", "a".repeat(TO_BYTES_MAX - 20));
        for table in [
            "shadow = { to = \"https://new.example\" }",
            "shadow = { to = \"http://new.example:8080/a/b/\", share = 0.001, timeout = \"10ms\", in_flight_max = 1 }",
            "canary = { to = \"https://new.example\", share = 1.0, timeout = \"60s\", in_flight_max = 1000, pass_headers = [\"cookie\"] }",
            &format!("shadow = {{ to = \"{long}\" }}"),
        ] {
            assert_eq!(problem(table), "", "{table}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_at_its_key() {
        let long = format!("https://new.example/{}", "a".repeat(TO_BYTES_MAX - 19));
        let names: Vec<String> = (0..=PASS_MAX).map(|n| format!("\"a{n}\"")).collect();
        let many = format!(
            "to = \"https://new.example\", pass_headers = [{}]",
            names.join(",")
        );
        for (table, key, words) in [
            ("to = \"new.example\"", "to", "no URL"),
            ("to = \"mailto:a@new.example\"", "to", "not http"),
            ("to = \"ftp://new.example\"", "to", "not http"),
            (
                "to = \"https://u:hunter2@new.example\"",
                "to",
                "user or password",
            ),
            ("to = \"https://new.example/?a\"", "to", "a query"),
            (
                "to = \"https://new.example/#a\"",
                "to",
                "a query or a fragment",
            ),
            (&format!("to = \"{long}\""), "to", "longer than 512"),
            (
                "to = \"https://new.example\", share = 0.0",
                "share",
                "over 0.0 to 1.0",
            ),
            (
                "to = \"https://new.example\", share = 1.01",
                "share",
                "over 0.0 to 1.0",
            ),
            (
                "to = \"https://new.example\", share = nan",
                "share",
                "over 0.0 to 1.0",
            ),
            (
                "to = \"https://new.example\", timeout = \"9ms\"",
                "timeout",
                "10ms to",
            ),
            (
                "to = \"https://new.example\", timeout = \"61s\"",
                "timeout",
                "10ms to",
            ),
            (
                "to = \"https://new.example\", in_flight_max = 0",
                "in_flight_max",
                "1 to 1000",
            ),
            (
                "to = \"https://new.example\", in_flight_max = 1001",
                "in_flight_max",
                "1 to 1000",
            ),
            (
                "to = \"https://new.example\", pass_headers = [\"a b\"]",
                "pass_headers",
                "",
            ),
            (&many, "pass_headers", "more than 32"),
            (
                "to = \"https://old.example/base\"",
                "to",
                "is the receiver itself",
            ),
            (
                "to = \"https://old.example:8443/\"",
                "to",
                "[destinations.\"old.example:8443\"]",
            ),
        ] {
            for kind in ["shadow", "canary"] {
                let said = problem(&format!("{kind} = {{ {table} }}"));
                let start = format!("destinations.\"old.example\".{kind}.{key}: ");
                assert!(
                    said.starts_with(&start) && said.contains(words),
                    "{table}: {said}"
                );
                assert!(!said.contains("hunter2"), "{said}");
            }
        }
        let both =
            "shadow = { to = \"https://new.example\" }\ncanary = { to = \"https://new.example\" }";
        assert!(problem(both).contains("leave one out"));
    }

    #[test]
    fn what_goes_to_all_round_or_cannot_be_made_is_refused() {
        for (text, words) in [
            (
                "[destinations.\"*\"]\nshadow = { to = \"https://n.example\" }\n[destinations.\"n.example\"]",
                "at the receiver",
            ),
            (
                "[destinations.\"*.a.example\"]\ncanary = { to = \"https://x.a.example\" }",
                "has the rules of `*.a.example`",
            ),
            (
                "[destinations.\"o.example\"]\nshadow = { to = \"https://n.example\" }\nrequest = { method = \"POST\", body = \"${secret:K}\" }\n[destinations.\"n.example\"]\n[secrets]\nK = \"env:K\"",
                "request.body",
            ),
            (
                "[destinations.\"o.example\"]\nshadow = { to = \"https://n.example\" }\n[destinations.\"n.example\"]\nrequest.query = { v = \"{name}\" }",
                "{name}",
            ),
            (
                "[destinations.\"o.example\"]\nshadow = { to = \"https://n.example\" }\n[destinations.\"n.example\".headers]\nx-v = \"{@accepted.unix}\"",
                "{@accepted.unix}",
            ),
        ] {
            let said = only(settings(text).problems());
            assert!(said.contains(words), "{text}: {said}");
        }
        let circle = "[destinations.\"a.example\"]\nshadow = { to = \"https://b.example\" }\n[destinations.\"b.example\"]\ncanary = { to = \"https://c.example\" }\n\
             [destinations.\"c.example\"]\nshadow = { to = \"https://a.example\" }\n[destinations.\"d.example\"]\nshadow = { to = \"https://a.example\" }";
        let said = settings(circle).problems();
        assert_eq!(said.len(), 3, "{said:?}");
        assert!(
            said.iter().all(|one| one.detail.contains("end the circle")),
            "{said:?}"
        );
    }

    #[test]
    fn a_host_without_rules_of_its_own_is_warned_of() {
        let text = "[destinations.\"o.example\"]\nshadow = { to = \"https://n.example\" }\n";
        assert!(settings(text).problems().is_empty());
        let said = only(settings(text).warnings());
        assert!(said.contains("those of `*` hold"), "{said}");
        let text = format!("{text}[destinations.\"*.example\"]\n");
        assert_eq!(only(settings(&text).warnings()), "");
    }

    #[test]
    fn rules_of_a_path_are_rules_of_its_own() {
        let text = "[destinations.\"o.example/in\"]\nshadow = { to = \"https://o.example/TO\" }\n[destinations.\"o.example/next\"]\n";
        let with = |to: &str| settings(&text.replace("TO", to));
        assert_eq!(only(with("next/v2").problems()), "");
        assert_eq!(only(with("next/v2").warnings()), "");
        assert!(only(with("nextv2").warnings()).contains("those of `*` hold"));
        assert!(only(with("in/deeper").problems()).contains("has the rules of `o.example/in`"));
    }
}
