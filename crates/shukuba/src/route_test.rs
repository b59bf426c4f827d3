//! What a line would become: its request, its destination and the addresses, without sending anything.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base::{Clock, SystemClock};
use bytes::Bytes;
use delivery::config::{DestinationRules, Route, Schedule, Span};
use delivery::destinations::{self, Destinations};
use delivery::format::{Format, Parsed};
use delivery::masking::{MASK, Masking};
use delivery::port::Sender as _;
use delivery::sender::{Senders, Tools};
use serde::{Deserialize, Serialize};

/// What would happen.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Tested {
    pub(crate) route: String,
    /// Whether it would be sent.
    pub(crate) is_sent: bool,
    /// Why not, and what would be right.
    pub(crate) problem: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) expires_at: Option<String>,
    pub(crate) method: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<String>,
    /// Bytes of the body.
    pub(crate) body_bytes: usize,
    /// The name of the rules that apply.
    pub(crate) destination: Option<String>,
    /// Those of its rules that say how it is sent and when again.
    pub(crate) rules: BTreeMap<String, String>,
    /// The server that would take it for the receiver, `host:port`.
    pub(crate) relay: Option<String>,
    /// Where it would connect to.
    pub(crate) addresses: Vec<String>,
}

/// Tests `line` on a route.
pub(crate) async fn run(
    name: &str,
    route: &Route,
    destinations: &Destinations,
    line: &str,
) -> Tested {
    let mut tested = Tested {
        route: name.to_owned(),
        ..Tested::default()
    };
    match parse(route, line) {
        Err(problem) => tested.problem = Some(problem),
        Ok(mut parsed) => {
            let rules = destinations.of_url(&parsed.request.url).clone();
            let clock = Arc::new(SystemClock::new());
            // As if it was accepted now.
            parsed.expires_at = rules.deadline.earliest(parsed.expires_at, clock.now());
            let over = parsed.expires_at.filter(|end| *end <= clock.now());
            let senders = Senders::new(Tools::new(clock));
            let own = senders.own_headers(&parsed.request, &rules);
            match (over, senders.way(&parsed.request, &rules).await) {
                (None, Ok(way)) => {
                    tested.is_sent = true;
                    tested.addresses = way.addresses.iter().map(ToString::to_string).collect();
                    tested.relay = way.relay;
                }
                // Looked at first by notifiers as well.
                (Some(end), _) => {
                    tested.problem = Some(format!("its time was over at {}", end.rfc3339()))
                }
                (None, Err(refused)) => tested.problem = Some(refused.to_string()),
            }
            tested.destination = Some(match rules.is_for_all() {
                true => destinations::authority(&parsed.request.url),
                false => rules.name.to_string(),
            });
            tell(&mut tested, parsed, &rules, &own);
        }
    }
    tested
}

fn parse(route: &Route, line: &str) -> Result<Parsed, String> {
    let format = Format::new(&route.format)?;
    format
        .parse(&Bytes::copy_from_slice(line.as_bytes()))
        .map_err(|error| error.to_string())
}

/// `own`: the headers that the rules give the request.
fn tell(tested: &mut Tested, parsed: Parsed, rules: &DestinationRules, own: &[&str]) {
    let request = parsed.request;
    tested.id = parsed.id;
    tested.expires_at = parsed.expires_at.map(base::Timestamp::rfc3339);
    tested.method = Some(request.method.to_string());
    tested.url = Some(request.url.to_string());
    let masking = Masking::default();
    let shown = |(name, value): (String, String)| {
        let is_secret = masking.hides(name.as_bytes())
            || matches!(
                name.to_ascii_lowercase().as_str(),
                "cookie" | "proxy-authorization" | "x-api-key"
            );
        (name, if is_secret { MASK.to_owned() } else { value })
    };
    let replaced = |name: &str| own.iter().any(|own| own.eq_ignore_ascii_case(name));
    tested.headers = request
        .headers
        .into_iter()
        .filter(|(name, _)| !replaced(name))
        .map(shown)
        .collect();
    let id = tested.id.as_deref().unwrap_or("(the message's id)/1");
    // Static headers may hold secrets: their names only.
    let set = |name: &&str| {
        let is_id = name.eq_ignore_ascii_case(&rules.id_header);
        let value = if is_id {
            id
        } else {
            "(set by the destination)"
        };
        ((*name).to_owned(), value.to_owned())
    };
    tested.headers.extend(own.iter().map(set));
    tested.rules = rules_of(rules);
    tested.body_bytes = request.body.len();
    tested.body =
        (!request.body.is_empty()).then(|| String::from_utf8_lossy(&request.body).into_owned());
}

/// What is set or matters most, in words of the settings.
fn rules_of(rules: &DestinationRules) -> BTreeMap<String, String> {
    let span = |span: Duration| Some(Span(span).to_string());
    let schedule = |schedule: &Schedule| match schedule {
        Schedule::Never => "never".to_owned(),
        Schedule::Waits(waits) => waits
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", "),
    };
    let all = [
        ("timeout_connect", span(rules.timeout_connect)),
        ("timeout_first_byte", span(rules.timeout_first_byte)),
        ("timeout_total", span(rules.timeout_total)),
        (
            "in_flight_max",
            rules.in_flight_max.map(|count| count.to_string()),
        ),
        ("rate", rules.rate_per_sec.map(|rate| format!("{rate}/s"))),
        ("success", success_of(rules)),
        ("retry.server", Some(schedule(&rules.retry.server))),
        ("retry.client", Some(schedule(&rules.retry.client))),
        (
            "retry.unrecorded",
            rules
                .recorded
                .as_ref()
                .map(|_| schedule(&rules.retry.unrecorded)),
        ),
        ("connect_to", rules.connect_to.clone()),
        (
            "ca_file",
            rules
                .ca_file
                .as_ref()
                .map(|path| path.display().to_string()),
        ),
        ("allow_cidrs", list(&rules.allow_cidrs)),
        // A proxy's URL may hold a password.
        (
            "proxy",
            rules.proxy.as_ref().map(delivery::destinations::authority),
        ),
    ];
    all.into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

fn success_of(rules: &DestinationRules) -> Option<String> {
    let statuses = list(&rules.success)?;
    Some(match &rules.recorded {
        Some(recorded) => format!("{statuses}; rules: {recorded}"),
        None => statuses,
    })
}

fn list<T: ToString>(all: &[T]) -> Option<String> {
    (!all.is_empty()).then(|| {
        all.iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    })
}
