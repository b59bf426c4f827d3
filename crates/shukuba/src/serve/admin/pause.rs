//! `pause` and `resume`: a route or a destination rests; what is accepted waits, and nothing is lost.

use bytes::Bytes;
use delivery::config::{Settings, check_host};
use delivery::destinations::{Destinations, host_of};
use delivery::ledger::book::OTHER;
use delivery::ledger::{Detail, Pause};
use serde::Deserialize;
use store::record::{Record, Subject};

use super::{Answer, Desk, failed, read, refuse, write};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    #[serde(default)]
    route: Option<String>,
    #[serde(default)]
    destination: Option<String>,
}

impl Input {
    fn subject<'a>(&'a self, desk: &Desk) -> Result<Subject<'a>, api::Fault> {
        match (&self.route, &self.destination) {
            (Some(route), None) => {
                desk.route(route)?;
                Ok(Subject::Route(route))
            }
            (None, Some(destination)) if may_be_destination(destination) => {
                Ok(Subject::Destination(destination))
            }
            (None, Some(_)) => Err(refuse(format!(
                "that is no destination: a host such as `a.example` or `a.example:8443`, at most {DESTINATION_BYTES} bytes"
            ))),
            _ => Err(refuse("say either `route` or `destination`")),
        }
    }
}

/// Bytes of a destination's name. Source: 253 of a host's name (RFC 1035), a port.
const DESTINATION_BYTES: usize = 260;

fn may_be_destination(name: &str) -> bool {
    let is_out_of_form = |c: char| c.is_whitespace() || c.is_control();
    (1..=DESTINATION_BYTES).contains(&name.len()) && !name.contains(is_out_of_form)
}

pub(super) async fn pause(desk: &Desk, input: Bytes) -> Answer {
    let input: Input = read(&input)?;
    let subject = input.subject(desk)?;
    let notes = match &input.destination {
        Some(name) => {
            let now = desk.live.now();
            check_name(name, &now.settings, &now.destinations).map_err(refuse)?;
            let unseen = !is_seen(desk, name);
            let note = || format!("nothing has gone to `{name}` yet; it rests from the first on");
            unseen.then(note).into_iter().collect()
        }
        None => Vec::new(),
    };
    note(desk, Record::Paused { subject }, notes).await
}

/// Refuses what is the name of no destination: nothing would ever rest by it.
fn check_name(name: &str, settings: &Settings, destinations: &Destinations) -> Result<(), String> {
    if name == "*" {
        return Err(
            "`*` is no destination: under it each host is one; pause those, or a route".to_owned(),
        );
    }
    if settings.destinations.contains_key(name) {
        return Ok(());
    }
    check_host(name)?;
    if name.starts_with("*.") {
        return Err(format!(
            "there is no [destinations.\"{name}\"] in the settings"
        ));
    }
    match &*destinations.find(name).name {
        "*" if name.contains('/') => Err(format!(
            "a path is a destination of its own where the settings name it; there is no [destinations.\"{name}\"]"
        )),
        "*" => Ok(()),
        rules => Err(format!(
            "`{name}` goes by the rules of `{rules}`, which is the destination: pause that"
        )),
    }
}

fn is_seen(desk: &Desk, name: &str) -> bool {
    let report = desk.ledger.report(None, Detail::Totals);
    let mut books = report.queues.iter().flat_map(|book| &book.destinations);
    let is_named = |known: &str| known == name || known == OTHER || host_of(known) == name;
    books.any(|book| is_named(&book.destination))
}

pub(super) async fn resume(desk: &Desk, input: Bytes) -> Answer {
    let input: Input = read(&input)?;
    let subject = match (&input.route, &input.destination) {
        // A route that the settings no longer name may still rest.
        (Some(route), None) => Subject::Route(route),
        _ => input.subject(desk)?,
    };
    let name = input.route.as_ref().or(input.destination.as_ref());
    let rests = |pause: &Pause| Some(&pause.name) == name;
    let notes = match desk.ledger.pauses().iter().any(rests) {
        true => Vec::new(),
        false => vec!["it did not rest".to_owned()],
    };
    note(desk, Record::Resumed { subject }, notes).await
}

async fn note(desk: &Desk, record: Record<'_>, notes: Vec<String>) -> Answer {
    desk.queues
        .record(record)
        .await
        .map_err(|error| failed("it cannot be noted", &error))?;
    desk.notifiers.direct();
    write(&serde_json::json!({ "pauses": desk.ledger.pauses(), "notes": notes }))
}

#[cfg(test)]
mod tests {
    use delivery::config::SystemSecrets;

    use super::*;

    #[test]
    fn only_what_can_be_a_destination_can_rest() {
        let settings: Settings = toml::from_str(
            "[destinations.\"*\"]\n[destinations.\"*.b.example\"]\n[destinations.\"c.example\"]\n\
             [destinations.\"c.example/a\"]\n",
        )
        .unwrap();
        let destinations = Destinations::new(&settings, &SystemSecrets).unwrap();
        let check = |name| check_name(name, &settings, &destinations);
        for name in [
            "a.example",
            "127.0.0.1:81",
            "*.b.example",
            "c.example",
            "c.example/a",
        ] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
        for (name, says) in [
            ("*", "under it each host is one"),
            ("*.a.example", "no [destinations.\"*.a.example\"]"),
            ("x.b.example", "goes by the rules of `*.b.example`"),
            ("c.example:8080", "goes by the rules of `c.example`"),
            ("https://a.example/", "is not a host"),
            ("A.example", "is not a host in lower case"),
            ("a b", "is not a host"),
            ("a.example/b", "no [destinations.\"a.example/b\"]"),
            ("c.example/b", "goes by the rules of `c.example`"),
        ] {
            let error = check(name).unwrap_err();
            assert!(error.contains(says), "{name}: {error}");
        }
    }
}
